//! What leaves the program: the analysis as JSON, CSV and NPZ, a figure with its receipt, the clip with its maps as MP4, and
//! a report folder; the confusion matrix of an evaluation. No window and no model needed: everything here works on plain data.

pub mod arrays;
pub mod confusion;
pub mod figure;
pub mod json;
mod letters;
pub mod lines;
pub mod overlay;
mod page;
mod repeat;
pub mod report;
mod stored_zip;
pub mod table;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A file that an analysis can become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A figure of the sampled frame on show under the layer on show.
    Figure,
    /// A figure of every sampled frame under every layer.
    Strip,
    Csv,
    Json,
    Npz,
    /// The span under the layer on show.
    Video,
}

impl Form {
    pub const ALL: [Form; 6] = [Form::Figure, Form::Strip, Form::Video, Form::Csv, Form::Json, Form::Npz];

    /// In file names and titles.
    pub fn word(self) -> &'static str {
        match self {
            Form::Figure => "figure",
            Form::Strip => "filmstrip",
            Form::Csv | Form::Json | Form::Npz => "scores",
            Form::Video => "video",
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Form::Figure | Form::Strip => "png",
            Form::Csv => "csv",
            Form::Json => "json",
            Form::Npz => "npz",
            Form::Video => "mp4",
        }
    }
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("cannot make the picture {path}: {source}")]
    Picture { path: PathBuf, source: image::ImageError },
    #[error(transparent)]
    Prompts(#[from] crate::prompt::PromptSetError),
}
