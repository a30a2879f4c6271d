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

mod words;

use core::fmt;

use base::Utc;

use crate::bytes::{Check, Fields, Taken, not_blank, small};
use crate::nor::{Nor, NorError, Region, SECTOR_BYTES};
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

/// A place in a journal and where to stop: a small value that survives between calls and may be thrown away at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    epoch: u32,
    /// The sequence that is expected next, and the one to stop before.
    sequence: u32,
    end: u32,
    window: Option<Window>,
    /// Where it stands; `None` before the first row.
    place: Option<Place>,
}

/// A time range and the least (run, time) that may still hold a row of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    from: Utc,
    to: Utc,
    key: (u32, Utc),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    ordinal: u32,
    base: i64,
    slot: u32,
    /// Places since the last whole row that were not whole.
    damaged: u32,
    run: u32,
    last: Utc,
}

/// What [`Journal::next`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A row; its bytes are in the buffer.
    Row {
        /// Its sequence number.
        sequence: u32,
        /// Its time.
        utc: Utc,
    },
    /// Rows that were acknowledged once and cannot be read any more; reading goes on behind them.
    Missing {
        /// The first of them.
        sequence: u32,
        /// How many.
        rows: u32,
        /// Why.
        why: Missing,
    },
    /// No more rows.
    End,
}

/// Why rows are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Newer rows needed the place while the cursor was alive, or before.
    Overwritten,
    /// The flash lost them.
    Damaged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    last: Utc,
    least: Utc,
    greatest: Utc,
}

/// A row that a search came to.
struct Found {
    ordinal: u32,
    sequence: u32,
    run: u32,
    utc: Utc,
}

struct Footer {
    rows: u16,
    next: u32,
    run: u32,
    times: Times,
}

enum Slot {
    Blank,
    Damaged,
    Row { sequence: u32, utc: Utc },
}

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

    /// A cursor over the rows from sequence `from` up to, not including, `to`, as far as they exist now.
    #[must_use]
    pub fn rows(&self, from: u32, to: u32) -> Cursor {
        let end = to.min(self.next);
        Cursor {
            epoch: self.ring.epoch,
            sequence: from,
            end,
            window: None,
            place: None,
        }
    }

    /// A cursor over all rows that exist now.
    #[must_use]
    pub fn all(&self) -> Cursor {
        self.rows(self.first, self.next)
    }

    /// A cursor over the rows that exist now with times from `from` to `to`, both included, in the order of appending.
    #[must_use]
    pub fn range(&self, from: Utc, to: Utc) -> Cursor {
        let window = Some(Window {
            from,
            to,
            key: (0, from),
        });
        Cursor {
            epoch: self.ring.epoch,
            sequence: self.first,
            end: self.next,
            window,
            place: None,
        }
    }

    /// How many rows with sequences from `first` on a cursor over the range from `from` to `to` will meet, those included that are damaged
    /// between them: two bisections for each run and the sectors that they end in, however many rows there are.
    ///
    /// # Errors
    /// [`JournalError::Fault`].
    pub fn count(&self, nor: &dyn Nor, from: Utc, to: Utc, first: u32) -> Result<u32, JournalError> {
        let mut count = 0_u32;
        if to < from {
            return Ok(count);
        }
        let (mut ordinal, mut key) = (self.oldest, (0, from));
        while let Some(begin) = self.first_at(nor, ordinal, key)? {
            if begin.utc < from {
                // The run before has no row of the range; this one begins before it.
                (ordinal, key) = (begin.ordinal, (begin.run, from));
                continue;
            }
            if begin.utc <= to {
                let end = self.first_at(nor, begin.ordinal, (begin.run, to.plus(1)))?;
                let next = end.map_or(self.next, |end| end.sequence);
                count = count.saturating_add(next.saturating_sub(begin.sequence.max(first)));
            }
            (ordinal, key) = (begin.ordinal, (begin.run.saturating_add(1), from));
        }
        Ok(count)
    }

    /// Copies the newest row to the front of `into` without a search, and answers its sequence; `None` when it is not the last that was written to
    /// the open sector, or cannot be read: then a cursor may find it.
    ///
    /// # Errors
    /// [`JournalError::Width`] when `into` is shorter than a row, [`JournalError::Fault`].
    pub fn newest(&self, nor: &dyn Nor, into: &mut [u8]) -> Result<Option<u32>, JournalError> {
        let row = into
            .get_mut(..usize::from(self.shape.width))
            .ok_or(JournalError::Width)?;
        let (Some(slot), Some(expected)) = (self.slot.checked_sub(1), self.next.checked_sub(1)) else {
            return Ok(None);
        };
        let place = Place {
            slot,
            ..Place::start(&self.opened)
        };
        match self.slot(nor, &place, expected, row)? {
            Slot::Row { sequence, .. } => Ok(Some(sequence)),
            Slot::Blank | Slot::Damaged => Ok(None),
        }
    }

    /// Moves the cursor to its next row and copies the row's bytes to the front of `into`.
    ///
    /// # Errors
    /// [`JournalError::Cleared`], [`JournalError::Width`] when `into` is shorter than a row, [`JournalError::Fault`].
    pub fn next(&self, nor: &dyn Nor, cursor: &mut Cursor, into: &mut [u8]) -> Result<Step, JournalError> {
        let row = into
            .get_mut(..usize::from(self.shape.width))
            .ok_or(JournalError::Width)?;
        if cursor.epoch != self.ring.epoch {
            return Err(JournalError::Cleared);
        }
        loop {
            if cursor.end <= cursor.sequence {
                return Ok(Step::End);
            }
            if cursor.sequence < self.first {
                let missing = self.first.min(cursor.end) - cursor.sequence;
                cursor.place = None;
                return Ok(cursor.missing(missing, Missing::Overwritten));
            }
            let Some(mut place) = cursor
                .place
                .filter(|place| (self.oldest..=self.ring.newest).contains(&place.ordinal))
            else {
                match self.find(nor, cursor)? {
                    Some(place) => cursor.place = Some(place),
                    // Nothing behind this can be read.
                    None if cursor.window.is_some() => cursor.sequence = cursor.end,
                    None => return Ok(cursor.missing(cursor.end - cursor.sequence, Missing::Damaged)),
                }
                continue;
            };
            if self.slots(place.ordinal) <= place.slot {
                match self.enter_next(nor, place.ordinal)? {
                    Some((next, first)) => {
                        cursor.place = Some(next);
                        if cursor.sequence < first {
                            let missing = first.min(cursor.end) - cursor.sequence;
                            return Ok(cursor.missing(missing, Missing::Damaged));
                        }
                    }
                    None => return Ok(cursor.missing(cursor.end - cursor.sequence, Missing::Damaged)),
                }
                continue;
            }
            let slot = self.slot(nor, &place, cursor.sequence, row)?;
            place.slot += 1;
            match slot {
                Slot::Blank => cursor.place = Some(place),
                Slot::Damaged => {
                    place.damaged += 1;
                    cursor.place = Some(place);
                }
                Slot::Row { sequence, .. } if cursor.sequence < sequence => {
                    // The same row is read again after its lost predecessors are reported.
                    let missing = sequence.min(cursor.end) - cursor.sequence;
                    return Ok(cursor.missing(missing, Missing::Damaged));
                }
                Slot::Row { sequence, utc } => {
                    place.damaged = 0;
                    if utc < place.last {
                        place.run = place.run.saturating_add(1);
                    }
                    place.last = utc;
                    cursor.sequence = sequence.saturating_add(1);
                    cursor.place = Some(place);
                    match &mut cursor.window {
                        Some(window) if utc < window.from || window.to < utc => {
                            if window.key <= (place.run, utc) {
                                // This run has no more; or its first rows are too early.
                                let run = if utc < window.from {
                                    place.run
                                } else {
                                    place.run.saturating_add(1)
                                };
                                window.key = (run, window.from);
                                let key = window.key;
                                match self.bisect(nor, place.ordinal, key)? {
                                    Some(found) if found == place.ordinal => {}
                                    Some(found) => self.jump(nor, cursor, found)?,
                                    None => cursor.sequence = cursor.end,
                                }
                            }
                        }
                        _ => return Ok(Step::Row { sequence, utc }),
                    }
                }
            }
        }
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

    const fn slot_at(&self, ordinal: u32, slot: u32) -> u32 {
        self.ring.start(ordinal) + ROOM + slot * self.shape.slot_bytes()
    }

    /// Places of a sector that may hold rows.
    const fn slots(&self, ordinal: u32) -> u32 {
        if ordinal == self.ring.newest {
            self.slot
        } else {
            self.shape.rows_per_sector()
        }
    }

    /// Reads the row at a place into `row`, where `expected` or, behind damaged places, a little more is its sequence.
    fn slot(&self, nor: &dyn Nor, place: &Place, expected: u32, row: &mut [u8]) -> Result<Slot, JournalError> {
        let at = self.slot_at(place.ordinal, place.slot);
        let (mut relative, mut stored) = ([0; 4], [0; 4]);
        let region = self.ring.region;
        region.read(nor, at, &mut relative)?;
        region.read(nor, at + 4, row)?;
        region.read(nor, at + 4 + small(row.len()), &mut stored)?;
        let check = Check::new().add(&relative).add(row).value();
        if relative == [0xFF; 4] && stored == [0xFF; 4] && row.iter().all(|byte| *byte == 0xFF) {
            return Ok(Slot::Blank);
        }
        Ok(place.judge(expected, relative, check, u32::from_le_bytes(stored)))
    }

    /// As [`Journal::slot`], without a buffer for the row.
    fn examine(&self, nor: &dyn Nor, place: &Place, expected: u32) -> Result<Slot, JournalError> {
        let at = self.slot_at(place.ordinal, place.slot);
        let region = self.ring.region;
        let (mut relative, mut stored) = ([0; 4], [0; 4]);
        region.read(nor, at, &mut relative)?;
        let mut check = Check::new().add(&relative);
        let mut blank = relative == [0xFF; 4];
        let mut chunk = [0; 64];
        let width = u32::from(self.shape.width);
        let mut done = 0;
        while done < width {
            let Some(piece) = chunk.get_mut(..(width - done).min(64) as usize) else {
                break;
            };
            region.read(nor, at + 4 + done, piece)?;
            blank = blank && piece.iter().all(|byte| *byte == 0xFF);
            check = check.add(piece);
            done += small(piece.len());
        }
        region.read(nor, at + 4 + width, &mut stored)?;
        if blank && stored == [0xFF; 4] {
            return Ok(Slot::Blank);
        }
        Ok(place.judge(expected, relative, check.value(), u32::from_le_bytes(stored)))
    }

    /// Stands the cursor before its next row; `None` when there is nothing to stand before.
    fn find(&self, nor: &dyn Nor, cursor: &mut Cursor) -> Result<Option<Place>, JournalError> {
        if let Some(window) = cursor.window {
            let Some(ordinal) = self.bisect(nor, self.oldest, window.key)? else {
                return Ok(None);
            };
            self.jump(nor, cursor, ordinal)?;
            return Ok(cursor.place);
        }
        // The last sector that begins at or before the sequence.
        let (mut low, mut high) = (self.oldest, self.ring.newest.saturating_add(1));
        let mut best = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let mut probe = middle;
            let header = loop {
                match self.ring.header(nor, probe)? {
                    None if low < probe => probe -= 1,
                    found => break found,
                }
            };
            match header {
                Some(header) if header.first <= cursor.sequence => {
                    best = Some(header);
                    low = middle + 1;
                }
                _ => high = probe,
            }
        }
        let Some(header) = best else { return Ok(None) };
        let start = Place::start(&header);
        // Without damage the row's place is known; with it, the sector is read from its beginning.
        let guess = Place {
            slot: cursor.sequence.saturating_sub(header.first),
            ..start
        };
        if guess.slot < self.slots(header.ordinal)
            && let Slot::Row { .. } = self.examine(nor, &guess, cursor.sequence)?
        {
            return Ok(Some(guess));
        }
        let mut place = start;
        let mut expected = header.first;
        while place.slot < self.slots(place.ordinal) && expected < cursor.sequence {
            match self.examine(nor, &place, expected)? {
                Slot::Blank => {}
                Slot::Damaged => place.damaged += 1,
                Slot::Row { sequence, .. } if cursor.sequence <= sequence => break,
                Slot::Row { sequence, .. } => {
                    expected = sequence.saturating_add(1);
                    place.damaged = 0;
                }
            }
            place.slot += 1;
        }
        // Which of the damaged places before here were rows of their own is not known: all may have been.
        Ok(Some(place))
    }

    /// Moves a time cursor to the beginning of a sector further on.
    fn jump(&self, nor: &dyn Nor, cursor: &mut Cursor, ordinal: u32) -> Result<(), JournalError> {
        match self.ring.header(nor, ordinal)? {
            Some(header) => {
                cursor.place = Some(Place::start(&header));
                cursor.sequence = cursor.sequence.max(header.first);
            }
            None => cursor.sequence = cursor.end,
        }
        Ok(())
    }

    /// The next readable sector behind `ordinal`, with its first sequence.
    fn enter_next(&self, nor: &dyn Nor, ordinal: u32) -> Result<Option<(Place, u32)>, JournalError> {
        for next in ordinal.saturating_add(1)..=self.ring.newest {
            if let Some(header) = self.ring.header(nor, next)? {
                return Ok(Some((Place::start(&header), header.first)));
            }
        }
        Ok(None)
    }

    /// The first sector from ordinal `from` on whose last row is at or behind `key`: one sector is read for each halving.
    fn bisect(&self, nor: &dyn Nor, from: u32, key: (u32, Utc)) -> Result<Option<u32>, JournalError> {
        let (mut low, mut high) = (from.max(self.oldest), self.ring.newest.saturating_add(1));
        let mut best = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let mut probe = middle;
            let last = loop {
                match self.last_key(nor, probe)? {
                    None if probe + 1 < high => probe += 1,
                    found => break found,
                }
            };
            match last {
                Some(last) if key <= last => {
                    best = Some(probe);
                    high = middle;
                }
                Some(_) => low = probe + 1,
                None => high = middle,
            }
        }
        Ok(best)
    }

    /// The first row from the sector of ordinal `from` on that is at or behind `key`.
    fn first_at(&self, nor: &dyn Nor, from: u32, key: (u32, Utc)) -> Result<Option<Found>, JournalError> {
        let mut from = from;
        while let Some(ordinal) = self.bisect(nor, from, key)? {
            let found = self.first_in(nor, ordinal, key)?;
            if found.is_some() {
                return Ok(found);
            }
            // Its footer told of a row that is damaged since.
            from = ordinal.saturating_add(1);
        }
        Ok(None)
    }

    /// The first row in a sector that is at or behind `key`.
    fn first_in(&self, nor: &dyn Nor, ordinal: u32, key: (u32, Utc)) -> Result<Option<Found>, JournalError> {
        let Some(header) = self.ring.header(nor, ordinal)? else {
            return Ok(None);
        };
        let mut place = Place::start(&header);
        let mut expected = header.first;
        for slot in 0..self.slots(ordinal) {
            place.slot = slot;
            match self.examine(nor, &place, expected)? {
                Slot::Blank => {}
                Slot::Damaged => place.damaged += 1,
                Slot::Row { sequence, utc } => {
                    place.damaged = 0;
                    if utc < place.last {
                        place.run = place.run.saturating_add(1);
                    }
                    place.last = utc;
                    let run = place.run;
                    if key <= (run, utc) {
                        return Ok(Some(Found {
                            ordinal,
                            sequence,
                            run,
                            utc,
                        }));
                    }
                    expected = sequence.saturating_add(1);
                }
            }
        }
        Ok(None)
    }

    /// Run and time of the last row of a sector: from its footer, else by reading its rows. `None`: it has none that can be read.
    fn last_key(&self, nor: &dyn Nor, ordinal: u32) -> Result<Option<(u32, Utc)>, JournalError> {
        if ordinal == self.ring.newest {
            return Ok(self.times.map(|times| (self.run, times.last)));
        }
        if let Some(footer) = self.footer(nor, ordinal)? {
            // A sector whose header is lost cannot be read, whatever its footer says.
            let readable = self.ring.header(nor, ordinal)?.is_some();
            return Ok(readable.then_some((footer.run, footer.times.last)));
        }
        let Some(header) = self.ring.header(nor, ordinal)? else {
            return Ok(None);
        };
        let mut place = Place::start(&header);
        let mut expected = header.first;
        let mut rows = 0;
        for slot in 0..self.shape.rows_per_sector() {
            place.slot = slot;
            match self.examine(nor, &place, expected)? {
                Slot::Blank => {}
                Slot::Damaged => place.damaged += 1,
                Slot::Row { sequence, utc } => {
                    expected = sequence.saturating_add(1);
                    rows += 1;
                    place.damaged = 0;
                    if utc < place.last {
                        place.run = place.run.saturating_add(1);
                    }
                    place.last = utc;
                }
            }
        }
        Ok((0 < rows).then_some((place.run, place.last)))
    }

    fn footer(&self, nor: &dyn Nor, ordinal: u32) -> Result<Option<Footer>, NorError> {
        let mut bytes = [0; FOOTER as usize];
        self.ring
            .region
            .read(nor, self.ring.start(ordinal) + FOOTER_AT, &mut bytes)?;
        Ok(Footer::parse(&bytes, ordinal))
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

impl Cursor {
    /// The sequence number that it expects next: how far it has come.
    #[must_use]
    pub const fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Passes over rows that are gone. The place stays, so that the row behind them is read next.
    const fn missing(&mut self, rows: u32, why: Missing) -> Step {
        let sequence = self.sequence;
        self.sequence = sequence.saturating_add(rows);
        Step::Missing { sequence, rows, why }
    }
}

impl Place {
    /// Before the first row of a sector: it belongs to the header's run unless its time is before the header's.
    fn start(header: &Header) -> Self {
        let Header { ordinal, base, run, .. } = *header;
        Self {
            ordinal,
            base,
            slot: 0,
            damaged: 0,
            run,
            last: Utc::from_unix(base),
        }
    }

    /// What a place holds that is not blank.
    fn judge(&self, expected: u32, relative: [u8; 4], check: u32, stored: u32) -> Slot {
        for skipped in 0..=self.damaged.min(self.slot) {
            let sequence = expected.saturating_add(skipped);
            if mixed(check, sequence) == stored {
                let utc = Utc::from_unix(self.base).plus(i64::from(i32::from_le_bytes(relative)));
                return Slot::Row { sequence, utc };
            }
        }
        Slot::Damaged
    }
}

impl Times {
    fn with(before: Option<Self>, utc: Utc) -> Self {
        before.map_or(
            Self {
                last: utc,
                least: utc,
                greatest: utc,
            },
            |times| Self {
                last: utc,
                least: times.least.min(utc),
                greatest: times.greatest.max(utc),
            },
        )
    }
}

impl Footer {
    fn bytes(&self, ordinal: u32) -> [u8; FOOTER as usize] {
        let body: [u8; FOOTER as usize - 4] = Fields::new()
            .put(&FOOTER_MAGIC.to_le_bytes())
            .put(&self.rows.to_le_bytes())
            .put(&self.next.to_le_bytes())
            .put(&self.run.to_le_bytes())
            .put(&self.times.last.unix().to_le_bytes())
            .put(&self.times.least.unix().to_le_bytes())
            .put(&self.times.greatest.unix().to_le_bytes())
            .done();
        let check = Check::at([u32::from(FOOTER_MAGIC), ordinal]).add(&body).value();
        Fields::new().put(&body).put(&check.to_le_bytes()).done()
    }

    fn parse(bytes: &[u8; FOOTER as usize], ordinal: u32) -> Option<Self> {
        let (body, check) = bytes.split_last_chunk::<4>()?;
        if Check::at([u32::from(FOOTER_MAGIC), ordinal]).add(body).value() != u32::from_le_bytes(*check) {
            return None;
        }
        let mut fields = Taken(body);
        let magic = fields.u16();
        let rows = fields.u16();
        let next = fields.u32();
        let run = fields.u32();
        let mut utc = || Utc::from_unix(fields.i64());
        let times = Times {
            last: utc(),
            least: utc(),
            greatest: utc(),
        };
        (magic == FOOTER_MAGIC).then_some(Self { rows, next, run, times })
    }
}

/// A row's check with its sequence number mixed in, reversibly: one row passes for exactly one number.
const fn mixed(check: u32, sequence: u32) -> u32 {
    not_blank(check ^ sequence.wrapping_mul(0x9E37_79B1))
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
const FOOTER_MAGIC: u16 = 0x4A46;
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
