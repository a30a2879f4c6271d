//! Reads rows of the directory into rows of a journal, and rows of a journal back into A-XDR: profiles, logs, billing.
//!
//! A row in flash says no types: they are those of its columns, which are fixed when the list is set. So a 32-bit register is four octets.
//!
//! ```text
//! column                            in flash                                                     A-XDR
//! the clock (0-0:1.0.0/2)           2 octets: status and deviation; the moment is the row's own  14
//! a number, truth value, date       its octets without the tag                                   1 more
//! what varies in type or length     its A-XDR, filled up to the declared maximum                 up to that
//! ```
//!
//! Who has a class 7 object of his own (billing): [`columns`] turns a list that a client sent, or the factory's, into [`Columns`]; keep them in
//! the model, answer them from `Model::columns` for your [`JournalId`](crate::profile::JournalId), and push `Effect::Capture(journal, stamp)`
//! whenever a row is due: the step then reads all columns into one row. After a change push `Effect::Clear(journal)` and an event.

use base::Utc;
use cosem::axdr::{Reader, Writer, tag};
use cosem::{AccessError, Attribute, CaptureObject, ClockStatus, DateTime, Obis, Object, Role};
use heapless::Vec;

use crate::clock::Clock;
use crate::limits::{COLUMNS, ROW_OCTETS, STEP_OCTETS};
use crate::model::Model;
use crate::objects::DIRECTORY;

/// The time column: it takes the row's own time stamp, not the moment at which the row happens to be written.
pub(crate) const TIME: Attribute = Attribute::new(8, Obis::new("0-0:1.0.0"), 2);

/// The columns of a profile, in their order.
pub type Columns = Vec<Column, COLUMNS>;

/// One column: which attribute, which element of it, and how it lies in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Place of the object among the rows of the directory.
    row: u16,
    attribute: u8,
    /// data_index: 0 the whole attribute, n its n-th element.
    element: u8,
    form: Form,
    /// Octets in flash.
    width: u8,
}

/// How a column lies in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Time,
    /// Without its tag, which is this one.
    Plain(u8),
    Padded,
}

impl Column {
    /// The column as the capture list shows it.
    #[must_use]
    pub fn object(self) -> CaptureObject {
        let Some(object) = self.row() else {
            return CaptureObject::NONE;
        };
        CaptureObject {
            attribute: Attribute::new(object.class_id(), object.name, self.attribute.cast_signed()),
            data_index: u16::from(self.element),
        }
    }

    fn row(self) -> Option<&'static Object<Model>> {
        DIRECTORY.rows().nth(usize::from(self.row))
    }

    /// Octets of the value in A-XDR, at most.
    const fn longest(self) -> usize {
        match self.form {
            Form::Time => 14,
            Form::Plain(_) => self.width as usize + 1,
            Form::Padded => self.width as usize,
        }
    }
}

/// The column for an attribute that somebody wants captured.
///
/// # Errors
/// `OtherReason` when the meter has no such attribute or element, when it is not to be read or is streamed, or when its values vary in type or
/// length and no maximum is declared.
pub(crate) fn column(it: &Model, wanted: CaptureObject) -> Result<Column, AccessError> {
    const REFUSED: AccessError = AccessError::OtherReason;
    let CaptureObject { attribute, data_index } = wanted;
    let object = DIRECTORY.find(it, attribute.class_id, attribute.name).ok_or(REFUSED)?;
    let row = DIRECTORY.rows().position(|row| core::ptr::eq(row, object));
    let row = row.and_then(|row| u16::try_from(row).ok()).ok_or(REFUSED)?;
    let index = u8::try_from(attribute.index).map_err(|_| REFUSED)?;
    let element = u8::try_from(data_index).map_err(|_| REFUSED)?;
    let known = (1..=object.class.attributes()).contains(&index);
    let readable = index == 1 || object.grant(Role::Management).read.contains(index);
    if !known || !readable || object.class.stream(index).is_some() {
        return Err(REFUSED);
    }
    let (form, width) = if attribute == TIME {
        if element != 0 {
            return Err(REFUSED);
        }
        (Form::Time, 2)
    } else {
        let mut buffer = [0; STEP_OCTETS];
        let mut out = Writer::new(&mut buffer);
        DIRECTORY.get(it, object, index, &mut out).map_err(|_| REFUSED)?;
        let value = part(out.written(), element).ok_or(REFUSED)?;
        form(object, index, element, value).ok_or(REFUSED)?
    };
    Ok(Column {
        row,
        attribute: index,
        element,
        form,
        width,
    })
}

/// The columns for a list; the caller has seen to it that no two are alike.
///
/// # Errors
/// As [`column`]; `OtherReason` too for more than 32 columns, the same one twice, or a row that is too wide.
pub(crate) fn columns(it: &Model, wanted: impl IntoIterator<Item = CaptureObject>) -> Result<Columns, AccessError> {
    let mut columns = Columns::new();
    for object in wanted {
        let column = column(it, object)?;
        if columns.contains(&column) {
            return Err(AccessError::OtherReason);
        }
        columns.push(column).map_err(|_| AccessError::OtherReason)?;
    }
    if ROW_OCTETS < columns.iter().map(|column| column.longest()).sum() {
        return Err(AccessError::OtherReason);
    }
    Ok(columns)
}

/// The columns of a list of the factory's, without those that this meter does not have.
pub(crate) fn those_present(it: &Model, wanted: &[CaptureObject]) -> Columns {
    let present = wanted.iter().filter_map(|object| column(it, *object).ok());
    present.take(COLUMNS).collect()
}

/// Octets of a row in flash.
pub(crate) fn width(columns: &[Column]) -> u16 {
    columns.iter().map(|column| u16::from(column.width)).sum()
}

/// Octets of a row in A-XDR, at most, without the head of the structure.
pub(crate) fn longest(columns: &[Column]) -> usize {
    columns.iter().map(|column| column.longest()).sum()
}

/// Appends the values of `columns` as they lie in flash, for a row stamped `stamp`.
///
/// # Errors
/// The refusal of the first column that cannot be read: a mistake of the program, since all could be read when the list was set.
pub(crate) fn row(it: &Model, columns: &[Column], stamp: Utc, out: &mut Writer<'_>) -> Result<(), AccessError> {
    for column in columns {
        if column.form == Form::Time {
            out.put(&packed_time(it.clock.converted(it.clock.date_time(stamp))).to_be_bytes())?;
            continue;
        }
        let object = column.row().ok_or(AccessError::ObjectUndefined)?;
        let mut buffer = [0; STEP_OCTETS];
        let mut value = Writer::new(&mut buffer);
        DIRECTORY.get(it, object, column.attribute, &mut value)?;
        let value = part(value.written(), column.element).ok_or(AccessError::TypeUnmatched)?;
        let width = usize::from(column.width);
        match (column.form, value) {
            (Form::Plain(tag), [is, octets @ ..]) if *is == tag && octets.len() == width => out.put(octets)?,
            (Form::Plain(_), _) => return Err(AccessError::TypeUnmatched),
            (Form::Padded | Form::Time, value) => {
                // Longer than was declared: better nothing than half of it.
                let value = if value.len() <= width { value } else { &[tag::NULL] };
                out.put(value)?;
                for _ in value.len()..width {
                    out.octet(0)?;
                }
            }
        }
    }
    Ok(())
}

/// Appends the columns of a row out of flash whose bits are set in `wanted`, as A-XDR.
///
/// # Errors
/// When `out` is full, or the row is not one of these columns.
pub(crate) fn unpack(
    clock: &Clock,
    columns: &[Column],
    wanted: u32,
    stamp: Utc,
    row: &[u8],
    out: &mut Writer<'_>,
) -> Result<(), AccessError> {
    let mut row = Reader::new(row);
    for (at, column) in columns.iter().enumerate() {
        let octets = row.take(usize::from(column.width))?;
        if wanted >> at & 1 == 0 {
            continue;
        }
        match (column.form, octets) {
            (Form::Time, [high, low]) => {
                out.value(clock.converted(unpacked_time(u16::from_be_bytes([*high, *low]), stamp)))?;
            }
            (Form::Plain(tag), octets) => {
                out.octet(tag)?;
                out.put(octets)?;
            }
            (Form::Padded | Form::Time, octets) => out.put(Reader::new(octets).skip_value()?)?,
        }
    }
    Ok(())
}

/// The element of a structure or array, or the whole value.
fn part(value: &[u8], element: u8) -> Option<&[u8]> {
    let mut reader = Reader::new(value);
    if element == 0 {
        return reader.skip_value().ok();
    }
    if !matches!(reader.octet().ok()?, tag::STRUCTURE | tag::ARRAY) {
        return None;
    }
    let elements = reader.length().ok()?;
    if elements < usize::from(element) {
        return None;
    }
    for _ in 1..element {
        reader.skip_value().ok()?;
    }
    reader.skip_value().ok()
}

/// How values like this one lie in a row, and how wide.
fn form(object: &Object<Model>, index: u8, element: u8, value: &[u8]) -> Option<(Form, u8)> {
    if element == 0
        && let Some(longest) = object.longest(index)
    {
        return u8::try_from(longest).ok().map(|width| (Form::Padded, width));
    }
    let (tag, octets) = value.split_first()?;
    if index == 1 || is_of_fixed_structure(value) {
        return u8::try_from(value.len()).ok().map(|width| (Form::Padded, width));
    }
    is_of_fixed_length(*tag).then(|| u8::try_from(octets.len()).ok().map(|width| (Form::Plain(*tag), width)))?
}

/// A structure of values of fixed length, such as scaler and unit.
fn is_of_fixed_structure(value: &[u8]) -> bool {
    let mut reader = Reader::new(value);
    if reader.octet() != Ok(tag::STRUCTURE) || reader.length().is_err() {
        return false;
    }
    while let Some(tag) = reader.peek() {
        if !is_of_fixed_length(tag) || reader.skip_value().is_err() {
            return false;
        }
    }
    true
}

const fn is_of_fixed_length(tag: u8) -> bool {
    matches!(
        tag,
        tag::BOOLEAN
            | tag::BCD
            | tag::INTEGER
            | tag::UNSIGNED
            | tag::ENUM
            | tag::LONG
            | tag::LONG_UNSIGNED
            | tag::DOUBLE_LONG
            | tag::DOUBLE_LONG_UNSIGNED
            | tag::FLOAT32
            | tag::TIME
            | tag::DATE
            | tag::LONG64
            | tag::LONG64_UNSIGNED
            | tag::FLOAT64
            | tag::DATE_TIME
    )
}

/// Status (bits 0 to 3 and 7) and deviation of a reading, in 16 bits: 5 of the status, 11 of the deviation plus 1024.
fn packed_time(reading: DateTime) -> u16 {
    let [.., status] = reading.octets();
    let status = u16::from(status & 0x0F | status >> 3 & 0x10);
    let deviation = (reading.deviation().unwrap_or(0) + 1_024).clamp(0, 0x7FF);
    status << 11 | deviation.cast_unsigned()
}

fn unpacked_time(packed: u16, stamp: Utc) -> DateTime {
    let [_, bits] = (packed >> 11).to_be_bytes();
    let deviation = (packed & 0x7FF).cast_signed() - 1_024;
    let mut octets = DateTime::from_utc(stamp, deviation, ClockStatus::default()).octets();
    let [.., status] = &mut octets;
    *status = bits & 0x0F | (bits & 0x10) << 3;
    DateTime::from_octets(octets)
}

/// A digest of a capture list and its period, by which rows of other ones are told apart after a change of the firmware, the list or the
/// period, also when the power went between the change and the clearing of the rows.
pub(crate) fn tag(columns: &[Column], period: u32) -> u32 {
    let octets = columns.iter().flat_map(|column| {
        let CaptureObject { attribute, data_index } = column.object();
        let [class_high, class_low] = attribute.class_id.to_be_bytes();
        let [a, b, c, d, e, f] = attribute.name.octets();
        let [index_high, index_low] = data_index.to_be_bytes();
        let form = match column.form {
            Form::Time => 0xFE,
            Form::Padded => 0xFF,
            Form::Plain(tag) => tag,
        };
        let index = attribute.index.cast_unsigned();
        [
            class_high,
            class_low,
            a,
            b,
            c,
            d,
            e,
            f,
            index,
            index_high,
            index_low,
            form,
            column.width,
        ]
    });
    fnv_1a(octets.chain(period.to_be_bytes()))
}

/// The 32-bit FNV-1a digest: for telling names apart, not against forgery.
pub(crate) fn fnv_1a(octets: impl IntoIterator<Item = u8>) -> u32 {
    fnv_1a_on(0x811C_9DC5, octets)
}

/// The digest of what was digested before and these octets.
pub(crate) fn fnv_1a_on(digest: u32, octets: impl IntoIterator<Item = u8>) -> u32 {
    octets.into_iter().fold(digest, |digest, octet| {
        (digest ^ u32::from(octet)).wrapping_mul(0x0100_0193)
    })
}
