//! One clip of the cast as a description, which can be drawn at any size and number of frames, with its truth.

use super::action::{Action, Verb};
use super::figure::{Joints, Look, person, thing};
use super::paint::{Layer, Part};
use super::pose::Motion;
use super::room::{Room, Still};
use crate::data::world::WorldRng;
use rand::Rng;

/// A person who acts in a room; every other time something stands still beside them.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    pub room: Room,
    pub motion: Motion,
    pub look: Look,
    pub still: Option<Still>,
    /// How far the camera turns to the right in the clip, in canonical units; 0 for one that stands.
    pub pan: f32,
}

impl Scene {
    /// A random clip of a class, by a camera that stands.
    pub fn random(rng: &mut WorldRng, action: Action) -> Self {
        let mut room = Room::random(rng);
        let motion = Motion::random(rng, action);
        let look = Look::random(rng, thing(action.arms));
        let colour = [0; 3].map(|_| rng.random_range(0.15..0.6));
        let sits = matches!(action.verb, Verb::SittingDown | Verb::StandingUp);
        if sits {
            let seated = motion.forward_time(1.0);
            let hip = Joints::at(&motion, seated, room.floor).hip;
            let height = motion.style.height;
            room.add_chair([hip[0], hip[1] + 0.075 * height], motion.style.facing, height, colour);
        }
        let still = rng.random::<bool>().then(|| Still::random(rng, room.floor, motion.style.height));
        Self { room, motion, look, still, pan: 0.0 }
    }

    /// The time of frame `t` of `frames`.
    fn time(t: usize, frames: usize) -> f32 {
        t as f32 / (frames.max(2) - 1) as f32
    }

    /// Frame `t` of `frames` at `size` × `size`, interleaved RGB floats 0–1.
    pub fn frame(&self, t: usize, frames: usize, size: usize) -> Vec<f32> {
        self.frame_over(self.backdrop(t, frames, size), t, frames, size)
    }

    /// All frames, drawing what stands still only once where the camera stands.
    pub fn frames(&self, frames: usize, size: usize) -> Vec<Vec<f32>> {
        let backdrop = (self.pan == 0.0).then(|| self.backdrop(0, frames, size));
        let frame = |t| {
            let backdrop = backdrop.clone().unwrap_or_else(|| self.backdrop(t, frames, size));
            self.frame_over(backdrop, t, frames, size)
        };
        (0..frames).map(frame).collect()
    }

    fn shift(&self, t: usize, frames: usize) -> f32 {
        self.pan * (Self::time(t, frames) - 0.5)
    }

    /// What stands still, in frame `t`.
    pub fn backdrop(&self, t: usize, frames: usize, size: usize) -> Vec<f32> {
        let mut picture = self.room.draw(size, self.shift(t, frames));
        if let Some(layer) = self.still_layer(t, frames, size) {
            layer.over(&mut picture, 1.0);
        }
        picture
    }

    fn still_layer(&self, t: usize, frames: usize, size: usize) -> Option<Layer> {
        self.still.as_ref().map(|still| self.layer(&still.parts, t, frames, size))
    }

    fn layer(&self, parts: &[Part], t: usize, frames: usize, size: usize) -> Layer {
        let shift = self.shift(t, frames);
        let moved: Vec<Part> = parts.iter().map(|p| p.moved([-shift, 0.0])).collect();
        Layer::new(size, &moved)
    }

    fn mover(&self, t: usize, frames: usize, size: usize) -> Layer {
        let parts = person(&self.motion, &self.look, Self::time(t, frames), self.room.floor);
        self.layer(&parts, t, frames, size)
    }

    fn frame_over(&self, mut picture: Vec<f32>, t: usize, frames: usize, size: usize) -> Vec<f32> {
        self.mover(t, frames, size).over(&mut picture, 1.0);
        for value in &mut picture {
            *value = value.clamp(0.0, 1.0);
        }
        picture
    }

    /// What the mover covers in frame `t`, with what is carried.
    pub fn mover_mask(&self, t: usize, frames: usize, size: usize) -> Vec<f32> {
        self.mover(t, frames, size).mask()
    }

    /// What the still thing covers in frame `t`, if there is one.
    pub fn still_mask(&self, t: usize, frames: usize, size: usize) -> Option<Vec<f32>> {
        self.still_layer(t, frames, size).map(|layer| layer.mask())
    }

    /// The joints in frame `t`, in canonical units of the picture.
    pub fn joints(&self, t: usize, frames: usize) -> Joints {
        let shift = self.shift(t, frames);
        Joints::at(&self.motion, Self::time(t, frames), self.room.floor).moved([-shift, 0.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::people::SIDE;
    use crate::data::people::action::{Arms, Side};
    use crate::data::world;

    const FRAMES: usize = 8;

    fn scenes(action: Action) -> impl Iterator<Item = Scene> {
        (0..20).map(move |i| Scene::random(&mut world::rng(5, i), action))
    }

    /// The heart of the world: no single frame tells an action from its reversal.
    #[test]
    fn an_action_played_backwards_is_its_reversal() {
        for action in Action::all() {
            let Some(reversed) = action.reversed() else { continue };
            for mut scene in scenes(action) {
                let forwards = scene.frames(FRAMES, 48);
                scene.motion.action = reversed;
                let mut backwards = scene.frames(FRAMES, 48);
                backwards.reverse();
                for (a, b) in forwards.iter().flatten().zip(backwards.iter().flatten()) {
                    assert!((a - b).abs() < 1e-3, "{}", action.name());
                }
            }
        }
    }

    #[test]
    fn people_go_where_their_name_says_and_stay_on_the_floor() {
        for action in Action::all() {
            for scene in scenes(action) {
                let joints: Vec<Joints> = (0..FRAMES).map(|t| scene.joints(t, FRAMES)).collect();
                let travel = joints[FRAMES - 1].hip[0] - joints[0].hip[0];
                let to = match action.verb {
                    Verb::Walking(side) | Verb::WalkingBackwards(side) | Verb::Running(side) => Some(side),
                    _ => None,
                };
                if let Some(side) = to {
                    assert!(travel * side.sign() > 20.0, "{}: {travel}", action.name());
                }
                let low = |j: &Joints| j.ankles[0][1].max(j.ankles[1][1]);
                let height = scene.motion.style.height;
                for j in &joints {
                    assert!(low(j) <= scene.room.floor + 0.2 * height, "{}", action.name());
                    let middle = (j.hip[0] + j.neck[0]) / 2.0;
                    assert!(
                        (0.0..SIDE).contains(&middle),
                        "{}: out of the picture at {middle}",
                        action.name()
                    );
                }
            }
        }
    }

    #[test]
    fn what_happens_is_what_the_name_says() {
        let hip = |action| {
            let all: Vec<f32> = scenes(action)
                .map(|s| (s.joints(7, 8).hip[1] - s.joints(0, 8).hip[1]) / s.motion.style.height)
                .collect();
            (
                all.iter().copied().fold(f32::INFINITY, f32::min),
                all.into_iter().fold(f32::NEG_INFINITY, f32::max),
            )
        };
        let free = |verb| Action { verb, arms: Arms::Free };
        assert!(hip(free(Verb::SittingDown)).0 > 0.15 && hip(free(Verb::StandingUp)).1 < -0.15);
        assert!(hip(free(Verb::FallingOver)).0 > 0.3 && hip(free(Verb::GettingUp)).1 < -0.3);
    }

    #[test]
    fn the_masks_are_what_is_painted_and_what_stands_still_stands_still() {
        let action = Action { verb: Verb::Walking(Side::Left), arms: Arms::Waving };
        for mut scene in scenes(action) {
            let mask = scene.mover_mask(3, FRAMES, 64);
            let covered = mask.iter().filter(|m| **m > 0.5).count();
            assert!((100..2000).contains(&covered), "{covered}");
            let frames = scene.frames(FRAMES, 64);
            let swept: Vec<Vec<f32>> = (0..FRAMES).map(|t| scene.mover_mask(t, FRAMES, 64)).collect();
            for (i, pixel) in frames[0].chunks(3).enumerate() {
                if swept.iter().all(|m| m[i] == 0.0) {
                    assert!(frames.iter().all(|f| &f[3 * i..3 * i + 3] == pixel), "pixel {i} changed");
                }
            }
            scene.pan = 10.0;
            let panned = scene.frames(FRAMES, 64);
            assert_ne!(panned[0], panned[FRAMES - 1]);
        }
    }
}
