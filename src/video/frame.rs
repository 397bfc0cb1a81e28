//! A decoded frame with its planes as they came from the decoder, and the one description of how they become a
//! picture: [`ColorMap`] (code values to RGB) and [`Geometry`] (display pixel to plane position). The software
//! conversion and the shader both follow these two, which is why they agree.

use super::{Pts, RgbImage, convert};

/// Largest width or height that is opened.
pub const MAX_SIDE: u32 = 16_384;
/// Most pixels that a picture may have.
pub const MAX_PIXELS: u64 = 100_000_000;
/// Sample aspect ratios outside 1/8..8 are taken for damage and ignored.
const MAX_ASPECT: f64 = 8.0;

/// How the planes hold the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One luma plane.
    Gray,
    /// Planes Y, Cb, Cr; the chroma planes are smaller by 2^x and 2^y.
    Planar { shift_x: u8, shift_y: u8 },
    /// Plane Y and a plane of Cb, Cr pairs at half width and height; 8 bits.
    Nv12,
    /// One plane of R, G, B, A bytes; alpha is ignored.
    Rgba,
}

/// Luma weights of the Y'CbCr matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    Bt601,
    Bt709,
    Bt2020,
}

impl Matrix {
    /// (K_R, K_B).
    fn weights(self) -> (f32, f32) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Bt601 => "bt601",
            Self::Bt709 => "bt709",
            Self::Bt2020 => "bt2020",
        }
    }
}

/// Which code values are black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// 16–235 (chroma 16–240) of 8 bits.
    Limited,
    /// 0–255.
    Full,
}

/// Where a subsampled chroma sample lies among its luma samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Siting {
    /// On the left luma column, between the rows (MPEG-2, H.264, H.265 default).
    Left,
    /// In the middle (JPEG, MPEG-1).
    Center,
    /// On the top left luma sample.
    TopLeft,
}

/// How code values are to be read. HDR transfer curves (PQ, HLG) are shown as they are, without tone mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color {
    pub matrix: Matrix,
    pub range: Range,
    /// Bits of a sample: 8 (bytes) or 9 to 16 (little-endian u16, value in the low bits).
    pub bits: u8,
    pub siting: Siting,
}

/// One plane: rows of `stride` bytes, of which the first `row_bytes` hold samples.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    pub data: &'a [u8],
    pub stride: usize,
    /// In samples (pairs for the chroma of NV12, pixels for RGBA).
    pub width: u32,
    pub height: u32,
    pub row_bytes: usize,
}

impl<'a> Plane<'a> {
    /// The samples of row `y`, which must be less than `height`.
    pub fn row(&self, y: usize) -> &'a [u8] {
        let start = y * self.stride;
        &self.data[start..start + self.row_bytes]
    }
}

/// Who owns the bytes of the planes: the decoder's reference-counted buffer or a `Vec` (tests, conversions).
pub trait PlaneStore: Send + Sync {
    /// Bytes and stride of plane `index`.
    fn plane(&self, index: usize) -> (&[u8], usize);
}

/// Planes in memory of our own: bytes and stride of each.
impl PlaneStore for Vec<(Vec<u8>, usize)> {
    fn plane(&self, index: usize) -> (&[u8], usize) {
        let (data, stride) = &self[index];
        (data, *stride)
    }
}

/// A decoded frame.
pub struct Frame {
    pub pts: Pts,
    /// How long it is shown as the container says; 0 where it does not.
    pub duration: Pts,
    /// Coded size in samples, before rotation.
    pub width: u32,
    pub height: u32,
    pub layout: Layout,
    pub color: Color,
    /// 0, 90, 180 or 270: how far the coded picture is to be turned clockwise.
    pub rotation: u16,
    /// The coded picture is to be flipped left to right before it is turned.
    pub mirrored: bool,
    /// Width : height of one sample.
    pub sample_aspect: (u32, u32),
    store: Box<dyn PlaneStore>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame")
            .field("pts", &self.pts)
            .field("size", &(self.width, self.height))
            .field("layout", &self.layout)
            .field("color", &self.color)
            .finish_non_exhaustive()
    }
}

/// What a new frame is made of, besides its planes.
#[derive(Clone, Copy, Debug)]
pub struct FrameSpec {
    pub pts: Pts,
    pub duration: Pts,
    pub width: u32,
    pub height: u32,
    pub layout: Layout,
    pub color: Color,
    pub rotation: u16,
    pub mirrored: bool,
    pub sample_aspect: (u32, u32),
}

impl Frame {
    /// Checks that the planes are as large as the layout says, so that reading them cannot fail later.
    /// `None` where they are not, or the size is 0 or above the limits.
    pub fn new(spec: FrameSpec, store: Box<dyn PlaneStore>) -> Option<Self> {
        let FrameSpec { pts, duration, width, height, layout, color, rotation, mirrored, sample_aspect } =
            spec;
        if !size_allowed(width, height) || !matches!(rotation, 0 | 90 | 180 | 270) {
            return None;
        }
        let frame =
            Self { pts, duration, width, height, layout, color, rotation, mirrored, sample_aspect, store };
        for i in 0..frame.plane_count() {
            let (_, h, row_bytes) = frame.plane_size(i);
            let (data, stride) = frame.store.plane(i);
            let needed = stride.checked_mul(h as usize - 1).and_then(|n| n.checked_add(row_bytes));
            if stride < row_bytes || needed.is_none_or(|n| n > data.len()) {
                return None;
            }
        }
        Some(frame)
    }

    pub fn plane_count(&self) -> usize {
        match self.layout {
            Layout::Gray | Layout::Rgba => 1,
            Layout::Nv12 => 2,
            Layout::Planar { .. } => 3,
        }
    }

    /// Width and height in samples, and bytes of a row.
    fn plane_size(&self, index: usize) -> (u32, u32, usize) {
        let (sx, sy) = if index == 0 { (0, 0) } else { self.chroma_shift() };
        let (w, h) = (self.width.div_ceil(1 << sx), self.height.div_ceil(1 << sy));
        let sample = match self.layout {
            Layout::Rgba => 4,
            Layout::Nv12 if index == 1 => 2,
            _ if self.color.bits > 8 => 2,
            _ => 1,
        };
        (w, h, w as usize * sample)
    }

    /// Plane `index` < [`Frame::plane_count`].
    pub fn plane(&self, index: usize) -> Plane<'_> {
        let (width, height, row_bytes) = self.plane_size(index);
        let (data, stride) = self.store.plane(index);
        Plane { data, stride, width, height, row_bytes }
    }

    /// log2 of the chroma subsampling, (0, 0) without chroma planes.
    pub fn chroma_shift(&self) -> (u8, u8) {
        match self.layout {
            Layout::Gray | Layout::Rgba => (0, 0),
            Layout::Nv12 => (1, 1),
            Layout::Planar { shift_x, shift_y } => (shift_x, shift_y),
        }
    }

    /// Bytes that the planes take, for bounding queues.
    pub fn bytes(&self) -> usize {
        (0..self.plane_count()).map(|i| self.plane(i)).map(|p| p.stride * p.height as usize).sum()
    }

    /// Size in square pixels before rotation: the longer direction of a non-square sample is stretched.
    pub fn upright_size(&self) -> (u32, u32) {
        let (w, h) = (self.width, self.height);
        let (num, den) = self.sample_aspect;
        if num == 0 || den == 0 || num == den {
            return (w, h);
        }
        let aspect = f64::from(num) / f64::from(den);
        if !(1.0 / MAX_ASPECT..=MAX_ASPECT).contains(&aspect) {
            return (w, h);
        }
        let stretched = if aspect > 1.0 {
            ((f64::from(w) * aspect).round() as u32, h)
        } else {
            (w, (f64::from(h) / aspect).round() as u32)
        };
        if size_allowed(stretched.0, stretched.1) { stretched } else { (w, h) }
    }

    /// Size of the displayed picture: square pixels, after rotation.
    pub fn display_size(&self) -> (u32, u32) {
        let (w, h) = self.upright_size();
        if self.rotation.is_multiple_of(180) { (w, h) } else { (h, w) }
    }

    /// The displayed picture, converted in software (METHOD's clips and the headless commands take this path).
    pub fn to_rgb(&self) -> RgbImage {
        convert::to_rgb(self)
    }

    /// Code values to RGB.
    pub fn color_map(&self) -> ColorMap {
        ColorMap::new(self.layout, self.color)
    }

    /// Display position to plane position.
    pub fn geometry(&self) -> Geometry {
        let (uw, uh) = self.upright_size();
        let (shift_x, shift_y) = self.chroma_shift();
        let (cx, cy) = match self.color.siting {
            Siting::Left => (0.0, -0.25),
            Siting::Center => (-0.25, -0.25),
            Siting::TopLeft => (0.0, 0.0),
        };
        Geometry {
            scale: [self.width as f32 / uw as f32, self.height as f32 / uh as f32],
            chroma_scale: [1.0 / f32::from(1u8 << shift_x), 1.0 / f32::from(1u8 << shift_y)],
            chroma_offset: [if shift_x > 0 { cx } else { 0.0 }, if shift_y > 0 { cy } else { 0.0 }],
        }
    }
}

/// Neither 0 nor above [`MAX_SIDE`] and [`MAX_PIXELS`].
pub fn size_allowed(width: u32, height: u32) -> bool {
    (1..=MAX_SIDE).contains(&width)
        && (1..=MAX_SIDE).contains(&height)
        && u64::from(width) * u64::from(height) <= MAX_PIXELS
}

/// RGB in 0–1 from code values (Y, Cb, Cr as they are stored, 0 to 2^bits − 1):
/// `y' = luma_scale·(Y − luma_zero)`, `R = y' + r_cr·(Cr − c0)`, `G = y' + g_cb·(Cb − c0) + g_cr·(Cr − c0)`,
/// `B = y' + b_cb·(Cb − c0)`, then clamped and rounded to 8 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColorMap {
    pub luma_scale: f32,
    pub luma_zero: f32,
    pub chroma_zero: f32,
    pub r_cr: f32,
    pub g_cb: f32,
    pub g_cr: f32,
    pub b_cb: f32,
}

impl ColorMap {
    fn new(layout: Layout, color: Color) -> Self {
        let unit = f32::from(1u16 << (color.bits - 8).min(8));
        let max = (1u32 << color.bits) as f32 - 1.0;
        let (luma_zero, luma_span, chroma_span) = match color.range {
            Range::Limited => (16.0 * unit, 219.0 * unit, 224.0 * unit),
            Range::Full => (0.0, max, max),
        };
        let (kr, kb) = color.matrix.weights();
        let kg = 1.0 - kr - kb;
        let chroma = if layout == Layout::Gray { 0.0 } else { 1.0 / chroma_span };
        Self {
            luma_scale: 1.0 / luma_span,
            luma_zero,
            chroma_zero: 128.0 * unit,
            r_cr: 2.0 * (1.0 - kr) * chroma,
            g_cb: -2.0 * kb * (1.0 - kb) / kg * chroma,
            g_cr: -2.0 * kr * (1.0 - kr) / kg * chroma,
            b_cb: 2.0 * (1.0 - kb) * chroma,
        }
    }
}

/// Positions of samples, in units of samples with the first at 0. An upright pixel (square, before rotation) at
/// `u` lies at luma position `p = (u + ½)·scale − ½`, clamped to the plane, and at chroma position
/// `p·chroma_scale + chroma_offset`, clamped to the plane; values between samples are bilinear.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geometry {
    pub scale: [f32; 2],
    pub chroma_scale: [f32; 2],
    pub chroma_offset: [f32; 2],
}
