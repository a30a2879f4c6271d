//! A NOR flash in memory, for tests and virtual meters: it wears, takes virtual time, and loses power at a chosen step.
//!
//! It does everything that the contract of [`Nor`] warns of. The cells belong to the caller: a `Vec`, an array, a mapped file, or a borrow
//! of one. Chance comes from the seed, so every run can be repeated.

use core::cell::Cell;

use base::Micros;

use crate::nor::{Erase, Nor, NorError, PAGE_BYTES, SECTOR_BYTES};

/// The flash model over cells `C` (bytes) and wear counters `W` (one `u32` a sector; fewer counters count fewer sectors).
///
/// A *step* is one program call or one started erase, counted from zero since [`Model::new`].
#[derive(Clone, Debug)]
pub struct Model<C, W> {
    cells: C,
    wear: W,
    timing: Timing,
    chance: Chance,
    cut: Option<Cut>,
    powered: bool,
    erasing: Option<Erasing>,
    broken: Option<u32>,
    ailing: Option<Ailing>,
    writes: Writes,
    reads: Cell<Reads>,
    visited: Cell<u32>,
}

/// How long the model's part takes; what passes is seen in [`Writes::elapsed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A program call.
    pub program: Micros,
    /// An erase.
    pub erase: Micros,
    /// A poll of the erase unit, so that waiting in a loop ends.
    pub poll: Micros,
}

impl Timing {
    /// Usual figures of serial NOR parts.
    pub const TYPICAL: Self = Self {
        program: Micros::new(700),
        erase: Micros::from_millis(45),
        poll: Micros::new(100),
    };
    /// The longest that the contract allows.
    pub const WORST: Self = Self {
        program: Micros::from_millis(3),
        erase: Micros::from_millis(400),
        poll: Micros::new(100),
    };
}

/// At which step the power goes, and how far the step comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The step concerned; see [`Model`].
    pub step: u64,
    /// What the step still does.
    pub how: How,
}

/// What a step that loses power still does. In all cases the call answers [`NorError::Gone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Nothing.
    NotDone,
    /// The first half of the bytes; of an erase, one half of the sector.
    HalfDone,
    /// Bits at random: of a program a random subset of its zeros; of an erase any garbage, or a sector that only seems erased.
    Torn,
    /// All of it, but the caller never hears of it.
    Done,
    /// The bytes before this one, and of this one some bits; of an erase, 16 bytes of the sector for each.
    AtByte(u16),
}

/// What was written so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// Steps: programs and erases.
    pub steps: u64,
    /// Program calls.
    pub programs: u64,
    /// Bytes programmed.
    pub bytes: u64,
    /// Bytes that were programmed though they were not erased: a promise of this crate's shapes is that there are none.
    pub twice: u64,
    /// Erases started.
    pub erases: u64,
    /// Times an erase was suspended.
    pub suspends: u64,
    /// Virtual time that passed in calls and in [`Model::pass`].
    pub elapsed: Micros,
}

/// What was read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Read calls.
    pub calls: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Times a read went to another sector than the read before: the cost of a search.
    pub sectors: u64,
}

/// Sectors that fail at random, each from a step of its own on and in a way of its own: the same ones for the same seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ailing {
    /// Where chance comes from.
    pub seed: u64,
    /// Of so many sectors one fails.
    pub one_in: u64,
    /// At the latest at this step of the model's life.
    pub within: u64,
}

/// How a sector fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ailment {
    /// It takes neither programs nor erases, and says nothing of it.
    Dead,
    /// Programs come half way and are reported.
    Refuses,
    /// Programs lose bits, and nothing is said.
    Forgets,
    /// Erases leave bits behind.
    StaysWritten,
}

impl Ailing {
    fn of(self, sector: u32, step: u64) -> Option<Ailment> {
        let mut chance = Chance(self.seed ^ u64::from(sector) << 32);
        let is_hit = chance.below(self.one_in.max(1)) == 0;
        let from = chance.below(self.within.max(1));
        let ailment = match chance.below(4) {
            0 => Ailment::Dead,
            1 => Ailment::Refuses,
            2 => Ailment::Forgets,
            _ => Ailment::StaysWritten,
        };
        (is_hit && from <= step).then_some(ailment)
    }
}

#[derive(Clone, Copy, Debug)]
struct Erasing {
    sector: u32,
    left: Micros,
    suspended: bool,
}

impl<C: AsRef<[u8]> + AsMut<[u8]>, W: AsMut<[u32]>> Model<C, W> {
    /// A powered part with the given contents, wear so far, timing and seed of chance.
    pub const fn new(cells: C, wear: W, timing: Timing, seed: u64) -> Self {
        Self {
            cells,
            wear,
            timing,
            chance: Chance(seed),
            cut: None,
            powered: true,
            erasing: None,
            broken: None,
            ailing: None,
            writes: Writes {
                steps: 0,
                programs: 0,
                bytes: 0,
                twice: 0,
                erases: 0,
                suspends: 0,
                elapsed: Micros::ZERO,
            },
            reads: Cell::new(Reads {
                calls: 0,
                bytes: 0,
                sectors: 0,
            }),
            visited: Cell::new(u32::MAX),
        }
    }

    /// Orders the loss of power at a later step; `None` takes the order back.
    pub const fn cut(&mut self, cut: Option<Cut>) {
        self.cut = cut;
    }

    /// The power goes now, between steps: a running erase is torn.
    pub fn lose_power(&mut self) {
        self.powered = false;
        if let Some(erasing) = self.erasing.take() {
            let how = match self.chance.below(3) {
                0 => How::NotDone,
                1 => How::HalfDone,
                _ => How::Torn,
            };
            self.erase_partly(erasing.sector, how);
        }
    }

    /// The power is back; a pending order to cut is forgotten.
    pub const fn power_up(&mut self) {
        self.powered = true;
        self.cut = None;
        self.erasing = None;
    }

    /// Goes on with chance from another seed.
    pub const fn reseed(&mut self, seed: u64) {
        self.chance = Chance(seed);
    }

    /// Whether the part has power.
    #[must_use]
    pub const fn is_powered(&self) -> bool {
        self.powered
    }

    /// Breaks a sector: from now on it takes neither programs nor erases and says nothing of it. `None` repairs.
    pub const fn break_sector(&mut self, sector: Option<u32>) {
        self.broken = sector;
    }

    /// Lets sectors fail at random; `None` repairs them.
    pub const fn ail(&mut self, ailing: Option<Ailing>) {
        self.ailing = ailing;
    }

    /// What is wrong with a sector now.
    fn ailment(&self, sector: u32) -> Option<Ailment> {
        if self.broken == Some(sector) {
            return Some(Ailment::Dead);
        }
        self.ailing?.of(sector, self.writes.steps)
    }

    /// Lets idle time pass, in which a running erase goes on.
    pub fn pass(&mut self, time: Micros) {
        self.writes.elapsed += time;
        let Some(erasing) = &mut self.erasing else { return };
        if erasing.suspended {
            return;
        }
        erasing.left = erasing.left - time;
        if erasing.left == Micros::ZERO {
            let sector = erasing.sector;
            self.erasing = None;
            match self.ailment(sector) {
                Some(Ailment::Dead) => {}
                Some(Ailment::StaysWritten) => {
                    self.erase_partly(sector, How::Done);
                    let at = u64::from(sector) * u64::from(SECTOR_BYTES) + self.chance.below(u64::from(SECTOR_BYTES));
                    let cells = self.cells.as_mut();
                    if let Some(cell) = usize::try_from(at).ok().and_then(|at| cells.get_mut(at)) {
                        *cell = 0x7F;
                    }
                }
                Some(Ailment::Refuses | Ailment::Forgets) | None => self.erase_partly(sector, How::Done),
            }
        }
    }

    /// The contents.
    pub fn cells(&self) -> &[u8] {
        self.cells.as_ref()
    }

    /// The contents, to damage them.
    pub fn cells_mut(&mut self) -> &mut [u8] {
        self.cells.as_mut()
    }

    /// The cells and the wear counters, given back.
    pub fn into_parts(self) -> (C, W) {
        (self.cells, self.wear)
    }

    /// What was written so far.
    #[must_use]
    pub const fn writes(&self) -> Writes {
        self.writes
    }

    /// What was read so far.
    #[must_use]
    pub const fn reads(&self) -> Reads {
        self.reads.get()
    }

    /// Erases of the most worn sector.
    pub fn worst_wear(&mut self) -> u32 {
        self.wear.as_mut().iter().copied().max().unwrap_or(0)
    }

    /// Counts a step; answers how it ends when the power goes in it.
    fn step(&mut self) -> Option<How> {
        let step = self.writes.steps;
        self.writes.steps += 1;
        let cut = self.cut.filter(|cut| cut.step == step)?;
        self.powered = false;
        Some(cut.how)
    }

    fn program_partly(&mut self, at: usize, bytes: &[u8], how: How) {
        let Some(cells) = self.cells.as_mut().get_mut(at..at + bytes.len()) else {
            return;
        };
        for (index, (cell, byte)) in cells.iter_mut().zip(bytes).enumerate() {
            // Ones in the mask are bits that the program no longer reached.
            let mask = match how {
                How::NotDone => 0xFF,
                How::HalfDone if index < bytes.len() / 2 => 0,
                How::HalfDone => 0xFF,
                How::Torn => self.chance.byte(),
                How::Done => 0,
                How::AtByte(last) if index < usize::from(last) => 0,
                How::AtByte(last) if index == usize::from(last) => self.chance.byte(),
                How::AtByte(_) => 0xFF,
            };
            *cell &= byte | mask;
        }
    }

    fn erase_partly(&mut self, sector: u32, how: How) {
        let at = sector as usize * SECTOR_BYTES as usize;
        let Some(cells) = self.cells.as_mut().get_mut(at..at + SECTOR_BYTES as usize) else {
            return;
        };
        let (lower, upper) = cells.split_at_mut(SECTOR_BYTES as usize / 2);
        match how {
            How::NotDone => {}
            How::HalfDone if self.chance.below(2) == 0 => lower.fill(0xFF),
            How::HalfDone => upper.fill(0xFF),
            How::Torn => {
                let kind = self.chance.below(5);
                for cell in cells {
                    let noise = self.chance.byte();
                    *cell = match kind {
                        0 => noise,
                        // Erasing had begun to raise bits.
                        1 => *cell | noise,
                        2 => *cell | noise | self.chance.byte() | self.chance.byte(),
                        // Parts program all cells to zero before they erase.
                        3 => *cell & noise,
                        _ => 0xFF,
                    };
                }
            }
            How::Done => cells.fill(0xFF),
            How::AtByte(last) => cells
                .iter_mut()
                .take(usize::from(last) * 16)
                .for_each(|cell| *cell = 0xFF),
        }
    }

    fn is_erasing(&self, at: u32, len: usize) -> bool {
        let Some(Erasing { sector, .. }) = self.erasing else {
            return false;
        };
        let (from, to) = (u64::from(at), u64::from(at) + len as u64);
        let start = u64::from(sector) * u64::from(SECTOR_BYTES);
        from < start + u64::from(SECTOR_BYTES) && start < to
    }
}

impl<C: AsRef<[u8]> + AsMut<[u8]>, W: AsMut<[u32]>> Nor for Model<C, W> {
    fn sectors(&self) -> u32 {
        u32::try_from(self.cells.as_ref().len()).unwrap_or(u32::MAX) / SECTOR_BYTES
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NorError> {
        if !self.powered {
            return Err(NorError::Gone);
        }
        if self.is_erasing(at, into.len()) {
            return Err(NorError::Busy);
        }
        let start = at as usize;
        let end = start.checked_add(into.len()).ok_or(NorError::OutOfRange)?;
        into.copy_from_slice(self.cells.as_ref().get(start..end).ok_or(NorError::OutOfRange)?);
        let mut reads = self.reads.get();
        reads.calls += 1;
        reads.bytes += into.len() as u64;
        let sector = at / SECTOR_BYTES;
        if self.visited.replace(sector) != sector {
            reads.sectors += 1;
        }
        self.reads.set(reads);
        Ok(())
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError> {
        if !self.powered {
            return Err(NorError::Gone);
        }
        if bytes.len() > (PAGE_BYTES - at % PAGE_BYTES) as usize {
            return Err(NorError::CrossesPage);
        }
        if self.is_erasing(at, bytes.len()) {
            return Err(NorError::Busy);
        }
        let start = at as usize;
        let cells = self
            .cells
            .as_ref()
            .get(start..start + bytes.len())
            .ok_or(NorError::OutOfRange)?;
        let twice = cells
            .iter()
            .zip(bytes)
            .filter(|(cell, byte)| **cell != 0xFF && **byte != 0xFF)
            .count();
        self.writes.twice += twice as u64;
        self.writes.programs += 1;
        self.writes.bytes += bytes.len() as u64;
        if let Some(how) = self.step() {
            self.program_partly(start, bytes, how);
            self.lose_power();
            return Err(NorError::Gone);
        }
        // The part holds its erase meanwhile: its time does not run.
        self.writes.elapsed += self.timing.program;
        match self.ailment(at / SECTOR_BYTES) {
            Some(Ailment::Dead) => {}
            Some(Ailment::Refuses) => {
                self.program_partly(start, bytes, How::HalfDone);
                return Err(NorError::Failed);
            }
            Some(Ailment::Forgets) => self.program_partly(start, bytes, How::Torn),
            Some(Ailment::StaysWritten) | None => self.program_partly(start, bytes, How::Done),
        }
        Ok(())
    }

    fn start_erase(&mut self, sector: u32) -> Result<(), NorError> {
        if !self.powered {
            return Err(NorError::Gone);
        }
        if self.sectors() <= sector {
            return Err(NorError::OutOfRange);
        }
        if self.erasing.is_some() {
            return Err(NorError::Busy);
        }
        self.writes.erases += 1;
        if let Some(wear) = self.wear.as_mut().get_mut(sector as usize) {
            *wear = wear.saturating_add(1);
        }
        if let Some(how) = self.step() {
            self.erase_partly(sector, how);
            return Err(NorError::Gone);
        }
        if self.ailment(sector) != Some(Ailment::Dead) {
            self.erasing = Some(Erasing {
                sector,
                left: self.timing.erase,
                suspended: false,
            });
        }
        Ok(())
    }

    fn poll_erase(&mut self) -> Result<Erase, NorError> {
        if !self.powered {
            return Err(NorError::Gone);
        }
        self.pass(self.timing.poll);
        Ok(match self.erasing {
            None => Erase::Idle,
            Some(Erasing {
                sector,
                suspended: true,
                ..
            }) => Erase::Suspended(sector),
            Some(Erasing { sector, .. }) => Erase::Running(sector),
        })
    }

    fn suspend_erase(&mut self) -> Result<(), NorError> {
        if !self.powered {
            return Err(NorError::Gone);
        }
        if let Some(erasing) = &mut self.erasing
            && !erasing.suspended
        {
            erasing.suspended = true;
            self.writes.suspends += 1;
        }
        Ok(())
    }

    fn resume_erase(&mut self) -> Result<(), NorError> {
        if !self.powered {
            return Err(NorError::Gone);
        }
        if let Some(erasing) = &mut self.erasing {
            erasing.suspended = false;
        }
        Ok(())
    }
}

/// A small seeded generator (SplitMix64), good enough to tear bits.
#[derive(Clone, Debug)]
struct Chance(u64);

impl Chance {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    const fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::nor::erase_now;

    fn part() -> Model<Vec<u8>, Vec<u32>> {
        Model::new(vec![0xFF; 4 * SECTOR_BYTES as usize], vec![0; 4], Timing::TYPICAL, 1)
    }

    fn byte(part: &dyn Nor, at: u32) -> u8 {
        let mut found = [0];
        part.read(at, &mut found).unwrap();
        found[0]
    }

    #[test]
    fn programming_only_turns_ones_into_zeros_and_stays_in_its_page() {
        let mut part = part();
        part.program(10, &[0x0F]).unwrap();
        part.program(10, &[0xF3]).unwrap();
        assert_eq!(byte(&part, 10), 0x03);
        assert_eq!(part.writes().twice, 1);
        assert_eq!(part.program(255, &[0, 0]), Err(NorError::CrossesPage));
        assert_eq!(part.program(4 * SECTOR_BYTES, &[0]), Err(NorError::OutOfRange));
    }

    #[test]
    fn an_erase_takes_its_time_and_only_its_own_sector_waits() {
        let mut part = part();
        part.program(4_096, &[0]).unwrap();
        part.start_erase(1).unwrap();
        assert_eq!(part.start_erase(2), Err(NorError::Busy));
        assert_eq!(part.read(4_096, &mut [0]), Err(NorError::Busy));
        assert_eq!(part.program(8_191, &[0]), Err(NorError::Busy));
        part.program(0, &[7]).unwrap();
        part.suspend_erase().unwrap();
        part.pass(Micros::from_secs(1));
        assert_eq!(part.poll_erase(), Ok(Erase::Suspended(1)));
        part.resume_erase().unwrap();
        part.pass(Micros::from_millis(40));
        assert_eq!(part.poll_erase(), Ok(Erase::Running(1)));
        part.pass(Micros::from_millis(5));
        assert_eq!(part.poll_erase(), Ok(Erase::Idle));
        assert_eq!(byte(&part, 4_096), 0xFF);
        assert_eq!((part.worst_wear(), part.writes().suspends), (1, 1));
    }

    #[test]
    fn a_cut_leaves_what_its_kind_says_and_silence_after() {
        for (how, expected) in [
            (How::NotDone, [0xFF, 0xFF, 0xFF, 0xFF]),
            (How::HalfDone, [0, 0, 0xFF, 0xFF]),
            (How::Done, [0, 0, 0, 0]),
        ] {
            let mut part = part();
            part.program(0, &[1]).unwrap();
            part.cut(Some(Cut { step: 1, how }));
            assert_eq!(part.program(8, &[0; 4]), Err(NorError::Gone));
            assert_eq!(part.read(8, &mut [0]), Err(NorError::Gone));
            part.power_up();
            assert_eq!(part.cells()[8..12], expected);
        }
        let mut part = part();
        part.cut(Some(Cut {
            step: 0,
            how: How::AtByte(2),
        }));
        assert_eq!(part.program(8, &[0; 4]), Err(NorError::Gone));
        assert_eq!(part.cells()[8..10], [0, 0]);
        assert_eq!(part.cells()[11], 0xFF);
    }

    #[test]
    fn a_cut_while_an_erase_runs_tears_it_too() {
        let mut changed = 0;
        for seed in 0..20 {
            let mut part = Model::new(vec![0x55; 2 * SECTOR_BYTES as usize], vec![0; 2], Timing::WORST, seed);
            part.start_erase(0).unwrap();
            part.lose_power();
            assert_eq!(erase_now(&mut part, 0), Err(NorError::Gone));
            part.power_up();
            assert_eq!(part.poll_erase(), Ok(Erase::Idle));
            assert!(part.cells()[SECTOR_BYTES as usize..].iter().all(|cell| *cell == 0x55));
            changed += u32::from(part.cells()[..SECTOR_BYTES as usize].iter().any(|cell| *cell != 0x55));
        }
        assert!((5..20).contains(&changed));
    }
}
