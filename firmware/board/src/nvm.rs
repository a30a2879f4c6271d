//! The non-volatile memory: 16 MB of RAM whose contents QEMU keeps in a file, behind the contract of a serial NOR flash.
//!
//! Programs and erases go forward in small steps. An erase takes the time of a real part, runs by itself, and turns its sector back piece
//! by piece as the time passes, so that a process that is killed leaves what a power cut leaves. A test may ask for the cut itself: in
//! step number N the memory does a part of the step, as chance has it, and leaves QEMU with [`CUT`].

use core::sync::atomic::{AtomicBool, Ordering, compiler_fence};

use flash::{Erase, Nor, NorError, PAGE_BYTES, SECTOR_BYTES};

use crate::map::NVM;
use crate::{clock, console};

/// The memory. There is one.
#[derive(Debug)]
pub struct Nvm {
    cells: &'static mut [u8],
    erase: Option<Erasing>,
    /// Steps until the power is cut; none for never.
    steps_left: Option<u32>,
    /// Steps since the start.
    steps: u32,
    chance: u32,
}

/// An erase under way.
#[derive(Clone, Copy, Debug)]
struct Erasing {
    sector: u32,
    /// Microseconds that it has run, without the present run.
    ran: u32,
    /// The counter when it began to run; none while it is suspended.
    since: Option<u32>,
    /// Pieces that are erased.
    pieces: u32,
}

/// The exit code of QEMU after a cut.
pub const CUT: u8 = 99;

impl Nvm {
    /// The memory; none when somebody has it already.
    #[must_use]
    #[expect(unsafe_code, reason = "the memory is an address range")]
    pub fn take() -> Option<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Ordering::Relaxed) {
            return None;
        }
        let start = NVM as *mut u8;
        // SAFETY: the board has this much RAM here, the linker script leaves it alone, and the flag makes this the only reference.
        let cells = unsafe { core::slice::from_raw_parts_mut(start, BYTES) };
        Some(Self {
            cells,
            erase: None,
            steps_left: None,
            steps: 0,
            chance: 1,
        })
    }

    /// Lets the power be cut in step number `step` from now, the first being 1; what that step leaves behind depends on `chance`.
    pub fn cut_at(&mut self, step: u32, chance: u32) {
        self.steps_left = Some(step);
        self.chance = chance | 1;
    }

    /// Steps of programs and erases since the start.
    #[must_use]
    pub const fn steps(&self) -> u32 {
        self.steps
    }

    /// One step: `cells` turn into what `turn` makes of them, or, when this is the step of the cut, some bits of them do.
    fn step(&mut self, from: usize, len: usize, turn: impl Fn(usize, u8) -> u8) {
        self.steps = self.steps.wrapping_add(1);
        let cut = match &mut self.steps_left {
            None => false,
            Some(left) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
        };
        for (index, cell) in self
            .cells
            .get_mut(from..from + len)
            .unwrap_or_default()
            .iter_mut()
            .enumerate()
        {
            let after = turn(index, *cell);
            *cell = if cut {
                mix(*cell, after, &mut self.chance)
            } else {
                after
            };
        }
        // Whoever looks into the file after this sees it.
        compiler_fence(Ordering::SeqCst);
        if cut {
            console::exit(CUT);
        }
    }

    /// Lets the erase catch up with the time.
    fn let_erase_run(&mut self) {
        let Some(mut erasing) = self.erase else { return };
        let Some(since) = erasing.since else { return };
        let ran = erasing.ran.saturating_add(clock::micros().wrapping_sub(since));
        while erasing.pieces < PIECES && (erasing.pieces + 1) * PIECE_MICROS <= ran {
            self.erase_piece(erasing.sector, erasing.pieces);
            erasing.pieces += 1;
        }
        self.erase = Some(erasing).filter(|it| it.pieces < PIECES);
    }

    fn erase_piece(&mut self, sector: u32, piece: u32) {
        let from = sector as usize * SECTOR_BYTES as usize + piece as usize * PIECE_BYTES;
        self.step(from, PIECE_BYTES, |_, _| 0xFF);
    }

    /// The range of cells, when it is there and not under erase.
    fn range(&self, at: u32, len: usize) -> Result<core::ops::Range<usize>, NorError> {
        let from = at as usize;
        let to = from
            .checked_add(len)
            .filter(|to| *to <= BYTES)
            .ok_or(NorError::OutOfRange)?;
        if let Some(erasing) = self.erase {
            let start = erasing.sector as usize * SECTOR_BYTES as usize;
            if from < start + SECTOR_BYTES as usize && start < to {
                return Err(NorError::Busy);
            }
        }
        Ok(from..to)
    }
}

impl Nor for Nvm {
    fn sectors(&self) -> u32 {
        SECTORS
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NorError> {
        let range = self.range(at, into.len())?;
        into.copy_from_slice(self.cells.get(range).ok_or(NorError::OutOfRange)?);
        Ok(())
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError> {
        self.let_erase_run();
        let range = self.range(at, bytes.len())?;
        if bytes.len() > (PAGE_BYTES - at % PAGE_BYTES) as usize {
            return Err(NorError::CrossesPage);
        }
        for (index, chunk) in bytes.chunks(PROGRAM_STEP).enumerate() {
            let from = range.start + index * PROGRAM_STEP;
            self.step(from, chunk.len(), |place, cell| {
                cell & chunk.get(place).copied().unwrap_or(0xFF)
            });
        }
        Ok(())
    }

    fn start_erase(&mut self, sector: u32) -> Result<(), NorError> {
        self.let_erase_run();
        if self.erase.is_some() {
            return Err(NorError::Busy);
        }
        if SECTORS <= sector {
            return Err(NorError::OutOfRange);
        }
        self.erase = Some(Erasing {
            sector,
            ran: 0,
            since: Some(clock::micros()),
            pieces: 0,
        });
        Ok(())
    }

    fn poll_erase(&mut self) -> Result<Erase, NorError> {
        self.let_erase_run();
        Ok(match self.erase {
            None => Erase::Idle,
            Some(Erasing {
                sector, since: Some(_), ..
            }) => Erase::Running(sector),
            Some(Erasing {
                sector, since: None, ..
            }) => Erase::Suspended(sector),
        })
    }

    fn suspend_erase(&mut self) -> Result<(), NorError> {
        self.let_erase_run();
        if let Some(erasing) = &mut self.erase
            && let Some(since) = erasing.since.take()
        {
            erasing.ran = erasing.ran.saturating_add(clock::micros().wrapping_sub(since));
        }
        Ok(())
    }

    fn resume_erase(&mut self) -> Result<(), NorError> {
        if let Some(erasing) = &mut self.erase
            && erasing.since.is_none()
        {
            erasing.since = Some(clock::micros());
        }
        Ok(())
    }
}

/// Some bits of `after`, the others of `before`.
fn mix(before: u8, after: u8, chance: &mut u32) -> u8 {
    // Xorshift after Marsaglia: any chance will do that a test can repeat.
    *chance ^= *chance << 13;
    *chance ^= *chance >> 17;
    *chance ^= *chance << 5;
    let [turned, ..] = chance.to_le_bytes();
    before & !turned | after & turned
}

const SECTORS: u32 = 4_096;
const BYTES: usize = SECTORS as usize * SECTOR_BYTES as usize;
/// Octets that one step programs.
const PROGRAM_STEP: usize = 16;
/// An erase of 45 ms, typical for parts of this kind, in eight pieces.
const PIECES: u32 = 8;
const PIECE_MICROS: u32 = 45_000 / PIECES;
const PIECE_BYTES: usize = SECTOR_BYTES as usize / PIECES as usize;
