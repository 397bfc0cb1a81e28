//! How people say it: every word for what the cast does. A model knows the words that its captions used and no others, so a
//! thing has many forms here. The first form is the one that class names use.

use super::action::{Arms, Side, Thing, Verb};
use crate::data::world::WorldRng;
use rand::Rng;

/// A verb without its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Walking,
    WalkingBackwards,
    Running,
    SittingDown,
    StandingUp,
    PickingUp,
    PuttingDown,
    FallingOver,
    GettingUp,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Walking,
        Self::WalkingBackwards,
        Self::Running,
        Self::SittingDown,
        Self::StandingUp,
        Self::PickingUp,
        Self::PuttingDown,
        Self::FallingOver,
        Self::GettingUp,
    ];

    pub fn of(verb: Verb) -> (Self, Option<Side>) {
        match verb {
            Verb::Walking(side) => (Self::Walking, Some(side)),
            Verb::WalkingBackwards(side) => (Self::WalkingBackwards, Some(side)),
            Verb::Running(side) => (Self::Running, Some(side)),
            Verb::SittingDown => (Self::SittingDown, None),
            Verb::StandingUp => (Self::StandingUp, None),
            Verb::PickingUp => (Self::PickingUp, None),
            Verb::PuttingDown => (Self::PuttingDown, None),
            Verb::FallingOver => (Self::FallingOver, None),
            Verb::GettingUp => (Self::GettingUp, None),
        }
    }

    /// `{}` stands for what is picked up or put down; without one it is left out or comes last.
    fn forms(self) -> &'static [&'static str] {
        match self {
            Self::Walking => &[
                "walking",
                "walks",
                "walk",
                "walking forwards",
                "strolling",
                "strolls",
                "marching",
                "walked",
                "stepping",
                "going",
                "going on foot",
            ],
            Self::WalkingBackwards => &[
                "walking backwards",
                "walks backwards",
                "walk backwards",
                "walking backward",
                "stepping back",
                "moving backwards",
                "going backwards",
                "backing up",
                "backs up",
                "backing away",
                "backs away",
                "backing off",
                "walking in reverse",
                "moving in reverse",
                "walked backwards",
            ],
            Self::Running => &[
                "running",
                "runs",
                "run",
                "jogging",
                "jogs",
                "jog",
                "sprinting",
                "sprints",
                "ran",
                "rushing",
                "racing",
                "dashing",
            ],
            Self::SittingDown => &[
                "sitting down",
                "sits down",
                "sit down",
                "sitting down on a chair",
                "sits down on a chair",
                "taking a seat",
                "takes a seat",
                "takes their seat",
                "sat down",
                "having a seat",
                "going to sit down",
            ],
            Self::StandingUp => &[
                "standing up",
                "stands up",
                "stand up",
                "standing up from a chair",
                "rising from a chair",
                "rises from a chair",
                "getting up from a chair",
                "gets up from a chair",
                "stood up",
                "rising from his chair",
                "gets up from her seat",
                "rising to their feet",
            ],
            Self::PickingUp => &[
                "picking up {}",
                "picks up {}",
                "pick up {}",
                "picking {} up",
                "picks {} up",
                "lifting {}",
                "lifts {}",
                "lifting up {}",
                "lifting {} up",
                "grabbing {}",
                "grabs {}",
                "grabs {} from the ground",
                "lifting {} off the floor",
                "taking {} from the floor",
                "takes {} from the ground",
                "bends down and picks up {}",
                "picked up {}",
            ],
            Self::PuttingDown => &[
                "putting down {}",
                "puts down {}",
                "put down {}",
                "putting {} down",
                "puts {} down",
                "setting down {}",
                "lowering {}",
                "placing {} on the floor",
                "puts {} on the floor",
                "dropping {}",
                "drops {}",
                "placing {} on the ground",
                "places {} on the floor",
                "lays {} on the floor",
                "laying {} down",
                "lowers {} to the ground",
                "putting {} on the ground",
                "leaving {} on the floor",
            ],
            Self::FallingOver => &[
                "falling over",
                "falls over",
                "fall over",
                "falling",
                "falls",
                "falling down",
                "falls down",
                "collapsing",
                "collapses",
                "tripping",
                "trips",
                "trips and falls",
                "falls to the ground",
                "fell over",
                "fell down",
            ],
            Self::GettingUp => &[
                "getting up",
                "gets up",
                "get up",
                "getting up from the floor",
                "gets up from the floor",
                "rising from the floor",
                "getting back up",
                "gets back up",
                "getting up from the ground",
                "getting up after a fall",
                "got up",
            ],
        }
    }
}

const WHO: &[&str] = &[
    "a person",
    "a man",
    "a woman",
    "someone",
    "somebody",
    "a human",
    "a figure",
    "he",
    "she",
    "a boy",
    "a girl",
    "the person",
    "the man",
    "the woman",
    "person",
    "man",
    "woman",
    "a guy",
    "a kid",
    "a child",
    "they",
    "a player",
    "a person who is",
    "somebody who is",
];
const LEFT: &[&str] = &[
    "to the left",
    "left",
    "leftwards",
    "towards the left",
    "toward the left",
    "to the left side",
    "over to the left",
    "leftward",
];
const RIGHT: &[&str] = &[
    "to the right",
    "right",
    "rightwards",
    "towards the right",
    "toward the right",
    "to the right side",
    "over to the right",
    "rightward",
];
const BOX: &[&str] = &["a box", "the box", "a package", "a parcel", "a crate", "a carton", "box"];
const BALL: &[&str] = &["a ball", "the ball", "a football", "ball", "a basketball"];
const BAG: &[&str] = &["a bag", "the bag", "a handbag", "a sack", "bag", "her bag", "his bag", "a suitcase"];
const WAVING: &[&str] = &[
    "while waving",
    "waving",
    "and waving",
    "and waves",
    "waves",
    "waving a hand",
    "raising a hand",
    "raises a hand",
    "with a raised hand",
    "greeting",
    "waving his hand",
    "waves her hand",
    "waving hello",
    "waves goodbye",
    "and is waving",
    "waving at someone",
    "with a wave",
    "waved",
];
const CLAPPING: &[&str] = &[
    "while clapping",
    "clapping",
    "and clapping",
    "and claps",
    "claps",
    "clapping hands",
    "applauding",
    "applauds",
    "clapping his hands",
    "claps her hands",
    "clapping their hands",
    "and is clapping",
    "and applauds",
    "clapped",
];
const CARRYING: &[&str] = &[
    "with {}",
    "carrying {}",
    "while carrying {}",
    "and carries {}",
    "carries {}",
    "holding {}",
    "holds {}",
    "with {} in hand",
    "with {} in their arms",
    "with {} in his hands",
    "bringing {}",
    "brings {}",
    "and is carrying {}",
    "carried {}",
];
/// What the arms do, said before what the legs do.
const WAVING_FIRST: &[&str] = &["waving", "waves", "waving a hand", "raising a hand", "greeting"];
const CLAPPING_FIRST: &[&str] = &["clapping", "claps", "clapping hands", "applauding", "applauds"];
const CARRYING_FIRST: &[&str] = &["carrying {}", "carries {}", "holding {}", "holds {}", "bringing {}"];
const MEANWHILE: &[&str] = &["while", "and", "as he", "as she", "as they", "while he is", "while she is"];

/// Words of captions and templates that no list of forms has.
const OTHERS: &str = "a photo picture video of person is in not on at with arms down shirt wall facing in front the middle \
    standing sitting on chair bending down lying on floor still moving and while looking who was then it along side screen";

/// What is said of a figure's posture in a still picture.
pub(super) const POSTURES: [&str; 6] =
    ["standing", "sitting on a chair", "bending down", "lying on the floor", "walking", "running"];
pub(super) const POSITIONS: [&str; 3] = ["on the left", "in the middle", "on the right"];

/// The first form, three times in five, or any.
fn say<'a>(rng: &mut WorldRng, forms: &[&'a str]) -> &'a str {
    forms[if rng.random_bool(0.6) { 0 } else { rng.random_range(0..forms.len()) }]
}

pub(super) fn who(rng: &mut WorldRng) -> &'static str {
    say(rng, WHO)
}

pub(super) fn side(rng: &mut WorldRng, side: Side) -> &'static str {
    say(rng, [LEFT, RIGHT][side as usize])
}

pub(super) fn thing(rng: &mut WorldRng, thing: Thing) -> &'static str {
    say(rng, [BOX, BALL, BAG][thing as usize])
}

/// A verb, with where it goes and what it handles as far as these are to be said.
pub(super) fn verb(rng: &mut WorldRng, kind: Kind, to: Option<Side>, what: Option<Thing>) -> String {
    let what = what.map_or("", |t| thing(rng, t));
    let verb = say(rng, kind.forms()).replace("{}", what);
    match to {
        Some(to) => format!("{verb} {}", side(rng, to)),
        None => verb,
    }
}

/// What the arms do; "" for arms that do nothing. What is handled belongs to the verb.
pub(super) fn arms(rng: &mut WorldRng, arms: Arms) -> String {
    match arms {
        Arms::Free | Arms::Handling(_) => String::new(),
        Arms::Waving => say(rng, WAVING).to_owned(),
        Arms::Clapping => say(rng, CLAPPING).to_owned(),
        Arms::Carrying(kind) => say(rng, CARRYING).replace("{}", thing(rng, kind)),
    }
}

/// What the arms do and the verb after it, as "waving while walking"; `None` where the arms have no words of their own.
pub(super) fn arms_first(rng: &mut WorldRng, arms: Arms, verb: &str) -> Option<String> {
    let arms = match arms {
        Arms::Free | Arms::Handling(_) => return None,
        Arms::Waving => say(rng, WAVING_FIRST).to_owned(),
        Arms::Clapping => say(rng, CLAPPING_FIRST).to_owned(),
        Arms::Carrying(kind) => say(rng, CARRYING_FIRST).replace("{}", thing(rng, kind)),
    };
    Some(format!("{arms} {} {verb}", say(rng, MEANWHILE)))
}

/// Every word of captions, class names and templates, sorted.
pub fn vocabulary() -> Vec<String> {
    let arms = [WAVING, CLAPPING, CARRYING, WAVING_FIRST, CLAPPING_FIRST, CARRYING_FIRST, MEANWHILE];
    let lists = [WHO, LEFT, RIGHT, BOX, BALL, BAG, &POSTURES, &POSITIONS].into_iter().chain(arms);
    let shirts = super::figure::SHIRTS.map(|s| s.0);
    let walls = super::room::WALLS.map(|w| w.0);
    let mut words: Vec<String> = lists
        .chain(Kind::ALL.map(Kind::forms))
        .flatten()
        .copied()
        .chain(shirts)
        .chain(walls)
        .chain([OTHERS])
        .flat_map(str::split_whitespace)
        .filter(|w| *w != "{}")
        .map(str::to_owned)
        .collect();
    words.sort();
    words.dedup();
    words
}
