//! What a map is held against: which patches of the grid an object covers.

use crate::data::cast::Scene;
use crate::metrics::{Summary, auroc};

/// The share of each patch of a `grid` × `grid` picture that a mask (`size` × `size`, 0–1) covers.
pub fn coverage(mask: &[f32], size: usize, grid: usize) -> Vec<f32> {
    let cell = size / grid;
    let patch = |p: usize| {
        let (row, col) = (p / grid * cell, p % grid * cell);
        let inside = (row..row + cell).flat_map(|y| (col..col + cell).map(move |x| y * size + x));
        inside.map(|i| mask[i]).sum::<f32>() / (cell * cell) as f32
    };
    (0..grid * grid).map(patch).collect()
}

/// From this share on a patch shows the object.
pub const COVERED: f32 = 0.15;

/// For each patch of the grid, what it shows over the whole clip.
pub(super) struct Truth {
    /// The mover covers more than 15% of the patch in the middle frame (T/2), the one whose map the window shows over it.
    pub middle: Vec<bool>,
    /// The mover covers more than 15% of the patch at some time.
    pub swept: Vec<bool>,
    /// The still distractor covers more than 30% and the mover never more than 2%.
    pub distractor: Vec<bool>,
}

impl Truth {
    pub fn of(scene: &Scene, frames: usize, size: usize, grid: usize) -> Self {
        let coverage = |mask: &[f32]| coverage(mask, size, grid);
        // As in METHOD's prototype: the coverage of all that the shape ever touches.
        let mut union = vec![0.0f32; size * size];
        for t in 0..frames {
            union.iter_mut().zip(scene.mover_mask(t, frames, size)).for_each(|(u, m)| *u = u.max(m));
        }
        let middle = coverage(&scene.mover_mask(frames / 2, frames, size));
        let mover = coverage(&union);
        let still = scene.still_mask(0, frames, size).map_or(vec![0.0; grid * grid], |m| coverage(&m));
        Self {
            middle: middle.iter().map(|&m| m > COVERED).collect(),
            swept: mover.iter().map(|&m| m > COVERED).collect(),
            distractor: mover.iter().zip(&still).map(|(&m, &d)| d > 0.3 && m < 0.02).collect(),
        }
    }

    /// AUROC of a map (frames × patches) for the patches that `positive` marks.
    pub fn auroc(map: &[f32], positive: &[bool]) -> f64 {
        auroc(map.iter().zip(positive.iter().cycle()).map(|(&v, &p)| (v, p)))
    }

    /// Mean over the patches that `which` marks; `None` where it marks none.
    pub fn mean(map: &[f32], which: &[bool]) -> Option<f64> {
        let chosen: Vec<f64> =
            map.iter().zip(which.iter().cycle()).filter(|(_, w)| **w).map(|(v, _)| f64::from(*v)).collect();
        (!chosen.is_empty()).then(|| Summary::of(&chosen).mean)
    }
}
