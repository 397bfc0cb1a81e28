//! The lines between panes: dragged, moved by the arrow keys, and named, which those of egui_tiles are not.

use super::Pane;
use crate::ui::theme;
use egui::{CursorIcon, EventFilter, Key, Rect, Response, Sense, Stroke, Ui, WidgetInfo};
use egui_tiles::{Container, Linear, LinearDir, Tile, TileId, Tiles, Tree};

/// No tile is made smaller than this by its line, in points.
pub const SMALLEST: f32 = 90.0;
/// How far an arrow key moves a line.
const STEP: f32 = 24.0;

/// The lines of a tree that has been drawn; what a hand does to them is seen from the next frame on.
pub fn show(ui: &Ui, tree: &mut Tree<Pane>) {
    let linear: Vec<TileId> = tree
        .tiles
        .iter()
        .filter(|(_, tile)| matches!(tile, Tile::Container(Container::Linear(_))))
        .map(|(id, _)| *id)
        .collect();
    for id in linear {
        let lines = lines(&tree.tiles, id);
        if let Some(Tile::Container(Container::Linear(linear))) = tree.tiles.get_mut(id) {
            lines.iter().for_each(|line| line.show(ui, linear));
        }
    }
}

/// The line between two tiles of a row or a column.
struct Line {
    tiles: [TileId; 2],
    rects: [Rect; 2],
    name: String,
}

/// Between each two tiles that are seen.
fn lines(tiles: &Tiles<Pane>, id: TileId) -> Vec<Line> {
    let Some(Tile::Container(Container::Linear(linear))) = tiles.get(id) else { return Vec::new() };
    let seen: Vec<(TileId, Rect)> =
        linear.children.iter().filter_map(|child| Some((*child, tiles.rect(*child)?))).collect();
    let between = |pair: &[(TileId, Rect)]| {
        let title = |tile| first(tiles, tile).map_or("", Pane::title);
        let name = format!("Line between {} and {}", title(pair[0].0), title(pair[1].0));
        Line { tiles: [pair[0].0, pair[1].0], rects: [pair[0].1, pair[1].1], name }
    };
    seen.windows(2).map(between).collect()
}

/// The pane that stands for a tile: the one in front, or the first that is seen.
fn first(tiles: &Tiles<Pane>, tile: TileId) -> Option<Pane> {
    match tiles.get(tile)? {
        Tile::Pane(pane) => Some(*pane),
        Tile::Container(Container::Tabs(tabs)) => first(tiles, tabs.active?),
        Tile::Container(container) => container
            .children()
            .filter(|child| tiles.rect(**child).is_some())
            .find_map(|child| first(tiles, *child)),
    }
}

impl Line {
    fn show(&self, ui: &Ui, linear: &mut Linear) {
        let across = linear.dir == LinearDir::Horizontal;
        let [a, b] = self.rects;
        let reach = ui.style().interaction.resize_grab_radius_side;
        let rect = match across {
            true => Rect::from_x_y_ranges(
                (a.right() + b.left()) / 2.0 - reach..=(a.right() + b.left()) / 2.0 + reach,
                a.y_range(),
            ),
            false => Rect::from_x_y_ranges(
                a.x_range(),
                (a.bottom() + b.top()) / 2.0 - reach..=(a.bottom() + b.top()) / 2.0 + reach,
            ),
        };
        let r = ui.interact(rect, ui.scope_id().with(("line", self.tiles)), Sense::click_and_drag());
        r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Splitter, true, &self.name));
        self.paint(ui, &r, across);
        let cursor = if across { CursorIcon::ResizeHorizontal } else { CursorIcon::ResizeVertical };
        let r = r.on_hover_and_drag_cursor(cursor);
        let sizes = self.rects.map(|rect| if across { rect.width() } else { rect.height() });
        let by = match r.double_clicked() {
            true => (sizes[1] - sizes[0]) / 2.0,
            false => dragged(&r, rect, across) + by_keys(ui, &r, across),
        };
        if by != 0.0 {
            self.shift(linear, sizes, by);
        }
    }

    fn paint(&self, ui: &Ui, r: &Response, across: bool) {
        let widgets = &ui.visuals().widgets;
        let stroke = match () {
            () if r.dragged() => widgets.active.fg_stroke,
            () if r.hovered() || r.has_focus() => widgets.hovered.fg_stroke,
            () => Stroke::new(2.0, theme::of(ui).field),
        };
        let middle = r.rect.center();
        match across {
            true => ui.painter().vline(middle.x, r.rect.y_range(), stroke),
            false => ui.painter().hline(r.rect.x_range(), middle.y, stroke),
        };
    }

    /// The first of the two gets so many points of the second, or gives them.
    fn shift(&self, linear: &mut Linear, sizes: [f32; 2], by: f32) {
        let whole = sizes[0] + sizes[1];
        let least = SMALLEST.min(whole / 2.0);
        let share = (sizes[0] + by).clamp(least, whole - least) / whole.max(1.0);
        let both = linear.shares[self.tiles[0]] + linear.shares[self.tiles[1]];
        linear.shares.set_share(self.tiles[0], share * both);
        linear.shares.set_share(self.tiles[1], (1.0 - share) * both);
    }
}

/// How far the pointer that drags it is from the line.
fn dragged(r: &Response, rect: Rect, across: bool) -> f32 {
    let Some(at) = r.interact_pointer_pos().filter(|_| r.dragged()) else { return 0.0 };
    let off = at - rect.center();
    if across { off.x } else { off.y }
}

/// How far the arrow keys move it while it has the focus, which they do not take away then.
fn by_keys(ui: &Ui, r: &Response, across: bool) -> f32 {
    if !r.has_focus() {
        return 0.0;
    }
    let filter =
        EventFilter { horizontal_arrows: across, vertical_arrows: !across, ..EventFilter::default() };
    ui.memory_mut(|m| m.set_focus_lock_filter(r.id, filter));
    let (less, more) =
        if across { (Key::ArrowLeft, Key::ArrowRight) } else { (Key::ArrowUp, Key::ArrowDown) };
    ui.input(|i| STEP * (i.num_presses(more) as f32 - i.num_presses(less) as f32))
}
