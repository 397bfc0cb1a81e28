//! The motion head may read the patches of an earlier vision layer: what that must not change, and that a model folder says it.

use burn::tensor::{Device, Tensor, TensorData};
use motionlens::data::cast::Cast;
use motionlens::data::world::rng;
use motionlens::model::folder::{Card, ModelFiles};
use motionlens::model::head::HeadConfig;
use motionlens::model::weights::{Precision, save};
use motionlens::model::{ClipConfig, Surgery, Towers};
use motionlens::session::{ModelSource, Session};
use motionlens::train::features::world_pixels;
use std::path::{Path, PathBuf};

fn assets() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/model")
}

/// The embedded towers under an untrained head.
fn untrained() -> Session {
    let session = Session::load(&ModelSource::Shapes, &Device::flex(), &|_, _| ()).unwrap();
    session.with_head(HeadConfig::new(128, 128, 4).init(&Device::flex())).unwrap()
}

fn pixels(session: &Session) -> Vec<f32> {
    let scene = Cast::Shapes.classes()[5].scene(&mut rng(5, 0));
    world_pixels(&scene.frames(8, 64), &session.preprocess)
}

#[test]
fn an_untrained_head_is_clip_and_a_frozen_clip_has_no_motion_whatever_the_layer() {
    let plain = untrained();
    let pixels = pixels(&plain);
    let frames: Vec<&[f32]> = pixels.chunks_exact(3 * 64 * 64).collect();
    let embedding = |session: &Session| {
        let tokens = session.encode_frames(&frames, &Surgery::default()).unwrap();
        session.embed(session.clips(&tokens, 8), &Surgery::default()).unwrap().remove(0)
    };
    let clip = embedding(&plain);
    for layer in 1..=4 {
        let session = plain.with_motion_layer(Some(layer)).unwrap();
        for (a, b) in embedding(&session).iter().zip(&clip) {
            assert!((a - b).abs() < 1e-6, "layer {layer}: {a} and {b}");
        }
        let still = session.encode_frames(&[frames[3]; 8], &Surgery::default()).unwrap();
        let x = session.clips(&still, 8);
        let (evidence, _) = session.evidence(x, &Surgery::default(), None).unwrap();
        assert!(evidence.maps.motion.data.iter().all(|v| v.abs() < 1e-6), "layer {layer}");
    }
    let last =
        plain.with_motion_layer(Some(4)).unwrap().encode_frames(&frames[..1], &Surgery::default()).unwrap();
    assert_eq!(
        last,
        plain.encode_frames(&frames[..1], &Surgery::default()).unwrap(),
        "the last layer is what it was"
    );
    let second =
        plain.with_motion_layer(Some(2)).unwrap().encode_frames(&frames[..1], &Surgery::default()).unwrap();
    assert_ne!(last, second);
}

#[test]
fn a_layer_that_is_chosen_is_read_and_a_patch_is_likened_to_prompts_by_the_last_layer() {
    let plain = untrained();
    let pixels = pixels(&plain);
    let frames: Vec<&[f32]> = pixels.chunks_exact(3 * 64 * 64).collect();
    let at = |layer| Surgery { motion_layer: Some(layer), ..Surgery::default() };
    let likeness = |surgery: &Surgery, pixels| {
        let x = plain.clips(&plain.encode_frames(&frames, surgery).unwrap(), 8);
        plain.patch(&x, surgery, (3, 20), pixels).map(|found| found.joint)
    };
    let last = likeness(&Surgery::default(), None).unwrap();
    for layer in [0, 5] {
        let refused = plain.encode_frames(&frames[..1], &at(layer)).unwrap_err().to_string();
        assert!(refused.contains(&format!("no vision layer {layer}")), "{refused}");
    }
    for layer in 1..=4 {
        let tokens = plain.encode_frames(&frames[..1], &at(layer)).unwrap();
        let other = plain.with_motion_layer(Some(usize::from(layer))).unwrap();
        assert_eq!(tokens, other.encode_frames(&frames[..1], &Surgery::default()).unwrap(), "layer {layer}");
        let joint = likeness(&at(layer), Some(frames[3])).unwrap();
        assert!(joint.iter().zip(&last).all(|(a, b)| (a - b).abs() < 1e-5), "layer {layer}");
    }
    assert!(likeness(&at(2), None).is_err(), "the last layer is not in x, and no frame to read it from");
}

#[test]
fn a_clip_without_a_head_takes_its_maps_from_a_quarter_of_its_depth() {
    let dir = tempfile::tempdir().unwrap();
    folder(dir.path(), None);
    for file in ["motion_head.safetensors", "motionlens.json"] {
        std::fs::remove_file(dir.path().join(file)).unwrap();
    }
    let model = ModelFiles::read(dir.path()).unwrap().load(&Device::flex()).unwrap();
    assert!(!model.head_trained);
    assert_eq!(model.head_config.motion_layer, Some(1));
}

#[test]
fn some_patches_in_their_order_are_all_patches() {
    let device = Device::flex();
    let config = ClipConfig { image_size: 24, ..ClipConfig::people(10) };
    let vision = Towers::init(&config, &device).vision_model.with_sinusoidal_positions();
    let data: Vec<f32> = (0..2 * 3 * 24 * 24).map(|i| (i as f32 * 0.37).sin()).collect();
    let pixels = Tensor::<4>::from_data(TensorData::new(data, [2, 3, 24, 24]), &device);
    let all = vision.forward(pixels.clone()).into_data();
    all.assert_approx_eq::<f32>(
        &vision.forward_some(pixels.clone(), &[vec![0, 1, 2, 3], vec![0, 1, 2, 3]]).into_data(),
        burn::tensor::Tolerance::absolute(1e-6),
    );
    assert_eq!(vision.forward_some(pixels, &[vec![3, 1], vec![0, 2]]).dims(), [2, 3, 128]);
}

fn folder(dir: &Path, layer: Option<usize>) {
    for file in ["config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"] {
        std::fs::copy(assets().join(file), dir.join(file)).unwrap();
    }
    let head = HeadConfig { motion_layer: layer, ..HeadConfig::new(128, 128, 4) };
    save(&head.init(&Device::flex()), &dir.join("motion_head.safetensors"), Precision::F32).unwrap();
    let card = Card {
        scale: None,
        version: 1,
        note: None,
        name: "test".into(),
        head,
        alpha: 0.0,
        templates: None,
        training: serde_json::Value::Null,
        figures: serde_json::Value::Null,
    };
    std::fs::write(dir.join("motionlens.json"), serde_json::to_vec(&card).unwrap()).unwrap();
}

#[test]
fn a_card_says_the_layer_and_one_that_is_not_there_is_refused() {
    let load = |layer| {
        let dir = tempfile::tempdir().unwrap();
        folder(dir.path(), layer);
        ModelFiles::read(dir.path()).unwrap().load(&Device::flex())
    };
    // A card of the first build has no such field.
    let (none, second) = (load(None).unwrap(), load(Some(2)).unwrap());
    assert_eq!((none.head_config.motion_layer, second.head_config.motion_layer), (None, Some(2)));
    assert_ne!(none.identity, second.identity, "answers of one must not pass for the other's");
    for wrong in [0, 5] {
        let refused = load(Some(wrong)).err().unwrap().to_string();
        assert!(refused.contains("layer"), "{refused}");
    }
}
