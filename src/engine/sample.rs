//! The `sample` thread: cuts clips with its own handle on the video, one at a time, the newest window first.

use super::cache::{Features, FrameKey};
use super::requests::{ClipJob, Requests, Stamp, WindowJob, lock};
use super::types::Event;
use crate::device::panic_message;
use crate::video::sampling::{ClipReader, ClipRequest};
use crate::video::{Pts, VideoError};
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs until the engine is closed.
pub fn run(requests: &Requests) {
    // The video that is open, by the number that `set_video` gave it.
    let mut open: Option<(u64, ClipReader)> = None;
    while let Some(job) = requests.next_window() {
        let cut = catch_unwind(AssertUnwindSafe(|| cut(requests, &job, &mut open)));
        match cut {
            Ok(Ok(clip)) => requests.hand_over(clip),
            Ok(Err(VideoError::Cancelled)) => requests.finish(&job),
            Ok(Err(error)) => {
                open = None;
                requests.fail(&job, error.to_string());
            }
            Err(panic) => {
                open = None;
                let message =
                    format!("{}: reading frames failed: {}", job.path.display(), panic_message(&*panic));
                requests.fail(&job, message);
            }
        }
    }
}

fn cut(
    requests: &Requests,
    job: &WindowJob,
    open: &mut Option<(u64, ClipReader)>,
) -> Result<ClipJob, VideoError> {
    let progress = |done, total| {
        let event = Event::Progress { stage: "reading frames", done, total };
        requests.emit(Stamp::Clip(job.generation), event);
    };
    progress(0, job.frames);
    let mut reader = match open.take() {
        Some((video, reader)) if video == job.video => reader,
        _ => ClipReader::open_with(&job.path, &job.closed)?,
    };
    let request = ClipRequest { start: job.window.start, end: job.window.end, frames: job.frames };
    let video = reader.digest(&|| job.cancel.is_cancelled());
    let clip = video.and_then(|video| {
        // Held here, so that the cache may drop them before the model thread gets to the clip.
        let known: RefCell<HashMap<Pts, Features>> = RefCell::default();
        let wants_picture = |pts| {
            let key = FrameKey { video: video.clone(), pts, model: job.model.clone() };
            match lock(&requests.features).get(&key) {
                Some(features) => {
                    known.borrow_mut().insert(pts, features);
                    false
                }
                None => true,
            }
        };
        let mut progress = |done, total| progress(done, total);
        let clip = reader.read_clip(request, &wants_picture, &job.cancel, &mut progress)?;
        Ok(ClipJob { window: job.clone(), clip, known: known.into_inner() })
    });
    // A reader that was stopped is as good as before, one that failed may not be.
    if matches!(clip, Ok(_) | Err(VideoError::Cancelled)) {
        *open = Some((job.video, reader));
    }
    clip
}
