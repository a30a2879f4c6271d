//! COSEM data in A-XDR (IEC 62056-6-2, 4.1.5): every type, with what the value means to a reader.

use cosem::DateTime;

use super::tree::{Stop, Walk, Xml};
use crate::hex::hex;

/// Arrays and structures nested deeper than this are refused, as the meter does.
const DEPTH_MAX: usize = 48;

/// The name of a data type in the XML form, which is its name in the standard's ASN.1.
pub(crate) const fn type_name(tag: u8) -> Option<&'static str> {
    Some(match tag {
        0x00 => "null-data",
        0x01 => "array",
        0x02 => "structure",
        0x03 => "boolean",
        0x04 => "bit-string",
        0x05 => "double-long",
        0x06 => "double-long-unsigned",
        0x09 => "octet-string",
        0x0A => "visible-string",
        0x0C => "utf8-string",
        0x0D => "bcd",
        0x0F => "integer",
        0x10 => "long",
        0x11 => "unsigned",
        0x12 => "long-unsigned",
        0x13 => "compact-array",
        0x14 => "long64",
        0x15 => "long64-unsigned",
        0x16 => "enum",
        0x17 => "float32",
        0x18 => "float64",
        0x19 => "date-time",
        0x1A => "date",
        0x1B => "time",
        0x1C => "delta-integer",
        0x1D => "delta-long",
        0x1E => "delta-double-long",
        0x1F => "delta-unsigned",
        0x20 => "delta-long-unsigned",
        0x21 => "delta-double-long-unsigned",
        0xFF => "dont-care",
        _ => return None,
    })
}

/// Walks over one value with its tag.
pub(crate) fn data(walk: &mut Walk<'_>) -> Result<(), Stop> {
    let from = walk.at();
    let tag = walk.u8()?;
    content(walk, from, tag)
}

/// Walks over the content of a value whose tag is known; it began at `from`.
fn content(walk: &mut Walk<'_>, from: usize, tag: u8) -> Result<(), Stop> {
    let name = type_name(tag).ok_or_else(|| Stop::new(format!("{tag:02X} at {from:04X} is no data type")))?;
    if DEPTH_MAX < walk.depth() {
        return Err(Stop::new("arrays and structures are nested too deep"));
    }
    match tag {
        0x01 | 0x02 => {
            walk.begin_at(from, name, Xml::Element(name));
            let count = walk.length()?;
            if let Some(group) = walk.group() {
                group.value = Some(format!("{count} elements"));
            }
            for _ in 0..count {
                data(walk)?;
            }
            walk.end();
        }
        0x13 => compact_array(walk, from)?,
        0x00 | 0xFF => walk.leaf(name, from, "", Xml::Element(name)),
        0x03 => {
            let value = walk.u8()? != 0;
            walk.leaf(name, from, value.to_string(), Xml::Text(name, value.to_string()));
        }
        0x04 => {
            let bits = walk.length()?;
            let octets = walk.take(bits.div_ceil(8))?;
            let text: String = (0..bits)
                .map(|bit| match octets.get(bit / 8) {
                    Some(octet) if octet & (0x80 >> (bit % 8)) != 0 => '1',
                    _ => '0',
                })
                .collect();
            walk.leaf(name, from, text.clone(), Xml::Text(name, text));
        }
        0x09 => {
            let length = walk.length()?;
            let octets = walk.take(length)?;
            walk.leaf(name, from, octet_string(octets), Xml::Text(name, hex(octets)));
        }
        0x0A | 0x0C => {
            let length = walk.length()?;
            let octets = walk.take(length)?;
            let text = String::from_utf8_lossy(octets).into_owned();
            walk.leaf(name, from, format!("{text:?}"), Xml::Text(name, text));
        }
        0x0D | 0x0F | 0x1C => number(walk, from, name, i8::from_be_bytes)?,
        0x11 | 0x16 | 0x1F => number(walk, from, name, u8::from_be_bytes)?,
        0x10 | 0x1D => number(walk, from, name, i16::from_be_bytes)?,
        0x12 | 0x20 => number(walk, from, name, u16::from_be_bytes)?,
        0x05 | 0x1E => number(walk, from, name, i32::from_be_bytes)?,
        0x06 | 0x21 => number(walk, from, name, u32::from_be_bytes)?,
        0x14 => number(walk, from, name, i64::from_be_bytes)?,
        0x15 => number(walk, from, name, u64::from_be_bytes)?,
        0x17 => {
            let octets = walk.array()?;
            let value = f32::from_be_bytes(octets);
            walk.leaf(name, from, value.to_string(), Xml::Text(name, hex(&octets)));
        }
        0x18 => {
            let octets = walk.array()?;
            let value = f64::from_be_bytes(octets);
            walk.leaf(name, from, value.to_string(), Xml::Text(name, hex(&octets)));
        }
        0x19 => {
            let octets: [u8; 12] = walk.array()?;
            walk.leaf(name, from, date_time(octets), Xml::Text(name, hex(&octets)));
        }
        0x1A => {
            let octets: [u8; 5] = walk.array()?;
            walk.leaf(name, from, date(octets), Xml::Text(name, hex(&octets)));
        }
        _ => {
            let octets: [u8; 4] = walk.array()?;
            walk.leaf(name, from, time(octets), Xml::Text(name, hex(&octets)));
        }
    }
    Ok(())
}

fn number<const N: usize, V: ToString>(
    walk: &mut Walk<'_>,
    from: usize,
    name: &'static str,
    value: fn([u8; N]) -> V,
) -> Result<(), Stop> {
    let text = value(walk.array()?).to_string();
    walk.leaf(name, from, text.clone(), Xml::Text(name, text));
    Ok(())
}

/// The description of the elements of a compact array.
enum Described {
    Simple(u8),
    Array(u16, Box<Self>),
    Structure(Vec<Self>),
}

/// tag 0x13: a description of the elements once, then their contents without tags.
fn compact_array(walk: &mut Walk<'_>, from: usize) -> Result<(), Stop> {
    walk.begin_at(from, "compact-array", Xml::Element("compact-array"));
    let at = walk.at();
    let described = description(walk, 0)?;
    let text = words(&described);
    walk.leaf(
        "contents-description",
        at,
        text,
        Xml::Text("contents-description", hex(walk.since(at))),
    );
    let at = walk.at();
    let length = walk.length()?;
    let end = walk.at() + length;
    if walk.rest().len() < length {
        return Err(Stop::new(format!(
            "the contents should have {length} octets, but only {} follow",
            walk.rest().len()
        )));
    }
    let contents = walk.at();
    walk.begin_at(at, "array-contents", Xml::Hidden);
    let mut count = 0_usize;
    while walk.at() < end {
        let before = walk.at();
        element(walk, &described)?;
        if walk.at() == before {
            return Err(Stop::new("elements of no octets"));
        }
        count += 1;
    }
    if end < walk.at() {
        return Err(Stop::new("the last element is cut short"));
    }
    if let Some(group) = walk.group() {
        group.value = Some(format!("{count} elements"));
    }
    let text = hex(walk.since(contents));
    walk.end();
    if let Some(contents) = walk.group().and_then(|group| group.children.last_mut()) {
        contents.xml = Xml::Text("array-contents", text);
    }
    walk.end();
    Ok(())
}

fn description(walk: &mut Walk<'_>, depth: usize) -> Result<Described, Stop> {
    if 8 < depth {
        return Err(Stop::new("the description is nested too deep"));
    }
    match walk.u8()? {
        0x01 => Ok(Described::Array(walk.u16()?, Box::new(description(walk, depth + 1)?))),
        0x02 => {
            let count = walk.length()?;
            let parts: Result<Vec<_>, _> = (0..count).map(|_| description(walk, depth + 1)).collect();
            Ok(Described::Structure(parts?))
        }
        0x13 => Err(Stop::new("a compact array within a compact array")),
        tag if type_name(tag).is_some() => Ok(Described::Simple(tag)),
        tag => Err(Stop::new(format!("{tag:02X} is no data type"))),
    }
}

fn words(described: &Described) -> String {
    match described {
        Described::Simple(tag) => type_name(*tag).unwrap_or("?").into(),
        Described::Array(count, of) => format!("array of {count} {}", words(of)),
        Described::Structure(parts) => {
            let parts: Vec<String> = parts.iter().map(words).collect();
            format!("structure of {}", parts.join(", "))
        }
    }
}

fn element(walk: &mut Walk<'_>, described: &Described) -> Result<(), Stop> {
    match described {
        Described::Simple(tag) => content(walk, walk.at(), *tag),
        Described::Array(count, of) => {
            walk.begin("array", Xml::Hidden);
            for _ in 0..*count {
                let before = walk.at();
                element(walk, of)?;
                if walk.at() == before {
                    return Err(Stop::new("an array of elements of no octets"));
                }
            }
            walk.end();
            Ok(())
        }
        Described::Structure(parts) => {
            walk.begin("structure", Xml::Hidden);
            for part in parts {
                element(walk, part)?;
            }
            walk.end();
            Ok(())
        }
    }
}

/// An octet string as a reader would like it: hexadecimal, and beside that the text, the logical name or the date-time that it may be.
fn octet_string(octets: &[u8]) -> String {
    let digits = hex(octets);
    if let Ok(octets) = <[u8; 12]>::try_from(octets)
        && let [0x07, 0xB2..=0xFF, 1..=12 | 0xFD..=0xFF, ..] | [0x08, 0x00..=0x33, 1..=12, ..] = octets
    {
        return format!("{digits} ({})", date_time(octets));
    }
    if let [a @ 0..=9, b, c, d, e, f] = *octets {
        return format!("{digits} ({a}-{b}:{c}.{d}.{e}.{f})");
    }
    let readable = !octets.is_empty() && octets.iter().all(|octet| (0x20..0x7F).contains(octet));
    if readable {
        format!("{digits} ({:?})", String::from_utf8_lossy(octets))
    } else {
        digits
    }
}

/// A date-time with its wildcards, deviation and status.
pub(crate) fn date_time(octets: [u8; 12]) -> String {
    let [
        y1,
        y2,
        month,
        day,
        weekday,
        hour,
        minute,
        second,
        hundredths,
        d1,
        d2,
        status,
    ] = octets;
    let mut text = format!(
        "{} {}",
        date([y1, y2, month, day, weekday]),
        time([hour, minute, second, hundredths])
    );
    match DateTime::from_octets([
        y1, y2, month, day, weekday, hour, minute, second, hundredths, d1, d2, status,
    ])
    .deviation()
    {
        // The sign is that of the standard: minutes from local time to UTC.
        Some(minutes) => text.push_str(&format!(", deviation {minutes}")),
        None => text.push_str(", deviation unspecified"),
    }
    if status != 0xFF && status != 0 {
        let bits = [
            (0x01, "invalid"),
            (0x02, "doubtful"),
            (0x04, "different clock base"),
            (0x08, "invalid clock status"),
            (0x80, "daylight saving"),
        ];
        let set: Vec<&str> = bits
            .iter()
            .filter(|(bit, _)| status & bit != 0)
            .map(|(_, name)| *name)
            .collect();
        text.push_str(&format!(", {}", set.join(", ")));
    }
    text
}

fn date([y1, y2, month, day, weekday]: [u8; 5]) -> String {
    let year = match u16::from_be_bytes([y1, y2]) {
        0xFFFF => "*".into(),
        year => format!("{year:04}"),
    };
    let month = match month {
        0xFF => "*".into(),
        0xFD => "dst-end".into(),
        0xFE => "dst-begin".into(),
        month => format!("{month:02}"),
    };
    let day = match day {
        0xFF => "*".into(),
        0xFE => "last".into(),
        0xFD => "second-last".into(),
        day => format!("{day:02}"),
    };
    let weekday = match weekday {
        1..=7 => ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
            .get(usize::from(weekday) - 1)
            .map_or(String::new(), |name| format!(" {name}")),
        _ => String::new(),
    };
    format!("{year}-{month}-{day}{weekday}")
}

fn time([hour, minute, second, hundredths]: [u8; 4]) -> String {
    let part = |value: u8| {
        if value == 0xFF {
            "*".into()
        } else {
            format!("{value:02}")
        }
    };
    let text = format!("{}:{}:{}", part(hour), part(minute), part(second));
    match hundredths {
        0 | 0xFF => text,
        hundredths => format!("{text}.{hundredths:02}"),
    }
}
