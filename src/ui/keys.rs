//! The keys, as in mpv and editors, and the page that lists them. They rest while something is typed (see [`super::field`]);
//! keys that also work a focused button or slider (Space, Enter, arrows) leave it alone.

use super::easel::Draw;
use super::intent::{Dialog, Intent};
use super::lens::Lens;
use super::look::{Arrangement, View};
use super::panes::Pane;
use super::state::State;
use super::{field, theme};
use crate::video::Pts;
use crate::view::Layer;
use egui::{Key, Modifiers, RichText, Ui};

/// The speeds that `[` and `]` and the speed menu step through.
pub const SPEEDS: [f64; 10] = [0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0];

/// One key, or a few, and what it does.
type Entry = (&'static str, &'static str);

/// The keys by what they are about, for the help page.
pub const GROUPS: &[(&str, &[Entry])] = &[
    (
        "Play",
        &[
            ("Space", "play, pause"),
            (", .", "one frame back, forward"),
            ("← →", "5 s back, forward (with Shift 1 s)"),
            ("J", "1 s back and pause"),
            ("K", "pause"),
            ("L", "play; again: faster"),
            ("Home End", "to the start, to the end"),
            ("G", "go to a time"),
            ("[ ]", "slower, faster"),
            ("Backspace", "normal speed"),
        ],
    ),
    (
        "What is looked at",
        &[
            ("I O", "in point, out point at the play head"),
            ("Ctrl+L", "loop the in/out range"),
            ("A", "analyse the in/out range"),
            ("Shift+F", "the analysis follows the play head"),
        ],
    ),
    (
        "Stage",
        &[
            ("1 2 3 4", "single, wipe, side by side, 2×2"),
            ("V", "next overlay (with Shift the one before)"),
            ("+ − 0", "closer, farther, the whole picture (also the wheel; drag moves it)"),
            ("R", "reset what is altered: frames as filmed, model as trained"),
            ("Esc", "let go of the patch that was clicked, of the prompt on the stage, and of the brush"),
        ],
    ),
    (
        "Prompts",
        &[
            ("Ctrl+Z", "undo (prompts and pins); with Shift redo"),
            ("P", "pin the scores as the baseline"),
            ("N", "negation bench: what a class is not, said in three ways"),
        ],
    ),
    (
        "Draw a motion",
        &[
            ("D", "begin"),
            ("Esc", "back to the clip"),
            ("Ctrl+Z", "the path before"),
            ("Ctrl+S", "save it as a clip"),
        ],
    ),
    (
        "Window and files",
        &[
            ("F", "full screen"),
            ("F5", "presenter mode: stage and scores for a hall, without panels (F5 or Esc: back)"),
            ("Ctrl + − 0", "text and controls larger, smaller, as they were"),
            ("Ctrl+O", "open a video"),
            ("Ctrl+S", "save the experiment"),
            ("S", "picture of the stage"),
            ("Esc", "take the newest message away"),
            ("? or F1", "this list"),
        ],
    ),
];

/// Turns the keys of this frame into commands.
pub fn read(ctx: &egui::Context, s: &State, out: &mut Vec<Intent>) {
    // Of no use to who types: these never rest.
    let size = text_size(ctx);
    ctx.input_mut(|i| {
        // Where a frame takes long, a key may have been pressed several times in it.
        let mut pressed = |key| i.count_and_consume_key(Modifiers::COMMAND, key) as u16;
        let (larger, smaller) = (pressed(Key::Plus) + pressed(Key::Equals), pressed(Key::Minus));
        if larger != smaller {
            let percent = size.saturating_add(10 * larger).saturating_sub(10 * smaller);
            out.push(Intent::TextSize(percent));
        }
        if pressed(Key::Num0) > 0 {
            out.push(Intent::TextSize(100));
        }
    });
    // Where a lesson asks to type, what is typed goes there and is no shortcut.
    let line = s.learning.as_ref().and_then(|learning| s.line_key(learning.line()?));
    if let Some((_, line)) =
        line.filter(|_| !s.help && !s.presenting && !ctx.text_edit_focused() && field::is_typed(ctx))
    {
        field::enter(ctx, line, false);
    }
    // Asked in every frame: it keeps account of the fields.
    let rest = field::keys_rest(ctx);
    // In the field of a row that was just added there is nothing to take back but the row.
    if s.history.fresh().is_some_and(|key| field::in_use(ctx) == Some(key)) {
        ctx.input_mut(|i| {
            if !i.modifiers.shift && i.consume_key(Modifiers::COMMAND, Key::Z) {
                out.push(Intent::Undo);
            }
        });
    }
    if s.path_field.is_some() || s.id_field.is_some() || s.time_field.is_some() {
        return;
    }
    // They write nothing, so they need not wait until a field is left; what is typed after them is for what they open.
    let asks = s.help || s.import.is_some() || s.misplaced.is_some() || s.fetching.asks();
    let save = s.easel.as_ref().map_or(Dialog::SaveExperiment, |_| Dialog::SaveDrawing);
    for (key, dialog) in [(Key::O, Dialog::Video), (Key::S, save)] {
        if !asks && ctx.input_mut(|i| i.count_and_consume_key(Modifiers::COMMAND, key)) > 0 {
            ctx.memory_mut(|m| m.focused().into_iter().for_each(|id| m.surrender_focus(id)));
            field::goes(ctx);
            out.push(Intent::Ask(dialog));
            return;
        }
    }
    // An open menu has the keys to itself.
    if rest || egui::Popup::is_any_open(ctx) {
        return;
    }
    let widget_has_focus = ctx.memory(|m| m.focused().is_some());
    let shift = Modifiers::SHIFT;
    let command = Modifiers::COMMAND;
    ctx.input_mut(|i| {
        let mut on = |m: Modifiers, key: Key, c: Intent| {
            for _ in 0..i.count_and_consume_key(m, key) {
                out.push(c.clone());
            }
        };
        // More modifiers first: a shortcut also matches when Shift is held besides.
        on(command | shift, Key::Z, Intent::Redo);
        on(command, Key::Y, Intent::Redo);
        let easel = s.easel.as_ref();
        let undo = easel.filter(|easel| easel.can_undo()).map_or(Intent::Undo, |_| Intent::Draw(Draw::Undo));
        on(command, Key::Z, undo);
        on(command, Key::L, Intent::ToggleLoop);
        if !widget_has_focus {
            on(Modifiers::NONE, Key::Space, Intent::TogglePlay);
            on(shift, Key::ArrowLeft, Intent::SeekBy(-1.0));
            on(shift, Key::ArrowRight, Intent::SeekBy(1.0));
            on(Modifiers::NONE, Key::ArrowLeft, Intent::SeekBy(-5.0));
            on(Modifiers::NONE, Key::ArrowRight, Intent::SeekBy(5.0));
            on(Modifiers::NONE, Key::Home, Intent::Seek(Pts(0)));
            // While the length is not known, the player finds the end.
            let end = s.playback.info.as_ref().and_then(|i| i.duration).unwrap_or(Pts(i64::MAX));
            on(Modifiers::NONE, Key::End, Intent::Seek(end));
        }
        on(Modifiers::NONE, Key::Comma, Intent::Step(-1));
        on(Modifiers::NONE, Key::Period, Intent::Step(1));
        on(Modifiers::NONE, Key::K, Intent::Pause);
        on(Modifiers::NONE, Key::OpenBracket, Intent::SetSpeed(next_speed(s.playback.speed, -1)));
        on(Modifiers::NONE, Key::CloseBracket, Intent::SetSpeed(next_speed(s.playback.speed, 1)));
        on(Modifiers::NONE, Key::Backspace, Intent::SetSpeed(1.0));
        on(Modifiers::NONE, Key::I, Intent::SetIn);
        on(Modifiers::NONE, Key::O, Intent::SetOut);
        on(Modifiers::NONE, Key::G, Intent::TimeField(true));
        on(Modifiers::NONE, Key::A, Intent::AskAgain);
        on(shift, Key::F, Intent::Follow(!s.follow));
        on(Modifiers::NONE, Key::F, Intent::Fullscreen);
        on(Modifiers::NONE, Key::F11, Intent::Fullscreen);
        on(Modifiers::NONE, Key::S, Intent::Snapshot);
        on(Modifiers::NONE, Key::F5, Intent::Present(!s.presenting));
        let stroke = easel.is_some_and(|easel| !easel.hand().is_empty());
        if asks {
            // It closes what is asked.
        } else if s.presenting && !stroke {
            on(Modifiers::NONE, Key::Escape, Intent::Present(false));
        } else if s.probes.patch.is_some() {
            on(Modifiers::NONE, Key::Escape, Intent::Patch(None));
        } else if s.probes.prompt.is_some() {
            on(Modifiers::NONE, Key::Escape, Intent::Where(None));
        } else if s.probes.brush.is_some() {
            on(Modifiers::NONE, Key::Escape, Intent::Brush(None));
        } else if let Some(easel) = easel {
            let drop = if easel.hand().is_empty() { Draw::Done } else { Draw::Drop };
            on(Modifiers::NONE, Key::Escape, Intent::Draw(drop));
        } else if let Some(newest) = s.messages.all().last() {
            on(Modifiers::NONE, Key::Escape, Intent::Dismiss(newest.id));
        }
        on(Modifiers::NONE, Key::D, Intent::Draw(Draw::Begin));
        on(Modifiers::NONE, Key::R, Intent::ResetAltered);
        on(Modifiers::NONE, Key::N, Intent::Pane(Pane::Negation, true));
        on(Modifiers::NONE, Key::P, Intent::Pin);
        on(Modifiers::NONE, Key::F1, Intent::Help(!s.help));
        on(shift, Key::V, Intent::SetView(View { layer: next_layer(s.view.layer, -1), ..s.view }));
        on(Modifiers::NONE, Key::V, Intent::SetView(View { layer: next_layer(s.view.layer, 1), ..s.view }));
        for (key, arrangement) in
            [Key::Num1, Key::Num2, Key::Num3, Key::Num4].into_iter().zip(Arrangement::ALL)
        {
            on(Modifiers::NONE, key, Intent::SetView(View { arrangement, ..s.view }));
        }
        on(Modifiers::NONE, Key::Plus, Intent::Lens(s.lens.closer(1.25)));
        on(Modifiers::NONE, Key::Equals, Intent::Lens(s.lens.closer(1.25)));
        on(Modifiers::NONE, Key::Minus, Intent::Lens(s.lens.closer(0.8)));
        on(Modifiers::NONE, Key::Num0, Intent::Lens(Lens::default()));
        for _ in 0..i.count_and_consume_key(Modifiers::NONE, Key::J) {
            out.extend([Intent::Pause, Intent::SeekBy(-1.0)]);
        }
        if i.count_and_consume_key(Modifiers::NONE, Key::L) > 0 {
            if s.playback.playing {
                out.push(Intent::SetSpeed(next_speed(s.playback.speed, 1)));
            } else {
                out.push(Intent::TogglePlay);
            }
        }
        // `?` needs Shift on most keyboards and not on all.
        if i.key_pressed(Key::Questionmark) {
            out.push(Intent::Help(!s.help));
        }
    });
}

/// How large text and controls are, in percent.
pub fn text_size(ctx: &egui::Context) -> u16 {
    (100.0 * ctx.zoom_factor()).round() as u16
}

/// The next speed of the list, up or down.
pub fn next_speed(now: f64, by: i32) -> f64 {
    let up = SPEEDS.iter().copied().find(|v| *v > now + 1e-6);
    let down = SPEEDS.iter().rev().copied().find(|v| *v < now - 1e-6);
    if by > 0 { up.unwrap_or(SPEEDS[SPEEDS.len() - 1]) } else { down.unwrap_or(SPEEDS[0]) }
}

fn next_layer(now: Layer, by: isize) -> Layer {
    let n = Layer::ALL.len() as isize;
    let at = Layer::ALL.iter().position(|l| *l == now).unwrap_or(0) as isize;
    Layer::ALL[(at + by).rem_euclid(n) as usize]
}

/// The room for the keys before what they do, and the width of a column of the page at least, in points.
const KEY: f32 = 92.0;
const COLUMN: f32 = 300.0;
/// Between a column and the next.
const GAP: f32 = 16.0;

/// The page that lists the keys.
pub fn help(ctx: &egui::Context, s: &State, out: &mut Vec<Intent>) {
    if !s.help {
        return;
    }
    let window = ctx.content_rect().size();
    let modal = egui::Modal::new(egui::Id::unique("help")).show(ctx, |ui| {
        ui.set_width((window.x - 60.0).min(1020.0));
        ui.horizontal(|ui| {
            ui.label(RichText::new("Keys").strong().size(16.0).color(theme::of(ui).strong));
            ui.label(RichText::new("They rest while you type.").color(theme::of(ui).weak));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button("Close").clicked() {
                    out.push(Intent::Help(false));
                }
                if ui
                    .button("The first minute")
                    .on_hover_text("Five steps that show what this window is for")
                    .clicked()
                {
                    out.extend([Intent::Help(false), Intent::Learn(Some(0))]);
                }
            });
        });
        ui.separator();
        let height = (window.y - 120.0).max(120.0);
        egui::ScrollArea::vertical()
            .max_height(height)
            .min_scrolled_height(height)
            .auto_shrink([false, true])
            .show(ui, columns);
    });
    if modal.should_close() {
        out.push(Intent::Help(false));
    }
}

/// The groups in as many columns as there is room for, about equally long.
fn columns(ui: &mut Ui) {
    let count = ((ui.available_width() / COLUMN) as usize).clamp(1, 3);
    // A group is as long as its entries and its name.
    let long: Vec<usize> = GROUPS.iter().map(|(_, keys)| keys.len() + 2).collect();
    let column = shared(&long, count);
    ui.columns(count, |columns| {
        for ((title, keys), column) in GROUPS.iter().zip(column) {
            group(&mut columns[column], title, keys);
        }
    });
}

/// In which of `count` columns each of these lengths goes, in their order.
fn shared(long: &[usize], count: usize) -> Vec<usize> {
    let whole: usize = long.iter().sum();
    let mut before = 0;
    let middle = |before: usize, own: usize| (2 * before + own) * count / (2 * whole.max(1));
    long.iter()
        .map(|own| {
            let column = middle(before, *own).min(count - 1);
            before += own;
            column
        })
        .collect()
}

fn group(ui: &mut Ui, title: &str, keys: &[Entry]) {
    ui.spacing_mut().interact_size.y = 16.0;
    ui.label(RichText::new(title).strong().color(theme::of(ui).strong));
    for (key, what) in keys {
        ui.horizontal_top(|ui| {
            let key = RichText::new(*key).font(theme::numbers()).color(theme::of(ui).accent);
            let keys = ui.label(key).rect.width();
            ui.add_space((KEY - keys).max(0.0));
            let room = egui::vec2(ui.available_width() - GAP, 0.0);
            ui.allocate_ui(room, |ui| ui.add(egui::Label::new(*what).wrap()));
        });
    }
    ui.add_space(8.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_step_through_the_list_and_stop_at_its_ends() {
        assert_eq!(next_speed(1.0, 1), 1.25);
        assert_eq!(next_speed(1.0, -1), 0.75);
        assert_eq!(next_speed(4.0, 1), 4.0);
        assert_eq!(next_speed(0.1, -1), 0.1);
        assert_eq!(next_speed(0.9, 1), 1.0);
    }

    #[test]
    fn columns_are_about_equally_long_and_groups_keep_their_order() {
        let long: Vec<usize> = GROUPS.iter().map(|(_, keys)| keys.len() + 2).collect();
        for count in 1..=3 {
            let column = shared(&long, count);
            assert!(column.is_sorted() && column.iter().all(|c| *c < count));
            let length =
                |c| long.iter().zip(&column).filter(|(_, of)| **of == c).map(|(l, _)| l).sum::<usize>();
            let all: Vec<usize> = (0..count).map(length).collect();
            assert!(all.iter().all(|l| l * count <= long.iter().sum::<usize>() * 3 / 2 && *l > 0), "{all:?}");
        }
    }

    #[test]
    fn overlays_go_round() {
        assert_eq!(next_layer(Layer::Signed, 1), Layer::Input);
        assert_eq!(next_layer(Layer::Input, -1), Layer::Signed);
    }
}
