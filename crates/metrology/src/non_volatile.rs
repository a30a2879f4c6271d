//! What the metrology needs of a memory that outlives the power: a few sectors of its own, which nobody else writes.
//!
//! The contract is that of a NOR flash: erased cells are ones, programming turns ones into zeros, an erase turns a whole sector back. A
//! call that returned `Ok` is done for good; one that was cut by the power may have left anything in the octets or the sector that it was
//! about, and nothing elsewhere.

use core::fmt;

/// Octets of a sector.
pub const SECTOR_OCTETS: u32 = 4_096;

/// The memory did not do what it was asked for: it is worn, busy or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonVolatileFault;

/// Sectors that can be read.
pub trait NonVolatileRead {
    /// Sectors of the region, [`SECTOR_OCTETS`] each.
    fn sectors(&self) -> u32;

    /// Reads from octet `at` of the region.
    ///
    /// # Errors
    /// [`NonVolatileFault`], also beyond the region.
    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NonVolatileFault>;
}

/// Sectors that can be written.
pub trait NonVolatile: NonVolatileRead {
    /// Programs erased octets from octet `at` of the region on, and waits for it.
    ///
    /// # Errors
    /// [`NonVolatileFault`], also beyond the region or when the octets do not read back.
    fn program(&mut self, at: u32, octets: &[u8]) -> Result<(), NonVolatileFault>;

    /// Erases a sector of the region and waits for it: half a second, which only a bench has.
    ///
    /// # Errors
    /// [`NonVolatileFault`], also beyond the region.
    fn erase(&mut self, sector: u32) -> Result<(), NonVolatileFault>;
}

impl fmt::Display for NonVolatileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the metrology's memory failed")
    }
}

impl core::error::Error for NonVolatileFault {}
