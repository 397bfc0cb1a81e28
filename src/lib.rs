//! MotionLens opens a video, runs a CLIP-based zero-shot action model on the local device, and shows why
//! the model says what it says.
//!
//! Two straight flows, joined by questions:
//!
//! ```text
//! file ──> source ──> clip ──> session ──> evidence ──────────> ui (stage, filmstrip)
//!                                             │ embedding
//! prompts ──> texts ──────────> session ──> scores ───────────> ui (prompts)
//! ```
//!
//! They meet in two places only: [`engine`] (the scores) and `ui` (the drawing). A prompt edit never re-runs the vision
//! tower; a seek never re-encodes a prompt. The headless commands in [`cli`], [`train`] and [`eval`] are the same flows with
//! the window taken away.
//!
//! **Everything that is asked of the model is a [question](engine::Question) with an identity; everything shown belongs to one.**
//!
//! | | |
//! |---|---|
//! | [`Source`](video::Source) | one per open file, or per [film](video::Film) (a drawn motion, in no file), shared by player, reader, thumbnails and report: its frames' times and its digest, each found out once |
//! | [`ClipSpec`](video::ClipSpec) | which frames of a source, in which order (span and rule; or reversed, shuffled, frozen, by hand) |
//! | [`Surgery`](model::Surgery) | what is altered inside the model |
//! | [`Question`](engine::Question) | source, clip, T, model, device, surgery: all that changes the answer |
//! | [`Answer`](engine::Answer) | the question, its frames, and the [`Evidence`](session::Evidence): embedding and maps |
//! | [`Scores`](score::Scores) | a pure function of evidence and prompts |
//! | [`Sweep`](engine::Sweep) | the questions about a whole video, a span after the other on one grid of frames, asked when nobody waits |
//!
//! The engine holds answers and tokens in a store bounded in bytes, and works off its queue by rank: a new model and prompt
//! edits first, then what is on screen, then what follows the play head, then the rest, and then the sweep. Scores name the answer and the
//! revision of the prompts that they are of, so they can never stand beside maps of something else.
//!
//! Threads, all named, and no async runtime:
//!
//! | thread | owns | hears | says |
//! |---|---|---|---|
//! | main | the play head and the window's state; never waits, decodes, or runs the model | events | commands |
//! | `decode` | the video being played | seek, play | frames |
//! | `source` | the scan and the digest of one file | – | both, once |
//! | `sample` | a second handle on the video; one clip ahead of the model | questions | pictures at the model's size |
//! | `model` | every tensor, the weights, the device | clips, prompts, models | events that name their question |
//! | jobs | one piece of file work each, or a model of the hub that is asked about or fetched | – | its outcome |
//! | `hub` | one answer of the hub | – | its pieces |
//! | `read-0`, … | one video each of the many of a command | paths | clips at the model's size |
//!
//! Imports run one way. [`video`], [`score`] and [`prompt`] know nothing of the engine; [`model`] knows Burn and neither video
//! nor windows; [`session`] joins model, device and prompts and is the only forward path; [`engine`] joins session and
//! video; [`batch`] joins them for the many videos of a command; [`experiment`] keeps what a question and its scores were;
//! [`train`] stands on session, [`eval`] on both; `ui` and [`cli`] are on top and never on each other.
//! On the CPU the towers' layers are those of the crate `motionlens-encoder` (`crates/encoder`), which `model` hands Burn's parameters.
//! `unsafe` is in `video/decode/open.rs`, `files/map.rs` and that crate's kernels alone. Words: "window" is the one on the desktop, a
//! stretch of time is a *span*, a *clip* is frames, the CLIP model is *the towers*.
//!
//! "METHOD §4" in a comment is section 4 of `docs/method.md`, the specification of what is computed.

pub mod batch;
pub mod cli;
pub mod data;
pub mod device;
pub mod engine;
pub mod eval;
pub mod experiment;
pub mod export;
pub mod files;
pub mod metrics;
pub mod model;
pub mod prompt;
pub mod score;
pub mod session;
pub mod train;
pub mod ui;
pub mod video;
pub mod view;
