//! The procedural world of METHOD §10: one shape moves in a direction and a manner over a noisy background, and half
//! of the time another one stands still beside it. Everything follows from a seed.
//!
//! Geometry is in units of a 64 × 64 picture and time runs from 0 to 1, so that a clip can be drawn at any size and
//! length; at 64 × 64 and T = 8 it is the training distribution.

use rand::Rng;
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Side of the canonical picture that all lengths are given in.
pub const SIDE: f32 = 64.0;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
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

/// The drawn shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    Circle,
    Square,
    Triangle,
    Cross,
    Ring,
    Bar,
}

impl Shape {
    pub const ALL: [Self; 6] =
        [Self::Circle, Self::Square, Self::Triangle, Self::Cross, Self::Ring, Self::Bar];
    /// Shapes whose rotation shows.
    const TURNING: [Self; 4] = [Self::Square, Self::Triangle, Self::Cross, Self::Bar];

    pub fn word(self) -> &'static str {
        ["circle", "square", "triangle", "cross", "ring", "bar"][self as usize]
    }

    /// Signed distance (roughly) to the outline of a shape of radius `r` at the origin; negative inside.
    fn distance(self, x: f32, y: f32, r: f32) -> f32 {
        match self {
            Self::Circle => x.hypot(y) - r,
            Self::Square => x.abs().max(y.abs()) - 0.85 * r,
            Self::Triangle => (x.abs() * 0.866 + y * 0.5).max(-y) - 0.55 * r,
            Self::Cross => {
                let upright = (x.abs() - 0.33 * r).max(y.abs() - r);
                upright.min((x.abs() - r).max(y.abs() - 0.33 * r))
            }
            Self::Ring => (x.hypot(y) - 0.75 * r).abs() - 0.25 * r,
            Self::Bar => (x.abs() - r).max(y.abs() - 0.35 * r),
        }
    }
}

/// Names and RGB of the eight colours.
pub const COLOURS: [(&str, [f32; 3]); 8] = [
    ("red", [0.9, 0.15, 0.15]),
    ("green", [0.15, 0.8, 0.2]),
    ("blue", [0.2, 0.3, 0.95]),
    ("yellow", [0.95, 0.9, 0.2]),
    ("purple", [0.65, 0.2, 0.8]),
    ("cyan", [0.2, 0.85, 0.9]),
    ("white", [0.97, 0.97, 0.97]),
    ("orange", [0.98, 0.55, 0.1]),
];

/// Names and RGB of the four backgrounds.
pub const BACKGROUNDS: [(&str, [f32; 3]); 4] = [
    ("black", [0.05, 0.05, 0.05]),
    ("gray", [0.45, 0.45, 0.45]),
    ("brown", [0.3, 0.2, 0.12]),
    ("navy", [0.05, 0.08, 0.3]),
];

/// A shape in one moment: canonical units, angle in radians, opacity 0–1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pose {
    pub x: f32,
    pub y: f32,
    pub radius: f32,
    pub angle: f32,
    pub opacity: f32,
}

/// A coloured shape.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Object {
    pub shape: Shape,
    /// Index into [`COLOURS`].
    pub colour: usize,
}

/// A background: a plain colour, a linear gradient and noise that does not change in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Background {
    /// Index into [`BACKGROUNDS`].
    pub colour: usize,
    gradient: [f32; 2],
    noise_seed: u64,
}

impl Background {
    /// A random background.
    pub fn random(rng: &mut WorldRng) -> Self {
        Self {
            colour: rng.random_range(0..BACKGROUNDS.len()),
            gradient: [rng.random_range(-0.08..0.08), rng.random_range(-0.08..0.08)],
            noise_seed: rng.random(),
        }
    }

    /// The picture, `3 · size²` floats, pixels interleaved; noise has σ = 0.03 at any size.
    pub fn draw(&self, size: usize) -> Vec<f32> {
        let mut noise = WorldRng::seed_from_u64(self.noise_seed);
        let base = BACKGROUNDS[self.colour].1;
        let mut picture = Vec::with_capacity(3 * size * size);
        for y in 0..size {
            for x in 0..size {
                let slope = (x as f32 / size as f32 - 0.5) * self.gradient[0]
                    + (y as f32 / size as f32 - 0.5) * self.gradient[1];
                let grain = gaussian(&mut noise) * 0.03 + slope;
                picture.extend(base.map(|c| c + grain));
            }
        }
        picture
    }
}

/// A standard normal number: the sum of twelve uniforms, which is close enough for grain and quick.
fn gaussian(rng: &mut WorldRng) -> f32 {
    let bits: u64 = rng.random();
    let more: u64 = rng.random();
    let sum: u32 = bits.to_le_bytes().into_iter().chain(more.to_le_bytes()).map(u32::from).sum();
    // 16 bytes uniform on 0..=255: mean 127.5, variance (256² − 1)/12 each.
    (sum as f32 - 16.0 * 127.5) / (16.0f32 * 65535.0 / 12.0).sqrt()
}

/// Opacity mask of a shape, `size²` values 0–1 with one pixel of smooth edge.
pub fn mask(shape: Shape, pose: &Pose, size: usize) -> Vec<f32> {
    let scale = size as f32 / SIDE;
    let (sin, cos) = pose.angle.sin_cos();
    // Nothing is drawn further than 1.3 radii from the centre.
    let reach = pose.radius * 1.3 + 1.0;
    let mut out = vec![0.0; size * size];
    let range = |centre: f32| {
        let lo = ((centre - reach) * scale).floor().max(0.0) as usize;
        let hi = ((centre + reach) * scale + 1.0).ceil().clamp(0.0, size as f32) as usize;
        lo..hi
    };
    for py in range(pose.y) {
        for px in range(pose.x) {
            // Pixel i of the canonical picture has its centre at i; finer pictures sample between.
            let x = (px as f32 + 0.5) / scale - 0.5 - pose.x;
            let y = (py as f32 + 0.5) / scale - 0.5 - pose.y;
            let d = shape.distance(cos * x + sin * y, -sin * x + cos * y, pose.radius) * scale;
            out[py * size + px] = (0.5 - d).clamp(0.0, 1.0);
        }
    }
    out
}

/// Blends `colour` over an interleaved RGB picture.
pub fn blend(picture: &mut [f32], mask: &[f32], opacity: f32, colour: [f32; 3]) {
    for (pixel, &m) in picture.chunks_exact_mut(3).zip(mask) {
        let a = m * opacity;
        if a > 0.0 {
            for (value, c) in pixel.iter_mut().zip(colour) {
                *value = *value * (1.0 - a) + c * a;
            }
        }
    }
}

/// The path of a mover: all that is random about a motion, so that it can be drawn at any number of frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    motion: Motion,
    length: f32,
    centre: [f32; 2],
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
        let v = motion.direction.vector();
        let across = [-v[1], v[0]];
        let length = rng.random_range(20.0..34.0);
        let along: f32 = rng.random_range(-4.0..4.0);
        let aside: f32 = rng.random_range(-13.0..13.0);
        let radius = match motion.manner {
            Manner::Growing | Manner::Shrinking => rng.random_range(0.85..1.15),
            _ => rng.random_range(6.0..10.0),
        };
        let turn: f32 = rng.random_range(0.35..0.75);
        let sign = if rng.random() { 1.0 } else { -1.0 };
        Self {
            motion,
            length,
            centre: [0, 1].map(|i| 31.5 + v[i] * along + across[i] * aside),
            radius,
            angle: rng.random_range(0.0..std::f32::consts::TAU),
            spin: if motion.manner == Manner::Spinning { sign * turn * (FRAMES - 1) as f32 } else { 0.0 },
            blink_phase: rng.random(),
            shake: std::array::from_fn(|_| [rng.random_range(-4.0..4.0), rng.random_range(-4.0..4.0)]),
        }
    }

    /// The pose at time `u` from 0 (first frame) to 1 (last frame).
    pub fn pose(&self, u: f32) -> Pose {
        let v = self.motion.direction.vector();
        let mut pose = Pose {
            x: self.centre[0] + v[0] * self.length * (u - 0.5),
            y: self.centre[1] + v[1] * self.length * (u - 0.5),
            radius: self.radius,
            angle: self.angle + self.spin * u,
            opacity: 1.0,
        };
        let step = u * (FRAMES - 1) as f32;
        match self.motion.manner {
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
    pub motion: Motion,
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
        Self { motion, background, mover, path: Path::random(rng, motion), distractor }
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

    fn still(&self, size: usize) -> Vec<f32> {
        let mut picture = self.background.draw(size);
        if let Some((object, pose)) = &self.distractor {
            blend(&mut picture, &mask(object.shape, pose, size), pose.opacity, COLOURS[object.colour].1);
        }
        picture
    }

    fn frame_over(&self, mut picture: Vec<f32>, t: usize, frames: usize, size: usize) -> Vec<f32> {
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

/// A random coloured shape.
pub fn random_object(rng: &mut WorldRng) -> Object {
    let shape = *Shape::ALL.choose(rng).unwrap_or(&Shape::Circle);
    Object { shape, colour: rng.random_range(0..COLOURS.len()) }
}
