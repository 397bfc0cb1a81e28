//! Painting with smooth edges: capsules and rounded boxes by their distance from a pixel, onto a layer that is then laid over
//! the picture. Coordinates are canonical; a layer knows its size.

use super::{Colour, Point, SIDE};

/// The outline of a part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outline {
    /// From one round end to the other, each with its radius; a disc where both ends are one.
    Capsule { from: Point, to: Point, radii: [f32; 2] },
    /// A box about a centre, turned by an angle, with rounded corners.
    Block { centre: Point, half: Point, angle: f32, round: f32 },
}

/// One painted part; later parts cover earlier ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub outline: Outline,
    pub colour: Colour,
    /// How much lighter the side towards the light is (above and to the left), and darker the other.
    pub shade: f32,
}

impl Part {
    pub fn limb(from: Point, to: Point, radii: [f32; 2], colour: Colour) -> Self {
        Self { outline: Outline::Capsule { from, to, radii }, colour, shade: 0.22 }
    }

    pub fn disc(centre: Point, radius: f32, colour: Colour) -> Self {
        Self::limb(centre, centre, [radius; 2], colour)
    }

    pub fn block(centre: Point, half: Point, colour: Colour) -> Self {
        let outline = Outline::Block { centre, half, angle: 0.0, round: 0.5 };
        Self { outline, colour, shade: 0.1 }
    }

    pub fn shaded(self, shade: f32) -> Self {
        Self { shade, ..self }
    }

    pub fn moved(self, by: Point) -> Self {
        let at = |p: Point| [p[0] + by[0], p[1] + by[1]];
        let outline = match self.outline {
            Outline::Capsule { from, to, radii } => Outline::Capsule { from: at(from), to: at(to), radii },
            Outline::Block { centre, half, angle, round } => {
                Outline::Block { centre: at(centre), half, angle, round }
            }
        };
        Self { outline, ..self }
    }

    /// The corners of what can be covered, with a margin for the smooth edge.
    fn bounds(&self) -> [Point; 2] {
        let (a, b, reach) = match self.outline {
            Outline::Capsule { from, to, radii } => (from, to, radii[0].max(radii[1])),
            Outline::Block { centre, half, .. } => (centre, centre, half[0].hypot(half[1])),
        };
        let reach = reach + 1.0;
        let low = [0, 1].map(|i| a[i].min(b[i]) - reach);
        [low, [0, 1].map(|i| a[i].max(b[i]) + reach)]
    }

    /// Distance of a point from the outline, negative inside, and the light on it.
    fn at(&self, p: Point) -> (f32, f32) {
        match self.outline {
            Outline::Capsule { from, to, radii } => {
                let (along, d) = ([to[0] - from[0], to[1] - from[1]], [p[0] - from[0], p[1] - from[1]]);
                let length = along[0] * along[0] + along[1] * along[1] + 1e-6;
                let h = ((d[0] * along[0] + d[1] * along[1]) / length).clamp(0.0, 1.0);
                let e = [d[0] - along[0] * h, d[1] - along[1] * h];
                let radius = radii[0] + (radii[1] - radii[0]) * h;
                let light = -(e[0] + e[1]) * 0.7 / (radius + 0.5);
                ((e[0] * e[0] + e[1] * e[1]).sqrt() - radius, 1.0 + self.shade * light)
            }
            Outline::Block { centre, half, angle, round } => {
                let (sin, cos) = angle.sin_cos();
                let d = [p[0] - centre[0], p[1] - centre[1]];
                let turned = [cos * d[0] + sin * d[1], -sin * d[0] + cos * d[1]];
                let q = [0, 1].map(|i| turned[i].abs() - half[i] + round);
                let outside = (q[0].max(0.0).powi(2) + q[1].max(0.0).powi(2)).sqrt();
                let light = -turned[1] / (half[1] + 0.5);
                (outside + q[0].max(q[1]).min(0.0) - round, 1.0 + self.shade * light)
            }
        }
    }
}

/// Parts painted on nothing: colours times opacity, and opacity.
pub struct Layer {
    size: usize,
    /// `size²` times RGBA.
    pixels: Vec<[f32; 4]>,
}

impl Layer {
    pub fn new(size: usize, parts: &[Part]) -> Self {
        let mut layer = Self { size, pixels: vec![[0.0; 4]; size * size] };
        parts.iter().for_each(|part| layer.paint(part));
        layer
    }

    fn paint(&mut self, part: &Part) {
        let scale = self.size as f32 / SIDE;
        let [low, high] = part.bounds();
        let range = |i: usize| {
            let from = (low[i] * scale).floor().clamp(0.0, self.size as f32) as usize;
            from..(high[i] * scale).ceil().clamp(0.0, self.size as f32) as usize
        };
        let (rows, columns) = (range(1), range(0));
        for y in rows {
            for x in columns.clone() {
                let point = [(x as f32 + 0.5) / scale, (y as f32 + 0.5) / scale];
                let (distance, light) = part.at(point);
                let cover = (0.5 - distance * scale).clamp(0.0, 1.0);
                if cover > 0.0 {
                    let pixel = &mut self.pixels[y * self.size + x];
                    for (value, c) in pixel.iter_mut().zip(part.colour) {
                        *value = *value * (1.0 - cover) + (c * light).clamp(0.0, 1.0) * cover;
                    }
                    pixel[3] = pixel[3] * (1.0 - cover) + cover;
                }
            }
        }
    }

    /// Lays it over an interleaved RGB picture of its size; `weight` below 1 lets the picture shine through.
    pub fn over(&self, picture: &mut [f32], weight: f32) {
        for (pixel, layer) in picture.chunks_exact_mut(3).zip(&self.pixels) {
            let opacity = layer[3] * weight;
            if opacity > 0.0 {
                for (value, c) in pixel.iter_mut().zip(layer) {
                    *value = *value * (1.0 - opacity) + c * weight;
                }
            }
        }
    }

    /// What it covers, 0–1 a pixel.
    pub fn mask(&self) -> Vec<f32> {
        self.pixels.iter().map(|p| p[3]).collect()
    }
}
