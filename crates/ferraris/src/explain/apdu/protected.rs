//! Ciphered and signed APDUs, general blocks and the gateway: APDUs around APDUs.

use core::ops::Range;

use super::fields::{moment, present, shown, sized, tag};
use super::initiate::octet;
use super::{Carried, Ciphered, Form, KeyInfo};
use crate::explain::acse::system_title;
use crate::explain::tree::{Stop, Walk, Xml};
use crate::hex::hex;

/// Length, security control, invocation counter, and what they protect.
pub(super) fn protected(walk: &mut Walk<'_>) -> Result<(u8, u32, Range<usize>), Stop> {
    let from = walk.at();
    let length = walk.length()?;
    let end = walk.at() + length;
    if walk.rest().len() < length || length < 5 {
        return Err(Stop::new(format!(
            "a protected part of {length} octets, where {} follow and 5 are the least",
            walk.rest().len()
        )));
    }
    walk.leaf("length", from, length.to_string(), Xml::Hidden);
    let from = walk.at();
    let control = walk.u8()?;
    walk.leaf("security-control", from, security_control(control), Xml::Hidden);
    let from = walk.at();
    let counter = walk.u32()?;
    walk.leaf("invocation-counter", from, counter.to_string(), Xml::Hidden);
    let from = walk.at();
    walk.take(end - from)?;
    Ok((control, counter, from..end))
}

/// What a security control octet says.
pub(super) fn security_control(control: u8) -> String {
    let protection = match control & 0x30 {
        0x10 => "authenticated",
        0x20 => "encrypted",
        0x30 => "authenticated and encrypted",
        _ => "no protection",
    };
    let key = if control & 0x40 == 0 { "" } else { ", broadcast key" };
    let compression = if control & 0x80 == 0 { "" } else { ", compressed (V.44)" };
    format!(
        "{control:02X}: suite {}, {protection}{key}{compression}",
        control & 0x0F
    )
}

pub(super) fn service_ciphering(walk: &mut Walk<'_>, name: &'static str, form: Form) -> Result<Carried, Stop> {
    let from = walk.at();
    walk.u8()?;
    let all = hex(walk.rest());
    walk.begin_at(from, name, Xml::Instead(name));
    let (control, counter, body) = protected(walk)?;
    let from = body.start;
    walk.leaf(
        "ciphered",
        from,
        format!("{} octets", body.len()),
        Xml::Text("ciphered-service", all),
    );
    walk.end();
    Ok(Carried::Ciphered(Ciphered {
        form,
        title: None,
        recipient: None,
        header: 0..0,
        transaction: 0..0,
        key: KeyInfo::Unsaid,
        control,
        counter,
        body,
    }))
}

pub(super) fn general_global(walk: &mut Walk<'_>, octet: u8) -> Result<Carried, Stop> {
    let (name, form) = if octet == 0xDB {
        ("general-glo-ciphering", Form::GeneralGlobal)
    } else {
        ("general-ded-ciphering", Form::GeneralDedicated)
    };
    let from = walk.at();
    walk.u8()?;
    walk.begin_at(from, name, Xml::Instead(name));
    let title = title(walk, "system-title", "system-title")?;
    let inside = walk.at();
    let (control, counter, body) = protected(walk)?;
    let text = hex(walk.since(inside));
    walk.leaf(
        "ciphered",
        body.start,
        format!("{} octets", body.len()),
        Xml::Text("ciphered-service", text),
    );
    walk.end();
    Ok(Carried::Ciphered(Ciphered {
        form,
        title,
        recipient: None,
        header: 0..0,
        transaction: 0..0,
        key: KeyInfo::Unsaid,
        control,
        counter,
        body,
    }))
}

pub(super) fn title(walk: &mut Walk<'_>, name: &'static str, xml: &'static str) -> Result<Option<[u8; 8]>, Stop> {
    let from = walk.at();
    let length = walk.length()?;
    let octets = walk.take(length)?;
    let text = if octets.is_empty() {
        "absent: that of the association".into()
    } else {
        system_title(octets)
    };
    walk.leaf(name, from, text, Xml::Text(xml, hex(octets)));
    Ok(octets.try_into().ok())
}

/// What a header of general-ciphering or general-signing says.
pub(super) struct Header {
    octets: Range<usize>,
    transaction: Range<usize>,
    originator: Option<[u8; 8]>,
    recipient: Option<[u8; 8]>,
}

/// The header that general-ciphering and general-signing share.
pub(super) fn general_header(walk: &mut Walk<'_>) -> Result<Header, Stop> {
    let start = walk.at();
    let length = walk.length()?;
    let octets = walk.take(length)?;
    walk.leaf(
        "transaction-id",
        start,
        hex(octets),
        Xml::Text("transaction-id", hex(octets)),
    );
    let transaction = start..walk.at();
    let originator = title(walk, "originator-system-title", "originator-system-title")?;
    let recipient = title(walk, "recipient-system-title", "recipient-system-title")?;
    moment(walk)?;
    let from = walk.at();
    let length = walk.length()?;
    let octets = walk.take(length)?;
    walk.leaf(
        "other-information",
        from,
        hex(octets),
        Xml::Text("other-information", hex(octets)),
    );
    Ok(Header {
        octets: start..walk.at(),
        transaction,
        originator,
        recipient,
    })
}

pub(super) fn general_ciphering(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    let from = walk.at();
    walk.u8()?;
    walk.begin_at(from, "general-ciphering", Xml::Instead("general-ciphering"));
    let header = general_header(walk)?;
    let from = walk.at();
    let key = if present(walk)? {
        key_info(walk, from)?
    } else {
        KeyInfo::Unsaid
    };
    if key == KeyInfo::Unsaid {
        walk.leaf("key-info", from, "absent: the key in force", Xml::Hidden);
    }
    let inside = walk.at();
    let (control, counter, body) = protected(walk)?;
    let text = hex(walk.since(inside));
    walk.leaf(
        "ciphered",
        body.start,
        format!("{} octets", body.len()),
        Xml::Text("ciphered-content", text),
    );
    walk.end();
    Ok(Carried::Ciphered(Ciphered {
        form: Form::General,
        title: header.originator,
        recipient: header.recipient,
        header: header.octets,
        transaction: header.transaction,
        key,
        control,
        counter,
        body,
    }))
}

pub(super) fn key_info(walk: &mut Walk<'_>, from: usize) -> Result<KeyInfo, Stop> {
    walk.begin_at(from, "key-info", Xml::Element("key-info"));
    let at = walk.at();
    let key = match walk.u8()? {
        0 => {
            let id = walk.u8()?;
            let text = match id {
                0 => "0: global unicast encryption key".into(),
                1 => "1: global broadcast encryption key".into(),
                other => other.to_string(),
            };
            walk.leaf("identified-key", at, text, Xml::Text("identified-key", id.to_string()));
            KeyInfo::Identified(id)
        }
        1 => {
            let kek = walk.u8()?;
            let length = walk.length()?;
            let wrapped = walk.take(length)?;
            walk.leaf(
                "wrapped-key",
                at,
                format!("under key {kek} (0 is the master key), {length} octets"),
                Xml::Text("wrapped-key", hex(wrapped)),
            );
            KeyInfo::Wrapped(wrapped.to_vec())
        }
        2 => {
            let length = walk.length()?;
            let parameters = walk.take(length)?;
            let scheme = match parameters {
                [1] => "01: one-pass Diffie-Hellman C(1e, 1s)".into(),
                [2] => "02: static unified C(0e, 2s)".into(),
                other => hex(other),
            };
            walk.begin_at(at, "agreed-key", Xml::Element("agreed-key"));
            walk.leaf(
                "key-parameters",
                at,
                scheme,
                Xml::Text("key-parameters", hex(parameters)),
            );
            let at = walk.at();
            let length = walk.length()?;
            let octets = walk.take(length)?;
            walk.leaf(
                "key-ciphered-data",
                at,
                format!("{length} octets: ephemeral public key and its signature"),
                Xml::Text("key-ciphered-data", hex(octets)),
            );
            walk.end();
            KeyInfo::Agreed {
                parameters: parameters.first().copied().unwrap_or_default(),
                octets: octets.to_vec(),
            }
        }
        other => return Err(Stop::new(format!("{other:02X} is no kind of key information"))),
    };
    walk.end();
    Ok(key)
}

pub(super) fn general_signing(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "general-signing", "general-signing")?;
    general_header(walk)?;
    let from = walk.at();
    let length = walk.length()?;
    let start = walk.at();
    let content = walk.take(length)?;
    let inside = start..walk.at();
    walk.leaf(
        "content",
        from,
        format!("an APDU of {length} octets, below"),
        Xml::Text("content", hex(content)),
    );
    sized(walk, "signature")?;
    walk.end();
    Ok(Carried::Plain(inside))
}

pub(super) fn general_block(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "general-block-transfer", "general-block-transfer")?;
    let from = walk.at();
    let control = walk.u8()?;
    let last = control & 0x80 != 0;
    let mut text = format!("window {}", control & 0x3F);
    if last {
        text.push_str(", last block");
    }
    if control & 0x40 != 0 {
        text.push_str(", streaming");
    }
    walk.leaf(
        "block-control",
        from,
        text,
        Xml::Text("block-control", control.to_string()),
    );
    let from = walk.at();
    let number = walk.u16()?;
    shown(walk, "block-number", from, number);
    let from = walk.at();
    let acknowledged = walk.u16()?;
    shown(walk, "block-number-ack", from, acknowledged);
    let raw = sized(walk, "block-data")?;
    walk.end();
    Ok(Carried::GeneralBlock { number, last, raw })
}

pub(super) fn gateway(walk: &mut Walk<'_>, octet: u8) -> Result<Carried, Stop> {
    if octet == 0xE6 {
        tag(walk, "gateway-request", "gateway-request")?;
    } else {
        tag(walk, "gateway-response", "gateway-response")?;
    }
    self::octet(walk, "network-id")?;
    let from = walk.at();
    let length = walk.length()?;
    let address = walk.take(length)?;
    walk.leaf(
        "physical-device-address",
        from,
        hex(address),
        Xml::Text("physical-device-address", hex(address)),
    );
    let start = walk.at();
    let rest = walk.rest().len();
    walk.take(rest)?;
    walk.leaf(
        "user-pdu",
        start,
        format!("an APDU of {rest} octets, below"),
        Xml::Hidden,
    );
    walk.end();
    Ok(Carried::Plain(start..start + rest))
}
