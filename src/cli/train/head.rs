//! `motionlens train head`: stage 2 on clips of the procedural world or on labelled videos.

use super::super::eval::usual_names;
use super::super::{CliError, model};
use super::{count, learning_rate, progress_bar, weight};
use crate::data::cast::Cast;
use crate::data::labelled::{self, LabelledClips};
use crate::data::sets::{self, Layout, Part, Place};
use crate::device::DeviceChoice;
use crate::files::copy_atomic;
use crate::model::Model;
use crate::model::folder::{CONFIG, INDEX, PREPROCESSOR, TOKENIZER, WEIGHTS, shards};
use crate::model::head::HeadConfig;
use crate::prompt::Templates;
use crate::session::Session;
use crate::train::features::{Features, Source};
use crate::train::recipe::{self, Recipe};
use crate::train::stage2::{
    self, Report, Settings, choose, held_out, pseudo_unseen, read_tried, trainable, world_templates,
};
use crate::train::{RunError, in_words};
use clap::Args;
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct HeadArgs {
    /// The CLIP that the head is for: a model folder, or a model of the hub as openai/clip-vit-base-patch32
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    /// Fetch a model of the hub that is not in its cache, unasked
    #[arg(long)]
    fetch: bool,
    /// Folder for the model with its head; a run that was stopped goes on from its checkpoint there
    #[arg(long)]
    out: PathBuf,
    /// Labelled videos: one folder a class, or a CSV with path,label[,start_s,end_s]
    #[arg(long, value_name = "PATH", conflicts_with = "world")]
    data: Option<PathBuf>,
    /// --data is a data set as it is handed out, and its clips for training are meant
    #[arg(long, value_enum, value_name = "LAYOUT", requires = "data")]
    dataset: Option<Layout>,
    /// The split of the data set
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = count(1, 100), requires = "dataset")]
    split: usize,
    /// At most so many clips of each class, chosen by --seed
    #[arg(long, value_name = "N", value_parser = count(1, 1_000_000), requires = "data")]
    shots: Option<usize>,
    /// Clips that the program draws, in place of videos: the procedural world. What such a head is worth on real videos is not measured
    #[arg(long)]
    world: bool,
    /// The cast of the procedural world
    #[arg(long, value_enum, default_value_t = Cast::Shapes, conflicts_with = "data")]
    cast: Cast,
    /// Clips a class of the procedural world
    #[arg(long, default_value_t = 160, value_parser = count(1, 1_000_000), conflicts_with = "data")]
    per_class: usize,
    /// Passes over the training clips [default: what --chosen-by finds; else 6, for a stock CLIP on videos 10]
    #[arg(long, value_parser = count(1, 100_000))]
    epochs: Option<usize>,
    /// Clips a step [default: 32, for a stock CLIP on videos 256, where there are so many]
    #[arg(long, value_parser = count(1, 65_536))]
    batch: Option<usize>,
    /// Clips that go through the head at once, where memory is short or plenty: the gradients of a batch are summed up over such parts
    /// [default: as many as have 80 MB of tokens; 16 of ViT-B/16]
    #[arg(long, value_name = "N", value_parser = count(1, 65_536))]
    at_once: Option<usize>,
    /// [default: 0.001, for a stock CLIP on videos 0.0001]
    #[arg(long, value_parser = learning_rate)]
    learning_rate: Option<f64>,
    #[arg(long, default_value_t = 11)]
    seed: u64,
    /// What validates instead of training and chooses the epoch: so many reversal pairs of the seen classes, or with --data so
    /// many classes
    #[arg(long, value_name = "N", default_value_t = 0)]
    holdout: usize,
    /// Epochs without a better validation after which to stop; 0: never
    #[arg(long, default_value_t = 0, requires = "holdout")]
    patience: usize,
    /// Alpha of the written model: how strongly the negatives count that a person types
    #[arg(long, default_value_t = stage2::ALPHA, value_parser = weight)]
    alpha: f32,
    /// Take the number of epochs from finished runs that held classes out (repeat for several): their folders
    #[arg(long, value_name = "DIR", conflicts_with = "holdout")]
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
    /// Ablation: train without the terms of the negative prompts, whatever --negatives says
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

/// Trains a head, and prints what was chosen.
pub(super) fn run(args: &HeadArgs) -> Result<(), CliError> {
    let source = source(args)?;
    let holdout = holdout(args, &source)?;
    if !holdout.is_empty() {
        eprintln!("held out: {}", holdout.join(", "));
    }
    let model = model::named(&args.model, args.fetch)?;
    let Some(folder) = model.folder() else {
        return Err(CliError::Usage(
            "a model in the program has its head; name another with --model".to_owned(),
        ));
    };
    let (device, info) = crate::device::open(args.device, None)?;
    eprintln!("on {}: {}", info.name, info.reason);
    // Of the last layer unless another is named, whatever the model uses for its maps without a head.
    let mut session = Session::load(&model, &device, &|_, _| ())
        .and_then(|session| session.with_motion_layer(args.motion_layer))
        .map_err(|e| CliError::Engine(e.to_string()))?;
    let depth = session.config().vision.layers;
    if let Some(layer) = args.motion_layer.filter(|layer| *layer > depth) {
        return Err(CliError::Usage(format!("--motion-layer {layer}: this model has {depth} vision layers")));
    }
    let mut settings = settings(args, session.model(), &source, holdout);
    choices(args, &mut settings)?;
    let cache = args.cache.clone().or_else(cache_folder).unwrap_or_else(|| args.out.join("features"));

    copy_clip(folder, &args.out)?;
    let bar = progress_bar(source.clips(), "clips");
    let mut told = |report: Report<'_>| tell(&bar, report);
    let features = stage2::features(&source, &session, settings.head.frames, &cache, &mut told)?;
    fit(args, &mut settings, &features, info.gpu)?;
    let selection = stage2::train(&settings, &mut session, &features, &args.out, &mut told)?;
    bar.finish();
    println!("epoch {}: {}", selection.epoch, args.out.display());
    Ok(())
}

/// What the head learns from.
fn source(args: &HeadArgs) -> Result<Source, CliError> {
    let Some(path) = &args.data else {
        // clap does not hold the two to --data where --world is there, which excludes it.
        if args.shots.is_some() || args.dataset.is_some() {
            return Err(CliError::Usage("--shots and --dataset are for --data".to_owned()));
        }
        return match args.world {
            true => Ok(Source::World { classes: args.cast.trained(), per_class: args.per_class, seed: args.seed }),
            false => Err(CliError::Usage(
                "say what the head learns from: --data PATH for labelled videos (one folder a class, or a CSV), or --world for clips \
                 that the program draws"
                    .to_owned(),
            )),
        };
    };
    let clips = match args.dataset {
        Some(layout) => of_data_set(path, layout, args.split)?,
        None => labelled::read(path).map_err(|e| CliError::Engine(e.to_string()))?,
    };
    Ok(Source::Files(args.shots.map_or(clips.clone(), |shots| clips.shots(shots, args.seed))))
}

/// The clips for training of a split.
fn of_data_set(root: &Path, layout: Layout, split: usize) -> Result<LabelledClips, CliError> {
    let names = usual_names(layout);
    let place = Place { layout, root, labels: &[], lists: &[], subset: None, names, part: Part::Train };
    let mut splits = sets::read(&place, &[split], &mut |note| eprintln!("note: {note}"))
        .map_err(|e| CliError::Missing(e.to_string()))?;
    Ok(splits.remove(0).clips)
}

/// What runs that held classes out chose, and what follows from training without negatives.
fn choices(args: &HeadArgs, settings: &mut Settings) -> Result<(), CliError> {
    if !args.chosen_by.is_empty() {
        let mut runs =
            args.chosen_by.iter().map(|folder| read_tried(folder)).collect::<Result<Vec<_>, _>>()?;
        if let Some(epochs) = args.epochs {
            runs.iter_mut().for_each(|run| run.retain(|tried| tried.epoch == epochs));
        }
        let chosen = choose(&runs).ok_or_else(|| {
            CliError::Usage("the runs of --chosen-by did not all validate such an epoch".into())
        })?;
        settings.epochs = chosen.epoch;
        if let Some(accuracy) = chosen.accuracy {
            eprintln!(
                "chosen: {} epochs: held-out classes {:.1}% among themselves, {:.1}% among all (trained ones {:.1}%)",
                chosen.epoch, accuracy.own_space, accuracy.held_of_all, accuracy.trained_of_all
            );
        }
    }
    if args.no_negatives {
        // What was not trained does not count.
        settings.alpha = 0.0;
    }
    Ok(())
}

/// Steps below which a head that starts from nothing has hardly begun.
const FEW: usize = 300;

/// Fits the batch to the clips that could be read, and says what is to be known before the first step.
fn fit(args: &HeadArgs, settings: &mut Settings, features: &Features, gpu: bool) -> Result<(), CliError> {
    let clips = trainable(features, &settings.holdout);
    if args.batch.is_none() {
        settings.batch = settings.batch.min(clips).max(1);
    }
    settings.at_once = args.at_once.unwrap_or(recipe::at_once(features.shape)).min(settings.batch);
    let steps = clips / settings.batch * settings.epochs;
    if (1..FEW).contains(&steps) {
        eprintln!(
            "note: {steps} steps in all are few for a head that starts from nothing; --epochs makes them more, or --batch 32 with \
             --learning-rate 1e-3"
        );
    }
    let cores = (!gpu).then(rayon::current_num_threads);
    let (part, parts) = recipe::parts(features.shape, settings.at_once, cores);
    let (now, need) = (part * parts, recipe::step_bytes(features.shape, part * parts));
    eprintln!("{clips} clips train, {} a step, {} at once: about {}", settings.batch, now, in_words(need));
    let free = crate::device::free_memory().filter(|_| !gpu);
    has_room(need, free, now).map_err(CliError::Engine)
}

/// That a step of so many clips at once has room in the memory that is free, where that is known.
fn has_room(need: u64, free: Option<u64>, at_once: usize) -> Result<(), String> {
    match free.filter(|free| *free < need) {
        None => Ok(()),
        Some(free) => Err(format!(
            "a step takes about {} of memory, and {} are free: --at-once takes fewer clips at once ({at_once} now), and gives the \
             same model but for rounding",
            in_words(need),
            in_words(free)
        )),
    }
}

/// Shows how a head's training goes on.
pub(in super::super) fn tell(bar: &ProgressBar, report: Report<'_>) {
    match report {
        Report::Size { folder, bytes } => bar.suspend(|| {
            eprintln!("features: up to {} in {}", in_words(bytes), folder.display());
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
            let held = epoch.validation.and_then(|v| v.accuracy).map_or(String::new(), |a| {
                format!(
                    ", held-out classes {:.1}% among themselves, {:.1}% among all (trained ones {:.1}%)",
                    a.own_space, a.held_of_all, a.trained_of_all
                )
            });
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

impl HeadArgs {
    /// λn where it is not the recipe's. The ablation wins over a weight, which a recipe that is ablated may name.
    fn negative_weight(&self) -> Option<f32> {
        if self.no_negatives { Some(0.0) } else { self.negatives }
    }
}

/// By the recipe, but for what the arguments say. The batch is fitted to the clips when it is known how many there are.
fn settings(args: &HeadArgs, model: &Model, source: &Source, holdout: Vec<String>) -> Settings {
    let config = &model.config;
    let width = config.vision.width;
    let recipe = if args.world { Recipe::world(width) } else { Recipe::videos(width) };
    let mut lambdas = recipe.lambdas;
    if let Some(weight) = args.negative_weight() {
        lambdas.negatives = weight;
    }
    let data = match &args.data {
        Some(path) => {
            let layout = args.dataset.map(|layout| format!(", split {} of {}", args.split, layout.word()));
            let shots = args.shots.map(|shots| format!(", at most {shots} a class"));
            let [layout, shots] = [layout, shots].map(Option::unwrap_or_default);
            format!("{} clips of {}{layout}{shots}", source.clips(), path.display())
        }
        None => format!(
            "{} clips of the procedural world{}, seed {}",
            source.clips(),
            match args.cast {
                Cast::Shapes => "",
                Cast::People => ", people",
            },
            args.seed
        ),
    };
    let stock = args.world && !recipe::is_small(width);
    Settings {
        name: args.name.clone().unwrap_or_else(|| model.name.clone()),
        model: model.clip_digest.clone(),
        data,
        note: stock.then(|| DRAWN.to_owned()),
        epochs: args.epochs.unwrap_or(recipe.epochs),
        batch: args.batch.unwrap_or(recipe.batch),
        at_once: args.at_once.unwrap_or(recipe.batch),
        learning_rate: args.learning_rate.unwrap_or(recipe.learning_rate),
        warmup: recipe.warmup,
        weight_decay: recipe.weight_decay,
        seed: args.seed,
        lambdas,
        head: HeadConfig {
            msm: !args.no_msm,
            mab: !args.no_mab && !args.no_msm,
            gate: !args.no_gate,
            fixed_haar: args.fixed_haar,
            motion_layer: args.motion_layer,
            energy_pool: args.energy_pool,
            ..HeadConfig::new(width, config.joint, config.vision.heads)
        },
        holdout,
        patience: args.patience,
        alpha: args.alpha,
        templates: if args.world { world_templates(args.cast) } else { Templates::default() },
    }
}

/// The note in the card of a CLIP that knows real words and whose head has seen drawn clips alone.
const DRAWN: &str = "the motion head was trained on clips that the program drew; what it is worth on real videos is not measured";

/// The CLIP's own files, so that `out` is a model folder of its own.
pub(in super::super) fn copy_clip(from: &Path, out: &Path) -> Result<(), CliError> {
    if from.canonicalize().is_ok_and(|from| out.canonicalize().is_ok_and(|out| from == out)) {
        return Ok(());
    }
    let fail = |path: PathBuf, e: std::io::Error| CliError::Train(RunError::write(path, &e));
    std::fs::create_dir_all(out).map_err(|e| fail(out.to_owned(), e))?;
    let shards = if from.join(WEIGHTS).exists() { Vec::new() } else { shards(from).unwrap_or_default() };
    let files = [CONFIG, WEIGHTS, INDEX, TOKENIZER, PREPROCESSOR].into_iter();
    for file in files.chain(shards.iter().map(String::as_str)).filter(|file| from.join(file).exists()) {
        copy_atomic(&from.join(file), &out.join(file)).map_err(|e| fail(out.join(file), e))?;
    }
    Ok(())
}

pub(in super::super) fn cache_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "motionlens").map(|dirs| dirs.cache_dir().join("features"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        head: HeadArgs,
    }

    #[test]
    fn an_ablation_of_the_negatives_wins_over_their_weight() {
        let weight = |more: &[&str]| {
            let line = [&["head", "--world", "--model", "m", "--out", "o"], more].concat();
            Line::try_parse_from(line).unwrap_or_else(|e| panic!("{e}")).head.negative_weight()
        };
        assert_eq!(weight(&[]), None);
        assert_eq!(weight(&["--negatives", "0.3"]), Some(0.3));
        assert_eq!(weight(&["--no-negatives"]), Some(0.0));
        assert_eq!(weight(&["--negatives", "0.3", "--no-negatives"]), Some(0.0));
        assert_eq!(weight(&["--no-negatives", "--negatives", "0.3"]), Some(0.0));
    }

    #[test]
    fn a_step_that_memory_has_no_room_for_is_refused_with_advice() {
        assert!(has_room(10, None, 4).is_ok() && has_room(10, Some(10), 4).is_ok());
        let why = has_room(20_000_000_000, Some(8_000_000_000), 16).unwrap_err();
        for part in ["20.00 GB", "8.00 GB", "--at-once", "16 now"] {
            assert!(why.contains(part), "{why}");
        }
    }
}
