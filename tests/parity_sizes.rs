//! CLIPs of the field's sizes against Hugging Face transformers (METHOD §11): random weights in f32, f16 and bf16 files, the tokenizer of
//! OpenAI's CLIP, a real clip. `tests/parity/make.py` makes them, where torch is present, and `MOTIONLENS_PARITY` names the folder; without
//! it there is nothing to compare with.

use burn::tensor::{Device, Tensor, TensorData};
use motionlens::model::Surgery;
use motionlens::prompt::PromptSet;
use motionlens::prompt::set::Class;
use motionlens::score::score;
use motionlens::session::{ModelSource, Session};
use motionlens::video::RgbImage;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use std::path::{Path, PathBuf};

fn floats(view: &TensorView<'_>) -> Vec<f32> {
    view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn numbers(view: &TensorView<'_>) -> Vec<u32> {
    view.data().as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Largest |a − b| / (1 + |b|).
fn error(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).fold(0.0, |worst: f32, (a, b)| worst.max((a - b).abs() / (1.0 + b.abs())))
}

fn rows(flat: &[f32], width: usize) -> impl Iterator<Item = &[f32]> {
    flat.chunks_exact(width)
}

/// Every comparison of one folder.
fn compare(folder: &Path) {
    let device = Device::flex();
    let bytes = std::fs::read(folder.join("reference.safetensors")).unwrap();
    let reference = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |name: &str| reference.tensor(name).unwrap();
    let session = Session::load(&ModelSource::Folder(folder.to_owned()), &device, &|_, _| ()).unwrap();
    // The reference has the patches of the last layer.
    let mut session = session.with_motion_layer(None).unwrap();
    let (width, joint) = (session.config().vision.width, session.config().joint);

    // Pictures: the very frames, preprocessed here and there.
    let frames = tensor("frames");
    let [count, height, wide, _] = frames.shape()[..] else { panic!("frames (T,H,W,3)") };
    let frame = |data: &[u8]| RgbImage { width: wide as u32, height: height as u32, data: data.to_vec() };
    let ours: Vec<Vec<f32>> =
        frames.data().chunks_exact(3 * wide * height).map(|data| session.pixels(&frame(data))).collect();
    let theirs = floats(&tensor("pixels"));
    let apart = error_of_pixels(&ours.concat(), &theirs);
    assert!(apart <= 1.0 / 255.0 / 0.26 + 1e-5, "pixels: {apart}");

    // The towers, on the same pixels.
    let pixels: Vec<&[f32]> = theirs.chunks_exact(theirs.len() / count).collect();
    let tokens = session.encode_frames(&pixels, &Surgery::default()).unwrap();
    let of_tokens = error(&tokens.concat(), &floats(&tensor("tokens")));
    let class_tokens: Vec<f32> = tokens.iter().flat_map(|t| t[..width].to_vec()).collect();
    let projected = session
        .model()
        .towers
        .visual_projection
        .forward(Tensor::<2>::from_data(TensorData::new(class_tokens, [count, width]), &device));
    let projected: Vec<f32> = projected.into_data().try_into_vec::<f32>().unwrap();
    let image = floats(&tensor("image"));
    let of_image =
        rows(&projected, joint).zip(rows(&image, joint)).map(|(a, b)| cosine(a, b)).fold(1.0, f64::min);

    // The texts: their ids exactly, and their embeddings.
    let texts = std::fs::read_to_string(folder.join("texts.txt")).unwrap();
    let texts: Vec<&str> = texts.split('\n').collect();
    let tokenizer = std::fs::read(folder.join("tokenizer.json")).unwrap();
    let tokenizer = motionlens::prompt::Tokenizer::from_bytes(&tokenizer, 77).unwrap();
    let ids: Vec<Vec<u32>> = texts.iter().map(|text| tokenizer.encode(text).ids).collect();
    assert_eq!(ids.concat(), numbers(&tensor("ids")), "token ids");
    assert_eq!(ids.iter().map(|row| row.len() as u32).collect::<Vec<_>>(), numbers(&tensor("lengths")));
    let class = |text: &&str| Class {
        positive: Some(vec![(*text).to_owned()]),
        negative: Some(Vec::new()),
        ..PromptSet::from_names([*text]).classes.remove(0)
    };
    let set = PromptSet { classes: texts.iter().map(class).collect(), ..PromptSet::from_names([""; 0]) };
    let (classes, _) = session.classes(&set, &mut |_, _| true).unwrap();
    let text = floats(&tensor("text"));
    let ours_text: Vec<&[f32]> = classes.iter().map(|c| c.positive.as_deref().unwrap()).collect();
    let of_text = ours_text.iter().zip(rows(&text, joint)).map(|(a, b)| cosine(a, b)).fold(1.0, f64::min);

    // Vanilla scores of the clip, by the untrained head.
    let clip = session.clips(&tokens, count);
    let f = session.embed(clip, &Surgery::default()).unwrap().remove(0);
    let scores = score(&f, &classes, session.info.tau, 0.0);
    let logits: Vec<f32> = scores.classes.iter().map(|c| c.logit.unwrap()).collect();
    let p: Vec<f32> = scores.classes.iter().map(|c| c.p).collect();
    let of_logits = error(&logits, &floats(&tensor("logits")));
    let theirs_p = floats(&tensor("p"));
    let of_p = p.iter().zip(&theirs_p).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));

    println!(
        "{}: pixels {apart:.4}, tokens {of_tokens:.1e}, 1 − cosine of images {:.1e} and texts {:.1e}, logits {of_logits:.1e}, p {of_p:.1e}",
        folder.file_name().unwrap().to_string_lossy(),
        1.0 - of_image,
        1.0 - of_text
    );
    assert!(of_tokens < 1e-4, "tokens: {of_tokens}");
    assert!(of_image >= 1.0 - 1e-6 && of_text >= 1.0 - 1e-6, "cosines {of_image} {of_text}");
    assert!(of_logits < 1e-4 && of_p < 1e-4, "scores: {of_logits} {of_p}");
    let best = |p: &[f32]| (0..p.len()).max_by(|a, b| p[*a].total_cmp(&p[*b]));
    assert_eq!(best(&p), best(&theirs_p));
}

/// Largest difference of two pictures, in units of the normalised pixels.
fn error_of_pixels(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).fold(0.0, |worst: f32, (a, b)| worst.max((a - b).abs()))
}

#[test]
fn clips_of_the_fields_sizes_agree_with_transformers() {
    let Some(place) = std::env::var_os("MOTIONLENS_PARITY").map(PathBuf::from) else {
        eprintln!("skipped: MOTIONLENS_PARITY is not set; tests/parity/make.py makes what is compared with");
        return;
    };
    let folders = std::fs::read_dir(&place).unwrap().map(|e| e.unwrap().path());
    let mut folders: Vec<PathBuf> = folders.filter(|p| p.join("reference.safetensors").is_file()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "{} holds no model with a reference.safetensors", place.display());
    folders.iter().for_each(|folder| compare(folder));
}
