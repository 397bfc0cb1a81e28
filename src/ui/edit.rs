//! Edits of the prompt set, and their undo. Pure: no window, no engine.
//!
//! Undo keeps the changes that take back what was done, and joins consecutive typing in one field into one step.

use super::document::{Change, Document, Key, Row};
use crate::prompt::{Class, PromptSet, Templates};
use crate::score::Scores;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Positive or negative prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

    fn templates_mut(self, templates: &mut Templates) -> &mut Vec<String> {
        match self {
            Side::Positive => &mut templates.positive,
            Side::Negative => &mut templates.negative,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// Whether classes of unknown words only have a share of p all the same.
    CountUnknown(bool),
    /// Takes back the row that was just added and has no text yet.
    DropNewest,
    Replace(PromptSet),
}

impl PromptEdit {
    /// The field that is typed in: consecutive edits of one join into one undo step.
    fn field(&self, of: &Document) -> Option<Key> {
        match self {
            PromptEdit::RenameClass(c, _) => of.class_key(*c).map(Key::from),
            PromptEdit::SetPrompt(c, side, i, _) => {
                of.prompt_keys(*c)?.side(*side).get(*i).copied().map(Key::from)
            }
            PromptEdit::SetTemplate(side, i, _) => {
                of.template_keys().side(*side).get(*i).copied().map(Key::from)
            }
            _ => None,
        }
    }

    /// The class whose words this changes.
    pub fn class(&self) -> Option<usize> {
        match self {
            PromptEdit::RenameClass(c, _)
            | PromptEdit::AddPrompt(c, ..)
            | PromptEdit::SetPrompt(c, ..)
            | PromptEdit::RemovePrompt(c, ..) => Some(*c),
            _ => None,
        }
    }
}

/// A document with its past and its undone future.
#[derive(Debug)]
pub struct History {
    present: Document,
    /// What takes the steps back, and what takes the undone ones forward again, with the state that each leads to; the newest
    /// last.
    past: Vec<(Change, StateId)>,
    future: Vec<(Change, StateId)>,
    /// The state of the prompts now, and how many there have been.
    state: StateId,
    states: u64,
    /// The field that the newest step was typed in, or that it made.
    typing: Option<Key>,
    newest: Option<Key>,
    fresh: Option<Key>,
}

/// A state of the prompts between two steps, for as long as the window lives. What is typed in one go is one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateId(u64);

/// Undo steps that are kept.
const DEPTH: usize = 200;

impl History {
    pub fn new(prompts: PromptSet) -> Self {
        let present = Document::new(prompts);
        Self {
            present,
            past: Vec::new(),
            future: Vec::new(),
            state: StateId(0),
            states: 0,
            typing: None,
            newest: None,
            fresh: None,
        }
    }

    /// Begins anew with these prompts: there is nothing to take back. The model's templates stay known.
    pub fn start(&mut self, prompts: PromptSet) {
        let whole = self.present.whole(prompts);
        self.present.change(Change::All(Box::new(whole)));
        self.present.change(Change::Pin(None));
        self.past.clear();
        self.future.clear();
        (self.typing, self.newest, self.fresh) = (None, None, None);
        self.new_state();
    }

    fn new_state(&mut self) {
        self.states += 1;
        self.state = StateId(self.states);
    }

    /// Names the prompts as they are between this step and the next.
    pub fn state(&self) -> StateId {
        self.state
    }

    /// Puts a set that there was in that state in place of the present one; a step like any other. Returns whether anything
    /// changed.
    pub fn return_to(&mut self, set: PromptSet, state: StateId) -> bool {
        let changed = self.edit(&PromptEdit::Replace(set));
        if changed {
            self.state = state;
        }
        changed
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

    /// The class, prompt or template that the newest step has added: it waits for its text.
    pub fn newest(&self) -> Option<Key> {
        self.newest
    }

    /// The same as long as nothing has been typed into it.
    pub fn fresh(&self) -> Option<Key> {
        self.fresh
    }

    /// Applies an edit. Returns whether anything changed.
    pub fn edit(&mut self, edit: &PromptEdit) -> bool {
        if *edit == PromptEdit::DropNewest {
            return self.drop_newest();
        }
        let Some((change, added)) = plan(&mut self.present, edit) else { return false };
        let field = edit.field(&self.present);
        if field.is_none() {
            self.newest = added;
        }
        let joins = field.is_some() && field == self.typing && !self.past.is_empty();
        self.step(change, joins);
        // What is typed into a new row belongs to the step that made the row.
        self.typing = field.or(added);
        self.fresh = added;
        true
    }

    /// Takes back the row that was just added, where it is still without text. Returns whether anything changed.
    fn drop_newest(&mut self) -> bool {
        let waits = self.newest.is_some() && self.newest == self.typing;
        if !waits || !self.undo() {
            return false;
        }
        self.future.clear();
        true
    }

    /// Sets or clears the baseline.
    pub fn pin(&mut self, scores: Option<Arc<Scores>>) -> bool {
        if self.present.pinned == scores {
            return false;
        }
        self.step(Change::Pin(scores), false);
        self.typing = None;
        true
    }

    /// A model brings its templates, which is no step to take back: they are used where nobody has written other ones.
    pub fn set_model_templates(&mut self, templates: Templates) {
        self.present.set_model_templates(templates);
        for (change, _) in self.past.iter_mut().chain(&mut self.future) {
            self.present.adopts(change);
        }
    }

    fn step(&mut self, change: Change, joins: bool) {
        let (before, pin) = (self.state, matches!(change, Change::Pin(_)));
        let back = self.present.change(change);
        if !joins {
            self.past.push((back, before));
            if self.past.len() > DEPTH {
                self.past.remove(0);
            }
            if !pin {
                self.new_state();
            }
        }
        self.future.clear();
    }

    pub fn undo(&mut self) -> bool {
        let Some((change, to)) = self.past.pop() else { return false };
        (self.typing, self.newest, self.fresh) = (None, None, None);
        let forward = self.present.change(change);
        self.future.push((forward, std::mem::replace(&mut self.state, to)));
        true
    }

    pub fn redo(&mut self) -> bool {
        let Some((change, to)) = self.future.pop() else { return false };
        (self.typing, self.newest, self.fresh) = (None, None, None);
        let back = self.present.change(change);
        self.past.push((back, std::mem::replace(&mut self.state, to)));
        true
    }
}

/// The change that an edit asks for and what it adds; `None` where nothing would change.
fn plan(of: &mut Document, edit: &PromptEdit) -> Option<(Change, Option<Key>)> {
    let count = of.prompts.classes.len();
    Some(match edit {
        PromptEdit::AddClass(name) => {
            let row = of.new_row(name.clone());
            let key = Key::from(row.key);
            (Change::Insert(count, row), Some(key))
        }
        PromptEdit::RemoveClass(c) => (*c < count).then_some((Change::Remove(*c), None))?,
        PromptEdit::MoveClass(c, by) => {
            let to = moved(count, *c, *by)?;
            (Change::Swap(*c, to), None)
        }
        PromptEdit::RenameClass(c, name) => {
            let mut row = of.row(*c).filter(|row| row.class.name != *name)?;
            row.class.name.clone_from(name);
            (Change::Set(*c, row), None)
        }
        PromptEdit::AddPrompt(c, side, text) => {
            let mut row = own(of, *c, *side)?;
            let key = of.new_key();
            if let Some(list) = side.list_mut(&mut row.class) {
                list.push(text.clone());
            }
            row.prompts.side_mut(*side).push(key);
            (Change::Set(*c, row), Some(key.into()))
        }
        PromptEdit::SetPrompt(c, side, i, text) => {
            let mut row = own(of, *c, *side)?;
            let prompt = side.list_mut(&mut row.class).as_mut()?.get_mut(*i)?;
            if prompt == text {
                return None;
            }
            prompt.clone_from(text);
            (Change::Set(*c, row), None)
        }
        PromptEdit::RemovePrompt(c, side, i) => {
            let mut row = own(of, *c, *side)?;
            let list = side.list_mut(&mut row.class).as_mut()?;
            (*i < list.len()).then(|| list.remove(*i))?;
            row.prompts.side_mut(*side).remove(*i);
            (Change::Set(*c, row), None)
        }
        PromptEdit::MovePrompt(c, side, i, by) => {
            let mut row = own(of, *c, *side)?;
            let list = side.list_mut(&mut row.class).as_mut()?;
            let to = moved(list.len(), *i, *by)?;
            list.swap(*i, to);
            row.prompts.side_mut(*side).swap(*i, to);
            (Change::Set(*c, row), None)
        }
        PromptEdit::WriteOwn(c, side) => {
            let row = own(of, *c, *side)?;
            let already = of.prompts.classes.get(*c).is_some_and(|class| side.list(class).is_some());
            (!already).then_some((Change::Set(*c, row), None))?
        }
        PromptEdit::UseTemplates(c, side) => {
            let mut row = of.row(*c).filter(|row| side.list(&row.class).is_some())?;
            *side.list_mut(&mut row.class) = None;
            row.prompts.side_mut(*side).clear();
            (Change::Set(*c, row), None)
        }
        PromptEdit::AddTemplate(side) => {
            let (mut templates, mut keys) = (of.prompts.templates.clone(), of.template_keys().clone());
            let key = of.new_key();
            side.templates_mut(&mut templates).push("{}".to_owned());
            keys.side_mut(*side).push(key);
            (Change::Templates(Some(templates), keys), Some(key.into()))
        }
        PromptEdit::SetTemplate(side, i, text) => {
            let mut templates = of.prompts.templates.clone();
            let template = side.templates_mut(&mut templates).get_mut(*i).filter(|t| *t != text)?;
            template.clone_from(text);
            (Change::Templates(Some(templates), of.template_keys().clone()), None)
        }
        PromptEdit::RemoveTemplate(side, i) => {
            let (mut templates, mut keys) = (of.prompts.templates.clone(), of.template_keys().clone());
            let list = side.templates_mut(&mut templates);
            (*i < list.len()).then(|| list.remove(*i))?;
            keys.side_mut(*side).remove(*i);
            (Change::Templates(Some(templates), keys), None)
        }
        PromptEdit::CountUnknown(on) => {
            (of.prompts.count_unknown != *on).then_some((Change::CountUnknown(*on), None))?
        }
        PromptEdit::DropNewest => return None,
        PromptEdit::Replace(set) => {
            if *set == of.prompts {
                return None;
            }
            (Change::All(Box::new(of.whole(set.clone()))), None)
        }
    })
}

/// The class with a list of its own on this side, which starts as what the templates give.
fn own(of: &mut Document, c: usize, side: Side) -> Option<Row> {
    let mut row = of.row(c)?;
    if side.list(&row.class).is_none() {
        let filled = side.prompts(&of.prompts, &row.class);
        *row.prompts.side_mut(side) = filled.iter().map(|_| of.new_key()).collect();
        *side.list_mut(&mut row.class) = Some(filled);
    }
    Some(row)
}

/// The place `by` further, where there is one.
fn moved(count: usize, i: usize, by: i32) -> Option<usize> {
    let to = i64::try_from(i).ok()? + i64::from(by);
    let to = usize::try_from(to).ok()?;
    (i < count && to < count && to != i).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> PromptSet {
        PromptSet::from_names(["jump", "run"])
    }

    fn prompts(h: &History) -> &PromptSet {
        &h.present().prompts
    }

    #[test]
    fn typing_joins_into_one_undo_step_per_field() {
        let mut h = History::new(set());
        for name in ["jum", "ju", "j"] {
            assert!(h.edit(&PromptEdit::RenameClass(0, name.into())));
        }
        assert!(h.edit(&PromptEdit::RenameClass(1, "walk".into())));
        assert!(h.undo());
        assert_eq!(prompts(&h).classes[1].name, "run");
        assert_eq!(prompts(&h).classes[0].name, "j");
        assert!(h.undo());
        assert_eq!(*prompts(&h), set());
        assert!(!h.undo());
        assert!(h.redo() && h.redo() && !h.redo());
        assert_eq!(prompts(&h).classes[1].name, "walk");
    }

    #[test]
    fn adding_to_a_class_keeps_what_the_templates_gave() {
        let mut h = History::new(set());
        let filled = set().negative_prompts(&set().classes[0]);
        h.edit(&PromptEdit::AddPrompt(0, Side::Negative, "standing".into()));
        let own = prompts(&h).classes[0].negative.clone().unwrap();
        assert_eq!(own[..filled.len()], filled[..]);
        assert_eq!(own.last().map(String::as_str), Some("standing"));
        assert!(prompts(&h).classes[0].positive.is_none());
        h.edit(&PromptEdit::UseTemplates(0, Side::Negative));
        assert_eq!(*prompts(&h), set());
    }

    #[test]
    fn a_class_that_a_replaced_set_has_too_keeps_its_key() {
        let mut h = History::new(PromptSet::from_names(["jump", "run", "jump", "hop"]));
        let keys = |h: &History| -> Vec<_> { (0..4).filter_map(|c| h.present().class_key(c)).collect() };
        let before = keys(&h);
        h.edit(&PromptEdit::AddPrompt(1, Side::Positive, "sprinting".into()));
        let line = h.present().prompt_keys(1).unwrap().clone();
        let mut new = PromptSet::from_names(["walk", "jump", "jump"]);
        new.classes.push(prompts(&h).classes[1].clone());
        assert!(h.edit(&PromptEdit::Replace(new)));
        let after = keys(&h);
        assert_eq!(after[1..], [before[0], before[2], before[1]]);
        assert!(!before.contains(&after[0]), "a new class has a new one");
        assert_eq!(h.present().prompt_keys(3), Some(&line), "and what did not change is the same field");
        assert!(h.undo() && h.undo());
        assert_eq!(keys(&h), before);
    }

    #[test]
    fn edits_out_of_range_or_without_effect_change_nothing() {
        let mut h = History::new(set());
        for e in [
            PromptEdit::RemoveClass(9),
            PromptEdit::MoveClass(0, -1),
            PromptEdit::MoveClass(1, 1),
            PromptEdit::RenameClass(7, "x".into()),
            PromptEdit::RenameClass(0, "jump".into()),
            PromptEdit::AddPrompt(9, Side::Positive, "x".into()),
            PromptEdit::SetPrompt(0, Side::Positive, 9, "x".into()),
            PromptEdit::RemoveTemplate(Side::Negative, 5),
            PromptEdit::CountUnknown(false),
            PromptEdit::Replace(set()),
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
        assert_eq!(prompts(&h).classes[0].name, "run");
    }

    #[test]
    fn keys_go_with_what_they_name_through_moves_removals_and_undo() {
        let mut h = History::new(set());
        h.edit(&PromptEdit::AddPrompt(1, Side::Positive, "a".into()));
        h.edit(&PromptEdit::AddPrompt(1, Side::Positive, "b".into()));
        let class = h.present().class_key(1);
        let keys = h.present().prompt_keys(1).unwrap().clone();
        let n = keys.side(Side::Positive).len();
        h.edit(&PromptEdit::MoveClass(1, -1));
        h.edit(&PromptEdit::MovePrompt(0, Side::Positive, n - 1, -1));
        assert_eq!(h.present().class_key(0), class);
        let moved = h.present().prompt_keys(0).unwrap().side(Side::Positive);
        assert_eq!(moved[n - 2], keys.side(Side::Positive)[n - 1]);
        h.edit(&PromptEdit::RemoveClass(0));
        assert_ne!(h.present().class_key(0), class);
        assert!(h.undo() && h.undo() && h.undo());
        assert_eq!(h.present().class_key(1), class);
        assert_eq!(h.present().prompt_keys(1), Some(&keys));
    }

    #[test]
    fn a_row_and_what_is_typed_into_it_are_one_step_and_an_empty_one_is_dropped() {
        let mut h = History::new(set());
        h.edit(&PromptEdit::AddPrompt(0, Side::Negative, String::new()));
        let new = h.newest().unwrap();
        h.edit(&PromptEdit::SetPrompt(0, Side::Negative, 1, "s".into()));
        h.edit(&PromptEdit::SetPrompt(0, Side::Negative, 1, "st".into()));
        assert_eq!(h.newest(), Some(new));
        assert!(h.undo() && !h.can_undo());
        assert_eq!(*prompts(&h), set());

        h.edit(&PromptEdit::AddPrompt(0, Side::Negative, String::new()));
        assert!(h.edit(&PromptEdit::DropNewest));
        assert_eq!(*prompts(&h), set());
        assert!(!h.can_undo() && !h.can_redo() && !h.edit(&PromptEdit::DropNewest));
    }

    #[test]
    fn a_state_keeps_its_name_through_undo_and_a_return() {
        let mut h = History::new(set());
        let first = h.state();
        h.edit(&PromptEdit::RenameClass(0, "ju".into()));
        let second = h.state();
        h.edit(&PromptEdit::RenameClass(0, "j".into()));
        assert_eq!(h.state(), second, "typing in one go is one state");
        h.pin(Some(Arc::default()));
        assert_eq!(h.state(), second, "a pin changes no prompt");
        h.edit(&PromptEdit::AddClass("hop".into()));
        let third = h.state();
        assert!(first != second && second != third);
        assert!(h.return_to(set(), first));
        assert_eq!((h.state(), prompts(&h)), (first, &set()));
        assert!(h.undo());
        assert_eq!((h.state(), prompts(&h).classes.len()), (third, 3));
        assert!(h.undo() && h.undo() && h.undo());
        assert_eq!(h.state(), first);
        assert!(h.redo());
        assert_eq!(h.state(), second);
    }

    fn templates(text: &str) -> Templates {
        Templates { positive: vec![text.into()], negative: vec![] }
    }

    #[test]
    fn undo_across_a_change_of_model_does_not_bring_the_other_model_s_templates_back() {
        let (one, two) = (templates("one {}"), templates("two {}"));
        let mut h = History::new(set());
        h.set_model_templates(one.clone());
        assert_eq!(prompts(&h).templates, one);
        h.edit(&PromptEdit::SetTemplate(Side::Positive, 0, "mine {}".into()));
        h.edit(&PromptEdit::Replace(PromptSet::from_names(["hop"])));
        assert_eq!(prompts(&h).templates, one, "a set that chose none takes the model's");
        h.set_model_templates(two.clone());
        assert_eq!(prompts(&h).templates, two);
        assert!(h.undo());
        assert_eq!(prompts(&h).templates, templates("mine {}"), "what a person wrote comes back");
        assert!(h.undo());
        assert_eq!(prompts(&h).templates, two, "and what the model brought is the present model's");
        assert!(h.redo() && h.redo());
        assert_eq!(prompts(&h).templates, two);
    }

    #[test]
    fn a_set_that_was_read_before_its_model_came_follows_the_models_all_the_same() {
        let (one, two) = (templates("one {}"), templates("two {}"));
        let mut h = History::new(PromptSet { templates: one.clone(), ..set() });
        h.edit(&PromptEdit::Replace(PromptSet { templates: templates("own {}"), ..set() }));
        h.set_model_templates(one);
        h.set_model_templates(two.clone());
        assert_eq!(prompts(&h).templates, templates("own {}"));
        assert!(h.undo());
        assert_eq!(prompts(&h).templates, two);
    }

    #[test]
    fn a_start_is_nothing_to_take_back() {
        let mut h = History::new(PromptSet::from_names(Vec::<String>::new()));
        h.set_model_templates(templates("one {}"));
        h.start(set());
        assert!(!h.can_undo() && !h.undo());
        assert_eq!(prompts(&h).templates, templates("one {}"));
    }
}
