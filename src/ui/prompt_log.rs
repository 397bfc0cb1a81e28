//! The states that the prompts have been in, each with what changed and the scores it had: any of them can be gone back to.
//! What is typed in one go is one state, as Undo has it. Kept in memory only, and bounded.

use super::edit::StateId;
use crate::prompt::{PromptSet, difference};
use crate::score::{ClassScore, Scores};
use std::collections::VecDeque;
use std::sync::Arc;

/// States that are kept, and the classes that all of them may hold together.
const LINES: usize = 200;
const CLASSES: usize = 200_000;

/// One state.
#[derive(Clone, Debug)]
pub struct Line {
    pub state: StateId,
    /// What made it out of the state before.
    pub words: String,
    set: Arc<PromptSet>,
    /// The templates are the model's, whichever that is.
    follows_model: bool,
    /// The state that it was made from.
    from: Option<Arc<PromptSet>>,
    parent: Option<StateId>,
    pub scored: Option<LineScores>,
}

/// The scores of a state, and what they are of.
#[derive(Clone, Debug)]
pub struct LineScores {
    /// Clip and span in words.
    pub of: String,
    pub scores: Arc<Scores>,
}

impl LineScores {
    /// The class with the largest p, where any has one.
    pub fn winner(&self) -> Option<&ClassScore> {
        let best = self.scores.classes.iter().max_by(|a, b| a.p.total_cmp(&b.p));
        best.filter(|c| c.p > 0.0)
    }

    pub fn class(&self, name: &str) -> Option<&ClassScore> {
        self.scores.classes.iter().find(|c| c.name == name)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct PromptLog {
    lines: VecDeque<Line>,
    present: Option<StateId>,
    now: Option<Arc<PromptSet>>,
    /// The class whose changes are shown; `None`: the winner of each line.
    pub watched: Option<String>,
}

impl PromptLog {
    /// The prompts begin anew.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The oldest first.
    pub fn lines(&self) -> &VecDeque<Line> {
        &self.lines
    }

    /// The state that a line was made from, as long as it is kept: after an undo not the line before.
    pub fn parent(&self, line: &Line) -> Option<&Line> {
        self.lines.iter().rev().find(|earlier| Some(earlier.state) == line.parent)
    }

    /// The state that the prompts are in.
    pub fn present(&self) -> Option<StateId> {
        self.present
    }

    /// The prompts are in `state`, and are `set`.
    pub fn note(&mut self, state: StateId, set: &Arc<PromptSet>, follows_model: bool) {
        let from = self.now.replace(set.clone());
        let parent = self.present.replace(state);
        if let Some(line) = self.lines.iter_mut().find(|line| line.state == state) {
            // What goes on being typed belongs to the state that it began.
            (line.set, line.follows_model) = (set.clone(), follows_model);
            line.words = words(line.from.as_deref(), set);
            return;
        }
        let words = words(from.as_deref(), set);
        self.lines.push_back(Line {
            state,
            words,
            set: set.clone(),
            follows_model,
            from,
            parent,
            scored: None,
        });
        let mut classes: usize = self.lines.iter().map(|line| line.set.classes.len()).sum();
        while self.lines.len() > LINES || (classes > CLASSES && self.lines.len() > 1) {
            classes -= self.lines.pop_front().map_or(0, |line| line.set.classes.len());
            if let Some(first) = self.lines.front_mut() {
                first.from = None;
            }
        }
    }

    /// The present state has these scores, of this clip and span.
    pub fn scored(&mut self, of: String, scores: &Arc<Scores>) {
        let present = self.present;
        if let Some(line) = self.lines.iter_mut().rev().find(|line| Some(line.state) == present) {
            line.scored = Some(LineScores { of, scores: scores.clone() });
        }
    }

    /// A state's words, and its prompts as they were scored.
    pub fn scored_set(&self, state: StateId) -> Option<(&str, Arc<PromptSet>)> {
        let line = self.lines.iter().find(|line| line.state == state)?;
        Some((&line.words, line.set.clone()))
    }

    /// The prompts of a state, as they are to be put back.
    pub fn set(&self, state: StateId) -> Option<PromptSet> {
        let line = self.lines.iter().find(|line| line.state == state)?;
        let mut set = (*line.set).clone();
        set.classes.iter_mut().for_each(|class| class.counts = None);
        if line.follows_model {
            set.templates = crate::prompt::Templates::default();
        }
        Some(set)
    }
}

fn words(from: Option<&PromptSet>, set: &PromptSet) -> String {
    match from {
        Some(from) => difference::in_words(from, set),
        None => format!("{} to begin with", difference::classes(set.classes.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::edit::{History, PromptEdit};

    fn note(log: &mut PromptLog, h: &History) {
        log.note(h.state(), &Arc::new(h.present().prompts.clone()), h.present().follows_model());
    }

    #[test]
    fn a_state_is_a_line_and_undo_goes_among_them() {
        let (mut h, mut log) = (History::new(PromptSet::from_names(["jump", "run"])), PromptLog::default());
        note(&mut log, &h);
        for name in ["ju", "j"] {
            h.edit(&PromptEdit::RenameClass(0, name.into()));
            note(&mut log, &h);
            log.scored("a clip".into(), &Arc::default());
        }
        h.edit(&PromptEdit::AddClass("hop".into()));
        note(&mut log, &h);
        let words = |log: &PromptLog| log.lines().iter().map(|l| l.words.clone()).collect::<Vec<_>>();
        let all = ["2 classes to begin with", "“jump” is now “j”", "+ class “hop”"];
        assert_eq!(words(&log), all);
        assert!(log.lines()[1].scored.is_some() && log.lines()[2].scored.is_none());
        let back = log.lines()[1].state;
        h.undo();
        note(&mut log, &h);
        assert_eq!((words(&log).len(), log.present()), (3, Some(back)));
        let first = log.lines()[0].state;
        assert!(h.return_to(log.set(first).unwrap(), first));
        note(&mut log, &h);
        assert_eq!((words(&log), log.present()), (all.map(str::to_owned).to_vec(), Some(first)));
        assert_eq!(h.present().prompts.classes[0].name, "jump");
        assert!(h.undo());
        assert_eq!(h.state(), back);
        note(&mut log, &h);
        h.edit(&PromptEdit::AddClass("skip".into()));
        note(&mut log, &h);
        let last = &log.lines()[3];
        assert_eq!(
            log.parent(last).map(|line| line.state),
            Some(back),
            "and not the line before, which was taken back"
        );
    }

    #[test]
    fn the_lines_are_bounded_and_begin_anew() {
        let (mut h, mut log) = (History::new(PromptSet::from_names(["jump"])), PromptLog::default());
        for i in 0..LINES + 20 {
            h.edit(&PromptEdit::AddClass(format!("class {i}")));
            note(&mut log, &h);
        }
        assert_eq!(log.lines().len(), LINES);
        let large = PromptSet::from_names((0..CLASSES / 2).map(|i| i.to_string()));
        for name in ["a", "b"] {
            h.edit(&PromptEdit::Replace(large.clone()));
            h.edit(&PromptEdit::RenameClass(0, name.into()));
            note(&mut log, &h);
        }
        assert!(log.lines().len() <= 2);
        log.clear();
        assert!(log.lines().is_empty());
    }
}
