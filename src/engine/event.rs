//! What the engine tells: plain data that names what it answers.

use super::question::{Probe, Question, QuestionId};
use super::sweep::Swept;
use crate::device::DeviceInfo;
use crate::model::folder::MotionScale;
use crate::prompt::PromptSet;
use crate::score::{ClassEmbedding, Scores};
use crate::session::{Evidence, FreezeMap, ModelInfo, PatchFinding, PromptNote, Support};
use crate::video::Pts;
use crate::video::preprocess::CropRect;
use std::sync::Arc;

/// The answer to one question.
#[derive(Clone, Debug)]
pub struct Answer {
    pub id: QuestionId,
    pub question: Arc<Question>,
    /// PTS of the frames in the order in which the model saw them; they may repeat.
    pub frames: Vec<Pts>,
    /// The part of the displayed picture that the model saw.
    pub crop: CropRect,
    pub evidence: Evidence,
    /// How long the model took, and how many frames had to go through its vision tower (the others were held).
    pub seconds: f32,
    pub encoded_frames: usize,
}

/// The scores of one answer under one revision of the prompts.
#[derive(Clone, Debug)]
pub struct Scored {
    pub question: QuestionId,
    pub revision: u64,
    pub scores: Arc<Scores>,
    /// From the edit's arrival to the scores, text tower included; of a new answer, the scoring alone.
    pub seconds: f32,
}

/// What a probe has found.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    Freeze(FreezeMap),
    Patch(PatchFinding),
    Tokens(Support),
    Support(Support),
}

/// What the engine tells. Every event wakes the window.
#[derive(Clone, Debug)]
pub enum Event {
    ModelLoading {
        what: String,
        fraction: Option<f32>,
    },
    /// Also when the model had to move to another device; questions of the one before are dropped.
    ModelLoaded {
        info: Arc<ModelInfo>,
        device: DeviceInfo,
    },
    ModelFailed {
        message: String,
    },
    /// The motion scale of the model of that identity has been measured (for models whose folder has none).
    Scale {
        model: String,
        scale: Arc<MotionScale>,
    },
    /// Work on a question: "reading frames", "vision tower", …
    Progress {
        question: QuestionId,
        stage: &'static str,
        done: usize,
        total: usize,
    },
    /// With its scores where the prompts are ready, so that neither is ever seen beside something else's.
    Answered {
        answer: Arc<Answer>,
        scored: Option<Scored>,
    },
    /// What a probe has found so far: it may come several times, finer each time.
    Probed {
        id: QuestionId,
        question: Arc<Question>,
        probe: Probe,
        finding: Arc<Finding>,
        /// Nothing finer will come.
        whole: bool,
    },
    /// The prompts without DA_j, in CLIP's own joint space, while a probe is wanted.
    PlainTexts {
        revision: u64,
        classes: Arc<Vec<ClassEmbedding>>,
    },
    Failed {
        question: QuestionId,
        message: String,
    },
    /// Cancelled, replaced by a newer one, or asked of a model that is not loaded.
    Dropped {
        question: QuestionId,
    },
    /// Strings that go through the text tower, when that takes a while.
    Encoding {
        revision: u64,
        done: usize,
        total: usize,
    },
    /// The prompts of that revision have gone through the text tower of the model of that identity.
    Texts {
        revision: u64,
        model: String,
        classes: Arc<Vec<ClassEmbedding>>,
        notes: Arc<Vec<PromptNote>>,
    },
    /// The text side of prompts that are tried out, by the model of that identity; or why there is none.
    Tried {
        set: Arc<PromptSet>,
        model: String,
        classes: Result<Arc<Vec<ClassEmbedding>>, String>,
        /// The same without DA_j, in CLIP's own joint space, for scores that are made without it.
        plain: Arc<Vec<ClassEmbedding>>,
        /// On its prompts; none where there are no text sides.
        notes: Arc<Vec<PromptNote>>,
    },
    /// An answer has been scored under a new revision of the prompts, or because it is watched now.
    Scored(Scored),
    /// Further spans of the sweep, or all of them under a new revision of the prompts.
    Swept(Arc<Swept>),
    PromptsFailed {
        revision: u64,
        message: String,
    },
}
