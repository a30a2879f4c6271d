//! Parsers alone: what parses is written again, and that parses to the same.

use cosem::axdr::{Full, Reader, Writer};
use cosem::{ByEntry, ByRange};
use ferraris_dlms::acse::{AssociationRequest, AssociationResponse, ReleaseRequest, ReleaseResponse};
use ferraris_dlms::apdu::{
    AccessRequest, AccessResponse, ActionRequest, ActionResponse, Exception, GeneralBlock, GetRequest, GetResponse,
    ServiceError, SetRequest, SetResponse,
};
use ferraris_dlms::hdlc::{Address, Deframer, Frame, Limits};
use ferraris_dlms::initiate::{InitiateRequest, InitiateResponse};
use ferraris_dlms::security::{HEADROOM, Sealed, open};
use ferraris_dlms::wrapper::Header;

use crate::device::{CLIENT_TITLE, hex};
use crate::pair::Secrets;

/// Writes what was parsed, parses that, and wants the same again.
macro_rules! same_again {
    ($octets:expr, $type:ident) => {
        if let Ok(it) = $type::parse($octets) {
            let mut buffer = [0; 1 << 13];
            let mut out = Writer::new(&mut buffer);
            if it.emit(&mut out).is_ok() {
                let again = $type::parse(out.written());
                assert_eq!(Ok(&it), again.as_ref(), "written as {}", hex(out.written()));
            }
        }
    };
}

/// HDLC frames, their parameters and addresses; wrapper headers.
pub fn framing(octets: &[u8]) {
    let _found = (Header::parse(octets), Limits::parse(octets), Address::parse(octets));
    if let Ok(Some((frame, length))) = Frame::parse(octets) {
        let mut out = [0; 4096];
        let written = frame.emit(&mut out).expect("what was a frame fits a frame");
        let (again, again_length) = Frame::parse(written).expect("our own frame").expect("it is whole");
        assert_eq!(frame, again);
        assert!(again_length <= length, "the shortest form is no longer");
    }
    let mut deframer = Deframer::new();
    for &octet in octets {
        let _frame = deframer.take(octet);
    }
}

/// COSEM data.
pub fn axdr(octets: &[u8]) {
    let mut reader = Reader::new(octets);
    while !reader.is_at_end() {
        let before = reader.offset();
        if reader.skip_value().is_err() {
            break;
        }
        assert!(before < reader.offset(), "a value has octets");
    }
}

/// Parameters of selective access.
pub fn selection(octets: &[u8]) {
    let _found = (ByRange::parse(octets).is_ok(), ByEntry::parse(octets).is_ok());
}

/// Association APDUs.
pub fn acse(octets: &[u8]) {
    let mut buffer = [0; 4096];
    let mut write = |emit: &dyn Fn(&mut Writer<'_>) -> Result<(), Full>| {
        // Longer forms than ours may not fit.
        let _fits = emit(&mut Writer::new(&mut buffer));
    };
    if let Ok(it) = AssociationRequest::parse(octets) {
        write(&|out| it.emit(out));
    }
    if let Ok(it) = AssociationResponse::parse(octets) {
        write(&|out| it.emit(out));
    }
    if let Ok(it) = ReleaseRequest::parse(octets) {
        write(&|out| it.emit(out));
    }
    if let Ok(it) = ReleaseResponse::parse(octets) {
        write(&|out| it.emit(out));
    }
}

/// Initiate APDUs.
pub fn initiate(octets: &[u8]) {
    same_again!(octets, InitiateResponse);
    let mut buffer = [0; 4096];
    if let Ok(it) = InitiateRequest::parse(octets) {
        let _fits = it.emit(&mut Writer::new(&mut buffer));
    }
}

/// Requests and responses of the services.
pub fn apdu(octets: &[u8]) {
    same_again!(octets, GetRequest);
    same_again!(octets, GetResponse);
    same_again!(octets, SetRequest);
    same_again!(octets, SetResponse);
    same_again!(octets, ActionRequest);
    same_again!(octets, ActionResponse);
    let _found = (
        AccessRequest::parse(octets).is_ok(),
        AccessResponse::parse(octets).is_ok(),
        GeneralBlock::parse(octets).is_ok(),
        Exception::parse(octets).is_ok(),
        ServiceError::parse(octets).is_ok(),
    );
}

/// Ciphered forms: heads, and opening with keys that do not fit.
pub fn sealed(octets: &[u8]) {
    let Ok(sealed) = Sealed::parse(octets) else { return };
    let secrets = Secrets::new();
    let mut buffer = vec![0; HEADROOM + octets.len()];
    buffer[HEADROOM..].copy_from_slice(octets);
    let _opened = open(&mut buffer, HEADROOM, &sealed, secrets.keys(), CLIENT_TITLE);
}
