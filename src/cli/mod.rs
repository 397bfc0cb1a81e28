//! Command line: one file a subcommand.

/// Parses the arguments and runs the window or a command.
pub fn run() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
