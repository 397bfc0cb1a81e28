//! A map laid over the picture it was computed from, in software: numbers to 0–1 over the clip, 0–1 to colours,
//! the patch grid to the crop rectangle that the model saw, and a blend. Numbers are interpolated, never colours.

use crate::engine::Answer;
use crate::model::folder::Reach;
use crate::session::maps::quantile;
use crate::session::{Map, Maps};
use crate::video::RgbImage;
use crate::video::preprocess::CropRect;
use serde::{Deserialize, Serialize};

/// Colours for magnitudes, and one for signed values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colormap {
    #[default]
    Inferno,
    Viridis,
    Magma,
    Gray,
    /// Blue below the middle, white at it, red above.
    Diverging,
}

impl Colormap {
    pub const ALL: [Colormap; 5] =
        [Colormap::Inferno, Colormap::Viridis, Colormap::Magma, Colormap::Gray, Colormap::Diverging];

    pub fn name(self) -> &'static str {
        match self {
            Colormap::Inferno => "inferno",
            Colormap::Viridis => "viridis",
            Colormap::Magma => "magma",
            Colormap::Gray => "gray",
            Colormap::Diverging => "diverging",
        }
    }

    /// The colours of values on both sides of zero.
    pub fn is_signed(self) -> bool {
        self == Colormap::Diverging
    }

    /// The colour at `x` in 0–1; values beyond are clamped, not-a-number is the middle.
    pub fn color(self, x: f32) -> [u8; 3] {
        let x = if x.is_nan() { 0.5 } else { f64::from(x.clamp(0.0, 1.0)) };
        let gradient = match self {
            Colormap::Inferno => colorous::INFERNO,
            Colormap::Viridis => colorous::VIRIDIS,
            Colormap::Magma => colorous::MAGMA,
            Colormap::Gray => return [(x * 255.0).round() as u8; 3],
            Colormap::Diverging => return colorous::RED_BLUE.eval_continuous(1.0 - x).into_array(),
        };
        gradient.eval_continuous(x).into_array()
    }
}

/// A map of motion whose brightest patches are no more than so many times what the model reads into still footage has next to
/// no motion.
const STILL: f32 = 1.5;
/// The least that a clip's own scale spans, in the same measure: noise then stays in its lowest quarter.
const LEAST: f32 = 4.0;

/// The range of a map of motion (or of one of its levels) that means the same for every clip: up to the model's reference
/// where it has one (trained models), else up to the clip's largest value, but never so little that noise looks like motion.
pub fn motion_range(map: &Map, reach: Option<Reach>) -> Normalise {
    let largest = map.range().1;
    let hi = match reach {
        Some(Reach { reference: Some(reference), .. }) => reference,
        Some(Reach { floor, .. }) => largest.max(LEAST * floor),
        None => largest,
    };
    Normalise { lo: 0.0, hi }
}

/// Next to no motion: the model reads little more into the clip than into still footage.
pub fn is_still(map: &Map, reach: Option<Reach>) -> bool {
    let brightest = quantile(std::iter::once(map), 0.99);
    brightest <= reach.map_or(0.0, |reach| STILL * reach.floor)
}

/// The value at the top of a lane of motion over time, and what it is: the model's reference, else the brightest of the video.
pub fn motion_top(reach: Option<Reach>, brightest: f32) -> (f32, String) {
    match reach {
        Some(Reach { reference: Some(reference), .. }) => {
            (reference, format!("the model's reference, {reference:.2}"))
        }
        Some(Reach { floor, .. }) => {
            let top = brightest.max(LEAST * floor);
            let text = format!(
                "the brightest of this video, {top:.2} (the model has no reference: its head is untrained)"
            );
            (top, text)
        }
        None => (brightest.max(1e-3), "the brightest of this video".to_owned()),
    }
}

/// Which number of a class is drawn over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    #[default]
    P,
    Margin,
    Cosine,
}

impl Measure {
    pub const ALL: [Self; 3] = [Self::P, Self::Margin, Self::Cosine];

    pub fn name(self) -> &'static str {
        ["p", "margin", "cosine"][self as usize]
    }

    pub fn explain(self) -> &'static str {
        match self {
            Self::P => "p: the share of each class among all (softmax), 0 to 1",
            Self::Margin => "margin: s+ minus s−",
            Self::Cosine => "cosine: s+, of the span and the positive prompts",
        }
    }
}

/// How many colours the lanes of classes have.
pub const LANE_COLOURS: usize = 8;

/// The colour of each class's lane, as a number below [`LANE_COLOURS`]: by the class's place in the prompt set, so that it keeps its
/// colour; the next free one where another lane has that, and any where there are more lanes than colours.
pub fn lane_slots(columns: &[usize]) -> Vec<usize> {
    let mut taken = [false; LANE_COLOURS];
    // In the order of the set and not of the lanes, which is that of the scores.
    let mut in_order: Vec<usize> = columns.to_vec();
    in_order.sort_unstable();
    in_order.dedup();
    let slot = |c: &usize| {
        let free = (0..LANE_COLOURS).map(|i| (c + i) % LANE_COLOURS).find(|i| !taken[*i]);
        let i = free.unwrap_or(c % LANE_COLOURS);
        taken[i] = true;
        i
    };
    let slots: Vec<usize> = in_order.iter().map(slot).collect();
    columns.iter().filter_map(|c| Some(slots[in_order.binary_search(c).ok()?])).collect()
}

/// The range of numbers that the colours span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalise {
    pub lo: f32,
    pub hi: f32,
}

impl Normalise {
    /// From the smallest to the largest of `values`; what is not finite does not count.
    pub fn over(values: &[f32]) -> Self {
        let finite = values.iter().filter(|v| v.is_finite());
        let (lo, hi) = finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)));
        if lo <= hi { Self { lo, hi } } else { Self { lo: 0.0, hi: 0.0 } }
    }

    /// The same range made symmetric about 0, for signed values.
    pub fn symmetric(self) -> Self {
        let m = self.lo.abs().max(self.hi.abs());
        Self { lo: -m, hi: m }
    }

    /// The share of the scale that `v` reaches, 0–1: from the low end on, of `signed` values from zero, either way.
    pub fn share(self, v: f32, signed: bool) -> f32 {
        if signed { (2.0 * self.unit(v) - 1.0).abs() } else { self.unit(v) }
    }

    /// The value at that share: of `signed` values how far from zero.
    pub fn at_share(self, share: f32, signed: bool) -> f32 {
        if signed { share * self.hi } else { self.lo + share * (self.hi - self.lo) }
    }

    /// Whether `v` is painted where everything below that share of the scale is not; at 0 everything is.
    pub fn paints(self, v: f32, signed: bool, threshold: f32) -> bool {
        threshold <= 0.0 || self.share(v, signed) >= threshold
    }

    /// Where `v` lies in the range, 0–1; the middle where the range is a point.
    pub fn unit(self, v: f32) -> f32 {
        let span = self.hi - self.lo;
        if span > 0.0 { ((v - self.lo) / span).clamp(0.0, 1.0) } else { 0.5 }
    }
}

/// What lies over the picture, in the window as in a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    #[default]
    Input,
    Motion,
    /// PCA colours of the static stream.
    Static,
    Gate,
    Evidence,
    Signed,
    /// The freeze map; asked for beside the evidence.
    Freeze,
    /// Likeness to a patch that was clicked, or what it attends to; likewise.
    Likeness,
    /// Where a prompt finds support; likewise.
    Support,
}

impl Layer {
    /// Those whose numbers are in the evidence: a report has them all.
    pub const ALL: [Layer; 6] =
        [Layer::Input, Layer::Motion, Layer::Static, Layer::Gate, Layer::Evidence, Layer::Signed];

    /// It is no part of the evidence, and asked for by itself.
    pub fn is_probed(self) -> bool {
        matches!(self, Layer::Freeze | Layer::Likeness | Layer::Support)
    }

    /// On buttons.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Input => "Input",
            Layer::Motion => "Motion",
            Layer::Static => "Static",
            Layer::Gate => "Gate",
            Layer::Evidence => "Evidence",
            Layer::Signed => "Motion − static",
            Layer::Freeze => "Freeze",
            Layer::Likeness => "Patch",
            Layer::Support => "Support",
        }
    }

    /// What it is, in a sentence for tooltips.
    pub fn explain(self) -> &'static str {
        match self {
            Layer::Input => "The picture alone, without a map.",
            Layer::Motion => {
                "How much of each patch the model takes for motion: the energy of the motion stream, in this \
                 frame and those around it, relative to the whole token, ‖M‖ / ‖X‖."
            }
            Layer::Static => {
                "What stays when motion is taken away: equal colours mean equal content, for they are the three main \
                 directions of the static stream, one fit for the clip."
            }
            Layer::Gate => {
                "How far each patch lets static content into the motion stream, from 0 (closed) to 1 (open)."
            }
            Layer::Evidence => {
                "From where the motion part of the decision is drawn: the pooling weights of the head."
            }
            Layer::Signed => {
                "Where motion outweighs static content (positive) and where static content outweighs motion \
                 (negative)."
            }
            Layer::Freeze => {
                "What motion at each patch is worth: the change of a class's margin if nothing moved there, its tokens \
                 held at their mean over time."
            }
            Layer::Likeness => {
                "Every patch's likeness to the one that was clicked, or what that one attends to."
            }
            Layer::Support => {
                "Which patches are like a prompt: the cosine of each with it, read from the last vision layer by v·v attention."
            }
        }
    }

    /// One lower-case word, for file names and the report.
    pub fn word(self) -> &'static str {
        match self {
            Layer::Input => "input",
            Layer::Motion => "motion",
            Layer::Static => "static",
            Layer::Gate => "gate",
            Layer::Evidence => "evidence",
            Layer::Signed => "signed",
            Layer::Freeze => "freeze",
            Layer::Likeness => "patch",
            Layer::Support => "support",
        }
    }

    /// What the colours mean.
    pub fn quantity(self) -> &'static str {
        match self {
            Layer::Input => "the picture as decoded",
            Layer::Motion => "energy of the motion stream against the whole, ‖M‖/‖X‖",
            Layer::Static => "static stream as PCA colours: equal colour, equal content",
            Layer::Gate => "gate, mean over blocks and heads: 0 closed, 1 open",
            Layer::Evidence => "pooling weight, share of the whole",
            Layer::Signed => "motion minus static, relative",
            Layer::Freeze => "change of a class's margin if nothing moved there",
            Layer::Likeness => "cosine of last-layer tokens, or attention",
            Layer::Support => "cosine of patches with a prompt",
        }
    }

    /// The numbers behind the view; none for the picture itself and for the colours of the static stream.
    pub fn map(self, maps: &Maps) -> Option<&Map> {
        match self {
            Layer::Input | Layer::Static | Layer::Freeze | Layer::Likeness | Layer::Support => None,
            Layer::Motion => Some(&maps.motion),
            Layer::Gate => Some(&maps.gate),
            Layer::Evidence => Some(&maps.evidence),
            Layer::Signed => Some(&maps.signed),
        }
    }

    /// The range of the colours: motion on the model's scale, gates on the fixed 0–1, evidence from 0, signed values
    /// symmetric about 0, over the clip.
    pub fn normalise(self, map: &Map, motion: Option<Reach>) -> Normalise {
        let over = Normalise::over(&map.data);
        match self {
            Layer::Motion => motion_range(map, motion),
            Layer::Gate => Normalise { lo: 0.0, hi: 1.0 },
            Layer::Evidence => Normalise { lo: 0.0, ..over },
            Layer::Signed => over.symmetric(),
            Layer::Input | Layer::Static | Layer::Freeze | Layer::Likeness | Layer::Support => over,
        }
    }

    /// "not painted: below 0.200", where a threshold cuts something of this view.
    pub fn cut(self, maps: &Maps, style: Style) -> Option<String> {
        let map = self.map(maps).filter(|_| style.threshold > 0.0)?;
        let signed = self.colormap(style.magnitudes).is_signed();
        let value = self.normalise(map, style.motion).at_share(style.threshold, signed);
        Some(format!("not painted: {} {value:.3}", if signed { "nearer to 0 than" } else { "below" }))
    }

    /// The colours of this view, where magnitudes have those of `magnitudes`.
    pub fn colormap(self, magnitudes: Colormap) -> Colormap {
        if self == Layer::Signed { Colormap::Diverging } else { magnitudes }
    }
}

/// How maps are laid over pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    pub magnitudes: Colormap,
    /// 0: the picture alone, 1: the map alone.
    pub opacity: f32,
    /// Bilinear between patch centres; otherwise each patch is one flat square.
    pub smooth: bool,
    /// What lies below this share of its scale, 0–1, is not painted; the colours of the static stream have no scale.
    pub threshold: f32,
    /// The model's scale of motion, where it is known.
    pub motion: Option<Reach>,
}

impl Default for Style {
    fn default() -> Self {
        Self { magnitudes: Colormap::Inferno, opacity: 0.6, smooth: true, threshold: 0.0, motion: None }
    }
}

/// The picture of sampled frame `t` in one view. `picture` is that frame in display orientation, of any size.
pub fn draw(view: Layer, answer: &Answer, t: usize, picture: &RgbImage, style: Style) -> RgbImage {
    let (maps, crop) = (&answer.evidence.maps, answer.crop);
    match (view, view.map(maps)) {
        (Layer::Static, _) => {
            let frames = maps.static_rgb.each_ref().map(|map| Grid::new(map, t, style.smooth));
            let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
            lay(picture, crop, style.opacity, |x, y| Some(frames.each_ref().map(|g| byte(g.at(x, y)))))
        }
        (_, Some(map)) => {
            let (range, colors) = (view.normalise(map, style.motion), view.colormap(style.magnitudes));
            let grid = Grid::new(map, t, style.smooth);
            lay(picture, crop, style.opacity, |x, y| {
                let v = grid.at(x, y);
                range.paints(v, colors.is_signed(), style.threshold).then(|| colors.color(range.unit(v)))
            })
        }
        (_, None) => picture.clone(),
    }
}

/// A horizontal strip of a colour map from 0 to 1, for a legend on white; what is below the threshold is hatched.
pub fn legend(colors: Colormap, threshold: f32, width: u32, height: u32) -> RgbImage {
    let last = width.saturating_sub(1).max(1) as f32;
    let whole = Normalise { lo: 0.0, hi: 1.0 };
    let pixel = |x: u32, y: u32| {
        let at = x as f32 / last;
        match whole.paints(at, colors.is_signed(), threshold) {
            true => colors.color(at),
            false if (x + y).is_multiple_of(4) => [150; 3],
            false => [255; 3],
        }
    };
    let data = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    RgbImage { width, height, data }
}

/// One frame of a map that can be asked anywhere in the crop.
pub struct Grid<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    smooth: bool,
}

impl<'a> Grid<'a> {
    /// A frame that the map does not have reads as zeros.
    pub fn new(map: &'a Map, t: usize, smooth: bool) -> Self {
        let n = map.rows * map.cols;
        let values = map.data.get(t * n..(t + 1) * n).unwrap_or_default();
        Self { values, rows: map.rows, cols: map.cols, smooth }
    }

    /// The value at (x, y) in fractions of the crop; constant beyond the outermost patch centres.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        if self.values.is_empty() {
            return 0.0;
        }
        let value = |r: usize, c: usize| self.values[r * self.cols + c];
        if !self.smooth {
            let cell = |u: f32, n: usize| ((u * n as f32) as usize).min(n - 1);
            return value(cell(y, self.rows), cell(x, self.cols));
        }
        let place = |u: f32, n: usize| {
            let v = (u * n as f32 - 0.5).clamp(0.0, (n - 1) as f32);
            let a = v as usize;
            (a, (a + 1).min(n - 1), v - a as f32)
        };
        let ((r0, r1, fy), (c0, c1, fx)) = (place(y, self.rows), place(x, self.cols));
        let row = |r: usize| value(r, c0) * (1.0 - fx) + value(r, c1) * fx;
        row(r0) * (1.0 - fy) + row(r1) * fy
    }
}

/// Blends `color(x, y)`, with x and y in fractions of the crop, over the crop's part of the picture; where it is `None`
/// the picture stays as it is. A pixel belongs to the crop when its centre does.
fn lay(
    picture: &RgbImage,
    crop: CropRect,
    opacity: f32,
    color: impl Fn(f32, f32) -> Option<[u8; 3]>,
) -> RgbImage {
    let mut out = picture.clone();
    let (width, height) = (picture.width as usize, picture.height as usize);
    let fraction = |pixel: usize, size: usize, lo: f32, hi: f32| {
        let u = ((pixel as f32 + 0.5) / size as f32 - lo) / (hi - lo);
        (0.0..1.0).contains(&u).then_some(u)
    };
    let columns: Vec<Option<f32>> = (0..width).map(|x| fraction(x, width, crop.x0, crop.x1)).collect();
    let alpha = opacity.clamp(0.0, 1.0);
    for (y, row) in out.data.chunks_exact_mut(3 * width.max(1)).enumerate() {
        let Some(v) = fraction(y, height, crop.y0, crop.y1) else { continue };
        for (pixel, u) in row.chunks_exact_mut(3).zip(&columns) {
            let Some(color) = u.and_then(|u| color(u, v)) else { continue };
            for (p, c) in pixel.iter_mut().zip(color) {
                *p = (f32::from(*p) * (1.0 - alpha) + f32::from(c) * alpha).round() as u8;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(frames: usize, rows: usize, cols: usize, data: &[f32]) -> Map {
        Map { frames, rows, cols, data: data.to_vec() }
    }

    fn gray(width: u32, height: u32, value: u8) -> RgbImage {
        RgbImage { width, height, data: vec![value; (3 * width * height) as usize] }
    }

    #[test]
    fn colour_maps_differ_and_take_any_number() {
        for map in Colormap::ALL {
            assert_eq!(map.color(-3.0), map.color(0.0), "{}", map.name());
            assert_eq!(map.color(f32::INFINITY), map.color(1.0));
            assert_eq!(map.color(f32::NAN), map.color(0.5));
            assert_ne!(map.color(0.0), map.color(1.0));
        }
        let [lo, mid, hi] = [0.0, 0.5, 1.0].map(|x| Colormap::Diverging.color(x).map(i32::from));
        assert!(lo[2] > lo[0] && hi[0] > hi[2], "blue is low and red is high");
        assert!(mid.iter().all(|c| *c > 230), "the middle is nearly white");
    }

    #[test]
    fn each_layer_is_told_in_one_sentence_of_its_own() {
        let all = Layer::ALL.into_iter().chain([Layer::Likeness, Layer::Support]);
        let told: Vec<&str> = all.map(Layer::explain).collect();
        for (i, text) in told.iter().enumerate() {
            assert!(text.ends_with('.') && text.matches(". ").count() == 0, "{text}");
            assert!(text.split_whitespace().count() >= 5 && !told[..i].contains(text), "{text}");
        }
    }

    #[test]
    fn two_lanes_have_two_colours_and_a_lane_keeps_its_own() {
        let slots = lane_slots(&[1, 9, 17, 2]);
        assert_eq!(slots.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        assert_eq!((slots[0], lane_slots(&[1])[0]), (1, 1));
        assert_eq!(lane_slots(&(0..20).collect::<Vec<_>>()).len(), 20);
    }

    #[test]
    fn ranges_take_constant_and_broken_maps() {
        assert_eq!(Normalise::over(&[2.0, -1.0, f32::NAN, f32::INFINITY]), Normalise { lo: -1.0, hi: 2.0 });
        assert_eq!(Normalise::over(&[]).unit(7.0), 0.5);
        let s = Normalise { lo: -1.0, hi: 2.0 }.symmetric();
        assert_eq!((s.unit(-2.0), s.unit(0.0), s.unit(2.0)), (0.0, 0.5, 1.0));
        assert_eq!(Layer::Gate.normalise(&map(1, 1, 1, &[0.4]), None), Normalise { lo: 0.0, hi: 1.0 });
    }

    #[test]
    fn motion_has_one_scale_for_every_clip_and_noise_is_none() {
        let (noise, mover) = (map(1, 1, 4, &[0.01, 0.02, 0.01, 0.02]), map(1, 1, 4, &[0.01, 0.02, 0.4, 0.3]));
        let trained = Some(Reach { floor: 0.02, reference: Some(0.5) });
        let untrained = Some(Reach { floor: 0.02, reference: None });
        for m in [&noise, &mover] {
            assert_eq!(motion_range(m, trained), Normalise { lo: 0.0, hi: 0.5 });
        }
        assert_eq!(motion_range(&noise, untrained).hi, 0.08);
        assert_eq!(motion_range(&mover, untrained).hi, 0.4);
        assert_eq!(motion_range(&mover, None).hi, 0.4);
        assert!(is_still(&noise, untrained) && !is_still(&mover, untrained) && !is_still(&noise, None));
        assert!(is_still(&map(1, 1, 2, &[0.0, 0.0]), None), "equal frames have exactly no motion");
    }

    #[test]
    fn a_grid_keeps_values_at_patch_centres_and_stays_in_range() {
        let m = map(2, 2, 2, &[9.0, 9.0, 9.0, 9.0, 0.0, 1.0, 2.0, 5.0]);
        let g = Grid::new(&m, 1, true);
        for (i, (x, y)) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)].into_iter().enumerate() {
            assert!((g.at(x, y) - m.frame(1)[i]).abs() < 1e-6);
        }
        assert!((g.at(0.5, 0.5) - 2.0).abs() < 1e-6, "the middle is the mean of the four");
        assert_eq!(g.at(0.0, 0.0), 0.0);
        let flat = Grid::new(&m, 1, false);
        assert_eq!((flat.at(0.49, 0.49), flat.at(0.51, 0.49), flat.at(0.99, 0.99)), (0.0, 1.0, 5.0));
        assert_eq!(Grid::new(&m, 7, true).at(0.5, 0.5), 0.0);
    }

    #[test]
    fn only_the_crop_is_coloured() {
        let crop = CropRect { x0: 0.25, y0: 0.0, x1: 0.75, y1: 1.0 };
        let out = lay(&gray(8, 2, 100), crop, 0.5, |_, _| Some([200, 0, 100]));
        for (x, pixel) in out.data.chunks_exact(3).take(8).enumerate() {
            let expected = if (2..6).contains(&x) { [150, 50, 100] } else { [100, 100, 100] };
            assert_eq!(pixel, expected, "column {x}");
        }
        assert_eq!(lay(&gray(0, 0, 0), crop, 0.5, |_, _| Some([0; 3])).data.len(), 0);
        let nowhere = CropRect { x0: 0.5, y0: 0.5, x1: 0.5, y1: 0.5 };
        assert_eq!(lay(&gray(4, 4, 7), nowhere, 1.0, |_, _| Some([0; 3])), gray(4, 4, 7));
    }

    #[test]
    fn a_legend_runs_from_low_to_high() {
        let strip = legend(Colormap::Viridis, 0.0, 16, 2);
        assert_eq!(strip.data.len(), 16 * 2 * 3);
        assert_eq!(strip.data[..3], Colormap::Viridis.color(0.0));
        assert_eq!(strip.data[45..48], Colormap::Viridis.color(1.0));
        assert_eq!(strip.data[..48], strip.data[48..]);
        let cut = legend(Colormap::Viridis, 0.5, 16, 2);
        assert_eq!(cut.data[24..48], strip.data[24..48], "the upper half is as before");
        assert!(
            cut.data[..24].chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]),
            "the lower half has no colour"
        );
    }

    #[test]
    fn a_threshold_is_a_share_of_the_scale_and_of_signed_values_a_distance_from_zero() {
        let motion = Normalise { lo: 0.0, hi: 0.5 };
        assert!(!motion.paints(0.19, false, 0.4) && motion.paints(0.21, false, 0.4));
        assert!((motion.at_share(0.4, false) - 0.2).abs() < 1e-6);
        assert!(motion.paints(f32::NAN, false, 0.0) && !motion.paints(f32::NAN, false, 0.01));
        let signed = Normalise { lo: -2.0, hi: 2.0 };
        for v in [-1.5, 1.5] {
            assert!(signed.paints(v, true, 0.7) && !signed.paints(v, true, 0.8), "{v}");
        }
        assert_eq!(signed.at_share(0.25, true), 0.5);
    }

    #[test]
    fn what_is_below_the_threshold_leaves_the_picture_as_it_is() {
        let whole = CropRect { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };
        let out = lay(&gray(4, 1, 9), whole, 1.0, |x, _| (x > 0.5).then_some([200; 3]));
        assert_eq!(out.data, [[9; 6], [200; 6]].concat());
    }
}
