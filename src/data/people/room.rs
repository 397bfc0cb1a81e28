//! What stands still: a room with wall, floor and furniture, and sometimes something beside the mover that does not move.

use super::action::Side;
use super::figure::{Look, person};
use super::paint::{Outline, Part};
use super::pose::Motion;
use super::{Colour, Point, SIDE};
use crate::data::draw::gaussian;
use crate::data::world::WorldRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

/// Names and colours of walls.
pub const WALLS: [(&str, Colour); 4] = [
    ("gray", [0.62, 0.62, 0.62]),
    ("tan", [0.78, 0.68, 0.52]),
    ("teal", [0.35, 0.58, 0.58]),
    ("dark", [0.2, 0.2, 0.26]),
];

/// An empty room; everything that is random about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    /// Index into [`WALLS`].
    pub wall: usize,
    wall_colour: Colour,
    floor_colour: Colour,
    slope: Point,
    /// Where wall and floor meet.
    edge: f32,
    /// The height that feet stand on.
    pub floor: f32,
    noise_seed: u64,
    furniture: Vec<Part>,
}

impl Room {
    pub fn random(rng: &mut WorldRng) -> Self {
        let wall = rng.random_range(0..WALLS.len());
        let bright = rng.random_range(0.25..0.6);
        let floor = SIDE * rng.random_range(0.82..0.93);
        let edge = floor - rng.random_range(3.0..12.0);
        let mut any = || [0; 3].map(|_| rng.random_range(-0.06..0.06));
        let (of_wall, of_floor): (Colour, Colour) = (any(), any());
        let mut room = Self {
            wall,
            wall_colour: std::array::from_fn(|i| WALLS[wall].1[i] + of_wall[i]),
            floor_colour: std::array::from_fn(|i| bright * [1.0, 0.9, 0.75][i] + of_floor[i]),
            slope: [rng.random_range(-0.12..0.12), rng.random_range(-0.12..0.12)],
            edge,
            floor,
            noise_seed: rng.random(),
            furniture: Vec::new(),
        };
        room.furnish(rng);
        room
    }

    fn furnish(&mut self, rng: &mut WorldRng) {
        let paint = |rng: &mut WorldRng| [0; 3].map(|_| rng.random_range(0.2..0.75));
        if rng.random_bool(0.4) {
            let (x, y) = (SIDE * rng.random_range(0.1..0.9), SIDE * rng.random_range(0.12..0.36));
            let half = [rng.random_range(5.0..11.0), rng.random_range(5.0..9.0)];
            let frame = Part::block([x, y], half.map(|h| h + 1.2), [0.25, 0.18, 0.12]);
            self.furniture.extend([frame, Part::block([x, y], half, paint(rng))]);
        }
        if rng.random_bool(0.25) {
            let half = [rng.random_range(8.0..11.0), rng.random_range(26.0..32.0)];
            let x =
                SIDE * if rng.random() { rng.random_range(0.05..0.2) } else { rng.random_range(0.8..0.95) };
            let y = self.edge - half[1];
            let colour = paint(rng);
            self.furniture.extend([
                Part::block([x, y], half, colour).shaded(0.05),
                Part::disc([x + half[0] * 0.75, y + 2.0], 0.9, [0.85, 0.75, 0.4]),
            ]);
        }
        if rng.random_bool(0.25) {
            let half = [rng.random_range(6.0..14.0), rng.random_range(6.0..9.0)];
            let (x, y) = (SIDE * rng.random_range(0.1..0.9), self.edge - half[1] + 1.0);
            let colour = paint(rng);
            let board = colour.map(|c| c * 0.75);
            self.furniture.extend([
                Part::block([x, y], half, colour).shaded(0.05),
                Part::block([x, y], [half[0] * 0.95, 0.5], board),
                Part::block([x, y - half[1]], [half[0] + 0.8, 0.8], board),
            ]);
        }
    }

    /// Puts a chair into the room.
    pub fn add_chair(&mut self, seat: Point, facing: Side, height: f32, colour: Colour) {
        self.furniture.extend(chair(seat, facing, height, self.floor, colour));
    }

    /// The picture, `3 · size²` floats, pixels interleaved, seen from `pan` to the right.
    pub fn draw(&self, size: usize, pan: f32) -> Vec<f32> {
        let mut noise = WorldRng::seed_from_u64(self.noise_seed);
        let scale = size as f32 / SIDE;
        let mut picture = Vec::with_capacity(3 * size * size);
        for y in 0..size {
            // One pixel of smooth edge between wall and floor.
            let below = ((y as f32 + 0.5) - self.edge * scale + 0.5).clamp(0.0, 1.0);
            for x in 0..size {
                let slope = (x as f32 / size as f32 - 0.5) * self.slope[0]
                    + (y as f32 / size as f32 - 0.5) * self.slope[1];
                let grain = gaussian(&mut noise) * 0.02 + slope;
                picture.extend(
                    (0..3)
                        .map(|i| self.wall_colour[i] * (1.0 - below) + self.floor_colour[i] * below + grain),
                );
            }
        }
        let parts: Vec<Part> = self.furniture.iter().map(|p| p.moved([-pan, 0.0])).collect();
        super::paint::Layer::new(size, &parts).over(&mut picture, 1.0);
        picture
    }
}

fn chair(seat: Point, facing: Side, height: f32, floor: f32, colour: Colour) -> Vec<Part> {
    let ([x, y], f, w) = (seat, facing.sign(), 0.13 * height);
    let leg = colour.map(|c| c * 0.75);
    let post =
        |at: f32| Part::block([x + f * at, (y + floor) / 2.0], [0.014 * height, (floor - y) / 2.0], leg);
    vec![
        post(-0.9 * w),
        post(0.9 * w),
        Part::block([x - f * w, y - 0.13 * height], [0.016 * height, 0.15 * height], colour),
        Part::block([x, y + 0.02 * height], [w, 0.022 * height], colour),
    ]
}

/// Something that does not move, beside the mover.
#[derive(Clone, Debug, PartialEq)]
pub struct Still {
    pub kind: StillKind,
    pub parts: Vec<Part>,
    /// The shirt of a person, an index into [`super::figure::SHIRTS`].
    pub shirt: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StillKind {
    Person,
    Chair,
    Plant,
    Box,
}

impl Still {
    /// A random thing at the left or right end of the room, in which people are about `height` high.
    pub fn random(rng: &mut WorldRng, floor: f32, height: f32) -> Self {
        let height = height * rng.random_range(0.85..1.05);
        let x = SIDE * if rng.random() { rng.random_range(0.06..0.2) } else { rng.random_range(0.8..0.94) };
        let floor = floor - rng.random_range(0.0..2.0);
        let dice: f32 = rng.random();
        let (kind, parts, shirt) = if dice < 0.45 {
            let mut motion = Motion::standing(rng, height);
            motion.style.centre = x - SIDE / 2.0;
            let look = Look::random(rng, None);
            (StillKind::Person, person(&motion, &look, 0.0, floor), Some(look.shirt))
        } else if dice < 0.6 {
            let colour = [0; 3].map(|_| rng.random_range(0.15..0.6));
            let facing = if rng.random() { Side::Left } else { Side::Right };
            (StillKind::Chair, chair([x, floor - 0.25 * height], facing, height, floor, colour), None)
        } else if dice < 0.8 {
            (StillKind::Plant, plant(rng, x, floor), None)
        } else {
            let colour: Colour = [0; 3].map(|_| rng.random_range(0.2..0.8));
            let side = rng.random_range(5.0..8.0);
            let tape = Part::block([x, floor - side], [side * 0.15, side], colour.map(|c| c * 0.8));
            let body = Part::block([x, floor - side], [side * 1.1, side], colour).shaded(0.15);
            (StillKind::Box, vec![body, tape], None)
        };
        Self { kind, parts, shirt }
    }
}

fn plant(rng: &mut WorldRng, x: f32, floor: f32) -> Vec<Part> {
    let top = floor - 9.0;
    let mut parts: Vec<Part> = (0..7)
        .map(|i| {
            let angle = (i as f32 - 3.0) * 0.32 + rng.random_range(-0.12..0.12);
            let length = rng.random_range(11.0..20.0);
            let tip = [x + length * f32::sin(angle), top - length * f32::cos(angle)];
            let bright = rng.random_range(0.7..1.3);
            Part::limb([x, top], tip, [1.0, 2.4], [0.15, 0.5, 0.2].map(|c: f32| c * bright))
        })
        .collect();
    let outline = Outline::Block { centre: [x, floor - 5.0], half: [5.0, 5.0], angle: 0.0, round: 0.8 };
    parts.push(Part { outline, colour: [0.6, 0.35, 0.2], shade: 0.15 });
    parts.push(Part::block([x, floor - 9.6], [5.6, 0.9], [0.66, 0.4, 0.24]));
    parts
}
