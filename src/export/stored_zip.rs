//! A ZIP archive of files as they are, without compression: what NumPy's `savez` writes. (The zip crates turn on features of
//! crates that Burn uses, and so build Burn anew, for this one call.)

use std::io;

/// The date of every file: ZIP knows none before 1980, and the same arrays are to give the same bytes.
const DATE: u16 = 0x21;
/// The version of the format that is needed to read it: 2.0.
const VERSION: u16 = 20;

/// An archive that grows in memory.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    /// The list of files that stands at the end.
    directory: Vec<u8>,
    count: u16,
}

fn too_large<E>(_: E) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "an archive without ZIP64 holds at most 4 GB")
}

impl Archive {
    /// Adds a file.
    ///
    /// # Errors
    /// The archive would be larger than 4 GB.
    pub fn add(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let offset = u32::try_from(self.bytes.len()).map_err(too_large)?;
        let size = u32::try_from(content.len()).map_err(too_large)?;
        let length = u16::try_from(name.len()).map_err(too_large)?;
        // What both headers say: version, no flags, stored, time and date, checksum, size twice, length of the name.
        let mut about = Vec::new();
        [VERSION, 0, 0, 0, DATE].iter().for_each(|v| about.extend(v.to_le_bytes()));
        [crc32fast::hash(content), size, size].iter().for_each(|v| about.extend(v.to_le_bytes()));
        about.extend(length.to_le_bytes());
        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(&about);
        self.bytes.extend(0_u16.to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(content);
        self.directory.extend(b"PK\x01\x02");
        self.directory.extend(VERSION.to_le_bytes());
        self.directory.extend(&about);
        // No extra field, no comment, first disk, no attributes.
        self.directory.extend([0; 12]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.count += 1;
        Ok(())
    }

    /// The whole archive.
    ///
    /// # Errors
    /// It would be larger than 4 GB.
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        let start = u32::try_from(self.bytes.len()).map_err(too_large)?;
        let size = u32::try_from(self.directory.len()).map_err(too_large)?;
        self.bytes.append(&mut self.directory);
        self.bytes.extend(b"PK\x05\x06");
        [0, 0, self.count, self.count].iter().for_each(|v| self.bytes.extend(v.to_le_bytes()));
        [size, start].iter().for_each(|v| self.bytes.extend(v.to_le_bytes()));
        self.bytes.extend(0_u16.to_le_bytes());
        Ok(self.bytes)
    }
}
