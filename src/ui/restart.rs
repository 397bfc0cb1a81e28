//! A window whose GPU is gone draws nothing any more, and the toolkit cannot be given another device. So the program
//! starts again in its own place, with the same arguments, the model on the CPU, and what was open and typed as it was.
//!
//! The first time the window goes back to the same adapter: most losses are a driver that was reset under the model's
//! load. The second time it takes another one, software first. After that it ends, and says what to do.

use super::keep;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Tells the program that it was started again, and why.
const VARIABLE: &str = "MOTIONLENS_RESTART";
/// For tests: the GPU is lost this many seconds after the window opens, one number a run: `2` or `2,2,2`.
const LOSE_VARIABLE: &str = "MOTIONLENS_LOSE_GPU";
/// So often it starts again, unless a run held for some time.
const MOST: u32 = 2;
/// A run that held this long does not count as one of a row.
const HELD: Duration = Duration::from_secs(600);

/// Why the program was started again, and for which time in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    pub count: u32,
    pub reason: String,
}

impl Restart {
    /// What the run before this one left.
    pub fn from_environment() -> Option<Self> {
        serde_json::from_str(&std::env::var(VARIABLE).ok()?).ok()
    }

    /// The next one, after a run of this length; `None`: it has been enough.
    pub fn after(before: Option<&Self>, reason: String, ran: Duration) -> Option<Self> {
        let row = before.filter(|_| ran < HELD).map_or(0, |b| b.count);
        (row < MOST).then_some(Self { count: row + 1, reason })
    }

    /// The window takes another adapter than it would.
    pub fn takes_another_adapter(&self) -> bool {
        self.count > 1
    }

    /// Starts the program again. Where the system can put it into this one's place it does not return; elsewhere it waits
    /// for its end.
    ///
    /// # Errors
    /// Where the program cannot be started, or ends with an error.
    pub fn go(&self, state: Option<&Path>) -> std::io::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(std::env::args_os().skip(1));
        command.env(VARIABLE, serde_json::to_string(self)?);
        if let Some(state) = state {
            command.env(keep::FOLDER_VARIABLE, state);
        }
        replace(command)
    }
}

#[cfg(unix)]
fn replace(mut command: Command) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> std::io::Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(std::io::Error::other(format!("it ended with {status}"))) }
}

/// Where the last writes go when the usual folder cannot be written; made only then.
pub fn rescue_folder() -> PathBuf {
    std::env::temp_dir().join(format!("motionlens-{}", std::process::id()))
}

/// When this run is to lose its GPU, for tests.
pub fn loses_gpu_after(restart: Option<&Restart>) -> Option<Duration> {
    let list = std::env::var(LOSE_VARIABLE).ok()?;
    let seconds = list.split(',').nth(restart.map_or(0, |r| r.count as usize))?;
    Duration::try_from_secs_f64(seconds.trim().parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_start_again_for_ever() {
        let short = Duration::from_secs(5);
        let first = Restart::after(None, "reset".into(), short).unwrap();
        assert_eq!((first.count, first.takes_another_adapter()), (1, false));
        let second = Restart::after(Some(&first), "reset".into(), short).unwrap();
        assert!(second.takes_another_adapter());
        assert_eq!(Restart::after(Some(&second), "reset".into(), short), None);
        let later = Restart::after(Some(&second), "reset".into(), HELD).unwrap();
        assert_eq!(later.count, 1, "a run that held begins a new row");
    }
}
