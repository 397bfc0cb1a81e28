//! Lanes over time, by their names and under the pointer.

use super::support::*;
use egui_kittest::kittest::Queryable;
use motionlens::engine::{Event, Point, Progress, Sweep, Swept};
use motionlens::score::Matrix;
use motionlens::ui::edit::PromptEdit;
use motionlens::ui::intent::Intent;
use motionlens::ui::lanes::{Lanes, Measure};
use motionlens::ui::panes::Pane;
use motionlens::video::Pts;
use std::sync::Arc;

const SIZE: [f32; 2] = [1280.0, 800.0];
const NAMES: [&str; 2] = ["moving left", "moving right"];

/// A span of a second every eighth of one, over the four seconds of the clip: 25 spans.
fn sweep() -> Arc<Sweep> {
    let question = (*answer().question).clone();
    Arc::new(Sweep::new(question, Pts(FRAME * FRAMES), Pts::from_secs(1.0), Pts(0)))
}

#[test]
fn lanes_of_what_is_altered_say_so() {
    let mut h = analysed(SIZE, false);
    h.state_mut().show_sweep(sweep());
    h.run();
    assert!(h.query_by_label("altered").is_none());
    let mut question = (*answer().question).clone();
    question.surgery.no_motion = true;
    let altered = Sweep::new(question, Pts(FRAME * FRAMES), Pts::from_secs(1.0), Pts(0));
    h.state_mut().show_sweep(Arc::new(altered));
    h.run();
    h.get_by_label("altered");
}

/// Spans in which "moving left" rises with time from 0 to 1.
fn told(sweep: &Arc<Sweep>, spans: &[u32], revision: u64) -> Event {
    let share = |k: &u32| *k as f32 / (sweep.spans() - 1) as f32;
    let point = Point { embedding: [1.0].into(), motion: 0.1, bright: 0.25, gate: Some(0.4) };
    Event::Swept(Arc::new(Swept {
        sweep: sweep.clone(),
        revision,
        whole: true,
        spans: spans.to_vec(),
        points: spans.iter().map(|_| Arc::new(point.clone())).collect(),
        scores: Matrix {
            columns: vec![0, 1],
            p: spans.iter().flat_map(|k| [share(k), 1.0 - share(k)]).collect(),
            margin: spans.iter().flat_map(|k| [share(k) / 2.0, -0.1]).collect(),
            s_pos: spans.iter().flat_map(|_| [0.31, 0.12]).collect(),
            none: spans.iter().map(|_| 0.07).collect(),
            winner: spans.iter().map(|_| Some(0)).collect(),
        },
        names: NAMES.map(str::to_owned).into(),
        moments: Vec::new(),
        progress: Progress {
            done: spans.len() as u32,
            total: sweep.spans(),
            overview: (spans.len() as u32, sweep.spans()),
            rate: Some(5.0),
            ..Progress::default()
        },
    }))
}

fn swept(spans: &[u32]) -> Window {
    let mut h = analysed(SIZE, false);
    let sweep = sweep();
    h.state_mut().show_sweep(sweep.clone());
    let revision = h.state().state().revision;
    h.state_mut().on_event(told(&sweep, spans, revision));
    h.run();
    h
}

fn lanes(h: &Window) -> &Lanes {
    &h.state().state().lanes
}

#[test]
fn before_anything_has_been_looked_at_the_lanes_say_so() {
    let h = window(SIZE, false);
    h.get_by_label_contains("once the clip has been looked at");
}

#[test]
fn every_lane_has_its_number_at_the_play_head() {
    let all: Vec<u32> = (0..25).collect();
    let mut h = swept(&all);
    // The play head is at the start: the first span is nearest.
    for text in ["moving left 0.0%", "moving right 100.0%", "none of these 7.0%", "motion 0.25", "gate 0.40"]
    {
        h.get_by_label(text);
    }
    h.get_by_label("all 25 spans done, each scored by itself");
    // At two seconds: the middle of the 13th.
    h.state_mut().show_playback(Some(clip()), playback(50));
    h.run();
    h.get_by_label("moving left 50.0%");
    h.get_by_label("Lanes of margin").click();
    h.run();
    h.get_by_label("moving left +0.250");
    assert_eq!(lanes(&h).measure, Measure::Margin);
    assert_eq!(h.query_all_by_label("none of these 7.0%").count(), 0, "there is no margin of none");
}

#[test]
fn what_is_not_done_is_told_and_can_be_paused() {
    let mut h = swept(&[0, 12]);
    h.get_by_label("overview 2 of 25, 5.0 spans/s, 5 s left");
    h.get_by_label("Progress of the sweep");
    h.get_by_label("Pause the sweep").click();
    h.run();
    assert!(!lanes(&h).running);
    h.get_by_label("paused at 2 of 25 spans");
    h.get_by_label("Resume the sweep").click();
    h.run();
    assert!(lanes(&h).running);
}

#[test]
fn after_an_edit_the_lanes_are_stale_until_they_have_been_scored_anew() {
    let mut h = swept(&[0, 12, 24]);
    assert_eq!(h.query_all_by_label("stale").count(), 0);
    let ctx = h.ctx.clone();
    let rename = PromptEdit::RenameClass(0, "moving up".into());
    h.state_mut().apply(&ctx, Intent::Edit(rename));
    h.run();
    h.get_by_label("stale");
    let (sweep, revision) = (sweep(), h.state().state().revision);
    h.state_mut().on_event(told(&sweep, &[0, 12, 24], revision));
    h.run();
    assert_eq!(h.query_all_by_label("stale").count(), 0);
}

#[test]
fn the_lanes_are_chosen_by_name() {
    let mut h = swept(&[0, 12, 24]);
    h.get_by_label("Lanes shown").click();
    h.run();
    h.get_by_label("Lane of the gate").click();
    h.run();
    assert!(!lanes(&h).gate);
    assert_eq!(h.query_all_by_label_contains("gate 0.").count(), 0);
    // Taken away from the few that are shown by themselves, the other one stays.
    h.get_by_role_and_label(egui::accesskit::Role::CheckBox, "moving right").click();
    h.run();
    assert_eq!(lanes(&h).classes, Some(vec!["moving left".to_owned()]));
    assert_eq!(h.query_all_by_label_contains("moving right 100").count(), 0);
    h.get_by_label("The strongest few").click();
    h.run();
    assert_eq!(lanes(&h).classes, None);
}

#[test]
fn dragging_across_the_lanes_sets_in_and_out() {
    let mut h = swept(&[0, 12, 24]);
    let rect = h.get_by_label_contains("Scores over time").rect();
    let at = |share: f32| egui::pos2(rect.left() + 8.0 + (rect.width() - 16.0) * share, rect.center().y);
    h.drag_at(at(0.25));
    h.run_steps(2);
    h.hover_at(at(0.5));
    h.run_steps(2);
    assert_eq!(h.state().state().range, (None, None), "not before it is let go");
    h.drop_at(at(0.75));
    h.run();
    let (from, to) = h.state().state().range;
    let secs = (from.unwrap().secs(), to.unwrap().secs());
    assert!((secs.0 - 1.0).abs() < 0.02 && (secs.1 - 3.0).abs() < 0.02, "{secs:?}");
    assert_eq!(h.state().state().scope, motionlens::ui::scope::Scope::Range);
}

#[test]
fn scrolling_zooms_around_the_pointer_and_the_whole_comes_back() {
    let mut h = swept(&[0, 12, 24]);
    let rect = h.get_by_label_contains("Scores over time").rect();
    h.hover_at(rect.center());
    h.run();
    h.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(0.0, 200.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: egui::Modifiers::NONE,
    });
    h.run_steps(20);
    let view = lanes(&h).view.expect("a part of it");
    assert!(view.secs() < 3.0, "{view:?}");
    let middle = (view.start.secs() + view.end.secs()) / 2.0;
    assert!((middle - 2.0).abs() < 0.05, "{middle}");
    h.get_by_label("Whole").click();
    h.run();
    assert_eq!(lanes(&h).view, None);
}

#[test]
fn the_pointer_reads_the_numbers_of_the_span_under_it() {
    let mut h = swept(&[0, 12, 24]);
    let rect = h.get_by_label_contains("Scores over time").rect();
    h.hover_at(rect.center());
    h.run_steps(30);
    // The sum of lane and tooltip: once in the legend, once under the pointer.
    h.get_by_label_contains("span 0:01.500 to 0:02.500");
    h.get_by_label("moving left 50.0%");
}

#[test]
fn in_a_small_window_the_plots_are_seen_whole() {
    let all: Vec<u32> = (0..25).collect();
    let mut h = analysed([900.0, 600.0], false);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Pane(Pane::Lanes, true));
    let sweep = sweep();
    h.state_mut().show_sweep(sweep.clone());
    let revision = h.state().state().revision;
    h.state_mut().on_event(told(&sweep, &all, revision));
    h.run();
    let below = h.get_by_label("Seek bar").rect().top();
    for plot in ["Scores over time", "Motion and gate over time"] {
        let rect = h.get_by_label_contains(plot).rect();
        assert!(
            rect.height() > 20.0 && rect.bottom() < below,
            "{plot}: {rect:?}, the seek bar begins at {below}"
        );
    }
    h.get_by_label("Loop the strongest");
}

#[test]
fn the_usual_span_of_a_very_short_clip_is_nobodys_choice() {
    let mut h = analysed(SIZE, false);
    // Of a tenth of a second: shorter than any that can be chosen.
    let question = (*answer().question).clone();
    let short = Sweep::new(question, Pts(FRAME * FRAMES), Pts::from_secs(0.1), Pts(0));
    h.state_mut().show_sweep(Arc::new(short));
    h.run();
    assert_eq!((lanes(&h).length, lanes(&h).hop), (None, None));
}

#[test]
fn the_classes_to_loop_stand_by_how_strong_they_are() {
    // At first it goes to the right for certain.
    let mut h = swept(&[0, 1, 2, 3]);
    h.get_by_label("Loop the strongest").click();
    h.run();
    let top = |class: &str| h.get_by_label(&format!("Loop the strongest stretch of {class}")).rect().top();
    assert!(top("moving right") < top("moving left"));
}

#[test]
fn looping_the_strongest_stretch_sets_in_and_out_around_it() {
    let all: Vec<u32> = (0..25).collect();
    let mut h = swept(&all);
    h.get_by_label("Loop the strongest").click();
    h.run();
    h.get_by_label("Loop the strongest stretch of moving left").click();
    h.run();
    let (from, to) = h.state().state().range;
    // p is at least one half from the 13th span on, whose middle is at 2 s.
    assert!((from.unwrap().secs() - 1.9375).abs() < 0.01, "{from:?}");
    assert_eq!(to, Some(Pts(FRAME * FRAMES)));
}
