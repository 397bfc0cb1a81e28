//! `eval compare`: two reports of `eval zero-shot` side by side. Figures of unlike protocols are not compared.
//!
//! A report has counts and no clips, so the two are compared as two independent shares although they are of the same clips: for each
//! split Newcombe's interval of the difference (method 10, of Wilson's intervals). Answers about the same clips go together, so the
//! interval is wider than a paired one would be, and one that leaves 0 out means what it says. The interval of the mean over the
//! splits is the mean of the ends of theirs: as if the splits were of the same clips, which they are in part.

use super::zero_shot::{Report, SplitReport};

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// B less A in points of percent, and its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    pub points: f64,
    pub low: f64,
    pub high: f64,
}

/// What of the stamps of two reports differs, a sentence each; empty where they can be compared.
pub fn differing(a: &Report, b: &Report) -> Vec<String> {
    let (p, q) = (&a.protocol, &b.protocol);
    let mut all = Vec::new();
    let mut say = |what: &str, a: String, b: String| {
        if a != b {
            all.push(format!("{what}: {a} and {b}"));
        }
    };
    say("data set", a.dataset.clone(), b.dataset.clone());
    say("frames", p.frames.to_string(), q.frames.to_string());
    say("views", p.views.to_string(), q.views.to_string());
    let word = |p: super::zero_shot::Preprocessing| format!("{p:?}").to_lowercase();
    say("preprocessing", word(p.preprocess), word(q.preprocess));
    say("templates (digest)", p.templates_digest.clone(), q.templates_digest.clone());
    say("negative prompts", on(p.negatives), on(q.negatives));
    say("splits", format!("{:?}", p.splits), format!("{:?}", q.splits));
    say("names of the classes (digest)", p.classes_digest.clone(), q.classes_digest.clone());
    say("which clips there are (digest)", p.clips_digest.clone(), q.clips_digest.clone());
    for (s, t) in a.splits.iter().zip(&b.splits) {
        say(&format!("clips of split {}", s.split), s.clips.to_string(), t.clips.to_string());
    }
    all
}

fn on(negatives: bool) -> String {
    if negatives { "on" } else { "off" }.to_owned()
}

/// The difference of one accuracy, of each split and of the mean over them; of reports whose stamps are equal.
pub fn difference(
    a: &[SplitReport],
    b: &[SplitReport],
    accuracy: fn(&SplitReport) -> f64,
) -> (Vec<Difference>, Difference) {
    let share = |split: &SplitReport| (accuracy(split) / 100.0, split.clips as f64);
    let splits: Vec<Difference> = a.iter().zip(b).map(|(a, b)| newcombe(share(a), share(b))).collect();
    let mean = |of: fn(&Difference) -> f64| splits.iter().map(of).sum::<f64>() / splits.len().max(1) as f64;
    let over = Difference { points: mean(|d| d.points), low: mean(|d| d.low), high: mean(|d| d.high) };
    (splits, over)
}

/// Wilson's 95% interval of a share of n.
fn wilson((p, n): (f64, f64)) -> (f64, f64) {
    let z2 = Z * Z;
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    (middle - half, middle + half)
}

fn newcombe(a: (f64, f64), b: (f64, f64)) -> Difference {
    let ((low_a, high_a), (low_b, high_b)) = (wilson(a), wilson(b));
    let (p, q) = (a.0, b.0);
    let d = q - p;
    let low = d - ((q - low_b).powi(2) + (high_a - p).powi(2)).sqrt();
    let high = d + ((high_b - q).powi(2) + (p - low_a).powi(2)).sqrt();
    Difference { points: 100.0 * d, low: 100.0 * low, high: 100.0 * high }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_newcombes() {
        // Newcombe 1998, table II, row 10: 56/70 less 48/80 is .2, .0524 to .3339.
        let d = newcombe((48.0 / 80.0, 80.0), (56.0 / 70.0, 70.0));
        for (got, want) in [(d.points, 20.0), (d.low, 5.24), (d.high, 33.39)] {
            assert!((got - want).abs() < 0.005, "{d:?}");
        }
        // The same: no difference, and the interval is even.
        let d = newcombe((0.5, 40.0), (0.5, 40.0));
        assert!(d.points == 0.0 && (d.low + d.high).abs() < 1e-9 && d.high > 0.0);
        // All and none stay within what can be.
        let d = newcombe((0.0, 10.0), (1.0, 10.0));
        assert!(d.high <= 100.0 + 1e-9 && d.low > 50.0, "{d:?}");
    }
}
