//! Converters and sensors that are not ideal: noise, offset, direct current, gain, lead, delay, clipping, garbage; and no load.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of samples of a few seconds"
)]

mod waveform;

use ferraris_metrology::{
    Calibration, Chain, Channel, ChannelSet, Core, DirectCurrent, Direction, Element, Measurement, N_TEMPERATURES,
    Quantity, Registers, SampleSet, Setup, Tariff, TemperatureCurve, TemperaturePoint,
};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use waveform::{AMPS_PER_LSB, VOLTS_PER_LSB, Waveform, setup};

const RATE_HZ: f64 = 8_000.0;
/// Noise of a 99 dB converter (metrology.md section 1).
const NOISE_LSB: f64 = 66.6;
const SEED: u64 = 0x5EED_0001;

/// Gaussian noise from a seed.
struct Noise(ChaCha8Rng);

impl Noise {
    fn new() -> Self {
        println!("seed {SEED:#x}");
        Self(ChaCha8Rng::seed_from_u64(SEED))
    }

    /// Twelve uniform numbers added up: mean 0, rms 1.
    fn next(&mut self) -> f64 {
        (0..12)
            .map(|_| f64::from(self.0.next_u32()) / 4_294_967_296.0)
            .sum::<f64>()
            - 6.0
    }
}

fn measure_changed(
    wave: &Waveform,
    setup: &Setup,
    seconds: f64,
    mut change: impl FnMut(&mut SampleSet),
) -> Vec<Measurement> {
    let mut core = Core::new(setup).expect("a good setup");
    let mut measurements = Vec::new();
    let mut samples = wave.samples(setup.rate_hz, 0, (seconds * setup.rate_hz) as usize);
    samples.iter_mut().for_each(&mut change);
    core.push_block(&samples, |measurement| measurements.push(*measurement));
    measurements
}

fn percent(measured: f64, truth: f64) -> f64 {
    100.0 * (measured - truth) / truth
}

/// Mean active and reactive power of a phase in watts and vars.
fn mean_power(windows: &[Measurement], phase: usize) -> (f64, f64) {
    let sum = |value: fn(&Measurement, usize) -> i64| {
        windows.iter().map(|window| value(window, phase) as f64).sum::<f64>() * 1e-6
    };
    let seconds = windows.iter().map(|window| window.duration_nanos as f64).sum::<f64>() * 1e-9;
    (
        sum(|window, phase| window.phases[phase].energy.active_microjoules) / seconds,
        sum(|window, phase| window.phases[phase].energy.reactive_microvarseconds) / seconds,
    )
}

#[test]
fn noise_of_a_99_db_converter_leaves_power_and_current_right() {
    for (amperes, power_percent, current_percent) in [(0.02, 0.6, 0.3), (0.25, 0.05, 0.02), (5.0, 0.003, 0.002)] {
        let wave = Waveform::balanced(50.013, 230.0, amperes, 60.0, false);
        let mut setup = setup(RATE_HZ);
        let noisy = Calibration::new(1.0, 0.0, 0.0, 0.0, NOISE_LSB).expect("in range");
        setup.calibration = [noisy; 7];
        let mut noise = Noise::new();
        let windows = measure_changed(&wave, &setup, 12.0, |set| {
            for code in set {
                *code += (noise.next() * NOISE_LSB).round() as i32;
            }
        });
        let truth = wave.truth(0);
        let (watts, vars) = mean_power(&windows[5..], 0);
        let current = windows[5..]
            .iter()
            .map(|window| window.phases[0].current_microamperes as f64)
            .sum::<f64>()
            * 1e-6
            / (windows.len() - 5) as f64;
        let errors = (
            percent(watts, truth.watts),
            percent(vars, truth.vars),
            percent(current, truth.amperes),
        );
        println!(
            "{amperes} A over 11 s: P {:+.4} %, Q {:+.4} %, I {:+.4} %",
            errors.0, errors.1, errors.2
        );
        assert!(errors.0.abs() < power_percent && errors.1.abs() < power_percent && errors.2.abs() < current_percent);
        let worst_hertz = windows[5..]
            .iter()
            .map(|window| (window.frequency_microhertz as f64 * 1e-6 - 50.013).abs());
        assert!(worst_hertz.fold(0.0, f64::max) < 1e-3, "frequency within 1 mHz");
    }
}

/// M3: nothing is counted without load at 1.15 Un, with the noise of a real converter.
#[test]
fn without_load_nothing_is_counted_despite_noise() {
    let wave = Waveform::balanced(50.013, 1.15 * 230.0, 0.0, 0.0, true);
    let mut setup = setup(RATE_HZ);
    setup.starting_amperes = 0.02;
    let mut noise = Noise::new();
    let mut registers = Registers::new(Direction::PerPhase);
    let windows = measure_changed(&wave, &setup, 12.0, |set| {
        for code in set {
            *code += (noise.next() * NOISE_LSB).round() as i32;
        }
    });
    for window in &windows {
        assert!(window.no_load);
        assert_eq!(window.phases[0].active_microwatts, 0);
        registers.book(window, Tariff::FIRST);
    }
    for quantity in Quantity::ALL {
        for element in Element::ALL {
            assert_eq!(registers.micro(quantity, element), 0);
        }
    }
}

/// M3: the starting current of class C (0.04 Itr = 20 mA) is counted, single phase as well; and half of it.
#[test]
fn the_starting_current_is_counted() {
    for (amperes, phases) in [(0.02, 3), (0.02, 1), (0.01, 1)] {
        let mut wave = Waveform::balanced(50.013, 230.0, amperes, 0.0, false);
        for current in wave.currents.iter_mut().skip(phases) {
            current.clear();
        }
        let mut setup = setup(RATE_HZ);
        setup.starting_amperes = 0.02;
        let windows = measure_changed(&wave, &setup, 3.0, |_set| {});
        assert!(
            windows.iter().all(|window| !window.no_load),
            "{amperes} A in {phases} phases"
        );
        let total = windows.last().expect("many windows").total.active_microwatts as f64 * 1e-6;
        assert!(percent(total, 230.0 * amperes * phases as f64).abs() < 0.05, "{total}");
    }
}

/// A phase without load is displayed as such beside a loaded one, yet its energy is not cut.
#[test]
fn a_small_phase_beside_a_loaded_one_is_counted() {
    let mut wave = Waveform::balanced(50.013, 230.0, 5.0, 0.0, false);
    wave.currents[1][0].rms = 0.002;
    let mut setup = setup(RATE_HZ);
    setup.starting_amperes = 0.02;
    let windows = measure_changed(&wave, &setup, 2.0, |_set| {});
    let window = windows.last().expect("many windows");
    assert!(!window.no_load);
    assert_eq!(window.phases[1].active_microwatts, 0);
    let counted = window.phases[1].energy.active_microjoules as f64 / window.duration_nanos as f64 * 1e3;
    assert!(percent(counted, 0.46).abs() < 1.0, "{counted}");
}

#[test]
fn offsets_of_the_converter_are_removed() {
    let wave = Waveform::balanced(49.217, 230.0, 0.25, 60.0, true);
    let windows = measure_changed(&wave, &setup(RATE_HZ), 3.0, |set| {
        for (code, offset) in set.iter_mut().zip([7_000, -7_000, 3_000, 7_000, -5_000, 2_000, 1]) {
            *code += offset;
        }
    });
    for phase in 0..3 {
        let truth = wave.truth(phase);
        let (watts, vars) = mean_power(&windows[5..], phase);
        let amperes = windows[7].phases[phase].current_microamperes as f64 * 1e-6;
        println!(
            "P {:+.5} %, Q {:+.5} %",
            percent(watts, truth.watts),
            percent(vars, truth.vars)
        );
        assert!(percent(watts, truth.watts).abs() < 0.002 && percent(vars, truth.vars).abs() < 0.002);
        assert!(percent(amperes, truth.amperes).abs() < 0.005);
    }
}

#[test]
fn direct_current_counts_when_it_is_to_be_measured() {
    let wave = Waveform::balanced(49.217, 230.0, 5.0, 60.0, false);
    let direct = (50_000, 20_000); // codes
    let mut setup = setup(RATE_HZ);
    setup.direct_current = DirectCurrent::Measured;
    // A calibrated offset is not direct current.
    setup.calibration[3] = Calibration::new(1.0, 0.0, 0.0, 1_234.0, 0.0).expect("in range");
    let windows = measure_changed(&wave, &setup, 3.0, |set| {
        set[0] += direct.0;
        set[3] += direct.1 + 1_234;
    });
    let truth = wave.truth(0);
    let (volts, amperes) = (f64::from(direct.0) * VOLTS_PER_LSB, f64::from(direct.1) * AMPS_PER_LSB);
    let (watts, _vars) = mean_power(&windows[5..], 0);
    assert!(percent(watts, truth.watts + volts * amperes).abs() < 1e-3, "{watts}");
    let reading = &windows[7].phases[0];
    let rms = |alternating: f64, direct: f64| alternating.hypot(direct);
    assert!(percent(reading.voltage_microvolts as f64 * 1e-6, rms(truth.volts, volts)).abs() < 1e-3);
    assert!(percent(reading.current_microamperes as f64 * 1e-6, rms(truth.amperes, amperes)).abs() < 1e-3);
}

/// M7: gain, lead of the transformer and delay of the channel are undone, at any frequency.
#[test]
fn calibration_undoes_gain_lead_and_delay() {
    for hertz in [45.0, 50.013, 55.0] {
        let truth = Waveform::balanced(hertz, 230.0, 5.0, 60.0, true);
        let mut seen = truth.clone();
        let (gain, lead_degrees, delay_seconds) = (1.02, 0.23, 20e-6);
        for current in seen.currents.iter_mut().flatten() {
            current.rms /= gain;
            // A transformer leads at the fundamental; harmonics are left as they are (their power is small).
            if current.order == 1.0 {
                current.degrees += lead_degrees - 360.0 * hertz * delay_seconds;
            }
        }
        let mut setup = setup(RATE_HZ);
        let calibration = Calibration::new(gain, lead_degrees, delay_seconds * 1e9, 0.0, 0.0).expect("in range");
        for channel in [Channel::I1, Channel::I2, Channel::I3] {
            setup.calibration[channel.index()] = calibration;
        }
        let windows = measure_changed(&seen, &setup, 3.0, |_set| {});
        for phase in 0..3 {
            let (watts, vars) = mean_power(&windows[5..], phase);
            let truth = truth.truth(phase);
            println!(
                "{hertz} Hz: P {:+.5} %, Q {:+.5} %",
                percent(watts, truth.watts),
                percent(vars, truth.vars)
            );
            assert!(percent(watts, truth.watts).abs() < 1e-3 && percent(vars, truth.vars).abs() < 1e-3);
        }
        let angle = windows[7].phases[0].current_angle_millidegrees.expect("a load");
        assert!((angle - 60_000).abs() <= 1, "{angle}");
    }
}

/// M3, M7: drift of gain and lead over temperature is undone by the stored curve, from the next window on.
#[test]
fn a_stored_curve_undoes_the_drift_over_temperature() {
    let truth = Waveform::balanced(50.013, 230.0, 5.0, 60.0, false);
    // At 70 degrees the current channels read 0.2 % too little and lead by 0.05 degrees.
    let mut seen = truth.clone();
    for current in seen.currents.iter_mut().flatten() {
        current.rms /= 1.002;
        current.degrees += 0.05;
    }
    let mut celsius = -60.0;
    let points = [0.0_f64; N_TEMPERATURES].map(|_| {
        celsius += 20.0;
        TemperaturePoint {
            celsius,
            gain: 1.0 + 0.002 * (celsius - 20.0) / 50.0,
            lead_degrees: 0.001 * (celsius - 20.0),
        }
    });
    let curve = TemperatureCurve::new(points).expect("rising");
    let mut curves = [TemperatureCurve::FLAT; 7];
    curves[3..6].fill(curve);
    let mut core = Core::new(&setup(RATE_HZ)).expect("a good setup");
    let mut errors = Vec::new();
    for second in 0..3 {
        if second == 1 {
            core.compensate(70.0, &curves);
        }
        core.push_block(&seen.samples(RATE_HZ, second * 8_000, 8_000), |window| {
            let watts = window.phases[1].active_microwatts as f64 * 1e-6;
            errors.push(percent(watts, truth.truth(1).watts));
        });
    }
    println!("{errors:?}");
    assert!(
        (errors[1] + 0.2 - 0.151).abs() < 0.005,
        "uncompensated: gain low, angle small"
    );
    assert!(errors[9..].iter().all(|error| error.abs() < 1e-3));
}

#[test]
fn clipped_channels_are_named() {
    let wave = Waveform::balanced(50.0, 230.0, 160.0, 0.0, false); // 226 A peak, the converter ends at 200 A
    let windows = measure_changed(&wave, &setup(RATE_HZ), 1.0, |set| {
        set[1] = i32::MIN;
        set[6] = 0;
    });
    let expected = ChannelSet::NONE
        .with(Channel::V2)
        .with(Channel::I1)
        .with(Channel::I2)
        .with(Channel::I3);
    assert!(windows.len() == 4 && windows.iter().all(|window| window.clipped == expected));
    // 16-bit recordings state their own rail.
    let mut sixteen = setup(RATE_HZ);
    sixteen.clipping_code = 0x7FFF;
    let wave = Waveform::balanced(50.0, 2.0, 0.1, 0.0, false);
    let fine = measure_changed(&wave, &sixteen, 1.0, |set| set[0] = set[0].clamp(-0x7FFF, 0x7FFE));
    assert!(fine.iter().all(|window| !window.clipped.contains(Channel::V1)));
    let clipped = measure_changed(&wave, &sixteen, 1.0, |set| set[0] = set[0].clamp(-0x8000, 0x7FFF));
    assert!(clipped.iter().all(|window| window.clipped.contains(Channel::V1)));
}

#[test]
fn dead_and_stuck_channels_spoil_only_their_own_phase() {
    let wave = Waveform::balanced(50.013, 230.0, 5.0, 60.0, true);
    let windows = measure_changed(&wave, &setup(RATE_HZ), 2.0, |set| {
        set[3] = 1_234_567; // stuck
        set[4] = 0; // dead
        set[2] |= 0x40; // a stuck bit
    });
    let reading = &windows[7].phases;
    assert!(
        reading[0].energy.active_microjoules.abs() < 100,
        "a stuck current has no alternating power"
    );
    assert_eq!(reading[1].energy.active_microjoules, 0);
    let watts = reading[2].energy.active_microjoules as f64 / windows[7].duration_nanos as f64 * 1e3;
    assert!(percent(watts, wave.truth(2).watts).abs() < 0.01);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the converter says, whatever the setup: no panic, contiguous windows, registers that never run backwards.
    #[test]
    fn garbage_never_panics_and_never_runs_backwards(
        seed: u64,
        rate_hz in 2_000.0_f64..64_000.0,
        per_phase: bool,
        measured: bool,
        channels in 1_u8..128,
        mix in prop::array::uniform7(0_u8..5),
        volts_per_lsb in prop::sample::select(vec![1e-12, 71.5e-6, 1.0, 1e6]),
    ) {
        let mut setup = Setup::three_phase(rate_hz, volts_per_lsb, 23.8e-6);
        setup.channels = Channel::ALL.into_iter().filter(|channel| channels >> channel.index() & 1 == 1)
            .fold(ChannelSet::NONE, ChannelSet::with);
        setup.direct_current = if measured { DirectCurrent::Measured } else { DirectCurrent::Removed };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let wave = Waveform::balanced(50.0, 230.0, 5.0, 60.0, true);
        let mut samples = wave.samples(rate_hz, 0, (rate_hz * 0.9) as usize);
        for set in &mut samples {
            for (code, mix) in set.iter_mut().zip(mix) {
                let word = random.next_u32().cast_signed();
                *code = match mix {
                    0 => *code,
                    1 => word,
                    2 => [i32::MIN, i32::MAX, 0, -1][(word & 3) as usize],
                    3 => if word < 0 { i32::MIN } else { *code },
                    _ => i32::MAX,
                };
            }
        }
        let mut registers = Registers::new(if per_phase { Direction::PerPhase } else { Direction::SumOfPhases });
        let mut chain = Chain::new(&setup).expect("a good setup");
        let mut last: Option<Measurement> = None;
        let mut failures = Vec::new();
        chain.push_block(&samples, |measurement| {
            let before = registers.clone();
            registers.book(measurement, Tariff::FIRST);
            for quantity in Quantity::ALL.into_iter().filter(|quantity| *quantity != Quantity::ActiveNet) {
                for element in Element::ALL {
                    if registers.micro(quantity, element) < before.micro(quantity, element) {
                        failures.push("a register ran backwards");
                    }
                }
            }
            if last.is_some_and(|last| last.to != measurement.from) || measurement.to <= measurement.from {
                failures.push("windows are not contiguous");
            }
            if measurement.phases.iter().any(|phase| phase.power_factor_millionths.abs() > 1_000_000) {
                failures.push("a power factor beyond one");
            }
            last = Some(*measurement);
        });
        prop_assert!(failures.is_empty(), "{:?}", failures);
        prop_assert!(last.is_some(), "windows come whatever the input");
    }
}
