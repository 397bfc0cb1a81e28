//! `motionlens replay` on the built program: an experiment computes to the same numbers, and what has changed is said.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn motionlens(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_motionlens"));
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        command.env_remove(name);
    }
    command.env("MOTIONLENS_STATE_DIR", std::env::temp_dir()).env("XDG_CACHE_HOME", std::env::temp_dir());
    command.current_dir(folder).args(args).stdin(Stdio::null()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Clips of two motions, named a.mp4 and b.mp4.
fn clips(folder: &Path) {
    for (motion, name) in [("moving left steadily", "a.mp4"), ("moving up while spinning", "b.mp4")] {
        let out = folder.join("made");
        let args = ["synth", "made", "--class", motion, "--size", "64", "--frames", "24", "--fps", "24"];
        let made = motionlens(folder, &args);
        assert!(made.status.success(), "{}", stderr(&made));
        let mut files = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().path());
        let clip = files.find(|p| p.extension().is_some_and(|e| e == "mp4")).unwrap();
        std::fs::rename(clip, folder.join(name)).unwrap();
        std::fs::remove_dir_all(out).unwrap();
    }
}

/// An experiment on a.mp4 with frames in another order, something altered, and an α of its own.
fn experiment(folder: &Path) -> PathBuf {
    clips(folder);
    let clip = r#"{"span":{"start":0,"end":900000000},"rule":"segments","order":{"shuffled":{"seed":7}}}"#;
    let surgery = r#"{"gates":[{"block":null,"head":null,"thousandths":500}]}"#;
    let made = motionlens(
        folder,
        &[
            "analyze",
            "a.mp4",
            "--device",
            "cpu",
            "--class",
            "moving left",
            "--class",
            "moving up",
            "--alpha",
            "0.3",
            "--clip",
            clip,
            "--surgery",
            surgery,
            "--experiment",
            "e.json",
        ],
    );
    assert!(made.status.success(), "{}", stderr(&made));
    folder.join("e.json")
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn an_experiment_computes_to_the_same_numbers_and_says_what_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let file = experiment(folder);
    let e = read(&file);
    assert_eq!((&e["experiment"], &e["clip"]["relative"]), (&1.into(), &"a.mp4".into()));
    assert_eq!(e["scope"]["order"]["shuffled"]["seed"], 7);
    assert!(e["seen"]["embedding"].as_array().unwrap().len() > 8);

    let same = motionlens(folder, &["replay", "e.json"]);
    assert_eq!(same.status.code(), Some(0), "{}", stderr(&same));
    assert!(String::from_utf8_lossy(&same.stdout).starts_with("the same numbers, to the last bit"));
    let same = motionlens(folder, &["replay", "e.json", "--json", "-"]);
    let report: Value = serde_json::from_slice(&same.stdout).unwrap();
    assert_eq!((&report["verdict"], &report["same_clip"]), (&"same".into(), &true.into()));
    assert_eq!(report["max_delta_cosine"], 0.0);

    // Numbers that somebody wrote by hand.
    let mut edited = e.clone();
    let s_pos = edited["seen"]["scores"]["classes"][0]["s_pos"].as_f64().unwrap();
    edited["seen"]["scores"]["classes"][0]["s_pos"] = (s_pos + 0.25).into();
    std::fs::write(folder.join("edited.json"), edited.to_string()).unwrap();
    let other = motionlens(folder, &["replay", "edited.json"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(stderr(&other).contains("cosines by up to 2.50e-1"), "{}", stderr(&other));

    // The same numbers on another device are allowed to differ a little.
    edited["seen"]["scores"]["classes"][0]["s_pos"] = (s_pos + 0.0005).into();
    edited["device"]["name"] = "another one".into();
    std::fs::write(folder.join("device.json"), edited.to_string()).unwrap();
    let close = motionlens(folder, &["replay", "device.json", "--json", "-"]);
    assert_eq!(close.status.code(), Some(0), "{}", stderr(&close));
    let report: Value = serde_json::from_slice(&close.stdout).unwrap();
    assert_eq!((&report["verdict"], &report["same_device"]), (&"close".into(), &false.into()));
    assert!(stderr(&close).contains("another device"));

    // Another clip under the same name.
    std::fs::rename(folder.join("a.mp4"), folder.join("was.mp4")).unwrap();
    std::fs::copy(folder.join("b.mp4"), folder.join("a.mp4")).unwrap();
    let altered = motionlens(folder, &["replay", "e.json"]);
    assert_eq!(altered.status.code(), Some(1));
    assert!(stderr(&altered).contains("the clip was altered; the numbers differ"), "{}", stderr(&altered));

    // None at all, and then where it is now.
    std::fs::remove_file(folder.join("a.mp4")).unwrap();
    let missing = motionlens(folder, &["replay", "e.json"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("--clip VIDEO"), "{}", stderr(&missing));
    let found = motionlens(folder, &["replay", "e.json", "--clip", "was.mp4"]);
    assert_eq!(found.status.code(), Some(0), "{}", stderr(&found));
}

#[test]
fn what_is_no_experiment_or_not_there_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    std::fs::write(folder.join("set.json"), r#"{"version":1,"classes":[]}"#).unwrap();
    std::fs::write(folder.join("new.json"), r#"{"experiment":9}"#).unwrap();
    for (file, code, part) in [
        ("none.json", 2, "none.json"),
        ("set.json", 1, "does not say \"experiment\": 1"),
        ("new.json", 1, "version 9"),
    ] {
        let out = motionlens(folder, &["replay", file]);
        assert_eq!(out.status.code(), Some(code), "{}", stderr(&out));
        assert!(stderr(&out).contains(part), "{}", stderr(&out));
    }
    assert_eq!(motionlens(folder, &["replay"]).status.code(), Some(2));
}
