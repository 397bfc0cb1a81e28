//! The gradients of a layer: for training, with the kernels of inference. What the forward pass made is made again, which costs less
//! than keeping it: a layer then remembers its input alone.

use crate::attention::Attention;
use crate::panels::{Row, Rows, from_rows, into_rows, padded, panels};
use crate::pointwise::{gelu_gradient, quick_gelu, sum_into};
use crate::processor::Processor;
use crate::product::{Weights, outer, product};
use crate::{Batch, Layer, ROWS};
use rayon::prelude::*;

/// Of a product's weights, (inputs, outputs) row by row, and of its bias.
pub struct WeightGradient {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// Of a LayerNorm.
pub struct NormGradient {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
}

/// The gradients of everything in a [`Layer`], under the same names, and of what goes into it.
pub struct LayerGradient {
    /// In the shape of the batch.
    pub input: Vec<f32>,
    pub qkv: [WeightGradient; 3],
    pub out: WeightGradient,
    pub fc1: WeightGradient,
    pub fc2: WeightGradient,
    pub norms: [NormGradient; 2],
}

/// The gradients where those of what comes out of the layer are `upstream`, in the shape of the batch.
///
/// # Panics
/// The sizes do not fit together.
pub fn gradient(layer: &Layer, batch: Batch, causal: bool, upstream: &[f32]) -> LayerGradient {
    // Of the whole: parts of unlike lengths would be paired as far as the shorter goes.
    assert_eq!(upstream.len(), batch.numbers.len(), "what comes out has the shape of what goes in");
    let of = |numbers, upstream| {
        gradient_on(Processor::vectors(), layer, Batch { numbers, ..batch }, causal, upstream)
    };
    // The parts depend on sizes alone, so that a sum is the same to the bit on any number of cores.
    let parts = if layer.is_small() { 1 << (batch.rows() / ROWS).max(2).ilog2() } else { 1 };
    let size = batch.part(parts);
    if size >= batch.numbers.len() {
        return of(batch.numbers, upstream);
    }
    let pairs = batch.numbers.par_chunks(size).zip(upstream.par_chunks(size));
    let parts: Vec<LayerGradient> = pairs.map(|(numbers, upstream)| of(numbers, upstream)).collect();
    parts.into_iter().reduce(LayerGradient::and).unwrap_or_else(|| of(&[], &[]))
}

impl LayerGradient {
    /// Of this part of a batch and of the one after it.
    fn and(mut self, mut next: Self) -> Self {
        self.input.append(&mut next.input);
        let add = |all: &mut [f32], more: &[f32]| all.iter_mut().zip(more).for_each(|(a, b)| *a += b);
        let linear = |all: &mut WeightGradient, more: &WeightGradient| {
            add(&mut all.weight, &more.weight);
            add(&mut all.bias, &more.bias);
        };
        self.qkv.iter_mut().zip(&next.qkv).for_each(|(all, more)| linear(all, more));
        linear(&mut self.out, &next.out);
        linear(&mut self.fc1, &next.fc1);
        linear(&mut self.fc2, &next.fc2);
        for (all, more) in self.norms.iter_mut().zip(&next.norms) {
            add(&mut all.gamma, &more.gamma);
            add(&mut all.beta, &more.beta);
        }
        self
    }
}

pub(crate) fn gradient_on(
    processor: Processor,
    layer: &Layer,
    batch: Batch,
    causal: bool,
    upstream: &[f32],
) -> LayerGradient {
    let Batch { numbers, tokens, width } = batch;
    let rows = numbers.len() / width;
    assert_eq!((rows * width, rows % tokens), (numbers.len(), 0), "a batch is whole items of whole rows");
    let height = padded(rows);
    let size = panels(width) * height;
    let inner = panels(layer.fc1.outputs) * height;
    let zeros = Rows::zeros;
    let (mut y, mut spare) = (zeros(size), zeros(size));

    // Forwards, keeping everything.
    let mut x = from_rows(numbers, width);
    let mut normed = [zeros(size), zeros(size)];
    layer.norms[0].of_sum(processor, &mut x, &y, height, &mut normed[0]);
    let mut qkv = zeros(3 * size);
    product(processor, &normed[0], height, &layer.qkv, &mut qkv, |_| ());
    let attention = Attention { batch: rows / tokens, tokens, width, heads: layer.heads, causal };
    let mut answers = zeros(size);
    attention.run(processor, &qkv, height, &mut answers);
    product(processor, &answers, height, &[layer.out], &mut y, |_| ());
    let mut middle = x.clone();
    layer.norms[1].of_sum(processor, &mut middle, &y, height, &mut normed[1]);
    let mut before = zeros(inner);
    product(processor, &normed[1], height, &[layer.fc1], &mut before, |_| ());
    let mut after = before.clone();
    quick_gelu(processor, &mut after);

    // And back.
    let mut upstream = from_rows(upstream, width);
    let of = |a: &[Row], gradient: &[Row], weights: &Weights| {
        let (weight, bias) = outer(processor, a, gradient, (height, rows), (weights.inputs, weights.outputs));
        WeightGradient { weight, bias }
    };
    let back = |gradient: &[Row], weights: &Weights, out: &mut [Row]| {
        product(processor, gradient, height, &[weights.turned()], out, |_| ());
    };
    let fc2 = of(&after, &upstream, &layer.fc2);
    back(&upstream, &layer.fc2, &mut after);
    gelu_gradient(processor, &before, &mut after);
    let fc1 = of(&normed[1], &after, &layer.fc1);
    back(&after, &layer.fc1, &mut spare);
    let norm2 = layer.norms[1].gradient(processor, &middle, &spare, (height, rows), &mut upstream);
    let out = of(&answers, &upstream, &layer.out);
    back(&upstream, &layer.out, &mut spare);
    let mut of_qkv = zeros(3 * size);
    attention.gradient(processor, &qkv, height, &spare, &mut of_qkv);
    let parts = [0, 1, 2].map(|i| &of_qkv[i * size..][..size]);
    let qkv = [0, 1, 2].map(|i| of(&normed[0], parts[i], &layer.qkv[i]));
    back(parts[0], &layer.qkv[0], &mut spare);
    for i in [1, 2] {
        back(parts[i], &layer.qkv[i], &mut y);
        sum_into(processor, &mut spare, &y);
    }
    let norm1 = layer.norms[0].gradient(processor, &x, &spare, (height, rows), &mut upstream);
    LayerGradient { input: into_rows(&upstream, rows, width), qkv, out, fc1, fc2, norms: [norm1, norm2] }
}
