//! A large model for benches, whatever its weights.

use burn::tensor::Device;
use motionlens::model::weights::{Precision, save};
use motionlens::model::{ClipConfig, Towers};
use motionlens::prompt::tokenizer::word_tokenizer_json;
use std::path::Path;

/// A CLIP B/16 of random weights as a folder, with a tokenizer of words.
pub fn random_b16(folder: &Path) {
    let config = ClipConfig { eos_token_id: 3, ..ClipConfig::vit_b16() };
    let clip = Towers::init(&config, &Device::flex());
    save(&clip, &folder.join("model.safetensors"), Precision::F16).expect("weights");
    let json = serde_json::to_vec(&config.to_file()).expect("JSON");
    std::fs::write(folder.join("config.json"), json).expect("config.json");
    let words: Vec<String> = (0..1000).map(|i| format!("w{i}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let tokenizer = word_tokenizer_json(&words).expect("a tokenizer");
    std::fs::write(folder.join("tokenizer.json"), tokenizer).expect("tokenizer.json");
}
