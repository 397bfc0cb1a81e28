//! Tests of what a person or a disk does in the middle of reading.

use super::{Decoder, open};
use crate::video::{Cancel, FrameTimes, Mp4Writer, RgbImage, VideoError};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// What happens when the reader comes to a certain byte.
#[derive(Clone)]
enum Trouble {
    Cancelled(Cancel),
    Fault(ErrorKind),
    End,
}

/// A file in which something happens at byte `at`.
struct Troubled {
    file: File,
    at: u64,
    trouble: Trouble,
}

impl Read for Troubled {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.at.saturating_sub(self.file.stream_position()?);
        match &self.trouble {
            Trouble::Cancelled(cancel) if left == 0 => cancel.cancel(),
            Trouble::Fault(kind) if left == 0 => return Err(std::io::Error::new(*kind, "bad sector")),
            Trouble::End if left == 0 => return Ok(0),
            _ => {}
        }
        let most = if left == 0 { buffer.len() } else { buffer.len().min(left as usize) };
        self.file.read(&mut buffer[..most])
    }
}

impl Seek for Troubled {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}

/// A file of 5 s whose index stands in front, and its length.
fn film(folder: &Path) -> Option<(PathBuf, u64)> {
    let made = folder.join("made.mp4");
    let mut writer = Mp4Writer::create(&made, 320, 240, 25.0, 18).expect("starts");
    for i in 0..125u32 {
        let noise = (0..3 * 320 * 240u32).map(|p| (p.wrapping_mul(2_654_435_761) ^ (i * 77)) as u8 >> 1);
        writer.push(&RgbImage { width: 320, height: 240, data: noise.collect() }).expect("takes it");
    }
    writer.finish().expect("finishes");
    let path = folder.join("film.mp4");
    let args = ["-v", "error", "-y", "-i", made.to_str()?, "-c", "copy", "-movflags", "+faststart"];
    let run = std::process::Command::new("ffmpeg").args(args).arg(&path).output().ok()?;
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let bytes = path.metadata().expect("facts").len();
    Some((path, bytes))
}

fn scan(path: &Path, at: u64, trouble: Trouble) -> Result<Option<FrameTimes>, VideoError> {
    let cancel = match &trouble {
        Trouble::Cancelled(cancel) => cancel.clone(),
        _ => Cancel::default(),
    };
    let file = File::open(path).expect("opens");
    let opened = open::open_bytes(path, Troubled { file, at, trouble }, &cancel)?;
    Decoder::open(path, &Cancel::default())?.scanner().packets(opened, &cancel, &mut |_| {})
}

#[test]
fn an_interruption_or_a_fault_is_not_the_end() {
    let folder = tempfile::tempdir().expect("folder");
    let Some((path, bytes)) = film(folder.path()) else { return };
    let whole = scan(&path, bytes, Trouble::End).expect("a list").expect("times");
    assert_eq!((whole.times.len(), &whole.damaged), (125, &None));
    for part in [0.3, 0.6, 0.9] {
        let at = (bytes as f64 * part) as u64;
        let cancelled = scan(&path, at, Trouble::Cancelled(Cancel::default()));
        assert!(matches!(cancelled, Err(VideoError::Cancelled)), "{part}: {cancelled:?}");
        for kind in [ErrorKind::Other, ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::UnexpectedEof] {
            let fault = scan(&path, at, Trouble::Fault(kind));
            let Err(VideoError::Interrupted { reason, .. }) = &fault else { panic!("{part}: {fault:?}") };
            assert!(reason.contains("bad sector"), "{reason}");
        }
        let cut = scan(&path, at, Trouble::End).expect("a list").expect("times");
        // The last frames may lean on one that is not there; what comes before them is whole.
        let sure = cut.times.len() - 4;
        assert!(sure > 10 && cut.times[..sure] == whole.times[..sure], "{part}: a beginning");
        let said = cut.damaged.expect("it says so");
        assert!(said.starts_with("cut off"), "{part}: {said}");
    }
}

#[test]
fn playing_into_a_fault_gives_the_frames_before_it_and_then_the_fault() {
    let folder = tempfile::tempdir().expect("folder");
    let Some((path, bytes)) = film(folder.path()) else { return };
    let file = File::open(&path).expect("opens");
    let cancel = Cancel::default();
    let troubled = Troubled { file, at: bytes * 6 / 10, trouble: Trouble::Fault(ErrorKind::Other) };
    let opened = open::open_bytes(&path, troubled, &cancel).expect("opens");
    let mut decoder = Decoder::start(&path, opened, &cancel).expect("a first frame");
    let mut frames = 0;
    let error = loop {
        match decoder.next_frame() {
            Ok(Some(_)) => frames += 1,
            Ok(None) => panic!("{frames} frames passed for the whole"),
            Err(error) => break error,
        }
    };
    assert!((20..110).contains(&frames), "{frames}");
    assert!(matches!(error, VideoError::Interrupted { .. }), "{error}");
}
