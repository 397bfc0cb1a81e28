//! The two models in the program: a bundled clip brings the one that knows who acts in it.

use super::live::{clips, open, scored, wait};
use super::support::Window;
use egui_kittest::kittest::Queryable;
use motionlens::data::cast::Cast;
use motionlens::device::DeviceChoice;
use motionlens::prompt::PromptSet;
use motionlens::session::ModelSource;
use motionlens::ui::bundled;
use motionlens::ui::easel::Draw;
use motionlens::ui::edit::PromptEdit;
use motionlens::ui::intent::Intent;
use motionlens::ui::state::State;
use motionlens::ui::window::{WindowOptions, start};
use std::path::{Path, PathBuf};

fn apply(h: &mut Window, intent: Intent) {
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, intent);
    h.step();
}

fn knows(s: &State, cast: Cast) -> bool {
    s.model.as_ref().is_some_and(|m| m.source == ModelSource::of(cast)) && s.loading.is_none() && scored(s)
}

fn pick(h: &mut Window, name: &str) {
    h.get_by_label("Open").click();
    h.run_steps(3);
    h.get_by_label_contains("Bundled clips").click();
    h.run_steps(3);
    h.get_by_label(name).click();
    h.step();
}

#[test]
fn a_bundled_clip_of_people_brings_the_model_that_knows_them_and_its_prompts() {
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores of a shape", |s| knows(s, Cast::Shapes));
    pick(&mut h, "by the plant");
    assert!(h.state().state().messages.all().iter().any(|m| m.text.contains("drawn people who act")));
    wait(&mut h, "scores of a person", |s| knows(s, Cast::People));
    assert_eq!(h.state().state().prompts().classes, bundled::prompts(Cast::People).classes);
    // The person's own words stay.
    apply(&mut h, Intent::Edit(PromptEdit::Replace(PromptSet::from_names(["falling over", "moving left"]))));
    wait(&mut h, "scores of one's own prompts", scored);
    apply(&mut h, Intent::OpenVideo(clips().swap_remove(0)));
    wait(&mut h, "scores of a shape again", |s| knows(s, Cast::Shapes));
    let names: Vec<_> = h.state().state().prompts().classes.iter().map(|c| c.name.clone()).collect();
    assert_eq!(names, ["falling over", "moving left"]);
}

/// A clip of one's own, with a person in it.
fn own_clip(folder: &Path) -> PathBuf {
    let own = folder.join("own.mp4");
    let person = bundled::clips().into_iter().find(|c| c.cast == Cast::People).unwrap();
    std::fs::copy(person.path, &own).unwrap();
    own
}

#[test]
fn a_drawing_and_a_lesson_give_the_model_back_with_the_clip() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = open(own_clip(folder.path()), false);
    wait(&mut h, "scores", |s| knows(s, Cast::Shapes));
    apply(&mut h, Intent::OpenModel(ModelSource::People));
    apply(&mut h, Intent::BundledPrompts);
    wait(&mut h, "scores of a person", |s| knows(s, Cast::People));
    let people = bundled::prompts(Cast::People).classes;
    assert_eq!(h.state().state().prompts().classes, people);

    apply(&mut h, Intent::Draw(Draw::Begin));
    wait(&mut h, "scores of a drawing", |s| s.easel.is_some() && knows(s, Cast::Shapes));
    assert_eq!(h.state().state().prompts().classes, bundled::prompts(Cast::Shapes).classes);
    apply(&mut h, Intent::Draw(Draw::Done));
    wait(&mut h, "the clip again", |s| s.easel.is_none() && knows(s, Cast::People));
    assert_eq!(h.state().state().prompts().classes, people);

    apply(&mut h, Intent::Learn(Some(1)));
    wait(&mut h, "the lesson's clip", |s| {
        s.video.as_ref().is_some_and(|v| v.bundled == Some(Cast::Shapes)) && knows(s, Cast::Shapes)
    });
    apply(&mut h, Intent::Learn(None));
    wait(&mut h, "the clip once more", |s| {
        s.video.as_ref().is_some_and(|v| v.bundled.is_none()) && knows(s, Cast::People)
    });
    assert_eq!(h.state().state().prompts().classes, people);

    // Who opens a clip in the middle of a lesson has it afterwards, too.
    apply(&mut h, Intent::Learn(Some(1)));
    wait(&mut h, "the lesson's clip", |s| s.video.as_ref().is_some_and(|v| v.bundled == Some(Cast::Shapes)));
    let other = folder.path().join("other.mp4");
    std::fs::copy(own_clip(folder.path()), &other).unwrap();
    apply(&mut h, Intent::Open(other));
    let here = |s: &State| s.opening.is_none() && s.video.as_ref().is_some_and(|v| v.name == "other.mp4");
    wait(&mut h, "the person's clip", here);
    apply(&mut h, Intent::Learn(None));
    wait(&mut h, "the model from before", |s| here(s) && knows(s, Cast::People));
    assert_eq!(h.state().state().prompts().classes, people);

    // Words of one's own about people say nothing of a drawing: they are kept aside meanwhile.
    let own = PromptSet::from_names(["falling over", "a man sits down"]);
    apply(&mut h, Intent::Edit(PromptEdit::Replace(own.clone())));
    wait(&mut h, "scores of one's own prompts", scored);
    apply(&mut h, Intent::Draw(Draw::Begin));
    let s = h.state().state();
    assert_eq!(s.prompts().classes, bundled::prompts(Cast::Shapes).classes);
    assert!(s.messages.all().iter().any(|m| m.text.starts_with("Your prompts come back with the clip")));
    wait(&mut h, "scores of another drawing", |s| s.easel.is_some() && knows(s, Cast::Shapes));
    apply(&mut h, Intent::Draw(Draw::Done));
    wait(&mut h, "one's own prompts again", |s| s.easel.is_none() && knows(s, Cast::People));
    let s = h.state().state();
    assert_eq!(s.prompts().classes, own.classes);
    assert!(!s.messages.all().iter().any(|m| m.text.starts_with("Your prompts come back")), "they have");

    // Also where another clip takes the place of the drawing.
    apply(&mut h, Intent::Draw(Draw::Begin));
    assert_eq!(h.state().state().prompts().classes, bundled::prompts(Cast::Shapes).classes);
    apply(&mut h, Intent::OpenVideo(own_clip(folder.path())));
    wait(&mut h, "another clip", |s| s.easel.is_none() && s.opening.is_none() && knows(s, Cast::People));
    assert_eq!(h.state().state().prompts().classes, own.classes);
}

#[test]
fn a_bundled_clip_plays_in_a_loop_and_the_list_begins_at_its_top() {
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores", scored);
    pick(&mut h, "by the plant");
    wait(&mut h, "the clip plays", |s| s.playback.playing && s.playback.looping && knows(s, Cast::People));
    let likeliest = |s: &State| {
        let classes = &s.scores().unwrap().classes;
        classes.iter().max_by(|a, b| a.p.total_cmp(&b.p)).unwrap().name.clone()
    };
    let name = likeliest(h.state().state());
    h.get_by_label(&format!("Show prompts of {name}"));
}

#[test]
fn a_model_that_the_command_line_names_scores_any_clip() {
    let options = WindowOptions {
        video: Some(clips().swap_remove(0)),
        model: Some(ModelSource::People),
        device: DeviceChoice::Cpu,
        ..WindowOptions::default()
    };
    let builder = egui_kittest::Harness::builder().with_size([1280.0, 800.0]).with_step_dt(0.02);
    let mut h = builder.build_eframe(|cc| start(cc, options));
    wait(&mut h, "scores", |s| s.video.is_some() && knows(s, Cast::People));
    h.run_steps(20);
    assert!(knows(h.state().state(), Cast::People));
    assert_eq!(h.state().state().prompts().classes, bundled::prompts(Cast::People).classes);
}

#[test]
fn a_window_without_a_video_opens_on_a_person_who_falls_over() {
    let options = WindowOptions { device: DeviceChoice::Cpu, ..WindowOptions::default() };
    let builder = egui_kittest::Harness::builder().with_size([1280.0, 800.0]).with_step_dt(0.02);
    let mut h = builder.build_eframe(|cc| start(cc, options));
    wait(&mut h, "scores", |s| s.video.is_some() && knows(s, Cast::People));
    let s = h.state().state();
    assert!(s.video.as_ref().unwrap().path.ends_with("by-the-plant.mp4"));
    assert!(s.messages.all().is_empty(), "nothing was exchanged");
    let likeliest = s.scores().unwrap().classes.iter().max_by(|a, b| a.p.total_cmp(&b.p)).unwrap();
    assert_eq!(likeliest.name, "falling over");
}

#[test]
fn a_lesson_under_a_model_of_ones_own_has_the_prompts_of_its_clip() {
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores", scored);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/model");
    apply(&mut h, Intent::OpenModel(ModelSource::Folder(folder)));
    for (lesson, cast) in [(0, Cast::People), (1, Cast::Shapes)] {
        apply(&mut h, Intent::Learn(Some(lesson)));
        wait(&mut h, "the lesson's clip", |s| s.video.as_ref().is_some_and(|v| v.bundled == Some(cast)));
        assert_eq!(h.state().state().prompts().classes, bundled::prompts(cast).classes);
    }
}

#[test]
fn both_models_are_in_the_menu() {
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores", scored);
    for (name, _, cast) in bundled::MODELS {
        h.get_by_label("Open").click();
        h.run_steps(3);
        h.get_by_label(name).click();
        h.step();
        wait(&mut h, name, |s| knows(s, cast));
    }
}

/// The model waits for the first picture, and not for one that does not come; the one that was asked for last is loaded.
#[test]
fn a_clip_that_cannot_be_read_keeps_no_model_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken.mp4");
    std::fs::write(&broken, "no video").unwrap();
    let mut h = open(broken, false);
    apply(&mut h, Intent::OpenModel(ModelSource::People));
    wait(&mut h, "the model", |s| s.model.is_some() && s.loading.is_none());
    assert_eq!(h.state().state().model.as_ref().map(|m| m.source.clone()), Some(ModelSource::People));
}
