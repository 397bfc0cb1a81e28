//! Comparing, as far as it is done: the other side's player goes along with the play head, another model answers on an engine of
//! its own, and all of it goes when comparing ends. What is computed comes into [`crate::ui::beside`] like everything that
//! stands beside what is shown.

use super::App;
use crate::engine::{Engine, Event, Memory, Question, QuestionId};
use crate::prompt::PromptSet;
use crate::score::ClassEmbedding;
use crate::session::ModelSource;
use crate::ui::compare::{Align, Compare, Held, Side};
use crate::ui::hold;
use crate::ui::messages::Kind;
use crate::ui::panes::Pane;
use crate::ui::state::{Loading, Playback, State};
use crate::video::{Player, Pts, Source};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// For what a second model computes, beside its weights: one clip at a time is compared.
pub const ROOM: Memory = Memory(128 << 20);
/// A play head that is no further off than this goes on by itself; a jump would be seen.
const DRIFT: Pts = Pts(120_000_000);

/// What plays and answers on the other side.
#[derive(Default)]
pub(super) struct Rival {
    player: Option<Player>,
    engine: Option<Engine>,
    /// Where the player was sent last.
    sent: Option<Pts>,
}

impl Rival {
    /// The engine of another model.
    pub fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }
}

impl State {
    /// The question of the clip on the other side has been answered, or why it cannot be; whether it was that one.
    pub(super) fn other_ended(&mut self, question: QuestionId, problem: Option<&str>) -> bool {
        let of =
            |asked: &Question| self.other_question(asked).is_some_and(|(_, other)| other.id() == question);
        let own = self.asked.as_ref().is_some_and(of);
        let Some(compare) = self.compare.as_mut().filter(|c| own && c.playback().is_some()) else {
            return false;
        };
        compare.problem = problem.map(str::to_owned);
        true
    }

    /// Takes the text side of the prompts that are compared with; whether it was theirs.
    pub(super) fn take_other_texts(
        &mut self,
        set: &Arc<PromptSet>,
        model: &str,
        classes: &Result<Arc<Vec<ClassEmbedding>>, String>,
        plain: &Arc<Vec<ClassEmbedding>>,
    ) -> bool {
        let Some(compare) = &mut self.compare else { return false };
        let Held::Prompts { set: own, texts, scores } = &mut compare.held else { return false };
        if own.as_ref().is_none_or(|own| !Arc::ptr_eq(own, set)) {
            return false;
        }
        match classes {
            Ok(classes) => {
                (*texts, *scores) = (Some((model.to_owned(), [classes.clone(), plain.clone()])), None)
            }
            Err(why) => compare.problem = Some(why.clone()),
        }
        true
    }
}

impl App {
    /// Puts something on the other side, or ends comparing.
    pub(super) fn compare(&mut self, side: Option<Side>) {
        self.end_compare();
        let Some(side) = side else { return };
        let s = &self.state;
        let (name, held) = match &side {
            Side::Clip(place) => {
                let source = Source::open(&place.path, self.wake.clone());
                self.rival.player = Some(Player::open(&source));
                (place.name(), Held::Clip { source, playback: Box::new(Playback::default()) })
            }
            Side::Model(source) => {
                let name = match source {
                    ModelSource::Folder(path) => file_name(path),
                    other => other.to_string(),
                };
                let loading = Some(Loading { what: format!("loading {name}"), fraction: None });
                self.load_rival(source.clone());
                (name, Held::Model { loading, running: None, scale: None })
            }
            Side::Prompts(state) => match s.log.scored_set(*state) {
                Some((words, set)) => {
                    (words.to_owned(), Held::Prompts { set: Some(set), texts: None, scores: None })
                }
                None => return,
            },
            Side::PromptFile(path) => {
                self.desk.read_other_prompts(path.clone());
                (file_name(path), Held::Prompts { set: None, texts: None, scores: None })
            }
        };
        self.state.compare = Some(Compare { side, name, align: Align::default(), held, problem: None });
        self.panes.set_open(Pane::Compare, true);
        self.ask_trial();
    }

    /// Gives back everything that the other side took. An engine looks up between two batches only: it is waited for elsewhere,
    /// and at the end of the program.
    fn end_compare(&mut self) {
        self.state.compare = None;
        self.let_go_of_other_patch();
        self.pictures.show_other(None);
        let Rival { engine, .. } = std::mem::take(&mut self.rival);
        if let Some(engine) = engine {
            self.desk.write("end of comparing", move || {
                drop(engine);
                None
            });
        }
    }

    /// Lets go of a patch of the other side, whose clip is going to be another.
    pub(super) fn let_go_of_other_patch(&mut self) {
        if self.state.probes.patch.is_some_and(|at| at.other) {
            self.state.let_go_of_patch();
        }
    }

    fn load_rival(&mut self, source: ModelSource) {
        let Some(spawn) = &self.spawn else { return };
        let engine = spawn();
        engine.limit(ROOM);
        engine.set_prompts(self.state.revision, Arc::new(hold::held(&self.state)), None);
        engine.load_model(source);
        self.rival.engine = Some(engine);
    }

    /// Takes what the other side has brought, and sends its play head where it belongs.
    pub(super) fn poll_compare(&mut self, ctx: &egui::Context, now: Instant) {
        if self.state.compare.is_none() {
            return;
        }
        while let Some(event) = self.rival.engine.as_ref().and_then(Engine::try_event) {
            self.on_rival_event(event);
        }
        self.move_rival(ctx, now);
        // Another model on the stage has other text sides.
        let s = &mut self.state;
        if let (Some(Held::Prompts { texts, .. }), Some(info)) =
            (s.compare.as_mut().map(|c| &mut c.held), &s.model)
            && texts.as_ref().is_some_and(|(model, _)| *model != info.identity)
        {
            *texts = None;
            self.ask_trial();
        }
        self.state.score_other_prompts();
    }

    fn move_rival(&mut self, ctx: &egui::Context, now: Instant) {
        let head = self.state.other_head();
        let own = &self.state.playback;
        let (playing, speed) = (own.playing, own.speed);
        let Some(player) = &mut self.rival.player else { return };
        let Some(compare) = &mut self.state.compare else { return };
        let Held::Clip { playback, .. } = &mut compare.held else { return };
        player.update(now);
        if let Some(error) = player.error() {
            compare.problem.get_or_insert_with(|| error.to_string());
        }
        if let Some(head) = head {
            let off = Pts(player.position().0.abs_diff(head.at.0).min(i64::MAX as u64) as i64);
            if playing && !head.ended {
                player.set_speed(speed * head.speed);
                if off > DRIFT && !player.is_seeking() {
                    player.seek(head.at);
                }
                if !player.is_playing() {
                    player.play();
                }
                self.rival.sent = None;
            } else {
                if player.is_playing() {
                    player.pause();
                }
                if self.rival.sent != Some(head.at) {
                    player.seek(head.at);
                    self.rival.sent = Some(head.at);
                }
            }
        }
        if let Some(frame) = player.frame() {
            self.pictures.show_other(Some(frame));
        }
        playback.info = player.info().cloned();
        playback.position = player.position();
        playback.shown = player.frame().map(|f| f.pts);
        playback.playing = player.is_playing();
        playback.seeking = player.is_seeking();
        if let Some(wait) = player.next_update(now) {
            ctx.request_repaint_after(wait);
        }
    }

    /// What the engine of another model says.
    fn on_rival_event(&mut self, event: Event) {
        let s = &mut self.state;
        let Some(compare) = &mut s.compare else { return };
        let Held::Model { loading, running, scale } = &mut compare.held else { return };
        match event {
            Event::ModelLoading { what, fraction } => *loading = Some(Loading { what, fraction }),
            Event::ModelLoaded { info, device } => {
                compare.name.clone_from(&info.name);
                (*loading, *scale) = (None, info.scale.clone().map(Arc::new));
                *running = Some((info, device));
            }
            Event::ModelFailed { message } => {
                *loading = None;
                compare.problem = Some(message);
            }
            Event::Scale { scale: measured, .. } => *scale = Some(measured),
            Event::Answered { answer, scored } => {
                compare.problem = None;
                s.beside.answered(&answer, scored.as_ref());
            }
            Event::Scored(scored) => {
                compare.problem = None;
                s.beside.take(&scored);
            }
            Event::Failed { message, .. } | Event::PromptsFailed { message, .. } => {
                compare.problem = Some(message);
            }
            _ => {}
        }
    }

    /// The prompts of a file have been read.
    pub(super) fn take_other_prompts(&mut self, path: &Path, read: Result<PromptSet, String>) {
        let s = &mut self.state;
        let templates = s.model.as_ref().and_then(|m| m.templates.clone());
        let Some(compare) = s.compare.as_mut().filter(|c| c.side == Side::PromptFile(path.to_owned())) else {
            return;
        };
        match (&mut compare.held, read) {
            (Held::Prompts { set, .. }, Ok(mut new)) => {
                // As on the stage: a set that chose no templates has the model's.
                if new.templates == crate::prompt::Templates::default() {
                    new.templates = templates.unwrap_or_default();
                }
                *set = Some(Arc::new(new));
                self.ask_trial();
            }
            (_, Err(why)) => {
                s.messages.add(Kind::Problem, why.clone());
                compare.problem = Some(why);
            }
            _ => {}
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}
