//! The history of the prompts: a line a state, with what changed, which class won, and how the class that is watched came off.
//! A click goes back to a state, and Undo takes that back.

use super::intent::Intent;
use super::pictures::Pictures;
use super::prompt_log::Line;
use super::state::State;
use super::{elide, icon, theme};
use egui::{Align2, RichText, Sense, Ui, WidgetInfo, vec2};

/// Classes that the menu lists: more nobody looks through.
const LISTED: usize = 500;
/// Height of a line: two rows of text.
const HEIGHT: f32 = 36.0;

pub fn show(ui: &mut Ui, s: &State, _pictures: &mut Pictures, out: &mut Vec<Intent>) {
    header(ui, s, out);
    let lines = s.log.lines();
    if lines.is_empty() {
        ui.label(
            RichText::new("Each state of the prompts will stand here with its scores.")
                .color(theme::of(ui).weak),
        );
        return;
    }
    // The newest is on top.
    egui::ScrollArea::vertical().id_salt("history").auto_shrink(false).show_rows(
        ui,
        HEIGHT,
        lines.len(),
        |ui, rows| {
            for row in rows {
                let i = lines.len() - 1 - row;
                line(ui, s, &lines[i], out);
            }
        },
    );
}

/// Which class is watched.
fn header(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    const WINNER: &str = "the winner of each";
    ui.horizontal(|ui| {
        ui.label(RichText::new("change of").font(theme::small()).color(theme::of(ui).weak));
        let chosen = s.log.watched.as_deref().unwrap_or(WINNER);
        let menu = egui::ComboBox::from_id_salt("watched class").selected_text(chosen).truncate();
        let shown = menu.width((ui.available_width() - 8.0).min(220.0)).show_ui(ui, |ui| {
            if ui.selectable_label(s.log.watched.is_none(), WINNER).clicked() {
                out.push(Intent::Watch(None));
            }
            for class in s.prompts().classes.iter().take(LISTED) {
                let on = s.log.watched.as_ref() == Some(&class.name);
                if ui.selectable_label(on, &class.name).clicked() {
                    out.push(Intent::Watch(Some(class.name.clone())));
                }
            }
        });
        shown
            .response
            .on_hover_text("Whose p is followed from state to state")
            .accessible_name("Watched class");
    });
}

fn line(ui: &mut Ui, s: &State, line: &Line, out: &mut Vec<Intent>) {
    let present = s.log.present() == Some(line.state);
    let (rect, r) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click());
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    if present || r.hovered() {
        painter.rect_filled(rect, 3.0, if present { theme::of(ui).card } else { theme::of(ui).field });
    }
    let (left, top, bottom) = (rect.left() + 18.0, rect.top() + 10.0, rect.top() + 26.0);
    if present {
        icon::paint(
            &painter,
            icon::Icon::Collapsed,
            egui::pos2(rect.left() + 9.0, top),
            11.0,
            theme::of(ui).accent,
        );
    }
    let body = egui::TextStyle::Body.resolve(ui.style());
    let words = elide::middle(ui, &line.words, &body, rect.right() - left - 4.0);
    painter.text(egui::pos2(left, top), Align2::LEFT_CENTER, &words, body, theme::of(ui).text);
    let numbers = numbers(s, line);
    let short = elide::middle(ui, &numbers.short, &theme::small(), rect.right() - left - 4.0);
    painter.text(egui::pos2(left, bottom), Align2::LEFT_CENTER, &short, theme::small(), theme::of(ui).weak);
    let state = if present { "Present state" } else { "Go back to" };
    let name = format!("{state}: {}; {}", line.words, numbers.short);
    r.widget_info(|| WidgetInfo::selected(egui::accesskit::Role::Button, true, present, &name));
    let tip = match present {
        true => format!("{}\n{}\nThis is how the prompts are now.", line.words, numbers.long),
        false => format!("{}\n{}\nClick to go back to it; Undo takes that back.", line.words, numbers.long),
    };
    if r.on_hover_text(tip).clicked() && !present {
        out.push(Intent::ReturnTo(line.state));
    }
}

struct Numbers {
    short: String,
    long: String,
}

/// The winner, and how the watched class has changed since the state that this one was made from, where both are of the same clip.
fn numbers(s: &State, line: &Line) -> Numbers {
    let Some(scored) = &line.scored else {
        let none = "no scores yet".to_owned();
        return Numbers { short: none.clone(), long: none };
    };
    let mut short = match scored.winner() {
        Some(winner) => format!("{} {:.1}%", winner.name, winner.p * 100.0),
        None => "no class has a share".to_owned(),
    };
    let watched = s.log.watched.as_deref().or(scored.winner().map(|c| c.name.as_str()));
    let own = watched.and_then(|name| scored.class(name));
    if let Some(own) = own.filter(|own| scored.winner().is_none_or(|w| w.name != own.name)) {
        short += &format!(" · {} {:.1}%", own.name, own.p * 100.0);
    }
    let earlier = s.log.parent(line).and_then(|line| line.scored.as_ref()).filter(|b| b.of == scored.of);
    let then = own.and_then(|own| earlier?.class(&own.name));
    if let Some((own, then)) = own.zip(then) {
        short += &format!(" · Δ {:+.1} pp", (own.p - then.p) * 100.0);
    }
    let here = s.scored_of();
    if here.as_ref() != Some(&scored.of) {
        short += &format!(" · of {}", scored.of);
    }
    let long = format!(
        "Scores of {}. Δ: change of p of {} against the state that this one was made from, in percentage points, where both are of the same clip.",
        scored.of,
        watched.unwrap_or("the winner")
    );
    Numbers { short, long }
}
