//! Octets that mean harm: random, cut, doubled, changed in one place. Nothing panics, and afterwards the meter serves
//! the next client.

mod device;
mod pair;

use base::{Instant, Micros};
use cosem::axdr::Writer;
use device::{Device, SERVICES, octets, register};
use ferraris_dlms::acse::{AssociationRequest, AssociationResponse, ReleaseRequest, ReleaseResponse};
use ferraris_dlms::apdu::{ActionRequest, ActionResponse, GetRequest, GetResponse, SetRequest, SetResponse};
use ferraris_dlms::client::{Client, Command, Framing, Settings};
use ferraris_dlms::hdlc::{Address, Deframer, Frame, Limits};
use ferraris_dlms::initiate::{InitiateRequest, InitiateResponse};
use ferraris_dlms::security::Sealed;
use ferraris_dlms::server::{HdlcLink, HdlcSettings, Link, Peer, Session, WrapperLink};
use ferraris_dlms::wrapper::Header;
use pair::{Dice, PATIENCE, Pair, Secrets, Transport, whole};
use proptest::prelude::*;

/// Requests that a session understands, as seeds of what it does not.
const REQUESTS: [&str; 14] = [
    "601DA109060760857405080101BE10040E01000000065F1F0400007E1F04B0",
    "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F0400007E1F04B0",
    "6203800100",
    "C001C100030100010800FF0200",
    "C001C1000301000A0800FF0200",
    "C002C100000001",
    "C003C1020003 0100010800FF0200 0003 01000A0800FF0200",
    "C101C100030100010800FF02000600000001",
    "C102C1 0003 01000A0800FF 02 00 00 00000001 04 09050102",
    "C103C1 01 00000002 03 030405",
    "C104C1 02 0003 0100010800FF 02 00 0003 0100020800FF 02 00 02 0600000007 120008",
    "C301C1 0009 00000A0000FF 01 01 0F00",
    "C304C1 0009 00000A0000FF 01 00 00000001 04 09050102",
    "C306C1 01 00000002 03 030405",
];

/// The links with a device behind them.
fn links() -> [Link; 2] {
    [
        Link::Wrapper(WrapperLink::new(Instant::START, Micros::from_secs(120))),
        Link::Hdlc(HdlcLink::new(HdlcSettings {
            limits: Limits {
                transmit_window: 3,
                ..Limits::DEFAULT
            },
            ..HdlcSettings::standard(17)
        })),
    ]
}

fn serves_the_next_client(transport: Transport, link: Link, device: Device) {
    let mut lent = vec![0; 4096];
    let mut pair = Pair::new(transport, Settings::public(16, 1, SERVICES), PATIENCE, &mut lent);
    pair.link = link;
    pair.device = device;
    pair.now = Instant::from_micros(1_000_000_000);
    pair.run(Command::Associate).expect("the association is granted");
    pair.run(Command::Get(whole(register(1)))).expect("it is read");
}

/// Nothing, what confirms, a general block that waits for more, and requests of the unconfirmed service class.
fn wants_no_answer(request: &[u8]) -> bool {
    match request {
        [] | [0x10 | 0xE0, ..] => true,
        [0xC0 | 0xC1 | 0xC3, _, invoke, ..] | [0xD9, invoke, ..] => invoke & 0x40 == 0,
        _ => false,
    }
}

fn parse_everything(octets: &[u8]) {
    let mut out = [0; 4096];
    let mut again = |emit: &dyn Fn(&mut Writer<'_>) -> Result<(), cosem::axdr::Full>| {
        let mut out = Writer::new(&mut out);
        let _written = emit(&mut out);
    };
    if let Ok(it) = AssociationRequest::parse(octets) {
        again(&|out| it.emit(out));
    }
    if let Ok(it) = AssociationResponse::parse(octets) {
        again(&|out| it.emit(out));
    }
    if let Ok(it) = ReleaseRequest::parse(octets) {
        again(&|out| it.emit(out));
    }
    if let Ok(it) = ReleaseResponse::parse(octets) {
        again(&|out| it.emit(out));
    }
    if let Ok(it) = InitiateRequest::parse(octets) {
        again(&|out| it.emit(out));
    }
    if let Ok(it) = InitiateResponse::parse(octets) {
        again(&|out| it.emit(out));
    }
    // What parses is written as it was, but for longer forms of lengths and counts.
    let mut same = |emit: &dyn Fn(&mut Writer<'_>) -> Result<(), cosem::axdr::Full>| {
        let mut out = Writer::new(&mut out);
        emit(&mut out).expect("it is no longer than it was");
        assert!(out.len() <= octets.len());
    };
    if let Ok(it) = GetRequest::parse(octets) {
        same(&|out| it.emit(out));
    }
    if let Ok(it) = GetResponse::parse(octets) {
        same(&|out| it.emit(out));
    }
    if let Ok(it) = SetRequest::parse(octets) {
        same(&|out| it.emit(out));
    }
    if let Ok(it) = SetResponse::parse(octets) {
        same(&|out| it.emit(out));
    }
    if let Ok(it) = ActionRequest::parse(octets) {
        same(&|out| it.emit(out));
    }
    if let Ok(it) = ActionResponse::parse(octets) {
        same(&|out| it.emit(out));
    }
    let _found = (
        Sealed::parse(octets),
        Header::parse(octets),
        Limits::parse(octets),
        Address::parse(octets),
    );
    let _frame = Frame::parse(octets);
    let mut deframer = Deframer::new();
    for &octet in octets {
        let _frame = deframer.take(octet);
    }
}

/// A known request with a few octets changed, cut or added.
fn disturbed() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (
        prop::sample::select(&REQUESTS[..]),
        prop::collection::vec(change, 0..4),
        any::<prop::sample::Index>(),
        0..4_u8,
    )
        .prop_map(|(request, changes, at, how)| {
            let mut octets = octets(request);
            for (index, octet) in changes {
                let at = index.index(octets.len());
                octets[at] = octet;
            }
            let at = at.index(octets.len());
            match how {
                0 => octets.truncate(at),
                1 => octets.extend_from_within(at..),
                _ => {}
            }
            octets
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_octets_are_parsed_without_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        parse_everything(&octets);
    }

    #[test]
    fn disturbed_requests_are_parsed_without_panic(octets in disturbed()) {
        parse_everything(&octets);
    }

    #[test]
    fn a_session_survives_any_sequence_of_disturbed_requests(requests in prop::collection::vec((disturbed(), 0..3_u16), 1..12)) {
        let (mut session, mut device) = (Session::new(), Device::new());
        device.put_long(10, 3000);
        for (request, who) in requests {
            session.inbox()[..request.len()].copy_from_slice(&request);
            let peer = Peer { client: [16, 1, 16][usize::from(who)], server: 1 };
            let answered = session.serve(peer, request.len(), &mut device);
            prop_assert!(answered || wants_no_answer(&request), "{request:02X?} stays unanswered");
            prop_assert!(!answered || !request.is_empty());
            prop_assert!(session.answer().len() <= 2048);
        }
    }

    #[test]
    fn links_survive_random_octets_cut_anywhere(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20)) {
        for (mut link, transport) in links().into_iter().zip([Transport::Wrapper, Transport::Hdlc(128, 1)]) {
            let mut device = Device::new();
            for piece in &pieces {
                let _closed = link.receive(Instant::START, piece, &mut device, &mut |_| ());
            }
            // A closed connection comes back as a new one; a line goes on once the half frame on it is given up.
            if transport == Transport::Wrapper {
                let [fresh, _] = links();
                link = fresh;
            }
            serves_the_next_client(transport, link, device);
        }
    }

    #[test]
    fn a_client_survives_any_octets_in_place_of_an_answer(answer in disturbed(), framing in any::<bool>()) {
        let mut lent = [0; 256];
        let framing = if framing { Framing::Wrapper } else { Framing::Hdlc(Address::Four(1, 17), Limits::DEFAULT) };
        let mut client = Client::new(Settings::public(16, 1, SERVICES), framing, PATIENCE, 1, &mut lent);
        client.start(Instant::START, Command::Associate, &mut |_| ()).expect("it is sent");
        let _came = client.receive(Instant::START, &answer, &mut |_| ());
        let length = u8::try_from(answer.len()).expect("short");
        let wrapped = [&[0, 1, 0, 1, 0, 16, 0, length][..], &answer].concat();
        let _came = client.receive(Instant::START, &wrapped, &mut |_| ());
    }
}

#[test]
fn every_cut_and_every_doubling_of_a_conversation_leaves_the_meter_working() {
    let secrets = Secrets::new();
    for (name, settings) in secrets.associations() {
        // What a client says in a conversation by the rules.
        let mut said = Vec::new();
        let mut lent = vec![0; 4096];
        let mut pair = Pair::new(Transport::Wrapper, settings, PATIENCE, &mut lent);
        pair.device.put_long(10, 300);
        for command in [
            Command::Associate,
            Command::Get(whole(register(10))),
            Command::Get(whole(register(1))),
        ] {
            let mut up = Vec::new();
            pair.client
                .start(pair.now, command, &mut |it| up = it.to_vec())
                .expect("it is sent");
            loop {
                said.push(up.clone());
                let mut down = Vec::new();
                pair.link
                    .receive(pair.now, &up, &mut pair.device, &mut |it| down = it.to_vec())
                    .expect("served");
                up.clear();
                if pair
                    .client
                    .receive(pair.now, &down, &mut |it| up = it.to_vec())
                    .expect("by the rules")
                {
                    break;
                }
            }
        }
        let stream: Vec<u8> = said.concat();
        for cut in 0..=stream.len() {
            let mut device = Device::new();
            let mut link = Link::Wrapper(WrapperLink::new(Instant::START, Micros::from_secs(120)));
            let _closed = link.receive(Instant::START, &stream[..cut], &mut device, &mut |_| ());
            link.lost(&mut device);
            assert_eq!(link.session().caller(), None, "{name} cut at {cut}");
            serves_the_next_client(Transport::Wrapper, link, device);
        }
        // Every PDU twice: a sealed one is served once.
        let mut device = Device::new();
        device.put_long(10, 300);
        let mut link = Link::Wrapper(WrapperLink::new(Instant::START, Micros::from_secs(120)));
        for pdu in &said {
            let mut answers = Vec::new();
            link.receive(Instant::START, &pdu.repeat(2), &mut device, &mut |it| {
                answers.push(it.to_vec())
            })
            .expect("served");
            assert_eq!(answers.len(), 2, "{name}");
        }
        serves_the_next_client(Transport::Wrapper, link, device);
    }
}

#[test]
fn a_long_storm_of_frames_leaves_the_line_working() {
    for seed in 1..=20_u64 {
        println!("seed {seed}");
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let [_, mut link] = links();
        let mut device = Device::new();
        device.put_long(10, 2000);
        let mut out = [0; 512];
        for _ in 0..3_000 {
            let control = u8::try_from(dice.roll(256)).expect("one octet");
            let request = [&[0xE6, 0xE6, 0][..], &octets(REQUESTS[dice.roll(14) as usize])].concat();
            let from = dice.roll(u32::try_from(request.len()).expect("short")) as usize;
            let frame = Frame {
                destination: [
                    Address::One(1),
                    Address::Two(1, 17),
                    Address::Four(1, 17),
                    Address::Four(1, 18),
                    Address::One(0x7F),
                ][dice.roll(5) as usize],
                source: [Address::One(16), Address::One(1)][dice.roll(2) as usize],
                control: ferraris_dlms::hdlc::Control::from_octet(control),
                segmented: dice.roll(4) == 0,
                information: [&request[..], &request[from..], &[]][dice.roll(3) as usize],
            };
            let octets = frame.emit(&mut out).expect("short");
            link.receive(Instant::START, octets, &mut device, &mut |frame| {
                assert!(frame.len() <= 144, "no frame is longer than agreed");
                assert!(matches!(Frame::parse(frame), Ok(Some(_))), "every frame is one");
            })
            .expect("a line is never closed");
        }
        serves_the_next_client(Transport::Hdlc(128, 1), link, device);
    }
}
