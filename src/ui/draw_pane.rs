//! Drawing a motion: what moves, how and where, and the hand on the stage. Every choice acts at once on what plays.

use super::easel::Draw;
use super::intent::{Dialog, Intent};
use super::state::State;
use super::{focus, theme};
use crate::data::draw::{BACKGROUNDS, COLOURS, Object, SIDE, Shape};
use crate::data::drawing::{Drawing, Ready, SIZES, SPEEDS};
use crate::data::track::Knot;
use crate::data::world::Manner;
use egui::{Color32, Pos2, Rect, Response, RichText, Shape as Painted, Stroke, Ui, vec2};

/// Where something that stands still is put, one place after the other.
const PLACES: [[f32; 2]; 5] = [[50.0, 13.0], [50.0, 50.0], [13.0, 50.0], [13.0, 13.0], [31.5, 31.5]];

/// The button that begins it, which stands out.
pub fn begin(ui: &mut Ui, out: &mut Vec<Intent>) {
    let text = RichText::new("Draw a motion").strong().color(theme::of(ui).on_accent);
    let button = ui.add(egui::Button::new(text).fill(theme::of(ui).accent));
    let tip = "Drag a path over the picture: what you draw moves along it, and the scores answer at once (D)";
    if button.on_hover_text(tip).clicked() {
        out.push(Intent::Draw(Draw::Begin));
    }
}

/// Says above the stage that this is a drawing, and is the way back.
pub fn banner(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let Some(easel) = &s.easel else { return };
    let frame = egui::Frame::new()
        .fill(theme::of(ui).accent)
        .corner_radius(4)
        .inner_margin(egui::Margin::symmetric(8, 3));
    frame.show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            let words = match s.probes.brush {
                None => "Drawing: drag a path over the picture",
                Some(_) => "Drawing; the brush is in your hand (Esc lets go of it)",
            };
            ui.label(RichText::new(words).strong().color(theme::of(ui).on_accent));
            let undo = ui.add_enabled(easel.can_undo(), egui::Button::new("Undo path").small());
            if undo.on_hover_text("The path before this one (Ctrl+Z)").clicked() {
                out.push(Intent::Draw(Draw::Undo));
            }
            let save = ui.small_button("Save as clip…");
            let tip =
                "Writes an MP4, and beside it a JSON of the truth: what moves where in every frame (Ctrl+S)";
            if save.on_hover_text(tip).clicked() {
                out.push(Intent::Ask(Dialog::SaveDrawing));
            }
            let done = ui.small_button("Done");
            if done.on_hover_text("Back to the clip that was open (Esc); the drawing is kept").clicked() {
                out.push(Intent::Draw(Draw::Done));
            }
        });
    });
}

pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    egui::ScrollArea::vertical().id_salt("draw").auto_shrink([false, false]).show(ui, |ui| {
        let Some(easel) = &s.easel else {
            weak(ui, "Draw something that moves, and see at once what the model makes of it.");
            ui.add_space(4.0);
            begin(ui, out);
            return;
        };
        let mut drawing = easel.drawing().clone();
        truth(ui, &drawing);
        path(ui, &mut drawing, out);
        mover(ui, &mut drawing);
        manner(ui, &mut drawing);
        still(ui, &mut drawing);
        ground(ui, &mut drawing);
        if drawing != *easel.drawing() {
            out.push(Intent::Draw(Draw::Change(drawing)));
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

fn path(ui: &mut Ui, d: &mut Drawing, out: &mut Vec<Intent>) {
    heading(ui, "Path");
    weak(ui, "Drag over the picture, or:");
    ui.horizontal_wrapped(|ui| {
        for ready in Ready::ALL {
            let on = d.track == ready.track();
            let button = ui.selectable_label(on, ready.name());
            if button.on_hover_text("A path that needs no hand; Ctrl+Z takes it back").clicked() && !on {
                out.push(Intent::Draw(Draw::Ready(ready)));
            }
        }
    });
    ui.horizontal(|ui| {
        let label = ui.label("How fast");
        let slider = egui::Slider::new(&mut d.speed, SPEEDS).logarithmic(true).max_decimals(2).suffix("×");
        let tip = "1×: the whole path in the clip's 3.2 s. Faster, it arrives early and waits; slower, it does not get to the end";
        ui.add(slider).labelled_by(label.id).on_hover_text(tip);
    });
    ui.checkbox(&mut d.by_hand, "Pace of the hand")
        .on_hover_text("As fast and slow as the hand was along the path; otherwise at an even pace");
}

fn mover(ui: &mut Ui, d: &mut Drawing) {
    heading(ui, "What moves");
    object(ui, &mut d.mover, "");
    ui.horizontal(|ui| {
        let label = ui.label("Size");
        let slider = egui::Slider::new(&mut d.radius, SIZES).max_decimals(1);
        ui.add(slider).labelled_by(label.id).on_hover_text("Its radius; the picture is 64 wide");
    });
}

/// Shape and colour; `whose` tells the names of one from those of another.
fn object(ui: &mut Ui, object: &mut Object, whose: &str) {
    ui.horizontal_wrapped(|ui| {
        for shape in Shape::ALL {
            let button = ui.selectable_label(object.shape == shape, shape.word());
            let button =
                button.on_hover_text("Its shape").accessible_name(format!("{}{whose}", shape.word()));
            if button.clicked() {
                object.shape = shape;
            }
        }
    });
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0;
        for (i, (name, rgb)) in COLOURS.into_iter().enumerate() {
            let size = vec2(22.0, 22.0);
            let button = ui.add(egui::Button::new("").min_size(size).selected(object.colour == i));
            let inner = Rect::from_center_size(button.rect.center(), vec2(13.0, 13.0));
            ui.painter().rect_filled(inner, 2.0, colour(rgb));
            if object.colour == i {
                let line = Stroke::new(2.0, theme::of(ui).strong);
                ui.painter().rect_stroke(button.rect, 4.0, line, egui::StrokeKind::Inside);
            }
            if button.on_hover_text(name).accessible_name(format!("{name}{whose}")).clicked() {
                object.colour = i;
            }
        }
    });
}

fn colour(rgb: [f32; 3]) -> Color32 {
    let [r, g, b] = rgb.map(|v| (v * 255.0).round() as u8);
    Color32::from_rgb(r, g, b)
}

fn manner(ui: &mut Ui, d: &mut Drawing) {
    heading(ui, "How it moves");
    ui.horizontal_wrapped(|ui| {
        for manner in Manner::ALL {
            let words = manner.words().trim_start_matches("while ");
            if ui
                .selectable_label(d.manner == manner, words)
                .on_hover_text("What it does on its way")
                .clicked()
            {
                d.manner = manner;
            }
        }
    });
    if d.manner == Manner::Spinning && !Shape::TURNING.contains(&d.mover.shape) {
        weak(ui, "Nobody can see this shape spin; a square, a triangle, a cross or a bar can be seen to.");
    }
}

fn still(ui: &mut Ui, d: &mut Drawing) {
    heading(ui, "Beside it");
    let mut on = d.still.is_some();
    let tip = "A second shape that does not move: the motion map should leave it dark. A click on the picture puts it there";
    if ui.checkbox(&mut on, "Something still").on_hover_text(tip).changed() {
        d.still = on.then_some((Object { shape: Shape::Circle, colour: 2 }, PLACES[0]));
    }
    if let Some((thing, at)) = &mut d.still {
        object(ui, thing, ", still");
        if ui.button("Elsewhere").on_hover_text("Puts the still thing into another place").clicked() {
            let next = PLACES.iter().position(|place| place == at).map_or(0, |i| (i + 1) % PLACES.len());
            *at = PLACES[next];
        }
    }
}

fn ground(ui: &mut Ui, d: &mut Drawing) {
    heading(ui, "Background");
    ui.horizontal_wrapped(|ui| {
        for (i, (name, _)) in BACKGROUNDS.into_iter().enumerate() {
            let button =
                ui.selectable_label(d.background == i, name).on_hover_text("Colour behind everything");
            if button.accessible_name(format!("{name} background")).clicked() {
                d.background = i;
            }
        }
        let again = ui.button("Shuffle");
        if again.on_hover_text("Another grain, and another way of turning and shaking").clicked() {
            d.seed = d.seed.wrapping_add(1);
        }
    });
}

/// In a room of its own, so that nothing below it moves with the words.
fn truth(ui: &mut Ui, d: &Drawing) {
    let like = match d.motion() {
        Some(motion) if motion.is_unseen() => {
            "No clip, image or caption that the bundled model learned from shows or names this."
        }
        Some(_) => "The bundled model has learned from clips of this.",
        None => {
            "The bundled model has learned of ways to the left, to the right, up and down: it has no word for this one."
        }
    };
    let tip = "What is true of the drawing; the model is not told";
    ui.allocate_ui_with_layout(
        vec2(ui.available_width(), 66.0),
        egui::Layout::top_down(egui::Align::Min),
        |ui| {
            ui.set_min_height(66.0);
            let words = RichText::new(d.words()).strong().color(theme::of(ui).strong);
            ui.add(egui::Label::new(words).wrap()).on_hover_text(tip);
            weak(ui, like);
        },
    );
}

/// The way over the picture, which lies at `picture` and is seen in `frame`; takes what the hand does there.
pub fn on_stage(ui: &Ui, s: &State, r: &Response, picture: Rect, frame: Rect, out: &mut Vec<Intent>) {
    let Some(easel) = &s.easel else { return };
    // Pixel i of the canonical picture has its centre at i.
    let to = |[x, y]: [f32; 2]| picture.min + (vec2(x, y) + vec2(0.5, 0.5)) / SIDE * picture.size();
    let from = |p: Pos2| {
        let place = (p - picture.min) / picture.size() * SIDE - vec2(0.5, 0.5);
        [place.x, place.y]
    };
    let painter = ui.painter_at(frame);
    let line = |knots: &[Knot], colour: Color32| {
        let points: Vec<Pos2> = knots.iter().map(|k| to([k.x, k.y])).collect();
        if let [first, .., before, last] | [first @ before, last] = points[..] {
            painter.add(Painted::line(points.clone(), Stroke::new(4.0, Color32::from_black_alpha(110))));
            painter.add(Painted::line(points.clone(), Stroke::new(2.0, colour)));
            painter.circle_filled(first, 4.0, colour);
            // The last stretch may be shorter than the head of the arrow.
            let back = points.iter().rev().find(|p| p.distance(last) > 6.0).copied().unwrap_or(before);
            let along = (last - back).normalized() * 11.0;
            for side in [along.rot90(), -along.rot90()] {
                painter.line_segment([last, last - along + side * 0.5], Stroke::new(2.5, colour));
            }
        }
    };
    if easel.hand().is_empty() {
        line(easel.drawing().track.knots(), theme::of(ui).accent.gamma_multiply(0.8));
    } else {
        line(easel.hand(), theme::of(ui).strong);
        if let Some(at) = easel.hand().last() {
            let radius = easel.drawing().radius / SIDE * picture.width();
            let (_, rgb) = COLOURS[easel.drawing().mover.colour];
            painter.circle_filled(to([at.x, at.y]), radius, colour(rgb).gamma_multiply(0.4));
        }
    }
    if s.probes.brush.is_some() {
        return;
    }
    if r.hovered() || r.dragged() {
        ui.ctx().set_cursor_icon(egui::CursorIcon::Crosshair);
    }
    if r.dragged() {
        let mut to = |t: f32, p: Pos2| {
            let [x, y] = from(p);
            out.push(Intent::Draw(Draw::To(Knot { t, x, y })));
        };
        ui.input(|i| {
            let seconds = |t: f64| (t - i.pointer.press_start_time().unwrap_or(t)) as f32;
            let last = easel.hand().last().map(|knot| knot.t);
            if let (None, Some(origin)) = (last, i.pointer.press_origin()) {
                to(0.0, origin);
            }
            // Of a slow frame every place that the hand has been at, as if they were evenly apart.
            let moved = |event: &egui::Event| match event {
                egui::Event::PointerMoved(p) => Some(*p),
                _ => None,
            };
            let places: Vec<Pos2> = i.events.iter().filter_map(moved).collect();
            let (from, now) = (last.unwrap_or(0.0), seconds(i.time));
            for (n, place) in (1..).zip(&places) {
                to(from + (now - from) * n as f32 / places.len() as f32, *place);
            }
        });
    }
    if r.drag_stopped() {
        out.push(Intent::Draw(Draw::Lift));
    }
    if r.clicked()
        && let (Some(p), Some((object, _))) = (r.interact_pointer_pos(), easel.drawing().still)
    {
        let still = Some((object, from(p)));
        out.push(Intent::Draw(Draw::Change(Drawing { still, ..easel.drawing().clone() })));
    }
}
