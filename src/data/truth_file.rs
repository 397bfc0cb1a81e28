//! The truth of a synthetic clip, read from the JSON that [`super::world_video`] writes beside it: what the mover and what stands
//! still beside it cover in every frame.

use super::drawing::{self, Drawing};
use super::world_video::{Format, run_lengths};
use crate::video::Pts;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// Far more than any truth is long.
const LONGEST: u64 = 64 << 20;
/// Side of the largest picture that is taken, in pixels.
const LARGEST: u32 = 8192;
/// Runs that a mask has at most: its edge is drawn in every frame.
const RUNS: usize = 16_384;

/// Pixels of a square picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    size: u32,
    /// Where the runs over the row-major picture end, those outside and inside in turn.
    ends: Vec<u32>,
}

impl Mask {
    /// `runs`: lengths over the row-major picture of `size` × `size`, starting with the pixels outside.
    ///
    /// # Errors
    /// They do not make such a picture.
    fn new(size: u32, runs: &[u32]) -> Result<Self, String> {
        let total = runs.iter().map(|run| u64::from(*run)).sum::<u64>();
        let pixels = u64::from(size).pow(2);
        if runs.len() > RUNS {
            return Err(format!("a mask has {} runs, more than {RUNS}", runs.len()));
        }
        if total != pixels {
            return Err(format!("a mask has {total} pixels, the picture {pixels}"));
        }
        let ends = runs.iter().scan(0, |end, run| {
            *end += run;
            Some(*end)
        });
        Ok(Self { size, ends: ends.collect() })
    }

    /// Where the values of a picture of `size` × `size` are above ½.
    fn of(size: usize, values: &[f32]) -> Self {
        let ends = run_lengths(values).into_iter().scan(0, |end, run| {
            *end += run as u32;
            Some(*end)
        });
        Self { size: size as u32, ends: ends.collect() }
    }

    /// Whether it covers this place, in fractions of the picture; what lies outside the picture is not covered.
    pub fn covers(&self, x: f32, y: f32) -> bool {
        if !((0.0..1.0).contains(&x) && (0.0..1.0).contains(&y)) {
            return false;
        }
        let pixel = |v: f32| ((v * self.size as f32) as u32).min(self.size - 1);
        let at = pixel(y) * self.size + pixel(x);
        // After an odd number of runs that have ended the next one is inside.
        self.ends.partition_point(|end| *end <= at) % 2 == 1
    }

    /// The stretches of each row that it covers: from, to (excluded), in pixels.
    fn rows(&self) -> Vec<Vec<[u32; 2]>> {
        let mut rows = vec![Vec::new(); self.size as usize];
        for inside in self.ends.chunks_exact(2) {
            let [mut from, to] = [inside[0], inside[1]];
            while from < to {
                let (row, end) = (from / self.size, to.min((from / self.size + 1) * self.size));
                rows[row as usize].push([from % self.size, end - row * self.size]);
                from = end;
            }
        }
        rows
    }

    /// Its edge as straight lines, each from one place to another in fractions of the picture.
    pub fn outline(&self) -> Vec<[[f32; 2]; 2]> {
        let at = |x: u32, y: u32| [x, y].map(|v| v as f32 / self.size as f32);
        let mut rows = self.rows();
        rows.push(Vec::new());
        let (mut lines, mut above) = (Vec::new(), Vec::new());
        // Upright edges that go on: where, and since which row.
        let mut upright: BTreeMap<u32, u32> = BTreeMap::new();
        for (y, row) in (0..).zip(rows) {
            // What one of two rows covers and the other does not is where the ends of both, in order, pair up.
            let mut ends: Vec<u32> = row.iter().chain(&above).flatten().copied().collect();
            ends.sort_unstable();
            let apart = ends.chunks_exact(2).filter(|pair| pair[0] < pair[1]);
            lines.extend(apart.map(|pair| [at(pair[0], y), at(pair[1], y)]));
            // In rising order, as the stretches of a row are.
            let edges: Vec<u32> = row.iter().flatten().copied().collect();
            let ended = upright.extract_if(.., |x, _| edges.binary_search(x).is_err());
            lines.extend(ended.map(|(x, since)| [at(x, since), at(x, y)]));
            for x in edges {
                upright.entry(x).or_insert(y);
            }
            above = row;
        }
        lines
    }
}

/// What is true of a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct TruthFile {
    /// In rising order.
    frames: Vec<(Pts, Mask)>,
    /// The distractor, which stands still.
    pub still: Option<Mask>,
}

#[derive(Deserialize)]
struct Written {
    version: u32,
    size: u32,
    frames: Vec<Frame>,
    distractor: Option<Still>,
}

#[derive(Deserialize)]
struct Frame {
    pts_s: f64,
    mask: Vec<u32>,
}

#[derive(Deserialize)]
struct Still {
    mask: Vec<u32>,
}

impl TruthFile {
    /// Of this video; `None` where there is no JSON beside it, or one of something else.
    ///
    /// # Errors
    /// In words: the file cannot be read, or is no truth that can be used.
    pub fn beside(video: &Path) -> Result<Option<Self>, String> {
        let path = video.with_extension("json");
        let mut bytes = Vec::new();
        match std::fs::File::open(&path) {
            Ok(file) => file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e.to_string()),
        };
        if bytes.len() as u64 > LONGEST {
            return Err(format!("it is longer than {} MiB", LONGEST >> 20));
        }
        match serde_json::from_slice::<HashMap<String, serde::de::IgnoredAny>>(&bytes) {
            Ok(keys) if keys.contains_key("class") && keys.contains_key("frames") => {}
            Ok(_) => return Ok(None),
            // JSON, but no object.
            Err(e) if e.is_data() => return Ok(None),
            Err(e) => return Err(e.to_string()),
        }
        Self::parse(&bytes).map(Some)
    }

    /// Of what a person has drawn, as its file would have it.
    pub fn of_drawing(drawing: &Drawing) -> Self {
        let Format { size, frames, fps } = drawing::FORMAT;
        let scene = drawing.scene();
        let frame = |t: usize| {
            let mask = Mask::of(size, &scene.mover_mask(t, frames, size));
            (Pts::from_secs(t as f64 / fps), mask)
        };
        Self {
            frames: (0..frames).map(frame).collect(),
            still: scene.distractor_mask(size).map(|mask| Mask::of(size, &mask)),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let written: Written = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        let Written { version, size, frames, distractor } = written;
        if version != 1 {
            return Err(format!("it is of version {version}, this program reads version 1"));
        }
        if !(1..=LARGEST).contains(&size) {
            return Err(format!("a picture of {size} pixels a side cannot be"));
        }
        let frame = |f: &Frame| Ok((Pts::from_secs(f.pts_s), Mask::new(size, &f.mask)?));
        let mut frames = frames.iter().map(frame).collect::<Result<Vec<_>, String>>()?;
        if frames.is_empty() {
            return Err("it has no frames".to_owned());
        }
        frames.sort_by_key(|(pts, _)| *pts);
        let still = distractor.map(|still| Mask::new(size, &still.mask)).transpose()?;
        Ok(Self { frames, still })
    }

    /// What the mover covers in the frame that is nearest to this time.
    pub fn mover(&self, at: Pts) -> &Mask {
        let after = self.frames.partition_point(|(pts, _)| *pts < at).min(self.frames.len() - 1);
        let far = |i: &usize| self.frames[*i].0.0.abs_diff(at.0);
        let nearest = [after.saturating_sub(1), after].into_iter().min_by_key(far).unwrap_or(after);
        &self.frames[nearest].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two frames of 4×4 pixels: a square of 2×2 at the left, then one pixel lower with a pixel at the right.
    const TRUTH: &str = r#"{"version":1,"class":"moving down","size":4,"fps":10,"distractor":{"box":null,"mask":[15,1]},
        "frames":[{"pts_s":0.0,"box":[0,0,2,2],"mask":[0,2,2,2,10]},{"pts_s":0.1,"mask":[4,2,1,1,0,2,6]}]}"#;

    fn beside(json: Option<&str>) -> Result<Option<TruthFile>, String> {
        let folder = tempfile::tempdir().unwrap();
        if let Some(json) = json {
            std::fs::write(folder.path().join("a.json"), json).unwrap();
        }
        TruthFile::beside(&folder.path().join("a.mp4"))
    }

    #[test]
    fn a_mask_that_would_take_long_to_draw_is_refused() {
        let runs = vec![1; RUNS + 2];
        assert!(Mask::new(2048, &runs).unwrap_err().contains("more than"));
    }

    #[test]
    fn masks_are_those_of_the_nearest_frame() {
        let truth = beside(Some(TRUTH)).unwrap().unwrap();
        let covered = |mask: &Mask| -> Vec<u32> {
            let at = |i: u32| ((i % 4) as f32 / 4.0 + 0.1, (i / 4) as f32 / 4.0 + 0.1);
            (0..16).filter(|i| mask.covers(at(*i).0, at(*i).1)).collect()
        };
        for (at, pixels) in [(-0.5, vec![0, 1, 4, 5]), (0.04, vec![0, 1, 4, 5]), (0.06, vec![4, 5, 7, 8, 9])]
        {
            assert_eq!(covered(truth.mover(Pts::from_secs(at))), pixels, "{at}");
        }
        assert_eq!(covered(truth.mover(Pts::from_secs(99.0))).len(), 5);
        assert_eq!(covered(truth.still.as_ref().unwrap()), [15]);
        let mask = truth.mover(Pts(0));
        assert!(!mask.covers(-0.1, 0.1) && !mask.covers(0.1, 1.0), "outside the picture");
    }

    #[test]
    fn the_truth_of_a_drawing_is_that_of_its_file() {
        use crate::data::draw::{Object, Shape};
        let still = Some((Object { shape: Shape::Ring, colour: 1 }, [50.0, 12.0]));
        let drawing = Drawing { still, ..Drawing::default() };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        crate::data::world_video::write_drawing(&path, &drawing, &mut |_, _| true).unwrap();
        assert_eq!(TruthFile::beside(&path).unwrap().unwrap(), TruthFile::of_drawing(&drawing));
    }

    #[test]
    fn an_outline_is_the_edge_of_the_mask() {
        let truth = beside(Some(TRUTH)).unwrap().unwrap();
        let of = |mask: &Mask| {
            let mut lines = mask.outline();
            lines.sort_by(|a, b| a.partial_cmp(b).unwrap());
            lines
        };
        let square = of(truth.mover(Pts(0)));
        let side = 0.5;
        let all = [
            [[0.0, 0.0], [0.0, side]],
            [[0.0, 0.0], [side, 0.0]],
            [[0.0, side], [side, side]],
            [[side, 0.0], [side, side]],
        ];
        assert_eq!(square, all);
        // As long as there are borders between a pixel inside and one outside.
        let length = |lines: &[[[f32; 2]; 2]]| -> f32 {
            lines.iter().map(|[a, b]| (b[0] - a[0]).abs() + (b[1] - a[1]).abs()).sum::<f32>() * 4.0
        };
        assert_eq!(length(&of(truth.mover(Pts::from_secs(0.1)))), 12.0);
        assert_eq!(of(truth.still.as_ref().unwrap()).len(), 4);
    }

    #[test]
    fn what_is_not_a_truth_is_none_and_what_is_broken_is_said() {
        for other in [
            None,
            Some("[1, 2]"),
            Some(r#"{"version":1,"classes":[]}"#),
            Some(r#"{"experiment":1,"frames":8}"#),
        ] {
            assert_eq!(beside(other), Ok(None), "{other:?}");
        }
        for (broken, why) in [
            (TRUTH[..60].to_owned(), "EOF"),
            ("no JSON".to_owned(), "expected"),
            (TRUTH.replace("[15,1]", "[15,2]"), "17 pixels, the picture 16"),
            (TRUTH.replace("\"version\":1", "\"version\":7"), "version 7"),
            (TRUTH.replace("\"size\":4", "\"size\":0"), "0 pixels a side"),
            (TRUTH.replace("\"size\":4,", ""), "size"),
            (r#"{"version":1,"class":"a","size":4,"frames":[]}"#.to_owned(), "no frames"),
        ] {
            let told = beside(Some(&broken)).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }
}
