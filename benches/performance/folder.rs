//! A folder of videos, each from the file to the vision tower's tokens, as `analyze` and `eval` read many, beside scripts that do the same
//! with PyAV, Pillow and PyTorch or ONNX Runtime.

use crate::peers::{Peers, assert_same};
use crate::random_b16::random_b16;
use crate::table::Table;
use crate::test_clip::test_clip;
use crate::towers::{ids, pixels};
use motionlens::batch::{Asked, Clips, Reading, Step};
use motionlens::device::{self, DeviceChoice};
use motionlens::model::Surgery;
use motionlens::session::{ModelSource, Session};
use motionlens::video::times::FrameTimes;
use motionlens::video::{ClipSpec, Pts, Span};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

pub const ABOUT: &str = "Clips of 8 frames out of ten seconds of H.264, three a turn, through a vision tower of ViT-B/16 size with the same \
    random weights on the CPU. The peers decode with PyAV (all threads), resize with Pillow and read one clip ahead; nobody loads the \
    model in the time. The class tokens agree (cosine above .99).";

const FRAMES: usize = 8;
/// Clips a turn.
const CLIPS: usize = 3;
const TURNS: usize = 3;

/// The seconds, and the last video's class token, averaged over the frames.
fn ours(session: &Session, videos: &[&Path]) -> (f64, Vec<f32>) {
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
    (began.elapsed().as_secs_f64(), token)
}

pub fn run(table: &mut Table, peers: &mut Peers) {
    let folder = tempfile::tempdir().expect("a folder");
    random_b16(folder.path());
    peers.load(folder.path(), &pixels(), &ids());
    let (device, _) = device::open(DeviceChoice::Cpu, None).expect("the CPU");
    let source = ModelSource::Folder(folder.path().to_owned());
    let session = Session::load(&source, &device, &|_, _| ()).expect("the model");
    for size in ["320x240", "1920x1080"] {
        let clip = test_clip(&format!("testsrc2=size={size}:rate=30:duration=10"), "libx264");
        let Some(video) = clip else { continue };
        let (videos, mut token) = ([video.as_path(); CLIPS], Vec::new());
        let what = format!("folder, a clip of 8 frames of {size}");
        let names = ["ours", "PyAV and torch", "PyAV and onnxruntime"];
        table.compare(&what, &names, TURNS, |name| {
            if name == "ours" {
                let (seconds, own) = ours(&session, &videos);
                token = own;
                return Ok(seconds / CLIPS as f64);
            }
            let peer = name.trim_start_matches("PyAV and ");
            let asked = json!({"do": "folder", "peer": peer, "frames": FRAMES, "videos": videos});
            let answer = peers.ask(&asked)?;
            assert_same(&token, &answer.row);
            Ok(answer.seconds / CLIPS as f64)
        });
    }
}
