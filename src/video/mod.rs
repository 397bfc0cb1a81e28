//! Video in: decoding, playback, and the clips that the model sees. Time is PTS everywhere: a frame is named by
//! its presentation time, never by index × 1/fps.
//!
//! ```text
//! source (one per open file: its frames' times, its digest; every handle below knows it)
//! decode ──> frame ──> player (decode thread + clock) ──> the window
//!    │         └─────> convert (RGB in software)
//!    └──> reader (its own handle) ──> pictures of a clip's frames ──> preprocess ──> the model
//! encode: RGB pictures ──> mp4
//! film: a source without a file, whose pictures are computed
//! ```
//! Only [`decode`] (reading) and [`encode`] (writing) know ffmpeg.

use serde::{Deserialize, Serialize};
use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub mod camera;
pub mod clip;
pub mod clock;
mod convert;
pub mod decode;
pub mod encode;
pub mod film;
pub mod frame;
pub mod player;
pub mod preprocess;
mod reader;
pub mod resample;
pub mod sampling;
pub mod source;
pub mod times;

pub use clip::{ClipError, ClipSpec, Freeze, Order, Rule, Span};
pub use encode::Mp4Writer;
pub use film::Film;
pub use frame::Frame;
pub use player::{Player, VideoInfo};
pub use preprocess::{Crop, Preprocess};
pub use reader::FrameReader;
pub use source::{Source, SourceId};
pub use times::FrameTimes;

/// A presentation time in nanoseconds from the start of the video (the first frame's PTS is 0 or later).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pts(pub i64);

impl Pts {
    /// From seconds; not-a-number becomes 0.
    pub fn from_secs(s: f64) -> Self {
        Self((s * 1e9).round() as i64)
    }

    /// In seconds.
    pub fn secs(self) -> f64 {
        self.0 as f64 * 1e-9
    }
}

/// An 8-bit RGB picture in display orientation with square pixels, rows top to bottom, no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbImage {
    pub width: u32,
    pub height: u32,
    /// `3 * width * height` bytes.
    pub data: Vec<u8>,
}

/// Identity of a video file: BLAKE3 of its bytes (hex, first 32 digits).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VideoDigest(pub Arc<str>);

/// Wakes the window when there is something new; called from worker threads.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Stops work on another thread: clones share one flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks everything that holds a clone to stop; it ends with [`VideoError::Cancelled`].
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a video cannot be opened, decoded, sampled or written. Every message names the file and says what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VideoError {
    #[error("{}: cannot be read ({reason}). Check the path and its permissions.", path.display())]
    Io { path: PathBuf, reason: String },
    #[error("{}: this is {what}, not a file. Open a video file.", path.display())]
    NotAFile { path: PathBuf, what: &'static str },
    #[error("{}: the file is empty. Open another file.", path.display())]
    Empty { path: PathBuf },
    #[error("{}: this is {what}, which points at other files or addresses; only the video file itself is opened. Open the file that it names.", path.display())]
    Playlist { path: PathBuf, what: &'static str },
    #[error("{}: {reason}, or open another file.", path.display())]
    NotAVideo { path: PathBuf, reason: &'static str },
    #[error("{}: there is no video in it, only {what}. Open a file with a picture.", path.display())]
    NoVideo { path: PathBuf, what: &'static str },
    #[error("{}: its pictures are {width}×{height}; the limit is {}×{} and {} megapixels. Scale it down first.", path.display(), frame::MAX_SIDE, frame::MAX_SIDE, frame::MAX_PIXELS / 1_000_000)]
    TooLarge { path: PathBuf, width: u32, height: u32 },
    #[error("{}: no picture could be decoded ({reason}). The file is damaged or cut off; try another copy.", path.display())]
    Undecodable { path: PathBuf, reason: String },
    #[error("{}: reading stopped ({reason}); what was decoded before stays.", path.display())]
    Interrupted { path: PathBuf, reason: String },
    #[error("{}: opening took longer than {seconds} s and was given up. The file is probably damaged.", path.display())]
    Timeout { path: PathBuf, seconds: u64 },
    #[error("{}: a fault inside the decoder ({message}). Open the file again; please report it if it returns.", path.display())]
    Panicked { path: PathBuf, message: String },
    #[error("{}: cannot be written ({reason}).", path.display())]
    Write { path: PathBuf, reason: String },
    /// Not shown: whoever cancelled knows.
    #[error("cancelled")]
    Cancelled,
}

impl VideoError {
    /// A caught panic as an error that can be read.
    fn panicked(path: &Path, panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Self::Panicked { path: path.to_owned(), message: text.to_owned() }
    }
}

/// Waits for a thread that has been told to end, `limit` at most; whether it has ended. For the end of the program
/// only: nothing else waits for a thread.
fn wait_for(thread: JoinHandle<()>, limit: Duration) -> bool {
    let start = Instant::now();
    while !thread.is_finished() {
        if start.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // A panic there has been reported by the thread itself.
    let _ = thread.join();
    true
}
