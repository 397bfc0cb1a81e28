//! From prompts to scores: what the worker does when the prompts change, and when a clip or spans have come in.

use super::{Running, Worker, guarded};
use crate::engine::event::{Answer, Event, Scored};
use crate::engine::question::{Question, QuestionId};
use crate::engine::queue::PromptJob;
use crate::engine::sweep::{Swept, told_classes};
use crate::model::Surgery;
use crate::prompt::PromptSet;
use crate::score::{ClassEmbedding, Weighing, score_with};
use crate::session::{PromptNote, WorkError};
use std::cell::OnceCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Work on prompts that is longer than this says so, and makes way.
const A_MOMENT: Duration = Duration::from_millis(150);

/// The text side of the present prompts.
pub(super) struct Texts {
    set: Arc<PromptSet>,
    classes: Arc<Vec<ClassEmbedding>>,
    /// As they are without DA_j, once that is asked for.
    plain: OnceCell<Arc<Vec<ClassEmbedding>>>,
    names: Arc<[String]>,
    alpha: Option<f32>,
    revision: u64,
}

impl Worker {
    /// New prompts or a new α: the text tower sees new strings only, the vision tower nothing. Thousands of new strings take a
    /// while: they make way for a clip that somebody looks at, and `in_clip` they only get a moment.
    pub(super) fn prompts(&mut self, job: &PromptJob, in_clip: bool) {
        let queue = self.queue.clone();
        let start = Instant::now();
        let mut go_on = |done, total| {
            let long = start.elapsed() > A_MOMENT;
            if long {
                queue.emit(Event::Encoding { revision: job.revision, done, total });
            }
            !(queue.has_newer_prompts() || queue.is_interrupted() || long && (in_clip || queue.clip_waits()))
        };
        let result = guarded(|| {
            let Some(running) = &mut self.running else { return Ok(None) };
            match running.session.classes(&job.set, &mut go_on) {
                Ok(texts) => Ok(Some(texts)),
                Err(WorkError::Interrupted) => Ok(None),
                Err(WorkError::Failed(message)) => Err(message),
            }
        });
        match result {
            Ok(Some((classes, notes))) => self.encoded(job, classes, notes),
            Ok(None) => queue.prompts_again(),
            Err(message) => {
                self.texts = None;
                if self.moved_off_lost_device() {
                    queue.prompts_again();
                } else {
                    queue.emit(Event::PromptsFailed { revision: job.revision, message });
                }
            }
        }
    }

    /// The text side of prompts beside the present ones.
    pub(super) fn try_prompts(&mut self, set: Arc<PromptSet>) {
        let queue = self.queue.clone();
        let result = guarded(|| {
            let Some(running) = &mut self.running else { return Ok(None) };
            match running.session.classes(&set, &mut |_, _| !queue.is_interrupted()) {
                Ok((classes, notes)) => {
                    let plain = running.session.plain_classes(&set, &classes);
                    Ok(Some((classes, plain, notes)))
                }
                Err(WorkError::Interrupted) => Ok(None),
                Err(WorkError::Failed(message)) => Err(message),
            }
        });
        let (classes, plain, notes) = match result {
            Ok(Some((classes, plain, notes))) => (Ok(Arc::new(classes)), plain, notes),
            Ok(None) => return queue.trial_again(set),
            Err(_) if self.moved_off_lost_device() => return queue.trial_again(set),
            Err(message) => (Err(message), Vec::new(), Vec::new()),
        };
        let model = self.running.as_ref().map_or(String::new(), |r| r.identity.to_string());
        queue.emit(Event::Tried { set, model, classes, plain: Arc::new(plain), notes: Arc::new(notes) });
    }

    fn encoded(&mut self, job: &PromptJob, classes: Vec<ClassEmbedding>, notes: Vec<PromptNote>) {
        let Some(running) = &self.running else { return };
        let classes = Arc::new(classes);
        let names = classes.iter().map(|c| c.name.clone()).collect();
        self.texts = Some(Texts {
            set: job.set.clone(),
            classes: classes.clone(),
            plain: OnceCell::new(),
            names,
            alpha: job.alpha,
            revision: job.revision,
        });
        self.queue.emit(Event::Texts {
            revision: job.revision,
            model: running.session.info.identity.clone(),
            classes,
            notes: Arc::new(notes),
        });
        if self.queue.probing() {
            self.tell_plain();
        }
        for answer in self.queue.shown() {
            if let Some(scored) = self.score(&answer, job.since) {
                self.queue.emit(Event::Scored(scored));
            }
        }
        self.watched();
        self.queue.resweep();
    }

    /// The present prompts as they are without DA_j.
    fn plain<'a>(running: &Running, texts: &'a Texts) -> &'a Arc<Vec<ClassEmbedding>> {
        texts.plain.get_or_init(|| Arc::new(running.session.plain_classes(&texts.set, &texts.classes)))
    }

    pub(super) fn tell_plain(&self) {
        if let (Some(running), Some(texts)) = (&self.running, &self.texts) {
            let classes = Self::plain(running, texts).clone();
            self.queue.emit(Event::PlainTexts { revision: texts.revision, classes });
        }
    }

    /// METHOD §6 on an answer of this model.
    pub(super) fn score(&self, answer: &Answer, since: Instant) -> Option<Scored> {
        let Question { model, surgery, .. } = &*answer.question;
        self.score_embedding(answer.id, (model, surgery), &answer.evidence.embedding, since)
    }

    fn score_embedding(
        &self,
        question: QuestionId,
        (model, surgery): (&str, &Surgery),
        embedding: &[f32],
        since: Instant,
    ) -> Option<Scored> {
        let (running, texts) = (self.running.as_ref()?, self.texts.as_ref()?);
        if *running.identity != *model {
            return None;
        }
        let info = &running.session.info;
        let classes = if surgery.no_joint_adapter { Self::plain(running, texts) } else { &texts.classes };
        let alpha = surgery.alpha().or(texts.alpha).unwrap_or(info.alpha);
        let weighing = Weighing { alpha, negatives: !surgery.no_negatives };
        let scores = Arc::new(score_with(embedding, classes, info.tau, weighing));
        let seconds = since.elapsed().as_secs_f32();
        Some(Scored { question, revision: texts.revision, scores, seconds })
    }

    /// Scores the answers that are watched beside the one on screen.
    pub(super) fn watched(&self) {
        for watched in self.queue.watched() {
            let of = (&*watched.model, &watched.surgery);
            if let Some(scored) = self.score_embedding(watched.id, of, &watched.embedding, Instant::now()) {
                self.queue.emit(Event::Scored(scored));
            }
        }
    }

    /// Scores and tells what is new of the sweep, or all of it. Makes way for a newer edit and for who waits for a clip.
    pub(super) fn sweep(&mut self) {
        let Some(due) = self.queue.take_sweep() else { return };
        let Some(running) = self.running.as_ref().filter(|r| *r.identity == *due.sweep.model()) else {
            return;
        };
        let info = &running.session.info;
        let (classes, names, revision, alpha) = match &self.texts {
            Some(texts) => (&texts.classes[..], texts.names.clone(), texts.revision, texts.alpha),
            // The prompts are not ready; they are told when they are.
            None => (&[][..], Arc::default(), 0, None),
        };
        let columns: Vec<usize> = {
            let room = self.queue.memory().scores();
            (0..told_classes(classes.len(), due.sweep.spans(), room)).collect()
        };
        let embeddings: Vec<Arc<[f32]>> = due.points.iter().map(|p| p.embedding.clone()).collect();
        let queue = &self.queue;
        let go_on = || !(queue.has_newer_prompts() || queue.is_interrupted() || queue.clip_waits());
        let weights = (info.tau, alpha.unwrap_or(info.alpha));
        match self.cosines.score_all(&embeddings, classes, weights, &columns, &go_on) {
            Some(scores) => queue.emit(Event::Swept(Arc::new(Swept {
                sweep: due.sweep,
                revision,
                whole: due.whole,
                spans: due.spans,
                points: due.points,
                scores,
                names,
                moments: due.moments,
                progress: due.progress,
            }))),
            None => queue.sweep_again(&due.sweep, due.moments),
        }
    }
}
