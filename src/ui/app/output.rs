//! What leaves the window: a picture of the stage, and the report of the present analysis. Both are written on threads.

use super::App;
use crate::device::DeviceInfo;
use crate::engine::Answer;
use crate::experiment::Experiment;
use crate::export::figure::{self, Spec};
use crate::export::report::Contents;
use crate::export::{ExportError, Form, arrays, json, lanes, overlay, report, table};
use crate::files::write_atomic;
use crate::prompt::PromptSet;
use crate::score::Scores;
use crate::session::ModelInfo;
use crate::ui::compare::Side;
use crate::ui::jobs::JobOutcome;
use crate::ui::lanes::Lanes;
use crate::ui::messages::Kind;
use crate::ui::record::Record;
use crate::ui::state::Exporting;
use crate::video::{Cancel, FrameReader, Pts, Source};
use crate::view::{Layer, Style};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

impl App {
    pub(super) fn snapshot(&mut self, ctx: &egui::Context) {
        let (rect, scale) = (self.state.stage_rect, ctx.pixels_per_point());
        let clip = self.state.video.as_ref().map_or("stage", |v| v.name.as_str());
        let at = self.state.playback.shown.unwrap_or(self.state.playback.position);
        let name = format!("motionlens-{clip}-{:.3}s.png", at.secs());
        let (tell, writer) = (self.desk.teller(), self.desk.writer());
        let save = move |image: Arc<egui::ColorImage>| {
            let job = writer();
            std::thread::spawn(move || {
                tell(save_png(&image.region(&rect, Some(scale)), &name));
                drop(job);
            });
        };
        ctx.send_viewport_cmd(egui::ViewportCommand::Screenshot(egui::ScreenshotCallback::new(save)));
    }

    /// A clip that is open here, or on the shelf, is read and never written over, whatever path is given; says so.
    pub(super) fn would_replace_a_clip(&mut self, path: &Path) -> bool {
        let Ok(target) = path.canonicalize() else { return false };
        let s = &self.state;
        let open =
            s.video.iter().chain(self.opening.as_ref().map(|(file, _)| file)).map(|v| v.path.as_path());
        let behind = self.former.as_ref().and_then(|(former, _)| former.path());
        let beside = s.compare.as_ref().and_then(|c| match &c.side {
            Side::Clip(place) => Some(place.path.as_path()),
            _ => None,
        });
        let lesson = self.before.as_ref().and_then(|before| before.former.as_ref()?.path());
        let shelf = s.shelf.rows().iter().map(|row| row.place.path.as_path());
        let mut clips = open.chain(behind).chain(lesson).chain(beside).chain(shelf);
        let is_one = clips.any(|clip| clip.canonicalize().is_ok_and(|clip| clip == target));
        if is_one {
            let text = format!(
                "{} is a clip that is open here. Nothing was written; choose another file.",
                path.display()
            );
            self.state.messages.add(Kind::Problem, text);
        }
        is_one
    }

    /// Writes the report of the present analysis on a thread.
    pub(super) fn report(&mut self, folder: PathBuf) {
        if self.is_in_no_file() {
            return;
        }
        let Some(report) = self.analysis() else { return };
        let s = &self.state;
        let layer = if Layer::ALL.contains(&s.view.layer) { s.view.layer } else { Layer::Motion };
        let stage = (layer, s.moment().map_or(0, |moment| moment.t));
        let texts = s.texts().and(s.texts.as_ref()).map(|texts| texts.classes.clone());
        let swept = self.swept();
        self.desk.write("report", move || {
            let written = report.with(&Cancel::default(), |analysis, experiment| {
                let lanes = swept.as_ref().map(Swept::found);
                let contents = Contents {
                    experiment,
                    scores: (!report.edited).then_some(&report.scores),
                    texts: texts.as_ref().map_or(&[], |texts| texts.as_slice()),
                    lanes: lanes.as_ref().map(|(lanes, spec)| (lanes, spec)),
                    stage,
                };
                let folder = analysis.write(&folder, &contents).map_err(|e| e.to_string())?;
                Ok(format!("Report written to {}", folder.display()))
            });
            Some(JobOutcome::Told(written))
        });
    }

    /// Writes the present analysis in this form on a thread; one at a time.
    pub(super) fn export(&mut self, form: Form, path: PathBuf) {
        if self.state.exporting.is_some() || self.is_in_no_file() || self.would_replace_a_clip(&path) {
            return;
        }
        let Some(report) = self.analysis() else { return };
        let swept = self.swept();
        if form.is_of_lanes() && swept.is_none() {
            let text = "There are no lanes of these prompts yet, or they are of another question than the scores; write them again in a moment.";
            self.state.messages.add(Kind::Problem, text);
            return;
        }
        let layer = self.state.view.layer;
        let frame = self.state.moment().map_or(0, |moment| moment.t);
        let (percent, cancel) = (Arc::new(AtomicU32::new(0)), Cancel::default());
        self.state.exporting =
            Some(Exporting { what: form.word(), percent: percent.clone(), cancel: cancel.clone() });
        self.desk.write("export", move || {
            let written = report.with(&cancel, |analysis, experiment| {
                let style = analysis.style;
                let done = match form {
                    Form::Figure => {
                        figure::write(analysis, experiment, &Spec::stage(layer, frame, style), &path)
                    }
                    Form::Strip => figure::write(analysis, experiment, &Spec::strip(style), &path),
                    Form::Lanes | Form::LanesCsv => match swept.as_ref().map(Swept::found) {
                        Some((lanes, spec)) if form == Form::Lanes => {
                            lanes::write(analysis, experiment, (&lanes, &spec), &path)
                        }
                        Some((lanes, _)) => lanes::write_table(&lanes, &path),
                        None => Ok(()),
                    },
                    Form::Csv => table::write(analysis.record, &path).map(|_| ()),
                    Form::Npz => arrays::write(analysis.answer, &report.scores, &path),
                    Form::Json => {
                        let fail = |source| ExportError::Write { path: path.clone(), source };
                        let json = analysis.record.to_json().map_err(|e| fail(e.into()));
                        json.and_then(|json| write_atomic(&path, &json).map_err(fail))
                    }
                    Form::Video => {
                        let mut progress = |done: usize, total: usize| {
                            percent.store((done * 100 / total.max(1)) as u32, Ordering::Relaxed);
                        };
                        return overlay::write(analysis, &report.video, layer, &path, &cancel, &mut progress)
                            .map(|()| format!("Video written to {}", path.display()))
                            .map_err(|e| e.to_string());
                    }
                };
                done.map(|()| format!("Written to {}", path.display())).map_err(|e| e.to_string())
            });
            Some(JobOutcome::Exported(written))
        });
    }

    /// What the lanes show; `None`: there are none, or they are of other prompts or another question than the scores.
    fn swept(&self) -> Option<Swept> {
        let s = &self.state;
        let record =
            s.record.as_ref().filter(|r| !r.is_empty() && r.revision == s.revision && s.hold.is_none())?;
        // Nor of another question than the scores: since then something may have been altered and cancelled.
        if !record.sweep.question(0).asks_as(&s.shown.as_ref()?.answer.question) {
            return None;
        }
        Some(Swept {
            record: record.clone(),
            lanes: s.lanes.clone(),
            end: s.playback.end()?,
            position: s.playback.position,
        })
    }

    /// What is on show, to be written somewhere; `None`: nothing is.
    fn analysis(&self) -> Option<Report> {
        let s = &self.state;
        let (Some(player), Some(shown), Some(scores)) = (&self.player, &s.shown, s.scores_of_shown()) else {
            return None;
        };
        let (Some(model), Some(device)) = (&s.model, &s.device) else { return None };
        Some(Report {
            video: player.source().clone(),
            answer: shown.answer.clone(),
            scores: scores.clone(),
            prompts: s.prompts().clone(),
            pinned: s.history.present().pinned.clone(),
            // Of the scores that are written, whatever the moment's are.
            edited: s.scored.as_ref().is_none_or(|scored| scored.revision != s.revision),
            model: model.clone(),
            device: device.clone(),
            style: Style {
                magnitudes: s.view.palette,
                opacity: s.view.opacity,
                smooth: s.view.smooth,
                threshold: s.view.threshold,
                motion: s.motion_scale().map(|scale| scale.motion),
            },
        })
    }
}

/// What lanes are made of, taken from the state when they were asked for.
struct Swept {
    record: Record,
    lanes: Lanes,
    /// Of the video.
    end: Pts,
    /// Of the play head.
    position: Pts,
}

impl Swept {
    /// Its numbers, and what of them is drawn.
    fn found(&self) -> (lanes::Lanes, lanes::Spec) {
        let (found, look) = (self.record.to_lanes(self.end), &self.lanes);
        let few = lanes::Spec::new(&found);
        let spec = lanes::Spec {
            measure: look.measure,
            classes: look.classes.clone().unwrap_or_else(|| few.classes.clone()),
            none: look.none,
            motion: look.motion,
            gate: look.gate,
            view: look.view,
            position: Some(self.position),
            ..few
        };
        (found, spec)
    }
}

/// What a report is made of, taken from the state when it was asked for.
struct Report {
    video: Arc<Source>,
    answer: Arc<Answer>,
    scores: Scores,
    prompts: PromptSet,
    /// The baseline that changes are shown against.
    pinned: Option<Arc<Scores>>,
    /// The prompts are newer than the scores.
    edited: bool,
    model: Arc<ModelInfo>,
    device: DeviceInfo,
    style: Style,
}

impl Report {
    /// Reads the sampled frames and gives everything to `f`.
    fn with(
        &self,
        cancel: &Cancel,
        f: impl FnOnce(&report::Report<'_>, &Experiment) -> Result<String, String>,
    ) -> Result<String, String> {
        let times = self.video.frames(cancel).map_err(|e| e.to_string())?;
        let mut read = HashMap::new();
        let mut reader = FrameReader::open(&self.video, cancel).map_err(|e| e.to_string())?;
        reader
            .read(&self.answer.frames, cancel, &mut |_, _| {}, &mut |at, picture| {
                read.insert(at, Arc::new(picture));
            })
            .map_err(|e| e.to_string())?;
        let pictures: Vec<_> = self.answer.frames.iter().filter_map(|at| read.get(at).cloned()).collect();
        let video = json::Video {
            path: self.video.path().display().to_string(),
            digest: self.video.digest(cancel).map_err(|e| e.to_string())?.0.to_string(),
            duration_s: times.end.secs(),
            width: pictures.first().map_or(0, |p| p.width),
            height: pictures.first().map_or(0, |p| p.height),
        };
        let mut notes = Vec::new();
        if !self.model.head_trained {
            notes.push("The motion head is untrained: the separation is the plain Haar one.".to_owned());
        }
        if let Some(cast) = self.model.source.cast() {
            notes.push(format!("The words of {} know {} only.", self.model.source, cast.whom()));
        }
        if self.edited {
            notes.push("The prompts were edited after these scores were computed.".to_owned());
        }
        let (answer, scores, model) = (&self.answer, &self.scores, &self.model);
        let mut record = json::Record::new(video, model, &self.device, answer, scores, notes, None);
        record.pinned = self.pinned.as_deref().map(json::Pinned::new);
        let report = report::Report {
            record: &record,
            answer,
            pictures: &pictures,
            prompts: &self.prompts,
            style: self.style,
            model: &model.source,
            on_gpu: self.device.gpu,
        };
        let clip = (self.video.path(), record.video.digest.clone());
        let experiment = Experiment::new(clip, model, &self.device, answer, self.prompts.clone(), scores);
        f(&report, &experiment)
    }
}

/// Writes a PNG into the pictures folder (or the present one) on a thread that the caller chose.
fn save_png(image: &egui::ColorImage, name: &str) -> Result<String, String> {
    let dirs = directories::UserDirs::new();
    let folder = dirs.as_ref().and_then(|d| d.picture_dir()).filter(|p| p.is_dir()).unwrap_or(Path::new("."));
    let path = folder.join(name);
    let [w, h] = image.size;
    let fault = |e: &dyn std::fmt::Display| format!("Cannot write {}: {e}", path.display());
    let raw = image.as_raw().to_vec();
    let picture = image::RgbaImage::from_raw(w as u32, h as u32, raw).ok_or_else(|| fault(&"no picture"))?;
    picture.save(&path).map_err(|e| fault(&e))?;
    let path = std::path::absolute(&path).unwrap_or(path);
    Ok(format!("Picture written to {}", path.display()))
}
