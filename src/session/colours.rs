//! The static stream as colours: its three main directions, fitted once a video, so that equal colours mean equal content
//! in all of it and do not jump from one span to the next.

use nalgebra::{DMatrix, SymmetricEigen};

/// Three directions of token space and where each is dark and bright.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    mean: Vec<f32>,
    axes: [Vec<f32>; 3],
    /// The 2nd and 98th percentile along each axis of the tokens that it was fitted to.
    range: [(f32, f32); 3],
}

/// Tokens that a basis is fitted to at most, spread evenly over those that there are.
const SAMPLE: usize = 384;
/// Less than this share of the whole spread is rounding, and no direction.
const NO_SPREAD: f64 = 1e-6;

impl Basis {
    /// The main directions of tokens `rows`, each (D). A direction without spread is left out: its colour is ½ everywhere.
    pub fn fit(rows: &[&[f32]]) -> Self {
        let width = rows.first().map_or(0, |row| row.len());
        if width == 0 {
            return Self { mean: Vec::new(), axes: Default::default(), range: [(0.0, 0.0); 3] };
        }
        let step = rows.len().div_ceil(SAMPLE).max(1);
        let sample: Vec<&[f32]> = rows.iter().step_by(step).copied().collect();
        let count = sample.len();
        let mut mean = vec![0.0f64; width];
        for row in &sample {
            mean.iter_mut().zip(*row).for_each(|(m, v)| *m += f64::from(*v) / count as f64);
        }
        let x = DMatrix::from_fn(count, width, |r, c| f64::from(sample[r][c]) - mean[c]);
        // Of the two products of X with itself the smaller has the same main directions.
        let by_rows = count < width;
        let product = if by_rows { &x * x.transpose() } else { x.transpose() * &x };
        let total = product.trace();
        let eigen = SymmetricEigen::new(product);
        let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
        order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
        let axis = |i: usize| -> Vec<f32> {
            let found =
                order.get(i).filter(|&&k| eigen.eigenvalues[k] > NO_SPREAD * total.max(f64::MIN_POSITIVE));
            let Some(&k) = found else { return vec![0.0; width] };
            let column = eigen.eigenvectors.column(k);
            let axis = if by_rows { x.transpose() * column } else { column.into_owned() };
            let largest = axis.iter().fold(0.0f64, |m, v| if v.abs() > m.abs() { *v } else { m });
            // The sign is arbitrary; this one does not depend on the solver.
            let scale = axis.norm() * largest.signum();
            axis.iter().map(|v| (v / scale) as f32).collect()
        };
        let mean: Vec<f32> = mean.into_iter().map(|m| m as f32).collect();
        let axes = [axis(0), axis(1), axis(2)];
        let range = axes.each_ref().map(|axis| percentiles(rows.iter().map(|row| along(row, &mean, axis))));
        Self { mean, axes, range }
    }

    /// The colour of a token (D), each channel 0–1.
    pub fn colour(&self, token: &[f32]) -> [f32; 3] {
        std::array::from_fn(|c| {
            let (low, high) = self.range[c];
            let range = high - low;
            if range > f32::EPSILON {
                ((along(token, &self.mean, &self.axes[c]) - low) / range).clamp(0.0, 1.0)
            } else {
                0.5
            }
        })
    }
}

fn along(token: &[f32], mean: &[f32], axis: &[f32]) -> f32 {
    token.iter().zip(mean).zip(axis).map(|((v, m), a)| (v - m) * a).sum()
}

/// The 2nd and the 98th.
fn percentiles(values: impl Iterator<Item = f32>) -> (f32, f32) {
    let mut sorted: Vec<f32> = values.collect();
    sorted.sort_by(f32::total_cmp);
    let last = sorted.len().saturating_sub(1) as f32;
    let at = |share: f32| sorted.get((last * share).round() as usize).copied().unwrap_or(0.0);
    (at(0.02), at(0.98))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(rows: &[Vec<f32>]) -> Basis {
        Basis::fit(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// Spread 3, 2 and 1 along the places 2, 0 and 3 of `width`.
    fn spread(width: usize, count: usize) -> Vec<Vec<f32>> {
        (0..count)
            .map(|i| {
                let angle = i as f32 * std::f32::consts::TAU / count as f32;
                let mut row = vec![0.5; width];
                row[2] += 3.0 * angle.cos();
                row[0] += 2.0 * (2.0 * angle).cos();
                row[3] += (3.0 * angle).cos();
                row
            })
            .collect()
    }

    #[test]
    fn the_axes_are_the_directions_of_spread_by_either_product() {
        for (width, count) in [(4, 64), (96, 64)] {
            let basis = fit(&spread(width, count));
            for (axis, place) in basis.axes.iter().zip([2, 0, 3]) {
                assert!((axis[place] - 1.0).abs() < 1e-3, "{width}: {axis:?}");
            }
        }
    }

    #[test]
    fn without_spread_every_colour_is_grey() {
        let basis = fit(&vec![vec![1.0, 2.0]; 9]);
        assert_eq!(basis.colour(&[1.0, 2.0]), [0.5; 3]);
        assert_eq!(basis.colour(&[7.0, -2.0]), [0.5; 3]);
        let line: Vec<Vec<f32>> = (-3..=3).map(|v| vec![v as f32, 0.0]).collect();
        let basis = fit(&line);
        let [first, second, third] = basis.colour(&[3.0, 0.0]);
        assert!(first > 0.99 && second == 0.5 && third == 0.5);
    }

    #[test]
    fn a_basis_of_nothing_is_grey() {
        assert_eq!(Basis::fit(&[]).colour(&[]), [0.5; 3]);
    }
}
