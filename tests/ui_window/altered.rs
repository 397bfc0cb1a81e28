//! Surgery, filmstrip, gates, freeze and patch: what their panes ask for, and that what is altered can never be taken for what is
//! not.

use super::support::*;
use egui_kittest::kittest::Queryable;
use motionlens::engine::{Answer, Event, Finding, Probe, Scored};
use motionlens::model::{GateClamp, Surgery};
use motionlens::score::ClassEmbedding;
use motionlens::session::{FreezeMap, Map, PatchFinding, Support};
use motionlens::ui::edit::PromptEdit;
use motionlens::ui::intent::Intent;
use motionlens::ui::look::View;
use motionlens::ui::pictures::Pictures;
use motionlens::ui::probes::{Brush, PatchAt};
use motionlens::ui::{filmstrip, patch, surgery};
use motionlens::video::Pts;
use motionlens::video::clip::{Freeze, Order};
use motionlens::view::Layer;
use std::sync::Arc;

/// One pane by itself, drawn from a window's state; what it asks for is carried out.
struct Pane {
    window: Window,
    pictures: Pictures,
    which: fn(&mut egui::Ui, &motionlens::ui::state::State, &mut Pictures, &mut Vec<Intent>),
    asked: Vec<Intent>,
}

type Alone = egui_kittest::Harness<'static, Pane>;

fn pane(
    window: Window,
    which: fn(&mut egui::Ui, &motionlens::ui::state::State, &mut Pictures, &mut Vec<Intent>),
) -> Alone {
    sized(window, which, [460.0, 1400.0])
}

fn sized(
    window: Window,
    which: fn(&mut egui::Ui, &motionlens::ui::state::State, &mut Pictures, &mut Vec<Intent>),
    size: [f32; 2],
) -> Alone {
    let pane = Pane { window, pictures: Pictures::default(), which, asked: Vec::new() };
    let draw = |ui: &mut egui::Ui, pane: &mut Pane| {
        let mut out = Vec::new();
        (pane.which)(ui, pane.window.state().state(), &mut pane.pictures, &mut out);
        let ctx = ui.ctx().clone();
        for intent in out {
            pane.window.state_mut().apply(&ctx, intent.clone());
            pane.asked.push(intent);
        }
    };
    egui_kittest::Harness::builder().with_size(size).build_ui_state(draw, pane)
}

fn surgery_pane(window: Window) -> Alone {
    pane(window, |ui, s, _, out| surgery::show(ui, s, out))
}

fn film_pane(window: Window) -> Alone {
    sized(window, filmstrip::show, [1200.0, 420.0])
}

fn click(h: &mut Alone, name: &str) {
    h.get_by_label(name).click();
    h.run_steps(3);
}

fn state(h: &Alone) -> &motionlens::ui::state::State {
    h.state().window.state().state()
}

/// The answer to the same question with this altered, and its scores.
fn altered(h: &Window, f: impl FnOnce(&mut Order, &mut Surgery), s_pos: [f32; 2]) -> (Arc<Answer>, Scored) {
    let mut answer = answer();
    let question = Arc::make_mut(&mut answer.question);
    f(&mut question.clip.order, &mut question.surgery);
    answer.id = answer.question.id();
    let mut scored = scored(h.state(), s_pos);
    scored.question = answer.id;
    (Arc::new(answer), scored)
}

/// A window that shows what is altered; `held`: with its original beside it.
fn reversed(held: bool) -> Window {
    let mut h = analysed([1280.0, 800.0], false);
    let (answer, new) = altered(&h, |order, _| *order = Order::Reversed, [0.12, 0.31]);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Order(Order::Reversed));
    h.state_mut().show_answer(answer.clone(), Some(new));
    if held {
        let original = super::support::answer();
        let old = scored(h.state(), [0.31, 0.12]);
        h.state_mut().show_beside(&[Arc::new(original)], &[old]);
    }
    h.run();
    h
}

#[test]
fn it_is_said_why_alpha_changes_nothing_and_that_no_gate_is_held() {
    let mut window = analysed([1280.0, 800.0], false);
    let ctx = window.ctx.clone();
    let add = PromptEdit::AddPrompt(0, motionlens::ui::edit::Side::Negative, "elephant".into());
    window.state_mut().apply(&ctx, Intent::Edit(add));
    let revision = window.state().state().revision;
    let mut h = surgery_pane(window);
    h.run();
    assert_eq!(h.query_all_by_label_contains("α changes nothing").count(), 0, "nobody knows yet");
    h.get_by_label("not held");
    let notes = Arc::new(Vec::new());
    let texts = |classes| Event::Texts { revision, model: "small".into(), classes, notes: notes.clone() };
    h.state_mut().window.state_mut().on_event(texts(classes()));
    h.run();
    h.get_by_label_contains("all of words that the model does not know, so α changes nothing");
    let mut known = (*classes()).clone();
    known[0].negatives = vec![vec![0.6, 0.8].into()];
    h.state_mut().window.state_mut().on_event(texts(Arc::new(known)));
    h.run();
    assert_eq!(h.query_all_by_label_contains("α changes nothing").count(), 0);
}

#[test]
fn every_control_of_the_surgery_pane_asks_for_what_it_says() {
    let mut h = surgery_pane(analysed([1280.0, 800.0], false));
    h.run();
    h.get_by_label_contains("Nothing here is retrained");
    for (name, order) in [
        ("Reversed", Order::Reversed),
        ("Half rate", Order::HalfRate),
        ("Freeze first", Order::Frozen(Freeze::First)),
        ("Freeze middle", Order::Frozen(Freeze::Middle)),
        ("Freeze last", Order::Frozen(Freeze::Last)),
        ("Shuffled", Order::Shuffled { seed: 0 }),
        ("Again", Order::Shuffled { seed: 1 }),
        ("As filmed", Order::Forward),
    ] {
        click(&mut h, name);
        assert_eq!(state(&h).order, order, "{name}");
    }
    for (name, is) in [
        ("Motion off", (|s: &Surgery| s.no_motion) as fn(&Surgery) -> bool),
        ("Static off", |s| s.no_static),
        ("Attention off", |s| s.no_attention),
        ("Learned lifting off", |s| s.no_lifting),
        ("Vision adapter off", |s| s.no_vision_adapter),
        ("Joint adapter off", |s| s.no_joint_adapter),
        ("Negatives off", |s| s.no_negatives),
    ] {
        assert!(!is(&state(&h).surgery), "{name}");
        click(&mut h, name);
        assert!(is(&state(&h).surgery), "{name}");
        click(&mut h, name);
        assert!(!is(&state(&h).surgery), "{name}");
    }
}

#[test]
fn the_layer_of_motion_is_chosen_from_a_list_and_its_own_is_no_alteration() {
    let mut h = surgery_pane(analysed([1280.0, 800.0], false));
    h.run();
    assert_eq!(state(&h).layer_words(&state(&h).surgery), None, "the last goes without saying");
    click(&mut h, "Motion layer");
    click(&mut h, "layer 2");
    assert_eq!(state(&h).surgery.motion_layer, Some(2));
    assert_eq!(state(&h).surgery.words(), ["motion from layer 2"]);
    assert_eq!(state(&h).layer_words(&state(&h).surgery).as_deref(), Some("vision layer 2 of 4"));
    // The list may still be closing; then a press only does that.
    for _ in 0..6 {
        if h.query_by_label("layer 4, its own").is_none() {
            click(&mut h, "Motion layer");
        }
    }
    click(&mut h, "layer 4, its own");
    assert!(state(&h).surgery.is_none());
}

#[test]
fn a_layer_that_another_model_does_not_have_goes_with_the_model_that_had_it() {
    let mut h = analysed([1280.0, 800.0], false);
    let ctx = h.ctx.clone();
    for (layer, left) in [(9, None), (3, Some(3))] {
        let surgery = Surgery { motion_layer: Some(layer), ..Surgery::default() };
        h.state_mut().apply(&ctx, Intent::Surgery(surgery));
        h.state_mut().on_event(untrained());
        assert_eq!(h.state().state().surgery.motion_layer, left);
    }
}

#[test]
fn gates_and_alpha_are_set_by_sliders_and_let_go_again() {
    let mut h = surgery_pane(analysed([1280.0, 800.0], false));
    h.run();
    // A press near the left end of the slider's track.
    let low = |h: &mut Alone, name: &str| {
        let at = h.get_by_label(name).rect().left_center() + egui::vec2(14.0, 0.0);
        h.drag_at(at);
        h.run_steps(2);
        h.drop_at(at);
        h.run_steps(3);
    };
    low(&mut h, "Held gate value");
    let held = state(&h).surgery.gates.clone();
    assert!(matches!(held[..], [GateClamp { block: None, head: None, thousandths: 1..400 }]), "{held:?}");
    click(&mut h, "Gates to hold");
    click(&mut h, "block 1 head 2");
    // The list may still be closing; then a press only does that.
    for _ in 0..6 {
        if state(&h).surgery.gates.len() < 2 {
            low(&mut h, "Held gate value");
        }
    }
    let two = state(&h).surgery.gates.clone();
    assert_eq!(two[0], held[0]);
    assert!(matches!(two[1], GateClamp { block: Some(0), head: Some(1), thousandths: 1..400 }), "{two:?}");
    click(&mut h, "Let go of all gates");
    assert_eq!(state(&h).surgery.gates, two[1..]);
    assert!(h.query_by_label_contains("α changes nothing").is_some(), "nobody has typed a negative");
    low(&mut h, "Weight of the negatives α");
    assert!(state(&h).surgery.alpha_thousandths.is_some_and(|a| a < 400));
    click(&mut h, "Model's own (0.5)");
    assert_eq!(state(&h).surgery.alpha_thousandths, None);
}

#[test]
fn what_is_altered_is_said_everywhere_and_one_button_or_key_ends_it() {
    let mut h = reversed(true);
    let words = "altered: frames reversed (not retrained)";
    // On the stage and beside the scores.
    assert!(h.query_all_by_label(words).count() >= 2);
    h.get_by_label("Reset").click();
    h.run();
    assert_eq!(h.state().state().order, Order::Forward);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Surgery(Surgery { no_motion: true, ..Surgery::default() }));
    h.key_press(egui::Key::R);
    h.run();
    assert!(h.state().state().surgery.is_none());
    let h = analysed([1280.0, 800.0], false);
    assert_eq!(h.query_all_by_label_contains("altered").count(), 0);
}

#[test]
fn the_original_stands_beside_what_is_altered_with_every_change() {
    let h = reversed(true);
    let s = h.state().state();
    assert_eq!(s.original().map(|a| a.id), Some(answer().id));
    let before = s.original_scores().unwrap().classes[0].s_pos;
    assert_eq!((before, s.score(0).unwrap().s_pos), (Some(0.31), Some(0.12)));
    let mut h = surgery_pane(h);
    h.run();
    h.get_by_label("p of moving left: 72.1% → 27.9%, change -44.2");
    click(&mut h, "Compare s+ (altered)");
    h.get_by_label("s+ of moving right: +0.120 → +0.310, change +0.190");
    // Scores of the original alone are new: they stay those of the original.
    let mut new = scored(h.state().window.state(), [0.5, 0.5]);
    new.question = answer().id;
    h.state_mut().window.state_mut().on_event(Event::Scored(new));
    h.run_steps(3);
    h.get_by_label("s+ of moving left: +0.500 → +0.120, change -0.380");
    click(&mut h, "Original beside it on the stage");
    assert!(!state(&h).view.beside);
}

#[test]
fn until_the_original_has_come_nothing_stands_in_for_it() {
    let h = reversed(false);
    assert!(h.state().state().original().is_none());
    let mut h = surgery_pane(h);
    h.run();
    h.get_by_label("The original is being looked at.");
}

#[test]
fn with_an_untrained_head_the_window_says_what_cannot_change_the_score() {
    let mut window = analysed([1280.0, 800.0], false);
    window.state_mut().on_event(untrained());
    let mut h = surgery_pane(window);
    h.run();
    h.get_by_label(surgery::UNTRAINED);
    assert_eq!(h.query_all_by_label("Freeze map").count(), 0);
    click(&mut h, "Brush that freezes tokens");
    assert_eq!(state(&h).probes.brush, None, "it could not change the score");
    click(&mut h, "Brush that freezes pixels");
    assert_eq!(state(&h).probes.brush, Some(Brush::Pixels));
}

#[test]
fn a_frame_of_the_filmstrip_is_gone_to_and_dragged_to_another_place() {
    let mut h = film_pane(analysed([1280.0, 800.0], false));
    h.run_steps(3);
    click(&mut h, "Sampled frame 3");
    assert_eq!(h.state().asked.last(), Some(&Intent::Seek(Pts(30 * FRAME))));
    let from = h.get_by_label("Sampled frame 1").rect().center();
    let to = h.get_by_label("Sampled frame 4").rect();
    h.drag_at(from);
    h.run_steps(2);
    h.hover_at(egui::pos2(to.right() - 4.0, to.center().y));
    h.run_steps(2);
    h.drop_at(egui::pos2(to.right() - 4.0, to.center().y));
    h.run_steps(3);
    assert_eq!(state(&h).order, Order::Hand(vec![1, 2, 3, 0, 4, 5, 6, 7]));
}

#[test]
fn the_gates_are_a_matrix_and_their_worth_is_the_difference_to_a_half() {
    let mut h = film_pane(analysed([1280.0, 800.0], false));
    h.run_steps(3);
    click(&mut h, "Gate of block 2 head 3");
    let view = state(&h).view;
    assert_eq!((view.layer, view.gate), (Layer::Gate, Some((1, 2))));
    let over_time = &state(&h).shown.as_ref().unwrap().gates[1][2].over_time;
    assert_eq!(over_time.len(), 8);
    click(&mut h, "What are the gates worth?");
    assert!(state(&h).gate_worth);
    h.get_by_label("Being looked at with every gate at ½.");
    let (half, scored) =
        altered(&h.state().window, |_, surgery| surgery.gates = vec![GateClamp::all(500)], [0.3101, 0.12]);
    h.state_mut().window.state_mut().show_beside(std::slice::from_ref(&half), std::slice::from_ref(&scored));
    h.run_steps(3);
    h.get_by_label_contains("the gates hardly matter");
    let (_, scored) =
        altered(&h.state().window, |_, surgery| surgery.gates = vec![GateClamp::all(500)], [0.2, 0.2]);
    h.state_mut().window.state_mut().on_event(Event::Scored(scored));
    h.run_steps(3);
    h.get_by_label("Against every gate at ½ a class's share changes by up to 22.1 points.");
}

/// A freeze map in which one patch carries the class.
fn freeze_map() -> FreezeMap {
    let mut frozen: Vec<Arc<[f32]>> = vec![vec![1.0, 0.0].into(); 64];
    frozen[27] = vec![0.6, 0.8].into();
    FreezeMap { plain: vec![1.0, 0.0].into(), grid: 8, side: 1, frozen }
}

fn classes() -> Arc<Vec<ClassEmbedding>> {
    let class = |name: &str, t: [f32; 2]| ClassEmbedding {
        name: name.into(),
        positive: Some(t.to_vec().into()),
        counts: true,
        ..ClassEmbedding::default()
    };
    Arc::new(vec![class("moving left", [1.0, 0.0]), class("moving right", [0.0, 1.0])])
}

#[test]
fn the_freeze_map_is_of_the_chosen_class_and_a_brush_freezes_what_it_paints() {
    let mut h = analysed([1280.0, 800.0], false);
    let ctx = h.ctx.clone();
    let view = View { layer: Layer::Freeze, ..h.state().state().view };
    h.state_mut().apply(&ctx, Intent::SetView(view));
    h.run();
    assert_eq!(h.state().state().wanted_probes(), [Probe::Freeze]);
    let texts =
        Event::Texts { revision: 0, model: "small".into(), classes: classes(), notes: Arc::new(Vec::new()) };
    h.state_mut().on_event(texts);
    h.state_mut().show_finding(Probe::Freeze, Finding::Freeze(freeze_map()));
    h.run();
    let s = h.state().state();
    let answer = s.shown.as_ref().unwrap().answer.clone();
    let change = s.freeze_change(&answer).unwrap();
    assert!((change[27] + 0.4).abs() < 1e-6 && change[0].abs() < 1e-6);
    h.state_mut().apply(&ctx, Intent::FreezeClass(Some("moving right".into())));
    let change = h.state().state().freeze_change(&answer).unwrap();
    assert!((change[27] - 0.8).abs() < 1e-6, "the other class would gain");

    h.state_mut().apply(&ctx, Intent::Brush(Some(Brush::Tokens)));
    h.run();
    h.get_by_label("Picture: Freeze").click();
    h.run();
    let frozen = h.state().state().surgery.frozen.clone();
    assert_eq!(frozen.len(), 1, "{frozen:?}");
    h.key_press(egui::Key::Escape);
    h.run();
    assert_eq!(h.state().state().probes.brush, None);
}

#[test]
fn a_clicked_patch_is_asked_about_and_escape_lets_go_of_it() {
    let mut h = analysed([1280.0, 800.0], false);
    h.get_by_label("Picture: Motion").click();
    h.run();
    let at = h.state().state().probes.patch.expect("a patch");
    let probe = Probe::Patch { frame: at.frame, patch: at.patch };
    assert_eq!(h.state().state().wanted_probes(), [probe]);
    let map = |frames: usize| Map { frames, rows: 8, cols: 8, data: vec![0.5; 64 * frames] };
    let found = PatchFinding {
        similarity: map(8),
        token: vec![1.0, 0.0],
        joint: vec![0.6, 0.8],
        attention: vec![vec![map(1); 4]; 2],
    };
    h.state_mut().show_finding(probe, Finding::Patch(found));
    h.state_mut().on_event(Event::PlainTexts { revision: 0, classes: classes() });
    let mut p = pane(h, |ui, s, _, out| patch::show(ui, s, out));
    p.run();
    p.get_by_label("Likeness to moving right: +0.800");
    p.get_by_label("Likeness to moving left: +0.600");
    click(&mut p, "2·3");
    let view = state(&p).view;
    assert_eq!((view.layer, view.attention), (Layer::Likeness, Some((1, 2))));
    p.state_mut().window.run();
    p.state_mut().window.key_press(egui::Key::Escape);
    p.state_mut().window.run();
    assert_eq!(state(&p).probes.patch, None);
    assert_ne!(state(&p).view.layer, Layer::Likeness);
}

#[test]
fn where_a_prompt_finds_support_is_asked_for_and_follows_its_edits_and_escape_lets_go_of_it() {
    let mut h = analysed([1280.0, 800.0], false);
    if let Some(closed) = h.query_by_label("Show prompts of moving left") {
        closed.click();
        h.run();
    }
    h.get_by_label("Static").click();
    h.run();
    h.get_by_label("Where: Positive prompt 1 of moving left").click();
    h.run();
    assert_eq!(h.state().state().wanted_probes(), [Probe::Support]);
    assert_eq!(h.state().state().view.layer, Layer::Support);
    let answer = h.state().state().shown.as_ref().unwrap().answer.clone();
    assert!(h.state().state().support_map(&answer).is_none(), "nothing has been read yet");
    let frame: Arc<[f32]> = [[1.0, 0.0], [0.0, 1.0]].iter().cycle().take(64).flatten().copied().collect();
    let support = Support { frames: vec![frame; 8], grid: 8 };
    h.state_mut().show_finding(Probe::Support, Finding::Support(support));
    let plain = |v: [f32; 2], revision: u64| {
        let mut classes = ClassEmbedding::clone(&classes()[0]);
        classes.positive_prompts = vec![v.into(); 8];
        Event::PlainTexts { revision, classes: Arc::new(vec![classes]) }
    };
    let now = h.state().state().revision;
    for v in [[0.6, 0.8], [-0.8, 0.6]] {
        h.state_mut().on_event(plain(v, now));
        h.run();
        let (text, map) = h.state().state().support_map(&answer).expect("a map");
        assert_eq!(
            (text, &map.frame(3)[..2]),
            ("moving left", &v[..]),
            "the map is of the prompt as it is now"
        );
    }
    // A class before it, whose text side has not come: words and map are still those of the prompt that was asked for.
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Edit(PromptEdit::MoveClass(0, 1)));
    h.run();
    assert_ne!(h.state().state().revision, now);
    h.state_mut().on_event(plain([1.0, 0.0], now));
    let (text, map) = h.state().state().support_map(&answer).expect("a map");
    assert_eq!((text, &map.frame(3)[..2]), ("moving left", &[-0.8, 0.6][..]));
    h.key_press(egui::Key::Escape);
    h.run();
    assert!(h.state().state().probes.prompt.is_none() && h.state().state().wanted_probes().is_empty());
    assert_eq!(h.state().state().view.layer, Layer::Static, "what was there before");
}

#[test]
fn new_layers_are_kept_by_their_names() {
    let view = View { layer: Layer::Freeze, attention: Some((0, 1)), beside: false, ..View::default() };
    let json = serde_json::to_string(&view).unwrap();
    assert_eq!(serde_json::from_str::<View>(&json).unwrap(), view);
    let patch = PatchAt { frame: 1, patch: 2, other: false };
    assert_eq!(patch, serde_json::from_str(r#"{"frame":1,"patch":2}"#).unwrap());
}

#[test]
fn the_picture_does_not_move_under_the_first_stroke_of_a_brush() {
    let mut h = analysed([1280.0, 800.0], false);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Brush(Some(Brush::Tokens)));
    h.run();
    h.get_by_label_contains("Brush: paint");
    let before = h.get_by_label("Picture: Motion").rect();
    let (answer, new) = altered(&h, |_, surgery| surgery.frozen = vec![9], [0.12, 0.31]);
    h.state_mut().apply(&ctx, Intent::Surgery(answer.question.surgery.clone()));
    h.state_mut().show_answer(answer, Some(new));
    let old = scored(h.state(), [0.31, 0.12]);
    h.state_mut().show_beside(&[Arc::new(super::support::answer())], &[old]);
    h.run();
    assert!(h.query_all_by_label_contains("1 patch frozen").count() > 0);
    assert_eq!(h.get_by_label("Picture: Motion").rect(), before);
    assert!(h.query_by_label("Picture: Motion, original").is_none(), "nor does the original push it aside");
    h.key_press(egui::Key::Escape);
    h.run();
    h.get_by_label("Picture: Motion, original");
    h.state_mut().apply(&ctx, Intent::Brush(Some(Brush::Tokens)));
    h.run();
    h.state_mut().apply(&ctx, Intent::ResetAltered);
    h.state_mut().show_answer(Arc::new(super::support::answer()), None);
    h.run();
    h.get_by_label("Let go").click();
    h.run();
    assert_eq!(h.state().state().probes.brush, None);
}
