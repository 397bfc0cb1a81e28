//! Exact seeking. It rests on one rule: after a jump nothing before the first key packet is trusted, and if the
//! picture asked for lies before that key packet's time, the jump is repeated from farther back (in the end from the
//! start of the file). So a frame is the same picture whether it was reached by playing or by seeking.

use super::{Decoder, open};
use crate::video::{Frame, FrameTimes, Pts, VideoError};
use ffmpeg_next::codec::Id;
use std::sync::Arc;

/// Below this distance a forward seek decodes on instead of jumping.
const NEAR: Pts = Pts(1_000_000_000);
/// How much farther back each repeated jump goes, in nanoseconds; after the last one the file is read from its start.
const STEPS_BACK: [i64; 5] = [0, 1_000_000_000, 4_000_000_000, 16_000_000_000, 64_000_000_000];
/// A decoder holds back at most so many frames to put them in order.
const MAX_REORDER: usize = 17;
/// So many frames before the one sought are decoded completely, for steps back.
const COMPLETE: usize = 8;

/// How a seek got to its first frame.
#[derive(PartialEq, Eq)]
enum Landing {
    Jumped,
    /// By reading the file from its start.
    Start,
}

/// Where decoding on came to.
struct Reached {
    frame: Arc<Frame>,
    /// Frames given since landing.
    frames: usize,
    /// Nothing came after it.
    ended: bool,
}

impl Decoder {
    /// Tells the list of frames, which lets seeks leave out pictures that nothing leans on.
    pub fn know(&mut self, times: Arc<FrameTimes>) {
        self.times = Some(times);
    }

    /// The time from which a seek to `to` gives every frame to `on_frame`; before that some may be left out.
    pub fn complete_from(&self, to: Pts) -> Pts {
        let Some(times) = &self.times else { return self.first_pts };
        // Of these codecs a picture that is marked so is never used by another one.
        if !matches!(self.codec.id(), Id::H264 | Id::MPEG1VIDEO | Id::MPEG2VIDEO | Id::MPEG4) {
            return self.first_pts;
        }
        let first = times.place(to).and_then(|target| times.nth(target.saturating_sub(COMPLETE)));
        first.unwrap_or(self.first_pts)
    }

    /// The last frame whose PTS is ≤ `to`, or the first frame if there is none; [`Decoder::next_frame`] goes on
    /// from there. `on_frame` sees the frames decoded on the way (when a jump has to be repeated, its frames come
    /// again) and may stop the seek by returning `false`; then the last of them is the result.
    pub fn seek(
        &mut self,
        to: Pts,
        on_frame: &mut dyn FnMut(&Arc<Frame>) -> bool,
    ) -> Result<Option<Arc<Frame>>, VideoError> {
        let to = to.max(self.first_pts);
        let last = self.last.clone().filter(|last| last.pts <= to);
        if let Some(last) = &last
            && to.0 - last.pts.0 < NEAR.0
        {
            return self.forward(last.clone(), to, on_frame).map(|reached| Some(reached.frame));
        }
        self.skip_before = Some(self.complete_from(to));
        // A jump would come back to a key frame behind the last frame given.
        let on_the_way = |last: &Arc<Frame>| self.times.as_ref().is_some_and(|t| t.is_one_run(last.pts, to));
        let found = match last.filter(on_the_way) {
            Some(last) => self.forward(last, to, on_frame).map(|reached| Some(reached.frame)),
            None => self.seek_far(to, on_frame),
        };
        self.skip_before = None;
        found
    }

    fn seek_far(
        &mut self,
        to: Pts,
        on_frame: &mut dyn FnMut(&Arc<Frame>) -> bool,
    ) -> Result<Option<Arc<Frame>>, VideoError> {
        let mut jumps = self.jumps(to);
        loop {
            let landed = self.land(to, &mut jumps)?;
            let Some(frame) = self.next_frame()? else { return Ok(None) };
            let reached = self.forward(frame, to, on_frame)?;
            // H.264 after a jump into an open group of pictures may keep the last frames to itself.
            if landed == Landing::Jumped && reached.ended && reached.frames <= MAX_REORDER {
                continue;
            }
            return Ok(Some(reached.frame));
        }
    }

    /// Decodes on from `current`, the frame given last, to the last frame with PTS ≤ `to`.
    fn forward(
        &mut self,
        mut current: Arc<Frame>,
        to: Pts,
        on_frame: &mut dyn FnMut(&Arc<Frame>) -> bool,
    ) -> Result<Reached, VideoError> {
        let mut frames = 1;
        let mut ended = false;
        loop {
            if !on_frame(&current) {
                // Where frames were left out, nothing can go on from here.
                self.last = self.skip_before.is_none().then(|| current.clone());
                return Ok(Reached { frame: current, frames, ended });
            }
            match self.next_frame()? {
                Some(frame) if frame.pts <= to => {
                    current = frame;
                    frames += 1;
                }
                Some(frame) => {
                    self.next = Some(frame);
                    break;
                }
                None => {
                    ended = true;
                    break;
                }
            }
        }
        self.last = Some(current.clone());
        Ok(Reached { frame: current, frames, ended })
    }

    /// Where to jump for `to`, one after the other; when all fail, the file is read from its start.
    fn jumps(&self, to: Pts) -> impl Iterator<Item = Pts> + use<> {
        let (first, useful) = (self.first_pts, !self.timing.untimed && !self.still);
        let targets = STEPS_BACK.iter().map(move |back| Pts(to.0.saturating_sub(*back)));
        targets.enumerate().take_while(move |(i, at)| useful && (*i == 0 || *at > first)).map(|(_, at)| at)
    }

    /// Gets to where the next frame has a PTS ≤ `to`.
    fn land(&mut self, to: Pts, jumps: &mut impl Iterator<Item = Pts>) -> Result<Landing, VideoError> {
        for target in jumps {
            if self.jump(target)
                && let Some(frame) = self.decode()?
                && frame.pts <= to
            {
                self.next = Some(frame);
                return Ok(Landing::Jumped);
            }
        }
        self.rewind()?;
        Ok(Landing::Start)
    }

    /// Asks the demuxer for the key frame at or before `to`. `false` where it cannot.
    fn jump(&mut self, to: Pts) -> bool {
        let at = self.timing.microseconds(to);
        let ok = self.input.seek(at, ..at).is_ok();
        self.reset();
        self.wants_key = true;
        ok
    }

    /// Starts again from the beginning by opening the file anew: works for every format.
    fn rewind(&mut self) -> Result<(), VideoError> {
        let opened = open::open(&self.path, &self.cancel)?;
        opened.watch.opened();
        (self.input, self.watch) = (opened.input, opened.watch);
        self.reset();
        Ok(())
    }

    fn reset(&mut self) {
        self.codec.flush();
        self.last = None;
        self.next = None;
        self.wants_key = false;
        self.trusted_from = None;
        self.draining = false;
        self.errors = 0;
    }
}
