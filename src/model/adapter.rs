//! The bottleneck adapter of METHOD §2: `A(x) = x + Up(GELU(Down(LN x)))`, the identity until it is trained.

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
        x + self.up.forward(hidden)
    }
}
