//! The caption under a picture: which map it is and its scale, and what must not be read without. In a narrow pane these are two
//! lines. What does not fit even so is cut where it matters least: what is altered is read before whose map it is.

use super::Hover;
use crate::ui::elide;
use crate::ui::look::{self, Quantity};
use crate::ui::state::State;
use crate::ui::{theme, truth};
use crate::view::{Layer, Normalise};
use egui::text::{LayoutJob, TextWrapping};
use egui::{Color32, CornerRadius, Galley, Rect, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use std::borrow::Cow;
use std::sync::Arc;

/// In a pane of less width than this (in points, where text has its usual size) a caption has two lines.
const NARROW: f32 = 520.0;
/// In a caption of less width than this the colour bar is short.
const SHORT: f32 = 380.0;
/// Height of a line, and of both.
const ONE: f32 = 24.0;
const TWO: f32 = 40.0;

/// The height of the caption in a pane of this width.
pub fn height(ui: &Ui, width: f32) -> f32 {
    let unit = theme::enlarged(ui);
    unit * if width < NARROW * unit { TWO } else { ONE }
}

/// Where the caption of a picture at `frame` is, in its pane: under a small picture it is wider than that.
pub fn strip(ui: &Ui, frame: Rect, pane: Rect) -> Rect {
    let size =
        vec2(frame.width().max((NARROW * theme::enlarged(ui)).min(pane.width())), height(ui, pane.width()));
    let below = frame.bottom() + size.y / 2.0;
    Rect::from_center_size(pos2(frame.center().x, below), size).intersect(pane)
}

/// The line of the name and the scale, and that of the words; the same where there is one.
pub fn lines(ui: &Ui, strip: Rect) -> (Rect, Rect) {
    if strip.height() < 0.5 * (ONE + TWO) * theme::enlarged(ui) {
        return (strip, strip);
    }
    strip.split_top_bottom_at_fraction(0.5)
}

/// Writes a text from the left of `room`, with an ellipsis where it is cut.
pub fn write_end(ui: &Ui, room: Rect, text: &str, colour: Color32) -> f32 {
    let mut job = LayoutJob::simple_singleline(text.to_owned(), theme::caption(ui), colour);
    job.wrap = TextWrapping::truncate_at_width(room.width().max(0.0));
    let galley = ui.fonts_mut(|f| f.layout_job(job));
    let width = galley.size().x;
    // Even the ellipsis may be too much.
    if width <= room.width() + 0.5 {
        ui.painter().galley(pos2(room.left(), room.center().y - galley.size().y / 2.0), galley, colour);
    }
    width
}

/// A caption that is a text alone.
pub fn text(ui: &Ui, strip: Rect, text: &str, colour: Color32) {
    let (upper, _) = lines(ui, strip);
    write_end(ui, upper.shrink2(vec2(2.0, 0.0)), text, colour);
}

/// What a picture must not be read without.
pub struct Words {
    /// That it is altered and how, or that it is the original.
    pub altered: Option<String>,
    /// Whose map it is.
    pub about: (String, Color32),
}

impl Words {
    fn whole(&self) -> String {
        match &self.altered {
            Some(altered) => format!("{}, {altered}", self.about.0),
            None => self.about.0.clone(),
        }
    }

    /// In their order, as much of them as fits.
    fn fitted(&self, fits: impl Fn(&str) -> bool) -> Cow<'_, str> {
        let (about, _) = &self.about;
        let Some(altered) = &self.altered else { return about.into() };
        let whole = format!("{altered}, {about}");
        if fits(&whole) || fits(altered) {
            return whole.into();
        }
        // That it is altered and that nothing was trained anew comes before what is altered.
        let what = altered
            .split_once(": ")
            .and_then(|(_, rest)| rest.rsplit_once(" ("))
            .map_or("", |(what, _)| what);
        elide::inner_with(altered, what, fits)
    }
}

/// Which map this is at the left, the scale at the right, what the numbers are between them where there is room, and the words; the
/// hovered value comes before these. Beside the scale how well the map tells the mover, where that is known.
pub fn show(
    ui: &Ui,
    s: &State,
    (strip, frame): (Rect, Rect),
    (layer, which, id): (Layer, &str, usize),
    (source, scale, auroc): (Quantity, Normalise, Option<f64>),
    (words, hover): (Words, Option<Hover>),
) {
    let painter = ui.painter_at(strip);
    let (upper, lower) = lines(ui, strip);
    let one_line = upper == lower;
    let middle = upper.center().y;
    let lay = |t: &str, colour| painter.layout_no_wrap(t.to_owned(), theme::caption(ui), colour);
    let put = |x: f32, galley: Arc<Galley>| {
        let (at, end) = (pos2(x, middle - galley.size().y / 2.0), x + galley.size().x);
        painter.galley(at, galley, theme::of(ui).text);
        end
    };
    let about = match source {
        Quantity::Level(l) => format!("motion energy ‖d‖/‖X‖ of changes {}", s.level_name(l)),
        _ => source.quantity(),
    };
    let r = ui.interact(strip, ui.scope_id().with(("caption", layer.name(), id)), Sense::hover());
    let whole = words.whole();
    let name = format!("Caption: {}{which}: {whole}", layer.name());
    r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &name));
    r.on_hover_text(format!("{whole}\n{about}"));
    let mut left = put(upper.left() + 2.0, lay(layer.name(), theme::of(ui).strong)) + 8.0;
    let colour = if words.altered.is_some() { theme::of(ui).altered } else { words.about.1 };
    let taken = |text: &str| lay(text, colour).size().x + 10.0;
    let unit = theme::enlarged(ui);
    let mut right = upper.right() - 2.0;
    if source != Quantity::StaticColours {
        let hi = lay(&number(scale.hi), theme::of(ui).text);
        right -= hi.size().x;
        put(right, hi);
        let width = if strip.width() < SHORT * unit { 36.0 } else { 80.0 } * unit;
        let bar = Rect::from_center_size(pos2(right - 5.0 - width / 2.0, middle), vec2(width, 9.0 * unit));
        let colours = source.colormap(s.view.palette);
        gradient(&painter, bar, look::colours(colours));
        cut(&painter, bar, s.view.threshold, colours.is_signed());
        if let Some(v) = hover.as_ref().and_then(|h| h.value) {
            let x = bar.left() + bar.width() * scale.unit(v);
            painter.vline(x, bar.top() - 3.0..=bar.bottom() + 3.0, Stroke::new(2.0, theme::of(ui).strong));
        }
        let lo = lay(&number(scale.lo), theme::of(ui).text);
        right = bar.left() - 5.0 - lo.size().x;
        put(right, lo);
        right -= 8.0;
        if let Some(auroc) = auroc {
            // Whose map it is and the value under the pointer come first.
            let before = hover.iter().map(|h| h.text.as_str()).chain([whole.as_str()]).map(taken);
            let before: f32 = if one_line { before.sum() } else { 0.0 };
            let room = Rect::from_x_y_ranges((left + before).min(right - 2.0)..=right - 2.0, upper.y_range());
            right = truth::write_auroc(ui, auroc, (layer.name(), id), frame, room) - 8.0;
        }
    }
    // What does not fit is cut at the scale and not drawn over it.
    let mut room = match one_line {
        true => Rect::from_x_y_ranges(left..=right.max(left), upper.y_range()),
        false => lower.shrink2(vec2(2.0, 0.0)),
    };
    let hovered = hover.is_some();
    if let Some(hover) = hover {
        let end = room.left() + write_end(ui, room, &hover.text, theme::of(ui).strong) + 10.0;
        room.min.x = end.min(room.max.x);
    }
    let font = theme::caption(ui);
    let fitted = words.fitted(|text| elide::width_of(ui, text, &font) <= room.width());
    let end = room.left() + write_end(ui, room, &fitted, colour) + 10.0;
    if one_line {
        left = end;
    }
    let about = lay(&about, theme::of(ui).weak);
    if !hovered && left + about.size().x < right {
        put(right - about.size().x - 2.0, about);
    }
}

/// Digits that mean something, for values of any size.
pub fn number(v: f32) -> String {
    match v.abs() {
        m if m == 0.0 || (0.1..1000.0).contains(&m) => format!("{v:.3}"),
        m if (0.001..0.1).contains(&m) => format!("{v:.4}"),
        _ => format!("{v:.1e}"),
    }
}

/// Darkens what is not painted of a colour bar, with a line where that ends.
pub fn cut(painter: &egui::Painter, bar: Rect, threshold: f32, signed: bool) {
    if threshold <= 0.0 {
        return;
    }
    let at = |share: f32| bar.left() + bar.width() * share;
    let ends = if signed { [0.5 - threshold / 2.0, 0.5 + threshold / 2.0] } else { [0.0, threshold] };
    let not_painted = Rect::from_x_y_ranges(at(ends[0])..=at(ends[1]), bar.y_range());
    painter.rect_filled(not_painted, CornerRadius::ZERO, theme::ON_STAGE.stage);
    painter.rect_stroke(bar, CornerRadius::ZERO, Stroke::new(1.0, theme::ON_STAGE.line), StrokeKind::Outside);
    for share in ends.into_iter().filter(|share| *share > 0.0) {
        painter.vline(
            at(share),
            bar.top() - 3.0..=bar.bottom() + 3.0,
            Stroke::new(1.0, theme::ON_STAGE.text),
        );
    }
}

/// A colour bar as one mesh.
pub fn gradient(painter: &egui::Painter, rect: Rect, colours: &[Color32; 256]) {
    const STEPS: usize = 32;
    let mut mesh = egui::Mesh::default();
    for i in 0..=STEPS {
        let x = rect.left() + rect.width() * i as f32 / STEPS as f32;
        let colour = colours[i * 255 / STEPS];
        mesh.colored_vertex(pos2(x, rect.top()), colour);
        mesh.colored_vertex(pos2(x, rect.bottom()), colour);
        if i > 0 {
            let n = 2 * i as u32;
            mesh.add_triangle(n - 2, n - 1, n);
            mesh.add_triangle(n - 1, n, n + 1);
        }
    }
    painter.add(egui::Shape::mesh(mesh));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_altered_is_read_before_whose_map_it_is() {
        let words = |altered: Option<&str>| Words {
            altered: altered.map(str::to_owned),
            about: ("map of 0:01.230".to_owned(), Color32::WHITE),
        };
        let at_most = |n: usize| move |t: &str| t.chars().count() <= n;
        let plain = words(None);
        assert_eq!(plain.fitted(at_most(3)), "map of 0:01.230", "cut where it is written");
        let reversed = words(Some("altered: frames reversed (not retrained)"));
        let whole = "altered: frames reversed (not retrained), map of 0:01.230";
        assert_eq!(reversed.fitted(at_most(99)), whole);
        assert_eq!(reversed.fitted(at_most(45)), whole, "its end is cut where it is written");
        assert_eq!(reversed.fitted(at_most(32)), "altered: frames… (not retrained)");
        assert_eq!(words(Some("original")).fitted(at_most(8)), "original, map of 0:01.230");
    }
}
