//! The rows of a profile in every form that they can go over the wire in, through a real association.

use base::Micros;
use cosem::axdr::{Reader, Writer};
use cosem::buffer::{Pace, RowForm, Rows};

use super::{Bench, Life, Vec, hex, start, vec};
use crate::Input;

/// A GET of the buffer of load profile 1, block by block.
fn buffer(life: &mut Life) -> Vec<u8> {
    let mut answer = life.talk(&hex("C001C1 0007 0100630100FF 02 00")).expect("a good step");
    let mut value = Vec::new();
    loop {
        match answer.get(..2) {
            Some([0xC4, 1]) => return answer.split_off(4),
            Some([0xC4, 2]) => {
                assert_eq!(answer[8], 0, "{answer:02X?}");
                let mut reader = Reader::new(&answer[9..]);
                let length = reader.length().expect("a length");
                value.extend_from_slice(reader.take(length).expect("the data"));
                if answer[3] != 0 {
                    return value;
                }
                let next = [&[0xC0, 2, 0xC1][..], &answer[4..8]].concat();
                answer = life.talk(&next).expect("a good step");
            }
            _ => panic!("{answer:02X?}"),
        }
    }
}

/// All rows in full.
fn decoded(buffer: &[u8]) -> Vec<Vec<u8>> {
    let pace = Pace {
        column: 0,
        seconds: 900,
    };
    let mut rows = Rows::new(buffer, Some(pace)).expect("rows");
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut row = [0; 512];
        let mut out = Writer::new(&mut row);
        let before = all.last().map_or(&[][..], Vec::as_slice);
        if !rows.next(before, &mut out).expect("a row") {
            return all;
        }
        all.push(out.written().to_vec());
    }
}

fn associate(life: &mut Life, conformance: &str) {
    let request = "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F0400------04B0";
    let answer = life
        .talk(&hex(&request.replace("------", conformance)))
        .expect("a good step");
    assert_eq!(answer.first(), Some(&0x61));
}

/// Issue 5, 1: null-data, compact array and differences, each only when it is configured, differences only when they
/// were negotiated too; all read back to the plain rows.
#[test]
fn rows_go_in_the_form_that_was_configured_and_read_back_equal() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    for row in 0..80 {
        life.measure(600 * (row % 7)).expect("a good step");
        life.now = life.now + Micros::from_secs(900);
        life.step(Input::Tick).expect("a good step");
    }
    associate(&mut life, "007E1F");
    let plain = buffer(&mut life);
    let rows = decoded(&plain);
    assert!(80 <= rows.len(), "{}", rows.len());
    let mut lengths = vec![plain.len()];
    for (form, conformance) in [
        (RowForm::NullData, "007E1F"),
        (RowForm::CompactArray, "007E1F"),
        (RowForm::Delta, "027E1F"),
    ] {
        life.meter.core.model.config.row_form = form;
        associate(&mut life, conformance);
        let shorter = buffer(&mut life);
        assert_eq!(Reader::new(&shorter).skip_value().map(<[u8]>::len), Ok(shorter.len()));
        assert_eq!(decoded(&shorter), rows, "{form:?}");
        lengths.push(shorter.len());
    }
    assert!(
        lengths.is_sorted_by(|a, b| b < a) || lengths[2] < lengths[0],
        "{lengths:?}"
    );
    assert!(lengths[3] * 2 < lengths[0], "{lengths:?}");
    // Configured, but the client did not agree.
    associate(&mut life, "007E1F");
    assert_eq!(buffer(&mut life), plain);
    // Agreed to by the client, but not configured.
    life.meter.core.model.config.row_form = RowForm::Plain;
    associate(&mut life, "027E1F");
    assert_eq!(buffer(&mut life), plain);
}

/// Class 124: ten wrong passwords lock the port, the right one too, the public client not; time opens it again.
#[test]
fn guessed_passwords_lock_the_port_for_a_while() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    let right = "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F0400007E1F04B0";
    let wrong = right.replace("3738BE", "3739BE");
    let accepted = |answer: &[u8]| answer.windows(5).any(|it| it == hex("A203020100"));
    let (refused, granted) = ([&wrong[..]; 9], right);
    for guess in refused {
        let answer = life.talk(&hex(guess)).expect("a good step");
        assert!(!accepted(&answer));
    }
    let answer = life.talk(&hex(granted)).expect("a good step");
    assert!(accepted(&answer), "nine are allowed");
    assert_eq!(life.read(124, "0-0:44.2.2", 9), hex("06 00000000"));
    assert_eq!(life.read(124, "0-0:44.2.2", 10), hex("06 00000009"));
    let mut last = Vec::new();
    for _ in 0..10 {
        last = life.talk(&hex(&wrong)).expect("a good step");
    }
    assert_eq!(life.read(124, "0-0:44.2.2", 8), hex("16 01"));
    assert_eq!(
        life.talk(&hex(granted)).expect("a good step"),
        last,
        "as if it were wrong"
    );
    assert!(life.log(crate::profile::JournalId::FraudLog).contains(&46));
    let public = "601DA109060760857405080101BE10040E01000000065F1F0400007E1F04B0";
    let mut frame = hex("0001 0010 0001 001F");
    frame.extend(hex(public));
    let mut answer = Vec::new();
    let Life {
        bench,
        meter,
        now,
        link,
    } = &mut life;
    let mut take = |octets: &[u8]| answer.extend_from_slice(octets);
    let received = Input::Received {
        link,
        at: *now,
        octets: &frame,
        answer: &mut take,
    };
    meter.step(*now, received, bench).expect("a good step");
    assert!(accepted(&answer), "the public is served");
    life.now = life.now + Micros::from_secs(61);
    let answer = life.talk(&hex(granted)).expect("a good step");
    assert!(accepted(&answer), "the lockout is over");
    assert_eq!(life.read(124, "0-0:44.2.2", 8), hex("16 00"));
}
