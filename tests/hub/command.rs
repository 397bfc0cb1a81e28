//! `motionlens model`, and `--model` with a model of the hub, in the built program: what goes where, and exit codes.

use super::hub_server::*;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn command(variables: &[(&str, String)], args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_motionlens"));
    for name in
        ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "HF_HUB_OFFLINE", "HF_TOKEN", "TRANSFORMERS_OFFLINE"]
    {
        command.env_remove(name);
    }
    command.env("MOTIONLENS_STATE_DIR", std::env::temp_dir()).env("XDG_CACHE_HOME", std::env::temp_dir());
    command.envs(variables.iter().map(|(k, v)| (k, v))).args(args).stdin(Stdio::null());
    command
}

fn motionlens(variables: &[(&str, String)], args: &[&str]) -> Output {
    command(variables, args).output().unwrap()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn says(output: &Output, code: i32, out: &[&str], err: &[&str]) -> String {
    let (stdout, stderr) = (words(&output.stdout), words(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{stdout}\n{stderr}");
    out.iter().for_each(|w| assert!(stdout.contains(w), "{w:?} in {stdout}"));
    err.iter().for_each(|w| assert!(stderr.contains(w), "{w:?} in {stderr}"));
    stdout
}

fn offline(server: &HubServer, cache: &Path) -> Vec<(&'static str, String)> {
    let mut variables = server.variables(cache);
    variables.push(("HF_HUB_OFFLINE", "1".to_owned()));
    variables
}

#[test]
fn a_model_is_listed_looked_at_fetched_verified_and_used_by_its_id() {
    let (server, dir) = (HubServer::start(tiny_clip()), tempfile::tempdir().unwrap());
    let cache = dir.path().join("cache");
    let variables = server.variables(&cache);
    let place = cache.display().to_string();

    let list = motionlens(&variables, &["model", "list"]);
    let known = "openai/clip-vit-base-patch32    not fetched";
    says(
        &list,
        0,
        &["people  ", "the default", "shapes  ", known, "openai/clip-vit-large-patch14"],
        &[&place],
    );
    assert!(server.asked().is_empty(), "a list asks nobody");

    let info = motionlens(&variables, &["model", "info", ID]);
    says(
        &info,
        0,
        &[
            "not fetched",
            "Licence: mit",
            "Size: 5.88 MB in 4 files",
            "model.safetensors",
            COMMIT,
            "model fetch",
        ],
        &[],
    );
    assert!(!cache.exists(), "nothing was written");

    // What is not here is no error of usage, but of what there is; nothing is asked.
    server.forget();
    let verify = motionlens(&variables, &["model", "verify", ID]);
    says(&verify, 2, &[], &["not in the cache", "motionlens model fetch someone/tiny-clip"]);
    assert!(server.asked().is_empty());

    let fetch = motionlens(&variables, &["model", "fetch", ID]);
    let told = ["Licence: mit", "5.88 MB to fetch", "Free there: ", "Ctrl+C stops", "is there."];
    let folder = says(&fetch, 0, &["snapshots"], &told);
    let stderr = words(&fetch.stderr);
    assert!(
        stderr.find("Licence").unwrap() < stderr.find("config.json").unwrap(),
        "before anything is fetched: {stderr}"
    );
    assert_eq!(
        folder.trim(),
        cache.join("models--someone--tiny-clip/snapshots").join(COMMIT).display().to_string()
    );

    // From here on the hub is not asked.
    server.forget();
    let offline = offline(&server, &cache);
    says(&motionlens(&offline, &["model", "list"]), 0, &["someone/tiny-clip", "5.88 MB in"], &["offline"]);
    let info = motionlens(&offline, &["model", "info", ID]);
    says(&info, 0, &["someone/tiny-clip\n", COMMIT, "64×64 pixels, 8×8 patches of 8", "untrained"], &[]);
    let verify = motionlens(&offline, &["model", "verify", ID]);
    says(
        &verify,
        0,
        &["model.safetensors: right, SHA-256", "config.json: right, git's SHA-1", "every tensor is there"],
        &[],
    );

    let synth = dir.path().join("clips");
    let synth = synth.to_str().unwrap();
    let args = ["synth", synth, "--class", "moving left steadily", "--size", "64", "--frames", "16"];
    says(&motionlens(&offline, &args), 0, &[], &[]);
    let clip = std::fs::read_dir(synth)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().unwrap() == "mp4");
    let clip = clip.unwrap().display().to_string();
    let experiment = dir.path().join("e.json").display().to_string();
    let args = ["analyze", &clip, "--device", "cpu", "--class", "moving left", "--class", "moving up"];
    let more = ["--model", ID, "--json", "-", "--experiment", &experiment];
    let by_id = motionlens(&offline, &[&args[..], &more].concat());
    let json = says(&by_id, 0, &["\"name\": \"someone/tiny-clip\""], &[]);
    // The same by its folder, and again from the experiment.
    let by_folder = motionlens(&offline, &[&args[..], &["--model", folder.trim(), "--json", "-"]].concat());
    let digest =
        |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap()["model"]["digest"].clone();
    assert_eq!(digest(&words(&by_folder.stdout)), digest(&json));
    says(&motionlens(&offline, &["replay", &experiment]), 0, &["the same numbers"], &[]);
    assert!(server.asked().is_empty());

    // A byte that changes is found, and a fetch puts it right.
    let weights =
        cache.join("models--someone--tiny-clip/blobs").join(sha256(&tiny_clip()["model.safetensors"]));
    let mut bytes = std::fs::read(&weights).unwrap();
    bytes[1_000_000] ^= 1;
    std::fs::write(&weights, &bytes).unwrap();
    let verify = motionlens(&offline, &["model", "verify", ID]);
    says(&verify, 1, &["model.safetensors: WRONG"], &["model fetch someone/tiny-clip"]);
    says(&motionlens(&variables, &["model", "fetch", ID]), 0, &[], &[]);
    says(&motionlens(&offline, &["model", "verify", ID]), 0, &["model.safetensors: right"], &[]);

    // The cache of another machine: the experiment names the commit.
    let moved = dir.path().join("moved");
    std::fs::rename(&cache, &moved).unwrap();
    let replay = motionlens(&offline, &["replay", &experiment]);
    says(&replay, 2, &[], &[&format!("motionlens model fetch {ID}@{COMMIT}")]);
    let mut elsewhere = offline.clone();
    elsewhere
        .iter_mut()
        .filter(|(k, _)| *k == "HF_HUB_CACHE")
        .for_each(|(_, v)| *v = moved.display().to_string());
    says(&motionlens(&elsewhere, &["replay", &experiment]), 0, &["the same numbers"], &[]);
}

#[test]
fn a_model_that_is_named_is_fetched_only_where_that_is_asked_for_and_after_its_licence_is_shown() {
    let (server, dir) = (HubServer::start(tiny_clip()), tempfile::tempdir().unwrap());
    server.licence(None);
    let report = dir.path().join("r.json").display().to_string();
    let args = ["eval", "synth", "--model", ID, "--clips-per-class", "1", "--seeds", "1", "--json", &report];
    let variables = server.variables(&dir.path().join("cache"));
    let unasked = motionlens(&variables, &args);
    says(&unasked, 2, &[], &["neither a folder here nor in the cache", "motionlens model fetch", "--fetch"]);
    assert!(
        server.asked().is_empty() && !dir.path().join("cache").exists(),
        "and the hub has not heard of it"
    );
    let eval = motionlens(&variables, &[&args[..], &["--fetch"]].concat());
    says(&eval, 0, &[], &["not stated; read", "5.88 MB to fetch"]);
    assert!(words(&std::fs::read(&report).unwrap()).contains("someone/tiny-clip"));
    let record = ["eval", "synth", "--model", ID, "--record"];
    says(&motionlens(&offline(&server, &dir.path().join("cache")), &record), 2, &[], &["model folder"]);
    // Offline neither of the two ways out is one.
    let nowhere = motionlens(&offline(&server, &dir.path().join("other")), &args);
    says(&nowhere, 2, &[], &["neither a folder here nor", "copy its folder models--someone--tiny-clip"]);
}

/// As it says itself: Ctrl+C stops, and the next fetch goes on from there.
#[test]
fn a_fetch_that_was_killed_goes_on_where_it_was() {
    const CAME: u64 = 1_000_000;
    let (server, dir) = (HubServer::start(tiny_clip()), tempfile::tempdir().unwrap());
    let variables = server.variables(dir.path());
    server.fault(Fault::Halt { after: CAME as usize });
    let mut begun = command(&variables, &["model", "fetch", STOCK]);
    let mut begun = begun.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let weights = sha256(&tiny_clip()["model.safetensors"]);
    let part = dir.path().join(format!("models--openai--clip-vit-base-patch32/blobs/{weights}.incomplete"));
    let since = Instant::now();
    while std::fs::metadata(&part).map_or(0, |m| m.len()) < CAME {
        assert!(begun.try_wait().unwrap().is_none() && since.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.kill().unwrap();
    begun.wait().unwrap();
    says(
        &motionlens(&variables, &["model", "list"]),
        0,
        &["openai/clip-vit-base-patch32    not whole: 1."],
        &[],
    );

    server.fault(None);
    server.forget();
    says(&motionlens(&variables, &["model", "fetch", STOCK]), 0, &["snapshots"], &["is there."]);
    let ranges: Vec<_> = server.asked().into_iter().filter(|a| a.storage).map(|a| a.range).collect();
    assert_eq!(ranges, [Some(format!("bytes={CAME}-"))]);
    says(&motionlens(&variables, &["model", "verify", STOCK]), 0, &["model.safetensors: right"], &[]);
}

#[test]
fn what_cannot_be_had_is_said_with_its_exit_code() {
    let (server, dir) = (HubServer::start(tiny_clip()), tempfile::tempdir().unwrap());
    let variables = server.variables(dir.path());
    says(&motionlens(&variables, &["model", "fetch", "clip"]), 2, &[], &["no id of the hub"]);
    says(&motionlens(&variables, &["model"]), 2, &[], &["Usage"]);
    says(
        &motionlens(&variables, &["model", "fetch", "someone/else"]),
        1,
        &[],
        &["the hub has no someone/else"],
    );
    let offline = offline(&server, dir.path());
    says(
        &motionlens(&offline, &["model", "fetch", ID]),
        1,
        &[],
        &["HF_HUB_OFFLINE is set", "config.json, tokenizer.json"],
    );
    says(&motionlens(&offline, &["analyze", "x.mp4", "--model", ID]), 1, &[], &["x.mp4"]);
    // A token that is none is said where one is needed, and nowhere else.
    let mut token = variables.clone();
    token.push(("HF_TOKEN", "hf_\u{e9}".to_owned()));
    says(&motionlens(&token, &["model", "list"]), 0, &["shapes "], &[]);
    says(&motionlens(&token, &["model", "fetch", ID]), 1, &[], &["HF_TOKEN"]);
    let wrong = [("HF_ENDPOINT", "nonsense".to_owned())];
    says(&motionlens(&wrong, &["model", "list"]), 1, &[], &["HF_ENDPOINT"]);
    let nowhere = [("HF_ENDPOINT", "http://127.0.0.1:1".to_owned()), variables[1].clone()];
    // A folder mistyped is a folder.
    says(&motionlens(&nowhere, &["model", "verify", "assets/modle"]), 1, &[], &["assets/modle is not there"]);
    for (name, whom) in [("people", "of people"), ("shapes", "of shapes"), ("embedded", "of shapes")] {
        let verify = motionlens(&variables, &["model", "verify", name]);
        says(&verify, 0, &["every tensor is there", "the embedded model", whom], &[]);
    }
    server.fault(Fault::Altered);
    says(&motionlens(&variables, &["model", "fetch", ID]), 1, &[], &["SHA-256", "thrown away"]);
}
