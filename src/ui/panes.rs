//! The panes beside and below the stage: which there are, which are open, and how they lie.
//!
//! [`egui_tiles`] holds the arrangement: a person drags tabs to other places, drags the lines between panes, and closes or
//! opens panes in the menu. What nobody has chosen depends on the window: in a small one the stage has the room. A new pane is
//! a variant of [`Pane`] with a title, a tip, a place, and the function that draws it.

mod dividers;

use super::intent::Intent;
use super::pictures::Pictures;
use super::state::State;
use super::{
    compare_pane, draw_pane, filmstrip, history_pane, inspector, lanes, lesson_panel, negation_pane, patch,
    shelf_pane, stage, surgery, theme,
};
use egui::{Color32, Rect, Response, Style, Ui, Visuals, WidgetText};
use egui_tiles::{Behavior, Container, SimplificationOptions, Tabs, Tile, TileId, Tiles, Tree, UiResponse};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// One pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pane {
    Stage,
    Inspector,
    Draw,
    Surgery,
    Patch,
    Compare,
    Negation,
    History,
    Lanes,
    Filmstrip,
    Shelf,
}

/// Where a pane lies until a person moves it.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Centre,
    Right,
    Below,
}

impl Pane {
    pub const ALL: [Self; 11] = [
        Self::Stage,
        Self::Inspector,
        Self::Draw,
        Self::Surgery,
        Self::Patch,
        Self::Compare,
        Self::Negation,
        Self::History,
        Self::Lanes,
        Self::Filmstrip,
        Self::Shelf,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Stage => "Stage",
            Self::Filmstrip => "Filmstrip",
            Self::Draw => "Draw",
            Self::Surgery => "Surgery",
            Self::Patch => "Patch",
            Self::Compare => "Compare",
            Self::Negation => "Negation",
            Self::Inspector => "Inspector",
            Self::History => "History",
            Self::Lanes => "Lanes",
            Self::Shelf => "Shelf",
        }
    }

    /// What it is good for, in the menu.
    pub fn tip(self) -> &'static str {
        match self {
            Self::Stage => "The picture with its maps",
            Self::History => "The states of the prompts, with their scores",
            Self::Filmstrip => {
                "Sampled frames with every map, to drag into another order, and the gates over time"
            }
            Self::Draw => "A motion of your own, which moves under your hand",
            Self::Surgery => {
                "What is altered about time, the model and the scoring, and what that does to every score"
            }
            Self::Patch => "What the patch that was clicked is like, and what its motion attends to",
            Self::Compare => "Another clip, model or prompt set beside what is on the stage",
            Self::Negation => "What a class is not, said in three ways side by side (N)",
            Self::Inspector => "Facts about clip, model and device",
            Self::Lanes => "Scores, motion and gates over the whole video",
            Self::Shelf => "Many clips against the prompts at once",
        }
    }

    fn place(self) -> Place {
        match self {
            Self::Stage => Place::Centre,
            Self::Inspector
            | Self::Draw
            | Self::Surgery
            | Self::Patch
            | Self::Compare
            | Self::Negation
            | Self::History => Place::Right,
            Self::Lanes | Self::Filmstrip | Self::Shelf => Place::Below,
        }
    }

    /// Whether it is open in a window of this size where nobody has chosen.
    fn fits(self, window: egui::Vec2) -> bool {
        match (self, self.place()) {
            // Empty until a person puts something on it.
            (Self::Shelf, _) => false,
            // Opens with the drawing.
            (Self::Draw, _) => false,
            // Opened by who has a question for it.
            (Self::Negation, _) => false,
            (_, Place::Centre) => true,
            (_, Place::Right) => window.x >= 1100.0,
            (_, Place::Below) => window.y >= 700.0,
        }
    }
}

/// The arrangement; as JSON it is kept between runs.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Panes {
    tree: Tree<Pane>,
    /// The panes that a person has opened or closed.
    chosen: BTreeMap<Pane, bool>,
    /// The tabs that are scrolled to where they can be seen: one that has just come to the front, however it did, and those in front
    /// of bars that have another width than before.
    #[serde(skip)]
    raised: HashSet<TileId>,
    /// The widths of the bars of tabs, in points, and the tabs in front there.
    #[serde(skip)]
    bars: HashMap<TileId, (f32, Option<TileId>)>,
    /// The one that is seen where there is room for one.
    #[serde(skip)]
    front: Option<Pane>,
}

impl Default for Panes {
    fn default() -> Self {
        let mut tiles = Tiles::default();
        let mut tabs = |place: Place| {
            let there = Pane::ALL.into_iter().filter(|p| p.place() == place);
            let children: Vec<TileId> = there.map(|p| tiles.insert_pane(p)).collect();
            (!children.is_empty()).then(|| tiles.insert_tab_tile(children))
        };
        let (centre, below, right) = (tabs(Place::Centre), tabs(Place::Below), tabs(Place::Right));
        let column = tiles.insert_vertical_tile(centre.into_iter().chain(below).collect());
        let root = tiles.insert_horizontal_tile(std::iter::once(column).chain(right).collect());
        for (outer, small, share) in [(column, below, 0.3), (root, right, 0.26)] {
            if let (Some(small), Some(Tile::Container(Container::Linear(l)))) = (small, tiles.get_mut(outer))
            {
                let children = l.children.clone();
                for child in children {
                    l.shares.set_share(child, if child == small { share } else { 1.0 - share });
                }
            }
        }
        Self {
            tree: Tree::new(egui::Id::unique("panes"), root, tiles),
            chosen: BTreeMap::new(),
            raised: HashSet::new(),
            bars: HashMap::new(),
            front: None,
        }
    }
}

impl Panes {
    /// Takes over what was kept. Panes that it does not know (of a later version) come at their place; what cannot be taken
    /// over (edited by hand, or with panes that there are no more) leaves the arrangement as it comes.
    pub fn from_kept(kept: serde_json::Value) -> Self {
        let kept: Option<Self> = serde_json::from_value(kept).ok();
        kept.and_then(Self::completed).unwrap_or_default()
    }

    /// With the panes that are missing; `None` where it is no tree that holds every pane once at most.
    fn completed(mut self) -> Option<Self> {
        for pane in self.missing()? {
            // Beside those of its place.
            let fellow = |p: &Pane| *p != Pane::Stage && p.place() == pane.place();
            let tile = Pane::ALL.into_iter().filter(fellow).find_map(|p| self.tree.tiles.find_pane(&p));
            let tabs = self.tree.tiles.parent_of(tile?)?;
            let new = self.tree.tiles.insert_pane(pane);
            match self.tree.tiles.get_mut(tabs)? {
                Tile::Container(container) => container.add_child(new),
                Tile::Pane(_) => return None,
            }
        }
        Some(self)
    }

    /// What [`Panes::from_kept`] reads.
    pub fn kept(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The panes that the tree does not hold; `None` where the tiles are no tree, or one that holds a pane twice.
    fn missing(&self) -> Option<Vec<Pane>> {
        let (mut seen, mut panes) = (HashSet::new(), HashSet::new());
        let mut open: Vec<TileId> = self.tree.root().into_iter().collect();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                return None;
            }
            match self.tree.tiles.get(id)? {
                Tile::Pane(pane) if panes.insert(*pane) => {}
                Tile::Pane(_) => return None,
                Tile::Container(container) => open.extend(container.children()),
            }
        }
        let whole = seen.len() == self.tree.tiles.len() && panes.contains(&Pane::Stage);
        whole.then(|| Pane::ALL.into_iter().filter(|p| !panes.contains(p)).collect())
    }

    /// Whether the pane is open in a window of this size; it may lie behind another tab.
    pub fn is_open(&self, pane: Pane, window: egui::Vec2) -> bool {
        self.chosen.get(&pane).copied().unwrap_or_else(|| pane.fits(window))
    }

    /// Opens the pane in front of others, or closes it. The stage stays.
    pub fn set_open(&mut self, pane: Pane, open: bool) {
        if pane == Pane::Stage {
            return;
        }
        self.chosen.insert(pane, open);
        self.front = open.then_some(pane);
        if open && let Some(tile) = self.tree.tiles.find_pane(&pane) {
            self.tree.set_visible(tile, true);
            self.tree.make_active(|id, _| id == tile);
            self.raised.insert(tile);
        }
    }

    /// Draws the open panes into the room that is left. Gives where the stage is, and the room in it below its buttons; `None`
    /// while it is behind another tab.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        s: &State,
        pictures: &mut Pictures,
        out: &mut Vec<Intent>,
    ) -> Option<(Rect, Rect)> {
        let window = lesson_panel::room(ui.ctx(), s);
        for pane in Pane::ALL {
            if let Some(tile) = self.tree.tiles.find_pane(&pane) {
                self.tree.set_visible(tile, self.is_open(pane, window));
            }
        }
        let stage_tile = self.tree.tiles.find_pane(&Pane::Stage);
        let raised = std::mem::take(&mut self.raised);
        let bars = &mut self.bars;
        let mut drawing = Drawing { s, pictures, out, stage: None, stage_tile, raised, bars };
        let room = ui.available_size();
        if room.x < CRAMPED.x || room.y < CRAMPED.y {
            let open: Vec<Pane> = Pane::ALL
                .into_iter()
                .filter(|p| self.chosen.get(p).copied().unwrap_or_else(|| p.fits(window)))
                .collect();
            one_of(ui, &open, &mut self.front, &mut drawing);
        } else {
            self.tree.ui(&mut drawing, ui);
            dividers::show(ui, &mut self.tree);
        }
        drawing.stage
    }
}

/// In less room than this for all panes, one is seen at a time.
const CRAMPED: egui::Vec2 = egui::vec2(540.0, 280.0);

/// Draws one of the open panes alone, under the names of all of them.
fn one_of(ui: &mut Ui, open: &[Pane], front: &mut Option<Pane>, drawing: &mut Drawing<'_>) {
    let mut shown = front.filter(|pane| open.contains(pane)).unwrap_or(Pane::Stage);
    let spacing = std::mem::take(&mut ui.spacing_mut().item_spacing);
    if open.len() > 1 {
        let frame = egui::Frame::new().fill(theme::of(ui).field).inner_margin(egui::Margin::symmetric(4, 2));
        frame.show(ui, |ui| {
            ui.spacing_mut().item_spacing = spacing;
            ui.set_width(ui.available_width());
            ui.horizontal_wrapped(|ui| {
                for pane in open {
                    let tab = egui::Button::selectable(shown == *pane, pane.title());
                    if ui.add(tab).on_hover_text(pane.tip()).clicked() {
                        shown = *pane;
                        *front = Some(shown);
                    }
                }
                if shown != Pane::Stage {
                    drawing.close(ui, shown);
                }
            });
        });
    }
    let rect = ui.available_rect_before_wrap();
    ui.spacing_mut().item_spacing = spacing;
    ui.scope_builder(egui::UiBuilder::new().max_rect(rect).id_salt(shown), |ui| drawing.draw(ui, shown));
}

/// Draws panes and tabs.
struct Drawing<'a> {
    s: &'a State,
    pictures: &'a mut Pictures,
    out: &'a mut Vec<Intent>,
    stage: Option<(Rect, Rect)>,
    stage_tile: Option<TileId>,
    raised: HashSet<TileId>,
    bars: &'a mut HashMap<TileId, (f32, Option<TileId>)>,
}

impl Drawing<'_> {
    /// A button that closes it. (The one that egui_tiles puts on every tab has no name of its own.)
    fn close(&mut self, ui: &mut Ui, pane: Pane) {
        let button = ui.add(egui::Button::new("×").frame(false));
        let tip = "Close this pane; the menu Panes opens it again";
        let name = format!("Close {}", pane.title());
        if button.on_hover_text(tip).accessible_name(name).clicked() {
            self.out.push(Intent::Pane(pane, false));
        }
    }

    fn draw(&mut self, ui: &mut Ui, pane: Pane) {
        let (s, pictures, out) = (self.s, &mut *self.pictures, &mut *self.out);
        let rect = ui.max_rect();
        let colour = if pane == Pane::Stage { theme::of(ui).stage } else { theme::of(ui).panel };
        ui.painter().rect_filled(rect, 0.0, colour);
        ui.set_clip_rect(rect.intersect(ui.clip_rect()));
        match pane {
            Pane::Stage => self.stage = Some((rect, stage::show(ui, s, pictures, out))),
            tool => {
                let margin = egui::Margin::symmetric(8, 6);
                egui::Frame::new().inner_margin(margin).show(ui, |ui| match tool {
                    Pane::History => history_pane::show(ui, s, pictures, out),
                    Pane::Filmstrip => filmstrip::show(ui, s, pictures, out),
                    Pane::Draw => draw_pane::show(ui, s, out),
                    Pane::Surgery => surgery::show(ui, s, out),
                    Pane::Patch => patch::show(ui, s, out),
                    Pane::Compare => compare_pane::show(ui, s, out),
                    Pane::Negation => negation_pane::show(ui, s, out),
                    Pane::Inspector => inspector::show(ui, s),
                    Pane::Lanes => lanes::show(ui, s, out),
                    Pane::Shelf => shelf_pane::show(ui, s, out),
                    Pane::Stage => {}
                });
            }
        }
    }
}

impl Behavior<Pane> for Drawing<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, pane: &mut Pane) -> UiResponse {
        self.draw(ui, *pane);
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> WidgetText {
        pane.title().into()
    }

    fn on_tab_button(&mut self, _tiles: &mut Tiles<Pane>, tile: TileId, button: Response) -> Response {
        if self.raised.contains(&tile) || button.gained_focus() {
            button.scroll_to_me(None);
        }
        button
    }

    /// Panes by their tabs; the ground behind the tabs would be a stop of Tab without a name.
    fn is_tile_draggable(&self, tiles: &Tiles<Pane>, tile: TileId) -> bool {
        tiles.get_pane(&tile).is_some()
    }

    fn is_tab_bar_visible(&self, _tile: TileId, tabs: &Tabs) -> bool {
        // The stage by itself needs no name.
        tabs.children.as_slice() != self.stage_tile.as_slice()
    }

    /// Closes the pane in front, and lists all that stand here: in a narrow bar some tabs are out of sight.
    fn top_bar_right_ui(
        &mut self,
        tiles: &Tiles<Pane>,
        ui: &mut Ui,
        tile: TileId,
        tabs: &Tabs,
        _scroll: &mut f32,
    ) {
        let bar = (ui.available_width(), tabs.active);
        if self.bars.insert(tile, bar) != Some(bar) {
            self.raised.extend(tabs.active);
        }
        let front = tabs.active.and_then(|tile| tiles.get_pane(&tile)).filter(|p| **p != Pane::Stage);
        let Some(front) = front else { return };
        ui.add_space(4.0);
        self.close(ui, *front);
        let here = tabs.children.iter().filter(|tile| tiles.is_visible(**tile));
        let here: Vec<Pane> = here.filter_map(|tile| tiles.get_pane(tile).copied()).collect();
        if here.len() > 3 {
            let menu = ui.menu_button("…", |ui| {
                for pane in here {
                    let item = egui::Button::selectable(pane == *front, pane.title());
                    if ui.add(item).on_hover_text(pane.tip()).clicked() {
                        self.out.push(Intent::Pane(pane, true));
                        ui.close();
                    }
                }
            });
            menu.response.on_hover_text("All panes that stand here").accessible_name("Panes here");
        }
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }

    /// By lines with names, which are our own.
    fn is_container_resizable(&self, _tiles: &Tiles<Pane>, _tile: TileId) -> bool {
        false
    }

    fn min_size(&self) -> f32 {
        dividers::SMALLEST
    }

    fn gap_width(&self, _style: &Style) -> f32 {
        2.0
    }

    fn tab_bar_color(&self, visuals: &Visuals) -> Color32 {
        visuals.extreme_bg_color
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::vec2;
    use serde_json::{Value, json};

    #[test]
    fn what_is_kept_comes_back_and_what_is_broken_does_not() {
        let mut panes = Panes::default();
        panes.set_open(Pane::Inspector, false);
        let kept = panes.kept();
        assert!(Panes::from_kept(kept.clone()) == panes);
        for broken in [Value::Null, json!({}), json!({ "tree": 3 })] {
            assert!(Panes::from_kept(broken) == Panes::default());
        }
        // A tile that holds itself, and one that does not exist: neither may hang or vanish.
        let root = kept["tree"]["root"].to_string();
        for child in [root.as_str(), "4096"] {
            let mut turned: Value = kept.clone();
            let tile = &mut turned["tree"]["tiles"]["tiles"][root.as_str()];
            tile["Container"]["Linear"]["children"][0] = serde_json::from_str(child).unwrap();
            assert_ne!(turned, kept);
            assert!(Panes::from_kept(turned) == Panes::default());
        }
    }

    #[test]
    fn an_arrangement_from_before_a_pane_was_there_is_kept_and_gets_it() {
        let mut panes = Panes::default();
        panes.set_open(Pane::Shelf, true);
        let tile = panes.tree.tiles.find_pane(&Pane::Compare).unwrap();
        let tabs = panes.tree.tiles.parent_of(tile).unwrap();
        // The way back: the pane was never there, and its place has been made wider.
        if let Some(Tile::Container(tabs)) = panes.tree.tiles.get_mut(tabs) {
            tabs.remove_child(tile);
        }
        panes.tree.tiles.remove(tile);
        let (root, column) = (panes.tree.root().unwrap(), tabs);
        if let Some(Tile::Container(Container::Linear(root))) = panes.tree.tiles.get_mut(root) {
            root.shares.set_share(column, 0.5);
        }
        let back = Panes::from_kept(panes.kept());
        assert!(back != Panes::default() && back.is_open(Pane::Shelf, vec2(900.0, 600.0)));
        let found = back.tree.tiles.find_pane(&Pane::Compare).expect("the new pane");
        assert_eq!(back.tree.tiles.parent_of(found), Some(tabs), "beside those of its place");
        assert_eq!(back.missing(), Some(Vec::new()));
        let Some(Tile::Container(Container::Linear(root))) = back.tree.tiles.get(root) else { panic!() };
        assert_eq!(root.shares[column], 0.5);
    }

    #[test]
    fn the_size_of_the_window_opens_panes_until_a_person_chooses() {
        let mut panes = Panes::default();
        let (small, large) = (vec2(900.0, 600.0), vec2(1280.0, 800.0));
        assert!(panes.is_open(Pane::Inspector, large) && !panes.is_open(Pane::Inspector, small));
        panes.set_open(Pane::Inspector, true);
        assert!(panes.is_open(Pane::Inspector, small));
        panes.set_open(Pane::Stage, false);
        assert!(panes.is_open(Pane::Stage, small), "the stage stays");
    }
}
