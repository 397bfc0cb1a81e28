//! Asking: the window says what is selected ([`crate::ui::scope`]), and this asks for it when it has changed.

use super::App;
use crate::engine::{Question, Rank};
use crate::ui::scope::Scope;
use crate::ui::state::Work;
use crate::video::{Pts, Source};
use std::path::Path;
use std::time::{Duration, Instant};

/// The play head has come to rest when it has not moved for so long.
const REST: Duration = Duration::from_millis(200);

impl App {
    /// Asks for what is selected, if that is not what was asked last.
    pub(super) fn ask_when_changed(&mut self, now: Instant) {
        self.move_anchor(now);
        if self.state.loading.is_some() {
            return;
        }
        let Some(question) = self.state.question() else { return };
        let source = self.state.video.as_ref().and_then(|v| v.source.clone());
        let (wanted, probes) = (self.state.wanted_beside(&question), self.state.wanted_probes());
        let of_other = self.state.wanted_of_other();
        let of_other = of_other.and_then(|probe| Some((self.state.other_question(&question)?, probe)));
        // A patch is one of these frames, and the clip of the other side goes with this one.
        if let Some(asked) =
            self.state.asked.as_ref().filter(|a| (&a.source, &a.clip) != (&question.source, &question.clip))
        {
            self.state.probes.patch = self.state.patch_after(asked, &question);
        }
        let probed = question.clone();
        if self.state.asked.as_ref() != Some(&question) {
            self.ask(question);
        }
        let (Some(engine), Some(source)) = (&self.engine, source) else { return };
        let s = &mut self.state;
        let shown = s.shown.as_ref().map(|shown| s.wanted_beside(&shown.answer.question)).unwrap_or_default();
        let only = |list: &[(_, Question)]| list.iter().map(|(_, q)| q.clone()).collect::<Vec<_>>();
        if s.beside.asks(&only(&wanted), &only(&shown)) {
            let (own, other) = wanted.into_iter().partition(|(_, q)| q.model == probed.model);
            engine.beside(own);
            if let Some(engine) = self.rival.engine() {
                engine.beside(other);
            }
        }
        let own = probes.into_iter().map(|probe| (source.clone(), probed.clone(), probe));
        let probes: Vec<_> =
            own.chain(of_other.map(|((source, question), probe)| (source, question, probe))).collect();
        if self.state.probes.asks(probes.iter().map(|(_, question, probe)| (question, *probe))) {
            engine.probes(probes);
        }
    }

    fn ask(&mut self, question: Question) {
        let s = &mut self.state;
        let source = s.video.as_ref().and_then(|v| v.source.as_ref());
        let (Some(engine), Some(source)) = (&self.engine, source) else { return };
        // What is dragged, painted and drawn follows the hand as a span follows the play head: there is always a result.
        let by_hand = |a: &Question| *a != question && a.is_but_by_hand(&question);
        let follows = (s.follow && s.scope == Scope::Around) || s.asked.as_ref().is_some_and(by_hand);
        let rank = if follows { Rank::Follow } else { Rank::Screen };
        let id = engine.ask(source, question.clone(), rank);
        s.asked = Some(question);
        let since = s.work.take().filter(|_| follows).map_or_else(Instant::now, |w| w.since);
        s.work = Some(Work { question: id, stage: "waiting".to_owned(), done: 0, total: 0, since });
    }

    /// Goes on with the clips on the shelf, after everything that is waited for.
    pub(super) fn ask_shelf(&mut self) {
        let s = &mut self.state;
        let (Some(engine), Some(model), Some(device)) = (&self.engine, &s.model, &s.device) else { return };
        if s.loading.is_some() || s.shelf.rows().is_empty() {
            return;
        }
        let wake = &self.wake;
        let open = |path: &Path| Source::open(path, wake.clone());
        s.shelf.step(&model.identity, &device.name, (model.frames, s.crop), open);
        for (source, question) in s.shelf.to_ask() {
            engine.ask(&source, question, Rank::Background);
        }
    }

    /// Asks again for what is selected, also where it was cancelled or failed.
    pub(super) fn ask_again(&mut self) {
        self.state.asked = None;
        self.state.beside.forget();
        self.state.probes.forget();
    }

    /// The span around the play head goes with it: at once while it follows, else when it rests.
    fn move_anchor(&mut self, now: Instant) {
        let s = &mut self.state;
        let at = s.playback.position;
        if s.scope != Scope::Around {
            return;
        }
        if s.follow {
            s.anchor = at;
            return;
        }
        if self.rested_at.0 != at || s.playback.playing || s.playback.seeking {
            self.rested_at = (at, now);
        }
        if at != s.anchor {
            let rested = now.saturating_duration_since(self.rested_at.1);
            if rested >= REST {
                s.anchor = at;
            } else if !s.playback.playing {
                self.wake_after(REST - rested);
            }
        }
    }

    pub(super) fn set_scope(&mut self, scope: Scope) {
        let s = &mut self.state;
        s.scope = scope;
        s.follow &= scope == Scope::Around;
        s.anchor = s.playback.position;
        self.ask_again();
    }

    pub(super) fn set_range(&mut self, range: (Option<Pts>, Option<Pts>)) {
        let s = &mut self.state;
        s.range = range;
        s.follow = false;
        s.scope = if range == (None, None) {
            s.playback.end().map_or(Scope::Whole, Scope::for_length)
        } else {
            Scope::Range
        };
        let span = s.whole_or_range();
        self.with_player(|p| {
            if p.loop_range().is_some() {
                p.set_loop(Some((span.start, span.end)));
            }
        });
    }
}
