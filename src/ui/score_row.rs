//! The numbers of one class and the bar that shows them: to the right what the positive prompts pull, to the left
//! what the negative prompts push, and a diamond where the two leave it (the margin).

use super::elide;
use super::explain::Explained;
use super::theme::{self, Colours};
use super::whiskers::Spread;
use crate::score::{ClassScore, Scores};
use egui::{Color32, CornerRadius, Rect, RichText, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

pub const S_POS: &str =
    "s+ = cosine of the clip and the positive prompts. Higher: the clip looks more like them.";
pub const S_NEG: &str = "s− = cosine of the clip and the negative prompt that fits it best; those from the templates count \
                         as one. Higher: the clip looks more like what the class is not.";
pub const MARGIN: &str = "margin = s+ minus s−: what is left of the pull after the push.";
pub const P: &str = "p = share of this class among all classes with positive prompts (softmax). It always sums to 1, \
                     also when none of them fits. A negative prompt lowers it where it fits the clip better than the templates' \
                     “not …” does; those alone leave it to the positive prompts.";
pub const YES: &str = "yes = does the class fit by itself: its positive against its negative prompts, 0 to 1. “–” where it has no \
                       negative or no positive prompts: there is nothing to weigh.";

/// Largest magnitude of any number that the bars show: one scale for all classes.
pub fn reach(scores: &Scores) -> f32 {
    scores
        .classes
        .iter()
        .flat_map(|c| [c.s_pos, c.s_neg, c.margin])
        .flatten()
        .fold(0.05_f32, |m, v| m.max(v.abs()))
}

/// The classes whose p differs, with the change of it, the largest first.
pub fn changes<'a>(scores: &'a Scores, before: &[f64], after: &[f64]) -> Vec<(&'a str, f64)> {
    let names = scores.classes.iter().map(|c| c.name.as_str());
    let change = before.iter().zip(after).map(|(before, after)| after - before);
    let mut list: Vec<(&str, f64)> = names.zip(change).filter(|(_, d)| d.abs() >= SMALLEST_SHARE).collect();
    list.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    list
}

/// What of p is too little to be named: it would be shown as 0.0 percentage points.
const SMALLEST_SHARE: f64 = 5e-4;

/// What stands beside the scores of a class, where it is known.
#[derive(Clone, Copy)]
pub struct Beside<'a> {
    pub pinned: Option<&'a ClassScore>,
    pub spread: Option<Spread>,
    /// The formulas with the numbers of the class.
    pub explained: Option<&'a Explained<'a>>,
}

/// Share, bar and numbers; without scores their places are empty, and as large. `fresh`: they belong to the prompts as they are
/// now.
pub fn show(
    ui: &mut Ui,
    score: Option<&ClassScore>,
    beside: Beside<'_>,
    class: &str,
    reach: f32,
    fresh: bool,
) {
    let Beside { pinned, spread, explained } = beside;
    let empty = ClassScore { name: class.to_owned(), counts: true, ..ClassScore::default() };
    let c = score.unwrap_or(&empty);
    ui.scope(|ui| {
        if !fresh || score.is_none() || !c.counts {
            ui.set_opacity(0.6);
        }
        ui.horizontal(|ui| {
            share(ui, c, score.is_some(), pinned, spread, explained);
            bar(ui, c, spread.and_then(|s| s.margin), reach);
        });
        numbers(ui, c, pinned, explained);
    });
}

fn numbers(ui: &mut Ui, c: &ClassScore, pinned: Option<&ClassScore>, explained: Option<&Explained>) {
    // Of one width with and without a value: the line breaks at the same place.
    let number = |v: Option<f32>| match v {
        None => "   –  ".to_owned(),
        Some(v) if v.abs() < SMALLEST => " 0.000".to_owned(),
        Some(v) => format!("{v:+.3}"),
    };
    let yes = c.yes.map_or(" –  ".to_owned(), |v| format!("{v:.2}"));
    let change =
        |of: fn(&ClassScore) -> Option<f32>| pinned.map(|b| of(c).zip(of(b)).map(|(now, then)| now - then));
    // More s− is worse.
    let rows = [
        ("s+", number(c.s_pos), change(|c| c.s_pos), S_POS, theme::of(ui).positive, 1.0),
        ("s−", number(c.s_neg), change(|c| c.s_neg), S_NEG, theme::of(ui).negative, -1.0),
        ("margin", number(c.margin), change(|c| c.margin), MARGIN, theme::of(ui).text, 1.0),
        ("yes", yes, change(|c| c.yes), YES, theme::of(ui).text, 1.0),
    ];
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 1.0);
        ui.spacing_mut().interact_size.y = 14.0;
        for (i, (name, value, change, tip, colour, better)) in rows.into_iter().enumerate() {
            match i {
                0 => {}
                // With the changes beside them only two fit into a line.
                2 if pinned.is_some() => ui.end_row(),
                _ => ui.add_space(7.0),
            }
            let [wide, figures] = [(name, theme::small()), (value.as_str(), theme::numbers())]
                .map(|(text, font)| elide::width_of(ui, text, &font));
            if ui.available_size_before_wrap().x < wide + figures + 4.0 {
                // A number stays beside its name.
                ui.end_row();
            }
            let tip = |ui: &mut Ui| {
                ui.label(tip);
                if let Some(formula) = explained.and_then(|e| e.of(name)) {
                    ui.label(RichText::new(formula).font(theme::numbers()));
                }
            };
            ui.label(RichText::new(name).font(theme::small()).color(theme::of(ui).weak)).on_hover_ui(tip);
            ui.label(RichText::new(value).font(theme::numbers()).color(colour)).on_hover_ui(tip);
            if let Some(d) = change {
                let text = format!("Δ {}", delta(d));
                ui.label(RichText::new(text).font(theme::numbers()).color(change_colour(
                    theme::of(ui),
                    d,
                    better,
                )))
                .on_hover_text("Change against the pinned scores");
            }
        }
    });
}

/// What is smaller shows as 0.
const SMALLEST: f32 = 5e-4;

fn delta(d: Option<f32>) -> String {
    match d {
        None => "–".to_owned(),
        Some(d) if d.abs() < SMALLEST => "0.000".to_owned(),
        Some(d) => format!("{d:+.3}"),
    }
}

/// Good news or bad news. `better`: the sign of a change for the better.
fn change_colour(colours: &Colours, d: Option<f32>, better: f32) -> Color32 {
    match d {
        Some(d) if d * better >= SMALLEST => colours.good,
        Some(d) if d * better <= -SMALLEST => colours.error,
        _ => colours.weak,
    }
}

/// The share of this class, as a bar behind the number.
fn share(
    ui: &mut Ui,
    c: &ClassScore,
    known: bool,
    pinned: Option<&ClassScore>,
    spread: Option<Spread>,
    explained: Option<&Explained>,
) {
    let was = pinned.map_or(String::new(), |b| format!("\nPinned: {:.1}%", b.p * 100.0));
    let range = spread.map_or(String::new(), |s| {
        let (lo, hi) = (100.0 * s.p.0, 100.0 * s.p.1);
        let n = s.samplings;
        format!("\nWhisker: {lo:.1}% to {hi:.1}% over {n} samplings of the same span, each a little earlier or later")
    });
    let formula = explained.and_then(|e| e.of("p")).map_or(String::new(), |f| format!("\n{f}"));
    let tip = format!("{P}{formula}{was}{range}");
    let fill = theme::of(ui).chosen;
    let text = match (known, c.counts) {
        (false, _) => "–".to_owned(),
        (true, false) => "left out".to_owned(),
        (true, true) => format!("{:.1}%", c.p * 100.0),
    };
    let r = meter(ui, 62.0, c.p, fill, &format!("p of {}", c.name), &text, tip);
    if let Some(s) = spread {
        let x = |v: f32| r.rect.left() + r.rect.width() * v.clamp(0.0, 1.0);
        // Below the figure, not through it.
        whisker(ui, x(s.p.0), x(s.p.1), r.rect.bottom() - 1.5, 1.5);
    }
    if let Some(b) = pinned {
        let x = r.rect.left() + r.rect.width() * b.p.clamp(0.0, 1.0);
        ui.painter().vline(x, r.rect.y_range(), Stroke::new(2.0, theme::of(ui).warn));
    }
}

/// A share between 0 and 1 as a bar with its text on it.
pub fn meter(
    ui: &mut Ui,
    width: f32,
    v: f32,
    fill: Color32,
    name: &str,
    text: &str,
    tip: impl Into<String>,
) -> egui::Response {
    let (rect, r) = ui.allocate_exact_size(vec2(width, 20.0), Sense::hover());
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(3), theme::of(ui).field);
    let filled = rect.with_max_x(rect.left() + rect.width() * v.clamp(0.0, 1.0));
    painter.rect_filled(filled, CornerRadius::same(3), fill);
    painter.text(rect.center(), egui::Align2::CENTER_CENTER, text, theme::numbers(), theme::of(ui).strong);
    r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, format!("{name}: {text}")));
    r.on_hover_text(tip.into())
}

/// From the smallest to the largest of a score over other samplings of the same span.
fn whisker(ui: &Ui, from: f32, to: f32, y: f32, half: f32) {
    let stroke = Stroke::new(1.0, theme::of(ui).strong);
    ui.painter().hline(from..=to, y, stroke);
    for x in [from, to] {
        ui.painter().vline(x, y - half..=y + half, stroke);
    }
}

fn bar(ui: &mut Ui, c: &ClassScore, spread: Option<(f32, f32)>, reach: f32) {
    let (rect, r) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::hover());
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(3), theme::of(ui).field);
    let half = rect.width() / 2.0 - 4.0;
    let x = |v: f32| rect.center().x + half * (v / reach).clamp(-1.0, 1.0);
    let zero = rect.center().x;
    let band = |to: f32, top: f32| {
        Rect::from_two_pos(pos2(zero, rect.top() + top), pos2(x(to), rect.top() + top + 6.0))
    };
    if let Some(v) = c.s_pos {
        painter.rect_filled(band(v, 3.0), CornerRadius::ZERO, theme::of(ui).positive);
    }
    if let Some(v) = c.s_neg {
        // Pushes the other way, and is hatched: not told apart by colour alone.
        let area = band(-v, 11.0);
        painter.rect_filled(area, CornerRadius::ZERO, theme::of(ui).negative.gamma_multiply(0.45));
        let clipped = painter.with_clip_rect(area.intersect(painter.clip_rect()));
        let mut at = area.left() - 6.0;
        while at < area.right() {
            clipped.line_segment(
                [pos2(at, area.bottom()), pos2(at + 6.0, area.top())],
                Stroke::new(1.5, theme::of(ui).negative),
            );
            at += 4.0;
        }
    }
    painter.vline(zero, rect.y_range(), Stroke::new(1.0, theme::of(ui).weak));
    if let Some(m) = c.margin {
        let at = pos2(x(m), rect.center().y);
        let (w, h) = (vec2(4.0, 0.0), vec2(0.0, 7.0));
        let points = vec![at - h, at + w, at + h, at - w];
        painter.add(egui::Shape::convex_polygon(
            points,
            theme::of(ui).strong,
            Stroke::new(1.0, theme::of(ui).field),
        ));
    }
    if let Some((lo, hi)) = spread {
        whisker(ui, x(lo), x(hi), rect.center().y, 2.5);
    }
    let words = format!(
        "Pull of the positive {}, push of the negative {}, margin {}",
        c.s_pos.map_or("none".into(), |v| format!("{v:+.3}")),
        c.s_neg.map_or("none".into(), |v| format!("{v:+.3}")),
        c.margin.map_or("none".into(), |v| format!("{v:+.3}"))
    );
    r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, format!("{}: {words}", c.name)));
    r.on_hover_text(format!(
        "{words}.\nSolid, to the right: the pull of s+. Hatched, to the left: the push of s−. Diamond: the margin, \
         and the line through it its spread over other samplings of the same span. All classes share one scale."
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_of_what_pushes_against_a_class_is_bad_news() {
        for colours in [&theme::DARK, &theme::LIGHT] {
            assert_eq!(change_colour(colours, Some(0.1), 1.0), colours.good);
            assert_eq!(change_colour(colours, Some(0.1), -1.0), colours.error);
            assert_eq!(change_colour(colours, Some(-0.1), -1.0), colours.good);
            for nothing in [None, Some(0.0), Some(-1e-4)] {
                assert_eq!(change_colour(colours, nothing, -1.0), colours.weak);
            }
        }
    }
}
