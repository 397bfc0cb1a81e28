//! Lessons: opening one, carrying out what its steps do, and giving the window back as it was.

use super::drawing::Former;
use super::{App, OnOpen};
use crate::data::drawing::Drawing;
use crate::model::Surgery;
use crate::prompt::PromptSet;
use crate::session::ModelSource;
use crate::ui::edit::PromptEdit;
use crate::ui::intent::Intent;
use crate::ui::lanes::Lanes;
use crate::ui::learning::{Learning, Turn};
use crate::ui::lesson::Lesson;
use crate::ui::look::View;
use crate::ui::negation::Negated;
use crate::ui::panes::Panes;
use crate::ui::prompt_panel;
use crate::ui::scope::Scope;
use crate::video::Pts;
use crate::video::clip::Order;
use crate::video::preprocess::Crop;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// While a lesson waits for scores the window looks again after this.
const LOOK: Duration = Duration::from_millis(100);
/// Who has typed nothing for so long has come to the end of a word.
const PAUSE: Duration = Duration::from_millis(900);

/// How the window was before the lesson. This is what is kept between runs while it lasts.
pub(super) struct Before {
    pub(super) prompts: PromptSet,
    /// They were a person's own.
    pub(super) own: bool,
    pub(super) view: View,
    pub(super) panes: Panes,
    pub(super) sort_by_score: bool,
    order: Order,
    surgery: Surgery,
    crop: Crop,
    lanes: Lanes,
    gate_worth: bool,
    negated: Negated,
    drawn: Drawing,
    scope: Scope,
    range: (Option<Pts>, Option<Pts>),
    follow: bool,
    moment: bool,
    /// When the person last changed prompts in the lesson.
    pub(super) typed: Option<Instant>,
    /// The clip, once the lesson has opened another.
    pub(super) former: Option<Former>,
    /// The person has opened a clip in the lesson, which stays: the model that there was before.
    replaced: Option<ModelSource>,
}

impl App {
    /// Begins the lesson of this place among those of the program; `None`: ends the one there is.
    pub(super) fn learn(&mut self, which: Option<usize>) {
        match which {
            Some(place) => {
                if let Some(lesson) = self.state.lessons.get(place).cloned() {
                    self.begin_lesson(lesson);
                }
            }
            None => self.end_lesson(),
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
        self.end_drawing(true);
        let own = self.prompts_are_own();
        let s = &mut self.state;
        self.before.get_or_insert_with(|| Before {
            prompts: s.prompts().clone(),
            own,
            view: s.view,
            panes: self.panes.clone(),
            sort_by_score: s.sort_by_score,
            order: s.order.clone(),
            surgery: s.surgery.clone(),
            crop: s.crop,
            lanes: s.lanes.clone(),
            gate_worth: s.gate_worth,
            negated: s.negation.asked.clone(),
            drawn: self.drawn_last.clone(),
            scope: s.scope,
            range: s.range,
            follow: s.follow,
            moment: s.moment,
            typed: None,
            former: None,
            replaced: None,
        });
        // Lessons speak of the clip, and wait until it has been looked at.
        (s.follow, s.moment) = (false, false);
        s.learning = Some(Learning::new(lesson));
        self.ctx.request_repaint();
    }

    fn end_lesson(&mut self) {
        self.state.learning = None;
        let Some(before) = self.before.take() else { return };
        // One that was begun in the lesson.
        self.end_drawing(true);
        self.drawn_last = before.drawn;
        self.panes = before.panes;
        let s = &mut self.state;
        s.view = before.view;
        s.sort_by_score = before.sort_by_score;
        (s.order, s.surgery, s.crop) = (before.order, before.surgery, before.crop);
        (s.lanes, s.gate_worth) = (before.lanes, before.gate_worth);
        s.negation.asked = before.negated;
        match (before.former, before.replaced) {
            (Some(former), _) => self.give_back(former),
            (None, Some(model)) => {
                let own = s.video.as_ref().is_none_or(|video| video.bundled.is_none());
                if let Some(cast) = model.cast().filter(|_| own) {
                    self.change_cast(cast);
                }
            }
            (None, None) => {
                (s.scope, s.range) = (before.scope, before.range);
                (s.follow, s.moment) = (before.follow, before.moment);
            }
        }
        if *self.state.prompts() != before.prompts {
            self.edit(&PromptEdit::Replace(before.prompts));
        }
        if self.state.video.is_none() && self.opening.is_none() {
            self.open_bundled();
        }
        if self.state.sort_by_score {
            prompt_panel::to_top(&self.ctx);
        }
    }

    /// A person's clip comes on the stage, which stays when the lesson ends; the one behind the lesson goes for it.
    pub(super) fn opened_in_lesson(&mut self) {
        let Some(before) = &mut self.before else { return };
        let model = before.former.take().map(|former| former.model).or(before.replaced.take());
        before.replaced = Some(model.unwrap_or_else(|| self.model_asked.clone()));
    }

    pub(super) fn turn(&mut self, turn: Turn) {
        if let Some(learning) = &mut self.state.learning {
            learning.turn(turn);
        }
    }

    /// Carries out what the lesson has come to.
    pub(super) fn teach(&mut self, ctx: &egui::Context, now: Instant) {
        let Some(mut learning) = self.state.learning.take() else { return };
        let typed = self.before.as_ref().and_then(|before| before.typed);
        let types = typed.is_some_and(|at| now.saturating_duration_since(at) < PAUSE);
        let due = learning.advance(&self.state, now, types);
        if !due.is_empty() {
            ctx.request_repaint();
        } else if types || learning.waits() {
            ctx.request_repaint_after(LOOK);
        }
        // A lesson that says nothing of it is about the whole clip: an I or O that was no word of it is taken back.
        let whole = !due.is_empty() && !learning.lesson.chooses_a_part() && self.state.range != (None, None);
        self.state.learning = Some(learning);
        for intent in whole.then_some(Intent::ClearRange).into_iter().chain(due) {
            let opens = matches!(intent, Intent::OpenVideo(_));
            if opens {
                self.end_drawing(true);
                if self.before.as_ref().is_some_and(|before| before.former.is_none()) {
                    let mut former = self.hold();
                    self.clear_stage();
                    if let Some(before) = &mut self.before {
                        former.model = before.replaced.take().unwrap_or(former.model);
                        before.former = Some(former);
                    }
                }
            }
            self.apply(ctx, intent);
            if opens {
                // Who reads on looks up at a clip that still moves.
                self.on_open = OnOpen::Loops;
            }
            // What the lesson does is not the person's.
            if let Some(before) = &mut self.before {
                before.typed = typed;
            }
        }
    }
}
