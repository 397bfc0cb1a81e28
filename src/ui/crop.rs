//! What the model sees of pictures that are not square: chosen above the stage, and moved by hand on it.

use super::intent::Intent;
use super::stage;
use super::state::State;
use super::theme;
use crate::video::preprocess::CropRect;
use crate::video::{Crop, Preprocess};
use egui::{
    CornerRadius, CursorIcon, EventFilter, Key, Modifiers, Pos2, Rect, RichText, Sense, Stroke, Ui,
    WidgetInfo,
};

/// How far an edge of the frame can be taken hold of on either side, in points.
const HOLD: f32 = 6.0;
/// A frame this near to the middle, in parts of the way, goes there.
const SNAP: f64 = 0.012;
/// What an arrow key moves it by.
const STEP: f64 = 0.01;

impl State {
    /// The part of the open video's picture that is wanted; `None` where it is square, and while it or the model is not known.
    fn wanted_crop(&self) -> Option<CropRect> {
        let info = self.playback.info.as_ref().filter(|i| i.width != i.height)?;
        let preprocess = Preprocess { crop: self.crop, ..Preprocess::clip(self.model.as_ref()?.image_size) };
        Some(preprocess.crop_rect(info.width, info.height))
    }
}

/// Letterbox or square, and where the square is; nothing where the picture is square.
pub fn choose(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    if s.wanted_crop().is_none() {
        return;
    }
    let mut crop = s.crop;
    super::stage::room_for_slider(ui);
    let label = ui.label(RichText::new("Crop").color(theme::of(ui).weak));
    let mut part = crop.part().unwrap_or(0.5);
    let slider = egui::Slider::new(&mut part, 0.0..=1.0).step_by(STEP).show_value(false);
    let slider = ui.add_enabled(crop != Crop::Letterbox, slider).labelled_by(label.id);
    let slider = slider.on_disabled_hover_text("The whole picture is fitted");
    let tip = "Where the square that the model sees is along the long side; the frame on the stage can be dragged as well";
    if slider.on_hover_text(tip).changed() {
        crop = Crop::at(part);
    }
    if matches!(crop, Crop::Moved { .. }) {
        let button = ui.small_button("Centre").accessible_name("Centre crop");
        if button.on_hover_text("The square back in the middle, as the model was trained").clicked() {
            crop = Crop::Centre;
        }
    }
    let mut all = crop == Crop::Letterbox;
    let tip = "Fit the whole picture, with grey (the mean of the pixels, 0 to the model) on both sides; the model was trained on \
               pictures that fill the square";
    if ui.checkbox(&mut all, "Letterbox").on_hover_text(tip).changed() {
        crop = if all { Crop::Letterbox } else { Crop::Centre };
    }
    if crop != s.crop {
        out.push(Intent::Crop(crop));
    }
}

/// The frame of the square, which is dragged along the long side of the picture by its edges or what lies beyond them. `frame`: what
/// is seen of the picture.
pub fn grips(ui: &Ui, s: &State, (picture, frame): (Rect, Rect), layer: &str, out: &mut Vec<Intent>) {
    let (Some(wanted), Some(part)) = (s.wanted_crop(), s.crop.part()) else { return };
    if s.probes.brush.is_some() {
        return;
    }
    let square = stage::crop_rect(picture, wanted);
    let wide = picture.width() > picture.height();
    let along = |p: Pos2| if wide { p.x } else { p.y };
    let room = along(picture.max) - along(picture.min) - (along(square.max) - along(square.min));
    if room < 2.0 {
        return;
    }
    // Closer, what lies beyond the edges moves the picture, as everywhere.
    let beyond = if s.lens.zoom() > 1.0 { HOLD } else { f32::INFINITY };
    let strip = |from: f32, to: f32| {
        let (from, to) = (from.max(along(picture.min)), to.min(along(picture.max)));
        let strip = match wide {
            true => Rect::from_x_y_ranges(from..=to, picture.y_range()),
            false => Rect::from_x_y_ranges(picture.x_range(), from..=to),
        };
        strip.intersect(frame)
    };
    let (near, far) = (along(square.min), along(square.max));
    let names = if wide { ["left", "right"] } else { ["upper", "lower"] };
    let strips = [strip(near - beyond, near + HOLD), strip(far - HOLD, far + beyond)];
    let mut held = s.shown.as_ref().is_some_and(|shown| shown.answer.question.clip.crop != s.crop);
    for (name, strip) in names.into_iter().zip(strips) {
        if !strip.is_positive() {
            continue;
        }
        let id = ui.scope_id().with(("crop", name, layer));
        let r = ui.interact(strip, id, Sense::DRAG | Sense::FOCUSABLE);
        let label = format!("Crop frame, {name} edge: {layer}");
        r.widget_info(|| WidgetInfo::slider(true, part, &label));
        let r = r.on_hover_and_drag_cursor(if wide {
            CursorIcon::ResizeHorizontal
        } else {
            CursorIcon::ResizeVertical
        });
        if r.drag_started()
            && let Some(at) = ui.input(|i| i.pointer.press_origin())
        {
            ui.data_mut(|d| d.insert_temp(id, along(at) - near));
        }
        let mut to = None;
        if let Some(at) = r.interact_pointer_pos().filter(|_| r.dragged()) {
            let grabbed: f32 = ui.data(|d| d.get_temp(id)).unwrap_or_default();
            let part = f64::from((along(at) - grabbed - along(picture.min)) / room);
            to = Some(if (part - 0.5).abs() < SNAP { 0.5 } else { part });
        }
        if r.has_focus() {
            let arrows = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..Default::default() };
            ui.memory_mut(|m| m.set_focus_lock_filter(id, arrows));
            let pressed = |keys: [Key; 2]| -> f64 {
                ui.input_mut(|i| {
                    keys.map(|key| i.count_and_consume_key(Modifiers::NONE, key)).iter().sum::<usize>() as f64
                })
            };
            let steps = pressed([Key::ArrowRight, Key::ArrowDown]) - pressed([Key::ArrowLeft, Key::ArrowUp]);
            to = to.or((steps != 0.0).then_some(part + STEP * steps));
        }
        if let Some(crop) = to.map(Crop::at).filter(|crop| *crop != s.crop) {
            out.push(Intent::Crop(crop));
        }
        held |= r.hovered() || r.dragged() || r.has_focus();
        r.on_hover_text("Drag to move what the model sees along the picture, or use the arrow keys");
    }
    if held {
        let line = Stroke::new(2.0, theme::of(ui).accent);
        ui.painter_at(frame).rect_stroke(square, CornerRadius::ZERO, line, egui::StrokeKind::Inside);
    }
}
