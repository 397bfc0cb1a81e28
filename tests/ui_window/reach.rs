//! The window without a mouse and without eyes: every control has a name, and Tab comes to every one of them and shows where it is.

use super::live::{clips, open, scored, wait};
use super::support::{Window, analysed};
use egui::accesskit::Role;
use egui::{Key, Rect};
use egui_kittest::kittest::{NodeT, Queryable, by};
use image::RgbaImage;
use motionlens::ui::easel::Draw;
use motionlens::ui::intent::Intent;
use motionlens::ui::negation::Negated;
use motionlens::ui::panes::Pane;
use std::collections::BTreeSet;

/// What a person acts on.
const CONTROLS: [Role; 11] = [
    Role::Button,
    Role::CheckBox,
    Role::RadioButton,
    Role::Slider,
    Role::SpinButton,
    Role::TextInput,
    Role::MultilineTextInput,
    Role::ComboBox,
    Role::ColorWell,
    Role::Link,
    Role::MenuItem,
];

fn apply(h: &mut Window, intent: Intent) {
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, intent);
    h.run_steps(4);
}

/// Role, name and place of the controls that can be used now.
fn controls(h: &Window) -> Vec<(Role, String, Rect)> {
    let is_control = |n: &egui_kittest::kittest::AccessKitNode<'_>| {
        CONTROLS.contains(&n.role()) && !n.is_disabled() && !n.is_hidden()
    };
    let all = h.query_all(by().predicate(is_control));
    all.map(|n| {
        let node = n.accesskit_node();
        (node.role(), node.label().unwrap_or_default(), n.rect())
    })
    .collect()
}

#[track_caller]
fn all_named(h: &Window, view: &str) {
    let nameless: Vec<_> = controls(h).into_iter().filter(|(_, name, _)| name.trim().is_empty()).collect();
    assert!(nameless.is_empty(), "{view}: without a name: {nameless:?}");
}

#[test]
fn every_control_of_every_view_has_a_name() {
    let mut h = open(clips().swap_remove(0), false);
    wait(&mut h, "scores", scored);
    all_named(&h, "at first");
    for label in ["Show prompts of moving down while fading in", "Templates"] {
        if let Some(node) = h.query_by_label(label) {
            node.click();
        }
        h.run_steps(6);
    }
    all_named(&h, "an open class");
    apply(&mut h, Intent::Negate(Negated { idea: "moving up".into(), ..Negated::default() }));
    for pane in Pane::ALL {
        apply(&mut h, Intent::Pane(pane, true));
        all_named(&h, pane.title());
    }
    for menu in ["Open", "Export", "Panes", "Learn", "View", "Help"] {
        h.get_by_label(menu).click();
        h.run_steps(6);
        all_named(&h, menu);
        h.key_press(Key::Escape);
        h.run_steps(6);
    }
    apply(&mut h, Intent::Draw(Draw::Begin));
    wait(&mut h, "the drawing", scored);
    all_named(&h, "drawing");
    apply(&mut h, Intent::Draw(Draw::Done));
    apply(&mut h, Intent::Learn(Some(4)));
    wait(&mut h, "the lesson", |s| s.learning.as_ref().is_some_and(|l| l.is_through()) && scored(s));
    all_named(&h, "a lesson");
}

/// Name and place of what has the focus.
fn focused(h: &Window) -> Option<(String, Rect)> {
    let node = h.query_all(by().predicate(|n| n.is_focused())).next()?;
    Some((node.accesskit_node().label().unwrap_or_default(), node.rect()))
}

#[test]
fn tab_comes_to_every_control_and_shows_where_it_is() {
    let mut h = analysed([1280.0, 800.0], true);
    let (mut seen, mut invisible, mut nameless) = (BTreeSet::new(), Vec::new(), Vec::new());
    let mut last = None;
    let mut before: RgbaImage = h.render().expect("a picture");
    for _ in 0..400 {
        h.key_press(Key::Tab);
        // Lists scroll there smoothly.
        h.run_steps(8);
        let Some((name, rect)) = focused(&h) else { continue };
        if !seen.insert((name.clone(), rect.min.round().to_string())) {
            break;
        }
        if name.trim().is_empty() {
            nameless.push(rect);
        }
        let after = h.render().expect("a picture");
        let around =
            rect.expand(4.0).intersect(Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 800.0)));
        let at = |image: &RgbaImage, x: u32, y: u32| image.get_pixel(x, y).0;
        let changed = (around.left() as u32..around.right() as u32)
            .flat_map(|x| (around.top() as u32..around.bottom() as u32).map(move |y| (x, y)))
            .filter(|(x, y)| at(&before, *x, *y) != at(&after, *x, *y))
            .count();
        // In a list that has scrolled under it the ring may be where it was.
        let stays = last.replace(rect) == Some(rect);
        if changed < 12 && !stays {
            invisible.push(name);
        }
        before = after;
    }
    let names: BTreeSet<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
    // The tabs scroll to what has the focus by themselves; the arrows beside them come and go with that.
    let come_to = |name: &str| names.contains(name) || name.starts_with("Scroll tabs");
    let missed: Vec<_> = controls(&h).into_iter().filter(|(_, name, _)| !come_to(name)).collect();
    assert!(nameless.is_empty(), "Tab stops at what has no name: {nameless:?}");
    assert!(missed.is_empty(), "Tab never came to: {missed:?}");
    assert!(invisible.is_empty(), "nothing shows that these have the focus: {invisible:?}");
    assert!(seen.len() > 40, "{}", seen.len());
}

/// A screen reader calls a switch what has a state, and nothing else.
#[test]
fn what_has_no_state_is_a_button_and_no_switch() {
    let h = analysed([1280.0, 800.0], false);
    for name in ["Play", "Next frame", "To the start", "Undo", "Redo"] {
        let node = h.get_by_label(name);
        assert_eq!(node.accesskit_node().toggled(), None, "{name}");
    }
    assert!(h.get_by_label("Loop").accesskit_node().toggled().is_some());
    assert_eq!(h.root().accesskit_node().label().as_deref(), Some("MotionLens"));
}
