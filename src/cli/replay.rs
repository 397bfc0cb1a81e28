//! `motionlens replay`: computes an experiment again and says how its numbers compare with those that were seen.

use super::analyze::{pictures, print};
use super::drive::{LanesWanted, Outcome, Request, ask};
use super::{CliError, ModelArguments, spare};
use crate::device::DeviceChoice;
use crate::experiment::{CLOSE, Comparison, Experiment, ExperimentError, Verdict};
use crate::export::ExportError;
use crate::export::figure::{self, Spec};
use crate::export::json::{Record, Video};
use crate::export::lanes;
use crate::export::report::Report;
use crate::files::write_atomic;
use crate::model::Hub;
use crate::session::ModelSource;
use crate::video::{Cancel, Source};
use crate::view::Style;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(clap::Args, Clone, Debug)]
pub(super) struct Arguments {
    /// The experiment, as the window saves it and `analyze --experiment` writes it
    file: PathBuf,
    /// The clip, where it is not where the experiment says
    #[arg(long, value_name = "VIDEO")]
    clip: Option<PathBuf>,
    /// The model, where it is not where the experiment says: a folder, or a model of the hub
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Where the model runs [default: the kind of device that it ran on]
    #[arg(long, value_enum)]
    device: Option<DeviceChoice>,
    /// Make the figure again, where the file is one; else one of every frame under every layer
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    /// Write the comparison as JSON; - is the standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Told<'a> {
    experiment: String,
    clip: String,
    same_clip: bool,
    model: &'a str,
    same_model: bool,
    device: &'a str,
    device_then: &'a str,
    same_device: bool,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let experiment = Experiment::load(&arguments.file).map_err(|e| match e {
        ExperimentError::Io { .. } => CliError::Missing(e.to_string()),
        e => CliError::Experiment(e),
    })?;
    let (clip, model) = (clip(arguments, &experiment)?, model(arguments, &experiment)?);
    spare(
        &[("the experiment", Some(&arguments.file)), ("the clip", Some(&clip))],
        &[("--figure", arguments.figure.as_deref()), ("--json", arguments.json.as_deref())],
    )?;
    let source = Source::open(&clip, Arc::new(|| {}));
    let digest = source.digest(&Cancel::default())?.0.to_string();
    let same_clip = digest == experiment.clip.digest;
    if !same_clip {
        eprintln!(
            "note: {} is another file: digest {digest}, then {}",
            clip.display(),
            experiment.clip.digest
        );
    }
    let drawn = match &arguments.figure {
        Some(_) => drawn(&arguments.file)?,
        None => Drawn::Frames(None),
    };
    let kind = if experiment.device.gpu { DeviceChoice::Auto } else { DeviceChoice::Cpu };
    let outcome = ask(Request {
        device: arguments.device.unwrap_or(kind),
        model,
        video: &source,
        clip: experiment.scope.clone(),
        surgery: experiment.surgery.clone(),
        prompts: experiment.prompts.clone(),
        alpha: Some(experiment.alpha),
        scale: arguments.figure.is_some(),
        lanes: match &drawn {
            Drawn::Lanes(spec) => Some(LanesWanted {
                length: spec.length,
                hop: spec.hop,
                spans: Some(spec.spans.clone()),
                end: source.frames(&Cancel::default())?.end,
            }),
            Drawn::Frames(_) => None,
        },
    })?;
    let same_model = outcome.model.identity == experiment.model.identity;
    if !same_model {
        let (now, then) = (&outcome.model, &experiment.model);
        eprintln!(
            "note: another model: {} ({}), then {} ({})",
            now.name, now.identity, then.name, then.identity
        );
    }
    let same_device = outcome.device.name == experiment.device.name;
    if !same_device {
        let (now, then) = (&outcome.device.name, &experiment.device.name);
        eprintln!("note: another device: {now}, then {then}");
    }
    let embedding = &outcome.answer.evidence.embedding;
    let comparison = experiment.compare(embedding, &outcome.scores, same_device);
    let report = Told {
        experiment: arguments.file.display().to_string(),
        clip: clip.display().to_string(),
        same_clip,
        model: &outcome.model.name,
        same_model,
        device: &outcome.device.name,
        device_then: &experiment.device.name,
        same_device,
        comparison: &comparison,
    };
    write(arguments, &report)?;
    if let Some(path) = &arguments.figure {
        draw(path, drawn, &experiment, &source, &outcome)?;
        eprintln!("The figure is in {}", path.display());
    }
    let differs = format!(
        "the numbers differ: cosines by up to {:.2e}, p by up to {:.2e}",
        comparison.cosine, comparison.p
    );
    match comparison.verdict {
        _ if !same_clip => Err(CliError::Differs(format!("the clip was altered; {differs}"))),
        _ if !same_model => Err(CliError::Differs(format!("another model; {differs}"))),
        Verdict::Same | Verdict::Close => Ok(()),
        Verdict::Different => Err(CliError::Differs(differs)),
    }
}

fn clip(arguments: &Arguments, experiment: &Experiment) -> Result<PathBuf, CliError> {
    let found = arguments.clip.clone().or_else(|| experiment.find_clip(&arguments.file));
    found.filter(|path| path.is_file()).ok_or_else(|| {
        let was = arguments.clip.as_ref().unwrap_or(&experiment.clip.path).display();
        CliError::Missing(format!("the clip is not at {was}; say where it is with --clip VIDEO"))
    })
}

fn model(arguments: &Arguments, experiment: &Experiment) -> Result<ModelSource, CliError> {
    let model = ModelArguments { model: arguments.model.clone(), fetch: false, device: DeviceChoice::Auto };
    let source = match arguments.model {
        Some(_) => model.source(None)?,
        None => experiment.model.source.clone(),
    };
    match &source {
        ModelSource::Folder(folder) if !folder.is_dir() => Err(CliError::Missing(format!(
            "the model \"{}\" is not at {}; say where it is with --model DIR",
            experiment.model.name,
            folder.display()
        ))),
        // The cache of another machine, or one that was emptied.
        ModelSource::Hub(model) if !model.folder.is_dir() => {
            let id = model.id.at(&model.commit);
            let found = Hub::from_env()?.find(&id).map(ModelSource::Hub);
            found.ok_or_else(|| CliError::Missing(format!(
                "the model \"{}\" is not in the cache of the hub; fetch it with motionlens model fetch {id}",
                experiment.model.name
            )))
        }
        _ => Ok(source),
    }
}

/// What a file is a figure of.
enum Drawn {
    /// Of frames under layers; `None`: the file is no figure.
    Frames(Option<Spec>),
    Lanes(lanes::Spec),
}

fn drawn(file: &Path) -> Result<Drawn, CliError> {
    let unreadable = |e: serde_json::Error| {
        CliError::Experiment(ExperimentError::Format {
            path: file.to_owned(),
            reason: format!("what its figure shows cannot be read: {e}"),
        })
    };
    let bytes = std::fs::read(file)
        .map_err(|source| CliError::Experiment(ExperimentError::Io { path: file.to_owned(), source }))?;
    if let Some(json) = figure::text(&bytes, lanes::SPEC) {
        return serde_json::from_str(&json).map(Drawn::Lanes).map_err(unreadable);
    }
    let spec = figure::text(&bytes, figure::SPEC).map(|json| serde_json::from_str(&json));
    spec.transpose().map(Drawn::Frames).map_err(unreadable)
}

/// Draws the figure.
fn draw(
    path: &Path,
    drawn: Drawn,
    experiment: &Experiment,
    source: &Arc<Source>,
    outcome: &Outcome,
) -> Result<(), CliError> {
    let pictures = pictures(source, &outcome.answer.frames)?;
    let cancel = Cancel::default();
    let video = Video {
        path: source.path().display().to_string(),
        digest: source.digest(&cancel)?.0.to_string(),
        duration_s: source.frames(&cancel)?.end.secs(),
        width: pictures.first().map_or(0, |p| p.width),
        height: pictures.first().map_or(0, |p| p.height),
    };
    let Outcome { model, device, answer, scores, .. } = outcome;
    let record = Record::new(video, model, device, answer, scores, Vec::new(), None);
    let report = Report {
        record: &record,
        answer,
        pictures: &pictures,
        prompts: &experiment.prompts,
        style: Style { motion: outcome.scale.as_ref().map(|scale| scale.motion), ..Style::default() },
        model: &model.source,
        on_gpu: device.gpu,
    };
    let clip = (source.path(), record.video.digest.clone());
    let now = Experiment::new(clip, model, device, answer, experiment.prompts.clone(), scores);
    match (drawn, &outcome.lanes) {
        (Drawn::Lanes(spec), Some(lanes)) => lanes::write(&report, &now, (lanes, &spec), path)?,
        (Drawn::Frames(Some(spec)), _) => figure::write(&report, &now, &spec, path)?,
        _ => figure::write(&report, &now, &Spec::strip(report.style), path)?,
    }
    Ok(())
}

fn write(arguments: &Arguments, report: &Told<'_>) -> Result<(), CliError> {
    let json = || {
        let mut json = serde_json::to_vec_pretty(report).map_err(|e| CliError::Output(e.into()))?;
        json.push(b'\n');
        Ok::<_, CliError>(json)
    };
    match &arguments.json {
        Some(path) if path.as_os_str() == "-" => print(&json()?),
        Some(path) => write_atomic(path, &json()?)
            .map_err(|source| CliError::Export(ExportError::Write { path: path.clone(), source })),
        None => print(words(report).as_bytes()),
    }
}

/// The outcome for a person.
fn words(report: &Told<'_>) -> String {
    let c = report.comparison;
    let verdict = match c.verdict {
        Verdict::Same => "the same numbers, to the last bit".to_owned(),
        Verdict::Close => format!("another device; every cosine is within {CLOSE}"),
        Verdict::Different => "the numbers differ".to_owned(),
    };
    let mut out = format!(
        "{verdict}\nlargest difference: cosine {:.2e}, p {:.2e}, over {} classes\n",
        c.cosine,
        c.p,
        c.classes.len()
    );
    let mut worst: Vec<_> = c.classes.iter().filter(|d| d.cosine > 0.0 || d.p > 0.0).collect();
    worst.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
    for d in worst.iter().take(10) {
        out += &format!("  {}: cosine {:.2e}, p {:.2e}\n", d.name, d.cosine, d.p);
    }
    out
}
