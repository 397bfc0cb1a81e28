//! Where a prompt finds support: what reading the last vision layer in another way must not change, and what it gives.

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
    let session = Session::load(&ModelSource::Embedded, &Device::flex(), &|_, _| ()).unwrap();
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
    let session = Session::load(&ModelSource::Embedded, &Device::flex(), &|_, _| ()).unwrap();
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
    let tokens: Vec<Arc<[f32]>> = session.encode_frames(&frames).unwrap();
    let x = session.clips(&tokens, 8);
    // Every patch of one frame, and the corners of the clip.
    let some = (0..grid * grid).map(|patch| (3, patch)).chain([(0, 0), (7, grid * grid - 1)]);
    for (frame, patch) in some {
        let found = session.patch(&x, &Surgery::default(), frame, patch).unwrap();
        let joint = found.joint.expect("the default model reads the last layer");
        let want: f32 = joint.iter().zip(&prompt).map(|(a, b)| a * b).sum();
        let got = map.frame(frame)[patch];
        assert!((got - want).abs() < 1e-5, "frame {frame}, patch {patch}: {got} and {want}");
    }
}

#[test]
fn the_shipped_card_says_how_well_the_maps_point() {
    let session = Session::load(&ModelSource::Embedded, &Device::flex(), &|_, _| ()).unwrap();
    let pointing = session.info.pointing.expect("measured");
    assert!(pointing.hits > 2.0 * pointing.chance && (0.5..1.0).contains(&pointing.auroc));
    assert!(pointing.motion_words < pointing.auroc, "words of motion are not pointed at");
}
