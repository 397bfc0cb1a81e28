//! The procedural world of METHOD §10: one shape moves in a direction and a manner over a noisy background, and half
//! of the time another one stands still beside it. Everything follows from a seed.
//!
//! Geometry is in units of a 64 × 64 picture and time runs from 0 to 1, so that a clip can be drawn at any size and
//! length; at 64 × 64 and T = 8 it is the training distribution.

use super::draw::{Background, COLOURS, Object, Pose, Shape, blend, mask, random_object};
use super::track::Track;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Frames of a training clip.
pub const FRAMES: usize = 8;

/// The random numbers of everything in this world.
pub type WorldRng = ChaCha8Rng;

/// An independent stream of random numbers for item `index` of the data set named by `seed`.
pub fn rng(seed: u64, index: u64) -> WorldRng {
    let mut rng = WorldRng::seed_from_u64(seed);
    rng.set_stream(index);
    rng
}

/// Where the mover goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Left,
    Right,
    Up,
    Down,
}

impl Direction {
    pub const ALL: [Self; 4] = [Self::Left, Self::Right, Self::Up, Self::Down];

    /// The word in prompts.
    pub fn word(self) -> &'static str {
        ["left", "right", "up", "down"][self as usize]
    }

    /// Unit vector, y down.
    fn vector(self) -> [f32; 2] {
        [[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]][self as usize]
    }

    fn opposite(self) -> Self {
        [Self::Right, Self::Left, Self::Down, Self::Up][self as usize]
    }
}

/// What else the mover does on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    Steadily,
    Spinning,
    Growing,
    Shrinking,
    FadingIn,
    FadingOut,
    Blinking,
    Shaking,
}

impl Manner {
    pub const ALL: [Self; 8] = [
        Self::Steadily,
        Self::Spinning,
        Self::Growing,
        Self::Shrinking,
        Self::FadingIn,
        Self::FadingOut,
        Self::Blinking,
        Self::Shaking,
    ];

    /// The words in prompts.
    pub fn words(self) -> &'static str {
        [
            "steadily",
            "while spinning",
            "while growing",
            "while shrinking",
            "while fading in",
            "while fading out",
            "while blinking",
            "while shaking",
        ][self as usize]
    }

    fn reversed(self) -> Self {
        match self {
            Self::Growing => Self::Shrinking,
            Self::Shrinking => Self::Growing,
            Self::FadingIn => Self::FadingOut,
            Self::FadingOut => Self::FadingIn,
            other => other,
        }
    }
}

/// A class of the world: direction × manner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Motion {
    pub direction: Direction,
    pub manner: Manner,
}

/// The eight classes that no image, caption or clip of training shows or names: four time-reversal pairs, whose
/// words all occur in seen classes.
pub const UNSEEN: [Motion; 8] = {
    use Direction::*;
    use Manner::*;
    const fn m(direction: Direction, manner: Manner) -> Motion {
        Motion { direction, manner }
    }
    [
        m(Left, Spinning),
        m(Right, Spinning),
        m(Up, Growing),
        m(Down, Shrinking),
        m(Right, FadingIn),
        m(Left, FadingOut),
        m(Up, Blinking),
        m(Down, Blinking),
    ]
};

impl Motion {
    /// All 32 classes, manner by manner.
    pub fn all() -> Vec<Self> {
        Manner::ALL
            .into_iter()
            .flat_map(|manner| Direction::ALL.map(|direction| Self { direction, manner }))
            .collect()
    }

    /// The 24 classes that training may use.
    pub fn seen() -> Vec<Self> {
        Self::all().into_iter().filter(|m| !m.is_unseen()).collect()
    }

    pub fn is_unseen(self) -> bool {
        UNSEEN.contains(&self)
    }

    /// The class of the same clip played backwards (METHOD §10).
    pub fn reversed(self) -> Self {
        Self { direction: self.direction.opposite(), manner: self.manner.reversed() }
    }

    /// "moving left while spinning".
    pub fn name(self) -> String {
        format!("moving {} {}", self.direction.word(), self.manner.words())
    }
}

/// Where a mover goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Course {
    /// In a direction, at an even pace; half the time through the centre.
    Straight { direction: Direction, length: f32, centre: [f32; 2] },
    /// Along a track, so many times as fast as would bring it to the end with the last frame; there it waits.
    Drawn { track: Track, speed: f32 },
}

impl Course {
    /// The place at time `u` from 0 (first frame) to 1 (last frame).
    fn at(&self, u: f32) -> [f32; 2] {
        match self {
            Self::Straight { direction, length, centre } => {
                let v = direction.vector();
                [0, 1].map(|i| centre[i] + v[i] * length * (u - 0.5))
            }
            Self::Drawn { track, speed } => track.at(u * speed),
        }
    }
}

/// The path of a mover: all that is random about a motion, so that it can be drawn at any number of frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    course: Course,
    manner: Manner,
    radius: f32,
    angle: f32,
    /// Radians over the whole clip.
    spin: f32,
    blink_phase: bool,
    /// Offsets at [`FRAMES`] moments, for shaking.
    shake: [[f32; 2]; FRAMES],
}

impl Path {
    /// A random path of the class. Paths are centred, so that playing one backwards gives a path of the mirror class.
    pub fn random(rng: &mut WorldRng, motion: Motion) -> Self {
        let Motion { direction, manner } = motion;
        let v = direction.vector();
        let across = [-v[1], v[0]];
        let length = rng.random_range(20.0..34.0);
        let along: f32 = rng.random_range(-4.0..4.0);
        let aside: f32 = rng.random_range(-13.0..13.0);
        let radius = match manner {
            Manner::Growing | Manner::Shrinking => rng.random_range(0.85..1.15),
            _ => rng.random_range(6.0..10.0),
        };
        let centre = [0, 1].map(|i| 31.5 + v[i] * along + across[i] * aside);
        Self::along(rng, Course::Straight { direction, length, centre }, manner, radius)
    }

    /// Along a given course; how it turns, blinks and shakes is random. `radius`: of a mover that grows or shrinks in eighths of
    /// what it has half the time.
    pub fn along(rng: &mut WorldRng, course: Course, manner: Manner, radius: f32) -> Self {
        let turn: f32 = rng.random_range(0.35..0.75);
        let sign = if rng.random() { 1.0 } else { -1.0 };
        Self {
            course,
            manner,
            radius,
            angle: rng.random_range(0.0..std::f32::consts::TAU),
            spin: if manner == Manner::Spinning { sign * turn * (FRAMES - 1) as f32 } else { 0.0 },
            blink_phase: rng.random(),
            shake: std::array::from_fn(|_| [rng.random_range(-4.0..4.0), rng.random_range(-4.0..4.0)]),
        }
    }

    /// The same by another course.
    pub fn with_course(self, course: Course) -> Self {
        Self { course, ..self }
    }

    pub fn course(&self) -> &Course {
        &self.course
    }

    /// The pose at time `u` from 0 (first frame) to 1 (last frame).
    pub fn pose(&self, u: f32) -> Pose {
        let [x, y] = self.course.at(u);
        let mut pose = Pose { x, y, radius: self.radius, angle: self.angle + self.spin * u, opacity: 1.0 };
        let step = u * (FRAMES - 1) as f32;
        match self.manner {
            Manner::Steadily | Manner::Spinning => {}
            Manner::Growing => pose.radius = self.radius * (4.0 + 8.0 * u),
            Manner::Shrinking => pose.radius = self.radius * (12.0 - 8.0 * u),
            Manner::FadingIn => pose.opacity = 0.12 + 0.88 * u,
            Manner::FadingOut => pose.opacity = 1.0 - 0.88 * u,
            Manner::Blinking => {
                let on = (step.round() as usize).is_multiple_of(2) != self.blink_phase;
                pose.opacity = if on { 1.0 } else { 0.1 };
            }
            Manner::Shaking => {
                let (i, f) = (step.floor() as usize, step.fract());
                let (a, b) = (self.shake[i.min(FRAMES - 1)], self.shake[(i + 1).min(FRAMES - 1)]);
                pose.x += a[0] + (b[0] - a[0]) * f;
                pose.y += a[1] + (b[1] - a[1]) * f;
            }
        }
        pose
    }
}

/// A random shape that can show the manner.
pub fn mover_shape(rng: &mut WorldRng, manner: Manner) -> Shape {
    let choices: &[Shape] = if manner == Manner::Spinning { &Shape::TURNING } else { &Shape::ALL };
    *choices.choose(rng).unwrap_or(&Shape::Square)
}

/// One clip as a description; draw its frames with [`Scene::frame`].
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    pub background: Background,
    pub mover: Object,
    pub path: Path,
    /// A second shape that stands still.
    pub distractor: Option<(Object, Pose)>,
}

impl Scene {
    /// A random clip of a class; every other one has a distractor.
    pub fn random(rng: &mut WorldRng, motion: Motion) -> Self {
        let background = Background::random(rng);
        let mover =
            Object { shape: mover_shape(rng, motion.manner), colour: rng.random_range(0..COLOURS.len()) };
        let distractor = rng.random::<bool>().then(|| {
            let object = random_object(rng);
            let pose = Pose {
                x: rng.random_range(8.0..56.0),
                y: rng.random_range(8.0..56.0),
                radius: rng.random_range(5.0..8.0),
                angle: rng.random_range(0.0..std::f32::consts::TAU),
                opacity: 1.0,
            };
            (object, pose)
        });
        Self { background, mover, path: Path::random(rng, motion), distractor }
    }

    /// Frame `t` of `frames` at `size` × `size`, interleaved RGB floats 0–1.
    pub fn frame(&self, t: usize, frames: usize, size: usize) -> Vec<f32> {
        self.frame_over(self.still(size), t, frames, size)
    }

    /// All frames, drawing what stands still only once.
    pub fn frames(&self, frames: usize, size: usize) -> Vec<Vec<f32>> {
        let still = self.still(size);
        (0..frames).map(|t| self.frame_over(still.clone(), t, frames, size)).collect()
    }

    /// What does not move: the picture that every frame is drawn over.
    pub fn still(&self, size: usize) -> Vec<f32> {
        let mut picture = self.background.draw(size);
        if let Some((object, pose)) = &self.distractor {
            blend(&mut picture, &mask(object.shape, pose, size), pose.opacity, COLOURS[object.colour].1);
        }
        picture
    }

    /// As [`Scene::frame`], over [`Scene::still`] of that size.
    pub fn frame_over(&self, mut picture: Vec<f32>, t: usize, frames: usize, size: usize) -> Vec<f32> {
        let pose = self.pose(t, frames);
        blend(&mut picture, &mask(self.mover.shape, &pose, size), pose.opacity, COLOURS[self.mover.colour].1);
        for value in &mut picture {
            *value = value.clamp(0.0, 1.0);
        }
        picture
    }

    /// The mover's pose in frame `t` of `frames`.
    pub fn pose(&self, t: usize, frames: usize) -> Pose {
        self.path.pose(t as f32 / (frames.max(2) - 1) as f32)
    }

    /// The mover's mask in frame `t` (its shape; opacity left out).
    pub fn mover_mask(&self, t: usize, frames: usize, size: usize) -> Vec<f32> {
        let pose = self.pose(t, frames);
        mask(self.mover.shape, &pose, size)
    }

    /// The distractor's mask, if there is one.
    pub fn distractor_mask(&self, size: usize) -> Option<Vec<f32>> {
        self.distractor.as_ref().map(|(object, pose)| mask(object.shape, pose, size))
    }
}
