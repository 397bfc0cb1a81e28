//! Opens the native window, with a device that the model may share, and starts the program again where that device is
//! lost.

use super::app::{App, Ending};
use super::bundled;
use super::fetching::Fetch;
use super::intent::Intent;
use super::keep::{Found, Keep};
use super::restart::{self, Restart};
use super::start::{self, Phase, Start};
use crate::device::gpu::{open_adapter, requests};
use crate::device::{self, AdapterReport, DeviceChoice, DeviceInfo, SharedGpu};
use crate::engine::{Engine, Memory};
use crate::files;
use crate::model::{Hub, HubId};
use crate::session::ModelSource;
use eframe::egui_wgpu::{WgpuConfiguration, WgpuError, WgpuSetup, WgpuSetupCreateNew};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What the command line says about the window.
#[derive(Clone, Debug, Default)]
pub struct WindowOptions {
    pub video: Option<PathBuf>,
    /// `None`: the one in the program that was used last.
    pub model: Option<ModelSource>,
    /// Where models of the hub come from and are kept.
    pub hub: Option<Hub>,
    /// A model of the hub that is wanted and is not here.
    pub fetch: Option<HubId>,
    pub prompts: Option<PathBuf>,
    pub device: DeviceChoice,
    /// Where prompts and arrangement are kept between runs; `None`: nowhere.
    pub state: Option<PathBuf>,
    /// For what has been computed, beside the model.
    pub memory: Memory,
}

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    #[error("cannot open a window: {0}. With no display, use `motionlens analyze VIDEO --out FOLDER`")]
    Native(String),
    #[error(
        "no graphics adapter can draw the window: {0}. Install or update the graphics driver (in software: package \
         mesa-vulkan-drivers), or name another adapter with WGPU_ADAPTER_NAME; without a window, use `motionlens \
         analyze VIDEO --out FOLDER`"
    )]
    Graphics(String),
    #[error(
        "the GPU that draws the window was lost again and again: {0}. What you typed is kept. Update the graphics \
         driver, or name another adapter with WGPU_ADAPTER_NAME (`motionlens doctor` lists them)"
    )]
    Lost(String),
    #[error(
        "the GPU that draws the window was lost ({reason}), and the program cannot start again: {source}. What you \
             typed is kept"
    )]
    Restart { reason: String, source: std::io::Error },
    #[error("the window opened, and after {0} s it had no scores of its clip: {1}")]
    Check(u64, String),
}

/// What a window that checks itself has seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub adapter: Option<AdapterReport>,
    /// Where the model ran.
    pub device: Option<DeviceInfo>,
    /// The run before this one lost its GPU.
    pub restarted: Option<Restart>,
    /// What was on the screen, and how long after the start.
    pub phases: Vec<(Phase, Duration)>,
    failed: Option<String>,
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// Where there is no display, no device that can draw, or one that is lost again and again.
pub fn run(options: WindowOptions) -> Result<(), WindowError> {
    open(options, None)
}

/// Opens the window, waits until it shows its clip with map and scores, and closes it.
///
/// # Errors
/// As [`run`], and where that does not come about within `limit`.
pub fn check(options: WindowOptions, limit: Duration) -> Result<Seen, WindowError> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    open(options, Some((seen.clone(), limit)))?;
    let seen = lock(&seen).clone();
    match &seen.failed {
        Some(told) => Err(WindowError::Check(limit.as_secs(), told.clone())),
        None => Ok(seen),
    }
}

fn open(options: WindowOptions, check: Option<(Arc<Mutex<Seen>>, Duration)>) -> Result<(), WindowError> {
    let began = Instant::now();
    let restart = Restart::from_environment();
    if let Some(restart) = &restart {
        device::remember_loss(restart.reason.clone());
    }
    let (keep, found) =
        Keep::open(options.state.clone(), bundled::all_prompts(), fresh(&options, restart.as_ref()));
    let viewport = egui::ViewportBuilder::default()
        .with_title("MotionLens")
        .with_app_id("motionlens")
        .with_inner_size(found.kept.size.unwrap_or([1280.0, 800.0]))
        .with_min_inner_size([900.0, 600.0])
        .with_icon(icon());
    let other_adapter = restart.as_ref().is_some_and(Restart::takes_another_adapter);
    let native = eframe::NativeOptions {
        viewport,
        wgpu_options: WgpuConfiguration { wgpu_setup: setup(other_adapter), ..Default::default() },
        ..Default::default()
    };
    let gpu: Arc<OnceLock<SharedGpu>> = Arc::default();
    let ending: Arc<OnceLock<Ending>> = Arc::default();
    let (shared, told) = (gpu.clone(), ending.clone());
    let before = restart.clone();
    let create: eframe::AppCreator<'_> = Box::new(move |cc| {
        start::tell("GPU and window open", began.elapsed());
        let app = begin(cc, options, before.as_ref(), (keep, found), check.is_none());
        start::tell("window built", began.elapsed());
        told.get_or_init(|| app.ending());
        if let Some(gpu) = app.gpu() {
            if let Some(after) = restart::loses_gpu_after(before.as_ref()) {
                let gpu = gpu.clone();
                std::thread::spawn(move || {
                    std::thread::sleep(after);
                    gpu.destroy();
                });
            }
            shared.get_or_init(|| gpu.clone());
        }
        let start = Start::new(began);
        Ok(match check {
            None if !start::is_heard() => Box::new(app) as Box<dyn eframe::App>,
            check => Box::new(Watched { app, start, check, before }),
        })
    });
    // A drawing call on a lost GPU panics inside the toolkit, often before the app has noticed the loss.
    quiet_when_lost(gpu.clone());
    let ended = catch_unwind(AssertUnwindSafe(|| eframe::run_native("MotionLens", native, create)));
    let lost = if ended.is_err() { SharedGpu::lost_lately } else { SharedGpu::lost };
    let told = ending.get().and_then(|ending| ending.get().cloned());
    if let Some(reason) = told.or_else(|| gpu.get().and_then(lost)) {
        let Some(next) = Restart::after(restart.as_ref(), reason.clone(), began.elapsed()) else {
            return Err(WindowError::Lost(reason));
        };
        let rescue = restart::rescue_folder();
        let state = rescue.is_dir().then_some(rescue.as_path());
        return next.go(state).map_err(|source| WindowError::Restart { reason, source });
    }
    ended.unwrap_or_else(|panic| resume_unwind(panic)).map_err(|e| match e {
        eframe::Error::Wgpu(WgpuError::CustomNativeAdapterSelectionError(why)) => WindowError::Graphics(why),
        eframe::Error::Wgpu(e) => WindowError::Graphics(e.to_string()),
        other => WindowError::Native(without_place(&other.to_string()).to_owned()),
    })
}

/// What winit says, without the line of its own source before it.
fn without_place(told: &str) -> &str {
    let after = told.split_once(".rs:").and_then(|(_, rest)| rest.split_once(": "));
    after.map_or(told, |(_, why)| why)
}

/// What is told of a lost GPU is the loss, not where the toolkit stumbled over it.
fn quiet_when_lost(gpu: Arc<OnceLock<SharedGpu>>) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| match gpu.get().and_then(SharedGpu::lost_lately) {
        Some(_) => log::warn!("{info}"),
        None => usual(info),
    }));
}

/// The person has named prompts: a draft is not read.
fn fresh(options: &WindowOptions, restart: Option<&Restart>) -> bool {
    options.prompts.is_some() && restart.is_none()
}

/// The app with its engine, and what the command line asked for under way.
pub fn start(cc: &eframe::CreationContext<'_>, options: WindowOptions) -> App {
    let (keep, found) = Keep::open(options.state.clone(), bundled::all_prompts(), fresh(&options, None));
    begin(cc, options, None, (keep, found), true)
}

/// `restart`: the run before this one lost its GPU, and what it had open counts, not the command line. `invites`: somebody sits
/// before it, who may be offered the first minute.
fn begin(
    cc: &eframe::CreationContext<'_>,
    options: WindowOptions,
    restart: Option<&Restart>,
    (keep, found): (Keep, Found),
    invites: bool,
) -> App {
    let ctx = cc.egui_ctx.clone();
    let wake = {
        let ctx = ctx.clone();
        Arc::new(move || ctx.request_repaint()) as crate::video::Wake
    };
    let gpu = cc.wgpu_render_state.clone();
    let shared = gpu.clone().map(|g| SharedGpu::new(g.instance, g.adapter, g.device, g.queue));
    let device = if restart.is_some() { DeviceChoice::Cpu } else { options.device };
    let for_engines = shared.clone();
    let spawn = move || Engine::spawn(device, for_engines.clone(), files::cache_folder(), wake.clone());
    let mut app = App::new(&ctx, gpu, Some(spawn()));
    app.spawn_with(spawn);
    app.picture_first();
    app.limit(options.memory);
    if let Some(hub) = options.hub {
        app.use_hub(hub);
    }
    if let Some(shared) = shared {
        app.watch(shared);
    }
    let named = options.model.is_some();
    // A clip of the program brings the model that knows it.
    let known = options.video.as_deref().and_then(|video| bundled::cast_of(&bundled::clips(), video));
    let model = options.model.unwrap_or(ModelSource::of(known.unwrap_or(found.kept.open.cast)));
    // With prompts of its own on the command line the list begins empty: theirs are what undo stops at.
    if options.prompts.is_none() || restart.is_some() {
        app.start_with(bundled::prompts(model.cast().unwrap_or_default()));
    }
    let (before, sorted) = (found.kept.open.clone(), found.kept.sort_by_score);
    app.restore(&ctx, keep, found);
    if let Some(restart) = restart {
        app.apply(
            &ctx,
            Intent::OpenModel(
                before.model.clone().map_or(ModelSource::of(before.cast), ModelSource::in_folder),
            ),
        );
        app.reopen(&before);
        app.tell_restart(&restart.reason);
        return app;
    }
    app.apply(&ctx, Intent::OpenModel(model));
    if let Some(id) = options.fetch {
        app.apply(&ctx, Intent::Model(Fetch::Want(id)));
    }
    match options.video {
        // A model that was named is the one that is wanted, whatever the clip.
        Some(path) if named => app.open_video(path),
        Some(path) => app.open_chosen(path),
        // The first minute opens its own clip.
        None if invites && options.prompts.is_none() && app.invite(&ctx) => {}
        None => app.open_bundled(),
    }
    if let Some(path) = options.prompts {
        // In the order of the file, unless the person has said otherwise.
        app.apply(&ctx, Intent::SortByScore(sorted.unwrap_or(false)));
        app.apply(&ctx, Intent::LoadPrompts(path));
    }
    app
}

/// The window's device: the best adapter that can draw on this display and whose driver grants a device, and as much of
/// it as is granted, so that the model can share it. Software adapters come last, or first. `WGPU_ADAPTER_NAME` (a part
/// of the name), `WGPU_BACKEND` and `WGPU_POWER_PREF` are heard.
pub fn setup(software_first: bool) -> WgpuSetup {
    let mut create = WgpuSetupCreateNew::without_display_handle();
    let low_power = create.power_preference == wgpu::PowerPreference::LowPower;
    let granted: Arc<Mutex<Option<wgpu::DeviceDescriptor<'static>>>> = Arc::default();
    let asked = granted.clone();
    create.native_adapter_selector = Some(Arc::new(move |adapters, surface| {
        let (adapter, request) = choose(adapters, surface, software_first, low_power)?;
        *lock(&asked) = Some(request);
        Ok(adapter)
    }));
    create.device_descriptor = Arc::new(move |adapter| {
        let most = || requests(adapter.features(), &adapter.limits()).swap_remove(0);
        lock(&granted).take().unwrap_or_else(most)
    });
    create.into()
}

/// The first adapter that grants anything, with what it grants; the device is opened to find out, and again by eframe.
fn choose(
    adapters: &[wgpu::Adapter],
    surface: Option<&wgpu::Surface<'_>>,
    software_first: bool,
    low_power: bool,
) -> Result<(wgpu::Adapter, wgpu::DeviceDescriptor<'static>), String> {
    let named = std::env::var("WGPU_ADAPTER_NAME").ok().map(|n| n.to_lowercase()).filter(|n| !n.is_empty());
    let mut known: Vec<_> = adapters.iter().map(|a| (device::report(&a.get_info()), a)).collect();
    let fits = |report: &AdapterReport, adapter: &wgpu::Adapter| {
        surface.is_none_or(|s| adapter.is_surface_supported(s))
            && named.as_ref().is_none_or(|n| report.name.to_lowercase().contains(n))
    };
    let all: Vec<String> = known.iter().map(|(r, _)| format!("{} ({})", r.name, r.backend)).collect();
    known.retain(|(report, adapter)| fits(report, adapter));
    known.sort_by_key(|(report, _)| {
        let (software, kind, open_gl) = report.rank();
        // With low power the card in the processor comes before one of its own.
        (software != software_first, if low_power && kind < 2 { 1 - kind } else { kind }, open_gl)
    });
    let mut refusals = Vec::new();
    for (report, adapter) in known {
        match open_adapter(adapter) {
            Ok((request, _)) => return Ok((adapter.clone(), request)),
            Err(why) => refusals.push(format!("{} refuses a device ({why})", report.name)),
        }
    }
    Err(match (&named, all.is_empty()) {
        _ if !refusals.is_empty() => refusals.join("; "),
        (_, true) => "none was found".to_owned(),
        (Some(name), false) => {
            format!("none of {} has \"{name}\" in its name and draws here", all.join(", "))
        }
        (None, false) => format!("none of {} draws on this display", all.join(", ")),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The window whose start is looked at; with `check` it closes itself when it has seen everything, or after the time given.
struct Watched {
    app: App,
    start: Start,
    check: Option<(Arc<Mutex<Seen>>, Duration)>,
    before: Option<Restart>,
}

impl Watched {
    fn check(&self, ctx: &egui::Context, seen: &mut Seen, limit: Duration) {
        let s = self.app.state();
        if self.start.is_over() {
            seen.adapter = self.app.gpu().map(SharedGpu::report);
            seen.device.clone_from(&s.device);
            seen.restarted.clone_from(&self.before);
            seen.phases = Phase::ALL.into_iter().filter_map(|p| Some((p, self.start.seen(p)?))).collect();
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        } else if self.start.began().elapsed() > limit {
            let told: Vec<&str> = s.messages.all().iter().map(|m| m.text.as_str()).collect();
            seen.failed = Some(if told.is_empty() { "nothing was told".to_owned() } else { told.join("; ") });
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        }
    }
}

impl eframe::App for Watched {
    fn logic(&mut self, ctx: &egui::Context, frame: &mut eframe::Frame) {
        self.start.begin_frame();
        eframe::App::logic(&mut self.app, ctx, frame);
        if let Some((seen, limit)) = &self.check {
            self.check(ctx, &mut lock(seen), *limit);
            ctx.request_repaint_after(Duration::from_millis(100));
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        eframe::App::ui(&mut self.app, ui, frame);
        self.start.end_frame(self.app.state());
        if self.start.waits() {
            ui.ctx().request_repaint();
        }
    }

    fn on_exit(&mut self) {
        eframe::App::on_exit(&mut self.app);
    }
}

/// Three frames of a moving square: old ones fainter, a lens around the newest.
fn icon() -> egui::IconData {
    const N: u32 = 64;
    let mut rgba = Vec::with_capacity((N * N * 4) as usize);
    for y in 0..N {
        for x in 0..N {
            let (fx, fy) = (x as f32 + 0.5, y as f32 + 0.5);
            let square = |cx: f32| (fx - cx).abs() < 8.0 && (fy - 32.0).abs() < 8.0;
            let ring = (((fx - 40.0).powi(2) + (fy - 32.0).powi(2)).sqrt() - 19.0).abs() < 2.5;
            let round = {
                let (dx, dy) = ((fx - 32.0).abs() - 22.0, (fy - 32.0).abs() - 22.0);
                dx.max(0.0).hypot(dy.max(0.0)) < 9.0
            };
            let pixel = match () {
                () if ring => [236, 240, 248, 255],
                () if square(40.0) => [252, 176, 52, 255],
                () if square(25.0) => [186, 84, 82, 255],
                () if square(13.0) => [98, 42, 104, 255],
                () if round => [24, 26, 34, 255],
                () => [0, 0, 0, 0],
            };
            rgba.extend(pixel);
        }
    }
    egui::IconData { rgba, width: N, height: N }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_no_window_opens_is_told_without_a_line_of_source() {
        let told =
            "os error at /root/.cargo/registry/src/index/winit-0.30.13/src/event_loop.rs:765: no display";
        assert_eq!(without_place(told), "no display");
        assert_eq!(without_place("no server: at :99"), "no server: at :99");
    }
}
