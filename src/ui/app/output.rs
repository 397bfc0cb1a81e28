//! What leaves the window: a picture of the stage, and the report of the present analysis. Both are written on threads.

use super::App;
use crate::device::DeviceInfo;
use crate::engine::Answer;
use crate::export::{json, report};
use crate::prompt::PromptSet;
use crate::score::Scores;
use crate::session::ModelInfo;
use crate::ui::jobs::JobOutcome;
use crate::video::{Cancel, FrameReader, Source};
use crate::view::Style;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

    /// Writes the report of the present analysis on a thread.
    pub(super) fn report(&mut self, folder: PathBuf) {
        let s = &self.state;
        let (Some(player), Some(shown), Some(scores)) = (&self.player, &s.shown, s.scores_of_shown()) else {
            return;
        };
        let (Some(model), Some(device)) = (&s.model, &s.device) else { return };
        let report = Report {
            video: player.source().clone(),
            answer: shown.answer.clone(),
            scores: scores.clone(),
            prompts: s.prompts().clone(),
            pinned: s.history.present().pinned.clone(),
            edited: !s.scores_fresh(),
            model: model.clone(),
            device: device.clone(),
            style: Style {
                magnitudes: s.view.palette,
                opacity: s.view.opacity,
                smooth: s.view.smooth,
                motion: s.motion_scale().map(|scale| scale.motion),
            },
        };
        self.desk.write("report", move || Some(JobOutcome::Told(report.write(&folder))));
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
    fn write(&self, folder: &Path) -> Result<String, String> {
        let cancel = Cancel::default();
        let times = self.video.frames(&cancel).map_err(|e| e.to_string())?;
        let mut read = HashMap::new();
        let mut reader = FrameReader::open(&self.video, &cancel).map_err(|e| e.to_string())?;
        reader
            .read(&self.answer.frames, &cancel, &mut |_, _| {}, &mut |at, picture| {
                read.insert(at, Arc::new(picture));
            })
            .map_err(|e| e.to_string())?;
        let pictures: Vec<_> = self.answer.frames.iter().filter_map(|at| read.get(at).cloned()).collect();
        let video = json::Video {
            path: self.video.path().display().to_string(),
            digest: self.video.digest(&cancel).map_err(|e| e.to_string())?.0.to_string(),
            duration_s: times.end.secs(),
            width: pictures.first().map_or(0, |p| p.width),
            height: pictures.first().map_or(0, |p| p.height),
        };
        let mut notes = Vec::new();
        if !self.model.head_trained {
            notes.push("The motion head is untrained: the separation is the plain Haar one.".to_owned());
        }
        if self.model.embedded {
            notes.push("The words of the embedded model know moving shapes only.".to_owned());
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
            model: model.folder.as_deref(),
            on_gpu: self.device.gpu,
        };
        let folder = report.write(folder).map_err(|e| e.to_string())?;
        Ok(format!("Report written to {}", folder.display()))
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
    Ok(format!("Picture written to {}", path.display()))
}
