//! The CLIP vision tower (METHOD §1): a frame becomes n = N + 1 tokens of width D.

use super::config::ClipConfig;
use super::dense::Reading;
use super::encoder::{Encoder, layer_norm};
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Embedding, EmbeddingConfig, Initializer, LayerNorm};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// ε of the layer norm without weights.
const PLAIN_EPSILON: f32 = 1e-5;

#[derive(Module, Debug)]
pub struct VisionEmbeddings {
    /// (D)
    class_embedding: Param<Tensor<1>>,
    /// weight (D, 3, p, p), no bias
    patch_embedding: Conv2d,
    /// weight (n, D)
    position_embedding: Embedding,
}

/// The vision tower. `pre_layrnorm` is Hugging Face's spelling.
#[derive(Module, Debug)]
pub struct VisionModel {
    embeddings: VisionEmbeddings,
    pre_layrnorm: LayerNorm,
    encoder: Encoder,
    post_layernorm: LayerNorm,
}

impl VisionModel {
    /// Random weights.
    pub fn init(config: &ClipConfig, device: &Device) -> Self {
        let (d, p) = (config.vision.width, config.patch_size);
        let normal = |std: f64| Initializer::Normal { mean: 0.0, std };
        Self {
            embeddings: VisionEmbeddings {
                class_embedding: normal((d as f64).powf(-0.5)).init([d], device),
                patch_embedding: Conv2dConfig::new([3, d], [p, p])
                    .with_stride([p, p])
                    .with_bias(false)
                    .init(device),
                position_embedding: EmbeddingConfig::new(config.tokens(), d)
                    .with_initializer(normal(0.02))
                    .init(device),
            },
            pre_layrnorm: layer_norm(&config.vision, device),
            encoder: Encoder::init(&config.vision, device),
            post_layernorm: layer_norm(&config.vision, device),
        }
    }

    /// With position embeddings that start as sinusoids over both axes in place of noise. Noise of σ .02 drowns in the patches: a
    /// tower that is trained from nothing takes long to learn where things are.
    pub fn with_sinusoidal_positions(mut self) -> Self {
        const SIZE: f32 = 0.7;
        let weight = self.embeddings.position_embedding.weight.val();
        let [n, d] = weight.dims();
        let grid = (n - 1).isqrt();
        let quarter = d / 4;
        let waves = |place: usize| {
            let x = (place as f32 - (grid as f32 - 1.0) / 2.0) * 8.0 / grid as f32;
            let wave = move |i: usize| {
                0.7 * std::f32::consts::PI * 8f32.powf(-(i as f32) / (quarter.max(2) - 1) as f32) * x
            };
            (0..quarter).map(move |i| wave(i).sin()).chain((0..quarter).map(move |i| wave(i).cos()))
        };
        let patches: Vec<f32> = (0..n - 1)
            .flat_map(|p| waves(p % grid).chain(waves(p / grid)).chain(std::iter::repeat_n(0.0, d % 4)))
            .map(|v| SIZE * v)
            .collect();
        let patches = Tensor::<2>::from_data(TensorData::new(patches, [n - 1, d]), &weight.device());
        let weight = Tensor::cat(vec![weight.narrow(0, 0, 1), patches], 0);
        self.embeddings.position_embedding.weight = Param::from_tensor(weight.detach());
        self
    }

    /// Tokens before the first layer: `(F, 3, R, R)` normalised pixels to `(F, n, D)`.
    fn embed(&self, pixels: Tensor<4>) -> Tensor<3> {
        let [f, c, height, width] = pixels.dims();
        let weight = self.embeddings.patch_embedding.weight.val();
        let [d, _, p, _] = weight.dims();
        let (rows, cols) = (height / p, width / p);
        // A convolution whose stride is its kernel is one matrix product over the patches.
        let patches = pixels.reshape([f, c, rows, p, cols, p]).permute([0, 2, 4, 1, 3, 5]).reshape([
            f,
            rows * cols,
            c * p * p,
        ]);
        let patches = patches.matmul(weight.reshape([d, c * p * p]).transpose().unsqueeze::<3>());
        let class = self.embeddings.class_embedding.val().reshape([1, 1, d]).expand([f, 1, d]);
        let x = Tensor::cat(vec![class, patches], 1)
            + self.embeddings.position_embedding.weight.val().unsqueeze();
        self.pre_layrnorm.forward(x)
    }

    /// X of METHOD §1: post_layernorm of all tokens, `(F, 3, R, R)` to `(F, n, D)`. Row 0 is the class token.
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        self.post_layernorm.forward(self.encoder.forward(self.embed(pixels), false))
    }

    /// X of METHOD §1 with the patches of an earlier layer: the class token is the last layer's after post_layernorm, the patch
    /// tokens are what comes out of `layer` (counted from 1), layer-normalised without weights. `None`, or the last layer:
    /// [`VisionModel::forward`].
    pub fn tokens(&self, pixels: Tensor<4>, layer: Option<usize>) -> Tensor<3> {
        let Some(layer) = layer.filter(|l| *l < self.encoder.depth()) else { return self.forward(pixels) };
        let (there, last) = self.encoder.forward_by_way_of(self.embed(pixels), layer);
        let [_, n, _] = last.dims();
        let patches = there.narrow(1, 1, n - 1);
        let centred = patches.clone() - patches.mean_dim(2);
        let spread = (centred.clone().square().mean_dim(2) + PLAIN_EPSILON).sqrt();
        Tensor::cat(vec![self.post_layernorm.forward(last.narrow(1, 0, 1)), centred / spread], 1)
    }

    /// [`VisionModel::forward`] of some patches of every frame alone: `which (F, k)` numbers them row by row from 0. Gives
    /// `(F, k + 1, D)`.
    pub fn forward_some(&self, pixels: Tensor<4>, which: &[Vec<usize>]) -> Tensor<3> {
        let x = self.embed(pixels);
        let [f, n, d] = x.dims();
        let rows: Vec<i32> = which
            .iter()
            .enumerate()
            .flat_map(|(i, which)| {
                std::iter::once(0).chain(which.iter().map(|p| p + 1)).map(move |t| (i * n + t) as i32)
            })
            .collect();
        let kept = rows.len() / f.max(1);
        let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [f * kept]), &x.device());
        let x = x.reshape([f * n, d]).select(0, rows).reshape([f, kept, d]);
        self.post_layernorm.forward(self.encoder.forward(x, false))
    }

    /// The last layer's tokens in each of these readings, after post_layernorm: `(F, n, D)` each.
    pub fn read(&self, pixels: Tensor<4>, readings: &[Reading]) -> Vec<Tensor<3>> {
        let Some((x, last)) = self.encoder.up_to_the_last(self.embed(pixels)) else { return Vec::new() };
        readings.iter().map(|r| self.post_layernorm.forward(last.read(x.clone(), *r))).collect()
    }

    /// Every hidden state as Hugging Face counts them: the embeddings, then each layer's output, all `(F, n, D)`.
    pub fn hidden_states(&self, pixels: Tensor<4>) -> Vec<Tensor<3>> {
        self.encoder.hidden_states(self.embed(pixels), false)
    }
}
