//! `peers.py`, running, and other programs that are asked something.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The Python peers, or why there are none.
pub struct Peers(Result<Running, String>);

struct Running {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    versions: BTreeMap<String, String>,
}

/// What a peer answers.
#[derive(Deserialize)]
pub struct Answer {
    pub seconds: f64,
    /// Numbers by which it can be told that it did the same as ours.
    #[serde(default)]
    pub row: Vec<f32>,
    #[serde(default)]
    pub frames: u64,
    /// Of the frame that was sought, in seconds.
    #[serde(default)]
    pub at: f64,
}

impl Peers {
    pub fn start() -> Self {
        Self(Running::start())
    }

    /// Names and versions, in words.
    pub fn versions(&self) -> String {
        match &self.0 {
            Ok(running) => {
                running.versions.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>().join(", ")
            }
            Err(why) => format!("Python's peers are missing ({why})"),
        }
    }

    /// Loads the models of a CLIP folder; what comes of it is told by who needs them.
    pub fn load(&mut self, folder: &Path, pixels: &[f32], ids: &[i64]) {
        let (pixels_file, ids_file) = (folder.join("pixels.raw"), folder.join("ids.raw"));
        std::fs::write(&pixels_file, bytemuck::cast_slice::<_, u8>(pixels)).expect("a file");
        std::fs::write(&ids_file, bytemuck::cast_slice::<_, u8>(ids)).expect("a file");
        let _ =
            self.ask_value(&json!({"do": "load", "folder": folder, "pixels": pixels_file, "ids": ids_file}));
    }

    /// # Errors
    /// Why it cannot answer.
    pub fn ask(&mut self, asked: &Value) -> Result<Answer, String> {
        serde_json::from_value(self.ask_value(asked)?).map_err(|e| e.to_string())
    }

    fn ask_value(&mut self, asked: &Value) -> Result<Value, String> {
        let running = self.0.as_mut().map_err(|why| why.clone())?;
        let answered = running.ask(asked);
        if let Err(why) = &answered {
            self.0 = Err(why.clone());
        }
        let answer = answered?;
        answer["missing"].as_str().map_or(Ok(answer.clone()), |why| Err(why.to_owned()))
    }
}

impl Running {
    fn start() -> Result<Self, String> {
        let python = std::env::var("MOTIONLENS_PEER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut child = Command::new(&python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/performance/peers.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{python} cannot be started: {e}"))?;
        let (to, from) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut running = Self { child, to, from: BufReader::new(from), versions: BTreeMap::new() };
        running.versions = serde_json::from_value(running.line()?).map_err(|e| e.to_string())?;
        Ok(running)
    }

    fn ask(&mut self, asked: &Value) -> Result<Value, String> {
        writeln!(self.to, "{asked}").map_err(|e| format!("peers.py has ended: {e}"))?;
        self.line()
    }

    fn line(&mut self) -> Result<Value, String> {
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(|e| e.to_string())?;
        serde_json::from_str(&line).map_err(|e| format!("peers.py has ended: {e}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It ends by itself where it listens, but nobody waits for work that is not wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How alike two rows are, 1 where they point the same way; a bench compares what does the same.
pub fn assert_same(ours: &[f32], theirs: &[f32]) {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let cosine = dot(ours, theirs) / (dot(ours, ours) * dot(theirs, theirs)).sqrt();
    assert!(cosine > 0.99, "they do not do the same: cosine {cosine}");
}

/// The first line that a program says; empty where it cannot be had.
pub fn command_output(program: &str, arguments: &[&str]) -> String {
    let run = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let said = run.map(|run| run.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned()
}
