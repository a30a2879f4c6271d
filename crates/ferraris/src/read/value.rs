//! What an attribute holds, as people and programs read it.

use base::Civil;
use cosem::axdr::{AxdrError, Reader, tag};
use cosem::{DateTime, Obis, Unit};
use serde_json::{Value as Json, json};

use crate::hex::hex;

/// A value that was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// null-data.
    Null,
    /// boolean.
    Boolean(bool),
    /// Any of the integers.
    Integer(i128),
    /// enum.
    Enumerated(u8),
    /// float32 and float64.
    Float(f64),
    /// bit-string as 0 and 1.
    Bits(String),
    /// visible-string and utf8-string.
    Text(String),
    /// octet-string, bcd, date and time.
    Octets(Vec<u8>),
    /// date-time; an octet-string is one where its owner says so.
    DateTime(DateTime),
    /// array and compact-array.
    Array(Vec<Self>),
    /// structure.
    Structure(Vec<Self>),
}

/// How the deviation of a date-time is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DeviationSign {
    /// As the standard says: added to local time it makes UTC.
    #[default]
    Standard,
    /// As some meters send it: the zone's distance to UTC.
    Reversed,
}

impl DeviationSign {
    /// A date-time of the meter in the standard's form, and the other way round.
    pub(crate) const fn converted(self, at: DateTime) -> DateTime {
        match self {
            Self::Standard => at,
            Self::Reversed => at.with_deviation_reversed(),
        }
    }
}

/// Scaler and unit of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measure {
    /// Power of ten.
    pub(crate) scaler: i8,
    /// Number of the unit on the wire.
    pub(crate) unit: u8,
}

/// Values in one, with all that it holds. A list of all objects has some ten thousand; an array of null-data could have as many as octets.
const VALUES_MOST: u32 = 1_000_000;

impl Value {
    /// The one value in `octets`.
    ///
    /// # Errors
    /// Where the octets are no value.
    pub(crate) fn parse(octets: &[u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        // The depth is bounded by this.
        let whole = reader.skip_value()?;
        reader.end()?;
        Self::take(&mut Reader::new(whole), &mut { VALUES_MOST })
    }

    /// One of the values of which `left` may still come.
    fn take(reader: &mut Reader<'_>, left: &mut u32) -> Result<Self, AxdrError> {
        let tagged = reader.octet()?;
        Self::contents(reader, tagged, left)
    }

    /// The contents of a value with this tag.
    fn contents(reader: &mut Reader<'_>, tagged: u8, left: &mut u32) -> Result<Self, AxdrError> {
        *left = left
            .checked_sub(1)
            .ok_or_else(|| reader.error("more values in one than are read here"))?;
        Ok(match tagged {
            // don't-care stands where a value is lost.
            tag::NULL | tag::DONT_CARE => Self::Null,
            tag::BOOLEAN => Self::Boolean(reader.octet()? != 0),
            tag::INTEGER => Self::Integer(i8::from_be_bytes(reader.array_of()?).into()),
            tag::LONG => Self::Integer(i16::from_be_bytes(reader.array_of()?).into()),
            tag::DOUBLE_LONG => Self::Integer(i32::from_be_bytes(reader.array_of()?).into()),
            tag::LONG64 => Self::Integer(i64::from_be_bytes(reader.array_of()?).into()),
            tag::UNSIGNED => Self::Integer(reader.octet()?.into()),
            tag::LONG_UNSIGNED => Self::Integer(u16::from_be_bytes(reader.array_of()?).into()),
            tag::DOUBLE_LONG_UNSIGNED => Self::Integer(u32::from_be_bytes(reader.array_of()?).into()),
            tag::LONG64_UNSIGNED => Self::Integer(u64::from_be_bytes(reader.array_of()?).into()),
            tag::ENUM => Self::Enumerated(reader.octet()?),
            tag::FLOAT32 => Self::Float(f32::from_be_bytes(reader.array_of()?).into()),
            tag::FLOAT64 => Self::Float(f64::from_be_bytes(reader.array_of()?)),
            tag::BIT_STRING => {
                let count = reader.length()?;
                let octets = reader.take(count.div_ceil(8))?;
                let bit = |at: usize| octets.get(at / 8).is_some_and(|octet| octet << (at % 8) & 0x80 != 0);
                Self::Bits((0..count).map(|at| if bit(at) { '1' } else { '0' }).collect())
            }
            tag::VISIBLE_STRING | tag::UTF8_STRING => {
                let count = reader.length()?;
                Self::Text(String::from_utf8_lossy(reader.take(count)?).into_owned())
            }
            tag::OCTET_STRING => {
                let count = reader.length()?;
                Self::Octets(reader.take(count)?.to_vec())
            }
            tag::BCD => Self::Octets(vec![reader.octet()?]),
            tag::DATE_TIME => Self::DateTime(DateTime::from_octets(reader.array_of()?)),
            tag::DATE => Self::Octets(reader.take(5)?.to_vec()),
            tag::TIME => Self::Octets(reader.take(4)?.to_vec()),
            tag::ARRAY | tag::STRUCTURE => {
                let count = reader.length()?;
                let fields: Result<Vec<_>, _> = (0..count).map(|_| Self::take(reader, left)).collect();
                if tagged == tag::ARRAY {
                    Self::Array(fields?)
                } else {
                    Self::Structure(fields?)
                }
            }
            tag::COMPACT_ARRAY => {
                let kind = Kind::take(reader, left)?;
                let count = reader.length()?;
                let mut contents = Reader::new(reader.take(count)?);
                let mut elements = Vec::new();
                while !contents.is_at_end() {
                    elements.push(kind.of_octets(&mut contents, left)?);
                }
                Self::Array(elements)
            }
            _ => return Err(reader.error("a data type that is shown here")),
        })
    }

    /// The value as date and time, if it is one.
    pub(crate) fn date_time(&self) -> Option<DateTime> {
        match self {
            Self::DateTime(at) => Some(*at),
            Self::Octets(octets) => octets.as_slice().try_into().ok().map(DateTime::from_octets),
            _ => None,
        }
    }

    /// The fields of a structure or the elements of an array.
    pub(crate) fn fields(&self) -> &[Self] {
        match self {
            Self::Array(fields) | Self::Structure(fields) => fields,
            _ => &[],
        }
    }

    /// The value as a whole number.
    pub(crate) const fn integer(&self) -> Option<i128> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Enumerated(number) => Some(*number as i128),
            _ => None,
        }
    }

    /// The value as an object's name.
    pub(crate) fn name(&self) -> Option<Obis> {
        match self {
            Self::Octets(octets) => octets.as_slice().try_into().ok().map(Obis::from_octets),
            _ => None,
        }
    }

    /// For people: numbers with scaler and unit, text as text, everything else as it is written in the books.
    pub(crate) fn text(&self, measure: Option<Measure>, sign: DeviationSign) -> String {
        match (self, measure) {
            (Self::Integer(number), Some(measure)) => format!("{} {}", measure.decimal(*number), measure.symbol())
                .trim_end()
                .to_owned(),
            (Self::Integer(number), None) => number.to_string(),
            (Self::Enumerated(number), _) => number.to_string(),
            (Self::Null, _) => "-".to_owned(),
            (Self::Boolean(truth), _) => truth.to_string(),
            (Self::Float(number), Some(measure)) if measure.scaler == 0 => {
                format!("{number} {}", measure.symbol()).trim_end().to_owned()
            }
            (Self::Float(number), _) => number.to_string(),
            (Self::Bits(bits), _) => format!("{bits}b"),
            (Self::Text(text), _) => text.clone(),
            (Self::Octets(octets), _) => octets_text(octets),
            (Self::DateTime(at), _) => date_time_text(*at, sign),
            (Self::Array(fields), _) => {
                let fields: Vec<_> = fields.iter().map(|it| it.text(None, sign)).collect();
                format!("[{}]", fields.join(", "))
            }
            (Self::Structure(fields), _) => {
                let fields: Vec<_> = fields.iter().map(|it| it.text(None, sign)).collect();
                format!("{{{}}}", fields.join(", "))
            }
        }
    }

    /// For programs: numbers as numbers, in their unit.
    pub(crate) fn json(&self, measure: Option<Measure>, sign: DeviationSign) -> Json {
        match (self, measure) {
            (Self::Integer(number), Some(measure)) => number_json(&measure.decimal(*number)),
            (Self::Integer(number), None) => number_json(&number.to_string()),
            (Self::Enumerated(number), _) => json!(number),
            (Self::Null, _) => Json::Null,
            (Self::Boolean(truth), _) => json!(truth),
            (Self::Float(number), _) => json!(number),
            (Self::Array(fields) | Self::Structure(fields), _) => fields.iter().map(|it| it.json(None, sign)).collect(),
            (Self::Bits(_) | Self::Text(_) | Self::Octets(_) | Self::DateTime(_), _) => json!(self.text(None, sign)),
        }
    }
}

/// The type description of a compact array. [`Value::parse`] has bounded its depth.
enum Kind {
    Scalar(u8),
    Array(usize, Box<Self>),
    Structure(Vec<Self>),
}

impl Kind {
    fn take(reader: &mut Reader<'_>, left: &mut u32) -> Result<Self, AxdrError> {
        *left = left
            .checked_sub(1)
            .ok_or_else(|| reader.error("more values in one than are read here"))?;
        Ok(match reader.octet()? {
            tag::ARRAY => {
                let count = u16::from_be_bytes(reader.array_of()?);
                Self::Array(count.into(), Box::new(Self::take(reader, left)?))
            }
            tag::STRUCTURE => {
                let count = reader.length()?;
                let kinds: Result<Vec<_>, _> = (0..count).map(|_| Self::take(reader, left)).collect();
                Self::Structure(kinds?)
            }
            tag::COMPACT_ARRAY => return Err(reader.error("a compact array in a compact array is none")),
            scalar => Self::Scalar(scalar),
        })
    }

    /// An element that takes octets: of others a few octets could promise any number.
    fn of_octets(&self, contents: &mut Reader<'_>, left: &mut u32) -> Result<Value, AxdrError> {
        let before = contents.offset();
        let element = self.element(contents, left)?;
        if contents.offset() == before {
            return Err(contents.error("elements without octets have no number"));
        }
        Ok(element)
    }

    fn element(&self, contents: &mut Reader<'_>, left: &mut u32) -> Result<Value, AxdrError> {
        Ok(match self {
            Self::Scalar(tagged) => Value::contents(contents, *tagged, left)?,
            Self::Array(count, kind) => {
                let mut elements = Vec::new();
                for _ in 0..*count {
                    elements.push(kind.of_octets(contents, left)?);
                }
                Value::Array(elements)
            }
            Self::Structure(kinds) => {
                let fields: Result<Vec<_>, _> = kinds.iter().map(|kind| kind.element(contents, left)).collect();
                Value::Structure(fields?)
            }
        })
    }
}

impl Measure {
    /// From an attribute scaler_unit.
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        let [scaler, unit] = value.fields() else { return None };
        Some(Self {
            scaler: i8::try_from(scaler.integer()?).ok()?,
            unit: u8::try_from(unit.integer()?).ok()?,
        })
    }

    /// `number` times the power of ten, with the digits that the scaler gives.
    pub(crate) fn decimal(self, number: i128) -> String {
        let digits = usize::from(self.scaler.unsigned_abs());
        if 0 <= self.scaler || number == 0 && self.scaler == 0 {
            let zeros = if number == 0 { 0 } else { digits };
            return format!("{number}{}", "0".repeat(zeros));
        }
        let text = format!("{:0>width$}", number.unsigned_abs(), width = digits + 1);
        let (whole, fraction) = text.split_at(text.len() - digits);
        format!("{}{whole}.{fraction}", if number < 0 { "-" } else { "" })
    }

    /// The unit as people write it; its number where it is none that is known here.
    pub(crate) fn symbol(self) -> String {
        match unit(self.unit) {
            Some(unit) => unit.symbol().to_owned(),
            None => format!("unit {}", self.unit),
        }
    }
}

/// The unit with this number.
fn unit(code: u8) -> Option<Unit> {
    UNITS.iter().copied().find(|unit| unit.code() == code)
}

const UNITS: &[Unit] = &[
    Unit::Hour,
    Unit::Minute,
    Unit::Second,
    Unit::Degree,
    Unit::Celsius,
    Unit::Watt,
    Unit::VoltAmpere,
    Unit::Var,
    Unit::WattHour,
    Unit::VoltAmpereHour,
    Unit::VarHour,
    Unit::Ampere,
    Unit::Volt,
    Unit::Hertz,
    Unit::PerWattHour,
    Unit::PerVarHour,
    Unit::PerVoltAmpereHour,
    Unit::Percent,
    Unit::Count,
];

fn number_json(text: &str) -> Json {
    text.parse().map_or_else(|_| json!(text), Json::Number)
}

/// Text where all octets are printable, else a name of six octets, else hexadecimal.
fn octets_text(octets: &[u8]) -> String {
    if !octets.is_empty() && octets.iter().all(|octet| (0x20..0x7F).contains(octet)) {
        return String::from_utf8_lossy(octets).into_owned();
    }
    if let Ok(name) = <[u8; 6]>::try_from(octets) {
        return Obis::from_octets(name).to_string();
    }
    hex(octets)
}

/// Local time with its distance to UTC, and what the clock says of itself.
pub(crate) fn date_time_text(at: DateTime, sign: DeviationSign) -> String {
    let Ok(local) = at.local() else {
        return hex(&at.octets());
    };
    let [.., status] = at.octets();
    let marks = [(0x01, "invalid"), (0x02, "doubtful"), (0x80, "summer time")];
    let marks = marks.iter().filter(|(bit, _)| status != 0xFF && status & bit != 0);
    let marks: String = marks.map(|(_, mark)| format!(" ({mark})")).collect();
    format!("{}{}{marks}", civil_text(local), zone_text(at, sign))
}

/// `2026-01-05T12:00:00`.
pub(crate) fn civil_text(local: Civil) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        local.year(),
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second()
    )
}

/// `+01:00`, or nothing where the date-time has no deviation.
fn zone_text(at: DateTime, sign: DeviationSign) -> String {
    let Some(deviation) = sign.converted(at).deviation() else {
        return String::new();
    };
    let ahead = -i32::from(deviation);
    let mark = if ahead < 0 { '-' } else { '+' };
    format!("{mark}{:02}:{:02}", ahead.abs() / 60, ahead.abs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(octets: &[u8], measure: Option<Measure>, text: &str) {
        let value = Value::parse(octets).expect("a value");
        assert_eq!(value.text(measure, DeviationSign::Standard), text);
    }

    const fn measure(scaler: i8, unit: Unit) -> Option<Measure> {
        Some(Measure {
            scaler,
            unit: unit.code(),
        })
    }

    #[test]
    fn a_value_holds_no_more_than_is_bearable() {
        // An array of null-data, and a compact array whose octets are structures of much null-data each.
        let array = |count: u32| [&[1, 0x84][..], &count.to_be_bytes(), &vec![0; count as usize]].concat();
        let Value::Array(elements) = Value::parse(&array(999_999)).expect("a value") else {
            panic!("an array")
        };
        assert_eq!(elements.len(), 999_999);
        assert!(Value::parse(&array(1_000_000)).is_err());
        let kinds = [
            &[0x13, 2, 0x82, 0x27, 0x10][..],
            &[0; 9_999],
            &[0x11, 0x82, 0x27, 0x10],
            &[7; 10_000],
        ]
        .concat();
        assert!(Value::parse(&kinds).is_err());
    }

    #[test]
    fn numbers_have_their_scaler_and_unit() {
        check(&[6, 0, 0, 0x13, 0x91], measure(0, Unit::WattHour), "5009 Wh");
        check(&[0x12, 0x08, 0xFC], measure(-1, Unit::Volt), "230.0 V");
        check(&[0x10, 0xFF, 0xFF], measure(-3, Unit::Ampere), "-0.001 A");
        check(&[0x0F, 5], measure(3, Unit::Watt), "5000 W");
        check(&[0x11, 0], measure(3, Unit::Watt), "0 W");
        check(&[0x11, 7], measure(0, Unit::Count), "7");
        check(
            &[0x15, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            measure(-2, Unit::VarHour),
            "184467440737095516.15 varh",
        );
        let odd = Measure { scaler: 0, unit: 200 };
        check(&[0x11, 7], Some(odd), "7 unit 200");
    }

    #[test]
    fn scaled_numbers_are_numbers_in_json() {
        let value = Value::Integer(2300);
        let json = value.json(measure(-1, Unit::Volt), DeviationSign::Standard);
        assert_eq!(json.to_string(), "230.0");
    }

    #[test]
    fn a_clock_has_its_zone_and_its_doubts() {
        // 2002-12-04 10:06:11, deviation +120: UTC is two hours later, so the zone is two hours behind.
        let octets = [
            9, 12, 0x07, 0xD2, 0x0C, 0x04, 0x03, 0x0A, 0x06, 0x0B, 0xFF, 0x00, 0x78, 0x00,
        ];
        let value = Value::parse(&octets)
            .expect("a value")
            .date_time()
            .expect("a date-time");
        assert_eq!(
            date_time_text(value, DeviationSign::Standard),
            "2002-12-04T10:06:11-02:00"
        );
        // Defect of meters (amsreader-firmware issue 809): the sign the other way round.
        assert_eq!(
            date_time_text(value, DeviationSign::Reversed),
            "2002-12-04T10:06:11+02:00"
        );
        let mut octets: [u8; 12] = value.octets();
        octets[9] = 0x80;
        octets[10] = 0;
        octets[11] = 0x83;
        let text = date_time_text(DateTime::from_octets(octets), DeviationSign::Standard);
        assert_eq!(text, "2002-12-04T10:06:11 (invalid) (doubtful) (summer time)");
    }

    #[test]
    fn everything_else_is_readable_too() {
        check(&[9, 3, b'A', b'B', b'C'], None, "ABC");
        check(&[9, 6, 1, 0, 1, 8, 0, 255], None, "1-0:1.8.0");
        check(&[9, 2, 0, 1], None, "0001");
        check(&[4, 10, 0b1010_0000, 0b0100_0000], None, "1010000001b");
        check(&[2, 2, 0x16, 3, 1, 2, 3, 1, 0], None, "{3, [true, -]}");
        // A compact array of structures of unsigned and long-unsigned, and one of arrays of two.
        check(&[0x13, 2, 2, 0x11, 0x12, 6, 1, 0, 2, 3, 0, 4], None, "[{1, 2}, {3, 4}]");
        check(&[0x13, 1, 0, 2, 0x11, 4, 1, 2, 3, 4], None, "[[1, 2], [3, 4]]");
        // Elements without octets could be any number.
        assert!(Value::parse(&[0x13, 0, 1, 0]).is_err());
        assert!(Value::parse(&[0x13, 1, 0xFF, 0xFF, 1, 0xFF, 0xFF, 0, 1, 0]).is_err());
        assert!(Value::parse(&[0x13, 0x13, 3, 0x11, 1, 7]).is_err());
        // The compact arrays of `vectors.md`, and the three that must be refused.
        check(&[0x13, 0x12, 6, 0, 1, 0, 2, 3, 4], None, "[1, 2, 772]");
        check(
            &[0x13, 2, 2, 0x12, 3, 6, 0, 5, 1, 0, 6, 0],
            None,
            "[{5, true}, {6, false}]",
        );
        check(&[0x13, 1, 0, 2, 0x11, 2, 1, 2], None, "[[1, 2]]");
        check(&[0x13, 9, 4, 2, b'a', b'b', 0], None, "[ab, ]");
        check(&[0x13, 0x12, 0], None, "[]");
        for wrong in [&[0x13, 0x12, 3, 0, 1, 0][..], &[0x13, 7, 0], &[0x13, 0x13, 0]] {
            assert!(Value::parse(wrong).is_err(), "{wrong:02X?}");
        }
        assert!(Value::parse(&[6, 0, 0]).is_err());
        assert!(Value::parse(&[0, 0]).is_err());
    }
}
