//! Which frames of a source make a clip, what of their pictures, and in which order the model sees them. Plain values: the same spec names
//! the same frames tomorrow, so it can stand in a question's identity and in an experiment file.

use super::Pts;
use super::preprocess::Crop;
use super::sampling::sample_indices;
use super::times::FrameTimes;
use rand::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A stretch of time, both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    pub start: Pts,
    pub end: Pts,
}

impl Span {
    /// The stretch between two times, whichever comes first.
    pub fn new(a: Pts, b: Pts) -> Self {
        Self { start: a.min(b), end: a.max(b) }
    }

    /// How long it is in seconds.
    pub fn secs(&self) -> f64 {
        Pts(self.end.0.saturating_sub(self.start.0)).secs()
    }

    pub fn contains(&self, at: Pts) -> bool {
        self.start <= at && at <= self.end
    }
}

/// Which frames of the span are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// METHOD §1, the test-time rule: the middles of equal segments of the frames with start ≤ PTS ≤ end; where there
    /// are none, the frame on show at the start.
    Segments,
    /// As [`Rule::Segments`], but so many thousandths into each segment in place of the middle, which is 500: the same span,
    /// sampled a little earlier or later.
    Shifted { thousandths: u16 },
    /// The frames on show at the middles of the steps of one grid over the whole video, from the step that holds the
    /// start on. So spans that overlap share frames. The span's end plays no part.
    Grid { step: Pts },
}

/// How many different frames were sampled, where a video has fewer than are wanted and gives some more than once; `None`: all
/// differ, or an order of somebody's own repeats what it likes.
pub fn fewer_frames(sampled: &[Pts], order: &Order) -> Option<usize> {
    let different = sampled.iter().collect::<BTreeSet<_>>().len();
    (different < sampled.len() && *order == Order::default()).then_some(different)
}

/// "8 frames"; where there are [fewer](fewer_frames), "8 samples of 2 frames".
pub fn samples_in_words(sampled: usize, different: Option<usize>) -> String {
    match different {
        Some(few) => format!("{sampled} samples of {few} {}", if few == 1 { "frame" } else { "frames" }),
        None => format!("{sampled} frames"),
    }
}

/// The frame that a frozen clip holds on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freeze {
    First,
    Middle,
    Last,
}

/// In which order the model sees the chosen frames.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    #[default]
    Forward,
    Reversed,
    /// The same seed gives the same order, now and in later versions.
    Shuffled {
        seed: u64,
    },
    /// One frame, again and again.
    Frozen(Freeze),
    /// The first half of the frames, each shown twice: the motion at half its speed.
    HalfRate,
    /// Places among the chosen frames (from 0), one for each frame that the model sees.
    Hand(Vec<u32>),
}

/// Which frames of a source, in which order, and what of their pictures.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClipSpec {
    pub span: Span,
    pub rule: Rule,
    pub order: Order,
    /// Not written where it is the centre: files and identities from before there was a choice stay as they are.
    #[serde(default, skip_serializing_if = "Crop::is_centre")]
    pub crop: Crop,
}

/// Why a spec names no clip.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClipError {
    #[error("the video has no frames. Open another file.")]
    NoFrames,
    #[error("the grid's step is {:.6} s. Give one above 0.", step.secs())]
    Step { step: Pts },
    #[error("the order by hand names {given} frames, the model sees {wanted}. Name as many as it sees.")]
    HandLength { given: usize, wanted: usize },
    #[error("the order by hand names frame {place} of {frames}. Frames are counted from 0.")]
    HandPlace { place: u32, frames: usize },
}

impl ClipSpec {
    /// The frames of a span by the test-time rule, as they were filmed, cropped in the middle.
    pub fn segments(span: Span) -> Self {
        Self { span, rule: Rule::Segments, order: Order::Forward, crop: Crop::Centre }
    }

    /// The PTS of the `count` frames in the order in which the model sees them; they may repeat. Empty only where
    /// `count` is 0.
    pub fn frames(&self, times: &FrameTimes, count: usize) -> Result<Vec<Pts>, ClipError> {
        let chosen = self.rule.choose(self.span, times, count)?;
        self.order.apply(chosen)
    }
}

impl Rule {
    /// `count` frames in rising order.
    fn choose(self, span: Span, times: &FrameTimes, count: usize) -> Result<Vec<Pts>, ClipError> {
        if times.times.is_empty() {
            return Err(ClipError::NoFrames);
        }
        match self {
            Self::Segments => {
                let within = times.within(span.start, span.end);
                Ok(sample_indices(within.len(), count).into_iter().map(|i| within[i]).collect())
            }
            Self::Shifted { thousandths } => {
                let within = times.within(span.start, span.end);
                let into = usize::from(thousandths.min(999));
                let at = |i: usize| (1000 * i + into) * within.len() / (1000 * count);
                Ok((0..count).map(|i| within[at(i).min(within.len() - 1)]).collect())
            }
            Self::Grid { step } if step.0 <= 0 => Err(ClipError::Step { step }),
            Self::Grid { step } => {
                let (step, first) = (i128::from(step.0), span.start.0.div_euclid(step.0));
                let middle = |i: usize| {
                    let at = (i128::from(first) + i as i128) * step + step / 2;
                    Pts(at.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
                };
                Ok((0..count).filter_map(|i| times.shown_at(middle(i))).collect())
            }
        }
    }
}

impl Order {
    fn apply(&self, chosen: Vec<Pts>) -> Result<Vec<Pts>, ClipError> {
        if *self == Self::Forward {
            return Ok(chosen);
        }
        Ok(self.places(chosen.len())?.into_iter().filter_map(|place| chosen.get(place).copied()).collect())
    }

    /// The places (from 0) among `count` chosen frames, one for each frame that the model sees.
    pub fn places(&self, count: usize) -> Result<Vec<usize>, ClipError> {
        let places: Vec<usize> = match self {
            Self::Forward => (0..count).collect(),
            Self::Reversed => (0..count).rev().collect(),
            Self::Shuffled { seed } => shuffled(count, *seed),
            Self::Frozen(Freeze::First) => vec![0; count],
            Self::Frozen(Freeze::Middle) => vec![count / 2; count],
            Self::Frozen(Freeze::Last) => vec![count.saturating_sub(1); count],
            Self::HalfRate => (0..count).map(|i| i / 2).collect(),
            Self::Hand(places) if places.len() != count => {
                return Err(ClipError::HandLength { given: places.len(), wanted: count });
            }
            Self::Hand(places) => places.iter().map(|p| *p as usize).collect(),
        };
        match places.iter().find(|place| **place >= count) {
            Some(place) => Err(ClipError::HandPlace { place: *place as u32, frames: count }),
            None => Ok(places),
        }
    }

    /// What is altered about time, in a few words; `None` as it was filmed.
    pub fn words(&self) -> Option<String> {
        Some(match self {
            Self::Forward => return None,
            Self::Reversed => "frames reversed".to_owned(),
            Self::Shuffled { seed } => format!("frames shuffled (seed {seed})"),
            Self::Frozen(Freeze::First) => "frozen at the first frame".to_owned(),
            Self::Frozen(Freeze::Middle) => "frozen at the middle frame".to_owned(),
            Self::Frozen(Freeze::Last) => "frozen at the last frame".to_owned(),
            Self::HalfRate => "half rate".to_owned(),
            Self::Hand(_) => "frames in an order by hand".to_owned(),
        })
    }
}

/// As on a command line: `forward`, `reversed`, `shuffled:SEED`, `frozen:first`, `frozen:middle`, `frozen:last`, `half_rate`,
/// or `hand:0,2,1,…`.
impl std::str::FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, rest) = text.split_once(':').unwrap_or((text, ""));
        match (word, rest) {
            ("forward", "") => Ok(Self::Forward),
            ("reversed", "") => Ok(Self::Reversed),
            ("half_rate", "") => Ok(Self::HalfRate),
            ("frozen", "first") => Ok(Self::Frozen(Freeze::First)),
            ("frozen", "middle") => Ok(Self::Frozen(Freeze::Middle)),
            ("frozen", "last") => Ok(Self::Frozen(Freeze::Last)),
            ("shuffled", seed) => {
                let seed = seed.parse().map_err(|_| format!("\"{seed}\" is no seed: shuffled:7"))?;
                Ok(Self::Shuffled { seed })
            }
            ("hand", places) => {
                let place =
                    |p: &str| p.trim().parse().map_err(|_| format!("\"{p}\" is no place: hand:0,2,1"));
                Ok(Self::Hand(places.split(',').map(place).collect::<Result<_, _>>()?))
            }
            _ => Err(
                "forward, reversed, shuffled:SEED, frozen:first, frozen:middle, frozen:last, half_rate, or \
                      hand:0,2,1 (a place for each frame) is needed"
                    .to_owned(),
            ),
        }
    }
}

/// The places 0..count in an order that depends on the seed alone. Written out (Fisher–Yates), because an experiment
/// file keeps only the seed, and the library's own shuffle may change between versions.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut places: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        let below = (u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64;
        places.swap(i, below as usize);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `n` frames, 10 ns each.
    fn list(n: i64) -> FrameTimes {
        FrameTimes::new((0..n).map(|i| Pts(i * 10)).collect(), Pts(n * 10))
    }

    #[test]
    fn a_video_of_fewer_frames_than_are_sampled_is_said_to_be() {
        let of = |frames: &[i64], order: &Order| {
            let frames: Vec<Pts> = frames.iter().map(|t| Pts(*t)).collect();
            samples_in_words(frames.len(), fewer_frames(&frames, order))
        };
        assert_eq!(of(&[0, 1, 2, 3], &Order::default()), "4 frames");
        assert_eq!(of(&[0, 0, 1, 1], &Order::default()), "4 samples of 2 frames");
        assert_eq!(of(&[7, 7], &Order::default()), "2 samples of 1 frame");
        assert_eq!(of(&[0, 0, 1, 1], &Order::Hand(vec![0, 0, 1, 1])), "4 frames");
    }

    fn ordered(order: Order) -> Result<Vec<i64>, ClipError> {
        let spec = ClipSpec { order, ..ClipSpec::segments(Span::new(Pts(0), Pts(1000))) };
        spec.frames(&list(8), 8).map(|f| f.iter().map(|p| p.0 / 10).collect())
    }

    #[test]
    fn segments_are_the_test_time_rule() {
        let spec = ClipSpec::segments(Span::new(Pts(790), Pts(0)));
        let got = spec.frames(&list(80), 8).expect("frames");
        assert_eq!(got, [5, 15, 25, 35, 45, 55, 65, 75].map(|i| Pts(i * 10)));
        let between = ClipSpec::segments(Span::new(Pts(75), Pts(76)));
        assert_eq!(between.frames(&list(80), 3), Ok(vec![Pts(70); 3]), "the frame on show");
        assert_eq!(between.frames(&FrameTimes::default(), 3), Err(ClipError::NoFrames));
        assert_eq!(between.frames(&list(80), 0), Ok(vec![]));
    }

    #[test]
    fn a_shifted_sampling_stays_in_its_segments() {
        let at = |thousandths: u16| {
            let rule = Rule::Shifted { thousandths };
            let spec = ClipSpec { rule, ..ClipSpec::segments(Span::new(Pts(790), Pts(0))) };
            spec.frames(&list(80), 8).expect("frames")
        };
        assert_eq!(
            at(500),
            ClipSpec::segments(Span::new(Pts(790), Pts(0))).frames(&list(80), 8).expect("frames")
        );
        assert_eq!(at(100), [1, 11, 21, 31, 41, 51, 61, 71].map(|i| Pts(i * 10)));
        assert_eq!(at(900)[7], Pts(790));
        assert_eq!(at(9999).last(), at(999).last());
    }

    #[test]
    fn orders() {
        assert_eq!(ordered(Order::Forward), Ok(vec![0, 1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(ordered(Order::Reversed), Ok(vec![7, 6, 5, 4, 3, 2, 1, 0]));
        assert_eq!(ordered(Order::HalfRate), Ok(vec![0, 0, 1, 1, 2, 2, 3, 3]));
        assert_eq!(ordered(Order::Frozen(Freeze::First)), Ok(vec![0; 8]));
        assert_eq!(ordered(Order::Frozen(Freeze::Middle)), Ok(vec![4; 8]));
        assert_eq!(ordered(Order::Frozen(Freeze::Last)), Ok(vec![7; 8]));
        let by_hand = vec![3, 3, 0, 7, 1, 1, 1, 2];
        assert_eq!(
            ordered(Order::Hand(by_hand.clone())),
            Ok(by_hand.iter().map(|p| i64::from(*p)).collect())
        );
        assert_eq!(ordered(Order::Hand(vec![0; 7])), Err(ClipError::HandLength { given: 7, wanted: 8 }));
        assert_eq!(
            ordered(Order::Hand(vec![0, 1, 2, 3, 4, 5, 6, 8])),
            Err(ClipError::HandPlace { place: 8, frames: 8 })
        );
    }

    #[test]
    fn an_order_is_read_from_a_command_line() {
        for (text, order) in [
            ("forward", Order::Forward),
            ("reversed", Order::Reversed),
            ("shuffled:12", Order::Shuffled { seed: 12 }),
            ("frozen:middle", Order::Frozen(Freeze::Middle)),
            ("half_rate", Order::HalfRate),
            ("hand:0,2, 1", Order::Hand(vec![0, 2, 1])),
        ] {
            assert_eq!(text.parse(), Ok(order.clone()), "{text}");
            assert_eq!(order.words().is_none(), order == Order::Forward);
        }
        for bad in ["", "shuffled", "shuffled:x", "frozen", "reversed:1", "hand:a"] {
            assert!(bad.parse::<Order>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_seed_is_an_order_for_good() {
        // Kept in experiment files: these must never change.
        assert_eq!(shuffled(8, 0), [7, 2, 1, 6, 0, 4, 3, 5]);
        assert_eq!(shuffled(8, 1), [5, 6, 2, 4, 1, 7, 0, 3]);
        assert_eq!((shuffled(0, 5), shuffled(1, 5)), (vec![], vec![0]));
    }

    #[test]
    fn a_grid_needs_a_step() {
        for step in [0, -10] {
            let rule = Rule::Grid { step: Pts(step) };
            let spec = ClipSpec { rule, ..ClipSpec::segments(Span::default()) };
            assert_eq!(spec.frames(&list(8), 8), Err(ClipError::Step { step: Pts(step) }));
        }
    }

    #[test]
    fn files_hold_them() {
        let spec = ClipSpec {
            span: Span::new(Pts(5), Pts(10)),
            rule: Rule::Grid { step: Pts(3) },
            order: Order::Shuffled { seed: 4 },
            crop: Crop::Centre,
        };
        let text = serde_json::to_string(&spec).expect("writes");
        assert_eq!(
            text,
            r#"{"span":{"start":5,"end":10},"rule":{"grid":{"step":3}},"order":{"shuffled":{"seed":4}}}"#
        );
        assert_eq!(serde_json::from_str::<ClipSpec>(&text).expect("reads"), spec);
        for (crop, end) in [
            (Crop::Letterbox, r#","crop":"letterbox"}"#),
            (Crop::at(0.25), r#","crop":{"moved":{"thousandths":250}}}"#),
        ] {
            let spec = ClipSpec { crop, ..spec.clone() };
            let longer = serde_json::to_string(&spec).expect("writes");
            assert_eq!(longer, format!("{}{end}", &text[..text.len() - 1]));
            assert_eq!(serde_json::from_str::<ClipSpec>(&longer).expect("reads"), spec);
        }
    }

    proptest! {
        #[test]
        fn a_grid_is_common_to_all_spans(
            frames in 1i64..300, step in 1i64..200, start in -500i64..4000, later in 0i64..12, count in 1usize..20,
        ) {
            let times = list(frames);
            let at = |start: i64| ClipSpec {
                rule: Rule::Grid { step: Pts(step) },
                ..ClipSpec::segments(Span::new(Pts(start), Pts(start)))
            };
            let first = at(start).frames(&times, count).expect("frames");
            prop_assert_eq!(first.len(), count);
            prop_assert!(first.windows(2).all(|w| w[0] <= w[1]));
            // So many steps later: the same frames, moved along by as many.
            let second = at(start + later * step).frames(&times, count).expect("frames");
            let shared = count.saturating_sub(later as usize);
            prop_assert_eq!(&second[..shared], &first[count - shared..]);
            let middle = Pts(start.div_euclid(step) * step + step / 2);
            prop_assert_eq!(Some(first[0]), times.shown_at(middle));
        }

        #[test]
        fn a_shuffle_keeps_every_frame(count in 0usize..200, seed: u64) {
            let mut places = shuffled(count, seed);
            places.sort_unstable();
            prop_assert_eq!(places, (0..count).collect::<Vec<_>>());
        }

        #[test]
        fn every_order_gives_as_many_frames(frames in 1i64..50, count in 1usize..33, seed: u64) {
            let orders = [
                Order::Forward, Order::Reversed, Order::Shuffled { seed }, Order::HalfRate,
                Order::Frozen(Freeze::First), Order::Frozen(Freeze::Middle), Order::Frozen(Freeze::Last),
            ];
            for order in orders {
                let spec = ClipSpec { order, ..ClipSpec::segments(Span::new(Pts(0), Pts(1000))) };
                prop_assert_eq!(spec.frames(&list(frames), count).expect("frames").len(), count);
            }
        }
    }
}
