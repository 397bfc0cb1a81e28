//! The model's own GPU is lost while its thread waits for it. In a process of its own: a loss is remembered for good.

use egui_kittest::Harness;
use motionlens::device::{self, DeviceInfo};
use motionlens::ui::App;
use std::time::{Duration, Instant};

type Window = Harness<'static, App>;

fn asks_to_close(h: &mut Window, now: Instant) -> bool {
    let ctx = h.ctx.clone();
    h.state_mut().poll(&ctx, now);
    h.step();
    h.output().viewport_output.values().any(|v| v.commands.contains(&egui::ViewportCommand::Close))
}

#[test]
fn a_window_whose_model_waits_for_a_lost_gpu_starts_again_and_one_whose_model_moved_goes_on() {
    let mut h: Window =
        Harness::builder().with_size([1280.0, 800.0]).build_eframe(|cc| App::new(&cc.egui_ctx, None, None));
    let start = Instant::now();
    let later = |seconds| start + Duration::from_secs(seconds);
    let runs_on = |h: &mut Window, name: &str, gpu: bool| {
        let device = DeviceInfo { name: name.into(), software: false, gpu, reason: String::new() };
        h.state_mut().show_device(device);
    };
    runs_on(&mut h, "a card of its own", true);
    assert!(!asks_to_close(&mut h, start));
    device::remember_loss("the driver was reset".into());
    assert!(!asks_to_close(&mut h, later(1)), "the model's thread has some time to leave it");
    // It did, and nothing more happens.
    runs_on(&mut h, "CPU", false);
    assert!(!asks_to_close(&mut h, later(30)));
    assert!(h.state().ending().get().is_none());
    // It does not.
    runs_on(&mut h, "a card of its own", true);
    assert!(!asks_to_close(&mut h, later(31)));
    assert!(asks_to_close(&mut h, later(60)));
    assert_eq!(h.state().ending().get().map(String::as_str), Some("the driver was reset"));
}
