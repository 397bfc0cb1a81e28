//! Drawing for the procedural world: coloured shapes with smooth edges over noisy backgrounds, at any size.
//!
//! Lengths are in units of a 64 × 64 picture.

use super::world::WorldRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Side of the canonical picture that all lengths are given in.
pub const SIDE: f32 = 64.0;

/// The drawn shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub const TURNING: [Self; 4] = [Self::Square, Self::Triangle, Self::Cross, Self::Bar];

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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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

/// A standard normal number: the sum of sixteen uniforms, which is close enough for grain and quick.
pub fn gaussian(rng: &mut WorldRng) -> f32 {
    // Every other byte beside the one before it: sums of four bytes stay within their sixteen bits.
    let pairs = |bits: u64| (bits & 0x00ff_00ff_00ff_00ff) + (bits >> 8 & 0x00ff_00ff_00ff_00ff);
    let sum = (pairs(rng.random()) + pairs(rng.random())).wrapping_mul(0x0001_0001_0001_0001) >> 48;
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

/// A random coloured shape.
pub fn random_object(rng: &mut WorldRng) -> Object {
    let shape = *Shape::ALL.choose(rng).unwrap_or(&Shape::Circle);
    Object { shape, colour: rng.random_range(0..COLOURS.len()) }
}
