//! The motion head (METHOD §2–§5): from the frozen vision tokens of a clip to its embedding in the joint space, and to
//! everything that explains that embedding.
//!
//! Two streams leave the separation: the static one gives a frame's ordinary CLIP embedding, averaged over time, and the
//! motion one, informed by the static through gated attention, adds a correction to it. Untrained the correction is zero
//! and the embedding is that of plain CLIP with mean pooling.

use super::adapter::{Adapter, AdapterConfig};
use super::mab::{CoLocated, Mab, MabConfig, unit};
use super::msm::{Msm, MsmConfig, MsmOutput};
use super::surgery::Surgery;
use burn::module::{Initializer, Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// Sizes and switches of a [`MotionHead`]; stored in `motionlens.json` beside the weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// Token width D of the vision tower.
    pub width: usize,
    /// Width E of the joint space.
    pub joint: usize,
    /// Frames a clip, T: what the head was trained with. Any T that 2^L divides works.
    pub frames: usize,
    /// Lifting levels L.
    pub levels: usize,
    pub heads: usize,
    /// Bottleneck r of both adapters.
    pub bottleneck: usize,
    /// Bottleneck m of the lifting corrections.
    pub msm_bottleneck: usize,
    /// Attention blocks.
    pub blocks: usize,
    /// The vision layer, counted from 1, whose patch tokens the head reads: those of the last have seen the whole picture and
    /// move with it. Absent: the last. The class token is always the last layer's, so an untrained head is CLIP for any layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motion_layer: Option<usize>,
    /// Pooling weighs a token by how much moves there besides what w finds: evidence then lies where something moves. LN hides from
    /// w how long a token is, so without this the many tokens of a still background weigh as much as the few of the mover.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub energy_pool: bool,
    /// Ablation: without it there is no motion stream (adapters and mean pooling alone).
    #[serde(default = "yes")]
    pub msm: bool,
    /// Ablation: without it motion is pooled without attention to the static stream.
    #[serde(default = "yes")]
    pub mab: bool,
    /// Ablation: without it every gate is 1.
    #[serde(default = "yes")]
    pub gate: bool,
    /// Ablation: the plain Haar transform, nothing learned in the separation.
    #[serde(default)]
    pub fixed_haar: bool,
}

fn yes() -> bool {
    true
}

impl HeadConfig {
    /// The defaults of METHOD for a CLIP of these widths: T = 8, 3 levels, 2 blocks, m = 32, and r = 64 (32 below a
    /// width of 256).
    pub fn new(width: usize, joint: usize, heads: usize) -> Self {
        Self {
            width,
            joint,
            frames: 8,
            levels: 3,
            heads,
            bottleneck: if width < 256 { 32 } else { 64 },
            msm_bottleneck: 32,
            blocks: 2,
            motion_layer: None,
            energy_pool: false,
            msm: true,
            mab: true,
            gate: true,
            fixed_haar: false,
        }
    }

    /// What is wrong with it, in words; `Ok` if a head can be made of it.
    pub fn check(&self) -> Result<(), String> {
        let sizes = [
            ("width", self.width, 16384),
            ("joint", self.joint, 16384),
            ("frames", self.frames, 1024),
            ("levels", self.levels, 10),
            ("heads", self.heads, 1024),
            ("bottleneck", self.bottleneck, 16384),
            ("msm_bottleneck", self.msm_bottleneck, 16384),
        ];
        for (name, value, most) in sizes {
            if value == 0 || value > most {
                return Err(format!("\"{name}\" is {value}, it has to be 1 to {most}"));
            }
        }
        if self.motion_layer == Some(0) {
            return Err("\"motion_layer\" is 0, layers count from 1".to_owned());
        }
        if self.blocks > 64 {
            return Err(format!("\"blocks\" is {}, it has to be 64 at most", self.blocks));
        }
        if !self.width.is_multiple_of(self.heads) {
            return Err(format!("\"heads\" ({}) does not divide \"width\" ({})", self.heads, self.width));
        }
        if !self.frames.is_multiple_of(1 << self.levels) {
            let part = 1 << self.levels;
            return Err(format!("\"frames\" ({}) is not a multiple of 2^levels ({part})", self.frames));
        }
        Ok(())
    }

    /// Motion steps of a clip of `frames` frames, K = T(1 − 2^−L): level 1 first, in time order within a level.
    pub fn steps(&self, frames: usize) -> usize {
        frames - (frames >> self.levels)
    }

    pub fn init(&self, device: &Device) -> MotionHead {
        let (d, e) = (self.width, self.joint);
        let zero = |from: usize, to: usize| {
            LinearConfig::new(from, to).with_initializer(Initializer::Zeros).init(device)
        };
        let block = MabConfig { width: d, heads: self.heads, gated: self.gate };
        let blocks = if self.mab { self.blocks } else { 0 };
        let motion = self.msm.then(|| MotionPath {
            level: Param::from_tensor(Tensor::random(
                [self.levels, d],
                Distribution::Normal(0.0, 0.02),
                device,
            )),
            blocks: (0..blocks).map(|_| block.init(device)).collect(),
            pool_norm: LayerNormConfig::new(d).init(device),
            pool_score: zero(d, 1),
            energy: self.energy_pool,
            project: zero(d, e),
        });
        MotionHead {
            da_v: AdapterConfig { width: d, bottleneck: self.bottleneck }.init(device),
            da_j: AdapterConfig { width: e, bottleneck: self.bottleneck }.init(device),
            msm: MsmConfig {
                width: d,
                bottleneck: self.msm_bottleneck,
                levels: self.levels,
                fixed: self.fixed_haar || !self.msm,
            }
            .init(device),
            motion,
            frames: self.frames,
        }
    }
}

/// What only the motion stream has; absent in the ablation without it.
#[derive(Module, Debug)]
pub struct MotionPath {
    /// A learned vector a level (L,D).
    level: Param<Tensor<2>>,
    blocks: Vec<Mab>,
    pool_norm: LayerNorm,
    /// w of METHOD §5; zero at first: every token weighs the same.
    pool_score: Linear,
    /// [`HeadConfig::energy_pool`]
    energy: bool,
    /// W_m, b_m of METHOD §5; zero at first.
    project: Linear,
}

/// The head. Only these tensors train; `visual_projection` is CLIP's own and stays with it.
#[derive(Module, Debug)]
pub struct MotionHead {
    da_v: Adapter,
    da_j: Adapter,
    msm: Msm,
    motion: Option<MotionPath>,
    frames: usize,
}

/// One forward pass over B clips.
#[derive(Clone, Debug)]
pub struct HeadOutput {
    /// f (B,E), unit norm.
    pub embedding: Tensor<2>,
    /// The static part of the embedding before DA_j (B,E).
    pub v_s: Tensor<2>,
    /// The motion part of it (B,E); zero without a motion path.
    pub v_m: Tensor<2>,
    /// X after DA_v (c₀), the approximations and details.
    pub streams: MsmOutput,
    /// Gates per block (B,h,K,n).
    pub gates: Vec<Tensor<4>>,
    /// Pool weights (B,K,n), sum 1 per clip; `None` without a motion path.
    pub pool: Option<Tensor<3>>,
    /// M after the last block (B,K,n,D) and the unit static tokens in the same place; `None` without a motion path.
    pub motion: Option<(Tensor<4>, CoLocated)>,
}

impl MotionHead {
    /// `x (B,T,n,D)`: tokens as [`VisionModel::tokens`](super::vision::VisionModel::tokens) gives them, T a multiple of 2^L; `visual_projection`: CLIP's, (D to E).
    pub fn forward(&self, x: Tensor<4>, visual_projection: &Linear) -> HeadOutput {
        self.forward_with(x, visual_projection, &Surgery::default())
    }

    /// As [`MotionHead::forward`], with the parts altered that `surgery` names.
    pub fn forward_with(&self, x: Tensor<4>, visual_projection: &Linear, surgery: &Surgery) -> HeadOutput {
        let x = surgery.freeze(x);
        let x = if surgery.no_vision_adapter { x } else { self.da_v.forward(x) };
        let streams = self.msm.forward_with(x, surgery.no_lifting);
        let c = streams.approximation();
        let [batch, _, _, width] = c.dims();
        let class_token = c.clone().narrow(2, 0, 1).mean_dim(1).reshape([batch, width]);
        let mut v_s = visual_projection.forward(class_token);
        if surgery.no_static {
            v_s = v_s.zeros_like();
        }

        let mut gates = Vec::new();
        let Some(path) = &self.motion else {
            let v_m = v_s.zeros_like();
            let embedding = self.joint_with(v_s.clone(), surgery);
            return HeadOutput { embedding, v_s, v_m, streams, gates, pool: None, motion: None };
        };
        let (mut motion, still, along) = self.motion_tokens(path, &streams);
        let blocks = if surgery.no_attention { &[][..] } else { &path.blocks };
        for (i, block) in blocks.iter().enumerate() {
            let held = if surgery.gates.is_empty() { Vec::new() } else { surgery.held(i, block.heads()) };
            let out = block.forward_with(motion, still.clone(), along.clone(), &held);
            motion = out.motion;
            gates.push(out.gates);
        }
        let (pooled, pool) = path.pool(motion.clone(), &streams);
        let mut v_m = path.project.forward(pooled);
        if surgery.no_motion {
            v_m = v_m.zeros_like();
        }
        let embedding = self.joint_with(v_s.clone() + v_m.clone(), surgery);
        HeadOutput { embedding, v_s, v_m, streams, gates, pool: Some(pool), motion: Some((motion, along)) }
    }

    /// DA_v and the lifting transform alone: `x (B,T,n,D)`.
    pub fn separate(&self, x: Tensor<4>) -> MsmOutput {
        self.msm.forward(self.da_v.forward(x))
    }

    /// S_T (B,T,n,D), for the maps; the motion stream is `streams.approximations[0] − S_T`.
    pub fn static_stream(&self, streams: &MsmOutput) -> Tensor<4> {
        self.msm.static_stream(streams.approximation())
    }

    /// As [`MotionHead::static_stream`], of what [`MotionHead::forward_with`] gave.
    pub fn static_stream_with(&self, streams: &MsmOutput, surgery: &Surgery) -> Tensor<4> {
        self.msm.static_stream_with(streams.approximation(), surgery.no_lifting)
    }

    /// DA_j and normalisation, the same weights for video and text: `(C,E)` to unit rows. Of a text embedding METHOD §6
    /// wants the mean of the normalised prompts here.
    pub fn joint(&self, v: Tensor<2>) -> Tensor<2> {
        unit(self.da_j.forward(v))
    }

    /// As [`MotionHead::joint`]; where `surgery` leaves DA_j out, the normalisation alone.
    fn joint_with(&self, v: Tensor<2>, surgery: &Surgery) -> Tensor<2> {
        if surgery.no_joint_adapter { unit(v) } else { self.joint(v) }
    }

    /// Where the motion token at `step` (of K) and `token` (of n) looks among the static tokens, per block: (B,h,Nk), with
    /// Nk = T/2^L · n in time order. Each row sums to 1. Empty without blocks.
    pub fn attention_rows(&self, x: Tensor<4>, step: usize, token: usize) -> Vec<Tensor<3>> {
        self.attention_rows_with(x, step, token, &Surgery::default())
    }

    /// As [`MotionHead::attention_rows`], with the parts altered that `surgery` names.
    pub fn attention_rows_with(
        &self,
        x: Tensor<4>,
        step: usize,
        token: usize,
        surgery: &Surgery,
    ) -> Vec<Tensor<3>> {
        let Some(path) = &self.motion else { return Vec::new() };
        let x = surgery.freeze(x);
        let x = if surgery.no_vision_adapter { x } else { self.da_v.forward(x) };
        let streams = self.msm.forward_with(x, surgery.no_lifting);
        let (mut motion, still, along) = self.motion_tokens(path, &streams);
        let mut rows = Vec::with_capacity(path.blocks.len());
        for (i, block) in path.blocks.iter().enumerate() {
            rows.push(block.attention_rows(motion.clone(), still.clone(), step, token));
            let held = if surgery.gates.is_empty() { Vec::new() } else { surgery.held(i, block.heads()) };
            motion = block.forward_with(motion, still.clone(), along.clone(), &held).motion;
        }
        rows
    }

    /// M (B,K,n,D), the static tokens (B,Nk,D), and the unit static token in each motion token's place.
    fn motion_tokens(&self, path: &MotionPath, streams: &MsmOutput) -> (Tensor<4>, Tensor<3>, CoLocated) {
        let c = streams.approximation();
        let [batch, blocks_of_time, tokens, width] = c.dims();
        let levels = streams.details.len();
        let frames = blocks_of_time << levels;
        let level = path.level.val();
        let details: Vec<_> = streams
            .details
            .iter()
            .enumerate()
            .map(|(i, d)| d.clone() + level.clone().narrow(0, i, 1).reshape([1, 1, 1, width]))
            .collect();
        let times = time_codes(frames, levels, self.frames, width, &c.device());
        let motion = Tensor::cat(details, 1) + times;

        let still = unit(c.clone());
        let along = if blocks_of_time == 1 {
            still
        } else {
            let repeat = |times: usize| {
                still
                    .clone()
                    .reshape([batch, blocks_of_time, 1, tokens * width])
                    .repeat_dim(2, times)
                    .reshape([batch, blocks_of_time * times, tokens, width])
            };
            Tensor::cat((1..=levels).map(|l| repeat(1 << (levels - l))).collect(), 1)
        };
        (motion, c.reshape([batch, blocks_of_time * tokens, width]), along)
    }
}

impl MotionPath {
    /// METHOD §5: `m (B,K,n,D)` to Σ aᵢ LN(Mᵢ) (B,D) and the weights a (B,K,n). `streams`: what M was made of.
    fn pool(&self, m: Tensor<4>, streams: &MsmOutput) -> (Tensor<2>, Tensor<3>) {
        let [batch, steps, tokens, width] = m.dims();
        let normed = self.pool_norm.forward(m).reshape([batch, steps * tokens, width]);
        let mut scores = self.pool_score.forward(normed.clone()).reshape([batch, 1, steps * tokens]);
        if self.energy {
            let sizes: Vec<_> = streams.details.iter().map(|d| d.clone().square().sum_dim(3)).collect();
            let size = Tensor::cat(sizes, 1).detach().sqrt().reshape([batch, 1, steps * tokens]);
            let share = size.clone() / (size.mean_dim(2) + 1e-6);
            scores = scores + (share + STILL_SHARE).log();
        }
        let weights = softmax(scores, 2);
        let pooled = weights.clone().matmul(normed).reshape([batch, width]);
        (pooled, weights.reshape([batch, steps, tokens]))
    }
}

impl HeadOutput {
    /// L_dec of METHOD §4: mean cos²(M, co-located static token); zero without a motion path.
    pub fn decoupling_loss(&self) -> Tensor<1> {
        match &self.motion {
            Some((motion, along)) => (unit(motion.clone()) * along.clone()).sum_dim(3).square().mean(),
            None => Tensor::zeros([1], &self.embedding.device()),
        }
    }

    /// L_det of METHOD §3.
    pub fn detail_loss(&self) -> Tensor<1> {
        self.streams.detail_loss()
    }

    /// L_app of METHOD §3.
    pub fn mean_loss(&self) -> Tensor<1> {
        self.streams.mean_loss()
    }
}

/// What a token that does not move weighs, with [`HeadConfig::energy_pool`], beside one that moves as the mean does. Where nothing
/// moves at all, all weigh the same.
const STILL_SHARE: f32 = 1e-2;

/// Amplitude of the time code: enough to tell times apart where nothing moves, small against a detail that does.
const TIME_CODE: f32 = 0.1;

/// Sinusoids (1,K,1,D) of each step's window centre. Time is measured in frames of a clip of `trained` frames, so that a
/// step at the middle of a clip has the same code however many frames were sampled.
fn time_codes(frames: usize, levels: usize, trained: usize, width: usize, device: &Device) -> Tensor<4> {
    let mut data = Vec::new();
    for level in 1..=levels {
        let span = 1usize << level;
        for step in 0..frames / span {
            let centre = (step as f32 + 0.5) * span as f32 * trained as f32 / frames as f32;
            data.extend((0..width).map(|i| {
                let angle = centre / 10_000f32.powf((i / 2 * 2) as f32 / width as f32);
                TIME_CODE * if i % 2 == 0 { angle.sin() } else { angle.cos() }
            }));
        }
    }
    let steps = data.len() / width;
    Tensor::from_data(TensorData::new(data, [1, steps, 1, width]), device)
}
