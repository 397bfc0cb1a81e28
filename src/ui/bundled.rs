//! The clips that come with the program: found beside it, in the folder it was started from, or
//! in the source folder that it was built from.

use crate::prompt::PromptSet;
use std::path::{Path, PathBuf};

/// The prompt set that goes with the clips and the embedded model.
pub const PROMPTS: &str = include_str!("../../assets/prompts/moving-shapes.json");

/// [`PROMPTS`]; a test holds that it can be read.
pub fn prompts() -> PromptSet {
    PromptSet::from_bytes(PROMPTS.as_bytes()).unwrap_or_else(|why| {
        log::error!("the bundled prompt set: {why}");
        PromptSet::from_names(Vec::<String>::new())
    })
}

/// One bundled clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// The file's stem with spaces for dashes and underscores.
    pub name: String,
    pub path: PathBuf,
}

/// Looks for `assets/clips/*.mp4`; sorted by name.
pub fn clips() -> Vec<Clip> {
    roots().iter().map(|r| clips_in(r)).find(|c| !c.is_empty()).unwrap_or_default()
}

fn roots() -> Vec<PathBuf> {
    let exe = std::env::current_exe().ok().and_then(|p| p.parent().map(Path::to_owned));
    let mut roots = Vec::new();
    roots.extend(exe);
    roots.extend(std::env::current_dir());
    roots.push(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    roots
}

/// The clips under `root/assets`.
fn clips_in(root: &Path) -> Vec<Clip> {
    let mut clips: Vec<PathBuf> = std::fs::read_dir(root.join("assets/clips"))
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "mp4"))
        .collect();
    clips.sort();
    clips
        .into_iter()
        .map(|path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Clip { name: stem.replace(['-', '_'], " "), path }
        })
        .collect()
}
