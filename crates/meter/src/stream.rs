//! Attributes that are too long to be a value: rows out of flash and the object list, step by step.

use base::Utc;
use cosem::axdr::Writer;
use cosem::buffer::{Pace, RowForm, is_alike, put_description, put_lost, put_row};
use cosem::{AccessError, ByEntry, ByRange, CaptureObject, Cursor, DateTime, Role, Selection, Step};
use flash::{Journal, Missing, Nor};

use crate::capture::{self, Column};
use crate::clock::Clock;
use crate::limits::{COLUMNS, ROW_OCTETS, STEP_OCTETS};
use crate::memory::{Memory, MemoryError};
use crate::model::Model;
use crate::objects::DIRECTORY;
use crate::profile::JournalId;

/// Where the words of a session's cursor keep what this file must remember; the journal's own cursor stands before them.
const JOURNAL_WORDS: usize = flash::Cursor::WORDS;

/// What a step of a buffer must remember.
struct Rows {
    /// Where the journal is read next.
    cursor: flash::Cursor,
    /// The columns that are wanted, a bit each.
    columns: u32,
    /// Rows still owed: their number was said in the first step.
    left: u32,
    /// Of these the next ones that the flash has lost.
    missing: u32,
    /// Sequence of the oldest row that the profile showed when the reading began: those before it are beyond its depth.
    first: u32,
    /// How rows are written.
    form: RowForm,
    /// The row that `cursor` reads next was written: those behind it are told by their difference to it.
    again: bool,
}

impl Rows {
    fn from_words(words: &[u32; 24]) -> Self {
        let [journal @ .., columns, left, missing, first, how] = *words;
        Self {
            cursor: flash::Cursor::from_words(journal),
            columns,
            left,
            missing,
            first,
            form: match how >> 1 {
                1 => RowForm::NullData,
                2 => RowForm::Delta,
                3 => RowForm::CompactArray,
                _ => RowForm::Plain,
            },
            again: how & 1 == 1,
        }
    }

    fn to_words(&self) -> [u32; 24] {
        let mut words = [0; 24];
        let [journal @ .., columns, left, missing, first, how] = &mut words;
        *journal = self.cursor.to_words();
        (*columns, *left, *missing, *first) = (self.columns, self.left, self.missing, self.first);
        let form = match self.form {
            RowForm::Plain => 0,
            RowForm::NullData => 1,
            RowForm::Delta => 2,
            RowForm::CompactArray => 3,
        };
        *how = form << 1 | u32::from(self.again);
        words
    }
}

/// Appends as many rows of a journal as one step takes, in this form.
///
/// # Errors
/// `ScopeOfAccessViolated` for a selection that the buffer does not have, `LongGetAborted` when the rows went while they were read.
pub(crate) fn buffer(
    it: &Model,
    memory: &Memory,
    nor: &dyn Nor,
    (journal, form): (JournalId, RowForm),
    selection: Selection<'_>,
    cursor: &mut Cursor,
    out: &mut Writer<'_>,
) -> Result<Step, AccessError> {
    let columns = it.columns(journal);
    let Some(source) = memory.journal(journal) else {
        // Another client has changed the list since the reading began, and the rows that were owed are gone.
        if cursor.step != 0 {
            return Err(AccessError::LongGetAborted);
        }
        // Not laid out yet: nothing was ever captured.
        out.array(0)?;
        return Ok(Step::Done);
    };
    let mut rows = if cursor.step == 0 {
        let mut rows = select(it, source, nor, journal, selection)?;
        rows.form = form;
        if form == RowForm::CompactArray && !put_compact_head(&it.clock, source, nor, &rows, &columns, out)? {
            rows.form = RowForm::Plain;
        }
        if rows.form != RowForm::CompactArray {
            out.array(usize::try_from(rows.left).map_err(|_| AccessError::OtherReason)?)?;
        }
        rows
    } else {
        Rows::from_words(&cursor.words)
    };
    let wanted = rows.width(&columns);
    let pace = pace(it, journal, &columns, rows.columns);
    let room = out.len() + out.room().min(STEP_OCTETS - 8);
    let mut row = [0; ROW_OCTETS];
    // A row of the profile and its head never outgrow a step, so each step makes at least one row.
    let width = usize::from(source.shape().width);
    let longest = capture::longest(&columns);
    // The row before in full, for those that are told by their difference to it, and where it is read again.
    let (mut before, mut before_length, mut before_at) = ([0; ROW_OCTETS], 0, rows.cursor);
    if rows.again {
        let at = rows.cursor;
        let flash::Step::Row { utc, .. } = source
            .next(nor, &mut rows.cursor, &mut row)
            .map_err(MemoryError::from)?
        else {
            return Err(AccessError::LongGetAborted);
        };
        let mut full = Writer::new(&mut before);
        capture::unpack(
            &it.clock,
            &columns,
            rows.columns,
            utc,
            row.get(..width).unwrap_or(&[]),
            &mut full,
        )?;
        (before_length, before_at) = (full.len(), at);
    }
    while 0 < rows.left && out.len() + longest + 4 <= room {
        if 0 < rows.missing {
            // The flash lost them: the client was told how many rows come, so it gets rows that say nothing.
            out.structure(wanted)?;
            put_lost(rows.form, wanted, out)?;
            rows.missing -= 1;
            rows.left -= 1;
            continue;
        }
        let at = rows.cursor;
        match source
            .next(nor, &mut rows.cursor, &mut row)
            .map_err(MemoryError::from)?
        {
            flash::Step::Row { sequence, .. } if sequence < rows.first => {}
            flash::Step::Row { utc, .. } => {
                let octets = row.get(..width).unwrap_or(&[]);
                if rows.form == RowForm::Plain {
                    out.structure(wanted)?;
                    capture::unpack(&it.clock, &columns, rows.columns, utc, octets, out)?;
                } else {
                    let mut full = [0; ROW_OCTETS];
                    let mut full = Writer::new(&mut full);
                    capture::unpack(&it.clock, &columns, rows.columns, utc, octets, &mut full)?;
                    if rows.form != RowForm::CompactArray {
                        out.structure(wanted)?;
                    }
                    let old = before.get(..before_length).filter(|old| !old.is_empty());
                    put_row(rows.form, full.written(), old, pace, out)?;
                    (before_length, before_at) = (full.len(), at);
                    if let Some(place) = before.get_mut(..before_length) {
                        place.copy_from_slice(full.written());
                    }
                }
                rows.left -= 1;
            }
            flash::Step::Missing {
                why: Missing::Overwritten,
                ..
            } => return Err(AccessError::LongGetAborted),
            // A compact array has no word for a row that is not there; they all were when it began.
            _ if rows.form == RowForm::CompactArray => return Err(AccessError::LongGetAborted),
            // Rows at the end of a range that were counted and cannot be read.
            flash::Step::End => (rows.missing, before_length) = (rows.left, 0),
            flash::Step::Missing {
                sequence,
                rows: missing,
                why: Missing::Damaged,
            } => {
                rows.missing = missing.min(sequence.saturating_add(missing).saturating_sub(rows.first));
                before_length = 0;
            }
        }
    }
    rows.again = matches!(rows.form, RowForm::NullData | RowForm::Delta) && before_length != 0;
    if rows.again {
        rows.cursor = before_at;
    }
    cursor.words = rows.to_words();
    Ok(if rows.left == 0 { Step::Done } else { Step::More })
}

impl Rows {
    /// How many columns are wanted.
    fn width(&self, columns: &[Column]) -> usize {
        let whole = u32::MAX >> (32 - columns.len().clamp(1, COLUMNS));
        usize::try_from((self.columns & whole).count_ones()).unwrap_or(0)
    }
}

/// Which of the wanted columns is the clock, and how far it moves on from row to row.
fn pace(it: &Model, journal: JournalId, columns: &[Column], wanted: u32) -> Option<Pace> {
    let time = CaptureObject::whole(capture::TIME);
    let at = columns.iter().position(|column| column.object() == time)?;
    let before = (1_u32 << at) - 1;
    (wanted >> at & 1 == 1).then(|| Pace {
        column: usize::try_from((wanted & before).count_ones()).unwrap_or(0),
        seconds: it.period(journal),
    })
}

/// Writes everything of a compact array that stands before its contents; false, and nothing, when the rows are not all
/// there or not all alike.
fn put_compact_head(
    clock: &Clock,
    source: &Journal,
    nor: &dyn Nor,
    rows: &Rows,
    columns: &[Column],
    out: &mut Writer<'_>,
) -> Result<bool, AccessError> {
    let (start, wanted) = (out.len(), rows.width(columns));
    let mut cursor = rows.cursor;
    let (mut row, mut model, mut full) = ([0; ROW_OCTETS], [0; ROW_OCTETS], [0; ROW_OCTETS]);
    let (mut length, mut met, mut contents) = (0, 0_u32, 0);
    while met < rows.left {
        match source.next(nor, &mut cursor, &mut row).map_err(MemoryError::from)? {
            flash::Step::Row { sequence, .. } if sequence < rows.first => continue,
            flash::Step::Row { utc, .. } => {
                let mut plain = Writer::new(&mut full);
                let octets = row.get(..usize::from(source.shape().width)).unwrap_or(&[]);
                capture::unpack(clock, columns, rows.columns, utc, octets, &mut plain)?;
                let plain = plain.written();
                if met == 0 {
                    length = plain.len();
                    if let Some(place) = model.get_mut(..length) {
                        place.copy_from_slice(plain);
                    }
                    match put_description(plain, wanted, out)? {
                        Some(octets) => contents = octets,
                        None => break,
                    }
                } else if !is_alike(model.get(..length).unwrap_or(&[]), plain) {
                    break;
                }
                met += 1;
            }
            _ => break,
        }
    }
    if met < rows.left || rows.left == 0 {
        out.truncate(start);
        return Ok(false);
    }
    let count = usize::try_from(rows.left).map_err(|_| AccessError::OtherReason)?;
    out.length(contents.checked_mul(count).ok_or(AccessError::OtherReason)?)?;
    Ok(true)
}

/// Which rows and columns a selection means, counted.
fn select(
    it: &Model,
    source: &Journal,
    nor: &dyn Nor,
    journal: JournalId,
    selection: Selection<'_>,
) -> Result<Rows, AccessError> {
    let columns = it.columns(journal);
    let shown = source.len().min(it.depth(journal));
    let first = source.next_sequence().saturating_sub(shown);
    match selection {
        Selection::Whole => Ok(Rows {
            cursor: source.rows(first, source.next_sequence()),
            columns: u32::MAX,
            left: shown,
            missing: 0,
            first,
            form: RowForm::Plain,
            again: false,
        }),
        Selection::Selected {
            selector: 1,
            parameters,
        } => {
            let range = ByRange::parse(parameters)?;
            let by_time = range.restricting == CaptureObject::whole(capture::TIME);
            if !by_time || !columns.iter().any(|column| column.object() == range.restricting) {
                return Err(AccessError::ScopeOfAccessViolated);
            }
            let from = bound(it, range.from, Utc::from_unix(i64::MIN))?;
            let to = bound(it, range.to, Utc::from_unix(i64::MAX))?;
            let mut wanted = if range.columns.is_empty() { u32::MAX } else { 0 };
            for column in range.columns {
                let column = column?;
                let at = columns.iter().position(|known| known.object() == column);
                wanted |= 1 << at.ok_or(AccessError::ScopeOfAccessViolated)?;
            }
            let cursor = source.range(from, to);
            Ok(Rows {
                cursor,
                columns: wanted,
                left: source.count(nor, from, to, first).map_err(MemoryError::from)?,
                missing: 0,
                first,
                form: RowForm::Plain,
                again: false,
            })
        }
        Selection::Selected {
            selector: 2,
            parameters,
        } => {
            let entries = ByEntry::parse(parameters)?;
            let last = if entries.to_entry == 0 {
                shown
            } else {
                entries.to_entry.min(shown)
            };
            let last_column = if entries.to_column == 0 {
                u16::MAX
            } else {
                entries.to_column
            };
            if entries.from_entry == 0 || entries.from_column == 0 {
                return Err(AccessError::ScopeOfAccessViolated);
            }
            let numbers = (1_u16..).zip(&columns);
            let wanted = numbers
                .filter(|(number, _)| (entries.from_column..=last_column).contains(number))
                .fold(0, |set, (number, _)| set | 1_u32 << (number - 1));
            if wanted == 0 {
                return Err(AccessError::ScopeOfAccessViolated);
            }
            let left = (last + 1).saturating_sub(entries.from_entry);
            let from = first.saturating_add(entries.from_entry - 1);
            Ok(Rows {
                cursor: source.rows(from, from.saturating_add(left)),
                columns: wanted,
                left,
                missing: 0,
                first,
                form: RowForm::Plain,
                again: false,
            })
        }
        Selection::Selected { .. } => Err(AccessError::ScopeOfAccessViolated),
    }
}

/// One end of a range. A date-time that specifies nothing leaves the range open there.
fn bound(it: &Model, at: DateTime, open: Utc) -> Result<Utc, AccessError> {
    let [year_high, year_low, ..] = at.octets();
    if [year_high, year_low] == [0xFF, 0xFF] {
        return Ok(open);
    }
    it.clock.moment(at).map_err(|_| AccessError::OtherReason)
}

/// Appends as many columns of a capture list as one step takes.
///
/// # Errors
/// `LongGetAborted` when the list was changed while it was read.
pub(crate) fn columns(
    it: &Model,
    journal: JournalId,
    cursor: &mut Cursor,
    out: &mut Writer<'_>,
) -> Result<Step, AccessError> {
    let columns = it.columns(journal);
    let tag = capture::tag(&columns, 0);
    let [done, known, ..] = &mut cursor.words;
    if cursor.step == 0 {
        out.array(columns.len())?;
        *known = tag;
    } else if *known != tag {
        return Err(AccessError::LongGetAborted);
    }
    let end = out.len() + out.room().min(STEP_OCTETS - 8);
    for column in columns.iter().skip(usize::try_from(*done).unwrap_or(usize::MAX)) {
        if end < out.len() + COLUMN_OCTETS {
            return Ok(Step::More);
        }
        out.value(column.object())?;
        *done += 1;
    }
    Ok(Step::Done)
}

/// Octets of a column in a capture list.
const COLUMN_OCTETS: usize = 18;

/// Appends as many elements of the object list of `role` as one step takes.
///
/// # Errors
/// `OtherReason` when an element outgrows a step.
pub(crate) fn object_list(
    it: &Model,
    role: Role,
    cursor: &mut Cursor,
    out: &mut Writer<'_>,
) -> Result<Step, AccessError> {
    if cursor.step == 0 {
        out.array(DIRECTORY.visible(it, role).count())?;
    }
    let [done, ..] = &mut cursor.words;
    let end = out.len() + out.room().min(STEP_OCTETS - 8);
    for object in DIRECTORY
        .visible(it, role)
        .skip(usize::try_from(*done).unwrap_or(usize::MAX))
    {
        let before = out.len();
        let described = object.describe(role, out);
        if described.is_err() || end < out.len() {
            out.truncate(before);
            // A step that made nothing would never end.
            return if *done == 0 && described.is_err() {
                Err(AccessError::OtherReason)
            } else {
                Ok(Step::More)
            };
        }
        *done += 1;
    }
    Ok(Step::Done)
}

const _: () = assert!(
    JOURNAL_WORDS + 5 == 24,
    "the journal's cursor and ours fill a session's cursor"
);
