//! `motionlens eval`: measured figures of a model.

mod base_to_novel;
mod zero_shot;

pub(super) use zero_shot::usual_names;

use super::analyze::{from_json, print};
use super::{Casts, CliError, ModelArguments};
use crate::data::cast::Cast;
use crate::eval::exam::{self, Altered, FIRST_SEED, SynthReport};
use crate::eval::layers::{self, LayerFigures};
use crate::eval::pointing;
use crate::export::ExportError;
use crate::files::write_atomic;
use crate::metrics::Summary;
use crate::model::Surgery;
use crate::model::folder::{CARD, Card};
use crate::session::{ModelSource, Session};
use crate::video::clip::Order;
use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What to evaluate on.
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(subcommand)]
    protocol: Protocol,
}

#[derive(Debug, Subcommand)]
enum Protocol {
    /// Fresh clips of the procedural world: accuracy, maps against the truth, time surgery
    Synth(SynthArgs),
    /// Fresh clips of the procedural world: from which vision layer an untrained head's motion is best taken
    Layers(LayersArgs),
    /// The field's protocol on real videos: top-1 and top-5 on every split of a data set, vanilla CLIP beside it
    ZeroShot(Box<zero_shot::ZeroShotArgs>),
    /// Heads on a few clips of half of the classes; both halves measured, each in its own label space
    BaseToNovel(Box<base_to_novel::BaseToNovelArgs>),
    /// What the second report of `eval zero-shot --json` is better by, with its interval; only where the protocols are equal
    Compare {
        #[arg(value_name = "A.json")]
        a: PathBuf,
        #[arg(value_name = "B.json")]
        b: PathBuf,
    },
    /// Mean and standard deviation over reports of `eval synth --json`, such as those of several training seeds
    Mean {
        #[arg(required = true, value_name = "FILE")]
        reports: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct SynthArgs {
    #[command(flatten)]
    model: ModelArguments,
    #[arg(long, value_enum, default_value_t)]
    cast: Casts,
    /// Data sets with seeds that training never uses
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    #[arg(long, default_value_t = 40, value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    clips_per_class: usize,
    /// Write the figures as JSON; - is the standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the figures into the motionlens.json of --model
    #[arg(long, requires = "model", conflicts_with_all = ["surgery", "order"])]
    record: bool,
    /// Clips a class and data seed on which the freeze map is held against the truth; each is some hundred passes
    #[arg(long, default_value_t = 1, value_name = "N")]
    faithfulness: usize,
    /// The order in which the model sees the frames, as in `analyze`
    #[arg(long, value_name = "ORDER", default_value = "forward")]
    order: Order,
    /// What is altered inside the model as JSON, as in `analyze`
    #[arg(long, value_name = "JSON", value_parser = from_json::<Surgery>, default_value = "{}")]
    surgery: Surgery,
}

#[derive(Debug, Args)]
struct LayersArgs {
    #[command(flatten)]
    model: ModelArguments,
    #[arg(long, value_enum, default_value_t = Cast::Shapes)]
    cast: Cast,
    /// Data sets with seeds that training never uses
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    #[arg(long, default_value_t = 5, value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    clips_per_class: usize,
    /// Write the figures as JSON; - is the standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs a protocol and prints its figures.
pub fn run(args: &EvalArgs) -> Result<(), CliError> {
    match &args.protocol {
        Protocol::Synth(args) => synth(args),
        Protocol::Layers(args) => layers(args),
        Protocol::ZeroShot(args) => zero_shot::run(args),
        Protocol::BaseToNovel(args) => base_to_novel::run(args),
        Protocol::Compare { a, b } => zero_shot::compare(a, b),
        Protocol::Mean { reports } => mean(reports),
    }
}

/// Prints the table and writes the report as JSON to `path`, if there is one; prints the JSON alone where that is -.
fn write(path: Option<&Path>, report: &impl Serialize, table: &str) -> Result<(), CliError> {
    let mut json = serde_json::to_vec_pretty(report).map_err(|e| CliError::Engine(e.to_string()))?;
    json.push(b'\n');
    let path = match path {
        Some(path) if path == Path::new("-") => return print(&json),
        path => path,
    };
    print(table.as_bytes())?;
    if let Some(path) = path {
        write_atomic(path, &json).map_err(|source| ExportError::Write { path: path.to_owned(), source })?;
    }
    Ok(())
}

/// "1 view", "3 views".
fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

fn synth(args: &SynthArgs) -> Result<(), CliError> {
    let casts = args.cast.casts();
    if args.record && !args.model.model.as_deref().is_some_and(Path::is_dir) {
        return Err(CliError::Usage("figures are recorded in a model folder; name it with --model".into()));
    }
    if args.record && casts.len() > 1 {
        return Err(CliError::Usage("a card has the figures of one cast; choose it with --cast".into()));
    }
    let reports = casts.iter().map(|&cast| examine(args, cast)).collect::<Result<Vec<_>, _>>()?;
    if let (Some(folder), [report]) = (args.model.model.as_deref().filter(|_| args.record), &reports[..]) {
        record(report, &folder.join(CARD))?;
    }
    match &args.json {
        None => reports.iter().for_each(|report| print!("{}", table(report))),
        Some(path) => {
            // One report as it is; several in a list.
            let json = match &reports[..] {
                [report] => serde_json::to_string_pretty(report),
                all => serde_json::to_string_pretty(all),
            };
            let json = json.map_err(|e| CliError::Engine(e.to_string()))?;
            if path == Path::new("-") {
                print(format!("{json}\n").as_bytes())?;
            } else {
                write_atomic(path, json.as_bytes())
                    .map_err(|e| CliError::Engine(format!("cannot write {}: {e}", path.display())))?;
            }
        }
    }
    Ok(())
}

fn examine(args: &SynthArgs, cast: Cast) -> Result<SynthReport, CliError> {
    let (device, _) = crate::device::open(args.model.device, None)?;
    // Where none is named, each cast is the examination of the model in the program that knows it.
    let source = match args.model.model {
        Some(_) => args.model.source(None)?,
        None => ModelSource::of(cast),
    };
    let session = Session::load(&source, &device, &|_, _| ()).map_err(|e| CliError::Engine(e.to_string()))?;
    let seeds: Vec<u64> = (0..args.seeds).map(|i| FIRST_SEED + i).collect();
    let bar = super::train::progress_bar(0, "clips");
    let altered = Altered { order: args.order.clone(), surgery: args.surgery.clone() };
    altered.order.places(session.info.frames).map_err(|e| CliError::Usage(e.to_string()))?;
    let clips = exam::Clips { per_class: args.clips_per_class, faithfulness: args.faithfulness };
    let report = exam::run(session, cast, &seeds, clips, &altered, &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })
    .map_err(|e| CliError::Engine(e.to_string()))?;
    bar.finish_and_clear();
    Ok(report)
}

fn layers(args: &LayersArgs) -> Result<(), CliError> {
    let engine = |e: &dyn std::fmt::Display| CliError::Engine(e.to_string());
    let (device, _) = crate::device::open(args.model.device, None)?;
    let session = Session::load(&args.model.source(None)?, &device, &|_, _| ()).map_err(|e| engine(&e))?;
    let bar = super::train::progress_bar(0, "clips");
    let found = layers::run(&session, args.cast, args.seeds, args.clips_per_class, &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })
    .map_err(|e| engine(&e))?;
    bar.finish_and_clear();
    let mut text = format!(
        "{} under an untrained head on {}, {} clips a class, {} data seeds (mean ± std over seeds)\n\n{:<6} {:>16} {:>22}\n",
        session.info.name,
        args.cast.word(),
        args.clips_per_class,
        args.seeds,
        "layer",
        "motion AUROC",
        "distractor / mover"
    );
    for LayerFigures { layer, motion_auroc, distractor_ratio } in &found {
        let [a, b] = [motion_auroc, distractor_ratio]
            .map(|f| format!("{:.3} ± {:.3}", f.over_seeds.mean, f.over_seeds.std));
        text += &format!("{layer:<6} {a:>16} {b:>22}\n");
    }
    write(args.json.as_deref(), &found, &text)
}

/// Prints the mean over reports of every figure that each of them has.
fn mean(reports: &[PathBuf]) -> Result<(), CliError> {
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for path in reports {
        let fail = |reason: String| CliError::Engine(format!("cannot read {}: {reason}", path.display()));
        let text = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
        let report: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&text).map_err(|e| fail(e.to_string()))?;
        for (name, figure) in report {
            if let Some(mean) = figure.get("mean").and_then(serde_json::Value::as_f64) {
                values.entry(name).or_default().push(mean);
            }
        }
    }
    let mut table = format!("{:<26} {:>8} {:>8}   over {} reports\n", "figure", "mean", "std", reports.len());
    for (name, values) in values.iter().filter(|(_, v)| v.len() == reports.len()) {
        let Summary { mean, std, .. } = Summary::of(values);
        table += &format!("{name:<26} {mean:>8.3} {std:>8.3}\n");
    }
    print(table.as_bytes())
}

/// Puts the figures into a model's card.
fn record(report: &SynthReport, path: &Path) -> Result<(), CliError> {
    let fail =
        |reason: String| CliError::Engine(format!("cannot record figures in {}: {reason}", path.display()));
    let bytes = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
    let mut card: Card = serde_json::from_slice(&bytes).map_err(|e| fail(e.to_string()))?;
    card.scale = Some(report.scale.clone());
    card.figures = serde_json::to_value(report).map_err(|e| fail(e.to_string()))?;
    let json = serde_json::to_vec_pretty(&card).map_err(|e| fail(e.to_string()))?;
    write_atomic(path, &json).map_err(|e| fail(e.to_string()))
}

fn table(report: &SynthReport) -> String {
    let mut text =
        report.altered.as_ref().map_or_else(String::new, |a| format!("altered: {a} (not retrained)\n"));
    text += &format!(
        "{} ({} head, alpha {}) on {}, {} clips a class, {} data seeds\n\n{:<26} {:>8} {:>8}   95% interval\n",
        report.model,
        report.head,
        report.alpha,
        report.cast.word(),
        report.clips_per_class,
        report.seeds.len(),
        "figure",
        "mean",
        "std"
    );
    for (name, figure) in &report.figures {
        let (s, [lo, hi]) = (figure.over_seeds, figure.ci95);
        text += &format!("{name:<26} {:>8.3} {:>8.3}   {lo:.3} to {hi:.3}\n", s.mean, s.std);
    }
    text + &support(report)
}

/// How well the support maps of prompts point, a line a way.
fn support(report: &SynthReport) -> String {
    if report.support.is_empty() {
        return String::new();
    }
    let mut text = format!("\nwhere prompts find support\n{:<52}", "the last layer's patches");
    pointing::FIGURES.iter().for_each(|name| text += &format!(" {name:>18}"));
    text.push('\n');
    for way in &report.support {
        let less = if way.less_common { ", less the common" } else { "" };
        text += &format!("{:<52}", format!("{}{less}", way.reading.words()));
        for name in pointing::FIGURES {
            text += &way
                .figures
                .get(name)
                .map_or_else(|| format!(" {:>18}", "–"), |f| format!(" {:>18.3}", f.over_seeds.mean));
        }
        text.push('\n');
    }
    text
}
