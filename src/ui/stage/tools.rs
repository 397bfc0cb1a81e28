//! The two rows of buttons above the stage: which layer is shown and how, and what the map looks like. What does not apply to the
//! layers on show is greyed and says why, so that nothing moves when another layer is chosen.

use super::super::intent::Intent;
use super::super::lens::Lens;
use super::super::look::{Arrangement, PALETTES, Quantity, Scale, View};
use super::super::state::State;
use super::super::{crop, draw_pane, icon, overlay, theme};
use super::{Whose, four, number, range};
use crate::view::{Colormap, Layer};
use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{RichText, Ui, vec2};
use icon::Icon;

/// Length of the sliders: all of the second row fits beside both panes of a small window.
const SLIDER: f32 = 56.0;

pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let mut v = s.view;
    ui.spacing_mut().slider_width = SLIDER;
    ui.horizontal_wrapped(|ui| {
        // Those that another pane puts on the stage have no button of their own before.
        let asked = Some(v.layer).filter(|layer| !Layer::ALL.contains(layer));
        for layer in Layer::ALL.into_iter().chain(asked) {
            let button = egui::Button::selectable(v.layer == layer, layer.name());
            if ui.add(button).on_hover_text(layer.explain()).clicked() {
                v.layer = layer;
            }
        }
        ui.separator();
        // Where two stand side by side, none of them is how the stage looks.
        let alone = Whose::pair(s).is_none();
        let icons = [Icon::Single, Icon::Wipe, Icon::SideBySide, Icon::Grid];
        for (i, (a, icon)) in Arrangement::ALL.into_iter().zip(icons).enumerate() {
            let tip = format!("{} ({})", a.name(), i + 1);
            if icon::toggle(ui, icon, vec2(24.0, 22.0), alone && v.arrangement == a, a.name(), &tip).clicked()
            {
                v.arrangement = a;
            }
        }
        if s.lens.zoom() > 1.0 {
            let button = ui.button(format!("{:.1}×", s.lens.zoom())).accessible_name("Whole picture");
            if button.on_hover_text("How close the picture is; click to see the whole again (0)").clicked() {
                out.push(Intent::Lens(Lens::default()));
            }
        }
    });
    ui.horizontal_wrapped(|ui| {
        if s.easel.is_none() && s.video.as_ref().is_some_and(|v| v.bundled.is_some()) {
            draw_pane::begin(ui, out);
            ui.separator();
        }
        let stays = MenuConfig::new().close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
        let (menu, _) = MenuButton::new("Look").config(stays).ui(ui, |ui| look(ui, s, &mut v));
        menu.on_hover_text("Colours, their scale, and whether patches are smoothed");
        map(ui, s, &mut v);
        crop::choose(ui, s, out);
    });
    if v != s.view {
        out.push(Intent::SetView(v));
    }
}

/// Begins another row where a slider and its name would not fit into this one: sliders do not wrap by themselves, and would push
/// everything below beyond the stage.
pub fn room_for_slider(ui: &mut Ui) {
    const NAME: f32 = 80.0;
    if ui.available_size_before_wrap().x < NAME + ui.spacing().slider_width {
        ui.end_row();
    }
}

/// The layers of which there is a picture on the stage.
fn on_show(s: &State) -> Vec<Layer> {
    let layer = s.view.layer;
    let map = if layer == Layer::Input { Layer::Motion } else { layer };
    match s.view.arrangement {
        _ if Whose::pair(s).is_some() => vec![if s.is_comparing() { layer } else { map }],
        Arrangement::Single => vec![layer],
        Arrangement::Wipe | Arrangement::SideBySide => vec![map],
        Arrangement::Grid => four(layer).to_vec(),
    }
}

/// Why the palette, and why the scale, says nothing about what is on the stage; `None`: it does.
fn idle(s: &State) -> [Option<&'static str>; 2] {
    const NO_MAP: &str = "The picture alone has no map.";
    const COLOURS: &str =
        "The colours of the static stream are those of its tokens and have no scale; as energy it has.";
    const SIGNED: &str = "Signed values are blue to red, whatever is chosen for magnitudes.";
    const GATE: &str = "A gate is shown from 0 to 1, unless it is stretched.";
    const OWN: &str = "What is asked of the stage by another pane has a scale of its own.";
    let of = |layer: Layer| {
        let Some(shown) = &s.shown else { return [None, None] };
        let signed = |colours: Colormap| colours.is_signed().then_some(SIGNED);
        match Quantity::of(layer, &s.view, &shown.answer.evidence.maps) {
            None if layer == Layer::Input => [Some(NO_MAP); 2],
            None => [
                overlay::scale(s, layer, &shown.answer).and_then(|(_, colours, _)| signed(colours)),
                Some(OWN),
            ],
            Some(Quantity::StaticColours) => [Some(COLOURS); 2],
            Some(Quantity::GateMean | Quantity::Gate(..)) if !s.view.gate_stretch => [None, Some(GATE)],
            Some(quantity) => [signed(quantity.colormap(s.view.palette)), None],
        }
    };
    // In the view of four the picture is always among them.
    let layers = on_show(s);
    let maps = layers.iter().filter(|layer| layers.len() == 1 || **layer != Layer::Input);
    let all: Vec<_> = maps.map(|layer| of(*layer)).collect();
    [0, 1].map(|i| all.iter().map(|why| why[i]).reduce(|a, b| a.and(b)).flatten())
}

/// How the colours of a map are made of its numbers.
fn look(ui: &mut Ui, s: &State, v: &mut View) {
    let [palette, scaled] = idle(s);
    let head = |ui: &mut Ui, text: &str, idle: Option<&str>| {
        ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).accent));
        if let Some(why) = idle {
            let why = RichText::new(why).font(theme::small()).color(theme::of(ui).weak);
            ui.add(egui::Label::new(why).wrap());
        }
    };
    ui.set_width(230.0);
    head(ui, "Colours", palette);
    ui.add_enabled_ui(palette.is_none(), |ui| {
        ui.horizontal_wrapped(|ui| {
            for p in PALETTES {
                ui.selectable_value(&mut v.palette, p, p.name()).on_hover_text("Colours of magnitudes");
            }
        });
    });
    ui.checkbox(&mut v.smooth, "Smooth").on_hover_text("Interpolate between patches");
    ui.separator();
    head(ui, "Scale", scaled);
    ui.add_enabled_ui(scaled.is_none(), |ui| scale(ui, s, v));
    let shown = |layer: Layer| on_show(s).contains(&layer);
    if shown(Layer::Static) || shown(Layer::Gate) {
        ui.separator();
    }
    if shown(Layer::Static) {
        ui.checkbox(&mut v.static_energy, "Static as energy")
            .on_hover_text("Instead of colours; it has little contrast");
    }
    if shown(Layer::Gate) {
        ui.checkbox(&mut v.gate_stretch, "Stretch gate").on_hover_text("Off: fixed scale from 0 to 1");
    }
}

/// The second row: how much of the map is seen, and which one of its kind.
fn map(ui: &mut Ui, s: &State, v: &mut View) {
    let layers = on_show(s);
    let any = layers.iter().any(|layer| *layer != Layer::Input);
    let none = "The picture alone: choose a layer to lay a map over it";
    let label = ui.label(RichText::new("Opacity").color(theme::of(ui).weak));
    let slider = egui::Slider::new(&mut v.opacity, 0.0..=1.0).show_value(false);
    let slider = ui.add_enabled(any, slider).labelled_by(label.id).on_disabled_hover_text(none);
    slider.on_hover_text("How strongly the map covers the picture");
    threshold(ui, s, v, any.then_some(()).ok_or(none));
    // Of a drawing there always is one, a moment after its last change.
    if s.truth.is_some() || s.easel.is_some() {
        ui.checkbox(&mut v.truth, "Truth").on_hover_text(
            "Outlines the mover and the distractor in the frame on show, by the JSON that lies beside the clip",
        );
    }
    if layers.contains(&Layer::Motion)
        && let Some(shown) = &s.shown
    {
        let name = |l: Option<usize>| l.map_or("all levels".to_owned(), |l| s.level_name(l));
        let combo = egui::ComboBox::from_id_salt("level").width(84.0).selected_text(name(v.level)).show_ui(
            ui,
            |ui| {
                for l in std::iter::once(None).chain((0..shown.answer.evidence.maps.levels.len()).map(Some)) {
                    ui.selectable_value(&mut v.level, l, name(l));
                }
            },
        );
        combo.response.accessible_name("Level").on_hover_text(
            "Changes within so many seconds (a lifting level), or all together, which coincides best with what moves",
        );
    }
    if layers.contains(&Layer::Gate)
        && let Some(shown) = &s.shown
    {
        let name = |g: Option<(usize, usize)>| {
            g.map_or("mean gate".to_owned(), |(b, h)| format!("block {} head {}", b + 1, h + 1))
        };
        let combo =
            egui::ComboBox::from_id_salt("gate").width(112.0).selected_text(name(v.gate)).show_ui(ui, |ui| {
                ui.selectable_value(&mut v.gate, None, name(None));
                for (b, heads) in shown.gates.iter().enumerate() {
                    for h in 0..heads.len() {
                        ui.selectable_value(&mut v.gate, Some((b, h)), name(Some((b, h))));
                    }
                }
            });
        combo.response.accessible_name("Gate").on_hover_text("Block and head of the gate");
    }
}

/// What is too little to be painted. `can`, or why there is nothing to cut.
fn threshold(ui: &mut Ui, s: &State, v: &mut View, can: Result<(), &str>) {
    room_for_slider(ui);
    let label = ui.label(RichText::new("Threshold").color(theme::of(ui).weak));
    let now = v.threshold;
    let slider = egui::Slider::new(&mut v.threshold, 0.0..=1.0).step_by(0.01).show_value(false);
    let slider = ui.add_enabled(can.is_ok(), slider).labelled_by(label.id);
    let slider = slider.on_disabled_hover_text(can.err().unwrap_or_default());
    slider.on_hover_ui(|ui| {
        let what =
            "What lies below this share of the scale is not painted; all the way to the left everything is";
        let is =
            if now > 0.0 { format!("\n{:.0}%{}", now * 100.0, cut_words(s, now)) } else { String::new() };
        ui.label(format!("{what}.{is}"));
    });
    if v.threshold > 0.0 {
        ui.label(RichText::new(format!("{:.0}%", v.threshold * 100.0)).font(theme::small()));
    }
}

/// ": below 0.200, motion energy ‖M‖/‖X‖, relative": what a threshold cuts of the layer on the stage.
fn cut_words(s: &State, threshold: f32) -> String {
    let Some((shown, drawn)) = s.shown.as_ref().zip(s.drawn()) else { return String::new() };
    let layer = s.view.layer;
    let scale = match Quantity::of(layer, &s.view, &drawn.maps) {
        Some(Quantity::StaticColours) => {
            return " of other layers: the colours of the static stream have no scale and are painted whole"
                .to_owned();
        }
        Some(source) => {
            let range = range(s, source, layer, Whose::Shown, &drawn);
            Some((range, source.colormap(s.view.palette), source.quantity()))
        }
        None if layer.is_probed() => overlay::scale(s, layer, &shown.answer),
        None => None,
    };
    let Some((range, colours, what)) = scale else { return String::new() };
    let value = number(range.at_share(threshold, colours.is_signed()));
    let side = if colours.is_signed() { "nearer to 0 than" } else { "below" };
    format!(": {side} {value} ({what})")
}

/// What the ends of the colours are.
fn scale(ui: &mut Ui, s: &State, v: &mut View) {
    let present = s.shown.as_ref().map_or(0.5, |shown| {
        let maps = &shown.answer.evidence.maps;
        Quantity::of(Layer::Motion, v, maps)
            .map_or(0.5, |source| source.range(v, maps, s.motion_scale(), 0).hi)
    });
    for (scale, tip) in [
        (Scale::Model, "The same for every clip, so clips can be compared"),
        (
            Scale::Clip,
            "Up to the largest value of this clip: faint motion becomes visible, and so does noise",
        ),
        (Scale::Frame, "Up to the largest value of each frame: frames cannot be compared"),
        (Scale::Locked(present), "Up to the value below, whatever is shown"),
    ] {
        let chosen = std::mem::discriminant(&scale) == std::mem::discriminant(&v.scale);
        if ui.selectable_label(chosen, scale.name()).on_hover_text(tip).clicked() && !chosen {
            v.scale = scale;
        }
    }
    if let Scale::Locked(hi) = &mut v.scale {
        let drag = egui::DragValue::new(hi).range(1e-4..=10.0).speed(0.005).max_decimals(4);
        ui.add(drag).accessible_name("Locked at").on_hover_text("The value of the brightest colour, ‖M‖/‖X‖");
    }
}
