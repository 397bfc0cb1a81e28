//! Every lesson of the program, played to its end on the real engine and the model that comes with it: what it claims is so.

use super::live::{clips, open, scored, type_keys, wait};
use super::support::Window;
use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use motionlens::prompt::PromptSet;
use motionlens::ui::App;
use motionlens::ui::easel::Draw;
use motionlens::ui::edit::PromptEdit;
use motionlens::ui::intent::Intent;
use motionlens::ui::learning::{Learning, Turn};
use motionlens::ui::lesson::{Block, Condition};
use motionlens::ui::look::{Arrangement, View};
use motionlens::ui::messages::Kind;
use motionlens::ui::probes::PatchAt;
use motionlens::ui::state::State;
use motionlens::video::Pts;
use motionlens::video::clip::Order;
use motionlens::view::Layer;
use std::time::Instant;

fn apply(h: &mut Window, intent: Intent) {
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, intent);
    h.step();
}

fn learning(h: &Window) -> &Learning {
    h.state().state().learning.as_ref().expect("a lesson")
}

/// The step has come to a place where the learner acts, or to its end; what is there is measured.
fn rests(s: &State) -> bool {
    let Some(l) = &s.learning else { return true };
    let waits = matches!(l.blocks().get(l.place), Some(Block::Guess(_) | Block::Until(_)));
    let judged = l.guesses.range((l.step, 0)..=(l.step, usize::MAX)).all(|(_, g)| g.right.is_some());
    (waits || l.is_through()) && s.opening.is_none() && (waits || judged && scored(s))
}

/// Does what a condition asks of the learner.
fn bring_about(h: &mut Window, condition: &Condition) {
    match condition {
        Condition::Playing(_) => apply(h, Intent::TogglePlay),
        Condition::Layer(layer) => {
            let view = View { layer: *layer, ..h.state().state().view };
            apply(h, Intent::SetView(view));
        }
        Condition::Prompt { of, side, reads, so: false } => {
            let s = h.state().state();
            let c = s.prompts().classes.iter().position(|c| c.name == *of).unwrap();
            let list = side.list(&s.prompts().classes[c]).as_ref().unwrap();
            let i = list.iter().position(|p| p == reads).unwrap();
            apply(h, Intent::Edit(PromptEdit::SetPrompt(c, *side, i, "standing".into())));
        }
        other => panic!("no lesson asks for {other:?} yet"),
    }
}

#[test]
fn every_lesson_comes_to_its_end_and_what_it_claims_is_so() {
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores", scored);
    let lessons = h.state().state().lessons.clone();
    assert!(lessons.len() >= 6);
    for (i, lesson) in lessons.iter().enumerate() {
        apply(&mut h, Intent::Learn(Some(i)));
        let questions = lesson.steps.iter().flat_map(|s| &s.blocks);
        let questions = questions.filter(|b| matches!(b, Block::Guess(_))).count();
        loop {
            wait(&mut h, &lesson.title, rests);
            let l = learning(&h);
            match l.blocks().get(l.place) {
                Some(Block::Guess(_)) => apply(&mut h, Intent::Lesson(Turn::Guess(0))),
                Some(Block::Until(condition)) => {
                    let (condition, at) = (condition.clone(), (l.step, l.place));
                    bring_about(&mut h, &condition);
                    wait(&mut h, "the learner's turn", |s| {
                        s.learning.as_ref().is_some_and(|l| (l.step, l.place) != at)
                    });
                }
                _ => {
                    let place = format!("{}, {}", lesson.title, lesson.steps[l.step].title);
                    for block in l.blocks() {
                        if let Block::Claim(claim) = block {
                            let s = h.state().state();
                            let so = claim.holds(s, l.scores.as_deref());
                            assert_eq!(so, Some(true), "{place}: {}", claim.in_words(s, l.scores.as_deref()));
                        }
                    }
                    if l.is_last() {
                        break;
                    }
                    apply(&mut h, Intent::Lesson(Turn::Next));
                }
            }
        }
        let l = learning(&h);
        assert_eq!(l.guesses.len(), questions, "{}", lesson.title);
        for ((step, block), guess) in &l.guesses {
            let right = guess.right.expect("measured");
            let Block::Guess(asked) = &lesson.steps[*step].blocks[*block] else { panic!() };
            assert!(right.is_some(), "{}: none of the options is so: {}", lesson.title, asked.question);
        }
        apply(&mut h, Intent::Learn(None));
        wait(&mut h, "the window as it was", |s| scored(s) && s.altered_words().is_none());
    }
}

#[test]
fn a_lesson_is_taken_by_hand_and_leaves_the_window_as_it_was() {
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores", scored);
    let (video, prompts) = {
        let s = h.state().state();
        (s.video.as_ref().unwrap().path.clone(), s.prompts().clone())
    };
    let second = Pts::from_secs(1.0);
    apply(&mut h, Intent::Pause);
    apply(&mut h, Intent::Seek(second));
    wait(&mut h, "the second", |s| !s.playback.seeking && s.playback.position == second);
    h.get_by_label("Learn").click();
    h.run_steps(3);
    h.get_by_label("What does a negative prompt do?").click();
    h.run_steps(2);
    wait(&mut h, "the first step", rests);
    h.get_by_label("Next step").click();
    h.run_steps(2);
    wait(&mut h, "the question", rests);
    h.get_by_label("Guess: It helps: its share rises").click();
    h.run_steps(2);
    wait(&mut h, "what is so", rests);
    let (right, judged) = learning(&h).tally();
    assert_eq!(judged, 1);
    h.get_by_label(&format!("{right} of 1 guesses right"));
    assert_ne!(h.state().state().prompts(), &prompts, "the step has added a negative");
    h.get_by_label("Leave the lesson").click();
    h.run_steps(2);
    wait(&mut h, "the window as it was", |s| {
        let at = s.playback.position == second && !s.playback.seeking;
        scored(s) && at && s.video.as_ref().is_some_and(|v| v.path == video)
    });
    assert_eq!(h.state().state().prompts(), &prompts);
    assert!(h.state().state().learning.is_none());
}

#[test]
fn a_lesson_of_ones_own_is_dropped_and_a_broken_one_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("mine.md"), folder.path().join("bad.md"));
    std::fs::write(&good, "# Mine\n\n## One\n\nHello.\n").unwrap();
    std::fs::write(&bad, "# Mine\n\n## One\n\n```do\n[\"dance\"]\n```\n").unwrap();
    let mut h = open(clips().swap_remove(0), false);
    apply(&mut h, Intent::Open(good));
    wait(&mut h, "the lesson", |s| s.learning.is_some());
    assert_eq!(learning(&h).lesson.title, "Mine");
    apply(&mut h, Intent::Open(bad));
    let told =
        |s: &State| s.messages.all().iter().any(|m| m.kind == Kind::Problem && m.text.contains("line 6"));
    wait(&mut h, "what is wrong with it", told);
}

#[test]
fn leaving_at_once_leaves_no_clip_of_the_lesson_and_a_drawing_is_given_back_as_a_clip() {
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores", scored);
    let video = h.state().state().video.as_ref().unwrap().path.clone();
    let second = Pts::from_secs(1.0);
    apply(&mut h, Intent::Seek(second));
    wait(&mut h, "the second", |s| !s.playback.seeking && s.playback.position == second);
    apply(&mut h, Intent::Draw(Draw::Begin));
    wait(&mut h, "the drawing", scored);
    apply(&mut h, Intent::Order(Order::Reversed));
    apply(&mut h, Intent::Learn(Some(2)));
    assert!(h.state().state().easel.is_none(), "a lesson is about a clip");
    wait(&mut h, "the lesson's clip", |s| {
        s.opening.is_some() || s.video.as_ref().is_some_and(|v| v.path != video)
    });
    apply(&mut h, Intent::Learn(None));
    h.run_steps(30);
    wait(&mut h, "the clip of before", scored);
    let s = h.state().state();
    assert_eq!((&s.video.as_ref().unwrap().path, s.playback.position), (&video, second));
    assert_eq!(s.order, Order::Reversed, "what was altered before is so again");
}

/// Without classes there are no scores to wait for.
#[test]
fn a_lesson_goes_on_where_no_scores_will_come() {
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores", scored);
    apply(&mut h, Intent::Edit(PromptEdit::Replace(PromptSet::from_names(Vec::<String>::new()))));
    apply(&mut h, Intent::Learn(Some(1)));
    wait(&mut h, "the first step", |s| {
        !s.prompts().classes.is_empty() && s.learning.as_ref().is_some_and(Learning::is_through)
    });
}

/// At the first start nothing is on the stage: the lesson's clip is what is waited for, so it is opened at the first look.
#[test]
fn a_lesson_opens_its_clip_at_once_where_there_is_none() {
    let ctx = egui::Context::default();
    let mut app = App::new(&ctx, None, None);
    app.apply(&ctx, Intent::Learn(Some(0)));
    assert!(app.state().opening.is_none());
    app.poll(&ctx, Instant::now());
    assert!(app.state().opening.is_some());
}

/// What a stranger's lesson says is brought within bounds.
#[test]
fn numbers_of_a_lesson_cannot_harm_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.md");
    let odd = r#"[{"lanes":{"view":{"start":5000000000,"end":0},"hop":1e300,"length":-1.0}}, {"around":1e308},
        {"seek":9223372036854775807}, {"set_view":{"opacity":1e39,"wipe":-1e39,"gate":[99,99],"level":77}},
        {"patch":{"frame":999999,"patch":65535}}, {"where":[99,"negative",99]}, {"edit":{"remove_class":9999}}]"#;
    std::fs::write(&file, format!("# Odd\n\n## One\n\n```do\n{odd}\n```\n")).unwrap();
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores", scored);
    apply(&mut h, Intent::Open(file));
    wait(&mut h, "the lesson", |s| s.learning.as_ref().is_some_and(Learning::is_through));
    h.run_steps(20);
    h.get_by_label("Lanes").hover();
    h.run_steps(3);
    let s = h.state().state();
    assert!((0.0..=1.0).contains(&s.view.opacity) && (0.0..=1.0).contains(&s.view.wipe));
    assert!(s.lanes.view.is_none_or(|v| v.start <= v.end));
}

#[test]
fn a_patch_belongs_to_the_clip_that_it_was_chosen_on() {
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores", scored);
    let video = h.state().state().video.as_ref().unwrap().path.clone();
    let patch = Some(PatchAt { frame: 1, patch: 9, other: false });
    let view = View { layer: Layer::Input, ..h.state().state().view };
    apply(&mut h, Intent::SetView(view));
    apply(&mut h, Intent::Patch(patch));
    assert_eq!(h.state().state().view.layer, Layer::Likeness);
    apply(&mut h, Intent::Learn(Some(2)));
    wait(&mut h, "the lesson's clip", |s| s.video.as_ref().is_some_and(|v| v.path != video) && scored(s));
    let s = h.state().state();
    assert_eq!((s.probes.patch, s.view.layer != Layer::Likeness), (None, true), "it is of another clip");
    apply(&mut h, Intent::Learn(None));
    wait(&mut h, "the clip of before", scored);
    let s = h.state().state();
    assert_eq!((s.probes.patch, s.view.layer), (patch, Layer::Likeness), "as it was");
    // The same for a drawing, and another clip that is opened lets go of it.
    apply(&mut h, Intent::Draw(Draw::Begin));
    wait(&mut h, "the drawing", scored);
    assert_eq!(h.state().state().probes.patch, None);
    apply(&mut h, Intent::Draw(Draw::Done));
    assert_eq!(h.state().state().probes.patch, patch);
    let other = clips().swap_remove(1);
    apply(&mut h, Intent::OpenVideo(other.clone()));
    wait(&mut h, "another clip", |s| s.video.as_ref().is_some_and(|v| v.path == other));
    assert_eq!(h.state().state().probes.patch, None);
}

#[test]
fn the_first_minute_loops_its_clip_is_typed_into_without_a_click_and_ends_with_done() {
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores", scored);
    apply(&mut h, Intent::Pause);
    let prompts = h.state().state().prompts().clone();
    apply(&mut h, Intent::Learn(Some(0)));
    wait(&mut h, "the first step", rests);
    wait(&mut h, "a clip that does not run out", |s| s.playback.looping);
    assert!(!h.state().state().playback.playing, "it waits for Space");
    // Somebody types before it is asked for: that was an out point at the first frame.
    type_keys(&mut h, "o");
    h.run_steps(2);
    assert_ne!(h.state().state().range, (None, None));
    for _ in 1..learning(&h).lesson.steps.len() {
        assert!(h.query_by_role_and_label(Role::Button, "Done").is_none(), "there is more to come");
        apply(&mut h, Intent::Lesson(Turn::Next));
        wait(&mut h, "the next step", rests);
    }
    h.run_steps(4);
    let of = "falling over";
    let negatives = |h: &Window| {
        let class = h.state().state().prompts().classes.iter().find(|c| c.name == of).unwrap();
        class.negative.clone().unwrap()
    };
    let before = negatives(&h);
    assert_eq!(before.last().unwrap(), of, "the step can be come to without the ones before");
    assert_eq!(h.state().state().range, (None, None), "the lesson is about the whole clip");
    let line = format!("Negative prompt {} of {of}", before.len());
    assert!(h.get_by_label(&line).is_focused(), "the line waits to be typed into");
    // Also where the hand has been elsewhere meanwhile, nothing that is typed is a shortcut.
    h.key_press(Key::Escape);
    h.run_steps(3);
    assert!(!h.get_by_label(&line).is_focused());
    type_keys(&mut h, " dfn2 [k] l,");
    h.run_steps(3);
    assert_eq!(negatives(&h).last().unwrap(), &format!("{of} dfn2 [k] l,"));
    let s = h.state().state();
    assert!(!s.playback.playing && s.easel.is_none() && s.playback.speed == 1.0);
    assert_eq!(s.view.arrangement, Arrangement::Single);
    wait(&mut h, "the end", |s| s.learning.as_ref().is_some_and(Learning::is_through));
    h.run_steps(2);
    h.get_by_role_and_label(Role::Button, "Done").click();
    h.run_steps(2);
    assert!(h.state().state().learning.is_none());
    assert_eq!(h.state().state().prompts(), &prompts);
    // And the keys are keys again.
    wait(&mut h, "the window as it was", scored);
    h.run_steps(60);
    type_keys(&mut h, "2");
    h.run_steps(2);
    assert_eq!(h.state().state().view.arrangement, Arrangement::Wipe);
}
