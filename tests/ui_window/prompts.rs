//! The numbers of prompts, what-ifs, the history and the import of names, by their accessible names.

use super::support::*;
use egui_kittest::kittest::Queryable;
use motionlens::engine::{Event, Scored};
use motionlens::prompt::{NameTable, PromptSet};
use motionlens::score::{ClassEmbedding, Without, score};
use motionlens::session::PromptNote;
use motionlens::ui::edit::{PromptEdit, Side};
use motionlens::ui::import::Names;
use motionlens::ui::intent::Intent;
use motionlens::ui::jobs::JobOutcome;
use motionlens::ui::panes::Pane;
use std::sync::Arc;

const SIZE: [f32; 2] = [1280.0, 1500.0];

/// A unit vector whose cosine with the answer's f, (1, 0), is this.
fn at(cosine: f32) -> Arc<[f32]> {
    Arc::from([cosine, (1.0 - cosine * cosine).sqrt()])
}

fn class(name: &str, positive: f32, negatives: &[f32]) -> ClassEmbedding {
    ClassEmbedding {
        name: name.into(),
        positive: Some(at(positive)),
        negatives: negatives.iter().map(|n| at(*n)).collect(),
        from_templates: 0,
        floor: None,
        positive_prompts: vec![at(positive)],
        negative_prompts: negatives.iter().enumerate().map(|(i, n)| (i, at(*n))).collect(),
        counts: true,
        without: None,
    }
}

/// The engine says these text sides and their scores, of the prompts as they are now.
fn tell(h: &mut Window, classes: Vec<ClassEmbedding>) {
    let revision = h.state().state().revision;
    let scores = score(&[1.0, 0.0], &classes, 10.0, 0.5);
    let (classes, notes) = (Arc::new(classes), Arc::default());
    let app = h.state_mut();
    app.on_event(Event::Texts { revision, model: "small".into(), classes, notes });
    let question = answer().id;
    app.on_event(Event::Scored(Scored { question, revision, scores: Arc::new(scores), seconds: 0.001 }));
    h.run();
}

fn apply(h: &mut Window, intent: Intent) {
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, intent);
    h.run();
}

fn edit(h: &mut Window, edit: PromptEdit) {
    apply(h, Intent::Edit(edit));
}

fn names(h: &Window) -> Vec<String> {
    h.state().state().prompts().classes.iter().map(|c| c.name.clone()).collect()
}

#[test]
fn each_prompt_says_what_it_adds_and_which_negative_won() {
    let mut h = analysed(SIZE, false);
    edit(&mut h, PromptEdit::AddPrompt(0, Side::Negative, "resting".into()));
    let mut left = class("moving left", 0.5, &[0.1, 0.3]);
    // Without its only positive there is no class, without the negative that won the other one sets s−.
    let without = Without { positive: vec![(None, true)], negative: vec![None, None] };
    left.without = Some(Arc::new(without));
    left.positive_prompts = vec![at(0.5)];
    let own = PromptEdit::WriteOwn(0, Side::Positive);
    edit(&mut h, own);
    for _ in 0..3 {
        edit(&mut h, PromptEdit::RemovePrompt(0, Side::Positive, 1));
    }
    tell(&mut h, vec![left, class("moving right", 0.4, &[0.2])]);
    // z = 10 (s+ − ½ (s− − 0.25)): 4.75 against 4.25; without "resting" (mean 0.15) 5.25 against 3.75.
    h.get_by_label("Positive prompt 1 of moving left adds +62.2 pp to p");
    h.get_by_label("Negative prompt 1 of moving left adds +0.0 pp to p");
    h.get_by_label("Negative prompt 2 of moving left adds -19.5 pp to p");
    h.get_by_label("Negative prompt 2 of moving left sets s−");
    // The prompts have changed and the scores have not come: what is shown is still of the scores.
    edit(&mut h, PromptEdit::RenameClass(1, "moving on".into()));
    h.get_by_label("Negative prompt 2 of moving left adds -19.5 pp to p");
}

#[test]
fn a_class_explains_its_numbers_and_what_would_be_without_it() {
    let mut h = analysed(SIZE, false);
    tell(&mut h, vec![class("moving left", 0.5, &[0.3]), class("moving right", 0.4, &[0.2])]);
    h.get_by_label("Explain moving left").click();
    h.run();
    for text in [
        "margin = s+ − s− = +0.5000 − (+0.3000) = +0.2000",
        "z = τ (s+ − α (s− − mean s−))",
        "over 2 classes",
    ] {
        h.get_by_label_contains(text);
    }
    h.get_by_label("Without moving left");
    h.get_by_label("37.8% to 100.0%");
    h.get_by_label("Remove moving left").click();
    h.run();
    assert_eq!(names(&h), ["moving right"]);
    h.get_by_label("Undo").click();
    h.run();
    assert_eq!(names(&h).len(), 2);
}

#[test]
fn words_that_are_not_known_are_marked_before_a_class_is_added_and_enter_adds_it() {
    let mut h = analysed(SIZE, false);
    tell(&mut h, vec![class("moving left", 0.5, &[0.3]), class("moving right", 0.4, &[0.2])]);
    h.get_by_label("Try a class").focus();
    h.run();
    h.get_by_label("Try a class").type_text("wild hop");
    h.run();
    let unknown = "Try a class: The model does not know: wild. These words say nothing to it.";
    assert!(h.query_by_label(unknown).is_none(), "nothing is known of it yet");
    let set = h.state().state().trial.set(h.state().state().prompts()).unwrap();
    let text = set.positive_prompts(&set.classes[0]).swap_remove(0);
    let at = text.find("wild").unwrap();
    let notes = Arc::new(vec![PromptNote { text, cut: 0, unknown: std::iter::once(at..at + 4).collect() }]);
    let (classes, plain) = (Ok(Arc::new(vec![class("wild hop", 0.6, &[0.3])])), Arc::default());
    h.state_mut().on_event(Event::Tried { set, model: "small".into(), classes, plain, notes });
    h.run();
    h.get_by_label(unknown);
    h.key_press(egui::Key::Enter);
    h.run();
    assert_eq!(names(&h), ["moving left", "moving right", "wild hop"]);
    assert!(h.query_by_label(unknown).is_none(), "nothing is tried out any more");
    assert!(h.get_by_label("Name of class 3").is_focused());
    // An empty line adds nothing.
    h.get_by_label("Try a class").focus();
    h.run();
    h.key_press(egui::Key::Enter);
    h.run();
    assert_eq!(names(&h).len(), 3);
}

#[test]
fn a_class_is_tried_out_and_added() {
    let mut h = analysed(SIZE, false);
    tell(&mut h, vec![class("moving left", 0.5, &[0.3]), class("moving right", 0.4, &[0.2])]);
    h.get_by_label("Try a class").focus();
    h.run();
    h.get_by_label("Try a class").type_text("hop");
    h.run();
    assert_eq!(names(&h).len(), 2, "the set stays as it is");
    h.get_by_label("…");
    let tried = |h: &mut Window, name: &str, counts: bool| {
        let class = ClassEmbedding { counts, ..class(name, 0.6, &[0.3]) };
        let (classes, plain) = (Ok(Arc::new(vec![class.clone()])), Arc::new(vec![class]));
        let set = Arc::new(PromptSet::from_names([name]));
        h.state_mut().on_event(Event::Tried {
            set,
            model: "small".into(),
            classes,
            plain,
            notes: Arc::default(),
        });
        h.run();
    };
    tried(&mut h, "ho", true);
    h.get_by_label("…");
    tried(&mut h, "hop", true);
    h.get_by_label("would get 62.9%, place 1; most from moving left (-39.1 pp)");
    tried(&mut h, "hop", false);
    h.get_by_label("left out of p");
    h.get_by_label("Add it").click();
    h.run();
    assert_eq!(names(&h), ["moving left", "moving right", "hop"]);
    assert!(h.state().state().trial.name.is_empty());
    h.get_by_label("Undo").click();
    h.run();
    assert_eq!(names(&h).len(), 2);
}

#[test]
fn what_if_is_asked_of_the_texts_that_the_scores_are_made_with() {
    let mut h = analysed(SIZE, false);
    let mut answer = answer();
    let question = Arc::make_mut(&mut answer.question);
    question.surgery.no_joint_adapter = true;
    answer.id = answer.question.id();
    let question = answer.id;
    h.state_mut().show_answer(Arc::new(answer), None);
    let scores =
        score(&[1.0, 0.0], &[class("moving left", 0.5, &[]), class("moving right", 0.4, &[])], 10.0, 0.5);
    let (revision, scores) = (h.state().state().revision, Arc::new(scores));
    h.state_mut().on_event(Event::Scored(Scored { question, revision, scores, seconds: 0.001 }));
    apply(&mut h, Intent::Try("hop".into()));
    let (set, model) = (Arc::new(PromptSet::from_names(["hop"])), "small".to_owned());
    let (classes, plain) =
        (Ok(Arc::new(vec![class("hop", 0.9, &[])])), Arc::new(vec![class("hop", 0.5, &[])]));
    h.state_mut().on_event(Event::Tried { set, model, classes, plain, notes: Arc::default() });
    h.run();
    // Three logits of 5, 4 and, without the joint adapter, 5: 42.2% each for the larger ones, and not 97%.
    h.get_by_label_contains("would get 42.2%, place 1; most from");
}

#[test]
fn names_are_looked_at_before_they_replace_or_join_the_classes() {
    let mut h = analysed(SIZE, false);
    let table = NameTable::parse("7,moving left,links\r\n8,hop,hüpfen\r\n").unwrap();
    let ctx = h.ctx.clone();
    let read = |h: &mut Window| {
        h.state_mut().take(&ctx, JobOutcome::NamesRead("/sets/actions.csv".into(), table.clone()));
        h.run();
    };
    read(&mut h);
    h.get_by_label("Names from actions.csv");
    h.get_by_label_contains("Choose the column");
    h.get_by_label("Column of the names").click();
    h.run();
    h.get_by_label_contains("column 2").click();
    h.run();
    h.get_by_label("2 names");
    h.get_by_label("· hop");
    h.get_by_label("Append to them").click();
    h.run();
    h.get_by_label("2 names, 1 of them are there already and are left out");
    h.get_by_label("Import names").click();
    h.run();
    assert_eq!(names(&h), ["moving left", "moving right", "hop"]);
    assert!(h.state().state().import.is_none());
    h.get_by_label("Undo").click();
    h.run();
    assert_eq!(names(&h), ["moving left", "moving right"]);
    read(&mut h);
    h.get_by_label("Column of the names").click();
    h.run();
    h.get_by_label_contains("column 2").click();
    h.run();
    h.key_press(egui::Key::Enter);
    h.run();
    assert!(h.state().state().import.is_none() && names(&h).contains(&"hop".to_owned()), "{:?}", names(&h));
    h.get_by_label("Undo").click();
    h.run();
    read(&mut h);
    h.key_press(egui::Key::Escape);
    h.run();
    assert!(h.state().state().import.is_none() && names(&h).len() == 2, "Escape leaves all as it was");
    read(&mut h);
    apply(&mut h, Intent::Import(Some(Names::Replace(vec!["a".into()]))));
    assert_eq!(names(&h), ["a"]);
}

#[test]
fn each_state_of_the_prompts_is_a_line_with_its_scores_and_can_be_gone_back_to() {
    let mut h = analysed(SIZE, false);
    tell(&mut h, vec![class("moving left", 0.5, &[0.3]), class("moving right", 0.4, &[0.2])]);
    edit(&mut h, PromptEdit::AddPrompt(0, Side::Negative, "resting".into()));
    tell(&mut h, vec![class("moving left", 0.5, &[0.3, 0.1]), class("moving right", 0.7, &[0.2])]);
    let lines: Vec<_> = h.state().state().log.lines().iter().cloned().collect();
    let last = &lines[lines.len() - 2..];
    assert_eq!(last[1].words, "negative + “resting” in moving left");
    let shares: Vec<_> =
        last.iter().map(|l| l.scored.as_ref().unwrap().winner().unwrap().name.clone()).collect();
    assert_eq!(shares, ["moving left", "moving right"]);
    assert_eq!(last[1].scored.as_ref().unwrap().of, "mover.mp4 0:00.000 to 0:03.800");
    apply(&mut h, Intent::Pane(Pane::History, true));
    h.get_by_label_contains("Present state: negative + “resting” in moving left; moving right");
    h.get_by_label("Watched class").click();
    h.run();
    h.get_all_by_label("moving left").last().unwrap().click();
    h.run();
    // It had 62.2%, and z is 10 (0.5 − ½ (0.3 − 0.25)) against 10 (0.7 − ½ (0.2 − 0.25)) now.
    h.get_by_label_contains("resting” in moving left; moving right 92.4% · moving left 7.6% · Δ -54.7 pp");
    h.get_by_label_contains(&format!("Go back to: {}", last[0].words)).click();
    h.run();
    assert!(h.state().state().prompts().classes[0].negative.is_none());
    assert_eq!(h.state().state().log.present(), Some(last[0].state));
    h.get_by_label("Undo").click();
    h.run();
    assert_eq!(h.state().state().log.present(), Some(last[1].state));
}
