//! M7: calibration, seal and legal log of a whole meter, over its links, its memory and its boots.

extern crate std;

use std::vec::Vec;

use metrology::{
    Actor, Apparent, Calibration, Direction, LegalKind, Measurement, Parameters, PhaseReading, Position, Refusal,
    Source,
};

use super::{Bench as Desk, Life, hex, partition, start};
use crate::profile::JournalId;
use crate::{Bench, Fault, Input, error_bit};

fn parameters(gain: f64) -> Parameters {
    let mut parameters = Parameters::IDEAL;
    parameters.calibration[3] = Calibration::new(gain, 0.25, 0.0, 0.0, 66.6).expect("in range");
    parameters
}

/// A meter that the production line has calibrated and sealed.
fn sealed() -> Life {
    let (mut life, _) = Life::begin(Desk::new(), Some(start()));
    life.step(Input::Bench(Bench::Manufacture(&parameters(1.01))))
        .expect("an open meter");
    life.step(Input::Bench(Bench::Seal)).expect("a seal");
    life
}

/// SET of the calibration of i1 to a gain in 1e-9.
fn set_gain(gain: i32) -> Vec<u8> {
    let mut apdu = hex("C101C1 0001 000060800DFF 02 00 0205 05");
    apdu.extend(gain.to_be_bytes());
    apdu.extend(hex("05 00000000 05 00000000 05 00000000 05 00000000"));
    apdu
}

fn gain(life: &Life) -> f64 {
    let parameters = life.meter.parameters(&life.bench.flash).expect("it reads");
    parameters.calibration[3].gain()
}

fn legal_log(life: &Life) -> Vec<(LegalKind, Actor)> {
    let mut log = Vec::new();
    life.meter
        .visit_legal_log(&life.bench.flash, |entry| log.push((entry.kind, entry.actor)))
        .expect("it reads");
    log
}

/// The LED constant stands under the seal (M5, M7): what production has written counts, whatever the meter is ordered with later.
#[test]
fn the_led_constant_is_the_sealed_one() {
    let (mut life, _) = Life::begin(Desk::new(), Some(start()));
    let shown = |life: &Life| ["1-0:0.3.0", "1-0:0.3.1"].map(|name| life.read(3, name, 2));
    assert_eq!(shown(&life), [hex("06 000003E8"), hex("06 000003E8")], "as ordered");
    let sealed = Parameters {
        constant: Some(5_000),
        ..parameters(1.0)
    };
    life.step(Input::Bench(Bench::Manufacture(&sealed)))
        .expect("an open meter");
    life.step(Input::Bench(Bench::Seal)).expect("a seal");
    let other = Parameters {
        constant: Some(500),
        ..sealed.clone()
    };
    let refused = life.step(Input::Bench(Bench::Write(&other)));
    assert!(matches!(refused, Err(Fault::Sealed(Refusal::Sealed))), "{refused:?}");
    let (life, _) = Life::begin(life.bench.revived(), Some(start()));
    assert_eq!(shown(&life), [hex("06 00001388"), hex("06 00001388")]);
    assert_eq!(life.meter.model().led_constant(), 5_000);
}

/// One window in which L1 takes 1 Wh and L2 gives it back.
fn oppose(life: &mut Life) {
    let phase = |microwatts| PhaseReading::steady(230_000_000, 80_000_000, microwatts, 0, 200_000_000);
    let phases = [phase(18_000_000_000), phase(-18_000_000_000), phase(0)];
    let (from, to) = (Position::START, Position::of_sample(1_600));
    let window = Measurement::of_phases(from, to, 200_000_000, 50_000_000, phases, Apparent::Arithmetic);
    life.now = life.now + super::WINDOW;
    life.step(Input::Measured(&window)).expect("a good step");
}

/// M1, M7: how the direction of the totals is found stands under the seal: it counts from the next window on, moves nothing that was counted,
/// and counts again after each boot.
#[test]
fn the_direction_of_the_totals_is_the_sealed_one() {
    let shown = |life: &Life| ["1-0:1.8.0", "1-0:2.8.0", "1-0:21.8.0", "1-0:42.8.0"].map(|name| life.read(3, name, 2));
    let whole = |units: [u32; 4]| units.map(|units| hex(&std::format!("06 {units:08X}")));
    let mut life = sealed();
    oppose(&mut life);
    assert_eq!(shown(&life), whole([0, 0, 1, 1]), "as a sum they cancel");
    let each = Parameters {
        direction: Direction::PerPhase,
        ..parameters(1.01)
    };
    life.step(Input::Bench(Bench::Mode(true))).expect("room in the log");
    life.step(Input::Bench(Bench::Write(&each))).expect("the bench mode");
    assert_eq!(shown(&life), whole([0, 0, 1, 1]));
    oppose(&mut life);
    assert_eq!(shown(&life), whole([1, 1, 2, 2]));
    life.step(Input::PowerFailing).expect("time for the farewell");
    let (mut life, _) = Life::begin(life.bench.revived(), Some(start()));
    oppose(&mut life);
    assert_eq!(shown(&life), whole([2, 2, 3, 3]));
}

const GRANTED: &str = "C501C100";
/// Data access result 3: read-write denied.
const DENIED: &str = "C501C103";

#[test]
fn a_client_calibrates_before_the_seal_and_in_the_bench_mode_only() {
    let (mut life, _) = Life::begin(Desk::new(), Some(start()));
    life.associate().expect("an open link");
    assert_eq!(life.talk(&set_gain(1_020_000_000)).expect("an answer"), hex(GRANTED));
    assert!((gain(&life) - 1.02).abs() < 1e-12);
    life.step(Input::Bench(Bench::Seal)).expect("a seal");
    assert_eq!(life.talk(&set_gain(1_030_000_000)).expect("an answer"), hex(DENIED));
    assert!((gain(&life) - 1.02).abs() < 1e-12);
    assert_eq!(legal_log(&life).last(), Some(&(LegalKind::Refused, Actor::Client)));
    life.step(Input::Bench(Bench::Mode(true))).expect("room in the log");
    assert_eq!(life.talk(&set_gain(1_030_000_000)).expect("an answer"), hex(GRANTED));
    life.step(Input::Bench(Bench::Mode(false))).expect("always");
    assert!((gain(&life) - 1.03).abs() < 1e-12);
    assert_eq!(life.talk(&set_gain(1_040_000_000)).expect("an answer"), hex(DENIED));
    // Nonsense is refused for what it is, and is no attempt on the seal.
    life.step(Input::Bench(Bench::Mode(true))).expect("room in the log");
    let entries = legal_log(&life).len();
    assert_ne!(life.talk(&set_gain(9)).expect("an answer"), hex(GRANTED));
    assert_eq!(legal_log(&life).len(), entries);
    // Changed parameters are an event of the standard log as well.
    assert!(life.log(JournalId::StandardLog).contains(&47));
}

#[test]
fn the_seal_the_parameters_and_the_log_outlive_the_power() {
    let mut life = sealed();
    let refused = life.step(Input::Bench(Bench::Write(&parameters(1.05))));
    assert_eq!(refused, Err(Fault::Sealed(Refusal::Sealed)));
    let again = life.step(Input::Bench(Bench::Manufacture(&parameters(1.05))));
    assert_eq!(again, Err(Fault::Sealed(Refusal::Sealed)));
    life.step(Input::Bench(Bench::Mode(true))).expect("room in the log");
    life.step(Input::Bench(Bench::Write(&parameters(1.02))))
        .expect("the bench mode");
    let (seal, log, recent) = (
        life.read(1, "0-0:96.128.0", 2),
        legal_log(&life),
        life.read(1, "0-0:96.128.1", 2),
    );
    assert_eq!(recent[..2], hex("0108"), "the newest eight");
    let (life, report) = Life::begin(life.bench.revived(), Some(start()));
    assert!(!report.has_loss());
    let store = *life.meter.model().legal.store().expect("it was read");
    assert!(store.is_sealed() && !store.is_damaged() && store.source() == Source::Working);
    assert_eq!(store.checksum(), parameters(1.02).checksum());
    assert_eq!((legal_log(&life), life.read(1, "0-0:96.128.1", 2)), (log, recent));
    // The bench mode ends with the power, since nobody stands there any more.
    let shown = life.read(1, "0-0:96.128.0", 2);
    assert_eq!((seal[5], shown[5]), (1, 0));
    assert_eq!(shown[6..], seal[6..]);
    assert_eq!(life.meter.model().error_register & error_bit::MEASUREMENT_SYSTEM, 0);
}

#[test]
fn damaged_parameters_are_refused_with_an_error_and_the_factory_s_copy_counts() {
    let mut life = sealed();
    life.step(Input::Bench(Bench::Mode(true))).expect("room in the log");
    life.step(Input::Bench(Bench::Write(&parameters(1.02))))
        .expect("the bench mode");
    let mut bench = life.bench.revived();
    let (first, _) = partition("calibration");
    for bank in [1, 2] {
        bench.flash.cells_mut()[(first + bank) * 4_096 + 300] ^= 4;
    }
    let (life, _) = Life::begin(bench, Some(start()));
    assert!((gain(&life) - 1.01).abs() < 1e-12);
    assert_ne!(life.meter.model().error_register & error_bit::MEASUREMENT_SYSTEM, 0);
    assert!(
        life.log(JournalId::StandardLog).contains(&16),
        "measurement system error"
    );
    assert_eq!(legal_log(&life).last(), Some(&(LegalKind::Damaged, Actor::Meter)));
    assert!(life.meter.model().legal.store().expect("it was read").is_sealed());
    // The next boot says it in the error register again, and not in the legal log.
    let entries = legal_log(&life).len();
    let (life, _) = Life::begin(life.bench.revived(), Some(start()));
    assert_eq!(legal_log(&life).len(), entries);
    assert_ne!(life.meter.model().error_register & error_bit::MEASUREMENT_SYSTEM, 0);
}

/// M7: the registers of the verification mode show what whole Wh do not.
#[test]
fn the_registers_of_the_verification_mode_show_millionths_of_a_watt_hour() {
    let mut life = sealed();
    for _window in 0..5 {
        life.measure(1_000).expect("a good step");
    }
    // 3 kW for one second: 833 333.3 millionths of a Wh, and not one Wh.
    assert_eq!(life.read(3, "1-0:1.128.0", 2), hex("15 00000000000CB735"));
    assert_eq!(life.read(3, "1-0:1.128.0", 3), hex("0202 0FFA 161E"));
    assert_eq!(life.read(3, "1-0:1.8.0", 2), hex("06 00000000"));
}
