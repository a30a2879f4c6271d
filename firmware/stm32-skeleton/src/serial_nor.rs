//! A serial NOR flash of the usual command set (W25Q128 and its kin: 16 MB, sectors of 4 kB, suspend and resume) as the meter's memory.

use core::cell::RefCell;

use embedded_hal::spi::{Operation, SpiDevice};
use flash::{Erase, Nor, NorError, PAGE_BYTES, SECTOR_BYTES};

/// The part on its bus.
pub(crate) struct SerialNor<SPI> {
    /// Reading moves the bus too.
    spi: RefCell<SPI>,
    erase: Option<(u32, State)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Suspended,
}

impl<SPI: SpiDevice> SerialNor<SPI> {
    pub(crate) const fn new(spi: SPI) -> Self {
        Self {
            spi: RefCell::new(spi),
            erase: None,
        }
    }

    fn command(&self, operations: &mut [Operation<'_, u8>]) -> Result<(), NorError> {
        self.spi
            .borrow_mut()
            .transaction(operations)
            .map_err(|_| NorError::Gone)
    }

    /// The first status register: bit 0 while the part works.
    fn is_busy(&self) -> Result<bool, NorError> {
        let mut status = [0];
        self.command(&mut [Operation::Write(&[READ_STATUS]), Operation::Read(&mut status)])?;
        let [status] = status;
        // A bus on which nobody answers reads ones.
        if status == 0xFF {
            Err(NorError::Gone)
        } else {
            Ok(status & 1 != 0)
        }
    }

    /// Waits for a program or for a suspension: both take less than 3 ms.
    fn wait(&self) -> Result<(), NorError> {
        for _poll in 0..POLLS {
            if !self.is_busy()? {
                return Ok(());
            }
        }
        Err(NorError::Failed)
    }

    /// Runs `work` with the erase held: the part reads and programs nothing while it erases.
    fn held<T>(&self, work: impl FnOnce() -> Result<T, NorError>) -> Result<T, NorError> {
        let is_running = matches!(self.erase, Some((_, State::Running))) && self.is_busy()?;
        if is_running {
            self.command(&mut [Operation::Write(&[SUSPEND])])?;
            self.wait()?;
        }
        let outcome = work();
        if is_running {
            self.command(&mut [Operation::Write(&[RESUME])])?;
        }
        outcome
    }

    /// Refuses what lies outside, or in the sector under erase.
    fn check(&self, at: u32, len: usize) -> Result<(), NorError> {
        let len = u32::try_from(len).map_err(|_| NorError::OutOfRange)?;
        let end = at
            .checked_add(len)
            .filter(|end| *end <= SECTORS * SECTOR_BYTES)
            .ok_or(NorError::OutOfRange)?;
        match self.erase {
            Some((sector, _)) if at < (sector + 1) * SECTOR_BYTES && sector * SECTOR_BYTES < end => Err(NorError::Busy),
            _ => Ok(()),
        }
    }
}

/// A command with its address of 24 bits.
const fn addressed(command: u8, at: u32) -> [u8; 4] {
    let [_, high, middle, low] = at.to_be_bytes();
    [command, high, middle, low]
}

impl<SPI: SpiDevice> Nor for SerialNor<SPI> {
    fn sectors(&self) -> u32 {
        SECTORS
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NorError> {
        self.check(at, into.len())?;
        self.held(|| self.command(&mut [Operation::Write(&addressed(READ, at)), Operation::Read(into)]))
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError> {
        self.check(at, bytes.len())?;
        if bytes.len() > (PAGE_BYTES - at % PAGE_BYTES) as usize {
            return Err(NorError::CrossesPage);
        }
        self.held(|| {
            self.command(&mut [Operation::Write(&[WRITE_ENABLE])])?;
            self.command(&mut [Operation::Write(&addressed(PROGRAM, at)), Operation::Write(bytes)])?;
            self.wait()
        })
    }

    fn start_erase(&mut self, sector: u32) -> Result<(), NorError> {
        if SECTORS <= sector {
            return Err(NorError::OutOfRange);
        }
        if self.poll_erase()? != Erase::Idle {
            return Err(NorError::Busy);
        }
        self.command(&mut [Operation::Write(&[WRITE_ENABLE])])?;
        self.command(&mut [Operation::Write(&addressed(ERASE_SECTOR, sector * SECTOR_BYTES))])?;
        self.erase = Some((sector, State::Running));
        Ok(())
    }

    fn poll_erase(&mut self) -> Result<Erase, NorError> {
        if matches!(self.erase, Some((_, State::Running))) && !self.is_busy()? {
            self.erase = None;
        }
        Ok(match self.erase {
            None => Erase::Idle,
            Some((sector, State::Running)) => Erase::Running(sector),
            Some((sector, State::Suspended)) => Erase::Suspended(sector),
        })
    }

    fn suspend_erase(&mut self) -> Result<(), NorError> {
        // One that has just ended is not suspended: resuming it would start nothing.
        if let Erase::Running(sector) = self.poll_erase()? {
            self.command(&mut [Operation::Write(&[SUSPEND])])?;
            self.wait()?;
            self.erase = Some((sector, State::Suspended));
        }
        Ok(())
    }

    fn resume_erase(&mut self) -> Result<(), NorError> {
        if let Some((sector, State::Suspended)) = self.erase {
            self.command(&mut [Operation::Write(&[RESUME])])?;
            self.erase = Some((sector, State::Running));
        }
        Ok(())
    }
}

const SECTORS: u32 = 4_096;
/// Each poll takes at least 16 clocks of the bus: 50 000 of them are more than 3 ms at any clock below 250 MHz.
const POLLS: u32 = 50_000;
const READ: u8 = 0x03;
const PROGRAM: u8 = 0x02;
const READ_STATUS: u8 = 0x05;
const WRITE_ENABLE: u8 = 0x06;
const ERASE_SECTOR: u8 = 0x20;
const SUSPEND: u8 = 0x75;
const RESUME: u8 = 0x7A;
