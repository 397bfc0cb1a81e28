//! Picture to model input (METHOD §1 "Preprocess"): resize the shorter side, crop the middle, normalise.

use super::RgbImage;
use super::resample::{self, Filter};

/// CLIP's pixel statistics.
pub const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
pub const CLIP_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
/// ImageNet's, which the X-CLIP family uses.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// The part of the picture that the model saw, in fractions of the displayed picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CropRect {
    pub x0: f32,
    pub y0: f32,
    pub x1: f32,
    pub y1: f32,
}

/// How the shorter side gets to the picture side R.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// Shorter side to R, bicubic (a = −½) with antialiasing; then the middle R×R.
    Clip,
    /// Shorter side to R·256/224, the longer rounded, bilinear without antialiasing; then the middle R×R.
    VideoX,
}

/// Turns a picture into `(3, R, R)` normalised floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocess {
    /// R.
    pub size: usize,
    pub mean: [f32; 3],
    pub std: [f32; 3],
    pub resize: Resize,
}

impl Preprocess {
    /// CLIP's preprocessing at side `size`.
    pub fn clip(size: usize) -> Self {
        Self { size, mean: CLIP_MEAN, std: CLIP_STD, resize: Resize::Clip }
    }

    /// The preprocessing of ViFi-CLIP, X-CLIP and TC-CLIP at side `size`.
    pub fn videox(size: usize) -> Self {
        Self { size, mean: IMAGENET_MEAN, std: IMAGENET_STD, resize: Resize::VideoX }
    }

    /// Size after resizing: shorter side s, longer s·long/short, cut off as CLIP's code does or rounded as the others'.
    fn resized(&self, width: u32, height: u32) -> (u32, u32) {
        let (side, half) = match self.resize {
            Resize::Clip => (self.size as u64, 0),
            Resize::VideoX => ((self.size * 256 / 224) as u64, 1),
        };
        let long = |long: u32, short: u32| {
            let short = u64::from(short.max(1));
            ((2 * side * u64::from(long) + half * short) / (2 * short)) as u32
        };
        let side = side as u32;
        if width <= height { (side, long(height, width)) } else { (long(width, height), side) }
    }

    /// Left and top of the middle R×R of a resized picture.
    fn offset(&self, width: u32, height: u32) -> (u32, u32) {
        let r = self.size as u32;
        ((width.saturating_sub(r)) / 2, (height.saturating_sub(r)) / 2)
    }

    /// The part of the displayed picture that the model sees.
    pub fn crop_rect(&self, width: u32, height: u32) -> CropRect {
        let (w, h) = self.resized(width, height);
        let (x, y) = self.offset(w, h);
        let (w, h, r) = (w as f32, h as f32, self.size as f32);
        CropRect { x0: x as f32 / w, y0: y as f32 / h, x1: (x as f32 + r) / w, y1: (y as f32 + r) / h }
    }

    /// The resized and cropped picture, R×R. A picture without pixels gives black.
    pub fn crop(&self, image: &RgbImage) -> RgbImage {
        let side = self.size as u32;
        let resized = self.resize(image).unwrap_or_else(|| RgbImage {
            width: side,
            height: side,
            data: vec![0; 3 * self.size * self.size],
        });
        let (x, y) = self.offset(resized.width, resized.height);
        let row_bytes = 3 * resized.width as usize;
        let data = (0..self.size)
            .flat_map(|row| {
                let start = (y as usize + row) * row_bytes + 3 * x as usize;
                resized.data[start..start + 3 * self.size].iter().copied()
            })
            .collect();
        RgbImage { width: side, height: side, data }
    }

    fn resize(&self, image: &RgbImage) -> Option<RgbImage> {
        if image.width == 0 || image.height == 0 || self.size == 0 {
            return None;
        }
        let slim = middle(image);
        let image = slim.as_ref().unwrap_or(image);
        let (width, height) = self.resized(image.width, image.height);
        if (width, height) == (image.width, image.height) {
            return Some(image.clone());
        }
        let filter = match self.resize {
            Resize::Clip => Filter::Bicubic,
            Resize::VideoX => Filter::Nearby,
        };
        Some(resample::resize(image, width, height, filter))
    }

    /// `(3, R, R)` floats, channel by channel: `(value/255 − mean) / std`.
    pub fn apply(&self, image: &RgbImage) -> Vec<f32> {
        let crop = self.crop(image);
        let plane = self.size * self.size;
        let mut out = vec![0.0; 3 * plane];
        for (channel, values) in out.chunks_exact_mut(plane.max(1)).enumerate() {
            let (scale, shift) = (1.0 / (255.0 * self.std[channel]), self.mean[channel] / self.std[channel]);
            for (v, px) in values.iter_mut().zip(crop.data.chunks_exact(3)) {
                *v = f32::from(px[channel]) * scale - shift;
            }
        }
        out
    }
}

/// Of a picture that is very much longer than wide only the middle can be in the crop; without this, resizing a
/// 1×16384 picture would take gigabytes.
fn middle(image: &RgbImage) -> Option<RgbImage> {
    const LONGEST: u32 = 20;
    let (w, h) = (image.width, image.height);
    let (width, height) = (w.min(h.saturating_mul(LONGEST)), h.min(w.saturating_mul(LONGEST)));
    if (width, height) == (w, h) {
        return None;
    }
    let (x, y) = (((w - width) / 2) as usize, ((h - height) / 2) as usize);
    let rows = image.data.chunks_exact(3 * w as usize).skip(y).take(height as usize);
    let data = rows.flat_map(|row| row[3 * x..3 * (x + width as usize)].iter().copied()).collect();
    Some(RgbImage { width, height, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> RgbImage {
        let path = format!("{}/tests/fixtures/preprocess/{name}.png", env!("CARGO_MANIFEST_DIR"));
        let image = image::open(&path).expect(&path).to_rgb8();
        RgbImage { width: image.width(), height: image.height(), data: image.into_raw() }
    }

    /// The share of equal values of the crop and what another program made of the same picture; none differs by more than 1.
    fn equal(preprocess: Preprocess, name: &str, other: &str) -> f64 {
        let got = preprocess.crop(&read(name));
        let want = read(&format!("{name}.{other}"));
        assert_eq!((got.width, got.height), (want.width, want.height), "{name}");
        let worst = got.data.iter().zip(&want.data).map(|(a, b)| a.abs_diff(*b)).max();
        let equal = got.data.iter().zip(&want.data).filter(|(a, b)| a == b).count();
        let share = equal as f64 / want.data.len() as f64;
        println!("{name}: worst {worst:?}, equal {:.3} %", 100.0 * share);
        assert!(worst <= Some(1), "{name}: worst {worst:?}");
        share
    }

    #[test]
    fn agrees_with_pillow() {
        for name in ["1000x333", "223x500", "224x224", "241x427", "320x240", "97x131"] {
            assert!(equal(Preprocess::clip(224), name, "clip224") >= 0.99, "{name}");
        }
    }

    /// The pictures are those of `cv2.resize(…, INTER_LINEAR)` to mmcv's size, which rounds once where we round twice.
    #[test]
    fn the_variant_of_vifi_clip_agrees_with_opencv() {
        for name in ["1000x333", "241x427"] {
            assert!(equal(Preprocess::videox(224), name, "videox224") >= 0.75, "{name}");
        }
    }

    #[test]
    fn normalises_channel_by_channel() {
        let image = RgbImage { width: 2, height: 2, data: [255, 0, 51].repeat(4) };
        let p = Preprocess { size: 2, mean: [0.5, 0.25, 0.0], std: [0.5, 0.25, 1.0], resize: Resize::Clip };
        let want: Vec<f32> = [1.0, -1.0, 0.2].iter().flat_map(|v| [*v; 4]).collect();
        for (a, b) in p.apply(&image).iter().zip(want) {
            assert!((a - b).abs() < 1e-6);
        }
    }

    #[test]
    fn crop_is_told_in_fractions() {
        let p = Preprocess::clip(224);
        let c = p.crop_rect(320, 240);
        assert_eq!((c.y0, c.y1), (0.0, 1.0));
        assert!((c.x0 - 37.0 / 298.0).abs() < 1e-6 && (c.x1 - 261.0 / 298.0).abs() < 1e-6);
        let c = Preprocess::videox(224).crop_rect(256, 512);
        assert!((c.x0 - 16.0 / 256.0).abs() < 1e-6 && (c.y0 - 144.0 / 512.0).abs() < 1e-6);
    }

    #[test]
    fn extreme_shapes() {
        for (width, height) in [(1, 1), (1, 16384), (5000, 2)] {
            let image = RgbImage { width, height, data: vec![7; 3 * (width * height) as usize] };
            let crop = Preprocess::clip(32).crop(&image);
            assert!(crop.data.iter().all(|v| *v == 7), "{width}x{height}");
        }
    }
}
