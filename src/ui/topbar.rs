//! The bar on top: what is open, which model runs where, what is being worked on, and the way to files and help. It is one
//! line at every size, so that nothing below it moves: where names are long, they share the room and keep both ends.

use super::easel::Draw;
use super::fetching::Fetch;
use super::intent::{Dialog, Intent};
use super::panes::{Pane, Panes};
use super::state::State;
use super::theme::{self, Colours};
use super::{bundled, elide, fetching, keys, lesson_panel};
use crate::data::cast::Cast;
use crate::export::Form;
use crate::model::hub::KNOWN;
use crate::session::ModelSource;
use egui::{Align, Color32, FontId, Layout, RichText, ThemePreference, Ui};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The sizes of text to choose from, in percent; the keys go in finer steps.
const SIZES: [u16; 5] = [100, 125, 150, 175, 200];
/// With less room than this in the bar the program's name makes way, in points.
const NARROW: f32 = 460.0;
/// Work shorter than this needs no sign of life.
const SIGN_OF_LIFE: Duration = Duration::from_millis(250);

pub fn show(ui: &mut Ui, s: &State, panes: &Panes, out: &mut Vec<Intent>) {
    ui.horizontal(|ui| {
        ui.set_min_height(24.0);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button("Help").on_hover_text("What the keys do (?)").clicked() {
                out.push(Intent::Help(!s.help));
            }
            learn_menu(ui, s, out);
            view_menu(ui, out);
            panes_menu(ui, s, panes, out);
            work(ui, s, out);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                if ui.available_width() > NARROW {
                    ui.label(RichText::new("MotionLens").strong().size(15.0).color(theme::of(ui).strong));
                }
                open_menu(ui, s, out);
                export_menu(ui, s, out);
                ui.separator();
                facts(ui, s);
            });
        });
    });
}

fn learn_menu(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let menu = ui.menu_button("Learn", |ui| {
        ui.set_min_width(220.0);
        for (i, lesson) in s.lessons.iter().enumerate() {
            if ui.button(&lesson.title).clicked() {
                out.push(Intent::Learn(Some(i)));
                ui.close();
            }
        }
    });
    menu.response.on_hover_text(
        "The first minute, and lessons on what the model does. A lesson of your own is dropped on the window",
    );
}

fn panes_menu(ui: &mut Ui, s: &State, panes: &Panes, out: &mut Vec<Intent>) {
    let window = lesson_panel::room(ui.ctx(), s);
    let menu = ui.menu_button("Panes", |ui| {
        ui.set_min_width(200.0);
        ui.set_max_width(200.0);
        for pane in Pane::ALL.into_iter().filter(|p| *p != Pane::Stage) {
            let mut open = panes.is_open(pane, window);
            ui.horizontal(|ui| {
                if ui.checkbox(&mut open, pane.title()).on_hover_text(pane.tip()).changed() {
                    out.push(Intent::Pane(pane, open));
                }
                if open {
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        let show = ui.small_button("Show").on_hover_text("In front of the panes beside it");
                        if show.accessible_name(format!("Show {}", pane.title())).clicked() {
                            out.push(Intent::Pane(pane, true));
                            ui.close();
                        }
                    });
                }
            });
        }
        ui.separator();
        if ui.button("As at first").on_hover_text("Every pane where it was at first").clicked() {
            out.push(Intent::DefaultPanes);
            ui.close();
        }
    });
    menu.response.on_hover_text("Open and close panes; drag their tabs to move them");
}

/// How the whole window looks.
fn view_menu(ui: &mut Ui, out: &mut Vec<Intent>) {
    let menu = ui.menu_button("View", |ui| {
        ui.set_min_width(200.0);
        let present = egui::Button::new("Presenter mode").shortcut_text("F5");
        let tip = "The stage and the scores large enough for a hall, without panels; F5 or Esc leads back";
        if ui.add(present).on_hover_text(tip).accessible_name("Presenter mode").clicked() {
            out.push(Intent::Present(true));
            ui.close();
        }
        ui.separator();
        let theme = ui.ctx().options(|o| o.theme_preference);
        for (choice, name, tip) in [
            (ThemePreference::Dark, "Dark", "Light words on a dark window"),
            (ThemePreference::Light, "Light", "Dark words on a light window; the stage stays dark"),
            (ThemePreference::System, "As the system", "Dark or light, as the desktop is"),
        ] {
            if ui.radio(theme == choice, name).on_hover_text(tip).clicked() {
                out.push(Intent::Theme(choice));
            }
        }
        ui.separator();
        ui.label(RichText::new("Text and controls").color(theme::of(ui).weak));
        let now = keys::text_size(ui.ctx());
        for percent in SIZES {
            let tip = "Also with Ctrl +, Ctrl − and Ctrl 0";
            if ui.radio(now == percent, format!("{percent}%")).on_hover_text(tip).clicked() {
                out.push(Intent::TextSize(percent));
            }
        }
    });
    menu.response.on_hover_text("Presenter mode, dark or light, and how large everything is");
}

/// A text of the bar that may be long.
struct Fact {
    text: String,
    /// What of it is read where there is no room for all: a badge is no use as two halves of words.
    short: String,
    colour: Color32,
    tip: String,
    badge: bool,
    busy: bool,
}

impl Fact {
    fn badge(text: impl Into<String>, colour: Color32, tip: impl Into<String>) -> Self {
        let text = text.into();
        Self { short: text.clone(), text, colour, tip: tip.into(), badge: true, busy: false }
    }

    fn or(self, short: impl Into<String>) -> Self {
        Self { short: short.into(), ..self }
    }

    fn font(&self, ui: &Ui) -> FontId {
        if self.badge { theme::small() } else { egui::TextStyle::Body.resolve(ui.style()) }
    }

    /// What it takes beside its text.
    fn around(&self) -> f32 {
        (if self.badge { 18.0 } else { 0.0 }) + (if self.busy { 20.0 } else { 0.0 })
    }

    fn width(&self, ui: &Ui, text: &str) -> f32 {
        elide::width_of(ui, text, &self.font(ui)).ceil() + 1.0
    }

    /// `text`: all of it, or what is read where there is no room for that.
    fn show(&self, ui: &mut Ui, text: &str, width: f32) {
        if self.busy {
            ui.add(egui::Spinner::new().size(13.0));
        }
        let font = self.font(ui);
        let shown = elide::middle(ui, text, &font, width);
        let tip = match shown.len() == self.text.len() {
            true => self.tip.clone(),
            false => format!("{}\n{}", self.text, self.tip),
        };
        let label = egui::Label::new(RichText::new(shown.as_ref()).color(self.colour).font(font)).extend();
        let name = &self.text;
        let r = if self.badge {
            let frame = egui::Frame::new()
                .fill(theme::of(ui).card)
                .stroke(egui::Stroke::new(1.0, theme::of(ui).line));
            let frame = frame.corner_radius(9).inner_margin(egui::Margin::symmetric(8, 1));
            frame.show(ui, |ui| ui.add(label)).inner
        } else {
            ui.add(label)
        };
        r.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::Label, true, name));
        r.on_hover_text(tip);
    }
}

/// Clip, model, motion head, device: as wide as they want, or as there is room for.
fn facts(ui: &mut Ui, s: &State) {
    let colours = theme::of(ui);
    let mut list = vec![clip(s, colours)];
    list.extend(model(s, colours));
    list.extend(device(s, colours));
    let gaps = ui.spacing().item_spacing.x * list.len() as f32;
    let room = ui.available_width() - gaps - list.iter().map(Fact::around).sum::<f32>();
    let whole: Vec<f32> = list.iter().map(|f| f.width(ui, &f.text)).collect();
    let fits = whole.iter().sum::<f32>() <= room;
    let text = |f: &Fact| if fits { f.text.clone() } else { f.short.clone() };
    let widths: Vec<f32> = list.iter().map(|f| f.width(ui, &text(f))).collect();
    for (fact, width) in list.iter().zip(elide::shares(&widths, room)) {
        fact.show(ui, &text(fact), width);
    }
}

fn open_menu(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    ui.menu_button("Open", |ui| {
        ui.set_min_width(220.0);
        let mut item = |ui: &mut Ui, text: &str, tip: &str, command: Intent| {
            if ui.button(text).on_hover_text(tip).clicked() {
                out.push(command);
                ui.close();
            }
        };
        item(ui, "Video…", "Open a video or picture (Ctrl+O)", Intent::Ask(Dialog::Video));
        let tip = "A path that you drag, and what goes along it (D)";
        item(ui, "Draw a motion…", tip, Intent::Draw(Draw::Begin));
        if !s.bundled.is_empty() {
            ui.menu_button("Bundled clips", |ui| {
                for (heading, cast) in [("Shapes", Cast::Shapes), ("People", Cast::People)] {
                    let mut of = s.bundled.iter().filter(|clip| clip.cast == cast).peekable();
                    if of.peek().is_some() {
                        ui.label(RichText::new(heading).font(theme::small()).color(theme::of(ui).weak));
                    }
                    for clip in of {
                        let tip = "A clip that comes with the program, with the model that knows who acts in it";
                        item(ui, &clip.name, tip, Intent::OpenVideo(clip.path.clone()));
                    }
                }
            });
        }
        if !s.recent.videos.is_empty() {
            ui.menu_button("Recent videos", |ui| {
                for path in &s.recent.videos {
                    item(ui, &short(path), &path.display().to_string(), Intent::OpenVideo(path.clone()));
                }
            });
        }
        ui.separator();
        item(ui, "Model folder…", "A CLIP folder in the Hugging Face layout", Intent::Ask(Dialog::Model));
        for (name, tip, cast) in bundled::MODELS {
            item(ui, name, tip, Intent::OpenModel(ModelSource::of(cast)));
        }
        let hub = ui.menu_button("Models of the hub", |ui| {
            ui.set_min_width(260.0);
            for cached in s.fetching.cached.iter().filter(|c| c.model.is_some()) {
                let tip = "It is here, and is loaded without network; prompts, clip and view stay";
                item(ui, &cached.id.to_string(), tip, Intent::Model(Fetch::Want(cached.id.clone())));
            }
            for (name, about) in KNOWN {
                let here = s.fetching.cached.iter().any(|c| c.model.is_some() && c.id.repo() == name);
                if let Some(id) = name.parse().ok().filter(|_| !here) {
                    let tip = format!("{about}. Licence and size are shown before anything is fetched");
                    item(ui, &format!("Fetch {name}…"), &tip, Intent::Model(Fetch::Want(id)));
                }
            }
            let tip = "Any CLIP of the layout, by its id";
            item(ui, "Another id…", tip, Intent::Model(Fetch::Name(true)));
        });
        hub.response.on_hover_text("CLIPs of the Hugging Face hub, fetched once");
        if !s.recent.models.is_empty() {
            ui.menu_button("Recent models", |ui| {
                for path in &s.recent.models {
                    item(ui, &short(path), &path.display().to_string(), Intent::Open(path.clone()));
                }
            });
        }
        ui.separator();
        item(ui, "Prompt set…", "JSON, a list of names, or id,name CSV", Intent::Ask(Dialog::LoadPrompts));
        item(
            ui,
            "Bundled prompts",
            "The set that comes with the program; Undo leads back",
            Intent::BundledPrompts,
        );
        if !s.prompt_sets.is_empty() {
            ui.menu_button("Ready prompt sets", |ui| {
                for set in &s.prompt_sets {
                    let tip = "In place of the present prompts; Undo leads back. Most need a CLIP that knows real words";
                    item(ui, &set.name, tip, Intent::LoadPrompts(set.path.clone()));
                }
            });
        }
        if !s.recent.prompts.is_empty() {
            ui.menu_button("Recent prompt sets", |ui| {
                for path in &s.recent.prompts {
                    item(ui, &short(path), &path.display().to_string(), Intent::LoadPrompts(path.clone()));
                }
            });
        }
        let tip = "What was saved with Export, Experiment: its clip, prompts and scores";
        item(ui, "Experiment…", tip, Intent::Ask(Dialog::OpenExperiment));
        item(ui, "Path…", "Type the path of a video, model folder or prompt set", Intent::PathField(true));
    });
}

/// The last two parts of a path: enough to tell files of one name apart.
fn short(path: &std::path::Path) -> String {
    let parts: Vec<_> = path.iter().collect();
    let last = &parts[parts.len().saturating_sub(2)..];
    last.iter().collect::<PathBuf>().display().to_string()
}

fn export_menu(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    ui.menu_button("Export", |ui| {
        ui.set_min_width(220.0);
        let mut item = |ui: &mut Ui, on: bool, text: &str, tip: &str, command: Intent| {
            let button = ui.add_enabled(on, egui::Button::new(text));
            if button.on_hover_text(tip).on_disabled_hover_text("Nothing has been analysed yet").clicked() {
                out.push(command);
                ui.close();
            }
        };
        item(ui, true, "Picture of the stage", "PNG in the pictures folder (S)", Intent::Snapshot);
        let ready = s.shown.is_some();
        let tip = "Everything that these scores depend on, to be opened or computed again (Ctrl+S)";
        item(ui, s.scores().is_some(), "Experiment…", tip, Intent::Ask(Dialog::SaveExperiment));
        item(
            ui,
            ready,
            "Report folder…",
            "Scores as JSON and a PNG of every map",
            Intent::Ask(Dialog::Report),
        );
        let swept = s.record.as_ref().is_some_and(|r| !r.is_empty());
        for form in Form::ALL {
            let (text, tip) = match form {
                Form::Figure => (
                    "Figure of this frame…",
                    "PNG with colour bar, scope, digests, and the command that makes it again",
                ),
                Form::Strip => (
                    "Figure of the filmstrip…",
                    "PNG of every sampled frame under every layer, with the same receipt",
                ),
                Form::Lanes => (
                    "Figure of the lanes…",
                    "PNG of the scores, motion and gate over time as the lanes show them, with the same receipt",
                ),
                Form::LanesCsv => (
                    "CSV of the lanes…",
                    "Every span that has been looked at: start and end, each class's p, margin and cosine, none, motion and gate",
                ),
                Form::Video => ("Video with this layer…", "MP4 of the analysed span"),
                Form::Csv => ("CSV…", "Scores, and the maps in a second file beside it"),
                Form::Json => ("JSON…", "Scores and maps, as analyze --json writes them"),
                Form::Npz => ("NPZ…", "Scores and maps as arrays for NumPy"),
            };
            item(
                ui,
                s.scores().is_some() && s.exporting.is_none() && (swept || !form.is_of_lanes()),
                text,
                tip,
                Intent::Ask(Dialog::Export(form)),
            );
        }
        item(
            ui,
            true,
            "Prompt set…",
            "JSON file of the classes and prompts",
            Intent::Ask(Dialog::SavePrompts),
        );
    });
}

fn clip(s: &State, colours: &Colours) -> Fact {
    let (text, colour, tip) = match (&s.opening, &s.video) {
        (Some(name), _) => (format!("opening {name}"), colours.weak, "The file is being opened".to_owned()),
        (None, Some(v)) => (v.name.clone(), colours.text, v.path.display().to_string()),
        (None, None) => ("no video".to_owned(), colours.weak, "Open, then Video".to_owned()),
    };
    Fact { short: text.clone(), text, colour, tip, badge: false, busy: s.opening.is_some() }
}

fn model(s: &State, colours: &Colours) -> Vec<Fact> {
    let mut list = Vec::new();
    if let Some(l) = &s.loading {
        let percent = l.fraction.map_or(String::new(), |f| format!(" {:.0}%", f * 100.0));
        let text = format!("{}{percent}", l.what);
        list.push(Fact { busy: true, ..Fact::badge(text, colours.weak, "The model is being loaded") });
    }
    let Some(info) = &s.model else {
        if list.is_empty() {
            let tip = "Open, then Model folder or one of the embedded models";
            list.push(Fact::badge("no model", colours.warn, tip));
        }
        return list;
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
    list.push(Fact::badge(format!("model: {}", info.name), colours.text, tip).or(&info.name));
    list.push(if info.head_trained {
        let tip = "The motion head has trained weights.";
        Fact::badge("motion head: trained", colours.good, tip).or("trained")
    } else {
        let tip = "The motion head has no trained weights: the separation is the exact Haar one, the gates are at their \
                   starting value, and the scores equal plain CLIP's.";
        Fact::badge("motion head: untrained", colours.warn, tip).or("untrained")
    });
    list
}

fn device(s: &State, colours: &Colours) -> Option<Fact> {
    let d = s.device.as_ref()?;
    let (more, colour) = if d.software { (", software", colours.warn) } else { ("", colours.text) };
    let first = d.name.split_whitespace().next().unwrap_or(&d.name);
    Some(Fact::badge(format!("{}{more}", d.name), colour, d.reason.clone()).or(first))
}

fn work(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    if let Some((done, total)) = s.encoding {
        let text = format!("reading prompts {done}/{total}");
        ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).text))
            .on_hover_text("New prompts go through the text tower once; scores follow");
        ui.add(egui::Spinner::new().size(13.0));
    }
    if let Some(export) = &s.exporting {
        if ui.small_button("Stop writing").on_hover_text("What is written so far is removed").clicked() {
            out.push(Intent::CancelExport);
        }
        let percent = export.percent.load(Ordering::Relaxed);
        let text = RichText::new(format!("writing the {} {percent}%", export.what));
        ui.label(text.font(theme::small()).color(theme::of(ui).text));
        ui.ctx().request_repaint_after(SIGN_OF_LIFE);
    }
    fetching::work(ui, s, out);
    let Some(w) = &s.work else { return };
    if w.since.elapsed() < SIGN_OF_LIFE {
        ui.ctx().request_repaint_after(SIGN_OF_LIFE);
        return;
    }
    let text = if w.total > 0 { format!("{} {}/{}", w.stage, w.done, w.total) } else { w.stage.clone() };
    if ui.small_button("Cancel").on_hover_text("Stop the work on this clip").clicked() {
        out.push(Intent::CancelWork);
    }
    ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).text));
    if w.total > 0 {
        let bar = egui::ProgressBar::new(w.done as f32 / w.total as f32);
        ui.add(bar.desired_width(60.0).desired_height(12.0));
    } else {
        ui.add(egui::Spinner::new().size(13.0));
    }
}
