//! Model folders that are mutated at random: each is refused in words or is a model that answers; never a panic, never a hang, and
//! memory stays bounded. `make test` tries a sample of them, `make soak` 2,000; `MOTIONLENS_SOAK` is their number, and each is its seed.

#[path = "common/mutate.rs"]
mod mutate;

use burn::tensor::Device;
use motionlens::model::config::TowerConfig;
use motionlens::model::folder::Card;
use motionlens::model::head::HeadConfig;
use motionlens::model::weights::{Precision, to_safetensors};
use motionlens::model::{ClipConfig, Surgery, Towers};
use motionlens::prompt::PromptSet;
use motionlens::prompt::tokenizer::word_tokenizer_json;
use motionlens::session::{ModelSource, Session};
use mutate::mutated_json;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{SafeTensors, TensorView};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

type Files = BTreeMap<&'static str, Vec<u8>>;

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PARTS: [&str; 2] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

/// A small CLIP with a head, its files by name.
fn whole() -> Files {
    let tower = |width| TowerConfig { width, layers: 2, heads: 2, mlp: 2 * width, layer_norm_eps: 1e-5 };
    let words = ["a", "person", "video", "moving", "left", "right", "not", "of"];
    let config = ClipConfig {
        vision: tower(32),
        image_size: 16,
        patch_size: 8,
        text: tower(16),
        vocab: words.len() + 4,
        context: 8,
        eos_token_id: 3,
        joint: 16,
    };
    let device = Device::flex();
    let head = HeadConfig::new(32, 16, 2);
    let card = Card {
        version: 1,
        name: "test".into(),
        note: None,
        head: head.clone(),
        alpha: 0.25,
        templates: None,
        scale: None,
        training: serde_json::Value::Null,
        figures: serde_json::Value::Null,
    };
    let clip = to_safetensors(&Towers::init(&config, &device), Precision::F32).unwrap();
    Files::from([
        ("config.json", serde_json::to_vec(&config.to_file()).unwrap()),
        (WEIGHTS, clip),
        ("tokenizer.json", word_tokenizer_json(&words).unwrap()),
        (
            "preprocessor_config.json",
            br#"{"image_mean":[0.5,0.5,0.5],"image_std":[0.25,0.25,0.25]}"#.to_vec(),
        ),
        ("motion_head.safetensors", to_safetensors(&head.init(&device), Precision::F16).unwrap()),
        ("motionlens.json", serde_json::to_vec(&card).unwrap()),
    ])
}

/// The same with its weights in two files.
fn sharded(mut files: Files) -> Files {
    let bytes = files.remove(WEIGHTS).unwrap();
    let all = SafeTensors::deserialize(&bytes).unwrap();
    let mut map = serde_json::Map::new();
    for (i, part) in PARTS.into_iter().enumerate() {
        let own = all.tensors().into_iter().enumerate().filter(|(n, _)| n % 2 == i).map(|(_, tensor)| tensor);
        let own: Vec<(String, TensorView<'_>)> = own.collect();
        own.iter().for_each(|(name, _)| drop(map.insert(name.clone(), part.into())));
        files.insert(part, safetensors::serialize(own, None).unwrap());
    }
    let index = serde_json::json!({ "metadata": { "total_size": bytes.len() }, "weight_map": map });
    files.insert(INDEX, index.to_string().into_bytes());
    files
}

/// What is done to one file; `others` are the contents of all.
fn mutate(name: &str, bytes: &mut Vec<u8>, others: &[Vec<u8>], rng: &mut ChaCha8Rng) {
    let choice = rng.random_range(0..10);
    match (choice, name.ends_with(".safetensors")) {
        (0, _) => bytes.truncate(rng.random_range(0..bytes.len())),
        (1, _) => *bytes = others.choose(rng).unwrap().clone(),
        (2, _) => bytes.extend(std::iter::repeat_with(|| rng.random::<u8>()).take(100)),
        (3..=5, true) => {
            // The header, which says what the rest means, behind its length.
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
            let header = mutated_json(&header, rng);
            let rest = bytes.split_off(8 + length);
            *bytes = [&(header.len() as u64).to_le_bytes()[..], &header, &rest].concat();
        }
        (6, true) => {
            let length = *[0, 1, 7, u64::MAX, 1 << 40, bytes.len() as u64].choose(rng).unwrap();
            bytes[..8].copy_from_slice(&length.to_le_bytes());
        }
        (_, true) => flip(bytes, rng),
        (3..=8, false) => *bytes = mutated_json(&serde_json::from_slice(bytes).unwrap(), rng),
        _ => flip(bytes, rng),
    }
}

/// Other bytes in a few places; in weights that is another number, an infinity, or none.
fn flip(bytes: &mut [u8], rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..20) {
        let at = rng.random_range(0..bytes.len());
        bytes[at] = rng.random();
    }
}

fn write(folder: &Path, files: &Files, rng: &mut ChaCha8Rng) {
    let others: Vec<Vec<u8>> = files.values().cloned().collect();
    let mut files = files.clone();
    for _ in 0..rng.random_range(1..3) {
        let names: Vec<&str> = files.keys().copied().collect();
        let name = *names.choose(rng).unwrap();
        if rng.random_range(0..12) == 0 {
            files.remove(name);
        } else if let Some(bytes) = files.get_mut(name).filter(|bytes| serde_or_weights(name, bytes)) {
            mutate(name, bytes, &others, rng);
        }
    }
    files.iter().for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes).unwrap());
}

/// Whether a file is still what it was made to be: one that was mutated already may not be.
fn serde_or_weights(name: &str, bytes: &[u8]) -> bool {
    match name.ends_with(".safetensors") {
        true => SafeTensors::deserialize(bytes).is_ok(),
        false => serde_json::from_slice::<serde_json::Value>(bytes).is_ok(),
    }
}

/// Loads a folder and asks it about a clip; the error is in words.
fn answers(folder: &Path) -> Result<usize, String> {
    let source = ModelSource::Folder(folder.to_owned());
    let mut session = Session::load(&source, &Device::flex(), &|_, _| ()).map_err(|e| e.to_string())?;
    let (side, frames) = (session.preprocess.size, session.info.frames);
    let frame: Vec<f32> = (0..3 * side * side).map(|i| (i % 7) as f32 / 7.0).collect();
    let pixels = vec![frame; frames];
    let (classes, _) = session
        .classes(&PromptSet::from_names(["moving left", "moving right"]), &mut |_, _| true)
        .map_err(|e| e.to_string())?;
    let tokens = session.encode_frames(&pixels, &Surgery::default()).map_err(|e| e.to_string())?;
    session.evidence(session.clips(&tokens, frames), &Surgery::default(), None).map_err(|e| e.to_string())?;
    Ok(classes.len())
}

/// Bytes that this process has had in memory at most, where the system says it.
fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kb| kb << 10)
}

#[test]
fn mutated_folders_never_panic_hang_or_fill_memory() {
    let folders: u64 = std::env::var("MOTIONLENS_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(80);
    let bases = [whole(), sharded(whole())];
    let dir = tempfile::tempdir().unwrap();
    for base in &bases {
        let folder = dir.path().join("whole");
        std::fs::create_dir(&folder).unwrap();
        base.iter().for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes).unwrap());
        assert_eq!(answers(&folder), Ok(2));
        std::fs::remove_dir_all(&folder).unwrap();
    }
    let before = most_memory();
    let (mut good, mut refused) = (0, 0);
    for seed in 0..folders {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let folder = dir.path().join(seed.to_string());
        std::fs::create_dir(&folder).unwrap();
        write(&folder, bases.choose(&mut rng).unwrap(), &mut rng);
        let (tell, told) = mpsc::channel();
        let of = folder.clone();
        std::thread::spawn(move || {
            tell.send(catch_unwind(AssertUnwindSafe(|| answers(&of))).map_err(|_| ()))
        });
        let answer =
            told.recv_timeout(Duration::from_secs(120)).unwrap_or_else(|_| panic!("seed {seed} hangs"));
        match answer.unwrap_or_else(|()| panic!("seed {seed} panics")) {
            Ok(classes) => {
                assert_eq!(classes, 2, "seed {seed}");
                good += 1;
            }
            Err(message) => {
                assert!(!message.is_empty() && message.len() < 2000, "seed {seed}: {message}");
                assert!(!message.contains("panicked"), "seed {seed}: {message}");
                refused += 1;
            }
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
    eprintln!("{folders} folders: {good} are models still, {refused} are refused");
    assert!(good > 0 && refused > good / 4);
    if let Some((before, after)) = before.zip(most_memory()) {
        assert!(after - before < 512 << 20, "{} MiB more than for a whole folder", (after - before) >> 20);
    }
}
