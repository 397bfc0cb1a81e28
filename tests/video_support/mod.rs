//! Videos for the tests, made by the `ffmpeg` command.

use motionlens::video::decode::Decoder;
use motionlens::video::{Cancel, Frame};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Runs ffmpeg with `args`, then the output file. `None`, with a message, where the command or an encoder is missing.
pub fn make(out: &Path, args: &str) -> Option<PathBuf> {
    let run = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(args.split_whitespace())
        .arg(out)
        .output();
    match run {
        Err(e) => {
            eprintln!("skipped: the ffmpeg command cannot be run ({e})");
            None
        }
        Ok(run) => {
            let said = String::from_utf8_lossy(&run.stderr);
            if said.contains("Unknown encoder") {
                eprintln!("skipped: {said}");
                return None;
            }
            assert!(run.status.success(), "ffmpeg {args}: {said}");
            Some(out.to_owned())
        }
    }
}

pub fn open(path: &Path) -> Decoder {
    Decoder::open(path, &Cancel::default()).unwrap_or_else(|e| panic!("{e}"))
}

/// Every frame, decoded from start to end.
pub fn all_frames(path: &Path) -> Vec<Arc<Frame>> {
    let mut decoder = open(path);
    let mut frames = Vec::new();
    while let Some(frame) = decoder.next_frame().unwrap_or_else(|e| panic!("{e}")) {
        frames.push(frame);
    }
    frames
}
