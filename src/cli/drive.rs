//! One question through the engine, as the window asks it, waited for.

use super::CliError;
use crate::device::{DeviceChoice, DeviceInfo};
use crate::engine::{Answer, Engine, Event, Point, Question, QuestionId, Rank, Scored, Sweep};
use crate::export::lanes::{Lanes, Row};
use crate::files;
use crate::model::Surgery;
use crate::model::folder::MotionScale;
use crate::prompt::PromptSet;
use crate::score::{ClassEmbedding, Scores};
use crate::session::{ModelInfo, ModelSource, PromptNote};
use crate::video::{ClipSpec, Pts, Source};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What is asked of the engine.
pub(super) struct Request<'a> {
    pub device: DeviceChoice,
    pub model: ModelSource,
    pub video: &'a Arc<Source>,
    pub clip: ClipSpec,
    pub surgery: Surgery,
    pub prompts: PromptSet,
    /// `None`: the model's own.
    pub alpha: Option<f32>,
    /// The motion scale is wanted too, which takes a moment where the model's folder has none.
    pub scale: bool,
    /// The lanes are wanted too.
    pub lanes: Option<LanesWanted>,
}

/// Which spans of a video are asked about, as [`Sweep::new`] has it.
pub(super) struct LanesWanted {
    pub length: Pts,
    pub hop: Pts,
    /// Runs of them, the first and the last of each; `None`: all.
    pub spans: Option<Vec<(u32, u32)>>,
    /// Where the video ends.
    pub end: Pts,
}

/// What it answered.
pub(super) struct Outcome {
    pub model: Arc<ModelInfo>,
    pub device: DeviceInfo,
    pub answer: Arc<Answer>,
    pub scores: Arc<Scores>,
    pub notes: Arc<Vec<PromptNote>>,
    /// Of the classes of `scores`, after DA_j.
    pub embeddings: Arc<Vec<ClassEmbedding>>,
    pub scale: Option<Arc<MotionScale>>,
    /// Where they were wanted.
    pub lanes: Option<Lanes>,
}

/// Loads the model, asks one question and scores the answer; progress goes to stderr when that is a terminal.
pub(super) fn ask(request: Request) -> Result<Outcome, CliError> {
    // Events are waited for in the engine's own channel, so nobody has to be woken.
    let engine = Engine::spawn(request.device, None, files::cache_folder(), Arc::new(|| {}));
    let bar = progress_bar();
    let outcome = drive(&engine, &bar, request);
    bar.finish_and_clear();
    outcome
}

fn drive(engine: &Engine, bar: &ProgressBar, request: Request) -> Result<Outcome, CliError> {
    engine.load_model(request.model);
    let (model, device) = wait(engine, bar, |event| match event {
        Event::ModelLoaded { info, device } => Some(Ok((info, device))),
        Event::ModelFailed { message } => Some(Err(CliError::Engine(message))),
        _ => None,
    })?;

    let prompts = request.prompts.or_templates(model.templates.as_ref());
    engine.set_prompts(0, Arc::new(prompts), request.alpha);
    let question = |model: &ModelInfo, device: &DeviceInfo| Question {
        source: request.video.id().clone(),
        clip: request.clip.clone(),
        frames: model.frames,
        model: model.identity.clone(),
        device: device.name.clone(),
        surgery: request.surgery.clone(),
    };
    engine.ask(request.video, question(&model, &device), Rank::Screen);
    let mut running = (model, device);
    let mut scale = running.0.scale.clone().map(Arc::new);
    let (mut texts, mut answered) = (None, None::<Arc<Answer>>);
    let mut scored: Option<Scored> = None;
    wait(engine, bar, |event| {
        match event {
            Event::Answered { answer, scored: with } => {
                answered = Some(answer);
                scored = with.or(scored.take());
            }
            Event::Scored(s) => scored = Some(s),
            Event::Texts { classes, notes, .. } => texts = Some((classes, notes)),
            Event::Scale { scale: measured, .. } => scale = Some(measured),
            // The model had to move to another device: the same is asked of it there.
            Event::ModelLoaded { info, device } => {
                engine.ask(request.video, question(&info, &device), Rank::Screen);
                running = (info, device);
            }
            Event::Failed { message, .. }
            | Event::PromptsFailed { message, .. }
            | Event::ModelFailed { message } => return Some(Err(CliError::Engine(message))),
            _ => {}
        }
        let fits = scored.as_ref().zip(answered.as_ref()).is_some_and(|(s, a)| s.question == a.id);
        (fits && texts.is_some() && (scale.is_some() || !request.scale)).then_some(Ok(()))
    })?;
    let ((model, device), Some(answer), Some(scored), Some((embeddings, notes))) =
        (running, answered, scored, texts)
    else {
        return Err(CliError::Engine("the engine gave an answer without scores".to_owned()));
    };
    let names = || scored.scores.classes.iter().map(|c| c.name.clone()).collect();
    let lanes = request.lanes.as_ref().map(|wanted| {
        let sweep = Arc::new(Sweep::new(question(&model, &device), wanted.end, wanted.length, wanted.hop));
        lanes(engine, bar, request.video, wanted, (sweep, names()))
    });
    let lanes = lanes.transpose()?;
    Ok(Outcome { model, device, answer, scores: scored.scores, notes, embeddings, scale, lanes })
}

/// Spans that are asked about before the first of them is answered.
const AHEAD: usize = 4;
/// More spans than this nobody waits for.
const MOST: u32 = 100_000;

/// Asks about one span after the other.
fn lanes(
    engine: &Engine,
    bar: &ProgressBar,
    video: &Arc<Source>,
    wanted: &LanesWanted,
    (sweep, names): (Arc<Sweep>, Vec<String>),
) -> Result<Lanes, CliError> {
    let all = sweep.spans();
    if all > MOST {
        let text = format!("the lanes would be of {all} spans, more than {MOST}; choose longer ones");
        return Err(CliError::Usage(text));
    }
    let mut spans: Vec<u32> = match &wanted.spans {
        None => (0..all).collect(),
        Some(runs) => {
            if runs.len() > all as usize {
                return Err(CliError::Usage(
                    "the figure names more runs of spans than there are spans".to_owned(),
                ));
            }
            (0..all).filter(|k| runs.iter().any(|(a, b)| (a..=b).contains(&k))).collect()
        }
    };
    spans.reverse();
    let total = spans.len();
    let (mut open, mut rows) = (HashMap::new(), Vec::with_capacity(total));
    let mut ask = |open: &mut HashMap<QuestionId, u32>| {
        while open.len() < AHEAD
            && let Some(k) = spans.pop()
        {
            open.insert(engine.ask(video, sweep.question(k), Rank::Background), k);
        }
    };
    ask(&mut open);
    let mut failed = 0;
    while !open.is_empty() {
        show(bar, "lanes", Some((rows.len(), total)));
        let found = wait(engine, bar, |event| match event {
            Event::Answered { answer, scored } => {
                let k = open.remove(&answer.id)?;
                let scored = scored
                    .ok_or_else(|| CliError::Engine("the engine gave an answer without scores".to_owned()));
                Some(scored.map(|scored| Some(Row::new(k, &Point::of(&answer), &scored.scores))))
            }
            Event::Failed { question, message } => open.remove(&question).map(|k| {
                let span = sweep.span(k);
                let (a, b) = (span.start.secs(), span.end.secs());
                bar.suspend(|| eprintln!("note: no lanes from {a:.3} s to {b:.3} s: {message}"));
                Ok(None)
            }),
            Event::Dropped { question } if open.contains_key(&question) => {
                Some(Err(CliError::Engine("the device was lost on the way; start again".to_owned())))
            }
            _ => None,
        })?;
        match found {
            Some(row) => rows.push(row),
            None => failed += 1,
        }
        ask(&mut open);
    }
    if rows.is_empty() && failed > 0 {
        return Err(CliError::Engine("no span of the lanes can be read".to_owned()));
    }
    rows.sort_by_key(|row: &Row| row.span);
    Ok(Lanes { sweep, end: wanted.end, classes: names.len(), names, rows })
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
            Event::Progress { stage, done, total, .. } => show(bar, stage, Some((*done, *total))),
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
