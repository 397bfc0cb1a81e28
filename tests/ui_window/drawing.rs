//! Drawing a motion: in, by hand and by button, live scores, a saved clip, and back to the clip that was open.

use super::live::{clips, open, scored, wait};
use super::support::Window;
use egui::{Pos2, Rect, pos2};
use egui_kittest::kittest::Queryable;
use motionlens::ui::easel::Draw;
use motionlens::ui::intent::Intent;
use motionlens::ui::messages::Kind;
use motionlens::ui::state::State;
use motionlens::video::Pts;
use std::path::Path;

/// On a paused clip, before anything is drawn.
fn at_the_clip() -> Window {
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores", scored);
    h
}

fn begin(h: &mut Window) {
    h.get_by_label("Draw a motion").click();
    h.step();
    wait(h, "scores of the drawing", |s| s.easel.is_some() && scored(s));
}

fn source(s: &State) -> String {
    s.video.as_ref().and_then(|v| v.source.as_ref()).map(|source| source.id().to_string()).unwrap_or_default()
}

fn answered(s: &State) -> String {
    s.shown.as_ref().map(|shown| shown.answer.question.source.to_string()).unwrap_or_default()
}

/// p of the class of that name.
fn p(s: &State, name: &str) -> f32 {
    s.scores().and_then(|scores| scores.classes.iter().find(|c| c.name == name)).map_or(f32::NAN, |c| c.p)
}

fn winner(s: &State) -> String {
    let classes = s.scores().map(|scores| scores.classes.iter()).into_iter().flatten();
    classes.max_by(|a, b| a.p.total_cmp(&b.p)).map(|c| c.name.clone()).unwrap_or_default()
}

fn press(h: &mut Window, label: &str) {
    h.get_by_label(label).click();
    h.step();
    h.step();
}

fn picture(h: &Window) -> Rect {
    h.get_by_label_contains("Picture: ").rect()
}

fn drag(h: &mut Window, way: &[Pos2]) {
    h.hover_at(way[0]);
    h.step();
    h.drag_at(way[0]);
    h.step();
    for at in &way[1..] {
        h.hover_at(*at);
        h.step();
    }
    h.drop_at(way[way.len() - 1]);
    h.step();
    h.step();
}

#[test]
fn a_motion_is_begun_by_button_scored_live_and_esc_leads_back_to_the_clip() {
    let mut h = at_the_clip();
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Pause);
    h.state_mut().apply(&ctx, Intent::Seek(Pts::from_secs(1.0)));
    h.state_mut().apply(&ctx, Intent::Range(Pts::from_secs(0.5), Pts::from_secs(2.0)));
    wait(&mut h, "scores of the range", |s| scored(s) && !s.playback.seeking);
    let before = h.state().state();
    let (clip, range, name) = (source(before), before.range, before.video.as_ref().unwrap().name.clone());
    let (at, scores) = (before.playback.shown, before.scores().cloned());

    begin(&mut h);
    h.get_by_label_contains("Drawing: drag a path");
    let s = h.state().state();
    assert!(source(s).starts_with("film-") && answered(s) == source(s));
    assert!(s.playback.playing && s.playback.looping, "it plays, again and again");
    assert_eq!(winner(s), "moving left steadily");
    h.get_by_label("moving left steadily");

    press(&mut h, "To the right");
    wait(&mut h, "scores of the other way", scored);
    assert_eq!(winner(h.state().state()), "moving right steadily");
    press(&mut h, "growing");
    wait(&mut h, "scores of the other manner", scored);
    let s = h.state().state();
    assert!(p(s, "moving right while growing") > 0.5, "{}", winner(s));
    let frames = s.shown.as_ref().unwrap().answer.frames.len();
    assert_eq!(frames, s.model.as_ref().unwrap().frames);
    // The sweep over the drawing goes on once it rests.
    wait(&mut h, "the sweep", |s| s.record.as_ref().is_some_and(|r| r.progress.done == r.progress.total));

    h.key_press(egui::Key::Escape);
    h.step();
    wait(&mut h, "the clip", |s| s.easel.is_none() && scored(s) && !s.playback.seeking);
    let s = h.state().state();
    assert_eq!((source(s), s.range, &s.video.as_ref().unwrap().name), (clip, range, &name));
    assert_eq!((s.playback.shown, s.scores().cloned(), s.playback.playing), (at, scores, false));
    assert!(h.query_by_label("Undo path").is_none());
}

#[test]
fn a_path_that_is_dragged_is_the_motion_and_undo_takes_it_back() {
    let mut h = at_the_clip();
    begin(&mut h);
    press(&mut h, "To the right");
    wait(&mut h, "scores", scored);
    let (first, right) = (source(h.state().state()), p(h.state().state(), "moving right steadily"));
    let frame = picture(&h);
    let at = |x: f32, y: f32| pos2(frame.left() + frame.width() * x, frame.top() + frame.height() * y);
    let down: Vec<Pos2> = (0..=12).map(|i| at(0.5, 0.25 + 0.04 * i as f32)).collect();
    drag(&mut h, &down);
    let easel = h.state().state().easel.as_ref().unwrap();
    assert_eq!(easel.drawing().words(), "moving down steadily");
    let (start, end) = (easel.drawing().track.at(0.0), easel.drawing().track.at(1.0));
    for (place, wanted) in start.into_iter().chain(end).zip([31.5, 15.5, 31.5, 46.2]) {
        assert!((place - wanted).abs() < 1.0, "{start:?} {end:?}");
    }
    assert!(!scored(h.state().state()), "what is shown is of another path, and is marked so");
    wait(&mut h, "scores of the path", scored);
    assert_eq!(winner(h.state().state()), "moving down steadily");

    wait(&mut h, "what is true of it", |s| s.truth.is_some());
    let s = h.state().state();
    let answer = &s.shown.as_ref().unwrap().answer;
    let auroc = s.mover_auroc(answer, &answer.evidence.maps.motion.data).expect("a mover");
    assert!(auroc > 0.9, "{auroc}");

    h.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::Z);
    h.step();
    assert!(h.state().state().truth.is_none(), "that of another path is gone");
    wait(&mut h, "scores of the path before", scored);
    let s = h.state().state();
    assert_eq!((source(s), p(s, "moving right steadily")), (first, right));
    press(&mut h, "Done");
    assert!(h.state().state().easel.is_none());
}

#[test]
fn scores_of_another_path_are_never_fresh() {
    let mut h = at_the_clip();
    begin(&mut h);
    let ctx = h.ctx.clone();
    for i in 0..40 {
        let easel = h.state().state().easel.as_ref().unwrap();
        let mut drawing = easel.drawing().clone();
        drawing.radius = 4.0 + i as f32 * 0.2;
        h.state_mut().apply(&ctx, Intent::Draw(Draw::Change(drawing)));
        std::thread::sleep(std::time::Duration::from_millis(8));
        h.step();
        let s = h.state().state();
        let same = answered(s) == source(s);
        assert!(same || s.is_stale(), "step {i}");
        assert!(same || h.query_by_label("stale").is_some(), "step {i}");
    }
    wait(&mut h, "the last of them", |s| scored(s) && answered(s) == source(s));
}

#[test]
fn a_saved_drawing_is_a_clip_with_its_truth_and_nearly_the_same_scores() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine");
    let mut h = at_the_clip();
    begin(&mut h);
    press(&mut h, "Something still");
    press(&mut h, "Up");
    press(&mut h, "blinking");
    wait(&mut h, "scores", scored);
    let live = h.state().state().scores().cloned().unwrap();
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Draw(Draw::Save(path)));
    wait(&mut h, "the file", |s| s.messages.all().iter().any(|m| m.kind == Kind::Done));
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["mine.json", "mine.mp4"], "and nothing else");
    let truth: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("mine.json")).unwrap()).unwrap();
    assert_eq!((&truth["class"], &truth["unseen"]), (&"moving up while blinking".into(), &true.into()));
    assert_eq!(truth["frames"].as_array().unwrap().len(), 96);
    assert!(truth["distractor"]["mask"].is_array() && truth["drawing"]["track"].is_array());

    h.state_mut().apply(&ctx, Intent::OpenVideo(folder.path().join("mine.mp4")));
    wait(&mut h, "scores of the file", |s| s.easel.is_none() && scored(s) && !source(s).starts_with("film-"));
    let file = h.state().state().scores().cloned().unwrap();
    let apart = live.classes.iter().zip(&file.classes).map(|(a, b)| (a.p - b.p).abs()).fold(0.0, f32::max);
    println!("largest |Δp| between the drawing and its file: {apart:.4}");
    assert!(apart < 0.05, "{apart}");
}

#[test]
fn where_a_drawing_cannot_be_written_it_is_said_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = at_the_clip();
    begin(&mut h);
    let ctx = h.ctx.clone();
    let problem = |s: &State, part: &str| {
        s.messages.all().iter().any(|m| m.kind == Kind::Problem && m.text.contains(part))
    };
    let save = |h: &mut Window, path: &Path| {
        h.state_mut().apply(&ctx, Intent::Draw(Draw::Save(path.to_owned())));
    };
    save(&mut h, &folder.path().join("no/such/folder.mp4"));
    wait(&mut h, "the problem", |s| problem(s, "folder.mp4: cannot be written"));
    std::fs::write(folder.path().join("notes.json"), b"mine").unwrap();
    save(&mut h, &folder.path().join("notes.mp4"));
    wait(&mut h, "the problem", |s| problem(s, "choose another name"));
    assert_eq!(std::fs::read(folder.path().join("notes.json")).unwrap(), b"mine");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    h.state_mut().apply(&ctx, Intent::SaveExperiment(folder.path().join("e.json")));
    assert!(problem(h.state().state(), "in no file"));
    assert!(h.state().state().easel.is_some(), "and the drawing goes on");
}

#[test]
fn without_a_clip_there_is_drawing_as_well_and_the_keys_do_it() {
    // High enough for every row of the pane.
    let mut h = super::support::window([1280.0, 1100.0], false);
    h.state_mut().show_playback(None, Default::default());
    h.run_steps(2);
    h.key_press(egui::Key::D);
    h.run_steps(3);
    assert!(h.state().state().easel.is_some());
    for label in ["Circle", "Zigzag", "Bounce", "Pace of the hand", "red", "triangle", "navy background"] {
        h.get_by_label(label);
    }
    press(&mut h, "Something still");
    press(&mut h, "cyan, still");
    press(&mut h, "Elsewhere");
    let still = h.state().state().easel.as_ref().unwrap().drawing().still.unwrap();
    assert_eq!((still.0.colour, still.1), (5, [50.0, 50.0]));
    h.key_press(egui::Key::Escape);
    h.run_steps(2);
    let s = h.state().state();
    assert!(s.easel.is_none() && s.video.is_none() && s.playback.info.is_none());
    h.get_by_label("Draw a motion");
}

#[test]
fn another_video_takes_the_stage_from_a_drawing() {
    let mut h = at_the_clip();
    begin(&mut h);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::OpenVideo(clips().swap_remove(1)));
    wait(&mut h, "the other clip", |s| s.easel.is_none() && scored(s));
    assert!(!source(h.state().state()).starts_with("film-"));
    // What was drawn is there again.
    press(&mut h, "Draw a motion");
    press(&mut h, "Circle");
    press(&mut h, "Done");
    press(&mut h, "Draw a motion");
    let easel = h.state().state().easel.as_ref().unwrap();
    assert_eq!(easel.drawing().words(), "moving along a drawn path steadily");
}
