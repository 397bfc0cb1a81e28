//! Command line: one file a subcommand. Results go to stdout, everything else (progress, notes, the one line of an
//! error) to stderr. Exit codes: 0 done, 1 an error, 2 wrong usage.

mod analyze;
mod doctor;
mod drive;
mod eval;
mod many;
mod model;
mod no_command;
mod replay;
mod synth;
mod train;
mod videos;

use crate::data::cast::Cast;
use crate::data::world_video::SynthError;
use crate::device::{DeviceChoice, DeviceError};
use crate::experiment::ExperimentError;
use crate::export::ExportError;
use crate::files::can_write;
use crate::model::{HubError, HubId, ModelError};
use crate::prompt::PromptSetError;
use crate::session::ModelSource;
use crate::train::RunError;
use crate::ui::{WindowError, bundled};
use crate::video::VideoError;
use clap::{CommandFactory, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// See why a zero-shot video action model says what it says.
///
/// Without a command the window opens, on a bundled clip if no video is given.
#[derive(Parser)]
#[command(name = "motionlens", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    window: no_command::Arguments,
}

#[derive(Subcommand)]
enum Command {
    /// Score a video, or many, and write scores and maps, without a window
    Analyze(Box<analyze::Arguments>),
    /// Write clips of the procedural world, each with a JSON of the truth
    Synth(synth::SynthArgs),
    /// Train the small model, or a motion head on any model
    Train(train::TrainArgs),
    /// Measure a model
    Eval(eval::EvalArgs),
    /// Compute an experiment again, and say whether the numbers are the same
    Replay(replay::Arguments),
    /// Say which models there are, fetch one from the Hugging Face hub, or check one
    Model(model::ModelArgs),
    /// Say what this machine has and what is missing
    Doctor(doctor::Arguments),
}

/// Whose clips of the procedural world.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Casts {
    /// Shapes that move in a direction and a manner
    #[default]
    Shapes,
    /// People who walk, sit down, pick things up
    People,
    /// Both, one after the other
    All,
}

impl Casts {
    fn casts(self) -> &'static [Cast] {
        match self {
            Self::Shapes => &[Cast::Shapes],
            Self::People => &[Cast::People],
            Self::All => &[Cast::Shapes, Cast::People],
        }
    }
}

/// Which model and which device; the same for every command that runs one.
#[derive(clap::Args, Clone, Debug)]
struct ModelArguments {
    /// A folder in the Hugging Face CLIP layout, a model of the hub as openai/clip-vit-base-patch32, or one of the two in the
    /// program: people or shapes [default: people; of a clip of the program the one that knows it]
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// Fetch a model of the hub that is not in its cache, unasked
    #[arg(long, requires = "model")]
    fetch: bool,
    /// Where the model runs; auto: a real GPU if there is one, else the CPU
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

impl ModelArguments {
    /// Whom the model in the program knows that is meant for this video; of any other model the default.
    fn cast(&self, video: Option<&Path>) -> Cast {
        let cast = match self.model.as_deref() {
            Some(name) => model::local(name).and_then(|source| source.cast()),
            // A clip of the program brings the model that knows it, as in the window.
            None => video.and_then(|video| bundled::cast_of(&bundled::clips(), video)),
        };
        cast.unwrap_or_default()
    }

    /// The model for this video; see [`model::named`].
    fn source(&self, video: Option<&Path>) -> Result<ModelSource, CliError> {
        let default = || Ok(ModelSource::of(self.cast(video)));
        self.model.as_deref().map_or_else(default, |name| model::named(name, self.fetch))
    }

    /// The model, and one of the hub that the window has to ask about because it is not here.
    fn for_window(&self) -> Result<(Option<ModelSource>, Option<HubId>), CliError> {
        match self.model.as_deref() {
            Some(name) if !self.fetch => model::for_window(name),
            Some(_) => Ok((Some(self.source(None)?), None)),
            None => Ok((None, None)),
        }
    }
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
enum CliError {
    /// Arguments that parse but make no sense together.
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Prompts(#[from] PromptSetError),
    #[error(transparent)]
    Video(#[from] VideoError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// A file that is named is not there.
    #[error("{0}")]
    Missing(String),
    /// A replay that comes to other numbers.
    #[error("{0}")]
    Differs(String),
    #[error(transparent)]
    Window(#[from] WindowError),
    #[error("no bundled clip was found beside the program; name a video")]
    NoClip,
    #[error(transparent)]
    Synth(#[from] SynthError),
    #[error(transparent)]
    Train(#[from] RunError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Hub(#[from] HubError),
    /// What the engine said.
    #[error("{0}")]
    Engine(String),
    #[error("cannot write to the standard output: {0}")]
    Output(std::io::Error),
}

/// No output may be what is read, nor two of them the same: the later one would take the earlier one's place. A device, as /dev/null,
/// may take any number, and - is no file. Each can be written, by what is known before the work for it.
fn spare(inputs: &[(&str, Option<&Path>)], outputs: &[(&str, Option<&Path>)]) -> Result<(), CliError> {
    let full = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let mut taken: Vec<(&str, PathBuf)> = Vec::new();
    for (place, (name, path)) in inputs.iter().chain(outputs).enumerate() {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else { continue };
        let Ok(path) = full(path) else { continue };
        let same = taken.iter().find(|(_, other)| *other == path && (path.is_file() || !path.exists()));
        if let Some((other, _)) = same.filter(|_| place >= inputs.len()) {
            let text = format!("{name} and {other} are one file: {}; name another to write", path.display());
            return Err(CliError::Usage(text));
        }
        taken.push((name, path));
    }
    let files = outputs.iter().filter_map(|(_, path)| *path).filter(|path| *path != Path::new("-"));
    for path in files {
        can_write(path).map_err(|source| ExportError::Write { path: path.to_owned(), source })?;
    }
    Ok(())
}

/// Only errors are logged; eframe's own are told by us.
const QUIET: &str = "error,eframe::native::run=off";

/// Parses the arguments and runs the window or a command.
pub fn run() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(QUIET)).init();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let result = match arguments.command {
        Some(Command::Analyze(arguments)) => analyze::run(&arguments).map(|_| ()),
        Some(Command::Synth(arguments)) => synth::run(&arguments),
        Some(Command::Train(arguments)) => train::run(&arguments),
        Some(Command::Eval(arguments)) => eval::run(&arguments),
        Some(Command::Replay(arguments)) => replay::run(&arguments),
        Some(Command::Model(arguments)) => model::run(&arguments),
        Some(Command::Doctor(arguments)) => doctor::run(&arguments),
        None => no_command::run(&arguments.window),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError::Usage(message)) => {
            usage(&Arguments::command().error(clap::error::ErrorKind::ValueValidation, message))
        }
        // Whoever reads our output has closed it and wants no more: not an error of ours.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", one_line(&error.to_string()));
            if matches!(error, CliError::Missing(_)) { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// Help and version go to stdout and are no error; the rest goes to stderr.
fn usage(error: &clap::Error) -> ExitCode {
    // Nothing can be said where the message itself cannot be written.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn one_line(message: &str) -> String {
    let words = message.split_whitespace().collect::<Vec<_>>().join(" ");
    // Of files and of the network: nothing in it is a command to the terminal.
    words.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_and_no_command_to_the_terminal() {
        assert_eq!(one_line("a\n  b"), "a b");
        assert_eq!(one_line("tensor \u{1b}]0;x\u{7}"), "tensor \u{fffd}]0;x\u{fffd}");
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_error_is_one_line() {
        assert_eq!(one_line("a\n  b\tc\n"), "a b c");
    }

    #[test]
    fn the_window_and_the_commands_take_their_arguments() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        let window = parse("motionlens a.mp4 --device cpu").unwrap();
        assert!(window.command.is_none());
        assert_eq!(window.window.video, Some(PathBuf::from("a.mp4")));
        assert_eq!(window.window.model.device, DeviceChoice::Cpu);
        let analyze =
            "motionlens analyze a.mp4 --class run --class walk --start 1 --end 2.5 --json - --alpha 0.5";
        assert!(matches!(parse(analyze).unwrap().command, Some(Command::Analyze(_))));
        for wrong in [
            "motionlens analyze",
            "motionlens analyze a.mp4 --class run --prompts p.json",
            "motionlens analyze a.mp4 --start -1",
            "motionlens analyze a.mp4 --end NaN",
            "motionlens analyze a.mp4 --alpha inf",
            "motionlens analyze a.mp4 --device tpu",
            "motionlens --bogus",
        ] {
            assert_eq!(parse(wrong).err().map(|e| e.exit_code()), Some(2), "{wrong}");
        }
    }
}
