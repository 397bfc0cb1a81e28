//! Stage-1 data of the cast (METHOD §10): pictures of people, captions that say a part of what they show, and the truth of
//! every caption about every picture, so that a caption which also holds is never taken for a false one.
//!
//! Half are stills. Half are long exposures, in which the figure is fainter the longer ago it was: they give the text tower
//! its words for what happens. Of a long exposure "walking to the left" says that the arms do nothing in particular, as a
//! class name does; a picture of somebody who also waves is neither a case of it nor of its negation.

use super::action::{Action, Arms, Side, Thing};
use super::figure::{Joints, SHIRTS, person, thing};
use super::room::WALLS;
use super::scene::Scene;
use super::words::{self, Kind, POSITIONS, POSTURES};
use super::{Point, SIDE};
use crate::data::camera::Camera;
use crate::data::world::WorldRng;
use rand::Rng;
use rand::seq::SliceRandom;

/// Frames that a long exposure is made of.
const EXPOSURES: usize = 8;
/// Numbers of key points: 13 joints at the end and 13 at the beginning, x and y.
pub const POINTS: usize = 52;
/// Share of the pictures that are of a class; the others are of [`Action::practice`].
const CLASSES: f64 = 0.6;
/// Names of whole actions among the captions of every batch.
const NAMES: usize = 28;
/// How many values each attribute of [`Sample::attributes`] has: verb with its side, arms, thing, shirt, facing, posture,
/// position, wall.
pub const ATTRIBUTES: [usize; 8] = [12, 5, 3, 8, 2, 6, 3, 4];

/// What a picture shows. What cannot be told is `None` and makes no caption about it hold.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageTruth {
    /// Of a long exposure.
    action: Option<Action>,
    arms: Option<Arms>,
    thing: Option<Thing>,
    facing: Side,
    /// Index into [`POSTURES`], of a still.
    posture: Option<usize>,
    /// Index into [`POSITIONS`], of a still.
    position: Option<usize>,
    /// Indices into [`SHIRTS`]: of the one who acts, and of whoever stands beside them (or the same again).
    shirts: Option<[usize; 2]>,
    /// Index into [`WALLS`].
    wall: Option<usize>,
}

/// What a caption says; everything unsaid is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaptionSpec {
    kind: Option<Kind>,
    to: Option<Side>,
    arms: Option<Arms>,
    thing: Option<Thing>,
    facing: Option<Side>,
    posture: Option<usize>,
    position: Option<usize>,
    shirt: Option<usize>,
    wall: Option<usize>,
    not_action: Option<Action>,
    not_kind: Option<Kind>,
    not_shirt: Option<usize>,
    still: bool,
}

/// A picture with its truth and one caption that holds.
pub struct Sample {
    /// Interleaved RGB floats.
    pub pixels: Vec<f32>,
    pub truth: ImageTruth,
    pub caption: String,
    pub spec: CaptionSpec,
    /// What can be told of the picture, each a number below that of [`ATTRIBUTES`].
    pub attributes: [Option<usize>; ATTRIBUTES.len()],
    /// Joints relative to the hip, in fifths of the picture's side; the hip itself relative to the middle of the picture, and
    /// that of the beginning to that of the end.
    pub points: Vec<f32>,
}

/// A random picture of `size` × `size` with a caption. No unseen composition is ever drawn or named.
pub fn sample(rng: &mut WorldRng, size: usize) -> Sample {
    let from = if rng.random_bool(CLASSES) { Action::seen() } else { Action::practice() };
    let action = from[rng.random_range(0..from.len())];
    let mut scene = Scene::random(rng, action);
    if rng.random_bool(0.6) {
        scene.still = None;
    }
    let exposed = rng.random();
    // A still is of the beginning or the end more often than of what is between: these have a posture.
    let at = match rng.random_range(0..5) {
        0 | 1 => 0.0,
        2 | 3 => 1.0,
        _ => rng.random(),
    };
    let camera = Camera { shake: 0.0, ..Camera::random(rng) };
    let picture = if exposed { scene.exposure(EXPOSURES, size) } else { scene.still_at(at, size) };
    let pixels = camera.see(picture, size, 0);
    let truth = truth(&scene, exposed, at, &camera);
    let (caption, spec) = caption(rng, &truth);
    let [end, beginning] = if exposed { [1.0, 0.0] } else { [at, at] };
    let joints = |u| Joints::at(&scene.motion, u, scene.room.floor);
    let zoom = camera.zoom;
    Sample {
        pixels,
        attributes: attributes(&truth),
        points: points(&joints(end), &joints(beginning)).into_iter().map(|p| p * zoom).collect(),
        truth,
        caption,
        spec,
    }
}

impl Scene {
    /// The scene at time `u` of the clip.
    fn still_at(&self, u: f32, size: usize) -> Vec<f32> {
        let mut picture = self.backdrop(0, 1, size);
        let parts = person(&self.motion, &self.look, u, self.room.floor);
        super::paint::Layer::new(size, &parts).over(&mut picture, 1.0);
        picture
    }

    /// All of the clip on one picture, fainter the longer ago.
    fn exposure(&self, frames: usize, size: usize) -> Vec<f32> {
        let mut picture = self.backdrop(0, 1, size);
        for t in 0..frames {
            let u = t as f32 / (frames - 1) as f32;
            let parts = person(&self.motion, &self.look, u, self.room.floor);
            super::paint::Layer::new(size, &parts).over(&mut picture, (0.12 + 0.88 * u).powf(1.3));
        }
        picture
    }
}

fn truth(scene: &Scene, exposed: bool, at: f32, camera: &Camera) -> ImageTruth {
    let action = scene.motion.action;
    let (kind, _) = Kind::of(action.verb);
    let coloured = camera.saturation > 0.0;
    let joints = Joints::at(&scene.motion, at, scene.room.floor);
    let x = 0.5 + (joints.hip[0] / SIDE - 0.5) * camera.zoom;
    // Arms that hang or swing as the verb wants say something only where the whole course is seen, or somebody stands or walks.
    let arms = match action.arms {
        Arms::Free if !exposed && matches!(kind, Kind::Running | Kind::FallingOver | Kind::GettingUp) => None,
        Arms::Handling(_) if !exposed => None,
        arms => Some(arms),
    };
    let beside = scene.still.as_ref().and_then(|s| s.shirt).unwrap_or(scene.look.shirt);
    ImageTruth {
        action: exposed.then_some(action),
        arms,
        thing: thing(action.arms),
        facing: scene.motion.style.facing,
        posture: if exposed { None } else { posture(scene, kind, at) },
        position: (!exposed).then_some(if x < 0.38 { 0 } else { 1 + usize::from(x > 0.62) }),
        shirts: coloured.then_some([scene.look.shirt, beside]),
        wall: coloured.then_some(scene.room.wall),
    }
}

/// Index into [`POSTURES`]; `None` between two.
fn posture(scene: &Scene, kind: Kind, at: f32) -> Option<usize> {
    let angles = scene.motion.angles(at);
    let between = |value: f32, low: f32, high: f32, posture: usize| {
        if value < low { Some(0) } else { (value > high).then_some(posture) }
    };
    match kind {
        Kind::Walking | Kind::WalkingBackwards => Some(4),
        Kind::Running => Some(5),
        Kind::SittingDown | Kind::StandingUp => between(angles.thighs[0], 0.4, 1.2, 1),
        Kind::PickingUp | Kind::PuttingDown => between(angles.lean, 0.35, 0.8, 2),
        Kind::FallingOver | Kind::GettingUp => between(angles.fall.abs(), 0.3, 1.1, 3),
    }
}

fn attributes(truth: &ImageTruth) -> [Option<usize>; ATTRIBUTES.len()] {
    let verb = truth.action.map(|a| match Kind::of(a.verb) {
        (kind, Some(side)) => 2 * kind as usize + side as usize,
        (kind, None) => kind as usize + 3,
    });
    let arms = truth.arms.and_then(|arms| match arms {
        Arms::Free => Some(0),
        Arms::Waving => Some(1),
        Arms::Clapping => Some(2),
        Arms::Carrying(Thing::Box) => Some(3),
        Arms::Carrying(_) => Some(4),
        Arms::Handling(_) => None,
    });
    [
        verb,
        arms,
        truth.thing.map(|t| t as usize),
        truth.shirts.map(|s| s[0]),
        Some(truth.facing as usize),
        truth.posture,
        truth.position,
        truth.wall,
    ]
}

fn points(end: &Joints, beginning: &Joints) -> Vec<f32> {
    let list = |j: &Joints| {
        let pairs = [j.knees, j.ankles, j.toes, j.elbows, j.hands].concat();
        [vec![j.neck, j.head], pairs].concat()
    };
    let of = |j: &Joints, origin: Point| -> Vec<f32> {
        let hip = [j.hip[0] - origin[0], j.hip[1] - origin[1]];
        let others = list(j).into_iter().map(|p| [p[0] - j.hip[0], p[1] - j.hip[1]]);
        std::iter::once(hip).chain(others).flatten().map(|v| v * 5.0 / SIDE).collect()
    };
    [of(end, [SIDE / 2.0; 2]), of(beginning, end.hip)].concat()
}

fn caption(rng: &mut WorldRng, truth: &ImageTruth) -> (String, CaptionSpec) {
    let mut spec = CaptionSpec::default();
    let mut said: Vec<String> = Vec::new();
    if !(truth.action.is_some() && rng.random_bool(0.3)) {
        said.push(["", "a photo of", "a picture of", "a video of"][rng.random_range(0..4)].to_owned());
        said.push(words::who(rng).to_owned());
        subject(rng, truth, &mut spec, &mut said);
        if rng.random_bool(0.1) {
            said.push("is".to_owned());
        }
    }
    match truth.action {
        Some(action) => said.push(happening(rng, action, &mut spec)),
        None => state(rng, truth, &mut spec, &mut said),
    }
    said.retain(|w| !w.is_empty());
    (said.join(" "), spec)
}

/// Shirt and facing.
fn subject(rng: &mut WorldRng, truth: &ImageTruth, spec: &mut CaptionSpec, said: &mut Vec<String>) {
    if let Some(shirts) = truth.shirts {
        if rng.random_bool(0.4) {
            let shirt = shirts[usize::from(rng.random_bool(0.2))];
            spec.shirt = Some(shirt);
            said.push(format!("in a {} shirt", SHIRTS[shirt].0));
        } else if rng.random_bool(0.1) {
            let shirt = (shirts[0] + rng.random_range(1..SHIRTS.len())) % SHIRTS.len();
            if !shirts.contains(&shirt) {
                spec.not_shirt = Some(shirt);
                said.push(format!("not in a {} shirt", SHIRTS[shirt].0));
            }
        }
    }
    if rng.random_bool(if truth.action.is_some() { 0.25 } else { 0.45 }) {
        spec.facing = Some(truth.facing);
        said.push(format!("facing {}", truth.facing.word()));
    }
}

/// What a long exposure shows, whole, in part, or by what it is not.
fn happening(rng: &mut WorldRng, action: Action, spec: &mut CaptionSpec) -> String {
    let (kind, to) = Kind::of(action.verb);
    let dice: f32 = rng.random();
    if dice < 0.62 {
        (spec.kind, spec.to, spec.arms) = (Some(kind), to, Some(action.arms));
        return told(rng, action);
    }
    if dice < 0.7 && (to.is_some() || matches!(action.arms, Arms::Handling(_))) {
        spec.kind = Some(kind);
        return words::verb(rng, kind, None, None);
    }
    if dice < 0.78 {
        let arms = words::arms(rng, action.arms);
        if !arms.is_empty() {
            spec.arms = Some(action.arms);
            return arms;
        }
    }
    if dice < 0.84
        && let Some(to) = to
    {
        spec.to = Some(to);
        return format!("moving {}", words::side(rng, to));
    }
    if dice < 0.95 {
        let others: Vec<Action> =
            Action::trained().into_iter().filter(|other| !is_case_of(action, *other)).collect();
        let other = others[rng.random_range(0..others.len())];
        spec.not_action = Some(other);
        return format!("not {}", named(rng, other));
    }
    let other = Kind::ALL[(kind as usize + rng.random_range(1..Kind::ALL.len())) % Kind::ALL.len()];
    spec.not_kind = Some(other);
    format!("not {}", words::verb(rng, other, None, None))
}

/// Names of actions in any form, others in every batch: captions that hold of no picture or of several.
pub fn names(rng: &mut WorldRng) -> Vec<(String, CaptionSpec)> {
    let mut chosen = Action::trained();
    chosen.shuffle(rng);
    chosen.truncate(NAMES);
    let name = |action: Action| {
        let (kind, to) = Kind::of(action.verb);
        let spec = CaptionSpec { kind: Some(kind), to, arms: Some(action.arms), ..CaptionSpec::default() };
        (told(rng, action), spec)
    };
    chosen.into_iter().map(name).collect()
}

/// An action in any form, one time in five with what the arms do first.
fn told(rng: &mut WorldRng, action: Action) -> String {
    let (kind, to) = Kind::of(action.verb);
    let arms_first = rng.random_bool(0.2).then(|| {
        let verb = words::verb(rng, kind, to, None);
        words::arms_first(rng, action.arms, &verb)
    });
    arms_first.flatten().unwrap_or_else(|| named(rng, action))
}

/// An action by its name, in any form.
fn named(rng: &mut WorldRng, action: Action) -> String {
    let (kind, to) = Kind::of(action.verb);
    let what = match action.arms {
        Arms::Handling(thing) => Some(thing),
        _ => None,
    };
    let verb = words::verb(rng, kind, to, what);
    let arms = words::arms(rng, action.arms);
    if arms.is_empty() { verb } else { format!("{verb} {arms}") }
}

/// Whether `action` is what the name of `named` says, or that and something more.
fn is_case_of(action: Action, named: Action) -> bool {
    action.verb == named.verb && (action.arms == named.arms || named.arms == Arms::Free)
}

/// What a still shows.
fn state(rng: &mut WorldRng, truth: &ImageTruth, spec: &mut CaptionSpec, said: &mut Vec<String>) {
    if let Some(posture) = truth.posture.filter(|_| rng.random_bool(0.65)) {
        spec.posture = Some(posture);
        said.push(POSTURES[posture].to_owned());
    }
    if let Some(arms) = truth.arms.filter(|_| rng.random_bool(0.5)) {
        spec.arms = Some(arms);
        let words = words::arms(rng, arms);
        said.push(if words.is_empty() { "with arms down".to_owned() } else { words });
    } else if let Some(thing) = truth.thing.filter(|_| rng.random_bool(0.6)) {
        spec.thing = Some(thing);
        said.push(format!("with {}", words::thing(rng, thing)));
    }
    if let Some(position) = truth.position.filter(|_| rng.random_bool(0.3)) {
        spec.position = Some(position);
        said.push(POSITIONS[position].to_owned());
    }
    if rng.random_bool(0.12) {
        spec.still = true;
        said.push("not moving".to_owned());
    }
    if let Some(wall) = truth.wall.filter(|_| rng.random_bool(0.3)) {
        spec.wall = Some(wall);
        said.push(format!("in front of a {} wall", WALLS[wall].0));
    }
}

/// Whether a caption holds of a picture.
pub fn holds(spec: &CaptionSpec, image: &ImageTruth) -> bool {
    fn said<T: PartialEq>(said: Option<T>, is: Option<T>) -> bool {
        said.is_none() || said == is
    }
    let (kind, to) = image.action.map(|a| Kind::of(a.verb)).unzip();
    said(spec.kind, kind)
        && said(spec.to, to.flatten())
        && said(spec.arms, image.arms)
        && said(spec.thing, image.thing)
        && said(spec.facing, Some(image.facing))
        && said(spec.posture, image.posture)
        && said(spec.position, image.position)
        && said(spec.wall, image.wall)
        && spec.shirt.is_none_or(|s| image.shirts.is_some_and(|shirts| shirts.contains(&s)))
        && spec.not_shirt.is_none_or(|s| image.shirts.is_some_and(|shirts| !shirts.contains(&s)))
        && spec.not_action.is_none_or(|named| image.action.is_some_and(|a| !is_case_of(a, named)))
        && spec.not_kind.is_none_or(|k| kind.is_some_and(|is| is != k))
        && !(spec.still && image.action.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::people::action::UNSEEN;
    use crate::data::people::words::vocabulary;
    use crate::data::world;
    use crate::model::ClipConfig;
    use std::collections::HashSet;

    fn samples(n: u64) -> Vec<Sample> {
        (0..n).map(|i| sample(&mut world::rng(3, i), 24)).collect()
    }

    #[test]
    fn a_caption_holds_of_its_picture_and_all_its_words_are_known() {
        let words: HashSet<String> = vocabulary().into_iter().collect();
        let all = samples(600);
        for sample in &all {
            assert!(holds(&sample.spec, &sample.truth), "{}", sample.caption);
            let unknown: Vec<&str> =
                sample.caption.split_whitespace().filter(|w| !words.contains(*w)).collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", sample.caption);
            // And with the two marks around them they fit the context.
            let words = sample.caption.split_whitespace().count();
            assert!(words + 2 <= ClipConfig::people(0).context, "{words} words: {}", sample.caption);
            assert_eq!(sample.points.len(), POINTS);
            for (value, most) in sample.attributes.iter().zip(ATTRIBUTES) {
                assert!(value.is_none_or(|v| v < most));
            }
        }
        let others = all.iter().flat_map(|a| all.iter().map(move |b| holds(&a.spec, &b.truth)));
        let share = others.filter(|h| *h).count() as f64 / (600.0 * 600.0);
        assert!((0.01..0.3).contains(&share), "{share} of all captions hold of any picture");
        for action in Action::all() {
            assert!(action.name().split(' ').all(|w| words.contains(w)), "{}", action.name());
        }
    }

    #[test]
    fn no_unseen_composition_is_drawn_or_named() {
        for sample in samples(3000) {
            if let Some(action) = sample.truth.action {
                assert!(!action.is_unseen());
            }
            if let Some(action) = sample.spec.not_action {
                assert!(!action.is_unseen());
            }
            let CaptionSpec { kind: Some(kind), to, arms: Some(arms), .. } = sample.spec else { continue };
            let named = |unseen: &Action| Kind::of(unseen.verb) == (kind, to) && unseen.arms == arms;
            assert!(!UNSEEN.iter().any(named), "{}", sample.caption);
        }
    }

    #[test]
    fn the_names_of_every_batch_are_of_what_is_trained_and_of_nothing_else() {
        let said = |action: &Action| {
            let (kind, to) = Kind::of(action.verb);
            CaptionSpec { kind: Some(kind), to, arms: Some(action.arms), ..CaptionSpec::default() }
        };
        let trained: Vec<CaptionSpec> = Action::trained().iter().map(said).collect();
        let mut met = vec![false; trained.len()];
        for seed in 0..50 {
            let names = names(&mut world::rng(seed, 1));
            assert_eq!(names.len(), NAMES);
            for (name, spec) in names {
                let which = trained.iter().position(|t| *t == spec);
                met[which.unwrap_or_else(|| panic!("{name} is not trained"))] = true;
            }
        }
        assert!(met.iter().all(|m| *m));
    }

    #[test]
    fn a_name_says_nothing_of_who_does_more_than_it() {
        let walking = |arms| Action { verb: super::super::Verb::Walking(Side::Left), arms };
        let image = ImageTruth {
            action: Some(walking(Arms::Carrying(Thing::Box))),
            arms: Some(Arms::Carrying(Thing::Box)),
            thing: Some(Thing::Box),
            facing: Side::Left,
            posture: None,
            position: None,
            shirts: None,
            wall: None,
        };
        let free = CaptionSpec {
            kind: Some(Kind::Walking),
            to: Some(Side::Left),
            arms: Some(Arms::Free),
            ..CaptionSpec::default()
        };
        assert!(!holds(&free, &image));
        let not_free = CaptionSpec { not_action: Some(walking(Arms::Free)), ..CaptionSpec::default() };
        assert!(!holds(&not_free, &image));
        let not_waving = CaptionSpec { not_action: Some(walking(Arms::Waving)), ..CaptionSpec::default() };
        assert!(holds(&not_waving, &image));
    }
}
