//! Scores, motion and gates over the whole video, under the seek bar and on its time axis: what the sweep has found so far, and
//! how far it is.
//!
//! A point stands for a span, and is drawn in its middle. Points of neighbouring spans are joined; between spans with something
//! unknown in between there is no line.

mod plot;

use super::intent::Intent;
use super::record::{Record, Value};
use super::state::{State, clock};
use super::theme::{self, Colours};
use super::{elide, scope};
use crate::engine::{Progress, Sweep};
use crate::video::Pts;
use crate::video::clip::Span;
pub use crate::view::Measure;
use crate::view::{self, lane_slots};
use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Align2, Color32, RichText, Sense, Stroke, Ui, WidgetInfo, vec2};
use serde::{Deserialize, Serialize};

/// Which number of the class in this column is drawn.
fn value_of(measure: Measure, column: usize) -> Value {
    match measure {
        Measure::P => Value::P(column),
        Measure::Margin => Value::Margin(column),
        Measure::Cosine => Value::Cosine(column),
    }
}

/// How the lanes look, and which spans they are of. Small: a panel edits a copy and sends it back whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lanes {
    /// Seconds of a span and from one to the next; `None`: as the video's length has it, and every frame of the grid.
    pub length: Option<f64>,
    pub hop: Option<f64>,
    /// Off: what is done stays, and nothing is added.
    pub running: bool,
    pub measure: Measure,
    /// The names of the classes that are drawn; `None`: the few that are strongest anywhere.
    pub classes: Option<Vec<String>>,
    pub none: bool,
    pub motion: bool,
    pub gate: bool,
    /// The part of the video that is seen; `None`: all of it.
    pub view: Option<Span>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            length: None,
            hop: None,
            running: true,
            measure: Measure::P,
            classes: None,
            none: true,
            motion: true,
            gate: true,
            view: None,
        }
    }
}

impl Lanes {
    /// Whatever a file says, spans are of a usable length, and what is seen begins before it ends.
    pub fn within(mut self) -> Self {
        let usable = |v: &f64| v.is_finite();
        self.length = self.length.filter(usable).map(|v| v.clamp(0.05, 3600.0));
        self.hop = self.hop.filter(usable).map(|v| v.clamp(0.0, 3600.0));
        self.view = self.view.map(|v| Span::new(v.start, v.end));
        self
    }

    /// Seconds of a span of a video that ends at `end`.
    pub fn span_secs(&self, end: Pts) -> f64 {
        self.length.unwrap_or_else(|| Sweep::usual_length(end).secs())
    }

    /// What is seen of a video that ends at `end`.
    pub fn seen(&self, end: Pts) -> Span {
        self.view.unwrap_or(Span::new(Pts(0), end))
    }
}

/// One line of the plots.
struct Lane {
    name: String,
    value: Value,
    colour: Color32,
    /// What it is, for who hovers its name.
    tip: String,
}

/// A long name takes so much of the legend, in points, and the line before it so much.
const LEGEND: f32 = 130.0;
const SAMPLE: f32 = 12.0;
/// So much height the plots keep where there is room, in points, and the larger part in any case: what stands above them scrolls.
const PLOTS: f32 = 64.0;

/// Draws the lanes.
pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let mut lanes = s.lanes.clone();
    let Some((end, record)) = s.playback.end().zip(s.record.as_ref()) else {
        let text = if s.video.is_none() {
            "Scores over time appear here once a video is open."
        } else {
            "Scores over time appear here once the clip has been looked at."
        };
        ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak));
        return;
    };
    let colours = theme::of(ui);
    let (scores, streams) = (class_lanes(s, record, colours), stream_lanes(s, record, colours));
    let height = ui.available_height();
    let room = (height - PLOTS).max(0.35 * height);
    let scroll = egui::ScrollArea::vertical().id_salt("lanes controls").max_height(room);
    scroll.min_scrolled_height(0.0).auto_shrink([false, true]).show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            if let Some(what) = record.sweep.question(0).altered() {
                let tip = format!("{what} (not retrained); R resets it");
                scope::altered_label(ui, "altered").on_hover_text(tip);
            }
            controls(ui, s, record, end, &mut lanes, out);
            progress(ui, record, &mut lanes);
        });
        ui.spacing_mut().item_spacing = vec2(12.0, 3.0);
        ui.spacing_mut().interact_size.y = 15.0;
        ui.horizontal_wrapped(|ui| legend(ui, s, record, scores.iter().chain(&streams)));
    });
    plot::show(ui, s, record, &scores, &streams, &mut lanes, out);
    if lanes != s.lanes {
        out.push(Intent::Lanes(lanes));
    }
}

fn controls(ui: &mut Ui, s: &State, record: &Record, end: Pts, lanes: &mut Lanes, out: &mut Vec<Intent>) {
    for measure in Measure::ALL {
        let button = ui.selectable_label(lanes.measure == measure, measure.name());
        let button = button.accessible_name(format!("Lanes of {}", measure.name()));
        if button.on_hover_text(measure.explain()).clicked() {
            lanes.measure = measure;
        }
    }
    // Several can be chosen one after the other.
    let stays = MenuConfig::new().close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
    let (menu, _) = MenuButton::new("Lanes shown").config(stays).ui(ui, |ui| choose(ui, record, lanes));
    menu.on_hover_text("Which lines are drawn");
    ui.menu_button("Loop the strongest", |ui| {
        egui::ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
            for name in record.ranked().iter().filter_map(|c| record.names().get(*c)) {
                if ui.button(format!("Loop the strongest stretch of {name}")).clicked() {
                    out.push(Intent::LoopStrongest(name.clone()));
                    ui.close();
                }
            }
        });
    })
    .response
    .on_hover_text("Sets In and Out around where a class is strongest, and plays that again and again");
    let (length, hop, step) =
        (record.sweep.length().secs(), record.sweep.hop().secs(), record.sweep.step().secs());
    let tip =
        "Length of the spans: each point is of so many seconds around it. Another length is another sweep";
    lanes.length = seconds(ui, "Length of the sweep's spans", tip, length, |v| {
        egui::DragValue::new(v)
            .range(0.2..=end.secs().clamp(0.2, 60.0))
            .speed(0.05)
            .fixed_decimals(2)
            .suffix(" s span")
    })
    .or(lanes.length);
    let tip = "From one span to the next, in whole steps of the grid of frames that all spans share";
    lanes.hop = seconds(ui, "From one span to the next", tip, hop, |v| {
        egui::DragValue::new(v).range(step..=length).speed(step / 4.0).fixed_decimals(3).suffix(" s hop")
    })
    .or(lanes.hop);
    if s.lanes.view.is_some() && ui.button("Whole").on_hover_text("See the whole video again").clicked() {
        lanes.view = None;
    }
}

/// A number that is given once it has been dragged or typed, and not on the way: each is another sweep.
fn seconds(
    ui: &mut Ui,
    name: &str,
    tip: &str,
    present: f64,
    drag: impl FnOnce(&mut f64) -> egui::DragValue<'_>,
) -> Option<f64> {
    let id = egui::Id::unique(("seconds", name));
    let mut value = ui.data(|d| d.get_temp(id)).unwrap_or(present);
    // What is out of range, as the usual length of a very short clip, is nobody's choice.
    let drag = drag(&mut value).update_while_editing(false).clamp_existing_to_range(false);
    let r = ui.add(drag).on_hover_text(tip).accessible_name(name);
    if r.dragged() {
        ui.data_mut(|d| d.insert_temp(id, value));
        return None;
    }
    ui.data_mut(|d| d.remove_temp::<f64>(id));
    (r.drag_stopped() || r.changed()).then_some(value).filter(|v| (v - present).abs() > 1e-9)
}

/// The classes to choose from, and the rest.
fn choose(ui: &mut Ui, record: &Record, lanes: &mut Lanes) {
    if ui.selectable_label(lanes.classes.is_none(), "The strongest few").clicked() {
        lanes.classes = None;
    }
    ui.checkbox(&mut lanes.none, "Lane of none").on_hover_text("With p: the weight of “none of these”");
    ui.checkbox(&mut lanes.motion, "Lane of motion").on_hover_text("Motion energy, on the model's scale");
    ui.checkbox(&mut lanes.gate, "Lane of the gate").on_hover_text("Mean gate, 0 to 1");
    ui.separator();
    egui::ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
        for (c, name) in record.names().iter().enumerate() {
            let chosen = match &lanes.classes {
                Some(names) => names.contains(name),
                None => record.strongest().contains(&c),
            };
            let mut on = chosen;
            ui.checkbox(&mut on, name);
            if on != chosen {
                let few =
                    || record.strongest().iter().filter_map(|c| record.names().get(*c).cloned()).collect();
                let names = lanes.classes.get_or_insert_with(few);
                names.retain(|n| n != name);
                if on {
                    names.push(name.clone());
                }
            }
        }
        if record.names().len() < record.classes() {
            let text = format!(
                "Of {} classes over so many spans only the first {} are kept; a longer hop keeps more.",
                record.classes(),
                record.names().len()
            );
            ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak));
        }
    });
}

/// How far the sweep is, in words, and the switch that stops it.
fn progress(ui: &mut Ui, record: &Record, lanes: &mut Lanes) {
    let p = record.progress;
    let done = p.done + p.failed >= p.total;
    if !done && !p.full {
        let (name, tip) = if lanes.running {
            ("Pause the sweep", "What is done stays")
        } else {
            ("Resume the sweep", "Go on with the spans that are not done")
        };
        if ui.button(name).on_hover_text(tip).clicked() {
            lanes.running = !lanes.running;
        }
        let share = p.done as f32 / p.total.max(1) as f32;
        ui.add(egui::ProgressBar::new(share).desired_width(70.0).desired_height(8.0))
            .accessible_name("Progress of the sweep");
    }
    let (text, tip) = progress_words(p, lanes.running);
    let colour = if p.full || p.failed > 0 { theme::of(ui).warn } else { theme::of(ui).weak };
    let text = RichText::new(text).font(theme::small()).color(colour);
    ui.add(egui::Label::new(text).extend()).on_hover_text(tip);
}

fn progress_words(p: Progress, running: bool) -> (String, &'static str) {
    let failed = if p.failed > 0 { format!(", {} cannot be read", p.failed) } else { String::new() };
    let left = p.total.saturating_sub(p.done + p.failed);
    if left == 0 {
        let spans = if p.done == 1 {
            "the one span done, scored by itself".to_owned()
        } else {
            format!("all {} spans done, each scored by itself", p.done)
        };
        return (format!("{spans}{failed}"), "The whole video has been looked at");
    }
    if p.full {
        let text = format!("{} of {} spans{failed}; memory is full", p.done, p.total);
        return (text, "No more is kept than the memory for it holds. A longer hop covers more of the video");
    }
    if !running {
        return (
            format!("paused at {} of {} spans{failed}", p.done, p.total),
            "Nothing is added while it is paused",
        );
    }
    let (seen, overview) = p.overview;
    let what = if seen < overview {
        format!("overview {seen} of {overview}")
    } else {
        format!("{} of {} spans", p.done, p.total)
    };
    let pace = match p.rate {
        Some(rate) => {
            let left = if seen < overview { (overview - seen) as f32 } else { left as f32 };
            format!(", {rate:.1} spans/s, {} left", duration(left / rate))
        }
        None => String::new(),
    };
    let tip = "First a few spans over the whole video, then those around the play head and in view, then the rest. It makes way \
               for whatever you do";
    (format!("{what}{pace}{failed}"), tip)
}

/// Seconds with as many digits as say something: 0.25, 1.5, 12.
pub fn short(seconds: f64) -> String {
    let text = if seconds < 1.0 { format!("{seconds:.3}") } else { format!("{seconds:.2}") };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// "12 s", "3 min", "1 h 20 min".
fn duration(seconds: f32) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..90 => format!("{s} s"),
        90..5400 => format!("{} min", s.div_ceil(60)),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

/// The classes that are drawn, and "none" where p is.
fn class_lanes(s: &State, record: &Record, theme: &Colours) -> Vec<Lane> {
    let lanes = &s.lanes;
    let columns: Vec<usize> = match &lanes.classes {
        Some(names) => names.iter().filter_map(|n| record.column(n)).collect(),
        None => record.strongest().to_vec(),
    };
    let lane = |(c, colour): (usize, Color32)| Lane {
        name: record.names()[c].clone(),
        value: value_of(lanes.measure, c),
        colour,
        tip: lanes.measure.explain().to_owned(),
    };
    let none = Lane {
        name: "none of these".into(),
        value: Value::None,
        colour: theme.lane_none,
        tip: "The weight of “none of these”: Σ p (1 − yes)".into(),
    };
    let none = (lanes.none && lanes.measure == Measure::P).then_some(none);
    let colours = lane_slots(&columns).into_iter().map(|slot| theme.lanes[slot]);
    columns.into_iter().zip(colours).map(lane).chain(none).collect()
}

/// Motion on the model's scale, and the mean gate: both 0 to 1.
fn stream_lanes(s: &State, record: &Record, theme: &Colours) -> Vec<Lane> {
    let motion = s.lanes.motion.then(|| Lane {
        name: "motion".into(),
        value: Value::Motion,
        colour: theme.text,
        tip: format!(
            "How bright the motion map gets: the ‖M‖/‖X‖ that 99% of its patches stay below. The top of the lane is {}",
            motion_top(s, record).1
        ),
    });
    let gate = s.lanes.gate.then(|| Lane {
        name: "gate".into(),
        value: Value::Gate,
        colour: theme.lane_gate,
        tip: if s.model.as_ref().is_some_and(|m| !m.head_trained) {
            "Mean gate. The motion head is untrained: every gate is ½, and motion does not enter the scores"
                .into()
        } else {
            "Mean gate, 0 to 1: how far static content is let into the motion stream".into()
        },
    });
    motion.into_iter().chain(gate).collect()
}

/// The value at the top of the motion lane, and what it is.
fn motion_top(s: &State, record: &Record) -> (f32, String) {
    let reach =
        s.scale.as_ref().filter(|(model, _)| model == record.sweep.model()).map(|(_, scale)| scale.motion);
    view::motion_top(reach, record.brightest())
}

/// Every lane by name, with its number at the play head: also for who cannot see the lines.
fn legend<'a>(ui: &mut Ui, s: &State, record: &Record, lanes: impl Iterator<Item = &'a Lane>) {
    let near = record.nearest(s.playback.position);
    let stale = record.revision != s.revision;
    let lanes: Vec<&Lane> = lanes.collect();
    let short = |lane: &Lane| elide::middle(ui, &lane.name, &theme::small(), LEGEND).into_owned();
    let shorts: Vec<String> = lanes.iter().map(|lane| short(lane)).collect();
    for (lane, name) in lanes.iter().zip(&shorts) {
        // Two that are told apart by what would be left out are written out.
        let alone = shorts.iter().filter(|other| *other == name).count() == 1;
        let name = if alone { name } else { &lane.name };
        let value = near.and_then(|i| record.value(i, lane.value));
        let colours = theme::of(ui);
        let (line, ink) = if stale {
            (lane.colour.gamma_multiply(0.45), colours.weak)
        } else {
            (lane.colour, colours.text)
        };
        let number = number(lane.value, value);
        let width = |text: &str| elide::width_of(ui, text, &theme::small());
        // As wide with one figure as with another: the next name does not move while the clip plays.
        let size = vec2(SAMPLE + 4.0 + width(name) + width(" +00.0%"), 15.0);
        let at = near.and_then(|i| record.span(i)).map_or(String::new(), |k| {
            let span = record.sweep.span(k);
            format!(
                "\nOf {} to {}, the nearest to the play head that is done.",
                clock(span.start),
                clock(span.end)
            )
        });
        let (rect, r) = ui.allocate_exact_size(size, Sense::hover());
        let painter = ui.painter();
        painter.hline(rect.left()..=rect.left() + SAMPLE, rect.center().y, Stroke::new(3.0, line));
        let at_name = rect.left_center() + vec2(SAMPLE + 4.0, 0.0);
        painter.text(at_name, Align2::LEFT_CENTER, format!("{name} {number}"), theme::small(), ink);
        let words = format!("{} {number}", lane.name);
        r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &words));
        r.on_hover_text(format!("{}: {}{at}", lane.name, lane.tip));
    }
    if stale && !record.is_empty() {
        let text = RichText::new("stale").font(theme::small()).color(theme::of(ui).warn);
        ui.label(text).on_hover_text("The prompts have been edited; the lanes are being scored anew");
    }
}

fn number(of: Value, value: Option<f32>) -> String {
    match (of, value) {
        (_, None) => "–".to_owned(),
        (Value::P(_) | Value::None, Some(v)) => format!("{:.1}%", 100.0 * v),
        (Value::Margin(_) | Value::Cosine(_), Some(v)) => format!("{v:+.3}"),
        (Value::Motion | Value::Gate, Some(v)) => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_in_words() {
        let p = Progress { done: 3, total: 100, overview: (3, 32), rate: Some(2.0), ..Progress::default() };
        assert_eq!(progress_words(p, true).0, "overview 3 of 32, 2.0 spans/s, 15 s left");
        let p = Progress { done: 40, overview: (32, 32), ..p };
        assert_eq!(progress_words(p, true).0, "40 of 100 spans, 2.0 spans/s, 30 s left");
        assert_eq!(progress_words(p, false).0, "paused at 40 of 100 spans");
        let p = Progress { done: 98, failed: 2, ..p };
        assert_eq!(progress_words(p, true).0, "all 98 spans done, each scored by itself, 2 cannot be read");
        let p = Progress { done: 40, failed: 0, full: true, ..p };
        assert_eq!(progress_words(p, true).0, "40 of 100 spans; memory is full");
        assert_eq!(
            (duration(89.0), duration(91.0), duration(7300.0)),
            ("89 s".into(), "2 min".into(), "2 h 1 min".into())
        );
    }

    #[test]
    fn spans_are_a_fifth_of_a_short_video() {
        let lanes = Lanes::default();
        let secs = |end| lanes.span_secs(Pts::from_secs(end));
        assert_eq!((secs(3.0), secs(10.0), secs(7200.0)), (1.0, 2.0, 4.0));
    }
}
