//! The files of what is kept: read at the start, replaced whole in the order in which they were asked for, set aside where
//! they cannot be read. Nothing here runs on the window's thread but the reading at the start.

use super::{FOLDER_VARIABLE, Kept};
use crate::files::write_atomic;
use crate::prompt::PromptSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Windows that are open at once and each keep a draft.
const SLOTS: usize = 9;

/// The two files of a window.
pub(super) struct Disk {
    draft: Place,
    kept: Place,
    /// A failure has been told; the next ones are the same.
    told: AtomicBool,
    /// Of the draft, held while the program runs.
    _lock: Option<File>,
}

impl Disk {
    /// The files in `folder`, which is made where it is not there.
    pub(super) fn open(folder: &Path) -> Self {
        // Where this fails, so will the first file that is written, which is told then.
        if let Err(e) = fs::create_dir_all(folder) {
            log::debug!("{} cannot be made: {e}", folder.display());
        }
        let (slot, lock) = take_slot(folder);
        let place = |name: String| Place { path: folder.join(name), state: Mutex::default() };
        Self {
            draft: place(format!("draft-{slot}.json")),
            kept: place("window.json".to_owned()),
            told: AtomicBool::new(false),
            _lock: lock,
        }
    }

    /// The draft; with `fresh` it is left as it is, and set aside before another takes its place.
    pub(super) fn read_draft(&self, fresh: bool, problems: &mut Vec<String>) -> Option<PromptSet> {
        if fresh {
            self.draft.state().anothers = self.draft.path.exists();
            return None;
        }
        self.draft.read(read_draft, problems)
    }

    pub(super) fn read_kept(&self, problems: &mut Vec<String>) -> Option<Kept> {
        self.kept.read(read_kept, problems)
    }

    /// `None` removes the draft: the window shows what it shows without one. Returns what is to be told.
    pub(super) fn write_draft(&self, turn: u64, draft: Option<&PromptSet>) -> Option<String> {
        let result = self.draft.write(turn, |path| match draft {
            Some(set) => set.save(path).map_err(|e| e.to_string()),
            None => match fs::remove_file(path) {
                Err(e) if e.kind() != ErrorKind::NotFound => Err(fault(path, &e)),
                _ => Ok(()),
            },
        });
        self.tell(result)
    }

    /// Returns what is to be told.
    pub(super) fn write_kept(&self, turn: u64, kept: &Kept) -> Option<String> {
        let result = self.kept.write(turn, |path| {
            let json = serde_json::to_vec_pretty(kept).map_err(|e| e.to_string())?;
            write_atomic(path, &json).map_err(|e| fault(path, &e))
        });
        self.tell(result)
    }

    /// Whether everything that was to be written is there.
    pub(super) fn works(&self) -> bool {
        !(self.told.load(Ordering::Relaxed) || self.draft.state().barred || self.kept.state().barred)
    }

    /// The words the first time, nothing after.
    fn tell(&self, result: Result<(), String>) -> Option<String> {
        let why = result.err()?;
        let before = self.told.swap(true, Ordering::Relaxed);
        (!before).then(|| {
            format!(
                "What you type cannot be kept between runs: {why}. Save your prompts with Export, Prompt set, or name \
                 another folder in the variable {FOLDER_VARIABLE}."
            )
        })
    }
}

/// One file.
struct Place {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The newest that was written.
    turn: u64,
    /// The file could not be read nor set aside; it is not touched.
    barred: bool,
    /// What is there belongs to an earlier window.
    anothers: bool,
}

impl Place {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file that cannot be read gets another name, so that nothing overwrites it; where that fails it is not touched.
    fn read<T>(
        &self,
        read: impl FnOnce(&Path) -> Result<Option<T>, String>,
        problems: &mut Vec<String>,
    ) -> Option<T> {
        let why = match read(&self.path) {
            Ok(found) => return found,
            Err(why) => why,
        };
        problems.push(match move_aside(&self.path) {
            Ok(to) => format!("{why}. The file was set aside as {}.", to.display()),
            Err(_) => {
                self.state().barred = true;
                format!("{why}. The file is left as it is, and nothing is kept in its place.")
            }
        });
        None
    }

    /// Writes, unless something newer has been written.
    fn write(&self, turn: u64, write: impl FnOnce(&Path) -> Result<(), String>) -> Result<(), String> {
        let mut state = self.state();
        if turn < state.turn || state.barred {
            return Ok(());
        }
        state.turn = turn;
        if std::mem::take(&mut state.anothers)
            && let Err(e) = move_aside(&self.path)
        {
            state.barred = true;
            return Err(format!("{} is of an earlier run and cannot be set aside: {e}", self.path.display()));
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|e| fault(folder, &e))?;
        }
        write(&self.path)
    }
}

fn fault(file: &Path, why: &io::Error) -> String {
    format!("cannot write {}: {why}", file.display())
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
    let why = match fs::read(file) {
        Ok(bytes) => match Kept::parse(&bytes) {
            Ok(kept) => return Ok(Some(kept)),
            Err(why) => why,
        },
        Err(e) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&e.kind()) => return Ok(None),
        Err(e) => e.to_string(),
    };
    Err(format!("{} cannot be read: {why}", file.display()))
}

fn move_aside(file: &Path) -> io::Result<PathBuf> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let names = (1..1000).map(|n| file.with_file_name(format!("{stem}.aside-{n}.json")));
    let free = names.into_iter().find(|p| !p.exists()).ok_or(ErrorKind::AlreadyExists)?;
    fs::rename(file, &free).inspect_err(|e| log::warn!("{} cannot be set aside: {e}", file.display()))?;
    Ok(free)
}
