//! The parts that many APDUs share: identifiers, descriptors, selections, results, blocks.

use core::ops::Range;

use super::{Carried, Stream};
use crate::explain::data::{data, date_time};
use crate::explain::names;
use crate::explain::tree::{Stop, Walk, Xml};
use crate::hex::hex;

pub(super) fn tag(walk: &mut Walk<'_>, name: &'static str, xml: &'static str) -> Result<(), Stop> {
    let from = walk.at();
    walk.u8()?;
    walk.begin_at(from, name, Xml::Element(xml));
    Ok(())
}

pub(super) fn invoke_id(walk: &mut Walk<'_>) -> Result<(), Stop> {
    let from = walk.at();
    let octet = walk.u8()?;
    let service = if octet & 0x40 == 0 { "unconfirmed" } else { "confirmed" };
    let priority = if octet & 0x80 == 0 { "normal" } else { "high" };
    walk.leaf(
        "invoke-id-and-priority",
        from,
        format!("id {}, {service}, {priority} priority", octet & 0x0F),
        Xml::Text("invoke-id-and-priority", octet.to_string()),
    );
    Ok(())
}

pub(super) fn long_invoke_id(walk: &mut Walk<'_>) -> Result<(), Stop> {
    let from = walk.at();
    let word = walk.u32()?;
    let mut text = format!("id {}", word & 0x00FF_FFFF);
    for (bit, set, unset) in [
        (28, ", self-descriptive", ""),
        (29, ", break on error", ""),
        (30, ", confirmed", ", unconfirmed"),
        (31, ", high priority", ", normal priority"),
    ] {
        text.push_str(if word >> bit & 1 == 1 { set } else { unset });
    }
    walk.leaf(
        "long-invoke-id-and-priority",
        from,
        text,
        Xml::Text("long-invoke-id-and-priority", word.to_string()),
    );
    Ok(())
}

/// An optional date-time, as an octet string.
pub(super) fn moment(walk: &mut Walk<'_>) -> Result<(), Stop> {
    let from = walk.at();
    let length = walk.length()?;
    let octets = walk.take(length)?;
    let text = match <[u8; 12]>::try_from(octets) {
        Ok(octets) => date_time(octets),
        Err(_) if octets.is_empty() => "absent".into(),
        Err(_) => hex(octets),
    };
    walk.leaf("date-time", from, text, Xml::Text("date-time", hex(octets)));
    Ok(())
}

/// Class, logical name, and the number of an attribute or method.
pub(super) fn descriptor(walk: &mut Walk<'_>, method: bool) -> Result<(), Stop> {
    let from = walk.at();
    let (name, number_name) = if method {
        ("cosem-method-descriptor", "method-id")
    } else {
        ("cosem-attribute-descriptor", "attribute-id")
    };
    walk.begin(name, Xml::Element(name));
    let class = walk.u16()?;
    walk.leaf(
        "class-id",
        from,
        format!("{class}: {}", names::class(class)),
        Xml::Text("class-id", class.to_string()),
    );
    let at = walk.at();
    let octets: [u8; 6] = walk.array()?;
    let logical_name = names::logical_name(octets);
    walk.leaf(
        "instance-id",
        at,
        logical_name.clone(),
        Xml::Text("instance-id", hex(&octets)),
    );
    let at = walk.at();
    let number = i8::from_be_bytes(walk.array()?);
    walk.leaf(
        number_name,
        at,
        number.to_string(),
        Xml::Text(number_name, number.to_string()),
    );
    if let Some(group) = walk.group() {
        group.value = Some(format!(
            "{} {logical_name}, {number_name} {number}",
            names::class(class)
        ));
    }
    walk.end();
    Ok(())
}

/// The selection behind an attribute descriptor.
pub(super) fn selection(walk: &mut Walk<'_>) -> Result<(), Stop> {
    let from = walk.at();
    if !present(walk)? {
        walk.leaf("access-selection", from, "absent", Xml::Hidden);
        return Ok(());
    }
    walk.begin_at(from, "access-selection", Xml::Element("access-selection"));
    let at = walk.at();
    let selector = walk.u8()?;
    shown(walk, "access-selector", at, selector);
    walk.begin("access-parameters", Xml::Element("access-parameters"));
    data(walk)?;
    walk.end();
    walk.end();
    Ok(())
}

/// An octet that says whether something follows.
pub(super) fn present(walk: &mut Walk<'_>) -> Result<bool, Stop> {
    match walk.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Stop::new(format!(
            "{other:02X} where 00 (absent) or 01 (present) must stand"
        ))),
    }
}

pub(super) fn result(walk: &mut Walk<'_>, name: &'static str) -> Result<(), Stop> {
    let from = walk.at();
    let code = walk.u8()?;
    let (text, xml) = match names::access_result(code) {
        Some(words) => (format!("{code}: {words}"), words.into()),
        None => (format!("{code}: no such result"), code.to_string()),
    };
    walk.leaf(name, from, text, Xml::Text(name, xml));
    Ok(())
}

/// Get-Data-Result: a value or the reason why there is none.
pub(super) fn data_or_result(walk: &mut Walk<'_>) -> Result<(), Stop> {
    match walk.u8()? {
        0 => {
            walk.begin_at(walk.at() - 1, "data", Xml::Element("data"));
            data(walk)?;
            walk.end();
            Ok(())
        }
        1 => result(walk, "data-access-result"),
        other => Err(Stop::new(format!(
            "{other:02X} where 00 (data) or 01 (data-access-result) must stand"
        ))),
    }
}

pub(super) fn block_number(walk: &mut Walk<'_>) -> Result<u32, Stop> {
    let from = walk.at();
    let number = walk.u32()?;
    shown(walk, "block-number", from, number);
    Ok(number)
}

/// A number that stands for itself, with its octets from `from` on.
pub(super) fn shown(walk: &mut Walk<'_>, name: &'static str, from: usize, number: impl ToString) {
    let text = number.to_string();
    walk.leaf(name, from, text.clone(), Xml::Text(name, text));
}

pub(super) fn last_block(walk: &mut Walk<'_>) -> Result<bool, Stop> {
    let from = walk.at();
    let last = walk.u8()? != 0;
    let text = if last { "yes" } else { "no" };
    walk.leaf(
        "last-block",
        from,
        text,
        Xml::Text("last-block", u8::from(last).to_string()),
    );
    Ok(last)
}

/// Octets behind their length; answers where they stand.
pub(super) fn sized(walk: &mut Walk<'_>, name: &'static str) -> Result<Range<usize>, Stop> {
    let from = walk.at();
    let length = walk.length()?;
    let start = walk.at();
    let octets = walk.take(length)?;
    walk.leaf(name, from, format!("{length} octets"), Xml::Text(name, hex(octets)));
    Ok(start..walk.at())
}

/// last-block, block-number and raw data, in an element of their own.
pub(super) fn data_block(walk: &mut Walk<'_>, name: &'static str, stream: Stream) -> Result<Carried, Stop> {
    walk.begin(name, Xml::Element(name));
    let last = last_block(walk)?;
    let number = block_number(walk)?;
    let raw = sized(walk, "raw-data")?;
    walk.end();
    Ok(Carried::Block {
        stream,
        number,
        last,
        raw,
    })
}

/// A counted list; each item is walked by `item`.
pub(super) fn list(
    walk: &mut Walk<'_>,
    name: &'static str,
    mut item: impl FnMut(&mut Walk<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    walk.begin(name, Xml::Element(name));
    let count = walk.length()?;
    if let Some(group) = walk.group() {
        group.value = Some(format!("{count} elements"));
    }
    for _ in 0..count {
        item(walk)?;
    }
    walk.end();
    Ok(())
}

pub(super) fn within(
    walk: &mut Walk<'_>,
    name: &'static str,
    body: impl FnOnce(&mut Walk<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    walk.begin(name, Xml::Element(name));
    body(walk)?;
    walk.end();
    Ok(())
}

/// The choice octet of a service, which the group of the service begins with.
pub(super) fn choice(walk: &mut Walk<'_>, names: &[&'static str]) -> Result<u8, Stop> {
    let from = walk.at();
    let choice = walk.u8()?;
    let name = usize::from(choice)
        .checked_sub(1)
        .and_then(|at| names.get(at))
        .ok_or_else(|| Stop::new(format!("{choice:02X} is no form of this service")))?;
    walk.begin_at(from, *name, Xml::Element(name));
    Ok(choice)
}
