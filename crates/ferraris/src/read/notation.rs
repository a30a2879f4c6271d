//! Values as they are written on the command line and in the field `data` of the output: with their types, or without
//! where the type is that of the value that stands there now. See docs/read.md.
//!
//! ```text
//! value     = TYPE ":" scalar | "structure" "{" values "}" | "array" "[" values "]" | "axdr:" HEX
//!           | "{" values "}" | "[" values "]" | scalar
//! scalar    = text up to the end, inside of brackets up to "," or the bracket; or "text in quotation marks"
//! ```

use core::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use base::Utc;
use cosem::axdr::{AxdrError, DEPTH_MAX, Reader, tag};
use cosem::{ClockStatus, DateTime, Obis};

use super::moment::{Moment, RangeDeviation};
use super::value::{DeviationSign, Measure, Value};
use crate::hex::{exact, hex};

/// What a value without a type is measured by: the value that stands there now, and how that is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known<'a> {
    /// In A-XDR; empty where nothing is known.
    pub(crate) octets: &'a [u8],
    /// Scaler and unit; numbers without a type are in this unit.
    pub(crate) measure: Option<Measure>,
    /// How the meter's deviations are to be read.
    pub(crate) sign: DeviationSign,
}

/// The names of the types (IEC 62056-6-2, Data), and their tags.
const NAMES: &[(&str, u8)] = &[
    ("null-data", tag::NULL),
    ("boolean", tag::BOOLEAN),
    ("bit-string", tag::BIT_STRING),
    ("double-long", tag::DOUBLE_LONG),
    ("double-long-unsigned", tag::DOUBLE_LONG_UNSIGNED),
    ("octet-string", tag::OCTET_STRING),
    ("visible-string", tag::VISIBLE_STRING),
    ("utf8-string", tag::UTF8_STRING),
    ("bcd", tag::BCD),
    ("integer", tag::INTEGER),
    ("long", tag::LONG),
    ("unsigned", tag::UNSIGNED),
    ("long-unsigned", tag::LONG_UNSIGNED),
    ("long64", tag::LONG64),
    ("long64-unsigned", tag::LONG64_UNSIGNED),
    ("enum", tag::ENUM),
    ("float32", tag::FLOAT32),
    ("float64", tag::FLOAT64),
    ("date-time", tag::DATE_TIME),
    ("date", tag::DATE),
    ("time", tag::TIME),
];
/// An octet-string that holds this text, where `octet-string` itself wants hexadecimal digits.
const TEXT: &str = "text";
/// A whole value in octets.
const RAW: &str = "axdr";

/// A value in A-XDR with its types, in a form that [`encode`] reads back to the same octets.
pub(crate) fn typed(octets: &[u8]) -> String {
    let mut reader = Reader::new(octets);
    let mut text = String::new();
    match put(&mut reader, &mut text) {
        Ok(()) => text,
        // Compact arrays and what else has no notation.
        Err(_) => format!("{RAW}:{}", hex(octets)),
    }
}

fn put(reader: &mut Reader<'_>, text: &mut String) -> Result<(), AxdrError> {
    let Some(&tagged) = reader.rest().first() else {
        return Err(reader.error("a value"));
    };
    if matches!(tagged, tag::ARRAY | tag::STRUCTURE) {
        reader.octet()?;
        let count = reader.length()?;
        let (open, close) = match tagged {
            tag::ARRAY => ("array[", ']'),
            _ => ("structure{", '}'),
        };
        text.push_str(open);
        for at in 0..count {
            text.push_str(if at == 0 { "" } else { ", " });
            put(reader, text)?;
        }
        text.push(close);
        return Ok(());
    }
    let whole = reader.skip_value()?;
    let name = NAMES.iter().find(|(_, it)| *it == tagged).map(|(name, _)| *name);
    let name = name.ok_or_else(|| reader.error("a type that has a notation"))?;
    let value = Value::parse(whole)?;
    let _fits = match &value {
        Value::Null => write!(text, "{name}"),
        Value::Octets(octets) if tagged == tag::OCTET_STRING && is_text(octets) => {
            write!(text, "{TEXT}:{}", quoted(&String::from_utf8_lossy(octets)))
        }
        Value::Octets(octets) => write!(text, "{name}:{}", hex(octets)),
        Value::DateTime(at) => write!(text, "{name}:{}", hex(&at.octets())),
        // What is no ASCII or UTF-8 would not come back.
        Value::Text(it) if it.contains(char::REPLACEMENT_CHARACTER) => return Err(reader.error("text")),
        Value::Text(it) => write!(text, "{name}:{}", quoted(it)),
        other => write!(text, "{name}:{}", other.text(None, DeviationSign::Standard)),
    };
    Ok(())
}

/// Whether a value says its type at its outermost.
pub(crate) fn is_typed(text: &str) -> bool {
    let word = text.trim_start().split([':', '{', '[']).next().unwrap_or_default();
    let known = NAMES.iter().any(|(name, _)| *name == word.trim_end());
    known || matches!(word.trim_end(), TEXT | RAW | "structure" | "array")
}

/// Reads a value as somebody wrote it; answers it in A-XDR.
///
/// # Errors
/// What is wrong, and what would be right.
pub(crate) fn encode(text: &str, known: Known<'_>) -> Result<Vec<u8>, String> {
    let mut parser = Parser {
        rest: text.trim(),
        known,
        out: Vec::new(),
    };
    let shape = Shape::of(known.octets);
    parser.value(shape.as_ref(), true, 0)?;
    match parser.rest.trim() {
        "" => Ok(parser.out),
        rest => Err(format!("nothing is expected behind the value, and there is {rest:?}")),
    }
}

/// The types of the value that stands there now.
enum Shape<'a> {
    /// A value without parts.
    Scalar(&'a [u8]),
    /// The first element, where there is one.
    Array(Option<Box<Self>>),
    Structure(Vec<Self>),
}

impl<'a> Shape<'a> {
    fn of(octets: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let mut check = Reader::new(octets);
        // The depth is bounded by this.
        check.skip_value().and_then(|_| check.end()).ok()?;
        Self::take(&mut reader).ok()
    }

    fn take(reader: &mut Reader<'a>) -> Result<Self, AxdrError> {
        let tagged = reader.rest().first().copied();
        if !matches!(tagged, Some(tag::ARRAY | tag::STRUCTURE)) {
            return Ok(Self::Scalar(reader.skip_value()?));
        }
        reader.octet()?;
        let count = reader.length()?;
        let mut fields = Vec::new();
        for _ in 0..count {
            fields.push(Self::take(reader)?);
        }
        Ok(match tagged {
            Some(tag::STRUCTURE) => Self::Structure(fields),
            _ => Self::Array(fields.into_iter().next().map(Box::new)),
        })
    }
}

struct Parser<'a> {
    rest: &'a str,
    known: Known<'a>,
    out: Vec<u8>,
}

impl<'a> Parser<'a> {
    /// One value; `alone` where nothing comes behind it.
    fn value(&mut self, shape: Option<&Shape<'_>>, alone: bool, depth: usize) -> Result<(), String> {
        self.rest = self.rest.trim_start();
        if usize::from(DEPTH_MAX) <= depth {
            return Err(format!("values are nested no deeper than {DEPTH_MAX}"));
        }
        for (word, open, tagged) in [("structure", '{', tag::STRUCTURE), ("array", '[', tag::ARRAY)] {
            let behind = self.rest.strip_prefix(word).map(str::trim_start);
            if let Some(inside) = behind.and_then(|it| it.strip_prefix(open)) {
                self.rest = inside;
                return self.fields(tagged, open, shape, depth);
            }
        }
        if let Some(open @ ('{' | '[')) = self.rest.chars().next() {
            self.rest = self.rest.get(1..).unwrap_or_default();
            // JSON writes a structure as a list, too.
            let tagged = match (shape, open) {
                (Some(Shape::Structure(_)), _) | (None | Some(Shape::Scalar(_)), '{') => tag::STRUCTURE,
                (Some(Shape::Array(_)), '{') => return Err("an array stands in [ ], a structure in { }".to_owned()),
                _ => tag::ARRAY,
            };
            return self.fields(tagged, open, shape, depth);
        }
        let name = self.rest.split([':', ',', ']', '}']).next().unwrap_or_default();
        let has_colon = self
            .rest
            .get(name.len()..)
            .is_some_and(|behind| behind.starts_with(':'));
        let tagged = NAMES
            .iter()
            .find(|(it, _)| *it == name.trim())
            .map(|(_, tagged)| *tagged);
        match (tagged, has_colon) {
            (Some(tag::NULL), false) => {
                self.rest = self.rest.get(name.len()..).unwrap_or_default();
                self.out.push(tag::NULL);
                Ok(())
            }
            (Some(tagged), true) => {
                self.rest = self.rest.get(name.len() + 1..).unwrap_or_default();
                let (text, _) = self.scalar(alone)?;
                let known = Known {
                    octets: &[],
                    measure: None,
                    ..self.known
                };
                scalar(tagged, &text, known, &mut self.out)
            }
            (None, true) if name.trim() == TEXT => {
                self.rest = self.rest.get(name.len() + 1..).unwrap_or_default();
                let (text, _) = self.scalar(alone)?;
                octets(tag::OCTET_STRING, text.as_bytes(), &mut self.out);
                Ok(())
            }
            (None, true) if name.trim() == RAW => {
                self.rest = self.rest.get(name.len() + 1..).unwrap_or_default();
                let (text, _) = self.scalar(alone)?;
                let whole = exact(&text).filter(|octets| {
                    let mut reader = Reader::new(octets);
                    reader.skip_value().and_then(|_| reader.end()).is_ok()
                });
                self.out
                    .extend(whole.ok_or("behind axdr: there is not exactly one value in hexadecimal digits")?);
                Ok(())
            }
            _ => {
                let (text, quoted) = self.scalar(alone)?;
                self.untyped(&text, quoted, shape)
            }
        }
    }

    /// The values behind an opened bracket, and the bracket that closes it.
    fn fields(&mut self, tagged: u8, open: char, shape: Option<&Shape<'_>>, depth: usize) -> Result<(), String> {
        let (close, what) = if open == '{' {
            ('}', "structure")
        } else {
            (']', "array")
        };
        let before = core::mem::take(&mut self.out);
        let mut count = 0;
        loop {
            self.rest = self.rest.trim_start();
            if let (Some(behind), 0) = (self.rest.strip_prefix(close), count) {
                self.rest = behind;
                break;
            }
            let field = match shape {
                Some(Shape::Structure(fields)) if tagged == tag::STRUCTURE => fields.get(count),
                Some(Shape::Array(element)) if tagged == tag::ARRAY => element.as_deref(),
                _ => None,
            };
            count += 1;
            self.value(field, false, depth + 1)
                .map_err(|why| format!("{count}. of the {what}: {why}"))?;
            self.rest = self.rest.trim_start();
            if let Some(behind) = self.rest.strip_prefix(',') {
                self.rest = behind;
            } else if let Some(behind) = self.rest.strip_prefix(close) {
                self.rest = behind;
                break;
            } else {
                return Err(format!("the {what} does not end: {close} is missing"));
            }
        }
        if let (Some(Shape::Structure(fields)), tag::STRUCTURE) = (shape, tagged)
            && fields.len() != count
        {
            return Err(format!(
                "the structure there has {} fields, this one has {count}",
                fields.len()
            ));
        }
        let fields = core::mem::replace(&mut self.out, before);
        self.out.push(tagged);
        length(count, &mut self.out);
        self.out.extend(fields);
        Ok(())
    }

    /// The text of a scalar, and whether it stood in quotation marks.
    fn scalar(&mut self, alone: bool) -> Result<(String, bool), String> {
        self.rest = self.rest.trim_start();
        let Some(inside) = self.rest.strip_prefix('"') else {
            let end = if alone { None } else { self.rest.find([',', ']', '}']) };
            let (text, behind) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            self.rest = behind;
            return Ok((text.trim().to_owned(), false));
        };
        let mut text = String::new();
        let mut letters = inside.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = inside.get(at + 1..).unwrap_or_default();
                    return Ok((text, true));
                }
                '\\' => text.extend(letters.next().map(|(_, letter)| letter)),
                letter => text.push(letter),
            }
        }
        Err("a quotation mark does not end".to_owned())
    }

    /// A scalar that takes its type from what stands there.
    fn untyped(&mut self, text: &str, quoted: bool, shape: Option<&Shape<'_>>) -> Result<(), String> {
        let known = match shape {
            Some(Shape::Scalar(octets)) => Known { octets, ..self.known },
            Some(Shape::Array(_)) => return Err(format!("an array is there, as [ ]; {text:?} is none")),
            Some(Shape::Structure(_)) => return Err(format!("a structure is there, as {{ }}; {text:?} is none")),
            None => Known {
                octets: &[],
                ..self.known
            },
        };
        let tagged = known.octets.first().copied();
        let is_text = matches!(tagged, Some(tag::VISIBLE_STRING | tag::UTF8_STRING));
        if !quoted && !is_text && matches!(text, "-" | "null") {
            self.out.push(tag::NULL);
            return Ok(());
        }
        match tagged {
            Some(tagged) if tagged != tag::NULL && NAMES.iter().any(|(_, it)| *it == tagged) => {
                scalar(tagged, text, known, &mut self.out)
            }
            _ if !quoted && matches!(text, "true" | "false") => scalar(tag::BOOLEAN, text, known, &mut self.out),
            _ => Err(format!(
                "{text:?} needs its type, since no value is there to take it from: such as unsigned:5, integer:0, enum:1, octet-string:0102, \
                 text:ABC"
            )),
        }
    }
}

/// Writes a value without parts.
fn scalar(tagged: u8, text: &str, known: Known<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    let name = NAMES
        .iter()
        .find(|(_, it)| *it == tagged)
        .map_or("value", |(name, _)| *name);
    let wrong = |form: &str| format!("{text:?} is no {name}: {form}");
    let integer = |width: usize, signed: bool, out: &mut Vec<u8>| {
        let bits = 8 * u32::try_from(width).unwrap_or(8);
        let (least, most) = match signed {
            true => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
            false => (0, (1_i128 << bits) - 1),
        };
        let form = match known.measure {
            Some(measure) => format!("a number in steps of {} {}", measure.decimal(1), measure.symbol()),
            None => format!("allowed is {least} to {most}"),
        };
        let number = number(text, known.measure).filter(|it| (least..=most).contains(it));
        let octets = number.ok_or_else(|| wrong(form.trim_end()))?.to_be_bytes();
        out.push(tagged);
        out.extend(octets.iter().skip(octets.len() - width));
        Ok::<_, String>(())
    };
    match tagged {
        tag::NULL => Err("null-data has no value behind it".to_owned()),
        tag::BOOLEAN => {
            let truth = text.parse::<bool>().map_err(|_| wrong("true or false"))?;
            out.extend([tagged, u8::from(truth)]);
            Ok(())
        }
        tag::INTEGER => integer(1, true, out),
        tag::LONG => integer(2, true, out),
        tag::DOUBLE_LONG => integer(4, true, out),
        tag::LONG64 => integer(8, true, out),
        tag::UNSIGNED => integer(1, false, out),
        tag::LONG_UNSIGNED => integer(2, false, out),
        tag::DOUBLE_LONG_UNSIGNED => integer(4, false, out),
        tag::LONG64_UNSIGNED => integer(8, false, out),
        tag::ENUM => {
            let number = text.parse::<u8>().map_err(|_| wrong("allowed is 0 to 255"))?;
            out.extend([tagged, number]);
            Ok(())
        }
        tag::FLOAT32 | tag::FLOAT64 => {
            let text = text.split_whitespace().next().unwrap_or_default();
            out.push(tagged);
            if tagged == tag::FLOAT32 {
                out.extend(
                    text.parse::<f32>()
                        .map_err(|_| wrong("a number such as 1.5"))?
                        .to_be_bytes(),
                );
            } else {
                out.extend(
                    text.parse::<f64>()
                        .map_err(|_| wrong("a number such as 1.5"))?
                        .to_be_bytes(),
                );
            }
            Ok(())
        }
        tag::BIT_STRING => {
            let bits = text.strip_suffix('b').unwrap_or(text);
            if !bits.bytes().all(|bit| matches!(bit, b'0' | b'1')) {
                return Err(wrong("bits such as 0101"));
            }
            out.push(tagged);
            length(bits.len(), out);
            out.extend(bits.as_bytes().chunks(8).map(|eight| {
                let bit = |at: usize| eight.get(at) == Some(&b'1');
                (0..8).fold(0, |octet, at| octet << 1 | u8::from(bit(at)))
            }));
            Ok(())
        }
        tag::VISIBLE_STRING if !text.is_ascii() => Err(wrong("ASCII alone")),
        tag::VISIBLE_STRING | tag::UTF8_STRING => {
            octets(tagged, text.as_bytes(), out);
            Ok(())
        }
        tag::OCTET_STRING => {
            let there = match Value::parse(known.octets) {
                Ok(Value::Octets(octets)) => octets,
                _ => Vec::new(),
            };
            // As it is shown: text where text stands, else a name, a time, or digits.
            let value = match () {
                () if is_text(&there) => text.as_bytes().to_vec(),
                () => exact(text)
                    .or_else(|| Some(Obis::parse(text)?.octets().to_vec()))
                    .or_else(|| Some(date_time(text, &there, known.sign)?.octets().to_vec()))
                    .ok_or_else(|| wrong("hexadecimal digits, a name such as 1-0:1.8.0, a time such as 2026-01-05T12:00:00+01:00, or text:ABC"))?,
            };
            octets(tagged, &value, out);
            Ok(())
        }
        tag::DATE_TIME => {
            let there = known.octets.get(1..).unwrap_or_default();
            let exact = exact(text).and_then(|octets| <[u8; 12]>::try_from(octets).ok());
            let at = exact
                .map(DateTime::from_octets)
                .or_else(|| date_time(text, there, known.sign));
            out.push(tagged);
            out.extend(
                at.ok_or_else(|| wrong("a time such as 2026-01-05T12:00:00+01:00, or 24 hexadecimal digits"))?
                    .octets(),
            );
            Ok(())
        }
        tag::BCD | tag::DATE | tag::TIME => {
            let width = match tagged {
                tag::BCD => 1,
                tag::DATE => 5,
                _ => 4,
            };
            let value = exact(text).filter(|octets| octets.len() == width);
            out.push(tagged);
            out.extend(value.ok_or_else(|| wrong(&format!("{} hexadecimal digits", 2 * width)))?);
            Ok(())
        }
        _ => Err(wrong("such values cannot be written here; write axdr: and the octets")),
    }
}

/// A whole number; with a measure it is in the unit, which may stand behind it.
fn number(text: &str, measure: Option<Measure>) -> Option<i128> {
    let Some(measure) = measure else {
        return text.parse().ok();
    };
    let text = text.strip_suffix(&measure.symbol()).unwrap_or(text).trim_end();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = usize::from(measure.scaler.unsigned_abs());
    if 0 <= measure.scaler {
        let number: i128 = format!("{whole}{fraction}").parse().ok()?;
        let step = 10_i128.checked_pow(u32::from(measure.scaler.unsigned_abs()))?;
        return (fraction.is_empty() && number % step == 0).then_some(number / step);
    }
    let (kept, beyond) = fraction.split_at_checked(digits).unwrap_or((fraction, ""));
    let only_digits = !whole.is_empty() && fraction.bytes().all(|digit| digit.is_ascii_digit());
    if !only_digits || !beyond.bytes().all(|digit| digit == b'0') {
        return None;
    }
    format!("{whole}{kept:0<digits$}").parse().ok()
}

/// A time as it is shown, with what a clock says of itself behind it, or `now` in the zone of the value that is there.
fn date_time(text: &str, there: &[u8], sign: DeviationSign) -> Option<DateTime> {
    let reversed = |deviation: i16| match sign {
        DeviationSign::Standard => deviation,
        DeviationSign::Reversed => -deviation,
    };
    let there = <[u8; 12]>::try_from(there).ok().map(DateTime::from_octets);
    if text == "now" {
        let deviation = there?.deviation()?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        // The status says nothing: this computer's clock is not the meter's.
        let now = Utc::from_unix(i64::try_from(since).ok()?);
        let local = now.plus(-60 * i64::from(reversed(deviation))).civil();
        let mut octets = DateTime::from_local(local, deviation, ClockStatus::default()).octets();
        if let Some(status) = octets.last_mut() {
            *status = 0xFF;
        }
        return Some(DateTime::from_octets(octets));
    }
    let (time, marks) = text.split_once(" (").unwrap_or((text, ""));
    let at = Moment::parse(time.trim_end())?.bound(0, RangeDeviation::AsWritten);
    let mut octets = at.octets();
    if let ([.., high, low, _], DeviationSign::Reversed, Some(deviation)) = (&mut octets, sign, at.deviation()) {
        [*high, *low] = (-deviation).to_be_bytes();
    }
    if let ([.., status], false) = (&mut octets, marks.is_empty()) {
        let marks = marks.trim_end_matches(')').split(") (");
        let bits = marks.map(|mark| match mark {
            "invalid" => Some(0x01),
            "doubtful" => Some(0x02),
            "summer time" => Some(0x80),
            _ => None,
        });
        *status = bits.sum::<Option<u8>>()?;
    }
    Some(DateTime::from_octets(octets))
}

fn is_text(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(|octet| (0x20..0x7F).contains(octet))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn octets(tagged: u8, value: &[u8], out: &mut Vec<u8>) {
    out.push(tagged);
    length(value.len(), out);
    out.extend(value);
}

/// A length or a count (IEC 61334-6).
fn length(count: usize, out: &mut Vec<u8>) {
    match u8::try_from(count) {
        Ok(short @ 0..0x80) => out.push(short),
        _ => {
            let octets = count.to_be_bytes();
            let from = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len() - 1);
            let kept = octets.get(from..).unwrap_or_default();
            out.push(0x80 | u8::try_from(kept.len()).unwrap_or(8));
            out.extend(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written, and what is there; the octets, or a part of the reason.
    #[track_caller]
    fn check(text: &str, there: &[u8], expected: Result<&[u8], &str>) {
        let known = Known {
            octets: there,
            ..Known::default()
        };
        match (encode(text, known), expected) {
            (Ok(octets), Ok(expected)) => assert_eq!(octets, expected, "{text}"),
            (Err(why), Err(part)) => assert!(why.contains(part), "{text}: {why}"),
            (got, _) => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn values_with_their_type_need_nothing_else() {
        check("unsigned:5", &[], Ok(&[0x11, 5]));
        check("integer:-1", &[], Ok(&[0x0F, 0xFF]));
        check("long64:-2", &[], Ok(&[0x14, 255, 255, 255, 255, 255, 255, 255, 254]));
        check(
            "long64-unsigned:18446744073709551615",
            &[],
            Ok(&[0x15, 255, 255, 255, 255, 255, 255, 255, 255]),
        );
        check("unsigned:256", &[], Err("0 to 255"));
        check("integer:-129", &[], Err("-128 to 127"));
        check("null-data", &[], Ok(&[0]));
        check("-", &[], Ok(&[0]));
        check("true", &[], Ok(&[3, 1]));
        check("enum:3", &[], Ok(&[0x16, 3]));
        check("bit-string:101b", &[], Ok(&[4, 3, 0xA0]));
        check("octet-string:0AFF", &[], Ok(&[9, 2, 0x0A, 0xFF]));
        check("octet-string:", &[], Ok(&[9, 0]));
        check("octet-string:1-0:1.8.0", &[], Ok(&[9, 6, 1, 0, 1, 8, 0, 255]));
        check("text:a, b", &[], Ok(&[9, 4, b'a', b',', b' ', b'b']));
        check("visible-string:\"x]\"", &[], Ok(&[10, 2, b'x', b']']));
        check("float32:1.5", &[], Ok(&[0x17, 0x3F, 0xC0, 0, 0]));
        check("axdr:020111050F", &[], Err("exactly one value"));
        check("axdr:02011105", &[], Ok(&[2, 1, 0x11, 5]));
        check(
            "structure{unsigned:1, array[enum:2, enum:3], null-data, text:\"}\"}",
            &[],
            Ok(&[2, 4, 0x11, 1, 1, 2, 0x16, 2, 0x16, 3, 0, 9, 1, b'}']),
        );
        check("array[]", &[], Ok(&[1, 0]));
        check("5", &[], Err("needs its type"));
        check("structure{unsigned:1", &[], Err("} is missing"));
        check("unsigned:1]", &[], Err("is no unsigned"));
        check("array[unsigned:1] x", &[], Err("nothing is expected"));
        check(&"[".repeat(100), &[], Err("nested"));
        check("text:\"x", &[], Err("does not end"));
    }

    #[test]
    fn values_without_a_type_take_that_of_what_is_there() {
        check("7", &[0x12, 0, 0], Ok(&[0x12, 0, 7]));
        check("70000", &[0x12, 0, 0], Err("0 to 65535"));
        check("ABCD", &[9, 2, b'x', b'y'], Ok(&[9, 4, b'A', b'B', b'C', b'D']));
        check("ABCD", &[9, 2, 0, 1], Ok(&[9, 2, 0xAB, 0xCD]));
        check(
            "1-0:2.8.0",
            &[9, 6, 1, 0, 1, 8, 0, 255],
            Ok(&[9, 6, 1, 0, 2, 8, 0, 255]),
        );
        // As the table writes structures, and as JSON does.
        let there = [2, 2, 0x16, 3, 1, 2, 3, 1, 3, 0];
        check("{4, [true]}", &there, Ok(&[2, 2, 0x16, 4, 1, 1, 3, 1]));
        check("[4,[true,false]]", &there, Ok(&[2, 2, 0x16, 4, 1, 2, 3, 1, 3, 0]));
        check("{4}", &there, Err("has 2 fields"));
        check("{4, [x]}", &there, Err("2. of the structure: 1. of the array"));
        check("5", &there, Err("a structure is there"));
        // A type that is written stands above.
        check("unsigned:5", &there, Ok(&[0x11, 5]));
        check("-", &[0x11, 5], Ok(&[0]));
        check("-", &[10, 1, b'x'], Ok(&[10, 1, b'-']));
    }

    #[test]
    fn numbers_are_in_the_unit_that_they_are_shown_in() {
        let measure = |scaler| Some(Measure { scaler, unit: 35 });
        let number = |text: &str, scaler| number(text, measure(scaler));
        assert_eq!(number("230.0 V", -1), Some(2300));
        assert_eq!(number("230", -1), Some(2300));
        assert_eq!(number("230.10", -1), Some(2301));
        assert_eq!(number("230.15", -1), None);
        assert_eq!(number("-0.001", -3), Some(-1));
        assert_eq!(number("5000 V", 3), Some(5));
        assert_eq!(number("5001", 3), None);
        assert_eq!(number("0.5", 3), None);
        assert_eq!(number("x", 0), None);
        assert_eq!(number("230 A", -1), None);
    }

    #[test]
    fn a_time_is_written_as_it_is_shown() {
        let there = [9, 12, 0x07, 0xEA, 1, 5, 1, 12, 0, 0, 0, 0xFF, 0xC4, 0];
        let written = |text: &str, sign| {
            let octets = encode(
                text,
                Known {
                    octets: &there,
                    measure: None,
                    sign,
                },
            )
            .expect(text);
            hex(&octets)
        };
        let time = "2026-07-05T13:00:01+02:00";
        let summer = format!("{time} (summer time)");
        assert_eq!(written(time, DeviationSign::Standard), "090C07EA0705FF0D0001FFFF88FF");
        assert_eq!(
            written(&summer, DeviationSign::Standard),
            "090C07EA0705FF0D0001FFFF8880"
        );
        assert_eq!(
            written(&summer, DeviationSign::Reversed),
            "090C07EA0705FF0D0001FF007880"
        );
        assert_eq!(
            written("2026-07-05T13:00:01", DeviationSign::Standard),
            "090C07EA0705FF0D0001FF8000FF"
        );
        let now = written("now", DeviationSign::Standard);
        assert!(now.starts_with("090C07") && now.ends_with("FFC4FF"), "{now}");
    }

    #[test]
    fn what_is_printed_with_types_is_read_back_to_the_same_octets() {
        for octets in [
            &[0][..],
            &[3, 1],
            &[4, 10, 0b1010_0000, 0b0100_0000],
            &[5, 255, 255, 255, 254],
            &[6, 0, 0, 0x13, 0x91],
            &[9, 3, b'A', b'"', b'\\'],
            &[9, 0],
            &[9, 2, 0, 1],
            &[10, 4, b'a', b',', b']', b'}'],
            &[12, 3, 0xE2, 0x82, 0xAC],
            &[13, 0x42],
            &[15, 0xFF],
            &[0x16, 3],
            &[0x17, 0x3F, 0xC0, 0, 0],
            &[0x18, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0],
            &[0x19, 0x07, 0xD2, 12, 4, 3, 10, 6, 11, 255, 0, 0x78, 0],
            &[0x1A, 0x07, 0xD2, 12, 4, 255],
            &[0x1B, 1, 2, 3, 255],
            &[0x13, 2, 2, 0x11, 0x12, 6, 1, 0, 2, 3, 0, 4],
            &[2, 2, 1, 1, 2, 1, 9, 1, b'x', 1, 0],
        ] {
            let text = typed(octets);
            assert_eq!(encode(&text, Known::default()).as_deref(), Ok(octets), "{text}");
        }
        assert_eq!(
            typed(&[2, 2, 0x16, 3, 1, 2, 3, 1, 0]),
            "structure{enum:3, array[boolean:true, null-data]}"
        );
        assert_eq!(typed(&[9, 6, 1, 0, 1, 8, 0, 255]), "octet-string:0100010800FF");
    }
}
