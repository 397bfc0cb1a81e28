//! What is asked in the background, as the window wants it: the sweep over the open video, other samplings of what is shown, and
//! whether its camera moves. What is wanted is compared with what was asked last.

use super::App;
use crate::engine::{Look, Question, QuestionId, Rank, Sweep};
use crate::ui::jobs::JobOutcome;
use crate::ui::record::Record;
use crate::ui::state::State;
use crate::ui::whiskers::Whiskers;
use crate::video::camera::{self, Camera};
use crate::video::clip::Span;
use crate::video::{Cancel, FrameReader, Pts, RgbImage, Source, VideoError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// What the engine was told last.
#[derive(Default)]
pub(super) struct Told {
    sweep: Option<(Arc<Sweep>, Look)>,
    watched: Vec<Question>,
    /// The span whose maps were asked for anew.
    maps_of: Option<u32>,
    /// The answer whose camera was asked about, and what stops that.
    camera: Option<(QuestionId, Cancel)>,
}

/// Pairs of frames that the camera is judged by.
const PAIRS: usize = 8;

impl State {
    /// The sweep that the window stands for; `None` while a part of it is not known yet.
    fn wanted_sweep(&self) -> Option<Sweep> {
        let end = self.playback.end()?;
        let length = Pts::from_secs(self.lanes.span_secs(end));
        // As near to each other as the grid allows, so that every frame of it has a span of its own around it.
        let hop = self.lanes.hop.map_or(Pts(0), Pts::from_secs);
        Some(Sweep::new(self.question()?, end, length, hop))
    }

    /// The span around the play head, or the nearest that is done: its place in the record.
    pub fn moment_row(&self) -> Option<usize> {
        self.record.as_ref()?.nearest(self.playback.position)
    }

    /// Where that span lies, and the question that its scores are of.
    pub fn moment_question(&self) -> Option<(Span, QuestionId)> {
        let record = self.record.as_ref()?;
        let k = record.span(self.moment_row()?)?;
        Some((record.sweep.span(k), record.sweep.question(k).id()))
    }
}

impl App {
    /// Begins the sweep once the clip has been looked at, and tells the engine what has changed. Never waits.
    pub(super) fn keep_sweeping(&mut self, now: Instant) {
        let s = &mut self.state;
        if self.engine.is_none() {
            return;
        }
        // Under a hand that draws, all time is for what is on show.
        if let Some(wait) = s.easel.as_ref().and_then(|easel| easel.unrest(now)) {
            self.wake_after(wait);
            return self.end_sweep();
        }
        let source = s.video.as_ref().and_then(|v| v.source.clone());
        let looked_at = s.record.is_some() || (s.shown.is_some() && !s.is_stale());
        let wanted = s.wanted_sweep().filter(|_| looked_at && s.loading.is_none());
        let Some((source, wanted)) = source.zip(wanted) else { return self.end_sweep() };
        if s.record.as_ref().is_none_or(|r| *r.sweep != wanted) {
            s.record = Some(Record::new(Arc::new(wanted), self.memory.maps()));
            s.moment_scored = None;
        }
        let Some((engine, record)) = self.engine.as_ref().zip(s.record.as_ref()) else { return };
        let (sweep, here) = (&record.sweep, record.sweep.nearest(s.playback.position));
        let view = s.playback.end().map(|end| s.lanes.seen(end)).unwrap_or_default();
        // Of where the play head is only the span counts: a look a span, not one a frame.
        let look = Look { at: sweep.middle(here), view, running: s.lanes.running };
        let told = &mut self.sweeping;
        if told.sweep.as_ref().is_none_or(|(s, l)| !Arc::ptr_eq(s, sweep) || *l != look) {
            engine.sweep(Some((&source, sweep, look)));
            told.sweep = Some((sweep.clone(), look));
        }
        if s.moment {
            // Maps that had to go come back when somebody looks at them.
            let shown = s.playback.shown.unwrap_or(s.playback.position);
            let missing = record.has(here) && !record.holds(sweep.step_at(shown));
            if missing && told.maps_of != Some(here) {
                engine.ask(&source, sweep.question(here), Rank::Background);
            }
            told.maps_of = missing.then_some(here);
        }
        let overview = record.progress.overview;
        let calm = !s.lanes.running || (overview.1 > 0 && overview.0 == overview.1);
        if let Some(shown) = s.shown.as_ref().filter(|_| calm && !s.follow && !s.is_stale())
            && s.whiskers.as_ref().is_none_or(|w| w.of != shown.answer.id)
        {
            let whiskers = Whiskers::new(&shown.answer);
            for question in &whiskers.questions {
                engine.ask(&source, question.clone(), Rank::Background);
            }
            s.whiskers = Some(whiskers);
        }
    }

    /// Everything that stands beside the scores of the scope is scored anew with every edit: the moment, other samplings, and
    /// the clips on the shelf.
    pub(super) fn watch_answers(&mut self) {
        let s = &self.state;
        let Some(engine) = &self.engine else { return };
        let moment = s.record.as_ref().filter(|_| s.moment).and_then(|record| {
            let span = record.span(s.moment_row()?)?;
            Some(record.sweep.question(span))
        });
        let whiskers = || s.whiskers.iter().flat_map(Whiskers::answered);
        let wanted = || moment.iter().chain(whiskers()).chain(s.shelf.answered());
        if !wanted().eq(&self.sweeping.watched) {
            self.sweeping.watched = wanted().cloned().collect();
            engine.watch(&self.sweeping.watched);
        }
    }

    /// Judges the camera of what is shown, on a thread of its own.
    pub(super) fn look_for_camera(&mut self) {
        let s = &self.state;
        let source = s.video.as_ref().and_then(|v| v.source.clone());
        let shown = s.shown.as_ref().filter(|_| !s.follow && !s.is_stale());
        let (Some(source), Some(shown), Some(_)) = (source, shown, &self.engine) else { return };
        // Before a drawing there is no camera.
        if source.id().is_film() {
            return;
        }
        let id = shown.answer.id;
        if self.sweeping.camera.as_ref().is_some_and(|(asked, _)| *asked == id) {
            return;
        }
        if let Some((_, cancel)) = self.sweeping.camera.take() {
            cancel.cancel();
        }
        let (frames, cancel) = (shown.answer.frames.clone(), Cancel::default());
        self.sweeping.camera = Some((id, cancel.clone()));
        self.desk.start("camera", move || match judge_camera(&source, &frames, &cancel) {
            Ok(camera) => Some(JobOutcome::Camera(id, camera)),
            // A file that is at fault has told so elsewhere.
            Err(e) => {
                log::debug!("the camera cannot be judged: {e}");
                None
            }
        });
    }

    fn end_sweep(&mut self) {
        self.state.record = None;
        self.state.whiskers = None;
        if let (Some(engine), Some(_)) = (&self.engine, self.sweeping.sweep.take()) {
            engine.sweep(None);
            let Told { camera, watched, .. } = std::mem::take(&mut self.sweeping);
            self.sweeping = Told { camera, watched, ..Told::default() };
        }
    }

    /// In and Out around where the class is strongest, played again and again.
    pub(super) fn loop_strongest(&mut self, class: &str) {
        let Some(end) = self.state.playback.end() else { return };
        let stretch = self.state.record.as_ref().and_then(|r| r.strongest_stretch(r.column(class)?));
        let Some((from, to)) = stretch else { return };
        let (from, to) = (from.max(Pts(0)), to.min(end));
        self.set_range((Some(from), Some(to)));
        self.with_player(|p| {
            p.set_loop(Some((from, to)));
            p.seek(from);
            p.play();
        });
    }
}

/// Looks at some of the sampled frames, each with the one after it.
fn judge_camera(source: &Arc<Source>, frames: &[Pts], cancel: &Cancel) -> Result<Camera, VideoError> {
    let times = source.frames(cancel)?;
    let pair = |at: &Pts| {
        let place = times.place(*at)?;
        Some((times.nth(place)?, times.nth(place + 1)?))
    };
    let mut pairs: Vec<(Pts, Pts)> = frames.iter().filter_map(pair).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let apart = pairs.len().div_ceil(PAIRS).max(1);
    let pairs: Vec<(Pts, Pts)> = pairs.into_iter().step_by(apart).collect();
    let wanted: Vec<Pts> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
    let mut grey = BTreeMap::new();
    let mut each = |at, picture: RgbImage| {
        grey.insert(at, camera::Grey::of(&picture));
    };
    FrameReader::open(source, cancel)?.read(&wanted, cancel, &mut |_, _| {}, &mut each)?;
    let pictures = |(a, b): &(Pts, Pts)| Some((grey.get(a)?.clone(), grey.get(b)?.clone()));
    Ok(camera::judge(&pairs.iter().filter_map(pictures).collect::<Vec<_>>()))
}
