//! The overlays of the stage whose numbers are not in the evidence: the freeze map and the likeness to a patch; and the hand
//! that paints on the stage or points at a patch.

use super::intent::Intent;
use super::look::{colours, frame_or_empty};
use super::probes::{Brush, PatchAt};
use super::stage::{cut, gradient, lines, number, write_end};
use super::state::State;
use super::theme;
use super::truth;
use crate::engine::Answer;
use crate::model::Surgery;
use crate::model::dense::Reading;
use crate::view::{Colormap, Layer, Normalise};
use egui::{Align2, CornerRadius, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

/// Which picture an overlay lies on, and where.
#[derive(Clone, Copy)]
pub struct Place {
    /// The place of the sampled frame.
    pub t: usize,
    /// It is of the other side of a comparison.
    pub other: bool,
    /// What the model saw, and as much of the picture as is seen.
    pub crop: Rect,
    pub frame: Rect,
}

/// Values over the patch grid of one frame.
struct Overlay {
    grid: usize,
    values: Vec<f32>,
    range: Normalise,
    colours: Colormap,
    /// What is held against the truth, where the clip has one: frames × patches, or patches alone.
    whole: Option<Vec<f32>>,
    /// What the numbers are.
    what: String,
    /// What has to be known to read them.
    explained: Option<String>,
}

/// The scale of the layer on the stage, the colours on it, and what its numbers are; `None` where nothing is drawn.
pub fn scale(s: &State, layer: Layer, answer: &Answer) -> Option<(Normalise, Colormap, String)> {
    let overlay = of(s, layer, answer, (0, false)).ok()?;
    Some((overlay.range, overlay.colours, overlay.what))
}

/// What there is to draw, or why there is nothing.
fn of(s: &State, layer: Layer, answer: &Answer, (t, other): (usize, bool)) -> Result<Overlay, String> {
    match layer {
        Layer::Freeze => freeze(s, answer),
        Layer::Support => support(s, answer, t),
        _ => likeness(s, answer, (t, other)),
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
        // What falls when a patch is frozen was carried by it.
        whole: Some(values.iter().map(|v| -v).collect()),
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
        whole: Some(map.data),
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

fn likeness(s: &State, answer: &Answer, (t, other): (usize, bool)) -> Result<Overlay, String> {
    let map = s.likeness(other)?;
    let Some((at, found)) = s.patch_finding() else { return Err("patch: being looked at".to_owned()) };
    let comparing = s.is_comparing();
    let whose = if comparing { format!("{}'s ", at.side()) } else { String::new() };
    let named = format!("{whose}frame {}, patch {}", at.frame + 1, at.patch + 1);
    let attention = s.view.attention.and_then(|(b, h)| Some(((b, h), found.attention.get(b)?.get(h)?)));
    if let Some(((b, h), map)) = attention {
        if at.other != other {
            let own = at.side();
            return Err(format!(
                "attention of {named} stays within {own}; choose “Similar patches” for both"
            ));
        }
        let step = t * map.frames / answer.frames.len().max(1);
        return Ok(Overlay {
            grid: map.cols,
            values: frame_or_empty(map, step).to_vec(),
            range: Normalise { lo: 0.0, hi: map.range().1 },
            whole: None,
            colours: s.view.palette,
            what: format!("attention of {named} to the static stream, block {} head {}", b + 1, h + 1),
            explained: None,
        });
    }
    // One scale for both sides, as far as both are known.
    let lowest = [false, true].iter().filter_map(|side| s.likeness(*side).ok()).map(|map| map.range().0);
    let range = Normalise { lo: lowest.fold(0.0, f32::min), hi: 1.0 };
    let what = format!("cosine of each patch's token with that of {named}");
    let both = s.likens().then(|| {
        format!(
            "{what}. One scale for A and B, from {} to {}; the same model made the tokens of both.",
            number(range.lo),
            number(range.hi)
        )
    });
    Ok(Overlay {
        grid: map.cols,
        values: frame_or_empty(map, t).to_vec(),
        range,
        whole: Some(map.data.clone()),
        colours: s.view.palette,
        what: if both.is_some() { format!("one scale for A and B: cosine with {named}") } else { what },
        explained: both,
    })
}

/// Draws the layer over the crop of a picture, as far as that lies in `frame`, and its caption into `strip`.
pub fn draw(ui: &mut Ui, s: &State, layer: Layer, answer: &Answer, at: Place, strip: Rect) {
    let Place { t, other, crop, frame } = at;
    let painter = ui.painter_at(strip);
    let over = ui.painter_at(frame);
    let (upper, lower) = lines(ui, strip);
    let write = |x: f32, align: Align2, text: &str, colour| {
        painter.text(pos2(x, upper.center().y), align, text, theme::caption(ui), colour)
    };
    let name = write(upper.left() + 2.0, Align2::LEFT_CENTER, layer.name(), theme::of(ui).strong);
    // What is cut for want of room is in the tooltip.
    let captioned = |name: &str, tip: &str| {
        let r = ui.interact(strip, ui.scope_id().with(("caption", layer.name(), other)), Sense::hover());
        r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, name));
        r.on_hover_text(tip);
    };
    let which = if other { ", other side" } else { "" };
    let overlay = match of(s, layer, answer, (t, other)) {
        Ok(overlay) => overlay,
        Err(why) => {
            captioned(&format!("Caption: {}{which}: {why}", layer.name()), &why);
            let room = if upper == lower { upper.with_min_x(name.right() + 8.0) } else { lower };
            write_end(ui, room.shrink2(vec2(2.0, 0.0)), &why, theme::of(ui).warn);
            return;
        }
    };
    let table = colours(overlay.colours);
    let place = |p: usize| place_of(p, crop, overlay.grid);
    let (signed, threshold) = (overlay.colours.is_signed(), s.view.threshold);
    for (p, v) in
        overlay.values.iter().enumerate().filter(|(_, v)| overlay.range.paints(**v, signed, threshold))
    {
        let colour = table[(overlay.range.unit(*v) * 255.0).round() as usize];
        over.rect_filled(place(p), CornerRadius::ZERO, colour.gamma_multiply(s.view.opacity));
    }
    let unit = theme::enlarged(ui);
    let bar = Rect::from_center_size(upper.right_center() - vec2(97.0 * unit, 0.0), vec2(70.0, 9.0) * unit);
    write(upper.right() - 2.0, Align2::RIGHT_CENTER, &number(overlay.range.hi), theme::of(ui).text);
    gradient(&painter, bar, table);
    cut(&painter, bar, threshold, signed);
    let low = write(bar.left() - 5.0, Align2::RIGHT_CENTER, &number(overlay.range.lo), theme::of(ui).text);
    captioned(
        &format!("Caption: {}{which}: {}", layer.name(), overlay.what),
        overlay.explained.as_ref().unwrap_or(&overlay.what),
    );
    let auroc = overlay.whole.as_ref().and_then(|map| s.mover_auroc(answer, map));
    let right = match auroc {
        Some(auroc) => {
            let room = Rect::from_x_y_ranges(name.right() + 8.0..=low.left() - 10.0, upper.y_range());
            truth::write_auroc(ui, auroc, (layer.name(), usize::from(other)), frame, room)
        }
        None => low.left(),
    };
    let hovered =
        ui.ctx().pointer_hover_pos().filter(|p| ui.rect_contains_pointer(frame) && crop.contains(*p));
    let hovered = hovered.and_then(|p| patch_at(p, crop, overlay.grid));
    let value = hovered.and_then(|p| Some((p, *overlay.values.get(p)?)));
    if let Some((p, v)) = value {
        over.rect_stroke(
            place(p),
            CornerRadius::ZERO,
            Stroke::new(1.0, theme::of(ui).strong),
            StrokeKind::Inside,
        );
        let x = bar.left() + bar.width() * overlay.range.unit(v);
        painter.vline(x, bar.top() - 3.0..=bar.bottom() + 3.0, Stroke::new(2.0, theme::of(ui).strong));
    }
    let words = match value {
        Some((p, v)) => {
            format!("row {}, column {}: {}", p / overlay.grid + 1, p % overlay.grid + 1, number(v))
        }
        None => overlay.what,
    };
    let room = match upper == lower {
        true => Rect::from_x_y_ranges(name.right() + 8.0..=right - 6.0, upper.y_range()),
        false => lower.shrink2(vec2(2.0, 0.0)),
    };
    write_end(ui, room, &words, theme::of(ui).text);
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
    mark_patch(ui, s, (crop, frame), grid, false);
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
        (None, Some(patch)) if r.clicked() => {
            out.push(Intent::Patch(Some(PatchAt { frame: t, patch, other: false })));
        }
        _ => {}
    }
    if s.probes.brush.is_some() && r.hovered() {
        ui.ctx().set_cursor_icon(egui::CursorIcon::Crosshair);
    }
}

/// Takes a click on the other side of a comparison, whose patches can be asked about where the same model saw them.
pub fn point(
    ui: &Ui,
    s: &State,
    r: &egui::Response,
    (crop, frame): (Rect, Rect),
    t: usize,
    out: &mut Vec<Intent>,
) {
    let Some(grid) = s.model.as_ref().map(|m| m.grid).filter(|_| s.likens()) else { return };
    mark_patch(ui, s, (crop, frame), grid, true);
    let at = r.interact_pointer_pos().and_then(|p| patch_at(p, crop, grid));
    if let Some(patch) = at.filter(|_| r.clicked() && s.probes.brush.is_none()) {
        out.push(Intent::Patch(Some(PatchAt { frame: t, patch, other: true })));
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

fn place_of(p: usize, crop: Rect, grid: usize) -> Rect {
    let cell = vec2(crop.width(), crop.height()) / grid.max(1) as f32;
    let at = vec2((p % grid.max(1)) as f32 * cell.x, (p / grid.max(1)) as f32 * cell.y);
    Rect::from_min_size(crop.min + at, cell)
}

/// A frame around the patch that was clicked, on the side that it is of.
fn mark_patch(ui: &Ui, s: &State, (crop, frame): (Rect, Rect), grid: usize, other: bool) {
    if let Some(at) = s.probes.patch.filter(|at| at.other == other) {
        let (rect, line) = (place_of(at.patch, crop, grid), Stroke::new(2.0, theme::of(ui).warn));
        ui.painter_at(frame).rect_stroke(rect, CornerRadius::ZERO, line, StrokeKind::Inside);
    }
}

/// Hatched one way where tokens are frozen, the other way where pixels are.
fn marks(ui: &Ui, s: &State, crop: Rect, frame: Rect, grid: usize) {
    let painter = ui.painter_at(frame);
    let place = |p: &u16| place_of(usize::from(*p), crop, grid);
    let line = Stroke::new(1.5, theme::of(ui).positive);
    for p in s.surgery.frozen.iter().map(place) {
        painter.line_segment([p.left_bottom(), p.right_top()], line);
        painter.rect_stroke(
            p,
            CornerRadius::ZERO,
            Stroke::new(1.0, theme::of(ui).positive),
            StrokeKind::Inside,
        );
    }
    let line = Stroke::new(1.5, theme::of(ui).negative);
    for p in s.surgery.frozen_pixels.iter().map(place) {
        painter.line_segment([p.left_top(), p.right_bottom()], line);
        painter.rect_stroke(
            p,
            CornerRadius::ZERO,
            Stroke::new(1.0, theme::of(ui).negative),
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
