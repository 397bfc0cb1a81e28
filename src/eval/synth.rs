//! `eval synth`: the small world's own examination. Zero-shot on classes that training never saw, the yes/no of the
//! negative prompts, what happens when time is tampered with, and whether the maps say the truth about what moves.
//!
//! Every figure is taken per clip and averaged per data seed; the mean and the standard deviation are over seeds, the
//! 95% interval is that of the mean over all clips.

use super::metrics::{Summary, auroc};
use super::zero_shot::{TextSide, embed_tokens, predict};
use crate::data::world::{self, Motion, Scene};
use crate::engine::maps;
use crate::model::Model;
use crate::model::head::{HeadConfig, MotionHead};
use crate::score::{ClassEmbedding, score};
use crate::train::RunError;
use crate::train::features::{encode, preprocess, world_pixels};
use crate::train::head::world_templates;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

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
    pub model: String,
    pub model_digest: String,
    pub head: &'static str,
    pub alpha: f32,
    pub seeds: Vec<u64>,
    pub clips_per_class: usize,
    #[serde(flatten)]
    pub figures: BTreeMap<&'static str, Figure>,
}

/// Per-clip values of every figure, by seed.
#[derive(Default)]
struct Tally {
    /// figure -> one list a seed
    values: BTreeMap<&'static str, Vec<Vec<f64>>>,
    seed: usize,
}

impl Tally {
    fn add(&mut self, name: &'static str, value: f64) {
        let lists = self.values.entry(name).or_default();
        lists.resize(lists.len().max(self.seed + 1), Vec::new());
        lists[self.seed].push(value);
    }

    fn right(&mut self, name: &'static str, right: bool) {
        self.add(name, if right { 100.0 } else { 0.0 });
    }

    fn figures(&self) -> BTreeMap<&'static str, Figure> {
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

/// What a map is held against: for each patch of the grid, what it shows over the whole clip.
struct Truth {
    /// The mover covers more than 15% of the patch at some time.
    swept: Vec<bool>,
    /// The still distractor covers more than 30% and the mover never more than 2%.
    distractor: Vec<bool>,
}

impl Truth {
    fn of(scene: &Scene, frames: usize, size: usize, grid: usize) -> Self {
        let cell = size / grid;
        let coverage = |mask: &[f32]| -> Vec<f32> {
            (0..grid * grid)
                .map(|p| {
                    let (row, col) = (p / grid * cell, p % grid * cell);
                    let inside = (row..row + cell).flat_map(|y| (col..col + cell).map(move |x| y * size + x));
                    inside.map(|i| mask[i]).sum::<f32>() / (cell * cell) as f32
                })
                .collect()
        };
        // As in METHOD's prototype: the coverage of all that the shape ever touches.
        let mut union = vec![0.0f32; size * size];
        for t in 0..frames {
            union.iter_mut().zip(scene.mover_mask(t, frames, size)).for_each(|(u, m)| *u = u.max(m));
        }
        let mover = coverage(&union);
        let still = scene.distractor_mask(size).map_or(vec![0.0; grid * grid], |m| coverage(&m));
        Self {
            swept: mover.iter().map(|&m| m > 0.15).collect(),
            distractor: mover.iter().zip(&still).map(|(&m, &d)| d > 0.3 && m < 0.02).collect(),
        }
    }

    /// AUROC of a map (frames × patches) for the patches that `positive` marks.
    fn auroc(map: &[f32], positive: &[bool]) -> f64 {
        auroc(map.iter().zip(positive.iter().cycle()).map(|(&v, &p)| (v, p)))
    }

    /// Mean over the patches that `which` marks; `None` where it marks none.
    fn mean(map: &[f32], which: &[bool]) -> Option<f64> {
        let chosen: Vec<f64> =
            map.iter().zip(which.iter().cycle()).filter(|(_, w)| **w).map(|(v, _)| f64::from(*v)).collect();
        (!chosen.is_empty()).then(|| Summary::of(&chosen).mean)
    }
}

/// Runs the examination on clips of `seeds`, `per_class` of each class. `report` hears (clips done, clips in all).
pub fn run(
    model: &Model,
    seeds: &[u64],
    per_class: usize,
    device: &Device,
    report: &mut dyn FnMut(usize, usize),
) -> Result<SynthReport, RunError> {
    let motions = Motion::all();
    let names: Vec<String> = motions.iter().map(|m| m.name()).collect();
    let templates = model.templates.clone().unwrap_or_else(world_templates);
    let text = TextSide::encode(model, &names, &templates, device)?;
    let untrained = HeadConfig {
        frames: model.head_config.frames,
        ..HeadConfig::new(model.config.vision.width, model.config.joint, model.config.vision.heads)
    }
    .init(device);
    let exam = Exam {
        model,
        device,
        seen: (0..motions.len()).filter(|&c| !motions[c].is_unseen()).collect(),
        unseen: (0..motions.len()).filter(|&c| motions[c].is_unseen()).collect(),
        all: (0..motions.len()).collect(),
        classes: text.joint(&model.head)?,
        vanilla_classes: text.joint(&untrained)?,
        untrained,
        motions,
    };
    let mut tally = Tally::default();
    let total = seeds.len() * per_class * exam.motions.len();
    let mut done = 0;
    for (i, &seed) in seeds.iter().enumerate() {
        tally.seed = i;
        for round in 0..per_class {
            exam.round(seed, round, &mut tally)?;
            done += exam.motions.len();
            report(done, total);
        }
    }
    Ok(SynthReport {
        model: model.name.clone(),
        model_digest: model.digest.clone(),
        head: if model.head_trained { "trained" } else { "untrained" },
        alpha: model.alpha,
        seeds: seeds.to_vec(),
        clips_per_class: per_class,
        figures: tally.figures(),
    })
}

struct Exam<'a> {
    model: &'a Model,
    device: &'a Device,
    motions: Vec<Motion>,
    seen: Vec<usize>,
    unseen: Vec<usize>,
    all: Vec<usize>,
    classes: Vec<ClassEmbedding>,
    vanilla_classes: Vec<ClassEmbedding>,
    untrained: MotionHead,
}

impl Exam<'_> {
    /// One clip of every class.
    fn round(&self, seed: u64, round: usize, tally: &mut Tally) -> Result<(), RunError> {
        let (frames, alpha) = (self.model.head_config.frames, self.model.alpha);
        let (size, grid) = (self.model.config.image_size, self.model.config.grid());
        let preprocess = preprocess(self.model);
        let index = |class: usize| (round * self.motions.len() + class) as u64;
        let drawn: Vec<(Scene, Vec<f32>)> = self
            .all
            .par_iter()
            .map(|&class| {
                let scene = Scene::random(&mut world::rng(seed, index(class)), self.motions[class]);
                let pixels = world_pixels(&scene, frames, &preprocess);
                (scene, pixels)
            })
            .collect();
        let mut tokens = Vec::new();
        for (_, pixels) in &drawn {
            tokens.extend(encode(self.model, pixels.clone(), self.device)?);
        }
        let shape = [drawn.len(), frames, self.model.config.tokens(), self.model.config.vision.width];
        let x = Tensor::<4>::from_data(TensorData::new(tokens, shape), self.device);

        let f = embed_tokens(&self.model.head, self.model, x.clone())?;
        let vanilla = embed_tokens(&self.untrained, self.model, x.clone())?;
        let reversed = self.retimed(&x, &(0..frames).rev().collect::<Vec<_>>())?;
        let mut order: Vec<usize> = (0..frames).collect();
        order.shuffle(&mut world::rng(seed, u64::MAX - round as u64));
        let shuffled = self.retimed(&x, &order)?;

        for (class, motion) in self.motions.iter().enumerate() {
            let predicted = |f: &[Vec<f32>], space: &[usize]| predict(&f[class], &self.classes, space, alpha);
            let unseen = motion.is_unseen();
            let own = if unseen { &self.unseen } else { &self.seen };
            let [in_own, in_all] = if unseen {
                ["unseen_top1", "generalised_unseen_top1"]
            } else {
                ["seen_top1", "generalised_seen_top1"]
            };
            tally.right(in_own, predicted(&f, own) == class);
            tally.right(in_all, predicted(&f, &self.all) == class);
            let plain = predict(&vanilla[class], &self.vanilla_classes, own, 0.0) == class;
            tally.right(if unseen { "vanilla_unseen_top1" } else { "vanilla_seen_top1" }, plain);
            let back = predicted(&reversed, &self.all);
            tally.right("reversed_original_top1", back == class);
            tally.right("reversed_mirror_top1", self.motions[back] == motion.reversed());
            tally.right("shuffled_top1", predicted(&shuffled, &self.all) == class);
            if unseen {
                let scores = score(&f[class], &self.classes, self.model.tau, alpha).classes;
                tally.add(
                    "yes_auroc_unseen",
                    auroc(scores.iter().enumerate().map(|(i, c)| (c.margin.unwrap_or(0.0), i == class))),
                );
            }
            let clip = x.clone().narrow(0, class, 1);
            self.maps(&drawn[class].0, clip, &Truth::of(&drawn[class].0, frames, size, grid), tally)?;
        }
        Ok(())
    }

    /// Embeddings of the clips with their frames in another order.
    fn retimed(&self, x: &Tensor<4>, order: &[usize]) -> Result<Vec<Vec<f32>>, RunError> {
        embed_tokens(&self.model.head, self.model, self.reorder(x, order))
    }

    fn reorder(&self, x: &Tensor<4>, order: &[usize]) -> Tensor<4> {
        let order: Vec<i32> = order.iter().map(|&t| t as i32).collect();
        x.clone().select(1, Tensor::<1, Int>::from_data(TensorData::from(order.as_slice()), self.device))
    }

    /// What the maps of one clip (1, T, n, D) are worth against the truth.
    fn maps(&self, scene: &Scene, x: Tensor<4>, truth: &Truth, tally: &mut Tally) -> Result<(), RunError> {
        let read = |head: &MotionHead, x: Tensor<4>| {
            let out = head.forward(x, &self.model.clip.visual_projection);
            maps::read(head, &out, self.model.config.grid(), self.model.head_config.heads)
                .map(|(maps, _)| maps)
        };
        let trained = read(&self.model.head, x.clone()).map_err(RunError::Other)?;
        let haar = read(&self.untrained, x.clone()).map_err(RunError::Other)?;
        let not_swept: Vec<bool> = truth.swept.iter().map(|s| !s).collect();
        tally.add("motion_auroc", Truth::auroc(&trained.motion.data, &truth.swept));
        tally.add("haar_motion_auroc", Truth::auroc(&haar.motion.data, &truth.swept));
        tally.add("static_auroc", Truth::auroc(&trained.static_energy.data, &not_swept));
        tally.add("haar_static_auroc", Truth::auroc(&haar.static_energy.data, &not_swept));
        tally.add("gate_auroc", Truth::auroc(&trained.gate.data, &truth.swept));
        tally.add("evidence_auroc", Truth::auroc(&trained.evidence.data, &truth.swept));
        let gates: Vec<f64> =
            trained.gates.iter().flatten().flat_map(|g| g.data.iter().map(|v| f64::from(*v))).collect();
        if !gates.is_empty() {
            tally.add("gate_mean", Summary::of(&gates).mean);
            tally.add("gate_std", Summary::of(&gates).std);
        }
        if scene.distractor.is_some() {
            for (name, map) in
                [("distractor_ratio", &trained.motion), ("haar_distractor_ratio", &haar.motion)]
            {
                let (still, mover) =
                    (Truth::mean(&map.data, &truth.distractor), Truth::mean(&map.data, &truth.swept));
                if let Some((still, mover)) = still.zip(mover) {
                    tally.add(name, still / mover.max(1e-9));
                }
            }
        }
        let middle = self.model.head_config.frames / 2;
        let frozen = self.reorder(&x, &vec![middle; self.model.head_config.frames]);
        let frozen = read(&self.model.head, frozen).map_err(RunError::Other)?;
        let everywhere = vec![true; truth.swept.len()];
        let energy = |map: &[f32]| Truth::mean(map, &everywhere).unwrap_or(0.0);
        tally
            .add("frozen_motion_ratio", energy(&frozen.motion.data) / energy(&trained.motion.data).max(1e-9));
        Ok(())
    }
}
