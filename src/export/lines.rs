//! Many analyses in one file, a clip after the other, as JSON lines or as CSV: what shards write can be put one behind the other,
//! and a run that was stopped goes on in the file that it has begun.
//!
//! Every clip names its `item`, its place in the whole list whatever the shard, and `settings`, a digest of all that changes
//! scores beside the clip. A run goes on where both are those of its own list: the last item that stands in the file is done
//! again, because nobody knows whether it was all there, and everything before it is kept.

use super::json::{Altered, Class, Frame, Model, Record, Scope, Video};
use super::table::plain;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The form of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a clip.
    Json,
    /// One line a class of a clip.
    Csv,
}

/// What a clip is of.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// Place in the whole list, from 0.
    pub item: usize,
    pub settings: &'a str,
    pub path: &'a str,
    pub label: Option<&'a str>,
}

/// A clip as a line of JSON: the keys of `analyze --json` without the maps.
#[derive(Serialize)]
struct Line<'a> {
    item: usize,
    settings: &'a str,
    video: &'a Video,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    model: &'a Model,
    device: &'a str,
    scope: Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    altered: Option<&'a Altered>,
    frames: &'a [Frame],
    alpha: f32,
    classes: &'a [Class],
    none: f32,
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    video_embedding: Option<&'a [f32]>,
    /// The file of its maps, beside this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
}

/// A clip, or a whole video, that could not be analysed.
#[derive(Serialize)]
struct Failed<'a> {
    item: usize,
    settings: &'a str,
    video: PathOnly<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    error: &'a str,
}

#[derive(Serialize)]
struct PathOnly<'a> {
    path: &'a str,
}

const COLUMNS: [&str; 14] = [
    "item", "settings", "path", "label", "start_s", "end_s", "class", "p", "s_pos", "s_neg", "margin", "yes",
    "none", "error",
];

/// The first line of a CSV.
pub fn header(form: Form) -> io::Result<Vec<u8>> {
    match form {
        Form::Json => Ok(Vec::new()),
        Form::Csv => rows([COLUMNS.map(str::to_owned)]),
    }
}

/// A clip with its scores.
pub fn scored(form: Form, of: Of<'_>, record: &Record, file: Option<&str>) -> io::Result<Vec<u8>> {
    let Of { item, settings, label, .. } = of;
    match form {
        Form::Json => line(&Line {
            item,
            settings,
            video: &record.video,
            label,
            model: &record.model,
            device: &record.device,
            scope: record.scope,
            altered: record.altered.as_ref(),
            frames: &record.frames,
            alpha: record.alpha,
            classes: &record.classes,
            none: record.none,
            notes: &record.notes,
            video_embedding: record.video_embedding.as_deref(),
            file,
        }),
        Form::Csv => {
            let number = |v: Option<f32>| v.map_or_else(String::new, |v| v.to_string());
            rows(record.classes.iter().map(|c| {
                let [a, b, d, e, f, g] = place(of, Some(record.scope));
                let none = number(Some(record.none));
                let p = number(Some(c.p).filter(|_| c.counts));
                let (s_pos, s_neg, margin, yes) =
                    (number(c.s_pos), number(c.s_neg), number(c.margin), number(c.yes));
                [a, b, d, e, f, g, plain(&c.name), p, s_pos, s_neg, margin, yes, none, String::new()]
            }))
        }
    }
}

/// A clip, or without a scope a whole video, that could not be analysed.
pub fn failed(form: Form, of: Of<'_>, scope: Option<Scope>, error: &str) -> io::Result<Vec<u8>> {
    let Of { item, settings, path, label } = of;
    match form {
        Form::Json => line(&Failed { item, settings, video: PathOnly { path }, label, scope, error }),
        Form::Csv => {
            let [a, b, c, d, e, f] = place(of, scope);
            let none = String::new;
            rows([[a, b, c, d, e, f, none(), none(), none(), none(), none(), none(), none(), plain(error)]])
        }
    }
}

fn place(of: Of<'_>, scope: Option<Scope>) -> [String; 6] {
    let time = |t: Option<f64>| t.map_or_else(String::new, |t| t.to_string());
    [
        of.item.to_string(),
        of.settings.to_owned(),
        plain(of.path),
        plain(of.label.unwrap_or_default()),
        time(scope.map(|s| s.start_s)),
        time(scope.map(|s| s.end_s)),
    ]
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut json = serde_json::to_vec(value)?;
    json.push(b'\n');
    Ok(json)
}

fn rows(rows: impl IntoIterator<Item = [String; COLUMNS.len()]>) -> io::Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    for row in rows {
        out.write_record(row)?;
    }
    out.into_inner().map_err(|e| e.into_error())
}

/// What is known of one line of an earlier run.
struct Told {
    item: usize,
    settings: String,
    path: String,
    failed: bool,
}

/// What an earlier run has left to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The item that comes next.
    pub next: usize,
    /// Of the items before, those that failed in whole or in part.
    pub failed: usize,
}

/// Cuts the file of an earlier run down to the items that are certainly whole. `expected` gives the path of an item, `None` for one that
/// is not in this shard; `first` is the shard's first.
///
/// # Errors
/// The file cannot be read or cut, or is not of this list and these settings: the message says what is different.
pub fn resume(
    file: &mut File,
    form: Form,
    settings: &str,
    first: usize,
    expected: &dyn Fn(usize) -> Option<String>,
) -> Result<Kept, String> {
    let io = |e: io::Error| e.to_string();
    let expected = |item| expected(item).map(|path| if form == Form::Csv { plain(&path) } else { path });
    let mut kept = Kept { next: first, failed: 0 };
    // Where the item begins that was met last, and whether it failed.
    let (mut begins, mut fails) = (0, false);
    let mut current = None;
    let mut wrong = None;
    each_line(file, form, &mut |at, told| {
        let different = match &told {
            Err(why) => Some(why.clone()),
            Ok(told) if told.settings != settings => {
                Some("is of another model, other prompts or other options".to_owned())
            }
            Ok(told) if expected(told.item).as_deref() != Some(&told.path) => {
                Some(format!("has item {} as {}, which it is not in this list", told.item, told.path))
            }
            Ok(told)
                if current.is_none_or(|c| told.item == c + 1)
                    && (current.is_some() || told.item == first) =>
            {
                kept.failed += usize::from(fails);
                (current, begins, fails) = (Some(told.item), at, told.failed);
                None
            }
            Ok(told) if current == Some(told.item) => {
                fails |= told.failed;
                None
            }
            Ok(told) => Some(format!("has item {} out of its place", told.item)),
        };
        wrong = different;
        wrong.is_none()
    })
    .map_err(io)?;
    if let Some(wrong) = wrong {
        return Err(format!("it {wrong}; name another --output"));
    }
    kept.next = current.unwrap_or(first);
    file.set_len(begins).map_err(io)?;
    file.seek(SeekFrom::End(0)).map_err(io)?;
    Ok(kept)
}

/// Hears where each whole line begins and what it says, until it says stop. What follows the last line break is not a line.
fn each_line(
    file: &mut File,
    form: Form,
    hear: &mut dyn FnMut(u64, Result<Told, String>) -> bool,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    match form {
        Form::Json => {
            #[derive(Deserialize)]
            struct Video {
                path: String,
            }
            #[derive(Deserialize)]
            struct Known {
                item: usize,
                settings: String,
                video: Video,
                error: Option<String>,
            }
            let (mut lines, mut at, mut text) = (BufReader::new(file), 0, Vec::new());
            loop {
                text.clear();
                let read = lines.read_until(b'\n', &mut text)? as u64;
                if !text.ends_with(b"\n") {
                    return Ok(());
                }
                let told = serde_json::from_slice::<Known>(&text).map(|k| Told {
                    item: k.item,
                    settings: k.settings,
                    path: k.video.path,
                    failed: k.error.is_some(),
                });
                if !hear(at, told.map_err(|_| "holds something else".to_owned())) {
                    return Ok(());
                }
                at += read;
            }
        }
        Form::Csv => {
            let whole = last_break(file)?;
            file.seek(SeekFrom::Start(0))?;
            let mut lines = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(BufReader::new(file.take(whole)));
            let mut record = csv::StringRecord::new();
            let known = |record: &csv::StringRecord| {
                Some(Told {
                    item: record.get(0)?.parse().ok()?,
                    settings: record.get(1)?.to_owned(),
                    path: record.get(2)?.to_owned(),
                    failed: record.get(COLUMNS.len() - 1).is_some_and(|e| !e.is_empty()),
                })
            };
            loop {
                let at = lines.position().byte();
                if !lines.read_record(&mut record).map_err(io::Error::other)? {
                    return Ok(());
                }
                if at == 0 && record.iter().eq(COLUMNS) {
                    continue;
                }
                if !hear(at, known(&record).ok_or_else(|| "holds something else".to_owned())) {
                    return Ok(());
                }
            }
        }
    }
}

/// The byte after the last line break.
fn last_break(file: &mut File) -> io::Result<u64> {
    let (mut lines, mut at, mut text) = (BufReader::new(file), 0, Vec::new());
    loop {
        text.clear();
        let read = lines.read_until(b'\n', &mut text)? as u64;
        if !text.ends_with(b"\n") {
            return Ok(at);
        }
        at += read;
    }
}

/// The file of a run: a new one, or with `resume` also one that is there.
pub fn open(path: &Path, resume: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    if resume {
        options.create(true).truncate(false)
    } else {
        options.create_new(true)
    };
    options.open(path)
}

/// Writes and makes sure that it has left the program.
pub fn push(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes).and_then(|()| out.flush())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str = "s";

    fn path(item: usize) -> Option<String> {
        (item < 6).then(|| format!("=v,{item}.mp4"))
    }

    fn lines(form: Form, items: &[(usize, Option<&str>)]) -> Vec<u8> {
        let mut all = header(form).unwrap();
        for (item, error) in items {
            let path = path(*item).unwrap();
            let of = Of { item: *item, settings: SETTINGS, path: &path, label: None };
            all.extend(failed(form, of, None, error.unwrap_or_default()).unwrap());
        }
        all
    }

    fn kept(form: Form, bytes: &[u8], first: usize) -> (Result<Kept, String>, u64) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let kept = resume(&mut file, form, SETTINGS, first, &path);
        (kept, file.metadata().unwrap().len())
    }

    #[test]
    fn all_but_the_last_item_is_kept_wherever_the_file_was_cut() {
        // The item twice in the file has two spans.
        let items = [(2, None), (2, None), (3, None), (4, None)];
        for form in [Form::Json, Form::Csv] {
            let all = lines(form, &items);
            let start = |n: usize| lines(form, &items[..n]).len();
            for cut in 0..=all.len() {
                let (kept, left) = kept(form, &all[..cut], 2);
                let begun = |n: usize| cut >= start(n + 1);
                let (next, whole) = match () {
                    () if begun(3) => (4, start(3)),
                    () if begun(2) => (3, start(2)),
                    () => (2, start(0)),
                };
                let kept = kept.unwrap();
                assert_eq!(kept.next, next, "{form:?} cut at {cut}");
                // Of nothing whole nothing is kept, the header neither.
                let whole = if next == 2 { [0, whole as u64].into() } else { vec![whole as u64] };
                assert!(whole.contains(&left), "{form:?} cut at {cut}: {left}");
            }
        }
    }

    #[test]
    fn a_file_of_another_run_is_refused() {
        let form = Form::Json;
        for (bytes, why) in [
            (lines(form, &[(2, None)]), "out of its place"),
            (lines(form, &[(0, None), (2, None)]), "out of its place"),
            (b"{}\n".to_vec(), "something else"),
            (br#"{"item":0,"settings":"t","video":{"path":"=v,0.mp4"}}"#.iter().chain(b"\n").copied().collect(), "another model"),
            (br#"{"item":0,"settings":"s","video":{"path":"w"}}"#.iter().chain(b"\n").copied().collect(), "item 0 as w"),
        ] {
            let (kept, left) = kept(form, &bytes, 0);
            assert!(kept.unwrap_err().contains(why), "{why}");
            assert_eq!(left, bytes.len() as u64, "nothing is lost");
        }
    }
}
