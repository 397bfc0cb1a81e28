//! What is asked of the model: the part of the video that is selected, in numbers for the engine and in words for the
//! person. The window compares it with what was asked last, and asks when it differs; so a new in point, another
//! video or another model needs no request of its own.

use super::intent::Intent;
use super::state::{State, clock};
use super::theme;
use crate::engine::Question;
use crate::video::Pts;
use crate::video::clip::{ClipSpec, Rule, Span};
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
        let spec = |span, rule| ClipSpec { span, rule, order: self.order.clone() };
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
        let shown = self.shown.as_ref()?;
        let span = shown.span();
        let frames = shown.answer.frames.len();
        Some(format!("scores of {} to {}, {frames} frames", tenths(span.start), tenths(span.end)))
    }

    /// The model reads little more into what is shown than into still footage.
    pub fn is_still(&self) -> bool {
        let Some(shown) = &self.shown else { return false };
        is_still(&shown.answer.evidence.maps.motion, self.motion_scale().map(|scale| scale.motion))
    }

    /// "altered: frames reversed, motion off (not retrained)", where what is shown is; and on every picture and beside every
    /// number that is.
    pub fn altered_words(&self) -> Option<String> {
        let what = self.shown.as_ref()?.answer.question.altered()?;
        Some(format!("altered: {what} (not retrained)"))
    }

    /// Frames so far apart that motion between them is change of scene.
    pub fn is_sparse(&self) -> bool {
        const APART: i64 = 2_000_000_000;
        let frames = self.shown.as_ref().map_or(&[][..], |s| &s.answer.frames);
        frames.windows(2).any(|w| (w[1].0 - w[0].0).abs() > APART)
    }
}

/// What is altered, on a ground of its own that cannot be overlooked, with the way back.
pub fn altered_banner(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let Some(words) = s.altered_words() else { return };
    let frame =
        egui::Frame::new().fill(theme::ALTERED).corner_radius(4).inner_margin(egui::Margin::symmetric(8, 3));
    frame.show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(words).strong().color(theme::ON_ALTERED));
            if ui.small_button("Reset").on_hover_text("Frames as filmed, model as trained (R)").clicked() {
                out.push(Intent::ResetAltered);
            }
        });
    });
}

/// The same beside the scores, without the button.
pub fn altered_note(ui: &mut Ui, s: &State) {
    if let Some(words) = s.altered_words() {
        let text = RichText::new(words).font(theme::small()).color(theme::ON_ALTERED);
        let frame = egui::Frame::new()
            .fill(theme::ALTERED)
            .corner_radius(3)
            .inner_margin(egui::Margin::symmetric(6, 1));
        frame.show(ui, |ui| ui.add(egui::Label::new(text).wrap()));
    }
}

/// One line beside the scores: what they are of, and what must be known to read them.
pub fn line(ui: &mut Ui, s: &State) {
    ui.horizontal_wrapped(|ui| {
        let Some(words) = s.scope_words() else {
            let text = if s.work.is_some() { "being looked at for the first time" } else { "no scores yet" };
            ui.label(RichText::new(text).font(theme::small()).color(theme::WEAK));
            return;
        };
        let stale = s.is_stale();
        let colour = if stale { theme::WEAK } else { theme::TEXT };
        ui.label(RichText::new(words).font(theme::small()).color(colour));
        let mut mark = |on: bool, text: &str, tip: &str| {
            if on {
                let text = RichText::new(text).font(theme::small()).color(theme::WARN);
                ui.label(text).on_hover_text(tip);
            }
        };
        let why = if s.work.is_some() {
            "Something else is selected now; it is being looked at"
        } else {
            "Something else is selected now, and was cancelled or failed; press A to ask again"
        };
        mark(stale, "stale", why);
        mark(
            s.is_still(),
            "next to no motion",
            "The model reads little more into this than into still footage, so what it says about motion means little",
        );
        mark(
            s.is_sparse(),
            "frames over 2 s apart",
            "Between frames so far apart, motion is change of scene; select a shorter part",
        );
    });
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
