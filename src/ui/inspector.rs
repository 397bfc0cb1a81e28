//! The inspector: the facts about clip, model and device that a person needs to judge what they see.

use super::state::{State, clock};
use super::theme;
use egui::{RichText, Ui};

pub fn show(ui: &mut Ui, s: &State) {
    egui::ScrollArea::vertical().id_salt("inspector").auto_shrink([false, false]).show(ui, |ui| {
        ui.label(RichText::new("Facts").strong().color(theme::of(ui).strong));
        facts(ui, s);
    });
}

fn weak(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak));
}

fn facts(ui: &mut Ui, s: &State) {
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(i) = &s.playback.info {
        rows.push(("size", format!("{}×{}", i.width, i.height)));
        rows.push(("format", i.format.clone()));
        let reading = || format!("being read, {:.0} %", 100.0 * s.playback.scanning.unwrap_or(1.0));
        rows.push(("length", i.duration.map_or_else(reading, clock)));
        let sound = if i.sound { "there, and not played" } else { "none" };
        rows.push(("sound", sound.to_owned()));
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
        rows.extend(m.note.clone().map(|note| ("note", note)));
        rows.push(("motion", format!("of vision layer {} of {}", m.motion_layer, m.layers)));
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
            ui.label(RichText::new(name).font(theme::small()).color(theme::of(ui).weak));
            ui.add(egui::Label::new(RichText::new(value).font(theme::small())).wrap());
            ui.end_row();
        }
    });
}
