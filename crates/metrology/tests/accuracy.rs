//! M3: errors of the whole sample path against closed-form truth, for the goals of `reference/metrology.md` section 5
//! ("ideal sensors, quantised, no noise").

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of samples of a few seconds"
)]

mod waveform;

use ferraris_metrology::{Core, Measurement, NominalFrequency};
use waveform::{Waveform, setup};

#[derive(Default, Debug, Clone, Copy)]
struct Errors {
    /// Percent of the truth: worst single window, and the mean over all.
    watts_window: f64,
    watts_mean: f64,
    vars_window: f64,
    vars_mean: f64,
    volts_window: f64,
    amperes_window: f64,
    millihertz: f64,
}

fn measure(wave: &Waveform, rate_hz: f64, seconds: f64, nominal: NominalFrequency) -> Vec<Measurement> {
    let mut setup = setup(rate_hz);
    setup.nominal_frequency = nominal;
    let mut core = Core::new(&setup).expect("a good setup");
    let mut measurements = Vec::new();
    let total = (seconds * rate_hz) as usize;
    let mut first = 0;
    while first < total {
        let n = 4_096.min(total - first);
        core.push_block(&wave.samples(rate_hz, first, n), |measurement| {
            measurements.push(*measurement)
        });
        first += n;
    }
    measurements
}

fn errors(wave: &Waveform, measurements: &[Measurement]) -> Errors {
    let mut worst = Errors::default();
    let percent = |measured: f64, truth: f64| 100.0 * (measured - truth) / truth;
    let settled = &measurements[5..]; // ready within a second
    for phase in 0..3 {
        let truth = wave.truth(phase);
        let (mut joules, mut varseconds, mut seconds) = (0.0, 0.0, 0.0);
        for measurement in settled {
            let reading = &measurement.phases[phase];
            let span = measurement.duration_nanos as f64 * 1e-9;
            let (active, reactive) = (
                reading.energy.active_microjoules as f64 * 1e-6,
                reading.energy.reactive_microvarseconds as f64 * 1e-6,
            );
            joules += active;
            varseconds += reactive;
            seconds += span;
            worst.watts_window = worst.watts_window.max(percent(active / span, truth.watts).abs());
            worst.vars_window = worst.vars_window.max(percent(reactive / span, truth.vars).abs());
            worst.volts_window = worst
                .volts_window
                .max(percent(reading.voltage_microvolts as f64 * 1e-6, truth.volts).abs());
            worst.amperes_window = worst
                .amperes_window
                .max(percent(reading.current_microamperes as f64 * 1e-6, truth.amperes).abs());
            worst.millihertz = worst
                .millihertz
                .max((measurement.frequency_microhertz as f64 * 1e-3 - wave.hertz * 1e3).abs());
        }
        worst.watts_mean = worst.watts_mean.max(percent(joules / seconds, truth.watts).abs());
        worst.vars_mean = worst.vars_mean.max(percent(varseconds / seconds, truth.vars).abs());
    }
    worst
}

#[test]
fn power_is_exact_over_frequency_power_factor_and_distortion() {
    let mut worst = Errors::default();
    for (hertz, nominal) in [
        (45.013, NominalFrequency::Hz50),
        (48.717, NominalFrequency::Hz50),
        (50.013, NominalFrequency::Hz50),
        (51.291, NominalFrequency::Hz50),
        (57.377, NominalFrequency::Hz60),
        (60.017, NominalFrequency::Hz60),
        (64.937, NominalFrequency::Hz60),
    ] {
        for lag in [0.001, 30.0, 60.0, -60.0, 120.0, 240.0] {
            let wave = Waveform::balanced(hertz, 230.0, 5.0, lag, true);
            let mut found = errors(&wave, &measure(&wave, 8_000.0, 2.0, nominal));
            if lag == 0.001 {
                (found.vars_window, found.vars_mean) = (0.0, 0.0); // no reactive power to speak of
            }
            println!("{hertz:7.3} Hz lag {lag:6.1}: {found:.7?}");
            worst.watts_window = worst.watts_window.max(found.watts_window);
            worst.vars_window = worst.vars_window.max(found.vars_window);
            worst.volts_window = worst.volts_window.max(found.volts_window);
            worst.amperes_window = worst.amperes_window.max(found.amperes_window);
            worst.millihertz = worst.millihertz.max(found.millihertz);
        }
    }
    println!("worst {worst:.7?}");
    assert!(
        worst.watts_window < 0.005 && worst.vars_window < 0.005,
        "single windows: goal 0.005 %"
    );
    assert!(
        worst.watts_window < 0.001 && worst.vars_window < 0.001,
        "reached: 0.001 % even for single windows"
    );
    assert!(worst.volts_window < 0.01 && worst.amperes_window < 0.01, "goal 0.01 %");
    assert!(worst.millihertz < 0.1, "goal 1 mHz for 200 ms");
}
