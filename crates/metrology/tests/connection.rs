//! F1: each condition between supply, meter and load begins and ends where its thresholds say, from samples to findings.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of samples of a few seconds"
)]

mod waveform;

use ferraris_metrology::{
    ChannelSet, Condition, ConnectionThresholds, ConnectionWatch, Core, Hysteresis, Phase, SampleSet,
};
use proptest::prelude::*;
use waveform::{VOLTS_PER_LSB, Waveform, setup};

const RATE_HZ: f64 = 8_000.0;

fn watch(phases: usize) -> ConnectionWatch {
    ConnectionWatch::new(ConnectionThresholds::STANDARD, 230.0, 5.0, phases)
}

fn ordinary() -> Waveform {
    Waveform::balanced(50.013, 230.0, 5.0, 30.0, true)
}

/// Two seconds of the ordinary supply, two of `spoilt`, two of the ordinary one: what began and ended, and when.
fn found(phases: usize, spoilt: &Waveform, change: impl Fn(&mut SampleSet)) -> Vec<(Condition, f64, f64)> {
    let mut setup = setup(RATE_HZ);
    if phases == 1 {
        setup.channels = ChannelSet::SINGLE_PHASE;
    }
    let mut core = Core::new(&setup).expect("a good setup");
    let mut watch = watch(phases);
    let mut samples = ordinary().samples(RATE_HZ, 0, 48_000);
    let single = |set: &mut SampleSet| set[6] = set[3];
    if phases == 1 {
        samples.iter_mut().for_each(single);
    }
    for (n, set) in samples.iter_mut().enumerate().skip(16_000).take(16_000) {
        *set = spoilt.codes(n as f64 / RATE_HZ);
        if phases == 1 {
            single(set);
        }
        change(set);
    }
    let (mut began, mut both) = (Vec::new(), Vec::new());
    core.push_block(&samples, |window| {
        let findings = watch.observe(window);
        let at = findings.at.seconds(RATE_HZ);
        began.extend(findings.began.iter().map(|condition| (condition, at)));
        for condition in findings.ended.iter() {
            let place = began.iter().position(|(one, _)| *one == condition).expect("it began");
            let since = began.remove(place).1;
            // The window in which the wave changes is neither the one nor the other; what lasts is decided above.
            if at - since < 0.25 {
                continue;
            }
            both.push((condition, since, at));
            let aggregate = watch.aggregate(condition);
            assert_eq!(aggregate.count, 1);
            assert!(
                (aggregate.nanos as f64 * 1e-9 - 2.0).abs() < 0.45,
                "{condition:?} {aggregate:?}"
            );
        }
    });
    assert!(began.is_empty(), "{began:?} did not end");
    both
}

#[track_caller]
fn check(phases: usize, spoilt: &Waveform, expected: &[Condition]) {
    check_changed(phases, spoilt, |_set| {}, expected);
}

#[track_caller]
fn check_changed(phases: usize, spoilt: &Waveform, change: impl Fn(&mut SampleSet), expected: &[Condition]) {
    let mut found = found(phases, spoilt, change);
    found.sort_by_key(|(condition, ..)| condition.index());
    let conditions: Vec<Condition> = found.iter().map(|(condition, ..)| *condition).collect();
    assert_eq!(conditions, expected, "{found:?}");
    for (_condition, began, ended) in found {
        assert!(
            (1.75..2.25).contains(&began) && (3.75..4.45).contains(&ended),
            "{began} {ended}"
        );
    }
}

#[test]
fn an_ordinary_supply_and_load_have_no_condition() {
    check(3, &ordinary(), &[]);
    check(1, &ordinary(), &[]);
}

#[test]
fn phases_that_are_swapped_lost_or_reversed_are_named() {
    let mut swapped = ordinary();
    swapped.voltages.swap(1, 2);
    swapped.currents.swap(1, 2);
    check(3, &swapped, &[Condition::PhaseSequence]);

    let mut lost = ordinary();
    lost.voltages[1].clear();
    check(
        3,
        &lost,
        &[
            Condition::VoltageMissing(Phase::L2),
            Condition::CurrentWithoutVoltage(Phase::L2),
        ],
    );
    lost.currents[1].clear();
    check(
        3,
        &lost,
        &[
            Condition::VoltageMissing(Phase::L2),
            Condition::CurrentMissing(Phase::L2),
        ],
    );

    let mut bypassed = ordinary();
    bypassed.currents[2].clear();
    check(3, &bypassed, &[Condition::CurrentMissing(Phase::L3)]);

    let turned = |phases: &[usize]| {
        let mut wave = ordinary();
        for phase in phases {
            for current in &mut wave.currents[*phase] {
                current.degrees += 180.0;
            }
        }
        wave
    };
    check(3, &turned(&[0]), &[Condition::PhaseReversal(Phase::L1)]);
    check(
        3,
        &turned(&[0, 1, 2]),
        &[
            Condition::Reversal,
            Condition::PhaseReversal(Phase::L1),
            Condition::PhaseReversal(Phase::L2),
            Condition::PhaseReversal(Phase::L3),
        ],
    );
    check(
        1,
        &turned(&[0]),
        &[Condition::Reversal, Condition::PhaseReversal(Phase::L1)],
    );
}

/// The star point wanders by 15 %: the voltages to neutral part, those between the phases stay.
#[test]
fn an_open_neutral_moves_the_star_point_and_not_the_lines() {
    let mut open = ordinary();
    let shift = waveform::Tone {
        order: 1.0,
        rms: 0.15 * 230.0,
        degrees: 70.0,
    };
    for voltage in &mut open.voltages {
        voltage.push(shift);
    }
    check(3, &open, &[Condition::NeutralInterrupted]);
    // A supply that is unbalanced itself is another matter: its lines are not in order.
    let mut low = ordinary();
    for tone in &mut low.voltages[0] {
        tone.rms *= 0.65;
    }
    check(3, &low, &[]);
}

#[test]
fn direct_and_distorted_voltages_are_a_disturbance() {
    let direct = (0.12 * 230.0 / VOLTS_PER_LSB) as i32;
    check_changed(3, &ordinary(), |set| set[1] += direct, &[Condition::NeutralDisturbance]);
    let mut distorted = ordinary();
    distorted.voltages[0].push(waveform::Tone {
        order: 4.0,
        rms: 0.6 * 230.0,
        degrees: 0.0,
    });
    check(3, &distorted, &[Condition::NeutralDisturbance]);
}

#[test]
fn current_beside_a_single_phase_meter_is_a_difference() {
    let share = |percent: i32| move |set: &mut SampleSet| set[6] = set[3] / 100 * (100 - percent);
    check_changed(1, &ordinary(), share(9), &[Condition::CurrentDifference]);
    check_changed(1, &ordinary(), share(5), &[]);
    check_changed(
        1,
        &ordinary(),
        |set| set[3] = set[6] / 2,
        &[Condition::CurrentDifference],
    );
    // Too small a current to tell.
    check_changed(
        1,
        &ordinary(),
        |set| {
            set[3] /= 25;
            set[6] = 0;
        },
        &[],
    );
}

#[test]
fn thresholds_that_would_flap_or_always_hold_are_not_sane() {
    assert!(ConnectionThresholds::STANDARD.is_sane());
    let mut flapping = ConnectionThresholds::STANDARD;
    flapping.reversal = Hysteresis { begins: 5, ends: 10 };
    assert!(!flapping.is_sane());
    let mut always = ConnectionThresholds::STANDARD;
    always.distortion.ends = 0;
    assert!(!always.is_sane());
    let mut missing = ConnectionThresholds::STANDARD;
    missing.voltage_missing.ends = 900;
    assert!(!missing.is_sane());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Between its two thresholds a condition stays what it was, whatever comes and goes.
    #[test]
    fn between_its_thresholds_a_condition_stays_what_it_was(steps in prop::collection::vec(0_u8..3, 1..60)) {
        let mut watch = watch(3);
        let mut expected = false;
        let mut count = 0;
        for step in steps {
            // Exports of 2 %, 0.7 % and 0.2 % of 1150 W.
            let watts = [-23_000_000_i64, -8_000_000, -2_300_000][usize::from(step)];
            let reading = ferraris_metrology::PhaseReading::steady(230_000_000, 5_000_000, watts, 0, 200_000_000);
            let zero = ferraris_metrology::PhaseReading::steady(230_000_000, 5_000_000, 0, 0, 200_000_000);
            let window = ferraris_metrology::Measurement::of_phases(
                ferraris_metrology::Position::START,
                ferraris_metrology::Position::of_sample(1_600),
                200_000_000,
                50_000_000,
                [reading, zero, zero],
                ferraris_metrology::Apparent::Arithmetic,
            );
            let before = expected;
            expected = match step { 0 => true, 1 => expected, _ => false };
            count += u32::from(expected && !before);
            watch.observe(&window);
            prop_assert_eq!(watch.active().contains(Condition::Reversal), expected);
        }
        prop_assert_eq!(watch.aggregate(Condition::Reversal).count, count);
    }
}
