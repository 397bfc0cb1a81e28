//! Writing pictures to an mp4: H.264 where ffmpeg has libx264, else MPEG-4. The colours are BT.709, limited range,
//! and are tagged so, at every size; the conversion is ours, so it undoes what [`super::frame`] does on reading.

use super::{Pts, RgbImage, VideoError};
use ff::format::Pixel;
use ffmpeg_next as ff;
use rayon::prelude::*;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Ticks per second of the written timestamps: holds 24, 25, 30, 50, 60 and 29.97 frames per second exactly, and fits
/// in the 16 bits of MPEG-4.
const TIME_BASE: i32 = 60_000;
/// Largest distance of two key frames: seeking stays quick.
const GOP: u32 = 48;

/// An mp4 being written. It appears under its name when [`Mp4Writer::finish`] has succeeded; until then the bytes
/// go to a file with ".part" added, which is removed on failure.
pub struct Mp4Writer {
    path: PathBuf,
    part: PathBuf,
    /// `None` after [`Mp4Writer::finish`].
    open: Option<Open>,
    width: u32,
    height: u32,
    fps: f64,
    frames: u64,
    last_ticks: Option<i64>,
    codec: &'static str,
}

struct Open {
    output: ff::format::context::Output,
    encoder: ff::encoder::Video,
}

impl Mp4Writer {
    /// Starts a file. `width` and `height` must be even (4:2:0), `fps` in 0–1000; `crf` is x264's quality, 0 (lossless)
    /// to 51, usually 18 to 23.
    pub fn create(path: &Path, width: u32, height: u32, fps: f64, crf: u32) -> Result<Self, VideoError> {
        let fail = |reason: String| VideoError::Write { path: path.to_owned(), reason };
        if width == 0 || height == 0 || width % 2 == 1 || height % 2 == 1 {
            return Err(fail(format!("the picture size {width}×{height} is not even")));
        }
        if !super::frame::size_allowed(width, height) {
            return Err(fail(format!("the picture size {width}×{height} is above the limit")));
        }
        if !(fps > 0.0 && fps <= 1000.0) {
            return Err(fail(format!("{fps} frames per second cannot be written")));
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).map_err(|e| fail(e.to_string()))?;
        let started = start(file, width, height, fps, crf);
        let (open, codec) = started.map_err(|e| {
            let _ = std::fs::remove_file(&part);
            fail(e.to_string())
        })?;
        let path = path.to_owned();
        Ok(Self { path, part, open: Some(open), width, height, fps, frames: 0, last_ticks: None, codec })
    }

    /// "libx264", or "mpeg4" where ffmpeg lacks it.
    pub fn codec(&self) -> &'static str {
        self.codec
    }

    /// Adds a frame 1/fps after the last.
    pub fn push(&mut self, image: &RgbImage) -> Result<(), VideoError> {
        self.push_at(image, Pts::from_secs(self.frames as f64 / self.fps))
    }

    /// Adds a frame at a time of its own, later than the last.
    pub fn push_at(&mut self, image: &RgbImage, pts: Pts) -> Result<(), VideoError> {
        let ticks = (pts.secs() * f64::from(TIME_BASE)).round() as i64;
        if (image.width, image.height) != (self.width, self.height)
            || image.data.len() != 3 * self.width as usize * self.height as usize
        {
            let size = format!("{}×{}", image.width, image.height);
            return Err(
                self.error(format!("a picture of {size} in a video of {}×{}", self.width, self.height))
            );
        }
        if self.last_ticks.is_some_and(|last| ticks <= last) {
            return Err(
                self.error(format!("the frame at {:.3} s does not come after the one before it", pts.secs()))
            );
        }
        self.last_ticks = Some(ticks);
        self.frames += 1;
        let duration = (f64::from(TIME_BASE) / self.fps).round() as i64;
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut picture = yuv(image);
        picture.set_pts(Some(ticks));
        let sent = open.encoder.send_frame(&picture).and_then(|()| open.write(duration));
        sent.map_err(|e| self.error(e.to_string()))
    }

    /// Writes what is left and gives the file its name.
    pub fn finish(mut self) -> Result<(), VideoError> {
        let duration = (f64::from(TIME_BASE) / self.fps).round() as i64;
        if let Some(mut open) = self.open.take() {
            let ended = open.encoder.send_eof().and_then(|()| open.write(duration));
            let ended = ended.and_then(|()| open.output.write_trailer());
            // Closes the file.
            drop(open);
            ended.map_err(|e| self.error(e.to_string()))?;
        }
        std::fs::rename(&self.part, &self.path).map_err(|e| self.error(e.to_string()))
    }

    fn error(&self, reason: String) -> VideoError {
        VideoError::Write { path: self.path.clone(), reason }
    }
}

impl Drop for Mp4Writer {
    fn drop(&mut self) {
        // Not finished, or finishing failed; after success there is no such file.
        self.open = None;
        let _ = std::fs::remove_file(&self.part);
    }
}

impl Open {
    /// Moves the packets that are ready into the file.
    fn write(&mut self, duration: i64) -> Result<(), ff::Error> {
        let mut packet = ff::Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            packet.set_stream(0);
            packet.set_duration(duration);
            let base = self.output.stream(0).map_or(ff::Rational(1, TIME_BASE), |s| s.time_base());
            packet.rescale_ts(ff::Rational(1, TIME_BASE), base);
            packet.write_interleaved(&mut self.output)?;
        }
        Ok(())
    }
}

fn start(file: File, width: u32, height: u32, fps: f64, crf: u32) -> Result<(Open, &'static str), ff::Error> {
    ff::log::set_level(ff::log::Level::Quiet);
    let io = ff::format::context::StreamIo::from_write_seek_with_capacity(file, 1 << 16)?;
    let mut output = ff::format::output_to_stream(io, None, Some("mp4"))?;
    let x264 = ff::encoder::find_by_name("libx264");
    let name = if x264.is_some() { "libx264" } else { "mpeg4" };
    let codec = x264.or_else(|| ff::encoder::find(ff::codec::Id::MPEG4)).ok_or(ff::Error::EncoderNotFound)?;

    let mut encoder = ff::codec::Context::new_with_codec(codec).encoder().video()?;
    encoder.set_width(width);
    encoder.set_height(height);
    encoder.set_format(Pixel::YUV420P);
    encoder.set_time_base(ff::Rational(1, TIME_BASE));
    // Only a hint for rate control: every frame carries its own time.
    encoder.set_frame_rate(Some(ff::Rational((fps * 1000.0).round().max(1.0) as i32, 1000)));
    encoder.set_gop(GOP);
    encoder.set_colorspace(ff::color::Space::BT709);
    encoder.set_color_primaries(ff::color::Primaries::BT709);
    encoder.set_color_transfer_characteristic(ff::color::TransferCharacteristic::BT709);
    encoder.set_color_range(ff::color::Range::MPEG);
    let mut flags = ff::codec::Flags::GLOBAL_HEADER;
    let options = if x264.is_some() {
        vec![("crf".to_owned(), crf.min(51).to_string()), ("preset".to_owned(), "medium".to_owned())]
    } else {
        flags |= ff::codec::Flags::QSCALE;
        // Its quantiser goes from 1 to 31, in units of 1/118.
        encoder.set_global_quality((crf.min(51) * 31 / 51).max(1) as i32 * 118);
        Vec::new()
    };
    encoder.set_flags(flags);
    let encoder = encoder.open_with(options.into_iter().collect())?;

    let mut stream = output.add_stream_with(&encoder)?;
    stream.set_time_base(ff::Rational(1, TIME_BASE));
    output.write_header()?;
    Ok((Open { output, encoder }, name))
}

/// BT.709 limited range 4:2:0, chroma on the left luma column between the rows.
fn yuv(image: &RgbImage) -> ff::frame::Video {
    let (w, h) = (image.width as usize, image.height as usize);
    let mut picture = ff::frame::Video::new(Pixel::YUV420P, image.width, image.height);
    picture.set_color_space(ff::color::Space::BT709);
    picture.set_color_range(ff::color::Range::MPEG);
    let rgb = |x: usize, y: usize| {
        let at = 3 * (y * w + x);
        [0, 1, 2].map(|c| f32::from(image.data[at + c]))
    };
    let (kr, kb) = (0.2126, 0.0722);
    let luma = |p: [f32; 3]| kr * p[0] + (1.0 - kr - kb) * p[1] + kb * p[2];

    let stride = picture.stride(0);
    picture.data_mut(0).par_chunks_mut(stride).take(h).enumerate().for_each(|(y, row)| {
        for (x, v) in row[..w].iter_mut().enumerate() {
            *v = (16.5 + luma(rgb(x, y)) * (219.0 / 255.0)) as u8;
        }
    });
    for (plane, channel, k) in [(1, 2, kb), (2, 0, kr)] {
        let stride = picture.stride(plane);
        let scale = 224.0 / 255.0 / (2.0 * (1.0 - k));
        picture.data_mut(plane).par_chunks_mut(stride).take(h / 2).enumerate().for_each(|(y, row)| {
            for (x, v) in row[..w / 2].iter_mut().enumerate() {
                // Weights ¼ ½ ¼ around the luma column that the sample lies on, over both rows.
                let columns = [((2 * x).saturating_sub(1), 1.0), (2 * x, 2.0), (2 * x + 1, 1.0)];
                let mut sum = 0.0;
                for (column, weight) in columns {
                    for line in [2 * y, 2 * y + 1] {
                        let p = rgb(column, line);
                        sum += weight * (p[channel] - luma(p));
                    }
                }
                *v = (128.5 + scale * sum / 8.0) as u8;
            }
        });
    }
    picture
}
