//! The cast of people by the built program: `synth --list`, clips with their truth.

use std::process::{Command, Output};

fn synth(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_motionlens")).arg("synth").args(args).output().unwrap()
}

#[test]
fn the_list_has_every_class_and_marks_the_eight_unseen() {
    for (cast, classes) in [("people", 36), ("shapes", 32), ("all", 68)] {
        let listed = synth(&["--cast", cast, "--list"]);
        assert!(listed.status.success());
        let text = String::from_utf8(listed.stdout).unwrap();
        let unseen = text.lines().filter(|l| l.ends_with("\tunseen")).count();
        assert_eq!((text.lines().count(), unseen), (classes, if cast == "all" { 16 } else { 8 }));
    }
    let people = String::from_utf8(synth(&["--cast", "people", "--list"]).stdout).unwrap();
    assert!(
        people.contains("walking to the left while waving\tunseen\n") && people.contains("\nfalling over\n")
    );
}

#[test]
fn a_clip_of_a_person_comes_with_joints_boxes_and_masks() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let class = "sitting down with a box";
    let made = synth(&[out, "--cast", "people", "--class", class, "--size", "64", "--frames", "8"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = dir.path().join("sitting-down-with-a-box-0-0.json");
    let truth: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!((truth["class"].as_str(), truth["unseen"].as_bool()), (Some(class), Some(true)));
    let frames = truth["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 8);
    let hip = |t: usize| frames[t]["joints"]["hip"][1].as_f64().unwrap();
    assert!(hip(7) > hip(0) + 5.0, "the hips go down");
    for frame in frames {
        let runs: u64 = frame["mask"].as_array().unwrap().iter().map(|r| r.as_u64().unwrap()).sum();
        assert_eq!(runs, 64 * 64);
        assert_eq!(frame["box"].as_array().unwrap().len(), 4);
    }
    let unknown = synth(&[out, "--cast", "people", "--class", "juggling"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn each_cast_is_the_examination_of_the_model_that_knows_it() {
    let few =
        ["eval", "synth", "--cast", "all", "--seeds", "1", "--clips-per-class", "1", "--faithfulness", "0"];
    let run =
        Command::new(env!("CARGO_BIN_EXE_motionlens")).args(few).args(["--json", "-"]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let reports: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let models: Vec<_> = reports.as_array().unwrap().iter().map(|r| (&r["cast"], &r["model"])).collect();
    assert_eq!(models, [(&"shapes".into(), &"shapes".into()), (&"people".into(), &"people".into())]);
}
