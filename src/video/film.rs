//! Films: videos that are computed and lie in no file. A [`Source`](super::Source) of one is looked at like any other.

use super::frame::{Color, Frame, FrameSpec, Layout, Matrix, Range, Siting};
use super::{FrameTimes, Pts, RgbImage, VideoDigest, VideoInfo};
use std::sync::Arc;

/// A picture for every time, at once: what draws the window calls it.
pub trait Film: Send + Sync {
    /// Names everything that the pictures depend on: equal digests, equal pictures.
    fn digest(&self) -> &VideoDigest;

    /// When its frames are shown; there is at least one.
    fn times(&self) -> &Arc<FrameTimes>;

    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);

    /// The picture on show at `at`.
    fn picture(&self, at: Pts) -> RgbImage;
}

/// What is known of a film as a video.
pub(super) fn info(film: &dyn Film) -> VideoInfo {
    let (width, height) = film.size();
    let times = film.times();
    let seconds = times.end.secs();
    VideoInfo {
        width,
        height,
        duration: Some(times.end),
        fps: (times.times.len() > 1 && seconds > 0.0).then(|| times.times.len() as f64 / seconds),
        variable_rate: times.is_variable(),
        format: "drawn here, RGB".to_owned(),
        sound: false,
        frames: Some(times.clone()),
        fault: None,
    }
}

/// The frame on show at `at`; `None` where the film's pictures are not of the size that it says.
pub(super) fn frame(film: &dyn Film, at: Pts) -> Option<Frame> {
    let times = film.times();
    let place = times.place(at)?;
    let pts = times.nth(place)?;
    let picture = film.picture(pts);
    let (width, height) = (picture.width, picture.height);
    let rgba: Vec<u8> = picture.data.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    let spec = FrameSpec {
        pts,
        duration: Pts(times.nth(place + 1).unwrap_or(times.end).0 - pts.0),
        width,
        height,
        layout: Layout::Rgba,
        color: Color { matrix: Matrix::Bt709, range: Range::Full, bits: 8, siting: Siting::Left },
        rotation: 0,
        mirrored: false,
        sample_aspect: (1, 1),
    };
    Frame::new(spec, Box::new(vec![(rgba, 4 * width as usize)]))
}
