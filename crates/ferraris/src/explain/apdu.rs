//! xDLMS APDUs (IEC 62056-5-3, 7.3): what each octet of a request, response or notification says.

mod access;
mod fields;
mod initiate;
mod protected;
mod services;

use core::ops::Range;

use super::acse;
use super::tree::{Stop, Walk};
use access::{access_request, access_response, event_notification, notification};
use initiate::{exception, initiate_request, initiate_response, service_error};
use protected::{gateway, general_block, general_ciphering, general_global, general_signing, service_ciphering};
use services::{action_request, action_response, get_request, get_response, set_request, set_response};

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
