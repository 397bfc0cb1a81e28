//! The engine from outside, as the window and the commands use it, on the embedded model and small videos made here.

mod flow;
mod hostile_model;

use motionlens::device::DeviceChoice;
use motionlens::engine::{Analysis, AnalysisWindow, Engine, Event, ModelSource};
use motionlens::prompt::PromptSet;
use motionlens::score::Scores;
use motionlens::video::encode::Mp4Writer;
use motionlens::video::{Pts, RgbImage};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Long enough for a busy machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(120);
const FPS: f64 = 16.0;

/// A square that moves to the right over a striped background; `moving: false` leaves it where it is.
pub fn picture(frame: usize, moving: bool) -> RgbImage {
    let (width, height) = (96u32, 64u32);
    let left = if moving { 4 + 2 * (frame as u32 % 32) } else { 30 };
    let inside = |x: u32, y: u32| (left..left + 20).contains(&x) && (20..40).contains(&y);
    let pixel = |x, y| if inside(x, y) { [220, 60, 40] } else { [60, 60 + (x / 8 % 2) as u8 * 60, 90] };
    let data = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    RgbImage { width, height, data }
}

/// Writes a video of `frames` frames.
pub fn video(folder: &Path, name: &str, frames: usize, moving: bool) -> PathBuf {
    let path = folder.join(name);
    let mut writer = Mp4Writer::create(&path, 96, 64, FPS, 12).expect("an mp4");
    for frame in 0..frames {
        writer.push(&picture(frame, moving)).expect("a frame");
    }
    writer.finish().expect("a finished mp4");
    path
}

pub fn window(start: f64, end: f64) -> AnalysisWindow {
    AnalysisWindow { start: Pts::from_secs(start), end: Pts::from_secs(end) }
}

pub fn prompts(names: &[&str]) -> PromptSet {
    PromptSet::from_names(names.iter().copied())
}

pub fn engine() -> Engine {
    Engine::spawn(DeviceChoice::Cpu, None, Arc::new(|| {}))
}

/// An engine with the embedded model.
pub fn ready() -> Engine {
    let engine = engine();
    engine.load_model(ModelSource::Embedded);
    wait(&engine, |e| matches!(e, Event::ModelLoaded { .. }).then_some(()));
    engine
}

/// The first event that `pick` picks; any failure in between is one here as well.
pub fn wait<T>(engine: &Engine, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
    loop {
        let event = engine.wait_event(PATIENCE).expect("an event in time");
        if let Some(found) = pick(&event) {
            return found;
        }
        match event {
            Event::ModelFailed { message }
            | Event::AnalysisFailed { message }
            | Event::PromptsFailed { message } => {
                panic!("failed: {message}")
            }
            _ => {}
        }
    }
}

pub fn analysed(engine: &Engine) -> Arc<Analysis> {
    wait(engine, |e| match e {
        Event::Analysed(analysis) => Some(analysis.clone()),
        _ => None,
    })
}

pub fn scored(engine: &Engine) -> Arc<Scores> {
    wait(engine, |e| match e {
        Event::Scored { scores, .. } if !scores.classes.is_empty() => Some(scores.clone()),
        _ => None,
    })
}

/// Every event until none has come for a while.
pub fn rest(engine: &Engine) -> Vec<Event> {
    std::iter::from_fn(|| engine.wait_event(Duration::from_millis(1500))).collect()
}
