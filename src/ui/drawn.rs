//! Which maps lie over the displayed frame: those of the answer on show, at the sampled frame that is nearest; or with the moment
//! those of the grid of the sweep, where every frame has the map of the span around it, so that map and object coincide.

use super::record::Place;
use super::state::{Playback, State, clock};
use super::theme;
use crate::engine::Answer;
use crate::session::Maps;
use crate::video::Pts;
use crate::video::clip::Order;
use crate::video::preprocess::CropRect;
use egui::Color32;
use std::borrow::Cow;
use std::sync::Arc;

/// See the module.
pub struct Drawn<'a> {
    pub maps: Cow<'a, Maps>,
    /// The frame of the maps that is drawn.
    pub t: usize,
    pub crop: CropRect,
    /// Anything is drawn at all: the play head is where the maps are of.
    pub seen: bool,
    /// The map coincides with the displayed frame: it is not dimmed.
    pub full: bool,
    /// Which frame the map belongs to, in words, and the colour of that.
    pub words: (String, Color32),
    /// The frame that the model was given where another is displayed: it takes the place of the picture.
    pub given: Option<Pts>,
    /// Tells the maps of one moment from those of another; `None`: they are those of the answer on show.
    pub moment: Option<(usize, Pts)>,
}

impl State {
    /// What is drawn over the displayed frame; `None` before there are any maps.
    pub fn drawn(&self) -> Option<Drawn<'_>> {
        if self.moment { self.drawn_moment() } else { self.drawn_of(&self.shown.as_ref()?.answer) }
    }

    /// What of this answer is drawn.
    pub fn drawn_of<'a>(&self, answer: &'a Answer) -> Option<Drawn<'a>> {
        self.drawn_at(answer, &self.playback)
    }

    /// The same where another player shows the frames.
    pub fn drawn_at<'a>(&self, answer: &'a Answer, playback: &Playback) -> Option<Drawn<'a>> {
        let moment = self.moment_at(answer, playback)?;
        let words = if moment.outside {
            let of = answer.question.clip.span;
            let text = format!(
                "play head outside the part that was asked about ({} to {})",
                clock(of.start),
                clock(of.end)
            );
            (text, theme::ON_STAGE.warn)
        } else if self.is_of_another_drawing(answer) {
            ("map of the drawing before its last change".to_owned(), theme::ON_STAGE.warn)
        } else if moment.exact {
            ("map of this frame".to_owned(), theme::ON_STAGE.good)
        } else {
            (format!("map of {}", clock(moment.pts)), theme::ON_STAGE.warn)
        };
        Some(Drawn {
            maps: Cow::Borrowed(&answer.evidence.maps),
            t: moment.t,
            crop: answer.crop,
            seen: !moment.outside,
            full: moment.exact && !playback.playing && !self.is_of_another_drawing(answer),
            words,
            given: None,
            moment: None,
        })
    }

    /// What is drawn of what is on show beside its original: where frames have another order, what the model was given in the place
    /// of the frame that the original shows, so that the two run side by side; until those frames have been read, as anything else.
    pub fn drawn_altered(&self) -> Option<Drawn<'_>> {
        let drawn = self.drawn()?;
        let (shown, original) = (&self.shown.as_ref()?.answer, self.original()?);
        if shown.question.clip.order == Order::Forward || !drawn.seen || !self.frames_read {
            return Some(drawn);
        }
        let place = self.moment_at(original, &self.playback)?.t;
        let Some(given) = shown.frames.get(place).copied() else { return Some(drawn) };
        let words =
            (format!("map of {}, frame {} of the order", clock(given), place + 1), theme::ON_STAGE.good);
        Some(Drawn { t: place, given: Some(given), full: true, words, ..drawn })
    }

    /// The answer is of what was drawn before the drawing changed.
    fn is_of_another_drawing(&self, answer: &Answer) -> bool {
        let source = self.video.as_ref().and_then(|video| video.source.as_ref());
        let of = &answer.question.source;
        of.is_film() && source.is_some_and(|source| source.id() != of)
    }

    fn drawn_moment(&self) -> Option<Drawn<'_>> {
        let displayed = self.playback.shown.unwrap_or(self.playback.position);
        let Some(at) = self.record.as_ref().and_then(|r| r.maps_at(displayed)) else {
            // Nothing is drawn, and the picture is divided as before.
            let shown = self.shown.as_ref()?;
            return Some(Drawn {
                maps: Cow::Borrowed(&shown.answer.evidence.maps),
                t: 0,
                crop: shown.answer.crop,
                seen: false,
                full: false,
                words: ("not looked at here yet".to_owned(), theme::ON_STAGE.warn),
                given: None,
                moment: None,
            });
        };
        let words = match (at.place, &at.to) {
            (Place::Own, _) => {
                ("map of this frame, from the span around it".to_owned(), theme::ON_STAGE.good)
            }
            (Place::Between, Some(to)) => {
                let (a, b) = (at.from.pts.min(to.pts), at.from.pts.max(to.pts));
                (
                    format!("interpolated between the maps of {} and {}", clock(a), clock(b)),
                    theme::ON_STAGE.good,
                )
            }
            _ => (format!("map of {}, the nearest of the grid", clock(at.from.pts)), theme::ON_STAGE.warn),
        };
        Some(Drawn {
            maps: Cow::Owned(at.maps()),
            t: 0,
            crop: at.from.crop,
            seen: true,
            full: at.place != Place::Near,
            words,
            given: None,
            moment: Some((Arc::as_ptr(&at.from) as usize, displayed)),
        })
    }

    /// The maps whose values say how far the colours reach, and their frame: of a moment with the scale of one frame its own, else
    /// those of the clip on show, so that the colours stand still while it plays.
    pub fn reaching<'a>(&'a self, drawn: &'a Drawn<'_>) -> (&'a Maps, usize) {
        match &self.shown {
            Some(shown) if drawn.moment.is_some() && self.view.scale != super::look::Scale::Frame => {
                (&shown.answer.evidence.maps, 0)
            }
            _ => (&drawn.maps, drawn.t),
        }
    }

    /// Seconds from one frame that the model sees to the next, in what is on show.
    pub fn frame_step(&self) -> Option<f64> {
        if self.moment {
            return Some(self.record.as_ref()?.sweep.step().secs());
        }
        let frames = &self.shown.as_ref()?.answer.frames;
        let mut steps: Vec<i64> = frames.windows(2).map(|w| (w[1].0 - w[0].0).abs()).collect();
        steps.sort_unstable();
        steps.get(steps.len() / 2).map(|step| Pts(*step).secs())
    }

    /// "changes within 0.75 s": what lifting level `level` (from 0) of the motion sees. A step of it compares frames that are so far
    /// apart, counted from the beginning of the first to the end of the last.
    pub fn level_name(&self, level: usize) -> String {
        match self.frame_step() {
            Some(step) if step > 0.0 => {
                let seconds = step * f64::from(2u32 << level.min(20));
                format!("within {} s", super::lanes::short(seconds))
            }
            _ => format!("level {}", level + 1),
        }
    }
}
