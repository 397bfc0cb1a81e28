//! Where requests wait: one slot a kind, in which the newest replaces the one before, and the generations by which an
//! event that nobody waits for any more is told from one that somebody does.

use super::cache::{FEATURE_BYTES, FeatureCache, Features};
use super::types::*;
use crate::prompt::PromptSet;
use crate::score::ClassEmbedding;
use crate::video::{Cancel, Clip, Pts, Wake};
use crossbeam_channel::Sender;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Which request an event answers; it is stale once that request's generation has passed.
#[derive(Clone, Copy, Debug)]
pub enum Stamp {
    Model(u64),
    Clip(u64),
    /// Scores belong to a prompt request and to the video that was scored.
    Scores {
        prompts: u64,
        video: u64,
    },
}

/// A window to be cut from the video.
#[derive(Clone, Debug)]
pub struct WindowJob {
    pub generation: u64,
    pub path: PathBuf,
    /// Counts the videos set, to tell a file that was opened again.
    pub video: u64,
    pub window: AnalysisWindow,
    /// Ends the work on this window.
    pub cancel: Cancel,
    /// Ends all work on this video.
    pub closed: Cancel,
    pub model: Arc<str>,
    /// T of the model.
    pub frames: usize,
}

/// A clip to be analysed. Frames without a picture have their features here.
#[derive(Clone, Debug)]
pub struct ClipJob {
    pub window: WindowJob,
    pub clip: Clip,
    pub known: HashMap<Pts, Features>,
}

/// The prompts to be scored.
#[derive(Clone, Debug)]
pub struct PromptJob {
    pub generation: u64,
    pub set: Arc<PromptSet>,
    pub alpha: Option<f32>,
}

/// The next thing that the model thread is to do, most urgent first.
pub enum Task {
    Quit,
    Load { generation: u64, source: ModelSource },
    Prompts(PromptJob),
    Clip(Box<ClipJob>),
}

#[derive(Default)]
struct State {
    quit: bool,
    load: Option<ModelSource>,
    /// A model is asked for or being loaded.
    loading: bool,
    /// Digest and T of the loaded model.
    model: Option<(Arc<str>, usize)>,
    prompts: Option<Arc<PromptSet>>,
    alpha: Option<f32>,
    /// Prompts or α have changed since they were last taken.
    rescore: bool,
    video: Option<PathBuf>,
    window: Option<AnalysisWindow>,
    clip: Option<Box<ClipJob>>,
    /// The window that `sample` or `model` works on; there is one at a time, so that the next one is the newest.
    in_flight: Option<AnalysisWindow>,
    cancel: Cancel,
    closed: Cancel,
    model_generation: u64,
    clip_generation: u64,
    prompts_generation: u64,
    video_generation: u64,
    classes: Option<Arc<Vec<ClassEmbedding>>>,
}

/// Shared by the handle and both threads.
pub struct Requests {
    state: Mutex<State>,
    for_model: Condvar,
    for_sample: Condvar,
    pub features: Mutex<FeatureCache>,
    pub vision_frames: AtomicU64,
    events: Sender<(Stamp, Event)>,
    wake: Wake,
}

/// A lock that a panic elsewhere has not made useless: every write here leaves the state whole.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Requests {
    pub fn new(events: Sender<(Stamp, Event)>, wake: Wake) -> Self {
        Self {
            state: Mutex::default(),
            for_model: Condvar::new(),
            for_sample: Condvar::new(),
            features: Mutex::new(FeatureCache::new(FEATURE_BYTES)),
            vision_frames: AtomicU64::new(0),
            events,
            wake,
        }
    }

    fn changed(&self) {
        self.for_model.notify_all();
        self.for_sample.notify_all();
    }

    /// Changes the state and wakes both threads.
    fn change<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        let result = f(&mut lock(&self.state));
        self.changed();
        result
    }

    // What the handle asks for.

    /// Gives the stamp that the answers will carry.
    pub fn load_model(&self, source: ModelSource) -> Stamp {
        self.change(|s| {
            s.model_generation += 1;
            s.load = Some(source);
            s.loading = true;
        });
        Stamp::Model(lock(&self.state).model_generation)
    }

    pub fn set_video(&self, path: Option<&Path>) {
        self.change(|s| {
            s.video = path.map(Path::to_owned);
            s.video_generation += 1;
            s.closed.cancel();
            s.closed = Cancel::default();
            s.drop_clips();
        });
    }

    pub fn analyse(&self, window: AnalysisWindow) {
        self.change(|s| s.window = Some(window));
    }

    pub fn set_prompts(&self, set: PromptSet) {
        self.change(|s| {
            s.prompts = Some(Arc::new(set));
            s.prompts_changed();
        });
    }

    pub fn set_alpha(&self, alpha: Option<f32>) {
        self.change(|s| {
            s.alpha = alpha;
            s.prompts_changed();
        });
    }

    pub fn cancel(&self) {
        let cancelled = self.change(|s| s.drop_clips().then_some(s.clip_generation));
        if let Some(generation) = cancelled {
            self.emit(Stamp::Clip(generation), Event::AnalysisCancelled);
        }
    }

    pub fn quit(&self) {
        self.change(|s| {
            s.quit = true;
            s.closed.cancel();
            s.drop_clips();
        });
    }

    /// Nobody waits for what `stamp` answers.
    pub fn is_stale(&self, stamp: Stamp) -> bool {
        let s = lock(&self.state);
        match stamp {
            Stamp::Model(generation) => generation != s.model_generation,
            Stamp::Clip(generation) => generation != s.clip_generation,
            Stamp::Scores { prompts, video } => {
                prompts != s.prompts_generation || video != s.video_generation
            }
        }
    }

    pub fn class_embeddings(&self) -> Option<Arc<Vec<ClassEmbedding>>> {
        lock(&self.state).classes.clone()
    }

    // What both threads say.

    pub fn emit(&self, stamp: Stamp, event: Event) {
        // Nobody listens while the engine is being closed.
        let _ = self.events.send((stamp, event));
        (self.wake)();
    }

    pub fn count_vision_frames(&self, frames: usize) {
        self.vision_frames.fetch_add(frames as u64, Ordering::Relaxed);
    }

    // The sample thread.

    /// Waits for a window to cut; `None`: quit.
    pub fn next_window(&self) -> Option<WindowJob> {
        let mut s = lock(&self.state);
        loop {
            if s.quit {
                return None;
            }
            if !s.loading
                && s.in_flight.is_none()
                && let Some(window) = s.window.take()
            {
                let (Some((model, frames)), Some(path)) = (s.model.clone(), s.video.clone()) else {
                    let what = if s.model.is_none() { "no model is loaded" } else { "no video is open" };
                    let stamp = Stamp::Clip(s.clip_generation);
                    drop(s);
                    self.emit(stamp, Event::AnalysisFailed { message: what.to_owned() });
                    s = lock(&self.state);
                    continue;
                };
                s.in_flight = Some(window);
                return Some(WindowJob {
                    generation: s.clip_generation,
                    path,
                    video: s.video_generation,
                    window,
                    cancel: s.cancel.clone(),
                    closed: s.closed.clone(),
                    model,
                    frames,
                });
            }
            s = self.for_sample.wait(s).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Hands a cut clip to the model thread.
    pub fn hand_over(&self, job: ClipJob) {
        self.change(|s| {
            if job.window.generation == s.clip_generation {
                s.clip = Some(Box::new(job));
            }
        });
    }

    /// The work on a window has ended, well or not.
    pub fn finish(&self, job: &WindowJob) {
        self.change(|s| {
            if job.generation == s.clip_generation {
                s.in_flight = None;
            }
        });
    }

    pub fn fail(&self, job: &WindowJob, message: String) {
        self.finish(job);
        self.emit(Stamp::Clip(job.generation), Event::AnalysisFailed { message });
    }

    // The model thread.

    /// Waits for something to do.
    pub fn next_task(&self) -> Task {
        let mut s = lock(&self.state);
        loop {
            if s.quit {
                return Task::Quit;
            }
            if let Some(source) = s.load.take() {
                return Task::Load { generation: s.model_generation, source };
            }
            if let Some(job) = s.take_prompts() {
                return Task::Prompts(job);
            }
            if let Some(clip) = s.clip.take() {
                return Task::Clip(clip);
            }
            s = self.for_model.wait(s).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Prompts that came while a clip is being worked on.
    pub fn take_prompts(&self) -> Option<PromptJob> {
        lock(&self.state).take_prompts()
    }

    /// The prompts could not be done now; they are to be taken again.
    pub fn prompts_again(&self) {
        self.change(|s| s.rescore = true);
    }

    /// Prompts newer than those being worked on are waiting.
    pub fn has_newer_prompts(&self) -> bool {
        lock(&self.state).rescore
    }

    /// The present prompts, for scoring a clip.
    pub fn prompts(&self) -> Option<PromptJob> {
        lock(&self.state).prompt_job()
    }

    pub fn video_generation(&self) -> u64 {
        lock(&self.state).video_generation
    }

    /// A model is waiting to be loaded, or the program to be closed: long work should stop.
    pub fn is_interrupted(&self) -> bool {
        let s = lock(&self.state);
        s.quit || s.load.is_some()
    }

    /// Puts an interrupted window back, unless a newer one waits.
    pub fn put_back(&self, job: &WindowJob) {
        self.change(|s| {
            if job.generation == s.clip_generation {
                s.in_flight = None;
                s.window.get_or_insert(job.window);
            }
        });
    }

    /// Loading has ended; with a model, its digest and T, or with the one before.
    pub fn loaded(&self, generation: u64, model: Option<(Arc<str>, usize)>) {
        self.change(|s| {
            if let Some(model) = model {
                s.model = Some(model);
                s.classes = None;
                s.rescore = true;
            }
            if generation == s.model_generation {
                s.loading = false;
            }
        });
    }

    pub fn set_classes(&self, classes: Arc<Vec<ClassEmbedding>>) {
        lock(&self.state).classes = Some(classes);
    }
}

impl State {
    /// Forgets every window that is not done; `true` if there was one.
    fn drop_clips(&mut self) -> bool {
        self.cancel.cancel();
        self.cancel = Cancel::default();
        self.clip_generation += 1;
        self.clip = None;
        let in_flight = self.in_flight.take();
        self.window.take().is_some() || in_flight.is_some()
    }

    fn prompts_changed(&mut self) {
        self.prompts_generation += 1;
        self.rescore = true;
    }

    fn take_prompts(&mut self) -> Option<PromptJob> {
        // Without a model there is nothing to do them with; `loaded` asks for them again.
        if self.model.is_none() || !std::mem::take(&mut self.rescore) {
            return None;
        }
        self.prompt_job()
    }

    fn prompt_job(&self) -> Option<PromptJob> {
        let set = self.prompts.clone()?;
        Some(PromptJob { generation: self.prompts_generation, set, alpha: self.alpha })
    }
}
