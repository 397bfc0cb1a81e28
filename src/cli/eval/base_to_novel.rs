//! `motionlens eval base-to-novel`: heads on a few clips of half of the classes, measured on both halves.

use super::super::train::{cache_folder, copy_clip, count, progress_bar, tell, weight};
use super::super::{CliError, ModelArguments};
use super::counted;
use super::zero_shot::{
    all_decoded, examine, folder_is_there, read_templates, tell_damaged, tell_missing, usual_names,
};
use crate::data::sets::{self, DataSet, Layout, Names, Part, Place};
use crate::eval::base_to_novel::{self, Halves, Report, SeedReport, Stamp};
use crate::eval::zero_shot::{self, Candidate, Examination, Fault, Figure, Preprocessing, Protocol};
use crate::model::head::HeadConfig;
use crate::session::{ModelSource, Session};
use crate::train::features::Source;
use crate::train::recipe::{self, Recipe};
use crate::train::stage2::{self, Report as Training, Settings};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct BaseToNovelArgs {
    /// The model whose towers the heads are for; none of those in the program
    #[command(flatten)]
    model: ModelArguments,
    /// k400, hmdb51, ucf101 or ssv2: those that say which clips are for training; of hmdb51 and ucf101 the first split
    #[arg(long, value_enum)]
    dataset: Layout,
    /// The folder of the data set, as it is handed out
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Folder for the trained models, one a seed; a run that was stopped goes on with what is there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Clips of each base class that a head learns from
    #[arg(long, default_value_t = 16, value_parser = count(1, 100_000))]
    shots: usize,
    /// How many heads, each on clips of its own choice
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Passes over the clips
    #[arg(long, default_value_t = Recipe::few_shots().epochs, value_parser = count(1, 100_000))]
    epochs: usize,
    /// Weight of typed negative prompts in the trained models; those of the templates leave the classes to the positive ones
    #[arg(long, default_value_t = stage2::ALPHA, value_parser = weight)]
    alpha: f32,
    /// Frames a clip
    #[arg(long, default_value_t = 8, value_parser = count(1, 1024))]
    frames: usize,
    /// How often each clip is looked at in measuring
    #[arg(long, default_value_t = 1, value_parser = count(1, 100))]
    views: usize,
    /// Prompt templates as JSON, as in `eval zero-shot` [default: METHOD's]
    #[arg(long, value_name = "FILE")]
    templates: Option<PathBuf>,
    /// Leave the negative prompts out of the scores
    #[arg(long)]
    no_negatives: bool,
    /// Names in one word, such as ApplyEyeMakeup, as several words or as they are [default: split for ucf101, else keep]
    #[arg(long, value_enum)]
    names: Option<Names>,
    /// For k400, the word in the column split of the clips that are tested [default: the only one beside train]
    #[arg(long, value_name = "WORD")]
    subset: Option<String>,
    /// Where features of the frozen tower are kept [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Write the report as JSON; - is the standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Trains and measures, and prints the figures.
pub(super) fn run(args: &BaseToNovelArgs) -> Result<(), CliError> {
    if args.model.model.is_none() {
        return Err(CliError::Usage(
            "the heads are for a CLIP in a folder; name one with --model".to_owned(),
        ));
    }
    if !matches!(args.dataset, Layout::K400 | Layout::Hmdb51 | Layout::Ucf101 | Layout::Ssv2) {
        return Err(CliError::Usage("--dataset is k400, hmdb51, ucf101 or ssv2 here".to_owned()));
    }
    args.json.as_deref().map_or(Ok(()), folder_is_there)?;
    let templates = args.templates.as_deref().map(read_templates).transpose()?.unwrap_or_default();
    let list = |part: Part| {
        let names = args.names.unwrap_or_else(|| usual_names(args.dataset));
        let subset = args.subset.as_deref();
        let place =
            Place { layout: args.dataset, root: &args.root, labels: &[], lists: &[], subset, names, part };
        let mut splits = sets::read(&place, &[1], &mut |note| eprintln!("note: {note}"))
            .map_err(|e| CliError::Missing(e.to_string()))?;
        Ok::<_, CliError>(splits.remove(0).clips)
    };
    let (train, test) = (list(Part::Train)?, list(Part::Test)?);
    let halves = base_to_novel::halves(&train);
    if halves[1].len() < 2 {
        return Err(CliError::Missing(format!(
            "{} classes cannot be halved: 4 at least are needed",
            train.classes.len()
        )));
    }
    let data = DataSet::of(base_to_novel::test(&test, &halves));
    tell_missing(&data)?;
    let train = base_to_novel::of_classes(&train, &halves[0]);

    let model = args.model.source(None)?;
    let Some(folder) = model.folder() else {
        return Err(CliError::Usage(
            "a model in the program has its head; name another with --model".to_owned(),
        ));
    };
    let (device, info) = crate::device::open(args.model.device, None)?;
    let mut session =
        Session::load(&model, &device, &|_, _| ()).map_err(|e| CliError::Engine(e.to_string()))?;
    if !session.info.head_trained {
        // As `train head` makes heads.
        session = session.with_motion_layer(None).map_err(|e| CliError::Engine(e.to_string()))?;
    }
    // The model's own levels are those of vanilla CLIP's time.
    let levels = head(args, &session).levels.max(session.model().head_config.levels);
    zero_shot::takes(levels, args.frames).map_err(CliError::Usage)?;
    let protocol = Protocol {
        frames: args.frames,
        views: args.views,
        preprocess: Preprocessing::Clip,
        templates,
        negatives: !args.no_negatives,
    };
    let mut candidates = Vec::new();
    let mut seeds = Vec::new();
    let mut heads = Vec::new();
    for seed in 1..=args.seeds {
        let out = args.out.join(format!("seed-{seed}"));
        let clips = train.shots(args.shots, seed);
        let source = Source::Files(clips);
        let cache = args.cache.clone().or_else(cache_folder).unwrap_or_else(|| args.out.join("features"));
        let bar = progress_bar(source.clips(), "clips");
        let mut told = |report: Training<'_>| tell(&bar, report);
        let features = stage2::features(&source, &session, args.frames, &cache, &mut told)?;
        let trained_on = features.len();
        let (clips, classes) = (counted(trained_on, "clip"), train.classes.len());
        bar.suspend(|| eprintln!("seed {seed}: a head on {clips} of {classes} classes"));
        let settings = settings(args, &session, &protocol, seed, &source, trained_on);
        copy_clip(folder, &out)?;
        stage2::train(&settings, &mut session, &features, &out, &mut told)?;
        bar.finish_and_clear();
        let skipped: Vec<Fault> = features
            .skipped()
            .iter()
            .map(|(path, why)| Fault { clip: zero_shot::shown(path, &args.root), error: why.clone() })
            .collect();
        let mut trained = Session::load(&ModelSource::Folder(out), &device, &|_, _| ())
            .map_err(|e| CliError::Engine(e.to_string()))?;
        candidates.push(Candidate::of(&mut trained, &data, &protocol).map_err(CliError::Engine)?);
        heads.push(trained.info.identity.clone());
        seeds.push((seed, trained_on, skipped));
    }
    candidates.push(Candidate::vanilla(&mut session, &data, &protocol).map_err(CliError::Engine)?);

    let examination = Examination::new(&session, &candidates, &data, &protocol, info.gpu);
    let stamp = examination.stamp(&args.root);
    let settings = format!("{} {}", examination.settings(&stamp, &info.name), heads.join(" "));
    let settings = blake3::hash(settings.as_bytes()).to_hex()[..16].to_owned();
    // The answers of other heads are of no use, and are no loss: a file for each set of heads.
    let kept = args.out.join(format!("answers-{settings}.jsonl"));
    let (answers, undecodable) = examine(&examination, data.clips.len(), Some(&kept), &settings)?;

    let reached = |candidate| base_to_novel::reached(&data, &answers, candidate).map_err(CliError::Engine);
    let seeds = seeds
        .into_iter()
        .enumerate()
        .map(|(i, (seed, trained_on, skipped))| {
            Ok(SeedReport { seed, trained_on, skipped, halves: reached(i)? })
        })
        .collect::<Result<Vec<_>, CliError>>()?;
    let model = &session.info;
    let report = Report {
        dataset: args.dataset.word().to_owned(),
        protocol: Stamp { conditions: stamp.conditions, shots: args.shots, epochs: args.epochs },
        model: zero_shot::Measured {
            name: model.name.clone(),
            digest: session.model().clip_digest.clone(),
            head: "trained".to_owned(),
            alpha: args.alpha,
        },
        device: info.name.clone(),
        base: base_to_novel::over(&seeds, |h| h.base),
        novel: base_to_novel::over(&seeds, |h| h.novel),
        hm: base_to_novel::over(&seeds, |h| h.hm),
        vanilla: reached(seeds.len())?,
        halves: base_to_novel::counted(&data, &answers),
        missing: zero_shot::missing(&data, &args.root),
        undecodable: zero_shot::faults(
            &data,
            &args.root,
            undecodable.iter().map(|(i, why)| (*i, why.as_str())),
        ),
        damaged: zero_shot::damaged(&data, &args.root, &answers),
        seeds,
    };
    tell_damaged(&report.damaged);
    super::write(args.json.as_deref(), &report, &table(&report))?;
    all_decoded(report.undecodable.len(), data.clips.len())
}

/// The head to be made.
fn head(args: &BaseToNovelArgs, session: &Session) -> HeadConfig {
    let (model, config) = (session.model(), session.config());
    HeadConfig {
        frames: args.frames,
        motion_layer: model.head_config.motion_layer,
        ..HeadConfig::new(config.vision.width, config.joint, config.vision.heads)
    }
}

/// The recipe of `train head` on files, with as many `clips` a step as can be read where they are few.
fn settings(
    args: &BaseToNovelArgs,
    session: &Session,
    protocol: &Protocol,
    seed: u64,
    source: &Source,
    clips: usize,
) -> Settings {
    let (model, recipe, head) = (session.model(), Recipe::few_shots(), head(args, session));
    let (config, batch) = (&model.config, clips.clamp(1, recipe.batch));
    Settings {
        name: format!("{} on {} of {}", model.name, counted(args.shots, "shot"), args.dataset.word()),
        model: model.clip_digest.clone(),
        data: format!(
            "{} of {}, the base classes; digest {}",
            counted(clips, "clip"),
            args.root.display(),
            source.digest()
        ),
        epochs: args.epochs,
        note: None,
        batch,
        at_once: recipe::at_once([head.frames, config.tokens(), config.vision.width]).min(batch),
        learning_rate: recipe.learning_rate,
        warmup: recipe.warmup,
        weight_decay: recipe.weight_decay,
        seed,
        lambdas: recipe.lambdas,
        head,
        holdout: Vec::new(),
        patience: 0,
        alpha: args.alpha,
        templates: protocol.templates.clone(),
    }
}

fn table(report: &Report) -> String {
    let (p, conditions) = (&report.protocol, &report.protocol.conditions);
    let mut text = format!(
        "{}, base to novel: {} of each of {} base classes, {} novel classes; {}, {}\n{} (digest {}), {}, alpha {}, on {}\n",
        report.dataset,
        counted(p.shots, "shot"),
        report.halves[0].classes.len(),
        report.halves[1].classes.len(),
        counted(conditions.frames, "frame"),
        counted(conditions.views, "view"),
        report.model.name,
        report.model.digest,
        counted(p.epochs, "epoch"),
        report.model.alpha,
        report.device
    );
    for (half, name) in report.halves.iter().zip(["base", "novel"]) {
        text += &format!(
            "{name}: {}, {} missing, {} undecodable\n",
            counted(half.clips, "clip"),
            half.missing,
            half.undecodable
        );
    }
    text += &format!("\n{:<16} {:>12} {:>12} {:>14}\n", "", "base", "novel", "harmonic mean");
    let mut row = |name: &str, h: &Halves| {
        text += &format!("{name:<16} {:>11.1}% {:>11.1}% {:>13.1}%\n", h.base, h.novel, h.hm);
    };
    row("vanilla CLIP", &report.vanilla);
    report.seeds.iter().for_each(|seed| row(&format!("seed {}", seed.seed), &seed.halves));
    let figure = |f: Figure| format!("{:.1} ± {:.1}%", f.mean, f.std);
    text += &format!(
        "\nbase {}, novel {}, harmonic mean {} (mean ± population standard deviation over the seeds)\n",
        figure(report.base),
        figure(report.novel),
        figure(report.hm)
    );
    text
}
