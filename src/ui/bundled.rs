//! The clips and prompt sets that come with the program: found beside it, in the folder it was started from, or
//! in the source folder that it was built from.

use std::path::{Path, PathBuf};

/// One bundled clip and the prompt set that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// The file's stem with spaces for dashes and underscores.
    pub name: String,
    pub path: PathBuf,
    pub prompts: Option<PathBuf>,
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

/// The clips under `root/assets`; a prompt set is `prompts/<stem>.json` or the only one there.
fn clips_in(root: &Path) -> Vec<Clip> {
    let files = |dir: PathBuf, ext: &str| -> Vec<PathBuf> {
        let mut list: Vec<_> = std::fs::read_dir(dir)
            .into_iter()
            .flatten()
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.extension().is_some_and(|e| e == ext))
            .collect();
        list.sort();
        list
    };
    let sets = files(root.join("assets/prompts"), "json");
    let clips = files(root.join("assets/clips"), "mp4");
    clips
        .into_iter()
        .map(|path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let own = sets.iter().find(|s| s.file_stem() == path.file_stem());
            let prompts = own.or(if sets.len() == 1 { sets.first() } else { None }).cloned();
            Clip { name: stem.replace(['-', '_'], " "), path, prompts }
        })
        .collect()
}
