//! The clips and prompt sets that come with the program: found beside it, in the folder it was started from, or
//! in the source folder that it was built from. Where that is gone, as after `cargo install` from a clone that was removed, they
//! are unpacked from the program into its cache folder, because players read files; where that cannot be written, into the
//! session's own folder, which is gone when the person logs out.

use crate::data::cast::Cast;
use crate::files;
use crate::prompt::PromptSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The prompt set that goes with the embedded model of this cast.
pub fn prompts_of(cast: Cast) -> &'static str {
    match cast {
        Cast::Shapes => include_str!("../../assets/prompts/moving-shapes.json"),
        Cast::People => include_str!("../../assets/prompts/people.json"),
    }
}

/// The models in the program, as menus have them: name, what it is, whom it knows.
pub const MODELS: [(&str, &str, Cast); 2] = [
    ("Embedded model: shapes", "In the program; its words are of drawn shapes that move", Cast::Shapes),
    ("Embedded model: people", "In the program; its words are of drawn people who act", Cast::People),
];

macro_rules! embedded {
    ($($name:literal,)*) => { &[$(($name, include_bytes!(concat!("../../assets/", $name)))),*] };
}

/// What is unpacked, by its place in `assets`; a test holds that nothing is left out.
const EMBEDDED: &[(&str, &[u8])] = embedded![
    "clips/moving-down-while-fading-in.json",
    "clips/moving-down-while-fading-in.mp4",
    "clips/moving-left-while-fading-out.json",
    "clips/moving-left-while-fading-out.mp4",
    "clips/moving-right-while-growing.json",
    "clips/moving-right-while-growing.mp4",
    "people/beside-the-chair.json",
    "people/beside-the-chair.mp4",
    "people/by-the-plant.json",
    "people/by-the-plant.mp4",
    "people/in-the-dark-room.json",
    "people/in-the-dark-room.mp4",
    "prompts/animals.json",
    "prompts/care.json",
    "prompts/dance.json",
    "prompts/gym.json",
    "prompts/hands.json",
    "prompts/household.json",
    "prompts/instruments.json",
    "prompts/kitchen.json",
    "prompts/moving-shapes.json",
    "prompts/office.json",
    "prompts/outdoors.json",
    "prompts/people.json",
    "prompts/sports.json",
];

/// [`prompts_of`] the cast; a test holds that they can be read.
pub fn prompts(cast: Cast) -> PromptSet {
    PromptSet::from_bytes(prompts_of(cast).as_bytes()).unwrap_or_else(|why| {
        log::error!("the bundled prompt set: {why}");
        PromptSet::from_names(Vec::<String>::new())
    })
}

/// The sets of all casts: what a window without a person's own prompts shows.
pub fn all_prompts() -> Vec<PromptSet> {
    MODELS.map(|(_, _, cast)| prompts(cast)).to_vec()
}

/// One bundled file: a clip, or a set of prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The file's stem with spaces for dashes and underscores.
    pub name: String,
    pub path: PathBuf,
    /// Of a clip: who acts in it, and so which model in the program knows it.
    pub cast: Cast,
}

/// Looks for `assets/clips/*.mp4` and, of people, `assets/people/*.mp4`; each sorted by name, but for [`FIRST`].
pub fn clips() -> Vec<File> {
    let of = |folder: &str, cast| files(folder, "mp4").into_iter().map(move |file| File { cast, ..file });
    let mut people: Vec<File> = of("assets/people", Cast::People).collect();
    people.sort_by_key(|file| !file.path.ends_with(FIRST));
    of("assets/clips", Cast::Shapes).chain(people).collect()
}

/// The clip that a window without one opens, and the first minute is about.
const FIRST: &str = "by-the-plant.mp4";

/// Who acts in a video that is one of these clips, also where it is named from the folder that the program was started in.
pub fn cast_of(clips: &[File], video: &Path) -> Option<Cast> {
    let full = std::path::absolute(video).unwrap_or_else(|_| video.to_owned());
    clips.iter().find(|clip| clip.path == full).map(|clip| clip.cast)
}

/// Looks for `assets/prompts/*.json`: sets of prompts to begin with, for people who bring a CLIP that knows real words.
pub fn prompt_sets() -> Vec<File> {
    files("assets/prompts", "json")
}

fn files(folder: &str, extension: &str) -> Vec<File> {
    let found = roots().iter().map(|r| files_in(&r.join(folder), extension)).find(|f| !f.is_empty());
    let of_this_build = |file: &File| EMBEDDED.iter().any(|(name, _)| file.path.ends_with(name));
    let unpacked =
        || Some(files_in(&unpacked()?.join(folder), extension).into_iter().filter(of_this_build).collect());
    found.or_else(unpacked).unwrap_or_default()
}

/// Where the embedded files have been unpacked, once a run: a folder of this version, so that another is never mixed with it.
fn unpacked() -> Option<&'static Path> {
    static UNPACKED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let unpacked = UNPACKED.get_or_init(|| {
        // Not the folder for temporary files: in one that all share, others can put links where this writes.
        let session =
            directories::BaseDirs::new().and_then(|dirs| Some(dirs.runtime_dir()?.join("motionlens")));
        let places = [files::cache_folder(), session].into_iter().flatten();
        let roots = places.map(|place| place.join(concat!("bundled-", env!("CARGO_PKG_VERSION"))));
        let mut refused = Vec::new();
        for root in roots {
            match unpack(&root) {
                Ok(()) => return Some(root),
                Err(why) => refused.push(format!("into {}: {why}", root.display())),
            }
        }
        match refused.is_empty() {
            true => log::error!("the bundled clips cannot be unpacked: there is no home folder"),
            false => log::error!("the bundled clips cannot be unpacked {}", refused.join(", or ")),
        }
        None
    });
    unpacked.as_deref()
}

/// Writes what is not there, or is something else.
fn unpack(root: &Path) -> io::Result<()> {
    for (name, content) in EMBEDDED {
        let path = root.join("assets").join(name);
        if std::fs::read(&path).is_ok_and(|there| there == *content) {
            continue;
        }
        std::fs::create_dir_all(path.parent().unwrap_or(root))?;
        files::write_atomic(&path, content)?;
    }
    Ok(())
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
            File { name: stem.replace(['-', '_'], " "), path, cast: Cast::default() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_is_what_comes_with_the_program() {
        let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let mut names = Vec::new();
        for folder in ["clips", "people", "prompts"] {
            let entries = std::fs::read_dir(assets.join(folder)).unwrap().map(|e| e.unwrap());
            let files = entries.filter(|e| e.file_type().unwrap().is_file());
            names.extend(files.map(|e| format!("{folder}/{}", e.file_name().to_str().unwrap())));
        }
        names.sort();
        assert_eq!(EMBEDDED.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
        let dir = tempfile::tempdir().unwrap();
        unpack(dir.path()).unwrap();
        let clips = files_in(&dir.path().join("assets/clips"), "mp4");
        assert_eq!(clips.len(), files_in(&assets.join("clips"), "mp4").len());
        // One that is another is written again.
        let whole = std::fs::read(&clips[0].path).unwrap();
        std::fs::write(&clips[0].path, vec![0; whole.len()]).unwrap();
        unpack(dir.path()).unwrap();
        assert_eq!(std::fs::read(&clips[0].path).unwrap(), whole);
    }

    #[test]
    fn the_sets_of_the_models_in_the_program_can_be_read() {
        for (_, _, cast) in MODELS {
            assert!(prompts(cast).classes.len() >= 10);
        }
    }

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
