//! The small window about an experiment whose clip is not where it was, or not what it was.

use super::intent::{Dialog, Intent};
use super::state::State;
use super::theme;
use crate::experiment::Experiment;
use egui::{Id, RichText};
use std::path::PathBuf;
use std::sync::Arc;

/// The clip of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundClip {
    /// The very file.
    Same(PathBuf),
    /// A file of that name with other content.
    Altered(PathBuf),
    Missing,
}

/// An experiment that waits for its clip.
#[derive(Clone, Debug)]
pub struct Misplaced {
    pub file: PathBuf,
    pub experiment: Arc<Experiment>,
    /// Not [`FoundClip::Same`].
    pub clip: FoundClip,
}

pub fn show(ctx: &egui::Context, s: &State, out: &mut Vec<Intent>) {
    let Some(waiting) = &s.misplaced else { return };
    let modal = egui::Modal::new(Id::unique("experiment clip")).show(ctx, |ui| {
        ui.set_width(460.0);
        let (title, text) = match &waiting.clip {
            FoundClip::Altered(path) => (
                "The clip is another file",
                format!(
                    "{} has other content than the clip of this experiment (digest {}). Its numbers will be other ones.",
                    path.display(),
                    waiting.experiment.clip.digest
                ),
            ),
            _ => (
                "The clip is not there",
                format!("This experiment is of {}, and there is no such file.", waiting.experiment.clip.path.display()),
            ),
        };
        ui.label(RichText::new(title).strong().color(theme::of(ui).strong));
        ui.add(egui::Label::new(RichText::new(text).color(theme::of(ui).text)).wrap());
        ui.horizontal(|ui| {
            if ui.button("Find the clip…").on_hover_text("Choose the file that it is of").clicked() {
                out.push(Intent::Ask(Dialog::FindClip));
            }
            if matches!(waiting.clip, FoundClip::Altered(_)) && ui.button("Open it all the same").clicked() {
                out.push(Intent::OpenMisplaced(true));
            }
            if ui.button("Cancel").clicked() {
                out.push(Intent::OpenMisplaced(false));
            }
        });
    });
    // While the path is asked for as text, that window is in front.
    if modal.should_close() && s.path_field.is_none() {
        out.push(Intent::OpenMisplaced(false));
    }
}
