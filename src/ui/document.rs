//! What a person edits: the prompt set, a key for each of its parts, and the pinned baseline.
//!
//! A key is given once and kept for life, through sorting, moving, removing and undo, and is in no file. A text field is
//! known by the key of what it edits, so that nothing that appears around it can take the focus from it. Every change is
//! carried out in place and answers with the change that takes it back: a keystroke costs the same with ten classes
//! and with ten thousand.

use super::edit::Side;
use crate::prompt::{Class, PromptSet, Templates};
use crate::score::Scores;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A class, for as long as the window lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClassKey(u64);

/// A prompt of a class's own, or a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PromptKey(u64);

/// What a text field of the prompt panel edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    Class(ClassKey),
    Prompt(PromptKey),
}

impl From<ClassKey> for Key {
    fn from(key: ClassKey) -> Self {
        Key::Class(key)
    }
}

impl From<PromptKey> for Key {
    fn from(key: PromptKey) -> Self {
        Key::Prompt(key)
    }
}

/// The keys of prompts by side; a class that follows the templates has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PromptKeys {
    positive: Vec<PromptKey>,
    negative: Vec<PromptKey>,
}

impl PromptKeys {
    pub fn side(&self, side: Side) -> &[PromptKey] {
        match side {
            Side::Positive => &self.positive,
            Side::Negative => &self.negative,
        }
    }

    pub fn contains(&self, key: PromptKey) -> bool {
        self.positive.contains(&key) || self.negative.contains(&key)
    }

    pub(super) fn side_mut(&mut self, side: Side) -> &mut Vec<PromptKey> {
        match side {
            Side::Positive => &mut self.positive,
            Side::Negative => &mut self.negative,
        }
    }
}

/// A class with its keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub class: Class,
    pub key: ClassKey,
    pub prompts: PromptKeys,
}

/// One step on a document. [`Document::change`] answers with the one that takes it back.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Insert(usize, Row),
    Remove(usize),
    Swap(usize, usize),
    Set(usize, Row),
    /// `None`: the model's, whichever model that is by then.
    Templates(Option<Templates>, PromptKeys),
    CountUnknown(bool),
    Pin(Option<Arc<Scores>>),
    All(Box<Whole>),
}

/// Everything but the baseline.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    set: PromptSet,
    keys: Vec<(ClassKey, PromptKeys)>,
    templates: PromptKeys,
    follows_model: bool,
}

/// The prompts and the pinned baseline, with the keys of every part.
#[derive(Clone, Debug)]
pub struct Document {
    pub prompts: PromptSet,
    pub pinned: Option<Arc<Scores>>,
    keys: Vec<(ClassKey, PromptKeys)>,
    template_keys: PromptKeys,
    /// The templates are the model's and change with it; nobody has written other ones.
    follows_model: bool,
    model_templates: Templates,
    next: u64,
    /// Counts the changes of which classes there are and in which order.
    shape: u64,
}

impl Document {
    pub fn new(prompts: PromptSet) -> Self {
        let mut document = Self {
            prompts: PromptSet::from_names(Vec::<String>::new()),
            pinned: None,
            keys: Vec::new(),
            template_keys: PromptKeys::default(),
            follows_model: true,
            model_templates: Templates::default(),
            next: 0,
            shape: 0,
        };
        let whole = document.whole(prompts);
        document.change(Change::All(Box::new(whole)));
        document
    }

    pub fn class_key(&self, c: usize) -> Option<ClassKey> {
        self.keys.get(c).map(|(key, _)| *key)
    }

    /// The keys of a class's own prompts.
    pub fn prompt_keys(&self, c: usize) -> Option<&PromptKeys> {
        self.keys.get(c).map(|(_, prompts)| prompts)
    }

    pub fn template_keys(&self) -> &PromptKeys {
        &self.template_keys
    }

    /// The templates are the model's, and change with it.
    pub fn follows_model(&self) -> bool {
        self.follows_model
    }

    /// Another number after each change of which classes there are or of their order.
    pub fn shape(&self) -> u64 {
        self.shape
    }

    pub(super) fn row(&self, c: usize) -> Option<Row> {
        let (key, prompts) = self.keys.get(c)?.clone();
        Some(Row { class: self.prompts.classes.get(c)?.clone(), key, prompts })
    }

    pub(super) fn new_row(&mut self, name: String) -> Row {
        let key = ClassKey(self.take());
        Row { class: Class { name, ..Class::default() }, key, prompts: PromptKeys::default() }
    }

    pub(super) fn new_key(&mut self) -> PromptKey {
        PromptKey(self.take())
    }

    fn take(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A set that is to take the place of the present one. A class of the name of one that goes is that class, and keeps its
    /// key: its card stays open, and its place in a list that is sorted by scores until those of the new set have come. A set
    /// whose templates are the defaults chose none: it takes the model's.
    pub(super) fn whole(&mut self, set: PromptSet) -> Whole {
        let mut going: HashMap<&str, VecDeque<usize>> = HashMap::new();
        for (c, class) in self.prompts.classes.iter().enumerate() {
            going.entry(&class.name).or_default().push_back(c);
        }
        let stays = |class: &Class| going.get_mut(class.name.as_str())?.pop_front();
        let stay: Vec<Option<usize>> = set.classes.iter().map(stays).collect();
        let mut keys = Vec::with_capacity(set.classes.len());
        for (class, before) in set.classes.iter().zip(stay) {
            let same = before.filter(|c| self.prompts.classes[*c] == *class);
            let prompts = match same {
                Some(c) => self.keys[c].1.clone(),
                None => self.keys_of(class.positive.as_deref(), class.negative.as_deref()),
            };
            let key = match before {
                Some(c) => self.keys[c].0,
                None => ClassKey(self.take()),
            };
            keys.push((key, prompts));
        }
        let templates = self.keys_of(Some(&set.templates.positive), Some(&set.templates.negative));
        let follows_model = set.templates == Templates::default() || set.templates == self.model_templates;
        Whole { set, keys, templates, follows_model }
    }

    fn keys_of(&mut self, positive: Option<&[String]>, negative: Option<&[String]>) -> PromptKeys {
        let mut some = |list: Option<&[String]>| {
            list.unwrap_or_default().iter().map(|_| PromptKey(self.take())).collect()
        };
        PromptKeys { positive: some(positive), negative: some(negative) }
    }

    /// Carries out a change and answers with the one that takes it back. Places that do not exist are the caller's fault
    /// and change nothing.
    pub(super) fn change(&mut self, change: Change) -> Change {
        match change {
            Change::Insert(at, row) => {
                let at = at.min(self.keys.len());
                self.shape += 1;
                self.prompts.classes.insert(at, row.class);
                self.keys.insert(at, (row.key, row.prompts));
                Change::Remove(at)
            }
            Change::Remove(at) => {
                let Some(row) = self.row(at) else { return Change::Remove(at) };
                self.shape += 1;
                self.prompts.classes.remove(at);
                self.keys.remove(at);
                Change::Insert(at, row)
            }
            Change::Swap(a, b) => {
                if a.max(b) < self.keys.len() {
                    self.shape += 1;
                    self.prompts.classes.swap(a, b);
                    self.keys.swap(a, b);
                }
                Change::Swap(a, b)
            }
            Change::Set(at, row) => {
                let (Some(class), Some(keys)) = (self.prompts.classes.get_mut(at), self.keys.get_mut(at))
                else {
                    return Change::Set(at, row);
                };
                let class = std::mem::replace(class, row.class);
                let (key, prompts) = std::mem::replace(keys, (row.key, row.prompts));
                Change::Set(at, Row { class, key, prompts })
            }
            Change::Templates(templates, keys) => {
                let follows = std::mem::replace(&mut self.follows_model, templates.is_none());
                let new = templates.unwrap_or_else(|| self.model_templates.clone());
                let before = std::mem::replace(&mut self.prompts.templates, new);
                let keys = std::mem::replace(&mut self.template_keys, keys);
                self.fit_template_keys();
                Change::Templates((!follows).then_some(before), keys)
            }
            Change::CountUnknown(on) => {
                Change::CountUnknown(std::mem::replace(&mut self.prompts.count_unknown, on))
            }
            Change::Pin(scores) => Change::Pin(std::mem::replace(&mut self.pinned, scores)),
            Change::All(mut whole) => {
                self.shape += 1;
                std::mem::swap(&mut self.prompts, &mut whole.set);
                std::mem::swap(&mut self.keys, &mut whole.keys);
                std::mem::swap(&mut self.template_keys, &mut whole.templates);
                std::mem::swap(&mut self.follows_model, &mut whole.follows_model);
                if self.follows_model {
                    self.prompts.templates = self.model_templates.clone();
                }
                self.fit_template_keys();
                Change::All(whole)
            }
        }
    }

    /// A model brings its templates: they are used where nobody has written other ones.
    pub(super) fn set_model_templates(&mut self, templates: Templates) {
        self.follows_model |= self.prompts.templates == templates;
        self.model_templates = templates;
        if self.follows_model {
            self.prompts.templates = self.model_templates.clone();
            self.fit_template_keys();
        }
    }

    /// As many keys as there are templates: another model may bring another number of them.
    fn fit_template_keys(&mut self) {
        for side in [Side::Positive, Side::Negative] {
            let count = match side {
                Side::Positive => self.prompts.templates.positive.len(),
                Side::Negative => self.prompts.templates.negative.len(),
            };
            self.template_keys.side_mut(side).truncate(count);
            while self.template_keys.side(side).len() < count {
                let key = self.new_key();
                self.template_keys.side_mut(side).push(key);
            }
        }
    }

    /// What a change has kept as a person's own templates may be the model's: they follow the next model like the rest.
    pub(super) fn adopts(&self, change: &mut Change) {
        match change {
            Change::Templates(own, _) if own.as_ref() == Some(&self.model_templates) => *own = None,
            Change::All(whole) if whole.set.templates == self.model_templates => whole.follows_model = true,
            _ => {}
        }
    }
}
