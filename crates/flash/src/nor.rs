//! The NOR flash as the meter sees it, and what it may do to us when the power goes.

use core::cell::RefCell;
use core::fmt;

use embedded_storage::nor_flash::NorFlash;

/// Bytes of an erase sector: the smallest piece that turns back to ones.
pub const SECTOR_BYTES: u32 = 4_096;

/// Bytes of a program page: one program call stays inside one page.
pub const PAGE_BYTES: u32 = 256;

/// A serial NOR flash, held as `&mut dyn Nor` by everybody.
///
/// # Geometry
/// Sectors of [`SECTOR_BYTES`], pages of [`PAGE_BYTES`], addresses from 0. Erased cells read `0xFF`. Programming turns ones into
/// zeros and nothing back; only an erase of the whole sector does. Any bytes may be read and any bytes of a page programmed, a
/// page in several goes. The shapes of this crate program each byte at most once between two erases.
///
/// # Time
/// `read` and `program` return when they are done, `program` after at most 3 ms. An erase takes up to 400 ms and runs by itself:
/// it is started, polled, and may be suspended. While it runs or is suspended, reads and programs elsewhere work; a driver whose part
/// needs it suspends and resumes the erase around them. The sector under erase answers [`NorError::Busy`].
///
/// # Loss of power
/// This is all that a caller may rely on; the [model](crate::model) does every one of these.
/// - A call that returned `Ok` is done for good, whatever happens next.
/// - A program that was cut may have turned any subset of its ones into zeros: none, the first bytes, scattered bits, or all.
///   Cells outside the bytes given are untouched. What is then read stays the same at each reading.
/// - An erase that was cut, running or suspended, may have left any bits whatever in its sector, also what was there before, also a
///   sector that reads erased and is not: a sector counts as erased only when its erase was seen to end (poll said so) and that fact was
///   programmed somewhere. Other sectors are untouched.
/// - Nothing runs after the cut. After power returns no erase is running.
pub trait Nor {
    /// Number of sectors of the part.
    fn sectors(&self) -> u32;

    /// Reads `into.len()` bytes from address `at`.
    ///
    /// # Errors
    /// [`NorError::OutOfRange`], [`NorError::Busy`] when a byte lies in the sector under erase, [`NorError::Gone`].
    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NorError>;

    /// Programs `bytes` at address `at`, inside one page, and waits for it: at most 3 ms.
    ///
    /// # Errors
    /// [`NorError::OutOfRange`], [`NorError::CrossesPage`], [`NorError::Busy`] in the sector under erase, [`NorError::Failed`], [`NorError::Gone`].
    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError>;

    /// Starts to erase a sector and returns at once.
    ///
    /// # Errors
    /// [`NorError::Busy`] while another erase runs or is suspended, [`NorError::OutOfRange`], [`NorError::Gone`].
    fn start_erase(&mut self, sector: u32) -> Result<(), NorError>;

    /// What the erase unit does now. A failed erase ends like a good one: whoever started it looks whether the sector is blank.
    ///
    /// # Errors
    /// [`NorError::Gone`].
    fn poll_erase(&mut self) -> Result<Erase, NorError>;

    /// Holds a running erase until [`Nor::resume_erase`], so that what comes next is not delayed. Without a running erase: nothing.
    ///
    /// # Errors
    /// [`NorError::Gone`].
    fn suspend_erase(&mut self) -> Result<(), NorError>;

    /// Lets a suspended erase go on. Without one: nothing.
    ///
    /// # Errors
    /// [`NorError::Gone`].
    fn resume_erase(&mut self) -> Result<(), NorError>;
}

/// State of the erase unit, with the sector concerned.
///
/// ```text
///          start              suspend
///   Idle ---------> Running ----------> Suspended
///    ^  time passes  |   ^                 |
///    +---------------+   +-----------------+
///                             resume
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erase {
    /// No erase; one may be started.
    Idle,
    /// This sector is being erased.
    Running(u32),
    /// The erase of this sector waits for [`Nor::resume_erase`].
    Suspended(u32),
}

/// Why the flash did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NorError {
    /// The bytes or the sector lie outside the part or the region.
    OutOfRange,
    /// One program call reached over the end of its page.
    CrossesPage,
    /// The erase unit is taken, or the bytes lie in the sector under erase.
    Busy,
    /// The part reports that programming failed: it is worn or broken here.
    Failed,
    /// The part does not answer: its power, its bus or itself is gone.
    Gone,
}

impl fmt::Display for NorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfRange => "address outside the flash region",
            Self::CrossesPage => "program call crosses a page",
            Self::Busy => "flash busy with an erase",
            Self::Failed => "flash reports a failed program",
            Self::Gone => "flash does not answer",
        })
    }
}

impl core::error::Error for NorError {}

/// Erases a sector and waits for it: for the boot and for factories, never for a step.
///
/// # Errors
/// As [`Nor::start_erase`]; an erase that already runs is waited for first.
pub fn erase_now(nor: &mut dyn Nor, sector: u32) -> Result<(), NorError> {
    nor.resume_erase()?;
    while nor.poll_erase()? != Erase::Idle {
        core::hint::spin_loop();
    }
    nor.start_erase(sector)?;
    while nor.poll_erase()? != Erase::Idle {
        core::hint::spin_loop();
    }
    Ok(())
}

/// A window of sectors on a flash. All its addresses and sector numbers count from its own beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    first: u32,
    sectors: u32,
}

impl Region {
    /// The `sectors` sectors from sector `first` of `nor`.
    ///
    /// # Errors
    /// [`NorError::OutOfRange`] when the part does not have them, or there are none.
    pub fn new(nor: &dyn Nor, first: u32, sectors: u32) -> Result<Self, NorError> {
        let end = first.checked_add(sectors).ok_or(NorError::OutOfRange)?;
        // Byte addresses are 32 bits wide: 4 GiB is the end of the world here.
        if sectors == 0 || nor.sectors() < end || u32::MAX / SECTOR_BYTES < end {
            return Err(NorError::OutOfRange);
        }
        Ok(Self { first, sectors })
    }

    /// Number of sectors.
    #[must_use]
    pub const fn sectors(self) -> u32 {
        self.sectors
    }

    /// Number of the first sector on the flash.
    #[must_use]
    pub const fn first(self) -> u32 {
        self.first
    }

    /// Reads from byte `at` of the region.
    ///
    /// # Errors
    /// As [`Nor::read`]; [`NorError::OutOfRange`] beyond the region.
    pub fn read(self, nor: &dyn Nor, at: u32, into: &mut [u8]) -> Result<(), NorError> {
        nor.read(self.address(at, into.len())?, into)
    }

    /// Programs the `parts`, one behind the other, from byte `at` of the region on, page by page in rising order.
    ///
    /// # Errors
    /// As [`Nor::program`]; [`NorError::OutOfRange`] beyond the region.
    pub fn program(self, nor: &mut dyn Nor, at: u32, parts: &[&[u8]]) -> Result<(), NorError> {
        let len = parts.iter().map(|part| part.len()).sum();
        let mut address = self.address(at, len)?;
        let mut page = [0; PAGE_BYTES as usize];
        let mut filled = 0_usize;
        let mut room = PAGE_BYTES - address % PAGE_BYTES;
        for byte in parts.iter().copied().flatten() {
            if let Some(cell) = page.get_mut(filled) {
                *cell = *byte;
            }
            filled += 1;
            if filled == room as usize {
                nor.program(address, page.get(..filled).unwrap_or_default())?;
                address = address.saturating_add(room);
                (filled, room) = (0, PAGE_BYTES);
            }
        }
        match page.get(..filled) {
            Some(rest) if !rest.is_empty() => nor.program(address, rest),
            _ => Ok(()),
        }
    }

    /// Programs as [`Region::program`] does, reads back, and answers whether all of it is there: not so on a worn place.
    ///
    /// # Errors
    /// As [`Nor::program`], except [`NorError::Failed`].
    pub fn program_checked(self, nor: &mut dyn Nor, at: u32, parts: &[&[u8]]) -> Result<bool, NorError> {
        match self.program(nor, at, parts) {
            // What the part says of it counts less than what it holds: that is what a boot will find.
            Err(NorError::Failed) | Ok(()) => self.holds(nor, at, parts),
            Err(error) => Err(error),
        }
    }

    /// Whether the flash holds exactly the `parts`, one behind the other, from byte `at` of the region on.
    ///
    /// # Errors
    /// As [`Nor::read`].
    pub fn holds(self, nor: &dyn Nor, at: u32, parts: &[&[u8]]) -> Result<bool, NorError> {
        let mut at = at;
        let mut found = [0; CHUNK];
        for part in parts {
            for wanted in part.chunks(CHUNK) {
                let Some(found) = found.get_mut(..wanted.len()) else {
                    return Ok(false);
                };
                self.read(nor, at, found)?;
                if found != wanted {
                    return Ok(false);
                }
                at = at.saturating_add(size(wanted));
            }
        }
        Ok(true)
    }

    /// Whether `len` bytes from byte `at` of the region on all read erased.
    ///
    /// # Errors
    /// As [`Nor::read`].
    pub fn is_blank(self, nor: &dyn Nor, at: u32, len: u32) -> Result<bool, NorError> {
        let (mut at, mut left) = (at, len as usize);
        let mut found = [0; CHUNK];
        while 0 < left {
            let Some(found) = found.get_mut(..left.min(CHUNK)) else {
                return Ok(false);
            };
            self.read(nor, at, found)?;
            if found.iter().any(|byte| *byte != 0xFF) {
                return Ok(false);
            }
            at = at.saturating_add(size(found));
            left -= found.len();
        }
        Ok(true)
    }

    /// Starts to erase sector `index` of the region.
    ///
    /// # Errors
    /// As [`Nor::start_erase`].
    pub fn start_erase(self, nor: &mut dyn Nor, index: u32) -> Result<(), NorError> {
        nor.start_erase(self.sector(index)?)
    }

    /// Whether sector `index` of the region is under erase, running or suspended.
    ///
    /// # Errors
    /// As [`Nor::poll_erase`].
    pub fn is_erasing(self, nor: &mut dyn Nor, index: u32) -> Result<bool, NorError> {
        let mine = self.sector(index)?;
        Ok(match nor.poll_erase()? {
            Erase::Idle => false,
            Erase::Running(sector) | Erase::Suspended(sector) => sector == mine,
        })
    }

    /// Erases sector `index` of the region and waits; see [`erase_now`].
    ///
    /// # Errors
    /// As [`erase_now`].
    pub fn erase_now(self, nor: &mut dyn Nor, index: u32) -> Result<(), NorError> {
        erase_now(nor, self.sector(index)?)
    }

    fn sector(self, index: u32) -> Result<u32, NorError> {
        if index < self.sectors {
            Ok(self.first + index)
        } else {
            Err(NorError::OutOfRange)
        }
    }

    fn address(self, at: u32, len: usize) -> Result<u32, NorError> {
        let len = u32::try_from(len).map_err(|_| NorError::OutOfRange)?;
        let end = at.checked_add(len).ok_or(NorError::OutOfRange)?;
        // `new` made sure that every byte of the region has a 32-bit address.
        if end <= self.sectors * SECTOR_BYTES {
            Ok(self.first * SECTOR_BYTES + at)
        } else {
            Err(NorError::OutOfRange)
        }
    }
}

const CHUNK: usize = 64;

/// Length of a slice that came out of a 32-bit length.
fn size(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Any blocking `embedded-storage` NOR flash as a [`Nor`]: its erase waits inside `start_erase`.
///
/// For boards whose driver has nothing better, and for their tests: a meter with deadlines wants a driver of its own. The part must program
/// single bytes and erase [`SECTOR_BYTES`] or an integer fraction of it.
#[derive(Debug)]
pub struct Blocking<F> {
    part: RefCell<F>,
}

impl<F: NorFlash> Blocking<F> {
    /// Wraps a part; its word size is checked when the program is compiled.
    pub const fn new(part: F) -> Self {
        const {
            assert!(
                F::READ_SIZE == 1 && F::WRITE_SIZE == 1,
                "the part must read and program single bytes"
            );
            assert!(
                F::ERASE_SIZE != 0 && (SECTOR_BYTES as usize).is_multiple_of(F::ERASE_SIZE),
                "the part must erase 4 kB"
            );
        }
        Self {
            part: RefCell::new(part),
        }
    }
}

impl<F: NorFlash> Nor for Blocking<F> {
    fn sectors(&self) -> u32 {
        u32::try_from(self.part.borrow().capacity()).unwrap_or(u32::MAX) / SECTOR_BYTES
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NorError> {
        self.part.borrow_mut().read(at, into).map_err(refusal)
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError> {
        if bytes.len() > (PAGE_BYTES - at % PAGE_BYTES) as usize {
            return Err(NorError::CrossesPage);
        }
        self.part.get_mut().write(at, bytes).map_err(refusal)
    }

    fn start_erase(&mut self, sector: u32) -> Result<(), NorError> {
        let from = sector.checked_mul(SECTOR_BYTES).ok_or(NorError::OutOfRange)?;
        let to = from.checked_add(SECTOR_BYTES).ok_or(NorError::OutOfRange)?;
        self.part.get_mut().erase(from, to).map_err(refusal)
    }

    fn poll_erase(&mut self) -> Result<Erase, NorError> {
        Ok(Erase::Idle)
    }

    fn suspend_erase(&mut self) -> Result<(), NorError> {
        Ok(())
    }

    fn resume_erase(&mut self) -> Result<(), NorError> {
        Ok(())
    }
}

fn refusal<E: embedded_storage::nor_flash::NorFlashError>(error: E) -> NorError {
    use embedded_storage::nor_flash::NorFlashErrorKind;
    match error.kind() {
        NorFlashErrorKind::OutOfBounds | NorFlashErrorKind::NotAligned => NorError::OutOfRange,
        _ => NorError::Failed,
    }
}
