//! Axes, lines and marks on a picture, for figures without a window.

use super::figure::{FAINT, INK};
use super::letters::Letters;
use crate::video::RgbImage;
use egui::FontId;
use vello_cpu::color::{AlphaColor, Srgb};
use vello_cpu::kurbo::{BezPath, Circle, Point, Rect, Shape, Stroke};
use vello_cpu::{Pixmap, RenderContext, Resources};

const GRID: [u8; 3] = [225; 3];
const SMALL: FontId = FontId::proportional(12.0);

/// A white picture that is drawn on; texts come over everything else.
pub struct Canvas {
    context: RenderContext,
    texts: Vec<Text>,
    letters: Letters,
}

struct Text {
    at: (u32, u32),
    text: String,
    font: FontId,
    width: u32,
    colour: [u8; 3],
}

/// A plot's place on the picture, and the numbers at its ends.
#[derive(Clone, Copy, Debug)]
pub struct Axes {
    pub rect: Rect,
    pub x: (f64, f64),
    pub y: (f64, f64),
}

impl Axes {
    /// Where a point lies; beyond the ends it is at them.
    pub fn at(&self, x: f64, y: f64) -> Point {
        let part = |v: f64, (lo, hi): (f64, f64)| ((v - lo) / (hi - lo).max(1e-12)).clamp(0.0, 1.0);
        let r = self.rect;
        Point::new(r.x0 + part(x, self.x) * r.width(), r.y1 - part(y, self.y) * r.height())
    }
}

impl Canvas {
    pub fn new(width: u16, height: u16) -> Self {
        let mut context = RenderContext::new(width, height);
        context.set_paint(AlphaColor::<Srgb>::from_rgba8(255, 255, 255, 255));
        context.fill_rect(&Rect::new(0.0, 0.0, f64::from(width), f64::from(height)));
        Self { context, texts: Vec::new(), letters: Letters::default() }
    }

    fn paint(&mut self, [r, g, b]: [u8; 3], alpha: u8) {
        self.context.set_paint(AlphaColor::<Srgb>::from_rgba8(r, g, b, alpha));
    }

    /// Writes `text`, broken into lines of at most `width` pixels, and gives its height.
    pub fn write(&mut self, at: (u32, u32), text: &str, font: FontId, width: u32, colour: [u8; 3]) -> u32 {
        self.texts.push(Text { at, text: text.to_owned(), font: font.clone(), width, colour });
        self.letters.height(text, font, width)
    }

    /// The width of `text` on one line.
    pub fn width(&mut self, text: &str, font: FontId) -> u32 {
        self.letters.width(text, font)
    }

    /// A rectangle filled with a thin colour.
    pub fn band(&mut self, rect: Rect, colour: [u8; 3], alpha: u8) {
        self.paint(colour, alpha);
        self.context.fill_rect(&rect);
    }

    /// A line through the points; `dash`: lengths of its strokes and gaps, none where it is whole.
    pub fn line(&mut self, points: &[Point], width: f64, colour: [u8; 3], dash: &[f64]) {
        let mut path = BezPath::new();
        for (i, point) in points.iter().enumerate() {
            if i == 0 { path.move_to(*point) } else { path.line_to(*point) }
        }
        self.paint(colour, 255);
        self.context.set_stroke(Stroke::new(width).with_dashes(0.0, dash.iter().copied()));
        self.context.stroke_path(&path);
    }

    pub fn dot(&mut self, at: Point, radius: f64, colour: [u8; 3]) {
        self.paint(colour, 255);
        self.context.fill_path(&Circle::new(at, radius).to_path(0.1));
    }

    /// A triangle that stands on `at` and points up.
    pub fn triangle(&mut self, at: Point, side: f64, colour: [u8; 3]) {
        let mut path = BezPath::new();
        path.move_to((at.x, at.y - side));
        path.line_to((at.x - side / 2.0, at.y));
        path.line_to((at.x + side / 2.0, at.y));
        path.close_path();
        self.paint(colour, 255);
        self.context.fill_path(&path);
    }

    /// The lines of a grid with their numbers: those of y left of it, and right of it where `right` says what stands for them there.
    pub fn grid(
        &mut self,
        axes: &Axes,
        times: Option<&dyn Fn(f64, f64) -> String>,
        right: Option<&dyn Fn(f64) -> f64>,
    ) {
        let r = axes.rect;
        let most = (r.height() / 40.0).max(2.0) as usize;
        let (step, marks) = ticks(axes.y.0, axes.y.1, most, &[1.0, 2.0, 5.0, 10.0]);
        for y in marks {
            let at = axes.at(axes.x.0, y);
            self.line(&[at, Point::new(r.x1, at.y)], 1.0, GRID, &[]);
            let top = (at.y - 8.0).max(0.0) as u32;
            let label = decimal(y, step);
            let width = self.width(&label, SMALL);
            self.write(((r.x0 - 6.0) as u32 - width, top), &label, SMALL, 100, INK);
            if let Some(other) = right {
                self.write(((r.x1 + 6.0) as u32, top), &decimal(other(y), step / 10.0), SMALL, 100, INK);
            }
        }
        let most = (r.width() / 90.0).max(2.0) as usize;
        // Minutes and hours have steps of their own.
        let steps: &[f64] = if axes.x.1 - axes.x.0 > 20.0 { &CLOCK } else { &[1.0, 2.0, 5.0, 10.0] };
        let (step, marks) = ticks(axes.x.0, axes.x.1, most, steps);
        for x in marks {
            let at = axes.at(x, axes.y.0);
            self.line(&[at, Point::new(at.x, r.y0)], 1.0, GRID, &[]);
            if let Some(words) = times {
                let label = words(x, step);
                let half = f64::from(self.width(&label, SMALL)) / 2.0;
                self.write(((at.x - half).max(0.0) as u32, r.y1 as u32 + 4), &label, SMALL, 200, INK);
            }
        }
    }

    pub fn frame(&mut self, axes: &Axes) {
        let (r, stroke) = (axes.rect, Stroke::new(1.0));
        self.paint(FAINT, 255);
        self.context.set_stroke(stroke);
        self.context.stroke_rect(&r);
    }

    /// The picture.
    pub fn finish(mut self) -> RgbImage {
        let (width, height) = (self.context.width(), self.context.height());
        let mut pixels = Pixmap::new(width, height);
        self.context.flush();
        self.context.render(&mut pixels, &mut Resources::new());
        // White lies under everything, so nothing of it is see-through.
        let data = pixels.data().iter().flat_map(|p| [p.r, p.g, p.b]).collect();
        let mut picture = RgbImage { width: u32::from(width), height: u32::from(height), data };
        for t in self.texts {
            self.letters.write(&mut picture, t.at, &t.text, t.font, t.width, t.colour);
        }
        picture
    }
}

/// Steps of time axes that are longer than some seconds.
const CLOCK: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];

/// Round numbers from `lo` to `hi`, at most about `most` of them, and the step between them: one of `steps`, or those of the decade that
/// fits where they are the round ones of one decade.
fn ticks(lo: f64, hi: f64, most: usize, steps: &[f64]) -> (f64, Vec<f64>) {
    let raw = ((hi - lo) / most as f64).max(1e-9);
    let decade = if steps.last() == Some(&10.0) { 10f64.powf(raw.log10().floor()) } else { 1.0 };
    let step = steps.iter().map(|s| s * decade).find(|s| *s >= raw).unwrap_or_else(|| {
        let hour = 3600.0;
        hour * (raw / hour).ceil()
    });
    let (first, last) = ((lo / step - 1e-6).ceil() as i64, (hi / step + 1e-6).floor() as i64);
    (step, (first..=last).map(|i| i as f64 * step).collect())
}

/// A time on an axis that ends at `end`, all in seconds: "0.25 s", or from a minute on "1:30" and "1:02:30".
pub fn time(at: f64, step: f64, end: f64) -> String {
    if end < 60.0 || step < 1.0 {
        return format!("{} s", decimal(at, step));
    }
    let s = at.round().max(0.0) as u64;
    match end >= 3600.0 {
        true => format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
        false => format!("{}:{:02}", s / 60, s % 60),
    }
}

/// With as many digits as the step needs.
fn decimal(v: f64, step: f64) -> String {
    let digits = (-step.log10() - 1e-6).ceil().clamp(0.0, 6.0) as usize;
    let text = format!("{v:.digits$}");
    if text.trim_start_matches('-').chars().all(|c| "0.".contains(c)) { text.replace('-', "") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_ends() {
        let (step, marks) = ticks(0.0, 1.0, 5, &[1.0, 2.0, 5.0, 10.0]);
        assert_eq!(
            marks.iter().map(|v| decimal(*v, step)).collect::<Vec<_>>(),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        let (step, marks) = ticks(-0.031, 0.29, 4, &[1.0, 2.0, 5.0, 10.0]);
        assert_eq!(marks.iter().map(|v| decimal(*v, step)).collect::<Vec<_>>(), ["0.0", "0.1", "0.2"]);
        assert_eq!(ticks(0.0, 7200.0, 12, &CLOCK).0, 600.0);
        assert_eq!(ticks(0.0, 90_000.0, 12, &CLOCK).0, 10_800.0);
        assert_eq!((time(0.4, 0.2, 3.0), time(90.0, 30.0, 300.0)), ("0.4 s".into(), "1:30".into()));
        assert_eq!(time(3750.0, 600.0, 7200.0), "1:02:30");
        assert_eq!(ticks(2.0, 2.0, 5, &[1.0, 2.0, 5.0, 10.0]).1, [2.0]);
    }

    #[test]
    fn what_is_drawn_is_where_its_axes_say() {
        let axes = Axes { rect: Rect::new(20.0, 10.0, 120.0, 60.0), x: (0.0, 10.0), y: (0.0, 1.0) };
        let mut canvas = Canvas::new(140, 80);
        canvas.line(&[axes.at(0.0, 0.5), axes.at(10.0, 0.5)], 2.0, [200, 0, 0], &[]);
        canvas.dot(axes.at(5.0, 1.0), 3.0, [0, 0, 200]);
        let picture = canvas.finish();
        let pixel = |x: u32, y: u32| {
            let i = 3 * (y * picture.width + x) as usize;
            [picture.data[i], picture.data[i + 1], picture.data[i + 2]]
        };
        assert_eq!((pixel(60, 34), pixel(60, 20), pixel(70, 10)), ([200, 0, 0], [255; 3], [0, 0, 200]));
        assert_eq!(axes.at(-3.0, 7.0), Point::new(20.0, 10.0), "beyond the ends it is at them");
    }
}
