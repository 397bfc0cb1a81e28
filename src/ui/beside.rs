//! What stands beside what is shown: its original where something is altered, and the same with every gate at ½ where a
//! person wants to know what the gates are worth. Each is the answer to a question of its own, scored anew with every edit of
//! the prompts, and named by what it differs in; so a change is always that between two answers to known questions.

use super::state::State;
use crate::engine::{Answer, Question, QuestionId, Scored};
use crate::model::GateClamp;
use crate::score::{ClassScore, Scores};
use std::sync::Arc;

/// One answer and its newest scores.
#[derive(Clone, Debug)]
struct Entry {
    answer: Arc<Answer>,
    scored: Option<Scored>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// What was asked for last.
    asked: Vec<QuestionId>,
    answers: Vec<Entry>,
}

impl Beside {
    /// Whether something else is wanted than was asked for last; from now on it counts as asked for.
    pub fn asks(&mut self, wanted: &[Question]) -> bool {
        let ids: Vec<QuestionId> = wanted.iter().map(Question::id).collect();
        if ids == self.asked {
            return false;
        }
        self.answers.retain(|entry| ids.contains(&entry.answer.id));
        self.asked = ids;
        true
    }

    /// Asks anew at the next opportunity.
    pub fn forget(&mut self) {
        self.asked.clear();
    }

    /// Takes an answer that has come, if it is one of these.
    pub fn answered(&mut self, answer: &Arc<Answer>, scored: Option<&Scored>) {
        if self.asked.contains(&answer.id) {
            self.answers.retain(|entry| entry.answer.id != answer.id);
            self.answers.push(Entry { answer: answer.clone(), scored: scored.cloned() });
        }
    }

    /// Takes new scores.
    pub fn scored(&mut self, scored: &Scored) {
        if let Some(entry) = self.answers.iter_mut().find(|entry| entry.answer.id == scored.question) {
            entry.scored = Some(scored.clone());
        }
    }

    fn find(&self, question: &Question) -> Option<&Entry> {
        self.answers.iter().find(|entry| *entry.answer.question == *question)
    }
}

impl State {
    /// What is to stand beside the answer to `question`.
    pub fn wanted_beside(&self, question: &Question) -> Vec<Question> {
        let mut wanted = Vec::new();
        if question.altered().is_some() {
            wanted.push(question.original());
        }
        if self.gate_worth {
            wanted.push(gates_at_half(question));
        }
        wanted
    }

    /// The answer to the same question as what is shown with nothing altered, where it has come and something is.
    pub fn original(&self) -> Option<&Arc<Answer>> {
        let question = &self.shown.as_ref()?.answer.question;
        question.altered()?;
        self.beside.find(&question.original()).map(|entry| &entry.answer)
    }

    /// Its scores.
    pub fn original_scores(&self) -> Option<&Scores> {
        let question = &self.shown.as_ref()?.answer.question;
        question.altered()?;
        self.beside.find(&question.original())?.scored.as_ref().map(|s| &*s.scores)
    }

    /// The scores of what is shown, but with every gate at ½.
    pub fn scores_at_half(&self) -> Option<&Scores> {
        let question = &self.shown.as_ref()?.answer.question;
        self.beside.find(&gates_at_half(question))?.scored.as_ref().map(|s| &*s.scores)
    }
}

fn gates_at_half(question: &Question) -> Question {
    let mut half = question.clone();
    half.surgery.gates = vec![GateClamp::all(500)];
    half
}

/// The pairs of scores of the same class, first that of `before`: by place, or by name where the places differ.
pub fn pairs<'a>(before: &'a Scores, after: &'a Scores) -> Vec<(&'a ClassScore, &'a ClassScore)> {
    let partner = |(i, b): (usize, &'a ClassScore)| {
        let there = after.classes.get(i).filter(|a| a.name == b.name);
        let found = there.or_else(|| after.classes.iter().find(|a| a.name == b.name));
        found.map(|a| (b, a))
    };
    before.classes.iter().enumerate().filter_map(partner).collect()
}
