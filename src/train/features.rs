//! Tokens of the frozen vision tower for whole data sets, computed once and kept on disk ([`super::feature_file`]) under a key of
//! everything that they depend on: the model's weights, the data, the number of frames.

use super::RunError;
use super::feature_file::{self, TokenFile, TokenWriter};
use crate::data::camera::Camera;
use crate::data::cast::{Class, Scene};
use crate::data::labelled::LabelledClips;
use crate::data::world::{self, WorldRng};
use crate::device::panic_message;
use crate::model::Surgery;
use crate::session::Session;
use crate::video::{self, Cancel, ClipSpec, FrameReader, Preprocess, Pts, Span};
use burn::tensor::{Device, Tensor, TensorData};
use crossbeam_channel::bounded;
use rand::Rng;
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::UNIX_EPOCH;

/// Where clips come from.
pub enum Source {
    /// `per_class` clips of each class of the procedural world.
    World { classes: Vec<Class>, per_class: usize, seed: u64 },
    /// Real videos.
    Files(LabelledClips),
}

/// Pixels `(T, 3, R, R)` of a clip, or the file that could not be used and why.
type ClipPixels = Result<Vec<f32>, (PathBuf, String)>;

/// A clip with its label.
type Read = (usize, ClipPixels);

/// Frames that go through the vision tower at once.
const BATCH: usize = 64;
/// Changes when the meaning of a cache file does.
const VERSION: &str = "features 3";

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

    /// BLAKE3 (16 hex digits) of the names of the classes and of what the clips are, for files by path, length and time of change.
    pub fn digest(&self) -> String {
        let mut key = Key::default();
        for name in self.classes() {
            key.part(name);
        }
        self.write_key(&mut key);
        key.0.finalize().to_hex()[..16].to_owned()
    }

    /// What the clips are.
    fn write_key(&self, key: &mut Key) {
        match self {
            Self::World { classes, per_class, seed } => {
                // People were seen through other cameras before.
                let people = classes.iter().any(|class| matches!(class, Class::Person(_)));
                key.part(if people { "world 2" } else { "world 1" });
                key.number(*seed).number(*per_class as u64);
                for class in classes {
                    key.part(class.name());
                }
            }
            Self::Files(files) => {
                key.part("files 1");
                for clip in &files.clips {
                    key.part(clip.path.as_os_str().as_encoded_bytes()).number(clip.label as u64);
                    let meta = std::fs::metadata(&clip.path).ok();
                    let changed =
                        meta.as_ref().and_then(|m| m.modified().ok()?.duration_since(UNIX_EPOCH).ok());
                    key.maybe(clip.start.map(|t| t.0 as u64)).maybe(clip.end.map(|t| t.0 as u64));
                    key.maybe(meta.map(|m| m.len())).maybe(changed.map(|t| t.as_nanos() as u64));
                }
            }
        }
    }
}

/// A hash of parts, each behind its length or its kind, so that no two lists of parts look alike. What is hashed is fixed here and
/// not left to how a type happens to be printed.
#[derive(Default)]
struct Key(blake3::Hasher);

impl Key {
    fn part(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.0.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    fn maybe(&mut self, number: Option<u64>) -> &mut Self {
        self.0.update(&[u8::from(number.is_some())]);
        self.number(number.unwrap_or_default())
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
        data.par_chunks_mut(size).zip(which).for_each(|(out, &i)| self.file.read(i, out));
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
        let mut key = Key::default();
        key.part(VERSION).part(&model.clip_digest).number(frames as u64);
        let normalisation = &model.normalisation;
        for number in normalisation.image_mean.iter().chain(&normalisation.image_std) {
            key.number(number.to_bits().into());
        }
        key.maybe(layer.map(|l| l as u64));
        source.write_key(&mut key);
        let name = format!("{}.safetensors", &key.0.finalize().to_hex()[..32]);
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
                    let need = feature_file::size_of_clips(shape, total - writer.done());
                    feature_file::room(cache, need, fs4::available_space(cache).ok())?;
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

/// Computes what `writer` does not have yet. Clips are read ahead, several at once, while the tower works on those before. Batches
/// begin at the same clips whether or not a run was stopped: what a batch is made of may change the last bits of its tokens.
fn compute(
    source: &Source,
    session: &Session,
    shape: [usize; 3],
    mut writer: TokenWriter,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<(), RunError> {
    let (start, total, preprocess) = (writer.done(), source.clips(), session.preprocess);
    let per_batch = (BATCH / shape[0]).max(1);
    // As many batches at once as keep every core busy.
    let stride = per_batch * rayon::current_num_threads().div_ceil(per_batch);
    let (tell, read) = bounded::<Vec<Read>>(1);
    let ahead = move || {
        for start in (start..total).step_by(stride) {
            let clips = start..total.min(start + stride);
            let read = clips.into_par_iter().map(|i| clip_pixels(source, i, shape[0], &preprocess)).collect();
            if tell.send(read).is_err() {
                // The tower has failed, and says so.
                return;
            }
        }
    };
    thread::scope(|scope| {
        let reader = thread::Builder::new().name("read ahead".into()).spawn_scoped(scope, ahead);
        let reader = reader.map_err(|e| RunError::Other(format!("no thread can be started: {e}")))?;
        for mut clips in read {
            while !clips.is_empty() {
                let rest = clips.split_off(per_batch.min(clips.len()));
                batch(std::mem::replace(&mut clips, rest), session, &mut writer)?;
                report(Progress::Done { done: writer.done(), total });
            }
        }
        reader
            .join()
            .map_err(|panic| RunError::Other(format!("reading clips failed: {}", panic_message(&*panic))))
    })?;
    writer.finish()
}

/// Some clips through the tower.
fn batch(clips: Vec<Read>, session: &Session, writer: &mut TokenWriter) -> Result<(), RunError> {
    let frame = 3 * session.preprocess.size.pow(2);
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
    let tokens = if frames.is_empty() {
        Vec::new()
    } else {
        session.encode_frames(&frames, &Surgery::default())?.concat()
    };
    writer.push(&labels, &tokens, skipped)
}

/// One clip with its label.
fn clip_pixels(source: &Source, index: usize, frames: usize, preprocess: &Preprocess) -> Read {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::cast::Cast;
    use crate::data::labelled::LabelledClip;

    /// What is computed under a key is used under it for years: the key of the world does not depend on how a type is printed.
    #[test]
    fn the_digest_of_the_world_is_the_same_on_every_machine() {
        let world =
            |per_class, seed| Source::World { classes: Cast::Shapes.seen(), per_class, seed }.digest();
        assert_eq!(world(160, 11), "426ec8e0bf790557");
        assert!(world(160, 11) != world(160, 12) && world(160, 11) != world(159, 11));
    }

    #[test]
    fn a_file_that_is_another_or_cut_elsewhere_has_another_digest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mp4");
        std::fs::write(&path, "one").unwrap();
        let of = |start, end, label| {
            let clip = LabelledClip { path: path.clone(), label, start, end };
            Source::Files(LabelledClips { classes: vec!["x".into(), "y".into()], clips: vec![clip] }).digest()
        };
        let first = of(None, None, 0);
        assert_eq!(first, of(None, None, 0));
        let others = [of(Some(Pts(0)), None, 0), of(None, Some(Pts(0)), 0), of(None, None, 1)];
        std::fs::write(&path, "longer").unwrap();
        let changed = of(None, None, 0);
        assert!(!others.contains(&first) && changed != first);
    }
}
