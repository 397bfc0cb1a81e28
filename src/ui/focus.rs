//! Where the keyboard is. Whoever goes by Tab sees a ring around what has the focus, whatever it looks like by itself, and lists
//! scroll to it. A pointer needs no ring.

use super::theme;
use egui::{Context, Id, Key, Rect, Stroke, StrokeKind, Ui};

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    /// The last to choose was Tab and not the pointer.
    by_keys: bool,
    /// What a list has scrolled to: once is enough, a person may scroll on.
    followed: Option<Id>,
}

fn memory<T>(ctx: &Context, f: impl FnOnce(&mut Memory) -> T) -> T {
    ctx.data_mut(|d| f(d.get_temp_mut_or_default(Id::unique("focus by keys"))))
}

/// What has the focus by keys.
fn focused(ctx: &Context) -> Option<egui::Response> {
    let id = ctx.memory(|m| m.focused()).filter(|_| memory(ctx, |m| m.by_keys))?;
    ctx.read_response(id)
}

/// Draws the ring. To be called once a frame, after everything else.
pub fn ring(ui: &Ui) {
    let ctx = ui.ctx();
    let (tab, pointer) = ctx.input(|i| (i.key_pressed(Key::Tab), i.pointer.any_pressed()));
    memory(ctx, |m| m.by_keys = tab || (m.by_keys && !pointer));
    let Some(focused) = focused(ctx) else { return };
    let seen = focused.interact_rect;
    if !seen.is_positive() {
        return;
    }
    let (painter, colours) = (ctx.layer_painter(focused.layer_id), theme::of(ui));
    let around = seen.expand(1.0).intersect(ctx.content_rect().shrink(1.0));
    // Two colours: one of them stands out from any ground.
    for (width, colour) in [(4.0, colours.field), (2.0, colours.accent)] {
        painter.rect_stroke(around, 3.0, Stroke::new(width, colour), StrokeKind::Middle);
    }
}

/// Scrolls to what has just got the focus by keys, where it is in what `ui` holds. To be called last inside a scroll area.
pub fn follow(ui: &Ui) {
    let ctx = ui.ctx();
    let Some(focused) = focused(ctx) else { return };
    let within: Rect = ui.min_rect();
    if focused.layer_id == ui.layer_id()
        && within.contains(focused.rect.center())
        && memory(ctx, |m| m.followed.replace(focused.id) != Some(focused.id))
    {
        ui.scroll_to_rect(focused.rect.expand(4.0), None);
    }
}
