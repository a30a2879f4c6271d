//! Initiate request and response, service errors and exceptions.

use super::Carried;
use super::fields::{present, tag};
use crate::explain::names;
use crate::explain::tree::{Stop, Walk, Xml};
use crate::hex::hex;

pub(super) fn initiate_request(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "InitiateRequest", "initiateRequest")?;
    let from = walk.at();
    let mut dedicated = Carried::Nothing;
    if present(walk)? {
        let length = walk.length()?;
        let key = walk.take(length)?;
        dedicated = Carried::Dedicated(key.to_vec());
        walk.leaf(
            "dedicated-key",
            from,
            format!("{length} octets"),
            Xml::Text("dedicated-key", hex(key)),
        );
    } else {
        walk.leaf("dedicated-key", from, "absent", Xml::Hidden);
    }
    let from = walk.at();
    let allowed = if present(walk)? { walk.u8()? != 0 } else { true };
    let text = if allowed { "yes" } else { "no" };
    walk.leaf(
        "response-allowed",
        from,
        text,
        if allowed {
            Xml::Hidden
        } else {
            Xml::Text("response-allowed", "0".into())
        },
    );
    quality(walk, "proposed-quality-of-service")?;
    octet(walk, "proposed-dlms-version-number")?;
    conformance(walk, "proposed-conformance")?;
    pdu_size(walk, "client-max-receive-pdu-size")?;
    walk.end();
    Ok(dedicated)
}

pub(super) fn initiate_response(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "InitiateResponse", "initiateResponse")?;
    quality(walk, "negotiated-quality-of-service")?;
    octet(walk, "negotiated-dlms-version-number")?;
    conformance(walk, "negotiated-conformance")?;
    pdu_size(walk, "server-max-receive-pdu-size")?;
    let from = walk.at();
    let name = walk.u16()?;
    walk.leaf(
        "vaa-name",
        from,
        format!("{name:04X}"),
        Xml::Text("vaa-name", format!("{name:04X}")),
    );
    walk.end();
    Ok(Carried::Nothing)
}

pub(super) fn quality(walk: &mut Walk<'_>, name: &'static str) -> Result<(), Stop> {
    let from = walk.at();
    if present(walk)? {
        let value = walk.u8()?;
        walk.leaf(name, from, value.to_string(), Xml::Text(name, value.to_string()));
    } else {
        walk.leaf(name, from, "absent", Xml::Hidden);
    }
    Ok(())
}

pub(super) fn octet(walk: &mut Walk<'_>, name: &'static str) -> Result<(), Stop> {
    let from = walk.at();
    let value = walk.u8()?;
    walk.leaf(name, from, value.to_string(), Xml::Text(name, value.to_string()));
    Ok(())
}

pub(super) fn pdu_size(walk: &mut Walk<'_>, name: &'static str) -> Result<(), Stop> {
    let from = walk.at();
    let size = walk.u16()?;
    let text = if size == 0 {
        "0: no limit".into()
    } else {
        size.to_string()
    };
    walk.leaf(name, from, text, Xml::Text(name, size.to_string()));
    Ok(())
}

pub(super) fn conformance(walk: &mut Walk<'_>, name: &'static str) -> Result<(), Stop> {
    let from = walk.at();
    if walk.u8()? != 0x5F {
        return Err(Stop::new("a conformance block begins with 5F"));
    }
    // Old clients leave the second octet of the tag out.
    if walk.rest().first() == Some(&0x1F) {
        walk.u8()?;
    }
    if walk.u8()? != 4 {
        return Err(Stop::new("a conformance block has 4 octets"));
    }
    let [_unused_bits, a, b, c]: [u8; 4] = walk.array()?;
    let bits = u32::from_be_bytes([0, a, b, c]);
    let services: Vec<&str> = names::CONFORMANCE
        .iter()
        .enumerate()
        .filter(|(bit, _)| bits >> (23 - bit) & 1 == 1)
        .map(|(_, name)| *name)
        .collect();
    walk.leaf(
        name,
        from,
        format!("{bits:06X}: {}", services.join(", ")),
        Xml::Text(name, format!("{bits:024b}")),
    );
    Ok(())
}

pub(super) fn service_error(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "confirmedServiceError", "confirmedServiceError")?;
    let from = walk.at();
    let service = match walk.u8()? {
        1 => "initiateError",
        5 => "read",
        6 => "write",
        other => return Err(Stop::new(format!("{other:02X} is no service that has such an error"))),
    };
    walk.begin_at(from, service, Xml::Element(service));
    let from = walk.at();
    let choice = walk.u8()?;
    let value = walk.u8()?;
    let (name, values) = names::confirmed_service_error(choice)
        .ok_or_else(|| Stop::new(format!("{choice:02X} is no kind of service error")))?;
    let text = values
        .get(usize::from(value))
        .map_or_else(|| value.to_string(), |&it| it.into());
    walk.leaf(name, from, text.clone(), Xml::Text(name, text));
    walk.end();
    walk.end();
    Ok(Carried::Nothing)
}

pub(super) fn exception(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "ExceptionResponse", "exception-response")?;
    let from = walk.at();
    let code = walk.u8()?;
    let text = names::state_error(code).map_or_else(|| code.to_string(), Into::into);
    walk.leaf(
        "state-error",
        from,
        format!("{code}: {text}"),
        Xml::Text("state-error", text),
    );
    let from = walk.at();
    let code = walk.u8()?;
    let text = names::service_error(code).map_or_else(|| code.to_string(), Into::into);
    if code == 6 && !walk.is_at_end() {
        let expected = walk.u32()?;
        walk.leaf(
            "service-error",
            from,
            format!("{code}: {text}, expected at least {expected}"),
            Xml::Text("service-error", text),
        );
    } else {
        walk.leaf(
            "service-error",
            from,
            format!("{code}: {text}"),
            Xml::Text("service-error", text),
        );
    }
    walk.end();
    Ok(Carried::Nothing)
}
