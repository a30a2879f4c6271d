//! A profile, piece by piece: what broke is read again, what is missing between two rows is asked for once more.

use std::collections::{HashSet, VecDeque};

use base::Utc;
use cosem::axdr::{Full, Reader, Writer};
use cosem::buffer::{Pace, Rows};
use cosem::{AccessError, Attribute, DateTime, Obis, Selection};

use super::failure::Failure;
use super::moment::{Moment, RangeDeviation};
use super::objects::Objects;
use super::talk::{Broken, Talk};
use super::value::{DeviationSign, Measure, Value};

/// What is wanted of a profile.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: Obis,
    pub(crate) from: Option<Moment>,
    pub(crate) to: Option<Moment>,
    /// The last so many entries, instead of a range.
    pub(crate) last: Option<u32>,
    pub(crate) deviation: RangeDeviation,
    pub(crate) sign: DeviationSign,
}

/// One column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) attribute: Attribute,
    pub(crate) measure: Option<Measure>,
}

/// A hole between two rows that the meter itself has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The row before it.
    pub(crate) after: usize,
    /// Rows that are missing.
    pub(crate) rows: i64,
}

/// A profile that is being read. It outlives a broken connection: what has come is not read again.
pub(crate) struct Reading {
    wanted: Wanted,
    pub(crate) columns: Vec<Column>,
    pub(crate) period_seconds: i64,
    /// Entries that the meter holds.
    pub(crate) entries_in_use: u32,
    /// Minutes from the meter's local time to UTC.
    meter_deviation: i16,
    pieces: Option<VecDeque<Piece>>,
    pub(crate) rows: Vec<Vec<Value>>,
    /// The rows with a stamp that came, as text.
    seen: HashSet<String>,
    /// Holes that were asked for once more already, by the seconds of both ends.
    asked: HashSet<(i64, i64)>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) refilled: usize,
    /// What is otherwise than was asked for.
    pub(crate) remark: Option<String>,
    /// The range, where this side picks the rows since the meter cannot.
    picked: Option<(Moment, Moment)>,
}

/// A part of a profile that is read in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Range(Moment, Moment),
    Entries(u32, u32),
}

/// Rows that are asked for at once.
const PIECE_ROWS: u32 = 500;
/// Entries that are read of one profile: 19 years of minutes. A meter that speaks of more is not believed.
const ENTRIES_MOST: u32 = 10_000_000;
/// Values in the rows of one answer: ten years of quarters of an hour have less. null-data would make many of few octets.
const VALUES_MOST: usize = 10_000_000;
/// Octets of the longest row that a meter may shorten to less.
const LONGEST_ROW: usize = 64 << 10;
/// Pieces of a range; when it would be more, the pieces are longer.
const PIECES_MOST: i64 = 2_000;

impl Reading {
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            columns: Vec::new(),
            period_seconds: 0,
            entries_in_use: 0,
            meter_deviation: 0,
            pieces: None,
            rows: Vec::new(),
            seen: HashSet::new(),
            asked: HashSet::new(),
            gaps: Vec::new(),
            refilled: 0,
            remark: None,
            picked: None,
        }
    }

    /// Goes on until everything is read. After an error it can be called again with another association.
    ///
    /// # Errors
    /// Why it cannot go on.
    pub(crate) fn go_on(
        &mut self,
        talk: &mut Talk<'_, '_>,
        objects: &mut Objects,
        told: &mut dyn FnMut(usize, usize),
    ) -> Result<(), Broken> {
        if self.pieces.is_none() {
            self.plan(talk, objects)?;
        }
        while let Some(piece) = self.pieces.as_ref().and_then(|pieces| pieces.front().copied()) {
            let rows = match (self.fetch(talk, piece), piece) {
                (Err(broken), Piece::Range(..)) if self.may_pick(&broken) => {
                    self.pick(talk, broken)?;
                    continue;
                }
                (rows, _) => rows?,
            };
            let left = self.accept(piece, rows);
            told(self.rows.len(), left);
        }
        self.fill_gaps(talk)
    }

    /// Learns columns, period and size, and cuts what is wanted into pieces.
    fn plan(&mut self, talk: &mut Talk<'_, '_>, objects: &mut Objects) -> Result<(), Broken> {
        let attribute = |index| Attribute::new(7, self.wanted.name, index);
        let heads = talk.get_all(&[attribute(3), attribute(4), attribute(7)])?;
        let place = &talk.attempt.place;
        let refused = |what: &str, error: AccessError| {
            Failure::Refused(format!(
                "{place}: profile {}: {what} cannot be read: {error}. Is there such a profile, and may this client read it?",
                self.wanted.name
            ))
        };
        let [columns, period, in_use] = heads.as_slice() else {
            return Err(Failure::Failed("three attributes have three values".to_owned()).into());
        };
        let columns = columns
            .as_ref()
            .map_err(|error| refused("its capture objects", *error))?;
        let columns = Value::parse(columns).ok().and_then(|value| {
            let columns = value.fields().iter().map(capture_object);
            columns.collect::<Option<Vec<_>>>()
        });
        let columns =
            columns.ok_or_else(|| Failure::Failed("capture_objects is not of the form of class 7".to_owned()))?;
        let number = |answer: &Result<Vec<u8>, AccessError>| {
            let octets = answer.as_ref().ok()?;
            Value::parse(octets).ok()?.integer()
        };
        self.period_seconds = number(period)
            .and_then(|it| u32::try_from(it).ok())
            .map_or(0, i64::from);
        self.entries_in_use = number(in_use).and_then(|it| u32::try_from(it).ok()).unwrap_or(0);
        let measures = objects.measures(talk, &columns)?;
        let with_measure = columns.into_iter().zip(measures);
        self.columns = with_measure
            .map(|(attribute, measure)| Column { attribute, measure })
            .collect();
        self.pieces = Some(self.cut(talk)?);
        Ok(())
    }

    fn cut(&mut self, talk: &mut Talk<'_, '_>) -> Result<VecDeque<Piece>, Broken> {
        if self.wanted.from.is_none() && self.wanted.to.is_none() {
            return Ok(self.entries(self.wanted.last.unwrap_or(u32::MAX))?);
        }
        if self.clock_column().is_none() {
            self.remark = Some(format!(
                "it has no clock among its columns, so --from and --to say nothing; all {} entries were read",
                self.entries_in_use
            ));
            return Ok(self.entries(u32::MAX)?);
        }
        let clock = talk.get(CLOCK, Selection::Whole)?;
        let clock = clock.ok().and_then(|octets| Value::parse(&octets).ok()?.date_time());
        let clock = clock.map(|at| self.wanted.sign.converted(at));
        self.meter_deviation = clock.and_then(DateTime::deviation).unwrap_or(0);
        let now = clock.and_then(Moment::of);
        let to = match (self.wanted.to, now) {
            (Some(to), _) => to,
            (None, Some(now)) => now,
            (None, None) => return Err(Failure::Usage("the meter tells no time: give --to".to_owned()).into()),
        };
        let Some(from) = self.wanted.from else {
            let since = Moment::parse("2000-01-01").unwrap_or(to);
            return Ok([Piece::Range(since, to)].into());
        };
        let offset = from.seconds() - from.utc(self.meter_deviation).unix();
        let end = to.utc(self.meter_deviation).unix() + offset;
        if end < from.seconds() {
            return Err(Failure::Usage("--to lies before --from".to_owned()).into());
        }
        let rows = if self.period_seconds == 0 {
            i64::MAX
        } else {
            i64::from(PIECE_ROWS)
        };
        let whole = end - from.seconds() + 1;
        let step = self
            .period_seconds
            .saturating_mul(rows)
            .max(whole / PIECES_MOST)
            .clamp(1, whole.max(1));
        let step = if self.period_seconds == 0 { whole } else { step };
        let mut pieces = VecDeque::new();
        let mut begin = from.seconds();
        while begin <= end {
            // Both bounds belong to a range: the next piece begins a second later.
            let stop = end.min(begin + step - 1);
            pieces.push_back(Piece::Range(from.at(begin), from.at(stop)));
            begin = stop + 1;
        }
        Ok(pieces)
    }

    /// The last so many entries.
    fn entries(&self, last: u32) -> Result<VecDeque<Piece>, Failure> {
        let (all, name) = (self.entries_in_use, self.wanted.name);
        let count = last.min(all);
        if ENTRIES_MOST < count {
            return Err(Failure::Failed(format!(
                "profile {name}: the meter speaks of {all} entries, of which {count} were to be read; that is more than a profile has. \
                 Ask for fewer with --last, or for a time with --from and --to"
            )));
        }
        let first = (all - count).saturating_add(1);
        let firsts = (first..=all).step_by(PIECE_ROWS as usize);
        let piece = |from: u32| Piece::Entries(from, all.min(from.saturating_add(PIECE_ROWS - 1)));
        Ok(firsts.map(piece).collect())
    }

    /// Whether the meter refused a range before it gave any row.
    fn may_pick(&self, broken: &Broken) -> bool {
        let refused = matches!(broken.failure, Failure::Refused(_)) && broken.error.is_none();
        refused && self.rows.is_empty() && self.picked.is_none()
    }

    /// Reads by entries what the meter does not give by range; this side picks the rows. Where the meter refuses entries too, it is the
    /// refusal of the range that is told.
    fn pick(&mut self, talk: &mut Talk<'_, '_>, refused: Broken) -> Result<(), Broken> {
        let ranges = self.pieces.iter().flatten().filter_map(|piece| match piece {
            Piece::Range(from, to) => Some((*from, *to)),
            Piece::Entries(..) => None,
        });
        let ranges: Vec<_> = ranges.collect();
        let (Some((from, _)), Some((_, to))) = (ranges.first(), ranges.last()) else {
            return Err(refused);
        };
        if 0 < self.entries_in_use && self.fetch(talk, Piece::Entries(1, 1)).is_err() {
            return Err(refused);
        }
        self.picked = Some((*from, *to));
        self.remark = Some(format!(
            "the meter gives no rows by range ({}); all {} entries were read, and the rows picked here",
            refused.failure, self.entries_in_use
        ));
        self.pieces = Some(self.entries(u32::MAX)?);
        Ok(())
    }

    /// Whether a row was asked for, where this side picks.
    fn is_wanted(&self, row: &[Value]) -> bool {
        let Some((from, to)) = self.picked else { return true };
        self.stamp(row)
            .is_some_and(|(_, at)| from.utc(self.meter_deviation) <= at && at <= to.utc(self.meter_deviation))
    }

    /// The column that a range restricts, wherever it stands.
    fn clock_column(&self) -> Option<usize> {
        // Defect of a peer (Gurux/gurux.dlms.java pull 13): the sort object was taken to be the first column.
        self.columns
            .iter()
            .position(|column| column.attribute.class_id == 8 && column.attribute.index == 2)
    }

    /// Asks for one piece.
    fn fetch(&self, talk: &mut Talk<'_, '_>, piece: Piece) -> Result<Vec<Vec<Value>>, Broken> {
        let mut buffer = [0; 128];
        let mut out = Writer::new(&mut buffer);
        let (selector, written) = match piece {
            Piece::Range(from, to) => (1, self.range(&mut out, from, to)),
            Piece::Entries(from, to) => (2, entries(&mut out, from, to)),
        };
        written.map_err(|Full| Failure::Failed("a selection has room in 128 octets".to_owned()))?;
        let selection = Selection::Selected {
            selector,
            parameters: out.written(),
        };
        let answer = talk.get(Attribute::new(7, self.wanted.name, 2), selection)?;
        let octets = answer.map_err(|error| {
            let advice = match piece {
                Piece::Range(..) => "; some meters want --range-deviation present, some absent",
                Piece::Entries(..) => "",
            };
            Failure::Refused(format!(
                "profile {}: its rows cannot be read: {error}{advice}",
                self.wanted.name
            ))
        })?;
        let wrong = |why: &dyn core::fmt::Display| Failure::Failed(format!("profile {}: {why}", self.wanted.name));
        self.rows_of(&octets).map_err(|why| wrong(&why).into())
    }

    /// The rows of a buffer in any form: what null-data, differences and compact arrays stand for is put in.
    fn rows_of(&self, octets: &[u8]) -> Result<Vec<Vec<Value>>, String> {
        let seconds = u32::try_from(self.period_seconds).unwrap_or(0);
        let pace = self.clock_column().map(|column| Pace { column, seconds });
        let mut buffer = Rows::new(octets, pace).map_err(|error| error.to_string())?;
        let mut rows: Vec<Vec<Value>> = Vec::new();
        // A row is no longer than the buffer that it came in, and the row before it.
        let (mut before, mut scratch) = (Vec::new(), vec![0; octets.len() + LONGEST_ROW]);
        loop {
            let mut out = Writer::new(&mut scratch);
            let more = buffer.next(&before, &mut out);
            if !more.map_err(|error| format!("a row is none: {error}"))? {
                return Ok(rows);
            }
            before = out.written().to_vec();
            let mut reader = Reader::new(&before);
            let mut values = Vec::with_capacity(self.columns.len());
            while !reader.is_at_end() {
                let value = reader.skip_value().and_then(Value::parse);
                values.push(value.map_err(|error| error.to_string())?);
            }
            if values.len() != self.columns.len() {
                return Err(format!(
                    "a row has {} values for {} columns",
                    values.len(),
                    self.columns.len()
                ));
            }
            if VALUES_MOST < (rows.len() + 1) * values.len() {
                return Err(format!(
                    "more than {VALUES_MOST} values in one answer; ask for less at once (--from, --to)"
                ));
            }
            rows.push(values);
        }
    }

    fn range(&self, out: &mut Writer<'_>, from: Moment, to: Moment) -> Result<(), Full> {
        let clock = self.clock_column().and_then(|index| self.columns.get(index));
        let clock = clock.map_or(CLOCK, |column| column.attribute);
        let form = self.wanted.deviation;
        out.structure(4)?;
        out.structure(4)?;
        out.value(clock.class_id)?;
        out.value(clock.name)?;
        out.value(clock.index)?;
        out.value(0_u16)?;
        let sign = self.wanted.sign;
        out.value(sign.converted(from.bound(self.meter_deviation, form)))?;
        out.value(sign.converted(to.bound(self.meter_deviation, form)))?;
        out.array(0)
    }

    /// Takes the rows of the piece that was due; answers how many pieces are left.
    fn accept(&mut self, piece: Piece, rows: Vec<Vec<Value>>) -> usize {
        // Who gives more entries than were asked for gives them all, and would again for each piece.
        let asked = match piece {
            Piece::Entries(from, to) => usize::try_from(to - from).ok(),
            Piece::Range(..) => None,
        };
        let is_whole = asked.is_some_and(|asked| asked < rows.len().saturating_sub(1));
        if is_whole {
            self.rows.clear();
        }
        self.take(piece, rows);
        let pieces = self.pieces.get_or_insert_default();
        pieces.pop_front();
        if is_whole {
            pieces.clear();
            let last = self.wanted.last.and_then(|last| usize::try_from(last).ok());
            let surplus = self.rows.len().saturating_sub(last.unwrap_or(usize::MAX));
            self.rows.drain(..surplus);
        }
        pieces.len()
    }

    /// Takes the rows of one piece, in the order they came; answers how many.
    ///
    /// Rows that are equal stay: two events may be. All rows of one second lie in one range, so those that another range brought
    /// before were fetched twice, by a meter that rounds the bounds.
    fn take(&mut self, piece: Piece, rows: Vec<Vec<Value>>) -> usize {
        let is_range = matches!(piece, Piece::Range(..));
        let before = self.rows.len();
        let mut brought = Vec::new();
        for row in rows {
            let text = self.stamp(&row).map(|_| format!("{row:?}"));
            if is_range && text.as_ref().is_some_and(|text| self.seen.contains(text)) {
                continue;
            }
            brought.extend(text);
            if self.is_wanted(&row) {
                self.rows.push(row);
            }
        }
        self.seen.extend(brought);
        self.rows.len() - before
    }

    /// When a row was captured.
    fn stamp(&self, row: &[Value]) -> Option<(Moment, Utc)> {
        let at = row.get(self.clock_column()?)?.date_time()?;
        let moment = Moment::of(self.wanted.sign.converted(at))?;
        Some((moment, moment.utc(self.meter_deviation)))
    }

    /// Holes between rows: each is asked for once more, since a row that was just being written, or an entry that moved
    /// while the ring turned, is there now. What is still missing the meter does not have.
    fn fill_gaps(&mut self, talk: &mut Talk<'_, '_>) -> Result<(), Broken> {
        self.gaps.clear();
        if self.period_seconds == 0 || self.clock_column().is_none() || self.picked.is_some() {
            return Ok(());
        }
        let mut row = 0;
        while row + 1 < self.rows.len() {
            let stamp = |row: usize| self.stamp(self.rows.get(row)?);
            if let (Some((before, begin)), Some((_, end))) = (stamp(row), stamp(row + 1)) {
                let hole = end.seconds_since(begin);
                if self.period_seconds < hole {
                    if self.asked.len() < GAPS_MOST && !self.asked.contains(&(begin.unix(), end.unix())) {
                        let first = before.at(before.seconds() + 1);
                        let last = before.at(before.seconds() + hole - 1);
                        let piece = Piece::Range(first, last);
                        let rows = self.fetch(talk, piece)?;
                        self.asked.insert((begin.unix(), end.unix()));
                        let behind = self.rows.split_off(row + 1);
                        self.refilled += self.take(piece, rows);
                        self.rows.extend(behind);
                        continue;
                    }
                    self.gaps.push(Gap {
                        after: row,
                        rows: hole / self.period_seconds - i64::from(hole % self.period_seconds == 0),
                    });
                }
            }
            row += 1;
        }
        Ok(())
    }
}

/// Holes that are asked for once more; a profile with more of them is not one that a transfer has torn.
const GAPS_MOST: usize = 200;

/// The clock.
const CLOCK: Attribute = Attribute::new(8, Obis::new("0-0:1.0.0"), 2);

fn entries(out: &mut Writer<'_>, from: u32, to: u32) -> Result<(), Full> {
    out.structure(4)?;
    out.value(from)?;
    out.value(to)?;
    out.value(1_u16)?;
    out.value(0_u16)
}

fn capture_object(value: &Value) -> Option<Attribute> {
    let [class, name, index, _part] = value.fields() else {
        return None;
    };
    Some(Attribute::new(
        u16::try_from(class.integer()?).ok()?,
        name.name()?,
        i8::try_from(index.integer()?).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reading of clock and energy, of which the meter says that it holds so many entries.
    fn reading(entries_in_use: u32, last: Option<u32>, sign: DeviationSign) -> Reading {
        let column = |class, name| Column {
            attribute: Attribute::new(class, Obis::new(name), 2),
            measure: None,
        };
        let wanted = Wanted {
            name: Obis::new("1-0:99.1.0"),
            from: None,
            to: None,
            last,
            deviation: RangeDeviation::AsWritten,
            sign,
        };
        Reading {
            columns: vec![column(8, "0-0:1.0.0"), column(3, "1-0:1.8.0")],
            entries_in_use,
            meter_deviation: -60,
            ..Reading::new(wanted)
        }
    }

    /// A row at this time of a meter of Central Europe.
    fn row(time: &str, energy: i128) -> Vec<Value> {
        let at = Moment::parse(time).expect("a time").bound(-60, RangeDeviation::Present);
        vec![Value::DateTime(at), Value::Integer(energy)]
    }

    fn range() -> Piece {
        let bound = |text| Moment::parse(text).expect("a time");
        Piece::Range(bound("2026-01-05"), bound("2026-01-06"))
    }

    #[test]
    fn rows_that_are_equal_stay_and_what_was_fetched_twice_does_not() {
        let (first, second) = (row("2026-01-05T12:00", 7), row("2026-01-05T12:15", 7));
        let lost = vec![Value::Null, Value::Null];
        // By entries everything stays, within a piece and over its end.
        let mut it = reading(1000, None, DeviationSign::Standard);
        it.pieces = Some(it.entries(u32::MAX).expect("few"));
        let events = vec![first.clone(), first.clone(), lost.clone(), lost.clone(), second.clone()];
        assert_eq!(it.accept(Piece::Entries(1, 500), events.clone()), 1);
        assert_eq!(it.accept(Piece::Entries(501, 1000), vec![second.clone(); 2]), 0);
        assert_eq!(it.rows, [&events[..], &[second.clone(), second.clone()]].concat());
        // A range that brings what another brought, and a hole between two entries, too.
        assert_eq!(it.take(range(), vec![first.clone(), first.clone(), second.clone()]), 0);
        let mut it = reading(1000, None, DeviationSign::Standard);
        assert_eq!(it.take(range(), vec![first.clone(), first.clone(), lost.clone()]), 3);
        assert_eq!(it.take(range(), vec![first, second, lost]), 2);
    }

    /// A meter that knows no selection gives all its rows for every piece.
    #[test]
    fn who_gives_all_entries_whatever_is_asked_is_asked_once() {
        let all: Vec<_> = (0..600).map(|energy| row("2026-01-05T12:00", energy)).collect();
        for (last, expected) in [(None, &all[..]), (Some(550), &all[50..]), (Some(3), &all[597..])] {
            let mut it = reading(600, last, DeviationSign::Standard);
            let pieces = it.entries(last.unwrap_or(u32::MAX)).expect("few");
            let first = pieces[0];
            it.pieces = Some(pieces);
            assert_eq!(it.accept(first, all.clone()), 0, "{last:?}");
            assert_eq!(it.rows, expected, "{last:?}");
        }
    }

    #[test]
    fn picked_rows_are_those_that_were_asked_for_whatever_the_sign() {
        for sign in [DeviationSign::Standard, DeviationSign::Reversed] {
            let mut it = reading(3, None, sign);
            let bound = |text| Moment::parse(text).expect("a time");
            it.picked = Some((bound("2026-01-05T12:00:00+01:00"), bound("2026-01-05T12:15:00+01:00")));
            let rows = [
                "2026-01-05T11:45",
                "2026-01-05T12:00",
                "2026-01-05T12:15",
                "2026-01-05T12:30",
            ]
            .map(|time| {
                let mut row = row(time, 7);
                if let Some(Value::DateTime(at)) = row.first_mut() {
                    *at = sign.converted(*at);
                }
                row
            });
            it.take(Piece::Entries(1, 4), rows.to_vec());
            assert_eq!(it.rows, rows[1..3], "{sign:?}");
        }
    }

    #[test]
    fn no_number_of_entries_is_too_many_to_be_told() {
        let pieces = |entries, last| reading(entries, last, DeviationSign::Standard).entries(last.unwrap_or(u32::MAX));
        assert_eq!(pieces(0, None).expect("none"), []);
        assert_eq!(
            pieces(501, None).expect("few"),
            [Piece::Entries(1, 500), Piece::Entries(501, 501)]
        );
        let newest = [Piece::Entries(u32::MAX - 2, u32::MAX)];
        assert_eq!(pieces(u32::MAX, Some(3)).expect("few"), newest);
        let Err(Failure::Failed(text)) = pieces(u32::MAX, None) else {
            panic!("nobody has so many")
        };
        assert!(text.contains("4294967295 entries") && text.contains("--last"), "{text}");
    }

    #[test]
    fn null_data_makes_no_more_values_than_are_bearable() {
        let it = reading(3, None, DeviationSign::Standard);
        // Rows of two octets and two values.
        let count = u32::try_from(VALUES_MOST / 2 + 1).expect("some millions");
        let mut octets = vec![1, 0x84];
        octets.extend(count.to_be_bytes());
        for _ in 0..count {
            octets.extend([2, 2, 0, 0]);
        }
        let why = it.rows_of(&octets).expect_err("too many");
        assert!(why.contains("more than 10000000 values"), "{why}");
    }
}
