//! What is answered with an error has not happened, and does not happen later behind the client's back (U2).

extern crate std;

use std::vec::Vec;

use super::registration::{begin, utc};
use super::*;
use crate::billing::Scheme;

/// What methods and attributes of records change, as clients read it; and where the switch is.
fn state(life: &Life) -> (Vec<Vec<u8>>, Option<bool>, u32) {
    let read = [
        (11, "0-0:11.0.0", 2),
        (6, "0-0:14.0.1", 3),
        (6, "0-0:14.0.2", 3),
        (20, "0-0:13.0.0", 2),
        (20, "0-0:13.0.0", 3),
        (70, "0-0:96.3.10", 3),
        (70, "0-0:96.3.10", 4),
        (1, "0-0:96.14.0", 2),
        (1, "0-0:97.98.0", 2),
    ];
    let values = read.map(|(class_id, name, index)| life.read(class_id, name, index));
    let number = life.meter.model().billing(Scheme::First).number();
    (values.to_vec(), life.bench.closed, number)
}

fn rest(life: &mut Life) {
    for _ in 0..200 {
        life.now = life.now + Micros::from_millis(50);
        life.bench.flash.pass(Micros::from_millis(50));
        life.step(Input::Tick).expect("a good step");
    }
}

/// A request: class, object, attribute or method, value.
type Request<'a> = (u16, &'a str, u8, &'a str);

/// Asks for it, while no time passes for the flash; answers the result.
fn ask(life: &mut Life, is_method: bool, (class_id, name, index, value): Request<'_>) -> u8 {
    let head: &[u8] = if is_method { &[0xC3, 1, 0xC1] } else { &[0xC1, 1, 0xC1] };
    let what = registration::descriptor(class_id, name, index);
    let apdu = [head, &what, &[u8::from(is_method)], &hex(value)].concat();
    life.talk(&apdu).expect("a good step")[3]
}

const METHODS: [Request<'static>; 5] = [
    (11, "0-0:11.0.0", 1, "0203 120001 0905 FFFF010DFF 1101"),
    (6, "0-0:14.0.1", 3, "0901 08"),
    (20, "0-0:13.0.0", 1, "0F00"),
    (70, "0-0:96.3.10", 1, "0F00"),
    (9, "0-0:10.0.106", 1, "120001"),
];
const ATTRIBUTES: [Request<'static>; 2] = [(70, "0-0:96.3.10", 4, "16 02"), (1, "0-0:97.98.0", 2, "06 00000000")];

/// Each request alone meets a store without room: it is refused, changes nothing, and succeeds once the flash is ready.
#[test]
fn what_the_store_refuses_does_not_stay() {
    let requests = METHODS.map(|it| (true, it)).into_iter();
    for (is_method, request) in requests.chain(ATTRIBUTES.map(|it| (false, it))) {
        let context = format!("{request:?}");
        let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
        let calendar = crate::calendar::tests::Written::full(5);
        for (index, value) in [
            (9, calendar.day_table()),
            (8, calendar.weeks()),
            (7, calendar.seasons()),
        ] {
            assert_eq!(life.put(20, "0-0:13.0.0", index, &value), 0);
        }
        life.step(Input::Contact(Contact::MeterCover { open: true }))
            .expect("a good step");
        rest(&mut life);
        // No time passes for the flash, so that its spares run out.
        let full = (0..=u8::MAX)
            .cycle()
            .map(|octet| life.talk(&set_device_id(octet)).expect("a good step"));
        assert_eq!(full.take(2_000).find(|answer| answer[3] != 0), Some(hex("C501C102")));
        let before = state(&life);
        assert_eq!(ask(&mut life, is_method, request), 2, "{context}");
        assert_eq!(state(&life), before, "{context}");
        rest(&mut life);
        assert_eq!(state(&life), before, "{context}: later");
        assert_eq!(ask(&mut life, is_method, request), 0, "{context}");
        let after = state(&life);
        assert_ne!(after, before, "{context}");
        // What was acknowledged is there after a cut, of the meter's own switch too.
        let (mut life, report) = Life::begin(life.bench.revived(), Some(utc(2026, 7, 1, 10, 20, 0)));
        assert!(!report.has_loss(), "{context}: {report:?}");
        life.associate().expect("a good step");
        assert_eq!(state(&life), after, "{context}: after a cut");
    }
}

/// A request whose row finds no room in a log is refused before anything of it is done: the log has a row for what was acknowledged, and for
/// nothing else.
#[test]
fn what_a_log_has_no_room_for_is_not_begun() {
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    rest(&mut life);
    let rows = |life: &Life| life.rows_of(JournalId::ParameterChangeLog).len();
    let before = rows(&life);
    let mut done = 0;
    let refused = loop {
        let script = format!("12 {:04X}", done % 8 + 1);
        match ask(&mut life, true, (9, "0-0:10.0.100", 1, &script)) {
            0 => done += 1,
            refused => break refused,
        }
        assert!(done < 1_000, "the log never fills");
    };
    assert_eq!((refused, rows(&life)), (2, before + done));
    let now = state(&life);
    assert_eq!(
        life.meter.model().tariffs.energy().number(),
        u8::try_from((done - 1) % 8 + 1).expect("a tariff")
    );
    // Neither is a billing period closed, now or later.
    let close = (9, "0-0:10.0.1", 1, "120001");
    assert_eq!(ask(&mut life, true, close), 2);
    assert_eq!(ask(&mut life, false, (1, "0-0:128.14.0", 2, "11 03")), 2);
    rest(&mut life);
    assert_eq!((state(&life), rows(&life)), (now, before + done));
    assert_eq!(ask(&mut life, true, close), 0);
    assert_eq!(life.meter.model().billing(Scheme::First).number(), 1);
}
