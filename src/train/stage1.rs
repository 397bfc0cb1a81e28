//! Stage 1 (METHOD §10): the small CLIP, contrastively, on the procedural world's images and captions. The target
//! of each image is spread over all captions of the batch that hold of it, and the other way round.

use super::{Run, RunError, Schedule, adamw, clip_gradients};
use crate::data::captions::{self, Sample};
use crate::data::world;
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
    pub steps: usize,
    pub batch: usize,
    pub seed: u64,
    pub learning_rate: f64,
    pub weight_decay: f32,
    /// Side of the pictures in pixels.
    pub image_size: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            steps: 2000,
            batch: 128,
            seed: 1,
            learning_rate: 1e-3,
            weight_decay: 0.05,
            image_size: 64,
            checkpoint_every: 50,
        }
    }
}

/// One step's data, on the host.
struct Batch {
    pixels: Vec<f32>,
    captions: Vec<Vec<u32>>,
    /// `batch × batch`, row = image, 1 where the caption holds of it.
    truth: Vec<f32>,
}

/// The batch of a step: a function of the seed and the step alone.
fn batch(settings: &Settings, tokenizer: &Tokenizer, step: usize) -> Batch {
    let n = settings.batch;
    let samples: Vec<Sample> = (0..n)
        .into_par_iter()
        .map(|i| captions::sample(&mut world::rng(settings.seed, (step * n + i) as u64), settings.image_size))
        .collect();
    let plane = settings.image_size * settings.image_size;
    let mut pixels = vec![0.0; n * 3 * plane];
    for (out, sample) in pixels.chunks_mut(3 * plane).zip(&samples) {
        for (i, rgb) in sample.pixels.chunks_exact(3).enumerate() {
            for (c, v) in rgb.iter().enumerate() {
                out[c * plane + i] = (v - PIXEL_MEAN) / PIXEL_STD;
            }
        }
    }
    let truth = samples
        .iter()
        .flat_map(|image| samples.iter().map(|c| f32::from(captions::holds(&c.spec, &image.truth))))
        .collect();
    let captions = samples.iter().map(|s| tokenizer.encode(&s.caption).ids).collect();
    Batch { pixels, captions, truth }
}

/// Symmetric InfoNCE with several positives: targets Y/ΣY along each axis. `logits` and `truth` are `(B, B)`.
/// Gives the loss, and the entropy of the targets, which is the least that the loss can be.
pub fn contrastive_loss(logits: Tensor<2>, truth: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
    let side = |dim: usize| {
        let target = truth.clone() / truth.clone().sum_dim(dim);
        let loss = -(target * log_softmax(logits.clone(), dim)).sum_dim(dim).mean();
        (loss, truth.clone().sum_dim(dim).log().mean())
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
    let words = captions::vocabulary();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let json = word_tokenizer_json(&words).map_err(|e| RunError::Other(e.to_string()))?;
    let config = ClipConfig { image_size: settings.image_size, ..ClipConfig::small(words.len() + 4) };
    let tokenizer =
        Tokenizer::from_bytes(&json, config.context).map_err(|e| RunError::Other(e.to_string()))?;

    device.seed(settings.seed);
    let device = device.clone().autodiff();
    let clip = Towers::init(&config, &device);
    let optimiser = adamw(settings.weight_decay);
    let header = "step,loss,excess,pair_auc,tau,learning_rate,gradient_norm,seconds";
    let (mut run, clip, optimiser, start) = Run::open(out, settings.clone(), clip, optimiser, header)?;
    let schedule = Schedule { peak: settings.learning_rate, warmup: 100, steps: settings.steps, floor: 0.02 };
    let began = Instant::now();

    let clip = std::thread::scope(|scope| {
        let (mut clip, mut optimiser) = (clip, optimiser);
        let (sender, batches) = std::sync::mpsc::sync_channel(2);
        let tokenizer = &tokenizer;
        scope.spawn(move || {
            (start..settings.steps).try_for_each(|step| sender.send(batch(settings, tokenizer, step)))
        });
        for step in start..settings.steps {
            let data: Batch = batches.recv().map_err(|e| RunError::Other(e.to_string()))?;
            let (n, side) = (settings.batch, settings.image_size);
            let pixels = Tensor::<4>::from_data(TensorData::new(data.pixels, [n, 3, side, side]), &device);
            let truth = Tensor::<2>::from_data(TensorData::new(data.truth.clone(), [n, n]), &device);
            let image = normalise(clip.image(pixels));
            let text = normalise(clip.text(&data.captions, &config));
            // τ is kept at or below 100, as in CLIP.
            let tau = clip.logit_scale.val().clamp_max(100f32.ln()).exp();
            let logits = image.matmul(text.transpose()) * tau.clone().unsqueeze();
            let (loss, floor) = contrastive_loss(logits.clone(), truth);
            let value = loss.clone().into_scalar::<f32>();
            if !value.is_finite() {
                return Err(run.not_finite(step, format!("loss {value}")));
            }
            let grads = GradientsParams::from_grads(loss.backward(), &clip);
            let (grads, norm) = clip_gradients(&clip, grads, 1.0);
            let rate = schedule.rate(step);
            clip = optimiser.step(rate, clip, grads);

            if step % 10 == 9 || step + 1 == settings.steps {
                let logits = logits.into_data();
                let auc = pair_auc(logits.as_slice().unwrap_or_default(), &data.truth);
                let excess = value - floor.into_scalar::<f32>();
                let (tau, seconds) = (tau.into_scalar::<f32>(), began.elapsed().as_secs_f32());
                run.log(&format!(
                    "{},{value:.5},{excess:.5},{auc:.4},{tau:.2},{rate:.3e},{norm:.3},{seconds:.1}",
                    step + 1
                ))?;
                report(
                    step + 1,
                    settings.steps,
                    format!("loss {value:.3} ({excess:.3} above its floor), pair AUC {auc:.3}, τ {tau:.1}"),
                );
            }
            if (step + 1).is_multiple_of(settings.checkpoint_every.max(1)) {
                run.save(&clip, &optimiser, step + 1)?;
            }
        }
        run.save(&clip, &optimiser, settings.steps)?;
        Ok(clip)
    })?;

    write_folder(out, &clip.valid(), &config, &json)
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
