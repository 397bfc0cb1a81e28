//! The objective of METHOD §7.

use crate::model::head::HeadOutput;
use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

/// Weights λ of the objective's parts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lambdas {
    /// λn, of the three terms with negative prompts; 0 trains without them.
    pub negatives: f32,
    /// λd, of L_det.
    pub detail: f32,
    /// λa, of L_app.
    pub mean: f32,
    /// λo, of L_dec.
    pub decoupling: f32,
    /// λk, of 1 − cos(f, f₀): stay near the vanilla embedding.
    pub distillation: f32,
    /// Label smoothing of the cross entropy.
    pub smoothing: f32,
    /// λs, of [`still_share`]: motion energy belongs where CLIP's own tokens change.
    pub still: f32,
}

impl Lambdas {
    /// The defaults of METHOD §7; `small`: for the small model, which has nothing to stay near to.
    pub fn new(small: bool) -> Self {
        Self {
            negatives: 1.0,
            detail: 0.01,
            mean: 20.0,
            decoupling: 0.1,
            distillation: if small { 0.0 } else { 1.0 },
            smoothing: 0.1,
            still: 4.0,
        }
    }
}

/// What the objective compares.
pub struct Targets {
    /// (B), indices into the classes.
    pub labels: Tensor<1, Int>,
    /// t⁺ and t⁻ (C,E), unit rows, after DA_j.
    pub positive: Tensor<2>,
    pub negative: Tensor<2>,
    /// X (B,T,n,D), the frozen tokens before DA_v.
    pub tokens: Tensor<4>,
    /// S_T (B,T,n,D)
    pub static_stream: Tensor<4>,
    /// τ
    pub tau: f32,
    /// f₀ (B,E), unit rows: the embedding of the untrained head.
    pub vanilla: Tensor<2>,
}

/// The whole objective, a scalar.
pub fn objective(out: &HeadOutput, targets: Targets, lambdas: &Lambdas) -> Tensor<1> {
    let Targets { labels, positive, negative, tokens, static_stream, tau, vanilla } = targets;
    let f = out.embedding.clone();
    let classes = positive.dims()[0];
    let own: Tensor<2> = labels.one_hot::<2>(classes).float();
    let s_pos = f.clone().matmul(positive.clone().transpose());

    let soft = own.clone() * (1.0 - lambdas.smoothing) + lambdas.smoothing / classes as f32;
    let cross_entropy = -(soft * log_softmax(s_pos.clone() * tau, 1)).sum_dim(1).mean();
    let mut loss = cross_entropy;

    if lambdas.negatives > 0.0 {
        let s_neg = f.clone().matmul(negative.clone().transpose());
        let margin = (s_pos - s_neg) * tau;
        let yes = -(own.clone() * log_sigmoid(margin.clone())).sum_dim(1).mean();
        let others = (classes.max(2) - 1) as f32;
        let no = -((-own + 1.0) * log_sigmoid(-margin)).sum_dim(1).mean() / others;
        // A little under the root keeps the gradient finite where both prompts mean the same.
        let apart = ((positive - negative).square().sum_dim(1) + 1e-4).sqrt();
        let tell_apart = (-apart + 2.0).mean();
        loss = loss + (yes + no + tell_apart) * (0.5 * lambdas.negatives);
    }
    if lambdas.detail > 0.0 {
        loss = loss + out.detail_loss() * lambdas.detail;
    }
    if lambdas.mean > 0.0 {
        loss = loss + out.mean_loss() * lambdas.mean;
    }
    if lambdas.decoupling > 0.0 && out.motion.is_some() {
        loss = loss + out.decoupling_loss() * lambdas.decoupling;
    }
    if lambdas.still > 0.0 && out.motion.is_some() {
        loss = loss + still_share(&tokens, out, static_stream) * lambdas.still;
    }
    if lambdas.distillation > 0.0 {
        let cosine = (f * vanilla).sum_dim(1).mean();
        loss = loss + (-cosine + 1.0) * lambdas.distillation;
    }
    loss
}

/// The share of a clip's motion energy that lies on patches which hardly move: Σ wᵢ·motionᵢ / Σ motionᵢ, with
/// wᵢ = max(0, 1 − rawᵢ / mean raw), where motion is that of the trained streams and raw that of the untrained ones (Haar,
/// no adapter). Mean over clips, a scalar. Ours: without it DA_v finds changes to amplify in tokens of what stands still.
fn still_share(tokens: &Tensor<4>, out: &HeadOutput, static_stream: Tensor<4>) -> Tensor<1> {
    let [batch, frames, n, width] = tokens.dims();
    let block = 1 << out.streams.details.len();
    let mean = tokens.clone().reshape([batch, frames / block, block, n * width]).mean_dim(2);
    let mean = mean.repeat_dim(2, block).reshape([batch, frames, n, width]);
    let raw = patch_energy(tokens.clone() - mean).detach();
    let weight = (-raw.clone() / raw.mean_dim(1) + 1.0).clamp_min(0.0);
    let adapted = out.streams.approximations[0].clone();
    // Over the tokens' own norm, as the map is: else larger tokens would pass for more motion.
    let motion = patch_energy(adapted.clone() - static_stream) / patch_energy(adapted);
    ((weight * motion.clone()).sum_dim(1) / (motion.sum_dim(1) + 1e-6)).mean()
}

/// Norm over channels, mean over time, of the patch tokens: (B,T,n,D) to (B,n−1).
fn patch_energy(stream: Tensor<4>) -> Tensor<2> {
    let [batch, _, n, _] = stream.dims();
    let patches = stream.narrow(2, 1, n - 1);
    // A little under the root keeps the gradient finite where nothing moves.
    (patches.square().sum_dim(3) + 1e-8).sqrt().mean_dim(1).reshape([batch, n - 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::head::HeadConfig;
    use burn::nn::LinearConfig;
    use burn::tensor::{Device, TensorData};

    /// Eight frames of a class token and two patches, which swing about a mean by the given amounts; with an untrained head.
    fn swinging(amounts: [f32; 2]) -> (Tensor<4>, HeadOutput, Tensor<4>) {
        let device = Device::flex();
        let mut data = Vec::new();
        for t in 0..8 {
            let sign = if t % 2 == 0 { 1.0 } else { -1.0 };
            for amount in [0.0, amounts[0], amounts[1]] {
                data.extend([sign * amount, 4.0, 0.0, 0.0]);
            }
        }
        let x = Tensor::from_data(TensorData::new(data, [1, 8, 3, 4]), &device);
        let head = HeadConfig::new(4, 4, 2).init(&device);
        let out = head.forward(x.clone(), &LinearConfig::new(4, 4).init(&device));
        let still = head.static_stream(&out.streams);
        (x, out, still)
    }

    #[test]
    fn motion_where_the_tokens_move_costs_nothing_and_elsewhere_its_share() {
        let share = |amounts| {
            let (x, out, still) = swinging(amounts);
            still_share(&x, &out, still).into_scalar::<f32>()
        };
        assert!(share([0.0, 1.0]) < 1e-3, "all motion is on the patch that moves");
        assert!(share([1.0, 1.0]) < 1e-3, "no patch moves less than the others");
        // Raw energies 0.1 and 0.3, mean 0.2: the first patch weighs ½ and has about a quarter of the motion.
        let found = share([0.1, 0.3]);
        assert!((found - 0.125).abs() < 2e-3, "{found}");
    }
}
