//! Motion attention (METHOD §4): motion tokens look at the static ones by cross-attention, through a gate per token and
//! head, and what they take is stripped of the component along the static token in the same place, so that static
//! content informs motion without being mixed back into it.

use super::surgery::hold;
use burn::module::{Initializer, Module};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, sigmoid, softmax};
use burn::tensor::{Device, Tensor};

/// Sizes of a [`Mab`] block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MabConfig {
    /// Token width D, a multiple of `heads`.
    pub width: usize,
    pub heads: usize,
    /// Without it every gate is 1.
    pub gated: bool,
}

/// One block.
#[derive(Module, Debug)]
pub struct Mab {
    norm_motion: LayerNorm,
    norm_static: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    gate: Option<Linear>,
    out: Linear,
    norm_ffn: LayerNorm,
    ffn_in: Linear,
    ffn_out: Linear,
    heads: usize,
}

/// The static tokens that belong to each motion token, normalised: (B,K,n,D), or (B,1,n,D) where one step serves all.
pub type CoLocated = Tensor<4>;

/// What one [`Mab`] block gives.
#[derive(Clone, Debug)]
pub struct MabOutput {
    /// The motion tokens after the block (B,K,n,D).
    pub motion: Tensor<4>,
    /// The gates (B,h,K,n) in (0,1).
    pub gates: Tensor<4>,
}

impl MabConfig {
    /// The output projections start at zero, so an untrained block is the identity; the gates start at one half. Never both
    /// zero: the branch would get no gradient.
    pub fn init(&self, device: &Device) -> Mab {
        let d = self.width;
        let linear = |to: usize| LinearConfig::new(d, to).init(device);
        let zero = |from: usize, to: usize| {
            LinearConfig::new(from, to).with_initializer(Initializer::Zeros).init(device)
        };
        let norm = || LayerNormConfig::new(d).init(device);
        Mab {
            norm_motion: norm(),
            norm_static: norm(),
            query: linear(d),
            key: linear(d),
            value: linear(d),
            gate: self.gated.then(|| zero(d, self.heads)),
            out: zero(d, d),
            norm_ffn: norm(),
            ffn_in: linear(2 * d),
            ffn_out: zero(2 * d, d),
            heads: self.heads,
        }
    }
}

impl Mab {
    pub(super) fn heads(&self) -> usize {
        self.heads
    }

    /// `motion (B,K,n,D)`, `still (B,Nk,D)`: the static tokens as keys and values, `along`: see [`CoLocated`].
    pub fn forward(&self, motion: Tensor<4>, still: Tensor<3>, along: CoLocated) -> MabOutput {
        self.forward_with(motion, still, along, &[])
    }

    /// As [`Mab::forward`]; `held`: a head's gate at that value (see [`super::Surgery`]).
    pub(super) fn forward_with(
        &self,
        motion: Tensor<4>,
        still: Tensor<3>,
        along: CoLocated,
        held: &[Option<f32>],
    ) -> MabOutput {
        let [batch, steps, tokens, _] = motion.dims();
        let (delta, gates) = self.take_with(motion.clone(), still, held);
        let motion = motion + without_component(delta, along);
        let ffn = self.ffn_out.forward(gelu(self.ffn_in.forward(self.norm_ffn.forward(motion.clone()))));
        let gates = gates.reshape([batch, steps, tokens, self.heads]).permute([0, 3, 1, 2]);
        MabOutput { motion: motion + ffn, gates }
    }

    /// Δ (B,K,n,D), what the motion tokens take from the static ones before the projection, and the gates (B,K·n,h).
    pub fn take(&self, motion: Tensor<4>, still: Tensor<3>) -> (Tensor<4>, Tensor<3>) {
        self.take_with(motion, still, &[])
    }

    fn take_with(&self, motion: Tensor<4>, still: Tensor<3>, held: &[Option<f32>]) -> (Tensor<4>, Tensor<3>) {
        let [batch, steps, tokens, width] = motion.dims();
        let queries = steps * tokens;
        let normed = self.norm_motion.forward(motion).reshape([batch, queries, width]);
        let still = self.norm_static.forward(still);
        let weights = self.weights(normed.clone(), still.clone());
        let value = self.split(self.value.forward(still));
        let taken = weights.matmul(value).swap_dims(1, 2);
        let gates = match &self.gate {
            Some(gate) => sigmoid(gate.forward(normed)),
            None => Tensor::ones([batch, queries, self.heads], &normed.device()),
        };
        let gates = hold(gates, held);
        let ungated = self.gate.is_none() && held.is_empty();
        let taken = if ungated { taken } else { taken * gates.clone().unsqueeze_dim::<4>(3) };
        (self.out.forward(taken.reshape([batch, steps, tokens, width])), gates)
    }

    /// The attention rows (B,h,Nk) of the motion token at `step` and `token`; each row sums to 1.
    pub fn attention_rows(
        &self,
        motion: Tensor<4>,
        still: Tensor<3>,
        step: usize,
        token: usize,
    ) -> Tensor<3> {
        let [batch, _, _, width] = motion.dims();
        let one = motion.narrow(1, step, 1).narrow(2, token, 1).reshape([batch, 1, width]);
        let weights = self.weights(self.norm_motion.forward(one), self.norm_static.forward(still));
        weights.squeeze_dim::<3>(2)
    }

    /// softmax(Q Kᵀ / √dh) (B,h,Nq,Nk) from normalised motion (B,Nq,D) and static tokens (B,Nk,D).
    fn weights(&self, motion: Tensor<3>, still: Tensor<3>) -> Tensor<4> {
        let query = self.split(self.query.forward(motion));
        let key = self.split(self.key.forward(still));
        let scale = (query.dims()[3] as f32).sqrt().recip();
        softmax((query * scale).matmul(key.transpose()), 3)
    }

    /// (B,N,D) to (B,h,N,D/h).
    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, tokens, width] = x.dims();
        x.reshape([batch, tokens, self.heads, width / self.heads]).swap_dims(1, 2)
    }
}

/// Δ⊥ = Δ − ⟨Δ,ŝ⟩ŝ.
pub fn without_component(delta: Tensor<4>, along: CoLocated) -> Tensor<4> {
    let component = (delta.clone() * along.clone()).sum_dim(3);
    delta - component * along
}

/// ŝ: unit vectors along the last axis; a zero vector stays zero.
pub fn unit<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let size = x.clone().square().sum_dim(D - 1).add_scalar(1e-12).sqrt();
    x / size
}
