//! The window's end of the engine: commands go in and return at once, events come out.

use super::requests::{Requests, Stamp};
use super::sample;
use super::types::*;
use super::worker::Worker;
use crate::device::{DeviceChoice, SharedGpu};
use crate::prompt::PromptSet;
use crate::score::ClassEmbedding;
use crate::video::Wake;
use crossbeam_channel::{Receiver, unbounded};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Starts the `model` and `sample` threads and talks to them. Dropping it cancels and joins them.
pub struct Engine {
    requests: Arc<Requests>,
    events: Receiver<(Stamp, Event)>,
    threads: Vec<JoinHandle<()>>,
    /// Why a thread could not be started; every model that is asked for is then answered with it.
    not_started: Option<String>,
}

impl Engine {
    /// `shared` is the window's wgpu device, when there is one to share. `wake` is called after every event, from another
    /// thread. The device is opened with the first model.
    pub fn spawn(choice: DeviceChoice, shared: Option<SharedGpu>, wake: Wake) -> Self {
        let (send, events) = unbounded();
        let requests = Arc::new(Requests::new(send, wake));
        let worker = Worker::new(requests.clone(), choice, shared);
        let for_sample = requests.clone();
        let mut threads = Vec::new();
        let mut not_started = None;
        let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let started = [
            named("model").spawn(move || worker.run()),
            named("sample").spawn(move || sample::run(&for_sample)),
        ];
        for thread in started {
            match thread {
                Ok(thread) => threads.push(thread),
                Err(e) => {
                    not_started = Some(format!("a thread cannot be started: {e}; close other programs"))
                }
            }
        }
        Self { requests, events, threads, not_started }
    }

    /// Latest wins. The model before stays in use until the new one is loaded, and for good if that fails. A window in work
    /// is begun again with the new one.
    pub fn load_model(&self, source: ModelSource) {
        let stamp = self.requests.load_model(source);
        if let Some(message) = self.not_started.clone() {
            self.requests.emit(stamp, Event::ModelFailed { message });
        }
    }

    /// The video that windows refer to; `None` closes it.
    pub fn set_video(&self, path: Option<&Path>) {
        self.requests.set_video(path);
    }

    /// Latest wins: of the windows that come while one is being worked on, the newest is done next and the others are
    /// dropped. Call [`Engine::cancel`] first to drop the one in work as well. Waits for a model that is being loaded.
    pub fn analyse(&self, window: AnalysisWindow) {
        self.requests.analyse(window);
    }

    /// Latest wins. Re-scores with the cached video embedding; never runs the vision tower.
    pub fn set_prompts(&self, prompts: PromptSet) {
        self.requests.set_prompts(prompts);
    }

    /// α of METHOD §6; `None`: the model's own.
    pub fn set_alpha(&self, alpha: Option<f32>) {
        self.requests.set_alpha(alpha);
    }

    /// Stops the work on clips within one forward pass; [`Event::AnalysisCancelled`] says that there was some.
    pub fn cancel(&self) {
        self.requests.cancel();
    }

    /// The next event of the present generation, if one has come.
    pub fn try_event(&self) -> Option<Event> {
        self.events.try_iter().find(|(stamp, _)| !self.requests.is_stale(*stamp)).map(|(_, event)| event)
    }

    /// As [`Engine::try_event`], but waits for at most `timeout`: for commands without a window.
    pub fn wait_event(&self, timeout: Duration) -> Option<Event> {
        let end = Instant::now() + timeout;
        loop {
            let (stamp, event) = self.events.recv_deadline(end).ok()?;
            if !self.requests.is_stale(stamp) {
                return Some(event);
            }
        }
    }

    /// Number of frames that have ever gone through the vision tower (proves that prompt edits do not).
    pub fn vision_frames(&self) -> u64 {
        self.requests.vision_frames.load(Ordering::Relaxed)
    }

    /// t⁺ and t⁻ of the classes that were scored last.
    pub fn class_embeddings(&self) -> Option<Arc<Vec<ClassEmbedding>>> {
        self.requests.class_embeddings()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.requests.quit();
        for thread in self.threads.drain(..) {
            // Every request is run under catch_unwind; a thread that panicked all the same has nothing left to say.
            let _ = thread.join();
        }
    }
}
