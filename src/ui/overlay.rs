//! From a map to a picture and a legend, without a window: which numbers a view shows, over which range they are
//! normalised, which colour each gets, and which sampled frame belongs to the play head.

use crate::engine::{Analysis, Map};
use crate::video::Pts;
use egui::{Color32, ColorImage};
use std::sync::OnceLock;

/// What lies over the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layer {
    #[default]
    Input,
    Motion,
    Static,
    Gate,
    Evidence,
    Signed,
}

impl Layer {
    pub const ALL: [Layer; 6] =
        [Layer::Input, Layer::Motion, Layer::Static, Layer::Gate, Layer::Evidence, Layer::Signed];

    pub fn name(self) -> &'static str {
        match self {
            Layer::Input => "Input",
            Layer::Motion => "Motion",
            Layer::Static => "Static",
            Layer::Gate => "Gate",
            Layer::Evidence => "Evidence",
            Layer::Signed => "Motion − static",
        }
    }

    pub fn explain(self) -> &'static str {
        match self {
            Layer::Input => "The picture alone.",
            Layer::Motion => {
                "How much of each patch the model takes for motion: the energy of the motion stream relative to \
                 the whole token, ‖M‖ / ‖X‖."
            }
            Layer::Static => {
                "What stays when motion is taken away. As colours: the three main directions of the static \
                 stream, one fit for the clip, so equal colours mean equal content."
            }
            Layer::Gate => {
                "How far each patch lets static content into the motion stream: 0 closed, 1 open. Fixed scale."
            }
            Layer::Evidence => {
                "From where the motion part of the decision is drawn: the pooling weights of the head."
            }
            Layer::Signed => {
                "Where motion outweighs static content (positive) and where static content outweighs motion \
                 (negative)."
            }
        }
    }
}

/// How the stage is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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

/// Colours for magnitudes. Signed values always get a diverging map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Palette {
    #[default]
    Inferno,
    Viridis,
    Cividis,
    Grey,
}

impl Palette {
    pub const ALL: [Palette; 4] = [Palette::Inferno, Palette::Viridis, Palette::Cividis, Palette::Grey];

    pub fn name(self) -> &'static str {
        match self {
            Palette::Inferno => "Inferno",
            Palette::Viridis => "Viridis",
            Palette::Cividis => "Cividis",
            Palette::Grey => "Grey",
        }
    }
}

/// How the stage shows things. Small and copied: a panel edits a copy and sends it back whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    pub layer: Layer,
    pub arrangement: Arrangement,
    /// 0–1.
    pub opacity: f32,
    pub palette: Palette,
    /// Interpolate between patches.
    pub smooth: bool,
    /// Normalise over each frame and not over the clip.
    pub per_frame: bool,
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
}

impl Default for View {
    fn default() -> Self {
        Self {
            layer: Layer::Motion,
            arrangement: Arrangement::Single,
            opacity: 0.6,
            palette: Palette::default(),
            smooth: true,
            per_frame: false,
            static_energy: false,
            level: None,
            gate: None,
            gate_stretch: false,
            wipe: 0.5,
        }
    }
}

/// Which numbers a layer shows; also the key of a cached picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    Motion,
    Level(usize),
    StaticEnergy,
    StaticColours,
    GateMean,
    Gate(usize, usize),
    Evidence,
    Signed,
}

/// The range that the colours span, and how to say so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    pub lo: f32,
    pub hi: f32,
    pub diverging: bool,
}

impl Scale {
    /// Where a value lies in the colours, 0–1.
    pub fn unit(&self, v: f32) -> f32 {
        let span = self.hi - self.lo;
        if span > 0.0 { ((v - self.lo) / span).clamp(0.0, 1.0) } else { 0.5 }
    }
}

impl Source {
    /// The numbers that `layer` shows under `view`; `None` for the input, and for what this model has not.
    pub fn of(layer: Layer, view: &View, analysis: &Analysis) -> Option<Source> {
        let maps = &analysis.maps;
        Some(match layer {
            Layer::Input => return None,
            Layer::Motion => match view.level.filter(|l| *l < maps.levels.len()) {
                Some(l) => Source::Level(l),
                None => Source::Motion,
            },
            Layer::Static if view.static_energy => Source::StaticEnergy,
            Layer::Static => Source::StaticColours,
            Layer::Gate => match view.gate {
                Some((b, h)) if maps.gates.get(b).is_some_and(|g| h < g.len()) => Source::Gate(b, h),
                _ => Source::GateMean,
            },
            Layer::Evidence => Source::Evidence,
            Layer::Signed => Source::Signed,
        })
    }

    /// The map behind it; `None` for the static colours, which are three.
    pub fn map(self, analysis: &Analysis) -> Option<&Map> {
        let maps = &analysis.maps;
        match self {
            Source::Motion => Some(&maps.motion),
            Source::Level(l) => maps.levels.get(l),
            Source::StaticEnergy => Some(&maps.static_energy),
            Source::StaticColours => None,
            Source::GateMean => Some(&maps.gate),
            Source::Gate(b, h) => maps.gates.get(b).and_then(|g| g.get(h)),
            Source::Evidence => Some(&maps.evidence),
            Source::Signed => Some(&maps.signed),
        }
    }

    /// Rows and columns of the patch grid.
    pub fn grid(self, analysis: &Analysis) -> (usize, usize) {
        let map = self.map(analysis).unwrap_or(&analysis.maps.static_rgb[0]);
        (map.rows, map.cols)
    }

    /// The range of the colours at frame `t`: over the clip unless the view says per frame; gates on 0–1 unless
    /// stretched; signed values symmetric about 0; evidence from 0.
    pub fn scale(self, view: &View, analysis: &Analysis, t: usize) -> Scale {
        let gate = matches!(self, Source::GateMean | Source::Gate(..));
        let Some(map) = self.map(analysis) else { return Scale { lo: 0.0, hi: 1.0, diverging: false } };
        if gate && !view.gate_stretch {
            return Scale { lo: 0.0, hi: 1.0, diverging: false };
        }
        let (lo, hi) = if view.per_frame && t < map.frames { range(map.frame(t)) } else { map.range() };
        if !(lo.is_finite() && hi.is_finite()) {
            return Scale { lo: 0.0, hi: 1.0, diverging: false };
        }
        match self {
            Source::Signed => {
                let m = lo.abs().max(hi.abs()).max(f32::MIN_POSITIVE);
                Scale { lo: -m, hi: m, diverging: true }
            }
            Source::Evidence => Scale { lo: 0.0, hi, diverging: false },
            _ => Scale { lo, hi, diverging: false },
        }
    }

    /// What the numbers are, for the legend.
    pub fn quantity(self) -> String {
        match self {
            Source::Motion => "motion energy ‖M‖/‖X‖, relative".to_owned(),
            Source::Level(l) => format!("motion energy ‖d‖ of level {}, relative", l + 1),
            Source::StaticEnergy => "static energy ‖S‖, relative".to_owned(),
            Source::StaticColours => "static stream as colours: equal colour, equal content".to_owned(),
            Source::GateMean => "gate, mean of blocks and heads".to_owned(),
            Source::Gate(b, h) => format!("gate, block {} head {}", b + 1, h + 1),
            Source::Evidence => "pooling weight, share of the whole".to_owned(),
            Source::Signed => "motion − static, relative".to_owned(),
        }
    }
}

fn range(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)))
}

/// Which sampled frame belongs to the play head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Index of the sampled frame.
    pub t: usize,
    pub pts: Pts,
    /// The displayed frame is that sampled frame.
    pub exact: bool,
    /// The play head is outside the analysed window.
    pub outside: bool,
}

/// The sampled frame nearest to the displayed one; `None` without sampled frames.
pub fn moment(frames: &[Pts], window: (Pts, Pts), displayed: Pts) -> Option<Moment> {
    let distance = |p: &Pts| (p.0.saturating_sub(displayed.0)).unsigned_abs();
    let (t, pts) = frames.iter().enumerate().min_by_key(|(_, p)| distance(p))?;
    let exact = *pts == displayed;
    let outside = !exact && (displayed < window.0 || displayed > window.1);
    Some(Moment { t, pts: *pts, exact, outside })
}

/// The 256 colours of a palette; the diverging one for signed values.
pub fn colours(palette: Palette, diverging: bool) -> &'static [Color32; 256] {
    static TABLES: [OnceLock<[Color32; 256]>; 5] = [const { OnceLock::new() }; 5];
    let index = if diverging { 4 } else { palette as usize };
    TABLES[index].get_or_init(|| {
        std::array::from_fn(|i| {
            let x = i as f64 / 255.0;
            if index == 3 {
                return Color32::from_gray(i as u8);
            }
            let c = match index {
                0 => colorous::INFERNO.eval_continuous(x),
                1 => colorous::VIRIDIS.eval_continuous(x),
                2 => colorous::CIVIDIS.eval_continuous(x),
                _ => colorous::RED_BLUE.eval_continuous(1.0 - x),
            };
            Color32::from_rgb(c.r, c.g, c.b)
        })
    })
}

/// The picture of one frame of a source. `fine` interpolates the numbers (not the colours) between patch centres;
/// otherwise one pixel a patch.
pub fn picture(source: Source, view: &View, analysis: &Analysis, t: usize, fine: bool) -> ColorImage {
    let (rows, cols) = source.grid(analysis);
    if rows == 0 || cols == 0 {
        return ColorImage::filled([1, 1], Color32::TRANSPARENT);
    }
    let factor = if fine { (128 / rows.max(cols)).clamp(1, 16) } else { 1 };
    let size = [cols * factor, rows * factor];
    let sample = |map: &Map, out: &mut Vec<f32>| upsample(frame_or_empty(map, t), rows, cols, factor, out);
    let mut values = Vec::new();
    let pixels = match source.map(analysis) {
        Some(map) => {
            let scale = source.scale(view, analysis, t);
            let table = colours(view.palette, scale.diverging);
            sample(map, &mut values);
            values.iter().map(|&v| table[(scale.unit(v) * 255.0).round() as usize]).collect()
        }
        None => {
            let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
            let mut pixels = vec![Color32::BLACK; size[0] * size[1]];
            for (channel, map) in analysis.maps.static_rgb.iter().enumerate() {
                sample(map, &mut values);
                for (p, &v) in pixels.iter_mut().zip(&values) {
                    p[channel] = byte(v);
                }
            }
            pixels
        }
    };
    ColorImage::new(size, pixels)
}

/// One frame's values, or nothing where the map has no such frame.
pub fn frame_or_empty(map: &Map, t: usize) -> &[f32] {
    if t < map.frames && map.data.len() >= (t + 1) * map.rows * map.cols { map.frame(t) } else { &[] }
}

/// Bilinear between patch centres, constant beyond the outermost ones.
fn upsample(values: &[f32], rows: usize, cols: usize, factor: usize, out: &mut Vec<f32>) {
    out.clear();
    if values.len() < rows * cols {
        out.resize(rows * cols * factor * factor, 0.0);
        return;
    }
    if factor == 1 {
        out.extend_from_slice(&values[..rows * cols]);
        return;
    }
    let place = |i: usize, n: usize| {
        let x = ((i as f32 + 0.5) / factor as f32 - 0.5).clamp(0.0, (n - 1) as f32);
        let a = x as usize;
        (a, (a + 1).min(n - 1), x - a as f32)
    };
    for y in 0..rows * factor {
        let (r0, r1, fy) = place(y, rows);
        for x in 0..cols * factor {
            let (c0, c1, fx) = place(x, cols);
            let mix = |r: usize| values[r * cols + c0] * (1.0 - fx) + values[r * cols + c1] * fx;
            out.push(mix(r0) * (1.0 - fy) + mix(r1) * fy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_sampled_frame_is_found_and_named_as_of_another_time() {
        let frames = [Pts(100), Pts(300), Pts(500)];
        let window = (Pts(0), Pts(600));
        assert_eq!(
            moment(&frames, window, Pts(300)),
            Some(Moment { t: 1, pts: Pts(300), exact: true, outside: false })
        );
        let m = moment(&frames, window, Pts(440)).unwrap();
        assert!((m.t, m.exact, m.outside) == (2, false, false));
        assert!(moment(&frames, window, Pts(601)).unwrap().outside);
        assert_eq!(moment(&[], window, Pts(0)), None);
    }

    #[test]
    fn upsampling_keeps_the_values_at_patch_centres_and_the_range() {
        let values = [0.0, 1.0, 2.0, 5.0];
        let mut out = Vec::new();
        upsample(&values, 2, 2, 3, &mut out);
        assert_eq!(out.len(), 36);
        for (r, c) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let v = out[(r * 3 + 1) * 6 + c * 3 + 1];
            assert!((v - values[r * 2 + c]).abs() < 1e-6, "{r} {c} {v}");
        }
        assert!(out.iter().all(|v| (0.0..=5.0).contains(v)));
    }

    #[test]
    fn a_constant_map_gets_one_colour_and_not_a_fault() {
        let s = Scale { lo: 0.3, hi: 0.3, diverging: false };
        assert_eq!(s.unit(0.3), 0.5);
        assert_eq!(Scale { lo: -2.0, hi: 2.0, diverging: true }.unit(0.0), 0.5);
    }

    #[test]
    fn the_diverging_colours_are_light_in_the_middle_and_differ_at_the_ends() {
        let table = colours(Palette::Inferno, true);
        let sum = |c: Color32| u32::from(c.r()) + u32::from(c.g()) + u32::from(c.b());
        assert!(sum(table[128]) > sum(table[0]) && sum(table[128]) > sum(table[255]));
        assert!(table[255].r() > table[255].b() && table[0].b() > table[0].r(), "red is motion, blue static");
    }
}
