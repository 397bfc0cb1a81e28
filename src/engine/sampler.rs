//! The sampler, on the `sample` thread: chooses a clip's frames, reads those whose tokens are not held with a handle of its
//! own, and makes them the size that the model takes, one clip ahead of the worker.

use super::event::Event;
use super::question::Probe;
use super::queue::{ClipJob, Job, Loaded, NewFrame, Queue};
use super::store::{Features, FrameKey};
use crate::device::panic_message;
use crate::video::FrameReader;
use crate::video::SourceId;
use crate::video::{Cancel, Preprocess, Pts, VideoError};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a clip was not read.
enum ReadError {
    /// [`Job::stop`].
    Stopped,
    Failed(String),
}

/// The handle that was used last, and the file that it is on.
type Open = Option<(SourceId, FrameReader)>;

/// Runs until the engine is closed.
pub fn run(queue: &Queue) {
    let mut open: Open = None;
    while let Some((job, loaded)) = queue.next_to_read() {
        let read = catch_unwind(AssertUnwindSafe(|| read(queue, &job, &loaded, &mut open)));
        match read {
            Ok(Ok(clip)) => queue.hand_over(clip),
            Ok(Err(ReadError::Stopped)) => queue.give_up(&job),
            Ok(Err(ReadError::Failed(message))) => queue.fail(&job, message),
            Err(panic) => {
                open = None;
                let (path, why) = (job.source.path().display(), panic_message(&*panic));
                queue.fail(&job, format!("{path}: reading frames failed: {why}"));
            }
        }
    }
}

fn read(queue: &Queue, job: &Job, loaded: &Loaded, open: &mut Open) -> Result<ClipJob, ReadError> {
    let progress = |done, total| {
        if !job.quiet {
            queue.emit(Event::Progress { question: job.id, stage: "reading frames", done, total });
        }
    };
    let fault = |error: VideoError| match error {
        VideoError::Cancelled => ReadError::Stopped,
        error => ReadError::Failed(error.to_string()),
    };
    progress(0, job.question.frames);
    let times = job.source.frames(&job.stop).map_err(fault)?;
    let frames = job.question.clip.frames(&times, job.question.frames);
    let frames = frames.map_err(|e| ReadError::Failed(format!("{}: {e}", job.source.path().display())))?;

    let mut known: HashMap<Pts, Features> = HashMap::new();
    let mut missing: Vec<Pts> = Vec::new();
    // Of frames whose pixels are altered no tokens are held, and some probes need more than tokens.
    let surgery = &job.question.surgery;
    let tokens_do = |pts: &Pts| match job.probe {
        _ if !surgery.frozen_pixels.is_empty() => false,
        Some(Probe::Support) => false,
        // Its likeness to prompts is of the last layer.
        Some(Probe::Patch { frame, .. }) if surgery.motion_layer.is_some() || !loaded.last_layer => {
            frames.get(frame) != Some(pts)
        }
        _ => true,
    };
    {
        let mut store = queue.store();
        for pts in &frames {
            let key = FrameKey {
                source: job.source.id().clone(),
                pts: *pts,
                crop: job.question.clip.crop,
                motion_layer: surgery.motion_layer,
                model: loaded.identity.clone(),
                device: loaded.device.clone(),
            };
            match store.frames.get(&key).filter(|_| tokens_do(pts)) {
                Some(features) => {
                    known.insert(*pts, features);
                }
                None if missing.contains(pts) => {}
                None => missing.push(*pts),
            }
        }
    }
    let preprocess = Preprocess { crop: job.question.clip.crop, ..loaded.preprocess };
    let mut new = Vec::with_capacity(missing.len());
    if !missing.is_empty() {
        let mut reader = match open.take() {
            Some((source, reader)) if source == *job.source.id() => reader,
            // The handle outlives this clip; what stops one clip must not stop the next.
            _ => FrameReader::open(&job.source, &Cancel::default()).map_err(fault)?,
        };
        let read =
            reader.read(&missing, &job.stop, &mut |done, total| progress(done, total), &mut |pts, image| {
                new.push(NewFrame {
                    pts,
                    pixels: preprocess.apply(&image),
                    crop: preprocess.crop_rect(image.width, image.height),
                });
            });
        // A handle that was stopped is as good as before, one that failed may not be.
        if matches!(read, Ok(()) | Err(VideoError::Cancelled)) {
            *open = Some((job.source.id().clone(), reader));
        }
        read.map_err(fault)?;
    }
    Ok(ClipJob { job: job.clone(), frames, known, new })
}
