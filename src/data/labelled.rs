//! Labelled real videos: one folder a class, or a manifest CSV `path,label[,start_s,end_s]`.

use super::world;
use crate::video::Pts;
use rand::seq::SliceRandom;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// One labelled stretch of a video.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledClip {
    pub path: PathBuf,
    /// Index into the list of classes.
    pub label: usize,
    pub start: Option<Pts>,
    pub end: Option<Pts>,
}

/// Clips and the names of their classes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelledClips {
    pub classes: Vec<String>,
    pub clips: Vec<LabelledClip>,
}

impl LabelledClips {
    /// At most `shots` clips of every class that are there, chosen by the seed.
    pub fn shots(&self, shots: usize, seed: u64) -> Self {
        let mut chosen = Vec::new();
        for class in 0..self.classes.len() {
            let mut clips: Vec<_> = self
                .clips
                .iter()
                .filter(|clip| clip.label == class && clip.path.is_file())
                .cloned()
                .collect();
            clips.shuffle(&mut world::rng(seed, class as u64));
            clips.truncate(shots);
            chosen.extend(clips);
        }
        Self { classes: self.classes.clone(), clips: chosen }
    }
}

/// Why labelled videos could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum LabelledError {
    #[error("cannot read {path}: {reason}")]
    Read { path: PathBuf, reason: String },
    #[error("{path}, line {line}: {reason}; a manifest has rows path,label[,start_s,end_s]")]
    Manifest { path: PathBuf, line: u64, reason: String },
    #[error("{0} holds no videos; expected one folder a class, or a manifest CSV")]
    Empty(PathBuf),
}

/// Reads a folder (one sub-folder a class, its name the class, `_` as a space) or a manifest file. Sorted, so that the
/// same data gives the same order everywhere.
pub fn read(path: &Path) -> Result<LabelledClips, LabelledError> {
    let found = if path.is_dir() {
        class_folders(path)?
    } else {
        let bytes = crate::files::read_whole(path)
            .map_err(|e| LabelledError::Read { path: path.to_owned(), reason: e.to_string() })?;
        manifest(&bytes[..], crate::files::folder_of(path), path)?
    };
    if found.clips.is_empty() { Err(LabelledError::Empty(path.to_owned())) } else { Ok(found) }
}

fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, LabelledError> {
    let fail = |e: std::io::Error| LabelledError::Read { path: folder.to_owned(), reason: e.to_string() };
    let mut paths = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>())
        .map_err(fail)?;
    paths.retain(|p| !p.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.')));
    paths.sort();
    Ok(paths)
}

/// Files that people and `motionlens synth` keep beside videos. Everything else has to be one.
fn is_beside(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|e| ["json", "csv", "txt", "md", "srt", "vtt"].contains(&e.as_str()))
}

/// The videos right in a folder, sorted; files that people keep beside videos are left out.
pub fn videos_in(folder: &Path) -> Result<Vec<PathBuf>, LabelledError> {
    let mut files = sorted_entries(folder)?;
    files.retain(|p| p.is_file() && !is_beside(p));
    Ok(files)
}

/// The videos in a folder and in the folders within, sorted; links to folders are not followed, as they may lead back.
pub fn videos_under(folder: &Path) -> Result<Vec<PathBuf>, LabelledError> {
    let mut found = Vec::new();
    for path in sorted_entries(folder)? {
        if path.is_dir() {
            if !path.is_symlink() {
                found.extend(videos_under(&path)?);
            }
        } else if path.is_file() && !is_beside(&path) {
            found.push(path);
        }
    }
    Ok(found)
}

fn class_folders(folder: &Path) -> Result<LabelledClips, LabelledError> {
    let mut found = LabelledClips::default();
    for class in sorted_entries(folder)?.into_iter().filter(|p| p.is_dir()) {
        let label = found.classes.len();
        let clip = |path| LabelledClip { path, label, start: None, end: None };
        found.clips.extend(videos_in(&class)?.into_iter().map(clip));
        let name = class.file_name().map(|n| n.to_string_lossy().replace('_', " ")).unwrap_or_default();
        found.classes.push(name);
    }
    Ok(found)
}

/// Reads the rows of a manifest; its paths are relative to `base`, and errors name `path`.
pub fn manifest(rows: impl std::io::Read, base: &Path, path: &Path) -> Result<LabelledClips, LabelledError> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(rows);
    let mut found = LabelledClips::default();
    let mut labels = HashMap::new();
    for (row, record) in reader.records().enumerate() {
        let line = row as u64 + 1;
        let fail = |reason: String| LabelledError::Manifest { path: path.to_owned(), line, reason };
        let record = record.map_err(|e| fail(e.to_string()))?;
        let (Some(video), Some(name)) = (record.get(0), record.get(1).filter(|n| !n.is_empty())) else {
            return Err(fail("it has no label".into()));
        };
        if row == 0 && video.eq_ignore_ascii_case("path") && name.eq_ignore_ascii_case("label") {
            continue;
        }
        let time = |i: usize| match record.get(i).filter(|t| !t.is_empty()) {
            None => Ok(None),
            Some(text) => match text.parse::<f64>() {
                Ok(s) if s.is_finite() && (0.0..1e7).contains(&s) => Ok(Some(Pts::from_secs(s))),
                _ => Err(fail(format!("\"{text}\" is not a time in seconds"))),
            },
        };
        let label = *labels.entry(name.to_owned()).or_insert_with(|| {
            found.classes.push(name.to_owned());
            found.classes.len() - 1
        });
        let (start, end) = (time(2)?, time(3)?);
        if start.zip(end).is_some_and(|(s, e)| e < s) {
            return Err(fail("the end is before the start".into()));
        }
        found.clips.push(LabelledClip { path: base.join(video), label, start, end });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_manifests_say_the_same() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["jump_rope/b.mp4", "jump_rope/a.mp4", "jump_rope/a.json", "run/c.mp4", "run/.hidden"] {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let folders = read(dir.path()).unwrap();
        assert_eq!(folders.classes, ["jump rope", "run"]);
        let csv = dir.path().join("list.csv");
        std::fs::write(
            &csv,
            "path,label\njump_rope/a.mp4,jump rope\njump_rope/b.mp4, jump rope\nrun/c.mp4,run\n",
        )
        .unwrap();
        assert_eq!(read(&csv).unwrap(), folders);
        std::fs::write(&csv, "run/c.mp4,run,1.5,3\n").unwrap();
        let timed = read(&csv).unwrap();
        assert_eq!(timed.clips[0].start, Some(Pts::from_secs(1.5)));
    }

    #[test]
    fn shots_are_of_every_class_and_the_seed_chooses_them() {
        let dir = tempfile::tempdir().unwrap();
        let clip = |label: usize, i: usize| {
            let path = dir.path().join(format!("{label}-{i}.mp4"));
            std::fs::write(&path, "").unwrap();
            LabelledClip { path, label, start: None, end: None }
        };
        let clips = [9, 9, 2].into_iter().enumerate();
        let all = LabelledClips {
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            clips: clips.flat_map(|(c, n)| (0..n).map(move |i| (c, i))).map(|(c, i)| clip(c, i)).collect(),
        };
        std::fs::remove_file(dir.path().join("0-0.mp4")).unwrap();
        let of = |seed| all.shots(4, seed).clips;
        let labels: Vec<usize> = of(1).iter().map(|c| c.label).collect();
        assert_eq!(labels, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]);
        assert!(of(1).iter().all(|c| c.path.is_file()));
        assert!(of(1) == of(1) && of(1) != of(2));
    }

    #[test]
    fn a_bad_manifest_names_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let csv = dir.path().join("list.csv");
        for (text, said) in [
            ("a.mp4\n", "line 1"),
            ("a.mp4,x\nb.mp4,y,soon\n", "line 2"),
            ("a.mp4,x,3,1\n", "before the start"),
            ("", "holds no videos"),
        ] {
            std::fs::write(&csv, text).unwrap();
            let message = read(&csv).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
    }
}
