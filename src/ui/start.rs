//! How long the start took, by phase, told on stderr for `RUST_LOG=motionlens::start=info`. A frame counts as on the screen when the
//! second one after it is begun: two may be under way, so nothing is told before it can be seen.

use super::state::State;
use std::time::{Duration, Instant};

/// What the log calls these lines.
const TARGET: &str = "motionlens::start";

/// What a person who starts the program waits for, in the order in which it usually comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The window's first frame, whatever is in it.
    Drawn,
    Picture,
    Map,
    Scores,
}

impl Phase {
    pub const ALL: [Self; 4] = [Self::Drawn, Self::Picture, Self::Map, Self::Scores];

    pub fn words(self) -> &'static str {
        match self {
            Self::Drawn => "window drawn",
            Self::Picture => "first picture",
            Self::Map => "first map",
            Self::Scores => "first scores",
        }
    }

    /// What is drawn of this state has it.
    fn is_in(self, s: &State) -> bool {
        match self {
            Self::Drawn => true,
            Self::Picture => s.playback.shown.is_some(),
            Self::Map => s.playback.shown.is_some() && s.shown.is_some(),
            Self::Scores => s.scores().is_some() && s.scores_fresh(),
        }
    }
}

/// Whether anybody wants to hear.
pub fn is_heard() -> bool {
    log::log_enabled!(target: TARGET, log::Level::Info)
}

/// Tells what happens before there is a frame.
pub fn tell(what: &str, after: Duration) {
    log::info!(target: TARGET, "{what} after {:.3} s", after.as_secs_f64());
}

/// What has been drawn, and what has been on the screen since when.
pub struct Start {
    began: Instant,
    frames: u32,
    /// Of each of [`Phase::ALL`] the frame that had it first.
    drawn_in: [Option<u32>; 4],
    shown: [Option<Duration>; 4],
}

impl Start {
    pub fn new(began: Instant) -> Self {
        Self { began, frames: 0, drawn_in: [None; 4], shown: [None; 4] }
    }

    /// The next frame is begun.
    pub fn begin_frame(&mut self) {
        for (i, phase) in Phase::ALL.into_iter().enumerate() {
            if self.shown[i].is_none() && self.drawn_in[i].is_some_and(|frame| self.frames > frame) {
                let after = self.began.elapsed();
                tell(phase.words(), after);
                self.shown[i] = Some(after);
            }
        }
    }

    /// A frame of this state has been drawn.
    pub fn end_frame(&mut self, s: &State) {
        self.frames = self.frames.saturating_add(1);
        for (phase, drawn) in Phase::ALL.into_iter().zip(&mut self.drawn_in) {
            if drawn.is_none() && phase.is_in(s) {
                *drawn = Some(self.frames);
            }
        }
    }

    /// How long it took until this could be seen; `None` until then.
    pub fn seen(&self, phase: Phase) -> Option<Duration> {
        Phase::ALL.iter().position(|p| *p == phase).and_then(|i| self.shown[i])
    }

    /// Something has been drawn that is not yet known to be seen, so that another frame is needed.
    pub fn waits(&self) -> bool {
        self.drawn_in.iter().zip(&self.shown).any(|(drawn, shown)| drawn.is_some() && shown.is_none())
    }

    pub fn is_over(&self) -> bool {
        self.shown.iter().all(Option::is_some)
    }

    pub fn began(&self) -> Instant {
        self.began
    }
}
