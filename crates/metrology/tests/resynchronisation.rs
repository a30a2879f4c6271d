//! IEC 61000-4-30, 4.5: windows begin anew at a 10-minute tick, at the nearest cycle; a bill notices nothing of it.

mod waveform;

use ferraris_metrology::{Core, Measurement, NominalFrequency, Part, Position, SampleSet, Setup};
use waveform::{Waveform, setup};

const RATE_HZ: f64 = 8_000.0;

/// Samples of a wave, with a tick so many samples after the start that is told after `told` of them.
fn measure_with_tick(samples: &[SampleSet], setup: &Setup, tick: u64, told: u64) -> Vec<Measurement> {
    let mut core = Core::new(setup).expect("a good setup");
    let mut windows = Vec::new();
    let (before, after) = samples.split_at(usize::try_from(told).expect("a small number"));
    core.push_block(before, |window| windows.push(*window));
    core.resynchronise(Position::of_sample(tick));
    core.push_block(after, |window| windows.push(*window));
    windows
}

fn check(nominal: NominalFrequency, hertz: f64, whole: u32) {
    let wave = Waveform::balanced(hertz, 230.0, 5.0, 60.0, true);
    let mut setup = setup(RATE_HZ);
    setup.nominal_frequency = nominal;
    let truth = wave.truth(0);
    let cycle = RATE_HZ / hertz;
    let samples = wave.samples(RATE_HZ, 0, 32_000);
    // Ticks at every place of a window, told in time.
    for tick in (16_000..18_000).step_by(133) {
        let windows = measure_with_tick(&samples, &setup, tick, tick - 2_000);
        let parts: Vec<_> = windows.iter().filter(|window| window.part != Part::Whole).collect();
        let begins: Vec<_> = windows.iter().map(|window| window.from.samples()).collect();
        let nearest = begins
            .iter()
            .map(|at| (at - tick as f64).abs())
            .fold(f64::MAX, f64::min);
        assert!(nearest <= cycle / 2.0 + 1.0, "{tick}: {nearest} samples away");
        let cycles = |window: &Measurement| (window.to.samples() - window.from.samples()) / cycle;
        match parts.as_slice() {
            [] => {} // a window began there by itself
            [head, tail, rest] => {
                assert_eq!([head.part, tail.part, rest.part], [Part::Head, Part::Tail, Part::Rest]);
                let [a, b, c] = [cycles(head), cycles(tail), cycles(rest)];
                assert!(
                    (a + b - f64::from(whole)).abs() < 1e-3 && (a - c).abs() < 1e-3,
                    "{a} {b} {c}"
                );
                assert!((a - a.round()).abs() < 1e-3, "{a}");
            }
            other => panic!("{tick}: {} pieces", other.len()),
        }
        for pair in windows.windows(2) {
            assert_eq!(pair[0].to, pair[1].from, "nothing is lost or counted twice");
        }
        // Frequency, voltage and power of the pieces are as good as those of others.
        for window in windows.iter().skip(3) {
            let close = |found: f64, truth: f64, parts: f64| (found / truth - 1.0).abs() < parts;
            assert!(window.synchronised && window.faults.is_empty(), "{tick}: {window:?}");
            assert!(
                (window.frequency_microhertz as f64 * 1e-6 - hertz).abs() < 1e-3,
                "{tick}: {window:?}"
            );
            let phase = &window.phases[0];
            assert!(
                close(phase.voltage_microvolts as f64 * 1e-6, truth.volts, 1e-4),
                "{tick}: {window:?}"
            );
            assert!(
                close(phase.active_microwatts as f64 * 1e-6, truth.watts, 1e-4),
                "{tick}: {window:?}"
            );
            assert!(
                close(phase.reactive_microvars as f64 * 1e-6, truth.vars, 1e-4),
                "{tick}: {window:?}"
            );
        }
        let (energy, seconds) = windows.iter().skip(3).fold((0.0, 0.0), |(energy, seconds), window| {
            let joules = window.phases[0].energy.active_microjoules as f64 * 1e-6;
            (energy + joules, seconds + window.duration_nanos as f64 * 1e-9)
        });
        let error = energy / (truth.watts * seconds) - 1.0;
        assert!(error.abs() < 1e-5, "{tick}: {error:e}");
    }
}

#[test]
fn windows_begin_at_the_tick_and_the_bill_notices_nothing() {
    check(NominalFrequency::Hz50, 49.217, 10);
    check(NominalFrequency::Hz60, 60.41, 12);
}

/// A tick that is told when its sample has passed is kept from the next cycle on; one far ahead waits for its window; the last one told counts.
#[test]
fn a_tick_can_be_told_late_or_early() {
    let wave = Waveform::balanced(50.013, 230.0, 5.0, 0.0, false);
    let setup = setup(RATE_HZ);
    let samples = wave.samples(RATE_HZ, 0, 40_000);
    let ordinary = waveform::measure(&wave, &setup, 6.0);
    let within = ordinary[8].from.sample() + 100;
    for (tick, told) in [(within, within + 700), (within + 16_000, within), (within, 8_000)] {
        let windows = measure_with_tick(&samples, &setup, tick, told);
        let tail = windows.iter().find(|window| window.part == Part::Tail).expect("a cut");
        let away = tail.from.samples() - tick.max(told) as f64;
        assert!((-81.0..=165.0).contains(&away), "{away}");
        assert_eq!(windows.iter().filter(|window| window.part != Part::Whole).count(), 3);
    }
    // A tick of the past cuts nothing.
    let windows = measure_with_tick(&samples, &setup, 1_000, 24_000);
    assert!(windows.iter().all(|window| window.part == Part::Whole));
}
