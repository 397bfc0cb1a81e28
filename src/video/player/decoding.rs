//! The decode thread and what it shares with the window. It does one of three things: answer the latest request,
//! decode ahead while there is room, or wait.

use super::VideoInfo;
use crate::video::decode::Decoder;
use crate::video::source::Source;
use crate::video::{Cancel, Frame, Pts, VideoError};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Bytes of frames decoded ahead while playing; at least [`MIN_AHEAD`] frames whatever their size.
const AHEAD_BYTES: usize = 64 << 20;
/// Frames decoded ahead while paused.
const MIN_AHEAD: usize = 3;

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// The last frame with PTS ≤ this.
    At(Pts),
    /// So many frames from the frame at `from`.
    Step { from: Pts, frames: i32 },
}

/// The answer to a request.
pub(super) struct Landed {
    pub(super) generation: u64,
    /// `false`: the request was overtaken and this is the last frame it got to.
    pub(super) done: bool,
    /// The play head goes to the frame's PTS (a step); else it stays where the person put it.
    pub(super) moves_head: bool,
    pub(super) frame: Option<Arc<Frame>>,
    /// The frames right before it, as far as they were decoded on the way.
    pub(super) before: Vec<Arc<Frame>>,
}

#[derive(Default)]
pub(super) struct State {
    quit: bool,
    playing: bool,
    generation: u64,
    request: Option<Target>,
    /// Frames after the one on show, without gaps.
    pub(super) queue: VecDeque<Arc<Frame>>,
    /// Nothing comes after the queue.
    pub(super) ended: bool,
    /// PTS of the video's first frame.
    pub(super) first: Option<Pts>,
    pub(super) opened: Option<VideoInfo>,
    pub(super) landed: Option<Landed>,
    pub(super) error: Option<VideoError>,
}

impl State {
    fn has_room(&self) -> bool {
        let bytes: usize = self.queue.iter().map(|f| f.bytes()).sum();
        !self.ended && (self.queue.len() < MIN_AHEAD || self.playing && bytes < AHEAD_BYTES)
    }
}

#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    /// Held for moments only, never while decoding.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces whatever was asked for before; its generation.
    pub(super) fn request(&self, target: Target) -> u64 {
        let mut state = self.lock();
        state.generation += 1;
        state.request = Some(target);
        state.queue.clear();
        state.ended = false;
        self.changed.notify_all();
        state.generation
    }

    pub(super) fn set_playing(&self, playing: bool) {
        self.lock().playing = playing;
        self.changed.notify_all();
    }

    /// Takes the next frame.
    pub(super) fn pop(&self) -> Option<Arc<Frame>> {
        let frame = self.lock().queue.pop_front();
        self.changed.notify_all();
        frame
    }

    /// Puts the frame on show back in front.
    pub(super) fn unpop(&self, frame: Arc<Frame>) {
        self.lock().queue.push_front(frame);
    }

    pub(super) fn quit(&self) {
        self.lock().quit = true;
        self.changed.notify_all();
    }

    /// A newer request waits, or it is all over.
    fn is_overtaken(&self) -> bool {
        let state = self.lock();
        state.quit || state.request.is_some()
    }
}

/// Starts the decode thread.
pub(super) fn spawn(
    source: Arc<Source>,
    shared: Arc<Shared>,
    cancel: Cancel,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("decode".into()).spawn(move || {
        let worker = Worker { source: &source, shared: &shared, cancel: &cancel };
        let error = match catch_unwind(AssertUnwindSafe(|| worker.run())) {
            Ok(Ok(()) | Err(VideoError::Cancelled)) => return,
            Ok(Err(error)) => error,
            Err(panic) => VideoError::panicked(source.path(), &*panic),
        };
        shared.lock().error = Some(error);
        (source.wake())();
    })
}

struct Worker<'a> {
    source: &'a Arc<Source>,
    shared: &'a Arc<Shared>,
    cancel: &'a Cancel,
}

enum Job {
    Answer { target: Target, generation: u64 },
    Ahead { generation: u64 },
    Quit,
}

impl Worker<'_> {
    fn run(&self) -> Result<(), VideoError> {
        let mut decoder = Decoder::open(self.source.path(), self.cancel)?;
        let first = decoder.next_frame()?;
        let info = first.as_ref().map(|frame| info(&decoder, frame));
        {
            let mut state = self.shared.lock();
            state.first = Some(decoder.first_pts());
            state.opened = info;
            // A seek that was asked for while opening counts; this is something to look at until then.
            let done = state.generation == 0;
            state.landed =
                Some(Landed { generation: 0, done, moves_head: done, frame: first, before: Vec::new() });
        }
        (self.source.wake())();
        self.serve(&mut decoder)
    }

    fn serve(&self, decoder: &mut Decoder) -> Result<(), VideoError> {
        let mut position_of = 0;
        loop {
            match self.next_job(position_of) {
                Job::Quit => return Ok(()),
                Job::Answer { target, generation } => {
                    let answer = self.answer(decoder, target, generation);
                    position_of = generation;
                    let mut state = self.shared.lock();
                    match answer {
                        Ok(landed) => state.landed = Some(landed),
                        Err(VideoError::Cancelled) => return Ok(()),
                        Err(error) => {
                            state.error = Some(error);
                            state.ended = true;
                            let (frame, before) = (None, Vec::new());
                            state.landed =
                                Some(Landed { generation, done: true, moves_head: false, frame, before });
                        }
                    }
                    drop(state);
                    (self.source.wake())();
                }
                Job::Ahead { generation } => {
                    let next = decoder.next_frame();
                    let mut state = self.shared.lock();
                    if state.generation != generation {
                        continue;
                    }
                    let awaited = state.queue.is_empty();
                    match next {
                        Ok(Some(frame)) => state.queue.push_back(frame),
                        Ok(None) => state.ended = true,
                        Err(VideoError::Cancelled) => return Ok(()),
                        Err(error) => {
                            state.ended = true;
                            state.error = Some(error);
                        }
                    }
                    let awaited = awaited && state.playing || state.error.is_some();
                    drop(state);
                    if awaited {
                        (self.source.wake())();
                    }
                }
            }
        }
    }

    fn next_job(&self, position_of: u64) -> Job {
        let mut state = self.shared.lock();
        loop {
            if state.quit {
                return Job::Quit;
            }
            let generation = state.generation;
            if let Some(target) = state.request.take() {
                return Job::Answer { target, generation };
            }
            if generation == position_of && state.has_room() {
                return Job::Ahead { generation };
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn answer(&self, decoder: &mut Decoder, target: Target, generation: u64) -> Result<Landed, VideoError> {
        if let Some(Ok(times)) = self.source.try_frames() {
            decoder.know(times);
        }
        let mut recent = Recent::default();
        let seek = |decoder: &mut Decoder, recent: &mut Recent, to: Pts| {
            recent.clear();
            let complete_from = decoder.complete_from(to);
            decoder.seek(to, &mut |frame| {
                recent.push(frame);
                if frame.pts < complete_from {
                    recent.clear();
                }
                !self.shared.is_overtaken()
            })
        };
        let moves_head = matches!(target, Target::Step { .. });
        let frame = match target {
            Target::At(to) => seek(decoder, &mut recent, to)?,
            Target::Step { from, frames } if frames > 0 => {
                let mut frame = seek(decoder, &mut recent, from)?;
                for _ in 0..frames {
                    let Some(next) = decoder.next_frame()? else { break };
                    recent.push(&next);
                    frame = Some(next);
                }
                frame
            }
            Target::Step { from, frames } => {
                let mut at = from;
                let mut frame = None;
                for _ in frames..0 {
                    frame = seek(decoder, &mut recent, Pts(at.0 - 1))?;
                    match &frame {
                        Some(f) if f.pts < at && !self.shared.is_overtaken() => at = f.pts,
                        _ => break,
                    }
                }
                frame
            }
        };
        recent.pop();
        let done = !self.shared.is_overtaken();
        let before = if done { recent.frames.into() } else { Vec::new() };
        Ok(Landed { generation, done, moves_head, frame, before })
    }
}

/// The frames decoded last on the way to a target, within the bytes that the window keeps behind.
#[derive(Default)]
struct Recent {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
}

impl Recent {
    fn push(&mut self, frame: &Arc<Frame>) {
        // A seek that starts again from farther back.
        if self.frames.back().is_some_and(|newest| newest.pts >= frame.pts) {
            self.clear();
        }
        self.bytes += frame.bytes();
        self.frames.push_back(frame.clone());
        while self.bytes > super::BACK_BYTES
            && let Some(oldest) = self.frames.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
    }

    /// Drops the newest: the target itself.
    fn pop(&mut self) {
        if let Some(frame) = self.frames.pop_back() {
            self.bytes -= frame.bytes();
        }
    }

    fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }
}

fn info(decoder: &Decoder, first: &Frame) -> VideoInfo {
    let (width, height) = first.display_size();
    let first_end = Pts(first.pts.0.saturating_add(first.duration.0));
    VideoInfo {
        width,
        height,
        duration: decoder.stated_duration().map(|stated| stated.max(first_end)),
        fps: decoder.fps(),
        variable_rate: false,
        format: decoder.format(first),
        sound: decoder.has_sound(),
        frames: None,
        fault: None,
    }
}
