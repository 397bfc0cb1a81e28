//! The one place where the window's state changes: [`App::apply`] for what people ask, [`App::on_event`] for what
//! the engine says, [`App::poll`] for what the player and other threads bring.

mod analysis;
mod comparing;
mod drawing;
mod experiment;
mod fetching;
mod kept;
mod loss;
mod opening;
mod output;
mod prompts;
mod sweeping;
mod teaching;

pub use comparing::ROOM as COMPARE_ROOM;
pub use loss::Ending;

use super::ask::{self, Asked};
use super::edit::{History, PromptEdit};
use super::fetching::Fetch;
use super::fonts::Missing;
use super::intent::Intent;
use super::jobs::{Desk, JobOutcome};
use super::keep::{self, Keep, Recent};
use super::lens::Lens;
use super::lesson::Lesson;
use super::look::View;
use super::messages::{Kind, Messages};
use super::negation::Negation;
use super::panes::Panes;
use super::pictures::Pictures;
use super::prompt_log::PromptLog;
use super::record::Record;
use super::scope::{self, Scope};
use super::shelf::{self, Shelf};
use super::state::{Loading, Playback, Shown, State, Texts, VideoFile};
use super::trial::Trial;
use super::truth::Known;
use super::whiskers::Whiskers;
use super::{
    bundled, experiment_ask, focus, hall, import, keys, lesson_panel, messages, prompt_panel, theme, topbar,
    transport,
};
use crate::data::drawing::Drawing;
use crate::engine::{Answer, Engine, Event, Finding, Memory, Probe, Question, Scored, Sweep};
use crate::model::Hub;
use crate::model::hub::KNOWN;
use crate::prompt::PromptSet;
use crate::session::ModelSource;
use crate::video::{Player, Pts, SourceId, VideoInfo, Wake};
use crate::view::Layer;
use eframe::egui_wgpu::RenderState;
use egui_commonmark::CommonMarkCache;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// At the end of the program a thread that reads a video is waited for so long.
const CLOSING: Duration = Duration::from_secs(1);

/// What a clip does once it is open and its length is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum OnOpen {
    #[default]
    Stands,
    /// It begins again at its end, once somebody plays it: a lesson's.
    Loops,
    /// It plays by itself, again and again.
    Plays,
}

/// The window's contents.
pub struct App {
    state: State,
    engine: Option<Engine>,
    player: Option<Player>,
    /// A video that is being opened; the present one stays until this one has shown that it can be played.
    opening: Option<(VideoFile, Player)>,
    pictures: Pictures,
    panes: Panes,
    markdown: CommonMarkCache,
    desk: Desk,
    wake: Wake,
    asked: Vec<Intent>,
    /// The scope of the video just opened is to be chosen as soon as its length is known.
    scope_on_open: bool,
    /// Where the play head is, and since when it has not moved.
    rested_at: (Pts, Instant),
    on_open: OnOpen,
    hinted: bool,
    /// It has been said that there are no file dialogs.
    told_of_dialogs: bool,
    /// The first minute has been offered, in this run or an earlier one.
    invited: bool,
    /// While somebody is in a lesson.
    before: Option<teaching::Before>,
    reported: Option<String>,
    missing: Missing,
    keep: Keep,
    /// A video that is to be shown where the run before this one left it.
    reopen: Option<keep::Open>,
    /// The model waits for the first picture of the window.
    held: Option<opening::Held>,
    /// The model that was asked for last, and the one in use.
    model_asked: ModelSource,
    model_open: ModelSource,
    /// Where models of the hub come from.
    hub: Option<Hub>,
    /// Opens an engine like the one there is, for another model.
    spawn: Option<Box<dyn Fn() -> Engine>>,
    /// What plays and answers on the other side of a comparison.
    rival: comparing::Rival,
    /// An experiment that is being put on show.
    experiment: Option<experiment::Opening>,
    /// The clip that comes back when a person has drawn, and what was drawn last.
    former: Option<(drawing::Former, bool)>,
    drawn_last: Drawing,
    /// The drawing whose truth was asked for.
    truth_of: Option<SourceId>,
    gpus: loss::Gpus,
    /// What the engine was told last of the sweep, and of the answers that it is to watch.
    sweeping: sweeping::Told,
    memory: Memory,
    ctx: egui::Context,
}

impl App {
    /// An app around an engine; without one (tests) it shows what it is told through [`App::on_event`].
    pub fn new(ctx: &egui::Context, gpu: Option<RenderState>, engine: Option<Engine>) -> Self {
        theme::apply(ctx);
        let wake: Wake = {
            let ctx = ctx.clone();
            Arc::new(move || ctx.request_repaint())
        };
        let state = State {
            video: None,
            opening: None,
            bundled: bundled::clips(),
            prompt_sets: bundled::prompt_sets(),
            playback: Playback::default(),
            model: None,
            loading: None,
            fetching: Default::default(),
            device: None,
            work: None,
            shown: None,
            frames_read: false,
            beside: Default::default(),
            compare: None,
            gate_worth: false,
            probes: Default::default(),
            asked: None,
            scope: Scope::default(),
            range: (None, None),
            easel: None,
            follow: false,
            around: scope::AROUND,
            anchor: Pts(0),
            order: Default::default(),
            crop: Default::default(),
            surgery: Default::default(),
            scale: None,
            history: History::new(PromptSet::from_names(Vec::<String>::new())),
            hold: None,
            prompts_file: None,
            scored: None,
            revision: 0,
            encoding: None,
            notes: HashMap::new(),
            texts: None,
            log: PromptLog::default(),
            trial: Trial::default(),
            pinned_of: None,
            negation: Negation::default(),
            import: None,
            misplaced: None,
            exporting: None,
            view: View::default(),
            layer_before: Layer::Motion,
            shelf: Shelf::default(),
            lanes: Default::default(),
            record: None,
            moment: false,
            moment_scored: None,
            whiskers: None,
            camera: None,
            truth: None,
            lens: Lens::default(),
            sort_by_score: false,
            messages: Messages::default(),
            help: false,
            presenting: false,
            lessons: Lesson::shipped().into_iter().map(Arc::new).collect(),
            learning: None,
            path_field: None,
            path_entered: None,
            id_field: None,
            time_field: None,
            recent: Recent::default(),
            prompts_width: None,
            stage_rect: egui::Rect::NOTHING,
        };
        Self {
            state,
            engine,
            player: None,
            opening: None,
            pictures: Pictures::new(gpu),
            panes: Panes::default(),
            markdown: CommonMarkCache::default(),
            desk: Desk::new(ctx.clone()),
            wake,
            asked: Vec::new(),
            scope_on_open: false,
            rested_at: (Pts(0), Instant::now()),
            on_open: OnOpen::default(),
            hinted: false,
            told_of_dialogs: false,
            invited: false,
            before: None,
            reported: None,
            missing: Missing::listen(ctx),
            keep: Keep::nothing(),
            reopen: None,
            held: None,
            model_asked: ModelSource::default(),
            model_open: ModelSource::default(),
            hub: None,
            spawn: None,
            rival: comparing::Rival::default(),
            experiment: None,
            former: None,
            drawn_last: Drawing::default(),
            truth_of: None,
            gpus: loss::Gpus::default(),
            sweeping: sweeping::Told::default(),
            memory: Memory::default(),
            ctx: ctx.clone(),
        }
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// Shows a video that no player plays (tests and benches).
    pub fn show_playback(&mut self, file: Option<VideoFile>, playback: Playback) {
        self.state.video = file;
        self.state.playback = playback;
    }

    /// Shows an answer that nobody asked for (tests and benches).
    pub fn show_answer(&mut self, answer: Arc<Answer>, scored: Option<Scored>) {
        self.state.shown = Some(Shown::new(answer));
        self.state.scored = scored;
    }

    /// Shows answers and scores beside it that nobody asked for (tests and benches).
    pub fn show_beside(&mut self, answers: &[Arc<Answer>], scored: &[Scored]) {
        let questions: Vec<Question> = answers.iter().map(|a| (*a.question).clone()).collect();
        self.state.beside.asks(&questions, &[]);
        answers.iter().for_each(|answer| self.state.beside.answered(answer, None));
        scored.iter().for_each(|scored| self.state.beside.take(scored));
    }

    /// Shows what a probe of what is shown has found, that nobody asked for (tests and benches).
    pub fn show_finding(&mut self, probe: Probe, finding: Finding) {
        let Some(question) = self.state.shown.as_ref().map(|s| s.answer.question.clone()) else { return };
        self.state.probes.asks([(&*question, probe)].into_iter());
        self.state.probes.take(probe.id(&question), question, probe, Arc::new(finding), true);
    }

    /// The memory for what has been computed; to be told at the start.
    pub fn limit(&mut self, memory: Memory) {
        self.memory = memory;
        if let Some(engine) = &self.engine {
            engine.limit(memory);
        }
    }

    /// Shows a sweep that no engine makes (tests and benches); what is told of it comes as events.
    pub fn show_sweep(&mut self, sweep: Arc<Sweep>) {
        self.state.record = Some(Record::new(sweep, self.memory.maps()));
    }

    /// Waits for other samplings of what is shown that no engine is asked for (tests).
    pub fn show_whiskers(&mut self) {
        self.state.whiskers = self.state.shown.as_ref().map(|shown| Whiskers::new(&shown.answer));
    }

    /// How another engine is opened, for a model that is compared with.
    pub fn spawn_with(&mut self, spawn: impl Fn() -> Engine + 'static) {
        self.spawn = Some(Box::new(spawn));
    }

    pub fn panes(&self) -> &Panes {
        &self.panes
    }

    pub fn pictures(&self) -> &Pictures {
        &self.pictures
    }

    pub fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// Carries out one request.
    pub fn apply(&mut self, ctx: &egui::Context, intent: Intent) {
        let s = &mut self.state;
        match intent {
            Intent::Open(path) => self.open(path),
            Intent::OpenVideo(path) => self.open_in_use(path),
            Intent::OpenModel(source) => self.open_model(source),
            Intent::Model(fetch) => self.fetch(fetch),
            Intent::LoadPrompts(path) => self.desk.read_prompts(path),
            Intent::SavePrompts(path) => {
                if !self.would_replace_a_clip(&path) {
                    Recent::note(&mut self.state.recent.prompts, &path);
                    self.desk.write_prompts(path, self.state.prompts().clone());
                }
            }
            Intent::BundledPrompts => {
                // Of a model that knows real words, those that go with the clip: a lesson's are about what is seen in it.
                let coming = self.opening.as_ref().map(|(file, _)| file.bundled);
                let clip = coming.unwrap_or_else(|| self.state.video.as_ref().and_then(|v| v.bundled));
                let cast = self.model_asked.cast().or(clip).unwrap_or_default();
                self.edit(&PromptEdit::Replace(bundled::prompts(cast)));
            }
            Intent::Ask(dialog) => self.desk.ask(dialog),
            Intent::PathField(open) => {
                s.path_field = open.then(|| Asked::path(None, s.path_entered.as_ref()));
            }

            Intent::TogglePlay => self.with_player(|p| if p.is_playing() { p.pause() } else { p.play() }),
            Intent::Pause => self.with_player(Player::pause),
            Intent::Seek(to) => self.seek(to),
            Intent::SeekBy(seconds) => {
                let to = s.playback.position.secs() + seconds;
                self.seek(Pts::from_secs(to));
            }
            Intent::Step(frames) => self.with_player(|p| p.step(frames)),
            Intent::SetSpeed(speed) => self.with_player(|p| p.set_speed(speed.clamp(0.1, 4.0))),
            Intent::ToggleLoop => {
                let w = s.whole_or_range();
                let on = !s.playback.looping;
                self.with_player(|p| p.set_loop(on.then_some((w.start, w.end))));
            }
            Intent::SetIn => {
                // The frame on show is in it, which began a little before the play head; on the way elsewhere it is another one.
                let shown = s.playback.shown.filter(|_| !s.playback.seeking);
                let at = shown.unwrap_or(s.playback.position).min(s.playback.position);
                let out = s.range.1.filter(|o| *o > at);
                self.set_range((Some(at), out));
            }
            Intent::SetOut => {
                let at = s.playback.position;
                let from = s.range.0.filter(|i| *i < at);
                self.set_range((from, Some(at)));
            }
            Intent::ClearRange => self.set_range((None, None)),
            Intent::Range(from, to) => self.set_range((Some(from), Some(to))),
            Intent::LoopStrongest(class) => self.loop_strongest(&class),
            Intent::ShowClass(name) => self.show_class(&name),
            Intent::TypeInto(c, side, i) => self.type_into((c, side, i)),
            Intent::TimeField(open) => s.time_field = open.then(Asked::default),

            Intent::Scope(scope) => self.set_scope(scope),
            Intent::Follow(on) => {
                if on {
                    self.set_scope(Scope::Around);
                }
                self.state.follow = on;
            }
            Intent::Around(seconds) => s.around = seconds.clamp(0.2, 60.0),
            Intent::AskAgain => self.ask_again(),
            Intent::CancelWork => {
                s.follow = false;
                if let Some(e) = &self.engine {
                    e.cancel();
                }
            }
            Intent::Order(order) => s.order = order,
            Intent::Crop(crop) => s.crop = crop,
            Intent::Surgery(surgery) => s.surgery = surgery,
            Intent::ResetAltered => (s.order, s.surgery) = Default::default(),
            Intent::GateWorth(on) => s.gate_worth = on,
            Intent::FreezeClass(name) => s.probes.class = name,
            Intent::Brush(brush) => s.probes.brush = brush,
            Intent::Patch(at) => {
                s.probes.patch = at;
                // What is clicked is wanted on the stage; when it is gone, what was there before is not known any more.
                match (at, s.view.layer) {
                    (Some(_), Layer::Input) => s.view.layer = Layer::Likeness,
                    (None, Layer::Likeness) => s.view.layer = Layer::Motion,
                    _ => {}
                }
            }

            Intent::Where(at) => {
                s.probes.prompt = at.and_then(|at| s.prompt_at(at));
                s.word_prompt();
                match (s.probes.prompt, s.view.layer) {
                    (Some(_), Layer::Support) => {}
                    (Some(_), before) => {
                        s.layer_before = before;
                        s.view.layer = Layer::Support;
                    }
                    (None, Layer::Support) => s.view.layer = s.layer_before,
                    _ => {}
                }
            }

            Intent::SetView(view) => s.view = view.within_bounds(),
            Intent::Lanes(lanes) => s.lanes = lanes.within(),
            Intent::Moment(on) => s.moment = on,
            Intent::Lens(lens) => s.lens = lens.within(),
            Intent::Edit(edit) => self.edit(&edit),
            Intent::Undo => {
                if s.history.undo() {
                    self.keep.typed(Instant::now());
                    self.send_prompts();
                }
            }
            Intent::Redo => {
                if s.history.redo() {
                    self.keep.typed(Instant::now());
                    self.send_prompts();
                }
            }
            Intent::Pin => {
                if let Some(scores) = s.scores().cloned().map(Arc::new) {
                    s.pinned_of = s.baseline_of().map(|of| (scores.clone(), of));
                    s.history.pin(Some(scores));
                }
            }
            Intent::Unpin => {
                s.history.pin(None);
            }
            Intent::SortByScore(on) => s.sort_by_score = on,
            Intent::ReturnTo(state) => self.return_to(state),
            Intent::Watch(class) => s.log.watched = class,
            Intent::Try(name) => self.try_class(name),
            Intent::Negate(asked) => s.negation.asked = asked.within(),
            Intent::Import(names) => self.import(names),

            Intent::Shelve(path) => self.desk.find_clips(path),
            Intent::Unshelve(place) => s.shelf.remove(&place),
            Intent::ClearShelf => s.shelf.clear(),
            Intent::ShelfLabel(place, label) => s.shelf.label(&place, label),

            Intent::Compare(side) => self.compare(side),
            Intent::Align(align) => {
                if let Some(compare) = &mut s.compare {
                    compare.align = align;
                }
                self.let_go_of_other_patch();
            }

            Intent::Draw(draw) => self.draw_motion(draw),

            Intent::Snapshot => self.snapshot(ctx),
            Intent::Report(folder) => self.report(folder),
            Intent::Export(form, path) => self.export(form, path),
            Intent::CancelExport => {
                if let Some(export) = &s.exporting {
                    export.cancel.cancel();
                }
            }
            Intent::SaveExperiment(path) => self.save_experiment(path),
            Intent::FindClip(path) => self.find_clip(path),
            Intent::OpenMisplaced(open) => self.open_misplaced(open),
            Intent::Learn(which) => self.learn(which),
            Intent::LearnFile(path) => self.desk.read_lesson(path),
            Intent::Lesson(turn) => self.turn(turn),
            Intent::Dismiss(id) => s.messages.dismiss(id),
            Intent::DismissAll => s.messages.dismiss_all(),
            Intent::ReadMessage(id) => s.messages.read(id),
            Intent::Help(on) => s.help = on,
            Intent::Pane(pane, open) => self.panes.set_open(pane, open),
            Intent::DefaultPanes => self.panes = Panes::default(),
            Intent::Fullscreen => {
                let now = ctx.input(|i| i.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!now));
            }
            Intent::Present(on) => s.presenting = on,
            Intent::Theme(theme) => ctx.set_theme(theme),
            Intent::TextSize(percent) => {
                let percent = percent.clamp(*keep::TEXT_SIZES.start(), *keep::TEXT_SIZES.end());
                ctx.set_zoom_factor(f32::from(percent) / 100.0);
            }
        }
    }

    /// Deals with what a job has brought back.
    pub fn take(&mut self, ctx: &egui::Context, outcome: JobOutcome) {
        let s = &mut self.state;
        match outcome {
            JobOutcome::Chosen(intent) => self.apply(ctx, intent),
            JobOutcome::NoDialog(purpose) => {
                s.path_field = Some(Asked::path(Some(purpose), s.path_entered.as_ref()));
                if !std::mem::replace(&mut self.told_of_dialogs, true) {
                    s.messages.add(
                        Kind::Hint,
                        "This desktop has no file dialog (neither a portal with a file chooser nor zenity), so the path \
                         is typed.",
                    );
                }
            }
            JobOutcome::PromptsRead(path, Ok(set)) => {
                Recent::note(&mut s.recent.prompts, &path);
                s.prompts_file = Some(path);
                self.take_set(set);
            }
            JobOutcome::NamesRead(path, table) => self.take_names(path, table),
            JobOutcome::ExperimentRead(file, experiment, clip) => {
                self.take_experiment(file, experiment, clip)
            }
            JobOutcome::PromptsRead(_, Err(why)) => {
                s.messages.add(Kind::Problem, why);
                // Prompts that were named when the window was opened: those of the program rather than none.
                if s.prompts().classes.is_empty() && !s.history.can_undo() {
                    self.start_with(bundled::prompts(self.model_asked.cast().unwrap_or_default()));
                }
            }
            JobOutcome::Thumbnails(video, read) => self.pictures.thumbnails.take(ctx, &video, read),
            JobOutcome::Exported(told) => {
                s.exporting = None;
                self.take(ctx, JobOutcome::Told(told));
            }
            JobOutcome::Clips(Ok(clips)) => {
                let left = s.shelf.add(clips);
                if left > 0 {
                    let text = format!("The shelf holds {} clips; {left} more had no room.", shelf::MOST);
                    s.messages.add(Kind::Hint, text);
                }
            }
            JobOutcome::Clips(Err(why)) => s.messages.add(Kind::Problem, why),
            JobOutcome::OtherPrompts(path, set) => self.take_other_prompts(&path, set),
            JobOutcome::LessonRead(Ok(lesson)) => self.begin_lesson(Arc::new(lesson)),
            JobOutcome::LessonRead(Err(why)) => s.messages.add(Kind::Problem, why),
            JobOutcome::Camera(question, camera) => s.camera = Some((question, camera)),
            JobOutcome::Truth(of, truth) => {
                let open = s.video.as_ref().and_then(|v| v.source.as_ref());
                match truth {
                    _ if open.is_none_or(|source| *source.id() != of) => {}
                    Ok(file) => s.truth = Some(Known::new(file)),
                    Err(why) => s.messages.add(Kind::Problem, why),
                }
            }
            JobOutcome::Models(cached) => s.fetching.cached = cached,
            JobOutcome::Looked(tracker, plan) => self.take_plan(&tracker, plan),
            JobOutcome::Fetched(tracker, model) => self.take_model(&tracker, model),
            JobOutcome::Told(Ok(text)) => s.messages.add(Kind::Done, text),
            JobOutcome::Told(Err(text)) => s.messages.add(Kind::Problem, text),
        }
    }

    /// Takes in one event of the engine.
    pub fn on_event(&mut self, event: Event) {
        let s = &mut self.state;
        match event {
            Event::ModelLoading { what, fraction } => s.loading = Some(Loading { what, fraction }),
            Event::ModelLoaded { info, device } => {
                self.note_model();
                self.adopt_templates(info.templates.clone().unwrap_or_default());
                let s = &mut self.state;
                s.device = Some(device);
                s.loading = None;
                s.encoding = None;
                s.scale = info.scale.clone().map(|scale| (info.identity.clone(), Arc::new(scale)));
                // A layer that the model before had.
                s.surgery.motion_layer =
                    s.surgery.motion_layer.filter(|layer| usize::from(*layer) <= info.layers);
                s.model = Some(info);
                self.hint();
            }
            Event::ModelFailed { message } => {
                s.loading = None;
                s.messages.add(Kind::Problem, message);
            }
            Event::Scale { model, scale } => {
                if s.model.as_ref().is_some_and(|m| m.identity == model) {
                    s.scale = Some((model, scale));
                }
            }
            Event::Progress { question, stage, done, total } => {
                if let Some(work) = s.work.as_mut().filter(|w| w.question == question) {
                    (work.stage, work.done, work.total) = (stage.to_owned(), done, total);
                }
                s.probes.progress_of(question, stage, done, total);
            }
            Event::Answered { answer, scored } => {
                s.ended(answer.id);
                s.beside.answered(&answer, scored.as_ref());
                s.other_ended(answer.id, None);
                if let Some(scored) = &scored {
                    s.shelf.take(scored);
                }
                if let Some(record) = &mut s.record {
                    record.take_answer(&answer, s.playback.position);
                }
                if let Some(whiskers) = &mut s.whiskers {
                    whiskers.take(answer.id, scored.as_ref());
                }
                if s.wants(&answer) {
                    s.shown = Some(Shown::new(answer));
                    s.scored = scored;
                    self.log_scores();
                }
            }
            Event::Failed { question, message } => {
                s.ended(question);
                let on_stage = s.asked.as_ref().is_some_and(|asked| asked.id() == question);
                let elsewhere = s.shelf.fail(question, &message) | s.other_ended(question, Some(&message));
                if elsewhere && !on_stage {
                    return;
                }
                s.follow = false;
                s.messages.add(Kind::Problem, message);
            }
            Event::Dropped { question } => {
                s.ended(question);
                s.shelf.dropped(question);
            }
            Event::Encoding { revision, done, total } => {
                s.encoding = Some((done, total)).filter(|_| revision == s.revision);
            }
            Event::Probed { id, question, probe, finding, whole } => {
                s.probes.take(id, question, probe, finding, whole);
            }
            Event::PlainTexts { revision, classes } => s.take_plain(revision, classes),
            Event::Texts { notes, revision, model, classes } => {
                s.encoding = None;
                s.probes.classes = classes.clone();
                s.texts = Some(Texts { revision, model, classes });
                s.notes = notes.iter().map(|n| (n.text.clone(), n.clone())).collect();
            }
            Event::Scored(scored) => {
                s.beside.take(&scored);
                s.shelf.take(&scored);
                if let Some(whiskers) = &mut s.whiskers {
                    whiskers.take(scored.question, Some(&scored));
                }
                if s.shown.as_ref().is_some_and(|shown| shown.answer.id == scored.question) {
                    s.scored = Some(scored);
                    self.log_scores();
                } else if let Some((span, question)) = s.moment_question()
                    && question == scored.question
                {
                    s.moment_scored = Some((span, scored));
                }
            }
            Event::Swept(swept) => {
                if let Some(record) = &mut s.record {
                    record.take(&swept, s.playback.position);
                }
            }
            Event::Tried { set, model, classes, plain, notes } => {
                if s.negation.is_of(&set) {
                    s.negation.take(set, model, classes, plain, notes);
                } else if !s.take_other_texts(&set, &model, &classes, &plain) {
                    s.trial.take(&set, model, (classes, &plain), &notes);
                }
            }
            Event::PromptsFailed { message, .. } => {
                s.encoding = None;
                s.messages.add(Kind::Problem, message);
            }
        }
    }

    /// Takes what other threads have brought. Never waits.
    pub fn poll(&mut self, ctx: &egui::Context, now: Instant) {
        while let Some(event) = self.engine.as_ref().and_then(Engine::try_event) {
            self.on_event(event);
        }
        while let Some(outcome) = self.desk.take() {
            self.take(ctx, outcome);
        }
        self.poll_opening(now);
        if let Some(p) = &mut self.player {
            p.update(now);
            let b = &mut self.state.playback;
            let found = |i: &VideoInfo| (i.frames.is_some(), i.fault.is_some());
            if b.info.as_ref().map(found) != p.info().map(found) {
                b.info = p.info().cloned();
                if let Some(fault) = b.info.as_ref().and_then(|i| i.fault.clone()) {
                    let name = self.state.video.as_ref().map_or("The video", |v| v.name.as_str());
                    let text = format!("{name}: {fault}. What there is of it is shown; try another copy.");
                    self.state.messages.add(Kind::Problem, text);
                }
            }
            if let Some(frame) = p.frame() {
                self.pictures.show_frame(frame);
            }
            b.scanning = p.source().progress();
            b.position = p.position();
            b.shown = p.frame().map(|f| f.pts);
            b.playing = p.is_playing();
            b.seeking = p.is_seeking();
            b.speed = p.speed();
            b.looping = p.loop_range().is_some();
            let error = p.error().map(ToString::to_string);
            if error != self.reported {
                self.reported.clone_from(&error);
                if let Some(e) = error {
                    self.state.messages.add(Kind::Problem, e);
                }
            }
            if let Some(wait) = self.player.as_ref().and_then(|p| p.next_update(now)) {
                ctx.request_repaint_after(wait);
            }
        }
        if self.scope_on_open
            && let Some(end) = self.state.playback.end()
        {
            self.scope_on_open = false;
            self.set_scope(Scope::for_length(end));
            let (end, on_open) = (self.state.playback.duration(), std::mem::take(&mut self.on_open));
            self.with_player(|p| {
                if on_open != OnOpen::Stands {
                    p.set_loop(Some((Pts(0), end)));
                }
                if on_open == OnOpen::Plays {
                    p.play();
                }
            });
            self.reopened();
            self.arrange_experiment();
        }
        self.load_held(now);
        self.poll_compare(ctx, now);
        self.ask_negation();
        self.ask_when_changed(now);
        self.keep_sweeping(now);
        self.ask_shelf();
        self.watch_answers();
        self.state.judge_by_truth();
        self.look_for_camera();
        self.look_for_truth(now);
        self.teach(ctx, now);
        let s = &self.state;
        let source = s.video.as_ref().and_then(|v| v.source.as_ref());
        if let (Some(source), Some(shown)) = (source, &s.shown)
            && !(s.follow && s.playback.playing)
            && s.easel.as_ref().is_none_or(|easel| easel.unrest(now).is_none())
        {
            self.pictures.thumbnails.want(&self.desk, source, &shown.answer.frames);
        }
        self.state.frames_read = self.state.shown.as_ref().is_some_and(|shown| {
            self.pictures.thumbnails.has(&shown.answer.question.source, &shown.answer.frames)
        });
        if let Some(hold) = self.state.hold {
            match hold.left(now) {
                Some(wait) => ctx.request_repaint_after(wait),
                None => {
                    self.state.hold = None;
                    self.send_prompts();
                }
            }
        }
        if let Some(wait) = self.state.messages.expire(now) {
            ctx.request_repaint_after(wait);
        }
        if let Some(wait) = self.keep_due(ctx, now) {
            ctx.request_repaint_after(wait);
        }
        self.watch_gpus(now);
    }

    /// Draws again after this time.
    fn wake_after(&self, wait: Duration) {
        self.ctx.request_repaint_after(wait);
    }

    fn seek(&mut self, to: Pts) {
        // While the length is not known, the player finds the end.
        let end = self.state.playback.info.as_ref().and_then(|i| i.duration).unwrap_or(Pts(i64::MAX));
        self.with_player(|p| p.seek(to.clamp(Pts(0), end.max(Pts(0)))));
    }

    fn with_player(&mut self, f: impl FnOnce(&mut Player)) {
        if let Some(p) = &mut self.player {
            f(p);
        }
    }

    /// Says once what an embedded model's words are good for, when a person opens a video of their own.
    fn hint(&mut self) {
        let s = &mut self.state;
        let own = s.video.as_ref().is_some_and(|v| v.bundled.is_none());
        let cast = s.model.as_ref().and_then(|info| info.source.cast());
        if let Some(cast) = cast.filter(|_| own && !self.hinted) {
            self.hinted = true;
            let text = format!(
                "The embedded model's words know {} only, so its scores say little about real scenes. \
                 Its motion maps do carry over to clips from a still camera. For words about real scenes, use a stock \
                 CLIP: of the hub (Open, then Models of the hub), or a folder in the Hugging Face layout.",
                cast.whom()
            );
            let stock = KNOWN[0].0.parse().ok().map(|id| (format!("Use {}…", KNOWN[0].0), Fetch::Want(id)));
            s.messages.add_with(Kind::Hint, text, stock.map(|(text, fetch)| (text, Intent::Model(fetch))));
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.poll(ctx, Instant::now());
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.draw(ui);
    }

    fn on_exit(&mut self) {
        // Before what is held behind a drawing or a lesson is let go: that is what comes back.
        self.leave();
        let lesson = self.before.take().and_then(|before| before.former);
        let held = self.former.take().map(|(former, _)| former).into_iter().chain(lesson);
        let opening = self.opening.take().map(|(_, player)| player);
        let players =
            self.player.take().into_iter().chain(opening).chain(held.flat_map(drawing::Former::players));
        for player in players {
            player.close(CLOSING);
        }
        // Joined here, while the window's device still lives.
        self.rival = comparing::Rival::default();
        self.engine = None;
    }
}

impl Drop for App {
    /// A panic on the window's own thread: what was typed is kept all the same.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.leave();
        }
    }
}

impl App {
    /// Draws every panel and carries out what was asked.
    pub fn draw(&mut self, ui: &mut egui::Ui) {
        let ctx = ui.ctx().clone();
        // What a screen reader calls the window.
        ctx.accesskit_node_builder(egui::accesskit_root_id(), |window| window.set_label("MotionLens"));
        let mut out = std::mem::take(&mut self.asked);
        let s = &mut self.state;
        keys::read(&ctx, s, &mut out);
        let panes = &mut self.panes;
        if !s.presenting {
            egui::Panel::top("top bar")
                .frame(theme::panel_frame(ui))
                .show(ui, |ui| topbar::show(ui, s, panes, &mut out));
            egui::Panel::bottom("transport")
                .frame(theme::panel_frame(ui))
                .show(ui, |ui| transport::show(ui, s, &mut out));
        }
        if s.learning.is_some() {
            // Where text is large it leaves the stage some room; the usual width is kept for later.
            let most = 0.36 * ctx.content_rect().width();
            let (name, most) = if most < lesson_panel::WIDTH {
                ("narrow lesson", most.max(220.0))
            } else {
                ("lesson", 480.0)
            };
            egui::Panel::right(name)
                .frame(theme::panel_frame(ui))
                .default_size(lesson_panel::WIDTH.min(most))
                .size_range(220.0..=most)
                .show(ui, |ui| {
                    if s.presenting {
                        hall::enlarge_lesson(ui);
                    }
                    lesson_panel::show(ui, s, &mut self.markdown, &mut out);
                });
        }
        let (stage, below_buttons) = if s.presenting {
            hall::show(ui, s, &mut self.pictures, &mut out)
        } else {
            prompt_panel::panel(ui, s, &mut out);
            let central = egui::CentralPanel::default().frame(egui::Frame::new().fill(theme::of(ui).stage));
            let drawn = central.show(ui, |ui| panes.show(ui, s, &mut self.pictures, &mut out));
            drawn.inner.unwrap_or((egui::Rect::NOTHING, drawn.response.rect))
        };
        s.stage_rect = stage;
        messages::show(&ctx, below_buttons, s, &mut out);
        ask::show(&ctx, s, &mut out);
        import::show(&ctx, s, &mut out);
        experiment_ask::show(&ctx, s, &mut out);
        super::fetching::show(&ctx, s, &mut out);
        keys::help(&ctx, s, &mut out);
        if s.presenting {
            hall::pointer(&ctx);
        }
        dropped(&ctx, &mut out);
        focus::ring(ui);
        if !out.is_empty() {
            ctx.request_repaint();
        }
        for intent in out.drain(..) {
            self.apply(&ctx, intent);
        }
        self.asked = out;
        self.missing.answer(&ctx);
    }
}

fn dropped(ctx: &egui::Context, out: &mut Vec<Intent>) {
    // What is dropped on the pane that compares is taken there.
    if out.iter().any(|intent| matches!(intent, Intent::Compare(Some(_)))) {
        return;
    }
    ctx.input(|i| {
        for file in &i.raw.dropped_files {
            out.push(Intent::Open(file.path().to_owned()));
        }
    });
}
