//! Q3: the week of the supply's quality outlives the power, and what is found in it is an event of the quality log.

extern crate std;

use std::vec::Vec;

use base::{Civil, Micros, Utc};
use metrology::{Apparent, Measurement, PhaseReading, Position, QualityFinding, QualitySetup, Setup, SupplyQuality};

use super::{Bench, Life, hex};
use crate::Input;
use crate::limits::KEPT_OCTETS;
use crate::profile::JournalId;

/// Wednesday, 2026-07-01.
fn utc(hour: u8, minute: u8) -> Utc {
    Civil::new(2026, 7, 1, hour, minute, 0)
        .expect("the calendar has it")
        .utc()
}

/// A metrology beside the meter: windows of 200 ms.
struct Watched {
    life: Life,
    quality: SupplyQuality,
    windows: u64,
}

impl Watched {
    /// Boots at `at`, and goes on with what was kept.
    fn begin(bench: Bench, at: Utc) -> Self {
        let (mut life, report) = Life::begin(bench, Some(at));
        assert_eq!(report.lost_values, 0);
        let setup = Setup::three_phase(8_000.0, 71.5e-6, 23.8e-6);
        let mut quality = SupplyQuality::new(&setup, &QualitySetup::USUAL).expect("a good setup");
        let mut buffer = [0; KEPT_OCTETS];
        if let Some(record) = life.meter.kept_week(&life.bench.flash, &mut buffer) {
            let now = u64::try_from(at.unix()).expect("after 1970") * 1_000;
            assert!(quality.resume(record, now), "a whole record of the past");
        }
        life.associate().expect("an open link");
        Self {
            life,
            quality,
            windows: 0,
        }
    }

    fn live_until(&mut self, end: Utc, volts: [u64; 3]) {
        let Self { life, quality, windows } = self;
        while life.meter.model().utc() < end {
            life.now = life.now + super::WINDOW;
            life.bench.flash.pass(super::WINDOW);
            life.meter
                .step(life.now, Input::Tick, &mut life.bench)
                .expect("a good step");
            let mut phases = volts.map(|volts| PhaseReading::steady(volts * 1_000_000, 0, 0, 0, 200_000_000));
            for (phase, lag) in phases.iter_mut().zip([0, 120_000, 240_000]) {
                phase.voltage_angle_millidegrees = Some(lag);
                phase.voltage_fundamental_microvolts = phase.voltage_microvolts;
            }
            let place = |n: u64| Position::of_sample(n * 1_600);
            let (from, to) = (place(*windows), place(*windows + 1));
            let window = Measurement::of_phases(from, to, 200_000_000, 50_000_000, phases, Apparent::Arithmetic);
            *windows += 1;
            let millis = life.now.since(base::Instant::START).as_millis();
            let begun = life.meter.model().clock.utc(base::Instant::START);
            let end = u64::try_from(begun.unix()).expect("after 1970") * 1_000 + millis;
            let mut told = Vec::new();
            quality.book(&window, end, |finding| {
                let input = Input::Quality {
                    finding,
                    rate_hz: 8_000,
                };
                told.push(life.meter.step(life.now, input, &mut life.bench));
                assert!(!matches!(finding, QualityFinding::Began(_)));
            });
            assert!(told.into_iter().all(|outcome| outcome.is_ok()));
        }
    }

    /// A number of 16 bits as a client reads it.
    fn shown(&mut self, class_id: u16, name: &str) -> u16 {
        match self.life.fetch(class_id, name, 2).expect("it is there").as_slice() {
            [0x12, a, b] => u16::from_be_bytes([*a, *b]),
            other => panic!("{name}: {other:02X?}"),
        }
    }

    /// The codes of the quality log as a client reads it, the oldest first.
    fn codes(&mut self) -> Vec<u8> {
        let buffer = self.life.fetch(7, "0-0:99.98.4", 2).expect("the log");
        // An array of structures of a date and time and an unsigned.
        let rows = buffer.get(2..).expect("an array").chunks(18);
        rows.map(|row| {
            assert_eq!((&row[..4], row[16]), (&hex("0202090C")[..], 0x11), "{row:02X?}");
            row[17]
        })
        .collect()
    }
}

/// 200 V at one phase: the week fails for it (92), and the phases differ (90, once); both are read from the log by a client.
#[test]
fn a_week_outlives_power_cuts_and_ends_with_its_verdict() {
    let mut it = Watched::begin(Bench::new(), utc(10, 14));
    it.live_until(utc(10, 33), [200, 230, 230]);
    // 10:10 is not whole, 10:20 is; the power goes in 10:30 without a farewell, as whoever cuts a cable does it.
    assert_eq!(it.shown(1, "1-0:32.24.147"), 1);
    assert_eq!(it.codes(), [90], "once, whatever lasts");
    let mut it = Watched::begin(it.life.bench.revived(), utc(10, 47));
    for name in ["1-0:32.24.147", "1-0:52.24.147", "1-0:72.24.147"] {
        assert_eq!(it.shown(1, name), 1, "shown from the first moment on");
    }
    assert_eq!(it.quality.week().voltage[0].values, 1);
    it.live_until(utc(11, 1), [200, 230, 230]);
    assert_eq!(it.shown(1, "1-0:32.24.147"), 2, "11:00, and nothing of 10:30 to 10:50");
    assert_eq!(it.codes(), [90], "it lasted over the cut");
    assert_eq!(it.shown(3, "1-0:32.24.140"), 0, "none within 10 %");
    assert_eq!(it.shown(3, "1-0:52.24.140"), 10_000);
    // The power is back a week later: the old week has ended with what was counted.
    let later = utc(9, 0).plus(7 * 86_400);
    let mut it = Watched::begin(it.life.bench.revived(), later);
    it.live_until(later.plus(60), [230; 3]);
    assert_eq!(it.shown(1, "1-0:32.24.167"), 2, "the week before");
    assert_eq!(it.shown(1, "1-0:32.24.147"), 0);
    assert_eq!(it.codes().iter().filter(|code| **code == 92).count(), 1);
    assert!(
        it.codes().iter().all(|code| [90, 92].contains(code)),
        "{:?}",
        it.codes()
    );
    // The week before is shown after another cut too.
    let mut it = Watched::begin(it.life.bench.revived(), later.plus(120));
    assert_eq!(it.shown(1, "1-0:32.24.167"), 2);
    assert!(it.quality.week().voltage[0].values == 0 && it.codes().contains(&92));
}

/// L2, AR2.14 to 16: each phase whose week failed has its own event and its own alarm; the third phase of three has none.
#[test]
fn a_week_fails_phase_by_phase() {
    let mut it = Watched::begin(Bench::new(), utc(10, 9));
    it.live_until(utc(10, 21), [230, 200, 256]);
    let later = utc(9, 0).plus(7 * 86_400);
    let mut it = Watched::begin(it.life.bench.revived(), later);
    it.live_until(later.plus(5), [230; 3]);
    let weekly: Vec<u8> = it.codes().into_iter().filter(|code| (92..=94).contains(code)).collect();
    assert_eq!(weekly, [93, 94]);
    let alarms = it.life.fetch(1, "0-0:97.98.1", 2).expect("alarm register 2");
    let Some(octets) = alarms.get(1..5).and_then(|octets| octets.try_into().ok()) else {
        panic!("{alarms:02X?}");
    };
    assert_eq!(
        u32::from_be_bytes(octets) >> 14 & 7,
        0b110,
        "bits 15 and 16, and not 14"
    );
}

/// L2, docs/profiles.md: what ails a voltage is told once when it begins and once when all is well, over power failures too: whether it ends
/// while the meter has no power, or goes on. The next one is told again.
#[test]
fn a_fault_of_a_voltage_is_told_at_both_ends_over_a_power_cut() {
    let begun = || Life::begun_at(utc(10, 14));
    let supply = |life: &mut Life, volts: [u64; 3], seconds: u32| {
        let phase = |volts: u64| PhaseReading::steady(volts * 1_000_000, 0, 0, 0, 1_000_000_000);
        for _ in 0..seconds {
            life.now = life.now + Micros::from_secs(1);
            life.bench.flash.pass(Micros::from_secs(1));
            life.window(volts.map(phase), 1_000_000_000);
        }
    };
    for (ill, begin) in [([230, 0, 230], 83), ([230, 200, 230], 77), ([230, 260, 230], 80)] {
        let mut life = begun();
        supply(&mut life, ill, 70);
        assert_eq!(life.log(JournalId::QualityLog), [begin]);
        // It ends without power.
        let mut life = life.after_outage(600);
        supply(&mut life, [230; 3], 1);
        assert_eq!(life.log(JournalId::QualityLog), [begin, 86]);
        supply(&mut life, ill, 70);
        assert_eq!(life.log(JournalId::QualityLog), [begin, 86, begin]);
        // It outlasts the next one.
        let mut life = life.after_outage(600);
        supply(&mut life, ill, 70);
        assert_eq!(life.log(JournalId::QualityLog), [begin, 86, begin]);
        supply(&mut life, [230; 3], 2);
        assert_eq!(life.log(JournalId::QualityLog), [begin, 86, begin, 86]);
    }
}
