//! The lanes: what a sweep over a whole video has found, span by span, as a figure with its receipt and as a table.

use super::chart::{Axes, Canvas, time};
use super::figure::{FAINT, INK, font_of, receipt, save};
use super::report::Report;
use super::{ExportError, table};
use crate::engine::{Point, Sweep};
use crate::experiment::Experiment;
use crate::files::write_atomic;
use crate::score::Scores;
use crate::video::{Pts, RgbImage, Span};
use crate::view::{LANE_COLOURS, Measure, lane_slots, motion_top};
use egui::FontId;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use vello_cpu::kurbo::{Point as At, Rect};

/// The word of the metadata under which the spec stands.
pub const SPEC: &str = "motionlens:lanes";
/// Classes that are drawn where nobody has chosen any.
const FEW: usize = 4;

/// Everything that a sweep has found so far.
#[derive(Clone, Debug)]
pub struct Lanes {
    pub sweep: Arc<Sweep>,
    /// Where the video ends.
    pub end: Pts,
    /// The classes whose scores the rows have, in the order of the prompt set.
    pub names: Vec<String>,
    /// Of how many classes: of a great many only the first are kept.
    pub classes: usize,
    /// By span, rising.
    pub rows: Vec<Row>,
}

/// One span. What is not there is not a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which one of the sweep.
    pub span: u32,
    /// Of each of the classes.
    pub p: Vec<f32>,
    pub margin: Vec<f32>,
    pub cosine: Vec<f32>,
    /// The weight of “none of these”.
    pub none: f32,
    /// The motion map ‖M‖/‖X‖: its mean, and what 99% of its patches stay below.
    pub motion: f32,
    pub bright: f32,
    /// Mean gate, 0–1.
    pub gate: f32,
}

impl Row {
    pub fn new(span: u32, point: &Point, scores: &Scores) -> Self {
        let of = |f: fn(&crate::score::ClassScore) -> Option<f32>| {
            scores.classes.iter().map(|c| f(c).unwrap_or(f32::NAN)).collect()
        };
        Self {
            span,
            p: of(|c| Some(c.p)),
            margin: of(|c| c.margin),
            cosine: of(|c| c.s_pos),
            none: scores.none,
            motion: point.motion,
            bright: point.bright,
            gate: point.gate.unwrap_or(f32::NAN),
        }
    }
}

/// What a figure of lanes shows; with the experiment all that makes it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The sweep: length of a span, and from one to the next.
    pub length: Pts,
    pub hop: Pts,
    /// The spans that are done, as runs of them: the first and the last of each.
    pub spans: Vec<(u32, u32)>,
    pub measure: Measure,
    /// The classes that are drawn, by name.
    pub classes: Vec<String>,
    /// “None of these”, motion and gate are drawn.
    pub none: bool,
    pub motion: bool,
    pub gate: bool,
    /// The part of the video that is seen; absent: all of it.
    pub view: Option<Span>,
    /// Of the play head, where there is one.
    pub position: Option<Pts>,
}

impl Spec {
    /// p of the few classes that are strongest anywhere, and the streams, over the whole video.
    pub fn new(lanes: &Lanes) -> Self {
        let largest = |c: usize| lanes.rows.iter().map(|r| r.p[c]).fold(0.0, f32::max);
        let mut best: Vec<usize> = (0..lanes.names.len()).collect();
        best.sort_by(|a, b| largest(*b).total_cmp(&largest(*a)));
        let mut spans: Vec<(u32, u32)> = Vec::new();
        for row in &lanes.rows {
            match spans.last_mut() {
                Some((_, last)) if *last + 1 == row.span => *last = row.span,
                _ => spans.push((row.span, row.span)),
            }
        }
        Self {
            length: lanes.sweep.length(),
            hop: lanes.sweep.hop(),
            spans,
            measure: Measure::P,
            classes: best.iter().take(FEW).map(|c| lanes.names[*c].clone()).collect(),
            none: true,
            motion: true,
            gate: true,
            view: None,
            position: None,
        }
    }
}

/// Writes the figure as PNG.
///
/// # Errors
/// The picture cannot be encoded or the file not written; what was there before is unchanged.
pub fn write(
    report: &Report<'_>,
    experiment: &Experiment,
    (lanes, spec): (&Lanes, &Spec),
    path: &Path,
) -> Result<(), ExportError> {
    let json = serde_json::to_string(spec).unwrap_or_default();
    let mut about = receipt(report);
    about.push(lanes.in_words());
    save(experiment, path, about, (SPEC, json), |lines| picture(report, (lanes, spec), lines))
}

/// Writes every number as CSV, a line a span.
///
/// # Errors
/// The file cannot be written; what was there before is unchanged.
pub fn write_table(lanes: &Lanes, path: &Path) -> Result<(), ExportError> {
    let fail = |source| ExportError::Write { path: path.to_owned(), source };
    let bytes = rows(lanes).map_err(|e| fail(e.into()))?;
    write_atomic(path, &bytes).map_err(fail)
}

/// Lines that begin with what a spreadsheet takes for a formula cannot come from names: a word stands before each.
pub(super) fn rows(lanes: &Lanes) -> csv::Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let of = |word: &str| lanes.names.iter().map(|n| format!("{word} of {n}")).collect::<Vec<_>>();
    let streams = ["none", "motion_mean", "motion_99", "gate"].map(str::to_owned);
    let head = ["start_s", "end_s"].map(str::to_owned);
    out.write_record(head.into_iter().chain(of("p")).chain(of("margin")).chain(of("cosine")).chain(streams))?;
    for row in &lanes.rows {
        let span = lanes.sweep.span(row.span);
        let times = [span.start, span.end].map(|at| at.secs().to_string());
        let number = |v: &f32| if v.is_finite() { v.to_string() } else { String::new() };
        let scores = row.p.iter().chain(&row.margin).chain(&row.cosine);
        let streams = [row.none, row.motion, row.bright, row.gate];
        out.write_record(times.into_iter().chain(scores.chain(&streams).map(number)))?;
    }
    table::finish(out)
}

impl Lanes {
    /// "lanes: spans of 1 s, a new one every 0.125 s; 17 of 17 done".
    pub fn in_words(&self) -> String {
        let (length, hop) = (self.sweep.length().secs(), self.sweep.hop().secs());
        let kept = if self.names.len() < self.classes {
            format!("; the first {} of {} classes are kept", self.names.len(), self.classes)
        } else {
            String::new()
        };
        format!(
            "lanes: spans of {length:.3} s, a new one every {hop:.3} s, {} of {} done; a point stands for its span, in its middle{kept}",
            self.rows.len(),
            self.sweep.spans()
        )
    }
}

/// Room around, in pixels, and beside the plots for their numbers.
const MARGIN: u32 = 16;
const AXIS: u32 = 56;
const WIDTH: u32 = 1200;
/// Heights of the two plots.
const SCORES: u32 = 300;
const STREAMS: u32 = 110;
const TITLE: FontId = FontId::proportional(16.0);
const TEXT: FontId = FontId::proportional(14.0);
const SMALL: FontId = FontId::proportional(12.0);
/// With so few spans in view each is marked.
const MARKED: usize = 48;
/// Colours of classes on white, by their place in the prompt set.
const COLOURS: [[u8; 3]; LANE_COLOURS] = [
    [0, 114, 178],
    [204, 62, 62],
    [0, 135, 85],
    [170, 125, 0],
    [123, 77, 190],
    [213, 105, 0],
    [0, 145, 155],
    [200, 80, 150],
];
const NONE: [u8; 3] = [120, 126, 136];
const GATE: [u8; 3] = [90, 140, 60];
const SCOPE: [u8; 3] = [80, 120, 230];
const DASHED: [f64; 2] = [7.0, 3.0];
const DOTTED: [f64; 2] = [2.0, 3.0];

/// One line of a plot: its name, its look, and its value in a row.
struct Lane<'a> {
    name: String,
    colour: [u8; 3],
    dash: &'static [f64],
    value: Box<dyn Fn(&Row) -> f32 + 'a>,
}

/// A figure with these lines under it.
pub(super) fn picture(report: &Report<'_>, (lanes, spec): (&Lanes, &Spec), lines: &[String]) -> RgbImage {
    let seen = spec.view.unwrap_or(Span::new(Pts(0), lanes.end));
    let brightest = lanes.rows.iter().map(|r| r.bright).fold(0.0, f32::max);
    let (top, top_words) = motion_top(report.style.motion, brightest);
    let (scores, streams) = (class_lanes(lanes, spec), stream_lanes(spec, top));
    let y = match spec.measure {
        Measure::P => (0.0, 1.0),
        _ => reach(lanes, &scores, seen),
    };
    let width = WIDTH - 2 * MARGIN;
    let (left, right) = (f64::from(MARGIN + AXIS), f64::from(WIDTH - MARGIN - AXIS));
    // Drawn twice: what has been written says how high the picture is.
    let draw = |height: u16| {
        let mut c = Canvas::new(WIDTH as u16, height);
        let name = Path::new(&report.record.video.path).file_name().unwrap_or_default().to_string_lossy();
        let mut at = MARGIN;
        at += c.write((MARGIN, at), &format!("{name}: scores, motion and gate over time"), TITLE, width, INK)
            + 6;
        at = legend(&mut c, report, spec, scores.iter().chain(&streams), at) + 6;
        at += c.write((MARGIN, at), spec.measure.explain(), SMALL, width, INK) + 4;
        let axes = |top: u32, height: u32, y| Axes {
            rect: Rect::new(left, f64::from(top), right, f64::from(top + height)),
            x: (seen.start.secs(), seen.end.secs()),
            y,
        };
        let upper = axes(at, SCORES, y);
        let times = |x: f64, step: f64| time(x, step, seen.end.secs());
        scope(&mut c, report, &upper);
        c.grid(&upper, streams.is_empty().then_some(&times), None);
        scores.iter().for_each(|lane| line(&mut c, lanes, lane, &upper, seen));
        head(&mut c, spec, &upper);
        sampled(&mut c, report, &upper);
        c.frame(&upper);
        at += SCORES + 8;
        if !streams.is_empty() {
            let above = if brightest > top { "; more is drawn at the top" } else { "" };
            let what = match (spec.motion, spec.gate) {
                (true, true) => format!(
                    "mean gate, 0 closed to 1 open (left), and {} (right; {top_words}{above})",
                    motion_words()
                ),
                (true, false) => format!(
                    "{}, as a part of the top (left) and as it is (right; {top_words}{above})",
                    motion_words()
                ),
                _ => "mean gate, 0 closed to 1 open".to_owned(),
            };
            at += c.write((MARGIN, at), &what, SMALL, width, INK) + 4;
            let lower = axes(at, STREAMS, (0.0, 1.0));
            let motion = |y: f64| y * f64::from(top);
            scope(&mut c, report, &lower);
            c.grid(&lower, Some(&times), spec.motion.then_some(&motion));
            streams.iter().for_each(|lane| line(&mut c, lanes, lane, &lower, seen));
            head(&mut c, spec, &lower);
            c.frame(&lower);
            at += STREAMS;
        }
        at += 22;
        at += c.write((MARGIN, at), "time in the video", SMALL, width, INK) + 8;
        for text in lines {
            at += c.write((MARGIN, at), text, font_of(text), width, FAINT) + 2;
        }
        (c, at + MARGIN)
    };
    let height = draw(1).1.min(u32::from(u16::MAX));
    draw(height as u16).0.finish()
}

fn motion_words() -> &'static str {
    "motion: the ‖M‖/‖X‖ that 99% of a span's patches stay below"
}

fn class_lanes<'a>(lanes: &'a Lanes, spec: &'a Spec) -> Vec<Lane<'a>> {
    let columns: Vec<usize> =
        spec.classes.iter().filter_map(|name| lanes.names.iter().position(|n| n == name)).collect();
    let slots = lane_slots(&columns);
    let lane = |(i, (column, slot)): (usize, (usize, usize))| Lane {
        name: lanes.names[column].clone(),
        colour: COLOURS[slot],
        dash: if i < LANE_COLOURS { &[] } else { &DASHED },
        value: Box::new(move |row: &Row| match spec.measure {
            Measure::P => row.p[column],
            Measure::Margin => row.margin[column],
            Measure::Cosine => row.cosine[column],
        }),
    };
    let none = (spec.none && spec.measure == Measure::P).then(|| Lane {
        name: "none of these".into(),
        colour: NONE,
        dash: &DASHED,
        value: Box::new(|row: &Row| row.none),
    });
    columns.into_iter().zip(slots).enumerate().map(lane).chain(none).collect()
}

fn stream_lanes(spec: &Spec, top: f32) -> Vec<Lane<'_>> {
    let motion = spec.motion.then(|| Lane {
        name: "motion".into(),
        colour: INK,
        dash: &[],
        value: Box::new(move |row: &Row| row.bright / top.max(f32::MIN_POSITIVE)),
    });
    let gate = spec.gate.then(|| Lane {
        name: "mean gate".into(),
        colour: GATE,
        dash: &DASHED,
        value: Box::new(|row: &Row| row.gate),
    });
    motion.into_iter().chain(gate).collect()
}

/// The rows whose middle is in view, and one more on each side.
fn in_view(lanes: &Lanes, seen: Span) -> &[Row] {
    let middle = |row: &Row| lanes.sweep.middle(row.span);
    let from = lanes.rows.partition_point(|r| middle(r) < seen.start).saturating_sub(1);
    let to = (lanes.rows.partition_point(|r| middle(r) <= seen.end) + 1).min(lanes.rows.len());
    &lanes.rows[from.min(to)..to]
}

/// The values in view, with some room around them.
fn reach(lanes: &Lanes, drawn: &[Lane<'_>], seen: Span) -> (f64, f64) {
    let rows = in_view(lanes, seen);
    let values =
        drawn.iter().flat_map(|lane| rows.iter().map(|row| (lane.value)(row))).filter(|v| v.is_finite());
    let (lo, hi) = values.fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
    if lo > hi {
        return (0.0, 1.0);
    }
    let room = f64::from((hi - lo) * 0.08).max(0.005);
    (f64::from(lo) - room, f64::from(hi) + room)
}

/// Spans side by side are joined; a span alone is a dot with the time that it stands for.
fn line(c: &mut Canvas, lanes: &Lanes, lane: &Lane<'_>, axes: &Axes, seen: Span) {
    let rows = in_view(lanes, seen);
    let known: Vec<(u32, f64)> = rows
        .iter()
        .map(|row| (row.span, f64::from((lane.value)(row))))
        .filter(|(_, v)| v.is_finite())
        .collect();
    let inside = |x: f64| axes.x.0 <= x && x <= axes.x.1;
    for run in known.chunk_by(|a, b| a.0 + 1 == b.0) {
        let middle = |k: u32| lanes.sweep.middle(k).secs();
        if let [(k, v)] = run {
            let span = lanes.sweep.span(*k);
            let ends = [axes.at(span.start.secs(), *v), axes.at(span.end.secs(), *v)];
            c.line(&ends, 1.0, lane.colour, &[]);
        } else {
            let points: Vec<_> = run.iter().map(|(k, v)| axes.at(middle(*k), *v)).collect();
            c.line(&points, 1.8, lane.colour, lane.dash);
        }
        if rows.len() <= MARKED || run.len() == 1 {
            for (k, v) in run.iter().filter(|(k, _)| inside(middle(*k))) {
                c.dot(axes.at(middle(*k), *v), 2.6, lane.colour);
            }
        }
    }
}

/// The stretch that the scores on show are of.
fn scope(c: &mut Canvas, report: &Report<'_>, axes: &Axes) {
    let scope = report.record.scope;
    let (a, b) = (axes.at(scope.start_s, axes.y.0), axes.at(scope.end_s, axes.y.1));
    c.band(Rect::new(a.x, b.y, b.x, a.y), SCOPE, 22);
}

/// The frames that the model saw of it.
fn sampled(c: &mut Canvas, report: &Report<'_>, axes: &Axes) {
    for at in report.record.frames.iter().map(|f| f.pts_s).filter(|at| axes.x.0 <= *at && *at <= axes.x.1) {
        c.triangle(axes.at(at, axes.y.0), 9.0, FAINT);
    }
}

fn head(c: &mut Canvas, spec: &Spec, axes: &Axes) {
    if let Some(at) = spec.position.map(|at| at.secs()).filter(|at| axes.x.0 <= *at && *at <= axes.x.1) {
        c.line(&[axes.at(at, axes.y.0), axes.at(at, axes.y.1)], 1.5, INK, &DOTTED);
    }
}

/// Every lane and mark by its look and name; gives where it ends.
fn legend<'a>(
    c: &mut Canvas,
    report: &Report<'_>,
    spec: &Spec,
    lanes: impl Iterator<Item = &'a Lane<'a>>,
    top: u32,
) -> u32 {
    const SAMPLE: u32 = 28;
    const ROW: u32 = 19;
    let (mut x, mut y) = (MARGIN, top);
    // Room for one entry, and where its sample is.
    let mut entry = |c: &mut Canvas, text: &str| {
        let wide = SAMPLE + 6 + c.width(text, TEXT).min(WIDTH / 2);
        if x + wide > WIDTH - MARGIN && x > MARGIN {
            (x, y) = (MARGIN, y + ROW);
        }
        let at = (x, y);
        c.write((x + SAMPLE + 6, y), text, TEXT, WIDTH / 2, INK);
        x += wide + 18;
        let (left, middle) = (f64::from(at.0), f64::from(at.1) + 9.0);
        (At::new(left, middle), At::new(left + f64::from(SAMPLE), middle))
    };
    for lane in lanes {
        let (a, b) = entry(c, &lane.name);
        c.line(&[a, b], 2.4, lane.colour, lane.dash);
    }
    let (a, b) = entry(c, &format!("scores on show: {}", report.record.scope.in_words()));
    c.band(Rect::new(a.x, a.y - 6.0, b.x, b.y + 6.0), SCOPE, 50);
    let (a, b) = entry(c, "sampled frames");
    c.triangle(At::new((a.x + b.x) / 2.0, a.y + 5.0), 9.0, FAINT);
    if let Some(at) = spec.position {
        let (a, b) = entry(c, &format!("play head at {:.3} s", at.secs()));
        let x = (a.x + b.x) / 2.0;
        c.line(&[At::new(x, a.y - 7.0), At::new(x, a.y + 7.0)], 1.5, INK, &DOTTED);
    }
    y + ROW
}
