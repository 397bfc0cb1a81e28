//! From the frames of a clip to what was asked about it, with a look up between the steps.

use super::{Worker, guarded};
use crate::engine::event::{Answer, Event, Finding};
use crate::engine::question::{Probe, Rank};
use crate::engine::queue::{ClipJob, Job, Queue};
use crate::engine::store::{Features, FrameKey};
use crate::model::Surgery;
use crate::model::dense::Reading;
use crate::session::{FreezeMap, Support, WorkError};
use crate::video::Pts;
use burn::tensor::Tensor;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

impl Worker {
    pub(super) fn clip(&mut self, clip: ClipJob) {
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

/// What the two parts of a model are called while they work.
fn stages(warm: bool) -> [&'static str; 2] {
    match warm {
        true => ["vision tower", "motion head"],
        false => ["warming up the GPU: vision tower", "warming up the GPU: motion head"],
    }
}
