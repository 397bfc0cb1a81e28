//! The window in a hall and for weak eyes: dark and light, and text of any size.

use crate::support::{Window, analysed};
use egui::accesskit::Role;
use egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::Queryable;

fn choose(h: &mut Window, item: &str) {
    h.get_by_label("View").click();
    h.run();
    h.get_by_role_and_label(Role::RadioButton, item).click();
    h.run();
    h.key_press(Key::Escape);
    h.run();
}

#[test]
fn the_theme_is_chosen_in_the_menu_and_the_stage_stays_dark() {
    let mut h = analysed([1280.0, 800.0], true);
    assert_eq!(h.ctx.theme(), Theme::Dark);
    let picture = h.get_by_label("Picture: Motion").rect();
    // Beside the picture, and in the bar on top between its menus.
    let places = [picture.left_top() + egui::vec2(4.0, -3.0), egui::pos2(4.0, 4.0)];
    let light = |h: &mut Window| {
        let image = h.render().expect("a picture");
        places.map(|p| image.get_pixel(p.x as u32, p.y as u32).0[..3].iter().all(|v| *v > 128))
    };
    assert_eq!(light(&mut h), [false, false]);
    choose(&mut h, "Light");
    assert_eq!(h.ctx.theme(), Theme::Light);
    assert_eq!(light(&mut h), [false, true]);
    choose(&mut h, "As the system");
    // Here nobody says how the system has it.
    assert_eq!(h.ctx.theme(), Theme::Dark);
}

#[test]
fn text_grows_by_the_menu_and_by_keys_within_bounds_also_while_somebody_types() {
    let mut h = analysed([1280.0, 800.0], false);
    choose(&mut h, "150%");
    assert_eq!(h.ctx.zoom_factor(), 1.5);
    h.get_by_label("Name of class 1").focus();
    h.run();
    h.key_press_modifiers(Modifiers::COMMAND, Key::Plus);
    h.run();
    assert_eq!(h.ctx.zoom_factor(), 1.6);
    for _ in 0..9 {
        h.key_press_modifiers(Modifiers::COMMAND, Key::Equals);
        h.run();
    }
    assert_eq!(h.ctx.zoom_factor(), 2.0);
    h.key_press_modifiers(Modifiers::COMMAND, Key::Minus);
    h.run();
    assert_eq!(h.ctx.zoom_factor(), 1.9);
    h.key_press_modifiers(Modifiers::COMMAND, Key::Num0);
    h.run();
    assert_eq!(h.ctx.zoom_factor(), 1.0);
}
