//! Stage 2 (METHOD §7, §10): adapters, separation, attention and head on clips of seen classes, with both CLIP towers
//! frozen and their tokens cached.
//!
//! How long to train and which α to use is chosen on *pseudo-unseen* classes: reversal pairs that are taken out of the
//! training classes (`holdout`). The run then keeps the weights of the best epoch.

use super::features::{Features, Source};
use super::losses::{Lambdas, Targets, objective};
use super::{Run, RunError, Schedule, clip_gradients};
use crate::data::world::Motion;
use crate::eval::zero_shot::{Accuracy, TextSide, embed, zero_shot};
use crate::files::write_atomic;
use crate::model::Model;
use crate::model::clip::normalise;
use crate::model::folder::{CARD, Card, HEAD_WEIGHTS};
use crate::model::head::{HeadConfig, MotionHead};
use crate::model::weights::{Precision, save};
use crate::prompt::Templates;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The α from which the validation picks (METHOD §6).
pub const ALPHAS: [f32; 4] = [0.0, 0.25, 0.5, 1.0];

/// What fixes a stage-2 run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Name of the model with its head.
    pub name: String,
    /// BLAKE3 of the CLIP that the head is for.
    pub model: String,
    /// The data, in words.
    pub data: String,
    pub epochs: usize,
    pub batch: usize,
    pub learning_rate: f64,
    pub weight_decay: f32,
    pub seed: u64,
    pub lambdas: Lambdas,
    pub head: HeadConfig,
    /// Names of the classes that validate and do not train.
    pub holdout: Vec<String>,
    /// Epochs without a better validation after which the run ends; 0: never.
    pub patience: usize,
    /// α of the written card where nothing is held out.
    pub alpha: f32,
    pub templates: Templates,
}

/// Prompt templates of METHOD §10 for the procedural world.
pub fn world_templates() -> Templates {
    let list = |all: &[&str]| all.iter().map(|t| (*t).to_owned()).collect();
    Templates {
        positive: list(&["{}", "an object {}", "a video of an object {}", "a picture of an object {}"]),
        negative: list(&["not {}", "an object not {}", "a video of an object not {}"]),
    }
}

/// The names of the first `pairs` reversal pairs of seen classes, in an order that the seed shuffles.
pub fn pseudo_unseen(pairs: usize, seed: u64) -> Vec<String> {
    let mut all: Vec<[Motion; 2]> = Vec::new();
    for motion in Motion::seen() {
        if !all.iter().flatten().any(|m| *m == motion) {
            all.push([motion, motion.reversed()]);
        }
    }
    all.shuffle(&mut crate::data::world::rng(seed, u64::MAX));
    all.into_iter().take(pairs).flatten().map(Motion::name).collect()
}

/// The state of the validation: what the best epoch was.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Selection {
    pub epoch: usize,
    pub alpha: f32,
    /// On the held-out classes; absent where none are held out.
    pub accuracy: Option<Accuracy>,
}

/// One finished epoch, for progress lines.
pub struct EpochReport<'a> {
    pub epoch: usize,
    pub loss: f32,
    pub validation: Option<&'a Selection>,
}

/// What the caller hears of.
pub enum Report<'a> {
    Features { done: usize, total: usize },
    Skipped { path: &'a Path, reason: &'a str },
    Step { step: usize, steps: usize, loss: f32 },
    Epoch(EpochReport<'a>),
}

/// Trains a head on `source` for `model` and writes its two files to `out`, where the CLIP's own files make them a model
/// folder. Resumes where `out/checkpoint.bin` stands.
pub fn train(
    settings: &Settings,
    model: &Model,
    source: &Source,
    cache: &Path,
    out: &Path,
    device: &Device,
    report: &mut dyn FnMut(Report<'_>),
) -> Result<Selection, RunError> {
    let features =
        Features::load_or_compute(source, model, settings.head.frames, device, cache, &mut |done, total| {
            report(Report::Features { done, total });
        })?;
    for (path, reason) in &features.skipped {
        report(Report::Skipped { path, reason });
    }
    if features.is_empty() {
        return Err(RunError::Other("no clip could be read, so there is nothing to train on".into()));
    }
    let text = TextSide::encode(model, &features.classes, &settings.templates, device)?;
    let trained: Vec<usize> =
        (0..features.classes.len()).filter(|&c| !settings.holdout.contains(&features.classes[c])).collect();
    let held: Vec<usize> = (0..features.classes.len()).filter(|c| !trained.contains(c)).collect();
    let (mut clips, validation): (Vec<usize>, Vec<usize>) =
        (0..features.len()).partition(|&i| trained.contains(&features.labels[i]));
    // A look at every class is enough to choose by; all clips would cost as much as training.
    let validation: Vec<usize> = validation.into_iter().take(40 * held.len()).collect();
    let per_epoch = clips.len() / settings.batch;
    if trained.len() < 2 || per_epoch == 0 {
        return Err(RunError::Other(format!(
            "{} clips of {} classes are too few to train with batches of {}",
            clips.len(),
            trained.len(),
            settings.batch
        )));
    }

    device.seed(settings.seed);
    let autodiff = device.clone().autodiff();
    let head = settings.head.init(&autodiff);
    let optimiser = AdamWConfig::new()
        .with_beta_1(0.9)
        .with_beta_2(0.98)
        .with_epsilon(1e-8)
        .with_weight_decay(settings.weight_decay)
        .init();
    let header =
        "epoch,step,loss,learning_rate,gradient_norm,held_out_top1,held_out_of_all_top1,alpha,seconds";
    let (mut run, mut head, mut optimiser, start) =
        Run::open(out, settings.clone(), head, optimiser, header)?;
    let schedule = Schedule {
        peak: settings.learning_rate,
        warmup: 100,
        steps: settings.epochs * per_epoch,
        floor: 0.0,
    };
    let projection = model.clip.visual_projection.clone().fork(&autodiff).no_grad();
    let text_trained = text.subset(&trained, &autodiff);
    let began = Instant::now();
    let mut best = if start > 0 { Selection::read(out).ok() } else { None };

    for epoch in start / per_epoch..settings.epochs {
        if let Some(best) = &best
            && settings.patience > 0
            && epoch > best.epoch + settings.patience
        {
            break;
        }
        clips.sort_unstable();
        clips.shuffle(&mut crate::data::world::rng(settings.seed, epoch as u64));
        let mut total = 0.0;
        for (i, which) in clips.chunks_exact(settings.batch).enumerate() {
            let step = epoch * per_epoch + i;
            let x = features.batch(which, &autodiff);
            let labels: Vec<i32> = which
                .iter()
                .filter_map(|&c| trained.iter().position(|&t| t == features.labels[c]).map(|p| p as i32))
                .collect();
            let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [which.len()]), &autodiff);
            let vanilla = normalise(model.clip.project_mean_class_token(x.clone().inner())).into_data();
            let output = head.forward(x, &projection);
            let targets = Targets {
                labels,
                positive: head.joint(text_trained.positive.clone()),
                negative: head.joint(text_trained.negative.clone()),
                tau: model.tau,
                vanilla: Tensor::from_data(vanilla, &autodiff),
            };
            let loss = objective(&output, targets, &settings.lambdas);
            let value = loss.clone().into_scalar::<f32>();
            if !value.is_finite() {
                return Err(run.not_finite(step, format!("loss {value}")));
            }
            total += value;
            let grads = GradientsParams::from_grads(loss.backward(), &head);
            let (grads, norm) = clip_gradients(&head, grads, 1.0);
            let rate = schedule.rate(step);
            head = optimiser.step(rate, head, grads);
            if step % 10 == 9 {
                let seconds = began.elapsed().as_secs_f32();
                run.log(&format!("{epoch},{},{value:.5},{rate:.3e},{norm:.3},,,,{seconds:.1}", step + 1))?;
                report(Report::Step { step: step + 1, steps: schedule.steps, loss: value });
            }
        }
        let loss = total / per_epoch as f32;
        let selection = if held.is_empty() {
            None
        } else {
            let (alpha, found_accuracy) =
                validate(&head.valid(), model, &features, &text, &validation, &held, device)?;
            let selection = Selection { epoch: epoch + 1, alpha, accuracy: Some(found_accuracy) };
            run.log(&format!(
                "{},{},{loss:.5},,,{:.2},{:.2},{},{:.1}",
                epoch + 1,
                (epoch + 1) * per_epoch,
                found_accuracy.own_space,
                found_accuracy.all_classes,
                selection.alpha,
                began.elapsed().as_secs_f32()
            ))?;
            Some(selection)
        };
        if let Some(selection) = &selection
            && best.as_ref().is_none_or(|b| selection.score() > b.score())
        {
            best = Some(selection.clone());
            save_folder(out, &head.valid(), settings, selection)?;
        }
        report(Report::Epoch(EpochReport { epoch: epoch + 1, loss, validation: selection.as_ref() }));
        run.save(&head, &optimiser, (epoch + 1) * per_epoch)?;
    }
    match best {
        Some(best) => Ok(best),
        None => {
            let selection = Selection { epoch: settings.epochs, alpha: settings.alpha, accuracy: None };
            save_folder(out, &head.valid(), settings, &selection)?;
            Ok(selection)
        }
    }
}

/// The best α and its accuracy on the held-out classes.
fn validate(
    head: &MotionHead,
    model: &Model,
    features: &Features,
    text: &TextSide,
    clips: &[usize],
    held: &[usize],
    device: &Device,
) -> Result<(f32, Accuracy), RunError> {
    let f = embed(head, model, features, clips, device)?;
    let labels: Vec<usize> = clips.iter().map(|&i| features.labels[i]).collect();
    let classes = text.joint(head)?;
    let each = ALPHAS.map(|alpha| (alpha, zero_shot(&f, &labels, &classes, held, alpha)));
    // Of equal ones the smaller α.
    Ok(each
        .into_iter()
        .reduce(|best, next| if next.1.mean() > best.1.mean() { next } else { best })
        .unwrap_or(each[0]))
}

const SELECTION: &str = "selection.json";

impl Selection {
    fn score(&self) -> f64 {
        self.accuracy.map_or(f64::NEG_INFINITY, |a| a.mean())
    }

    /// What the run in `folder` has chosen.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(SELECTION);
        let fail = |reason: String| RunError::Other(format!("cannot read {}: {reason}", path.display()));
        let bytes = std::fs::read(&path).map_err(|e| fail(e.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|e| fail(e.to_string()))
    }
}

/// The head and its card; with the CLIP's files beside them the folder is a model.
fn save_folder(
    out: &Path,
    head: &MotionHead,
    settings: &Settings,
    selection: &Selection,
) -> Result<(), RunError> {
    let write = |name: &str, bytes: &[u8]| {
        let path: PathBuf = out.join(name);
        write_atomic(&path, bytes).map_err(|e| RunError::Write { path, reason: e.to_string() })
    };
    let card = Card {
        version: 1,
        name: settings.name.clone(),
        head: settings.head.clone(),
        alpha: selection.alpha,
        templates: Some(settings.templates.clone()),
        training: serde_json::json!({ "stage 2": settings, "selection": selection }),
        figures: serde_json::Value::Null,
    };
    save(head, &out.join(HEAD_WEIGHTS), Precision::F32)
        .map_err(|e| RunError::Write { path: out.join(HEAD_WEIGHTS), reason: e.to_string() })?;
    write(CARD, &pretty(&card)?)?;
    write(SELECTION, &pretty(selection)?)
}

fn pretty(value: &impl Serialize) -> Result<Vec<u8>, RunError> {
    serde_json::to_vec_pretty(value).map_err(|e| RunError::Other(e.to_string()))
}
