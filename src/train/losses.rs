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
}

impl Lambdas {
    /// The defaults of METHOD §7; `small`: for the small model, which has nothing to stay near to.
    pub fn new(small: bool) -> Self {
        Self {
            negatives: 1.0,
            detail: 0.01,
            mean: 0.1,
            decoupling: 0.1,
            distillation: if small { 0.0 } else { 1.0 },
            smoothing: 0.1,
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
    /// τ
    pub tau: f32,
    /// f₀ (B,E), unit rows: the embedding of the untrained head.
    pub vanilla: Tensor<2>,
}

/// The whole objective, a scalar.
pub fn objective(out: &HeadOutput, targets: Targets, lambdas: &Lambdas) -> Tensor<1> {
    let Targets { labels, positive, negative, tau, vanilla } = targets;
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
    if lambdas.distillation > 0.0 {
        let cosine = (f * vanilla).sum_dim(1).mean();
        loss = loss + (-cosine + 1.0) * lambdas.distillation;
    }
    loss
}
