//! What a camera adds: colours that are off, grain, a little blur, an unsteady hand. Training sees the people of the world
//! through many cameras, evaluation through chosen ones.

use super::draw::gaussian;
use super::world::WorldRng;
use rand::{Rng, SeedableRng};

/// One camera, the same for every frame of a clip but for its shaking.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// What each channel is multiplied by.
    pub gain: [f32; 3],
    /// How much of the colours is left, 0 (grey) to 1.
    pub saturation: f32,
    /// σ of the grain, new in every frame.
    pub grain: f32,
    /// Means over 3 × 3 pixels.
    pub blur: bool,
    /// Size of what is seen; below 1 the edges of the picture are repeated around it.
    pub zoom: f32,
    /// σ of the shift of each frame, as a share of the picture's side.
    pub shake: f32,
    /// Of grain and shaking.
    pub seed: u64,
}

impl Default for Camera {
    /// One that adds nothing.
    fn default() -> Self {
        Self { gain: [1.0; 3], saturation: 1.0, grain: 0.0, blur: false, zoom: 1.0, shake: 0.0, seed: 0 }
    }
}

impl Camera {
    /// A random one, as training has them: of ten pictures four are grey, four are of a smaller scene, two are blurred, and four shake.
    pub fn random(rng: &mut WorldRng) -> Self {
        let bright = rng.random_range(0.75..1.2);
        let gain = [0; 3].map(|_| bright * rng.random_range(0.92..1.08));
        let saturation = if rng.random_bool(0.4) { 0.0 } else { rng.random_range(0.5..1.1) };
        Self {
            gain,
            saturation,
            grain: rng.random_range(0.0..0.02),
            blur: rng.random_bool(0.2),
            zoom: if rng.random_bool(0.4) { rng.random_range(0.62..1.0) } else { 1.0 },
            shake: if rng.random_bool(0.4) { rng.random_range(0.0..0.016) } else { 0.0 },
            seed: rng.random(),
        }
    }

    /// Frame `t` as this camera has it: interleaved RGB floats, `size` × `size`.
    pub fn see(&self, mut picture: Vec<f32>, size: usize, t: usize) -> Vec<f32> {
        let mut rng = WorldRng::seed_from_u64(self.seed);
        rng.set_stream(t as u64);
        if self.shake > 0.0 || self.zoom != 1.0 {
            let by = [0; 2].map(|_| gaussian(&mut rng) * self.shake * size as f32);
            picture = placed(&picture, size, self.zoom, by);
        }
        if self.blur {
            picture = blurred(&picture, size);
        }
        for pixel in picture.chunks_exact_mut(3) {
            let grey = pixel.iter().sum::<f32>() / 3.0;
            let grain = if self.grain > 0.0 { gaussian(&mut rng) * self.grain } else { 0.0 };
            for (value, gain) in pixel.iter_mut().zip(self.gain) {
                *value = ((grey + (*value - grey) * self.saturation) * gain + grain).clamp(0.0, 1.0);
            }
        }
        picture
    }
}

/// The picture scaled about its middle and moved by pixels, its edges repeated.
fn placed(picture: &[f32], size: usize, zoom: f32, by: [f32; 2]) -> Vec<f32> {
    let last = size as isize - 1;
    let middle = (size as f32 - 1.0) / 2.0;
    let from = |place: usize, by: f32| {
        let at = (place as f32 - middle - by) / zoom + middle;
        let near = at.floor();
        let pixel = |d: isize| (near as isize + d).clamp(0, last) as usize;
        (pixel(0), pixel(1), at - near)
    };
    let columns: Vec<_> = (0..size).map(|x| from(x, by[0])).collect();
    let mut out = Vec::with_capacity(picture.len());
    for y in 0..size {
        let (top, bottom, down) = from(y, by[1]);
        for &(left, right, along) in &columns {
            out.extend((0..3).map(|c| {
                let at = |x: usize, y: usize| picture[3 * (y * size + x) + c];
                let row = |y| at(left, y) * (1.0 - along) + at(right, y) * along;
                row(top) * (1.0 - down) + row(bottom) * down
            }));
        }
    }
    out
}

fn blurred(picture: &[f32], size: usize) -> Vec<f32> {
    // Every row with its first and last pixel repeated.
    let wide = |row: &[f32]| [&row[..3], row, &row[row.len() - 3..]].concat();
    let rows: Vec<Vec<f32>> = picture.chunks_exact(3 * size).map(wide).collect();
    let mut out = vec![0.0; picture.len()];
    for (y, out) in out.chunks_exact_mut(3 * size).enumerate() {
        for y in [y.saturating_sub(1), y, (y + 1).min(size - 1)] {
            for shift in [0, 3, 6] {
                out.iter_mut().zip(&rows[y][shift..]).for_each(|(sum, value)| *sum += value);
            }
        }
        out.iter_mut().for_each(|sum| *sum /= 9.0);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A white pixel at (3, 4) of a black 8 × 8 picture.
    fn dot() -> Vec<f32> {
        let mut picture = vec![0.0; 8 * 8 * 3];
        picture[3 * (4 * 8 + 3)..][..3].fill(1.0);
        picture
    }

    #[test]
    fn a_camera_that_adds_nothing_changes_nothing() {
        assert_eq!(Camera::default().see(dot(), 8, 3), dot());
    }

    #[test]
    fn light_is_moved_and_spread_and_not_lost() {
        let moved = placed(&dot(), 8, 1.0, [1.5, -1.0]);
        assert_eq!((moved[3 * (3 * 8 + 4)], moved[3 * (3 * 8 + 5)]), (0.5, 0.5));
        assert_eq!(moved.iter().sum::<f32>(), 3.0);
        let spread = blurred(&dot(), 8);
        assert!((spread.iter().sum::<f32>() - 3.0).abs() < 1e-5);
        assert!((spread[3 * (5 * 8 + 2)] - 1.0 / 9.0).abs() < 1e-6);
    }

    #[test]
    fn without_saturation_all_channels_are_one() {
        let camera = Camera { saturation: 0.0, grain: 0.1, ..Camera::default() };
        let seen = camera.see(vec![0.9, 0.1, 0.5, 0.2, 0.3, 0.4], 1, 0);
        assert!(seen.chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]));
    }
}
