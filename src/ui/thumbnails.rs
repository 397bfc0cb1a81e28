//! Small pictures of the sampled frames, for the filmstrip and where the stage shows another than the play head's, read on a thread with a handle of its own. They are a
//! comfort: while the analysis follows a playing video none are read, and a frame that cannot be read has none.

use super::jobs::{Desk, JobOutcome};
use crate::video::{Cancel, FrameReader, Pts, RgbImage, Source, SourceId};
use egui::{ColorImage, TextureHandle, TextureOptions};
use std::collections::HashMap;
use std::sync::Arc;

/// Longest side in pixels.
const SIDE: u32 = 256;
/// Pictures kept; beyond it all are dropped and read again when they are needed.
const MOST: usize = 256;

/// See the module.
#[derive(Default)]
pub struct Thumbnails {
    video: Option<SourceId>,
    pictures: HashMap<Pts, TextureHandle>,
    /// Frames that were asked for and have not come, or cannot be read.
    asked: Vec<Pts>,
    reading: bool,
    /// Stops the reading when its video is closed.
    cancel: Cancel,
}

impl Thumbnails {
    pub fn get(&self, pts: Pts) -> Option<&TextureHandle> {
        self.pictures.get(&pts)
    }

    /// Whether all of these frames of this video have been read.
    pub fn has(&self, video: &SourceId, frames: &[Pts]) -> bool {
        self.video.as_ref() == Some(video) && frames.iter().all(|at| self.pictures.contains_key(at))
    }

    /// Starts reading those of `frames` that are missing, one job at a time.
    pub fn want(&mut self, desk: &Desk, video: &Arc<Source>, frames: &[Pts]) {
        if self.video.as_ref() != Some(video.id()) {
            self.cancel.cancel();
            *self = Self { video: Some(video.id().clone()), reading: self.reading, ..Self::default() };
        }
        let known = |p: &Pts| self.pictures.contains_key(p) || self.asked.contains(p);
        let mut missing: Vec<Pts> = frames.iter().filter(|p| !known(p)).copied().collect();
        missing.dedup();
        if self.reading || missing.is_empty() {
            return;
        }
        self.reading = true;
        self.asked.clone_from(&missing);
        let (video, cancel) = (video.clone(), self.cancel.clone());
        desk.start("thumbnails", move || {
            let pictures = read(&video, &missing, &cancel);
            Some(JobOutcome::Thumbnails(video.id().clone(), pictures))
        });
    }

    /// Takes what was read; pictures of another video are dropped.
    pub fn take(&mut self, ctx: &egui::Context, video: &SourceId, pictures: Vec<(Pts, ColorImage)>) {
        self.reading = false;
        if self.video.as_ref() != Some(video) {
            return;
        }
        if self.pictures.len() + pictures.len() > MOST {
            self.pictures.clear();
        }
        for (pts, picture) in pictures {
            self.pictures.insert(pts, ctx.load_texture("thumbnail", picture, TextureOptions::LINEAR));
        }
    }
}

/// What of it can be read; a file that is at fault has told so elsewhere.
fn read(video: &Arc<Source>, frames: &[Pts], cancel: &Cancel) -> Vec<(Pts, ColorImage)> {
    let mut small = Vec::new();
    let mut keep = |at, picture: RgbImage| small.extend(thumbnail(&picture).map(|thumb| (at, thumb)));
    let read = FrameReader::open(video, cancel)
        .and_then(|mut reader| reader.read(frames, cancel, &mut |_, _| {}, &mut keep));
    if let Err(e) = read {
        log::debug!("thumbnails are missing: {e}");
    }
    small
}

fn thumbnail(picture: &RgbImage) -> Option<ColorImage> {
    let (width, height, data) = (picture.width, picture.height, picture.data.as_slice());
    let whole = image::ImageBuffer::<image::Rgb<u8>, &[u8]>::from_raw(width, height, data)?;
    let scale = f64::from(SIDE) / f64::from(width.max(height).max(1));
    let side = |n: u32| ((f64::from(n) * scale.min(1.0)).round() as u32).max(1);
    let thumb = image::imageops::thumbnail(&whole, side(width), side(height));
    Some(ColorImage::from_rgb([thumb.width() as usize, thumb.height() as usize], thumb.as_raw()))
}
