//! xDLMS APDUs (IEC 62056-5-3, 7.3): what each octet of a request, response or notification says.

use core::ops::Range;

use super::acse::{self, system_title};
use super::data::{data, date_time};
use super::names;
use super::tree::{Stop, Walk, Xml, hex};

/// What an APDU carries that only the conversation can take further.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    /// Nothing: it stands for itself.
    Nothing,
    /// The user information of an association APDU, and the title of its sender.
    Information {
        title: Option<[u8; 8]>,
        client: bool,
        at: Option<Range<usize>>,
    },
    /// The key that a client chose for its association.
    Dedicated(Vec<u8>),
    /// Octets under protection.
    Ciphered(Ciphered),
    /// An APDU within an APDU that is not hidden: signed content, or a gateway's.
    Plain(Range<usize>),
    /// A piece of a value that is transferred in blocks.
    Block {
        stream: Stream,
        number: u32,
        last: bool,
        raw: Range<usize>,
    },
    /// A piece of an APDU, from general block transfer.
    GeneralBlock { number: u16, last: bool, raw: Range<usize> },
}

/// Which transfer a block belongs to, and what its octets become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stream {
    /// One value that is read.
    Get,
    /// One value that is set.
    Set,
    /// Lists of values.
    SetList,
    /// Parameters of a method.
    ActionRequest,
    /// What a method returns.
    ActionResponse,
}

/// The head of a ciphered APDU. Ranges count in the APDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ciphered {
    pub(crate) form: Form,
    /// The originator's title, when it is said.
    pub(crate) title: Option<[u8; 8]>,
    /// The recipient's title, when it is said.
    pub(crate) recipient: Option<[u8; 8]>,
    /// The octets from behind the tag to the key information: additional authenticated data of general-ciphering.
    pub(crate) header: Range<usize>,
    /// The transaction identifier with its length.
    pub(crate) transaction: Range<usize>,
    pub(crate) key: KeyInfo,
    pub(crate) control: u8,
    pub(crate) counter: u32,
    /// What stands behind the counter.
    pub(crate) body: Range<usize>,
}

/// The forms of ciphered APDUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Global { from_client: Option<bool> },
    Dedicated { from_client: Option<bool> },
    GeneralGlobal,
    GeneralDedicated,
    General,
}

/// Which key general-ciphering says it used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyInfo {
    /// The one in force.
    Unsaid,
    Identified(u8),
    Wrapped(Vec<u8>),
    Agreed {
        parameters: u8,
        octets: Vec<u8>,
    },
}

/// Walks over one APDU that is all of the octets.
pub(crate) fn apdu(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    let Some(&tag) = walk.rest().first() else {
        return Err(Stop::new("an APDU of no octets"));
    };
    match tag {
        0x60..=0x63 => {
            let told = acse::acse(walk)?;
            Ok(Carried::Information {
                title: told.title,
                client: tag & 1 == 0,
                at: told.information,
            })
        }
        0x01 => initiate_request(walk),
        0x08 => initiate_response(walk),
        0x0E => service_error(walk),
        0x0F | 0x10 => notification(walk, tag),
        0xC0 => get_request(walk),
        0xC1 => set_request(walk),
        0xC2 => event_notification(walk),
        0xC3 => action_request(walk),
        0xC4 => get_response(walk),
        0xC5 => set_response(walk),
        0xC7 => action_response(walk),
        0xD8 => exception(walk),
        0xD9 => access_request(walk),
        0xDA => access_response(walk),
        0xDB | 0xDC => general_global(walk, tag),
        0xDD => general_ciphering(walk),
        0xDF => general_signing(walk),
        0xE0 => general_block(walk),
        0xE6 | 0xE7 => gateway(walk, tag),
        _ => match service_form(tag) {
            Some((name, form)) => service_ciphering(walk, name, form),
            None => Err(Stop::new(format!("{tag:02X} is the tag of no APDU with logical names"))),
        },
    }
}

/// The name and form of the service-specific ciphered APDUs.
const fn service_form(tag: u8) -> Option<(&'static str, Form)> {
    let client = Some(true);
    let server = Some(false);
    Some(match tag {
        0x21 => ("glo-initiate-request", Form::Global { from_client: client }),
        0x28 => ("glo-initiate-response", Form::Global { from_client: server }),
        0x2E => ("glo-confirmed-service-error", Form::Global { from_client: server }),
        0xC8 => ("glo-get-request", Form::Global { from_client: client }),
        0xC9 => ("glo-set-request", Form::Global { from_client: client }),
        0xCA => ("glo-event-notification-request", Form::Global { from_client: server }),
        0xCB => ("glo-action-request", Form::Global { from_client: client }),
        0xCC => ("glo-get-response", Form::Global { from_client: server }),
        0xCD => ("glo-set-response", Form::Global { from_client: server }),
        0xCF => ("glo-action-response", Form::Global { from_client: server }),
        0xD0 => ("ded-get-request", Form::Dedicated { from_client: client }),
        0xD1 => ("ded-set-request", Form::Dedicated { from_client: client }),
        0xD2 => (
            "ded-event-notification-request",
            Form::Dedicated { from_client: server },
        ),
        0xD3 => ("ded-action-request", Form::Dedicated { from_client: client }),
        0xD4 => ("ded-get-response", Form::Dedicated { from_client: server }),
        0xD5 => ("ded-set-response", Form::Dedicated { from_client: server }),
        0xD7 => ("ded-action-response", Form::Dedicated { from_client: server }),
        _ => return None,
    })
}

// ---------------------------------------------------------------------------------------------------------------------
// Parts that many APDUs share

fn tag(walk: &mut Walk<'_>, name: &'static str, xml: &'static str) -> Result<(), Stop> {
    let from = walk.at();
    walk.u8()?;
    walk.begin_at(from, name, Xml::Element(xml));
    Ok(())
}

fn invoke_id(walk: &mut Walk<'_>) -> Result<(), Stop> {
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

fn long_invoke_id(walk: &mut Walk<'_>) -> Result<(), Stop> {
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
fn moment(walk: &mut Walk<'_>) -> Result<(), Stop> {
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
fn descriptor(walk: &mut Walk<'_>, method: bool) -> Result<(), Stop> {
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
fn selection(walk: &mut Walk<'_>) -> Result<(), Stop> {
    let from = walk.at();
    if !present(walk)? {
        walk.leaf("access-selection", from, "absent", Xml::Hidden);
        return Ok(());
    }
    walk.begin_at(from, "access-selection", Xml::Element("access-selection"));
    let at = walk.at();
    let selector = walk.u8()?;
    walk.leaf(
        "access-selector",
        at,
        selector.to_string(),
        Xml::Text("access-selector", selector.to_string()),
    );
    walk.begin("access-parameters", Xml::Element("access-parameters"));
    data(walk)?;
    walk.end();
    walk.end();
    Ok(())
}

/// An octet that says whether something follows.
fn present(walk: &mut Walk<'_>) -> Result<bool, Stop> {
    match walk.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Stop::new(format!(
            "{other:02X} where 00 (absent) or 01 (present) must stand"
        ))),
    }
}

fn result(walk: &mut Walk<'_>, name: &'static str) -> Result<(), Stop> {
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
fn data_or_result(walk: &mut Walk<'_>) -> Result<(), Stop> {
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

fn block_number(walk: &mut Walk<'_>) -> Result<u32, Stop> {
    let from = walk.at();
    let number = walk.u32()?;
    walk.leaf(
        "block-number",
        from,
        number.to_string(),
        Xml::Text("block-number", number.to_string()),
    );
    Ok(number)
}

fn last_block(walk: &mut Walk<'_>) -> Result<bool, Stop> {
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

fn raw_data(walk: &mut Walk<'_>) -> Result<Range<usize>, Stop> {
    let from = walk.at();
    let length = walk.length()?;
    let start = walk.at();
    let octets = walk.take(length)?;
    walk.leaf(
        "raw-data",
        from,
        format!("{length} octets"),
        Xml::Text("raw-data", hex(octets)),
    );
    Ok(start..walk.at())
}

/// last-block, block-number and raw data, in an element of their own.
fn data_block(walk: &mut Walk<'_>, name: &'static str, stream: Stream) -> Result<Carried, Stop> {
    walk.begin(name, Xml::Element(name));
    let last = last_block(walk)?;
    let number = block_number(walk)?;
    let raw = raw_data(walk)?;
    walk.end();
    Ok(Carried::Block {
        stream,
        number,
        last,
        raw,
    })
}

/// A counted list; each item is walked by `item`.
fn list(
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

fn within(
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
fn choice(walk: &mut Walk<'_>, names: &[&'static str]) -> Result<u8, Stop> {
    let from = walk.at();
    let choice = walk.u8()?;
    let name = usize::from(choice)
        .checked_sub(1)
        .and_then(|at| names.get(at))
        .ok_or_else(|| Stop::new(format!("{choice:02X} is no form of this service")))?;
    walk.begin_at(from, *name, Xml::Element(name));
    Ok(choice)
}

// ---------------------------------------------------------------------------------------------------------------------
// Initiate and errors

fn initiate_request(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
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

fn initiate_response(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
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

fn quality(walk: &mut Walk<'_>, name: &'static str) -> Result<(), Stop> {
    let from = walk.at();
    if present(walk)? {
        let value = walk.u8()?;
        walk.leaf(name, from, value.to_string(), Xml::Text(name, value.to_string()));
    } else {
        walk.leaf(name, from, "absent", Xml::Hidden);
    }
    Ok(())
}

fn octet(walk: &mut Walk<'_>, name: &'static str) -> Result<(), Stop> {
    let from = walk.at();
    let value = walk.u8()?;
    walk.leaf(name, from, value.to_string(), Xml::Text(name, value.to_string()));
    Ok(())
}

fn pdu_size(walk: &mut Walk<'_>, name: &'static str) -> Result<(), Stop> {
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

fn conformance(walk: &mut Walk<'_>, name: &'static str) -> Result<(), Stop> {
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

fn service_error(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
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

fn exception(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
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

// ---------------------------------------------------------------------------------------------------------------------
// GET

fn get_request(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Get-Request", "get-request")?;
    let form = choice(
        walk,
        &["get-request-normal", "get-request-next", "get-request-with-list"],
    )?;
    invoke_id(walk)?;
    match form {
        1 => {
            descriptor(walk, false)?;
            selection(walk)?;
        }
        2 => {
            block_number(walk)?;
        }
        _ => attributes(walk)?,
    }
    walk.end();
    walk.end();
    Ok(Carried::Nothing)
}

fn attributes(walk: &mut Walk<'_>) -> Result<(), Stop> {
    list(walk, "attribute-descriptor-list", |walk| {
        within(walk, "Cosem-Attribute-Descriptor-With-Selection", |walk| {
            descriptor(walk, false)?;
            selection(walk)
        })
    })
}

fn get_response(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Get-Response", "get-response")?;
    let form = choice(
        walk,
        &[
            "get-response-normal",
            "get-response-with-data-block",
            "get-response-with-list",
        ],
    )?;
    invoke_id(walk)?;
    let mut carried = Carried::Nothing;
    match form {
        1 => within(walk, "result", data_or_result)?,
        2 => {
            walk.begin("result", Xml::Element("result"));
            let last = last_block(walk)?;
            let number = block_number(walk)?;
            walk.begin("result", Xml::Element("result"));
            if present(walk)? {
                result(walk, "data-access-result")?;
            } else {
                carried = Carried::Block {
                    stream: Stream::Get,
                    number,
                    last,
                    raw: raw_data(walk)?,
                };
            }
            walk.end();
            walk.end();
        }
        _ => list(walk, "result", data_or_result)?,
    }
    walk.end();
    walk.end();
    Ok(carried)
}

// ---------------------------------------------------------------------------------------------------------------------
// SET

fn set_request(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Set-Request", "set-request")?;
    let form = choice(
        walk,
        &[
            "set-request-normal",
            "set-request-first-data-block",
            "set-request-with-datablock",
            "set-request-with-list",
            "set-request-with-list-and-first-datablock",
        ],
    )?;
    invoke_id(walk)?;
    let mut carried = Carried::Nothing;
    match form {
        1 => {
            descriptor(walk, false)?;
            selection(walk)?;
            within(walk, "value", data)?;
        }
        2 => {
            descriptor(walk, false)?;
            selection(walk)?;
            carried = data_block(walk, "datablock", Stream::Set)?;
        }
        3 => carried = data_block(walk, "datablock", Stream::Set)?,
        4 => {
            attributes(walk)?;
            list(walk, "value-list", data)?;
        }
        _ => {
            attributes(walk)?;
            carried = data_block(walk, "datablock", Stream::SetList)?;
        }
    }
    walk.end();
    walk.end();
    Ok(carried)
}

fn set_response(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Set-Response", "set-response")?;
    let form = choice(
        walk,
        &[
            "set-response-normal",
            "set-response-data-block",
            "set-response-with-last-data-block",
            "set-response-last-datablock-with-list",
            "set-response-with-list",
        ],
    )?;
    invoke_id(walk)?;
    match form {
        1 => result(walk, "result")?,
        2 => {
            block_number(walk)?;
        }
        3 => {
            result(walk, "result")?;
            block_number(walk)?;
        }
        4 => {
            list(walk, "result", |walk| result(walk, "data-access-result"))?;
            block_number(walk)?;
        }
        _ => list(walk, "result", |walk| result(walk, "data-access-result"))?,
    }
    walk.end();
    walk.end();
    Ok(Carried::Nothing)
}

// ---------------------------------------------------------------------------------------------------------------------
// ACTION

fn action_request(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Action-Request", "action-request")?;
    let form = choice(
        walk,
        &[
            "action-request-normal",
            "action-request-next-pblock",
            "action-request-with-list",
            "action-request-with-first-pblock",
            "action-request-with-list-and-first-pblock",
            "action-request-with-pblock",
        ],
    )?;
    invoke_id(walk)?;
    let mut carried = Carried::Nothing;
    let methods = |walk: &mut Walk<'_>| list(walk, "cosem-method-descriptor-list", |walk| descriptor(walk, true));
    match form {
        1 => {
            descriptor(walk, true)?;
            let from = walk.at();
            if present(walk)? {
                walk.begin_at(
                    from,
                    "method-invocation-parameters",
                    Xml::Element("method-invocation-parameters"),
                );
                data(walk)?;
                walk.end();
            } else {
                walk.leaf("method-invocation-parameters", from, "absent", Xml::Hidden);
            }
        }
        2 => {
            block_number(walk)?;
        }
        3 => {
            methods(walk)?;
            list(walk, "method-invocation-parameters", data)?;
        }
        4 => {
            descriptor(walk, true)?;
            carried = data_block(walk, "pblock", Stream::ActionRequest)?;
        }
        5 => {
            methods(walk)?;
            carried = data_block(walk, "pblock", Stream::SetList)?;
        }
        _ => carried = data_block(walk, "pblock", Stream::ActionRequest)?,
    }
    walk.end();
    walk.end();
    Ok(carried)
}

fn action_response(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Action-Response", "action-response")?;
    let form = choice(
        walk,
        &[
            "action-response-normal",
            "action-response-with-pblock",
            "action-response-with-list",
            "action-response-next-pblock",
        ],
    )?;
    invoke_id(walk)?;
    let mut carried = Carried::Nothing;
    let single = |walk: &mut Walk<'_>| {
        result(walk, "result")?;
        let from = walk.at();
        if present(walk)? {
            walk.begin_at(from, "return-parameters", Xml::Element("return-parameters"));
            data_or_result(walk)?;
            walk.end();
        } else {
            walk.leaf("return-parameters", from, "absent", Xml::Hidden);
        }
        Ok(())
    };
    match form {
        1 => within(walk, "single-response", single)?,
        2 => carried = data_block(walk, "pblock", Stream::ActionResponse)?,
        3 => list(walk, "list-of-responses", |walk| {
            within(walk, "Action-Response-With-Optional-Data", single)
        })?,
        _ => {
            block_number(walk)?;
        }
    }
    walk.end();
    walk.end();
    Ok(carried)
}

// ---------------------------------------------------------------------------------------------------------------------
// Notifications and ACCESS

fn event_notification(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "EventNotification", "event-notification-request")?;
    let from = walk.at();
    if present(walk)? {
        let length = walk.length()?;
        let octets = walk.take(length)?;
        let text = <[u8; 12]>::try_from(octets).map_or_else(|_| hex(octets), date_time);
        walk.leaf("time", from, text, Xml::Text("time", hex(octets)));
    } else {
        walk.leaf("time", from, "absent", Xml::Hidden);
    }
    descriptor(walk, false)?;
    within(walk, "attribute-value", data)?;
    walk.end();
    Ok(Carried::Nothing)
}

fn notification(walk: &mut Walk<'_>, octet: u8) -> Result<Carried, Stop> {
    if octet == 0x10 {
        tag(walk, "DataNotificationConfirm", "data-notification-confirm")?;
        long_invoke_id(walk)?;
        moment(walk)?;
    } else {
        tag(walk, "DataNotification", "data-notification")?;
        long_invoke_id(walk)?;
        moment(walk)?;
        walk.begin("notification-body", Xml::Element("notification-body"));
        within(walk, "data-value", data)?;
        walk.end();
    }
    walk.end();
    Ok(Carried::Nothing)
}

fn access_specification(walk: &mut Walk<'_>) -> Result<(), Stop> {
    walk.begin(
        "Access-Request-Specification",
        Xml::Element("Access-Request-Specification"),
    );
    let from = walk.at();
    let (name, method, selects) = match walk.u8()? {
        1 => ("access-request-get", false, false),
        2 => ("access-request-set", false, false),
        3 => ("access-request-action", true, false),
        4 => ("access-request-get-with-selection", false, true),
        5 => ("access-request-set-with-selection", false, true),
        other => return Err(Stop::new(format!("{other:02X} is no kind of access"))),
    };
    walk.begin_at(from, name, Xml::Element(name));
    descriptor(walk, method)?;
    if selects {
        walk.begin("access-selection", Xml::Element("access-selection"));
        octet(walk, "access-selector")?;
        within(walk, "access-parameters", data)?;
        walk.end();
    }
    walk.end();
    walk.end();
    Ok(())
}

fn data_list(walk: &mut Walk<'_>, name: &'static str) -> Result<(), Stop> {
    list(walk, name, |walk| within(walk, "Data", data))
}

fn access_request(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Access-Request", "access-request")?;
    long_invoke_id(walk)?;
    moment(walk)?;
    walk.begin("access-request-body", Xml::Element("access-request-body"));
    list(walk, "access-request-specification", access_specification)?;
    data_list(walk, "access-request-list-of-data")?;
    walk.end();
    walk.end();
    Ok(Carried::Nothing)
}

fn access_response(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Access-Response", "access-response")?;
    long_invoke_id(walk)?;
    moment(walk)?;
    walk.begin("access-response-body", Xml::Element("access-response-body"));
    let from = walk.at();
    if present(walk)? {
        list(walk, "access-request-specification", access_specification)?;
    } else {
        walk.leaf("access-request-specification", from, "absent", Xml::Hidden);
    }
    data_list(walk, "access-response-list-of-data")?;
    list(walk, "access-response-specification", |walk| {
        walk.begin(
            "Access-Response-Specification",
            Xml::Element("Access-Response-Specification"),
        );
        let from = walk.at();
        let name = match walk.u8()? {
            1 => "access-response-get",
            2 => "access-response-set",
            3 => "access-response-action",
            other => return Err(Stop::new(format!("{other:02X} is no kind of access"))),
        };
        walk.begin_at(from, name, Xml::Element(name));
        result(walk, "result")?;
        walk.end();
        walk.end();
        Ok(())
    })?;
    walk.end();
    walk.end();
    Ok(Carried::Nothing)
}

// ---------------------------------------------------------------------------------------------------------------------
// Protection and blocks

/// Length, security control, invocation counter, and what they protect.
fn protected(walk: &mut Walk<'_>) -> Result<(u8, u32, Range<usize>), Stop> {
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
fn security_control(control: u8) -> String {
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

fn service_ciphering(walk: &mut Walk<'_>, name: &'static str, form: Form) -> Result<Carried, Stop> {
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

fn general_global(walk: &mut Walk<'_>, octet: u8) -> Result<Carried, Stop> {
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

fn title(walk: &mut Walk<'_>, name: &'static str, xml: &'static str) -> Result<Option<[u8; 8]>, Stop> {
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
struct Header {
    octets: Range<usize>,
    transaction: Range<usize>,
    originator: Option<[u8; 8]>,
    recipient: Option<[u8; 8]>,
}

/// The header that general-ciphering and general-signing share.
fn general_header(walk: &mut Walk<'_>) -> Result<Header, Stop> {
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

fn general_ciphering(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
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

fn key_info(walk: &mut Walk<'_>, from: usize) -> Result<KeyInfo, Stop> {
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

fn general_signing(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
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
    let from = walk.at();
    let length = walk.length()?;
    let signature = walk.take(length)?;
    walk.leaf(
        "signature",
        from,
        format!("{length} octets"),
        Xml::Text("signature", hex(signature)),
    );
    walk.end();
    Ok(Carried::Plain(inside))
}

fn general_block(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
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
    walk.leaf(
        "block-number",
        from,
        number.to_string(),
        Xml::Text("block-number", number.to_string()),
    );
    let from = walk.at();
    let acknowledged = walk.u16()?;
    walk.leaf(
        "block-number-ack",
        from,
        acknowledged.to_string(),
        Xml::Text("block-number-ack", acknowledged.to_string()),
    );
    let from = walk.at();
    let length = walk.length()?;
    let start = walk.at();
    let octets = walk.take(length)?;
    walk.leaf(
        "block-data",
        from,
        format!("{length} octets"),
        Xml::Text("block-data", hex(octets)),
    );
    walk.end();
    Ok(Carried::GeneralBlock {
        number,
        last,
        raw: start..start + length,
    })
}

fn gateway(walk: &mut Walk<'_>, octet: u8) -> Result<Carried, Stop> {
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
