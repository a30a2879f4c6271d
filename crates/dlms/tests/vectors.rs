//! Known octets from the standard's examples and from captures of real devices: read, written again, and cut at each
//! length.

mod known;

use cosem::axdr::Writer;
use ferraris_dlms::acse::{
    AssociationRequest, AssociationResponse, Context, Diagnostic, Mechanism, Outcome, ReleaseRequest, ReleaseResponse,
};
use ferraris_dlms::apdu::{ActionRequest, ActionResponse, GetRequest, GetResponse, SetRequest, SetResponse};
use ferraris_dlms::hdlc::{Control, Deframer, Frame};
use ferraris_dlms::initiate::{InitiateError, InitiateRequest, InitiateResponse};
use ferraris_dlms::security::{
    Challenge, Envelope, HEADROOM, Key, Keys, OpenError, Protection, Sealed, Suite, gmac_token, open, overhead, seal,
    verify_gmac_token,
};
use ferraris_dlms::wrapper::Header;
use known::{Fields, octets, vectors};

fn written(emit: impl FnOnce(&mut Writer<'_>) -> Result<(), cosem::axdr::Full>) -> Vec<u8> {
    let mut buffer = [0; 512];
    let mut out = Writer::new(&mut buffer);
    emit(&mut out).expect("it fits");
    out.written().to_vec()
}

#[test]
fn frames_of_real_devices_read_write_and_wait_for_each_octet() {
    let mut count = 0;
    for (id, fields) in vectors("hdlc") {
        let octets = &fields["octets"];
        if id == "crc-x25-check" {
            continue;
        }
        count += 1;
        let (frame, length) = Frame::parse(octets).expect(&id).expect(&id);
        assert_eq!(length, octets.len(), "{id}");
        let mut out = [0; 512];
        assert_eq!(frame.emit(&mut out), Some(&octets[..]), "{id}");
        for cut in 0..octets.len() {
            assert_eq!(Frame::parse(&octets[..cut]), Ok(None), "{id} cut at {cut}");
        }
        for at in 1..octets.len() - 1 {
            let mut wrong = octets.clone();
            wrong[at] ^= 0x20;
            assert!(
                !matches!(Frame::parse(&wrong), Ok(Some(_))),
                "{id} with octet {at} changed"
            );
        }
        let mut deframer = Deframer::new();
        let noise = [0x00, 0x7E, 0xFF, 0xA0];
        let found = noise
            .iter()
            .chain(octets)
            .filter(|&&octet| matches!(deframer.take(octet), Some(Ok(_))))
            .count();
        assert_eq!(found, 1, "{id} behind noise");
    }
    assert_eq!(count, 25);
}

#[test]
fn a_refusal_without_user_information_reads_as_a_refusal() {
    // A Landis+Gyr ZMXi320 (Gurux/gurux.dlms.java pull 22): peers took it for success.
    let octets = &vectors("hdlc")["aare-rejected-no-user-info"]["octets"];
    let (frame, _) = Frame::parse(octets).expect("a frame").expect("whole");
    let response = AssociationResponse::parse(&frame.information[3..]).expect("an AARE");
    assert_eq!(response.outcome, Outcome::RejectedPermanent);
    assert_eq!(response.diagnostic, Diagnostic::AuthenticationFailure);
    assert_eq!(response.information, None);
}

#[test]
fn a_modulo_128_connection_is_not_taken_for_ours() {
    let octets = &vectors("hdlc")["snrme-w20"]["octets"];
    let (frame, _) = Frame::parse(octets).expect("a frame").expect("whole");
    assert_eq!(frame.control, Control::Unknown(0xDF));
}

#[test]
fn the_wrapper_of_the_standard_reads() {
    let octets = &vectors("wrapper")["wpdu-aarq"]["octets"];
    let header = Header::parse(octets).expect("version 1").expect("whole");
    assert_eq!(
        header,
        Header {
            source: 16,
            destination: 1,
            length: 31
        }
    );
    assert_eq!(octets.len(), 8 + 31);
}

#[test]
fn associations_of_the_standard_read_and_write() {
    let vectors = vectors("acse");
    for (id, fields) in &vectors {
        let octets = &fields["octets"];
        match octets[0] {
            0x60 => {
                let request = AssociationRequest::parse(octets).expect(id);
                assert_eq!(written(|out| request.emit(out)), *octets, "{id}");
                for cut in 0..octets.len() {
                    assert!(AssociationRequest::parse(&octets[..cut]).is_err(), "{id} cut at {cut}");
                }
            }
            0x61 => {
                let response = AssociationResponse::parse(octets).expect(id);
                assert_eq!(written(|out| response.emit(out)), *octets, "{id}");
                for cut in 0..octets.len() {
                    assert!(AssociationResponse::parse(&octets[..cut]).is_err(), "{id} cut at {cut}");
                }
            }
            0x62 => {
                let request = ReleaseRequest::parse(octets).expect(id);
                assert_eq!(written(|out| request.emit(out)), *octets, "{id}");
            }
            _ => {
                let response = ReleaseResponse::parse(octets).expect(id);
                assert_eq!(written(|out| response.emit(out)), *octets, "{id}");
            }
        }
    }
    assert_eq!(vectors.len(), 12);

    let request = AssociationRequest::parse(&vectors["aarq-ciphered-lls"]["octets"]).expect("an AARQ");
    assert_eq!(request.context, Some(Context::Ciphered));
    assert_eq!(request.mechanism, Some(Some(Mechanism::Password)));
    assert_eq!(request.authentication, Some(&b"12345678"[..]));
    assert_eq!(request.calling_title, Some(&octets("4D4D4D0000BC614E")[..]));

    let response = AssociationResponse::parse(&vectors["aare-hls5"]["octets"]).expect("an AARE");
    assert_eq!(
        (response.outcome, response.diagnostic),
        (Outcome::Accepted, Diagnostic::AuthenticationRequired)
    );
    assert_eq!(response.authentication, Some(&b"P6wRJ21F"[..]));
    let granted = InitiateResponse::parse(response.information.expect("initiate")).expect("initiate");
    assert_eq!(granted.receive_max, 500);

    let refused = AssociationResponse::parse(&vectors["aare-low-dlms-version"]["octets"]).expect("an AARE");
    assert_eq!(
        refused.information.and_then(InitiateError::parse),
        Some(InitiateError::VersionTooLow)
    );

    assert_eq!(
        ReleaseRequest::parse(&[0x62, 0x00]),
        Ok(ReleaseRequest {
            reason: None,
            information: None
        })
    );
}

#[test]
fn services_of_the_standard_read_and_write() {
    let vectors = vectors("xdlms");
    let mut count = 0;
    for (id, fields) in &vectors {
        let octets = &fields["octets"];
        type Emit = Box<dyn Fn(&[u8]) -> Option<Vec<u8>>>;
        let again: Emit = match octets[0] {
            0xC0 => Box::new(|octets| GetRequest::parse(octets).ok().map(|it| written(|out| it.emit(out)))),
            0xC4 => Box::new(|octets| GetResponse::parse(octets).ok().map(|it| written(|out| it.emit(out)))),
            0xC1 => Box::new(|octets| SetRequest::parse(octets).ok().map(|it| written(|out| it.emit(out)))),
            0xC5 => Box::new(|octets| SetResponse::parse(octets).ok().map(|it| written(|out| it.emit(out)))),
            0xC3 => Box::new(|octets| ActionRequest::parse(octets).ok().map(|it| written(|out| it.emit(out)))),
            0xC7 => Box::new(|octets| ActionResponse::parse(octets).ok().map(|it| written(|out| it.emit(out)))),
            _ => continue,
        };
        count += 1;
        assert_eq!(again(octets).as_deref(), Some(&octets[..]), "{id}");
        // Values at the end are for the attribute to check, so a request cut inside of its value is still a request.
        let whole = match id.as_str() {
            "set" => 13,
            "action" => 12,
            _ => octets.len(),
        };
        for cut in 0..whole {
            assert_eq!(again(&octets[..cut]), None, "{id} cut at {cut}");
        }
    }
    assert_eq!(count, 13);
}

#[test]
fn block_errors_of_a_peer_are_refused() {
    // GuruxDLMS.c 9.0.2608: an error without a block number, and a last block with the whole PDU again.
    assert!(GetResponse::parse(&octets("C402C10103")).is_err());
    assert!(GetResponse::parse(&octets("C402C10100000002000000C402C101")).is_err());
}

struct Fixture {
    encryption: Key,
    authentication: Key,
    title: [u8; 8],
    counter: u32,
}

impl Fixture {
    fn new(fields: &Fields) -> Self {
        let key = |name: &str| Key::new(&fields[name]).expect("16 or 32 octets");
        Self {
            encryption: key("ek"),
            authentication: key("ak"),
            title: fields["system_title"].as_slice().try_into().expect("8 octets"),
            counter: u32::from_be_bytes(fields["ic"].as_slice().try_into().expect("4 octets")),
        }
    }

    fn keys(&self, suite: Suite) -> Keys<'_> {
        Keys {
            suite,
            encryption: &self.encryption,
            authentication: &self.authentication,
        }
    }
}

fn sealed(fixture: &Fixture, suite: Suite, envelope: Envelope, protection: Protection, plain: &[u8]) -> Vec<u8> {
    let mut buffer = [0; 256];
    buffer[HEADROOM..HEADROOM + plain.len()].copy_from_slice(plain);
    let range = HEADROOM..HEADROOM + plain.len();
    let range = seal(
        &mut buffer,
        range,
        envelope,
        protection,
        fixture.keys(suite),
        fixture.title,
        fixture.counter,
    )
    .expect("it fits");
    assert_eq!(range.len(), plain.len() + overhead(envelope, protection, plain.len()));
    buffer[range].to_vec()
}

fn opened(fixture: &Fixture, suite: Suite, title: [u8; 8], apdu: &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut buffer = [0; 512];
    buffer[HEADROOM..HEADROOM + apdu.len()].copy_from_slice(apdu);
    let head = Sealed::parse(apdu).expect("a ciphered APDU");
    open(&mut buffer, HEADROOM, &head, fixture.keys(suite), title).map(|range| buffer[range].to_vec())
}

#[test]
fn ciphered_apdus_of_the_standard_open_and_seal() {
    let vectors = vectors("suite0");
    let mut count = 0;
    for id in [
        "sc20",
        "sc30",
        "glo-initiate-request",
        "glo-initiate-response",
        "suite1-sc31",
        "suite2-sc32",
        "sc10",
    ] {
        let fields = &vectors[id];
        let fixture = Fixture::new(fields);
        let plain = &fields["plain"];
        // The authentication-only example is given as its tag.
        let apdu = if id == "sc10" {
            [&octets("C81E1001234567")[..], plain, &fields["tag"]].concat()
        } else {
            fields["apdu"].clone()
        };
        let suite = Suite::from_id(apdu[2] & 0x0F).expect("a suite");
        let protection = Protection::from_control(apdu[2]);
        assert_eq!(
            sealed(&fixture, suite, Envelope::Global, protection, plain),
            apdu,
            "{id}"
        );
        assert_eq!(
            opened(&fixture, suite, fixture.title, &apdu).as_ref(),
            Ok(plain),
            "{id}"
        );
        for cut in 1..apdu.len() {
            assert!(Sealed::parse(&apdu[..cut]).is_err(), "{id} cut at {cut}");
        }
        if protection.covers(Protection::AUTHENTICATED) {
            for at in 3..apdu.len() {
                let mut wrong = apdu.clone();
                wrong[at] ^= 1;
                assert_eq!(
                    opened(&fixture, suite, fixture.title, &wrong),
                    Err(OpenError::Tag),
                    "{id} with octet {at} changed"
                );
            }
            assert_eq!(opened(&fixture, suite, *b"SOMEBODY", &apdu), Err(OpenError::Tag));
        }
        let mut general = sealed(&fixture, suite, Envelope::GeneralGlobal, protection, plain);
        assert_eq!(
            opened(&fixture, suite, fixture.title, &general).as_ref(),
            Ok(plain),
            "{id}"
        );
        assert_eq!(
            Sealed::parse(&general).expect("a ciphered APDU").title,
            Some(fixture.title)
        );
        // A ciphered APDU of any sort whose octets are too few for a tag.
        general.truncate(18);
        general[10] = 7;
        if protection.covers(Protection::AUTHENTICATED) {
            assert_eq!(opened(&fixture, suite, fixture.title, &general), Err(OpenError::Short));
        }
        count += 1;
    }
    assert_eq!(count, 7);
}

#[test]
fn a_general_glo_push_of_a_real_meter_opens() {
    let fields = &vectors("suite0")["general-glo-u9n"];
    let apdu = &fields["apdu"];
    let key = |name: &str| Key::new(&fields[name]).expect("16 octets");
    let head = Sealed::parse(apdu).expect("a ciphered APDU");
    let title = head.title.expect("it says its title");
    assert_eq!(
        (title, head.counter),
        (octets("2F19229199164103").try_into().expect("8 octets"), 0x1E5)
    );
    let fixture = Fixture {
        encryption: key("ek"),
        authentication: key("ak"),
        title,
        counter: head.counter,
    };
    assert_eq!(
        opened(&fixture, Suite::Zero, title, apdu).as_ref(),
        Ok(&fields["plain"])
    );
    let untitled = &vectors("suite0")["general-glo-no-title"]["apdu"];
    assert_eq!(Sealed::parse(untitled).expect("a ciphered APDU").title, None);
}

#[test]
fn the_answers_to_challenges_are_those_of_the_standard() {
    let vectors = vectors("suite0");
    for (id, challenge) in [("hls-gmac-fstoc", "stoc"), ("hls-gmac-fctos", "ctos")] {
        let fields = &vectors[id];
        let fixture = Fixture::new(fields);
        let challenge = Challenge::new(&fields[challenge]).expect("8 octets");
        let keys = fixture.keys(Suite::Zero);
        let token = gmac_token(keys, fixture.title, fixture.counter, &challenge).expect("keys of the suite");
        assert_eq!(token[..], fields["result"], "{id}");
        assert_eq!(
            verify_gmac_token(keys, fixture.title, &challenge, &token),
            Some(fixture.counter)
        );
        for at in 0..token.len() {
            let mut wrong = token;
            wrong[at] ^= 1;
            assert_eq!(verify_gmac_token(keys, fixture.title, &challenge, &wrong), None);
            assert_eq!(verify_gmac_token(keys, fixture.title, &challenge, &token[..at]), None);
        }
        assert_eq!(verify_gmac_token(keys, *b"SOMEBODY", &challenge, &token), None);
    }
}

#[test]
fn the_initiate_request_inside_a_ciphered_association_request_is_the_one_of_the_standard() {
    let fields = &vectors("suite0")["glo-initiate-request"];
    let aarq = &vectors("acse")["aarq-ciphered-lls"]["octets"];
    let request = AssociationRequest::parse(aarq).expect("an AARQ");
    let fixture = Fixture::new(fields);
    let plain = opened(
        &fixture,
        Suite::Zero,
        fixture.title,
        request.information.expect("initiate"),
    )
    .expect("the tag is right");
    let initiate = InitiateRequest::parse(&plain).expect("an InitiateRequest");
    assert_eq!(initiate.receive_max, 0x04B0);
    assert_eq!(&plain, &fields["plain"]);
    // The ciphered releases hold the same two.
    let acse = vectors("acse");
    let asked = ReleaseRequest::parse(&acse["rlrq-ciphered"]["octets"]).expect("an RLRQ");
    let answered = ReleaseResponse::parse(&acse["rlre-ciphered"]["octets"]).expect("an RLRE");
    for (information, id) in [
        (asked.information, "glo-initiate-request"),
        (answered.information, "glo-initiate-response"),
    ] {
        let fields = &vectors("suite0")[id];
        let fixture = Fixture::new(fields);
        let opened = opened(&fixture, Suite::Zero, fixture.title, information.expect("it is there"));
        assert_eq!(opened.as_ref(), Ok(&fields["plain"]), "{id}");
    }
}
