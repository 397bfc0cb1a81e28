//! The clip as MP4 with a map over every frame. Only sampled frames have maps: a frame between them is drawn under the map of the
//! nearest one, and the line below it says which that is.

use super::letters::Letters;
use super::report::{Report, shrink};
use crate::video::encode::Mp4Writer;
use crate::video::{Cancel, FrameReader, Pts, RgbImage, Source, VideoError};
use crate::view::{Layer, draw};
use std::path::Path;
use std::sync::Arc;

/// Longest side of the video, in pixels, and height of the line below the picture.
const LONGEST: u32 = 960;
const LINE: u32 = 26;
/// x264's quality.
const QUALITY: u32 = 18;

/// Writes the frames of the analysed span with this layer over them. `progress` hears how many of how many are done.
///
/// # Errors
/// The clip cannot be read, the file cannot be written, or `cancel`; a file that was there before is unchanged.
pub fn write(
    report: &Report<'_>,
    source: &Arc<Source>,
    layer: Layer,
    path: &Path,
    cancel: &Cancel,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(), VideoError> {
    let times = source.frames(cancel)?;
    let span = report.answer.question.clip.span;
    let frames: Vec<Pts> = times.within(span.start, span.end).to_vec();
    let start = frames.first().copied().unwrap_or(Pts(0));
    let mut reader = FrameReader::open(source, cancel)?;
    let (mut writer, mut letters, mut failed, mut done) = (None::<Mp4Writer>, Letters::default(), None, 0);
    let rate = frames.len().max(2) as f64 / Pts(span.end.0 - span.start.0).secs().max(0.04);
    let mut take = |at: Pts, picture: &RgbImage| -> Result<(), VideoError> {
        let drawn = frame(report, layer, at, picture, &mut letters);
        if writer.is_none() {
            writer =
                Some(Mp4Writer::create(path, drawn.width, drawn.height, rate.clamp(1.0, 240.0), QUALITY)?);
        }
        match &mut writer {
            Some(writer) => writer.push_at(&drawn, Pts(at.0 - start.0)),
            None => Ok(()),
        }
    };
    // Read a second at a time: a picture that cannot be written is noticed before the whole clip has been read.
    for some in frames.chunks(32) {
        reader.read(some, cancel, &mut |_, _| {}, &mut |at, picture| {
            if failed.is_none() {
                failed = take(at, &picture).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        done += some.len();
        progress(done, frames.len());
    }
    match writer {
        Some(writer) => writer.finish(),
        None => Err(VideoError::Write {
            path: path.to_owned(),
            reason: "there is no frame in this span".to_owned(),
        }),
    }
}

/// One frame with its map and its line, of even size.
fn frame(report: &Report<'_>, layer: Layer, at: Pts, picture: &RgbImage, letters: &mut Letters) -> RgbImage {
    let small = shrink(picture, LONGEST);
    let sampled = report.answer.frames.iter().enumerate();
    let nearest = sampled.min_by_key(|(_, pts)| (pts.0 - at.0).abs());
    let (t, of) = nearest.map_or((0, Pts(0)), |(t, pts)| (t, *pts));
    let drawn = draw(layer, report.answer, t, &small, report.style);
    let (width, height) = (even(drawn.width), even(drawn.height));
    let mut out =
        RgbImage { width, height: height + LINE, data: vec![0; 3 * (width * (height + LINE)) as usize] };
    for (from, to) in
        drawn.data.chunks_exact(3 * drawn.width as usize).zip(out.data.chunks_exact_mut(3 * width as usize))
    {
        let wide = from.len().min(to.len());
        to[..wide].copy_from_slice(&from[..wide]);
    }
    let words = match layer {
        Layer::Input => format!("{:.3} s", at.secs()),
        _ => format!("{:.3} s · {}: map of {:.3} s", at.secs(), layer.name(), of.secs()),
    };
    let altered = report.altered().map_or(String::new(), |a| format!(" · {a}"));
    letters.write(
        &mut out,
        (6, height + 4),
        &format!("{words}{altered}"),
        egui::FontId::proportional(13.0),
        10_000,
        [230; 3],
    );
    out
}

fn even(n: u32) -> u32 {
    n + n % 2
}
