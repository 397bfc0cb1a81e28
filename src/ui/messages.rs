//! What the window tells in words, as small cards over the stage: they push nothing aside, all of them go by themselves unless
//! somebody reads them, problems last, and each can be dismissed before. The newest problem is told in full; of what is older,
//! and of hints, as much as a line or two hold.

use super::icon::{self, Icon};
use super::intent::Intent;
use super::state::State;
use super::theme;
use egui::text::LayoutJob;
use egui::{Align, Align2, Context, Id, Layout, RichText, Ui, vec2};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Problem,
    Hint,
    Done,
}

impl Kind {
    /// How long a message stays: there is more to read in a problem.
    fn stays(self) -> Duration {
        Duration::from_secs(match self {
            Kind::Problem => 30,
            Kind::Hint => 20,
            Kind::Done => 6,
        })
    }
}

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: u64,
    pub kind: Kind,
    pub text: String,
    /// What can be done about it: a button's text, and what it asks for.
    pub offer: Option<(String, Intent)>,
    /// `None`: somebody reads it, and it stays until it is dismissed.
    until: Option<Instant>,
}

/// The messages that are shown, oldest first.
#[derive(Debug, Default)]
pub struct Messages {
    list: Vec<Message>,
    next: u64,
}

/// More than this push out the oldest.
const MOST: usize = 4;

impl Messages {
    /// Adds one. The very same that is shown already stays longer instead.
    pub fn add(&mut self, kind: Kind, text: impl Into<String>) {
        self.add_with(kind, text, None);
    }

    /// The same with a button.
    pub fn add_with(&mut self, kind: Kind, text: impl Into<String>, offer: Option<(String, Intent)>) {
        self.add_at(kind, text.into(), offer, Instant::now());
    }

    fn add_at(&mut self, kind: Kind, text: String, offer: Option<(String, Intent)>, now: Instant) {
        let until = now + kind.stays();
        if let Some(same) = self.list.iter_mut().find(|m| m.kind == kind && m.text == text) {
            same.until = same.until.map(|_| until);
            return;
        }
        if self.list.len() >= MOST {
            self.list.remove(0);
        }
        self.next += 1;
        self.list.push(Message { id: self.next, kind, text, offer, until: Some(until) });
    }

    /// Somebody wants to read all of it: it stays.
    pub fn read(&mut self, id: u64) {
        self.list.iter_mut().filter(|m| m.id == id).for_each(|m| m.until = None);
    }

    pub fn dismiss(&mut self, id: u64) {
        self.list.retain(|m| m.id != id);
    }

    pub fn dismiss_all(&mut self) {
        self.list.clear();
    }

    /// What this says is no longer so.
    pub fn retract(&mut self, text: &str) {
        self.list.retain(|m| m.text != text);
    }

    pub fn all(&self) -> &[Message] {
        &self.list
    }

    /// Drops what is over; says when to look again.
    pub fn expire(&mut self, now: Instant) -> Option<Duration> {
        self.list.retain(|m| m.until.is_none_or(|until| until > now));
        self.list.iter().filter_map(|m| m.until).min().map(|u| u - now)
    }
}

/// The width of a card where there is room, in points.
const WIDEST: f32 = 560.0;

/// Draws the messages one below the other over the upper part of the stage, in the room below its buttons. Where no video is
/// open they stand at the bottom: above is where one is opened.
pub fn show(ctx: &Context, stage: egui::Rect, s: &State, out: &mut Vec<Intent>) {
    let messages = s.messages.all();
    if messages.is_empty() || !stage.is_positive() {
        return;
    }
    let newest = messages.iter().rev().find(|m| m.kind == Kind::Problem).map(|m| m.id);
    let width = (stage.width() - 24.0).clamp(160.0, WIDEST);
    let area = egui::Area::new(Id::unique("messages")).order(egui::Order::Foreground);
    let area = match s.playback.info {
        Some(_) => area.fixed_pos(stage.right_top() + vec2(-6.0 - width, 2.0)),
        None => area.pivot(Align2::RIGHT_BOTTOM).fixed_pos(stage.right_bottom() - vec2(6.0, 6.0)),
    };
    area.show(ctx, |ui| {
        ui.set_width(width);
        for m in messages {
            let whole = m.until.is_none() || m.kind == Kind::Done || Some(m.id) == newest;
            card(ui, width, m, whole, out);
        }
        if messages.len() > 1 {
            ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                if ui.button("Dismiss all").on_hover_text("Hide these messages").clicked() {
                    out.push(Intent::DismissAll);
                }
            });
        }
    });
}

/// `whole`: all of it; else so much that it is known what it is about, for it covers the picture.
fn card(ui: &mut Ui, width: f32, m: &Message, whole: bool, out: &mut Vec<Intent>) {
    let (colour, icon, word) = match m.kind {
        Kind::Problem => (theme::of(ui).error, Icon::Warning, "Problem"),
        Kind::Hint => (theme::of(ui).warn, Icon::Bulb, "Good to know"),
        Kind::Done => (theme::of(ui).good, Icon::Check, "Done"),
    };
    let frame = egui::Frame::new()
        .fill(theme::of(ui).card)
        .stroke(egui::Stroke::new(1.0, colour))
        .corner_radius(4)
        .inner_margin(egui::Margin::symmetric(10, 6));
    frame.show(ui, |ui| {
        ui.set_width(width - 22.0);
        let font = egui::TextStyle::Body.resolve(ui.style());
        let mut text = LayoutJob::simple(m.text.clone(), font, theme::of(ui).text, ui.available_width());
        if !whole {
            text.wrap.max_rows = if m.kind == Kind::Hint { 2 } else { 1 };
        }
        let text = ui.fonts_mut(|f| f.layout_job(text));
        // In a narrow card it would lie over the words beside it.
        let below = whole || width < WIDEST;
        ui.horizontal(|ui| {
            icon::label(ui, icon, colour);
            ui.label(RichText::new(word).color(colour).strong());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if ui.button("Dismiss").on_hover_text("Hide this message (Esc: the newest)").clicked() {
                    out.push(Intent::Dismiss(m.id));
                }
                if text.elided {
                    let more = ui.button("More");
                    if more.on_hover_text("All of it; it stays until it is dismissed").clicked() {
                        out.push(Intent::ReadMessage(m.id));
                    }
                }
                if !below {
                    offered(ui, m, out);
                }
            });
        });
        ui.add(egui::Label::new(text).selectable(true));
        if below {
            offered(ui, m, out);
        }
    });
}

/// The button of what a message offers to do, where it does.
fn offered(ui: &mut Ui, m: &Message, out: &mut Vec<Intent>) {
    if let Some((text, intent)) = &m.offer {
        let mut button = ui.button(text);
        if matches!(intent, Intent::Model(_)) {
            button = button.on_hover_text("Licence and size are shown before anything is fetched");
        }
        if button.clicked() {
            out.extend([intent.clone(), Intent::Dismiss(m.id)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_go_by_themselves_problems_last_and_at_most_four_are_shown() {
        let (mut m, now) = (Messages::default(), Instant::now());
        m.add_at(Kind::Problem, "p".into(), None, now);
        m.add_at(Kind::Done, "d".into(), None, now);
        assert_eq!(m.expire(now), Some(Duration::from_secs(6)));
        assert_eq!(m.expire(now + Duration::from_secs(7)), Some(Duration::from_secs(23)));
        assert_eq!(m.all().len(), 1);
        assert_eq!(m.expire(now + Duration::from_secs(31)), None);
        assert!(m.all().is_empty());
        for i in 0..9 {
            m.add_at(Kind::Problem, format!("{i}"), None, now);
        }
        let texts: Vec<&str> = m.all().iter().map(|m| m.text.as_str()).collect();
        assert_eq!(texts, ["5", "6", "7", "8"]);
        // What somebody reads stays, also when it is told again.
        m.read(m.all()[2].id);
        m.add_at(Kind::Problem, "7".into(), None, now);
        assert_eq!(m.expire(now + Duration::from_secs(99)), None);
        assert_eq!(m.all().len(), 1);
        m.retract("7");
        assert!(m.all().is_empty());
    }

    #[test]
    fn the_same_again_is_one_message_that_stays_longer() {
        let (mut m, now) = (Messages::default(), Instant::now());
        m.add_at(Kind::Done, "saved".into(), None, now);
        m.add_at(Kind::Done, "saved".into(), None, now + Duration::from_secs(5));
        assert_eq!(m.all().len(), 1);
        m.expire(now + Duration::from_secs(7));
        assert_eq!(m.all().len(), 1);
    }
}
