//! The procedural world's two casts, moving shapes and people who act, as one: classes, and scenes with their truth.

use super::people::{self, Action};
use super::world::{self, Motion, WorldRng};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Who moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Cast {
    /// Shapes that move in a direction and a manner
    Shapes,
    /// People who walk, sit down, pick things up
    #[default]
    People,
}

/// A class of either cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Shape(Motion),
    Person(Action),
}

impl Cast {
    /// As it is called on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Shapes => "shapes",
            Self::People => "people",
        }
    }

    /// In words: whom a model that was trained on the cast knows.
    pub fn whom(self) -> &'static str {
        match self {
            Self::Shapes => "moving shapes",
            Self::People => "drawn people who act",
        }
    }

    /// Every class of the cast.
    pub fn classes(self) -> Vec<Class> {
        match self {
            Self::Shapes => Motion::all().into_iter().map(Class::Shape).collect(),
            Self::People => Action::all().into_iter().map(Class::Person).collect(),
        }
    }

    /// What training shows and names: the seen classes first, and for people also what is no class, see [`Action::practice`].
    pub fn trained(self) -> Vec<Class> {
        match self {
            Self::Shapes => self.seen(),
            Self::People => Action::trained().into_iter().map(Class::Person).collect(),
        }
    }

    /// The classes that training may use.
    pub fn seen(self) -> Vec<Class> {
        self.classes().into_iter().filter(|c| !c.is_unseen()).collect()
    }
}

impl Class {
    /// As people say it: "moving left while spinning", "sitting down with a box".
    pub fn name(self) -> String {
        match self {
            Self::Shape(motion) => motion.name(),
            Self::Person(action) => action.name(),
        }
    }

    /// Whether no image, caption or clip of training shows or names it.
    pub fn is_unseen(self) -> bool {
        match self {
            Self::Shape(motion) => motion.is_unseen(),
            Self::Person(action) => action.is_unseen(),
        }
    }

    /// The class of the same clip played backwards, where there is one.
    pub fn reversed(self) -> Option<Self> {
        match self {
            Self::Shape(motion) => Some(Self::Shape(motion.reversed())),
            Self::Person(action) => action.reversed().map(Self::Person),
        }
    }

    /// A random clip of the class.
    pub fn scene(self, rng: &mut WorldRng) -> Scene {
        match self {
            Self::Shape(motion) => Scene::Shape(world::Scene::random(rng, motion)),
            Self::Person(action) => Scene::Person(Box::new(people::Scene::random(rng, action))),
        }
    }
}

/// One clip as a description, see [`world::Scene`] and [`people::Scene`].
#[derive(Clone, Debug, PartialEq)]
pub enum Scene {
    Shape(world::Scene),
    Person(Box<people::Scene>),
}

impl Scene {
    /// All frames at `size` × `size`, interleaved RGB floats 0–1.
    pub fn frames(&self, frames: usize, size: usize) -> Vec<Vec<f32>> {
        match self {
            Self::Shape(scene) => scene.frames(frames, size),
            Self::Person(scene) => scene.frames(frames, size),
        }
    }

    /// What the mover covers in frame `t` of `frames`, 0–1 a pixel.
    pub fn mover_mask(&self, t: usize, frames: usize, size: usize) -> Vec<f32> {
        match self {
            Self::Shape(scene) => scene.mover_mask(t, frames, size),
            Self::Person(scene) => scene.mover_mask(t, frames, size),
        }
    }

    /// What stands still beside the mover covers in frame `t`, if anything does.
    pub fn still_mask(&self, t: usize, frames: usize, size: usize) -> Option<Vec<f32>> {
        match self {
            Self::Shape(scene) => scene.distractor_mask(size),
            Self::Person(scene) => scene.still_mask(t, frames, size),
        }
    }
}
