//! What crosses the border of the model thread: plain data, no tensors.

pub use crate::device::DeviceInfo;
use crate::score::Scores;
use crate::video::{Pts, VideoDigest};
use std::path::PathBuf;
use std::sync::Arc;

/// How a model is named: the embedded default or a folder in the Hugging Face CLIP layout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ModelSource {
    #[default]
    Embedded,
    Folder(PathBuf),
}

/// What the window and the reports say about the loaded model.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    pub name: String,
    /// BLAKE3 over the weight files (hex, first 32 digits).
    pub digest: String,
    /// The motion head has trained weights.
    pub head_trained: bool,
    /// The embedded small model, whose words know moving shapes only.
    pub embedded: bool,
    /// Where it was read from; `None` for the embedded one.
    pub folder: Option<PathBuf>,
    /// Frames a clip (T) and lifting levels (L).
    pub frames: usize,
    pub levels: usize,
    /// Patch grid side √N and the picture side R in pixels.
    pub grid: usize,
    pub image_size: usize,
    /// Text context length in tokens.
    pub context: usize,
    /// τ = exp(logit_scale) and α of METHOD §6.
    pub tau: f32,
    pub alpha: f32,
    pub mab_blocks: usize,
    pub heads: usize,
    pub parameters: usize,
    /// The templates that this model was trained with, where it says so.
    pub templates: Option<crate::prompt::Templates>,
}

/// Values over the patch grid for every frame: `data[(t * rows + r) * cols + c]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    pub frames: usize,
    pub rows: usize,
    pub cols: usize,
    pub data: Vec<f32>,
}

impl Map {
    /// The values of one frame, row-major.
    pub fn frame(&self, t: usize) -> &[f32] {
        let n = self.rows * self.cols;
        &self.data[t * n..(t + 1) * n]
    }

    /// Smallest and largest value over the clip.
    pub fn range(&self) -> (f32, f32) {
        self.data.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)))
    }
}

/// Every map that METHOD names for visualisation, for one clip. Patch tokens only; T frames.
#[derive(Clone, Debug)]
pub struct Maps {
    /// ‖M_T‖₂ / (‖X‖₂ + ε), relative energy of the motion stream.
    pub motion: Map,
    /// ‖S_T‖₂ of the static stream.
    pub static_energy: Map,
    /// PCA colours of S_T, one fit for the clip, each channel 0–1: three maps (r, g, b).
    pub static_rgb: [Map; 3],
    /// motion energy ‖M_T‖₂ minus static deviation, signed, see `engine::maps`.
    pub signed: Map,
    /// Pool weights spread over the frames that each step covers; sums to the patch share of the pooling.
    pub evidence: Map,
    /// Gate values by block, then head, each (T, rows, cols) in 0–1.
    pub gates: Vec<Vec<Map>>,
    /// Mean of `gates` over blocks and heads.
    pub gate: Map,
    /// ‖d_ℓ‖ per level, finest first.
    pub levels: Vec<Map>,
}

/// The part of the picture that the model saw (its centre crop), in fractions of the displayed picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CropRect {
    pub x0: f32,
    pub y0: f32,
    pub x1: f32,
    pub y1: f32,
}

/// One finished forward pass over one clip.
#[derive(Clone, Debug)]
pub struct Analysis {
    pub video: VideoDigest,
    /// The window that was asked for.
    pub window: AnalysisWindow,
    /// PTS of the T sampled frames.
    pub frames: Vec<Pts>,
    pub crop: CropRect,
    pub maps: Maps,
    /// f (E), unit norm.
    pub embedding: Vec<f32>,
    /// Model name and digest that made it.
    pub model_digest: String,
    /// How long the forward pass took and how many frames had to be encoded (the others came from the cache).
    pub seconds: f32,
    pub encoded_frames: usize,
}

/// A note on one prompt string of the current prompt set.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptNote {
    pub text: String,
    /// Tokens cut to fit the context.
    pub cut: usize,
    /// Byte ranges of words that the tokenizer does not know.
    pub unknown: Vec<std::ops::Range<usize>>,
}

/// The window of the video to analyse; frames are taken by METHOD §1's test-time rule over frames with
/// start ≤ PTS ≤ end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnalysisWindow {
    pub start: Pts,
    pub end: Pts,
}

/// What the engine tells. Every event wakes the window; one of an old generation is dropped by the handle.
#[derive(Clone, Debug)]
pub enum Event {
    ModelLoading {
        what: String,
        fraction: Option<f32>,
    },
    ModelLoaded {
        info: Arc<ModelInfo>,
        device: DeviceInfo,
    },
    ModelFailed {
        message: String,
    },
    /// Work on a clip: "reading frames", "vision tower", …
    Progress {
        stage: &'static str,
        done: usize,
        total: usize,
    },
    Analysed(Arc<Analysis>),
    AnalysisFailed {
        message: String,
    },
    AnalysisCancelled,
    /// New scores (after a prompt edit or a new analysis) and the notes on the prompts.
    Scored {
        scores: Arc<Scores>,
        notes: Arc<Vec<PromptNote>>,
        seconds: f32,
    },
    PromptsFailed {
        message: String,
    },
}
