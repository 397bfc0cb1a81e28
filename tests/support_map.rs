//! Where a prompt finds support: what reading the last vision layer in another way must not change, and what it gives. And the
//! likeness of a patch to those of another clip.

use burn::tensor::Device;
use motionlens::data::cast::Cast;
use motionlens::data::world::rng;
use motionlens::model::Surgery;
use motionlens::model::dense::Reading;
use motionlens::session::{ModelSource, Session, Support};
use motionlens::train::features::world_pixels;
use std::sync::Arc;

fn pixels(session: &Session, frames: usize) -> Vec<f32> {
    let scene = Cast::Shapes.classes()[5].scene(&mut rng(5, 0));
    world_pixels(&scene.frames(frames, 64), &session.preprocess)
}

#[test]
fn every_reading_gives_patches_of_unit_norm_and_none_is_what_clip_leaves_but_its_own() {
    let session = Session::load(&ModelSource::Shapes, &Device::flex(), &|_, _| ()).unwrap();
    let side = session.preprocess.size;
    let data: Vec<f32> = (0..2 * 3 * side * side).map(|i| (i as f32 * 0.37).sin()).collect();
    let frames: Vec<&[f32]> = data.chunks_exact(3 * side * side).collect();
    let width = session.config().joint;
    let patches = session.info.grid * session.info.grid;
    let read = session.read_patches(&frames, &Reading::ALL).unwrap();
    assert_eq!(read.len(), Reading::ALL.len());
    for (reading, frames) in Reading::ALL.iter().zip(&read) {
        assert_eq!(frames.len(), 2, "{reading:?}");
        for frame in frames {
            assert_eq!(frame.len(), patches * width, "{reading:?}");
            for row in frame.chunks_exact(width) {
                assert!((row.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-4, "{reading:?}");
            }
        }
        assert_eq!(frames == &read[0], *reading == Reading::CLIP, "{reading:?}");
    }
    // A batch of one says the same as a batch of two.
    let alone = session.read_patches(&frames[1..], &[Reading::SHOWN]).unwrap().remove(0).remove(0);
    let shown = Reading::ALL.iter().position(|r| *r == Reading::SHOWN).unwrap();
    assert!(alone.iter().zip(&*read[shown][1]).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn as_clip_reads_it_a_support_map_is_the_likeness_of_the_patches() {
    let session = Session::load(&ModelSource::Shapes, &Device::flex(), &|_, _| ()).unwrap();
    let pixels = pixels(&session, 8);
    let frames: Vec<&[f32]> = pixels.chunks_exact(3 * 64 * 64).collect();
    let read = session.read_patches(&frames, &[Reading::CLIP]).unwrap().remove(0);
    let grid = session.info.grid;
    let support = Support { frames: read, grid };
    let prompt: Vec<f32> = {
        let mut v: Vec<f32> = (0..session.config().joint).map(|i| (i as f32 * 0.7).cos()).collect();
        motionlens::score::normalise(&mut v);
        v
    };
    let map = support.map(&prompt, None);
    let tokens: Vec<Arc<[f32]>> = session.encode_frames(&frames, &Surgery::default()).unwrap();
    let x = session.clips(&tokens, 8);
    // Every patch of one frame, and the corners of the clip.
    let some = (0..grid * grid).map(|patch| (3, patch)).chain([(0, 0), (7, grid * grid - 1)]);
    for (frame, patch) in some {
        let found = session.patch(&x, &Surgery::default(), (frame, patch), None).unwrap();
        let joint = found.joint;
        let want: f32 = joint.iter().zip(&prompt).map(|(a, b)| a * b).sum();
        let got = map.frame(frame)[patch];
        assert!((got - want).abs() < 1e-5, "frame {frame}, patch {patch}: {got} and {want}");
    }
}

#[test]
fn a_patch_is_likened_to_another_clip_as_if_both_were_one() {
    let session = Session::load(&ModelSource::Shapes, &Device::flex(), &|_, _| ()).unwrap();
    let tokens = |class: usize| {
        let scene = Cast::Shapes.classes()[class].scene(&mut rng(class as u64, 0));
        let pixels = world_pixels(&scene.frames(8, 64), &session.preprocess);
        session
            .encode_frames(&pixels.chunks_exact(3 * 64 * 64).collect::<Vec<_>>(), &Surgery::default())
            .unwrap()
    };
    let (a, b) = (tokens(5), tokens(11));
    let one = |a: &[Arc<[f32]>], frame: usize, patch: usize| {
        session.patch(&session.clips(a, 8), &Surgery::default(), (frame, patch), None).unwrap()
    };
    let likeness = |a: &[Arc<[f32]>], (frame, patch): (usize, usize), b: &[Arc<[f32]>]| {
        let of_b = session.patch_tokens(&session.clips(b, 8)).unwrap();
        of_b.map(&one(a, frame, patch).token, None)
    };
    let (frame, patch) = (3, 20);
    let across = likeness(&a, (frame, patch), &b);
    assert_eq!((across.frames, across.rows, across.cols), (8, session.info.grid, session.info.grid));
    // A clip with that one frame of A among those of B: the likeness within it is what it has to be.
    let mut mixed = b.clone();
    mixed[0] = a[frame].clone();
    let within = one(&mixed, 0, patch).similarity;
    for t in 1..8 {
        for (got, want) in across.frame(t).iter().zip(within.frame(t)) {
            assert!((got - want).abs() < 1e-5, "frame {t}: {got} and {want}");
        }
    }
    assert!(across.data.iter().all(|v| (-1.0001..=1.0001).contains(v)));
    // To its own clip it is what the finding says; and what A is to B, B is to A.
    let own = likeness(&a, (frame, patch), &a);
    let found = one(&a, frame, patch).similarity;
    assert!(own.data.iter().zip(&found.data).all(|(a, b)| (a - b).abs() < 1e-5));
    assert!((own.frame(frame)[patch] - 1.0).abs() < 1e-5 && own.data != across.data);
    let back = likeness(&b, (6, 41), &a);
    assert!((across.frame(6)[41] - back.frame(frame)[patch]).abs() < 1e-5);
}

#[test]
fn the_shipped_card_says_how_well_the_maps_point() {
    let session = Session::load(&ModelSource::Shapes, &Device::flex(), &|_, _| ()).unwrap();
    let pointing = session.info.pointing.expect("measured");
    assert!(pointing.hits > 2.0 * pointing.chance && (0.5..1.0).contains(&pointing.auroc));
    assert!(pointing.motion_words < pointing.auroc, "words of motion are not pointed at");
}
