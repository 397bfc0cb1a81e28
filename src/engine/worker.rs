//! The worker, on the `model` thread: the only one that touches tensors. Between the steps of a clip it looks up: a prompt edit
//! is answered at once, a question that nobody waits for any more is dropped, a new model interrupts.

use super::event::{Answer, Event, Finding, Scored};
use super::question::{Probe, Question, QuestionId, Rank};
use super::queue::{ClipJob, Job, Loaded, PromptJob, Queue, Task};
use super::store::{Features, FrameKey};
use super::sweep::{Swept, told_classes};
use crate::device::{self, DeviceChoice, DeviceInfo, SharedGpu, panic_message};
use crate::files::write_atomic;
use crate::model::Surgery;
use crate::model::dense::Reading;
use crate::model::encoder::{GPU_TURN, within};
use crate::model::folder::MotionScale;
use crate::prompt::PromptSet;
use crate::score::{ClassEmbedding, Kept, Weighing, score_with};
use crate::session::{Basis, FreezeMap, ModelSource, PromptNote, Session, Support, WorkError};
use crate::video::Pts;
use crate::video::SourceId;
use burn::tensor::{Device, Tensor};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Work on prompts that is longer than this says so, and makes way.
const A_MOMENT: Duration = Duration::from_millis(150);

/// The text side of the present prompts.
struct Texts {
    set: Arc<PromptSet>,
    classes: Arc<Vec<ClassEmbedding>>,
    /// As they are without DA_j, once that is asked for.
    plain: OnceCell<Arc<Vec<ClassEmbedding>>>,
    names: Arc<[String]>,
    alpha: Option<f32>,
    revision: u64,
}

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

    /// New prompts or a new α: the text tower sees new strings only, the vision tower nothing. Thousands of new strings take a
    /// while: they make way for a clip that somebody looks at, and `in_clip` they only get a moment.
    fn prompts(&mut self, job: &PromptJob, in_clip: bool) {
        let queue = self.queue.clone();
        let start = Instant::now();
        let mut go_on = |done, total| {
            let long = start.elapsed() > A_MOMENT;
            if long {
                queue.emit(Event::Encoding { revision: job.revision, done, total });
            }
            !(queue.has_newer_prompts() || queue.is_interrupted() || long && (in_clip || queue.clip_waits()))
        };
        let result = guarded(|| {
            let Some(running) = &mut self.running else { return Ok(None) };
            match running.session.classes(&job.set, &mut go_on) {
                Ok(texts) => Ok(Some(texts)),
                Err(WorkError::Interrupted) => Ok(None),
                Err(WorkError::Failed(message)) => Err(message),
            }
        });
        match result {
            Ok(Some((classes, notes))) => self.encoded(job, classes, notes),
            Ok(None) => queue.prompts_again(),
            Err(message) => {
                self.texts = None;
                if self.moved_off_lost_device() {
                    queue.prompts_again();
                } else {
                    queue.emit(Event::PromptsFailed { revision: job.revision, message });
                }
            }
        }
    }

    /// The text side of prompts beside the present ones.
    fn try_prompts(&mut self, set: Arc<PromptSet>) {
        let queue = self.queue.clone();
        let result = guarded(|| {
            let Some(running) = &mut self.running else { return Ok(None) };
            match running.session.classes(&set, &mut |_, _| !queue.is_interrupted()) {
                Ok((classes, notes)) => {
                    let plain = running.session.plain_classes(&set, &classes);
                    Ok(Some((classes, plain, notes)))
                }
                Err(WorkError::Interrupted) => Ok(None),
                Err(WorkError::Failed(message)) => Err(message),
            }
        });
        let (classes, plain, notes) = match result {
            Ok(Some((classes, plain, notes))) => (Ok(Arc::new(classes)), plain, notes),
            Ok(None) => return queue.trial_again(set),
            Err(_) if self.moved_off_lost_device() => return queue.trial_again(set),
            Err(message) => (Err(message), Vec::new(), Vec::new()),
        };
        let model = self.running.as_ref().map_or(String::new(), |r| r.identity.to_string());
        queue.emit(Event::Tried { set, model, classes, plain: Arc::new(plain), notes: Arc::new(notes) });
    }

    fn encoded(&mut self, job: &PromptJob, classes: Vec<ClassEmbedding>, notes: Vec<PromptNote>) {
        let Some(running) = &self.running else { return };
        let classes = Arc::new(classes);
        let names = classes.iter().map(|c| c.name.clone()).collect();
        self.texts = Some(Texts {
            set: job.set.clone(),
            classes: classes.clone(),
            plain: OnceCell::new(),
            names,
            alpha: job.alpha,
            revision: job.revision,
        });
        self.queue.emit(Event::Texts {
            revision: job.revision,
            model: running.session.info.identity.clone(),
            classes,
            notes: Arc::new(notes),
        });
        if self.queue.probing() {
            self.tell_plain();
        }
        for answer in self.queue.shown() {
            if let Some(scored) = self.score(&answer, job.since) {
                self.queue.emit(Event::Scored(scored));
            }
        }
        self.watched();
        self.queue.resweep();
    }

    /// The present prompts as they are without DA_j.
    fn plain<'a>(running: &Running, texts: &'a Texts) -> &'a Arc<Vec<ClassEmbedding>> {
        texts.plain.get_or_init(|| Arc::new(running.session.plain_classes(&texts.set, &texts.classes)))
    }

    fn tell_plain(&self) {
        if let (Some(running), Some(texts)) = (&self.running, &self.texts) {
            let classes = Self::plain(running, texts).clone();
            self.queue.emit(Event::PlainTexts { revision: texts.revision, classes });
        }
    }

    /// METHOD §6 on an answer of this model.
    fn score(&self, answer: &Answer, since: Instant) -> Option<Scored> {
        let Question { model, surgery, .. } = &*answer.question;
        self.score_embedding(answer.id, (model, surgery), &answer.evidence.embedding, since)
    }

    fn score_embedding(
        &self,
        question: QuestionId,
        (model, surgery): (&str, &Surgery),
        embedding: &[f32],
        since: Instant,
    ) -> Option<Scored> {
        let (running, texts) = (self.running.as_ref()?, self.texts.as_ref()?);
        if *running.identity != *model {
            return None;
        }
        let info = &running.session.info;
        let classes = if surgery.no_joint_adapter { Self::plain(running, texts) } else { &texts.classes };
        let alpha = surgery.alpha().or(texts.alpha).unwrap_or(info.alpha);
        let weighing = Weighing { alpha, negatives: !surgery.no_negatives };
        let scores = Arc::new(score_with(embedding, classes, info.tau, weighing));
        let seconds = since.elapsed().as_secs_f32();
        Some(Scored { question, revision: texts.revision, scores, seconds })
    }

    /// Scores the answers that are watched beside the one on screen.
    fn watched(&self) {
        for watched in self.queue.watched() {
            let of = (&*watched.model, &watched.surgery);
            if let Some(scored) = self.score_embedding(watched.id, of, &watched.embedding, Instant::now()) {
                self.queue.emit(Event::Scored(scored));
            }
        }
    }

    /// Scores and tells what is new of the sweep, or all of it. Makes way for a newer edit and for who waits for a clip.
    fn sweep(&mut self) {
        let Some(due) = self.queue.take_sweep() else { return };
        let Some(running) = self.running.as_ref().filter(|r| *r.identity == *due.sweep.model()) else {
            return;
        };
        let info = &running.session.info;
        let (classes, names, revision, alpha) = match &self.texts {
            Some(texts) => (&texts.classes[..], texts.names.clone(), texts.revision, texts.alpha),
            // The prompts are not ready; they are told when they are.
            None => (&[][..], Arc::default(), 0, None),
        };
        let columns: Vec<usize> = {
            let room = self.queue.memory().scores();
            (0..told_classes(classes.len(), due.sweep.spans(), room)).collect()
        };
        let embeddings: Vec<Arc<[f32]>> = due.points.iter().map(|p| p.embedding.clone()).collect();
        let queue = &self.queue;
        let go_on = || !(queue.has_newer_prompts() || queue.is_interrupted() || queue.clip_waits());
        let weights = (info.tau, alpha.unwrap_or(info.alpha));
        match self.cosines.score_all(&embeddings, classes, weights, &columns, &go_on) {
            Some(scores) => queue.emit(Event::Swept(Arc::new(Swept {
                sweep: due.sweep,
                revision,
                whole: due.whole,
                spans: due.spans,
                points: due.points,
                scores,
                names,
                moments: due.moments,
                progress: due.progress,
            }))),
            None => queue.sweep_again(&due.sweep, due.moments),
        }
    }

    /// Gives a held answer with its scores of now.
    fn held(&self, job: &Job, answer: Arc<Answer>) {
        let scored = self.score(&answer, Instant::now());
        self.queue.answer(job, answer, scored);
    }

    fn clip(&mut self, clip: ClipJob) {
        let job = clip.job.clone();
        let result = guarded(|| {
            let done = match job.probe {
                Some(probe) => self.probe(clip, probe).map(|()| None),
                None => self.answer(clip).map(|answer| Some(Arc::new(answer))),
            };
            match done {
                Ok(answer) => Ok(Some(answer)),
                Err(WorkError::Interrupted) => Ok(None),
                Err(WorkError::Failed(message)) => Err(message),
            }
        });
        match result {
            Ok(Some(Some(answer))) => self.held(&job, answer),
            Ok(Some(None)) => {}
            Ok(None) => self.queue.give_up(&job),
            Err(message) => {
                if self.moved_off_lost_device() {
                    self.queue.give_up(&job);
                } else {
                    self.queue.fail(&job, message);
                }
            }
        }
    }

    /// The tokens of a clip's frames in the order in which the model sees them, and how many went through the vision tower
    /// for that.
    fn tokens(&mut self, clip: ClipJob) -> Result<(Vec<Pts>, Vec<Features>, usize), WorkError> {
        let ClipJob { job, frames, mut known, new } = self.frozen(clip)?;
        let progress = |queue: &Queue, stage, done, total| {
            if !job.quiet {
                queue.emit(Event::Progress { question: job.id, stage, done, total });
            }
        };
        let gpu = self.running()?.device.gpu;
        // On a CPU, what nobody waits for goes frame by frame: whoever comes meanwhile waits for one of them.
        let most = if job.rank == Rank::Background && !gpu { 1 } else { usize::MAX };
        let [tower, head] = stages(self.running()?.warm);
        progress(&self.queue, tower, 0, new.len());
        let mut done = 0;
        let mut left = &new[..];
        while !left.is_empty() {
            self.look_up(&job)?;
            let (batch, after) = left.split_at(self.running()?.at_once().min(most).min(left.len()));
            left = after;
            let pixels: Vec<&[f32]> = batch.iter().map(|frame| &*frame.pixels).collect();
            let began = Instant::now();
            let tokens = self.running()?.session.encode_frames(&pixels, &job.question.surgery)?;
            if let Some(running) = &mut self.running {
                running.pace = Some(began.elapsed() / batch.len() as u32);
            }
            let running = self.running()?;
            self.queue.count_vision_frames(batch.len());
            let mut store = self.queue.store();
            for (frame, tokens) in batch.iter().zip(tokens) {
                let features = Features { tokens, crop: frame.crop };
                let key = FrameKey {
                    source: job.source.id().clone(),
                    pts: frame.pts,
                    crop: job.question.clip.crop,
                    motion_layer: job.question.surgery.motion_layer,
                    model: running.identity.clone(),
                    device: running.device.name.as_str().into(),
                };
                // Frames whose pixels are altered are those of this clip alone.
                if job.question.surgery.frozen_pixels.is_empty() {
                    store.frames.put(key, features.clone());
                }
                known.insert(frame.pts, features);
            }
            drop(store);
            done += batch.len();
            progress(&self.queue, tower, done, new.len());
        }
        self.look_up(&job)?;
        progress(&self.queue, head, 0, 1);
        let features: Vec<Features> = frames.iter().filter_map(|pts: &Pts| known.get(pts).cloned()).collect();
        if features.is_empty() || features.len() != job.question.frames {
            return Err(WorkError::Failed(format!(
                "{}: there is no frame in this span",
                job.source.path().display()
            )));
        }
        Ok((frames, features, done))
    }

    /// What is asked beside the evidence. Told as it is found.
    fn probe(&mut self, clip: ClipJob, probe: Probe) -> Result<(), WorkError> {
        self.tell_plain();
        let (job, surgery) = (clip.job.clone(), clip.job.question.surgery.clone());
        match probe {
            Probe::Freeze => {
                let x = self.tokens_of(clip)?;
                // Blocks are a quarter of the work, and shown until the patches are done.
                for side in [2, 1] {
                    let map = self.freeze_map(&job, &x, &surgery, side)?;
                    self.queue.found(&job, probe, Finding::Freeze(map), side == 1);
                }
            }
            Probe::Patch { frame, patch } => {
                let clip = self.frozen(clip)?;
                let at = clip.frames.get(frame).copied();
                let read = clip.new.iter().find(|new| Some(new.pts) == at).map(|new| new.pixels.clone());
                let x = self.tokens_of(clip)?;
                let session = &self.running()?.session;
                let found = session.patch(&x, &surgery, (frame, patch), read.as_deref())?;
                self.queue.found(&job, probe, Finding::Patch(found), true);
            }
            Probe::Tokens => {
                let x = self.tokens_of(clip)?;
                let found = self.running()?.session.patch_tokens(&x)?;
                self.queue.found(&job, probe, Finding::Tokens(found), true);
            }
            Probe::Support => self.support(clip)?,
        }
        Ok(())
    }

    /// See [`pixels_frozen`].
    fn frozen(&mut self, clip: ClipJob) -> Result<ClipJob, WorkError> {
        pixels_frozen(clip, |frames, patches| {
            self.running().map(|running| running.session.freeze_pixels(frames, patches))
        })
    }

    /// The tokens of a clip as the model takes them, (1,T,n,D).
    fn tokens_of(&mut self, clip: ClipJob) -> Result<Tensor<4>, WorkError> {
        let (_, features, _) = self.tokens(clip)?;
        let tokens: Vec<&[f32]> = features.iter().map(|f| &*f.tokens).collect();
        Ok(self.running()?.session.clips(&tokens, tokens.len()))
    }

    /// The patches of a clip in CLIP's joint space; between batches prompts are heard.
    fn support(&mut self, clip: ClipJob) -> Result<(), WorkError> {
        let ClipJob { job, frames, new, .. } = self.frozen(clip)?;
        let batch = self.running()?.at_once();
        let mut patches: HashMap<Pts, Arc<[f32]>> = HashMap::new();
        for batch in new.chunks(batch) {
            let (done, total) = (patches.len(), new.len());
            self.queue.emit(Event::Progress {
                question: job.id,
                stage: "support: vision tower",
                done,
                total,
            });
            self.look_up(&job)?;
            let pixels: Vec<&[f32]> = batch.iter().map(|frame| &*frame.pixels).collect();
            let read = self.running()?.session.read_patches(&pixels, &[Reading::SHOWN])?;
            self.queue.count_vision_frames(batch.len());
            patches.extend(batch.iter().map(|frame| frame.pts).zip(read.into_iter().flatten()));
        }
        let grid = self.running()?.session.info.grid;
        let frames = frames.iter().filter_map(|pts| patches.get(pts).cloned()).collect();
        self.queue.found(&job, Probe::Support, Finding::Support(Support { frames, grid }), true);
        Ok(())
    }

    /// As [`Session::freeze_map`]; between batches prompts are heard.
    fn freeze_map(
        &mut self,
        job: &Job,
        x: &Tensor<4>,
        surgery: &Surgery,
        side: usize,
    ) -> Result<FreezeMap, WorkError> {
        let mut map = self.running()?.session.freeze_start(x, surgery, side)?;
        loop {
            let (done, total) = map.progress();
            let stage = if side > 1 { "freeze map by blocks" } else { "freeze map by patches" };
            self.queue.emit(Event::Progress { question: job.id, stage, done, total });
            if done == total {
                return Ok(map);
            }
            self.look_up(job)?;
            self.running()?.session.freeze_more(&mut map, x, surgery)?;
        }
    }

    fn answer(&mut self, clip: ClipJob) -> Result<Answer, WorkError> {
        let (job, start) = (clip.job.clone(), Instant::now());
        let (frames, features, done) = self.tokens(clip)?;
        let crop = features[0].crop;
        let tokens: Vec<&[f32]> = features.iter().map(|f| &*f.tokens).collect();
        let session = &self.running()?.session;
        let x = session.clips(&tokens, tokens.len());
        let basis =
            self.basis.as_ref().filter(|(source, _)| source == job.source.id()).map(|(_, basis)| basis);
        let (evidence, basis) = session.evidence(x, &job.question.surgery, basis)?;
        self.basis = Some((job.source.id().clone(), basis));
        if let Some(running) = &mut self.running {
            running.warm = true;
        }
        Ok(Answer {
            id: job.id,
            question: job.question,
            frames,
            crop,
            evidence,
            seconds: start.elapsed().as_secs_f32(),
            encoded_frames: done,
        })
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

    /// The scale of a model whose folder has none, measured while nobody waits.
    fn measure_scale(&mut self) {
        let Some(running) = self.running.take() else { return };
        self.measure_scale_of(&running);
        self.running = Some(running);
    }

    fn measure_scale_of(&mut self, running: &Running) {
        let identity = running.session.info.identity.clone();
        let measured = guarded(|| match self.floor(running) {
            Ok(scale) => Ok(Some(scale)),
            Err(WorkError::Interrupted) => Ok(None),
            Err(WorkError::Failed(message)) => Err(message),
        });
        let scale = match measured {
            Ok(Some(scale)) => scale,
            // Somebody waits; next time that nobody does.
            Ok(None) => return,
            Err(message) => {
                log::warn!("the motion scale cannot be measured: {message}");
                self.scaled = true;
                return;
            }
        };
        self.scaled = true;
        self.footage = Vec::new();
        if let Some(path) = self.scale_file(&identity) {
            let json = serde_json::to_vec_pretty(&scale).unwrap_or_default();
            let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            // A cache that cannot be written costs time and nothing else.
            if let Err(e) = written.and_then(|()| write_atomic(&path, &json)) {
                log::warn!("cannot keep {}: {e}", path.display());
            }
        }
        self.queue.emit(Event::Scale { model: identity, scale: Arc::new(scale) });
    }

    /// Where the scale of a model is kept once it has been measured.
    fn scale_file(&self, identity: &str) -> Option<PathBuf> {
        Some(self.cache.as_ref()?.join("scales").join(format!("{identity}.json")))
    }

    /// The scale that was measured earlier.
    fn kept_scale(&self, identity: &str) -> Option<MotionScale> {
        serde_json::from_slice(&std::fs::read(self.scale_file(identity)?).ok()?).ok()
    }

    /// One frame at a time, so that whoever comes waits for no more than that; what was computed is kept for the next try.
    fn floor(&mut self, running: &Running) -> Result<MotionScale, WorkError> {
        let (queue, footage, mut seen) = (self.queue.clone(), &mut self.footage, 0);
        running.session.measure_floor(&mut |session, pixels| {
            let wanted = seen..seen + pixels.len();
            seen = wanted.end;
            for frame in pixels.get(footage.len().saturating_sub(wanted.start)..).unwrap_or_default() {
                if queue.is_busy() {
                    return Err(WorkError::Interrupted);
                }
                footage.extend(session.encode_frames(std::slice::from_ref(frame), &Surgery::default())?);
            }
            Ok(footage[wanted].to_vec())
        })
    }
}

/// The clip with the pixels frozen that its surgery names: `freeze` gives the frames anew, in the order in which the model
/// sees them.
fn pixels_frozen(
    mut clip: ClipJob,
    freeze: impl FnOnce(&[&[f32]], &[u16]) -> Result<Vec<Vec<f32>>, WorkError>,
) -> Result<ClipJob, WorkError> {
    let patches = &clip.job.question.surgery.frozen_pixels;
    if patches.is_empty() {
        return Ok(clip);
    }
    let pixels = |pts: &Pts| clip.new.iter().find(|frame| frame.pts == *pts).map(|frame| &*frame.pixels);
    let seen: Vec<&[f32]> = clip.frames.iter().filter_map(pixels).collect();
    let frozen: HashMap<Pts, Vec<f32>> = clip.frames.iter().copied().zip(freeze(&seen, patches)?).collect();
    for frame in &mut clip.new {
        if let Some(pixels) = frozen.get(&frame.pts) {
            frame.pixels.clone_from(pixels);
        }
    }
    Ok(clip)
}

/// Runs `f`; a panic becomes an error that a person can read.
fn guarded<T>(f: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        Err(format!("the model failed ({}); please report it", panic_message(&*panic)))
    })
}

/// What the two parts of a model are called while they work.
fn stages(warm: bool) -> [&'static str; 2] {
    match warm {
        true => ["vision tower", "motion head"],
        false => ["warming up the GPU: vision tower", "warming up the GPU: motion head"],
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::NewFrame;
    use super::*;
    use crate::video::Source;
    use crate::video::clip::{ClipSpec, Span};
    use crate::video::preprocess::CropRect;
    use crossbeam_channel::{Receiver, unbounded};

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
