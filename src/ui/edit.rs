//! Edits of the prompt set, and their undo. Pure: no window, no engine.
//!
//! Undo keeps whole documents (they are small) and joins consecutive typing in one field into one step.

use crate::prompt::{Class, PromptSet};
use crate::score::Scores;
use std::sync::Arc;

/// Positive or negative prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    Positive,
    Negative,
}

impl Side {
    /// The word for people and for screen readers.
    pub fn word(self) -> &'static str {
        match self {
            Side::Positive => "positive",
            Side::Negative => "negative",
        }
    }

    /// The sign that goes with the word.
    pub fn sign(self) -> &'static str {
        match self {
            Side::Positive => "+",
            Side::Negative => "−",
        }
    }

    /// The list of a class on this side; `None`: it follows the templates.
    pub fn list(self, class: &Class) -> &Option<Vec<String>> {
        match self {
            Side::Positive => &class.positive,
            Side::Negative => &class.negative,
        }
    }

    fn list_mut(self, class: &mut Class) -> &mut Option<Vec<String>> {
        match self {
            Side::Positive => &mut class.positive,
            Side::Negative => &mut class.negative,
        }
    }

    /// The list that a person edits: the own one as it is written, blank lines included, or the filled templates.
    pub fn shown(self, set: &PromptSet, class: &Class) -> Vec<String> {
        self.list(class).clone().unwrap_or_else(|| self.prompts(set, class))
    }

    /// The prompts of a class as they go to the tokenizer.
    pub fn prompts(self, set: &PromptSet, class: &Class) -> Vec<String> {
        match self {
            Side::Positive => set.positive_prompts(class),
            Side::Negative => set.negative_prompts(class),
        }
    }
}

/// One change of the prompt set. Indices that do not exist are ignored.
#[derive(Clone, Debug, PartialEq)]
pub enum PromptEdit {
    AddClass(String),
    RemoveClass(usize),
    /// Moves a class by so many places.
    MoveClass(usize, i32),
    RenameClass(usize, String),
    /// Adds a prompt to a class's own list (which starts as the filled templates).
    AddPrompt(usize, Side, String),
    SetPrompt(usize, Side, usize, String),
    RemovePrompt(usize, Side, usize),
    MovePrompt(usize, Side, usize, i32),
    /// The class keeps a copy of what the templates give, to be edited.
    WriteOwn(usize, Side),
    /// Back to the templates.
    UseTemplates(usize, Side),
    AddTemplate(Side),
    SetTemplate(Side, usize, String),
    RemoveTemplate(Side, usize),
    Replace(PromptSet),
}

impl PromptEdit {
    /// Typing in the same field joins into one undo step.
    fn field(&self) -> Option<(usize, Option<Side>, usize)> {
        match self {
            PromptEdit::RenameClass(c, _) => Some((*c, None, 0)),
            PromptEdit::SetPrompt(c, s, i, _) => Some((*c, Some(*s), *i)),
            PromptEdit::SetTemplate(s, i, _) => Some((usize::MAX, Some(*s), *i)),
            _ => None,
        }
    }
}

/// What undo brings back: the prompts and the pinned baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub prompts: PromptSet,
    pub pinned: Option<Arc<Scores>>,
}

/// A document with its past and its undone future.
#[derive(Debug)]
pub struct History {
    present: Document,
    past: Vec<Document>,
    future: Vec<Document>,
    typing: Option<(usize, Option<Side>, usize)>,
}

/// Undo steps that are kept.
const DEPTH: usize = 200;

impl History {
    pub fn new(prompts: PromptSet) -> Self {
        Self {
            present: Document { prompts, pinned: None },
            past: Vec::new(),
            future: Vec::new(),
            typing: None,
        }
    }

    pub fn present(&self) -> &Document {
        &self.present
    }

    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }

    /// Applies an edit. Returns whether anything changed.
    pub fn edit(&mut self, edit: &PromptEdit) -> bool {
        let mut next = self.present.clone();
        apply(&mut next.prompts, edit);
        self.step(next, edit.field())
    }

    /// Sets or clears the baseline.
    pub fn pin(&mut self, scores: Option<Arc<Scores>>) -> bool {
        let next = Document { prompts: self.present.prompts.clone(), pinned: scores };
        self.step(next, None)
    }

    /// Changes the templates without an undo step: a model brings its own.
    pub fn adopt_templates(&mut self, templates: crate::prompt::Templates) {
        self.present.prompts.templates = templates;
    }

    fn step(&mut self, next: Document, field: Option<(usize, Option<Side>, usize)>) -> bool {
        if next == self.present {
            return false;
        }
        let joins = field.is_some() && field == self.typing && !self.past.is_empty();
        let before = std::mem::replace(&mut self.present, next);
        if !joins {
            self.past.push(before);
            if self.past.len() > DEPTH {
                self.past.remove(0);
            }
        }
        self.typing = field;
        self.future.clear();
        true
    }

    pub fn undo(&mut self) -> bool {
        let Some(before) = self.past.pop() else { return false };
        self.typing = None;
        self.future.push(std::mem::replace(&mut self.present, before));
        true
    }

    pub fn redo(&mut self) -> bool {
        let Some(after) = self.future.pop() else { return false };
        self.typing = None;
        self.past.push(std::mem::replace(&mut self.present, after));
        true
    }
}

/// Carries out one edit.
pub fn apply(set: &mut PromptSet, edit: &PromptEdit) {
    match edit {
        PromptEdit::AddClass(name) => {
            set.classes.push(Class { name: name.clone(), ..Class::default() });
        }
        PromptEdit::RemoveClass(c) => remove(&mut set.classes, *c),
        PromptEdit::MoveClass(c, by) => shift(&mut set.classes, *c, *by),
        PromptEdit::RenameClass(c, name) => {
            if let Some(class) = set.classes.get_mut(*c) {
                class.name.clone_from(name);
            }
        }
        PromptEdit::AddPrompt(c, side, text) => own_list(set, *c, *side, |l| l.push(text.clone())),
        PromptEdit::SetPrompt(c, side, i, text) => own_list(set, *c, *side, |l| {
            if let Some(p) = l.get_mut(*i) {
                p.clone_from(text);
            }
        }),
        PromptEdit::RemovePrompt(c, side, i) => own_list(set, *c, *side, |l| remove(l, *i)),
        PromptEdit::MovePrompt(c, side, i, by) => own_list(set, *c, *side, |l| shift(l, *i, *by)),
        PromptEdit::WriteOwn(c, side) => own_list(set, *c, *side, |_| {}),
        PromptEdit::UseTemplates(c, side) => {
            if let Some(class) = set.classes.get_mut(*c) {
                *side.list_mut(class) = None;
            }
        }
        PromptEdit::AddTemplate(side) => templates(set, *side).push("{}".to_owned()),
        PromptEdit::SetTemplate(side, i, text) => {
            if let Some(t) = templates(set, *side).get_mut(*i) {
                t.clone_from(text);
            }
        }
        PromptEdit::RemoveTemplate(side, i) => remove(templates(set, *side), *i),
        PromptEdit::Replace(new) => set.clone_from(new),
    }
}

fn templates(set: &mut PromptSet, side: Side) -> &mut Vec<String> {
    match side {
        Side::Positive => &mut set.templates.positive,
        Side::Negative => &mut set.templates.negative,
    }
}

fn own_list(set: &mut PromptSet, c: usize, side: Side, change: impl FnOnce(&mut Vec<String>)) {
    let Some(class) = set.classes.get(c) else { return };
    let filled = side.prompts(set, class);
    if let Some(class) = set.classes.get_mut(c) {
        change(side.list_mut(class).get_or_insert(filled));
    }
}

fn remove<T>(list: &mut Vec<T>, i: usize) {
    if i < list.len() {
        list.remove(i);
    }
}

fn shift<T>(list: &mut [T], i: usize, by: i32) {
    let to = i as i64 + i64::from(by);
    if i < list.len() && (0..list.len() as i64).contains(&to) {
        list.swap(i, to as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> PromptSet {
        PromptSet::from_names(["jump", "run"])
    }

    #[test]
    fn typing_joins_into_one_undo_step_per_field() {
        let mut h = History::new(set());
        for name in ["jum", "ju", "j"] {
            assert!(h.edit(&PromptEdit::RenameClass(0, name.into())));
        }
        assert!(h.edit(&PromptEdit::RenameClass(1, "walk".into())));
        assert!(h.undo());
        assert_eq!(h.present().prompts.classes[1].name, "run");
        assert_eq!(h.present().prompts.classes[0].name, "j");
        assert!(h.undo());
        assert_eq!(h.present().prompts, set());
        assert!(!h.undo());
        assert!(h.redo() && h.redo() && !h.redo());
        assert_eq!(h.present().prompts.classes[1].name, "walk");
    }

    #[test]
    fn adding_to_a_class_keeps_what_the_templates_gave() {
        let mut s = set();
        let filled = s.negative_prompts(&s.classes[0]);
        apply(&mut s, &PromptEdit::AddPrompt(0, Side::Negative, "standing".into()));
        let own = s.classes[0].negative.clone().unwrap();
        assert_eq!(own[..filled.len()], filled[..]);
        assert_eq!(own.last().map(String::as_str), Some("standing"));
        assert!(s.classes[0].positive.is_none());
        apply(&mut s, &PromptEdit::UseTemplates(0, Side::Negative));
        assert_eq!(s, set());
    }

    #[test]
    fn edits_out_of_range_change_nothing() {
        let mut h = History::new(set());
        for e in [
            PromptEdit::RemoveClass(9),
            PromptEdit::MoveClass(0, -1),
            PromptEdit::MoveClass(1, 1),
            PromptEdit::RenameClass(7, "x".into()),
            PromptEdit::AddPrompt(9, Side::Positive, "x".into()),
            PromptEdit::RemoveTemplate(Side::Negative, 5),
        ] {
            assert!(!h.edit(&e), "{e:?}");
        }
        assert!(!h.can_undo());
    }

    #[test]
    fn a_new_edit_forgets_what_was_undone() {
        let mut h = History::new(set());
        h.edit(&PromptEdit::AddClass("hop".into()));
        h.undo();
        h.edit(&PromptEdit::MoveClass(0, 1));
        assert!(!h.can_redo());
        assert_eq!(h.present().prompts.classes[0].name, "run");
    }
}
