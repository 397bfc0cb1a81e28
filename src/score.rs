//! Pure arithmetic from embeddings to scores (METHOD §6): no tensors, no device, no allocation worth naming,
//! so a prompt edit is as cheap as it looks.

mod matrix;
pub mod negation;
mod what_if;

pub use matrix::{Kept, Matrix};
pub use what_if::{Effect, Landing, LeftOut, left_out, with_class, without_class};

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The text side of one class, after DA_j: unit vectors of width E, absent where the class has no such prompts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassEmbedding {
    pub name: String,
    /// t⁺ (E), unit norm.
    pub positive: Option<Arc<[f32]>>,
    /// Every t⁻ (E), unit norm: one for the negatives that the templates give, and one for each other prompt.
    pub negatives: Vec<Arc<[f32]>>,
    /// How many of these, from the first, are of the templates: one or none. A person has typed the others.
    pub from_templates: usize,
    /// What the templates say against the name (E), unit norm, whether the class has it or not: typed negatives are measured against
    /// it. Absent where the class has no negatives, or the templates none.
    pub floor: Option<Arc<[f32]>>,
    /// Each positive prompt alone (E), unit norm, in the order of `PromptSet::positive_prompts`.
    pub positive_prompts: Vec<Arc<[f32]>>,
    /// Each negative prompt alone, in the order of `PromptSet::negative_prompts`, with the place in `negatives` of the t⁻ that
    /// it belongs to; the number of these for one whose words the model does not know, which weighs nothing.
    pub negative_prompts: Vec<(usize, Arc<[f32]>)>,
    /// The class is given to the softmax. One of words that the model does not know is not (`prompt::known`): it looks like
    /// every other such class.
    pub counts: bool,
    /// The same with each prompt left out in turn, where that was computed (`session::texts`).
    pub without: Option<Arc<Without>>,
}

/// The text side of a class with each of its prompts left out in turn, as if it had been deleted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Without {
    /// For each positive prompt: t⁺ of the others (E), absent where there is no other, and whether the class then counts.
    pub positive: Vec<(Option<Arc<[f32]>>, bool)>,
    /// For each negative prompt: what becomes of the t⁻ that it belongs to (E); absent where that falls away.
    pub negative: Vec<Option<Arc<[f32]>>>,
}

impl ClassEmbedding {
    /// The place of the negative that fits the clip best: s⁻ is its cosine (METHOD §6). One mean of all would not do:
    /// prompts that say different things have no meaningful mean. With that, an unrelated negative moved p by more than 0.1 in
    /// three clips of four (`tests/prompt_edits.rs`). With the templates' negatives alone both are the same.
    fn nearest(&self, video: &[f32]) -> Option<(usize, f64)> {
        let all = self.negatives.iter().map(|t| dot(video, t)).enumerate();
        all.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// What the class brings to the softmax for a clip with embedding `video` (E), and the place of the negative that s⁻ is of.
    /// `negatives`: they are weighed.
    fn cosines(&self, video: &[f32], negatives: bool) -> (Cosines, Option<usize>) {
        let cosine = |t: &Arc<[f32]>| dot(video, t);
        let each: Vec<f64> = self.negatives.iter().filter(|_| negatives).map(cosine).collect();
        let nearest = each.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        let floor = match self.place_of_floor() {
            Some(place) => each.get(place).copied(),
            None => self.floor.as_ref().filter(|_| negatives).map(cosine),
        };
        let cosines = Cosines {
            positive: self.positive.as_ref().map(cosine),
            negative: nearest.map(|(_, s)| *s),
            typed: each.iter().copied().skip(self.from_templates).max_by(f64::total_cmp),
            floor,
            counts: self.counts,
        };
        (cosines, nearest.map(|(place, _)| place))
    }

    /// The place of the floor among the negatives, where it is one of them.
    fn place_of_floor(&self) -> Option<usize> {
        let floor = self.floor.as_ref()?;
        self.negatives.iter().position(|t| Arc::ptr_eq(t, floor))
    }

    /// The negative that fits the clip best.
    pub fn nearest_negative(&self, video: &[f32]) -> Option<&[f32]> {
        self.nearest(video).map(|(place, _)| &*self.negatives[place])
    }
}

/// The scores of one class for one clip.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    pub name: String,
    /// s⁺ = f·t⁺, a cosine; absent for a class without positive prompts.
    pub s_pos: Option<f32>,
    /// s⁻ = f·t⁻ of the negative that fits best, a cosine; absent for a class without negative prompts.
    pub s_neg: Option<f32>,
    /// The same of the negatives that a person has typed, and s⁰, the cosine with what the templates say against the class: p falls by
    /// what the first has above the second. Absent where there is nothing of the kind.
    #[serde(default)]
    pub s_typed: Option<f32>,
    #[serde(default)]
    pub s_floor: Option<f32>,
    /// s⁺ − s⁻ (s⁻ = nothing subtracted where there are no negatives); absent without positives.
    pub margin: Option<f32>,
    /// cos(t⁺, t⁻), of the negative nearest to the positive: near 1 means the text tower hardly tells the negative from the positive.
    pub text_cos: Option<f32>,
    /// z_c of METHOD §6; absent without positives, and for a class that does not count.
    pub logit: Option<f32>,
    /// softmax of z over the classes that have positives and count; 0 for the others.
    pub p: f32,
    /// The class was given to the softmax, if it has positives.
    pub counts: bool,
    /// σ(τ(s⁺ − s⁻)); absent without positives or without negatives: there is nothing to weigh.
    pub yes: Option<f32>,
    /// The cosine of the clip with each positive prompt alone, in the order of `PromptSet::positive_prompts`; with each
    /// negative one likewise.
    pub positives: Vec<f32>,
    pub negatives: Vec<f32>,
    /// The negative prompts (places in `negatives`) whose t⁻ set s⁻: one, or those of the templates together.
    pub nearest: Vec<usize>,
}

/// The scores of one clip against one prompt set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// In the order of the prompt set.
    pub classes: Vec<ClassScore>,
    /// Σ p_c (1 − yes_c): the weight of "none of these".
    pub none: f32,
    /// The α and τ that were used.
    pub alpha: f32,
    pub tau: f32,
    /// What the softmax was made of, in the same order and in double precision; in no file.
    #[serde(skip)]
    pub cosines: Vec<Cosines>,
}

/// What one class brings to the softmax.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cosines {
    /// s⁺ and s⁻, absent where the class has no such prompts.
    pub positive: Option<f64>,
    pub negative: Option<f64>,
    /// The same of the typed negatives alone.
    pub typed: Option<f64>,
    /// s⁰, absent where negatives are measured against those of the other classes.
    pub floor: Option<f64>,
    /// The class is given to the softmax, if it has positives.
    pub counts: bool,
}

/// Scales `v` to unit norm. A vector of norm zero stays zero: it has cosine 0 with everything.
pub fn normalise(v: &mut [f32]) {
    let norm = dot(v, v).sqrt();
    if norm > 0.0 {
        for x in v {
            *x = (f64::from(*x) / norm) as f32;
        }
    }
}

/// One vector for several prompts (METHOD §6): each is normalised, then their mean, renormalised. `None` where
/// there are no prompts. DA_j is for the caller to apply to the result, and to normalise after it.
pub fn mean_of_normalised<V: AsRef<[f32]>>(vectors: &[V]) -> Option<Vec<f32>> {
    let width = vectors.first()?.as_ref().len();
    let mut sum = vec![0.0_f64; width];
    for v in vectors {
        let v = v.as_ref();
        let norm = dot(v, v).sqrt();
        if norm > 0.0 {
            sum.iter_mut().zip(v).for_each(|(s, &x)| *s += f64::from(x) / norm);
        }
    }
    let mut mean: Vec<f32> = sum.into_iter().map(|s| (s / vectors.len() as f64) as f32).collect();
    normalise(&mut mean);
    Some(mean)
}

/// How the negative prompts are weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighing {
    /// α of METHOD §6; 0 is plain CLIP.
    pub alpha: f32,
    /// False: as if no class had any.
    pub negatives: bool,
}

/// As [`score_with`], with the negatives that there are.
pub fn score(video: &[f32], classes: &[ClassEmbedding], tau: f32, alpha: f32) -> Scores {
    score_with(video, classes, tau, Weighing { alpha, negatives: true })
}

/// Scores one clip against all classes (METHOD §6).
///
/// `video` is f (E) and unit norm like the class embeddings; `tau` is τ = exp(logit_scale). A class without positives, or one that does not count, takes no part in the softmax: its p is
/// 0, it has no logit, its negatives centre nothing, and it has no weight in `none`. Where a class has no negatives nothing
/// speaks against it: it has no `yes`, and adds nothing to `none`.
pub fn score_with(video: &[f32], classes: &[ClassEmbedding], tau: f32, weighing: Weighing) -> Scores {
    let Weighing { alpha, negatives } = weighing;
    let cosine = |t: &[f32]| dot(video, t);
    let (cosines, nearest): (Vec<Cosines>, Vec<Option<usize>>) =
        classes.iter().map(|c| c.cosines(video, negatives)).unzip();
    let Weighed { logits, p, yes, none } = weigh(&cosines, tau, alpha);

    let scored = classes
        .iter()
        .enumerate()
        .map(|(c, class)| {
            let Cosines { positive: s_pos, negative: s_neg, typed, floor, .. } = cosines[c];
            let text_cos = class.positive.as_ref().filter(|_| negatives).and_then(|t| class.nearest(t));
            let single = |t: &Arc<[f32]>| cosine(t) as f32;
            let of_nearest = |(i, (group, _)): (usize, &(usize, Arc<[f32]>))| {
                nearest[c].filter(|place| place == group).map(|_| i)
            };
            ClassScore {
                name: class.name.clone(),
                s_pos: s_pos.map(|s| s as f32),
                s_neg: s_neg.map(|s| s as f32),
                s_typed: typed.map(|s| s as f32),
                s_floor: floor.map(|s| s as f32),
                margin: s_pos.map(|s| (s - s_neg.unwrap_or(0.0)) as f32),
                text_cos: text_cos.map(|(_, c)| c as f32),
                logit: logits[c].map(|z| z as f32),
                p: p[c] as f32,
                counts: class.counts,
                yes: yes[c].map(|v| v as f32),
                positives: class.positive_prompts.iter().map(single).collect(),
                negatives: class
                    .negative_prompts
                    .iter()
                    .filter(|_| negatives)
                    .map(|(_, t)| single(t))
                    .collect(),
                nearest: class.negative_prompts.iter().enumerate().filter_map(of_nearest).collect(),
            }
        })
        .collect();
    Scores { classes: scored, none: none as f32, alpha, tau, cosines }
}

/// What the cosines of one clip come to, class by class.
struct Weighed {
    /// z of METHOD §6; absent where the class takes no part in the softmax.
    logits: Vec<Option<f64>>,
    p: Vec<f64>,
    yes: Vec<Option<f64>>,
    none: f64,
}

/// METHOD §6 on the cosines of one clip.
fn weigh(cosines: &[Cosines], tau: f32, alpha: f32) -> Weighed {
    let tau = f64::from(tau);
    let mean_negative = mean_negative(cosines);
    let logits: Vec<Option<f64>> = cosines
        .iter()
        .map(|c| {
            let excess = c.excess(mean_negative).unwrap_or(0.0);
            c.positive.filter(|_| c.counts).map(|s| tau * (s - f64::from(alpha) * excess))
        })
        .collect();
    let p = softmax(&logits);
    let yes = |c: &Cosines| Some(sigmoid(tau * (c.positive? - c.negative?)));
    let yes: Vec<Option<f64>> = cosines.iter().map(yes).collect();
    let none = p.iter().zip(&yes).map(|(p, yes)| p * (1.0 - yes.unwrap_or(1.0))).sum();
    Weighed { logits, p, yes, none }
}

impl Cosines {
    /// What α weighs (METHOD §6): how far the typed negative that fits best lies above the floor, and nothing where it lies below;
    /// without a floor how far from s̄⁻, the `mean` of [`mean_negative`]. Absent without typed negatives.
    pub fn excess(&self, mean: f64) -> Option<f64> {
        let typed = self.typed?;
        Some(self.floor.map_or(typed - mean, |floor| (typed - floor).max(0.0)))
    }
}

/// s̄⁻ of METHOD §6: the mean s⁻ of the classes that count and have typed negatives but no floor; 0 where none has.
pub fn mean_negative(cosines: &[Cosines]) -> f64 {
    let without = cosines.iter().filter(|c| c.counts && c.floor.is_none());
    let having: Vec<f64> = without.filter_map(|c| c.typed).collect();
    having.iter().sum::<f64>() / having.len().max(1) as f64
}

/// Inner product in double precision: sums of hundreds of terms stay well within METHOD §11's 1e-6. Eight sums side by side
/// let the processor add them at once.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let product = |x: &f32, y: &f32| f64::from(*x) * f64::from(*y);
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += product(&a[i], &b[i]);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| product(x, y)).sum();
    sums.iter().sum::<f64>() + rest
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Softmax over the entries that are there, shifted by the largest so that nothing overflows; 0 for the others.
fn softmax(logits: &[Option<f64>]) -> Vec<f64> {
    let largest = logits.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logits.iter().map(|z| z.map_or(0.0, |z| (z - largest).exp())).collect();
    let sum: f64 = weights.iter().sum();
    if sum > 0.0 { weights.into_iter().map(|w| w / sum).collect() } else { weights }
}
