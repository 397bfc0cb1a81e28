//! What "next to no motion" means for a model: the motion that it reads into still footage, where nothing differs from frame
//! to frame but the sensor's noise.
//!
//! By METHOD §3 equal frames have exactly no motion, but no camera gives equal frames. Without this floor a clip of a wall
//! would be drawn as brightly as one of a dancer, because a scale fitted to the clip makes its noise the brightest thing in it.

use super::maps::quantile;
use super::{Evidence, Map, Session, WorkError};
use crate::model::Surgery;
use crate::model::folder::{MotionScale, Reach};
use crate::video::RgbImage;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// Still scenes that are looked at.
const SCENES: u64 = 3;
/// Standard deviation of the noise in 8-bit steps: a phone indoors after compression.
const NOISE: f32 = 2.0;
/// Pixels a side of the footage, before the model's own preprocessing.
const SIDE: u32 = 256;
/// The share of patches that stays below the floor.
const QUANTILE: f32 = 0.99;

/// Runs the vision tower on frames of [`Session::pixels`] and gives their tokens.
pub type Encode<'a> = dyn FnMut(&Session, &[Vec<f32>]) -> Result<Vec<Arc<[f32]>>, WorkError> + 'a;

impl Session {
    /// Measures the floors of the motion map and of each level on still footage that is made here; always the same for a
    /// model and device. `encode` runs the vision tower on frames of [`Session::pixels`], so that the caller can count frames,
    /// look up between batches, and stop.
    pub fn measure_floor(&self, encode: &mut Encode<'_>) -> Result<MotionScale, WorkError> {
        let frames = self.info.frames;
        let mut found = Vec::new();
        for scene in 0..SCENES {
            let mut rng = ChaCha8Rng::seed_from_u64(scene);
            let still = still_scene(&mut rng);
            let pixels: Vec<Vec<f32>> =
                (0..frames).map(|_| self.pixels(&with_noise(&still, &mut rng))).collect();
            let tokens = encode(self, &pixels)?;
            let (evidence, _) = self.evidence(self.clips(&tokens, frames), &Surgery::default(), None)?;
            found.push(evidence);
        }
        let floor = |map: &dyn Fn(&Evidence) -> Option<&Map>| Reach {
            floor: quantile(found.iter().filter_map(map), QUANTILE),
            reference: None,
        };
        Ok(MotionScale {
            motion: floor(&|e| Some(&e.maps.motion)),
            levels: (0..self.info.levels).map(|l| floor(&|e| e.maps.levels.get(l))).collect(),
        })
    }
}

/// A shaded wall with some coloured blocks before it.
fn still_scene(rng: &mut ChaCha8Rng) -> RgbImage {
    let side = SIDE as i64;
    let wall: [f32; 3] = std::array::from_fn(|_| rng.random_range(60.0..200.0));
    let slope: f32 = rng.random_range(-40.0..40.0);
    let mut data: Vec<u8> = (0..side * side)
        .flat_map(|i| {
            let shade = slope * ((i % side) as f32 / side as f32 - 0.5);
            wall.map(|c| (c + shade).clamp(0.0, 255.0) as u8)
        })
        .collect();
    for _ in 0..12 {
        let colour: [u8; 3] = std::array::from_fn(|_| rng.random_range(20..=235));
        let (w, h) = (rng.random_range(12..80), rng.random_range(12..80));
        let (x0, y0) = (rng.random_range(0..side - w), rng.random_range(0..side - h));
        for y in y0..y0 + h {
            let row = 3 * (y * side + x0) as usize;
            data[row..row + 3 * w as usize].chunks_exact_mut(3).for_each(|p| p.copy_from_slice(&colour));
        }
    }
    RgbImage { width: SIDE, height: SIDE, data }
}

fn with_noise(still: &RgbImage, rng: &mut ChaCha8Rng) -> RgbImage {
    // The sum of four uniform numbers is near enough to a normal one; each has variance 1/12.
    let mut noise = || {
        let sum: f32 = (0..4).map(|_| rng.random::<f32>() - 0.5).sum();
        sum * NOISE * 3.0f32.sqrt()
    };
    let data = still.data.iter().map(|v| (f32::from(*v) + noise()).round().clamp(0.0, 255.0) as u8).collect();
    RgbImage { data, ..still.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_has_the_spread_that_it_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let grey = RgbImage { width: SIDE, height: SIDE, data: vec![128; 3 * (SIDE * SIDE) as usize] };
        let noisy = with_noise(&grey, &mut rng);
        let n = noisy.data.len() as f64;
        let variance = noisy.data.iter().map(|v| (f64::from(*v) - 128.0).powi(2)).sum::<f64>() / n;
        // Rounding to whole steps adds 1/12.
        assert!((variance - f64::from(NOISE).powi(2) - 1.0 / 12.0).abs() < 0.1, "{variance}");
    }
}
