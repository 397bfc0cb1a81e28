//! The negation bench: for one idea three ways to say that a class is not it, beside each other. Typed as a negative prompt; typed
//! as "not …" among the positives; and subtracted as a vector (METHOD §6). The prompts stay as they are until a person takes a
//! way over.

use super::state::State;
use crate::prompt::{Class, PromptSet};
use crate::score::negation::{Outcome, cosine, outcome, subtracted};
use crate::score::{ClassEmbedding, Scores};
use crate::session::PromptNote;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How much of t⁻ is subtracted at most.
pub const MOST: f32 = 2.0;

/// What a person asks of the bench.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Negated {
    /// The name of the class; `None`: the likeliest.
    pub class: Option<String>,
    /// What the class is not; empty: nothing is asked.
    pub idea: String,
    /// How much of t⁻ is subtracted, from 0 to [`MOST`].
    pub lambda: f32,
}

impl Default for Negated {
    fn default() -> Self {
        Self { class: None, idea: String::new(), lambda: 0.5 }
    }
}

impl Negated {
    /// With a λ that there is.
    pub fn within(self) -> Self {
        let lambda = if self.lambda.is_finite() { self.lambda.clamp(0.0, MOST) } else { 0.0 };
        Self { lambda, ..self }
    }
}

/// The text sides that the bench is made of, by their place in [`texts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    AsItIs,
    WithNegative,
    WithNot,
    /// The idea alone, and "not …" alone.
    Idea,
    Not,
}

/// The idea as way 2 types it.
pub fn denied(idea: &str) -> String {
    format!("not {idea}")
}

/// The class with nothing, a negative and "not …" more, and the two texts alone: a set in the order of [`Side`].
pub fn texts(set: &PromptSet, class: &Class, idea: &str) -> PromptSet {
    let not = denied(idea);
    let with = |mut list: Vec<String>, text: &str| {
        list.push(text.to_owned());
        Some(list)
    };
    let alone = |text: &str| Class {
        name: text.to_owned(),
        positive: Some(vec![text.to_owned()]),
        negative: Some(Vec::new()),
        ..Class::default()
    };
    let classes = vec![
        class.clone(),
        Class { negative: with(set.negative_prompts(class), idea), ..class.clone() },
        Class { positive: with(set.positive_prompts(class), &not), ..class.clone() },
        alone(idea),
        alone(&not),
    ];
    PromptSet {
        classes,
        version: set.version,
        templates: set.templates.clone(),
        count_unknown: set.count_unknown,
    }
}

/// One way, and what comes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Way {
    /// The cosines of its text vector with t⁺ of the class as it is, and with t⁻ of the idea; absent where there is no vector.
    pub with: Option<[f64; 2]>,
    pub outcome: Outcome,
}

/// The class in place `c` of the scores as it is, with the negative, with "not …", and with λ t⁻ subtracted. `texts`: of
/// [`texts`]; `video` is f (E) of the scores; `negatives`: they are weighed. `None` where these do not belong together.
pub fn ways(
    video: &[f32],
    texts: &[ClassEmbedding],
    (c, scores): (usize, &Scores),
    negatives: bool,
    lambda: f32,
) -> Option<[Way; 4]> {
    let of = |side: Side| texts.get(side as usize);
    let (own, idea) = (of(Side::AsItIs)?, of(Side::Idea)?);
    let (plus, minus) = (own.positive.as_deref(), idea.positive.as_deref()?);
    let turned =
        ClassEmbedding { positive: plus.and_then(|plus| subtracted(plus, minus, lambda)), ..own.clone() };
    let way = |class: &ClassEmbedding| {
        let with = class.positive.as_deref().zip(plus).map(|(t, plus)| [cosine(t, plus), cosine(t, minus)]);
        Some(Way { with, outcome: outcome(video, class, c, scores, negatives)? })
    };
    Some([way(own)?, way(of(Side::WithNegative)?)?, way(of(Side::WithNot)?)?, way(&turned)?])
}

/// The texts that have come back.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was asked.
    set: Arc<PromptSet>,
    /// The identity of the model.
    model: String,
    /// In the order of [`Side`]; or why there are none.
    pub texts: Result<Arc<Vec<ClassEmbedding>>, String>,
    /// The same without DA_j.
    plain: Arc<Vec<ClassEmbedding>>,
    notes: Arc<Vec<PromptNote>>,
}

impl Found {
    /// The text sides that the scores of this evidence are made with.
    pub fn sides(&self, evidence: &Evidence<'_>) -> Option<&[ClassEmbedding]> {
        let adapted = self.texts.as_ref().ok()?;
        Some(if evidence.plain { &self.plain } else { adapted })
    }

    /// What is to be said of a text, if anything.
    pub fn note(&self, text: &str) -> Option<&PromptNote> {
        self.notes.iter().find(|note| note.text == text)
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Negation {
    pub asked: Negated,
    /// The texts that are needed for it, while an idea is there.
    pub wanted: Option<Arc<PromptSet>>,
    pub found: Option<Found>,
}

impl Negation {
    /// These texts are those that are wanted.
    pub fn is_of(&self, set: &Arc<PromptSet>) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| Arc::ptr_eq(wanted, set))
    }

    pub fn take(
        &mut self,
        set: Arc<PromptSet>,
        model: String,
        texts: Result<Arc<Vec<ClassEmbedding>>, String>,
        plain: Arc<Vec<ClassEmbedding>>,
        notes: Arc<Vec<PromptNote>>,
    ) {
        self.found = Some(Found { set, model, texts, plain, notes });
    }
}

/// What the bench reads: an embedding and its scores.
pub struct Evidence<'a> {
    pub embedding: &'a [f32],
    pub scores: &'a Scores,
    model: String,
    /// Negative prompts are weighed.
    pub negatives: bool,
    /// The texts are those of CLIP itself, without the joint adapter.
    pub plain: bool,
}

impl State {
    /// The place of the class that the bench is about.
    pub fn negated_class(&self) -> Option<usize> {
        let classes = &self.prompts().classes;
        let place = |name: &str| classes.iter().position(|c| c.name == name);
        let chosen = self.negation.asked.class.as_deref().and_then(place);
        let likeliest = || {
            let counting = self.scores()?.classes.iter().filter(|c| c.counts);
            place(&counting.max_by(|a, b| a.p.total_cmp(&b.p))?.name)
        };
        chosen.or_else(likeliest).or((!classes.is_empty()).then_some(0))
    }

    /// The texts that the bench needs; `None` while no idea is typed.
    pub fn negation_texts(&self) -> Option<PromptSet> {
        let idea = self.negation.asked.idea.trim();
        let class = self.prompts().classes.get(self.negated_class()?)?;
        (!idea.is_empty()).then(|| texts(self.prompts(), class, idea))
    }

    /// What the bench reads: what the scores on show are of. An error says why there is nothing.
    pub fn negation_evidence(&self) -> Result<Evidence<'_>, &'static str> {
        const NOTHING: &str = "There are no scores yet.";
        let scores = self.scores().ok_or(NOTHING)?;
        let (embedding, question) = if self.moment {
            let row = self.moment_row().zip(self.record.as_ref());
            let (point, span) = row.and_then(|(i, r)| r.point(i).zip(r.span(i))).ok_or(NOTHING)?;
            let question = self.record.as_ref().ok_or(NOTHING)?.sweep.question(span);
            if self.current().is_none_or(|scored| scored.question != question.id()) {
                return Err("The moment is being scored.");
            }
            (&*point.embedding, question)
        } else {
            let answer = &self.shown.as_ref().ok_or(NOTHING)?.answer;
            (&*answer.evidence.embedding, (*answer.question).clone())
        };
        let negatives = !question.surgery.no_negatives;
        let plain = question.surgery.no_joint_adapter;
        Ok(Evidence { embedding, scores, model: question.model, negatives, plain })
    }

    /// What has come back, where it is of the prompts and the idea as they are now and of the model that is read.
    pub fn negation_found(&self, evidence: &Evidence<'_>) -> Option<&Found> {
        let found = self.negation.found.as_ref()?;
        (self.negation.is_of(&found.set) && found.model == evidence.model).then_some(found)
    }

    /// The three ways with what is on show, and whether they are of the prompts and the idea as they are now.
    pub fn negation_ways(&self, evidence: &Evidence<'_>) -> Option<([Way; 4], bool)> {
        let (found, class) = (self.negation.found.as_ref()?, self.negated_class()?);
        let texts = found.sides(evidence).filter(|_| found.model == evidence.model)?;
        let score = self.score(class)?;
        let place = evidence.scores.classes.iter().position(|c| std::ptr::eq(c, score))?;
        let asked = (place, evidence.scores);
        let ways = ways(evidence.embedding, texts, asked, evidence.negatives, self.negation.asked.lambda)?;
        let fresh = self.negation.is_of(&found.set) && self.scores_fresh();
        Some((ways, fresh))
    }
}
