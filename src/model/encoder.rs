//! The transformer that both CLIP towers share (METHOD §1): pre-norm layers of self-attention and a quick-GELU MLP.
//! Field names are Hugging Face's tensor names, so that weights load without a renaming table.

use super::config::TowerConfig;
use super::cpu;
use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor};
use std::time::{Duration, Instant};

/// x·sigmoid(1.702 x), OpenAI CLIP's activation.
pub fn quick_gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.clone() * sigmoid(x.mul_scalar(1.702))
}

/// Multi-head self-attention.
#[derive(Module, Debug)]
pub struct SelfAttention {
    pub(super) q_proj: Linear,
    pub(super) k_proj: Linear,
    pub(super) v_proj: Linear,
    pub(super) out_proj: Linear,
    pub(super) heads: usize,
}

impl SelfAttention {
    fn init(width: usize, heads: usize, device: &Device) -> Self {
        let linear = || LinearConfig::new(width, width).init(device);
        Self { q_proj: linear(), k_proj: linear(), v_proj: linear(), out_proj: linear(), heads }
    }

    /// `(B, n, D)` to `(B, n, D)`; with `causal` a row sees itself and the rows before it.
    fn forward(&self, x: Tensor<3>, causal: bool) -> Tensor<3> {
        let [b, n, d] = x.dims();
        let split = |y: Tensor<3>| y.reshape([b, n, self.heads, d / self.heads]).swap_dims(1, 2);
        let out = attention(
            split(self.q_proj.forward(x.clone())),
            split(self.k_proj.forward(x.clone())),
            split(self.v_proj.forward(x)),
            None,
            None,
            AttentionModuleOptions { is_causal: causal, ..Default::default() },
        );
        self.out_proj.forward(out.swap_dims(1, 2).reshape([b, n, d]))
    }
}

/// fc2(quick_gelu(fc1 x)).
#[derive(Module, Debug)]
pub struct Mlp {
    pub(super) fc1: Linear,
    pub(super) fc2: Linear,
}

/// One pre-norm layer.
#[derive(Module, Debug)]
pub struct EncoderLayer {
    pub(super) self_attn: SelfAttention,
    pub(super) layer_norm1: LayerNorm,
    pub(super) mlp: Mlp,
    pub(super) layer_norm2: LayerNorm,
    /// Both norms' ε, which they do not tell.
    pub(super) epsilon: f64,
}

impl EncoderLayer {
    fn forward(&self, x: Tensor<3>, causal: bool) -> Tensor<3> {
        let x = x.clone() + self.self_attn.forward(self.layer_norm1.forward(x), causal);
        let h = quick_gelu(self.mlp.fc1.forward(self.layer_norm2.forward(x.clone())));
        x + self.mlp.fc2.forward(h)
    }
}

/// The stack of layers.
#[derive(Module, Debug)]
pub struct Encoder {
    layers: Vec<EncoderLayer>,
}

impl Encoder {
    /// Random weights, PyTorch's default initialisation.
    pub fn init(config: &TowerConfig, device: &Device) -> Self {
        let layer = |_| EncoderLayer {
            self_attn: SelfAttention::init(config.width, config.heads, device),
            layer_norm1: layer_norm(config, device),
            mlp: Mlp {
                fc1: LinearConfig::new(config.width, config.mlp).init(device),
                fc2: LinearConfig::new(config.mlp, config.width).init(device),
            },
            layer_norm2: layer_norm(config, device),
            epsilon: config.layer_norm_eps,
        };
        Self { layers: (0..config.layers).map(layer).collect() }
    }

    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    #[cfg(test)]
    pub(super) fn layers(&self) -> &[EncoderLayer] {
        &self.layers
    }

    /// `(B, n, D)` to `(B, n, D)`.
    pub fn forward(&self, x: Tensor<3>, causal: bool) -> Tensor<3> {
        through(&self.layers, x, causal)
    }

    /// What comes out of layer `layer`, counted from 1, and of the last.
    pub fn forward_by_way_of(&self, x: Tensor<3>, layer: usize) -> (Tensor<3>, Tensor<3>) {
        let (first, rest) = self.layers.split_at(layer.min(self.layers.len()));
        let there = through(first, x, false);
        let last = through(rest, there.clone(), false);
        (there, last)
    }

    /// What goes into the last layer, and that layer; `None` where there is no layer.
    pub fn up_to_the_last(&self, x: Tensor<3>) -> Option<(Tensor<3>, &EncoderLayer)> {
        let (last, before) = self.layers.split_last()?;
        Some((through(before, x, false), last))
    }

    /// As [`Encoder::forward`], keeping the input and the output of every layer (for parity tests).
    pub fn hidden_states(&self, x: Tensor<3>, causal: bool) -> Vec<Tensor<3>> {
        let mut states = vec![x.clone()];
        let mut x = x;
        for layer in self.layers.chunks(1) {
            x = through(layer, x, causal);
            states.push(x.clone());
        }
        states
    }
}

/// `x` through these layers: on the CPU by a path of its own, on a GPU in parts that are waited for, so that a window that draws on it too
/// is never kept waiting for a whole pass.
fn through(layers: &[EncoderLayer], x: Tensor<3>, causal: bool) -> Tensor<3> {
    if let Some(x) = cpu::layers(layers, &x, causal) {
        return x;
    }
    let one = |x: Tensor<3>, layer: &EncoderLayer| {
        cpu::trained(layer, &x, causal).unwrap_or_else(|| layer.forward(x, causal))
    };
    let (mut x, mut rest, mut count) = (x, layers, 1);
    while !rest.is_empty() {
        let (part, after) = rest.split_at(count.min(rest.len()));
        let began = Instant::now();
        x = part.iter().fold(x, one);
        rest = after;
        if !rest.is_empty() {
            if let Err(why) = x.device().sync() {
                // Whoever reads the numbers is told.
                log::debug!("waiting for the device: {why}");
            }
            count = within(GPU_TURN, began.elapsed() / count as u32).max(1);
        }
    }
    x
}

/// Longest that a GPU is given work for at a time, half of a window's frame.
pub const GPU_TURN: Duration = Duration::from_millis(8);

/// How many things that take `each` fit into a time.
pub fn within(time: Duration, each: Duration) -> usize {
    (time.as_nanos() / each.as_nanos().max(1)) as usize
}

/// A LayerNorm of the tower's width and ε.
pub fn layer_norm(config: &TowerConfig, device: &Device) -> LayerNorm {
    LayerNormConfig::new(config.width).with_epsilon(config.layer_norm_eps).init(device)
}
