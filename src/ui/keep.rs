//! What is kept between runs: the prompts as they are being typed, recent files, and how the window is arranged.
//!
//! Two small JSON files in one folder. The draft is a prompt set like any other, so a person can open it by hand; every
//! open window has a draft of its own (`draft-1.json`, `draft-2.json`, …), held by a lock, and the next window that gets
//! the same number finds it. Both are replaced whole, on threads, and a file that cannot be read is set aside and told
//! of, never overwritten.

mod disk;

use super::jobs::{Desk, JobOutcome};
use super::look::View;
use crate::data::cast::Cast;
use crate::prompt::{PromptSet, Templates};
use disk::Disk;
use egui::ThemePreference;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Names another folder than the user's own.
pub const FOLDER_VARIABLE: &str = "MOTIONLENS_STATE_DIR";
/// The version of [`Kept`] that is written, and the newest that is read.
const VERSION: u32 = 1;
/// A draft is written this long after the last edit …
const PAUSE: Duration = Duration::from_secs(1);
/// … and after this long in any case, where somebody types without a pause.
const LONGEST: Duration = Duration::from_secs(4);
/// How often it is looked whether the arrangement has changed.
const LOOK: Duration = Duration::from_secs(2);
/// The sizes of text and controls, in percent.
pub const TEXT_SIZES: RangeInclusive<u16> = 50..=200;
/// Recent files of a kind.
const RECENT: usize = 8;

/// Where things are kept, unless the variable says otherwise.
pub fn folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE).filter(|f| !f.is_empty()) {
        return Some(folder.into());
    }
    let dirs = directories::ProjectDirs::from("", "", "motionlens")?;
    Some(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned())
}

/// Files that were open lately, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recent {
    pub videos: Vec<PathBuf>,
    pub models: Vec<PathBuf>,
    pub prompts: Vec<PathBuf>,
}

impl Recent {
    /// Puts a path in front. One that JSON cannot hold (it is not Unicode) is left out.
    pub fn note(list: &mut Vec<PathBuf>, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if path.to_str().is_some() {
            list.retain(|p| *p != path);
            list.insert(0, path);
            list.truncate(RECENT);
        }
    }
}

/// What is open, for the program that starts again after the loss of a GPU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Open {
    pub video: Option<PathBuf>,
    /// `None`: one in the program.
    pub model: Option<PathBuf>,
    /// Whom the one in the program knows.
    pub cast: Cast,
    /// Seconds.
    pub position: f64,
    /// In and out point in seconds.
    pub range: (Option<f64>, Option<f64>),
}

/// Everything but the draft. What an older file lacks is as it is without a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    pub version: u32,
    pub recent: Recent,
    pub view: View,
    /// `None`: as it comes with the prompts.
    pub sort_by_score: Option<bool>,
    /// See [`super::panes::Panes::kept`].
    pub panes: serde_json::Value,
    /// In points.
    pub prompts_width: Option<f32>,
    pub theme: ThemePreference,
    /// See [`TEXT_SIZES`]; 1: 100%.
    pub zoom: f32,
    /// Size of the window, in points.
    pub size: Option<[f32; 2]>,
    pub open: Open,
    /// The first minute has been offered.
    pub invited: bool,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            version: VERSION,
            recent: Recent::default(),
            view: View::default(),
            sort_by_score: None,
            panes: serde_json::Value::Null,
            prompts_width: None,
            theme: ThemePreference::Dark,
            zoom: 1.0,
            size: None,
            open: Open::default(),
            invited: false,
        }
    }
}

impl Kept {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        if head.version > VERSION {
            return Err(format!("a newer MotionLens wrote it (version {})", head.version));
        }
        let kept: Self = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        Ok(kept.within_bounds())
    }

    /// A file that was edited by hand cannot make a window that nobody can use.
    fn within_bounds(mut self) -> Self {
        let within = |v: f32, low: f32, high: f32| if v.is_finite() { v.clamp(low, high) } else { low };
        self.version = VERSION;
        self.zoom = if self.zoom.is_finite() {
            within(self.zoom, 0.01 * f32::from(*TEXT_SIZES.start()), 0.01 * f32::from(*TEXT_SIZES.end()))
        } else {
            1.0
        };
        self.view = self.view.within_bounds();
        self.prompts_width = self.prompts_width.map(|w| within(w, 260.0, 4000.0));
        self.size = self.size.map(|[w, h]| [within(w, 900.0, 8192.0), within(h, 600.0, 8192.0)]);
        self
    }
}

/// What was found at the start.
#[derive(Debug, Default)]
pub struct Found {
    pub kept: Kept,
    pub draft: Option<PromptSet>,
    /// What a person should know: files that were set aside, a folder that cannot be used.
    pub problems: Vec<String>,
}

/// Writes what is to be kept, on threads, each file in the order in which it was asked for.
pub struct Keep {
    disk: Option<Arc<Disk>>,
    /// The set that a window without a draft begins with; it need not be kept.
    bundled: Vec<PromptSet>,
    /// First and last edit that have not been written.
    unsaved: Option<(Instant, Instant)>,
    saved: Kept,
    looked: Option<Instant>,
    /// Counts what is asked to be written: of two jobs the later one wins, whichever runs first.
    turn: u64,
}

impl Keep {
    /// Keeps nothing (tests, benches).
    pub fn nothing() -> Self {
        Self { disk: None, bundled: Vec::new(), unsaved: None, saved: Kept::default(), looked: None, turn: 0 }
    }

    /// Reads what is in `folder`, which is made where it is not there; without one nothing is kept. With `fresh` the window
    /// begins with prompts of its own choice: a draft that is there is not read, and set aside before another takes its
    /// place.
    pub fn open(folder: Option<PathBuf>, bundled: Vec<PromptSet>, fresh: bool) -> (Self, Found) {
        let mut found = Found::default();
        let Some(folder) = folder else {
            return (Self { bundled, ..Self::nothing() }, found);
        };
        let disk = Disk::open(&folder);
        found.kept = disk.read_kept(&mut found.problems).unwrap_or_default();
        found.draft = disk.read_draft(fresh, &mut found.problems);
        let saved = found.kept.clone();
        (Self { disk: Some(Arc::new(disk)), bundled, saved, ..Self::nothing() }, found)
    }

    /// Whether this is a set that a window without a draft shows; templates that follow the model make no difference.
    pub fn is_bundled(&self, set: &PromptSet) -> bool {
        self.bundled.iter().any(|own| {
            let plain = set.templates == own.templates || set.templates == Templates::default();
            plain && set.classes == own.classes
        })
    }

    /// The prompts were changed.
    pub fn typed(&mut self, now: Instant) {
        let first = self.unsaved.map_or(now, |(first, _)| first);
        self.unsaved = Some((first, now));
    }

    /// Writes what is due. Says when to look again, where something waits.
    pub fn tick(
        &mut self,
        now: Instant,
        desk: &Desk,
        prompts: impl FnOnce() -> PromptSet,
        kept: impl FnOnce() -> Kept,
    ) -> Option<Duration> {
        if self.looked.is_none_or(|at| now - at >= LOOK) {
            self.looked = Some(now);
            let kept = kept();
            // The play head moves all the time; where it is is written when the window closes.
            let same = Kept {
                open: Open { position: self.saved.open.position, ..kept.open.clone() },
                ..kept.clone()
            };
            if same != self.saved {
                self.write_kept(desk, kept);
            }
        }
        let (first, last) = self.unsaved?;
        let due = (last + PAUSE).min(first + LONGEST);
        if due > now {
            return Some(due - now);
        }
        self.write_draft(desk, prompts(), false);
        None
    }

    /// Writes everything that has changed, at the close of the window. With `all` the prompts are written in any case:
    /// the program that starts again finds them.
    pub fn close(&mut self, desk: &Desk, prompts: PromptSet, kept: Kept, all: bool) {
        if self.unsaved.is_some() || all {
            self.write_draft(desk, prompts, all);
        }
        if kept != self.saved || all {
            self.write_kept(desk, kept);
        }
    }

    /// There is a folder to keep things in.
    pub fn remembers(&self) -> bool {
        self.disk.is_some()
    }

    /// Whether what was written so far is on the disk. Waits for the disk: for the close of the window only.
    pub fn works(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.works())
    }

    fn write_draft(&mut self, desk: &Desk, prompts: PromptSet, all: bool) {
        self.unsaved = None;
        let Some(disk) = self.disk.clone() else { return };
        let draft = Some(prompts).filter(|p| all || !self.is_bundled(p));
        self.turn += 1;
        let turn = self.turn;
        desk.write("draft", move || {
            disk.write_draft(turn, draft.as_ref()).map(|told| JobOutcome::Told(Err(told)))
        });
    }

    fn write_kept(&mut self, desk: &Desk, kept: Kept) {
        self.saved.clone_from(&kept);
        let Some(disk) = self.disk.clone() else { return };
        self.turn += 1;
        let turn = self.turn;
        desk.write("kept", move || disk.write_kept(turn, &kept).map(|told| JobOutcome::Told(Err(told))));
    }
}
