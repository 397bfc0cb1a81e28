//! `eval base-to-novel`: the classes of a data set in two halves (METHOD §9). A head learns from a few clips of each class of one half, the
//! base; then each half is measured in its own label space. For several seeds, which choose the clips and the initial weights.

use super::zero_shot::{Answers, Conditions, Fault, Figure, Measured, Missing};
use crate::data::labelled::LabelledClips;
use crate::data::sets::{DataSet, Split};
use crate::metrics::Summary;
use serde::{Deserialize, Serialize};

/// The protocol as a report says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    #[serde(flatten)]
    pub conditions: Conditions,
    /// Clips of each base class that a head learns from.
    pub shots: usize,
    pub epochs: usize,
}

/// Accuracies in percent of the two halves, each in its own label space, and their harmonic mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Halves {
    pub base: f64,
    pub novel: f64,
    pub hm: f64,
}

impl Halves {
    fn of(base: f64, novel: f64) -> Self {
        let hm = if base + novel > 0.0 { 2.0 * base * novel / (base + novel) } else { 0.0 };
        Self { base, novel, hm }
    }
}

/// One seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedReport {
    pub seed: u64,
    /// The clips that the head learnt from.
    pub trained_on: usize,
    /// The clips that were chosen for it and could not be decoded; they are left out.
    pub skipped: Vec<Fault>,
    #[serde(flatten)]
    pub halves: Halves,
}

/// One half of the classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HalfReport {
    pub classes: Vec<String>,
    /// The clips that its accuracies are of; those that are not there or cannot be decoded are in none.
    pub clips: usize,
    pub missing: usize,
    pub undecodable: usize,
}

/// The result of `eval base-to-novel --json`; mean and population standard deviation are over the seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub dataset: String,
    pub protocol: Stamp,
    /// The CLIP that the heads are for.
    pub model: Measured,
    pub device: String,
    pub base: Figure,
    pub novel: Figure,
    pub hm: Figure,
    /// Vanilla CLIP on the same clips.
    pub vanilla: Halves,
    pub seeds: Vec<SeedReport>,
    /// Base, then novel.
    pub halves: [HalfReport; 2],
    pub missing: Vec<Missing>,
    pub undecodable: Vec<Fault>,
    pub damaged: Vec<Fault>,
}

/// The classes in two halves, by their places in rising order: the base has those with the most clips for training, of equal ones the
/// first by name, and one class more where their number is odd. So ViFi-CLIP describes its halves.
pub fn halves(train: &LabelledClips) -> [Vec<usize>; 2] {
    let mut counts = vec![0_usize; train.classes.len()];
    train.clips.iter().for_each(|clip| counts[clip.label] += 1);
    let mut all: Vec<usize> = (0..counts.len()).collect();
    all.sort_by(|a, b| counts[*b].cmp(&counts[*a]).then_with(|| train.classes[*a].cmp(&train.classes[*b])));
    let mut novel = all.split_off(all.len().div_ceil(2));
    all.sort_unstable();
    novel.sort_unstable();
    [all, novel]
}

/// The clips of some classes in the label space of these alone.
pub fn of_classes(clips: &LabelledClips, classes: &[usize]) -> LabelledClips {
    let mut place = vec![None; clips.classes.len()];
    classes.iter().enumerate().for_each(|(i, class)| place[*class] = Some(i));
    let moved = clips.clips.iter().filter_map(|clip| {
        let label = place[clip.label]?;
        Some(crate::data::labelled::LabelledClip { label, ..clip.clone() })
    });
    LabelledClips {
        classes: classes.iter().map(|c| clips.classes[*c].clone()).collect(),
        clips: moved.collect(),
    }
}

/// Both halves of a test list, base first, as two splits.
pub fn test(clips: &LabelledClips, halves: &[Vec<usize>; 2]) -> Vec<Split> {
    let split =
        |(i, classes): (usize, &Vec<usize>)| Split { number: i + 1, clips: of_classes(clips, classes) };
    halves.iter().enumerate().map(split).collect()
}

/// What a candidate reaches on both halves.
///
/// # Errors
/// A half has no clip that could be decoded.
pub fn reached(data: &DataSet, answers: &[Option<Answers>], candidate: usize) -> Result<Halves, String> {
    let mut accuracies = Vec::new();
    // The halves share no clip, so a clip has one answer of each candidate.
    for (split, name) in data.splits.iter().zip(["base", "novel"]) {
        let said = split.clips.iter().filter_map(|(clip, class)| {
            let said = answers[*clip].as_ref()?.said.first()?.get(candidate)?;
            Some(if said.best == Some(*class) { 100.0 } else { 0.0 })
        });
        let all: Vec<f64> = said.collect();
        if all.is_empty() {
            return Err(format!("no clip of the {name} classes could be decoded"));
        }
        accuracies.push(Summary::of(&all).mean);
    }
    Ok(Halves::of(accuracies[0], accuracies[1]))
}

/// Each half with its counts.
pub fn counted(data: &DataSet, answers: &[Option<Answers>]) -> [HalfReport; 2] {
    [0, 1].map(|half| {
        let split = &data.splits[half];
        let clips = split.clips.iter().filter(|(clip, _)| answers[*clip].is_some()).count();
        HalfReport {
            classes: split.classes.clone(),
            clips,
            missing: split.missing.len(),
            undecodable: split.clips.len() - clips,
        }
    })
}

/// Mean and population standard deviation over the seeds.
pub fn over(seeds: &[SeedReport], of: fn(&Halves) -> f64) -> Figure {
    let Summary { mean, std, .. } = Summary::of(&seeds.iter().map(|s| of(&s.halves)).collect::<Vec<_>>());
    Figure { mean, std }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::labelled::LabelledClip;

    fn list(of: &[(&str, usize)]) -> LabelledClips {
        let clip = |label: usize, i: usize| LabelledClip {
            path: format!("{label}-{i}.mp4").into(),
            label,
            start: None,
            end: None,
        };
        LabelledClips {
            classes: of.iter().map(|(name, _)| (*name).to_owned()).collect(),
            clips: of.iter().enumerate().flat_map(|(c, (_, n))| (0..*n).map(move |i| clip(c, i))).collect(),
        }
    }

    #[test]
    fn the_base_has_the_classes_with_the_most_clips() {
        let train = list(&[("a", 2), ("b", 5), ("c", 2), ("d", 3), ("e", 2)]);
        assert_eq!(halves(&train), [vec![0, 1, 3], vec![2, 4]]);
        let [_, novel] = halves(&train);
        let novel = of_classes(&train, &novel);
        assert_eq!(novel.classes, ["c", "e"]);
        assert_eq!(novel.clips.iter().map(|c| c.label).collect::<Vec<_>>(), [0, 0, 1, 1]);
    }

    #[test]
    fn the_harmonic_mean_is_that() {
        assert_eq!(Halves::of(60.0, 40.0).hm, 48.0);
        assert_eq!(Halves::of(0.0, 0.0).hm, 0.0);
        let seeds = [(60.0, 40.0), (50.0, 50.0)].map(|(base, novel)| SeedReport {
            seed: 1,
            trained_on: 1,
            skipped: Vec::new(),
            halves: Halves::of(base, novel),
        });
        assert_eq!(over(&seeds, |h| h.hm), Figure { mean: 49.0, std: 1.0 });
    }
}
