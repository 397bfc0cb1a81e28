//! What an examination comes to: accuracies by split and class, who was taken for whom, and which clips no figure counts.

use super::{Answers, Stamp};
use crate::data::sets::DataSet;
use crate::metrics::Summary;
use crate::session::ModelInfo;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

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
    use crate::data::sets::{Clip, Present};
    use crate::eval::zero_shot::{Conditions, Preprocessing, Said};
    use crate::session::Session;

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
