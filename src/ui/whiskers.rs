//! How much the scores depend on which frames happen to be sampled: the same span asked about again with its frames a little
//! earlier and later, in the background, and the spread of each score over those samplings and the one on show.

use super::state::State;
use crate::engine::{Answer, Question, QuestionId, Scored};
use crate::score::{ClassScore, Scores};
use crate::video::clip::{ClipSpec, Rule};

/// How far into its segment a frame is taken, in thousandths; the answer on show takes the middle.
const SHIFTS: [u16; 4] = [100, 300, 700, 900];

/// Other samplings of the span of one answer.
pub struct Whiskers {
    /// The answer on show that they are beside.
    pub of: QuestionId,
    pub questions: Vec<Question>,
    /// In the order of the questions: answered, and its newest scores.
    answered: Vec<bool>,
    scored: Vec<Option<Scored>>,
}

/// The smallest and the largest of a score over the samplings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub p: (f32, f32),
    pub margin: Option<(f32, f32)>,
    /// How many samplings, that on show included.
    pub samplings: usize,
}

impl Whiskers {
    /// Those of an answer; nothing has been asked yet.
    pub fn new(answer: &Answer) -> Self {
        let shifted = |thousandths| {
            let clip = ClipSpec { rule: Rule::Shifted { thousandths }, ..answer.question.clip.clone() };
            Question { clip, ..(*answer.question).clone() }
        };
        Self {
            of: answer.id,
            questions: SHIFTS.map(shifted).into(),
            answered: vec![false; SHIFTS.len()],
            scored: vec![None; SHIFTS.len()],
        }
    }

    /// Takes in that a question has been answered, and its scores, where it is one of these.
    pub fn take(&mut self, question: QuestionId, scored: Option<&Scored>) {
        if let Some(i) = self.questions.iter().position(|q| q.id() == question) {
            self.answered[i] = true;
            if let Some(scored) = scored {
                self.scored[i] = Some(scored.clone());
            }
        }
    }

    /// Those that have been answered.
    pub fn answered(&self) -> impl Iterator<Item = &Question> {
        self.questions.iter().zip(&self.answered).filter(|(_, answered)| **answered).map(|(q, _)| q)
    }

    /// All scores under one revision of the prompts; `None` until every sampling has them.
    fn all(&self, revision: u64) -> Option<Vec<&Scores>> {
        let of = |s: &Option<Scored>| s.is_some();
        let same = |s: &&Scored| s.revision == revision;
        let all: Vec<&Scores> = self.scored.iter().flatten().filter(same).map(|s| &*s.scores).collect();
        (self.scored.iter().all(of) && all.len() == self.scored.len()).then_some(all)
    }
}

impl State {
    /// The scores of the other samplings with those on show; `None` while they are not known, or where the moment is on show.
    fn samplings(&self) -> Option<Vec<&Scores>> {
        let (whiskers, shown) = (self.whiskers.as_ref()?, self.shown.as_ref()?);
        let current = self.current().filter(|_| !self.moment && whiskers.of == shown.answer.id)?;
        let mut all = whiskers.all(current.revision)?;
        all.push(&current.scores);
        Some(all)
    }

    /// How far the scores of class `c` of the scores on show are spread over other samplings of the same span.
    pub fn spread(&self, class: &ClassScore) -> Option<Spread> {
        let all = self.samplings()?;
        let place = self.scores()?.classes.iter().position(|c| c.name == class.name)?;
        let of: Vec<&ClassScore> = all.iter().filter_map(|s| s.classes.get(place)).collect();
        let ends = |values: &mut dyn Iterator<Item = f32>| {
            values.fold(None, |ends: Option<(f32, f32)>, v| {
                Some(ends.map_or((v, v), |(lo, hi)| (lo.min(v), hi.max(v))))
            })
        };
        Some(Spread {
            p: ends(&mut of.iter().map(|c| c.p))?,
            margin: ends(&mut of.iter().filter_map(|c| c.margin)),
            samplings: all.len(),
        })
    }

    /// The classes that win under one sampling or another of the same span, where there is more than one.
    pub fn winners(&self) -> Vec<&str> {
        let Some(all) = self.samplings() else { return Vec::new() };
        let best = |s: &&'_ Scores| {
            let best = s.classes.iter().enumerate().filter(|(_, c)| c.p > 0.0);
            best.max_by(|a, b| a.1.p.total_cmp(&b.1.p)).map(|(c, _)| c)
        };
        let mut winners: Vec<usize> = all.iter().filter_map(best).collect();
        winners.sort_unstable();
        winners.dedup();
        if winners.len() < 2 {
            return Vec::new();
        }
        let names = self.scores().map_or(&[][..], |s| &s.classes);
        winners.iter().filter_map(|c| names.get(*c)).map(|c| c.name.as_str()).collect()
    }
}
