//! MotionLens opens a video, runs a CLIP-based zero-shot action model on the local device, and shows why
//! the model says what it says.
//!
//! Two straight flows meet in two places only, the [`engine`] (the score) and the `ui` (the drawing):
//!
//! ```text
//! file ──> video ──> clip ──> model ──> maps ──────────> ui (stage)
//!                               │ video embedding
//! prompts ──> tokens ──> text embedding ──> score ─────> ui (prompts, scores)
//! ```
//!
//! A prompt edit never re-runs the vision tower; a seek never re-encodes a prompt. The headless commands in
//! [`cli`] are the same two flows through the same engine with the window taken away.
//!
//! Threads: `ui` owns the play head and the state and never waits; `source` lists an open file's frames and hashes its
//! bytes, once for everybody; `decode` owns the video being played; `sample` owns a second handle on it and cuts
//! clips; `model` owns every tensor. Imports run one way: [`score`] and [`prompt`] know nothing of ours, [`model`]
//! knows Burn, [`video`] knows ffmpeg, [`engine`] joins them, and `ui`, [`cli`], [`train`] and [`eval`] stand on top.
//!
//! "METHOD §4" in a comment is section 4 of `docs/method.md`, the specification of what is computed.

pub mod cli;
pub mod data;
pub mod device;
pub mod engine;
pub mod eval;
pub mod export;
pub mod files;
pub mod model;
pub mod prompt;
pub mod score;
pub mod train;
pub mod ui;
pub mod video;
