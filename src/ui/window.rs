//! Opens the native window, with a device that the model may share.

use super::app::App;
use super::command::Command;
use crate::device::{DeviceChoice, SharedGpu};
use crate::engine::Engine;
use crate::prompt::PromptSet;
use crate::session::ModelSource;
use std::path::PathBuf;
use std::sync::Arc;

/// What the command line says about the window.
#[derive(Clone, Debug, Default)]
pub struct WindowOptions {
    pub video: Option<PathBuf>,
    pub model: ModelSource,
    pub prompts: Option<PathBuf>,
    pub device: DeviceChoice,
}

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    #[error("cannot open a window: {0}. With no display, use `motionlens analyze VIDEO --out FOLDER`")]
    Native(String),
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// Where there is no display, or no device that can draw.
pub fn run(options: WindowOptions) -> Result<(), WindowError> {
    let viewport = egui::ViewportBuilder::default()
        .with_title("MotionLens")
        .with_app_id("motionlens")
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([900.0, 600.0])
        .with_icon(icon());
    let native = eframe::NativeOptions {
        viewport,
        wgpu_options: eframe::egui_wgpu::WgpuConfiguration { wgpu_setup: setup(), ..Default::default() },
        ..Default::default()
    };
    eframe::run_native("MotionLens", native, Box::new(move |cc| Ok(Box::new(start(cc, options)))))
        .map_err(|e| WindowError::Native(e.to_string()))
}

/// The app with its engine, and what the command line asked for under way.
pub fn start(cc: &eframe::CreationContext<'_>, options: WindowOptions) -> App {
    let ctx = cc.egui_ctx.clone();
    let wake = {
        let ctx = ctx.clone();
        Arc::new(move || ctx.request_repaint())
    };
    let gpu = cc.wgpu_render_state.clone();
    let shared = gpu.clone().map(|g| SharedGpu::new(g.instance, g.adapter, g.device, g.queue));
    let engine = Engine::spawn(options.device, shared, crate::files::cache_folder(), wake);
    let mut app = App::new(&ctx, gpu, Some(engine));
    app.apply(&ctx, Command::OpenModel(options.model));
    match options.video {
        Some(path) => app.apply(&ctx, Command::OpenVideo(path)),
        None => app.open_bundled(),
    }
    match options.prompts {
        Some(path) => app.apply(&ctx, Command::LoadPrompts(path)),
        None => app.start_with(PromptSet::from_bytes(crate::cli::BUNDLED_PROMPTS.as_bytes())),
    }
    app
}

/// The model may run on the window's device, and asks for what the adapter has. Mappable primary buffers are left
/// out: on a card with its own memory they make every buffer slow.
fn setup() -> eframe::egui_wgpu::WgpuSetup {
    let mut create = eframe::egui_wgpu::WgpuSetupCreateNew::without_display_handle();
    create.device_descriptor = Arc::new(|adapter| wgpu::DeviceDescriptor {
        label: Some("motionlens"),
        required_features: adapter.features() - wgpu::Features::MAPPABLE_PRIMARY_BUFFERS,
        required_limits: adapter.limits(),
        ..Default::default()
    });
    create.into()
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
