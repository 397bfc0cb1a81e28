//! The list of every frame's PTS, by reading the packets without decoding them. It has a handle of its own, so
//! that it can run beside playback. A list is whole, or says what is wrong with the file, or is an error; what was
//! interrupted gives none.

use super::{Decoder, MAX_ERRORS, Timing, is_passing, open};
use crate::video::source::note_scan;
use crate::video::{Cancel, FrameTimes, Pts, VideoError};
use ffmpeg_next as ff;
use std::path::{Path, PathBuf};

/// A file that ends so much before what its header says is taken for cut off.
const SHORT: Pts = Pts(1_000_000_000);

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
        self.run_with(cancel, &mut |_| {})
    }

    /// As [`Scanner::run`]; `progress` hears which part of the file's bytes has been read, 0–1.
    pub fn run_with(&self, cancel: &Cancel, progress: &mut dyn FnMut(f32)) -> Result<FrameTimes, VideoError> {
        note_scan();
        let bytes = std::fs::metadata(&self.path).map_or(0, |m| m.len());
        let mut progress = |at: usize| {
            if bytes > 0 {
                progress((at as f32 / bytes as f32).min(1.0));
            }
        };
        if !self.timing.untimed {
            let opened = open::open(&self.path, cancel)?;
            if let Some(times) = self.packets(opened, cancel, &mut progress)? {
                return Ok(times);
            }
        }
        self.decode(cancel, &mut progress)
    }

    /// `None` where the packets do not tell the times.
    pub(super) fn packets(
        &self,
        mut opened: open::Opened,
        cancel: &Cancel,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Option<FrameTimes>, VideoError> {
        opened.watch.opened();
        let mut list = List::new(self.timing);
        let mut errors = 0;
        loop {
            if cancel.is_cancelled() {
                return Err(VideoError::Cancelled);
            }
            let mut packet = ff::Packet::empty();
            match packet.read(&mut opened.input) {
                Ok(()) => {
                    errors = 0;
                    list.packet_end(&opened.input, &packet);
                    if packet.stream() == self.stream {
                        if !list.add(&packet) {
                            return Ok(None);
                        }
                        progress(packet.position().max(0) as usize);
                    }
                }
                Err(ff::Error::Eof) => break,
                Err(ff::Error::Exit) => return Err(VideoError::Cancelled),
                // A demuxer finds its way after damaged data, or asks to be called again.
                Err(e) if is_passing(e) && errors < MAX_ERRORS => {
                    errors += 1;
                    list.holes |= e == ff::Error::InvalidData;
                }
                Err(e) => {
                    list.stopped = Some(e.to_string());
                    break;
                }
            }
        }
        // Demuxers like to take an interruption, or a fault of the disk, for the end of the file.
        if cancel.is_cancelled() {
            return Err(VideoError::Cancelled);
        }
        opened.watch.fault()?;
        Ok(list.finish(open::stated_duration(&opened.input)))
    }

    fn decode(&self, cancel: &Cancel, progress: &mut dyn FnMut(usize)) -> Result<FrameTimes, VideoError> {
        let mut decoder = Decoder::open(&self.path, cancel)?;
        let mut list = List::new(self.timing);
        while let Some(frame) = decoder.next_frame()? {
            list.frames.push((frame.pts, frame.duration));
            progress(decoder.read_to);
        }
        let reason = "it holds no frames".to_owned();
        list.finish(None).ok_or(VideoError::Undecodable { path: self.path.clone(), reason })
    }
}

/// What the packets have told so far.
struct List {
    timing: Timing,
    /// PTS and duration.
    frames: Vec<(Pts, Pts)>,
    keys: Vec<Pts>,
    /// Where the streams, sound included, start (0 or before) and end.
    start: Pts,
    end: Pts,
    /// Something in the middle could not be read.
    holes: bool,
    /// The packet read last is not whole.
    cut: bool,
    /// Why reading stopped before the end.
    stopped: Option<String>,
}

impl List {
    fn new(timing: Timing) -> Self {
        let (frames, keys) = (Vec::new(), Vec::new());
        let (holes, cut, stopped) = (false, false, None);
        Self { timing, frames, keys, start: Pts(0), end: Pts(0), holes, cut, stopped }
    }

    /// Adds a packet of the video; `false` where it does not tell its time.
    fn add(&mut self, packet: &ff::Packet) -> bool {
        let Some(timestamp) = packet.pts() else { return false };
        let pts = self.timing.pts(timestamp);
        // What lies before the origin is cut off by an edit list.
        if pts.0 >= 0 {
            self.frames.push((pts, Pts(self.timing.nanoseconds(packet.duration()))));
            if packet.is_key() {
                self.keys.push(pts);
            }
        }
        true
    }

    /// Notes where a packet of any stream ends, and whether all of it was there.
    fn packet_end(&mut self, input: &ff::format::context::Input, packet: &ff::Packet) {
        self.cut = packet.is_corrupt();
        let (Some(at), Some(stream)) = (packet.pts().or(packet.dts()), input.stream(packet.stream())) else {
            return;
        };
        let base = (i64::from(stream.time_base().numerator()), i64::from(stream.time_base().denominator()));
        let clock = Timing { base, ..self.timing };
        self.start = self.start.min(Pts(clock.nanoseconds(at)));
        self.end = self.end.max(Pts(clock.nanoseconds(at.saturating_add(packet.duration().max(0)))));
    }

    /// The list in order; `None` where there are no frames.
    fn finish(mut self, stated: Option<Pts>) -> Option<FrameTimes> {
        self.frames.sort_unstable();
        self.frames.dedup_by_key(|f| f.0);
        self.keys.sort_unstable();
        let &(last, duration) = self.frames.last()?;
        let duration = if duration.0 > 0 { duration } else { self.timing.nominal };
        let end = Pts(last.0.saturating_add(duration.0));
        let damaged = self.damage(stated);
        let times = self.frames.into_iter().map(|f| f.0).collect();
        Some(FrameTimes { times, end, keys: self.keys, damaged })
    }

    fn damage(&self, stated: Option<Pts>) -> Option<String> {
        let length = Pts(self.end.0.saturating_sub(self.start.0));
        let missing = stated.filter(|stated| stated.0.saturating_sub(length.0) > SHORT.0);
        if let Some(stated) = missing {
            return Some(format!(
                "cut off: it ends after {:.1} s, its header says {:.1} s",
                length.secs(),
                stated.secs()
            ));
        }
        if let Some(reason) = &self.stopped {
            return Some(format!("cut off: it cannot be read on after {:.1} s ({reason})", length.secs()));
        }
        match (self.cut, self.holes) {
            (true, _) => Some("cut off: its last packet is not whole".to_owned()),
            (_, true) => Some("damaged: parts of it cannot be read".to_owned()),
            _ => None,
        }
    }
}
