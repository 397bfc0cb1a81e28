//! Surgery: what a person alters inside the model for one forward pass and its scores, to see what a part is worth. Nothing
//! is retrained; with nothing altered the pass is bit for bit the ordinary one.

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
    /// DA_j left out of both sides that share it: of the video's embedding and of every text's (METHOD §2).
    pub no_joint_adapter: bool,
    /// The plain Haar transform in place of the learned lifting (METHOD §3).
    pub no_lifting: bool,
    /// The attention blocks left out (METHOD §4).
    pub no_attention: bool,
    /// Gates held at a value; of two that name the same gate the later counts.
    pub gates: Vec<GateClamp>,
    /// Patches (row by row, from 0) whose tokens are replaced by their mean over time: by METHOD §3 they then have exactly
    /// no motion, for any weights.
    pub frozen: Vec<u16>,
    /// Patches whose *pixels* are replaced by their mean over time before the frames go through the vision tower: what is
    /// true of any model, also of one whose motion does not enter the score.
    pub frozen_pixels: Vec<u16>,
    /// The vision layer that the patch tokens are taken from, counted from 1 (METHOD §1, motion layer); `None`: the model's own.
    pub motion_layer: Option<u16>,
    /// Negative prompts count for nothing: no s⁻, no `yes`, no `none` (METHOD §6). Changes the scores alone.
    pub no_negatives: bool,
    /// α of METHOD §6 in thousandths, 0 to 1000; `None`: as it is without surgery. Changes the scores alone.
    pub alpha_thousandths: Option<u16>,
}

/// Holds gates at `thousandths`/1000: of one block and head, or of all where `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GateClamp {
    pub block: Option<usize>,
    pub head: Option<usize>,
    /// 0 to 1000.
    pub thousandths: u16,
}

impl GateClamp {
    /// Every gate at `thousandths`/1000.
    pub fn all(thousandths: u16) -> Self {
        Self { block: None, head: None, thousandths }
    }

    fn words(&self) -> String {
        let value = f32::from(self.thousandths.min(1000)) / 1000.0;
        match (self.block, self.head) {
            (None, None) => format!("all gates at {value:.2}"),
            (Some(b), None) => format!("gates of block {} at {value:.2}", b + 1),
            (None, Some(h)) => format!("gates of head {} at {value:.2}", h + 1),
            (Some(b), Some(h)) => format!("gate of block {} head {} at {value:.2}", b + 1, h + 1),
        }
    }
}

impl Surgery {
    /// Nothing is altered.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What of it changes the evidence, and not the scores alone.
    pub fn of_evidence(&self) -> Self {
        Self { no_negatives: false, alpha_thousandths: None, ..self.clone() }
    }

    /// What of it means the same in any model: not what names heads, blocks, patches or layers.
    pub fn of_any_model(&self) -> Self {
        let gates = self.gates.iter().filter(|c| c.block.is_none() && c.head.is_none()).copied().collect();
        Self { gates, frozen: Vec::new(), frozen_pixels: Vec::new(), motion_layer: None, ..self.clone() }
    }

    /// α, where it is altered.
    pub fn alpha(&self) -> Option<f32> {
        self.alpha_thousandths.map(|a| f32::from(a.min(1000)) / 1000.0)
    }

    /// Each thing that is altered, in a few words: "motion off", "all gates at 0.50".
    pub fn words(&self) -> Vec<String> {
        let switches = [
            (self.no_motion, "motion off"),
            (self.no_static, "static off"),
            (self.no_vision_adapter, "vision adapter off"),
            (self.no_joint_adapter, "joint adapter off"),
            (self.no_lifting, "learned lifting off"),
            (self.no_attention, "attention off"),
        ];
        let mut words: Vec<String> =
            switches.iter().filter(|(on, _)| *on).map(|(_, w)| (*w).to_owned()).collect();
        words.extend(self.gates.iter().map(GateClamp::words));
        let patches = |n: usize| if n == 1 { "1 patch".to_owned() } else { format!("{n} patches") };
        if !self.frozen.is_empty() {
            words.push(format!("{} frozen", patches(self.frozen.len())));
        }
        if !self.frozen_pixels.is_empty() {
            words.push(format!("pixels of {} frozen", patches(self.frozen_pixels.len())));
        }
        words.extend(self.motion_layer.map(|layer| format!("motion from layer {layer}")));
        if self.no_negatives {
            words.push("negatives off".to_owned());
        }
        words.extend(self.alpha().map(|a| format!("α {a:.2}")));
        words
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
    fn what_is_altered_is_said_in_words() {
        assert!(Surgery::default().words().is_empty());
        let surgery = Surgery {
            no_motion: true,
            gates: vec![GateClamp::all(500), GateClamp { block: Some(0), head: Some(2), thousandths: 1000 }],
            frozen: vec![4],
            frozen_pixels: vec![1, 2],
            alpha_thousandths: Some(250),
            ..Surgery::default()
        };
        let words = surgery.words().join(", ");
        let want = "motion off, all gates at 0.50, gate of block 1 head 3 at 1.00, 1 patch frozen, pixels of 2 patches \
                    frozen, α 0.25";
        assert_eq!(words, want);
        assert_eq!(surgery.of_evidence().alpha(), None);
    }

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
