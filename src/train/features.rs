//! Tokens of the frozen vision tower for whole data sets, computed once and kept on disk ([`super::feature_file`]) under a key of
//! everything that they depend on: the model's weights, the data, the number of frames.

use super::RunError;
use super::feature_file::{self, TokenFile, TokenWriter};
use crate::data::camera::Camera;
use crate::data::cast::{Class, Scene};
use crate::data::labelled::LabelledClips;
use crate::data::world::{self, WorldRng};
use crate::files::state;
use crate::session::Session;
use crate::video::{self, Cancel, ClipSpec, FrameReader, Preprocess, Pts, Span};
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where clips come from.
pub enum Source {
    /// `per_class` clips of each class of the procedural world.
    World { classes: Vec<Class>, per_class: usize, seed: u64 },
    /// Real videos.
    Files(LabelledClips),
}

/// Pixels `(T, 3, R, R)` of a clip, or the file that could not be used and why.
type ClipPixels = Result<Vec<f32>, (PathBuf, String)>;

/// Frames that go through the vision tower at once.
const BATCH: usize = 64;
/// Changes when the meaning of a cache file does.
const VERSION: &str = "features 2";

/// X of METHOD §1 as f16 for every clip, with labels. The tokens lie in a file and are read from there.
pub struct Features {
    file: TokenFile,
    pub classes: Vec<String>,
    /// T, n, D
    pub shape: [usize; 3],
}

/// What the caller of [`Features::load_or_compute`] hears of.
pub enum Progress<'a> {
    /// Before anything is computed: where the tokens will lie, and how many bytes they take.
    Size { folder: &'a Path, bytes: u64 },
    /// Clips that are done.
    Done { done: usize, total: usize },
}

impl Source {
    /// Names of the classes, in label order.
    pub fn classes(&self) -> Vec<String> {
        match self {
            Self::World { classes, .. } => classes.iter().map(|m| m.name()).collect(),
            Self::Files(files) => files.classes.clone(),
        }
    }

    /// Number of clips, broken ones included.
    pub fn clips(&self) -> usize {
        match self {
            Self::World { classes, per_class, .. } => classes.len() * per_class,
            Self::Files(files) => files.clips.len(),
        }
    }

    fn key(&self) -> String {
        match self {
            Self::World { classes, per_class, seed } => {
                let names: Vec<_> = classes.iter().map(|m| m.name()).collect();
                format!("world 1, seed {seed}, {per_class} of each of {names:?}")
            }
            Self::Files(files) => {
                files.clips.iter().map(|clip| format!("{clip:?} {}\n", state(&clip.path))).collect()
            }
        }
    }
}

/// Frames of the procedural world (interleaved RGB, R × R) as `(T, 3, R, R)` normalised pixels.
pub fn world_pixels(frames: &[Vec<f32>], preprocess: &Preprocess) -> Vec<f32> {
    let plane = preprocess.size * preprocess.size;
    let mut pixels = vec![0.0; frames.len() * 3 * plane];
    for (out, frame) in pixels.chunks_mut(3 * plane).zip(frames) {
        for (i, rgb) in frame.chunks_exact(3).enumerate() {
            for c in 0..3 {
                out[c * plane + i] = (rgb[c] - preprocess.mean[c]) / preprocess.std[c];
            }
        }
    }
    pixels
}

impl Features {
    /// Number of clips.
    pub fn len(&self) -> usize {
        self.labels().len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels().is_empty()
    }

    /// The class of every clip, an index into `classes`.
    pub fn labels(&self) -> &[usize] {
        &self.file.labels
    }

    /// Files that could not be used, with the reason.
    pub fn skipped(&self) -> &[(PathBuf, String)] {
        &self.file.skipped
    }

    /// Clips `which` as one tensor `(B, T, n, D)`.
    pub fn batch(&self, which: &[usize], device: &Device) -> Tensor<4> {
        let [t, n, d] = self.shape;
        let size = t * n * d;
        let mut data = vec![0.0f32; which.len() * size];
        for (out, &i) in data.chunks_mut(size).zip(which) {
            self.file.read(i, out);
        }
        Tensor::from_data(TensorData::new(data, [which.len(), t, n, d]), device)
    }

    /// Opens the file of the cache, or computes what it lacks: a run that was stopped goes on from there.
    pub fn load_or_compute(
        source: &Source,
        session: &Session,
        frames: usize,
        cache: &Path,
        report: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Self, RunError> {
        let model = session.model();
        let layer = model.head_config.motion_layer;
        let shape = [frames, model.config.tokens(), model.config.vision.width];
        let key = format!(
            "{VERSION}\n{}\n{frames}\n{:?}\n{}{}",
            model.clip_digest,
            model.normalisation,
            source.key(),
            layer.map_or(String::new(), |l| format!("\npatches of layer {l}")),
        );
        let name = format!("{}.safetensors", &blake3::hash(key.as_bytes()).to_hex()[..32]);
        let path = cache.join(name);
        let (classes, total) = (source.classes(), source.clips());
        let open = || TokenFile::open(&path, shape, classes.len());
        let file = match open() {
            Some(file) => file,
            None => {
                report(Progress::Size { folder: cache, bytes: feature_file::size_of_clips(shape, total) });
                let writer = TokenWriter::resume(&path, shape, total, &mut |done| {
                    report(Progress::Done { done, total });
                })?;
                if let Some(writer) = writer {
                    compute(source, session, shape, writer, report)?;
                }
                open().ok_or_else(|| {
                    RunError::Other(format!("{} is not what was written to it", path.display()))
                })?
            }
        };
        report(Progress::Done { done: total, total });
        Ok(Self { file, classes, shape })
    }
}

/// Computes what `writer` does not have yet. Batches begin at the same clips whether or not a run was stopped: what a batch
/// is made of may change the last bits of its tokens.
fn compute(
    source: &Source,
    session: &Session,
    shape: [usize; 3],
    mut writer: TokenWriter,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<(), RunError> {
    let (start, total) = (writer.done(), source.clips());
    let frame = 3 * session.preprocess.size.pow(2);
    let per_batch = (BATCH / shape[0]).max(1);
    for start in (start..total).step_by(per_batch) {
        let clips: Vec<(usize, ClipPixels)> = (start..total.min(start + per_batch))
            .into_par_iter()
            .map(|i| clip_pixels(source, i, shape[0], &session.preprocess))
            .collect();
        let (mut pixels, mut labels, mut skipped): (Vec<f32>, _, _) = (Vec::new(), Vec::new(), Vec::new());
        for (label, clip) in clips {
            match clip {
                Ok(clip) => {
                    pixels.extend(clip);
                    labels.push(label);
                }
                Err(reason) => skipped.push(reason),
            }
        }
        let frames: Vec<&[f32]> = pixels.chunks_exact(frame).collect();
        let tokens = if frames.is_empty() { Vec::new() } else { session.encode_frames(&frames)?.concat() };
        writer.push(&labels, &tokens, skipped)?;
        report(Progress::Done { done: writer.done(), total });
    }
    writer.finish()
}

/// One clip with its label.
fn clip_pixels(source: &Source, index: usize, frames: usize, preprocess: &Preprocess) -> (usize, ClipPixels) {
    match source {
        Source::World { classes, seed, .. } => {
            // Class by class in turn, so that a longer data set begins with the shorter one.
            let label = index % classes.len();
            let mut rng = world::rng(*seed, index as u64);
            let frames = training_frames(&mut rng, classes[label], frames, preprocess.size);
            (label, Ok(world_pixels(&frames, preprocess)))
        }
        Source::Files(files) => {
            let clip = &files.clips[index];
            let span = Span { start: clip.start.unwrap_or_default(), end: clip.end.unwrap_or(Pts(i64::MAX)) };
            let pixels = file_pixels(&clip.path, span, frames, preprocess);
            (clip.label, pixels.map_err(|why| (clip.path.clone(), why)))
        }
    }
}

/// A random clip of a class. People are seen through many cameras, of which one in seven turns.
fn training_frames(rng: &mut WorldRng, class: Class, frames: usize, size: usize) -> Vec<Vec<f32>> {
    let mut scene = class.scene(rng);
    let Scene::Person(person) = &mut scene else { return scene.frames(frames, size) };
    if rng.random_bool(0.15) {
        person.pan = rng.random_range(-14.0..14.0);
    }
    let camera = Camera::random(rng);
    let frames = person.frames(frames, size).into_iter().enumerate();
    frames.map(|(t, frame)| camera.see(frame, size, t)).collect()
}

/// The clip of a span of a video; an error says what is wrong with the file.
fn file_pixels(path: &Path, span: Span, frames: usize, preprocess: &Preprocess) -> Result<Vec<f32>, String> {
    let cancel = Cancel::default();
    // The source's digest is not waited for: dropping it stops the hashing.
    let source = video::Source::open(path, Arc::new(|| {}));
    let times = source.frames(&cancel).map_err(|e| e.to_string())?;
    let wanted = ClipSpec::segments(span).frames(&times, frames);
    let wanted = wanted.map_err(|e| format!("{}: {e}", path.display()))?;
    let mut read = HashMap::new();
    FrameReader::open(&source, &cancel)
        .and_then(|mut reader| {
            reader.read(&wanted, &cancel, &mut |_, _| {}, &mut |at, image| {
                read.insert(at, preprocess.apply(&image));
            })
        })
        .map_err(|e| e.to_string())?;
    Ok(wanted.iter().filter_map(|at| read.get(at)).flatten().copied().collect())
}
