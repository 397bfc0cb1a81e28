//! What the window tells in words: problems stay until they are dismissed, good news goes by itself, and nothing
//! hides the last good picture for long.

use super::command::Command;
use super::icon::{self, Icon};
use super::theme;
use egui::{Align, Layout, RichText, Ui, vec2};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Problem,
    Hint,
    Done,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: u64,
    pub kind: Kind,
    pub text: String,
    until: Option<Instant>,
}

/// The messages that are shown, oldest first.
#[derive(Debug, Default)]
pub struct Messages {
    list: Vec<Message>,
    next: u64,
}

/// How long good news stays.
const DONE: Duration = Duration::from_secs(6);
/// More problems than this push out the oldest.
const MOST: usize = 4;

impl Messages {
    /// Adds one, unless the very same is shown already.
    pub fn add(&mut self, kind: Kind, text: impl Into<String>) {
        let text = text.into();
        if self.list.iter().any(|m| m.kind == kind && m.text == text) {
            return;
        }
        if self.list.len() >= MOST {
            self.list.remove(0);
        }
        self.next += 1;
        let until = (kind == Kind::Done).then(|| Instant::now() + DONE);
        self.list.push(Message { id: self.next, kind, text, until });
    }

    pub fn dismiss(&mut self, id: u64) {
        self.list.retain(|m| m.id != id);
    }

    pub fn all(&self) -> &[Message] {
        &self.list
    }

    /// Drops what is over; says when to look again.
    pub fn expire(&mut self, now: Instant) -> Option<Duration> {
        self.list.retain(|m| m.until.is_none_or(|u| u > now));
        self.list.iter().filter_map(|m| m.until).min().map(|u| u - now)
    }
}

/// Draws the messages as bars, one below the other.
pub fn show(ui: &mut Ui, messages: &Messages, out: &mut Vec<Command>) {
    for m in messages.all() {
        let (colour, icon, word) = match m.kind {
            Kind::Problem => (theme::ERROR, Icon::Warning, "Problem"),
            Kind::Hint => (theme::WARN, Icon::Bulb, "Good to know"),
            Kind::Done => (theme::GOOD, Icon::Check, "Done"),
        };
        egui::Frame::new()
            .fill(theme::CARD)
            .stroke(egui::Stroke::new(1.0, colour))
            .corner_radius(4)
            .inner_margin(egui::Margin::symmetric(10, 6))
            .show(ui, |ui| {
                ui.horizontal_top(|ui| {
                    icon::label(ui, icon, colour);
                    ui.label(RichText::new(word).color(colour).strong());
                    let width = (ui.available_width() - 76.0).max(80.0);
                    ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::Min), |ui| {
                        ui.set_width(width);
                        ui.add(egui::Label::new(&m.text).selectable(true).wrap());
                    });
                    if ui.button("Dismiss").on_hover_text("Hide this message").clicked() {
                        out.push(Command::Dismiss(m.id));
                    }
                });
            });
    }
}
