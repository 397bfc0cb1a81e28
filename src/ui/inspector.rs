//! The right panel: the sampled frames with the present map, the gates by block and head, and the facts about
//! clip and model that a person needs to judge what they see.

use super::intent::Intent;
use super::look::{Quantity, View};
use super::pictures::{MapFrame, Pictures};
use super::state::{Shown, State, clock};
use super::theme;
use crate::view::Layer;
use egui::scroll_area::ScrollBarVisibility;
use egui::{
    Align2, Color32, CornerRadius, Rect, RichText, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

pub fn show(ui: &mut Ui, s: &State, pictures: &mut Pictures, out: &mut Vec<Intent>) {
    // The bar is always there: with it the tiles are smaller, and without it they would need it.
    let area = egui::ScrollArea::vertical().scroll_bar_visibility(ScrollBarVisibility::AlwaysVisible);
    area.id_salt("inspector").auto_shrink([false, false]).show(ui, |ui| {
        heading(ui, "Sampled frames");
        match &s.shown {
            Some(a) => filmstrip(ui, s, a, pictures, out),
            None => weak(ui, "The frames that the model sees appear here when a clip has been analysed."),
        }
        if let Some(a) = &s.shown {
            ui.add_space(8.0);
            heading(ui, "Gates");
            gates(ui, s, a, out);
        }
        ui.add_space(8.0);
        heading(ui, "Facts");
        facts(ui, s);
    });
}

fn heading(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).strong().color(theme::STRONG));
}

fn weak(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).font(theme::small()).color(theme::WEAK));
}

fn filmstrip(ui: &mut Ui, s: &State, a: &Shown, pictures: &mut Pictures, out: &mut Vec<Intent>) {
    let layer = if s.view.layer == Layer::Input { Layer::Motion } else { s.view.layer };
    let Some(source) = Quantity::of(layer, &s.view, &a.answer.evidence.maps) else { return };
    let gap = 4.0;
    let columns = 4.0;
    let side = ((ui.available_width() - gap * (columns - 1.0)) / columns).clamp(30.0, 90.0);
    let near = s.moment();
    ui.spacing_mut().item_spacing = vec2(gap, gap);
    ui.horizontal_wrapped(|ui| {
        for (t, pts) in a.answer.frames.iter().enumerate() {
            let (rect, r) = ui.allocate_exact_size(vec2(side, side + 14.0), Sense::click());
            let tile = Rect::from_min_size(rect.min, vec2(side, side));
            let range = source.range(&s.view, &a.answer.evidence.maps, s.motion_scale(), t);
            let frame = MapFrame { quantity: source, range, t, tile: true };
            let id = pictures.map(ui.ctx(), &a.answer, &s.view, frame);
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            let painter = ui.painter();
            let tint = match pictures.thumbnails.get(*pts) {
                Some(picture) => {
                    let c = a.answer.crop;
                    let crop = Rect::from_min_max(pos2(c.x0, c.y0), pos2(c.x1, c.y1));
                    painter.image(picture.id(), tile, crop, Color32::WHITE);
                    Color32::from_white_alpha((s.view.opacity * 255.0) as u8)
                }
                None => Color32::WHITE,
            };
            if s.view.layer != Layer::Input || tint == Color32::WHITE {
                painter.image(id, tile, whole, tint);
            }
            let current = near.is_some_and(|m| m.t == t && !m.outside);
            let line = match (current, r.hovered()) {
                (true, _) => Stroke::new(2.0, theme::WARN),
                (false, true) => Stroke::new(1.0, theme::STRONG),
                (false, false) => Stroke::new(1.0, theme::LINE),
            };
            painter.rect_stroke(tile, CornerRadius::ZERO, line, StrokeKind::Inside);
            let text = format!("{:.2}", pts.secs());
            let at = pos2(tile.center().x, rect.bottom());
            painter.text(at, Align2::CENTER_BOTTOM, text, theme::small(), theme::WEAK);
            r.widget_info(|| {
                WidgetInfo::labeled(egui::accesskit::Role::Button, true, format!("Sampled frame {}", t + 1))
            });
            if r.on_hover_text(format!("Frame at {}. Click to go there", clock(*pts))).clicked() {
                out.push(Intent::Pause);
                out.push(Intent::Seek(*pts));
            }
        }
    });
    weak(ui, &format!("{} of each; click one to go there", layer.name().to_lowercase()));
}

fn gates(ui: &mut Ui, s: &State, a: &Shown, out: &mut Vec<Intent>) {
    weak(ui, "Mean over the clip, line: spread. Click one to see its map.");
    for (b, heads) in a.gates.iter().enumerate() {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 3.0;
            ui.label(RichText::new(format!("block {}", b + 1)).font(theme::small()).color(theme::WEAK));
            let n = heads.len().max(1) as f32;
            let width = ((ui.available_width() - 3.0 * (n - 1.0)) / n).clamp(8.0, 44.0);
            for (h, g) in heads.iter().enumerate() {
                let (rect, r) = ui.allocate_exact_size(vec2(width, 30.0), Sense::click());
                let chosen = s.view.layer == Layer::Gate && s.view.gate == Some((b, h));
                let painter = ui.painter();
                painter.rect_filled(rect, CornerRadius::same(2), theme::FIELD);
                let y = |v: f32| rect.bottom() - rect.height() * v.clamp(0.0, 1.0);
                let fill = Rect::from_min_max(pos2(rect.left(), y(g.mean)), rect.max);
                let colour =
                    if chosen || r.hovered() { theme::ACCENT } else { Color32::from_rgb(84, 104, 150) };
                painter.rect_filled(fill, CornerRadius::same(2), colour);
                let x = rect.center().x;
                painter.vline(x, y(g.mean + g.std)..=y(g.mean - g.std), Stroke::new(1.5, theme::STRONG));
                let name = format!("Gate of block {} head {}", b + 1, h + 1);
                r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Button, true, &name));
                let tip = format!("{name}: mean {:.3}, spread {:.3}", g.mean, g.std);
                if r.on_hover_text(tip).clicked() {
                    out.push(Intent::SetView(View { layer: Layer::Gate, gate: Some((b, h)), ..s.view }));
                }
            }
        });
    }
    if a.gates.is_empty() {
        weak(ui, "This model has no gates.");
    }
}

fn facts(ui: &mut Ui, s: &State) {
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(i) = &s.playback.info {
        rows.push(("size", format!("{}×{}", i.width, i.height)));
        rows.push(("format", i.format.clone()));
        let reading = || format!("being read, {:.0} %", 100.0 * s.playback.scanning.unwrap_or(1.0));
        rows.push(("length", i.duration.map_or_else(reading, clock)));
        rows.extend(i.fault.clone().map(|fault| ("fault", fault)));
    }
    if let Some(a) = &s.shown {
        rows.push(("span", format!("{} to {}", clock(a.span().start), clock(a.span().end))));
        let n = a.answer.frames.len();
        rows.push((
            "analysed",
            format!("in {:.2} s, {} of {n} frames new", a.answer.seconds, a.answer.encoded_frames),
        ));
    }
    if let Some(m) = s.model.as_ref() {
        rows.push(("model", m.name.clone()));
        rows.push(("weights", m.digest.chars().take(12).collect()));
        rows.push(("head", if m.head_trained { "trained" } else { "untrained" }.to_owned()));
        rows.push(("frames", format!("{} a clip, {} levels", m.frames, m.levels)));
        rows.push(("patches", format!("{}×{} of {} pixels", m.grid, m.grid, m.image_size)));
        rows.push(("text", format!("{} tokens", m.context)));
        rows.push(("τ, α", format!("{:.1}, {}", m.tau, m.alpha)));
    }
    if let Some(d) = &s.device {
        rows.push(("device", d.name.clone()));
    }
    if rows.is_empty() {
        weak(ui, "Nothing is open yet.");
    }
    egui::Grid::new("facts").num_columns(2).spacing([10.0, 2.0]).show(ui, |ui| {
        for (name, value) in rows {
            ui.label(RichText::new(name).font(theme::small()).color(theme::WEAK));
            ui.add(egui::Label::new(RichText::new(value).font(theme::small())).wrap());
            ui.end_row();
        }
    });
}
