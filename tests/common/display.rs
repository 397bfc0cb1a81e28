//! A display without a screen.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A virtual display, for as long as this lives.
pub struct Display {
    server: Child,
    /// As `DISPLAY` has it.
    pub name: String,
}

impl Display {
    /// `None`, with a message: there is no Xvfb.
    pub fn open() -> Option<Self> {
        let mut xvfb = Command::new("Xvfb");
        xvfb.args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"]);
        let Ok(mut server) = xvfb.stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else {
            eprintln!("skipped: Xvfb is not installed, so no window can be opened");
            return None;
        };
        let mut number = String::new();
        BufReader::new(server.stdout.take().expect("piped"))
            .read_line(&mut number)
            .expect("Xvfb says its number");
        assert!(!number.trim().is_empty(), "Xvfb does not start");
        Some(Self { server, name: format!(":{}", number.trim()) })
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
