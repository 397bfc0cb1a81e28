//! Motion separation (METHOD §3): a learned temporal lifting transform under which whatever does not change in time
//! gives exactly no motion, for any weights.
//!
//! Each level splits the frames into even and odd ones, predicts the odd from the even (what is left over is the
//! *detail*, motion at that time scale) and updates the even by the detail (the *approximation*, half as many frames).
//! Untrained it is the Haar transform: `d = o − e`, `c = (e + o) / 2`. The learned corrections see only differences over
//! time and have no biases, and the transform is inverted by undoing its steps, whatever the weights.

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::gelu};

/// Sizes of an [`Msm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsmConfig {
    /// Token width D.
    pub width: usize,
    /// Width m of the corrections' bottleneck.
    pub bottleneck: usize,
    /// Levels L; the number of frames has to be a multiple of 2^L.
    pub levels: usize,
    /// The plain Haar transform, with nothing learned.
    pub fixed: bool,
}

/// `Δ(x) = Up(GELU(DWConv_t(Down x)))`, with Δ(0) = 0 for any weights.
#[derive(Module, Debug)]
struct Correction {
    down: Linear,
    /// Taps of the depthwise convolution over time for the frame before, the frame itself and the frame after: (3, m).
    taps: Param<Tensor<2>>,
    up: Linear,
}

impl Correction {
    fn init(width: usize, bottleneck: usize, device: &Device) -> Self {
        let identity = [0.0, 1.0, 0.0].map(|tap: f32| Tensor::<2>::full([1, bottleneck], tap, device));
        Self {
            down: LinearConfig::new(width, bottleneck).with_bias(false).init(device),
            taps: Param::from_tensor(Tensor::cat(identity.to_vec(), 0)),
            up: LinearConfig::new(bottleneck, width)
                .with_bias(false)
                .with_initializer(Initializer::Zeros)
                .init(device),
        }
    }

    /// (B,T,n,D) to the same shape.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.up.forward(gelu(self.over_time(self.down.forward(x))))
    }

    /// Depthwise convolution over time of (B,T,n,m), the first and last frame repeated at the ends: three shifted copies,
    /// each weighted per channel.
    fn over_time(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, frames, _, channels] = x.dims();
        let taps = self.taps.val();
        let tap = |i: usize| taps.clone().narrow(0, i, 1).reshape([1, 1, 1, channels]);
        if frames == 1 {
            return x * taps.clone().sum_dim(0).reshape([1, 1, 1, channels]);
        }
        let first = x.clone().narrow(1, 0, 1);
        let last = x.clone().narrow(1, frames - 1, 1);
        let before = Tensor::cat(vec![first, x.clone().narrow(1, 0, frames - 1)], 1);
        let after = Tensor::cat(vec![x.clone().narrow(1, 1, frames - 1), last], 1);
        before * tap(0) + x * tap(1) + after * tap(2)
    }
}

/// One level: the corrections ΔP of the predictor and ΔU of the update; both absent in the fixed transform.
#[derive(Module, Debug)]
struct Lifting {
    predict: Option<Correction>,
    update: Option<Correction>,
}

impl Lifting {
    /// The plain Haar step.
    fn haar() -> Self {
        Self { predict: None, update: None }
    }

    /// `c (B,T,n,D)` to the approximation and the detail, both (B,T/2,n,D).
    fn forward(&self, c: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let [batch, frames, tokens, width] = c.dims();
        let pairs = c.reshape([batch, frames / 2, 2 * tokens, width]);
        let even = pairs.clone().narrow(2, 0, tokens);
        let odd = pairs.narrow(2, tokens, tokens);
        // The difference is taken before the correction is, so equal frames leave an exact zero.
        let mut detail = odd - even.clone();
        if let Some(correction) = self.predicted(&even) {
            detail = detail - correction;
        }
        (even + self.updated(&detail), detail)
    }

    /// Undoes [`Lifting::forward`].
    fn inverse(&self, c: Tensor<4>, detail: Tensor<4>) -> Tensor<4> {
        let [batch, half, tokens, width] = c.dims();
        let even = c - self.updated(&detail);
        let mut odd = even.clone() + detail;
        if let Some(correction) = self.predicted(&even) {
            odd = odd + correction;
        }
        Tensor::cat(vec![even, odd], 2).reshape([batch, 2 * half, tokens, width])
    }

    /// `ΔP(∇e)`; `None` where it is zero anyway: in the fixed transform, and for a single step, which has no difference.
    fn predicted(&self, even: &Tensor<4>) -> Option<Tensor<4>> {
        let frames = even.dims()[1];
        let correction = self.predict.as_ref().filter(|_| frames > 1)?;
        let next = even.clone().narrow(1, 1, frames - 1);
        let this = even.clone().narrow(1, 0, frames - 1);
        let end = even.clone().narrow(1, 0, 1).zeros_like();
        Some(correction.forward(Tensor::cat(vec![next - this, end], 1)))
    }

    /// `U(d) = ½ d + ΔU(d)`.
    fn updated(&self, detail: &Tensor<4>) -> Tensor<4> {
        let half = detail.clone() * 0.5;
        match &self.update {
            Some(correction) => half + correction.forward(detail.clone()),
            None => half,
        }
    }
}

/// The lifting transform over L levels.
#[derive(Module, Debug)]
pub struct Msm {
    levels: Vec<Lifting>,
}

/// What [`Msm::forward`] gives.
#[derive(Clone, Debug)]
pub struct MsmOutput {
    /// The approximations c₀ (the input) to c_L: (B, T/2^ℓ, n, D).
    pub approximations: Vec<Tensor<4>>,
    /// The details d₁ (finest) to d_L: (B, T/2^ℓ, n, D).
    pub details: Vec<Tensor<4>>,
}

impl MsmConfig {
    pub fn init(&self, device: &Device) -> Msm {
        let correction = || (!self.fixed).then(|| Correction::init(self.width, self.bottleneck, device));
        let levels =
            (0..self.levels).map(|_| Lifting { predict: correction(), update: correction() }).collect();
        Msm { levels }
    }
}

impl Msm {
    /// `x (B,T,n,D)`, T a multiple of 2^L.
    ///
    /// The predictor of a level that has one step left (T = 2^ℓ) sees no difference over time: it has no effect there and
    /// gets no gradient.
    pub fn forward(&self, x: Tensor<4>) -> MsmOutput {
        self.forward_with(x, false)
    }

    /// As [`Msm::forward`]; `haar`: the plain Haar transform in place of the learned one.
    pub(super) fn forward_with(&self, x: Tensor<4>, haar: bool) -> MsmOutput {
        let plain = Lifting::haar();
        let mut approximations = vec![x];
        let mut details = Vec::with_capacity(self.levels.len());
        for (i, level) in self.levels.iter().enumerate() {
            let level = if haar { &plain } else { level };
            let (c, d) = level.forward(approximations[i].clone());
            approximations.push(c);
            details.push(d);
        }
        MsmOutput { approximations, details }
    }

    /// The tokens (B,T,n,D) from `approximation` c_L and the details, finest first, as [`Msm::forward`] gives them.
    pub fn inverse(&self, approximation: Tensor<4>, details: &[Tensor<4>]) -> Tensor<4> {
        self.levels.iter().zip(details).rev().fold(approximation, |c, (level, d)| level.inverse(c, d.clone()))
    }

    /// The static stream S_T (B,T,n,D): the inverse with every detail zero. The motion stream is M_T = X − S_T.
    pub fn static_stream(&self, approximation: Tensor<4>) -> Tensor<4> {
        self.static_stream_with(approximation, false)
    }

    /// As [`Msm::static_stream`], of what [`Msm::forward_with`] gave.
    pub(super) fn static_stream_with(&self, approximation: Tensor<4>, haar: bool) -> Tensor<4> {
        let plain = Lifting::haar();
        self.levels.iter().rev().fold(approximation, |c, level| {
            let still = c.zeros_like();
            let level = if haar { &plain } else { level };
            level.inverse(c, still)
        })
    }
}

impl MsmOutput {
    /// c_L (B, T/2^L, n, D), the static stream at its own rate.
    pub fn approximation(&self) -> Tensor<4> {
        self.approximations[self.approximations.len() - 1].clone()
    }

    /// L_det of METHOD §3: Huber (δ = 1) of the details, mean over levels.
    pub fn detail_loss(&self) -> Tensor<1> {
        mean_of(self.details.iter().map(|d| huber(d.clone())))
    }

    /// L_app of METHOD §3: each level should keep the mean over time, per token and channel.
    pub fn mean_loss(&self) -> Tensor<1> {
        let means: Vec<_> = self.approximations.iter().map(|c| c.clone().mean_dim(1)).collect();
        mean_of(means.windows(2).map(|pair| (pair[1].clone() - pair[0].clone()).square().mean()))
    }
}

/// Huber (δ = 1), mean over all elements: a scalar.
fn huber<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    // h(x) = a·(|x| − a/2) with a = min(|x|, 1): ½x² inside, |x| − ½ outside.
    let size = x.abs();
    let inside = size.clone().clamp_max(1.0);
    (inside.clone() * (size - inside * 0.5)).mean()
}

fn mean_of(terms: impl ExactSizeIterator<Item = Tensor<1>>) -> Tensor<1> {
    let count = terms.len() as f32;
    Tensor::cat(terms.collect(), 0).sum() / count
}
