//! The procedural world: seeds, classes, and that no unseen composition leaks into stage 1.

use motionlens::data::captions::{holds, sample, vocabulary};
use motionlens::data::cast::Cast;
use motionlens::data::world::{Manner, Motion, Scene, UNSEEN, rng};

#[test]
fn eight_unseen_classes_in_reversal_pairs_whose_words_are_all_seen() {
    assert_eq!(Motion::all().len(), 32);
    assert_eq!(Motion::seen().len(), 24);
    for motion in UNSEEN {
        assert!(UNSEEN.contains(&motion.reversed()) && motion.reversed() != motion);
        assert!(Motion::seen().iter().any(|s| s.direction == motion.direction));
        assert!(Motion::seen().iter().any(|s| s.manner == motion.manner));
    }
    for motion in Motion::all() {
        assert_eq!(motion.reversed().reversed(), motion);
    }
}

#[test]
fn the_vocabulary_has_the_words_of_method_10() {
    let words = vocabulary();
    assert_eq!(words.len(), 53);
    for name in Motion::all().iter().map(|m| format!("a video of an object not {}", m.name())) {
        for word in name.split(' ') {
            assert!(words.iter().any(|w| w == word), "{word}");
        }
    }
}

#[test]
fn a_seed_names_a_clip_and_the_next_index_another() {
    let scene = |seed, index| Scene::random(&mut rng(seed, index), Motion::all()[5]);
    assert_eq!(scene(3, 7), scene(3, 7));
    assert_ne!(scene(3, 7), scene(3, 8));
    assert_ne!(scene(3, 7), scene(4, 7));
    assert_eq!(scene(3, 7).frame(2, 8, 64), scene(3, 7).frame(2, 8, 64));
}

#[test]
fn no_caption_names_an_unseen_class_and_every_caption_holds_of_its_own_image() {
    let unseen: Vec<String> = UNSEEN.iter().map(|m| m.name()).collect();
    let mut true_pairs = 0;
    let samples: Vec<_> = (0..400).map(|i| sample(&mut rng(11, i), 16)).collect();
    for s in &samples {
        assert!(!unseen.iter().any(|name| s.caption.contains(name)), "{}", s.caption);
        assert!(holds(&s.spec, &s.truth), "{}", s.caption);
        true_pairs += samples.iter().filter(|o| holds(&s.spec, &o.truth)).count();
    }
    // Captions say only a part, so many hold of other images too, but by far not of all.
    let share = true_pairs as f64 / (400.0 * 400.0);
    assert!((0.02..0.4).contains(&share), "{share}");
}

#[test]
fn only_the_mover_changes_between_frames() {
    for (i, motion) in Motion::all().into_iter().enumerate() {
        let scene = Scene::random(&mut rng(2, i as u64), motion);
        let frames = scene.frames(8, 64);
        let mut swept = vec![false; 64 * 64];
        for t in 0..8 {
            for (s, m) in swept.iter_mut().zip(scene.mover_mask(t, 8, 64)) {
                *s |= m > 0.0;
            }
        }
        for frame in &frames[1..] {
            for (p, (a, b)) in frame.chunks(3).zip(frames[0].chunks(3)).enumerate() {
                assert!(swept[p] || a == b, "{} changes outside its mover", motion.name());
            }
        }
        assert!(frames[7] != frames[0] || motion.manner == Manner::Blinking);
    }
}

#[test]
fn a_clip_played_backwards_is_distributed_as_its_mirror_class() {
    // Not the same clip, but the same statistics: mean displacement and mean size change of many clips.
    let mean = |motion: Motion, backwards: bool| {
        let mut sum = [0.0f64; 4];
        for i in 0..400 {
            let scene = Scene::random(&mut rng(9, i), motion);
            let (a, b) = (scene.pose(0, 8), scene.pose(7, 8));
            let (a, b) = if backwards { (b, a) } else { (a, b) };
            let step = [b.x - a.x, b.y - a.y, b.radius - a.radius, b.opacity - a.opacity];
            sum.iter_mut().zip(step).for_each(|(s, v)| *s += f64::from(v) / 400.0);
        }
        sum
    };
    for motion in Motion::all() {
        let (backwards, mirror) = (mean(motion, true), mean(motion.reversed(), false));
        for (a, b) in backwards.iter().zip(mirror) {
            assert!((a - b).abs() < 0.8, "{}: {backwards:?} against {mirror:?}", motion.name());
        }
    }
}

#[test]
fn the_bundled_prompt_set_names_the_classes_of_the_world() {
    let set = motionlens::ui::bundled::prompts(Cast::Shapes);
    let names: Vec<String> = set.classes.iter().map(|c| c.name.clone()).collect();
    let mut expected: Vec<String> = Motion::all().iter().map(|m| m.name()).collect();
    assert_eq!(names.len(), expected.len());
    expected.retain(|name| !names.contains(name));
    assert!(expected.is_empty(), "missing: {expected:?}");
}
