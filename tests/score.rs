//! METHOD §11's rows on scores: plain CLIP without negatives, invariances, order, and no NaN anywhere.

use motionlens::score::{ClassEmbedding, Kept, Scores, mean_of_normalised, normalise, score};
use proptest::prelude::*;
use std::sync::Arc;

const TOLERANCE: f32 = 1e-6;
const WIDTH: usize = 12;

fn class(name: &str, positive: Option<Vec<f32>>, negative: Option<Vec<f32>>) -> ClassEmbedding {
    ClassEmbedding {
        name: name.to_owned(),
        positive: positive.map(Into::into),
        negatives: negative.into_iter().map(Into::into).collect(),
        counts: true,
        ..ClassEmbedding::default()
    }
}

/// Plain CLIP: softmax of τ·cos, in double precision and by another route (log-sum-exp).
fn clip_softmax(video: &[f32], positives: &[Vec<f32>], tau: f32) -> Vec<f32> {
    let z: Vec<f64> = positives
        .iter()
        .map(|t| {
            f64::from(tau) * t.iter().zip(video).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
        })
        .collect();
    let largest = z.iter().copied().fold(f64::MIN, f64::max);
    let log_sum = largest + z.iter().map(|z| (z - largest).exp()).sum::<f64>().ln();
    z.iter().map(|z| (z - log_sum).exp() as f32).collect()
}

fn unit() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-1.0_f32..1.0, WIDTH).prop_map(|mut v| {
        normalise(&mut v);
        v
    })
}

/// Classes of every kind: without positives, negatives or a floor, with a floor of their own, or with one that is their negative.
fn classes(max: usize) -> impl Strategy<Value = Vec<ClassEmbedding>> {
    let optional = || prop::option::of(unit());
    prop::collection::vec((optional(), optional(), optional(), any::<bool>()), 0..max).prop_map(|list| {
        let of = |(i, (p, n, floor, shared)): (usize, (_, _, Option<Vec<f32>>, bool))| {
            let mut class = class(&format!("c{i}"), p, n);
            let own = class.negatives.first().filter(|_| shared).cloned();
            class.from_templates = usize::from(own.is_some());
            class.floor = own.or_else(|| floor.map(Into::into));
            class
        };
        list.into_iter().enumerate().map(of).collect()
    })
}

fn all_finite(s: &Scores) -> bool {
    let options =
        |c: &motionlens::score::ClassScore| [c.s_pos, c.s_neg, c.margin, c.text_cos, c.logit, c.yes];
    s.none.is_finite()
        && s.classes.iter().all(|c| c.p.is_finite() && options(c).iter().flatten().all(|v| v.is_finite()))
}

proptest! {
    #[test]
    fn no_negatives_is_plain_clip(video in unit(), positives in prop::collection::vec(unit(), 1..9),
                                  tau in 1.0_f32..100.0, alpha in 0.0_f32..2.0) {
        let list: Vec<_> = positives.iter().map(|t| class("c", Some(t.clone()), None)).collect();
        let scores = score(&video, &list, tau, alpha);
        for (got, want) in scores.classes.iter().zip(clip_softmax(&video, &positives, tau)) {
            prop_assert!((got.p - want).abs() <= TOLERANCE);
            prop_assert_eq!(got.yes, None);
        }
        prop_assert_eq!(scores.none, 0.0);
    }

    #[test]
    fn alpha_zero_is_plain_clip(video in unit(), pairs in prop::collection::vec((unit(), unit()), 1..9),
                                tau in 1.0_f32..100.0) {
        let list: Vec<_> = pairs.iter().map(|(p, n)| class("c", Some(p.clone()), Some(n.clone()))).collect();
        let positives: Vec<_> = pairs.into_iter().map(|(p, _)| p).collect();
        let scores = score(&video, &list, tau, 0.0);
        for (got, want) in scores.classes.iter().zip(clip_softmax(&video, &positives, tau)) {
            prop_assert!((got.p - want).abs() <= TOLERANCE);
        }
    }

    /// The last coordinate of the clip is 1, so a number put there in every t⁻ is added to every s⁻. Some classes
    /// have no negatives: centring must leave them where they were too.
    #[test]
    fn shifting_all_negatives_changes_no_probability(video in unit(), list in classes(9),
                                                     shift in -1.0_f32..1.0, alpha in 0.0_f32..2.0) {
        let lengthen = |v: Option<&Arc<[f32]>>, x: f32| v.map(|v| [&v[..], &[x]].concat());
        let with = |x: f32| -> Vec<_> {
            list.iter().map(|c| class(&c.name, lengthen(c.positive.as_ref(), 0.0), lengthen(c.negatives.first(), x))).collect()
        };
        let mut video = video;
        video.push(1.0);
        // τ small enough that f32 rounding of the inputs (1e-7 · τ) stays within the tolerance.
        let (a, b) = (score(&video, &with(0.0), 5.0, alpha), score(&video, &with(shift), 5.0, alpha));
        for (a, b) in a.classes.iter().zip(&b.classes) {
            prop_assert!((a.p - b.p).abs() <= TOLERANCE, "{} {}", a.p, b.p);
        }
    }

    /// Where every class has negatives, centring cancels: z is plain subtraction up to a constant.
    #[test]
    fn full_negatives_are_plain_subtraction(video in unit(), pairs in prop::collection::vec((unit(), unit()), 1..9),
                                            alpha in 0.0_f32..2.0) {
        let list: Vec<_> = pairs.iter().map(|(p, n)| class("c", Some(p.clone()), Some(n.clone()))).collect();
        let difference: Vec<Vec<f32>> =
            pairs.iter().map(|(p, n)| p.iter().zip(n).map(|(p, n)| p - alpha * n).collect()).collect();
        let scores = score(&video, &list, 5.0, alpha);
        for (got, want) in scores.classes.iter().zip(clip_softmax(&video, &difference, 5.0)) {
            prop_assert!((got.p - want).abs() <= 2.0 * TOLERANCE);
        }
    }

    /// The negatives of the templates are the floor itself: they leave p to the positives, whatever α is.
    #[test]
    fn negatives_of_the_templates_leave_plain_clip(video in unit(), pairs in prop::collection::vec((unit(), unit()), 1..9),
                                                   tau in 1.0_f32..100.0, alpha in 0.0_f32..2.0) {
        let of = |(p, n): &(Vec<f32>, Vec<f32>)| {
            let class = class("c", Some(p.clone()), Some(n.clone()));
            ClassEmbedding { floor: class.negatives.first().cloned(), from_templates: 1, ..class }
        };
        let list: Vec<_> = pairs.iter().map(of).collect();
        let positives: Vec<_> = pairs.into_iter().map(|(p, _)| p).collect();
        let scores = score(&video, &list, tau, alpha);
        for (got, want) in scores.classes.iter().zip(clip_softmax(&video, &positives, tau)) {
            prop_assert!((got.p - want).abs() <= TOLERANCE);
            prop_assert!(got.yes.is_some());
        }
    }

    /// A typed negative lowers z by α times what it has above the floor, and never raises its class.
    #[test]
    fn a_typed_negative_counts_by_what_it_has_above_the_floor(video in unit(), list in classes(9), floor in unit(),
                                                              typed in unit(), at in 0_usize..9, alpha in 0.0_f32..2.0) {
        prop_assume!(at < list.len());
        let mut before = list;
        before[at].negatives = vec![floor.into()];
        before[at].floor = before[at].negatives.first().cloned();
        before[at].from_templates = 1;
        let (mut after, mut replaced) = (before.clone(), before.clone());
        let typed = Arc::<[f32]>::from(typed);
        after[at].negatives.push(typed.clone());
        (replaced[at].negatives, replaced[at].from_templates) = (vec![typed], 0);
        let of = |list: &[ClassEmbedding]| score(&video, list, 5.0, alpha).classes.swap_remove(at);
        let (before, after, replaced) = (of(&before), of(&after), of(&replaced));
        prop_assert!(after.p <= before.p && after.yes <= before.yes);
        // Whether the templates' negative stands beside it or not is the same to p.
        prop_assert!((after.p - replaced.p).abs() <= TOLERANCE);
        if let Some((before, after_z)) = before.logit.zip(after.logit) {
            let excess = (replaced.s_typed.unwrap() - replaced.s_floor.unwrap()).max(0.0);
            prop_assert!((before - 5.0 * alpha * excess - after_z).abs() <= 1e-5);
        }
    }

    /// With equal positives, the class whose negative fits the clip better never wins, and loses more as α grows.
    #[test]
    fn alpha_orders_by_the_negative(video in unit(), t in unit(), n0 in unit(), n1 in unit()) {
        let list = [class("a", Some(t.clone()), Some(n0)), class("b", Some(t), Some(n1))];
        let at = |alpha: f32| score(&video, &list, 10.0, alpha);
        let zero = at(0.0);
        let (better, worse) =
            if zero.classes[0].s_neg < zero.classes[1].s_neg { (0, 1) } else { (1, 0) };
        let mut last = zero.classes[better].p;
        prop_assert!((last - 0.5).abs() <= TOLERANCE);
        for alpha in [0.25, 0.5, 1.0, 2.0] {
            let s = at(alpha);
            prop_assert!(s.classes[better].p + TOLERANCE >= s.classes[worse].p);
            prop_assert!(s.classes[better].p + TOLERANCE >= last);
            last = s.classes[better].p;
        }
    }

    #[test]
    fn yes_and_none_hold_their_definitions(video in unit(), list in classes(9), tau in 1.0_f32..100.0,
                                           alpha in 0.0_f32..2.0) {
        let s = score(&video, &list, tau, alpha);
        prop_assert!(all_finite(&s));
        prop_assert_eq!(s.alpha, alpha);
        let mut none = 0.0;
        for (c, e) in s.classes.iter().zip(&list) {
            prop_assert!((0.0..=1.0).contains(&c.p) && c.yes.is_none_or(|y| (0.0..=1.0).contains(&y)));
            prop_assert_eq!(c.s_pos.is_some(), e.positive.is_some());
            prop_assert_eq!(c.s_neg.is_some(), !e.negatives.is_empty());
            prop_assert_eq!(c.logit.is_some(), e.positive.is_some());
            match (c.s_pos, c.s_neg) {
                (Some(p), Some(n)) => {
                    prop_assert!((c.margin.unwrap() - (p - n)).abs() <= TOLERANCE);
                    let yes = 1.0 / (1.0 + (-f64::from(tau) * f64::from(p - n)).exp());
                    prop_assert!((f64::from(c.yes.unwrap()) - yes).abs() <= 1e-5);
                }
                (Some(p), None) => prop_assert_eq!((c.margin, c.yes), (Some(p), None)),
                (None, _) => prop_assert_eq!((c.margin, c.p, c.yes), (None, 0.0, None)),
            }
            none += c.p * (1.0 - c.yes.unwrap_or(1.0));
        }
        prop_assert!((s.none - none).abs() <= TOLERANCE);
        let sum: f32 = s.classes.iter().map(|c| c.p).sum();
        let whole = if list.iter().any(|c| c.positive.is_some()) { 1.0 } else { 0.0 };
        prop_assert!((sum - whole).abs() <= 1e-5);
    }

    /// A further negative that fits the clip worse than the one there is changes nothing; one that fits better counts alone.
    #[test]
    fn the_negative_that_fits_best_counts(video in unit(), list in classes(9), extra in unit(), at in 0_usize..9,
                                          alpha in 0.0_f32..2.0) {
        prop_assume!(at < list.len());
        let before = score(&video, &list, 10.0, alpha);
        let (mut more, mut alone) = (list.clone(), list.clone());
        more[at].negatives.push(extra.clone().into());
        (alone[at].negatives, alone[at].from_templates) = (vec![extra.into()], 0);
        let (more, alone) = (score(&video, &more, 10.0, alpha), score(&video, &alone, 10.0, alpha));
        let worse = before.classes[at].s_neg.is_some_and(|s| s >= alone.classes[at].s_neg.unwrap());
        let expected = if worse { before } else { alone };
        for (got, want) in more.classes.iter().zip(&expected.classes) {
            prop_assert_eq!((got.s_neg, got.p, got.yes), (want.s_neg, want.p, want.yes));
        }
    }

    /// A class that does not count changes nothing for the others, and keeps its own cosines.
    #[test]
    fn a_class_that_does_not_count_is_not_there_for_the_others(video in unit(), list in classes(9), at in 0_usize..9,
                                                              alpha in 0.0_f32..2.0) {
        prop_assume!(at < list.len());
        let (mut masked, mut without) = (list.clone(), list);
        masked[at].counts = false;
        let left_out = without.remove(at);
        let (masked, without) = (score(&video, &masked, 10.0, alpha), score(&video, &without, 10.0, alpha));
        prop_assert_eq!(masked.none, without.none);
        let mut others = masked.classes.clone();
        let own = others.remove(at);
        prop_assert_eq!(others, without.classes);
        prop_assert_eq!((own.p, own.logit, own.counts), (0.0, None, false));
        prop_assert_eq!(own.s_pos.is_some(), left_out.positive.is_some());
    }

    #[test]
    fn the_mean_of_prompts_is_unit_and_blind_to_their_lengths(a in unit(), b in unit(), scale in 0.1_f32..10.0) {
        let long: Vec<f32> = b.iter().map(|x| x * scale).collect();
        let (m, n) = (mean_of_normalised(&[&a, &b]).unwrap(), mean_of_normalised(&[&a, &long]).unwrap());
        let norm: f32 = m.iter().map(|x| x * x).sum::<f32>().sqrt();
        prop_assert!((norm - 1.0).abs() <= 1e-5);
        prop_assert!(m.iter().zip(&n).all(|(x, y)| (x - y).abs() <= 1e-5));
    }
}

#[test]
fn nothing_in_gives_nothing_out() {
    assert_eq!(score(&[1.0, 0.0], &[], 100.0, 1.0), Scores { alpha: 1.0, tau: 100.0, ..Scores::default() });
    let empty = score(&[], &[class("a", Some(vec![]), Some(vec![]))], 100.0, 1.0);
    assert!(all_finite(&empty));
    assert_eq!(empty.classes[0].p, 1.0);
    assert!(mean_of_normalised::<Vec<f32>>(&[]).is_none());
}

#[test]
fn zero_vectors_and_a_single_class_give_no_nan() {
    let zero = vec![0.0; 3];
    let s = score(
        &zero,
        &[class("a", Some(zero.clone()), Some(zero.clone())), class("b", None, None)],
        100.0,
        1.0,
    );
    assert!(all_finite(&s));
    assert_eq!((s.classes[0].p, s.classes[0].yes, s.none), (1.0, Some(0.5), 0.5));
    assert_eq!((s.classes[1].p, s.classes[1].yes), (0.0, None));
    assert_eq!(mean_of_normalised(&[zero.clone(), zero.clone()]).unwrap(), zero);
    assert_eq!(mean_of_normalised(&[[1.0, 0.0], [-1.0, 0.0]]).unwrap(), [0.0, 0.0]);
}

#[test]
fn a_very_sharp_temperature_does_not_overflow() {
    let list = [class("a", Some(vec![1.0]), Some(vec![-1.0])), class("b", Some(vec![-1.0]), Some(vec![1.0]))];
    let s = score(&[1.0], &list, 1e30, 1.0);
    assert!(all_finite(&s));
    assert_eq!((s.classes[0].p, s.classes[1].p), (1.0, 0.0));
    assert_eq!((s.classes[0].yes, s.classes[1].yes), (Some(1.0), Some(0.0)));
}

proptest! {
    /// Many clips at once are scored as each alone, whatever is kept of earlier calls: other texts, fewer clips, other clips, or
    /// as much as there is room for.
    #[test]
    fn a_matrix_says_what_each_clip_says(videos in prop::collection::vec(unit(), 0..300), list in classes(7), more in unit(),
                                         tau in 1.0_f32..100.0, alpha in 0.0_f32..2.0, half in any::<bool>(), room in 0_usize..40_000) {
        let mut list = list;
        let videos: Vec<Arc<[f32]>> = videos.into_iter().map(Into::into).collect();
        let mut kept = Kept::new(room);
        let first = &videos[..if half { videos.len() / 2 } else { videos.len() }];
        agree(&mut kept, first, &list, (tau, alpha))?;
        if let Some(first) = list.first_mut() {
            first.negatives.push(more.into());
        }
        if let Some(last) = list.last_mut() {
            last.counts = false;
        }
        agree(&mut kept, &videos, &list, (tau, alpha))?;
        list.reverse();
        agree(&mut kept, &videos, &list, (tau, alpha))?;
        agree(&mut kept, &videos[videos.len() / 3..], &list, (tau, alpha))?;
        let stopped = kept.score_all(&videos, &list[..list.len() / 2], (tau, alpha), &[], &|| false);
        prop_assert!(videos.is_empty() || stopped.is_none());
        agree(&mut kept, &videos, &list, (tau, alpha))?;
    }
}

fn agree(
    kept: &mut Kept,
    videos: &[Arc<[f32]>],
    list: &[ClassEmbedding],
    (tau, alpha): (f32, f32),
) -> Result<(), TestCaseError> {
    let columns: Vec<usize> = (0..list.len()).step_by(2).collect();
    let got = kept.score_all(videos, list, (tau, alpha), &columns, &|| true).expect("nobody stops it");
    prop_assert_eq!(got.rows(), videos.len());
    for (row, video) in videos.iter().enumerate() {
        let want = score(video, list, tau, alpha);
        prop_assert!((got.none[row] - want.none).abs() <= TOLERANCE);
        let best = want.classes.iter().map(|c| c.p).fold(0.0, f32::max);
        prop_assert_eq!(got.winner[row].is_some(), best > 0.0);
        if let Some(winner) = got.winner[row] {
            prop_assert!(want.classes[winner].p >= best - TOLERANCE);
        }
        for (at, c) in columns.iter().enumerate() {
            let (at, want) = (row * columns.len() + at, &want.classes[*c]);
            let same = |got: f32, want: Option<f32>| match want {
                Some(want) => (got - want).abs() <= TOLERANCE,
                None => got.is_nan(),
            };
            prop_assert!(same(got.p[at], Some(want.p)), "p {} {want:?}", got.p[at]);
            prop_assert!(same(got.margin[at], want.margin), "margin {} {want:?}", got.margin[at]);
            prop_assert!(same(got.s_pos[at], want.s_pos), "s_pos {} {want:?}", got.s_pos[at]);
        }
    }
    Ok(())
}
