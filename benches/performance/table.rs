//! The one table of the run, and how a line of it comes about.

use std::fmt::Write;
use std::time::Duration;

/// Turns of a line where nothing else is said.
pub const TURNS: usize = 5;

/// Lines of what was compared.
#[derive(Default)]
pub struct Table {
    lines: Vec<Line>,
}

struct Line {
    what: String,
    ours: f64,
    /// Its seconds, or why there are none.
    peer: (String, Result<f64, String>),
}

impl Table {
    pub fn add(&mut self, what: &str, ours: f64, peer: &str, theirs: Result<f64, String>) {
        let line = Line { what: what.to_owned(), ours, peer: (peer.to_owned(), theirs) };
        eprintln!("{}", line.markdown());
        self.lines.push(line);
    }

    /// Lets ours, the first of `names`, and the others take turns at `what` and adds a line for each of the others. `work` gives the
    /// seconds that one took; one that has failed is not asked again. The first turn warms up.
    pub fn compare(
        &mut self,
        what: &str,
        names: &[&str],
        turns: usize,
        mut work: impl FnMut(&str) -> Result<f64, String>,
    ) {
        let mut taken: Vec<Result<Vec<f64>, String>> = vec![Ok(Vec::new()); names.len()];
        for turn in 0..=turns {
            for (name, taken) in names.iter().zip(&mut taken) {
                let Ok(seconds) = taken else { continue };
                // Threads of the last one may still look for work.
                std::thread::sleep(Duration::from_millis(300));
                match work(name) {
                    Ok(took) if turn > 0 => seconds.push(took),
                    Ok(_) => {}
                    Err(why) => *taken = Err(why),
                }
            }
        }
        let mut medians = taken.into_iter().map(|seconds| seconds.map(|mut seconds| median(&mut seconds)));
        let ours = medians.next().expect("ours").unwrap_or_else(|why| panic!("{what}: {why}"));
        for (peer, theirs) in names[1..].iter().zip(medians) {
            self.add(what, ours, peer, theirs);
        }
    }

    pub fn markdown(&self) -> String {
        let mut text = "| what | ours | peer | ratio |\n|---|---|---|---|\n".to_owned();
        self.lines.iter().for_each(|line| writeln!(text, "{}", line.markdown()).expect("text"));
        text
    }
}

impl Line {
    fn markdown(&self) -> String {
        let (what, ours, peer) = (&self.what, time(self.ours), &self.peer.0);
        match &self.peer.1 {
            Ok(theirs) => {
                let ratio = self.ours / theirs;
                let ratio = if ratio < 0.01 { "below .01".to_owned() } else { format!("{ratio:.2}") };
                format!("| {what} | {ours} | {peer}: {} | {ratio} |", time(*theirs))
            }
            Err(why) => {
                format!("| {what} | {ours} | {peer}: missing ({}) | |", why.replace(['\n', '|'], " "))
            }
        }
    }
}

/// Three digits.
fn time(seconds: f64) -> String {
    match seconds {
        s if s.is_nan() => "–".to_owned(),
        s if s >= 10.0 => format!("{s:.1} s"),
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 0.1 => format!("{:.0} ms", 1e3 * s),
        s if s >= 0.01 => format!("{:.1} ms", 1e3 * s),
        s => format!("{:.2} ms", 1e3 * s),
    }
}

pub fn median(all: &mut [f64]) -> f64 {
    quantile(all, 0.5)
}

/// The value below which this share of them lies.
pub fn quantile(all: &mut [f64], share: f64) -> f64 {
    all.sort_by(f64::total_cmp);
    all[((all.len() - 1) as f64 * share).round() as usize]
}
