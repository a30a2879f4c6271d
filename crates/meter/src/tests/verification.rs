//! M7: the verification mode of a whole meter: what it shows, how it ends, and that nothing that is billed knows of it.

extern crate std;

use std::vec::Vec;

use base::Micros;

use super::{Bench as Desk, Life, hex, start};
use crate::Input;
use crate::display::Which;
use crate::profile::JournalId;

/// ACTION execute of the first script of a table.
const TEST_MODE: &str = "C301C1 0009 00000A0065FF 01 01 12 0001";
const NORMAL_MODE: &str = "C301C1 0009 00000A0066FF 01 01 12 0001";
const DONE: &str = "C701C1 00 00";

fn begin() -> Life {
    let (mut life, _) = Life::begin(Desk::new(), Some(start()));
    life.associate().expect("an open link");
    life
}

fn is_on(life: &Life) -> bool {
    life.read(1, "0-0:96.128.2", 2) == hex("03 01")
}

#[test]
fn the_scripts_enter_and_leave_it_and_the_display_shows_the_fine_registers() {
    let mut life = begin();
    // Behind the segments test: 3 kW for 4 s are 3.3333 Wh.
    for _ in 0..20 {
        life.measure(1_000).expect("a good step");
    }
    let shown = |life: &Life| life.meter.display(life.now);
    assert_eq!(shown(&life).list, Which::Automatic);
    assert_eq!(life.read(3, "1-0:0.3.0", 2), hex("06 000003E8"));
    assert_eq!(life.talk(&hex(TEST_MODE)), Ok(hex(DONE)));
    assert!(is_on(&life));
    let page = shown(&life);
    assert_eq!(
        (page.list, page.list.name(), page.pages),
        (Which::Verification, "verification", 6)
    );
    assert_eq!((page.text.as_str(), page.unit), ("0003.3333", "Wh"));
    assert_eq!(page.name.map(|name| name.octets()), Some([1, 0, 1, 128, 0, 255]));
    // A hundred times as many pulses, on both LEDs.
    for name in ["1-0:0.3.0", "1-0:0.3.1"] {
        assert_eq!(life.read(3, name, 2), hex("06 000186A0"));
    }
    // The button steps; a long press leads to the manual list as ever.
    for press in [crate::Press::Short, crate::Press::Short] {
        life.step(Input::Contact(crate::Contact::Button(press)))
            .expect("a good step");
    }
    let page = shown(&life);
    assert_eq!((page.unit, page.page), ("varh", 3));
    life.step(Input::Contact(crate::Contact::Button(crate::Press::Long)))
        .expect("a good step");
    assert_eq!(shown(&life).list, Which::Manual);
    assert_eq!(life.talk(&hex(NORMAL_MODE)), Ok(hex(DONE)));
    assert!(!is_on(&life));
    assert_eq!(life.read(3, "1-0:0.3.0", 2), hex("06 000003E8"));
    assert_eq!(life.log(JournalId::StandardLog), [2, 203, 204]);
    // To leave what was not entered is no event.
    assert_eq!(life.talk(&hex(NORMAL_MODE)), Ok(hex(DONE)));
    assert_eq!(life.log(JournalId::StandardLog), [2, 203, 204]);
    // There is one script; another one is none.
    assert_ne!(life.talk(&hex("C301C1 0009 00000A0065FF 01 01 12 0002")), Ok(hex(DONE)));
    assert_eq!(
        life.read(9, "0-0:10.0.101", 2),
        hex("0101 0202 12 0001 0101 0205 16 01 12 0001 0906 0000608002FF 0F 02 03 01")
    );
}

#[test]
fn it_ends_by_itself_and_entering_again_begins_its_time_anew() {
    let mut life = begin();
    let minutes = |minutes: u16| {
        let mut apdu = hex("C101C1 0001 0000608003FF 02 00 12");
        apdu.extend(minutes.to_be_bytes());
        apdu
    };
    assert_eq!(life.read(1, "0-0:96.128.3", 2), hex("12 01E0"));
    for wrong in [0, 1_441, u16::MAX] {
        assert_eq!(life.talk(&minutes(wrong)), Ok(hex("C501C1FA")));
    }
    assert_eq!(life.talk(&minutes(2)), Ok(hex("C501C100")));
    assert_eq!(life.talk(&hex(TEST_MODE)), Ok(hex(DONE)));
    let entered = life.now;
    let pass = |life: &mut Life, seconds: u64| {
        life.now = life.now + Micros::from_secs(seconds);
        life.step(Input::Tick).expect("a good step");
    };
    pass(&mut life, 90);
    assert!(is_on(&life) && life.meter.deadline() <= entered + Micros::from_secs(120));
    assert_eq!(life.talk(&hex(TEST_MODE)), Ok(hex(DONE)));
    pass(&mut life, 90);
    assert!(is_on(&life));
    pass(&mut life, 30);
    assert!(!is_on(&life));
    assert_eq!(life.log(JournalId::StandardLog), [2, 47, 203, 204]);
    // The time is kept, and the end was the meter's own.
    let (life, _) = Life::begin(life.bench.revived(), Some(start()));
    assert_eq!(life.read(1, "0-0:96.128.3", 2), hex("12 0002"));
}

#[test]
fn it_ends_with_the_power_and_the_end_is_logged_once() {
    for with_warning in [true, false] {
        let mut life = begin();
        assert_eq!(life.talk(&hex(TEST_MODE)), Ok(hex(DONE)));
        if with_warning {
            life.step(Input::PowerFailing).expect("time for the farewell");
        }
        let (life, _) = Life::begin(life.bench.revived(), Some(start().plus(60)));
        assert!(!is_on(&life));
        assert_eq!(life.read(3, "1-0:0.3.0", 2), hex("06 000003E8"));
        let ends = |life: &Life| {
            life.log(JournalId::StandardLog)
                .iter()
                .filter(|code| **code == 204)
                .count()
        };
        assert_eq!(ends(&life), 1);
        let (life, _) = Life::begin(life.bench.revived(), Some(start().plus(120)));
        assert_eq!(ends(&life), 1);
    }
}

/// What is billed is the same to the last octet, with the mode in the middle and without.
#[test]
fn no_register_no_demand_and_no_row_knows_of_it() {
    let live = |verified: bool| {
        let mut life = begin();
        let windows = |life: &mut Life, count: i64| {
            for number in 0..count {
                life.measure(2_000 - 311 * (number % 17)).expect("a good step");
            }
        };
        windows(&mut life, 500);
        if verified {
            assert_eq!(life.talk(&hex(TEST_MODE)), Ok(hex(DONE)));
        }
        windows(&mut life, 3_000);
        if verified {
            assert_eq!(life.talk(&hex(NORMAL_MODE)), Ok(hex(DONE)));
        }
        // Over the next quarter hour.
        windows(&mut life, 2_000);
        let model = life.meter.model();
        let demands: Vec<Vec<u8>> = ["1-0:1.4.0", "1-0:2.4.0", "1-0:15.4.0"]
            .map(|name| life.read(5, name, 3))
            .into();
        let maxima: Vec<Vec<u8>> = ["1-0:1.6.0", "1-0:2.6.0"].map(|name| life.read(4, name, 2)).into();
        (model.registers.clone(), demands, maxima, life.rows())
    };
    let plain = live(false);
    assert!(
        !plain.3.is_empty()
            && plain
                .0
                .micro(metrology::Quantity::ActiveExport, metrology::Element::Total)
                != 0
    );
    assert_eq!(live(true), plain);
}
