//! The towers as inference and training run them on the CPU against the same towers in Burn's operations: the same parameters on
//! `Device::flex()`, on its autodiff device, and on one with gradient checkpointing, where Burn does everything.
//!
//! The tolerance is |a − b| ≤ 2e-5·(1 + |b|), a fifth of what METHOD §11 allows against Hugging Face, and all of that on AMX tiles.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use motionlens::model::config::TowerConfig;
use motionlens::model::dense::Reading;
use motionlens::model::{ClipConfig, Towers};
use proptest::prelude::*;

fn tolerance() -> f32 {
    if motionlens_encoder::tiles().is_some() { 1e-4 } else { 2e-5 }
}

/// Numbers between −1 and 1 that repeat nowhere near.
fn noise(count: usize, seed: f32) -> Vec<f32> {
    (0..count).map(|i| ((i as f32 * 0.618 + seed).sin() * 917.0).sin()).collect()
}

/// Moves every parameter a little, and to the device: norms and biases that start as ones and zeros would hide mistakes.
struct Jitter {
    seed: f32,
    device: Device,
}

impl ModuleMapper for Jitter {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.seed += 1.0;
        param.map(|tensor| {
            let shape = tensor.shape();
            let by = noise(shape.num_elements(), self.seed);
            let moved = numbers(tensor).into_iter().zip(by).map(|(x, by)| x + 0.02 * by).collect();
            Tensor::from_data(TensorData::new(moved, shape), &self.device).require_grad()
        })
    }
}

/// The same parameters on these devices.
fn towers_on<const N: usize>(config: &ClipConfig, devices: [&Device; N]) -> [Towers; N] {
    let towers = Towers::init(config, &Device::flex());
    devices.map(|device| towers.clone().map(&mut Jitter { seed: 0.0, device: device.clone() }))
}

/// Where Burn's own operations are used.
fn burn_itself() -> Device {
    Device::flex().autodiff().gradient_checkpointing()
}

/// The same towers for inference and in Burn's operations.
fn towers(config: &ClipConfig) -> (Towers, Towers) {
    let [tracked] = towers_on(config, [&burn_itself()]);
    (tracked.valid(), tracked)
}

fn tower(heads: usize, side: usize, layers: usize, mlp: usize) -> TowerConfig {
    TowerConfig { width: heads * side, layers, heads, mlp, layer_norm_eps: 1e-5 }
}

fn config(vision: TowerConfig, grid: usize, text: TowerConfig) -> ClipConfig {
    ClipConfig {
        vision,
        image_size: grid * 4,
        patch_size: 4,
        text,
        vocab: 50,
        context: 80,
        eos_token_id: 49,
        joint: 24,
    }
}

fn pixels(config: &ClipConfig, frames: usize, device: &Device) -> Tensor<4> {
    let shape = [frames, 3, config.image_size, config.image_size];
    Tensor::from_data(TensorData::new(noise(shape.iter().product(), 0.5), shape), device)
}

fn ids(lengths: &[usize]) -> Vec<Vec<u32>> {
    let text = |(i, length): (usize, &usize)| {
        let words = (1..*length).map(|w| ((w * 7 + i * 13) % 48) as u32);
        words.chain([49]).collect()
    };
    lengths.iter().enumerate().map(text).collect()
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

/// The largest |a − b| / (1 + |b|).
fn error<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let apart = numbers(a).into_iter().zip(numbers(b)).map(|(a, b)| (a - b).abs() / (1.0 + b.abs()));
    apart.fold(0.0, |most, e| if e.is_nan() { f32::INFINITY } else { most.max(e) })
}

/// Everything that is asked of the towers, both ways.
fn compare(config: &ClipConfig, frames: usize, lengths: &[usize]) -> f32 {
    let (plain, tracked) = towers(config);
    let (device, autodiff) = (Device::flex(), burn_itself());
    let inputs = || (pixels(config, frames, &device), pixels(config, frames, &autodiff));
    let (here, there) = inputs();
    let mut worst = error(plain.vision_model.forward(here), tracked.vision_model.forward(there));
    for layer in 1..=config.vision.layers {
        let (here, there) = inputs();
        let (a, b) =
            (plain.vision_model.tokens(here, Some(layer)), tracked.vision_model.tokens(there, Some(layer)));
        worst = worst.max(error(a, b));
    }
    let (here, there) = inputs();
    let readings = [Reading::CLIP, Reading::SHOWN];
    let read = (plain.vision_model.read(here, &readings), tracked.vision_model.read(there, &readings));
    for (a, b) in read.0.into_iter().zip(read.1) {
        worst = worst.max(error(a, b));
    }
    let texts = ids(lengths);
    worst.max(error(plain.text(&texts, config), tracked.text(&texts, config)))
}

#[test]
fn the_sizes_of_models_in_use_agree_with_burn() {
    let small = ClipConfig { eos_token_id: 49, ..ClipConfig::small(50) };
    // Three layers of twelve: with all of them most of the time goes to Burn's.
    let some = |tower: TowerConfig| TowerConfig { layers: 3, ..tower };
    let b16 = ClipConfig::vit_b16();
    let (vision, text) = (some(b16.vision.clone()), some(b16.text.clone()));
    let b32 = ClipConfig { vision, text, patch_size: 32, vocab: 50, eos_token_id: 49, ..b16 };
    for (name, config, lengths) in [("small", small, [1, 5, 20]), ("B/32", b32, [3, 10, 77])] {
        let e = compare(&config, 2, &lengths);
        println!("{name}: {e:e}");
        assert!(e < tolerance(), "{name}: {e}");
    }
}

#[test]
fn as_many_tokens_as_a_b16_has_agree_with_burn() {
    // 197 tokens in two layers, and heads of a width that lies across panels.
    for (heads, side) in [(3, 64), (2, 80), (5, 24)] {
        let e = compare(&config(tower(heads, side, 2, 300), 14, tower(heads, side, 2, 200)), 2, &[79, 2]);
        println!("{heads} heads of {side}: {e:e}");
        assert!(e < tolerance(), "{heads} heads of {side}: {e}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_shape_agrees_with_burn(
        (heads, side) in (1usize..5, 1usize..90),
        layers in 1usize..3,
        mlp in 1usize..300,
        grid in 1usize..9,
        frames in 1usize..4,
        lengths in prop::collection::vec(1usize..70, 1..4),
    ) {
        // LayerNorm of one number is its bias plus noise over noise.
        prop_assume!(heads * side > 3);
        let config = config(tower(heads, side, layers, mlp), grid, tower(heads, side, layers, mlp));
        let e = compare(&config, frames, &lengths);
        prop_assert!(e < tolerance(), "{}", e);
    }
}

/// The gradients of all parameters by name, and of the pixels last: of a weighted sum of all tokens and texts.
fn gradients(
    towers: &Towers,
    config: &ClipConfig,
    device: &Device,
    lengths: &[usize],
) -> Vec<(String, Vec<f32>)> {
    struct Collect<'a> {
        found: &'a GradientsParams,
        path: Vec<String>,
        all: Vec<(String, Vec<f32>)>,
    }
    impl ModuleVisitor for Collect<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.found.get::<D>(param.id).map(numbers).unwrap_or_default();
            self.all.push((self.path.join("."), gradient));
        }
    }
    let pixels = pixels(config, 2, device).require_grad();
    let weighted = |out: Tensor<2>| {
        let weights = TensorData::new(noise(out.shape().num_elements(), 2.5), out.shape());
        (out * Tensor::from_data(weights, device)).sum()
    };
    let tokens = towers.vision_model.tokens(pixels.clone(), Some(1));
    let [f, n, d] = tokens.dims();
    let loss = weighted(tokens.reshape([f * n, d])) + weighted(towers.text(&ids(lengths), config));
    let gradients = loss.backward();
    let of_pixels = numbers(pixels.grad(&gradients).unwrap());
    let found = GradientsParams::from_grads(gradients, towers);
    let mut collect = Collect { found: &found, path: Vec::new(), all: Vec::new() };
    towers.visit(&mut collect);
    collect.all.push(("pixels".into(), of_pixels));
    collect.all
}

#[test]
fn training_has_burns_gradients() {
    for (heads, side, mlp, grid) in [(4, 32, 512, 6), (3, 20, 90, 9), (1, 80, 64, 2)] {
        let config = config(tower(heads, side, 3, mlp), grid, tower(heads, side, 2, mlp));
        let lengths = [1, 9, 70];
        let devices = [&Device::flex().autodiff(), &burn_itself()];
        let [ours, burns] = towers_on(&config, devices);
        let a = gradients(&ours, &config, devices[0], &lengths);
        let b = gradients(&burns, &config, devices[1], &lengths);
        assert!(a.len() > 16 * 5);
        for ((name, a), (_, b)) in a.iter().zip(&b) {
            assert_eq!(a.len(), b.len(), "{name}");
            let size = b.iter().map(|v| v.abs()).fold(0.0, f32::max);
            let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // What is due to the bias of k is nothing, but for rounding.
            assert!(apart <= 1e-4 * (1e-2 + size), "{heads} heads of {side}, {name}: {apart} of {size}");
        }
    }
}

/// Runs it with so many threads.
fn with_threads<T: Send>(count: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap().install(run)
}

#[test]
fn neither_the_batch_nor_the_threads_change_a_bit() {
    let config = config(tower(3, 64, 2, 768), 9, tower(4, 32, 2, 512));
    let (plain, _) = towers(&config);
    let all = pixels(&config, 5, &Device::flex());
    let together = with_threads(1, || numbers(plain.vision_model.forward(all.clone())));
    for threads in [2, 3, 16] {
        let again = with_threads(threads, || numbers(plain.vision_model.forward(all.clone())));
        assert!(together == again, "{threads} threads give something else");
    }
    let each = (0..5).flat_map(|f| numbers(plain.vision_model.forward(all.clone().narrow(0, f, 1))));
    assert!(together == each.collect::<Vec<_>>(), "a frame alone gives something else");

    let texts = ids(&[9, 3, 30, 12]);
    let together = numbers(plain.text_model.forward(&texts, 49));
    let each = texts.iter().flat_map(|text| numbers(plain.text_model.forward(&[text], 49)));
    assert!(together == each.collect::<Vec<_>>(), "a text alone gives something else");
}

#[test]
fn what_is_no_number_stays_none() {
    let config = config(tower(2, 16, 2, 40), 3, tower(2, 16, 1, 40));
    let (plain, _) = towers(&config);
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut data = noise(2 * 3 * 12 * 12, 0.5);
        data[3 * 12 * 12] = odd;
        let input = Tensor::from_data(TensorData::new(data, [2, 3, 12, 12]), &Device::flex());
        let out = numbers(plain.vision_model.forward(input));
        let (first, second) = out.split_at(out.len() / 2);
        assert!(first.iter().all(|v| v.is_finite()), "{odd}: the other frame is hurt");
        assert!(second.iter().all(|v| v.is_nan()), "{odd}: passes for a number");
    }
}
