//! The engine: one thread that owns the tensors, latest-wins requests, and events.
//!
//! ```text
//! handle ──requests──> sample ──clips──> model ──events──> handle
//!                 └────────prompts, models────┘
//! ```
//!
//! A window in work is finished before the newest that has come meanwhile is begun: during playback, when windows come
//! faster than they can be done, there is always a result, and always the next one is of now. A prompt edit is answered
//! between two steps of a clip.

mod cache;
pub mod handle;
mod loaded;
pub mod maps;
mod requests;
mod sample;
pub mod types;
mod worker;

pub use handle::Engine;
pub use types::*;
