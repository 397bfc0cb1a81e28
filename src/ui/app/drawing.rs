//! Drawing a motion: the clip that was open is held meanwhile, and comes back as it was.

use super::{App, OnOpen, experiment};
use crate::data::cast::Cast;
use crate::data::drawing::DrawnFilm;
use crate::data::truth_file::TruthFile;
use crate::data::world_video;
use crate::prompt::PromptSet;
use crate::session::ModelSource;
use crate::ui::bundled;
use crate::ui::easel::{Draw, Easel};
use crate::ui::edit::PromptEdit;
use crate::ui::jobs::JobOutcome;
use crate::ui::keep;
use crate::ui::lens::Lens;
use crate::ui::messages::Kind;
use crate::ui::panes::Pane;
use crate::ui::probes::PatchAt;
use crate::ui::scope::Scope;
use crate::ui::state::{Exporting, Playback, VideoFile};
use crate::video::{Cancel, Player, Pts, Source};
use crate::view::Layer;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// What a drawing is called where a clip has its file's name.
const NAME: &str = "drawn motion";
const PROMPTS_COME_BACK: &str =
    "Your prompts come back with the clip: the drawing has the model of shapes, and its prompts.";

/// The clip that was open, and how it was looked at.
pub(super) struct Former {
    video: Option<VideoFile>,
    player: Option<Player>,
    /// What was being opened.
    opening: Option<(VideoFile, Player)>,
    experiment: Option<experiment::Opening>,
    playing: bool,
    scope_on_open: bool,
    on_open: OnOpen,
    /// The model that it was looked at with.
    pub(super) model: ModelSource,
    /// The prompts that it was looked at with, where what took its place brought others.
    pub(super) prompts: Option<PromptSet>,
    reopen: Option<keep::Open>,
    scope: Scope,
    range: (Option<Pts>, Option<Pts>),
    anchor: Pts,
    follow: bool,
    moment: bool,
    lens: Lens,
    /// The patch of it that was chosen, and whether the stage showed its likeness.
    patch: Option<PatchAt>,
    likened: bool,
}

impl Former {
    /// Where it lies.
    pub(super) fn path(&self) -> Option<&Path> {
        self.video.as_ref().map(|video| video.path.as_path())
    }

    /// What reads it, to be closed.
    pub(super) fn players(self) -> impl Iterator<Item = Player> {
        self.player.into_iter().chain(self.opening.map(|(_, player)| player))
    }

    /// The video, or the one that was being opened; where its play head stands, and its in and out point.
    pub(super) fn place(&self) -> (Option<&VideoFile>, Pts, (Option<Pts>, Option<Pts>)) {
        let video = self.video.as_ref().or(self.opening.as_ref().map(|(file, _)| file));
        (video, self.player.as_ref().map_or(Pts(0), Player::position), self.range)
    }
}

impl App {
    pub(super) fn draw_motion(&mut self, draw: Draw) {
        match draw {
            Draw::Begin => self.begin_drawing(),
            Draw::Done => self.end_drawing(true),
            Draw::Save(path) => self.save_drawing(path),
            draw => {
                let Some(easel) = &mut self.state.easel else { return };
                let another_way = matches!(draw, Draw::Ready(_) | Draw::Lift | Draw::Undo);
                if easel.take(draw) {
                    self.show_drawing();
                    if another_way {
                        // To be seen from its start.
                        self.with_player(|p| p.seek(Pts(0)));
                    }
                }
            }
        }
    }

    /// Finds out what is true of the drawing, once it has rested.
    pub(super) fn look_for_truth(&mut self, now: Instant) {
        let s = &self.state;
        let Some(easel) = s.easel.as_ref().filter(|easel| easel.unrest(now).is_none()) else { return };
        let Some(source) = s.video.as_ref().and_then(|video| video.source.as_ref()) else { return };
        if self.truth_of.as_ref() == Some(source.id()) {
            return;
        }
        self.truth_of = Some(source.id().clone());
        let (of, drawing) = (source.id().clone(), easel.drawing().clone());
        self.desk.start("truth", move || {
            Some(JobOutcome::Truth(of, Ok(Arc::new(TruthFile::of_drawing(&drawing)))))
        });
    }

    fn film(&self, easel: &Easel) -> Arc<Source> {
        Source::of_film(Arc::new(DrawnFilm::new(easel.drawing())), NAME, self.wake.clone())
    }

    fn begin_drawing(&mut self) {
        if self.state.easel.is_some() {
            return;
        }
        let easel = Easel::new(self.drawn_last.clone());
        let source = self.film(&easel);
        let pane = self.panes.is_open(Pane::Draw, self.ctx.content_rect().size());
        self.former = Some((self.hold(), pane));
        self.state.easel = Some(easel);
        let player = Player::open(&source);
        let file = VideoFile {
            path: NAME.into(),
            source: Some(source),
            name: NAME.into(),
            bundled: Some(Cast::Shapes),
        };
        let prompts = self.state.prompts().clone();
        if self.change_cast(Cast::Shapes) == Some(true) {
            // They are about somebody else; the clip brings them back.
            self.edit(&PromptEdit::Replace(bundled::prompts(Cast::Shapes)));
            if let Some((former, _)) = &mut self.former {
                former.prompts = Some(prompts);
            }
            self.state.messages.add(Kind::Hint, PROMPTS_COME_BACK);
        }
        self.put_on_stage(file, player);
        self.truth_of = None;
        self.on_open = OnOpen::Plays;
        self.panes.set_open(Pane::Draw, true);
    }

    /// `back`: the clip that was open comes back; else something else takes the stage.
    pub(super) fn end_drawing(&mut self, back: bool) {
        let Some(easel) = self.state.easel.take() else { return };
        self.drawn_last = easel.drawing().clone();
        self.state.messages.retract(PROMPTS_COME_BACK);
        let Some((former, pane)) = self.former.take() else { return };
        self.panes.set_open(Pane::Draw, pane);
        if back {
            self.give_back(former);
        } else if let Some(prompts) = former.prompts {
            // One's own are not lost with the clip that they came with.
            self.edit(&PromptEdit::Replace(prompts));
        }
    }

    /// Takes the clip off the stage, to be given back as it is.
    pub(super) fn hold(&mut self) -> Former {
        let mut player = self.player.take();
        let playing = player.as_ref().is_some_and(Player::is_playing);
        if let Some(player) = &mut player {
            player.pause();
        }
        let s = &mut self.state;
        s.opening = None;
        s.probes.brush = None;
        let likened = s.view.layer == Layer::Likeness;
        let patch = s.probes.patch.filter(|at| !at.other);
        s.let_go_of_patch();
        Former {
            video: s.video.take(),
            player,
            opening: self.opening.take(),
            experiment: self.experiment.take(),
            playing,
            scope_on_open: std::mem::take(&mut self.scope_on_open),
            on_open: std::mem::take(&mut self.on_open),
            model: self.model_asked.clone(),
            prompts: None,
            reopen: self.reopen.take(),
            scope: s.scope,
            range: s.range,
            anchor: s.anchor,
            follow: std::mem::take(&mut s.follow),
            moment: std::mem::take(&mut s.moment),
            lens: s.lens,
            patch,
            likened,
        }
    }

    /// What was held is on the stage again.
    pub(super) fn give_back(&mut self, former: Former) {
        match (former.video, former.player) {
            (Some(video), Some(player)) => self.put_on_stage(video, player),
            (video, player) => {
                self.clear_stage();
                (self.state.video, self.player) = (video, player);
            }
        }
        self.scope_on_open = former.scope_on_open;
        self.on_open = former.on_open;
        // What took its place may have brought the other model in the program.
        if let Some(cast) = former.model.cast() {
            self.change_cast(cast);
        }
        if let Some(prompts) = former.prompts {
            self.edit(&PromptEdit::Replace(prompts));
        }
        self.reopen = former.reopen;
        let s = &mut self.state;
        s.opening = former.opening.as_ref().map(|(file, _)| file.name.clone());
        (self.opening, self.experiment) = (former.opening, former.experiment);
        s.scope = former.scope;
        s.range = former.range;
        s.anchor = former.anchor;
        s.follow = former.follow;
        s.moment = former.moment;
        s.lens = former.lens;
        s.probes.patch = former.patch;
        if former.patch.is_some() && former.likened {
            s.view.layer = Layer::Likeness;
        }
        if former.playing {
            self.with_player(Player::play);
        }
    }

    /// The drawing has changed: what plays goes on with it, and it is asked about by itself.
    fn show_drawing(&mut self) {
        let Some(easel) = &self.state.easel else { return };
        let source = self.film(easel);
        self.with_player(|p| p.swap(&source));
        let s = &mut self.state;
        // It was of the drawing before.
        s.truth = None;
        self.truth_of = None;
        if let Some(video) = &mut s.video {
            video.source = Some(source);
        }
    }

    /// Writes the drawing on a thread; one file at a time.
    fn save_drawing(&mut self, path: PathBuf) {
        let path = if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("mp4")) {
            path
        } else {
            let mut name = path.into_os_string();
            name.push(".mp4");
            PathBuf::from(name)
        };
        if self.would_replace_a_clip(&path) {
            return;
        }
        let s = &mut self.state;
        let Some(easel) = s.easel.as_ref().filter(|_| s.exporting.is_none()) else { return };
        let drawing = easel.drawing().clone();
        let (percent, cancel) = (Arc::new(AtomicU32::new(0)), Cancel::default());
        s.exporting = Some(Exporting { what: "clip", percent: percent.clone(), cancel: cancel.clone() });
        self.desk.write("drawing", move || {
            let mut go_on = |done: usize, total: usize| {
                percent.store((done * 100 / total.max(1)) as u32, Ordering::Relaxed);
                !cancel.is_cancelled()
            };
            let written = world_video::write_drawing(&path, &drawing, &mut go_on);
            let told = written.map(|truth| {
                format!("Clip written to {}, and what is true of it to {}", path.display(), truth.display())
            });
            Some(JobOutcome::Exported(told.map_err(|e| e.to_string())))
        });
    }

    /// Nothing is on the stage.
    pub(super) fn clear_stage(&mut self) {
        let s = &mut self.state;
        s.video = None;
        s.playback = Playback::default();
        self.forget_what_was_shown();
        self.player = None;
    }

    /// What a drawing, which is in no file, cannot be written into; says so.
    pub(super) fn is_in_no_file(&mut self) -> bool {
        let drawn = self.state.easel.is_some();
        if drawn {
            let text = "A drawn motion is in no file, so this could not be computed again. Save it as a clip and open that.";
            self.state.messages.add(Kind::Problem, text);
        }
        drawn
    }
}
