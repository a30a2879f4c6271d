//! ACSE: how an association is asked for, granted, refused and released (IEC 62056-5-3, 7; BER).

use super::names;
use super::tree::{Stop, Walk, Xml};
use crate::hex::hex;

/// What an association APDU tells of the conversation, beside its tree.
#[derive(Default)]
pub(crate) struct Told {
    /// The system title of the sender.
    pub(crate) title: Option<[u8; 8]>,
    /// Where the user information stands: an initiate APDU, a service error, or a ciphered form of these.
    pub(crate) information: Option<core::ops::Range<usize>>,
}

/// Walks over an AARQ, AARE, RLRQ or RLRE whole.
pub(crate) fn acse(walk: &mut Walk<'_>) -> Result<Told, Stop> {
    let from = walk.at();
    let (name, xml) = match walk.u8()? {
        0x60 => ("AARQ, association request", "aarq"),
        0x61 => ("AARE, association response", "aare"),
        0x62 => ("RLRQ, release request", "rlrq"),
        _ => ("RLRE, release response", "rlre"),
    };
    walk.begin_at(from, name, Xml::Element(xml));
    let length = walk.length()?;
    if walk.rest().len() != length {
        return Err(Stop::new(format!(
            "the APDU says that {length} octets follow, but {} do",
            walk.rest().len()
        )));
    }
    let mut told = Told::default();
    while !walk.is_at_end() {
        field(walk, xml, &mut told)?;
    }
    walk.end();
    Ok(told)
}

fn field(walk: &mut Walk<'_>, apdu: &str, told: &mut Told) -> Result<(), Stop> {
    let from = walk.at();
    let tag = walk.u8()?;
    let length = walk.length()?;
    let start = walk.at();
    let content = walk.take(length)?;
    let release = matches!(apdu, "rlrq" | "rlre");
    match (tag, release) {
        (0x80, true) => {
            let text = match content.last() {
                Some(0) => "normal",
                Some(1) if apdu == "rlrq" => "urgent",
                Some(1) => "not-finished",
                _ => "user-defined",
            };
            walk.leaf("reason", from, text, Xml::Text("reason", text.into()));
        }
        (0x80, false) => walk.leaf(
            "protocol-version",
            from,
            hex(content),
            Xml::Text("protocol-version", hex(content)),
        ),
        (0xA1, false) => {
            let last = content.last().copied().unwrap_or_default();
            walk.leaf(
                "application-context-name",
                from,
                format!("{last}: {}", names::context(last)),
                Xml::Text("application-context-name", last.to_string()),
            );
        }
        (0xA2, false) if apdu == "aare" => {
            let code = content.last().copied().unwrap_or_default();
            walk.leaf(
                "result",
                from,
                format!("{code}: {}", names::association_result(code)),
                Xml::Text("result", code.to_string()),
            );
        }
        (0xA3, false) if apdu == "aare" => diagnostic(walk, from, content),
        (0xA4 | 0xA6, false) => {
            let title = inner(content, 0x04)?;
            told.title = title.try_into().ok();
            let name = if tag == 0xA6 {
                "calling-AP-title"
            } else {
                "responding-AP-title"
            };
            let xml = if tag == 0xA6 {
                "CallingAPTitle"
            } else {
                "RespondingAPTitle"
            };
            walk.leaf(name, from, system_title(title), Xml::Text(xml, hex(title)));
        }
        (0xA7, false) => walk.leaf(
            "calling-AE-qualifier",
            from,
            "a certificate",
            Xml::Text("calling-Ae-qualifier", hex(inner(content, 0x04)?)),
        ),
        (0xA5, false) => walk.leaf(
            "responding-AE-qualifier",
            from,
            "a certificate",
            Xml::Text("responding-AE-qualifier", hex(inner(content, 0x04)?)),
        ),
        (0xA9, false) => {
            let user = inner(content, 0x02)?;
            walk.leaf(
                "calling-AE-invocation-id",
                from,
                format!("user {}", hex(user)),
                Xml::Text("calling-AE-invocation-id", hex(user)),
            );
        }
        (0x8A | 0x88, false) => {
            let name = if tag == 0x8A {
                "sender-acse-requirements"
            } else {
                "responder-acse-requirements"
            };
            let authentication = content.last().is_some_and(|bits| bits & 0x80 != 0);
            let text = if authentication { "authentication" } else { "nothing" };
            walk.leaf(name, from, text, Xml::Text(name, u8::from(authentication).to_string()));
        }
        (0x8B | 0x89, false) => {
            let last = content.last().copied().unwrap_or_default();
            walk.leaf(
                "mechanism-name",
                from,
                format!("{last}: {}", names::mechanism(last)),
                Xml::Text("mechanism-name", last.to_string()),
            );
        }
        (0xAC | 0xAA, false) => {
            let name = if tag == 0xAC {
                "calling-authentication-value"
            } else {
                "responding-authentication-value"
            };
            let value = inner(content, 0x80)?;
            walk.begin_at(from, name, Xml::Element(name));
            walk.leaf(
                "charstring",
                start,
                text_or_hex(value),
                Xml::Text("charstring", hex(value)),
            );
            walk.end();
        }
        (0xBE, _) => {
            let information = inner(content, 0x04)?;
            let at = walk.at() - information.len();
            told.information = Some(at..walk.at());
            walk.leaf(
                "user-information",
                from,
                format!("an APDU of {} octets, below", information.len()),
                Xml::Text("user-information", hex(information)),
            );
        }
        _ => walk.leaf(format!("field {tag:02X}"), from, hex(content), Xml::Hidden),
    }
    Ok(())
}

fn diagnostic(walk: &mut Walk<'_>, from: usize, content: &[u8]) {
    let code = content.last().copied().unwrap_or_default();
    let (by, name, xml) = if content.first() == Some(&0xA2) {
        ("provider", names::diagnostic_provider(code), "acse-service-provider")
    } else {
        ("user", names::diagnostic_user(code), "acse-service-user")
    };
    walk.begin_at(
        from,
        "result-source-diagnostic",
        Xml::Element("result-source-diagnostic"),
    );
    walk.leaf(by, from, format!("{code}: {name}"), Xml::Text(xml, code.to_string()));
    walk.end();
}

/// The content of the one field that `content` holds.
fn inner(content: &[u8], tag: u8) -> Result<&[u8], Stop> {
    let mut walk = Walk::new(content, "");
    let found = walk.u8()?;
    if found != tag {
        return Err(Stop::new(format!("field {tag:02X} is expected, not {found:02X}")));
    }
    let length = walk.length()?;
    let inner = walk.take(length)?;
    if walk.is_at_end() {
        Ok(inner)
    } else {
        Err(Stop::new("octets follow behind the field"))
    }
}

/// A system title: maker and number.
pub(crate) fn system_title(title: &[u8]) -> String {
    match title {
        [a, b, c, ..] if [a, b, c].iter().all(|it| it.is_ascii_alphanumeric()) => {
            format!(
                "{} ({}{}{})",
                hex(title),
                char::from(*a),
                char::from(*b),
                char::from(*c)
            )
        }
        _ => hex(title),
    }
}

fn text_or_hex(value: &[u8]) -> String {
    if !value.is_empty() && value.iter().all(|octet| (0x20..0x7F).contains(octet)) {
        format!("{} ({:?})", hex(value), String::from_utf8_lossy(value))
    } else {
        hex(value)
    }
}
