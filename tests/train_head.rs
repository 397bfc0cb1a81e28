//! `train head` on a CLIP of the field's layout: from drawn clips alone, from a few labelled videos, and killed half way. The weights are
//! random, so that this shows the mechanics and nothing of what such a head is worth.

mod common;
#[path = "common/stock_clip.rs"]
mod stock_clip;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_motionlens"));
    command.args(args).stdin(Stdio::null());
    command
}

fn motionlens(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A folder with a stock CLIP, and the arguments that train a head for it there.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        stock_clip::random_stock_clip(&dir.path().join("stock"), common::shared_dir().as_deref());
        Self(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn train(&self, out: &str, more: &[&str]) -> Command {
        let (model, out, cache) = (self.path("stock"), self.path(out), self.path(&format!("{out}.cache")));
        let args = ["train", "head", "--device", "cpu", "--model", &model, "--out", &out, "--cache", &cache];
        command(&[&args, more].concat())
    }

    fn clip(&self, class: &str, folder: &str) {
        let args = ["--size", "64", "--frames", "8", "--count", "3", "--class", class];
        succeeds(&motionlens(&[&["synth", &self.path(folder)][..], &args].concat()));
    }
}

const WORLD: [&str; 8] = ["--world", "--cast", "people", "--per-class", "1", "--epochs", "2", "--batch=8"];

#[test]
fn drawn_clips_alone_give_a_head_with_gates_and_evidence_also_after_a_kill() {
    let bench = Bench::new();
    let said = succeeds(&bench.train("whole", &WORLD).output().unwrap());
    for part in ["features: up to 11.88 MB", "58 clips train, 8 a step, ", "14 steps in all are few"] {
        assert!(said.contains(part), "{part:?}: {said}");
    }
    let card = json(&bench.0.path().join("whole/motionlens.json"));
    assert!(card["note"].as_str().unwrap().contains("not measured"), "{card}");
    assert_eq!(card["templates"]["positive"][1], "a person {}");
    assert_eq!(card["training"]["stage 2"]["lambdas"]["distillation"], 1.0);

    // Killed as soon as a part of the tokens is on the disk, and again when an epoch is done; then to the end.
    let found = |name: &str, end: &str| {
        let entries = std::fs::read_dir(bench.path(name)).into_iter().flatten();
        entries.filter_map(|e| Some(e.ok()?.path())).find(|p| p.to_string_lossy().ends_with(end))
    };
    let begun = || found("killed.cache", ".journal").is_some_and(|p| p.metadata().is_ok_and(|m| m.len() > 0));
    let epoch = || found("killed", "checkpoint.bin").is_some();
    let milestones: [(&str, &dyn Fn() -> bool); 2] = [("tokens", &begun), ("an epoch", &epoch)];
    for (what, done) in milestones {
        let mut child = bench.train("killed", &WORLD).stderr(Stdio::null()).spawn().unwrap();
        let limit = Instant::now() + Duration::from_secs(300);
        while !done() && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < limit, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
        // It may be quicker than this look at it.
        let _ = child.kill();
        child.wait().unwrap();
    }
    succeeds(&bench.train("killed", &WORLD).output().unwrap());
    for file in ["motion_head.safetensors", "model.safetensors", "motionlens.json"] {
        let of = |folder: &str| std::fs::read(bench.0.path().join(folder).join(file)).unwrap();
        assert!(of("whole") == of("killed"), "{file}");
    }

    // The folder is a model: it is analysed with, and says what it is.
    bench.clip("moving left steadily", "clips");
    let video = std::fs::read_dir(bench.path("clips")).unwrap().map(|e| e.unwrap().path());
    let video = video.filter(|p| p.extension().is_some_and(|e| e == "mp4")).min().unwrap();
    let args =
        ["analyze", video.to_str().unwrap(), "--device", "cpu", "--class", "waving", "--class", "walking"];
    let analyzed = motionlens(&[&args[..], &["--json", "-", "--model", &bench.path("whole")]].concat());
    let said = succeeds(&analyzed);
    assert!(said.contains("what it is worth on real videos is not measured"), "{said}");
    let report: Value = serde_json::from_slice(&analyzed.stdout).unwrap();
    assert_eq!(report["model"]["head"], "trained");
    for (map, untrained) in [("gate", Some(0.5)), ("evidence", None)] {
        let values: Vec<f64> = report["maps"][map].as_array().unwrap().iter().flat_map(numbers).collect();
        assert_eq!(values.len(), 8 * 49, "{map}");
        let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        assert!(high - low > 1e-6, "{map} is the same everywhere: {low} to {high}");
        assert!(
            untrained.is_none_or(|u| values.iter().any(|v| (v - u).abs() > 1e-5)),
            "{map}: {low} to {high}"
        );
    }
    let info = motionlens(&["model", "info", &bench.path("whole")]);
    succeeds(&info);
    let info = String::from_utf8(info.stdout).unwrap();
    assert!(info.contains("motion head: trained") && info.contains("not measured"), "{info}");
}

fn numbers(rows: &Value) -> Vec<f64> {
    rows.as_array()
        .map_or_else(|| vec![rows.as_f64().unwrap()], |rows| rows.iter().flat_map(numbers).collect())
}

#[test]
fn a_stock_clip_on_videos_has_the_fields_recipe_and_takes_a_few_shots() {
    let bench = Bench::new();
    for class in ["moving left steadily", "moving right steadily"] {
        bench.clip(class, &format!("data/{class}"));
    }
    let data = bench.path("data");
    let said = succeeds(&bench.train("out", &["--data", &data, "--shots", "2"]).output().unwrap());
    assert!(said.contains("4 clips train, 4 a step, 4 at once"), "{said}");
    let card = json(&bench.0.path().join("out/motionlens.json"));
    assert_eq!(card["note"], Value::Null);
    let run = &card["training"]["stage 2"];
    assert_eq!((&run["epochs"], &run["batch"], &run["learning_rate"]), (&10.into(), &4.into(), &1e-4.into()));
    assert_eq!(run["warmup"]["epochs"], 5);
    assert!(run["data"].as_str().unwrap().contains("at most 2 a class"), "{run}");
    assert!(run["templates"]["positive"].as_array().unwrap().iter().any(|t| t == "a video of a person {}."));
}

#[test]
fn what_the_head_learns_from_has_to_be_said() {
    let bench = Bench::new();
    for (args, part) in [
        (&[][..], "say what the head learns from"),
        (&["--data", ".", "--world"], "--world"),
        (&["--world", "--shots", "2"], "--data"),
        (&["--dataset", "ucf101", "--world"], "--data"),
    ] {
        let refused = bench.train("out", args).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(2) && said.contains(part), "{args:?}: {said}");
    }
    let nowhere =
        bench.train("out", &["--dataset", "ucf101", "--data", &bench.path("stock")]).output().unwrap();
    let said = String::from_utf8_lossy(&nowhere.stderr);
    assert!(nowhere.status.code() == Some(2) && said.contains("ucfTrainTestlist"), "{said}");
}
