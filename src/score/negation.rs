//! Ways to say what a class is not, beside each other: the class as it is with another text side in place of its own, weighed
//! among the others (METHOD §6). Nothing is estimated; a way that can be typed gives what typing it would give.

use super::{ClassEmbedding, Cosines, Scores, dot, normalise, weigh};
use std::sync::Arc;

/// What is left after subtracting is no direction any more when it is shorter than this: t⁺ and t⁻ are all but the same.
const SHORTEST: f64 = 1e-3;

/// What a class comes to with one text side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    pub own: Cosines,
    /// s⁺ − s⁻; absent without positives.
    pub margin: Option<f64>,
    pub p: f64,
    /// σ(τ(s⁺ − s⁻)); absent without positives or without negatives.
    pub yes: Option<f64>,
    /// Its place by p among the classes that have a share, from 1; absent where it has none.
    pub rank: Option<usize>,
}

/// The class in place `c` of the scores with the text side of `class`. `video` is f (E) of the scores; `negatives`: they are
/// weighed (see [`super::Weighing`]).
pub fn outcome(
    video: &[f32],
    class: &ClassEmbedding,
    c: usize,
    scores: &Scores,
    negatives: bool,
) -> Option<Outcome> {
    let (own, _) = class.cosines(video, negatives);
    let mut cosines = scores.cosines.clone();
    *cosines.get_mut(c)? = own;
    let weighed = weigh(&cosines, scores.tau, scores.alpha);
    let p = weighed.p[c];
    let before = |z: &&Option<f64>| z.is_some_and(|z| weighed.logits[c].is_some_and(|own| z > own));
    Some(Outcome {
        own,
        margin: own.positive.map(|s| s - own.negative.unwrap_or(0.0)),
        p,
        yes: weighed.yes[c],
        rank: weighed.logits[c].map(|_| 1 + weighed.logits.iter().filter(before).count()),
    })
}

/// (t⁺ − λ t⁻) as a unit vector, of two unit vectors (E); `None` where the two leave no direction.
pub fn subtracted(positive: &[f32], negative: &[f32], lambda: f32) -> Option<Arc<[f32]>> {
    let mut left: Vec<f32> = positive.iter().zip(negative).map(|(p, n)| p - lambda * n).collect();
    if dot(&left, &left).sqrt() < SHORTEST {
        return None;
    }
    normalise(&mut left);
    Some(left.into())
}

/// The cosine of two unit vectors (E).
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    dot(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::score;

    fn unit(x: f32, y: f32) -> Arc<[f32]> {
        let mut v = vec![x, y];
        normalise(&mut v);
        v.into()
    }

    #[test]
    fn subtracting_turns_away_and_what_leaves_nothing_says_so() {
        let (a, b) = (unit(1.0, 0.0), unit(1.0, 1.0));
        assert_eq!(subtracted(&a, &b, 0.0).unwrap(), a);
        let half = subtracted(&a, &b, 0.5).unwrap();
        assert!(cosine(&half, &b) < cosine(&a, &b) - 0.1 && (cosine(&half, &half) - 1.0).abs() < 1e-6);
        assert_eq!(subtracted(&a, &a, 1.0), None);
        assert!(subtracted(&a, &a, 0.9).is_some_and(|t| (cosine(&t, &a) - 1.0).abs() < 1e-6));
        assert!(subtracted(&a, &a, 2.0).is_some_and(|t| (cosine(&t, &a) + 1.0).abs() < 1e-6));
    }

    #[test]
    fn the_rank_is_that_among_classes_with_a_share() {
        let class = |name: &str, positive, counts| ClassEmbedding {
            name: name.into(),
            positive,
            counts,
            ..ClassEmbedding::default()
        };
        let list = [
            class("a", Some(unit(1.0, 0.0)), true),
            class("left out", Some(unit(1.0, 0.0)), false),
            class("b", Some(unit(1.0, 1.0)), true),
        ];
        let video = unit(0.9, 0.1);
        let scores = score(&video, &list, 10.0, 0.5);
        let rank = |c: usize, of: &ClassEmbedding| outcome(&video, of, c, &scores, true).unwrap().rank;
        assert_eq!((rank(0, &list[0]), rank(1, &list[1]), rank(2, &list[2])), (Some(1), None, Some(2)));
        let turned = class("a", Some(unit(0.0, 1.0)), true);
        assert_eq!(rank(0, &turned), Some(2));
        assert_eq!(rank(0, &class("a", None, true)), None);
        assert_eq!(outcome(&video, &turned, 3, &scores, true), None);
    }
}
