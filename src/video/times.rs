//! The list of every frame's time, and what is looked up in it. The window, the clips and the seeks all ask this one
//! list, so a frame has the same number and the same time everywhere.

use super::Pts;

/// A jump costs about as much as so many frames: what the decoder has under way is lost, and its threads begin with nothing to do.
const JUMP: usize = 4;
/// Nanoseconds of a printed millisecond.
const MILLISECOND: i64 = 1_000_000;

/// Every frame's PTS in rising order, and the end of the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameTimes {
    pub times: Vec<Pts>,
    pub end: Pts,
    /// The frames that decoding can start at, rising; empty where that is not known.
    pub keys: Vec<Pts>,
    /// What is wrong with the file, in words, where the list stops early or has holes.
    pub damaged: Option<String>,
}

impl FrameTimes {
    /// A list without faults; `times` rise.
    pub fn new(times: Vec<Pts>, end: Pts) -> Self {
        Self { times, end, ..Self::default() }
    }

    /// A stretch that a person names has to begin within the video: the frame nearest to what lies behind it is the last one,
    /// which nobody means. The error says so.
    pub fn begins(&self, start: Pts) -> Result<(), String> {
        if start > Pts(0) && start >= self.end {
            let (start, end) = (start.secs(), self.end.secs());
            return Err(format!("a stretch from {start} s was named, but the video ends at {end:.3} s"));
        }
        Ok(())
    }

    /// The last frame at or before the one on show at `at` that decoding can start at, where that is known.
    pub fn key(&self, at: Pts) -> Option<Pts> {
        let shown = self.shown_at(at)?;
        self.keys[..self.keys.partition_point(|key| *key <= shown)].last().copied()
    }

    /// Whether fewer frames are decoded from the key frame before `to` than from after `from`; `None` where that is not known.
    pub fn jump_is_shorter(&self, from: Pts, to: Pts) -> Option<bool> {
        let key = self.place(self.key(to)?)?;
        Some(key > self.place(from)? + JUMP)
    }

    /// The frames' durations differ by more than the rounding of a coarse time base.
    pub fn is_variable(&self) -> bool {
        let steps = || self.times.windows(2).map(|w| w[1].0 - w[0].0);
        match (steps().min(), steps().max()) {
            (Some(min), Some(max)) => max - min > 2_100_000.max(min / 10),
            _ => false,
        }
    }

    /// The place of the frame that is on show at `at`: the last with PTS ≤ `at`, the first where there is none.
    pub fn place(&self, at: Pts) -> Option<usize> {
        let last = self.times.len().checked_sub(1)?;
        Some(self.times.partition_point(|t| *t <= at).saturating_sub(1).min(last))
    }

    /// The PTS of the frame that is on show at `at`.
    pub fn shown_at(&self, at: Pts) -> Option<Pts> {
        self.nth(self.place(at)?)
    }

    /// The frames with start ≤ PTS ≤ end; where there are none, the one on show at `start`.
    pub fn within(&self, start: Pts, end: Pts) -> &[Pts] {
        let from = self.times.partition_point(|t| *t < start);
        let to = self.times.partition_point(|t| *t <= end);
        if from < to {
            return &self.times[from..to];
        }
        self.place(start).map_or(&[], |shown| &self.times[shown..=shown])
    }

    /// The PTS of frame `n`, counted from 0 (the window shows n + 1).
    pub fn nth(&self, n: usize) -> Option<Pts> {
        self.times.get(n).copied()
    }

    /// The frame whose time, rounded to milliseconds as the window prints it, is `ms`. A typed time is looked up here
    /// first: the frame at 0.533333 s is printed as 0.533, and a plain seek to 0.533 would show the frame before it.
    pub fn frame_at_printed(&self, ms: i64) -> Option<Pts> {
        let least = Pts(ms.checked_mul(MILLISECOND)?.saturating_sub(MILLISECOND / 2));
        let first = self.nth(self.times.partition_point(|t| *t < least))?;
        (printed(first) == ms).then_some(first)
    }
}

/// The milliseconds that the window prints for `at`.
pub fn printed(at: Pts) -> i64 {
    at.0.max(0).saturating_add(MILLISECOND / 2) / MILLISECOND
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(times: &[i64]) -> FrameTimes {
        FrameTimes::new(times.iter().map(|t| Pts(*t)).collect(), Pts(times.last().map_or(0, |t| t + 10)))
    }

    #[test]
    fn spans() {
        let times = list(&[0, 10, 20, 30]);
        assert_eq!(times.within(Pts(10), Pts(20)), [Pts(10), Pts(20)]);
        assert_eq!(times.within(Pts(-5), Pts(99)), times.times);
        assert_eq!(times.within(Pts(11), Pts(19)), [Pts(10)], "the frame shown at the start");
        assert_eq!(times.within(Pts(50), Pts(60)), [Pts(30)], "after the end");
        assert_eq!(times.within(Pts(20), Pts(10)), [Pts(20)], "turned round");
        assert_eq!(list(&[5]).within(Pts(0), Pts(1)), [Pts(5)], "before the first frame");
        assert_eq!(FrameTimes::default().within(Pts(0), Pts(10)), []);
    }

    #[test]
    fn a_jump_is_shorter_where_a_key_frame_lies_far_enough_on() {
        let mut times = list(&[0, 10, 20, 30, 40, 50, 60, 70, 80]);
        assert_eq!(
            (times.jump_is_shorter(Pts(10), Pts(60)), times.key(Pts(60))),
            (None, None),
            "nothing is known"
        );
        times.keys = vec![Pts(0), Pts(50), Pts(60)];
        assert_eq!(
            [-1, 0, 49, 50, 59, 99].map(|at| times.key(Pts(at))),
            [0, 0, 0, 50, 50, 60].map(|k| Some(Pts(k)))
        );
        assert_eq!(times.jump_is_shorter(Pts(0), Pts(49)), Some(false), "it would be a way back");
        assert_eq!(times.jump_is_shorter(Pts(0), Pts(51)), Some(true));
        assert_eq!(times.jump_is_shorter(Pts(10), Pts(51)), Some(false), "the way on is about as short");
        assert_eq!(times.jump_is_shorter(Pts(10), Pts(80)), Some(true));
    }

    #[test]
    fn a_frame_is_found_by_its_printed_time() {
        // 30 frames per second: frame 16 is at 0.533333…, printed 0.533; frame 17 at 0.566667, printed 0.567.
        let times =
            FrameTimes::new((0..90).map(|i| Pts(i * 1_000_000_000 / 30)).collect(), Pts(3_000_000_000));
        for (n, at) in times.times.iter().enumerate() {
            assert_eq!(times.frame_at_printed(printed(*at)), Some(*at), "frame {n}");
            assert_eq!(times.nth(n), Some(*at));
            assert_eq!(times.place(*at), Some(n));
        }
        assert_eq!(times.frame_at_printed(533), times.nth(16));
        assert_eq!(times.shown_at(Pts(533_000_000)), times.nth(15), "what a plain seek would show");
        assert_eq!(times.frame_at_printed(540), None, "no frame prints so");
        assert_eq!(times.frame_at_printed(i64::MAX), None);
        assert_eq!(times.frame_at_printed(-1), None);
        assert_eq!((times.nth(90), FrameTimes::default().place(Pts(0))), (None, None));
    }

    proptest! {
        #[test]
        fn what_is_printed_is_found(steps in prop::collection::vec(1_000_000i64..200_000_000, 1..60)) {
            let mut at = 0;
            let times: Vec<Pts> = steps.iter().map(|s| { at += s; Pts(at) }).collect();
            let times = FrameTimes::new(times, Pts(at + 1));
            for t in &times.times {
                let found = times.frame_at_printed(printed(*t)).expect("it is printed so");
                // Two frames within a millisecond may be printed alike; then it is the first.
                prop_assert!(printed(found) == printed(*t) && found <= *t);
            }
        }
    }
}
