//! From the motion head's tensors to the maps that are drawn (METHOD §3, §4), patch tokens only.
//!
//! Norms are taken on the device and everything comes back in one transaction; the rest is arithmetic on a few thousand
//! numbers. A motion step of level ℓ covers 2^ℓ frames: a gate or a detail is shown on each of them, a pooling weight is
//! shared out among them.

use super::Basis;
use crate::model::head::HeadOutput;
use burn::tensor::{ElementConversion, Tensor, TensorData, Transaction};

/// Added to ‖X‖ in the motion ratio; tokens are layer-normalised, so their norm is about √D.
const EPSILON: f32 = 1e-6;

/// Values over the patch grid for every frame: `data[(t * rows + r) * cols + c]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    pub frames: usize,
    pub rows: usize,
    pub cols: usize,
    pub data: Vec<f32>,
}

impl Map {
    /// The values of one frame, row-major.
    pub fn frame(&self, t: usize) -> &[f32] {
        let n = self.rows * self.cols;
        &self.data[t * n..(t + 1) * n]
    }

    /// Smallest and largest value over the clip.
    pub fn range(&self) -> (f32, f32) {
        self.data.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)))
    }
}

/// The value that this share of all values in `maps` stays below; 0 without values.
pub fn quantile<'a>(maps: impl Iterator<Item = &'a Map>, share: f32) -> f32 {
    let mut values: Vec<f32> = maps.flat_map(|m| m.data.iter().copied()).collect();
    let place = (values.len().saturating_sub(1) as f32 * share).round() as usize;
    if values.is_empty() {
        return 0.0;
    }
    let (_, value, _) = values.select_nth_unstable_by(place, f32::total_cmp);
    *value
}

/// Every map that METHOD names for visualisation, for one clip. Patch tokens only; T frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maps {
    /// ‖M_T‖₂ / (‖X‖₂ + ε), relative energy of the motion stream.
    pub motion: Map,
    /// ‖S_T‖₂ of the static stream.
    pub static_energy: Map,
    /// S_T as colours, each channel 0–1: three maps (r, g, b).
    pub static_rgb: [Map; 3],
    /// Motion energy ‖M_T‖₂ minus static deviation, both as standard scores over the clip.
    pub signed: Map,
    /// Pool weights spread over the frames that each step covers; sums to the patch share of the pooling.
    pub evidence: Map,
    /// Gate values by block, then head, each (T, rows, cols) in 0–1.
    pub gates: Vec<Vec<Map>>,
    /// Mean of `gates` over blocks and heads.
    pub gate: Map,
    /// ‖d_ℓ‖ / (‖X‖₂ + ε) per level, finest first; ‖X‖ is the mean over the frames that the step covers.
    pub levels: Vec<Map>,
}

impl Maps {
    /// Those of frame `t` alone; `None` where there is no such frame.
    pub fn only(&self, t: usize) -> Option<Self> {
        (t < self.motion.frames)
            .then(|| self.each(&|map| Map { frames: 1, data: map.frame(t).to_vec(), ..*map }))
    }

    /// Part of the way from these maps to `other`, of the same model and as many frames: 0 is these, 1 the other.
    pub fn towards(&self, other: &Self, part: f32) -> Self {
        let mut mixed = self.clone();
        mixed.all_mut().zip(other.all()).for_each(|(a, b)| {
            a.data.iter_mut().zip(&b.data).for_each(|(a, b)| *a += (b - *a) * part);
        });
        mixed
    }

    fn all(&self) -> impl Iterator<Item = &Map> {
        [&self.motion, &self.static_energy, &self.signed, &self.evidence, &self.gate]
            .into_iter()
            .chain(&self.static_rgb)
            .chain(self.gates.iter().flatten())
            .chain(&self.levels)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Map> {
        [&mut self.motion, &mut self.static_energy, &mut self.signed, &mut self.evidence, &mut self.gate]
            .into_iter()
            .chain(&mut self.static_rgb)
            .chain(self.gates.iter_mut().flatten())
            .chain(&mut self.levels)
    }

    fn each(&self, f: &dyn Fn(&Map) -> Map) -> Self {
        Self {
            motion: f(&self.motion),
            static_energy: f(&self.static_energy),
            static_rgb: self.static_rgb.each_ref().map(f),
            signed: f(&self.signed),
            evidence: f(&self.evidence),
            gates: self.gates.iter().map(|b| b.iter().map(f).collect()).collect(),
            gate: f(&self.gate),
            levels: self.levels.iter().map(f).collect(),
        }
    }

    /// Bytes that the maps take.
    pub fn bytes(&self) -> usize {
        self.all().map(|map| size_of_val(&*map.data)).sum()
    }
}

/// What comes back from the device for one clip.
pub(super) struct Readings {
    pub embedding: Vec<f32>,
    pub v_s: Vec<f32>,
    pub v_m: Vec<f32>,
    /// ‖M_T‖ and ‖X‖ (T,n).
    pub motion: Vec<f32>,
    size: Vec<f32>,
    /// S_T (T',n,D); T' is 1 where the stream does not change in time.
    still: Vec<f32>,
    /// ‖d_ℓ‖ (T/2^ℓ,n), finest first.
    details: Vec<Vec<f32>>,
    /// (h,K,n) a block.
    gates: Vec<Vec<f32>>,
    /// (K,n)
    pool: Option<Vec<f32>>,
    shape: Shape,
}

/// Shape of one clip.
#[derive(Clone, Copy, Debug)]
struct Shape {
    frames: usize,
    /// n, the class token included.
    tokens: usize,
    width: usize,
    heads: usize,
    levels: usize,
}

/// Reads back what the maps of one clip (B = 1) are made of, in one transaction. `still`: S_T (1,T,n,D). The error is the
/// device's.
pub(super) fn read(output: &HeadOutput, still: Tensor<4>, heads: usize) -> Result<Readings, String> {
    let x = output.streams.approximations[0].clone();
    let [_, frames, tokens, width] = x.dims();
    let shape = Shape { frames, tokens, width, heads, levels: output.streams.details.len() };

    let motion = norm(x.clone() - still.clone());
    // With a single step of the slowest scale the static stream is the same in every frame.
    let steady = output.streams.approximation().dims()[1] == 1;
    let still = if steady { still.narrow(1, 0, 1) } else { still };

    let mut all = Transaction::default()
        .register(output.embedding.clone())
        .register(output.v_s.clone())
        .register(output.v_m.clone())
        .register(motion)
        .register(norm(x))
        .register(still);
    for d in &output.streams.details {
        all = all.register(norm(d.clone()));
    }
    for gates in &output.gates {
        all = all.register(gates.clone());
    }
    if let Some(pool) = &output.pool {
        all = all.register(pool.clone());
    }
    let mut data = all.try_execute().map_err(|e| format!("reading the result back failed: {e}"))?.into_iter();
    let mut next = || floats(data.next());
    Ok(Readings {
        embedding: next()?,
        v_s: next()?,
        v_m: next()?,
        motion: next()?,
        size: next()?,
        still: next()?,
        details: output.streams.details.iter().map(|_| next()).collect::<Result<_, _>>()?,
        gates: output.gates.iter().map(|_| next()).collect::<Result<_, _>>()?,
        pool: output.pool.as_ref().map(|_| next()).transpose()?,
        shape,
    })
}

fn norm(x: Tensor<4>) -> Tensor<4> {
    x.square().sum_dim(3).sqrt()
}

fn floats(data: Option<TensorData>) -> Result<Vec<f32>, String> {
    let data = data.ok_or("the device gave back too few tensors")?;
    Ok(data.iter::<f32>().map(|v| v.elem()).collect())
}

impl Readings {
    /// The static stream's patch tokens, step by step.
    fn still_tokens(&self) -> Vec<&[f32]> {
        let Shape { tokens, width, .. } = self.shape;
        self.still.chunks_exact(tokens * width).flat_map(|s| s[width..].chunks_exact(width)).collect()
    }

    /// The colours of this clip's static stream.
    pub fn basis(&self) -> Basis {
        Basis::fit(&self.still_tokens())
    }

    /// The maps over square frames of `grid`² patches.
    pub fn maps(&self, grid: usize, basis: &Basis) -> Maps {
        let Shape { frames, tokens, heads, levels, .. } = self.shape;
        let patches = tokens - 1;
        let map = |value: &dyn Fn(usize, usize) -> f32| Map {
            frames,
            rows: grid,
            cols: grid,
            data: (0..frames)
                .flat_map(|t| (0..patches).map(move |p| (t, p)))
                .map(|(t, p)| value(t, p))
                .collect(),
        };
        // Every array is (time, tokens) with the class token first.
        let at = |data: &[f32], step: usize, p: usize| data[step * tokens + 1 + p];

        let still = self.still_tokens();
        let steps = (still.len() / patches.max(1)).max(1);
        // Where in `still` the token of frame `t` is.
        let place = |t: usize, p: usize| t / (frames / steps).max(1) * patches + p;
        let colours: Vec<[f32; 3]> = still.iter().map(|token| basis.colour(token)).collect();
        let contrast = contrast(&still);

        let gate_of = |block: &[f32], head: usize| {
            map(&|t, p| {
                let steps = steps_over(t, frames, levels);
                let all: f32 = steps
                    .iter()
                    .map(|(k, _)| block[(head * (block.len() / (heads * tokens)) + k) * tokens + 1 + p])
                    .sum();
                all / steps.len() as f32
            })
        };
        let gates: Vec<Vec<Map>> =
            self.gates.iter().map(|block| (0..heads).map(|h| gate_of(block, h)).collect()).collect();
        let count = gates.iter().map(Vec::len).sum::<usize>().max(1) as f32;
        let gate = map(&|t, p| gates.iter().flatten().map(|g| g.data[t * patches + p]).sum::<f32>() / count);

        let evidence = map(&|t, p| match &self.pool {
            Some(pool) => {
                steps_over(t, frames, levels).iter().map(|(k, span)| at(pool, *k, p) / *span as f32).sum()
            }
            None => 0.0,
        });
        let level = |(l, d): (usize, &Vec<f32>)| {
            let span = 2 << l;
            map(&|t, p| {
                let step = t / span;
                let size: f32 = (step * span..(step + 1) * span).map(|t| at(&self.size, t, p)).sum();
                at(d, step, p) / (size / span as f32 + EPSILON)
            })
        };
        let signed = signed(
            &map(&|t, p| at(&self.motion, t, p)),
            &map(&|t, p| contrast[place(t, p)]),
            self.size.iter().sum::<f32>() / self.size.len().max(1) as f32,
        );
        Maps {
            motion: map(&|t, p| at(&self.motion, t, p) / (at(&self.size, t, p) + EPSILON)),
            static_energy: map(&|t, p| dot(still[place(t, p)], still[place(t, p)]).sqrt()),
            static_rgb: [0, 1, 2].map(|c| map(&|t, p| colours[place(t, p)][c])),
            signed,
            evidence,
            gates,
            gate,
            levels: self.details.iter().enumerate().map(level).collect(),
        }
    }
}

/// The distance of each token from the mean token.
fn contrast(tokens: &[&[f32]]) -> Vec<f32> {
    let width = tokens.first().map_or(0, |t| t.len());
    let mut mean = vec![0.0f64; width];
    for token in tokens {
        mean.iter_mut().zip(*token).for_each(|(m, v)| *m += f64::from(*v) / tokens.len() as f64);
    }
    let distance = |token: &&[f32]| {
        token.iter().zip(&mean).map(|(v, m)| (f64::from(*v) - m).powi(2)).sum::<f64>().sqrt() as f32
    };
    tokens.iter().map(distance).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The motion steps that cover frame `t`, one a level: their place among the K steps and the frames each covers.
fn steps_over(t: usize, frames: usize, levels: usize) -> Vec<(usize, usize)> {
    let mut before = 0;
    (1..=levels)
        .map(|l| {
            let k = before + (t >> l);
            before += frames >> l;
            (k, 1 << l)
        })
        .collect()
}

/// Motion minus static: both as standard scores over the clip, of ‖M_T‖ and of the static token's distance from the mean
/// static token, so that a place is positive where it is more remarkable for its motion than for what stands there. A spread
/// below a thousandth of the tokens' own size counts as that thousandth: noise is not blown up.
fn signed(motion: &Map, contrast: &Map, size: f32) -> Map {
    let score = |map: &Map| {
        let n = map.data.len().max(1) as f32;
        let mean = map.data.iter().sum::<f32>() / n;
        let variance = map.data.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n;
        let spread = variance.sqrt().max(1e-3 * size).max(f32::MIN_POSITIVE);
        map.data.iter().map(|v| (v - mean) / spread).collect::<Vec<_>>()
    };
    let data = score(motion).into_iter().zip(score(contrast)).map(|(m, s)| m - s).collect();
    Map { data, ..motion.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_frame_is_covered_once_a_level() {
        assert_eq!(steps_over(0, 8, 3), [(0, 2), (4, 4), (6, 8)]);
        assert_eq!(steps_over(5, 8, 3), [(2, 2), (5, 4), (6, 8)]);
        let mut frames_of_step = [0; 7];
        (0..8).flat_map(|t| steps_over(t, 8, 3)).for_each(|(k, _)| frames_of_step[k] += 1);
        assert_eq!(frames_of_step, [2, 2, 2, 2, 4, 4, 8]);
    }

    #[test]
    fn maps_are_taken_apart_and_mixed() {
        let map = |data: [f32; 4]| Map { frames: 2, rows: 1, cols: 2, data: data.to_vec() };
        let maps = |v: f32| Maps {
            motion: map([v, 1.0, 2.0, 3.0]),
            static_energy: map([v; 4]),
            static_rgb: [map([0.0; 4]), map([1.0; 4]), map([v; 4])],
            signed: map([-v; 4]),
            evidence: map([v; 4]),
            gates: vec![vec![map([v; 4]); 2]; 2],
            gate: map([v; 4]),
            levels: vec![map([v; 4]); 3],
        };
        let second = maps(5.0).only(1).unwrap();
        assert_eq!((second.motion.frames, second.motion.data), (1, vec![2.0, 3.0]));
        assert_eq!(second.gates[1][1].data, [5.0, 5.0]);
        assert_eq!(maps(5.0).only(2), None);
        let between = maps(1.0).towards(&maps(2.0), 0.25);
        assert_eq!((between.motion.data[0], between.motion.data[1]), (1.25, 1.0));
        assert_eq!((between.levels[2].data[3], between.signed.data[0]), (1.25, -1.25));
        assert_eq!(maps(1.0).bytes(), 15 * 16);
    }

    #[test]
    fn quantiles_are_of_all_maps_together() {
        let map = |data: Vec<f32>| Map { frames: 1, rows: 1, cols: data.len(), data };
        let maps = [map((0..50).map(|v| v as f32).collect()), map((50..101).map(|v| v as f32).collect())];
        assert_eq!(quantile(maps.iter(), 0.99), 99.0);
        assert_eq!(quantile([].iter(), 0.5), 0.0);
    }
}
