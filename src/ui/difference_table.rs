//! Two sets of scores beside each other: what each class has in one and in the other, and the change, classes that are in one
//! alone first and then the largest change.

use super::beside::pairs;
use super::{elide, theme};
use crate::score::{ClassScore, Scores};
use egui::{Align2, Color32, Id, Rect, RichText, Sense, Ui, WidgetInfo, pos2, vec2};

/// The numbers that can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Number {
    #[default]
    P,
    Margin,
    SPos,
    SNeg,
}

impl Number {
    const ALL: [Self; 4] = [Self::P, Self::Margin, Self::SPos, Self::SNeg];

    fn name(self) -> &'static str {
        ["p", "margin", "s+", "s−"][self as usize]
    }

    fn tip(self) -> &'static str {
        [
            "Share of the class among all that count, in percent; the change in percentage points",
            "s+ minus s−",
            "Cosine of the clip and the positive prompts",
            "Cosine of the clip and the negative prompt that fits best",
        ][self as usize]
    }

    fn of(self, c: &ClassScore) -> Option<f32> {
        match self {
            Self::P => c.counts.then_some(100.0 * c.p),
            Self::Margin => c.margin,
            Self::SPos => c.s_pos,
            Self::SNeg => c.s_neg,
        }
    }

    fn text(self, v: Option<f32>) -> String {
        match (v, self) {
            (None, _) => "–".to_owned(),
            (Some(v), Self::P) => format!("{v:.1}%"),
            (Some(v), _) => format!("{v:+.3}"),
        }
    }

    fn change(self, before: Option<f32>, after: Option<f32>) -> Option<f32> {
        Some(after? - before?)
    }

    fn change_text(self, change: Option<f32>) -> String {
        match (change, self) {
            (None, _) => "–".to_owned(),
            (Some(d), Self::P) if d.abs() < 0.05 => "0.0".to_owned(),
            (Some(d), Self::P) => format!("{d:+.1}"),
            (Some(d), _) if d.abs() < 5e-4 => "0.000".to_owned(),
            (Some(d), _) => format!("{d:+.3}"),
        }
    }
}

const ROW: f32 = 18.0;

/// So many rows are seen at once where nothing is said of the room, and where there is hardly any; the rest is scrolled to.
const ROWS: usize = 12;
const FEWEST: usize = 5;
/// The names of so many rows say whether names have room beside the numbers.
const LOOKED_AT: usize = 50;

/// Draws the table. `before` and `after` name the columns; `room`: the height in points that is free for it, where that
/// is known.
pub fn show(
    ui: &mut Ui,
    id: &str,
    (before_name, before): (&str, &Scores),
    (after_name, after): (&str, &Scores),
    room: Option<f32>,
) {
    let begin = ui.cursor().top();
    let key = Id::unique(("compared number", id));
    let mut number: Number =
        ui.data(|d| d.get_temp::<u8>(key)).map_or(Number::P, |n| Number::ALL[usize::from(n) % 4]);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.label(RichText::new("Change of").font(theme::small()).color(theme::of(ui).weak));
        for n in Number::ALL {
            let button = ui.selectable_label(number == n, n.name()).on_hover_text(n.tip());
            if button.accessible_name(format!("Compare {} ({id})", n.name())).clicked() {
                number = n;
                ui.data_mut(|d| {
                    d.insert_temp(key, Number::ALL.iter().position(|m| *m == n).unwrap_or(0) as u8)
                });
            }
        }
    });
    let mut rows = pairs(before, after);
    let of = |c: Option<&ClassScore>| c.and_then(|c| number.of(c));
    // What cannot be compared comes first: it is the largest difference that there is.
    let size = |(b, a): &(Option<&ClassScore>, Option<&ClassScore>)| {
        let alone = b.is_none() || a.is_none();
        let change = number.change(of(*b), of(*a)).map_or(-1.0, f32::abs);
        if alone { f32::INFINITY } else { change }
    };
    rows.sort_by(|x, y| size(y).total_cmp(&size(x)));
    // Not under the scroll bar, nor beyond the pane where something above is wider than it.
    let seen = ui.clip_rect().right() - ui.cursor().left();
    let width = ui.available_width().min(seen) - 12.0;
    // Three columns of numbers at the right; the name has the rest.
    let column = (width * 0.19).clamp(46.0, 90.0);
    // Where that is too little for a name, the name has a line of its own.
    let beside = width - 3.0 * column;
    let longest = rows.iter().take(LOOKED_AT).filter_map(|(b, a)| b.or(*a));
    let longest = longest.map(|c| elide::width_of(ui, &c.name, &theme::small())).fold(0.0, f32::max);
    let narrow = beside < longest.max(110.0);
    let row = if narrow { 1.8 * ROW } else { ROW };
    let x = |left: f32, place: f32| left + width - column * (3.0 - place) - 2.0;
    let text = |ui: &Ui, rect: Rect, place: f32, text: &str, colour: Color32| {
        let at = pos2(x(rect.left(), place), rect.center().y);
        ui.painter().text(at, Align2::RIGHT_CENTER, text, theme::numbers(), colour);
    };
    let (head, _) = ui.allocate_exact_size(vec2(width, ROW), Sense::hover());
    for (place, name) in [(1.0, before_name), (2.0, after_name), (3.0, "change")] {
        let at = pos2(x(head.left(), place), head.center().y);
        ui.painter().text(at, Align2::RIGHT_CENTER, name, theme::small(), theme::of(ui).weak);
    }
    // Whole rows.
    let between = ui.spacing().item_spacing.y;
    let fit =
        |room: f32| ((room - (ui.cursor().top() - begin) + between) / (row + between)).max(0.0) as usize;
    let most = room.map_or(ROWS, |room| fit(room).max(FEWEST));
    let height = (row + between) * rows.len().clamp(1, most) as f32 - between;
    let area =
        egui::ScrollArea::vertical().id_salt(("changes", id)).max_height(height).auto_shrink([false, true]);
    area.show_rows(ui, row, rows.len(), |ui, range| {
        for (b, a) in &rows[range] {
            let Some(class) = b.or(*a) else { continue };
            let (old, new) = (of(*b), of(*a));
            let change = number.change(old, new);
            let last = match (b, a) {
                (Some(_), None) => format!("only {before_name}"),
                (None, Some(_)) => format!("only {after_name}"),
                _ => number.change_text(change),
            };
            let words = [number.text(old), number.text(new), last];
            let (rect, r) = ui.allocate_exact_size(vec2(ui.available_width(), row), Sense::hover());
            let (upper, lower) = rect.split_top_bottom_at_fraction(0.5);
            let (names, numbers) = if narrow { (upper, lower) } else { (rect, rect) };
            let room = if narrow { width } else { x(rect.left(), 0.0) - rect.left() };
            let name = elide::middle(ui, &class.name, &theme::small(), room);
            let left = names.left_center();
            ui.painter().text(left, Align2::LEFT_CENTER, name, theme::small(), theme::of(ui).text);
            // Direction by sign and word; nothing is good or bad about it.
            let colour = match change {
                Some(d) if d.abs() >= 5e-4 => theme::of(ui).strong,
                _ => theme::of(ui).weak,
            };
            for (place, (word, colour)) in
                words.iter().zip([theme::of(ui).weak, theme::of(ui).text, colour]).enumerate()
            {
                text(ui, numbers, place as f32 + 1.0, word, colour);
            }
            let told = format!(
                "{} of {}: {} → {}, change {}",
                number.name(),
                class.name,
                words[0],
                words[1],
                words[2]
            );
            r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &told));
            r.on_hover_text(&told);
        }
    });
}

/// The largest change of any class's p, in shares.
pub fn largest_change(before: &Scores, after: &Scores) -> f32 {
    let change =
        |(b, a): &(Option<&ClassScore>, Option<&ClassScore>)| Some((a.as_ref()?.p - b.as_ref()?.p).abs());
    pairs(before, after).iter().filter_map(change).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(of: &[(&str, f32)]) -> Scores {
        let class = |&(name, p): &(&str, f32)| ClassScore {
            name: name.into(),
            p,
            counts: true,
            ..Default::default()
        };
        Scores { classes: of.iter().map(class).collect(), ..Default::default() }
    }

    #[test]
    fn classes_are_paired_by_name_where_their_places_differ() {
        let (before, after) =
            (scores(&[("a", 0.7), ("b", 0.3)]), scores(&[("b", 0.6), ("c", 0.1), ("a", 0.3)]));
        let of = |c: Option<&ClassScore>| c.map(|c| (c.name.clone(), c.p));
        let found: Vec<_> = pairs(&before, &after).into_iter().map(|(b, a)| (of(b), of(a))).collect();
        let class = |name: &str, p: f32| Some((name.to_owned(), p));
        let want =
            [(class("a", 0.7), class("a", 0.3)), (class("b", 0.3), class("b", 0.6)), (None, class("c", 0.1))];
        assert_eq!(found, want);
        assert!((largest_change(&before, &after) - 0.4).abs() < 1e-6);
    }
}
