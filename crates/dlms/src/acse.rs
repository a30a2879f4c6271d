//! ACSE: how an association is asked for, granted, refused and released (IEC 62056-5-3, 7.2; ISO/IEC 15954).
//!
//! The APDUs are BER with definite lengths. Every optional field of a request is tolerated; a field that is unknown is
//! passed over.

mod names;
mod release;
mod request;
mod response;

pub use names::{Context, Mechanism};
pub use release::{ReleaseRequest, ReleaseResponse};
pub use request::{AssociationRequest, VersionMismatch};
pub use response::{AssociationResponse, Diagnostic, Outcome};

/// The tag of an AARQ.
pub const REQUEST: u8 = 0x60;
/// The tag of an AARE.
pub const RESPONSE: u8 = 0x61;
/// The tag of an RLRQ.
pub const RELEASE_REQUEST: u8 = 0x62;
/// The tag of an RLRE.
pub const RELEASE_RESPONSE: u8 = 0x63;

use cosem::axdr::{AxdrError, Full, Reader, Writer};

/// Opens an APDU that must be all of `octets` and of tag `tag`.
fn open(octets: &[u8], tag: u8) -> Result<Reader<'_>, AxdrError> {
    let mut reader = Reader::new(octets);
    reader.expect(tag, "another APDU is expected")?;
    let length = reader.length()?;
    if length == reader.rest().len() {
        Ok(reader)
    } else {
        Err(reader.error("the length is not that of the APDU"))
    }
}

/// Takes the next field: its tag and its content.
fn field<'a>(reader: &mut Reader<'a>) -> Result<(u8, &'a [u8]), AxdrError> {
    let tag = reader.octet()?;
    let length = reader.length()?;
    Ok((tag, reader.take(length)?))
}

/// The content of the one field of tag `tag` that `content` must hold.
fn inner(content: &[u8], tag: u8) -> Result<&[u8], AxdrError> {
    let mut reader = Reader::new(content);
    let at = reader.offset();
    let (found, content) = field(&mut reader)?;
    reader.end()?;
    if found == tag {
        Ok(content)
    } else {
        Err(AxdrError {
            at,
            why: "another field is expected",
        })
    }
}

/// The one octet of an integer field.
fn small(content: &[u8]) -> Result<u8, AxdrError> {
    match *inner(content, 0x02)? {
        [value] => Ok(value),
        _ => Err(AxdrError {
            at: 0,
            why: "an integer of one octet is expected",
        }),
    }
}

/// Writes a field of tag `outer` that holds one field of tag `tag` with `content`.
fn put_inner(out: &mut Writer<'_>, outer: u8, tag: u8, content: &[u8]) -> Result<(), Full> {
    let mut head = [0; 8];
    let mut head = Writer::new(&mut head);
    head.octet(tag)?;
    head.length(content.len())?;
    out.octet(outer)?;
    out.length(head.len() + content.len())?;
    out.put(head.written())?;
    out.put(content)
}

/// Writes an APDU of tag `tag` whose fields `fields` writes. It is moved when its length takes more than one octet.
fn put_apdu(out: &mut Writer<'_>, tag: u8, fields: impl Fn(&mut Writer<'_>) -> Result<(), Full>) -> Result<(), Full> {
    let mut scratch = [0; APDU_MAX];
    let mut scratch = Writer::new(&mut scratch);
    fields(&mut scratch)?;
    out.octet(tag)?;
    out.length(scratch.len())?;
    out.put(scratch.written())
}

/// The longest ACSE APDU that is written: a certificate of 768 octets, names, a title, a challenge of 64 octets and a
/// sealed initiate APDU.
const APDU_MAX: usize = 1_088;
