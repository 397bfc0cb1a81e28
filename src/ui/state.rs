//! What the window knows. Panels only read it; [`super::app::App`] alone changes it.

use super::ask::Asked;
use super::beside::Beside;
use super::bundled;
use super::compare::Compare;
use super::document::{ClassKey, Key};
use super::easel::Easel;
use super::edit::{History, Side};
use super::experiment_ask::Misplaced;
use super::fetching::Fetching;
use super::hold::Hold;
use super::import::Import;
use super::intent::Dialog;
use super::keep::Recent;
use super::lanes::Lanes;
use super::learning::Learning;
use super::lens::Lens;
use super::lesson::Lesson;
use super::look::{self, Moment, View};
use super::messages::Messages;
use super::negation::Negation;
use super::probes::Probes;
use super::prompt_log::PromptLog;
use super::record::Record;
use super::scope::Scope;
use super::shelf::Shelf;
use super::trial::Trial;
use super::truth::Known;
use super::whiskers::Whiskers;
use crate::data::cast::Cast;
use crate::device::DeviceInfo;
use crate::engine::{Answer, Question, QuestionId, Scored};
use crate::model::Surgery;
use crate::model::folder::MotionScale;
use crate::prompt::Class;
use crate::score::{self, ClassEmbedding, ClassScore, LeftOut, Scores};
use crate::session::{Map, ModelInfo, PromptNote};
use crate::video::camera::Camera;
use crate::video::clip::{Order, Span};
use crate::video::{Cancel, Crop, Pts, Source, VideoInfo};
use crate::view::Layer;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

/// The open video file.
#[derive(Clone)]
pub struct VideoFile {
    pub path: PathBuf,
    /// What everything that reads it shares; absent where nothing is read (tests).
    pub source: Option<Arc<Source>>,
    pub name: String,
    /// Of a clip that comes with the program, or is drawn in it: who acts.
    pub bundled: Option<Cast>,
}

/// What the player said at the start of this drawn frame.
#[derive(Clone, Debug)]
pub struct Playback {
    pub info: Option<VideoInfo>,
    /// How much of the file has been scanned, 0–1; `None` when the scan is over.
    pub scanning: Option<f32>,
    pub position: Pts,
    /// PTS of the displayed frame.
    pub shown: Option<Pts>,
    pub playing: bool,
    pub seeking: bool,
    pub speed: f64,
    pub looping: bool,
}

impl Default for Playback {
    fn default() -> Self {
        Self {
            info: None,
            scanning: None,
            position: Pts(0),
            shown: None,
            playing: false,
            seeking: false,
            speed: 1.0,
            looping: false,
        }
    }
}

impl Playback {
    /// The length of the video, as far as is known; 0 while it is not.
    pub fn duration(&self) -> Pts {
        self.info.as_ref().and_then(|i| i.duration).unwrap_or(Pts(0))
    }

    /// Where the video ends, once that is known for sure: the file has been scanned.
    pub fn end(&self) -> Option<Pts> {
        self.info.as_ref().filter(|i| i.frames.is_some())?.duration
    }

    /// See [`Crop::words`].
    pub fn crop_words(&self, crop: Crop) -> Option<String> {
        crop.words(self.info.as_ref().map(|i| (i.width, i.height))?)
    }

    /// Number of the displayed frame (from 0) and how many there are, once the file has been scanned.
    pub fn frame_number(&self) -> Option<(usize, usize)> {
        let frames = self.info.as_ref()?.frames.as_ref()?;
        let at = self.shown.unwrap_or(self.position);
        Some((frames.place(at)?, frames.times.len()))
    }
}

/// A model that is being loaded; the one before stays in use meanwhile.
#[derive(Clone, Debug)]
pub struct Loading {
    pub what: String,
    pub fraction: Option<f32>,
}

/// Work on a question that is under way.
#[derive(Clone, Debug)]
pub struct Work {
    pub question: QuestionId,
    pub stage: String,
    pub done: usize,
    pub total: usize,
    pub since: Instant,
}

/// One head's gates: mean and spread over the clip, and the mean over the patches of each frame.
#[derive(Clone, Debug, PartialEq)]
pub struct GateStat {
    pub mean: f32,
    pub std: f32,
    pub over_time: Vec<f32>,
}

/// The answer that is shown, with what the panels need of it again and again.
#[derive(Clone, Debug)]
pub struct Shown {
    pub answer: Arc<Answer>,
    /// By block, then head.
    pub gates: Vec<Vec<GateStat>>,
}

impl Shown {
    pub fn new(answer: Arc<Answer>) -> Self {
        let mean = |data: &[f32]| data.iter().sum::<f32>() / data.len().max(1) as f32;
        let stat = |map: &Map| {
            let (data, patches) = (&map.data, (map.rows * map.cols).max(1));
            let n = data.len().max(1) as f32;
            let whole = mean(data);
            let std = (data.iter().map(|v| (v - whole) * (v - whole)).sum::<f32>() / n).sqrt();
            GateStat { mean: whole, std, over_time: data.chunks(patches).map(mean).collect() }
        };
        let maps = &answer.evidence.maps;
        let gates = maps.gates.iter().map(|b| b.iter().map(stat).collect()).collect();
        Self { answer, gates }
    }

    /// The stretch of time that it is of.
    pub fn span(&self) -> Span {
        self.answer.question.clip.span
    }
}

/// A file that is being written.
#[derive(Clone, Debug)]
pub struct Exporting {
    /// What it is, for people.
    pub what: &'static str,
    /// How much of it is done, in percent.
    pub percent: Arc<AtomicU32>,
    pub cancel: Cancel,
}

/// The text side of one revision of the prompts.
#[derive(Clone, Debug)]
pub struct Texts {
    pub revision: u64,
    /// The identity of the model.
    pub model: String,
    /// In the order of the prompt set.
    pub classes: Arc<Vec<ClassEmbedding>>,
}

/// See the module.
pub struct State {
    pub video: Option<VideoFile>,
    /// The name of a file that is being opened beside the one that is shown.
    pub opening: Option<String>,
    pub bundled: Vec<bundled::File>,
    /// Sets of prompts that come with the program.
    pub prompt_sets: Vec<bundled::File>,
    pub playback: Playback,
    pub model: Option<Arc<ModelInfo>>,
    pub loading: Option<Loading>,
    /// Models of the hub: those that are here, and the one that is wanted.
    pub fetching: Fetching,
    pub device: Option<DeviceInfo>,
    pub work: Option<Work>,
    /// What maps and scores on screen are of.
    pub shown: Option<Shown>,
    /// Small pictures of all its frames are there.
    pub frames_read: bool,
    /// What stands beside it.
    pub beside: Beside,
    /// The other side, while a person compares.
    pub compare: Option<Compare>,
    /// The scores with every gate at ½ are wanted beside the real ones.
    pub gate_worth: bool,
    /// What is asked beside the evidence.
    pub probes: Probes,
    /// What was asked last.
    pub asked: Option<Question>,
    /// What a person draws, while they do: it is on the stage in place of a clip.
    pub easel: Option<Easel>,
    pub scope: Scope,
    pub range: (Option<Pts>, Option<Pts>),
    /// With [`Scope::Around`]: also while the video plays.
    pub follow: bool,
    /// Seconds around the play head.
    pub around: f64,
    /// Where the play head rested last, or is (following).
    pub anchor: Pts,
    /// In which order the model sees the frames, and what is altered inside it.
    pub order: Order,
    pub surgery: Surgery,
    /// What the model sees of pictures that are not square.
    pub crop: Crop,
    /// The model's motion scale, and the identity of that model.
    pub scale: Option<(String, Arc<MotionScale>)>,
    pub history: History,
    /// The class that is typed in, whose membership in p stands still meanwhile.
    pub hold: Option<Hold>,
    pub prompts_file: Option<PathBuf>,
    /// The newest scores; see [`State::scores`].
    pub scored: Option<Scored>,
    /// Counts the changes of the prompts.
    pub revision: u64,
    /// Prompts that have gone through the text tower, and how many are to, while that takes a while.
    pub encoding: Option<(usize, usize)>,
    pub notes: HashMap<String, PromptNote>,
    /// The text side of the prompts, once it has come.
    pub texts: Option<Texts>,
    /// The states that the prompts have been in, with their scores.
    pub log: PromptLog,
    /// A class that is tried out beside the set.
    pub trial: Trial,
    /// The baseline that was pinned last, and what it is of, in words.
    pub pinned_of: Option<(Arc<Scores>, String)>,
    /// What the negation bench is about.
    pub negation: Negation,
    /// Names that wait to be taken over.
    pub import: Option<Import>,
    /// An experiment that waits for its clip.
    pub misplaced: Option<Misplaced>,
    /// What is being written.
    pub exporting: Option<Exporting>,
    pub view: View,
    /// What was on the stage before a prompt's support took its place.
    pub layer_before: Layer,
    /// Clips beside the one on the stage.
    pub shelf: Shelf,
    pub lanes: Lanes,
    /// What has been told of the sweep over the open video, once there is one.
    pub record: Option<Record>,
    /// The scores and maps on show are those of the span around the play head, and not of the scope.
    pub moment: bool,
    /// The newest scores of such a span, and where it lies; see [`State::scores`].
    pub moment_scored: Option<(Span, Scored)>,
    /// Other samplings of the span of what is shown.
    pub whiskers: Option<Whiskers>,
    /// Whether the camera moves in what was shown under that question.
    pub camera: Option<(QuestionId, Camera)>,
    /// What is known to be true of the open video, where it is a synthetic one.
    pub truth: Option<Known>,
    /// What part of the picture the stage shows.
    pub lens: Lens,
    pub sort_by_score: bool,
    pub messages: Messages,
    pub help: bool,
    /// The panels are hidden, and what is left is large: see [`super::hall`].
    pub presenting: bool,
    /// The lessons of the program.
    pub lessons: Vec<Arc<Lesson>>,
    /// While somebody is in a lesson.
    pub learning: Option<Learning>,
    /// The window that takes a path while it is open; likewise for the time, and for the id of a model.
    pub path_field: Option<Asked>,
    /// What was entered there last, and for what.
    pub path_entered: Option<(Option<Dialog>, String)>,
    pub id_field: Option<Asked>,
    pub time_field: Option<Asked>,
    /// For the Open menu.
    pub recent: Recent,
    /// Of the prompts, in points, once they have been drawn.
    pub prompts_width: Option<f32>,
    /// Where the stage was drawn last, in points; nothing while it is behind another pane.
    pub stage_rect: egui::Rect,
}

impl State {
    /// Which vision layer the patches come from that are separated into motion and static; `None`: the last.
    pub fn layer_words(&self, surgery: &Surgery) -> Option<String> {
        let model = self.model.as_ref()?;
        let layer = surgery.motion_layer.map_or(model.motion_layer, usize::from).max(1);
        (layer < model.layers).then(|| format!("vision layer {layer} of {}", model.layers))
    }

    pub fn prompts(&self) -> &crate::prompt::PromptSet {
        &self.history.present().prompts
    }

    /// A class and the line of its own prompts at that place, or the last one where there are fewer; `None` where it has none.
    pub fn line_key(&self, (c, side, i): (usize, Side, usize)) -> Option<(ClassKey, Key)> {
        let document = self.history.present();
        let lines = document.prompt_keys(c)?.side(side);
        let line = lines.get(i).or(lines.last())?;
        Some((document.class_key(c)?, (*line).into()))
    }

    /// The scores on show: of the span around the play head, or of the answer that is shown, and of nothing else.
    pub fn current(&self) -> Option<&Scored> {
        let scored = if self.moment {
            &self.moment_scored.as_ref()?.1
        } else {
            let shown = self.shown.as_ref()?;
            self.scored.as_ref().filter(|scored| scored.question == shown.answer.id)?
        };
        (!scored.scores.classes.is_empty()).then_some(scored)
    }

    /// See [`State::current`].
    pub fn scores(&self) -> Option<&Scores> {
        Some(&*self.current()?.scores)
    }

    /// The scores of the answer that is shown, whatever is on show.
    pub fn scores_of_shown(&self) -> Option<&Scores> {
        let (scored, shown) = (self.scored.as_ref()?, self.shown.as_ref()?);
        (scored.question == shown.answer.id && !scored.scores.classes.is_empty()).then_some(&*scored.scores)
    }

    /// The scores are those of the prompts as they are now.
    pub fn scores_fresh(&self) -> bool {
        let of_moment = self.moment_scored.as_ref().map(|(_, scored)| scored);
        let scored = if self.moment { of_moment } else { self.scored.as_ref() };
        scored.is_some_and(|s| s.revision == self.revision)
    }

    /// The text sides that the scores on show are made of.
    pub fn texts(&self) -> Option<&[ClassEmbedding]> {
        let (texts, scored) = (self.texts.as_ref()?, self.scored.as_ref()?);
        let question = &self.shown.as_ref()?.answer.question;
        let same = texts.revision == scored.revision
            && texts.model == question.model
            && self.scores_of_shown().is_some();
        // Surgery on the text side scores others.
        let surgery = &question.surgery;
        (same && !surgery.no_joint_adapter && !surgery.no_negatives).then_some(&**texts.classes)
    }

    /// What class `c` would come to without each of its prompts, where that is known.
    pub fn left_out(&self, c: usize) -> Option<LeftOut> {
        let (scores, shown) = (self.scores_of_shown()?, self.shown.as_ref()?);
        let own = self.score(c)?;
        let place = scores.classes.iter().position(|x| std::ptr::eq(x, own))?;
        let class = self.texts()?.get(place)?;
        score::left_out(&shown.answer.evidence.embedding, class, place, scores)
    }

    /// What the scores on show are of, in words: clip, span, and what is altered.
    pub fn scored_of(&self) -> Option<String> {
        let (shown, video) = (self.shown.as_ref()?, self.video.as_ref()?);
        let (span, question) = (shown.span(), &shown.answer.question);
        let plain = question.surgery.is_none() && question.clip.order == Order::default();
        let altered = if plain { "" } else { ", altered" };
        let crop = self.crop_after(question);
        Some(format!("{} {} to {}{crop}{altered}", video.name, clock(span.start), clock(span.end)))
    }

    /// What the scores on show would be of as a baseline: clip, span and model.
    pub fn baseline_of(&self) -> Option<String> {
        let of = match self.moment.then_some(self.moment_scored.as_ref()).flatten() {
            Some((span, _)) => {
                let name = &self.video.as_ref()?.name;
                format!("{name} {} to {}", clock(span.start), clock(span.end))
            }
            None => self.scored_of()?,
        };
        Some(format!("{of}, model {}", self.model.as_ref()?.name))
    }

    /// What the baseline is of, where that is another clip, span or model than that of the scores on show.
    pub fn pinned_elsewhere(&self) -> Option<&str> {
        let (pinned, of) = self.pinned_of.as_ref()?;
        let same = Arc::ptr_eq(self.history.present().pinned.as_ref()?, pinned);
        (same && self.baseline_of().is_some_and(|now| now != *of)).then_some(of)
    }

    /// The motion scale of the model that made what is shown.
    pub fn motion_scale(&self) -> Option<&MotionScale> {
        let (model, scale) = self.scale.as_ref()?;
        (*model == self.shown.as_ref()?.answer.question.model).then_some(&**scale)
    }

    /// The score of class `c`, by place, or by name where the order has changed since.
    pub fn score(&self, c: usize) -> Option<&ClassScore> {
        find(self.scores()?, c, &self.prompts().classes)
    }

    /// The score of class `c` in the pinned baseline.
    pub fn pinned(&self, c: usize) -> Option<&ClassScore> {
        find(self.history.present().pinned.as_deref()?, c, &self.prompts().classes)
    }

    /// The in/out range, the whole video where it is not set.
    pub fn whole_or_range(&self) -> Span {
        Span::new(self.range.0.unwrap_or(Pts(0)), self.range.1.unwrap_or(self.playback.duration()))
    }

    /// Work on a question has ended, well or not.
    pub fn ended(&mut self, question: QuestionId) {
        self.work.take_if(|work| work.question == question);
    }

    /// Whether an answer is to be shown: it is the one that was asked for last, or, until that one has come, one that was asked for
    /// on the way to it: while the span follows the play head, or something is moved by hand.
    pub fn wants(&self, answer: &Answer) -> bool {
        let shown = self.shown.as_ref().map(|shown| &*shown.answer.question);
        let follows = self.follow && self.scope == Scope::Around;
        self.asked.as_ref().is_some_and(|asked| is_wanted(asked, shown, &answer.question, follows))
    }

    /// The sampled frame that belongs to the displayed one.
    pub fn moment(&self) -> Option<Moment> {
        self.moment_at(&self.shown.as_ref()?.answer, &self.playback)
    }

    /// As [`State::moment`], among the frames of another answer, and of what another player shows.
    pub fn moment_at(&self, answer: &Answer, playback: &Playback) -> Option<Moment> {
        let shown = playback.shown.unwrap_or(playback.position);
        let span = answer.question.clip.span;
        let moment = look::moment(&answer.frames, span, shown)?;
        // A span that follows the play head is always a little behind it; the newest map is still the one to show.
        let behind = shown.secs() - span.end.secs();
        let follows =
            self.follow && self.scope == Scope::Around && (0.0..self.around.max(1.0)).contains(&behind);
        Some(Moment { outside: moment.outside && !follows, ..moment })
    }
}

/// See [`State::wants`].
fn is_wanted(asked: &Question, shown: Option<&Question>, given: &Question, follows: bool) -> bool {
    if shown == Some(asked) {
        return given == asked;
    }
    let same = || Question { clip: asked.clip.clone(), ..given.clone() } == *asked;
    // While a slider or the crop is dragged or a brush or a motion drawn, every step on the way is worth seeing.
    given.is_but_by_hand(asked) || (follows && same())
}

/// By name, which survives a new order; a class that has been renamed is known by its place.
fn find<'a>(scores: &'a Scores, c: usize, classes: &[Class]) -> Option<&'a ClassScore> {
    let name = &classes.get(c)?.name;
    let there = scores.classes.get(c);
    if there.is_some_and(|s| s.name == *name) {
        return there;
    }
    let by_name = scores.classes.iter().find(|s| s.name == *name);
    let renamed = |s: &&ClassScore| {
        classes.len() == scores.classes.len() && !classes.iter().any(|other| other.name == s.name)
    };
    by_name.or_else(|| there.filter(renamed))
}

/// `m:ss.mmm`, or `h:mm:ss.mmm` from an hour on.
pub fn clock(t: Pts) -> String {
    let ms = (t.0.max(0) as u64 + 500_000) / 1_000_000;
    let (h, m, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
    if h > 0 { format!("{h}:{m:02}:{s:02}.{ms:03}") } else { format!("{m}:{s:02}.{ms:03}") }
}

/// Reads `12.5`, `1:02.5` or `1:00:02.5` as a time.
pub fn parse_clock(text: &str) -> Option<Pts> {
    let parts: Vec<&str> = text.trim().split(':').collect();
    if parts.len() > 3 {
        return None;
    }
    let mut seconds = 0.0;
    for part in parts {
        let v: f64 = part.trim().parse().ok()?;
        if !v.is_finite() || v < 0.0 {
            return None;
        }
        seconds = seconds * 60.0 + v;
    }
    Some(Pts::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Surgery;
    use crate::video::clip::{ClipSpec, Span};

    #[test]
    fn the_original_that_stands_beside_it_never_takes_the_place_of_what_is_altered_by_hand() {
        let question = |frozen: &[u16]| Question {
            source: serde_json::from_str("\"clip\"").unwrap(),
            clip: ClipSpec::segments(Span::new(Pts(0), Pts(1_000_000_000))),
            frames: 8,
            model: "model".into(),
            device: "device".into(),
            surgery: Surgery { frozen: frozen.to_vec(), ..Surgery::default() },
        };
        let (asked, before, original) = (question(&[3, 4]), question(&[3]), question(&[]));
        // While a brush paints, every step on the way is worth seeing, until the last has come.
        assert!(is_wanted(&asked, None, &before, false));
        assert!(is_wanted(&asked, Some(&before), &asked, false));
        assert!(!is_wanted(&asked, Some(&asked), &before, false));
        assert!(!is_wanted(&asked, Some(&asked), &original, false));
        assert!(is_wanted(&asked, Some(&asked), &asked, false), "asked again");
        // Nor does one that is late while the span follows the play head.
        let mut late = original.clone();
        late.clip.span = Span::new(Pts(1), Pts(1_000_000_001));
        assert!(
            is_wanted(&original, Some(&before), &late, true)
                && !is_wanted(&original, Some(&original), &late, true)
        );
    }

    #[test]
    fn times_are_written_and_read_back() {
        for (ns, text) in [
            (0, "0:00.000"),
            (1_234_000_000, "0:01.234"),
            (61_000_000_000, "1:01.000"),
            (3_600_500_000_000, "1:00:00.500"),
        ] {
            assert_eq!(clock(Pts(ns)), text);
            assert_eq!(parse_clock(text), Some(Pts(ns)));
        }
        assert_eq!(parse_clock("2.5"), Some(Pts(2_500_000_000)));
        for bad in ["", "x", "1:2:3:4", "-1", "nan", "1::2"] {
            assert_eq!(parse_clock(bad), None, "{bad}");
        }
    }
}
