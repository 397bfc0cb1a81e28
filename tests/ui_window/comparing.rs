//! Comparing, on a real player and engine: another clip, another model, another prompt set on the other side.

use super::live::{clips, open, scored, wait};
use super::support::Window;
use egui_kittest::kittest::Queryable;
use motionlens::session::ModelSource;
use motionlens::ui::compare::{Align, Side};
use motionlens::ui::edit::PromptEdit;
use motionlens::ui::intent::Intent;
use motionlens::ui::look::{Scale, View};
use motionlens::ui::panes::Pane;
use motionlens::ui::shelf::Place;
use motionlens::ui::state::State;
use motionlens::video::encode::Mp4Writer;
use motionlens::video::{Pts, RgbImage};
use motionlens::view::Layer;
use std::path::{Path, PathBuf};

fn apply(h: &mut Window, intent: Intent) {
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, intent);
    h.step();
}

/// A window with scores that plays nothing.
fn ready(clip: PathBuf) -> Window {
    let mut h = open(clip, false);
    wait(&mut h, "scores", scored);
    apply(&mut h, Intent::Pane(Pane::Compare, true));
    h.run_steps(2);
    h
}

/// A second of a square that moves to the right.
fn short_clip(folder: &Path) -> PathBuf {
    let path = folder.join("short.mp4");
    let mut writer = Mp4Writer::create(&path, 96, 64, 16.0, 12).unwrap();
    for frame in 0..16u32 {
        let inside = |x: u32, y: u32| (4 + 2 * frame..24 + 2 * frame).contains(&x) && (20..40).contains(&y);
        let pixel = |x, y| if inside(x, y) { [220, 60, 40] } else { [60, 60, 90] };
        let data = (0..64).flat_map(|y| (0..96).flat_map(move |x| pixel(x, y))).collect();
        writer.push(&RgbImage { width: 96, height: 64, data }).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn both(s: &State) -> bool {
    scored(s) && s.other_scores().is_some()
}

fn compare_with_clip(h: &mut Window, clip: &Path) {
    apply(h, Intent::Compare(Some(Side::Clip(Place::whole(clip.to_owned())))));
    wait(h, "scores of both clips", both);
}

#[test]
fn another_clip_stands_beside_with_its_scores_and_an_edit_scores_both() {
    let clips = clips();
    let mut h = ready(clips[0].clone());
    h.get_by_label("Compare with a clip").click();
    h.run_steps(3);
    // What the menu lists is what comes with the program.
    let name = h.state().state().bundled.iter().find(|c| c.path == clips[1]).unwrap().name.clone();
    h.get_by_label(&name).click();
    h.run_steps(2);
    wait(&mut h, "scores of both clips", both);
    let s = h.state().state();
    let (a, b) = (s.scores_of_shown().unwrap().clone(), s.other_scores().unwrap().clone());
    assert_eq!(a.classes.len(), b.classes.len());
    let n_classes = a.classes.len();
    assert_ne!(a, b);
    let other = s.other().unwrap().question.clone();
    assert_ne!(other.source, s.shown.as_ref().unwrap().answer.question.source);
    // The numbers of the table are those of the two answers.
    let row = |i: usize| {
        let (name, a, b) = (&a.classes[i].name, 100.0 * a.classes[i].p, 100.0 * b.classes[i].p);
        format!("p of {name}: {a:.1}% → {b:.1}%, change {:+.1}", b - a)
    };
    let largest = (0..a.classes.len())
        .max_by(|i, j| {
            let change = |i: usize| (a.classes[i].p - b.classes[i].p).abs();
            change(*i).total_cmp(&change(*j))
        })
        .unwrap();
    h.run_steps(3);
    h.get_by_label(&row(largest));
    h.get_by_label("Picture: Motion, other side");
    // The table takes what room there is below it, and no more.
    for size in [[1280.0, 800.0], [1920.0, 1080.0]] {
        h.set_size(size.into());
        h.run_steps(6);
        let rows: Vec<_> = h.query_all_by_label_contains("%, change ").map(|row| row.rect()).collect();
        let lowest = rows.iter().map(|row| row.bottom()).fold(0.0, f32::max);
        let below = h.get_by_label("Seek bar").rect().top();
        let fills = rows.len() == n_classes || lowest > below - 80.0;
        // The last row may be one that is scrolled to, of which a part is seen.
        assert!(fills && lowest < below + 30.0, "{size:?}: {} rows to {lowest}, {below}", rows.len());
    }
    h.set_size([1280.0, 800.0].into());
    h.run_steps(3);
    // In a hall both are seen without scrolling, whatever the size of the text.
    apply(&mut h, Intent::Present(true));
    for percent in [100, 200] {
        apply(&mut h, Intent::TextSize(percent));
        h.run_steps(4);
        let bottom = h.get_by_label("Leave presenter mode").rect().top();
        let told: Vec<_> = h.query_all_by_label_contains("Most likely: ").map(|n| n.rect()).collect();
        assert!(
            told.len() == 2 && told.iter().all(|r| r.bottom() < bottom),
            "at {percent}%: {told:?}, {bottom}"
        );
    }
    apply(&mut h, Intent::TextSize(100));
    apply(&mut h, Intent::Present(false));
    h.run_steps(3);
    // An edit scores both.
    apply(&mut h, Intent::Edit(PromptEdit::RemoveClass(0)));
    let n = a.classes.len() - 1;
    let fewer = |s: &State| both(s) && s.other_scores().is_some_and(|o| o.classes.len() == n);
    wait(&mut h, "new scores of both", fewer);

    h.run_steps(2);
    h.get_by_label("Stop comparing").click();
    h.run_steps(3);
    assert!(h.state().state().compare.is_none() && h.query_by_label("Picture: Motion, other side").is_none());
}

#[test]
fn one_play_head_serves_both_and_a_shorter_clip_holds_its_last_frame() {
    let long = clips().into_iter().next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let short = short_clip(folder.path());
    let mut h = ready(long);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Pause);
    compare_with_clip(&mut h, &short);
    let end = h.state().state().playback.end().unwrap();
    let settled = |s: &State| {
        let (Some(head), Some(b)) = (s.other_head(), s.compare.as_ref().and_then(|c| c.playback())) else {
            return false;
        };
        !s.playback.seeking && !b.seeking && b.shown.is_some() && (b.position.0 - head.at.0).abs() < 1_000
    };
    apply(&mut h, Intent::Seek(Pts::from_secs(0.5)));
    wait(&mut h, "B at half a second", |s| settled(s) && s.other_head().unwrap().at == Pts::from_secs(0.5));
    apply(&mut h, Intent::Seek(end));
    wait(&mut h, "B at its end", |s| settled(s) && s.other_head().unwrap().ended);
    h.run_steps(2);
    h.get_by_label("B is over here; its last frame stays");
    let b_end = h.state().state().other_head().unwrap().at;
    assert!((b_end.secs() - 1.0).abs() < 0.1, "{b_end:?}");
    // In parts of the whole both end together.
    h.get_by_label(Align::Part.name()).click();
    h.run_steps(2);
    apply(&mut h, Intent::Seek(Pts(end.0 / 2)));
    wait(&mut h, "B in its middle", settled);
    let head = h.state().state().other_head().unwrap();
    assert!(!head.ended && (head.at.0 - b_end.0 / 2).abs() < 1_000_000, "{head:?}");
}

#[test]
fn both_maps_have_one_scale_and_the_pointer_marks_the_same_patch_in_both() {
    let clips = clips();
    let mut h = ready(clips[0].clone());
    compare_with_clip(&mut h, &clips[1]);
    let view = View { scale: Scale::Clip, ..h.state().state().view };
    apply(&mut h, Intent::SetView(view));
    let at = h.get_by_label("Picture: Motion").rect().center();
    h.hover_at(at);
    h.run_steps(3);
    h.get_by_label_contains("On the other side row ");
    let at = h.get_by_label("Picture: Motion, other side").rect().center();
    h.hover_at(at);
    h.run_steps(3);
    h.get_by_label_contains("On the other side row ");
    h.hover_at(egui::pos2(2.0, 2.0));
    h.run_steps(3);
    assert_eq!(h.query_all_by_label_contains("On the other side row ").count(), 0);
}

#[test]
fn a_patch_of_either_clip_is_likened_to_every_patch_of_both() {
    let clips = clips();
    let mut h = ready(clips[0].clone());
    compare_with_clip(&mut h, &clips[1]);
    apply(&mut h, Intent::Pause);
    apply(&mut h, Intent::Pane(Pane::Patch, true));
    h.run_steps(2);
    let likened = |s: &State| s.likeness(false).is_ok() && s.likeness(true).is_ok();
    h.get_by_label("Picture: Motion").click();
    h.run_steps(2);
    wait(&mut h, "the likeness to both", likened);
    h.run_steps(2);
    h.get_by_label_contains(" of A");
    h.get_by_label_contains("Most alike in B, cosine ");
    h.get_by_label("Similar patches").click();
    h.run_steps(3);
    h.get_by_label_contains("Caption: Patch: one scale for A and B: cosine with A's frame ");
    h.get_by_label_contains("Caption: Patch, other side: one scale for A and B: cosine with A's frame ");
    assert_eq!(h.query_all_by_label_contains(": one scale for A and B: ").count(), 2);
    let s = h.state().state();
    let at = s.probes.patch.unwrap();
    assert!(!at.other);
    let (own, across) = (s.likeness(false).unwrap().clone(), s.likeness(true).unwrap().clone());
    assert!((own.frame(at.frame)[at.patch] - 1.0).abs() < 1e-4);
    assert!(across.data.iter().all(|v| (-1.001..=1.001).contains(v)) && across.data != own.data);

    // What heads attend to stays within the clip, and that is said.
    h.get_by_label("1·1").click();
    h.run_steps(3);
    h.get_by_label_contains("Caption: Patch: attention of A's frame ");
    h.get_by_label_contains("stays within A; choose “Similar patches” for both");
    h.get_by_label("Similar patches").click();
    h.run_steps(3);

    // The other way round: the same two patches are as much alike.
    h.get_by_label("Picture: Patch, other side").click();
    h.run_steps(2);
    wait(&mut h, "the likeness of a patch of B", |s| s.probes.patch.is_some_and(|at| at.other) && likened(s));
    h.run_steps(2);
    h.get_by_label_contains(" of B");
    h.get_by_label_contains("Most alike in A, cosine ");
    h.get_by_label_contains("Caption: Patch: one scale for A and B: cosine with B's frame ");
    let s = h.state().state();
    let b = s.probes.patch.unwrap();
    let back = s.likeness(false).unwrap();
    assert!((back.frame(at.frame)[at.patch] - across.frame(b.frame)[b.patch]).abs() < 1e-4);
    assert!((s.likeness(true).unwrap().frame(b.frame)[b.patch] - 1.0).abs() < 1e-4);

    // With B its patch goes.
    apply(&mut h, Intent::Compare(None));
    let s = h.state().state();
    assert!(s.probes.patch.is_none() && s.view.layer == Layer::Motion);
}

#[test]
fn an_earlier_state_of_the_prompts_is_compared_and_classes_of_one_side_are_said() {
    let mut h = ready(clips().swap_remove(0));
    let first = h.state().state().log.present().unwrap();
    let a = h.state().state().scores_of_shown().unwrap().clone();
    apply(&mut h, Intent::Edit(PromptEdit::AddClass("moving left".into())));
    let more = a.classes.len() + 1;
    wait(&mut h, "scores of the new set", |s| {
        scored(s) && s.scores().is_some_and(|x| x.classes.len() == more)
    });
    apply(&mut h, Intent::Compare(Some(Side::Prompts(first))));
    wait(&mut h, "scores of both sets", both);
    // The numbers are those that the set had when it was the present one.
    let b = h.state().state().other_scores().unwrap().clone();
    assert_eq!(b.classes.len(), a.classes.len());
    for (x, y) in b.classes.iter().zip(&a.classes) {
        assert!((x.p - y.p).abs() < 1e-6 && x.s_pos == y.s_pos, "{}", x.name);
    }
    h.run_steps(3);
    h.get_by_label_contains("change only A");
    assert!(h.query_by_label("Picture: Motion, other side").is_none(), "the maps are the same");
}

#[test]
fn another_model_answers_beside_the_first_and_is_given_back() {
    let mut h = ready(clips().swap_remove(0));
    // The embedded model without its motion head.
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/model");
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(assets.join(file), folder.path().join(file)).unwrap();
    }
    apply(&mut h, Intent::Compare(Some(Side::Model(ModelSource::Folder(folder.path().to_owned())))));
    wait(&mut h, "scores by both models", both);
    let s = h.state().state();
    let (own, other) = (s.model.clone().unwrap(), s.compare.as_ref().unwrap().model().unwrap().clone());
    assert_ne!(own.identity, other.identity);
    let answer = s.other().unwrap();
    assert_eq!((&answer.question.model, answer.frames.len()), (&other.identity, other.frames));
    h.run_steps(3);
    h.get_by_label_contains("of weights (");
    h.get_by_label_contains("Two models: cosines are turned into shares");
    // A patch of A is likened to no token of another model, and the panes say why.
    apply(&mut h, Intent::Pause);
    apply(&mut h, Intent::Pane(Pane::Patch, true));
    h.get_by_label("Picture: Motion").click();
    h.run_steps(2);
    wait(&mut h, "the patch", |s| s.likeness(false).is_ok());
    h.get_by_label("Similar patches").click();
    h.run_steps(3);
    h.get_by_label_contains("Other side: no likeness to B: it is another model");
    h.get_by_label_contains("Caption: Patch, other side: no likeness to B: it is another model");
    let at = h.state().state().probes.patch;
    h.get_by_label("Picture: Patch, other side").click();
    h.run_steps(3);
    assert_eq!(h.state().state().probes.patch, at, "a patch of another model is not asked about");
    let name = s_name(&h);
    apply(&mut h, Intent::Edit(PromptEdit::RenameClass(0, format!("{name} again"))));
    let renamed =
        |s: &State| both(s) && s.other_scores().is_some_and(|o| o.classes[0].name.ends_with("again"));
    wait(&mut h, "new scores by both", renamed);
    apply(&mut h, Intent::Compare(None));
    wait(&mut h, "scores by one", |s| scored(s) && s.other_scores().is_none() && s.compare.is_none());
}

fn s_name(h: &Window) -> String {
    h.state().state().prompts().classes[0].name.clone()
}

#[test]
fn what_cannot_be_read_is_said_and_the_stage_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.mp4");
    std::fs::write(&broken, b"this is no video").unwrap();
    let mut h = ready(clips().swap_remove(0));
    for side in [
        Side::Clip(Place::whole(broken)),
        Side::Model(ModelSource::Folder(folder.path().to_owned())),
        Side::PromptFile(folder.path().join("none.json")),
    ] {
        apply(&mut h, Intent::Compare(Some(side)));
        wait(&mut h, "the problem", |s| s.compare.as_ref().is_some_and(|c| c.problem.is_some()));
        assert!(scored(h.state().state()));
        h.run_steps(2);
    }
    apply(&mut h, Intent::Compare(None));
}
