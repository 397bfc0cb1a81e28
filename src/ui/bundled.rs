//! The clips and prompt sets that come with the program: found beside it, in the folder it was started from, or
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

/// One bundled file: a clip, or a set of prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The file's stem with spaces for dashes and underscores.
    pub name: String,
    pub path: PathBuf,
}

/// Looks for `assets/clips/*.mp4`; sorted by name.
pub fn clips() -> Vec<File> {
    files("assets/clips", "mp4")
}

/// Looks for `assets/prompts/*.json`: sets of prompts to begin with, for people who bring a CLIP that knows real words.
pub fn prompt_sets() -> Vec<File> {
    files("assets/prompts", "json")
}

fn files(folder: &str, extension: &str) -> Vec<File> {
    roots().iter().map(|r| files_in(&r.join(folder), extension)).find(|f| !f.is_empty()).unwrap_or_default()
}

fn roots() -> Vec<PathBuf> {
    let exe = std::env::current_exe().ok().and_then(|p| p.parent().map(Path::to_owned));
    let mut roots = Vec::new();
    roots.extend(exe);
    roots.extend(std::env::current_dir());
    roots.push(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    roots
}

/// The files of that kind in a folder.
fn files_in(folder: &Path, extension: &str) -> Vec<File> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            File { name: stem.replace(['-', '_'], " "), path }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ready_set_can_be_read_and_names_no_class_twice() {
        let sets = prompt_sets();
        assert!(sets.len() >= 12);
        for set in sets {
            let read = PromptSet::load(&set.path).unwrap();
            let names: std::collections::HashSet<_> = read.classes.iter().map(|c| &c.name).collect();
            assert_eq!(names.len(), read.classes.len(), "{}", set.name);
            assert!(names.len() >= 10, "{}", set.name);
        }
    }
}
