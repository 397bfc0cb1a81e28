//! Exact seeking. It rests on one rule: after a jump nothing before the first key packet is trusted, and if the
//! picture asked for lies before that key packet's time, the jump is repeated from farther back (in the end from the
//! start of the file). So a frame is the same picture whether it was reached by playing or by seeking.
//!
//! Where the list of frames is known, no more is decoded than the file's key frames ask for: a seek jumps only where that is shorter, and
//! stops at the frame it was sent to.

use super::{Decoder, open};
use crate::video::{Frame, FrameTimes, Pts, VideoError};
use ffmpeg_next::codec::Id;
use std::sync::Arc;

/// Below this distance a forward seek decodes on instead of jumping, where the key frames are not known.
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
        self.complete(to, COMPLETE)
    }

    /// As [`Decoder::complete_from`], with so many frames before the one sought.
    fn complete(&self, to: Pts, before: usize) -> Pts {
        let Some(times) = &self.times else { return self.first_pts };
        // Of these codecs a picture that is marked so is never used by another one.
        if !matches!(self.codec.id(), Id::H264 | Id::MPEG1VIDEO | Id::MPEG2VIDEO | Id::MPEG4) {
            return self.first_pts;
        }
        let first = times.place(to).and_then(|target| times.nth(target.saturating_sub(before)));
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
        self.seek_with(to, COMPLETE, on_frame)
    }

    /// As [`Decoder::seek`], for who wants that frame alone, and `then` after it: what nothing leans on is left out on the way, and where
    /// the way to `then` is a jump, nothing is decoded that comes after. So the next call has to be a seek, or this one again.
    pub fn pick(
        &mut self,
        at: Pts,
        then: Option<Pts>,
        on_frame: &mut dyn FnMut(&Arc<Frame>) -> bool,
    ) -> Result<Option<Arc<Frame>>, VideoError> {
        let last = self.times.as_ref().and_then(|times| {
            let jumps = times.jump_is_shorter(at, then?)?;
            // dav1d (through ffmpeg 5) was seen to keep pictures to itself when it is told that nothing comes any more.
            times.shown_at(at).filter(|_| jumps && self.codec.id() != Id::AV1)
        });
        self.ends_after = last;
        let found = self.seek_with(at, 0, on_frame);
        if self.ends_after.take().is_none() {
            return found;
        }
        // What the decoder was not given, it cannot go on to.
        self.reset();
        match found? {
            Some(frame) if Some(frame.pts) == last => Ok(Some(frame)),
            // It keeps some frames to itself unless more come after them.
            _ => self.seek_with(at, 0, on_frame),
        }
    }

    fn seek_with(
        &mut self,
        to: Pts,
        complete: usize,
        on_frame: &mut dyn FnMut(&Arc<Frame>) -> bool,
    ) -> Result<Option<Arc<Frame>>, VideoError> {
        let to = to.max(self.first_pts);
        let near = |last: &Arc<Frame>| to.0 - last.pts.0 < NEAR.0;
        let jumps = |last: &Arc<Frame>| {
            let known = self.times.as_ref().and_then(|times| times.jump_is_shorter(last.pts, to));
            known.unwrap_or(!near(last))
        };
        let last = self.last.clone().filter(|last| last.pts <= to && !jumps(last));
        // Over a short way a seek that is given up can go on from where it was.
        let skips = complete == 0 || !last.as_ref().is_some_and(near);
        self.skip_before = skips.then(|| self.complete(to, complete));
        let found = match last {
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
                self.ends_after = None;
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
        let wanted = self.times.as_ref().and_then(|times| times.shown_at(to));
        loop {
            if !on_frame(&current) {
                // Where frames were left out, nothing can go on from here.
                self.last = self.skip_before.is_none().then(|| current.clone());
                return Ok(Reached { frame: current, frames, ended });
            }
            if wanted == Some(current.pts) {
                break;
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
        // The key frame itself, where it is known: demuxers look by the time of decoding, which may be that of a later one already.
        let key = self.times.as_ref().and_then(|times| times.key(to)).unwrap_or(to);
        let targets = STEPS_BACK.iter().map(move |back| Pts(key.0.saturating_sub(*back)));
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
            // Whatever it was that went wrong, the way from farther back is the plain one.
            self.ends_after = None;
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
