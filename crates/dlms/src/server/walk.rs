//! Every state of transfers and blocks meets every request: the table is a golden file.

extern crate std;

use core::fmt::Write as _;
use std::string::String;
use std::vec::Vec;

use cosem::axdr::Writer;
use cosem::{AccessError, ActionError, Attribute, Cursor, Method, Returned, Selection, Step};

use super::blocks::Blocks;
use super::transfer::Transfer;
use super::{Application, Caller, Exhausted, Peer, Profile, Proposal, Replay, SecurityEvent, Session};
use crate::acse::{Diagnostic, Mechanism};
use crate::golden;
use crate::initiate::Conformance;
use crate::security::{Dialect, KeySet, Keys, Policy, Title};

/// Attribute 2 of its only object is short, attribute 3 is long; method 1 returns something long.
struct Shelf;

impl Application for Shelf {
    fn admit(&self, _: Proposal) -> Result<Profile, Diagnostic> {
        Ok(Profile {
            policy: Policy::NONE,
            conformance: Conformance::from_octets([0xFF, 0xFF, 0xFF]),
            receive_max: 256,
            dialect: Dialect::STANDARD,
        })
    }

    fn system_title(&self) -> Title {
        *b"SHELF\0\0\x01"
    }

    fn secret(&self, _: u16, _: Mechanism) -> Option<&[u8]> {
        None
    }

    fn keys(&self, _: u16, _: KeySet) -> Option<Keys<'_>> {
        None
    }

    fn expects_title(&self, _: u16, _: &Title) -> bool {
        true
    }

    fn next_counter(&mut self, _: u16) -> Result<u32, Exhausted> {
        Err(Exhausted)
    }

    fn last_counter(&self, _: u16, _: KeySet) -> Option<u32> {
        None
    }

    fn accept_counter(&mut self, _: u16, _: KeySet, _: u32) -> Result<(), Replay> {
        Err(Replay)
    }

    fn entropy(&mut self, out: &mut [u8]) {
        out.fill(1);
    }

    fn observe(&mut self, _: u16, _: SecurityEvent) {}

    fn get(
        &mut self,
        _: &Caller,
        what: Attribute,
        _: Selection<'_>,
        _: &mut Cursor,
        out: &mut Writer<'_>,
    ) -> Result<Step, AccessError> {
        match what.index {
            2 => out.put(&[0x11, 7])?,
            3 => {
                out.put(&[0x09, 0x82, 1, 0])?;
                out.put(&[0xAA; 256])?;
            }
            _ => return Err(AccessError::ReadWriteDenied),
        }
        Ok(Step::Done)
    }

    fn set(&mut self, _: &Caller, _: Attribute, _: Selection<'_>, _: &[u8]) -> Result<(), AccessError> {
        Ok(())
    }

    fn invoke(
        &mut self,
        _: &Caller,
        _: Method,
        _: Option<&[u8]>,
        out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        let put = out.put(&[0x09, 0x82, 1, 0]).and_then(|()| out.put(&[0xBB; 256]));
        put.map_err(|_| ActionError::OtherReason)?;
        Ok(Returned::Data)
    }
}

fn octets(hex: &str) -> Vec<u8> {
    let hex: Vec<u8> = hex.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
    let digit = |octet: u8| char::from(octet).to_digit(16).expect("a hex digit");
    let octet = |pair: &[u8]| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).expect("two digits");
    hex.chunks(2).map(octet).collect()
}

const PEER: Peer = Peer { client: 16, server: 1 };

/// AARQs for PDUs of 96 octets: all services but general blocks, and general blocks without those of the services.
const PLAIN: &str = "601DA109060760857405080101BE10040E01000000065F1F0400007E5F0060";
const GENERAL: &str = "601DA109060760857405080101BE10040E01000000065F1F0400204E5F0060";

const STATES: &[(&str, &str, &[&str])] = &[
    ("idle", PLAIN, &[]),
    ("reading, normal priority", PLAIN, &["C00141 0001 000060010AFF 03 00"]),
    ("reading, high priority", PLAIN, &["C001C1 0001 000060010AFF 03 00"]),
    (
        "assembling a SET, normal priority",
        PLAIN,
        &["C10241 0001 000060010AFF 02 00 00 00000001 02 0904"],
    ),
    (
        "assembling an ACTION, high priority",
        PLAIN,
        &["C304C1 0001 000060010AFF 01 00 00000001 02 0904"],
    ),
    ("returning, normal priority", PLAIN, &["C30141 0001 000060010AFF 01 00"]),
    ("idle, general blocks", GENERAL, &[]),
    ("taking", GENERAL, &["E0010001000003 C001C1"]),
    ("giving", GENERAL, &["C001C1 0001 000060010AFF 03 00"]),
];

const EVENTS: &[(&str, &str)] = &[
    ("GET, normal, another id", "C00142 0001 000060010AFF 02 00"),
    ("GET, high, another id", "C001C2 0001 000060010AFF 02 00"),
    ("GET long, high", "C001C3 0001 000060010AFF 03 00"),
    ("Get-Next 1", "C00241 00000001"),
    ("Get-Next 2", "C00241 00000002"),
    ("Get-Next 1, another id", "C00242 00000001"),
    ("SET, high", "C101C2 0001 000060010AFF 02 00 1105"),
    ("SET, unconfirmed", "C10102 0001 000060010AFF 02 00 1105"),
    ("SET block 2", "C10341 00 00000002 02 AAAA"),
    ("SET last block 2", "C10341 01 00000002 04 AAAAAAAA"),
    ("SET block 3", "C10341 00 00000003 02 AAAA"),
    ("ACTION next 1", "C30241 00000001"),
    ("ACTION next 2", "C30241 00000002"),
    ("ACTION block 2", "C306C1 00 00000002 02 AAAA"),
    ("ACTION last block 2", "C306C1 01 00000002 04 AAAAAAAA"),
    ("ACTION, unconfirmed", "C30102 0001 000060010AFF 01 00"),
    ("ACCESS, high", "D9C0000001 00 01 01 0001 000060010AFF 02 01 00"),
    ("general block 1 anew", "E0010001000003 C001C5"),
    ("general block 2, last", "E081000200000A 0001000060010AFF0200"),
    ("general block 3, last", "E081000300000A 0001000060010AFF0200"),
    ("general acknowledgement of 1", "E0820001000100"),
    ("general acknowledgement of 9", "E0820001000900"),
    ("release", "6200"),
    ("associate", PLAIN),
    ("nonsense", "FF"),
];

fn name(session: &Session) -> &'static str {
    match (&session.transfer, session.blocks, session.client()) {
        (_, _, None) => "closed",
        (Transfer::Idle, Blocks::Idle, _) => "idle",
        (Transfer::Reading(_), ..) => "reading",
        (Transfer::Assembling(_), ..) => "assembling",
        (Transfer::Returning { .. }, ..) => "returning",
        (_, Blocks::Taking(_), _) => "taking",
        (_, Blocks::Giving(_), _) => "giving",
        (Transfer::Streaming(_), Blocks::Idle, _) => "streaming nothing",
    }
}

#[test]
fn every_state_meets_every_request() {
    let mut table = String::new();
    let ask = |session: &mut Session, pdu: &str| {
        let pdu = octets(pdu);
        session.inbox()[..pdu.len()].copy_from_slice(&pdu);
        let answered = session.serve(PEER, pdu.len(), &mut Shelf);
        let mut answer = String::new();
        if answered {
            for octet in session.answer().iter().take(12) {
                write!(answer, "{octet:02X}").expect("a string grows");
            }
        } else {
            answer.push('-');
        }
        answer
    };
    for (state, aarq, before) in STATES {
        writeln!(table, "{state}").expect("a string grows");
        for (event, pdu) in EVENTS {
            let mut session = Session::new();
            ask(&mut session, aarq);
            for request in *before {
                ask(&mut session, request);
            }
            let from = name(&session);
            let answer = ask(&mut session, pdu);
            let to = name(&session);
            writeln!(table, "  {event:<30} {from:>10} -> {to:<10} {answer}").expect("a string grows");
            // Whatever came, the next client is served.
            assert!(ask(&mut session, PLAIN).starts_with("61"), "{state}, {event}");
            assert_eq!(
                ask(&mut session, "C001C2 0001 000060010AFF 02 00"),
                "C401C2001107",
                "{state}, {event}"
            );
        }
    }
    golden::check("transfer.txt", &table);
}
