//! The gates of every head over time, and what they are worth: the scores with every gate at ½ beside the real ones.

use super::intent::Intent;
use super::look::{View, colours};
use super::state::{Shown, State};
use super::{difference_table, theme};
use crate::view::Layer;
use egui::{Align2, CornerRadius, Rect, RichText, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

/// Where no class's share changes by more than this, the gates hardly matter.
const HARDLY: f32 = 0.01;

pub fn show(ui: &mut Ui, s: &State, shown: &Shown, out: &mut Vec<Intent>) {
    ui.label(RichText::new("Gates").strong().color(theme::of(ui).strong));
    if shown.gates.is_empty() {
        weak(ui, "What is shown has no gates.");
        return;
    }
    weak(ui, "Heads down, frames across, mean over patches; 0 closed, 1 open. Click a row to see its map.");
    matrix(ui, s, shown, out);
    worth(ui, s, out);
}

fn weak(ui: &mut Ui, text: &str) {
    ui.add(egui::Label::new(RichText::new(text).font(theme::small()).color(theme::of(ui).weak)).wrap());
}

fn matrix(ui: &mut Ui, s: &State, shown: &Shown, out: &mut Vec<Intent>) {
    const NAMES: f32 = 34.0;
    let rows: usize = shown.gates.iter().map(Vec::len).sum();
    let height = (150.0 / rows.max(1) as f32).clamp(6.0, 15.0);
    let width = (ui.available_width() - NAMES).clamp(60.0, 360.0);
    let table = colours(s.view.palette);
    for (b, heads) in shown.gates.iter().enumerate() {
        ui.spacing_mut().item_spacing.y = 1.0;
        for (h, gate) in heads.iter().enumerate() {
            let (rect, r) = ui.allocate_exact_size(vec2(NAMES + width, height), Sense::click());
            let painter = ui.painter();
            if height >= 11.0 || h == 0 {
                let at = pos2(rect.left(), rect.top() + height.max(11.0) / 2.0);
                let name = format!("{}·{}", b + 1, h + 1);
                painter.text(at, Align2::LEFT_CENTER, name, theme::small(), theme::of(ui).weak);
            }
            let cells = rect.with_min_x(rect.left() + NAMES);
            let cell = cells.width() / gate.over_time.len().max(1) as f32;
            for (t, v) in gate.over_time.iter().enumerate() {
                let at = pos2(cells.left() + cell * t as f32, cells.top());
                let colour = table[(v.clamp(0.0, 1.0) * 255.0).round() as usize];
                painter.rect_filled(
                    Rect::from_min_size(at, vec2(cell - 1.0, height)),
                    CornerRadius::ZERO,
                    colour,
                );
            }
            if s.view.layer == Layer::Gate && s.view.gate == Some((b, h)) {
                let line = Stroke::new(1.5, theme::of(ui).accent);
                painter.rect_stroke(cells, CornerRadius::ZERO, line, StrokeKind::Outside);
            }
            let name = format!("Gate of block {} head {}", b + 1, h + 1);
            r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Button, true, &name));
            let at =
                r.hover_pos().filter(|p| cells.contains(*p)).map(|p| ((p.x - cells.left()) / cell) as usize);
            let here = at.and_then(|t| Some((t, gate.over_time.get(t)?)));
            let here = here.map_or_else(String::new, |(t, v)| format!("frame {}: {v:.3}\n", t + 1));
            let tip = format!("{name}\n{here}over the clip: mean {:.3}, spread {:.3}", gate.mean, gate.std);
            if r.on_hover_text(tip).clicked() {
                out.push(Intent::SetView(View { layer: Layer::Gate, gate: Some((b, h)), ..s.view }));
            }
        }
        ui.add_space(4.0);
    }
    ui.spacing_mut().item_spacing.y = 5.0;
}

fn worth(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    if s.model.as_ref().is_some_and(|m| !m.head_trained) {
        weak(ui, "The gates of an untrained head are all ½ and take no part in the score.");
        return;
    }
    let mut on = s.gate_worth;
    let tip = "Scores the same clip with every gate held at ½, beside the real scores";
    if ui.checkbox(&mut on, "What are the gates worth?").on_hover_text(tip).changed() {
        out.push(Intent::GateWorth(on));
    }
    if !s.gate_worth {
        return;
    }
    let (Some(half), Some(real)) = (s.scores_at_half(), s.scores()) else {
        weak(ui, "Being looked at with every gate at ½.");
        return;
    };
    let change = difference_table::largest_change(half, real);
    let points = 100.0 * change;
    let words = if change < HARDLY {
        format!(
            "Against every gate at ½ no class's share changes by more than {points:.1} points: on this clip the gates hardly matter."
        )
    } else {
        format!("Against every gate at ½ a class's share changes by up to {points:.1} points.")
    };
    ui.add(egui::Label::new(RichText::new(words).font(theme::small()).color(theme::of(ui).text)).wrap());
    difference_table::show(ui, "gates", ("all ½", half), ("real", real), None);
}
