//! The program with a real window, in a virtual display (Xvfb): it opens, draws, scores its clip, and starts again where
//! its GPU is lost. `.ci/second-driver` runs this on a newer graphics driver too.

#[path = "common/display.rs"]
mod display;

use display::Display;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// Runs `motionlens doctor --window` in a display of its own, with its files in `state`; `None`: there is no Xvfb.
fn window(state: &Path, lose: Option<&str>) -> Option<Output> {
    // One at a time: servers that start together can choose the same number.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let display = Display::open()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_motionlens"));
    command
        .args(["doctor", "--window", "--limit", "240"])
        .env("DISPLAY", &display.name)
        .env("MOTIONLENS_STATE_DIR", state)
        .env("XDG_RUNTIME_DIR", state)
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("MOTIONLENS_LOSE_GPU")
        .env_remove("MOTIONLENS_RESTART");
    if let Some(lose) = lose {
        command.env("MOTIONLENS_LOSE_GPU", lose);
    }
    let output = command.output().expect("it runs");
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some(output)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn it_opens_draws_and_scores() {
    let state = tempfile::tempdir().unwrap();
    let Some(output) = window(state.path(), None) else { return };
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert!(told.contains("first scores after"), "{told}");
    assert!(!told.contains("DOES NOT OPEN") && !told.contains("FAILS"), "{told}");
    assert!(!told.contains("started again"), "{told}");
    assert!(state.path().join("window.json").is_file(), "the arrangement is kept");
}

#[test]
fn after_the_loss_of_its_gpu_it_starts_again_with_everything_restored() {
    let state = tempfile::tempdir().unwrap();
    // What somebody typed before.
    let typed = motionlens::prompt::PromptSet::from_names(["a typed class", "another"]);
    typed.save(&state.path().join("draft-1.json")).unwrap();
    let Some(output) = window(state.path(), Some("0")) else { return };
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert!(told.contains("started again, time 1 in a row: the GPU was lost"), "{told}");
    assert!(told.contains("CPU") && told.contains("first scores after"), "{told}");
    let kept = motionlens::prompt::PromptSet::load(&state.path().join("draft-1.json")).unwrap();
    assert_eq!(kept.classes, typed.classes);
}

#[test]
fn it_does_not_start_again_for_ever() {
    let state = tempfile::tempdir().unwrap();
    let Some(output) = window(state.path(), Some("0,0,0,0,0,0")) else { return };
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("lost again and again") && told.contains("WGPU_ADAPTER_NAME"), "{told}");
    assert!(state.path().join("draft-1.json").is_file(), "what was typed is kept");
}
