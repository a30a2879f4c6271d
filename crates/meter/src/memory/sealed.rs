//! The partition of the sealed parameters, as the metrology's own memory (M7).

use flash::{Nor, Region};
use metrology::{NonVolatile, NonVolatileFault, NonVolatileRead};

use super::{FlashSize, calibration};

/// The partition for reading.
pub(crate) struct SealedRead<'a> {
    nor: &'a dyn Nor,
    region: Region,
}

/// The partition for writing. Only a bench writes, so its erases are waited for.
pub(crate) struct Sealed<'a> {
    nor: &'a mut dyn Nor,
    region: Region,
}

impl<'a> SealedRead<'a> {
    /// The partition on a flash of this size.
    pub(crate) fn new(nor: &'a dyn Nor, size: FlashSize) -> Result<Self, NonVolatileFault> {
        let region = calibration(size).region(nor).map_err(|_gone| NonVolatileFault)?;
        Ok(Self { nor, region })
    }
}

impl<'a> Sealed<'a> {
    /// The partition on a flash of this size.
    pub(crate) fn new(nor: &'a mut dyn Nor, size: FlashSize) -> Result<Self, NonVolatileFault> {
        let region = calibration(size).region(nor).map_err(|_gone| NonVolatileFault)?;
        Ok(Self { nor, region })
    }
}

impl NonVolatileRead for SealedRead<'_> {
    fn sectors(&self) -> u32 {
        self.region.sectors()
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NonVolatileFault> {
        self.region.read(self.nor, at, into).map_err(|_fault| NonVolatileFault)
    }
}

impl NonVolatileRead for Sealed<'_> {
    fn sectors(&self) -> u32 {
        self.region.sectors()
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NonVolatileFault> {
        self.region.read(self.nor, at, into).map_err(|_fault| NonVolatileFault)
    }
}

impl NonVolatile for Sealed<'_> {
    fn program(&mut self, at: u32, octets: &[u8]) -> Result<(), NonVolatileFault> {
        match self.region.program_checked(self.nor, at, &[octets]) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(NonVolatileFault),
        }
    }

    fn erase(&mut self, sector: u32) -> Result<(), NonVolatileFault> {
        let erased = self.region.erase_now(self.nor, sector);
        let blank = erased.and_then(|()| {
            let at = sector * flash::SECTOR_BYTES;
            self.region.is_blank(self.nor, at, flash::SECTOR_BYTES)
        });
        match blank {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(NonVolatileFault),
        }
    }
}

const _: () = assert!(
    flash::SECTOR_BYTES == metrology::SECTOR_OCTETS,
    "the metrology counts the sectors of the flash"
);
