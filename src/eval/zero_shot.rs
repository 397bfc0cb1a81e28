//! `eval zero-shot`: how often a model names the class of real clips that it was not trained on, by the field's protocol (METHOD §9):
//! every split of a data set in its own label space, top-1 and top-5, mean and population standard deviation over the splits. Vanilla
//! CLIP (mean pooling, positive prompts only) answers the same clips beside it, from the same tokens.
//!
//! A clip is encoded once, however many splits it is in. One that cannot be decoded is left out of every figure, as one that is
//! missing is; both are counted and named in the report.

use crate::batch::{Asked, Clips, ReadClip, Reading, Step, TextSide};
use crate::data::sets::{Clip, DataSet, Present};
use crate::device::{self, guarded};
use crate::metrics::Summary;
use crate::model::Surgery;
use crate::model::head::{HeadConfig, MotionHead};
use crate::prompt::{PromptSet, Templates};
use crate::session::{ModelInfo, Session, WorkError};
use crate::video::clip::Rule;
use crate::video::{ClipSpec, Preprocess, Pts, Span};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// How frames become what the vision tower takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Preprocessing {
    /// As the model's folder says: CLIP's
    Clip,
    /// As in ViFi-CLIP, X-CLIP and TC-CLIP: a larger resize, bilinear, and ImageNet's mean and deviation
    Videox,
}

/// How clips are looked at and asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct Protocol {
    /// T.
    pub frames: usize,
    /// How often each clip is looked at, each time at other frames; the shares are averaged.
    pub views: usize,
    pub preprocess: Preprocessing,
    pub templates: Templates,
    /// The negative prompts take part.
    pub negatives: bool,
}

/// What every report says of how it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    pub frames: usize,
    pub views: usize,
    pub preprocess: Preprocessing,
    /// BLAKE3 (16 hex digits) of the templates, of the label spaces, and of which clips there are.
    pub templates_digest: String,
    pub classes_digest: String,
    pub clips_digest: String,
    pub negatives: bool,
}

/// The protocol as a report says it: figures can be compared where all of it is equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    #[serde(flatten)]
    pub conditions: Conditions,
    /// The numbers of the splits.
    pub splits: Vec<usize>,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub name: String,
    /// BLAKE3 of the weights.
    pub digest: String,
    /// "trained" or "untrained".
    pub head: String,
    /// The weight of the negative prompts, the model's own.
    pub alpha: f32,
}

/// Mean and population standard deviation over the splits, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub mean: f64,
    pub std: f64,
}

/// One split; accuracies in percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitReport {
    pub split: usize,
    /// The clips that the accuracies are of.
    pub clips: usize,
    /// Clips of the lists that are not there, and clips that could not be decoded. No accuracy counts them.
    pub missing: usize,
    pub undecodable: usize,
    pub top1: f64,
    pub top5: f64,
    pub vanilla_top1: f64,
    /// A digit for each clip that is there, in the order of the split's list: the sum of what of [`Right`] it has; `-` for one that
    /// could not be decoded. So two reports can be compared clip by clip.
    pub answers: String,
}

/// What can be right about a clip, as a digit of [`SplitReport::answers`] has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Top1 = 1,
    Top5 = 2,
    Vanilla = 4,
}

impl SplitReport {
    /// Clip by clip; absent for one that could not be decoded.
    pub fn right(&self, what: Right) -> impl Iterator<Item = Option<bool>> {
        self.answers.chars().map(move |c| Some(c.to_digit(8)? & what as u32 != 0))
    }

    /// That the answers are of its clips, and come to its accuracies.
    pub fn is_whole(&self) -> bool {
        let accuracies =
            [(Right::Top1, self.top1), (Right::Top5, self.top5), (Right::Vanilla, self.vanilla_top1)];
        let all = |(what, accuracy): (Right, f64)| {
            let right = self.right(what).flatten().filter(|right| *right).count();
            (100.0 * right as f64 / self.clips as f64 - accuracy).abs() < 1e-6
        };
        let digits = |c: char| c == '-' || c.is_digit(8);
        let (there, decoded) = (self.answers.chars().count(), self.right(Right::Top1).flatten().count());
        let counted = there == self.clips + self.undecodable && decoded == self.clips;
        self.clips > 0 && counted && self.answers.chars().all(digits) && accuracies.into_iter().all(all)
    }
}

/// One class, over all splits that have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassReport {
    pub name: String,
    pub clips: usize,
    /// In percent; absent without clips.
    pub top1: Option<f64>,
}

/// The clips of a class that a split's lists name and that are not there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    pub split: usize,
    pub class: String,
    pub clips: Vec<String>,
}

/// A clip with which something is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub clip: String,
    pub error: String,
}

/// The result of `eval zero-shot --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub dataset: String,
    pub protocol: Stamp,
    pub model: Measured,
    pub device: String,
    pub splits: Vec<SplitReport>,
    pub top1: Figure,
    pub top5: Figure,
    pub vanilla_top1: Figure,
    pub classes: Vec<ClassReport>,
    pub missing: Vec<Missing>,
    pub undecodable: Vec<Fault>,
    /// Clips that were looked at as far as they go: they stop early or have holes.
    pub damaged: Vec<Fault>,
}

/// How often which class was said of which: row by row the clip's class, column by column the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Confusion {
    pub classes: Vec<String>,
    pub counts: Vec<u32>,
}

impl Confusion {
    /// What is said most often of a class in place of it, and how often.
    pub fn instead(&self, class: usize) -> Option<(usize, u32)> {
        let row = self.counts.chunks(self.classes.len().max(1)).nth(class)?;
        let others = row.iter().copied().enumerate().filter(|(said, count)| *said != class && *count > 0);
        others.rev().max_by_key(|(_, count)| *count)
    }
}

/// What one candidate answered about a clip in one split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The class with the largest share; absent where the model knows no class at all.
    pub best: Option<usize>,
    /// How many classes have a larger share than the right one; absent where that takes no part.
    pub ahead: Option<usize>,
}

/// The answers about one clip.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// In the order of [`DataSet::splits`], of those that it is in, an answer of each candidate.
    pub said: Vec<Vec<Said>>,
    /// What is wrong with the file where it was looked at as far as it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
}

/// The class with the largest share, the first of equal ones; and how many have a larger share than `right`.
fn rank(shares: &[Option<f64>], right: usize) -> Said {
    let taking = || shares.iter().enumerate().filter_map(|(class, share)| Some((class, (*share)?)));
    let best = taking().rev().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(class, _)| class);
    let own = shares.get(right).copied().flatten();
    // Of equal shares the first class wins, here as there.
    let ahead = own.map(|own| taking().filter(|(c, s)| *s > own || (*s == own && *c < right)).count());
    Said { best, ahead }
}

/// The share of every class, averaged over the views; absent for a class that takes no part. In double precision: what is far behind
/// still has an order, which `Scores::p` has lost.
fn shares(texts: &TextSide, views: &[Vec<f32>]) -> Vec<Option<f64>> {
    let mut sum: Vec<Option<f64>> = vec![None; texts.classes.len()];
    for embedding in views {
        let logits: Vec<Option<f64>> =
            texts.score(embedding).classes.iter().map(|c| c.logit.map(f64::from)).collect();
        let largest = logits.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights = || logits.iter().map(|z| z.map(|z| (z - largest).exp()));
        let whole: f64 = weights().flatten().sum::<f64>() * views.len() as f64;
        for (sum, weight) in sum.iter_mut().zip(weights()) {
            *sum = weight.map(|w| sum.unwrap_or(0.0) + w / whole);
        }
    }
    sum
}

/// The views of a clip: with one the middles of the segments (METHOD §1), else as many places in each segment, evenly spread.
fn specs(clip: &Clip, end: Pts, views: usize) -> Vec<ClipSpec> {
    let span = Span::new(clip.start.unwrap_or(Pts(0)), clip.end.unwrap_or(end));
    let shifted = |view: usize| {
        let thousandths = ((2 * view + 1) * 500 / views) as u16;
        ClipSpec { rule: Rule::Shifted { thousandths }, ..ClipSpec::segments(span) }
    };
    if views == 1 { vec![ClipSpec::segments(span)] } else { (0..views).map(shifted).collect() }
}

/// Who is examined: a motion head on the session's towers, and the texts of every split as it takes them.
pub struct Candidate {
    head: MotionHead,
    pub texts: Vec<TextSide>,
}

impl Candidate {
    /// The model as it is, with its negative prompts where the protocol has them.
    ///
    /// # Errors
    /// The text tower failed, in words.
    pub fn of(session: &mut Session, data: &DataSet, protocol: &Protocol) -> Result<Self, String> {
        let surgery = Surgery { no_negatives: !protocol.negatives, ..Surgery::default() };
        let texts = texts(session, data, protocol, None, &surgery)?;
        Ok(Self { head: session.model().head.clone(), texts })
    }

    /// Vanilla CLIP: the mean over time of the towers' embeddings, positive prompts only.
    ///
    /// # Errors
    /// The text tower failed, in words.
    pub fn vanilla(session: &mut Session, data: &DataSet, protocol: &Protocol) -> Result<Self, String> {
        let plain = Surgery { no_joint_adapter: true, no_negatives: true, ..Surgery::default() };
        let texts = texts(session, data, protocol, Some(0.0), &plain)?;
        let (config, levels) = (session.config(), session.model().head_config.levels);
        let untrained = HeadConfig {
            frames: protocol.frames,
            levels,
            ..HeadConfig::new(config.vision.width, config.joint, config.vision.heads)
        };
        Ok(Self { head: untrained.init(session.device()), texts })
    }
}

/// The texts of every split.
fn texts(
    session: &mut Session,
    data: &DataSet,
    protocol: &Protocol,
    alpha: Option<f32>,
    surgery: &Surgery,
) -> Result<Vec<TextSide>, String> {
    let text = |split: &Present| {
        let templates = protocol.templates.clone();
        let set = PromptSet { templates, ..PromptSet::from_names(&split.classes) };
        TextSide::new(session, &set, alpha, surgery)
    };
    data.splits.iter().map(text).collect()
}

/// That a model whose head halves time so many times takes so many frames a clip.
///
/// # Errors
/// In words, where it does not.
pub fn takes(levels: usize, frames: usize) -> Result<(), String> {
    let part = 1 << levels;
    if (1..=1024).contains(&frames) && frames.is_multiple_of(part) {
        return Ok(());
    }
    Err(format!(
        "{frames} frames a clip: this model halves time {levels} times, so it takes a multiple of {part}, at most 1024"
    ))
}

/// Candidates on the same towers, and what they are examined on.
pub struct Examination<'a> {
    session: &'a Session,
    data: &'a DataSet,
    protocol: &'a Protocol,
    gpu: bool,
    candidates: &'a [Candidate],
    preprocess: Preprocess,
    /// Of each clip: the splits that it is in, and its class there.
    places: Vec<Vec<(usize, usize)>>,
}

/// What [`Examination::run`] tells while it works.
pub enum Told<'a> {
    /// So many clips are dealt with.
    Done(usize),
    /// The answers about a clip, by its place in [`DataSet::clips`].
    Answers(usize, &'a Answers),
    /// A clip could not be decoded.
    Undecodable(usize, &'a str),
}

impl<'a> Examination<'a> {
    /// `gpu`: the session's device is one.
    pub fn new(
        session: &'a Session,
        candidates: &'a [Candidate],
        data: &'a DataSet,
        protocol: &'a Protocol,
        gpu: bool,
    ) -> Self {
        let mut places = vec![Vec::new(); data.clips.len()];
        for (split, present) in data.splits.iter().enumerate() {
            for (clip, class) in &present.clips {
                places[*clip].push((split, *class));
            }
        }
        let preprocess = match protocol.preprocess {
            Preprocessing::Clip => session.preprocess,
            Preprocessing::Videox => Preprocess::videox(session.preprocess.size),
        };
        Self { session, data, protocol, gpu, candidates, preprocess, places }
    }

    /// Looks at every clip that has no answer yet in `answers`, one place a clip.
    ///
    /// # Errors
    /// The run cannot go on: no thread can be started, the GPU was lost, the model failed, or `report` wants no more; in words.
    pub fn run(
        &self,
        answers: &mut [Option<Answers>],
        report: &mut dyn FnMut(Told<'_>) -> Result<(), String>,
    ) -> Result<Vec<(usize, String)>, String> {
        let open: Vec<usize> = (0..self.data.clips.len()).filter(|i| answers[*i].is_none()).collect();
        let views = self.protocol.views;
        let asked = open.iter().map(|i| {
            let clip = self.data.clips[*i].clone();
            let path = clip.path.clone();
            let cut = Box::new(move |times: &crate::video::times::FrameTimes| {
                times.begins(clip.start.unwrap_or(Pts(0)))?;
                Ok(specs(&clip, times.end, views))
            });
            Asked { path, cut }
        });
        let reading = Reading { frames: self.protocol.frames, preprocess: self.preprocess, digest: false };
        let clips = Clips::read(asked, reading).map_err(|e| format!("a thread cannot be started: {e}"))?;
        let mut undecodable = Vec::new();
        let (mut seen, mut failure) = (Seen::default(), None);
        let before = answers.len() - open.len();
        for step in clips {
            match step {
                Step::Clip(_, clip) if failure.is_none() => self.look(&clip, &mut seen)?,
                Step::Clip(..) => {}
                Step::Failed(_, why) => failure = failure.or(Some(why.message)),
                Step::Done(place) => {
                    let (clip, seen) = (open[place], std::mem::take(&mut seen));
                    match failure.take() {
                        Some(why) => {
                            report(Told::Undecodable(clip, &why))?;
                            undecodable.push((clip, why));
                        }
                        None => {
                            let given = self.answers(clip, seen);
                            report(Told::Answers(clip, &given))?;
                            answers[clip] = Some(given);
                        }
                    }
                    report(Told::Done(before + place + 1))?;
                }
            }
        }
        Ok(undecodable)
    }

    /// Adds one view of a clip to what was seen of it.
    fn look(&self, clip: &ReadClip, seen: &mut Seen) -> Result<(), String> {
        let as_it_is = Surgery::default();
        let looked = clip.tokens(self.session, self.gpu, &as_it_is).and_then(|tokens| {
            guarded(|| {
                let x = self.session.clips(&tokens, tokens.len());
                let by = |c: &Candidate| self.session.embed_by(&c.head, x.clone(), &as_it_is);
                self.candidates.iter().map(by).collect::<Result<Vec<_>, WorkError>>()
            })
        });
        let embeddings = looked.map_err(|why| match device::lost(None).filter(|_| self.gpu) {
            Some(lost) => format!("the GPU was lost ({lost}); go on with --resume, or with --device cpu"),
            None => why,
        })?;
        if embeddings.iter().flatten().flatten().any(|x| !x.is_finite()) {
            return Err("the motion head gave values that are not finite (NaN or infinity)".to_owned());
        }
        seen.views.resize(self.candidates.len(), Vec::new());
        seen.views.iter_mut().zip(embeddings).for_each(|(views, f)| views.extend(f));
        seen.damaged.clone_from(&clip.damaged);
        Ok(())
    }

    fn answers(&self, clip: usize, seen: Seen) -> Answers {
        let said = |(split, class): &(usize, usize)| {
            let of = self.candidates.iter().zip(&seen.views);
            of.map(|(candidate, views)| rank(&shares(&candidate.texts[*split], views), *class)).collect()
        };
        Answers { said: self.places[clip].iter().map(said).collect(), damaged: seen.damaged }
    }

    /// What everything that changes an answer comes to, for a run that goes on with an earlier one's.
    pub fn settings(&self, stamp: &Stamp, device: &str) -> String {
        let model = &self.session.info.identity;
        let all = serde_json::json!([model, self.session.info.alpha, device, stamp, self.protocol.templates]);
        blake3::hash(all.to_string().as_bytes()).to_hex()[..16].to_owned()
    }

    /// What a clip's file is (16 hex digits): its full path, its length and when it was changed. For answers that are kept.
    pub fn file(&self, clip: usize) -> String {
        let path = &self.data.clips[clip].path;
        let full = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let file = format!("{} {}", full.display(), crate::files::state(path));
        blake3::hash(file.as_bytes()).to_hex()[..16].to_owned()
    }

    /// That the answers can be about a clip: one of each candidate in each of its splits, of the classes there.
    pub fn fits(&self, clip: usize, answers: &Answers) -> bool {
        let of_split = |(said, (split, _)): (&Vec<Said>, &(usize, usize))| {
            let classes = self.data.splits[*split].classes.len();
            let known = |place: Option<usize>| place.is_none_or(|place| place < classes);
            said.len() == self.candidates.len() && said.iter().all(|s| known(s.best) && known(s.ahead))
        };
        let places = &self.places[clip];
        answers.said.len() == places.len() && answers.said.iter().zip(places).all(of_split)
    }

    /// The protocol as the report says it.
    pub fn stamp(&self, root: &Path) -> Stamp {
        let Protocol { frames, views, preprocess, negatives, ref templates } = *self.protocol;
        let templates = serde_json::json!(templates).to_string();
        let conditions = Conditions {
            frames,
            views,
            preprocess,
            templates_digest: blake3::hash(templates.as_bytes()).to_hex()[..16].to_owned(),
            classes_digest: self.data.classes_digest(),
            clips_digest: self.data.clips_digest(root),
            negatives,
        };
        Stamp { conditions, splits: self.data.splits.iter().map(|s| s.number).collect() }
    }
}

/// What was seen of a clip.
#[derive(Default)]
struct Seen {
    /// f (E) of each view, by candidate.
    views: Vec<Vec<Vec<f32>>>,
    damaged: Option<String>,
}

/// Who was measured, by what, on what.
pub struct Of<'a> {
    pub dataset: &'a str,
    pub stamp: Stamp,
    pub model: &'a ModelInfo,
    pub device: &'a str,
    pub root: &'a Path,
}

/// The report on what the first of two candidates answered, vanilla CLIP being the second; a clip without answers is undecodable.
///
/// # Errors
/// A split has no clip that could be decoded.
pub fn report(
    of: Of<'_>,
    data: &DataSet,
    answers: &[Option<Answers>],
    undecodable: &[(usize, String)],
) -> Result<(Report, Confusion), String> {
    let mut confusion = Confusion::default();
    // Classes of all splits by their names: each split has its own label space.
    let mut named: HashMap<&str, usize> = HashMap::new();
    for name in data.splits.iter().flat_map(|s| &s.classes) {
        named.entry(name).or_insert_with(|| {
            confusion.classes.push(name.clone());
            confusion.classes.len() - 1
        });
    }
    let count = confusion.classes.len();
    confusion.counts = vec![0; count * count];
    let (mut clips_of, mut right_of) = (vec![0_usize; count], vec![0_usize; count]);
    // How many answers of each clip have been taken.
    let mut taken = vec![0; data.clips.len()];
    let mut splits = Vec::new();
    for split in &data.splits {
        let place = |class: usize| named[split.classes[class].as_str()];
        let mut told = SplitReport {
            split: split.number,
            clips: 0,
            missing: split.missing.len(),
            undecodable: 0,
            top1: 0.0,
            top5: 0.0,
            vanilla_top1: 0.0,
            answers: String::with_capacity(split.clips.len()),
        };
        for (clip, class) in &split.clips {
            let Some([said, vanilla]) =
                answers[*clip].as_ref().and_then(|all| all.said.get(taken[*clip])).map(Vec::as_slice)
            else {
                told.undecodable += 1;
                told.answers.push('-');
                continue;
            };
            taken[*clip] += 1;
            let row = place(*class);
            told.clips += 1;
            clips_of[row] += 1;
            if let Some(best) = said.best {
                confusion.counts[row * count + place(best)] += 1;
            }
            let right = [
                (Right::Top1, &mut told.top1, said.best == Some(*class)),
                (Right::Top5, &mut told.top5, said.ahead.is_some_and(|ahead| ahead < 5)),
                (Right::Vanilla, &mut told.vanilla_top1, vanilla.best == Some(*class)),
            ];
            let mut digit = 0;
            for (what, count, right) in right {
                if right {
                    *count += 1.0;
                    digit += what as u8;
                }
            }
            told.answers.push(char::from(b'0' + digit));
            right_of[row] += usize::from(said.best == Some(*class));
        }
        if told.clips == 0 {
            return Err(format!("split {}: none of its clips could be decoded", split.number));
        }
        for share in [&mut told.top1, &mut told.top5, &mut told.vanilla_top1] {
            *share *= 100.0 / told.clips as f64;
        }
        splits.push(told);
    }
    let over = |of: fn(&SplitReport) -> f64| {
        let Summary { mean, std, .. } = Summary::of(&splits.iter().map(of).collect::<Vec<_>>());
        Figure { mean, std }
    };
    let info = of.model;
    let classes = confusion.classes.iter().zip(clips_of.iter().zip(&right_of));
    let report = Report {
        dataset: of.dataset.to_owned(),
        protocol: of.stamp,
        model: Measured {
            name: info.name.clone(),
            digest: info.digest.clone(),
            head: if info.head_trained { "trained" } else { "untrained" }.to_owned(),
            alpha: info.alpha,
        },
        device: of.device.to_owned(),
        top1: over(|s| s.top1),
        top5: over(|s| s.top5),
        vanilla_top1: over(|s| s.vanilla_top1),
        classes: classes
            .map(|(name, (clips, right))| ClassReport {
                name: name.clone(),
                clips: *clips,
                top1: (*clips > 0).then(|| 100.0 * *right as f64 / *clips as f64),
            })
            .collect(),
        missing: missing(data, of.root),
        undecodable: faults(data, of.root, undecodable.iter().map(|(i, why)| (*i, why.as_str()))),
        damaged: damaged(data, of.root, answers),
        splits,
    };
    Ok((report, confusion))
}

/// A path as a report has it.
pub fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// What is not there, by split and class.
pub fn missing(data: &DataSet, root: &Path) -> Vec<Missing> {
    let mut all = Vec::new();
    for split in &data.splits {
        for (class, name) in split.classes.iter().enumerate() {
            let of_class = split.missing.iter().filter(|(c, _)| *c == class);
            let clips: Vec<String> = of_class.map(|(_, path)| shown(path, root)).collect();
            if !clips.is_empty() {
                all.push(Missing { split: split.number, class: name.clone(), clips });
            }
        }
    }
    all
}

/// Clips by their places, and what is wrong with them.
pub fn faults<'a>(data: &DataSet, root: &Path, all: impl Iterator<Item = (usize, &'a str)>) -> Vec<Fault> {
    all.map(|(i, why)| Fault { clip: shown(&data.clips[i].path, root), error: why.to_owned() }).collect()
}

/// The clips that were looked at as far as they go.
pub fn damaged(data: &DataSet, root: &Path, answers: &[Option<Answers>]) -> Vec<Fault> {
    let all = answers.iter().enumerate();
    faults(data, root, all.filter_map(|(i, given)| Some((i, given.as_ref()?.damaged.as_deref()?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_count_the_classes_ahead() {
        let shares = [Some(0.2), None, Some(0.5), Some(0.2), Some(0.1)];
        let of = |right| rank(&shares, right);
        assert_eq!(of(2), Said { best: Some(2), ahead: Some(0) });
        // Of equal shares the first class is ahead; one that takes no part has no rank.
        assert_eq!([of(0).ahead, of(3).ahead, of(4).ahead, of(1).ahead], [Some(1), Some(2), Some(3), None]);
        assert_eq!(rank(&[Some(0.5), Some(0.5)], 1).best, Some(0));
        assert_eq!(rank(&[None, None], 0), Said { best: None, ahead: None });
    }

    #[test]
    fn views_lie_evenly_in_the_segments() {
        let clip = Clip { path: "a".into(), start: None, end: Some(Pts(500)) };
        assert_eq!(specs(&clip, Pts(900), 1), [ClipSpec::segments(Span::new(Pts(0), Pts(500)))]);
        let rules: Vec<Rule> = specs(&clip, Pts(900), 4).iter().map(|s| s.rule).collect();
        assert_eq!(rules, [125, 375, 625, 875].map(|thousandths| Rule::Shifted { thousandths }));
    }

    /// Seven classes in the first split, two in the second, one of which the first has not; three clips, of which the second is in
    /// both, and one more that could not be decoded.
    #[test]
    fn figures_are_over_the_splits_and_classes_over_all_of_them() {
        let names = |all: &[&str]| all.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let clip = |name: &str| Clip { path: Path::new("/root").join(name), start: None, end: None };
        let data = DataSet {
            clips: ["a.mp4", "b.mp4", "c.mp4", "d.mp4"].map(clip).to_vec(),
            splits: vec![
                Present {
                    number: 1,
                    classes: names(&["a", "b", "c", "d", "e", "f", "g"]),
                    clips: vec![(0, 0), (1, 1), (3, 2)],
                    missing: vec![(6, "/root/g.mp4".into())],
                },
                Present {
                    number: 2,
                    classes: names(&["b", "z"]),
                    clips: vec![(1, 0), (2, 1)],
                    missing: Vec::new(),
                },
            ],
        };
        let said = |best, ahead| Said { best: Some(best), ahead: Some(ahead) };
        let of = |said: Vec<[Said; 2]>, damaged: Option<&str>| {
            let said = said.into_iter().map(Vec::from).collect();
            Some(Answers { said, damaged: damaged.map(str::to_owned) })
        };
        let answers = [
            of(vec![[said(0, 0), said(1, 1)]], None),
            of(vec![[said(0, 5), said(1, 0)], [said(0, 0), said(0, 0)]], None),
            of(vec![[said(0, 1), said(1, 0)]], Some("cut off")),
            None,
        ];
        let session =
            Session::load(&crate::session::ModelSource::Shapes, &burn::tensor::Device::flex(), &|_, _| ());
        let session = session.unwrap();
        let stamp = Stamp {
            conditions: Conditions {
                frames: 8,
                views: 1,
                preprocess: Preprocessing::Clip,
                templates_digest: String::new(),
                classes_digest: String::new(),
                clips_digest: String::new(),
                negatives: true,
            },
            splits: vec![1, 2],
        };
        let of =
            Of { dataset: "k600", stamp, model: &session.info, device: "a test", root: Path::new("/root") };
        let (report, confusion) = report(of, &data, &answers, &[(3, "no video".to_owned())]).unwrap();
        let [first, second] = &report.splits[..] else { panic!("{:?}", report.splits) };
        assert_eq!((first.clips, first.missing, first.undecodable), (2, 1, 1));
        // Of the two one is right, and the other has five classes before it; vanilla CLIP has the other one right.
        assert_eq!((first.top1, first.top5, first.vanilla_top1), (50.0, 50.0, 50.0));
        assert_eq!((second.top1, second.top5, second.vanilla_top1), (50.0, 100.0, 100.0));
        assert_eq!((first.answers.as_str(), second.answers.as_str()), ("34-", "76"));
        assert!(first.is_whole() && second.is_whole());
        for broken in ["30-", "34", "34x", "34--"] {
            let unlike = SplitReport { answers: broken.to_owned(), ..first.clone() };
            assert!(!unlike.is_whole(), "{broken}");
        }
        assert_eq!(report.top5, Figure { mean: 75.0, std: 25.0 });
        assert_eq!(report.vanilla_top1, Figure { mean: 75.0, std: 25.0 });
        let b = report.classes.iter().position(|c| c.name == "b").unwrap();
        assert_eq!(
            (report.classes.len(), report.classes[b].clips, report.classes[b].top1),
            (8, 2, Some(50.0))
        );
        assert_eq!(report.classes[2], ClassReport { name: "c".to_owned(), clips: 0, top1: None });
        assert_eq!(confusion.classes, ["a", "b", "c", "d", "e", "f", "g", "z"]);
        assert_eq!((confusion.instead(b), confusion.instead(0)), (Some((0, 1)), None));
        assert_eq!(confusion.instead(7), Some((b, 1)), "by the second split's numbers");
        let fault = |clip: &str, error: &str| Fault { clip: clip.to_owned(), error: error.to_owned() };
        assert_eq!(report.undecodable, [fault("d.mp4", "no video")]);
        assert_eq!(report.damaged, [fault("c.mp4", "cut off")]);
        let gone = Missing { split: 1, class: "g".to_owned(), clips: vec!["g.mp4".to_owned()] };
        assert_eq!(report.missing, [gone]);
    }
}
