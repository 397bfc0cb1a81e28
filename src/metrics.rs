//! Metrics on plain numbers.

/// Area under the ROC curve: the chance that a positive scores above a negative, ties counting half. 0.5 where one
/// side is empty; not-a-number scores sort below all others.
pub fn auroc(scored: impl IntoIterator<Item = (f32, bool)>) -> f64 {
    let mut all: Vec<(f32, bool)> =
        scored.into_iter().map(|(s, l)| (if s.is_nan() { f32::NEG_INFINITY } else { s }, l)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = all.iter().filter(|(_, l)| *l).count();
    let negatives = all.len() - positives;
    if positives == 0 || negatives == 0 {
        return 0.5;
    }
    // Mann–Whitney U from midranks.
    let mut rank_sum = 0.0;
    let mut at = 0;
    while at < all.len() {
        let tied = all[at..].iter().take_while(|(s, _)| *s == all[at].0).count();
        let midrank = at as f64 + (tied as f64 + 1.0) / 2.0;
        rank_sum += midrank * all[at..at + tied].iter().filter(|(_, l)| *l).count() as f64;
        at += tied;
    }
    let (p, n) = (positives as f64, negatives as f64);
    (rank_sum - p * (p + 1.0) / 2.0) / (p * n)
}

/// Mean, population standard deviation and count.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    pub mean: f64,
    pub std: f64,
    pub n: usize,
}

impl Summary {
    /// Of no values: not a number, n = 0.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
        Self { mean, std, n }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn auroc_of_known_cases() {
        assert_eq!(auroc([(0.0, false), (1.0, true)]), 1.0);
        assert_eq!(auroc([(1.0, false), (0.0, true)]), 0.0);
        assert_eq!(auroc([(1.0, false), (1.0, true)]), 0.5);
        assert_eq!(auroc([(1.0, true)]), 0.5);
        assert_eq!(auroc([(0.1, false), (0.4, false), (0.35, true), (0.8, true)]), 0.75);
    }

    proptest! {
        #[test]
        fn auroc_counts_pairs(items in proptest::collection::vec((0u8..6, any::<bool>()), 2..40)) {
            let mut wins = 0.0;
            let mut pairs = 0.0;
            for (p, _) in items.iter().filter(|i| i.1) {
                for (n, _) in items.iter().filter(|i| !i.1) {
                    pairs += 1.0;
                    wins += match p.cmp(n) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            let expected = if pairs == 0.0 { 0.5 } else { wins / pairs };
            let ours = auroc(items.iter().map(|&(s, l)| (f32::from(s), l)));
            prop_assert!((ours - expected).abs() < 1e-12);
        }
    }
}
