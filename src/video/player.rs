//! Playback: a decode thread, a clock, and the newest frame to show. The window calls [`Player::update`] once a
//! frame and never waits.
//!
//! Around the frame on show lie its neighbours, without gaps: some just shown (`back`) and some decoded ahead (in
//! the queue shared with the decode thread). A seek or step that stays among them is done at once; any other is a
//! request to the decode thread, where the latest wins. A request that is overtaken still shows the last picture it
//! got to, so scrubbing feels alive. A film needs none of that: its pictures are there as soon as they are due.

mod decoding;
mod film;

use super::clock::Clock;
use super::source::Source;
use super::times::FrameTimes;
use super::{Cancel, Frame, Pts, VideoError};
use decoding::{Landed, Shared, Target};
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes of frames kept behind the one on show.
const BACK_BYTES: usize = 32 << 20;
/// The clock waits for the decoder when the frame that is due is so late.
const MAX_LAG: Pts = Pts(250_000_000);

/// What is known of an open video.
#[derive(Clone, Debug)]
pub struct VideoInfo {
    /// Display size in square pixels, after rotation.
    pub width: u32,
    pub height: u32,
    /// PTS of the last frame plus its duration (what the container says, until the file has been scanned). `None`: the
    /// container does not say, and only the scan will tell.
    pub duration: Option<Pts>,
    /// Average rate in frames per second; `None` for a still.
    pub fps: Option<f64>,
    /// Frame durations differ; known once the file has been scanned.
    pub variable_rate: bool,
    /// For example "h264 (High), yuv420p, bt709, limited".
    pub format: String,
    /// There is a sound track. It is not played.
    pub sound: bool,
    /// Every frame's time, once the file has been scanned (frame numbers are positions in it).
    pub frames: Option<Arc<FrameTimes>>,
    /// What is wrong with the file, in words: it is cut off or has holes, or its frames cannot be listed. It is played
    /// as far as it goes all the same.
    pub fault: Option<String>,
}

/// One open video being played.
pub struct Player {
    source: Arc<Source>,
    shared: Arc<Shared>,
    cancel: Cancel,
    thread: Option<JoinHandle<()>>,
    clock: Clock,
    /// Instant of the last update.
    now: Instant,
    /// The person wants it to play; the clock runs when there is also no seek under way.
    playing: bool,
    seeking: Option<Seek>,
    info: Option<VideoInfo>,
    error: Option<VideoError>,
    current: Option<Arc<Frame>>,
    back: VecDeque<Arc<Frame>>,
}

/// A request whose frame has not come yet.
struct Seek {
    generation: u64,
    /// Where the play head is meanwhile.
    position: Pts,
    /// Steps asked for meanwhile.
    steps: i32,
}

impl Player {
    /// Starts opening the source's file on a decode thread; returns at once. Paused at the first frame.
    pub fn open(source: &Arc<Source>) -> Self {
        let mut player = Self::new(source);
        if source.film().is_some() {
            player.take_film();
            return player;
        }
        match decoding::spawn(source.clone(), player.shared.clone(), player.cancel.clone()) {
            Ok(thread) => player.thread = Some(thread),
            Err(e) => {
                let path = source.path().to_owned();
                player.error = Some(VideoError::Io { path, reason: e.to_string() });
            }
        }
        // Opening is a seek to the first frame.
        player.seeking = Some(Seek { generation: 0, position: Pts(0), steps: 0 });
        player
    }

    fn new(source: &Arc<Source>) -> Self {
        Self {
            source: source.clone(),
            shared: Arc::default(),
            cancel: Cancel::default(),
            thread: None,
            clock: Clock::default(),
            now: Instant::now(),
            playing: false,
            seeking: None,
            info: None,
            error: None,
            current: None,
            back: VecDeque::new(),
        }
    }

    /// Ends playback and the source's work, and waits for their threads, `limit` each at most (for the end of the
    /// program); whether they have ended.
    pub fn close(mut self, limit: Duration) -> bool {
        self.cancel.cancel();
        self.shared.quit();
        let ended = self.thread.take().is_none_or(|thread| super::wait_for(thread, limit));
        self.source.close(limit) && ended
    }

    /// Takes what the decode thread has sent and advances the clock.
    pub fn update(&mut self, now: Instant) {
        let before = self.position();
        self.now = now;
        if let Some(film) = self.source.film().cloned() {
            self.run_film(&*film, before);
            return;
        }
        self.receive();
        if self.seeking.is_some() {
            return;
        }
        if self.playing && !self.clock.is_running() && self.current.is_some() {
            self.clock.run(now);
        }
        if self.clock.is_running() {
            self.advance(before);
        }
    }

    /// When the window should be drawn again for playback; `None`: nothing is due.
    pub fn next_update(&self, now: Instant) -> Option<Duration> {
        if !self.playing || self.seeking.is_some() || self.current.is_none() {
            return None;
        }
        if !self.clock.is_running() {
            return Some(Duration::ZERO);
        }
        let next = if let Some(film) = self.source.film() {
            film::next(&**film, self.position())
        } else {
            let state = self.shared.lock();
            match state.queue.front() {
                Some(frame) => frame.pts,
                None if state.ended => self.end(),
                // The decode thread wakes the window.
                None => return None,
            }
        };
        let out = self.clock.loop_range().map(|(_, out)| out).filter(|out| *out > self.position());
        self.clock.until(out.map_or(next, |out| out.min(next)), now)
    }

    /// What is played.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// `None` until the file is open.
    pub fn info(&self) -> Option<&VideoInfo> {
        self.info.as_ref()
    }

    /// Why the file cannot be opened or played on; the last good frame stays.
    pub fn error(&self) -> Option<&VideoError> {
        self.error.as_ref()
    }

    /// The frame to show now.
    pub fn frame(&self) -> Option<&Arc<Frame>> {
        self.current.as_ref()
    }

    /// The play head. While a seek is under way it is where the person asked to go.
    pub fn position(&self) -> Pts {
        match &self.seeking {
            Some(seek) => seek.position,
            None => self.clock.at(self.now),
        }
    }

    /// A seek or step whose frame has not come yet.
    pub fn is_seeking(&self) -> bool {
        self.seeking.is_some() && self.error.is_none()
    }

    pub fn is_playing(&self) -> bool {
        self.playing
    }

    /// At the end, starts again from the beginning (or the loop's in point).
    pub fn play(&mut self) {
        self.playing = true;
        self.shared.set_playing(true);
        let ended = self.seeking.is_none() && self.current.is_some() && self.position() >= self.end() && {
            let state = self.shared.lock();
            self.source.film().is_some() || state.ended && state.queue.is_empty()
        };
        if ended {
            self.seek(self.clock.loop_range().map_or(Pts(0), |(start, _)| start));
        }
    }

    pub fn pause(&mut self) {
        self.playing = false;
        self.shared.set_playing(false);
        self.clock.stop(self.now);
    }

    /// Exact: shows the last frame whose PTS is ≤ `to` (the first frame if there is none).
    pub fn seek(&mut self, to: Pts) {
        let to = to.max(Pts(0));
        let to = self.scanned_end().map_or(to, |end| to.min(end));
        if let Some(film) = self.source.film().cloned() {
            self.clock.jump(to, self.now);
            self.show_film(&*film);
            return;
        }
        if self.seeking.is_none() && self.show_neighbour(to) {
            self.clock.jump(to, self.now);
        } else {
            self.request(Target::At(to), to);
        }
    }

    /// +1 next frame, −1 previous frame; pauses.
    pub fn step(&mut self, frames: i32) {
        self.pause();
        if let Some(film) = self.source.film().cloned() {
            self.step_film(&*film, frames);
            return;
        }
        if let Some(seek) = &mut self.seeking {
            seek.steps = seek.steps.saturating_add(frames);
            return;
        }
        let mut left = frames;
        while left != 0 && if left > 0 { self.show_next() } else { self.show_previous() } {
            left -= left.signum();
        }
        let Some(current) = &self.current else { return };
        let at = current.pts;
        self.clock.jump(at, self.now);
        let beyond = if left > 0 { self.shared.lock().ended } else { Some(at) == self.first() };
        if left != 0 && !beyond {
            self.request(Target::Step { from: at, frames: left }, at);
        }
    }

    /// 0.1 to 4.
    pub fn set_speed(&mut self, speed: f64) {
        self.clock.set_speed(speed, self.now);
    }

    pub fn speed(&self) -> f64 {
        self.clock.speed()
    }

    /// In and out point; playback jumps from out to in.
    pub fn set_loop(&mut self, range: Option<(Pts, Pts)>) {
        self.clock.set_loop(range);
    }

    pub fn loop_range(&self) -> Option<(Pts, Pts)> {
        self.clock.loop_range()
    }

    /// Where the video ends, as far as is known.
    fn end(&self) -> Pts {
        let shown = self.current.as_ref();
        match self.scanned_end() {
            Some(end) => end.max(shown.map_or(Pts(0), |f| f.pts)),
            None => shown.map_or(Pts(0), |f| Pts(f.pts.0.saturating_add(f.duration.0))),
        }
    }

    /// Where the video ends, once it has been scanned.
    fn scanned_end(&self) -> Option<Pts> {
        Some(self.info.as_ref()?.frames.as_ref()?.end)
    }

    /// PTS of the video's first frame.
    fn first(&self) -> Option<Pts> {
        self.shared.lock().first
    }

    /// Asks the decode thread; whatever it was doing is overtaken.
    fn request(&mut self, target: Target, position: Pts) {
        if self.error.is_some() && self.thread.as_ref().is_none_or(|t| t.is_finished()) {
            return;
        }
        self.clock.stop(self.now);
        self.clock.jump(position, self.now);
        let generation = self.shared.request(target);
        self.seeking = Some(Seek { generation, position, steps: 0 });
    }

    /// Takes what the decode thread has sent.
    fn receive(&mut self) {
        let (opened, error, landed) = {
            let mut state = self.shared.lock();
            (state.opened.take(), state.error.take(), state.landed.take())
        };
        if let Some(info) = opened {
            self.info = Some(info);
        }
        if let Some(info) = &mut self.info
            && info.frames.is_none()
            && info.fault.is_none()
        {
            match self.source.try_frames() {
                Some(Ok(times)) => info.scanned(times),
                // The source was closed: so is this player, soon.
                Some(Err(VideoError::Cancelled)) => {}
                Some(Err(error)) => info.fault = Some(format!("its frames cannot be listed ({error})")),
                None => {}
            }
        }
        if let Some(error) = error {
            self.error = Some(error);
        }
        if let Some(landed) = landed {
            self.land(landed);
        }
    }

    /// A request's frame, or one on the way to it, has come.
    fn land(&mut self, landed: Landed) {
        let Some(seek) = &self.seeking else { return };
        if !landed.done {
            // Of a request that was overtaken: something to look at until the next one is there.
            self.current = landed.frame.or(self.current.take());
            self.back.clear();
            return;
        }
        if landed.generation != seek.generation {
            return;
        }
        let steps = seek.steps;
        self.seeking = None;
        if let Some(frame) = landed.frame {
            if landed.moves_head {
                self.clock.jump(frame.pts, self.now);
            }
            self.current = Some(frame);
            self.back = landed.before.into();
        }
        if steps != 0 {
            self.step(steps);
        }
    }

    /// Shows what is due on the running clock; handles the loop and the end.
    fn advance(&mut self, before: Pts) {
        let at = self.clock.at(self.now);
        let ended = {
            let state = self.shared.lock();
            state.ended && state.queue.back().is_none_or(|last| last.pts <= at)
        };
        let end = ended.then(|| {
            let state = self.shared.lock();
            let last = state.queue.back().or(self.current.as_ref());
            last.map_or(at, |f| Pts(f.pts.0.saturating_add(f.duration.0)))
        });
        if let Some(start) = self.clock.wrap(at, before, end) {
            self.seek(start);
            return;
        }
        while self.next_pts().is_some_and(|next| next <= at) && self.show_next() {}
        if let Some(end) = end {
            if at >= end {
                self.pause();
                self.clock.jump(end, self.now);
            }
        } else if self.next_pts().is_none()
            && let Some(frame) = &self.current
        {
            // Not decoded yet: the clock waits rather than skips.
            let due = Pts(frame.pts.0.saturating_add(frame.duration.0));
            if at.0 > due.0.saturating_add(MAX_LAG.0) {
                self.clock.jump(due, self.now);
            }
        }
    }

    fn next_pts(&self) -> Option<Pts> {
        self.shared.lock().queue.front().map(|f| f.pts)
    }

    /// One frame on, if it is decoded.
    fn show_next(&mut self) -> bool {
        let Some(next) = self.shared.pop() else { return false };
        if let Some(shown) = self.current.replace(next) {
            self.back.push_back(shown);
        }
        let mut bytes: usize = self.back.iter().map(|f| f.bytes()).sum();
        while bytes > BACK_BYTES
            && let Some(oldest) = self.back.pop_front()
        {
            bytes -= oldest.bytes();
        }
        true
    }

    /// One frame back, if it is still there.
    fn show_previous(&mut self) -> bool {
        let Some(previous) = self.back.pop_back() else { return false };
        if let Some(shown) = self.current.replace(previous) {
            self.shared.unpop(shown);
        }
        true
    }

    /// Shows the frame for `to` if it is among the neighbours.
    fn show_neighbour(&mut self, to: Pts) -> bool {
        let Some(current) = &self.current else { return false };
        if to < current.pts {
            // Only the video's first frame is also shown for times before it.
            let oldest = self.back.front().map(|f| f.pts);
            if !oldest.is_some_and(|pts| pts <= to || Some(pts) == self.first()) {
                return Some(current.pts) == self.first();
            }
            while self.current.as_ref().is_some_and(|f| f.pts > to) && self.show_previous() {}
            return true;
        }
        let covered = {
            let state = self.shared.lock();
            to == current.pts || state.ended || state.queue.back().is_some_and(|last| last.pts > to)
        };
        while covered && self.next_pts().is_some_and(|next| next <= to) && self.show_next() {}
        covered
    }
}

impl VideoInfo {
    fn scanned(&mut self, times: Arc<FrameTimes>) {
        self.duration = Some(times.end);
        self.variable_rate = times.is_variable();
        if times.times.len() < 2 {
            self.fps = None;
        }
        self.fault.clone_from(&times.damaged);
        self.frames = Some(times);
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // The thread ends by itself soon; the ui thread, which is here, does not wait for it.
        self.cancel.cancel();
        self.shared.quit();
    }
}
