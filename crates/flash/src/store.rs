//! Values by key in a log of sectors: parameters, which are set rarely and must never be lost or fall back to an older value.
//!
//! ```text
//! sector:  ring header | record | record | ...            each record begins at a multiple of 8 bytes
//! record:  head (16 B) | value, filled up to 8 B | tail (16 B) | commit (8 B)
//! head:    key | sequence | length, kind, mark | check over these
//! tail:    the same with another mark | check over these and the value
//! commit:  zeros, programmed when the rest was read back: only then the write is acknowledged
//! ```
//!
//! The newest record of a key counts. A record that is not whole and has no commit was torn by a cut and never acknowledged: the value before it
//! still counts. One that is not whole and has a commit was damaged later: its key is *lost*, which is another answer than *absent*, until it
//! is set anew. Sequence numbers count acknowledged records without gaps, so a gap betrays records that are lost with their keys.
//!
//! `tend` keeps three sectors erased ahead. It moves the living records out of the oldest sector, one a call, then writes down that the sector
//! is dead (a record of kind floor), then erases it.

use core::fmt;

use crate::bytes::{Check, Fields, Taken, small};
use crate::nor::{Nor, NorError, Region, SECTOR_BYTES};
use crate::ring::{Fault, Header, ROOM, Ring, Tended};

/// Bytes of the longest value.
pub const VALUE_BYTES: usize = 1_024;

/// The name of a value; what it means is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u32);

/// Values by key, at most `KEYS` of them; six bytes of RAM for each.
///
/// Its life: [`Store::mount`] at boot, [`Store::format`] when there is none, then [`Store::set`] and [`Store::tend`] in turn.
#[derive(Clone, Debug)]
pub struct Store<const KEYS: usize> {
    ring: Ring,
    index: Index<KEYS>,
    /// Sequence of the next record, and where in the open sector it goes.
    next: u32,
    at: u32,
    /// Bytes of all records that count.
    live: u32,
}

/// What mounting found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreMounted {
    /// Values that can be read.
    pub kept: u32,
    /// Keys whose newest value is damaged: [`Store::get`] answers [`StoreError::Lost`] for them.
    pub lost_keys: u32,
    /// Acknowledged records of unknown keys that are gone: a value may be older than it should be.
    pub lost_records: u32,
    /// Sectors that ought to hold records and cannot be read.
    pub lost_sectors: u32,
    /// Writes that a power cut interrupted; none of them was acknowledged.
    pub unfinished: u32,
}

/// Why a store refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The flash or the ring.
    Fault(Fault),
    /// The value is longer than [`VALUE_BYTES`].
    TooLong,
    /// The buffer is shorter than the value, which has so many bytes.
    TooSmall(u16),
    /// No room for one more key, or for so many bytes.
    Full,
    /// There was a value under this key, and it is damaged.
    Lost,
}

impl<E: Into<Fault>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::TooLong => f.write_str("the value is too long"),
            Self::TooSmall(len) => write!(f, "the buffer is too small for {len} bytes"),
            Self::Full => f.write_str("the store is full"),
            Self::Lost => f.write_str("the value is damaged"),
        }
    }
}

impl core::error::Error for StoreError {}

impl<const KEYS: usize> Store<KEYS> {
    /// Finds the store in its region and reads every record once; writes nothing. `None`: there is no store here.
    ///
    /// # Errors
    /// [`StoreError::Full`] when it holds more than `KEYS` keys, [`StoreError::Fault`].
    pub fn mount(nor: &dyn Nor, region: Region) -> Result<Option<(Self, StoreMounted)>, StoreError> {
        let Some((ring, opened)) = Ring::mount(nor, region, KIND, SPARES)? else {
            return Ok(None);
        };
        let mut store = Self::opened(ring, opened)?;
        // What the newest sector says of dead sectors must be known before they are read: they may be half erased.
        let mut floor = store.ring.floor;
        let newest = store.ring.newest;
        store.walk(nor, newest, |found| {
            if let Found::Whole(
                Record {
                    kind: Kind::Floor, key, ..
                },
                _,
            ) = found
            {
                floor = floor.max(key.0);
            }
            Ok(())
        })?;
        store.ring.floor = floor.min(newest);

        let mut mounted = StoreMounted::default();
        let mut expected: Option<u32> = None;
        let mut missing = 0_u32;
        for ordinal in store.ring.floor..=newest {
            let Some(header) = store.ring.header(nor, ordinal)? else {
                missing += 1;
                continue;
            };
            let unexplained = missing.saturating_sub(u32::from(header.left_out));
            mounted.lost_sectors = mounted.lost_sectors.saturating_add(unexplained);
            missing = 0;
            let gap = expected.map_or(0, |expected| header.first.saturating_sub(expected));
            mounted.lost_records = mounted.lost_records.saturating_add(gap);
            let mut next = header.first.max(expected.unwrap_or(0));
            let mut index = store.index.clone();
            let end = store.walk(nor, ordinal, |found| {
                let record = match found {
                    Found::Whole(record, _) | Found::Damaged(record) => record,
                    Found::Unfinished => {
                        mounted.unfinished += 1;
                        return Ok(());
                    }
                    Found::Overlong => {
                        mounted.lost_records = mounted.lost_records.saturating_add(1);
                        return Ok(());
                    }
                };
                mounted.lost_records = mounted
                    .lost_records
                    .saturating_add(record.sequence.saturating_sub(next));
                next = next.max(record.sequence.saturating_add(1));
                match (found, record.kind) {
                    (Found::Whole(_, place), Kind::Value | Kind::Lost) => index.put(record.key, place)?,
                    (_, Kind::Value | Kind::Lost) => index.put(record.key, LOST)?,
                    (_, Kind::Removed) => index.remove(record.key),
                    (_, Kind::Floor) => {}
                }
                Ok(())
            })?;
            store.index = index;
            store.at = end;
            expected = Some(next);
        }
        store.next = expected.unwrap_or(opened.first);
        for (key, place) in store.index.entries() {
            match store.load(nor, place)? {
                Some(record) => {
                    store.live = store.live.saturating_add(record.size());
                    if record.kind == Kind::Value {
                        mounted.kept += 1
                    } else {
                        mounted.lost_keys += 1
                    }
                }
                None => {
                    mounted.lost_keys += 1;
                    store.live = store.live.saturating_add(Record::of(key, &[]).size());
                }
            }
        }
        Ok(Some((store, mounted)))
    }

    /// Lays an empty store into the region and waits for the erases: for the boot. Values of an older store in the region are gone.
    ///
    /// # Errors
    /// [`Fault::Region`] for fewer than 5 or more than 127 sectors, other [`Fault`]s.
    pub fn format(nor: &mut dyn Nor, region: Region) -> Result<Self, StoreError> {
        if !(SECTORS_LEAST..=SECTORS_MOST).contains(&region.sectors()) {
            return Err(Fault::Region.into());
        }
        let header = Header {
            ordinal: 0,
            epoch: 0,
            floor: 0,
            first: 0,
            width: 0,
            tag: 0,
            run: 0,
            base: 0,
            left_out: 0,
        };
        let (ring, opened) = Ring::format(nor, region, KIND, SPARES, header)?;
        Self::opened(ring, opened)
    }

    /// The value of a key, copied to the front of `into` and checked; `None` when it was never set, or removed.
    ///
    /// # Errors
    /// [`StoreError::Lost`], [`StoreError::TooSmall`], [`StoreError::Fault`].
    pub fn get<'a>(&self, nor: &dyn Nor, key: Key, into: &'a mut [u8]) -> Result<Option<&'a [u8]>, StoreError> {
        let Some(place) = self.index.place(key) else {
            return Ok(None);
        };
        let record = self.load(nor, place)?.ok_or(StoreError::Lost)?;
        if record.kind != Kind::Value || record.key != key {
            return Err(StoreError::Lost);
        }
        let value = into
            .get_mut(..usize::from(record.len))
            .ok_or(StoreError::TooSmall(record.len))?;
        self.ring.region.read(nor, self.start(place) + HEAD, value)?;
        Ok(Some(value))
    }

    /// Sets a value. When this returns `Ok` it is durable; a value that is there already is not written again.
    /// Values that must change together are one value.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], [`StoreError::Full`]; [`Fault::Busy`] until tending has made room: tend and try again. None of these
    /// changes anything. After [`Fault::Worn`] or [`Fault::Nor`] the old value counts until the next boot, then either.
    pub fn set(&mut self, nor: &mut dyn Nor, key: Key, value: &[u8]) -> Result<(), StoreError> {
        if VALUE_BYTES < value.len() {
            return Err(StoreError::TooLong);
        }
        let record = Record {
            sequence: self.next,
            ..Record::of(key, value)
        };
        let known = self.index.place(key);
        let before = match known {
            Some(place) => self.load(nor, place)?.map(|found| (found, place)),
            None => None,
        };
        if let Some((found, place)) = before
            && found.kind == Kind::Value
            && found.len == record.len
            && self.ring.region.holds(nor, self.start(place) + HEAD, &[value])?
        {
            return Ok(());
        }
        let freed = before.map_or(0, |(found, _)| found.size());
        let live = self.live.saturating_sub(freed).saturating_add(record.size());
        if (known.is_none() && self.index.is_full()) || self.limit() < live {
            return Err(StoreError::Full);
        }
        let place = self.write(nor, record, value, CLEAN_FOR_ALL)?;
        self.index.put(key, place)?;
        self.live = live;
        Ok(())
    }

    /// Removes a value, durably. Without one: nothing.
    ///
    /// # Errors
    /// As [`Store::set`].
    pub fn remove(&mut self, nor: &mut dyn Nor, key: Key) -> Result<(), StoreError> {
        let Some(place) = self.index.place(key) else {
            return Ok(());
        };
        let freed = self.load(nor, place)?.map_or(0, |found| found.size());
        let record = Record {
            kind: Kind::Removed,
            sequence: self.next,
            ..Record::of(key, &[])
        };
        self.write(nor, record, &[], CLEAN_FOR_ALL)?;
        self.index.remove(key);
        self.live = self.live.saturating_sub(freed);
        Ok(())
    }

    /// Goes on making room: moves at most one record, or does one thing for the next erase. Never waits; call until [`Tended::Done`].
    ///
    /// # Errors
    /// [`Fault::Worn`] once for each sector that is left out: an alarm, and no reason not to tend again; other [`Fault`]s.
    pub fn tend(&mut self, nor: &mut dyn Nor) -> Result<Tended, StoreError> {
        // That a key is lost must outlive the sector that tells of it.
        if let Some(key) = self.index.first_at(|place| place == LOST) {
            let record = Record {
                kind: Kind::Lost,
                sequence: self.next,
                ..Record::of(key, &[])
            };
            match self.write(nor, record, &[], CLEAN_FOR_MOVES) {
                // First a sector must be freed.
                Err(StoreError::Fault(Fault::Busy | Fault::Worn(_))) => {}
                place => {
                    self.index.put(key, place?)?;
                    return Ok(Tended::More);
                }
            }
        }
        let lap = self.ring.region.sectors();
        if let Some(wanted) = self.ring.wants()
            && !self.ring.is_erasing()
            && !self.is_freed()
        {
            let oldest = self.ring.index(wanted);
            let freed = match self
                .index
                .first_at(|place| place != LOST && u32::from(place) / UNITS == oldest)
            {
                Some(key) => self.carry(nor, key),
                None => {
                    let floor = wanted.saturating_sub(lap).saturating_add(1);
                    let record = Record {
                        kind: Kind::Floor,
                        sequence: self.next,
                        ..Record::of(Key(floor), &[])
                    };
                    self.write(nor, record, &[], CLEAN_FOR_MOVES)
                        .map(|_place| self.ring.floor = floor)
                }
            };
            return match freed {
                // The next sector did not take its header, and is prepared once more.
                Ok(()) | Err(StoreError::Fault(Fault::Busy)) => Ok(Tended::More),
                Err(error) => Err(error),
            };
        }
        Ok(self.ring.tend(nor)?)
    }

    /// Tends until done, waiting for the erases: for the boot and for tests.
    ///
    /// # Errors
    /// As [`Store::tend`]; a sector that was left out is said when all is done.
    pub fn settle(&mut self, nor: &mut dyn Nor) -> Result<(), StoreError> {
        nor.resume_erase()?;
        let mut outcome = Ok(());
        loop {
            match self.tend(nor) {
                Ok(Tended::More) => core::hint::spin_loop(),
                Ok(Tended::Done) => return outcome,
                // The same one again: there is no sector left that takes what must be moved.
                Err(error) if outcome == Err(error) => return outcome,
                Err(StoreError::Fault(Fault::Worn(sector))) => outcome = Err(Fault::Worn(sector).into()),
                Err(error) => return Err(error),
            }
        }
    }

    /// All keys that have a value or have lost it, in rising order.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.index.entries().map(|(key, _)| key)
    }

    /// Number of keys that have a value or have lost it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.index.used
    }

    /// Whether no key was ever set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the records take now and may take at most; a value costs 40 bytes besides its own, filled up to 8.
    #[must_use]
    pub const fn room(&self) -> (u32, u32) {
        (self.live, self.limit())
    }

    fn opened(ring: Ring, opened: Header) -> Result<Self, StoreError> {
        if !(SECTORS_LEAST..=SECTORS_MOST).contains(&ring.region.sectors()) {
            return Err(Fault::Region.into());
        }
        Ok(Self {
            ring,
            index: Index::new(),
            next: opened.first,
            at: 0,
            live: 0,
        })
    }

    /// With at most this much alive, moving records together always frees the spare sectors: each sector wastes less than one longest record.
    const fn limit(&self) -> u32 {
        (self.ring.region.sectors() - SPARES - 1) * (SHARED - LONGEST)
    }

    /// Byte of the region where the record of a place begins.
    const fn start(&self, place: u16) -> u32 {
        let place = place as u32;
        place / UNITS * SECTOR_BYTES + ROOM + place % UNITS * 8
    }

    /// Writes a record behind the others and acknowledges it. A new sector is opened only while so many are clean.
    fn write(&mut self, nor: &mut dyn Nor, record: Record, value: &[u8], clean: u32) -> Result<u16, StoreError> {
        let size = record.size();
        let mut refused = 0;
        // A record that is whole counts at the next boot, also without a commit: what cannot be written once more is acknowledged so.
        let mut whole = None;
        for _attempt in 0..ATTEMPTS {
            if refused == REFUSED {
                // The sector is failing: what it holds stays there, and it takes no more.
                (self.at, refused) = (SPACE, 0);
            }
            let end = if record.kind == Kind::Floor { SPACE } else { SHARED };
            if end < self.at.saturating_add(size) {
                let opened = if self.ring.n_clean() < clean {
                    Err(self.unready(clean).into())
                } else {
                    self.open_next(nor)
                };
                match (opened, whole) {
                    (Ok(()), _) => {}
                    (Err(StoreError::Fault(Fault::Busy | Fault::Worn(_))), Some(place)) => return Ok(place),
                    (Err(error), _) => return Err(error),
                }
            }
            let place = place(self.ring.index(self.ring.newest), self.at);
            let at = self.start(place);
            // The place counts as used before anything is written to it: it is never programmed twice.
            self.at += size;
            let seed = [self.ring.newest, at];
            let fill = padded(record.len) - u32::from(record.len);
            let fill = [0xFF; 8].get(..fill as usize).unwrap_or_default();
            let parts: [&[u8]; 4] = [&record.head(seed), value, fill, &record.tail(seed, value)];
            refused += 1;
            if !self.ring.region.program_checked(nor, at, &parts)? {
                continue;
            }
            // The record is whole, so its number is taken, also when the commit does not hold and it is written once more.
            self.next = record.sequence.saturating_add(1);
            let commit = [0; COMMIT as usize];
            if self.ring.region.program_checked(nor, at + size - COMMIT, &[&commit])? {
                return Ok(place);
            }
            whole = Some(place);
        }
        if let Some(place) = whole {
            return Ok(place);
        }
        Err(Fault::Worn(self.ring.index(self.ring.newest)).into())
    }

    /// Why no sector can be opened while so many are to be clean: for a caller's write tending makes room, unless it cannot; for tending
    /// itself there is no room to be had.
    fn unready(&self, clean: u32) -> Fault {
        match self.ring.unready() {
            Fault::Busy if clean == CLEAN_FOR_MOVES && !self.is_freed() => {
                Fault::Worn(self.ring.index(self.ring.newest))
            }
            fault => fault,
        }
    }

    /// Whether the sector that is to be erased next holds nothing any more.
    fn is_freed(&self) -> bool {
        let lap = self.ring.region.sectors();
        self.ring
            .wants()
            .is_none_or(|wanted| wanted.saturating_sub(lap) < self.ring.floor)
    }

    fn open_next(&mut self, nor: &mut dyn Nor) -> Result<(), StoreError> {
        let Ring { epoch, floor, .. } = self.ring;
        let header = Header {
            ordinal: 0,
            epoch,
            floor,
            first: self.next,
            width: 0,
            tag: 0,
            run: 0,
            base: 0,
            left_out: 0,
        };
        self.ring.open_next(nor, header)?;
        self.at = 0;
        Ok(())
    }

    /// Moves the record of a key from the oldest sector to the newest.
    fn carry(&mut self, nor: &mut dyn Nor, key: Key) -> Result<(), StoreError> {
        let Some(place) = self.index.place(key) else {
            return Ok(());
        };
        let Some(found) = self.load(nor, place)? else {
            self.index.put(key, LOST)?;
            return Ok(());
        };
        let mut value = [0; VALUE_BYTES];
        let Some(value) = value.get_mut(..usize::from(found.len)) else {
            return Ok(());
        };
        self.ring.region.read(nor, self.start(place) + HEAD, value)?;
        let place = self.write(
            nor,
            Record {
                sequence: self.next,
                ..found
            },
            value,
            CLEAN_FOR_MOVES,
        )?;
        self.index.put(key, place)?;
        Ok(())
    }

    /// The record at a place, if it is whole.
    fn load(&self, nor: &dyn Nor, place: u16) -> Result<Option<Record>, NorError> {
        if place == LOST {
            return Ok(None);
        }
        // The sector is live, so its ordinal follows from its position behind the newest.
        let lap = self.ring.region.sectors();
        let index = u32::from(place) / UNITS;
        let back = (self.ring.index(self.ring.newest) + lap - index) % lap;
        let ordinal = self.ring.newest.saturating_sub(back);
        let at = self.start(place);
        let end = (index + 1) * SECTOR_BYTES;
        let Some(head) = self.head(nor, ordinal, at)? else {
            // With the head damaged, the tail still knows the length.
            let mut tail = at + HEAD;
            while tail + TAIL + COMMIT <= end && tail <= at + HEAD + small(VALUE_BYTES) {
                if let Some((record, start)) = self.tail(nor, ordinal, tail)?
                    && start == at
                {
                    return Ok(Some(record));
                }
                tail += 8;
            }
            return Ok(None);
        };
        let tail = at + HEAD + padded(head.len);
        Ok(self
            .tail(nor, ordinal, tail)?
            .filter(|(record, start)| *start == at && *record == head)
            .map(|_| head))
    }

    /// Visits everything in a sector in the order of writing; answers the first free byte of its room.
    fn walk(
        &self,
        nor: &dyn Nor,
        ordinal: u32,
        mut visit: impl FnMut(Found) -> Result<(), StoreError>,
    ) -> Result<u32, StoreError> {
        let room = self.ring.start(ordinal) + ROOM;
        let end = room + self.used(nor, room)?;
        let index = self.ring.index(ordinal);
        let mut at = room;
        let mut garbage = false;
        let mut begun = room;
        while at < end {
            if let Some(head) = self.head(nor, ordinal, at)? {
                let after = at + head.size();
                let tail = self.tail(nor, ordinal, at + HEAD + padded(head.len))?;
                let whole = tail.is_some_and(|(record, start)| start == at && record == head);
                visit(if whole {
                    Found::Whole(head, place(index, at - room))
                } else if self.ring.region.is_blank(nor, after - COMMIT, COMMIT)? {
                    Found::Unfinished
                } else {
                    Found::Damaged(head)
                })?;
                at = after;
                garbage = false;
            } else if garbage && let Some((record, start)) = self.tail(nor, ordinal, at)? {
                visit(Found::Whole(record, place(index, start - room)))?;
                at += TAIL + COMMIT;
                garbage = false;
            } else {
                if !garbage {
                    begun = at;
                    visit(Found::Unfinished)?;
                } else if at - begun == OVERLONG {
                    visit(Found::Overlong)?;
                }
                garbage = true;
                at += 8;
            }
        }
        Ok(at.max(end) - room)
    }

    /// Bytes of a sector's room up to the last that is not erased, filled up to 8.
    fn used(&self, nor: &dyn Nor, room: u32) -> Result<u32, NorError> {
        let mut used = SPACE;
        while 0 < used && self.ring.region.is_blank(nor, room + used - 8, 8)? {
            used -= 8;
        }
        Ok(used)
    }

    fn head(&self, nor: &dyn Nor, ordinal: u32, at: u32) -> Result<Option<Record>, NorError> {
        let mut bytes = [0; HEAD as usize];
        // A head that is not followed by its tail in the same sector is none.
        if SECTOR_BYTES < at % SECTOR_BYTES + LEAST {
            return Ok(None);
        }
        self.ring.region.read(nor, at, &mut bytes)?;
        let found = Record::parse(&bytes, HEAD_MARK).filter(|(record, stored)| {
            let (fields, _) = bytes.split_at(12);
            at % SECTOR_BYTES + record.size() <= SECTOR_BYTES && Check::at([ordinal, at]).add(fields).value() == *stored
        });
        Ok(found.map(|(record, _)| record))
    }

    /// The record whose tail stands at `at`, with its start, if record and tail are whole.
    fn tail(&self, nor: &dyn Nor, ordinal: u32, at: u32) -> Result<Option<(Record, u32)>, NorError> {
        let mut bytes = [0; TAIL as usize];
        if SECTOR_BYTES < at % SECTOR_BYTES + TAIL {
            return Ok(None);
        }
        self.ring.region.read(nor, at, &mut bytes)?;
        let Some((record, stored)) = Record::parse(&bytes, TAIL_MARK) else {
            return Ok(None);
        };
        let before = HEAD + padded(record.len);
        if at % SECTOR_BYTES < ROOM + before {
            return Ok(None);
        }
        let start = at - before;
        let mut check = Check::at([ordinal, start]).add(bytes.split_at(12).0);
        let (mut done, len) = (0, u32::from(record.len));
        let mut chunk = [0; 64];
        while done < len {
            let Some(piece) = chunk.get_mut(..(len - done).min(64) as usize) else {
                break;
            };
            self.ring.region.read(nor, start + HEAD + done, piece)?;
            check = check.add(piece);
            done += small(piece.len());
        }
        Ok((check.value() == stored).then_some((record, start)))
    }
}

#[derive(Clone, Copy)]
enum Found {
    Whole(Record, u16),
    /// Acknowledged once, and damaged since.
    Damaged(Record),
    /// More garbage than writes leave that were cut or refused.
    Overlong,
    /// Begun and never acknowledged, or garbage whose meaning only the sequence numbers tell.
    Unfinished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    kind: Kind,
    key: Key,
    sequence: u32,
    len: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Value = 1,
    Removed = 2,
    /// The value of this key was damaged.
    Lost = 3,
    /// All sectors with ordinals below the key are dead.
    Floor = 4,
}

impl Record {
    fn of(key: Key, value: &[u8]) -> Self {
        Self {
            kind: Kind::Value,
            key,
            sequence: 0,
            len: u16::try_from(value.len()).unwrap_or(u16::MAX),
        }
    }

    const fn size(&self) -> u32 {
        HEAD + padded(self.len) + TAIL + COMMIT
    }

    fn fields(&self, mark: u8) -> [u8; 12] {
        Fields::new()
            .put(&self.key.0.to_le_bytes())
            .put(&self.sequence.to_le_bytes())
            .put(&self.len.to_le_bytes())
            .put(&[self.kind as u8, mark])
            .done()
    }

    fn head(&self, seed: [u32; 2]) -> [u8; HEAD as usize] {
        let fields = self.fields(HEAD_MARK);
        Fields::new()
            .put(&fields)
            .put(&Check::at(seed).add(&fields).value().to_le_bytes())
            .done()
    }

    fn tail(&self, seed: [u32; 2], value: &[u8]) -> [u8; TAIL as usize] {
        let fields = self.fields(TAIL_MARK);
        Fields::new()
            .put(&fields)
            .put(&Check::at(seed).add(&fields).add(value).value().to_le_bytes())
            .done()
    }

    /// The fields of a head or tail and its check, still to be compared.
    fn parse(bytes: &[u8; 16], mark: u8) -> Option<(Self, u32)> {
        let mut fields = Taken(bytes);
        let key = Key(fields.u32());
        let sequence = fields.u32();
        let len = fields.u16();
        let kind = match fields.u8() {
            1 => Kind::Value,
            2 => Kind::Removed,
            3 => Kind::Lost,
            4 => Kind::Floor,
            _ => return None,
        };
        let fits = fields.u8() == mark && usize::from(len) <= VALUE_BYTES;
        fits.then(|| {
            (
                Self {
                    kind,
                    key,
                    sequence,
                    len,
                },
                fields.u32(),
            )
        })
    }
}

/// Where the record of each key is, sorted by key.
#[derive(Clone, Debug)]
struct Index<const KEYS: usize> {
    keys: [Key; KEYS],
    places: [u16; KEYS],
    used: usize,
}

impl<const KEYS: usize> Index<KEYS> {
    const fn new() -> Self {
        Self {
            keys: [Key(0); KEYS],
            places: [LOST; KEYS],
            used: 0,
        }
    }

    const fn is_full(&self) -> bool {
        self.used == KEYS
    }

    fn find(&self, key: Key) -> Result<usize, usize> {
        self.keys.get(..self.used).unwrap_or_default().binary_search(&key)
    }

    fn place(&self, key: Key) -> Option<u16> {
        self.places.get(self.find(key).ok()?).copied()
    }

    fn put(&mut self, key: Key, place: u16) -> Result<(), StoreError> {
        let at = match self.find(key) {
            Ok(at) => at,
            Err(_) if self.is_full() => return Err(StoreError::Full),
            Err(at) => {
                self.keys.copy_within(at..self.used, at + 1);
                self.places.copy_within(at..self.used, at + 1);
                self.used += 1;
                at
            }
        };
        if let (Some(known), Some(slot)) = (self.keys.get_mut(at), self.places.get_mut(at)) {
            (*known, *slot) = (key, place);
        }
        Ok(())
    }

    fn remove(&mut self, key: Key) {
        if let Ok(at) = self.find(key) {
            self.keys.copy_within(at + 1..self.used, at);
            self.places.copy_within(at + 1..self.used, at);
            self.used -= 1;
        }
    }

    fn entries(&self) -> impl Iterator<Item = (Key, u16)> + '_ {
        self.keys
            .iter()
            .copied()
            .zip(self.places.iter().copied())
            .take(self.used)
    }

    fn first_at(&self, wanted: impl Fn(u16) -> bool) -> Option<Key> {
        self.entries().find(|(_, place)| wanted(*place)).map(|(key, _)| key)
    }
}

/// The place of a record that begins at byte `at` of the room of a sector.
fn place(index: u32, at: u32) -> u16 {
    u16::try_from(index * UNITS + at / 8).unwrap_or(LOST)
}

/// A length filled up to 8 bytes.
const fn padded(len: u16) -> u32 {
    (len as u32).next_multiple_of(8)
}

const KIND: u8 = b'S';
const SPARES: u32 = 3;
/// Clean sectors before a caller's write may open one: the last two are for moving records, so that moving never gets stuck.
const CLEAN_FOR_ALL: u32 = 3;
const CLEAN_FOR_MOVES: u32 = 1;
/// Open sector, one full sector, spares.
const SECTORS_LEAST: u32 = SPARES + 2;
/// So many sectors can be told apart in a place of 16 bits.
const SECTORS_MOST: u32 = 127;
const HEAD: u32 = 16;
const TAIL: u32 = 16;
const COMMIT: u32 = 8;
const LEAST: u32 = HEAD + TAIL + COMMIT;
const LONGEST: u32 = LEAST + padded(1_024);
/// Garbage as long as this is no trace of cuts: a sector was damaged, and nobody knows what it held.
const OVERLONG: u32 = 3 * LONGEST;
const HEAD_MARK: u8 = 0x5A;
const TAIL_MARK: u8 = 0xA5;
/// Bytes for records in a sector, and those that are not reserved for the last record of kind floor.
const SPACE: u32 = SECTOR_BYTES - ROOM;
const SHARED: u32 = SPACE - LEAST;
/// Places per sector.
const UNITS: u32 = SECTOR_BYTES / 8;
/// The place of a value that is lost.
const LOST: u16 = u16::MAX;
/// Three sectors of two records each, and one more try.
const ATTEMPTS: u32 = 7;
/// A sector that refuses so many records in turn is left.
const REFUSED: u32 = 2;

const _: () = assert!(ROOM.is_multiple_of(8), "records begin at multiples of 8 bytes");
