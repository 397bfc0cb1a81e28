//! The `model` thread: the only one that touches tensors. Between the steps of a clip it looks up: a prompt edit is
//! answered at once, a cancelled clip is dropped, a new model interrupts.

use super::cache::{Features, FrameKey};
use super::loaded::{Loaded, WorkError, not_finite};
use super::maps;
use super::requests::{ClipJob, PromptJob, Requests, Stamp, Task, WindowJob, lock};
use super::types::*;
use crate::device::{self, DeviceChoice, SharedGpu, panic_message};
use crate::score::{ClassEmbedding, score};
use crate::video::{Pts, RgbImage};
use burn::tensor::Device;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// The text side of the present prompts, and the notes on them.
struct TextSide {
    classes: Arc<Vec<ClassEmbedding>>,
    notes: Arc<Vec<PromptNote>>,
}

pub struct Worker {
    requests: Arc<Requests>,
    choice: DeviceChoice,
    shared: Option<SharedGpu>,
    device: Option<(Device, DeviceInfo)>,
    loaded: Option<Loaded>,
    /// `None` until the present prompts have been encoded.
    texts: Option<TextSide>,
    /// f of the last clip, and the video it is of.
    embedding: Option<(u64, Vec<f32>)>,
}

impl Worker {
    pub fn new(requests: Arc<Requests>, choice: DeviceChoice, shared: Option<SharedGpu>) -> Self {
        Self { requests, choice, shared, device: None, loaded: None, texts: None, embedding: None }
    }

    /// Runs until the engine is closed.
    pub fn run(mut self) {
        loop {
            match self.requests.next_task() {
                Task::Quit => return,
                Task::Load { generation, source } => self.load(generation, &source),
                Task::Prompts(job) => self.prompts(&job),
                Task::Clip(job) => self.clip(*job),
            }
        }
    }

    /// A model that is refused leaves the one before in place.
    fn load(&mut self, generation: u64, source: &ModelSource) {
        let stamp = Stamp::Model(generation);
        match guarded(|| self.open_model(source, stamp)) {
            Ok((loaded, device)) => {
                let info = loaded.info.clone();
                let facts = (loaded.digest.clone(), info.frames);
                self.loaded = Some(loaded);
                self.texts = None;
                self.embedding = None;
                self.requests.emit(stamp, Event::ModelLoaded { info, device });
                self.requests.loaded(generation, Some(facts));
            }
            Err(message) => {
                self.requests.emit(stamp, Event::ModelFailed { message });
                self.requests.loaded(generation, None);
            }
        }
    }

    fn open_model(&mut self, source: &ModelSource, stamp: Stamp) -> Result<(Loaded, DeviceInfo), String> {
        let stage = |what: &str, fraction: f32| {
            let event = Event::ModelLoading { what: what.to_owned(), fraction: Some(fraction) };
            self.requests.emit(stamp, event);
        };
        let (device, info) = match &self.device {
            Some(open) => open.clone(),
            None => {
                stage("opening the device", 0.0);
                device::open(self.choice, self.shared.as_ref()).map_err(|e| e.to_string())?
            }
        };
        let loaded = Loaded::load(source, &device, &stage).map_err(|e| e.to_string())?;
        self.device = Some((device, info.clone()));
        Ok((loaded, info))
    }

    /// New prompts or a new α: the text tower sees new strings only, the vision tower nothing.
    fn prompts(&mut self, job: &PromptJob) {
        let start = Instant::now();
        let requests = self.requests.clone();
        let stamp = Stamp::Scores { prompts: job.generation, video: requests.video_generation() };
        let interrupted = || requests.has_newer_prompts() || requests.is_interrupted();
        let result = guarded(|| {
            let Some(loaded) = &mut self.loaded else { return Ok(None) };
            match loaded.classes(&job.set, &interrupted) {
                Ok(texts) => Ok(Some(texts)),
                Err(WorkError::Interrupted) => Ok(None),
                Err(WorkError::Failed(message)) => Err(message),
            }
        });
        match result {
            Ok(Some((classes, notes))) => {
                let texts = TextSide { classes: Arc::new(classes), notes: Arc::new(notes) };
                requests.set_classes(texts.classes.clone());
                self.texts = Some(texts);
                self.rescore(job, stamp, start);
            }
            Ok(None) => requests.prompts_again(),
            Err(message) => {
                self.texts = None;
                requests.emit(stamp, Event::PromptsFailed { message });
            }
        }
    }

    /// METHOD §6 on what is there. Without a clip the scores are empty and only the notes count.
    fn rescore(&self, job: &PromptJob, stamp: Stamp, start: Instant) {
        let (Some(loaded), Some(texts)) = (&self.loaded, &self.texts) else { return };
        let video = self.requests.video_generation();
        let scores = match &self.embedding {
            Some((of, embedding)) if *of == video => {
                score(embedding, &texts.classes, loaded.info.tau, job.alpha.unwrap_or(loaded.info.alpha))
            }
            _ => Default::default(),
        };
        let seconds = start.elapsed().as_secs_f32();
        let (scores, notes) = (Arc::new(scores), texts.notes.clone());
        self.requests.emit(stamp, Event::Scored { scores, notes, seconds });
    }

    fn clip(&mut self, job: ClipJob) {
        let ClipJob { window, clip, known } = job;
        if self.loaded.as_ref().is_none_or(|loaded| loaded.digest != window.model) {
            // Cut for the model before this one.
            return self.requests.put_back(&window);
        }
        let start = Instant::now();
        let stamp = Stamp::Clip(window.generation);
        let result = guarded(|| match self.analyse(&window, &clip, known) {
            Ok(analysis) => Ok(Some(analysis)),
            Err(WorkError::Interrupted) => Ok(None),
            Err(WorkError::Failed(message)) => Err(message),
        });
        match result {
            Ok(Some(mut analysis)) => {
                analysis.seconds = start.elapsed().as_secs_f32();
                self.embedding = Some((window.video, analysis.embedding.clone()));
                self.requests.finish(&window);
                self.requests.emit(stamp, Event::Analysed(Arc::new(analysis)));
                // Prompts that are waiting are scored with this clip when they are taken.
                if let Some(job) = self.requests.prompts().filter(|_| !self.requests.has_newer_prompts()) {
                    let stamp = Stamp::Scores { prompts: job.generation, video: window.video };
                    self.rescore(&job, stamp, Instant::now());
                }
            }
            Ok(None) => self.requests.put_back(&window),
            Err(message) => self.requests.fail(&window, message),
        }
    }

    fn analyse(
        &mut self,
        window: &WindowJob,
        clip: &crate::video::Clip,
        mut known: HashMap<Pts, Features>,
    ) -> Result<Analysis, WorkError> {
        let progress = |requests: &Requests, stage, done, total| {
            requests.emit(Stamp::Clip(window.generation), Event::Progress { stage, done, total });
        };
        let new = new_frames(clip, &known)?;
        let gpu = self.device.as_ref().is_some_and(|(_, info)| info.gpu);
        let mut done = 0;
        progress(&self.requests, "vision tower", 0, new.len());
        for batch in new.chunks(self.loaded()?.vision_batch(gpu)) {
            self.look_up(window)?;
            let loaded = self.loaded()?;
            let images: Vec<&RgbImage> = batch.iter().map(|(_, image)| *image).collect();
            let tokens = loaded.encode_frames(&images)?;
            self.requests.count_vision_frames(batch.len());
            for ((pts, image), tokens) in batch.iter().zip(tokens) {
                let crop = loaded.preprocess.crop_rect(image.width, image.height);
                let features = Features { tokens, crop };
                let key = FrameKey { video: clip.video.clone(), pts: *pts, model: loaded.digest.clone() };
                lock(&self.requests.features).put(key, features.clone());
                known.insert(*pts, features);
            }
            done += batch.len();
            progress(&self.requests, "vision tower", done, new.len());
        }
        self.look_up(window)?;
        progress(&self.requests, "motion head", 0, 1);
        let frames: Vec<Pts> = clip.frames.iter().map(|f| f.pts).collect();
        let features: Vec<&Features> = frames.iter().filter_map(|pts| known.get(pts)).collect();
        let loaded = self.loaded()?;
        let tokens: Vec<Arc<[f32]>> = features.iter().map(|f| f.tokens.clone()).collect();
        let (Some(first), true) = (features.first(), tokens.len() == window.frames) else {
            return Err(WorkError::Failed(format!(
                "{}: there is no frame in this window",
                window.path.display()
            )));
        };
        let model = loaded.model();
        let output = model.head.forward(loaded.clip_tensor(&tokens), &model.clip.visual_projection);
        let (maps, embedding) =
            maps::read(&model.head, &output, loaded.config().grid(), model.head_config.heads)
                .map_err(WorkError::Failed)?;
        if embedding.iter().any(|v| !v.is_finite()) {
            return Err(not_finite("the motion head"));
        }
        Ok(Analysis {
            video: clip.video.clone(),
            window: window.window,
            frames,
            crop: first.crop,
            maps,
            embedding,
            model_digest: loaded.info.digest.clone(),
            seconds: 0.0,
            encoded_frames: done,
        })
    }

    fn loaded(&self) -> Result<&Loaded, WorkError> {
        self.loaded.as_ref().ok_or_else(|| WorkError::Failed("no model is loaded".to_owned()))
    }

    /// What may not wait until the clip is done.
    fn look_up(&mut self, window: &WindowJob) -> Result<(), WorkError> {
        if window.cancel.is_cancelled() || self.requests.is_interrupted() {
            return Err(WorkError::Interrupted);
        }
        if let Some(job) = self.requests.take_prompts() {
            self.prompts(&job);
        }
        Ok(())
    }
}

/// The frames to encode, each once, in time order.
fn new_frames<'a>(
    clip: &'a crate::video::Clip,
    known: &HashMap<Pts, Features>,
) -> Result<Vec<(Pts, &'a RgbImage)>, WorkError> {
    let mut new: Vec<(Pts, &RgbImage)> = Vec::new();
    for frame in clip.frames.iter().filter(|f| !known.contains_key(&f.pts)) {
        let Some(image) = &frame.image else {
            return Err(WorkError::Failed(format!(
                "the picture at {:.3} s is missing; analyse the window again",
                frame.pts.secs()
            )));
        };
        if new.last().is_none_or(|(pts, _)| *pts != frame.pts) {
            new.push((frame.pts, image));
        }
    }
    Ok(new)
}

/// Runs `f`; a panic becomes an error that a person can read.
fn guarded<T>(f: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        Err(format!("the model failed ({}); please report it", panic_message(&*panic)))
    })
}
