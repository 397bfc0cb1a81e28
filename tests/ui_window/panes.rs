//! Panes are opened, closed and kept; the picture is brought closer and moved.

use crate::support::{Window, analysed};
use egui::accesskit::Role;
use egui::{Event, Modifiers, MouseWheelUnit, PointerButton, Pos2, Rect, vec2};
use egui_kittest::kittest::Queryable;
use motionlens::ui::lens::Lens;

#[test]
fn a_pane_is_closed_by_its_button_and_opened_by_the_menu() {
    let mut h = analysed([1280.0, 800.0], false);
    h.get_by_label("Facts");
    h.get_by_label("Close Inspector").click();
    h.run();
    assert!(h.query_by_label("Facts").is_none());
    h.get_by_label("Panes").click();
    h.run();
    h.get_by_role_and_label(Role::CheckBox, "Inspector").click();
    h.run();
    h.get_by_label("Facts");
}

#[test]
fn an_open_pane_behind_others_is_shown_by_the_menu_and_its_tab_can_be_seen() {
    let mut h = analysed([1280.0, 800.0], false);
    for pane in ["History", "Inspector"] {
        h.get_by_label("Panes").click();
        h.run();
        h.get_by_label(&format!("Show {pane}")).click();
        h.run();
        h.run_steps(20);
        let close = h.get_by_label(&format!("Close {pane}")).rect();
        let tab = h.get_by_label(pane).rect();
        assert!(tab.right() <= close.left() + 1.0 && tab.left() > 1040.0, "{pane}: {tab:?} {close:?}");
    }
}

#[test]
fn the_lines_between_panes_have_names_and_are_dragged_and_moved_by_the_arrow_keys() {
    let mut h = analysed([1280.0, 800.0], false);
    let line = |h: &Window| h.get_by_label("Line between Stage and Lanes").rect();
    let before = line(&h);
    drag(&mut h, before.center(), before.center() - vec2(0.0, 50.0));
    h.run_steps(3);
    let dragged = line(&h);
    assert!((dragged.center().y - before.center().y + 50.0).abs() < 3.0, "{before} {dragged}");
    h.get_by_label("Line between Stage and Lanes").focus();
    h.run_steps(3);
    for _ in 0..2 {
        h.key_press(egui::Key::ArrowDown);
        h.run_steps(3);
    }
    let moved = line(&h);
    assert!((moved.center().y - dragged.center().y - 48.0).abs() < 3.0, "{dragged} {moved}");
    assert!(h.get_by_label("Line between Stage and Lanes").is_focused(), "the arrows are the line's");
    assert_eq!(h.state().state().playback.position, motionlens::video::Pts(0), "and no seek");
}

fn wheel(h: &mut Window, at: Pos2, by: f32) {
    h.hover_at(at);
    let (unit, delta) = (MouseWheelUnit::Point, vec2(0.0, by));
    let (phase, modifiers) = (egui::TouchPhase::Move, Modifiers::NONE);
    let source = egui::MouseWheelSource::Wheel;
    h.event(Event::MouseWheel { unit, delta, phase, modifiers, source });
    h.run();
}

fn drag(h: &mut Window, from: Pos2, to: Pos2) {
    let button = |pos, pressed| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    h.hover_at(from);
    h.event(button(from, true));
    h.step();
    h.hover_at(to);
    h.step();
    h.event(button(to, false));
    h.run();
}

#[test]
fn the_wheel_brings_the_picture_closer_dragging_moves_it_and_a_key_shows_it_whole() {
    let mut h = analysed([1280.0, 800.0], false);
    let frame: Rect = h.get_by_label("Picture: Motion").rect();
    let at = frame.center() + vec2(40.0, 30.0);
    wheel(&mut h, at, 200.0);
    let lens = h.state().state().lens;
    assert!(lens.zoom() > 1.5, "{lens:?}");
    let place = |lens: Lens| (at - lens.picture(frame).min) / lens.picture(frame).size();
    assert!((place(lens) - place(Lens::default())).length() < 0.01, "what is under the pointer stays");
    drag(&mut h, frame.center(), frame.center() + vec2(30.0, 0.0));
    let moved = h.state().state().lens;
    let by = moved.picture(frame).min - lens.picture(frame).min;
    assert!((by - vec2(30.0, 0.0)).length() < 1.0, "{by:?}");
    h.get_by_label("Whole picture");
    h.key_press(egui::Key::Num0);
    h.run();
    assert_eq!(h.state().state().lens, Lens::default());
    assert!(h.query_by_label("Whole picture").is_none());
    h.key_press(egui::Key::Plus);
    h.run();
    h.get_by_label("Whole picture").click();
    h.run();
    assert_eq!(h.state().state().lens, Lens::default());
}
