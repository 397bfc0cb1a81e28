//! Videos for benches.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Made once by the `ffmpeg` command and kept in the folder for temporary files; `None`, with a message, where it cannot be. `source` as
/// ffmpeg's lavfi has it; `encode`: the encoder, and what its defaults are not.
pub fn test_clip(source: &str, encode: &str) -> Option<PathBuf> {
    let words: String = format!("{source}{encode}").chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let path = std::env::temp_dir().join(format!("motionlens-bench-{words}.mp4"));
    if path.is_file() {
        return Some(path);
    }
    let part = path.with_extension("part.mp4");
    let args = format!("-v error -nostdin -y -f lavfi -i {source} -pix_fmt yuv420p -c:v {encode}");
    // Some encoders talk whatever ffmpeg was told.
    let run = Command::new("ffmpeg").args(args.split_whitespace()).arg(&part).stderr(Stdio::null()).status();
    if !run.is_ok_and(|s| s.success()) {
        eprintln!("no clip is made: the ffmpeg command does not encode with -c:v {encode}");
        return None;
    }
    std::fs::rename(part, &path).ok()?;
    Some(path)
}
