//! What a person draws: the motion, the way under their hand, and the ways before it.

use crate::data::drawing::{Drawing, Ready};
use crate::data::track::{Knot, Track};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What is asked in the background waits until the drawing has not changed for so long.
const REST: Duration = Duration::from_millis(600);
/// A way shorter than this (of the picture's 64) was no way.
const SHORTEST: f32 = 3.0;

/// A request about the drawing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// Puts the drawing on the stage in place of the clip.
    Begin,
    /// Puts the clip back.
    Done,
    /// The motion is to be this one.
    Change(Drawing),
    /// The mover goes a way that needs no hand.
    Ready(Ready),
    /// The hand is down and has got there; its times are seconds.
    To(Knot),
    /// The hand is up: where it has been is the way.
    Lift,
    /// Where the hand has been is forgotten.
    Drop,
    /// The way before this one.
    Undo,
    /// Writes it as a clip, with its truth beside it.
    Save(PathBuf),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Easel {
    drawing: Drawing,
    hand: Vec<Knot>,
    before: Vec<Track>,
    changed: Instant,
}

impl Easel {
    pub fn new(drawing: Drawing) -> Self {
        Self { drawing, hand: Vec::new(), before: Vec::new(), changed: Instant::now() }
    }

    pub fn drawing(&self) -> &Drawing {
        &self.drawing
    }

    /// Where the hand has been since it went down; nothing while it is up.
    pub fn hand(&self) -> &[Knot] {
        &self.hand
    }

    /// There is a way before this one.
    pub fn can_undo(&self) -> bool {
        !self.before.is_empty()
    }

    /// How long until the drawing has rested; `None`: it has.
    pub fn unrest(&self, now: Instant) -> Option<Duration> {
        REST.checked_sub(now.saturating_duration_since(self.changed)).filter(|wait| !wait.is_zero())
    }

    /// Whether the motion has become another one; its times are seconds.
    pub(super) fn take(&mut self, draw: Draw) -> bool {
        match draw {
            Draw::Change(drawing) => self.change(drawing),
            Draw::Ready(ready) => self.change(Drawing { track: ready.track(), ..self.drawing.clone() }),
            Draw::To(knot) => {
                self.hand.push(knot);
                false
            }
            Draw::Drop => {
                self.hand.clear();
                false
            }
            Draw::Lift => {
                let track = Track::from(std::mem::take(&mut self.hand));
                track.length() >= SHORTEST && self.change(Drawing { track, ..self.drawing.clone() })
            }
            Draw::Undo => {
                let Some(track) = self.before.pop() else { return false };
                self.drawing.track = track;
                self.changed = Instant::now();
                true
            }
            Draw::Begin | Draw::Done | Draw::Save(_) => false,
        }
    }

    fn change(&mut self, drawing: Drawing) -> bool {
        let drawing = drawing.within();
        if drawing == self.drawing {
            return false;
        }
        if drawing.track != self.drawing.track {
            self.before.push(std::mem::replace(&mut self.drawing, drawing).track);
        } else {
            self.drawing = drawing;
        }
        self.changed = Instant::now();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_makes_a_way_and_undo_takes_it_back() {
        let mut easel = Easel::new(Drawing::default());
        let first = easel.drawing().track.clone();
        for i in 0..10 {
            let i = i as f32;
            assert!(!easel.take(Draw::To(Knot { t: i * 0.1, x: 10.0 + 4.0 * i, y: 20.0 })));
        }
        assert!(easel.hand().len() == 10 && !easel.can_undo());
        assert!(easel.take(Draw::Lift));
        assert!(easel.hand().is_empty() && easel.drawing().words() == "moving right steadily");
        assert!(easel.take(Draw::Ready(Ready::Circle)) && easel.can_undo());
        assert!(easel.take(Draw::Undo) && easel.take(Draw::Undo) && !easel.take(Draw::Undo));
        assert_eq!(easel.drawing().track, first);
    }

    #[test]
    fn a_twitch_is_no_way_and_what_is_not_a_way_is_no_step() {
        let mut easel = Easel::new(Drawing::default());
        for t in [0.0, 0.1] {
            easel.take(Draw::To(Knot { t, x: 10.0 + t, y: 20.0 }));
        }
        assert!(!easel.take(Draw::Lift) && !easel.can_undo());
        easel.take(Draw::To(Knot { t: 0.0, x: 1.0, y: 1.0 }));
        easel.take(Draw::Drop);
        assert!(!easel.take(Draw::Lift));
        assert!(easel.take(Draw::Change(Drawing { speed: 99.0, ..Drawing::default() })));
        assert_eq!(easel.drawing().speed, 4.0, "within its range");
        assert!(!easel.can_undo(), "Undo is of ways");
        assert!(!easel.take(Draw::Change(easel.drawing().clone())), "nothing has changed");
    }

    #[test]
    fn it_rests_a_while_after_the_last_change() {
        let easel = Easel::new(Drawing::default());
        let now = Instant::now();
        assert!(easel.unrest(now).is_some());
        assert_eq!(easel.unrest(now + REST), None);
    }
}
