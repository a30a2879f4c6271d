//! What each client gets and what is withheld from it, in every form of asking; keys of one association; what is said to all at once
//! (issue 5, items 1 to 3 and bad input).

extern crate std;

use std::vec;
use std::vec::Vec;

use cosem::axdr::Reader;
use cosem::buffer::RowForm;
use cosem::{Method, Obis};
use dlms::client::{Command, Settings};
use dlms::hdlc::{Address, Control, Frame};
use dlms::initiate::Conformance;
use dlms::security::{Envelope, HEADROOM, Key, Keys, Protection, Suite, seal};
use dlms::server::{HdlcLink, HdlcSettings, Link};

use super::talker::{CLIENT, ENERGY, Known, Talker};
use super::{AARQ_LLS, Bench, Life, config, hex, start};
use crate::profile::JournalId;
use crate::{Config, Differences, Input};

const AARQ_PUBLIC: &str = "601DA109060760857405080101BE10040E01000000065F1F0400FFFFFF04B0";

/// What the meter answers a client on a link, without the wrapper.
fn say(life: &mut Life, link: &mut Link, client: u8, apdu: &[u8]) -> Vec<u8> {
    let length = u16::try_from(apdu.len()).expect("a short APDU").to_be_bytes();
    let frame = [&[0, 1, 0, client, 0, 1][..], &length, apdu].concat();
    let (frames, outcome) = life.hand(link, &frame);
    assert_eq!(outcome, Ok(()), "the link stays");
    frames.into_iter().flat_map(|frame| frame[8..].to_vec()).collect()
}

/// Items that are denied are missed alone, in lists, in attribute 0 and in ACCESS, and nothing of them is told.
#[test]
fn what_is_denied_is_missed_alone_in_every_form() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    let mut link = life.connect();
    assert_eq!(say(&mut life, &mut link, 16, &hex(AARQ_PUBLIC))[0], 0x61);
    let mut ask = |life: &mut Life, apdu: &str| say(life, &mut link, 16, &hex(apdu));
    let name = [&hex("00 09 10")[..], b"FRR1030140200001"].concat();
    // Denied: the energy, the rows of a profile; not there: a name.
    let list =
        "C003C1 04 0001 00002A0000FF 02 00 0003 0100010800FF 02 00 0007 0100630100FF 02 00 0003 0100630800FF 02 00";
    let expected = [&hex("C403C1 04")[..], &name, &hex("0103 0103 0104")].concat();
    assert_eq!(ask(&mut life, list), expected);
    let access =
        "D9 40000001 00 03 01 0001 00002A0000FF 02 01 0003 0100010800FF 02 03 0046 000060030AFF 01 03 00 00 0F00";
    let expected = [
        &hex("DA 40000001 00 00 03")[..],
        &name[1..],
        &hex("00 00 03 0100 0103 0303"),
    ]
    .concat();
    assert_eq!(ask(&mut life, access), expected);
    // Attribute 0: of a denied object nothing, of another what is not denied, null-data in place of the rest.
    assert_eq!(ask(&mut life, "C001C1 0003 0100010800FF 00 00"), hex("C401C1 01 03"));
    let clock = ask(&mut life, "C001C1 0008 0000010000FF 00 00");
    let mut reader = Reader::new(&clock[4..]);
    assert_eq!(reader.structure(9), Ok(()));
    for attribute in 1..=9 {
        let value = reader.skip_value().expect("a value");
        assert_eq!(
            value == [0],
            !matches!(attribute, 1 | 2),
            "attribute {attribute}: {value:02X?}"
        );
    }
    assert!(reader.is_at_end());
    assert_eq!(
        ask(
            &mut life,
            "C101C1 0008 0000010000FF 00 00 0209 00 00 100000 00 00 00 00 00 00"
        ),
        hex("C501C1 03")
    );
    assert_eq!(
        ask(
            &mut life,
            "C104C1 02 0001 0000600101FF 02 00 0008 0000010000FF 03 00 02 0901AA 100000"
        ),
        hex("C505C1 02 03 03")
    );
    assert_eq!(life.read(1, "0-0:96.1.1", 2), hex("0900"));
    assert_eq!(
        ask(
            &mut life,
            "C303C1 02 0046 000060030AFF 01 0007 0100630100FF 01 02 0F00 0F00"
        ),
        hex("C703C1 02 03 00 03 00")
    );
    assert_eq!(life.bench.closed, Some(true), "the switch stays");
}

/// Nobody reads a secret, not even in attribute 0; a member that may not be set refuses all of attribute 0; each of a list is by itself.
#[test]
fn the_manager_is_denied_secrets_and_what_nobody_may_set() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    let mut link = life.connect();
    let aarq = hex(
        "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F0400FFFFFF04B0",
    );
    assert_eq!(say(&mut life, &mut link, 1, &aarq)[0], 0x61);
    let mut ask = |life: &mut Life, apdu: &str| say(life, &mut link, 1, &hex(apdu));
    assert_eq!(ask(&mut life, "C001C1 000F 0000280000FF 07 00"), hex("C401C1 01 03"));
    let local_port = ask(&mut life, "C001C1 0013 0000140000FF 00 00");
    let mut reader = Reader::new(&local_port[4..]);
    assert_eq!(reader.structure(9), Ok(()));
    for attribute in 1..=9 {
        let value = reader.skip_value().expect("a value");
        assert_eq!(value == [0], 7 <= attribute, "attribute {attribute}: {value:02X?}");
    }
    assert_eq!(
        ask(
            &mut life,
            "C104C1 03 0001 0000600101FF 02 00 0003 0100010800FF 02 00 0001 0000600102FF 02 00 03 0901AA 060000 0000 0901BB"
        ),
        hex("C505C1 03 00 03 00")
    );
    assert_eq!(life.read(1, "0-0:96.1.1", 2), hex("0901AA"));
    assert_eq!(life.read(1, "0-0:96.1.2", 2), hex("0901BB"));
}

/// Rows in every form go to those alone who may read them, in lists and attribute 0 too; what was withheld is not offered and not served.
#[test]
fn rows_are_denied_in_every_form_and_what_is_withheld_is_not_served() {
    for row_form in [RowForm::Plain, RowForm::NullData, RowForm::CompactArray, RowForm::Delta] {
        let mut life = Life::ordered(&Config { row_form, ..config() });
        let mut link = life.connect();
        let mut other = life.connect();
        say(&mut life, &mut link, 16, &hex(AARQ_PUBLIC));
        let get = "C001C1 0007 0100630100FF 02 00";
        assert_eq!(
            say(&mut life, &mut link, 16, &hex(get)),
            hex("C401C1 01 03"),
            "{row_form:?}"
        );
        let list = "C003C1 02 0007 0100630100FF 02 00 0007 0100630100FF 02 00";
        assert_eq!(say(&mut life, &mut link, 16, &hex(list)), hex("C403C1 02 0103 0103"));
        assert_eq!(
            say(&mut life, &mut link, 16, &hex("C001C1 0007 0100630100FF 00 00")),
            hex("C401C1 01 03")
        );
        assert_eq!(say(&mut life, &mut other, 1, AARQ_LLS)[0], 0x61);
        assert_eq!(say(&mut life, &mut other, 1, &hex(get))[..4], hex("C401C1 00"));
    }
    let withheld = Conformance::MULTIPLE_REFERENCES
        .with(Conformance::ATTRIBUTE_0_WITH_GET)
        .with(Conformance::ATTRIBUTE_0_WITH_SET)
        .with(Conformance::ACCESS)
        .with(Conformance::DELTA_VALUES);
    let mut order = Config {
        row_form: RowForm::Delta,
        ..config()
    };
    order.differences = Differences {
        withheld,
        ..Differences::NONE
    };
    let mut life = Life::ordered(&order);
    let mut link = life.connect();
    let aare = say(&mut life, &mut link, 16, &hex(AARQ_PUBLIC));
    let granted = aare.windows(3).position(|it| it == hex("5F1F04")).expect("a response") + 4;
    let granted = Conformance::from_octets([aare[granted], aare[granted + 1], aare[granted + 2]]);
    assert_eq!(granted & withheld, Conformance::NONE);
    for refused in [
        "C003C1 01 0001 00002A0000FF 02 00",
        "D9 40000001 00 01 01 0001 00002A0000FF 02 01 00",
    ] {
        assert_eq!(say(&mut life, &mut link, 16, &hex(refused))[0], 0xD8, "{refused}");
    }
    assert_eq!(
        say(&mut life, &mut link, 16, &hex("C001C1 0001 00002A0000FF 00 00")),
        hex("C401C1 01 03")
    );
    assert_eq!(
        say(&mut life, &mut link, 16, &hex("C001C1 0001 00002A0000FF 02 00"))[..4],
        hex("C401C1 00")
    );
}

/// A client that may not ask is tolerated where it is ordered, and nowhere else.
#[test]
fn services_that_were_not_negotiated_are_tolerated_when_ordered() {
    let access = hex("D9 40000001 00 01 01 0001 00002A0000FF 02 01 00");
    for tolerated in [Conformance::NONE, Conformance::ACCESS] {
        let mut order = config();
        order.differences.tolerated = tolerated;
        let mut life = Life::ordered(&order);
        let mut link = life.connect();
        let plain = AARQ_PUBLIC.replace("FFFFFF", "007E1F");
        assert_eq!(say(&mut life, &mut link, 16, &hex(&plain))[0], 0x61);
        let expected = if tolerated == Conformance::NONE { 0xD8 } else { 0xDA };
        assert_eq!(say(&mut life, &mut link, 16, &access)[0], expected);
    }
}

/// The other sign of the deviation: what goes out and what comes in.
#[test]
fn the_deviation_has_the_other_sign_when_ordered() {
    let mut order = config();
    order.differences.deviation_reversed = true;
    let mut reversed = Life::ordered(&order);
    let mut standard = Life::ordered(&config());
    // 2026-07-01 in summer: two hours ahead of UTC.
    assert_eq!(standard.read(8, "0-0:1.0.0", 2)[11..13], (-120_i16).to_be_bytes());
    assert_eq!(reversed.read(8, "0-0:1.0.0", 2)[11..13], 120_i16.to_be_bytes());
    assert_eq!(
        standard.read(8, "0-0:1.0.0", 2)[..11],
        reversed.read(8, "0-0:1.0.0", 2)[..11]
    );
    for (life, deviation) in [(&mut standard, "FF88"), (&mut reversed, "0078")] {
        life.associate().expect("it is let in");
        let set = hex(&std::format!(
            "C101C1 0008 0000010000FF 02 00 090C 07EA0701FF0E000000 {deviation} 80"
        ));
        assert_eq!(life.talk(&set), Ok(hex("C501C1 00")));
        let utc = life.meter.model().utc().civil();
        assert_eq!((utc.hour(), utc.minute()), (12, 0), "14:00 is 12:00 UTC");
        life.idle(1_000);
        let rows = life.rows();
        let (utc, row) = rows.last().expect("a row");
        assert_eq!(row[11..13], hex(deviation), "{row:02X?}");
        assert_eq!((utc.civil().hour(), row[7]), (12, 14), "{row:02X?}");
    }
}

/// A message of client 1 or 102 under this key.
fn sealed(apdu: &[u8], envelope: Envelope, encryption: &Key, counter: u32) -> Vec<u8> {
    let known = Known::of_tests();
    let keys = Keys {
        suite: Suite::Zero,
        encryption,
        authentication: &known.authentication,
    };
    let mut buffer = vec![0; HEADROOM + apdu.len() + 32];
    let range = HEADROOM..HEADROOM + apdu.len();
    buffer[range.clone()].copy_from_slice(apdu);
    let range = seal(&mut buffer, range, envelope, Protection::BOTH, keys, CLIENT, counter).expect("it fits");
    buffer[range].to_vec()
}

/// Under a dedicated key the meter never repeats a number, over power cuts and even for a client that comes with the same key again; what
/// was recorded under it opens nothing in another association.
#[test]
fn numbers_under_a_dedicated_key_never_repeat_over_power_cuts() {
    let known = Known::of_tests();
    let dedicated =
        [Key::new(&[0x44; 16]), Key::new(&[0x44; 16]), Key::new(&[0x45; 16])].map(|key| key.expect("16 octets"));
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    life.idle(1);
    let (mut numbers, mut recorded) = (Vec::new(), Vec::new());
    for (round, key) in dedicated.iter().enumerate() {
        let settings = Settings {
            dedicated: Some(key),
            ..known.settings()
        };
        let counter = life.meter.model().security.received.last() + 10;
        let mut talker = Talker::new(&life, settings, counter);
        if round == 2 {
            // Before there is an association, and in one with another key.
            assert_eq!(life.hand(&mut talker.link, &recorded).0.concat()[8..], hex("D80101"));
        }
        talker.ask(&mut life, Command::Associate).expect("it is let in");
        if round == 2 {
            assert_eq!(life.hand(&mut talker.link, &recorded).0.concat()[8..], hex("D80105"));
        }
        for _ in 0..3 {
            talker.ask(&mut life, Command::Get(ENERGY)).expect("it reads");
            // ded-get-response, length, control, number.
            let answer = &talker.heard[8..];
            assert_eq!(answer[0], 0xD4, "{answer:02X?}");
            numbers.push(u32::from_be_bytes([answer[3], answer[4], answer[5], answer[6]]));
        }
        recorded.clone_from(&talker.said);
        // In the same association it is a repetition.
        assert_eq!(life.hand(&mut talker.link, &recorded).0.concat()[8..11], hex("D80106"));
        (life, _) = Life::begin(life.bench.revived(), Some(start()));
        life.idle(1);
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

/// Client 102, which has an association without asking: unconfirmed and sealed requests in UI frames, to one meter and to all, do what
/// its rows grant and nothing else; nothing is answered, and nobody who is connected is disturbed.
#[test]
fn what_is_said_in_ui_frames_is_done_and_never_answered() {
    let known = Known::of_tests();
    let mut life = Life::ordered(&Config {
        client_system_title: Some(CLIENT),
        ..config()
    });
    let mut link = Link::Hdlc(HdlcLink::new(HdlcSettings::standard(17)));
    let mut send = |life: &mut Life, client: u8, to: Address, apdu: &[u8]| {
        let information = [&hex("E6E600")[..], apdu].concat();
        let frame = Frame {
            destination: to,
            source: Address::One(client),
            control: Control::Unnumbered { poll: false },
            segmented: false,
            information: &information,
        };
        let mut buffer = [0; 300];
        let octets = frame.emit(&mut buffer).expect("it fits").to_vec();
        let (frames, outcome) = life.hand(&mut link, &octets);
        assert_eq!((frames, outcome), (vec![], Ok(())), "nobody waits for an answer");
    };
    let here = Address::Four(1, 17);
    let mut counter = 100;
    let mut seal_for_all = |apdu: &str| {
        counter += 1;
        sealed(&hex(apdu), Envelope::GeneralGlobal, &known.encryption, counter)
    };
    let (open, close) = (
        "C30101 0046 000060030AFF 01 01 0F00",
        "C30101 0046 000060030AFF 02 01 0F00",
    );
    for (to, apdu, closed) in [
        (here, open, false),
        (Address::Four(1, 0x3FFF), close, true),
        (Address::One(0x7F), open, false),
        (here, close, true),
    ] {
        let message = seal_for_all(apdu);
        send(&mut life, 102, to, &message);
        assert_eq!(life.bench.closed, Some(closed), "{to:?} {apdu}");
        // The same once more is a replay.
        send(&mut life, 102, to, &message);
    }
    let set = seal_for_all("C10101 0008 0000010000FF 02 00 090C 07EA0701FF0E000000 FF88 80");
    send(&mut life, 102, here, &set);
    assert_eq!(life.meter.model().utc().civil().hour(), 12);
    // Not to this meter; not granted; confirmed; plain; of a client that has no association; cut short; nothing.
    send(&mut life, 102, Address::Four(1, 18), &seal_for_all(open));
    send(
        &mut life,
        102,
        here,
        &seal_for_all("C10101 0001 0000600101FF 02 00 0901AA"),
    );
    send(
        &mut life,
        102,
        here,
        &seal_for_all("C301C1 0046 000060030AFF 01 01 0F00"),
    );
    send(&mut life, 102, here, &seal_for_all("C001C1 0003 0100010800FF 02 00"));
    send(&mut life, 102, here, &hex(open));
    send(&mut life, 1, here, &hex(open));
    send(&mut life, 1, here, &seal_for_all(open));
    let mut message = seal_for_all(open);
    send(&mut life, 102, here, &message[..message.len() - 1]);
    *message.last_mut().expect("octets") ^= 1;
    send(&mut life, 102, here, &message);
    send(&mut life, 102, here, &[]);
    assert_eq!(life.bench.closed, Some(true));
    assert_eq!(life.read(1, "0-0:96.1.1", 2), hex("0900"));
    assert_eq!(
        life.log(JournalId::SecurityLog),
        [50, 229, 230, 49],
        "each attack is told once"
    );
    life.serves(known.settings(), 1_000).expect("a good client is served");
}

/// The object list of each association says what its client may do.
#[test]
fn the_pre_established_client_has_something_to_do() {
    let known = Known::of_tests();
    let mut life = Life::ordered(&Config {
        client_system_title: Some(CLIENT),
        ..config()
    });
    let mut link = life.connect();
    let disconnect = Method::new(70, Obis::new("0-0:96.3.10"), 1);
    assert_eq!((disconnect.class_id, disconnect.index), (70, 1));
    // Over TCP, with the tag of a service and in the general form.
    for (number, envelope) in [(1, Envelope::Global), (2, Envelope::GeneralGlobal)] {
        let apdu = hex(if number == 1 {
            "C30101 0046 000060030AFF 01 01 0F00"
        } else {
            "C30101 0046 000060030AFF 02 01 0F00"
        });
        let message = sealed(&apdu, envelope, &known.encryption, number);
        assert_eq!(say(&mut life, &mut link, 102, &message), []);
        assert_eq!(life.bench.closed, Some(number == 2));
    }
    life.step(Input::Tick).expect("a good step");
}
