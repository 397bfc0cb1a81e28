//! Exact seeks to random places, and steps back one frame, beside mpv and PyAV on the same files.

use crate::peers::Peers;
use crate::table::{Table, median, quantile};
use crate::test_clip::test_clip;
use motionlens::video::decode::Decoder;
use motionlens::video::{Cancel, Player, Pts, Source};
use rand::{Rng, SeedableRng};
use serde_json::json;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

pub const ABOUT: &str = "Twenty seconds (600 frames) of 720p, key frames 12, 60 and 250 apart. At each of 40 random places all take a turn; \
    p50 and p95 are over the places. Ours and PyAV hold the file open, and the frame that comes is checked to be the one at that time; PyAV \
    seeks to the key frame and decodes up to the time, from farther back where it missed it. mpv is the whole command, `--start=TIME --frames=1 --vo=null`, the start of its \
    process included: for that, the line with `--start=0` beside it. One frame back: 20 steps back from the middle as a person makes them with \
    the comma key; ours is the player with its frames held behind, PyAV a seek to each. mpv's own step back needs its window, so it is not \
    timed.";

const FRAMES: u32 = 600;
const RATE: f64 = 30.0;
const PLACES: usize = 40;
const STEPS: u32 = 20;
/// The encoders, and what makes key frames come exactly so far apart.
const CODECS: [(&str, &str); 3] = [
    ("H.264", "libx264 -g {} -keyint_min {} -sc_threshold 0"),
    ("HEVC", "libx265 -preset superfast -x265-params keyint={}:min-keyint={}:scenecut=0:log-level=none"),
    ("AV1", "libsvtav1 -preset 10 -g {}"),
];

fn secs(frame: u32) -> f64 {
    f64::from(frame) / RATE
}

/// The whole command for the picture at that time.
fn mpv(video: &Path, at: f64) -> Result<f64, String> {
    let began = Instant::now();
    let run = Command::new("mpv")
        .args([
            "--no-config",
            "--really-quiet",
            "--vo=null",
            "--no-audio",
            "--hwdec=no",
            "--hr-seek=yes",
            "--frames=1",
        ])
        .arg(format!("--start={at:.6}"))
        .arg(video)
        .status();
    match run {
        Ok(status) if status.success() => Ok(began.elapsed().as_secs_f64()),
        Ok(status) => Err(format!("it ended with {status}")),
        Err(e) => Err(e.to_string()),
    }
}

/// Times of one of those that are compared, until one fails.
type Times = Result<Vec<f64>, String>;

fn take(times: &mut Times, took: impl FnOnce() -> Result<f64, String>) {
    if let Ok(all) = times {
        match took() {
            Ok(seconds) => all.push(seconds),
            Err(why) => *times = Err(why),
        }
    }
}

fn places(table: &mut Table, peers: &mut Peers, video: &Path, what: &str) {
    let mut decoder = Decoder::open(video, &Cancel::default()).expect("opens");
    decoder.know(Arc::new(decoder.scanner().run(&Cancel::default()).expect("scans")));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut all: [Times; 4] = [const { Ok(Vec::new()) }; 4];
    let [ours, av, whole, nowhere] = &mut all;
    for i in 0..=PLACES {
        let at = secs(rng.random_range(0..FRAMES));
        take(ours, || {
            let began = Instant::now();
            let frame = decoder.seek(Pts::from_secs(at), &mut |_| true).map_err(|e| e.to_string())?;
            let (took, frame) = (began.elapsed().as_secs_f64(), frame.ok_or("no frame")?);
            assert!((frame.pts.secs() - at).abs() < 1e-3, "{} for {at}", frame.pts.secs());
            Ok(took)
        });
        take(av, || {
            let answer = peers.ask(&json!({"do": "seek", "video": video, "at": at, "threads": threads}))?;
            assert!((answer.at - at).abs() < 1e-3, "PyAV: {} for {at}", answer.at);
            Ok(answer.seconds)
        });
        take(whole, || mpv(video, at));
        // Its own start varies less.
        if i % 4 == 0 {
            take(nowhere, || mpv(video, 0.0));
        }
        if i == 0 {
            // That was for warming up.
            [&mut *ours, &mut *av, &mut *whole, &mut *nowhere]
                .into_iter()
                .flat_map(|t| t.as_mut().ok())
                .for_each(Vec::clear);
        }
    }
    let [ours, av, whole, nowhere] = all;
    let mut ours = ours.unwrap_or_else(|why| panic!("{what}: {why}"));
    for (name, share) in [("p50", 0.5), ("p95", 0.95)] {
        let own = quantile(&mut ours, share);
        for (peer, times) in [("PyAV", &av), ("mpv, whole command", &whole)] {
            let theirs = times.clone().map(|mut times| quantile(&mut times, share));
            table.add(&format!("seek, {what}, {name}"), own, peer, theirs);
        }
    }
    let own = quantile(&mut ours, 0.5);
    table.add(
        &format!("seek, {what}, p50"),
        own,
        "mpv --start=0, whole command",
        nowhere.map(|mut t| median(&mut t)),
    );
}

fn steps(table: &mut Table, peers: &mut Peers, video: &Path, what: &str) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let me = std::thread::current();
    let source = Source::open(video, Arc::new(move || me.unpark()));
    source.frames(&Cancel::default()).expect("scans");
    let mut player = Player::open(&source);
    let arrive = |player: &mut Player, at: u32| {
        let there =
            |p: &Player| !p.is_seeking() && p.frame().is_some_and(|f| (f.pts.secs() - secs(at)).abs() < 1e-3);
        loop {
            player.update(Instant::now());
            if there(player) {
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
    };
    arrive(&mut player, 0);
    player.seek(Pts::from_secs(secs(FRAMES / 2)));
    arrive(&mut player, FRAMES / 2);
    let (mut ours, mut av): (Vec<f64>, Times) = (Vec::new(), Ok(Vec::new()));
    for step in 1..=STEPS {
        let at = FRAMES / 2 - step;
        let began = Instant::now();
        player.step(-1);
        arrive(&mut player, at);
        ours.push(began.elapsed().as_secs_f64());
        take(&mut av, || {
            let at = secs(at);
            let answer = peers.ask(&json!({"do": "seek", "video": video, "at": at, "threads": threads}))?;
            Ok(answer.seconds)
        });
    }
    black_box(player.close(std::time::Duration::from_secs(1)));
    for (name, share) in [("p50", 0.5), ("p95", 0.95)] {
        let theirs = av.clone().map(|mut times| quantile(&mut times, share));
        table.add(&format!("one frame back, {what}, {name}"), quantile(&mut ours, share), "PyAV", theirs);
    }
}

pub fn run(table: &mut Table, peers: &mut Peers) {
    for (codec, encode) in CODECS {
        for apart in ["12", "60", "250"] {
            let encode = encode.replace("{}", apart);
            let clip = test_clip("testsrc2=size=1280x720:rate=30:duration=20", &encode);
            let what = format!("{codec}, key frames {apart} apart");
            match clip {
                Some(video) => {
                    places(table, peers, &video, &what);
                    steps(table, peers, &video, &what);
                }
                None => table.add(&format!("seek, {what}"), f64::NAN, "the encoder", Err(encode)),
            }
        }
    }
}
