//! Small pictures of the sampled frames for the filmstrip, read on a thread with a handle of its own. They are a
//! comfort: while the analysis follows a playing video none are read, and a frame that cannot be read has none.

use super::command::Command;
use super::dialogs::Desk;
use crate::video::{Cancel, ClipReader, Pts};
use egui::{ColorImage, TextureHandle, TextureOptions};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Longest side in pixels.
const SIDE: u32 = 128;
/// Pictures kept; beyond it all are dropped and read again when they are needed.
const MOST: usize = 256;

/// See the module.
#[derive(Default)]
pub struct Thumbnails {
    video: Option<PathBuf>,
    pictures: HashMap<Pts, TextureHandle>,
    /// Frames that were asked for and have not come, or cannot be read.
    asked: Vec<Pts>,
    reading: bool,
}

impl Thumbnails {
    pub fn get(&self, pts: Pts) -> Option<&TextureHandle> {
        self.pictures.get(&pts)
    }

    /// Starts reading those of `frames` that are missing, one job at a time.
    pub fn want(&mut self, desk: &Desk, video: &Path, frames: &[Pts]) {
        if self.video.as_deref() != Some(video) {
            *self = Self { video: Some(video.to_owned()), reading: self.reading, ..Self::default() };
        }
        let known = |p: &Pts| self.pictures.contains_key(p) || self.asked.contains(p);
        let mut missing: Vec<Pts> = frames.iter().filter(|p| !known(p)).copied().collect();
        missing.dedup();
        if self.reading || missing.is_empty() {
            return;
        }
        self.reading = true;
        self.asked.clone_from(&missing);
        let video = video.to_owned();
        desk.start("thumbnails", move || {
            let pictures = read(&video, &missing);
            Some(Command::Thumbnails(video, pictures))
        });
    }

    /// Takes what was read; pictures of another video are dropped.
    pub fn take(&mut self, ctx: &egui::Context, video: &Path, pictures: Vec<(Pts, ColorImage)>) {
        self.reading = false;
        if self.video.as_deref() != Some(video) {
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
fn read(video: &Path, frames: &[Pts]) -> Vec<(Pts, ColorImage)> {
    let mut small = Vec::new();
    let read = ClipReader::open(video)
        .and_then(|mut reader| reader.read_frames(frames, &|_| true, &Cancel::default(), &mut |_, _| {}));
    let clip = match read {
        Ok(clip) => clip,
        Err(e) => {
            log::debug!("no thumbnails: {e}");
            return small;
        }
    };
    for frame in clip.frames {
        let Some(picture) = frame.image else { continue };
        let whole = image::ImageBuffer::<image::Rgb<u8>, &[u8]>::from_raw(
            picture.width,
            picture.height,
            picture.data.as_slice(),
        );
        let Some(whole) = whole else { continue };
        let scale = f64::from(SIDE) / f64::from(picture.width.max(picture.height).max(1));
        let side = |n: u32| ((f64::from(n) * scale.min(1.0)).round() as u32).max(1);
        let thumb = image::imageops::thumbnail(&whole, side(picture.width), side(picture.height));
        let size = [thumb.width() as usize, thumb.height() as usize];
        small.push((frame.pts, ColorImage::from_rgb(size, thumb.as_raw())));
    }
    small
}
