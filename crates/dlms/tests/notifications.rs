//! What a meter says unasked, and who is served without an association.

mod device;
mod pair;

use base::{Instant, Micros};
use cosem::axdr::{Reader, Writer};
use cosem::{Attribute, Obis};
use device::{
    AUTHENTICATION, CLIENT_TITLE, Device, ENCRYPTION, EVERYTHING, SERVER_TITLE, golden, hex, octets, register,
};
use dlms_cosem_rs::axdr::Data;
use dlms_cosem_rs::client::{NotificationListener, SingleMeterKeys};
use dlms_cosem_rs::codec::{
    Decode as _, Encode as _, Reader as PeerReader, Result as PeerResult, SliceWriter, Writer as _,
};
use dlms_cosem_rs::security::{KeyRing, RandomSource, RustCryptoProvider, SecurityPolicy, SecuritySuite, SystemTitle};
use dlms_cosem_rs::xdlms::{Apdu, GbtReceiver, GeneralBlockTransfer};
use ferraris_dlms::apdu::{Exception, LongInvoke, Notification};
use ferraris_dlms::client::{ClientError, Command, Listener, Outcome, Settings, Trust};
use ferraris_dlms::hdlc::Deframer;
use ferraris_dlms::initiate::Conformance;
use ferraris_dlms::security::{Dialect, Envelope, HEADROOM, Key, Keys, Policy, Protection, Suite, Title, seal};
use ferraris_dlms::server::{
    HdlcLink, HdlcSettings, Peer, PreEstablished, Profile, SecurityEvent, Session, WrapperLink,
};
use pair::{PATIENCE, Pair, Secrets, Transport, whole};

const PUSHED: Peer = Peer { client: 102, server: 1 };
const TIME: [u8; 12] = [7, 0xEA, 11, 28, 6, 13, 0, 0, 0, 0xFF, 0xC4, 0];

fn pre_established(policy: Policy, send_max: u16) -> PreEstablished {
    PreEstablished {
        profile: Profile {
            policy,
            conformance: EVERYTHING,
            receive_max: 1024,
            dialect: Dialect::STANDARD,
        },
        title: None,
        send_max,
    }
}

fn key(octets: &[u8]) -> Key {
    Key::new(octets).expect("16 octets")
}

/// Issue 5, 1: DataNotification and EventNotification to a listener, plain and sealed, whole and in general blocks,
/// confirmed and not.
#[test]
fn a_listener_hears_what_a_meter_pushes() {
    let (encryption, authentication) = (key(&ENCRYPTION), key(&AUTHENTICATION));
    let keys = Keys {
        suite: Suite::Zero,
        encryption: &encryption,
        authentication: &authentication,
    };
    let body: Vec<u8> = [&[0x09, 0x82, 5, 0][..], &[0x5A; 1_280]].concat();
    let heads = [
        Notification::Data {
            invoke: LongInvoke::confirmed(77),
            time: &TIME,
            body: &[],
        },
        Notification::Data {
            invoke: LongInvoke::unconfirmed(78),
            time: &[],
            body: &[],
        },
        Notification::Event {
            time: &TIME,
            attribute: Attribute::new(1, Obis::new("0-0:96.11.0"), 2),
            value: &[],
        },
    ];
    for (policy, by) in [(Policy::NONE, Protection::NONE), (Policy::BOTH, Protection::BOTH)] {
        for send_max in [64, 200, 0] {
            let mut device = Device::new();
            device.pre_established = Some((102, pre_established(policy, send_max)));
            let mut wrapper: WrapperLink = WrapperLink::new(Instant::START, Micros::MAX);
            let mut line: HdlcLink = HdlcLink::new(HdlcSettings::standard(17));
            let mut buffer = vec![0; 4_096];
            let trust = Trust {
                title: CLIENT_TITLE,
                keys: Some(keys),
                protection: by,
            };
            let mut listener = Listener::new(trust, &mut buffer);
            for head in heads {
                for length in [10, 1_284] {
                    let mut value = |out: &mut Writer<'_>| {
                        if length == 10 {
                            out.put(&[0x09, 8, 1, 2, 3, 4, 5, 6, 7, 8])
                        } else {
                            out.put(&body)
                        }
                    };
                    let expected: &[u8] = if length == 10 {
                        &[0x09, 8, 1, 2, 3, 4, 5, 6, 7, 8]
                    } else {
                        &body
                    };
                    let mut pdus = Vec::new();
                    wrapper
                        .notify(PUSHED, &head, &mut value, &mut device, &mut |octets| {
                            assert_eq!(octets[..6], [0, 1, 0, 1, 0, 102], "from device 1 to client 102");
                            assert!(send_max == 0 || octets.len() <= usize::from(send_max) + 8);
                            pdus.push(octets[8..].to_vec());
                        })
                        .expect("it is pushed");
                    let mut frames = Vec::new();
                    line.notify(
                        ferraris_dlms::hdlc::Address::One(102),
                        PUSHED,
                        &head,
                        &mut value,
                        &mut device,
                        &mut |octets| frames.extend_from_slice(octets),
                    )
                    .expect("it is pushed");
                    // Frames of a serial line: segments of one APDU go together.
                    let (mut deframer, mut apdu) = (Deframer::new(), Vec::new());
                    for octet in frames {
                        if let Some(Ok(frame)) = deframer.take(octet) {
                            apdu.extend_from_slice(frame.information);
                            if !frame.segmented {
                                pdus.push(core::mem::take(&mut apdu));
                            }
                        }
                    }
                    let mut heard = Vec::new();
                    for pdu in &pdus {
                        let mut tell = |it: Notification<'_>| {
                            let confirm = it.confirmation().map(|confirm| confirm.invoke.id());
                            heard.push((it.value().to_vec(), confirm));
                        };
                        listener.hear(pdu, &mut tell).expect("it is one");
                    }
                    let confirm = heads[0] == head;
                    let expected = (expected.to_vec(), confirm.then_some(77));
                    assert_eq!(heard, [expected.clone(), expected], "{policy:?} {send_max} {length}");
                }
            }
            assert_eq!(listener.meter(), (by != Protection::NONE).then_some(SERVER_TITLE));
            // The confirmation goes back without an association, and tells which.
            let confirm = heads[0].confirmation().expect("it wants one");
            let mut out = [0; 128];
            let confirmation = listener.confirm(&confirm, 9, &mut out).expect("it fits").to_vec();
            let mut session = Session::new();
            session.inbox()[..confirmation.len()].copy_from_slice(&confirmation);
            let answered = session.serve(PUSHED, confirmation.len(), &mut device);
            let sealed = by != Protection::NONE;
            assert_eq!(device.confirmed.contains(&77), sealed, "only what is protected counts");
            assert_eq!(answered, !sealed);
        }
    }
}

/// A notification as a meter of this title seals it.
fn push(keys: Keys<'_>, title: Title, counter: u32) -> Vec<u8> {
    let mut buffer = [0; 256];
    let plain = octets("0F000001DB00 1105");
    let range = HEADROOM..HEADROOM + plain.len();
    buffer[range.clone()].copy_from_slice(&plain);
    let by = Protection::BOTH;
    let range = seal(&mut buffer, range, Envelope::GeneralGlobal, by, keys, title, counter);
    buffer[range.expect("there is room")].to_vec()
}

/// A listener with keys takes nothing plain, nothing twice, nothing from itself, and nothing with a gap.
#[test]
fn a_listener_is_not_fooled() {
    let secrets = Secrets::new();
    let sealed = |title, counter| push(secrets.keys(), title, counter);
    let trust = Trust {
        title: CLIENT_TITLE,
        keys: Some(secrets.keys()),
        protection: Protection::BOTH,
    };
    let mut buffer = vec![0; 1_024];
    let mut listener = Listener::new(trust, &mut buffer);
    let mut heard = 0;
    let mut hear = |listener: &mut Listener<'_>, pdu: &[u8]| listener.hear(pdu, &mut |_| heard += 1);
    assert_eq!(hear(&mut listener, &sealed(SERVER_TITLE, 5)), Ok(()));
    assert_eq!(
        hear(&mut listener, &sealed(SERVER_TITLE, 5)),
        Err(ClientError::Replayed)
    );
    assert_eq!(
        hear(&mut listener, &sealed(CLIENT_TITLE, 6)),
        Err(ClientError::Impostor)
    );
    assert_eq!(
        hear(&mut listener, &octets("0F000001DB001105")),
        Err(ClientError::Unprotected)
    );
    let mut changed = sealed(SERVER_TITLE, 7);
    changed[20] ^= 1;
    assert_eq!(hear(&mut listener, &changed), Err(ClientError::Deciphering));
    assert!(hear(&mut listener, &octets("E0400001000002 0F00")).is_ok());
    assert!(hear(&mut listener, &octets("E0C00003000002 0F00")).is_err());
    for length in 0..changed.len() {
        assert!(hear(&mut listener, &changed[..length]).is_err(), "{length}");
    }
    // Another meter with the same keys, whose counter is another.
    let other = *b"FER\x00\x00\x00\x00\x09";
    assert_eq!(hear(&mut listener, &sealed(other, 8)), Err(ClientError::Impostor));
    assert_eq!((listener.meter(), listener.counter()), (Some(SERVER_TITLE), Some(5)));
    assert_eq!(heard, 1);
}

/// Begun again where it stood, a listener is not told what was recorded before.
#[test]
fn a_listener_goes_on_where_it_stood() {
    let secrets = Secrets::new();
    let sealed = |title, counter| push(secrets.keys(), title, counter);
    let trust = || Trust {
        title: CLIENT_TITLE,
        keys: Some(secrets.keys()),
        protection: Protection::BOTH,
    };
    let mut buffer = vec![0; 1_024];
    let mut listener = Listener::after(trust(), SERVER_TITLE, Some(5), &mut buffer);
    let mut heard = 0;
    let mut hear = |listener: &mut Listener<'_>, pdu: &[u8]| listener.hear(pdu, &mut |_| heard += 1);
    for recorded in [1, 5] {
        let said = hear(&mut listener, &sealed(SERVER_TITLE, recorded));
        assert_eq!(said, Err(ClientError::Replayed), "{recorded}");
    }
    let other = *b"FER\x00\x00\x00\x00\x09";
    assert_eq!(hear(&mut listener, &sealed(other, 6)), Err(ClientError::Impostor));
    assert_eq!(hear(&mut listener, &sealed(SERVER_TITLE, 6)), Ok(()));
    assert_eq!(listener.counter(), Some(6));
    assert_eq!(heard, 1);
}

/// The one notification that a meter pushed in these frames, sealed with these keys, and the meter's title.
fn pushed(frames: &[u8], encryption: &Key, authentication: &Key) -> (Vec<u8>, Option<Title>) {
    let trust = Trust {
        title: CLIENT_TITLE,
        keys: Some(Keys {
            suite: Suite::Zero,
            encryption,
            authentication,
        }),
        protection: Protection::BOTH,
    };
    let mut buffer = vec![0; 1_024];
    let mut listener = Listener::new(trust, &mut buffer);
    let (mut deframer, mut heard) = (Deframer::new(), Vec::new());
    for octet in frames {
        if let Some(Ok(frame)) = deframer.take(*octet) {
            let mut tell = |it: Notification<'_>| heard.push(it.value().to_vec());
            listener.hear(frame.information, &mut tell).expect("it is a push");
        }
    }
    assert_eq!(heard.len(), 1, "one notification");
    (heard.remove(0), listener.meter())
}

/// gbt/e450-push of the vectors: a real meter, UI frames with LLC in the first alone, blocks with STR in the last one.
/// suite0/general-glo-kamstrup: a Kamstrup Omnipower, one frame of 491 octets with flag octets inside.
#[test]
fn a_real_push_in_one_long_frame_is_heard() {
    let frame = octets(concat!(
        "7EA1E9410313C637E6E700DB084B414D45013490838201D030010F60A4AC4B6048A68093068D24FBC9225EA9AA8FE3441E02F54DBDA3D9ED58",
        "425A2FA099985243FDEF3390AFC26C90A9B81E774774C90CE2A381D6A64F3E148F1FCFE282C2A793F9FDC273CF3CDFF63C279F43635AB2F7FB",
        "31BD6DB83EDE632B9B5E1BC7C276A86A62F7C68D2B3E065E7DCEB00CE7655E0577A7A3E5E8F3E656E3A7E827E9B327970A61D17E27C0DB0987",
        "BFCF902C7BBAF5D968C38EDF29BA2F1D9AEE13A6899C6C0325A2A00CAB915F519B55329270380EFFAE9F5E2A47CFDB9C84CDF5D2D3348AFB9D",
        "00DA1DEE1B9C33AF56784D9988CACA556F18D62F2E70D3F10744A86774CB78F5B3CA336F23D833937D8F5CF3F7A35DB8B37132488FE0C66703",
        "B845014EB6DF8455FE90383028342AD39B126AD26F969EA47E1AB090CFBECD10DC3E5DA3104BBA96184B14AFE9E960D51B4C62D5F01E82D467",
        "CA571981671AB783C972349BCB98C89A19B1C98DB0EBA2670A9BCA21F8419B04C94DB510E75E3E426D75B2CFA91F8F4CAAF8758B33768DF7FE",
        "55FD8B4983B19A19DDE7A5891BC0F266A8029D2089B6EA0C2D11C2EF96A6E40365BC85D259DC169DD43E16499EBC6F080E4CCD8657DACE6893",
        "9CE40E4F55A6B0CC40DFFC9DC1B4149DD09D72C7DDB5E0F10E31948B665168C6FCAA7E"
    ));
    let encryption = key(&octets("00112233445566778899AABBCCDDEEFF"));
    let authentication = key(&octets("FFEEDDCCBBAA99887766554433221100"));
    let (body, meter) = pushed(&frame, &encryption, &authentication);
    let mut reader = Reader::new(&body);
    assert_eq!(reader.skip_value().map(<[u8]>::len), Ok(body.len()));
    assert!(body.windows(8).any(|it| it == b"Kamstrup"), "{body:02X?}");
    assert_eq!(
        meter.as_ref().map(<[u8; 8]>::as_slice),
        Some(&octets("4B414D4501349083")[..])
    );
}

#[test]
fn a_real_push_in_general_blocks_is_heard() {
    let frames = octets(concat!(
        "7EA08BCEFF0313EEE1E6E700E0400001000077DB084C475A677370B1778201033000177BCA14DD298539C05BD0E9250BCB05D33295AAD43EDA",
        "9A14E25AC843C12FC63CA7E5C42A4D53E3F6A0C9C8793C0E1D011AB0DF9B7A48A3361428240D3775A473CD4AC2238AB2594D87C7B037BB5BC1",
        "30E3070770E04B9E407DA3CD42314BD87F2E08067D34A7CAB7417E7EA08BCEFF0313EEE1E040000200007A9BFF215F01815448199ABA45CBDB",
        "E44CCABAAC4EB1CB10D3F89D2FD3948408B5A45BE7C56C4AE060E994D14C112D3922F0C047DB71D047098EC576F0A98FE6A2FA51C1A99DA63A",
        "DDD6EDC6E85D37E439B45A327C42372187E2DBD02776EF92380E5E9234D7B0DBA1DA122B0C6C4DD98E103839B3784C1606FA3320BC7E7EA030",
        "CEFF031386F8E0C0000300001F9A13717B673DB2EFCFF3A84FC53252EB8649881117E26462D5489052C89E6209C77E"
    ));
    let encryption = key(&octets("5C316162209EBB790B52EB0E7FC5B11C"));
    let authentication = key(&octets("92705C5C97286064EABAE38D190F87A4"));
    let (body, meter) = pushed(&frames, &encryption, &authentication);
    let mut reader = Reader::new(&body);
    assert_eq!(reader.structure(33), Ok(()));
    assert_eq!(reader.skip_value(), Ok(&octets("090C07E602150111251EFF800000")[..]));
    assert_eq!(
        meter.as_ref().map(<[u8; 8]>::as_slice),
        Some(&octets("4C475A677370B177")[..])
    );
}

/// Several plain notifications in one frame, each with LLC, are all told.
#[test]
fn several_notifications_in_one_frame_are_all_heard() {
    let trust = Trust {
        title: CLIENT_TITLE,
        keys: None,
        protection: Protection::NONE,
    };
    let mut buffer = vec![0; 1_024];
    let mut listener = Listener::new(trust, &mut buffer);
    let mut heard = Vec::new();
    let frame = octets("E6E700 0F00000001001101 E6E700 0F00000002001102 E6E700 0F00000003001103");
    listener
        .hear(&frame, &mut |it| heard.push(it.value().to_vec()))
        .expect("three of them");
    assert_eq!(heard, [[0x11, 1], [0x11, 2], [0x11, 3]]);
}

/// In an association too: a notification comes between request and answer, and is confirmed; the answer still comes.
#[test]
fn a_notification_in_an_association_is_told_and_confirmed() {
    let secrets = Secrets::new();
    for (name, settings) in secrets.associations() {
        let settings = Settings {
            conformance: EVERYTHING,
            ..settings
        };
        let client = settings.client;
        let mut lent = vec![0; 8_192];
        let mut pair = Pair::new(Transport::Wrapper, settings, PATIENCE, &mut lent);
        pair.device.services = EVERYTHING;
        assert_eq!(pair.run(Command::Associate), Ok(()), "{name}");
        let head = Notification::Data {
            invoke: LongInvoke::confirmed(5),
            time: &[],
            body: &[],
        };
        let peer = Peer { client, server: 1 };
        let mut pushed = Vec::new();
        pair.link
            .notify(
                peer,
                &head,
                &mut |out| out.put(&[0x11, 9]),
                &mut pair.device,
                &mut |octets| {
                    pushed.extend_from_slice(octets);
                },
            )
            .expect("it is pushed");
        let mut confirmation = Vec::new();
        let finished = pair
            .client
            .receive(pair.now, &pushed, &mut |octets| confirmation.extend_from_slice(octets));
        assert_eq!(finished, Ok(false), "{name}");
        assert_eq!(
            pair.client.notification().map(|it| it.value()),
            Some(&[0x11, 9][..]),
            "{name}"
        );
        pair.client.forget_notification();
        assert_eq!(pair.client.notification(), None);
        let taken = pair
            .link
            .receive(pair.now, &confirmation, &mut pair.device, &mut |answer| {
                panic!("{answer:?}")
            });
        assert_eq!(taken, Ok(()));
        assert_eq!(pair.device.confirmed, [5], "{name}");
        assert_eq!(pair.run(Command::Get(whole(register(1)))), Ok(()), "{name}");
        assert_eq!(pair.client.outcome(), Some(Outcome::Value(Ok(&[6, 0, 0, 0x13, 0x91]))));
    }
}

/// Client 102 without an association: protected unconfirmed services are done, everything else is refused, and nobody
/// who has an association notices.
#[test]
fn a_pre_established_client_gets_protected_unconfirmed_services_alone() {
    let (encryption, authentication) = (key(&ENCRYPTION), key(&AUTHENTICATION));
    let keys = Keys {
        suite: Suite::Zero,
        encryption: &encryption,
        authentication: &authentication,
    };
    let mut counter = 0;
    let mut protect = |plain: &str, by| {
        let plain = octets(plain);
        let mut buffer = [0; 256];
        buffer[HEADROOM..HEADROOM + plain.len()].copy_from_slice(&plain);
        counter += 1;
        let range = HEADROOM..HEADROOM + plain.len();
        let range = seal(
            &mut buffer,
            range,
            Envelope::GeneralGlobal,
            by,
            keys,
            CLIENT_TITLE,
            counter,
        );
        buffer[range.expect("there is room")].to_vec()
    };
    let mut device = Device::new();
    device.pre_established = Some((102, pre_established(Policy::BOTH, 0)));
    let mut session = Session::new();
    let mut ask = |device: &mut Device, peer: Peer, pdu: &[u8]| {
        session.inbox()[..pdu.len()].copy_from_slice(pdu);
        let answered = session.serve(peer, pdu.len(), device);
        (answered, session.answer().to_vec())
    };
    let public = Peer { client: 16, server: 1 };
    let aarq = octets("601DA109060760857405080101BE10040E01000000065F1F0400007E1F04B0");
    assert!(ask(&mut device, public, &aarq).0);

    let set = "C10101 0003 0100010800FF 02 00 06 00000007";
    assert!(
        !ask(&mut device, PUSHED, &protect(set, Protection::BOTH)).0,
        "nobody waits"
    );
    assert_eq!(device.objects.get(&register(1)), Some(&vec![6, 0, 0, 0, 7]));
    let act = "C30101 0009 00000A0000FF 01 01 1105";
    assert!(!ask(&mut device, PUSHED, &protect(act, Protection::BOTH)).0);
    assert_eq!(device.invoked.len(), 1);
    let access = "D9 00000001 00 01 02 0003 0100010800FF 02 01 06 00000008";
    assert!(!ask(&mut device, PUSHED, &protect(access, Protection::BOTH)).0);
    assert_eq!(device.objects.get(&register(1)), Some(&vec![6, 0, 0, 0, 8]));

    let refused = |(answered, answer): (bool, Vec<u8>)| answered && answer[0] == 0xD8;
    for confirmed in [
        "C101C1 0003 0100010800FF 02 00 06 00000009",
        "C001C1 0003 0100010800FF 02 00",
    ] {
        assert!(
            refused(ask(&mut device, PUSHED, &protect(confirmed, Protection::BOTH))),
            "{confirmed}"
        );
    }
    assert!(refused(ask(
        &mut device,
        PUSHED,
        &protect(set, Protection::AUTHENTICATED)
    )));
    assert!(refused(ask(&mut device, PUSHED, &octets(set))));
    assert_eq!(device.events.last(), Some(&(102, SecurityEvent::Unprotected)));
    let once = protect(set, Protection::BOTH);
    assert!(!ask(&mut device, PUSHED, &once).0);
    assert!(refused(ask(&mut device, PUSHED, &once)), "a replay");
    device.pre_established = Some((102, pre_established(Policy::NONE, 0)));
    assert!(
        refused(ask(&mut device, PUSHED, &octets(set))),
        "never without protection"
    );
    device.pre_established = None;
    assert!(refused(ask(&mut device, PUSHED, &protect(set, Protection::BOTH))));

    let (answered, answer) = ask(&mut device, public, &octets("C001C1 0003 0100010800FF 02 00"));
    assert!(answered && answer == octets("C401C1 00 06 00000007"), "{answer:02X?}");
}

/// Nothing is pushed to a client that has no association, or did not negotiate it.
#[test]
fn nothing_is_pushed_without_terms() {
    let mut device = Device::new();
    let mut session = Session::new();
    let head = Notification::Data {
        invoke: LongInvoke::unconfirmed(1),
        time: &[],
        body: &[],
    };
    let push =
        |device: &mut Device, session: &mut Session| session.notify(PUSHED, &head, &mut |out| out.put(&[0]), device);
    assert_eq!(push(&mut device, &mut session), Err(Exception::NOT_ALLOWED));
    let mut terms = pre_established(Policy::NONE, 0);
    terms.profile.conformance = Conformance::GET;
    device.pre_established = Some((102, terms));
    assert_eq!(push(&mut device, &mut session), Err(Exception::NOT_NEGOTIATED));
}

/// A key of the pushes that foreign listeners hear: as long as the suite has it, counted up from `first`.
fn counted(first: u8, suite: Suite) -> Vec<u8> {
    (first..).take(suite.key_length()).collect()
}

/// What is pushed to foreign listeners: its name, its head, its value, and the longest PDU (0 for any).
fn pushes() -> [(&'static str, Notification<'static>, Vec<u8>, u16); 5] {
    // A title, a moment, two numbers with scaler and unit.
    let short = "0204 09084645520000000001 090C07EA0B1C060D000000FFC400 0600BC614E 120909".replace(' ', "");
    let long = [&[0x01, 40][..], &[0x06, 0, 0, 0x12, 0x34].repeat(40)].concat();
    let data = |invoke, time| Notification::Data {
        invoke,
        time,
        body: &[],
    };
    let event = |time| Notification::Event {
        time,
        attribute: Attribute::new(1, Obis::new("0-0:96.11.0"), 2),
        value: &[],
    };
    let at: &[u8] = &TIME;
    [
        ("data", data(LongInvoke::unconfirmed(78), at), octets(&short), 0),
        (
            "data, confirmed, no time",
            data(LongInvoke::confirmed(77), &[]),
            octets(&short),
            0,
        ),
        (
            "data in general blocks",
            data(LongInvoke::unconfirmed(79), at),
            long,
            100,
        ),
        ("event", event(at), vec![0x12, 0, 88], 0),
        ("event, no time", event(&[]), vec![0x12, 0, 88], 0),
    ]
}

struct Chance;

impl RandomSource for Chance {
    fn fill(&self, out: &mut [u8]) -> PeerResult<()> {
        out.fill(0x5A);
        Ok(())
    }
}

// interop: our notifications | DataNotification, plain | dlms-cosem-rs
// interop: our notifications | DataNotification, general-glo | dlms-cosem-rs
// interop: our notifications | DataNotification, in general blocks | dlms-cosem-rs
// interop: our notifications | EventNotification, plain | dlms-cosem-rs
// interop: our notifications | EventNotification, general-glo | dlms-cosem-rs
/// Issue 5, 6: what the server pushes, octet by octet, for the listeners of other hands: dlms-cosem-rs here, the Python
/// ones in `interop/hear_notifications.py`, which reads the golden file.
#[test]
fn foreign_listeners_hear_what_a_meter_pushes() {
    let mut text = format!(
        "# What the server pushes, for listeners that others wrote. Title {}.\n\
         # A case is: suite (or plain), name. Under it its value and its PDUs.\n",
        hex(&SERVER_TITLE)
    );
    for suite in [None, Some(Suite::Zero), Some(Suite::One), Some(Suite::Two)] {
        let keys = suite.map(|it| (counted(0x10, it), counted(0xA0, it)));
        if let (Some(suite), Some((encryption, authentication))) = (suite, &keys) {
            text += &format!(
                "\nsuite {}\n  encryption {}\n  authentication {}\n",
                suite.id(),
                hex(encryption),
                hex(authentication)
            );
        } else {
            text += "\nplain\n";
        }
        let mut device = Device::new();
        if let (Some(suite), Some((encryption, authentication))) = (suite, &keys) {
            device.suite = suite;
            (device.encryption, device.authentication) = (key(encryption), key(authentication));
        }
        let policy = if suite.is_some() { Policy::BOTH } else { Policy::NONE };
        for (name, head, value, send_max) in pushes() {
            device.pre_established = Some((102, pre_established(policy, send_max)));
            let mut link: WrapperLink = WrapperLink::new(Instant::START, Micros::MAX);
            let mut pdus = Vec::new();
            link.notify(PUSHED, &head, &mut |out| out.put(&value), &mut device, &mut |octets| {
                pdus.push(octets[8..].to_vec())
            })
            .expect("it is pushed");
            text += &format!("case {name}\n  value {}\n", hex(&value));
            for pdu in &pdus {
                text += &format!("  pdu {}\n", hex(pdu));
            }
            let heard = heard_by_dlms_cosem_rs(suite, keys.as_ref(), &pdus);
            let (time, is_event) = match head {
                Notification::Data { time, .. } => (time, false),
                Notification::Event { time, .. } => (time, true),
            };
            let said = Some((value, <[u8; 12]>::try_from(time).ok()));
            if is_event && suite.is_some() {
                // Its listener reads the plaintext of a sealed event as a DataNotification: docs/interop.md.
                assert_ne!(heard, said, "{suite:?} {name}");
            } else {
                assert_eq!(heard, said, "{suite:?} {name}");
            }
        }
    }
    golden("notifications.txt", &text);
}

/// What dlms-cosem-rs makes of it: the value and the time. Its listener takes one PDU, so blocks go through its receiver
/// of blocks first.
fn heard_by_dlms_cosem_rs(
    suite: Option<Suite>,
    keys: Option<&(Vec<u8>, Vec<u8>)>,
    pdus: &[Vec<u8>],
) -> Option<(Vec<u8>, Option<[u8; 12]>)> {
    let (mut storage, mut buffer) = ([0; 2_048], [0; 2_048]);
    let mut receiver = GbtReceiver::new(&mut storage);
    let apdu = if let [apdu] = pdus {
        apdu
    } else {
        for pdu in pdus {
            let mut reader = PeerReader::new(&pdu[1..]);
            let block = GeneralBlockTransfer::decode(&mut reader).expect("a block");
            let _acknowledgement_of_nobody = receiver.push(&block).expect("there is room");
        }
        receiver.apdu()
    };
    let encode = |value: &Data<'_>| {
        let mut out = [0; 1_024];
        let mut writer = SliceWriter::new(&mut out);
        value.encode(&mut writer).expect("there is room");
        let length = writer.written();
        out[..length].to_vec()
    };
    let mut ring = KeyRing::default();
    let mut required = SecurityPolicy::NONE;
    if let (Some(suite), Some((encryption, authentication))) = (suite, keys) {
        let key = |octets: &[u8]| dlms_cosem_rs::security::Key::from_slice(octets).expect("its length fits");
        (ring.guek, ring.gak) = (Some(key(encryption)), Some(key(authentication)));
        required = SecurityPolicy::authenticated_encrypted(SecuritySuite::from_id(suite.id()).expect("it is one"));
    } else if let Ok(Apdu::EventNotification(event)) = Apdu::from_bytes(apdu) {
        // Its listener takes no event; its decoder of APDUs does.
        assert_eq!(event.descriptor.class_id, 1);
        return Some((encode(&event.value), event.time.map(|it| it.to_bytes())));
    }
    let lookup = SingleMeterKeys::new(SystemTitle::new(SERVER_TITLE), ring.clone());
    let provider = RustCryptoProvider::with_rng(ring, Chance);
    let mut listener = NotificationListener::new(provider, lookup, required);
    let heard = listener.handle(apdu, &mut buffer).ok()?;
    assert_eq!(heard.system_title.map(|it| it.0), suite.map(|_| SERVER_TITLE));
    Some((encode(&heard.body), heard.captured_at.map(|it| it.to_bytes())))
}
