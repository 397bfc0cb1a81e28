//! Where a prompt finds support: the cosine of every patch, read from the last vision layer ([`Reading`]), with the prompt in CLIP's
//! joint space, and of that what other prompts do not have as well.
//!
//! The patches are read once a clip; a prompt costs one product with them, so that its map follows every edit.

use super::{Map, Session, WorkError, not_finite, read};
use crate::model::dense::Reading;
use crate::score::normalise;
use burn::tensor::{Tensor, TensorData};
use std::sync::Arc;

/// The patches of a clip, each a vector of unit norm: in CLIP's joint space (E) for the maps of prompts, or the tokens themselves
/// (D, [`Session::patch_tokens`]) for the likeness to one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Support {
    /// Of each frame (N,E) or (N,D), every row of unit norm.
    pub frames: Vec<Arc<[f32]>>,
    /// Patches a side, √N.
    pub grid: usize,
}

impl Support {
    /// The map of a prompt (E), or of a token (D): its cosine with each patch. With `common`, what prompts have in common, that part of
    /// it is taken away: CLIP's patches are like some words whatever they show.
    pub fn map(&self, prompt: &[f32], common: Option<&[f32]>) -> Map {
        let own: Vec<f32> = match common {
            Some(common) => prompt.iter().zip(common).map(|(p, c)| p - c).collect(),
            None => prompt.to_vec(),
        };
        let dot = |patch: &[f32]| patch.iter().zip(&own).map(|(a, b)| a * b).sum::<f32>();
        let width = prompt.len().max(1);
        Map {
            frames: self.frames.len(),
            rows: self.grid,
            cols: self.grid,
            data: self.frames.iter().flat_map(|frame| frame.chunks_exact(width).map(dot)).collect(),
        }
    }
}

/// What prompts (E) have in common: their mean. `None` of fewer than two, which have nothing to differ from.
pub fn common<'a>(prompts: impl Iterator<Item = &'a [f32]>) -> Option<Vec<f32>> {
    let mut sum: Vec<f32> = Vec::new();
    let mut count = 0usize;
    for prompt in prompts {
        sum.resize(prompt.len(), 0.0);
        sum.iter_mut().zip(prompt).for_each(|(s, p)| *s += p);
        count += 1;
    }
    (count > 1).then(|| sum.into_iter().map(|s| s / count as f32).collect())
}

impl Session {
    /// The patches of each frame (`(3,R,R)`, see [`Session::pixels`]) in CLIP's joint space, once for each reading: (N,E) a frame,
    /// rows of unit norm.
    pub fn read_patches<P: AsRef<[f32]>>(
        &self,
        frames: &[P],
        readings: &[Reading],
    ) -> Result<Vec<Vec<Arc<[f32]>>>, WorkError> {
        let (side, joint) = (self.preprocess.size, self.model.config.joint);
        let pixels: Vec<f32> = frames.iter().flat_map(|f| f.as_ref().iter().copied()).collect();
        let pixels =
            Tensor::<4>::from_data(TensorData::new(pixels, [frames.len(), 3, side, side]), &self.device);
        let towers = &self.model.towers;
        let mut found = Vec::with_capacity(readings.len());
        for tokens in towers.vision_model.read(pixels, readings) {
            let [f, n, d] = tokens.dims();
            let patches = tokens.narrow(1, 1, n - 1).reshape([f * (n - 1), d]);
            let mut rows = read(towers.visual_projection.forward(patches))?;
            if rows.iter().any(|v| !v.is_finite()) {
                return Err(not_finite("the vision tower"));
            }
            rows.chunks_exact_mut(joint).for_each(normalise);
            found.push(rows.chunks_exact((n - 1) * joint).map(Arc::from).collect());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_the_cosine_less_what_is_common() {
        let rows = |v: [f32; 8]| Arc::<[f32]>::from(v.to_vec());
        let support = Support { frames: vec![rows([1.0, 0.0, 0.0, 1.0, 0.6, 0.8, -1.0, 0.0]); 2], grid: 2 };
        let map = support.map(&[1.0, 0.0], None);
        assert_eq!((map.frames, map.rows, map.cols), (2, 2, 2));
        assert_eq!(map.frame(1), [1.0, 0.0, 0.6, -1.0]);
        let both = common([&[1.0, 0.0][..], &[0.0, 1.0][..]].into_iter());
        assert_eq!(both.as_deref(), Some(&[0.5, 0.5][..]));
        let less = support.map(&[1.0, 0.0], both.as_deref());
        assert!(less.frame(0).iter().zip([0.5, -0.5, -0.1, -0.5]).all(|(a, b)| (a - b).abs() < 1e-6));
        assert_eq!(common([&[1.0, 0.0][..]].into_iter()), None);
    }
}
