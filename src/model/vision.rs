//! The CLIP vision tower (METHOD §1): a frame becomes n = N + 1 tokens of width D.

use super::config::ClipConfig;
use super::encoder::{Encoder, layer_norm};
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Embedding, EmbeddingConfig, Initializer, LayerNorm};
use burn::tensor::{Device, Tensor};

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

    /// Every hidden state as Hugging Face counts them: the embeddings, then each layer's output, all `(F, n, D)`.
    pub fn hidden_states(&self, pixels: Tensor<4>) -> Vec<Tensor<3>> {
        self.encoder.hidden_states(self.embed(pixels), false)
    }
}
