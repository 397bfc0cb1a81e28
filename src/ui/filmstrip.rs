//! The filmstrip: the frames that the model sees in the order in which it sees them, and below each what it makes of it. A column
//! is a frame: a click goes there, and a column that is dragged to another place gives the frames another order.

use super::intent::Intent;
use super::look::{Quantity, frame_or_empty};
use super::pictures::{MapFrame, Pictures};
use super::stage::number;
use super::state::{Shown, State, clock};
use super::{elide, gates, scope, theme};
use crate::video::Pts;
use crate::video::clip::Order;
use crate::video::preprocess::CropRect;
use crate::view::Layer;
use egui::{
    Align2, Color32, CornerRadius, Pos2, Rect, RichText, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2,
    vec2,
};

/// The rows, top to bottom.
const ROWS: [Layer; 5] = [Layer::Input, Layer::Motion, Layer::Static, Layer::Gate, Layer::Evidence];
const WHOLE: Rect = Rect { min: Pos2::ZERO, max: pos2(1.0, 1.0) };
const GAP: f32 = 3.0;
/// Height of the times above the columns, and width of the names before the rows.
const TIMES: f32 = 16.0;
const NAMES: f32 = 58.0;

pub fn show(ui: &mut Ui, s: &State, pictures: &mut Pictures, out: &mut Vec<Intent>) {
    let Some(shown) = &s.shown else {
        let text = "The frames that the model sees appear here when a clip has been analysed.";
        ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak));
        return;
    };
    // Where there is no room beside the frames for the gates, they come below them.
    let room = ui.available_size();
    egui::ScrollArea::both().id_salt("filmstrip").auto_shrink([false, false]).show(ui, |ui| {
        scope::altered_note(ui, s);
        let beside = room.x > 620.0;
        let width = if beside { room.x * 0.62 } else { room.x } - NAMES - 16.0;
        let count = shown.answer.frames.len().max(1) as f32;
        let tall = (room.y - TIMES - 34.0) / ROWS.len() as f32 - GAP;
        let side = (width / count - GAP).min(tall).clamp(20.0, 110.0);
        let frames = |ui: &mut Ui, pictures: &mut Pictures, out: &mut Vec<Intent>| {
            ui.vertical(|ui| {
                strip(ui, s, shown, pictures, side, out);
                let text = "Click a frame to go there; drag it to another place for another order.";
                ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak));
            });
        };
        if beside {
            ui.horizontal_top(|ui| {
                frames(ui, pictures, out);
                ui.separator();
                ui.vertical(|ui| gates::show(ui, s, shown, out));
            });
        } else {
            frames(ui, pictures, out);
            gates::show(ui, s, shown, out);
        }
    });
}

fn strip(ui: &mut Ui, s: &State, shown: &Shown, pictures: &mut Pictures, side: f32, out: &mut Vec<Intent>) {
    let frames = &shown.answer.frames;
    let step = side + GAP;
    let size = vec2(NAMES + step * frames.len() as f32, TIMES + step * ROWS.len() as f32);
    let (area, _) = ui.allocate_exact_size(size, Sense::hover());
    let painter = ui.painter_at(area);
    let top = |row: usize| area.top() + TIMES + step * row as f32;
    for (row, layer) in ROWS.iter().enumerate() {
        let at = pos2(area.left(), top(row) + side / 2.0);
        painter.text(at, Align2::LEFT_CENTER, layer.name(), theme::small(), theme::of(ui).weak);
    }
    let near = s.moment();
    let mut dropped = None;
    let times = times(frames, |time| elide::width_of(ui, time, &theme::small()) + 2.0 * GAP, step);
    for (t, pts) in frames.iter().enumerate() {
        let left = area.left() + NAMES + step * t as f32;
        let column = Rect::from_min_size(pos2(left, area.top()), vec2(side, size.y));
        let r = ui.interact(column, ui.scope_id().with(("frame", t)), Sense::click_and_drag());
        r.widget_info(|| {
            WidgetInfo::labeled(egui::accesskit::Role::Button, true, format!("Sampled frame {}", t + 1))
        });
        let faint = if r.dragged() { 0.45 } else { 1.0 };
        let at = pos2(column.center().x, area.top() + TIMES - 2.0);
        if let Some(time) = &times[t] {
            painter.text(at, Align2::CENTER_BOTTOM, time, theme::small(), theme::of(ui).weak);
        }
        for (row, layer) in ROWS.into_iter().enumerate() {
            let tile = Rect::from_min_size(pos2(left, top(row)), vec2(side, side));
            draw_tile(ui, s, shown, pictures, (layer, t), tile, faint);
        }
        let current = near.is_some_and(|m| m.t == t && !m.outside);
        let line = match (current, r.hovered()) {
            (true, _) => Stroke::new(2.0, theme::of(ui).warn),
            (false, true) => Stroke::new(1.0, theme::of(ui).strong),
            (false, false) => Stroke::NONE,
        };
        let tiles = column.with_min_y(top(0) - 1.0).with_max_y(top(ROWS.len()) - GAP + 1.0);
        painter.rect_stroke(tiles, CornerRadius::ZERO, line, StrokeKind::Inside);

        let gap = |x: f32| (((x - area.left() - NAMES) / step).round().max(0.0) as usize).min(frames.len());
        if let Some(p) = r.interact_pointer_pos() {
            if r.dragged() {
                let x = area.left() + NAMES + step * gap(p.x) as f32 - GAP / 2.0;
                painter.vline(x, tiles.y_range(), Stroke::new(3.0, theme::of(ui).accent));
            }
            if r.drag_stopped() {
                dropped = Some((t, gap(p.x)));
            }
        }
        r.context_menu(|ui| {
            for (name, to) in [("Move earlier", t.checked_sub(1)), ("Move later", Some(t + 2))] {
                let to = to.filter(|to| *to <= frames.len());
                if ui.add_enabled(to.is_some(), egui::Button::new(name)).clicked() {
                    dropped = to.map(|to| (t, to));
                    ui.close();
                }
            }
        });
        if r.clicked() {
            out.push(Intent::Pause);
            out.push(Intent::Seek(*pts));
        }
        let value = r.hover_pos().and_then(|p| pointed(s, shown, t, p, (left, side), &top));
        r.on_hover_text(format!("Frame at {}{}", clock(*pts), value.unwrap_or_default()));
    }
    if let Some((from, to)) = dropped
        && let Ok(places) = shown.answer.question.clip.order.places(frames.len())
    {
        out.extend(moved(&places, from, to).map(Intent::Order));
    }
}

/// What stands over the columns, seconds: with one decimal place where two take more than a column, and over every other one, or
/// fewer, where that does too. They would run into each other, and be read as others.
fn times(frames: &[Pts], width: impl Fn(&str) -> f32, column: f32) -> Vec<Option<String>> {
    let of = |digits: usize| frames.iter().map(|t| format!("{:.digits$}", t.secs())).collect::<Vec<_>>();
    let widest = |times: &[String]| times.iter().map(|t| width(t)).fold(0.0, f32::max);
    let fine = of(2);
    let coarse = of(1);
    // Of frames that lie closer, two would have the same.
    let tells = coarse.windows(2).zip(fine.windows(2)).all(|(c, f)| c[0] != c[1] || f[0] == f[1]);
    let times = if widest(&fine) <= column || !tells { fine } else { coarse };
    let every = (widest(&times) / column.max(1.0)).ceil().max(1.0) as usize;
    times.into_iter().enumerate().map(|(t, time)| (t % every == 0).then_some(time)).collect()
}

/// One picture of the strip: the map over the frame where the frame has been read.
fn draw_tile(
    ui: &Ui,
    s: &State,
    shown: &Shown,
    pictures: &mut Pictures,
    (layer, t): (Layer, usize),
    tile: Rect,
    faint: f32,
) {
    let answer = &shown.answer;
    let painter = ui.painter().with_clip_rect(tile.intersect(ui.clip_rect()));
    let inside = inside(answer.crop, tile);
    let picture = pictures.thumbnails.get(answer.frames[t]).map(egui::TextureHandle::id);
    match picture {
        Some(picture) => {
            // A picture that is letterboxed does not fill the tile.
            let c = answer.crop;
            let crop = Rect::from_min_max(pos2(c.x0, c.y0), pos2(c.x1, c.y1)).intersect(WHOLE);
            painter.rect_filled(tile, CornerRadius::ZERO, theme::of(ui).field);
            painter.image(picture, inside, crop, Color32::WHITE.gamma_multiply(faint));
        }
        None => {
            painter.rect_filled(tile, CornerRadius::ZERO, theme::of(ui).field);
        }
    }
    let maps = &answer.evidence.maps;
    if let Some(quantity) = Quantity::of(layer, &s.view, maps) {
        let range = quantity.range(&s.view, maps, s.motion_scale(), t);
        let id = pictures.map(ui.ctx(), answer, &s.view, MapFrame { quantity, range, t, tile: true });
        let opacity = if picture.is_some() { s.view.opacity.max(0.3) } else { 1.0 };
        // Beside the picture nothing is painted.
        let painter = painter.with_clip_rect(inside.intersect(painter.clip_rect()));
        painter.image(id, tile, WHOLE, Color32::from_white_alpha((opacity * faint * 255.0) as u8));
    }
}

/// Where the picture lies in a tile that shows what the model saw.
fn inside(crop: CropRect, tile: Rect) -> Rect {
    let p = crop.picture();
    let at = |x: f32, y: f32| tile.min + vec2(x * tile.width(), y * tile.height());
    Rect::from_min_max(at(p.x0, p.y0), at(p.x1, p.y1))
}

/// The value under the pointer, in words.
fn pointed(
    s: &State,
    shown: &Shown,
    t: usize,
    p: Pos2,
    (left, side): (f32, f32),
    top: &dyn Fn(usize) -> f32,
) -> Option<String> {
    let row = (0..ROWS.len()).rfind(|row| p.y >= top(*row))?;
    let maps = &shown.answer.evidence.maps;
    let quantity = Quantity::of(ROWS[row], &s.view, maps)?;
    let map = quantity.map(maps)?;
    let tile = Rect::from_min_size(pos2(left, top(row)), vec2(side, side));
    if !inside(shown.answer.crop, tile).contains(p) {
        return None;
    }
    let cell = |v: f32, n: usize| ((v / side * n as f32) as usize).min(n.saturating_sub(1));
    let (r, c) = (cell(p.y - top(row), map.rows), cell(p.x - left, map.cols));
    let value = frame_or_empty(map, t).get(r * map.cols + c)?;
    Some(format!("\n{}, row {}, column {}: {}", quantity.quantity(), r + 1, c + 1, number(*value)))
}

/// The order after the frame in column `from` has been put before the column `to`; `None` where that changes nothing. `places`:
/// of the frames as they are shown.
fn moved(places: &[usize], from: usize, to: usize) -> Option<Order> {
    let mut new = places.to_vec();
    let frame = new.remove(from);
    new.insert(if to > from { to - 1 } else { to }, frame);
    if new == places {
        return None;
    }
    let as_filmed = new.iter().enumerate().all(|(i, place)| i == *place);
    Some(if as_filmed { Order::Forward } else { Order::Hand(new.into_iter().map(|p| p as u32).collect()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_over_the_columns_never_touch() {
        let frames: Vec<Pts> = (0..8).map(|t| Pts::from_secs(95.0 + 0.625 * f64::from(t))).collect();
        let wide = |time: &str| 6.0 * time.len() as f32;
        let at = |column: f32| times(&frames, wide, column);
        assert_eq!(at(36.0)[1].as_deref(), Some("95.62"));
        let close: Vec<Pts> = (0..8).map(|t| Pts::from_secs(0.04 * f64::from(t))).collect();
        assert_eq!(times(&close, wide, 24.0)[2].as_deref(), Some("0.08"), "and two never read the same");
        for column in [20.0, 24.0, 29.0, 36.0, 110.0] {
            let told: Vec<(f32, String)> = at(column)
                .into_iter()
                .enumerate()
                .filter_map(|(t, s)| Some((column * t as f32, s?)))
                .collect();
            assert!(told.len() >= 3, "{column}: {told:?}");
            for pair in told.windows(2) {
                let half = |i: usize| wide(&pair[i].1) / 2.0;
                assert!(pair[0].0 + half(0) <= pair[1].0 - half(1), "{column}: {pair:?}");
            }
        }
    }

    #[test]
    fn a_frame_goes_before_the_column_that_it_is_dropped_at() {
        assert_eq!(moved(&[0, 1, 2, 3], 0, 3), Some(Order::Hand(vec![1, 2, 0, 3])));
        assert_eq!(moved(&[0, 1, 2, 3], 3, 0), Some(Order::Hand(vec![3, 0, 1, 2])));
        assert_eq!(moved(&[3, 3, 1, 0], 2, 0), Some(Order::Hand(vec![1, 3, 3, 0])));
        for nowhere in [1, 2] {
            assert_eq!(moved(&[0, 1, 2, 3], 1, nowhere), None);
        }
        assert_eq!(moved(&[1, 0, 2], 0, 2), Some(Order::Forward), "back as it was filmed");
    }
}
