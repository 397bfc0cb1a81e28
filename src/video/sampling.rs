//! Which places of a run of frames a clip takes (METHOD §1 "Frames").

use rand::Rng;

/// The test-time rule: of `n` frames the `t` in the middles of equal segments, `floor(i·n/t + n/(2t))`. Indices
/// repeat where n < t. Empty where n or t is 0.
pub fn sample_indices(n: usize, t: usize) -> Vec<usize> {
    if n == 0 {
        return Vec::new();
    }
    (0..t).map(|i| (2 * i + 1) * n / (2 * t)).collect()
}

/// The training-time rule: one random frame of each of `t` equal segments. Indices rise, and repeat where n < t.
pub fn sample_indices_random(n: usize, t: usize, rng: &mut impl Rng) -> Vec<usize> {
    if n == 0 {
        return Vec::new();
    }
    let pick = |i: usize| {
        let (start, end) = (i * n / t, ((i + 1) * n / t).max(i * n / t + 1));
        rng.random_range(start..end)
    };
    (0..t).map(pick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    #[test]
    fn middles_of_the_segments() {
        assert_eq!(sample_indices(80, 8), [5, 15, 25, 35, 45, 55, 65, 75]);
        assert_eq!(sample_indices(8, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(sample_indices(3, 8), [0, 0, 0, 1, 1, 2, 2, 2]);
        assert_eq!(sample_indices(1, 4), [0, 0, 0, 0]);
        assert!(sample_indices(0, 8).is_empty());
        assert!(sample_indices(8, 0).is_empty());
    }

    proptest! {
        #[test]
        fn test_time_rule_is_the_formula(n in 1usize..5000, t in 1usize..65) {
            let got = sample_indices(n, t);
            let want: Vec<usize> =
                (0..t).map(|i| (i as f64 * n as f64 / t as f64 + n as f64 / (2 * t) as f64 + 1e-9).floor() as usize).collect();
            prop_assert_eq!(&got, &want);
            prop_assert!(got.windows(2).all(|w| w[0] <= w[1]));
            prop_assert!(got.iter().all(|&i| i < n));
            // Time reversal mirrors the choice, up to the rounding of the segment middles.
            for (a, b) in got.iter().zip(got.iter().rev()) {
                prop_assert!((*a as i64 - (n - 1 - b) as i64).abs() <= 1);
            }
        }

        #[test]
        fn training_rule_stays_in_its_segments(n in 1usize..5000, t in 1usize..65, seed: u64) {
            let got = sample_indices_random(n, t, &mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
            prop_assert_eq!(got.len(), t);
            for (i, &at) in got.iter().enumerate() {
                prop_assert!(at < n && at >= i * n / t && (at < (i + 1) * n / t || at == i * n / t));
            }
        }
    }
}
