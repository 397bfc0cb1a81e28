//! `motionlens train`: the two stages of METHOD §10.

mod head;

pub(super) use head::{cache_folder, copy_clip, tell};

use super::CliError;
use crate::data::cast::Cast;
use crate::device::DeviceChoice;
use crate::train;
use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
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
    /// Stage 2: a motion head for a CLIP, on clips of the procedural world or on labelled videos
    Head(Box<head::HeadArgs>),
}

#[derive(Debug, Args)]
struct ClipArgs {
    /// Folder for the model; a run that was stopped goes on from its checkpoint there
    #[arg(long)]
    out: PathBuf,
    /// Whom the model is to know
    #[arg(long, value_enum, default_value_t = Cast::Shapes)]
    cast: Cast,
    /// Steps [default: what the cast needs]
    #[arg(long, value_parser = count(1, 10_000_000))]
    steps: Option<usize>,
    /// Images a step
    #[arg(long, default_value_t = 128, value_parser = count(2, 65_536))]
    batch: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

/// A number of things that cannot be too few or absurdly many.
pub(super) fn count(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

fn learning_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(v) if v > 0.0 && v <= 1.0 => Ok(v),
        _ => Err("a number above 0, and 1 at most, is needed".to_owned()),
    }
}

pub(super) fn weight(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(v) if (0.0..=100.0).contains(&v) => Ok(v),
        _ => Err("a number from 0 to 100 is needed".to_owned()),
    }
}

/// Runs a stage to its end.
pub fn run(args: &TrainArgs) -> Result<(), CliError> {
    match &args.stage {
        Stage::Clip(args) => clip(args),
        Stage::Head(args) => head::run(args),
    }
}

fn clip(args: &ClipArgs) -> Result<(), CliError> {
    let (device, info) = crate::device::open(args.device, None)?;
    eprintln!("on {}: {}", info.name, info.reason);
    let recipe = train::stage1::Settings::new(args.cast);
    let settings = train::stage1::Settings {
        steps: args.steps.unwrap_or(recipe.steps),
        batch: args.batch,
        seed: args.seed,
        ..recipe
    };
    let bar = progress_bar(settings.steps, "steps");
    train::stage1::train(&settings, &args.out, &device, |step, _, line| {
        bar.set_position(step as u64);
        bar.set_message(line);
    })?;
    bar.finish();
    Ok(())
}

/// A bar with rate and time left.
pub fn progress_bar(length: usize, unit: &str) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    let template = format!("{{bar:24}} {{pos}}/{{len}} {unit}, {{per_sec}}, {{eta}} left: {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}
