//! `motionlens train`: the two stages of METHOD §10.

use super::CliError;
use crate::device::DeviceChoice;
use crate::train;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Which stage, and how.
#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(subcommand)]
    stage: Stage,
}

#[derive(Debug, Subcommand)]
enum Stage {
    /// Stage 1: the small CLIP on images and captions of the procedural world
    Clip(ClipArgs),
}

#[derive(Debug, Args)]
struct ClipArgs {
    /// Folder for the model; a run that was stopped goes on from its checkpoint there
    #[arg(long)]
    out: PathBuf,
    #[arg(long, default_value_t = 2000)]
    steps: usize,
    /// Images a step
    #[arg(long, default_value_t = 128)]
    batch: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

/// Runs a stage to its end.
pub fn run(args: &TrainArgs) -> Result<(), CliError> {
    match &args.stage {
        Stage::Clip(args) => {
            let settings = train::clip::Settings {
                steps: args.steps,
                batch: args.batch,
                seed: args.seed,
                ..Default::default()
            };
            let bar = progress(settings.steps);
            train::clip::train(&settings, &args.out, &burn::tensor::Device::flex(), |step, _, line| {
                bar.set_position(step as u64);
                bar.set_message(line);
            })?;
            bar.finish();
        }
    }
    Ok(())
}

/// A bar with rate and time left; plain lines where standard error is no terminal.
fn progress(steps: usize) -> indicatif::ProgressBar {
    let style =
        indicatif::ProgressStyle::with_template("{bar:24} {pos}/{len} steps, {per_sec}, {eta} left: {msg}");
    let bar = indicatif::ProgressBar::new(steps as u64);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
