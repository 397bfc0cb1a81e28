//! `motionlens analyze`: scores and maps of one video as a table, JSON, or a report folder; of many as lines ([`super::many`]).

use super::drive::{LanesWanted, Outcome, Request, ask};
use super::many::{self, Many};
use super::{CliError, ModelArguments, spare};
use crate::engine::Sweep;
use crate::experiment::Experiment;
use crate::export::figure::{self, Spec};
use crate::export::json::{Record, Video};
use crate::export::report::{Contents, Report};
use crate::export::{ExportError, arrays, lanes, overlay, table};
use crate::files::{can_write, write_atomic};
use crate::model::Surgery;
use crate::prompt::{PromptSet, PromptSetError};
use crate::score::ClassEmbedding;
use crate::session::{ModelInfo, PromptNote};
use crate::ui::bundled;
use crate::video::clip::Order;
use crate::video::{Cancel, ClipSpec, Crop, FrameReader, Pts, RgbImage, Source, Span};
use crate::view::{Layer, Style};
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(clap::Args, Clone, Debug)]
pub(super) struct Arguments {
    /// Video, still picture or animated GIF; several, folders, and patterns such as 'clips/**/*.mp4' too
    #[arg(value_name = "VIDEO", required_unless_present = "video_list")]
    pub(super) videos: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) model: ModelArguments,
    /// Prompt set (JSON), list of names, or id,name CSV [default: the bundled set]
    #[arg(long, value_name = "FILE", conflicts_with = "class")]
    pub(super) prompts: Option<PathBuf>,
    /// One class by name, filled from the model's templates; may be repeated
    #[arg(long, value_name = "NAME", value_parser = named)]
    pub(super) class: Vec<String>,
    /// Start of the span in seconds [default: the first frame]
    #[arg(long = "start-s", alias = "start", value_name = "S", allow_negative_numbers = true, value_parser = not_negative)]
    pub(super) start: Option<f64>,
    /// End of the span in seconds [default: the last frame]
    #[arg(long = "end-s", alias = "end", value_name = "S", allow_negative_numbers = true, value_parser = not_negative)]
    pub(super) end: Option<f64>,
    /// Frames and their order as JSON, instead of a span: what a report's command says where they are no plain span
    #[arg(long, value_name = "JSON", value_parser = from_json::<ClipSpec>, conflicts_with_all = ["start", "end"])]
    pub(super) clip: Option<ClipSpec>,
    /// The order in which the model sees the frames: reversed, shuffled:SEED, frozen:first|middle|last, half_rate, hand:0,2,1,…
    #[arg(long, value_name = "ORDER", conflicts_with = "clip")]
    pub(super) order: Option<Order>,
    /// What the model sees of a picture that is not square: centre, letterbox (all of it), or a number from 0 (left or upper end)
    /// to 1 (right or lower end) [default: centre]
    #[arg(long, value_name = "CROP", conflicts_with = "clip")]
    pub(super) crop: Option<Crop>,
    /// What is altered inside the model as JSON, such as '{"no_motion":true}': what a report's command says where something is
    #[arg(long, value_name = "JSON", value_parser = from_json::<Surgery>)]
    pub(super) surgery: Option<Surgery>,
    /// Write scores and maps as JSON; - is the standard output
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write a report into a new folder inside this one: index.html, a PNG per sampled frame and layer, a contact sheet, scores.json,
    /// prompts.json, experiment.json; with --lanes or --lanes-csv the lanes too
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Write the experiment, which `replay` computes again and the window opens
    #[arg(long, value_name = "FILE")]
    pub(super) experiment: Option<PathBuf>,
    /// Write the scores as CSV, and the maps beside them with "-maps" added to the name
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
    /// Write scores and maps as arrays for NumPy
    #[arg(long, value_name = "FILE")]
    pub(super) npz: Option<PathBuf>,
    /// Write a PNG of every sampled frame under every layer, with its receipt; with --layer and --frame of that one alone
    #[arg(long, value_name = "FILE")]
    pub(super) figure: Option<PathBuf>,
    /// Write a PNG of scores, motion and gate over the whole video, as the window's lanes show them, with its receipt
    #[arg(long, value_name = "FILE")]
    pub(super) lanes: Option<PathBuf>,
    /// Write the numbers of the lanes as CSV, a line a span
    #[arg(long, value_name = "FILE")]
    pub(super) lanes_csv: Option<PathBuf>,
    /// Seconds of a span of the lanes [default: a fifth of the video, from 1 to 4]
    #[arg(long, value_name = "S", value_parser = positive)]
    pub(super) lanes_span_s: Option<f64>,
    /// Seconds from one span of the lanes to the next [default: one frame of a span]
    #[arg(long, value_name = "S", value_parser = positive)]
    pub(super) lanes_hop_s: Option<f64>,
    /// Write the analysed span as MP4 with a layer over it
    #[arg(long, value_name = "FILE")]
    pub(super) video_out: Option<PathBuf>,
    /// The layer of --video-out, and of --figure with --frame: input, motion, static, gate, evidence, signed
    #[arg(long, value_name = "LAYER", default_value = "motion", value_parser = layer)]
    pub(super) layer: Layer,
    /// The sampled frame of --figure, from 0
    #[arg(long, value_name = "N", requires = "figure")]
    pub(super) frame: Option<usize>,
    /// Give classes of words that the model does not know a share of p all the same
    #[arg(long)]
    pub(super) count_unknown: bool,
    /// Add the video and text embeddings to the JSON
    #[arg(long)]
    pub(super) embeddings: bool,
    /// Weight of the negative prompts; 0 is plain CLIP [default: the model's own]
    #[arg(long, value_name = "A", allow_negative_numbers = true, value_parser = not_negative)]
    pub(super) alpha: Option<f64>,
    #[command(flatten)]
    pub(super) many: Many,
}

/// Times and weights: a number that is finite and not negative.
fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(v) if v.is_finite() && v >= 0.0 => Ok(v),
        _ => Err("a number of at least 0 is needed".to_owned()),
    }
}

/// A class without a name has no prompts.
fn named(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("a class needs a name".to_owned()) } else { Ok(text.to_owned()) }
}

/// Lengths of time.
fn positive(text: &str) -> Result<f64, String> {
    not_negative(text).ok().filter(|v| *v > 0.0).ok_or_else(|| "a number above 0 is needed".to_owned())
}

fn layer(text: &str) -> Result<Layer, String> {
    let words: Vec<&str> = Layer::ALL.iter().map(|layer| layer.word()).collect();
    Layer::ALL
        .into_iter()
        .find(|layer| layer.word() == text)
        .ok_or_else(|| format!("one of {}", words.join(", ")))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}

impl Arguments {
    /// Everything but the video as the command line's defaults have it.
    pub(super) fn new(video: PathBuf, model: ModelArguments) -> Self {
        Self {
            videos: vec![video],
            model,
            prompts: None,
            class: Vec::new(),
            start: None,
            end: None,
            clip: None,
            order: None,
            crop: None,
            surgery: None,
            json: None,
            out: None,
            experiment: None,
            csv: None,
            npz: None,
            figure: None,
            lanes: None,
            lanes_csv: None,
            lanes_span_s: None,
            lanes_hop_s: None,
            video_out: None,
            layer: Layer::Motion,
            frame: None,
            count_unknown: false,
            embeddings: false,
            alpha: None,
            many: Many::default(),
        }
    }

    /// Something is written to a file.
    fn writes(&self) -> bool {
        self.draws()
            || self.experiment.is_some()
            || self.csv.is_some()
            || self.npz.is_some()
            || self.lanes_csv.is_some()
    }

    /// The lanes that are wanted, of a video that ends at `end`.
    fn wanted_lanes(&self, end: Pts) -> Option<LanesWanted> {
        (self.lanes.is_some() || self.lanes_csv.is_some()).then(|| LanesWanted {
            length: self.lanes_span_s.map_or_else(|| Sweep::usual_length(end), Pts::from_secs),
            hop: self.lanes_hop_s.map_or(Pts(0), Pts::from_secs),
            spans: None,
            end,
        })
    }

    /// Every file that is to be written, by the argument that names it.
    fn outputs(&self) -> [(&'static str, Option<PathBuf>); 9] {
        [
            ("--json", self.json.clone()),
            ("--experiment", self.experiment.clone()),
            ("--csv", self.csv.clone()),
            ("the maps of --csv", self.csv.as_deref().map(table::maps_path)),
            ("--npz", self.npz.clone()),
            ("--figure", self.figure.clone()),
            ("--lanes", self.lanes.clone()),
            ("--lanes-csv", self.lanes_csv.clone()),
            ("--video-out", self.video_out.clone()),
        ]
    }

    /// See [`spare`]; the folder of a report can be made, too.
    fn check_outputs(&self, video: &Path) -> Result<(), CliError> {
        let outputs = self.outputs();
        let outputs = outputs.each_ref().map(|(name, path)| (*name, path.as_deref()));
        spare(&[("the video", Some(video)), ("--prompts", self.prompts.as_deref())], &outputs)?;
        if let Some(folder) = &self.out {
            let fail = |source| ExportError::Write { path: folder.clone(), source };
            can_write(&nearest(folder).join("report")).map_err(fail)?;
        }
        Ok(())
    }

    /// Maps are to be drawn over pictures.
    fn draws(&self) -> bool {
        self.out.is_some() || self.figure.is_some() || self.lanes.is_some() || self.video_out.is_some()
    }

    pub(super) fn prompt_set(&self, video: Option<&Path>) -> Result<PromptSet, PromptSetError> {
        match &self.prompts {
            Some(path) => PromptSet::load(path),
            None if !self.class.is_empty() => Ok(PromptSet::from_names(&self.class)),
            None => Ok(bundled::prompts(self.model.cast(video))),
        }
    }
}

/// The folder itself, or the nearest above it that is there.
fn nearest(folder: &Path) -> &Path {
    let here = || Path::new(".");
    let there = |folder: &&Path| folder.exists();
    folder.ancestors().filter(|folder| !folder.as_os_str().is_empty()).find(there).unwrap_or_else(here)
}

/// The sampled frames in display orientation.
pub(super) fn pictures(source: &Arc<Source>, sampled: &[Pts]) -> Result<Vec<Arc<RgbImage>>, CliError> {
    let cancel = Cancel::default();
    let mut read: HashMap<Pts, Arc<RgbImage>> = HashMap::new();
    FrameReader::open(source, &cancel)?.read(sampled, &cancel, &mut |_, _| {}, &mut |at, picture| {
        read.insert(at, Arc::new(picture));
    })?;
    Ok(sampled.iter().filter_map(|at| read.get(at).cloned()).collect())
}

/// Analyses, and gives the folder of the report that was asked for.
pub(super) fn run(arguments: &Arguments) -> Result<Option<PathBuf>, CliError> {
    match &arguments.videos[..] {
        [video] if !arguments.many.is_asked(&arguments.videos) => one(arguments, video),
        _ => many::run(arguments).map(|()| None),
    }
}

fn one(arguments: &Arguments, video: &Path) -> Result<Option<PathBuf>, CliError> {
    if let (Some(start), Some(end)) = (arguments.start, arguments.end)
        && start > end
    {
        return Err(CliError::Usage(format!("--start-s {start} is after --end-s {end}")));
    }
    if (arguments.lanes_span_s.is_some() || arguments.lanes_hop_s.is_some())
        && arguments.lanes.is_none()
        && arguments.lanes_csv.is_none()
    {
        let text = "--lanes-span-s and --lanes-hop-s are of --lanes or --lanes-csv; give one of these";
        return Err(CliError::Usage(text.to_owned()));
    }
    arguments.check_outputs(video)?;
    let mut prompts = arguments.prompt_set(Some(video))?;
    prompts.count_unknown |= arguments.count_unknown;
    let mut notes = prompts.problems();

    let cancel = Cancel::default();
    let source = Source::open(video, Arc::new(|| {}));
    let times = source.frames(&cancel)?;
    let start = arguments.start.map_or(Pts(0), Pts::from_secs);
    times.begins(start).map_err(|why| CliError::Engine(format!("{}: {why}", video.display())))?;
    let end = arguments.end.map_or(times.end, Pts::from_secs);
    let outcome = ask(Request {
        device: arguments.model.device,
        model: arguments.model.source(Some(video))?,
        video: &source,
        clip: arguments.clip.clone().unwrap_or_else(|| ClipSpec {
            order: arguments.order.clone().unwrap_or_default(),
            crop: arguments.crop.unwrap_or_default(),
            ..ClipSpec::segments(Span::new(start, end))
        }),
        surgery: arguments.surgery.clone().unwrap_or_default(),
        prompts: prompts.clone(),
        alpha: arguments.alpha.map(|a| a as f32),
        scale: arguments.draws(),
        lanes: arguments.wanted_lanes(times.end),
    })?;
    notes.extend(outcome.notes());
    notes.extend(times.damaged.as_ref().map(|what| format!("{}: {what}", video.display())));
    let sampled = outcome.answer.frames.len();
    if let Some(frame) = arguments.frame.filter(|frame| *frame >= sampled) {
        let text = format!(
            "--frame {frame}: the model samples {sampled} frames, 0 to {}",
            sampled.saturating_sub(1)
        );
        return Err(CliError::Usage(text));
    }

    // One picture says the size of all; a report wants them all.
    let wanted = if arguments.draws() { outcome.answer.frames.len() } else { 1 };
    let pictures = pictures(&source, &outcome.answer.frames[..wanted.min(outcome.answer.frames.len())])?;
    let record = Record::new(
        Video {
            path: video.display().to_string(),
            digest: source.digest(&cancel)?.0.to_string(),
            duration_s: times.end.secs(),
            width: pictures.first().map_or(0, |p| p.width),
            height: pictures.first().map_or(0, |p| p.height),
        },
        &outcome.model,
        &outcome.device,
        &outcome.answer,
        &outcome.scores,
        notes,
        arguments.embeddings.then_some(&outcome.embeddings[..]),
    );
    record.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let altered = record.altered.as_ref().map_or_else(String::new, |a| format!(", {}", a.in_words()));
    eprintln!("scores of {}{altered}", record.scope.in_words());

    let prompts = prompts.or_templates(outcome.model.templates.as_ref());
    let clip = (video, record.video.digest.clone());
    let (model, device) = (&outcome.model, &outcome.device);
    let experiment = Experiment::new(clip, model, device, &outcome.answer, prompts.clone(), &outcome.scores);
    if let Some(path) = &arguments.experiment {
        experiment.save(path)?;
        eprintln!("The experiment is in {}", path.display());
    }
    let report = Report {
        record: &record,
        answer: &outcome.answer,
        pictures: &pictures,
        prompts: &prompts,
        style: Style { motion: outcome.scale.as_ref().map(|scale| scale.motion), ..Style::default() },
        model: &outcome.model.source,
        on_gpu: outcome.device.gpu,
    };
    if let Some(path) = &arguments.csv {
        let [scores, maps] = table::write(&record, path)?;
        eprintln!("The scores are in {}, the maps in {}", scores.display(), maps.display());
    }
    if let Some(path) = &arguments.npz {
        arrays::write(&outcome.answer, &outcome.scores, path)?;
        eprintln!("The arrays are in {}", path.display());
    }
    if let Some(path) = &arguments.figure {
        let spec = match arguments.frame {
            Some(frame) => Spec::stage(arguments.layer, frame, report.style),
            None => Spec::strip(report.style),
        };
        figure::write(&report, &experiment, &spec, path)?;
        eprintln!("The figure is in {}", path.display());
    }
    if let Some(found) = &outcome.lanes {
        if let Some(path) = &arguments.lanes {
            lanes::write(&report, &experiment, (found, &lanes::Spec::new(found)), path)?;
            eprintln!("The figure of the lanes is in {}", path.display());
        }
        if let Some(path) = &arguments.lanes_csv {
            lanes::write_table(found, path)?;
            eprintln!("The numbers of the lanes are in {}", path.display());
        }
    }
    if let Some(path) = &arguments.video_out {
        overlay::write(&report, &source, arguments.layer, path, &cancel, &mut |_, _| {})?;
        eprintln!("The video is in {}", path.display());
    }
    let mut written = None;
    if let Some(folder) = &arguments.out {
        let spec = outcome.lanes.as_ref().map(lanes::Spec::new);
        let contents = Contents {
            experiment: &experiment,
            scores: Some(&outcome.scores),
            // Surgery on the text side scores others.
            texts: match &outcome.answer.question.surgery {
                s if s.no_joint_adapter || s.no_negatives => &[],
                _ => &outcome.embeddings,
            },
            lanes: outcome.lanes.as_ref().zip(spec.as_ref()),
            stage: (arguments.layer, arguments.frame.unwrap_or(pictures.len() / 2)),
        };
        let folder = report.write(folder, &contents)?;
        eprintln!("The report is in {}", folder.display());
        written = Some(folder);
    }
    match &arguments.json {
        Some(path) if path.as_os_str() == "-" => print(&json(&record)?)?,
        Some(path) => write_atomic(path, &json(&record)?)
            .map_err(|source| ExportError::Write { path: path.clone(), source })?,
        None if arguments.writes() => {}
        None => print(table(&record).as_bytes())?,
    }
    Ok(written)
}

fn json(record: &Record) -> Result<Vec<u8>, CliError> {
    record.to_json().map_err(|e| CliError::Output(e.into()))
}

pub(super) fn print(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(CliError::Output)
}

/// The scores for a person, best class first.
fn table(record: &Record) -> String {
    let mut classes: Vec<_> = record.classes.iter().collect();
    classes.sort_by(|a, b| b.p.total_cmp(&a.p));
    let width = classes.iter().map(|c| c.name.chars().count()).max().unwrap_or(0).clamp(5, 60);
    let number = |v: Option<f32>| v.map_or_else(|| format!("{:>8}", "-"), |v| format!("{v:>8.4}"));
    let mut out = format!("{:width$}        p       s+       s-   margin      yes\n", "class");
    for c in classes {
        let p = number(Some(c.p).filter(|_| c.counts));
        let (s_pos, s_neg, margin, yes) = (number(c.s_pos), number(c.s_neg), number(c.margin), number(c.yes));
        out += &format!("{:width$} {p} {s_pos} {s_neg} {margin} {yes}\n", c.name);
    }
    out += &format!("{:width$} {:>8.4}\n", "(none)", record.none);
    out
}

impl Outcome {
    /// What a reader of the scores has to know, in sentences.
    fn notes(&self) -> Vec<String> {
        run_notes(&self.model, &self.embeddings, &self.notes)
    }
}

/// What a reader of scores by this model and these prompts has to know, in sentences.
pub(super) fn run_notes(
    model: &ModelInfo,
    classes: &[ClassEmbedding],
    prompt_notes: &[PromptNote],
) -> Vec<String> {
    let mut notes = Vec::new();
    if !model.head_trained {
        notes.push(
                "the motion head is untrained: the separation is the plain Haar one and the scores are those of CLIP"
                    .to_owned(),
            );
    }
    notes.extend(model.note.clone());
    if let Some(cast) = model.source.cast() {
        let whom = cast.whom();
        notes.push(format!(
            "the words of {} know {whom} only; for real scenes name a CLIP with --model, as `--model openai/clip-vit-base-patch32`",
            model.source
        ));
    }
    let named = |name| if str::is_empty(name) { "(no name)" } else { name };
    let left_out: Vec<&str> = classes.iter().filter(|c| !c.counts).map(|c| named(&c.name)).collect();
    if !left_out.is_empty() {
        let more = if left_out.len() > 20 { ", …" } else { "" };
        let names = left_out[..left_out.len().min(20)].join(", ");
        notes.push(format!(
                "left out of p, because the model knows none of their words: {names}{more} (analyze --count-unknown counts them)"
            ));
    }
    let mut seen = HashSet::new();
    let words = prompt_notes.iter().flat_map(|n| n.unknown.iter().filter_map(|r| n.text.get(r.clone())));
    let mut unknown: Vec<&str> = words.filter(|word| seen.insert(*word)).collect();
    if !unknown.is_empty() {
        let more = if unknown.len() > 20 { ", …" } else { "" };
        unknown.truncate(20);
        notes.push(format!("words that the model does not know: {}{more}", unknown.join(", ")));
    }
    let mut cut = prompt_notes.iter().filter(|n| n.cut > 0);
    if let Some(first) = cut.next() {
        let start: String = first.text.chars().take(40).collect();
        notes.push(format!(
            "{} prompt(s) are longer than the model's {} tokens and were cut, the first by {}: \"{start}…\"",
            1 + cut.count(),
            model.context,
            first.cut
        ));
    }
    notes
}
