//! Whether the camera moves, from pictures of frames that follow each other.
//!
//! Each small block of a picture is looked for in the next one. Under a camera that stands, blocks of what stands still are found
//! where they were; under one that moves, all of them are found shifted alike, over the width of the picture, and none where it
//! was, while somebody who moves has shifts of their own in one place. Where nothing but the mover has any structure to be found again,
//! nobody can tell.

use super::RgbImage;

/// The longest side that pictures are made smaller to, in pixels.
const SIDE: usize = 256;
/// Blocks along the longer side.
const BLOCKS: usize = 16;
/// The largest shift that is looked for, in pixels of the small picture.
const REACH: i32 = 7;
/// A block has structure along an axis where its mean squared gradient along it is above the square of this (of 1 = white).
const STRUCTURE: f32 = 0.015;
/// Shifts smaller than this are none, in pixels.
const STILL: f32 = 0.3;
/// Shifts within this of each other agree.
const ALIKE: f32 = 0.4;

/// A picture in shades of grey, small, 0 to 1.
#[derive(Clone, Debug)]
pub struct Grey {
    width: usize,
    height: usize,
    data: Vec<f32>,
    /// Pixels of the picture that it was made from, for one of its own.
    scale: f32,
}

impl Grey {
    /// The picture's luma, each pixel the mean of a square of so many that the longest side is at most [`SIDE`], and a little
    /// smoothed: sensors' noise is finer than what is looked for.
    pub fn of(image: &RgbImage) -> Self {
        let (w, h) = (image.width as usize, image.height as usize);
        let by = w.max(h).div_ceil(SIDE).max(1);
        let (width, height) = (w / by, h / by);
        let luma = |p: &[u8]| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2]);
        let mut data = vec![0.0; width * height];
        for (y, row) in image.data.chunks_exact(3 * w).take(height * by).enumerate() {
            for (x, pixel) in row.chunks_exact(3).take(width * by).enumerate() {
                data[y / by * width + x / by] += luma(pixel) / (255.0 * (by * by) as f32);
            }
        }
        Self { width, height, data: smooth(&data, width, height), scale: by as f32 }
    }

    fn at(&self, x: i32, y: i32) -> f32 {
        self.data[y as usize * self.width + x as usize]
    }
}

/// ¼ ½ ¼ along both axes.
fn smooth(data: &[f32], width: usize, height: usize) -> Vec<f32> {
    let pass = |data: &[f32], (n, step): (usize, usize), place: &dyn Fn(usize) -> usize| -> Vec<f32> {
        let at = |i: usize| {
            let p = place(i);
            let before = if p > 0 { data[i - step] } else { data[i] };
            let after = if p + 1 < n { data[i + step] } else { data[i] };
            0.5 * data[i] + 0.25 * (before + after)
        };
        (0..data.len()).map(at).collect()
    };
    let once = pass(data, (width, 1), &|i| i % width);
    pass(&once, (height, width), &|i| i / width)
}

/// What a block says of one axis.
#[derive(Clone, Copy, Debug)]
struct Vote {
    /// Its place along the longer extent of the picture, 0 to 1 along the width.
    column: f32,
    shift: f32,
}

/// What the blocks of two pictures say, axis by axis.
fn votes(a: &Grey, b: &Grey) -> [Vec<Vote>; 2] {
    let mut found = [Vec::new(), Vec::new()];
    let side = (a.width.max(a.height) / BLOCKS).max(6) as i32;
    let margin = REACH + 1;
    let (width, height) = (a.width as i32, a.height as i32);
    let mut y = margin;
    while y + side + margin <= height {
        let mut x = margin;
        while x + side + margin <= width {
            let structure = structure(a, x, y, side).map(|v| v > STRUCTURE * STRUCTURE);
            if structure != [false, false]
                && let Some(shift) = find(a, b, (x, y), side, structure)
            {
                let column = (x as f32 + side as f32 / 2.0) / width as f32;
                for axis in 0..2 {
                    if structure[axis] {
                        found[axis].push(Vote { column, shift: shift[axis] });
                    }
                }
            }
            x += side;
        }
        y += side;
    }
    found
}

/// Mean squared gradient along both axes.
fn structure(a: &Grey, x0: i32, y0: i32, side: i32) -> [f32; 2] {
    let mut sums = [0.0; 2];
    for y in y0..y0 + side {
        for x in x0..x0 + side {
            sums[0] += ((a.at(x + 1, y) - a.at(x - 1, y)) / 2.0).powi(2);
            sums[1] += ((a.at(x, y + 1) - a.at(x, y - 1)) / 2.0).powi(2);
        }
    }
    sums.map(|s| s / (side * side) as f32)
}

/// Where the block at `(x, y)` of `a` is found in `b`: its shift along both axes, looked for along those with structure alone.
/// `None` where it is not found: nothing in reach is like it.
fn find(a: &Grey, b: &Grey, (x0, y0): (i32, i32), side: i32, structure: [bool; 2]) -> Option<[f32; 2]> {
    let difference = |dx: i32, dy: i32| -> f32 {
        let mut sum = 0.0;
        for y in y0..y0 + side {
            for x in x0..x0 + side {
                sum += (a.at(x, y) - b.at(x + dx, y + dy)).powi(2);
            }
        }
        sum / (side * side) as f32
    };
    let reach = structure.map(|s| if s { REACH } else { 0 });
    let mut best = (f32::INFINITY, 0, 0);
    for dy in -reach[1]..=reach[1] {
        for dx in -reach[0]..=reach[0] {
            // Of equal ones the nearer: a stripe says nothing of where along it.
            let d = difference(dx, dy) + 1e-7 * (dx * dx + dy * dy) as f32;
            if d < best.0 {
                best = (d, dx, dy);
            }
        }
    }
    let (least, dx, dy) = best;
    if (structure[0] && dx.abs() == REACH) || (structure[1] && dy.abs() == REACH) {
        return None;
    }
    if least > STRUCTURE * STRUCTURE {
        return None;
    }
    // Between pixels: the lowest point of the parabola through three.
    let between = |before: f32, after: f32| {
        let bend = before - 2.0 * least + after;
        if bend > 1e-9 { ((before - after) / (2.0 * bend)).clamp(-0.5, 0.5) } else { 0.0 }
    };
    let sub = |axis: usize| match (structure[axis], axis) {
        (false, _) => 0.0,
        (true, 0) => dx as f32 + between(difference(dx - 1, dy), difference(dx + 1, dy)),
        (true, _) => dy as f32 + between(difference(dx, dy - 1), difference(dx, dy + 1)),
    };
    Some([sub(0), sub(1)])
}

/// What the blocks of one pair say of one axis, together.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    votes: f32,
    /// Blocks that stay where they are.
    still: f32,
    /// Blocks that agree on the commonest shift, that shift, and over how much of the width they are spread.
    agree: f32,
    shift: f32,
    spread: f32,
}

fn said(votes: &[Vote]) -> Said {
    let agreeing =
        |s: f32| votes.iter().filter(move |v| (v.shift - s).abs() <= ALIKE && v.shift.abs() >= STILL);
    let spread = |s: f32| {
        let ends = agreeing(s).fold((1.0_f32, 0.0_f32), |(lo, hi), v| (lo.min(v.column), hi.max(v.column)));
        (ends.1 - ends.0).max(0.0)
    };
    let moving = votes.iter().map(|v| v.shift).filter(|s| s.abs() >= STILL);
    // What many agree on in many places: somebody large who moves has many blocks, in one place.
    let weight = |s: &f32| agreeing(*s).count() as f32 * (0.2 + spread(*s));
    let still = votes.iter().filter(|v| v.shift.abs() < STILL).count() as f32;
    let Some(common) = moving.max_by(|a, b| weight(a).total_cmp(&weight(b))) else {
        return Said { votes: votes.len() as f32, still, ..Said::default() };
    };
    let agree = agreeing(common).count() as f32;
    Said {
        votes: votes.len() as f32,
        still,
        agree,
        shift: agreeing(common).map(|v| v.shift).sum::<f32>() / agree.max(1.0),
        spread: spread(common),
    }
}

/// What the frames of a clip say of its camera.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Camera {
    /// What stands still stays where it is.
    Stands,
    /// The picture moves as a whole: so many pixels from a frame to the next, to the right and down. The camera turns the other way.
    Moves([f32; 2]),
    /// Too little of the picture has any structure to be found again.
    Unclear,
}

/// Judges the camera by pairs of pictures of frames that follow each other. They are of one size.
pub fn judge(pairs: &[(Grey, Grey)]) -> Camera {
    let each: Vec<[Said; 2]> = pairs.iter().map(|(a, b)| votes(a, b).map(|v| said(&v))).collect();
    let scale = pairs.first().map_or(1.0, |(a, _)| a.scale);
    let sum = |axis: usize, f: &dyn Fn(&Said) -> f32| each.iter().map(|p| f(&p[axis])).sum::<f32>();
    let mut shift = [0.0; 2];
    let (mut moves, mut seen) = (false, false);
    for (axis, mean) in shift.iter_mut().enumerate() {
        let (votes, still, agree) =
            (sum(axis, &|s| s.votes), sum(axis, &|s| s.still), sum(axis, &|s| s.agree));
        let spread = sum(axis, &|s| s.spread * s.agree) / agree.max(1.0);
        seen |= votes >= 4.0 * each.len().max(1) as f32;
        if agree >= MOST * still
            && agree >= SHARE * votes
            && spread >= SPREAD
            && agree >= 3.0 * each.len() as f32
        {
            moves = true;
            *mean = scale * sum(axis, &|s| s.shift * s.agree) / agree;
        }
    }
    match (moves, seen) {
        (true, _) => Camera::Moves(shift),
        (false, true) => Camera::Stands,
        (false, false) => Camera::Unclear,
    }
}

/// The camera moves where so many times more blocks agree on a shift than stay in place, …
const MOST: f32 = 2.0;
/// … they are this share of all, …
const SHARE: f32 = 0.35;
/// … and lie over this much of the width: somebody who walks moves alike in one place only.
const SPREAD: f32 = 0.4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::people::{Action, Scene};
    use crate::data::world;
    use crate::data::world_video::to_image;
    use rand::Rng;

    const SIZE: usize = 128;
    const FRAMES: usize = 17;

    /// Pairs of frames of a scene whose picture moves by `shift` pixels to the left with each frame.
    fn pairs(scene: &mut Scene, shift: f32) -> Vec<(Grey, Grey)> {
        scene.pan = shift * (FRAMES - 1) as f32 * crate::data::people::SIDE / SIZE as f32;
        let grey: Vec<Grey> =
            scene.frames(FRAMES, SIZE).iter().map(|frame| Grey::of(&to_image(frame, SIZE))).collect();
        grey.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
    }

    /// What stands in the room can be seen to move over much of the width: before an empty wall with one thing on it nobody can tell
    /// a camera that turns from a thing that moves.
    fn shows_a_pan(scene: &Scene) -> bool {
        let moved = Scene { pan: 4.0, ..scene.clone() };
        // The grain of the wall does not move with it, so what differs is what stands there.
        let (a, b) = (moved.backdrop(0, 2, SIZE), moved.backdrop(1, 2, SIZE));
        let changed =
            a.chunks(3).zip(b.chunks(3)).enumerate().filter(|(_, (a, b))| (a[0] - b[0]).abs() > 0.12);
        let columns: Vec<usize> = changed.map(|(i, _)| i % SIZE).collect();
        let (lo, hi) = (columns.iter().min().copied(), columns.iter().max().copied());
        columns.len() > SIZE * SIZE / 200 && lo.zip(hi).is_some_and(|(lo, hi)| hi - lo > SIZE * 55 / 100)
    }

    /// The person before a wall that has structure everywhere: smooth noise, three sizes of it.
    fn before_a_patterned_wall(scene: &Scene, seed: u64, shift: f32) -> Vec<(Grey, Grey)> {
        let mut rng = world::rng(99, seed);
        let waves: Vec<[f32; 5]> = (0..24)
            .map(|i| {
                let size = [4.0, 9.0, 20.0][i % 3];
                let turn: f32 = rng.random_range(0.0..std::f32::consts::TAU);
                let k = std::f32::consts::TAU / (size * rng.random_range(1.0..2.0));
                [k * turn.cos(), k * turn.sin(), rng.random_range(0.0..9.0), 0.004 * size.sqrt() * 4.0, turn]
            })
            .collect();
        let wall = |x: f32, y: f32| {
            0.5 + waves.iter().map(|[a, b, phase, size, _]| size * (a * x + b * y + phase).sin()).sum::<f32>()
        };
        let frame = |t: usize| {
            let mut picture = scene.frame(t, FRAMES, SIZE);
            let mask = scene.mover_mask(t, FRAMES, SIZE);
            for (i, pixel) in picture.chunks_exact_mut(3).enumerate() {
                let v = wall((i % SIZE) as f32 + shift * t as f32, (i / SIZE) as f32);
                let noise = rng.random_range(-0.02..0.02);
                pixel
                    .iter_mut()
                    .for_each(|p| *p = (mask[i] * *p + (1.0 - mask[i]) * v + noise).clamp(0.0, 1.0));
            }
            Grey::of(&to_image(&picture, SIZE))
        };
        let grey: Vec<Grey> = (0..FRAMES).map(frame).collect();
        grey.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
    }

    /// How many pans of one pixel a frame are found, with their side, and how many cameras that stand are taken for one that moves.
    #[derive(Default, Debug)]
    struct Tally {
        pans: u32,
        found: u32,
        stills: u32,
        alarms: u32,
    }

    impl Tally {
        fn pan(&mut self, judged: Camera, side: f32) {
            self.pans += 1;
            self.found += u32::from(matches!(judged, Camera::Moves([x, _]) if x * side < -0.5));
        }

        fn still(&mut self, judged: Camera) {
            self.stills += 1;
            self.alarms += u32::from(matches!(judged, Camera::Moves(_)));
        }

        fn holds(&self) -> bool {
            let (found, alarms) = (f64::from(self.found), f64::from(self.alarms));
            self.pans >= 40 && found >= 0.95 * f64::from(self.pans) && alarms <= 0.05 * f64::from(self.stills)
        }
    }

    fn side(i: u64) -> f32 {
        if i.is_multiple_of(2) { 1.0 } else { -1.0 }
    }

    #[test]
    fn pans_are_told_from_people_who_move_before_a_camera_that_stands() {
        let (mut rooms, mut walls) = (Tally::default(), Tally::default());
        let actions = Action::all();
        for i in 0..160 {
            let mut scene = Scene::random(&mut world::rng(77, i), actions[i as usize % actions.len()]);
            rooms.still(judge(&pairs(&mut scene, 0.0)));
            if shows_a_pan(&scene) {
                rooms.pan(judge(&pairs(&mut scene, side(i))), side(i));
            }
            scene.pan = 0.0;
            if i < 60 {
                walls.still(judge(&before_a_patterned_wall(&scene, i, 0.0)));
                walls.pan(judge(&before_a_patterned_wall(&scene, i, side(i))), side(i));
            }
        }
        println!("furnished rooms {rooms:?}, patterned walls {walls:?}");
        assert!(rooms.holds(), "{rooms:?}");
        assert!(walls.holds(), "{walls:?}");
    }

    #[test]
    fn pictures_without_structure_say_nothing() {
        let plain = Grey::of(&RgbImage { width: 64, height: 48, data: vec![90; 3 * 64 * 48] });
        assert_eq!(judge(&[(plain.clone(), plain)]), Camera::Unclear);
        assert_eq!(judge(&[]), Camera::Unclear);
    }
}
