//! The program beside others that do the same work, in one run: ours and each peer take turns, and of the turns' medians the ratio is
//! told. `cargo bench --bench performance`; names of sections after it choose (`-- towers seek`); `-- --write` does all and writes
//! `docs/performance.md`. The Python peers' packages are in `requirements.txt`; `MOTIONLENS_PEER_PYTHON` names the Python that has them,
//! else it is `python3`. A peer that is missing is said to be missing.

mod decode;
#[path = "../../tests/common/display.rs"]
mod display;
mod folder;
mod gpu;
mod peers;
#[path = "../random_b16/mod.rs"]
mod random_b16;
mod seek;
mod start;
mod table;
#[path = "../test_clip/mod.rs"]
mod test_clip;
mod towers;

use motionlens_encoder::Precision;
use peers::{Peers, command_output};
use std::fmt::Write;
use std::path::Path;
use table::Table;

const PAGE: &str = "docs/performance.md";

/// What is measured, and what the page says of how.
struct Section {
    name: &'static str,
    run: fn(&mut Table, &mut Peers),
    about: &'static str,
}

const SECTIONS: [Section; 6] = [
    Section { name: "towers", run: towers::run, about: towers::ABOUT },
    Section { name: "gpu", run: gpu::run, about: gpu::ABOUT },
    Section { name: "folder", run: folder::run, about: folder::ABOUT },
    Section { name: "decode", run: decode::run, about: decode::ABOUT },
    Section { name: "seek", run: seek::run, about: seek::ABOUT },
    Section { name: "start", run: start::run, about: start::ABOUT },
];

/// The first line of `file` that starts so, where the system has it.
fn system(file: &str, start: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().find(|line| line.starts_with(start)).unwrap_or("unknown").to_owned()
}

fn load() -> String {
    system("/proc/loadavg", "").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The machine, as far as it says.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let flags = system("/proc/cpuinfo", "flags");
    let has = |flag: &str| flags.split(' ').any(|f| f == flag);
    let widest = ["avx512f", "avx2"].into_iter().find(|f| has(f)).unwrap_or("neither AVX2 nor AVX-512");
    let model = system("/proc/cpuinfo", "model name");
    let amx = match motionlens_encoder::tiles() {
        None => "",
        Some(Precision::Split) => ", AMX",
        Some(Precision::Bf16) => ", AMX in bf16",
    };
    format!("{} ({widest}{amx}), {cores} cores", model.split(": ").last().unwrap_or_default())
}

fn page(table: &Table, facts: &str) -> String {
    let mut page = format!(
        "# Performance\n\nWritten by `cargo bench --bench performance -- --write`, which `make bench` ends with. Ours and each peer take \
         turns in one run; times are medians of the turns unless the line says otherwise. What counts is the ratio, ours / peer: below 1 we are faster.\n\n\
         {facts}\n\n{}\n",
        table.markdown()
    );
    for section in &SECTIONS {
        write!(page, "\n## {}\n\n{}\n", section.name, section.about).expect("text");
    }
    page
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|a| a == name);
    // `cargo test --benches` builds and starts it as well: then there is nothing to measure.
    if has("--test") {
        return;
    }
    if let [name, folder] = &arguments[..]
        && name == gpu::FIRST_PASS
    {
        return gpu::make_first_pass(folder.as_ref());
    }
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    if let Some(unknown) = wanted.iter().find(|w| SECTIONS.iter().all(|s| s.name != **w)) {
        let names: Vec<&str> = SECTIONS.iter().map(|s| s.name).collect();
        eprintln!("there is no section {unknown}: {}", names.join(", "));
        std::process::exit(2);
    }
    if has("--write") && !wanted.is_empty() {
        eprintln!("the page has all sections: --write alone");
        std::process::exit(2);
    }
    let (mut table, mut peers, before) = (Table::default(), Peers::start(), load());
    for section in SECTIONS.iter().filter(|s| wanted.is_empty() || wanted.iter().any(|w| *w == s.name)) {
        eprintln!("== {}", section.name);
        (section.run)(&mut table, &mut peers);
    }
    let built = if cfg!(debug_assertions) { ", with debug assertions" } else { "" };
    let facts = [
        format!("- {}, {}: {}; load {before} before and {} after", date(), machine(), kernel(), load()),
        format!(
            "- motionlens at commit {}{built}, {}",
            commit(),
            motionlens::video::decode::ffmpeg_version()
        ),
        format!("- {}; {}", peers.versions(), programs()),
    ]
    .join("\n");
    println!("{facts}\n\n{}", table.markdown());
    if has("--write") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
        std::fs::write(&path, page(&table, &facts)).expect("the page");
        eprintln!("{} is written", path.display());
    }
}

fn date() -> String {
    command_output("date", &["-u", "+%F"])
}

fn kernel() -> String {
    command_output("uname", &["-sr"])
}

fn commit() -> String {
    let changed = command_output("git", &["status", "--porcelain", "--untracked-files=no"]);
    let changed = if changed.is_empty() { "" } else { " and changes" };
    format!("{}{changed}", command_output("git", &["rev-parse", "--short", "HEAD"]))
}

/// The peers that are programs.
fn programs() -> String {
    let version = |program: &str, argument| {
        let said = command_output(program, &[argument]);
        said.split(" Copyright").next().unwrap_or_default().to_owned()
    };
    format!("{}; {}", version("ffmpeg", "-version"), version("mpv", "--version"))
}
