//! From the start of the program to the first picture and the first map on the screen of a virtual display.

use crate::display::Display;
use crate::peers::Peers;
use crate::table::{Table, median};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub const ABOUT: &str = "The program in a virtual display (Xvfb, 1280×800), drawn in software, on its bundled clip; counted from the start of \
    the process to the line that it writes on stderr for `RUST_LOG=motionlens::start=info`, which comes when the second frame after that \
    with the picture, or the map, is begun. \"First\": nothing kept from an earlier run, the driver's shader cache empty. \"Later\": the same again. \
    The peers here are the aims.";

const TURNS: usize = 3;
const LIMIT: Duration = Duration::from_secs(120);
/// What is told, in the order in which it comes.
const PHASES: [&str; 5] =
    ["GPU and window open", "window built", "window drawn", "first picture", "first map"];
/// The last ones, and what they may take.
const AIMS: [(&str, f64); 2] = [("first picture", 1.0), ("first map", 2.0)];

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
    let mut phases = BTreeMap::new();
    for line in BufReader::new(program.stderr.take().expect("piped")).lines() {
        let (line, after) = (line.map_err(|e| e.to_string())?, began.elapsed());
        if let Some(phase) = PHASES.iter().find(|phase| line.contains(*phase)) {
            phases.insert((*phase).to_owned(), after.as_secs_f64());
        }
        if phases.len() == PHASES.len() || after > LIMIT {
            break;
        }
    }
    let _ = program.kill();
    let _ = program.wait();
    if phases.len() == PHASES.len() { Ok(phases) } else { Err(format!("only {phases:?} was seen")) }
}

pub fn run(table: &mut Table, _: &mut Peers) {
    let Some(display) = Display::open() else {
        return table.add("start", f64::NAN, "the aim", Err("Xvfb is not installed".to_owned()));
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
        let after = |phase: &str| median(&mut taken.iter().map(|phases| phases[phase]).collect::<Vec<_>>());
        let early = PHASES[..3].iter().map(|phase| format!("{phase} {:.2} s", after(phase)));
        let early = early.collect::<Vec<_>>().join(", ");
        for (phase, aim) in AIMS {
            table.add(&format!("{which} start: {phase} ({early})"), after(phase), "the aim", Ok(aim));
        }
    }
}
