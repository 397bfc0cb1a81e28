//! File dialogs and file reading on threads of their own: the window goes on while a dialog is open. Where the desktop has
//! no dialog, the path is asked for as text. Jobs that write are waited for when the window closes, so that a file that was
//! asked for is there.

use super::compare::Side;
use super::easel::Draw;
use super::experiment_ask::FoundClip;
use super::fetching::Tracker;
use super::intent::{Dialog, Intent};
use super::lesson::Lesson;
use super::shelf::{self, Labelled, Place};
use super::truth;
use crate::data::truth_file::TruthFile;
use crate::engine::QuestionId;
use crate::experiment::Experiment;
use crate::export::Form;
use crate::export::table::maps_path;
use crate::model::hub::{Cached, Plan};
use crate::model::{HubError, HubModel};
use crate::prompt::{NameTable, PromptSet};
use crate::session::ModelSource;
use crate::video::camera::Camera;
use crate::video::{Cancel, Pts, Source, SourceId};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a job brings back; [`super::app::App::take`] deals with it.
#[derive(Clone, Debug)]
pub enum JobOutcome {
    /// A dialog was answered: with what the person wants.
    Chosen(Intent),
    /// The desktop has no such dialog.
    NoDialog(Dialog),
    /// A prompt file has been read.
    PromptsRead(PathBuf, Result<PromptSet, String>),
    /// A file of names has been read, of which a person may have to say more.
    NamesRead(PathBuf, NameTable),
    /// An experiment has been read, and what there is of its clip.
    ExperimentRead(PathBuf, Arc<Experiment>, FoundClip),
    /// Small pictures of sampled frames have been read.
    Thumbnails(SourceId, Vec<(Pts, egui::ColorImage)>),
    /// An export has ended: what to tell.
    Exported(Result<String, String>),
    /// Clips for the shelf have been found.
    Clips(Result<Vec<Labelled>, String>),
    /// The prompts of a file have been read, to be compared with.
    OtherPrompts(PathBuf, Result<PromptSet, String>),
    /// A lesson has been read.
    LessonRead(Result<Lesson, String>),
    /// Whether the camera moves in the span of that question.
    Camera(QuestionId, Camera),
    /// The truth beside the video of that source has been read, or why it cannot be used.
    Truth(SourceId, Result<Arc<TruthFile>, String>),
    /// The models in the hub's cache.
    Models(Vec<Cached>),
    /// What the hub says of the model that is wanted there.
    Looked(Arc<Tracker>, Result<Arc<Plan>, HubError>),
    /// That model is here, or will not come.
    Fetched(Arc<Tracker>, Result<HubModel, HubError>),
    /// Something is done: what to tell, good or bad.
    Told(Result<String, String>),
}

/// Starts work elsewhere; its [`JobOutcome`] comes back to the window.
pub struct Desk {
    tx: Sender<JobOutcome>,
    rx: Receiver<JobOutcome>,
    ctx: egui::Context,
    writing: Arc<Writing>,
}

/// How many jobs that write are under way.
#[derive(Default)]
struct Writing {
    count: Mutex<usize>,
    done: Condvar,
}

/// One job that writes, until it is dropped.
pub struct WritingJob(Arc<Writing>);

impl Drop for WritingJob {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.done.notify_all();
    }
}

const VIDEO_TYPES: [&str; 16] = [
    "mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ts", "wmv", "flv", "ogv", "gif", "png", "jpg",
    "jpeg",
];

impl Desk {
    pub fn new(ctx: egui::Context) -> Self {
        let (tx, rx) = unbounded();
        Self { tx, rx, ctx, writing: Arc::default() }
    }

    /// The next outcome, if one has come.
    pub fn take(&self) -> Option<JobOutcome> {
        self.rx.try_recv().ok()
    }

    /// Runs `work` on a thread named `name`; its outcome, if any, is dealt with by the window.
    pub fn start(&self, name: &str, work: impl FnOnce() -> Option<JobOutcome> + Send + 'static) {
        self.spawn(name, None, work);
    }

    /// As [`Desk::start`], for work that writes a file: [`Desk::finish`] waits for it.
    pub fn write(&self, name: &str, work: impl FnOnce() -> Option<JobOutcome> + Send + 'static) {
        self.spawn(name, Some((self.writer())()), work);
    }

    /// `job` ends when the outcome has been sent.
    fn spawn(
        &self,
        name: &str,
        job: Option<WritingJob>,
        work: impl FnOnce() -> Option<JobOutcome> + Send + 'static,
    ) {
        let (tx, ctx) = (self.tx.clone(), self.ctx.clone());
        let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            if let Some(outcome) = work() {
                // A closed channel means the window is gone; there is nobody left to tell.
                let _ = tx.send(outcome);
                ctx.request_repaint();
            }
            drop(job);
        });
        if let Err(e) = spawned {
            let _ = self.tx.send(JobOutcome::Told(Err(format!("Cannot start a thread: {e}"))));
        }
    }

    /// Makes the token of a job that writes, from any thread; held while it writes.
    pub fn writer(&self) -> impl Fn() -> WritingJob + Send + 'static {
        let writing = self.writing.clone();
        move || {
            *writing.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            WritingJob(writing.clone())
        }
    }

    /// Waits until every job that writes is done, for at most `limit`; `false`: one is not. For the close of the window
    /// only.
    pub fn finish(&self, limit: Duration) -> bool {
        let count = self.writing.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.writing.done.wait_timeout_while(count, limit, |count| *count > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
    }

    /// A way to tell an outcome from a callback on another thread. The callback runs where the window's frames
    /// are read back; what takes long must not be done there.
    pub fn teller(&self) -> impl Fn(Result<String, String>) + Send + 'static {
        let (tx, ctx) = (self.tx.clone(), self.ctx.clone());
        move |told| {
            let _ = tx.send(JobOutcome::Told(told));
            ctx.request_repaint();
        }
    }

    /// Opens a dialog, or asks for the path as text where the desktop has none to open.
    pub fn ask(&self, which: Dialog) {
        self.start("dialog", move || {
            if !available() {
                return Some(JobOutcome::NoDialog(which));
            }
            let began = Instant::now();
            match pick(which) {
                Some(path) => Some(JobOutcome::Chosen(which.chosen(path))),
                None => failed(began.elapsed()).then_some(JobOutcome::NoDialog(which)),
            }
        });
    }

    /// Reads a prompt file, or an experiment.
    pub fn read_prompts(&self, path: PathBuf) {
        self.start("prompts", move || {
            if is_experiment(&path) {
                return Some(experiment(path, None));
            }
            Some(match PromptSet::load_or_names(&path) {
                Ok(Ok(set)) => JobOutcome::PromptsRead(path, Ok(set)),
                Ok(Err(table)) => JobOutcome::NamesRead(path, table),
                Err(e) => JobOutcome::PromptsRead(path, Err(e.to_string())),
            })
        });
    }

    /// Reads prompts to compare with.
    pub fn read_other_prompts(&self, path: PathBuf) {
        self.start("prompts", move || {
            let set = match PromptSet::load_or_names(&path) {
                Ok(Ok(set)) => Ok(set),
                Ok(Err(table)) => table.only_names().map(PromptSet::from_names).map_err(|_| {
                    format!("{}: several columns may be names; open it as the prompts first, then choose that state", path.display())
                }),
                Err(e) => Err(e.to_string()),
            };
            Some(JobOutcome::OtherPrompts(path, set))
        });
    }

    /// Reads an experiment whose clip a person has found.
    pub fn read_experiment(&self, path: PathBuf, clip: Option<PathBuf>) {
        self.start("experiment", move || Some(experiment(path, clip)));
    }

    /// Reads a lesson.
    pub fn read_lesson(&self, path: PathBuf) {
        self.start("lesson", move || Some(JobOutcome::LessonRead(Lesson::read(&path))));
    }

    /// Looks for the clips that a path stands for.
    pub fn find_clips(&self, path: PathBuf) {
        self.start("shelf", move || Some(JobOutcome::Clips(shelf::clips_of(&path))));
    }

    /// Looks for the truth beside a video whose pictures are of this size.
    pub fn read_truth(&self, source: Arc<Source>, size: (u32, u32)) {
        self.start("truth", move || {
            let read = truth::read(&source, size).transpose()?;
            Some(JobOutcome::Truth(source.id().clone(), read))
        });
    }

    /// Writes a prompt file.
    pub fn write_prompts(&self, path: PathBuf, set: PromptSet) {
        self.write("prompts", move || {
            let told = set.save(&path).map(|()| format!("Prompt set written to {}", path.display()));
            Some(JobOutcome::Told(told.map_err(|e| e.to_string())))
        });
    }
}

impl Dialog {
    /// The extension of the file that is written.
    fn extension(self) -> Option<&'static str> {
        match self {
            Dialog::SavePrompts | Dialog::SaveExperiment => Some("json"),
            Dialog::SaveDrawing => Some("mp4"),
            Dialog::Export(form) => Some(form.extension()),
            _ => None,
        }
    }

    /// The path with the extension of what is written there, where it has none: the window and others go by it.
    pub fn with_extension(self, path: PathBuf) -> PathBuf {
        match self.extension().filter(|_| path.extension().is_none()) {
            Some(extension) => path.with_extension(extension),
            None => path,
        }
    }

    /// Whether a file goes for what is written to this path.
    pub fn writes(self, path: &Path) -> bool {
        let maps = || self == Dialog::Export(Form::Csv) && maps_path(path).is_file();
        self.extension().is_some() && (path.is_file() || maps())
    }

    /// What is to be done with the path that was chosen.
    pub fn chosen(self, path: PathBuf) -> Intent {
        // A dialog of the desktop has asked whether to replace the file of that name, and not another.
        let whole = self.with_extension(path.clone());
        let path = if whole.exists() { path } else { whole };
        match self {
            Dialog::Video => Intent::OpenVideo(path),
            Dialog::Model => Intent::Open(path),
            Dialog::LoadPrompts => Intent::LoadPrompts(path),
            Dialog::SavePrompts => Intent::SavePrompts(path),
            Dialog::SaveDrawing => Intent::Draw(Draw::Save(path)),
            Dialog::Report => Intent::Report(path),
            Dialog::Export(form) => Intent::Export(form, path),
            // Whatever it is called; a set of prompts is taken as one.
            Dialog::OpenExperiment => Intent::LoadPrompts(path),
            Dialog::SaveExperiment => Intent::SaveExperiment(path),
            Dialog::FindClip => Intent::FindClip(path),
            Dialog::ShelfClip | Dialog::ShelfFolder => Intent::Shelve(path),
            Dialog::CompareClip => Intent::Compare(Some(Side::Clip(Place::whole(path)))),
            Dialog::CompareModel => Intent::Compare(Some(Side::Model(ModelSource::Folder(path)))),
            Dialog::ComparePrompts => Intent::Compare(Some(Side::PromptFile(path))),
        }
    }
}

fn pick(which: Dialog) -> Option<PathBuf> {
    let dialog = rfd::FileDialog::new();
    match which {
        Dialog::Video | Dialog::CompareClip => dialog
            .set_title(if which == Dialog::Video { "Open a video" } else { "Compare with a video" })
            .add_filter("Videos and pictures", &VIDEO_TYPES)
            .add_filter("All files", &["*"])
            .pick_file(),
        Dialog::ShelfClip => dialog
            .set_title("Put a clip on the shelf")
            .add_filter("Videos and lists", &[VIDEO_TYPES.as_slice(), &["csv"]].concat())
            .add_filter("All files", &["*"])
            .pick_file(),
        Dialog::ShelfFolder => dialog.set_title("Put a folder of videos on the shelf").pick_folder(),
        Dialog::Model => dialog.set_title("Open a model folder").pick_folder(),
        Dialog::CompareModel => dialog.set_title("Compare with a model folder").pick_folder(),
        Dialog::LoadPrompts | Dialog::ComparePrompts => dialog
            .set_title("Open a prompt set")
            .add_filter("Prompt sets", &["json", "txt", "csv"])
            .pick_file(),
        Dialog::SavePrompts => dialog
            .set_title("Save the prompt set")
            .add_filter("Prompt set", &["json"])
            .set_file_name("prompts.json")
            .save_file(),
        Dialog::SaveDrawing => dialog
            .set_title("Save the drawn motion")
            .add_filter("MP4 video", &["mp4"])
            .set_file_name("drawn-motion.mp4")
            .save_file(),
        Dialog::Export(form) => dialog
            .set_title(format!("Write the {}", form.word()))
            .add_filter(form.word(), &[form.extension()])
            .set_file_name(format!("{}.{}", form.word(), form.extension()))
            .save_file(),
        Dialog::OpenExperiment => {
            dialog.set_title("Open an experiment").add_filter("Experiments", &["json"]).pick_file()
        }
        Dialog::SaveExperiment => dialog
            .set_title("Save the experiment")
            .add_filter("Experiment", &["json"])
            .set_file_name("experiment.json")
            .save_file(),
        Dialog::FindClip => dialog
            .set_title("Find the clip of the experiment")
            .add_filter("Videos and pictures", &VIDEO_TYPES)
            .add_filter("All files", &["*"])
            .pick_file(),
        Dialog::Report => dialog.set_title("Where to make the report's folder").pick_folder(),
    }
}

/// Whether a file says that it is an experiment; one that cannot be read is told of by whoever reads it next.
fn is_experiment(path: &Path) -> bool {
    let small = std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() <= crate::experiment::MAX_BYTES);
    small && std::fs::read(path).is_ok_and(|bytes| Experiment::is_one(&bytes))
}

/// Reads an experiment and looks for its clip, or at the one that was found.
fn experiment(path: PathBuf, clip: Option<PathBuf>) -> JobOutcome {
    let experiment = match Experiment::load(&path) {
        Ok(experiment) => Arc::new(experiment),
        Err(e) => return JobOutcome::Told(Err(e.to_string())),
    };
    let clip = match clip.or_else(|| experiment.find_clip(&path)) {
        None => FoundClip::Missing,
        Some(clip) => match Source::open(&clip, Arc::new(|| {})).digest(&Cancel::default()) {
            Ok(digest) if *digest.0 == *experiment.clip.digest => FoundClip::Same(clip),
            Ok(_) => FoundClip::Altered(clip),
            Err(e) => return JobOutcome::Told(Err(e.to_string())),
        },
    };
    JobOutcome::ExperimentRead(path, experiment, clip)
}

/// rfd gives nothing for a cancelled dialog and for one that could not be opened. Nobody cancels as fast as this.
fn failed(took: Duration) -> bool {
    cfg!(all(unix, not(target_os = "macos"))) && took < Duration::from_millis(250)
}

/// Whether there is a dialog to open. May take seconds; never on the ui thread.
fn available() -> bool {
    #[cfg(all(unix, not(target_os = "macos")))]
    return desktop::has_dialogs(&std::env::var_os("PATH").unwrap_or_default(), None);
    #[cfg(not(all(unix, not(target_os = "macos"))))]
    return true;
}

/// What rfd opens its dialogs with on free desktops.
#[cfg(all(unix, not(target_os = "macos")))]
mod desktop {
    use std::ffi::OsStr;
    use std::time::Duration;

    /// A portal that can choose files, or zenity in one of the folders of PATH. `bus`: the address of another session bus.
    pub fn has_dialogs(path: &OsStr, bus: Option<&str>) -> bool {
        let zenity = std::env::split_paths(path).any(|folder| folder.join("zenity").is_file());
        zenity || pollster::block_on(portal(bus)).is_ok()
    }

    /// The version of the portal's file chooser: a desktop without one does not answer, or has no such property.
    async fn portal(bus: Option<&str>) -> zbus::Result<u32> {
        let (name, path) = ("org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop");
        let builder = match bus {
            Some(address) => zbus::connection::Builder::address(address)?,
            None => zbus::connection::Builder::session()?,
        };
        let bus = builder.method_timeout(Duration::from_secs(3)).build().await?;
        let chooser = zbus::Proxy::new(&bus, name, path, "org.freedesktop.portal.FileChooser").await?;
        chooser.get_property("version").await
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn without_portal_and_zenity_there_is_no_dialog() {
            let folder = tempfile::tempdir().unwrap();
            let nowhere = format!("unix:path={}", folder.path().join("bus").display());
            assert!(!has_dialogs(folder.path().as_os_str(), Some(&nowhere)));
            assert!(!has_dialogs(OsStr::new(""), Some(&nowhere)));
            std::fs::write(folder.path().join("zenity"), b"").unwrap();
            assert!(has_dialogs(folder.path().as_os_str(), Some(&nowhere)));
        }
    }
}
