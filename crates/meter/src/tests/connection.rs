//! F1: what the metrology finds between supply, meter and load is to be seen in the objects; samples that cannot be are an error.

extern crate std;

use metrology::{Apparent, Channel, ChannelSet, Condition, Measurement, Phase, PhaseReading, Position, Sequence};

use super::{Bench, Life, WINDOW, hex, start};
use crate::profile::JournalId;
use crate::{Input, error_bit};

fn window(amperes: [u64; 3]) -> Measurement {
    let phases = amperes.map(|amperes| PhaseReading::steady(230_000_000, amperes * 1_000_000, 0, 0, 200_000_000));
    let (from, to) = (Position::START, Position::of_sample(1_600));
    Measurement::of_phases(from, to, 200_000_000, 50_000_000, phases, Apparent::Arithmetic)
}

impl Life {
    fn take(&mut self, window: &Measurement) {
        self.now = self.now + WINDOW;
        self.step(Input::Measured(window)).expect("a good step");
    }
}

#[test]
fn conditions_their_aggregates_and_their_thresholds_are_objects() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    for _ in 0..15 {
        life.take(&window([5, 0, 5]));
    }
    assert_eq!(life.read(1, "0-0:96.129.0", 2), hex("06 00008000"));
    let place = Condition::CurrentMissing(Phase::L2).index();
    let aggregates = life.read(1, "0-0:96.129.1", 2);
    assert_eq!(aggregates[2 + 12 * place..][..12], hex("0202 06 00000001 06 00000003"));
    life.take(&window([5, 5, 5]));
    assert_eq!(life.read(1, "0-0:96.129.0", 2), hex("06 00000000"));
    // Thresholds are parameters of a client, kept over the power: from now on 40 % of the current are needed to miss another one.
    life.associate().expect("an open link");
    let mut value = life.read(1, "0-0:96.129.3", 2);
    let last = value.len() - 2;
    value[last..].copy_from_slice(&1_200_u16.to_be_bytes());
    let mut set = hex("C101C1 0001 0000608103FF 02 00");
    set.extend(&value);
    assert_eq!(life.talk(&set).expect("an answer"), hex("C501C100"));
    life.take(&window([5, 0, 5]));
    assert_eq!(life.read(1, "0-0:96.129.0", 2), hex("06 00000000"));
    // A condition that would end above where it begins is refused.
    value[last..].copy_from_slice(&1_u16.to_be_bytes());
    let mut set = hex("C101C1 0001 0000608103FF 02 00");
    set.extend(&value);
    assert_ne!(life.talk(&set).expect("an answer"), hex("C501C100"));
    let (again, _) = Life::begin(life.bench.revived(), Some(start()));
    let kept = again.read(1, "0-0:96.129.3", 2);
    assert_eq!(kept[last..], 1_200_u16.to_be_bytes());
}

/// What was counted of a condition outlives the power: with a farewell to the window, without one to the last minute's save.
#[test]
fn aggregates_of_conditions_outlive_the_power() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    let place = 2 + 12 * Condition::CurrentMissing(Phase::L2).index();
    let counted = |life: &Life| life.read(1, "0-0:96.129.1", 2)[place..][..12].to_vec();
    for _ in 0..15 {
        life.take(&window([5, 0, 5]));
    }
    life.step(Input::PowerFailing).expect("a good farewell");
    let (mut life, _) = Life::begin(life.bench.revived(), Some(start()));
    assert_eq!(counted(&life), hex("0202 06 00000001 06 00000003"));
    for _ in 0..5 * 70 {
        life.take(&window([5, 0, 5]));
    }
    assert_eq!(counted(&life), hex("0202 06 00000002 06 00000049"));
    let (life, report) = Life::begin(life.bench.revived(), Some(start()));
    assert!(report.unclean);
    let after = counted(&life);
    assert_eq!(after[..8], hex("0202 06 00000002 06")[..]);
    assert!((60..=73).contains(&after[11]), "{after:02X?}");
}

/// Bad input: a second of samples that cannot be is an error of the measuring system, once; a single window is not.
#[test]
fn samples_that_cannot_be_are_an_error_when_they_last() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    let mut stuck = window([5, 5, 5]);
    stuck.faults.stuck = ChannelSet::NONE.with(Channel::I2);
    for _ in 0..4 {
        life.take(&stuck);
    }
    assert_eq!(
        life.read(1, "0-0:96.129.2", 2),
        hex("0206 1100 1100 1100 1110 1100 0300")
    );
    life.take(&window([5, 5, 5]));
    assert_eq!(life.meter.model().error_register & error_bit::MEASUREMENT_SYSTEM, 0);
    let mut clipped = window([5, 5, 5]);
    clipped.clipped = ChannelSet::NONE.with(Channel::V1);
    for _ in 0..50 {
        life.take(&clipped);
    }
    assert_ne!(life.meter.model().error_register & error_bit::MEASUREMENT_SYSTEM, 0);
    let events = life.log(JournalId::StandardLog);
    assert_eq!(events.iter().filter(|code| **code == 16).count(), 1, "{events:?}");
}

/// F1, event 91: a meter that is to import only tells of export that lasts; its patience is a parameter that outlives the power.
#[test]
fn export_of_a_device_that_is_to_import_only_is_a_current_reversal() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    life.associate().expect("an open link");
    let mut exports = window([5, 5, 5]);
    exports.total.active_microwatts = -3_450_000_000;
    for _ in 0..5 * 120 {
        life.take(&exports);
    }
    assert!(
        !life.log(JournalId::FraudLog).contains(&91),
        "export is agreed at first"
    );
    let set = hex("C101C1 0001 0000608104FF 02 00 12003C");
    assert_eq!(life.talk(&set).expect("an answer"), hex("C501C100"));
    let (mut life, _) = Life::begin(life.bench.revived(), Some(start()));
    assert_eq!(life.read(1, "0-0:96.129.4", 2), hex("12003C"));
    let mut one_phase = window([5, 5, 5]);
    one_phase.phases[1].active_microwatts = -1_150_000_000;
    for (windows, wanted) in [(5 * 59, 0), (5 * 2, 1), (5 * 600, 1)] {
        for _ in 0..windows {
            life.take(&one_phase);
        }
        let told = life.log(JournalId::FraudLog).iter().filter(|code| **code == 91).count();
        assert_eq!(told, wanted, "after {windows} more");
    }
    life.associate().expect("an open link");
    let alarms = life.fetch(1, "0-0:97.98.1", 2).expect("alarm register 2");
    assert_eq!(alarms[3] & 4, 4, "bit 10: {alarms:02X?}");
    life.take(&window([5, 5, 5]));
    for _ in 0..5 * 61 {
        life.take(&exports);
    }
    let told = life.log(JournalId::FraudLog).iter().filter(|code| **code == 91).count();
    assert_eq!(told, 2, "another one");
}

/// F1, event 88: swapped phases are told once while they last, also over a power cut, with alarm 11 of register 2; and again the next time.
#[test]
fn swapped_phases_are_told_once() {
    let told = |life: &Life| {
        life.log(JournalId::StandardLog)
            .iter()
            .filter(|code| **code == 88)
            .count()
    };
    let of = |sequence| Measurement {
        sequence: Some(sequence),
        ..window([5, 5, 5])
    };
    let (right, swapped) = (of(Sequence::Normal), of(Sequence::Reversed));
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    for (window, windows, wanted) in [(&right, 50, 0), (&swapped, 20, 0), (&right, 5, 0), (&swapped, 600, 1)] {
        for _ in 0..windows {
            life.take(window);
        }
        assert_eq!(told(&life), wanted);
    }
    life.associate().expect("an open link");
    let alarms = life.fetch(1, "0-0:97.98.1", 2).expect("alarm register 2");
    assert_eq!(alarms[3] & 8, 8, "bit 11: {alarms:02X?}");
    let (mut life, _) = Life::begin(life.bench.revived(), Some(start()));
    for (window, windows, wanted) in [(&swapped, 600, 1), (&right, 5, 1), (&swapped, 30, 2)] {
        for _ in 0..windows {
            life.take(window);
        }
        assert_eq!(told(&life), wanted);
    }
}
