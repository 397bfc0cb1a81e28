//! The play head as arithmetic: where it is at a given instant, when it reaches a given time, and what the end and
//! a loop do to it. Knows nothing of frames, threads or the system's clock, which is passed in.

use super::Pts;
use std::time::{Duration, Instant};

/// Slowest and fastest playback.
pub const SPEEDS: std::ops::RangeInclusive<f64> = 0.1..=4.0;

/// A play head: stands still, or runs from an anchor at a speed.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Where the play head was at the anchor; where it is, while it stands.
    position: Pts,
    /// When it was there; `None`: stands still.
    since: Option<Instant>,
    speed: f64,
    range: Option<(Pts, Pts)>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { position: Pts(0), since: None, speed: 1.0, range: None }
    }
}

impl Clock {
    /// Where the play head is. It may be past the end or the out point: see [`Clock::wrap`].
    pub fn at(&self, now: Instant) -> Pts {
        let Some(since) = self.since else { return self.position };
        let elapsed = now.saturating_duration_since(since).as_nanos().min(1 << 60) as f64;
        Pts(self.position.0.saturating_add((elapsed * self.speed).round() as i64))
    }

    pub fn is_running(&self) -> bool {
        self.since.is_some()
    }

    pub fn run(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Stands still where it is.
    pub fn stop(&mut self, now: Instant) {
        self.position = self.at(now);
        self.since = None;
    }

    /// Goes elsewhere, running on if it runs.
    pub fn jump(&mut self, to: Pts, now: Instant) {
        self.position = to.max(Pts(0));
        if self.since.is_some() {
            self.since = Some(now);
        }
    }

    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Clamped to [`SPEEDS`]; what is not a number changes nothing. The play head stays where it is.
    pub fn set_speed(&mut self, speed: f64, now: Instant) {
        if speed.is_nan() {
            return;
        }
        self.jump(self.at(now), now);
        self.speed = speed.clamp(*SPEEDS.start(), *SPEEDS.end());
    }

    /// In and out point; put in order. A loop without length is none.
    pub fn set_loop(&mut self, range: Option<(Pts, Pts)>) {
        self.range = range.map(|(a, b)| (a.min(b).max(Pts(0)), a.max(b))).filter(|(a, b)| a < b);
    }

    pub fn loop_range(&self) -> Option<(Pts, Pts)> {
        self.range
    }

    /// Whether the running play head, now at `at`, has to go back, and where to: past the out point of the loop (a play
    /// head beyond the loop runs on to the end), or at the end while there is a loop.
    pub fn wrap(&self, at: Pts, previous: Pts, end: Option<Pts>) -> Option<Pts> {
        let (start, out) = self.range?;
        let crossed = previous < out && at >= out;
        let ended = end.is_some_and(|end| at >= end);
        (crossed || ended).then_some(start)
    }

    /// Time from `now` until the running play head reaches `to`; zero if it has; `None` if it stands.
    pub fn until(&self, to: Pts, now: Instant) -> Option<Duration> {
        self.since?;
        let distance = to.0.saturating_sub(self.at(now).0).max(0) as f64;
        Some(Duration::from_nanos((distance / self.speed).ceil() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(n: i64) -> Pts {
        Pts(n * 1_000_000)
    }

    fn later(start: Instant, n: u64) -> Instant {
        start + Duration::from_millis(n)
    }

    #[test]
    fn stands_runs_and_stands_again() {
        let t = Instant::now();
        let mut c = Clock::default();
        assert_eq!(c.at(later(t, 500)), ms(0));
        assert_eq!(c.until(ms(10), t), None);
        c.run(t);
        assert_eq!(c.at(later(t, 500)), ms(500));
        c.run(later(t, 500));
        assert_eq!(c.at(later(t, 600)), ms(600), "running twice changes nothing");
        c.stop(later(t, 700));
        assert_eq!(c.at(later(t, 5000)), ms(700));
        c.jump(ms(100), later(t, 5000));
        assert_eq!(c.at(later(t, 6000)), ms(100));
        c.jump(ms(-100), t);
        assert_eq!(c.at(t), ms(0));
    }

    #[test]
    fn speed_keeps_the_place() {
        let t = Instant::now();
        let mut c = Clock::default();
        c.run(t);
        c.set_speed(2.0, later(t, 100));
        assert_eq!(c.at(later(t, 100)), ms(100));
        assert_eq!(c.at(later(t, 200)), ms(300));
        assert_eq!(c.until(ms(400), later(t, 200)), Some(Duration::from_millis(50)));
        c.set_speed(99.0, later(t, 200));
        assert_eq!(c.speed(), 4.0);
        c.set_speed(0.0, later(t, 200));
        assert_eq!(c.speed(), 0.1);
        c.set_speed(f64::NAN, later(t, 200));
        assert_eq!(c.speed(), 0.1);
    }

    #[test]
    fn loops() {
        let mut c = Clock::default();
        assert_eq!(c.wrap(ms(900), ms(0), Some(ms(800))), None, "no loop");
        c.set_loop(Some((ms(500), ms(200))));
        assert_eq!(c.loop_range(), Some((ms(200), ms(500))));
        assert_eq!(c.wrap(ms(499), ms(400), None), None);
        assert_eq!(c.wrap(ms(500), ms(400), None), Some(ms(200)));
        assert_eq!(c.wrap(ms(700), ms(600), None), None, "started behind the loop");
        assert_eq!(
            c.wrap(ms(900), ms(600), Some(ms(900))),
            Some(ms(200)),
            "the end comes before the out point"
        );
        c.set_loop(Some((ms(5), ms(5))));
        assert_eq!(c.loop_range(), None);
    }

    proptest! {
        #[test]
        fn never_goes_backwards_by_itself(steps in prop::collection::vec((0u64..3000, 0.0f64..5.0, any::<bool>()), 1..40)) {
            let start = Instant::now();
            let (mut now, mut at) = (start, Pts(0));
            let mut c = Clock::default();
            for (wait, speed, runs) in steps {
                now += Duration::from_millis(wait);
                prop_assert!(c.at(now) >= at);
                at = c.at(now);
                c.set_speed(speed, now);
                if runs { c.run(now) } else { c.stop(now) }
                prop_assert!((c.at(now).0 - at.0).abs() <= 1);
            }
        }

        #[test]
        fn until_is_when_at_gets_there(to in 0i64..100_000_000_000, speed in 0.1f64..4.0) {
            let t = Instant::now();
            let mut c = Clock::default();
            c.set_speed(speed, t);
            c.run(t);
            let wait = c.until(Pts(to), t).expect("it runs");
            prop_assert!((c.at(t + wait).0 - to).abs() <= 4);
        }
    }
}
