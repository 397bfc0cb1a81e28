//! The worker, on the `model` thread: the only one that touches tensors. Between the steps of a clip it looks up: a prompt edit
//! is answered at once, a question that nobody waits for any more is dropped, a new model interrupts.

mod clips;
mod scale;
mod texts;

use super::event::{Answer, Event};
use super::question::Rank;
use super::queue::{Job, Loaded, Queue, Task};
use crate::device::{self, DeviceChoice, DeviceInfo, SharedGpu, panic_message};
use crate::model::encoder::{GPU_TURN, within};
use crate::score::Kept;
use crate::session::{Basis, ModelSource, Session, WorkError};
use crate::video::SourceId;
use burn::tensor::Device;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use texts::Texts;

/// A session, the device that it is on, and how to have it again.
struct Running {
    session: Session,
    source: ModelSource,
    device: DeviceInfo,
    identity: Arc<str>,
    /// A clip has gone through it. On a GPU the first is mostly the driver's compiler at work.
    warm: bool,
    /// What a frame took of the vision tower's time lately.
    pace: Option<Duration>,
}

impl Running {
    /// Frames that go through the vision tower at once: on a GPU no more than leave a window that draws on it its turns, one until
    /// it is known what a frame takes.
    fn at_once(&self) -> usize {
        let most = self.session.vision_batch(self.device.gpu);
        if !self.device.gpu {
            return most;
        }
        let layers = self.session.config().vision.layers.max(1) as u32;
        self.pace.map_or(1, |frame| within(GPU_TURN, frame / layers).clamp(1, most))
    }
}

pub struct Worker {
    queue: Arc<Queue>,
    choice: DeviceChoice,
    shared: Option<SharedGpu>,
    /// Where what was measured of a model is kept; `None`: nowhere.
    cache: Option<PathBuf>,
    device: Option<(Device, DeviceInfo)>,
    running: Option<Running>,
    /// `None` until the present prompts have been encoded.
    texts: Option<Texts>,
    /// The cosines of the sweep with the present prompts.
    cosines: Kept,
    /// The static stream's colours of the video that was looked at last.
    basis: Option<(SourceId, Basis)>,
    /// The model's motion scale is known, or cannot be had.
    scaled: bool,
    /// Tokens of the still footage that it is measured on, as far as they have been computed: always the same frames in
    /// the same order.
    footage: Vec<Arc<[f32]>>,
}

impl Worker {
    pub fn new(
        queue: Arc<Queue>,
        choice: DeviceChoice,
        shared: Option<SharedGpu>,
        cache: Option<PathBuf>,
    ) -> Self {
        let scaled = true;
        let cosines = Kept::new(queue.memory().cosines());
        Self {
            queue,
            choice,
            shared,
            cache,
            device: None,
            running: None,
            texts: None,
            cosines,
            basis: None,
            scaled,
            footage: Vec::new(),
        }
    }

    /// Runs until the engine is closed.
    pub fn run(mut self) {
        loop {
            match self.queue.next_task(!self.scaled) {
                Task::Quit => return,
                Task::Load(source) => self.load(source),
                Task::Prompts(job) => self.prompts(&job, false),
                Task::Try(set) => self.try_prompts(set),
                Task::Held(job, answer) => self.held(&job, answer),
                Task::Watched => self.watched(),
                Task::Sweep => self.sweep(),
                Task::Clip(clip) => self.clip(*clip),
                Task::Idle => self.measure_scale(),
            }
        }
    }

    /// A model that is refused leaves the one before in place.
    fn load(&mut self, source: ModelSource) {
        match guarded(|| self.open(source)) {
            Ok(running) => self.start(running),
            Err(message) => {
                self.queue.loaded(None);
                self.queue.emit(Event::ModelFailed { message });
            }
        }
    }

    fn open(&mut self, source: ModelSource) -> Result<Running, String> {
        let stage = |what: &str, fraction: f32| {
            self.queue.emit(Event::ModelLoading { what: what.to_owned(), fraction: Some(fraction) });
        };
        let (device, info) = match &self.device {
            Some(open) => open.clone(),
            None => {
                stage("opening the device", 0.0);
                device::open(self.choice, self.shared.as_ref()).map_err(|e| e.to_string())?
            }
        };
        let session = Session::load(&source, &device, &stage).map_err(|e| e.to_string())?;
        self.device = Some((device, info.clone()));
        let identity = session.info.identity.as_str().into();
        Ok(Running { session, source, warm: !info.gpu, device: info, identity, pace: None })
    }

    fn start(&mut self, running: Running) {
        let (info, device) = (running.session.info.clone(), running.device.clone());
        self.texts = None;
        self.basis = None;
        let kept = if info.scale.is_none() { self.kept_scale(&info.identity) } else { None };
        self.scaled = info.scale.is_some() || kept.is_some();
        self.footage.clear();
        let loaded = Loaded {
            identity: running.identity.clone(),
            device: device.name.as_str().into(),
            preprocess: running.session.preprocess,
            last_layer: info.motion_layer == info.layers,
        };
        self.running = Some(running);
        let model = info.identity.clone();
        self.queue.emit(Event::ModelLoaded { info, device });
        if let Some(scale) = kept {
            self.queue.emit(Event::Scale { model, scale: Arc::new(scale) });
        }
        self.queue.loaded(Some(loaded));
    }

    /// Where the device that the model runs on has been lost, moves the model to the CPU; `true` if it did. The question in
    /// work is dropped with the device that it names, and whoever asked hears of the new one.
    fn moved_off_lost_device(&mut self) -> bool {
        let on_gpu = self.running.as_ref().is_some_and(|r| r.device.gpu);
        if !on_gpu || device::lost(self.shared.as_ref()).is_none() {
            return false;
        }
        let Some(running) = self.running.take() else { return false };
        let source = running.source.clone();
        // Its tensors go with the device; dropping them may fail as everything on it does.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(running)));
        if dropped.is_err() {
            log::warn!("letting go of a lost device failed");
        }
        self.device = None;
        self.load(source);
        true
    }

    /// Gives a held answer with its scores of now.
    fn held(&self, job: &Job, answer: Arc<Answer>) {
        let scored = self.score(&answer, Instant::now());
        self.queue.answer(job, answer, scored);
    }

    fn running(&self) -> Result<&Running, WorkError> {
        self.running.as_ref().ok_or_else(|| WorkError::Failed("no model is loaded".to_owned()))
    }

    /// What may not wait until the clip is done.
    fn look_up(&mut self, job: &Job) -> Result<(), WorkError> {
        if job.stop.is_cancelled() || self.queue.is_interrupted() {
            return Err(WorkError::Interrupted);
        }
        if let Some(prompts) = self.queue.take_prompts() {
            self.prompts(&prompts, true);
        }
        if let Some(set) = self.queue.take_trial() {
            self.try_prompts(set);
        }
        while let Some((job, answer)) = self.queue.take_held() {
            self.held(&job, answer);
        }
        if self.queue.take_rewatch() {
            self.watched();
        }
        if job.rank == Rank::Background && self.queue.sweep_is_due() {
            self.sweep();
        }
        Ok(())
    }
}

/// Runs `f`; a panic becomes an error that a person can read.
fn guarded<T>(f: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        Err(format!("the model failed ({}); please report it", panic_message(&*panic)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::question::Question;
    use crate::engine::queue::{ClipJob, NewFrame};
    use crate::model::Surgery;
    use crate::video::clip::{ClipSpec, Span};
    use crate::video::preprocess::CropRect;
    use crate::video::{Pts, Source};
    use crossbeam_channel::{Receiver, unbounded};
    use std::collections::HashMap;

    fn worker() -> (Worker, Receiver<Event>) {
        let (send, events) = unbounded();
        let mut worker =
            Worker::new(Arc::new(Queue::new(send, Arc::new(|| {}))), DeviceChoice::Cpu, None, None);
        worker.load(ModelSource::Shapes);
        (worker, events)
    }

    /// Runs one clip of eight pictures with pixels of this value, and gives the event that ended it.
    fn outcome(worker: &mut Worker, events: &Receiver<Event>, value: f32, side: usize) -> Event {
        let running = worker.running.as_ref().expect("a model");
        let question = Question {
            source: SourceId::from("memory".to_owned()),
            clip: ClipSpec::segments(Span::new(Pts(0), Pts(7))),
            frames: running.session.info.frames,
            model: running.identity.to_string(),
            device: running.device.name.clone(),
            surgery: Surgery::default(),
        };
        let source = Source::open("/nowhere".as_ref(), Arc::new(|| {}));
        worker.queue.ask(&source, question, Rank::Screen);
        let (job, _) = worker.queue.next_to_read().expect("a question");
        let frames: Vec<Pts> = (0..8).map(Pts).collect();
        let crop = CropRect { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };
        let new = frames.iter().map(|pts| NewFrame { pts: *pts, pixels: vec![value; 3 * side * side], crop });
        let new = new.collect();
        worker.queue.hand_over(ClipJob { job, frames, known: HashMap::new(), new });
        let Task::Clip(clip) = worker.queue.next_task(false) else { panic!("no clip") };
        worker.clip(*clip);
        let ended = |e: &Event| matches!(e, Event::Answered { .. } | Event::Failed { .. });
        events.try_iter().find(ended).expect("an end")
    }

    #[test]
    fn a_panic_is_told_in_words_and_the_thread_works_on() {
        let (mut worker, events) = worker();
        let side = worker.running.as_ref().expect("a model").session.info.image_size;
        match outcome(&mut worker, &events, 0.1, side + 3) {
            Event::Failed { message, .. } => assert!(message.contains("report"), "{message}"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(outcome(&mut worker, &events, 0.1, side), Event::Answered { .. }));
    }

    #[test]
    fn a_gpu_gets_as_many_frames_as_leave_the_window_its_turns() {
        let (mut worker, _events) = worker();
        let running = worker.running.as_mut().expect("a model");
        let (most, layers) =
            (running.session.vision_batch(true), running.session.config().vision.layers as u32);
        assert_eq!(running.at_once(), running.session.vision_batch(false), "a CPU draws no window");
        running.device.gpu = true;
        assert_eq!(running.at_once(), 1, "nothing is known of it");
        for (pace, frames) in
            [(Duration::ZERO, most), (GPU_TURN * layers / 3, 3), (GPU_TURN * layers * 100, 1)]
        {
            running.pace = Some(pace);
            assert_eq!(running.at_once(), frames, "{pace:?} a frame");
        }
    }

    #[test]
    fn what_is_not_finite_is_an_error() {
        let (mut worker, events) = worker();
        let side = worker.running.as_ref().expect("a model").session.info.image_size;
        match outcome(&mut worker, &events, f32::INFINITY, side) {
            Event::Failed { message, .. } => assert!(message.contains("not finite"), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}
