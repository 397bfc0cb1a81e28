//! Whole sentences, letter by letter, through real key and text events into every kind of field, while scores, notes, warnings
//! and messages come and go: nothing but that text changes.

use super::support::*;
use egui::{Event as Input, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use motionlens::engine::{Event, Scored};
use motionlens::prompt::PromptSet;
use motionlens::score::{ClassScore, Scores};
use motionlens::session::PromptNote;
use motionlens::ui::edit::{PromptEdit, Side};
use motionlens::ui::intent::{Dialog, Intent};
use motionlens::ui::jobs::JobOutcome;
use motionlens::ui::state::State;
use std::sync::Arc;

/// Tall enough for every card.
const SIZE: [f32; 2] = [1280.0, 1500.0];
/// Its letters are shortcuts, and so are its spaces.
const SENTENCE: &str = "Jumping fox, kicks [over] 4 lazy Vipers. go on? a2 SPIN";

fn key(c: char) -> Key {
    match c {
        ' ' => Key::Space,
        '[' => Key::OpenBracket,
        ']' => Key::CloseBracket,
        ',' => Key::Comma,
        '.' => Key::Period,
        '?' => Key::Questionmark,
        _ => Key::from_name(&c.to_uppercase().to_string()).expect("a key"),
    }
}

/// One letter as a keyboard sends it: the key and its text in one frame.
fn press(h: &mut Window, c: char) {
    let modifiers = if c.is_uppercase() || c == '?' { Modifiers::SHIFT } else { Modifiers::NONE };
    let event = |pressed| Input::Key { key: key(c), physical_key: None, pressed, repeat: false, modifiers };
    let changed = Input::ModifiersChanged;
    let text = Input::Text(c.to_string());
    h.input_mut().events.extend([
        changed(modifiers),
        event(true),
        text,
        event(false),
        changed(Modifiers::NONE),
    ]);
}

/// What an engine and its clip may say at any moment, differently each time.
fn noise(h: &mut Window, step: usize) {
    let names: Vec<String> = h.state().state().prompts().classes.iter().map(|c| c.name.clone()).collect();
    let class = |(i, name): (usize, String)| ClassScore {
        name,
        s_pos: (!step.is_multiple_of(3)).then_some(0.3),
        s_neg: (!step.is_multiple_of(4)).then_some(0.1 + i as f32 * 0.01),
        s_typed: None,
        s_floor: None,
        margin: Some(0.2),
        text_cos: Some(if step.is_multiple_of(2) { 0.99 } else { 0.1 }),
        logit: Some(3.0),
        p: ((step + i) % 5) as f32 / 10.0,
        counts: !(step + i).is_multiple_of(3),
        yes: Some(0.5),
        ..ClassScore::default()
    };
    let classes: Vec<ClassScore> = names.into_iter().enumerate().map(class).collect();
    let set = h.state().state().prompts();
    let notes: Vec<PromptNote> = set
        .classes
        .iter()
        .flat_map(|c| [set.positive_prompts(c), set.negative_prompts(c)].concat())
        .filter(|p| step.is_multiple_of(2) && p.is_char_boundary(1))
        .map(|text| PromptNote { cut: step % 2, unknown: std::iter::once(0..1).collect(), text })
        .collect();
    let question = answer().id;
    let app = h.state_mut();
    match step % 7 {
        0 => app.on_event(Event::Progress { question, stage: "vision tower", done: step, total: 100 }),
        3 => {
            let message = format!("clip {step} cannot be read, a long message");
            app.on_event(Event::Failed { question, message });
        }
        5 => app.on_event(Event::Dropped { question }),
        6 => app.show_answer(Arc::new(answer()), None),
        _ => {}
    }
    let (classes, notes) = (Scores { classes, none: 0.1, alpha: 0.5, ..Scores::default() }, Arc::new(notes));
    let revision = app.state().revision;
    app.on_event(Event::Texts { revision, model: "small".into(), classes: Arc::new(Vec::new()), notes });
    app.on_event(Event::Scored(Scored { question, revision, scores: Arc::new(classes), seconds: 0.001 }));
}

/// Everything that a shortcut could change.
fn rest(s: &State) -> String {
    let pinned = s.history.present().pinned.is_some();
    let modals = (s.path_field.is_some(), s.time_field.is_some(), s.help);
    let b = &s.playback;
    let player = (b.playing, b.speed, b.position, b.looping);
    format!("{:?}", (s.view, s.range, s.follow, &s.asked, s.scope, s.sort_by_score, modals, pinned, player))
}

/// Types the sentence into what has the focus. Each letter has to land there, and its field has to stay where it is.
#[track_caller]
fn type_all(h: &mut Window, field: &str, text: &str, read: impl Fn(&State) -> String) {
    let before = rest(h.state().state());
    let start = read(h.state().state());
    let place = h.get_by_label(field).rect();
    let mut typed = String::new();
    for (step, c) in text.chars().enumerate() {
        noise(h, step);
        press(h, c);
        h.step();
        typed.push(c);
        assert_eq!(read(h.state().state()), format!("{start}{typed}"), "after {c:?} in {field}");
        let now = h.get_by_label(field);
        assert!(now.is_focused(), "{field} lost the focus at {typed:?}");
        assert_eq!(now.rect(), place, "{field} moved at {typed:?}");
        assert_eq!(rest(h.state().state()), before, "after {c:?} in {field}");
    }
}

/// Three classes with their cards open, sorted by p, after an analysis.
fn open() -> Window {
    let mut h = analysed(SIZE, false);
    let mut set = PromptSet::from_names(["left", "right"]);
    set.classes[0].positive = Some(vec!["one".into(), "two".into()]);
    set.classes[0].negative = Some(vec!["three".into()]);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Edit(PromptEdit::Replace(set)));
    h.state_mut().apply(&ctx, Intent::SortByScore(true));
    noise(&mut h, 1);
    h.run_steps(3);
    h
}

fn focus(h: &mut Window, label: &str) {
    h.get_by_label(label).focus();
    h.step();
    h.key_press(Key::End);
    h.step();
}

#[test]
fn names_and_prompts() {
    let mut h = open();
    let before = h.state().state().prompts().clone();
    focus(&mut h, "Name of class 2");
    type_all(&mut h, "Name of class 2", SENTENCE, |s| s.prompts().classes[1].name.clone());
    for (side, i, label) in
        [(Side::Positive, 1, "Positive prompt 2 of left"), (Side::Negative, 0, "Negative prompt 1 of left")]
    {
        focus(&mut h, label);
        type_all(&mut h, label, SENTENCE, |s| {
            side.list(&s.prompts().classes[0]).as_ref().unwrap()[i].clone()
        });
    }
    let mut expected = before;
    expected.classes[1].name += SENTENCE;
    expected.classes[0].positive.as_mut().unwrap()[1] += SENTENCE;
    expected.classes[0].negative.as_mut().unwrap()[0] += SENTENCE;
    assert_eq!(*h.state().state().prompts(), expected);
}

#[test]
fn templates() {
    let mut h = open();
    h.get_by_label("Templates").click();
    h.run_steps(8);
    let before = h.state().state().prompts().clone();
    focus(&mut h, "Negative template 1");
    type_all(&mut h, "Negative template 1", SENTENCE, |s| s.prompts().templates.negative[0].clone());
    let mut expected = before;
    expected.templates.negative[0] += SENTENCE;
    assert_eq!(*h.state().state().prompts(), expected);
}

#[test]
fn a_path_and_a_time() {
    let mut h = open();
    let ctx = h.ctx.clone();
    let before = h.state().state().prompts().clone();
    h.state_mut().take(&ctx, JobOutcome::NoDialog(Dialog::Video));
    h.run_steps(3);
    let text = |s: &State| s.path_field.as_ref().map_or(String::new(), |a| a.text.clone());
    type_all(&mut h, "Path", SENTENCE, text);
    h.state_mut().apply(&ctx, Intent::PathField(false));
    h.run_steps(8);
    h.state_mut().apply(&ctx, Intent::TimeField(true));
    h.run_steps(3);
    let text = |s: &State| s.time_field.as_ref().map_or(String::new(), |a| a.text.clone());
    type_all(&mut h, "Time or frame", SENTENCE, text);
    assert_eq!(*h.state().state().prompts(), before);
}

#[test]
fn a_new_class_is_on_top_and_the_first_letter_takes_the_place_of_its_name() {
    let mut h = open();
    h.get_by_label("+ Add class").click();
    h.step();
    let new = |s: &State| s.prompts().classes[2].name.clone();
    assert_eq!(new(h.state().state()), "class 3");
    // Scores come and a letter is typed before the card has been drawn once.
    noise(&mut h, 2);
    press(&mut h, 'g');
    h.step();
    assert_eq!(new(h.state().state()), "g", "the name was selected");
    h.step();
    let top = |h: &Window, n: usize| h.get_by_label(&format!("Name of class {n}")).rect().top();
    assert!(top(&h, 3) < top(&h, 1) && top(&h, 3) < top(&h, 2), "sorted by p, and yet to be seen");
    type_all(&mut h, "Name of class 3", SENTENCE, new);
    assert_eq!(h.state().state().prompts().classes.len(), 3);
}

#[test]
fn a_new_class_of_many_is_scrolled_to() {
    let mut h = open();
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::SortByScore(false));
    let set = PromptSet::from_names((0..3000).map(|i| format!("action {i}")));
    h.state_mut().apply(&ctx, Intent::Edit(PromptEdit::Replace(set)));
    h.run_steps(3);
    h.get_by_label("+ Add class").click();
    h.run_steps(12);
    let field = h.get_by_label("Name of class 3001");
    assert!(field.is_focused());
    assert!((100.0..SIZE[1]).contains(&field.rect().center().y), "{:?}", field.rect());
}

#[test]
fn enter_adds_the_next_prompt_and_escape_takes_the_empty_one_back() {
    let mut h = open();
    let list = |h: &Window| h.state().state().prompts().classes[0].negative.clone().unwrap();
    h.get_by_label("Add negative prompt to left").click();
    h.step();
    press(&mut h, 'p');
    h.step();
    h.step();
    let own = |i: usize| {
        move |s: &State| {
            s.prompts().classes[0].negative.as_ref().and_then(|l| l.get(i)).cloned().unwrap_or_default()
        }
    };
    type_all(&mut h, "Negative prompt 2 of left", SENTENCE, own(1));
    // In the very frame of Enter somebody has typed on.
    let enter = Input::Key {
        key: Key::Enter,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: Modifiers::NONE,
    };
    h.input_mut().events.push(enter);
    press(&mut h, 's');
    h.step();
    press(&mut h, 'f');
    h.step();
    h.step();
    type_all(&mut h, "Negative prompt 3 of left", SENTENCE, own(2));
    assert_eq!(list(&h), ["three".to_owned(), format!("p{SENTENCE}"), format!("sf{SENTENCE}")]);
    h.key_press(Key::Enter);
    h.run_steps(2);
    assert_eq!(list(&h).len(), 4);
    assert!(h.get_by_label("Negative prompt 4 of left").is_focused());
    let told = h.state().state().messages.all().len();
    assert!(told > 0, "Escape could take one of these away");
    h.key_press(Key::Escape);
    h.run_steps(2);
    assert_eq!(list(&h).len(), 3, "the empty row went");
    assert_eq!(h.state().state().messages.all().len(), told, "and nothing else");
    let before = rest(h.state().state());
    press(&mut h, '4');
    h.run_steps(2);
    assert_eq!(rest(h.state().state()), before, "and the keys rest for a moment");
    assert!(!h.state().state().history.can_redo());
}

#[test]
fn keys_rest_after_a_field_went_away_and_wake_up_again() {
    let mut h = open();
    let ctx = h.ctx.clone();
    focus(&mut h, "Positive prompt 2 of left");
    h.state_mut().apply(&ctx, Intent::Edit(PromptEdit::RemovePrompt(0, Side::Positive, 1)));
    h.step();
    let before = rest(h.state().state());
    for c in SENTENCE.chars() {
        press(&mut h, c);
        h.step();
        assert_eq!(rest(h.state().state()), before, "{c:?} fired");
    }
    // A second without a letter (the harness draws twenty frames a second).
    h.run_steps(21);
    press(&mut h, '4');
    h.step();
    assert_ne!(rest(h.state().state()), before, "then the keys work again");
}

#[test]
fn a_field_that_is_left_by_hand_gives_the_keys_back_at_once() {
    let mut h = open();
    focus(&mut h, "Name of class 1");
    let before = rest(h.state().state());
    h.key_press(Key::Escape);
    h.step();
    press(&mut h, '4');
    h.step();
    assert_ne!(rest(h.state().state()), before);
}

#[test]
fn a_time_that_is_not_understood_is_said_and_the_window_stays_open() {
    let mut h = open();
    press(&mut h, 'g');
    h.run_steps(2);
    for c in "soon".chars() {
        press(&mut h, c);
        h.step();
    }
    h.key_press(Key::Enter);
    h.run_steps(2);
    h.get_by_label_contains("“soon” is not a time or a frame");
    let text = |h: &Window| h.state().state().time_field.as_ref().map(|a| a.text.clone());
    assert_eq!(text(&h).as_deref(), Some("soon"));
    h.key_press_modifiers(Modifiers::COMMAND, Key::A);
    h.step();
    for c in "frame 100".chars() {
        press(&mut h, c);
        h.step();
    }
    assert_eq!(text(&h).as_deref(), Some("frame 100"));
    h.key_press(Key::Enter);
    h.run_steps(2);
    assert_eq!(text(&h), None);
}

#[test]
fn messages_push_nothing_aside() {
    let mut h = open();
    let places = |h: &Window| {
        let stage = h.state().state().stage_rect;
        (stage, h.get_by_label("Name of class 1").rect(), h.get_by_label("Single").rect())
    };
    let before = places(&h);
    for i in 0..9 {
        h.state_mut().on_event(Event::ModelFailed { message: format!("model {i}: it is no model folder") });
        h.run_steps(2);
        assert_eq!(places(&h), before);
    }
    assert_eq!(h.query_all_by_label("Dismiss").count(), 4);
    for _ in 0..4 {
        h.query_all_by_label("Dismiss").next().unwrap().click();
        h.run_steps(2);
    }
    assert_eq!(h.query_all_by_label("Dismiss").count(), 0);
    assert_eq!(places(&h), before);
}

#[test]
fn the_first_set_is_nothing_that_undo_takes_back() {
    let mut h = egui_kittest::Harness::builder()
        .with_size(SIZE)
        .build_eframe(|cc| motionlens::ui::App::new(&cc.egui_ctx, cc.wgpu_render_state.clone(), None));
    let ctx = h.ctx.clone();
    let read = |names: &[&str]| {
        JobOutcome::PromptsRead("prompts.json".into(), Ok(PromptSet::from_names(names.iter().copied())))
    };
    h.state_mut().take(&ctx, read(&["run"]));
    h.state_mut().apply(&ctx, Intent::Undo);
    let names =
        |h: &Window| h.state().state().prompts().classes.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&h), ["run"]);
    h.state_mut().take(&ctx, read(&["jump"]));
    h.state_mut().apply(&ctx, Intent::Undo);
    assert_eq!(names(&h), ["run"], "a later one is a step like any other");
}

/// As where the command line names a file that is not there.
#[test]
fn a_set_that_cannot_be_read_leaves_nobody_without_classes() {
    let mut h = egui_kittest::Harness::builder()
        .with_size(SIZE)
        .build_eframe(|cc| motionlens::ui::App::new(&cc.egui_ctx, cc.wgpu_render_state.clone(), None));
    let ctx = h.ctx.clone();
    assert!(h.state().state().prompts().classes.is_empty());
    h.state_mut().take(&ctx, JobOutcome::PromptsRead("nosuch.json".into(), Err("it is not there".into())));
    h.run_steps(3);
    assert!(!h.state().state().prompts().classes.is_empty());
    h.get_by_label_contains("it is not there");
}

#[test]
fn a_path_typed_in_place_of_a_dialog_does_what_the_dialog_was_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("typed.json");
    let mut h = open();
    let ctx = h.ctx.clone();
    h.state_mut().take(&ctx, JobOutcome::NoDialog(Dialog::SavePrompts));
    h.run_steps(3);
    h.get_by_label_contains("no file dialog");
    h.key_press(Key::Enter);
    h.run_steps(2);
    h.get_by_label_contains("Write a path");
    h.event(Input::Text(format!("\"{}\"", file.display())));
    h.step();
    h.key_press(Key::Enter);
    // The file is written on another thread; the limit is for a hung test.
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while h.query_by_label_contains("Prompt set written to").is_none() {
        assert!(std::time::Instant::now() < limit);
        std::thread::sleep(std::time::Duration::from_millis(5));
        h.step();
    }
    assert_eq!(PromptSet::load(&file).unwrap(), *h.state().state().prompts());
    assert!(h.state().state().path_field.is_none());

    // Again: what was typed stands there, the file is not replaced before it is said twice, and its extension comes by itself.
    std::fs::write(&file, "mine").unwrap();
    h.state_mut().take(&ctx, JobOutcome::NoDialog(Dialog::SavePrompts));
    h.run_steps(3);
    let text = |h: &Window| h.state().state().path_field.as_ref().map(|a| a.text.clone());
    assert_eq!(text(&h), Some(format!("\"{}\"", file.display())));
    h.event(Input::Text(folder.path().join("typed").display().to_string()));
    h.step();
    h.key_press(Key::Enter);
    h.run_steps(3);
    h.get_by_label_contains("typed.json is there already. Replace it?");
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    h.get_by_label("Replace").click();
    h.run_steps(3);
    assert_eq!(text(&h), None);
    while std::fs::read(&file).unwrap() == b"mine" {
        assert!(std::time::Instant::now() < limit);
        std::thread::sleep(std::time::Duration::from_millis(5));
        h.step();
    }
}

#[test]
fn an_open_menu_has_the_keys_to_itself() {
    let mut h = open();
    let of =
        |h: &Window| (h.state().state().view, h.state().state().range, h.state().state().easel.is_some());
    let before = of(&h);
    h.get_by_label("Export").click();
    h.run_steps(3);
    for key in [Key::V, Key::I, Key::D] {
        h.key_press(key);
        h.run_steps(2);
    }
    assert!(of(&h) == before);
    h.get_by_label("Experiment…");
    h.key_press(Key::Escape);
    h.run_steps(3);
    h.key_press(Key::V);
    h.run_steps(2);
    assert!(of(&h) != before, "and gives them back");
}

#[test]
fn saving_and_opening_by_key_need_no_field_to_be_left() {
    let mut h = open();
    h.get_by_label("Name of class 1").focus();
    h.run_steps(2);
    assert!(h.get_by_label("Name of class 1").is_focused());
    let name = h.state().state().prompts().classes[0].name.clone();
    h.key_press_modifiers(Modifiers::COMMAND, Key::O);
    h.step();
    // Whoever types on at once means the dialog that is to come.
    press(&mut h, 'x');
    h.run_steps(2);
    assert!(!h.get_by_label("Name of class 1").is_focused());
    assert_eq!(h.state().state().prompts().classes[0].name, name);
}
