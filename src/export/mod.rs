//! What leaves the program: the analysis as JSON, CSV and NPZ, a figure with its receipt, the clip with its maps as MP4, and
//! a report folder. No window and no model needed: everything here works on plain data.

pub mod arrays;
pub mod figure;
pub mod json;
mod letters;
pub mod overlay;
mod page;
mod repeat;
pub mod report;
pub mod table;

use std::path::PathBuf;

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
