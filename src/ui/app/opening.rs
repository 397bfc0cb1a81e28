//! Opening videos, models and prompt files. What is open stays until the new one has shown that it works.

use super::{App, OnOpen};
use crate::data::cast::Cast;
use crate::prompt::PromptSet;
use crate::session::ModelSource;
use crate::ui::bundled;
use crate::ui::edit::PromptEdit;
use crate::ui::fetching::Fetch;
use crate::ui::intent::Intent;
use crate::ui::keep::Recent;
use crate::ui::lens::Lens;
use crate::ui::messages::Kind;
use crate::ui::prompt_panel;
use crate::ui::state::{Loading, Playback, VideoFile};
use crate::video::{Player, Source};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// With more cores than these a model is loaded beside the first picture.
const FEW_CORES: usize = 4;
/// So long a model waits for the first picture.
const PATIENCE: Duration = Duration::from_millis(600);

/// The model that a new window begins with.
pub(super) struct Held {
    model: Option<ModelSource>,
    until: Instant,
}

impl App {
    pub(super) fn poll_opening(&mut self, now: Instant) {
        let Some((_, player)) = &mut self.opening else { return };
        player.update(now);
        if let Some(error) = player.error() {
            self.state.messages.add(Kind::Problem, error.to_string());
            self.opening = None;
            self.state.opening = None;
        } else if player.info().is_some()
            && let Some((file, player)) = self.opening.take()
        {
            // A clip of the program has brought its model; any other is looked at with the one from before the drawing.
            let held = self.former.as_ref().and_then(|(former, _)| former.model.cast());
            self.end_drawing(false);
            if let Some(cast) = held.filter(|_| file.bundled.is_none()) {
                self.change_cast(cast);
            }
            // A lesson's own begins again at its end.
            if self.on_open != OnOpen::Loops {
                self.opened_in_lesson();
            }
            let s = &mut self.state;
            s.opening = None;
            if file.bundled.is_none() {
                Recent::note(&mut s.recent.videos, &file.path);
            }
            self.put_on_stage(file, player);
            self.hint();
        }
    }

    /// What was on the stage makes way for this video.
    pub(super) fn put_on_stage(&mut self, file: VideoFile, player: Player) {
        let s = &mut self.state;
        s.video = Some(file);
        // The next look at the player brings its facts, and tells what is wrong with the file.
        s.playback = Playback::default();
        s.range = (None, None);
        s.lens = Lens::default();
        self.forget_what_was_shown();
        if let Some(info) = player.info().filter(|_| !player.source().id().is_film()) {
            self.desk.read_truth(player.source().clone(), (info.width, info.height));
        }
        if self.state.sort_by_score {
            prompt_panel::to_top(&self.ctx);
        }
        self.player = Some(player);
        self.reported = None;
        self.scope_on_open = true;
    }

    /// A person opens this video. One of the program's own is scored by that model in the program that knows who acts in it.
    pub fn open_chosen(&mut self, path: PathBuf) {
        if let Some(cast) = bundled::cast_of(&self.state.bundled, &path) {
            self.suit_model(cast);
        }
        self.on_open = OnOpen::Stands;
        self.open_video(path);
    }

    /// The same in a window that is in use: one of the program's own plays again and again, as the first one does.
    pub(super) fn open_in_use(&mut self, path: PathBuf) {
        self.open_chosen(path);
        if self.opening.as_ref().is_some_and(|(file, _)| file.bundled.is_some()) {
            self.on_open = OnOpen::Plays;
        }
    }

    /// One of the models in the program makes way for the other, and its prompts too where the person has none of their own. Says
    /// whether they had; `None`: nothing changed, as where the model is one that a person brought.
    pub(super) fn change_cast(&mut self, cast: Cast) -> Option<bool> {
        self.model_asked.cast().filter(|asked| *asked != cast)?;
        self.open_model(ModelSource::of(cast));
        let own = self.prompts_are_own();
        if !own {
            self.edit(&PromptEdit::Replace(bundled::prompts(cast)));
        }
        Some(own)
    }

    /// What is to be scored is of this cast; a change of the model is told.
    pub(super) fn suit_model(&mut self, cast: Cast) {
        let Some(own) = self.change_cast(cast) else { return };
        // A lesson brings prompts of its own, and gives back what was there.
        if self.before.is_some() {
            return;
        }
        let of = format!("the clip is of {}, and so is the model now", cast.whom());
        match own {
            // What is most important first: there is room for a few words.
            true => self.state.messages.add_with(
                Kind::Hint,
                format!("Your prompts stay, but may not suit: {of}."),
                Some(("Take its prompts".to_owned(), Intent::BundledPrompts)),
            ),
            false => self.state.messages.add(Kind::Hint, format!("Other model and prompts: {of}.")),
        }
    }

    /// Everything that was found out about the video on the stage.
    pub(super) fn forget_what_was_shown(&mut self) {
        let s = &mut self.state;
        s.shown = None;
        s.scored = None;
        s.asked = None;
        s.work = None;
        s.record = None;
        s.moment_scored = None;
        s.whiskers = None;
        s.camera = None;
        s.truth = None;
        s.lanes.view = None;
        s.let_go_of_patch();
        if let Some(e) = &self.engine {
            e.cancel();
        }
    }

    pub(super) fn open(&mut self, path: PathBuf) {
        let ext = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        if path.is_dir() {
            self.open_model(ModelSource::in_folder(path));
        } else if ["json", "txt", "csv"].contains(&ext.as_str()) {
            self.desk.read_prompts(path);
        } else if ext == "md" {
            self.desk.read_lesson(path);
        } else {
            self.open_chosen(path);
        }
    }

    pub fn open_video(&mut self, path: PathBuf) {
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into());
        let bundled = bundled::cast_of(&self.state.bundled, &path);
        let source = Source::open(&path, self.wake.clone());
        let player = Player::open(&source);
        self.state.opening = Some(name.clone());
        self.opening = Some((VideoFile { path, source: Some(source), name, bundled }, player));
    }

    pub(super) fn open_model(&mut self, mut source: ModelSource) {
        // Of an experiment from another machine, or of a cache that was emptied since.
        if let ModelSource::Hub(model) = &source
            && !model.folder.is_dir()
        {
            let id = model.id.at(&model.commit);
            let Some(found) = self.hub.as_ref().and_then(|hub| hub.find(&id)) else {
                let text = format!("{id} is not in the cache of the hub.");
                let offer = (format!("Use {}…", model.id.repo()), Intent::Model(Fetch::Want(id)));
                self.state.messages.add_with(Kind::Problem, text, Some(offer));
                return;
            };
            source = ModelSource::Hub(found);
        }
        self.ask_model(&source);
        let what = format!("loading {source}");
        self.state.loading = Some(Loading { what, fraction: None });
        match (&mut self.held, &self.engine) {
            (Some(held), _) => held.model = Some(source),
            (None, Some(e)) => e.load_model(source),
            (None, None) => {}
        }
    }

    /// From here on the model is loaded when the first picture has been decoded: with few cores for both the picture would wait for it.
    pub fn picture_first(&mut self) {
        if std::thread::available_parallelism().is_ok_and(|cores| cores.get() <= FEW_CORES) {
            self.held = Some(Held { model: None, until: Instant::now() + PATIENCE });
        }
    }

    pub(super) fn load_held(&mut self, now: Instant) {
        let Some(held) = &self.held else { return };
        if self.state.playback.shown.is_none() && now < held.until {
            return self.wake_after(held.until - now);
        }
        let model = self.held.take().and_then(|held| held.model);
        if let Some((model, engine)) = model.zip(self.engine.as_ref()) {
            engine.load_model(model);
        }
    }

    /// Opens the first bundled clip that the model knows, where there is one.
    pub fn open_bundled(&mut self) {
        let known = self.model_asked.cast().unwrap_or_default();
        let clips = &self.state.bundled;
        if let Some(clip) = clips.iter().find(|c| c.cast == known).or(clips.first()).cloned() {
            self.open_video(clip.path);
            self.on_open = OnOpen::Plays;
        }
    }

    /// The prompts to begin with; not a step that undo takes back.
    pub fn start_with(&mut self, prompts: PromptSet) {
        // More classes than fit on a screen: the likely ones first.
        self.state.sort_by_score = true;
        self.state.history.start(prompts);
        self.state.log.clear();
        self.send_prompts();
    }
}
