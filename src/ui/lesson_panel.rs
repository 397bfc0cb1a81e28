//! The panel of a lesson, at the right edge of the window while somebody learns.

use super::intent::Intent;
use super::learning::{Guessed, Learning, Turn};
use super::lesson::{Block, Condition, Guess};
use super::state::State;
use super::{elide, focus, theme};
use egui::{Align, Layout, RichText, Ui};
use egui_commonmark::{CommonMarkCache, CommonMarkViewer};

/// Width in points.
pub const WIDTH: f32 = 300.0;

const LEAVES: &str = "Ends the lesson; clip, prompts and view are as they were before it";

/// What a lesson leaves of the window, in points.
pub fn room(ctx: &egui::Context, s: &State) -> egui::Vec2 {
    let taken = if s.learning.is_some() { WIDTH } else { 0.0 };
    ctx.content_rect().size() - egui::vec2(taken, 0.0)
}

pub fn show(ui: &mut Ui, s: &State, cache: &mut CommonMarkCache, out: &mut Vec<Intent>) {
    let Some(learning) = &s.learning else { return };
    let (step, steps) = (learning.step, learning.lesson.steps.len());
    // A long title has lines of its own beside the button.
    ui.horizontal_top(|ui| {
        let font = egui::TextStyle::Button.resolve(ui.style());
        let spacing = ui.spacing();
        let beside = 2.0 * spacing.button_padding.x + spacing.item_spacing.x + 2.0;
        let room = ui.available_width() - elide::width_of(ui, "Leave", &font) - beside;
        ui.vertical(|ui| {
            ui.set_max_width(room);
            let title = RichText::new(&learning.lesson.title).strong().color(theme::of(ui).strong);
            ui.add(egui::Label::new(title).wrap());
        });
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            if ui.button("Leave").on_hover_text(LEAVES).accessible_name("Leave the lesson").clicked() {
                out.push(Intent::Learn(None));
            }
        });
    });
    let title = &learning.lesson.steps[step].title;
    ui.label(RichText::new(format!("{} of {steps} · {title}", step + 1)).color(theme::of(ui).accent));
    ui.separator();
    let footer = 34.0 * theme::enlarged(ui);
    let height = (ui.available_height() - footer).max(60.0);
    // A step begins at its top.
    egui::ScrollArea::vertical().id_salt(("lesson", step)).max_height(height).auto_shrink(false).show(
        ui,
        |ui| {
            blocks(ui, s, learning, cache, out);
            focus::follow(ui);
        },
    );
    ui.separator();
    ui.horizontal(|ui| {
        let back = ui.add_enabled(step > 0, egui::Button::new("Back"));
        if back.on_hover_text("The step before, from its beginning").accessible_name("Step before").clicked()
        {
            out.push(Intent::Lesson(Turn::Back));
        }
        let (next, name, tip, intent) = match learning.is_last() {
            false => {
                let tip = "Goes on, also where something is left out";
                ("Next", "Next step", tip, Intent::Lesson(Turn::Next))
            }
            true => ("Done", "Done", LEAVES, Intent::Learn(None)),
        };
        let colours = theme::of(ui);
        let button = match learning.is_through() {
            true => {
                egui::Button::new(RichText::new(next).strong().color(colours.on_accent)).fill(colours.accent)
            }
            false => egui::Button::new(next),
        };
        if ui.add(button).on_hover_text(tip).accessible_name(name).clicked() {
            out.push(intent);
        }
        let (right, judged) = learning.tally();
        if judged > 0 {
            let tally = RichText::new(format!("{right} of {judged} guesses right")).font(theme::small());
            ui.label(tally.color(theme::of(ui).weak))
                .on_hover_text("What is right is measured on the model that is loaded");
        }
    });
}

fn blocks(ui: &mut Ui, s: &State, learning: &Learning, cache: &mut CommonMarkCache, out: &mut Vec<Intent>) {
    let before = learning.scores.as_deref();
    for (at, block) in learning.blocks().iter().enumerate() {
        let reached = at < learning.place;
        match block {
            Block::Text(text) if reached => {
                CommonMarkViewer::new().show(ui, cache, text);
            }
            Block::Guess(guess) if at <= learning.place => {
                let guessed = learning.guesses.get(&(learning.step, at));
                guess_of(ui, s, guess, guessed, before, out);
            }
            Block::Claim(condition) if reached => claim(ui, s, condition, before),
            Block::Until(condition) if at <= learning.place => your_turn(ui, s, condition, reached, before),
            Block::Do(_) if at == learning.place => {
                ui.horizontal(|ui| {
                    ui.spinner();
                    ui.label(RichText::new("waiting for the scores").color(theme::of(ui).weak));
                });
            }
            _ => {}
        }
        ui.add_space(6.0);
        if at >= learning.place {
            break;
        }
    }
}

/// A question with its options; once one is chosen, which one was and what is so.
fn guess_of(
    ui: &mut Ui,
    s: &State,
    guess: &Guess,
    guessed: Option<&Guessed>,
    before: Option<&crate::score::Scores>,
    out: &mut Vec<Intent>,
) {
    egui::Frame::new().fill(theme::of(ui).card).corner_radius(4).inner_margin(8).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.label(RichText::new(&guess.question).strong());
        let right = guessed.and_then(|g| g.right);
        for (i, (option, _)) in guess.options.iter().enumerate() {
            let chosen = guessed.is_some_and(|g| g.option == i);
            let mark = if right == Some(Some(i)) {
                "so it is: "
            } else if chosen {
                "you: "
            } else {
                ""
            };
            let button = egui::Button::new(format!("{mark}{option}")).selected(chosen).wrap();
            if ui.add_enabled(guessed.is_none(), button).accessible_name(format!("Guess: {option}")).clicked()
            {
                out.push(Intent::Lesson(Turn::Guess(i)));
            }
        }
        let Some((guessed, right)) = guessed.zip(right) else {
            if guessed.is_none() {
                ui.label(
                    RichText::new("What do you think? The answer is measured.")
                        .font(theme::small())
                        .color(theme::of(ui).weak),
                );
            }
            return;
        };
        let told = match right {
            Some(right) if right == guessed.option => "So it is.",
            Some(_) => "It came out otherwise.",
            None => "None of these with this model.",
        };
        let numbers = right.map_or(String::new(), |right| guess.options[right].1.in_words(s, before));
        ui.label(RichText::new(format!("{told} Measured: {numbers}")).color(theme::of(ui).strong));
    });
}

fn claim(ui: &mut Ui, s: &State, condition: &Condition, before: Option<&crate::score::Scores>) {
    let (mark, colour) = match condition.holds(s, before) {
        Some(true) => ("measured: ", theme::of(ui).good),
        Some(false) => ("not so with what is loaded now: ", theme::of(ui).warn),
        None => ("", theme::of(ui).weak),
    };
    let text = format!("{mark}{}", condition.in_words(s, before));
    ui.label(RichText::new(text).font(theme::small()).color(colour));
}

fn your_turn(
    ui: &mut Ui,
    s: &State,
    condition: &Condition,
    met: bool,
    before: Option<&crate::score::Scores>,
) {
    let (mark, colour) = if met { ("Done", theme::of(ui).good) } else { ("Your turn", theme::of(ui).accent) };
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(mark).strong().color(colour));
        let now = RichText::new(format!("({})", condition.in_words(s, before))).font(theme::small());
        ui.label(now.color(theme::of(ui).weak));
    });
}
