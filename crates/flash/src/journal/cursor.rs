//! Reading in the order of appending: a cursor and what its steps come to.

use base::Utc;

use super::row::{Place, Slot};
use super::{Journal, JournalError};
use crate::nor::Nor;

/// A place in a journal and where to stop: a small value that survives between calls and may be thrown away at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) epoch: u32,
    /// The sequence that is expected next, and the one to stop before.
    pub(super) sequence: u32,
    pub(super) end: u32,
    pub(super) window: Option<Window>,
    /// Where it stands; `None` before the first row.
    pub(super) place: Option<Place>,
}

/// A time range and the least (run, time) that may still hold a row of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Utc,
    pub(super) to: Utc,
    pub(super) key: (u32, Utc),
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

impl Journal {
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
