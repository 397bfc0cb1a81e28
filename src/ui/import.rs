//! Names that were read from a file, before they become classes: which column they are in, the first of them, and whether they
//! replace the classes or come after them.

use super::intent::Intent;
use super::state::State;
use super::theme;
use crate::prompt::{NameTable, difference};
use egui::{Id, RichText, Ui};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::PathBuf;

/// Names that are shown before they are taken over.
const PREVIEW: usize = 8;

/// A file of names that waits for a person's word.
#[derive(Clone, Debug)]
pub struct Import {
    pub path: PathBuf,
    pub table: NameTable,
    /// The column of the names; `None`: not chosen yet.
    pub column: Option<usize>,
    pub append: bool,
}

impl Import {
    pub fn new(path: PathBuf, table: NameTable) -> Self {
        let column = table.obvious();
        Self { path, table, column, append: false }
    }
}

/// What is to become of names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// The classes are these and no others.
    Replace(Vec<String>),
    /// They come after the classes that there are; those that are there already are left out.
    Append(Vec<String>),
}

/// Those of `names` that no class has yet.
pub fn new_names(s: &State, names: &[String]) -> Vec<String> {
    let there: HashSet<&str> = s.prompts().classes.iter().map(|c| c.name.trim()).collect();
    names.iter().filter(|name| !there.contains(name.as_str())).cloned().collect()
}

/// Draws the window while there is something to import. It changes the choice itself, and nothing else.
pub fn show(ctx: &egui::Context, s: &mut State, out: &mut Vec<Intent>) {
    let Some(mut import) = s.import.take() else { return };
    let modal = egui::Modal::new(Id::unique("import")).show(ctx, |ui| {
        ui.set_width(460.0);
        let name = import.path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        ui.label(RichText::new(format!("Names from {name}")).strong().color(theme::of(ui).strong));
        choice(ui, &mut import);
        ui.separator();
        let read = import.column.map(|column| import.table.names(column));
        let names = preview(ui, s, &import, read);
        ui.separator();
        ui.horizontal(|ui| {
            ui.radio_value(&mut import.append, false, "Replace the classes");
            ui.radio_value(&mut import.append, true, "Append to them");
        });
        ui.horizontal(|ui| {
            let (verb, count) = match (&names, import.append) {
                (Some(names), false) => ("Replace", names.len()),
                (Some(names), true) => ("Append", new_names(s, names).len()),
                (None, _) => ("Replace", 0),
            };
            let button = ui
                .add_enabled(count > 0, egui::Button::new(format!("{verb}: {}", difference::classes(count))));
            let free = ui.memory(|m| m.focused().is_none());
            let entered = count > 0 && free && ui.input(|i| i.key_pressed(egui::Key::Enter));
            let button = button.on_hover_text("Undo takes it back (Enter)").accessible_name("Import names");
            if button.clicked() || entered {
                let names = names.unwrap_or_default();
                let wish = if import.append { Names::Append(names) } else { Names::Replace(names) };
                out.push(Intent::Import(Some(wish)));
            }
            if ui.button("Cancel").clicked() {
                out.push(Intent::Import(None));
            }
        });
    });
    if modal.should_close() {
        out.push(Intent::Import(None));
    }
    s.import = Some(import);
}

/// Column and header, where there is something to choose.
fn choice(ui: &mut Ui, import: &mut Import) {
    if import.table.columns() < 2 {
        return;
    }
    ui.horizontal(|ui| {
        ui.label("The names are in");
        let title = import.column.map_or("choose a column".to_owned(), |c| import.table.title(c));
        let menu = egui::ComboBox::from_id_salt("name column").selected_text(title).width(200.0);
        let shown = menu.show_ui(ui, |ui| {
            for column in 0..import.table.columns() {
                let title = import.table.title(column);
                ui.selectable_value(&mut import.column, Some(column), title);
            }
        });
        shown.response.accessible_name("Column of the names");
    });
    ui.checkbox(&mut import.table.header, "The first line is a header");
}

/// The first names and how many there are, or what is wrong with the file; gives the names.
fn preview(
    ui: &mut Ui,
    s: &State,
    import: &Import,
    read: Option<Result<Vec<String>, String>>,
) -> Option<Vec<String>> {
    let names = match read {
        None => {
            ui.label(RichText::new("Choose the column that the names are in.").color(theme::of(ui).weak));
            return None;
        }
        Some(Err(why)) => {
            ui.label(RichText::new(format!("This column cannot be read: {why}.")).color(theme::of(ui).warn));
            return None;
        }
        Some(Ok(names)) => names,
    };
    let mut head = format!("{} names", names.len());
    let known = names.len() - new_names(s, &names).len();
    if import.append && known > 0 {
        head += &format!(", {known} of them are there already and are left out");
    }
    ui.label(RichText::new(head).color(theme::of(ui).text));
    for name in names.iter().take(PREVIEW) {
        ui.add(egui::Label::new(RichText::new(format!("· {name}")).color(theme::of(ui).weak)).truncate());
    }
    if names.len() > PREVIEW {
        ui.label(RichText::new(format!("and {} more", names.len() - PREVIEW)).font(theme::small()));
    }
    Some(names)
}
