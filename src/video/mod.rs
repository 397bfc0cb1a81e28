//! Video in: decoding, playback, and the clips that the model sees. Time is PTS everywhere: a frame is named by
//! its presentation time, never by index × 1/fps.

/// A presentation time in nanoseconds from the start of the video (the first frame's PTS is 0 or later).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
pub struct VideoDigest(pub std::sync::Arc<str>);

/// One frame of a clip as the model's preprocessing gets it.
#[derive(Clone, Debug)]
pub struct ClipFrame {
    pub pts: Pts,
    pub image: std::sync::Arc<RgbImage>,
}

/// T frames over a window of a video (METHOD §1 "Frames").
#[derive(Clone, Debug)]
pub struct Clip {
    pub video: VideoDigest,
    /// T frames in time order; a frame may repeat where the window has fewer than T.
    pub frames: Vec<ClipFrame>,
}

pub mod player;
pub use player::{Player, VideoInfo, Wake};

/// Why a video cannot be opened, decoded or sampled. Every message names the file and says what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VideoError {
    #[error("{0}")]
    Message(String),
}

/// A decoded frame with its planes as they came from the decoder.
#[derive(Debug)]
pub struct Frame {
    pub pts: Pts,
}
