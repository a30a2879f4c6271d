//! The sealed parameters in their memory: the factory's copy, two banks for the working copy, the legal log, and the seal (M7).
//!
//! ```text
//! sector 0  factory's copy     written before the seal, never after it
//! sector 1  bank 0             the working copy is the bank that the log says was written last;
//! sector 2  bank 1             a change goes to the other one, so a cut leaves the one before
//! sector 3.. legal log
//!
//! Open --seal--> Sealed        in Sealed only the bench mode writes; nothing leads back
//! ```
//! Every copy has a checksum. A working copy that is damaged is refused: then the factory's copy counts, the meter says so, and a bench
//! writes anew. What was refused, changed or sealed stands in the log before it takes effect.

use core::fmt;

use crate::legal_log::{Actor, LegalEntry, LegalKind, LegalLog};
use crate::non_volatile::{NonVolatile, NonVolatileFault, NonVolatileRead, SECTOR_OCTETS};
use crate::parameters::{Parameters, checksum};

/// The state of the sealed parameters; the parameters themselves are read when they are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedStore {
    source: Source,
    /// The bank that the log accepts, whatever its number: it is never the next to be erased.
    accepted: Option<u32>,
    sequence: u32,
    checksum: u32,
    sealed: bool,
    damaged: bool,
    /// The power went after the working copy was written and before the log said so.
    unconfirmed: bool,
    unlogged: u32,
    log: LegalLog,
}

/// Where the parameters that count come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nothing was ever written: ideal sensors.
    Ideal,
    /// The factory's copy.
    Factory,
    /// The working copy.
    Working,
}

/// Who wants to write, and in which mode the meter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Who.
    pub actor: Actor,
    /// Whether the meter is in the bench mode, which the sealed switch at the meter decides.
    pub bench_mode: bool,
    /// Now, in seconds since 1970.
    pub unix_seconds: i64,
}

/// Why parameters were not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The meter is sealed and not in the bench mode; the attempt stands in the log.
    Sealed,
    /// The legal log is full: nothing changes any more.
    LogFull,
    /// The memory failed; what counted before counts.
    Memory,
}

impl SealedStore {
    /// Fewest sectors of the region.
    pub const LEAST_SECTORS: u32 = LOG_SECTOR + 1;

    /// Looks what is there, and gives the parameters that count.
    ///
    /// # Errors
    /// [`NonVolatileFault`] when the memory cannot be read or is too small. Damage is no error: see [`Self::is_damaged`].
    pub fn mount(memory: &dyn NonVolatileRead) -> Result<(Self, Parameters), NonVolatileFault> {
        if memory.sectors() < Self::LEAST_SECTORS {
            return Err(NonVolatileFault);
        }
        let (mut changed, mut changing, mut sealed) = (None, None, false);
        let log = LegalLog::mount(memory, LOG_SECTOR, |entry| match entry.kind {
            LegalKind::Changing => changing = Some(entry.checksum),
            LegalKind::Changed => (changed, changing) = (Some(entry.checksum), None),
            LegalKind::Sealed => sealed = true,
            _ => {}
        })?;
        let [factory, bank_0, bank_1] = [
            Copy::read(memory, FACTORY)?,
            Copy::read(memory, BANKS[0])?,
            Copy::read(memory, BANKS[1])?,
        ];
        sealed |= [&factory, &bank_0, &bank_1].into_iter().any(Found::is_sealed);
        let mut banks = [bank_0.whole(), bank_1.whole()];
        if banks[0].map(|bank| bank.sequence) < banks[1].map(|bank| bank.sequence) {
            banks.swap(0, 1);
        }
        let newest = banks.into_iter().flatten().next();
        let accepted = if log.used() == 0 {
            newest
        } else {
            let known = |copy: &Copy| [changed, changing].contains(&Some(copy.checksum));
            banks.into_iter().flatten().find(known)
        };
        let blank = log.used() == 0 && [&factory, &bank_0, &bank_1].into_iter().all(Found::is_blank);
        let lost = accepted.is_none() && (changed.is_some() || newest.is_some());
        let logless = log.used() == 0 && newest.is_some();
        let mut store = Self {
            source: Source::Ideal,
            accepted: accepted.map(|copy| copy.sector),
            sequence: newest.map_or(0, |copy| copy.sequence),
            checksum: 0,
            sealed,
            damaged: lost || logless || (!blank && factory.whole().is_none()),
            unconfirmed: accepted.is_some_and(|copy| changed != Some(copy.checksum)),
            unlogged: 0,
            log,
        };
        for (copy, source) in [(accepted, Source::Working), (factory.whole(), Source::Factory)] {
            let parameters = copy.map(|copy| copy.parameters(memory)).transpose()?.flatten();
            if let Some(parameters) = parameters {
                store.source = source;
                store.checksum = copy.map_or(0, |copy| copy.checksum);
                return Ok((store, parameters));
            }
            store.damaged |= copy.is_some();
        }
        store.checksum = Parameters::IDEAL.checksum();
        Ok((store, Parameters::IDEAL))
    }

    /// Writes the factory's copy and the working copy, before the seal.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn manufacture(
        &mut self,
        memory: &mut dyn NonVolatile,
        parameters: &Parameters,
        access: Access,
    ) -> Result<(), Refusal> {
        if self.sealed {
            self.refuse(memory, access);
            return Err(Refusal::Sealed);
        }
        self.note(memory, LegalKind::FactoryWritten, access, parameters.checksum())?;
        let copy = Copy::of(FACTORY, 0, false, parameters);
        copy.write(memory, parameters).map_err(|_fault| Refusal::Memory)?;
        self.write(memory, parameters, access)?;
        self.damaged = false;
        Ok(())
    }

    /// Changes the working copy. It is read back before it counts.
    ///
    /// # Errors
    /// [`Refusal`]; nothing has changed then.
    pub fn write(
        &mut self,
        memory: &mut dyn NonVolatile,
        parameters: &Parameters,
        access: Access,
    ) -> Result<(), Refusal> {
        if self.sealed && !access.bench_mode {
            self.refuse(memory, access);
            return Err(Refusal::Sealed);
        }
        if !self.log.has_room(LegalKind::Changing, 3) {
            return Err(Refusal::LogFull);
        }
        if self.unconfirmed {
            self.note(memory, LegalKind::Changed, access, self.checksum)?;
            self.unconfirmed = false;
        }
        let sum = parameters.checksum();
        self.note(memory, LegalKind::Changing, access, sum)?;
        let sector = self.put(memory, parameters)?;
        self.note(memory, LegalKind::Changed, access, sum)?;
        (self.source, self.accepted, self.checksum) = (Source::Working, Some(sector), sum);
        self.damaged = false;
        Ok(())
    }

    /// Sets the seal. There is no way back.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn seal(&mut self, memory: &mut dyn NonVolatile, access: Access) -> Result<(), Refusal> {
        if self.sealed {
            return Ok(());
        }
        let (_state, parameters) = Self::mount(memory).map_err(|_fault| Refusal::Memory)?;
        if !self.log.has_room(LegalKind::Changing, 4) {
            return Err(Refusal::LogFull);
        }
        self.note(memory, LegalKind::Sealed, access, self.checksum)?;
        self.sealed = true;
        // The seal stands in the working copy too: no single damaged entry of the log breaks it.
        let bench = Access {
            bench_mode: true,
            ..access
        };
        self.write(memory, &parameters, bench)
    }

    /// Notes an attempt that was refused elsewhere. When the log has no place it is counted.
    pub fn refuse(&mut self, memory: &mut dyn NonVolatile, access: Access) {
        if self.note(memory, LegalKind::Refused, access, self.checksum).is_err() {
            self.unlogged = self.unlogged.saturating_add(1);
        }
    }

    /// Notes that the bench mode was entered or left.
    ///
    /// # Errors
    /// [`Refusal`] when the log has no place: then there is no bench mode.
    pub fn note_bench_mode(
        &mut self,
        memory: &mut dyn NonVolatile,
        entered: bool,
        access: Access,
    ) -> Result<(), Refusal> {
        let kind = if entered {
            LegalKind::BenchEntered
        } else {
            LegalKind::BenchLeft
        };
        self.note(memory, kind, access, self.checksum)
    }

    /// Notes that damage was found and what counts instead.
    ///
    /// # Errors
    /// [`Refusal`] when the log has no place.
    pub fn note_damage(&mut self, memory: &mut dyn NonVolatile, access: Access) -> Result<(), Refusal> {
        self.note(memory, LegalKind::Damaged, access, self.checksum)
    }

    /// Hands the whole entries of the log from number `from` on to `visit`, the oldest first.
    ///
    /// # Errors
    /// [`NonVolatileFault`] when the memory cannot be read.
    pub fn read_log(
        &self,
        memory: &dyn NonVolatileRead,
        from: u32,
        visit: impl FnMut(&LegalEntry),
    ) -> Result<(), NonVolatileFault> {
        self.log.read(memory, from, visit)
    }

    /// Whether the seal is set.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Whether a copy was damaged and another one counts.
    #[must_use]
    pub const fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Where the parameters that count come from.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// The checksum of the parameters that count.
    #[must_use]
    pub const fn checksum(&self) -> u32 {
        self.checksum
    }

    /// How often the working copy was written.
    #[must_use]
    pub const fn changes(&self) -> u32 {
        self.sequence
    }

    /// Entries of the log; the newest has this number less one.
    #[must_use]
    pub const fn entries(&self) -> u32 {
        self.log.used()
    }

    /// Attempts since power-up that found no place in the log.
    #[must_use]
    pub const fn unlogged(&self) -> u32 {
        self.unlogged
    }

    fn note(&mut self, memory: &mut dyn NonVolatile, kind: LegalKind, access: Access, of: u32) -> Result<(), Refusal> {
        match self.log.append(memory, kind, access.actor, access.unix_seconds, of) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::LogFull),
            Err(NonVolatileFault) => Err(Refusal::Memory),
        }
    }

    /// Writes the bank that does not count, with the next number; answers which one it is.
    fn put(&mut self, memory: &mut dyn NonVolatile, parameters: &Parameters) -> Result<u32, Refusal> {
        let sequence = self.sequence.saturating_add(1);
        let [even, odd] = BANKS;
        let sector = match self.accepted {
            Some(accepted) if accepted == odd => even,
            Some(_) => odd,
            None if sequence.is_multiple_of(2) => even,
            None => odd,
        };
        let copy = Copy::of(sector, sequence, self.sealed, parameters);
        copy.write(memory, parameters).map_err(|_fault| Refusal::Memory)?;
        self.sequence = sequence;
        Ok(sector)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sealed => "the meter is sealed and not in the bench mode",
            Self::LogFull => "the legal log is full",
            Self::Memory => "the metrology's memory failed",
        })
    }
}

impl core::error::Error for Refusal {}

/// A whole copy of the parameters in a sector.
#[derive(Clone, Copy, Debug)]
struct Copy {
    sector: u32,
    sequence: u32,
    sealed: bool,
    checksum: u32,
}

/// What a sector holds.
#[derive(Clone, Copy, Debug)]
enum Found {
    Blank,
    Damaged,
    Whole(Copy),
}

impl Found {
    const fn whole(&self) -> Option<Copy> {
        match self {
            Self::Whole(copy) => Some(*copy),
            Self::Blank | Self::Damaged => None,
        }
    }

    const fn is_blank(&self) -> bool {
        matches!(self, Self::Blank)
    }

    const fn is_sealed(&self) -> bool {
        matches!(self, Self::Whole(copy) if copy.sealed)
    }
}

impl Copy {
    fn of(sector: u32, sequence: u32, sealed: bool, parameters: &Parameters) -> Self {
        Self {
            sector,
            sequence,
            sealed,
            checksum: parameters.checksum(),
        }
    }

    fn head(&self) -> [u8; HEAD_OCTETS] {
        let [a, b, c, d] = self.sequence.to_le_bytes();
        [a, b, c, d, u8::from(self.sealed), 0, 0, 0]
    }

    fn read(memory: &dyn NonVolatileRead, sector: u32) -> Result<Found, NonVolatileFault> {
        let mut octets = [0; COPY_OCTETS];
        memory.read(sector * SECTOR_OCTETS, &mut octets)?;
        if octets.iter().all(|octet| *octet == 0xFF) {
            return Ok(Found::Blank);
        }
        let Some((body, check)) = octets.split_last_chunk::<CHECK_OCTETS>() else {
            return Ok(Found::Damaged);
        };
        let Some((&[a, b, c, d, sealed, ..], parameters)) = body.split_first_chunk::<HEAD_OCTETS>() else {
            return Ok(Found::Damaged);
        };
        if u32::from_le_bytes(*check) != checksum(&[body]) {
            return Ok(Found::Damaged);
        }
        Ok(Found::Whole(Self {
            sector,
            sequence: u32::from_le_bytes([a, b, c, d]),
            sealed: sealed != 0,
            checksum: checksum(&[parameters]),
        }))
    }

    /// The parameters of a copy whose checksum was right; none when they are not valid any more.
    fn parameters(&self, memory: &dyn NonVolatileRead) -> Result<Option<Parameters>, NonVolatileFault> {
        let mut octets = [0; Parameters::LENGTH];
        memory.read(self.sector * SECTOR_OCTETS + HEAD_LENGTH, &mut octets)?;
        if checksum(&[&octets]) != self.checksum {
            return Ok(None);
        }
        Ok(Parameters::read_from(&octets).ok())
    }

    fn write(&self, memory: &mut dyn NonVolatile, parameters: &Parameters) -> Result<(), NonVolatileFault> {
        let mut octets = [0; COPY_OCTETS];
        let (body, check) = octets.split_at_mut(COPY_OCTETS - CHECK_OCTETS);
        let (head, stored) = body.split_at_mut(HEAD_OCTETS);
        head.copy_from_slice(&self.head());
        parameters.write_to(stored.try_into().map_err(|_length| NonVolatileFault)?);
        check.copy_from_slice(&checksum(&[body]).to_le_bytes());
        memory.erase(self.sector)?;
        memory.program(self.sector * SECTOR_OCTETS, &octets)?;
        match Self::read(memory, self.sector)? {
            Found::Whole(copy) if copy.checksum == self.checksum => Ok(()),
            _ => Err(NonVolatileFault),
        }
    }
}

const FACTORY: u32 = 0;
const BANKS: [u32; 2] = [1, 2];
const LOG_SECTOR: u32 = 3;
/// Number of the change, seal, three octets of zero.
const HEAD_OCTETS: usize = HEAD_LENGTH as usize;
const HEAD_LENGTH: u32 = 8;
const CHECK_OCTETS: usize = 4;
const COPY_OCTETS: usize = HEAD_OCTETS + Parameters::LENGTH + CHECK_OCTETS;

const _: () = assert!(COPY_OCTETS <= SECTOR_OCTETS as usize, "a copy fits a sector");
