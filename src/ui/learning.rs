//! How far a learner is in a lesson: which blocks of the step are reached, what was guessed and what turned out right.

use super::edit::Side;
use super::intent::Intent;
use super::lesson::{Block, Guess, Lesson};
use super::state::State;
use crate::score::Scores;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a learner does in a lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// To the next step, to the one before.
    Next,
    Back,
    /// This option of the guess that waits.
    Guess(usize),
}

/// A guess that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guessed {
    pub option: usize,
    /// What is so, once it has been measured; of `None` inside nothing was.
    pub right: Option<Option<usize>>,
}

/// Where nothing is under way and there still are no fresh scores (no clip, no classes, a question that failed or was cancelled), a
/// lesson goes on without them after this.
const QUIET: Duration = Duration::from_millis(1500);

/// See the module.
#[derive(Clone, Debug)]
pub struct Learning {
    pub lesson: Arc<Lesson>,
    pub step: usize,
    /// The first block of the step that is not reached.
    pub place: usize,
    /// By step and block.
    pub guesses: BTreeMap<(usize, usize), Guessed>,
    /// The scores before the last `do` of this step.
    pub scores: Option<Arc<Scores>>,
    /// A `do` of this step has been carried out, so that there is something to measure.
    done: bool,
    /// Since when nothing has been under way while scores are waited for.
    quiet: Option<Instant>,
}

/// Something is under way that will change what is on show.
fn is_busy(s: &State) -> bool {
    let scans = s.video.is_some() && s.playback.end().is_none() && s.playback.scanning.is_some();
    s.opening.is_some() || s.loading.is_some() || s.work.is_some() || s.encoding.is_some() || scans
}

/// There are scores of what is on the stage and of the prompts as they are.
fn at_rest(s: &State) -> bool {
    let Some(shown) = &s.shown else { return false };
    let source = s.video.as_ref().and_then(|v| v.source.as_ref());
    let same = source.is_none_or(|source| *source.id() == shown.answer.question.source);
    s.opening.is_none()
        && s.loading.is_none()
        && same
        && s.scores().is_some()
        && s.scores_fresh()
        && !s.is_stale()
}

impl Learning {
    pub fn new(lesson: Arc<Lesson>) -> Self {
        let (guesses, scores) = Default::default();
        Self { lesson, step: 0, place: 0, guesses, scores, done: false, quiet: None }
    }

    pub fn blocks(&self) -> &[Block] {
        &self.lesson.steps[self.step].blocks
    }

    /// Everything of this step has been reached.
    pub fn is_through(&self) -> bool {
        self.place == self.blocks().len()
    }

    pub fn is_last(&self) -> bool {
        self.step + 1 == self.lesson.steps.len()
    }

    /// The guess that waits for an answer.
    pub fn asks(&self) -> Option<&Guess> {
        match self.blocks().get(self.place) {
            Some(Block::Guess(guess)) => Some(guess),
            _ => None,
        }
    }

    /// The line that this step has asked to type into, by its class, its side and its place there.
    pub fn line(&self) -> Option<(usize, Side, usize)> {
        let reached = self.blocks().iter().take(self.place);
        let intents = reached.filter_map(|b| if let Block::Do(intents) = b { Some(intents) } else { None });
        let asked = |intent: &Intent| match intent {
            Intent::TypeInto(c, side, i) => Some((*c, *side, *i)),
            _ => None,
        };
        intents.flatten().filter_map(asked).next_back()
    }

    /// Guesses that were right, and those that could be judged.
    pub fn tally(&self) -> (usize, usize) {
        let judged = || self.guesses.values().filter_map(|g| Some((g.option, g.right??)));
        (judged().filter(|(option, right)| option == right).count(), judged().count())
    }

    pub fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Next if !self.is_last() => self.go(self.step + 1),
            Turn::Back if self.step > 0 => self.go(self.step - 1),
            Turn::Next | Turn::Back => {}
            Turn::Guess(option) => {
                if self.asks().is_some_and(|guess| option < guess.options.len()) {
                    self.guesses.entry((self.step, self.place)).or_insert(Guessed { option, right: None });
                }
            }
        }
    }

    fn go(&mut self, step: usize) {
        (self.step, self.place, self.scores, self.done, self.quiet) = (step, 0, None, false, None);
    }

    /// Whether what comes next waits for scores: then the window has to look again by itself.
    pub fn waits(&self) -> bool {
        let act = matches!(self.blocks().get(self.place), Some(Block::Do(_)));
        act || self.guesses.range((self.step, 0)..(self.step, self.place)).any(|(_, g)| g.right.is_none())
    }

    /// The scores that the last `do` has asked for are there, or will not come.
    fn may_act(&mut self, s: &State, now: Instant) -> bool {
        // Without a clip there is nothing to wait for: it is for the lesson to open one.
        let empty = s.video.is_none() && s.opening.is_none() && s.shown.is_none();
        if at_rest(s) || empty {
            return true;
        }
        if is_busy(s) {
            self.quiet = None;
            return false;
        }
        now.duration_since(*self.quiet.get_or_insert(now)) >= QUIET
    }

    /// Goes on as far as the window allows; what is given back is to be carried out now. `types`: a person is in the middle of a word,
    /// of which nothing is to be said yet.
    pub fn advance(&mut self, s: &State, now: Instant, types: bool) -> Vec<Intent> {
        let lesson = self.lesson.clone();
        while let Some(block) = lesson.steps[self.step].blocks.get(self.place) {
            match block {
                Block::Text(_) | Block::Claim(_) => self.place += 1,
                Block::Guess(_) if self.guesses.contains_key(&(self.step, self.place)) => self.place += 1,
                // What is on the stage still is what was there before.
                Block::Until(_) if s.opening.is_some() || types => break,
                Block::Until(condition) if condition.holds(s, self.scores.as_deref()) == Some(true) => {
                    self.place += 1;
                }
                Block::Guess(_) | Block::Until(_) => break,
                Block::Do(intents) => {
                    if !self.may_act(s, now) {
                        break;
                    }
                    self.quiet = None;
                    // What was guessed before is about how things are now.
                    if self.done && at_rest(s) {
                        self.judge(s);
                    }
                    self.scores = s.scores().cloned().map(Arc::new);
                    self.done = true;
                    self.place += 1;
                    return intents.clone();
                }
            }
        }
        if self.done && at_rest(s) {
            self.judge(s);
        }
        Vec::new()
    }

    /// Measures what is right of the guesses of this step that have not been judged.
    fn judge(&mut self, s: &State) {
        let (step, scores) = (self.step, self.scores.clone());
        let blocks = &self.lesson.steps[step].blocks;
        for ((_, at), guessed) in self.guesses.range_mut((step, 0)..(step, self.place)) {
            let Some(Block::Guess(guess)) = blocks.get(*at) else { continue };
            let acted = blocks[*at..self.place].iter().any(|b| matches!(b, Block::Do(_)));
            if guessed.right.is_none() && acted {
                let so =
                    |(_, c): &(String, super::lesson::Condition)| c.holds(s, scores.as_deref()) == Some(true);
                guessed.right = Some(guess.options.iter().position(so));
            }
        }
    }
}
