//! What a map is held against: which patches of the grid an object covers.

use crate::data::cast::Scene;
use crate::data::truth_file::Mask;
use crate::metrics::{Summary, auroc};
use crate::video::preprocess::CropRect;

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

/// For each patch of the `grid` × `grid` that the model saw of a picture, whether it shows the mover in one of the frames with these
/// masks or another; `None` for a patch that lies outside the picture. `crop`: the part that the model saw.
pub fn swept(masks: &[&Mask], crop: CropRect, grid: usize) -> Vec<Option<bool>> {
    // Places a side of each patch that are looked at.
    const PLACES: usize = 8;
    let place = |i: usize, lo: f32, hi: f32| lo + (hi - lo) * (i as f32 + 0.5) / (grid * PLACES) as f32;
    let patch = |p: usize| {
        let (row, col) = (p / grid * PLACES, p % grid * PLACES);
        let (mut seen, mut covered) = (0, 0);
        for i in 0..PLACES * PLACES {
            let x = place(col + i % PLACES, crop.x0, crop.x1);
            let y = place(row + i / PLACES, crop.y0, crop.y1);
            if (0.0..1.0).contains(&x) && (0.0..1.0).contains(&y) {
                seen += 1;
                covered += usize::from(masks.iter().any(|mask| mask.covers(x, y)));
            }
        }
        (seen > 0).then_some(covered as f32 > COVERED * (PLACES * PLACES) as f32)
    };
    (0..grid * grid).map(patch).collect()
}

/// AUROC of a map (frames × patches, or patches alone) for the patches that [`swept`] says the mover covers; `None` where that is no
/// patch, or every one.
pub fn mover_auroc(map: &[f32], swept: &[Option<bool>]) -> Option<f64> {
    let there = |mover| swept.contains(&Some(mover));
    let scored = map.iter().zip(swept.iter().cycle()).filter_map(|(v, mover)| Some((*v, (*mover)?)));
    (there(true) && there(false)).then(|| auroc(scored))
}

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

    /// Mean of a motion map (frames × patches) on what stands still over that on what the mover covers; `None` where the clip does not
    /// show both.
    pub fn distractor_ratio(&self, motion: &[f32]) -> Option<f64> {
        let (still, mover) = (Self::mean(motion, &self.distractor)?, Self::mean(motion, &self.swept)?);
        Some(still / mover.max(1e-9))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::cast::Cast;
    use crate::data::truth_file::TruthFile;
    use crate::data::world_video::{Format, scene, write};
    use crate::video::Pts;

    const WHOLE: CropRect = CropRect { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };

    #[test]
    fn a_file_s_truth_is_that_of_the_scene() {
        let folder = tempfile::tempdir().unwrap();
        for (index, class) in (0..).zip(Cast::Shapes.classes().into_iter().step_by(5)) {
            let path = folder.path().join("a.mp4");
            write(&path, class, 3, index, Format { size: 64, frames: 8, fps: 8.0 }).unwrap();
            let file = TruthFile::beside(&path).unwrap().unwrap();
            let masks: Vec<&Mask> = (0..8).map(|t| file.mover(Pts::from_secs(f64::from(t) / 8.0))).collect();
            let truth = Truth::of(&scene(3, index, class), 8, 64, 8);
            let found = swept(&masks, WHOLE, 8);
            // The file has whole pixels, the scene has soft edges: at the limit a patch may differ.
            let apart = found.iter().zip(&truth.swept).filter(|(a, b)| **a != Some(**b)).count();
            assert!(apart <= 2 && truth.swept.contains(&true), "{}: {apart}", class.name());
            let map: Vec<f32> = truth.swept.iter().map(|s| f32::from(u8::from(*s))).collect();
            assert!(mover_auroc(&map.repeat(3), &found).unwrap() > 0.9);
        }
    }

    #[test]
    fn patches_outside_the_picture_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let json = r#"{"version":1,"class":"a","size":2,"frames":[{"pts_s":0.0,"mask":[0,1,3]}]}"#;
        std::fs::write(folder.path().join("a.json"), json).unwrap();
        let file = TruthFile::beside(&folder.path().join("a.mp4")).unwrap().unwrap();
        let mask = file.mover(Pts(0));
        // Twice as high as the picture: a quarter of it above, and a quarter below.
        let tall = CropRect { x0: 0.0, y0: -0.5, x1: 1.0, y1: 1.5 };
        let found = swept(&[mask], tall, 4);
        let row = |r: usize| &found[4 * r..4 * r + 4];
        assert_eq!((row(0), row(3)), (&[None; 4][..], &[None; 4][..]));
        assert_eq!(row(1), [Some(true), Some(true), Some(false), Some(false)]);
        let mut map = [0.5; 16];
        (map[4], map[5], map[0], map[15]) = (0.9, 0.8, 1.0, 1.0);
        assert_eq!(mover_auroc(&map, &found), Some(1.0));
        assert_eq!(mover_auroc(&map, &[Some(false), None]), None);
    }
}
