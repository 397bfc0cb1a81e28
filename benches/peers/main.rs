//! Clips a second from the file to the vision tower's tokens, as `eval` and `analyze` read many videos, beside a plain PyTorch and PyAV
//! script (`pytorch.py`) that does the same with the same weights: a CLIP of ViT-B/16 size, 8 frames a clip, on the CPU. Both have
//! loaded the model and seen one clip before they are timed; they take turns, and the medians of the turns are told.
//!
//! `cargo bench --bench peers`. The script's packages are in `requirements.txt`; `MOTIONLENS_PEER_PYTHON` names the Python that has
//! them, else it is `python3`. Where they are missing that is said, and the program is measured alone.

#[path = "../random_b16/mod.rs"]
mod random_b16;
#[path = "../test_clip/mod.rs"]
mod test_clip;

use motionlens::batch::{Asked, Clips, Reading, Step};
use motionlens::device::{self, DeviceChoice};
use motionlens::model::Surgery;
use motionlens::session::{ModelSource, Session};
use motionlens::video::times::FrameTimes;
use motionlens::video::{ClipSpec, Pts, Span};
use random_b16::random_b16;
use serde::Deserialize;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use test_clip::test_clip;

const FRAMES: usize = 8;
/// Clips a turn.
const CLIPS: usize = 8;
const TURNS: usize = 3;

/// What a turn gives.
#[derive(Deserialize)]
struct Turn {
    seconds: f64,
    /// The class token, averaged over the frames, of the last clip (D).
    token: Vec<f32>,
}

/// The videos through the session's vision tower.
fn ours(session: &Session, videos: &[&Path]) -> Turn {
    let asked = videos.iter().map(|path| {
        let cut = |times: &FrameTimes| Ok(vec![ClipSpec::segments(Span::new(Pts(0), times.end))]);
        Asked { path: path.to_path_buf(), cut: Box::new(cut) }
    });
    let reading = Reading { frames: FRAMES, preprocess: session.preprocess, digest: false };
    let (began, mut token) = (Instant::now(), Vec::new());
    for step in Clips::read(asked, reading).expect("threads") {
        let clip = match step {
            Step::Clip(_, clip) => clip,
            Step::Failed(_, why) => panic!("{}", why.message),
            Step::Done(_) => continue,
        };
        let tokens = clip.tokens(session, false, &Surgery::default()).expect("tokens");
        token = vec![0.0; session.config().vision.width];
        for frame in &tokens {
            token.iter_mut().zip(&frame[..]).for_each(|(sum, x)| *sum += x / FRAMES as f32);
        }
    }
    Turn { seconds: began.elapsed().as_secs_f64(), token }
}

/// The same by the script; an error says why there is none.
fn peer(python: &str, folder: &Path, videos: &[&Path]) -> Result<Turn, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/pytorch.py");
    let run = Command::new(python)
        .arg(script)
        .arg(folder)
        .arg(FRAMES.to_string())
        .arg(videos[0])
        .args(videos)
        .output()
        .map_err(|e| format!("{python} cannot be started: {e}"))?;
    if !run.status.success() {
        let said = String::from_utf8_lossy(&run.stderr);
        return Err(said.trim().lines().last().unwrap_or("it failed without a word").to_owned());
    }
    serde_json::from_slice(&run.stdout).map_err(|e| e.to_string())
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn rate(turns: &mut [Turn]) -> f64 {
    turns.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    CLIPS as f64 / turns[turns.len() / 2].seconds
}

fn main() {
    // `cargo test --benches` builds and starts it as well: then there is nothing to measure.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let python = std::env::var("MOTIONLENS_PEER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let folder = tempfile::tempdir().expect("a folder");
    random_b16(folder.path());
    let (device, _) = device::open(DeviceChoice::Cpu, None).expect("the CPU");
    let source = ModelSource::Folder(folder.path().to_owned());
    let session = Session::load(&source, &device, &|_, _| ()).expect("the model");
    for size in ["320x240", "1920x1080"] {
        let Some(video) = test_clip(&format!("testsrc2=size={size}:rate=30:duration=10"), "") else { return };
        let videos = [video.as_path(); CLIPS];
        ours(&session, &videos[..1]);
        let (mut own, mut others, mut missing) = (Vec::new(), Vec::new(), None);
        for _ in 0..TURNS {
            own.push(ours(&session, &videos));
            if missing.is_none() {
                match peer(&python, folder.path(), &videos) {
                    Ok(turn) => others.push(turn),
                    Err(why) => missing = Some(why),
                }
            }
        }
        println!("{size}, {CLIPS} clips of {FRAMES} frames out of ten seconds, ViT-B/16 size, {TURNS} turns");
        println!("  motionlens        {:.2} clips/s", rate(&mut own));
        match missing {
            None => {
                let alike = cosine(&own[0].token, &others[0].token);
                println!("  PyTorch and PyAV  {:.2} clips/s", rate(&mut others));
                println!("  cosine of their class tokens: {alike:.4}");
                assert!(alike > 0.99, "they do not do the same");
            }
            Some(why) => println!(
                "  PyTorch and PyAV  not measured: {why} ({python} -m pip install -r benches/peers/requirements.txt)"
            ),
        }
    }
}
