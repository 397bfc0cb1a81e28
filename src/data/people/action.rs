//! The classes: verb × direction × what the arms do or what is picked up.

use serde::Serialize;

/// What a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Walking(Side),
    /// Faces away from where it goes: the reversal of walking to the other side.
    WalkingBackwards(Side),
    Running(Side),
    SittingDown,
    StandingUp,
    PickingUp,
    PuttingDown,
    FallingOver,
    GettingUp,
}

/// A side of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Left,
    Right,
}

impl Side {
    pub fn word(self) -> &'static str {
        ["left", "right"][self as usize]
    }

    pub fn opposite(self) -> Self {
        [Self::Right, Self::Left][self as usize]
    }

    /// −1 or 1, x to the right.
    pub fn sign(self) -> f32 {
        [-1.0, 1.0][self as usize]
    }
}

/// What is carried, picked up or put down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Thing {
    Box,
    Ball,
    Bag,
}

impl Thing {
    pub const ALL: [Self; 3] = [Self::Box, Self::Ball, Self::Bag];

    pub fn words(self) -> &'static str {
        ["a box", "a ball", "a bag"][self as usize]
    }
}

/// What the arms do meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arms {
    /// What goes with the verb, and nothing else.
    Free,
    Waving,
    Clapping,
    Carrying(Thing),
    /// The thing that the verb is about.
    Handling(Thing),
}

/// A class of the cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Action {
    pub verb: Verb,
    pub arms: Arms,
}

const fn action(verb: Verb, arms: Arms) -> Action {
    Action { verb, arms }
}

/// The eight classes that no image, caption or clip of training shows or names: four reversal pairs, whose words all
/// occur in seen classes.
pub const UNSEEN: [Action; 8] = {
    use Side::{Left, Right};
    use Verb::{PickingUp, PuttingDown, SittingDown, StandingUp, Walking, WalkingBackwards};
    [
        action(Walking(Left), Arms::Waving),
        action(WalkingBackwards(Right), Arms::Waving),
        action(Walking(Right), Arms::Clapping),
        action(WalkingBackwards(Left), Arms::Clapping),
        action(SittingDown, Arms::Carrying(Thing::Box)),
        action(StandingUp, Arms::Carrying(Thing::Box)),
        action(PickingUp, Arms::Handling(Thing::Ball)),
        action(PuttingDown, Arms::Handling(Thing::Ball)),
    ]
};

impl Action {
    /// All 36 classes, verb by verb.
    pub fn all() -> Vec<Self> {
        use Side::{Left, Right};
        let arms = [Arms::Free, Arms::Waving, Arms::Clapping, Arms::Carrying(Thing::Box)];
        let walks = [
            Verb::Walking(Left),
            Verb::Walking(Right),
            Verb::WalkingBackwards(Left),
            Verb::WalkingBackwards(Right),
            Verb::SittingDown,
            Verb::StandingUp,
        ];
        let runs = [Verb::Running(Left), Verb::Running(Right)];
        let picks = [Verb::PickingUp, Verb::PuttingDown];
        let falls = [Verb::FallingOver, Verb::GettingUp];
        let of = |verbs: &[Verb], arms: &[Arms]| -> Vec<Self> {
            verbs.iter().flat_map(|&verb| arms.iter().map(move |&arms| Self { verb, arms })).collect()
        };
        [
            of(&walks, &arms),
            of(&runs, &[Arms::Free, Arms::Carrying(Thing::Ball)]),
            of(&picks, &Thing::ALL.map(Arms::Handling)),
            of(&falls, &[Arms::Free]),
        ]
        .concat()
    }

    /// The 28 classes that training may use.
    pub fn seen() -> Vec<Self> {
        Self::all().into_iter().filter(|a| !a.is_unseen()).collect()
    }

    /// Everything that training shows and names: the seen classes, and [`Self::practice`].
    pub fn trained() -> Vec<Self> {
        [Self::seen(), Self::practice()].concat()
    }

    /// 30 further compositions of the same words, which are no classes and which no examination asks for. Training has them so that
    /// it meets what the legs do and what the arms do in many more pairs than the classes are, and learns them as two things.
    pub fn practice() -> Vec<Self> {
        let classes = Self::all();
        let held = Thing::ALL.map(Arms::Carrying);
        let busy = [Arms::Waving, Arms::Clapping].into_iter().chain(held);
        let verbs = classes.iter().filter(|a| a.arms == Arms::Free).map(|a| a.verb);
        let pairs = verbs.flat_map(|verb| busy.clone().map(move |arms| Self { verb, arms }));
        pairs.filter(|pair| !classes.contains(pair)).collect()
    }

    pub fn is_unseen(self) -> bool {
        UNSEEN.contains(&self)
    }

    /// The class of the same clip played backwards; running has none.
    pub fn reversed(self) -> Option<Self> {
        let verb = match self.verb {
            Verb::Walking(side) => Verb::WalkingBackwards(side.opposite()),
            Verb::WalkingBackwards(side) => Verb::Walking(side.opposite()),
            Verb::Running(_) => return None,
            Verb::SittingDown => Verb::StandingUp,
            Verb::StandingUp => Verb::SittingDown,
            Verb::PickingUp => Verb::PuttingDown,
            Verb::PuttingDown => Verb::PickingUp,
            Verb::FallingOver => Verb::GettingUp,
            Verb::GettingUp => Verb::FallingOver,
        };
        Some(Self { verb, ..self })
    }

    /// What it is called: "walking to the left while waving", "sitting down with a box", "picking up a ball".
    pub fn name(self) -> String {
        let verb = match self.verb {
            Verb::Walking(side) => format!("walking to the {}", side.word()),
            Verb::WalkingBackwards(side) => format!("walking backwards to the {}", side.word()),
            Verb::Running(side) => format!("running to the {}", side.word()),
            Verb::SittingDown => "sitting down".to_owned(),
            Verb::StandingUp => "standing up".to_owned(),
            Verb::PickingUp => "picking up".to_owned(),
            Verb::PuttingDown => "putting down".to_owned(),
            Verb::FallingOver => "falling over".to_owned(),
            Verb::GettingUp => "getting up".to_owned(),
        };
        match self.arms {
            Arms::Free => verb,
            Arms::Waving => format!("{verb} while waving"),
            Arms::Clapping => format!("{verb} while clapping"),
            Arms::Carrying(thing) => format!("{verb} with {}", thing.words()),
            Arms::Handling(thing) => format!("{verb} {}", thing.words()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_unseen_are_four_reversal_pairs_and_their_words_are_all_seen() {
        let all = Action::all();
        assert_eq!((all.len(), Action::seen().len()), (36, 28));
        let names: HashSet<String> = all.iter().map(|a| a.name()).collect();
        assert_eq!(names.len(), 36);
        for action in &all {
            if let Some(reversed) = action.reversed() {
                assert!(all.contains(&reversed), "{}", reversed.name());
                assert_eq!(reversed.reversed(), Some(*action));
                assert_eq!(reversed.is_unseen(), action.is_unseen());
            }
        }
        let seen: Vec<String> = Action::seen().iter().map(|a| a.name()).collect();
        let words: HashSet<&str> = seen.iter().flat_map(|n| n.split(' ')).collect();
        assert!(UNSEEN.iter().all(|a| a.name().split(' ').all(|w| words.contains(w))));
    }

    #[test]
    fn what_is_practised_is_of_the_same_words_and_is_no_class() {
        let (classes, practice) = (Action::all(), Action::practice());
        let words: HashSet<String> =
            classes.iter().flat_map(|a| a.name().split(' ').map(str::to_owned).collect::<Vec<_>>()).collect();
        assert_eq!((practice.len(), Action::trained().len()), (30, 58));
        for action in &practice {
            assert!(!classes.contains(action), "{}", action.name());
            assert!(action.name().split(' ').all(|w| words.contains(w)), "{}", action.name());
            assert!(action.reversed().is_none_or(|reversed| practice.contains(&reversed)));
        }
    }
}
