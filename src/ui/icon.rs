//! The few icons of the window, drawn as lines and shapes: no font has all of them.

use egui::{Button, Color32, Pos2, Rect, Response, Shape, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};
use std::f32::consts::TAU;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    Play,
    Pause,
    Start,
    Back,
    Forward,
    Loop,
    Undo,
    Redo,
    Menu,
    Close,
    Up,
    Down,
    Expanded,
    Collapsed,
    Warning,
    Bulb,
    /// A target: where.
    Where,
    Check,
    Single,
    Wipe,
    SideBySide,
    Grid,
}

/// A button with an icon, a name for screen readers and tests, and a tip.
pub fn button(ui: &mut Ui, icon: Icon, size: Vec2, name: impl Into<String>, tip: &str) -> Response {
    drawn(ui, icon, size, None, name, tip)
}

/// The same, lit while it is on.
pub fn toggle(ui: &mut Ui, icon: Icon, size: Vec2, on: bool, name: impl Into<String>, tip: &str) -> Response {
    drawn(ui, icon, size, Some(on), name, tip)
}

/// `on`: whether it is lit; `None` of a button that never is, which a screen reader must not call a switch.
fn drawn(
    ui: &mut Ui,
    icon: Icon,
    size: Vec2,
    on: Option<bool>,
    name: impl Into<String>,
    tip: &str,
) -> Response {
    let framed = size.y > 20.0;
    let button = Button::new("").min_size(size).frame_when_inactive(framed);
    let r = ui.add(match on {
        Some(on) => button.selected(on),
        None => button,
    });
    let mut colour = ui.style().interact_selectable(&r, on == Some(true)).text_color();
    if !ui.is_enabled() {
        colour = colour.gamma_multiply(0.5);
    }
    paint(ui.painter(), icon, r.rect.center(), (size.y * 0.58).min(15.0), colour);
    r.on_hover_text(tip).accessible_name(name)
}

/// Room for an icon in a line of text.
pub fn label(ui: &mut Ui, icon: Icon, colour: Color32) {
    let (rect, _) = ui.allocate_exact_size(vec2(15.0, 17.0), egui::Sense::hover());
    paint(ui.painter(), icon, rect.center(), 13.0, colour);
}

/// Draws the icon into a square of side `size` about `c`.
pub fn paint(painter: &egui::Painter, icon: Icon, c: Pos2, size: f32, colour: Color32) {
    let h = size / 2.0;
    let at = |x: f32, y: f32| pos2(c.x + x * h, c.y + y * h);
    let stroke = Stroke::new((size / 8.0).max(1.4), colour);
    let solid = |points: Vec<Pos2>| Shape::convex_polygon(points, colour, Stroke::NONE);
    let bar = |x0: f32, x1: f32| Shape::rect_filled(Rect::from_two_pos(at(x0, -0.8), at(x1, 0.8)), 1, colour);
    let line = |points: Vec<Pos2>| Shape::line(points, stroke);
    let frame = |x0: f32, y0: f32, x1: f32, y1: f32| {
        Shape::rect_stroke(Rect::from_two_pos(at(x0, y0), at(x1, y1)), 1, stroke, StrokeKind::Middle)
    };
    // Most of a circle with an arrow head at its end.
    let turn = |flip: f32| {
        let (from, to) = (0.12 * TAU, 0.88 * TAU);
        let arc = (0..=20).map(|i| from + (to - from) * i as f32 / 20.0);
        let points: Vec<Pos2> = arc.map(|a| at(flip * a.cos() * 0.8, a.sin() * 0.8)).collect();
        let tip = at(flip * 0.95, -0.75);
        let head = solid(vec![tip, at(flip * 0.95, 0.05), at(flip * 0.15, -0.05)]);
        [line(points), head]
    };
    match icon {
        Icon::Play => painter.extend([solid(vec![at(-0.65, -0.85), at(0.85, 0.0), at(-0.65, 0.85)])]),
        Icon::Pause => painter.extend([bar(-0.7, -0.2), bar(0.2, 0.7)]),
        Icon::Start => {
            painter.extend([bar(-0.85, -0.6), solid(vec![at(0.8, -0.8), at(0.8, 0.8), at(-0.45, 0.0)])])
        }
        Icon::Back => {
            painter.extend([solid(vec![at(0.3, -0.8), at(0.3, 0.8), at(-0.85, 0.0)]), bar(0.5, 0.75)])
        }
        Icon::Forward => {
            painter.extend([bar(-0.75, -0.5), solid(vec![at(-0.3, -0.8), at(0.85, 0.0), at(-0.3, 0.8)])])
        }
        Icon::Loop => painter.extend([
            line(vec![at(-0.9, 0.1), at(-0.9, -0.5), at(0.5, -0.5)]),
            solid(vec![at(0.35, -0.95), at(0.95, -0.5), at(0.35, -0.05)]),
            line(vec![at(0.9, -0.1), at(0.9, 0.5), at(-0.5, 0.5)]),
            solid(vec![at(-0.35, 0.95), at(-0.95, 0.5), at(-0.35, 0.05)]),
        ]),
        Icon::Undo => painter.extend(turn(-1.0)),
        Icon::Redo => painter.extend(turn(1.0)),
        Icon::Menu => painter.extend([-0.6, 0.0, 0.6].map(|y| line(vec![at(-0.8, y), at(0.8, y)]))),
        Icon::Close => painter
            .extend([line(vec![at(-0.6, -0.6), at(0.6, 0.6)]), line(vec![at(-0.6, 0.6), at(0.6, -0.6)])]),
        Icon::Up => painter.extend([line(vec![at(-0.7, 0.35), at(0.0, -0.45), at(0.7, 0.35)])]),
        Icon::Down => painter.extend([line(vec![at(-0.7, -0.35), at(0.0, 0.45), at(0.7, -0.35)])]),
        Icon::Expanded => painter.extend([solid(vec![at(-0.8, -0.45), at(0.8, -0.45), at(0.0, 0.65)])]),
        Icon::Collapsed => painter.extend([solid(vec![at(-0.45, -0.8), at(0.65, 0.0), at(-0.45, 0.8)])]),
        Icon::Warning => painter.extend([
            Shape::closed_line(vec![at(0.0, -0.9), at(0.95, 0.8), at(-0.95, 0.8)], stroke),
            line(vec![at(0.0, -0.3), at(0.0, 0.25)]),
            Shape::circle_filled(at(0.0, 0.52), stroke.width * 0.6, colour),
        ]),
        Icon::Bulb => painter.extend([
            Shape::circle_stroke(at(0.0, -0.2), h * 0.65, stroke),
            line(vec![at(-0.3, 0.65), at(0.3, 0.65)]),
            line(vec![at(-0.2, 0.95), at(0.2, 0.95)]),
        ]),
        Icon::Where => painter.extend([
            Shape::circle_stroke(at(0.0, 0.0), h * 0.75, stroke),
            Shape::circle_filled(at(0.0, 0.0), h * 0.28, colour),
        ]),
        Icon::Single => painter.extend([frame(-0.9, -0.7, 0.9, 0.7)]),
        Icon::Wipe => painter.extend([
            frame(-0.9, -0.7, 0.9, 0.7),
            Shape::rect_filled(Rect::from_two_pos(at(0.0, -0.7), at(0.9, 0.7)), 0, colour),
        ]),
        Icon::SideBySide => painter.extend([frame(-0.95, -0.7, -0.1, 0.7), frame(0.1, -0.7, 0.95, 0.7)]),
        Icon::Grid => painter.extend(
            [(-0.9, -0.9), (0.1, -0.9), (-0.9, 0.1), (0.1, 0.1)].map(|(x, y)| frame(x, y, x + 0.8, y + 0.8)),
        ),
        Icon::Check => painter.extend([line(vec![at(-0.8, 0.05), at(-0.2, 0.65), at(0.85, -0.65)])]),
    }
}
