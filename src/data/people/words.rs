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
            Self::Walking => {
                &["walking", "walks", "walk", "walking forwards", "strolling", "strolls", "marching"]
            }
            Self::WalkingBackwards => &[
                "walking backwards",
                "walks backwards",
                "walk backwards",
                "walking backward",
                "stepping back",
                "moving backwards",
                "going backwards",
            ],
            Self::Running => &["running", "runs", "run", "jogging", "jogs", "jog", "sprinting", "sprints"],
            Self::SittingDown => &[
                "sitting down",
                "sits down",
                "sit down",
                "sitting down on a chair",
                "sits down on a chair",
                "taking a seat",
                "takes a seat",
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
                "taking {} from the floor",
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
                "tripping",
            ],
            Self::GettingUp => &[
                "getting up",
                "gets up",
                "get up",
                "getting up from the floor",
                "gets up from the floor",
                "rising from the floor",
                "getting back up",
            ],
        }
    }
}

const WHO: &[&str] = &[
    "a person", "a man", "a woman", "someone", "somebody", "a human", "a figure", "he", "she", "a boy",
    "a girl",
];
const LEFT: &[&str] = &["to the left", "left", "leftwards", "towards the left"];
const RIGHT: &[&str] = &["to the right", "right", "rightwards", "towards the right"];
const BOX: &[&str] = &["a box", "the box", "a package", "a parcel", "a crate"];
const BALL: &[&str] = &["a ball", "the ball", "a football"];
const BAG: &[&str] = &["a bag", "the bag", "a handbag", "a sack"];
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
];
const CARRYING: &[&str] = &[
    "with {}",
    "carrying {}",
    "while carrying {}",
    "and carries {}",
    "carries {}",
    "holding {}",
    "holds {}",
];

/// Words of captions and templates that no list of forms has.
const OTHERS: &str = "a photo picture video of person is in not on at with arms down shirt wall facing in front the middle \
    standing sitting on chair bending down lying on floor still moving and while looking";

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

/// Every word of captions, class names and templates, sorted.
pub fn vocabulary() -> Vec<String> {
    let lists = [WHO, LEFT, RIGHT, BOX, BALL, BAG, WAVING, CLAPPING, CARRYING, &POSTURES, &POSITIONS];
    let shirts = super::figure::SHIRTS.map(|s| s.0);
    let walls = super::room::WALLS.map(|w| w.0);
    let mut words: Vec<String> = lists
        .into_iter()
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
