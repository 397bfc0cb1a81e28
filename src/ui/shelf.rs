//! The shelf: many clips against the prompts. Each clip is one question about its whole length, and the scores of its answer
//! follow every edit as those on screen do, so that one prompt can be judged by all clips at once.

use crate::data::labelled;
use crate::engine::{Question, QuestionId, Scored};
use crate::model::Surgery;
use crate::score::Scores;
use crate::video::clip::{ClipSpec, Span};
use crate::video::{Crop, Pts, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Clips on the shelf at most.
pub const MOST: usize = 500;
/// Clips that the engine is asked about at one time: one in work, one being read.
const AHEAD: usize = 2;

/// Which clip: a file, or a stretch of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    pub path: PathBuf,
    #[serde(default)]
    pub start: Option<Pts>,
    #[serde(default)]
    pub end: Option<Pts>,
}

impl Place {
    pub fn whole(path: PathBuf) -> Self {
        Self { path, start: None, end: None }
    }

    /// In a video that ends there.
    pub fn span(&self, video: Pts) -> Span {
        let end = self.end.unwrap_or(video).min(video);
        Span::new(self.start.unwrap_or(Pts(0)).min(end), end)
    }

    /// The file's name, and the stretch where it is not the whole.
    pub fn name(&self) -> String {
        let file = self.path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        match (self.start, self.end) {
            (None, None) => file,
            (start, end) => {
                let end = end.map_or(String::new(), |e| format!("{:.1}", e.secs()));
                format!("{file} {:.1}–{end} s", start.unwrap_or(Pts(0)).secs())
            }
        }
    }
}

/// A clip that is to come onto the shelf, with what a person says it shows.
pub type Labelled = (Place, Option<String>);

/// One clip.
pub struct Row {
    pub place: Place,
    pub name: String,
    /// What a person says it shows.
    pub label: Option<String>,
    source: Option<Arc<Source>>,
    question: Option<(QuestionId, Question)>,
    /// The engine has been asked.
    asked: bool,
    scored: Option<Scored>,
    /// Why it has no scores.
    pub problem: Option<String>,
}

impl Row {
    pub fn scores(&self) -> Option<&Scores> {
        self.scored.as_ref().map(|s| &*s.scores)
    }

    /// The class with the largest share.
    pub fn winner(&self) -> Option<&str> {
        let classes = self.scores()?.classes.iter().filter(|c| c.logit.is_some());
        classes.max_by(|a, b| a.p.total_cmp(&b.p)).map(|c| c.name.as_str())
    }

    /// Whether the label is among the classes and wins; `None` where there is nothing to compare.
    pub fn right(&self) -> Option<bool> {
        let (label, scores) = (self.label.as_deref()?, self.scores()?);
        scores.classes.iter().any(|c| same(&c.name, label)).then_some(())?;
        Some(same(self.winner()?, label))
    }
}

/// Names are the same but for case and the space around them.
fn same(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// How the labelled clips fare.
#[derive(Debug, Default, PartialEq)]
pub struct Tally {
    pub right: usize,
    pub judged: usize,
    /// Clips with a label that is no class.
    pub unknown: usize,
    /// Label, what won instead, and how often; the most frequent first.
    pub confusions: Vec<(String, String, usize)>,
}

/// See the module.
#[derive(Default)]
pub struct Shelf {
    rows: Vec<Row>,
}

impl Shelf {
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Puts clips on the shelf; those that are there already are only given their label. How many had no room.
    pub fn add(&mut self, clips: Vec<Labelled>) -> usize {
        let mut left = 0;
        for (place, label) in clips {
            if let Some(row) = self.rows.iter_mut().find(|r| r.place == place) {
                row.label = label.or(row.label.take());
            } else if self.rows.len() < MOST {
                let (name, asked) = (place.name(), false);
                let (source, question, scored, problem) = (None, None, None, None);
                self.rows.push(Row { place, name, label, source, question, asked, scored, problem });
            } else {
                left += 1;
            }
        }
        left
    }

    pub fn remove(&mut self, place: &Place) {
        self.rows.retain(|r| r.place != *place);
    }

    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// An empty label is none.
    pub fn label(&mut self, place: &Place, label: String) {
        if let Some(row) = self.rows.iter_mut().find(|r| r.place == *place) {
            row.label = Some(label).filter(|l| !l.trim().is_empty());
        }
    }

    /// Goes on: opens the next file when the one before has been listed, and asks what can be asked of this model on this
    /// device with T `frames` a clip and this crop. Cheap; called at every drawn frame.
    pub fn step(
        &mut self,
        model: &str,
        device: &str,
        (frames, crop): (usize, Crop),
        open: impl Fn(&Path) -> Arc<Source>,
    ) {
        for row in &mut self.rows {
            row.question.take_if(|(_, q)| q.model != model || q.device != device || q.clip.crop != crop);
            if row.question.is_none() {
                (row.asked, row.scored) = (false, None);
            }
            let times = row.source.as_ref().filter(|_| row.question.is_none()).and_then(|s| s.try_frames());
            match (&row.source, times) {
                (Some(source), Some(Ok(times))) => {
                    let question = Question {
                        source: source.id().clone(),
                        clip: ClipSpec { crop, ..ClipSpec::segments(row.place.span(times.end)) },
                        frames,
                        model: model.to_owned(),
                        device: device.to_owned(),
                        surgery: Surgery::default(),
                    };
                    row.problem = None;
                    row.question = Some((question.id(), question));
                }
                (_, Some(Err(error))) => row.problem = Some(error.to_string()),
                _ => {}
            }
        }
        // One file at a time: hundreds of readers would keep the disk from everything else.
        let reading = |r: &Row| r.source.as_ref().is_some_and(|s| s.try_frames().is_none());
        if !self.rows.iter().any(reading)
            && let Some(row) = self.rows.iter_mut().find(|r| r.source.is_none())
        {
            row.source = Some(open(&row.place.path));
        }
    }

    /// What the engine is to be asked now; from now on it counts as asked. Only so much that it always has work: who clears
    /// the shelf does not wait for the rest. Of a clip that failed nothing is asked.
    pub fn to_ask(&mut self) -> Vec<(Arc<Source>, Question)> {
        let under_way = |r: &&Row| r.asked && r.scored.is_none() && r.problem.is_none();
        let room = AHEAD.saturating_sub(self.rows.iter().filter(under_way).count());
        let open = self.rows.iter_mut().filter(|r| !r.asked && r.problem.is_none());
        let ask = |row: &mut Row| {
            let (_, question) = row.question.as_ref()?;
            let asked = (row.source.clone()?, question.clone());
            row.asked = true;
            Some(asked)
        };
        open.filter_map(ask).take(room).collect()
    }

    /// The questions whose answers have come: their scores are to follow the prompts.
    pub fn answered(&self) -> impl Iterator<Item = &Question> {
        let answered = self.rows.iter().filter(|r| r.scored.is_some());
        answered.filter_map(|r| r.question.as_ref().map(|(_, question)| question))
    }

    fn asked(&mut self, id: QuestionId) -> impl Iterator<Item = &mut Row> {
        self.rows.iter_mut().filter(move |r| r.question.as_ref().is_some_and(|(q, _)| *q == id))
    }

    /// Something more urgent has pushed it out; it is asked again.
    pub fn dropped(&mut self, id: QuestionId) {
        self.asked(id).for_each(|row| row.asked = false);
    }

    /// Takes scores that are of one of its clips.
    pub fn take(&mut self, scored: &Scored) {
        self.asked(scored.question).for_each(|row| row.scored = Some(scored.clone()));
    }

    /// A question had no answer; whether it was of one of its clips.
    pub fn fail(&mut self, id: QuestionId, message: &str) -> bool {
        let failed = self.asked(id).map(|row| row.problem = Some(message.to_owned()));
        failed.count() > 0
    }

    /// Clips that have scores or a problem, of all.
    pub fn progress(&self) -> (usize, usize) {
        let done = self.rows.iter().filter(|r| r.scored.is_some() || r.problem.is_some()).count();
        (done, self.rows.len())
    }

    /// Scores of another revision than this one are shown.
    pub fn stale(&self, revision: u64) -> bool {
        self.rows.iter().filter_map(|r| r.scored.as_ref()).any(|s| s.revision != revision)
    }

    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        let mut confusions: BTreeMap<(String, String), usize> = BTreeMap::new();
        for row in self.rows.iter().filter(|r| r.scores().is_some()) {
            match (row.right(), &row.label) {
                (Some(right), Some(label)) => {
                    tally.judged += 1;
                    tally.right += usize::from(right);
                    if let Some(winner) = row.winner().filter(|_| !right) {
                        *confusions.entry((label.clone(), winner.to_owned())).or_default() += 1;
                    }
                }
                (None, Some(_)) => tally.unknown += 1,
                _ => {}
            }
        }
        tally.confusions = confusions.into_iter().map(|((a, b), n)| (a, b, n)).collect();
        tally.confusions.sort_by_key(|(_, _, n)| std::cmp::Reverse(*n));
        tally
    }
}

/// The clips that a path stands for: a video; a folder of videos; one folder a class; or a manifest
/// `path,label[,start_s,end_s]`. Reads the disk: for a job.
pub fn clips_of(path: &Path) -> Result<Vec<Labelled>, String> {
    let is_manifest = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    let mut clips: Vec<Labelled> = Vec::new();
    if path.is_dir() {
        let videos = labelled::videos_in(path).map_err(|e| e.to_string())?;
        clips
            .extend(videos.into_iter().map(|p| (truth_of(&p), p)).map(|(label, p)| (Place::whole(p), label)));
    } else if !is_manifest {
        return Ok(vec![(Place::whole(path.to_owned()), truth_of(path))]);
    }
    match labelled::read(path) {
        Ok(found) => {
            let named = |c: labelled::LabelledClip| {
                let label = found.classes.get(c.label).cloned();
                (Place { path: c.path, start: c.start, end: c.end }, label)
            };
            clips.extend(found.clips.into_iter().map(named));
        }
        // A folder of videos without class folders.
        Err(labelled::LabelledError::Empty(_)) if !clips.is_empty() => {}
        Err(error) => return Err(error.to_string()),
    }
    Ok(clips)
}

/// The class in the JSON that `motionlens synth` writes beside a clip.
fn truth_of(video: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Truth {
        class: String,
    }
    let file = std::fs::File::open(video.with_extension("json")).ok()?;
    // Far more than any truth is long; what is longer is none.
    let bytes = std::io::Read::take(file, 64 << 20);
    serde_json::from_reader::<_, Truth>(std::io::BufReader::new(bytes)).ok().map(|t| t.class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::ClassScore;

    fn row(label: Option<&str>, p: [f32; 2]) -> Row {
        let classes = ["Jumping", "falling"].into_iter().zip(p).map(|(name, p)| ClassScore {
            name: name.to_owned(),
            p,
            logit: Some(p),
            ..ClassScore::default()
        });
        let scores = Scores { classes: classes.collect(), none: 0.0, alpha: 0.5, ..Scores::default() };
        let question = Question {
            source: "s".to_owned().into(),
            clip: ClipSpec::segments(Span::new(Pts(0), Pts(1))),
            frames: 8,
            model: "m".into(),
            device: "d".into(),
            surgery: Surgery::default(),
        };
        let id = question.id();
        Row {
            place: Place::whole("a.mp4".into()),
            name: "a.mp4".into(),
            label: label.map(str::to_owned),
            source: None,
            question: Some((id, question)),
            asked: true,
            scored: Some(Scored { question: id, revision: 1, scores: Arc::new(scores), seconds: 0.0 }),
            problem: None,
        }
    }

    #[test]
    fn labels_are_counted_and_confusions_named() {
        let rows = vec![
            row(Some("jumping "), [0.9, 0.1]),
            row(Some("falling"), [0.8, 0.2]),
            row(Some("FALLING"), [0.8, 0.2]),
            row(Some("swimming"), [0.9, 0.1]),
            row(None, [0.9, 0.1]),
        ];
        let shelf = Shelf { rows };
        let tally = shelf.tally();
        assert_eq!((tally.right, tally.judged, tally.unknown), (1, 3, 1));
        let n = tally.confusions.iter().map(|(_, _, n)| n).sum::<usize>();
        assert_eq!(n, 2);
        assert!(shelf.stale(2) && !shelf.stale(1));
    }

    #[test]
    fn the_engine_is_asked_about_a_few_at_a_time() {
        let open = |i: u64| {
            let mut row = row(None, [0.5, 0.5]);
            let (_, mut question) = row.question.take().unwrap();
            question.clip.span.end = Pts(i as i64 + 2);
            row.question = Some((question.id(), question));
            row.source = Some(Source::open("/nowhere".as_ref(), Arc::new(|| {})));
            (row.asked, row.scored) = (false, None);
            row
        };
        let mut shelf = Shelf { rows: (0..5).map(open).collect() };
        let first = shelf.to_ask();
        assert_eq!((first.len(), shelf.to_ask().len()), (AHEAD, 0));
        assert!(shelf.fail(first[0].1.id(), "broken"));
        assert_eq!(shelf.to_ask().len(), 1);
        shelf.dropped(first[1].1.id());
        let again = shelf.to_ask();
        assert_eq!((again.len(), &again[0].1), (1, &first[1].1));
    }

    #[test]
    fn a_shelf_has_an_end_and_a_clip_is_on_it_once() {
        let mut shelf = Shelf::default();
        let place = |i: usize| Place::whole(format!("{i}.mp4").into());
        assert_eq!(shelf.add((0..MOST + 3).map(|i| (place(i), None)).collect()), 3);
        assert_eq!(shelf.add(vec![(place(0), Some("x".into()))]), 0);
        assert_eq!(shelf.rows().len(), MOST);
        assert_eq!(shelf.rows()[0].label.as_deref(), Some("x"));
    }

    #[test]
    fn folders_give_their_videos_with_their_labels() {
        let dir = tempfile::tempdir().unwrap();
        let file = |p: &str, text: &str| {
            let path = dir.path().join(p);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        file("one.mp4", "");
        file("one.json", r#"{"class":"moving left","frames":[]}"#);
        file("two.mp4", "");
        file("big_jump/three.avi", "");
        let found = clips_of(dir.path()).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|(p, l)| (p.path.file_name().unwrap().to_str().unwrap(), l.as_deref()))
            .collect();
        assert_eq!(
            names,
            [("one.mp4", Some("moving left")), ("two.mp4", None), ("three.avi", Some("big jump"))]
        );
        assert!(clips_of(&dir.path().join("none.csv")).is_err());
        file("list.csv", "one.mp4,moving left,1.5,3\n");
        let (place, label) = clips_of(&dir.path().join("list.csv")).unwrap().remove(0);
        assert_eq!((place.name().as_str(), label.as_deref()), ("one.mp4 1.5–3.0 s", Some("moving left")));
        assert_eq!(place.span(Pts::from_secs(2.0)), Span::new(Pts::from_secs(1.5), Pts::from_secs(2.0)));
    }
}
