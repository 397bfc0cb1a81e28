//! The shelf as a table: a line a clip, a column a class, and what the labels say of it.

use super::compare::Side;
use super::intent::{Dialog, Intent};
use super::shelf::{Row, Shelf};
use super::state::State;
use super::theme;
use egui::{Align, Layout, RichText, Sense, Ui, WidgetInfo, vec2};
use egui_extras::{Column, TableBuilder};

/// Columns of classes at most; with more the table is no table.
const CLASSES: usize = 40;
const LINE: f32 = 20.0;

pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let shelf = &s.shelf;
    ui.horizontal_wrapped(|ui| {
        let add = ui.button("Add clip…");
        if add.on_hover_text("A video, or a list of them: a CSV of path,label[,start_s,end_s]").clicked() {
            out.push(Intent::Ask(Dialog::ShelfClip));
        }
        let folder = ui.button("Add folder…");
        if folder.on_hover_text("A folder of videos, or one folder a class: its name is the label").clicked()
        {
            out.push(Intent::Ask(Dialog::ShelfFolder));
        }
        if let Some(video) = s.video.as_ref().filter(|_| s.easel.is_none()) {
            let add = ui.button("Add this clip");
            if add.on_hover_text("The clip on the stage").clicked() {
                out.push(Intent::Shelve(video.path.clone()));
            }
        }
        if !shelf.rows().is_empty() && ui.button("Clear").on_hover_text("Takes every clip off").clicked() {
            out.push(Intent::ClearShelf);
        }
        summary(ui, s, shelf);
    });
    if shelf.rows().is_empty() {
        let text = "Put clips on the shelf, and every prompt that you type is scored against all of them at once. \
                    Labels come from folder names, a manifest (path,label) or the truth beside a rendered clip.";
        ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak));
        return;
    }
    table(ui, s, shelf, out);
}

fn summary(ui: &mut Ui, s: &State, shelf: &Shelf) {
    let (done, total) = shelf.progress();
    let mut words = vec![format!("{total} clip{}", if total == 1 { "" } else { "s" })];
    if done < total {
        words.push(format!("{done} of them scored"));
    }
    let tally = shelf.tally();
    if tally.judged > 0 {
        let share = 100.0 * tally.right as f32 / tally.judged as f32;
        words.push(format!("{} of {} named as labelled ({share:.0}%)", tally.right, tally.judged));
    }
    if tally.unknown > 0 {
        words.push(format!("{} with a label that is no class", tally.unknown));
    }
    if shelf.stale(s.revision) {
        words.push("being scored anew".to_owned());
    }
    if done < total {
        ui.add(egui::Spinner::new().size(12.0));
    }
    let label = ui.label(RichText::new(words.join(" · ")).font(theme::small()).color(theme::of(ui).text));
    if !tally.confusions.is_empty() {
        let lines: Vec<String> =
            tally.confusions.iter().take(20).map(|(a, b, n)| format!("{n} × {a} taken for {b}")).collect();
        let (worst, more) = (&lines[0], lines.len() - 1);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text =
            RichText::new(format!("Confused: {worst}{more}")).font(theme::small()).color(theme::of(ui).warn);
        ui.label(text).on_hover_text(lines.join("\n"));
    }
    label.on_hover_text("Each clip is asked about as a whole; p is its share among the classes");
}

fn table(ui: &mut Ui, s: &State, shelf: &Shelf, out: &mut Vec<Intent>) {
    let classes: Vec<&str> = s.prompts().classes.iter().take(CLASSES).map(|c| c.name.as_str()).collect();
    let hidden = s.prompts().classes.len() - classes.len();
    if hidden > 0 {
        let text = format!("The first {CLASSES} classes have a column; the winner is found among all.");
        ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak));
    }
    egui::ScrollArea::horizontal().id_salt("shelf").auto_shrink([false, false]).show(ui, |ui| {
        let table = TableBuilder::new(ui)
            .id_salt("shelf rows")
            .striped(true)
            .cell_layout(Layout::left_to_right(Align::Center))
            .auto_shrink([false, false])
            .column(Column::initial(150.0).at_least(60.0).clip(true).resizable(true))
            .column(Column::initial(110.0).at_least(50.0).clip(true).resizable(true))
            .column(Column::initial(120.0).at_least(50.0).clip(true).resizable(true))
            .columns(Column::initial(76.0).at_least(46.0).clip(true).resizable(true), classes.len())
            .columns(Column::exact(18.0), 2);
        let head = |ui: &mut Ui, text: &str, tip: &str| {
            // Names of classes differ at their ends as often as at their beginnings: two lines.
            let text = RichText::new(text).font(theme::small()).color(theme::of(ui).weak);
            ui.add(egui::Label::new(text).wrap()).on_hover_text(tip);
        };
        let table = table.header(1.6 * LINE, |mut header| {
            header.col(|ui| head(ui, "clip", "Click one to open it"));
            header.col(|ui| head(ui, "label", "What a person says it shows; type to change it"));
            header.col(|ui| head(ui, "winner", "The class with the largest share"));
            for class in &classes {
                header.col(|ui| head(ui, class, &format!("p of {class}: its share among all classes")));
            }
            header.col(|_| {});
            header.col(|_| {});
        });
        table.body(|body| {
            body.rows(LINE, shelf.rows().len(), |mut line| {
                let row = &shelf.rows()[line.index()];
                line.col(|ui| name(ui, row, out));
                line.col(|ui| label(ui, row, out));
                line.col(|ui| winner(ui, row));
                for class in &classes {
                    line.col(|ui| cell(ui, row, class, out));
                }
                line.col(|ui| {
                    let other = ui.add(egui::Button::new("B").frame(false));
                    let other = other.accessible_name(format!("Compare with {}", row.name));
                    if other.on_hover_text("Compare the clip on the stage (A) with it (B)").clicked() {
                        out.push(Intent::Compare(Some(Side::Clip(row.place.clone()))));
                    }
                });
                line.col(|ui| {
                    let remove = ui.add(egui::Button::new("×").frame(false));
                    let remove = remove.accessible_name(format!("Take {} off the shelf", row.name));
                    if remove.on_hover_text("Take it off the shelf").clicked() {
                        out.push(Intent::Unshelve(row.place.clone()));
                    }
                });
            });
        });
    });
}

fn name(ui: &mut Ui, row: &Row, out: &mut Vec<Intent>) {
    let colour = if row.problem.is_some() { theme::of(ui).error } else { theme::of(ui).text };
    let text = RichText::new(&row.name).font(theme::small()).color(colour);
    let r = ui.add(egui::Button::new(text).frame(false).truncate());
    let tip = row.problem.clone().unwrap_or_else(|| row.place.path.display().to_string());
    if r.on_hover_text(tip).accessible_name(format!("Open {}", row.name)).clicked() {
        out.push(Intent::OpenVideo(row.place.path.clone()));
    }
}

fn label(ui: &mut Ui, row: &Row, out: &mut Vec<Intent>) {
    let mut text = row.label.clone().unwrap_or_default();
    let id = egui::Id::unique("shelf label").with(&row.place);
    let field = egui::TextEdit::singleline(&mut text)
        .id(id)
        .frame(egui::Frame::NONE)
        .align(egui::Align2::LEFT_CENTER)
        .font(theme::small());
    let r = ui.add_sized(ui.available_size(), field).accessible_name(format!("Label of {}", row.name));
    if r.changed() {
        out.push(Intent::ShelfLabel(row.place.clone(), text));
    }
}

fn winner(ui: &mut Ui, row: &Row) {
    let (text, colour) = match (row.winner(), row.right()) {
        (None, _) if row.problem.is_some() => ("cannot be read".to_owned(), theme::of(ui).error),
        (None, _) => ("…".to_owned(), theme::of(ui).weak),
        (Some(name), None) => (name.to_owned(), theme::of(ui).text),
        (Some(name), Some(true)) => (format!("= {name}"), theme::of(ui).good),
        (Some(name), Some(false)) => (format!("≠ {name}"), theme::of(ui).warn),
    };
    let tip = match row.right() {
        Some(true) => "As labelled",
        Some(false) => "Not as labelled",
        None => "No label among the classes",
    };
    ui.add(egui::Label::new(RichText::new(text).font(theme::small()).color(colour)).truncate())
        .on_hover_text(tip);
}

fn cell(ui: &mut Ui, row: &Row, class: &str, out: &mut Vec<Intent>) {
    let (rect, r) = ui.allocate_exact_size(ui.available_size().max(vec2(1.0, 1.0)), Sense::click());
    let score = row.scores().and_then(|s| s.classes.iter().find(|c| c.name == *class));
    let text = score.map_or("–".to_owned(), |c| format!("{:.1}%", 100.0 * c.p));
    r.widget_info(|| {
        let name = format!("p of {class} in {}: {text}", row.name);
        WidgetInfo::labeled(egui::accesskit::Role::Button, true, name)
    });
    if let Some(c) = score {
        let filled = rect.with_max_x(rect.left() + rect.width() * c.p.clamp(0.0, 1.0));
        ui.painter().rect_filled(filled, 2.0, theme::of(ui).chosen);
    }
    let at = rect.left_center() + vec2(4.0, 0.0);
    ui.painter().text(at, egui::Align2::LEFT_CENTER, &text, theme::numbers(), theme::of(ui).text);
    let number = |v: Option<f32>| v.map_or("–".to_owned(), |v| format!("{v:+.3}"));
    let tip = score.map_or("Not scored yet".to_owned(), |c| {
        format!(
            "{class} in {}: s+ {}, s− {}, margin {}\nClick to open the clip",
            row.name,
            number(c.s_pos),
            number(c.s_neg),
            number(c.margin)
        )
    });
    if r.on_hover_text(tip).clicked() {
        out.push(Intent::OpenVideo(row.place.path.clone()));
    }
}
