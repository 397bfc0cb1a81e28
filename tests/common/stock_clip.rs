//! A CLIP with random weights in the layout of the field's, wide enough to be taken for one of them.

use burn::tensor::Device;
use motionlens::model::config::TowerConfig;
use motionlens::model::weights::{Precision, save};
use motionlens::model::{ClipConfig, Towers};
use motionlens::prompt::tokenizer::word_tokenizer_json;
use std::fs;
use std::path::Path;

/// Two layers of width 256, pictures of 224 × 224 in 49 patches, and where it is at hand (`shared/`) the tokenizer of OpenAI's CLIP. The
/// weights follow from the process's random numbers.
pub fn random_stock_clip(folder: &Path, shared: Option<&Path>) {
    let tower = |width, heads| TowerConfig { width, layers: 2, heads, mlp: 2 * width, layer_norm_eps: 1e-5 };
    let words: Vec<String> = (0..40).map(|i| format!("w{i}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (tokenizer, vocab, eos_token_id) = match shared {
        Some(shared) => {
            (fs::read(shared.join("fixtures/clip-tokenizer/tokenizer.json")).unwrap(), 49408, 49407)
        }
        None => (word_tokenizer_json(&words).unwrap(), 64, 3),
    };
    let config = ClipConfig {
        vision: tower(256, 4),
        image_size: 224,
        patch_size: 32,
        text: tower(64, 2),
        vocab,
        context: 77,
        eos_token_id,
        joint: 64,
    };
    fs::create_dir_all(folder).unwrap();
    let clip = Towers::init(&config, &Device::flex());
    save(&clip, &folder.join("model.safetensors"), Precision::F16).unwrap();
    fs::write(folder.join("config.json"), serde_json::to_vec(&config.to_file()).unwrap()).unwrap();
    fs::write(folder.join("tokenizer.json"), tokenizer).unwrap();
}
