//! What each control does, by its name, in a window that is told what engine and player say.

use super::support::*;
use egui_kittest::kittest::Queryable;
use motionlens::engine::Event;
use motionlens::ui::look::Arrangement;
use motionlens::ui::state::Playback;
use motionlens::video::Pts;
use motionlens::view::Layer;

/// The engine says new scores.
fn rescore(h: &mut Window, s_pos: [f32; 2]) {
    let event = Event::Scored(scored(h.state(), s_pos));
    h.state_mut().on_event(event);
}

const SIZE: [f32; 2] = [1280.0, 800.0];

#[test]
fn an_empty_window_says_how_to_begin() {
    let mut h = egui_kittest::Harness::builder()
        .with_size(SIZE)
        .build_eframe(|cc| motionlens::ui::App::new(&cc.egui_ctx, cc.wgpu_render_state.clone(), None));
    h.run();
    let heading = h.get_by_label("Open a video to begin").rect();
    h.get_by_label("No classes yet");
    h.get_by_label("no video");
    h.get_by_label("Open a video…");
    // What went wrong covers no way to one.
    h.state_mut().on_event(Event::ModelFailed { message: "no model.safetensors in the folder".into() });
    h.run();
    let message = h.get_by_label("no model.safetensors in the folder").rect();
    assert!(message.top() > heading.bottom(), "{message:?} {heading:?}");
}

#[test]
fn every_control_has_a_name_at_every_size() {
    // The harness itself fails where an input widget has no accessible name or a letter has no glyph.
    for size in [SIZE, [1920.0, 1080.0], [900.0, 600.0]] {
        let mut h = analysed(size, false);
        for layer in Layer::ALL {
            h.get_by_label(layer.name()).click();
            h.run();
        }
        for name in
            ["Play", "Previous frame", "Next frame", "Seek bar", "Loop", "Speed", "Follow play head", "Open"]
        {
            h.get_by_label(name);
        }
    }
}

#[test]
fn the_overlay_and_the_arrangement_follow_buttons_and_keys() {
    let mut h = analysed(SIZE, false);
    h.get_by_label("Evidence").click();
    h.run();
    assert_eq!(h.state().state().view.layer, Layer::Evidence);
    for (key, arrangement) in
        [egui::Key::Num1, egui::Key::Num2, egui::Key::Num3, egui::Key::Num4].into_iter().zip(Arrangement::ALL)
    {
        h.key_press(key);
        h.run();
        assert_eq!(h.state().state().view.arrangement, arrangement);
    }
    h.get_by_label("Single").click();
    h.run();
    assert_eq!(h.state().state().view.arrangement, Arrangement::Single);
}

#[test]
fn classes_and_prompts_are_added_edited_moved_and_removed() {
    // Tall enough for every card.
    let mut h = window([1280.0, 1500.0], false);
    h.get_by_label("+ Add class").click();
    h.run();
    assert_eq!(h.state().state().prompts().classes.len(), 3);
    assert!(h.get_by_label("Name of class 3").is_focused(), "a new class waits for its name");

    h.get_by_label("Name of class 1").focus();
    h.run();
    h.get_by_label("Name of class 1").type_text(" fast");
    h.run();
    assert_eq!(h.state().state().prompts().classes[0].name, "moving left fast");

    h.get_by_label("Add negative prompt to moving right").click();
    h.run();
    let own = h.state().state().prompts().classes[1].negative.clone().unwrap();
    assert_eq!(own, ["not moving right", ""], "the filled template stays, a new one waits");
    h.get_by_label("Negative prompt 2 of moving right").focus();
    h.run();
    h.get_by_label("Negative prompt 2 of moving right").type_text("standing");
    h.run();
    h.get_by_label("Menu of Negative prompt 2 of moving right").click();
    h.run();
    h.get_by_label("Move up").click();
    h.run();
    let own = |h: &Window| h.state().state().prompts().classes[1].negative.clone();
    assert_eq!(own(&h).unwrap(), ["standing", "not moving right"]);
    h.get_by_label("Menu of Negative prompt 1 of moving right").click();
    h.run();
    h.get_by_label("Remove").click();
    h.run();
    assert_eq!(own(&h).unwrap(), ["not moving right"]);
    h.get_by_label("Use templates, negative prompts of moving right").click();
    h.run();
    assert_eq!(own(&h), None);

    h.get_by_label("Menu of moving right").click();
    h.run();
    h.get_by_label("Move up").click();
    h.run();
    assert_eq!(h.state().state().prompts().classes[0].name, "moving right");
    h.get_by_label("Menu of moving right").click();
    h.run();
    h.get_by_label("Remove class").click();
    h.run();
    assert_eq!(h.state().state().prompts().classes.len(), 2);
}

#[test]
fn undo_and_redo_by_key_and_by_button() {
    let mut h = window(SIZE, false);
    let count = |h: &Window| h.state().state().prompts().classes.len();
    h.get_by_label("+ Add class").click();
    h.run();
    assert_eq!(count(&h), 3);
    // The new name has the focus.
    h.key_press(egui::Key::Escape);
    h.run();
    h.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::Z);
    h.run();
    assert_eq!(count(&h), 2);
    h.key_press_modifiers(egui::Modifiers::COMMAND | egui::Modifiers::SHIFT, egui::Key::Z);
    h.run();
    assert_eq!(count(&h), 3);
    h.get_by_label("Undo").click();
    h.run();
    assert_eq!(count(&h), 2);
}

#[test]
fn undo_in_the_untouched_field_of_a_new_class_takes_the_class_back() {
    let mut h = window(SIZE, false);
    let count = |h: &Window| h.state().state().prompts().classes.len();
    let undo = |h: &mut Window| {
        h.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::Z);
        h.run();
    };
    h.get_by_label("+ Add class").click();
    h.run();
    assert!(h.ctx.text_edit_focused() && count(&h) == 3);
    undo(&mut h);
    assert_eq!(count(&h), 2);
    h.get_by_label("+ Add class").click();
    h.run();
    h.event(egui::Event::Text("hop".into()));
    h.run();
    undo(&mut h);
    assert_eq!(count(&h), 3, "what was typed is the field's to take back");
}

#[test]
fn keys_rest_while_a_text_box_has_the_focus() {
    let mut h = analysed(SIZE, false);
    h.get_by_label("Name of class 1").focus();
    h.run();
    h.key_press(egui::Key::Num4);
    h.key_press(egui::Key::V);
    h.run();
    let view = h.state().state().view;
    assert_eq!((view.arrangement, view.layer), (Arrangement::Single, Layer::Motion));
    h.key_press(egui::Key::Escape);
    h.run();
    h.key_press(egui::Key::Num4);
    h.run();
    assert_eq!(h.state().state().view.arrangement, Arrangement::Grid);
}

#[test]
fn a_pin_shows_the_change_and_can_be_undone() {
    let mut h = analysed(SIZE, false);
    h.get_by_label("Pin").click();
    h.run();
    rescore(&mut h, [0.36, 0.12]);
    h.run();
    // s+ and the margin of the first class have grown by 0.05.
    assert_eq!(h.get_all_by_label("Δ +0.050").count(), 2);
    h.get_by_label("Unpin").click();
    h.run();
    assert!(h.state().state().pinned(0).is_none());
    h.get_by_label("Undo").click();
    h.run();
    assert_eq!(h.state().state().pinned(0).and_then(|c| c.s_pos), Some(0.31));
}

#[test]
fn sorted_classes_change_places_only_while_nobody_types() {
    let mut h = analysed(SIZE, false);
    h.get_by_label("Sort by p").click();
    h.run();
    let first_on_top = |h: &Window| {
        h.get_by_label("Name of class 1").rect().top() < h.get_by_label("Name of class 2").rect().top()
    };
    assert!(first_on_top(&h));
    h.get_by_label("Name of class 1").focus();
    h.run();
    rescore(&mut h, [0.11, 0.42]);
    h.run();
    assert!(first_on_top(&h), "the box that is typed in stays where it is");
    let ctx = h.ctx.clone();
    ctx.memory_mut(|m| m.stop_text_input());
    h.run();
    assert!(!first_on_top(&h));
}

#[test]
fn scores_stay_with_their_class_when_the_order_changes() {
    let mut h = analysed(SIZE, false);
    h.get_by_label("Menu of moving right").click();
    h.run();
    h.get_by_label("Move up").click();
    h.run();
    let s = h.state().state();
    assert_eq!(s.score(0).and_then(|c| c.s_pos), Some(0.12));
    assert!(!s.scores_fresh(), "they are of before the edit");
}

#[test]
fn a_renamed_class_keeps_its_scores_until_new_ones_come() {
    let mut h = analysed(SIZE, false);
    h.get_by_label("Name of class 2").focus();
    h.run();
    h.get_by_label("Name of class 2").type_text(" fast");
    h.run();
    assert_eq!(h.state().state().score(1).and_then(|c| c.s_pos), Some(0.12));
    h.get_by_label("Menu of moving left").click();
    h.run();
    h.get_by_label("Remove class").click();
    h.run();
    assert_eq!(h.state().state().score(0), None, "nobody knows whose scores these are now");
}

#[test]
fn a_problem_is_shown_in_words_stays_and_can_be_dismissed() {
    let mut h = analysed(SIZE, false);
    let message = "broken.mp4: the file ends in the middle. Copy it again.";
    h.state_mut().on_event(Event::Failed { question: answer().id, message: message.into() });
    h.run();
    h.get_by_label(message);
    assert!(h.state().state().shown.is_some(), "what was there stays");
    h.get_by_label("Dismiss").click();
    h.run();
    assert!(h.query_by_label(message).is_none());
}

#[test]
fn of_several_messages_the_newest_is_told_in_full_and_escape_takes_it_away() {
    let mut h = analysed([1280.0, 800.0], false);
    let long =
        |i: usize| format!("clip {i}.mp4 cannot be opened: {}", "it was cut off in the middle. ".repeat(5));
    for i in 0..3 {
        h.state_mut().on_event(Event::Failed { question: answer().id, message: long(i) });
    }
    h.run();
    let height = |h: &Window, i: usize| h.get_by_label(&long(i)).rect().height();
    assert!(height(&h, 2) > 1.5 * height(&h, 1), "{} {}", height(&h, 2), height(&h, 1));
    h.query_all_by_label("More").next().expect("of an older one").click();
    h.run();
    assert_eq!(height(&h, 0), height(&h, 2));
    h.key_press(egui::Key::Escape);
    h.run();
    let told = |h: &Window| h.state().state().messages.all().len();
    assert!(told(&h) == 2 && h.query_by_label(&long(2)).is_none());
    h.get_by_label("Dismiss all").click();
    h.run();
    assert_eq!(told(&h), 0);
    assert!(h.query_by_label("Dismiss all").is_none());
}

#[test]
fn a_map_says_which_frame_it_belongs_to() {
    let mut h = analysed(SIZE, false);
    let moment = |h: &Window| h.state().state().moment().unwrap();
    h.state_mut().show_playback(Some(clip()), playback(6));
    h.run();
    assert!(moment(&h).exact && moment(&h).t == 0);
    h.state_mut().show_playback(Some(clip()), playback(17));
    h.run();
    let m = moment(&h);
    assert!(!m.exact && !m.outside && m.t == 1, "{m:?}");
    h.state_mut().show_playback(Some(clip()), playback(99));
    h.run();
    assert!(moment(&h).outside);
}

#[test]
fn the_gate_of_one_head_is_chosen_beside_the_filmstrip() {
    use motionlens::ui::{intent::Intent, panes::Pane};
    let mut h = analysed(SIZE, false);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Pane(Pane::Filmstrip, true));
    h.run();
    h.get_by_label("Gate of block 1 head 3").click();
    h.run();
    let view = h.state().state().view;
    assert_eq!((view.layer, view.gate), (Layer::Gate, Some((0, 2))));
}

#[test]
fn own_videos_with_the_embedded_model_get_the_hint_once() {
    let mut h = window(SIZE, false);
    let mut own = clip();
    own.bundled = None;
    h.state_mut().show_playback(Some(own), playback(0));
    h.state_mut().on_event(model());
    h.run();
    let hint = |h: &Window| h.query_all_by_label_contains("know moving shapes only").count();
    assert_eq!(hint(&h), 1);
    h.get_by_label("Dismiss").click();
    h.state_mut().on_event(model());
    h.run();
    assert_eq!(hint(&h), 0);
}

#[test]
fn a_time_is_typed_and_a_wrong_one_is_told() {
    let mut h = analysed(SIZE, false);
    h.key_press(egui::Key::G);
    h.run();
    h.get_by_label("Time or frame").type_text("abc");
    h.run();
    h.get_by_label("Go").click();
    h.run();
    assert_eq!(h.query_all_by_label_contains("is not a time").count(), 1);
    assert!(h.state().state().time_field.is_some(), "it stays open");
}

#[test]
fn keys_act_at_once_after_a_time_was_entered() {
    let mut h = analysed(SIZE, false);
    h.key_press(egui::Key::G);
    h.run();
    h.event(egui::Event::Text("0.5".into()));
    h.run();
    h.key_press(egui::Key::Enter);
    h.run_steps(3);
    assert!(h.state().state().time_field.is_none(), "it has closed");
    h.event(egui::Event::Text("4".into()));
    h.key_press(egui::Key::Num4);
    h.run_steps(2);
    assert_eq!(h.state().state().view.arrangement, Arrangement::Grid);
}

#[test]
fn in_and_out_bound_the_window() {
    let mut h = analysed(SIZE, false);
    // Paused within a frame, that one is meant.
    let within = Playback { position: Pts(10 * FRAME + FRAME / 3), ..playback(10) };
    h.state_mut().show_playback(Some(clip()), within);
    h.key_press(egui::Key::I);
    h.run();
    // On the way to another place the frame on show is not it.
    let away = Playback { position: Pts(40 * FRAME), seeking: true, ..playback(5) };
    h.state_mut().show_playback(Some(clip()), away);
    h.key_press(egui::Key::I);
    h.run();
    assert_eq!(h.state().state().range.0, Some(Pts(40 * FRAME)));
    h.state_mut().show_playback(Some(clip()), playback(10));
    h.key_press(egui::Key::I);
    h.run();
    h.state_mut().show_playback(Some(clip()), playback(50));
    h.key_press(egui::Key::O);
    h.run();
    let w = h.state().state().whole_or_range();
    assert_eq!((w.start, w.end), (Pts(10 * FRAME), Pts(50 * FRAME)));
    h.get_by_label("Clear in and out").click();
    h.run();
    assert_eq!(h.state().state().range, (None, None));
}

#[test]
fn two_classes_of_one_name_are_said_to_be() {
    use motionlens::ui::{edit::PromptEdit, intent::Intent};
    let mut h = analysed(SIZE, false);
    let ctx = h.ctx.clone();
    assert_eq!(h.query_all_by_label_contains("Another class has this name").count(), 0);
    h.state_mut().apply(&ctx, Intent::Edit(PromptEdit::AddClass("moving left".into())));
    h.run();
    assert!(h.query_all_by_label_contains("Another class has this name").count() >= 2);
}

#[test]
fn a_baseline_of_another_clip_says_which() {
    let mut h = analysed(SIZE, false);
    h.get_by_label("Pin").click();
    h.run();
    assert_eq!(h.query_all_by_label_contains("Δ is against").count(), 0);
    let mut other = clip();
    other.name = "other.mp4".into();
    h.state_mut().show_playback(Some(other), playback(0));
    h.run();
    h.get_by_label_contains(&format!("Δ is against {}", clip().name));
    h.state_mut().show_playback(Some(clip()), playback(0));
    h.run();
    assert_eq!(h.query_all_by_label_contains("Δ is against").count(), 0);
    h.get_by_label("Unpin").click();
    h.run();
    assert!(h.state().state().history.present().pinned.is_none());
}

#[test]
fn help_lists_the_keys() {
    let mut h = window(SIZE, false);
    h.key_press(egui::Key::F1);
    h.run();
    h.get_by_label("play, pause");
    h.get_by_label("Close").click();
    h.run();
    assert!(h.query_by_label("play, pause").is_none());
}

#[test]
fn drawing_the_same_thing_again_makes_no_pictures() {
    let mut h = analysed(SIZE, false);
    h.run();
    let made = h.state().pictures().made;
    assert!(made > 0);
    h.run_steps(5);
    assert_eq!(h.state().pictures().made, made);
}

#[test]
fn hundreds_of_classes_are_drawn_only_where_they_are_seen() {
    use motionlens::prompt::PromptSet;
    use motionlens::ui::{edit::PromptEdit, intent::Intent};
    let mut h = window(SIZE, false);
    let set = PromptSet::from_names((0..400).map(|i| format!("action {i}")));
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Edit(PromptEdit::Replace(set)));
    h.run();
    h.run_steps(3);
    let drawn = h.query_all_by_label_contains("Name of class").count();
    assert!((5..60).contains(&drawn), "{drawn} name fields");
}

/// Scores of the two classes as the engine would give them, changed by `f`.
fn told(h: &mut Window, f: impl Fn(&mut motionlens::score::ClassScore, usize)) {
    let mut new = scored(h.state(), [0.3, 0.2]);
    let mut scores = (*new.scores).clone();
    scores.classes.iter_mut().enumerate().for_each(|(i, c)| f(c, i));
    new.scores = std::sync::Arc::new(scores);
    h.state_mut().on_event(Event::Scored(new));
    h.run();
}

#[test]
fn what_cannot_be_weighed_is_a_dash() {
    let mut h = analysed(SIZE, false);
    assert_eq!(h.query_all_by_label("0.80").count(), 2);
    told(&mut h, |c, i| {
        if i == 0 {
            (c.s_neg, c.yes) = (None, None);
        }
    });
    assert_eq!(h.query_all_by_label("0.80").count(), 1);
    assert_eq!(h.query_all_by_label_contains(" –  ").count(), 2, "s− and yes of the first class");
}

#[test]
fn each_prompt_shows_its_cosine_and_one_negative_sets_s() {
    use motionlens::ui::{edit::PromptEdit, edit::Side, intent::Intent};
    // So high that both cards are on the screen, and drawn.
    let mut h = analysed([SIZE[0], 1000.0], false);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Edit(PromptEdit::AddPrompt(0, Side::Negative, String::new())));
    h.state_mut().apply(&ctx, Intent::Edit(PromptEdit::AddPrompt(0, Side::Negative, "resting".into())));
    told(&mut h, |c, _| {
        c.positives = vec![0.31, 0.32, 0.33, 0.34];
        (c.negatives, c.nearest) = (vec![0.05, 0.11], vec![1]);
    });
    h.get_by_label("Cosine of Positive prompt 4 of moving left: +0.340");
    // The blank prompt between them is not scored.
    h.get_by_label("Cosine of Negative prompt 1 of moving left: +0.050");
    h.get_by_label("Cosine of Negative prompt 3 of moving left: +0.110");
    assert_eq!(h.query_all_by_label_contains("of moving left sets s−").count(), 1);
    h.get_by_label("Negative prompt 3 of moving left sets s−");
    // Numbers of another number of prompts belong to none of these.
    told(&mut h, |c, _| c.negatives = vec![0.05]);
    assert_eq!(
        h.query_all_by_label_contains("Cosine of Negative prompt").count(),
        1,
        "that of the other class"
    );
}

#[test]
fn a_class_of_unknown_words_says_so_closed_or_open_and_a_switch_brings_it_back() {
    let mut h = analysed(SIZE, false);
    told(&mut h, |c, i| {
        c.counts = i == 0;
        c.p = if i == 0 { 1.0 } else { 0.0 };
    });
    h.get_by_label("p of moving right: left out");
    h.get_by_label("Hide prompts of moving right").click();
    h.run();
    h.get_by_label_contains("moving right: The model knows none of these words");
    h.get_by_label("Count unknown words").click();
    h.run();
    assert!(h.state().state().prompts().count_unknown);
    h.get_by_label("Undo").click();
    h.run();
    assert!(!h.state().state().prompts().count_unknown);
}

#[test]
fn membership_in_p_stands_still_while_somebody_types() {
    use motionlens::ui::hold::held;
    let mut h = analysed(SIZE, false);
    let counts = |h: &Window| -> Vec<Option<bool>> {
        held(h.state().state()).classes.iter().map(|c| c.counts).collect()
    };
    assert_eq!(counts(&h), [None, None]);
    h.get_by_label("Name of class 2").focus();
    h.run();
    h.get_by_label("Name of class 2").type_text("ly");
    h.step();
    assert_eq!(counts(&h), [None, Some(true)]);
    // Scores that come meanwhile are of the held set and change nothing.
    told(&mut h, |c, _| c.counts = false);
    h.get_by_label("Name of class 2").type_text("x");
    h.step();
    assert_eq!(counts(&h), [None, Some(true)]);
    let ctx = h.ctx.clone();
    h.state_mut().poll(&ctx, std::time::Instant::now() + std::time::Duration::from_secs(1));
    assert_eq!(counts(&h), [None, None], "then the words decide");
}
