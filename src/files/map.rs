//! A file as memory: the one room of the program where files are mapped, because mapping is `unsafe`.
//!
//! Why it is sound here. Rust may take for granted that the bytes behind a `&[u8]` do not change, and a mapped file changes when
//! someone writes to it. So only files of our own cache are mapped, and those are written under another name, synchronised,
//! renamed, and from then on never written again: whoever wants other content makes a new file. A stranger who edits the
//! cache under a running program can end it or spoil a training run, as one could by editing the program itself.

use memmap2::Mmap;
use std::fs::File;
use std::io;
use std::path::Path;

/// A whole file, read-only. Pages are read when they are looked at and dropped when memory is short.
#[derive(Debug)]
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps a file that nobody writes to any more (see the module).
    #[allow(unsafe_code)]
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the module's rule, that a file is not written again once it has its name.
        unsafe { Mmap::map(&file) }.map(Self)
    }
}

impl std::ops::Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
