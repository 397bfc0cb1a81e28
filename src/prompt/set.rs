//! The prompt set: the file that a person keeps, and the prompts that it means.
//!
//! Three forms are read and told apart by their content: versioned JSON (the only form that is written), a JSON array of
//! names, and names as a list or in a column of a CSV ([`super::names`]).

use super::names::{self, NameTable};
use crate::files::{is_handed, write_atomic};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The version that [`PromptSet::save`] writes and the only one that is read.
pub const VERSION: u32 = 1;
/// Larger files are refused: no person wrote them.
pub const MAX_BYTES: u64 = 16 << 20;
/// Sets with more classes are refused: up to here typing stays pleasant (README, "Figures").
pub const MAX_CLASSES: usize = 10_000;

/// Classes that [`PromptSet::problems`] names.
const MAX_PROBLEMS: usize = 20;

/// Versioned file: `{ "version": 1, "classes": [...], "templates": {...} }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptSet {
    pub version: u32,
    pub classes: Vec<Class>,
    #[serde(default)]
    pub templates: Templates,
    /// Classes of words that the model does not know have a share of p all the same (see `prompt::known`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub count_unknown: bool,
}

/// One class. An absent list means "fill the templates with the name"; an empty list means "none".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    pub name: String,
    /// Whole prompts, used as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<Vec<String>>,
    /// Whole prompts, used as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative: Option<Vec<String>>,
    /// Whether the class has a share of p, where its words are not to decide that: a word that is still being typed is
    /// unknown at nearly every letter. In no file.
    #[serde(skip)]
    pub counts: Option<bool>,
}

/// Prompt templates; `{}` stands for the class name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Templates {
    pub positive: Vec<String>,
    pub negative: Vec<String>,
}

impl Default for Templates {
    /// METHOD §6.
    fn default() -> Self {
        Self {
            positive: [
                "{}",
                "a video of a person {}.",
                "a photo of a person {}.",
                "a demonstration of a person {}.",
            ]
            .map(str::to_owned)
            .to_vec(),
            negative: vec!["not {}".to_owned()],
        }
    }
}

/// Why a prompt file was refused or not written.
#[derive(Debug, thiserror::Error)]
pub enum PromptSetError {
    #[error("cannot read {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path} is not a prompt set: {reason}")]
    Format { path: PathBuf, reason: String },
    #[error("cannot write {path}: {source}; what was there before is unchanged")]
    Write { path: PathBuf, source: std::io::Error },
}

impl PromptSet {
    /// Reads the JSON form, a JSON array or plain list of names, or a CSV with a column of names (told apart by content).
    ///
    /// An array, list or CSV with a name that stands twice is refused. JSON keeps names that are empty or stand twice, as
    /// they may be work in progress: see [`PromptSet::problems`].
    pub fn load(path: &Path) -> Result<Self, PromptSetError> {
        let bytes = read_bounded(path)?;
        Self::from_bytes(&bytes).map_err(|reason| PromptSetError::Format { path: path.to_owned(), reason })
    }

    /// [`PromptSet::load`] without a file; the error is the reason in words.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let text = decode(bytes)?;
        let set = match text.trim_start().chars().next() {
            None => return Err("it is empty".to_owned()),
            Some('{') => from_json(text)?,
            Some('[') => Self::from_names(names::from_array(text)?),
            Some(_) => Self::from_names(NameTable::parse(text)?.only_names()?),
        };
        not_too_many(set.classes.len())?;
        Ok(set)
    }

    /// A file of names as it is, for a person to say which of its columns are names; a file that says so itself is a set.
    pub fn load_or_names(path: &Path) -> Result<Result<Self, NameTable>, PromptSetError> {
        let bytes = read_bounded(path)?;
        let read = || {
            let text = decode(&bytes)?;
            match text.trim_start().chars().next() {
                None | Some('{' | '[') => Self::from_bytes(&bytes).map(Ok),
                Some(_) => NameTable::parse(text).map(Err),
            }
        };
        read().map_err(|reason| PromptSetError::Format { path: path.to_owned(), reason })
    }

    /// Writes the JSON form; the old file is kept whole if that fails.
    pub fn save(&self, path: &Path) -> Result<(), PromptSetError> {
        let fail = |source| PromptSetError::Write { path: path.to_owned(), source };
        let mut json = serde_json::to_vec_pretty(self).map_err(|e| fail(e.into()))?;
        json.push(b'\n');
        write_atomic(path, &json).map_err(fail)
    }

    /// Classes by name alone, filled from the default templates.
    pub fn from_names(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let classes = names.into_iter().map(|n| Class { name: n.into(), ..Class::default() }).collect();
        Self { version: VERSION, classes, templates: Templates::default(), count_unknown: false }
    }

    /// The set with the templates that a model was trained with, where the set itself chose none: its templates
    /// are METHOD's defaults.
    pub fn or_templates(mut self, model: Option<&Templates>) -> Self {
        if let Some(templates) = model.filter(|_| self.templates == Templates::default()) {
            self.templates = templates.clone();
        }
        self
    }

    /// The positive prompts of a class as they go to the tokenizer; blank ones are left out.
    pub fn positive_prompts(&self, class: &Class) -> Vec<String> {
        prompts(&class.positive, &self.templates.positive, &class.name)
    }

    /// The negative prompts of a class as they go to the tokenizer; blank ones are left out.
    pub fn negative_prompts(&self, class: &Class) -> Vec<String> {
        prompts(&class.negative, &self.templates.negative, &class.name)
    }

    /// The negative prompts of a class as scoring wants them (`ClassEmbedding::negatives`): those that the templates give for
    /// its name together, because they say the same, and every other one alone. No group is empty.
    pub fn negative_groups(&self, class: &Class) -> Vec<Vec<String>> {
        let templates: HashSet<String> =
            prompts(&None, &self.templates.negative, &class.name).into_iter().collect();
        let (filled, own): (Vec<String>, Vec<String>) =
            self.negative_prompts(class).into_iter().partition(|p| templates.contains(p));
        let filled = (!filled.is_empty()).then_some(filled);
        filled.into_iter().chain(own.into_iter().map(|p| vec![p])).collect()
    }

    /// What the templates say of a class that has negatives, whether they are among them or not (`ClassEmbedding::floor`).
    pub fn negative_floor(&self, class: &Class) -> Vec<String> {
        if self.negative_prompts(class).is_empty() {
            return Vec::new();
        }
        prompts(&None, &self.templates.negative, &class.name)
    }

    /// Whether a class has a negative prompt of its own, which its templates do not say: α weighs nothing else.
    pub fn has_typed_negatives(&self) -> bool {
        let typed = |class: &Class| {
            let floor = self.negative_floor(class);
            self.negative_prompts(class).iter().any(|prompt| !floor.contains(prompt))
        };
        // Without a list of their own, negatives are the templates'.
        self.classes.iter().filter(|class| class.negative.is_some()).any(typed)
    }

    /// What a person should know before trusting the scores: classes without a name or with the same name, the first
    /// twenty one by one.
    pub fn problems(&self) -> Vec<String> {
        let mut first = HashMap::new();
        let mut problems = Vec::new();
        for (i, class) in self.classes.iter().enumerate() {
            let (name, number) = (class.name.trim(), i + 1);
            if name.is_empty() {
                problems.push(format!("class {number} has no name"));
            } else if let Some(earlier) = first.insert(name, number) {
                first.insert(name, earlier);
                problems.push(format!("class {number} has the name of class {earlier}, \"{name}\""));
            }
        }
        let more = problems.len().saturating_sub(MAX_PROBLEMS);
        if more > 0 {
            problems.truncate(MAX_PROBLEMS);
            problems.push(format!("{more} more classes have no name or that of another"));
        }
        problems
    }
}

/// Refuses a set that is larger than typing allows.
pub fn not_too_many(classes: usize) -> Result<(), String> {
    match classes {
        n if n > MAX_CLASSES => Err(format!(
            "it has {n} classes and at most {MAX_CLASSES} are read, because each keystroke scores them all; keep those that a clip may show, or split it into several files"
        )),
        _ => Ok(()),
    }
}

fn prompts(own: &Option<Vec<String>>, templates: &[String], name: &str) -> Vec<String> {
    let mut list = match own {
        Some(list) => list.clone(),
        None if name.trim().is_empty() => Vec::new(),
        None => templates.iter().map(|t| t.replace("{}", name)).collect(),
    };
    list.retain(|p| !p.trim().is_empty());
    list
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, PromptSetError> {
    let io = |source| PromptSetError::Io { path: path.to_owned(), source };
    let format = |reason: &str| PromptSetError::Format { path: path.to_owned(), reason: reason.to_owned() };
    // A folder, or a pipe in one, is refused before it is opened: opening a pipe could wait for ever.
    if !std::fs::metadata(path).map_err(io)?.is_file() && !is_handed(path) {
        return Err(format("it is not a file"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format(&format!("it is larger than {} MB", MAX_BYTES >> 20)));
    }
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<&str, String> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("it is UTF-16 text; save it as UTF-8".to_owned());
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|e| format!("it is not UTF-8 text (byte {} is invalid)", e.valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn from_json(text: &str) -> Result<PromptSet, String> {
    #[derive(Deserialize)]
    struct Versioned {
        version: Option<u64>,
    }
    let known =
        serde_json::from_str::<Versioned>(text).map_err(|e| format!("its JSON cannot be read: {e}"))?;
    match known.version {
        Some(v) if v == u64::from(VERSION) => {
            serde_json::from_str(text).map_err(|e| format!("its JSON cannot be read: {e}"))
        }
        Some(v) => Err(format!("it has version {v}; this program reads version {VERSION}")),
        None => Err(format!("it does not say \"version\": {VERSION}")),
    }
}
