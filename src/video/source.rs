//! One open file, shared by everything that reads it: player, sampling, thumbnails and report. What is true of the
//! whole file (when its frames are shown, the digest of its bytes) is found out once, here, on a thread of its own. Of a
//! [`Film`], which is in no file, it is known at once.

use super::decode::Decoder;
use super::film::Film;
use super::times::FrameTimes;
use super::{Cancel, VideoDigest, VideoError, Wake};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, UNIX_EPOCH};

/// How often a waiting caller looks whether it has been cancelled.
const LOOK: Duration = Duration::from_millis(10);
/// Bytes hashed at once.
const HASHED: usize = 1 << 20;
/// What the ids of films begin with.
const FILM: &str = "film-";

static SCANS: AtomicUsize = AtomicUsize::new(0);
static DIGESTS: AtomicUsize = AtomicUsize::new(0);

/// How often this process has listed a file's frames and hashed a file. Tests hold it against the number of files
/// that were opened.
pub fn reads() -> Reads {
    Reads { scans: SCANS.load(Ordering::Relaxed), digests: DIGESTS.load(Ordering::Relaxed) }
}

/// See [`reads`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    pub scans: usize,
    pub digests: usize,
}

/// Notes a scan, for [`reads`].
pub(super) fn note_scan() {
    SCANS.fetch_add(1, Ordering::Relaxed);
}

/// Tells files apart within this process: BLAKE3 (hex, first 32 digits) of the file's full path, its length and when
/// it was changed; of a film "film-" and its digest. Unlike the digest of a file's bytes it is known at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct SourceId(Arc<str>);

impl SourceId {
    fn of(path: &Path) -> Self {
        let full = path.canonicalize();
        let mut hasher = blake3::Hasher::new();
        hasher.update(full.as_deref().unwrap_or(path).as_os_str().as_encoded_bytes());
        // A file that cannot be looked at cannot be opened either; its path alone names it.
        if let Ok(facts) = std::fs::metadata(path) {
            let changed = facts.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
            hasher.update(&[0]);
            hasher.update(&facts.len().to_le_bytes());
            hasher.update(&changed.map_or(0, |t| t.as_nanos()).to_le_bytes());
        }
        Self(hasher.finalize().to_hex()[..32].into())
    }

    /// It is of a film, and of no file.
    pub fn is_film(&self) -> bool {
        self.0.starts_with(FILM)
    }
}

impl std::fmt::Display for SourceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for SourceId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<SourceId> for String {
    fn from(id: SourceId) -> Self {
        id.0.as_ref().into()
    }
}

/// One open file, or a film. Its thread ends when the last handle is dropped.
pub struct Source {
    id: SourceId,
    path: PathBuf,
    film: Option<Arc<dyn Film>>,
    wake: Wake,
    cancel: Cancel,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread brings; it holds this alone, so that it does not keep the source alive.
#[derive(Default)]
struct Shared {
    found: Mutex<Found>,
    changed: Condvar,
    /// How much of the scan is done, in percent.
    scanned: AtomicU32,
}

#[derive(Default)]
struct Found {
    frames: Option<Result<Arc<FrameTimes>, VideoError>>,
    digest: Option<Result<VideoDigest, VideoError>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, tell: impl FnOnce(&mut Found)) {
        tell(&mut self.lock());
        self.changed.notify_all();
    }
}

impl Source {
    /// Starts reading the file on a thread named "source"; returns at once. `wake` is called when something has been
    /// found out, and by the players of this source.
    pub fn open(path: &Path, wake: Wake) -> Arc<Self> {
        let (cancel, shared) = (Cancel::default(), Arc::new(Shared::default()));
        let work = {
            let (path, cancel, shared, wake) =
                (path.to_owned(), cancel.clone(), shared.clone(), wake.clone());
            move || find_out(&path, &cancel, &shared, &wake)
        };
        let thread = std::thread::Builder::new().name("source".into()).spawn(work);
        let thread = match thread {
            Ok(thread) => Some(thread),
            Err(e) => {
                let error = VideoError::Io { path: path.to_owned(), reason: e.to_string() };
                shared.tell(|found| {
                    (found.frames, found.digest) = (Some(Err(error.clone())), Some(Err(error)));
                });
                None
            }
        };
        let (id, path) = (SourceId::of(path), path.to_owned());
        Arc::new(Self { id, path, film: None, wake, cancel, shared, thread: Mutex::new(thread) })
    }

    /// A film, of which everything is known; messages call it `name`, in place of a path.
    pub fn of_film(film: Arc<dyn Film>, name: &str, wake: Wake) -> Arc<Self> {
        let shared = Arc::new(Shared::default());
        shared.tell(|found| {
            found.frames = Some(Ok(film.times().clone()));
            found.digest = Some(Ok(film.digest().clone()));
        });
        let id = SourceId(format!("{FILM}{}", film.digest().0).into());
        let (path, cancel, thread) = (PathBuf::from(name), Cancel::default(), Mutex::new(None));
        Arc::new(Self { id, path, film: Some(film), wake, cancel, shared, thread })
    }

    pub fn id(&self) -> &SourceId {
        &self.id
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is of, where it is of no file.
    pub(super) fn film(&self) -> Option<&Arc<dyn Film>> {
        self.film.as_ref()
    }

    pub(super) fn wake(&self) -> &Wake {
        &self.wake
    }

    /// The times of all frames, or why they cannot be listed; `None` while the file is being scanned. Never waits.
    pub fn try_frames(&self) -> Option<Result<Arc<FrameTimes>, VideoError>> {
        self.shared.lock().frames.clone()
    }

    /// As [`Source::try_frames`], and waits for it (on worker threads). Cancelling ends the waiting alone: the scan goes
    /// on, and whoever asks next gets the whole list.
    pub fn frames(&self, cancel: &Cancel) -> Result<Arc<FrameTimes>, VideoError> {
        self.wait(cancel, |found| found.frames.clone())
    }

    /// The digest of the file's bytes, or why they cannot be read; `None` until it is known. Never waits.
    pub fn try_digest(&self) -> Option<Result<VideoDigest, VideoError>> {
        self.shared.lock().digest.clone()
    }

    /// As [`Source::try_digest`], and waits for it (on worker threads). Cancelling ends the waiting alone.
    pub fn digest(&self, cancel: &Cancel) -> Result<VideoDigest, VideoError> {
        self.wait(cancel, |found| found.digest.clone())
    }

    /// How much of the file has been scanned, 0–1 by bytes; `None` when the scan is over.
    pub fn progress(&self) -> Option<f32> {
        let scanning = self.shared.lock().frames.is_none();
        scanning.then(|| self.shared.scanned.load(Ordering::Relaxed) as f32 / 100.0)
    }

    /// Stops the thread and waits for its end, `limit` at most (for the end of the program); whether it has ended.
    pub fn close(&self, limit: Duration) -> bool {
        self.cancel.cancel();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        thread.is_none_or(|thread| super::wait_for(thread, limit))
    }

    fn wait<T>(
        &self,
        cancel: &Cancel,
        pick: impl Fn(&Found) -> Option<Result<T, VideoError>>,
    ) -> Result<T, VideoError> {
        let mut found = self.shared.lock();
        loop {
            if cancel.is_cancelled() {
                return Err(VideoError::Cancelled);
            }
            if let Some(picked) = pick(&found) {
                return picked;
            }
            let waited = self.shared.changed.wait_timeout(found, LOOK);
            found = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // The thread ends by itself soon; nobody waits for it here, which may be the ui thread.
        self.cancel.cancel();
    }
}

/// The thread: frames first, because the window waits for them, then the digest.
fn find_out(path: &Path, cancel: &Cancel, shared: &Shared, wake: &Wake) {
    // A source that is gone has nobody to wake.
    let wake = || {
        if !cancel.is_cancelled() {
            wake();
        }
    };
    let frames = guarded(path, || {
        let scanner = Decoder::open(path, cancel)?.scanner();
        let mut progress = |part: f32| {
            let percent = (part * 100.0) as u32;
            if shared.scanned.swap(percent, Ordering::Relaxed) != percent {
                wake();
            }
        };
        scanner.run_with(cancel, &mut progress).map(Arc::new)
    });
    shared.tell(|found| found.frames = Some(frames));
    wake();
    let digest = guarded(path, || digest(path, &|| cancel.is_cancelled()));
    shared.tell(|found| found.digest = Some(digest));
    wake();
}

/// Makes a panic an error that can be read.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, VideoError>) -> Result<T, VideoError> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|panic| Err(VideoError::panicked(path, &*panic)))
}

/// BLAKE3 of the file's bytes, read as a stream.
pub(super) fn digest(path: &Path, cancelled: &dyn Fn() -> bool) -> Result<VideoDigest, VideoError> {
    DIGESTS.fetch_add(1, Ordering::Relaxed);
    let io = |e: std::io::Error| VideoError::Io { path: path.to_owned(), reason: e.to_string() };
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        // Opening a pipe would wait for its other end.
        return Err(VideoError::NotAFile { path: path.to_owned(), what: "a folder, a pipe or a device" });
    }
    let mut file = File::open(path).map_err(io)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; HASHED];
    loop {
        if cancelled() {
            return Err(VideoError::Cancelled);
        }
        match file.read(&mut buffer) {
            Ok(0) => return Ok(VideoDigest(hasher.finalize().to_hex()[..32].into())),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(io(e)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_files_and_their_states_apart() {
        let folder = tempfile::tempdir().expect("folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), b"one").expect("writes");
        std::fs::write(path("b"), b"one").expect("writes");
        let a = SourceId::of(&path("a"));
        assert_eq!(a, SourceId::of(&folder.path().join(".").join("a")), "the same file by another name");
        assert_ne!(a, SourceId::of(&path("b")));
        std::fs::write(path("a"), b"changed").expect("writes");
        assert_ne!(a, SourceId::of(&path("a")));
        assert_ne!(SourceId::of(&path("absent")), SourceId::of(&path("missing")));
        let text = serde_json::to_string(&a).expect("writes");
        assert_eq!(text, format!("\"{a}\""));
        assert_eq!((a.to_string().len(), serde_json::from_str::<SourceId>(&text).expect("reads")), (32, a));
    }
}
