//! One analysis as JSON. The keys are a promise: they are documented in the README, and a test holds them.

use crate::device::DeviceInfo;
use crate::engine::{Answer, Question};
use crate::model::Surgery;
use crate::score::{ClassEmbedding, ClassScore, Scores};
use crate::session::{Map, ModelInfo};
use crate::video::clip::{Order, fewer_frames, samples_in_words};
use crate::video::{Crop, Pts, Span};
use crate::view::is_still;
use serde::Serialize;

/// What `analyze --json` writes.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    pub video: Video,
    pub model: Model,
    /// The device in words, "software" included where that is so.
    pub device: String,
    /// What the scores are of.
    pub scope: Scope,
    /// What is altered; absent where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub altered: Option<Altered>,
    /// The T sampled frames in the order in which the model saw them.
    pub frames: Vec<Frame>,
    /// Weight of the negative prompts.
    pub alpha: f32,
    /// In the order of the prompt set.
    pub classes: Vec<Class>,
    pub none: f32,
    /// Sentences that a reader of the scores has to know.
    pub notes: Vec<String>,
    /// Scores that were kept as a baseline, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Pinned>,
    pub maps: Maps,
    /// f (E), only with `--embeddings`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_embedding: Option<Vec<f32>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Video {
    pub path: String,
    pub digest: String,
    pub duration_s: f64,
    /// Display size in square pixels.
    pub width: u32,
    pub height: u32,
}

#[derive(Clone, Debug, Serialize)]
pub struct Model {
    pub name: String,
    pub digest: String,
    /// "trained" or "untrained".
    pub head: &'static str,
}

/// A span, how many of its frames were sampled, and what of their pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scope {
    pub start_s: f64,
    pub end_s: f64,
    pub frames: usize,
    /// How many different ones, where there are fewer to sample; absent elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub different_frames: Option<usize>,
    /// Absent where it is the centre.
    #[serde(skip_serializing_if = "Crop::is_centre", serialize_with = "as_text")]
    pub crop: Crop,
    /// Width and height of the picture; (0, 0) where they are not known.
    #[serde(skip)]
    pub size: (u32, u32),
}

/// As `--crop` takes it.
fn as_text<S: serde::Serializer>(crop: &Crop, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(crop)
}

impl Scope {
    /// For people: "0.000 s to 10.300 s, 8 frames", and what of the picture, where that is not the centre.
    pub fn in_words(&self) -> String {
        let crop = self.crop.words(self.size).map_or_else(String::new, |words| format!(", {words}"));
        let frames = samples_in_words(self.frames, self.different_frames);
        format!("{:.3} s to {:.3} s, {frames}{crop}", self.start_s, self.end_s)
    }
}

/// What is altered against the clip as it was filmed and the model as it was trained.
#[derive(Clone, Debug, Serialize)]
pub struct Altered {
    /// "frames reversed, motion off".
    pub what: String,
    pub order: Order,
    pub surgery: Surgery,
}

impl Altered {
    fn of(question: &Question) -> Option<Self> {
        let what = question.altered()?;
        Some(Self { what, order: question.clip.order.clone(), surgery: question.surgery.clone() })
    }

    /// For people: "altered: frames reversed (not retrained)".
    pub fn in_words(&self) -> String {
        format!("altered: {} (not retrained)", self.what)
    }
}

/// A baseline: scores of another time, prompt set or α.
#[derive(Clone, Debug, Serialize)]
pub struct Pinned {
    pub alpha: f32,
    pub classes: Vec<Class>,
    pub none: f32,
}

impl Pinned {
    pub fn new(scores: &Scores) -> Self {
        let classes = scores.classes.iter().map(Class::new).collect();
        Self { alpha: scores.alpha, classes, none: scores.none }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Frame {
    pub pts_s: f64,
}

/// `null` stands where a class has no prompts of that sign.
#[derive(Clone, Debug, Serialize)]
pub struct Class {
    pub name: String,
    pub s_pos: Option<f32>,
    pub s_neg: Option<f32>,
    /// The best of the typed negatives alone, and s⁰ of METHOD §6.
    pub s_typed: Option<f32>,
    pub s_floor: Option<f32>,
    pub margin: Option<f32>,
    pub p: f32,
    /// False for a class that is left out of p because the model knows none of its words.
    pub counts: bool,
    pub yes: Option<f32>,
    /// t⁺, and the t⁻ that s⁻ is of; only with `--embeddings`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_pos: Option<Option<Vec<f32>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_neg: Option<Option<Vec<f32>>>,
}

impl Class {
    fn new(c: &ClassScore) -> Self {
        Self {
            name: c.name.clone(),
            s_pos: c.s_pos,
            s_neg: c.s_neg,
            s_typed: c.s_typed,
            s_floor: c.s_floor,
            margin: c.margin,
            p: c.p,
            counts: c.counts,
            yes: c.yes,
            text_pos: None,
            text_neg: None,
        }
    }
}

/// Each `[frame][row][column]`.
#[derive(Clone, Debug, Serialize)]
pub struct Maps {
    pub motion: Rows,
    /// ‖S‖ of the static stream.
    #[serde(rename = "static")]
    pub static_energy: Rows,
    pub gate: Rows,
    pub evidence: Rows,
}

type Rows = Vec<Vec<Vec<f32>>>;

impl Record {
    /// `notes`: what a reader has to know, but for what the scope alone says: that is added here. `embeddings`: the class
    /// embeddings, in the order of the scores, when they are wanted too.
    pub fn new(
        video: Video,
        model: &ModelInfo,
        device: &DeviceInfo,
        answer: &Answer,
        scores: &Scores,
        mut notes: Vec<String>,
        embeddings: Option<&[ClassEmbedding]>,
    ) -> Self {
        notes.extend(far_apart(&answer.frames));
        // The scale is of the model's own layer.
        let scale = model.scale.as_ref().filter(|_| answer.question.surgery.motion_layer.is_none());
        if is_still(&answer.evidence.maps.motion, scale.map(|scale| scale.motion)) {
            let text = "next to no motion: the model reads little more into this than into still footage, so what it says about motion means \
                        little";
            notes.push(text.to_owned());
        }
        let Span { start, end } = answer.question.clip.span;
        let (crop, size) = (answer.question.clip.crop, (video.width, video.height));
        let classes = scores.classes.iter().enumerate().map(|(i, c)| {
            let text = embeddings.and_then(|list| list.get(i));
            Class {
                text_pos: text.map(|t| t.positive.as_deref().map(<[f32]>::to_vec)),
                text_neg: text.map(|t| t.nearest_negative(&answer.evidence.embedding).map(<[f32]>::to_vec)),
                ..Class::new(c)
            }
        });
        let software = if device.software && !device.name.contains("software") { " (software)" } else { "" };
        Self {
            video,
            model: Model {
                name: model.name.clone(),
                digest: model.digest.clone(),
                head: if model.head_trained { "trained" } else { "untrained" },
            },
            device: format!("{}{software}", device.name),
            scope: Scope {
                start_s: start.secs(),
                end_s: end.secs(),
                frames: answer.frames.len(),
                different_frames: fewer_frames(&answer.frames, &answer.question.clip.order),
                crop,
                size,
            },
            altered: Altered::of(&answer.question),
            frames: answer.frames.iter().map(|pts| Frame { pts_s: pts.secs() }).collect(),
            alpha: scores.alpha,
            classes: classes.collect(),
            none: scores.none,
            notes,
            pinned: None,
            maps: Maps {
                motion: rows(&answer.evidence.maps.motion),
                static_energy: rows(&answer.evidence.maps.static_energy),
                gate: rows(&answer.evidence.maps.gate),
                evidence: rows(&answer.evidence.maps.evidence),
            },
            video_embedding: embeddings.is_some().then(|| answer.evidence.embedding.clone()),
        }
    }

    /// Pretty JSON with a newline at its end.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }
}

/// Frames further apart than this show another scene rather than a motion.
const FAR_APART_S: f64 = 2.0;

/// A sentence where the sampled frames are too far apart in time for "motion" to mean motion.
fn far_apart(frames: &[Pts]) -> Option<String> {
    let mut frames = frames.to_vec();
    frames.sort();
    let gap = frames.windows(2).map(|pair| pair[1].secs() - pair[0].secs()).fold(0.0, f64::max);
    (gap > FAR_APART_S).then(|| {
        format!("the sampled frames are up to {gap:.1} s apart: then motion is change of scene; choose a shorter span")
    })
}

fn rows(map: &Map) -> Rows {
    let (frame, row) = ((map.rows * map.cols).max(1), map.cols.max(1));
    map.data.chunks(frame).map(|f| f.chunks(row).map(<[f32]>::to_vec).collect()).collect()
}
