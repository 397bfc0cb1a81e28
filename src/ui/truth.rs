//! What is known to be true of the clip on the stage, where it is a synthetic one with its truth beside it: outlines of the mover and of
//! what stands still, and how well the map on show tells where the mover is.

use super::state::State;
use super::theme;
use crate::data::truth_file::{Mask, TruthFile};
use crate::engine::{Answer, QuestionId};
use crate::eval::truth::{COVERED, mover_auroc, swept};
use crate::video::{Pts, Source};
use egui::{Align2, Color32, CornerRadius, Rect, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use std::sync::Arc;

/// The truth of the open video, and which patches of the answers on the stage show its mover.
pub struct Known {
    pub file: Arc<TruthFile>,
    swept: Vec<(QuestionId, Vec<Option<bool>>)>,
}

impl Known {
    pub fn new(file: Arc<TruthFile>) -> Self {
        Self { file, swept: Vec::new() }
    }
}

/// Reads the truth beside a video whose pictures are of that size; `None`: there is none. For a job.
///
/// # Errors
/// What a person is told where there is one that cannot be used.
pub fn read(source: &Source, (width, height): (u32, u32)) -> Result<Option<Arc<TruthFile>>, String> {
    let path = source.path();
    let file = TruthFile::beside(path).and_then(|file| match file {
        Some(_) if width != height => {
            Err(format!("it is of a square picture, the clip has {width}×{height}"))
        }
        file => Ok(file),
    });
    match file {
        Ok(file) => Ok(file.map(Arc::new)),
        Err(why) => {
            let name = path.with_extension("json");
            let name = name.file_name().unwrap_or_default().to_string_lossy();
            Err(format!(
                "{name}, the truth beside the clip, cannot be used: {why}. Nothing is outlined on the stage."
            ))
        }
    }
}

impl State {
    /// Finds out which patches show the mover, for the answers of the open video on the stage.
    pub(super) fn judge_by_truth(&mut self) {
        let Some(mut known) = self.truth.take() else { return };
        let same_clip = |answer: &&Arc<Answer>| {
            // Of a drawing that has changed the answer on show is of the one before.
            let open = self.video.as_ref().and_then(|v| v.source.as_ref());
            open.is_some_and(|open| *open.id() == answer.question.source)
        };
        let shown = self.shown.as_ref().map(|s| &s.answer);
        let answers: Vec<&Arc<Answer>> =
            shown.into_iter().chain(self.original()).chain(self.other()).filter(same_clip).collect();
        known.swept.retain(|(id, _)| answers.iter().any(|a| a.id == *id));
        for answer in answers {
            if !known.swept.iter().any(|(id, _)| *id == answer.id) {
                let masks: Vec<&Mask> = answer.frames.iter().map(|at| known.file.mover(*at)).collect();
                known.swept.push((answer.id, swept(&masks, answer.crop, answer.evidence.maps.motion.cols)));
            }
        }
        self.truth = Some(known);
    }

    /// AUROC of a map of this answer (frames × patches, or patches alone) for the patches of the mover; `None` where no truth is known,
    /// and where the mover covers no patch, or every one.
    pub fn mover_auroc(&self, answer: &Answer, map: &[f32]) -> Option<f64> {
        let (_, swept) = self.truth.as_ref()?.swept.iter().find(|(id, _)| *id == answer.id)?;
        mover_auroc(map, swept)
    }
}

/// "AUROC .97 for the mover" at the right end of `room` in the caption under a picture that lies at `frame`, with what that means on
/// hover; gives where it begins. In less room than that the number alone, and in less again it stands in a corner of the picture.
pub fn write_auroc(ui: &Ui, auroc: f64, id: (&str, usize), frame: Rect, room: Rect) -> f32 {
    let number = format!("{auroc:.2}");
    let number = number.strip_prefix('0').unwrap_or(&number);
    let whole = format!("AUROC {number} for the mover");
    let lay =
        |text: &str| ui.painter().layout_no_wrap(text.to_owned(), theme::caption(ui), theme::of(ui).text);
    let long = lay(&whole);
    let galley = if long.size().x < room.width() { long } else { lay(&format!("AUROC {number}")) };
    let inside = galley.size().x < room.width();
    let at = match inside {
        true => Align2::RIGHT_CENTER.anchor_size(room.right_center(), galley.size()),
        false => Align2::RIGHT_TOP.anchor_size(frame.right_top() + vec2(-6.0, 4.0), galley.size()),
    };
    if !inside {
        let back = at.expand2(vec2(4.0, 1.0));
        ui.painter().rect_filled(back, CornerRadius::same(3), Color32::from_black_alpha(190));
    }
    ui.painter().galley(at.min, galley, theme::of(ui).text);
    let r = ui.interact(at, ui.scope_id().with(("auroc", id)), Sense::hover());
    r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &whole));
    r.on_hover_text(format!(
        "By the truth in the JSON beside the clip: how likely a patch of the mover has a larger value than any other patch, over the \
         sampled frames. 1: always, .50: chance. A patch is the mover's where it covers more than {:.0}% of it in one frame or \
         another, as in eval synth. Of the freeze map: how much the score draws on a patch.",
        COVERED * 100.0
    ));
    if inside { at.left() } else { room.right() }
}

/// Outlines what is true of the frame at `at`: of the mover, and of what stands still.
pub fn outline(ui: &Ui, truth: &TruthFile, at: Pts, (picture, frame): (Rect, Rect), id: (&str, usize)) {
    let painter = ui.painter_at(frame);
    let objects = [
        ("mover", Some(truth.mover(at)), theme::of(ui).good),
        ("distractor", truth.still.as_ref(), theme::of(ui).negative),
    ];
    for (name, mask, colour) in objects {
        let Some(mask) = mask else { continue };
        let mut bounds = Rect::NOTHING;
        let lines = mask.outline();
        let place = |[x, y]: [f32; 2]| picture.min + vec2(x * picture.width(), y * picture.height());
        for width in [3.5, 1.5] {
            let ink = if width > 2.0 { Color32::from_black_alpha(150) } else { colour };
            for line in &lines {
                let ends = line.map(place);
                painter.line_segment(ends, Stroke::new(width, ink));
                ends.into_iter().for_each(|end| bounds.extend_with(end));
            }
        }
        if lines.is_empty() {
            continue;
        }
        let galley = painter.layout_no_wrap(name.to_owned(), theme::caption(ui), colour);
        let size = galley.size() + vec2(8.0, 2.0);
        let top = (bounds.top() - size.y - 3.0).max(frame.top());
        let back =
            Rect::from_min_size(pos2(bounds.left().clamp(frame.left(), frame.right() - size.x), top), size);
        painter.rect_filled(back, CornerRadius::same(3), Color32::from_black_alpha(190));
        painter.galley(back.min + vec2(4.0, 1.0), galley, colour);
        let r = ui.interact(back.intersect(frame), ui.scope_id().with(("truth", name, id)), Sense::hover());
        r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, name));
        r.on_hover_text("Where it is in this frame, by the truth in the JSON beside the clip");
    }
}
