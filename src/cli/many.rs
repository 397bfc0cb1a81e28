//! `motionlens analyze` on many videos: one pass over a list, each clip a line of the output as soon as it is done. A file that
//! cannot be read is told and the rest goes on; a run that was stopped goes on where it was; shards are runs over a part of the list.

use super::analyze::{Arguments, run_notes};
use super::videos::{self, Item};
use super::{CliError, train};
use crate::batch::{Asked, Clips, Cut, ReadClip, ReadFailure, Reading, Step, TextSide};
use crate::device::{self, DeviceInfo, guarded};
use crate::engine::{Answer, Question};
use crate::export::json::{Record, Scope, Video};
use crate::export::lines::{self, Of};
use crate::export::{ExportError, arrays};
use crate::files::write_atomic;
use crate::prompt::PromptSet;
use crate::session::{Evidence, Session};
use crate::video::{ClipSpec, Pts, Span};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// What one clip becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A line: the keys of --json without the maps
    Jsonl,
    /// A line a class
    Csv,
    /// A file with scores and maps, and a line in index.jsonl
    Json,
    /// A file with the arrays for NumPy, and a line in index.jsonl
    Npz,
}

#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Many videos (folders, patterns, several files, or any of these)")]
pub(super) struct Many {
    /// A list of videos: a path a line, or a CSV path,label[,start_s,end_s] with that first line; - is the standard input
    #[arg(long, value_name = "FILE")]
    video_list: Option<PathBuf>,
    /// What each clip becomes [default: jsonl]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where the lines go (jsonl, csv; default the standard output), or the folder of the files (json, npz)
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Cut each video into clips of so many seconds; the last one may be shorter
    #[arg(long, value_name = "S", value_parser = duration)]
    span_s: Option<f64>,
    /// Seconds from the start of one clip to that of the next [default: --span-s]
    #[arg(long, value_name = "S", value_parser = duration, requires = "span_s")]
    hop_s: Option<f64>,
    /// Go on where an earlier run of the same command was stopped
    #[arg(long, requires = "output")]
    resume: bool,
    /// Only this part of the list, such as 2/8; the outputs put one behind the other are that of the whole
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
}

fn duration(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(v) if (0.01..=1e6).contains(&v) => Ok(v),
        _ => Err("a number of seconds of at least 0.01 is needed".to_owned()),
    }
}

/// Part `part` (from 1) of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shard {
    part: usize,
    of: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((part, of)) if (1..=of).contains(&part) => Ok(Self { part, of }),
            _ => Err("1/4, 2/4, 3/4 or 4/4 is the form".to_owned()),
        }
    }
}

impl Shard {
    /// Neighbours stay together, so that the outputs can be put one behind the other.
    fn range(self, items: usize) -> std::ops::Range<usize> {
        let at = |part: usize| (part as u128 * items as u128 / self.of as u128) as usize;
        at(self.part - 1)..at(self.part)
    }
}

impl Many {
    /// Whether the command is about more than one plain file.
    pub(super) fn is_asked(&self, videos: &[PathBuf]) -> bool {
        let Self { video_list, format, output, span_s, hop_s: _, resume, shard } = self;
        let [video] = videos else { return true };
        let flags = video_list.is_some() || format.is_some() || output.is_some() || span_s.is_some();
        flags
            || *resume
            || shard.is_some()
            || video.is_dir()
            || videos::is_pattern(video)
            || videos::is_pipe(video)
    }

    /// The clips of a video.
    fn cut(&self, item: &Item, arguments: &Arguments) -> Cut {
        let (start, end) = (item.start.unwrap_or(Pts(0)), item.end);
        let order = arguments.order.clone().unwrap_or_default();
        let crop = arguments.crop.unwrap_or_default();
        let spans =
            self.span_s.map(|span| (Pts::from_secs(span), Pts::from_secs(self.hop_s.unwrap_or(span))));
        Box::new(move |times| {
            times.begins(start)?;
            let whole = Span::new(start, end.unwrap_or(times.end));
            let spans = match spans {
                Some((span, hop)) => slide(Span::new(start, whole.end.min(times.end)), span, hop)
                    .ok_or_else(|| format!("it gives more than {MOST} clips; choose a longer --hop-s"))?,
                None => vec![whole],
            };
            let clip = |span| ClipSpec { order: order.clone(), crop, ..ClipSpec::segments(span) };
            Ok(spans.into_iter().map(clip).collect())
        })
    }
}

/// Clips of one video at most: a file may say that it lasts for years.
const MOST: usize = 1_000_000;

/// Spans one hop apart until one reaches the end, where it is cut off; `None`: they are more than [`MOST`].
fn slide(whole: Span, span: Pts, hop: Pts) -> Option<Vec<Span>> {
    let starts = (0..).map(|k| Pts(whole.start.0.saturating_add(hop.0.saturating_mul(k))));
    let mut spans = Vec::new();
    for start in starts {
        let end = Pts(start.0.saturating_add(span.0).min(whole.end.0));
        if start <= whole.end || spans.is_empty() {
            spans.push(Span::new(start, end));
        }
        if end >= whole.end {
            return Some(spans);
        }
        if spans.len() >= MOST {
            return None;
        }
    }
    None
}

/// Where the lines go.
struct Output {
    form: lines::Form,
    format: Format,
    /// Of the files, for the formats that have some.
    folder: Option<PathBuf>,
    lines: Box<dyn Write>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let many = &arguments.many;
    for (given, name) in [
        (arguments.json.is_some(), "--json"),
        (arguments.out.is_some(), "--out"),
        (arguments.experiment.is_some(), "--experiment"),
        (arguments.csv.is_some(), "--csv"),
        (arguments.npz.is_some(), "--npz"),
        (arguments.figure.is_some(), "--figure"),
        (arguments.lanes.is_some(), "--lanes"),
        (arguments.lanes_csv.is_some(), "--lanes-csv"),
        (arguments.video_out.is_some(), "--video-out"),
        (arguments.clip.is_some(), "--clip"),
        (arguments.start.is_some(), "--start-s"),
        (arguments.end.is_some(), "--end-s"),
    ] {
        if given {
            return Err(CliError::Usage(format!("{name} is for one video; many have --format and --output")));
        }
    }
    let format = many.format.unwrap_or(Format::Jsonl);
    let items = videos::items(&arguments.videos, many.video_list.as_deref())?;
    let range = many.shard.map_or(0..items.len(), |shard| shard.range(items.len()));
    let path = output_path(many, format)?;
    if let Some(path) = path.as_deref().filter(|path| path.exists() && !many.resume) {
        return Err(CliError::Usage(format!(
            "{} is there already; --resume goes on with it, another --output leaves it",
            path.display()
        )));
    }

    let mut prompts = arguments.prompt_set(None)?;
    prompts.count_unknown |= arguments.count_unknown;
    prompts.problems().iter().for_each(|note| eprintln!("note: {note}"));
    let (device, info) = device::open(arguments.model.device, None)?;
    let mut session = Session::load(&arguments.model.source(None)?, &device, &|_, _| ())
        .map_err(|e| CliError::Engine(e.to_string()))?;
    let prompts = prompts.or_templates(session.info.templates.as_ref());
    let surgery = arguments.surgery.clone().unwrap_or_default();
    let alpha = arguments.alpha.map(|a| a as f32);
    let texts = TextSide::new(&mut session, &prompts, alpha, &surgery).map_err(CliError::Engine)?;
    run_notes(&session.info, &texts.classes, &texts.notes).iter().for_each(|note| eprintln!("note: {note}"));

    let settings = settings(arguments, &session, &info, &prompts, texts.alpha(), format);
    let (mut output, next, failed) =
        output(arguments, format, path.as_deref(), &settings, &items, range.clone())?;
    if many.resume && next > range.start {
        // Of the last one nobody knows whether all its lines were written.
        eprintln!("{} of {} videos are there already; going on after them", next - range.start, range.len());
    }
    let run = Run {
        arguments,
        session: &session,
        device: &info,
        texts: &texts,
        settings: &settings,
        items: &items,
    };
    let failed = run.all(next..range.end, failed, &mut output)?;
    match (failed, range.len()) {
        (0, _) => Ok(()),
        (failed, of) => Err(CliError::Engine(format!(
            "{failed} of {of} videos could not be analysed, in whole or in part"
        ))),
    }
}

/// The file of the lines; `None`: the standard output.
fn output_path(many: &Many, format: Format) -> Result<Option<PathBuf>, CliError> {
    let named = many.output.clone().filter(|path| path.as_os_str() != "-");
    match (format, named) {
        (Format::Jsonl | Format::Csv, None) if many.resume => {
            Err(CliError::Usage("--resume goes on in a file; name it with --output".to_owned()))
        }
        (Format::Jsonl | Format::Csv, named) => Ok(named),
        (Format::Json | Format::Npz, None) => {
            Err(CliError::Usage("json and npz are a file a clip; name their folder with --output".to_owned()))
        }
        (Format::Json | Format::Npz, Some(folder)) => {
            let part = many.shard.map_or_else(String::new, |s| format!("-{}-of-{}", s.part, s.of));
            Ok(Some(folder.join(format!("index{part}.jsonl"))))
        }
    }
}

/// Digest of all that changes a line beside its clip.
fn settings(
    arguments: &Arguments,
    session: &Session,
    device: &DeviceInfo,
    prompts: &PromptSet,
    alpha: f32,
    format: Format,
) -> String {
    let many = &arguments.many;
    let mut all = serde_json::json!([
        session.info.identity,
        device.name,
        prompts,
        alpha,
        arguments.order,
        arguments.surgery,
        arguments.embeddings,
        many.span_s,
        many.hop_s,
        format!("{format:?}"),
    ]);
    // Only where it is not the centre: runs from before there was a choice go on.
    if let (Some(crop), Some(all)) = (arguments.crop.filter(|crop| !crop.is_centre()), all.as_array_mut()) {
        all.push(crop.to_string().into());
    }
    blake3::hash(all.to_string().as_bytes()).to_hex()[..16].to_owned()
}

/// Opens the output, and says which item comes next and how many before it failed.
fn output(
    arguments: &Arguments,
    format: Format,
    path: Option<&Path>,
    settings: &str,
    items: &[Item],
    range: std::ops::Range<usize>,
) -> Result<(Output, usize, usize), CliError> {
    let form = if format == Format::Csv { lines::Form::Csv } else { lines::Form::Json };
    let folder = path.and_then(Path::parent).filter(|_| matches!(format, Format::Json | Format::Npz));
    let mut output =
        Output { form, format, folder: folder.map(Path::to_owned), lines: Box::new(std::io::stdout()) };
    let (mut next, mut failed, mut empty) = (range.start, 0, true);
    if let Some(path) = path {
        let fail = |source| ExportError::Write { path: path.to_owned(), source };
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(fail)?;
        }
        let mut file = lines::open(path, arguments.many.resume).map_err(fail)?;
        if arguments.many.resume {
            let expected = |item| range.contains(&item).then(|| shown(&items[item]));
            let kept = lines::resume(&mut file, form, settings, range.start, &expected)
                .map_err(|why| CliError::Usage(format!("cannot go on with {}: {why}", path.display())))?;
            (next, failed) = (kept.next, kept.failed);
            empty = file.metadata().map_err(fail)?.len() == 0;
        }
        output.lines = Box::new(file);
    }
    // A shard that others are put before has no header of its own.
    if empty && range.start == 0 {
        let header = lines::header(form).map_err(CliError::Output)?;
        lines::push(&mut output.lines, &header).map_err(CliError::Output)?;
    }
    Ok((output, next, failed))
}

fn shown(item: &Item) -> String {
    item.path.display().to_string()
}

/// What is the same for every clip.
struct Run<'a> {
    arguments: &'a Arguments,
    session: &'a Session,
    device: &'a DeviceInfo,
    texts: &'a TextSide,
    settings: &'a str,
    items: &'a [Item],
}

impl Run<'_> {
    /// Analyses the items and gives how many failed, with those `failed` before.
    fn all(
        &self,
        range: std::ops::Range<usize>,
        mut failed: usize,
        output: &mut Output,
    ) -> Result<usize, CliError> {
        let (start, total, before) = (range.start, range.len(), failed);
        let many = &self.arguments.many;
        let (items, arguments) = (self.items, self.arguments);
        let asked = range.map(|i| Asked { path: items[i].path.clone(), cut: many.cut(&items[i], arguments) });
        let (frames, preprocess) = (self.session.info.frames, self.session.preprocess);
        let clips = Clips::read(asked, Reading { frames, preprocess, digest: true })
            .map_err(|e| CliError::Engine(format!("a thread cannot be started: {e}")))?;
        let bar = train::progress_bar(total, "videos");
        let (mut done, mut fails, mut warned) = (0, false, None);
        for step in clips {
            let told = match step {
                Step::Done(place) => {
                    failed += usize::from(std::mem::take(&mut fails));
                    bar.set_position(place as u64 + 1);
                    continue;
                }
                Step::Clip(place, clip) => {
                    let item = start + place;
                    bar.set_message(shown(&items[item]));
                    if let Some(what) = clip.damaged.as_ref().filter(|_| warned.replace(item) != Some(item)) {
                        bar.suspend(|| eprintln!("note: {}: {what}", shown(&items[item])));
                    }
                    done += 1;
                    self.clip(item, &clip, output).map_err(|failure| (item, failure))
                }
                Step::Failed(place, failure) => Err((start + place, Stop::Clip(failure))),
            };
            match told {
                Ok(()) => {}
                Err((_, Stop::Run(error))) => return Err(error),
                Err((item, Stop::Clip(failure))) => {
                    if let Some(why) = device::lost(None).filter(|_| self.device.gpu) {
                        let again =
                            "run the same again with --resume, and with --device cpu if it happens again";
                        return Err(CliError::Engine(format!("the GPU was lost ({why}); {again}")));
                    }
                    fails = true;
                    bar.suspend(|| eprintln!("failed: {}", failure.message));
                    let scope = failure.spec.map(|spec| scope(&spec, frames));
                    let line = lines::failed(
                        output.form,
                        self.of(item, &shown(&items[item])),
                        scope,
                        &failure.message,
                    );
                    write(output, line)?;
                }
            }
        }
        bar.finish_and_clear();
        eprintln!("{done} clips of {} videos analysed", total - (failed - before));
        Ok(failed)
    }

    fn of<'a>(&'a self, item: usize, path: &'a str) -> Of<'a> {
        Of { item, settings: self.settings, path, label: self.items[item].label.as_deref() }
    }

    fn clip(&self, item: usize, clip: &ReadClip, output: &mut Output) -> Result<(), Stop> {
        let answer = self.answer(clip, output.folder.is_some()).map_err(|message| {
            let message = format!("{}: {message}", shown(&self.items[item]));
            Stop::Clip(ReadFailure { spec: Some(clip.spec.clone()), message })
        })?;
        let scores = self.texts.score(&answer.evidence.embedding);
        let path = shown(&self.items[item]);
        let video = Video {
            path: path.clone(),
            digest: clip.digest.as_ref().map_or_else(String::new, |d| d.0.to_string()),
            duration_s: clip.end.secs(),
            width: clip.size.0,
            height: clip.size.1,
        };
        let embeddings = self.arguments.embeddings.then_some(&self.texts.classes[..]);
        let notes = clip.damaged.iter().map(|what| format!("{path}: {what}")).collect();
        let record = Record::new(video, &self.session.info, self.device, &answer, &scores, notes, embeddings);
        let file = match (&output.folder, output.format) {
            (Some(folder), Format::Npz) => {
                let name = file_of(&path, &clip.spec, self.settings, "npz");
                arrays::write(&answer, &scores, &folder.join(&name)).map_err(|e| Stop::Run(e.into()))?;
                Some(name)
            }
            (Some(folder), _) => {
                let name = file_of(&path, &clip.spec, self.settings, "json");
                let path = folder.join(&name);
                let json = record.to_json().map_err(|e| Stop::Run(CliError::Output(e.into())))?;
                let fail = |source| Stop::Run(ExportError::Write { path: path.clone(), source }.into());
                write_atomic(&path, &json).map_err(fail)?;
                Some(name)
            }
            (None, _) => None,
        };
        write(output, lines::scored(output.form, self.of(item, &path), &record, file.as_deref()))
            .map_err(Stop::Run)
    }

    /// The same numbers as the window's: its steps in its batches.
    fn answer(&self, clip: &ReadClip, maps: bool) -> Result<Answer, String> {
        let started = Instant::now();
        let surgery = self.arguments.surgery.clone().unwrap_or_default();
        let tokens = clip.tokens(self.session, self.device.gpu, &surgery)?;
        let evidence = guarded(|| {
            let x = self.session.clips(&tokens, tokens.len());
            if maps {
                return self.session.evidence(x, &surgery, None).map(|(evidence, _)| evidence);
            }
            let embedding = self.session.embed(x, &surgery)?.pop().unwrap_or_default();
            Ok(Evidence { embedding, ..Evidence::default() })
        })?;
        if evidence.embedding.is_empty() || evidence.embedding.iter().any(|v| !v.is_finite()) {
            return Err("the motion head gave values that are not finite (NaN or infinity)".to_owned());
        }
        let question = Question {
            source: clip.source.clone(),
            clip: clip.spec.clone(),
            frames: clip.frames.len(),
            model: self.session.info.identity.clone(),
            device: self.device.name.clone(),
            surgery,
        };
        Ok(Answer {
            id: question.id(),
            question: Arc::new(question),
            frames: clip.frames.clone(),
            crop: clip.crop,
            evidence,
            seconds: started.elapsed().as_secs_f32(),
            encoded_frames: clip.pixels.len(),
        })
    }
}

/// A name that no other clip and no other settings have, and that is the same in every run and of every version.
fn file_of(path: &str, spec: &ClipSpec, settings: &str, extension: &str) -> String {
    // Plain data: it always has a JSON form.
    let key = serde_json::to_string(&(path, spec, settings)).unwrap_or_default();
    let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
    let stem: String = stem.chars().take(80).collect();
    format!("{stem}-{}.{extension}", &blake3::hash(key.as_bytes()).to_hex()[..12])
}

/// What ends a clip, or the whole run.
enum Stop {
    Clip(ReadFailure),
    Run(CliError),
}

fn write(output: &mut Output, line: std::io::Result<Vec<u8>>) -> Result<(), CliError> {
    line.and_then(|line| lines::push(&mut output.lines, &line)).map_err(CliError::Output)
}

fn scope(spec: &ClipSpec, frames: usize) -> Scope {
    let (start_s, end_s) = (spec.span.start.secs(), spec.span.end.secs());
    Scope { start_s, end_s, frames, different_frames: None, crop: spec.crop, size: (0, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::clip::Order;

    #[test]
    fn shards_part_the_list_without_gap_or_overlap() {
        for (items, of) in [(60, 2), (7, 3), (2, 5), (0, 4)] {
            let parts = (1..=of).flat_map(|part| Shard { part, of }.range(items));
            assert!(parts.eq(0..items), "{items} in {of}");
        }
        assert_eq!("2/8".parse(), Ok(Shard { part: 2, of: 8 }));
        for bad in ["0/2", "3/2", "1", "a/b", "1/0", ""] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    /// The name is of a clip's JSON, which says nothing of a crop in the centre.
    #[test]
    fn a_clip_has_one_name_in_every_version() {
        let spec = ClipSpec::segments(Span::new(Pts(1), Pts(2)));
        let said = r#"["a/b.mp4",{"span":{"start":1,"end":2},"rule":"segments","order":"forward"},"of"]"#;
        let name = format!("b-{}.npz", &blake3::hash(said.as_bytes()).to_hex()[..12]);
        assert_eq!(file_of("a/b.mp4", &spec, "of", "npz"), name);
        assert_ne!(file_of("a/b.mp4", &ClipSpec { order: Order::Reversed, ..spec }, "of", "npz"), name);
    }

    #[test]
    fn spans_cover_the_video_and_only_the_last_is_shorter() {
        let of = |end: i64, span: i64, hop: i64| -> Vec<(i64, i64)> {
            let spans = slide(Span::new(Pts(0), Pts(end)), Pts(span), Pts(hop)).unwrap();
            spans.iter().map(|s| (s.start.0, s.end.0)).collect()
        };
        assert_eq!(of(10, 4, 4), [(0, 4), (4, 8), (8, 10)]);
        assert_eq!(of(10, 4, 3), [(0, 4), (3, 7), (6, 10)]);
        assert_eq!(of(10, 20, 5), [(0, 10)]);
        assert_eq!(of(0, 4, 4), [(0, 0)]);
        // With a hop longer than the span what lies between is left out on purpose.
        assert_eq!(of(10, 2, 8), [(0, 2), (8, 10)]);
        assert_eq!(of(9, 2, 5), [(0, 2), (5, 7)]);
        let years = Span::new(Pts(0), Pts(i64::MAX));
        assert_eq!(slide(years, Pts::from_secs(0.01), Pts::from_secs(0.01)), None);
    }
}
