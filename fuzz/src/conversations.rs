//! A whole server, and a whole client, that hear anything.

use base::{Instant, Micros};
use ferraris_dlms::client::{Client, Command, Framing, Settings};
use ferraris_dlms::hdlc::{Address, Control, Frame, Limits};
use ferraris_dlms::iec62056_21::{Goal, Reader, Speed, StationSettings};
use ferraris_dlms::server::{DataLink as _, HdlcSettings, OpticalLink};
use ferraris_dlms::wrapper::Header;

use crate::device::{Device, ECHO, QUIET, SERVICES, register};
use crate::pair::{PATIENCE, Pair, Secrets, Transport, whole};

/// Pieces of the input: a length octet, then so many octets.
pub(crate) fn pieces(mut octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let (&length, rest) = octets.split_first()?;
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(length)));
        octets = rest;
        Some(piece)
    })
}

/// Runs a server that may be associated, feeds it, and wants it to serve the next client.
fn server(octets: &[u8], transport: Transport, wrap: impl Fn(&[u8], u16, &mut Vec<u8>)) {
    let Some((&choice, octets)) = octets.split_first() else {
        return;
    };
    let secrets = Secrets::new();
    let associations = secrets.associations();
    let mut lent = vec![0; 8192];
    let settings = associations
        .get(usize::from(choice & 0x0F))
        .map_or_else(|| Settings::public(16, 1, SERVICES), |(_, settings)| settings.clone());
    let client = settings.client;
    let mut pair = Pair::new(transport, settings, PATIENCE, &mut lent);
    pair.device.put_long(10, 700);
    if choice & 0x80 == 0 {
        pair.run(Command::Associate).expect("a fresh server grants it");
    }
    let mut line = Vec::new();
    for piece in pieces(octets) {
        line.clear();
        wrap(piece, client, &mut line);
        pair.now = pair.now + Micros::from_millis(20);
        if pair
            .link
            .receive(pair.now, &line, &mut pair.device, &mut |_| {})
            .is_err()
        {
            // The link wants to be closed; its owner does that.
            pair.link.lost(&mut pair.device);
            break;
        }
    }
    // Whatever it heard: after the silence that ends everything, the next client is served.
    let Pair {
        mut link, device, now, ..
    } = pair;
    link.lost(&mut { device });
    let mut lent = vec![0; 4096];
    let mut next = Pair::new(transport, Settings::public(16, 1, SERVICES), PATIENCE, &mut lent);
    next.link = link;
    next.now = now + Micros::from_secs(1_000);
    next.run(Command::Associate).expect("the next client is served");
    next.run(Command::Get(whole(register(1)))).expect("and reads");
}

/// Requests in wrappers.
pub fn server_wrapper(octets: &[u8]) {
    server(octets, Transport::Wrapper, |piece, client, line| {
        let header = Header {
            source: client,
            destination: 1,
            length: u16::try_from(piece.len()).unwrap_or(u16::MAX),
        };
        line.extend_from_slice(&header.octets());
        line.extend_from_slice(piece);
    });
}

/// Frames with right checks: control octet and information field come from the input.
pub fn server_hdlc(octets: &[u8]) {
    server(octets, Transport::Hdlc(128, 3), |piece, client, line| {
        let Some((&control, information)) = piece.split_first() else {
            line.push(0x7E);
            return;
        };
        let mut out = [0; 2048];
        let frame = Frame {
            destination: Address::Four(1, 17),
            source: Address::One(u8::try_from(client).unwrap_or(16)),
            control: Control::from_octet(control),
            segmented: control == 0x42,
            information,
        };
        line.extend_from_slice(frame.emit(&mut out).unwrap_or(&[]));
    });
}

/// A client that asks, and hears anything for an answer.
pub fn client(octets: &[u8]) {
    let [choice, command, octets @ ..] = octets else { return };
    let secrets = Secrets::new();
    let associations = secrets.associations();
    let settings = associations
        .get(usize::from(choice & 0x0F))
        .map_or_else(|| Settings::public(16, 1, SERVICES), |(_, settings)| settings.clone());
    let client_address = settings.client;
    let hdlc = choice & 0x40 != 0;
    let mut lent = vec![0; 4096];
    let transport = if hdlc {
        Transport::Hdlc(128, 1)
    } else {
        Transport::Wrapper
    };
    let framing = if hdlc {
        Framing::Hdlc(Address::Four(1, 17), Limits::DEFAULT)
    } else {
        Framing::Wrapper
    };
    let mut pair = Pair::new(transport, settings.clone(), PATIENCE, &mut lent);
    let mut alone_lent = vec![0; 4096];
    let mut alone = Client::new(settings, framing, PATIENCE, 1, &mut alone_lent);
    let client = if choice & 0x80 == 0 {
        pair.run(Command::Associate).expect("a fresh server grants it");
        &mut pair.client
    } else {
        &mut alone
    };
    let mut now = Instant::from_micros(1_000_000);
    let items = [whole(register(1)), whole(register(10))];
    let command = match command % 7 {
        0 => Command::Associate,
        1 => Command::Get(items[0]),
        2 => Command::GetList(&items),
        3 => Command::Set(items[0], &[0x06, 0, 0, 0, 1]),
        4 => Command::Act(ECHO, Some(&[0x0F, 0])),
        5 => Command::ActList(&[(ECHO, &[0x0F, 0]), (QUIET, &[0])]),
        _ => Command::Release,
    };
    if client.start(now, command, &mut |_| {}).is_err() {
        return;
    }
    for piece in pieces(octets) {
        let mut line = Vec::new();
        if hdlc {
            let Some((&control, information)) = piece.split_first() else {
                continue;
            };
            let mut out = [0; 2048];
            let frame = Frame {
                destination: Address::One(u8::try_from(client_address).unwrap_or(16)),
                source: Address::Four(1, 17),
                control: Control::from_octet(control),
                segmented: false,
                information,
            };
            line.extend_from_slice(frame.emit(&mut out).unwrap_or(&[]));
        } else {
            let header = Header {
                source: 1,
                destination: client_address,
                length: u16::try_from(piece.len()).unwrap_or(u16::MAX),
            };
            line.extend_from_slice(&header.octets());
            line.extend_from_slice(piece);
        }
        now = now + Micros::from_millis(20);
        match client.receive(now, &line, &mut |_| {}) {
            Ok(false) => {}
            Ok(true) | Err(_) => break,
        }
    }
    let _outcome = client.outcome().map(|outcome| format!("{outcome:?}"));
}

/// The optical port of IEC 62056-21: a station that is called with anything, and a reader that is answered with anything.
pub fn optical(octets: &[u8]) {
    let Some((&choice, octets)) = octets.split_first() else {
        return;
    };
    if choice & 1 == 0 {
        station(choice, octets);
    } else {
        let goal = if choice & 2 == 0 { Goal::Hdlc } else { Goal::ReadOut };
        reader(goal, octets);
    }
}

/// Whatever it heard, and after a silence, a station says who it is.
fn station(choice: u8, octets: &[u8]) {
    let settings = StationSettings {
        manufacturer: *b"FRR",
        identification: "ST402D".try_into().expect("short"),
        proposed: Speed::B9600,
        address: "40200001".try_into().expect("short"),
        reaction: Micros::from_millis(200),
        confirms_at_new_speed: choice & 2 != 0,
        opening: Speed::B300,
        direct_hdlc: choice & 4 != 0,
        hdlc_alone: false,
    };
    let mut link = OpticalLink::<1>::new(settings, HdlcSettings::standard(17));
    let mut device = Device::new();
    let mut now = Instant::START;
    for piece in pieces(octets) {
        now = now + Micros::from_millis(if choice & 8 == 0 { 20 } else { 2_000 });
        let _taken = link.receive(now, piece, &mut device, &mut |_| {});
    }
    for octets in [&b""[..], b"/?!\r\n", b""] {
        now = now + Micros::from_secs(1_000);
        let mut said = Vec::new();
        link.receive(now, octets, &mut device, &mut |it| said.extend_from_slice(it))
            .expect("a call is no fault");
        now = now.max(link.deadline().min(now + Micros::from_secs(1)));
        link.receive(now, b"", &mut device, &mut |it| said.extend_from_slice(it))
            .expect("silence is no fault");
        if !octets.is_empty() {
            assert!(said.starts_with(b"/FRR"), "{said:?}");
        }
    }
}

/// A reader never holds more than it was lent, and ends when nobody says anything more.
fn reader(goal: Goal, octets: &[u8]) {
    let mut lent = [0; 300];
    let mut reader = Reader::new(goal, &mut lent);
    let mut now = Instant::START;
    reader.start(now, "", &mut |_| {});
    for piece in pieces(octets) {
        now = now + Micros::from_millis(20);
        let _said = reader.receive(now, piece, &mut |_| {});
    }
    for _ in 0..4 {
        let deadline = reader.deadline();
        if deadline == Instant::FAR {
            return;
        }
        let _said = reader.elapse(deadline.max(now));
    }
    panic!("it waits for ever");
}
