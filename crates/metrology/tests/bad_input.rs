//! Codes that no sound converter gives: each kind is told with the window, and none of them moves a register backwards.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of samples of a few seconds"
)]

mod waveform;

use ferraris_metrology::{
    Calibration, Channel, ChannelSet, Core, DirectCurrent, LinearityCurve, LinearityPoint, Measurement, SampleSet,
    Setup, SignalFaults, TemperatureCurve,
};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use waveform::{Waveform, setup};

const SEED: u64 = 0x5EED_0002;

/// Two seconds of a wave with a converter's noise, spoiled by `change`, which gets the sample's number.
fn windows(wave: &Waveform, setup: &Setup, change: impl Fn(usize, &mut SampleSet)) -> Vec<Measurement> {
    println!("seed {SEED:#x}");
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut core = Core::new(setup).expect("a good setup");
    let mut samples = wave.samples(setup.rate_hz, 0, (2.0 * setup.rate_hz) as usize);
    for (n, set) in samples.iter_mut().enumerate() {
        for code in set.iter_mut() {
            *code += (random.next_u32() % 161).cast_signed() - 80;
        }
        change(n, set);
    }
    let mut windows = Vec::new();
    core.push_block(&samples, |window| windows.push(*window));
    windows
}

fn ordinary() -> Waveform {
    Waveform::balanced(50.0, 230.0, 5.0, 30.0, true)
}

fn only(channel: Channel) -> ChannelSet {
    ChannelSet::NONE.with(channel)
}

/// The faults of every whole window of a spoiled ordinary wave.
fn faults(change: impl Fn(usize, &mut SampleSet)) -> SignalFaults {
    let windows = windows(&ordinary(), &setup(8_000.0), change);
    let first = windows[1].faults;
    assert!(
        windows[1..].iter().all(|window| window.faults == first),
        "{first:?} in every window"
    );
    first
}

#[test]
fn a_sound_converter_has_no_faults() {
    assert!(faults(|_n, _set| {}).is_empty());
    for (hertz, amperes) in [(50.0, 0.0), (42.6, 0.02), (57.4, 90.0), (49.99, 0.3)] {
        let wave = Waveform::balanced(hertz, 230.0, amperes, 0.0, false);
        for window in windows(&wave, &setup(8_000.0), |_n, set| set[4] += 7_000) {
            assert!(window.faults.is_empty(), "{hertz} Hz {amperes} A: {:?}", window.faults);
        }
    }
}

#[test]
fn each_kind_of_nonsense_is_named() {
    let none = SignalFaults::default();
    let found = faults(|n, set| {
        if n % 100 == 7 {
            set[2] = i32::MIN
        }
    });
    assert_eq!(found.invalid, only(Channel::V3));
    // What a float's NaN and infinity look like as integers.
    let found = faults(|n, set| {
        if n % 50 == 0 {
            set[5] = [0x7FC0_0000, 0x7F80_0000][n / 50 % 2]
        }
    });
    assert_eq!(found.invalid, only(Channel::I3));
    let found = faults(|_n, set| set[1] = 0);
    assert_eq!(
        found,
        SignalFaults {
            constant: only(Channel::V2),
            ..none
        }
    );
    let found = faults(|_n, set| set[3] = 100_000);
    assert_eq!(
        found,
        SignalFaults {
            constant: only(Channel::I1),
            ..none
        }
    );
    for bit in [0, 5, 11, 17] {
        let found = faults(|_n, set| set[0] |= 1 << bit);
        assert_eq!(
            found,
            SignalFaults {
                stuck: only(Channel::V1),
                ..none
            },
            "bit {bit}"
        );
    }
    let found = faults(|_n, set| set[4] &= !0x400);
    assert_eq!(
        found,
        SignalFaults {
            stuck: only(Channel::I2),
            ..none
        }
    );
    let found = faults(|_n, set| set[6] += 600_000);
    assert_eq!(
        found,
        SignalFaults {
            direct: only(Channel::In),
            ..none
        }
    );
}

#[test]
fn direct_current_that_is_to_be_measured_is_no_fault() {
    let mut setup = setup(8_000.0);
    setup.direct_current = DirectCurrent::Measured;
    let windows = windows(&ordinary(), &setup, |_n, set| set[3] += 600_000);
    assert!(windows[1..].iter().all(|window| window.faults.is_empty()));
}

#[test]
fn the_direct_part_of_a_voltage_is_told_beside_its_rms() {
    let windows = windows(&ordinary(), &setup(8_000.0), |_n, set| set[0] += 400_000);
    let volts = windows[5].phases[0].voltage_direct_microvolts as f64 * 1e-6;
    assert!((volts - 400_000.0 * waveform::VOLTS_PER_LSB).abs() < 0.01, "{volts}");
    assert!(windows[5].phases[1].voltage_direct_microvolts.abs() < 1_000);
}

#[test]
fn frequencies_from_35_to_75_hz_are_measured_or_told() {
    for (hertz, inside) in [
        (35.0, false),
        (41.9, false),
        (42.6, true),
        (57.4, true),
        (58.2, false),
        (75.0, false),
    ] {
        let wave = Waveform::balanced(hertz, 230.0, 5.0, 30.0, false);
        let windows = windows(&wave, &setup(8_000.0), |_n, _set| {});
        assert!(
            windows[5..].iter().all(|window| window.faults.frequency != inside),
            "{hertz} Hz"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any five numbers are a calibration or are refused; one that is taken never makes a register run backwards.
    #[test]
    fn absurd_calibration_values_are_refused_or_harmless(
        numbers in prop::array::uniform5(prop_oneof![
            any::<f64>(),
            -3.0_f64..3.0,
            prop::sample::select(vec![0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, 1e300, 0.5, 2.0]),
        ]),
        celsius: f64,
        curve in prop::collection::vec((0.01_f64..200.0, 0.85_f64..1.15, -6.0_f64..6.0), 0..9),
    ) {
        let [gain, lead, delay, offset, noise] = numbers;
        let mut setup = setup(4_000.0);
        if let Ok(calibration) = Calibration::new(gain, lead, delay, offset, noise) {
            prop_assert!((0.5..=2.0).contains(&gain) && lead.abs() <= 30.0 && delay.abs() <= 200_000.0);
            setup.calibration = [calibration; 7];
        }
        let points: Vec<LinearityPoint> = curve
            .into_iter()
            .map(|(amperes, gain, lead_degrees)| LinearityPoint { amperes, gain, lead_degrees })
            .collect();
        if let Ok(curve) = LinearityCurve::new(&points) {
            setup.linearity = [curve; 4];
        }
        let mut core = Core::new(&setup).expect("what is refused never gets this far");
        core.compensate(celsius, &[TemperatureCurve::FLAT; 7]);
        let wave = Waveform::balanced(50.0, 230.0, 5.0, 30.0, false);
        let mut registers = ferraris_metrology::Registers::new(ferraris_metrology::Direction::PerPhase);
        let mut before = 0;
        let mut fell = false;
        core.push_block(&wave.samples(4_000.0, 0, 3_000), |window| {
            registers.book(window, ferraris_metrology::Tariff::FIRST);
            let now = registers.micro(ferraris_metrology::Quantity::ActiveAbsolute, ferraris_metrology::Element::Total);
            fell |= now < before;
            before = now;
        });
        prop_assert!(!fell);
    }
}
