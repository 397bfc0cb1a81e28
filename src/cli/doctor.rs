//! `motionlens doctor`: what this machine has, which device `auto` picks and why, and what is missing.

use super::{CliError, window};
use crate::{device, video};
use std::fmt::Write as _;
use std::io::Write as _;

pub(super) fn run() -> Result<(), CliError> {
    let text = describe();
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(CliError::Output)
}

fn describe() -> String {
    let mut missing = Vec::new();
    let mut out = format!("MotionLens {}\n\ngraphics adapters\n", env!("CARGO_PKG_VERSION"));
    let adapters = device::adapters();
    for a in &adapters {
        let software = if a.software && a.kind != "software" { ", software" } else { "" };
        let _ = writeln!(out, "  {} ({}, {}{software}) {}", a.name, a.backend, a.kind, a.driver);
    }
    if adapters.is_empty() {
        out.push_str("  none\n");
        missing.push(
            "a graphics adapter: the window needs one (software Vulkan: package mesa-vulkan-drivers)"
                .to_owned(),
        );
    }
    let auto = device::describe_auto();
    let software = if auto.software { ", software" } else { "" };
    let _ = writeln!(out, "device that auto picks\n  {}{software}: {}", auto.name, auto.reason);
    let _ = writeln!(out, "ffmpeg libraries\n  {}", video::decode::ffmpeg_version());
    let display = window::display();
    let _ = writeln!(out, "display\n  {}", display.as_deref().unwrap_or("none"));
    if display.is_none() {
        missing.push("a display: without one only the commands work (or use xvfb-run)".to_owned());
    }
    if cfg!(all(unix, not(target_os = "macos"))) && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        missing.push("the variable XDG_RUNTIME_DIR: a window on Wayland needs it".to_owned());
    }
    out.push_str("model\n  embedded in the program; another with --model DIR\n");
    match window::bundled_clip() {
        Some(clip) => {
            let _ = writeln!(out, "bundled clip\n  {}", clip.display());
        }
        None => missing.push("the bundled clips (assets/clips beside the program)".to_owned()),
    }
    match directories::ProjectDirs::from("", "", "motionlens") {
        Some(dirs) => {
            let folder = dirs.cache_dir();
            let state = if folder.is_dir() { "" } else { " (not made yet)" };
            let _ = writeln!(out, "cache folder\n  {}{state}", folder.display());
        }
        None => missing.push("a home folder: nothing can be cached".to_owned()),
    }
    out.push_str("missing\n");
    if missing.is_empty() {
        out.push_str("  nothing\n");
    }
    for item in missing {
        let _ = writeln!(out, "  {item}");
    }
    out
}
