//! Defects that were found by running other implementations (reference dlms_peers.md, section 4), as far as they concern
//! services: ours has none of them, and a reader of ours is not fooled by a meter that has.

mod device;
mod pair;

use base::{Instant, Micros};
use device::{Device, SERVICES, hex, octets, register};
use ferraris_dlms::client::{Client, ClientError, Command, Framing, Outcome, Protocol, Settings};
use ferraris_dlms::server::{Peer, Session, WrapperLink};
use pair::{PATIENCE, Pair, Transport, whole};

const PUBLIC: Peer = Peer { client: 16, server: 1 };
const AARQ: &str = "601DA109060760857405080101BE10040E01000000065F1F0400007E1F----";

fn ask(session: &mut Session, device: &mut Device, pdu: &str) -> String {
    let pdu = octets(pdu);
    session.inbox()[..pdu.len()].copy_from_slice(&pdu);
    assert!(session.serve(PUBLIC, pdu.len(), device), "it is answered");
    hex(session.answer())
}

/// GuruxDLMS.c, 2: an aborted block transfer, a refused association or a lost connection left the server deaf.
#[test]
fn nothing_that_ended_badly_is_in_the_way_of_the_next_client() {
    let mut device = Device::new();
    let mut link: WrapperLink = WrapperLink::new(Instant::START, Micros::MAX);
    let value = device.put_long(10, 3_000);
    for bad in ["refused", "lost in blocks", "wrong block", "cut"] {
        let mut lent = vec![0; 8_192];
        let settings = Settings {
            receive_max: 200,
            ..Settings::public(16, 1, SERVICES)
        };
        let mut answer = Vec::new();
        let mut say = |link: &mut WrapperLink, device: &mut Device, client: u16, pdu: &str| {
            let pdu = octets(pdu);
            let length = u16::try_from(pdu.len()).expect("short");
            let head = [1, client, 1, length].map(u16::to_be_bytes).concat();
            answer.clear();
            link.receive(Instant::START, &[head, pdu].concat(), device, &mut |it| {
                answer.extend_from_slice(it);
            })
            .expect("the link stays");
            hex(&answer)
        };
        let get = "C001C1 0003 01000A0800FF 02 00";
        match bad {
            "refused" => drop(say(&mut link, &mut device, 77, &AARQ.replace("----", "0000"))),
            "lost in blocks" => {
                say(&mut link, &mut device, 16, &AARQ.replace("----", "0080"));
                assert!(say(&mut link, &mut device, 16, get).contains("C402C10000000001"));
                link.lost(&mut device);
            }
            "wrong block" => {
                say(&mut link, &mut device, 16, &AARQ.replace("----", "0080"));
                say(&mut link, &mut device, 16, get);
                assert!(say(&mut link, &mut device, 16, "C002C1 00000007").ends_with("0113"));
            }
            _ => {
                say(&mut link, &mut device, 16, &AARQ.replace("----", "0080"));
                let _half = link.receive(Instant::START, &[0, 1, 0], &mut device, &mut |_| {});
                link.lost(&mut device);
            }
        }
        // The next one, with blocks of its own from number 1 on.
        let mut client = Client::new(settings, Framing::Wrapper, PATIENCE, 1, &mut lent);
        for command in [Command::Associate, Command::Get(whole(register(10)))] {
            let (mut up, mut down) = (Vec::new(), Vec::new());
            client
                .start(Instant::START, command, &mut |it| up.extend_from_slice(it))
                .expect("it can be given");
            loop {
                link.receive(Instant::START, &up, &mut device, &mut |it| down.extend_from_slice(it))
                    .expect("the link stays");
                up.clear();
                let done = client.receive(Instant::START, &down, &mut |it| up.extend_from_slice(it));
                down.clear();
                if done.expect("it is served") {
                    break;
                }
            }
        }
        assert_eq!(client.outcome(), Some(Outcome::Value(Ok(&value))), "after {bad}");
    }
}

/// GuruxDLMS.c, 4: the last block carried more than the rest of the value. GXDLMSDirector, issue 4: the block number was
/// not reset after an error.
#[test]
fn blocks_put_together_are_the_value_and_nothing_else() {
    let mut device = Device::new();
    for length in (1..700).step_by(13) {
        let value = device.put_long(10, length);
        let mut session = Session::new();
        ask(&mut session, &mut device, &AARQ.replace("----", "0040"));
        ask(&mut session, &mut device, "C002C1 00000005");
        let mut answer = ask(&mut session, &mut device, "C001C1 0003 01000A0800FF 02 00");
        if answer.starts_with("C401") {
            assert_eq!(answer[8..], hex(&value));
            continue;
        }
        let (mut raw, mut number) = (String::new(), 0);
        loop {
            number += 1;
            let octets = octets(&answer);
            assert_eq!(octets[..3], [0xC4, 2, 0xC1]);
            assert_eq!(u32::from_be_bytes([octets[4], octets[5], octets[6], octets[7]]), number);
            assert_eq!(
                usize::from(octets[9]) + 10,
                octets.len(),
                "the length is that of the data"
            );
            raw += &hex(&octets[10..]);
            if octets[3] == 1 {
                break;
            }
            answer = ask(&mut session, &mut device, &format!("C002C1 {number:08X}"));
        }
        assert_eq!(raw, hex(&value), "{length} octets");
    }
}

/// The answers of such meters, to a reader of ours: each is refused.
#[test]
fn a_reader_refuses_broken_blocks() {
    let broken = [
        // An error without a block number.
        ("C402C10103", ClientError::Protocol(Protocol::Apdu)),
        // The whole answer once more in the last block, behind a wrong length.
        (
            "C402C10100000001000000C401C1001105",
            ClientError::Protocol(Protocol::Apdu),
        ),
        // A value with octets behind it, in a block and in one piece.
        ("C402C1010000000100031105FF", ClientError::Protocol(Protocol::Value)),
        ("C401C1001105FF", ClientError::Protocol(Protocol::Apdu)),
        // A block that is not due.
        ("C402C1000000000200021105", ClientError::Protocol(Protocol::BlockNumber)),
        // An answer to another request.
        ("C401C3001105", ClientError::Protocol(Protocol::Invoke)),
    ];
    for (answer, error) in broken {
        let mut lent = vec![0; 8_192];
        let mut pair = Pair::new(
            Transport::Wrapper,
            Settings::public(16, 1, SERVICES),
            PATIENCE,
            &mut lent,
        );
        assert_eq!(pair.run(Command::Associate), Ok(()));
        let mut asked = Vec::new();
        pair.client
            .start(pair.now, Command::Get(whole(register(1))), &mut |it| {
                asked.extend_from_slice(it)
            })
            .expect("it can be given");
        // The number of the request is the reader's to choose.
        let mut answer = octets(answer);
        if error != ClientError::Protocol(Protocol::Invoke) {
            answer[2] = asked[10];
        }
        let length = u16::try_from(answer.len()).expect("short");
        let head = [1, 1, 16, length].map(u16::to_be_bytes).concat();
        let heard = pair
            .client
            .receive(pair.now, &[head, answer.clone()].concat(), &mut |_| {});
        assert_eq!(heard, Err(error), "{}", hex(&answer));
        // It goes on with the next request.
        assert_eq!(pair.run(Command::Get(whole(register(1)))), Ok(()));
    }
}

/// dlms-cosem-rs: a client that takes any PDU got no long answer. GuruxDLMS.c, 5: a list with something long in it was
/// corrupted.
#[test]
fn any_pdu_size_and_any_list_is_served() {
    for receive_max in [0, 12, 64, 65_535] {
        let mut lent = vec![0; 30_000];
        let settings = Settings {
            receive_max,
            ..Settings::public(16, 1, SERVICES)
        };
        let mut pair = Pair::new(Transport::Wrapper, settings, PATIENCE, &mut lent);
        assert_eq!(pair.run(Command::Associate), Ok(()), "{receive_max}");
        // In 12 octets a block has a head of 10.
        let value = pair.device.put_long(10, if receive_max == 12 { 40 } else { 5_000 });
        assert_eq!(pair.run(Command::Get(whole(register(10)))), Ok(()));
        assert_eq!(pair.client.outcome(), Some(Outcome::Value(Ok(&value))), "{receive_max}");
        if receive_max == 12 {
            continue;
        }
        let items = [whole(register(2)), whole(register(10)), whole(register(1))];
        assert_eq!(pair.run(Command::GetList(&items)), Ok(()));
        let Some(Outcome::Values(results)) = pair.client.outcome() else {
            panic!("{:?}", pair.client.outcome())
        };
        let short: [&[u8]; 2] = [&[0x12, 0x12, 0x34], &[6, 0, 0, 0x13, 0x91]];
        assert!(results.iter().eq([Ok(short[0]), Ok(&value[..]), Ok(short[1])]));
    }
}
