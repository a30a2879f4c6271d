//! Several clients at once on one TCP connection: each has its own association, its own transfers, its own end.

mod device;
mod pair;

use base::{Instant, Micros};
use device::{Device, EVERYTHING, hex, octets, register};
use ferraris_dlms::client::{Client, Command, Framing, Outcome, Settings};
use ferraris_dlms::server::{Closed, SecurityEvent, WrapperLink};
use pair::{PATIENCE, whole};

/// Hands what a client says to the link, and the answers to that client.
fn turn<const CLIENTS: usize>(
    client: &mut Client<'_>,
    said: &[Vec<u8>],
    link: &mut WrapperLink<CLIENTS>,
    device: &mut Device,
) -> (Vec<Vec<u8>>, bool) {
    let mut down = Vec::new();
    for octets in said {
        let taken = link.receive(Instant::START, octets, device, &mut |octets| down.push(octets.to_vec()));
        assert_eq!(taken, Ok(()));
    }
    let (mut up, mut finished) = (Vec::new(), false);
    for octets in down {
        finished |= client
            .receive(Instant::START, &octets, &mut |octets| up.push(octets.to_vec()))
            .expect("the meter serves it");
    }
    (up, finished)
}

fn command<const CLIENTS: usize>(
    client: &mut Client<'_>,
    command: Command<'_>,
    link: &mut WrapperLink<CLIENTS>,
    device: &mut Device,
) {
    let mut up = Vec::new();
    client
        .start(Instant::START, command, &mut |octets| up.push(octets.to_vec()))
        .expect("it can be given");
    loop {
        let (next, finished) = turn(client, &up, link, device);
        if finished {
            return;
        }
        up = next;
    }
}

/// Issue 5, 1: two clients take long values block by block, a turn each; with and without general blocks.
#[test]
fn two_clients_take_turns_on_one_connection() {
    for conformance in [device::SERVICES, EVERYTHING] {
        let mut device = Device::new();
        device.services = EVERYTHING;
        let mut link = WrapperLink::<2>::new(Instant::START, Micros::MAX);
        let (mut one, mut two) = (vec![0; 30_000], vec![0; 30_000]);
        let settings = |client| Settings {
            receive_max: 100,
            ..Settings::public(client, 1, conformance)
        };
        let mut clients = [
            Client::new(settings(16), Framing::Wrapper, PATIENCE, 1, &mut one),
            Client::new(
                settings(1).with_password(device::PASSWORD),
                Framing::Wrapper,
                PATIENCE,
                1,
                &mut two,
            ),
        ];
        for client in &mut clients {
            command(client, Command::Associate, &mut link, &mut device);
        }
        let values = [device.put_long(20, 4_000), device.put_long(21, 6_000)];
        let mut said = [Vec::new(), Vec::new()];
        for (at, client) in clients.iter_mut().enumerate() {
            let number = 20 + u8::try_from(at).expect("two clients");
            let get = Command::Get(whole(register(number)));
            client
                .start(Instant::START, get, &mut |octets| said[at].push(octets.to_vec()))
                .expect("it can be given");
        }
        let mut left = 2;
        while 0 < left {
            for (at, client) in clients.iter_mut().enumerate() {
                if said[at].is_empty() {
                    continue;
                }
                let (next, finished) = turn(client, &said[at], &mut link, &mut device);
                said[at] = next;
                if finished {
                    left -= 1;
                    assert_eq!(
                        client.outcome(),
                        Some(Outcome::Value(Ok(&values[at][..]))),
                        "client {at}"
                    );
                    assert!(said[at].is_empty());
                }
            }
        }
        // The end of one is not the end of the other.
        let [first, second] = &mut clients;
        command(first, Command::Release, &mut link, &mut device);
        assert_eq!(device.events.last(), Some(&(16, SecurityEvent::Released)));
        command(second, Command::Get(whole(register(1))), &mut link, &mut device);
        assert_eq!(second.outcome(), Some(Outcome::Value(Ok(&[6, 0, 0, 0x13, 0x91]))));
        link.lost(&mut device);
        assert_eq!(device.events.last(), Some(&(1, SecurityEvent::Released)));
    }
}

/// On the only place of a link, a stranger does not end what goes in general blocks; once it has ended, he is told that he may not.
#[test]
fn a_stranger_does_not_end_an_answer_in_general_blocks() {
    let get = "C001C100030100010800FF0200";
    let block = "E0810001000009C001C100030100010800FF0200".replace("09C0", "0DC0");
    let mut device = Device::new();
    device.services = EVERYTHING;
    let mut link = WrapperLink::<1>::new(Instant::START, Micros::MAX);
    let mut lent = vec![0; 30_000];
    let settings = Settings {
        receive_max: 100,
        ..Settings::public(16, 1, EVERYTHING)
    };
    let mut client = Client::new(settings, Framing::Wrapper, PATIENCE, 1, &mut lent);
    command(&mut client, Command::Associate, &mut link, &mut device);
    let value = device.put_long(20, 20_000);
    let mut said = Vec::new();
    client
        .start(Instant::START, Command::Get(whole(register(20))), &mut |octets| {
            said.push(octets.to_vec());
        })
        .expect("it can be given");
    let (mut turns, mut finished) = (0, false);
    while !finished {
        (said, finished) = turn(&mut client, &said, &mut link, &mut device);
        if !finished {
            turns += 1;
            for pdu in [get, &block] {
                assert_eq!(say(&mut link, &mut device, 77, pdu), Ok(String::new()), "turn {turns}");
            }
        }
    }
    assert!(2 < turns, "the stranger had his chances");
    assert_eq!(client.outcome(), Some(Outcome::Value(Ok(&value[..]))));
    // Its last block may be asked for once more until the next request.
    command(&mut client, Command::Get(whole(register(1))), &mut link, &mut device);
    assert!(say(&mut link, &mut device, 77, get).is_ok_and(|answer| answer.starts_with("D8")));
}

const AARQ_PUBLIC: &str = "601DA109060760857405080101BE10040E01000000065F1F0400007E1F04B0";
const AARQ_PASSWORD: &str =
    "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F0400007E1F04B0";
const AARQ_CHALLENGE: &str = concat!(
    "6042A109060760857405080101A60A0408434C490000000002",
    "8A0207808B0760857405080205AC0A80084B35366956616759",
    "BE10040E01000000065F1F0400007E1F04B0"
);

fn say<const CLIENTS: usize>(
    link: &mut WrapperLink<CLIENTS>,
    device: &mut Device,
    client: u16,
    pdu: &str,
) -> Result<String, Closed> {
    let pdu = octets(pdu);
    let length = u16::try_from(pdu.len()).expect("short");
    let head = [1, client, 1, length].map(u16::to_be_bytes).concat();
    let mut answer = Vec::new();
    link.receive(Instant::START, &[head, pdu].concat(), device, &mut |octets| {
        answer.extend_from_slice(&octets[8..]);
    })?;
    Ok(hex(&answer))
}

/// More clients than places: who has not shown anything gives way to the next one, who has a password stays.
#[test]
fn a_place_is_given_up_by_who_showed_least() {
    let mut device = Device::new();
    let mut link = WrapperLink::<2>::new(Instant::START, Micros::MAX);
    let get = "C001C10003010001 0800FF0200".replace("0001 0800", "00010800");
    assert!(say(&mut link, &mut device, 16, AARQ_PUBLIC).is_ok_and(|aare| aare.contains("A203020100")));
    assert!(say(&mut link, &mut device, 1, AARQ_PASSWORD).is_ok_and(|aare| aare.contains("A203020100")));
    // A third client, unknown to the device, only gets a refusal, and takes the public one's place with it.
    assert!(say(&mut link, &mut device, 77, AARQ_PUBLIC).is_ok_and(|aare| aare.contains("A203020101")));
    assert_eq!(device.events.last(), Some(&(16, SecurityEvent::Released)));
    assert!(say(&mut link, &mut device, 1, &get).is_ok_and(|answer| answer.starts_with("C401")));
    assert!(say(&mut link, &mut device, 16, &get).is_ok_and(|answer| answer.starts_with("D8")));
}

/// A thousand half-open associations hold no more than their places, and the next client is served.
#[test]
fn half_open_associations_are_bounded() {
    let mut device = Device::new();
    let mut link = WrapperLink::<2>::new(Instant::START, Micros::MAX);
    for _ in 0..1_000 {
        let aare = say(&mut link, &mut device, 1, AARQ_CHALLENGE).expect("the link stays");
        assert!(aare.contains("A305A10302010E"), "{aare}");
    }
    let open = |link: &WrapperLink<2>| link.sessions().filter(|session| session.client().is_some()).count();
    assert_eq!(open(&link), 1);
    // Nothing but the answer to the challenge is served before it was given.
    let get = "C001C100030100010800FF0200";
    assert!(say(&mut link, &mut device, 1, get).is_ok_and(|answer| answer.starts_with("D8")));
    assert!(say(&mut link, &mut device, 16, AARQ_PUBLIC).is_ok_and(|aare| aare.contains("A203020100")));
    assert!(say(&mut link, &mut device, 16, get).is_ok_and(|answer| answer.starts_with("C401")));
    assert_eq!(open(&link), 2);
}
