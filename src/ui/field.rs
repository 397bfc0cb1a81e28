//! Text fields, and why nothing that is typed leaks out of them.
//!
//! A field is known by what it edits ([`Key`]), so that a line that appears above it, another order or an undo cannot take
//! its focus. The keys of the window rest while a field has the focus, while one that was just asked for has not been drawn
//! yet, and for a second after one went away under a person's hands, who may still be typing.

use super::document::Key;
use super::elide;
use egui::text::{CCursor, CCursorRange, LayoutJob};
use egui::{Context, Event, Id, TextEdit, Ui};
use std::sync::Arc;

/// How long the keys rest after a field has gone, in seconds; whoever goes on typing has not noticed, and begins it anew.
const REST: f64 = 1.0;

/// The id of the field that edits this.
pub fn id(key: impl Into<Key>) -> Id {
    Id::unique(("field", key.into()))
}

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    /// A field had the focus when the frame before began.
    typing: bool,
    /// The frame before had what a person leaves a field with: Enter, Escape, Tab or the pointer; or an earlier one had, and nothing
    /// has been typed since (a field that went with its window keeps the focus for a frame).
    by_hand: bool,
    /// Until when the keys rest.
    rest: f64,
    /// The newest row that has been given the focus: once is enough.
    given: Option<Key>,
    /// The row that is to get it once it is drawn, and whether its text is selected then.
    called: Option<(Key, bool)>,
}

fn memory<T>(ctx: &Context, f: impl FnOnce(&mut Memory) -> T) -> T {
    ctx.data_mut(|d| f(d.get_temp_mut_or_default(Id::unique("typing"))))
}

/// Whether the keys have to rest in this frame. To be asked once a frame, before anything is drawn.
pub fn keys_rest(ctx: &Context) -> bool {
    let editing = ctx.text_edit_focused();
    let (now, by_hand, escape, typed) = ctx.input(|i| {
        let left = |k: egui::Key| i.key_pressed(k);
        let by_hand = left(egui::Key::Enter)
            || left(egui::Key::Escape)
            || left(egui::Key::Tab)
            || i.pointer.any_pressed()
            || i.pointer.any_released();
        (i.time, by_hand, left(egui::Key::Escape), i.events.iter().any(|e| matches!(e, Event::Text(_))))
    });
    memory(ctx, |m| {
        if editing {
            m.rest = 0.0;
        } else {
            let went = m.typing && !by_hand && !m.by_hand;
            if went || (typed && now < m.rest) {
                m.rest = now + REST;
            }
        }
        // Who leaves a field by Escape means nothing else by it.
        let escaped = m.typing && !editing && escape;
        (m.typing, m.by_hand) = (editing, by_hand || (editing && m.by_hand && !typed));
        editing || escaped || now < m.rest
    })
}

/// Gives the keyboard to that row's field, also where it is not drawn yet; `select`: its text is selected, to be written over.
pub fn enter(ctx: &Context, key: Key, select: bool) {
    memory(ctx, |m| m.called = Some((key, select)));
    goes(ctx);
}

/// Something is typed in this frame that is no command, nor meant for a button that has the focus.
pub fn is_typed(ctx: &Context) -> bool {
    let elsewhere = ctx.memory(|m| m.focused().is_some());
    let letter = |e: &Event| match e {
        Event::Text(text) => text != " " || !elsewhere,
        Event::Key { key, pressed, modifiers, .. } => {
            *pressed && !modifiers.command && matches!(key, egui::Key::Backspace | egui::Key::Delete)
        }
        _ => false,
    };
    ctx.input(|i| i.events.iter().any(letter))
}

/// Whether the field of a new row has still to be given the focus.
pub fn waits(ctx: &Context, key: Key) -> bool {
    memory(ctx, |m| m.given != Some(key))
}

/// To be told where a field goes away, or another one is to come in its place.
pub fn goes(ctx: &Context) {
    let now = ctx.input(|i| i.time);
    memory(ctx, |m| m.rest = now + REST);
}

/// How a field was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// By Enter, and what was typed after it in the same frame: it belongs to what comes next.
    Enter(String),
    Escape,
}

/// What came of a field in this frame.
pub struct Outcome {
    pub response: egui::Response,
    /// The new text, where it changed.
    pub changed: Option<String>,
    pub left: Option<Left>,
}

/// A field of one line.
pub struct Line<'a> {
    pub key: Key,
    pub text: &'a str,
    pub hint: &'a str,
    /// The name for screen readers and tests.
    pub name: String,
    pub width: f32,
    /// The row has just been added: it gets the focus, once.
    pub newest: bool,
    /// With the focus its text is selected, to be written over.
    pub select: bool,
}

impl Line<'_> {
    /// Draws the field. `look` lays out the text. A text that is too long shows its two ends while nobody is in it.
    pub fn show(self, ui: &mut Ui, look: impl Fn(&Ui, &str) -> LayoutJob) -> Outcome {
        let id = id(self.key);
        let ctx = ui.ctx().clone();
        let called = memory(&ctx, |m| m.called.take_if(|(key, _)| *key == self.key));
        let newest = self.newest && memory(&ctx, |m| m.given.replace(self.key) != Some(self.key));
        let given = called.is_some() || newest;
        if given {
            ui.memory_mut(|m| m.request_focus(id));
            let mut state = TextEdit::load_state(&ctx, id).unwrap_or_default();
            let end = CCursor::new(self.text.chars().count());
            let from = if called.map_or(self.select, |(_, select)| select) { CCursor::new(0) } else { end };
            state.cursor.set_char_range(Some(CCursorRange::two(from, end)));
            state.store(&ctx, id);
        }
        let mut text = self.text.to_owned();
        let focused = ui.memory(|m| m.has_focus(id));
        let font = egui::TextStyle::Body.resolve(ui.style());
        // A field's text stands as far from its sides as a button's.
        let room = self.width - 2.0 * ui.spacing().button_padding.x - 1.0;
        let mut shortened = false;
        let mut layouter = |ui: &Ui, buffer: &dyn egui::TextBuffer, _wrap: f32| -> Arc<egui::Galley> {
            let full = buffer.as_str();
            let shown = if focused { full.into() } else { elide::middle(ui, full, &font, room) };
            shortened = shown.len() != full.len();
            let mut job = look(ui, &shown);
            job.keep_trailing_whitespace = true;
            job.break_on_newline = false;
            ui.fonts_mut(|f| f.layout_job(job))
        };
        let edit = TextEdit::singleline(&mut text)
            .id(id)
            .hint_text(self.hint)
            .desired_width(self.width)
            .layouter(&mut layouter);
        let mut response = ui.add(edit).accessible_name(self.name);
        if given {
            response.scroll_to_me(None);
        }
        if shortened {
            response = response.on_hover_text(self.text);
        }
        if focused {
            ui.data_mut(|d| d.insert_temp(Id::unique("field in use"), self.key));
        }
        let pressed = |k| ui.input(|i| i.key_pressed(k));
        let left = match response.lost_focus() {
            true if pressed(egui::Key::Escape) => Some(Left::Escape),
            true if pressed(egui::Key::Enter) => Some(Left::Enter(after_enter(ui))),
            _ => None,
        };
        Outcome { changed: response.changed().then_some(text), response, left }
    }
}

fn after_enter(ui: &Ui) -> String {
    let enter = |e: &Event| matches!(e, Event::Key { key: egui::Key::Enter, pressed: true, .. });
    ui.input(|i| {
        let rest = i.events.iter().skip_while(|e| !enter(e));
        rest.filter_map(|e| if let Event::Text(t) = e { Some(t.as_str()) } else { None }).collect()
    })
}

/// The row whose field has the focus, or is to get it.
pub fn in_use(ctx: &Context) -> Option<Key> {
    if let Some((called, _)) = memory(ctx, |m| m.called) {
        return Some(called);
    }
    let key: Key = ctx.data(|d| d.get_temp(Id::unique("field in use")))?;
    ctx.memory(|m| m.focused() == Some(id(key))).then_some(key)
}
