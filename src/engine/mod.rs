//! The engine: questions go in, answers come out, and each answer names its question.
//!
//! ```text
//! handle ──questions──> queue ──> sampler ──clips──> worker ──events──> handle
//!                         └─────── prompts, models ───┘ │
//!                                                     store
//! ```
//!
//! A [`Question`] holds everything that changes its answer, so two equal questions have one answer, an answer that is held
//! need not be computed again, and scores can never stand beside maps of something else. The [`queue`](self) is worked off
//! by rank: a new model and prompt edits first, then what is on screen, then what follows the play head, then what stands
//! beside it, then the rest.
//! A [`Sweep`] asks about one span after the other by itself, when nothing else is to be done.
//! Every question that was asked ends in exactly one of [`Event::Answered`], [`Event::Failed`] and [`Event::Dropped`]; a
//! [`Probe`] of a question in [`Event::Probed`] with nothing left to do, and the same two others.

mod event;
mod handle;
mod question;
mod queue;
mod sampler;
mod store;
mod sweep;
mod worker;

pub use crate::session::ModelSource;
pub use event::{Answer, Event, Finding, Scored};
pub use handle::Engine;
pub use question::{Probe, Question, QuestionId, Rank};
pub use store::Memory;
pub use sweep::{Look, Moment, Point, Progress, Sweep, Swept};
