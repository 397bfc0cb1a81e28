//! Tokens of a data set in one file, more than memory holds where need be: streamed to the disk batch by batch while they are
//! computed, mapped into memory when they are read.
//!
//! The file is safetensors: `tokens` F16 (clips, T, n, D), `labels` U32 (clips), and `skipped` U8, the JSON list of
//! `[path, reason]` of the files that could not be used. The tensors lie in that order behind a header of a fixed size, so that
//! tokens can be written before it is known how many clips are usable. Until the file is whole it is called
//! `….partial`, and a journal beside it has a line a batch: labels, skipped files, and the BLAKE3 of the batch's tokens. A run that is
//! stopped goes on behind the last line whose tokens are there.

use super::RunError;
use crate::files::map::MappedFile;
use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Length of the padded JSON header. With the eight bytes that say so the tokens begin at an even place.
const HEADER: usize = 1016;
const FORMAT: &str = "motionlens tokens 2";

/// Files that could not be used, with the reason.
pub type Skipped = Vec<(PathBuf, String)>;

/// A finished file, mapped.
#[derive(Debug)]
pub struct TokenFile {
    map: MappedFile,
    tokens: Range<usize>,
    /// Numbers of one clip, T · n · D.
    clip: usize,
    pub labels: Vec<usize>,
    pub skipped: Skipped,
}

impl TokenFile {
    /// `None` where the file is absent, of another shape `[T, n, D]`, or damaged; it is then computed again.
    pub fn open(path: &Path, shape: [usize; 3], classes: usize) -> Option<Self> {
        let map = MappedFile::open(path).ok()?;
        let file = SafeTensors::deserialize(&map).ok()?;
        let (tokens, labels) = (file.tensor("tokens").ok()?, file.tensor("labels").ok()?);
        let clips = *tokens.shape().first()?;
        let expected = tokens.dtype() == Dtype::F16
            && tokens.shape()[1..] == shape
            && labels.dtype() == Dtype::U32
            && labels.shape() == [clips];
        let labels: Vec<usize> =
            labels.data().as_chunks().0.iter().map(|l| u32::from_le_bytes(*l) as usize).collect();
        if !expected || labels.iter().any(|&l| l >= classes) {
            return None;
        }
        let skipped = serde_json::from_slice(file.tensor("skipped").ok()?.data()).ok()?;
        let tokens = 8 + HEADER..8 + HEADER + tokens.data().len();
        Some(Self { clip: shape.iter().product(), tokens, labels, skipped, map })
    }

    /// The tokens of clip `i` as f32 into `out`, which has room for exactly one clip.
    pub fn read(&self, i: usize, out: &mut [f32]) {
        let bytes = &self.map[self.tokens.clone()][2 * self.clip * i..2 * self.clip * (i + 1)];
        // Mapped memory begins on a page and the header has an even length; else number by number.
        match bytemuck::try_cast_slice::<u8, u16>(bytes) {
            Ok(bits) if cfg!(target_endian = "little") => {
                bits.reinterpret_cast::<f16>().convert_to_f32_slice(out);
            }
            _ => {
                for (out, value) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *out = f16::from_le_bytes(*value).to_f32();
                }
            }
        }
    }
}

/// One line of the journal.
#[derive(Serialize, Deserialize)]
struct Entry {
    labels: Vec<u32>,
    skipped: Skipped,
    digest: String,
}

/// A file that is being written.
pub struct TokenWriter {
    path: PathBuf,
    file: File,
    journal: File,
    shape: [usize; 3],
    labels: Vec<u32>,
    skipped: Skipped,
    /// What the tokens of all clips would take, for the message of a full disk.
    bytes: u64,
}

impl TokenWriter {
    /// Opens `path`'s partial file for `clips` clips of `[T, n, D]` tokens and goes back to its last whole batch.
    ///
    /// Where another process is writing it, waits until that one is done or gone, and calls `waiting` every second with
    /// the clips that it has finished. `None` where it finished the file: it is there to be opened.
    pub fn resume(
        path: &Path,
        shape: [usize; 3],
        clips: usize,
        waiting: &mut dyn FnMut(usize),
    ) -> Result<Option<Self>, RunError> {
        let bytes = size_of_clips(shape, clips);
        let (partial, notes) = (partial(path), journal(path));
        let fail = |path: &Path, e: io::Error| explained(path, e, bytes);
        let open = |path: &Path| {
            let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
            options.map_err(|e| fail(path, e))
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| fail(folder, e))?;
        }
        let mut file = open(&partial)?;
        while let Err(TryLockError::WouldBlock) = file.try_lock() {
            let length = file.metadata().map_or(0, |m| m.len());
            waiting(length.saturating_sub(8 + HEADER as u64) as usize / clip_bytes(shape).max(1));
            std::thread::sleep(Duration::from_secs(1));
        }
        if !partial.exists() {
            // What has been opened here was given its name meanwhile and may not be written any more.
            return Ok(None);
        }
        let mut journal = open(&notes)?;
        let (kept, lines) =
            checked(&mut file, &mut journal, clip_bytes(shape)).map_err(|e| fail(&partial, e))?;
        let mut writer = Self {
            path: path.to_owned(),
            file,
            journal,
            shape,
            labels: Vec::new(),
            skipped: Vec::new(),
            bytes,
        };
        for entry in kept {
            writer.labels.extend(entry.labels);
            writer.skipped.extend(entry.skipped);
        }
        writer.cut(lines).map_err(|e| fail(&partial, e))?;
        Ok(Some(writer))
    }

    /// Drops what lies behind the last whole batch, in both files.
    fn cut(&mut self, lines: u64) -> io::Result<()> {
        let end = 8 + HEADER as u64 + (self.labels.len() * clip_bytes(self.shape)) as u64;
        for (file, end) in [(&mut self.file, end), (&mut self.journal, lines)] {
            // Not where there is nothing to drop: the room for the header is made below.
            if file.metadata()?.len() > end {
                file.set_len(end)?;
            }
            file.seek(SeekFrom::Start(end))?;
        }
        Ok(())
    }

    /// Clips that are done, the skipped ones included.
    pub fn done(&self) -> usize {
        self.labels.len() + self.skipped.len()
    }

    /// Appends a batch: the labels and tokens of the usable clips, and what could not be used.
    pub fn push(&mut self, labels: &[usize], tokens: &[f32], skipped: Skipped) -> Result<(), RunError> {
        let bytes: Vec<u8> = tokens.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect();
        let labels: Vec<u32> = labels.iter().map(|&l| l as u32).collect();
        let digest = blake3::hash(&bytes).to_string();
        let entry = Entry { labels, skipped, digest };
        let written = self.file.write_all(&bytes).and_then(|()| {
            let mut line = serde_json::to_vec(&entry)?;
            line.push(b'\n');
            self.journal.write_all(&line)
        });
        written.map_err(|e| explained(&partial(&self.path), e, self.bytes))?;
        self.labels.extend(entry.labels);
        self.skipped.extend(entry.skipped);
        Ok(())
    }

    /// Writes what stands behind and before the tokens, and gives the file its name.
    pub fn finish(mut self) -> Result<(), RunError> {
        let partial = partial(&self.path);
        self.close().map_err(|e| explained(&partial, e, self.bytes))?;
        std::fs::rename(&partial, &self.path).map_err(|e| explained(&self.path, e, self.bytes))?;
        // What is left of the journal says nothing once the file is whole, and is only litter.
        let _ = std::fs::remove_file(journal(&self.path));
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        let skipped = serde_json::to_vec(&self.skipped)?;
        let labels: Vec<u8> = self.labels.iter().flat_map(|l| l.to_le_bytes()).collect();
        let [t, n, d] = self.shape;
        let clips = self.labels.len();
        let ends = [clips * clip_bytes(self.shape), labels.len(), skipped.len()];
        let ends = [ends[0], ends[0] + ends[1], ends[0] + ends[1] + ends[2]];
        let header = serde_json::json!({
            "__metadata__": { "format": FORMAT },
            "tokens": { "dtype": "F16", "shape": [clips, t, n, d], "data_offsets": [0, ends[0]] },
            "labels": { "dtype": "U32", "shape": [clips], "data_offsets": [ends[0], ends[1]] },
            "skipped": { "dtype": "U8", "shape": [skipped.len()], "data_offsets": [ends[1], ends[2]] },
        });
        let mut header = serde_json::to_vec(&header)?;
        header.resize(HEADER, b' ');
        self.file.write_all(&labels)?;
        self.file.write_all(&skipped)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&(HEADER as u64).to_le_bytes())?;
        self.file.write_all(&header)?;
        self.file.sync_all()
    }
}

/// Bytes of one clip's tokens.
pub fn clip_bytes(shape: [usize; 3]) -> usize {
    2 * shape.iter().product::<usize>()
}

/// Bytes of the tokens of so many clips, which is nearly all of the file.
pub fn size_of_clips(shape: [usize; 3], clips: usize) -> u64 {
    clip_bytes(shape) as u64 * clips as u64
}

/// A number of bytes for people.
pub fn in_words(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}

/// Whether so many bytes of tokens still fit into `folder`, of which `free` bytes are.
pub fn room(folder: &Path, need: u64, free: Option<u64>) -> Result<(), RunError> {
    match free.filter(|free| *free < need) {
        None => Ok(()),
        Some(free) => Err(RunError::Other(format!(
            "{} of tokens are still to be written to {}, and {} are free there: make room, name a folder on a larger disk with \
             --cache, or take fewer clips (--shots, --per-class)",
            in_words(need),
            folder.display(),
            in_words(free)
        ))),
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(end);
    path.with_file_name(name)
}

fn partial(path: &Path) -> PathBuf {
    beside(path, ".partial")
}

fn journal(path: &Path) -> PathBuf {
    beside(path, ".journal")
}

/// The journal's entries up to the first one whose tokens are not there or are not what was written, and their bytes.
fn checked(file: &mut File, journal: &mut File, clip_bytes: usize) -> io::Result<(Vec<Entry>, u64)> {
    let (mut kept, mut length) = (Vec::new(), 0);
    file.seek(SeekFrom::Start(8 + HEADER as u64))?;
    journal.seek(SeekFrom::Start(0))?;
    let mut tokens = Vec::new();
    let mut lines = BufReader::new(journal);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        let Ok(entry) = serde_json::from_slice::<Entry>(&line) else { break };
        tokens.resize(entry.labels.len() * clip_bytes, 0);
        if file.read_exact(&mut tokens).is_err() || blake3::hash(&tokens).to_string() != entry.digest {
            break;
        }
        length += line.len() as u64;
        kept.push(entry);
        line.clear();
    }
    Ok((kept, length))
}

fn explained(path: &Path, error: io::Error, bytes: u64) -> RunError {
    let advice = if error.kind() == io::ErrorKind::StorageFull {
        format!(
            "; the tokens of all clips take {}, and what is there already is kept: make room and start again, or name a folder on \
             a larger disk with --cache",
            in_words(bytes)
        )
    } else {
        "; --cache names another folder".to_owned()
    };
    RunError::Write { path: path.to_owned(), reason: format!("{error}{advice}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [usize; 3] = [2, 1, 3];

    fn writer(path: &Path) -> TokenWriter {
        TokenWriter::resume(path, SHAPE, 5, &mut |_| ()).unwrap().unwrap()
    }

    fn batch(first: usize) -> Vec<f32> {
        (0..12).map(|i| (first * 100 + i) as f32).collect()
    }

    fn skipped() -> Skipped {
        vec![("b.mp4".into(), "it is no video".to_owned())]
    }

    fn clip(file: &TokenFile, i: usize) -> Vec<f32> {
        let mut out = vec![0.0; 6];
        file.read(i, &mut out);
        out
    }

    /// Two batches of two clips, one file skipped: what is written comes back, and other tools can read it.
    #[test]
    fn what_is_written_is_read_and_is_safetensors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cache/a.safetensors");
        let mut w = writer(&path);
        w.push(&[1, 0], &batch(0), skipped()).unwrap();
        w.push(&[0, 2], &batch(1), Vec::new()).unwrap();
        assert!(TokenFile::open(&path, SHAPE, 3).is_none(), "it has its name only when it is whole");
        w.finish().unwrap();
        let file = TokenFile::open(&path, SHAPE, 3).unwrap();
        assert_eq!((&file.labels[..], &file.skipped), (&[1, 0, 0, 2][..], &skipped()));
        assert_eq!(clip(&file, 1), batch(0)[6..]);
        assert_eq!(clip(&file, 2), batch(1)[..6]);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(SafeTensors::deserialize(&bytes).unwrap().tensor("tokens").unwrap().shape(), [4, 2, 1, 3]);
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        assert!(TokenFile::open(&path, [2, 3, 1], 3).is_none(), "another shape");
        assert!(TokenFile::open(&path, SHAPE, 2).is_none(), "a label beyond the classes");
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(TokenFile::open(&path, SHAPE, 3).is_none(), "cut");
    }

    /// Stopped anywhere, with half a batch or half a line on the disk, or a batch that is not what was written.
    #[test]
    fn a_stopped_writer_goes_on_behind_its_last_whole_batch() {
        let dir = tempfile::tempdir().unwrap();
        let (whole, path) = (dir.path().join("whole"), dir.path().join("stopped"));
        let mut w = writer(&whole);
        w.push(&[1, 0], &batch(0), skipped()).unwrap();
        w.push(&[0, 2], &batch(1), Vec::new()).unwrap();
        w.finish().unwrap();

        let begin = || {
            let mut w = writer(&path);
            assert_eq!(w.done(), 0);
            w.push(&[1, 0], &batch(0), skipped()).unwrap();
            w.push(&[0, 2], &batch(1), Vec::new()).unwrap();
        };
        let (tokens, notes) = (partial(&path), journal(&path));
        type Harm<'a> = &'a dyn Fn();
        let cut = |file: &Path, by: u64| {
            let file = OpenOptions::new().write(true).open(file).unwrap();
            file.set_len(file.metadata().unwrap().len() - by).unwrap();
        };
        let spoil = || {
            let mut bytes = std::fs::read(&tokens).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(&tokens, bytes).unwrap();
        };
        let harms: [Harm; 3] = [&|| cut(&tokens, 1), &|| cut(&notes, 1), &spoil];
        for harm in harms {
            begin();
            harm();
            let mut w = writer(&path);
            assert_eq!(w.done(), 3, "two clips and one that was skipped");
            w.push(&[0, 2], &batch(1), Vec::new()).unwrap();
            w.finish().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&whole).unwrap());
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn two_writers_of_one_file_wait_for_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let second = |first: TokenWriter, end: &dyn Fn(TokenWriter)| {
            let mut first = Some(first);
            let second =
                TokenWriter::resume(&path, SHAPE, 5, &mut |_| first.take().into_iter().for_each(end));
            assert!(first.is_none(), "it has waited");
            second.unwrap()
        };
        let killed = second(writer(&path), &|mut w| w.push(&[1, 0], &batch(0), Vec::new()).unwrap());
        assert_eq!(killed.as_ref().map(TokenWriter::done), Some(2));
        assert!(second(killed.unwrap(), &|w| w.finish().unwrap()).is_none());
        assert_eq!(TokenFile::open(&path, SHAPE, 3).unwrap().labels, [1, 0], "it was left as it is");
    }

    #[test]
    fn what_does_not_fit_is_said_before_anything_is_computed() {
        let folder = Path::new("/cache");
        assert!(room(folder, 10, None).is_ok() && room(folder, 10, Some(10)).is_ok());
        let message = room(folder, 32_000_000_000, Some(1_000_000)).unwrap_err().to_string();
        for part in ["32.00 GB", "/cache", "1.00 MB", "--cache", "--shots"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_says_how_much_is_needed_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::os::unix::fs::symlink("/dev/full", partial(&path)).unwrap();
        let message = writer(&path).push(&[1, 0], &batch(0), Vec::new()).unwrap_err().to_string();
        for part in ["a.partial", "60 B", "is kept", "--cache"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
