//! The bar below: the seek bar with the sampled frames and the analysed window under it, the transport buttons,
//! and what the analysis is tied to (the in/out range, or the play head).

use super::icon::{self, Icon};
use super::intent::Intent;
use super::keys::SPEEDS;
use super::scope::Scope;
use super::state::{State, clock};
use super::theme;
use crate::video::Pts;
use egui::{
    Align2, CornerRadius, Event, Key, PointerButton, Pos2, Rect, Response, RichText, Sense, Stroke,
    StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

const BUTTON: egui::Vec2 = vec2(30.0, 24.0);

pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    ui.add_enabled_ui(s.playback.info.is_some(), |ui| {
        seek_bar(ui, s, out);
        ui.horizontal_wrapped(|ui| {
            buttons(ui, s, out);
            ui.separator();
            facts(ui, s, out);
            ui.separator();
            analysis(ui, s, out);
        });
    });
}

fn named(response: Response, name: &str, tip: &str) -> Response {
    response.on_hover_text(tip).accessible_name(name)
}

fn buttons(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let mut button = |ui: &mut Ui, icon: Icon, name: &str, tip: &str, c: Intent| {
        if icon::button(ui, icon, BUTTON, name, tip).clicked() {
            out.push(c);
        }
    };
    let start = s.range.0.unwrap_or(Pts(0));
    button(ui, Icon::Start, "To the start", "To the start or the in point", Intent::Seek(start));
    button(ui, Icon::Back, "Previous frame", "One frame back (,)", Intent::Step(-1));
    play(ui, s, BUTTON, out);
    let mut button = |ui: &mut Ui, icon: Icon, name: &str, tip: &str, c: Intent| {
        if icon::button(ui, icon, BUTTON, name, tip).clicked() {
            out.push(c);
        }
    };
    button(ui, Icon::Forward, "Next frame", "One frame forward (.)", Intent::Step(1));
    let tip = "Loop the in/out range (Ctrl+L)";
    if icon::toggle(ui, Icon::Loop, BUTTON, s.playback.looping, "Loop", tip).clicked() {
        out.push(Intent::ToggleLoop);
    }
    let speed = egui::ComboBox::from_id_salt("speed")
        .selected_text(format!("{}×", s.playback.speed))
        .width(58.0)
        .show_ui(ui, |ui| {
            for v in SPEEDS {
                if ui.selectable_label((v - s.playback.speed).abs() < 1e-6, format!("{v}×")).clicked() {
                    out.push(Intent::SetSpeed(v));
                }
            }
        });
    named(speed.response, "Speed", "Speed of playback ([ and ])");
}

fn play(ui: &mut Ui, s: &State, size: egui::Vec2, out: &mut Vec<Intent>) {
    let (icon, name) = if s.playback.playing { (Icon::Pause, "Pause") } else { (Icon::Play, "Play") };
    if icon::button(ui, icon, size, name, &format!("{name} (Space)")).clicked() {
        out.push(Intent::TogglePlay);
    }
}

/// For presenter mode, from the right: the time, the seek bar, and the button that plays.
pub fn slim(ui: &mut Ui, s: &State, button: egui::Vec2, out: &mut Vec<Intent>) {
    ui.add_enabled_ui(s.playback.info.is_some(), |ui| {
        time(ui, s, out);
        ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
            play(ui, s, button, out);
            seek_bar(ui, s, out);
        });
    });
}

fn time(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let b = &s.playback;
    let length = b.info.as_ref().and_then(|i| i.duration).map_or("–".to_owned(), clock);
    let time = format!("{} / {length}", clock(b.position));
    let time = egui::Button::new(RichText::new(time).text_style(egui::TextStyle::Monospace)).frame(false);
    if named(ui.add(time), "Time", "Play head and length. Click to go to a time (G)").clicked() {
        out.push(Intent::TimeField(true));
    }
}

fn facts(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let b = &s.playback;
    time(ui, s, out);
    // As wide with one digit as with all: what stands beside it does not move while the clip plays.
    let frame = b.frame_number().map_or("frame –".to_owned(), |(i, n)| {
        format!("frame {:>width$} / {n}", i + 1, width = n.to_string().len())
    });
    ui.label(RichText::new(frame).font(theme::numbers()).color(theme::of(ui).weak))
        .on_hover_text("Number of the displayed frame, counted by presentation time");
    let Some(info) = &b.info else { return };
    let rate = match (info.fps, info.variable_rate) {
        (None, _) => "still".to_owned(),
        (Some(f), false) => format!("{} fps", short(f)),
        (Some(f), true) => format!("VFR ~{}", short(f)),
    };
    let tip = if info.variable_rate {
        "Frame durations differ; this is the average rate"
    } else {
        "Frames per second"
    };
    ui.label(RichText::new(rate).font(theme::numbers()).color(theme::of(ui).weak)).on_hover_text(tip);
    if info.sound {
        ui.label(RichText::new("no sound").font(theme::small()).color(theme::of(ui).weak)).on_hover_text(
            "The clip has a sound track, which is not played: the model looks at pictures only",
        );
    }
}

fn short(v: f64) -> String {
    let text = format!("{v:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn analysis(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    ui.add(egui::Label::new(RichText::new("Scores of").color(theme::of(ui).weak)).extend());
    if named(ui.button("In"), "Set in point", "In point at the play head (I)").clicked() {
        out.push(Intent::SetIn);
    }
    if named(ui.button("Out"), "Set out point", "Out point at the play head (O)").clicked() {
        out.push(Intent::SetOut);
    }
    let set = s.range != (None, None);
    if set
        && icon::button(ui, Icon::Close, BUTTON, "Clear in and out", "Forget the in and out points").clicked()
    {
        out.push(Intent::ClearRange);
    }
    let span = s.whole_or_range();
    let between = format!("From the in to the out point: {} to {}", clock(span.start), clock(span.end));
    for (scope, on, name, tip) in [
        (Scope::Whole, true, "Whole video", "All of it, by the field's test protocol: frames spread evenly"),
        (Scope::Range, set, "In to out", between.as_str()),
        (Scope::Around, true, "Around the play head", "So many seconds around the play head, when it rests"),
    ] {
        // What is on show with Moment is of none of them.
        let chosen = s.scope == scope && !s.moment;
        let button = ui.add_enabled(on, egui::Button::selectable(chosen, name));
        let button = button.on_disabled_hover_text("Set an in or an out point first");
        if named(button, name, tip).clicked() {
            if s.moment {
                out.push(Intent::Moment(false));
            }
            out.push(if chosen { Intent::AskAgain } else { Intent::Scope(scope) });
        }
    }
    let follow = ui.add(egui::Button::selectable(s.follow, "Follow"));
    let tip = "The span around the play head goes with it also while the video plays; the newest is done next (Shift+F)";
    if named(follow, "Follow play head", tip).clicked() {
        out.push(Intent::Follow(!s.follow));
    }
    let mut length = s.around;
    let drag = egui::DragValue::new(&mut length).range(0.2..=60.0).speed(0.05).fixed_decimals(1).suffix(" s");
    if named(ui.add(drag), "Length of the span", "Seconds around the play head").changed() {
        out.push(Intent::Around(length));
    }
}

/// Where the pointer was let go that was pressed in this rectangle within the same frame: where frames take long, egui knows neither a
/// click nor a drag of that.
fn swept(ui: &Ui, rect: Rect) -> Option<Pos2> {
    let last = |down: bool| {
        ui.input(|i| {
            i.events.iter().rev().find_map(|event| match event {
                Event::PointerButton { pos, button: PointerButton::Primary, pressed, .. } => {
                    (*pressed == down).then_some(*pos)
                }
                _ => None,
            })
        })
    };
    let pressed = last(true).filter(|p| rect.contains(*p) && ui.is_enabled())?;
    (ui.ctx().layer_id_at(pressed) == Some(ui.layer_id())).then(|| last(false)).flatten()
}

/// Height of the whole bar: track above, marks below.
const HEIGHT: f32 = 34.0;

fn seek_bar(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click_and_drag());
    let duration = s.playback.duration().secs();
    let position = s.playback.position.secs();
    response.widget_info(|| WidgetInfo {
        value: Some(position),
        ..WidgetInfo::slider(ui.is_enabled(), position, "Seek bar")
    });
    let inner = rect.shrink2(vec2(8.0, 0.0));
    let track =
        Rect::from_min_max(pos2(inner.left(), rect.top() + 5.0), pos2(inner.right(), rect.top() + 15.0));
    let x = |t: f64| {
        inner.left()
            + inner.width() * if duration > 0.0 { (t / duration).clamp(0.0, 1.0) as f32 } else { 0.0 }
    };
    let time = |px: f32| {
        Pts::from_secs(f64::from((px - inner.left()) / inner.width().max(1.0)).clamp(0.0, 1.0) * duration)
    };

    if (response.clicked() || response.dragged() || response.drag_stopped())
        && let Some(p) = response.interact_pointer_pos()
    {
        out.push(Intent::Seek(time(p.x)));
    } else if let Some(p) = swept(ui, rect) {
        out.push(Intent::Seek(time(p.x)));
    }
    if response.has_focus() {
        ui.memory_mut(|m| {
            let keep = egui::EventFilter { horizontal_arrows: true, ..Default::default() };
            m.set_focus_lock_filter(response.id, keep);
        });
        let steps =
            ui.input(|i| i.num_presses(Key::ArrowRight) as i32 - i.num_presses(Key::ArrowLeft) as i32);
        if steps != 0 {
            out.push(Intent::SeekBy(f64::from(steps)));
        }
    }

    let painter = ui.painter();
    let span = |a: f64, b: f64| Rect::from_min_max(pos2(x(a), track.top()), pos2(x(b), track.bottom()));
    let radius = CornerRadius::same(3);
    painter.rect_filled(track, radius, theme::of(ui).field);
    if s.range != (None, None) {
        let w = s.whole_or_range();
        painter.rect_filled(span(w.start.secs(), w.end.secs()), radius, theme::of(ui).range);
        for t in [s.range.0, s.range.1].into_iter().flatten() {
            painter.vline(x(t.secs()), track.y_range(), Stroke::new(2.0, theme::of(ui).accent));
        }
    }
    painter.rect_filled(span(0.0, position), radius, theme::of(ui).played);
    if let Some(shown) = &s.shown {
        let of = span(shown.span().start.secs(), shown.span().end.secs());
        let below = of.translate(vec2(0.0, track.height() + 3.0)).with_max_y(track.bottom() + 6.0);
        painter.rect_filled(below, CornerRadius::ZERO, theme::of(ui).weak.gamma_multiply(0.5));
        let near = s.moment();
        for (t, pts) in shown.answer.frames.iter().enumerate() {
            let current = near.is_some_and(|m| m.t == t && !m.outside);
            let (colour, h) = if current { (theme::of(ui).warn, 9.0) } else { (theme::of(ui).weak, 7.0) };
            let tip = pos2(x(pts.secs()), track.bottom() + 3.0);
            let foot = vec2(3.5, h);
            painter.add(egui::Shape::convex_polygon(
                vec![tip, tip + foot, tip + vec2(-foot.x, foot.y)],
                colour,
                Stroke::NONE,
            ));
        }
    }
    let head = x(position);
    painter.vline(head, track.top() - 3.0..=track.bottom() + 3.0, Stroke::new(2.0, theme::of(ui).strong));
    painter.circle_filled(pos2(head, track.center().y), 6.0, theme::of(ui).strong);
    if response.has_focus() {
        painter.rect_stroke(rect, radius, Stroke::new(1.0, theme::of(ui).accent), StrokeKind::Inside);
    }
    if let Some(p) = response.hover_pos() {
        let text = clock(time(p.x));
        let at = pos2(p.x.clamp(inner.left() + 30.0, inner.right() - 30.0), rect.bottom());
        painter.vline(
            p.x.clamp(inner.left(), inner.right()),
            track.y_range(),
            Stroke::new(1.0, theme::of(ui).text),
        );
        let galley = painter.layout_no_wrap(text, theme::numbers(), theme::of(ui).strong);
        let back = Align2::CENTER_BOTTOM.anchor_size(at, galley.size()).expand2(vec2(3.0, 0.0));
        painter.rect_filled(back, CornerRadius::same(2), theme::of(ui).field);
        painter.galley(back.min + vec2(3.0, 0.0), galley, theme::of(ui).strong);
    }
}
