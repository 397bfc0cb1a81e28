//! One analysis through the engine, as the window does it, waited for.

use super::CliError;
use crate::device::DeviceChoice;
use crate::engine::{
    Analysis, AnalysisWindow, DeviceInfo, Engine, Event, ModelInfo, ModelSource, PromptNote,
};
use crate::prompt::PromptSet;
use crate::score::{ClassEmbedding, Scores};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What is asked of the engine.
pub(super) struct Request<'a> {
    pub device: DeviceChoice,
    pub model: ModelSource,
    pub video: &'a Path,
    pub window: AnalysisWindow,
    pub prompts: PromptSet,
    /// `None`: the model's own.
    pub alpha: Option<f32>,
}

/// What it answered.
pub(super) struct Outcome {
    pub model: Arc<ModelInfo>,
    pub device: DeviceInfo,
    pub analysis: Arc<Analysis>,
    pub scores: Arc<Scores>,
    pub notes: Arc<Vec<PromptNote>>,
    /// Of the classes of `scores`, after DA_j.
    pub embeddings: Arc<Vec<ClassEmbedding>>,
}

/// Loads the model, analyses one window and scores it; progress goes to stderr when that is a terminal.
pub(super) fn analyse(request: Request) -> Result<Outcome, CliError> {
    // Events are waited for in the engine's own channel, so nobody has to be woken.
    let engine = Engine::spawn(request.device, None, Arc::new(|| {}));
    let bar = progress_bar();
    let outcome = ask(&engine, &bar, request);
    bar.finish_and_clear();
    outcome
}

fn ask(engine: &Engine, bar: &ProgressBar, request: Request) -> Result<Outcome, CliError> {
    engine.load_model(request.model);
    let (model, device) = wait(engine, bar, |event| match event {
        Event::ModelLoaded { info, device } => Some(Ok((info, device))),
        Event::ModelFailed { message } => Some(Err(CliError::Engine(message))),
        _ => None,
    })?;

    engine.set_alpha(request.alpha);
    engine.set_prompts(request.prompts.or_templates(model.templates.as_ref()));
    engine.set_video(Some(request.video));
    engine.analyse(request.window);
    let mut analysed = None;
    let (analysis, scores, notes) = wait(engine, bar, |event| match event {
        Event::Analysed(analysis) => {
            analysed = Some(analysis);
            None
        }
        // Scores that come before the analysis are empty: they only bring the notes on the prompts.
        Event::Scored { scores, notes, .. } => analysed.clone().map(|analysis| Ok((analysis, scores, notes))),
        Event::AnalysisFailed { message }
        | Event::PromptsFailed { message }
        | Event::ModelFailed { message } => Some(Err(CliError::Engine(message))),
        _ => None,
    })?;
    let embeddings = engine.class_embeddings().unwrap_or_default();
    Ok(Outcome { model, device, analysis, scores, notes, embeddings })
}

/// Blocks until `done` makes something of an event.
fn wait<T>(
    engine: &Engine,
    bar: &ProgressBar,
    mut done: impl FnMut(Event) -> Option<Result<T, CliError>>,
) -> Result<T, CliError> {
    loop {
        let Some(event) = engine.wait_event(Duration::from_secs(1)) else {
            bar.tick();
            continue;
        };
        match &event {
            Event::ModelLoading { what, fraction } => {
                show(bar, what, fraction.map(|f| ((f * 100.0) as usize, 100)));
            }
            Event::Progress { stage, done, total } => show(bar, stage, Some((*done, *total))),
            _ => {}
        }
        if let Some(result) = done(event) {
            return result;
        }
    }
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {pos}/{len}") {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, what: &str, part: Option<(usize, usize)>) {
    bar.set_message(what.to_owned());
    match part {
        Some((done, total)) => {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        }
        None => bar.tick(),
    }
}
