//! What leaves the program: the analysis as JSON, CSV and NPZ, figures with their receipt, the lanes as CSV, the clip with its maps as
//! MP4, and a report folder; the confusion matrix of an evaluation. No window and no model needed: everything here works on plain data.

pub mod arrays;
mod chart;
pub mod confusion;
pub mod figure;
pub mod json;
pub mod lanes;
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
    /// A figure of the lanes, and their numbers.
    Lanes,
    LanesCsv,
    /// The span under the layer on show.
    Video,
}

impl Form {
    pub const ALL: [Form; 8] = [
        Form::Figure,
        Form::Strip,
        Form::Lanes,
        Form::Video,
        Form::Csv,
        Form::LanesCsv,
        Form::Json,
        Form::Npz,
    ];

    /// It is of the lanes, and not of the analysis alone.
    pub fn is_of_lanes(self) -> bool {
        matches!(self, Form::Lanes | Form::LanesCsv)
    }

    /// In file names and titles.
    pub fn word(self) -> &'static str {
        match self {
            Form::Figure => "figure",
            Form::Strip => "filmstrip",
            Form::Lanes | Form::LanesCsv => "lanes",
            Form::Csv | Form::Json | Form::Npz => "scores",
            Form::Video => "video",
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Form::Figure | Form::Strip | Form::Lanes => "png",
            Form::Csv | Form::LanesCsv => "csv",
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
