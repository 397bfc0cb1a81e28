//! ffmpeg's frames as ours. The common layouts keep the decoder's own buffers by reference count; the rest goes
//! through swscale once: to 4:4:4 where it is Y'CbCr (so that our matrix applies), else to RGBA.

use crate::video::frame::{Color, Frame, FrameSpec, Layout, Matrix, PlaneStore, Range, Siting, size_allowed};
use crate::video::{Pts, VideoError};
use ff::format::Pixel;
use ff::software::scaling;
use ffmpeg_next as ff;
use std::path::Path;

/// What the container says of how its pictures are shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Display {
    pub(super) turn: Turn,
    /// Goes before what the frames say; (0, _) where there is none.
    pub(super) sample_aspect: (u32, u32),
}

/// How the container asks for the picture to be turned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// Clockwise degrees: 0, 90, 180, 270.
    pub(super) rotation: u16,
    /// Flipped left to right first.
    pub(super) mirrored: bool,
}

impl Turn {
    /// From the 3×3 matrix of 32-bit numbers that ffmpeg passes on; only its upper left 2×2 part matters.
    pub(super) fn from_display_matrix(bytes: &[u8]) -> Self {
        let mut m = bytes.chunks_exact(4).map(|b| f64::from(i32::from_ne_bytes([b[0], b[1], b[2], b[3]])));
        let values: Vec<f64> = m.by_ref().take(9).collect();
        let &[a, b, _, c, d, _, ..] = values.as_slice() else { return Self::default() };
        let mirrored = a * d - b * c < 0.0;
        let (a, b) = if mirrored { (-a, -b) } else { (a, b) };
        if a == 0.0 && b == 0.0 {
            return Self::default();
        }
        let quarter = (b.atan2(a) / std::f64::consts::FRAC_PI_2).round() as i32;
        Self { rotation: quarter.rem_euclid(4) as u16 * 90, mirrored }
    }
}

/// Planes in the decoder's buffer.
struct AvPlanes(ff::frame::Video);

impl PlaneStore for AvPlanes {
    fn plane(&self, index: usize) -> (&[u8], usize) {
        (self.0.data(index), self.0.stride(index))
    }
}

/// `None` where the frame holds no usable picture; an error only where it is too large to be shown.
pub(super) fn frame(
    path: &Path,
    av: ff::frame::Video,
    pts: Pts,
    duration: Pts,
    display: &Display,
) -> Result<Option<Frame>, VideoError> {
    let (width, height) = (av.width(), av.height());
    if width == 0 || height == 0 {
        return Ok(None);
    }
    if !size_allowed(width, height) {
        return Err(VideoError::TooLarge { path: path.to_owned(), width, height });
    }
    let format = av.format();
    let own = av.aspect_ratio();
    let sample_aspect = match display.sample_aspect {
        (num, den) if num > 0 && den > 0 => (num, den),
        _ => (own.numerator().max(0) as u32, own.denominator().max(0) as u32),
    };
    let (av, (layout, bits)) = match layout(format) {
        Some(layout) if strides_are_positive(&av) => (av, layout),
        _ => match convert(&av) {
            Some(converted) => converted,
            None => return Ok(None),
        },
    };
    let spec = FrameSpec {
        pts,
        duration,
        width,
        height,
        layout,
        color: color(&av, format, layout, bits),
        rotation: display.turn.rotation,
        mirrored: display.turn.mirrored,
        sample_aspect,
    };
    Ok(Frame::new(spec, Box::new(AvPlanes(av))))
}

/// Pictures stored bottom up have negative strides.
fn strides_are_positive(av: &ff::frame::Video) -> bool {
    (0..av.planes()).all(|i| av.stride(i) <= i32::MAX as usize)
}

/// Layout and bits of the formats whose planes are taken as they are; known by ffmpeg's name.
fn layout(format: Pixel) -> Option<(Layout, u8)> {
    let name = format.descriptor()?.name();
    match name {
        "gray" => return Some((Layout::Gray, 8)),
        "nv12" => return Some((Layout::Nv12, 8)),
        "rgba" | "rgb0" => return Some((Layout::Rgba, 8)),
        _ => {}
    }
    let bits = |s: &str| s.strip_suffix("le").and_then(|s| s.parse().ok()).filter(|b| (9..=16).contains(b));
    if let Some(rest) = name.strip_prefix("gray") {
        return Some((Layout::Gray, bits(rest)?));
    }
    let rest = ["yuvj", "yuva", "yuv"].iter().find_map(|p| name.strip_prefix(p))?;
    let (shift_x, shift_y, rest) = match rest.split_at_checked(4)? {
        ("420p", rest) => (1, 1, rest),
        ("422p", rest) => (1, 0, rest),
        ("444p", rest) => (0, 0, rest),
        _ => return None,
    };
    let bits = if rest.is_empty() { 8 } else { bits(rest)? };
    Some((Layout::Planar { shift_x, shift_y }, bits))
}

/// Through swscale, colours untouched where the picture is Y'CbCr or grey.
fn convert(av: &ff::frame::Video) -> Option<(ff::frame::Video, (Layout, u8))> {
    let format = av.format();
    let descriptor = format.descriptor()?;
    let name = descriptor.name();
    let is_yuv = ["yuv", "yuy", "yvy", "uyv", "uyy", "nv", "p0", "p2", "p4", "y2", "vuy"]
        .iter()
        .any(|p| name.starts_with(p));
    let is_gray = name.starts_with("gray") || name.starts_with("ya");
    let target = match (is_yuv, is_gray) {
        (true, _) if name.contains("yuvj") => Pixel::YUVJ444P,
        (true, _) if descriptor.bits_per_pixel() > 24 => Pixel::YUV444P16LE,
        (true, _) => Pixel::YUV444P,
        (_, true) => Pixel::GRAY8,
        _ => Pixel::RGBA,
    };
    let (w, h) = (av.width(), av.height());
    let flags = scaling::Flags::BILINEAR | scaling::Flags::ACCURATE_RND | scaling::Flags::FULL_CHR_H_INT;
    let mut scaler = scaling::Context::get(format, w, h, target, w, h, flags).ok()?;
    let mut out = ff::frame::Video::empty();
    scaler.run(av, &mut out).ok()?;
    out.set_color_space(av.color_space());
    out.set_color_range(av.color_range());
    Some((out, layout(target)?))
}

/// How the code values are to be read; `source` is the decoder's pixel format.
fn color(av: &ff::frame::Video, source: Pixel, layout: Layout, bits: u8) -> Color {
    use ff::color::{Range as AvRange, Space};
    let matrix = match av.color_space() {
        Space::BT709 => Matrix::Bt709,
        Space::BT470BG | Space::SMPTE170M | Space::FCC | Space::SMPTE240M => Matrix::Bt601,
        Space::BT2020NCL | Space::BT2020CL => Matrix::Bt2020,
        // As players do where the file does not say.
        _ if av.height() >= 720 || av.width() >= 1280 => Matrix::Bt709,
        _ => Matrix::Bt601,
    };
    let jpeg = source.descriptor().is_some_and(|d| d.name().starts_with("yuvj"));
    let range = match av.color_range() {
        _ if jpeg || layout == Layout::Rgba => Range::Full,
        AvRange::JPEG => Range::Full,
        AvRange::MPEG => Range::Limited,
        AvRange::Unspecified if layout == Layout::Gray => Range::Full,
        AvRange::Unspecified => Range::Limited,
    };
    let siting = match av.chroma_location() {
        ff::chroma::Location::Center => Siting::Center,
        ff::chroma::Location::TopLeft => Siting::TopLeft,
        _ if jpeg => Siting::Center,
        _ => Siting::Left,
    };
    Color { matrix, range, bits, siting }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(a: i32, b: i32, c: i32, d: i32) -> Turn {
        let m = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30];
        Turn::from_display_matrix(&m.iter().flat_map(|v| v.to_ne_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn display_matrices() {
        let turn = |rotation, mirrored| Turn { rotation, mirrored };
        assert_eq!(matrix(1, 0, 0, 1), turn(0, false));
        assert_eq!(matrix(0, 1, -1, 0), turn(90, false));
        assert_eq!(matrix(-1, 0, 0, -1), turn(180, false));
        assert_eq!(matrix(0, -1, 1, 0), turn(270, false));
        assert_eq!(matrix(-1, 0, 0, 1), turn(0, true), "left to right");
        assert_eq!(matrix(1, 0, 0, -1), turn(180, true), "top to bottom");
        assert_eq!(matrix(0, 0, 0, 0), turn(0, false), "nonsense");
        assert_eq!(Turn::from_display_matrix(&[1, 2, 3]), turn(0, false), "too short");
    }

    #[test]
    fn layouts_by_name() {
        let planar = |shift_x, shift_y| Layout::Planar { shift_x, shift_y };
        assert_eq!(layout(Pixel::YUV420P), Some((planar(1, 1), 8)));
        assert_eq!(layout(Pixel::YUVJ422P), Some((planar(1, 0), 8)));
        assert_eq!(layout(Pixel::YUVA444P), Some((planar(0, 0), 8)));
        assert_eq!(layout(Pixel::YUV420P10LE), Some((planar(1, 1), 10)));
        assert_eq!(layout(Pixel::GRAY12LE), Some((Layout::Gray, 12)));
        assert_eq!(layout(Pixel::YUV420P10BE), None);
        assert_eq!(layout(Pixel::YUV410P), None);
        assert_eq!(layout(Pixel::PAL8), None);
    }
}
