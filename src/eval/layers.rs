//! `eval layers`: from which vision layer an untrained head's motion is best taken. On clips of the procedural world, whose truth is
//! known, the motion maps of the Haar transform alone on the patches of every layer.
//!
//! Patches of later layers have attended to the whole picture: what stands still changes there with what moves (METHOD §1, motion
//! layer).

use super::exam::{EvalError, FIRST_SEED, Figure, Tally};
use super::truth::Truth;
use crate::data::cast::Cast;
use crate::data::world;
use crate::model::Surgery;
use crate::session::{Session, WorkError};
use crate::train::features::world_pixels;
use serde::Serialize;

/// The figures of one layer, over clips and data seeds.
#[derive(Clone, Debug, Serialize)]
pub struct LayerFigures {
    /// Counted from 1.
    pub layer: usize,
    /// Of the motion map, for the patches that the mover covers.
    pub motion_auroc: Figure,
    /// Motion energy of a still distractor over that of the mover.
    pub distractor_ratio: Figure,
}

/// What is measured of each layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Measure {
    Motion,
    Distractor,
}

/// Measures every layer of the model's vision tower under an untrained head. `report` hears (clips done, clips in all).
pub fn run(
    session: &Session,
    cast: Cast,
    seeds: u64,
    per_class: usize,
    report: &mut dyn FnMut(usize, usize),
) -> Result<Vec<LayerFigures>, EvalError> {
    let depth = session.config().vision.layers;
    let session = &session.with_head(session.untrained_head())?;
    let (frames, size, grid) = (session.info.frames, session.info.image_size, session.info.grid);
    let classes = cast.classes();
    let mut tally: Tally<(Measure, usize)> = Tally::default();
    let total = seeds as usize * per_class * classes.len();
    for seed in 0..seeds as usize {
        tally.seed = seed;
        for clip in 0..per_class * classes.len() {
            let class = classes[clip % classes.len()];
            let scene = class.scene(&mut world::rng(FIRST_SEED + seed as u64, clip as u64));
            let pixels = world_pixels(&scene.frames(frames, size), &session.preprocess);
            let pixels: Vec<&[f32]> = pixels.chunks_exact(3 * size * size).collect();
            let truth = Truth::of(&scene, frames, size, grid);
            for layer in 1..=depth {
                let surgery = Surgery { motion_layer: u16::try_from(layer).ok(), ..Surgery::default() };
                let x = session.clips(&session.encode_frames(&pixels, &surgery)?, frames);
                let motion = session.evidence(x, &surgery, None)?.0.maps.motion;
                tally.add((Measure::Motion, layer), Truth::auroc(&motion.data, &truth.swept));
                if let Some(ratio) = truth.distractor_ratio(&motion.data) {
                    tally.add((Measure::Distractor, layer), ratio);
                }
            }
            report(seed * per_class * classes.len() + clip + 1, total);
        }
    }
    let figures = tally.figures();
    let of = |measure, layer| {
        let found = figures.get(&(measure, layer)).cloned();
        found.ok_or_else(|| WorkError::Failed("no clip shows both a mover and what stands still".into()))
    };
    let layer = |layer| -> Result<_, WorkError> {
        let (motion_auroc, distractor_ratio) = (of(Measure::Motion, layer)?, of(Measure::Distractor, layer)?);
        Ok(LayerFigures { layer, motion_auroc, distractor_ratio })
    };
    Ok((1..=depth).map(layer).collect::<Result<_, _>>()?)
}
