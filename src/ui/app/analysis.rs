//! Which window of the video is analysed: the whole clip, the in/out range, or one that follows the play head.

use super::App;
use crate::engine::AnalysisWindow;
use crate::ui::state::Work;
use crate::video::Pts;
use std::time::Instant;

/// A clip up to this long is analysed whole when it is opened; of a longer one, the first seconds.
const WHOLE_UP_TO: f64 = 10.0;
const FIRST_SECONDS: f64 = 3.0;

impl App {
    pub(super) fn analyse(&mut self, window: AnalysisWindow) {
        self.state.requested = Some(window);
        // A window that follows the play head brings new scores all the time; they need no mark.
        self.state.scores_fresh &= self.state.follow;
        if let Some(e) = &self.engine {
            e.analyse(window);
            let stage = "waiting".to_owned();
            self.state.work = Some(Work { stage, done: 0, total: 0, since: Instant::now() });
        }
    }

    /// As [`App::analyse`], and drops the window that is in work: a person has asked for this one.
    pub(super) fn analyse_now(&mut self, window: AnalysisWindow) {
        if let Some(e) = &self.engine {
            e.cancel();
        }
        self.analyse(window);
    }

    pub(super) fn analyse_first(&mut self) {
        let duration = self.state.playback.duration();
        let end = if duration.secs() <= WHOLE_UP_TO { duration } else { Pts::from_secs(FIRST_SECONDS) };
        self.analyse(AnalysisWindow { start: Pts(0), end });
    }

    /// The moving window: the seconds up to the play head, on a grid of T steps a window, so that windows that
    /// overlap sample the same frames and the engine need not encode them again.
    pub(super) fn follow_window(&self) -> AnalysisWindow {
        let s = &self.state;
        let frames = s.model.as_ref().map_or(8, |i| i.frames).max(1);
        let step = s.follow_length / frames as f64;
        let duration = s.playback.duration().secs();
        let length = s.follow_length.min(duration);
        let end = ((s.playback.position.secs() / step).ceil() * step).clamp(length, duration.max(length));
        AnalysisWindow { start: Pts::from_secs((end - length).max(0.0)), end: Pts::from_secs(end) }
    }

    pub(super) fn set_range(&mut self, range: (Option<Pts>, Option<Pts>)) {
        self.state.range = range;
        let w = self.state.whole_or_range();
        self.with_player(|p| {
            if p.loop_range().is_some() {
                p.set_loop(Some((w.start, w.end)));
            }
        });
    }
}
