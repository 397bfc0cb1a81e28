//! The pane that compares: what stands on the other side, what both sides are of, and what differs class by class.

use super::app::COMPARE_ROOM;
use super::compare::{Align, Compare, Held, Side};
use super::intent::{Dialog, Intent};
use super::shelf::Place;
use super::state::State;
use super::{bundled, difference_table, focus, theme};
use crate::session::ModelSource;
use crate::view::Layer;
use egui::{RichText, Ui};
use std::path::Path;

/// Entries of a menu at most: more nobody looks through.
const LISTED: usize = 40;

pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    if ui.rect_contains_pointer(ui.max_rect()) {
        let dropped = ui.input(|i| i.raw.dropped_files.first().map(|file| file.path().to_owned()));
        out.extend(dropped.map(|path| Intent::Compare(Some(Side::of(path)))));
    }
    egui::ScrollArea::vertical().id_salt("compare").auto_shrink([false, false]).show(ui, |ui| {
        choices(ui, s, out);
        let Some(compare) = &s.compare else {
            weak(
                ui,
                "Choose what stands beside the clip on the stage: another clip, another model or another prompt set. One play \
                 head and one scale serve both, and every prompt edit scores both.",
            );
            return;
        };
        for (side, name) in [(false, "A"), (true, "B")] {
            let words = s.side_words(side).unwrap_or_else(|| waiting(compare));
            ui.add(egui::Label::new(RichText::new(format!("{name}: {words}")).font(theme::small())).wrap());
        }
        if let Some(problem) = &compare.problem {
            ui.add(egui::Label::new(RichText::new(problem).font(theme::small()).color(theme::of(ui).error)).wrap());
        }
        time(ui, s, compare, out);
        notes(ui, s, compare);
        match s.scores_of_shown().zip(s.other_scores()) {
            Some((a, b)) => {
                // What the pane shows of it before it is scrolled, but for the margin below.
                let above = ui.cursor().top() - ui.min_rect().top();
                let room = ui.clip_rect().height() - above - 10.0;
                difference_table::show(ui, "compared", ("A", a), ("B", b), Some(room));
            }
            None if compare.problem.is_none() => {
                ui.horizontal(|ui| {
                    ui.add(egui::Spinner::new().size(13.0));
                    weak(ui, "No scores of both sides yet.");
                });
            }
            None => {}
        }
        focus::follow(ui);
    });
}

fn weak(ui: &mut Ui, text: &str) {
    ui.add(egui::Label::new(RichText::new(text).font(theme::small()).color(theme::of(ui).weak)).wrap());
}

/// How far B is.
fn waiting(compare: &Compare) -> String {
    let doing = match &compare.held {
        _ if compare.problem.is_some() => "cannot be had".to_owned(),
        Held::Model { loading: Some(l), .. } => {
            let percent = l.fraction.map_or(String::new(), |f| format!(" {:.0}%", 100.0 * f));
            format!("{}{percent}", l.what)
        }
        _ => "being looked at".to_owned(),
    };
    format!("{}, {doing}", compare.name)
}

fn choices(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    ui.horizontal_wrapped(|ui| {
        weak(ui, "Compare with");
        let mut item = |ui: &mut Ui, text: &str, tip: &str, intent: Intent| {
            if ui.button(text).on_hover_text(tip).clicked() {
                out.push(intent);
                ui.close();
            }
        };
        let clip = |path: &Path| Intent::Compare(Some(Side::Clip(Place::whole(path.to_owned()))));
        let menu = long_menu(ui, "Clip", |ui| {
            item(ui, "File…", "A video or picture; it can also be dropped here", Intent::Ask(Dialog::CompareClip));
            for file in &s.bundled {
                let tip = "A clip that comes with the program";
                item(ui, &file.name, tip, clip(&file.path));
            }
            for row in s.shelf.rows().iter().take(LISTED) {
                let compare = Intent::Compare(Some(Side::Clip(row.place.clone())));
                item(ui, &row.name, "A clip on the shelf", compare);
            }
            for path in &s.recent.videos {
                item(ui, &name(path), &path.display().to_string(), clip(path));
            }
        });
        menu.accessible_name("Compare with a clip").on_hover_text("Another clip, the same model and prompts");
        let menu = long_menu(ui, "Model", |ui| {
            let tip = "A CLIP folder in the Hugging Face layout; it can also be dropped here";
            item(ui, "Folder…", tip, Intent::Ask(Dialog::CompareModel));
            for (name, tip, cast) in bundled::MODELS {
                item(ui, name, tip, Intent::Compare(Some(Side::Model(ModelSource::of(cast)))));
            }
            for model in s.fetching.cached.iter().filter_map(|cached| cached.model.as_ref()) {
                let compare = Intent::Compare(Some(Side::Model(ModelSource::Hub(model.clone()))));
                item(ui, &model.id.to_string(), "A model of the hub that is here", compare);
            }
            for path in &s.recent.models {
                let model = Intent::Compare(Some(Side::Model(ModelSource::Folder(path.clone()))));
                item(ui, &name(path), &path.display().to_string(), model);
            }
        });
        let tip = "Another model on the same clip and prompts. It is loaded beside the first, with memory of its own, until \
                   comparing ends";
        menu.accessible_name("Compare with a model").on_hover_text(tip);
        let menu = long_menu(ui, "Prompts", |ui| {
            let tip = "JSON, a list of names, or id,name CSV; it can also be dropped here";
            item(ui, "File…", tip, Intent::Ask(Dialog::ComparePrompts));
            for line in s.log.lines().iter().rev().take(LISTED) {
                let tip = "A state that the prompts have been in";
                item(ui, &line.words, tip, Intent::Compare(Some(Side::Prompts(line.state))));
            }
        });
        let tip = "Another prompt set, or an earlier state of this one, on the same clip and model";
        menu.accessible_name("Compare with prompts").on_hover_text(tip);
        if s.compare.is_some() {
            let stop = ui.button("Stop").accessible_name("Stop comparing");
            if stop.on_hover_text("A alone; what B took is given back").clicked() {
                out.push(Intent::Compare(None));
            }
        }
    });
}

/// A menu that scrolls where it would not fit.
fn long_menu(ui: &mut Ui, title: &str, add: impl FnOnce(&mut Ui)) -> egui::Response {
    let menu = ui.menu_button(title, |ui| egui::ScrollArea::vertical().max_height(380.0).show(ui, add));
    menu.response
}

/// The last two parts: enough to tell files of one name apart.
fn name(path: &Path) -> String {
    let parts: Vec<_> = path.iter().collect();
    let last = &parts[parts.len().saturating_sub(2)..];
    last.iter().collect::<std::path::PathBuf>().display().to_string()
}

/// Where B's play head stands.
fn time(ui: &mut Ui, s: &State, compare: &Compare, out: &mut Vec<Intent>) {
    if compare.playback().is_none() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        weak(ui, "B's play head:");
        for align in Align::ALL {
            if ui.selectable_label(compare.align == align, align.name()).on_hover_text(align.tip()).clicked()
            {
                out.push(Intent::Align(align));
            }
        }
        if s.other_head().is_some_and(|head| head.ended) {
            let text = RichText::new("B is over here; its last frame stays").font(theme::small());
            ui.label(text.color(theme::of(ui).warn));
        }
    });
}

/// What the numbers must not be read without.
fn notes(ui: &mut Ui, s: &State, compare: &Compare) {
    let mut warn = |text: &str| {
        ui.add(egui::Label::new(RichText::new(text).font(theme::small()).color(theme::of(ui).warn)).wrap());
    };
    if s.moment && compare.has_maps() {
        warn(
            "The stage shows the moment, of which B has none; choose Clip above the classes for both pictures.",
        );
    }
    if compare.has_maps() && s.view.layer.is_probed() && s.view.layer != Layer::Likeness {
        warn("This layer is of A alone; choose another one above the stage for both pictures.");
    }
    if let Some(why) = s.no_likeness().filter(|_| s.probes.patch.is_some()) {
        warn(&format!("The patch that was clicked has {why}."));
    }
    if s.is_stale() {
        warn("Something else is selected now; these are the scores of what was.");
    }
    let scored = s.current().map(|scored| scored.revision);
    if !s.moment && scored.is_some() && s.other_revision().is_some_and(|b| scored != Some(b)) {
        warn("B is being scored anew.");
    }
    if let Held::Model { running: Some((info, device)), .. } = &compare.held {
        let own = s.model.as_ref();
        if own.is_some_and(|m| m.identity == info.identity) {
            warn("It is the same model as on the stage.");
        }
        weak(
            ui,
            &format!(
                "{:.0} MB of weights ({:.1} million parameters) on {}, and up to {} MiB for what it computes; given back when \
                 comparing ends.",
                4e-6 * info.parameters as f64,
                1e-6 * info.parameters as f64,
                device.name,
                COMPARE_ROOM.0 >> 20
            ),
        );
        if let Some(own) = own {
            weak(
                ui,
                &format!(
                    "Two models: cosines are turned into shares by each model's own τ (A {:.1}, B {:.1}) and α (A {}, B {}), so \
                     compare the order of the classes rather than the numbers. A colour is the same ‖M‖/‖X‖ in both maps; the two \
                     need not read the same into it.{}",
                    own.tau,
                    info.tau,
                    own.alpha,
                    info.alpha,
                    if info.grid == own.grid {
                        ""
                    } else {
                        " Their patches differ in size: the pointer marks the patch at the same place."
                    }
                ),
            );
        }
    }
    if s.likens() {
        weak(
            ui,
            "Click a patch of A or of B: its likeness to every patch of both, under “Patch” and on the stage.",
        );
    }
    if compare.playback().is_some() && s.view.layer == Layer::Static && !s.view.static_energy {
        weak(
            ui,
            "The colours of the static stream are fitted to each clip: the same colour in both is no likeness.",
        );
    }
}
