//! The CLIP towers against Hugging Face transformers (METHOD §11), on random weights kept in `fixtures/`.

use burn::tensor::{Device, Int, Tensor, TensorData};
use motionlens::model::config::ConfigFile;
use motionlens::model::towers::normalise;
use motionlens::model::weights::{Weights, load_clip};
use motionlens::model::{ClipConfig, Towers};
use safetensors::SafeTensors;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn load(name: &str, device: &Device) -> (ClipConfig, Towers) {
    let file: ConfigFile =
        serde_json::from_slice(&std::fs::read(folder(name).join("config.json")).unwrap()).unwrap();
    let weights = Weights::read(&folder(name).join("model.safetensors")).unwrap();
    load_clip(&file, weights, device).unwrap()
}

struct Reference(Vec<u8>);

impl Reference {
    fn read(name: &str) -> Self {
        Self(std::fs::read(folder(name).join("reference.safetensors")).unwrap())
    }
    fn data(&self, name: &str) -> TensorData {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap();
        let chunks = view.data().as_chunks::<4>().0;
        match view.dtype() {
            safetensors::Dtype::I32 => TensorData::new(
                chunks.iter().map(|b| i32::from_le_bytes(*b)).collect::<Vec<_>>(),
                view.shape(),
            ),
            _ => TensorData::new(
                chunks.iter().map(|b| f32::from_le_bytes(*b)).collect::<Vec<_>>(),
                view.shape(),
            ),
        }
    }
    fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        Tensor::from_data(self.data(name), device)
    }
}

/// Largest |a − b| / (1 + |b|): abs 1e-4 and rel 1e-4 in one number.
fn error<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    ((a - b.clone()).abs() / (b.abs() + 1.0)).max().into_scalar::<f32>()
}

fn parity(name: &str, device: &Device, tolerance: f32) {
    let (config, clip) = load(name, device);
    let reference = Reference::read(name);
    let pixels: Tensor<4> = reference.tensor("pixels", device);
    for (i, hidden) in clip.vision_model.hidden_states(pixels.clone()).into_iter().enumerate() {
        let e = error(hidden, reference.tensor(&format!("vision_hidden_{i}"), device));
        assert!(e < tolerance, "vision hidden state {i}: {e}");
    }
    let tokens = clip.vision_model.forward(pixels);
    let e = error(tokens.clone(), reference.tensor("vision_tokens_post_layernorm", device));
    assert!(e < tolerance, "tokens after post_layernorm: {e}");

    let ids = reference.data("ids");
    let rows: Vec<Vec<u32>> =
        ids.as_slice::<i32>().unwrap().chunks(16).map(|r| r.iter().map(|&i| i as u32).collect()).collect();
    let hidden = clip.text_model.hidden_states(Tensor::<2, Int>::from_data(ids, device));
    for (i, hidden) in hidden.into_iter().enumerate() {
        let e = error(hidden, reference.tensor(&format!("text_hidden_{i}"), device));
        assert!(e < tolerance, "text hidden state {i}: {e}");
    }

    // The rows end at ids 98 in places 3, 7, 11 and 15: the tower cuts them there, the reference did not.
    let text = clip.text(&rows, &config);
    let image = clip.project_class_token(tokens);
    let e = error(text.clone(), reference.tensor("text_projection", device));
    assert!(e < tolerance, "text projection, cut at the EOT: {e}");
    let e = error(image.clone(), reference.tensor("image_projection", device));
    assert!(e < tolerance, "image projection: {e}");
    let (text, image) = (normalise(text), normalise(image));
    for (ours, name) in [(&text, "text_embeds"), (&image, "image_embeds")] {
        let cosines = (ours.clone() * reference.tensor(name, device)).sum_dim(1);
        let worst = cosines.min().into_scalar::<f32>();
        assert!(worst >= 1.0 - 1e-6 - tolerance * 1e-2, "{name}: cosine {worst}");
    }
    let logits = image.matmul(text.transpose()) * clip.logit_scale.val().exp().unsqueeze();
    let e = error(logits, reference.tensor("logits_per_image", device));
    assert!(e < tolerance, "logits: {e}");
}

/// METHOD §11's tolerance of the CPU, twice that where f32 is made of two bf16.
fn cpu_tolerance() -> f32 {
    if motionlens_encoder::tiles().is_some() { 2e-4 } else { 1e-4 }
}

#[test]
fn towers_match_transformers() {
    parity("clip-tiny", &Device::flex(), cpu_tolerance());
}

#[test]
fn towers_match_transformers_with_the_old_eos_token_id() {
    parity("clip-tiny-eos2", &Device::flex(), cpu_tolerance());
}

#[test]
fn towers_match_transformers_through_wgpu() {
    match motionlens::device::open(motionlens::device::DeviceChoice::Gpu, None) {
        Ok((device, info)) => {
            eprintln!("on {}", info.name);
            parity("clip-tiny", &device, 1e-3);
        }
        Err(e) => eprintln!("skipped, there is no wgpu adapter: {e}"),
    }
}

#[test]
fn a_prompt_cut_at_its_eot_gives_the_same_embedding_as_a_padded_one() {
    let device = Device::flex();
    for name in ["clip-tiny", "clip-tiny-eos2"] {
        let (config, clip) = load(name, &device);
        let short = vec![97, 10, 20, 98];
        let mut padded = short.clone();
        padded.extend([98; 12]);
        let together =
            clip.text(&[short.clone(), vec![97, 5, 6, 7, 8, 9, 10, 11, 98]], &config).narrow(0, 0, 1);
        let alone = clip.text(&[short], &config);
        let long = clip.text(&[padded], &config);
        assert!(error(alone.clone(), long) < 1e-6);
        assert!(error(alone, together) < 1e-6);
    }
}

/// Name, shape and bytes of a tensor in a file.
type Stored = (String, Vec<usize>, Vec<u8>);

#[test]
fn a_wrong_file_is_refused_by_the_name_of_the_tensor() {
    use motionlens::model::weights::{Precision, to_safetensors};
    let device = Device::flex();
    let (config, clip) = load("clip-tiny", &device);
    let bytes = to_safetensors(&clip, Precision::F32).unwrap();
    let refuse = |bytes: Vec<u8>, file: &ConfigFile| {
        load_clip(file, Weights::from_bytes("model.safetensors", bytes), &device).unwrap_err().to_string()
    };
    let good = config.to_file();
    let edit = |change: &dyn Fn(&mut Vec<Stored>)| {
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let mut all: Vec<_> =
            file.tensors().into_iter().map(|(n, v)| (n, v.shape().to_vec(), v.data().to_vec())).collect();
        change(&mut all);
        let view =
            |s: &Vec<usize>, d| safetensors::tensor::TensorView::new(safetensors::Dtype::F32, s.clone(), d);
        safetensors::serialize(all.iter().map(|(n, s, d)| (n.clone(), view(s, d).unwrap())), None).unwrap()
    };
    let victim = "vision_model.encoder.layers.1.mlp.fc1.weight";
    let message = refuse(edit(&|all| all.retain(|t| t.0 != victim)), &good);
    assert!(message.contains("model.safetensors") && message.contains(victim), "{message}");
    let message = refuse(
        edit(&|all| {
            let t = all.iter_mut().find(|t| t.0 == victim).unwrap();
            t.1 = vec![128, 128];
        }),
        &good,
    );
    assert!(message.contains("layers.1.mlp.fc1"), "{message}");
    let message = refuse(
        edit(&|all| {
            let t = all.iter_mut().find(|t| t.0 == victim).unwrap();
            t.2[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        }),
        &good,
    );
    assert!(message.contains(victim) && message.contains("NaN"), "{message}");
    let message = refuse(bytes[..bytes.len() / 2].to_vec(), &good);
    assert!(message.contains("not a readable safetensors file"), "{message}");
    let mut wrong = good.clone();
    wrong.projection_dim = Some(41);
    let message = refuse(bytes.clone(), &wrong);
    assert!(message.contains("projection_dim = 41") && message.contains("40"), "{message}");
    let mut wrong = good;
    wrong.vision_config.as_mut().unwrap().num_attention_heads = Some(7);
    let message = refuse(bytes.clone(), &wrong);
    assert!(message.contains("7 attention heads"), "{message}");
}

#[test]
fn half_precision_files_load_to_nearly_the_same_embedding() {
    use motionlens::model::weights::{Precision, to_safetensors};
    let device = Device::flex();
    let (config, clip) = load("clip-tiny", &device);
    let bytes = to_safetensors(&clip, Precision::F16).unwrap();
    let (_, half) = load_clip(&config.to_file(), Weights::from_bytes("f16", bytes), &device).unwrap();
    let pixels: Tensor<4> = Reference::read("clip-tiny").tensor("pixels", &device);
    let cosine = (normalise(clip.image(pixels.clone())) * normalise(half.image(pixels))).sum_dim(1);
    assert!(cosine.min().into_scalar::<f32>() > 0.999);
}
