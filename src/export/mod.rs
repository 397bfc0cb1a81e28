//! What leaves the program: the analysis as JSON, maps laid over pictures, and a report folder. No window and no
//! model needed: everything here works on plain data.

pub mod json;
mod page;
mod repeat;
pub mod report;

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
