//! Evaluation: the protocols that measure a model.

pub mod exam;
mod faithful;
pub mod pointing;
mod truth;
