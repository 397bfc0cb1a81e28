//! Evaluation: metrics, and the protocols that use them.

pub mod metrics;
pub mod synth;
