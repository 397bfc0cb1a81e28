//! Answers of the hub that are mutated at random: never a panic, never a hang, nothing outside the cache, and no file in it that
//! is not what its name says. `make test` tries a sample of them, `make soak` 500; `MOTIONLENS_SOAK` is their number, and each is
//! its seed.

use super::hub_server::*;
use super::library::{Bench, short};
use super::mutate::mutated_json;
use motionlens::model::HubError;
use motionlens::model::hub::Patience;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::time::Duration;

/// Every file below a folder.
fn below(folder: &Path, out: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { below(&path, out) } else { out.push(path) }
    }
}

#[test]
fn mutated_answers_never_panic_hang_or_leave_a_wrong_file() {
    let answers: u64 = std::env::var("MOTIONLENS_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let files = tiny_clip();
    let rights: Vec<Vec<u8>> = files.values().cloned().collect();
    let mut whole = 0;
    for seed in 0..answers {
        let bench = Bench::new(files.clone());
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let fault = match rng.random_range(0..8) {
            0 => Fault::Cut { after: rng.random_range(0..3_000_000), times: rng.random_range(1..5) },
            1 => Fault::Altered,
            2 => {
                let code = *[100, 204, 206, 301, 304, 400, 401, 403, 404, 416, 429, 500, 503]
                    .choose(&mut rng)
                    .unwrap();
                Fault::Status { code, times: rng.random_range(1..5), questions: rng.random() }
            }
            _ => Fault::Info(mutated_json(&bench.server.info(), &mut rng)),
        };
        bench.server.fault(fault.clone());
        let patience = Patience { answer: Duration::from_secs(2), ..short() };
        let hub = bench.hub.clone().with_patience(patience);
        let done = hub
            .look(&ID.parse().unwrap(), &|| false)
            .and_then(|plan| hub.fetch(&plan, &|| false, &mut |_| ()));
        match &done {
            Ok(model) => {
                whole += 1;
                assert!(model.folder.starts_with(bench.dir.path()), "seed {seed}");
                for (name, path) in
                    ["config.json", "tokenizer.json", "model.safetensors"].map(|n| (n, model.folder.join(n)))
                {
                    if path.exists() {
                        assert!(
                            rights.contains(&std::fs::read(&path).unwrap()),
                            "seed {seed}, {name}: {fault:?}"
                        );
                    }
                }
            }
            Err(error) => {
                let text = error.to_string();
                assert!(!text.is_empty() && text.len() < 2000, "seed {seed}: {text}");
                assert!(!matches!(error, HubError::Cancelled), "seed {seed}");
            }
        }
        let mut all = Vec::new();
        below(bench.dir.path(), &mut all);
        for path in all.iter().filter(|p| p.parent().is_some_and(|p| p.ends_with("blobs"))) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let content = std::fs::read(path).unwrap();
            let right =
                name == sha256(&content) || name == git_sha1(&content) || name.ends_with(".incomplete");
            assert!(right, "seed {seed}: {name}");
        }
    }
    assert!(whole > 0, "some mutations do no harm");
}
