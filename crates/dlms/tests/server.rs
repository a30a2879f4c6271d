//! The server on its own: PDUs in, PDUs out.

mod device;

use device::{Device, golden, hex, octets};
use ferraris_dlms::server::{Peer, SecurityEvent, Session};

const PUBLIC: Peer = Peer { client: 16, server: 1 };
const MANAGEMENT: Peer = Peer { client: 1, server: 1 };

fn ask(session: &mut Session, peer: Peer, pdu: &[u8], device: &mut Device) -> Vec<u8> {
    session.inbox()[..pdu.len()].copy_from_slice(pdu);
    if session.serve(peer, pdu.len(), device) {
        session.answer().to_vec()
    } else {
        Vec::new()
    }
}

const AARQ_PUBLIC: &str = "601DA109060760857405080101BE10040E01000000065F1F0400007E1F04B0";
const AARQ_PASSWORD: &str =
    "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F0400007E1F04B0";

fn public() -> (Session, Device) {
    let (mut session, mut device) = (Session::new(), Device::new());
    let aare = ask(&mut session, PUBLIC, &octets(AARQ_PUBLIC), &mut device);
    assert_eq!(
        hex(&aare),
        "6129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F040000 5E1D 0800 0007".replace(' ', "")
    );
    (session, device)
}

#[test]
fn what_an_association_request_is_answered() {
    let requests = [
        ("public", 16, 1, AARQ_PUBLIC.to_owned()),
        ("public, older conformance form", 16, 1, "601CA109060760857405080101BE0F040D01000000065F0400007E1F04B0".to_owned()),
        ("password", 1, 1, AARQ_PASSWORD.to_owned()),
        ("wrong password", 1, 1, AARQ_PASSWORD.replace("3738BE", "3739BE")),
        ("password too short", 1, 1, AARQ_PASSWORD.replace("6036", "6035").replace("AC0A80083132333435363738", "AC09800731323334353637")),
        ("password missing", 1, 1, AARQ_PASSWORD.replace("6036", "602A").replace("AC0A80083132333435363738", "")),
        ("mechanism missing", 1, 1, AARQ_PUBLIC.to_owned()),
        ("mechanism that this client may not use", 16, 1, AARQ_PASSWORD.to_owned()),
        ("mechanism of the manufacturer", 1, 1, AARQ_PASSWORD.replace("05080201", "05080202")),
        ("mechanism that does not exist", 1, 1, AARQ_PASSWORD.replace("05080201", "05080209")),
        ("unknown client", 77, 1, AARQ_PUBLIC.to_owned()),
        ("unknown logical device", 16, 2, AARQ_PUBLIC.to_owned()),
        ("short names", 16, 1, AARQ_PUBLIC.replace("05080101", "05080102")),
        ("context that does not exist", 16, 1, AARQ_PUBLIC.replace("05080101", "05080107")),
        ("ciphered, no title", 1, 1, AARQ_PASSWORD.replace("05080101", "05080103")),
        ("version 5", 16, 1, AARQ_PUBLIC.replace("00065F", "00055F")),
        ("no service in common", 16, 1, AARQ_PUBLIC.replace("007E1F", "000000")),
        ("PDU of 11 octets", 16, 1, AARQ_PUBLIC.replace("04B0", "000B")),
        ("PDU of 12 octets", 16, 1, AARQ_PUBLIC.replace("04B0", "000C")),
        ("PDU of any size", 16, 1, AARQ_PUBLIC.replace("04B0", "0000")),
        ("PDU of 65535 octets", 16, 1, AARQ_PUBLIC.replace("04B0", "FFFF")),
        ("no initiate request", 16, 1, "600BA109060760857405080101".to_owned()),
        ("initiate request cut", 16, 1, "601CA109060760857405080101BE0F040D01000000065F1F0400007E1F04".to_owned()),
        ("another APDU in its place", 16, 1, AARQ_PUBLIC.replace("0E0100", "0E0800")),
        ("dedicated key in plain", 16, 1, "602EA109060760857405080101BE21041F01011000112233445566778899AABBCCDDEEFF0000065F1F0400007E1F04B0".to_owned()),
        ("ACSE version 2 alone", 16, 1, "6021 80020640 A109060760857405080101BE10040E01000000065F1F0400007E1F04B0".replace(' ', "")),
        ("every optional field", 16, 1, "6046 80020780 A109060760857405080101 A2040402AABB A303020105 A403020101 A503020102 A803020103 A903020104 BD0404021122 BE10040E01000000065F1F0400007E1F04B0".replace(' ', "")),
        ("cut", 16, 1, AARQ_PUBLIC[..40].to_owned()),
        ("no context", 16, 1, "6012BE10040E01000000065F1F0400007E1F04B0".to_owned()),
        ("challenge too short", 1, 1, "6042A109060760857405080101A60A0408434C49000000 0002 8A0207808B0760857405080205AC098007 3132333435363 7BE10040E01000000065F1F0400007E1F04B0".replace(' ', "").replace("6042", "6041")),
        ("challenge without title", 1, 1, AARQ_PASSWORD.replace("05080201", "05080205")),
    ];
    let mut table = String::new();
    for (name, client, server, request) in requests {
        let (mut session, mut device) = (Session::new(), Device::new());
        let answer = ask(&mut session, Peer { client, server }, &octets(&request), &mut device);
        let events: Vec<_> = device.events.iter().map(|(_, event)| format!("{event:?}")).collect();
        table += &format!(
            "{name}\n  <- {request}\n  -> {}\n     {}\n",
            hex(&answer),
            events.join(", ")
        );
        // Whatever was asked, the server is there for the next client.
        let next = ask(&mut session, PUBLIC, &octets(AARQ_PUBLIC), &mut device);
        assert!(hex(&next).contains("A203020100"), "after {name}");
    }
    golden("associations.txt", &table);
}

#[test]
fn what_requests_are_answered() {
    let requests = [
        ("GET", "C001C1 0003 0100010800FF 02 00"),
        ("GET, low priority, unconfirmed", "C00101 0003 0100010800FF 02 00"),
        ("GET of what is not there", "C001C1 0003 0100090800FF 02 00"),
        (
            "GET with selection",
            "C001C1 0007 0100630100FF 02 01 02 0204 0600000001 0600000000 120001 120000",
        ),
        (
            "GET with half a selection",
            "C001C1 0007 0100630100FF 02 01 02 0204 0600000001",
        ),
        ("GET with octets left over", "C001C1 0003 0100010800FF 02 00 00"),
        ("GET cut", "C001C1 0003 0100010800"),
        ("GET of a form that does not exist", "C004C1 0003 0100010800FF 02 00"),
        ("GET next without a long GET", "C002C1 00000001"),
        ("GET list", "C003C1 02 0003 0100010800FF 02 00 0003 0100020800FF 02 00"),
        (
            "GET list with one that is not there",
            "C003C1 03 0003 0100010800FF 02 00 0003 0100090800FF 02 00 0003 0100020800FF 02 00",
        ),
        ("GET list of none", "C003C1 00"),
        ("GET list that lies", "C003C1 7F 0003 0100010800FF 02 00"),
        ("SET", "C101C1 0003 0100010800FF 02 00 0600000001"),
        ("SET of another type", "C101C1 0003 0100010800FF 02 00 120001"),
        ("SET of what is not there", "C101C1 0003 0100090800FF 02 00 0600000001"),
        ("SET of half a value", "C101C1 0003 0100010800FF 02 00 060000"),
        ("SET of an unknown type", "C101C1 0003 0100010800FF 02 00 6600000001"),
        (
            "SET with octets left over",
            "C101C1 0003 0100010800FF 02 00 060000000100",
        ),
        ("SET without a value", "C101C1 0003 0100010800FF 02 00"),
        (
            "SET list",
            "C104C1 02 0003 0100010800FF 02 00 0003 0100020800FF 02 00 02 0600000007 120008",
        ),
        (
            "SET list with other counts",
            "C104C1 02 0003 0100010800FF 02 00 0003 0100020800FF 02 00 01 0600000007",
        ),
        (
            "SET list with half a value",
            "C104C1 02 0003 0100010800FF 02 00 0003 0100020800FF 02 00 02 0600000007 12",
        ),
        ("SET block without a first one", "C103C1 01 00000002 01 00"),
        (
            "SET first block with another number",
            "C102C1 0003 0100010800FF 02 00 00 00000002 03 060000",
        ),
        ("ACTION", "C301C1 0009 00000A0000FF 01 01 0F00"),
        ("ACTION without parameters", "C301C1 0009 00000A0000FF 02 00"),
        ("ACTION that is not there", "C301C1 0009 00000A0000FF 09 01 0F00"),
        ("ACTION with half a parameter", "C301C1 0009 00000A0000FF 01 01 0904AA"),
        (
            "ACTION list",
            "C303C1 02 0009 00000A0000FF 01 0009 00000A0000FF 02 02 120001 00",
        ),
        ("ACTION next without a long one", "C302C1 00000001"),
        ("ACTION block without a first one", "C306C1 01 00000002 01 00"),
        (
            "reply to a challenge that was not made",
            "C301C1 000F 0000280000FF 01 01 0900",
        ),
        ("EventNotification", "C200"),
        ("a response", "C401C1000600001391"),
        ("ACCESS", "D9000000000000"),
        ("DataNotification", "0F000000010000"),
        ("general block transfer", "E0810001000000"),
        ("short name read", "050102FA00"),
        (
            "glo- in a plain context",
            "C81E3001234567411312FF935A47566827C467BC7D825C3BE4A77C3FCC056B6B",
        ),
        ("one octet", "00"),
    ];
    let mut table = String::new();
    for (name, request) in requests {
        let request = octets(request);
        let (mut session, mut device) = public();
        let answer = ask(&mut session, PUBLIC, &request, &mut device);
        table += &format!("{name}\n  <- {}\n  -> {}\n", hex(&request), hex(&answer));
        // Nobody is served without an association, or in that of another client.
        let foreign = ask(&mut session, MANAGEMENT, &request, &mut device);
        assert!(matches!(foreign[0], 0xD8 | 0x0E), "{name}");
        let mut nobody = Session::new();
        let refused = ask(&mut nobody, PUBLIC, &request, &mut device);
        assert!(matches!(refused[0], 0xD8 | 0x0E), "{name}");
    }
    golden("requests.txt", &table);
}

#[test]
fn an_empty_pdu_is_passed_over() {
    let (mut session, mut device) = public();
    assert!(!session.serve(PUBLIC, 0, &mut device));
}

#[test]
fn a_release_is_answered_in_each_of_its_forms() {
    for (request, answer) in [
        ("6200", "6303800100"),
        ("6203800100", "6303800100"),
        ("620380011E", "6303800100"),
    ] {
        let (mut session, mut device) = public();
        assert_eq!(hex(&ask(&mut session, PUBLIC, &octets(request), &mut device)), answer);
        assert_eq!(device.events.last(), Some(&(16, SecurityEvent::Released)));
        assert_eq!(session.caller(), None);
        // Once more, without an association.
        assert_eq!(hex(&ask(&mut session, PUBLIC, &octets(request), &mut device)), answer);
        assert_eq!(
            ask(
                &mut session,
                PUBLIC,
                &octets("C001C1000301000108 00FF0200"),
                &mut device
            )[0],
            0xD8
        );
    }
}

#[test]
fn an_association_request_inside_an_association_starts_anew() {
    let (mut session, mut device) = public();
    let aare = ask(&mut session, MANAGEMENT, &octets(AARQ_PASSWORD), &mut device);
    assert!(hex(&aare).contains("A203020100"));
    assert_eq!(session.client(), Some(1));
    let refused = ask(
        &mut session,
        MANAGEMENT,
        &octets(&AARQ_PASSWORD.replace("3738BE", "3739BE")),
        &mut device,
    );
    assert!(hex(&refused).ends_with("A203020101A305A10302010D"));
    assert_eq!(session.client(), None);
}

#[test]
fn an_association_takes_less_than_eight_kilobytes() {
    use ferraris_dlms::hdlc::FRAME_MAX;
    use ferraris_dlms::server::{HdlcLink, PDU_MAX, WrapperLink};
    // Buffers for PDUs of 2048 octets in both directions are counted. A line has one more, for a frame of 2030 octets of
    // information, whatever the number of its clients.
    let line = size_of::<HdlcLink<1>>();
    let place = size_of::<HdlcLink<2>>() - line;
    for (name, size) in [
        ("session", size_of::<Session>()),
        ("wrapper link", size_of::<WrapperLink>()),
        ("client of an HDLC line", place),
        ("HDLC line without its frame", line - FRAME_MAX),
        ("HDLC line with PDUs of 1024 octets", line - 2 * (PDU_MAX - 1_024)),
    ] {
        println!("{name}: {size} octets");
        assert!(size <= 8_192, "{name} takes {size} octets");
    }
}
