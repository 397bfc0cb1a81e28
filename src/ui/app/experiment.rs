//! Experiments: what is on show becomes a file, and a file becomes what is on show. When an experiment has been opened and
//! its scores have come, the window says whether they are the ones that were seen.

use super::App;
use crate::experiment::{CLOSE, Experiment, Verdict};
use crate::ui::edit::PromptEdit;
use crate::ui::experiment_ask::{FoundClip, Misplaced};
use crate::ui::jobs::JobOutcome;
use crate::ui::look::View;
use crate::ui::messages::Kind;
use crate::ui::scope::Scope;
use crate::video::{Cancel, Pts};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// How the window showed an experiment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Arrangement {
    view: View,
    scope: Scope,
    /// In and out point.
    range: (Option<Pts>, Option<Pts>),
    /// Seconds around the place that the scope [`Scope::Around`] is about.
    around: f64,
    anchor: Pts,
    /// Of the play head.
    position: Pts,
}

/// An experiment that is being put on show.
pub(super) struct Opening {
    experiment: Arc<Experiment>,
    file: String,
    /// Its clip has been opened, and what is asked of it is the experiment's.
    arranged: bool,
}

impl App {
    /// Writes what is on show as an experiment, on a thread.
    pub(super) fn save_experiment(&mut self, path: PathBuf) {
        if self.is_in_no_file() || self.would_replace_a_clip(&path) {
            return;
        }
        let s = &mut self.state;
        let source = s.video.as_ref().and_then(|v| v.source.clone());
        let (Some(source), Some(shown), Some(scores)) = (source, &s.shown, s.scores_of_shown()) else {
            s.messages
                .add(Kind::Problem, "There are no scores yet; an experiment is saved with its numbers.");
            return;
        };
        let (Some(model), Some(device)) = (&s.model, &s.device) else { return };
        if s.scored.as_ref().is_none_or(|x| x.revision != s.revision) || s.is_stale() || s.hold.is_some() {
            s.messages.add(Kind::Problem, "New scores are coming; save the experiment again in a moment.");
            return;
        }
        let clip = (source.path(), String::new());
        let mut experiment = Experiment::new(clip, model, device, &shown.answer, s.prompts().clone(), scores);
        experiment.pinned = s.history.present().pinned.as_deref().cloned();
        let arrangement = Arrangement {
            view: s.view,
            scope: s.scope,
            range: s.range,
            around: s.around,
            anchor: s.anchor,
            position: s.playback.position,
        };
        experiment.view = serde_json::to_value(arrangement).unwrap_or_default();
        self.desk.write("experiment", move || {
            let mut write = || {
                let digest = source.digest(&Cancel::default()).map_err(|e| e.to_string())?;
                experiment.clip.digest = digest.0.to_string();
                experiment.save(&path).map_err(|e| e.to_string())?;
                Ok(format!("Experiment written to {}", path.display()))
            };
            let told: Result<String, String> = write();
            Some(JobOutcome::Told(told))
        });
    }

    /// An experiment has been read: it is opened, or a person is asked about its clip.
    pub(super) fn take_experiment(&mut self, file: PathBuf, experiment: Arc<Experiment>, clip: FoundClip) {
        match clip {
            FoundClip::Same(path) => self.open_experiment(&file, experiment, path),
            clip => self.state.misplaced = Some(Misplaced { file, experiment, clip }),
        }
    }

    /// The person has said what is to become of an experiment whose clip is not the one it was: open it with the clip that
    /// was found, or not at all.
    pub(super) fn open_misplaced(&mut self, open: bool) {
        let Some(Misplaced { file, experiment, clip }) = self.state.misplaced.take() else { return };
        if let (FoundClip::Altered(path), true) = (clip, open) {
            self.open_experiment(&file, experiment, path);
        }
    }

    /// The person has found the clip.
    pub(super) fn find_clip(&mut self, clip: PathBuf) {
        if let Some(Misplaced { file, .. }) = self.state.misplaced.take() {
            self.desk.read_experiment(file, Some(clip));
        }
    }

    fn open_experiment(&mut self, file: &std::path::Path, experiment: Arc<Experiment>, clip: PathBuf) {
        self.edit(&PromptEdit::Replace(experiment.prompts.clone()));
        let s = &mut self.state;
        s.history.pin(experiment.pinned.clone().map(Arc::new));
        if s.model.as_ref().is_none_or(|m| m.identity != experiment.model.identity) {
            self.open_model(experiment.model.source.clone());
        }
        self.open_video(clip);
        let file = file.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        self.experiment = Some(Opening { experiment, file, arranged: false });
    }

    /// The clip of an experiment has been opened: its scope, its surgery and its view follow.
    pub(super) fn arrange_experiment(&mut self) {
        let Some(opening) = self.experiment.as_mut() else { return };
        opening.arranged = true;
        let experiment = opening.experiment.clone();
        // A view that an older or newer program wrote is no reason to refuse the rest.
        let kept = serde_json::from_value::<Arrangement>(experiment.view.clone()).ok();
        let span = experiment.scope.span;
        let from_scope = Arrangement {
            scope: Scope::Range,
            range: (Some(span.start), Some(span.end)),
            ..Default::default()
        };
        let a = kept.filter(|_| !experiment.view.is_null()).unwrap_or(from_scope);
        self.set_range(a.range);
        self.seek(a.position);
        let s = &mut self.state;
        s.view = a.view.within_bounds();
        s.scope = a.scope;
        s.around = if a.around.is_finite() { a.around.clamp(0.2, 60.0) } else { s.around };
        s.anchor = a.anchor;
        s.follow = false;
        s.order = experiment.scope.order.clone();
        s.crop = experiment.scope.crop;
        s.surgery = experiment.surgery.clone();
        self.rested_at = (a.position, std::time::Instant::now());
        self.ask_again();
    }

    /// Scores have come: where they are those of an experiment that was opened, it is told how they compare.
    pub(super) fn compare_experiment(&mut self) {
        let Some(opening) = self.experiment.as_ref().filter(|o| o.arranged) else { return };
        let (e, s) = (&opening.experiment, &self.state);
        let (Some(shown), Some(scores), Some(device)) = (&s.shown, s.scores_of_shown(), &s.device) else {
            return;
        };
        let question = &shown.answer.question;
        if s.scored.as_ref().is_none_or(|x| x.revision != s.revision) || s.is_stale() || s.loading.is_some() {
            return;
        }
        let same_device = device.name == e.device.name;
        let file = &opening.file;
        let comparison = e.compare(&shown.answer.evidence.embedding, scores, same_device);
        let mut why = Vec::new();
        if question.model != e.model.identity {
            why.push(format!("it was made with the model {}", e.model.name));
        }
        if question.clip != e.scope || question.surgery != e.surgery {
            why.push("what is selected is not what it is of".to_owned());
        }
        if scores.alpha != e.alpha {
            why.push(format!("it was made with α {}, here it is {}", e.alpha, scores.alpha));
        }
        let (kind, text) = match comparison.verdict {
            Verdict::Same => (Kind::Done, format!("{file}: the same numbers, to the last bit.")),
            Verdict::Close => (
                Kind::Done,
                format!("{file}: another device; every cosine is within {CLOSE} of what was seen."),
            ),
            Verdict::Different => {
                let (cosine, p) = (comparison.cosine, comparison.p);
                let why = if why.is_empty() { String::new() } else { format!(": {}", why.join("; ")) };
                let text = format!(
                    "{file}: the numbers are other ones (cosines by up to {cosine:.1e}, p by {p:.1e}){why}."
                );
                (Kind::Problem, text)
            }
        };
        self.experiment = None;
        self.state.messages.add(kind, text);
    }
}
