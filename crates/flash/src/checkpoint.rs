//! Numbered snapshots of what always moves: energies, invocation counters, uptime. The newest whole one wins.
//!
//! ```text
//! side 0:  journal of snapshots 1, 3, 5, ...     two rings in two regions, written in turn: while one of them is
//! side 1:  journal of snapshots 2, 4, 6, ...     being written, the newest snapshot is in the other
//! reserve: mark (16 B) .. | record 0 at 256 | record 1 at 1024 | ... | record 4 at 3328
//! record:  head: length, magic, number of the newest snapshot, place, check over head and payload | payload, at most 512 B
//! ```
//!
//! A record in the reserve is written when power fails: at most three page programs, no erase; a running erase is suspended for it. It overrides the
//! snapshots up to the one that it names. The next snapshot overrides the record. The reserve is erased when fewer than two places are
//! left and its last record is overridden.
//!
//! A counter that must never repeat (an invocation counter, B8) saves a value ahead of use and counts up to it in RAM.

use core::fmt;

use base::Utc;

use crate::bytes::{Check, Fields, Taken, small};
use crate::journal::{Journal, JournalError, Shape, Step};
use crate::nor::{Nor, NorError, PAGE_BYTES, Region, SECTOR_BYTES};
use crate::ring::{Fault, MARK, Tended, mark};

/// Bytes of the longest power-fail record.
pub const RECORD_BYTES: usize = 512;

/// Snapshots on two sides and the reserve for power failure.
///
/// Its life: [`Checkpoint::mount`] at boot, [`Checkpoint::format`] when there is none; then [`Checkpoint::save`] every few
/// minutes, [`Checkpoint::tend`] after it, and [`Checkpoint::save_record`] when power fails.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    sides: [Journal; 2],
    newest: Option<Snapshot>,
    /// The greatest number known to be given.
    given: u32,
    reserve: Reserve,
}

/// What mounting found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Number and length of the newest whole snapshot.
    pub snapshot: Option<(u32, u16)>,
    /// Length of the power-fail record that overrides it.
    pub record: Option<u16>,
    /// Snapshots and records that were begun and not finished, or damaged since: one of them may have been newer, or none of them counts.
    pub damaged: u32,
    /// Sides that were unreadable and were laid out anew.
    pub renewed_sides: u32,
}

/// Why a checkpoint refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointError {
    /// The flash or a ring.
    Fault(Fault),
    /// A snapshot longer than [`Shape::WIDEST`] or empty, a record longer than [`RECORD_BYTES`], or a buffer shorter than what is read.
    Length,
    /// What was found at boot is damaged now.
    Damaged,
    /// Snapshot numbers are used up (2^32).
    Exhausted,
}

impl<E: Into<Fault>> From<E> for CheckpointError {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl From<JournalError> for CheckpointError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Fault(fault) => Self::Fault(fault),
            JournalError::Width => Self::Length,
            JournalError::Cleared => Self::Damaged,
            JournalError::Exhausted => Self::Exhausted,
        }
    }
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Length => f.write_str("the length does not fit the checkpoint"),
            Self::Damaged => f.write_str("the checkpoint is damaged"),
            Self::Exhausted => f.write_str("snapshot numbers are used up"),
        }
    }
}

impl core::error::Error for CheckpointError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Snapshot {
    number: u32,
    side: usize,
    sequence: u32,
}

#[derive(Clone, Debug)]
struct Reserve {
    region: Region,
    /// The sector was erased completely since it was last full.
    ready: bool,
    erasing: bool,
    attempts: u8,
    /// Next free place.
    place: u32,
    /// The record that overrides the snapshots.
    record: Option<Record>,
    /// Places behind the last whole record that were not whole at boot, a bit each.
    damaged: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    place: u32,
    len: u16,
    after: u32,
}

impl Checkpoint {
    /// Finds the newest snapshot and a power-fail record that overrides it. `None`: neither side holds anything, there is no checkpoint here.
    ///
    /// A side that cannot be read beside one that can is laid out anew, waiting for its erases; nothing else is written.
    ///
    /// # Errors
    /// [`CheckpointError::Fault`].
    pub fn mount(
        nor: &mut dyn Nor,
        sides: [Region; 2],
        reserve: Region,
    ) -> Result<Option<(Self, Restored)>, CheckpointError> {
        let mut restored = Restored {
            snapshot: None,
            record: None,
            damaged: 0,
            renewed_sides: 0,
        };
        let found = [Journal::mount(nor, sides[0])?, Journal::mount(nor, sides[1])?];
        for (_, mounted) in found.iter().flatten() {
            restored.damaged = restored
                .damaged
                .saturating_add(mounted.unfinished_rows)
                .saturating_add(mounted.lost_rows);
        }
        let renew = |nor: &mut dyn Nor, side, shape| Journal::format(nor, side, shape);
        let sides = match found {
            [None, None] => return Ok(None),
            [Some((first, _)), Some((second, _))] => [first, second],
            [Some((first, _)), None] => {
                restored.renewed_sides = 1;
                let second = renew(nor, sides[1], first.shape())?;
                [first, second]
            }
            [None, Some((second, _))] => {
                restored.renewed_sides = 1;
                let first = renew(nor, sides[0], second.shape())?;
                [first, second]
            }
        };
        let mut newest = None;
        for (side, journal) in sides.iter().enumerate() {
            let (snapshot, damaged) = last_whole(nor, journal, side)?;
            restored.damaged = restored.damaged.saturating_add(damaged);
            if newest.is_none_or(|newest: Snapshot| snapshot.is_some_and(|it| newest.number < it.number)) {
                newest = snapshot.or(newest);
            }
        }
        let number = newest.map_or(0, |newest| newest.number);
        let (reserve, damaged) = Reserve::mount(nor, reserve, number)?;
        restored.damaged = restored.damaged.saturating_add(damaged);
        restored.snapshot = newest.map(|it| (it.number, sides.get(it.side).map_or(0, |side| side.shape().width)));
        restored.record = reserve.record.map(|record| record.len);
        let given = reserve.record.map_or(number, |record| record.after.max(number));
        let checkpoint = Self {
            sides,
            newest,
            given,
            reserve,
        };
        Ok(Some((checkpoint, restored)))
    }

    /// Lays out both sides and the reserve and waits for the erases: for the boot. What was there is gone.
    ///
    /// # Errors
    /// [`CheckpointError::Length`], [`Fault::Region`] for a side of fewer than 2 sectors, other [`Fault`]s.
    pub fn format(
        nor: &mut dyn Nor,
        sides: [Region; 2],
        reserve: Region,
        length: u16,
    ) -> Result<Self, CheckpointError> {
        let shape = Shape { width: length, tag: 0 };
        // The reserve first: an old record must not override what begins at number 1 again.
        let mut reserve = Reserve {
            region: reserve,
            ready: false,
            erasing: false,
            attempts: 0,
            place: PLACES,
            record: None,
            damaged: 0,
        };
        reserve.settle(nor)?;
        let sides = [
            Journal::format(nor, sides[0], shape)?,
            Journal::format(nor, sides[1], shape)?,
        ];
        Ok(Self {
            sides,
            newest: None,
            given: 0,
            reserve,
        })
    }

    /// Saves a snapshot of any allowed length and answers its number. When this returns `Ok` it is durable and overrides a power-fail record.
    ///
    /// # Errors
    /// [`CheckpointError::Length`]; [`Fault::Busy`] until tending has prepared one of the sides; [`Fault::Worn`] when neither takes it.
    pub fn save(&mut self, nor: &mut dyn Nor, snapshot: &[u8]) -> Result<u32, CheckpointError> {
        let width = u16::try_from(snapshot.len()).map_err(|_| CheckpointError::Length)?;
        let number = self.given.checked_add(1).ok_or(CheckpointError::Exhausted)?;
        let turn = usize::from(self.newest.is_some_and(|newest| newest.side == 0));
        let mut refused = None;
        for side in [turn, 1 - turn] {
            let Some(journal) = self.sides.get_mut(side) else { break };
            match put(nor, journal, number, width, snapshot) {
                Ok(sequence) => {
                    self.newest = Some(Snapshot { number, side, sequence });
                    self.given = number;
                    self.reserve.record = None;
                    return Ok(number);
                }
                // A side that cannot take its turn, worn or waiting for an erase that never ends well, leaves it to the other one. That
                // one holds the newest snapshot, which stays where it is until the new one is whole.
                Err(error) => refused = refused.or_else(|| Some(error.into())),
            }
        }
        Err(refused.unwrap_or(CheckpointError::Length))
    }

    /// Saves a record in the reserve: for the moment when power fails. At most three page programs; a running erase is suspended and stays so
    /// until [`Checkpoint::tend`] or [`Nor::resume_erase`].
    ///
    /// # Errors
    /// [`CheckpointError::Length`]; [`Fault::Busy`] when the reserve is used up or being erased (after several failures without a
    /// snapshot between them, or within an erase time after them).
    pub fn save_record(&mut self, nor: &mut dyn Nor, record: &[u8]) -> Result<(), CheckpointError> {
        let len = u16::try_from(record.len())
            .ok()
            .filter(|_| record.len() <= RECORD_BYTES);
        let len = len.ok_or(CheckpointError::Length)?;
        nor.suspend_erase()?;
        self.reserve
            .put(nor, record, len, self.newest.map_or(0, |newest| newest.number))
    }

    /// The newest snapshot, copied to the front of `into`; `None` when there is none.
    ///
    /// # Errors
    /// [`CheckpointError::Length`] when `into` is too short, [`CheckpointError::Damaged`], [`CheckpointError::Fault`].
    pub fn snapshot<'a>(&self, nor: &dyn Nor, into: &'a mut [u8]) -> Result<Option<&'a [u8]>, CheckpointError> {
        let Some(Snapshot { side, sequence, .. }) = self.newest else {
            return Ok(None);
        };
        let journal = self.sides.get(side).ok_or(CheckpointError::Damaged)?;
        if journal.newest(nor, into)? == Some(sequence) {
            return Ok(into.get(..usize::from(journal.shape().width)));
        }
        let mut cursor = journal.rows(sequence, sequence.saturating_add(1));
        match journal.next(nor, &mut cursor, into)? {
            Step::Row { .. } => Ok(into.get(..usize::from(journal.shape().width))),
            Step::Missing { .. } | Step::End => Err(CheckpointError::Damaged),
        }
    }

    /// The power-fail record that overrides the newest snapshot, copied to the front of `into`; `None` when there is none.
    ///
    /// # Errors
    /// As [`Checkpoint::snapshot`].
    pub fn record<'a>(&self, nor: &dyn Nor, into: &'a mut [u8]) -> Result<Option<&'a [u8]>, CheckpointError> {
        let Some(record) = self.reserve.record else {
            return Ok(None);
        };
        let into = into.get_mut(..usize::from(record.len)).ok_or(CheckpointError::Length)?;
        let mut head = [0; HEAD as usize];
        let at = place_at(record.place);
        self.reserve.region.read(nor, at, &mut head)?;
        self.reserve.region.read(nor, at + HEAD, into)?;
        if record.head(into) == head {
            Ok(Some(into))
        } else {
            Err(CheckpointError::Damaged)
        }
    }

    /// Number of the newest snapshot; 0 when there is none.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.newest.map_or(0, |newest| newest.number)
    }

    /// Says that a number was given to a snapshot, which is lost: it is not given again.
    pub fn pass(&mut self, number: u32) {
        self.given = self.given.max(number);
    }

    /// Number of the snapshot that was the newest when the power-fail record was saved; `None` when there is no record.
    #[must_use]
    pub fn record_after(&self) -> Option<u32> {
        self.reserve.record.map(|record| record.after)
    }

    /// Places of the reserve that are used. What a caller keeps of it in a snapshot, it gives to [`Checkpoint::damaged_records`] at boot.
    #[must_use]
    pub fn records(&self) -> u8 {
        u8::try_from(self.reserve.place).unwrap_or(u8::MAX)
    }

    /// Records that were begun behind the last whole one and are not whole, when `known` places were used before: torn by a cut, or damaged
    /// since. A reserve that was being erased, or lost its mark, counts as one.
    #[must_use]
    pub fn damaged_records(&self, known: u8) -> u32 {
        self.reserve.damaged_behind(known)
    }

    /// Whether the reserve can take a record now.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.reserve.ready && self.reserve.place < PLACES
    }

    /// Goes on erasing ahead in all three places, one erase at a time. Never waits; call until [`Tended::Done`].
    ///
    /// # Errors
    /// [`CheckpointError::Fault`].
    pub fn tend(&mut self, nor: &mut dyn Nor) -> Result<Tended, CheckpointError> {
        nor.resume_erase()?;
        let [first, second] = &mut self.sides;
        // Each has its turn, also when another meets a worn sector.
        let reserve = self.reserve.tend(nor).map_err(CheckpointError::from);
        let sides = [first.tend(nor), second.tend(nor)].map(|tended| tended.map_err(CheckpointError::from));
        let [first, second] = sides;
        match (reserve?, first?, second?) {
            (Tended::Done, Tended::Done, Tended::Done) => Ok(Tended::Done),
            _ => Ok(Tended::More),
        }
    }

    /// Tends until done, waiting for the erases: for the boot and for tests.
    ///
    /// # Errors
    /// [`CheckpointError::Fault`].
    pub fn settle(&mut self, nor: &mut dyn Nor) -> Result<(), CheckpointError> {
        let mut outcome = Ok(());
        loop {
            match self.tend(nor) {
                Ok(Tended::More) => core::hint::spin_loop(),
                Ok(Tended::Done) => return outcome,
                Err(CheckpointError::Fault(Fault::Worn(sector))) => outcome = Err(Fault::Worn(sector).into()),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Reserve {
    fn mount(nor: &dyn Nor, region: Region, newest: u32) -> Result<(Self, u32), NorError> {
        let ready = region.holds(nor, 0, &[&mark(KIND, 0)])?;
        let mut reserve = Self {
            region,
            ready,
            erasing: false,
            attempts: 0,
            place: 0,
            record: None,
            damaged: 0,
        };
        let mut damaged = 0;
        for place in 0..PLACES {
            if region.is_blank(nor, place_at(place), PLACE)? {
                continue;
            }
            reserve.place = place + 1;
            match reserve.load(nor, place)? {
                Some(record) => {
                    reserve.damaged = 0;
                    if newest <= record.after {
                        reserve.record = Some(record);
                    }
                }
                None => {
                    reserve.damaged |= 1 << place;
                    damaged += 1;
                }
            }
        }
        Ok((reserve, damaged))
    }

    fn damaged_behind(&self, known: u8) -> u32 {
        if !self.ready {
            return u32::from(self.damaged != 0);
        }
        // Fewer than were known: it was erased since.
        let known = if self.place < u32::from(known) { 0 } else { known };
        self.damaged.checked_shr(u32::from(known)).unwrap_or(0).count_ones()
    }

    fn put(&mut self, nor: &mut dyn Nor, payload: &[u8], len: u16, after: u32) -> Result<(), CheckpointError> {
        for _attempt in 0..2 {
            if !self.ready || PLACES <= self.place {
                return Err(Fault::Busy.into());
            }
            let record = Record {
                place: self.place,
                len,
                after,
            };
            let parts: [&[u8]; 2] = [&record.head(payload), payload];
            self.place += 1;
            if self.region.program_checked(nor, place_at(record.place), &parts)? {
                self.record = Some(record);
                return Ok(());
            }
        }
        Err(Fault::Worn(0).into())
    }

    fn load(&self, nor: &dyn Nor, place: u32) -> Result<Option<Record>, NorError> {
        let mut head = [0; HEAD as usize];
        self.region.read(nor, place_at(place), &mut head)?;
        let mut fields = Taken(&head);
        let (len, magic, after, stands_at, stored) =
            (fields.u16(), fields.u16(), fields.u32(), fields.u32(), fields.u32());
        if magic != MAGIC || stands_at != place || RECORD_BYTES < usize::from(len) {
            return Ok(None);
        }
        let record = Record { place, len, after };
        let mut check = record.check();
        let (mut done, mut chunk) = (0, [0; 64]);
        while done < u32::from(len) {
            let Some(piece) = chunk.get_mut(..(u32::from(len) - done).min(64) as usize) else {
                break;
            };
            self.region.read(nor, place_at(place) + HEAD + done, piece)?;
            check = check.add(piece);
            done += small(piece.len());
        }
        Ok((check.value() == stored).then_some(record))
    }

    fn tend(&mut self, nor: &mut dyn Nor) -> Result<Tended, Fault> {
        if self.erasing {
            if self.region.is_erasing(nor, 0)? {
                return Ok(Tended::More);
            }
            self.erasing = false;
            self.attempts += 1;
            let mark = mark(KIND, 0);
            if self.region.is_blank(nor, 0, SECTOR_BYTES)? && self.region.program_checked(nor, 0, &[&mark])? {
                (self.ready, self.attempts, self.place) = (true, 0, 0);
                return Ok(Tended::Done);
            }
        }
        // A record that still counts stays, also in a full reserve.
        if self.record.is_some() || (self.ready && self.place + 2 <= PLACES) {
            return Ok(Tended::Done);
        }
        if ATTEMPTS <= self.attempts {
            // Said once; until the next boot there is no reserve.
            let is_news = self.attempts == ATTEMPTS;
            self.attempts = ATTEMPTS + 1;
            return if is_news { Err(Fault::Worn(0)) } else { Ok(Tended::Done) };
        }
        match self.region.start_erase(nor, 0) {
            Ok(()) => {
                (self.ready, self.erasing) = (false, true);
                Ok(Tended::More)
            }
            // Another memory of the same chip erases; ours comes later.
            Err(NorError::Busy) => Ok(Tended::More),
            Err(error) => Err(error.into()),
        }
    }

    fn settle(&mut self, nor: &mut dyn Nor) -> Result<(), Fault> {
        nor.resume_erase()?;
        while self.tend(nor)? == Tended::More {
            core::hint::spin_loop();
        }
        Ok(())
    }
}

impl Record {
    fn check(&self) -> Check {
        let head = [u32::from(self.len) << 16 | u32::from(MAGIC), self.after];
        Check::at(head).add(&self.place.to_le_bytes())
    }

    fn head(&self, payload: &[u8]) -> [u8; HEAD as usize] {
        Fields::new()
            .put(&self.len.to_le_bytes())
            .put(&MAGIC.to_le_bytes())
            .put(&self.after.to_le_bytes())
            .put(&self.place.to_le_bytes())
            .put(&self.check().add(payload).value().to_le_bytes())
            .done()
    }
}

/// Appends a snapshot; a side with rows of another length starts anew, the other side keeps what it has.
fn put(
    nor: &mut dyn Nor,
    journal: &mut Journal,
    number: u32,
    width: u16,
    snapshot: &[u8],
) -> Result<u32, JournalError> {
    if journal.shape().width != width {
        journal.clear(nor, Shape { width, tag: 0 })?;
    }
    journal.append(nor, Utc::from_unix(i64::from(number)), snapshot)
}

/// The last snapshot of a side that is whole, and how many behind it are not.
fn last_whole(nor: &dyn Nor, journal: &Journal, side: usize) -> Result<(Option<Snapshot>, u32), CheckpointError> {
    let mut row = [0; Shape::WIDEST as usize];
    let mut damaged = 0;
    let mut sequence = journal.next_sequence();
    while journal.first() < sequence {
        sequence -= 1;
        let mut cursor = journal.rows(sequence, sequence.saturating_add(1));
        if let Step::Row { utc, .. } = journal.next(nor, &mut cursor, &mut row)? {
            let number = u32::try_from(utc.unix()).map_err(|_| CheckpointError::Damaged)?;
            return Ok((Some(Snapshot { number, side, sequence }), damaged));
        }
        damaged += 1;
    }
    Ok((None, damaged))
}

const fn place_at(place: u32) -> u32 {
    PAGE_BYTES + place * PLACE
}

const KIND: u8 = b'P';
const MAGIC: u16 = 0x5046;
const HEAD: u32 = 16;
/// A place begins with a page, so that a record needs three programs at most.
const PLACE: u32 = 3 * PAGE_BYTES;
const PLACES: u32 = (SECTOR_BYTES - PAGE_BYTES) / PLACE;
const ATTEMPTS: u8 = 3;

const _: () = assert!(
    HEAD as usize + RECORD_BYTES <= PLACE as usize && MARK <= PAGE_BYTES,
    "a record fits its place"
);
