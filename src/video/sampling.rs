//! Cutting clips out of a video (METHOD §1 "Frames"): which frames, and their pictures, read with a handle of its
//! own so that analysis never disturbs playback.

use super::decode::Decoder;
use super::source::digest;
use super::times::FrameTimes;
use super::{Cancel, Clip, ClipFrame, Pts, RgbImage, VideoDigest, VideoError};
use rand::Rng;
use std::path::Path;
use std::sync::Arc;

/// The test-time rule: of `n` frames the `t` in the middles of equal segments, `floor(i·n/t + n/(2t))`. Indices
/// repeat where n < t. Empty where n or t is 0.
pub fn sample_indices(n: usize, t: usize) -> Vec<usize> {
    if n == 0 {
        return Vec::new();
    }
    (0..t).map(|i| (2 * i + 1) * n / (2 * t)).collect()
}

/// The training-time rule: one random frame of each of `t` equal segments. Indices rise, and repeat where n < t.
pub fn sample_indices_random(n: usize, t: usize, rng: &mut impl Rng) -> Vec<usize> {
    if n == 0 {
        return Vec::new();
    }
    let pick = |i: usize| {
        let (start, end) = (i * n / t, ((i + 1) * n / t).max(i * n / t + 1));
        rng.random_range(start..end)
    };
    (0..t).map(pick).collect()
}

/// What a clip is cut from and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipRequest {
    /// Frames with start ≤ PTS ≤ end are sampled; where there are none, the frame shown at `start`.
    pub start: Pts,
    pub end: Pts,
    /// T.
    pub frames: usize,
}

/// One video open for cutting clips.
pub struct ClipReader {
    decoder: Decoder,
    times: Option<Arc<FrameTimes>>,
    digest: Option<VideoDigest>,
}

impl ClipReader {
    /// Opens the file and decodes its first frame. It is bounded in time (see [`Decoder::open`]).
    pub fn open(path: &Path) -> Result<Self, VideoError> {
        Self::open_with(path, &Cancel::default())
    }

    /// As [`ClipReader::open`]; `cancel` ends whatever this reader does, now and later.
    pub fn open_with(path: &Path, cancel: &Cancel) -> Result<Self, VideoError> {
        Ok(Self { decoder: Decoder::open(path, cancel)?, times: None, digest: None })
    }

    /// The decoder, for what is known of the video.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The file's digest; read once.
    pub fn digest(&mut self, cancelled: &dyn Fn() -> bool) -> Result<VideoDigest, VideoError> {
        if self.digest.is_none() {
            self.digest = Some(digest(self.decoder.path(), cancelled)?);
        }
        self.digest.clone().ok_or(VideoError::Cancelled)
    }

    /// Every frame's PTS in order, and the end of the last; the packets are read once.
    pub fn frame_times(&mut self, cancel: &Cancel) -> Result<Arc<FrameTimes>, VideoError> {
        match &self.times {
            Some(times) => Ok(times.clone()),
            None => {
                let times = Arc::new(self.decoder.scanner().run(cancel)?);
                self.times = Some(times.clone());
                self.decoder.know(times.clone());
                Ok(times)
            }
        }
    }

    /// The PTS of the frames that `request` samples, by the test-time rule.
    pub fn sample(&mut self, request: ClipRequest, cancel: &Cancel) -> Result<Vec<Pts>, VideoError> {
        let times = self.frame_times(cancel)?;
        let window = times.within(request.start, request.end);
        Ok(sample_indices(window.len(), request.frames).into_iter().map(|i| window[i]).collect())
    }

    /// Cuts a clip by the test-time rule. `wants_picture(pts)` says whether the caller needs that frame's picture
    /// (it does not where its features are cached; then [`ClipFrame::image`] is `None` and nothing is decoded for
    /// it). `progress(done, total)` counts frames. `cancel` takes effect within one frame's time.
    ///
    /// The pictures are those that the player shows for the same PTS.
    pub fn read_clip(
        &mut self,
        request: ClipRequest,
        wants_picture: &dyn Fn(Pts) -> bool,
        cancel: &Cancel,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Clip, VideoError> {
        progress(0, request.frames);
        let times = self.sample(request, cancel)?;
        self.read_frames(&times, wants_picture, cancel, progress)
    }

    /// Reads the frames shown at `times` (rising; repeats are decoded once); else as [`ClipReader::read_clip`].
    pub fn read_frames(
        &mut self,
        times: &[Pts],
        wants_picture: &dyn Fn(Pts) -> bool,
        cancel: &Cancel,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Clip, VideoError> {
        let cancelled = || cancel.is_cancelled();
        let video = self.digest(&cancelled)?;
        let mut frames: Vec<ClipFrame> = Vec::with_capacity(times.len());
        // The time asked for and the picture it gave.
        let mut known: Option<(Pts, ClipFrame)> = None;
        for (done, &at) in times.iter().enumerate() {
            let frame = match &known {
                Some((asked, frame)) if *asked == at => frame.clone(),
                _ if wants_picture(at) => self.picture(at, cancel)?,
                _ => ClipFrame { pts: at, image: None },
            };
            known = Some((at, frame.clone()));
            frames.push(frame);
            progress(done + 1, times.len());
        }
        Ok(Clip { video, frames })
    }

    /// The picture shown at `at`.
    fn picture(&mut self, at: Pts, cancel: &Cancel) -> Result<ClipFrame, VideoError> {
        let frame = self.decoder.seek(at, &mut |_| !cancel.is_cancelled())?;
        if cancel.is_cancelled() {
            return Err(VideoError::Cancelled);
        }
        let frame = frame.ok_or_else(|| VideoError::Undecodable {
            path: self.decoder.path().to_owned(),
            reason: format!("nothing at {:.3} s", at.secs()),
        })?;
        let image: RgbImage = frame.to_rgb();
        Ok(ClipFrame { pts: frame.pts, image: Some(Arc::new(image)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    #[test]
    fn middles_of_the_segments() {
        assert_eq!(sample_indices(80, 8), [5, 15, 25, 35, 45, 55, 65, 75]);
        assert_eq!(sample_indices(8, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(sample_indices(3, 8), [0, 0, 0, 1, 1, 2, 2, 2]);
        assert_eq!(sample_indices(1, 4), [0, 0, 0, 0]);
        assert!(sample_indices(0, 8).is_empty());
        assert!(sample_indices(8, 0).is_empty());
    }

    proptest! {
        #[test]
        fn test_time_rule_is_the_formula(n in 1usize..5000, t in 1usize..65) {
            let got = sample_indices(n, t);
            let want: Vec<usize> =
                (0..t).map(|i| (i as f64 * n as f64 / t as f64 + n as f64 / (2 * t) as f64 + 1e-9).floor() as usize).collect();
            prop_assert_eq!(&got, &want);
            prop_assert!(got.windows(2).all(|w| w[0] <= w[1]));
            prop_assert!(got.iter().all(|&i| i < n));
            // Time reversal mirrors the choice, up to the rounding of the segment middles.
            for (a, b) in got.iter().zip(got.iter().rev()) {
                prop_assert!((*a as i64 - (n - 1 - b) as i64).abs() <= 1);
            }
        }

        #[test]
        fn training_rule_stays_in_its_segments(n in 1usize..5000, t in 1usize..65, seed: u64) {
            let got = sample_indices_random(n, t, &mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
            prop_assert_eq!(got.len(), t);
            for (i, &at) in got.iter().enumerate() {
                prop_assert!(at < n && at >= i * n / t && (at < (i + 1) * n / t || at == i * n / t));
            }
        }
    }
}
