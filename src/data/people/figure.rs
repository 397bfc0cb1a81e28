//! The body: from joint angles to joints in the picture, and from joints to painted parts. Proportions are shares of the body height.

use super::action::{Arms, Side, Thing};
use super::paint::{Outline, Part};
use super::pose::{Angles, Motion};
use super::{Colour, Point, SIDE};
use crate::data::world::WorldRng;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde::Serialize;

const THIGH: f32 = 0.245;
const SHIN: f32 = 0.235;
const TRUNK: f32 = 0.29;
const UPPER_ARM: f32 = 0.165;
const FOREARM: f32 = 0.16;
const FOOT: f32 = 0.075;
const HEAD: f32 = 0.07;
const TO_HEAD: f32 = 0.105;
/// From the ankle's middle to the floor.
const SOLE: f32 = 0.03;

/// Names and colours of shirts.
pub const SHIRTS: [(&str, Colour); 8] = [
    ("red", [0.85, 0.15, 0.15]),
    ("green", [0.15, 0.65, 0.25]),
    ("blue", [0.2, 0.3, 0.9]),
    ("yellow", [0.93, 0.85, 0.2]),
    ("purple", [0.6, 0.2, 0.75]),
    ("white", [0.95, 0.95, 0.95]),
    ("black", [0.1, 0.1, 0.12]),
    ("orange", [0.97, 0.52, 0.1]),
];
const TROUSERS: [Colour; 6] = [
    [0.15, 0.18, 0.3],
    [0.25, 0.2, 0.15],
    [0.12, 0.12, 0.12],
    [0.45, 0.42, 0.35],
    [0.3, 0.35, 0.5],
    [0.5, 0.5, 0.52],
];
const SKIN: [Colour; 5] =
    [[0.95, 0.78, 0.65], [0.85, 0.63, 0.48], [0.65, 0.45, 0.32], [0.4, 0.27, 0.2], [0.98, 0.85, 0.76]];
const HAIR: [Colour; 5] =
    [[0.1, 0.08, 0.06], [0.3, 0.18, 0.1], [0.75, 0.6, 0.3], [0.5, 0.5, 0.5], [0.55, 0.2, 0.1]];
const THINGS: [Colour; 3] = [[0.72, 0.52, 0.3], [0.9, 0.3, 0.55], [0.25, 0.55, 0.3]];

/// What a person looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// Index into [`SHIRTS`].
    pub shirt: usize,
    shirt_colour: Colour,
    skin: Colour,
    hair: Colour,
    trousers: Colour,
    shoes: Colour,
    long_sleeves: bool,
    long_hair: bool,
    /// Thickness of limbs, 1 for most.
    build: f32,
    /// Colour of what is carried.
    thing: Colour,
}

fn pick<T: Copy>(rng: &mut WorldRng, list: &[T], first: T) -> T {
    list.choose(rng).copied().unwrap_or(first)
}

fn varied(rng: &mut WorldRng, colour: Colour, by: f32) -> Colour {
    colour.map(|c| (c + rng.random_range(-by..by)).clamp(0.02, 0.98))
}

fn darker(colour: Colour, by: f32) -> Colour {
    colour.map(|c| c * by)
}

impl Look {
    pub fn random(rng: &mut WorldRng, thing: Option<Thing>) -> Self {
        let shirt = rng.random_range(0..SHIRTS.len());
        let trousers = pick(rng, &TROUSERS, TROUSERS[0]);
        let shoes = rng.random_range(0.05..0.45);
        let thing = THINGS[thing.map_or(0, |t| t as usize)];
        Self {
            shirt,
            shirt_colour: varied(rng, SHIRTS[shirt].1, 0.05),
            skin: pick(rng, &SKIN, SKIN[0]),
            hair: pick(rng, &HAIR, HAIR[0]),
            trousers: varied(rng, trousers, 0.04),
            shoes: [shoes, shoes * 0.8, shoes * 0.75],
            long_sleeves: rng.random(),
            long_hair: rng.random_bool(0.35),
            build: rng.random_range(0.95..1.2),
            thing: varied(rng, thing, 0.1),
        }
    }
}

/// The joints in canonical units; of pairs the first is nearer to the camera.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Joints {
    pub hip: Point,
    pub neck: Point,
    pub head: Point,
    pub knees: [Point; 2],
    pub ankles: [Point; 2],
    pub toes: [Point; 2],
    pub elbows: [Point; 2],
    pub hands: [Point; 2],
}

impl Joints {
    /// The joints at time `u` of the clip, on a floor at height `floor`.
    pub fn at(motion: &Motion, u: f32, floor: f32) -> Self {
        let (height, facing) = (motion.style.height, motion.style.facing.sign());
        let angles = motion.angles(u);
        let mut joints = Self::about_hip(&angles, height, facing);
        // The lower ankle stands on the floor.
        let low = joints.ankles[0][1].max(joints.ankles[1][1]);
        let up = floor - SOLE * height - low - angles.lift * height;
        let feet = (joints.ankles[0][0] + joints.ankles[1][0]) / 2.0;
        let along = motion.travelled(motion.forward_time(u)).unwrap_or(-feet);
        let middle = SIDE / 2.0 + motion.style.centre;
        joints = joints.each(|p| [p[0] + middle + along, p[1] + up]);
        if angles.fall != 0.0 {
            // Forwards is clockwise for one who faces right.
            let (sin, cos) = (angles.fall * facing).sin_cos();
            let foot = [middle, floor - SOLE * height];
            joints = joints.each(|p| {
                let d = [p[0] - foot[0], p[1] - foot[1]];
                [foot[0] + cos * d[0] - sin * d[1], foot[1] + sin * d[0] + cos * d[1]]
            });
        }
        joints
    }

    /// The joints with the hip at the origin.
    fn about_hip(a: &Angles, height: f32, facing: f32) -> Self {
        let from = |p: Point, length: f32, angle: f32| {
            [p[0] + length * height * facing * angle.sin(), p[1] + length * height * angle.cos()]
        };
        let hip = [0.0, 0.0];
        let up = std::f32::consts::PI;
        let neck = from(hip, TRUNK, up - a.lean);
        let shin = |i: usize| a.thighs[i] - a.knees[i];
        let knees = [0, 1].map(|i| from(hip, THIGH, a.thighs[i]));
        let ankles = [0, 1].map(|i| from(knees[i], SHIN, shin(i)));
        let elbows = [0, 1].map(|i| from(neck, UPPER_ARM, a.arms[i]));
        Self {
            hip,
            neck,
            head: from(neck, TO_HEAD, up - a.lean * 0.6),
            knees,
            ankles,
            // A foot is at a right angle to its shin, or flatter.
            toes: [0, 1].map(|i| from(ankles[i], FOOT, shin(i) * 0.7 + up / 2.0)),
            elbows,
            hands: [0, 1].map(|i| from(elbows[i], FOREARM, a.arms[i] + a.elbows[i])),
        }
    }

    /// All of them, moved by the same amount.
    pub fn moved(self, by: Point) -> Self {
        self.each(|p| [p[0] + by[0], p[1] + by[1]])
    }

    fn each(self, f: impl Fn(Point) -> Point) -> Self {
        Self {
            hip: f(self.hip),
            neck: f(self.neck),
            head: f(self.head),
            knees: self.knees.map(&f),
            ankles: self.ankles.map(&f),
            toes: self.toes.map(&f),
            elbows: self.elbows.map(&f),
            hands: self.hands.map(&f),
        }
    }
}

/// The thing that an action is about.
pub fn thing(arms: Arms) -> Option<Thing> {
    match arms {
        Arms::Carrying(thing) | Arms::Handling(thing) => Some(thing),
        Arms::Free | Arms::Waving | Arms::Clapping => None,
    }
}

fn between(a: Point, b: Point, share: f32) -> Point {
    [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share]
}

/// A person at time `u` of the clip, with what is carried or lies there to be picked up, from the back to the front.
pub fn person(motion: &Motion, look: &Look, u: f32, floor: f32) -> Vec<Part> {
    let j = Joints::at(motion, u, floor);
    let (height, facing) = (motion.style.height, motion.style.facing);
    let mut parts = behind(&j, look, height);
    parts.extend(head(&j, look, height, facing));
    if let Some(kind) = thing(motion.action.arms) {
        parts.extend(carried(kind, motion, look, &j, u, floor));
    }
    parts.extend(arm(&j, look, height, 0, 1.0));
    parts
}

/// Everything but the head and the near arm.
fn behind(j: &Joints, look: &Look, height: f32) -> Vec<Part> {
    let w = look.build * height;
    let (shirt, trousers) = (look.shirt_colour, look.trousers);
    let leg = |i: usize, dark: f32| {
        let (cloth, shoe) = (darker(trousers, dark), darker(look.shoes, dark));
        let heel = between(j.ankles[i], j.toes[i], -0.25);
        [
            Part::limb(j.hip, j.knees[i], [0.056 * w, 0.044 * w], cloth),
            Part::limb(j.knees[i], j.ankles[i], [0.041 * w, 0.03 * w], cloth),
            Part::limb(heel, j.toes[i], [0.03 * w, 0.024 * w], shoe),
        ]
    };
    let mut parts = arm(j, look, height, 1, 0.75);
    parts.extend(leg(1, 0.75));
    parts.extend(leg(0, 1.0));
    let chest = between(j.hip, j.neck, 0.72);
    let throat = between(j.neck, j.head, 0.45);
    parts.extend([
        Part::disc(j.hip, 0.07 * w, trousers),
        Part::limb(between(j.hip, j.neck, 0.12), chest, [0.07 * w, 0.082 * w], shirt),
        Part::limb(chest, between(j.hip, j.neck, 0.97), [0.082 * w, 0.05 * w], shirt),
        Part::limb(j.neck, throat, [0.032 * w, 0.03 * w], darker(look.skin, 0.9)),
    ]);
    parts
}

fn arm(j: &Joints, look: &Look, height: f32, i: usize, light: f32) -> Vec<Part> {
    let w = look.build * height;
    let sleeve = darker(look.shirt_colour, light * 0.93);
    let skin = darker(look.skin, light);
    let shoulder = between(j.neck, j.hip, 0.1);
    vec![
        Part::limb(shoulder, j.elbows[i], [0.038 * w, 0.032 * w], sleeve),
        Part::limb(
            j.elbows[i],
            j.hands[i],
            [0.03 * w, 0.024 * w],
            if look.long_sleeves { sleeve } else { skin },
        ),
        Part::disc(j.hands[i], 0.031 * w, skin),
    ]
}

fn head(j: &Joints, look: &Look, height: f32, facing: Side) -> Vec<Part> {
    let r = HEAD * height;
    // Up along the neck, and forwards across it.
    let up = {
        let d = [j.head[0] - j.neck[0], j.head[1] - j.neck[1]];
        let length = d[0].hypot(d[1]).max(1e-3);
        [d[0] / length, d[1] / length]
    };
    let front = [-up[1] * facing.sign(), up[0] * facing.sign()];
    let at =
        |forwards: f32, upwards: f32| [0, 1].map(|i| j.head[i] + r * (front[i] * forwards + up[i] * upwards));
    let mut parts = Vec::new();
    if look.long_hair {
        parts.push(Part::limb(at(-0.5, 0.1), at(-0.75, -1.5), [r * 0.75, r * 0.45], look.hair));
    }
    parts.extend([
        Part::disc(at(-0.22, 0.22), r * 1.04, look.hair),
        Part::disc(at(0.08, -0.08), r * 0.96, look.skin),
        Part::disc(at(0.95, -0.12), r * 0.2, look.skin),
        // Hair over the forehead, an ear, an eye.
        Part::limb(at(-0.5, 0.78), at(0.38, 0.72), [r * 0.34, r * 0.24], look.hair),
        Part::disc(at(-0.2, -0.1), r * 0.2, darker(look.skin, 0.85)),
        Part::disc(at(0.6, 0.08), r * 0.11, [0.08, 0.07, 0.07]),
    ]);
    parts
}

/// The thing in the hands, or on the floor where it has not been picked up yet.
fn carried(kind: Thing, motion: &Motion, look: &Look, j: &Joints, u: f32, floor: f32) -> Vec<Part> {
    let height = motion.style.height;
    let r = [0.085, 0.07, 0.075][kind as usize] * height;
    let in_hands = |j: &Joints| {
        let middle = between(j.hands[0], j.hands[1], 0.5);
        let below = if kind == Thing::Bag { r } else { -0.3 * r };
        [middle[0] + motion.style.facing.sign() * r * 0.5, middle[1] + below]
    };
    let mut centre = in_hands(j);
    let forward = motion.forward_time(u);
    if matches!(motion.action.arms, Arms::Handling(_)) && motion.done(forward) < 0.5 {
        // It lies where the hands will be when they have come down.
        // Forwards and backwards are each other's inverse.
        let reached = Joints::at(motion, motion.forward_time(motion.half_time()), floor);
        centre = [in_hands(&reached)[0], floor - r * 0.85];
    }
    let (colour, [x, y]) = (look.thing, centre);
    match kind {
        Thing::Box => vec![
            Part::block(centre, [r * 1.05, r * 0.85], colour).shaded(0.12),
            Part::block(centre, [r * 1.05, r * 0.1], darker(colour, 0.7)),
        ],
        Thing::Ball => vec![
            Part::disc(centre, r, colour).shaded(0.35),
            Part::disc([x - r * 0.3, y - r * 0.35], r * 0.22, colour.map(|c| c * 0.5 + 0.5)).shaded(0.0),
        ],
        Thing::Bag => {
            let handle = |side: f32| {
                let from = [x + side * r * 0.5, y - r * 0.6];
                Part::limb(from, [x, y - r * 1.3], [0.012 * height; 2], darker(colour, 0.6))
            };
            let outline = Outline::Block {
                centre: [x, y + r * 0.1],
                half: [r * 0.95, r * 0.75],
                angle: 0.0,
                round: r * 0.3,
            };
            vec![handle(-1.0), handle(1.0), Part { outline, colour, shade: 0.15 }]
        }
    }
}
