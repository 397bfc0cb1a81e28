//! Presenter mode: what a hall has to see. The stage, in one sentence what its layer is, the class that fits best in large type, and
//! the play head. The panels are hidden, and as nothing of them is touched they come back as they were. Every key works.

use super::icon::{self, Icon};
use super::intent::Intent;
use super::pictures::Pictures;
use super::state::State;
use super::{elide, scope, stage, theme, transport};
use crate::score::{ClassScore, Scores};
use crate::view::Layer;
use egui::{
    Color32, Context, CornerRadius, Id, Label, LayerId, Layout, Order, Rect, RichText, Sense, Stroke,
    TextStyle, Ui, WidgetInfo, vec2,
};

/// How much larger things are in a window of this height: the same part of the hall's screen whatever its pixels.
fn scale(ctx: &Context) -> f32 {
    (ctx.content_rect().height() / 460.0).clamp(1.0, 2.6)
}

fn enlarge(ui: &mut Ui) {
    let scale = scale(ui.ctx());
    enlarge_by(ui, scale);
}

/// A lesson is read in a hall as well, and keeps its place at the edge: it is enlarged as far as that allows.
pub fn enlarge_lesson(ui: &mut Ui) {
    let scale = scale(ui.ctx()).min(1.35);
    enlarge_by(ui, scale);
}

fn enlarge_by(ui: &mut Ui, scale: f32) {
    ui.style_mut().text_styles.values_mut().for_each(|font| font.size *= scale);
}

/// Draws it into the room that is left. Gives where the stage is, and the room in it for pictures.
pub fn show(ui: &mut Ui, s: &State, pictures: &mut Pictures, out: &mut Vec<Intent>) -> (Rect, Rect) {
    egui::Panel::bottom("hall transport").frame(theme::panel_frame(ui)).show(ui, |ui| {
        enlarge(ui);
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            let size = vec2(30.0, 24.0) * scale(ui.ctx()).min(1.5);
            let leave =
                icon::button(ui, Icon::Close, size, "Leave presenter mode", "Back to the panels (F5 or Esc)");
            if leave.clicked() {
                out.push(Intent::Present(false));
            }
            transport::slim(ui, s, size, out);
        });
    });
    let width = (ui.ctx().content_rect().width() * 0.27).clamp(170.0, 560.0);
    egui::Panel::right("hall scores").frame(theme::panel_frame(ui)).resizable(false).exact_size(width).show(
        ui,
        |ui| {
            enlarge(ui);
            egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| scores(ui, s));
        },
    );
    let central = egui::CentralPanel::default().frame(egui::Frame::new().fill(theme::ON_STAGE.stage));
    let drawn = central.show(ui, |ui| {
        enlarge(ui);
        stage::show(ui, s, pictures, out)
    });
    (drawn.response.rect, drawn.inner)
}

/// The two likeliest classes of what is on show, and of the other side while two are compared.
fn scores(ui: &mut Ui, s: &State) {
    scope::altered_note(ui, s);
    // Also of another prompt set, which has no picture of its own.
    let compares = s.compare.is_some() && !s.moment;
    let sides = if compares { &[false, true][..] } else { &[false] };
    for other in sides {
        if let Some(name) = s.side_name(*other).filter(|_| compares) {
            let font = TextStyle::Body.resolve(ui.style());
            let shown = elide::middle(ui, &name, &font, ui.available_width());
            let label = ui.label(RichText::new(shown.as_ref()).color(theme::of(ui).accent));
            label.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &name));
        }
        match if *other { s.other_scores() } else { s.scores() } {
            Some(scores) => ui.scope(|ui| {
                if !s.scores_fresh() {
                    ui.set_opacity(0.6);
                }
                likeliest(ui, scores, compares);
            }),
            None => ui.scope(|ui| _ = ui.label(RichText::new("No scores yet.").color(theme::of(ui).weak))),
        };
        ui.add_space(8.0);
    }
    let colours = theme::of(ui);
    let mut note = |text: String, colour: Color32| {
        ui.add(Label::new(RichText::new(text).text_style(TextStyle::Small).color(colour)).wrap())
    };
    if let Some(words) = s.scope_words() {
        note(words, colours.weak);
    }
    for (text, tip) in scope::marks(s) {
        note(text, colours.warn).on_hover_text(tip);
    }
}

/// `brief`: there is another side to be seen as well, and nobody in a hall scrolls.
fn likeliest(ui: &mut Ui, scores: &Scores, brief: bool) {
    let mut classes: Vec<&ClassScore> = scores.classes.iter().filter(|c| c.counts).collect();
    classes.sort_by(|a, b| b.p.total_cmp(&a.p));
    let colours = theme::of(ui);
    let body = TextStyle::Body.resolve(ui.style()).size;
    // The likeliest of classes none of which fits is no finding: that is said first, and larger.
    let nothing = scores.none > 0.5;
    let none = |ui: &mut Ui| {
        let (colour, size) = if nothing { (colours.warn, 1.5) } else { (colours.weak, 1.0) };
        let text = format!("none of these: {:.1}%", 100.0 * scores.none);
        ui.label(RichText::new(text).color(colour).size(size * body))
            .on_hover_text("How far no class fits by itself: each share times how little its class fits");
    };
    if nothing {
        none(ui);
        ui.add_space(0.5 * body);
    }
    for (place, class) in classes.into_iter().take(if brief { 1 } else { 2 }).enumerate() {
        let (what, name, figure) = match place {
            0 if nothing => ("Most likely, if any", 1.1, 1.5),
            _ if brief => ("Most likely", 1.1, 1.7),
            0 => ("Most likely", 1.5, 2.6),
            _ => ("Runner-up", 1.0, 1.3),
        };
        if !brief {
            ui.label(RichText::new(what).text_style(TextStyle::Small).color(colours.weak));
        }
        ui.add(Label::new(RichText::new(&class.name).size(name * body).color(colours.strong)).wrap());
        let share = format!("{:.1}%", 100.0 * class.p);
        let label = ui.label(RichText::new(&share).size(figure * body).color(colours.strong));
        let words = format!("{what}: {}, {share}", class.name);
        label.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &words));
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 0.5 * body), Sense::hover());
        ui.painter().rect_filled(rect, CornerRadius::same(3), colours.field);
        let filled = rect.with_max_x(rect.left() + rect.width() * class.p.clamp(0.0, 1.0));
        ui.painter().rect_filled(filled, CornerRadius::same(3), colours.accent);
        ui.add_space(0.5 * body);
    }
    if !nothing {
        none(ui);
    }
}

/// Writes at the bottom of `rect` in one sentence what this layer is; gives the room above it.
pub fn sentence(ui: &Ui, layer: Layer, rect: Rect) -> Rect {
    let text = format!("{}: {}", layer.name(), layer.explain());
    let font = TextStyle::Body.resolve(ui.style());
    let galley = ui.painter().layout(text.clone(), font, theme::ON_STAGE.text, rect.width() - 8.0);
    let top = rect.bottom() - galley.size().y - 4.0;
    let room = Rect::from_min_max(egui::pos2(rect.left(), top), rect.max);
    ui.painter().galley(room.min + vec2(4.0, 2.0), galley, theme::ON_STAGE.text);
    let r = ui.interact(room, ui.scope_id().with("sentence"), Sense::hover());
    r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &text));
    rect.with_max_y((top - 4.0).max(rect.top()))
}

/// A ring around the pointer that is seen from the last row, on light and on dark pictures; filled while the button is down.
pub fn pointer(ctx: &Context) {
    let Some(told) = ctx.pointer_hover_pos() else { return };
    // A place is told in points of the time when the mouse last moved; with text of another size they are others.
    let zoom = ctx.zoom_factor();
    let at = ctx.data_mut(|d| {
        let (last, of) = d.get_temp_mut_or_insert_with(Id::unique("hall pointer was"), || (told, zoom));
        if *last != told {
            (*last, *of) = (told, zoom);
        }
        (told.to_vec2() * (*of / zoom)).to_pos2()
    });
    let painter = ctx.layer_painter(LayerId::new(Order::Debug, Id::unique("hall pointer")));
    let radius = 13.0 * scale(ctx);
    if ctx.input(|i| i.pointer.primary_down()) {
        painter.circle_filled(at, radius, theme::ON_STAGE.altered.gamma_multiply(0.45));
    }
    for (width, colour) in [(8.0, Color32::BLACK), (4.0, theme::ON_STAGE.altered)] {
        painter.circle_stroke(at, radius, Stroke::new(width, colour));
    }
}
