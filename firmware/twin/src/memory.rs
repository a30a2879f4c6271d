//! A NOR flash made of plain memory that tells its watch of every change.

use core::ops::Range;

use flash::{Erase, Nor, NorError, PAGE_BYTES, SECTOR_BYTES};

use crate::Watch;
use crate::rig::{Hash, Line};

/// The flash of a rig. An erase takes as many polls as it is long, so that nothing depends on a clock.
pub(crate) struct Memory<'a, W> {
    cells: &'a mut [u8],
    erase: Option<(u32, State)>,
    watch: &'a W,
}

#[derive(Clone, Copy)]
enum State {
    Running { polls_left: u8 },
    Suspended { polls_left: u8 },
}

impl<'a, W: Watch> Memory<'a, W> {
    pub(crate) const fn new(cells: &'a mut [u8], watch: &'a W) -> Self {
        Self {
            cells,
            erase: None,
            watch,
        }
    }

    fn range(&self, at: u32, len: usize) -> Result<Range<usize>, NorError> {
        let from = usize::try_from(at).map_err(|_| NorError::OutOfRange)?;
        let to = from
            .checked_add(len)
            .filter(|to| *to <= self.cells.len())
            .ok_or(NorError::OutOfRange)?;
        match self.erase {
            Some((sector, _)) if overlaps(&(from..to), &cells_of(sector)) => Err(NorError::Busy),
            _ => Ok(from..to),
        }
    }
}

fn cells_of(sector: u32) -> Range<usize> {
    let bytes = SECTOR_BYTES as usize;
    let from = (sector as usize).saturating_mul(bytes);
    from..from.saturating_add(bytes)
}

fn overlaps(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

impl<W: Watch> Nor for Memory<'_, W> {
    fn sectors(&self) -> u32 {
        u32::try_from(self.cells.len() / SECTOR_BYTES as usize).unwrap_or(0)
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NorError> {
        let range = self.range(at, into.len())?;
        into.copy_from_slice(self.cells.get(range).ok_or(NorError::OutOfRange)?);
        Ok(())
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError> {
        let range = self.range(at, bytes.len())?;
        if bytes.len() > (PAGE_BYTES - at % PAGE_BYTES) as usize {
            return Err(NorError::CrossesPage);
        }
        let cells = self.cells.get_mut(range).ok_or(NorError::OutOfRange)?;
        for (cell, byte) in cells.iter_mut().zip(bytes) {
            *cell &= byte;
        }
        Line::new(self.watch).put(format_args!(
            "program {at:#x} {} {:016x}",
            bytes.len(),
            Hash::of_octets(bytes)
        ));
        Ok(())
    }

    fn start_erase(&mut self, sector: u32) -> Result<(), NorError> {
        if self.erase.is_some() {
            return Err(NorError::Busy);
        }
        if self.sectors() <= sector {
            return Err(NorError::OutOfRange);
        }
        self.erase = Some((sector, State::Running { polls_left: POLLS }));
        Line::new(self.watch).put(format_args!("erase {sector}"));
        Ok(())
    }

    fn poll_erase(&mut self) -> Result<Erase, NorError> {
        Ok(match self.erase {
            None => Erase::Idle,
            Some((sector, State::Suspended { .. })) => Erase::Suspended(sector),
            Some((sector, State::Running { polls_left: 0 })) => {
                if let Some(cells) = self.cells.get_mut(cells_of(sector)) {
                    cells.fill(0xFF);
                }
                self.erase = None;
                Line::new(self.watch).put(format_args!("erased {sector}"));
                Erase::Idle
            }
            Some((sector, State::Running { polls_left })) => {
                self.erase = Some((
                    sector,
                    State::Running {
                        polls_left: polls_left - 1,
                    },
                ));
                Erase::Running(sector)
            }
        })
    }

    fn suspend_erase(&mut self) -> Result<(), NorError> {
        if let Some((_, state)) = &mut self.erase
            && let State::Running { polls_left } = *state
        {
            *state = State::Suspended { polls_left };
        }
        Ok(())
    }

    fn resume_erase(&mut self) -> Result<(), NorError> {
        if let Some((_, state)) = &mut self.erase
            && let State::Suspended { polls_left } = *state
        {
            *state = State::Running { polls_left };
        }
        Ok(())
    }
}

/// Polls that an erase takes.
const POLLS: u8 = 3;
