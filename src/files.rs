//! Files are replaced whole or not at all: a full disk or a crash leaves the old content as it was.

pub mod map;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The program's folder for what can be computed again, if this machine has a place for it.
pub fn cache_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "motionlens").map(|dirs| dirs.cache_dir().to_owned())
}

/// Most bytes of a file that is read whole: lists, reports and templates are far smaller.
const MOST: u64 = 256 << 20;

/// The content of a plain file, or of what the program was [handed](is_handed), of at most 256 MiB.
///
/// # Errors
/// It cannot be read, is larger, or is a folder, a device or a pipe in a folder: nobody may ever write into that.
pub fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let meta = fs::metadata(path)?;
    if !meta.is_file() && !is_handed(path) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"));
    }
    if meta.len() > MOST { Err(too_long()) } else { read_to_end(File::open(path)?) }
}

/// All that comes, of at most 256 MiB.
///
/// # Errors
/// It cannot be read, or there is more.
pub fn read_to_end(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST { Err(too_long()) } else { Ok(bytes) }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it has more than 256 MiB")
}

/// Whether a path names what was open when the program began, as a shell's `<(…)` and `/dev/stdin` do. It can be read once,
/// its other end is there, and it lies in no folder that says anything.
pub fn is_handed(path: &Path) -> bool {
    ["/dev/stdin", "/dev/fd", "/proc/self/fd"].iter().any(|place| path.starts_with(place))
}

/// The folder that relative paths in a list are in: the list's own, or where the program was started.
pub fn folder_of(list: &Path) -> &Path {
    list.parent().filter(|_| !is_handed(list)).unwrap_or(Path::new(""))
}

/// Length and time of the last change of a file, in words that are other ones once it was replaced.
pub fn state(path: &Path) -> String {
    let meta = fs::metadata(path).ok();
    let changed = meta.as_ref().and_then(|m| m.modified().ok());
    format!("{:?} {changed:?}", meta.map(|m| m.len()))
}

/// Writes `content` to `path` by way of a temporary file beside it and a rename.
///
/// A link is followed, so that the file it points at is replaced and not the link. A file that is marked
/// read-only is refused, although a rename could replace it.
pub fn write_atomic(path: &Path, content: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(&target).ok();
    replaceable(old.as_ref())?;
    if old.as_ref().is_some_and(|meta| !meta.is_file()) {
        // A device or a pipe has nothing to keep, and a rename would replace it by a plain file.
        return OpenOptions::new().write(true).open(&target)?.write_all(content);
    }
    let (temporary, mut file) = create_beside(&target)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    drop(file);
    let done = written
        .and_then(|()| match &old {
            Some(meta) => fs::set_permissions(&temporary, meta.permissions()),
            None => Ok(()),
        })
        .and_then(|()| fs::rename(&temporary, &target));
    if done.is_err() {
        // The error that matters is the one above; what is left of the temporary file is only litter.
        let _ = fs::remove_file(&temporary);
    }
    done
}

/// Whether [`write_atomic`] could write there by what can be known now: to be asked before long work for a file.
pub fn can_write(path: &Path) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = fs::metadata(&target).ok();
    replaceable(old.as_ref())?;
    if old.is_some_and(|meta| !meta.is_file()) {
        // Whoever reads a pipe would take its being closed for the end.
        return Ok(());
    }
    let (temporary, _) = create_beside(&target)?;
    fs::remove_file(temporary)
}

/// What is there now may be replaced.
fn replaceable(old: Option<&fs::Metadata>) -> io::Result<()> {
    match old {
        Some(meta) if meta.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")),
        Some(meta) if meta.permissions().readonly() => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"))
        }
        _ => Ok(()),
    }
}

/// Copies a file by way of a temporary one beside `to` and a rename; of a link, what it points at.
pub fn copy_atomic(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let (temporary, mut file) = create_beside(to)?;
    let copied = io::copy(&mut source, &mut file).and_then(|_| file.sync_all());
    drop(file);
    let done = copied.and_then(|()| fs::rename(&temporary, to));
    if done.is_err() {
        // As above.
        let _ = fs::remove_file(&temporary);
    }
    done
}

fn create_beside(target: &Path) -> io::Result<(PathBuf, File)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = target
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it has no file name"))?;
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}-{n}.tmp", std::process::id()));
    let path = target.with_file_name(hidden);
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    Ok((path, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_the_content_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_too_large_or_no_file_is_not_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        fs::write(&path, "one").unwrap();
        assert_eq!(read_whole(&path).unwrap(), b"one");
        assert_eq!(read_whole(&dir.path().join("b.txt")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(read_whole(dir.path()).unwrap_err().to_string().contains("no plain file"));
        // A file with a hole takes no room on the disk.
        File::create(&path).unwrap().set_len(MOST + 1).unwrap();
        assert!(read_whole(&path).unwrap_err().to_string().contains("256 MiB"));
    }

    #[test]
    fn a_read_only_file_and_a_folder_are_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write_atomic(&path, b"old").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        assert_eq!(write_atomic(&path, b"new").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert!(write_atomic(dir.path(), b"x").is_err());
        for refused in [path.as_path(), dir.path(), &dir.path().join("no/such/folder")] {
            let [now, then] = [can_write(refused), write_atomic(refused, b"x")].map(Result::unwrap_err);
            assert_eq!(now.to_string(), then.to_string());
        }
        can_write(&dir.path().join("new.json")).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "and leaves nothing");
        assert!(write_atomic(&dir.path().join("no/such/folder"), b"x").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let error = write_atomic(Path::new("/dev/full"), b"content").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, b"old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write_atomic(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
    }
}
