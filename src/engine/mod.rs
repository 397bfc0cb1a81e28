//! The engine: one thread that owns the tensors, latest-wins requests, and events.

pub mod handle;
pub mod types;
pub use handle::Engine;
pub use types::*;
