//! The overlays of the stage whose numbers are not in the evidence: the freeze map and the likeness to a patch; and the hand
//! that paints on the stage or points at a patch.

use super::intent::Intent;
use super::look::{colours, frame_or_empty};
use super::probes::{Brush, PatchAt};
use super::stage::{gradient, number};
use super::state::State;
use super::theme;
use crate::engine::Answer;
use crate::model::Surgery;
use crate::model::dense::Reading;
use crate::view::{Colormap, Layer, Normalise};
use egui::{Align2, CornerRadius, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

/// Values over the patch grid of one frame.
struct Overlay {
    grid: usize,
    values: Vec<f32>,
    range: Normalise,
    colours: Colormap,
    /// What the numbers are.
    what: String,
    /// What has to be known to read them.
    explained: Option<String>,
}

/// What there is to draw, or why there is nothing.
fn of(s: &State, layer: Layer, answer: &Answer, t: usize) -> Result<Overlay, String> {
    match layer {
        Layer::Freeze => freeze(s, answer),
        Layer::Support => support(s, answer, t),
        _ => likeness(s, t),
    }
}

fn freeze(s: &State, answer: &Answer) -> Result<Overlay, String> {
    if s.model.as_ref().is_some_and(|m| !m.head_trained) {
        let text = "untrained head: motion does not enter the score, so this cannot change it; freeze pixels with the brush instead";
        return Err(text.to_owned());
    }
    let working = || s.probe_progress().unwrap_or_else(|| "freeze map: waiting".to_owned());
    let Some((map, whole)) = s.freeze_map(answer) else { return Err(working()) };
    let Some(values) = s.freeze_change(answer) else { return Err("no class to weigh".to_owned()) };
    let coarse = if whole { String::new() } else { format!(" (blocks; {})", working()) };
    Ok(Overlay {
        grid: map.grid,
        range: Normalise::over(&values).symmetric(),
        values,
        colours: Colormap::Diverging,
        what: format!(
            "Δ margin if nothing moved there{coarse}; blue: the score of “{}” draws on it",
            s.freeze_class().unwrap_or_default()
        ),
        explained: None,
    })
}

fn support(s: &State, answer: &Answer, t: usize) -> Result<Overlay, String> {
    if s.probes.prompt.is_none() {
        return Err("choose a prompt: “Where” beside it".to_owned());
    }
    if !s.has_supported() {
        return Err("the prompt is blank or gone".to_owned());
    }
    let waiting = || s.probe_progress().unwrap_or_else(|| "support: waiting".to_owned());
    let Some((prompt, map)) = s.support_map(answer) else { return Err(waiting()) };
    Ok(Overlay {
        grid: map.cols,
        values: frame_or_empty(&map, t).to_vec(),
        range: Normalise::over(&map.data),
        colours: s.view.palette,
        what: format!("cosine with “{prompt}”, {}; {}", Reading::SHOWN.words(), how_well(s)),
        explained: Some(explained(s)),
    })
}

/// How well support maps of this model point, in a few words.
fn how_well(s: &State) -> String {
    match s.model.as_ref().and_then(|m| m.pointing) {
        Some(p) => format!("AUROC {:.2} on drawn shapes, {:.2} for words of motion", p.auroc, p.motion_words),
        None => "how well it points is not known for this model".to_owned(),
    }
}

/// The same in full.
fn explained(s: &State) -> String {
    let what = "Cosine of every patch with the prompt in CLIP's joint space. CLIP trains its class token alone; patches are read from \
                the last vision layer with v·v attention and without its residual connection and MLP, which pointed best of ten \
                readings. It shows what looks like the words, not what the score is made of.";
    let measured = match s.model.as_ref().and_then(|m| m.pointing) {
        Some(p) => format!(
            "Measured for this model by eval synth: with words for things (“a red square”) the highest patch lies on the thing in \
             {:.0}% of frames (any patch: {:.0}%), AUROC {:.2}. With words of motion AUROC {:.2} for what moves (0.50 is chance): a \
             single frame does not show motion, so do not read these maps as where the motion is.",
            p.hits, p.chance, p.auroc, p.motion_words
        ),
        None => "How well it points has not been measured for this model: motionlens eval synth does that where its words and \
                 pictures are those of the drawn world."
            .to_owned(),
    };
    format!("{what}\n\n{measured}")
}

fn likeness(s: &State, t: usize) -> Result<Overlay, String> {
    let Some((at, found)) = s.patch_finding() else {
        let waiting = s.probes.patch.is_some();
        return Err(if waiting { "patch: being looked at" } else { "click a patch" }.to_owned());
    };
    let named = format!("frame {}, patch {}", at.frame + 1, at.patch + 1);
    let attention = s.view.attention.and_then(|(b, h)| Some(((b, h), found.attention.get(b)?.get(h)?)));
    Ok(match attention {
        Some(((b, h), map)) => {
            let frames = s.shown.as_ref().map_or(1, |shown| shown.answer.frames.len());
            let step = t * map.frames / frames.max(1);
            Overlay {
                grid: map.cols,
                values: frame_or_empty(map, step).to_vec(),
                range: Normalise { lo: 0.0, hi: map.range().1 },
                colours: s.view.palette,
                what: format!("attention of {named} to the static stream, block {} head {}", b + 1, h + 1),
                explained: None,
            }
        }
        None => Overlay {
            grid: found.similarity.cols,
            values: frame_or_empty(&found.similarity, t).to_vec(),
            range: Normalise { lo: found.similarity.range().0.min(0.0), hi: 1.0 },
            colours: s.view.palette,
            what: format!("cosine of each patch's token with that of {named}"),
            explained: None,
        },
    })
}

/// Draws the layer over the crop of a picture, as far as that lies in `frame`, and its caption into `strip`.
pub fn draw(
    ui: &mut Ui,
    s: &State,
    layer: Layer,
    (answer, t): (&Answer, usize),
    crop: Rect,
    frame: Rect,
    strip: Rect,
) {
    let painter = ui.painter_at(strip);
    let over = ui.painter_at(frame);
    let write = |x: f32, align: Align2, text: &str, colour| {
        painter.text(pos2(x, strip.center().y), align, text, theme::small(), colour)
    };
    let name = write(strip.left() + 2.0, Align2::LEFT_CENTER, layer.name(), theme::STRONG);
    let overlay = match of(s, layer, answer, t) {
        Ok(overlay) => overlay,
        Err(why) => {
            let room = painter.with_clip_rect(strip.with_min_x(name.right() + 8.0));
            let at = pos2(name.right() + 8.0, strip.center().y);
            room.text(at, Align2::LEFT_CENTER, why, theme::small(), theme::WARN);
            return;
        }
    };
    let table = colours(overlay.colours);
    let cell = vec2(crop.width(), crop.height()) / overlay.grid.max(1) as f32;
    let place = |p: usize| {
        let at = vec2((p % overlay.grid) as f32 * cell.x, (p / overlay.grid) as f32 * cell.y);
        Rect::from_min_size(crop.min + at, cell)
    };
    for (p, v) in overlay.values.iter().enumerate() {
        let colour = table[(overlay.range.unit(*v) * 255.0).round() as usize];
        over.rect_filled(place(p), CornerRadius::ZERO, colour.gamma_multiply(s.view.opacity));
    }
    let bar = Rect::from_min_size(pos2(strip.right() - 132.0, strip.center().y - 4.5), vec2(70.0, 9.0));
    write(strip.right() - 2.0, Align2::RIGHT_CENTER, &number(overlay.range.hi), theme::TEXT);
    gradient(&painter, bar, table);
    let low = write(bar.left() - 5.0, Align2::RIGHT_CENTER, &number(overlay.range.lo), theme::TEXT);
    let hovered =
        ui.ctx().pointer_hover_pos().filter(|p| ui.rect_contains_pointer(frame) && crop.contains(*p));
    let hovered = hovered.and_then(|p| patch_at(p, crop, overlay.grid));
    let value = hovered.and_then(|p| Some((p, *overlay.values.get(p)?)));
    if let Some((p, v)) = value {
        over.rect_stroke(place(p), CornerRadius::ZERO, Stroke::new(1.0, theme::STRONG), StrokeKind::Inside);
        let x = bar.left() + bar.width() * overlay.range.unit(v);
        painter.vline(x, bar.top() - 3.0..=bar.bottom() + 3.0, Stroke::new(2.0, theme::STRONG));
    }
    if let Some(explained) = &overlay.explained {
        let r = ui.interact(strip, ui.scope_id().with(("caption", layer.name())), Sense::hover());
        r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &overlay.what));
        r.on_hover_text(explained);
    }
    let words = match value {
        Some((p, v)) => {
            format!("row {}, column {}: {}", p / overlay.grid + 1, p % overlay.grid + 1, number(v))
        }
        None => overlay.what,
    };
    let room = Rect::from_x_y_ranges(name.right() + 8.0..=low.left() - 6.0, strip.y_range());
    let at = pos2(room.left(), room.center().y);
    painter.with_clip_rect(room).text(at, Align2::LEFT_CENTER, words, theme::small(), theme::TEXT);
}

/// The patch at a point of the crop.
fn patch_at(p: Pos2, crop: Rect, grid: usize) -> Option<usize> {
    if grid == 0 || !crop.contains(p) {
        return None;
    }
    let cell = |v: f32| ((v * grid as f32) as usize).min(grid - 1);
    let (r, c) = (cell((p.y - crop.top()) / crop.height()), cell((p.x - crop.left()) / crop.width()));
    Some(r * grid + c)
}

/// Marks the frozen patches, and takes what the hand does on the picture: with a brush it freezes patches (with Shift it lets
/// go of them), without one a click asks about a patch. `r`: of the frame, of which the picture's crop may be larger.
pub fn hand(
    ui: &Ui,
    s: &State,
    r: &egui::Response,
    (crop, frame): (Rect, Rect),
    t: usize,
    out: &mut Vec<Intent>,
) {
    let Some(grid) = s.model.as_ref().map(|m| m.grid) else { return };
    marks(ui, s, crop, frame, grid);
    let at = r.interact_pointer_pos().and_then(|p| patch_at(p, crop, grid));
    match (s.probes.brush, at) {
        (Some(brush), Some(patch)) if r.dragged() || r.clicked() => {
            let erase = ui.input(|i| i.modifiers.shift);
            let surgery = painted(&s.surgery, brush, patch as u16, erase);
            if surgery != s.surgery {
                out.push(Intent::Surgery(surgery));
            }
        }
        // A click puts the still thing of a drawing into its place.
        (None, Some(_)) if s.easel.as_ref().is_some_and(|easel| easel.drawing().still.is_some()) => {}
        (None, Some(patch)) if r.clicked() => out.push(Intent::Patch(Some(PatchAt { frame: t, patch }))),
        _ => {}
    }
    if s.probes.brush.is_some() && r.hovered() {
        ui.ctx().set_cursor_icon(egui::CursorIcon::Crosshair);
    }
}

fn painted(surgery: &Surgery, brush: Brush, patch: u16, erase: bool) -> Surgery {
    let mut new = surgery.clone();
    let list = match brush {
        Brush::Tokens => &mut new.frozen,
        Brush::Pixels => &mut new.frozen_pixels,
    };
    list.retain(|p| *p != patch);
    if !erase {
        list.push(patch);
    }
    list.sort_unstable();
    new
}

/// Hatched one way where tokens are frozen, the other way where pixels are; a frame around the patch that was clicked.
fn marks(ui: &Ui, s: &State, crop: Rect, frame: Rect, grid: usize) {
    let painter = ui.painter_at(frame);
    let cell = vec2(crop.width(), crop.height()) / grid.max(1) as f32;
    let place = |p: usize| {
        Rect::from_min_size(crop.min + vec2((p % grid) as f32 * cell.x, (p / grid) as f32 * cell.y), cell)
    };
    let line = Stroke::new(1.5, theme::POSITIVE);
    for p in s.surgery.frozen.iter().map(|p| place(usize::from(*p))) {
        painter.line_segment([p.left_bottom(), p.right_top()], line);
        painter.rect_stroke(p, CornerRadius::ZERO, Stroke::new(1.0, theme::POSITIVE), StrokeKind::Inside);
    }
    let line = Stroke::new(1.5, theme::NEGATIVE);
    for p in s.surgery.frozen_pixels.iter().map(|p| place(usize::from(*p))) {
        painter.line_segment([p.left_top(), p.right_bottom()], line);
        painter.rect_stroke(p, CornerRadius::ZERO, Stroke::new(1.0, theme::NEGATIVE), StrokeKind::Inside);
    }
    if let Some(at) = s.probes.patch {
        painter.rect_stroke(
            place(at.patch),
            CornerRadius::ZERO,
            Stroke::new(2.0, theme::WARN),
            StrokeKind::Inside,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brush_paints_each_patch_once_and_lets_go_again() {
        let once = painted(&Surgery::default(), Brush::Tokens, 7, false);
        let twice = painted(&painted(&once, Brush::Tokens, 7, false), Brush::Tokens, 3, false);
        assert_eq!(twice.frozen, [3, 7]);
        assert_eq!(painted(&twice, Brush::Tokens, 3, true), once);
        assert_eq!(painted(&once, Brush::Pixels, 7, false).frozen_pixels, [7]);
    }

    #[test]
    fn a_point_names_its_patch() {
        let crop = Rect::from_min_size(pos2(10.0, 20.0), vec2(80.0, 40.0));
        assert_eq!(patch_at(pos2(11.0, 21.0), crop, 8), Some(0));
        assert_eq!(patch_at(pos2(90.0, 60.0), crop, 8), Some(63));
        assert_eq!(patch_at(pos2(91.0, 21.0), crop, 8), None);
    }
}
