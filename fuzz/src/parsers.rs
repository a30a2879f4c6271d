//! Parsers alone: what parses is written again, and that parses to the same.

use base::Civil;
use cosem::axdr::{Full, Reader, Writer, tag};
use cosem::buffer::{Pace, RowForm, Rows, put_row};
use cosem::{ByEntry, ByRange};
use ferraris_dlms::acse::{AssociationRequest, AssociationResponse, ReleaseRequest, ReleaseResponse};
use ferraris_dlms::apdu::{
    AccessRequest, AccessResponse, ActionRequest, ActionResponse, Exception, GeneralBlock, GetRequest, GetResponse,
    Notification, NotificationConfirm, ServiceError, SetRequest, SetResponse,
};
use ferraris_dlms::client::{Listener, Trust};
use ferraris_dlms::hdlc::{Address, Deframer, Frame, Limits};
use ferraris_dlms::initiate::{InitiateRequest, InitiateResponse};
use ferraris_dlms::security::{
    ASYMMETRIC, Certificate, Dialect, GeneralCiphered, GeneralSigned, HEADROOM, Protection, Purpose, Sealed, follow,
    open, open_general,
};
use ferraris_dlms::wrapper::Header;

use crate::conversations::pieces;
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

/// Ciphered and signed forms: heads, and opening with keys that do not fit.
pub fn sealed(octets: &[u8]) {
    let secrets = Secrets::new();
    let keys = secrets.keys();
    let mut buffer = vec![0; HEADROOM + octets.len()];
    buffer[HEADROOM..].copy_from_slice(octets);
    if let Ok(sealed) = Sealed::parse(octets) {
        let _opened = open(&mut buffer, HEADROOM, &sealed, keys, CLIENT_TITLE);
    } else if let Ok(general) = GeneralCiphered::parse(octets) {
        assert!(general.body.end <= octets.len());
        let _opened = open_general(&mut buffer, HEADROOM, &general, keys, CLIENT_TITLE, Dialect::STANDARD);
    } else if let Ok(signed) = GeneralSigned::parse(octets) {
        assert!(signed.content.end <= signed.signature.start && signed.signature.end <= octets.len());
    }
}

/// Certificates and their chains: a leaf, then its authorities, each behind two octets of its length.
pub fn certificate(octets: &[u8]) {
    let whole = Certificate::parse(octets);
    let mut list = Vec::new();
    let mut rest = octets;
    while let Some(([high, low], behind)) = rest.split_first_chunk().filter(|_| list.len() < 4) {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (piece, more) = behind.split_at(length);
        list.extend(Certificate::parse(piece));
        rest = more;
    }
    let now = Civil::new(2030, 1, 1, 0, 0, 0).ok().map(Civil::utc);
    for leaf in whole.iter().chain(&list) {
        let _judged = (leaf.check_time(now), leaf.check_use(&CLIENT_TITLE, Purpose::Signature));
        let _about = (leaf.title(), leaf.is_self_issued(), leaf.is_authority());
    }
    if let Some((leaf, authorities)) = list.split_first() {
        let mut next = |at: usize| authorities.get(at).copied();
        let _trusted = follow(leaf, &mut next, now, ASYMMETRIC);
    }
}

/// Rows of a buffer, plain, as differences and as a compact array: what is read is plain, and reads the same when it is written again.
pub fn rows(octets: &[u8]) {
    let Some((&choice, buffer)) = octets.split_first() else {
        return;
    };
    let pace = (choice & 1 != 0).then_some(Pace {
        column: usize::from(choice >> 1 & 3),
        seconds: u32::from(choice >> 3) * 60,
    });
    let Ok(mut rows) = Rows::new(buffer, pace) else { return };
    let mut before = Vec::new();
    let (mut place, mut again) = (vec![0; 1 << 14], vec![0; 1 << 14]);
    for count in 0.. {
        assert!(count <= buffer.len(), "every row takes octets");
        let mut out = Writer::new(&mut place);
        if !rows.next(&before, &mut out).is_ok_and(|is_one| is_one) {
            break;
        }
        let row = out.written();
        let mut reader = Reader::new(row);
        while !reader.is_at_end() {
            reader.skip_value().expect("a row is whole values");
        }
        for form in [RowForm::NullData, RowForm::Delta] {
            // The columns must be as many, or there is nothing to refer to; of what is gone, null-data and don't-care say the same.
            let are_whole = columns(row) == columns(&before) && columns(row) < 128;
            if !are_whole || has_gone(row) || has_gone(&before) {
                break;
            }
            let mut out = Writer::new(&mut again);
            if put_row(form, row, Some(&before), pace, &mut out).is_ok() {
                let count = u8::try_from(columns(row)).expect("less than 128");
                let written = [&[tag::ARRAY, 1, tag::STRUCTURE, count], out.written()].concat();
                let mut lent = vec![0; 1 << 14];
                let mut read = Writer::new(&mut lent);
                let found = Rows::new(&written, pace).map(|mut it| it.next(&before, &mut read));
                assert_eq!(found, Ok(Ok(true)), "{form:?} {}", hex(&written));
                assert_eq!(hex(read.written()), hex(row), "{form:?} after {}", hex(&before));
            }
        }
        before = row.to_vec();
    }
}

/// Whether a value of a row is none.
fn has_gone(row: &[u8]) -> bool {
    let mut reader = Reader::new(row);
    let mut next = || {
        if reader.is_at_end() {
            None
        } else {
            reader.skip_value().ok()
        }
    };
    core::iter::from_fn(&mut next).any(|value| matches!(value, [tag::NULL | tag::DONT_CARE]))
}

/// Values of a row.
fn columns(row: &[u8]) -> usize {
    let mut reader = Reader::new(row);
    core::iter::from_fn(|| {
        if reader.is_at_end() {
            None
        } else {
            reader.skip_value().ok()
        }
    })
    .count()
}

/// What a meter pushes: notifications whole, in general blocks, sealed; the listener hears the next one whatever came before.
pub fn notifications(octets: &[u8]) {
    let Some((&choice, octets)) = octets.split_first() else {
        return;
    };
    let secrets = Secrets::new();
    let mut buffer = vec![0; 4_096];
    let trust = Trust {
        title: CLIENT_TITLE,
        keys: (choice & 1 != 0).then(|| secrets.keys()),
        protection: if choice & 2 != 0 {
            Protection::BOTH
        } else {
            Protection::NONE
        },
    };
    let is_open = trust.protection == Protection::NONE;
    let mut listener = Listener::new(trust, &mut buffer);
    for piece in pieces(octets) {
        let mut confirms = Vec::new();
        let _heard = listener.hear(piece, &mut |it| {
            if let Notification::Data { invoke, .. } = it {
                confirms.push(invoke);
            }
        });
        for invoke in confirms {
            let mut out = [0; 128];
            let confirm = NotificationConfirm { invoke, time: &[] };
            let _sealed = listener.confirm(&confirm, 1, &mut out);
        }
    }
    if is_open {
        let mut heard = 0;
        let good = [0x0F, 0, 0, 0, 1, 0, 0x12, 0x12, 0x34];
        listener.hear(&good, &mut |_| heard += 1).expect("a notification");
        assert_eq!(heard, 1);
    }
}
