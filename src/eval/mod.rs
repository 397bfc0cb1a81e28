//! Evaluation: the protocols that measure a model.

pub mod compare;
pub mod exam;
mod faithful;
pub mod pointing;
mod truth;
pub mod zero_shot;
