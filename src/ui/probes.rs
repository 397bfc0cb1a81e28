//! What is asked beside the evidence while somebody looks at it: the freeze map, a patch that was clicked, and where a prompt finds
//! support. Each finding belongs to the question of what is shown; of another it is not drawn. While two clips are compared a patch
//! is of one of them, and of the other the tokens are asked for that it is likened to.

use super::document::{ClassKey, PromptKey};
use super::edit::Side;
use super::state::State;
use crate::engine::{Answer, Finding, Probe, Question, QuestionId};
use crate::score::ClassEmbedding;
use crate::session::{FreezeMap, Map, PatchFinding};
use crate::view::Layer;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A patch of one of the sampled frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchAt {
    /// The place of the frame among those that the model saw, from 0.
    pub frame: usize,
    /// Row by row, from 0.
    pub patch: usize,
    /// It is of the clip on the other side of a comparison.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub other: bool,
}

impl PatchAt {
    fn probe(self) -> Probe {
        Probe::Patch { frame: self.frame, patch: self.patch }
    }

    /// "A" or "B".
    pub fn side(self) -> &'static str {
        side(self.other)
    }
}

/// The name of a side of a comparison.
pub fn side(other: bool) -> &'static str {
    if other { "B" } else { "A" }
}

/// What the brush freezes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Brush {
    /// The tokens that the model has already made.
    Tokens,
    /// The pixels, which are encoded again.
    Pixels,
}

/// A prompt, for as long as there is one in its place: it may be typed into meanwhile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PromptAt {
    class: ClassKey,
    side: Side,
    which: Which,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Which {
    Own(PromptKey),
    /// From this template.
    Filled(usize),
}

/// The prompt on the stage as its map is of it: between an edit and its text side the words and the map are still those before.
#[derive(Clone, Debug)]
struct Worded {
    at: PromptAt,
    text: String,
    /// In the joint space of the model of that identity, without DA_j (E).
    vector: Arc<[f32]>,
    model: String,
}

struct Found {
    question: Arc<Question>,
    probe: Probe,
    finding: Arc<Finding>,
    whole: bool,
}

/// The likeness of a patch of one clip to those of another.
struct Across {
    /// Of the patch.
    from: Arc<Question>,
    /// Of the other clip.
    to: Arc<Question>,
    map: Map,
}

/// See the module.
#[derive(Default)]
pub struct Probes {
    /// What was asked for last.
    asked: Vec<QuestionId>,
    found: Vec<Found>,
    across: Option<Across>,
    /// Work on one of them: what, how much is done, of how much.
    progress: Option<(&'static str, usize, usize)>,
    /// The present classes, in the model's joint space and without DA_j.
    pub classes: Arc<Vec<ClassEmbedding>>,
    pub plain: Arc<Vec<ClassEmbedding>>,
    /// The revision of the prompts that `plain` is of.
    plain_revision: u64,
    /// The class whose margin the freeze map is of; `None`: the likeliest.
    pub class: Option<String>,
    pub brush: Option<Brush>,
    pub patch: Option<PatchAt>,
    /// The prompt whose support map is wanted.
    pub prompt: Option<PromptAt>,
    worded: Option<Worded>,
}

impl Probes {
    /// Whether something else is wanted than was asked for last; from now on it counts as asked for.
    pub fn asks<'a>(&mut self, wanted: impl Iterator<Item = (&'a Question, Probe)>) -> bool {
        let ids: Vec<QuestionId> = wanted.map(|(question, probe)| probe.id(question)).collect();
        if ids == self.asked {
            return false;
        }
        self.found.retain(|found| ids.contains(&found.probe.id(&found.question)));
        self.liken();
        self.progress = None;
        self.asked = ids;
        true
    }

    /// Likens the patch to those of the other clip, once, where both are known.
    fn liken(&mut self) {
        let patch = self.found.iter().find_map(|f| match &*f.finding {
            Finding::Patch(found) => Some((&f.question, &found.token)),
            _ => None,
        });
        let tokens = self.found.iter().find_map(|f| match &*f.finding {
            Finding::Tokens(tokens) => Some((&f.question, tokens)),
            _ => None,
        });
        self.across = patch.zip(tokens).map(|((from, token), (to, tokens))| Across {
            from: from.clone(),
            to: to.clone(),
            map: tokens.map(token, None),
        });
    }

    /// Asks anew at the next opportunity.
    pub fn forget(&mut self) {
        self.asked.clear();
    }

    pub fn progress_of(&mut self, id: QuestionId, stage: &'static str, done: usize, total: usize) {
        if self.asked.contains(&id) {
            self.progress = Some((stage, done, total));
        }
    }

    /// Takes what was found, if it is still wanted.
    pub fn take(
        &mut self,
        id: QuestionId,
        question: Arc<Question>,
        probe: Probe,
        finding: Arc<Finding>,
        whole: bool,
    ) {
        if !self.asked.contains(&id) {
            return;
        }
        if whole {
            self.progress = None;
        }
        self.found.retain(|found| found.probe.id(&found.question) != id);
        self.found.push(Found { question, probe, finding, whole });
        self.liken();
    }

    fn find(&self, answer: &Answer, probe: Probe) -> Option<&Found> {
        self.found.iter().find(|f| f.probe == probe && *f.question == *answer.question)
    }
}

impl State {
    /// Lets go of the patch, whose clip goes: on another it would be another patch.
    pub(super) fn let_go_of_patch(&mut self) {
        if self.probes.patch.take().is_some() && self.view.layer == Layer::Likeness {
            self.view.layer = Layer::Motion;
        }
    }

    /// What is to be asked beside the evidence of what is on show.
    pub fn wanted_probes(&self) -> Vec<Probe> {
        let trained = self.model.as_ref().is_some_and(|m| m.head_trained);
        let freeze = (self.view.layer == Layer::Freeze && trained).then_some(Probe::Freeze);
        let patch = match self.probes.patch {
            Some(at) if at.other => self.likens().then_some(Probe::Tokens),
            at => at.map(PatchAt::probe),
        };
        let support = self.probes.prompt.map(|_| Probe::Support);
        freeze.into_iter().chain(patch).chain(support).collect()
    }

    /// What is to be asked of the clip on the other side.
    pub fn wanted_of_other(&self) -> Option<Probe> {
        let at = self.probes.patch.filter(|_| self.likens())?;
        Some(if at.other { at.probe() } else { Probe::Tokens })
    }

    /// A patch of either side can be likened to those of the other: both are clips seen by one model.
    pub fn likens(&self) -> bool {
        self.is_comparing() && self.compare.as_ref().is_some_and(|c| c.playback().is_some())
    }

    /// Why no patch can be likened to those of the other side; `None`: it can, or there is no other side with patches.
    pub fn no_likeness(&self) -> Option<&'static str> {
        let other = self.compare.as_ref().filter(|_| self.is_comparing())?.model()?;
        Some(match self.model.as_ref().is_some_and(|own| own.identity == other.identity) {
            true => "no likeness to B: it is the same model on the same clip, its patches are those of A",
            false => {
                "no likeness to B: it is another model, and its tokens live in a space of their own, in which a cosine with those of A \
                 means nothing"
            }
        })
    }

    /// The likeness of the patch that was clicked to every patch of the clip of that side: its cosine with their tokens. Or why
    /// there is none.
    pub fn likeness(&self, other: bool) -> Result<&Map, String> {
        let Some(at) = self.probes.patch else { return Err("click a patch".to_owned()) };
        if let Some(why) = self.no_likeness().filter(|_| other) {
            return Err(why.to_owned());
        }
        let waiting = || "patch: being looked at".to_owned();
        let (_, found) = self.patch_finding().ok_or_else(waiting)?;
        if at.other == other {
            return Ok(&found.similarity);
        }
        let question = |other| self.answer_of(other).map(|answer| &*answer.question);
        let across = self.probes.across.as_ref();
        let across =
            across.filter(|a| Some(&*a.from) == question(at.other) && Some(&*a.to) == question(other));
        across.map(|a| &a.map).ok_or_else(waiting)
    }

    fn answer_of(&self, other: bool) -> Option<&Arc<Answer>> {
        if other { self.other() } else { self.shown.as_ref().map(|shown| &shown.answer) }
    }

    /// The freeze map of this answer, and whether it is as fine as it gets.
    pub fn freeze_map(&self, answer: &Answer) -> Option<(&FreezeMap, bool)> {
        let found = self.probes.find(answer, Probe::Freeze)?;
        match &*found.finding {
            Finding::Freeze(map) => Some((map, found.whole)),
            _ => None,
        }
    }

    /// What is known of the patch that was clicked.
    pub fn patch_finding(&self) -> Option<(PatchAt, &PatchFinding)> {
        let at = self.probes.patch?;
        match &*self.probes.find(self.answer_of(at.other)?, at.probe())?.finding {
            Finding::Patch(found) => Some((at, found)),
            _ => None,
        }
    }

    /// The class whose margin the freeze map is of: the one that was chosen, else the likeliest.
    pub fn freeze_class(&self) -> Option<&str> {
        let there = |name: &&String| self.prompts().classes.iter().any(|c| c.name == **name);
        if let Some(name) = self.probes.class.as_ref().filter(there) {
            return Some(name);
        }
        let scores = self.scores()?;
        scores.classes.iter().max_by(|a, b| a.p.total_cmp(&b.p)).map(|c| c.name.as_str())
    }

    /// The change of that class's margin at every patch (row by row) if nothing moved there.
    pub fn freeze_change(&self, answer: &Answer) -> Option<Vec<f32>> {
        let (map, _) = self.freeze_map(answer)?;
        let name = self.freeze_class()?;
        let surgery = &answer.question.surgery;
        let classes = if surgery.no_joint_adapter { &self.probes.plain } else { &self.probes.classes };
        map.change(classes.iter().find(|c| c.name == name)?, !surgery.no_negatives)
    }

    /// The prompt in this place now.
    pub fn prompt_at(&self, (c, side, i): (usize, Side, usize)) -> Option<PromptAt> {
        let document = self.history.present();
        let class = document.prompts.classes.get(c)?;
        let which = match side.list(class) {
            Some(_) => Which::Own(*document.prompt_keys(c)?.side(side).get(i)?),
            None => {
                side.prompts(&document.prompts, class).get(i)?;
                Which::Filled(i)
            }
        };
        Some(PromptAt { class: document.class_key(c)?, side, which })
    }

    /// The prompt whose support map is wanted: its class, its text, and its place among those of its side that are not blank.
    /// `None` where it is gone or blank.
    fn supported(&self) -> Option<(usize, String, usize)> {
        let PromptAt { class: key, side, which } = self.probes.prompt?;
        let document = self.history.present();
        let c = (0..document.prompts.classes.len()).find(|c| document.class_key(*c) == Some(key))?;
        let class = &document.prompts.classes[c];
        let i = match which {
            Which::Own(key) => document.prompt_keys(c)?.side(side).iter().position(|k| *k == key)?,
            Which::Filled(i) => i,
        };
        let list = side.shown(&document.prompts, class);
        let text = list.get(i).filter(|text| !text.trim().is_empty())?.clone();
        let before = list[..i].iter().filter(|text| !text.trim().is_empty()).count();
        Some((c, text, before))
    }

    /// Takes the classes without DA_j.
    pub fn take_plain(&mut self, revision: u64, classes: Arc<Vec<ClassEmbedding>>) {
        (self.probes.plain, self.probes.plain_revision) = (classes, revision);
        self.word_prompt();
    }

    /// Lays hold of the prompt that is wanted as it is now, where its text side is that of the present prompts.
    pub fn word_prompt(&mut self) {
        if self.probes.plain_revision != self.revision {
            return;
        }
        let worded = self.supported().and_then(|(c, text, i)| {
            let (at, class) = (self.probes.prompt?, self.probes.plain.get(c)?);
            let vector = match at.side {
                Side::Positive => class.positive_prompts.get(i)?,
                Side::Negative => &class.negative_prompts.get(i)?.1,
            };
            Some(Worded { at, text, vector: vector.clone(), model: self.model.as_ref()?.identity.clone() })
        });
        self.probes.worded = worded;
    }

    /// The prompt whose support map is wanted is there, and not blank.
    pub fn has_supported(&self) -> bool {
        self.supported().is_some()
    }

    /// The support map on this answer's frames with the text that it is of, once the patches and the prompt are known.
    pub fn support_map(&self, answer: &Answer) -> Option<(&str, Map)> {
        let Finding::Support(support) = &*self.probes.find(answer, Probe::Support)?.finding else {
            return None;
        };
        let worded = self.probes.worded.as_ref().filter(|w| Some(w.at) == self.probes.prompt)?;
        (worded.model == answer.question.model).then(|| (&*worded.text, support.map(&worded.vector, None)))
    }

    /// How far the work on a probe is, in words.
    pub fn probe_progress(&self) -> Option<String> {
        let (stage, done, total) = self.probes.progress?;
        Some(format!("{stage} {done}/{total}"))
    }
}
