//! `eval compare`: two reports of `eval zero-shot` side by side. Figures of unlike protocols are not compared.
//!
//! Both are of the same clips, and a report keeps what was right clip by clip, so the difference is that of paired shares, with
//! Newcombe's 95% interval for these (Statistics in Medicine 17, 1998, method 10: Wilson's intervals of both shares and their
//! correlation). The interval of the mean over the splits is the mean of the ends of theirs: as if the splits were of the same clips,
//! which they are in part. So it is wide rather than narrow.

use super::zero_shot::{Preprocessing, Report, Right, SplitReport};

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// B less A in points of percent, and its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    pub points: f64,
    pub low: f64,
    pub high: f64,
}

/// What of the stamps of two reports differs, in words; empty where they can be compared.
pub fn differing(a: &Report, b: &Report) -> Vec<String> {
    let (p, q) = (&a.protocol.conditions, &b.protocol.conditions);
    let mut all = Vec::new();
    let mut say = |what: &str, a: String, b: String| {
        if a != b {
            all.push(format!("{what}: {a} and {b}"));
        }
    };
    let word = |p: Preprocessing| format!("{p:?}").to_lowercase();
    let on = |negatives: bool| if negatives { "on" } else { "off" }.to_owned();
    say("data set", a.dataset.clone(), b.dataset.clone());
    say("frames", p.frames.to_string(), q.frames.to_string());
    say("views", p.views.to_string(), q.views.to_string());
    say("preprocessing", word(p.preprocess), word(q.preprocess));
    say("templates (digest)", p.templates_digest.clone(), q.templates_digest.clone());
    say("negative prompts", on(p.negatives), on(q.negatives));
    say("splits", format!("{:?}", a.protocol.splits), format!("{:?}", b.protocol.splits));
    say("names of the classes (digest)", p.classes_digest.clone(), q.classes_digest.clone());
    say("which clips there are (digest)", p.clips_digest.clone(), q.clips_digest.clone());
    for (s, t) in a.splits.iter().zip(&b.splits) {
        say(&format!("clips of split {}", s.split), s.clips.to_string(), t.clips.to_string());
        let decoded = |split: &SplitReport| {
            let marks: Vec<u8> = split.right(Right::Top1).map(|right| u8::from(right.is_some())).collect();
            blake3::hash(&marks).to_hex()[..16].to_owned()
        };
        say(&format!("which clips of split {} could be decoded (digest)", s.split), decoded(s), decoded(t));
    }
    all
}

/// The difference of what is right of A and what of B, of each split and of the mean over them; of splits of the same clips.
pub fn difference(a: (&[SplitReport], Right), b: (&[SplitReport], Right)) -> (Vec<Difference>, Difference) {
    let of = |(s, t): (&SplitReport, &SplitReport)| {
        // Both right, A alone, B alone, none.
        let mut counts = [0.0; 4];
        for (x, y) in s.right(a.1).zip(t.right(b.1)) {
            if let (Some(x), Some(y)) = (x, y) {
                counts[2 * usize::from(!x) + usize::from(!y)] += 1.0;
            }
        }
        newcombe(counts)
    };
    let splits: Vec<Difference> = a.0.iter().zip(b.0).map(of).collect();
    let mean = |of: fn(&Difference) -> f64| splits.iter().map(of).sum::<f64>() / splits.len().max(1) as f64;
    let over = Difference { points: mean(|d| d.points), low: mean(|d| d.low), high: mean(|d| d.high) };
    (splits, over)
}

/// Wilson's 95% interval of a share of n.
fn wilson(p: f64, n: f64) -> (f64, f64) {
    let z2 = Z * Z;
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    (middle - half, middle + half)
}

/// Of the clips that are right in both, in A alone, in B alone, in none; n is at least 1.
fn newcombe([both, a, b, none]: [f64; 4]) -> Difference {
    let n = both + a + b + none;
    let (p, q) = ((both + a) / n, (both + b) / n);
    let ((low_p, high_p), (low_q, high_q)) = (wilson(p, n), wilson(q, n));
    let margins = (both + a) * (b + none) * (both + b) * (a + none);
    let product = both * none - a * b;
    let together = if product > 0.0 { (product - n / 2.0).max(0.0) } else { product };
    let phi = if margins > 0.0 { together / margins.sqrt() } else { 0.0 };
    let reach = |x: f64, y: f64| (x * x - 2.0 * phi * x * y + y * y).max(0.0).sqrt();
    let d = q - p;
    let (down, up) = (reach(q - low_q, high_p - p), reach(high_q - q, p - low_p));
    Difference { points: 100.0 * d, low: 100.0 * (d - down), high: 100.0 * (d + up) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_newcombes() {
        // 36 right in both, 2 in A alone, 12 in B alone, none in neither: Wilson's intervals are .6259 to .8570 and .8654 to .9890,
        // phi is (0 − 24)/√(38·12·48·2) = −.1147, and so the difference is .0569 to .3404.
        let d = newcombe([36.0, 2.0, 12.0, 0.0]);
        for (got, want) in [(d.points, 20.0), (d.low, 5.69), (d.high, 34.04)] {
            assert!((got - want).abs() < 0.005, "{d:?}");
        }
        let turned = newcombe([36.0, 12.0, 2.0, 0.0]);
        assert!((turned.low + d.high).abs() < 1e-9 && (turned.high + d.low).abs() < 1e-9, "{turned:?}");
        // The same answers: no difference, and the interval is even.
        let same = newcombe([20.0, 0.0, 0.0, 20.0]);
        assert!(same.points == 0.0 && (same.low + same.high).abs() < 1e-9 && same.high > 0.0, "{same:?}");
        // Answers that go together say more than those that do not.
        let apart = newcombe([10.0, 10.0, 10.0, 10.0]);
        assert!(apart.high > 2.0 * same.high, "{apart:?} {same:?}");
        // All against none stays within what can be.
        let all = newcombe([0.0, 0.0, 10.0, 0.0]);
        assert!(all.points == 100.0 && all.low > 50.0 && all.high <= 100.0 + 1e-9, "{all:?}");
    }
}
