//! Decoding: one handle on one video file that gives frames in order and can be sent to any time, exactly. This
//! module is the only reader that names ffmpeg.

mod open;
mod picture;
mod scan;
mod seek;
#[cfg(test)]
mod trouble;

use super::frame::Frame;
use super::times::FrameTimes;
use super::{Cancel, Pts, VideoError};
use ffmpeg_next as ff;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many read or decode errors in a row end the stream.
const MAX_ERRORS: usize = 1000;
/// Frame duration where the file does not say: 25 frames per second.
const FALLBACK_DURATION: Pts = Pts(40_000_000);

/// The ffmpeg version in use and its licence, for `doctor`.
pub fn ffmpeg_version() -> String {
    let part = |v: u32| format!("{}.{}.{}", v >> 16, (v >> 8) & 0xff, v & 0xff);
    format!(
        "libavformat {}, libavcodec {} ({})",
        part(ff::format::version()),
        part(ff::codec::version()),
        ff::codec::license()
    )
}

/// One open video.
pub struct Decoder {
    path: PathBuf,
    input: ff::format::context::Input,
    watch: open::Watch,
    stream: usize,
    codec: ff::decoder::Video,
    cancel: Cancel,
    timing: Timing,
    display: picture::Display,
    still: bool,
    first_pts: Pts,
    /// The frame given last.
    last: Option<Arc<Frame>>,
    /// Decoded, to be given next.
    next: Option<Arc<Frame>>,
    /// Every frame's time, once somebody has scanned the file.
    times: Option<Arc<FrameTimes>>,
    /// While seeking: pictures before this are decoded only as far as others lean on them.
    skip_before: Option<Pts>,
    /// While seeking: nothing after this frame is wanted, and the decoder is told so as soon as it has that frame's packet.
    ends_after: Option<Pts>,
    /// How many pictures the codec has made.
    decoded: usize,
    /// After a jump: packets are dropped up to the first key packet.
    wants_key: bool,
    /// PTS of that key packet; frames before it lean on what was not decoded.
    trusted_from: Option<i64>,
    draining: bool,
    errors: usize,
    last_error: Option<ff::Error>,
    /// Where in the file the packet read last stands, in bytes.
    read_to: usize,
}

/// What turns the stream's timestamps into [`Pts`].
#[derive(Clone, Copy, Debug)]
struct Timing {
    base: (i64, i64),
    /// Timestamp of Pts 0.
    origin: i64,
    /// Duration of a frame where the container does not say.
    nominal: Pts,
    /// The frames carry no timestamps: they are counted from the start of the file.
    untimed: bool,
}

impl Timing {
    fn nanoseconds(&self, ticks: i64) -> i64 {
        let ns = i128::from(ticks) * i128::from(self.base.0) * 1_000_000_000;
        // Rounded, so that 1/30 s comes out the same from every time base that holds it.
        let (den, half) = (i128::from(self.base.1), i128::from(self.base.1) / 2);
        (ns + if ns < 0 { -half } else { half }).checked_div(den).unwrap_or(0).clamp(-1 << 62, 1 << 62) as i64
    }

    fn pts(&self, timestamp: i64) -> Pts {
        Pts(self.nanoseconds(timestamp.saturating_sub(self.origin)))
    }

    /// The microseconds of the container's clock at or after `pts`: demuxers round them down to their own ticks, and would miss the key
    /// frame at `pts` by one.
    fn microseconds(&self, pts: Pts) -> i64 {
        self.nanoseconds(self.origin).saturating_add(pts.0).saturating_add(999).div_euclid(1000)
    }
}

impl Decoder {
    /// Opens the file, finds its best video stream and decodes the first frame.
    ///
    /// Only the file itself is read: its bytes are handed to ffmpeg, which may open nothing else, and playlist
    /// formats are refused. Gives up after some seconds, or when `cancel` is called.
    pub fn open(path: &Path, cancel: &Cancel) -> Result<Self, VideoError> {
        Self::start(path, open::open(path, cancel)?, cancel)
    }

    /// Decodes the first frame of what was opened.
    fn start(path: &Path, opened: open::Opened, cancel: &Cancel) -> Result<Self, VideoError> {
        let codec = open::decoder(path, &opened)?;
        let mut decoder = Self {
            path: path.to_owned(),
            stream: opened.stream,
            timing: opened.timing,
            display: opened.display,
            still: opened.still,
            codec,
            cancel: cancel.clone(),
            first_pts: Pts(0),
            last: None,
            next: None,
            times: None,
            skip_before: None,
            ends_after: None,
            decoded: 0,
            wants_key: false,
            trusted_from: None,
            draining: false,
            errors: 0,
            last_error: None,
            read_to: 0,
            input: opened.input,
            watch: opened.watch,
        };
        let first = decoder.first_frame();
        decoder.watch.opened();
        let first = first.map_err(|e| decoder.watch.explain(e))?;
        decoder.first_pts = first.pts;
        decoder.next = Some(first);
        Ok(decoder)
    }

    /// Decodes the first frame and lets it correct the origin of time.
    fn first_frame(&mut self) -> Result<Arc<Frame>, VideoError> {
        loop {
            let Some(av) = self.receive()? else {
                let reason = self.last_error.map_or("it holds no frames".to_owned(), |e| e.to_string());
                return Err(VideoError::Undecodable { path: self.path.clone(), reason });
            };
            match av.timestamp() {
                None => self.timing.untimed = true,
                Some(t) => self.timing.origin = self.timing.origin.min(t),
            }
            if let Some(frame) = self.accept(av)? {
                return Ok(frame);
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// PTS of the first frame.
    pub fn first_pts(&self) -> Pts {
        self.first_pts
    }

    /// A single picture (PNG, JPEG, …), which has no frame rate.
    pub fn is_still(&self) -> bool {
        self.still
    }

    /// The container's average frame rate.
    pub fn fps(&self) -> Option<f64> {
        let stream = self.input.stream(self.stream)?;
        let rate = open::positive(stream.avg_frame_rate()).or_else(|| open::positive(stream.rate()))?;
        (!self.still).then_some(rate).filter(|fps| *fps <= 1000.0)
    }

    /// What the container says of the length, if it says so; the packet scan ([`Decoder::scanner`]) knows it exactly.
    pub fn stated_duration(&self) -> Option<Pts> {
        let whole = open::stated_duration(&self.input)?;
        let ticks = self.input.stream(self.stream)?.duration();
        Some(if ticks > 0 { Pts(self.timing.nanoseconds(ticks)) } else { whole })
    }

    /// There is a sound track beside the pictures.
    pub fn has_sound(&self) -> bool {
        self.input.streams().any(|s| s.parameters().medium() == ff::media::Type::Audio)
    }

    /// For example "h264 (High), yuv420p, bt709, limited".
    pub fn format(&self, frame: &Frame) -> String {
        use super::frame::{Layout, Range};
        let name = self.codec.codec().map_or("unknown codec".to_owned(), |c| c.name().to_owned());
        let profile = match self.codec.profile() {
            ff::codec::Profile::H264(p) => format!(" ({p:?})"),
            ff::codec::Profile::HEVC(p) => format!(" ({p:?})"),
            _ => String::new(),
        };
        let pixels = self.codec.format().descriptor().map_or("unknown pixels", |d| d.name());
        let range = if frame.color.range == Range::Full { "full" } else { "limited" };
        match frame.layout {
            Layout::Rgba => format!("{name}{profile}, {pixels}"),
            Layout::Gray => format!("{name}{profile}, {pixels}, {range}"),
            _ => format!("{name}{profile}, {pixels}, {}, {range}", frame.color.matrix.name()),
        }
    }

    /// How many pictures have been decoded on this handle. Tests hold it against how many were wanted.
    pub fn decoded(&self) -> usize {
        self.decoded
    }

    /// What lists every frame's PTS with a handle of its own.
    pub fn scanner(&self) -> scan::Scanner {
        scan::Scanner::new(&self.path, self.stream, self.timing)
    }

    /// The next frame in presentation order; `None` at the end. Damaged packets are passed over; where the disk refuses
    /// to give the bytes, the frames up to there come first, then the error.
    pub fn next_frame(&mut self) -> Result<Option<Arc<Frame>>, VideoError> {
        let frame = match self.next.take() {
            Some(frame) => Some(frame),
            None => self.decode()?,
        };
        if let Some(frame) = &frame {
            self.last = Some(frame.clone());
        }
        Ok(frame)
    }

    /// Decodes up to the next frame that can be shown.
    fn decode(&mut self) -> Result<Option<Arc<Frame>>, VideoError> {
        while let Some(av) = self.receive()? {
            if let Some(frame) = self.accept(av)? {
                return Ok(Some(frame));
            }
        }
        self.watch.fault().map(|()| None)
    }

    /// The decoder's next picture, feeding it packets as it asks.
    fn receive(&mut self) -> Result<Option<ff::frame::Video>, VideoError> {
        let mut av = ff::frame::Video::empty();
        loop {
            if self.cancel.is_cancelled() {
                return Err(VideoError::Cancelled);
            }
            match self.codec.receive_frame(&mut av) {
                Ok(()) => {
                    self.errors = 0;
                    self.decoded += 1;
                    return Ok(Some(av));
                }
                Err(ff::Error::Eof) => return Ok(None),
                Err(e) => {
                    let starved = e == ff::Error::Other { errno: ff::error::EAGAIN };
                    if !starved && !self.tolerate(e) {
                        return Ok(None);
                    }
                    if !self.draining {
                        self.feed()?;
                    } else if starved {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Notes an error; `false` when there have been too many in a row.
    fn tolerate(&mut self, error: ff::Error) -> bool {
        self.errors += 1;
        self.last_error = Some(error);
        self.errors < MAX_ERRORS
    }

    /// Sends one packet of the stream to the decoder, or the end.
    fn feed(&mut self) -> Result<(), VideoError> {
        loop {
            if self.cancel.is_cancelled() {
                return Err(VideoError::Cancelled);
            }
            let mut packet = ff::Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() != self.stream => {}
                Ok(()) => {
                    self.read_to = packet.position().max(0) as usize;
                    if self.wants_key {
                        if !packet.is_key() {
                            continue;
                        }
                        self.wants_key = false;
                        self.trusted_from = packet.pts();
                    }
                    let before = |end| packet.pts().is_some_and(|t| self.timing.pts(t) < end);
                    let skip = self.skip_before.is_some_and(before);
                    self.codec.skip_frame(if skip {
                        ff::Discard::NonReference
                    } else {
                        ff::Discard::Default
                    });
                    match self.codec.send_packet(&packet) {
                        Ok(())
                            if self.ends_after.is_some()
                                && self.ends_after == packet.pts().map(|t| self.timing.pts(t)) =>
                        {
                            return self.drain();
                        }
                        Ok(()) => return Ok(()),
                        Err(e) if self.tolerate(e) => {}
                        Err(_) => return self.drain(),
                    }
                }
                // A demuxer finds its way after damaged data, or asks to be called again.
                Err(e) if is_passing(e) && self.tolerate(e) => {}
                Err(ff::Error::Exit) => return Err(VideoError::Cancelled),
                // Anything else, the end included, returns for ever: what was read is shown, the rest is lost.
                Err(e) => {
                    if e != ff::Error::Eof {
                        self.last_error = Some(e);
                    }
                    return self.drain();
                }
            }
        }
    }

    fn drain(&mut self) -> Result<(), VideoError> {
        self.draining = true;
        // Refused only where the decoder is draining already.
        let _ = self.codec.send_eof();
        Ok(())
    }

    /// A decoded picture as a [`Frame`]; `None` where it is not to be shown.
    fn accept(&mut self, av: ff::frame::Video) -> Result<Option<Arc<Frame>>, VideoError> {
        let timestamp = if self.timing.untimed { None } else { av.timestamp() };
        if let (Some(t), Some(from)) = (timestamp, self.trusted_from)
            && t < from
        {
            return Ok(None);
        }
        let stated = Pts(self.timing.nanoseconds(av.packet().duration));
        let duration = if stated.0 > 0 { stated } else { self.timing.nominal };
        let after_last = self.last.as_ref().map(|f| Pts(f.pts.0.saturating_add(f.duration.0.max(1))));
        let pts = match (timestamp.map(|t| self.timing.pts(t)), after_last, &self.last) {
            // Timestamps that do not rise are replaced, so that time only goes forward.
            (Some(pts), Some(_), Some(last)) if pts > last.pts => pts,
            (_, Some(after), _) => after,
            (Some(pts), None, _) => pts.max(Pts(0)),
            (None, None, _) => Pts(0),
        };
        picture::frame(&self.path, av, pts, duration, &self.display).map(|f| f.map(Arc::new))
    }
}

/// Errors after which the next packet may be whole again.
fn is_passing(error: ff::Error) -> bool {
    matches!(error, ff::Error::InvalidData | ff::Error::Other { errno: ff::error::EAGAIN })
}
