//! The bar on top: what is open, which model runs where, what is being worked on, and the way to files and help.

use super::command::{Command, Dialog};
use super::state::{State, parse_clock};
use super::theme;
use crate::session::ModelSource;
use egui::{Align, Color32, Layout, RichText, Ui};
use std::path::PathBuf;
use std::time::Duration;

/// Work shorter than this needs no sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_millis(250);

pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Command>) {
    ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
        // The height is that of the left part, which may wrap.
        ui.set_min_height(24.0);
        if ui.button("Help").on_hover_text("What the keys do (?)").clicked() {
            out.push(Command::Help(!s.help));
        }
        let mut inspector = s.shows_inspector(ui.ctx().content_rect().width());
        if ui.toggle_value(&mut inspector, "Inspector").on_hover_text("Filmstrip, gates and facts").changed()
        {
            out.push(Command::Inspector(inspector));
        }
        ui.with_layout(Layout::left_to_right(Align::Center).with_main_wrap(true), |ui| {
            ui.label(RichText::new("MotionLens").strong().size(15.0).color(theme::STRONG));
            ui.add_space(4.0);
            open_menu(ui, s, out);
            export_menu(ui, s, out);
            ui.separator();
            clip(ui, s);
            model(ui, s);
            device(ui, s);
            work(ui, s, out);
        });
    });
}

fn open_menu(ui: &mut Ui, s: &State, out: &mut Vec<Command>) {
    ui.menu_button("Open", |ui| {
        ui.set_min_width(220.0);
        let mut item = |ui: &mut Ui, text: &str, tip: &str, command: Command| {
            if ui.button(text).on_hover_text(tip).clicked() {
                out.push(command);
                ui.close();
            }
        };
        item(ui, "Video…", "Open a video or picture (Ctrl+O)", Command::Ask(Dialog::Video));
        if !s.bundled.is_empty() {
            ui.menu_button("Bundled clips", |ui| {
                for clip in &s.bundled {
                    item(
                        ui,
                        &clip.name,
                        "A clip that comes with the program",
                        Command::OpenVideo(clip.path.clone()),
                    );
                }
            });
        }
        if !s.recent.videos.is_empty() {
            ui.menu_button("Recent videos", |ui| {
                for path in &s.recent.videos {
                    item(ui, &short(path), &path.display().to_string(), Command::OpenVideo(path.clone()));
                }
            });
        }
        ui.separator();
        item(ui, "Model folder…", "A CLIP folder in the Hugging Face layout", Command::Ask(Dialog::Model));
        item(ui, "Embedded model", "The model in the program", Command::OpenModel(ModelSource::Embedded));
        if !s.recent.models.is_empty() {
            ui.menu_button("Recent models", |ui| {
                for path in &s.recent.models {
                    item(ui, &short(path), &path.display().to_string(), Command::Open(path.clone()));
                }
            });
        }
        ui.separator();
        item(ui, "Prompt set…", "JSON, a list of names, or id,name CSV", Command::Ask(Dialog::LoadPrompts));
        item(
            ui,
            "Bundled prompts",
            "The set that comes with the program; Undo leads back",
            Command::BundledPrompts,
        );
        if !s.recent.prompts.is_empty() {
            ui.menu_button("Recent prompt sets", |ui| {
                for path in &s.recent.prompts {
                    item(ui, &short(path), &path.display().to_string(), Command::LoadPrompts(path.clone()));
                }
            });
        }
        item(ui, "Path…", "Type the path of a video, model folder or prompt set", Command::PathField(true));
    });
}

/// The last two parts of a path: enough to tell files of one name apart.
fn short(path: &std::path::Path) -> String {
    let parts: Vec<_> = path.iter().collect();
    let last = &parts[parts.len().saturating_sub(2)..];
    last.iter().collect::<PathBuf>().display().to_string()
}

fn export_menu(ui: &mut Ui, s: &State, out: &mut Vec<Command>) {
    ui.menu_button("Export", |ui| {
        ui.set_min_width(220.0);
        let mut item = |ui: &mut Ui, on: bool, text: &str, tip: &str, command: Command| {
            let button = ui.add_enabled(on, egui::Button::new(text));
            if button.on_hover_text(tip).on_disabled_hover_text("Nothing has been analysed yet").clicked() {
                out.push(command);
                ui.close();
            }
        };
        item(ui, true, "Picture of the stage", "PNG in the pictures folder (S)", Command::Snapshot);
        let ready = s.shown.is_some();
        item(
            ui,
            ready,
            "Report folder…",
            "Scores as JSON and a PNG of every map",
            Command::Ask(Dialog::Report),
        );
        item(
            ui,
            true,
            "Prompt set…",
            "JSON file of the classes and prompts",
            Command::Ask(Dialog::SavePrompts),
        );
    });
}

fn clip(ui: &mut Ui, s: &State) {
    if let Some(name) = &s.opening {
        ui.add(egui::Spinner::new().size(13.0));
        ui.label(RichText::new(format!("opening {name}")).color(theme::WEAK));
    } else if let Some(v) = &s.video {
        ui.label(RichText::new(&v.name).color(theme::TEXT)).on_hover_text(v.path.display().to_string());
    } else {
        ui.label(RichText::new("no video").color(theme::WEAK));
    }
}

fn badge(ui: &mut Ui, text: &str, colour: Color32) -> egui::Response {
    egui::Frame::new()
        .fill(theme::CARD)
        .stroke(egui::Stroke::new(1.0, theme::LINE))
        .corner_radius(9)
        .inner_margin(egui::Margin::symmetric(8, 1))
        .show(ui, |ui| ui.label(RichText::new(text).color(colour).font(theme::small())))
        .inner
}

fn model(ui: &mut Ui, s: &State) {
    if let Some(l) = &s.loading {
        let percent = l.fraction.map_or(String::new(), |f| format!(" {:.0}%", f * 100.0));
        ui.add(egui::Spinner::new().size(13.0));
        badge(ui, &format!("{}{percent}", l.what), theme::WEAK).on_hover_text("The model is being loaded");
    }
    let Some(info) = &s.model else {
        if s.loading.is_none() {
            badge(ui, "no model", theme::WARN).on_hover_text("Open, then Model folder or Embedded model");
        }
        return;
    };
    let tip = format!(
        "{}\nweights {}\n{:.1} million parameters, {} frames a clip, {}×{} patches",
        info.name,
        info.digest,
        info.parameters as f64 / 1e6,
        info.frames,
        info.grid,
        info.grid
    );
    badge(ui, &format!("model: {}", info.name), theme::TEXT).on_hover_text(tip);
    let (text, colour, tip) = if info.head_trained {
        ("motion head: trained", theme::GOOD, "The motion head has trained weights.")
    } else {
        (
            "motion head: untrained",
            theme::WARN,
            "The motion head has no trained weights: the separation is the exact Haar one, the gates are at their \
             starting value, and the scores equal plain CLIP's.",
        )
    };
    badge(ui, text, colour).on_hover_text(tip);
}

fn device(ui: &mut Ui, s: &State) {
    let Some(d) = &s.device else { return };
    let software = if d.software { ", software" } else { "" };
    badge(ui, &format!("{}{software}", d.name), if d.software { theme::WARN } else { theme::TEXT })
        .on_hover_text(&d.reason);
}

fn work(ui: &mut Ui, s: &State, out: &mut Vec<Command>) {
    let Some(w) = &s.work else { return };
    if w.since.elapsed() < SIGN_OF_LIFE {
        ui.ctx().request_repaint_after(SIGN_OF_LIFE);
        return;
    }
    let text = if w.total > 0 { format!("{} {}/{}", w.stage, w.done, w.total) } else { w.stage.clone() };
    if w.total > 0 {
        let bar =
            egui::ProgressBar::new(w.done as f32 / w.total as f32).desired_width(90.0).desired_height(12.0);
        ui.add(bar);
    } else {
        ui.add(egui::Spinner::new().size(13.0));
    }
    ui.label(RichText::new(text).font(theme::small()).color(theme::TEXT));
    if ui.small_button("Cancel").on_hover_text("Stop the work on this clip").clicked() {
        out.push(Command::CancelWork);
    }
}

/// The small windows that take a path or a time.
pub fn fields(ctx: &egui::Context, s: &mut State, out: &mut Vec<Command>) {
    if let Some(text) = &mut s.path_field {
        let hint = "/home/me/clip.mp4";
        match field(ctx, "Open a path", "Path of a video, model folder or prompt set", hint, text) {
            Outcome::Open => {}
            Outcome::Closed => out.push(Command::PathField(false)),
            Outcome::Entered => {
                let path = text.trim().trim_matches('"').to_owned();
                if !path.is_empty() {
                    out.push(Command::Open(PathBuf::from(path)));
                }
                out.push(Command::PathField(false));
            }
        }
    }
    if let Some(text) = &mut s.time_field {
        match field(ctx, "Go to time", "Time, as seconds or m:ss.mmm", "1:02.5", text) {
            Outcome::Open => {}
            Outcome::Closed => out.push(Command::TimeField(false)),
            Outcome::Entered => {
                out.push(match parse_clock(text) {
                    Some(t) => Command::Seek(t),
                    None => Command::Told(Err(format!("“{text}” is not a time. Write 12.5 or 1:02.5."))),
                });
                out.push(Command::TimeField(false));
            }
        }
    }
}

enum Outcome {
    Open,
    Closed,
    Entered,
}

fn field(ctx: &egui::Context, title: &str, label: &str, hint: &str, text: &mut String) -> Outcome {
    let mut outcome = Outcome::Open;
    let modal = egui::Modal::new(egui::Id::unique(title)).show(ctx, |ui| {
        ui.set_width(420.0);
        ui.label(RichText::new(title).strong().color(theme::STRONG));
        let edit = egui::TextEdit::singleline(text).hint_text(hint.to_owned()).desired_width(f32::INFINITY);
        let r = ui.add(edit).accessible_name(label);
        let entered = r.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        if ui.memory(|m| m.focused().is_none()) {
            r.request_focus();
        }
        ui.horizontal(|ui| {
            if ui.button("Go").clicked() || entered {
                outcome = Outcome::Entered;
            }
            if ui.button("Close").clicked() {
                outcome = Outcome::Closed;
            }
        });
    });
    if modal.should_close() && matches!(outcome, Outcome::Open) {
        outcome = Outcome::Closed;
    }
    outcome
}
