//! `motionlens doctor`: what this machine has, tried out rather than looked up: every adapter is opened, the model is run,
//! folders are written to, and with `--window` the window is opened once.

use super::{CliError, model, no_command};
use crate::data::cast::Cast;
use crate::device::{self, AdapterReport, DeviceChoice, DeviceInfo};
use crate::model::{Hub, ModelFiles};
use crate::ui::start::Phase;
use crate::ui::{self, WindowOptions, keep};
use crate::video;
use burn::tensor::{Device, Tensor};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(clap::Args, Clone, Debug)]
pub(super) struct Arguments {
    /// Where the model is tried besides the CPU; auto: on a real GPU; gpu: on a software adapter too
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Open the window, wait for the scores of its first clip, and close it
    #[arg(long)]
    window: bool,
    /// Seconds until the window counts as failed
    #[arg(long, value_name = "SECONDS", default_value_t = 120, requires = "window")]
    limit: u64,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let mut page = Page { missing: Vec::new() };
    page.line(&format!("MotionLens {}", env!("CARGO_PKG_VERSION")))?;
    adapters(&mut page)?;
    embedded(&mut page, arguments.device)?;
    page.head("ffmpeg libraries", &video::decode::ffmpeg_version())?;
    display(&mut page)?;
    clips(&mut page)?;
    hub(&mut page)?;
    folders(&mut page)?;
    if arguments.window {
        open_window(&mut page, arguments)?;
    }
    page.end()
}

/// The output, line by line as it becomes known, and what turned out to be missing.
struct Page {
    missing: Vec<String>,
}

impl Page {
    fn line(&self, text: &str) -> Result<(), CliError> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}").and_then(|()| out.flush()).map_err(CliError::Output)
    }

    fn head(&self, title: &str, text: &str) -> Result<(), CliError> {
        self.line(&format!("\n{title}\n  {text}"))
    }

    fn miss(&mut self, text: impl Into<String>) {
        self.missing.push(text.into());
    }

    fn end(&self) -> Result<(), CliError> {
        if self.missing.is_empty() {
            return self.head("missing", "nothing");
        }
        self.head("missing", &self.missing.join("\n  "))
    }
}

fn adapters(page: &mut Page) -> Result<(), CliError> {
    page.line("\ngraphics adapters")?;
    let tried = device::try_adapters();
    for (adapter, opened) in &tried {
        let opened = match opened {
            Ok(None) => "opens".to_owned(),
            Ok(Some(why)) => format!("opens for drawing, not for the model: {why}"),
            Err(why) => format!("DOES NOT OPEN: {why}"),
        };
        page.line(&format!("  {}\n    {opened}", described(adapter)))?;
    }
    if tried.is_empty() {
        page.line("  none")?;
        page.miss(
            "a driver for Vulkan, Metal or DirectX 12: the model has no GPU, and the window can only try OpenGL (in \
             software: package mesa-vulkan-drivers)",
        );
    } else if tried.iter().all(|(_, opened)| opened.is_err()) {
        page.miss(
            "a graphics adapter that opens: update its driver (in software: package mesa-vulkan-drivers)",
        );
    }
    Ok(())
}

fn described(a: &AdapterReport) -> String {
    let software = if a.software && a.kind != "software" { ", software" } else { "" };
    format!("{} ({}, {}{software}) {}", a.name, a.backend, a.kind, a.driver)
}

/// Runs the default model on the CPU, and on a GPU where one is picked.
fn embedded(page: &mut Page, choice: DeviceChoice) -> Result<(), CliError> {
    let picked = match device::open(choice, None) {
        Ok(picked) => Some(picked),
        Err(e) => {
            page.miss(e.to_string());
            None
        }
    };
    let name = |info: &DeviceInfo| {
        format!("{}{}: {}", info.name, if info.software { ", software" } else { "" }, info.reason)
    };
    let text = picked.as_ref().map_or_else(|| "none".to_owned(), |(_, info)| name(info));
    page.head("device that the model runs on", &text)?;
    page.line("\nembedded model of people, 8 frames (another with analyze --model)")?;
    if let Ok((cpu, info)) = device::open(DeviceChoice::Cpu, None) {
        page.line(&format!("  {}: {}", info.name, passes(&cpu)))?;
    }
    match picked.filter(|(_, info)| info.gpu) {
        Some((gpu, info)) => {
            let told = passes(&gpu);
            page.line(&format!("  {}: {told}", info.name))?;
            if let Some(why) = device::lost(None) {
                page.miss(format!("a GPU that holds: it was lost while the model ran ({why})"));
            }
        }
        None if choice == DeviceChoice::Auto => {
            let software = device::adapters().into_iter().find(|a| a.software);
            let told = software.map_or_else(
                || "no GPU to run it on".to_owned(),
                |a| {
                    format!(
                        "{}: not tried, the CPU is faster than a software adapter (--device gpu tries it)",
                        a.name
                    )
                },
            );
            page.line(&format!("  {told}"))?;
        }
        None => {}
    }
    Ok(())
}

/// The first pass compiles what the second finds ready.
fn passes(device: &Device) -> String {
    let run = || -> Result<String, String> {
        let model = ModelFiles::embedded(Cast::default()).load(device).map_err(|e| e.to_string())?;
        let (frames, side) = (model.head_config.frames, model.config.image_size);
        let mut seconds = [0.0; 2];
        for taken in &mut seconds {
            let began = Instant::now();
            let tokens = model.towers.vision_model.forward(Tensor::zeros([frames, 3, side, side], device));
            let clip = tokens.unsqueeze_dim::<4>(0);
            let embedding = model.head.forward(clip, &model.towers.visual_projection).embedding;
            let values = embedding.try_into_vec_as::<f32>().map_err(|e| e.to_string())?;
            if values.iter().any(|v| !v.is_finite()) {
                return Err("it computes values that are not finite".to_owned());
            }
            *taken = began.elapsed().as_secs_f64();
        }
        Ok(format!("first pass {:.3} s, second {:.3} s", seconds[0], seconds[1]))
    };
    device::guarded(run).unwrap_or_else(|why| format!("FAILS: {why}"))
}

fn display(page: &mut Page) -> Result<(), CliError> {
    let display = no_command::display();
    page.head("display", display.as_deref().unwrap_or("none"))?;
    if display.is_none() {
        page.miss("a display: without one only the commands work (or use xvfb-run)");
    } else if std::env::var_os("WAYLAND_DISPLAY").is_some() && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        page.miss("the variable XDG_RUNTIME_DIR: a window on Wayland needs it");
    }
    Ok(())
}

fn clips(page: &mut Page) -> Result<(), CliError> {
    match no_command::bundled_clip(Cast::default()) {
        Some(clip) => page.head("bundled clip", &clip.display().to_string()),
        None => {
            page.miss(
                "a folder to unpack the bundled clips into (HOME and XDG_CACHE_HOME say where); a video of your own needs none",
            );
            page.head("bundled clip", "none")
        }
    }
}

/// The hub's cache, and whether the network would be used; it is not tried, because nobody has asked for a model.
fn hub(page: &mut Page) -> Result<(), CliError> {
    let hub = match Hub::from_env() {
        Ok(hub) => hub,
        Err(why) => {
            page.miss(why.to_string());
            return page.head("models of the hub", "not available");
        }
    };
    folder(page, "models of the hub", Some(hub.cache().to_owned()), "HF_HUB_CACHE names another place")?;
    let whole = hub.cached().into_iter().filter(|cached| cached.model.is_some()).count();
    page.line(&format!(
        "  {whole} to be used without network (motionlens model list); {}{}",
        model::network(&hub),
        if hub.is_offline() { "" } else { ", which was not tried" }
    ))
}

fn folders(page: &mut Page) -> Result<(), CliError> {
    let cache = directories::ProjectDirs::from("", "", "motionlens").map(|d| d.cache_dir().to_owned());
    let remedy = format!("nothing is kept, unless {} names another place", keep::FOLDER_VARIABLE);
    folder(page, "what is kept between runs", keep::folder(), &remedy)?;
    folder(page, "cache of training features", cache, "train head --cache names another place")
}

fn folder(page: &mut Page, title: &str, folder: Option<PathBuf>, remedy: &str) -> Result<(), CliError> {
    let Some(folder) = folder else {
        page.miss(format!("a home folder: {remedy}"));
        return page.head(title, "nowhere");
    };
    let state = match writable(&folder) {
        Ok(true) => String::new(),
        Ok(false) => " (not made yet)".to_owned(),
        Err(why) => {
            page.miss(format!("write access to {} ({why}): {remedy}", folder.display()));
            format!(" (cannot be written: {why})")
        }
    };
    page.head(title, &format!("{}{state}", folder.display()))
}

/// Whether files can be made in `folder`, or in the folder that it would be made in; `false`: it is not there yet.
fn writable(folder: &Path) -> std::io::Result<bool> {
    let there = folder.ancestors().find(|f| f.is_dir()).unwrap_or(folder);
    let probe = there.join(format!(".motionlens-doctor-{}", std::process::id()));
    std::fs::File::create_new(&probe)?;
    std::fs::remove_file(&probe)?;
    Ok(there == folder)
}

fn open_window(page: &mut Page, arguments: &Arguments) -> Result<(), CliError> {
    if no_command::display().is_none() {
        return page.head("window", "not tried: there is no display");
    }
    let options =
        WindowOptions { device: arguments.device, state: keep::folder(), ..WindowOptions::default() };
    let seen = ui::window::check(options, Duration::from_secs(arguments.limit))?;
    let on = seen.adapter.as_ref().map_or_else(|| "nothing known".to_owned(), described);
    let device = seen.device.map_or_else(String::new, |d| format!(" on {}: {}", d.name, d.reason));
    page.head("window", &format!("opens on {on}"))?;
    for (phase, after) in &seen.phases {
        let device = if *phase == Phase::Scores { device.as_str() } else { "" };
        page.line(&format!("  {} after {:.1} s{device}", phase.words(), after.as_secs_f64()))?;
    }
    if let Some(restart) = seen.restarted {
        page.line(&format!(
            "  started again, time {} in a row: the GPU was lost ({})",
            restart.count, restart.reason
        ))?;
    }
    Ok(())
}
