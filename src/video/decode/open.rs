//! Opening a file that may be anything: a regular file is opened here, by us, and its bytes are handed to ffmpeg.
//! So no protocol of ffmpeg's is ever used, names with odd characters are no matter, and a file's type is told by
//! its content alone.

use super::picture::{Display, Turn};
use super::{FALLBACK_DURATION, Timing};
use crate::video::frame::{MAX_PIXELS, size_allowed};
use crate::video::{Cancel, Pts, VideoError};
use ff::media::Type as Media;
use ffmpeg_next as ff;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once, OnceLock};
use std::time::{Duration, Instant};

/// Opening and the first picture together may take so long.
const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// Bytes read at once.
const READ_SIZE: usize = 1 << 16;
/// Above so many pixels a few decoding threads are enough, and more would take much memory.
const LARGE_PICTURE: u64 = 16_000_000;

/// Containers, raw streams and pictures that are opened. None of them opens another file; playlists (hls, dash,
/// concat, sdp, …), devices and everything that is not a video are absent. The audio formats are here so that the
/// message can say "only sound".
const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,asf_o,gif,\
    apng,ogg,rm,mxf,nut,ivf,h264,hevc,m4v,mjpeg,mjpeg_2000,dv,wtv,swf,yuv4mpegpipe,h261,h263,vc1,vc1test,obu,av1,\
    dirac,bink,roq,smk,flic,nsv,nuv,gxf,cavsvideo,ffm,\
    png_pipe,jpeg_pipe,jpegls_pipe,jpegxl_pipe,j2k_pipe,webp_pipe,bmp_pipe,tiff_pipe,gif_pipe,pam_pipe,pbm_pipe,\
    pgm_pipe,pgmyuv_pipe,ppm_pipe,pfm_pipe,qoi_pipe,psd_pipe,dds_pipe,exr_pipe,hdr_pipe,sgi_pipe,sunrast_pipe,\
    pcx_pipe,xwd_pipe,ico,\
    wav,w64,mp3,aac,flac,aiff,au,caf,ac3,eac3,dts,amr,tta,wv,ape,mpc";

/// Ends a call into ffmpeg that was cancelled or takes too long.
#[derive(Clone)]
pub(super) struct Watch {
    path: Arc<Path>,
    cancel: Cancel,
    started: Instant,
    opening: Arc<AtomicBool>,
    /// The first error of reading the file.
    fault: Arc<OnceLock<String>>,
}

impl Watch {
    fn new(path: &Path, cancel: &Cancel) -> Self {
        let opening = Arc::new(AtomicBool::new(true));
        let (cancel, fault) = (cancel.clone(), Arc::default());
        Self { path: path.into(), cancel, started: Instant::now(), opening, fault }
    }

    fn is_late(&self) -> bool {
        self.opening.load(Ordering::Relaxed) && self.started.elapsed() > OPEN_LIMIT
    }

    /// The time limit no longer holds.
    pub(super) fn opened(&self) {
        self.opening.store(false, Ordering::Relaxed);
    }

    /// What the disk said, if it refused to give some of the bytes: most demuxers take that for the end.
    pub(super) fn fault(&self) -> Result<(), VideoError> {
        let interrupted = |reason: &String| VideoError::Interrupted {
            path: self.path.to_path_buf(),
            reason: reason.clone(),
        };
        self.fault.get().map_or(Ok(()), |reason| Err(interrupted(reason)))
    }

    /// A cancellation that nobody asked for was the time limit.
    pub(super) fn explain(&self, error: VideoError) -> VideoError {
        match error {
            VideoError::Cancelled if !self.cancel.is_cancelled() => {
                VideoError::Timeout { path: self.path.to_path_buf(), seconds: OPEN_LIMIT.as_secs() }
            }
            other => other,
        }
    }
}

/// A file's bytes on their way to ffmpeg.
struct Bytes<R> {
    inner: R,
    fault: Arc<OnceLock<String>>,
}

impl<R: Read> Read for Bytes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(buffer);
        if let Err(e) = &got
            && e.kind() != ErrorKind::Interrupted
        {
            let _ = self.fault.set(e.to_string());
        }
        got
    }
}

impl<R: Seek> Seek for Bytes<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}

/// An open container and its video stream.
pub(super) struct Opened {
    pub(super) input: ff::format::context::Input,
    pub(super) stream: usize,
    pub(super) timing: Timing,
    pub(super) display: Display,
    pub(super) still: bool,
    pub(super) watch: Watch,
}

pub(super) fn open(path: &Path, cancel: &Cancel) -> Result<Opened, VideoError> {
    open_bytes(path, regular_file(path)?, cancel)
}

/// As [`open`], with the file's bytes from `bytes`.
pub(super) fn open_bytes(
    path: &Path,
    bytes: impl Read + Seek + Send + 'static,
    cancel: &Cancel,
) -> Result<Opened, VideoError> {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        // Its messages would be mixed with ours; every failure comes back as an error code.
        ff::log::set_level(ff::log::Level::Quiet);
    });
    let watch = Watch::new(path, cancel);
    let bytes = Bytes { inner: bytes, fault: watch.fault.clone() };
    let options: ff::Dictionary = [
        ("format_whitelist", FORMATS),
        // Not a protocol: nothing may be opened by name.
        ("protocol_whitelist", "none"),
        ("enable_drefs", "0"),
        ("use_absolute_path", "0"),
        ("max_streams", "64"),
    ]
    .into_iter()
    .collect();
    let io = ff::format::context::StreamIo::from_read_seek_with_capacity(bytes, READ_SIZE)
        .map_err(|e| VideoError::Io { path: path.to_owned(), reason: e.to_string() })?;
    let poll = watch.clone();
    let input = ff::format::input_from_stream_with_interrupt(io, None, Some(options), move || {
        poll.cancel.is_cancelled() || poll.is_late()
    })
    .map_err(|e| watch.explain(open_error(path, e)))?;
    let stream = video_stream(path, &input)?;
    let (timing, display) = describe(&input, stream);
    let still = input.format().name().ends_with("_pipe") && input.format().name() != "yuv4mpegpipe";
    Ok(Opened { input, stream, timing, display, still, watch })
}

fn open_error(path: &Path, error: ff::Error) -> VideoError {
    let reason = match error {
        ff::Error::Exit => return VideoError::Cancelled,
        ff::Error::InvalidData => {
            "ffmpeg finds no video in it: it is something else, or a part is missing (an MP4 that was cut off lacks its index, which is \
             as a rule at the end). Try another copy"
        }
        // What the whitelist answers.
        ff::Error::Other { errno: ff::error::EINVAL } => {
            "this kind of file is not opened here. Convert it, for example with `ffmpeg -i IN -pix_fmt yuv420p OUT.mp4`"
        }
        e => return VideoError::Undecodable { path: path.to_owned(), reason: e.to_string() },
    };
    VideoError::NotAVideo { path: path.to_owned(), reason }
}

/// Opens `path` if it is a regular file (or a link to one) with something in it that is no playlist.
fn regular_file(path: &Path) -> Result<File, VideoError> {
    let io = |e: std::io::Error| VideoError::Io { path: path.to_owned(), reason: e.to_string() };
    let kind = std::fs::metadata(path).map_err(io)?;
    if !kind.is_file() {
        let what = if kind.is_dir() { "a folder" } else { "a pipe, a device or a socket" };
        return Err(VideoError::NotAFile { path: path.to_owned(), what });
    }
    if kind.len() == 0 {
        return Err(VideoError::Empty { path: path.to_owned() });
    }
    let mut file = File::open(path).map_err(io)?;
    let mut head = Vec::new();
    file.by_ref().take(4096).read_to_end(&mut head).map_err(io)?;
    file.rewind().map_err(io)?;
    match playlist(&head) {
        Some(what) => Err(VideoError::Playlist { path: path.to_owned(), what }),
        None => Ok(file),
    }
}

/// Tells text that names other files by its first bytes. The list of formats refuses these anyway; this is for a
/// message that says what the file is.
fn playlist(head: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    const BEGINNINGS: [(&str, &str); 10] = [
        ("#extm3u", "an M3U or HLS playlist"),
        ("#ext-x-", "an HLS playlist"),
        ("ffconcat version", "an ffconcat list"),
        ("[playlist]", "a PLS playlist"),
        ("[reference]", "an ASF reference file"),
        ("<asx", "an ASX playlist"),
        ("<smil", "a SMIL playlist"),
        ("<?wpl", "a WPL playlist"),
        ("rtsptext", "an RTSP reference"),
        ("v=0", "an SDP session description"),
    ];
    let begins = BEGINNINGS.iter().find(|(mark, _)| text.starts_with(mark)).map(|(_, what)| *what);
    begins.or_else(|| {
        let xml = text.starts_with('<');
        [
            ("<mpd", "a DASH manifest"),
            ("<playlist", "an XSPF playlist"),
            ("<smoothstreamingmedia", "a streaming manifest"),
        ]
        .iter()
        .find(|(mark, _)| xml && text.contains(mark))
        .map(|(_, what)| *what)
    })
}

/// ffmpeg's choice of video stream, cover pictures excepted.
fn video_stream(path: &Path, input: &ff::format::context::Input) -> Result<usize, VideoError> {
    let cover = |s: &ff::Stream| s.disposition().contains(ff::format::stream::Disposition::ATTACHED_PIC);
    let is_video = |s: &ff::Stream| s.parameters().medium() == Media::Video && !cover(s);
    let best = input.streams().best(Media::Video).filter(|s| !cover(s));
    if let Some(stream) = best.or_else(|| input.streams().find(is_video)) {
        return Ok(stream.index());
    }
    let has = |medium| input.streams().any(|s| s.parameters().medium() == medium);
    let what = match (has(Media::Audio), input.streams().any(|s| cover(&s))) {
        (true, true) => "sound and a cover picture",
        (true, false) => "sound",
        (false, true) => "an attached picture",
        _ if has(Media::Subtitle) => "subtitles",
        _ => "data that is no picture",
    };
    Err(VideoError::NoVideo { path: path.to_owned(), what })
}

fn describe(input: &ff::format::context::Input, index: usize) -> (Timing, Display) {
    let fallback = Timing { base: (1, 1_000_000), origin: 0, nominal: FALLBACK_DURATION, untimed: false };
    let Some(stream) = input.stream(index) else { return (fallback, Display::default()) };
    let base = stream.time_base();
    let base = if base.numerator() > 0 && base.denominator() > 0 {
        (i64::from(base.numerator()), i64::from(base.denominator()))
    } else {
        fallback.base
    };
    let fps =
        positive(stream.avg_frame_rate()).or_else(|| positive(stream.rate())).filter(|fps| *fps <= 1000.0);
    let nominal = fps.map_or(FALLBACK_DURATION, |fps| Pts((1e9 / fps).round() as i64));
    // i64::MIN stands for "not known"; the first frame decides then.
    let origin = Some(stream.start_time()).filter(|t| *t != i64::MIN).unwrap_or(i64::MAX);
    let matrix = stream.side_data().find(|d| d.kind() == ff::packet::side_data::Type::DisplayMatrix);
    let turn = matrix.map_or(Turn::default(), |d| Turn::from_display_matrix(d.data()));
    let display = Display { turn, sample_aspect: sample_aspect(&stream) };
    (Timing { base, origin, nominal, untimed: false }, display)
}

/// The container's sample aspect ratio, (0, 1) where it states none. Some codecs (FFV1, VP9) leave it to the
/// container, and ffmpeg-next has no call for it.
#[allow(unsafe_code)]
fn sample_aspect(stream: &ff::Stream) -> (u32, u32) {
    // SAFETY: a `Stream` borrows its format context, which owns the AVStream that `as_ptr` gives; the field is plain
    // data that nothing writes while the context is borrowed.
    let ratio = unsafe { (*stream.as_ptr()).sample_aspect_ratio };
    (ratio.num.max(0) as u32, ratio.den.max(0) as u32)
}

/// What the container says of its length; `None` where it says nothing, or where ffmpeg made a length up from the bit
/// rate (raw streams), which can be off by any factor. ffmpeg-next has no call for the difference.
#[allow(unsafe_code)]
pub(super) fn stated_duration(input: &ff::format::context::Input) -> Option<Pts> {
    // SAFETY: an `Input` owns the format context that `as_ptr` gives; the field is plain data that nothing writes
    // while it is borrowed.
    let method = unsafe { (*input.as_ptr()).duration_estimation_method };
    let is_guess = method == ff::ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_BITRATE;
    let microseconds = Some(input.duration()).filter(|d| *d > 0 && !is_guess)?;
    Some(Pts(microseconds.saturating_mul(1000)))
}

/// A rational as a positive number.
pub(super) fn positive(r: ff::Rational) -> Option<f64> {
    (r.numerator() > 0 && r.denominator() > 0).then(|| f64::from(r.numerator()) / f64::from(r.denominator()))
}

/// Opens the stream's decoder, with as many threads as help.
pub(super) fn decoder(path: &Path, opened: &Opened) -> Result<ff::decoder::Video, VideoError> {
    let undecodable = |reason: String| VideoError::Undecodable { path: path.to_owned(), reason };
    let stream =
        opened.input.stream(opened.stream).ok_or_else(|| undecodable("its video stream is gone".into()))?;
    // Seen as an encoder, a context tells its size without being opened.
    let stated = ff::codec::Context::from_parameters(stream.parameters()).and_then(|c| c.encoder().video());
    let stated = stated.map_err(|e| undecodable(e.to_string()))?;
    let (width, height) = (stated.width(), stated.height());
    if width > 0 && height > 0 && !size_allowed(width, height) {
        return Err(VideoError::TooLarge { path: path.to_owned(), width, height });
    }
    let mut context = ff::codec::Context::from_parameters(stream.parameters())
        .map_err(|e| undecodable(e.to_string()))?
        .decoder();
    context.set_packet_time_base(stream.time_base());
    let id = context.id();
    let codec =
        ff::decoder::find(id).ok_or_else(|| undecodable(format!("ffmpeg has no decoder for {id:?}")))?;
    let threads = if u64::from(width) * u64::from(height) > LARGE_PICTURE { "2" } else { "auto" };
    let limit = MAX_PIXELS.to_string();
    let options: ff::Dictionary =
        [("threads", threads), ("thread_type", "frame+slice"), ("max_pixels", limit.as_str())]
            .into_iter()
            .collect();
    let opened = context.open_as_with(codec, options).and_then(|o| o.video());
    opened.map_err(|e| undecodable(format!("{}: {e}", codec.name())))
}
