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
    seen: HashSet<Vec<u8>>,
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
            self.take(rows);
            if let Some(pieces) = &mut self.pieces {
                pieces.pop_front();
                told(self.rows.len(), pieces.len());
            }
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
        self.period_seconds = number(period).and_then(|it| i64::try_from(it).ok()).unwrap_or(0);
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
            return Ok(self.entries(self.wanted.last.unwrap_or(u32::MAX)));
        }
        if self.clock_column().is_none() {
            self.remark = Some(format!(
                "it has no clock among its columns, so --from and --to say nothing; all {} entries were read",
                self.entries_in_use
            ));
            return Ok(self.entries(u32::MAX));
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
    fn entries(&self, last: u32) -> VecDeque<Piece> {
        let first = self.entries_in_use - last.min(self.entries_in_use) + 1;
        let firsts = (first..=self.entries_in_use).step_by(PIECE_ROWS as usize);
        let piece = |from: u32| Piece::Entries(from, self.entries_in_use.min(from + PIECE_ROWS - 1));
        firsts.map(piece).collect()
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
        self.pieces = Some(self.entries(u32::MAX));
        Ok(())
    }

    /// Whether a row was asked for, where this side picks.
    fn is_wanted(&self, row: &[Value]) -> bool {
        let Some((from, to)) = self.picked else { return true };
        let stamp = self
            .clock_column()
            .and_then(|column| Moment::of(row.get(column)?.date_time()?));
        stamp.is_some_and(|stamp| {
            let at = stamp.utc(self.meter_deviation);
            from.utc(self.meter_deviation) <= at && at <= to.utc(self.meter_deviation)
        })
    }

    /// The column that a range restricts, wherever it stands.
    fn clock_column(&self) -> Option<usize> {
        // Defect of a peer (Gurux/gurux.dlms.java pull 13): the sort object was taken to be the first column.
        self.columns
            .iter()
            .position(|column| column.attribute.class_id == 8 && column.attribute.index == 2)
    }

    /// Asks for one piece.
    fn fetch(&self, talk: &mut Talk<'_, '_>, piece: Piece) -> Result<Vec<(Vec<u8>, Vec<Value>)>, Broken> {
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
    fn rows_of(&self, octets: &[u8]) -> Result<Vec<(Vec<u8>, Vec<Value>)>, String> {
        let seconds = u32::try_from(self.period_seconds).unwrap_or(0);
        let pace = self.clock_column().map(|column| Pace { column, seconds });
        let mut buffer = Rows::new(octets, pace).map_err(|error| error.to_string())?;
        let mut rows: Vec<(Vec<u8>, Vec<Value>)> = Vec::new();
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
            rows.push((format!("{values:?}").into_bytes(), values));
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

    /// Takes rows that were not there yet, in the order they came; answers how many.
    fn take(&mut self, rows: Vec<(Vec<u8>, Vec<Value>)>) -> usize {
        let before = self.rows.len();
        for (octets, row) in rows {
            if self.is_wanted(&row) && self.seen.insert(octets) {
                self.rows.push(row);
            }
        }
        self.rows.len() - before
    }

    fn stamp(&self, row: usize) -> Option<(Moment, Utc)> {
        let column = self.clock_column()?;
        let at = self.rows.get(row)?.get(column)?.date_time()?;
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
            if let (Some((before, begin)), Some((_, end))) = (self.stamp(row), self.stamp(row + 1)) {
                let hole = end.seconds_since(begin);
                if self.period_seconds < hole {
                    if self.asked.len() < GAPS_MOST && !self.asked.contains(&(begin.unix(), end.unix())) {
                        let first = before.at(before.seconds() + 1);
                        let last = before.at(before.seconds() + hole - 1);
                        let rows = self.fetch(talk, Piece::Range(first, last))?;
                        self.asked.insert((begin.unix(), end.unix()));
                        let behind = self.rows.split_off(row + 1);
                        self.refilled += self.take(rows);
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
