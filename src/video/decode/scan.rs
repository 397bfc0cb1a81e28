//! The list of every frame's PTS, by reading the packets without decoding them. It has a handle of its own, so
//! that it can run beside playback.

use super::{Decoder, Timing, open};
use crate::video::{Cancel, Pts, VideoError};
use std::path::{Path, PathBuf};

/// Every frame's PTS in rising order, and the end of the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameTimes {
    pub times: Vec<Pts>,
    pub end: Pts,
}

impl FrameTimes {
    /// The frames' durations differ by more than the rounding of a coarse time base.
    pub fn is_variable(&self) -> bool {
        let steps = || self.times.windows(2).map(|w| w[1].0 - w[0].0);
        match (steps().min(), steps().max()) {
            (Some(min), Some(max)) => max - min > 2_100_000.max(min / 10),
            _ => false,
        }
    }
}

/// What is needed to scan a file as its decoder sees it.
#[derive(Clone, Debug)]
pub struct Scanner {
    path: PathBuf,
    stream: usize,
    timing: Timing,
}

impl Scanner {
    pub(super) fn new(path: &Path, stream: usize, timing: Timing) -> Self {
        Self { path: path.to_owned(), stream, timing }
    }

    /// Reads all packets (or decodes everything, where the packets do not carry the times).
    pub fn run(&self, cancel: &Cancel) -> Result<FrameTimes, VideoError> {
        match self.packets(cancel)? {
            Some(times) => Ok(times),
            None => self.decode(cancel),
        }
    }

    fn packets(&self, cancel: &Cancel) -> Result<Option<FrameTimes>, VideoError> {
        if self.timing.untimed {
            return Ok(None);
        }
        let mut opened = open::open(&self.path, cancel)?;
        opened.watch.opened();
        let mut frames = Vec::new();
        for (stream, packet) in opened.input.packets() {
            if cancel.is_cancelled() {
                return Err(VideoError::Cancelled);
            }
            if stream.index() != self.stream {
                continue;
            }
            let Some(timestamp) = packet.pts() else { return Ok(None) };
            let pts = self.timing.pts(timestamp);
            // What lies before the origin is cut off by an edit list.
            if pts.0 >= 0 {
                frames.push((pts, Pts(self.timing.nanoseconds(packet.duration()))));
            }
        }
        frames.sort_unstable();
        frames.dedup_by_key(|f| f.0);
        Ok(finish(frames, self.timing.nominal))
    }

    fn decode(&self, cancel: &Cancel) -> Result<FrameTimes, VideoError> {
        let mut decoder = Decoder::open(&self.path, cancel)?;
        let mut frames = Vec::new();
        while let Some(frame) = decoder.next_frame()? {
            frames.push((frame.pts, frame.duration));
        }
        let reason = "it holds no frames".to_owned();
        finish(frames, self.timing.nominal).ok_or(VideoError::Undecodable { path: self.path.clone(), reason })
    }
}

fn finish(frames: Vec<(Pts, Pts)>, nominal: Pts) -> Option<FrameTimes> {
    let &(last, duration) = frames.last()?;
    let duration = if duration.0 > 0 { duration } else { nominal };
    Some(FrameTimes {
        times: frames.into_iter().map(|f| f.0).collect(),
        end: Pts(last.0.saturating_add(duration.0)),
    })
}
