//! What-ifs say what the edit itself gives: a prompt left out, a class left out, a class added, and the ways of the negation bench,
//! each beside the scores of the set that was really edited.

use burn::tensor::Device;
use motionlens::prompt::{Class, PromptSet, Templates};
use motionlens::score::{
    ClassEmbedding, Scores, Weighing, left_out, normalise, score_with, with_class, without_class,
};
use motionlens::session::{ModelSource, Session};
use motionlens::ui::edit::{History, PromptEdit, Side};
use motionlens::ui::negation::{denied, texts, ways};

const TOLERANCE: f64 = 1e-6;
const ALPHA: f32 = 0.5;

struct Bench {
    session: Session,
    /// Embeddings of the joint space that stand for clips.
    videos: Vec<Vec<f32>>,
}

impl Bench {
    fn new() -> Self {
        let session = Session::load(&ModelSource::Shapes, &Device::flex(), &|_, _| ()).unwrap();
        let mut bench = Self { session, videos: Vec::new() };
        // Texts and mixtures of texts: near some classes and far from others, as clips are.
        let classes =
            bench.classes(&PromptSet::from_names(["moving left", "moving up spinning", "not moving"]));
        let text = |i: usize| classes[i].positive.clone().unwrap();
        for (a, b, share) in [(0, 1, 1.0), (0, 1, 0.4), (1, 2, 0.7), (2, 0, 0.9)] {
            let mix = |(x, y): (&f32, &f32)| share * x + (1.0 - share) * y;
            let mut video: Vec<f32> = text(a).iter().zip(&*text(b)).map(mix).collect();
            normalise(&mut video);
            bench.videos.push(video);
        }
        bench
    }

    fn classes(&mut self, set: &PromptSet) -> Vec<ClassEmbedding> {
        self.session.classes(set, &mut |_, _| true).unwrap().0
    }

    /// The scores of every video.
    fn scores(&mut self, set: &PromptSet) -> Vec<(Scores, Vec<ClassEmbedding>)> {
        self.weighed(set, true)
    }

    /// The same with negatives that are weighed or not (surgery).
    fn weighed(&mut self, set: &PromptSet, negatives: bool) -> Vec<(Scores, Vec<ClassEmbedding>)> {
        let (classes, tau) = (self.classes(set), self.session.info.tau);
        let weighing = Weighing { alpha: ALPHA, negatives };
        self.videos.iter().map(|v| (score_with(v, &classes, tau, weighing), classes.clone())).collect()
    }
}

fn list(prompts: &[&str]) -> Option<Vec<String>> {
    Some(prompts.iter().map(|&p| p.to_owned()).collect())
}

/// Classes of every kind: from templates, own prompts, one prompt, none, the same twice, and words that are not known.
fn set() -> PromptSet {
    let class = |name: &str, positive: Option<Vec<String>>, negative: Option<Vec<String>>| Class {
        name: name.into(),
        positive,
        negative,
        ..Class::default()
    };
    PromptSet {
        templates: Templates {
            positive: ["{}", "a video of an object {}", "a video"].map(str::to_owned).to_vec(),
            negative: ["not {}", "an object not {}"].map(str::to_owned).to_vec(),
        },
        classes: vec![
            class("moving left", None, None),
            class("moving right", list(&["moving right"]), list(&["not moving right", "moving left"])),
            class("moving up", list(&["moving up", "moving up fast", "moving up"]), list(&[])),
            class("moving down", list(&["juggling", "moving down"]), list(&["moving up", "moving up"])),
            class("juggling", None, None),
            class("shaking", list(&[]), None),
        ],
        ..PromptSet::from_names(Vec::<String>::new())
    }
}

#[test]
fn a_prompt_left_out_is_a_prompt_deleted() {
    let mut bench = Bench::new();
    let set = set();
    let before = bench.scores(&set);
    let mut moved = 0;
    for (c, class) in set.classes.iter().enumerate() {
        for positive in [true, false] {
            let whole = if positive { set.positive_prompts(class) } else { set.negative_prompts(class) };
            for i in 0..whole.len() {
                let mut edited = set.clone();
                let mut rest = whole.clone();
                rest.remove(i);
                let of = &mut edited.classes[c];
                *(if positive { &mut of.positive } else { &mut of.negative }) = Some(rest);
                let after = bench.scores(&edited);
                for (v, ((before, classes), (after, _))) in before.iter().zip(&after).enumerate() {
                    let all = left_out(&bench.videos[v], &classes[c], c, before).expect("left out");
                    let effect = if positive { all.positive[i] } else { all.negative[i] };
                    let after = &after.classes[c];
                    let what = format!("{} without {:?}", class.name, whole[i]);
                    assert!(
                        (effect.p - f64::from(after.p)).abs() <= TOLERANCE,
                        "{what}: {effect:?} {after:?}"
                    );
                    assert_eq!(effect.margin.is_some(), after.margin.is_some(), "{what}");
                    if let Some((said, real)) = effect.margin.zip(after.margin) {
                        assert!((said - f64::from(real)).abs() <= TOLERANCE, "{what}: {said} {real}");
                    }
                    let change = (after.p - before.classes[c].p).abs();
                    moved += usize::from(change > 1e-3);
                    let filled =
                        set.templates.negative.iter().any(|t| t.replace("{}", &class.name) == whole[i]);
                    assert!(positive || !filled || f64::from(change) <= TOLERANCE, "{what}: p by {change}");
                }
            }
        }
    }
    assert!(moved > 10, "only {moved} changed anything");
}

#[test]
fn a_class_left_out_is_a_class_removed_and_a_class_tried_is_a_class_added() {
    for negatives in [true, false] {
        left_out_and_tried(negatives);
    }
}

fn left_out_and_tried(negatives: bool) {
    let mut bench = Bench::new();
    let set = set();
    let whole = bench.weighed(&set, negatives);
    for c in 0..set.classes.len() {
        let mut less = set.clone();
        less.classes.remove(c);
        let rest = bench.weighed(&less, negatives);
        for (v, ((whole, classes), (rest, _))) in whole.iter().zip(&rest).enumerate() {
            let mut said = without_class(whole, c);
            assert_eq!(said.remove(c), 0.0);
            for (said, real) in said.iter().zip(&rest.classes) {
                assert!((said - f64::from(real.p)).abs() <= TOLERANCE, "without {c}: {said} {real:?}");
            }
            // And the way back.
            let landing = with_class(&bench.videos[v], &classes[c], rest, negatives);
            assert!((landing.p - f64::from(whole.classes[c].p)).abs() <= TOLERANCE, "{landing:?}");
            let others = (0..set.classes.len()).filter(|other| *other != c);
            for (other, said) in others.zip(&landing.others) {
                assert!((said - f64::from(whole.classes[other].p)).abs() <= TOLERANCE, "{c} {other}");
            }
        }
    }
}

#[test]
fn texts_that_the_scores_are_not_of_say_nothing() {
    let mut bench = Bench::new();
    let scores = bench.scores(&set());
    let other = bench.classes(&PromptSet::from_names(["moving down"]));
    assert_eq!(left_out(&bench.videos[0], &other[0], 0, &scores[0].0), None);
    assert_eq!(left_out(&bench.videos[0], &other[0], 99, &scores[0].0), None);
}

#[test]
fn a_large_set_leaves_out_only_where_a_person_has_written() {
    let mut bench = Bench::new();
    let names = (0..3000).map(|i| format!("moving {i}"));
    let mut set = PromptSet::from_names(names);
    set.classes[7].negative = list(&["moving left", "moving up"]);
    let classes = bench.classes(&set);
    let studied: Vec<usize> = (0..classes.len()).filter(|c| classes[*c].without.is_some()).collect();
    assert_eq!(studied, [7]);
    // The same class in a small set is looked at again.
    set.classes.truncate(3);
    assert!(bench.classes(&set).iter().all(|c| c.without.is_some()));
}

#[test]
fn the_ways_of_the_negation_bench_are_the_edits_themselves() {
    let mut bench = Bench::new();
    let set = set();
    let before = bench.scores(&set);
    let (mut moved, mut subtracted) = (0, 0);
    for (c, class) in set.classes.iter().enumerate() {
        // Another motion, itself, and words that the model does not know.
        for idea in ["moving up", class.name.as_str(), "juggling knives"] {
            let tried = bench.classes(&texts(&set, class, idea));
            let really = |edit| {
                let mut history = History::new(set.clone());
                history.edit(&edit);
                history.present().prompts.clone()
            };
            let negative = bench.scores(&really(PromptEdit::AddPrompt(c, Side::Negative, idea.into())));
            let not = bench.scores(&really(PromptEdit::AddPrompt(c, Side::Positive, denied(idea))));
            for (v, (scores, _)) in before.iter().enumerate() {
                let of = |lambda| ways(&bench.videos[v], &tried, (c, scores), true, lambda).expect("ways");
                let [own, with_negative, with_not, nothing] = of(0.0);
                let real = |all: &[(Scores, Vec<ClassEmbedding>)]| all[v].0.clone();
                for (what, way, real) in [
                    ("as it is", own, scores.clone()),
                    ("negative", with_negative, real(&negative)),
                    ("not", with_not, real(&not)),
                    ("λ = 0", nothing, scores.clone()),
                ] {
                    let (told, really) = (way.outcome, &real.classes[c]);
                    let what = format!("{what}, {} and {idea}", class.name);
                    let same = |told: Option<f64>, real: Option<f32>| {
                        assert_eq!(told.is_some(), real.is_some(), "{what}");
                        let apart = told.zip(real).map_or(0.0, |(a, b)| (a - f64::from(b)).abs());
                        assert!(apart <= TOLERANCE, "{what}: {told:?} {real:?}");
                    };
                    same(Some(told.p), Some(really.p));
                    same(told.margin, really.margin);
                    same(told.yes, really.yes);
                    same(told.own.positive, really.s_pos);
                    same(told.own.negative, really.s_neg);
                    let rank = real.classes.iter().filter(|other| other.p > really.p).count() + 1;
                    assert_eq!(told.rank, really.logit.map(|_| rank), "{what}");
                    moved += usize::from((told.p - own.outcome.p).abs() > 1e-3);
                }
                // What is subtracted is farther from the idea, and never as near to the class as it is.
                let ([own, .., less], [.., more]) = (of(0.5), of(1.5));
                if let Some(([[plus, minus], [less_plus, less_minus]], [_, more_minus])) =
                    own.with.zip(less.with).map(<[_; 2]>::from).zip(more.with)
                {
                    assert!((plus - 1.0).abs() < TOLERANCE && less_plus <= plus + TOLERANCE);
                    assert!(less_minus <= minus + TOLERANCE && more_minus <= less_minus + TOLERANCE);
                    subtracted += usize::from(more_minus < minus - 0.1);
                }
            }
        }
    }
    assert!(moved > 20 && subtracted > 10, "{moved} {subtracted}");
}

#[test]
fn without_negatives_a_negative_more_is_nothing() {
    let mut bench = Bench::new();
    let set = set();
    let scores = bench.scores(&set);
    let tried = bench.classes(&texts(&set, &set.classes[1], "moving up"));
    let [own, negative, not, _] = ways(&bench.videos[0], &tried, (1, &scores[0].0), false, 0.5).unwrap();
    assert_eq!(own.outcome, negative.outcome);
    assert_ne!(own.outcome, not.outcome);
    assert_eq!((own.outcome.own.negative, own.outcome.yes), (None, None));
    // What does not belong together says nothing.
    assert_eq!(ways(&bench.videos[0], &tried[..2], (1, &scores[0].0), true, 0.5), None);
    assert_eq!(ways(&bench.videos[0], &tried, (99, &scores[0].0), true, 0.5), None);
}
