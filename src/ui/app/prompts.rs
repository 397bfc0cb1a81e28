//! What becomes of the prompts: edits go into the history and to the engine, and the states that they make are kept with
//! their scores.

use super::App;
use crate::prompt::{Class, NameTable, PromptSet};
use crate::ui::compare::Compare;
use crate::ui::edit::{PromptEdit, Side, StateId};
use crate::ui::hold::{self, Hold};
use crate::ui::import::{self, Import, Names};
use crate::ui::keep::Recent;
use crate::ui::{class_card, field};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

impl App {
    pub(super) fn edit(&mut self, edit: &PromptEdit) {
        let hold = edit.class().and_then(|c| Hold::new(&self.state, c, Instant::now()));
        if self.state.history.edit(edit) {
            if let Some(before) = &mut self.before {
                before.typed = Some(Instant::now());
            }
            self.state.hold = hold;
            self.keep.typed(Instant::now());
            self.send_prompts();
        }
    }

    pub(super) fn send_prompts(&mut self) {
        let s = &mut self.state;
        s.revision += 1;
        let set = Arc::new(hold::held(s));
        s.log.note(s.history.state(), &set, s.history.present().follows_model());
        for engine in self.engine.iter().chain(self.rival.engine()) {
            engine.set_prompts(s.revision, set.clone(), None);
        }
        self.ask_trial();
    }

    /// Templates that the person has not touched follow the model.
    pub(super) fn adopt_templates(&mut self, templates: crate::prompt::Templates) {
        self.state.history.set_model_templates(templates);
        self.send_prompts();
    }

    /// The present state of the prompts has the scores that are on show, where they are of it.
    pub(super) fn log_scores(&mut self) {
        let s = &mut self.state;
        if s.scores_of_shown().is_some()
            && let (Some(of), Some(scored)) = (s.scored_of(), &s.scored)
            && scored.revision == s.revision
        {
            s.log.scored(of, &scored.scores);
        }
        self.compare_experiment();
    }

    pub(super) fn return_to(&mut self, state: StateId) {
        let s = &mut self.state;
        if let Some(set) = s.log.set(state)
            && s.history.return_to(set, state)
        {
            s.hold = None;
            self.keep.typed(Instant::now());
            self.send_prompts();
        }
    }

    /// Puts the hand on a line: its class is open, and it has the keyboard.
    pub(super) fn type_into(&mut self, at: (usize, Side, usize)) {
        if let Some((class, line)) = self.state.line_key(at) {
            class_card::open(&self.ctx, class);
            field::enter(&self.ctx, line, true);
            self.ctx.request_repaint();
        }
    }

    pub(super) fn show_class(&self, name: &str) {
        let document = self.state.history.present();
        let place = document.prompts.classes.iter().position(|class| class.name == name);
        if let Some(key) = place.and_then(|c| document.class_key(c)) {
            class_card::open(&self.ctx, key);
            self.ctx.request_repaint();
        }
    }

    pub(super) fn try_class(&mut self, name: String) {
        self.state.trial.name = name;
        self.ask_trial();
    }

    /// Asks for the texts of the negation bench where they are others than the ones that it has asked for.
    pub(super) fn ask_negation(&mut self) {
        let wanted = self.state.negation_texts();
        if wanted.as_ref() != self.state.negation.wanted.as_deref() {
            self.state.negation.wanted = wanted.map(Arc::new);
            self.ask_trial();
        }
    }

    /// Asks for the text sides of the class that is tried out, of the negation bench, and of the prompts that are compared with.
    pub(super) fn ask_trial(&self) {
        let s = &self.state;
        let other = s.compare.as_ref().and_then(Compare::waits_for_texts);
        let sets: Vec<_> =
            s.trial.set(s.prompts()).into_iter().chain(s.negation.wanted.clone()).chain(other).collect();
        if let (Some(engine), false) = (&self.engine, sets.is_empty()) {
            engine.try_prompts(sets);
        }
    }

    /// A prompt set has been read.
    pub(super) fn take_set(&mut self, set: PromptSet) {
        if self.is_at_its_start() {
            self.state.history.start(set);
            self.state.log.clear();
            self.send_prompts();
        } else {
            self.edit(&PromptEdit::Replace(set));
        }
    }

    /// There are no prompts yet, and nothing that undo could bring back: what comes now, such as the set of `--prompts`, is
    /// what there is to begin with.
    fn is_at_its_start(&self) -> bool {
        self.state.prompts().classes.is_empty() && !self.state.history.can_undo()
    }

    /// Names have been read: where nothing is to be chosen they are what there is to begin with, else a person says.
    pub(super) fn take_names(&mut self, path: PathBuf, table: NameTable) {
        match table.only_names() {
            Ok(names) if self.is_at_its_start() => {
                Recent::note(&mut self.state.recent.prompts, &path);
                self.state.prompts_file = Some(path);
                self.take_set(PromptSet::from_names(names));
            }
            _ => self.state.import = Some(Import::new(path, table)),
        }
    }

    /// Carries out what a person has said of the names that wait.
    pub(super) fn import(&mut self, names: Option<Names>) {
        let s = &mut self.state;
        let waited = s.import.take();
        let Some(names) = names else { return };
        if let Some(import) = waited {
            Recent::note(&mut s.recent.prompts, &import.path);
            s.prompts_file = Some(import.path);
        }
        let set = match names {
            Names::Replace(names) => PromptSet::from_names(names),
            Names::Append(names) => {
                let new = import::new_names(s, &names);
                let mut set = s.prompts().clone();
                set.classes.extend(new.into_iter().map(|name| Class { name, ..Class::default() }));
                set
            }
        };
        self.edit(&PromptEdit::Replace(set));
    }
}
