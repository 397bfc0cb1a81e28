//! What the window has been told of the sweep over the open video: the scores, motion and gates of every span that is done, by
//! time, and the maps of the frames of the grid as far as there is room for them.

use crate::engine::{Answer, Moment, Point, Progress, Sweep, Swept};
use crate::export::lanes::{self, Lanes};
use crate::session::Maps;
use crate::video::Pts;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Classes whose lanes are shown where nobody has chosen any.
const FEW: usize = 4;

/// One span that is done: which it is, and where its numbers stand.
#[derive(Clone, Copy, Debug)]
struct Row {
    span: u32,
    part: u32,
    row: u32,
}

/// A number of one span that can be drawn over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of the class in this column; see [`Record::column`].
    P(usize),
    Margin(usize),
    Cosine(usize),
    None,
    /// What 99% of the patches of the motion map stay below, ‖M‖/‖X‖.
    Motion,
    Gate,
}

/// See the module.
#[derive(Clone)]
pub struct Record {
    pub sweep: Arc<Sweep>,
    pub progress: Progress,
    /// The prompts that the scores are of.
    pub revision: u64,
    names: Arc<[String]>,
    columns: usize,
    parts: Vec<Arc<Swept>>,
    /// By span.
    rows: Vec<Row>,
    /// Each class's largest p; the columns by it, the largest first; the brightest motion.
    best: Vec<f32>,
    ranked: Vec<usize>,
    brightest: f32,
    /// By step of the grid.
    moments: BTreeMap<u32, Arc<Moment>>,
    bytes: usize,
    limit: usize,
}

impl Record {
    /// Of a sweep of which nothing has been told yet.
    /// `limit`: bytes of maps that are kept; those far from the play head go first.
    pub fn new(sweep: Arc<Sweep>, limit: usize) -> Self {
        let progress = Progress { total: sweep.spans(), ..Progress::default() };
        Self {
            sweep,
            progress,
            revision: 0,
            names: Arc::default(),
            columns: 0,
            parts: Vec::new(),
            rows: Vec::new(),
            best: Vec::new(),
            ranked: Vec::new(),
            brightest: 0.0,
            moments: BTreeMap::new(),
            bytes: 0,
            limit,
        }
    }

    /// Takes in what was told of this sweep; of another one it is left alone. `at`: the play head.
    pub fn take(&mut self, told: &Arc<Swept>, at: Pts) {
        if *told.sweep != *self.sweep {
            return;
        }
        self.progress = told.progress;
        if told.whole {
            self.parts.clear();
            self.rows.clear();
            self.revision = told.revision;
            self.names = told.names.clone();
            self.columns = told.scores.columns.len();
            self.best = vec![0.0; self.columns];
            self.brightest = 0.0;
        } else if told.revision != self.revision {
            // Scored under prompts that are not those of the rest; all of it will come anew.
            return self.take_moments(&told.moments, at);
        }
        let part = self.parts.len() as u32;
        for (row, span) in told.spans.iter().enumerate() {
            let new = Row { span: *span, part, row: row as u32 };
            match self.rows.binary_search_by_key(span, |r| r.span) {
                Ok(place) => self.rows[place] = new,
                Err(place) => self.rows.insert(place, new),
            }
        }
        for row in told.scores.p.chunks_exact(self.columns.max(1)) {
            self.best.iter_mut().zip(row).for_each(|(best, p)| *best = best.max(*p));
        }
        self.ranked = (0..self.best.len()).collect();
        self.ranked.sort_by(|a, b| self.best[*b].total_cmp(&self.best[*a]));
        self.brightest = told.points.iter().map(|p| p.bright).fold(self.brightest, f32::max);
        self.parts.push(told.clone());
        self.take_moments(&told.moments, at);
    }

    /// Takes in the maps of an answer that was asked for by itself, where it is one of the sweep's spans.
    pub fn take_answer(&mut self, answer: &Answer, at: Pts) {
        let moments: Vec<_> = self.sweep.moments(answer).into_iter().map(Arc::new).collect();
        self.take_moments(&moments, at);
    }

    /// The maps of that step of the grid are held.
    pub fn holds(&self, step: u32) -> bool {
        self.moments.contains_key(&step)
    }

    /// Takes in maps; where there is no room for all, those far from `at` go.
    pub fn take_moments(&mut self, moments: &[Arc<Moment>], at: Pts) {
        for moment in moments {
            self.bytes += moment.maps.bytes();
            if let Some(old) = self.moments.insert(moment.step, moment.clone()) {
                self.bytes -= old.maps.bytes();
            }
        }
        let here = self.sweep.step_at(at);
        while self.bytes > self.limit
            && let (Some((first, _)), Some((last, _))) =
                (self.moments.first_key_value(), self.moments.last_key_value())
        {
            let far = if first.abs_diff(here) > last.abs_diff(here) { *first } else { *last };
            if let Some(gone) = self.moments.remove(&far) {
                self.bytes -= gone.maps.bytes();
            }
        }
    }

    /// How many spans are done.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The classes whose scores are here, in the order of the prompt set; the place of one is its column.
    pub fn names(&self) -> &[String] {
        &self.names[..self.columns.min(self.names.len())]
    }

    /// All classes that the scores are of, also those of which only p's sum is known here.
    pub fn classes(&self) -> usize {
        self.names.len()
    }

    pub fn column(&self, name: &str) -> Option<usize> {
        self.names().iter().position(|n| n == name)
    }

    /// The `i`th span that is done, by time.
    pub fn span(&self, i: usize) -> Option<u32> {
        Some(self.rows.get(i)?.span)
    }

    pub fn point(&self, i: usize) -> Option<&Point> {
        let row = self.rows.get(i)?;
        Some(&**self.parts.get(row.part as usize)?.points.get(row.row as usize)?)
    }

    /// A number of the `i`th span that is done; `None` where it has none.
    pub fn value(&self, i: usize, value: Value) -> Option<f32> {
        let row = self.rows.get(i)?;
        let part = self.parts.get(row.part as usize)?;
        let row = row.row as usize;
        let cell = |data: &[f32], c: usize| data.get(row * self.columns + c).copied();
        let found = match value {
            Value::P(c) => cell(&part.scores.p, c),
            Value::Margin(c) => cell(&part.scores.margin, c),
            Value::Cosine(c) => cell(&part.scores.s_pos, c),
            Value::None => part.scores.none.get(row).copied(),
            Value::Motion => Some(part.points.get(row)?.bright),
            Value::Gate => part.points.get(row)?.gate,
        };
        found.filter(|v| v.is_finite())
    }

    /// The spans that are done whose middle is from `a` to `b`, with one more on each side, as places.
    pub fn between(&self, a: Pts, b: Pts) -> Range<usize> {
        let from = self.rows.partition_point(|r| self.sweep.middle(r.span) < a);
        let to = self.rows.partition_point(|r| self.sweep.middle(r.span) <= b);
        from.saturating_sub(1)..(to + 1).min(self.rows.len())
    }

    /// The place of the span that is done whose middle is nearest to `at`.
    pub fn nearest(&self, at: Pts) -> Option<usize> {
        let far = |i: &usize| self.sweep.middle(self.rows[*i].span).0.abs_diff(at.0);
        self.between(at, at).min_by_key(far)
    }

    /// The span is done.
    pub fn has(&self, span: u32) -> bool {
        self.rows.binary_search_by_key(&span, |r| r.span).is_ok()
    }

    /// The few classes with the largest p anywhere, as columns, the largest first.
    pub fn strongest(&self) -> &[usize] {
        &self.ranked[..FEW.min(self.ranked.len())]
    }

    /// All of them in that order.
    pub fn ranked(&self) -> &[usize] {
        &self.ranked
    }

    /// All its numbers, for a file. `end`: of the video.
    pub fn to_lanes(&self, end: Pts) -> Lanes {
        let columns = 0..self.names().len();
        let all = |i: usize, value: fn(usize) -> Value| {
            columns.clone().map(|c| self.value(i, value(c)).unwrap_or(f32::NAN)).collect()
        };
        let row = |i: usize| {
            let (span, point) = (self.span(i)?, self.point(i)?);
            Some(lanes::Row {
                span,
                p: all(i, Value::P),
                margin: all(i, Value::Margin),
                cosine: all(i, Value::Cosine),
                none: self.value(i, Value::None).unwrap_or(f32::NAN),
                motion: point.motion,
                bright: point.bright,
                gate: point.gate.unwrap_or(f32::NAN),
            })
        };
        Lanes {
            sweep: self.sweep.clone(),
            end,
            names: self.names().to_vec(),
            classes: self.classes(),
            rows: (0..self.len()).filter_map(row).collect(),
        }
    }

    /// The largest [`Value::Motion`] so far.
    pub fn brightest(&self) -> f32 {
        self.brightest
    }

    /// Where the class in this column is strongest: the span with its largest p, and those beside it in which p is at least half
    /// of that. From the middle of the first to that of the last, and half a hop more; at least as long as a span.
    pub fn strongest_stretch(&self, column: usize) -> Option<(Pts, Pts)> {
        let p = |i: usize| self.value(i, Value::P(column));
        // From the end, because of equal ones the last is taken.
        let all = (0..self.len()).rev().filter_map(|i| p(i).map(|p| (i, p)));
        let (best, largest) = all.max_by(|a, b| a.1.total_cmp(&b.1))?;
        let strong = |i: usize| p(i).is_some_and(|p| p >= largest / 2.0);
        let beside = |i: usize, j: usize| self.rows[i].span.abs_diff(self.rows[j].span) == 1;
        let (mut first, mut last) = (best, best);
        while first > 0 && beside(first, first - 1) && strong(first - 1) {
            first -= 1;
        }
        while last + 1 < self.len() && beside(last, last + 1) && strong(last + 1) {
            last += 1;
        }
        let (middle, own) =
            (|i: usize| self.sweep.middle(self.rows[i].span), self.sweep.span(self.rows[best].span));
        let half = self.sweep.hop().0 / 2;
        Some((own.start.min(Pts(middle(first).0 - half)), own.end.max(Pts(middle(last).0 + half))))
    }

    /// The maps that belong to the displayed frame; `None` where they are not held.
    pub fn maps_at(&self, displayed: Pts) -> Option<AtMoment> {
        let step = self.sweep.step_at(displayed);
        let get = |step: Option<u32>| step.and_then(|s| self.moments.get(&s));
        let here = self.moments.get(&step)?;
        let other = match displayed.cmp(&here.pts) {
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Less => get(step.checked_sub(1)),
            std::cmp::Ordering::Greater => get(step.checked_add(1)),
        };
        let Some(other) = other.filter(|o| o.pts != here.pts) else {
            let place = if displayed == here.pts { Place::Own } else { Place::Near };
            return Some(AtMoment { from: here.clone(), to: None, part: 0.0, place });
        };
        let part = (displayed.0 - here.pts.0) as f32 / (other.pts.0 - here.pts.0) as f32;
        Some(AtMoment { from: here.clone(), to: Some(other.clone()), part, place: Place::Between })
    }
}

/// How a map belongs to the frame that it is drawn over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is of that very frame.
    Own,
    /// Between the maps of the frames before and after it.
    Between,
    /// It is of the nearest frame of the grid, at the ends or where the one beside it is not held.
    Near,
}

/// The maps at the play head: of one frame of the grid, or between two.
#[derive(Clone, Debug)]
pub struct AtMoment {
    pub from: Arc<Moment>,
    pub to: Option<Arc<Moment>>,
    /// How far from `from` to `to`, 0–1.
    pub part: f32,
    pub place: Place,
}

impl AtMoment {
    /// Of one frame.
    pub fn maps(&self) -> Maps {
        match &self.to {
            Some(to) => self.from.maps.towards(&to.maps, self.part),
            None => self.from.maps.clone(),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::engine::Question;
    use crate::model::Surgery;
    use crate::score::Matrix;
    use crate::session::Map;
    use crate::video::SourceId;
    use crate::video::clip::{ClipSpec, Span};
    use crate::video::preprocess::CropRect;

    /// 8 frames a span, 0.25 s apart, a span every 0.5 s: 17 spans in 10 s.
    fn sweep() -> Arc<Sweep> {
        let question = Question {
            source: SourceId::from("a".to_owned()),
            clip: ClipSpec::segments(Span::default()),
            frames: 8,
            model: "m".into(),
            device: "d".into(),
            surgery: Surgery::default(),
        };
        let seconds = Pts::from_secs;
        Arc::new(Sweep::new(question, seconds(10.0), seconds(2.0), seconds(0.5)))
    }

    fn moment(step: u32, value: f32) -> Arc<Moment> {
        let map = Map { frames: 1, rows: 1, cols: 1, data: vec![value] };
        let maps = Maps {
            motion: map.clone(),
            static_energy: map.clone(),
            static_rgb: [map.clone(), map.clone(), map.clone()],
            signed: map.clone(),
            evidence: map.clone(),
            gates: Vec::new(),
            gate: map.clone(),
            levels: vec![map],
        };
        let crop = CropRect { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };
        Arc::new(Moment { span: 0, step, pts: sweep().middle_of_step(step), crop, maps })
    }

    /// Spans with p of the classes "a" and "b".
    fn told(spans: &[u32], p: &[[f32; 2]], whole: bool, revision: u64) -> Arc<Swept> {
        let point = Point { embedding: [1.0].into(), motion: 0.1, bright: 0.2, gate: Some(0.5) };
        Arc::new(Swept {
            sweep: sweep(),
            revision,
            whole,
            spans: spans.to_vec(),
            points: spans.iter().map(|_| Arc::new(point.clone())).collect(),
            scores: Matrix {
                columns: vec![0, 1],
                p: p.iter().flatten().copied().collect(),
                margin: vec![f32::NAN; 2 * p.len()],
                s_pos: vec![0.3; 2 * p.len()],
                none: vec![0.1; p.len()],
                winner: vec![Some(0); p.len()],
            },
            names: ["a".to_owned(), "b".into()].into(),
            moments: spans.iter().map(|k| moment(2 * k + 4, *k as f32)).collect(),
            progress: Progress { done: spans.len() as u32, total: 17, ..Progress::default() },
        })
    }

    #[test]
    fn spans_are_kept_in_order_and_an_edit_replaces_all_of_them() {
        let mut r = Record::new(sweep(), 1 << 20);
        r.take(&told(&[0, 16], &[[0.9, 0.1], [0.2, 0.8]], true, 1), Pts(0));
        r.take(&told(&[8], &[[0.4, 0.6]], false, 1), Pts(0));
        let spans: Vec<u32> = (0..r.len()).filter_map(|i| r.span(i)).collect();
        assert_eq!(spans, [0, 8, 16]);
        assert_eq!(r.value(1, Value::P(1)), Some(0.6));
        assert_eq!((r.value(1, Value::Margin(0)), r.value(1, Value::Gate)), (None, Some(0.5)));
        assert_eq!(r.nearest(Pts::from_secs(4.9)), Some(1));
        // Scores of other prompts are never put beside these.
        r.take(&told(&[4], &[[1.0, 0.0]], false, 2), Pts(0));
        assert_eq!(r.len(), 3);
        r.take(&told(&[0, 4, 8, 16], &[[0.5, 0.5]; 4], true, 2), Pts(0));
        assert_eq!((r.len(), r.revision, r.value(2, Value::P(1))), (4, 2, Some(0.5)));
        assert_eq!((r.column("b"), r.column("c")), (Some(1), None));
    }

    #[test]
    fn the_strongest_stretch_is_where_p_stays_above_half_of_its_peak() {
        let mut r = Record::new(sweep(), 1 << 20);
        let p = [0.1, 0.3, 0.5, 0.8, 0.45, 0.2].map(|a| [a, 1.0 - a]);
        r.take(&told(&[2, 3, 4, 5, 6, 7], &p, true, 1), Pts(0));
        // Spans 4 to 6 have their middles at 3.0 to 4.0 s; span 5 is from 2.5 to 4.5 s.
        let seconds = |s: Option<(Pts, Pts)>| s.map(|(a, b)| (a.secs(), b.secs()));
        assert_eq!(seconds(r.strongest_stretch(0)), Some((2.5, 4.5)));
        // A gap ends it.
        r.take(&told(&[9, 10, 11, 13], &[[1.0, 0.0]; 4], false, 1), Pts(0));
        assert_eq!(seconds(r.strongest_stretch(0)), Some((4.5, 6.75)));
        assert_eq!(r.strongest(), [0, 1]);
        assert_eq!(r.ranked(), [0, 1]);
        assert_eq!(Record::new(sweep(), 1 << 20).strongest_stretch(0), None);
    }

    #[test]
    fn maps_are_of_their_frame_or_between_two() {
        let mut r = Record::new(sweep(), 1 << 20);
        r.take_moments(&[moment(4, 1.0), moment(5, 2.0), moment(9, 5.0)], Pts(0));
        let at = |r: &Record, secs: f64| {
            r.maps_at(Pts::from_secs(secs)).map(|m| (m.place, m.maps().motion.data[0]))
        };
        // Step 4 is from 1.0 to 1.25 s, its frame at 1.125 s.
        assert_eq!(at(&r, 1.125), Some((Place::Own, 1.0)));
        assert_eq!(at(&r, 1.1875), Some((Place::Between, 1.25)));
        assert_eq!(at(&r, 1.3125), Some((Place::Between, 1.75)));
        assert_eq!(at(&r, 1.05), Some((Place::Near, 1.0)), "nothing is held before it");
        assert_eq!(at(&r, 1.6), None);
    }

    #[test]
    fn where_there_is_no_room_for_all_maps_those_far_from_the_play_head_go() {
        let mut r = Record::new(sweep(), 1 << 20);
        r.limit = 3 * moment(0, 0.0).maps.bytes();
        let at = Pts::from_secs(5.0);
        for step in 0..40 {
            r.take_moments(&[moment(step, 0.0)], at);
        }
        assert_eq!(r.moments.keys().copied().collect::<Vec<_>>(), [19, 20, 21]);
        assert_eq!(r.bytes, r.limit);
    }
}
