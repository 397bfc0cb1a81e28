//! The way of a mover that somebody has drawn: places with the times at which it is there.

use super::draw::SIDE;
use serde::{Deserialize, Serialize};

/// Most places that a track keeps.
pub const MOST: usize = 96;
/// The last pixel's centre of the canonical picture.
const LAST: f32 = SIDE - 1.0;

/// A place, in units of the canonical picture, and the time at which the mover is there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Knot {
    pub t: f32,
    pub x: f32,
    pub y: f32,
}

/// Places within the picture, at times that rise from 0 to 1; at least one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<Knot>", into = "Vec<Knot>")]
pub struct Track(Vec<Knot>);

impl From<Track> for Vec<Knot> {
    fn from(track: Track) -> Self {
        track.0
    }
}

/// Takes any knots: what is not finite and what goes back in time is left out, places are brought into the picture, times are
/// stretched to 0 to 1, and of too many knots [`MOST`] are made. Without any the track is the middle of the picture.
impl From<Vec<Knot>> for Track {
    fn from(knots: Vec<Knot>) -> Self {
        let mut kept: Vec<Knot> = Vec::with_capacity(knots.len());
        for knot in knots {
            let finite = knot.t.is_finite() && knot.x.is_finite() && knot.y.is_finite();
            if finite && kept.last().is_none_or(|last| knot.t > last.t) {
                kept.push(Knot { t: knot.t, x: knot.x.clamp(0.0, LAST), y: knot.y.clamp(0.0, LAST) });
            }
        }
        let (Some(first), Some(last)) = (kept.first().copied(), kept.last().copied()) else {
            return Self(vec![Knot { t: 0.0, x: LAST / 2.0, y: LAST / 2.0 }]);
        };
        let span = last.t - first.t;
        // Times so large that their difference is none are no times.
        if !(span > 0.0 && span.is_finite()) {
            return Self(vec![Knot { t: 0.0, ..first }]);
        }
        for knot in &mut kept {
            knot.t = (knot.t - first.t) / span;
        }
        kept.dedup_by(|next, before| next.t <= before.t);
        let track = Self(kept);
        if track.0.len() <= MOST { track } else { track.resampled(MOST) }
    }
}

impl Track {
    /// Through these places at an even pace.
    pub fn even(places: &[[f32; 2]]) -> Self {
        let mut t = 0.0;
        let mut knots: Vec<Knot> = Vec::with_capacity(places.len());
        for &[x, y] in places {
            let step = knots.last().map_or(0.0, |last| (x - last.x).hypot(y - last.y));
            // A place twice is there once.
            if knots.is_empty() || step > 0.0 {
                t += step;
                knots.push(Knot { t, x, y });
            }
        }
        Self::from(knots)
    }

    /// The same way at an even pace.
    pub fn evened(&self) -> Self {
        Self::even(&self.0.iter().map(|k| [k.x, k.y]).collect::<Vec<_>>())
    }

    pub fn knots(&self) -> &[Knot] {
        &self.0
    }

    /// The place at time `t`; before 0 the start, after 1 the end.
    pub fn at(&self, t: f32) -> [f32; 2] {
        let next = self.0.partition_point(|k| k.t <= t);
        let place = |k: &Knot| [k.x, k.y];
        match (next.checked_sub(1).and_then(|i| self.0.get(i)), self.0.get(next)) {
            (Some(a), Some(b)) => {
                let f = (t - a.t) / (b.t - a.t);
                [a.x + (b.x - a.x) * f, a.y + (b.y - a.y) * f]
            }
            (Some(k), None) | (None, Some(k)) => place(k),
            (None, None) => [LAST / 2.0; 2],
        }
    }

    /// How long the way is.
    pub fn length(&self) -> f32 {
        self.0.windows(2).map(|w| (w[1].x - w[0].x).hypot(w[1].y - w[0].y)).sum()
    }

    /// From the first place to the last.
    pub fn displacement(&self) -> [f32; 2] {
        match (self.0.first(), self.0.last()) {
            (Some(a), Some(b)) => [b.x - a.x, b.y - a.y],
            _ => [0.0; 2],
        }
    }

    /// As many knots, at even times.
    fn resampled(&self, count: usize) -> Self {
        let at = |i: usize| {
            let t = i as f32 / (count - 1) as f32;
            let [x, y] = self.at(t);
            Knot { t, x, y }
        };
        Self((0..count).map(at).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_even_pace_is_by_length() {
        let track = Track::even(&[[0.0, 0.0], [0.0, 0.0], [10.0, 0.0], [10.0, 30.0]]);
        assert_eq!(track.at(0.125), [5.0, 0.0]);
        assert_eq!(track.at(0.25), [10.0, 0.0]);
        assert_eq!(track.at(0.5), [10.0, 10.0]);
        assert_eq!((track.at(-1.0), track.at(2.0)), ([0.0, 0.0], [10.0, 30.0]));
        assert_eq!((track.length(), track.displacement()), (40.0, [10.0, 30.0]));
    }

    #[test]
    fn the_pace_of_the_hand_is_kept_until_it_is_evened() {
        let knot = |t, x| Knot { t, x, y: 5.0 };
        let track = Track::from(vec![knot(3.0, 0.0), knot(4.0, 30.0), knot(7.0, 40.0)]);
        assert_eq!(track.at(0.25), [30.0, 5.0]);
        assert_eq!(track.evened().at(0.25), [10.0, 5.0]);
    }

    #[test]
    fn without_a_way_it_stands() {
        for track in [Track::even(&[]), Track::even(&[[f32::NAN, 1.0]]), Track::even(&[[9.0, 8.0]; 4])] {
            assert_eq!(track.knots().len(), 1);
            assert_eq!(track.at(0.0), track.at(0.7));
        }
    }

    proptest! {
        #[test]
        fn any_knots_make_a_track_within_the_picture(
            raw in prop::collection::vec((any::<f32>(), any::<f32>(), any::<f32>()), 0..300),
            drawn in prop::collection::vec((-20.0f32..90.0, -20.0f32..90.0), 0..300),
        ) {
            let raw = raw.into_iter().map(|(t, x, y)| Knot { t, x, y }).collect::<Vec<_>>();
            let drawn: Vec<[f32; 2]> = drawn.into_iter().map(|(x, y)| [x, y]).collect();
            for track in [Track::from(raw.clone()), Track::from(raw).evened(), Track::even(&drawn)] {
                prop_assert!((1..=MOST).contains(&track.knots().len()));
                prop_assert!(track.knots().windows(2).all(|w| w[0].t < w[1].t));
                prop_assert_eq!(track.knots()[0].t, 0.0);
                for i in -2..=12 {
                    let [x, y] = track.at(i as f32 / 10.0);
                    prop_assert!((0.0..=LAST).contains(&x) && (0.0..=LAST).contains(&y), "{} {}", x, y);
                }
                let json = serde_json::to_string(&track).unwrap();
                let back: Track = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(back, track);
            }
        }
    }
}
