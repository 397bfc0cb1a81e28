//! What can be asked of a model about a video, and how urgent it is.

use crate::model::Surgery;
use crate::video::SourceId;
use crate::video::clip::{ClipSpec, Order};
use serde::{Deserialize, Serialize};

/// Everything that changes the answer. Whatever is not in here must not change it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Question {
    /// The file; of its frames the clip names which, and in which order.
    pub source: SourceId,
    pub clip: ClipSpec,
    /// T, the frames that the model sees.
    pub frames: usize,
    /// [`crate::session::ModelInfo::identity`]: weights, sizes, preprocessing but for the crop, which is the clip's, tokenizer.
    pub model: String,
    /// [`crate::device::DeviceInfo::name`]: devices differ in the last digits.
    pub device: String,
    pub surgery: Surgery,
}

/// Names a question: equal questions have equal ids, also in another run of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuestionId([u8; 16]);

impl Question {
    /// BLAKE3 of the question as JSON.
    pub fn id(&self) -> QuestionId {
        // Plain data with string keys: it always has a JSON form.
        let json = serde_json::to_vec(self).unwrap_or_default();
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(&json).as_bytes()[..16]);
        QuestionId(id)
    }

    /// The same with nothing altered: the frames as they were filmed, the model as it is.
    pub fn original(&self) -> Self {
        let clip = ClipSpec { order: Order::Forward, ..self.clip.clone() };
        Self { clip, surgery: Surgery::default(), ..self.clone() }
    }

    /// It differs from `other` at most in what a person drags, paints or draws, step by step: the surgery, the crop, and a film.
    pub fn is_but_by_hand(&self, other: &Self) -> bool {
        let films = self.source.is_film() && other.source.is_film();
        let source = if films { other.source.clone() } else { self.source.clone() };
        let clip = ClipSpec { crop: other.clip.crop, ..self.clip.clone() };
        Self { source, clip, surgery: other.surgery.clone(), ..self.clone() } == *other
    }

    /// It asks the same, of whatever frames of that video.
    pub fn asks_as(&self, other: &Self) -> bool {
        let clip = ClipSpec { span: self.clip.span, rule: self.clip.rule, ..other.clip.clone() };
        Self { clip, ..other.clone() } == *self
    }

    /// What is altered, in words: "frames reversed, motion off"; `None` where nothing is.
    pub fn altered(&self) -> Option<String> {
        let words: Vec<String> = self.clip.order.words().into_iter().chain(self.surgery.words()).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

impl std::fmt::Display for QuestionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What is asked of a question's clip and model beside the evidence: what takes long, or is of one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// The freeze map: by blocks of patches first, then by patches.
    Freeze,
    /// One patch (row by row, from 0) of one of the frames.
    Patch { frame: usize, patch: usize },
    /// The tokens of all patches, for their likeness to a patch of another clip.
    Tokens,
    /// The patches of every frame in CLIP's joint space, for the support maps of prompts. The frames go through the vision tower
    /// again: what is held of them has not what this reads.
    Support,
}

impl Probe {
    /// Names this probe of this question.
    pub fn id(&self, question: &Question) -> QuestionId {
        let json = serde_json::to_vec(&(question, self)).unwrap_or_default();
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(&json).as_bytes()[..16]);
        QuestionId(id)
    }
}

/// How urgent a question is; the order is that in which they are worked off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// A person looks at it and waits. The newest replaces the one before, also one in work.
    Screen,
    /// It follows the play head. The newest waits for the one in work, so that there always is a result.
    Follow,
    /// It stands beside what is on screen, see [`super::Engine::beside`].
    Beside,
    /// The rest, in the order asked; put aside while something more urgent is done.
    Background,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GateClamp;
    use crate::video::clip::{Rule, Span};
    use crate::video::{Crop, Pts};

    #[test]
    fn whatever_changes_the_answer_changes_the_id() {
        let base = Question {
            source: SourceId::from("a".to_owned()),
            clip: ClipSpec::segments(Span::new(Pts(0), Pts(1_000))),
            frames: 8,
            model: "m".into(),
            device: "d".into(),
            surgery: Surgery::default(),
        };
        let clip = |f: &dyn Fn(&mut ClipSpec)| {
            let mut q = base.clone();
            f(&mut q.clip);
            q
        };
        assert!(base.asks_as(&clip(&|c| c.span = Span::new(Pts(7), Pts(9)))));
        assert!(!base.asks_as(&clip(&|c| c.order = Order::Reversed)));
        assert!(!base.asks_as(&clip(&|c| c.crop = Crop::Letterbox)));
        let surgery = |f: &dyn Fn(&mut Surgery)| {
            let mut q = base.clone();
            f(&mut q.surgery);
            q
        };
        let clamp = |thousandths| GateClamp { block: None, head: Some(1), thousandths };
        let all = [
            base.clone(),
            Question { source: SourceId::from("b".to_owned()), ..base.clone() },
            Question { frames: 16, ..base.clone() },
            Question { model: "n".into(), ..base.clone() },
            Question { device: "e".into(), ..base.clone() },
            clip(&|c| c.span.end = Pts(1_001)),
            clip(&|c| c.rule = Rule::Grid { step: Pts(10) }),
            clip(&|c| c.rule = Rule::Grid { step: Pts(11) }),
            clip(&|c| c.order = Order::Reversed),
            clip(&|c| c.order = Order::Shuffled { seed: 1 }),
            clip(&|c| c.order = Order::Shuffled { seed: 2 }),
            clip(&|c| c.crop = Crop::Letterbox),
            clip(&|c| c.crop = Crop::at(0.1)),
            clip(&|c| c.crop = Crop::at(0.2)),
            surgery(&|s| s.no_motion = true),
            surgery(&|s| s.no_static = true),
            surgery(&|s| s.no_vision_adapter = true),
            surgery(&|s| s.no_lifting = true),
            surgery(&|s| s.no_attention = true),
            surgery(&|s| s.gates = vec![clamp(0)]),
            surgery(&|s| s.gates = vec![clamp(1)]),
            surgery(&|s| s.frozen = vec![3]),
            surgery(&|s| s.frozen_pixels = vec![3]),
            surgery(&|s| s.no_joint_adapter = true),
            surgery(&|s| s.no_negatives = true),
            surgery(&|s| s.alpha_thousandths = Some(0)),
        ];
        let ids: std::collections::BTreeSet<QuestionId> = all.iter().map(Question::id).collect();
        assert_eq!(ids.len(), all.len());
        let altered = Question { surgery: Surgery { no_motion: true, ..Default::default() }, ..base.clone() };
        assert_eq!((altered.original(), base.altered()), (base.clone(), None));
        assert_eq!(clip(&|c| c.order = Order::Reversed).original(), base);
        assert_eq!(altered.altered().as_deref(), Some("motion off"));
        let json = serde_json::to_string(&base).unwrap();
        let back: Question = serde_json::from_str(&json).unwrap();
        assert_eq!((back.id(), back), (base.id(), base));
    }
}
