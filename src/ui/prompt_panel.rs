//! The left panel: classes with their positive and negative prompts, and the scores beside them. Every keystroke
//! is an edit; the engine answers with new scores and with notes on words it does not know and prompts it cut.

use super::class_card::SMALL;
use super::edit::{PromptEdit, Side};
use super::field::{self, Left, Line};
use super::icon::{self, Icon};
use super::intent::{Dialog, Intent};
use super::prompt_rows::{capital, sign};
use super::state::State;
use super::{class_list, focus, scope, score_row, theme, trial};
use egui::text::LayoutJob;
use egui::{Context, Id, RichText, Ui, Vec2, vec2};

/// In less height than this the panel scrolls as a whole.
const LOW: f32 = 360.0;
/// The panel is no narrower than this, in points.
const LEAST: f32 = 260.0;
/// But beside a lesson in a small window it is as narrow as this.
const CRAMPED: f32 = 220.0;
/// The size of the buttons that undo and redo.
const ARROW: Vec2 = vec2(28.0, 22.0);

/// The panel at the left edge, as wide as a person has dragged it, or as a window of this size leaves it. Where text is large that
/// may be less; it comes back with the room.
pub fn panel(ui: &mut Ui, s: &mut State, out: &mut Vec<Intent>) {
    let room = ui.ctx().content_rect().width();
    let most = (room * 0.45).max(280.0);
    let usual = (room * 0.3).clamp(300.0, 440.0);
    // Beside a lesson in a small window the stage is to be seen as well.
    let cramped = s.learning.is_some() && room < 2.5 * LEAST;
    let (least, most) = if cramped { (CRAMPED, CRAMPED) } else { (LEAST, most) };
    let wanted = s.prompts_width.unwrap_or(usual).clamp(least, most);
    // egui knows the last width only: in another window, or with text of another size, it is told.
    let id = Id::unique("room of the prompts");
    let same = ui.data(|d| d.get_temp(id)) == Some((room.to_bits(), cramped));
    ui.data_mut(|d| d.insert_temp(id, (room.to_bits(), cramped)));
    let range = if same { least..=most } else { wanted..=wanted };
    let panel = egui::Panel::left("prompts")
        .frame(theme::panel_frame(ui))
        .default_size(wanted)
        .size_range(range)
        .show(ui, |ui| show(ui, s, out));
    let drawn = panel.response.rect.width();
    if same && (drawn - wanted).abs() > 0.5 {
        s.prompts_width = Some(drawn);
    }
}

/// The list of classes begins at its top again, where the likeliest are: what it is of has changed.
pub fn to_top(ctx: &Context) {
    ctx.data_mut(|d| d.insert_temp(Id::unique("classes to top"), true));
}

fn show(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let to_top = ui.data_mut(|d| d.remove_temp::<bool>(Id::unique("classes to top"))).is_some();
    let scroll = |name| {
        let area = egui::ScrollArea::vertical().id_salt(name).auto_shrink([false, false]);
        if to_top { area.vertical_scroll_offset(0.0) } else { area }
    };
    // Where text is large all of it scrolls: head and foot would leave the classes no room.
    if ui.available_height() < LOW {
        scroll("prompts").show(ui, |ui| {
            head(ui, s, out);
            classes(ui, s, out);
            ui.separator();
            foot(ui, s, out);
        });
        return;
    }
    head(ui, s, out);
    // The foot has its room whether there are scores or not.
    let switch = if s.model.as_ref().is_some_and(|m| m.word_level) { 24.0 } else { 0.0 };
    let height = (ui.available_height() - 52.0 - switch).max(80.0);
    scroll("classes").max_height(height).show(ui, |ui| classes(ui, s, out));
    ui.separator();
    foot(ui, s, out);
}

fn head(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    header(ui, s, out);
    scope::altered_note(ui, s);
    scope::line(ui, s, out);
    ui.separator();
}

fn classes(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    if s.prompts().classes.is_empty() {
        ui.add_space(14.0);
        ui.label(RichText::new("No classes yet").strong());
        let text = "A class is a name, such as “jumping”. Its positive prompts say what it looks like, its \
                    negative prompts what it is not. Add one, or open a prompt set.";
        ui.label(RichText::new(text).color(theme::of(ui).weak));
    }
    class_list::show(ui, s, out);
    ui.add_space(6.0);
    templates(ui, s, out);
    focus::follow(ui);
}

fn header(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Prompts").strong().color(theme::of(ui).strong));
        if ui
            .button("Load…")
            .on_hover_text("Open a prompt set (JSON), a list of names, or a CSV with a column of names")
            .clicked()
        {
            out.push(Intent::Ask(Dialog::LoadPrompts));
        }
        if ui.button("Save…").on_hover_text("Write the prompt set as JSON").clicked() {
            out.push(Intent::Ask(Dialog::SavePrompts));
        }
        // What is greyed has a layout of its own, which does not go to the next line by itself.
        if ui.available_size_before_wrap().x < 2.0 * (ARROW.x + ui.spacing().item_spacing.x) {
            ui.end_row();
        }
        for (icon, on, name, tip, c) in [
            (Icon::Undo, s.history.can_undo(), "Undo", "Undo (Ctrl+Z)", Intent::Undo),
            (Icon::Redo, s.history.can_redo(), "Redo", "Redo (Ctrl+Shift+Z)", Intent::Redo),
        ] {
            ui.add_enabled_ui(on, |ui| {
                if icon::button(ui, icon, ARROW, name, tip).clicked() {
                    out.push(c);
                }
            });
        }
        let pinned = s.history.present().pinned.is_some();
        let pin =
            ui.add_enabled(s.scores().is_some(), egui::Button::new(if pinned { "Pin again" } else { "Pin" }));
        if pin.on_hover_text("Keep these scores as the baseline; Δ shows the change against it (P)").clicked()
        {
            out.push(Intent::Pin);
        }
        if pinned && ui.button("Unpin").on_hover_text("Forget the baseline").clicked() {
            out.push(Intent::Unpin);
        }
    });
    if let Some(of) = s.pinned_elsewhere() {
        let text = RichText::new(format!("Δ is against {of}")).font(theme::small()).color(theme::of(ui).warn);
        ui.add(egui::Label::new(text).wrap())
            .on_hover_text("The pinned scores are of that; P pins those on show");
    }
    ui.horizontal(|ui| {
        let add = ui.button("+ Add class").on_hover_text("A new class, ready for its name");
        if add.clicked() {
            field::goes(ui.ctx());
            let n = s.prompts().classes.len() + 1;
            out.push(Intent::Edit(PromptEdit::AddClass(format!("class {n}"))));
        }
        let mut sort = s.sort_by_score;
        if ui.checkbox(&mut sort, "Sort by p").on_hover_text("Most likely class first").changed() {
            out.push(Intent::SortByScore(sort));
        }
    });
    trial::show(ui, s, out);
}

/// The templates that fill the lists of classes without own prompts.
fn templates(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let title = RichText::new("Templates").color(theme::of(ui).weak);
    egui::CollapsingHeader::new(title).id_salt("templates").show(ui, |ui| {
        let text = "For classes without own prompts. {} stands for the name.";
        ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak));
        let document = s.history.present();
        let t = &document.prompts.templates;
        for (side, list) in [(Side::Positive, &t.positive), (Side::Negative, &t.negative)] {
            let add = Intent::Edit(PromptEdit::AddTemplate(side));
            for (i, (text, key)) in list.iter().zip(document.template_keys().side(side)).enumerate() {
                ui.horizontal(|ui| {
                    sign(ui, side);
                    let name = format!("{} template {}", capital(side.word()), i + 1);
                    let line = Line {
                        key: (*key).into(),
                        text,
                        hint: "a video of {}",
                        name: name.clone(),
                        width: (ui.available_width() - 30.0).max(60.0),
                        newest: s.history.newest() == Some((*key).into()),
                        select: true,
                    };
                    let font = egui::TextStyle::Body.resolve(ui.style());
                    let colour = theme::of(ui).text;
                    let done = line.show(ui, |_, text| {
                        LayoutJob::simple_singleline(text.to_owned(), font.clone(), colour)
                    });
                    if let Some(new) = done.changed {
                        out.push(Intent::Edit(PromptEdit::SetTemplate(side, i, new)));
                    }
                    if let Some(Left::Enter(_)) = done.left {
                        field::goes(ui.ctx());
                        out.push(add.clone());
                    }
                    if icon::button(ui, Icon::Close, SMALL, format!("Remove {name}"), "Remove").clicked() {
                        out.push(Intent::Edit(PromptEdit::RemoveTemplate(side, i)));
                    }
                });
            }
            if ui.small_button(format!("{} Add {} template", side.sign(), side.word())).clicked() {
                field::goes(ui.ctx());
                out.push(add);
            }
        }
    });
}

/// "None of these", how the scores were made, and what becomes of unknown words.
fn foot(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    match s.scores() {
        Some(scores) => {
            ui.horizontal(|ui| {
                let tip = "Weight of “none of these”: the shares of all classes, each times how little it fits by itself \
                           (1 − yes). Only negative prompts can raise it.";
                ui.label(RichText::new("none of these").color(theme::of(ui).text)).on_hover_text(tip);
                let width = (ui.available_width() - 2.0).max(40.0);
                let fill = theme::of(ui).none;
                let share = format!("{:.1}%", scores.none * 100.0);
                score_row::meter(ui, width, scores.none, fill, "None of these", &share, tip);
            });
            let state = if s.scores_fresh() { "" } else { ", new ones are coming" };
            let time = match s.scored.as_ref().map_or(0.0, |s| s.seconds) * 1e3 {
                ms if ms < 0.1 => "less than 0.1 ms".to_owned(),
                ms => format!("{ms:.1} ms"),
            };
            let text = format!("α {} · scored in {time}{state}", scores.alpha);
            ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak))
                .on_hover_text("α: how strongly negative prompts count in p that fit the clip better than the templates' “not …”");
        }
        None => {
            let text = match s.shown {
                Some(_) => "no scores yet",
                None => "Scores come when a clip has been analysed.",
            };
            ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak));
        }
    }
    if s.model.as_ref().is_some_and(|m| m.word_level) {
        let mut on = s.prompts().count_unknown;
        let left_out = s.scores().iter().flat_map(|x| &x.classes).filter(|c| !c.counts).count();
        let text = match left_out {
            0 => "Count unknown words".to_owned(),
            n => format!("Count unknown words ({n} left out)"),
        };
        let tip = "Classes of words that the model does not know all look the same to it. They are left out of p, and \
                   typed negatives of such words weigh nothing, unless this is on.";
        let r = ui.checkbox(&mut on, text).on_hover_text(tip).accessible_name("Count unknown words");
        if r.changed() {
            out.push(Intent::Edit(PromptEdit::CountUnknown(on)));
        }
    }
}
