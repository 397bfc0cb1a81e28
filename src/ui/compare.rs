//! Comparing: A is what is on the stage, B is the same but for one thing that a person chooses: another clip, another model or
//! another prompt set. B is asked like A and scored with the same prompts, so that every difference is that of the one thing.
//! One play head serves both: [`Align`] says where B stands when A stands somewhere.

use super::drawn::Drawn;
use super::edit::StateId;
use super::shelf::Place;
use super::state::{Loading, Playback, State, clock};
use crate::device::DeviceInfo;
use crate::engine::{Answer, Question, QuestionId};
use crate::model::folder::MotionScale;
use crate::prompt::PromptSet;
use crate::score::{ClassEmbedding, Scores, Weighing, score_with};
use crate::session::{ModelInfo, ModelSource};
use crate::video::clip::{ClipSpec, Order, Rule, Span};
use crate::video::{Pts, Source};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// What is other on the side of B.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Clip(Place),
    Model(ModelSource),
    /// A state that the prompts have been in.
    Prompts(StateId),
    /// The prompts of a file.
    PromptFile(PathBuf),
}

impl Side {
    /// What a path is: a folder is a model, a text file a prompt set, anything else a clip.
    pub fn of(path: PathBuf) -> Self {
        let ext = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        if path.is_dir() {
            Self::Model(ModelSource::in_folder(path))
        } else if ["json", "txt", "csv"].contains(&ext.as_str()) {
            Self::PromptFile(path)
        } else {
            Self::Clip(Place::whole(path))
        }
    }
}

/// Where B's play head stands when A's stands somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    /// As many seconds from the start.
    #[default]
    Seconds,
    /// As large a part of the whole.
    Part,
}

impl Align {
    pub const ALL: [Self; 2] = [Self::Seconds, Self::Part];

    pub fn name(self) -> &'static str {
        match self {
            Self::Seconds => "Same seconds",
            Self::Part => "Same part",
        }
    }

    pub fn tip(self) -> &'static str {
        match self {
            Self::Seconds => {
                "B stands as many seconds after its start as A; where it is shorter its last frame stays"
            }
            Self::Part => "B stands as far on as A in parts of the whole: both begin and end together",
        }
    }

    /// How fast B runs where A runs at 1.
    pub fn speed(self, a: Span, b: Span) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Part => b.secs() / a.secs().max(1e-9),
        }
    }

    /// Where B stands when A stands at `at`; it may lie past B's end.
    fn place(self, at: Pts, a: Span, b: Span) -> Pts {
        let on = at.0.saturating_sub(a.start.0) as f64 * self.speed(a, b);
        Pts(b.start.0.saturating_add(on.round() as i64))
    }

    /// The clip of B that goes with that of A; `a` and `b` are all that there is of both. Whole goes with whole.
    fn clip(self, clip: &ClipSpec, a: Span, b: Span) -> ClipSpec {
        let within = |at: Pts| self.place(at, a, b).clamp(b.start, b.end);
        let whole = clip.span.start <= a.start && clip.span.end >= a.end;
        let span = if whole { b } else { Span::new(within(clip.span.start), within(clip.span.end)) };
        // A grid of the same step sees the frames at the same seconds; of another length it would see another stretch.
        let rule = match (clip.rule, self) {
            (Rule::Grid { .. }, Self::Part) => Rule::Segments,
            (rule, _) => rule,
        };
        ClipSpec { span, rule, ..clip.clone() }
    }
}

/// See the module.
#[derive(Clone)]
pub struct Compare {
    pub side: Side,
    /// What stands there, for people.
    pub name: String,
    pub align: Align,
    pub held: Held,
    /// Why there is nothing to compare with.
    pub problem: Option<String>,
}

/// What is known of B so far.
#[derive(Clone)]
pub enum Held {
    Clip {
        source: Arc<Source>,
        playback: Box<Playback>,
    },
    Model {
        loading: Option<Loading>,
        running: Option<(Arc<ModelInfo>, DeviceInfo)>,
        scale: Option<Arc<MotionScale>>,
    },
    Prompts {
        set: Option<Arc<PromptSet>>,
        /// Its text side by the model of that identity, and the same without DA_j.
        texts: Option<(String, [Arc<Vec<ClassEmbedding>>; 2])>,
        /// Its scores of the answer to that question.
        scores: Option<(QuestionId, Arc<Scores>)>,
    },
}

impl Compare {
    /// All of a clip that stands on the other side, once its length is known.
    fn whole(&self) -> Option<(&Arc<Source>, Span)> {
        match (&self.held, &self.side) {
            (Held::Clip { source, .. }, Side::Clip(place)) => {
                Some((source, place.span(source.try_frames()?.ok()?.end)))
            }
            _ => None,
        }
    }

    /// The other side has pictures and maps of its own.
    pub fn has_maps(&self) -> bool {
        !matches!(self.held, Held::Prompts { .. })
    }

    /// Another model stands there.
    pub fn model(&self) -> Option<&Arc<ModelInfo>> {
        match &self.held {
            Held::Model { running: Some((info, _)), .. } => Some(info),
            _ => None,
        }
    }

    /// Prompts whose text side has not come.
    pub fn waits_for_texts(&self) -> Option<Arc<PromptSet>> {
        match &self.held {
            Held::Prompts { set, texts: None, .. } => set.clone(),
            _ => None,
        }
    }

    /// Another clip stands there, and what its player says.
    pub fn playback(&self) -> Option<&Playback> {
        match &self.held {
            Held::Clip { playback, .. } => Some(playback),
            _ => None,
        }
    }
}

/// Where the play head of B is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Head {
    pub at: Pts,
    /// A is past what there is of B.
    pub ended: bool,
    /// How fast it runs where A runs at 1.
    pub speed: f64,
}

impl State {
    fn whole_video(&self) -> Option<Span> {
        Some(Span::new(Pts(0), self.playback.end()?))
    }

    /// Where B's play head belongs, for a clip whose length is known.
    pub fn other_head(&self) -> Option<Head> {
        let compare = self.compare.as_ref()?;
        let ((_, b), a) = compare.whole().zip(self.whole_video())?;
        let at = compare.align.place(self.playback.position, a, b);
        Some(Head { at: at.clamp(b.start, b.end), ended: at > b.end, speed: compare.align.speed(a, b) })
    }

    /// The question of B that goes with this one of A, and its file; `None` while it is not known, and where it is the same.
    pub fn other_question(&self, question: &Question) -> Option<(Arc<Source>, Question)> {
        let compare = self.compare.as_ref()?;
        match &compare.held {
            Held::Clip { .. } => {
                let ((source, b), a) = compare.whole().zip(self.whole_video())?;
                let clip = compare.align.clip(&question.clip, a, b);
                Some((source.clone(), Question { source: source.id().clone(), clip, ..question.clone() }))
            }
            Held::Model { running: Some((info, device)), .. } => {
                let source = self.video.as_ref()?.source.clone()?;
                let mut clip = question.clip.clone();
                // A model that sees another number of frames sees them of the same stretch.
                if info.frames != question.frames {
                    clip.rule = Rule::Segments;
                    if matches!(clip.order, Order::Hand(_)) {
                        clip.order = Order::Forward;
                    }
                }
                let other = Question {
                    clip,
                    frames: info.frames,
                    model: info.identity.clone(),
                    device: device.name.clone(),
                    surgery: question.surgery.of_any_model(),
                    ..question.clone()
                };
                Some((source, other))
            }
            _ => None,
        }
    }

    fn other_of_shown(&self) -> Option<Question> {
        self.other_question(&self.shown.as_ref()?.answer.question).map(|(_, question)| question)
    }

    /// The answer of B that goes with what is shown.
    pub fn other(&self) -> Option<&Arc<Answer>> {
        self.beside.answer(&self.other_of_shown()?)
    }

    /// The scores of B that go with what is shown.
    pub fn other_scores(&self) -> Option<&Scores> {
        if let Held::Prompts { scores, .. } = &self.compare.as_ref()?.held {
            let (question, scores) = scores.as_ref()?;
            return (*question == self.shown.as_ref()?.answer.id).then_some(&**scores);
        }
        self.beside.scores(&self.other_of_shown()?)
    }

    /// The pictures and maps of two sides are on the stage.
    pub fn is_comparing(&self) -> bool {
        self.compare.as_ref().is_some_and(Compare::has_maps) && !self.moment
    }

    /// Which side a picture is of, and that B is over where it is.
    pub fn side_name(&self, other: bool) -> Option<String> {
        let compare = self.compare.as_ref()?;
        if !other {
            let own = match &compare.held {
                Held::Model { .. } => self.model.as_ref().map(|m| m.name.as_str()),
                _ => self.video.as_ref().map(|v| v.name.as_str()),
            };
            return Some(format!("A · {}", own.unwrap_or_default()));
        }
        let over =
            if self.other_head().is_some_and(|h| h.ended) { " · over: its last frame stays" } else { "" };
        Some(format!("B · {}{over}", compare.name))
    }

    /// The revision of the prompts that B's scores are of; of another prompt set there is none.
    pub fn other_revision(&self) -> Option<u64> {
        Some(self.beside.scored(&self.other_of_shown()?)?.revision)
    }

    /// What of B is drawn.
    pub fn other_drawn(&self) -> Option<Drawn<'_>> {
        let answer = self.other()?;
        match self.compare.as_ref()?.playback() {
            Some(playback) => self.drawn_at(answer, playback),
            None => self.drawn_of(answer),
        }
    }

    /// The motion scale of the model of B's maps.
    pub fn other_scale(&self) -> Option<&MotionScale> {
        match &self.compare.as_ref()?.held {
            Held::Model { scale, .. } => scale.as_deref(),
            _ => self.motion_scale(),
        }
    }

    /// The answer on show under another prompt set: what its text side has to be made of.
    pub(super) fn score_other_prompts(&mut self) {
        let (Some(shown), Some(info), Some(compare)) = (&self.shown, &self.model, &mut self.compare) else {
            return;
        };
        let Held::Prompts { texts: Some((model, [adapted, plain])), scores, .. } = &mut compare.held else {
            return;
        };
        let question = &shown.answer.question;
        if *model != question.model || info.identity != question.model {
            *scores = None;
            return;
        }
        if scores.as_ref().is_some_and(|(of, _)| *of == shown.answer.id) {
            return;
        }
        let surgery = &question.surgery;
        let weighing =
            Weighing { alpha: surgery.alpha().unwrap_or(info.alpha), negatives: !surgery.no_negatives };
        let classes = if surgery.no_joint_adapter { plain } else { adapted };
        let new = score_with(&shown.answer.evidence.embedding, classes, info.tau, weighing);
        *scores = Some((shown.answer.id, Arc::new(new)));
    }

    /// "mover.mp4, 0:00.000 to 0:04.000, 8 frames": what A, or B, is of.
    pub fn side_words(&self, other: bool) -> Option<String> {
        let compare = self.compare.as_ref()?;
        let shown = self.shown.as_ref()?;
        let answer = if other && compare.has_maps() { self.other()? } else { &shown.answer };
        let clip = match (other, compare.playback().is_some()) {
            (true, true) => compare.name.as_str(),
            _ => self.video.as_ref()?.name.as_str(),
        };
        let (span, count) = (answer.question.clip.span, answer.frames.len());
        let mut words = format!("{clip}, {} to {}, {count} frames", clock(span.start), clock(span.end));
        match &compare.held {
            Held::Model { .. } => {
                let own = self.model.as_ref().map_or("", |m| m.name.as_str());
                words += &format!(", by {}", if other { compare.name.as_str() } else { own });
            }
            Held::Prompts { .. } if other => words += &format!(", prompts: {}", compare.name),
            Held::Prompts { .. } => words += ", prompts as they are now",
            Held::Clip { .. } => {}
        }
        let playback = compare.playback().filter(|_| other).unwrap_or(&self.playback);
        if let Some(crop) = playback.crop_words(answer.question.clip.crop) {
            words += &format!(", {crop}");
        }
        if let Some(what) = answer.question.altered() {
            words += &format!("; altered: {what} (not retrained)");
        }
        Some(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(a: f64, b: f64) -> Span {
        Span::new(Pts::from_secs(a), Pts::from_secs(b))
    }

    #[test]
    fn b_stands_at_the_same_seconds_or_the_same_part() {
        let (a, b) = (secs(0.0, 10.0), secs(2.0, 7.0));
        let at = |align: Align, t: f64| align.place(Pts::from_secs(t), a, b).secs();
        assert_eq!(
            (at(Align::Seconds, 0.0), at(Align::Seconds, 3.0), at(Align::Seconds, 9.0)),
            (2.0, 5.0, 11.0)
        );
        assert_eq!((at(Align::Part, 0.0), at(Align::Part, 5.0), at(Align::Part, 10.0)), (2.0, 4.5, 7.0));
        assert_eq!((Align::Seconds.speed(a, b), Align::Part.speed(a, b)), (1.0, 0.5));
    }

    #[test]
    fn whole_goes_with_whole_and_a_stretch_with_the_same_stretch_within_b() {
        let (a, b) = (secs(0.0, 10.0), secs(0.0, 4.0));
        let of = |align: Align, span| align.clip(&ClipSpec::segments(span), a, b).span;
        for align in Align::ALL {
            assert_eq!(of(align, a), b);
        }
        assert_eq!(of(Align::Seconds, secs(1.0, 3.0)), secs(1.0, 3.0));
        assert_eq!(of(Align::Seconds, secs(3.0, 6.0)), secs(3.0, 4.0), "only what there is");
        assert_eq!(of(Align::Seconds, secs(6.0, 8.0)), secs(4.0, 4.0), "its last frame");
        assert_eq!(of(Align::Part, secs(5.0, 10.0)), secs(2.0, 4.0));
        let grid = ClipSpec { rule: Rule::Grid { step: Pts(1) }, ..ClipSpec::segments(secs(1.0, 2.0)) };
        assert_eq!(Align::Seconds.clip(&grid, a, b).rule, grid.rule);
        assert_eq!(Align::Part.clip(&grid, a, b).rule, Rule::Segments);
        // A clip without length has no parts; nothing is divided by nothing.
        assert!(Align::Part.place(Pts(5), secs(0.0, 0.0), b).0 >= 0);
    }
}
