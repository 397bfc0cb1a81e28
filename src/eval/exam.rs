//! `eval synth`: the small world's own examination. Zero-shot on classes that training never saw, the yes/no of the
//! negative prompts, what happens when time is tampered with, and whether the maps say the truth about what moves.
//!
//! Every figure is taken per clip and averaged per data seed; the mean and the standard deviation are over seeds, the
//! 95% interval is that of the mean over all clips.

use super::faithful;
use super::pointing::{self, Way, Words};
use super::truth::Truth;
use crate::data::camera::Camera;
use crate::data::cast::{Cast, Class, Scene};
use crate::data::world;
use crate::metrics::{Summary, auroc};
use crate::model::Surgery;
use crate::model::dense::Reading;
use crate::model::folder::{MotionScale, Reach};
use crate::prompt::{PromptSet, Templates};
use crate::score::{ClassEmbedding, Weighing, score_with};
use crate::session::maps::quantile;
use crate::session::{LoadError, Map, Maps, Session, WorkError};
use crate::train::features::world_pixels;
use crate::train::stage2::world_templates;
use crate::train::zero_shot::predict;
use crate::video::clip::Order;
use burn::tensor::Tensor;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Data seeds start here; training uses small ones.
pub const FIRST_SEED: u64 = 9_000_001;

/// One figure: mean and standard deviation over the `n` data seeds, and the 95% interval of the mean over clips.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    #[serde(flatten)]
    pub over_seeds: Summary,
    pub ci95: [f64; 2],
    /// Clips that the figure is of.
    pub clips: usize,
}

/// The result of `eval synth --json`.
#[derive(Clone, Debug, Serialize)]
pub struct SynthReport {
    pub cast: Cast,
    pub model: String,
    pub model_digest: String,
    pub head: &'static str,
    pub alpha: f32,
    pub seeds: Vec<u64>,
    pub clips_per_class: usize,
    /// What was altered, in words; absent where nothing was. Nothing of it touches the `vanilla` and `haar` figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub altered: Option<String>,
    /// What the colours of the motion maps mean for this model; `--record` puts it into the model's card.
    pub scale: MotionScale,
    /// How well the support maps of prompts point, by way; empty for a cast without things to name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub support: Vec<SupportFigures>,
    #[serde(flatten)]
    pub figures: BTreeMap<&'static str, Figure>,
}

/// The figures of one way to make support maps.
#[derive(Clone, Debug, Serialize)]
pub struct SupportFigures {
    pub reading: Reading,
    /// What is common to prompts is taken away.
    pub less_common: bool,
    #[serde(flatten)]
    pub figures: BTreeMap<&'static str, Figure>,
}

/// What is altered for the examination of a model: as in a question of the window.
#[derive(Clone, Debug, Default)]
pub struct Altered {
    pub order: Order,
    pub surgery: Surgery,
}

impl Altered {
    fn words(&self) -> Option<String> {
        let words: Vec<String> = self.order.words().into_iter().chain(self.surgery.words()).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// How many clips of each class a data seed gives.
#[derive(Clone, Copy, Debug)]
pub struct Clips {
    pub per_class: usize,
    /// Of them, those on which the freeze map is held against the truth.
    pub faithfulness: usize,
}

/// Per-clip values of every figure, by seed.
pub(super) struct Tally<K = &'static str> {
    /// figure -> one list a seed
    values: BTreeMap<K, Vec<Vec<f64>>>,
    /// Whose values are added.
    pub seed: usize,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), seed: 0 }
    }
}

impl Tally {
    fn right(&mut self, name: &'static str, right: bool) {
        self.add(name, if right { 100.0 } else { 0.0 });
    }
}

impl<K: Ord + Copy> Tally<K> {
    pub fn add(&mut self, name: K, value: f64) {
        let lists = self.values.entry(name).or_default();
        lists.resize(lists.len().max(self.seed + 1), Vec::new());
        lists[self.seed].push(value);
    }

    pub fn figures(&self) -> BTreeMap<K, Figure> {
        let figure = |lists: &Vec<Vec<f64>>| {
            let means: Vec<f64> =
                lists.iter().filter(|l| !l.is_empty()).map(|l| Summary::of(l).mean).collect();
            let all: Vec<f64> = lists.iter().flatten().copied().collect();
            let pooled = Summary::of(&all);
            let half = 1.96 * pooled.std / (all.len() as f64).sqrt();
            Figure {
                over_seeds: Summary::of(&means),
                ci95: [pooled.mean - half, pooled.mean + half],
                clips: all.len(),
            }
        };
        self.values.iter().map(|(name, lists)| (*name, figure(lists))).collect()
    }
}

/// How well the map of the middle frame coincides with the mover in that very frame: motion as a whole, then the levels from
/// the finest.
const MOMENT: [&str; 4] =
    ["moment_motion_auroc", "moment_level1_auroc", "moment_level2_auroc", "moment_level3_auroc"];
const HAAR_MOMENT: [&str; 4] = [
    "haar_moment_motion_auroc",
    "haar_moment_level1_auroc",
    "haar_moment_level2_auroc",
    "haar_moment_level3_auroc",
];

/// Why an examination ended early.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Work(#[from] WorkError),
}

/// Runs the examination on `clips` of `seeds` of each class of the cast, with what is `altered`. `report` hears (clips done,
/// clips in all).
pub fn run(
    mut session: Session,
    cast: Cast,
    seeds: &[u64],
    clips: Clips,
    altered: &Altered,
    report: &mut dyn FnMut(usize, usize),
) -> Result<SynthReport, EvalError> {
    let per_class = clips.per_class;
    let labels = cast.classes();
    let set = PromptSet {
        templates: session.info.templates.clone().unwrap_or_else(|| world_templates(cast)),
        ..PromptSet::from_names(labels.iter().map(|m| m.name()))
    };
    let mut vanilla = session.with_head(session.untrained_head())?;
    let (mut classes, _) = session.classes(&set, &mut |_, _| true)?;
    if altered.surgery.no_joint_adapter {
        classes = session.plain_classes(&set, &classes);
    }
    let (vanilla_classes, _) = vanilla.classes(&set, &mut |_, _| true)?;
    let words = Words::new(&mut vanilla, &set, &vanilla_classes)?;
    let bare = Templates { positive: vec!["{}".to_owned()], negative: Vec::new() };
    let bare = PromptSet { templates: bare, ..set.clone() };
    let (mut names, _) = session.classes(&bare, &mut |_, _| true)?;
    if altered.surgery.no_joint_adapter {
        names = session.plain_classes(&bare, &names);
    }
    let exam = Exam {
        seen: (0..labels.len()).filter(|&c| !labels[c].is_unseen()).collect(),
        unseen: (0..labels.len()).filter(|&c| labels[c].is_unseen()).collect(),
        all: (0..labels.len()).collect(),
        names: names.into_iter().map(|name| name.positive).collect(),
        classes,
        vanilla_classes,
        weighing: Weighing {
            alpha: altered.surgery.alpha().unwrap_or(session.info.alpha),
            negatives: !altered.surgery.no_negatives,
        },
        altered: altered.clone(),
        faithfulness: clips.faithfulness,
        words,
        session,
        vanilla,
        labels,
        cast,
    };
    let mut tally = Tally::default();
    let mut support: Tally<(Way, &'static str)> = Tally::default();
    let mut brightest = Brightest::default();
    let total = seeds.len() * per_class * exam.labels.len();
    let mut done = 0;
    for (i, &seed) in seeds.iter().enumerate() {
        (tally.seed, support.seed) = (i, i);
        for round in 0..per_class {
            exam.round(seed, round, (&mut tally, &mut support), &mut brightest)?;
            done += exam.labels.len();
            report(done, total);
        }
    }
    let scale = exam.scale(&brightest)?;
    let info = &exam.session.info;
    Ok(SynthReport {
        cast,
        model: info.name.clone(),
        model_digest: info.digest.clone(),
        head: if info.head_trained { "trained" } else { "untrained" },
        alpha: info.alpha,
        seeds: seeds.to_vec(),
        clips_per_class: per_class,
        altered: altered.words(),
        scale,
        support: by_way(support.figures()),
        figures: tally.figures(),
    })
}

fn by_way(figures: BTreeMap<(Way, &'static str), Figure>) -> Vec<SupportFigures> {
    let mut ways: BTreeMap<Way, BTreeMap<&'static str, Figure>> = BTreeMap::new();
    for ((way, name), figure) in figures {
        ways.entry(way).or_default().insert(name, figure);
    }
    let of = |((reading, less_common), figures)| SupportFigures { reading, less_common, figures };
    ways.into_iter().map(of).collect()
}

/// The motion maps of some clips, for the model's reference.
#[derive(Default)]
struct Brightest {
    motion: Vec<Map>,
    /// By level.
    levels: Vec<Vec<Map>>,
}

impl Brightest {
    /// Clips that the reference is of: more do not change it.
    const CLIPS: usize = 256;

    fn add(&mut self, maps: &Maps) {
        if self.motion.len() < Self::CLIPS {
            self.motion.push(maps.motion.clone());
            self.levels.resize(maps.levels.len(), Vec::new());
            self.levels.iter_mut().zip(&maps.levels).for_each(|(all, map)| all.push(map.clone()));
        }
    }
}

/// Rounds whose clips are also seen through the cameras of [`CHANGES`].
const CHANGED_ROUNDS: usize = 10;

const PLAIN: Camera =
    Camera { gain: [1.0; 3], saturation: 1.0, grain: 0.0, blur: false, zoom: 1.0, shake: 0.0, seed: 0 };

/// Cameras that change a clip, and the figures of what is still known on its seen and unseen classes.
const CHANGES: [([&str; 2], Camera); 4] = [
    (["smaller_seen_top1", "smaller_unseen_top1"], Camera { zoom: 0.7, ..PLAIN }),
    (["grey_seen_top1", "grey_unseen_top1"], Camera { saturation: 0.0, ..PLAIN }),
    (["shaken_seen_top1", "shaken_unseen_top1"], Camera { shake: 0.0156, ..PLAIN }),
    (["blurred_seen_top1", "blurred_unseen_top1"], Camera { blur: true, ..PLAIN }),
];

struct Exam {
    session: Session,
    /// The same towers under an untrained head.
    vanilla: Session,
    cast: Cast,
    labels: Vec<Class>,
    seen: Vec<usize>,
    unseen: Vec<usize>,
    all: Vec<usize>,
    classes: Vec<ClassEmbedding>,
    /// Each class by its name alone, as a person types it.
    names: Vec<Option<Arc<[f32]>>>,
    vanilla_classes: Vec<ClassEmbedding>,
    altered: Altered,
    weighing: Weighing,
    faithfulness: usize,
    words: Words,
}

impl Exam {
    /// One clip of every class.
    fn round(
        &self,
        seed: u64,
        round: usize,
        (tally, support): (&mut Tally, &mut Tally<(Way, &'static str)>),
        brightest: &mut Brightest,
    ) -> Result<(), EvalError> {
        let session = &self.session;
        let (frames, surgery) = (session.info.frames, &self.altered.surgery);
        let (size, grid) = (session.info.image_size, session.info.grid);
        let index = |class: usize| (round * self.labels.len() + class) as u64;
        let drawn: Vec<(Scene, Vec<f32>)> = self
            .all
            .par_iter()
            .map(|&class| {
                let scene = self.labels[class].scene(&mut world::rng(seed, index(class)));
                let pixels = world_pixels(&scene.frames(frames, size), &session.preprocess);
                (scene, pixels)
            })
            .collect();
        // Per clip the tokens of its frames.
        let mut filmed: Vec<Vec<Arc<[f32]>>> = Vec::new();
        let mut clips: Vec<Vec<Arc<[f32]>>> = Vec::new();
        for (_, pixels) in &drawn {
            let each: Vec<&[f32]> = pixels.chunks_exact(3 * size * size).collect();
            filmed.push(session.encode_frames(&each, &Surgery::default())?);
            clips.push(self.alter(&each, &filmed[filmed.len() - 1])?);
        }
        let mut order: Vec<usize> = (0..frames).collect();
        order.shuffle(&mut world::rng(seed, u64::MAX - round as u64));

        let plain: Vec<usize> = (0..frames).collect();
        let back: Vec<usize> = plain.iter().rev().copied().collect();
        let f = self.embed(&self.session, &clips, &plain, surgery)?;
        let vanilla = self.embed(&self.vanilla, &filmed, &plain, &Surgery::default())?;
        let reversed = self.embed(&self.session, &clips, &back, surgery)?;
        let shuffled = self.embed(&self.session, &clips, &order, surgery)?;

        for (class, label) in self.labels.iter().enumerate() {
            let predicted = |f: &[Vec<f32>], space: &[usize]| predict(&f[class], &self.classes, space);
            let unseen = label.is_unseen();
            let own = if unseen { &self.unseen } else { &self.seen };
            let [in_own, in_all] = if unseen {
                ["unseen_top1", "generalised_unseen_top1"]
            } else {
                ["seen_top1", "generalised_seen_top1"]
            };
            tally.right(in_own, predicted(&f, own) == class);
            tally.right(in_all, predicted(&f, &self.all) == class);
            let plain = predict(&vanilla[class], &self.vanilla_classes, own) == class;
            tally.right(if unseen { "vanilla_unseen_top1" } else { "vanilla_seen_top1" }, plain);
            if let Some(mirror) = label.reversed() {
                let back = predicted(&reversed, &self.all);
                tally.right("reversed_original_top1", back == class);
                tally.right("reversed_mirror_top1", self.labels[back] == mirror);
            }
            tally.right("shuffled_top1", predicted(&shuffled, &self.all) == class);
            tally.right("negative_lowers", self.negative_lowers(&f[class], class));
            if unseen {
                let scores = score_with(&f[class], &self.classes, session.info.tau, self.weighing).classes;
                tally.add(
                    "yes_auroc_unseen",
                    auroc(scores.iter().enumerate().map(|(i, c)| (c.margin.unwrap_or(0.0), i == class))),
                );
            }
            let scene = &drawn[class].0;
            let truth = Truth::of(scene, frames, size, grid);
            let maps = self.maps([&clips[class], &filmed[class]], &truth, tally, brightest)?;
            // Of the towers alone, and of the clip as it was filmed: no surgery touches it.
            let pixels: Vec<&[f32]> = drawn[class].1.chunks_exact(3 * size * size).collect();
            for (way, name, value) in pointing::figures(session, &self.words, class, scene, &pixels)? {
                support.add((way, name), value);
            }
            if round < self.faithfulness && session.info.head_trained {
                let places =
                    self.altered.order.places(frames).map_err(|e| WorkError::Failed(e.to_string()))?;
                let pixels: Vec<&[f32]> = places.into_iter().map(|place| pixels[place]).collect();
                let clip = faithful::Clip {
                    pixels: &pixels,
                    tokens: &clips[class],
                    class: &self.classes[class],
                    maps: &maps,
                    truth: &truth,
                };
                let rng = &mut world::rng(seed, index(class));
                for (name, value) in faithful::figures(session, surgery, &clip, rng)? {
                    tally.add(name, value);
                }
            }
        }
        if self.cast == Cast::People && round < CHANGED_ROUNDS {
            let scenes: Vec<&Scene> = drawn.iter().map(|(scene, _)| scene).collect();
            self.changed(&scenes, tally)?;
        }
        Ok(())
    }

    /// Whether p and `yes` of the true class fall where its name is typed as one more of its negative prompts. Without an α the
    /// question is put at α = 1: negatives do not count otherwise.
    fn negative_lowers(&self, f: &[f32], class: usize) -> bool {
        let alpha = if self.weighing.alpha > 0.0 { self.weighing.alpha } else { 1.0 };
        let weighing = Weighing { alpha, negatives: true };
        let own = |classes: &[ClassEmbedding]| {
            let score = score_with(f, classes, self.session.info.tau, weighing).classes.swap_remove(class);
            (score.p, score.yes)
        };
        let mut edited = self.classes.clone();
        edited[class].negatives.extend(self.names[class].clone());
        let (before, after) = (own(&self.classes), own(&edited));
        after.0 < before.0 && after.1 < before.1
    }

    /// Accuracy in the own label space on the same clips through cameras that change them.
    fn changed(&self, scenes: &[&Scene], tally: &mut Tally) -> Result<(), WorkError> {
        let session = &self.session;
        let (frames, size) = (session.info.frames, session.info.image_size);
        for (figures, camera) in CHANGES {
            let seen: Vec<Vec<f32>> = scenes
                .par_iter()
                .map(|scene| {
                    let frames = scene.frames(frames, size).into_iter().enumerate();
                    let frames: Vec<_> = frames.map(|(t, frame)| camera.see(frame, size, t)).collect();
                    world_pixels(&frames, &session.preprocess)
                })
                .collect();
            let mut clips: Vec<Vec<Arc<[f32]>>> = Vec::new();
            for pixels in &seen {
                let each: Vec<&[f32]> = pixels.chunks_exact(3 * size * size).collect();
                clips.push(self.alter(&each, &session.encode_frames(&each, &Surgery::default())?)?);
            }
            let order: Vec<usize> = (0..frames).collect();
            let f = self.embed(session, &clips, &order, &self.altered.surgery)?;
            for (class, label) in self.labels.iter().enumerate() {
                let own = if label.is_unseen() { &self.unseen } else { &self.seen };
                let right = predict(&f[class], &self.classes, own) == class;
                tally.right(figures[usize::from(label.is_unseen())], right);
            }
        }
        Ok(())
    }

    /// The tokens of a clip's frames as the model is to see them: in the order that is asked for, with the pixels frozen.
    /// `pixels` and `tokens`: of each frame, as it was filmed.
    fn alter(&self, pixels: &[&[f32]], tokens: &[Arc<[f32]>]) -> Result<Vec<Arc<[f32]>>, WorkError> {
        let Altered { order, surgery } = &self.altered;
        let places = order.places(tokens.len()).map_err(|e| WorkError::Failed(e.to_string()))?;
        if surgery.frozen_pixels.is_empty() && surgery.motion_layer.is_none() {
            return Ok(places.into_iter().map(|place| tokens[place].clone()).collect());
        }
        let seen: Vec<&[f32]> = places.into_iter().map(|place| pixels[place]).collect();
        self.session.encode_frames(&self.session.freeze_pixels(&seen, &surgery.frozen_pixels), surgery)
    }

    /// Embeddings of the clips with their frames in this order.
    fn embed(
        &self,
        session: &Session,
        clips: &[Vec<Arc<[f32]>>],
        order: &[usize],
        surgery: &Surgery,
    ) -> Result<Vec<Vec<f32>>, WorkError> {
        let tokens: Vec<&Arc<[f32]>> =
            clips.iter().flat_map(|clip| order.iter().map(move |&t| &clip[t])).collect();
        session.embed(session.clips(&tokens, order.len()), surgery)
    }

    /// What the maps of one clip, as it is altered and as it was filmed, are worth against the truth.
    fn maps(
        &self,
        [clip, filmed]: [&[Arc<[f32]>]; 2],
        truth: &Truth,
        tally: &mut Tally,
        brightest: &mut Brightest,
    ) -> Result<Maps, WorkError> {
        let (surgery, none) = (&self.altered.surgery, &Surgery::default());
        let read = |session: &Session, x: Tensor<4>, surgery: &Surgery| {
            session.evidence(x, surgery, None).map(|(evidence, _)| evidence.maps)
        };
        let frames = clip.len();
        let trained = read(&self.session, self.session.clips(clip, frames), surgery)?;
        let haar = read(&self.vanilla, self.vanilla.clips(filmed, frames), none)?;
        brightest.add(&trained);
        let not_swept: Vec<bool> = truth.swept.iter().map(|s| !s).collect();
        tally.add("motion_auroc", Truth::auroc(&trained.motion.data, &truth.swept));
        tally.add("haar_motion_auroc", Truth::auroc(&haar.motion.data, &truth.swept));
        tally.add("static_auroc", Truth::auroc(&trained.static_energy.data, &not_swept));
        tally.add("haar_static_auroc", Truth::auroc(&haar.static_energy.data, &not_swept));
        tally.add("gate_auroc", Truth::auroc(&trained.gate.data, &truth.swept));
        tally.add("evidence_auroc", Truth::auroc(&trained.evidence.data, &truth.swept));
        for (names, maps) in [(MOMENT, &trained), (HAAR_MOMENT, &haar)] {
            let all = std::iter::once(&maps.motion).chain(&maps.levels);
            // A mover that is not seen in that frame (it blinks, or has faded out) has no place there.
            for (name, map) in names.into_iter().zip(all).filter(|_| truth.middle.contains(&true)) {
                tally.add(name, Truth::auroc(map.frame(frames / 2), &truth.middle));
            }
        }
        let gates: Vec<f64> =
            trained.gates.iter().flatten().flat_map(|g| g.data.iter().map(|v| f64::from(*v))).collect();
        if !gates.is_empty() {
            tally.add("gate_mean", Summary::of(&gates).mean);
            tally.add("gate_std", Summary::of(&gates).std);
        }
        for (name, map) in [("distractor_ratio", &trained.motion), ("haar_distractor_ratio", &haar.motion)] {
            if let Some(ratio) = truth.distractor_ratio(&map.data) {
                tally.add(name, ratio);
            }
        }
        let frozen = vec![&clip[frames / 2]; frames];
        let frozen = read(&self.session, self.session.clips(&frozen, frames), surgery)?;
        let everywhere = vec![true; truth.swept.len()];
        let energy = |map: &[f32]| Truth::mean(map, &everywhere).unwrap_or(0.0);
        tally
            .add("frozen_motion_ratio", energy(&frozen.motion.data) / energy(&trained.motion.data).max(1e-9));
        Ok(trained)
    }

    /// The scale of the motion maps: the floor measured on still footage, the reference on the clips seen here; none of it
    /// where the head is untrained but the floor.
    fn scale(&self, brightest: &Brightest) -> Result<MotionScale, WorkError> {
        let floors = self
            .session
            .measure_floor(&mut |session, pixels| session.encode_frames(pixels, &Surgery::default()))?;
        let reference = |maps: &[Map]| self.session.info.head_trained.then(|| quantile(maps.iter(), 0.99));
        Ok(MotionScale {
            motion: Reach { reference: reference(&brightest.motion), ..floors.motion },
            levels: floors
                .levels
                .iter()
                .zip(&brightest.levels)
                .map(|(floor, maps)| Reach { reference: reference(maps), ..*floor })
                .collect(),
        })
    }
}
