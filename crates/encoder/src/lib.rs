//! Pre-norm transformer layers with quick-GELU, as both towers of a CLIP have them, on the CPU, and their gradients: few passes over
//! memory, every core, vectors as wide as the processor's. One product makes q, k and v, a batch is one matrix, quick-GELU and the
//! residual sum are done on the way, exp is a polynomial in registers, and buffers serve all layers.
//!
//! A row's numbers depend neither on what else is in the batch nor on the number of threads.

mod attention;
mod gradient;
mod panels;
mod pointwise;
mod processor;
mod product;
#[cfg(target_arch = "x86_64")]
mod tiles;

pub use gradient::{LayerGradient, NormGradient, WeightGradient, gradient};
pub use pointwise::Norm;
pub use product::Weights;

use attention::Attention;
use panels::{Rows, W, from_rows, padded, panels};
use pointwise::quick_gelu;
use processor::Processor;
use product::{SMALL, product};
use rayon::prelude::*;

/// One layer's parameters, read where they lie:
/// `x += out·softmax(q·kᵀ / √dh)·v of norm1(x)`, then `x += fc2·quick_gelu(fc1·norm2(x))`.
pub struct Layer<'a> {
    /// Of q, k and v (D to D).
    pub qkv: [Weights<'a>; 3],
    /// (D to D)
    pub out: Weights<'a>,
    /// (D to M)
    pub fc1: Weights<'a>,
    /// (M to D)
    pub fc2: Weights<'a>,
    /// Before the attention and before the MLP.
    pub norms: [Norm<'a>; 2],
    /// Heads, which divide D.
    pub heads: usize,
}

/// What goes through the layers.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// (items, tokens, D), row by row.
    pub numbers: &'a [f32],
    pub tokens: usize,
    /// D
    pub width: usize,
}

/// What is multiplied of every f32 where products are made on tiles, which know bf16 alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Two bf16, which hold 16 of its 24 bits.
    Split,
    /// One bf16, which holds 8.
    Bf16,
}

/// How layers that are not causal are multiplied on the processor's tiles (AMX), where it has them: with `MOTIONLENS_AMX=off` in the
/// environment not at all, with `MOTIONLENS_AMX=bf16` in one bf16. Gradients never are.
pub fn tiles() -> Option<Precision> {
    #[cfg(target_arch = "x86_64")]
    return tiles::Tiles::try_new().map(|tiles| tiles.precision);
    #[cfg(not(target_arch = "x86_64"))]
    None
}

/// The batch through the layers, in its shape; with `causal` a token sees itself and those before it in its item alone.
///
/// # Panics
/// The sizes do not fit together.
pub fn run(layers: &[Layer], batch: Batch, causal: bool) -> Vec<f32> {
    // Reading the weights is most of the work of a text: tiles would have to split them too.
    let processor = if causal { Processor::vectors() } else { Processor::new() };
    let run = |numbers| run_on(processor, layers, Batch { numbers, ..batch }, causal);
    if batch.numbers.len() * batch.width < SMALL {
        return run(batch.numbers);
    }
    let threads = rayon::current_num_threads();
    let parts =
        if layers.iter().all(Layer::is_small) { batch.rows().div_ceil(threads * ROWS) * threads } else { 1 };
    let size = batch.part(parts);
    // What is shared out from outside the pool waits each time for one of its threads to wake.
    rayon::scope(|_| match size < batch.numbers.len() {
        true => batch.numbers.par_chunks(size).flat_map_iter(run).collect(),
        false => run(batch.numbers),
    })
}

/// Rows that go through small layers together on one core: they and what is made of them stay in its cache, and cores wait for each
/// other once instead of at every product.
const ROWS: usize = 512;

impl Layer<'_> {
    /// Its weights fit into a core's cache, so that every core may read all of them.
    fn is_small(&self) -> bool {
        let [width, inner] = [self.out.inputs, self.fc1.outputs];
        size_of::<f32>() * width * (4 * width + 2 * inner) <= 1 << 20
    }
}

impl Batch<'_> {
    fn rows(&self) -> usize {
        self.numbers.len() / self.width.max(1)
    }

    /// The numbers of a part where so many parts are wanted, whole items and at least one.
    fn part(&self, parts: usize) -> usize {
        let item = self.tokens * self.width;
        (self.numbers.len() / item.max(1)).div_ceil(parts).max(1) * item
    }
}

fn run_on(processor: Processor, layers: &[Layer], batch: Batch, causal: bool) -> Vec<f32> {
    let Batch { numbers, tokens, width } = batch;
    if numbers.is_empty() {
        return Vec::new();
    }
    let rows = numbers.len() / width;
    assert_eq!((rows * width, rows % tokens), (numbers.len(), 0), "a batch is whole items of whole rows");
    let height = padded(rows);
    let size = panels(width) * height;
    let widest = layers.iter().map(|l| panels(l.fc1.outputs)).max().unwrap_or(0);
    let zeros = Rows::zeros;
    // The stream of tokens, what is to be added to it next, and what goes into a product and comes out.
    let (mut x, mut y, mut h) = (from_rows(numbers, width), zeros(size), zeros(size));
    let mut wide = zeros((widest * height).max(3 * size));
    for layer in layers {
        layer.norms[0].of_sum(processor, &mut x, &y, height, &mut h);
        processor.operand(&mut h);
        let qkv = &mut wide[..3 * size];
        product(processor, &h, height, &layer.qkv, qkv, |_| ());
        let attention = Attention { batch: rows / tokens, tokens, width, heads: layer.heads, causal };
        attention.run(processor, qkv, height, &mut h);
        processor.operand(&mut h);
        product(processor, &h, height, &[layer.out], &mut y, |_| ());
        layer.norms[1].of_sum(processor, &mut x, &y, height, &mut h);
        processor.operand(&mut h);
        let inner = &mut wide[..panels(layer.fc1.outputs) * height];
        product(processor, &h, height, &[layer.fc1], inner, |rows| {
            quick_gelu(processor, rows);
            processor.operand(rows);
        });
        product(processor, inner, height, &[layer.fc2], &mut y, |_| ());
    }
    let mut out = vec![0.0; rows * width];
    for (row, out) in out.chunks_exact_mut(width).enumerate() {
        for (p, out) in out.chunks_mut(W).enumerate() {
            let at = p * height + row;
            out.iter_mut().zip(x[at].iter().zip(&y[at])).for_each(|(out, (x, y))| *out = x + y);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What this processor has without tiles, down to no vectors at all.
    pub fn processors() -> Vec<Processor> {
        let mut all = vec![Processor::vectors(), Processor::Other(pulp::Arch::Scalar)];
        #[cfg(target_arch = "x86_64")]
        all.extend(pulp::x86::V3::try_new().map(Processor::Avx2));
        all
    }

    /// How far a processor's numbers may be from the formula's: [`processors`], and this one's tiles where it has them.
    pub fn tolerances() -> Vec<(Processor, f64)> {
        let vectors = processors().into_iter().map(|p| (p, 2e-5));
        #[cfg(target_arch = "x86_64")]
        let vectors = vectors.chain(tiles::Tiles::try_new().into_iter().flat_map(|tiles| {
            let of = |(precision, far)| (Processor::Tiles(tiles::Tiles { precision, ..tiles }), far);
            [(Precision::Split, 1e-4), (Precision::Bf16, 3e-2)].map(of)
        }));
        vectors.collect()
    }

    /// Numbers between −1 and 1 that repeat nowhere near.
    pub fn noise(count: usize, seed: f32) -> Vec<f32> {
        (0..count).map(|i| ((i as f32 * 0.618 + seed).sin() * 917.0).sin()).collect()
    }

    /// Parameters of a layer of width D and inner width M.
    struct Parameters {
        weights: [Vec<f32>; 6],
        biases: [Vec<f32>; 6],
        norms: [[Vec<f32>; 2]; 2],
        sizes: [(usize, usize); 6],
    }

    impl Parameters {
        fn new(width: usize, inner: usize, seed: f32) -> Self {
            let square = (width, width);
            let sizes = [square, square, square, square, (width, inner), (inner, width)];
            let scaled = |count, seed, by: f32| noise(count, seed).iter().map(|x| x * by).collect();
            let weights = sizes.map(|(i, o)| scaled(i * o, seed + (i + o) as f32, (i as f32).sqrt().recip()));
            let norm = |at: f32| [noise(width, at), noise(width, at + 0.5)];
            let biases = sizes.map(|(i, o)| noise(o, seed + i as f32));
            Self { weights, biases, norms: [norm(seed + 1.0), norm(seed + 2.0)], sizes }
        }

        fn layer(&self, heads: usize) -> Layer<'_> {
            let weights = |i: usize| Weights {
                data: &self.weights[i],
                inputs: self.sizes[i].0,
                outputs: self.sizes[i].1,
                strides: (self.sizes[i].1, 1),
                bias: Some(&self.biases[i]),
            };
            let norm = |i: usize| {
                let [gamma, beta] = &self.norms[i];
                Norm { gamma, beta: Some(beta), epsilon: 1e-5 }
            };
            Layer {
                qkv: [weights(0), weights(1), weights(2)],
                out: weights(3),
                fc1: weights(4),
                fc2: weights(5),
                norms: [norm(0), norm(1)],
                heads,
            }
        }
    }

    fn times(x: &[f64], weights: &Weights) -> Vec<f64> {
        let row = |x: &[f64]| -> Vec<f64> {
            let weight = |i: usize, o: usize| f64::from(weights.data[i * weights.outputs + o]);
            let column = |o: usize| x.iter().enumerate().map(|(i, x)| x * weight(i, o)).sum::<f64>();
            (0..weights.outputs).map(|o| column(o) + weights.bias.map_or(0.0, |b| f64::from(b[o]))).collect()
        };
        x.chunks(weights.inputs).flat_map(row).collect()
    }

    fn normed(x: &[f64], norm: &Norm) -> Vec<f64> {
        let row = |x: &[f64]| -> Vec<f64> {
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
            let unit = |x: &f64| (x - mean) / (variance + f64::from(norm.epsilon)).sqrt();
            let scaled = x.iter().map(unit).zip(norm.gamma).map(|(x, g)| x * f64::from(*g));
            scaled.zip(norm.beta.unwrap()).map(|(x, b)| x + f64::from(*b)).collect()
        };
        x.chunks(norm.gamma.len()).flat_map(row).collect()
    }

    fn add(x: &mut [f64], y: &[f64]) {
        x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
    }

    /// The formulas of [`Layer`], number by number in double precision.
    fn plainly(layer: &Layer, x: &mut [f64], (tokens, width): (usize, usize), causal: bool) {
        let h = normed(x, &layer.norms[0]);
        let [q, k, v] = layer.qkv.each_ref().map(|w| times(&h, w));
        let side = width / layer.heads;
        let mut answers = vec![0.0; x.len()];
        for (at, answer) in answers.chunks_mut(side).enumerate() {
            let (row, head) = (at / layer.heads, at % layer.heads);
            let first = row / tokens * tokens;
            let part = |x: &[f64], row: usize| x[row * width + head * side..][..side].to_vec();
            let seen: Vec<usize> = (first..if causal { row + 1 } else { first + tokens }).collect();
            let dot = |other: usize| {
                part(&q, row).iter().zip(part(&k, other)).map(|(a, b)| a * b).sum::<f64>()
                    / (side as f64).sqrt()
            };
            let weights: Vec<f64> = seen.iter().map(|other| dot(*other).exp()).collect();
            let total: f64 = weights.iter().sum();
            for (other, weight) in seen.iter().zip(weights) {
                answer.iter_mut().zip(part(&v, *other)).for_each(|(a, v)| *a += weight / total * v);
            }
        }
        add(x, &times(&answers, &layer.out));
        let mut inner = times(&normed(x, &layer.norms[1]), &layer.fc1);
        inner.iter_mut().for_each(|x| *x /= 1.0 + (-1.702 * *x).exp());
        add(x, &times(&inner, &layer.fc2));
    }

    #[test]
    fn layers_are_their_formulas_on_every_processor() {
        // Heads that divide a panel, that fill it, that lie across two, and that are wider than one.
        for (heads, side, inner, tokens, items) in
            [(4, 16, 100, 7, 3), (2, 64, 256, 130, 2), (5, 24, 65, 50, 1), (2, 80, 64, 9, 2), (1, 1, 1, 1, 1)]
        {
            let width = heads * side;
            let parameters = [1.0, 2.0].map(|seed| Parameters::new(width, inner, seed));
            let layers = parameters.each_ref().map(|p| p.layer(heads));
            let numbers = noise(items * tokens * width, 9.0);
            for causal in [false, true] {
                let mut want: Vec<f64> = numbers.iter().map(|x| f64::from(*x)).collect();
                layers.iter().for_each(|layer| plainly(layer, &mut want, (tokens, width), causal));
                for (processor, tolerance) in tolerances() {
                    let got = run_on(processor, &layers, Batch { numbers: &numbers, tokens, width }, causal);
                    assert_eq!(got.len(), want.len());
                    for (got, want) in got.iter().zip(&want) {
                        let close = (f64::from(*got) - want).abs() < tolerance * (1.0 + want.abs());
                        assert!(close, "{processor:?}, {heads} heads of {side}: {got} for {want}");
                    }
                }
            }
        }
    }

    /// d/dε of Σ upstream·layer(x with ε added to number `at` of what `change` gives), by differences in double precision.
    fn slope(upstream: &[f32], mut of: impl FnMut(f64) -> Vec<f64>) -> f64 {
        const STEP: f64 = 1e-4;
        let [up, down] = [STEP, -STEP]
            .map(|step| of(step).iter().zip(upstream).map(|(x, u)| x * f64::from(*u)).sum::<f64>());
        (up - down) / (2.0 * STEP)
    }

    #[test]
    fn gradients_are_the_slopes_of_the_formulas_on_every_processor() {
        for (heads, side, inner, tokens, items) in
            [(4, 16, 100, 7, 3), (2, 40, 70, 9, 2), (1, 80, 64, 70, 1), (1, 1, 1, 1, 1)]
        {
            let width = heads * side;
            let mut parameters = Parameters::new(width, inner, 3.0);
            let mut numbers = noise(items * tokens * width, 9.0);
            let upstream = noise(items * tokens * width, 4.0);
            for causal in [false, true] {
                let batch = Batch { numbers: &numbers, tokens, width };
                let all: Vec<LayerGradient> = processors()
                    .into_iter()
                    .map(|p| gradient::gradient_on(p, &parameters.layer(heads), batch, causal, &upstream))
                    .collect();
                let check = |what: &str, want: f64, got: &dyn Fn(&LayerGradient) -> f32| {
                    for gradient in &all {
                        let got = f64::from(got(gradient));
                        assert!(
                            (got - want).abs() < 2e-4 * (1.0 + want.abs()),
                            "{what}: {got} for {want}, {heads} heads of {side}"
                        );
                    }
                };
                let plain = |parameters: &Parameters, numbers: &[f32]| {
                    let mut x: Vec<f64> = numbers.iter().map(|x| f64::from(*x)).collect();
                    plainly(&parameters.layer(heads), &mut x, (tokens, width), causal);
                    x
                };
                for at in (0..numbers.len()).step_by(numbers.len().div_ceil(5)) {
                    let old = numbers[at];
                    let want = slope(&upstream, |step| {
                        numbers[at] = (f64::from(old) + step) as f32;
                        plain(&parameters, &numbers)
                    });
                    numbers[at] = old;
                    check("input", want, &|g| g.input[at]);
                }
                for i in 0..6 {
                    for at in
                        (0..parameters.weights[i].len()).step_by(parameters.weights[i].len().div_ceil(4))
                    {
                        let old = parameters.weights[i][at];
                        let want = slope(&upstream, |step| {
                            parameters.weights[i][at] = (f64::from(old) + step) as f32;
                            plain(&parameters, &numbers)
                        });
                        parameters.weights[i][at] = old;
                        check(&format!("weight {i}"), want, &|g| linear(g, i).weight[at]);
                    }
                    let at = parameters.biases[i].len() / 2;
                    let old = parameters.biases[i][at];
                    let want = slope(&upstream, |step| {
                        parameters.biases[i][at] = (f64::from(old) + step) as f32;
                        plain(&parameters, &numbers)
                    });
                    parameters.biases[i][at] = old;
                    check(&format!("bias {i}"), want, &|g| linear(g, i).bias[at]);
                }
                for i in 0..4 {
                    let at = width / 3;
                    let old = parameters.norms[i / 2][i % 2][at];
                    let want = slope(&upstream, |step| {
                        parameters.norms[i / 2][i % 2][at] = (f64::from(old) + step) as f32;
                        plain(&parameters, &numbers)
                    });
                    parameters.norms[i / 2][i % 2][at] = old;
                    check(&format!("norm {i}"), want, &|g| {
                        let norm = &g.norms[i / 2];
                        [&norm.gamma, &norm.beta][i % 2][at]
                    });
                }
            }
        }
    }

    #[test]
    fn a_batch_in_parts_is_the_whole_on_any_number_of_cores() {
        let (width, tokens, items) = (16, 300, 7);
        let parameters = Parameters::new(width, 32, 1.0);
        let layer = parameters.layer(2);
        let (numbers, upstream) = (noise(items * tokens * width, 9.0), noise(items * tokens * width, 4.0));
        let batch = Batch { numbers: &numbers, tokens, width };
        assert!(layer.is_small() && batch.rows() > 4 * ROWS);
        let processor = Processor::vectors();
        let whole = gradient::gradient_on(processor, &layer, batch, false, &upstream);
        let all = |g: &LayerGradient| -> Vec<f32> {
            let norms = g.norms.iter().flat_map(|n| [&n.gamma, &n.beta]).flatten();
            let linear = (0..6).flat_map(|i| linear(g, i).weight.iter().chain(&linear(g, i).bias));
            g.input.iter().chain(norms).chain(linear).copied().collect()
        };
        let of = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let layers = std::slice::from_ref(&layer);
                (run(layers, batch, false), all(&gradient(&layer, batch, false, &upstream)))
            })
        };
        let (on_one, on_three) = (of(1), of(3));
        assert!(on_one == on_three, "the number of cores is nothing to the numbers");
        assert_eq!(on_one.0, run_on(Processor::new(), std::slice::from_ref(&layer), batch, false));
        let largest = on_one.1.iter().fold(0.0f32, |m, g| m.max(g.abs()));
        for (got, want) in on_one.1.iter().zip(all(&whole)) {
            assert!((got - want).abs() < 1e-5 * largest, "{got} for {want}, {largest} at most");
        }
    }

    fn linear(g: &LayerGradient, i: usize) -> &WeightGradient {
        [&g.qkv[0], &g.qkv[1], &g.qkv[2], &g.out, &g.fc1, &g.fc2][i]
    }
}
