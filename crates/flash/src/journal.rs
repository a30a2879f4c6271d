//! Rows of fixed width in a ring of sectors: profiles, billing, logs.
//!
//! ```text
//! sector:  ring header | row | row | ... | footer (40 B), written when the sector is full
//! row:     time relative to the header's base (i32) | the caller's bytes | check (u32)
//! footer:  magic | rows | next sequence | run | last, least, greatest UTC | check
//! ```
//!
//! The order is the order of appending: every row has a sequence number, which counts acknowledged rows without gaps. A row whose time is before
//! that of its predecessor opens a new *run*; inside a run times never fall. So a range of time is found by bisection over (run, time), once for
//! each run. A row's check is mixed with its sequence number: a torn row that was never acknowledged takes no number, a damaged row leaves a gap
//! in the numbers, and so the two are told apart when the next row is read.
//!
//! Opening a sector gives up the oldest one. `tend` then erases it ahead of need.

mod cursor;
mod row;
mod search;
mod words;

use core::fmt;

use base::Utc;

pub use self::cursor::{Cursor, Missing, Step};
use self::row::{Footer, Place, Slot, Times, mixed};
use crate::bytes::Check;
use crate::nor::{Nor, Region, SECTOR_BYTES};
use crate::ring::{Fault, Header, ROOM, Ring, Tended};

/// What the rows of a journal look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of a row, 1 to [`Shape::WIDEST`].
    pub width: u16,
    /// The caller's mark for the meaning of the bytes, such as a digest of the capture list: kept, returned, never interpreted.
    pub tag: u32,
}

impl Shape {
    /// Bytes of the widest row: one fills a sector.
    pub const WIDEST: u16 = 3_944;

    /// Rows that fit a sector.
    #[must_use]
    pub const fn rows_per_sector(self) -> u32 {
        (FOOTER_AT - ROOM) / self.slot_bytes()
    }

    /// Rows that a region of so many sectors keeps at least, once it has been filled: the open sector and the spare are not counted.
    #[must_use]
    pub const fn capacity(self, sectors: u32) -> u32 {
        sectors.saturating_sub(2).saturating_mul(self.rows_per_sector())
    }

    const fn slot_bytes(self) -> u32 {
        // An i32 of time and a u32 of check.
        self.width as u32 + 8
    }
}

/// An append-only ring of rows. Its life: [`Journal::mount`] at boot, [`Journal::format`] when there is none, then
/// [`Journal::append`] and [`Journal::tend`] in turn.
#[derive(Clone, Debug)]
pub struct Journal {
    ring: Ring,
    shape: Shape,
    /// Sequence of the oldest row still kept, and the ordinal of its sector.
    first: u32,
    oldest: u32,
    /// Sequence of the next row.
    next: u32,
    /// The open sector: its first sequence, base of time, next free slot, and the times in it.
    opened: Header,
    slot: u32,
    times: Option<Times>,
    /// Run and time of the newest row of all; before the first row of a sector those in its header.
    run: u32,
    last: Utc,
}

/// A journal on its way into a region, for who cannot wait for the erases.
#[derive(Clone, Debug)]
pub struct Laying {
    ring: Ring,
    shape: Shape,
}

/// What mounting found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalMounted {
    /// Rows that can be read: from the oldest to the newest, without those known to be lost.
    pub rows: u32,
    /// Rows known to be lost with damaged sectors.
    pub lost_rows: u32,
    /// Sectors that ought to hold rows and cannot be read.
    pub lost_sectors: u32,
    /// Row places in the open sector that were begun and not finished, or finished and damaged since.
    pub unfinished_rows: u32,
}

/// Why a journal refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalError {
    /// The flash or the ring.
    Fault(Fault),
    /// The row, or the buffer for it, has not the journal's width; or the width is not allowed.
    Width,
    /// The journal was cleared since the cursor was made.
    Cleared,
    /// Sequence numbers are used up (2^32 rows).
    Exhausted,
}

impl<E: Into<Fault>> From<E> for JournalError {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Width => f.write_str("the row does not have the width of the journal"),
            Self::Cleared => f.write_str("the journal was cleared"),
            Self::Exhausted => f.write_str("sequence numbers are used up"),
        }
    }
}

impl core::error::Error for JournalError {}

impl Journal {
    /// Finds the journal in its region by headers and footers, and scans the open sector; writes nothing. `None`: there is no journal here.
    ///
    /// # Errors
    /// [`JournalError::Fault`].
    pub fn mount(nor: &dyn Nor, region: Region) -> Result<Option<(Self, JournalMounted)>, JournalError> {
        let Some((ring, opened)) = Ring::mount(nor, region, KIND, SPARES)? else {
            return Ok(None);
        };
        let shape = Shape {
            width: opened.width,
            tag: opened.tag,
        };
        if !allowed(shape) || region.sectors() < SECTORS_LEAST {
            return Err(JournalError::Width);
        }
        let mut journal = Self::opened(ring, opened);
        let unfinished_rows = journal.scan_open(nor)?;
        let mut mounted = JournalMounted {
            rows: 0,
            lost_rows: 0,
            lost_sectors: 0,
            unfinished_rows,
        };
        let (oldest, newest) = (journal.lowest(), journal.ring.newest);
        let mut expected = None;
        let mut first = None;
        let mut missing = 0_u32;
        for ordinal in oldest..=newest {
            let Some(header) = journal.ring.header(nor, ordinal)? else {
                missing += 1;
                continue;
            };
            let unexplained = missing.saturating_sub(u32::from(header.left_out));
            mounted.lost_sectors = mounted.lost_sectors.saturating_add(unexplained);
            missing = 0;
            if first.is_none() {
                first = Some((ordinal, header.first));
            }
            let gap = expected.map_or(0, |expected| header.first.saturating_sub(expected));
            mounted.lost_rows = mounted.lost_rows.saturating_add(gap);
            if ordinal != newest {
                expected = journal.footer(nor, ordinal)?.map(|footer| footer.next);
            }
        }
        (journal.oldest, journal.first) = first.unwrap_or((newest, journal.opened.first));
        mounted.rows = journal.len().saturating_sub(mounted.lost_rows);
        Ok(Some((journal, mounted)))
    }

    /// Lays an empty journal into the region and waits for the erases: for the boot. Rows of an older journal in the region are gone.
    ///
    /// # Errors
    /// [`JournalError::Width`], [`Fault::Region`] for fewer than 2 sectors, other [`Fault`]s.
    pub fn format(nor: &mut dyn Nor, region: Region, shape: Shape) -> Result<Self, JournalError> {
        if !allowed(shape) {
            return Err(JournalError::Width);
        }
        if region.sectors() < SECTORS_LEAST {
            return Err(Fault::Region.into());
        }
        let (ring, opened) = Ring::format(nor, region, KIND, SPARES, first_header(shape))?;
        Ok(Self::opened(ring, opened))
    }

    /// Appends a row. When this returns `Ok` the row is durable. It takes at most three page programs more than the row itself, and no erase.
    ///
    /// # Errors
    /// [`JournalError::Width`]; [`Fault::Busy`] when the sector is full, or does not take rows any more, and the spare is not ready: tend
    /// and try again; [`Fault::Worn`] when no sector takes the row; [`JournalError::Exhausted`].
    pub fn append(&mut self, nor: &mut dyn Nor, utc: Utc, row: &[u8]) -> Result<u32, JournalError> {
        if row.len() != usize::from(self.shape.width) {
            return Err(JournalError::Width);
        }
        let sequence = self.next;
        let next = sequence.checked_add(1).ok_or(JournalError::Exhausted)?;
        let run = if utc < self.last {
            self.run.saturating_add(1)
        } else {
            self.run
        };
        let mut refused = 0;
        for _attempt in 0..ATTEMPTS {
            // Times too far from the sector's base need a sector of their own.
            let relative = i32::try_from(utc.seconds_since(Utc::from_unix(self.opened.base)));
            let Some(relative) = relative.ok().filter(|_| self.slot < self.shape.rows_per_sector()) else {
                self.roll(nor, run, utc)?;
                refused = 0;
                continue;
            };
            let at = self.slot_at(self.ring.newest, self.slot);
            let relative = relative.to_le_bytes();
            let check = mixed(Check::new().add(&relative).add(row).value(), sequence).to_le_bytes();
            let parts: [&[u8]; 3] = [&relative, row, &check];
            // The place counts as used before anything is written to it: it is never programmed twice.
            self.slot += 1;
            if self.ring.region.program_checked(nor, at, &parts)? {
                self.next = next;
                (self.run, self.last) = (run, utc);
                self.times = Some(Times::with(self.times, utc));
                return Ok(sequence);
            }
            refused += 1;
            if refused == REFUSED {
                // The sector is failing: what it holds stays there, and it takes no more.
                self.slot = self.shape.rows_per_sector();
            }
        }
        Err(Fault::Worn(self.ring.index(self.ring.newest)).into())
    }

    /// Whether so many rows would meet [`Fault::Busy`]: the sector is too full for them, and the spare is not ready yet.
    #[must_use]
    pub fn is_busy(&self, rows: u32) -> bool {
        let is_full = self.shape.rows_per_sector() < self.slot.saturating_add(rows);
        is_full && self.ring.n_clean() == 0 && !self.ring.is_stuck()
    }

    /// Goes on erasing the spare. Never waits; call until [`Tended::Done`].
    ///
    /// # Errors
    /// [`Fault::Worn`] once for each sector that is left out: an alarm, and no reason not to tend again; other [`Fault`]s.
    pub fn tend(&mut self, nor: &mut dyn Nor) -> Result<Tended, JournalError> {
        let tended = self.ring.tend(nor);
        // Instead of a worn sector the one behind it is erased, with the oldest rows.
        self.give_up(nor)?;
        Ok(tended?)
    }

    /// Tends until done, waiting for the erases: for the boot and for tests.
    ///
    /// # Errors
    /// As [`Journal::tend`]; a sector that was left out is said when all is done.
    pub fn settle(&mut self, nor: &mut dyn Nor) -> Result<(), JournalError> {
        nor.resume_erase()?;
        let mut outcome = Ok(());
        loop {
            match self.tend(nor) {
                Ok(Tended::More) => core::hint::spin_loop(),
                Ok(Tended::Done) => return outcome,
                Err(JournalError::Fault(Fault::Worn(sector))) => outcome = Err(Fault::Worn(sector).into()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Drops all rows at once and goes on with rows of the given shape. Durable when it returns; one or two page programs, no erase.
    /// Sequence numbers go on.
    ///
    /// # Errors
    /// [`JournalError::Width`], [`Fault::Busy`] when the spare is not ready.
    pub fn clear(&mut self, nor: &mut dyn Nor, shape: Shape) -> Result<(), JournalError> {
        if !allowed(shape) {
            return Err(JournalError::Width);
        }
        let Shape { width, tag } = shape;
        let header = Header {
            ordinal: 0,
            epoch: self.ring.epoch.saturating_add(1),
            floor: self.ring.newest.saturating_add(1),
            first: self.next,
            width,
            tag,
            run: self.run,
            base: self.last.unix(),
            left_out: 0,
        };
        let opened = self.ring.open_next(nor, header)?;
        *self = Self::opened(self.ring.clone(), opened);
        Ok(())
    }

    /// Number of rows from the oldest to the newest, those included that the flash lost in between.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.next.saturating_sub(self.first)
    }

    /// Whether there is no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sequence number of the oldest row.
    #[must_use]
    pub const fn first(&self) -> u32 {
        self.first
    }

    /// Sequence number that the next row will have.
    #[must_use]
    pub const fn next_sequence(&self) -> u32 {
        self.next
    }

    /// Time of the newest row.
    #[must_use]
    pub const fn last_utc(&self) -> Option<Utc> {
        if self.is_empty() { None } else { Some(self.last) }
    }

    /// What the rows look like.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Rows that the journal keeps at least; see [`Shape::capacity`].
    #[must_use]
    pub const fn capacity(&self) -> u32 {
        self.shape.capacity(self.ring.region.sectors())
    }

    fn opened(ring: Ring, opened: Header) -> Self {
        Self {
            first: opened.first,
            oldest: ring.newest,
            next: opened.first,
            slot: 0,
            times: None,
            run: opened.run,
            last: Utc::from_unix(opened.base),
            shape: Shape {
                width: opened.width,
                tag: opened.tag,
            },
            opened,
            ring,
        }
    }

    /// The lowest ordinal that is not given up.
    fn lowest(&self) -> u32 {
        let lap = self.ring.region.sectors();
        let kept = (self.ring.newest.saturating_add(self.ring.reach())).saturating_sub(lap);
        self.ring.floor.max(kept.saturating_add(1)).min(self.ring.newest)
    }

    /// Gives up the oldest sectors as far as their places are needed; the next one that can be read becomes the oldest.
    fn give_up(&mut self, nor: &dyn Nor) -> Result<(), JournalError> {
        let lowest = self.lowest();
        if self.oldest < lowest {
            for ordinal in lowest..=self.ring.newest {
                if let Some(header) = self.ring.header(nor, ordinal)? {
                    (self.oldest, self.first) = (ordinal, header.first);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Reads the open sector into `next`, `slot`, `times`, `run` and `last`; answers how many of its places are not whole.
    fn scan_open(&mut self, nor: &dyn Nor) -> Result<u32, JournalError> {
        let mut unfinished = 0;
        let mut place = Place::start(&self.opened);
        let mut used = 0;
        for slot in 0..self.shape.rows_per_sector() {
            place.slot = slot;
            match self.examine(nor, &place, self.next)? {
                Slot::Blank => continue,
                Slot::Damaged => {
                    unfinished += 1;
                    place.damaged += 1;
                }
                Slot::Row { sequence, utc } => {
                    place.damaged = 0;
                    if utc < self.last {
                        self.run = self.run.saturating_add(1);
                    }
                    self.last = utc;
                    self.times = Some(Times::with(self.times, utc));
                    self.next = sequence.saturating_add(1);
                }
            }
            used = slot + 1;
        }
        self.slot = used;
        // The footer knows how many rows there were, also when the last of them is damaged.
        if let Some(footer) = self.footer(nor, self.ring.newest)? {
            self.next = self.next.max(footer.next);
            (self.run, self.last, self.times) = (footer.run, footer.times.last, Some(footer.times));
            self.slot = self.shape.rows_per_sector();
        }
        Ok(unfinished)
    }

    /// Writes the footer of the open sector and opens the next one for a row with this run and time.
    fn roll(&mut self, nor: &mut dyn Nor, run: u32, base: Utc) -> Result<(), JournalError> {
        if self.ring.n_clean() == 0 {
            return Err(self.ring.unready().into());
        }
        let at = self.ring.start(self.ring.newest) + FOOTER_AT;
        // A footer torn by a cut stays as it is: the sector is then scanned when it is searched.
        if let Some(times) = self.times
            && self.ring.region.is_blank(nor, at, FOOTER)?
        {
            let rows = u16::try_from(self.next - self.opened.first).unwrap_or(u16::MAX);
            let footer = Footer {
                rows,
                next: self.next,
                run: self.run,
                times,
            };
            // One that does not hold is no worse than a torn one.
            let _held = self
                .ring
                .region
                .program_checked(nor, at, &[&footer.bytes(self.ring.newest)])?;
        }
        // Behind its footer a sector takes no more, also when the next one is not opened in this call.
        self.slot = self.shape.rows_per_sector();
        let Shape { width, tag } = self.shape;
        let header = Header {
            ordinal: 0,
            epoch: self.ring.epoch,
            floor: self.ring.floor,
            first: self.next,
            width,
            tag,
            run,
            base: base.unix(),
            left_out: 0,
        };
        self.opened = self.ring.open_next(nor, header)?;
        (self.slot, self.times) = (0, None);
        (self.run, self.last) = (run, base);
        self.give_up(nor)
    }
}

impl Laying {
    /// Begins to lay an empty journal into the region, and writes nothing yet. Rows of an older journal there are gone when
    /// [`Laying::tend`] has answered the new one, and there until then.
    ///
    /// # Errors
    /// As [`Journal::format`].
    pub fn begin(nor: &dyn Nor, region: Region, shape: Shape) -> Result<Self, JournalError> {
        if !allowed(shape) {
            return Err(JournalError::Width);
        }
        if region.sectors() < SECTORS_LEAST {
            return Err(Fault::Region.into());
        }
        let ring = Ring::begin(nor, region, KIND)?;
        Ok(Self { ring, shape })
    }

    /// Goes on, without ever waiting, and answers the journal when it is there.
    ///
    /// # Errors
    /// As [`Journal::tend`]: while [`Laying::is_stuck`] is false, tend again.
    pub fn tend(&mut self, nor: &mut dyn Nor) -> Result<Option<Journal>, JournalError> {
        if self.ring.tend(nor)? == Tended::More {
            return Ok(None);
        }
        match self.ring.open_first(nor, first_header(self.shape)) {
            Ok(opened) => Ok(Some(Journal::opened(self.ring.clone(), opened))),
            // The sector did not take its header, and is prepared once more.
            Err(Fault::Busy) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether no sector of the region can be prepared.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.ring.is_stuck()
    }
}

const fn first_header(Shape { width, tag }: Shape) -> Header {
    Header {
        ordinal: 0,
        epoch: 0,
        floor: 0,
        first: 0,
        width,
        tag,
        run: 0,
        base: BASE.unix(),
        left_out: 0,
    }
}

const fn allowed(shape: Shape) -> bool {
    0 < shape.width && shape.width <= Shape::WIDEST
}

const KIND: u8 = b'J';
const SPARES: u32 = 1;
/// The open sector and the spare.
const SECTORS_LEAST: u32 = 2;
const FOOTER: u32 = 40;
const FOOTER_AT: u32 = SECTOR_BYTES - FOOTER;
/// Two sectors of two places each, and what it takes to open the second.
const ATTEMPTS: u32 = 6;
/// A sector that refuses so many rows in turn is left.
const REFUSED: u32 = 2;
/// 2020-01-01: times of the first sector are counted from here, before the first row has one.
const BASE: Utc = Utc::from_unix(1_577_836_800);

const _: () = assert!(
    Shape {
        width: Shape::WIDEST,
        tag: 0
    }
    .rows_per_sector()
        == 1,
    "the widest row fills a sector"
);
