//! V3: the ratio of the transformers of a CT meter, over its links, its memory and its boots.

extern crate std;

use std::format;
use std::vec::Vec;

use base::{Instant, Micros, Utc};
use dlms::server::{Link, WrapperLink};
use metrology::{Actor, LegalKind, Quantity};

use super::{Bench as Desk, Life, config, hex, start};
use crate::profile::JournalId;
use crate::transformers::Ratio;
use crate::{Bench, Config, Input, Meter, Variant};

const GRANTED: &str = "C501C100";
const OTHER_REASON: &str = "C501C1FA";

/// A CT meter on this bench.
fn begin(bench: Desk, rtc: Option<Utc>) -> Life {
    let mut bench = bench;
    let order = Config {
        variant: Variant::St402c,
        switching_module: false,
        constant: 10_000,
        ..config()
    };
    let (meter, _) = Meter::boot(&order, rtc, [7; 32], &mut bench).expect("this flash works");
    Life {
        bench,
        meter,
        now: Instant::START,
        link: Link::Wrapper(WrapperLink::new(Instant::START, Micros::from_secs(180))),
    }
}

/// A CT meter that has left its production line, with a client on it.
fn sealed() -> Life {
    let mut life = begin(Desk::new(), Some(start()));
    life.step(Input::Bench(Bench::Seal)).expect("a seal");
    life.associate().expect("an open link");
    life
}

/// SET of 1-0:0.4.e.
fn set(e: u8, value: u32) -> Vec<u8> {
    hex(&format!("C101C1 0001 0100 0004 {e:02X}FF 02 00 06 {value:08X}"))
}

/// SET of several parts of the ratio in one request.
fn set_all(parts: &[(u8, u32)]) -> Vec<u8> {
    let mut apdu = hex(&format!("C104C1 {:02X}", parts.len()));
    for (e, _) in parts {
        apdu.extend(hex(&format!("0001 0100 0004 {e:02X}FF 02 00")));
    }
    apdu.extend(hex(&format!("{:02X}", parts.len())));
    for (_, value) in parts {
        apdu.extend(hex(&format!("06 {value:08X}")));
    }
    apdu
}

/// SET of the whole ratio.
fn set_whole(parts: [u32; 4]) -> Vec<u8> {
    let mut apdu = hex("C101C1 0001 0000608200FF 02 00 0204");
    for part in parts {
        apdu.extend(hex(&format!("06 {part:08X}")));
    }
    apdu
}

fn ratio(life: &Life) -> Ratio {
    life.meter.model().transformers.ratio()
}

fn primary(life: &Life, quantity: Quantity) -> i64 {
    let model = life.meter.model();
    let energy = model.transformers.energy(quantity, &model.registers);
    energy.expect("a primary energy")
}

#[test]
fn the_ratio_is_written_behind_the_seal_and_every_attempt_is_logged() {
    let mut life = sealed();
    assert_eq!(ratio(&life), Ratio::UNITY);
    assert_eq!(life.talk(&set(2, 200)), Ok(hex("C501C103")), "read-write denied");
    let mut log = Vec::new();
    life.meter
        .visit_legal_log(&life.bench.flash, |entry| log.push((entry.kind, entry.actor)))
        .expect("it reads");
    assert_eq!(log.last(), Some(&(LegalKind::Refused, Actor::Client)));
    assert_eq!(ratio(&life), Ratio::UNITY);
    life.step(Input::Bench(Bench::Mode(true))).expect("room in the log");
    // Both parts in one request: no window comes between them.
    assert_eq!(life.talk(&set_all(&[(2, 200), (5, 5)])), Ok(hex("C505C1 02 00 00")));
    assert_eq!(ratio(&life).current, (200, 5));
    // Or all in one value: 20000 / 1 would be beyond the range for a moment.
    assert_eq!(life.talk(&set(3, 20_000)), Ok(hex(OTHER_REASON)));
    assert_eq!(life.talk(&set_whole([200, 5, 20_000, 100])), Ok(hex(GRANTED)));
    assert_eq!(
        life.read(1, "0-0:96.130.0", 2),
        hex("0204 06 000000C8 06 00000005 06 00004E20 06 00000064")
    );
    assert_eq!(life.read(1, "1-0:0.4.2", 2), hex("06 000000C8"));
    assert_eq!(life.read(1, "1-0:0.4.4", 2), hex("15 00000000003D0900"));
    assert_eq!(life.read(1, "1-0:0.4.7", 2), hex("15 00000000000001F4"));
    let codes = life.log(JournalId::StandardLog);
    assert_eq!(codes.iter().filter(|code| **code == 201).count(), 3, "{codes:?}");
    assert!(codes.contains(&47), "{codes:?}");
    // The log of parameter changes has the numbers themselves: 20000 V stood at 1, 100 V stood at 1, by client 1.
    let mut changes = Vec::new();
    let mut visit = |_: Utc, row: &[u8]| changes.push(row.to_vec());
    life.meter
        .visit_rows(&life.bench.flash, JournalId::ParameterChangeLog, 0, &mut visit)
        .expect("the flash can be read");
    let [.., volts, hundredth] = changes.as_slice() else {
        panic!("{changes:02X?}");
    };
    let holds = |row: &[u8], wanted: &str| row.windows(10).any(|it| it == hex(wanted).as_slice());
    assert!(holds(volts, "06 00000001 06 00004E20"), "{volts:02X?}");
    assert!(holds(hundredth, "06 00000001 06 00000064"), "{hundredth:02X?}");
    // The same again is no change.
    let entries = life.log(JournalId::StandardLog).len();
    assert_eq!(life.talk(&set(2, 200)), Ok(hex(GRANTED)));
    assert_eq!(life.log(JournalId::StandardLog).len(), entries);
    life.step(Input::Bench(Bench::Mode(false))).expect("always");
    assert_eq!(life.talk(&set(2, 400)), Ok(hex("C501C103")));
    assert_eq!(ratio(&life).current, (200, 5));
}

#[test]
fn an_absurd_ratio_is_refused_whole() {
    let mut life = sealed();
    life.step(Input::Bench(Bench::Mode(true))).expect("room in the log");
    assert_eq!(life.talk(&set_all(&[(2, 200), (5, 5)])), Ok(hex("C505C1 02 00 00")));
    let before = (ratio(&life), life.log(JournalId::StandardLog));
    for (e, value) in [
        (2, 0),
        (2, 4),
        (2, u32::MAX),
        (3, 0),
        (3, 2_000_000),
        (5, 0),
        (5, 11),
        (6, 2),
    ] {
        assert_eq!(life.talk(&set(e, value)), Ok(hex(OTHER_REASON)), "{e} {value}");
    }
    for parts in [
        [0, 0, 1, 1],
        [200, 5, 0, 0],
        [5, 200, 1, 1],
        [200, 5, 99, 100],
        [100_000, 1, 1_000, 1],
        [u32::MAX; 4],
    ] {
        assert_eq!(life.talk(&set_whole(parts)), Ok(hex(OTHER_REASON)), "{parts:?}");
    }
    let mut rest = set_whole([100, 5, 1, 1]);
    rest.pop();
    assert_ne!(life.talk(&rest), Ok(hex(GRANTED)), "cut short");
    // 40 x 11000 is beyond what 32 bits of watts hold.
    assert_eq!(life.talk(&set(3, 11_000)), Ok(hex(OTHER_REASON)));
    // A long-unsigned is not the type, a truncated value is none.
    assert_ne!(
        life.talk(&hex("C101C1 0001 010000040 2FF 02 00 12 00C8")),
        Ok(hex(GRANTED))
    );
    assert_ne!(
        life.talk(&hex("C101C1 0001 0100000402FF 02 00 06 00")),
        Ok(hex(GRANTED))
    );
    assert_eq!((ratio(&life), life.log(JournalId::StandardLog)), before);
    // The overall ratio follows from its parts and is not written.
    assert_ne!(
        life.talk(&hex("C101C1 0001 0100000404FF 02 00 15 0000000000000001")),
        Ok(hex(GRANTED))
    );
}

#[test]
fn a_direct_meter_has_no_ratio() {
    let (mut life, _) = Life::begin(Desk::new(), Some(start()));
    life.associate().expect("an open link");
    for name in ["0000608200", "0100000402", "0100000405", "0100018100"] {
        let get = hex(&format!("C001C1 0001 {name}FF 02 00"));
        // Object undefined.
        assert_eq!(life.talk(&get), Ok(hex("C401C1 01 04")), "{name}");
    }
    assert_eq!(life.talk(&set(2, 200)), Ok(hex("C501C104")));
}

/// What is billed stays secondary; primary values follow the ratio, and neither jumps nor is lost over a power cut.
#[test]
fn primary_values_follow_the_ratio_and_secondary_ones_do_not() {
    let mut life = sealed();
    life.step(Input::Bench(Bench::Mode(true))).expect("room in the log");
    let second = |life: &mut Life, watts: i64| {
        for _ in 0..5 {
            life.measure(watts).expect("a good step");
        }
    };
    // 3 x 1.2 kW for 20 s: 20 Wh, one to one.
    for _ in 0..20 {
        second(&mut life, 1_200);
    }
    assert_eq!(
        (life.read(3, "1-0:1.8.0", 2), life.read(3, "1-0:1.129.0", 2)),
        (hex("06 00000014"), hex("15 0000000000000014"))
    );
    let in_force = |life: &Life| {
        ["1-0:1.7.0", "1-0:31.7.0", "1-0:32.7.0", "1-0:1.4.0", "1-0:0.3.0"].map(|name| {
            let class = if name == "1-0:1.4.0" { 5 } else { 3 };
            life.read(class, name, 2)
        })
    };
    let before = in_force(&life);
    assert_eq!(life.talk(&set_all(&[(2, 200), (5, 5)])), Ok(hex("C505C1 02 00 00")));
    assert_eq!(life.talk(&set_all(&[(3, 200), (6, 2)])), Ok(hex("C505C1 02 00 00")));
    assert_eq!(primary(&life, Quantity::ActiveImport), 20, "a change moves nothing");
    assert_eq!(in_force(&life), before, "secondary");
    // 3.6 kW x 4000 = 14.4 MW; 10 A x 40 = 400 A; 230 V x 100 = 23 kV.
    assert_eq!(life.read(3, "1-0:1.130.0", 2), hex("06 00DBBA00"));
    assert_eq!(life.read(3, "1-0:2.130.0", 2), hex("06 00000000"));
    assert_eq!(life.read(3, "1-0:16.130.0", 2), hex("14 0000000000DBBA00"));
    assert_eq!(life.read(3, "1-0:31.130.0", 2), hex("06 00009C40"));
    assert_eq!(life.read(3, "1-0:32.130.0", 2), hex("06 00038270"));
    assert_eq!(life.read(3, "1-0:32.130.0", 3), hex("0202 0FFF 1623"));
    // 1 Wh more is 4 kWh more.
    second(&mut life, 1_200);
    assert_eq!(life.read(3, "1-0:1.8.0", 2), hex("06 00000015"));
    assert_eq!(primary(&life, Quantity::ActiveImport), 20 + 4_000);
    second(&mut life, -1_200);
    assert_eq!(primary(&life, Quantity::ActiveExport), 4_000);
    assert_eq!(primary(&life, Quantity::ActiveNet), 20);
    assert_eq!(primary(&life, Quantity::ActiveAbsolute), 8_020);
    assert_eq!(life.read(3, "1-0:2.130.0", 2), hex("06 00DBBA00"));
    life.step(Input::PowerFailing).expect("time for the farewell");
    let mut life = begin(life.bench.revived(), Some(start().plus(60)));
    assert_eq!(
        ratio(&life),
        Ratio {
            current: (200, 5),
            voltage: (200, 2)
        }
    );
    assert_eq!(primary(&life, Quantity::ActiveImport), 20 + 4_000);
    second(&mut life, 1_200);
    assert_eq!(primary(&life, Quantity::ActiveImport), 20 + 8_000);
    // The power goes without a warning: what is lost is lost on both sides, and the ratio stays.
    let mut life = begin(life.bench.revived(), Some(start().plus(120)));
    assert_eq!(ratio(&life).current, (200, 5));
    assert_eq!(primary(&life, Quantity::ActiveImport), 20 + 4_000);
    second(&mut life, 1_200);
    assert_eq!(primary(&life, Quantity::ActiveImport), 20 + 8_000);
}

/// A CT meter in the bench mode that has counted 20 Wh.
fn about_to_change() -> Life {
    let mut life = sealed();
    life.step(Input::Bench(Bench::Mode(true))).expect("room in the log");
    for _ in 0..100 {
        life.measure(1_200).expect("a good step");
    }
    life
}

/// U2: the power goes at any step of the change. The ratio is the one from before or the one from after, what was acknowledged is after, and
/// the energies go on.
#[test]
fn a_cut_change_leaves_the_ratio_from_before_or_from_after() {
    use flash::model::{Cut, How};
    let mut whole = about_to_change();
    let first = whole.bench.flash.writes().steps;
    assert_eq!(whole.talk(&set(2, 40)), Ok(hex(GRANTED)));
    let last = whole.bench.flash.writes().steps;
    let (mut before, mut after) = (0, 0);
    for step in first..=last {
        for how in [How::NotDone, How::HalfDone, How::Torn, How::Done] {
            let mut life = about_to_change();
            life.bench.flash.cut(Some(Cut { step, how }));
            let answered = life.talk(&set(2, 40)) == Ok(hex(GRANTED));
            let mut life = begin(life.bench.revived(), Some(start().plus(60)));
            match ratio(&life).current {
                (1, 1) => {
                    before += 1;
                    assert!(!answered, "acknowledged and lost at {step} {how:?}");
                }
                (40, 1) => after += 1,
                other => panic!("{other:?} at {step} {how:?}"),
            }
            let import = primary(&life, Quantity::ActiveImport);
            // What was counted is counted once, at one to one; before the change only a part of it was saved.
            assert!((0..=20).contains(&import), "{import} at {step} {how:?}");
            if ratio(&life).current == (40, 1) {
                assert_eq!(import, 20, "{step} {how:?}");
            }
            life.measure(1_200).expect("a good step");
        }
    }
    assert!(0 < before && 0 < after, "{before} before, {after} after");
}
