//! Both towers and their projections into the joint space: a CLIP in the Hugging Face layout.

use super::config::ClipConfig;
use super::text::TextModel;
use super::vision::VisionModel;
use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};

/// Both towers of a CLIP. Field names are Hugging Face's tensor names.
#[derive(Module, Debug)]
pub struct Towers {
    pub text_model: TextModel,
    pub vision_model: VisionModel,
    /// (D to E), no bias
    pub visual_projection: Linear,
    /// (Dt to E), no bias
    pub text_projection: Linear,
    /// ln τ; a scalar in files, `[1]` here
    pub logit_scale: Param<Tensor<1>>,
}

impl Towers {
    /// Random weights; ln τ = ln(1/0.07) as in CLIP.
    pub fn init(config: &ClipConfig, device: &Device) -> Self {
        let project = |from| LinearConfig::new(from, config.joint).with_bias(false).init(device);
        Self {
            text_model: TextModel::init(config, device),
            vision_model: VisionModel::init(config, device),
            visual_projection: project(config.vision.width),
            text_projection: project(config.text.width),
            logit_scale: Param::from_data(TensorData::from([(1.0f32 / 0.07).ln()]), device),
        }
    }

    /// e_img of METHOD §1 before normalisation: `(F, 3, R, R)` to `(F, E)`.
    pub fn image(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.project_class_token(self.vision_model.forward(pixels))
    }

    /// `(F, n, D)` tokens X to `(F, E)`.
    pub fn project_class_token(&self, tokens: Tensor<3>) -> Tensor<2> {
        let [f, _, d] = tokens.dims();
        self.visual_projection.forward(tokens.slice([0..f, 0..1]).reshape([f, d]))
    }

    /// The vanilla video embedding before normalisation: `(B, T, n, D)` to `(B, E)`, the mean over time of the projected
    /// class tokens (METHOD §8).
    pub fn project_mean_class_token(&self, tokens: Tensor<4>) -> Tensor<2> {
        let [b, _, _, d] = tokens.dims();
        self.visual_projection.forward(tokens.narrow(2, 0, 1).mean_dim(1).reshape([b, d]))
    }

    /// Text embeddings before normalisation, `(S, E)`.
    pub fn text<T: AsRef<[u32]>>(&self, texts: &[T], config: &ClipConfig) -> Tensor<2> {
        self.text_projection.forward(self.text_model.forward(texts, config.eos_token_id))
    }
}

/// Rows scaled to unit length; a zero row stays zero.
pub fn normalise(x: Tensor<2>) -> Tensor<2> {
    let norm = x.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
    x / norm
}
