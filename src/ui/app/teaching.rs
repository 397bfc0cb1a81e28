//! Lessons: opening one, carrying out what its steps do, and giving the window back as it was.

use super::App;
use crate::ui::intent::Intent;
use crate::ui::learning::{Before, Learning, Turn};
use crate::ui::lesson::Lesson;
use std::sync::Arc;

impl App {
    /// Begins the lesson of this place among those of the program; `None`: ends the one there is.
    pub(super) fn learn(&mut self, ctx: &egui::Context, which: Option<usize>) {
        match which {
            Some(place) => {
                if let Some(lesson) = self.state.lessons.get(place).cloned() {
                    self.begin_lesson(lesson);
                }
            }
            None => self.end_lesson(ctx),
        }
    }

    /// Offers the first minute to somebody who has not been offered it, where that can be remembered; whether it did.
    pub fn invite(&mut self, ctx: &egui::Context) -> bool {
        if self.invited || !self.keep.remembers() || self.state.bundled.is_empty() {
            return false;
        }
        self.invited = true;
        self.apply(ctx, Intent::Learn(Some(0)));
        true
    }

    pub(super) fn begin_lesson(&mut self, lesson: Arc<Lesson>) {
        let open = self.open_now();
        let s = &mut self.state;
        let before = s.learning.take().map(|l| l.before).unwrap_or_else(|| Before {
            prompts: s.history.state(),
            open,
            view: s.view,
        });
        s.learning = Some(Learning::new(lesson, before));
        self.ctx.request_repaint();
    }

    fn end_lesson(&mut self, ctx: &egui::Context) {
        let Some(learning) = self.state.learning.take() else { return };
        let Before { prompts, open, view } = learning.before;
        self.apply(ctx, Intent::ResetAltered);
        self.apply(ctx, Intent::SetView(view));
        if self.state.history.state() != prompts {
            self.apply(ctx, Intent::ReturnTo(prompts));
        }
        match &open.video {
            Some(video) if self.state.video.as_ref().is_none_or(|now| now.path != *video) => {
                self.reopen(&open)
            }
            Some(_) => {
                self.apply(ctx, Intent::Pause);
                self.reopen = Some(open);
                self.reopened();
            }
            None => {}
        }
    }

    pub(super) fn turn(&mut self, turn: Turn) {
        if let Some(learning) = &mut self.state.learning {
            learning.turn(turn);
        }
    }

    /// Carries out what the lesson has come to.
    pub(super) fn teach(&mut self, ctx: &egui::Context) {
        let Some(mut learning) = self.state.learning.take() else { return };
        let due = learning.advance(&self.state);
        self.state.learning = Some(learning);
        for intent in due {
            self.apply(ctx, intent);
        }
    }
}
