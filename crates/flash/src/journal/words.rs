//! A cursor as plain words: what a session keeps between the steps of a long answer without knowing journals.

use base::Utc;

use super::cursor::{Cursor, Window};
use super::row::Place;

impl Cursor {
    /// Words that a cursor takes.
    pub const WORDS: usize = 19;

    /// The cursor as words.
    #[must_use]
    pub fn to_words(self) -> [u32; Self::WORDS] {
        let [from_high, from_low] = halves(self.window.map(|it| it.from));
        let [to_high, to_low] = halves(self.window.map(|it| it.to));
        let [key_high, key_low] = halves(self.window.map(|it| it.key.1));
        let [base_high, base_low] = halves(self.place.map(|it| Utc::from_unix(it.base)));
        let [last_high, last_low] = halves(self.place.map(|it| it.last));
        let place = self
            .place
            .map_or([0; 4], |it| [it.ordinal, it.slot, it.damaged, it.run]);
        let [ordinal, slot, damaged, run] = place;
        [
            u32::from(self.window.is_some()) | u32::from(self.place.is_some()) << 1,
            self.epoch,
            self.sequence,
            self.end,
            from_high,
            from_low,
            to_high,
            to_low,
            self.window.map_or(0, |it| it.key.0),
            key_high,
            key_low,
            ordinal,
            base_high,
            base_low,
            slot,
            damaged,
            run,
            last_high,
            last_low,
        ]
    }

    /// The cursor of such words. Words that were never a cursor make one that finds other rows or none; reading stays safe.
    #[must_use]
    pub fn from_words(words: [u32; Self::WORDS]) -> Self {
        let [
            flags,
            epoch,
            sequence,
            end,
            from_high,
            from_low,
            to_high,
            to_low,
            key_run,
            key_high,
            key_low,
            ordinal,
            base_high,
            base_low,
            slot,
            damaged,
            run,
            last_high,
            last_low,
        ] = words;
        let window = Window {
            from: whole([from_high, from_low]),
            to: whole([to_high, to_low]),
            key: (key_run, whole([key_high, key_low])),
        };
        let place = Place {
            ordinal,
            base: whole([base_high, base_low]).unix(),
            slot,
            damaged,
            run,
            last: whole([last_high, last_low]),
        };
        Self {
            epoch,
            sequence,
            end,
            window: (flags & 1 != 0).then_some(window),
            place: (flags & 2 != 0).then_some(place),
        }
    }
}

/// The halves of a time, high half first; of none zeros.
fn halves(utc: Option<Utc>) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = utc.map_or(0, Utc::unix).to_be_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}

/// The time of two halves.
fn whole([high, low]: [u32; 2]) -> Utc {
    Utc::from_unix((u64::from(high) << 32 | u64::from(low)).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_as_words() {
        let utc = Utc::from_unix;
        let bare = Cursor {
            epoch: 1,
            sequence: 2,
            end: 3,
            window: None,
            place: None,
        };
        let window = Window {
            from: utc(-5),
            to: utc(1 << 40),
            key: (7, utc(8)),
        };
        let place = Place {
            ordinal: 9,
            base: -10,
            slot: 11,
            damaged: 12,
            run: 13,
            last: utc(14),
        };
        for cursor in [
            bare,
            Cursor {
                window: Some(window),
                place: Some(place),
                ..bare
            },
        ] {
            assert_eq!(Cursor::from_words(cursor.to_words()), cursor);
        }
    }
}
