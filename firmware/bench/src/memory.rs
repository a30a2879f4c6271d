//! The file that is the flash of a board: 16 MB, erased when it is new.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flash::SECTOR_BYTES;

/// A flash file that is deleted in the end.
#[derive(Debug)]
pub struct Memory {
    path: PathBuf,
}

impl Memory {
    /// An erased flash. `name` tells it from those of other tests.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn erased(name: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("ferraris-{}-{name}.nvm", std::process::id()));
        fs::write(&path, vec![0xFF; BYTES])?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Overwrites octets, as no flash could.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn overwrite(&self, at: u32, octets: &[u8]) -> io::Result<()> {
        let mut file = File::options().write(true).open(&self.path)?;
        file.seek(SeekFrom::Start(u64::from(at)))?;
        file.write_all(octets)
    }

    /// Octets as they are now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn octets(&self, at: u32, count: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(u64::from(at)))?;
        let mut octets = vec![0; count];
        file.read_exact(&mut octets)?;
        Ok(octets)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // A file that is gone already need not be deleted.
        let _gone = fs::remove_file(&self.path);
    }
}

const BYTES: usize = meter::FlashSize::Megabytes16.sectors() as usize * SECTOR_BYTES as usize;
