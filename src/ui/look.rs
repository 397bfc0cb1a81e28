//! From a map to a picture and a legend, without a window: which numbers a view shows, over which range they are
//! normalised, which colour each gets, and which sampled frame belongs to the play head.

use crate::model::folder::{MotionScale, Reach};
use crate::session::{Map, Maps};
use crate::video::Pts;
use crate::video::clip::Span;
use crate::view::{Colormap, Grid, Layer, Normalise, motion_range};
use egui::{Color32, ColorImage};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// How the stage is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrangement {
    #[default]
    Single,
    Wipe,
    SideBySide,
    Grid,
}

impl Arrangement {
    pub const ALL: [Arrangement; 4] =
        [Arrangement::Single, Arrangement::Wipe, Arrangement::SideBySide, Arrangement::Grid];

    pub fn name(self) -> &'static str {
        match self {
            Arrangement::Single => "Single",
            Arrangement::Wipe => "Wipe",
            Arrangement::SideBySide => "Side by side",
            Arrangement::Grid => "2×2",
        }
    }
}

/// The colours to choose from for magnitudes. Signed values always get the diverging ones.
pub const PALETTES: [Colormap; 4] = [Colormap::Inferno, Colormap::Viridis, Colormap::Magma, Colormap::Gray];

/// What the ends of the colours are, for motion; the other layers have the clip's range, or a fixed one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The model's own, the same for every clip.
    #[default]
    Model,
    /// The largest value of the clip.
    Clip,
    /// The largest value of the frame, for every layer.
    Frame,
    /// From 0 to a value that a person has set.
    Locked(f32),
}

impl Scale {
    pub fn name(self) -> &'static str {
        match self {
            Scale::Model => "model's scale",
            Scale::Clip => "this clip",
            Scale::Frame => "this frame",
            Scale::Locked(_) => "locked",
        }
    }
}

/// How the stage shows things. Small and copied: a panel edits a copy and sends it back whole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    pub layer: Layer,
    pub arrangement: Arrangement,
    /// 0–1.
    pub opacity: f32,
    pub palette: Colormap,
    /// Interpolate between patches.
    pub smooth: bool,
    /// What lies below this share of its scale, 0–1, is not painted on the stage; 0: off.
    pub threshold: f32,
    pub scale: Scale,
    /// The static stream as energy and not as colours.
    pub static_energy: bool,
    /// Lifting level of the motion view; `None`: all together.
    pub level: Option<usize>,
    /// Block and head of the gate view; `None`: the mean.
    pub gate: Option<(usize, usize)>,
    /// Stretch the gate's contrast over the clip.
    pub gate_stretch: bool,
    /// Position of the wipe, 0–1.
    pub wipe: f32,
    /// What is true of the clip is outlined, where that is known.
    pub truth: bool,
    /// Where something is altered, the stage shows the map of the original beside it.
    pub beside: bool,
    /// Of a patch that was clicked: block and head of its attention; `None`: the similar patches.
    pub attention: Option<(usize, usize)>,
}

impl View {
    /// The same, or the nearest that can be shown: for what a file says.
    pub fn within_bounds(mut self) -> Self {
        let within = |v: f32, low: f32, high: f32| if v.is_finite() { v.clamp(low, high) } else { low };
        self.opacity = within(self.opacity, 0.0, 1.0);
        self.wipe = within(self.wipe, 0.0, 1.0);
        self.threshold = within(self.threshold, 0.0, 1.0);
        if let Scale::Locked(hi) = &mut self.scale {
            *hi = within(*hi, 1e-4, 10.0);
        }
        if self.palette == Colormap::Diverging {
            self.palette = Colormap::default();
        }
        self
    }
}

impl Default for View {
    fn default() -> Self {
        Self {
            layer: Layer::Motion,
            arrangement: Arrangement::Single,
            opacity: 0.6,
            palette: Colormap::default(),
            smooth: true,
            threshold: 0.0,
            scale: Scale::Model,
            static_energy: false,
            level: None,
            gate: None,
            gate_stretch: false,
            wipe: 0.5,
            truth: false,
            beside: true,
            attention: None,
        }
    }
}

/// Which numbers a layer shows; also the key of a cached picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantity {
    Motion,
    Level(usize),
    StaticEnergy,
    StaticColours,
    GateMean,
    Gate(usize, usize),
    Evidence,
    Signed,
}

impl Quantity {
    /// The numbers that `layer` shows under `view`; `None` for the input, and for what this model has not.
    pub fn of(layer: Layer, view: &View, maps: &Maps) -> Option<Quantity> {
        Some(match layer {
            Layer::Input | Layer::Freeze | Layer::Likeness | Layer::Support => return None,
            Layer::Motion => match view.level.filter(|l| *l < maps.levels.len()) {
                Some(l) => Quantity::Level(l),
                None => Quantity::Motion,
            },
            Layer::Static if view.static_energy => Quantity::StaticEnergy,
            Layer::Static => Quantity::StaticColours,
            Layer::Gate => match view.gate {
                Some((b, h)) if maps.gates.get(b).is_some_and(|g| h < g.len()) => Quantity::Gate(b, h),
                _ => Quantity::GateMean,
            },
            Layer::Evidence => Quantity::Evidence,
            Layer::Signed => Quantity::Signed,
        })
    }

    /// The map behind it; `None` for the static colours, which are three.
    pub fn map(self, maps: &Maps) -> Option<&Map> {
        match self {
            Quantity::Motion => Some(&maps.motion),
            Quantity::Level(l) => maps.levels.get(l),
            Quantity::StaticEnergy => Some(&maps.static_energy),
            Quantity::StaticColours => None,
            Quantity::GateMean => Some(&maps.gate),
            Quantity::Gate(b, h) => maps.gates.get(b).and_then(|g| g.get(h)),
            Quantity::Evidence => Some(&maps.evidence),
            Quantity::Signed => Some(&maps.signed),
        }
    }

    /// Rows and columns of the patch grid.
    pub fn grid(self, maps: &Maps) -> (usize, usize) {
        let map = self.map(maps).unwrap_or(&maps.static_rgb[0]);
        (map.rows, map.cols)
    }

    /// Where the model's scale of these numbers begins and ends; `None` where they are no motion, or it is not known.
    pub fn reach(self, scale: Option<&MotionScale>) -> Option<Reach> {
        match self {
            Quantity::Motion => scale.map(|s| s.motion),
            Quantity::Level(l) => scale.and_then(|s| s.levels.get(l)).copied(),
            _ => None,
        }
    }

    /// The range of the colours at frame `t`: see [`Scale`]; gates on 0–1 unless stretched, signed values symmetric about 0,
    /// evidence from 0.
    pub fn range(self, view: &View, maps: &Maps, scale: Option<&MotionScale>, t: usize) -> Normalise {
        let gate = matches!(self, Quantity::GateMean | Quantity::Gate(..));
        let Some(map) = self.map(maps).filter(|_| !gate || view.gate_stretch) else {
            return Normalise { lo: 0.0, hi: 1.0 };
        };
        let frame = view.scale == Scale::Frame;
        let over = Normalise::over(if frame { frame_or_empty(map, t) } else { &map.data });
        match self {
            Quantity::Motion | Quantity::Level(_) => match view.scale {
                Scale::Model => motion_range(map, self.reach(scale)),
                Scale::Clip | Scale::Frame => Normalise { lo: 0.0, ..over },
                Scale::Locked(hi) => Normalise { lo: 0.0, hi },
            },
            Quantity::Signed => over.symmetric(),
            Quantity::Evidence => Normalise { lo: 0.0, ..over },
            _ => over,
        }
    }

    /// The colours of these numbers where magnitudes have `palette`.
    pub fn colormap(self, palette: Colormap) -> Colormap {
        if self == Quantity::Signed { Colormap::Diverging } else { palette }
    }

    /// What the numbers are, for the legend.
    pub fn quantity(self) -> String {
        match self {
            Quantity::Motion => "motion energy ‖M‖/‖X‖, relative".to_owned(),
            Quantity::Level(l) => format!("motion energy ‖d‖/‖X‖ of level {}, relative", l + 1),
            Quantity::StaticEnergy => "static energy ‖S‖, relative".to_owned(),
            Quantity::StaticColours => "static stream as colours: equal colour, equal content".to_owned(),
            Quantity::GateMean => "gate, mean of blocks and heads".to_owned(),
            Quantity::Gate(b, h) => format!("gate, block {} head {}", b + 1, h + 1),
            Quantity::Evidence => "pooling weight, share of the whole".to_owned(),
            Quantity::Signed => "motion − static, relative".to_owned(),
        }
    }
}

/// Which sampled frame belongs to the play head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Index of the sampled frame.
    pub t: usize,
    pub pts: Pts,
    /// The displayed frame is that sampled frame.
    pub exact: bool,
    /// The play head is outside the span that was asked about.
    pub outside: bool,
}

/// The sampled frame nearest to the displayed one; `None` without sampled frames.
pub fn moment(frames: &[Pts], span: Span, displayed: Pts) -> Option<Moment> {
    let distance = |p: &Pts| (p.0.saturating_sub(displayed.0)).unsigned_abs();
    let (t, pts) = frames.iter().enumerate().min_by_key(|(_, p)| distance(p))?;
    let exact = *pts == displayed;
    let outside = !exact && (!span.contains(displayed));
    Some(Moment { t, pts: *pts, exact, outside })
}

/// 256 colours from low to high.
pub fn colours(map: Colormap) -> &'static [Color32; 256] {
    static TABLES: [OnceLock<[Color32; 256]>; Colormap::ALL.len()] =
        [const { OnceLock::new() }; Colormap::ALL.len()];
    let index = Colormap::ALL.iter().position(|m| *m == map).unwrap_or(0);
    TABLES[index].get_or_init(|| {
        std::array::from_fn(|i| {
            let [r, g, b] = map.color(i as f32 / 255.0);
            Color32::from_rgb(r, g, b)
        })
    })
}

/// The picture of one frame of a source. `fine` interpolates the numbers (not the colours) between patch centres;
/// otherwise one pixel a patch. What lies below `threshold`, a share of the range, is transparent.
pub fn picture(
    source: Quantity,
    palette: Colormap,
    range: Normalise,
    maps: &Maps,
    t: usize,
    fine: bool,
    threshold: f32,
) -> ColorImage {
    let (rows, cols) = source.grid(maps);
    if rows == 0 || cols == 0 {
        return ColorImage::filled([1, 1], Color32::TRANSPARENT);
    }
    let factor = if fine { (128 / rows.max(cols)).clamp(1, 16) } else { 1 };
    let (width, height) = (cols * factor, rows * factor);
    let each = |f: &dyn Fn(f32, f32) -> Color32| {
        let place = |i: usize, n: usize| (i as f32 + 0.5) / n as f32;
        let pixels =
            (0..width * height).map(|i| f(place(i % width, width), place(i / width, height))).collect();
        ColorImage::new([width, height], pixels)
    };
    match source.map(maps) {
        Some(map) => {
            let grid = Grid::new(map, t, fine);
            let colormap = source.colormap(palette);
            let table = colours(colormap);
            each(&|x, y| {
                let v = grid.at(x, y);
                let painted = range.paints(v, colormap.is_signed(), threshold);
                if painted { table[(range.unit(v) * 255.0).round() as usize] } else { Color32::TRANSPARENT }
            })
        }
        None => {
            let grids = maps.static_rgb.each_ref().map(|map| Grid::new(map, t, fine));
            let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
            each(&|x, y| {
                let [r, g, b] = grids.each_ref().map(|grid| byte(grid.at(x, y)));
                Color32::from_rgb(r, g, b)
            })
        }
    }
}

/// One frame's values, or nothing where the map has no such frame.
pub fn frame_or_empty(map: &Map, t: usize) -> &[f32] {
    let n = map.rows * map.cols;
    map.data.get(t * n..(t + 1) * n).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_sampled_frame_is_found_and_named_as_of_another_time() {
        let frames = [Pts(100), Pts(300), Pts(500)];
        let span = Span::new(Pts(0), Pts(600));
        assert_eq!(
            moment(&frames, span, Pts(300)),
            Some(Moment { t: 1, pts: Pts(300), exact: true, outside: false })
        );
        let m = moment(&frames, span, Pts(440)).unwrap();
        assert!((m.t, m.exact, m.outside) == (2, false, false));
        assert!(moment(&frames, span, Pts(601)).unwrap().outside);
        assert_eq!(moment(&[], span, Pts(0)), None);
    }

    #[test]
    fn a_view_of_a_file_can_be_shown() {
        let odd = View {
            opacity: 9.0,
            wipe: -1e30,
            threshold: f32::NAN,
            scale: Scale::Locked(f32::NAN),
            ..View::default()
        };
        let shown = View { opacity: 1.0, wipe: 0.0, scale: Scale::Locked(1e-4), ..View::default() };
        assert_eq!(odd.within_bounds(), shown);
        assert_eq!(View::default().within_bounds(), View::default());
    }

    #[test]
    fn the_colour_tables_run_from_low_to_high() {
        let table = colours(Colormap::Diverging);
        assert!(table[255].r() > table[255].b() && table[0].b() > table[0].r(), "red is motion, blue static");
        for map in PALETTES {
            let sum = |c: Color32| u32::from(c.r()) + u32::from(c.g()) + u32::from(c.b());
            assert!(sum(colours(map)[255]) > sum(colours(map)[0]), "{}", map.name());
        }
    }
}
