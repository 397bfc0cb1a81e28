//! Surgery: what a person alters inside the motion head for one forward pass, to see what a part is worth. Nothing is
//! retrained; with nothing altered the pass is bit for bit the ordinary one.

use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// What is altered. Part of the identity of a question, so it has only what can be compared exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Surgery {
    /// v_m = 0: the motion part does not enter the embedding (METHOD §5).
    pub no_motion: bool,
    /// v_s = 0: the static part does not enter the embedding.
    pub no_static: bool,
    /// DA_v left out: the tokens go to the separation as CLIP gives them (METHOD §2).
    pub no_vision_adapter: bool,
    /// The plain Haar transform in place of the learned lifting (METHOD §3).
    pub no_lifting: bool,
    /// The attention blocks left out (METHOD §4).
    pub no_attention: bool,
    /// Gates held at a value; of two that name the same gate the later counts.
    pub gates: Vec<GateClamp>,
    /// Patches (row by row, from 0) whose tokens are replaced by their mean over time: by METHOD §3 they then have exactly
    /// no motion, for any weights.
    pub frozen: Vec<u16>,
}

/// Holds gates at `thousandths`/1000: of one block and head, or of all where `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GateClamp {
    pub block: Option<usize>,
    pub head: Option<usize>,
    /// 0 to 1000.
    pub thousandths: u16,
}

impl Surgery {
    /// Nothing is altered.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The value that each head's gate of `block` is held at; `None` where it is the model's own.
    pub(super) fn held(&self, block: usize, heads: usize) -> Vec<Option<f32>> {
        let value = |head: usize| {
            let names =
                |c: &&GateClamp| c.block.is_none_or(|b| b == block) && c.head.is_none_or(|h| h == head);
            self.gates.iter().rfind(names).map(|c| f32::from(c.thousandths.min(1000)) / 1000.0)
        };
        (0..heads).map(value).collect()
    }

    /// `x (B,T,n,D)` with the frozen patches' tokens at their mean over time; the class token comes first and is never
    /// frozen. Patches that do not exist are ignored.
    pub(super) fn freeze(&self, x: Tensor<4>) -> Tensor<4> {
        let tokens = x.dims()[2];
        let mut mask = vec![0.0f32; tokens];
        for place in self.frozen.iter().map(|p| usize::from(*p) + 1) {
            if let Some(m) = mask.get_mut(place) {
                *m = 1.0;
            }
        }
        if mask.iter().all(|m| *m == 0.0) {
            return x;
        }
        let mask = row(&mask, &x.device()).reshape([1, 1, tokens, 1]);
        let still = x.clone().mean_dim(1) * mask.clone();
        x * (mask * -1.0 + 1.0) + still
    }
}

/// `gates (…, h)` with the held heads at their values.
pub(super) fn hold<const D: usize>(gates: Tensor<D>, held: &[Option<f32>]) -> Tensor<D> {
    if held.iter().all(Option::is_none) {
        return gates;
    }
    let mut shape = [1; D];
    shape[D - 1] = held.len();
    let device = gates.device();
    let per_head = |f: &dyn Fn(&Option<f32>) -> f32| {
        row(&held.iter().map(f).collect::<Vec<_>>(), &device).reshape(shape)
    };
    let (own, value) = (per_head(&|h| if h.is_some() { 0.0 } else { 1.0 }), per_head(&|h| h.unwrap_or(0.0)));
    gates * own + value
}

fn row(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_clamp_counts() {
        let clamp = |block, head, thousandths| GateClamp { block, head, thousandths };
        let surgery = Surgery {
            gates: vec![clamp(None, None, 500), clamp(Some(1), None, 0), clamp(None, Some(2), 1000)],
            ..Surgery::default()
        };
        assert_eq!(surgery.held(0, 3), [Some(0.5), Some(0.5), Some(1.0)]);
        assert_eq!(surgery.held(1, 3), [Some(0.0), Some(0.0), Some(1.0)]);
        assert_eq!(Surgery::default().held(0, 2), [None, None]);
    }
}
