//! Rows of a profile's buffer as they go over the wire: plain, or shorter for clients that asked for it (IEC 62056-6-2,
//! class 7, attribute 2; IEC 62056-5-3, conformance bit 6).
//!
//! | form | a row of clock, status and 4 x u32 |
//! |---|---|
//! | plain | a structure of values: 38 octets |
//! | null-data | what did not change, and a clock that moved on by the period, is null-data: 24 |
//! | delta | the same, and numbers as the difference to the row before, in the shortest type: 12 to 16 |
//! | compact array | the types once, then contents without tags: 30 |
//!
//! The first row is always plain, and so is one after rows that were lost. A row that is lost is told as don't-care
//! values, since null-data would repeat the row before. [`Rows`] reads all forms back as plain rows.

use base::Utc;

use crate::AccessError;
use crate::axdr::{AxdrError, Reader, Writer, tag};

/// How the rows of a buffer are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowForm {
    /// Every value in full, which every client reads.
    #[default]
    Plain,
    /// null-data for what did not change.
    NullData,
    /// Differences to the row before.
    Delta,
    /// A compact array.
    CompactArray,
}

/// The column that is the clock, and the seconds between two rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Which column.
    pub column: usize,
    /// The capture period; 0 when rows have none.
    pub seconds: u32,
}

/// Writes the values of `row` after those of `before`, without the head of the structure. Both are plain A-XDR values
/// one after the other.
///
/// # Errors
/// When they are none, or do not fit.
pub fn put_row(
    form: RowForm,
    row: &[u8],
    before: Option<&[u8]>,
    pace: Option<Pace>,
    out: &mut Writer<'_>,
) -> Result<(), AccessError> {
    let before = match form {
        RowForm::Plain => return Ok(out.put(row)?),
        RowForm::CompactArray => return put_contents(row, out),
        RowForm::NullData | RowForm::Delta => before,
    };
    let Some(before) = before else { return Ok(out.put(row)?) };
    let (mut now, mut then) = (Reader::new(row), Reader::new(before));
    let mut column = 0;
    while !now.is_at_end() {
        let (value, old) = (now.skip_value()?, then.skip_value()?);
        match pace.filter(|pace| pace.column == column) {
            Some(Pace { seconds, .. }) if follows(old, value, seconds) => out.octet(tag::NULL)?,
            // A clock that stands still is written in full: null-data would move it on.
            Some(Pace { seconds, .. }) if seconds != 0 => out.put(value)?,
            _ if value == old => out.octet(tag::NULL)?,
            // A value that is no longer there must not read as the one before.
            _ if value == [tag::NULL] => out.octet(tag::DONT_CARE)?,
            _ if form == RowForm::Delta => put_delta(value, old, out)?,
            _ => out.put(value)?,
        }
        column += 1;
    }
    Ok(())
}

/// Writes a row of `columns` values that is lost.
///
/// # Errors
/// When it does not fit.
pub fn put_lost(form: RowForm, columns: usize, out: &mut Writer<'_>) -> Result<(), AccessError> {
    let nothing = match form {
        RowForm::Plain => tag::NULL,
        _ => tag::DONT_CARE,
    };
    for _ in 0..columns {
        out.octet(nothing)?;
    }
    Ok(())
}

/// Writes the type of a compact array whose elements are rows like `row`, and answers how many octets the contents of
/// such a row take; `None` when its values have no fixed length, so that it cannot be an element.
///
/// # Errors
/// When it does not fit.
pub fn put_description(row: &[u8], columns: usize, out: &mut Writer<'_>) -> Result<Option<usize>, AccessError> {
    out.octet(tag::COMPACT_ARRAY)?;
    out.octet(tag::STRUCTURE)?;
    out.length(columns)?;
    let mut reader = Reader::new(row);
    let mut length = 0;
    for _ in 0..columns {
        let value = reader.skip_value()?;
        let [kind, contents @ ..] = value else { return Ok(None) };
        if !is_scalar(*kind) {
            return Ok(None);
        }
        out.octet(*kind)?;
        length += contents.len();
    }
    Ok(reader.is_at_end().then_some(length))
}

/// Whether two rows have the same types and lengths, so that both can be elements of one compact array.
#[must_use]
pub fn is_alike(row: &[u8], other: &[u8]) -> bool {
    let (mut one, mut two) = (Reader::new(row), Reader::new(other));
    while !one.is_at_end() {
        let (Ok(a), Ok(b)) = (one.skip_value(), two.skip_value()) else {
            return false;
        };
        if a.first() != b.first() || a.len() != b.len() {
            return false;
        }
    }
    two.is_at_end()
}

/// Whether values of this type have contents that say something by themselves: no lists, no differences, and not nothing.
const fn is_scalar(kind: u8) -> bool {
    !matches!(
        kind,
        tag::ARRAY | tag::STRUCTURE | tag::COMPACT_ARRAY | tag::NULL | tag::DONT_CARE | tag::DELTA_INTEGER
            ..=tag::DELTA_DOUBLE_LONG_UNSIGNED
    )
}

fn put_contents(row: &[u8], out: &mut Writer<'_>) -> Result<(), AccessError> {
    let mut reader = Reader::new(row);
    while !reader.is_at_end() {
        out.put(reader.skip_value()?.get(1..).unwrap_or(&[]))?;
    }
    Ok(())
}

/// Whether a clock moved on by exactly `seconds`, with the same deviation and status.
fn follows(before: &[u8], now: &[u8], seconds: u32) -> bool {
    let mut moved = [0; 14];
    let Some(place) = moved.get_mut(..before.len()) else {
        return false;
    };
    place.copy_from_slice(before);
    seconds != 0 && advance(place, seconds).is_some() && *place == *now
}

/// Moves a clock, as octet-string or date-time with its tag, on by `seconds`.
fn advance(clock: &mut [u8], seconds: u32) -> Option<()> {
    let ([tag::OCTET_STRING, 12, octets @ ..] | [tag::DATE_TIME, octets @ ..]) = clock else {
        return None;
    };
    let &[year_high, year_low, month, day, weekday, hour, minute, second, ..] = &*octets else {
        return None;
    };
    let year = u16::from_be_bytes([year_high, year_low]);
    let local = base::Civil::new(year, month, day, hour, minute, second).ok()?;
    let moved: Utc = local.utc().plus(i64::from(seconds));
    let moved = moved.civil();
    let [high, low] = moved.year().to_be_bytes();
    let weekday = if weekday == 0xFF { 0xFF } else { moved.weekday() };
    let new = [
        high,
        low,
        moved.month(),
        moved.day(),
        weekday,
        moved.hour(),
        moved.minute(),
        moved.second(),
    ];
    octets.get_mut(..8)?.copy_from_slice(&new);
    Some(())
}

/// A whole number with its type.
#[derive(Clone, Copy)]
enum Number {
    Signed(i64),
    Unsigned(u64),
}

fn number(value: &[u8]) -> Option<Number> {
    Some(match *value {
        [tag::INTEGER, a] => Number::Signed(i64::from(i8::from_be_bytes([a]))),
        [tag::LONG, a, b] => Number::Signed(i64::from(i16::from_be_bytes([a, b]))),
        [tag::DOUBLE_LONG, a, b, c, d] => Number::Signed(i64::from(i32::from_be_bytes([a, b, c, d]))),
        [tag::UNSIGNED, a] => Number::Unsigned(u64::from(a)),
        [tag::LONG_UNSIGNED, a, b] => Number::Unsigned(u64::from(u16::from_be_bytes([a, b]))),
        [tag::DOUBLE_LONG_UNSIGNED, a, b, c, d] => Number::Unsigned(u64::from(u32::from_be_bytes([a, b, c, d]))),
        [tag::LONG64, ref octets @ ..] => Number::Signed(i64::from_be_bytes(octets.try_into().ok()?)),
        [tag::LONG64_UNSIGNED, ref octets @ ..] => Number::Unsigned(u64::from_be_bytes(octets.try_into().ok()?)),
        _ => return None,
    })
}

/// Writes `value` as its difference to `old` in the shortest type, or in full when that is not longer.
fn put_delta(value: &[u8], old: &[u8], out: &mut Writer<'_>) -> Result<(), AccessError> {
    let difference = match (value.first() == old.first(), number(value), number(old)) {
        (true, Some(Number::Signed(new)), Some(Number::Signed(old))) => Some((old <= new, new.abs_diff(old))),
        (true, Some(Number::Unsigned(new)), Some(Number::Unsigned(old))) => Some((old <= new, new.abs_diff(old))),
        _ => None,
    };
    let Some((grew, by)) = difference else {
        return Ok(out.put(value)?);
    };
    let [.., a, b, c, d] = by.to_be_bytes();
    let [.., e, f, g, h] = by.wrapping_neg().to_be_bytes();
    let (kind, octets): (u8, &[u8]) = match (grew, by) {
        (true, 0..=0xFF) => (tag::DELTA_UNSIGNED, &[d]),
        (true, 0x100..=0xFFFF) => (tag::DELTA_LONG_UNSIGNED, &[c, d]),
        (true, 0x1_0000..=0xFFFF_FFFF) => (tag::DELTA_DOUBLE_LONG_UNSIGNED, &[a, b, c, d]),
        (false, 1..=0x80) => (tag::DELTA_INTEGER, &[h]),
        (false, 0x81..=0x8000) => (tag::DELTA_LONG, &[g, h]),
        (false, 0x8001..=0x8000_0000) => (tag::DELTA_DOUBLE_LONG, &[e, f, g, h]),
        _ => (tag::NULL, &[]),
    };
    if kind == tag::NULL || value.len() <= octets.len() + 1 {
        return Ok(out.put(value)?);
    }
    out.octet(kind)?;
    Ok(out.put(octets)?)
}

/// Rows of a buffer in any form, read back as plain ones.
pub struct Rows<'a> {
    reader: Reader<'a>,
    /// The type of each element of a compact array.
    description: Option<&'a [u8]>,
    left: usize,
    pace: Option<Pace>,
}

impl<'a> Rows<'a> {
    /// The rows of `buffer`, the value of attribute 2. `pace` says which column null-data moves on.
    ///
    /// # Errors
    /// When it is neither an array nor a compact array of structures.
    pub fn new(buffer: &'a [u8], pace: Option<Pace>) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(buffer);
        let description = match reader.peek() {
            Some(tag::COMPACT_ARRAY) => {
                reader.octet()?;
                reader.expect(tag::STRUCTURE, "a compact array of structures is expected")?;
                let count = reader.length()?;
                let kinds = reader.take(count)?;
                if kinds.is_empty() || kinds.iter().any(|&kind| !is_scalar(kind)) {
                    return Err(reader.error("rows of values are expected"));
                }
                let length = reader.length()?;
                if reader.rest().len() != length {
                    return Err(reader.error("the contents have another length"));
                }
                Some(kinds)
            }
            _ => None,
        };
        let left = if description.is_some() { 0 } else { reader.array()? };
        Ok(Self {
            reader,
            description,
            left,
            pace,
        })
    }

    /// Writes the values of the next row in full, without the head of the structure; answers false when there is none.
    /// `before` is what this wrote for the row before, nothing for the first.
    ///
    /// # Errors
    /// When the row is none, refers to a row that is not there, or does not fit.
    pub fn next(&mut self, before: &[u8], out: &mut Writer<'_>) -> Result<bool, AccessError> {
        if let Some(kinds) = self.description {
            if self.reader.is_at_end() {
                return Ok(false);
            }
            for &kind in kinds {
                let contents = take_contents(&mut self.reader, kind)?;
                out.octet(kind)?;
                out.put(contents)?;
            }
            return Ok(true);
        }
        let Some(left) = self.left.checked_sub(1) else {
            self.reader.end()?;
            return Ok(false);
        };
        self.left = left;
        self.reader.expect(tag::STRUCTURE, "a row is expected")?;
        let mut then = Reader::new(before);
        for column in 0..self.reader.length()? {
            let value = self.reader.skip_value()?;
            let old = if then.is_at_end() {
                None
            } else {
                Some(then.skip_value()?).filter(|old| !matches!(old, [tag::DONT_CARE | tag::NULL]))
            };
            match (value, old) {
                ([tag::NULL], Some(old)) => {
                    let pace = self.pace.filter(|pace| pace.column == column && pace.seconds != 0);
                    match pace {
                        Some(pace) => {
                            let mut moved = [0; 14];
                            let place = moved.get_mut(..old.len()).ok_or(AccessError::TypeUnmatched)?;
                            place.copy_from_slice(old);
                            advance(place, pace.seconds).ok_or(AccessError::TypeUnmatched)?;
                            out.put(place)?;
                        }
                        None => out.put(old)?,
                    }
                }
                ([kind @ tag::DELTA_INTEGER..=tag::DELTA_DOUBLE_LONG_UNSIGNED, octets @ ..], Some(old)) => {
                    put_sum(old, *kind, octets, out)?;
                }
                ([tag::DELTA_INTEGER..=tag::DELTA_DOUBLE_LONG_UNSIGNED, ..], None) => {
                    return Err(AccessError::TypeUnmatched);
                }
                _ => out.put(value)?,
            }
        }
        Ok(true)
    }
}

/// Takes the contents of a value of this type from a compact array.
fn take_contents<'a>(reader: &mut Reader<'a>, kind: u8) -> Result<&'a [u8], AxdrError> {
    let from = reader.rest();
    let start = reader.offset();
    reader.skip_contents(kind)?;
    Ok(from.get(..reader.offset() - start).unwrap_or(&[]))
}

/// Writes `old` plus a difference, in the type of `old`.
fn put_sum(old: &[u8], kind: u8, octets: &[u8], out: &mut Writer<'_>) -> Result<(), AccessError> {
    let mut wide = [0; 8];
    let fill = match octets.first() {
        Some(first) if kind <= tag::DELTA_DOUBLE_LONG && first & 0x80 != 0 => 0xFF,
        _ => 0,
    };
    wide.fill(fill);
    let from = 8 - octets.len().min(8);
    wide.get_mut(from..)
        .ok_or(AccessError::TypeUnmatched)?
        .copy_from_slice(octets);
    let by = i64::from_be_bytes(wide);
    let sum = match number(old).ok_or(AccessError::TypeUnmatched)? {
        Number::Signed(old) => old.checked_add(by).map(i64::to_be_bytes),
        Number::Unsigned(old) => old.checked_add_signed(by).map(u64::to_be_bytes),
    };
    let sum = sum.ok_or(AccessError::TypeUnmatched)?;
    let width = old.len() - 1;
    let (over, contents) = sum.split_at(8 - width.min(8));
    out.octet(old.first().copied().unwrap_or_default())?;
    out.put(contents)?;
    // What was cut off must be the sign alone.
    let start = out.len() - old.len();
    let whole = number(out.written().get(start..).unwrap_or(&[]));
    let same = match whole {
        Some(Number::Signed(it)) => it.to_be_bytes() == sum,
        Some(Number::Unsigned(it)) => it.to_be_bytes() == sum,
        None => over.is_empty(),
    };
    if same { Ok(()) } else { Err(AccessError::TypeUnmatched) }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::axdr::{Full, Octets};
    use crate::{ClockStatus, DateTime};
    use std::vec::Vec;

    const PACE: Pace = Pace {
        column: 0,
        seconds: 900,
    };

    fn row(at: i64, status: u8, values: [u32; 4]) -> Vec<u8> {
        let mut buffer = [0; 64];
        let mut out = Writer::new(&mut buffer);
        let mut put = || -> Result<(), Full> {
            out.value(DateTime::from_utc(
                Utc::from_unix(1_767_000_000 / 900 * 900 + at),
                -60,
                ClockStatus::default(),
            ))?;
            out.value(status)?;
            values.iter().try_for_each(|value| out.value(*value))
        };
        put().expect("there is room");
        out.written().to_vec()
    }

    fn encoded(form: RowForm, rows: &[Vec<u8>]) -> Vec<u8> {
        let mut buffer = std::vec![0; 100_000];
        let mut out = Writer::new(&mut buffer);
        if form == RowForm::CompactArray {
            let width = put_description(&rows[0], 6, &mut out)
                .expect("it fits")
                .expect("scalars");
            out.length(width * rows.len()).expect("it fits");
        } else {
            out.array(rows.len()).expect("it fits");
        }
        let mut before: Option<&Vec<u8>> = None;
        for row in rows {
            if form != RowForm::CompactArray {
                out.structure(6).expect("it fits");
            }
            put_row(form, row, before.map(Vec::as_slice), Some(PACE), &mut out).expect("it fits");
            before = Some(row);
        }
        out.written().to_vec()
    }

    fn decoded(octets: &[u8]) -> Vec<Vec<u8>> {
        let mut rows = Rows::new(octets, Some(PACE)).expect("rows");
        let mut all: Vec<Vec<u8>> = Vec::new();
        loop {
            let mut buffer = [0; 128];
            let mut out = Writer::new(&mut buffer);
            let before = all.last().map_or(&[][..], Vec::as_slice);
            if !rows.next(before, &mut out).expect("a row") {
                return all;
            }
            all.push(out.written().to_vec());
        }
    }

    /// Issue 5, speed and size: octets of a row of clock, status and four registers.
    #[test]
    fn a_row_has_the_octets_that_were_promised() {
        let energy = |at: u32| [1_000_000 + 60 * at, 500_000, 20_000 + 7 * at, 3_000 + at];
        let rows: Vec<Vec<u8>> = (0..97).map(|at| row(900 * i64::from(at), 0, energy(at))).collect();
        let per_row = |form| (encoded(form, &rows).len() - encoded(form, &rows[..1]).len()) / 96;
        assert_eq!(per_row(RowForm::Plain), 38);
        assert_eq!(per_row(RowForm::NullData), 2 + 1 + 1 + 3 * 5 + 1);
        assert_eq!(per_row(RowForm::CompactArray), 13 + 1 + 16);
        assert_eq!(per_row(RowForm::Delta), 2 + 1 + 1 + 3 * 2 + 1);
    }

    #[test]
    fn every_form_reads_back() {
        let seed = 0x0DD5_EED5_u64;
        let mut state = seed;
        let mut roll = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for round in 0..200 {
            let (mut at, mut values) = (0, [7_u32, 1 << 31, u32::MAX, 0]);
            let mut rows = Vec::new();
            for _ in 0..1 + roll(40) {
                at += [900, 900, 900, 0, 60, 3_600, -3_600][usize::try_from(roll(7)).expect("small")];
                for value in &mut values {
                    let bits = [0, 3, 9, 17, 31][usize::try_from(roll(5)).expect("small")];
                    let by = u32::try_from(roll(1 << bits)).expect("31 bits");
                    *value = if roll(2) == 0 {
                        value.wrapping_add(by)
                    } else {
                        value.wrapping_sub(by)
                    };
                }
                rows.push(row(at, u8::try_from(roll(3)).expect("small"), values));
            }
            for form in [RowForm::Plain, RowForm::NullData, RowForm::Delta, RowForm::CompactArray] {
                let octets = encoded(form, &rows);
                assert_eq!(decoded(&octets), rows, "seed {seed:#x} round {round} {form:?}");
                assert_eq!(
                    Reader::new(&octets).skip_value().map(<[u8]>::len),
                    Ok(octets.len()),
                    "one whole value"
                );
            }
        }
    }

    #[test]
    fn differences_take_the_shortest_type_of_both_signs() {
        let check = |new: u32, old: u32, expected: &[u8]| {
            let value = |of: u32| {
                let [a, b, c, d] = of.to_be_bytes();
                [tag::DOUBLE_LONG_UNSIGNED, a, b, c, d]
            };
            let mut buffer = [0; 8];
            let mut out = Writer::new(&mut buffer);
            assert_eq!(put_delta(&value(new), &value(old), &mut out), Ok(()));
            assert_eq!(out.written(), expected, "{old} to {new}");
        };
        check(300, 299, &[tag::DELTA_UNSIGNED, 1]);
        check(555, 300, &[tag::DELTA_UNSIGNED, 255]);
        check(556, 300, &[tag::DELTA_LONG_UNSIGNED, 1, 0]);
        check(65_836, 300, &[tag::DOUBLE_LONG_UNSIGNED, 0, 1, 1, 0x2C]);
        check(299, 300, &[tag::DELTA_INTEGER, 0xFF]);
        check(172, 300, &[tag::DELTA_INTEGER, 0x80]);
        check(171, 300, &[tag::DELTA_LONG, 0xFF, 0x7F]);
        check(0, 0x8001, &[tag::DOUBLE_LONG_UNSIGNED, 0, 0, 0, 0]);
    }

    #[test]
    fn a_value_that_is_gone_does_not_read_as_the_one_before() {
        let values: [&[u8]; 5] = [&[0x11, 5], &[0], &[0], &[0x11, 6], &[0x11, 6]];
        for form in [RowForm::NullData, RowForm::Delta] {
            let mut buffer = [0; 64];
            let mut out = Writer::new(&mut buffer);
            out.array(values.len()).expect("it fits");
            let mut before = None;
            for value in values {
                out.structure(1).expect("it fits");
                put_row(form, value, before, None, &mut out).expect("it fits");
                before = Some(value);
            }
            let mut rows = Rows::new(out.written(), None).expect("an array");
            let mut all: Vec<Vec<u8>> = Vec::new();
            for _ in values {
                let mut place = [0; 8];
                let mut row = Writer::new(&mut place);
                let before = all.last().map_or(&[][..], Vec::as_slice);
                assert_eq!(rows.next(before, &mut row), Ok(true), "{form:?}");
                all.push(row.written().to_vec());
            }
            assert_eq!(all[0], [0x11, 5], "{form:?}");
            assert_eq!(all[1], [tag::DONT_CARE], "{form:?}");
            assert!(matches!(all[2][..], [tag::NULL | tag::DONT_CARE]), "{form:?}");
            assert_eq!(all[3..], [[0x11, 6], [0x11, 6]], "{form:?}");
        }
    }

    #[test]
    fn rows_that_are_lost_are_no_repetition() {
        let rows = [row(0, 0, [1; 4]), row(1_800, 0, [3; 4])];
        let mut buffer = [0; 256];
        let mut out = Writer::new(&mut buffer);
        out.array(3).expect("it fits");
        for row in [Some(&rows[0]), None, Some(&rows[1])] {
            out.structure(6).expect("it fits");
            match row {
                Some(row) => put_row(RowForm::Delta, row, None, Some(PACE), &mut out),
                None => put_lost(RowForm::Delta, 6, &mut out),
            }
            .expect("it fits");
        }
        let all = decoded(out.written());
        assert_eq!(all[0], rows[0]);
        assert_eq!(all[1], [tag::DONT_CARE; 6]);
        assert_eq!(all[2], rows[1]);
    }

    #[test]
    fn broken_buffers_are_refused() {
        let refused = |octets: &[u8]| {
            let Ok(mut rows) = Rows::new(octets, Some(PACE)) else {
                return true;
            };
            let mut buffer = [0; 64];
            for _ in 0..100 {
                let mut out = Writer::new(&mut buffer);
                match rows.next(&[], &mut out) {
                    Err(_) => return true,
                    Ok(false) => return false,
                    Ok(true) => {}
                }
            }
            panic!("rows without end in {octets:?}")
        };
        for octets in [
            &[][..],
            &[0x13, 0x02, 0x00, 0x00],
            &[0x13, 0x02, 0x01, 0x00, 0x01, 0x00],
            &[0x13, 0x02, 0x01, 0x11, 0x02, 0x00],
            &[0x13, 0x02, 0x01, 0x12, 0x01, 0x00],
            &[0x13, 0x02, 0x01, 0x12, 0x03, 0x00, 0x01, 0x00],
            &[0x01, 0x01, 0x02, 0x01, tag::DELTA_UNSIGNED, 1],
            &[0x01, 0x01, 0x11, 0x01],
            &[0x01, 0x01, 0x02, 0x01, 0x11, 0x01, 0x00],
            &[0x01, 0x02, 0x02, 0x01, 0x11, 0x01],
        ] {
            assert!(refused(octets), "{octets:02X?}");
        }
        // A sum that leaves its type.
        let mut buffer = [0; 16];
        let mut out = Writer::new(&mut buffer);
        assert!(put_sum(&[tag::UNSIGNED, 250], tag::DELTA_UNSIGNED, &[10], &mut out).is_err());
        let mut out = Writer::new(&mut buffer);
        assert!(put_sum(&[tag::INTEGER, 0x80], tag::DELTA_INTEGER, &[0xFF], &mut out).is_err());
        let mut out = Writer::new(&mut buffer);
        assert!(put_sum(&[tag::OCTET_STRING, 0], tag::DELTA_INTEGER, &[0xFF], &mut out).is_err());
        assert_eq!(out.value(Octets(&[])), Ok(()));
    }
}
