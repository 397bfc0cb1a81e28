//! Where questions wait, most urgent first, and everything that is in work; the one state that the handle, the sampler and
//! the worker share.
//!
//! A question is in one of four places: `pending`, with the sampler, `ready` for the worker, or with the worker. Whatever
//! leaves the last place without an answer goes through [`Queue::give_up`], which alone decides between dropping it
//! and putting it back.

use super::event::{Answer, Event, Finding, Scored};
use super::question::{Probe, Question, QuestionId, Rank};
use super::store::{Features, Memory, Store};
use super::sweep::{Due, Look, Moment, Sweep, Sweeping};
use crate::model::Surgery;
use crate::prompt::PromptSet;
use crate::session::ModelSource;
use crate::video::Source;
use crate::video::preprocess::CropRect;
use crate::video::{Cancel, Preprocess, Pts, Wake};
use crossbeam_channel::Sender;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A question on its way to an answer.
#[derive(Clone)]
pub struct Job {
    pub id: QuestionId,
    pub question: Arc<Question>,
    pub source: Arc<Source>,
    pub rank: Rank,
    /// What is asked beside the evidence, in place of it.
    pub probe: Option<Probe>,
    /// A span of the sweep: nobody has asked for it by itself, and nothing is told of it by itself.
    pub quiet: bool,
    /// Tells it from an earlier time that the same was asked.
    serial: u64,
    /// The work on it is to stop now, to be dropped or to go on later.
    pub stop: Cancel,
    /// Nobody waits for it any more.
    dropped: Cancel,
}

/// One frame for the vision tower.
pub struct NewFrame {
    pub pts: Pts,
    /// (3,R,R), see [`crate::session::Session::pixels`].
    pub pixels: Vec<f32>,
    pub crop: CropRect,
}

/// A clip that has been read: its frames' tokens where they are held, the pictures of the others.
pub struct ClipJob {
    pub job: Job,
    /// In the order in which the model sees them.
    pub frames: Vec<Pts>,
    /// Held here, so that the store may drop them before the worker gets to the clip.
    pub known: HashMap<Pts, Features>,
    pub new: Vec<NewFrame>,
}

/// The prompts to be scored.
#[derive(Clone)]
pub struct PromptJob {
    pub revision: u64,
    pub set: Arc<PromptSet>,
    /// `None`: the model's own.
    pub alpha: Option<f32>,
    /// When it was asked for.
    pub since: Instant,
}

/// What the sampler has to know of the loaded model.
#[derive(Clone)]
pub struct Loaded {
    pub identity: Arc<str>,
    pub device: Arc<str>,
    /// But for the crop, which is the question's.
    pub preprocess: Preprocess,
    /// The patch tokens are those of the last layer, as long as nothing is altered.
    pub last_layer: bool,
}

/// The next thing that the worker is to do, most urgent first.
pub enum Task {
    Quit,
    Load(ModelSource),
    Prompts(PromptJob),
    /// Prompts that are tried out.
    Try(Arc<PromptSet>),
    /// A question whose answer is held.
    Held(Job, Arc<Answer>),
    /// Answers beside the one on screen are to be scored.
    Watched,
    /// Spans of the sweep are to be scored and told.
    Sweep,
    Clip(Box<ClipJob>),
    /// Nothing else is to be done.
    Idle,
}

#[derive(Default)]
struct State {
    quit: bool,
    load: Option<ModelSource>,
    /// A model is asked for or being loaded.
    loading: bool,
    model: Option<Loaded>,
    prompts: Option<PromptJob>,
    /// Prompts whose text side is wanted beside that of the present ones.
    trials: Vec<Arc<PromptSet>>,
    /// Prompts, α, or what is shown have changed since they were last scored.
    rescore: bool,
    /// The prompts take long, and a clip waits behind them.
    clip_first: bool,
    /// How many jobs there have been.
    asked: u64,
    /// By rank, and in the order asked within one.
    pending: Vec<Job>,
    reading: Option<Job>,
    ready: Vec<ClipJob>,
    /// Questions whose answer is held: the worker only has to score it.
    held: Vec<(Job, Arc<Answer>)>,
    working: Option<Job>,
    /// The answer that was last given to [`Rank::Screen`] or [`Rank::Follow`]: prompt edits score it anew.
    shown: Option<Arc<Answer>>,
    /// What is wanted beside it, and the answers to that: prompt edits score them anew as well.
    wanted_beside: Vec<QuestionId>,
    /// The probes that are wanted.
    wanted_probes: Vec<QuestionId>,
    beside: Vec<Arc<Answer>>,
    /// Scored anew with every edit, after that.
    watched: Vec<Watched>,
    rewatch: bool,
    sweep: Option<Sweeping>,
    /// All of the sweep is to be scored.
    resweep: bool,
    /// The model's scale is measured before the sweep takes all the time that is left.
    sweep_waits: bool,
    memory: Memory,
}

/// An embedding that is scored with every edit.
#[derive(Clone)]
pub struct Watched {
    pub id: QuestionId,
    /// Identity of the model that it is of, and what is altered in it.
    pub model: String,
    pub surgery: Surgery,
    pub embedding: Vec<f32>,
}

/// See the module.
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    store: Mutex<Store>,
    vision_frames: AtomicU64,
    events: Sender<Event>,
    wake: Wake,
}

/// A lock that a panic elsewhere has not made useless: every write here leaves the state whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    pub fn new(events: Sender<Event>, wake: Wake) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            store: Mutex::default(),
            vision_frames: AtomicU64::new(0),
            events,
            wake,
        }
    }

    /// Changes the state, wakes both threads, and tells what `f` has put into its list.
    fn change<T>(&self, f: impl FnOnce(&mut State, &mut Vec<Event>) -> T) -> T {
        let mut events = Vec::new();
        let result = f(&mut lock(&self.state), &mut events);
        self.changed.notify_all();
        events.into_iter().for_each(|event| self.emit(event));
        result
    }

    pub fn emit(&self, event: Event) {
        // Nobody listens while the engine is being closed.
        let _ = self.events.send(event);
        (self.wake)();
    }

    pub fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    pub fn count_vision_frames(&self, frames: usize) {
        self.vision_frames.fetch_add(frames as u64, Ordering::Relaxed);
    }

    pub fn vision_frames(&self) -> u64 {
        self.vision_frames.load(Ordering::Relaxed)
    }

    // What the handle asks for.

    pub fn load_model(&self, source: ModelSource) {
        self.change(|s, _| {
            s.load = Some(source);
            s.loading = true;
            s.in_work().for_each(|job| job.stop.cancel());
        });
    }

    pub fn ask(&self, source: &Arc<Source>, question: Question, rank: Rank) -> QuestionId {
        let id = question.id();
        let held = self.held(id, &question);
        self.change(|s, events| {
            s.replace(id, rank, events);
            if s.hurry(id, rank) {
                return;
            }
            let job = s.job(id, question, source, rank, None);
            match held {
                Some(answer) => s.held.push((job, answer)),
                None => s.insert(job),
            }
        });
        id
    }

    pub fn probes(&self, probes: Vec<(Arc<Source>, Question, Probe)>) {
        self.change(|s, events| {
            let before = std::mem::take(&mut s.wanted_probes);
            s.wanted_probes = probes.iter().map(|(_, question, probe)| probe.id(question)).collect();
            let ids = s.wanted_probes.clone();
            let unwanted = |job: &Job| job.probe.is_some() && !ids.contains(&job.id);
            s.drop_pending(events, unwanted);
            s.drop_in_work(events, unwanted);
            for ((source, question, probe), id) in probes.into_iter().zip(ids) {
                if !before.contains(&id) {
                    let job = s.job(id, question, &source, Rank::Beside, Some(probe));
                    s.insert(job);
                }
            }
        });
    }

    /// Somebody looks at what a probe finds.
    pub fn probing(&self) -> bool {
        !lock(&self.state).wanted_probes.is_empty()
    }

    /// A probe has found something; `whole`: it is done.
    pub fn found(&self, job: &Job, probe: Probe, finding: Finding, whole: bool) {
        self.change(|s, events| {
            if whole {
                s.forget(job);
            }
            if !job.dropped.is_cancelled() {
                let (id, question) = (job.id, job.question.clone());
                events.push(Event::Probed { id, question, probe, finding: Arc::new(finding), whole });
            } else if whole {
                events.push(Event::Dropped { question: job.id });
            }
        });
    }

    /// The answer to a question, if it is held; one that differs in the scoring alone has the same evidence.
    fn held(&self, id: QuestionId, question: &Question) -> Option<Arc<Answer>> {
        let mut store = self.store();
        if let Some(answer) = store.answers.get(&id) {
            return Some(answer);
        }
        let twin = Question { surgery: question.surgery.of_evidence(), ..question.clone() };
        let twin = store.answers.get(&twin.id())?;
        Some(Arc::new(Answer { id, question: Arc::new(question.clone()), ..(*twin).clone() }))
    }

    pub fn beside(&self, questions: Vec<(Arc<Source>, Question)>) {
        let ids: Vec<QuestionId> = questions.iter().map(|(_, question)| question.id()).collect();
        let missing: Vec<_> = self.change(|s, events| {
            s.wanted_beside.clone_from(&ids);
            s.beside.retain(|answer| ids.contains(&answer.id));
            let unwanted =
                |job: &Job| job.rank == Rank::Beside && job.probe.is_none() && !ids.contains(&job.id);
            s.drop_pending(events, unwanted);
            s.drop_in_work(events, unwanted);
            let there = |id: &QuestionId| s.beside.iter().any(|answer| answer.id == *id);
            questions.into_iter().zip(&ids).filter(|(_, id)| !there(id)).map(|(q, _)| q).collect()
        });
        for (source, question) in missing {
            self.ask(&source, question, Rank::Beside);
        }
    }

    pub fn set_prompts(&self, revision: u64, set: Arc<PromptSet>, alpha: Option<f32>) {
        self.change(|s, _| {
            s.prompts = Some(PromptJob { revision, set, alpha, since: Instant::now() });
            s.rescore = true;
        });
    }

    pub fn try_prompts(&self, sets: Vec<Arc<PromptSet>>) {
        self.change(|s, _| s.trials = sets);
    }

    pub fn cancel(&self) {
        self.change(|s, events| {
            s.wanted_probes.clear();
            s.drop_all(events, |job| !job.quiet);
        });
    }

    pub fn quit(&self) {
        self.change(|s, events| {
            s.quit = true;
            s.drop_all(events, |_| true);
        });
    }

    pub fn limit(&self, memory: Memory) {
        *self.store() = Store::new(memory);
        lock(&self.state).memory = memory;
    }

    pub fn memory(&self) -> Memory {
        lock(&self.state).memory
    }

    pub fn sweep(&self, wanted: Option<(&Arc<Source>, &Arc<Sweep>, Look)>) {
        self.change(|s, _| {
            let Some((source, sweep, look)) = wanted else {
                s.stop_sweep();
                s.sweep = None;
                return;
            };
            let same = |s: &Sweeping| s.sweep == *sweep && s.source.id() == source.id();
            match s.sweep.as_mut().filter(|s| same(s)) {
                Some(sweeping) => {
                    sweeping.look = look;
                    if !look.running {
                        s.stop_sweep();
                    }
                }
                None => {
                    s.stop_sweep();
                    s.sweep = Some(Sweeping::new(source, sweep.clone(), look, s.memory.sweep()));
                    s.resweep = true;
                }
            }
        });
    }

    pub fn watch(&self, questions: &[Question]) {
        let held: Vec<Option<Arc<Answer>>> = {
            let mut store = self.store();
            questions.iter().map(|q| store.answers.get(&q.id())).collect()
        };
        self.change(|s, _| {
            let before = std::mem::take(&mut s.watched);
            let watched = |(question, held): (&Question, Option<Arc<Answer>>)| {
                let id = question.id();
                // An embedding outlives its maps.
                let kept = || before.iter().find(|w| w.id == id).map(|w| w.embedding.clone());
                let swept = || Some(s.sweep.as_ref()?.point(question)?.embedding.to_vec());
                let held = held.map(|answer| answer.evidence.embedding.clone());
                let embedding = held.or_else(swept).or_else(kept)?;
                let (model, surgery) = (question.model.clone(), question.surgery.clone());
                Some(Watched { id, model, surgery, embedding })
            };
            s.watched = questions.iter().zip(held).filter_map(watched).collect();
            s.rewatch = true;
        });
    }

    // The sampler.

    /// Waits for a question to read the frames of; `None`: quit. It runs one clip ahead of the worker, or overtakes a less
    /// urgent one.
    pub fn next_to_read(&self) -> Option<(Job, Loaded)> {
        let mut s = lock(&self.state);
        loop {
            if s.quit {
                return None;
            }
            if !s.loading
                && let Some(first) = s.pending.first()
                && s.ready.first().is_none_or(|ready| first.rank < ready.job.rank)
            {
                let job = s.pending.remove(0);
                let (model, device) = (&job.question.model, &job.question.device);
                let loaded = s.model.clone();
                match loaded.filter(|l| *l.identity == **model && *l.device == **device) {
                    Some(loaded) => {
                        s.reading = Some(job.clone());
                        return Some((job, loaded));
                    }
                    None => {
                        drop(s);
                        self.emit(Event::Dropped { question: job.id });
                        s = lock(&self.state);
                        continue;
                    }
                }
            }
            if let Some((job, loaded)) = s.next_of_sweep() {
                s.reading = Some(job.clone());
                return Some((job, loaded));
            }
            s = self.changed.wait(s).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Hands a clip that has been read to the worker.
    pub fn hand_over(&self, clip: ClipJob) {
        let stopped = self.change(|s, _| {
            if clip.job.stop.is_cancelled() {
                return Some(clip.job);
            }
            let mut clip = clip;
            (clip.job.rank, clip.job.quiet) = s.forget(&clip.job);
            let at = s.ready.partition_point(|r| r.job.rank <= clip.job.rank);
            s.ready.insert(at, clip);
            // What is less urgent and in work makes way; its frames so far are held.
            let first = s.ready[0].job.rank;
            if let Some(working) = s.working.as_ref().filter(|w| w.rank >= Rank::Beside && first < w.rank) {
                working.stop.cancel();
            }
            None
        });
        if let Some(job) = stopped {
            self.give_up(&job);
        }
    }

    // The worker.

    /// Waits for something to do; where nothing has come for a while, returns [`Task::Idle`] if `idle`: somebody who types is
    /// not to wait for work that nobody waits for.
    pub fn next_task(&self, idle: bool) -> Task {
        const QUIET: Duration = Duration::from_millis(1500);
        let mut s = lock(&self.state);
        let since = Instant::now();
        if std::mem::replace(&mut s.sweep_waits, idle) != idle {
            self.changed.notify_all();
        }
        loop {
            if s.quit {
                return Task::Quit;
            }
            if let Some(source) = s.load.take() {
                return Task::Load(source);
            }
            let clip_first = std::mem::take(&mut s.clip_first) && s.clip_waits();
            if !clip_first && let Some(job) = s.take_prompts() {
                return Task::Prompts(job);
            }
            if let Some(set) = s.take_trial() {
                return Task::Try(set);
            }
            if let Some((job, answer)) = s.held.pop() {
                return Task::Held(job, answer);
            }
            if std::mem::take(&mut s.rewatch) {
                return Task::Watched;
            }
            if !s.clip_waits() && s.sweep_is_due() {
                return Task::Sweep;
            }
            if !s.ready.is_empty() {
                let clip = Box::new(s.ready.remove(0));
                s.working = Some(clip.job.clone());
                drop(s);
                self.changed.notify_all();
                return Task::Clip(clip);
            }
            let left = QUIET.saturating_sub(since.elapsed());
            if idle && left.is_zero() && s.pending.is_empty() && s.reading.is_none() {
                return Task::Idle;
            }
            s = if idle {
                let wait = left.max(Duration::from_millis(50));
                self.changed.wait_timeout(s, wait).unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.changed.wait(s).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    /// Prompts that came while a clip is being worked on.
    pub fn take_prompts(&self) -> Option<PromptJob> {
        lock(&self.state).take_prompts()
    }

    /// Prompts to try out that came while a clip is being worked on.
    pub fn take_trial(&self) -> Option<Arc<PromptSet>> {
        lock(&self.state).take_trial()
    }

    /// Prompts to try out could not be done now; they are to be taken again unless newer ones wait.
    pub fn trial_again(&self, set: Arc<PromptSet>) {
        self.change(|s, _| {
            if s.trials.is_empty() {
                s.trials.push(set);
            }
        });
    }

    /// A question whose answer is held, that came while a clip is being worked on.
    pub fn take_held(&self) -> Option<(Job, Arc<Answer>)> {
        lock(&self.state).held.pop()
    }

    /// Other answers are watched since.
    pub fn take_rewatch(&self) -> bool {
        std::mem::take(&mut lock(&self.state).rewatch)
    }

    /// The answers beside the one on screen that edits score.
    pub fn watched(&self) -> Vec<Watched> {
        lock(&self.state).watched.clone()
    }

    /// All of the sweep is to be scored, when there is time.
    pub fn resweep(&self) {
        lock(&self.state).resweep = true;
    }

    /// Spans of the sweep are to be told now.
    pub fn sweep_is_due(&self) -> bool {
        lock(&self.state).sweep_is_due()
    }

    /// What is to be scored and told of the sweep.
    pub fn take_sweep(&self) -> Option<Due> {
        let mut s = lock(&self.state);
        let whole = std::mem::take(&mut s.resweep);
        s.sweep.as_mut().map(|sweep| sweep.due(whole))
    }

    /// Scoring the sweep has made way; it is to be done again.
    pub fn sweep_again(&self, sweep: &Arc<Sweep>, moments: Vec<Arc<Moment>>) {
        self.change(|s, _| {
            s.resweep = true;
            if let Some(s) = s.sweep.as_mut().filter(|s| Arc::ptr_eq(&s.sweep, sweep)) {
                s.tell_again(moments);
            }
        });
    }

    /// The prompts could not be done now; they are to be taken again, after the clip that waits for them if there is one.
    pub fn prompts_again(&self) {
        self.change(|s, _| {
            s.rescore = true;
            s.clip_first = s.clip_waits();
        });
    }

    /// Somebody looks at a clip that is ready.
    pub fn clip_waits(&self) -> bool {
        lock(&self.state).clip_waits()
    }

    /// Prompts newer than those being worked on are waiting.
    pub fn has_newer_prompts(&self) -> bool {
        lock(&self.state).rescore
    }

    /// A model is waiting to be loaded, or the program to be closed: long work should stop.
    pub fn is_interrupted(&self) -> bool {
        let s = lock(&self.state);
        s.quit || s.load.is_some()
    }

    /// Anything at all is waiting to be done.
    pub fn is_busy(&self) -> bool {
        let s = lock(&self.state);
        s.quit
            || s.load.is_some()
            || s.rescore
            || !s.trials.is_empty()
            || !s.held.is_empty()
            || !s.pending.is_empty()
            || s.in_work().next().is_some()
    }

    /// Loading has ended, with a model or with the one before.
    pub fn loaded(&self, model: Option<Loaded>) {
        self.change(|s, events| {
            if let Some(model) = model {
                s.model = Some(model);
                s.rescore = true;
                s.resweep = true;
                // What was read was read for the model before.
                for clip in std::mem::take(&mut s.ready) {
                    s.give_up(&clip.job, events);
                }
            }
            s.loading = s.load.is_some();
        });
    }

    // Both threads.

    /// A question has its answer.
    pub fn answer(&self, job: &Job, answer: Arc<Answer>, scored: Option<Scored>) {
        if !job.quiet {
            self.store().answers.put(job.id, answer.clone());
        }
        self.change(|s, events| {
            let (rank, quiet) = s.forget(job);
            if let Some(sweep) = &mut s.sweep {
                sweep.take(&answer);
            }
            if quiet {
                return;
            }
            // Dropped while the last step was being done: its end has to be told all the same, and only once.
            if job.dropped.is_cancelled() {
                events.push(Event::Dropped { question: job.id });
                return;
            }
            if matches!(rank, Rank::Screen | Rank::Follow) {
                s.shown = Some(answer.clone());
            }
            if s.wanted_beside.contains(&answer.id) {
                s.beside.retain(|other| other.id != answer.id);
                s.beside.push(answer.clone());
            }
            events.push(Event::Answered { answer, scored });
        });
    }

    pub fn fail(&self, job: &Job, message: String) {
        self.change(|s, events| {
            if s.forget(job).1 {
                log::warn!("a span of the sweep is left out: {message}");
                s.leave_out(job);
                return;
            }
            events.push(if job.dropped.is_cancelled() {
                Event::Dropped { question: job.id }
            } else {
                Event::Failed { question: job.id, message }
            });
        });
    }

    /// The work on a question was stopped: it is dropped if nobody waits for it, and else goes on later.
    pub fn give_up(&self, job: &Job) {
        self.change(|s, events| s.give_up(job, events));
    }

    /// The answers that prompt edits score anew: that on screen first.
    pub fn shown(&self) -> Vec<Arc<Answer>> {
        let s = lock(&self.state);
        let beside =
            s.beside.iter().filter(|answer| s.shown.as_ref().is_none_or(|shown| shown.id != answer.id));
        s.shown.iter().chain(beside).cloned().collect()
    }
}

impl State {
    /// Every job that has left `pending`.
    fn in_work(&self) -> impl Iterator<Item = &Job> {
        self.reading.iter().chain(self.ready.iter().map(|clip| &clip.job)).chain(&self.working)
    }

    fn job(
        &mut self,
        id: QuestionId,
        question: Question,
        source: &Arc<Source>,
        rank: Rank,
        probe: Option<Probe>,
    ) -> Job {
        self.asked += 1;
        Job {
            id,
            serial: self.asked,
            question: Arc::new(question),
            source: source.clone(),
            rank,
            probe,
            quiet: false,
            stop: Cancel::default(),
            dropped: Cancel::default(),
        }
    }

    fn clip_waits(&self) -> bool {
        self.ready.first().is_some_and(|clip| clip.job.rank != Rank::Background) || !self.held.is_empty()
    }

    fn insert(&mut self, job: Job) {
        let at = self.pending.partition_point(|p| p.rank <= job.rank);
        self.pending.insert(at, job);
    }

    /// Drops what a new question of this rank replaces.
    fn replace(&mut self, id: QuestionId, rank: Rank, events: &mut Vec<Event>) {
        let waits = |job: &Job| match rank {
            Rank::Screen => matches!(job.rank, Rank::Screen | Rank::Follow),
            Rank::Follow => job.rank == Rank::Follow,
            Rank::Beside | Rank::Background => false,
        };
        self.drop_pending(events, |job| job.id != id && waits(job));
        let late = self.ready.extract_if(.., |clip| clip.job.id != id && waits(&clip.job));
        events.extend(late.map(|clip| Event::Dropped { question: clip.job.id }));
        let late = self.held.extract_if(.., |(job, _)| job.id != id && waits(job));
        events.extend(late.map(|(job, _)| Event::Dropped { question: job.id }));
        if rank == Rank::Screen {
            self.drop_in_work(events, |job| job.id != id && waits(job));
            // What is being read for later makes way; it is not lost.
            if let Some(job) = self.reading.as_ref().filter(|job| job.rank >= Rank::Beside && job.id != id) {
                job.stop.cancel();
            }
        }
    }

    fn drop_all(&mut self, events: &mut Vec<Event>, which: impl Fn(&Job) -> bool) {
        self.drop_pending(events, &which);
        self.drop_in_work(events, which);
    }

    /// The next span of the sweep, where nothing else waits to be read.
    fn next_of_sweep(&mut self) -> Option<(Job, Loaded)> {
        if self.loading || self.sweep_waits || !self.pending.is_empty() || !self.ready.is_empty() {
            return None;
        }
        let (sweeping, loaded) = (self.sweep.as_ref()?, self.model.clone()?);
        if !sweeping.sweep.is_of(&loaded.identity, &loaded.device) {
            return None;
        }
        let busy: Vec<u32> = self.in_work().filter_map(|job| sweeping.sweep.place(&job.question)).collect();
        let question = sweeping.sweep.question(sweeping.next(|k| busy.contains(&k))?);
        let job = Job {
            id: question.id(),
            serial: self.asked + 1,
            question: Arc::new(question),
            source: sweeping.source.clone(),
            rank: Rank::Background,
            probe: None,
            quiet: true,
            stop: Cancel::default(),
            dropped: Cancel::default(),
        };
        self.asked += 1;
        Some((job, loaded))
    }

    /// What is in work of the sweep stops.
    fn stop_sweep(&mut self) {
        self.ready.retain(|clip| !clip.job.quiet);
        for job in self.reading.iter().chain(&self.working).filter(|job| job.quiet) {
            job.stop.cancel();
        }
        if let Some(sweep) = &mut self.sweep {
            sweep.pause_clock();
        }
    }

    fn sweep_is_due(&self) -> bool {
        let going = self.in_work().any(|job| job.quiet);
        self.model.is_some() && self.sweep.as_ref().is_some_and(|s| self.resweep || s.is_due(going))
    }

    fn leave_out(&mut self, job: &Job) {
        if let Some(sweep) = &mut self.sweep
            && let Some(k) = sweep.sweep.place(&job.question)
        {
            sweep.fail(k);
        }
    }

    fn drop_pending(&mut self, events: &mut Vec<Event>, which: impl Fn(&Job) -> bool) {
        events.extend(
            self.pending.extract_if(.., |job| which(job)).map(|job| Event::Dropped { question: job.id }),
        );
    }

    /// What is with a thread is told to stop, and dropped when the thread has let go of it.
    fn drop_in_work(&mut self, events: &mut Vec<Event>, which: impl Fn(&Job) -> bool) {
        let ready = self.ready.extract_if(.., |clip| which(&clip.job));
        events.extend(ready.map(|clip| Event::Dropped { question: clip.job.id }));
        let held = self.held.extract_if(.., |(job, _)| which(job));
        events.extend(held.map(|(job, _)| Event::Dropped { question: job.id }));
        for job in self.reading.iter().chain(&self.working).filter(|job| which(job)) {
            job.dropped.cancel();
            job.stop.cancel();
        }
    }

    /// Whether a question is on its way already; if so, it is as urgent as the more urgent of both asked for.
    fn hurry(&mut self, id: QuestionId, rank: Rank) -> bool {
        if let Some(at) = self.pending.iter().position(|job| job.id == id) {
            let mut job = self.pending.remove(at);
            job.rank = job.rank.min(rank);
            self.insert(job);
            return true;
        }
        let at_work = self.reading.as_mut().into_iter().chain(&mut self.working);
        let ready = self.ready.iter_mut().map(|clip| &mut clip.job);
        let in_work = at_work.chain(ready).chain(self.held.iter_mut().map(|(job, _)| job));
        let mut found = false;
        for job in in_work.filter(|job| job.id == id && !job.dropped.is_cancelled()) {
            job.rank = job.rank.min(rank);
            job.quiet = false;
            found = true;
        }
        found
    }

    /// A thread has let go of a job; gives its rank, which may have risen meanwhile, and whether nobody asked for it by itself.
    fn forget(&mut self, job: &Job) -> (Rank, bool) {
        let reading = self.reading.take_if(|j| j.serial == job.serial);
        let working = self.working.take_if(|j| j.serial == job.serial);
        reading.or(working).map_or((job.rank, job.quiet), |j| (j.rank, j.quiet))
    }

    fn give_up(&mut self, job: &Job, events: &mut Vec<Event>) {
        let (rank, quiet) = self.forget(job);
        if quiet {
            // The sweep gives it out again when its turn comes.
            if let Some(sweep) = &mut self.sweep {
                sweep.pause_clock();
            }
            return;
        }
        if job.dropped.is_cancelled() || self.quit {
            events.push(Event::Dropped { question: job.id });
            return;
        }
        // Before the others of its rank: it has been asked before them.
        let at = self.pending.partition_point(|p| p.rank < rank);
        self.pending.insert(at, Job { stop: Cancel::default(), rank, quiet, ..job.clone() });
    }

    fn take_prompts(&mut self) -> Option<PromptJob> {
        // Without a model there is nothing to do them with; `loaded` asks for them again.
        if self.model.is_none() || !std::mem::take(&mut self.rescore) {
            return None;
        }
        self.prompts.clone()
    }
    fn take_trial(&mut self) -> Option<Arc<PromptSet>> {
        let can = self.model.is_some() && !self.loading && !self.trials.is_empty();
        can.then(|| self.trials.remove(0))
    }
}
