//! The pictures of given frames, for the model, the filmstrip and the report: a handle of its own on a source, so that
//! reading never disturbs playback.

use super::decode::Decoder;
use super::film::Film;
use super::source::Source;
use super::{Cancel, Pts, RgbImage, VideoError};
use std::sync::{Arc, Weak};

/// See the module.
pub struct FrameReader {
    /// Not held: a reader that is kept for the next clip must not keep a closed video's thread going.
    source: Weak<Source>,
    from: From,
}

enum From {
    File {
        decoder: Box<Decoder>,
        /// The decoder has been told the frames' times.
        knows: bool,
    },
    Film(Arc<dyn Film>),
}

impl FrameReader {
    /// Opens the file once more; bounded in time (see [`Decoder::open`]). `cancel` ends whatever this reader does, now
    /// and later.
    pub fn open(source: &Arc<Source>, cancel: &Cancel) -> Result<Self, VideoError> {
        let from = match source.film() {
            Some(film) => From::Film(film.clone()),
            None => From::File { decoder: Box::new(Decoder::open(source.path(), cancel)?), knows: false },
        };
        Ok(Self { source: Arc::downgrade(source), from })
    }

    /// Gives each of `frames` and its picture, the one that the player shows for that PTS, to `each`, in rising order
    /// whatever the order asked; every frame is decoded once. `progress(done, total)` counts them. `cancel` takes
    /// effect within one frame's time; the reader is as good as before then.
    pub fn read(
        &mut self,
        frames: &[Pts],
        cancel: &Cancel,
        progress: &mut dyn FnMut(usize, usize),
        each: &mut dyn FnMut(Pts, RgbImage),
    ) -> Result<(), VideoError> {
        if let From::File { decoder, knows: knows @ false } = &mut self.from
            && let Some(Ok(times)) = self.source.upgrade().and_then(|source| source.try_frames())
        {
            decoder.know(times);
            *knows = true;
        }
        let mut rising = frames.to_vec();
        rising.sort_unstable();
        rising.dedup();
        progress(0, rising.len());
        for (done, at) in rising.iter().enumerate() {
            each(*at, self.picture(*at, rising.get(done + 1).copied(), cancel)?);
            progress(done + 1, rising.len());
        }
        Ok(())
    }

    /// The picture on show at `at`; `then` is asked for next.
    fn picture(&mut self, at: Pts, then: Option<Pts>, cancel: &Cancel) -> Result<RgbImage, VideoError> {
        let decoder = match &mut self.from {
            From::Film(_) if cancel.is_cancelled() => return Err(VideoError::Cancelled),
            From::Film(film) => return Ok(film.picture(at)),
            From::File { decoder, .. } => decoder,
        };
        let frame = decoder.pick(at, then, &mut |_| !cancel.is_cancelled())?;
        if cancel.is_cancelled() {
            return Err(VideoError::Cancelled);
        }
        let nothing = || VideoError::Undecodable {
            path: decoder.path().to_owned(),
            reason: format!("nothing at {:.3} s", at.secs()),
        };
        Ok(frame.ok_or_else(nothing)?.to_rgb())
    }
}
