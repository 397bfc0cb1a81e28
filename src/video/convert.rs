//! Frame to RGB in software, the same formula as `shaders/video.wgsl`: see [`super::frame::ColorMap`] and
//! [`super::frame::Geometry`].

use super::RgbImage;
use super::frame::{ColorMap, Frame, Layout, Plane};
use rayon::prelude::*;

/// For each output position the two neighbouring samples and the weight of the second.
struct Taps {
    taps: Vec<(u32, u32, f32)>,
    /// Every output position falls on the sample of the same number.
    is_identity: bool,
}

impl Taps {
    fn new(count: u32, samples: u32, position: impl Fn(f32) -> f32) -> Self {
        let last = (samples - 1) as f32;
        let tap = |i: u32| {
            let p = position(i as f32).clamp(0.0, last);
            let low = p.floor();
            (low as u32, (low as u32 + 1).min(samples - 1), p - low)
        };
        let taps: Vec<_> = (0..count).map(tap).collect();
        let is_identity = taps.iter().enumerate().all(|(i, &(low, _, f))| f == 0.0 && low as usize == i);
        Self { taps, is_identity }
    }
}

/// Taps of the rows and columns of the luma (or packed) plane and of the chroma planes.
struct AllTaps {
    luma: [Taps; 2],
    chroma: [Taps; 2],
}

/// The displayed picture of a frame.
pub(super) fn to_rgb(frame: &Frame) -> RgbImage {
    let (width, height) = frame.upright_size();
    let taps = taps(frame, width, height);
    let mut data = vec![0u8; 3 * width as usize * height as usize];
    let map = frame.color_map();
    data.par_chunks_exact_mut(3 * width as usize).enumerate().for_each_init(
        Scratch::default,
        |scratch, (y, out)| match frame.layout {
            Layout::Rgba => scratch.packed_row(frame, &taps, y, out),
            _ => scratch.yuv_row(frame, &taps, &map, y, out),
        },
    );
    orient(RgbImage { width, height, data }, frame.rotation, frame.mirrored)
}

fn taps(frame: &Frame, width: u32, height: u32) -> AllTaps {
    let g = frame.geometry();
    let chroma_plane = frame.plane(if frame.plane_count() > 1 { 1 } else { 0 });
    let luma = |axis: usize, count, samples| Taps::new(count, samples, |u| (u + 0.5) * g.scale[axis] - 0.5);
    let chroma = |axis: usize, count, samples, chroma_samples| {
        Taps::new(count, chroma_samples, |u| {
            let p = ((u + 0.5) * g.scale[axis] - 0.5).clamp(0.0, (samples - 1) as f32);
            p * g.chroma_scale[axis] + g.chroma_offset[axis]
        })
    };
    AllTaps {
        luma: [luma(0, width, frame.width), luma(1, height, frame.height)],
        chroma: [
            chroma(0, width, frame.width, chroma_plane.width),
            chroma(1, height, frame.height, chroma_plane.height),
        ],
    }
}

/// Rows of one thread, kept between rows.
#[derive(Default)]
struct Scratch {
    samples: Vec<f32>,
    y: Vec<f32>,
    cb: Vec<f32>,
    cr: Vec<f32>,
}

impl Scratch {
    fn yuv_row(&mut self, frame: &Frame, taps: &AllTaps, map: &ColorMap, y: usize, out: &mut [u8]) {
        let wide = frame.color.bits > 8;
        let plain = |index| Channel { plane: frame.plane(index), wide, step: 1, first: 0 };
        let (luma_row, chroma_row) = (taps.luma[1].taps[y], taps.chroma[1].taps[y]);
        plain(0).resample(luma_row, &taps.luma[0], &mut self.samples, &mut self.y);
        let (cb, cr) = match frame.layout {
            Layout::Nv12 => {
                let pair = |first| Channel { plane: frame.plane(1), wide: false, step: 2, first };
                (pair(0), pair(1))
            }
            Layout::Planar { .. } => (plain(1), plain(2)),
            Layout::Gray | Layout::Rgba => {
                for (px, luma) in out.chunks_exact_mut(3).zip(&self.y) {
                    px.fill(byte(map.luma_scale * (luma - map.luma_zero)));
                }
                return;
            }
        };
        cb.resample(chroma_row, &taps.chroma[0], &mut self.samples, &mut self.cb);
        cr.resample(chroma_row, &taps.chroma[0], &mut self.samples, &mut self.cr);
        let samples = self.y.iter().zip(&self.cb).zip(&self.cr);
        for (px, ((&luma, &cb), &cr)) in out.chunks_exact_mut(3).zip(samples) {
            let luma = map.luma_scale * (luma - map.luma_zero);
            let (cb, cr) = (cb - map.chroma_zero, cr - map.chroma_zero);
            px[0] = byte(luma + map.r_cr * cr);
            px[1] = byte(luma + map.g_cb * cb + map.g_cr * cr);
            px[2] = byte(luma + map.b_cb * cb);
        }
    }

    fn packed_row(&mut self, frame: &Frame, taps: &AllTaps, y: usize, out: &mut [u8]) {
        for first in 0..3 {
            let channel = Channel { plane: frame.plane(0), wide: false, step: 4, first };
            channel.resample(taps.luma[1].taps[y], &taps.luma[0], &mut self.samples, &mut self.y);
            for (px, v) in out.chunks_exact_mut(3).zip(&self.y) {
                px[first] = byte(v / 255.0);
            }
        }
    }
}

/// 0–1 to 0–255, rounded; what lies outside is clamped (`as` saturates).
fn byte(v: f32) -> u8 {
    (v * 255.0 + 0.5) as u8
}

/// One channel of a plane: every `step`-th sample from `first`.
struct Channel<'a> {
    plane: Plane<'a>,
    /// Samples are little-endian u16.
    wide: bool,
    step: usize,
    first: usize,
}

impl Channel<'_> {
    /// One row at a fractional position: blends two rows (`row`), then neighbours along it (`columns`), into `out`.
    fn resample(&self, row: (u32, u32, f32), columns: &Taps, scratch: &mut Vec<f32>, out: &mut Vec<f32>) {
        let (low, high, f) = row;
        self.read(low as usize, scratch, |_, v| v);
        if f > 0.0 {
            self.read(high as usize, scratch, |old, v| old + (v - old) * f);
        }
        out.clear();
        if columns.is_identity {
            out.extend_from_slice(scratch);
        } else {
            out.extend(columns.taps.iter().map(|&(low, high, f)| {
                let (a, b) = (scratch[low as usize], scratch[high as usize]);
                a + (b - a) * f
            }));
        }
    }

    /// Every sample of row `y` goes through `mix(value already in row, sample)` into `row`.
    fn read(&self, y: usize, row: &mut Vec<f32>, mix: impl Fn(f32, f32) -> f32) {
        row.resize(self.plane.width as usize, 0.0);
        let bytes = self.plane.row(y);
        if self.wide {
            for (v, b) in row.iter_mut().zip(bytes.chunks_exact(2)) {
                *v = mix(*v, f32::from(u16::from_le_bytes([b[0], b[1]])));
            }
        } else if self.step == 1 {
            for (v, &b) in row.iter_mut().zip(bytes) {
                *v = mix(*v, f32::from(b));
            }
        } else {
            for (v, b) in row.iter_mut().zip(bytes.chunks_exact(self.step)) {
                *v = mix(*v, f32::from(b[self.first]));
            }
        }
    }
}

/// Flips left to right, then turns clockwise by `rotation` degrees.
fn orient(image: RgbImage, rotation: u16, mirrored: bool) -> RgbImage {
    if rotation == 0 && !mirrored {
        return image;
    }
    let (w, h) = (image.width as usize, image.height as usize);
    let (width, height) = if rotation.is_multiple_of(180) { (w, h) } else { (h, w) };
    let mut data = vec![0u8; image.data.len()];
    data.par_chunks_exact_mut(3 * width).enumerate().for_each(|(dy, out)| {
        for (dx, px) in out.chunks_exact_mut(3).enumerate() {
            let (x, y) = match rotation {
                90 => (dy, h - 1 - dx),
                180 => (w - 1 - dx, h - 1 - dy),
                270 => (w - 1 - dy, dx),
                _ => (dx, dy),
            };
            let x = if mirrored { w - 1 - x } else { x };
            let at = 3 * (y * w + x);
            px.copy_from_slice(&image.data[at..at + 3]);
        }
    });
    RgbImage { width: width as u32, height: height as u32, data }
}
