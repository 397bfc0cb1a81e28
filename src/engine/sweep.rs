//! The sweep: a span after the other over the whole video, so that scores, motion and gates can be drawn over time.
//!
//! Every span is an ordinary question on one grid of frames, so that spans that overlap share their frames and none is encoded
//! twice. A few dozen over the whole come first (two hours are useful soon, because a span costs a seek and not everything before
//! it), then those in view around the play head, then the rest. Of each span its embedding and three numbers are kept; its maps
//! are told once, frame by frame, and are for the listener to keep.

use super::event::Answer;
use super::question::Question;
use crate::score::Matrix;
use crate::session::Maps;
use crate::session::maps::quantile;
use crate::video::clip::{ClipSpec, Order, Rule, Span};
use crate::video::preprocess::CropRect;
use crate::video::{Pts, Source};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Spans over the whole video that come before everything else; a power of two.
const COARSE: u32 = 32;
/// What came in is told no more often than this.
const TELL: Duration = Duration::from_millis(150);
/// The pace is that of so many spans.
const PACE: usize = 24;
/// The share of patches that stays below a span's brightest motion.
const BRIGHT: f32 = 0.99;

/// Which spans of a video are asked about, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The question of the first span; the others differ in its place alone.
    first: Question,
    step: Pts,
    /// Steps of the grid from one span to the next.
    hop: u32,
    /// Steps of the grid in the whole video.
    steps: u32,
}

impl Sweep {
    /// The length of the spans of a video that ends at `end`, where nobody has chosen one: a fifth of it, but no less than one second
    /// and no more than four.
    pub fn usual_length(end: Pts) -> Pts {
        Pts::from_secs((end.secs() / 5.0).clamp(1.0, 4.0))
    }

    /// Spans of `length`, `hop` apart, over a video that ends at `end`; both are rounded to whole steps of the grid, of which a
    /// span has T. A video shorter than the span is one span. `question`: everything but the clip's span and rule.
    pub fn new(question: Question, end: Pts, length: Pts, hop: Pts) -> Self {
        let frames = question.frames.max(1) as i64;
        let step = Pts((length.0.min(end.0) / frames).max(1_000_000));
        let steps = (end.0 / step.0).clamp(frames, i64::from(u32::MAX / 2)) as u32;
        let hop = ((hop.0 + step.0 / 2) / step.0).clamp(1, frames) as u32;
        let mut sweep = Self { first: question, step, hop, steps };
        let clip = ClipSpec { span: sweep.span(0), rule: Rule::Grid { step }, ..sweep.first.clip.clone() };
        sweep.first.clip = clip;
        sweep
    }

    /// It asks the model of that identity on that device.
    pub fn is_of(&self, model: &str, device: &str) -> bool {
        self.first.model == model && self.first.device == device
    }

    pub fn model(&self) -> &str {
        &self.first.model
    }

    /// From one frame of a span to the next.
    pub fn step(&self) -> Pts {
        self.step
    }

    pub fn length(&self) -> Pts {
        Pts(self.step.0 * i64::from(self.frames()))
    }

    /// From one span to the next.
    pub fn hop(&self) -> Pts {
        Pts(self.step.0 * i64::from(self.hop))
    }

    /// How many spans there are, at least one.
    pub fn spans(&self) -> u32 {
        (self.steps - self.frames().min(self.steps)).div_ceil(self.hop) + 1
    }

    fn frames(&self) -> u32 {
        self.first.frames.max(1) as u32
    }

    /// The first step of span `k`: the last span ends with the video.
    fn first_step(&self, k: u32) -> u32 {
        (k.saturating_mul(self.hop)).min(self.steps - self.frames().min(self.steps))
    }

    /// Where span `k` lies.
    pub fn span(&self, k: u32) -> Span {
        let start = Pts(self.step.0 * i64::from(self.first_step(k)));
        Span::new(start, Pts(start.0 + self.length().0))
    }

    /// The middle of span `k`.
    pub fn middle(&self, k: u32) -> Pts {
        let span = self.span(k);
        Pts(span.start.0 + (span.end.0 - span.start.0) / 2)
    }

    pub fn question(&self, k: u32) -> Question {
        let clip = ClipSpec { span: self.span(k), ..self.first.clip.clone() };
        Question { clip, ..self.first.clone() }
    }

    /// Which span a question asks about; `None` where it is none of this sweep.
    pub fn place(&self, question: &Question) -> Option<u32> {
        let k = self.nearest(Pts(question.clip.span.start.0.checked_add(self.length().0 / 2)?));
        (self.question(k) == *question).then_some(k)
    }

    /// The span whose middle is nearest to `at`.
    pub fn nearest(&self, at: Pts) -> u32 {
        let last = self.spans() - 1;
        let hops = (at.0.saturating_sub(self.length().0 / 2) as f64 / self.hop().0 as f64).round();
        // The last span may be nearer to the one before it than the others are to each other.
        let k = hops.clamp(0.0, f64::from(last)) as u32;
        let far = |k: &u32| (self.middle(*k).0.saturating_sub(at.0)).unsigned_abs();
        (k.saturating_sub(1)..=(k + 1).min(last)).min_by_key(far).unwrap_or(k)
    }

    /// The step of the grid that holds `at`.
    pub fn step_at(&self, at: Pts) -> u32 {
        at.0.div_euclid(self.step.0).clamp(0, i64::from(self.steps) - 1) as u32
    }

    /// The time at the middle of a step, whose frame stands for it.
    pub fn middle_of_step(&self, step: u32) -> Pts {
        Pts(self.step.0 * i64::from(step) + self.step.0 / 2)
    }

    /// The span around a frame of the grid: the one whose middle is nearest to it.
    pub fn around(&self, step: u32) -> u32 {
        self.nearest(self.middle_of_step(step))
    }

    /// The places among a span's frames whose map is this span's: those that it is the span around.
    fn own(&self, k: u32) -> Range<u32> {
        let first = self.first_step(k);
        let mine = |place: &u32| first + place < self.steps && self.around(first + place) == k;
        let from = (0..self.frames()).find(mine).unwrap_or(0);
        let to = (from..self.frames()).take_while(mine).last().map_or(from, |last| last + 1);
        from..to
    }

    /// The maps of an answer that belong to the sweep, frame by frame of the grid. With the frames in another order than they
    /// were filmed a map has no moment that it coincides with, so there is none.
    pub fn moments(&self, answer: &Answer) -> Vec<Moment> {
        let Some(k) = self.place(&answer.question).filter(|_| self.first.clip.order == Order::Forward) else {
            return Vec::new();
        };
        let moment = |place: u32| {
            let pts = *answer.frames.get(place as usize)?;
            let maps = answer.evidence.maps.only(place as usize)?;
            let step = self.first_step(k) + place;
            Some(Moment { span: k, step, pts, crop: answer.crop, maps })
        };
        self.own(k).filter_map(moment).collect()
    }
}

/// What the model says of one frame of the grid, from the span around it.
#[derive(Clone, Debug)]
pub struct Moment {
    pub span: u32,
    pub step: u32,
    /// The frame that was seen there.
    pub pts: Pts,
    pub crop: CropRect,
    /// Of one frame.
    pub maps: Maps,
}

/// What is kept of a span.
#[derive(Clone, Debug)]
pub struct Point {
    /// E, unit norm.
    pub embedding: Arc<[f32]>,
    /// The motion map ‖M‖/‖X‖ over the span: its mean, and what 99% of its patches stay below.
    pub motion: f32,
    pub bright: f32,
    /// Mean gate; absent where the model has no gates, or they are left out.
    pub gate: Option<f32>,
}

impl Point {
    pub fn of(answer: &Answer) -> Self {
        let maps = &answer.evidence.maps;
        let mean = |data: &[f32]| data.iter().sum::<f32>() / data.len().max(1) as f32;
        Self {
            embedding: answer.evidence.embedding.as_slice().into(),
            motion: mean(&maps.motion.data),
            bright: quantile(std::iter::once(&maps.motion), BRIGHT),
            gate: maps.gates.iter().any(|b| !b.is_empty()).then(|| mean(&maps.gate.data)),
        }
    }
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    pub done: u32,
    /// Spans whose frames cannot be read.
    pub failed: u32,
    pub total: u32,
    /// Of the spans over the whole that come first.
    pub overview: (u32, u32),
    /// Spans a second of late; absent before some have been done in a row.
    pub rate: Option<f32>,
    /// No more embeddings may be kept; see [`super::Memory`].
    pub full: bool,
}

/// What is new of a sweep: all that is done under a new revision of the prompts, or what came since.
#[derive(Clone, Debug)]
pub struct Swept {
    pub sweep: Arc<Sweep>,
    pub revision: u64,
    /// Everything that is done, scored anew; `false`: further spans under the same revision.
    pub whole: bool,
    /// The spans, rising; the rows of everything below.
    pub spans: Vec<u32>,
    pub points: Vec<Arc<Point>>,
    /// The names of its columns are `names`.
    pub scores: Matrix,
    /// The classes of that revision, all of them, in order.
    pub names: Arc<[String]>,
    /// Maps of the spans that came since.
    pub moments: Vec<Arc<Moment>>,
    pub progress: Progress,
}

/// Where somebody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub at: Pts,
    pub view: Span,
    /// Off: what is done stays, and nothing is added.
    pub running: bool,
}

/// A span of a sweep that is under way.
#[derive(Clone)]
enum State {
    Missing,
    Done(Arc<Point>),
    Failed,
}

/// What [`super::queue::Queue`] knows of the sweep that is under way.
pub struct Sweeping {
    pub sweep: Arc<Sweep>,
    pub source: Arc<Source>,
    pub look: Look,
    states: Vec<State>,
    /// Done, and not told yet.
    new: Vec<u32>,
    moments: Vec<Arc<Moment>>,
    told: Instant,
    bytes: usize,
    limit: usize,
    pace: VecDeque<Instant>,
}

/// What the worker has to score and tell.
pub struct Due {
    pub sweep: Arc<Sweep>,
    pub whole: bool,
    pub spans: Vec<u32>,
    pub points: Vec<Arc<Point>>,
    pub moments: Vec<Arc<Moment>>,
    pub progress: Progress,
}

impl Sweeping {
    pub fn new(source: &Arc<Source>, sweep: Arc<Sweep>, look: Look, limit: usize) -> Self {
        let states = vec![State::Missing; sweep.spans() as usize];
        let (new, moments, pace) = (Vec::new(), Vec::new(), VecDeque::new());
        Self {
            sweep,
            source: source.clone(),
            look,
            states,
            new,
            moments,
            told: Instant::now(),
            bytes: 0,
            limit,
            pace,
        }
    }

    fn missing(&self, k: u32) -> bool {
        matches!(self.states.get(k as usize), Some(State::Missing))
    }

    /// The spans of the overview in the order in which they are done: each halves what is between those before it.
    fn overview(&self) -> impl Iterator<Item = u32> + use<> {
        let total = self.sweep.spans();
        let apart = total.div_ceil(COARSE);
        let place = |i: u32| i.reverse_bits() >> (u32::BITS - COARSE.trailing_zeros());
        (0..COARSE).map(move |i| place(i) * apart).filter(move |k| *k < total)
    }

    /// The span to do next that is not `busy`; `None` where there is none, or it is paused or full.
    pub fn next(&self, busy: impl Fn(u32) -> bool) -> Option<u32> {
        if !self.look.running || self.is_full() {
            return None;
        }
        let free = |k: &u32| self.missing(*k) && !busy(*k);
        if let Some(k) = self.overview().find(free) {
            return Some(k);
        }
        let at = self.sweep.nearest(self.look.at);
        // From the play head outwards.
        let outwards = || (0..self.sweep.spans()).flat_map(move |d| [at.checked_add(d), at.checked_sub(d)]);
        let seen = |k: &u32| {
            let span = self.sweep.span(*k);
            span.start <= self.look.view.end && self.look.view.start <= span.end
        };
        let free = || outwards().flatten().filter(free);
        free().find(seen).or_else(|| free().next())
    }

    fn is_full(&self) -> bool {
        self.bytes >= self.limit
    }

    /// Takes an answer in, whoever asked for it; whether it is one of the sweep's.
    pub fn take(&mut self, answer: &Answer) -> bool {
        let Some(k) = self.sweep.place(&answer.question) else { return false };
        self.moments.extend(self.sweep.moments(answer).into_iter().map(Arc::new));
        if self.missing(k) {
            let point = Point::of(answer);
            self.bytes += size_of_val(&*point.embedding) + size_of::<Point>();
            self.states[k as usize] = State::Done(Arc::new(point));
            self.new.push(k);
            self.pace.push_back(Instant::now());
            if self.pace.len() > PACE {
                self.pace.pop_front();
            }
        }
        true
    }

    /// The frames of a span cannot be read.
    pub fn fail(&mut self, k: u32) {
        if self.missing(k) {
            self.states[k as usize] = State::Failed;
        }
    }

    /// The embedding of a span that is done.
    pub fn point(&self, question: &Question) -> Option<Arc<Point>> {
        match self.states.get(self.sweep.place(question)? as usize) {
            Some(State::Done(point)) => Some(point.clone()),
            _ => None,
        }
    }

    /// Something is to be told now. `going`: a span is in work, so there will be another occasion.
    pub fn is_due(&self, going: bool) -> bool {
        !(self.new.is_empty() && self.moments.is_empty()) && (!going || self.told.elapsed() >= TELL)
    }

    /// What is to be told: everything, or what is new.
    pub fn due(&mut self, whole: bool) -> Due {
        self.told = Instant::now();
        let mut new = std::mem::take(&mut self.new);
        new.sort_unstable();
        let wanted: Vec<u32> = if whole { (0..self.sweep.spans()).collect() } else { new };
        let done = |k: &u32| match &self.states[*k as usize] {
            State::Done(point) => Some((*k, point.clone())),
            _ => None,
        };
        let (spans, points) = wanted.iter().filter_map(done).unzip();
        let moments = std::mem::take(&mut self.moments);
        Due { sweep: self.sweep.clone(), whole, spans, points, moments, progress: self.progress() }
    }

    /// These could not be told yet.
    pub fn tell_again(&mut self, mut moments: Vec<Arc<Moment>>) {
        self.moments.append(&mut moments);
    }

    /// The pace is measured anew: the work has been interrupted.
    pub fn pause_clock(&mut self) {
        self.pace.clear();
    }

    fn progress(&self) -> Progress {
        let count = |f: fn(&State) -> bool| self.states.iter().filter(|s| f(s)).count() as u32;
        let rate = self.pace.front().zip(self.pace.back()).and_then(|(first, last)| {
            let seconds = last.duration_since(*first).as_secs_f32();
            (self.pace.len() >= 3 && seconds > 0.0).then(|| (self.pace.len() - 1) as f32 / seconds)
        });
        Progress {
            done: count(|s| matches!(s, State::Done(_))),
            failed: count(|s| matches!(s, State::Failed)),
            total: self.states.len() as u32,
            overview: (
                self.overview().filter(|k| !self.missing(*k)).count() as u32,
                self.overview().count() as u32,
            ),
            rate,
            full: self.is_full(),
        }
    }
}

/// The classes whose scores over `spans` spans are told: all, or as many of the first as `bytes` of memory hold twice.
pub fn told_classes(classes: usize, spans: u32, bytes: usize) -> usize {
    const EACH: usize = 2 * 3 * size_of::<f32>();
    classes.min((bytes / EACH / (spans.max(1) as usize)).max(8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Surgery;
    use crate::video::SourceId;
    use proptest::prelude::*;

    fn sweep(end: f64, length: f64, hop: f64) -> Sweep {
        let question = Question {
            source: SourceId::from("a".to_owned()),
            clip: ClipSpec::segments(Span::default()),
            frames: 8,
            model: "m".into(),
            device: "d".into(),
            surgery: Surgery::default(),
        };
        Sweep::new(question, Pts::from_secs(end), Pts::from_secs(length), Pts::from_secs(hop))
    }

    fn sweeping(sweep: Sweep) -> Sweeping {
        let source = Source::open("/nowhere".as_ref(), Arc::new(|| {}));
        let view = Span::new(Pts(0), Pts(i64::MAX));
        Sweeping::new(&source, Arc::new(sweep), Look { at: Pts(0), view, running: true }, 1 << 20)
    }

    fn point() -> State {
        State::Done(Arc::new(Point { embedding: [1.0].into(), motion: 0.0, bright: 0.0, gate: None }))
    }

    #[test]
    fn the_spans_cover_the_video_on_one_grid() {
        let s = sweep(10.0, 2.0, 0.5);
        assert_eq!((s.step(), s.hop(), s.spans()), (Pts::from_secs(0.25), Pts::from_secs(0.5), 17));
        assert_eq!(s.span(16), Span::new(Pts::from_secs(8.0), Pts::from_secs(10.0)));
        // The hop does not divide what is left: the last span still ends with the video.
        let s = sweep(10.0, 2.0, 0.75);
        assert_eq!((s.spans(), s.span(s.spans() - 1).end), (12, Pts::from_secs(10.0)));
        let short = sweep(1.0, 4.0, 0.1);
        assert_eq!((short.spans(), short.length()), (1, Pts::from_secs(1.0)));
    }

    proptest! {
        #[test]
        fn every_frame_of_the_grid_has_one_span_around_it(
            end in 0.1f64..60.0, length in 0.1f64..8.0, hop in 0.01f64..4.0, at in 0.0f64..60.0,
        ) {
            let s = sweep(end, length, hop);
            let mut steps: Vec<u32> =
                (0..s.spans()).flat_map(|k| s.own(k).map(move |place| (k, place))).map(|(k, place)| s.first_step(k) + place).collect();
            let all: Vec<u32> = (0..s.steps).collect();
            steps.sort_unstable();
            prop_assert_eq!(steps, all);
            for k in 0..s.spans() {
                prop_assert_eq!(s.place(&s.question(k)), Some(k));
            }
            let far = |k: u32| (s.middle(k).0 - Pts::from_secs(at).0).abs();
            let nearest = s.nearest(Pts::from_secs(at));
            prop_assert!((0..s.spans()).all(|k| far(k) >= far(nearest)));
        }
    }

    #[test]
    fn the_whole_comes_first_then_what_is_seen_around_the_play_head_then_the_rest() {
        let mut s = sweeping(sweep(7200.0, 4.0, 0.5));
        let at = Pts::from_secs(3000.0);
        s.look = Look { at, view: Span::new(Pts::from_secs(2999.0), Pts::from_secs(3060.0)), running: true };
        let mut order = Vec::new();
        for _ in 0..200 {
            let k = s.next(|_| false).unwrap();
            order.push(k);
            s.states[k as usize] = point();
        }
        let total = s.sweep.spans();
        assert!(total > 14_000);
        let (overview, rest) = order.split_at(COARSE as usize);
        // Wherever it is stopped, what is done is spread over the whole: no gap is more than twice another.
        for n in [4, 8, 16, 32] {
            let mut some = overview[..n].to_vec();
            some.sort_unstable();
            let gaps: Vec<u32> = some.windows(2).map(|w| w[1] - w[0]).collect();
            assert!(gaps.iter().max().unwrap() <= &(2 * gaps.iter().min().unwrap()), "{n}: {gaps:?}");
        }
        assert_eq!(rest[0], s.sweep.nearest(at));
        let seen = |k: &u32| s.sweep.span(*k).end.secs() >= 2999.0 && s.sweep.span(*k).start.secs() <= 3060.0;
        let in_view = rest.iter().take_while(|k| seen(k)).count();
        assert!((120..140).contains(&in_view), "{in_view}");
        let outside = &rest[in_view..];
        assert!(outside.windows(2).all(|w| w[0].abs_diff(rest[0]) <= w[1].abs_diff(rest[0])));
    }

    #[test]
    fn nothing_is_done_while_it_is_paused_or_its_memory_is_full() {
        let mut s = sweeping(sweep(10.0, 2.0, 0.5));
        s.look.running = false;
        assert_eq!(s.next(|_| false), None);
        s.look.running = true;
        assert_eq!(
            s.next(|k| k == 0),
            Some(s.overview().nth(1).unwrap()),
            "what is in work is not done twice"
        );
        s.bytes = s.limit;
        assert_eq!(s.next(|_| false), None);
        assert!(s.progress().full);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over_and_counted() {
        let mut s = sweeping(sweep(3.0, 1.0, 0.5));
        let mut seen = 0;
        while let Some(k) = s.next(|_| false) {
            s.fail(k);
            seen += 1;
        }
        let progress = s.progress();
        assert_eq!((seen, progress.failed, progress.done), (5, 5, 0));
        assert_eq!(progress.overview, (5, 5));
    }

    #[test]
    fn the_scores_that_are_told_have_a_bound() {
        assert_eq!(told_classes(100, 1000, 100 << 20), 100);
        assert!(told_classes(10_000, 14_000, 100 << 20) * 14_000 * 24 <= 100 << 20);
    }
}
