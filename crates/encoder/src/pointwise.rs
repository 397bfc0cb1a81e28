//! What is done to single numbers and rows: exp, quick-GELU, softmax and LayerNorm, many numbers at once.

use crate::gradient::NormGradient;
use crate::panels::{Row, W, panels};
use crate::processor::Processor;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Below this exp is 0 here (it is 1.2e-38 there).
const LEAST: f32 = -87.3;
/// Above this exp is infinite here.
const MOST: f32 = 88.3;

/// eˣ to within 2 units in the last place; what is no number stays none.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2, eʳ by the polynomial of Cephes' `expf`, 2ⁿ by its bits.
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Adding and subtracting it rounds to a whole number, which then is in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const POLYNOMIAL: [f32; 6] =
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    let splat = |v: f32| simd.splat_f32s(v);
    let shifted = simd.mul_add_e_f32s(x, splat(std::f32::consts::LOG2_E), splat(ROUND));
    let n = simd.sub_f32s(shifted, splat(ROUND));
    let r = simd.mul_add_e_f32s(n, splat(-LN2_HIGH), x);
    let r = simd.mul_add_e_f32s(n, splat(-LN2_LOW), r);
    let mut p = splat(POLYNOMIAL[0]);
    for c in &POLYNOMIAL[1..] {
        p = simd.mul_add_e_f32s(p, r, splat(*c));
    }
    let p = simd.mul_add_e_f32s(p, simd.mul_f32s(r, r), simd.add_f32s(r, splat(1.0)));
    let bits = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let power = simd.transmute_f32s_u32s(simd.add_u32s(bits, simd.splat_u32s(1.0f32.to_bits())));
    let e = simd.mul_f32s(p, power);
    let e = simd.select_f32s(simd.less_than_f32s(x, splat(LEAST)), splat(0.0), e);
    simd.select_f32s(simd.greater_than_f32s(x, splat(MOST)), splat(f32::INFINITY), e)
}

/// x·sigmoid(1.702 x) of every number.
pub fn quick_gelu(processor: Processor, rows: &mut [Row]) {
    processor.dispatch(QuickGelu(rows));
}

struct QuickGelu<'a>(&'a mut [Row]);

impl WithSimd for QuickGelu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (numbers, _) = S::as_mut_simd_f32s(self.0.as_flattened_mut());
        for x in numbers {
            let e = exp(simd, simd.mul_f32s(*x, simd.splat_f32s(-1.702)));
            *x = simd.div_f32s(*x, simd.add_f32s(e, simd.splat_f32s(1.0)));
        }
    }
}

/// Numbers that a core takes at once.
const SOME: usize = 512;

/// `out *= d/dx x·sigmoid(1.702 x)`.
pub fn gelu_gradient(processor: Processor, x: &[Row], out: &mut [Row]) {
    let parts = x.par_chunks(SOME).zip(out.par_chunks_mut(SOME));
    parts.for_each(|(x, out)| processor.dispatch(GeluGradient { x, out }));
}

struct GeluGradient<'a> {
    x: &'a [Row],
    out: &'a mut [Row],
}

impl WithSimd for GeluGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (x, _) = S::as_simd_f32s(self.x.as_flattened());
        let (out, _) = S::as_mut_simd_f32s(self.out.as_flattened_mut());
        let one = simd.splat_f32s(1.0);
        for (x, out) in x.iter().zip(out) {
            // σ(z) + z·σ(z)·(1 − σ(z)) with z = 1.702 x
            let z = simd.mul_f32s(*x, simd.splat_f32s(1.702));
            let sigmoid = simd.div_f32s(one, simd.add_f32s(exp(simd, simd.neg_f32s(z)), one));
            let slope = simd.mul_add_e_f32s(z, simd.sub_f32s(one, sigmoid), one);
            *out = simd.mul_f32s(*out, simd.mul_f32s(sigmoid, slope));
        }
    }
}

/// `x += y`.
pub fn sum_into(processor: Processor, x: &mut [Row], y: &[Row]) {
    let parts = x.par_chunks_mut(SOME).zip(y.par_chunks(SOME));
    parts.for_each(|(x, y)| processor.dispatch(Sum { x, y }));
}

struct Sum<'a> {
    x: &'a mut [Row],
    y: &'a [Row],
}

impl WithSimd for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (x, _) = S::as_mut_simd_f32s(self.x.as_flattened_mut());
        let (y, _) = S::as_simd_f32s(self.y.as_flattened());
        x.iter_mut().zip(y).for_each(|(x, y)| *x = simd.add_f32s(*x, *y));
    }
}

/// e^(scale·(s − max s)) along each row of scores, in panels of `height` rows, and what they come to. Row `i` has as many scores as
/// `seen(i)` says; what is past them becomes 0.
pub struct Softmax<'a, F> {
    pub scores: &'a mut [Row],
    pub height: usize,
    pub scale: f32,
    pub seen: F,
    pub sums: &'a mut [f32],
}

impl<F: Fn(usize) -> usize> WithSimd for Softmax<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let height = self.height;
        for (i, sum) in self.sums.iter_mut().enumerate().take(height) {
            let seen = (self.seen)(i);
            let mut most = simd.splat_f32s(f32::NEG_INFINITY);
            for (p, panel) in self.scores.chunks_exact_mut(height).enumerate() {
                let row = &mut panel[i];
                row[seen.saturating_sub(p * W).min(W)..].fill(f32::NEG_INFINITY);
                S::as_simd_f32s(row).0.iter().for_each(|s| most = simd.max_f32s(most, *s));
            }
            let most = simd.splat_f32s(simd.reduce_max_f32s(most));
            let scale = simd.splat_f32s(self.scale);
            let mut total = simd.splat_f32s(0.0);
            for panel in self.scores.chunks_exact_mut(height) {
                for s in S::as_mut_simd_f32s(&mut panel[i]).0 {
                    *s = exp(simd, simd.mul_f32s(simd.sub_f32s(*s, most), scale));
                    total = simd.add_f32s(total, *s);
                }
            }
            *sum = simd.reduce_sum_f32s(total);
        }
    }
}

/// Takes what [`Softmax`] made to weights P, and what is due to P to what is due to the scores before their scale:
/// scale·P∘(due − Σ P∘due along the row). A row a sum.
pub struct SoftmaxBack<'a> {
    pub weights: &'a mut [Row],
    pub due: &'a mut [Row],
    pub scale: f32,
    pub sums: &'a [f32],
}

impl WithSimd for SoftmaxBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let height = self.sums.len();
        for (i, sum) in self.sums.iter().enumerate() {
            let share = simd.splat_f32s(sum.recip());
            let mut total = simd.splat_f32s(0.0);
            let panels = self.weights.chunks_exact_mut(height).zip(self.due.chunks_exact(height));
            for (weights, due) in panels {
                for (w, d) in
                    S::as_mut_simd_f32s(&mut weights[i]).0.iter_mut().zip(S::as_simd_f32s(&due[i]).0)
                {
                    *w = simd.mul_f32s(*w, share);
                    total = simd.mul_add_e_f32s(*w, *d, total);
                }
            }
            let total = simd.splat_f32s(simd.reduce_sum_f32s(total));
            let scale = simd.splat_f32s(self.scale);
            let panels = self.weights.chunks_exact(height).zip(self.due.chunks_exact_mut(height));
            for (weights, due) in panels {
                for (w, d) in S::as_simd_f32s(&weights[i]).0.iter().zip(S::as_mut_simd_f32s(&mut due[i]).0) {
                    *d = simd.mul_f32s(simd.mul_f32s(*w, scale), simd.sub_f32s(*d, total));
                }
            }
        }
    }
}

/// LayerNorm over rows of `gamma.len()` numbers.
pub struct Norm<'a> {
    pub gamma: &'a [f32],
    pub beta: Option<&'a [f32]>,
    pub epsilon: f32,
}

/// Rows that a core takes at once.
const ROWS: usize = 48;

impl Norm<'_> {
    /// `x += y`, and the norm of that into `out`; all in panels of `height` rows.
    pub fn of_sum(&self, processor: Processor, x: &mut [Row], y: &[Row], height: usize, out: &mut [Row]) {
        let width = self.gamma.len();
        let alone = x.len() < 4 * ROWS;
        let mut moments = vec![[0.0f32; 2]; height];
        let measure = |(i, moments): (usize, &mut [[f32; 2]])| {
            let (from, epsilon) = (i * ROWS, self.epsilon);
            processor.dispatch(Moments { x, y, height, width, from, epsilon, moments });
        };
        if alone {
            moments.chunks_mut(ROWS).enumerate().for_each(measure);
        } else {
            moments.par_chunks_mut(ROWS).enumerate().for_each(measure);
        }
        let apply = |p: usize, x: &mut [Row], y: &[Row], out: &mut [Row]| {
            let part = p * W..width.min((p + 1) * W);
            let (mut gamma, mut beta) = ([0.0; W], [0.0; W]);
            gamma[..part.len()].copy_from_slice(&self.gamma[part.clone()]);
            if let Some(all) = self.beta {
                beta[..part.len()].copy_from_slice(&all[part]);
            }
            processor.dispatch(Apply { x, y, moments: &moments, gamma: &gamma, beta: &beta, out });
        };
        if alone {
            let panels = x.chunks_mut(height).zip(y.chunks(height)).zip(out.chunks_mut(height));
            panels.enumerate().for_each(|(p, ((x, y), out))| apply(p, x, y, out));
        } else {
            let panels = x.par_chunks_mut(height).zip(y.par_chunks(height)).zip(out.par_chunks_mut(height));
            panels.enumerate().for_each(|(p, ((x, y), out))| apply(p, x, y, out));
        }
    }
}

/// Mean, 1/√(variance + ε), and the means over the row of γ·g and of γ·g·u, u the row as it is normed and g its gradient.
type Means = [f32; 4];

impl Norm<'_> {
    /// Adds to `out` what is due to `x` where `upstream` is due to its norm; gives what is due to γ and β. All in panels of `height`
    /// rows, of which the first `rows` count.
    pub fn gradient(
        &self,
        processor: Processor,
        x: &[Row],
        upstream: &[Row],
        (height, rows): (usize, usize),
        out: &mut [Row],
    ) -> NormGradient {
        let width = self.gamma.len();
        let mut gamma = vec![[0.0; W]; panels(width)];
        gamma.as_flattened_mut()[..width].copy_from_slice(self.gamma);
        let mut means: Vec<Means> = vec![[0.0; 4]; height];
        let nothing = vec![[0.0; W]; x.len()];
        means.par_chunks_mut(ROWS).enumerate().for_each(|(i, means)| {
            let (from, epsilon) = (i * ROWS, self.epsilon);
            let mut moments = [[0.0; 2]; ROWS];
            let moments = &mut moments[..means.len()];
            processor.dispatch(Moments { x, y: &nothing, height, width, from, epsilon, moments });
            means.iter_mut().zip(&*moments).for_each(|(m, [mean, scale])| *m = [*mean, *scale, 0.0, 0.0]);
            processor.dispatch(GradientMeans { x, upstream, gamma: &gamma, height, width, from, means });
        });
        let panels = x.par_chunks(height).zip(upstream.par_chunks(height)).zip(out.par_chunks_mut(height));
        let sums: Vec<[Row; 2]> = panels
            .zip(&gamma)
            .map(|(((x, upstream), out), gamma)| {
                let (x, upstream, out) = (&x[..rows], &upstream[..rows], &mut out[..rows]);
                let mut sums = [[0.0; W]; 2];
                processor.dispatch(NormBack { x, upstream, gamma, means: &means, out, sums: &mut sums });
                sums
            })
            .collect();
        let all = |i: usize| sums.iter().flat_map(|s| s[i]).take(width).collect();
        NormGradient { gamma: all(0), beta: all(1) }
    }
}

/// The last two of [`Means`], of rows from `from`.
struct GradientMeans<'a> {
    x: &'a [Row],
    upstream: &'a [Row],
    gamma: &'a [Row],
    height: usize,
    width: usize,
    from: usize,
    means: &'a mut [Means],
}

impl WithSimd for GradientMeans<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (i, means) in self.means.iter_mut().enumerate() {
            let row = self.from + i;
            let (mean, scale) = (simd.splat_f32s(means[0]), simd.splat_f32s(means[1]));
            let mut sums = [simd.splat_f32s(0.0); 2];
            let panels = self.x.chunks_exact(self.height).zip(self.upstream.chunks_exact(self.height));
            for ((x, upstream), gamma) in panels.zip(self.gamma) {
                let (x, upstream) = (S::as_simd_f32s(&x[row]).0, S::as_simd_f32s(&upstream[row]).0);
                for ((x, g), gamma) in x.iter().zip(upstream).zip(S::as_simd_f32s(gamma).0) {
                    // γ is 0 past the width.
                    let g = simd.mul_f32s(*g, *gamma);
                    let unit = simd.mul_f32s(simd.sub_f32s(*x, mean), scale);
                    sums = [simd.add_f32s(sums[0], g), simd.mul_add_e_f32s(g, unit, sums[1])];
                }
            }
            means[2] = simd.reduce_sum_f32s(sums[0]) / self.width as f32;
            means[3] = simd.reduce_sum_f32s(sums[1]) / self.width as f32;
        }
    }
}

/// One panel's part of [`Norm::gradient`]; `sums`: over the rows of g·u and of g.
struct NormBack<'a> {
    x: &'a [Row],
    upstream: &'a [Row],
    gamma: &'a Row,
    means: &'a [Means],
    out: &'a mut [Row],
    sums: &'a mut [Row; 2],
}

impl WithSimd for NormBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let gamma = S::as_simd_f32s(self.gamma).0;
        let [of_gamma, of_beta] = self.sums;
        let (of_gamma, of_beta) = (S::as_mut_simd_f32s(of_gamma).0, S::as_mut_simd_f32s(of_beta).0);
        for (((x, upstream), out), means) in self.x.iter().zip(self.upstream).zip(self.out).zip(self.means) {
            let (x, upstream) = (S::as_simd_f32s(x).0, S::as_simd_f32s(upstream).0);
            let out = S::as_mut_simd_f32s(out).0;
            let [mean, scale, g_mean, gu_mean] = means.map(|m| simd.splat_f32s(m));
            for (i, out) in out.iter_mut().enumerate() {
                let unit = simd.mul_f32s(simd.sub_f32s(x[i], mean), scale);
                of_gamma[i] = simd.mul_add_e_f32s(upstream[i], unit, of_gamma[i]);
                of_beta[i] = simd.add_f32s(of_beta[i], upstream[i]);
                let g = simd.mul_f32s(upstream[i], gamma[i]);
                let off = simd.mul_add_e_f32s(unit, gu_mean, g_mean);
                *out = simd.mul_add_e_f32s(scale, simd.sub_f32s(g, off), *out);
            }
        }
    }
}

/// Mean and 1/√(variance + ε) of rows of `x + y`.
struct Moments<'a> {
    x: &'a [Row],
    y: &'a [Row],
    height: usize,
    width: usize,
    from: usize,
    epsilon: f32,
    moments: &'a mut [[f32; 2]],
}

impl WithSimd for Moments<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Past the width there are zeros, which change no sum but are no part of the variance.
        let surplus = (panels(self.width) * W - self.width) as f32;
        for i in 0..self.moments.len() {
            let row = self.from + i;
            let mean = self.sum(simd, row, |x| x) / self.width as f32;
            let square = |x| {
                let d = simd.sub_f32s(x, simd.splat_f32s(mean));
                simd.mul_f32s(d, d)
            };
            let squares = self.sum(simd, row, square) - surplus * mean * mean;
            let variance = squares.max(0.0) / self.width as f32;
            self.moments[i] = [mean, (variance + self.epsilon).sqrt().recip()];
        }
    }
}

impl Moments<'_> {
    /// Σ f(x + y) along a row.
    #[inline(always)]
    fn sum<S: Simd>(&self, simd: S, row: usize, f: impl Fn(S::f32s) -> S::f32s) -> f32 {
        let mut total = simd.splat_f32s(0.0);
        for (x, y) in self.x.chunks_exact(self.height).zip(self.y.chunks_exact(self.height)) {
            let (x, y) = (S::as_simd_f32s(&x[row]).0, S::as_simd_f32s(&y[row]).0);
            for (x, y) in x.iter().zip(y) {
                total = simd.add_f32s(total, f(simd.add_f32s(*x, *y)));
            }
        }
        simd.reduce_sum_f32s(total)
    }
}

/// One panel's part of [`Norm::of_sum`].
struct Apply<'a> {
    x: &'a mut [Row],
    y: &'a [Row],
    moments: &'a [[f32; 2]],
    gamma: &'a Row,
    beta: &'a Row,
    out: &'a mut [Row],
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (gamma, beta) = (S::as_simd_f32s(self.gamma).0, S::as_simd_f32s(self.beta).0);
        let rows = self.x.iter_mut().zip(self.y).zip(self.out).zip(self.moments);
        for (((x, y), out), [mean, scale]) in rows {
            let (x, y, out) = (S::as_mut_simd_f32s(x).0, S::as_simd_f32s(y).0, S::as_mut_simd_f32s(out).0);
            let (mean, scale) = (simd.splat_f32s(*mean), simd.splat_f32s(*scale));
            let columns = x.iter_mut().zip(y).zip(out).zip(gamma.iter().zip(beta));
            for (((x, y), out), (gamma, beta)) in columns {
                *x = simd.add_f32s(*x, *y);
                let unit = simd.mul_f32s(simd.sub_f32s(*x, mean), scale);
                *out = simd.mul_add_e_f32s(unit, *gamma, *beta);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::processors;

    struct Exp<'a>(&'a mut [f32]);

    impl WithSimd for Exp<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            S::as_mut_simd_f32s(self.0).0.iter_mut().for_each(|x| *x = exp(simd, *x));
        }
    }

    #[test]
    fn exp_is_right_to_the_last_places_on_every_processor() {
        let inputs: Vec<f32> = (0..1 << 16).map(|i| -87.0 + i as f32 * (175.0 / 65536.0)).collect();
        for processor in processors() {
            let mut out = inputs.clone();
            processor.dispatch(Exp(&mut out));
            for (x, e) in inputs.iter().zip(&out) {
                let want = f64::from(*x).exp();
                assert!(
                    (f64::from(*e) - want).abs() < 2.5e-7 * want,
                    "{processor:?}: exp {x} is {want}, not {e}"
                );
            }
            let mut ends = [f32::NAN; 64];
            ends[..6].copy_from_slice(&[0.0, -0.0, -88.0, f32::NEG_INFINITY, 89.0, f32::INFINITY]);
            processor.dispatch(Exp(&mut ends));
            assert_eq!(ends[..6], [1.0, 1.0, 0.0, 0.0, f32::INFINITY, f32::INFINITY], "{processor:?}");
            assert!(ends[6..].iter().all(|e| e.is_nan()), "{processor:?}");
        }
    }

    #[test]
    fn quick_gelu_ends_at_nothing_and_at_itself() {
        for processor in processors() {
            let mut row = [[0.0; W]];
            row[0][..6].copy_from_slice(&[-1e30, -60.0, -1.0, 0.0, 1.0, 60.0]);
            quick_gelu(processor, &mut row);
            let want = [0.0, 0.0, -0.154_204_8, 0.0, 0.845_795_2, 60.0];
            for (got, want) in row[0].iter().zip(want) {
                assert!((got - want).abs() < 1e-6, "{processor:?}: {got} for {want}");
            }
        }
    }

    #[test]
    fn a_softmax_counts_what_is_seen_alone() {
        for processor in processors() {
            // Two panels of three rows, of which the rows see 1, 70 and 128.
            let seen = [1, 70, 128];
            let mut scores = vec![[0.25; W]; 6];
            scores[0][0] = -300.0;
            scores[4][3] = 1000.0;
            let mut sums = [0.0; 3];
            let seen_by = |i: usize| seen[i];
            processor.dispatch(Softmax {
                scores: &mut scores,
                height: 3,
                scale: 0.1,
                seen: seen_by,
                sums: &mut sums,
            });
            assert_eq!(
                (scores[0][0], scores[0][1], scores[3][0], sums[0]),
                (1.0, 0.0, 0.0, 1.0),
                "{processor:?}"
            );
            assert_eq!(
                (scores[4][3], scores[4][5], scores[4][6], sums[1]),
                (1.0, 0.0, 0.0, 1.0),
                "{processor:?}"
            );
            assert_eq!((scores[2][0], scores[5][63], sums[2]), (1.0, 1.0, 128.0), "{processor:?}");
        }
    }
}
