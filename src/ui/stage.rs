//! The stage: the picture with a map over the part that the model saw, alone or beside others.
//!
//! A map belongs to a sampled frame. Over that very frame it is drawn in full; over another frame of the analysed
//! window it is dimmed and named ("map of 1.230 s"); outside the window it is not drawn, and the caption says why.

mod caption;
mod tools;

use super::compare::Compare;
use super::drawn::Drawn;
use super::intent::Intent;
use super::lens::Lens;
use super::look::{self, Arrangement, Quantity, View};
use super::pictures::{MapFrame, Pictures};
use super::state::State;
use super::{crop, draw_pane, elide, hall, overlay, scope, theme, truth};
use crate::engine::Answer;
use crate::model::folder::MotionScale;
use crate::video::preprocess::CropRect;
use crate::view::{Layer, Normalise};
use egui::{
    Align2, Color32, CornerRadius, FontId, Pos2, Rect, RichText, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    pos2, vec2,
};
use std::sync::Arc;

/// In less height than this the buttons above the picture scroll.
const LOW: f32 = 320.0;
/// How much of its opacity a map keeps over a frame that is not its own.
const DIMMED: f32 = 0.6;
pub use caption::{cut, gradient, lines, number, write_end};
pub use tools::room_for_slider;

const WHOLE: Rect = Rect { min: Pos2::ZERO, max: pos2(1.0, 1.0) };

/// Draws it and gives the room below its buttons.
pub fn show(ui: &mut Ui, s: &State, pictures: &mut Pictures, out: &mut Vec<Intent>) -> Rect {
    // Buttons that do not wrap may make the panel wider than its room: the picture stays in it.
    let right = ui.max_rect().right();
    // In a hall there is nothing above the picture but what must not be overlooked.
    if !s.presenting || s.easel.is_some() || s.altered_words().is_some() {
        let frame = egui::Frame::new().fill(theme::of(ui).panel).inner_margin(egui::Margin::symmetric(8, 5));
        frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            if !s.presenting {
                // Where text is large the picture keeps the larger part.
                let (height, gap) = (ui.available_height(), ui.spacing().item_spacing.y);
                let row = ui.spacing().interact_size.y + gap;
                // Whole rows: a button of which half is seen is no use.
                let rows = (0.3 * height / row).floor().max(1.0);
                let room = if height < LOW { rows * row - gap } else { f32::INFINITY };
                let scroll = egui::ScrollArea::vertical().id_salt("stage buttons").max_height(room);
                scroll.auto_shrink([false, true]).show(ui, |ui| tools::show(ui, s, out));
            }
            // Below the buttons, which stay under the pointer when something is altered by one.
            draw_pane::banner(ui, s, out);
            scope::altered_banner(ui, s, out);
        });
    }
    theme::on_stage(ui);
    let room = ui.available_rect_before_wrap();
    let rect = room.with_max_x(room.right().min(right)).shrink(6.0);
    ui.allocate_rect(rect, Sense::hover());
    if rect.width() < 40.0 || rect.height() < 40.0 {
        return rect;
    }
    if s.playback.info.is_none() {
        empty(ui, s, rect, out);
        return rect;
    }
    let pair = Whose::pair(s);
    let room = rect;
    // Beside the picture alone, or on it, there is a map in any case.
    let beside = match pair {
        Some(_) => !s.is_comparing(),
        None => matches!(s.view.arrangement, Arrangement::Wipe | Arrangement::SideBySide),
    };
    let layer = if s.view.layer == Layer::Input && beside { Layer::Motion } else { s.view.layer };
    let rect = if s.presenting { hall::sentence(ui, layer, room) } else { room };
    if let Some(pair) = pair {
        let rects = split(ui, rect, 2, aspect(s));
        let halves: Vec<(Rect, Whose)> = rects.into_iter().zip(pair).collect();
        let pointed = halves.iter().find_map(|(r, whose)| whose.pointed(ui, s, *r));
        for (r, whose) in halves {
            picture_of(ui, s, pictures, out, Pane { rect: r, layer, whose, from: None, pointed });
        }
        return room;
    }
    match s.view.arrangement {
        Arrangement::Single => pane(ui, s, pictures, out, rect, s.view.layer, None),
        Arrangement::Wipe => wipe(ui, s, pictures, (rect, layer), out),
        Arrangement::SideBySide => {
            for (r, layer) in split(ui, rect, 2, aspect(s)).into_iter().zip([Layer::Input, layer]) {
                pane(ui, s, pictures, out, r, layer, None);
            }
        }
        Arrangement::Grid => {
            for (r, layer) in split(ui, rect, 4, aspect(s)).into_iter().zip(four(s.view.layer)) {
                pane(ui, s, pictures, out, r, layer, None);
                if layer == s.view.layer {
                    let line = Stroke::new(1.5, theme::of(ui).accent);
                    ui.painter().rect_stroke(r, CornerRadius::same(2), line, StrokeKind::Inside);
                }
            }
        }
    }
    room
}

fn empty(ui: &mut Ui, s: &State, rect: Rect, out: &mut Vec<Intent>) {
    ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
        ui.vertical_centered(|ui| {
            ui.add_space((rect.height() * 0.35).max(10.0));
            if let Some(name) = &s.opening {
                ui.add(egui::Spinner::new().size(22.0));
                ui.label(RichText::new(format!("Opening {name}")).color(theme::of(ui).weak));
                return;
            }
            ui.label(RichText::new("Open a video to begin").size(18.0).color(theme::of(ui).strong));
            ui.label(RichText::new("Drop a file here, press Ctrl+O, or pick one.").color(theme::of(ui).weak));
            ui.add_space(8.0);
            draw_pane::begin(ui, out);
            if ui.button("Open a video…").clicked() {
                out.push(Intent::Ask(super::intent::Dialog::Video));
            }
            for clip in &s.bundled {
                if ui.button(format!("Bundled clip: {}", clip.name)).clicked() {
                    out.push(Intent::OpenVideo(clip.path.clone()));
                }
            }
        });
    });
}

/// The layers of the 2×2 view; the chosen one is always among them.
fn four(chosen: Layer) -> [Layer; 4] {
    let usual = [Layer::Input, Layer::Motion, Layer::Static, Layer::Gate];
    if usual.contains(&chosen) { usual } else { [usual[0], usual[1], usual[2], chosen] }
}

fn aspect(s: &State) -> f32 {
    Whose::Shown.aspect(s)
}

/// Largest rectangle of that aspect inside `rect`, centred.
pub fn letterbox(rect: Rect, aspect: f32) -> Rect {
    let size = if rect.width() / rect.height().max(1.0) > aspect {
        vec2(rect.height() * aspect, rect.height())
    } else {
        vec2(rect.width(), rect.width() / aspect)
    };
    Rect::from_center_size(rect.center(), size)
}

/// Cuts the stage into 2 or 4 panes; two lie the way that makes the pictures larger.
fn split(ui: &Ui, rect: Rect, n: usize, aspect: f32) -> Vec<Rect> {
    split_with(rect, n, aspect, |width| caption::height(ui, width))
}

/// `caption`: the height of a caption in a pane of that width.
fn split_with(rect: Rect, n: usize, aspect: f32, caption: impl Fn(f32) -> f32) -> Vec<Rect> {
    let gap = 6.0;
    let grid = |cols: usize, rows: usize| -> Vec<Rect> {
        let size = vec2(
            (rect.width() - gap * (cols - 1) as f32) / cols as f32,
            (rect.height() - gap * (rows - 1) as f32) / rows as f32,
        );
        (0..cols * rows)
            .map(|i| {
                let step = vec2((i % cols) as f32 * (size.x + gap), (i / cols) as f32 * (size.y + gap));
                Rect::from_min_size(rect.min + step, size)
            })
            .collect()
    };
    if n == 4 {
        return grid(2, 2);
    }
    let (beside, below) = (grid(2, 1), grid(1, 2));
    let width =
        |r: &[Rect]| letterbox(r[0].with_max_y(r[0].bottom() - caption(r[0].width())), aspect).width();
    if width(&beside) >= width(&below) { beside } else { below }
}

/// Input left of the line, the map right of it.
fn wipe(
    ui: &mut Ui,
    s: &State,
    pictures: &mut Pictures,
    (rect, layer): (Rect, Layer),
    out: &mut Vec<Intent>,
) {
    let picture = letterbox(rect.with_max_y(rect.bottom() - caption::height(ui, rect.width())), aspect(s));
    let x = picture.left() + picture.width() * s.view.wipe;
    pane(ui, s, pictures, out, rect, layer, Some(x));
    let handle = Rect::from_center_size(pos2(x, picture.center().y), vec2(16.0, picture.height()));
    let r = ui.interact(handle, ui.scope_id().with("wipe"), Sense::drag());
    r.widget_info(|| WidgetInfo::slider(true, f64::from(s.view.wipe), "Wipe"));
    let line = if r.hovered() || r.dragged() { theme::of(ui).accent } else { theme::of(ui).strong };
    ui.painter().vline(x, picture.y_range(), Stroke::new(2.0, line));
    ui.painter().circle_filled(pos2(x, picture.center().y), 6.0, line);
    let r = r.on_hover_and_drag_cursor(egui::CursorIcon::ResizeHorizontal);
    if let Some(p) = r.interact_pointer_pos().filter(|_| r.dragged()) {
        let wipe = ((p.x - picture.left()) / picture.width().max(1.0)).clamp(0.0, 1.0);
        out.push(Intent::SetView(View { wipe, ..s.view }));
    }
}

/// Whose map a picture shows.
#[derive(Clone, Copy, PartialEq)]
enum Whose {
    Shown,
    /// The same with nothing altered.
    Original,
    /// The other side of a comparison.
    Other,
}

impl Whose {
    /// What stands side by side where two do. Of what stands beside no probe is asked, but for the likeness to a patch while two
    /// sides are compared, and it has no sweep.
    fn pair(s: &State) -> Option<[Self; 2]> {
        let layer = s.view.layer;
        if s.is_comparing() && (layer == Layer::Likeness || !layer.is_probed()) {
            return Some([Self::Shown, Self::Other]);
        }
        // With a brush in the hand it stays whole: its first stroke would take the picture away from under it.
        if s.moment || layer.is_probed() || s.probes.brush.is_some() {
            return None;
        }
        (s.view.beside && s.original().is_some()).then_some([Self::Original, Self::Shown])
    }

    fn answer(self, s: &State) -> Option<&Arc<Answer>> {
        match self {
            Self::Shown => s.shown.as_ref().map(|shown| &shown.answer),
            Self::Original => s.original(),
            Self::Other => s.other(),
        }
    }

    fn drawn(self, s: &State) -> Option<Drawn<'_>> {
        match self {
            Self::Shown if Self::pair(s).is_some() && !s.is_comparing() => s.drawn_altered(),
            Self::Shown => s.drawn(),
            Self::Original => s.original().and_then(|answer| s.drawn_of(answer)),
            Self::Other => s.other_drawn(),
        }
    }

    /// What a picture must not be read without.
    fn words(self, s: &State) -> Option<String> {
        match self {
            Self::Shown => s.altered_words(),
            Self::Original => Some("original".to_owned()),
            Self::Other => {
                let what = s.other()?.question.altered()?;
                Some(format!("altered: {what} (not retrained)"))
            }
        }
    }

    /// What is altered, and which side it is.
    fn badges(self, ui: &Ui, s: &State, picture: Rect) {
        let painter = &ui.painter_at(picture);
        let font = theme::caption(ui);
        if let Some(words) = self.words(s) {
            altered_badge(painter, picture, font.clone(), &words, self == Self::Original);
        }
        if let Some(name) = s.side_name(self == Self::Other).filter(|_| s.is_comparing()) {
            // In one line: a long name would cover a small picture.
            let name = elide::middle(ui, &name, &font, picture.width() - BADGE_MARGIN);
            badge(painter, picture, font.clone(), Align2::LEFT_TOP, &name);
        }
    }

    /// After the layer, in accessible names.
    fn which(self) -> &'static str {
        ["", ", original", ", other side"][self as usize]
    }

    fn scale(self, s: &State) -> Option<&MotionScale> {
        if self == Self::Other { s.other_scale() } else { s.motion_scale() }
    }

    fn aspect(self, s: &State) -> f32 {
        let other = s.compare.as_ref().and_then(Compare::playback).filter(|_| self == Self::Other);
        let info = other.unwrap_or(&s.playback).info.as_ref();
        info.map_or(1.0, |i| i.width.max(1) as f32 / i.height.max(1) as f32)
    }

    fn frame(self, ui: &Ui, s: &State, rect: Rect) -> Rect {
        letterbox(rect.with_max_y(rect.bottom() - caption::height(ui, rect.width())), self.aspect(s))
    }

    /// Where the pointer is in what the model saw, as parts of its width and height.
    fn pointed(self, ui: &Ui, s: &State, rect: Rect) -> Option<Pos2> {
        let frame = self.frame(ui, s, rect);
        let at = ui.ctx().pointer_hover_pos().filter(|_| ui.rect_contains_pointer(frame))?;
        let crop = crop_rect(s.lens.picture(frame), self.drawn(s)?.crop);
        crop.contains(at).then(|| ((at - crop.min) / crop.size()).to_pos2())
    }
}

/// The range of the colours: one for both where two stand side by side.
fn range(s: &State, source: Quantity, layer: Layer, whose: Whose, drawn: &Drawn<'_>) -> Normalise {
    let of = |source: Quantity, whose: Whose, drawn: &Drawn<'_>| {
        let (reaching, t) = s.reaching(drawn);
        source.range(&s.view, reaching, whose.scale(s), t)
    };
    let own = of(source, whose, drawn);
    let beside = || {
        let partner = Whose::pair(s)?.into_iter().find(|w| *w != whose)?;
        let drawn = partner.drawn(s)?;
        Some(of(Quantity::of(layer, &s.view, &drawn.maps)?, partner, &drawn))
    };
    match beside() {
        Some(b) => Normalise { lo: own.lo.min(b.lo), hi: own.hi.max(b.hi) },
        None => own,
    }
}

/// One picture with its caption; `from`: the map only right of this x.
fn pane(
    ui: &mut Ui,
    s: &State,
    pictures: &mut Pictures,
    out: &mut Vec<Intent>,
    rect: Rect,
    layer: Layer,
    from: Option<f32>,
) {
    let pointed = Whose::Shown.pointed(ui, s, rect);
    picture_of(ui, s, pictures, out, Pane { rect, layer, whose: Whose::Shown, from, pointed });
}

/// A picture is what of whom, where, and how much of it.
#[derive(Clone, Copy)]
struct Pane {
    rect: Rect,
    layer: Layer,
    whose: Whose,
    /// The map only right of this x.
    from: Option<f32>,
    /// The place that the pointer is at, here or in the picture beside it ([`Whose::pointed`]).
    pointed: Option<Pos2>,
}

/// Draws the picture with its map, and over it the truth where it is wanted.
fn picture_of(ui: &mut Ui, s: &State, pictures: &mut Pictures, out: &mut Vec<Intent>, pane: Pane) {
    let Pane { rect, layer, whose, .. } = pane;
    map_over(ui, s, pictures, out, pane);
    if whose == Whose::Shown {
        let frame = whose.frame(ui, s, rect);
        crop::grips(ui, s, (s.lens.picture(frame), frame), layer.name(), out);
    }
    let other_clip = whose == Whose::Other && s.compare.as_ref().is_some_and(|c| c.playback().is_some());
    if let Some(known) = s.truth.as_ref().filter(|_| s.view.truth && !other_clip) {
        let frame = whose.frame(ui, s, rect);
        let given = whose.drawn(s).and_then(|drawn| drawn.given);
        let at = given.or(s.playback.shown).unwrap_or(s.playback.position);
        let id = (layer.name(), whose as usize);
        truth::outline(ui, &known.file, at, (s.lens.picture(frame), frame), id);
    }
}

/// The picture with its map and its caption.
fn map_over(ui: &mut Ui, s: &State, pictures: &mut Pictures, out: &mut Vec<Intent>, pane: Pane) {
    let Pane { rect, layer, whose, .. } = pane;
    let frame = whose.frame(ui, s, rect);
    let picture = s.lens.picture(frame);
    let hand = look_closer(ui, s, frame, (layer, whose), out);
    layer_of(ui, s, pictures, out, pane, &hand);
    if whose == Whose::Shown {
        draw_pane::on_stage(ui, s, &hand, picture, frame, out);
    }
}

/// The picture with its map and caption; `hand` is what a person does on it.
fn layer_of(
    ui: &mut Ui,
    s: &State,
    pictures: &mut Pictures,
    out: &mut Vec<Intent>,
    pane: Pane,
    hand: &egui::Response,
) {
    let Pane { rect, layer, whose, from, pointed } = pane;
    let frame = whose.frame(ui, s, rect);
    let picture = s.lens.picture(frame);
    let painter = ui.painter_at(frame);
    let other_clip = s.compare.as_ref().and_then(Compare::playback).filter(|_| whose == Whose::Other);
    let drawn = whose.drawn(s);
    let given = drawn.as_ref().and_then(|drawn| drawn.given);
    let texture = match given {
        Some(at) => pictures.thumbnails.get(at).map(egui::TextureHandle::id),
        None if other_clip.is_some() => pictures.other(),
        None => pictures.video(),
    };
    match texture {
        Some(id) => {
            painter.image(id, picture, WHOLE, Color32::WHITE);
        }
        None => {
            painter.rect_filled(picture, CornerRadius::ZERO, Color32::BLACK);
            if other_clip.unwrap_or(&s.playback).shown.is_none() {
                let text = "waiting for the first frame";
                painter.text(
                    picture.center(),
                    Align2::CENTER_CENTER,
                    text,
                    theme::caption(ui),
                    theme::of(ui).weak,
                );
            }
        }
    }
    let strip = caption::strip(ui, frame, rect);
    let Some((answer, drawn)) = whose.answer(s).zip(drawn) else {
        let problem = s.compare.as_ref().and_then(|c| c.problem.as_deref());
        let text = match layer {
            Layer::Input => "Input",
            _ => problem.filter(|_| whose == Whose::Other).unwrap_or("no map yet"),
        };
        caption::text(ui, strip, text, theme::of(ui).weak);
        whose.badges(ui, s, frame);
        return;
    };
    let crop = crop_rect(picture, drawn.crop);
    outside_crop(&painter, theme::caption(ui), picture, crop);
    if drawn.seen && drawn.moment.is_none() {
        if layer.is_probed() {
            let place = overlay::Place { t: drawn.t, other: whose == Whose::Other, crop, frame };
            overlay::draw(ui, s, layer, answer, place, strip);
        }
        match whose {
            // The other side is looked at and not altered.
            Whose::Other => overlay::point(ui, s, hand, (crop, frame), drawn.t, out),
            _ => overlay::hand(ui, s, hand, (crop, frame), drawn.t, out),
        }
        if layer.is_probed() {
            whose.badges(ui, s, frame);
            return;
        }
    }
    let Some(source) = Quantity::of(layer, &s.view, &drawn.maps) else {
        caption::text(ui, strip, layer.name(), theme::of(ui).text);
        whose.badges(ui, s, frame);
        return;
    };
    let range = range(s, source, layer, whose, &drawn);
    let dim = if drawn.full { 1.0 } else { DIMMED };
    if drawn.seen {
        let map = MapFrame { quantity: source, range, t: drawn.t, tile: false };
        let id = match drawn.moment {
            Some(at) => pictures.moment(ui.ctx(), (&drawn.maps, at), &s.view, map),
            None => pictures.map(ui.ctx(), answer, &s.view, map),
        };
        let alpha = (s.view.opacity * dim * 255.0).round() as u8;
        let tint = Color32::from_white_alpha(alpha);
        match from {
            None => painter.image(id, crop, WHOLE, tint),
            Some(x) => painter.with_clip_rect(frame.with_min_x(x)).image(id, crop, WHOLE, tint),
        };
    }
    // Over the map, which would cover them.
    whose.badges(ui, s, frame);
    if layer == Layer::Motion && whose == Whose::Shown && s.is_still() {
        badge(&painter, frame, theme::caption(ui), Align2::CENTER_TOP, "next to no motion");
    }
    let hover = pointed.and_then(|at| hover(ui, &drawn, source, (crop, frame), at));
    if whose == Whose::Other
        && let Some(hover) = &hover
    {
        let name = format!("On the other side {}", hover.text);
        ui.interact(frame, ui.scope_id().with("linked"), Sense::hover())
            .widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &name));
    }
    let (mut about, colour) = drawn.words;
    let energy = matches!(source, Quantity::Level(_))
        || matches!(layer, Layer::Motion | Layer::Static | Layer::Signed);
    if let Some(from) = s.layer_words(&answer.question.surgery).filter(|_| energy && whose != Whose::Other) {
        about += &format!(", {from}");
    }
    let words = caption::Words { altered: whose.words(s), about: (about, colour) };
    // The figure is of the whole clip, and so of no moment.
    let whole = source.map(&answer.evidence.maps).filter(|_| drawn.moment.is_none());
    let auroc = whole.and_then(|map| s.mover_auroc(answer, &map.data));
    let named = (layer, whose.which(), whose as usize);
    caption::show(ui, s, (strip, frame), named, (source, range, auroc), (words, hover));
}

/// What is altered, at the bottom of the picture on a ground that cannot be overlooked; of the original the word alone.
fn altered_badge(painter: &egui::Painter, picture: Rect, font: FontId, text: &str, original: bool) {
    let (ground, ink) = match original {
        true => (Color32::from_black_alpha(190), theme::ON_STAGE.strong),
        false => (theme::ON_STAGE.altered, theme::ON_STAGE.on_altered),
    };
    let galley = painter.layout(text.into(), font, ink, picture.width() - 16.0);
    let at = pos2(picture.center().x, picture.bottom() - 6.0);
    let back = Align2::CENTER_BOTTOM.anchor_size(at, galley.size()).expand2(vec2(6.0, 2.0));
    painter.rect_filled(back, CornerRadius::same(3), ground);
    painter.galley(back.min + vec2(6.0, 2.0), galley, ink);
}

/// The wheel brings the picture closer where the pointer is, dragging moves it, a double click shows the whole again.
fn look_closer(
    ui: &Ui,
    s: &State,
    frame: Rect,
    (layer, whose): (Layer, Whose),
    out: &mut Vec<Intent>,
) -> egui::Response {
    let r = ui.interact(
        frame,
        ui.scope_id().with(("picture", layer.name(), whose as usize)),
        Sense::CLICK | Sense::DRAG,
    );
    let closer = s.lens.zoom() > 1.0;
    let name = format!("Picture: {}{}", layer.name(), whose.which());
    r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Image, true, &name));
    let mut lens = s.lens;
    if let Some(at) = r.hover_pos() {
        let (wheel, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
        let factor = (wheel / 200.0).exp() * pinch;
        if factor != 1.0 {
            lens = lens.zoomed(factor, frame, at);
        }
    }
    if closer && r.dragged() && s.probes.brush.is_none() && s.easel.is_none() {
        lens = lens.moved(frame, r.drag_delta());
    }
    if r.double_clicked() {
        lens = Lens::default();
    }
    if lens != s.lens {
        out.push(Intent::Lens(lens));
    }
    if closer { r.on_hover_and_drag_cursor(egui::CursorIcon::Grab) } else { r }
}

/// What a badge leaves free of the width of its picture.
const BADGE_MARGIN: f32 = 24.0;

/// Words at the top of a picture that its map must not be read without.
fn badge(painter: &egui::Painter, picture: Rect, font: FontId, align: Align2, text: &str) {
    let galley = painter.layout(text.into(), font, theme::ON_STAGE.strong, picture.width() - BADGE_MARGIN);
    let at = align.pos_in_rect(&picture.shrink2(vec2(12.0, 6.0)));
    let back = align.anchor_size(at, galley.size()).expand2(vec2(6.0, 2.0));
    painter.rect_filled(back, CornerRadius::same(3), Color32::from_black_alpha(190));
    painter.galley(back.min + vec2(6.0, 2.0), galley, theme::ON_STAGE.strong);
}

/// The crop on a picture that lies there.
pub fn crop_rect(picture: Rect, c: CropRect) -> Rect {
    let at = |x: f32, y: f32| picture.min + vec2(x * picture.width(), y * picture.height());
    Rect::from_min_max(at(c.x0, c.y0), at(c.x1, c.y1))
}

/// Marks what the model did not see: darker, with a line at the crop and words where there is room.
fn outside_crop(painter: &egui::Painter, font: FontId, picture: Rect, crop: Rect) {
    let parts = [
        picture.with_max_x(crop.left()),
        picture.with_min_x(crop.right()),
        Rect::from_x_y_ranges(crop.x_range(), picture.top()..=crop.top()),
        Rect::from_x_y_ranges(crop.x_range(), crop.bottom()..=picture.bottom()),
    ];
    for part in parts {
        if part.width() < 1.0 || part.height() < 1.0 {
            continue;
        }
        painter.rect_filled(part, CornerRadius::ZERO, Color32::from_black_alpha(110));
        let galley =
            painter.layout_no_wrap("not seen by the model".into(), font.clone(), theme::ON_STAGE.weak);
        let upright = part.width() >= galley.size().x + 6.0 && part.height() >= galley.size().y + 4.0;
        if upright {
            let at = pos2(part.center().x - galley.size().x / 2.0, part.bottom() - galley.size().y - 3.0);
            painter.galley(at, galley, theme::ON_STAGE.weak);
        } else if part.width() >= galley.size().y + 2.0 && part.height() >= galley.size().x + 6.0 {
            let at = pos2(part.center().x - galley.size().y / 2.0, part.center().y + galley.size().x / 2.0);
            let text = egui::epaint::TextShape::new(at, galley, theme::ON_STAGE.weak);
            painter.add(text.with_angle(-std::f32::consts::FRAC_PI_2));
        }
    }
    if crop.width() + 2.0 < picture.width() || crop.height() + 2.0 < picture.height() {
        painter.rect_stroke(
            crop,
            CornerRadius::ZERO,
            Stroke::new(1.0, Color32::from_white_alpha(90)),
            StrokeKind::Inside,
        );
    }
}

/// The patch under the pointer: its row and column and the value in words.
struct Hover {
    text: String,
    value: Option<f32>,
}

/// `at`: as parts of the crop.
fn hover(
    ui: &Ui,
    drawn: &Drawn<'_>,
    source: Quantity,
    (crop, frame): (Rect, Rect),
    at: Pos2,
) -> Option<Hover> {
    if !drawn.seen {
        return None;
    }
    let maps = &*drawn.maps;
    let (rows, cols) = source.grid(maps);
    if rows == 0 || cols == 0 {
        return None;
    }
    let cell = |v: f32, n: usize| ((v * n as f32) as usize).min(n - 1);
    let (r, c) = (cell(at.y, rows), cell(at.x, cols));
    let size = vec2(crop.width() / cols as f32, crop.height() / rows as f32);
    let patch = Rect::from_min_size(crop.min + vec2(c as f32 * size.x, r as f32 * size.y), size);
    let line = Stroke::new(1.0, Color32::WHITE);
    ui.painter_at(frame).rect_stroke(patch, CornerRadius::ZERO, line, StrokeKind::Inside);
    let at = |m| look::frame_or_empty(m, drawn.t).get(r * cols + c).copied();
    let value = source.map(maps).and_then(at);
    let number = match value {
        Some(v) => number(v),
        None => {
            let rgb: Vec<String> = maps.static_rgb.iter().filter_map(at).map(|v| format!("{v:.2}")).collect();
            format!("colour {}", rgb.join(" "))
        }
    };
    Some(Hover { text: format!("row {}, column {}: {number}", r + 1, c + 1), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_letterboxed_whole_and_centred() {
        let rect = Rect::from_min_size(pos2(10.0, 20.0), vec2(400.0, 200.0));
        for aspect in [0.3, 1.0, 2.0, 5.0] {
            let r = letterbox(rect, aspect);
            assert!((r.width() / r.height() - aspect).abs() < 1e-3);
            assert!(rect.expand(0.01).contains_rect(r) && (r.center() - rect.center()).length() < 0.01);
            assert!((r.width() - rect.width()).abs() < 0.01 || (r.height() - rect.height()).abs() < 0.01);
        }
    }

    #[test]
    fn the_chosen_layer_is_among_the_four() {
        for layer in Layer::ALL {
            assert!(four(layer).contains(&layer), "{layer:?}");
        }
    }

    #[test]
    fn two_panes_lie_the_way_that_makes_the_pictures_larger() {
        let wide = Rect::from_min_size(Pos2::ZERO, vec2(1200.0, 400.0));
        assert_eq!(split_with(wide, 2, 1.0, |_| 24.0)[0].height(), 400.0);
        let tall = Rect::from_min_size(Pos2::ZERO, vec2(600.0, 700.0));
        assert_eq!(split_with(tall, 2, 16.0 / 9.0, |_| 24.0)[0].width(), 600.0);
    }
}
