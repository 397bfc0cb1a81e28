//! The card of one class: its name, its numbers, and its prompts where it is open. Every line has its room whether there is
//! something to say or not, so that nothing moves under the hands of a person who types.

use super::document::ClassKey;
use super::edit::{PromptEdit, Side};
use super::field::{Left, Line, goes};
use super::icon::{self, Icon};
use super::intent::Intent;
use super::prompt_rows::marked;
use super::state::State;
use super::{explain, prompt_rows, score_row, theme};
use crate::prompt::Class;
use crate::score::ClassScore;
use crate::session::PromptNote;
use egui::text::LayoutJob;
use egui::{Align, Id, Layout, Sense, Ui, WidgetInfo, vec2};

/// A button without a frame.
pub const SMALL: egui::Vec2 = vec2(18.0, 18.0);
/// From here on the text model hardly tells the negative from the positive prompts.
pub const ALIKE: f32 = 0.95;

fn open_id(key: ClassKey) -> Id {
    Id::unique(("class open", key))
}

/// Opens the card.
pub fn open(ctx: &egui::Context, key: ClassKey) {
    ctx.data_mut(|d| d.insert_temp(open_id(key), true));
}

/// Draws the card. Gives its height, and whether it is open.
pub fn show(
    ui: &mut Ui,
    s: &State,
    (c, key): (usize, ClassKey),
    reach: f32,
    out: &mut Vec<Intent>,
) -> (f32, bool) {
    let few = s.prompts().classes.len() <= 3;
    // Remembered from the first time: one class more or less opens and closes no card.
    let open_id = open_id(key);
    let mut open = ui.data_mut(|d| *d.get_temp_mut_or_insert_with(open_id, || few));
    let drawn = theme::card_frame(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        // Of the class, not of its place: an open menu goes with it.
        let own = egui::UiBuilder::new().scope_id(Id::unique(("card", key)));
        ui.scope_builder(own, |ui| {
            let Some(class) = s.prompts().classes.get(c) else { return };
            let score = s.score(c);
            let trouble = troubles(s, class, score);
            if head(ui, s, (c, key), class, &trouble, open, out) {
                open = !open;
                ui.data_mut(|d| d.insert_temp(open_id, open));
            }
            let explained = score.and_then(|score| explain::Explained::new(s.scores()?, score));
            let beside = score_row::Beside {
                pinned: s.pinned(c),
                spread: score.and_then(|c| s.spread(c)),
                explained: explained.as_ref(),
            };
            score_row::show(ui, score, beside, &class.name, reach, s.scores_fresh());
            if open {
                line(ui, trouble.first().map_or("", |t| t.text.as_str()), &trouble);
                for side in [Side::Positive, Side::Negative] {
                    prompt_rows::show(ui, s, c, side, out);
                }
            }
        });
    });
    (drawn.response.rect.height(), open)
}

/// Chevron, name, mark and menu. Whether the chevron was pressed.
fn head(
    ui: &mut Ui,
    s: &State,
    (c, key): (usize, ClassKey),
    class: &Class,
    trouble: &[Trouble],
    open: bool,
    out: &mut Vec<Intent>,
) -> bool {
    let mut toggled = false;
    ui.horizontal(|ui| {
        let (icon, verb) = if open { (Icon::Expanded, "Hide") } else { (Icon::Collapsed, "Show") };
        let name = format!("{verb} prompts of {}", class.name);
        toggled = icon::button(ui, icon, SMALL, name, "Prompts of this class").clicked();
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            class_menu(ui, c, &class.name, !s.sort_by_score, out);
            explain::button(ui, s, c, out);
            mark(ui, &class.name, trouble);
            let line = Line {
                key: key.into(),
                text: &class.name,
                hint: "name of the class",
                name: format!("Name of class {}", c + 1),
                width: ui.available_width(),
                newest: s.history.newest() == Some(key.into()),
                select: true,
            };
            let newest = line.newest;
            let colour =
                if trouble.iter().any(|t| t.left_out) { theme::of(ui).weak } else { theme::of(ui).text };
            let unknown = unknown_words(s, &s.prompts().positive_prompts(class));
            let done = line.show(ui, |ui, text| marked(ui, text, Some(&note_of(text, &unknown)), colour));
            if let Some(text) = done.changed {
                out.push(Intent::Edit(PromptEdit::RenameClass(c, text)));
            } else if done.left == Some(Left::Escape) && newest && class.name.is_empty() {
                goes(ui.ctx());
                out.push(Intent::Edit(PromptEdit::DropNewest));
            }
        });
    });
    toggled
}

/// Something that a person should know before trusting the numbers of a class.
struct Trouble {
    text: String,
    left_out: bool,
}

fn troubles(s: &State, class: &Class, score: Option<&ClassScore>) -> Vec<Trouble> {
    let mut list = Vec::new();
    let mut add = |text: String, left_out: bool| list.push(Trouble { text, left_out });
    let same = |other: &&Class| other.name == class.name;
    if !class.name.is_empty() && s.prompts().classes.iter().filter(same).nth(1).is_some() {
        add("Another class has this name: the two share what one would have of p.".to_owned(), false);
    }
    let word_level = s.model.as_ref().is_some_and(|m| m.word_level);
    if score.is_some_and(|x| !x.counts) {
        let text = "The model knows none of these words beside those of the templates, so the class is left out of p. “Count unknown words”, below the \
                    list, brings it back.";
        add(text.to_owned(), true);
    }
    let set = s.prompts();
    let prompts = [set.positive_prompts(class), set.negative_prompts(class)].concat();
    let unknown = unknown_words(s, &prompts);
    if !unknown.is_empty() {
        let words = unknown.join(", ");
        add(
            if word_level {
                format!("The model does not know: {words}. These words say nothing to it.")
            } else {
                format!("Nothing but single bytes to the model: {words}. It has hardly seen these words.")
            },
            false,
        );
    }
    if prompts.iter().any(|p| s.notes.get(p).is_some_and(|n| n.cut > 0)) {
        add("A prompt is too long for the text model: its end was cut.".to_owned(), false);
    }
    if let Some(x) = score {
        if x.s_pos.is_none() {
            add("No positive prompt: this class has no s+ and no share.".to_owned(), false);
        }
        if let Some(cos) = x.text_cos.filter(|v| *v > ALIKE) {
            let text = format!(
                "The text model hardly tells the negative from the positive prompts here (cosine {cos:.2}); s− then acts \
                 like s+."
            );
            add(text, false);
        }
    }
    list
}

/// The words of prompts that the model does not know, each once.
fn unknown_words<'a>(s: &'a State, prompts: &[String]) -> Vec<&'a str> {
    let mut unknown = Vec::new();
    for note in prompts.iter().filter_map(|p| s.notes.get(p)) {
        for word in note.unknown.iter().filter_map(|r| note.text.get(r.clone())) {
            if !unknown.contains(&word) {
                unknown.push(word);
            }
        }
    }
    unknown
}

/// A name, in which these words are marked as in prompts.
fn note_of(name: &str, unknown: &[&str]) -> PromptNote {
    let alone = |at: usize, word: &str| {
        let within = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !within(name[..at].chars().next_back()) && !within(name[at + word.len()..].chars().next())
    };
    let places =
        |word: &&str| name.match_indices(*word).map(|(at, word)| at..at + word.len()).collect::<Vec<_>>();
    let mut places: Vec<_> = unknown.iter().flat_map(places).collect();
    places.retain(|r| !r.is_empty() && alone(r.start, &name[r.clone()]));
    places.sort_by_key(|r| r.start);
    PromptNote { text: name.to_owned(), cut: 0, unknown: places }
}

fn words(trouble: &[Trouble]) -> String {
    trouble.iter().map(|t| t.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The place of the mark on the card, open or closed.
fn mark(ui: &mut Ui, class: &str, trouble: &[Trouble]) {
    let (rect, r) = ui.allocate_exact_size(vec2(15.0, 18.0), Sense::hover());
    if trouble.is_empty() {
        return;
    }
    icon::paint(ui.painter(), Icon::Warning, rect.center(), 13.0, theme::of(ui).warn);
    let text = words(trouble);
    r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, format!("{class}: {text}")));
    r.on_hover_text(text);
}

/// One line in small letters, as long as there is room; all of it when the pointer is on it.
fn line(ui: &mut Ui, text: &str, trouble: &[Trouble]) {
    let (rect, r) = ui.allocate_exact_size(vec2(ui.available_width(), 15.0), Sense::hover());
    if text.is_empty() {
        return;
    }
    let mut job = LayoutJob::simple_singleline(text.to_owned(), theme::small(), theme::of(ui).warn);
    job.wrap = egui::text::TextWrapping::truncate_at_width(rect.width());
    let galley = ui.fonts_mut(|f| f.layout_job(job));
    ui.painter().galley(rect.min, galley, theme::of(ui).warn);
    r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, text));
    r.on_hover_text(words(trouble));
}

/// `movable`: the classes are shown in their own order, so that moving one can be seen.
fn class_menu(ui: &mut Ui, c: usize, name: &str, movable: bool, out: &mut Vec<Intent>) {
    menu(ui, format!("Menu of {name}"), |ui| {
        let mut item = |ui: &mut Ui, on: bool, text: &str, e: PromptEdit| {
            let button = ui.add_enabled(on, egui::Button::new(text));
            if button.on_disabled_hover_text("Sorted by p: their own order is not shown").clicked() {
                out.push(Intent::Edit(e));
                ui.close();
            }
        };
        item(ui, movable, "Move up", PromptEdit::MoveClass(c, -1));
        item(ui, movable, "Move down", PromptEdit::MoveClass(c, 1));
        item(ui, true, "Remove class", PromptEdit::RemoveClass(c));
    });
}

/// A small button with a menu.
pub fn menu(ui: &mut Ui, name: String, items: impl FnOnce(&mut Ui)) {
    let button = egui::Button::new("").min_size(vec2(20.0, 18.0)).frame_when_inactive(false);
    let (menu, _) = egui::containers::menu::MenuButton::from_button(button).ui(ui, items);
    icon::paint(ui.painter(), Icon::Menu, menu.rect.center(), 12.0, theme::of(ui).text);
    menu.on_hover_text("Move or remove").accessible_name(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_name_that_the_model_does_not_know_are_found_whole() {
        let of = |name: &str, unknown: &[&str]| note_of(name, unknown).unknown;
        assert_eq!(of("zorp a zorpy zorp", &["zorp"]), [0..4, 13..17]);
        assert_eq!(of("jump über ジャンプ", &["ジャンプ", "über"]), [5..10, 11..23]);
        assert!(of("zor…", &["zorp"]).is_empty() && of("", &["zorp"]).is_empty());
    }
}
