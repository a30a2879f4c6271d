//! The meter's flash as a file: every program and erase is in the file before the call returns.
//!
//! The image is the flash byte by byte, as long as the part that the meter was ordered with, held in memory and written through. What that promises:
//! - The death of this process, kill -9 included, loses nothing: the bytes are with the operating system.
//! - The death of the operating system loses at most what was written since the last [`Syncer::sync`], which runs every second
//!   while something was written and at every clean stop.
//! - The file is locked as long as it is open, so that two meters cannot share it. The lock dies with the process.
//!
//! An erase ends at once: the caller polls and finds it done.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flash::{Erase, Nor, NorError, PAGE_BYTES, SECTOR_BYTES};
use meter::FlashSize;

use crate::private_file;

/// A flash that lives in a file.
#[derive(Debug)]
pub(crate) struct FlashFile {
    file: Arc<File>,
    image: Vec<u8>,
    unsynced: Arc<AtomicBool>,
    broken: bool,
}

/// What opening found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// There was no file; it was made, all erased.
    New,
    /// The file is a whole image.
    Whole,
    /// The file was too short. What was there is kept, the rest reads erased; the file as it was lies at `copy`.
    Short {
        /// Bytes that were there.
        bytes: u64,
        /// Where the damaged file lies now.
        copy: PathBuf,
    },
}

/// Why a file was not opened. It is untouched.
#[derive(Debug)]
pub enum FlashFileError {
    /// Another meter has it open.
    InUse(PathBuf),
    /// It is longer than the flash image, or the image of another size of flash: something else has this name.
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// The length of this meter's image.
        expected: usize,
    },
    /// The operating system refused.
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

/// Makes what was written outlive the operating system, without holding the flash itself.
#[derive(Clone, Debug)]
pub(crate) struct Syncer {
    file: Arc<File>,
    unsynced: Arc<AtomicBool>,
}

impl FlashFile {
    /// Opens the image at `path`, or makes it.
    ///
    /// # Errors
    /// [`FlashFileError`]: in use, foreign, or refused by the operating system.
    pub(crate) fn open(path: &Path, size: FlashSize) -> Result<(Self, Found), FlashFileError> {
        let length = image_bytes(size);
        let failed = |error| FlashFileError::Io {
            path: path.to_owned(),
            error,
        };
        // Keys that clients have changed lie in it as they are.
        let file = private_file::options()
            .read(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FlashFileError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let bytes = file.metadata().map_err(failed)?.len();
        let is_other = |there: &usize| {
            SIZES
                .into_iter()
                .any(|other| other != size && image_bytes(other) == *there)
        };
        let there = usize::try_from(bytes).ok();
        let Some(there) = there.filter(|there| *there <= length && !is_other(there)) else {
            return Err(FlashFileError::Foreign {
                path: path.to_owned(),
                bytes,
                expected: length,
            });
        };
        let mut image = vec![0xFF; length];
        let (head, tail) = image.split_at_mut(there);
        file.read_exact_at(head, 0).map_err(failed)?;
        let found = match there {
            0 => Found::New,
            there if there == length => Found::Whole,
            _ => {
                let mut copy = path.as_os_str().to_owned();
                copy.push(".damaged");
                let copy = PathBuf::from(copy);
                let aside = private_file::options().truncate(true).open(&copy);
                aside.and_then(|mut file| file.write_all(head)).map_err(failed)?;
                Found::Short { bytes, copy }
            }
        };
        file.write_all_at(tail, bytes).map_err(failed)?;
        let opened = Self {
            file: Arc::new(file),
            image,
            unsynced: Arc::new(AtomicBool::new(true)),
            broken: false,
        };
        Ok((opened, found))
    }

    /// The handle that syncs this file.
    #[must_use]
    pub(crate) fn syncer(&self) -> Syncer {
        Syncer {
            file: Arc::clone(&self.file),
            unsynced: Arc::clone(&self.unsynced),
        }
    }

    /// Whether a write to the file failed. The flash answers [`NorError::Gone`] since then: what cannot be kept is not accepted.
    #[must_use]
    pub(crate) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Writes the image's bytes `at..at + count` to the file.
    fn write_through(&mut self, at: usize, count: usize) -> Result<(), NorError> {
        let bytes = at
            .checked_add(count)
            .and_then(|end| self.image.get(at..end))
            .ok_or(NorError::OutOfRange)?;
        let place = u64::try_from(at).map_err(|_| NorError::OutOfRange)?;
        if let Err(error) = self.file.write_all_at(bytes, place) {
            tracing::error!(%error, "the flash file cannot be written; the flash is gone");
            self.broken = true;
            return Err(NorError::Gone);
        }
        self.unsynced.store(true, Ordering::Release);
        Ok(())
    }

    const fn alive(&self) -> Result<(), NorError> {
        if self.broken { Err(NorError::Gone) } else { Ok(()) }
    }
}

impl Nor for FlashFile {
    fn sectors(&self) -> u32 {
        u32::try_from(self.image.len()).unwrap_or(u32::MAX) / SECTOR_BYTES
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NorError> {
        self.alive()?;
        let at = at as usize;
        let bytes = at
            .checked_add(into.len())
            .and_then(|end| self.image.get(at..end))
            .ok_or(NorError::OutOfRange)?;
        into.copy_from_slice(bytes);
        Ok(())
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError> {
        self.alive()?;
        if bytes.len() > (PAGE_BYTES - at % PAGE_BYTES) as usize {
            return Err(NorError::CrossesPage);
        }
        let at = at as usize;
        let cells = at
            .checked_add(bytes.len())
            .and_then(|end| self.image.get_mut(at..end))
            .ok_or(NorError::OutOfRange)?;
        for (cell, byte) in cells.iter_mut().zip(bytes) {
            *cell &= byte;
        }
        self.write_through(at, bytes.len())
    }

    fn start_erase(&mut self, sector: u32) -> Result<(), NorError> {
        self.alive()?;
        let at = sector.checked_mul(SECTOR_BYTES).ok_or(NorError::OutOfRange)? as usize;
        let end = at.checked_add(SECTOR_BYTES as usize).ok_or(NorError::OutOfRange)?;
        self.image.get_mut(at..end).ok_or(NorError::OutOfRange)?.fill(0xFF);
        self.write_through(at, SECTOR_BYTES as usize)
    }

    fn poll_erase(&mut self) -> Result<Erase, NorError> {
        self.alive()?;
        Ok(Erase::Idle)
    }

    fn suspend_erase(&mut self) -> Result<(), NorError> {
        self.alive()
    }

    fn resume_erase(&mut self) -> Result<(), NorError> {
        self.alive()
    }
}

impl Syncer {
    /// Waits until everything written before is on the disk. Without anything new it returns at once.
    ///
    /// # Errors
    /// What the operating system said.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if !self.unsynced.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        // What did not reach the disk is still to be brought there.
        self.file
            .sync_data()
            .inspect_err(|_| self.unsynced.store(true, Ordering::Release))
    }
}

impl fmt::Display for FlashFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(
                f,
                "{} is in use by another meter; give this one its own --state",
                path.display()
            ),
            Self::Foreign { path, bytes, expected } => write!(
                f,
                "{} is {bytes} bytes long, this meter's flash image has {expected}; it was left alone: move it away or choose another --state",
                path.display()
            ),
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl core::error::Error for FlashFileError {}

/// The sizes that a meter can be ordered with.
const SIZES: [FlashSize; 2] = [FlashSize::Megabytes16, FlashSize::Megabytes4];

/// Length of the image of such a flash.
const fn image_bytes(size: FlashSize) -> usize {
    size.sectors() as usize * SECTOR_BYTES as usize
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::scratch::Scratch;

    const SIZE: FlashSize = FlashSize::Megabytes16;
    const IMAGE_BYTES: usize = image_bytes(SIZE);

    #[test]
    fn what_was_programmed_is_in_the_file_before_the_call_returns() {
        let scratch = Scratch::new("flash-durable");
        let path = scratch.join("flash.bin");
        let (mut flash, found) = FlashFile::open(&path, SIZE).expect("a new file");
        assert_eq!(found, Found::New);
        flash.program(4_096 + 7, b"\x0F\xF0").expect("inside a page");
        flash.program(4_096 + 7, b"\xF5\xF5").expect("ones turn to zeros only");
        assert_eq!(
            std::fs::read(&path).expect("the file")[4_096 + 7..4_096 + 9],
            [0x05, 0xF0]
        );
        flash.start_erase(1).expect("a sector");
        assert_eq!(flash.poll_erase(), Ok(Erase::Idle));
        let image = std::fs::read(&path).expect("the file");
        assert!(image.len() == IMAGE_BYTES && image.iter().all(|byte| *byte == 0xFF));
    }

    #[test]
    fn what_was_written_is_there_after_a_new_start() {
        let scratch = Scratch::new("flash-again");
        let path = scratch.join("flash.bin");
        let (mut flash, _) = FlashFile::open(&path, SIZE).expect("a new file");
        flash.program(512, b"kept").expect("inside a page");
        flash.syncer().sync().expect("a disk");
        drop(flash);
        let (flash, found) = FlashFile::open(&path, SIZE).expect("the file again");
        let mut bytes = [0; 4];
        flash.read(512, &mut bytes).expect("inside");
        assert_eq!((&bytes, found), (b"kept", Found::Whole));
    }

    #[test]
    fn two_meters_cannot_share_a_file() {
        let scratch = Scratch::new("flash-shared");
        let path = scratch.join("flash.bin");
        let first = FlashFile::open(&path, SIZE).expect("a new file");
        assert!(matches!(FlashFile::open(&path, SIZE), Err(FlashFileError::InUse(_))));
        drop(first);
        assert!(FlashFile::open(&path, SIZE).is_ok());
    }

    /// Keys lie in it.
    #[test]
    fn nobody_but_its_owner_reads_it_or_its_copy() {
        let scratch = Scratch::new("flash-rights");
        let path = scratch.join("flash.bin");
        drop(FlashFile::open(&path, SIZE).expect("a new file"));
        let rights = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
        assert_eq!(rights(&path), 0o600);
        let short = File::options().write(true).open(&path).expect("a file");
        short.set_len(5_000).expect("a disk");
        let (_, found) = FlashFile::open(&path, SIZE).expect("opened");
        let Found::Short { copy, .. } = found else {
            panic!("{found:?}");
        };
        assert_eq!(rights(&copy), 0o600);
    }

    #[test]
    fn a_short_file_keeps_what_is_whole_and_the_damaged_one_is_put_aside() {
        let scratch = Scratch::new("flash-short");
        let path = scratch.join("flash.bin");
        std::fs::write(&path, vec![0x5A; 5_000]).expect("a disk");
        let (flash, found) = FlashFile::open(&path, SIZE).expect("opened");
        let copy = scratch.join("flash.bin.damaged");
        assert_eq!(
            found,
            Found::Short {
                bytes: 5_000,
                copy: copy.clone()
            }
        );
        let mut bytes = [0; 2];
        flash.read(4_999, &mut bytes).expect("inside");
        assert_eq!(bytes, [0x5A, 0xFF]);
        assert_eq!(std::fs::metadata(&path).expect("a file").len(), IMAGE_BYTES as u64);
        assert_eq!(std::fs::metadata(&copy).expect("a file").len(), 5_000);
    }

    #[test]
    fn a_foreign_file_is_left_alone() {
        let scratch = Scratch::new("flash-foreign");
        let path = scratch.join("flash.bin");
        std::fs::write(&path, vec![1; IMAGE_BYTES + 1]).expect("a disk");
        let error = FlashFile::open(&path, SIZE).expect_err("not ours");
        assert!(error.to_string().contains("16777217 bytes long"), "{error}");
        assert_eq!(std::fs::metadata(&path).expect("a file").len(), IMAGE_BYTES as u64 + 1);
        let small = scratch.join("small.bin");
        drop(FlashFile::open(&small, FlashSize::Megabytes4).expect("a new file"));
        assert!(matches!(
            FlashFile::open(&small, SIZE),
            Err(FlashFileError::Foreign { .. })
        ));
        assert_eq!(std::fs::metadata(&small).expect("a file").len(), 4 << 20);
    }

    #[test]
    fn calls_beyond_the_part_are_refused() {
        let scratch = Scratch::new("flash-range");
        let (mut flash, _) = FlashFile::open(&scratch.join("flash.bin"), SIZE).expect("a new file");
        let end = u32::try_from(IMAGE_BYTES).expect("fits");
        assert_eq!(flash.read(end - 1, &mut [0; 2]), Err(NorError::OutOfRange));
        assert_eq!(flash.program(end, &[0]), Err(NorError::OutOfRange));
        assert_eq!(flash.program(255, &[0; 2]), Err(NorError::CrossesPage));
        assert_eq!(flash.start_erase(4_096), Err(NorError::OutOfRange));
        assert_eq!(flash.start_erase(u32::MAX), Err(NorError::OutOfRange));
    }
}
