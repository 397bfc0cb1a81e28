//! Training: the two stages of METHOD §10, and what they share (schedule, gradient clipping, checkpoints, metrics).
//!
//! Every random number of a run follows from its seed and the step's number, never from a generator that runs along.
//! So a checkpoint is weights, optimiser state and the step, and a resumed run is the run that was never stopped.

mod auxiliary;
mod feature_file;
pub mod features;
mod learner;
pub mod losses;
pub mod recipe;
mod run;
pub mod stage1;
pub mod stage2;
pub mod zero_shot;

use burn::optim::{AdamWConfig, ModuleOptimizer};
pub use feature_file::in_words;
pub use run::{Run, RunError, clip_gradients};

/// AdamW as both stages use it (METHOD §10: β .9 and .98).
fn adamw(weight_decay: f32) -> ModuleOptimizer {
    AdamWConfig::new()
        .with_beta_1(0.9)
        .with_beta_2(0.98)
        .with_epsilon(1e-8)
        .with_weight_decay(weight_decay)
        .init()
}

/// Learning rate: a linear warm-up, then a cosine down to `floor` of the peak.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, PartialEq)]
pub struct Schedule {
    pub peak: f64,
    pub warmup: usize,
    pub steps: usize,
    pub floor: f64,
}

impl Schedule {
    /// The rate of step `k`, counted from 0.
    pub fn rate(&self, k: usize) -> f64 {
        let warm = ((k + 1) as f64 / self.warmup.max(1) as f64).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * k as f64 / self.steps.max(1) as f64).cos());
        self.peak * warm * (self.floor + (1.0 - self.floor) * cosine)
    }
}
