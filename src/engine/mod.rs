//! The engine: one thread that owns the tensors, latest-wins requests, and events.

pub mod types;
pub use types::*;
