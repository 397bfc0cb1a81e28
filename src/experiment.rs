//! An experiment: everything that one analysis depended on and the numbers that came of it, as a file that the window opens and
//! `motionlens replay` computes again. `docs/experiment.md` describes the format.

use crate::device::DeviceInfo;
use crate::engine::{Answer, Question};
use crate::export::figure;
use crate::files::write_atomic;
use crate::model::Surgery;
use crate::prompt::PromptSet;
use crate::score::Scores;
use crate::session::{ModelInfo, ModelSource};
use crate::video::ClipSpec;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

/// The version that is written and the only one that is read.
pub const VERSION: u32 = 1;
/// Larger files are refused: no analysis makes one.
pub const MAX_BYTES: u64 = 64 << 20;
/// Cosines that differ by no more than this between two devices are the same: devices round differently.
pub const CLOSE: f32 = 1e-3;

/// The file. Its first key tells it from a prompt set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// [`VERSION`].
    pub experiment: u32,
    /// What wrote it, for people.
    pub program: String,
    pub clip: Clip,
    pub model: Model,
    pub device: Device,
    /// Which frames of the clip, in which order (with the seed of a shuffle), and how many the model saw.
    pub scope: ClipSpec,
    pub frames: usize,
    /// What was altered inside the model.
    pub surgery: Surgery,
    pub prompts: PromptSet,
    /// α of METHOD §6 that the scores were made with.
    pub alpha: f32,
    /// The numbers that were seen.
    pub seen: Seen,
    /// The baseline that changes were shown against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Scores>,
    /// How the window showed it; it means nothing to a replay.
    #[serde(default)]
    pub view: serde_json::Value,
}

/// The video file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clip {
    /// Whole, as it was.
    pub path: PathBuf,
    /// From the folder of the experiment file, where there is such a way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative: Option<PathBuf>,
    /// BLAKE3 of the file (32 hex digits).
    pub digest: String,
}

/// The model, how to name it, and how to know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub source: ModelSource,
    pub name: String,
    /// Of the weights, and of everything that changes an answer (see [`ModelInfo`]).
    pub digest: String,
    pub identity: String,
}

/// What ran it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    pub name: String,
    pub gpu: bool,
}

/// The numbers that were seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// f (E): all that the scores depend on beside the prompts.
    pub embedding: Vec<f32>,
    pub scores: Scores,
}

/// Why an experiment file was refused or not written.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    #[error("cannot read {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path} is not an experiment: {reason}")]
    Format { path: PathBuf, reason: String },
    #[error("cannot write {path}: {source}; what was there before is unchanged")]
    Write { path: PathBuf, source: std::io::Error },
}

impl Experiment {
    /// Of one answer and its scores. `clip`: the file and its digest; the way to it from the experiment's own folder is
    /// found when it is saved.
    pub fn new(
        (clip, digest): (&Path, String),
        model: &ModelInfo,
        device: &DeviceInfo,
        answer: &Answer,
        prompts: PromptSet,
        scores: &Scores,
    ) -> Self {
        let Question { clip: scope, frames, surgery, .. } = (*answer.question).clone();
        Self {
            experiment: VERSION,
            program: format!("motionlens {}", env!("CARGO_PKG_VERSION")),
            clip: Clip { path: whole(clip), relative: None, digest },
            model: Model {
                source: match &model.source {
                    ModelSource::Folder(folder) => ModelSource::Folder(whole(folder)),
                    other => other.clone(),
                },
                name: model.name.clone(),
                digest: model.digest.clone(),
                identity: model.identity.clone(),
            },
            device: Device { name: device.name.clone(), gpu: device.gpu },
            scope,
            frames,
            surgery,
            prompts,
            alpha: scores.alpha,
            seen: Seen { embedding: answer.evidence.embedding.clone(), scores: scores.clone() },
            pinned: None,
            view: serde_json::Value::Null,
        }
    }

    /// Reads the file, or the experiment in the metadata of a figure.
    ///
    /// # Errors
    /// The file cannot be read, or is no experiment of [`VERSION`]; the message says which.
    pub fn load(path: &Path) -> Result<Self, ExperimentError> {
        let io = |source| ExperimentError::Io { path: path.to_owned(), source };
        let format = |reason: String| ExperimentError::Format { path: path.to_owned(), reason };
        let meta = std::fs::metadata(path).map_err(io)?;
        if !meta.is_file() || meta.len() > MAX_BYTES {
            return Err(format("it is no file, or one that is far too large".to_owned()));
        }
        let bytes = std::fs::read(path).map_err(io)?;
        match figure::text(&bytes, figure::EXPERIMENT) {
            Some(json) => Self::from_bytes(json.as_bytes()),
            None if bytes.starts_with(b"\x89PNG") => Err("it is a picture without one".to_owned()),
            None => Self::from_bytes(&bytes),
        }
        .map_err(format)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            experiment: Option<u64>,
        }
        let cannot = |e: serde_json::Error| format!("its JSON cannot be read: {e}");
        match serde_json::from_slice::<Head>(bytes).map_err(cannot)?.experiment {
            Some(v) if v == u64::from(VERSION) => serde_json::from_slice(bytes).map_err(cannot),
            Some(v) => Err(format!("it has version {v}; this program reads version {VERSION}")),
            None => Err(format!("it does not say \"experiment\": {VERSION}")),
        }
    }

    /// Whether JSON is of an experiment of any version, and not of something else.
    pub fn is_one(bytes: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Head {
            #[serde(rename = "experiment")]
            _version: u64,
        }
        serde_json::from_slice::<Head>(bytes).is_ok() || figure::text(bytes, figure::EXPERIMENT).is_some()
    }

    /// As it is in a file at this path, from where the clip can be found.
    pub fn at(&self, path: &Path) -> Self {
        let mut file = self.clone();
        file.clip.relative = whole(path).parent().and_then(|folder| way(folder, &self.clip.path));
        file
    }

    /// Writes the file; the old one is kept whole if that fails.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ExperimentError> {
        let fail = |source| ExperimentError::Write { path: path.to_owned(), source };
        let mut json = serde_json::to_vec_pretty(&self.at(path)).map_err(|e| fail(e.into()))?;
        json.push(b'\n');
        write_atomic(path, &json).map_err(fail)
    }

    /// Where the clip may be: where it lies from the file's folder, then where it was. The first that exists.
    pub fn find_clip(&self, file: &Path) -> Option<PathBuf> {
        let beside = self.clip.relative.as_ref().and_then(|r| Some(whole(file).parent()?.join(r)));
        beside.into_iter().chain([self.clip.path.clone()]).find(|path| path.is_file())
    }

    /// How the numbers of now differ from those that were seen. `same_device`: it ran on the device that it ran on then.
    pub fn compare(&self, embedding: &[f32], scores: &Scores, same_device: bool) -> Comparison {
        let then = &self.seen.scores;
        let same_classes = then.classes.len() == scores.classes.len()
            && then.classes.iter().zip(&scores.classes).all(|(a, b)| a.name == b.name);
        let far = |a: Option<f32>, b: Option<f32>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs(),
            (None, None) => 0.0,
            _ => f32::INFINITY,
        };
        let each = then.classes.iter().zip(&scores.classes).map(|(a, b)| Difference {
            name: a.name.clone(),
            cosine: far(a.s_pos, b.s_pos).max(far(a.s_neg, b.s_neg)),
            p: (a.p - b.p).abs(),
        });
        let each: Vec<Difference> = each.collect();
        let largest = |of: fn(&Difference) -> f32| each.iter().map(of).fold(0.0, f32::max);
        let bits = |a: &[f32], b: &[f32]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        };
        let equal = same_classes && bits(&self.seen.embedding, embedding) && equal(then, scores);
        let (cosine, p) = (largest(|d| d.cosine), largest(|d| d.p));
        let verdict = match () {
            () if equal => Verdict::Same,
            () if !same_device && same_classes && cosine <= CLOSE => Verdict::Close,
            () => Verdict::Different,
        };
        Comparison { verdict, cosine, p, classes: each }
    }
}

/// Everything that a file keeps of scores is the same to the bit.
fn equal(a: &Scores, b: &Scores) -> bool {
    a.classes == b.classes && a.none == b.none && a.alpha == b.alpha && a.tau == b.tau
}

/// How a replay came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every number is the same to the bit.
    Same,
    /// Another device, and every cosine is within [`CLOSE`].
    Close,
    Different,
}

/// The numbers of now beside those that were seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    pub verdict: Verdict,
    /// The largest |Δ| of any cosine (s⁺, s⁻), and of any p.
    #[serde(rename = "max_delta_cosine")]
    pub cosine: f32,
    #[serde(rename = "max_delta_p")]
    pub p: f32,
    pub classes: Vec<Difference>,
}

/// |Δ| of one class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub name: String,
    #[serde(rename = "delta_cosine")]
    pub cosine: f32,
    #[serde(rename = "delta_p")]
    pub p: f32,
}

fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The way from a folder to a file; `None` where they share nothing, as on two drives.
fn way(from: &Path, to: &Path) -> Option<PathBuf> {
    let (a, b): (Vec<Component>, Vec<Component>) = (from.components().collect(), to.components().collect());
    let shared = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    // Where only the root is shared the whole path says the same, and more plainly.
    if shared < 2 || a[shared..].contains(&Component::ParentDir) {
        return None;
    }
    let up = a[shared..].iter().map(|_| Component::ParentDir);
    Some(up.chain(b[shared..].iter().copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::{ClassEmbedding, score};
    use crate::video::{Pts, Span};
    use std::sync::Arc;

    fn scores(x: f32) -> Scores {
        let at = |c: f32| Arc::<[f32]>::from([c, (1.0 - c * c).sqrt()]);
        let class = ClassEmbedding {
            name: "jump".into(),
            positive: Some(at(x)),
            negatives: vec![at(0.123_456_7)],
            positive_prompts: vec![at(x)],
            negative_prompts: vec![(0, at(0.3))],
            counts: true,
            ..ClassEmbedding::default()
        };
        score(&[1.0, 0.0], &[class], 98.765, 0.5)
    }

    fn experiment() -> Experiment {
        Experiment {
            experiment: VERSION,
            program: "test".into(),
            clip: Clip { path: "/videos/a.mp4".into(), relative: None, digest: "0".repeat(32) },
            model: Model {
                source: ModelSource::Shapes,
                name: "small".into(),
                digest: "d".into(),
                identity: "i".into(),
            },
            device: Device { name: "CPU".into(), gpu: false },
            scope: ClipSpec::segments(Span::new(Pts(0), Pts(1))),
            frames: 8,
            surgery: Surgery::default(),
            prompts: PromptSet::from_names(["jump"]),
            alpha: 0.5,
            seen: Seen { embedding: vec![0.1, 0.987_654_3], scores: scores(0.333_333_34) },
            pinned: Some(scores(0.2)),
            view: serde_json::json!({ "layer": "motion" }),
        }
    }

    #[test]
    fn what_is_written_is_read_to_the_last_bit() {
        let dir = tempfile::tempdir().unwrap();
        let clips = dir.path().join("clips");
        std::fs::create_dir(&clips).unwrap();
        std::fs::write(clips.join("a.mp4"), b"x").unwrap();
        let path = dir.path().join("set/e.json");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        let mut e = experiment();
        e.clip.path = clips.join("a.mp4");
        e.save(&path).unwrap();
        let back = Experiment::load(&path).unwrap();
        assert_eq!(back.clip.relative, Some("../clips/a.mp4".into()));
        let same = back.compare(&e.seen.embedding, &e.seen.scores, true);
        assert_eq!((same.verdict, same.cosine), (Verdict::Same, 0.0));
        assert_eq!(back.find_clip(&path), Some(path.parent().unwrap().join("../clips/a.mp4")));
        // Moved with its clips, it finds them; without them it says so.
        let moved = dir.path().join("moved");
        std::fs::create_dir(&moved).unwrap();
        std::fs::rename(path.parent().unwrap(), moved.join("set")).unwrap();
        std::fs::rename(&clips, moved.join("clips")).unwrap();
        assert!(back.find_clip(&moved.join("set/e.json")).is_some());
        assert_eq!(back.find_clip(&path), None);
    }

    #[test]
    fn other_files_and_versions_are_refused() {
        let json = serde_json::to_string(&experiment()).unwrap();
        assert!(Experiment::is_one(json.as_bytes()));
        assert!(!Experiment::is_one(br#"{"version":1,"classes":[]}"#));
        let newer = json.replacen("\"experiment\":1", "\"experiment\":2", 1);
        assert!(Experiment::is_one(newer.as_bytes()));
        assert!(Experiment::from_bytes(newer.as_bytes()).unwrap_err().contains("version 2"));
        for (bad, why) in [("{}", "does not say"), ("[", "JSON"), (r#"{"experiment":1}"#, "missing field")] {
            assert!(Experiment::from_bytes(bad.as_bytes()).unwrap_err().contains(why), "{bad}");
        }
        let odd = json.replacen("\"frames\":8", "\"frames\":8,\"odd\":1", 1);
        assert!(Experiment::from_bytes(odd.as_bytes()).unwrap_err().contains("odd"));
    }

    #[test]
    fn a_replay_is_the_same_close_or_different() {
        let e = experiment();
        let near = scores(0.333_7);
        assert_eq!(e.compare(&e.seen.embedding, &near, true).verdict, Verdict::Different);
        let close = e.compare(&e.seen.embedding, &near, false);
        assert_eq!(close.verdict, Verdict::Close);
        assert!(close.cosine > 0.0 && close.cosine <= CLOSE);
        assert_eq!(e.compare(&e.seen.embedding, &scores(0.4), false).verdict, Verdict::Different);
        assert_eq!(e.compare(&[0.0, 1.0], &e.seen.scores, true).verdict, Verdict::Different);
        let mut renamed = e.seen.scores.clone();
        renamed.classes[0].name = "hop".into();
        assert_eq!(e.compare(&e.seen.embedding, &renamed, false).verdict, Verdict::Different);
    }
}
