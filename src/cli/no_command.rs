//! No command: the window, or a report folder where there is no display to open one on.

use super::{CliError, ModelArguments, analyze};
use crate::data::cast::Cast;
use crate::engine::Memory;
use crate::model::Hub;
use crate::ui::{self, WindowOptions, keep};
use clap::CommandFactory;
use clap::builder::RangedU64ValueParser;
use std::path::{Path, PathBuf};

#[derive(clap::Args, Clone, Debug)]
pub(super) struct Arguments {
    /// Video to open [default: a bundled clip]
    pub(super) video: Option<PathBuf>,
    #[command(flatten)]
    pub(super) model: ModelArguments,
    /// Prompt set (JSON), list of names, or id,name CSV [default: the bundled set]
    #[arg(long, value_name = "FILE")]
    pub(super) prompts: Option<PathBuf>,
    /// Memory for what has been computed, beside the model, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = RangedU64ValueParser::<usize>::new().range(64..=1 << 20))]
    pub(super) memory: usize,
}

/// A word that is no file may have been meant as a command.
fn check_word(video: &Path) -> Result<(), CliError> {
    let one_word = video.components().count() == 1 && video.extension().is_none();
    if !one_word || video.exists() {
        return Ok(());
    }
    let commands = super::Arguments::command();
    let names: Vec<&str> = commands.get_subcommands().map(clap::Command::get_name).collect();
    let (word, names) = (video.display(), names.join(", "));
    Err(CliError::Usage(format!("there is no file {word}, and no such command; the commands are {names}")))
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CliError> {
    arguments.video.as_deref().map_or(Ok(()), check_word)?;
    if display().is_some() {
        let (model, fetch) = arguments.model.for_window()?;
        let options = WindowOptions {
            video: arguments.video.clone(),
            model,
            hub: Hub::from_env().inspect_err(|why| eprintln!("No models of the hub: {why}")).ok(),
            fetch,
            prompts: arguments.prompts.clone(),
            device: arguments.model.device,
            state: keep::folder(),
            memory: Memory(arguments.memory << 20),
        };
        if options.state.is_none() {
            eprintln!(
                "There is no home folder, so nothing is kept between runs ({} names another).",
                keep::FOLDER_VARIABLE
            );
        }
        return ui::run(options).map_err(CliError::from);
    }
    let video = match &arguments.video {
        Some(video) => video.clone(),
        None => bundled_clip(arguments.model.cast(None)).ok_or(CliError::NoClip)?,
    };
    eprintln!("No display was found (DISPLAY and WAYLAND_DISPLAY are not set), so no window can open.");
    eprintln!("Writing a report on {} instead.", video.display());
    let folder = analyze::run(&analyze::Arguments {
        prompts: arguments.prompts.clone(),
        out: Some(PathBuf::from(".")),
        ..analyze::Arguments::new(video, arguments.model.clone())
    })?;
    if let Some(page) = folder.map(|folder| folder.join("index.html")) {
        eprintln!("Open {}.", std::path::absolute(&page).unwrap_or(page).display());
    }
    Ok(())
}

/// The first of the clips of this cast that come with the program.
pub(super) fn bundled_clip(cast: Cast) -> Option<PathBuf> {
    ui::bundled::clips().into_iter().find(|clip| clip.cast == cast).map(|clip| clip.path)
}

/// The display that a window would open on, in words; `None` where there is none.
pub(super) fn display() -> Option<String> {
    if !cfg!(all(unix, not(target_os = "macos"))) {
        return Some("the desktop".to_owned());
    }
    ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"].into_iter().find_map(|name| {
        let value = std::env::var_os(name).filter(|v| !v.is_empty())?;
        Some(format!("{name}={}", value.to_string_lossy()))
    })
}
