//! Playback: a decode thread, a clock, and the newest frame to show. The window calls [`Player::update`] once a
//! frame and never waits.

use super::Pts;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Wakes the window when there is something new; called from worker threads.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What is known of an open video.
#[derive(Clone, Debug)]
pub struct VideoInfo {
    /// Display size in square pixels, after rotation.
    pub width: u32,
    pub height: u32,
    /// PTS of the last frame plus its duration.
    pub duration: Pts,
    /// Average rate in frames per second; `None` for a still.
    pub fps: Option<f64>,
    /// Frame durations differ.
    pub variable_rate: bool,
    /// For example "h264 (High), yuv420p, bt709, limited".
    pub format: String,
    /// Every frame's PTS in order, once the file has been scanned (frame numbers are positions in it).
    pub frames: Option<Arc<Vec<Pts>>>,
}

/// One open video being played.
pub struct Player {}

impl Player {
    /// Starts opening `path` on a decode thread; returns at once. Paused at the first frame.
    pub fn open(_path: &Path, _wake: Wake) -> Self {
        Self {}
    }
    /// Takes what the decode thread has sent and advances the clock.
    pub fn update(&mut self, _now: Instant) {}
    /// When the window should be drawn again for playback; `None`: nothing is due.
    pub fn next_update(&self, _now: Instant) -> Option<Duration> {
        None
    }
    /// `None` until the file is open.
    pub fn info(&self) -> Option<&VideoInfo> {
        None
    }
    /// Why the file cannot be opened or played on; the last good frame stays.
    pub fn error(&self) -> Option<&super::VideoError> {
        None
    }
    /// The frame to show now.
    pub fn frame(&self) -> Option<&Arc<super::Frame>> {
        None
    }
    /// The play head. While a seek is under way it is where the person asked to go.
    pub fn position(&self) -> Pts {
        Pts(0)
    }
    /// A seek or step whose frame has not come yet.
    pub fn is_seeking(&self) -> bool {
        false
    }
    pub fn is_playing(&self) -> bool {
        false
    }
    /// At the end, starts again from the beginning (or the loop's in point).
    pub fn play(&mut self) {}
    pub fn pause(&mut self) {}
    /// Exact: shows the last frame whose PTS is ≤ `to` (the first frame if there is none).
    pub fn seek(&mut self, _to: Pts) {}
    /// +1 next frame, −1 previous frame; pauses.
    pub fn step(&mut self, _frames: i32) {}
    /// 0.1 to 4.
    pub fn set_speed(&mut self, _speed: f64) {}
    pub fn speed(&self) -> f64 {
        1.0
    }
    /// In and out point; playback jumps from out to in.
    pub fn set_loop(&mut self, _range: Option<(Pts, Pts)>) {}
    pub fn loop_range(&self) -> Option<(Pts, Pts)> {
        None
    }
}
