//! The list of classes: in which order they stand, and which of them are drawn. Only the cards that can be seen are drawn, and
//! nothing changes its place while somebody types or has the pointer at work among them.

use super::document::{ClassKey, Key};
use super::intent::Intent;
use super::state::State;
use super::{class_card, field, score_row};
use crate::score::Scores;
use egui::mutex::Mutex;
use egui::{Id, Ui};
use std::collections::HashMap;
use std::sync::Arc;

/// Points between two cards, beside the style's own spacing.
const GAP: f32 = 4.0;
/// The height of a card that has not been drawn yet, until one has.
const HEIGHT: f32 = 76.0;
/// The order stands still for so long after the pointer has moved or pressed among the cards, in seconds.
const STILL: f32 = 1.5;

#[derive(Default)]
struct List {
    heights: HashMap<ClassKey, f32>,
    /// That of the last closed card that was drawn.
    typical: Option<f32>,
    width: f32,
    /// Places in the prompt set in the order shown, and the keys of the classes there.
    order: Vec<usize>,
    keys: Vec<ClassKey>,
    shape: Option<u64>,
    /// The scores that the order is by; `None` where it is the set's own.
    by: Option<Arc<Scores>>,
    /// The order is the set's own.
    own: bool,
}

/// Draws the cards. To be called inside a scroll area.
pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let shared: Arc<Mutex<List>> =
        ui.data_mut(|d| d.get_temp_mut_or_default::<Arc<Mutex<List>>>(Id::unique("class list")).clone());
    let list = &mut *shared.lock();
    list.arrange(s, stands_still(ui, s));
    if (list.width - ui.available_width()).abs() > 0.5 {
        list.width = ui.available_width();
        list.heights.clear();
        list.typical = None;
    }
    let seen = ui.clip_rect().y_range();
    let wanted = wanted(ui, s);
    let reach = s.scores().map_or(1.0, score_row::reach);
    let space = ui.spacing().item_spacing.y + GAP;
    let mut top = ui.cursor().top();
    let mut skipped = 0.0;
    for (&c, &key) in list.order.iter().zip(&list.keys) {
        let height = list.heights.get(&key).or(list.typical.as_ref()).copied().unwrap_or(HEIGHT);
        let hidden = top + height < seen.min || top > seen.max;
        if hidden && wanted != Some(key) {
            skipped += height + space;
            top += height + space;
            continue;
        }
        if skipped > 0.0 {
            ui.add_space(skipped);
            skipped = 0.0;
        }
        let (drawn, open) = class_card::show(ui, s, (c, key), reach, out);
        list.heights.insert(key, drawn);
        if !open {
            list.typical = Some(drawn);
        }
        ui.add_space(GAP);
        top = ui.cursor().top();
    }
    ui.add_space(skipped);
}

/// The class that has to be drawn wherever it is: somebody types in it, or it waits for its name.
fn wanted(ui: &Ui, s: &State) -> Option<ClassKey> {
    let key = field::in_use(ui.ctx()).or(s.history.newest())?;
    let document = s.history.present();
    match key {
        Key::Class(key) => Some(key),
        Key::Prompt(prompt) => {
            let mut classes = 0..document.prompts.classes.len();
            let c = classes.find(|c| document.prompt_keys(*c).is_some_and(|k| k.contains(prompt)))?;
            document.class_key(c)
        }
    }
}

/// Somebody types or is about to, or the pointer is at work among the cards.
fn stands_still(ui: &Ui, s: &State) -> bool {
    let over = ui.rect_contains_pointer(ui.clip_rect());
    let lately = ui.input(|i| i.pointer.time_since_last_movement().min(i.pointer.time_since_last_click()));
    let busy = over && lately < STILL;
    if busy {
        ui.ctx().request_repaint_after(std::time::Duration::from_secs_f32(STILL));
    }
    busy || ui.ctx().text_edit_focused() || s.history.newest().is_some_and(|key| field::waits(ui.ctx(), key))
}

impl List {
    fn arrange(&mut self, s: &State, still: bool) {
        let document = s.history.present();
        let count = document.prompts.classes.len();
        let scores = s.current().map(|x| &x.scores);
        let sorted = self.by.as_ref().zip(scores).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
        let same = self.shape == Some(document.shape());
        self.shape = Some(document.shape());
        let key = |c: &usize| document.class_key(*c);
        if !s.sort_by_score {
            if !same || !self.own {
                self.order = (0..count).collect();
                self.keys = self.order.iter().filter_map(key).collect();
                (self.by, self.own) = (None, true);
            }
        } else if s.scores_fresh() && !still && scores.is_some() && !(same && sorted) {
            self.order = (0..count).collect();
            let p: Vec<f32> = self.order.iter().map(|c| s.score(*c).map_or(-1.0, |x| x.p)).collect();
            self.order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
            self.keys = self.order.iter().filter_map(key).collect();
            self.by = scores.cloned();
            self.own = false;
        } else if !same {
            // New scores are coming or somebody types: those that were there keep their order, new ones come first.
            let mut places: HashMap<ClassKey, usize> =
                (0..count).filter_map(|c| Some((document.class_key(c)?, c))).collect();
            let kept: Vec<usize> = self.keys.iter().filter_map(|key| places.remove(key)).collect();
            let new = (0..count).filter(|c| key(c).is_some_and(|key| places.contains_key(&key)));
            self.order = new.chain(kept).collect();
            self.own = false;
            self.keys = self.order.iter().filter_map(key).collect();
        }
    }
}
