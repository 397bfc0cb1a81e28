//! While a class is typed in, its membership in p stands still: half a word is unknown to the model, and p would change for
//! all classes at nearly every letter.

use super::document::ClassKey;
use super::state::State;
use crate::prompt::PromptSet;
use std::time::{Duration, Instant};

/// How long after the last keystroke.
const AFTER: Duration = Duration::from_millis(500);

/// The class that is typed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    class: ClassKey,
    counts: bool,
    until: Instant,
}

impl Hold {
    /// For the class in place `c`, as it was before the first keystroke; a class that has no score yet does not count yet.
    pub fn new(s: &State, c: usize, now: Instant) -> Option<Self> {
        let class = s.history.present().class_key(c)?;
        let counts = match s.hold.filter(|h| h.class == class) {
            Some(hold) => hold.counts,
            None => s.score(c).is_some_and(|x| x.counts),
        };
        Some(Self { class, counts, until: now + AFTER })
    }

    /// The time that is left; `None`: it is over.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        self.until.checked_duration_since(now).filter(|left| !left.is_zero())
    }
}

/// The prompts as they go to the model.
pub fn held(s: &State) -> PromptSet {
    let mut set = s.prompts().clone();
    if let Some(hold) = s.hold {
        let document = s.history.present();
        let at = (0..set.classes.len()).find(|c| document.class_key(*c) == Some(hold.class));
        if let Some(class) = at.and_then(|c| set.classes.get_mut(c)) {
            class.counts = Some(hold.counts);
        }
    }
    set
}
