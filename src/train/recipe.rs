//! What a head is trained with where nobody says otherwise (METHOD §7, §9, §10).

use super::losses::Lambdas;
use serde::{Deserialize, Serialize};

/// Over how much of a run the learning rate rises to its peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warmup {
    Steps(usize),
    Epochs(usize),
}

impl Warmup {
    /// In steps.
    pub fn steps(self, per_epoch: usize) -> usize {
        match self {
            Self::Steps(steps) => steps,
            Self::Epochs(epochs) => epochs * per_epoch,
        }
    }
}

/// Numbers of a run that the size of the CLIP and the kind of clips choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    pub epochs: usize,
    /// Clips a step; fewer where there are not so many.
    pub batch: usize,
    pub learning_rate: f64,
    pub weight_decay: f32,
    pub warmup: Warmup,
    pub lambdas: Lambdas,
}

impl Recipe {
    /// For clips of the procedural world: what the small models of METHOD §10 were made with. A CLIP that knows real words is held near
    /// to what it says already (λk 1).
    pub fn world(width: usize) -> Self {
        Self {
            epochs: 6,
            batch: 32,
            learning_rate: 1e-3,
            weight_decay: if is_small(width) { 0.01 } else { 0.001 },
            warmup: Warmup::Steps(100),
            lambdas: Lambdas::new(is_small(width)),
        }
    }

    /// For videos: the field's recipe at CLIP's scale; for a small model that of the world, but near to what it says already.
    pub fn videos(width: usize) -> Self {
        let lambdas = Lambdas::new(false);
        match is_small(width) {
            true => Self { weight_decay: 0.001, lambdas, ..Self::world(width) },
            false => Self {
                epochs: 10,
                batch: 256,
                learning_rate: 1e-4,
                weight_decay: 0.001,
                warmup: Warmup::Epochs(5),
                lambdas,
            },
        }
    }

    /// For a few clips of each class: many passes in small batches, because large ones would be few steps.
    pub fn few_shots() -> Self {
        Self { epochs: 30, weight_decay: 0.001, lambdas: Lambdas::new(false), ..Self::world(0) }
    }
}

/// Whether a CLIP of this width is one of METHOD §10 and not one of the field's.
pub fn is_small(width: usize) -> bool {
    width < 256
}

/// How many clips of X (T, n, D) go through a head at once where nobody says otherwise, so that their tokens take 80 MB at most: the
/// gradients of a larger batch are summed up over its parts. It depends on the model alone, so that a run is the same everywhere.
pub fn at_once(shape: [usize; 3]) -> usize {
    let most = 80_000_000 / token_bytes(shape).max(1);
    if most == 0 { 1 } else { 1 << most.ilog2() }
}

/// How clips of X (T, n, D) go through a head: so many together, and so many such parts at the same time. On a GPU one part of `at_once`;
/// on the CPU, whose cores are given, a part on every core, whose tokens take a megabyte at most: what is made of them stays in its cache.
/// The size of a part does not depend on the number of cores, so that a run is the same everywhere.
pub fn parts(shape: [usize; 3], at_once: usize, cores: Option<usize>) -> (usize, usize) {
    let at_once = at_once.max(1);
    let Some(cores) = cores else { return (at_once, 1) };
    let part = ((1 << 20) / token_bytes(shape).max(1)).clamp(1, at_once);
    (part, (at_once / part).clamp(1, cores.max(1)))
}

/// Bytes of one clip's tokens as f32.
fn token_bytes(shape: [usize; 3]) -> usize {
    4 * shape.iter().product::<usize>()
}

/// About how many bytes a step takes with so many clips in work at the same time.
pub fn step_bytes(shape: [usize; 3], clips: usize) -> u64 {
    PER_TOKEN_BYTE * token_bytes(shape) as u64 * clips as u64
}

/// Bytes that a step holds for every byte of its clips' tokens. Measured on the CPU with a CLIP of ViT-B/16 size: a run had 1.26 GB in memory
/// at most with 1 clip at once and 2.10 GB with 4, which is 58 bytes for each of the 4.84 MB of a clip.
const PER_TOKEN_BYTE: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stock_clip_on_videos_has_the_fields_recipe() {
        let recipe = Recipe::videos(768);
        assert_eq!((recipe.epochs, recipe.batch, recipe.learning_rate), (10, 256, 1e-4));
        assert_eq!((recipe.warmup.steps(7), recipe.lambdas.distillation), (35, 1.0));
        assert_eq!(Recipe::videos(128).batch, 32);
    }

    #[test]
    fn the_small_models_are_made_as_before() {
        let recipe = Recipe::world(128);
        assert_eq!((recipe.epochs, recipe.batch, recipe.weight_decay), (6, 32, 0.01));
        assert_eq!((recipe.warmup.steps(7), recipe.lambdas.distillation), (100, 0.0));
        assert_eq!(Recipe::world(768).lambdas.distillation, 1.0);
    }

    #[test]
    fn larger_clips_go_through_in_smaller_parts() {
        // The small model, B/32, B/16, L/14.
        let shapes = [[8, 65, 128], [8, 50, 768], [8, 197, 768], [8, 257, 1024]];
        assert_eq!(shapes.map(at_once), [256, 64, 16, 8]);
        assert_eq!(at_once([1024, 4097, 16384]), 1);
        // Of B/16 a clip on every core; of the small model three.
        assert_eq!(
            [Some(2), Some(64), None].map(|cores| parts(shapes[2], 16, cores)),
            [(1, 2), (1, 16), (16, 1)]
        );
        assert_eq!([1, 2, 11].map(|at_once| parts(shapes[0], at_once, Some(2))), [(1, 1), (2, 1), (3, 2)]);
    }
}
