//! What the scores are of is always said, and always true.

use super::support::*;
use egui_kittest::kittest::Queryable;
use motionlens::session::Map;
use motionlens::ui::intent::Intent;
use motionlens::ui::look::Scale;
use std::sync::Arc;

const SIZE: [f32; 2] = [1280.0, 800.0];

#[test]
fn one_line_says_what_the_scores_are_of() {
    let h = analysed(SIZE, false);
    h.get_by_label("scores of 0:00.0 to 0:03.8, 8 frames");
    let h = window(SIZE, false);
    h.get_by_label("no scores yet");
}

#[test]
fn a_clip_without_motion_is_said_to_have_none_and_stays_dark() {
    let mut h = analysed(SIZE, false);
    assert_eq!(h.query_all_by_label_contains("next to no motion").count(), 0);
    let still = Map { frames: 8, rows: 8, cols: 8, data: vec![0.004; 512] };
    let scored = scored(h.state(), [0.3, 0.1]);
    h.state_mut().show_answer(Arc::new(answer_with(still)), Some(scored));
    h.run();
    h.get_by_label("next to no motion");
    // On the model's scale a value of 0.004 of 0.5 is next to black; on the clip's own it would be the brightest colour.
    let s = h.state().state();
    let maps = &s.shown.as_ref().unwrap().answer.evidence.maps;
    let source = motionlens::ui::look::Quantity::Motion;
    assert!(source.range(&s.view, maps, s.motion_scale(), 0).unit(0.004) < 0.01);
    let clip = motionlens::ui::look::View { scale: Scale::Clip, ..s.view };
    assert_eq!(source.range(&clip, maps, s.motion_scale(), 0).unit(0.004), 1.0);
}

#[test]
fn the_scale_is_chosen_and_locked_by_hand() {
    let mut h = analysed(SIZE, false);
    h.get_by_label("Look").click();
    h.run();
    h.get_by_label("locked").click();
    h.run();
    // Locked at what was shown: the model's reference.
    assert_eq!(h.state().state().view.scale, Scale::Locked(0.5));
    h.get_by_label("Locked at");
}

#[test]
fn a_threshold_is_set_by_its_slider_and_says_where_it_cuts_in_the_map_s_unit() {
    use egui::accesskit::Role;
    let mut h = analysed(SIZE, false);
    let made = h.state().pictures().made;
    let slider = |h: &Window| h.get_by_role_and_label(Role::Slider, "Threshold").rect();
    let at = slider(&h).left_center() + egui::vec2(slider(&h).width() * 0.4, 0.0);
    h.drag_at(at);
    h.run_steps(2);
    h.drop_at(at);
    h.run_steps(3);
    let threshold = h.state().state().view.threshold;
    assert!((0.3..0.5).contains(&threshold), "{threshold}");
    assert!(h.state().pictures().made > made, "the map is drawn anew");
    // The model's scale ends at 0.5.
    let value = motionlens::ui::stage::number(0.5 * threshold);
    h.hover_at(at);
    for _ in 0..40 {
        h.step();
    }
    h.get_by_label_contains(&format!("below {value} (motion energy"));
    // With arrows as well, and off at the left end.
    h.get_by_role_and_label(Role::Slider, "Threshold").focus();
    h.run();
    for _ in 0..60 {
        h.key_press(egui::Key::ArrowLeft);
        h.run();
    }
    assert_eq!(h.state().state().view.threshold, 0.0);
}

#[test]
fn the_chosen_layer_is_seen_in_the_two_by_two_view() {
    let mut h = analysed(SIZE, false);
    h.key_press(egui::Key::Num4);
    h.run();
    let made = h.state().pictures().made;
    h.get_by_label("Evidence").click();
    h.run();
    assert!(h.state().pictures().made > made, "the evidence map is drawn now");
}

#[test]
fn scores_of_another_answer_are_never_shown() {
    let mut h = analysed(SIZE, false);
    let mut other = scored(h.state(), [0.9, 0.05]);
    let mut question = (*answer().question).clone();
    question.clip.span.end.0 += 1;
    other.question = question.id();
    h.state_mut().on_event(motionlens::engine::Event::Scored(other));
    h.run();
    assert_eq!(h.state().state().score(0).and_then(|c| c.s_pos), Some(0.31));
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::CancelWork);
    h.run();
    assert_eq!(h.state().state().score(0).and_then(|c| c.s_pos), Some(0.31));
}

#[test]
fn reading_prompts_is_told_and_ends_also_where_it_fails() {
    use motionlens::engine::Event;
    let mut h = analysed(SIZE, false);
    let revision = h.state().state().revision;
    let ends: [fn(u64) -> Event; 3] = [
        |_| notes(),
        |revision| Event::PromptsFailed { revision, message: "the model failed".into() },
        |_| model(),
    ];
    for end in ends {
        h.state_mut().on_event(Event::Encoding { revision, done: 64, total: 7000 });
        h.run_steps(2);
        h.get_by_label("reading prompts 64/7000");
        h.state_mut().on_event(end(revision));
        h.run_steps(2);
        assert_eq!(h.query_all_by_label_contains("reading prompts").count(), 0);
    }
}

/// The answer on show with its frames sampled elsewhere in their segments, in which "moving right" has this p.
fn other_sampling(h: &Window, place: usize, right: f32) -> motionlens::engine::Event {
    let s = h.state().state();
    let question = s.whiskers.as_ref().unwrap().questions[place].clone();
    let mut other = scored(h.state(), [0.3, 0.1]);
    other.question = question.id();
    let mut scores = (*other.scores).clone();
    (scores.classes[0].p, scores.classes[1].p) = (1.0 - right, right);
    other.scores = Arc::new(scores);
    let answer = motionlens::engine::Answer { id: question.id(), question: Arc::new(question), ..answer() };
    motionlens::engine::Event::Answered { answer: Arc::new(answer), scored: Some(other) }
}

#[test]
fn whiskers_show_how_far_other_samplings_spread_and_where_they_change_the_winner() {
    let mut h = analysed(SIZE, false);
    h.state_mut().show_whiskers();
    for (place, right) in [0.2, 0.25, 0.3].into_iter().enumerate() {
        let event = other_sampling(&h, place, right);
        h.state_mut().on_event(event);
    }
    let class = h.state().state().score(1).cloned().unwrap();
    assert_eq!(h.state().state().spread(&class), None, "not before all samplings are known");
    let event = other_sampling(&h, 3, 0.4);
    h.state_mut().on_event(event);
    h.run();
    let s = h.state().state();
    let spread = s.spread(&class).unwrap();
    assert_eq!((spread.p, spread.samplings), ((0.2, 0.4), 5));
    assert!(s.winners().is_empty());
    assert_eq!(h.query_all_by_label("the winner depends on the sampling").count(), 0);
    let event = other_sampling(&h, 1, 0.9);
    h.state_mut().on_event(event);
    h.run();
    h.get_by_label("the winner depends on the sampling");
    assert_eq!(h.state().state().winners(), ["moving left", "moving right"]);
}

#[test]
fn a_camera_that_moves_is_said() {
    use motionlens::ui::jobs::JobOutcome;
    use motionlens::video::camera::Camera;
    let mut h = analysed(SIZE, false);
    let (ctx, id) = (h.ctx.clone(), answer().id);
    h.state_mut().take(&ctx, JobOutcome::Camera(id, Camera::Stands));
    h.run();
    assert_eq!(h.query_all_by_label_contains("the camera moves").count(), 0);
    h.state_mut().take(&ctx, JobOutcome::Camera(id, Camera::Moves([-1.25, 0.1])));
    h.run();
    h.get_by_label("the camera moves (the picture 1.3 px a frame to the left)");
}
