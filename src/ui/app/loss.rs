//! A lost GPU, as far as the window goes: where it cannot go on it closes, and says to whoever opened it why.

use super::App;
use crate::device::{self, DeviceInfo, SharedGpu};
use crate::ui::messages::Kind;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// So long the model's thread has to leave a GPU that is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the window knows of its GPUs.
#[derive(Default)]
pub(super) struct Gpus {
    /// The device that draws the window.
    window: Option<SharedGpu>,
    /// Since when the model's own has been gone, with the model still on it.
    stuck: Option<Instant>,
    ending: Ending,
}

/// Why the window closed by itself; empty where a person closed it.
pub type Ending = Arc<OnceLock<String>>;

impl App {
    /// The device that draws the window. Where it is lost nothing more can be drawn, and the window closes.
    pub fn watch(&mut self, gpu: SharedGpu) {
        let wake = self.wake.clone();
        gpu.on_loss(Box::new(move || wake()));
        self.gpus.window = Some(gpu);
    }

    /// The device that draws the window.
    pub fn gpu(&self) -> Option<&SharedGpu> {
        self.gpus.window.as_ref()
    }

    /// Shows a device that no engine opened (tests).
    pub fn show_device(&mut self, device: DeviceInfo) {
        self.state.device = Some(device);
    }

    /// Outlives the window, and says why it closed by itself.
    pub fn ending(&self) -> Ending {
        self.gpus.ending.clone()
    }

    /// Closes the window where a GPU is lost that it cannot do without: the one that draws it, or the model's own where the
    /// model's thread does not move to the CPU. It may wait for that GPU for ever: cubecl's polling ends with the device.
    pub(super) fn watch_gpus(&mut self, now: Instant) {
        if self.gpus.ending.get().is_some() {
            return;
        }
        let on_gpu = self.state.device.as_ref().is_some_and(|d| d.gpu);
        let model = if on_gpu { device::lost(None) } else { None };
        let since = model.as_ref().map(|_| *self.gpus.stuck.get_or_insert(now));
        self.gpus.stuck = since;
        let stuck = model.filter(|_| since.is_some_and(|since| now - since >= PATIENCE));
        let window = self.gpus.window.as_ref().and_then(SharedGpu::lost);
        if let Some(why) = window.or(stuck) {
            self.gpus.ending.get_or_init(|| why);
            self.ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        } else if since.is_some() {
            self.ctx.request_repaint_after(Duration::from_millis(500));
        }
    }

    /// Whether a lost GPU ends this window; a drawing call that panics may be ahead of the news.
    pub(super) fn ends_by_loss(&self) -> bool {
        let lately = if std::thread::panicking() { SharedGpu::lost_lately } else { SharedGpu::lost };
        self.gpus.ending.get().is_some() || self.gpu().and_then(lately).is_some()
    }

    /// Says why the window is a new one.
    pub fn tell_restart(&mut self, reason: &str) {
        self.state.messages.add(
            Kind::Problem,
            format!(
                "The GPU was lost ({reason}). The program has started again with what was open; the model runs on the \
                 CPU now, and what could be undone before cannot be any more."
            ),
        );
    }
}
