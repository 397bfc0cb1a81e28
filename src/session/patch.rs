//! One patch of one frame: what it is like, and what its motion looks at.
//!
//! Likeness to prompts is of the tower's last-layer tokens: only they live where `visual_projection` leads into CLIP's joint space. Where
//! X has those of an earlier layer, the frame is read once more for them.

use super::{Map, Session, Support, WorkError, read};
use crate::model::Surgery;
use crate::model::dense::Reading;
use crate::score::normalise;
use burn::tensor::Tensor;
use std::sync::Arc;

/// What is known of one patch.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchFinding {
    /// Cosine of its token with every patch's token of every frame (T,√N,√N).
    pub similarity: Map,
    /// Its token (D), unit norm: for its likeness to the patches of another clip by the same model.
    pub token: Vec<f32>,
    /// Its token in CLIP's joint space (E), unit norm: its cosine with a prompt's embedding without DA_j is its likeness.
    pub joint: Vec<f32>,
    /// Where its motion query (of the finest level) attends to in the static stream, by block, then head: (T/2^L,√N,√N), without
    /// the class token's share. Empty where there is no attention.
    pub attention: Vec<Vec<Map>>,
}

impl Session {
    /// What there is to know of `patch` (row by row, from 0) of `frame` in the clip `x (1,T,n,D)`. `pixels`: of that frame, see
    /// [`Session::pixels`]; needed where x has the patches of an earlier layer.
    pub fn patch(
        &self,
        x: &Tensor<4>,
        surgery: &Surgery,
        (frame, patch): (usize, usize),
        pixels: Option<&[f32]>,
    ) -> Result<PatchFinding, WorkError> {
        let [_, frames, tokens, width] = x.dims();
        let grid = self.info.grid;
        if frame >= frames || patch + 1 >= tokens {
            return Err(WorkError::Failed(format!("there is no patch {patch} in frame {frame}")));
        }
        let map = |frames: usize, data: Vec<f32>| Map { frames, rows: grid, cols: grid, data };
        let own = x.clone().narrow(1, frame, 1).narrow(2, patch + 1, 1);
        let size = |x: Tensor<4>| x.square().sum_dim(3).sqrt().clamp_min(1e-12);
        let patches = x.clone().narrow(2, 1, tokens - 1);
        let dots = (patches.clone() * own.clone()).sum_dim(3) / (size(patches) * size(own.clone()));
        let similarity = map(frames, read(dots)?);
        let mut token = read(own.clone())?;
        normalise(&mut token);
        let joint = match (self.motion_layer(surgery), pixels) {
            (None, _) => {
                let mut joint = read(self.model.towers.visual_projection.forward(own.reshape([1, width])))?;
                normalise(&mut joint);
                joint
            }
            (Some(_), Some(pixels)) => {
                let read = self.read_patches(&[pixels], &[Reading::CLIP])?;
                let width = self.model.config.joint;
                read[0][0][patch * width..][..width].to_vec()
            }
            (Some(_), None) => {
                return Err(WorkError::Failed("the frame of the patch was not read again".to_owned()));
            }
        };
        let mut attention = Vec::new();
        if !surgery.no_attention {
            for rows in self.model.head.attention_rows_with(x.clone(), frame / 2, patch + 1, surgery) {
                let [_, _, keys] = rows.dims();
                let head = |row: &[f32]| {
                    map(keys / tokens, row.chunks_exact(tokens).flat_map(|step| step[1..].to_vec()).collect())
                };
                attention.push(read(rows)?.chunks_exact(keys).map(head).collect());
            }
        }
        Ok(PatchFinding { similarity, token, joint, attention })
    }

    /// The tokens of all patches of the clip `x (1,T,n,D)`, each of unit norm, without the class token.
    pub fn patch_tokens(&self, x: &Tensor<4>) -> Result<Support, WorkError> {
        let [_, _, tokens, width] = x.dims();
        let mut rows = read(x.clone().narrow(2, 1, tokens - 1))?;
        rows.chunks_exact_mut(width).for_each(normalise);
        let frames = rows.chunks_exact((tokens - 1) * width).map(Arc::from).collect();
        Ok(Support { frames, grid: self.info.grid })
    }
}
