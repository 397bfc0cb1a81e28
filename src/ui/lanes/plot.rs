//! The two plots of the lanes, on one time axis: scores above, motion and gates below. What the pointer does is the same in both.

use super::{Lane, Lanes, Measure, motion_top, number};
use crate::ui::intent::Intent;
use crate::ui::record::{Record, Value};
use crate::ui::state::{State, clock};
use crate::ui::theme::{self, Colours};
use crate::video::Pts;
use crate::video::clip::Span;
use egui::{Color32, Id, RichText, Sense, Stroke, Ui, WidgetInfo};
use egui_plot::{Line, LineStyle, MarkerShape, Plot, PlotPoints, PlotUi, Points, Polygon, VLine};
use std::ops::RangeInclusive;

/// The seek bar's track begins so many points inside its panel, and so does the time axis here.
const INSET: f32 = 8.0;
/// More points than this in view are drawn as the smallest and largest of each bit of time.
const MOST: usize = 1200;
/// With so few points in view each is marked, and shows the span that it stands for.
const FEW: usize = 48;
/// Shares, with room for a line that lies at an end.
const SHARES: RangeInclusive<f64> = -0.03..=1.06;
/// The shortest stretch that can be seen, in seconds.
const SHORTEST: f64 = 0.2;

/// Draws the plots and says what was done in them.
pub fn show(
    ui: &mut Ui,
    s: &State,
    record: &Record,
    scores: &[Lane],
    streams: &[Lane],
    lanes: &mut Lanes,
    out: &mut Vec<Intent>,
) {
    let Some(end) = s.playback.end() else { return };
    let seen = s.lanes.seen(end);
    let height = ui.available_height().max(60.0);
    let below = if streams.is_empty() { 0.0 } else { (height * 0.32).clamp(24.0, 70.0) };
    let range = if s.lanes.measure == Measure::P { SHARES } else { reach(record, scores, seen) };
    one(ui, s, record, ("Scores over time", scores), (height - below - 4.0, range), lanes, out);
    if !streams.is_empty() {
        one(ui, s, record, ("Motion and gate over time", streams), (below, SHARES), lanes, out);
    }
}

/// The values in view, with some room around them.
fn reach(record: &Record, lanes: &[Lane], seen: Span) -> RangeInclusive<f64> {
    let values = || {
        let rows = record.between(seen.start, seen.end);
        lanes.iter().flat_map(move |lane| rows.clone().filter_map(|i| record.value(i, lane.value)))
    };
    let (lo, hi) = values().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
    if lo > hi {
        return 0.0..=1.0;
    }
    let room = f64::from((hi - lo) * 0.08).max(0.005);
    f64::from(lo) - room..=f64::from(hi) + room
}

fn one(
    ui: &mut Ui,
    s: &State,
    record: &Record,
    (name, drawn): (&str, &[Lane]),
    (height, range): (f32, RangeInclusive<f64>),
    lanes: &mut Lanes,
    out: &mut Vec<Intent>,
) {
    let Some(end) = s.playback.end() else { return };
    let seen = s.lanes.seen(end);
    let drag_id = Id::unique(("lanes drag", name));
    let from: Option<f64> = ui.data(|d| d.get_temp(drag_id));
    let scale = |lane: &Lane| {
        if lane.value == Value::Motion {
            1.0 / f64::from(motion_top(s, record).0.max(f32::MIN_POSITIVE))
        } else {
            1.0
        }
    };
    let stale = record.revision != s.revision;
    let colours = theme::of(ui);
    let plot = Plot::new(("lanes", name))
        .height(height)
        .width(ui.available_width())
        .show_axes(false)
        .show_x(false)
        .show_y(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .sense(Sense::click_and_drag())
        .cursor_color(Color32::TRANSPARENT)
        .grid_color(colours.line)
        .set_margin_fraction(egui::Vec2::ZERO);
    let shown = plot.show(ui, |plot| {
        // Where the seek bar's track begins and ends, the axis does.
        let width = f64::from((plot.response().rect.width() - 2.0 * INSET).max(1.0));
        let room = seen.secs() / width * f64::from(INSET);
        plot.set_plot_bounds_x(seen.start.secs() - room..=seen.end.secs() + room);
        plot.set_plot_bounds_y(range.clone());
        spans(plot, s, &range, from, colours);
        for lane in drawn {
            line(plot, record, lane, seen, scale(lane), stale);
        }
        // Over the lanes, which run along the foot where a score is 0.
        if let Some(shown) = &s.shown {
            let foot = *range.start();
            let frames: Vec<[f64; 2]> = shown.answer.frames.iter().map(|at| [at.secs(), foot]).collect();
            let points = Points::new("sampled frames", PlotPoints::from(frames)).shape(MarkerShape::Up);
            plot.points(points.radius(5.0).color(colours.weak).allow_hover(false));
        }
        plot.vline(
            VLine::new("play head", s.playback.position.secs())
                .color(colours.strong)
                .width(1.5)
                .allow_hover(false),
        );
        plot.pointer_coordinate()
    });
    let r = shown.response;
    let text = format!("{name}, {} to {}", clock(seen.start), clock(seen.end));
    r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &text));
    let limits = |t: f64| Pts::from_secs(t.clamp(0.0, end.secs()));
    let at = shown.inner.map(|p| p.x);
    // A drag begins where the pointer was pressed, not where it had moved to when that was seen.
    let pressed = ui.input(|i| i.pointer.press_origin()).map(|p| shown.transform.value_from_position(p).x);
    if r.drag_started()
        && let Some(x) = pressed.or(at)
    {
        ui.data_mut(|d| d.insert_temp(drag_id, x));
    }
    if r.drag_stopped() {
        ui.data_mut(|d| d.remove_temp::<f64>(drag_id));
        if let (Some(a), Some(b)) = (from.or(pressed), at)
            && (a - b).abs() > seen.secs() / 500.0
        {
            out.push(Intent::Range(limits(a.min(b)), limits(a.max(b))));
        }
    }
    if r.clicked()
        && let Some(x) = at
    {
        out.push(Intent::Seek(limits(x)));
    }
    if r.hovered()
        && let Some(x) = at
    {
        zoom(ui, x, end, seen, lanes);
    }
    if !r.dragged()
        && let Some(x) = at
    {
        r.on_hover_ui_at_pointer(|ui| read(ui, record, drawn, limits(x)));
    }
}

/// Scrolling zooms around the pointer; sideways, or with Shift, it moves along.
fn zoom(ui: &Ui, x: f64, end: Pts, seen: Span, lanes: &mut Lanes) {
    let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta(), i.zoom_delta()));
    let (a, b) = (seen.start.secs(), seen.end.secs());
    let factor = f64::from((-scroll.y / 200.0).exp() / pinch);
    let along = -f64::from(scroll.x) * (b - a) / f64::from(ui.available_width().max(200.0));
    if (factor - 1.0).abs() < 1e-3 && along == 0.0 {
        return;
    }
    let length = ((b - a) * factor).clamp(SHORTEST.min(end.secs()), end.secs());
    let share = ((x - a) / (b - a).max(1e-9)).clamp(0.0, 1.0);
    let start = (x.clamp(a, b) - share * length + along).clamp(0.0, end.secs() - length);
    let whole = length >= end.secs() * 0.999;
    lanes.view = (!whole).then(|| Span::new(Pts::from_secs(start), Pts::from_secs(start + length)));
}

/// What lies behind the lines: the in/out range, and the one being drawn.
fn spans(
    plot: &mut PlotUi<'_>,
    s: &State,
    range: &RangeInclusive<f64>,
    from: Option<f64>,
    colours: &Colours,
) {
    let band = |plot: &mut PlotUi<'_>, name: &str, a: f64, b: f64, colour: Color32| {
        let (lo, hi) = (*range.start(), *range.end());
        let corners = vec![[a, lo], [b, lo], [b, hi], [a, hi]];
        plot.polygon(
            Polygon::new(name, PlotPoints::from(corners))
                .fill_color(colour)
                .stroke(Stroke::NONE)
                .allow_hover(false),
        );
    };
    if s.range != (None, None) {
        let span = s.whole_or_range();
        band(plot, "in to out", span.start.secs(), span.end.secs(), colours.accent.gamma_multiply_u8(34));
    }
    if let (Some(a), Some(b)) = (from, plot.pointer_coordinate()) {
        band(plot, "new in to out", a.min(b.x), a.max(b.x), colours.accent.gamma_multiply_u8(60));
    }
}

/// One lane: spans side by side are joined, a span alone is a dot with the time that it stands for.
fn line(plot: &mut PlotUi<'_>, record: &Record, lane: &Lane, seen: Span, scale: f64, stale: bool) {
    let rows = record.between(seen.start, seen.end);
    let marked = rows.len() <= FEW;
    let colour = if stale { lane.colour.gamma_multiply(0.45) } else { lane.colour };
    let mut runs: Vec<Vec<[f64; 2]>> = Vec::new();
    let mut before = None;
    let (mut dots, mut stretches) = (Vec::new(), Vec::new());
    for i in rows {
        let (Some(k), Some(v)) = (record.span(i), record.value(i, lane.value)) else {
            before = None;
            continue;
        };
        let at = [record.sweep.middle(k).secs(), f64::from(v) * scale];
        if before.is_none_or(|b| k != b + 1) {
            runs.push(Vec::new());
        }
        if let Some(run) = runs.last_mut() {
            run.push(at);
        }
        if marked {
            dots.push(at);
        }
        before = Some(k);
        let alone = !record.has(k + 1) && (k == 0 || !record.has(k - 1));
        if alone {
            let span = record.sweep.span(k);
            stretches.push([[span.start.secs(), at[1]], [span.end.secs(), at[1]]]);
            if !marked {
                dots.push(at);
            }
        }
    }
    for run in runs.into_iter().filter(|run| run.len() > 1) {
        let run = thinned(run);
        plot.line(
            Line::new(lane.name.clone(), PlotPoints::from(run)).color(colour).width(1.6).allow_hover(false),
        );
    }
    for stretch in stretches {
        let line = Line::new(lane.name.clone(), PlotPoints::from(stretch.to_vec()))
            .color(colour.gamma_multiply(0.6));
        plot.line(line.width(1.0).style(LineStyle::Solid).allow_hover(false));
    }
    if !dots.is_empty() {
        let points = Points::new(lane.name.clone(), PlotPoints::from(dots)).radius(2.4).color(colour);
        plot.points(points.allow_hover(false));
    }
}

/// As many points as can be seen: of each bit of time the smallest and the largest, so that no peak is lost.
fn thinned(run: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    if run.len() <= MOST {
        return run;
    }
    let bit = run.len().div_ceil(MOST / 2);
    let ends = |bit: &[[f64; 2]]| {
        let by = |a: &&[f64; 2], b: &&[f64; 2]| a[1].total_cmp(&b[1]);
        let (lo, hi) = (bit.iter().min_by(by), bit.iter().max_by(by));
        let mut both: Vec<[f64; 2]> = lo.into_iter().chain(hi).copied().collect();
        both.sort_by(|a, b| a[0].total_cmp(&b[0]));
        both
    };
    run.chunks(bit).flat_map(ends).collect()
}

/// The numbers of the span under the pointer.
fn read(ui: &mut Ui, record: &Record, lanes: &[Lane], at: Pts) {
    let small = |text: String, colour| RichText::new(text).font(theme::small()).color(colour);
    let wanted = record.sweep.nearest(at);
    let Some(i) = record.nearest(at) else {
        ui.label(small(format!("{}: not looked at yet", clock(at)), theme::of(ui).weak));
        return;
    };
    let k = record.span(i).unwrap_or(wanted);
    let span = record.sweep.span(k);
    if k != wanted {
        ui.label(small(
            format!("{}: not looked at yet; the nearest that is:", clock(at)),
            theme::of(ui).warn,
        ));
    }
    ui.label(small(
        format!("{}, span {} to {}", clock(at), clock(span.start), clock(span.end)),
        theme::of(ui).strong,
    ));
    for lane in lanes {
        ui.label(small(
            format!("{} {}", lane.name, number(lane.value, record.value(i, lane.value))),
            lane.colour,
        ));
    }
    if let Some(point) = record.point(i).filter(|_| lanes.iter().any(|l| l.value == Value::Motion)) {
        ui.label(small(format!("mean motion {:.3}", point.motion), theme::of(ui).weak));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_peak_is_lost_where_there_are_more_points_than_pixels() {
        let mut run: Vec<[f64; 2]> = (0..14_400).map(|i| [f64::from(i), 0.1]).collect();
        run[7777][1] = 0.9;
        run[3][1] = 0.0;
        let thin = thinned(run);
        assert!(thin.len() <= MOST + 2);
        assert!(thin.contains(&[7777.0, 0.9]) && thin.contains(&[3.0, 0.0]));
        assert!(thin.windows(2).all(|w| w[0][0] <= w[1][0]));
    }
}
