//! The window's end of the engine: commands go in and return at once, events come out.

use super::types::*;
use crate::device::DeviceChoice;
use crate::prompt::PromptSet;
use crate::video::Wake;
use std::path::Path;

/// Starts the `model` and `sample` threads and talks to them. Dropping it cancels and joins them.
pub struct Engine {}

impl Engine {
    /// `shared` is the window's wgpu device, when there is one to share.
    pub fn spawn(_choice: DeviceChoice, _wake: Wake) -> Self {
        Self {}
    }
    /// Latest wins. Drops results for the old model.
    pub fn load_model(&self, _source: ModelSource) {}
    /// The video that windows refer to; `None` closes it.
    pub fn set_video(&self, _path: Option<&Path>) {}
    /// Latest wins: an older request that has not been finished is dropped, the newest is done next.
    pub fn analyse(&self, _window: AnalysisWindow) {}
    /// Latest wins. Re-scores with the cached video embedding; never runs the vision tower.
    pub fn set_prompts(&self, _prompts: PromptSet) {}
    /// α of METHOD §6; `None`: the model's own.
    pub fn set_alpha(&self, _alpha: Option<f32>) {}
    /// Stops the work on a clip within one forward pass.
    pub fn cancel(&self) {}
    /// The next event of the present generation, if one has come.
    pub fn try_event(&self) -> Option<Event> {
        None
    }
    /// Number of frames that have ever gone through the vision tower (proves that prompt edits do not).
    pub fn vision_frames(&self) -> u64 {
        0
    }
}
