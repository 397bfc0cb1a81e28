//! What is kept between runs: the prompts as they are being typed, recent files, and how the window is arranged.
//!
//! Two small JSON files in one folder. The draft is a prompt set like any other, so a person can open it by hand; every
//! open window has a draft of its own (`draft-1.json`, `draft-2.json`, …), held by a lock, and the next window that gets
//! the same number finds it. Both are replaced whole, on threads, and a file that cannot be read is set aside and told
//! of, never overwritten.

use super::command::Command;
use super::dialogs::Desk;
use super::overlay::View;
use crate::export::overlay::Colormap;
use crate::files::write_atomic;
use crate::prompt::PromptSet;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
/// Recent files of a kind.
const RECENT: usize = 8;
/// Windows that are open at once and each keep a draft.
const SLOTS: usize = 9;

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
    /// `None`: the embedded one.
    pub model: Option<PathBuf>,
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
    /// `None`: as the width of the window has it.
    pub inspector: Option<bool>,
    /// Widths of the side panels, in points.
    pub prompts_width: Option<f32>,
    pub inspector_width: Option<f32>,
    pub zoom: f32,
    /// Size of the window, in points.
    pub size: Option<[f32; 2]>,
    pub open: Open,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            version: VERSION,
            recent: Recent::default(),
            view: View::default(),
            sort_by_score: None,
            inspector: None,
            prompts_width: None,
            inspector_width: None,
            zoom: 1.0,
            size: None,
            open: Open::default(),
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
        self.zoom = if self.zoom.is_finite() { self.zoom.clamp(0.5, 3.0) } else { 1.0 };
        self.view.opacity = within(self.view.opacity, 0.0, 1.0);
        self.view.wipe = within(self.view.wipe, 0.0, 1.0);
        if self.view.palette == Colormap::Diverging {
            self.view.palette = Colormap::default();
        }
        self.prompts_width = self.prompts_width.map(|w| within(w, 260.0, 4000.0));
        self.inspector_width = self.inspector_width.map(|w| within(w, 190.0, 4000.0));
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
    bundled: PromptSet,
    /// First and last edit that have not been written.
    unsaved: Option<(Instant, Instant)>,
    saved: Kept,
    looked: Option<Instant>,
}

impl Keep {
    /// Keeps nothing (tests, benches).
    pub fn nothing() -> Self {
        let bundled = PromptSet::from_names(Vec::<String>::new());
        Self { disk: None, bundled, unsaved: None, saved: Kept::default(), looked: None }
    }

    /// Reads what is in `folder`, which is made where it is not there; without one nothing is kept. With `fresh` the window begins with
    /// prompts of its own choice: a draft that is there is not read, and set aside before another takes its place.
    pub fn open(folder: Option<PathBuf>, bundled: PromptSet, fresh: bool) -> (Self, Found) {
        let mut found = Found::default();
        let Some(folder) = folder else {
            return (Self { bundled, ..Self::nothing() }, found);
        };
        // Where this fails, so will the first file that is written, which is told then.
        if let Err(e) = fs::create_dir_all(&folder) {
            log::debug!("{} cannot be made: {e}", folder.display());
        }
        let (slot, lock) = take_slot(&folder);
        let mut written = Written::default();
        let kept_file = folder.join("window.json");
        match read_kept(&kept_file) {
            Ok(kept) => found.kept = kept.unwrap_or_default(),
            Err(why) => {
                let why = format!("{} cannot be read: {why}", kept_file.display());
                written.kept_barred = set_aside(&kept_file, &why, &mut found.problems).is_none();
            }
        }
        let draft_file = folder.join(format!("draft-{slot}.json"));
        if fresh {
            written.draft_is_anothers = draft_file.exists();
        } else {
            match read_draft(&draft_file) {
                Ok(draft) => found.draft = draft,
                Err(why) => {
                    written.draft_barred = set_aside(&draft_file, &why, &mut found.problems).is_none();
                }
            }
        }
        let saved = found.kept.clone();
        let disk = Disk { kept_file, draft_file, _lock: lock, written: Mutex::new(written) };
        let keep = Self { disk: Some(Arc::new(disk)), bundled, unsaved: None, saved, looked: None };
        (keep, found)
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

    /// Whether what was written so far is on the disk.
    pub fn works(&self) -> bool {
        let fine = |w: &Written| !(w.told || w.draft_barred || w.kept_barred);
        self.disk.as_ref().is_some_and(|disk| fine(&lock(&disk.written)))
    }

    fn write_draft(&mut self, desk: &Desk, prompts: PromptSet, all: bool) {
        self.unsaved = None;
        let Some(disk) = self.disk.clone() else { return };
        let draft = Some(prompts).filter(|p| all || *p != self.bundled);
        let turn = lock(&disk.written).next_draft();
        desk.write("draft", move || {
            disk.write_draft(turn, draft.as_ref()).map(|told| Command::Told(Err(told)))
        });
    }

    fn write_kept(&mut self, desk: &Desk, kept: Kept) {
        self.saved.clone_from(&kept);
        let Some(disk) = self.disk.clone() else { return };
        let turn = lock(&disk.written).next_kept();
        desk.write("kept", move || disk.write_kept(turn, &kept).map(|told| Command::Told(Err(told))));
    }
}

/// The files, and what has been written of them.
struct Disk {
    kept_file: PathBuf,
    draft_file: PathBuf,
    /// Held while the program runs.
    _lock: Option<File>,
    written: Mutex<Written>,
}

#[derive(Default)]
struct Written {
    drafts: u64,
    newest_draft: u64,
    kepts: u64,
    newest_kept: u64,
    /// The file could not be read nor set aside; it is not touched.
    draft_barred: bool,
    kept_barred: bool,
    /// The draft that is there belongs to an earlier window.
    draft_is_anothers: bool,
    /// A failure has been told; the next ones are the same.
    told: bool,
}

impl Written {
    fn next_draft(&mut self) -> u64 {
        self.drafts += 1;
        self.drafts
    }

    fn next_kept(&mut self) -> u64 {
        self.kepts += 1;
        self.kepts
    }
}

impl Disk {
    /// `None` removes the draft: the window shows what it shows without one. Returns what is to be told.
    fn write_draft(&self, turn: u64, draft: Option<&PromptSet>) -> Option<String> {
        let mut written = lock(&self.written);
        // A newer one was faster.
        if turn < written.newest_draft || written.draft_barred {
            return None;
        }
        written.newest_draft = turn;
        if std::mem::take(&mut written.draft_is_anothers) && move_aside(&self.draft_file).is_none() {
            written.draft_barred = true;
            return written.tell(&format!(
                "{} belongs to an earlier run and cannot be renamed",
                self.draft_file.display()
            ));
        }
        let result = match draft {
            Some(set) => make_parent(&self.draft_file)
                .and_then(|()| set.save(&self.draft_file).map_err(|e| e.to_string())),
            None => match fs::remove_file(&self.draft_file) {
                Err(e) if e.kind() != ErrorKind::NotFound => Err(fault(&self.draft_file, &e)),
                _ => Ok(()),
            },
        };
        result.err().and_then(|why| written.tell(&why))
    }

    fn write_kept(&self, turn: u64, kept: &Kept) -> Option<String> {
        let mut written = lock(&self.written);
        if turn < written.newest_kept || written.kept_barred {
            return None;
        }
        written.newest_kept = turn;
        let result = make_parent(&self.kept_file).and_then(|()| {
            let json = serde_json::to_vec_pretty(kept).map_err(|e| e.to_string())?;
            write_atomic(&self.kept_file, &json).map_err(|e| fault(&self.kept_file, &e))
        });
        result.err().and_then(|why| written.tell(&why))
    }
}

impl Written {
    /// The words the first time, nothing after.
    fn tell(&mut self, why: &str) -> Option<String> {
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        Some(format!(
            "What you type cannot be kept between runs: {why}. Save your prompts with Export, Prompt set, or name another \
             folder in the variable {FOLDER_VARIABLE}."
        ))
    }
}

fn lock(written: &Mutex<Written>) -> MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fault(file: &Path, why: &std::io::Error) -> String {
    format!("cannot write {}: {why}", file.display())
}

fn make_parent(file: &Path) -> Result<(), String> {
    file.parent().map_or(Ok(()), |folder| fs::create_dir_all(folder).map_err(|e| fault(folder, &e)))
}

/// The first draft that no other window holds. Where locks do not work, every window takes the first.
fn take_slot(folder: &Path) -> (usize, Option<File>) {
    for slot in 1..=SLOTS {
        let Ok(file) = File::create(folder.join(format!("draft-{slot}.lock"))) else { return (1, None) };
        match file.try_lock() {
            Ok(()) => return (slot, Some(file)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => {
                log::warn!("the drafts cannot be locked: {e}");
                return (1, None);
            }
        }
    }
    (SLOTS + 1, None)
}

/// `Ok(None)`: there is no such file.
fn read_draft(file: &Path) -> Result<Option<PromptSet>, String> {
    if !file.exists() {
        return Ok(None);
    }
    // A draft is written as JSON only; anything else that a prompt file may be (a list of names) is damage here.
    let mut first = [0];
    let json = File::open(file).and_then(|mut f| f.read_exact(&mut first)).is_ok_and(|()| first == *b"{");
    match PromptSet::load(file) {
        Ok(_) if !json => Err(format!("{} is not a prompt set: it is no JSON", file.display())),
        Ok(set) => Ok(Some(set)),
        Err(e) => Err(e.to_string()),
    }
}

/// `Ok(None)`: there is no such file.
fn read_kept(file: &Path) -> Result<Option<Kept>, String> {
    match fs::read(file) {
        Ok(bytes) => Kept::parse(&bytes).map(Some),
        Err(e) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&e.kind()) => Ok(None),
        Err(e) => Err(e.to_string()),
    }
}

/// Gives the file another name, so that nothing overwrites it, and notes that; `None`: it stays, and must not be touched.
fn set_aside(file: &Path, why: &str, problems: &mut Vec<String>) -> Option<PathBuf> {
    let moved = move_aside(file);
    problems.push(match &moved {
        Some(to) => format!("{why}. The file was set aside as {}.", to.display()),
        None => format!("{why}. The file is left as it is, and nothing is kept in its place."),
    });
    moved
}

fn move_aside(file: &Path) -> Option<PathBuf> {
    let stem = file.file_stem()?.to_string_lossy().into_owned();
    let free =
        (1..1000).map(|n| file.with_file_name(format!("{stem}.aside-{n}.json"))).find(|p| !p.exists())?;
    match fs::rename(file, &free) {
        Ok(()) => Some(free),
        Err(e) => {
            log::warn!("{} cannot be set aside: {e}", file.display());
            None
        }
    }
}
