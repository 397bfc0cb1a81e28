//! Many videos through one model: readers decode and resize ahead on threads of their own, clips come out in the order that was
//! asked, and whoever runs the model waits for what is slowest alone.
//!
//! ```text
//! asked ──> read-0, read-1, … (one video each, a few clips ahead) ──> in order ──> the caller's thread: towers, head, scores
//! ```
//!
//! What a clip gives does not depend on the clips beside it: each goes through the towers by itself, in the batches that the window
//! uses, so that its numbers are those of the window and the same after a run that was stopped.

use crate::device::{guarded, panic_message};
use crate::model::Surgery;
use crate::prompt::PromptSet;
use crate::score::{ClassEmbedding, Scores, Weighing, score_with};
use crate::session::{PromptNote, Session, WorkError};
use crate::video::preprocess::CropRect;
use crate::video::times::FrameTimes;
use crate::video::{
    Cancel, ClipSpec, FrameReader, Preprocess, Pts, Source, SourceId, VideoDigest, VideoError,
};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The clips that are wanted of a video, once the times of its frames are known; or why there can be none.
pub type Cut = Box<dyn FnOnce(&FrameTimes) -> Result<Vec<ClipSpec>, String> + Send>;

/// A video, and what is wanted of it.
pub struct Asked {
    pub path: PathBuf,
    pub cut: Cut,
}

/// A clip that waits for the model.
pub struct ReadClip {
    pub spec: ClipSpec,
    pub source: SourceId,
    /// The last frame's time.
    pub end: Pts,
    /// Where it was wanted.
    pub digest: Option<VideoDigest>,
    /// Size of the displayed picture, and the part of it that the model sees.
    pub size: (u32, u32),
    pub crop: CropRect,
    /// What is wrong with the file, in words, where it stops early or has holes.
    pub damaged: Option<String>,
    /// PTS of the frames in the order in which the model sees them; they may repeat.
    pub frames: Vec<Pts>,
    /// What the vision tower takes of each of them, every frame once and in rising order.
    pub pixels: Vec<(Pts, Vec<f32>)>,
}

/// What could not be read: the video as a whole, or one of its clips.
#[derive(Debug)]
pub struct ReadFailure {
    pub spec: Option<ClipSpec>,
    pub message: String,
}

/// How clips are read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// T.
    pub frames: usize,
    /// But for the crop, which is the clip's.
    pub preprocess: Preprocess,
    /// The digest of each file is wanted too.
    pub digest: bool,
}

/// Videos that are being worked on at once. Decoding has threads of its own, so that a few readers are enough.
fn readers() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get().div_ceil(2).clamp(2, 8))
}

/// Clips that a reader may be ahead of the model with one video.
const AHEAD: usize = 2;

/// What a reader does next, and whom it tells.
struct Work {
    asked: Asked,
    tell: Sender<Result<ReadClip, ReadFailure>>,
}

/// The clips of the videos asked for, in order; see the module.
pub struct Clips<I> {
    asked: I,
    /// Of each video that is being read: its place in what was asked, and its clips.
    under_way: VecDeque<(usize, Receiver<Result<ReadClip, ReadFailure>>)>,
    next: usize,
    work: Option<Sender<Work>>,
    readers: Vec<JoinHandle<()>>,
    cancel: Cancel,
}

/// What comes of [`Clips`]: of which video, by its place in what was asked.
pub enum Step {
    Clip(usize, Box<ReadClip>),
    Failed(usize, ReadFailure),
    /// Nothing more comes of this video.
    Done(usize),
}

impl<I: Iterator<Item = Asked>> Clips<I> {
    /// Starts the readers.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn read(asked: I, reading: Reading) -> std::io::Result<Self> {
        let (work, jobs) = unbounded::<Work>();
        let cancel = Cancel::default();
        let mut readers = Vec::new();
        for i in 0..self::readers() {
            let (jobs, cancel) = (jobs.clone(), cancel.clone());
            let name = format!("read-{i}");
            let run = move || jobs.iter().for_each(|work: Work| read(work, reading, &cancel));
            match std::thread::Builder::new().name(name).spawn(run) {
                Ok(thread) => readers.push(thread),
                Err(e) if readers.is_empty() => return Err(e),
                // Fewer will do.
                Err(_) => break,
            }
        }
        let under_way = VecDeque::new();
        Ok(Self { asked, under_way, next: 0, work: Some(work), readers, cancel })
    }
}

impl<I: Iterator<Item = Asked>> Iterator for Clips<I> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        while self.under_way.len() < 2 * self.readers.len()
            && let Some(asked) = self.asked.next()
        {
            let (tell, clips) = bounded(AHEAD);
            self.under_way.push_back((self.next, clips));
            self.next += 1;
            // The readers listen for as long as this sender is there.
            let _ = self.work.as_ref().map(|work| work.send(Work { asked, tell }));
        }
        let (place, clips) = self.under_way.front()?;
        let place = *place;
        Some(match clips.recv() {
            Ok(Ok(clip)) => Step::Clip(place, Box::new(clip)),
            Ok(Err(failure)) => Step::Failed(place, failure),
            Err(_) => {
                self.under_way.pop_front();
                Step::Done(place)
            }
        })
    }
}

impl<I> Drop for Clips<I> {
    /// Readers look up between two frames.
    fn drop(&mut self) {
        self.cancel.cancel();
        self.work = None;
        self.under_way.clear();
        for reader in self.readers.drain(..) {
            // A panic there has been told as a failure of its video.
            let _ = reader.join();
        }
    }
}

/// Reads the clips of one video until nobody wants more.
fn read(Work { asked, tell }: Work, reading: Reading, cancel: &Cancel) {
    let path = asked.path.clone();
    let whole = |message: String| ReadFailure { spec: None, message };
    let done = catch_unwind(AssertUnwindSafe(|| clips(asked, reading, cancel, &tell)));
    let failure = match done {
        Ok(Ok(())) | Ok(Err(VideoError::Cancelled)) => return,
        Ok(Err(error)) => whole(error.to_string()),
        Err(panic) => whole(format!("{}: reading frames failed: {}", path.display(), panic_message(&*panic))),
    };
    // Where nobody listens any more nobody has to know.
    let _ = tell.send(Err(failure));
}

fn clips(
    asked: Asked,
    reading: Reading,
    cancel: &Cancel,
    tell: &Sender<Result<ReadClip, ReadFailure>>,
) -> Result<(), VideoError> {
    if cancel.is_cancelled() {
        return Err(VideoError::Cancelled);
    }
    let source = Source::open(&asked.path, Arc::new(|| {}));
    let times = source.frames(cancel)?;
    let specs = match (asked.cut)(&times) {
        Ok(specs) => specs,
        Err(why) => {
            let message = format!("{}: {why}", asked.path.display());
            return tell.send(Err(ReadFailure { spec: None, message })).map_err(|_| VideoError::Cancelled);
        }
    };
    let mut reader = FrameReader::open(&source, cancel)?;
    for spec in specs {
        let read = clip(&source, &times, &mut reader, &spec, reading, cancel);
        let told = match read {
            Ok(clip) => tell.send(Ok(clip)),
            Err(VideoError::Cancelled) => return Err(VideoError::Cancelled),
            Err(error) => {
                // A handle that has failed may not be as good as before.
                reader = FrameReader::open(&source, cancel)?;
                tell.send(Err(ReadFailure { spec: Some(spec), message: error.to_string() }))
            }
        };
        if told.is_err() {
            return Err(VideoError::Cancelled);
        }
    }
    Ok(())
}

fn clip(
    source: &Arc<Source>,
    times: &FrameTimes,
    reader: &mut FrameReader,
    spec: &ClipSpec,
    reading: Reading,
    cancel: &Cancel,
) -> Result<ReadClip, VideoError> {
    let path = || source.path().to_owned();
    let frames = spec
        .frames(times, reading.frames)
        .map_err(|e| VideoError::Undecodable { path: path(), reason: e.to_string() })?;
    let preprocess = Preprocess { crop: spec.crop, ..reading.preprocess };
    let (mut pixels, mut size) = (Vec::with_capacity(frames.len()), (0, 0));
    reader.read(&frames, cancel, &mut |_, _| {}, &mut |at, image| {
        size = (image.width, image.height);
        pixels.push((at, preprocess.apply(&image)));
    })?;
    Ok(ReadClip {
        spec: spec.clone(),
        source: source.id().clone(),
        end: times.end,
        digest: if reading.digest { Some(source.digest(cancel)?) } else { None },
        size,
        crop: preprocess.crop_rect(size.0, size.1),
        damaged: times.damaged.clone(),
        frames,
        pixels,
    })
}

impl ReadClip {
    /// The tokens of its frames in the order in which the model sees them, with the pixels frozen that `surgery` names.
    ///
    /// # Errors
    /// In words; a panic of the device is one too.
    pub fn tokens(&self, session: &Session, gpu: bool, surgery: &Surgery) -> Result<Vec<Arc<[f32]>>, String> {
        let place = |at: &Pts| self.pixels.binary_search_by_key(at, |(pts, _)| *pts).ok();
        let seen: Vec<usize> = self.frames.iter().filter_map(place).collect();
        let mut pixels: Vec<&[f32]> = self.pixels.iter().map(|(_, p)| &**p).collect();
        let frozen: Vec<Vec<f32>>;
        if !surgery.frozen_pixels.is_empty() {
            let clip: Vec<&[f32]> = seen.iter().map(|i| pixels[*i]).collect();
            frozen = session.freeze_pixels(&clip, &surgery.frozen_pixels);
            seen.iter().zip(&frozen).for_each(|(i, p)| pixels[*i] = p);
        }
        let tokens = guarded(|| {
            let batches = pixels.chunks(session.vision_batch(gpu));
            batches.map(|batch| session.encode_frames(batch, surgery)).collect::<Result<Vec<_>, WorkError>>()
        })?;
        let tokens = tokens.concat();
        Ok(seen.iter().map(|i| tokens[*i].clone()).collect())
    }
}

/// The text side of a run: the prompts and how they are weighed, the same for every clip.
pub struct TextSide {
    pub classes: Vec<ClassEmbedding>,
    pub notes: Vec<PromptNote>,
    tau: f32,
    weighing: Weighing,
}

impl TextSide {
    /// `alpha`: `None` is the model's own.
    ///
    /// # Errors
    /// The text tower failed, in words.
    pub fn new(
        session: &mut Session,
        set: &PromptSet,
        alpha: Option<f32>,
        surgery: &Surgery,
    ) -> Result<Self, String> {
        let (adapted, notes) = guarded(|| session.classes(set, &mut |_, _| true))?;
        let classes = if surgery.no_joint_adapter { session.plain_classes(set, &adapted) } else { adapted };
        let alpha = surgery.alpha().or(alpha).unwrap_or(session.info.alpha);
        let weighing = Weighing { alpha, negatives: !surgery.no_negatives };
        Ok(Self { classes, notes, tau: session.info.tau, weighing })
    }

    /// METHOD §6 on an embedding f (E).
    pub fn score(&self, embedding: &[f32]) -> Scores {
        score_with(embedding, &self.classes, self.tau, self.weighing)
    }

    pub fn alpha(&self) -> f32 {
        self.weighing.alpha
    }
}
