//! Evaluation: the protocols that measure a model.

pub mod base_to_novel;
pub mod compare;
pub mod exam;
mod faithful;
pub mod layers;
pub mod pointing;
pub mod truth;
pub mod zero_shot;
