//! From the motion head's tensors to the maps that are drawn (METHOD §3, §4), patch tokens only.
//!
//! Norms are taken on the device and everything comes back in one transaction; the rest is arithmetic on a few thousand
//! numbers. A motion step of level ℓ covers 2^ℓ frames: a gate or a detail is shown on each of them, a pooling weight is
//! shared out among them.

use super::types::{Map, Maps};
use crate::model::head::{HeadOutput, MotionHead};
use burn::tensor::{ElementConversion, Tensor, TensorData, Transaction};

/// Added to ‖X‖ in the motion ratio; tokens are layer-normalised, so their norm is about √D.
const EPSILON: f32 = 1e-6;

/// What comes back from the device for one clip.
struct Readings {
    /// ‖M_T‖ and ‖X‖ (T,n).
    motion: Vec<f32>,
    size: Vec<f32>,
    /// S_T (T',n,D); T' is 1 where the stream does not change in time.
    still: Vec<f32>,
    /// ‖d_ℓ‖ (T/2^ℓ,n), finest first.
    details: Vec<Vec<f32>>,
    /// (h,K,n) a block.
    gates: Vec<Vec<f32>>,
    /// (K,n)
    pool: Option<Vec<f32>>,
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

/// The maps of one clip (B = 1) with square frames of `grid`² patches, and its embedding f (E). The error is the device's.
pub fn read(
    head: &MotionHead,
    output: &HeadOutput,
    grid: usize,
    heads: usize,
) -> Result<(Maps, Vec<f32>), String> {
    let x = output.streams.approximations[0].clone();
    let [_, frames, tokens, width] = x.dims();
    let shape = Shape { frames, tokens, width, heads, levels: output.streams.details.len() };

    let still = head.static_stream(&output.streams);
    let motion = norm(x.clone() - still.clone());
    // With a single step of the slowest scale the static stream is the same in every frame.
    let steady = output.streams.approximation().dims()[1] == 1;
    let still = if steady { still.narrow(1, 0, 1) } else { still };

    let mut all = Transaction::default()
        .register(output.embedding.clone())
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
    let embedding = next()?;
    let readings = Readings {
        motion: next()?,
        size: next()?,
        still: next()?,
        details: output.streams.details.iter().map(|_| next()).collect::<Result<_, _>>()?,
        gates: output.gates.iter().map(|_| next()).collect::<Result<_, _>>()?,
        pool: output.pool.as_ref().map(|_| next()).transpose()?,
    };
    Ok((maps(&readings, shape, grid), embedding))
}

fn norm(x: Tensor<4>) -> Tensor<4> {
    x.square().sum_dim(3).sqrt()
}

fn floats(data: Option<TensorData>) -> Result<Vec<f32>, String> {
    let data = data.ok_or("the device gave back too few tensors")?;
    Ok(data.iter::<f32>().map(|v| v.elem()).collect())
}

fn maps(r: &Readings, shape: Shape, grid: usize) -> Maps {
    let Shape { frames, tokens, heads, .. } = shape;
    let patches = tokens - 1;
    let map = |value: &dyn Fn(usize, usize) -> f32| Map {
        frames,
        rows: grid,
        cols: grid,
        data: (0..frames).flat_map(|t| (0..patches).map(move |p| (t, p))).map(|(t, p)| value(t, p)).collect(),
    };
    // Every array is (time, tokens) with the class token first.
    let at = |data: &[f32], step: usize, p: usize| data[step * tokens + 1 + p];

    let still = Static::new(r, shape);
    let motion = map(&|t, p| at(&r.motion, t, p) / (at(&r.size, t, p) + EPSILON));
    let rgb = still.colours();
    let static_rgb = [0, 1, 2].map(|c| map(&|t, p| rgb[c][still.step(t) * patches + p]));

    let gate_of = |block: &[f32], head: usize| {
        map(&|t, p| {
            let steps = steps_over(t, frames, shape.levels);
            let all: f32 = steps
                .iter()
                .map(|(k, _)| block[(head * (block.len() / (heads * tokens)) + k) * tokens + 1 + p])
                .sum();
            all / steps.len() as f32
        })
    };
    let gates: Vec<Vec<Map>> =
        r.gates.iter().map(|block| (0..heads).map(|h| gate_of(block, h)).collect()).collect();
    let count = gates.iter().map(Vec::len).sum::<usize>().max(1) as f32;
    let gate = map(&|t, p| gates.iter().flatten().map(|g| g.data[t * patches + p]).sum::<f32>() / count);

    let evidence = map(&|t, p| match &r.pool {
        Some(pool) => {
            steps_over(t, frames, shape.levels).iter().map(|(k, span)| at(pool, *k, p) / *span as f32).sum()
        }
        None => 0.0,
    });
    let levels = r.details.iter().enumerate().map(|(l, d)| map(&|t, p| at(d, t >> (l + 1), p))).collect();
    let signed = signed(
        &map(&|t, p| at(&r.motion, t, p)),
        &map(&|t, p| still.contrast[still.step(t) * patches + p]),
        r.size.iter().sum::<f32>() / r.size.len().max(1) as f32,
    );
    let static_energy = map(&|t, p| still.energy[still.step(t) * patches + p]);
    Maps { motion, static_energy, static_rgb, signed, evidence, gates, gate, levels }
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

/// The static stream's patch tokens, steps × patches × D, less their mean.
struct Static {
    centred: Vec<f32>,
    width: usize,
    /// Frames that share a step.
    repeat: usize,
    /// ‖S_T‖ and the distance from the mean token, (steps, patches).
    energy: Vec<f32>,
    contrast: Vec<f32>,
}

impl Static {
    fn new(r: &Readings, shape: Shape) -> Self {
        let Shape { frames, tokens, width, .. } = shape;
        let steps = r.still.len() / (tokens * width);
        let rows: Vec<&[f32]> =
            r.still.chunks_exact(tokens * width).flat_map(|s| s[width..].chunks_exact(width)).collect();
        let mut mean = vec![0.0f64; width];
        for row in &rows {
            mean.iter_mut().zip(*row).for_each(|(m, v)| *m += f64::from(*v) / rows.len() as f64);
        }
        let centred: Vec<f32> =
            rows.iter().flat_map(|row| row.iter().zip(&mean).map(|(v, m)| v - *m as f32)).collect();
        Self {
            energy: rows.iter().map(|row| dot(row, row).sqrt()).collect(),
            contrast: centred.chunks_exact(width).map(|row| dot(row, row).sqrt()).collect(),
            centred,
            width,
            repeat: frames / steps.max(1),
        }
    }

    /// The step that frame `t` shows.
    fn step(&self, t: usize) -> usize {
        t / self.repeat.max(1)
    }

    /// The first three principal components, one fit for the clip, each stretched from its 2nd to its 98th percentile to
    /// 0–1; (steps × patches) a component. A component without spread is ½ everywhere.
    fn colours(&self) -> [Vec<f32>; 3] {
        let axes = principal_axes(&self.centred, self.width);
        axes.map(|axis| stretch(self.centred.chunks_exact(self.width).map(|row| dot(row, &axis)).collect()))
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The three main directions of `rows` (centred, `width` each) by orthogonal iteration on the data itself: no width × width
/// matrix is formed. Deterministic; the sign is such that the largest entry is positive. Zero where there is no spread left.
fn principal_axes(rows: &[f32], width: usize) -> [Vec<f32>; 3] {
    const ROUNDS: usize = 48;
    let total: f32 = rows.iter().map(|v| v * v).sum();
    let mut found: Vec<Vec<f32>> = Vec::new();
    for component in 0..3 {
        // Any start will do that is not orthogonal to the answer; this one has no symmetry.
        let mut axis: Vec<f32> =
            (0..width).map(|i| ((i * (component + 1) * 7 + 3) as f32 * 0.618_034).fract() - 0.5).collect();
        let mut strength = 0.0;
        for _ in 0..ROUNDS {
            let mut next = vec![0.0; width];
            for row in rows.chunks_exact(width) {
                let along = dot(row, &axis);
                next.iter_mut().zip(row).for_each(|(n, v)| *n += along * v);
            }
            for other in &found {
                let along = dot(&next, other);
                next.iter_mut().zip(other).for_each(|(n, o)| *n -= along * o);
            }
            strength = dot(&next, &next).sqrt();
            // Less than a millionth of the spread is rounding.
            if strength <= 1e-6 * total {
                break;
            }
            next.iter_mut().for_each(|n| *n /= strength);
            axis = next;
        }
        if strength <= 1e-6 * total {
            found.push(vec![0.0; width]);
            continue;
        }
        let largest = axis.iter().fold(0.0f32, |m, v| if v.abs() > m.abs() { *v } else { m });
        if largest < 0.0 {
            axis.iter_mut().for_each(|v| *v = -*v);
        }
        found.push(axis);
    }
    let mut found = found.into_iter();
    [(); 3].map(|()| found.next().unwrap_or_default())
}

fn stretch(values: Vec<f32>) -> Vec<f32> {
    let mut sorted = values.clone();
    sorted.sort_by(f32::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let percentile = |share: f32| sorted.get((last as f32 * share).round() as usize).copied().unwrap_or(0.0);
    let (low, high) = (percentile(0.02), percentile(0.98));
    let range = high - low;
    let scaled = |v: f32| if range > f32::EPSILON { ((v - low) / range).clamp(0.0, 1.0) } else { 0.5 };
    values.into_iter().map(scaled).collect()
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
    fn principal_axes_find_the_directions_of_spread() {
        // Spread 3, 2 and 1 along the axes 2, 0 and 3 of four.
        let mut rows = Vec::new();
        for i in 0..64 {
            let angle = i as f32 * std::f32::consts::TAU / 64.0;
            rows.extend([2.0 * (2.0 * angle).cos(), 0.0, 3.0 * angle.cos(), (3.0 * angle).cos()]);
        }
        let axes = principal_axes(&rows, 4);
        for (axis, place) in axes.iter().zip([2, 0, 3]) {
            assert!((axis[place] - 1.0).abs() < 1e-3, "{axes:?}");
        }
    }

    #[test]
    fn no_spread_gives_grey() {
        assert_eq!(principal_axes(&[0.0; 12], 4), [vec![0.0; 4], vec![0.0; 4], vec![0.0; 4]]);
        assert_eq!(stretch(vec![2.0; 5]), [0.5; 5]);
        let one_direction: Vec<f32> = (-3..=3).flat_map(|v| [v as f32, 0.0]).collect();
        let axes = principal_axes(&one_direction, 2);
        assert!((axes[0][0] - 1.0).abs() < 1e-6 && axes[1] == [0.0; 2], "{axes:?}");
    }
}
