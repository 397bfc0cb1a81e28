//! The two models in the program: a bundled clip brings the one that knows who acts in it.

use super::live::{clips, open, scored, wait};
use super::support::Window;
use egui_kittest::kittest::Queryable;
use motionlens::data::cast::Cast;
use motionlens::prompt::PromptSet;
use motionlens::session::ModelSource;
use motionlens::ui::bundled;
use motionlens::ui::edit::PromptEdit;
use motionlens::ui::intent::Intent;
use motionlens::ui::state::State;

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
    wait(&mut h, "scores of a person", |s| knows(s, Cast::People));
    let s = h.state().state();
    assert_eq!(s.prompts().classes, bundled::prompts(Cast::People).classes);
    assert!(s.messages.all().iter().any(|m| m.text.contains("drawn people who act")));
    // The person's own words stay.
    apply(&mut h, Intent::Edit(PromptEdit::Replace(PromptSet::from_names(["falling over", "moving left"]))));
    wait(&mut h, "scores of one's own prompts", scored);
    apply(&mut h, Intent::OpenVideo(clips().swap_remove(0)));
    wait(&mut h, "scores of a shape again", |s| knows(s, Cast::Shapes));
    let names: Vec<_> = h.state().state().prompts().classes.iter().map(|c| c.name.clone()).collect();
    assert_eq!(names, ["falling over", "moving left"]);
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
