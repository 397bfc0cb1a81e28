//! The freeze map: what the embedding of a clip would be if nothing moved at a patch. The patch's tokens are replaced by their
//! mean over time, which by METHOD §3 is exactly no motion there, for any weights; the static part loses nothing but the
//! patch's change. So a score's change is what *motion at that place* is worth to it, not what the place looks like.
//!
//! The tokens are held: a whole map is forward passes of the head, several patches' worth at once.

use super::{Session, WorkError, read};
use crate::model::Surgery;
use crate::score::{ClassEmbedding, Weighing, score_with};
use burn::tensor::{Tensor, TensorData};
use std::sync::Arc;

/// Numbers of one batch's tokens at most: what memory it takes is some tens of these.
const BATCH: usize = 4 << 20;

/// The embeddings (E), unit norm, of a clip with one group of patches frozen after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct FreezeMap {
    /// With nothing frozen but what the surgery names.
    pub plain: Arc<[f32]>,
    /// Patches a side, √N.
    pub grid: usize,
    /// Patches a side of a group: 2 for blocks, 1 for single patches.
    pub side: usize,
    /// By group, row by row.
    pub frozen: Vec<Arc<[f32]>>,
}

/// The patches of each square group of `side` × `side`, row by row; those at the edge may be smaller.
pub fn groups(grid: usize, side: usize) -> Vec<Vec<u16>> {
    let steps: Vec<usize> = (0..grid).step_by(side.max(1)).collect();
    let span = |from: usize| from..(from + side.max(1)).min(grid);
    let group = |row: usize, col: usize| {
        span(row).flat_map(|r| span(col).map(move |c| (r * grid + c) as u16)).collect()
    };
    steps.iter().flat_map(|&row| steps.iter().map(move |&col| (row, col))).map(|(r, c)| group(r, c)).collect()
}

impl FreezeMap {
    /// How many groups are done, and of how many.
    pub fn progress(&self) -> (usize, usize) {
        (self.frozen.len(), self.grid.div_ceil(self.side.max(1)).pow(2))
    }

    /// The change of `class`'s margin (s⁺ − s⁻) at every patch (row by row) if nothing moved there; `None` for a class
    /// without positive prompts.
    pub fn change(&self, class: &ClassEmbedding, negatives: bool) -> Option<Vec<f32>> {
        let groups = margin_changes(&self.plain, &self.frozen, class, negatives)?;
        let across = self.grid.div_ceil(self.side.max(1));
        let of =
            |p: usize| groups.get(p / self.grid / self.side * across + p % self.grid / self.side).copied();
        (0..self.grid * self.grid).map(of).collect()
    }
}

/// The change of `class`'s margin (s⁺ − s⁻) from the embedding `plain` to each of `altered`; `None` for a class without
/// positive prompts.
pub fn margin_changes(
    plain: &[f32],
    altered: &[Arc<[f32]>],
    class: &ClassEmbedding,
    negatives: bool,
) -> Option<Vec<f32>> {
    let weighing = Weighing { alpha: 0.0, negatives };
    let margin =
        |f: &[f32]| score_with(f, std::slice::from_ref(class), 1.0, weighing).classes.first()?.margin;
    let before = margin(plain)?;
    altered.iter().map(|f| Some(margin(f)? - before)).collect()
}

impl Session {
    /// Clips of `x (1,T,n,D)`'s size that go through the head at once.
    fn freeze_batch(&self, x: &Tensor<4>) -> usize {
        (BATCH / x.shape().num_elements().max(1)).max(1)
    }

    /// f (E) of the clip `x (1,T,n,D)`, once for each group with that group's patches frozen besides what `surgery` freezes.
    pub fn embed_frozen(
        &self,
        x: &Tensor<4>,
        surgery: &Surgery,
        groups: &[Vec<u16>],
    ) -> Result<Vec<Arc<[f32]>>, WorkError> {
        let [_, _, tokens, _] = x.dims();
        let mut mask = vec![0.0f32; groups.len() * tokens];
        for (row, group) in mask.chunks_exact_mut(tokens).zip(groups) {
            // The class token comes first.
            for place in group.iter().map(|p| usize::from(*p) + 1).filter(|place| *place < tokens) {
                row[place] = 1.0;
            }
        }
        let mask = Tensor::<1>::from_data(TensorData::new(mask, [groups.len() * tokens]), self.device());
        let mask = mask.reshape([groups.len(), 1, tokens, 1]);
        let still = x.clone().mean_dim(1);
        let frozen = x.clone() * (mask.clone() * -1.0 + 1.0) + still * mask;
        let head = &self.model.head;
        let f = read(head.forward_with(frozen, &self.model.towers.visual_projection, surgery).embedding)?;
        Ok(f.chunks_exact(self.model.config.joint).map(Arc::from).collect())
    }

    /// The freeze map of a clip `x (1,T,n,D)` by groups of `side` × `side` patches, with no group done yet.
    pub fn freeze_start(
        &self,
        x: &Tensor<4>,
        surgery: &Surgery,
        side: usize,
    ) -> Result<FreezeMap, WorkError> {
        let plain = self.embed_frozen(x, surgery, &[Vec::new()])?.swap_remove(0);
        Ok(FreezeMap { plain, grid: self.info.grid, side, frozen: Vec::new() })
    }

    /// Does the next batch of groups of it.
    pub fn freeze_more(
        &self,
        map: &mut FreezeMap,
        x: &Tensor<4>,
        surgery: &Surgery,
    ) -> Result<(), WorkError> {
        let groups = groups(map.grid, map.side);
        let next = groups.iter().skip(map.frozen.len()).take(self.freeze_batch(x)).cloned();
        let batch: Vec<Vec<u16>> = next.collect();
        map.frozen.extend(self.embed_frozen(x, surgery, &batch)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_cover_every_patch_once_also_where_they_do_not_fit() {
        for (grid, side, count) in [(8, 2, 16), (7, 2, 16), (8, 1, 64), (3, 5, 1)] {
            let groups = groups(grid, side);
            assert_eq!(groups.len(), count);
            let mut all: Vec<u16> = groups.into_iter().flatten().collect();
            all.sort_unstable();
            assert_eq!(all, (0..(grid * grid) as u16).collect::<Vec<_>>());
        }
        assert_eq!(groups(4, 2)[1], [2, 3, 6, 7]);
    }

    #[test]
    fn a_change_is_spread_over_the_patches_of_its_group() {
        let unit = |v: [f32; 2]| Arc::<[f32]>::from(v.to_vec());
        let class = ClassEmbedding { positive: Some(unit([1.0, 0.0])), counts: true, ..Default::default() };
        let frozen = vec![unit([1.0, 0.0]), unit([0.0, 1.0]), unit([1.0, 0.0]), unit([0.6, 0.8])];
        let map = FreezeMap { plain: unit([1.0, 0.0]), grid: 3, side: 2, frozen };
        let change = map.change(&class, true).unwrap();
        let want = [0.0, 0.0, -1.0, 0.0, 0.0, -1.0, 0.0, 0.0, -0.4];
        assert!(change.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{change:?}");
        assert_eq!(map.change(&ClassEmbedding::default(), true), None);
    }
}
