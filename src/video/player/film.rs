//! Playing a film: no thread and no queue, the clock alone says which picture is due.

use super::Player;
use crate::video::Pts;
use crate::video::film::{self, Film};
use crate::video::source::Source;
use std::sync::Arc;

impl Player {
    /// Plays another film in place of this one, from the same time on: what somebody draws changes under their hand. Of files
    /// it plays none.
    pub fn swap(&mut self, source: &Arc<Source>) {
        if source.film().is_some() && self.source.film().is_some() {
            self.source = source.clone();
            self.take_film();
        }
    }

    /// Its facts and the picture on show are those of the source's film.
    pub(super) fn take_film(&mut self) {
        let Some(film) = self.source.film().cloned() else { return };
        self.info = Some(film::info(&*film));
        self.current = None;
        self.show_film(&*film);
    }

    /// Advances the clock, which may have been at `before`, and shows what is due.
    pub(super) fn run_film(&mut self, film: &dyn Film, before: Pts) {
        if self.playing && !self.clock.is_running() {
            self.clock.run(self.now);
        }
        if self.clock.is_running() {
            let (at, end) = (self.clock.at(self.now), film.times().end);
            if let Some(start) = self.clock.wrap(at, before, Some(end)) {
                self.clock.jump(start, self.now);
            } else if at >= end {
                self.pause();
                self.clock.jump(end, self.now);
            }
        }
        self.show_film(film);
    }

    /// The picture at the play head, where it is not on show already.
    pub(super) fn show_film(&mut self, film: &dyn Film) {
        let due = film.times().shown_at(self.position());
        if self.current.as_ref().map(|frame| frame.pts) != due {
            self.current = film::frame(film, self.position()).map(Arc::new);
        }
    }

    /// So many frames from the one on show, as far as there are any.
    pub(super) fn step_film(&mut self, film: &dyn Film, frames: i32) {
        let times = film.times();
        let last = times.times.len().saturating_sub(1);
        let place = times.place(self.position()).unwrap_or(0);
        let to = place.saturating_add_signed(frames as isize).min(last);
        if let Some(at) = times.nth(to) {
            self.clock.jump(at, self.now);
            self.show_film(film);
        }
    }
}

/// When the picture after the one at `at` is due.
pub(super) fn next(film: &dyn Film, at: Pts) -> Pts {
    let times = film.times();
    times.place(at).and_then(|place| times.nth(place + 1)).unwrap_or(times.end)
}
