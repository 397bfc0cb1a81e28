//! Picture to model input (METHOD §1 "Preprocess"): resize the shorter side, crop the middle, normalise; or, where a person wants
//! it, crop elsewhere, or fit the whole picture.

use super::RgbImage;
use super::resample::{self, Filter};
use serde::{Deserialize, Serialize};

/// CLIP's pixel statistics.
pub const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
pub const CLIP_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
/// ImageNet's, which the X-CLIP family uses.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// What the model sees of a picture that is not square.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "Written")]
pub enum Crop {
    /// The middle of its long side, as CLIP was trained.
    #[default]
    Centre,
    /// A square that has been moved along the long side: so many thousandths of the way from the left or upper end to the other.
    /// 500 is the middle; more than 1000 is as far as it goes.
    Moved { thousandths: u16 },
    /// All of it, with the mean of the pixels on both sides, which is 0 to the model.
    Letterbox,
}

/// As a file may say it. One place has one value, so that what is held for it is found.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Centre,
    Moved { thousandths: u16 },
    Letterbox,
}

impl From<Written> for Crop {
    fn from(written: Written) -> Self {
        match written {
            Written::Centre => Self::Centre,
            Written::Moved { thousandths } => Self::at(f64::from(thousandths) / 1000.0),
            Written::Letterbox => Self::Letterbox,
        }
    }
}

impl Crop {
    /// A square at this part of the way along the long side, 0–1; the middle is [`Crop::Centre`].
    pub fn at(part: f64) -> Self {
        match (part.clamp(0.0, 1.0) * 1000.0).round() as u16 {
            500 => Self::Centre,
            thousandths => Self::Moved { thousandths },
        }
    }

    /// Where the square is along the long side, 0–1; `None` for a letterbox.
    pub fn part(self) -> Option<f64> {
        match self {
            Self::Centre => Some(0.5),
            Self::Moved { thousandths } => Some(f64::from(thousandths.min(1000)) / 1000.0),
            Self::Letterbox => None,
        }
    }

    pub fn is_centre(&self) -> bool {
        *self == Self::Centre
    }

    /// "crop moved 40% left" (of the way from the middle to the end), "letterboxed"; `None` for the centre, and for a square
    /// picture, of which everything is seen in any case. `size`: width and height of the picture.
    pub fn words(self, (width, height): (u32, u32)) -> Option<String> {
        if width == height {
            return None;
        }
        match self {
            Self::Centre => None,
            Self::Letterbox => Some("letterboxed".to_owned()),
            Self::Moved { .. } => {
                let off = self.part()? * 2.0 - 1.0;
                let side = match (width > height, off < 0.0) {
                    (true, true) => "left",
                    (true, false) => "right",
                    (false, true) => "up",
                    (false, false) => "down",
                };
                Some(format!("crop moved {:.0}% {side}", off.abs() * 100.0))
            }
        }
    }
}

/// As on a command line: `centre`, `letterbox`, or the part of the way along the long side, 0–1.
impl std::str::FromStr for Crop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<f64>()) {
            ("centre" | "center", _) => Ok(Self::Centre),
            ("letterbox", _) => Ok(Self::Letterbox),
            (_, Ok(part)) if (0.0..=1.0).contains(&part) => Ok(Self::at(part)),
            _ => Err(
                "centre, letterbox, or a number from 0 (left or upper end) to 1 (the other end) is needed"
                    .to_owned(),
            ),
        }
    }
}

/// As [`Crop::from_str`](std::str::FromStr) reads it.
impl std::fmt::Display for Crop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self, self.part()) {
            (Self::Moved { .. }, Some(part)) => write!(f, "{part}"),
            (Self::Letterbox, _) => f.write_str("letterbox"),
            _ => f.write_str("centre"),
        }
    }
}

/// The part of the picture that the model saw, in fractions of the displayed picture; of a letterbox it is larger than the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CropRect {
    pub x0: f32,
    pub y0: f32,
    pub x1: f32,
    pub y1: f32,
}

impl CropRect {
    /// Where the picture lies in what the model saw, in fractions of that, as far as it lies there.
    pub fn picture(self) -> Self {
        let place = |v: f32, lo: f32, hi: f32| ((v - lo) / (hi - lo)).clamp(0.0, 1.0);
        Self {
            x0: place(0.0, self.x0, self.x1),
            y0: place(0.0, self.y0, self.y1),
            x1: place(1.0, self.x0, self.x1),
            y1: place(1.0, self.y0, self.y1),
        }
    }
}

/// How the shorter side gets to the picture side R.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// Shorter side to R, bicubic (a = −½) with antialiasing; then R×R of it.
    Clip,
    /// Shorter side to R·256/224, the longer rounded, bilinear without antialiasing; then R×R of it.
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
    pub crop: Crop,
}

impl Preprocess {
    /// CLIP's preprocessing at side `size`.
    pub fn clip(size: usize) -> Self {
        Self { size, mean: CLIP_MEAN, std: CLIP_STD, resize: Resize::Clip, crop: Crop::Centre }
    }

    /// The preprocessing of ViFi-CLIP, X-CLIP and TC-CLIP at side `size`.
    pub fn videox(size: usize) -> Self {
        Self { mean: IMAGENET_MEAN, std: IMAGENET_STD, resize: Resize::VideoX, ..Self::clip(size) }
    }

    /// Size after resizing: shorter side s, longer s·long/short, cut off as CLIP's code does or rounded as the others'; for a
    /// letterbox longer side R, shorter R·short/long, cut off, but at least 1.
    fn resized(&self, width: u32, height: u32) -> (u32, u32) {
        if self.crop == Crop::Letterbox {
            let long = self.size as u32;
            let short = (self.size as u64 * u64::from(width.min(height))
                / u64::from(width.max(height).max(1))) as u32;
            return if width <= height { (short.max(1), long) } else { (long, short.max(1)) };
        }
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

    /// Left and top, in a resized picture, of the R×R that the model sees; for a letterbox outside of it.
    fn offset(&self, width: u32, height: u32) -> (i64, i64) {
        let along = |side: u32, other: u32| {
            let room = i64::from(side) - self.size as i64;
            match self.crop {
                Crop::Moved { thousandths } if side > other => {
                    room.max(0) * i64::from(thousandths.min(1000)) / 1000
                }
                Crop::Letterbox => room / 2,
                _ => room.max(0) / 2,
            }
        };
        (along(width, height), along(height, width))
    }

    /// The part of the displayed picture that the model sees.
    pub fn crop_rect(&self, width: u32, height: u32) -> CropRect {
        let (w, h) = self.resized(width, height);
        let (x, y) = self.offset(w, h);
        let (w, h, r) = (w as f32, h as f32, self.size as f32);
        CropRect { x0: x as f32 / w, y0: y as f32 / h, x1: (x as f32 + r) / w, y1: (y as f32 + r) / h }
    }

    /// The part of the resized picture that the model sees, and where it lies in the R×R, right and down: all of that but for a
    /// letterbox. A picture without pixels gives black.
    fn seen(&self, image: &RgbImage) -> (RgbImage, [usize; 2]) {
        let side = self.size as u32;
        let resized = self.resize(image).unwrap_or_else(|| RgbImage {
            width: side,
            height: side,
            data: vec![0; 3 * self.size * self.size],
        });
        let offset = self.offset(resized.width, resized.height);
        let (x, y) = (offset.0.max(0) as usize, offset.1.max(0) as usize);
        let (width, height) = (resized.width.min(side), resized.height.min(side));
        let row_bytes = 3 * resized.width as usize;
        let data = (0..height as usize)
            .flat_map(|row| {
                let start = (y + row) * row_bytes + 3 * x;
                resized.data[start..start + 3 * width as usize].iter().copied()
            })
            .collect();
        let place = [offset.0, offset.1].map(|v| (-v).max(0) as usize);
        (RgbImage { width, height, data }, place)
    }

    fn resize(&self, image: &RgbImage) -> Option<RgbImage> {
        if image.width == 0 || image.height == 0 || self.size == 0 {
            return None;
        }
        let slim = self.slim(image);
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

    /// `(3, R, R)` floats, channel by channel: `(value/255 − mean) / std`, and 0 beside a letterbox.
    pub fn apply(&self, image: &RgbImage) -> Vec<f32> {
        let (seen, [left, top]) = self.seen(image);
        let (side, width) = (self.size, seen.width as usize);
        let mut out = vec![0.0; 3 * side * side];
        for (channel, values) in out.chunks_exact_mut((side * side).max(1)).enumerate() {
            let (scale, shift) = (1.0 / (255.0 * self.std[channel]), self.mean[channel] / self.std[channel]);
            let rows = values.chunks_exact_mut(side.max(1)).skip(top);
            for (values, row) in rows.zip(seen.data.chunks_exact(3 * width.max(1))) {
                for (v, px) in values[left..left + width].iter_mut().zip(row.chunks_exact(3)) {
                    *v = f32::from(px[channel]) * scale - shift;
                }
            }
        }
        out
    }

    /// Of a picture that is very much longer than wide only a part around the crop can be in it; without this, resizing a
    /// 1×16384 picture would take gigabytes.
    fn slim(&self, image: &RgbImage) -> Option<RgbImage> {
        const LONGEST: u32 = 20;
        let thousandths = match self.crop {
            Crop::Centre => 500,
            Crop::Moved { thousandths } => thousandths.min(1000),
            Crop::Letterbox => return None,
        };
        let (w, h) = (image.width, image.height);
        let (width, height) = (w.min(h.saturating_mul(LONGEST)), h.min(w.saturating_mul(LONGEST)));
        if (width, height) == (w, h) {
            return None;
        }
        let along = |room: u32| (u64::from(room) * u64::from(thousandths) / 1000) as usize;
        let (x, y) = (along(w - width), along(h - height));
        let rows = image.data.chunks_exact(3 * w as usize).skip(y).take(height as usize);
        let data = rows.flat_map(|row| row[3 * x..3 * (x + width as usize)].iter().copied()).collect();
        Some(RgbImage { width, height, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(name: &str) -> RgbImage {
        let path = format!("{}/tests/fixtures/preprocess/{name}.png", env!("CARGO_MANIFEST_DIR"));
        let image = image::open(&path).expect(&path).to_rgb8();
        RgbImage { width: image.width(), height: image.height(), data: image.into_raw() }
    }

    #[test]
    fn a_place_that_a_file_names_has_one_value() {
        let read = |t: u32| serde_json::from_str::<Crop>(&format!(r#"{{"moved":{{"thousandths":{t}}}}}"#));
        assert_eq!(read(500).unwrap(), Crop::Centre);
        assert_eq!(read(40_000).unwrap(), Crop::Moved { thousandths: 1000 });
        assert!(read(99_999).is_err());
        for crop in [Crop::Centre, Crop::Moved { thousandths: 7 }, Crop::Letterbox] {
            let json = serde_json::to_string(&crop).unwrap();
            assert_eq!(serde_json::from_str::<Crop>(&json).unwrap(), crop);
        }
    }

    /// The share of equal values of the crop and what another program made of the same picture; none differs by more than 1.
    fn equal(preprocess: Preprocess, name: &str, other: &str) -> f64 {
        let (got, _) = preprocess.seen(&read(name));
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
        let p = Preprocess { mean: [0.5, 0.25, 0.0], std: [0.5, 0.25, 1.0], ..Preprocess::clip(2) };
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
            for crop in [Crop::Centre, Crop::at(0.0), Crop::at(1.0), Crop::Letterbox] {
                let (seen, _) = Preprocess { crop, ..Preprocess::clip(32) }.seen(&image);
                assert!(seen.data.iter().all(|v| *v == 7), "{width}x{height}");
                assert!(crop == Crop::Letterbox || (seen.width, seen.height) == (32, 32));
            }
        }
    }

    #[test]
    fn the_middle_by_hand_is_the_centre_to_the_last_bit() {
        for name in ["1000x333", "223x500", "241x427"] {
            let image = read(name);
            let moved = Preprocess { crop: Crop::Moved { thousandths: 500 }, ..Preprocess::clip(224) };
            assert_eq!(moved.apply(&image), Preprocess::clip(224).apply(&image), "{name}");
            assert_eq!(
                moved.crop_rect(image.width, image.height),
                Preprocess::clip(224).crop_rect(image.width, image.height)
            );
        }
    }

    #[test]
    fn a_crop_is_read_and_written_as_on_a_command_line_and_said_in_words() {
        let wide = (320, 240);
        for (text, crop, words) in [
            ("centre", Crop::Centre, None),
            ("letterbox", Crop::Letterbox, Some("letterboxed")),
            ("0.3", Crop::Moved { thousandths: 300 }, Some("crop moved 40% left")),
            ("1", Crop::Moved { thousandths: 1000 }, Some("crop moved 100% right")),
        ] {
            assert_eq!(text.parse(), Ok(crop));
            assert_eq!(crop.to_string(), text);
            assert_eq!(crop.words(wide).as_deref(), words);
            assert_eq!(crop.words((240, 240)), None);
        }
        assert_eq!("0.5".parse(), Ok(Crop::Centre));
        assert_eq!(Crop::at(0.1).words((240, 320)).as_deref(), Some("crop moved 80% up"));
        for bad in ["", "left", "-0.1", "1.01", "NaN", "inf"] {
            assert!(bad.parse::<Crop>().is_err(), "{bad}");
        }
    }

    proptest! {
        /// A picture whose colours say where each pixel is: the rectangle that maps are drawn over is the one that was seen.
        #[test]
        fn the_rectangle_is_what_was_seen(
            width in 16u32..160, height in 16u32..160, size in 16usize..48, at in 0u16..=1001,
        ) {
            let crop = if at > 1000 { Crop::Letterbox } else { Crop::at(f64::from(at) / 1000.0) };
            let colour = |v: u32, of: u32| ((v as f32 + 0.5) / of as f32 * 255.0).round() as u8;
            let pixel = |i: u32| [colour(i % width, width), colour(i / width, height), 128];
            let image = RgbImage { width, height, data: (0..width * height).flat_map(pixel).collect() };
            let p = Preprocess { mean: [0.0; 3], std: [1.0; 3], crop, ..Preprocess::clip(size) };
            let (values, rect) = (p.apply(&image), p.crop_rect(width, height));
            for row in 0..size {
                for column in 0..size {
                    let place = |i: usize, lo: f32, hi: f32| lo + (hi - lo) * (i as f32 + 0.5) / size as f32;
                    let at = [place(column, rect.x0, rect.x1), place(row, rect.y0, rect.y1)];
                    let step = [(rect.x1 - rect.x0) / size as f32, (rect.y1 - rect.y0) / size as f32];
                    let value = |c: usize| values[(c * size + row) * size + column];
                    if at.iter().any(|v| !(0.0..1.0).contains(v)) {
                        prop_assert_eq!([value(0), value(1), value(2)], [0.0; 3], "beside the picture");
                        continue;
                    }
                    for c in 0..2 {
                        // Near the picture's own edge there is nothing to interpolate with.
                        if at[c] > 2.0 * step[c] && at[c] < 1.0 - 2.0 * step[c] {
                            let apart = (value(c) - at[c]).abs();
                            prop_assert!(apart < 0.45 * step[c] + 2.5 / 255.0, "{crop:?} {at:?} {c}: {apart}");
                        }
                    }
                }
            }
            let inside = rect.picture();
            let seen = values[2 * size * size..].iter().filter(|v| **v > 0.0).count();
            let area = (inside.x1 - inside.x0) * (inside.y1 - inside.y0) * (size * size) as f32;
            prop_assert!((seen as f32 - area).abs() < 0.5, "{seen} pixels of {area}");
        }
    }
}
