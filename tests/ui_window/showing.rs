//! The window in a hall and for weak eyes: dark and light, and text of any size.

use crate::live::wait;
use crate::support::{Window, analysed, answer, clip, info, playback, scored};
use egui::accesskit::Role;
use egui::{Key, Modifiers, Rect, Theme};
use egui_kittest::kittest::Queryable;
use motionlens::ui::intent::Intent;
use motionlens::ui::look::{Arrangement, View};
use motionlens::ui::panes::Pane;
use motionlens::ui::state::Playback;
use motionlens::video::clip::Order;
use motionlens::view::Layer;
use std::sync::Arc;

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
    // Three times within one drawn frame.
    for _ in 0..3 {
        let (key, modifiers) = (Key::Plus, Modifiers::COMMAND);
        let press = egui::Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers };
        h.input_mut().events.push(press);
    }
    h.run();
    assert_eq!(h.ctx.zoom_factor(), 1.3);
}

fn apply(h: &mut Window, intent: Intent) {
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, intent);
    h.run();
}

#[test]
fn a_key_shows_a_hall_the_stage_and_the_scores_and_leads_back_to_all_as_it_was() {
    let mut h = analysed([1280.0, 800.0], false);
    apply(&mut h, Intent::Pane(Pane::Surgery, true));
    let before = ["Picture: Motion", "Name of class 1", "Reversed", "Whole video"];
    let places = |h: &Window| before.map(|name| h.get_by_label(name).rect());
    let (rects, panes) = (places(&h), h.state().panes().kept());
    h.key_press(Key::F5);
    h.run();
    assert!(h.state().state().presenting);
    for hidden in ["Name of class 1", "Reversed", "Whole video", "Panes"] {
        assert!(h.query_by_label(hidden).is_none(), "{hidden}");
    }
    h.get_by_label("Most likely: moving left, 72.1%");
    h.get_by_label("Runner-up: moving right, 27.9%");
    h.get_by_label("none of these: 7.0%");
    h.get_by_label(&format!("Motion: {}", Layer::Motion.explain()));
    assert!(h.get_by_label("Picture: Motion").rect().height() > 1.2 * rects[0].height());
    // The keys work, and the sentence follows.
    h.key_press(Key::V);
    h.run();
    h.get_by_label(&format!("Static: {}", Layer::Static.explain()));
    h.key_press_modifiers(Modifiers::SHIFT, Key::V);
    h.key_press(Key::Escape);
    h.run();
    assert!(!h.state().state().presenting);
    assert_eq!(places(&h), rects);
    assert_eq!(h.state().panes().kept(), panes);
    // By the menu, and back by the button.
    h.get_by_label("View").click();
    h.run();
    h.get_by_label("Presenter mode").click();
    h.run();
    h.get_by_label("Leave presenter mode").click();
    h.run();
    assert_eq!(places(&h), rects);
}

#[test]
fn what_is_altered_stays_unmistakable_in_a_hall_and_escape_ends_one_thing_at_a_time() {
    let mut h = analysed([1280.0, 800.0], false);
    let mut altered = answer();
    let mut question = (*altered.question).clone();
    question.clip.order = Order::Reversed;
    altered.id = question.id();
    altered.question = Arc::new(question);
    let mut of = scored(h.state(), [0.31, 0.12]);
    of.question = altered.id;
    h.state_mut().show_answer(Arc::new(altered), Some(of));
    apply(&mut h, Intent::Present(true));
    let told = h.query_all_by_label("altered: frames reversed (not retrained)").count();
    assert!(told >= 2, "above the picture and beside the score");
    h.get_by_label("Reset");
    h.key_press(Key::F1);
    h.run();
    h.key_press(Key::Escape);
    h.run();
    let s = h.state().state();
    assert!(!s.help && s.presenting, "first the page of keys goes");
    h.key_press(Key::Escape);
    h.run();
    assert!(!h.state().state().presenting);
}

#[test]
fn the_sentence_is_of_the_layer_that_stands_beside_the_picture() {
    let mut h = analysed([1280.0, 800.0], false);
    apply(&mut h, Intent::Present(true));
    let view = h.state().state().view;
    for (arrangement, told) in [(Arrangement::Single, Layer::Input), (Arrangement::SideBySide, Layer::Motion)]
    {
        apply(&mut h, Intent::SetView(View { layer: Layer::Input, arrangement, ..view }));
        h.get_by_label(&format!("{}: {}", told.name(), told.explain()));
    }
}

#[test]
fn a_ring_around_the_pointer_is_seen_on_light_and_on_dark_pictures() {
    let mut h = analysed([1280.0, 800.0], true);
    apply(&mut h, Intent::Present(true));
    let at = h.get_by_label("Picture: Motion").rect().left_center() + egui::vec2(60.0, 0.0);
    h.hover_at(at);
    h.run();
    let image = h.render().expect("a picture");
    // From the pointer to the left: the line is light with dark on both sides.
    let row: Vec<u8> = (0..40).map(|x| image.get_pixel(at.x as u32 - x, at.y as u32).0[0]).collect();
    let bright = row.iter().rposition(|v| *v > 200).expect("a light ring");
    assert!(bright > 18, "{row:?}");
    assert!(row[bright..].iter().any(|v| *v < 40) && row[..bright].iter().any(|v| *v < 40), "{row:?}");
}

#[test]
fn a_clip_with_a_sound_track_is_said_to_be_silent() {
    let mut h = analysed([1280.0, 800.0], false);
    assert!(h.query_by_label("no sound").is_none());
    let with = Playback { info: Some(motionlens::video::VideoInfo { sound: true, ..info() }), ..playback(0) };
    h.state_mut().show_playback(Some(clip()), with);
    h.run();
    h.get_by_label("no sound");
}

/// Whether it lies within the window, be it scrolled out of sight there: nothing sticks out at a side.
fn reachable(h: &Window, name: &str) -> Result<(), String> {
    let window = Rect::from_min_size(egui::Pos2::ZERO, h.ctx.content_rect().size()).expand(1.0);
    let Some(node) = h.query_all_by_label(name).next() else { return Err(format!("{name} is not there")) };
    let rect = node.rect();
    if window.contains_rect(rect) {
        Ok(())
    } else {
        Err(format!("{name} is at {rect}, the window is {window}"))
    }
}

#[test]
fn at_twice_the_size_every_main_control_is_within_a_window_of_1280_by_800() {
    let mut h = analysed([1280.0, 800.0], false);
    apply(&mut h, Intent::TextSize(200));
    assert_eq!(h.ctx.content_rect().size(), egui::vec2(640.0, 400.0));
    let mut wrong = Vec::new();
    let mut look =
        |h: &Window, names: &[&str]| wrong.extend(names.iter().filter_map(|n| reachable(h, n).err()));
    look(&h, &["Open", "Export", "Panes", "View", "Learn", "Help"]);
    look(&h, &["Load…", "Save…", "Pin", "Name of class 1"]);
    look(
        &h,
        &["Play", "Next frame", "Speed", "Time", "Whole video", "Follow play head", "Length of the span"],
    );
    look(&h, &Layer::ALL.map(Layer::name));
    look(&h, &["Single", "Wipe", "Side by side", "2×2", "Opacity", "Threshold", "Look", "Picture: Motion"]);
    let picture = h.get_by_label("Picture: Motion").rect();
    assert!(picture.height() > 60.0, "{picture}");
    // Every pane opens to something that can be used.
    for (pane, control) in [
        (Pane::Surgery, "Reversed"),
        (Pane::Inspector, "Facts"),
        (Pane::Compare, "Close Compare"),
        (Pane::Lanes, "Close Lanes"),
        (Pane::Filmstrip, "Close Filmstrip"),
    ] {
        apply(&mut h, Intent::Pane(pane, true));
        look(&h, &[control]);
        apply(&mut h, Intent::Pane(pane, false));
    }
    apply(&mut h, Intent::Help(true));
    look(&h, &["Close", "The first minute"]);
    apply(&mut h, Intent::Help(false));
    apply(&mut h, Intent::Present(true));
    look(&h, &["Most likely: moving left, 72.1%", "Leave presenter mode", "Play", "Picture: Motion"]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_prompts_are_as_wide_as_before_when_the_text_is_small_again() {
    let mut h = analysed([1280.0, 800.0], false);
    let panel = |h: &Window| {
        h.get_by_label("Seek bar").rect().left().max(h.get_by_label("Picture: Motion").rect().left())
    };
    let before = panel(&h);
    for percent in [200, 100] {
        apply(&mut h, Intent::TextSize(percent));
        h.run_steps(3);
    }
    assert_eq!(panel(&h), before);
    // A width of one's own as well, and it is the one that is kept.
    let edge = h.get_by_label("Single").rect();
    drag(&mut h, egui::pos2(384.0, edge.center().y), egui::pos2(470.0, edge.center().y));
    let wide = h.state().state().prompts_width.expect("a width of one's own");
    assert!((440.0..500.0).contains(&wide), "{wide}");
    let before = panel(&h);
    for percent in [200, 150, 100] {
        apply(&mut h, Intent::TextSize(percent));
        h.run_steps(3);
    }
    assert_eq!((panel(&h), h.state().state().prompts_width), (before, Some(wide)));
}

fn drag(h: &mut Window, from: egui::Pos2, to: egui::Pos2) {
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    h.hover_at(from);
    h.run_steps(2);
    h.event(button(from, true));
    h.run_steps(2);
    h.hover_at(to);
    h.run_steps(2);
    h.event(button(to, false));
    h.run();
}

#[test]
fn a_lesson_leaves_the_stage_some_room_where_text_is_large_and_is_read_whole_in_a_hall() {
    let mut h = analysed([1280.0, 800.0], false);
    // Its clip is opened beside; who waits for a window that rests waits for that.
    let act = |h: &mut Window, intent: Intent| {
        let ctx = h.ctx.clone();
        h.state_mut().apply(&ctx, intent);
        h.run_steps(4);
    };
    act(&mut h, Intent::Learn(Some(4)));
    wait(&mut h, "the lesson's clip", |s| {
        s.video.as_ref().is_some_and(|v| v.path.ends_with("by-the-plant.mp4"))
    });
    let width = |h: &Window| {
        h.get_by_label("Leave the lesson").rect().right() - h.get_by_label("Step before").rect().left()
    };
    let usual = width(&h);
    act(&mut h, Intent::TextSize(200));
    let picture = h.get_by_label("Picture: Motion").rect();
    assert!(picture.width() > 60.0, "{picture}");
    // What is narrower for that cuts nothing off: the layers' names begin where the prompts end.
    let end = h.get_by_label("Input").rect().left();
    for name in ["Save…", "Undo", "Redo", "Pin", "Try a class", "Add it", "Clip", "Name of class 1"] {
        let rect = h.get_by_label(name).rect();
        assert!(rect.right() <= end, "{name} is cut off: {rect}, the prompts end at {end}");
    }
    act(&mut h, Intent::TextSize(100));
    assert_eq!(width(&h), usual);
    act(&mut h, Intent::Present(true));
    let title = h.get_by_label("What does a negative prompt do?").rect();
    assert!(title.right() <= h.get_by_label("Leave the lesson").rect().left() + 1.0, "{title}");
    reachable(&h, "Next step").unwrap();
}

#[test]
fn badges_say_what_counts_where_there_is_little_room() {
    let mut h = analysed([1280.0, 800.0], false);
    let wide = h.get_by_label("motion head: trained").rect().width();
    apply(&mut h, Intent::TextSize(200));
    let badge = h.get_by_label("motion head: trained").rect();
    assert!(badge.width() < wide && badge.width() > 34.0, "its last word whole: {badge}");
}

fn wheel(h: &mut Window, at: egui::Pos2, by: f32) {
    h.hover_at(at);
    h.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(0.0, by),
        phase: egui::TouchPhase::Move,
        modifiers: Modifiers::NONE,
        source: egui::MouseWheelSource::Wheel,
    });
    h.run_steps(20);
}

#[test]
fn the_page_of_keys_is_seen_whole_at_the_usual_size_and_scrolls_at_twice_that() {
    let mut h = analysed([1280.0, 800.0], false);
    let last = |h: &Window| h.get_by_label("this list").rect();
    for (percent, scrolls) in [(100, false), (200, true)] {
        apply(&mut h, Intent::TextSize(percent));
        apply(&mut h, Intent::Help(true));
        h.run_steps(10);
        let window = Rect::from_min_size(egui::Pos2::ZERO, h.ctx.content_rect().size());
        let before = last(&h);
        wheel(&mut h, window.center(), -4000.0);
        assert_eq!(last(&h) != before, scrolls, "at {percent}%: {before} and then {}", last(&h));
        assert!(window.contains_rect(last(&h)), "at {percent}%: {}", last(&h));
        apply(&mut h, Intent::Help(false));
    }
}

#[test]
fn captions_of_half_pictures_have_two_lines_and_those_of_whole_ones_one() {
    let mut h = analysed([1280.0, 800.0], false);
    let height = |h: &Window, name: &str| h.get_by_label(name).rect().height();
    assert_eq!(height(&h, "Caption: Motion: map of 0:00.240"), 24.0);
    let view = h.state().state().view;
    apply(&mut h, Intent::SetView(View { arrangement: Arrangement::SideBySide, ..view }));
    assert_eq!(height(&h, "Caption: Motion: map of 0:00.240"), 40.0);
    let (picture, caption) =
        (h.get_by_label("Picture: Motion"), h.get_by_label("Caption: Motion: map of 0:00.240"));
    assert!((picture.rect().bottom() - caption.rect().top()).abs() < 1.0, "right below the picture");
}
