//! How a person moves: joint angles over time, from one table an action. A new action is a few lines here.
//!
//! Angles are in radians. A limb at 0 hangs straight down and at a positive angle points forwards, where the figure faces; a knee
//! bends backwards and an elbow forwards from the limb above.

use super::action::{Action, Arms, Side, Verb};
use crate::data::world::WorldRng;
use rand::Rng;
use std::f32::consts::TAU;

/// Joint angles of one moment; index 0 is the side that is nearer to the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Angles {
    /// Of the trunk, forwards.
    pub lean: f32,
    pub thighs: [f32; 2],
    pub knees: [f32; 2],
    pub arms: [f32; 2],
    pub elbows: [f32; 2],
    /// Of the whole body about its feet, forwards.
    pub fall: f32,
    /// How far the lowest foot is above the floor, in body heights.
    pub lift: f32,
}

/// Keys at even distances. A gait goes round and round, its other side half a round later; a course is gone through once.
struct Table {
    gait: bool,
    lean: &'static [f32],
    thighs: [&'static [f32]; 2],
    knees: [&'static [f32]; 2],
    arms: [&'static [f32]; 2],
    elbows: [&'static [f32]; 2],
    fall: &'static [f32],
    lift: &'static [f32],
    /// Body heights that a round of a gait covers on the floor.
    stride: f32,
}

const NONE: Table = Table {
    gait: false,
    lean: &[0.05],
    thighs: [&[0.0]; 2],
    knees: [&[0.05]; 2],
    arms: [&[0.1], &[-0.1]],
    elbows: [&[0.15]; 2],
    fall: &[0.0],
    lift: &[0.0],
    stride: 0.0,
};

const WALK: Table = Table {
    gait: true,
    lean: &[0.06],
    thighs: [&[0.5, 0.42, 0.18, -0.08, -0.3, -0.12, 0.3, 0.55]; 2],
    knees: [&[0.08, 0.28, 0.2, 0.1, 0.25, 0.75, 1.05, 0.5]; 2],
    arms: [&[-0.42, -0.35, -0.1, 0.2, 0.42, 0.3, 0.05, -0.25]; 2],
    elbows: [&[0.15, 0.15, 0.2, 0.3, 0.4, 0.35, 0.25, 0.15]; 2],
    stride: 0.82,
    ..NONE
};

const RUN: Table = Table {
    gait: true,
    lean: &[0.26],
    thighs: [&[0.75, 0.45, 0.0, -0.45, -0.6, 0.1, 0.8, 1.0]; 2],
    knees: [&[0.35, 0.6, 0.5, 0.3, 0.7, 1.6, 1.9, 0.9]; 2],
    arms: [&[-0.9, -0.65, 0.0, 0.65, 0.9, 0.65, 0.0, -0.65]; 2],
    elbows: [&[1.4, 1.45, 1.6, 1.7, 1.7, 1.6, 1.5, 1.4]; 2],
    lift: &[0.03, 0.0, 0.0, 0.03, 0.03, 0.0, 0.0, 0.03],
    stride: 1.5,
    ..NONE
};

const SIT: Table = Table {
    lean: &[0.05, 0.45, 0.75, 0.5, 0.1],
    thighs: [&[0.0, 0.35, 0.95, 1.42, 1.52], &[0.0, 0.32, 0.9, 1.34, 1.44]],
    knees: [&[0.03, 0.45, 1.05, 1.44, 1.5], &[0.05, 0.45, 1.05, 1.42, 1.48]],
    arms: [&[0.1, 0.4, 0.6, 0.55, 0.5], &[-0.1, 0.3, 0.55, 0.5, 0.42]],
    elbows: [&[0.15, 0.3, 0.4, 0.5, 0.6]; 2],
    ..NONE
};

const PICK: Table = Table {
    lean: &[0.05, 0.6, 1.25, 0.6, 0.08],
    thighs: [&[0.0, 0.55, 1.2, 0.55, 0.0], &[0.0, 0.45, 1.05, 0.45, 0.0]],
    knees: [&[0.03, 0.9, 1.8, 0.9, 0.03], &[0.05, 0.85, 1.75, 0.85, 0.05]],
    arms: [&[0.1, 0.15, 0.22, 0.5, 0.55], &[-0.1, 0.1, 0.18, 0.45, 0.5]],
    elbows: [&[0.15, 0.12, 0.08, 0.6, 1.15]; 2],
    ..NONE
};

const FALL: Table = Table {
    lean: &[0.05, 0.15, 0.2, 0.1, 0.0],
    thighs: [&[0.0, 0.15, 0.3, 0.2, 0.02], &[0.0, 0.4, 0.6, 0.45, 0.2]],
    knees: [&[0.03, 0.35, 0.6, 0.4, 0.05], &[0.05, 0.6, 0.95, 0.7, 0.35]],
    arms: [&[0.2, 1.0, 1.9, 2.1, 2.3], &[-0.1, 0.7, 1.4, 1.6, 1.4]],
    elbows: [&[0.3, 0.5, 0.5, 0.4, 0.4]; 2],
    fall: &[0.0, 0.1, 0.4, 1.0, 1.5],
    ..NONE
};

/// All that is random about how an action is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// Body height in canonical units.
    pub height: f32,
    pub facing: Side,
    /// Middle of the path, from the middle of the picture.
    pub centre: f32,
    /// Length of the path of a gait.
    length: f32,
    /// Where in a gait's round the clip begins, and in that of waving or clapping arms.
    phase: f32,
    arm_phase: f32,
    /// Rounds of waving or clapping in the clip.
    arm_rounds: f32,
    /// The arm that waves, and how high.
    waving: (usize, f32),
    /// When a course begins and ends.
    rest: [f32; 2],
    /// Falls forwards, or on the back.
    forwards: bool,
}

/// One action as it is done once: a pose for every time.
#[derive(Clone, Debug, PartialEq)]
pub struct Motion {
    pub action: Action,
    pub style: Style,
}

impl Motion {
    /// A random way to do an action.
    pub fn random(rng: &mut WorldRng, action: Action) -> Self {
        let height: f32 = rng.random_range(36.0..80.0);
        let side = if rng.random() { Side::Right } else { Side::Left };
        let facing = match action.verb {
            Verb::Walking(side) | Verb::Running(side) => side,
            Verb::WalkingBackwards(side) => side.opposite(),
            _ => side,
        };
        let running = matches!(action.verb, Verb::Running(_));
        let forwards: bool = rng.random();
        let gait = table(action.verb).gait;
        // Room for the path, and for a body that falls to one side of its feet.
        let reach = if gait { 6.0 } else { (40.0 - 0.3 * height).clamp(2.0, 16.0) };
        let mut centre = rng.random_range(-reach..reach);
        if matches!(action.verb, Verb::FallingOver | Verb::GettingUp) {
            let to = facing.sign() * if forwards { 1.0 } else { -1.0 };
            centre = -to * 0.4 * height + rng.random_range(-4.0..4.0);
        }
        let style = Style {
            height,
            facing,
            centre,
            length: if running { rng.random_range(40.0..54.0) } else { rng.random_range(26.0..42.0) },
            phase: rng.random(),
            arm_phase: rng.random(),
            arm_rounds: rng.random_range(1.4..2.3),
            waving: (rng.random_range(0..2), rng.random_range(2.2..2.7)),
            rest: [rng.random_range(0.0..0.12), rng.random_range(0.88..1.0)],
            forwards,
        };
        Self { action, style }
    }

    /// Someone of a height who stands and does nothing, for a distractor.
    pub fn standing(rng: &mut WorldRng, height: f32) -> Self {
        let mut motion = Self::random(rng, Action { verb: Verb::SittingDown, arms: Arms::Free });
        motion.style.height = height;
        // It never begins.
        motion.style.rest = [2.0, 3.0];
        motion
    }

    /// Whether the course of poses is played backwards.
    pub fn backwards(&self) -> bool {
        use Verb::{GettingUp, PuttingDown, StandingUp, WalkingBackwards};
        matches!(self.action.verb, WalkingBackwards(_) | StandingUp | PuttingDown | GettingUp)
    }

    /// The time on the forward course at time `u` of the clip.
    pub fn forward_time(&self, u: f32) -> f32 {
        if self.backwards() { 1.0 - u } else { u }
    }

    /// How much of a course is done at `forward` time: 0 before it begins, 1 after it ends.
    pub fn done(&self, forward: f32) -> f32 {
        let [from, to] = self.style.rest;
        ((forward - from) / (to - from)).clamp(0.0, 1.0)
    }

    /// The time on the forward course at which a course is half done.
    pub fn half_time(&self) -> f32 {
        (self.style.rest[0] + self.style.rest[1]) / 2.0
    }

    /// Where the hips are, from the middle of the picture, as far as a gait carries them. Courses stay on their feet.
    pub fn travelled(&self, forward: f32) -> Option<f32> {
        let gait = table(self.action.verb).gait;
        gait.then(|| self.style.facing.sign() * self.style.length * (forward - 0.5))
    }

    /// The joint angles at time `u` of the clip.
    pub fn angles(&self, u: f32) -> Angles {
        let (forward, style) = (self.forward_time(u), &self.style);
        let table = table(self.action.verb);
        let rounds = style.length / (table.stride * style.height).max(1.0);
        let at = |keys: [&[f32]; 2]| {
            [0, 1].map(|side| match table.gait {
                true => around(keys[side], style.phase + rounds * forward + 0.5 * side as f32),
                false => through(keys[side], self.done(forward)),
            })
        };
        let one = |keys| at([keys; 2])[0];
        let mut angles = Angles {
            lean: one(table.lean),
            thighs: at(table.thighs),
            knees: at(table.knees),
            arms: at(table.arms),
            elbows: at(table.elbows),
            fall: one(table.fall) * if style.forwards { 1.0 } else { -1.0 },
            lift: one(table.lift),
        };
        let swing = (TAU * (style.arm_phase + style.arm_rounds * forward)).sin();
        match self.action.arms {
            Arms::Free | Arms::Handling(_) => {}
            Arms::Waving => {
                let (arm, height) = style.waving;
                angles.arms[arm] = height;
                angles.elbows[arm] = 0.3 + 0.7 * swing;
            }
            Arms::Clapping => {
                let open = 0.5 + 0.5 * swing;
                angles.arms = [1.15 + 0.45 * open, 1.15 - 0.45 * open];
                angles.elbows = [0.45 - 0.2 * open, 0.45 + 0.2 * open];
            }
            Arms::Carrying(_) => {
                angles.arms = [0.55, 0.5];
                angles.elbows = [1.15, 1.2];
            }
        }
        angles
    }
}

fn table(verb: Verb) -> &'static Table {
    match verb {
        Verb::Walking(_) | Verb::WalkingBackwards(_) => &WALK,
        Verb::Running(_) => &RUN,
        Verb::SittingDown | Verb::StandingUp => &SIT,
        Verb::PickingUp | Verb::PuttingDown => &PICK,
        Verb::FallingOver | Verb::GettingUp => &FALL,
    }
}

/// The value of a closed curve through even keys at `phase`, in rounds.
fn around(keys: &[f32], phase: f32) -> f32 {
    let n = keys.len();
    let place = phase.rem_euclid(1.0) * n as f32;
    let (i, f) = (place as usize, place.fract());
    let key = |k: usize| keys[(i + n + k) % n];
    smooth([key(n - 1), key(0), key(1), key(2)], f)
}

/// The value of an open curve through even keys at `u` from 0 to 1; flat at both ends.
fn through(keys: &[f32], u: f32) -> f32 {
    let last = keys.len() - 1;
    let place = u.clamp(0.0, 1.0) * last as f32;
    let (i, f) = ((place as usize).min(last), place.fract());
    let key = |k: isize| keys[i.saturating_add_signed(k).min(last)];
    smooth([key(-1), key(0), key(1), key(2)], f)
}

/// Catmull-Rom between the two middle ones.
fn smooth([a, b, c, d]: [f32; 4], f: f32) -> f32 {
    let (from, to) = ((c - a) / 2.0, (d - b) / 2.0);
    let (f2, f3) = (f * f, f * f * f);
    b * (2.0 * f3 - 3.0 * f2 + 1.0) + c * (3.0 * f2 - 2.0 * f3) + from * (f3 - 2.0 * f2 + f) + to * (f3 - f2)
}
