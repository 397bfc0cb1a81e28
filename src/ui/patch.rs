//! The patch pane: what the patch that was clicked is like, and what its motion looks at.

use super::intent::Intent;
use super::look::View;
use super::probes::{PatchAt, side};
use super::state::State;
use super::{elide, theme};
use crate::view::Layer;
use egui::{Align2, RichText, Sense, Ui, WidgetInfo, pos2, vec2};

pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let Some(at) = s.probes.patch else {
        weak(
            ui,
            "Click a patch on the stage: its likeness to every other patch and to each prompt, and what its motion attends to. While two \
             clips are compared a patch of either can be clicked, and is likened to those of both.",
        );
        return;
    };
    let grid = s.model.as_ref().map_or(1, |m| m.grid).max(1);
    ui.horizontal_wrapped(|ui| {
        let whose = if s.is_comparing() { format!(" of {}", at.side()) } else { String::new() };
        let text = format!("{}{whose}", place(at.frame, at.patch, grid));
        ui.label(RichText::new(text).strong().color(theme::of(ui).strong));
        if ui.small_button("Clear").on_hover_text("No patch (Esc)").clicked() {
            out.push(Intent::Patch(None));
        }
    });
    let Some((_, found)) = s.patch_finding() else {
        weak(ui, "Being looked at.");
        return;
    };
    let mut view = s.view;
    ui.horizontal_wrapped(|ui| {
        weak(ui, "On the stage:");
        let mut choose = |ui: &mut Ui, which, name: &str, tip: &str| {
            let chosen = view.layer == Layer::Likeness && view.attention == which;
            if ui.selectable_label(chosen, name).on_hover_text(tip).clicked() {
                view = View { layer: Layer::Likeness, attention: which, ..view };
            }
        };
        choose(
            ui,
            None,
            "Similar patches",
            "Cosine of last-layer tokens, in every sampled frame; of both clips where two are compared",
        );
        for (b, heads) in found.attention.iter().enumerate() {
            for h in 0..heads.len() {
                let tip = format!(
                    "What its motion query attends to in the static stream, block {} head {}",
                    b + 1,
                    h + 1
                );
                choose(ui, Some((b, h)), &format!("{}·{}", b + 1, h + 1), &tip);
            }
        }
    });
    if view != s.view {
        out.push(Intent::SetView(view));
    }
    across(ui, s, at);
    if found.attention.is_empty() {
        weak(ui, "There is no attention to the static stream to show.");
    }
    let joint = &found.joint;
    weak(
        ui,
        "Likeness to each class's positive prompts: cosine of the patch's last-layer token, projected into CLIP's joint space, \
              with the prompts as they are without DA_j. CLIP does not train its patch tokens for this; compare classes, not numbers.",
    );
    let cosine = |t: &[f32]| t.iter().zip(joint).map(|(a, b)| a * b).sum::<f32>();
    let mut rows: Vec<(&str, f32)> = s
        .probes
        .plain
        .iter()
        .filter_map(|c| Some((c.name.as_str(), cosine(c.positive.as_deref()?))))
        .collect();
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    egui::ScrollArea::vertical().id_salt("likeness").auto_shrink([false, false]).show_rows(
        ui,
        18.0,
        rows.len(),
        |ui, range| {
            for (name, v) in &rows[range] {
                let (rect, r) = ui.allocate_exact_size(vec2(ui.available_width(), 18.0), Sense::hover());
                let painter = ui.painter_at(rect);
                let room = rect.width() - 58.0;
                painter.text(
                    pos2(rect.left() + 58.0, rect.center().y),
                    Align2::LEFT_CENTER,
                    elide::middle(ui, name, &theme::small(), room),
                    theme::small(),
                    theme::of(ui).text,
                );
                painter.text(
                    rect.left_center(),
                    Align2::LEFT_CENTER,
                    format!("{v:+.3}"),
                    theme::numbers(),
                    theme::of(ui).strong,
                );
                r.widget_info(|| {
                    WidgetInfo::labeled(
                        egui::accesskit::Role::Label,
                        true,
                        format!("Likeness to {name}: {v:+.3}"),
                    )
                });
            }
        },
    );
}

fn place(frame: usize, patch: usize, grid: usize) -> String {
    format!("Row {}, column {} of sampled frame {}", patch / grid + 1, patch % grid + 1, frame + 1)
}

/// What of the other side of a comparison is most like the patch.
fn across(ui: &mut Ui, s: &State, at: PatchAt) {
    if !s.is_comparing() {
        return;
    }
    let name = side(!at.other);
    let map = match s.likeness(!at.other) {
        Ok(map) => map,
        Err(why) => return weak(ui, &format!("Other side: {why}.")),
    };
    let best = map.data.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    if let Some((i, cosine)) = best {
        let (patches, grid) = ((map.rows * map.cols).max(1), map.cols.max(1));
        let place = place(i / patches, i % patches, grid);
        weak(ui, &format!("Most alike in {name}, cosine {cosine:+.3}: {place}."));
    }
}

fn weak(ui: &mut Ui, text: &str) {
    ui.add(egui::Label::new(RichText::new(text).font(theme::small()).color(theme::of(ui).weak)).wrap());
}
