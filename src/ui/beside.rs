//! What stands beside what is shown: its original where something is altered, the same with every gate at ½ where a
//! person wants to know what the gates are worth, and the other side where a person compares. Each is the answer to a question of its own, scored anew with every edit of
//! the prompts, and named by what it differs in; so a change is always that between two answers to known questions.

use super::state::State;
use crate::engine::{Answer, Question, QuestionId, Scored};
use crate::model::GateClamp;
use crate::score::{ClassScore, Scores};
use crate::video::Source;
use std::collections::{HashMap, VecDeque};
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
    /// Whether something else is wanted than was asked for last; from now on it counts as asked for. What goes with what is
    /// still shown is kept.
    pub fn asks(&mut self, wanted: &[Question], shown: &[Question]) -> bool {
        let ids: Vec<QuestionId> = wanted.iter().map(Question::id).collect();
        if ids == self.asked {
            return false;
        }
        let goes = |entry: &Entry| ids.contains(&entry.answer.id) || shown.contains(&entry.answer.question);
        self.answers.retain(goes);
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
    pub fn take(&mut self, scored: &Scored) {
        if let Some(entry) = self.answers.iter_mut().find(|entry| entry.answer.id == scored.question) {
            entry.scored = Some(scored.clone());
        }
    }

    fn find(&self, question: &Question) -> Option<&Entry> {
        self.answers.iter().find(|entry| *entry.answer.question == *question)
    }

    pub fn answer(&self, question: &Question) -> Option<&Arc<Answer>> {
        self.find(question).map(|entry| &entry.answer)
    }

    /// Its newest scores, and the revision of the prompts that they are of.
    pub fn scored(&self, question: &Question) -> Option<&Scored> {
        self.find(question)?.scored.as_ref()
    }

    pub fn scores(&self, question: &Question) -> Option<&Scores> {
        Some(&*self.scored(question)?.scores)
    }
}

impl State {
    /// What is to stand beside the answer to `question`, and the files that it is of.
    pub fn wanted_beside(&self, question: &Question) -> Vec<(Arc<Source>, Question)> {
        let Some(own) = self.video.as_ref().and_then(|v| v.source.clone()) else { return Vec::new() };
        let mut wanted = Vec::new();
        if question.altered().is_some() {
            wanted.push((own.clone(), question.original()));
        }
        if self.gate_worth {
            wanted.push((own, gates_at_half(question)));
        }
        wanted.extend(self.other_question(question));
        wanted
    }

    fn original_question(&self) -> Option<Question> {
        let question = &self.shown.as_ref()?.answer.question;
        question.altered()?;
        Some(question.original())
    }

    /// The answer to the same question as what is shown with nothing altered, where it has come and something is.
    pub fn original(&self) -> Option<&Arc<Answer>> {
        self.beside.answer(&self.original_question()?)
    }

    /// Its scores.
    pub fn original_scores(&self) -> Option<&Scores> {
        self.beside.scores(&self.original_question()?)
    }

    /// The scores of what is shown, but with every gate at ½.
    pub fn scores_at_half(&self) -> Option<&Scores> {
        self.beside.scores(&gates_at_half(&self.shown.as_ref()?.answer.question))
    }
}

fn gates_at_half(question: &Question) -> Question {
    let mut half = question.clone();
    half.surgery.gates = vec![GateClamp::all(500)];
    half
}

/// The scores of the same class in both, those of `before` first: by name, and of classes of one name in their order.
/// A class that is in one of them alone stands by itself.
pub fn pairs<'a>(
    before: &'a Scores,
    after: &'a Scores,
) -> Vec<(Option<&'a ClassScore>, Option<&'a ClassScore>)> {
    let mut left: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (i, class) in after.classes.iter().enumerate() {
        left.entry(&class.name).or_default().push_back(i);
    }
    let mut taken = vec![false; after.classes.len()];
    let mut partner = |b: &'a ClassScore| {
        let found = left.get_mut(b.name.as_str()).and_then(VecDeque::pop_front);
        found.map(|i| {
            taken[i] = true;
            &after.classes[i]
        })
    };
    let mut pairs: Vec<_> = before.classes.iter().map(|b| (Some(b), partner(b))).collect();
    pairs.extend(after.classes.iter().zip(taken).filter(|(_, taken)| !taken).map(|(a, _)| (None, Some(a))));
    pairs
}
