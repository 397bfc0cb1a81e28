//! The bottleneck adapter of METHOD §2, which here turns what passes through and keeps its length:
//! `y = x + Up(GELU(Down(LN x)))`, `A(x) = y · ‖x‖ / ‖y‖`. The identity until it is trained.
//!
//! Why the length is kept: the maps are norms of streams: tokens that may grow make the static map show where tokens
//! grew, which training puts on what moves. In the joint space nothing changes, as unit vectors are all that leaves it.

use burn::module::{Initializer, Module};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::gelu};

/// Sizes of an [`Adapter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdapterConfig {
    /// Width of the tokens that pass through.
    pub width: usize,
    /// Width r of the bottleneck.
    pub bottleneck: usize,
}

/// One adapter. Two of them make the "dual adapter": DA_v on vision tokens, DA_j in the joint space.
#[derive(Module, Debug)]
pub struct Adapter {
    norm: LayerNorm,
    down: Linear,
    up: Linear,
}

impl AdapterConfig {
    /// `Down` starts random and `Up` at zero: the identity, but not a dead branch, as it would be with both at zero.
    pub fn init(&self, device: &Device) -> Adapter {
        Adapter {
            norm: LayerNormConfig::new(self.width).init(device),
            down: LinearConfig::new(self.width, self.bottleneck).init(device),
            up: LinearConfig::new(self.bottleneck, self.width)
                .with_initializer(Initializer::Zeros)
                .init(device),
        }
    }
}

impl Adapter {
    /// `x (…, width)` to the same shape. GELU is the exact one (erf).
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let hidden = gelu(self.down.forward(self.norm.forward(x.clone())));
        let turned = x.clone() + self.up.forward(hidden);
        // A little beside the squares keeps the gradient finite at zero. Untrained, the ratio is exactly 1.
        let squares = |v: Tensor<D>| v.square().sum_dim(D - 1) + 1e-12;
        turned.clone() * (squares(x) / squares(turned)).sqrt()
    }
}
