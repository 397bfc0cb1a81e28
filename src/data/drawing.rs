//! A motion that a person draws: a value, of which every frame is drawn as those of the procedural world are. As a [`Film`] it
//! is looked at like any video, and nothing is written for that.

use super::draw::{BACKGROUNDS, Background, COLOURS, Object, Pose, SIDE, Shape};
use super::track::Track;
use super::world::{self, Course, Direction, Manner, Motion, Path, Scene};
use super::world_video::{Format, to_image};
use crate::video::{Film, FrameTimes, Pts, RgbImage, VideoDigest};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

/// How its pictures are made: as `synth` makes them.
pub const FORMAT: Format = Format { size: 320, frames: 96, fps: 30.0 };
/// Times as fast as the way takes for the whole clip.
pub const SPEEDS: RangeInclusive<f32> = 0.25..=4.0;
/// Radius of the mover, in units of the canonical picture.
pub const SIZES: RangeInclusive<f32> = 3.0..=14.0;
/// Radius of what stands still beside it.
const STILL: f32 = 6.5;
/// A mover that grows or shrinks is drawn in eighths of its radius half the time.
const EIGHTHS: f32 = 8.0;

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawing {
    /// The way as it was drawn.
    pub track: Track,
    /// At the pace of the hand; else at an even one.
    pub by_hand: bool,
    /// See [`SPEEDS`]. Above 1 the mover arrives early and waits, below 1 it does not get to the end.
    pub speed: f32,
    pub mover: Object,
    /// See [`SIZES`].
    pub radius: f32,
    pub manner: Manner,
    /// What stands still, and where.
    pub still: Option<(Object, [f32; 2])>,
    /// Index into [`BACKGROUNDS`].
    pub background: usize,
    /// Of the grain, and of how the mover turns and shakes.
    pub seed: u64,
}

impl Default for Drawing {
    fn default() -> Self {
        Self {
            track: Ready::Left.track(),
            by_hand: false,
            speed: 1.0,
            mover: Object { shape: Shape::Square, colour: 0 },
            radius: EIGHTHS,
            manner: Manner::Steadily,
            still: None,
            background: 0,
            seed: 0,
        }
    }
}

impl Drawing {
    /// With every number within its range.
    pub fn within(mut self) -> Self {
        let clamp = |v: f32, range: &RangeInclusive<f32>, usual: f32| {
            if v.is_finite() { v.clamp(*range.start(), *range.end()) } else { usual }
        };
        self.speed = clamp(self.speed, &SPEEDS, 1.0);
        self.radius = clamp(self.radius, &SIZES, EIGHTHS);
        self.background = self.background.min(BACKGROUNDS.len() - 1);
        let known = |object: &mut Object| object.colour = object.colour.min(COLOURS.len() - 1);
        known(&mut self.mover);
        if let Some((object, at)) = &mut self.still {
            known(object);
            *at = at.map(|v| clamp(v, &(0.0..=SIDE - 1.0), SIDE / 2.0));
        }
        self
    }

    /// The way at the pace that was chosen.
    pub fn paced(&self) -> Track {
        if self.by_hand { self.track.clone() } else { self.track.evened() }
    }

    /// As a clip of the procedural world.
    pub fn scene(&self) -> Scene {
        let mut rng = world::rng(self.seed, 0);
        let mut background = Background::random(&mut rng);
        background.colour = self.background;
        let radius = match self.manner {
            Manner::Growing | Manner::Shrinking => self.radius / EIGHTHS,
            _ => self.radius,
        };
        let course = Course::Drawn { track: self.paced(), speed: self.speed };
        let distractor = self
            .still
            .map(|(object, [x, y])| (object, Pose { x, y, radius: STILL, angle: 0.0, opacity: 1.0 }));
        Scene {
            background,
            mover: self.mover,
            path: Path::along(&mut rng, course, self.manner, radius),
            distractor,
        }
    }

    /// Its class in the procedural world; `None` where the way is not a straight one to one of the four sides.
    pub fn motion(&self) -> Option<Motion> {
        /// Tangent of 15°: further aside it is neither the one direction nor the other.
        const ASIDE: f32 = 0.27;
        let [x, y] = self.track.displacement();
        let (long, short) = (x.abs().max(y.abs()), x.abs().min(y.abs()));
        let straight = self.track.length() <= 1.1 * x.hypot(y);
        // Shorter than half of the shortest of the world's, it is hardly a motion.
        if long < 10.0 || short > ASIDE * long || !straight {
            return None;
        }
        let direction = match (x.abs() > y.abs(), x > 0.0, y > 0.0) {
            (true, false, _) => Direction::Left,
            (true, true, _) => Direction::Right,
            (false, _, false) => Direction::Up,
            (false, _, true) => Direction::Down,
        };
        Some(Motion { direction, manner: self.manner })
    }

    /// "moving left while growing"; of a way without a name "moving along a drawn path while growing".
    pub fn words(&self) -> String {
        match self.motion() {
            Some(motion) => motion.name(),
            None => format!("moving along a drawn path {}", self.manner.words()),
        }
    }
}

/// Ways that need no hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    Left,
    Right,
    Up,
    Down,
    ThereAndBack,
    Circle,
    Zigzag,
    Bounce,
}

impl Ready {
    pub const ALL: [Self; 8] = [
        Self::Left,
        Self::Right,
        Self::Up,
        Self::Down,
        Self::ThereAndBack,
        Self::Circle,
        Self::Zigzag,
        Self::Bounce,
    ];

    pub fn name(self) -> &'static str {
        ["To the left", "To the right", "Up", "Down", "There and back", "Circle", "Zigzag", "Bounce"]
            [self as usize]
    }

    /// About the middle of the picture, as long as those of the world where it is straight.
    pub fn track(self) -> Track {
        const MIDDLE: f32 = (SIDE - 1.0) / 2.0;
        let around = |places: &[[f32; 2]]| {
            Track::even(&places.iter().map(|p| p.map(|v| v + MIDDLE)).collect::<Vec<_>>())
        };
        match self {
            Self::Left => around(&[[15.0, 0.0], [-15.0, 0.0]]),
            Self::Right => around(&[[-15.0, 0.0], [15.0, 0.0]]),
            Self::Up => around(&[[0.0, 15.0], [0.0, -15.0]]),
            Self::Down => around(&[[0.0, -15.0], [0.0, 15.0]]),
            Self::ThereAndBack => around(&[[-17.0, 0.0], [17.0, 0.0], [-17.0, 0.0]]),
            Self::Circle => around(&std::array::from_fn::<_, 49, _>(|i| {
                let (sin, cos) = (i as f32 / 48.0 * std::f32::consts::TAU).sin_cos();
                [-17.0 * sin, -17.0 * cos]
            })),
            Self::Zigzag => {
                around(&[[-20.0, -9.0], [-12.0, 9.0], [-4.0, -9.0], [4.0, 9.0], [12.0, -9.0], [20.0, 9.0]])
            }
            // Three hops, each half as high as the one before.
            Self::Bounce => around(&std::array::from_fn::<_, 49, _>(|i| {
                let hop = i as f32 / 48.0 * 3.0;
                let (n, u) = (hop.floor().min(2.0), hop - hop.floor().min(2.0));
                let height = 30.0 * 0.5f32.powf(n) * 4.0 * u * (1.0 - u);
                [-20.0 + 40.0 * i as f32 / 48.0, 15.0 - height]
            })),
        }
    }
}

/// A drawing as a video.
pub struct DrawnFilm {
    scene: Scene,
    digest: VideoDigest,
    times: Arc<FrameTimes>,
    still: OnceLock<Vec<f32>>,
}

impl DrawnFilm {
    pub fn new(drawing: &Drawing) -> Self {
        // Plain data: it always has a JSON form.
        let json = serde_json::to_vec(&(FORMAT.size, FORMAT.frames, FORMAT.fps, drawing)).unwrap_or_default();
        let at = |t: usize| Pts::from_secs(t as f64 / FORMAT.fps);
        Self {
            scene: drawing.scene(),
            digest: VideoDigest(blake3::hash(&json).to_hex()[..32].into()),
            times: Arc::new(FrameTimes::new((0..FORMAT.frames).map(at).collect(), at(FORMAT.frames))),
            still: OnceLock::new(),
        }
    }
}

impl Film for DrawnFilm {
    fn digest(&self) -> &VideoDigest {
        &self.digest
    }

    fn times(&self) -> &Arc<FrameTimes> {
        &self.times
    }

    fn size(&self) -> (u32, u32) {
        (FORMAT.size as u32, FORMAT.size as u32)
    }

    fn picture(&self, at: Pts) -> RgbImage {
        let still = self.still.get_or_init(|| self.scene.still(FORMAT.size));
        let t = self.times.place(at).unwrap_or(0);
        to_image(&self.scene.frame_over(still.clone(), t, FORMAT.frames, FORMAT.size), FORMAT.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_straight_drawing_is_the_world_s_picture_to_the_last_level() {
        for (i, motion) in Motion::all().into_iter().enumerate() {
            let world = Scene::random(&mut world::rng(5, i as u64), motion);
            let Course::Straight { direction, length, centre } = world.path.course().clone() else {
                panic!()
            };
            let Pose { x, y, .. } = Path::along(
                &mut world::rng(0, 0),
                Course::Straight { direction, length, centre },
                Manner::Steadily,
                1.0,
            )
            .pose(0.0);
            let end = [2.0 * centre[0] - x, 2.0 * centre[1] - y];
            let track = Track::even(&[[x, y], end]);
            let drawn = Scene {
                path: world.path.clone().with_course(Course::Drawn { track, speed: 1.0 }),
                ..world.clone()
            };
            for (a, b) in world.frames(8, 64).iter().zip(&drawn.frames(8, 64)) {
                let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(apart < 1.0 / 255.0, "{}: {apart}", motion.name());
            }
        }
    }

    #[test]
    fn ready_ways_are_what_they_are_called() {
        let named = |ready: Ready| Drawing { track: ready.track(), ..Drawing::default() }.words();
        assert_eq!(named(Ready::Left), "moving left steadily");
        assert_eq!(named(Ready::Right), "moving right steadily");
        assert_eq!(named(Ready::Up), "moving up steadily");
        assert_eq!(named(Ready::Down), "moving down steadily");
        for ready in [Ready::ThereAndBack, Ready::Circle, Ready::Zigzag, Ready::Bounce] {
            assert_eq!(named(ready), "moving along a drawn path steadily", "{ready:?}");
        }
        let slanted = Track::even(&[[10.0, 10.0], [50.0, 40.0]]);
        assert_eq!(Drawing { track: slanted, ..Drawing::default() }.motion(), None);
    }

    #[test]
    fn fast_movers_wait_at_the_end_and_slow_ones_do_not_get_there() {
        let at = |speed, u| {
            let scene = Drawing { speed, ..Drawing::default() }.scene();
            scene.path.pose(u).x
        };
        assert_eq!(at(1.0, 1.0), 16.5);
        assert_eq!((at(2.0, 0.5), at(2.0, 1.0)), (16.5, 16.5));
        assert_eq!(at(0.5, 1.0), 31.5);
    }

    #[test]
    fn equal_drawings_are_one_film_and_every_change_is_another() {
        let base = Drawing::default();
        let still = Some((Object { shape: Shape::Ring, colour: 2 }, [48.0, 16.0]));
        let all = [
            base.clone(),
            Drawing { track: Ready::Circle.track(), ..base.clone() },
            Drawing { by_hand: true, ..base.clone() },
            Drawing { speed: 2.0, ..base.clone() },
            Drawing { mover: Object { shape: Shape::Bar, colour: 0 }, ..base.clone() },
            Drawing { radius: 9.0, ..base.clone() },
            Drawing { manner: Manner::Blinking, ..base.clone() },
            Drawing { still, ..base.clone() },
            Drawing { background: 1, ..base.clone() },
            Drawing { seed: 1, ..base.clone() },
        ];
        let digests: std::collections::BTreeSet<_> =
            all.iter().map(|d| DrawnFilm::new(d).digest().0.to_string()).collect();
        assert_eq!(digests.len(), all.len());
        let film = DrawnFilm::new(&base);
        assert_eq!(DrawnFilm::new(&base.clone()).digest(), film.digest());
        let at = film.times().nth(40).unwrap();
        assert_eq!(film.picture(at), DrawnFilm::new(&base).picture(at));
        let pixels = base.scene().frame(40, FORMAT.frames, FORMAT.size);
        assert_eq!(film.picture(at), to_image(&pixels, FORMAT.size), "the world's own frame");
    }

    proptest! {
        #[test]
        fn numbers_from_anywhere_are_brought_into_their_ranges(
            speed in any::<f32>(), radius in any::<f32>(), colour in any::<usize>(), place in any::<[f32; 2]>(),
        ) {
            let object = Object { shape: Shape::Cross, colour };
            let drawing = Drawing {
                speed, radius, mover: object, still: Some((object, place)), background: colour, ..Drawing::default()
            };
            let drawing = drawing.within();
            prop_assert!(SPEEDS.contains(&drawing.speed) && SIZES.contains(&drawing.radius));
            // Draws without a panic, and every value is one of a picture.
            let frame = drawing.scene().frame(3, 8, 16);
            prop_assert!(frame.iter().all(|v| (0.0..=1.0).contains(v)));
            prop_assert_eq!(drawing.clone().within(), drawing);
        }
    }
}
