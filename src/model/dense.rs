//! Dense readings of the last vision layer: what its patches say in CLIP's joint space, where CLIP trains the class token alone.
//!
//! The attention of the last layer gathers what the class token needs, wherever it lies: a patch's own token then says
//! more about other places than about itself. Every reading here keeps all that comes before the last layer, and its
//! weights, and changes what a patch attends to in it (METHOD §9a names the sources).

use super::encoder::{EncoderLayer, SelfAttention, quick_gelu};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// What a token of the last layer attends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attending {
    /// As CLIP does: q·kᵀ.
    Clip,
    /// To itself alone: the values as they are (MaskCLIP).
    Itself,
    /// By q·qᵀ and by k·kᵀ, both together (SCLIP).
    Correlated,
    /// By v·vᵀ (the attention of CLIP Surgery).
    Values,
    /// By k·kᵀ, more to patches nearby (NACLIP).
    Neighbours,
}

/// A reading of the last layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reading {
    pub attending: Attending,
    /// The layer's residual connection and MLP are kept; else its attention's output alone is read.
    pub whole: bool,
}

impl Reading {
    /// The patch tokens as CLIP leaves them.
    pub const CLIP: Self = Self { attending: Attending::Clip, whole: true };

    /// The one whose maps are shown: of all, it points best (METHOD §9a).
    pub const SHOWN: Self = Self { attending: Attending::Values, whole: false };

    /// Every reading.
    pub const ALL: [Self; 10] = {
        use Attending::{Clip, Correlated, Itself, Neighbours, Values};
        const fn of(attending: Attending, whole: bool) -> Reading {
            Reading { attending, whole }
        }
        [
            of(Clip, true),
            of(Clip, false),
            of(Itself, true),
            of(Itself, false),
            of(Correlated, true),
            of(Correlated, false),
            of(Values, true),
            of(Values, false),
            of(Neighbours, true),
            of(Neighbours, false),
        ]
    };

    /// In a few words.
    pub fn words(self) -> &'static str {
        match (self.attending, self.whole) {
            (Attending::Clip, true) => "patch tokens as CLIP leaves them",
            (Attending::Clip, false) => "CLIP's last attention alone",
            (Attending::Itself, true) => "each patch attending to itself",
            (Attending::Itself, false) => "values of the last layer",
            (Attending::Correlated, true) => "q·q + k·k attention",
            (Attending::Correlated, false) => "q·q + k·k attention alone",
            (Attending::Values, true) => "v·v attention",
            (Attending::Values, false) => "v·v attention alone",
            (Attending::Neighbours, true) => "k·k attention to neighbours",
            (Attending::Neighbours, false) => "k·k attention to neighbours alone",
        }
    }
}

/// NACLIP's σ, 5 patches on a grid of 14 a side; on another grid in proportion.
const SIGMA: f32 = 5.0 / 14.0;

/// What is added to the logits of the attention between n = grid² + 1 tokens (1,1,n,n): 1 at a patch's own place and less the
/// farther away; nothing for the class token, which is nowhere.
fn nearness(grid: usize, device: &Device) -> Tensor<4> {
    let n = grid * grid + 1;
    let sigma = SIGMA * grid as f32;
    let at = |p: usize| ((p / grid) as f32, (p % grid) as f32);
    let near = |i: usize, j: usize| {
        if i == 0 || j == 0 {
            return 0.0;
        }
        let ((a, b), (c, d)) = (at(i - 1), at(j - 1));
        (-((a - c).powi(2) + (b - d).powi(2)) / (2.0 * sigma * sigma)).exp()
    };
    let data: Vec<f32> = (0..n * n).map(|i| near(i / n, i % n)).collect();
    Tensor::from_data(TensorData::new(data, [1, 1, n, n]), device)
}

impl SelfAttention {
    /// `(B, n, D)` to `(B, n, D)`, attending in another way. Patches lie on a square grid, the class token comes first.
    fn attend(&self, x: Tensor<3>, attending: Attending) -> Tensor<3> {
        let [b, n, d] = x.dims();
        let split = |y: Tensor<3>| y.reshape([b, n, self.heads, d / self.heads]).swap_dims(1, 2);
        let scale = ((d / self.heads) as f32).sqrt().recip();
        let like = |a: Tensor<4>, b: Tensor<4>| (a * scale).matmul(b.transpose());
        let q = || split(self.q_proj.forward(x.clone()));
        let k = || split(self.k_proj.forward(x.clone()));
        let v = split(self.v_proj.forward(x.clone()));
        let alike = |y: Tensor<4>| like(y.clone(), y);
        let weights = match attending {
            Attending::Itself => None,
            Attending::Clip => Some(softmax(like(q(), k()), 3)),
            Attending::Correlated => Some(softmax(alike(q()), 3) + softmax(alike(k()), 3)),
            Attending::Values => Some(softmax(alike(v.clone()), 3)),
            Attending::Neighbours => Some(softmax(alike(k()) + nearness((n - 1).isqrt(), &x.device()), 3)),
        };
        let out = match weights {
            Some(weights) => weights.matmul(v),
            None => v,
        };
        self.out_proj.forward(out.swap_dims(1, 2).reshape([b, n, d]))
    }
}

impl EncoderLayer {
    /// The layer on its input `(B, n, D)`, read in this way.
    pub(super) fn read(&self, x: Tensor<3>, reading: Reading) -> Tensor<3> {
        let attended = self.self_attn.attend(self.layer_norm1.forward(x.clone()), reading.attending);
        if !reading.whole {
            return attended;
        }
        let x = x + attended;
        let h = quick_gelu(self.mlp.fc1.forward(self.layer_norm2.forward(x.clone())));
        x + self.mlp.fc2.forward(h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearness_is_one_at_home_and_falls_with_distance_alone() {
        let near = nearness(4, &Device::default()).into_data().try_to_vec::<f32>().unwrap();
        let at = |i: usize, j: usize| near[i * 17 + j];
        assert!((0..17).all(|j| at(0, j) == 0.0 && at(j, 0) == 0.0), "the class token is nowhere");
        assert!((1..17).all(|i| at(i, i) == 1.0));
        assert_eq!(at(1, 2), at(1, 5));
        assert!(at(1, 2) > at(1, 6) && at(1, 6) > at(1, 16) && at(1, 16) > 0.0);
    }
}
