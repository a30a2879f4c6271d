//! The legal log: who touched the sealed parameters, or tried to, and when (WELMEC 7.2, M7).
//!
//! Entries are appended, each with a checksum of its own, and never erased: a full log refuses further changes, so the last places are
//! kept for changes that were made. Refused attempts that find no place are counted.

use crate::non_volatile::{NonVolatile, NonVolatileFault, NonVolatileRead, SECTOR_OCTETS};
use crate::parameters::checksum;

/// An entry of the legal log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegalEntry {
    /// Its number, from 0 on; a number that is missing was damaged.
    pub number: u32,
    /// When, in seconds since 1970 by the clock of whoever noted it.
    pub unix_seconds: i64,
    /// What happened.
    pub kind: LegalKind,
    /// Who did it.
    pub actor: Actor,
    /// The checksum of the parameters that it is about.
    pub checksum: u32,
}

/// What the legal log tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LegalKind {
    /// The factory's copy was written.
    FactoryWritten = 1,
    /// The seal was set: from now on only the bench mode writes.
    Sealed = 2,
    /// A change begins; without the next kind after it, it did not take place.
    Changing = 3,
    /// The parameters are those of this checksum.
    Changed = 4,
    /// Somebody tried to change the parameters and was refused.
    Refused = 5,
    /// The bench mode was entered.
    BenchEntered = 6,
    /// The bench mode was left.
    BenchLeft = 7,
    /// Damaged parameters were refused, and others count.
    Damaged = 8,
}

/// Who touches the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Actor {
    /// The production line or a laboratory, at the meter itself.
    Bench = 0,
    /// A client, over a link.
    Client = 1,
    /// The meter, by its own rules.
    Meter = 2,
}

/// The log without its entries: where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LegalLog {
    first_sector: u32,
    capacity: u32,
    used: u32,
}

impl LegalKind {
    const ALL: [Self; 8] = [
        Self::FactoryWritten,
        Self::Sealed,
        Self::Changing,
        Self::Changed,
        Self::Refused,
        Self::BenchEntered,
        Self::BenchLeft,
        Self::Damaged,
    ];

    /// Whether the last places of the log are open to it.
    const fn is_of_changes(self) -> bool {
        !matches!(self, Self::Refused | Self::BenchEntered | Self::BenchLeft)
    }
}

impl LegalLog {
    /// The log in the sectors from `first_sector` on; each entry that is whole is handed to `visit`.
    pub(crate) fn mount(
        memory: &dyn NonVolatileRead,
        first_sector: u32,
        mut visit: impl FnMut(&LegalEntry),
    ) -> Result<Self, NonVolatileFault> {
        let sectors = memory.sectors().saturating_sub(first_sector);
        let mut log = Self {
            first_sector,
            capacity: sectors * ENTRIES_A_SECTOR,
            used: 0,
        };
        while log.used < log.capacity {
            let mut octets = [0; ENTRY_OCTETS];
            memory.read(log.place(log.used), &mut octets)?;
            if octets == [0xFF; ENTRY_OCTETS] {
                break;
            }
            if let Some(entry) = parse(&octets, log.used) {
                visit(&entry);
            }
            log.used += 1;
        }
        Ok(log)
    }

    /// Entries that were written, whole or not.
    pub(crate) const fn used(&self) -> u32 {
        self.used
    }

    /// Whether `count` more entries of this kind find a place.
    pub(crate) const fn has_room(&self, kind: LegalKind, count: u32) -> bool {
        let kept = if kind.is_of_changes() { 0 } else { KEPT_FOR_CHANGES };
        self.used + count + kept <= self.capacity
    }

    /// Appends an entry; false when there is no place for it.
    pub(crate) fn append(
        &mut self,
        memory: &mut dyn NonVolatile,
        kind: LegalKind,
        actor: Actor,
        unix_seconds: i64,
        of: u32,
    ) -> Result<bool, NonVolatileFault> {
        if !self.has_room(kind, 1) {
            return Ok(false);
        }
        let number = self.used;
        let octets = compose(&LegalEntry {
            number,
            unix_seconds,
            kind,
            actor,
            checksum: of,
        });
        // A place that failed stays spoilt.
        self.used += 1;
        memory.program(self.place(number), &octets)?;
        Ok(true)
    }

    /// Hands the whole entries from number `from` on to `visit`.
    pub(crate) fn read(
        &self,
        memory: &dyn NonVolatileRead,
        from: u32,
        mut visit: impl FnMut(&LegalEntry),
    ) -> Result<(), NonVolatileFault> {
        for number in from..self.used {
            let mut octets = [0; ENTRY_OCTETS];
            memory.read(self.place(number), &mut octets)?;
            if let Some(entry) = parse(&octets, number) {
                visit(&entry);
            }
        }
        Ok(())
    }

    const fn place(&self, number: u32) -> u32 {
        self.first_sector * SECTOR_OCTETS + number * (SECTOR_OCTETS / ENTRIES_A_SECTOR)
    }
}

fn compose(entry: &LegalEntry) -> [u8; ENTRY_OCTETS] {
    let mut octets = [0; ENTRY_OCTETS];
    let fields = entry
        .number
        .to_le_bytes()
        .into_iter()
        .chain(entry.unix_seconds.to_le_bytes())
        .chain([entry.kind as u8, entry.actor as u8, 0, 0])
        .chain(entry.checksum.to_le_bytes());
    for (octet, field) in octets.iter_mut().zip(fields) {
        *octet = field;
    }
    let (body, check) = octets.split_at_mut(ENTRY_OCTETS - CHECK_OCTETS);
    check.copy_from_slice(&checksum(&[body]).to_le_bytes());
    octets
}

fn parse(octets: &[u8; ENTRY_OCTETS], number: u32) -> Option<LegalEntry> {
    let (body, check) = octets.split_last_chunk::<CHECK_OCTETS>()?;
    let (&stored, rest) = body.split_first_chunk::<4>()?;
    let (&seconds, rest) = rest.split_first_chunk::<8>()?;
    let (&[kind, actor, _, _], rest) = rest.split_first_chunk::<4>()?;
    let (&of, _reserved) = rest.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*check) != checksum(&[body]) || u32::from_le_bytes(stored) != number {
        return None;
    }
    Some(LegalEntry {
        number,
        unix_seconds: i64::from_le_bytes(seconds),
        kind: LegalKind::ALL.into_iter().find(|one| *one as u8 == kind)?,
        actor: [Actor::Bench, Actor::Client, Actor::Meter]
            .into_iter()
            .find(|one| *one as u8 == actor)?,
        checksum: u32::from_le_bytes(of),
    })
}

const ENTRY_OCTETS: usize = 32;
const CHECK_OCTETS: usize = 4;
const ENTRIES_A_SECTOR: u32 = 128;
/// Places that refused attempts and bench modes never take.
const KEPT_FOR_CHANGES: u32 = 32;

const _: () = assert!(
    ENTRIES_A_SECTOR as usize * ENTRY_OCTETS == SECTOR_OCTETS as usize,
    "entries fill a sector"
);
