//! Tokens of the frozen vision tower for whole data sets, computed once and kept on disk under a key of everything that
//! they depend on: the model's weights, the data, the number of frames.

use super::RunError;
use crate::data::labelled::LabelledClips;
use crate::data::world::{self, Motion, Scene};
use crate::files::write_atomic;
use crate::model::Model;
use crate::video::Preprocess;
use crate::video::sampling::{ClipReader, ClipRequest};
use crate::video::{Cancel, Pts};
use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Where clips come from.
pub enum Source {
    /// `per_class` clips of each class of the procedural world.
    World { classes: Vec<Motion>, per_class: usize, seed: u64 },
    /// Real videos.
    Files(LabelledClips),
}

/// Pixels `(T, 3, R, R)` of a clip, or the file that could not be used and why.
type ClipPixels = Result<Vec<f32>, (PathBuf, String)>;

/// Frames that go through the vision tower at once.
const BATCH: usize = 64;
/// Changes when the meaning of a cache file does.
const VERSION: &str = "features 1";

/// X of METHOD §1 as f16 for every clip, with labels.
pub struct Features {
    /// clips × T × n × D
    data: Vec<f16>,
    pub labels: Vec<usize>,
    pub classes: Vec<String>,
    /// T, n, D
    pub shape: [usize; 3],
    /// Files that could not be used, with the reason.
    pub skipped: Vec<(PathBuf, String)>,
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
            Self::Files(files) => files
                .clips
                .iter()
                .map(|c| {
                    let meta = std::fs::metadata(&c.path).ok();
                    let stamp = meta.as_ref().and_then(|m| m.modified().ok());
                    format!("{c:?} {:?} {stamp:?}\n", meta.map(|m| m.len()))
                })
                .collect(),
        }
    }
}

/// The procedural world's clip as `(T, 3, R, R)` normalised pixels.
pub fn world_pixels(scene: &Scene, frames: usize, preprocess: &Preprocess) -> Vec<f32> {
    let size = preprocess.size;
    let plane = size * size;
    let mut pixels = vec![0.0; frames * 3 * plane];
    for (out, frame) in pixels.chunks_mut(3 * plane).zip(scene.frames(frames, size)) {
        for (i, rgb) in frame.chunks_exact(3).enumerate() {
            for c in 0..3 {
                out[c * plane + i] = (rgb[c] - preprocess.mean[c]) / preprocess.std[c];
            }
        }
    }
    pixels
}

/// Preprocessing as the model's folder says.
pub fn preprocess(model: &Model) -> Preprocess {
    Preprocess {
        mean: model.normalisation.image_mean,
        std: model.normalisation.image_std,
        ..Preprocess::clip(model.config.image_size)
    }
}

/// Tokens X `(F, n, D)` of normalised pixels `(F, 3, R, R)`, on the host.
pub fn encode(model: &Model, pixels: Vec<f32>, device: &Device) -> Result<Vec<f32>, RunError> {
    let side = model.config.image_size;
    let frames = pixels.len() / (3 * side * side);
    let pixels = Tensor::<4>::from_data(TensorData::new(pixels, [frames, 3, side, side]), device);
    let data = model.clip.vision_model.forward(pixels).try_into_data();
    data.map_err(|e| RunError::Other(e.to_string()))?
        .try_into_vec::<f32>()
        .map_err(|e| RunError::Other(format!("{e:?}")))
}

impl Features {
    /// Number of clips.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Clips `which` as one tensor `(B, T, n, D)`.
    pub fn batch(&self, which: &[usize], device: &Device) -> Tensor<4> {
        let [t, n, d] = self.shape;
        let size = t * n * d;
        let mut data = vec![0.0f32; which.len() * size];
        for (out, &i) in data.chunks_mut(size).zip(which) {
            self.data[i * size..(i + 1) * size].convert_to_f32_slice(out);
        }
        Tensor::from_data(TensorData::new(data, [which.len(), t, n, d]), device)
    }

    /// Reads the cache, or computes and caches. `report` hears (clips done, clips in all).
    pub fn load_or_compute(
        source: &Source,
        model: &Model,
        frames: usize,
        device: &Device,
        cache: &Path,
        report: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, RunError> {
        let shape = [frames, model.config.tokens(), model.config.vision.width];
        let key = format!(
            "{VERSION}\n{}\n{frames}\n{:?}\n{}",
            model.clip_digest,
            model.normalisation,
            source.key()
        );
        let name = format!("{}.features", &blake3::hash(key.as_bytes()).to_hex()[..32]);
        let path = cache.join(name);
        if let Some(cached) = Self::read(&path, source.classes(), shape) {
            report(cached.len(), cached.len());
            return Ok(cached);
        }
        let features = Self::compute(source, model, shape, device, report)?;
        // A cache that cannot be written costs time and nothing else.
        if let Err(e) =
            std::fs::create_dir_all(cache).and_then(|()| write_atomic(&path, &features.to_bytes()))
        {
            log::warn!("cannot keep features in {}: {e}", path.display());
        }
        Ok(features)
    }

    fn compute(
        source: &Source,
        model: &Model,
        shape: [usize; 3],
        device: &Device,
        report: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, RunError> {
        let total = source.clips();
        let mut out = Self {
            data: Vec::new(),
            labels: Vec::new(),
            classes: source.classes(),
            shape,
            skipped: Vec::new(),
        };
        let preprocess = preprocess(model);
        let per_batch = (BATCH / shape[0]).max(1);
        for start in (0..total).step_by(per_batch) {
            let clips: Vec<(usize, ClipPixels)> = (start..total.min(start + per_batch))
                .into_par_iter()
                .map(|i| clip_pixels(source, i, shape[0], &preprocess))
                .collect();
            let mut pixels = Vec::new();
            for (label, clip) in clips {
                match clip {
                    Ok(clip) => {
                        pixels.extend(clip);
                        out.labels.push(label);
                    }
                    Err(skipped) => out.skipped.push(skipped),
                }
            }
            if !pixels.is_empty() {
                let tokens = encode(model, pixels, device)?;
                out.data.extend(tokens.into_iter().map(f16::from_f32));
            }
            report((start + per_batch).min(total), total);
        }
        Ok(out)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let labels: Vec<u32> = self.labels.iter().map(|&l| l as u32).collect();
        let skipped = serde_json::to_vec(&self.skipped).unwrap_or_default();
        let mut bytes = Vec::with_capacity(self.data.len() * 2 + labels.len() * 4 + skipped.len() + 16);
        bytes.extend((labels.len() as u64).to_le_bytes());
        bytes.extend((skipped.len() as u64).to_le_bytes());
        bytes.extend(labels.iter().flat_map(|l| l.to_le_bytes()));
        bytes.extend(skipped);
        bytes.extend(self.data.iter().flat_map(|v| v.to_le_bytes()));
        bytes
    }

    /// `None` where the file is absent or damaged; it is then computed again.
    fn read(path: &Path, classes: Vec<String>, shape: [usize; 3]) -> Option<Self> {
        let bytes = std::fs::read(path).ok()?;
        let (count, rest) = bytes.split_first_chunk::<8>()?;
        let (skipped, rest) = rest.split_first_chunk::<8>()?;
        let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
        let (labels, rest) = rest.split_at_checked(count.checked_mul(4)?)?;
        let (skipped, data) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*skipped)).ok()?)?;
        let labels: Vec<usize> =
            labels.as_chunks::<4>().0.iter().map(|l| u32::from_le_bytes(*l) as usize).collect();
        let whole = data.len() == count.checked_mul(shape.iter().product::<usize>() * 2)?
            && labels.iter().all(|&l| l < classes.len());
        let data = data.as_chunks::<2>().0.iter().map(|v| f16::from_le_bytes(*v)).collect();
        let skipped = serde_json::from_slice(skipped).ok()?;
        whole.then_some(Self { data, labels, classes, shape, skipped })
    }
}

/// One clip with its label.
fn clip_pixels(source: &Source, index: usize, frames: usize, preprocess: &Preprocess) -> (usize, ClipPixels) {
    match source {
        Source::World { classes, seed, .. } => {
            // Class by class in turn, so that a longer data set begins with the shorter one.
            let label = index % classes.len();
            let scene = Scene::random(&mut world::rng(*seed, index as u64), classes[label]);
            (label, Ok(world_pixels(&scene, frames, preprocess)))
        }
        Source::Files(files) => {
            let clip = &files.clips[index];
            let read = || {
                let mut reader = ClipReader::open(&clip.path)?;
                let request = ClipRequest {
                    start: clip.start.unwrap_or_default(),
                    end: clip.end.unwrap_or(Pts(i64::MAX)),
                    frames,
                };
                reader.read_clip(request, &|_| true, &Cancel::default(), &mut |_, _| ())
            };
            let pixels = read().map(|found| {
                let images = found.frames.iter().filter_map(|f| f.image.as_ref());
                images.flat_map(|image| preprocess.apply(image)).collect()
            });
            (clip.label, pixels.map_err(|e| (clip.path.clone(), e.to_string())))
        }
    }
}
