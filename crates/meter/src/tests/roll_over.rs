//! M1: what a client sees when the registers that COSEM shows pass 999 999 999: they begin again at 0, and every difference goes on.

extern crate std;

use std::vec::Vec;

use base::{Civil, Utc};
use metrology::{Apparent, Element, Flow, Measurement, PhaseReading, Position, Quantity, Tariff};

use super::{Bench, Life, hex};
use crate::limits::REGISTER_MODULUS;
use crate::profile::JournalId;
use crate::{Contact, Input};

/// Micro units of one Wh, varh or VAh.
const UNIT: i64 = 3_600_000_000;

fn utc(hour: u8, minute: u8, second: u8) -> Utc {
    Civil::new(2026, 7, 1, hour, minute, second)
        .expect("the calendar has it")
        .utc()
}

impl Life {
    /// One window in which each phase has moved so many whole units: active, reactive, apparent.
    fn move_on(&mut self, active: i64, reactive: i64, apparent: i64) {
        let mut phase = PhaseReading::steady(230_000_000, 1_000_000, 0, 0, 200_000_000);
        phase.energy = Flow {
            active_microjoules: active * UNIT,
            reactive_microvarseconds: reactive * UNIT,
            apparent_microvoltampereseconds: u64::try_from(apparent * UNIT).expect("not negative"),
        };
        let (from, to) = (Position::START, Position::of_sample(1_600));
        let window = Measurement::of_phases(from, to, 200_000_000, 50_000_000, [phase; 3], Apparent::Arithmetic);
        self.bench.flash.pass(super::WINDOW);
        self.now = self.now + super::WINDOW;
        self.step(Input::Measured(&window)).expect("a good step");
    }

    /// A register of class 3 as a client reads it.
    fn shown(&mut self, name: &str) -> i64 {
        match self.fetch(3, name, 2).expect("it is there").as_slice() {
            [6, rest @ ..] => i64::from(u32::from_be_bytes(rest.try_into().expect("4 octets"))),
            [5, rest @ ..] => i64::from(i32::from_be_bytes(rest.try_into().expect("4 octets"))),
            other => panic!("{name}: {other:02X?}"),
        }
    }

    /// The identities between what is shown, where each side has rolled over as it may.
    fn check_shown(&mut self) {
        let modulo = |value: i64| value.rem_euclid(REGISTER_MODULUS);
        for (sum, parts) in [
            ("1-0:15.8.0", &["1-0:1.8.0", "1-0:2.8.0"][..]),
            ("1-0:1.8.0", &["1-0:17.8.0", "1-0:20.8.0"]),
            ("1-0:2.8.0", &["1-0:18.8.0", "1-0:19.8.0"]),
            ("1-0:3.8.0", &["1-0:5.8.0", "1-0:6.8.0"]),
            ("1-0:4.8.0", &["1-0:7.8.0", "1-0:8.8.0"]),
        ] {
            let parts: i64 = parts.iter().map(|name| self.shown(name)).sum();
            assert_eq!(self.shown(sum), modulo(parts), "{sum}");
        }
        let net = self.shown("1-0:16.8.0");
        let difference = self.shown("1-0:1.8.0") - self.shown("1-0:2.8.0");
        assert_eq!(modulo(net), modulo(difference));
        for c in [1, 2, 3, 4, 9, 10, 15, 17, 20] {
            let tariffs: i64 = (1..=8).map(|e| self.shown(&std::format!("1-0:{c}.8.{e}"))).sum();
            assert_eq!(self.shown(&std::format!("1-0:{c}.8.0")), modulo(tariffs), "{c}");
        }
    }
}

/// A meter whose phases have moved so far, some periods ago.
fn after(active: i64, reactive: i64, apparent: i64) -> Life {
    let (mut life, _) = Life::begin(Bench::new(), Some(utc(10, 1, 0)));
    life.wait_until(utc(10, 2, 0));
    // In thirds: the total of a window must fit 64 bits.
    for part in 0..3 {
        let third = |units: i64| units / 3 + if part == 0 { units % 3 } else { 0 };
        life.move_on(third(active), third(reactive), third(apparent));
    }
    life.wait_until(utc(10, 45, 0));
    life.associate().expect("an open link");
    life
}

/// Every quantity rolls over at its own edge: the last unit before it, the edge, and the first behind it.
#[test]
fn every_register_begins_again_at_its_own_edge() {
    // Each phase is ten units before a third of the modulus, in quadrant I; then in quadrant III.
    let third = REGISTER_MODULUS / 3 - 10;
    for (sign, moved, still) in [
        (
            1,
            ["1-0:1.8.", "1-0:3.8.", "1-0:9.8.", "1-0:17.8.", "1-0:5.8.", "1-0:15.8."],
            "1-0:2.8.0",
        ),
        (
            -1,
            [
                "1-0:2.8.",
                "1-0:4.8.",
                "1-0:10.8.",
                "1-0:19.8.",
                "1-0:7.8.",
                "1-0:15.8.",
            ],
            "1-0:1.8.0",
        ),
    ] {
        let mut life = after(sign * third, sign * third, third);
        let mut expected = 3 * third;
        for step in [9, 1, 1, 5] {
            for rate in [0, 1] {
                for name in moved {
                    assert_eq!(life.shown(&std::format!("{name}{rate}")), expected, "{name}{rate}");
                }
            }
            let net = if sign < 0 { -expected } else { expected };
            assert_eq!(life.shown("1-0:16.8.0"), net);
            assert_eq!(life.shown(still), 0);
            life.check_shown();
            life.move_on(sign * step, sign * step, step);
            expected = (expected + 3 * step) % REGISTER_MODULUS;
        }
        assert!(expected < 60, "the edge was passed: {expected}");
    }
}

/// A phase and a tariff have edges of their own: they roll over without their total, and it without them.
#[test]
fn phases_and_tariffs_roll_over_by_themselves() {
    let mut life = after(REGISTER_MODULUS - 1, 0, REGISTER_MODULUS - 1);
    let third_power = |it: &mut Life| ["1-0:21.8.0", "1-0:41.8.0", "1-0:61.8.0"].map(|name| it.shown(name));
    assert_eq!(third_power(&mut life), [REGISTER_MODULUS - 1; 3]);
    assert_eq!(life.shown("1-0:1.8.0"), REGISTER_MODULUS - 3);
    life.step(Input::Contact(Contact::TariffInput(Tariff::new(2).expect("a tariff"))))
        .expect("a good step");
    life.move_on(1, 0, 1);
    assert_eq!(third_power(&mut life), [0; 3]);
    assert_eq!(life.shown("1-0:1.8.0"), 0);
    life.check_shown();
    let exact = |it: &Life, element| it.meter.model().registers.value(Quantity::ActiveImport, element);
    assert_eq!(
        exact(&life, Element::Total),
        3 * REGISTER_MODULUS,
        "nothing is lost within"
    );
}

/// L1, M6, B1: rows, consumptions, demands and the billing period go on over the edge, and over a power cut beside it.
#[test]
fn differences_go_on_over_the_edge() {
    let third = REGISTER_MODULUS / 3 - 1; // each phase; the total is 4 below its edge
    let mut life = after(third, third, third);
    let before = life.shown("1-0:1.8.0");
    assert_eq!(before, REGISTER_MODULUS - 4);
    life.wait_until(utc(11, 0, 0));
    life.move_on(20, 10, 30); // 60 Wh, 30 varh, 90 VAh in all, from 11:00 to 11:15
    let at = utc(11, 5, 0);
    life.wait_until(at);
    life.step(Input::PowerFailing).expect("a good farewell");
    let (mut life, report) = Life::begin(life.bench.revived(), Some(at.plus(2)));
    assert!(!report.unclean && !report.has_loss(), "{report:?}");
    life.associate().expect("an open link");
    assert_eq!(life.shown("1-0:1.8.0"), 56);
    life.wait_until(utc(11, 15, 0));
    life.move_on(0, 0, 0);
    life.associate().expect("an open link");
    // What the period consumed, and its demand: 60 Wh in a quarter of an hour are 240 W.
    assert_eq!([life.shown("1-0:1.29.0"), life.shown("1-0:3.29.0")], [60, 30]);
    assert_eq!(life.shown("1-0:2.29.0"), 0);
    assert_eq!(life.fetch(5, "1-0:1.4.0", 3).expect("it is there"), hex("06 000000F0"));
    // The rows hold what the register showed: 999 999 996 at 11:00, 56 at 11:15.
    let readings: Vec<u32> = life
        .rows()
        .iter()
        .filter(|(stamp, _)| utc(11, 0, 0) <= *stamp)
        .map(|(_, row)| u32::from_be_bytes(row[17..21].try_into().expect("4 octets")))
        .collect();
    assert_eq!(readings, [999_999_996, 56]);
    life.step(Input::Contact(Contact::BillingButton)).expect("a good step");
    let mut billed = Vec::new();
    let mut visit = |_: Utc, row: &[u8]| billed.extend_from_slice(row);
    life.meter
        .visit_rows(&life.bench.flash, JournalId::BillingProfile1, 0, &mut visit)
        .expect("the flash can be read");
    assert!(
        billed.windows(10).any(|it| it == hex("06 00000038 06 00000038")),
        "{billed:02X?}"
    );
}
