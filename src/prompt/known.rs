//! Whether a model can know what a class is about: a word-level vocabulary has a word or has not.
//!
//! A class none of whose words is known is, to the model, one and the same row of unknown tokens as every other such class;
//! it can win over classes that it does know. So it is left out of p, unless a person asks for it.

use super::{Class, PromptSet, Templates, Tokenizer};
use std::collections::{HashMap, HashSet};

/// The texts that say what a class is: its own positive prompts where it has any, else its name.
fn texts(class: &Class) -> &[String] {
    match class.positive.as_deref() {
        Some(own) if !own.is_empty() => own,
        _ => std::slice::from_ref(&class.name),
    }
}

/// The words of the templates: they are in every class and tell none from another.
fn template_words(tokenizer: &Tokenizer, templates: &Templates) -> HashSet<u32> {
    let all = templates.positive.iter().chain(&templates.negative);
    all.flat_map(|t| tokenizer.words(&t.replace("{}", " "))).collect()
}

/// The rule, for one class: with a word-level tokenizer at least one word of its own positive prompts, or of its name where
/// it has none, has to be known, beyond the words of the templates. Other tokenizers know every string.
pub fn is_known(tokenizer: &Tokenizer, templates: &Templates, class: &Class) -> bool {
    if !tokenizer.is_word_level() {
        return true;
    }
    let common = template_words(tokenizer, templates);
    texts(class).iter().any(|text| says_something(tokenizer, &common, text))
}

fn says_something(tokenizer: &Tokenizer, common: &HashSet<u32>, text: &str) -> bool {
    tokenizer.words(text).iter().any(|word| !common.contains(word))
}

/// [`is_known`] for whole sets again and again: a text is looked up once.
#[derive(Debug, Default)]
pub struct Known {
    templates: Option<Templates>,
    common: HashSet<u32>,
    texts: HashMap<String, bool>,
}

/// Texts that are remembered; typing makes a new one with every letter.
const KEPT: usize = 100_000;

impl Known {
    /// Whether a class of the set has a share of p: where the class itself does not say, where the set does not count all,
    /// its words decide.
    pub fn counts(&mut self, tokenizer: &Tokenizer, set: &PromptSet, class: &Class) -> bool {
        if set.count_unknown || !tokenizer.is_word_level() {
            return true;
        }
        if let Some(told) = class.counts {
            return told;
        }
        texts(class).iter().any(|text| self.looked_up(tokenizer, &set.templates, text))
    }

    /// Whether a negative prompt that a person has typed says anything to the model: by the same rule. One that does not is the same
    /// row of unknown tokens as every other such prompt, which may fit a clip as well as any name does.
    pub fn says(&mut self, tokenizer: &Tokenizer, set: &PromptSet, text: &str) -> bool {
        set.count_unknown || !tokenizer.is_word_level() || self.looked_up(tokenizer, &set.templates, text)
    }

    fn looked_up(&mut self, tokenizer: &Tokenizer, templates: &Templates, text: &str) -> bool {
        if self.templates.as_ref() != Some(templates) {
            self.common = template_words(tokenizer, templates);
            self.templates = Some(templates.clone());
            self.texts.clear();
        }
        if let Some(known) = self.texts.get(text) {
            return *known;
        }
        let known = says_something(tokenizer, &self.common, text);
        if self.texts.len() >= KEPT {
            self.texts.clear();
        }
        self.texts.insert(text.to_owned(), known);
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::tokenizer::word_tokenizer_json;

    fn tokenizer() -> Tokenizer {
        let words = ["a", "video", "of", "an", "object", "moving", "left", "not"];
        Tokenizer::from_bytes(&word_tokenizer_json(&words).unwrap(), 20).unwrap()
    }

    fn set(class: Class) -> PromptSet {
        let templates =
            Templates { positive: vec!["a video of an object {}".into()], negative: vec!["not {}".into()] };
        PromptSet { templates, classes: vec![class], ..PromptSet::from_names(Vec::<String>::new()) }
    }

    fn class(name: &str, positive: Option<&[&str]>) -> Class {
        let positive = positive.map(|list| list.iter().map(|&p| p.to_owned()).collect());
        Class { name: name.into(), positive, ..Class::default() }
    }

    #[test]
    fn a_class_is_known_by_a_word_beyond_those_of_the_templates() {
        let t = tokenizer();
        for (class, known) in [
            (class("moving left", None), true),
            (class("Left!", None), true),
            (class("moving gracefully", None), true),
            (class("ジャンプ", None), false),
            (class("juggling", None), false),
            (class("", None), false),
            (class("not an object", None), false),
            (class("juggling", Some(&["a video of juggling", "moving"])), true),
            (class("juggling", Some(&["a video of juggling"])), false),
            (class("juggling", Some(&[])), false),
            (class("left", Some(&["juggling"])), false),
        ] {
            let set = set(class);
            let class = &set.classes[0];
            assert_eq!(is_known(&t, &set.templates, class), known, "{class:?}");
            assert_eq!(Known::default().counts(&t, &set, class), known, "{class:?}");
        }
    }

    #[test]
    fn a_person_s_word_goes_first_and_other_templates_are_looked_at_anew() {
        let (t, mut known) = (tokenizer(), Known::default());
        let mut set = set(class("juggling", None));
        assert!(!known.counts(&t, &set, &set.classes[0]));
        set.classes[0].counts = Some(true);
        assert!(known.counts(&t, &set, &set.classes[0]));
        set.classes[0] = Class { counts: Some(false), ..class("moving", None) };
        assert!(!known.counts(&t, &set, &set.classes[0]));
        set.count_unknown = true;
        assert!(known.counts(&t, &set, &set.classes[0]));
        set.count_unknown = false;
        set.classes[0] = class("moving", None);
        assert!(known.counts(&t, &set, &set.classes[0]));
        set.templates.positive.push("moving {}".into());
        assert!(!known.counts(&t, &set, &set.classes[0]));
    }
}
