//! The surgery pane: what time, the model and the scoring are made of, each to be taken away or set, and what that does to every
//! score. Nothing here is retrained: it shows what a part is worth to this model on this clip, and no more.

use super::intent::Intent;
use super::look::View;
use super::probes::Brush;
use super::state::State;
use super::{difference_table, focus, scope, theme};
use crate::model::{GateClamp, Surgery};
use crate::score::ClassEmbedding;
use crate::session::ModelInfo;
use crate::video::clip::{Freeze, Order};
use crate::view::Layer;
use egui::{RichText, Ui};

/// With an untrained head the motion part is zero (METHOD §8).
pub const UNTRAINED: &str = "The motion head is untrained: motion does not enter the score. Motion, attention, gates, lifting, the layer, both \
     adapters, frozen patches, and the order of the frames (reversed, shuffled) cannot change it. Which frames are seen (freeze, half rate, \
     by hand with repeats), frozen pixels (encoded again), static off, negatives and α still do.";

pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    // At the foot, so that it is seen whatever was altered above, and what is above stays where it is.
    if s.altered_words().is_some() {
        let most = ui.available_height() * 0.45;
        egui::Panel::bottom("what altering changed")
            .resizable(true)
            .max_size(most)
            .default_size(most.min(240.0))
            .show(ui, |ui| {
                egui::ScrollArea::vertical().id_salt("changes").auto_shrink([false, false]).show(ui, |ui| {
                    changes(ui, s, out);
                    focus::follow(ui);
                });
            });
    }
    egui::ScrollArea::vertical().id_salt("surgery").auto_shrink([false, false]).show(ui, |ui| {
        weak(ui, "Nothing here is retrained: it shows what a part is worth to this model on this clip.");
        if s.model.as_ref().is_some_and(|m| !m.head_trained) {
            ui.add(
                egui::Label::new(RichText::new(UNTRAINED).font(theme::small()).color(theme::of(ui).warn))
                    .wrap(),
            );
        }
        time(ui, s, out);
        let mut surgery = s.surgery.clone();
        parts(ui, s, &mut surgery);
        gates(ui, s, &mut surgery);
        scoring(ui, s, &mut surgery);
        freeze(ui, s, &mut surgery, out);
        if surgery != s.surgery {
            out.push(Intent::Surgery(surgery));
        }
        focus::follow(ui);
    });
}

fn heading(ui: &mut Ui, text: &str) {
    ui.add_space(6.0);
    ui.label(RichText::new(text).strong().color(theme::of(ui).strong));
}

fn weak(ui: &mut Ui, text: &str) {
    ui.add(egui::Label::new(RichText::new(text).font(theme::small()).color(theme::of(ui).weak)).wrap());
}

fn time(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    heading(ui, "Time");
    let seed = if let Order::Shuffled { seed } = s.order { seed } else { 0 };
    ui.horizontal_wrapped(|ui| {
        for (order, name, tip) in [
            (Order::Forward, "As filmed", "The frames in their own order"),
            (Order::Reversed, "Reversed", "The last frame first"),
            (Order::HalfRate, "Half rate", "The first half of the frames, each twice"),
            (
                Order::Frozen(Freeze::First),
                "Freeze first",
                "The first frame again and again: exactly no motion",
            ),
            (
                Order::Frozen(Freeze::Middle),
                "Freeze middle",
                "The middle frame again and again: exactly no motion",
            ),
            (Order::Frozen(Freeze::Last), "Freeze last", "The last frame again and again: exactly no motion"),
            (Order::Shuffled { seed }, "Shuffled", "In an order that depends on the seed alone"),
        ] {
            if ui.selectable_label(s.order == order, name).on_hover_text(tip).clicked() {
                out.push(Intent::Order(order));
            }
        }
        if let Order::Shuffled { seed } = s.order {
            ui.label(RichText::new(format!("seed {seed}")).font(theme::numbers()));
            if ui.button("Again").on_hover_text("Another order: the next seed").clicked() {
                out.push(Intent::Order(Order::Shuffled { seed: seed + 1 }));
            }
        }
    });
    match &s.order {
        Order::Hand(places) => {
            let places: Vec<String> = places.iter().map(|p| (p + 1).to_string()).collect();
            weak(ui, &format!("By hand: frames {}", places.join(" ")));
        }
        _ => weak(ui, "An order of your own: drag frames in the filmstrip."),
    }
}

fn parts(ui: &mut Ui, s: &State, surgery: &mut Surgery) {
    heading(ui, "Parts of the model");
    let Surgery {
        no_motion, no_static, no_attention, no_lifting, no_vision_adapter, no_joint_adapter, ..
    } = surgery;
    let has_blocks = s.model.as_ref().is_none_or(|m| m.mab_blocks > 0);
    ui.vertical(|ui| {
        let part = |ui: &mut Ui, on: &mut bool, name: &str, tip: &str, can: bool| {
            ui.add_enabled(can, egui::Checkbox::new(on, name)).on_hover_text(tip);
        };
        part(ui, no_motion, "Motion off", "v_m = 0: the motion part does not enter the embedding", true);
        part(ui, no_static, "Static off", "v_s = 0: the static part does not enter the embedding", true);
        let tip = "MAB: the motion tokens do not look at the static stream";
        part(ui, no_attention, "Attention off", tip, has_blocks);
        part(ui, no_lifting, "Learned lifting off", "MSM: the plain Haar transform instead", true);
        let tip = "DA_v: the tokens go to the separation as CLIP gives them";
        part(ui, no_vision_adapter, "Vision adapter off", tip, true);
        let tip = "DA_j: left out of the video's embedding and of every prompt's, which share it";
        part(ui, no_joint_adapter, "Joint adapter off", tip, true);
    });
    if let Some(model) = s.model.as_ref().filter(|m| m.layers > 1) {
        motion_layer(ui, model, &mut surgery.motion_layer);
    }
}

/// From which vision layer the patches are taken that are separated.
fn motion_layer(ui: &mut Ui, model: &ModelInfo, chosen: &mut Option<u16>) {
    let own = model.motion_layer;
    let name = |layer: usize| match layer {
        layer if layer == own => format!("layer {layer}, its own"),
        layer if layer == model.layers => format!("layer {layer}, the last"),
        layer => format!("layer {layer}"),
    };
    let mut layer = chosen.map_or(own, usize::from).clamp(1, model.layers);
    weak(ui, "Motion and static are of the patches of");
    let combo = egui::ComboBox::from_id_salt("motion layer").width(112.0).selected_text(name(layer)).show_ui(
        ui,
        |ui| {
            for other in 1..=model.layers {
                ui.selectable_value(&mut layer, other, name(other));
            }
        },
    );
    combo.response.accessible_name("Motion layer").on_hover_text(
        "The vision layer whose patch tokens are separated. In later layers what stands still changes with what moves. \
         The class token stays the last layer's.",
    );
    *chosen = (layer != own).then(|| u16::try_from(layer).unwrap_or(u16::MAX));
}

/// One slider, for the gate or gates that are chosen beside it.
fn gates(ui: &mut Ui, s: &State, surgery: &mut Surgery) {
    let (blocks, heads) = s.model.as_ref().map_or((0, 0), |m| (m.mab_blocks, m.heads));
    if blocks == 0 {
        return;
    }
    heading(ui, "Gates held at a value");
    let key = egui::Id::unique("gate to be held");
    let mut which: (Option<usize>, Option<usize>) = ui.data(|d| d.get_temp(key)).unwrap_or_default();
    let name = |(block, head): (Option<usize>, Option<usize>)| match (block, head) {
        (None, None) => "all gates".to_owned(),
        (Some(b), None) => format!("block {}", b + 1),
        (None, Some(h)) => format!("head {}", h + 1),
        (Some(b), Some(h)) => format!("block {} head {}", b + 1, h + 1),
    };
    ui.horizontal(|ui| {
        let combo = egui::ComboBox::from_id_salt("held gate")
            .width(112.0)
            .selected_text(name(which))
            .show_ui(ui, |ui| {
                let each = (0..blocks).flat_map(|b| {
                    std::iter::once((Some(b), None)).chain((0..heads).map(move |h| (Some(b), Some(h))))
                });
                for choice in std::iter::once((None, None)).chain(each) {
                    ui.selectable_value(&mut which, choice, name(choice));
                }
            });
        combo
            .response
            .accessible_name("Gates to hold")
            .on_hover_text("All gates, those of a block, or one head's");
        ui.data_mut(|d| d.insert_temp(key, which));
    });
    // The value stays beside its slider.
    ui.horizontal(|ui| {
        let at = surgery.gates.iter().position(|c| (c.block, c.head) == which);
        let mut value = at.map_or(0.5, |i| f32::from(surgery.gates[i].thousandths) / 1000.0);
        let slider = egui::Slider::new(&mut value, 0.0..=1.0).step_by(0.01).show_value(false);
        let r = ui.add(slider).accessible_name("Held gate value");
        if r.on_hover_text("0: closed, nothing comes from the static stream; 1: open").changed() {
            let clamp =
                GateClamp { block: which.0, head: which.1, thousandths: (value * 1000.0).round() as u16 };
            match at {
                Some(i) => surgery.gates[i] = clamp,
                None => surgery.gates.push(clamp),
            }
        }
        let (text, colour) = match at {
            Some(_) => (format!("{value:.2}"), theme::of(ui).text),
            None => ("not held".to_owned(), theme::of(ui).weak),
        };
        ui.label(RichText::new(text).font(theme::numbers()).color(colour));
    });
    let mut gone = None;
    for (i, clamp) in surgery.gates.iter().enumerate() {
        ui.horizontal(|ui| {
            let held = name((clamp.block, clamp.head));
            ui.label(
                RichText::new(format!("{held} at {:.2}", f32::from(clamp.thousandths) / 1000.0))
                    .font(theme::small()),
            );
            let free = ui.small_button("Let go").on_hover_text("The model's own values again");
            if free.accessible_name(format!("Let go of {held}")).clicked() {
                gone = Some(i);
            }
        });
    }
    if let Some(i) = gone {
        surgery.gates.remove(i);
    }
}

fn scoring(ui: &mut Ui, s: &State, surgery: &mut Surgery) {
    heading(ui, "Scoring");
    ui.checkbox(&mut surgery.no_negatives, "Negatives off")
        .on_hover_text("As if no class had negative prompts");
    let own = s.model.as_ref().map_or(0.0, |m| m.alpha);
    ui.add_enabled_ui(!surgery.no_negatives, |ui| {
        ui.horizontal(|ui| {
            let mut alpha = surgery.alpha().unwrap_or(own);
            let slider = egui::Slider::new(&mut alpha, 0.0..=1.0).step_by(0.01).show_value(false);
            let r = ui.add(slider).accessible_name("Weight of the negatives α");
            let tip = "How much a class loses where a negative prompt of its own fits the clip better than what the templates \
                say it is not";
            if r.on_hover_text(tip).changed() {
                surgery.alpha_thousandths = Some((alpha * 1000.0).round() as u16);
            }
            ui.label(RichText::new(format!("α {alpha:.2}")).font(theme::numbers()));
            if surgery.alpha_thousandths.is_some()
                && ui.small_button(format!("Model's own ({own})")).clicked()
            {
                surgery.alpha_thousandths = None;
            }
        });
        // Those of unknown words weigh nothing, where the texts are there to say so.
        let texts = s.texts.as_ref().filter(|texts| texts.revision == s.revision);
        let weighs = |c: &ClassEmbedding| c.negatives.len() > c.from_templates;
        if !s.prompts().has_typed_negatives() {
            weak(ui, "No class has a negative prompt of its own yet, so α changes nothing.");
        } else if texts.is_some_and(|texts| !texts.classes.iter().any(weighs)) {
            weak(ui, "The classes' own negative prompts are all of words that the model does not know, so α changes nothing.");
        }
    });
}

/// The freeze map and the brush.
fn freeze(ui: &mut Ui, s: &State, surgery: &mut Surgery, out: &mut Vec<Intent>) {
    heading(ui, "Freeze patches");
    let trained = s.model.as_ref().is_none_or(|m| m.head_trained);
    if trained {
        ui.horizontal_wrapped(|ui| {
            let on = s.view.layer == Layer::Freeze;
            let tip = "What motion at each patch is worth to the class: the change of its margin if nothing moved there";
            if ui.selectable_label(on, "Freeze map").on_hover_text(tip).clicked() {
                let layer = if on { Layer::Motion } else { Layer::Freeze };
                out.push(Intent::SetView(View { layer, ..s.view }));
            }
            let chosen = s.probes.class.as_deref().unwrap_or("the likeliest class");
            let combo = egui::ComboBox::from_id_salt("freeze class").width(120.0).selected_text(chosen);
            let combo = combo.show_ui(ui, |ui| {
                let likeliest = s.probes.class.is_none();
                if ui.selectable_label(likeliest, "the likeliest class").clicked() {
                    out.push(Intent::FreezeClass(None));
                }
                for class in s.prompts().classes.iter().take(200) {
                    let own = s.probes.class.as_deref() == Some(&class.name);
                    if ui.selectable_label(own, &class.name).clicked() {
                        out.push(Intent::FreezeClass(Some(class.name.clone())));
                    }
                }
            });
            combo.response.accessible_name("Class of the freeze map").on_hover_text("Whose margin the map is of");
        });
    }
    ui.horizontal_wrapped(|ui| {
        weak(ui, "Brush:");
        for (brush, name, tip) in [
            (Brush::Tokens, "Tokens", "Painted patches stand still inside the model: their tokens at their mean over time. Shift lets go"),
            (Brush::Pixels, "Pixels", "Painted patches stand still in the picture, which is encoded again: takes longer. Shift lets go"),
        ] {
            let on = s.probes.brush == Some(brush);
            let can = trained || brush == Brush::Pixels;
            let button = ui.add_enabled(can, egui::Button::selectable(on, name));
            let button = button.accessible_name(format!("Brush that freezes {}", name.to_lowercase()));
            let button = button.on_disabled_hover_text("With an untrained head it cannot change the score; freeze pixels");
            if button.on_hover_text(tip).clicked() {
                out.push(Intent::Brush((!on).then_some(brush)));
            }
        }
        let painted = surgery.frozen.len() + surgery.frozen_pixels.len();
        if painted > 0 && ui.button("Clear").accessible_name("Clear frozen patches").clicked() {
            surgery.frozen.clear();
            surgery.frozen_pixels.clear();
        }
    });
    if s.probes.brush.is_some() {
        weak(ui, "Paint on the stage; the scores follow. Shift lets go of patches.");
    }
}

fn changes(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    heading(ui, "Original and altered");
    scope::altered_note(ui, s);
    let mut beside = s.view.beside;
    if ui
        .checkbox(&mut beside, "Original beside it on the stage")
        .on_hover_text("Both maps of the same frame; once the brush is laid down, where one is in the hand")
        .changed()
    {
        out.push(Intent::SetView(View { beside, ..s.view }));
    }
    match (s.original_scores(), s.scores()) {
        (Some(before), Some(after)) => {
            difference_table::show(ui, "altered", ("original", before), ("altered", after), None);
        }
        _ => weak(ui, "The original is being looked at."),
    }
}
