//! Stage 2 (METHOD §7, §10): adapters, separation, attention and head on clips of seen classes, with both CLIP towers
//! frozen and their tokens cached.
//!
//! How long to train and which α to use is chosen on *pseudo-unseen* classes: reversal pairs that are taken out of the
//! training classes (`holdout`), over one such run or the mean of several ([`choose`]). A run that holds classes out keeps
//! the weights of its own best epoch.

use super::features::{Features, Progress, Source};
use super::learner::Learner;
use super::losses::Lambdas;
use super::recipe::Warmup;
use super::zero_shot::{TextSide, embed, top1};
use super::{Run, RunError, Schedule, adamw, clip_gradients};
use crate::data::cast::{Cast, Class};
use crate::files::write_atomic;
use crate::model::folder::{CARD, Card, HEAD_WEIGHTS};
use crate::model::head::{HeadConfig, MotionHead};
use crate::model::weights::{Precision, to_safetensors};
use crate::prompt::Templates;
use crate::session::Session;
use burn::module::Module;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// α of a trained model (METHOD §6): an unrelated negative, typed, hardly moves p, and the class's own name lowers it
/// (`tests/prompt_edits.rs`).
pub const ALPHA: f32 = 0.25;

/// What fixes a stage-2 run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Name of the model with its head.
    pub name: String,
    /// BLAKE3 of the CLIP that the head is for.
    pub model: String,
    /// The data, in words.
    pub data: String,
    /// What a user of the model has to know, where there is something.
    pub note: Option<String>,
    pub epochs: usize,
    pub batch: usize,
    /// Clips of a batch that go through the head at once.
    pub at_once: usize,
    pub learning_rate: f64,
    pub warmup: Warmup,
    pub weight_decay: f32,
    pub seed: u64,
    pub lambdas: Lambdas,
    pub head: HeadConfig,
    /// Names of the classes that validate and do not train.
    pub holdout: Vec<String>,
    /// Epochs without a better validation after which the run ends; 0: never.
    pub patience: usize,
    /// α of the written card.
    pub alpha: f32,
    pub templates: Templates,
}

/// Prompt templates of METHOD §10 for the procedural world.
pub fn world_templates(cast: Cast) -> Templates {
    let who = match cast {
        Cast::Shapes => "an object",
        Cast::People => "a person",
    };
    let list = |all: &[&str]| all.iter().map(|t| t.replace("who", who)).collect();
    Templates {
        positive: list(&["{}", "who {}", "a video of who {}", "a picture of who {}"]),
        negative: list(&["not {}", "who not {}", "a video of who not {}"]),
    }
}

/// The names of the first `count` classes, in an order that the seed shuffles: what a run on labelled videos holds out.
pub fn held_out(classes: &[String], count: usize, seed: u64) -> Vec<String> {
    let mut all = classes.to_vec();
    all.shuffle(&mut crate::data::world::rng(seed, u64::MAX));
    all.truncate(count);
    all
}

/// The names of the first `pairs` reversal pairs of seen classes, in an order that the seed shuffles.
pub fn pseudo_unseen(cast: Cast, pairs: usize, seed: u64) -> Vec<String> {
    let mut all: Vec<[Class; 2]> = Vec::new();
    for class in cast.seen() {
        if let Some(reversed) = class.reversed()
            && !all.iter().flatten().any(|c| *c == class)
        {
            all.push([class, reversed]);
        }
    }
    all.shuffle(&mut crate::data::world::rng(seed, u64::MAX));
    all.into_iter().take(pairs).flatten().map(Class::name).collect()
}

/// Top-1 accuracy in percent on clips that did not train.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Of the classes that were held out, among themselves.
    pub own_space: f64,
    /// Of the same clips, among all classes.
    pub held_of_all: f64,
    /// Of trained classes, among all classes.
    pub trained_of_all: f64,
}

impl Accuracy {
    /// What is chosen by: the mean of the two figures that zero-shot recognition goes by, accuracy in the own label space and
    /// the harmonic mean of the generalised ones (METHOD §9).
    pub fn score(&self) -> f64 {
        let sum = self.held_of_all + self.trained_of_all;
        let harmonic = if sum > 0.0 { 2.0 * self.held_of_all * self.trained_of_all / sum } else { 0.0 };
        (self.own_space + harmonic) / 2.0
    }
}

/// How long to train.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Selection {
    pub epoch: usize,
    /// On the held-out classes; absent where none are held out.
    pub accuracy: Option<Accuracy>,
}

/// The best of what runs have tried on their held-out classes, by the mean over the runs; each run's list has an entry for
/// every epoch. Of equals the earliest. `None` where nothing was tried by all.
pub fn choose(runs: &[Vec<Selection>]) -> Option<Selection> {
    let (first, others) = runs.split_first()?;
    let mean_of_runs = |entry: &Selection| {
        let mut all = vec![entry.accuracy?];
        for run in others {
            all.push(run.iter().find(|s| s.epoch == entry.epoch)?.accuracy?);
        }
        let mean = |part: fn(&Accuracy) -> f64| all.iter().map(part).sum::<f64>() / all.len() as f64;
        let accuracy = Accuracy {
            own_space: mean(|a| a.own_space),
            held_of_all: mean(|a| a.held_of_all),
            trained_of_all: mean(|a| a.trained_of_all),
        };
        Some(Selection { accuracy: Some(accuracy), ..entry.clone() })
    };
    let better = |a: Selection, b: Selection| if b.score() > a.score() { b } else { a };
    first.iter().filter_map(mean_of_runs).reduce(better)
}

/// One finished epoch, for progress lines.
pub struct EpochReport<'a> {
    pub epoch: usize,
    pub loss: f32,
    pub validation: Option<&'a Selection>,
}

/// What the caller hears of.
pub enum Report<'a> {
    /// Before features are computed: where they will lie, and how many bytes they take.
    Size {
        folder: &'a Path,
        bytes: u64,
    },
    Features {
        done: usize,
        total: usize,
    },
    /// A file that could not be used; the reason names it.
    Skipped {
        reason: &'a str,
    },
    /// How many clips there are, after every [`Report::Skipped`].
    Clips {
        usable: usize,
        skipped: usize,
    },
    Step {
        step: usize,
        steps: usize,
        loss: f32,
    },
    Epoch(EpochReport<'a>),
}

/// What a head learns from: the tokens of the clips that can be read, at so many `frames` each. The others are reported, and left out.
///
/// # Errors
/// The tokens cannot be computed or kept, or no clip can be read.
pub fn features(
    source: &Source,
    session: &Session,
    frames: usize,
    cache: &Path,
    report: &mut dyn FnMut(Report<'_>),
) -> Result<Features, RunError> {
    let features = Features::load_or_compute(source, session, frames, cache, &mut |progress| {
        report(match progress {
            Progress::Size { folder, bytes } => Report::Size { folder, bytes },
            Progress::Done { done, total } => Report::Features { done, total },
        });
    })?;
    for (_, reason) in features.skipped() {
        report(Report::Skipped { reason });
    }
    report(Report::Clips { usable: features.len(), skipped: features.skipped().len() });
    if features.is_empty() {
        return Err(RunError::Other("no clip could be read, so there is nothing to train on".into()));
    }
    Ok(features)
}

/// Trains a head on [`features`] for the session's model and writes its two files to `out`, where the CLIP's own files make them a
/// model folder. Resumes where `out/checkpoint.bin` stands.
///
/// # Errors
/// `out` holds a run of other settings or cannot be written, there are fewer clips than a batch has, or a loss is not finite.
pub fn train(
    settings: &Settings,
    session: &mut Session,
    features: &Features,
    out: &Path,
    report: &mut dyn FnMut(Report<'_>),
) -> Result<Selection, RunError> {
    let text = TextSide::encode(session, &features.classes, &settings.templates)?;
    let session = &*session;
    let device = session.device();
    let trained = trained(features, &settings.holdout);
    let held: Vec<usize> = (0..features.classes.len()).filter(|c| !trained.contains(c)).collect();
    let (mut clips, validation) = split(features, &trained, held.is_empty());
    let per_epoch = clips.len() / settings.batch;
    if trained.len() < 2 || per_epoch == 0 {
        return Err(RunError::Other(format!(
            "{} clips of {} classes are too few to train with batches of {}",
            clips.len(),
            trained.len(),
            settings.batch
        )));
    }
    if !held.is_empty() && !validation.iter().any(|&i| held.contains(&features.labels()[i])) {
        return Err(RunError::Other(format!(
            "no clip of the classes that are held out could be read: {}",
            settings.holdout.join(", ")
        )));
    }

    device.seed(settings.seed);
    let autodiff = device.clone().autodiff();
    let head = settings.head.init(&autodiff);
    let optimiser = adamw(settings.weight_decay);
    let header = "epoch,step,loss,learning_rate,gradient_norm,held_out_top1,held_out_of_all_top1,trained_of_all_top1,seconds";
    let (mut run, mut head, mut optimiser, start) =
        Run::open(out, settings.clone(), head, optimiser, header)?;
    let schedule = Schedule {
        peak: settings.learning_rate,
        warmup: settings.warmup.steps(per_epoch),
        steps: settings.epochs * per_epoch,
        floor: 0.0,
    };
    let learner =
        Learner::new((&settings.lambdas, settings.at_once), session, features, &trained, &text, &autodiff)?;
    let began = Instant::now();
    let mut tried = if start > 0 { read_tried(out).unwrap_or_default() } else { Vec::new() };
    tried.retain(|s| s.epoch * per_epoch <= start);
    let mut best = choose(std::slice::from_ref(&tried));

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
            let (value, grads) = learner.gradients(&head, which)?;
            if !value.is_finite() {
                return Err(run.not_finite(step, format!("loss {value}")));
            }
            total += value;
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
            let accuracy = validate(&head.valid(), session, features, &text, &validation, &held)?;
            run.log(&format!(
                "{},{},{loss:.5},,,{:.2},{:.2},{:.2},{:.1}",
                epoch + 1,
                (epoch + 1) * per_epoch,
                accuracy.own_space,
                accuracy.held_of_all,
                accuracy.trained_of_all,
                began.elapsed().as_secs_f32()
            ))?;
            let found = Selection { epoch: epoch + 1, accuracy: Some(accuracy) };
            tried.push(found.clone());
            write_tried(out, &tried)?;
            Some(found)
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
            let selection = Selection { epoch: settings.epochs, accuracy: None };
            save_folder(out, &head.valid(), settings, &selection)?;
            Ok(selection)
        }
    }
}

/// The classes that train: those that are not held out.
fn trained(features: &Features, holdout: &[String]) -> Vec<usize> {
    (0..features.classes.len()).filter(|&c| !holdout.contains(&features.classes[c])).collect()
}

/// How many clips train where these classes are held out: the largest batch that there can be.
pub fn trainable(features: &Features, holdout: &[String]) -> usize {
    split(features, &trained(features, holdout), holdout.is_empty()).0.len()
}

/// Most clips a class to validate with: a look at every class is enough to choose by.
const HELD_CLIPS: usize = 40;
const TRAINED_CLIPS: usize = 10;

/// Indices of the clips to train on and to validate with. With classes held out the last clips of every trained class
/// validate as well, an eighth at most.
fn split(features: &Features, trained: &[usize], nothing_held: bool) -> (Vec<usize>, Vec<usize>) {
    let (mut train, mut validation) = (Vec::new(), Vec::new());
    for class in 0..features.classes.len() {
        let mut clips: Vec<usize> = (0..features.len()).filter(|&i| features.labels()[i] == class).collect();
        if !trained.contains(&class) {
            validation.extend(clips.into_iter().take(HELD_CLIPS));
            continue;
        }
        if !nothing_held {
            validation.extend(clips.split_off(clips.len() - (clips.len() / 8).min(TRAINED_CLIPS)));
        }
        train.extend(clips);
    }
    (train, validation)
}

fn validate(
    head: &MotionHead,
    session: &Session,
    features: &Features,
    text: &TextSide,
    clips: &[usize],
    held: &[usize],
) -> Result<Accuracy, RunError> {
    let (of_held, of_trained): (Vec<usize>, Vec<usize>) =
        clips.iter().partition(|&&i| held.contains(&features.labels()[i]));
    let embedded = |clips: &[usize]| {
        let labels: Vec<usize> = clips.iter().map(|&i| features.labels()[i]).collect();
        embed(head, session, features, clips).map(|f| (f, labels))
    };
    let ((f, labels), (f_trained, trained_labels)) = (embedded(&of_held)?, embedded(&of_trained)?);
    let classes = text.joint(head)?;
    let all: Vec<usize> = (0..classes.len()).collect();
    Ok(Accuracy {
        own_space: top1(&f, &labels, &classes, held),
        held_of_all: top1(&f, &labels, &classes, &all),
        trained_of_all: top1(&f_trained, &trained_labels, &classes, &all),
    })
}

const TRIED: &str = "validation.json";

impl Selection {
    fn score(&self) -> f64 {
        self.accuracy.map_or(f64::NEG_INFINITY, |a| a.score())
    }
}

/// What the run in `folder` has tried on the classes that it held out, for [`choose`].
pub fn read_tried(folder: &Path) -> Result<Vec<Selection>, RunError> {
    let path = folder.join(TRIED);
    let fail = |reason: String| RunError::Other(format!("cannot read {}: {reason}", path.display()));
    let bytes = std::fs::read(&path).map_err(|e| fail(e.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|e| fail(e.to_string()))
}

fn write_tried(folder: &Path, tried: &[Selection]) -> Result<(), RunError> {
    let path = folder.join(TRIED);
    write_atomic(&path, &pretty(&tried)?).map_err(|e| RunError::write(path, &e))
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
        write_atomic(&path, bytes).map_err(|e| RunError::write(path, &e))
    };
    let card = Card {
        scale: None,
        version: 1,
        name: settings.name.clone(),
        note: settings.note.clone(),
        head: settings.head.clone(),
        alpha: settings.alpha,
        templates: Some(settings.templates.clone()),
        training: serde_json::json!({ "stage 2": settings, "selection": selection }),
        figures: serde_json::Value::Null,
    };
    write(HEAD_WEIGHTS, &to_safetensors(head, Precision::F32).map_err(RunError::Other)?)?;
    write(CARD, &pretty(&card)?)
}

fn pretty(value: &impl Serialize) -> Result<Vec<u8>, RunError> {
    serde_json::to_vec_pretty(value).map_err(|e| RunError::Other(e.to_string()))
}
