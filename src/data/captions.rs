//! Stage-1 data (METHOD §10): images, captions that say a part of what they show, and the truth of every caption
//! about every image, so that a caption which also holds is never taken for a false one.
//!
//! Half of the images are stills of one or two objects; half are long exposures, where the path of a mover leaves a
//! trail that is fainter the older it is. The trails give the text tower its words for motion, as photographs on the
//! web do for CLIP.

use super::draw::{BACKGROUNDS, Background, COLOURS, Object, Pose, Shape, blend, mask, random_object};
use super::world::{Direction, FRAMES, Manner, Motion, Path, WorldRng, mover_shape};
use rand::Rng;
use rand::seq::IndexedRandom;

const POSITIONS: [&str; 5] = ["on the left", "on the right", "at the top", "at the bottom", "in the middle"];
const SIZES: [&str; 2] = ["small", "large"];
const OPENINGS: [&str; 4] = ["", "a photo of", "a picture of", "a video of"];

/// Every word of captions, prompts and templates of the small model, sorted.
pub fn vocabulary() -> Vec<String> {
    let mut words: Vec<String> = ["a", "an", "object", "that", "is", "not", "background", "moving", "still"]
        .into_iter()
        .chain(OPENINGS)
        .chain(POSITIONS)
        .chain(SIZES)
        .chain(Direction::ALL.map(Direction::word))
        .chain(Manner::ALL.map(Manner::words))
        .chain(Shape::ALL.map(Shape::word))
        .chain(COLOURS.map(|c| c.0))
        .chain(BACKGROUNDS.map(|b| b.0))
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect();
    words.sort();
    words.dedup();
    words
}

/// One visible object of an image, as captions speak of it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Thing {
    object: Object,
    /// Index into [`SIZES`]; trails have none.
    size: Option<usize>,
    /// Index into [`POSITIONS`]; trails have none.
    position: Option<usize>,
}

/// What an image shows.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageTruth {
    things: Vec<Thing>,
    background: usize,
    motion: Option<Motion>,
}

/// What a caption says; everything unsaid is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaptionSpec {
    colour: Option<usize>,
    shape: Option<Shape>,
    size: Option<usize>,
    position: Option<usize>,
    background: Option<usize>,
    direction: Option<Direction>,
    manner: Option<Manner>,
    not_colour: Option<usize>,
    not_shape: Option<Shape>,
    not_direction: Option<Direction>,
    not_motion: Option<Motion>,
    still: bool,
}

/// An image with its truth and one caption that holds.
pub struct Sample {
    /// Interleaved RGB floats, 64 × 64.
    pub pixels: Vec<f32>,
    pub truth: ImageTruth,
    pub caption: String,
    pub spec: CaptionSpec,
}

fn position(x: f32, y: f32) -> usize {
    let (dx, dy) = (x - 31.5, y - 31.5);
    if dx.abs().max(dy.abs()) < 9.0 {
        4
    } else if dx.abs() >= dy.abs() {
        usize::from(dx >= 0.0)
    } else {
        2 + usize::from(dy >= 0.0)
    }
}

/// A random image with a caption. No unseen composition is ever drawn or named.
pub fn sample(rng: &mut WorldRng, size: usize) -> Sample {
    let background = Background::random(rng);
    let mut pixels = background.draw(size);
    let truth = if rng.random() {
        trail(rng, &mut pixels, background.colour, size)
    } else {
        still(rng, &mut pixels, background.colour, size)
    };
    for value in &mut pixels {
        *value = value.clamp(0.0, 1.0);
    }
    let (caption, spec) = caption(rng, &truth);
    Sample { pixels, truth, caption, spec }
}

fn trail(rng: &mut WorldRng, pixels: &mut [f32], background: usize, size: usize) -> ImageTruth {
    let seen = Motion::seen();
    let motion = seen[rng.random_range(0..seen.len())];
    let object =
        Object { shape: mover_shape(rng, motion.manner), colour: rng.random_range(0..COLOURS.len()) };
    let path = Path::random(rng, motion);
    let mut exposure = vec![0.0f32; size * size];
    for t in 0..FRAMES {
        let u = t as f32 / (FRAMES - 1) as f32;
        let pose = path.pose(u);
        let strength = pose.opacity * (0.12 + 0.88 * u);
        for (e, m) in exposure.iter_mut().zip(mask(object.shape, &pose, size)) {
            *e = e.max(m * strength);
        }
    }
    blend(pixels, &exposure, 1.0, COLOURS[object.colour].1);
    ImageTruth {
        things: vec![Thing { object, size: None, position: None }],
        background,
        motion: Some(motion),
    }
}

fn still(rng: &mut WorldRng, pixels: &mut [f32], background: usize, size: usize) -> ImageTruth {
    let count = if rng.random_bool(0.4) { 2 } else { 1 };
    let things = (0..count)
        .map(|_| {
            let object = random_object(rng);
            let large = rng.random::<bool>();
            let pose = Pose {
                x: rng.random_range(8.0..56.0),
                y: rng.random_range(8.0..56.0),
                radius: if large { rng.random_range(9.0..13.0) } else { rng.random_range(4.0..6.0) },
                angle: rng.random_range(0.0..std::f32::consts::TAU),
                opacity: if rng.random_bool(0.25) { 0.5 } else { 1.0 },
            };
            blend(pixels, &mask(object.shape, &pose, size), pose.opacity, COLOURS[object.colour].1);
            Thing { object, size: Some(usize::from(large)), position: Some(position(pose.x, pose.y)) }
        })
        .collect();
    ImageTruth { things, background, motion: None }
}

/// A different index below `n`.
fn other(rng: &mut WorldRng, not: usize, n: usize) -> usize {
    (not + rng.random_range(1..n)) % n
}

fn caption(rng: &mut WorldRng, truth: &ImageTruth) -> (String, CaptionSpec) {
    let mut spec = CaptionSpec::default();
    let thing = *truth.things.choose(rng).unwrap_or(&truth.things[0]);
    let mut words: Vec<String> = Vec::new();
    let opening = OPENINGS[rng.random_range(0..OPENINGS.len())];
    let bare = truth.motion.is_some() && rng.random_bool(0.25);
    if !bare {
        let mut noun: Vec<&str> = Vec::new();
        if let Some(size) = thing.size.filter(|_| rng.random_bool(0.4)) {
            spec.size = Some(size);
            noun.push(SIZES[size]);
        }
        if rng.random_bool(0.6) {
            spec.colour = Some(thing.object.colour);
            noun.push(COLOURS[thing.object.colour].0);
        }
        if rng.random_bool(0.6) {
            spec.shape = Some(thing.object.shape);
            noun.push(thing.object.shape.word());
        } else {
            noun.push("object");
        }
        let article = if noun[0].starts_with('o') { "an" } else { "a" };
        words.extend([opening, article].into_iter().chain(noun).map(str::to_owned));
        if let Some(position) = thing.position.filter(|_| rng.random()) {
            spec.position = Some(position);
            words.push(POSITIONS[position].to_owned());
        }
    }
    let dice: f32 = rng.random();
    match truth.motion {
        Some(motion) => words.push(motion_words(rng, motion, dice, &mut spec)),
        None => {
            if dice < 0.12 {
                let colour = other(rng, thing.object.colour, COLOURS.len());
                if spec.colour.is_none() {
                    spec.not_colour = Some(colour);
                    words.push(format!("that is not {}", COLOURS[colour].0));
                }
            } else if dice < 0.2 {
                let shape = Shape::ALL[other(rng, thing.object.shape as usize, Shape::ALL.len())];
                if spec.shape.is_none() {
                    spec.not_shape = Some(shape);
                    words.push(format!("that is not a {}", shape.word()));
                }
            } else if dice < 0.3 {
                spec.still = true;
                words.push("not moving".to_owned());
            }
            if rng.random_bool(0.25) {
                spec.background = Some(truth.background);
                words.push(format!("on a {} background", BACKGROUNDS[truth.background].0));
            }
        }
    }
    words.retain(|w| !w.is_empty());
    (words.join(" "), spec)
}

fn motion_words(rng: &mut WorldRng, motion: Motion, dice: f32, spec: &mut CaptionSpec) -> String {
    if dice < 0.62 {
        spec.direction = Some(motion.direction);
        spec.manner = Some(motion.manner);
        motion.name()
    } else if dice < 0.70 {
        spec.direction = Some(motion.direction);
        format!("moving {}", motion.direction.word())
    } else if dice < 0.78 {
        spec.manner = Some(motion.manner);
        format!("moving {}", motion.manner.words())
    } else if dice < 0.94 {
        let others: Vec<Motion> = Motion::seen().into_iter().filter(|&m| m != motion).collect();
        let not = others[rng.random_range(0..others.len())];
        spec.not_motion = Some(not);
        format!("not {}", not.name())
    } else {
        let not = Direction::ALL[other(rng, motion.direction as usize, 4)];
        spec.not_direction = Some(not);
        format!("not moving {}", not.word())
    }
}

/// Whether a caption holds of an image.
pub fn holds(spec: &CaptionSpec, image: &ImageTruth) -> bool {
    fn said<T: PartialEq>(said: Option<T>, is: Option<T>) -> bool {
        said.is_none() || said == is
    }
    let thing = image.things.iter().any(|t| {
        said(spec.colour, Some(t.object.colour))
            && said(spec.shape, Some(t.object.shape))
            && said(spec.size, t.size)
            && said(spec.position, t.position)
            && spec.not_colour.is_none_or(|c| c != t.object.colour)
            && spec.not_shape.is_none_or(|s| s != t.object.shape)
    });
    let motion = image.motion;
    thing
        && said(spec.background, Some(image.background))
        && said(spec.direction, motion.map(|m| m.direction))
        && said(spec.manner, motion.map(|m| m.manner))
        && spec.not_direction.is_none_or(|d| motion.is_some_and(|m| m.direction != d))
        && spec.not_motion.is_none_or(|n| motion.is_some_and(|m| m != n))
        && !(spec.still && motion.is_some())
}
