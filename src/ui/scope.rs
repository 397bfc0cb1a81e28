//! What is asked of the model: the part of the video that is selected, in numbers for the engine and in words for the
//! person. The window compares it with what was asked last, and asks when it differs; so a new in point, another
//! video or another model needs no request of its own.

use super::intent::Intent;
use super::state::{State, clock};
use super::theme;
use crate::engine::Question;
use crate::video::Pts;
use crate::video::camera::Camera;
use crate::video::clip::{ClipSpec, Rule, Span, fewer_frames, samples_in_words};
use crate::view::is_still;
use egui::{RichText, Ui};
use serde::{Deserialize, Serialize};

/// Which part of the video the scores are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All of it, by the field's test protocol.
    #[default]
    Whole,
    /// From the in point to the out point.
    Range,
    /// So many seconds around the play head, when it rests or (following) all the time.
    Around,
}

/// A video up to this long is asked about as a whole when it is opened; of a longer one, the part around the play head.
const WHOLE_UP_TO: f64 = 12.0;
/// Seconds around the play head, at first.
pub const AROUND: f64 = 4.0;

impl Scope {
    /// What a video of this length opens with.
    pub fn for_length(end: Pts) -> Self {
        if end.secs() <= WHOLE_UP_TO { Self::Whole } else { Self::Around }
    }
}

impl State {
    /// The frames that are selected; `None` until the video's length is known.
    pub fn selected(&self) -> Option<ClipSpec> {
        let end = self.playback.end()?;
        let spec = |span, rule| ClipSpec { span, rule, order: self.order.clone(), crop: self.crop };
        Some(match self.scope {
            Scope::Whole => spec(Span::new(Pts(0), end), Rule::Segments),
            Scope::Range => spec(self.whole_or_range(), Rule::Segments),
            Scope::Around => {
                let frames = self.model.as_ref().map_or(8, |m| m.frames).max(1) as i64;
                // On a grid, so that spans that overlap see the same frames and none is encoded twice.
                let step = Pts((Pts::from_secs(self.around).0 / frames).max(1_000_000));
                let length = step.0 * frames;
                let latest = (end.0 - length).max(0);
                let start = (self.anchor.0 - length / 2).clamp(0, latest).div_euclid(step.0) * step.0;
                spec(Span::new(Pts(start), Pts(start + length)), Rule::Grid { step })
            }
        })
    }

    /// The question that the window stands for; `None` while a part of it is not known yet.
    pub fn question(&self) -> Option<Question> {
        let (video, model, device) = (self.video.as_ref()?, self.model.as_ref()?, self.device.as_ref()?);
        Some(Question {
            source: video.source.as_ref()?.id().clone(),
            clip: self.selected()?,
            frames: model.frames,
            model: model.identity.clone(),
            device: device.name.clone(),
            surgery: self.surgery.clone(),
        })
    }

    /// What is shown is not the answer to what is selected.
    pub fn is_stale(&self) -> bool {
        match (&self.shown, self.question()) {
            (Some(shown), Some(question)) => *shown.answer.question != question,
            _ => false,
        }
    }

    /// "scores of 0:00.0 to 0:10.3, 8 frames": what the scores and maps on show are of, always.
    pub fn scope_words(&self) -> Option<String> {
        if self.moment {
            let ((span, _), record) = self.moment_scored.as_ref().zip(self.record.as_ref())?;
            let question = record.sweep.question(0);
            let (frames, crop) = (question.frames, self.crop_after(&question));
            let (start, end) = (tenths(span.start), tenths(span.end));
            return Some(format!("scores of the moment, {start} to {end}, {frames} frames{crop}"));
        }
        let shown = self.shown.as_ref()?;
        let span = shown.span();
        let sampled = &shown.answer.frames;
        let fewer = fewer_frames(sampled, &shown.answer.question.clip.order);
        let frames = samples_in_words(sampled.len(), fewer);
        let crop = self.crop_after(&shown.answer.question);
        Some(format!("scores of {} to {}, {frames}{crop}", tenths(span.start), tenths(span.end)))
    }

    /// ", crop moved 40% left": what of the open video's picture a question is about, where that is not the centre.
    pub(super) fn crop_after(&self, question: &Question) -> String {
        let words = self.playback.crop_words(question.clip.crop);
        words.map_or_else(String::new, |words| format!(", {words}"))
    }

    /// The span around the play head has not been looked at yet; that of the scores is the nearest that has.
    pub fn is_beside_the_moment(&self) -> bool {
        self.record.as_ref().is_some_and(|r| !r.has(r.sweep.nearest(self.playback.position)))
    }

    /// The model reads little more into what is shown than into still footage.
    pub fn is_still(&self) -> bool {
        let Some(shown) = &self.shown else { return false };
        // The scale is of the model's own layer.
        let own = shown.answer.question.surgery.motion_layer.is_none();
        let scale = self.motion_scale().filter(|_| own);
        is_still(&shown.answer.evidence.maps.motion, scale.map(|scale| scale.motion))
    }

    /// "altered: frames reversed, motion off (not retrained)", where what is shown is; and on every picture and beside every
    /// number that is.
    pub fn altered_words(&self) -> Option<String> {
        let what = self.shown.as_ref()?.answer.question.altered()?;
        Some(format!("altered: {what} (not retrained)"))
    }

    /// "the camera moves (the picture 1.2 px a frame to the left)", where it does in what is shown.
    pub fn camera_words(&self) -> Option<String> {
        let ((id, camera), shown) = self.camera.as_ref().zip(self.shown.as_ref())?;
        let Camera::Moves([x, y]) = *camera else { return None };
        let side = if x.abs() >= y.abs() {
            if x > 0.0 { "to the right" } else { "to the left" }
        } else if y > 0.0 {
            "down"
        } else {
            "up"
        };
        let size = x.hypot(y);
        (*id == shown.answer.id)
            .then(|| format!("the camera moves (the picture {size:.1} px a frame {side})"))
    }

    /// Frames so far apart that motion between them is change of scene.
    pub fn is_sparse(&self) -> bool {
        const APART: i64 = 2_000_000_000;
        let frames = self.shown.as_ref().map_or(&[][..], |s| &s.answer.frames);
        frames.windows(2).any(|w| (w[1].0 - w[0].0).abs() > APART)
    }
}

/// What is altered, on a ground of its own that cannot be overlooked, with the way back. While a brush is in the hand it has its room
/// already, so that the picture does not move under the first stroke.
pub fn altered_banner(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let c = theme::of(ui);
    let banner = |ui: &mut Ui, fill, words: RichText, button: &str, tip: &str| {
        let frame =
            egui::Frame::new().fill(fill).corner_radius(4).inner_margin(egui::Margin::symmetric(8, 3));
        let row = |ui: &mut Ui| {
            ui.label(words);
            ui.small_button(button).on_hover_text(tip).clicked()
        };
        frame.show(ui, |ui| ui.horizontal_wrapped(row).inner).inner
    };
    if let Some(words) = s.altered_words() {
        let words = RichText::new(words).strong().color(c.on_altered);
        if banner(ui, c.altered, words, "Reset", "Frames as filmed, model as trained (R)") {
            out.push(Intent::ResetAltered);
        }
    } else if s.probes.brush.is_some() && s.easel.is_none() {
        let words = RichText::new("Brush: paint what is to stand still").strong().color(c.strong);
        if banner(ui, c.card, words, "Let go", "Lays the brush down (Esc)") {
            out.push(Intent::Brush(None));
        }
    }
}

/// The same beside the scores, without the button.
pub fn altered_note(ui: &mut Ui, s: &State) {
    if let Some(words) = s.altered_words() {
        altered_label(ui, &words);
    }
}

/// Words on the ground of what is altered.
pub fn altered_label(ui: &mut Ui, words: &str) -> egui::Response {
    let text = RichText::new(words).font(theme::caption(ui)).color(theme::of(ui).on_altered);
    let frame = egui::Frame::new()
        .fill(theme::of(ui).altered)
        .corner_radius(3)
        .inner_margin(egui::Margin::symmetric(6, 1));
    frame.show(ui, |ui| ui.add(egui::Label::new(text).wrap())).inner
}

/// One line beside the scores: what they are of, and what must be known to read them.
pub fn line(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    ui.horizontal_wrapped(|ui| {
        switch(ui, s, out);
        let Some(words) = s.scope_words() else {
            let text = if s.work.is_some() { "being looked at for the first time" } else { "no scores yet" };
            ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak));
            return;
        };
        let stale = !s.moment && s.is_stale();
        let colour = if stale { theme::of(ui).weak } else { theme::of(ui).text };
        ui.label(RichText::new(words).font(theme::small()).color(colour));
        for (text, tip) in marks(s) {
            let text = RichText::new(text).font(theme::small()).color(theme::of(ui).warn);
            ui.label(text).on_hover_text(tip);
        }
    });
}

/// What must be known to read the scores, each in a few words and in a sentence.
pub fn marks(s: &State) -> Vec<(String, String)> {
    let mut list = Vec::new();
    let mut mark = |on: bool, text: &str, tip: &str| {
        if on {
            list.push((text.to_owned(), tip.to_owned()));
        }
    };
    let why = if s.work.is_some() {
        "Something else is selected now; it is being looked at"
    } else {
        "Something else is selected now, and was cancelled or failed; press A to ask again"
    };
    mark(!s.moment && s.is_stale(), "stale", why);
    let tip =
        "This part of the video has not been looked at yet; these scores are of the nearest part that has";
    mark(s.moment && s.is_beside_the_moment(), "not looked at here yet", tip);
    mark(
        s.is_still(),
        "next to no motion",
        "The model reads little more into this than into still footage, so what it says about motion means little",
    );
    if let Some(words) = s.camera_words() {
        let tip = "Everything moves in the picture then, so the motion map lights up everywhere. Estimated from blocks of \
                   pixels in frames that follow each other";
        mark(true, &words, tip);
    }
    let winners = s.winners();
    let tip = format!(
        "With the same span sampled a little earlier or later, another class wins: {}",
        winners.join(", ")
    );
    mark(!winners.is_empty(), "the winner depends on the sampling", &tip);
    mark(
        s.is_sparse(),
        "frames over 2 s apart",
        "Between frames so far apart, motion is change of scene; select a shorter part",
    );
    list
}

/// What the scores and maps are of: the scope, or the span around the play head.
fn switch(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let ready = s.record.as_ref().is_some_and(|r| !r.is_empty());
    for (moment, name, tip) in [
        (
            false,
            "Clip",
            "Scores and maps of what is selected: the whole video, In to Out, or around the play head",
        ),
        (true, "Moment", "Scores and maps of the span around the play head, from the sweep; they go with it"),
    ] {
        let text = RichText::new(name).font(theme::small());
        let button =
            ui.add_enabled(ready || s.moment == moment, egui::Button::selectable(s.moment == moment, text));
        let button = button.on_disabled_hover_text("Once the sweep over the video has begun");
        if button.on_hover_text(tip).clicked() && s.moment != moment {
            out.push(Intent::Moment(moment));
        }
    }
}

/// `m:ss.t`; the transport has the exact time.
fn tenths(t: Pts) -> String {
    let rounded = Pts((t.0.max(0) + 50_000_000) / 100_000_000 * 100_000_000);
    let text = clock(rounded);
    text[..text.len() - 2].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_tenths() {
        assert_eq!(tenths(Pts(0)), "0:00.0");
        assert_eq!(tenths(Pts(10_333_333_333)), "0:10.3");
        assert_eq!(tenths(Pts(59_960_000_000)), "1:00.0");
    }

    #[test]
    fn short_videos_open_whole_and_long_ones_around_the_play_head() {
        assert_eq!(Scope::for_length(Pts::from_secs(12.0)), Scope::Whole);
        assert_eq!(Scope::for_length(Pts::from_secs(12.1)), Scope::Around);
    }
}
