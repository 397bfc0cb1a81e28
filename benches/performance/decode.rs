//! Decoding a whole file, beside the ffmpeg command and PyAV with as many threads.

use crate::peers::Peers;
use crate::table::{TURNS, Table};
use crate::test_clip::test_clip;
use motionlens::video::Cancel;
use motionlens::video::decode::Decoder;
use serde_json::json;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

pub const ABOUT: &str = "Ten seconds (300 frames) of 1080p H.264 by x264's defaults, every frame decoded and none converted. All take a thread \
    a core. Of ffmpeg it is the whole command, the start of its process included. PyAV brings an FFmpeg of its own, ours is the system's.";

const FRAMES: u64 = 300;

pub fn run(table: &mut Table, peers: &mut Peers) {
    let Some(video) = test_clip("testsrc2=size=1920x1080:rate=30:duration=10", "libx264") else { return };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    table.compare("decoding 10 s of 1080p H.264", &["ours", "ffmpeg -f null", "PyAV"], TURNS, |name| {
        let began = Instant::now();
        let frames = match name {
            "ours" => {
                let mut decoder = Decoder::open(&video, &Cancel::default()).map_err(|e| e.to_string())?;
                let mut frames = 0;
                while let Some(frame) = decoder.next_frame().map_err(|e| e.to_string())? {
                    black_box(&frame);
                    frames += 1;
                }
                frames
            }
            "PyAV" => {
                let answer = peers.ask(&json!({"do": "decode", "video": video, "threads": threads}))?;
                assert_eq!(answer.frames, FRAMES);
                return Ok(answer.seconds);
            }
            _ => {
                let run = Command::new("ffmpeg")
                    .args(["-v", "error", "-nostdin", "-threads", &threads.to_string(), "-i"])
                    .arg(&video)
                    .args(["-an", "-f", "null", "-"])
                    .status();
                if !run.map_err(|e| e.to_string())?.success() {
                    return Err("it failed".to_owned());
                }
                FRAMES
            }
        };
        assert_eq!(frames, FRAMES);
        Ok(began.elapsed().as_secs_f64())
    });
}
