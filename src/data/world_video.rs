//! Clips of the procedural world as files: an mp4 and, beside it, a JSON of the truth (class, boxes and masks of what
//! moves and what stands still in every frame), so that any tool can check what a map claims.

use super::cast::{Class, Scene};
use super::draw::{self, COLOURS, Object, Pose};
use super::drawing::{self, Drawing};
use super::people::figure::{Joints, SHIRTS};
use super::people::{self, StillKind};
use super::world;
use crate::files::write_atomic;
use crate::video::{Pts, RgbImage, VideoError, encode::Mp4Writer};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// How a file is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Side of the square picture in pixels, even.
    pub size: usize,
    pub frames: usize,
    pub fps: f64,
}

/// The JSON beside a clip.
#[derive(Serialize)]
struct Truth<'a> {
    version: u32,
    class: String,
    unseen: bool,
    seed: u64,
    index: u64,
    size: usize,
    fps: f64,
    /// Side of the picture in the units of poses and joints.
    side: f32,
    /// A shape that moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    mover: Option<&'a Object>,
    /// Of the shape, or of the shirt of a person.
    mover_colour: &'static str,
    distractor: Option<Still>,
    /// What a person has drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    drawing: Option<&'a Drawing>,
    frames: Vec<Moment>,
}

#[derive(Serialize)]
struct Still {
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Object>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<StillKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    colour: Option<&'static str>,
    #[serde(rename = "box")]
    bounds: Option<[usize; 4]>,
    mask: Vec<usize>,
}

#[derive(Serialize)]
struct Moment {
    pts_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pose: Option<Pose>,
    #[serde(skip_serializing_if = "Option::is_none")]
    joints: Option<Joints>,
    /// x, y, width, height in pixels; absent where nothing is visible.
    #[serde(rename = "box")]
    bounds: Option<[usize; 4]>,
    /// Run lengths over the row-major picture, starting with the pixels outside.
    mask: Vec<usize>,
}

/// Clip `index` of `seed` in the given class.
pub fn scene(seed: u64, index: u64, class: Class) -> Scene {
    class.scene(&mut world::rng(seed, index))
}

/// A float picture as 8-bit RGB.
pub fn to_image(pixels: &[f32], size: usize) -> RgbImage {
    let data = pixels.iter().map(|v| (v * 255.0).round() as u8).collect();
    RgbImage { width: size as u32, height: size as u32, data }
}

/// How long the stretches of a mask are that are outside and inside in turn, starting with those outside.
pub(super) fn run_lengths(mask: &[f32]) -> Vec<usize> {
    let mut runs = vec![0];
    let mut inside = false;
    for &value in mask {
        if (value > 0.5) != inside {
            inside = !inside;
            runs.push(0);
        }
        if let Some(run) = runs.last_mut() {
            *run += 1;
        }
    }
    runs
}

fn bounds(mask: &[f32], size: usize) -> Option<[usize; 4]> {
    let hits = || mask.iter().enumerate().filter(|(_, v)| **v > 0.5).map(|(i, _)| (i % size, i / size));
    let (x0, x1) = (hits().map(|p| p.0).min()?, hits().map(|p| p.0).max()?);
    let (y0, y1) = (hits().map(|p| p.1).min()?, hits().map(|p| p.1).max()?);
    Some([x0, y0, x1 - x0 + 1, y1 - y0 + 1])
}

/// Why a clip could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    #[error(transparent)]
    Video(#[from] VideoError),
    #[error("cannot write {path}: {reason}")]
    Write { path: PathBuf, reason: String },
}

/// Writes `path` (an mp4) and the truth beside it (same name, `.json`).
pub fn write(path: &Path, class: Class, seed: u64, index: u64, format: Format) -> Result<(), SynthError> {
    let scene = scene(seed, index, class);
    let about = About { class: class.name(), unseen: class.is_unseen(), seed, index, drawing: None };
    write_scene(path, &scene, about, format, &mut |_, _| true).map(|_| ())
}

/// The same of a drawing; where the truth is. `go_on` is given how many frames are written, and of how many. A clip of that name
/// is replaced with its truth; a JSON file without a clip is somebody else's and is not.
pub fn write_drawing(
    path: &Path,
    drawing: &Drawing,
    go_on: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<PathBuf, SynthError> {
    let truth = path.with_extension("json");
    if truth.exists() && !path.exists() {
        let reason = "a file of that name is there already; choose another name for the clip".to_owned();
        return Err(SynthError::Write { path: truth, reason });
    }
    let about = About {
        class: drawing.words(),
        unseen: drawing.motion().is_some_and(|motion| motion.is_unseen()),
        seed: drawing.seed,
        index: 0,
        drawing: Some(drawing),
    };
    write_scene(path, &Scene::Shape(drawing.scene()), about, drawing::FORMAT, go_on)
}

/// What a clip is called, and where it comes from.
struct About<'a> {
    class: String,
    unseen: bool,
    seed: u64,
    index: u64,
    drawing: Option<&'a Drawing>,
}

fn write_scene(
    path: &Path,
    scene: &Scene,
    about: About<'_>,
    format: Format,
    go_on: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<PathBuf, SynthError> {
    let Format { size, frames, fps } = format;
    let mut writer = Mp4Writer::create(path, size as u32, size as u32, fps, 14)?;
    for (t, pixels) in scene.frames(frames, size).iter().enumerate() {
        if !go_on(t, frames) {
            return Err(VideoError::Cancelled.into());
        }
        writer.push(&to_image(pixels, size))?;
    }
    writer.finish()?;

    let moment = |t: usize| {
        let mask = scene.mover_mask(t, frames, size);
        let (pose, joints) = match scene {
            Scene::Shape(scene) => (Some(scene.pose(t, frames)), None),
            Scene::Person(scene) => (None, Some(scene.joints(t, frames))),
        };
        Moment {
            pts_s: Pts::from_secs(t as f64 / fps).secs(),
            pose,
            joints,
            bounds: bounds(&mask, size),
            mask: run_lengths(&mask),
        }
    };
    let distractor = scene.still_mask(0, frames, size).map(|mask| {
        let (object, kind, colour) = match scene {
            Scene::Shape(scene) => {
                let object = scene.distractor.map(|(object, _)| object);
                (object, None, object.map(|o| COLOURS[o.colour].0))
            }
            Scene::Person(scene) => {
                let still = scene.still.as_ref();
                (None, still.map(|s| s.kind), still.and_then(|s| s.shirt).map(|s| SHIRTS[s].0))
            }
        };
        Still { object, kind, colour, bounds: bounds(&mask, size), mask: run_lengths(&mask) }
    });
    let (side, mover, mover_colour) = match scene {
        Scene::Shape(scene) => (draw::SIDE, Some(&scene.mover), COLOURS[scene.mover.colour].0),
        Scene::Person(scene) => (people::SIDE, None, SHIRTS[scene.look.shirt].0),
    };
    let About { class, unseen, seed, index, drawing } = about;
    let truth = Truth {
        version: 1,
        class,
        unseen,
        seed,
        index,
        size,
        fps,
        side,
        mover,
        mover_colour,
        distractor,
        drawing,
        frames: (0..frames).map(moment).collect(),
    };
    let path = path.with_extension("json");
    let fail = |reason: String| SynthError::Write { path: path.clone(), reason };
    let json = serde_json::to_vec(&truth).map_err(|e| fail(e.to_string()))?;
    write_atomic(&path, &json).map_err(|e| fail(e.to_string()))?;
    Ok(path)
}
