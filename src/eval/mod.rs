//! Evaluation: metrics, and the protocols that use them.

pub mod metrics;
pub mod synth;
pub mod zero_shot;
