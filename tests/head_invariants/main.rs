//! METHOD §11, the rows about the motion head: what has to hold whatever the weights are.

mod gradients;
mod support;
mod surgery;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use motionlens::model::head::{HeadConfig, MotionHead};
use motionlens::model::mab::{Mab, MabConfig, unit, without_component};
use motionlens::model::msm::{Msm, MsmConfig};
use support::{Noise, distance, largest, randomised, values};

const B: usize = 2;
const T: usize = 8;
const TOKENS: usize = 5;
const D: usize = 16;
const E: usize = 12;

fn device() -> Device {
    Device::flex()
}

fn config() -> HeadConfig {
    HeadConfig { bottleneck: 6, msm_bottleneck: 7, ..HeadConfig::new(D, E, 4) }
}

fn projection(device: &Device) -> Linear {
    device.seed(3);
    LinearConfig::new(D, E).with_bias(false).init(device)
}

fn clip(frames: usize, seed: u64) -> Tensor<4> {
    Noise::new(seed).tensor([B, frames, TOKENS, D], &device()) * 2.0
}

fn msm(fixed: bool) -> Msm {
    MsmConfig { width: D, bottleneck: 7, levels: 3, fixed }.init(&device())
}

fn head(seed: u64) -> MotionHead {
    randomised(config().init(&device()), seed)
}

#[test]
fn a_clip_frozen_in_time_has_no_motion_for_any_weights() {
    for seed in 0..5 {
        for frames in [T, 2 * T] {
            let frozen = clip(1, 40 + seed).repeat_dim(1, frames);
            for (level, d) in head(seed).separate(frozen.clone()).details.into_iter().enumerate() {
                assert_eq!(largest(d), 0.0, "seed {seed}, level {}", level + 1);
            }
        }
    }
}

#[test]
fn a_clip_that_moves_has_motion() {
    // Guards the test above against a transform that gives zero for everything.
    for d in head(1).separate(clip(T, 2)).details {
        assert!(largest(d) > 0.1);
    }
}

#[test]
fn untrained_is_haar() {
    let x = clip(T, 5);
    let out = msm(false).forward(x.clone());
    assert!(distance(out.approximation(), x.clone().mean_dim(1)) < 1e-6);
    let even = x.clone().narrow(1, 0, 1);
    let odd = x.clone().narrow(1, 1, 1);
    assert_eq!(distance(out.details[0].clone().narrow(1, 0, 1), odd - even), 0.0);
    // Level 3 is the second half's mean minus the first half's.
    let halves = x.clone().narrow(1, 4, 4).mean_dim(1) - x.clone().narrow(1, 0, 4).mean_dim(1);
    assert!(distance(out.details[2].clone(), halves) < 1e-6);
    // The fixed transform is the same one.
    let fixed = msm(true).forward(x);
    for (a, b) in out.details.into_iter().zip(fixed.details) {
        assert_eq!(distance(a, b), 0.0);
    }
}

#[test]
fn haar_details_change_sign_when_time_runs_backwards() {
    let x = clip(T, 6);
    let forward = msm(true).forward(x.clone());
    let backward = msm(true).forward(x.flip([1]));
    for (f, b) in forward.details.into_iter().zip(backward.details) {
        assert!(distance(f, -b.flip([1])) < 1e-6);
    }
}

#[test]
fn the_transform_is_undone_for_any_weights() {
    for seed in 0..5 {
        for frames in [T, 2 * T] {
            let msm = randomised(msm(false), seed);
            let x = clip(frames, 70 + seed);
            let out = msm.forward(x.clone());
            let back = msm.inverse(out.approximation(), &out.details);
            assert!(distance(back, x.clone()) / largest(x) < 1e-5, "seed {seed}, {frames} frames");
        }
    }
}

#[test]
fn static_and_motion_stream_add_up() {
    let head = head(8);
    let streams = head.separate(clip(2 * T, 9));
    let x = streams.approximations[0].clone();
    let still = head.static_stream(&streams);
    let motion = x.clone() - still.clone();
    assert!(distance(still + motion, x) < 1e-6);

    let x = clip(T, 10);
    let haar = msm(true);
    let still = haar.static_stream(haar.forward(x.clone()).approximation());
    assert!(
        distance(still, x.mean_dim(1).repeat_dim(1, T)) < 1e-6,
        "the Haar static stream is the block mean"
    );
}

#[test]
fn the_adapter_turns_tokens_and_keeps_their_length() {
    let x = clip(T, 7);
    let length = |x: Tensor<4>| x.square().sum_dim(3).sqrt();
    let untrained = config().init(&device()).separate(x.clone()).approximations.remove(0);
    assert_eq!(values(untrained), values(x.clone()), "untrained it is the identity, bit for bit");
    let turned = head(8).separate(x.clone()).approximations.remove(0);
    assert!(distance(turned.clone(), x.clone()) > 0.1);
    assert!(distance(length(turned), length(x)) < 1e-5);
    // A token of nothing but zeros has no direction; the gradients are tested elsewhere.
    let nothing = head(8).separate(clip(T, 7) * 0.0).approximations.remove(0);
    assert!(largest(nothing) < 1e-5);
}

fn mab(gated: bool) -> Mab {
    MabConfig { width: D, heads: 4, gated }.init(&device())
}

#[test]
fn an_untrained_block_changes_nothing() {
    let mut noise = Noise::new(11);
    let motion = noise.tensor([B, 7, TOKENS, D], &device());
    let still = noise.tensor([B, TOKENS, D], &device());
    let along = unit(still.clone()).unsqueeze_dim(1);
    let out = mab(true).forward(motion.clone(), still, along);
    assert_eq!(values(out.motion), values(motion));
    assert!(values(out.gates).iter().all(|g| *g == 0.5));
}

#[test]
fn what_is_taken_has_no_component_along_the_static_token() {
    for seed in 0..5 {
        let mut noise = Noise::new(20 + seed);
        let block = randomised(mab(true), seed);
        let motion = noise.tensor([B, 7, TOKENS, D], &device());
        let still = noise.tensor([B, TOKENS, D], &device());
        let along: Tensor<4> = unit(still.clone()).unsqueeze_dim(1);
        let (delta, _) = block.take(motion, still);
        let size = delta.clone().square().sum_dim(3).sqrt();
        assert!(largest(size.clone()) > 0.1, "nothing was taken");
        let rest = without_component(delta, along.clone());
        assert!(largest((rest * along).sum_dim(3) / size) <= 1e-5);
    }
}

#[test]
fn gates_lie_between_zero_and_one_and_attention_rows_sum_to_one() {
    let head = head(12);
    let x = clip(2 * T, 13) * 3.0;
    let out = head.forward(x.clone(), &projection(&device()));
    assert_eq!(out.gates.len(), 2);
    for gates in out.gates {
        assert_eq!(gates.dims(), [B, 4, 14, TOKENS]);
        let gates = values(gates);
        assert!(gates.iter().all(|g| 0.0 < *g && *g < 1.0));
        assert!(gates.iter().any(|g| (g - 0.5).abs() > 0.05), "the gates do not depend on anything");
    }
    for rows in head.attention_rows(x, 9, 3) {
        assert_eq!(rows.dims(), [B, 4, 2 * TOKENS]);
        assert!(values(rows.sum_dim(2)).iter().all(|s| (s - 1.0).abs() < 1e-5));
    }
    let sums = out.pool.expect("a motion path").sum_dim(2).sum_dim(1);
    assert!(values(sums).iter().all(|s| (s - 1.0).abs() < 1e-5));
}

#[test]
fn without_the_gate_everything_passes() {
    let config = HeadConfig { gate: false, ..config() };
    let head = randomised(config.init(&device()), 14);
    let out = head.forward(clip(T, 15), &projection(&device()));
    assert!(out.gates.into_iter().flat_map(values).all(|g| g == 1.0));
}

#[test]
fn the_untrained_head_is_plain_clip_with_mean_pooling() {
    let visual_projection = projection(&device());
    let x = clip(T, 16);
    let out = config().init(&device()).forward(x.clone(), &visual_projection);
    assert!(values(out.v_m).iter().all(|v| v.to_bits() << 1 == 0), "W_m is zero");
    let frames = visual_projection.forward(x.narrow(2, 0, 1).reshape([B, T, D]));
    let vanilla = unit(frames.mean_dim(1).reshape([B, E]));
    assert!(distance(out.embedding, vanilla) < 1e-5);
}

#[test]
fn the_embedding_has_unit_norm_and_depends_on_the_order_of_frames() {
    let head = head(17);
    let visual_projection = projection(&device());
    let x = clip(T, 18);
    let f = head.forward(x.clone(), &visual_projection).embedding;
    let norm = f.clone().square().sum_dim(1);
    assert!(values(norm).iter().all(|n| (n - 1.0).abs() < 1e-5));
    let backwards = head.forward(x.flip([1]), &visual_projection).embedding;
    assert!(distance(f, backwards) > 1e-3);
}

#[test]
fn every_ablation_runs() {
    let full = config();
    let variants = [
        HeadConfig { msm: false, ..full.clone() },
        HeadConfig { mab: false, ..full.clone() },
        HeadConfig { gate: false, ..full.clone() },
        HeadConfig { fixed_haar: true, ..full },
    ];
    for config in variants {
        let head = randomised(config.init(&device()), 19);
        let out = head.forward(clip(T, 20), &projection(&device()));
        assert_eq!(out.pool.is_some(), config.msm);
        assert_eq!(out.gates.len(), if config.msm && config.mab { 2 } else { 0 });
        assert!(values(out.decoupling_loss()).iter().all(|v| v.is_finite()));
    }
}

#[test]
fn the_regularisers_are_what_their_formulas_say() {
    let out = msm(true).forward(clip(T, 21));
    let huber = |d: f32| if d.abs() <= 1.0 { 0.5 * d * d } else { d.abs() - 0.5 };
    let naive: f32 = out
        .details
        .iter()
        .map(|d| {
            let d = values(d.clone());
            d.iter().map(|v| huber(*v)).sum::<f32>() / d.len() as f32
        })
        .sum::<f32>()
        / 3.0;
    assert!((values(out.detail_loss())[0] - naive).abs() < 1e-5);
    assert!(values(out.mean_loss())[0] < 1e-12, "Haar keeps the mean");
    let learned = randomised(msm(false), 22).forward(clip(T, 21));
    assert!(values(learned.mean_loss())[0] > 1e-4);
}

#[test]
fn cpu_and_gpu_agree() {
    let gpu = match motionlens::device::open(motionlens::device::DeviceChoice::Gpu, None) {
        Ok((gpu, info)) => {
            eprintln!("comparing with {}", info.name);
            gpu
        }
        Err(e) => return eprintln!("skipped, no wgpu adapter at all: {e}"),
    };
    let head = head(29);
    let visual_projection = projection(&device());
    let x = clip(2 * T, 31);
    let here = head.forward(x.clone(), &visual_projection);
    let there = head.clone().to_device(&gpu);
    let x = Tensor::from_data(x.into_data(), &gpu);
    let out = there.forward(x, &visual_projection.to_device(&gpu));
    let close = |a: Vec<f32>, b: Vec<f32>, what: &str| {
        let worst = a.iter().zip(&b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(a.len() == b.len() && worst < 1e-3, "{what} differs by {worst}");
    };
    let still = |head: &MotionHead, streams| values(head.static_stream(streams));
    close(still(&head, &here.streams), still(&there, &out.streams), "static stream");
    close(values(here.embedding), values(out.embedding), "embedding");
    for (a, b) in here.gates.into_iter().zip(out.gates) {
        close(values(a), values(b), "gates");
    }
    for (a, b) in here.streams.details.into_iter().zip(out.streams.details) {
        close(values(a), values(b), "details");
    }
    close(values(here.pool.unwrap()), values(out.pool.unwrap()), "pool weights");
}

#[test]
fn pooling_by_energy_lies_where_something_moves_and_leaves_an_untrained_head_clip() {
    let (device, still) = (device(), clip(1, 7).repeat_dim(1, T));
    let head = HeadConfig { energy_pool: true, ..config() }.init(&device);
    let projection = projection(&device);
    let moving = Noise::new(8).tensor([B, T, 1, D], &device);
    let parts = vec![still.clone().narrow(2, 0, 2), moving, still.clone().narrow(2, 3, TOKENS - 3)];
    let x = Tensor::cat(parts, 2);
    let weights = |x: Tensor<4>| head.forward(x, &projection).pool.unwrap();
    let on_the_mover = values(weights(x.clone()).narrow(2, 2, 1).sum_dim(1));
    assert!(on_the_mover.iter().all(|w| *w > 0.8), "{on_the_mover:?}");
    let uniform = values(weights(still));
    let each = B as f32 / uniform.len() as f32;
    assert!(uniform.iter().all(|w| (w - each).abs() < 1e-6), "nothing moves, so all weigh the same");
    let plain = config().init(&device).forward(x.clone(), &projection).embedding;
    assert_eq!(distance(head.forward(x, &projection).embedding, plain), 0.0);
}
