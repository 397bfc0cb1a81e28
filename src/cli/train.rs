//! `motionlens train`: the two stages of METHOD §10.

use super::CliError;
use crate::data::cast::Cast;
use crate::data::labelled;
use crate::device::DeviceChoice;
use crate::model::Model;
use crate::model::folder::{CONFIG, INDEX, PREPROCESSOR, TOKENIZER, WEIGHTS, shards};
use crate::model::head::HeadConfig;
use crate::prompt::Templates;
use crate::session::Session;
use crate::train;
use crate::train::features::Source;
use crate::train::losses::Lambdas;
use crate::train::stage2::{Report, choose, held_out, pseudo_unseen, read_tried, world_templates};
use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};

/// Which stage, and how.
#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(subcommand)]
    stage: Stage,
}

/// As in METHOD §10.
const EPOCHS: usize = 6;

#[derive(Debug, Subcommand)]
enum Stage {
    /// Stage 1: the small CLIP on images and captions of the procedural world
    Clip(ClipArgs),
    /// Stage 2: a motion head for a CLIP, on clips of the procedural world or on labelled videos
    Head(HeadArgs),
}

#[derive(Debug, Args)]
struct ClipArgs {
    /// Folder for the model; a run that was stopped goes on from its checkpoint there
    #[arg(long)]
    out: PathBuf,
    /// Whom the model is to know
    #[arg(long, value_enum, default_value_t)]
    cast: Cast,
    /// Steps [default: what the cast needs]
    #[arg(long, value_parser = count(1, 10_000_000))]
    steps: Option<usize>,
    /// Images a step
    #[arg(long, default_value_t = 128, value_parser = count(2, 65_536))]
    batch: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

#[derive(Debug, Args)]
struct HeadArgs {
    /// The CLIP that the head is for: a model folder, or a model of the hub as openai/clip-vit-base-patch32
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    /// Folder for the model with its head; a run that was stopped goes on from its checkpoint there
    #[arg(long)]
    out: PathBuf,
    /// Labelled videos: one folder a class, or a CSV with path,label[,start_s,end_s]; else the procedural world
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// The cast of the procedural world
    #[arg(long, value_enum, default_value_t, conflicts_with = "data")]
    cast: Cast,
    /// Clips a class of the procedural world
    #[arg(long, default_value_t = 160, value_parser = count(1, 1_000_000), conflicts_with = "data")]
    per_class: usize,
    /// Passes over the training clips [default: 6, or what --chosen-by finds]
    #[arg(long, value_parser = count(1, 100_000))]
    epochs: Option<usize>,
    /// Clips a step
    #[arg(long, default_value_t = 32, value_parser = count(1, 65_536))]
    batch: usize,
    #[arg(long, default_value_t = 1e-3, value_parser = learning_rate)]
    learning_rate: f64,
    #[arg(long, default_value_t = 11)]
    seed: u64,
    /// What validates instead of training and chooses epoch and alpha: so many reversal pairs of the seen classes, or with --data so
    /// many classes
    #[arg(long, value_name = "N", default_value_t = 0)]
    holdout: usize,
    /// Epochs without a better validation after which to stop; 0: never
    #[arg(long, default_value_t = 0, requires = "holdout")]
    patience: usize,
    /// Alpha of the written model, where no holdout chooses it
    #[arg(long, default_value_t = 0.0, value_parser = weight, conflicts_with = "holdout")]
    alpha: f32,
    /// Take alpha, and without --epochs their number too, from finished runs that held classes out (repeat for several): their
    /// folders
    #[arg(long, value_name = "DIR", conflicts_with_all = ["alpha", "holdout"])]
    chosen_by: Vec<PathBuf>,
    /// Name of the written model [default: that of --model]
    #[arg(long)]
    name: Option<String>,
    /// The vision layer, counted from 1, whose patch tokens the head reads [default: the last]
    #[arg(long, value_name = "N", value_parser = count(1, 1000))]
    motion_layer: Option<usize>,
    /// Weight of the terms with negative prompts, instead of METHOD's 1
    #[arg(long, value_name = "X", value_parser = weight)]
    negatives: Option<f32>,
    /// Weigh tokens in pooling by how much moves there
    #[arg(long)]
    energy_pool: bool,
    /// Ablation: no motion separation; adapters and mean pooling alone
    #[arg(long)]
    no_msm: bool,
    /// Ablation: pool the motion tokens without attention blocks
    #[arg(long)]
    no_mab: bool,
    /// Ablation: train without the terms of the negative prompts
    #[arg(long)]
    no_negatives: bool,
    /// Ablation: the plain Haar transform, nothing learned in the separation
    #[arg(long)]
    fixed_haar: bool,
    /// Ablation: attention without gates
    #[arg(long)]
    no_gate: bool,
    /// Where features of the frozen tower are kept [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

/// A number of things that cannot be too few or absurdly many.
pub(super) fn count(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

fn learning_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(v) if v > 0.0 && v <= 1.0 => Ok(v),
        _ => Err("a number above 0, and 1 at most, is needed".to_owned()),
    }
}

pub(super) fn weight(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(v) if (0.0..=100.0).contains(&v) => Ok(v),
        _ => Err("a number from 0 to 100 is needed".to_owned()),
    }
}

/// Runs a stage to its end.
pub fn run(args: &TrainArgs) -> Result<(), CliError> {
    match &args.stage {
        Stage::Clip(args) => clip(args),
        Stage::Head(args) => head(args),
    }
}

fn clip(args: &ClipArgs) -> Result<(), CliError> {
    let (device, info) = crate::device::open(args.device, None)?;
    eprintln!("on {}: {}", info.name, info.reason);
    let recipe = train::stage1::Settings::new(args.cast);
    let settings = train::stage1::Settings {
        steps: args.steps.unwrap_or(recipe.steps),
        batch: args.batch,
        seed: args.seed,
        ..recipe
    };
    let bar = progress_bar(settings.steps, "steps");
    train::stage1::train(&settings, &args.out, &device, |step, _, line| {
        bar.set_position(step as u64);
        bar.set_message(line);
    })?;
    bar.finish();
    Ok(())
}

fn head(args: &HeadArgs) -> Result<(), CliError> {
    let source = match &args.data {
        Some(path) => Source::Files(labelled::read(path).map_err(|e| CliError::Engine(e.to_string()))?),
        None => Source::World { classes: args.cast.seen(), per_class: args.per_class, seed: args.seed },
    };
    let holdout = holdout(args, &source)?;
    if !holdout.is_empty() {
        eprintln!("held out: {}", holdout.join(", "));
    }
    let model = super::model::named(&args.model)?;
    let Some(folder) = model.folder() else {
        return Err(CliError::Usage("the embedded model has its head; name another with --model".to_owned()));
    };
    let (device, info) = crate::device::open(args.device, None)?;
    eprintln!("on {}: {}", info.name, info.reason);
    let mut session =
        Session::load(&model, &device, &|_, _| ()).map_err(|e| CliError::Engine(e.to_string()))?;
    if let Some(layer) = args.motion_layer {
        session = session.with_motion_layer(layer).map_err(|e| CliError::Engine(e.to_string()))?;
    }
    let mut settings = settings(args, session.model(), &source, holdout);
    if !args.chosen_by.is_empty() {
        let mut runs =
            args.chosen_by.iter().map(|folder| read_tried(folder)).collect::<Result<Vec<_>, _>>()?;
        if let Some(epochs) = args.epochs {
            runs.iter_mut().for_each(|run| run.retain(|tried| tried.epoch == epochs));
        }
        let chosen = choose(&runs).ok_or_else(|| {
            CliError::Usage("the runs of --chosen-by did not all validate such an epoch".into())
        })?;
        (settings.epochs, settings.alpha) = (chosen.epoch, chosen.alpha);
        if let Some(accuracy) = chosen.accuracy {
            eprintln!(
                "chosen: {} epochs and alpha {}: held-out classes {:.1}% among themselves, \
                 {:.1}% among all (trained ones {:.1}%)",
                chosen.epoch, chosen.alpha, accuracy.own_space, accuracy.held_of_all, accuracy.trained_of_all
            );
        }
    }
    if args.no_negatives {
        // What was not trained does not count.
        settings.alpha = 0.0;
    }
    let cache = args.cache.clone().or_else(cache_folder).unwrap_or_else(|| args.out.join("features"));

    copy_clip(folder, &args.out)?;
    let bar = progress_bar(source.clips(), "clips");
    let mut told = |report: Report<'_>| tell(&bar, report);
    let features = train::stage2::features(&source, &session, settings.head.frames, &cache, &mut told)?;
    let selection = train::stage2::train(&settings, &mut session, &features, &args.out, &mut told)?;
    bar.finish();
    println!("epoch {}, alpha {}: {}", selection.epoch, selection.alpha, args.out.display());
    Ok(())
}

/// Shows how a head's training goes on.
pub(super) fn tell(bar: &ProgressBar, report: Report<'_>) {
    match report {
        Report::Size { folder, bytes } => bar.suspend(|| {
            eprintln!("features: up to {} in {}", train::in_words(bytes), folder.display());
        }),
        Report::Features { done, total } => {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            bar.set_message("features of the frozen tower");
        }
        Report::Skipped { reason } => bar.suspend(|| eprintln!("skipped: {reason}")),
        Report::Clips { usable, skipped } => {
            if skipped > 0 {
                bar.suspend(|| eprintln!("{usable} clips, {skipped} skipped"));
            }
        }
        Report::Step { step, steps, loss } => {
            if bar.length() != Some(steps as u64) {
                bar.set_length(steps as u64);
                bar.reset_eta();
            }
            bar.set_position(step as u64);
            bar.set_message(format!("training, loss {loss:.3}"));
        }
        Report::Epoch(epoch) => bar.suspend(|| {
            let held = epoch.validation.and_then(|v| v.accuracy.zip(Some(v.alpha))).map_or(
                String::new(),
                |(a, alpha)| {
                    format!(
                        ", held-out classes {:.1}% among themselves, {:.1}% among all \
                         (trained ones {:.1}%), at alpha {alpha}",
                        a.own_space, a.held_of_all, a.trained_of_all
                    )
                },
            );
            eprintln!("epoch {}: mean loss {:.4}{held}", epoch.epoch, epoch.loss);
        }),
    }
}

/// The names of the classes that are held out, where that leaves something to choose between and to train on.
fn holdout(args: &HeadArgs, source: &Source) -> Result<Vec<String>, CliError> {
    let classes = source.classes();
    let (held, of) = match &args.data {
        None => (pseudo_unseen(args.cast, args.holdout, args.seed), "reversal pairs"),
        Some(_) => (held_out(&classes, args.holdout, args.seed), "classes"),
    };
    let refuse = |why: String| Err(CliError::Usage(format!("--holdout {}: {why}", args.holdout)));
    if held.len() == 1 {
        return refuse("one class among itself is always right; hold 2 or more out".into());
    }
    let left = classes.len().saturating_sub(args.holdout.max(held.len()));
    if !held.is_empty() && left < 2 {
        return refuse(format!(
            "that many {of} leave {left} of {} classes to train on; 2 at least are needed",
            classes.len()
        ));
    }
    Ok(held)
}

fn settings(
    args: &HeadArgs,
    model: &Model,
    source: &Source,
    holdout: Vec<String>,
) -> train::stage2::Settings {
    let config = &model.config;
    let small = args.data.is_none() && config.vision.width < 256;
    let mut lambdas = Lambdas::new(small);
    if let Some(weight) = args.negatives.or(args.no_negatives.then_some(0.0)) {
        lambdas.negatives = weight;
    }
    train::stage2::Settings {
        name: args.name.clone().unwrap_or_else(|| model.name.clone()),
        model: model.clip_digest.clone(),
        data: match (&args.data, source) {
            (Some(path), source) => format!("{} clips of {}", source.clips(), path.display()),
            (None, source) => format!(
                "{} clips of the procedural world{}, seed {}",
                source.clips(),
                match args.cast {
                    Cast::Shapes => "",
                    Cast::People => ", people",
                },
                args.seed
            ),
        },
        epochs: args.epochs.unwrap_or(EPOCHS),
        batch: args.batch,
        learning_rate: args.learning_rate,
        weight_decay: if small { 0.01 } else { 0.001 },
        seed: args.seed,
        lambdas,
        head: HeadConfig {
            msm: !args.no_msm,
            mab: !args.no_mab && !args.no_msm,
            gate: !args.no_gate,
            fixed_haar: args.fixed_haar,
            motion_layer: args.motion_layer,
            energy_pool: args.energy_pool,
            ..HeadConfig::new(config.vision.width, config.joint, config.vision.heads)
        },
        holdout,
        patience: args.patience,
        alpha: args.alpha,
        templates: if args.data.is_none() { world_templates(args.cast) } else { Templates::default() },
    }
}

/// The CLIP's own files, so that `out` is a model folder of its own.
pub(super) fn copy_clip(from: &Path, out: &Path) -> Result<(), CliError> {
    let fail = |file: &str, e: std::io::Error| {
        CliError::Engine(format!("cannot copy {} to {}: {e}", from.join(file).display(), out.display()))
    };
    std::fs::create_dir_all(out).map_err(|e| fail("", e))?;
    let shards = if from.join(WEIGHTS).exists() { Vec::new() } else { shards(from).unwrap_or_default() };
    let files = [CONFIG, WEIGHTS, INDEX, TOKENIZER, PREPROCESSOR].into_iter();
    for file in files.chain(shards.iter().map(String::as_str)) {
        if from.join(file).exists() && from.canonicalize().ok() != out.canonicalize().ok() {
            std::fs::copy(from.join(file), out.join(file)).map_err(|e| fail(file, e))?;
        }
    }
    Ok(())
}

pub(super) fn cache_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "motionlens").map(|dirs| dirs.cache_dir().join("features"))
}

/// A bar with rate and time left.
pub fn progress_bar(length: usize, unit: &str) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    let template = format!("{{bar:24}} {{pos}}/{{len}} {unit}, {{per_sec}}, {{eta}} left: {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}
