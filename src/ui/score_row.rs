//! The numbers of one class and the bar that shows them: to the right what the positive prompts pull, to the left
//! what the negative prompts push, and a diamond where the two leave it (the margin).

use super::theme;
use crate::score::{ClassScore, Scores};
use egui::{Color32, CornerRadius, Rect, RichText, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

pub const S_POS: &str =
    "s+ = cosine of the clip and the positive prompts. Higher: the clip looks more like them.";
pub const S_NEG: &str = "s− = cosine of the clip and the negative prompt that fits it best; those from the templates count \
                         as one. Higher: the clip looks more like what the class is not.";
pub const MARGIN: &str = "margin = s+ minus s−: what is left of the pull after the push.";
pub const P: &str = "p = share of this class among all classes with positive prompts (softmax). It always sums to 1, \
                     also when none of them fits.";
pub const YES: &str = "yes = does the class fit by itself: its positive against its negative prompts, 0 to 1. It is 1 \
                       for a class without negative prompts.";

/// Largest magnitude of any number that the bars show: one scale for all classes.
pub fn reach(scores: &Scores) -> f32 {
    scores
        .classes
        .iter()
        .flat_map(|c| [c.s_pos, c.s_neg, c.margin])
        .flatten()
        .fold(0.05_f32, |m, v| m.max(v.abs()))
}

/// Bar and numbers. `fresh`: they belong to the prompts as they are now.
pub fn show(ui: &mut Ui, c: &ClassScore, pinned: Option<&ClassScore>, reach: f32, fresh: bool) {
    ui.scope(|ui| {
        if !fresh {
            ui.set_opacity(0.6);
        }
        bar(ui, c, reach);
        let numbers = |v: Option<f32>| v.map_or("  –  ".to_owned(), |v| format!("{v:+.3}"));
        let change = |now: Option<f32>, then: Option<f32>| match (now, then) {
            (Some(a), Some(b)) => delta(a - b),
            _ => "–".to_owned(),
        };
        let rows = [
            ("s+", numbers(c.s_pos), pinned.map(|b| change(c.s_pos, b.s_pos)), S_POS, theme::POSITIVE),
            ("s−", numbers(c.s_neg), pinned.map(|b| change(c.s_neg, b.s_neg)), S_NEG, theme::NEGATIVE),
            ("margin", numbers(c.margin), pinned.map(|b| change(c.margin, b.margin)), MARGIN, theme::TEXT),
            ("yes", format!("{:.2}", c.yes), pinned.map(|b| delta(c.yes - b.yes)), YES, theme::TEXT),
        ];
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(4.0, 1.0);
            ui.spacing_mut().interact_size.y = 14.0;
            for (i, (name, value, change, tip, colour)) in rows.into_iter().enumerate() {
                match i {
                    0 => {}
                    // With the changes beside them only two fit into a line.
                    2 if pinned.is_some() => ui.end_row(),
                    _ => ui.add_space(7.0),
                }
                ui.label(RichText::new(name).font(theme::small()).color(theme::WEAK)).on_hover_text(tip);
                ui.label(RichText::new(value).font(theme::numbers()).color(colour)).on_hover_text(tip);
                if let Some(d) = change {
                    ui.label(RichText::new(format!("Δ {d}")).font(theme::numbers()).color(change_colour(&d)))
                        .on_hover_text("Change against the pinned scores");
                }
            }
        });
    });
}

fn delta(d: f32) -> String {
    if d.abs() < 5e-4 { "0.000".to_owned() } else { format!("{d:+.3}") }
}

fn change_colour(text: &str) -> Color32 {
    match text.as_bytes().first() {
        Some(b'+') => theme::GOOD,
        Some(b'-') => theme::ERROR,
        _ => theme::WEAK,
    }
}

/// The share of this class, as a bar behind the number.
pub fn share(ui: &mut Ui, c: &ClassScore, pinned: Option<&ClassScore>, fresh: bool) {
    let was = pinned.map_or(String::new(), |b| format!("\nPinned: {:.1}%", b.p * 100.0));
    let tip = format!("{P}{was}");
    let fill = Color32::from_rgb(58, 84, 140).gamma_multiply(if fresh { 1.0 } else { 0.5 });
    let r = meter(ui, 58.0, c.p, fill, format!("p of {}", c.name), tip);
    if let Some(b) = pinned {
        let x = r.rect.left() + r.rect.width() * b.p.clamp(0.0, 1.0);
        ui.painter().vline(x, r.rect.y_range(), Stroke::new(2.0, theme::WARN));
    }
}

/// A share between 0 and 1 as a bar with the number on it.
pub fn meter(
    ui: &mut Ui,
    width: f32,
    v: f32,
    fill: Color32,
    name: String,
    tip: impl Into<String>,
) -> egui::Response {
    let (rect, r) = ui.allocate_exact_size(vec2(width, 20.0), Sense::hover());
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(3), theme::FIELD);
    let filled = rect.with_max_x(rect.left() + rect.width() * v.clamp(0.0, 1.0));
    painter.rect_filled(filled, CornerRadius::same(3), fill);
    let text = format!("{:.1}%", v * 100.0);
    painter.text(rect.center(), egui::Align2::CENTER_CENTER, &text, theme::numbers(), theme::STRONG);
    r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, format!("{name}: {text}")));
    r.on_hover_text(tip.into())
}

fn bar(ui: &mut Ui, c: &ClassScore, reach: f32) {
    let (rect, r) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::hover());
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same(3), theme::FIELD);
    let half = rect.width() / 2.0 - 4.0;
    let x = |v: f32| rect.center().x + half * (v / reach).clamp(-1.0, 1.0);
    let zero = rect.center().x;
    let band = |to: f32, top: f32| {
        Rect::from_two_pos(pos2(zero, rect.top() + top), pos2(x(to), rect.top() + top + 6.0))
    };
    if let Some(v) = c.s_pos {
        painter.rect_filled(band(v, 3.0), CornerRadius::ZERO, theme::POSITIVE);
    }
    if let Some(v) = c.s_neg {
        // Pushes the other way, and is hatched: not told apart by colour alone.
        let area = band(-v, 11.0);
        painter.rect_filled(area, CornerRadius::ZERO, theme::NEGATIVE.gamma_multiply(0.45));
        let clipped = painter.with_clip_rect(area.intersect(painter.clip_rect()));
        let mut at = area.left() - 6.0;
        while at < area.right() {
            clipped.line_segment(
                [pos2(at, area.bottom()), pos2(at + 6.0, area.top())],
                Stroke::new(1.5, theme::NEGATIVE),
            );
            at += 4.0;
        }
    }
    painter.vline(zero, rect.y_range(), Stroke::new(1.0, theme::WEAK));
    if let Some(m) = c.margin {
        let at = pos2(x(m), rect.center().y);
        let (w, h) = (vec2(4.0, 0.0), vec2(0.0, 7.0));
        let points = vec![at - h, at + w, at + h, at - w];
        painter.add(egui::Shape::convex_polygon(points, theme::STRONG, Stroke::new(1.0, theme::FIELD)));
    }
    let words = format!(
        "Pull of the positive {}, push of the negative {}, margin {}",
        c.s_pos.map_or("none".into(), |v| format!("{v:+.3}")),
        c.s_neg.map_or("none".into(), |v| format!("{v:+.3}")),
        c.margin.map_or("none".into(), |v| format!("{v:+.3}"))
    );
    r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, format!("{}: {words}", c.name)));
    r.on_hover_text(format!(
        "{words}.\nSolid, to the right: the pull of s+. Hatched, to the left: the push of s−. Diamond: the margin. \
         All classes share one scale."
    ));
}
