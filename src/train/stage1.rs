//! Stage 1 (METHOD §10): the small CLIP, contrastively, on the procedural world's images and captions. The target
//! of each image is spread over all captions of the batch that hold of it, and the other way round.
//!
//! People are harder to learn than shapes: their tower starts with sinusoidal positions, linear readings of the class token
//! ([`super::auxiliary`]) help it on, and until the last steps it sees half of each picture's patches, the busiest first, which
//! costs half as much.

use super::auxiliary::{Auxiliary, Truths};
use super::{Run, RunError, Schedule, adamw, clip_gradients};
use crate::data::cast::Cast;
use crate::data::{captions, people, world};
use crate::files::write_atomic;
use crate::model::towers::normalise;
use crate::model::weights::{Precision, save};
use crate::model::{ClipConfig, Towers};
use crate::prompt::Tokenizer;
use crate::prompt::tokenizer::word_tokenizer_json;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Instant;

/// Pixel mean and standard deviation of the small model, all channels.
pub const PIXEL_MEAN: f32 = 0.5;
pub const PIXEL_STD: f32 = 0.25;

/// What fixes a stage-1 run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub cast: Cast,
    pub steps: usize,
    pub batch: usize,
    pub seed: u64,
    pub learning_rate: f64,
    pub weight_decay: f32,
    /// Side of the pictures in pixels.
    pub image_size: usize,
    /// Patches of each picture that are seen, but for the last steps; `None`: all.
    pub patches: Option<usize>,
    /// Steps at the end that see every patch.
    pub whole_steps: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
}

impl Settings {
    /// The recipe of METHOD §10.
    pub fn new(cast: Cast) -> Self {
        let shapes = Self {
            cast,
            steps: 2000,
            batch: 128,
            seed: 1,
            learning_rate: 1e-3,
            weight_decay: 0.05,
            image_size: 64,
            patches: None,
            whole_steps: 0,
            checkpoint_every: 50,
        };
        match cast {
            Cast::Shapes => shapes,
            Cast::People => {
                Self { steps: 9000, image_size: 96, patches: Some(32), whole_steps: 500, ..shapes }
            }
        }
    }

    fn config(&self, vocabulary: usize) -> ClipConfig {
        let config = match self.cast {
            Cast::Shapes => ClipConfig::small(vocabulary),
            Cast::People => ClipConfig::people(vocabulary),
        };
        ClipConfig { image_size: self.image_size, ..config }
    }
}

/// One step's data, on the host.
struct Batch {
    /// `batch × 3 × side²`, normalised.
    pixels: Vec<f32>,
    /// In parts, each of which is padded to its longest.
    captions: Vec<Vec<Vec<u32>>>,
    /// `batch × captions`, row = image, 1 where the caption holds of it.
    truth: Vec<f32>,
    /// The patches of each picture that are seen; `None`: all.
    patches: Option<Vec<Vec<usize>>>,
    readings: Option<Truths>,
}

/// The batch of a step: a function of the settings and the step alone.
fn batch(settings: &Settings, tokenizer: &Tokenizer, patch_size: usize, step: usize) -> Batch {
    let (n, size) = (settings.batch, settings.image_size);
    let rng = |i: usize| world::rng(settings.seed, (step * n + i) as u64);
    let encode = |caption: &str| tokenizer.encode(caption).ids;
    // (pictures, captions, truth, readings)
    let (pictures, captions, truth, readings): (Vec<Vec<f32>>, _, _, _) = match settings.cast {
        Cast::Shapes => {
            let all: Vec<_> = (0..n).into_par_iter().map(|i| captions::sample(&mut rng(i), size)).collect();
            let holds = |a: &captions::Sample, b: &captions::Sample| captions::holds(&b.spec, &a.truth);
            let truth = pairs(&all, &all, holds);
            let captions = all.iter().map(|s| encode(&s.caption)).collect();
            (all.into_iter().map(|s| s.pixels).collect(), vec![captions], truth, None)
        }
        Cast::People => {
            use people::captions::{Sample, holds, names, sample};
            let all: Vec<_> = (0..n).into_par_iter().map(|i| sample(&mut rng(i), size)).collect();
            // Names of whole actions are among the captions of every batch, whether their own picture is or not.
            let named = names(&mut world::rng(settings.seed ^ NAMES, step as u64));
            let said = all.iter().map(|s| (s.caption.clone(), s.spec.clone())).chain(named);
            let mut said: Vec<_> = said.map(|(caption, spec)| (encode(&caption), spec)).collect();
            // Their order is of no account: captions of one length are padded with each other.
            said.sort_by_key(|(ids, _)| ids.len());
            let truth = pairs(&all, &said, |image: &Sample, (_, spec)| holds(spec, &image.truth));
            let captions = said.chunks(CAPTIONS).map(|s| s.iter().map(|(ids, _)| ids.clone()).collect());
            let captions = captions.collect();
            let readings = Truths {
                attributes: all.iter().flat_map(|s| s.attributes).collect(),
                points: all.iter().flat_map(|s| s.points.iter().copied()).collect(),
            };
            (all.into_iter().map(|s| s.pixels).collect(), captions, truth, Some(readings))
        }
    };
    let patches = settings.patches.filter(|_| step + settings.whole_steps < settings.steps).map(|keep| {
        let some = |(i, picture): (usize, &Vec<f32>)| {
            let mut rng = world::rng(settings.seed ^ PATCHES, (step * n + i) as u64);
            busiest(picture, size, patch_size, keep, &mut rng)
        };
        pictures.iter().enumerate().map(some).collect()
    });
    let plane = size * size;
    let mut pixels = vec![0.0; n * 3 * plane];
    for (out, picture) in pixels.chunks_mut(3 * plane).zip(&pictures) {
        for (i, rgb) in picture.chunks_exact(3).enumerate() {
            for (c, v) in rgb.iter().enumerate() {
                out[c * plane + i] = (v - PIXEL_MEAN) / PIXEL_STD;
            }
        }
    }
    Batch { pixels, captions, truth, patches, readings }
}

/// `holds(image, caption)` of all pairs, row by row.
fn pairs<I, C>(images: &[I], captions: &[C], holds: impl Fn(&I, &C) -> bool) -> Vec<f32> {
    images.iter().flat_map(|i| captions.iter().map(|c| f32::from(holds(i, c))).collect::<Vec<_>>()).collect()
}

/// Make the random numbers of the patches and of the names others than those of the pictures.
const PATCHES: u64 = 0x7061_7463_6865_7321;
const NAMES: u64 = 0x6e61_6d65_7321_2121;
/// Captions that go through the text tower together.
const CAPTIONS: usize = 40;

/// `keep` patches: three quarters of them where the picture varies most, the rest from anywhere else.
fn busiest(picture: &[f32], size: usize, patch: usize, keep: usize, rng: &mut world::WorldRng) -> Vec<usize> {
    let grid = size / patch;
    let variance = |p: usize| {
        let (top, left) = (p / grid * patch, p % grid * patch);
        let values = (top..top + patch)
            .flat_map(|y| (3 * (y * size + left)..3 * (y * size + left + patch)).map(|i| picture[i]));
        let (sum, squares) = values.fold((0.0, 0.0), |(s, q), v| (s + v, q + v * v));
        let count = (3 * patch * patch) as f32;
        squares / count - (sum / count).powi(2)
    };
    let mut all: Vec<(f32, usize)> = (0..grid * grid).map(|p| (variance(p), p)).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut chosen: Vec<usize> = all.into_iter().map(|(_, p)| p).collect();
    let sure = (keep * 3 / 4).min(chosen.len());
    chosen[sure..].shuffle(rng);
    chosen.truncate(keep);
    chosen
}

/// The CLIP, and what reads its class token while it is trained.
#[derive(Module, Debug)]
struct Pupil {
    clip: Towers,
    auxiliary: Option<Auxiliary>,
}

/// Symmetric InfoNCE with several positives: targets Y/ΣY along each axis. `logits` and `truth` are `(B, C)`; a caption that
/// holds of no image adds nothing to the captions' side, and is one more false one for the images.
/// Gives the loss, and the entropy of the targets, which is the least that the loss can be.
pub fn contrastive_loss(logits: Tensor<2>, truth: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
    let side = |dim: usize| {
        let held = truth.clone().sum_dim(dim).clamp_min(1.0);
        let loss = -(truth.clone() / held.clone() * log_softmax(logits.clone(), dim)).sum_dim(dim).mean();
        (loss, held.log().mean())
    };
    let ((rows, rows_floor), (columns, columns_floor)) = (side(1), side(0));
    ((rows + columns).mul_scalar(0.5), (rows_floor + columns_floor).mul_scalar(0.5))
}

/// Share of (true pair, false pair) with the true one scored higher, over all pairs of a batch.
fn pair_auc(logits: &[f32], truth: &[f32]) -> f64 {
    crate::metrics::auroc(logits.iter().zip(truth).map(|(&l, &t)| (l, t > 0.5)))
}

/// Trains and writes a model folder: `config.json`, `model.safetensors`, `tokenizer.json`,
/// `preprocessor_config.json`. Resumes where `out/checkpoint.bin` stands. `report` hears (step, steps, line).
pub fn train(
    settings: &Settings,
    out: &Path,
    device: &Device,
    mut report: impl FnMut(usize, usize, String),
) -> Result<(), RunError> {
    let words = match settings.cast {
        Cast::Shapes => captions::vocabulary(),
        Cast::People => people::vocabulary(),
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let json = word_tokenizer_json(&words).map_err(|e| RunError::Other(e.to_string()))?;
    let config = settings.config(words.len() + 4);
    let tokenizer =
        Tokenizer::from_bytes(&json, config.context).map_err(|e| RunError::Other(e.to_string()))?;

    device.seed(settings.seed);
    let device = device.clone().autodiff();
    let mut clip = Towers::init(&config, &device);
    let auxiliary = (settings.cast == Cast::People).then(|| {
        clip.vision_model = clip.vision_model.clone().with_sinusoidal_positions();
        let (sizes, points) = (&people::captions::ATTRIBUTES, people::captions::POINTS);
        Auxiliary::init(config.vision.width, sizes, points, &device)
    });
    let pupil = Pupil { clip, auxiliary };
    let optimiser = adamw(settings.weight_decay);
    let header = "step,loss,excess,auxiliary,pair_auc,tau,learning_rate,gradient_norm,seconds";
    let (mut run, pupil, optimiser, start) = Run::open(out, settings.clone(), pupil, optimiser, header)?;
    let schedule = Schedule { peak: settings.learning_rate, warmup: 100, steps: settings.steps, floor: 0.02 };
    let began = Instant::now();

    let pupil = std::thread::scope(|scope| {
        let (mut pupil, mut optimiser) = (pupil, optimiser);
        let (sender, batches) = std::sync::mpsc::sync_channel(2);
        let tokenizer = &tokenizer;
        let patch = config.patch_size;
        scope.spawn(move || {
            for step in start..settings.steps {
                // Nobody listens any more where the run has ended early.
                if sender.send(batch(settings, tokenizer, patch, step)).is_err() {
                    break;
                }
            }
        });
        for step in start..settings.steps {
            let data: Batch = batches.recv().map_err(|e| RunError::Other(e.to_string()))?;
            let (n, side) = (settings.batch, settings.image_size);
            let pixels = Tensor::<4>::from_data(TensorData::new(data.pixels, [n, 3, side, side]), &device);
            let captions = data.captions.iter().map(Vec::len).sum();
            let truth = TensorData::new(data.truth.clone(), [n, captions]);
            let truth = Tensor::<2>::from_data(truth, &device);
            let clip = &pupil.clip;
            let tokens = match &data.patches {
                None => clip.vision_model.forward(pixels),
                Some(which) => clip.vision_model.forward_some(pixels, which),
            };
            let image = normalise(clip.project_class_token(tokens.clone()));
            let text = data.captions.iter().map(|part| clip.text(part, &config)).collect();
            let text = normalise(Tensor::cat(text, 0));
            // τ is kept at or below 100, as in CLIP.
            let tau = clip.logit_scale.val().clamp_max(100f32.ln()).exp();
            let logits = image.matmul(text.transpose()) * tau.clone().unsqueeze();
            let (mut loss, floor) = contrastive_loss(logits.clone(), truth);
            let contrastive = loss.clone().inner();
            let mut auxiliary_loss = None;
            if let Some((auxiliary, truths)) = pupil.auxiliary.as_ref().zip(data.readings.as_ref()) {
                let [_, _, width] = tokens.dims();
                let class_tokens = tokens.narrow(1, 0, 1).reshape([n, width]);
                let more = auxiliary.loss(class_tokens, truths);
                auxiliary_loss = Some(more.clone().inner());
                loss = loss + more;
            }
            let value = loss.clone().into_scalar::<f32>();
            if !value.is_finite() {
                return Err(run.not_finite(step, format!("loss {value}")));
            }
            let grads = GradientsParams::from_grads(loss.backward(), &pupil);
            let (grads, norm) = clip_gradients(&pupil, grads, 1.0);
            let rate = schedule.rate(step);
            pupil = optimiser.step(rate, pupil, grads);

            if step % 10 == 9 || step + 1 == settings.steps {
                let logits = logits.into_data();
                let auc = pair_auc(logits.as_slice().unwrap_or_default(), &data.truth);
                let value = contrastive.into_scalar::<f32>();
                let excess = value - floor.into_scalar::<f32>();
                let auxiliary =
                    auxiliary_loss.map_or(String::new(), |a| format!("{:.5}", a.into_scalar::<f32>()));
                let (tau, seconds) = (tau.into_scalar::<f32>(), began.elapsed().as_secs_f32());
                run.log(&format!(
                    "{},{value:.5},{excess:.5},{auxiliary},{auc:.4},{tau:.2},{rate:.3e},{norm:.3},{seconds:.1}",
                    step + 1
                ))?;
                report(
                    step + 1,
                    settings.steps,
                    format!("loss {value:.3} ({excess:.3} above its floor), pair AUC {auc:.3}, τ {tau:.1}"),
                );
            }
            if (step + 1).is_multiple_of(settings.checkpoint_every.max(1)) {
                run.save(&pupil, &optimiser, step + 1)?;
            }
        }
        run.save(&pupil, &optimiser, settings.steps)?;
        Ok(pupil)
    })?;

    write_folder(out, &pupil.clip.valid(), &config, &json)
}

/// The model folder of a trained small CLIP.
fn write_folder(out: &Path, clip: &Towers, config: &ClipConfig, tokenizer: &[u8]) -> Result<(), RunError> {
    let other = |e: &dyn std::fmt::Display| RunError::Other(e.to_string());
    let preprocess = serde_json::json!({
        "image_mean": [PIXEL_MEAN, PIXEL_MEAN, PIXEL_MEAN], "image_std": [PIXEL_STD, PIXEL_STD, PIXEL_STD], "do_resize": true, "do_center_crop": true,
        "size": { "shortest_edge": config.image_size },
        "crop_size": { "height": config.image_size, "width": config.image_size },
        "resample": 3,
    });
    let config = serde_json::to_vec_pretty(&config.to_file()).map_err(|e| other(&e))?;
    let preprocess = serde_json::to_vec_pretty(&preprocess).map_err(|e| other(&e))?;
    for (name, bytes) in [
        ("config.json", config),
        ("preprocessor_config.json", preprocess),
        ("tokenizer.json", tokenizer.to_vec()),
    ] {
        write_atomic(&out.join(name), &bytes).map_err(|e| other(&e))?;
    }
    save(clip, &out.join("model.safetensors"), Precision::F32).map_err(|e| other(&e))
}
