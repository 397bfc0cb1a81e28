//! The negation bench on the real engine: what it says is what adding the prompt gives, and it changes nothing until then.

use super::live::{clips, open, scored, settled, wait};
use super::support::{Window, analysed};
use egui::Key;
use egui_kittest::kittest::{NodeT, Queryable};
use motionlens::model::Surgery;
use motionlens::ui::intent::Intent;
use motionlens::ui::negation::{Negated, Way};
use motionlens::ui::panes::Pane;
use motionlens::ui::state::State;

const CLASS: &str = "moving left while fading out";

fn apply(h: &mut Window, intent: Intent) {
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, intent);
    h.run_steps(3);
}

/// The ways, once they are of what is asked now.
fn fresh(s: &State) -> Option<[Way; 4]> {
    let evidence = s.negation_evidence().ok()?;
    s.negation_ways(&evidence).filter(|(_, fresh)| *fresh).map(|(ways, _)| ways)
}

#[track_caller]
fn ways(h: &mut Window) -> [Way; 4] {
    loop {
        wait(h, "the ways", |s| scored(s) && fresh(s).is_some());
        // After an edit the window has to be drawn once for the bench to know that other texts are wanted.
        h.run_steps(3);
        if let Some(ways) = fresh(h.state().state()) {
            return ways;
        }
    }
}

/// A bundled clip that moves left while it fades out, and the bench with an idea typed by hand.
fn bench(idea: &str) -> Window {
    let clip = clips().into_iter().find(|c| c.to_string_lossy().contains("left")).expect("bundled clips");
    let mut h = open(clip, false);
    wait(&mut h, "scores", scored);
    h.key_press(Key::N);
    h.run_steps(3);
    h.get_by_label_contains("Type an idea");
    h.get_by_label("What the class is not").focus();
    h.run_steps(2);
    h.get_by_label("What the class is not").type_text(idea);
    h.run_steps(2);
    h
}

#[test]
fn what_the_bench_says_is_what_adding_it_gives() {
    let mut h = bench("moving left");
    let said = ways(&mut h);
    let before = h.state().state().prompts().clone();
    let encoded = settled(&mut h);
    let c = before.classes.iter().position(|class| class.name == CLASS).unwrap();
    assert_eq!(h.state().state().negated_class(), Some(c), "the likeliest");
    h.get_by_label_contains("“not” is in the model's vocabulary");
    h.get_by_label_contains("Read from: scores of 0:00.0 to");
    for (button, way) in [("Add as negative", said[1]), ("Add as positive", said[2])] {
        h.get_by_label(button).scroll_to_me();
        h.run_steps(3);
        h.get_by_label(button).click();
        h.run_steps(2);
        wait(&mut h, "new scores", scored);
        let s = h.state().state();
        let real = s.score(c).unwrap();
        assert!((f64::from(real.p) - way.outcome.p).abs() <= 1e-6, "{button}: {real:?} {way:?}");
        assert!((f64::from(real.yes.unwrap()) - way.outcome.yes.unwrap()).abs() <= 1e-6, "{button}");
        assert_eq!(s.negation.asked.class.as_deref(), Some(CLASS), "it stays with its class");
        assert_ne!(*s.prompts(), before);
        // It is there already.
        ways(&mut h);
        assert!(h.get_by_label(button).accesskit_node().is_disabled(), "{button}");
        apply(&mut h, Intent::Undo);
        wait(&mut h, "the scores before", scored);
        assert_eq!(*h.state().state().prompts(), before);
    }
    assert_eq!(ways(&mut h), said);
    assert_eq!(h.state().engine().unwrap().vision_frames(), encoded, "no frame was encoded again");
}

#[test]
fn the_slider_turns_the_vector_and_nothing_else() {
    let mut h = bench("moving left");
    let half = ways(&mut h);
    let ask = |h: &mut Window, lambda| {
        let asked = Negated { lambda, ..h.state().state().negation.asked.clone() };
        apply(h, Intent::Negate(asked));
        ways(h)
    };
    let none = ask(&mut h, 0.0);
    let apart = |a: &Way, b: &Way| (a.outcome.p - b.outcome.p).abs();
    assert!(apart(&none[0], &none[3]) <= 1e-6 && none[3].with.unwrap()[0] > 1.0 - 1e-6);
    assert_eq!(none[..3], half[..3]);
    assert!(half[3].with.unwrap()[1] < none[3].with.unwrap()[1] - 0.05, "{half:?}");
}

#[test]
fn words_that_the_model_does_not_know_are_said() {
    let mut h = bench("juggling");
    ways(&mut h);
    h.get_by_label_contains("does not know: juggling");
}

#[test]
fn it_reads_what_is_on_show() {
    let mut h = bench("moving left");
    let clip = ways(&mut h);
    apply(&mut h, Intent::Surgery(Surgery { no_motion: true, ..Surgery::default() }));
    let altered = ways(&mut h);
    h.get_by_label_contains("; altered: motion off (not retrained)");
    assert_ne!(clip[0].outcome.p, altered[0].outcome.p);
    apply(&mut h, Intent::Surgery(Surgery { no_joint_adapter: true, ..Surgery::default() }));
    let plain = |s: &State| scored(s) && s.negation_evidence().is_ok_and(|evidence| evidence.plain);
    wait(&mut h, "scores without the adapter", plain);
    let untrained = ways(&mut h);
    h.get_by_label_contains("The joint adapter is off");
    // The class as it is has the numbers of the list, and the ways go on from there.
    let s = h.state().state();
    let own = s.score(s.negated_class().unwrap()).unwrap();
    assert!((f64::from(own.p) - untrained[0].outcome.p).abs() <= 1e-6);
    assert!(untrained.iter().zip(&clip).all(|(a, b)| a.with != b.with), "{untrained:?}");
    apply(&mut h, Intent::ResetAltered);
    assert_eq!(ways(&mut h), clip);
    wait(&mut h, "the sweep", |s| s.record.as_ref().is_some_and(|r| r.progress.done == r.progress.total));
    apply(&mut h, Intent::Moment(true));
    let moment = ways(&mut h);
    h.get_by_label_contains("Read from: scores of the moment");
    let s = h.state().state();
    let own = s.score(s.negated_class().unwrap()).unwrap();
    assert!((f64::from(own.p) - moment[0].outcome.p).abs() <= 1e-6);
}

#[test]
fn every_number_has_a_name_and_a_place() {
    let mut h = analysed([1280.0, 800.0], false);
    apply(&mut h, Intent::Pane(Pane::Negation, true));
    apply(&mut h, Intent::Negate(Negated { idea: "moving right".into(), ..Negated::default() }));
    // Before the texts have come their places are there.
    for name in ["cos t+", "cos t−", "s+", "s−", "margin", "p", "Δ p, pp", "yes", "Δ yes", "rank"] {
        for way in ["the class as it is", "typed as a negative", "typed as “not …”", "subtracted"] {
            h.get_by_label(&format!("{name} {way}: –"));
        }
    }
    h.get_by_label("Class of the negation bench");
    h.get_by_label("λ, how much is subtracted");
    h.get_by_label("Close Negation").click();
    h.run();
    assert!(h.query_by_label("Class of the negation bench").is_none());
    h.get_by_label("Panes").click();
    h.run();
    h.get_by_role_and_label(egui::accesskit::Role::CheckBox, "Negation").click();
    h.run();
    h.get_by_label("Class of the negation bench");
}

/// What is said of an idea is of that idea: until its texts have come nothing is said of it.
#[test]
fn no_number_of_another_idea_stands_beside_one() {
    use motionlens::engine::Event;
    use motionlens::score::ClassEmbedding;
    use std::sync::Arc;
    let mut h = analysed([1280.0, 800.0], false);
    apply(&mut h, Intent::Pane(Pane::Negation, true));
    apply(&mut h, Intent::Negate(Negated { idea: "moving up".into(), ..Negated::default() }));
    let s = h.state().state();
    let shown = &s.shown.as_ref().unwrap().answer;
    let (model, width) = (shown.question.model.clone(), shown.evidence.embedding.len());
    let unit: Arc<[f32]> = (0..width).map(|i| if i == 0 { 1.0 } else { 0.0 }).collect();
    let class = ClassEmbedding { positive: Some(unit), counts: true, ..ClassEmbedding::default() };
    let set = s.negation.wanted.clone().expect("texts are wanted");
    let (classes, plain) = (Ok(Arc::new(vec![class; 5])), Arc::default());
    h.state_mut().on_event(Event::Tried { set, model, classes, plain, notes: Arc::default() });
    h.run();
    h.get_by_label_contains("cos(“moving up”, “not moving up”) = +1.000");
    h.get_by_label_contains("“not” is in the model's vocabulary");
    apply(&mut h, Intent::Negate(Negated { idea: "moving down".into(), ..Negated::default() }));
    assert_eq!(h.query_all_by_label_contains("cos(“moving").count(), 0);
    assert_eq!(h.query_all_by_label_contains("the model's vocabulary").count(), 0);
}
