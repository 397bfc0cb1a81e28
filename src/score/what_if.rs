//! What the scores would be without a prompt, without a class, or with one class more: the cosines that are held, one of them
//! changed, weighed again (METHOD §6). Nothing is estimated; each says what the edit itself would give.

use super::{ClassEmbedding, Cosines, Scores, dot, weigh};

/// What a class would come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// s⁺ − s⁻; absent without positives.
    pub margin: Option<f64>,
    pub p: f64,
}

/// What a class would come to without each of its prompts, in the order of `ClassScore::positives` and `negatives`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeftOut {
    pub positive: Vec<Effect>,
    pub negative: Vec<Effect>,
}

/// Where a class that is not in the set would land.
#[derive(Clone, Debug, PartialEq)]
pub struct Landing {
    pub own: Cosines,
    pub p: f64,
    /// p of the classes of the set beside it, in their order.
    pub others: Vec<f64>,
}

fn margin(c: Cosines) -> Option<f64> {
    c.positive.map(|s| s - c.negative.unwrap_or(0.0))
}

/// Class `c`, whose text side is `class`, without each of its prompts in turn. `video` is f (E), and `scores` what was made
/// of the two: `None` where they are of other texts, or nothing was left out when the texts were encoded.
pub fn left_out(video: &[f32], class: &ClassEmbedding, c: usize, scores: &Scores) -> Option<LeftOut> {
    let (own, without) = (*scores.cosines.get(c)?, class.without.as_ref()?);
    if own.positive != class.positive.as_deref().map(|t| dot(video, t)) {
        return None;
    }
    let mut cosines = scores.cosines.clone();
    let mut effect = |changed: Cosines| {
        cosines[c] = changed;
        Effect { margin: margin(changed), p: weigh(&cosines, scores.tau, scores.alpha).p[c] }
    };
    let positive = without.positive.iter().map(|(text, counts)| {
        effect(Cosines { positive: text.as_deref().map(|t| dot(video, t)), counts: *counts, ..own })
    });
    let positive = positive.collect();
    let negative = class.negative_prompts.iter().zip(&without.negative).map(|((place, _), text)| {
        // Where negatives count for nothing (surgery), one less changes nothing.
        let best_from = |first: usize| {
            let others = class.negatives.iter().enumerate().filter(|(i, _)| i != place);
            let all = others.chain(text.iter().map(|text| (*place, text))).filter(|(i, _)| *i >= first);
            own.negative.and_then(|_| all.map(|(_, t)| dot(video, t)).max_by(f64::total_cmp))
        };
        effect(Cosines { negative: best_from(0), typed: best_from(class.from_templates), ..own })
    });
    Some(LeftOut { positive, negative: negative.collect() })
}

/// p of every class if class `c` were not in the set, in the same order; 0 for the class itself.
pub fn without_class(scores: &Scores, c: usize) -> Vec<f64> {
    let mut cosines = scores.cosines.clone();
    if let Some(own) = cosines.get_mut(c) {
        *own = Cosines::default();
    }
    weigh(&cosines, scores.tau, scores.alpha).p
}

/// What a class with this text side would get, and what would be left to the others. `video` is f (E) of the scores; `negatives`:
/// they are weighed (see [`super::Weighing`]).
pub fn with_class(video: &[f32], class: &ClassEmbedding, scores: &Scores, negatives: bool) -> Landing {
    let (own, _) = class.cosines(video, negatives);
    let mut cosines = scores.cosines.clone();
    cosines.push(own);
    let mut others = weigh(&cosines, scores.tau, scores.alpha).p;
    let p = others.pop().unwrap_or(0.0);
    Landing { own, p, others }
}
