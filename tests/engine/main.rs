//! The engine from outside, as the window and the commands use it, on the embedded model and small videos made here.

mod altered;
mod flow;
mod gpu;
mod hostile_model;
mod sweep;

use motionlens::device::DeviceChoice;
use motionlens::engine::{Answer, Engine, Event, Question, QuestionId, Rank};
use motionlens::model::Surgery;
use motionlens::prompt::PromptSet;
use motionlens::score::Scores;
use motionlens::session::{ModelInfo, ModelSource};
use motionlens::video::encode::Mp4Writer;
use motionlens::video::{ClipSpec, Pts, RgbImage, Source, Span};
use std::cell::{Cell, RefCell};
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

/// The frames between two times, in seconds, by the field's test rule.
pub fn span(start: f64, end: f64) -> ClipSpec {
    ClipSpec::segments(Span::new(Pts::from_secs(start), Pts::from_secs(end)))
}

pub fn source(path: &Path) -> Arc<Source> {
    Source::open(path, Arc::new(|| {}))
}

pub fn prompts(names: &[&str]) -> PromptSet {
    PromptSet::from_names(names.iter().copied())
}

/// An engine with what the window would know of it.
pub struct Bench {
    pub engine: Engine,
    pub model: RefCell<Option<(Arc<ModelInfo>, String)>>,
    pub revision: Cell<u64>,
}

pub fn engine() -> Bench {
    let engine = Engine::spawn(DeviceChoice::Cpu, None, None, Arc::new(|| {}));
    Bench { engine, model: RefCell::default(), revision: Cell::new(0) }
}

/// An engine with the embedded model.
pub fn ready() -> Bench {
    let bench = engine();
    bench.load(ModelSource::Shapes);
    bench
}

impl Bench {
    pub fn load(&self, source: ModelSource) -> Arc<ModelInfo> {
        self.engine.load_model(source);
        self.wait(|e| match e {
            Event::ModelLoaded { info, .. } => Some(info.clone()),
            _ => None,
        })
    }

    pub fn question(&self, source: &Arc<Source>, clip: ClipSpec) -> Question {
        let model = self.model.borrow();
        let (info, device) = model.as_ref().expect("a model");
        Question {
            source: source.id().clone(),
            clip,
            frames: info.frames,
            model: info.identity.clone(),
            device: device.clone(),
            surgery: Surgery::default(),
        }
    }

    /// Asks as the window does for what is on screen.
    pub fn ask(&self, source: &Arc<Source>, clip: ClipSpec) -> QuestionId {
        self.engine.ask(source, self.question(source, clip), Rank::Screen)
    }

    /// Asks for what nobody waits for.
    pub fn ask_in_background(&self, source: &Arc<Source>, clip: ClipSpec) -> QuestionId {
        self.engine.ask(source, self.question(source, clip), Rank::Background)
    }

    /// Asks and waits for the answer.
    pub fn answer(&self, source: &Arc<Source>, clip: ClipSpec) -> Arc<Answer> {
        let id = self.ask(source, clip);
        self.answered(id)
    }

    pub fn answered(&self, id: QuestionId) -> Arc<Answer> {
        self.wait(|e| match e {
            Event::Answered { answer, .. } if answer.id == id => Some(answer.clone()),
            _ => None,
        })
    }

    pub fn set_prompts(&self, set: PromptSet, alpha: Option<f32>) {
        self.revision.set(self.revision.get() + 1);
        self.engine.set_prompts(self.revision.get(), Arc::new(set), alpha);
    }

    /// The scores of that answer under the present prompts.
    pub fn scored(&self, id: QuestionId) -> Arc<Scores> {
        let revision = self.revision.get();
        self.wait(|e| match e {
            Event::Answered { scored: Some(s), .. } | Event::Scored(s)
                if s.question == id && s.revision == revision =>
            {
                Some(s.scores.clone())
            }
            _ => None,
        })
    }

    /// The next event; what it says of the model is noted.
    pub fn next(&self, patience: Duration) -> Option<Event> {
        let event = self.engine.wait_event(patience)?;
        if let Event::ModelLoaded { info, device } = &event {
            *self.model.borrow_mut() = Some((info.clone(), device.name.clone()));
        }
        Some(event)
    }

    /// The first event that `pick` picks; any failure in between is one here as well.
    pub fn wait<T>(&self, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            let event = self.next(PATIENCE).expect("an event in time");
            if let Some(found) = pick(&event) {
                return found;
            }
            match event {
                Event::ModelFailed { message }
                | Event::Failed { message, .. }
                | Event::PromptsFailed { message, .. } => panic!("failed: {message}"),
                _ => {}
            }
        }
    }

    /// Every event until none has come for a while.
    pub fn rest(&self) -> Vec<Event> {
        std::iter::from_fn(|| self.next(Duration::from_millis(1500))).collect()
    }
}
