//! Every state of associations, transfers and blocks meets every answer: the table is a golden file, the twin of the server's.

extern crate std;

use core::fmt::Write as _;
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use cosem::{Attribute, Method, Obis, Selection};

use super::session::{Command, Next, Session, State, Work};
use super::settings::{Credentials, Settings};
use crate::acse::Mechanism;
use crate::apdu::{AccessSpec, Item};
use crate::golden;
use crate::initiate::Conformance;
use crate::security::{Challenge, Proof, SYMMETRIC, secret_answer};

const NAME: Obis = Obis::new("0-0:96.1.10");
const SECRET: &[u8] = b"walked-secret";
const OWN: &[u8; 8] = b"OWNOWNOW";
const METER: &[u8; 8] = b"METERMET";

/// AAREs for PDUs of 96 octets: all services but general blocks, general blocks without those of the services, and one that asks for
/// the answer to a challenge.
const PLAIN: &str = "6129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F0400007E5F00600007";
const GENERAL: &str = "6129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F0400204E5F00600007";
const CHALLENGE: &str = "6142A109060760857405080101A203020100A305A10302010E 88020780 890760857405080206 AA0A8008 4D455445524D4554 BE10040E0800065F1F0400007E5F00600007";
const REFUSED: &str = "6117A109060760857405080101A203020101A305A10302010D";

const fn item(index: i8) -> Item<'static> {
    Item {
        attribute: Attribute::new(1, NAME, index),
        selection: Selection::Whole,
    }
}

const LONG: &[u8; 130] = &{
    let mut value = [0xAA; 130];
    (value[0], value[1], value[2]) = (0x09, 0x81, 127);
    value
};
const SHORT: &[u8] = &[0x11, 5];
const METHOD: Method = Method::new(1, NAME, 1);

/// A state: how the meter lets us in, what is commanded then, and what it has answered to that.
type Begin = (&'static str, Way, Option<Command<'static>>, &'static [&'static str]);

/// How far the association goes before the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Closed,
    Asking,
    Proving,
    Open,
    OpenWithBlocks,
}

const STATES: &[Begin] = &[
    ("closed", Way::Closed, None, &[]),
    ("associating", Way::Asking, None, &[]),
    ("proving", Way::Proving, None, &[]),
    ("open, nothing asked", Way::Open, None, &[]),
    ("releasing", Way::Open, Some(Command::Release), &[]),
    ("reading", Way::Open, Some(Command::Get(item(2))), &[]),
    (
        "reading, block 1 taken",
        Way::Open,
        Some(Command::Get(item(2))),
        &["C40241 00 00000001 00 03 090411"],
    ),
    (
        "reading a list",
        Way::Open,
        Some(Command::GetList(&[item(2), item(3)])),
        &[],
    ),
    (
        "reading a list, block 1 taken",
        Way::Open,
        Some(Command::GetList(&[item(2), item(3)])),
        &["C40241 00 00000001 00 04 02001107"],
    ),
    ("writing", Way::Open, Some(Command::Set(item(2), SHORT)), &[]),
    ("writing in blocks", Way::Open, Some(Command::Set(item(2), LONG)), &[]),
    (
        "writing in blocks, the last sent",
        Way::Open,
        Some(Command::Set(item(2), LONG)),
        &["C50241 00000001"],
    ),
    (
        "writing a list",
        Way::Open,
        Some(Command::SetList(&[(item(2), SHORT), (item(3), SHORT)])),
        &[],
    ),
    (
        "writing a list in blocks",
        Way::Open,
        Some(Command::SetList(&[(item(2), LONG), (item(3), SHORT)])),
        &[],
    ),
    ("invoking", Way::Open, Some(Command::Act(METHOD, Some(SHORT))), &[]),
    (
        "invoking in blocks",
        Way::Open,
        Some(Command::Act(METHOD, Some(LONG))),
        &[],
    ),
    (
        "invoking a list",
        Way::Open,
        Some(Command::ActList(&[(METHOD, SHORT), (METHOD, SHORT)])),
        &[],
    ),
    (
        "taking results, block 1 taken",
        Way::Open,
        Some(Command::Act(METHOD, None)),
        &["C70241 00 00000001 03 090411"],
    ),
    (
        "asking by ACCESS",
        Way::Open,
        Some(Command::Access {
            wanted: &[(AccessSpec::Get(item(2)), &[0])],
            break_on_error: false,
        }),
        &[],
    ),
    (
        "reading, general blocks",
        Way::OpenWithBlocks,
        Some(Command::Get(item(2))),
        &[],
    ),
    (
        "reading, general block 1 taken",
        Way::OpenWithBlocks,
        Some(Command::Get(item(2))),
        &["E0 01 0001 0000 03 C40141"],
    ),
    (
        "writing in general blocks",
        Way::OpenWithBlocks,
        Some(Command::Set(item(2), LONG)),
        &[],
    ),
    (
        "writing in general blocks, all sent",
        Way::OpenWithBlocks,
        Some(Command::Set(item(2), LONG)),
        &["E0 82 0001 0001 00"],
    ),
];

const ANSWERS: &[(&str, &str)] = &[
    ("AARE, accepted", PLAIN),
    ("AARE, accepted, with a challenge", CHALLENGE),
    ("AARE, refused", REFUSED),
    ("RLRE", "6303800100"),
    ("the right proof", "PROOF"),
    ("a wrong proof", "C70141 00 01 00 0908 0102030405060708"),
    ("value", "C40141 00 1107"),
    ("value, another id", "C40142 00 1107"),
    ("no value", "C40141 01 03"),
    ("block 1", "C40241 00 00000001 00 03 090411"),
    ("block 2, last", "C40241 01 00000002 00 03 112233"),
    ("block 3, last", "C40241 01 00000003 00 03 112233"),
    ("block 2, refused", "C40241 01 00000002 01 0E"),
    ("list of values", "C40341 02 001107 0103"),
    ("written", "C50141 00"),
    ("not written", "C50141 03"),
    ("block 1 is taken", "C50241 00000001"),
    ("block 2 is taken", "C50241 00000002"),
    ("last block 2 is taken, written", "C50341 00 00000002"),
    ("last block 2 is taken, not written", "C50341 03 00000002"),
    ("last block 2 is taken, a list", "C50441 02 00 03 00000002"),
    ("list of results", "C50541 02 00 03"),
    ("done", "C70141 00 00"),
    ("done, and returned", "C70141 00 01 00 1107"),
    ("not done", "C70141 03 00"),
    ("block 1 of parameters is taken", "C70441 00000001"),
    ("block 1 of results", "C70241 00 00000001 03 090411"),
    ("block 2 of results, last", "C70241 01 00000002 03 112233"),
    ("list of methods' results", "C70341 02 00 00 03 00"),
    ("ACCESS response", "DA 40000001 00 00 01 1107 01 01 00"),
    ("ACCESS response, another id", "DA 40000009 00 00 01 1107 01 01 00"),
    ("general block 1", "E0 01 0001 0000 03 C40141"),
    ("general block 2, last", "E0 81 0002 0000 03 001107"),
    ("general block 3, last", "E0 81 0003 0000 03 001107"),
    ("general acknowledgement of 1", "E0 82 0001 0001 00"),
    ("general acknowledgement of 9", "E0 82 0001 0009 00"),
    ("notification", "0F 00000001 00 1107"),
    ("exception", "D8 01 02"),
    ("confirmedServiceError", "0E 01 00 03"),
    ("sealed, in a plain context", "CC 05 30 00000001"),
    ("nonsense", "FF"),
    ("nothing", ""),
];

fn octets(hex: &str) -> Vec<u8> {
    if hex == "PROOF" {
        let mut answer = octets("C70141 00 01 00 0920");
        answer.extend(proof());
        return answer;
    }
    let hex: Vec<u8> = hex.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
    let digit = |octet: u8| char::from(octet).to_digit(16).expect("a hex digit");
    let octet = |pair: &[u8]| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).expect("two digits");
    hex.chunks(2).map(octet).collect()
}

/// What a meter that knows the secret answers to our challenge; it says no title.
fn proof() -> Vec<u8> {
    let (own, theirs) = (challenge(METER), challenge(OWN));
    let proof = Proof {
        prover: [0; 8],
        verifier: [0; 8],
        challenge: &theirs,
        own: &own,
    };
    secret_answer(SYMMETRIC, Mechanism::Sha256, SECRET, proof)
        .expect("SHA-256 is there")
        .to_vec()
}

fn challenge(octets: &[u8]) -> Challenge {
    Challenge::new(octets).expect("8 octets")
}

fn settings(way: Way) -> Settings<'static> {
    let all = Settings::public(16, 1, Conformance::from_octets([0xFF, 0xFF, 0xFF]));
    match way {
        Way::Asking | Way::Proving => Settings {
            credentials: Credentials::Secret(Mechanism::Sha256, SECRET, challenge(OWN)),
            ..all
        },
        _ => all,
    }
}

fn hear(session: &mut Session<'_>, pdu: &str) -> String {
    let pdu = octets(pdu);
    session.inbox()[..pdu.len()].copy_from_slice(&pdu);
    match session.on(pdu.len()) {
        Ok(Next::Send) => {
            let hex: String = session
                .pdu()
                .iter()
                .take(10)
                .map(|octet| format!("{octet:02X}"))
                .collect();
            format!("says {hex}")
        }
        Ok(Next::Finished) => match session.outcome() {
            // Nothing is left of a password that was shown, or a key that was written.
            _ if session.outbox.iter().any(|octet| *octet != 0) => "finished, and keeps what it said".into(),
            Some(outcome) => {
                let outcome = format!("{outcome:?}");
                outcome.chars().take(96).collect()
            }
            None => "finished without an outcome".into(),
        },
        Ok(Next::Wait) => match session.notification() {
            Some(_) => "waits, and was told something".into(),
            None => "waits".into(),
        },
        Err(error) => format!("error {error:?}"),
    }
}

fn name(session: &Session<'_>) -> &'static str {
    match (session.state, session.work) {
        (State::Closed, _) => "closed",
        (State::Associating, _) => "associating",
        (State::Proving, _) => "proving",
        (State::Releasing, _) => "releasing",
        (State::Open, Work::Nothing) => "open",
        (State::Open, Work::Finished(_)) => "finished",
        (State::Open, Work::Get { number: 0, .. }) => "reading",
        (State::Open, Work::Get { .. }) => "reading blocks",
        (State::Open, Work::Set { number: 0, .. }) => "writing",
        (State::Open, Work::Set { .. }) => "writing blocks",
        (State::Open, Work::Act { number: 0, .. }) => "invoking",
        (State::Open, Work::Act { .. }) => "giving blocks",
        (State::Open, Work::Returns { .. }) => "taking blocks",
        (State::Open, Work::Access) => "asking",
    }
}

/// Brings a session into a state.
fn begin<'b>((state, way, command, answers): &Begin, lent: &'b mut [u8]) -> Session<'b> {
    let mut session = Session::new(settings(*way), 1, lent, true);
    let accepted = match way {
        Way::Closed => return session,
        Way::OpenWithBlocks => GENERAL,
        Way::Proving => CHALLENGE,
        _ => PLAIN,
    };
    session.begin(Command::Associate).expect(state);
    if *way == Way::Asking {
        return session;
    }
    hear(&mut session, accepted);
    // The first id after that of the association is 1, as the answers say.
    session.invoke = crate::apdu::Invoke::confirmed(0);
    if let Some(command) = command {
        session.begin(*command).expect(state);
        while session.proceed() {}
    }
    for answer in *answers {
        hear(&mut session, answer);
        while session.proceed() {}
    }
    session
}

#[test]
fn every_state_meets_every_answer() {
    let mut table = String::new();
    let mut lent = vec![0; 4096];
    for state in STATES {
        writeln!(table, "{}", state.0).expect("a string grows");
        for (event, pdu) in ANSWERS {
            let mut session = begin(state, &mut lent);
            let from = name(&session);
            let reaction = hear(&mut session, pdu);
            let to = name(&session);
            writeln!(table, "  {event:<36} {from:>14} -> {to:<14} {reaction}").expect("a string grows");
            // Whatever came, after the link was lost another association reads.
            session.lost();
            session.settings = settings(Way::Open);
            session.begin(Command::Associate).expect("a new one is asked for");
            assert_eq!(hear(&mut session, PLAIN), "Associated", "{}, {event}", state.0);
            session.invoke = crate::apdu::Invoke::confirmed(0);
            session.begin(Command::Get(item(2))).expect("it is asked");
            assert_eq!(
                hear(&mut session, "C40141 00 1107"),
                "Value(Ok([17, 7]))",
                "{}, {event}",
                state.0
            );
        }
    }
    golden::check("client.txt", &table);
}
