//! Bisection over (run, time) and over sequence numbers.

use base::Utc;

use super::cursor::Cursor;
use super::row::{Place, Slot};
use super::{Journal, JournalError};
use crate::nor::Nor;

/// A row that a search came to.
struct Found {
    ordinal: u32,
    sequence: u32,
    run: u32,
    utc: Utc,
}

impl Journal {
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

    /// Stands the cursor before its next row; `None` when there is nothing to stand before.
    pub(super) fn find(&self, nor: &dyn Nor, cursor: &mut Cursor) -> Result<Option<Place>, JournalError> {
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
    pub(super) fn jump(&self, nor: &dyn Nor, cursor: &mut Cursor, ordinal: u32) -> Result<(), JournalError> {
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
    pub(super) fn enter_next(&self, nor: &dyn Nor, ordinal: u32) -> Result<Option<(Place, u32)>, JournalError> {
        for next in ordinal.saturating_add(1)..=self.ring.newest {
            if let Some(header) = self.ring.header(nor, next)? {
                return Ok(Some((Place::start(&header), header.first)));
            }
        }
        Ok(None)
    }

    /// The first sector from ordinal `from` on whose last row is at or behind `key`: one sector is read for each halving.
    pub(super) fn bisect(&self, nor: &dyn Nor, from: u32, key: (u32, Utc)) -> Result<Option<u32>, JournalError> {
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
}
