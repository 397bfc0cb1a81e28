//! Models of the hub in the window: which are here, and the one that is being fetched. Nothing is asked of the hub before a person
//! has named a model, and nothing is fetched before they have seen its licence and size.

use super::intent::Intent;
use super::state::State;
use super::theme;
use crate::model::HubId;
use crate::model::hub::{Cached, Plan, Stage};
use crate::session::ModelSource;
use egui::{Id, RichText, Ui};
use indicatif::{DecimalBytes, HumanDuration};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a person asks about models of the hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fetch {
    /// Shows or hides the field that takes an id.
    Name(bool),
    /// Loads it where it is here; else asks the hub what it is.
    Want(HubId),
    /// Fetches what the hub has told of.
    Begin,
    /// Lets go of it; what has come is kept.
    Stop,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Fetching {
    /// The models in the cache, as far as it has been looked at.
    pub cached: Vec<Cached>,
    pub now: Option<Wanted>,
}

/// A model that a person wants and that is not here.
#[derive(Debug)]
pub struct Wanted {
    pub id: HubId,
    /// The model that was asked for last when this one was wanted.
    pub instead_of: ModelSource,
    pub step: Step,
    pub since: Instant,
    /// Shared with the thread that works on it.
    pub tracker: Arc<Tracker>,
}

#[derive(Debug)]
pub enum Step {
    /// The hub is being asked.
    Looking,
    /// A person is asked.
    Told(Arc<Plan>),
    Fetching,
}

/// What the thread that fetches tells, and is told.
#[derive(Debug, Default)]
pub struct Tracker {
    pub stop: AtomicBool,
    pub done: AtomicU64,
    pub total: AtomicU64,
    /// Bytes that have come by the network.
    pub came: AtomicU64,
    at: Mutex<Option<(Stage, String)>>,
}

impl Fetching {
    /// A window asks something about a model.
    pub fn asks(&self) -> bool {
        self.now.as_ref().is_some_and(|wanted| !matches!(wanted.step, Step::Fetching))
    }
}

impl Tracker {
    /// Takes note of how far it is.
    pub fn note(&self, stage: Stage, file: &str, done: u64, total: u64) {
        let before = self.done.swap(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let same = at.as_ref().is_some_and(|(s, f)| *s == stage && f == file);
        if same && stage == Stage::Fetching {
            self.came.fetch_add(done.saturating_sub(before), Ordering::Relaxed);
        }
        if !same {
            *at = Some((stage, file.to_owned()));
        }
    }

    /// "34%, 205.7 MB of 605.2 MB, 12.3 MB/s, 32 seconds left".
    fn words(&self, since: Instant) -> String {
        let [done, total, came] = [&self.done, &self.total, &self.came].map(|n| n.load(Ordering::Relaxed));
        let at = self.at.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let percent = (100 * done).checked_div(total).unwrap_or(0);
        let mut words = format!("{percent}%, {} of {}", DecimalBytes(done), DecimalBytes(total));
        let rate = came as f64 / since.elapsed().as_secs_f64().max(0.1);
        match at {
            Some((Stage::Checking, file)) => words += &format!(", comparing what is there of {file}"),
            Some((Stage::Waiting, _)) => words += ", which another program fetches",
            _ if rate >= 1.0 => {
                let left = Duration::from_secs_f64((total.saturating_sub(done) as f64 / rate).min(1e6));
                words += &format!(", {}/s, {} left", DecimalBytes(rate as u64), HumanDuration(left));
            }
            _ => {}
        }
        words
    }
}

/// The window that says what would be fetched.
pub fn show(ctx: &egui::Context, s: &State, out: &mut Vec<Intent>) {
    let Some(wanted) = &s.fetching.now else { return };
    let plan = match &wanted.step {
        Step::Looking => None,
        Step::Told(plan) => Some(plan),
        Step::Fetching => return,
    };
    let modal = egui::Modal::new(Id::unique("fetch a model")).show(ctx, |ui| {
        ui.set_width(520.0);
        ui.label(RichText::new(format!("Fetch {}", wanted.id)).strong().color(theme::of(ui).strong));
        let Some(plan) = plan else {
            ui.horizontal(|ui| {
                ui.add(egui::Spinner::new().size(13.0));
                ui.label("Asking the hub what it is…");
            });
            stop(ui, "Cancel", "Ask no more", out);
            return;
        };
        let room = plan.fits();
        for (name, text) in plan.facts() {
            ui.horizontal_wrapped(|ui| {
                ui.label(RichText::new(format!("{name}:")).color(theme::of(ui).weak));
                ui.add(egui::Label::new(RichText::new(&text).color(theme::of(ui).text)).wrap());
            });
        }
        if let Err(why) = &room {
            ui.add(egui::Label::new(RichText::new(why.to_string()).color(theme::of(ui).warn)).wrap());
        }
        ui.horizontal(|ui| {
            let text = format!("Fetch {}", DecimalBytes(plan.missing()));
            let button = ui.add_enabled(room.is_ok(), egui::Button::new(text));
            let tip = "The window goes on meanwhile; prompts, clip and view stay as they are";
            if button.on_hover_text(tip).clicked() {
                out.push(Intent::Model(Fetch::Begin));
            }
            stop(ui, "Cancel", "Fetch nothing", out);
        });
    });
    if modal.should_close() {
        out.push(Intent::Model(Fetch::Stop));
    }
}

fn stop(ui: &mut Ui, text: &str, tip: &str, out: &mut Vec<Intent>) {
    if ui.button(text).on_hover_text(tip).clicked() {
        out.push(Intent::Model(Fetch::Stop));
    }
}

/// In the bar on top, while something is fetched.
pub fn work(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let Some(Wanted { id, step: Step::Fetching, since, tracker, .. }) = &s.fetching.now else { return };
    let tip = "What has come is kept, and the next fetch goes on from there";
    if ui.small_button("Stop fetching").on_hover_text(tip).clicked() {
        out.push(Intent::Model(Fetch::Stop));
    }
    let words = tracker.words(*since);
    let (done, total) = (tracker.done.load(Ordering::Relaxed), tracker.total.load(Ordering::Relaxed));
    let bar =
        egui::ProgressBar::new(done as f32 / total.max(1) as f32).desired_width(60.0).desired_height(12.0);
    ui.add(bar).on_hover_text(&words);
    let mut parts = words.split(", ");
    let percent = parts.next().unwrap_or_default();
    let rate = parts.find(|part| part.ends_with("/s")).map_or_else(String::new, |rate| format!(", {rate}"));
    let text = RichText::new(format!("fetching {id} {percent}{rate}"))
        .font(theme::small())
        .color(theme::of(ui).text);
    ui.label(text).on_hover_text(&words).accessible_name(format!("fetching {id}: {words}"));
    ui.ctx().request_repaint_after(Duration::from_millis(100));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_counts_what_came_and_not_what_was_there() {
        let tracker = Tracker::default();
        tracker.note(Stage::Checking, "a", 50, 200);
        assert!(tracker.words(Instant::now()).contains("25%, 50 B of 200 B, comparing what is there of a"));
        tracker.note(Stage::Fetching, "a", 50, 200);
        tracker.note(Stage::Fetching, "a", 150, 200);
        assert_eq!(tracker.came.load(Ordering::Relaxed), 100);
        let words = tracker.words(Instant::now() - Duration::from_secs(10));
        assert!(words.starts_with("75%, 150 B of 200 B, ") && words.ends_with(" left"), "{words}");
        assert!(Tracker::default().words(Instant::now()).starts_with("0%"));
    }
}
