//! `motionlens eval zero-shot` and `eval compare`.

use super::super::analyze::{print, run_notes};
use super::super::{CliError, ModelArguments, train};
use super::counted;
use crate::data::sets::{self, DataSet, Layout, Names, Part, Place};
use crate::eval::compare::{self, Difference};
use crate::eval::zero_shot::{
    self, Answers, Candidate, Confusion, Examination, Fault, Figure, Of, Preprocessing, Protocol, Report,
    Right, SplitReport, Told,
};
use crate::export::confusion;
use crate::files::{folder_of, read_whole};
use crate::prompt::Templates;
use crate::session::Session;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct ZeroShotArgs {
    #[command(flatten)]
    model: ModelArguments,
    /// The layout of the data set
    #[arg(long, value_enum)]
    dataset: Layout,
    /// The folder of the data set, as it is handed out; of --dataset folder also a CSV path,label[,start_s,end_s]
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// The splits, such as 1 or 1,3; all: every one that the data set has
    #[arg(long, value_name = "N,…", default_value = "all", value_parser = splits)]
    splits: Splits,
    /// Frames a clip [default: the model's own, 8 for a stock CLIP]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    frames: Option<usize>,
    /// How often each clip is looked at, at other frames each time; the shares are averaged
    #[arg(long, default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=100))]
    views: usize,
    /// How frames become what the model sees
    #[arg(long, value_enum, default_value = "clip")]
    preprocess: Preprocessing,
    /// Prompt templates as JSON {"positive": [..], "negative": [..]}, {} standing for the class [default: the model's own]
    #[arg(long, value_name = "FILE")]
    templates: Option<PathBuf>,
    /// Leave the negative prompts out of the scores
    #[arg(long)]
    no_negatives: bool,
    /// Names in one word, such as ApplyEyeMakeup, as several words or as they are [default: split for ucf101, else keep]
    #[arg(long, value_enum)]
    names: Option<Names>,
    /// Names of the classes: a CSV id,name or a name a line. For --list one for all lists or one each; for k600 the classes of a split,
    /// one file a split; may be repeated
    #[arg(long, value_name = "FILE")]
    labels: Vec<PathBuf>,
    /// A list of clips as ViFi-CLIP and its kin have them, a path under --root and the number of its class a line, in place of the
    /// data set's own lists; repeated, a split each
    #[arg(long, value_name = "FILE", requires = "labels")]
    list: Vec<PathBuf>,
    /// For k400 and k600, the word in the column split of the clips that are tested [default: the only one beside train]
    #[arg(long, value_name = "WORD")]
    subset: Option<String>,
    /// Write the report as JSON; - is the standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the confusion matrix as PNG
    #[arg(long, value_name = "FILE")]
    confusion: Option<PathBuf>,
    /// Keep in this file what is done; a run that was stopped goes on with it
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
}

/// Numbers of splits; empty: all.
#[derive(Clone, Debug)]
struct Splits(Vec<usize>);

fn splits(text: &str) -> Result<Splits, String> {
    if text.trim() == "all" {
        return Ok(Splits(Vec::new()));
    }
    let number = |n: &str| n.trim().parse::<usize>().ok().filter(|n| *n > 0);
    let mut numbers: Vec<usize> =
        text.split(',').map(number).collect::<Option<_>>().ok_or("all, or numbers such as 1,3 are needed")?;
    numbers.sort_unstable();
    numbers.dedup();
    Ok(Splits(numbers))
}

/// Measures, and prints the figures.
pub(super) fn run(args: &ZeroShotArgs) -> Result<(), CliError> {
    for path in [&args.json, &args.confusion, &args.resume].into_iter().flatten() {
        folder_is_there(path)?;
    }
    let templates = args.templates.as_deref().map(read_templates).transpose()?;
    let data = data(args)?;
    let classes = data.splits.iter().flat_map(|split| &split.classes).collect::<BTreeSet<_>>().len();
    if args.confusion.is_some() && classes > confusion::MOST_CLASSES {
        return Err(CliError::Usage(format!(
            "--confusion draws at most {} classes, and there are {classes}",
            confusion::MOST_CLASSES
        )));
    }
    let (device, info) = crate::device::open(args.model.device, None)?;
    let mut session = Session::load(&args.model.source(None)?, &device, &|_, _| ())
        .map_err(|e| CliError::Engine(e.to_string()))?;
    let model = session.info.clone();
    let protocol = Protocol {
        frames: args.frames.unwrap_or(model.frames),
        views: args.views,
        preprocess: args.preprocess,
        templates: templates.or_else(|| model.templates.clone()).unwrap_or_default(),
        negatives: !args.no_negatives,
    };
    if model.head_trained && protocol.frames != model.frames {
        eprintln!("note: the motion head was trained with {} frames a clip", model.frames);
    }
    zero_shot::takes(session.model().head_config.levels, protocol.frames).map_err(CliError::Usage)?;
    let candidates = [Candidate::of, Candidate::vanilla].map(|of| of(&mut session, &data, &protocol));
    let candidates = candidates.into_iter().collect::<Result<Vec<_>, _>>().map_err(CliError::Engine)?;
    if let Some(texts) = candidates[0].texts.first() {
        run_notes(&model, &texts.classes, &texts.notes).iter().for_each(|note| eprintln!("note: {note}"));
    }
    let examination = Examination::new(&session, &candidates, &data, &protocol, info.gpu);
    // A table of clips lies in the folder that its paths are relative to.
    let root = if args.root.is_dir() { &args.root } else { folder_of(&args.root) };
    let stamp = examination.stamp(root);
    let settings = examination.settings(&stamp, &info.name);
    let (answers, undecodable) = examine(&examination, data.clips.len(), args.resume.as_deref(), &settings)?;
    let of = Of { dataset: args.dataset.word(), stamp, model: &model, device: &info.name, root };
    let (report, matrix) = zero_shot::report(of, &data, &answers, &undecodable).map_err(CliError::Engine)?;
    tell_damaged(&report.damaged);
    super::write(args.json.as_deref(), &report, &table(&report, &matrix))?;
    if let Some(path) = &args.confusion {
        confusion::write(&matrix.classes, &matrix.counts, &caption(&report), path)?;
        eprintln!("The confusion matrix is in {}", path.display());
    }
    all_decoded(report.undecodable.len(), data.clips.len())
}

/// Says which clips were looked at as far as they go.
pub(super) fn tell_damaged(damaged: &[Fault]) {
    const NAMED: usize = 10;
    if !damaged.is_empty() {
        let were = if damaged.len() == 1 { "was" } else { "were" };
        eprintln!("note: {} {were} looked at as far as they go:", counted(damaged.len(), "clip"));
        damaged.iter().take(NAMED).for_each(|fault| eprintln!("  {}: {}", fault.clip, fault.error));
        if damaged.len() > NAMED {
            eprintln!("  … and the others that the JSON names");
        }
    }
}

/// That a file can be written there: it would be a pity to hear of it after hours.
pub(super) fn folder_is_there(path: &Path) -> Result<(), CliError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
    let why = match folder {
        Some(folder) => format!("but {} is no folder", folder.display()),
        None if path.is_dir() => "but it is a folder".to_owned(),
        None => return Ok(()),
    };
    Err(CliError::Missing(format!("{} is to be written, {why}", path.display())))
}

/// That nothing was left out; it is told at the end, when the figures are written.
pub(super) fn all_decoded(undecodable: usize, of: usize) -> Result<(), CliError> {
    match undecodable {
        0 => Ok(()),
        some => {
            Err(CliError::Engine(format!("{some} of {of} clips could not be decoded and are in no figure")))
        }
    }
}

/// The answers about each clip, and what could not be decoded.
type Examined = (Vec<Option<Answers>>, Vec<(usize, String)>);

/// Runs the examination with a bar; `resume`: the file in which it keeps what is done.
pub(super) fn examine(
    examination: &Examination<'_>,
    clips: usize,
    resume: Option<&Path>,
    settings: &str,
) -> Result<Examined, CliError> {
    let mut answers = vec![None; clips];
    let files: Vec<String> = (0..clips).map(|clip| examination.file(clip)).collect();
    let mut kept =
        resume.map(|path| open_kept(path, settings, examination, &files, &mut answers)).transpose()?;
    let bar = train::progress_bar(clips, "clips");
    let undecodable = examination
        .run(&mut answers, &mut |told| {
            match told {
                Told::Done(done) => bar.set_position(done as u64),
                Told::Undecodable(_, why) => bar.suspend(|| eprintln!("undecodable: {why}")),
                Told::Answers(clip, given) => {
                    if let Some((file, path)) = &mut kept {
                        keep(file, clip, &files[clip], given)
                            .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
                    }
                }
            }
            Ok(())
        })
        .map_err(CliError::Engine)?;
    bar.finish_and_clear();
    Ok((answers, undecodable))
}

/// The clips that there are; what is missing is told.
fn data(args: &ZeroShotArgs) -> Result<DataSet, CliError> {
    let place = Place {
        layout: args.dataset,
        root: &args.root,
        labels: &args.labels,
        lists: &args.list,
        subset: args.subset.as_deref(),
        names: args.names.unwrap_or_else(|| usual_names(args.dataset)),
        part: Part::Test,
    };
    let splits = sets::read(&place, &args.splits.0, &mut |note| eprintln!("note: {note}"))
        .map_err(|e| CliError::Missing(e.to_string()))?;
    let data = DataSet::of(splits);
    tell_missing(&data)?;
    Ok(data)
}

/// What becomes of names in one word unless that is said.
pub(in super::super) fn usual_names(layout: Layout) -> Names {
    if layout == Layout::Ucf101 { Names::Split } else { Names::Keep }
}

/// Says what is missing.
///
/// # Errors
/// All of a split is.
pub(super) fn tell_missing(data: &DataSet) -> Result<(), CliError> {
    for split in &data.splits {
        let (there, missing) = (split.clips.len(), split.missing.len());
        if there == 0 {
            let number = split.number;
            let why = split.missing.first().map_or_else(
                || format!("split {number}: its list names no clip"),
                |(_, example)| {
                    let example = example.display();
                    format!("split {number}: none of its {missing} clips is there, for example {example}")
                },
            );
            return Err(CliError::Missing(why));
        }
        if missing == 0 {
            continue;
        }
        eprintln!(
            "split {}: {missing} of {} clips are missing and in no figure:",
            split.number,
            there + missing
        );
        for (class, name) in split.classes.iter().enumerate() {
            let of_class = split.missing.iter().filter(|(c, _)| *c == class).count();
            if of_class > 0 {
                eprintln!("  {name}: {of_class}");
            }
        }
    }
    let empty = |split: &sets::Present| {
        let listed = |class: usize| {
            split.clips.iter().map(|c| c.1).chain(split.missing.iter().map(|c| c.0)).any(|c| c == class)
        };
        let names = split
            .classes
            .iter()
            .enumerate()
            .filter(|(class, _)| !listed(*class))
            .map(|(_, name)| name.clone());
        names.collect::<Vec<_>>()
    };
    for split in &data.splits {
        let names = empty(split);
        if !names.is_empty() {
            eprintln!(
                "note: split {}: no clip is listed of {}; they compete all the same",
                split.number,
                names.join(", ")
            );
        }
    }
    Ok(())
}

pub(super) fn read_templates(path: &Path) -> Result<Templates, CliError> {
    let fail = |why: String| CliError::Missing(format!("cannot read {}: {why}", path.display()));
    let bytes = read_whole(path).map_err(|e| fail(e.to_string()))?;
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let templates: Templates = serde_json::from_slice(text)
        .map_err(|e| fail(format!("{{\"positive\": [..], \"negative\": [..]}} is expected; {e}")))?;
    let mut all = templates.positive.iter().chain(&templates.negative);
    if let Some(fixed) = all.find(|template| !template.contains("{}")) {
        return Err(fail(format!("\"{fixed}\" has no {{}} and would say the same of every class")));
    }
    if templates.positive.is_empty() {
        return Err(fail("it has no positive template".to_owned()));
    }
    Ok(templates)
}

/// The first line of a file of `--resume`.
#[derive(Serialize, Deserialize)]
struct Header {
    settings: String,
}

/// A line of it.
#[derive(Serialize, Deserialize)]
struct KeptLine {
    clip: usize,
    /// [`Examination::file`] when the run began.
    file: String,
    #[serde(flatten)]
    answers: Answers,
}

/// Opens the file, takes over what an earlier run has left there, and cuts off a line that was not finished. A file that is not of
/// this run stays as it is.
fn open_kept<'a>(
    path: &'a Path,
    settings: &str,
    examination: &Examination<'_>,
    files: &[String],
    answers: &mut [Option<Answers>],
) -> Result<(File, &'a Path), CliError> {
    let fail = |e: std::io::Error| CliError::Engine(format!("cannot open {}: {e}", path.display()));
    let bytes = match read_whole(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        read => read.map_err(fail)?,
    };
    let header = json_line(&Header { settings: settings.to_owned() }).map_err(fail)?;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |last| last + 1);
    let mut lines = bytes[..whole].split(|b| *b == b'\n');
    let is_header =
        |line: &[u8]| serde_json::from_slice::<Header>(line).is_ok_and(|header| header.settings == settings);
    // Without a whole line it is empty, or a run was stopped while it wrote the first one.
    let ours = if whole == 0 { header.starts_with(&bytes) } else { lines.next().is_some_and(is_header) };
    if !ours {
        return Err(CliError::Usage(format!(
            "{} is of another run (other clips, classes, templates, frames, model or device), or no file of --resume; name another file",
            path.display()
        )));
    }
    let mut file = OpenOptions::new().append(true).create(true).open(path).map_err(fail)?;
    file.set_len(whole as u64).map_err(fail)?;
    if whole == 0 {
        file.write_all(&header).map_err(fail)?;
        return Ok((file, path));
    }
    // What is damaged, or of a file that was replaced since, is computed again.
    let mut taken = 0;
    for KeptLine { clip, file, answers: given } in lines.filter_map(|line| serde_json::from_slice(line).ok())
    {
        if files.get(clip) == Some(&file) && examination.fits(clip, &given) {
            taken += usize::from(answers[clip].is_none());
            answers[clip] = Some(given);
        }
    }
    eprintln!("{taken} of {} clips are done already", answers.len());
    Ok((file, path))
}

fn keep(to: &mut File, clip: usize, file: &str, answers: &Answers) -> std::io::Result<()> {
    to.write_all(&json_line(&KeptLine { clip, file: file.to_owned(), answers: answers.clone() })?)
}

fn json_line(value: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut json = serde_json::to_vec(value)?;
    json.push(b'\n');
    Ok(json)
}

/// What the figures are of, in lines.
fn caption(report: &Report) -> Vec<String> {
    let p = &report.protocol.conditions;
    let numbers: Vec<String> = report.protocol.splits.iter().map(usize::to_string).collect();
    vec![
        format!("{}, split {}, zero-shot", report.dataset, numbers.join(", ")),
        format!(
            "{} ({} head, digest {}), negatives {}, on {}",
            report.model.name,
            report.model.head,
            report.model.digest,
            if p.negatives { format!("on (alpha {})", report.model.alpha) } else { "off".to_owned() },
            report.device
        ),
        format!(
            "{}, {}, {} preprocessing; templates {}, classes {}, clips {}",
            counted(p.frames, "frame"),
            counted(p.views, "view"),
            format!("{:?}", p.preprocess).to_lowercase(),
            p.templates_digest,
            p.classes_digest,
            p.clips_digest
        ),
    ]
}

fn table(report: &Report, matrix: &Confusion) -> String {
    let mut text = caption(report).join("\n");
    text += "\n\n                clips  missing  undecodable   top-1   top-5   vanilla CLIP top-1\n";
    for s in &report.splits {
        text += &format!(
            "split {:<8} {:>7} {:>8} {:>12} {:>6.1}% {:>6.1}% {:>20.1}%\n",
            s.split, s.clips, s.missing, s.undecodable, s.top1, s.top5, s.vanilla_top1
        );
    }
    let figure = |f: Figure| format!("{:.1} ± {:.1}%", f.mean, f.std);
    text += &format!(
        "\ntop-1 {}, top-5 {}; vanilla CLIP top-1 {} (mean ± population standard deviation over {})\n",
        figure(report.top1),
        figure(report.top5),
        figure(report.vanilla_top1),
        counted(report.splits.len(), "split")
    );
    let (_, less) = compare::difference((&report.splits, Right::Vanilla), (&report.splits, Right::Top1));
    text += &format!(
        "top-1 less vanilla CLIP's, in points with the 95% interval: {}\n",
        points(&less).trim_start()
    );
    let width = report.classes.iter().map(|c| c.name.chars().count()).max().unwrap_or(0).clamp(5, 60);
    text += &format!("\n{:width$}   clips    top-1   said instead most often\n", "class");
    for (i, class) in report.classes.iter().enumerate() {
        let top1 = class.top1.map_or_else(|| "–".to_owned(), |v| format!("{v:.1}%"));
        let instead = matrix
            .instead(i)
            .map_or_else(String::new, |(other, times)| format!("{} ({times})", report.classes[other].name));
        text += format!("{:width$} {:>7} {top1:>8}   {instead}", class.name, class.clips).trim_end();
        text.push('\n');
    }
    text
}

/// Prints what B is better by than A.
pub(super) fn compare(a: &Path, b: &Path) -> Result<(), CliError> {
    let (first, second) = (read_report(a)?, read_report(b)?);
    let differing = compare::differing(&first, &second);
    if !differing.is_empty() {
        return Err(CliError::Differs(format!(
            "{} and {} are not of the same protocol and cannot be compared; {}",
            a.display(),
            b.display(),
            differing.join("; ")
        )));
    }
    let mut text = String::new();
    for (name, path, report) in [("A", a, &first), ("B", b, &second)] {
        let m = &report.model;
        text += &format!(
            "{name}: {} ({} head, alpha {}, digest {}), {}\n",
            m.name,
            m.head,
            m.alpha,
            m.digest,
            path.display()
        );
    }
    text += "\nB less A in points, with the 95% interval    A       B\n";
    type Accuracy = fn(&SplitReport) -> f64;
    let accuracies: [(&str, Right, Accuracy); 3] = [
        ("top-1", Right::Top1, |s| s.top1),
        ("top-5", Right::Top5, |s| s.top5),
        ("vanilla CLIP top-1", Right::Vanilla, |s| s.vanilla_top1),
    ];
    for (name, what, of) in accuracies {
        let (splits, mean) = compare::difference((&first.splits, what), (&second.splits, what));
        text += &format!("{name}\n");
        for ((d, s), t) in splits.iter().zip(&first.splits).zip(&second.splits) {
            text += &row(&format!("split {}", s.split), d, of(s), of(t));
        }
        let mean_of = |all: &[SplitReport]| all.iter().map(of).sum::<f64>() / all.len().max(1) as f64;
        text += &row("mean", &mean, mean_of(&first.splits), mean_of(&second.splits));
    }
    text += "\nNewcombe's interval of paired shares, clip by clip; that of the mean over splits is the mean of its ends.\n";
    print(text.as_bytes())
}

fn row(name: &str, d: &Difference, a: f64, b: f64) -> String {
    format!("  {name:<10} {}   {a:>10.2}% {b:>6.2}%\n", points(d))
}

/// "+1.25  (-0.50 to +3.00)"
fn points(d: &Difference) -> String {
    format!("{:>+7.2}  ({:+.2} to {:+.2})", d.points, d.low, d.high)
}

fn read_report(path: &Path) -> Result<Report, CliError> {
    let fail = |why: String| CliError::Missing(format!("cannot read {}: {why}", path.display()));
    let bytes = read_whole(path).map_err(|e| fail(e.to_string()))?;
    let report: Report = serde_json::from_slice(&bytes)
        .map_err(|e| fail(format!("it is no report of eval zero-shot --json ({e})")))?;
    if report.splits.is_empty() {
        return Err(fail("it has no splits, so there is nothing to compare".to_owned()));
    }
    match report.splits.iter().all(SplitReport::is_whole)
        && report.splits.len() == report.protocol.splits.len()
    {
        true => Ok(report),
        false => Err(fail("its accuracies do not go with its answers".to_owned())),
    }
}
