//! The data sets that the field measures on, in the layouts in which they are handed out: which clips a split has, of which
//! classes, and which of them are not there. Nothing is guessed: a clip is where the layout puts it, or it is missing.

mod class_names;
mod hmdb51;
mod kinetics;
mod list_text;
mod lists;
mod ssv2;
mod ucf101;

pub use class_names::{Names, class_name};

use super::labelled::{self, LabelledClips};
use crate::video::Pts;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The layout of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// UCF-101/<Class>/*.avi and ucfTrainTestlist
    Ucf101,
    /// <class>/*.avi and testTrainMulti_7030_splits
    Hmdb51,
    /// Kinetics-600: CSV files, <split>/<label>/<id>_<start>_<end>.mp4, and the class lists of the splits
    K600,
    /// Kinetics-400: CSV files and <split>/<label>/<id>_<start>_<end>.mp4, all classes
    K400,
    /// Something-Something v2: labels/*.json and <id>.webm
    Ssv2,
    /// One folder a class, or a CSV path,label[,start_s,end_s]
    Folder,
}

impl Layout {
    /// Its name on the command line and in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ucf101 => "ucf101",
            Self::Hmdb51 => "hmdb51",
            Self::K600 => "k600",
            Self::K400 => "k400",
            Self::Ssv2 => "ssv2",
            Self::Folder => "folder",
        }
    }
}

/// Why the clips of a data set could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    #[error("cannot read {path}: {reason}")]
    Read { path: PathBuf, reason: String },
    #[error("{path}, line {line}: {reason}")]
    Line { path: PathBuf, line: usize, reason: String },
    #[error("{0}")]
    Layout(String),
    #[error(transparent)]
    Labelled(#[from] labelled::LabelledError),
}

/// What the clips of a split are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Train,
    Test,
}

/// Where a data set is, and which part of it is meant.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub layout: Layout,
    pub root: &'a Path,
    /// Files of class names: with `lists` one, or one a list; of Kinetics-600 one a split. Empty: those of the layout.
    pub labels: &'a [PathBuf],
    /// Lists of `path label`, one a split, in place of the layout's own.
    pub lists: &'a [PathBuf],
    /// The word of the clips meant in Kinetics' column `split`; `None`: what the files leave no choice about.
    pub subset: Option<&'a str>,
    pub names: Names,
    pub part: Part,
}

/// A split as its lists have it: the label space, and its clips for the part that was asked for, whether they are there or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// From 1.
    pub number: usize,
    pub clips: LabelledClips,
}

/// The numbers of the splits that a data set has.
fn numbers(place: &Place<'_>) -> usize {
    match (place.lists.len(), place.layout) {
        (0, Layout::Ucf101 | Layout::Hmdb51) => 3,
        (0, Layout::K600) => {
            if place.labels.is_empty() {
                3
            } else {
                place.labels.len()
            }
        }
        (0, Layout::K400 | Layout::Ssv2 | Layout::Folder) => 1,
        (lists, _) => lists,
    }
}

/// Reads splits of a data set; `wanted`: their numbers, none: all that it has. `note` hears of clips that a split lists more than once:
/// each is in it once.
///
/// # Errors
/// A file of the layout is absent or says something else than it should, a split is wanted that there is not, two classes have one
/// name or one has none, or a clip is in two classes of a split.
pub fn read(place: &Place<'_>, wanted: &[usize], note: &mut dyn FnMut(&str)) -> Result<Vec<Split>, SetError> {
    if !place.root.exists() {
        return Err(SetError::Layout(format!(
            "{} is not there; --root names the folder of the data set",
            place.root.display()
        )));
    }
    if place.lists.is_empty() && !place.labels.is_empty() && place.layout != Layout::K600 {
        return Err(SetError::Layout(
            "--labels says what the numbers in a --list mean; name a --list too".to_owned(),
        ));
    }
    if place.part == Part::Train && (place.layout == Layout::Folder || !place.lists.is_empty()) {
        return Err(SetError::Layout("it does not say which clips are for training".to_owned()));
    }
    let numbers: Vec<usize> = (1..=numbers(place)).collect();
    let wanted = if wanted.is_empty() { &numbers[..] } else { wanted };
    if let Some(absent) = wanted.iter().find(|n| !numbers.contains(n)) {
        let most = numbers.len();
        return Err(SetError::Layout(format!(
            "there is no split {absent}: {} has splits 1 to {most}",
            place.layout.word()
        )));
    }
    let mut splits = match (place.lists.is_empty(), place.layout) {
        (false, _) => lists::read(place, wanted)?,
        (true, Layout::Ucf101) => ucf101::read(place.root, place.part, wanted)?,
        (true, Layout::Hmdb51) => hmdb51::read(place.root, place.part, wanted)?,
        (true, Layout::K600 | Layout::K400) => kinetics::read(place, wanted)?,
        (true, Layout::Ssv2) => vec![Split { number: 1, clips: ssv2::read(place.root, place.part)? }],
        (true, Layout::Folder) => vec![Split { number: 1, clips: labelled::read(place.root)? }],
    };
    for split in &mut splits {
        let mut first: HashMap<String, String> = HashMap::new();
        for name in &mut split.clips.classes {
            let shown = class_name(name, place.names);
            if shown.is_empty() {
                let why = format!("split {}: the class \"{name}\" has no name to ask about", split.number);
                return Err(SetError::Layout(why));
            }
            if let Some(other) = first.insert(shown.clone(), name.clone()) {
                let why = format!(
                    "split {}: the classes \"{other}\" and \"{name}\" are both called \"{shown}\"",
                    split.number
                );
                return Err(SetError::Layout(why));
            }
            *name = shown;
        }
        let repeated = once(split)?;
        if repeated > 0 {
            let number = split.number;
            note(&format!("split {number}: clips that its lists repeat count once; left out: {repeated}"));
        }
    }
    Ok(splits)
}

/// Leaves out the clips that stand above in the same class, and counts them.
fn once(split: &mut Split) -> Result<usize, SetError> {
    let LabelledClips { classes, clips } = &mut split.clips;
    let mut labels: HashMap<Clip, usize> = HashMap::new();
    let before = clips.len();
    let mut twice = None;
    clips.retain(|clip| {
        let label = clip.label;
        let clip = Clip { path: clip.path.clone(), start: clip.start, end: clip.end };
        let path = clip.path.clone();
        match labels.insert(clip, label) {
            Some(other) if other != label => {
                twice.get_or_insert((path, other, label));
                true
            }
            first => first.is_none(),
        }
    });
    match twice {
        Some((path, a, b)) => Err(SetError::Layout(format!(
            "split {}: {} is listed as \"{}\" and as \"{}\"",
            split.number,
            path.display(),
            classes[a],
            classes[b]
        ))),
        None => Ok(before - clips.len()),
    }
}

/// A clip: a video, or a stretch of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clip {
    pub path: PathBuf,
    pub start: Option<Pts>,
    pub end: Option<Pts>,
}

/// A split with the clips that are there.
#[derive(Clone, Debug, PartialEq)]
pub struct Present {
    pub number: usize,
    pub classes: Vec<String>,
    /// Place in [`DataSet::clips`] and class of each clip.
    pub clips: Vec<(usize, usize)>,
    /// Class and path of each clip that is not there.
    pub missing: Vec<(usize, PathBuf)>,
}

/// Splits, and every clip of them once, whichever splits it is in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataSet {
    pub clips: Vec<Clip>,
    pub splits: Vec<Present>,
}

impl DataSet {
    /// Looks which clips are there.
    pub fn of(splits: Vec<Split>) -> Self {
        let mut all = Self::default();
        let mut places: HashMap<Clip, usize> = HashMap::new();
        for Split { number, clips: listed } in splits {
            let mut present =
                Present { number, classes: listed.classes, clips: Vec::new(), missing: Vec::new() };
            for clip in listed.clips {
                let label = clip.label;
                let clip = Clip { path: clip.path, start: clip.start, end: clip.end };
                if !clip.path.is_file() {
                    present.missing.push((label, clip.path));
                    continue;
                }
                let place = *places.entry(clip).or_insert_with_key(|clip| {
                    all.clips.push(clip.clone());
                    all.clips.len() - 1
                });
                present.clips.push((place, label));
            }
            all.splits.push(present);
        }
        all
    }

    /// BLAKE3 (16 hex digits) of which clips there are in which class of which split, by their paths under `root` without the
    /// extension: a data set that was converted to another container is the same.
    pub fn clips_digest(&self, root: &Path) -> String {
        let mut hasher = blake3::Hasher::new();
        for split in &self.splits {
            for (place, class) in &split.clips {
                let Clip { path, start, end } = &self.clips[*place];
                let path = path.strip_prefix(root).unwrap_or(path).with_extension("");
                let line = format!(
                    "{}\n{}\n{}\n{start:?} {end:?}\n",
                    split.number,
                    path.display(),
                    split.classes[*class]
                );
                hasher.update(line.as_bytes());
            }
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// BLAKE3 (16 hex digits) of the label space of every split.
    pub fn classes_digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for split in &self.splits {
            hasher.update(format!("{}\n{}\n", split.number, split.classes.join("\n")).as_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::labelled::LabelledClip;

    /// Makes files of these names and contents under a folder.
    pub fn files(root: &Path, all: &[(&str, &str)]) {
        for (name, content) in all {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }

    pub fn place(layout: Layout, root: &Path) -> Place<'_> {
        Place { layout, root, labels: &[], lists: &[], subset: None, names: Names::Keep, part: Part::Test }
    }

    /// What a split tests, as `class: path under the root`.
    pub fn told(split: &Split, root: &Path) -> Vec<String> {
        let one = |c: &LabelledClip| {
            format!("{}: {}", split.clips.classes[c.label], c.path.strip_prefix(root).unwrap().display())
        };
        split.clips.clips.iter().map(one).collect()
    }

    #[test]
    fn every_clip_is_kept_once_and_what_is_missing_is_told_by_class() {
        let dir = tempfile::tempdir().unwrap();
        files(dir.path(), &[("a/1.mp4", ""), ("a/2.mp4", ""), ("b/1.mp4", "")]);
        let clip =
            |path: &str, label| LabelledClip { path: dir.path().join(path), label, start: None, end: None };
        let split = |number, clips| Split {
            number,
            clips: LabelledClips { classes: vec!["a".into(), "b".into()], clips },
        };
        let data = DataSet::of(vec![
            split(1, vec![clip("a/1.mp4", 0), clip("b/1.mp4", 1), clip("b/9.mp4", 1)]),
            split(2, vec![clip("a/2.mp4", 0), clip("b/1.mp4", 1)]),
        ]);
        assert_eq!(data.clips.len(), 3);
        assert_eq!(data.splits[0].clips, [(0, 0), (1, 1)]);
        assert_eq!(data.splits[1].clips, [(2, 0), (1, 1)]);
        assert_eq!(data.splits[0].missing, [(1, dir.path().join("b/9.mp4"))]);
        let mut other = data.clone();
        assert_eq!(other.clips_digest(dir.path()), data.clips_digest(dir.path()));
        other.clips[0].path.set_extension("avi");
        assert_eq!(other.clips_digest(dir.path()), data.clips_digest(dir.path()), "another container");
        other.splits[0].clips.pop();
        assert_ne!(other.clips_digest(dir.path()), data.clips_digest(dir.path()));
        other.splits[0].classes[1] = "c".into();
        assert_ne!(other.classes_digest(), data.classes_digest());
    }

    #[test]
    fn a_clip_is_once_in_a_split_and_in_one_class() {
        let dir = tempfile::tempdir().unwrap();
        let table = "path,label\na.mp4,x\nb.mp4,y\na.mp4,x\na.mp4,x,1,2\n";
        files(dir.path(), &[("list.csv", table), ("two.csv", "a.mp4,x\na.mp4,y\n")]);
        let mut notes = Vec::new();
        let list = dir.path().join("list.csv");
        let splits =
            read(&place(Layout::Folder, &list), &[], &mut |note| notes.push(note.to_owned())).unwrap();
        assert_eq!(told(&splits[0], dir.path()), ["x: a.mp4", "y: b.mp4", "x: a.mp4"], "the last is a part");
        assert!(notes.len() == 1 && notes[0].ends_with("left out: 1"), "{notes:?}");
        let two = dir.path().join("two.csv");
        let why = read(&place(Layout::Folder, &two), &[], &mut |_| ()).unwrap_err().to_string();
        assert!(why.contains("as \"x\" and as \"y\""), "{why}");
    }

    #[test]
    fn splits_and_names_that_cannot_be_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        files(dir.path(), &[("jump_rope/1.mp4", ""), ("jump rope/1.mp4", "")]);
        let message =
            |place: &Place<'_>, wanted: &[usize]| read(place, wanted, &mut |_| ()).unwrap_err().to_string();
        let folder = place(Layout::Folder, dir.path());
        assert!(message(&folder, &[]).contains("both called \"jump rope\""), "{}", message(&folder, &[]));
        assert!(message(&folder, &[2]).contains("no split 2"));
        std::fs::remove_dir_all(dir.path().join("jump rope")).unwrap();
        files(dir.path(), &[("_/1.mp4", "")]);
        assert!(message(&folder, &[]).contains("no name"), "{}", message(&folder, &[]));
        let nowhere = dir.path().join("nowhere");
        assert!(message(&place(Layout::Ucf101, &nowhere), &[]).contains("is not there"));
        let labels = [dir.path().join("labels.csv")];
        assert!(message(&Place { labels: &labels, ..folder }, &[]).contains("--list"));
    }
}
