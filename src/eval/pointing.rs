//! Does the support map of a prompt point at what the prompt names? Every [`Reading`] of the last layer is held against the
//! truth, as it is and less what prompts have in common, on clips that show two things which words can tell apart: the mover
//! ("a red square") and what stands still beside it ("a blue ring").

use super::truth::{COVERED, coverage};
use crate::data::cast::Scene;
use crate::data::draw::{COLOURS, Object, Shape};
use crate::metrics::auroc;
use crate::model::dense::Reading;
use crate::prompt::{PromptSet, Templates};
use crate::score::ClassEmbedding;
use crate::session::support::common;
use crate::session::{Map, Session, Support, WorkError};
use std::sync::Arc;

/// Which map: how the last layer is read, and whether what is common to prompts is taken away.
pub type Way = (Reading, bool);

/// The figures of one way.
pub const FIGURES: [&str; 5] = ["pointing", "pointing_chance", "auroc", "apart", "motion_words_auroc"];

/// The words for what the clips show, in CLIP's joint space.
pub(super) struct Words {
    things: Vec<(Object, Arc<[f32]>)>,
    common_things: Option<Vec<f32>>,
    /// By class.
    motions: Vec<Option<Arc<[f32]>>>,
    common_motions: Option<Vec<f32>>,
}

/// "a red square".
fn name(object: Object) -> String {
    let colour = COLOURS[object.colour].0;
    let article = if colour.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {colour} {}", object.shape.word())
}

impl Words {
    /// `set` and `classes`: the classes of the examination and their text side.
    pub fn new(
        session: &mut Session,
        set: &PromptSet,
        classes: &[ClassEmbedding],
    ) -> Result<Self, WorkError> {
        let motions: Vec<_> = session.plain_classes(set, classes).into_iter().map(|c| c.positive).collect();
        let objects: Vec<Object> = Shape::ALL
            .into_iter()
            .flat_map(|shape| (0..COLOURS.len()).map(move |colour| Object { shape, colour }))
            .collect();
        let set = PromptSet {
            templates: Templates { positive: vec!["{}".to_owned()], negative: Vec::new() },
            ..PromptSet::from_names(objects.iter().map(|o| name(*o)))
        };
        let (adapted, _) = session.classes(&set, &mut |_, _| true)?;
        let plain = session.plain_classes(&set, &adapted);
        let things: Vec<_> =
            objects.into_iter().zip(plain).filter_map(|(o, c)| Some((o, c.positive?))).collect();
        Ok(Self {
            common_things: common(things.iter().map(|(_, t)| &**t)),
            things,
            common_motions: common(motions.iter().flatten().map(|t| &**t)),
            motions,
        })
    }

    fn of(&self, object: Object) -> Option<&[f32]> {
        self.things.iter().find(|(o, _)| *o == object).map(|(_, t)| &**t)
    }
}

/// Where a named thing is in one frame, and where another is that was not named.
struct Place {
    named: Vec<bool>,
    other: Vec<bool>,
}

/// The figures of one clip, by way and name; none of a clip that does not show two things of different names. `pixels`:
/// `(3,R,R)` of each frame.
pub(super) fn figures(
    session: &Session,
    words: &Words,
    class: usize,
    scene: &Scene,
    pixels: &[&[f32]],
) -> Result<Vec<(Way, &'static str, f64)>, WorkError> {
    let Scene::Shape(shapes) = scene else { return Ok(Vec::new()) };
    let Some((still, _)) = shapes.distractor.as_ref().filter(|(o, _)| *o != shapes.mover) else {
        return Ok(Vec::new());
    };
    let (size, grid, frames) = (session.info.image_size, session.info.grid, pixels.len());
    let covered =
        |mask: &[f32]| -> Vec<bool> { coverage(mask, size, grid).into_iter().map(|c| c > COVERED).collect() };
    let movers: Vec<Vec<bool>> = (0..frames).map(|t| covered(&scene.mover_mask(t, frames, size))).collect();
    let still_at = scene.still_mask(0, frames, size).map_or_else(Vec::new, |m| covered(&m));
    let places = |mover: bool| -> Vec<Place> {
        let of = |m: &Vec<bool>| match mover {
            true => Place { named: m.clone(), other: still_at.clone() },
            false => Place { named: still_at.clone(), other: m.clone() },
        };
        movers.iter().map(of).collect()
    };
    let (moving, standing) = (places(true), places(false));

    let mut found = Vec::new();
    let read = session.read_patches(pixels, &Reading::ALL)?;
    for (reading, frames) in Reading::ALL.into_iter().zip(read) {
        let support = Support { frames, grid };
        for less in [false, true] {
            let mut add = |name, value| found.push(((reading, less), name, value));
            let shared = words.common_things.as_deref().filter(|_| less);
            for (object, places) in [(shapes.mover, &moving), (*still, &standing)] {
                let Some(text) = words.of(object) else { continue };
                let map = support.map(text, shared);
                for (hit, chance) in points(&map, places) {
                    add("pointing", if hit { 100.0 } else { 0.0 });
                    add("pointing_chance", 100.0 * chance);
                }
                add("auroc", everywhere(&map, places));
                add("apart", apart(&map, places));
            }
            let shared = words.common_motions.as_deref().filter(|_| less);
            if let Some(text) = words.motions.get(class).and_then(Option::as_deref) {
                add("motion_words_auroc", everywhere(&support.map(text, shared), &moving));
            }
        }
    }
    Ok(found)
}

/// The pointing game: whether the highest patch of each frame that shows the thing lies on it, and how likely any patch is to.
fn points(map: &Map, places: &[Place]) -> Vec<(bool, f64)> {
    let shown = places.iter().enumerate().filter(|(_, place)| place.named.contains(&true));
    let hit = |(t, place): (usize, &Place)| {
        let best = map.frame(t).iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        let covered = place.named.iter().filter(|n| **n).count();
        (best.is_some_and(|(p, _)| place.named[p]), covered as f64 / place.named.len() as f64)
    };
    shown.map(hit).collect()
}

/// AUROC of the thing's patches against all others, over the clip.
fn everywhere(map: &Map, places: &[Place]) -> f64 {
    auroc(map.data.iter().zip(places.iter().flat_map(|p| &p.named)).map(|(v, p)| (*v, *p)))
}

/// AUROC of the thing's patches against those of the other thing alone.
fn apart(map: &Map, places: &[Place]) -> f64 {
    let both = places.iter().flat_map(|p| p.named.iter().zip(&p.other));
    let of = |(v, (named, other)): (&f32, (&bool, &bool))| (*named != *other).then_some((*v, *named));
    auroc(map.data.iter().zip(both).filter_map(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_of_the_truth_points_and_its_opposite_does_not() {
        let places = || {
            let place =
                |named: [bool; 4], other: [bool; 4]| Place { named: named.into(), other: other.into() };
            vec![
                place([true, false, false, false], [false, true, false, false]),
                place([false; 4], [false, true, false, false]),
            ]
        };
        let map = |data: [f32; 8]| Map { frames: 2, rows: 2, cols: 2, data: data.into() };
        let good = map([0.9, 0.2, 0.1, 0.3, 0.1, 0.2, 0.1, 0.3]);
        assert_eq!(points(&good, &places()), [(true, 0.25)], "a frame without the thing does not count");
        assert_eq!((everywhere(&good, &places()), apart(&good, &places())), (1.0, 1.0));
        let opposite = map(good.data.iter().map(|v| -v).collect::<Vec<_>>().try_into().unwrap());
        assert_eq!(points(&opposite, &places()), [(false, 0.25)]);
        assert_eq!((everywhere(&opposite, &places()), apart(&opposite, &places())), (0.0, 0.0));
    }

    #[test]
    fn things_have_an_article() {
        assert_eq!(name(Object { shape: Shape::Ring, colour: 0 }), "a red ring");
        assert_eq!(name(Object { shape: Shape::Bar, colour: 7 }), "an orange bar");
    }
}
