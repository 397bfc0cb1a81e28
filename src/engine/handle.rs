//! The near end of the engine: requests go in and return at once, events come out.

use super::event::Event;
use super::question::{Probe, Question, QuestionId, Rank};
use super::queue::Queue;
use super::sampler;
use super::store::Memory;
use super::sweep::{Look, Sweep};
use super::worker::Worker;
use crate::device::{DeviceChoice, SharedGpu};
use crate::prompt::PromptSet;
use crate::session::ModelSource;
use crate::video::Source;
use crate::video::Wake;
use crossbeam_channel::{Receiver, unbounded};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Starts the `model` and `sample` threads and talks to them.
pub struct Engine {
    queue: Arc<Queue>,
    events: Receiver<Event>,
    threads: Vec<JoinHandle<()>>,
    /// Why a thread could not be started; every model that is asked for is then answered with it.
    not_started: Option<String>,
}

impl Engine {
    /// `shared` is the window's wgpu device, when there is one to share. `wake` is called after every event, from another
    /// thread. `cache`: where to keep what was measured of a model (`None`: nowhere). The device is opened with the first model.
    pub fn spawn(
        choice: DeviceChoice,
        shared: Option<SharedGpu>,
        cache: Option<PathBuf>,
        wake: Wake,
    ) -> Self {
        let (send, events) = unbounded();
        let queue = Arc::new(Queue::new(send, wake));
        let worker = Worker::new(queue.clone(), choice, shared, cache);
        let for_sampler = queue.clone();
        let mut threads = Vec::new();
        let mut not_started = None;
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let started = [
            named("model").spawn(move || worker.run()),
            named("sample").spawn(move || sampler::run(&for_sampler)),
        ];
        for thread in started {
            match thread {
                Ok(thread) => threads.push(thread),
                Err(e) => {
                    not_started = Some(format!("a thread cannot be started: {e}; close other programs"))
                }
            }
        }
        Self { queue, events, threads, not_started }
    }

    /// Latest wins. The model before stays in use until the new one is loaded, and for good if that fails. Questions in work
    /// are put aside meanwhile; those of another model are then dropped.
    pub fn load_model(&self, source: ModelSource) {
        match self.not_started.clone() {
            Some(message) => self.queue.emit(Event::ModelFailed { message }),
            None => self.queue.load_model(source),
        }
    }

    /// Asks, and gives the question's id. What is held is answered at once; a question that is on its way already is not
    /// asked twice. See [`Rank`] for what a newer question does to older ones.
    pub fn ask(&self, source: &Arc<Source>, question: Question, rank: Rank) -> QuestionId {
        self.queue.ask(source, question, rank)
    }

    /// Latest wins: the questions whose answers stand beside that on screen, such as its original where it is altered. They
    /// are asked where they have no answer yet, after what is on screen, and scored anew with it; what is not named any more
    /// is dropped.
    pub fn beside(&self, questions: Vec<(Arc<Source>, Question)>) {
        self.queue.beside(questions);
    }

    /// Latest wins: the probes that are wanted; what is not named any more is dropped. What they find comes as
    /// [`Event::Probed`] and is not held here.
    pub fn probes(&self, probes: Vec<(Arc<Source>, Question, Probe)>) {
        self.queue.probes(probes);
    }

    /// Latest wins: scores the answer that was last given to a question on screen, and those beside it, anew, now and
    /// whenever another is given. Never runs the vision tower. `revision` comes back with the scores; `alpha` of METHOD §6, `None`: the model's own.
    pub fn set_prompts(&self, revision: u64, prompts: Arc<PromptSet>, alpha: Option<f32>) {
        self.queue.set_prompts(revision, prompts, alpha);
    }

    /// Latest wins: the text side of each of these sets, which are not the present one, comes as [`Event::Tried`]. Nothing is scored.
    pub fn try_prompts(&self, sets: Vec<Arc<PromptSet>>) {
        self.queue.try_prompts(sets);
    }

    /// The memory for what has been computed; to be told before anything is asked, because it forgets what is held.
    pub fn limit(&self, memory: Memory) {
        self.queue.limit(memory);
    }

    /// Latest wins: asks about the spans of `sweep` whenever nothing else is to be done, and tells them as [`Event::Swept`].
    /// Of the sweep that is under way already only where somebody looks is taken over; `None` ends it.
    pub fn sweep(&self, sweep: Option<(&Arc<Source>, &Arc<Sweep>, Look)>) {
        self.queue.sweep(sweep);
    }

    /// Latest wins: the answers to `questions` are scored now, and anew with every edit, as the one on screen is. Those that are
    /// not held (neither as an answer, nor as a span of the sweep, nor by being watched before) are left out.
    pub fn watch(&self, questions: &[Question]) {
        self.queue.watch(questions);
    }

    /// Drops every question that has no answer yet, and not the sweep; work on them ends within one frame's or one forward pass's time.
    pub fn cancel(&self) {
        self.queue.cancel();
    }

    /// The next event, if one has come.
    pub fn try_event(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// As [`Engine::try_event`], but waits for at most `timeout`: for commands without a window.
    pub fn wait_event(&self, timeout: Duration) -> Option<Event> {
        self.events.recv_deadline(Instant::now() + timeout).ok()
    }

    /// Number of frames that have ever gone through the vision tower (proves that prompt edits do not).
    pub fn vision_frames(&self) -> u64 {
        self.queue.vision_frames()
    }
}

impl Drop for Engine {
    /// Cancels everything and waits for the threads; they look up between two frames and two batches.
    fn drop(&mut self) {
        self.queue.quit();
        for thread in self.threads.drain(..) {
            // Every request is run under catch_unwind; a thread that panicked all the same has nothing left to say.
            let _ = thread.join();
        }
    }
}
