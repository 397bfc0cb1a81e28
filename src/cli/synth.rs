//! `motionlens synth`: clips of the procedural world as files.

use super::analyze::print;
use super::{Casts, CliError};
use crate::data::cast::{Cast, Class};
use crate::data::world_video::{Format, SynthError, scene, write};
use clap::Args;
use std::path::PathBuf;

/// Which clips to write.
#[derive(Debug, Args)]
pub struct SynthArgs {
    /// Folder to write to
    #[arg(required_unless_present = "list")]
    out: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    cast: Casts,
    /// Print the classes, one a line, those that training never sees followed by a tab and "unseen", and write nothing
    #[arg(long, conflicts_with = "out")]
    list: bool,
    /// Classes to draw, for example "moving left while spinning"; all of the cast when absent
    #[arg(long = "class", value_name = "NAME")]
    classes: Vec<String>,
    /// Clips a class
    #[arg(long, default_value_t = 1)]
    count: u64,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Side of the square picture in pixels, even
    #[arg(long, default_value_t = 320)]
    size: usize,
    #[arg(long, default_value_t = 96)]
    frames: usize,
    #[arg(long, default_value_t = 30.0)]
    fps: f64,
    /// Only clips with (true) or without (false) a distractor
    #[arg(long)]
    distractor: Option<bool>,
}

/// Draws and writes the clips.
pub fn run(args: &SynthArgs) -> Result<(), CliError> {
    if !(16..=4096).contains(&args.size) || !(1..=100_000).contains(&args.frames) {
        return Err(CliError::Usage("--size has to be 16 to 4096 and --frames 1 to 100000".into()));
    }
    let all: Vec<Class> = args.cast.casts().iter().flat_map(|cast| cast.classes()).collect();
    if args.list {
        if let [Cast::Shapes] = args.cast.casts() {
            eprintln!("These are of shapes; --cast people lists the classes of people.");
        }
        for class in all {
            let unseen = if class.is_unseen() { "\tunseen" } else { "" };
            print(format!("{}{unseen}\n", class.name()).as_bytes())?;
        }
        return Ok(());
    }
    let classes = if args.classes.is_empty() {
        all
    } else {
        let find = |name: &String| {
            all.iter().copied().find(|c| c.name() == name.trim().to_lowercase()).ok_or_else(|| {
                CliError::Usage(format!(
                    "no class is called \"{name}\"; an example: {}; --list prints all of them, --cast says whose",
                    all[5].name()
                ))
            })
        };
        args.classes.iter().map(find).collect::<Result<_, CliError>>()?
    };
    // Without --list clap asks for it.
    let out = args.out.clone().unwrap_or_default();
    std::fs::create_dir_all(&out)
        .map_err(|e| SynthError::Write { path: out.clone(), reason: e.to_string() })?;
    let format = Format { size: args.size, frames: args.frames, fps: args.fps };
    for class in classes {
        let fits = |index: &u64| {
            let scene = || scene(args.seed, *index, class);
            args.distractor.is_none_or(|want| scene().still_mask(0, 1, 16).is_some() == want)
        };
        for index in (0..).filter(fits).take(args.count as usize) {
            let name = class.name().replace(' ', "-");
            let path = out.join(format!("{name}-{}-{index}.mp4", args.seed));
            write(&path, class, args.seed, index, format)?;
            print(format!("{}\n", path.display()).as_bytes())?;
        }
    }
    Ok(())
}
