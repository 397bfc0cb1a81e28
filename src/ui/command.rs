//! Everything that a person can ask of the window. Panels, keys, dialogs and tests all speak this.

use super::edit::PromptEdit;
use super::overlay::View;
use super::scope::Scope;
use crate::model::Surgery;
use crate::prompt::PromptSet;
use crate::session::ModelSource;
use crate::video::clip::Order;
use crate::video::{Pts, SourceId};
use std::path::PathBuf;

/// One request; [`super::app::App::apply`] carries it out.
#[derive(Clone, Debug)]
pub enum Command {
    /// A path of any kind: a model folder, a prompt file or a video, told apart by what it is.
    Open(PathBuf),
    OpenVideo(PathBuf),
    OpenModel(ModelSource),
    LoadPrompts(PathBuf),
    SavePrompts(PathBuf),
    /// Back to the set that comes with the program.
    BundledPrompts,
    /// A prompt file has been read on another thread.
    PromptsRead(PathBuf, Result<PromptSet, String>),
    /// Opens a file dialog on another thread.
    Ask(Dialog),
    /// Shows or hides the field that takes a path as text.
    PathField(bool),
    /// The same in place of a dialog that the desktop does not have.
    TypePath(Dialog),

    TogglePlay,
    Pause,
    Seek(Pts),
    /// Seconds from the play head.
    SeekBy(f64),
    /// Frames from the play head, ±1.
    Step(i32),
    SetSpeed(f64),
    ToggleLoop,
    SetIn,
    SetOut,
    ClearRange,
    /// Shows or hides the field that takes a time.
    TimeField(bool),

    /// Which part of the video the scores are of.
    Scope(Scope),
    /// The part around the play head goes with it also while the video plays.
    Follow(bool),
    /// Its length in seconds.
    Around(f64),
    /// Asks again for what is selected, after it was cancelled or failed.
    AskAgain,
    /// In which order the model sees the frames.
    Order(Order),
    /// What is altered inside the model.
    Surgery(Surgery),
    CancelWork,

    SetView(View),
    Edit(PromptEdit),
    Undo,
    Redo,
    /// Keeps the present scores as the baseline of Δ.
    Pin,
    Unpin,
    SortByScore(bool),

    /// Writes a PNG of the stage.
    Snapshot,
    /// Writes the report folder of the present analysis.
    Report(PathBuf),
    /// Small pictures of sampled frames have been read.
    Thumbnails(SourceId, Vec<(Pts, egui::ColorImage)>),
    /// Work on another thread is done: what to tell, good or bad.
    Told(Result<String, String>),
    Dismiss(u64),
    Help(bool),
    Inspector(bool),
    Fullscreen,
}

/// Which file dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialog {
    Video,
    Model,
    LoadPrompts,
    SavePrompts,
    Report,
}
