//! The thin binary: arguments become a window or a command.

fn main() -> std::process::ExitCode {
    motionlens::cli::run()
}
