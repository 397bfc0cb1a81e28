//! From the start of the program to the first picture and the first map on the screen of a virtual display.

use crate::peers::Peers;
use crate::table::{Table, median};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const ABOUT: &str = "The program in a virtual display (Xvfb, 1280×800), drawn in software, on its bundled clip; counted from the start of \
    the process to the line that it writes on stderr for `RUST_LOG=motionlens::start=info`, which comes when the second frame after that \
    with the picture, or the map, is begun. \"First\": nothing kept from an earlier run, the driver's shader cache empty. \"Later\": the same again. \
    The peers here are the aims.";

const TURNS: usize = 3;
const LIMIT: Duration = Duration::from_secs(120);
/// What is told, in what order, and what it may take.
const PHASES: [(&str, f64); 4] = [
    ("GPU and window open", f64::NAN),
    ("window drawn", f64::NAN),
    ("first picture", 1.0),
    ("first map", 2.0),
];

/// A virtual display, for as long as this lives.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    fn open() -> Result<Self, String> {
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"]);
        let server = xvfb.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = server.map_err(|e| format!("Xvfb: {e}"))?;
        let mut number = String::new();
        let said = BufReader::new(server.stdout.take().expect("piped")).read_line(&mut number);
        if said.is_err() || number.trim().is_empty() {
            return Err("Xvfb does not start".to_owned());
        }
        Ok(Self { server, name: format!(":{}", number.trim()) })
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Seconds to each phase.
fn start(display: &Display, state: &Path) -> Result<BTreeMap<String, f64>, String> {
    let began = Instant::now();
    let mut program = Command::new(env!("CARGO_BIN_EXE_motionlens"))
        .env("DISPLAY", &display.name)
        .env("MOTIONLENS_STATE_DIR", state)
        .env("XDG_RUNTIME_DIR", state)
        .env("XDG_CACHE_HOME", state.join("cache"))
        .env("RUST_LOG", "motionlens::start=info")
        .env_remove("WAYLAND_DISPLAY")
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let (mut phases, last) = (BTreeMap::new(), PHASES[PHASES.len() - 1].0);
    for line in BufReader::new(program.stderr.take().expect("piped")).lines() {
        let (line, after) = (line.map_err(|e| e.to_string())?, began.elapsed());
        if let Some((phase, _)) = PHASES.iter().find(|(phase, _)| line.contains(phase)) {
            phases.insert((*phase).to_owned(), after.as_secs_f64());
        }
        if phases.contains_key(last) || after > LIMIT {
            break;
        }
    }
    let _ = program.kill();
    let _ = program.wait();
    if phases.len() == PHASES.len() { Ok(phases) } else { Err(format!("only {phases:?} was seen")) }
}

pub fn run(table: &mut Table, _: &mut Peers) {
    let display = match Display::open() {
        Ok(display) => display,
        Err(why) => return table.add("start", f64::NAN, "the aim", Err(why)),
    };
    let mut taken: [Vec<BTreeMap<String, f64>>; 2] = Default::default();
    for _ in 0..TURNS {
        let state = tempfile::tempdir().expect("a folder");
        for taken in &mut taken {
            match start(&display, state.path()) {
                Ok(phases) => taken.push(phases),
                Err(why) => return table.add("start", f64::NAN, "the aim", Err(why)),
            }
        }
    }
    for (which, taken) in ["first", "later"].into_iter().zip(taken) {
        for (phase, aim) in PHASES {
            let mut seconds: Vec<f64> = taken.iter().map(|phases| phases[phase]).collect();
            let (what, ours) = (format!("{which} start: {phase}"), median(&mut seconds));
            let aim = if aim.is_nan() { Err("no aim of its own".to_owned()) } else { Ok(aim) };
            table.add(&what, ours, "the aim", aim);
        }
    }
}
