//! What of the state is kept between runs, and how it comes back.

use super::App;
use super::drawing::Former;
use super::teaching::Before;
use crate::prompt::{PromptSet, Templates};
use crate::session::ModelSource;
use crate::ui::edit::PromptEdit;
use crate::ui::intent::Intent;
use crate::ui::jobs::JobOutcome;
use crate::ui::keep::{Found, Keep, Kept, Open, Recent};
use crate::ui::messages::Kind;
use crate::ui::panes::Panes;
use crate::ui::{bundled, restart};
use crate::video::Pts;
use std::time::{Duration, Instant};

/// Jobs that write are waited for this long when the window closes.
const LAST_WRITES: Duration = Duration::from_secs(10);

impl App {
    /// Takes over what the last run kept, and keeps what changes from now on. Called when the prompts to begin with are
    /// set: Undo leads from the draft back to them.
    pub fn restore(&mut self, ctx: &egui::Context, keep: Keep, found: Found) {
        let Kept { recent, view, sort_by_score, panes, prompts_width, theme, zoom, invited, .. } = found.kept;
        self.invited = invited;
        let s = &mut self.state;
        s.recent = recent;
        s.view = view;
        s.prompts_width = prompts_width;
        self.panes = Panes::from_kept(panes);
        s.sort_by_score = sort_by_score.unwrap_or(s.sort_by_score);
        ctx.set_theme(theme);
        ctx.set_zoom_factor(zoom);
        for problem in found.problems {
            s.messages.add(Kind::Problem, problem);
        }
        if let Some(draft) = found.draft.filter(|d| !keep.is_bundled(d)) {
            s.messages.add(
                Kind::Done,
                "Your prompts of last time are back. Undo, or Open, Bundled prompts, leads to those of the program.",
            );
            self.edit(&PromptEdit::Replace(draft));
        }
        self.keep = keep;
    }

    /// The video and where the play head was, for a window that was started again.
    pub fn reopen(&mut self, open: &Open) {
        if let Some(video) = open.video.clone().filter(|v| v.exists()) {
            self.open_video(video);
            self.reopen = Some(open.clone());
        } else {
            self.open_bundled();
        }
    }

    /// The video that is started again with has been opened.
    pub(super) fn reopened(&mut self) {
        if let Some(open) = self.reopen.take() {
            let (from, to) = open.range;
            self.set_range((from.map(Pts::from_secs), to.map(Pts::from_secs)));
            self.seek(Pts::from_secs(open.position));
        }
    }

    /// A model was loaded.
    pub(super) fn note_model(&mut self) {
        self.model_open.clone_from(&self.model_asked);
        // Those of the hub have a menu of their own.
        if let ModelSource::Folder(folder) = &self.model_open {
            Recent::note(&mut self.state.recent.models, folder);
        }
    }

    pub(super) fn ask_model(&mut self, source: &ModelSource) {
        self.model_asked.clone_from(source);
    }

    /// Writes what is due; says when to look again.
    pub(super) fn keep_due(&mut self, ctx: &egui::Context, now: Instant) -> Option<Duration> {
        let mut keep = std::mem::replace(&mut self.keep, Keep::nothing());
        let wait = keep.tick(now, &self.desk, || self.draft(), || self.kept(ctx));
        self.keep = keep;
        wait
    }

    /// Writes the last of what is kept, and waits for every job that writes, for a bounded time.
    pub(super) fn leave(&mut self) {
        // A person has chosen where to save, and the window has not looked since.
        while let Some(outcome) = self.desk.take() {
            if let JobOutcome::Chosen(
                intent @ (Intent::SavePrompts(_) | Intent::Report(_) | Intent::Draw(_)),
            ) = outcome
            {
                let ctx = self.ctx.clone();
                self.apply(&ctx, intent);
            }
        }
        let lost = self.ends_by_loss();
        let (draft, kept) = (self.draft(), self.kept(&self.ctx));
        let mut keep = std::mem::replace(&mut self.keep, Keep::nothing());
        keep.close(&self.desk, draft.clone(), kept.clone(), lost);
        self.finish();
        if lost && !keep.works() {
            // The program that starts again looks there.
            let (mut keep, _) = Keep::open(Some(restart::rescue_folder()), bundled::all_prompts(), true);
            keep.close(&self.desk, draft, kept, true);
            self.finish();
        }
        if lost {
            // Its threads may wait for that GPU for ever (cubecl's polling ends with it); the program is replaced anyway.
            std::mem::forget(self.engine.take());
        }
    }

    fn finish(&self) {
        if !self.desk.finish(LAST_WRITES) {
            log::error!("a file was still being written when the window closed");
        }
    }

    /// The prompts as they are kept: templates that are the model's own are not a person's.
    fn draft(&self) -> PromptSet {
        // What a lesson does to them is the lesson's; what a person has typed in it counts where there were none of their own.
        let theirs = |before: &&Before| before.own || before.typed.is_none();
        let own = self.before.as_ref().filter(theirs).map(|before| &before.prompts);
        // Behind a drawing of other things.
        let held = self.former.as_ref().and_then(|(former, _)| former.prompts.as_ref());
        self.without_templates_of_the_model(own.or(held).unwrap_or(self.state.prompts()))
    }

    fn without_templates_of_the_model(&self, set: &PromptSet) -> PromptSet {
        let of_the_model = self.state.model.as_ref().and_then(|m| m.templates.as_ref());
        match of_the_model == Some(&set.templates) {
            true => PromptSet { templates: Templates::default(), ..set.clone() },
            false => set.clone(),
        }
    }

    /// Whether the prompts are a person's, and not a set of the program with templates that follow the model.
    pub(super) fn prompts_are_own(&self) -> bool {
        !self.keep.is_bundled(&self.without_templates_of_the_model(self.state.prompts()))
    }

    /// The video that is open, and where it stands.
    fn open_now(&self) -> Open {
        let s = &self.state;
        let path = |p: &std::path::PathBuf| p.to_str().is_some().then(|| p.clone());
        // A drawing is in no file, and a lesson's clip is the lesson's: the clip behind them is what comes back.
        let lesson = self.before.as_ref().and_then(|before| before.former.as_ref());
        let here = (s.video.as_ref(), s.playback.position, s.range);
        let held = lesson.or(self.former.as_ref().map(|(former, _)| former));
        let (clip, position, range) = held.map_or(here, Former::place);
        // Before any has been loaded, the one that is on its way.
        let open = if s.model.is_some() { &self.model_open } else { &self.model_asked };
        let model = held.map_or(open, |former| match open.cast() {
            Some(_) => &former.model,
            None => open,
        });
        Open {
            video: clip.and_then(|v| path(&v.path)),
            model: model.folder().and_then(|f| path(&f.to_owned())),
            cast: model.cast().unwrap_or_default(),
            position: position.secs(),
            range: (range.0.map(Pts::secs), range.1.map(Pts::secs)),
        }
    }

    fn kept(&self, ctx: &egui::Context) -> Kept {
        let (s, before) = (&self.state, self.before.as_ref());
        let size = ctx.input(|i| i.viewport().inner_rect).map(|r| r.size() * ctx.zoom_factor());
        Kept {
            recent: s.recent.clone(),
            view: before.map_or(s.view, |b| b.view),
            sort_by_score: Some(before.map_or(s.sort_by_score, |b| b.sort_by_score)),
            panes: before.map_or(&self.panes, |b| &b.panes).kept(),
            prompts_width: s.prompts_width,
            theme: ctx.options(|o| o.theme_preference),
            zoom: ctx.zoom_factor(),
            size: size.map(|s| [s.x.round(), s.y.round()]),
            open: self.open_now(),
            invited: self.invited,
            ..Kept::default()
        }
    }
}
