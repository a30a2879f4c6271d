//! What lies in a sector: rows at their places, and the footer that sums them up.

use base::Utc;

use super::{FOOTER, FOOTER_AT, Journal, JournalError};
use crate::bytes::{Check, Fields, Taken, not_blank, small};
use crate::nor::{Nor, NorError};
use crate::ring::{Header, ROOM};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) ordinal: u32,
    pub(super) base: i64,
    pub(super) slot: u32,
    /// Places since the last whole row that were not whole.
    pub(super) damaged: u32,
    pub(super) run: u32,
    pub(super) last: Utc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) last: Utc,
    pub(super) least: Utc,
    pub(super) greatest: Utc,
}

pub(super) struct Footer {
    pub(super) rows: u16,
    pub(super) next: u32,
    pub(super) run: u32,
    pub(super) times: Times,
}

pub(super) enum Slot {
    Blank,
    Damaged,
    Row { sequence: u32, utc: Utc },
}

impl Journal {
    pub(super) const fn slot_at(&self, ordinal: u32, slot: u32) -> u32 {
        self.ring.start(ordinal) + ROOM + slot * self.shape.slot_bytes()
    }

    /// Places of a sector that may hold rows.
    pub(super) const fn slots(&self, ordinal: u32) -> u32 {
        if ordinal == self.ring.newest {
            self.slot
        } else {
            self.shape.rows_per_sector()
        }
    }

    /// Reads the row at a place into `row`, where `expected` or, behind damaged places, a little more is its sequence.
    pub(super) fn slot(
        &self,
        nor: &dyn Nor,
        place: &Place,
        expected: u32,
        row: &mut [u8],
    ) -> Result<Slot, JournalError> {
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
    pub(super) fn examine(&self, nor: &dyn Nor, place: &Place, expected: u32) -> Result<Slot, JournalError> {
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

    pub(super) fn footer(&self, nor: &dyn Nor, ordinal: u32) -> Result<Option<Footer>, NorError> {
        let mut bytes = [0; FOOTER as usize];
        self.ring
            .region
            .read(nor, self.ring.start(ordinal) + FOOTER_AT, &mut bytes)?;
        Ok(Footer::parse(&bytes, ordinal))
    }
}

impl Place {
    /// Before the first row of a sector: it belongs to the header's run unless its time is before the header's.
    pub(super) fn start(header: &Header) -> Self {
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
    pub(super) fn judge(&self, expected: u32, relative: [u8; 4], check: u32, stored: u32) -> Slot {
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
    pub(super) fn with(before: Option<Self>, utc: Utc) -> Self {
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
    pub(super) fn bytes(&self, ordinal: u32) -> [u8; FOOTER as usize] {
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

    pub(super) fn parse(bytes: &[u8; FOOTER as usize], ordinal: u32) -> Option<Self> {
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
pub(super) const fn mixed(check: u32, sequence: u32) -> u32 {
    not_blank(check ^ sequence.wrapping_mul(0x9E37_79B1))
}

const FOOTER_MAGIC: u16 = 0x4A46;
