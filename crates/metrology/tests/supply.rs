//! Supplies that are not as they should be: phases missing, swapped, vanishing and returning, frequencies out of range.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of samples of a few seconds"
)]

mod waveform;

use ferraris_metrology::{
    Chain, ChannelSet, Core, EventKind, Measurement, NominalFrequency, Phase, SampleSet, Sequence, Setup,
};
use waveform::{Waveform, measure, setup};

const RATE_HZ: f64 = 8_000.0;

/// Measures samples that `change` has spoiled; it gets the time in seconds.
fn measure_changed(
    wave: &Waveform,
    setup: &Setup,
    seconds: f64,
    change: impl Fn(f64, &mut SampleSet),
) -> Vec<Measurement> {
    let mut core = Core::new(setup).expect("a good setup");
    let mut measurements = Vec::new();
    let mut samples = wave.samples(setup.rate_hz, 0, (seconds * setup.rate_hz) as usize);
    for (n, set) in samples.iter_mut().enumerate() {
        change(n as f64 / setup.rate_hz, set);
    }
    core.push_block(&samples, |measurement| measurements.push(*measurement));
    measurements
}

fn watts(measurement: &Measurement, phase: usize) -> f64 {
    measurement.phases[phase].energy.active_microjoules as f64 / measurement.duration_nanos as f64 * 1e3
}

#[track_caller]
fn assert_near(measured: f64, truth: f64, tolerance_percent: f64) {
    let percent = 100.0 * (measured - truth) / truth;
    assert!(
        percent.abs() < tolerance_percent,
        "{measured} is not {truth}: {percent} %"
    );
}

/// M2: angles, sequence, power factors and neutral current of a balanced inductive load.
#[test]
fn angles_and_sequence_are_those_of_the_supply() {
    let wave = Waveform::balanced(50.013, 230.0, 5.0, 60.0, false);
    let windows = measure(&wave, &setup(RATE_HZ), 2.0);
    let window = windows.last().expect("many windows");
    for (reading, lag) in window.phases.iter().zip([0, 120_000, 240_000]) {
        assert!(reading.present);
        assert_eq!(reading.voltage_angle_millidegrees, Some(lag));
        assert_eq!(reading.current_angle_millidegrees, Some(60_000));
        assert!((reading.power_factor_millionths - 500_000).abs() <= 2);
        assert_near(reading.voltage_fundamental_microvolts as f64, 230e6, 1e-4);
        assert_near(reading.current_fundamental_microamperes as f64, 5e6, 1e-4);
    }
    assert_eq!(window.sequence, Some(Sequence::Normal));
    assert!(window.synchronised && window.clipped.is_empty() && window.events.is_empty());
    assert_eq!(window.quadrant(), ferraris_metrology::Quadrant::I);
    assert_near(window.total.active_microwatts as f64, 3.0 * 575e6, 1e-3);
    assert_near(window.total.apparent_microvoltamperes as f64, 3.0 * 1_150e6, 1e-3);
    assert!(window.neutral_current_microamperes < 100, "balanced");
}

#[test]
fn a_swapped_pair_of_phases_reverses_the_sequence_and_changes_no_power() {
    let mut wave = Waveform::balanced(49.5, 230.0, 5.0, 60.0, true);
    wave.voltages.swap(1, 2);
    wave.currents.swap(1, 2);
    let windows = measure(&wave, &setup(RATE_HZ), 2.0);
    let window = windows.last().expect("many windows");
    assert_eq!(window.sequence, Some(Sequence::Reversed));
    assert_eq!(
        window.phases[1].voltage_angle_millidegrees.map(|angle| angle / 1_000),
        Some(240)
    );
    for phase in 0..3 {
        assert_near(watts(window, phase), wave.truth(phase).watts, 1e-3);
    }
}

#[test]
fn missing_phases_leave_the_others_exact() {
    for missing in [
        [true, false, false],
        [false, true, false],
        [true, true, false],
        [true, false, true],
    ] {
        let mut wave = Waveform::balanced(51.3, 230.0, 5.0, 60.0, true);
        for (phase, missing) in missing.into_iter().enumerate() {
            if missing {
                wave.voltages[phase].clear();
                wave.currents[phase].clear();
            }
        }
        let windows = measure(&wave, &setup(RATE_HZ), 2.0);
        let window = windows.last().expect("many windows");
        assert!(window.synchronised);
        assert_eq!(window.sequence, None);
        for (phase, missing) in missing.into_iter().enumerate() {
            assert_eq!(window.phases[phase].present, !missing);
            if missing {
                assert_eq!(window.phases[phase].energy.active_microjoules, 0);
                assert_eq!(window.phases[phase].voltage_angle_millidegrees, None);
            } else {
                assert_near(watts(window, phase), wave.truth(phase).watts, 1e-3);
            }
        }
        assert_near(window.frequency_microhertz as f64, 51.3e6, 1e-5);
    }
}

#[test]
fn a_reference_phase_that_vanishes_hands_over_without_a_step() {
    let wave = Waveform::balanced(48.3, 230.0, 5.0, 60.0, true);
    let windows = measure_changed(&wave, &setup(RATE_HZ), 5.0, |seconds, set| {
        if (1.5..3.5).contains(&seconds) {
            set[0] = 0;
        }
    });
    let mut worst = 0.0_f64;
    for window in &windows[5..] {
        let hertz = window.frequency_microhertz as f64 * 1e-6;
        worst = worst.max((hertz - 48.3).abs());
        assert_near(watts(window, 1), wave.truth(1).watts, 0.01);
    }
    println!("worst frequency error {worst:.6} Hz");
    assert!(worst < 1e-3);
    let events: Vec<(EventKind, f64)> = windows
        .iter()
        .flat_map(|window| {
            window
                .events
                .iter()
                .map(|event| (event.kind, event.at.seconds(RATE_HZ)))
        })
        .collect();
    println!("{events:?}");
    let [
        (EventKind::VoltageLost(Phase::L1), lost),
        (EventKind::VoltageReturned(Phase::L1), returned),
    ] = events[..]
    else {
        panic!("lost and returned, nothing else: {events:?}");
    };
    assert!((1.5..1.54).contains(&lost) && (3.5..3.54).contains(&returned));
}

#[test]
fn without_any_voltage_windows_run_on_and_the_supply_is_found_again() {
    let wave = Waveform::balanced(52.1, 230.0, 5.0, 60.0, true);
    let dark = |seconds: f64| seconds < 1.0 || (3.0..4.0).contains(&seconds);
    let windows = measure_changed(&wave, &setup(RATE_HZ), 6.0, |seconds, set| {
        if dark(seconds) {
            *set = [0; 7];
        }
    });
    assert!(
        (0.29..0.33).contains(&windows[0].from.seconds(RATE_HZ)),
        "0.3 s without a voltage, then free-running"
    );
    assert!(!windows[0].synchronised);
    assert_eq!(windows[0].frequency_microhertz, 50_000_000);
    for window in &windows {
        let (from, to) = (window.from.seconds(RATE_HZ), window.to.seconds(RATE_HZ));
        let reading = &window.phases[0];
        if dark(from) && dark(to) && (to < 1.0 || 3.0 < from) {
            assert!(!reading.present && !window.synchronised);
            assert_eq!(reading.energy.active_microjoules, 0);
        }
        let settled = (2.0..3.0).contains(&from) && to < 3.0 || 5.0 < from;
        if settled {
            assert!(window.synchronised, "{from}");
            assert_near(watts(window, 0), wave.truth(0).watts, 0.01);
            assert_near(window.frequency_microhertz as f64, 52.1e6, 1e-4);
        }
    }
    // Contiguous through it all.
    assert!(windows.windows(2).all(|pair| pair[0].to == pair[1].from));
}

#[test]
fn steps_of_frequency_and_phase_are_found_within_a_second() {
    for hertz in [45.0, 47.5, 52.5, 55.0] {
        let before = Waveform::balanced(50.0, 230.0, 5.0, 60.0, true);
        let after = Waveform::balanced(hertz, 230.0, 5.0, 60.0, true);
        let windows = measure_changed(&before, &setup(RATE_HZ), 4.0, |seconds, set| {
            if 2.0 <= seconds {
                *set = after.codes(seconds);
            }
        });
        let settled = windows.iter().filter(|window| 3.0 < window.from.seconds(RATE_HZ));
        for window in settled {
            assert!(window.synchronised);
            assert_near(watts(window, 0), after.truth(0).watts, 0.01);
            assert_near(window.frequency_microhertz as f64, hertz * 1e6, 1e-3);
        }
    }
}

/// 42.5 to 57.5 and 51 to 69 Hz are tracked; beyond, down to 35 and up to 75 Hz, nothing breaks and power stays near.
#[test]
fn the_range_of_frequency_is_wide() {
    for (hertz, nominal, inside) in [
        (42.5, NominalFrequency::Hz50, true),
        (57.5, NominalFrequency::Hz50, true),
        (51.0, NominalFrequency::Hz60, true),
        (69.0, NominalFrequency::Hz60, true),
        (35.3, NominalFrequency::Hz50, false),
        (74.7, NominalFrequency::Hz60, false),
    ] {
        let wave = Waveform::balanced(hertz, 230.0, 5.0, 60.0, true);
        let mut setup = setup(RATE_HZ);
        setup.nominal_frequency = nominal;
        let windows = measure(&wave, &setup, 3.0);
        let mean = windows[5..].iter().map(|window| watts(window, 0)).sum::<f64>() / (windows.len() - 5) as f64;
        println!(
            "{hertz} Hz: P wrong by {:.4} %",
            100.0 * (mean / wave.truth(0).watts - 1.0)
        );
        for window in &windows[5..] {
            assert_eq!(window.synchronised, inside, "{hertz}");
            assert_near(
                window.frequency_microhertz as f64,
                hertz * 1e6,
                if inside { 1e-4 } else { 0.1 },
            );
        }
        assert_near(mean, wave.truth(0).watts, if inside { 1e-3 } else { 2.0 });
    }
}

#[test]
fn a_single_phase_meter_uses_v1_i1_and_the_neutral_only() {
    let wave = Waveform::balanced(49.7, 230.0, 5.0, 60.0, true);
    let mut setup = setup(RATE_HZ);
    setup.channels = ChannelSet::SINGLE_PHASE;
    let windows = measure_changed(&wave, &setup, 2.0, |_seconds, set| {
        set[6] = -set[3];
        set[1] = i32::MAX; // not connected: whatever the converter says
        set[5] = i32::MIN;
    });
    let window = windows.last().expect("many windows");
    assert_near(watts(window, 0), wave.truth(0).watts, 1e-3);
    assert_eq!(
        window.neutral_current_microamperes,
        window.phases[0].current_microamperes
    );
    assert_eq!(window.phases[1], ferraris_metrology::PhaseReading::default());
    assert_eq!(window.phases[2], ferraris_metrology::PhaseReading::default());
    assert_eq!(window.total.energy, window.phases[0].energy);
    assert!(window.clipped.is_empty());
}

#[test]
fn blocks_of_any_size_give_the_same_measurements_and_spectra() {
    let wave = Waveform::balanced(49.7, 230.0, 5.0, 60.0, true);
    let samples = wave.samples(RATE_HZ, 0, 24_000);
    let run = |size: usize| {
        let mut chain = Chain::new(&setup(RATE_HZ)).expect("a good setup");
        let mut measurements = Vec::new();
        if size == 1 {
            measurements.extend(samples.iter().filter_map(|set| chain.push(set).copied()));
        } else {
            for block in samples.chunks(size) {
                chain.push_block(block, |measurement| measurements.push(*measurement));
            }
        }
        let spectra = ferraris_metrology::Channel::ALL.map(|channel| chain.spectrum(channel).copied());
        assert!(spectra.iter().all(Option::is_some), "every channel had its turn");
        (measurements, spectra)
    };
    let whole = run(samples.len());
    for size in [1, 7, 160, 1_601] {
        assert!(run(size) == whole, "blocks of {size}");
    }
}
