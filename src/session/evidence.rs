//! From a clip's tokens to evidence: the embedding that is scored and the maps that explain it.

use super::{Basis, Maps, Session, WorkError, maps, not_finite, read};
use crate::model::Surgery;
use crate::model::head::MotionHead;
use burn::tensor::Tensor;

/// What one forward pass of the motion head over one clip says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// f (E), unit norm: all that the scores depend on.
    pub embedding: Vec<f32>,
    /// Its static and motion part before DA_j (E) (METHOD §5).
    pub v_s: Vec<f32>,
    pub v_m: Vec<f32>,
    pub maps: Maps,
}

impl Session {
    /// f (E) of every clip of `x (B,T,n,D)`, see [`Session::clips`].
    pub fn embed(&self, x: Tensor<4>, surgery: &Surgery) -> Result<Vec<Vec<f32>>, WorkError> {
        self.embed_by(&self.model.head, x, surgery)
    }

    /// As [`Session::embed`], by another head on the same towers, such as one that is being trained.
    pub fn embed_by(
        &self,
        head: &MotionHead,
        x: Tensor<4>,
        surgery: &Surgery,
    ) -> Result<Vec<Vec<f32>>, WorkError> {
        let f = read(head.forward_with(x, &self.model.towers.visual_projection, surgery).embedding)?;
        Ok(f.chunks_exact(self.model.config.joint).map(<[f32]>::to_vec).collect())
    }

    /// The evidence of one clip `x (1,T,n,D)`. `basis`: the static stream's colours, so that those of one video go together;
    /// without it they are fitted to this clip, and given back.
    pub fn evidence(
        &self,
        x: Tensor<4>,
        surgery: &Surgery,
        basis: Option<&Basis>,
    ) -> Result<(Evidence, Basis), WorkError> {
        let model = &self.model;
        let output = model.head.forward_with(x, &model.towers.visual_projection, surgery);
        let still = model.head.static_stream_with(&output.streams, surgery);
        let readings = maps::read(&output, still, model.head_config.heads).map_err(WorkError::Failed)?;
        let finite = |v: &[f32]| v.iter().all(|x| x.is_finite());
        if !finite(&readings.embedding) || !finite(&readings.motion) {
            return Err(not_finite("the motion head"));
        }
        let basis = match basis {
            Some(basis) => basis.clone(),
            None => readings.basis(),
        };
        let maps = readings.maps(model.config.grid(), &basis);
        let maps::Readings { embedding, v_s, v_m, .. } = readings;
        Ok((Evidence { embedding, v_s, v_m, maps }, basis))
    }
}
