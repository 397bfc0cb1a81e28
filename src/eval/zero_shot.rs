//! `eval zero-shot`: how often a model names the class of real clips that it was not trained on, by the field's protocol (METHOD §9):
//! every split of a data set in its own label space, top-1 and top-5, mean and population standard deviation over the splits. Vanilla
//! CLIP (mean pooling, positive prompts only) answers the same clips beside it, from the same tokens.
//!
//! A clip is encoded once, however many splits it is in. One that cannot be decoded is left out of every figure, as one that is
//! missing is; both are counted and named in the report.

mod report;

pub use report::{
    ClassReport, Confusion, Fault, Figure, Measured, Missing, Of, Report, Right, SplitReport, damaged,
    faults, missing, report, shown,
};

use crate::batch::{Asked, Clips, ReadClip, Reading, Step, TextSide};
use crate::data::sets::{Clip, DataSet, Present};
use crate::device::{self, guarded};
use crate::model::Surgery;
use crate::model::head::{HeadConfig, MotionHead};
use crate::prompt::{PromptSet, Templates};
use crate::session::{Session, WorkError};
use crate::video::clip::Rule;
use crate::video::{ClipSpec, Preprocess, Pts, Span};
use serde::{Deserialize, Serialize};
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
}
