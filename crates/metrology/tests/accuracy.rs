//! M3: errors of the whole sample path against closed-form truth, for the goals of `reference/metrology.md` section 5
//! ("ideal sensors, quantised, no noise").

mod waveform;

use ferraris_metrology::{Measurement, NominalFrequency};
use waveform::{Waveform, measure, setup};

/// Worst errors over the phases, in percent of the truth.
#[derive(Clone, Copy, Debug, Default)]
struct Errors {
    /// Active power of single windows and of the whole run.
    watts_window: f64,
    watts_mean: f64,
    /// Reactive power likewise.
    vars_window: f64,
    vars_mean: f64,
    volts: f64,
    amperes: f64,
    /// Of single windows, in millihertz.
    millihertz: f64,
}

impl Errors {
    fn of(wave: &Waveform, windows: &[Measurement]) -> Self {
        let mut worst = Self::default();
        let percent = |measured: f64, truth: f64| (100.0 * (measured - truth) / truth).abs();
        for phase in 0..3 {
            let truth = wave.truth(phase);
            let (mut joules, mut varseconds, mut seconds) = (0.0, 0.0, 0.0);
            for window in windows {
                let reading = &window.phases[phase];
                let span = window.duration_nanos as f64 * 1e-9;
                let active = reading.energy.active_microjoules as f64 * 1e-6;
                let reactive = reading.energy.reactive_microvarseconds as f64 * 1e-6;
                joules += active;
                varseconds += reactive;
                seconds += span;
                worst.watts_window = worst.watts_window.max(percent(active / span, truth.watts));
                worst.vars_window = worst.vars_window.max(percent(reactive / span, truth.vars));
                worst.volts = worst
                    .volts
                    .max(percent(reading.voltage_microvolts as f64 * 1e-6, truth.volts));
                worst.amperes = worst
                    .amperes
                    .max(percent(reading.current_microamperes as f64 * 1e-6, truth.amperes));
                let hertz = window.frequency_microhertz as f64 * 1e-6;
                worst.millihertz = worst.millihertz.max((hertz - wave.hertz).abs() * 1e3);
            }
            worst.watts_mean = worst.watts_mean.max(percent(joules / seconds, truth.watts));
            worst.vars_mean = worst.vars_mean.max(percent(varseconds / seconds, truth.vars));
        }
        worst
    }

    fn or(self, other: Self) -> Self {
        Self {
            watts_window: self.watts_window.max(other.watts_window),
            watts_mean: self.watts_mean.max(other.watts_mean),
            vars_window: self.vars_window.max(other.vars_window),
            vars_mean: self.vars_mean.max(other.vars_mean),
            volts: self.volts.max(other.volts),
            amperes: self.amperes.max(other.amperes),
            millihertz: self.millihertz.max(other.millihertz),
        }
    }
}

/// Frequencies that share no period with the sampling, so that quantisation does not repeat.
const FREQUENCIES: [(f64, NominalFrequency); 7] = [
    (45.013, NominalFrequency::Hz50),
    (48.717, NominalFrequency::Hz50),
    (50.013, NominalFrequency::Hz50),
    (51.291, NominalFrequency::Hz50),
    (57.377, NominalFrequency::Hz60),
    (60.017, NominalFrequency::Hz60),
    (64.937, NominalFrequency::Hz60),
];

/// The worst over the frequencies, for one current and lag.
fn worst(amperes: f64, lag_degrees: f64, distorted: bool, seconds: f64) -> Errors {
    FREQUENCIES.iter().fold(Errors::default(), |worst, &(hertz, nominal)| {
        let wave = Waveform::balanced(hertz, 230.0, amperes, lag_degrees, distorted);
        let mut setup = setup(8_000.0);
        setup.nominal_frequency = nominal;
        let windows = measure(&wave, &setup, seconds);
        worst.or(Errors::of(&wave, &windows[5..])) // ready within a second
    })
}

#[test]
fn single_windows_are_exact_over_frequency_power_factor_and_distortion() {
    for (lag, distorted) in [
        (30.0, true),
        (60.0, true),
        (-60.0, true),
        (120.0, true),
        (240.0, true),
        (60.0, false),
    ] {
        let found = worst(5.0, lag, distorted, 2.0);
        println!("5 A, lag {lag:6.1} deg, distorted {distorted}: {found:.6?}");
        // Goal: 0.005 % for a single window of 200 ms. Reached: twenty-five times better.
        assert!(found.watts_window < 2e-4 && found.vars_window < 2e-4, "{found:?}");
        assert!(found.volts < 1e-4 && found.amperes < 1e-4, "goal 0.01 %: {found:?}");
        assert!(found.millihertz < 0.01, "goal 1 mHz: {found:?}");
    }
}

#[test]
fn power_factor_one_and_zero_are_exact_too() {
    let resistive = worst(5.0, 0.0, true, 2.0);
    let inductive = worst(5.0, 90.0, true, 2.0);
    println!(
        "lag 0: {:.6} % of P; lag 90: {:.6} % of Q",
        resistive.watts_window, inductive.vars_window
    );
    assert!(resistive.watts_window < 2e-4 && inductive.vars_window < 2e-4);
    let quarter = worst(5.0, 75.522_488, true, 2.0);
    println!("power factor 0.25: {:.6} % of P", quarter.watts_window);
    assert!(quarter.watts_window < 4e-4);
}

/// The rows "quantised ideal sensors": 0.001 % at 1 A and above, 0.005 % at 0.1 A, 0.02 % at 10 mA.
#[test]
fn small_currents_stay_within_the_goals() {
    for (amperes, goal_percent) in [(100.0, 0.001), (1.0, 0.001), (0.1, 0.005), (0.02, 0.02), (0.01, 0.02)] {
        for (lag, of_goal) in [(0.0, 1.0), (60.0, 1.0), (75.522_488, 2.0)] {
            let found = worst(amperes, lag, true, 6.0);
            println!(
                "{amperes:6} A lag {lag:4.1}: mean P {:.6} %, Q {:.6} %",
                found.watts_mean, found.vars_mean
            );
            assert!(found.watts_mean < goal_percent * of_goal, "{found:?}");
            assert!(lag == 0.0 || found.vars_mean < goal_percent * of_goal, "{found:?}");
        }
    }
}

#[test]
fn every_rate_from_2_to_64_khz_is_exact() {
    for (rate_hz, goal_percent) in [
        (2_000.0, 1e-3), // the images of the sampling are near
        (4_000.0, 2e-4),
        (6_400.0, 2e-4),
        (7_812.5, 2e-4),
        (8_000.0, 2e-4),
        (12_800.0, 2e-4),
        (16_000.0, 2e-4),
        (64_000.0, 2e-4),
    ] {
        let wave = Waveform::balanced(49.217, 230.0, 5.0, 60.0, true);
        let windows = measure(&wave, &setup(rate_hz), 2.0);
        let found = Errors::of(&wave, &windows[5..]);
        println!("{rate_hz:8} S/s: {found:.6?}");
        assert!(
            found.watts_window < goal_percent && found.vars_window < goal_percent,
            "{found:?}"
        );
        assert!(found.millihertz < 0.1, "{found:?}");
    }
}

#[test]
fn the_first_windows_after_power_up_are_good_already() {
    for (hertz, nominal) in FREQUENCIES {
        let wave = Waveform::balanced(hertz, 230.0, 5.0, 60.0, true);
        let mut setup = setup(8_000.0);
        setup.nominal_frequency = nominal;
        let windows = measure(&wave, &setup, 2.0);
        let ready = windows[0].from.seconds(8_000.0);
        let (first, second) = (Errors::of(&wave, &windows[..1]), Errors::of(&wave, &windows[1..5]));
        println!(
            "{hertz} Hz: first window from {ready:.4} s, P wrong by {:.4} %, then {:.5} %; frequency by {:.1} mHz, then {:.2} mHz",
            first.watts_window, second.watts_window, first.millihertz, second.millihertz
        );
        assert!(ready < 0.075, "{ready}");
        assert!(first.watts_window < 0.3 && second.watts_window < 0.1);
        assert!(first.millihertz < 100.0 && second.millihertz < 2.0);
    }
}

#[test]
fn a_known_frequency_makes_the_first_window_exact_and_loses_one_sample() {
    let wave = Waveform::balanced(49.217, 230.0, 5.0, 60.0, true);
    let mut core = ferraris_metrology::Core::with_start(&setup(8_000.0), 49.217, 0).expect("a good start");
    let mut windows = Vec::new();
    core.push_block(&wave.samples(8_000.0, 0, 8_000), |window| windows.push(*window));
    assert_eq!(windows[0].from.raw(), 1 << 16);
    for w in &windows {
        println!(
            "{:.4} {} {:.6}",
            w.from.samples(),
            w.frequency_microhertz,
            Errors::of(&wave, &[*w]).watts_window
        );
    }
    let found = Errors::of(&wave, &windows);
    println!("{found:.6?}");
    assert!(found.watts_window < 1e-4 && found.millihertz < 0.01, "{found:?}");
    // What follows the last window is less than a window and the edge.
    let unfinished = 8_000.0 - windows.last().expect("four windows").to.samples();
    assert!(unfinished < 1_626.0 + 3.0);
}

/// Ramps of 1 Hz/s: single values follow, and the sum over windows is the integral over their exact span (a ramp's
/// own energy over whole cycles is not quite that of its tones).
#[test]
fn ramps_of_frequency_are_followed() {
    for ramp in [1.0, -1.0] {
        let mut wave = Waveform::balanced(50.0 - 2.0 * ramp, 230.0, 5.0, 60.0, true);
        wave.ramp = ramp;
        let windows = measure(&wave, &setup(8_000.0), 4.0);
        let truth = wave.truth(0);
        let (mut worst, mut joules, mut seconds, mut worst_hertz) = (0.0_f64, 0.0, 0.0, 0.0_f64);
        for window in &windows[5..] {
            let span = window.duration_nanos as f64 * 1e-9;
            let active = window.phases[0].energy.active_microjoules as f64 * 1e-6;
            worst = worst.max((100.0 * (active / span / truth.watts - 1.0)).abs());
            joules += active;
            seconds += span;
            let middle = f64::midpoint(window.from.seconds(8_000.0), window.to.seconds(8_000.0));
            let hertz = window.frequency_microhertz as f64 * 1e-6;
            worst_hertz = worst_hertz.max((hertz - wave.hertz - ramp * middle).abs());
        }
        let (begin, end) = (
            windows[5].from.seconds(8_000.0),
            windows[windows.len() - 1].to.seconds(8_000.0),
        );
        let mean = (100.0 * (joules / wave.joules(0, begin, end) - 1.0)).abs();
        assert!((seconds - (end - begin)).abs() < 1e-8);
        println!(
            "{ramp} Hz/s: windows {worst:.5} %, sum {mean:.6} %, frequency {:.3} mHz",
            worst_hertz * 1e3
        );
        assert!(worst < 0.02 && mean < 0.001 && worst_hertz < 1e-3);
    }
}

/// Windows are contiguous and their lengths add up: nothing is lost or counted twice.
#[test]
fn windows_are_contiguous_on_the_sample_axis() {
    let mut wave = Waveform::balanced(48.0, 230.0, 5.0, 60.0, true);
    wave.ramp = 0.5;
    let windows = measure(&wave, &setup(7_812.5), 4.0);
    assert!(windows.windows(2).all(|pair| pair[0].to == pair[1].from));
    let nanos: u64 = windows.iter().map(|window| window.duration_nanos).sum();
    let span = windows[windows.len() - 1].to.samples() - windows[0].from.samples();
    assert!((nanos as f64 - span / 7_812.5 * 1e9).abs() < 1.0);
}
