//! The cast of the procedural world: articulated people who act in simple rooms beside things that stand still. Everything
//! follows from a seed, and the truth comes with it: class, masks, joints.
//!
//! ```text
//! action (the class) ──> pose (joint angles from one table an action) ──> figure (joints, limbs) ─┐
//! room and what stands in it ─────────────────────────────────────────────────────────────────────┴> scene ──> paint
//! ```
//!
//! Lengths are in units of a 96 × 96 picture and time runs from 0 to 1, so a clip can be drawn at any size and length.
//! An action is made forwards and its reversal is the same course of poses played backwards, so no single frame tells the two of a pair apart.

pub mod action;
pub mod captions;
pub mod figure;
mod paint;
mod pose;
mod room;
pub mod scene;
mod words;

pub use action::{Action, Arms, Side, Thing, Verb};
pub use room::StillKind;
pub use scene::Scene;
pub use words::vocabulary;

/// Side of the canonical picture that all lengths are given in.
pub const SIDE: f32 = 96.0;

type Point = [f32; 2];
type Colour = [f32; 3];
