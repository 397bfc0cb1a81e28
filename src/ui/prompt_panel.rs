//! The left panel: classes with their positive and negative prompts, and the scores beside them. Every keystroke
//! is an edit; the engine answers with new scores and with notes on words it does not know and prompts it cut.

use super::command::{Command, Dialog};
use super::edit::{PromptEdit, Side};
use super::icon::{self, Icon};
use super::state::State;
use super::{scope, score_row, theme};
use crate::session::PromptNote;
use egui::text::{LayoutJob, TextFormat};
use egui::{Align, Color32, Id, Layout, RichText, Sense, Stroke, Ui, pos2, vec2};
use std::sync::Arc;

/// A button without a frame.
const SMALL: egui::Vec2 = vec2(18.0, 18.0);

pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Command>) {
    header(ui, s, out);
    scope::line(ui, s);
    ui.separator();
    let foot = if s.scores().is_some() { 50.0 } else { 22.0 };
    let height = (ui.available_height() - foot).max(80.0);
    egui::ScrollArea::vertical().id_salt("classes").max_height(height).auto_shrink([false, false]).show(ui, |ui| {
        if s.prompts().classes.is_empty() {
            ui.add_space(14.0);
            ui.label(RichText::new("No classes yet").strong());
            let text = "A class is a name, such as “jumping”. Its positive prompts say what it looks like, its \
                        negative prompts what it is not. Add one, or open a prompt set.";
            ui.label(RichText::new(text).color(theme::WEAK));
        }
        let reach = s.scores().map_or(1.0, score_row::reach);
        for c in order(ui, s) {
            card(ui, s, c, reach, out);
            ui.add_space(4.0);
        }
        if ui.button("+ Add class").on_hover_text("A new class at the end of the list").clicked() {
            let n = s.prompts().classes.len() + 1;
            out.push(Command::Edit(PromptEdit::AddClass(format!("class {n}"))));
            let id = name_id(n - 1);
            ui.memory_mut(|m| m.request_focus(id));
        }
        ui.add_space(6.0);
        templates(ui, s, out);
    });
    ui.separator();
    foot_row(ui, s);
}

fn header(ui: &mut Ui, s: &State, out: &mut Vec<Command>) {
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Prompts").strong().color(theme::STRONG));
        if ui
            .button("Load…")
            .on_hover_text("Open a prompt set: JSON, a list of names, or id,name CSV")
            .clicked()
        {
            out.push(Command::Ask(Dialog::LoadPrompts));
        }
        if ui.button("Save…").on_hover_text("Write the prompt set as JSON").clicked() {
            out.push(Command::Ask(Dialog::SavePrompts));
        }
        for (icon, on, name, tip, c) in [
            (Icon::Undo, s.history.can_undo(), "Undo", "Undo (Ctrl+Z)", Command::Undo),
            (Icon::Redo, s.history.can_redo(), "Redo", "Redo (Ctrl+Shift+Z)", Command::Redo),
        ] {
            ui.add_enabled_ui(on, |ui| {
                if icon::button(ui, icon, vec2(28.0, 22.0), name, tip).clicked() {
                    out.push(c);
                }
            });
        }
        let pinned = s.history.present().pinned.is_some();
        let pin =
            ui.add_enabled(s.scores().is_some(), egui::Button::new(if pinned { "Pin again" } else { "Pin" }));
        if pin.on_hover_text("Keep these scores as the baseline; Δ shows the change against it (P)").clicked()
        {
            out.push(Command::Pin);
        }
        if pinned && ui.button("Unpin").on_hover_text("Forget the baseline").clicked() {
            out.push(Command::Unpin);
        }
        let mut sort = s.sort_by_score;
        if ui.checkbox(&mut sort, "Sort by p").on_hover_text("Most likely class first").changed() {
            out.push(Command::SortByScore(sort));
        }
    });
}

/// Indices of the classes in the order in which they are shown. While somebody types nothing changes its place.
fn order(ui: &Ui, s: &State) -> Vec<usize> {
    let memory = Id::unique("class order");
    let count = s.prompts().classes.len();
    if !s.sort_by_score {
        return (0..count).collect();
    }
    let shown: Vec<usize> = ui.data(|d| d.get_temp(memory)).unwrap_or_default();
    if ui.ctx().egui_wants_keyboard_input() && shown.len() == count {
        return shown;
    }
    let mut list: Vec<usize> = (0..count).collect();
    let p = |c: usize| s.score(c).map_or(-1.0, |x| x.p);
    list.sort_by(|a, b| p(*b).total_cmp(&p(*a)));
    ui.data_mut(|d| d.insert_temp(memory, list.clone()));
    list
}

fn name_id(c: usize) -> Id {
    Id::unique(("class name", c))
}

fn card(ui: &mut Ui, s: &State, c: usize, reach: f32, out: &mut Vec<Command>) {
    // A card out of sight only takes its room: prompt sets may have hundreds of classes.
    let memory = Id::unique(("card height", c));
    let known: Option<f32> = ui.data(|d| d.get_temp(memory));
    if let Some(height) = known {
        let rect = egui::Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), height));
        let focused = ui.memory(|m| m.focused() == Some(name_id(c)));
        if !ui.is_rect_visible(rect) && !focused {
            ui.allocate_space(rect.size());
            return;
        }
    }
    let drawn = theme::card_frame().show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.push_id(c, |ui| card_body(ui, s, c, reach, out));
    });
    ui.data_mut(|d| d.insert_temp(memory, drawn.response.rect.height()));
}

fn card_body(ui: &mut Ui, s: &State, c: usize, reach: f32, out: &mut Vec<Command>) {
    let Some(class) = s.prompts().classes.get(c) else { return };
    let open_id = Id::unique(("class open", c));
    let few = s.prompts().classes.len() <= 3;
    let mut open = ui.data(|d| d.get_temp(open_id)).unwrap_or(few);
    let score = s.score(c);
    ui.horizontal(|ui| {
        let (icon, verb) = if open { (Icon::Expanded, "Hide") } else { (Icon::Collapsed, "Show") };
        let name = format!("{verb} prompts of {}", class.name);
        if icon::button(ui, icon, SMALL, name, "Prompts of this class").clicked() {
            open = !open;
            ui.data_mut(|d| d.insert_temp(open_id, open));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            class_menu(ui, c, &class.name, !s.sort_by_score, out);
            if let Some(x) = score {
                score_row::share(ui, x, s.pinned(c), s.scores_fresh());
            }
            let mut text = class.name.clone();
            let edit = egui::TextEdit::singleline(&mut text)
                .id(name_id(c))
                .hint_text("name of the class")
                .desired_width(f32::INFINITY);
            if ui.add(edit).accessible_name(format!("Name of class {}", c + 1)).changed() {
                out.push(Command::Edit(PromptEdit::RenameClass(c, text)));
            }
        });
    });
    if let Some(x) = score {
        score_row::show(ui, x, s.pinned(c), reach, s.scores_fresh());
        if x.s_pos.is_none() {
            ui.label(
                RichText::new("No positive prompt: this class has no s+ and no share.").color(theme::WARN),
            );
        }
        if open && let Some(cos) = x.text_cos.filter(|v| *v > 0.95) {
            let text = format!(
                "The text model hardly tells the negative from the positive prompts here (cosine {cos:.2}); s− then \
                 acts like s+."
            );
            ui.label(RichText::new(text).font(theme::small()).color(theme::WARN));
        }
    }
    if open {
        for side in [Side::Positive, Side::Negative] {
            prompts(ui, s, c, side, out);
        }
    }
}

/// `movable`: the classes are shown in their own order, so that moving one can be seen.
fn class_menu(ui: &mut Ui, c: usize, name: &str, movable: bool, out: &mut Vec<Command>) {
    let (menu, _) = egui::containers::menu::MenuButton::new("     ").ui(ui, |ui| {
        let mut item = |ui: &mut Ui, on: bool, text: &str, e: PromptEdit| {
            let button = ui.add_enabled(on, egui::Button::new(text));
            if button.on_disabled_hover_text("Sorted by p: their own order is not shown").clicked() {
                out.push(Command::Edit(e));
                ui.close();
            }
        };
        item(ui, movable, "Move up", PromptEdit::MoveClass(c, -1));
        item(ui, movable, "Move down", PromptEdit::MoveClass(c, 1));
        item(ui, true, "Remove class", PromptEdit::RemoveClass(c));
    });
    icon::paint(ui.painter(), Icon::Menu, menu.rect.center(), 12.0, theme::TEXT);
    menu.on_hover_text("Move or remove").accessible_name(format!("Menu of {name}"));
}

/// Plus in a disc or minus in a square: the side by shape as well as by sign, word and colour.
fn sign(ui: &mut Ui, side: Side) {
    let (rect, _) = ui.allocate_exact_size(vec2(15.0, 15.0), Sense::hover());
    let painter = ui.painter();
    let (colour, c) = match side {
        Side::Positive => (theme::POSITIVE, rect.center()),
        Side::Negative => (theme::NEGATIVE, rect.center()),
    };
    match side {
        Side::Positive => painter.circle_filled(c, 7.0, colour),
        Side::Negative => painter.rect_filled(rect.shrink(1.0), 2, colour),
    };
    let ink = Stroke::new(2.0, theme::FIELD);
    painter.line_segment([pos2(c.x - 4.0, c.y), pos2(c.x + 4.0, c.y)], ink);
    if side == Side::Positive {
        painter.line_segment([pos2(c.x, c.y - 4.0), pos2(c.x, c.y + 4.0)], ink);
    }
}

fn colour(side: Side) -> Color32 {
    match side {
        Side::Positive => theme::POSITIVE,
        Side::Negative => theme::NEGATIVE,
    }
}

fn prompts(ui: &mut Ui, s: &State, c: usize, side: Side, out: &mut Vec<Command>) {
    let Some(class) = s.prompts().classes.get(c) else { return };
    let own = side.list(class).is_some();
    ui.add_space(2.0);
    ui.horizontal_wrapped(|ui| {
        sign(ui, side);
        ui.label(RichText::new(format!("{} prompts", side.word())).color(colour(side)));
        let whose = if own { "own" } else { "from templates" };
        ui.label(RichText::new(whose).font(theme::small()).color(theme::WEAK));
        let (text, tip, e) = if own {
            (
                "Use templates",
                "Drop the own prompts and fill the templates with the name",
                PromptEdit::UseTemplates(c, side),
            )
        } else {
            ("Write own", "Keep a copy of these prompts and change it", PromptEdit::WriteOwn(c, side))
        };
        let name = format!("{text}, {} prompts of {}", side.word(), class.name);
        if ui.small_button(text).on_hover_text(tip).accessible_name(name).clicked() {
            out.push(Command::Edit(e));
        }
    });
    let list = side.shown(s.prompts(), class);
    ui.scope(|ui| {
        if !own {
            ui.spacing_mut().interact_size.y = 16.0;
            ui.spacing_mut().item_spacing.y = 3.0;
        }
        for (i, text) in list.iter().enumerate() {
            row(ui, s, (c, side, i), text, own, out);
        }
    });
    if list.is_empty() {
        let text = match side {
            Side::Positive => "None: the class gets no s+.",
            Side::Negative => "None: nothing pushes against this class.",
        };
        ui.label(RichText::new(text).font(theme::small()).color(theme::WEAK));
    }
    let name = format!("Add {} prompt to {}", side.word(), class.name);
    let button = egui::Button::new(format!("{} Add {} prompt", side.sign(), side.word())).small();
    if ui.add(button).accessible_name(name).clicked() {
        out.push(Command::Edit(PromptEdit::AddPrompt(c, side, String::new())));
    }
}

/// One prompt: a field with its buttons where it is the class's own, plain text where it comes from a template.
fn row(
    ui: &mut Ui,
    s: &State,
    (c, side, i): (usize, Side, usize),
    text: &str,
    own: bool,
    out: &mut Vec<Command>,
) {
    let note = s.notes.get(text);
    let class = s.prompts().classes.get(c).map_or("", |class| class.name.as_str());
    ui.horizontal(|ui| {
        ui.label(RichText::new(side.sign()).font(theme::numbers()).color(colour(side)));
        if !own {
            ui.add(egui::Label::new(marked(ui, text, note, theme::WEAK)).wrap());
            marks(ui, note);
            return;
        }
        let name = format!("{} prompt {} of {class}", capital(side.word()), i + 1);
        let mut new = text.to_owned();
        let width = (ui.available_width() - 100.0).max(60.0);
        if prompt_edit(ui, &mut new, note, width).accessible_name(&name).changed() {
            out.push(Command::Edit(PromptEdit::SetPrompt(c, side, i, new)));
        }
        ui.spacing_mut().item_spacing.x = 2.0;
        for (icon, what, e) in [
            (Icon::Up, "Move up", PromptEdit::MovePrompt(c, side, i, -1)),
            (Icon::Down, "Move down", PromptEdit::MovePrompt(c, side, i, 1)),
            (Icon::Close, "Remove", PromptEdit::RemovePrompt(c, side, i)),
        ] {
            if icon::button(ui, icon, SMALL, format!("{what} {name}"), what).clicked() {
                out.push(Command::Edit(e));
            }
        }
        marks(ui, note);
    });
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |f| f.to_uppercase().chain(chars).collect())
}

/// A text field whose unknown words are underlined.
fn prompt_edit(ui: &mut Ui, text: &mut String, note: Option<&PromptNote>, width: f32) -> egui::Response {
    let mut layouter = |ui: &Ui, buffer: &dyn egui::TextBuffer, _wrap: f32| -> Arc<egui::Galley> {
        let text = buffer.as_str();
        // The note is on the text as it was when it was scored; on another text it says nothing.
        let job = marked(ui, text, note.filter(|n| n.text == text), theme::TEXT);
        ui.fonts_mut(|f| f.layout_job(job))
    };
    let edit = egui::TextEdit::singleline(text)
        .hint_text("write a prompt")
        .desired_width(width)
        .layouter(&mut layouter);
    ui.add(edit)
}

/// The text on one line with the words that the tokenizer does not know underlined.
fn marked(ui: &Ui, text: &str, note: Option<&PromptNote>, colour: Color32) -> LayoutJob {
    let font = egui::TextStyle::Body.resolve(ui.style());
    let plain = TextFormat { font_id: font.clone(), color: colour, ..Default::default() };
    let unknown =
        TextFormat { underline: Stroke::new(1.5, theme::WARN), color: theme::WARN, ..plain.clone() };
    let mut job = LayoutJob { break_on_newline: false, ..Default::default() };
    let mut at = 0;
    for range in note.map(|n| n.unknown.as_slice()).unwrap_or_default() {
        let (Some(before), Some(word)) = (text.get(at..range.start), text.get(range.clone())) else {
            continue;
        };
        job.append(before, 0.0, plain.clone());
        job.append(word, 0.0, unknown.clone());
        at = range.end;
    }
    job.append(text.get(at..).unwrap_or_default(), 0.0, plain);
    job
}

/// Signs after a prompt: unknown words, cut.
fn marks(ui: &mut Ui, note: Option<&PromptNote>) {
    let Some(n) = note else { return };
    if !n.unknown.is_empty() {
        let words: Vec<&str> = n.unknown.iter().filter_map(|r| n.text.get(r.clone())).collect();
        let tip = format!("The model does not know: {}. These words say nothing to it.", words.join(", "));
        ui.label(RichText::new("?").strong().color(theme::WARN)).on_hover_text(tip);
    }
    if n.cut > 0 {
        let tip = format!("Too long for the text model: the last {} tokens were cut.", n.cut);
        ui.label(RichText::new("cut").font(theme::small()).color(theme::WARN)).on_hover_text(tip);
    }
}

/// The templates that fill the lists of classes without own prompts.
fn templates(ui: &mut Ui, s: &State, out: &mut Vec<Command>) {
    egui::CollapsingHeader::new(RichText::new("Templates").color(theme::WEAK)).id_salt("templates").show(
        ui,
        |ui| {
            let text = "For classes without own prompts. {} stands for the name.";
            ui.label(RichText::new(text).font(theme::small()).color(theme::WEAK));
            let t = &s.prompts().templates;
            for (side, list) in [(Side::Positive, &t.positive), (Side::Negative, &t.negative)] {
                for (i, text) in list.iter().enumerate() {
                    ui.horizontal(|ui| {
                        sign(ui, side);
                        let name = format!("{} template {}", capital(side.word()), i + 1);
                        let mut new = text.clone();
                        let edit = egui::TextEdit::singleline(&mut new)
                            .desired_width((ui.available_width() - 30.0).max(60.0))
                            .hint_text("a video of {}");
                        if ui.add(edit).accessible_name(&name).changed() {
                            out.push(Command::Edit(PromptEdit::SetTemplate(side, i, new)));
                        }
                        if icon::button(ui, Icon::Close, SMALL, format!("Remove {name}"), "Remove").clicked()
                        {
                            out.push(Command::Edit(PromptEdit::RemoveTemplate(side, i)));
                        }
                    });
                }
                if ui.small_button(format!("{} Add {} template", side.sign(), side.word())).clicked() {
                    out.push(Command::Edit(PromptEdit::AddTemplate(side)));
                }
            }
        },
    );
}

/// "None of these", and how the scores were made.
fn foot_row(ui: &mut Ui, s: &State) {
    let Some(scores) = s.scores() else {
        let text =
            if s.shown.is_some() { "no scores yet" } else { "Scores come when a clip has been analysed." };
        ui.label(RichText::new(text).font(theme::small()).color(theme::WEAK));
        return;
    };
    ui.horizontal(|ui| {
        let tip = "Weight of “none of these”: the shares of all classes, each times how little it fits by itself \
                   (1 − yes). Only negative prompts can raise it.";
        ui.label(RichText::new("none of these").color(theme::TEXT)).on_hover_text(tip);
        let width = (ui.available_width() - 2.0).max(40.0);
        score_row::meter(ui, width, scores.none, Color32::from_rgb(104, 84, 48), "None of these".into(), tip);
    });
    let state = if s.scores_fresh() { "" } else { ", new ones are coming" };
    let time = match s.scored.as_ref().map_or(0.0, |s| s.seconds) * 1e3 {
        ms if ms < 0.1 => "less than 0.1 ms".to_owned(),
        ms => format!("{ms:.1} ms"),
    };
    let text = format!("α {} · scored in {time}{state}", scores.alpha);
    ui.label(RichText::new(text).font(theme::small()).color(theme::WEAK))
        .on_hover_text("α: how strongly the negative prompts count in p");
}
