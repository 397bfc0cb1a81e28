//! Prompts: what a person writes (classes, positive and negative prompts, templates) and the tokens it becomes.

pub mod difference;
pub mod known;
pub mod names;
pub mod set;
pub mod tokenizer;

pub use names::NameTable;
pub use set::{Class, PromptSet, PromptSetError, Templates};
pub use tokenizer::{Encoded, Tokenizer, TokenizerError};
