//! The towers of a CLIP of ViT-B/16 size on the CPU: as inference runs them, in Burn's operations (which it ran before, and which
//! training runs), and beside ONNX Runtime and PyTorch (`peers.py`) with the same weights and inputs. All take turns in one run, and
//! the medians of the turns and their ratios are told.
//!
//! `cargo bench --bench towers`. The script's packages are in `requirements.txt`; `MOTIONLENS_PEER_PYTHON` names the Python that has
//! them, else it is `python3`; an argument names what is measured (`cargo bench --bench towers -- text`). Where they are missing that is said, and the program is measured alone.

#[path = "../random_b16/mod.rs"]
mod random_b16;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use motionlens::model::{ModelFiles, Towers};
use random_b16::random_b16;
use serde::Deserialize;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const TURNS: usize = 5;
const FRAMES: usize = 8;
/// Tokens of a short prompt, with the start and the end.
const TOKENS: usize = 10;
/// No id of the text, whose last row is then read.
const NO_END: u32 = 1;

/// One pass: how long it took, and the first item's class token, or row of the end of the text.
#[derive(Deserialize)]
struct Pass {
    seconds: f64,
    row: Vec<f32>,
}

/// What is measured.
#[derive(Clone, Copy)]
enum Work {
    /// So many frames.
    Vision(usize),
    /// One short text.
    Text,
}

impl Work {
    const ALL: [Self; 4] = [Self::Vision(FRAMES), Self::Vision(2), Self::Vision(1), Self::Text];

    fn words(self) -> String {
        match self {
            Self::Vision(frames) => format!("vision, {frames} frames"),
            Self::Text => format!("text, one of {TOKENS} tokens"),
        }
    }

    /// As `peers.py` takes it.
    fn argument(self) -> String {
        match self {
            Self::Vision(frames) => format!("vision {frames}"),
            Self::Text => "text 1".to_owned(),
        }
    }
}

/// Numbers between −1 and 1 that repeat nowhere near.
fn pixels() -> Vec<f32> {
    (0..FRAMES * 3 * 224 * 224).map(|i| ((i as f32 * 0.618).sin() * 917.0).sin()).collect()
}

fn ids() -> Vec<i64> {
    (0..TOKENS as i64).map(|i| 10 + 7 * i).collect()
}

fn ours(towers: &Towers, device: &Device, work: Work) -> Pass {
    let began;
    let tokens = match work {
        Work::Vision(frames) => {
            let pixels = TensorData::new(pixels(), [FRAMES, 3, 224, 224]);
            let pixels = Tensor::<4>::from_data(pixels, device).narrow(0, 0, frames);
            began = Instant::now();
            towers.vision_model.forward(pixels).narrow(0, 0, 1).narrow(1, 0, 1)
        }
        Work::Text => {
            let ids: Vec<u32> = ids().into_iter().map(|id| id as u32).collect();
            began = Instant::now();
            towers.text_model.forward(&[ids], NO_END).unsqueeze::<3>()
        }
    };
    let row = tokens.try_into_vec_as().expect("numbers");
    Pass { seconds: began.elapsed().as_secs_f64(), row }
}

/// `peers.py`, running.
struct Peers {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    versions: String,
}

impl Peers {
    fn start(folder: &Path) -> Result<Self, String> {
        let python = std::env::var("MOTIONLENS_PEER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let (pixels_file, ids_file) = (folder.join("pixels.raw"), folder.join("ids.raw"));
        let bytes: Vec<u8> = pixels().iter().flat_map(|x| x.to_le_bytes()).collect();
        std::fs::write(&pixels_file, bytes).map_err(|e| e.to_string())?;
        let bytes: Vec<u8> = ids().iter().flat_map(|x| x.to_le_bytes()).collect();
        std::fs::write(&ids_file, bytes).map_err(|e| e.to_string())?;
        let mut child = Command::new(&python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/towers/peers.py"))
            .args([folder, &pixels_file, &ids_file])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{python} cannot be started: {e}"))?;
        let (to, from) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut from = BufReader::new(from);
        let mut versions = String::new();
        from.read_line(&mut versions).map_err(|e| e.to_string())?;
        if versions.is_empty() {
            let said = child.wait_with_output().map_err(|e| e.to_string())?;
            let said =
                String::from_utf8_lossy(&said.stderr).trim().lines().last().unwrap_or_default().to_owned();
            return Err(format!("{said} ({python} -m pip install -r benches/towers/requirements.txt)"));
        }
        Ok(Self { child, to, from, versions: versions.trim().to_owned() })
    }

    fn pass(&mut self, peer: &str, work: Work) -> Option<Pass> {
        writeln!(self.to, "{peer} {}", work.argument()).ok()?;
        let mut line = String::new();
        self.from.read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The first line of `file` that starts so, where the system has it.
fn system(file: &str, start: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().find(|line| line.starts_with(start)).unwrap_or("unknown").to_owned()
}

fn measure(work: Work, (here, burn): (&Towers, &Towers), peers: &mut Option<Peers>) {
    let (cpu, autodiff) = (Device::flex(), Device::flex().autodiff());
    let names = ["motionlens", "Burn's operations", "onnxruntime", "torch", "bfloat16"];
    let mut passes: [Vec<Pass>; 5] = Default::default();
    // The first turn warms up.
    for turn in 0..=TURNS {
        for (name, passes) in names.iter().zip(&mut passes) {
            // Threads of the last one may still look for work.
            std::thread::sleep(Duration::from_millis(300));
            let pass = match *name {
                "motionlens" => Some(ours(here, &cpu, work)),
                "Burn's operations" => Some(ours(burn, &autodiff, work)),
                peer => peers.as_mut().and_then(|peers| peers.pass(peer, work)),
            };
            if let Some(pass) = &pass {
                eprintln!("{}, turn {turn}: {name} {:.1} ms", work.words(), 1e3 * pass.seconds);
            }
            passes.extend(pass.filter(|_| turn > 0));
        }
    }
    println!("| {} | median, ms | fastest, ms | median of ours / of it | cosine to ours |", work.words());
    println!("|---|---|---|---|---|");
    let mut ours: Option<(f64, Vec<f32>)> = None;
    for (name, passes) in names.iter().zip(&mut passes) {
        passes.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let Some(middle) = passes.get(passes.len() / 2) else {
            println!("| {name} | missing | | | |");
            continue;
        };
        let (own, row) = ours.get_or_insert_with(|| (middle.seconds, middle.row.clone()));
        let (median, fastest) = (1e3 * middle.seconds, 1e3 * passes[0].seconds);
        let (ratio, alike) = (*own / middle.seconds, cosine(row, &middle.row));
        println!("| {name} | {median:.1} | {fastest:.1} | {ratio:.2} | {alike:.6} |");
        assert!(alike > 0.99, "they do not do the same");
    }
    println!();
}

fn main() {
    // `cargo test --benches` builds and starts it as well: then there is nothing to measure.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    random_b16(folder.path());
    let load = |device: &Device| {
        ModelFiles::read(folder.path()).and_then(|files| files.load(device)).expect("the model").towers
    };
    let here = load(&Device::flex());
    let burn = load(&Device::flex().autodiff()).no_grad();
    let mut peers = match Peers::start(folder.path()) {
        Ok(peers) => Some(peers),
        Err(why) => {
            println!("ONNX Runtime and PyTorch: not measured: {why}");
            None
        }
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{}, {cores} threads; load before: {}",
        system("/proc/cpuinfo", "model name"),
        system("/proc/loadavg", "")
    );
    println!("{}\n", peers.as_ref().map_or("", |p| &p.versions));
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let named = |work: &Work| wanted.is_empty() || wanted.iter().any(|w| work.words().contains(w.as_str()));
    for work in Work::ALL.into_iter().filter(named) {
        measure(work, (&here, &burn), &mut peers);
    }
    println!("load after: {}", system("/proc/loadavg", ""));
    if let Some(Peers { mut child, to, .. }) = peers {
        drop(to);
        child.wait().expect("the script ends");
    }
}
