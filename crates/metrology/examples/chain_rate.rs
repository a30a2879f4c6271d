//! How many sample sets a second one core of this machine measures: the sample path alone, and the chain with harmonics.
//!
//! `cargo run --release -p ferraris-metrology --example chain_rate`
#![expect(clippy::print_stdout, reason = "printing is what the example is for")]

use std::time::Instant;

use ferraris_metrology::{Chain, Core, SampleSet, Setup};

/// Seconds of samples that are prepared, and how often they are measured.
const SECONDS: u32 = 2;
const ROUNDS: u32 = 60;

fn main() -> Result<(), Box<dyn core::error::Error>> {
    for rate_hz in [4_000_u32, 8_000, 32_000] {
        let samples = supply(rate_hz);
        let setup = Setup::three_phase(f64::from(rate_hz), 600.0 / 8_388_608.0, 200.0 / 8_388_608.0);
        let mut core = Core::new(&setup)?;
        let core_rate = timed(&samples, |block| {
            let mut windows = 0;
            core.push_block(block, |_measurement| windows += 1);
            windows
        });
        let mut chain = Chain::new(&setup)?;
        let chain_rate = timed(&samples, |block| {
            let mut windows = 0;
            chain.push_block(block, |_measurement| windows += 1);
            windows
        });
        let times = |sets: f64| sets / f64::from(rate_hz);
        println!(
            "{rate_hz:6} S/s: core {:6.2} M sets/s ({:7.0} x real time), with harmonics {:6.2} M sets/s ({:7.0} x real time)",
            core_rate / 1e6,
            times(core_rate),
            chain_rate / 1e6,
            times(chain_rate),
        );
    }
    println!(
        "memory: core {} bytes, chain {} bytes",
        size_of::<Core>(),
        size_of::<Chain>()
    );
    Ok(())
}

/// Sample sets a second.
fn timed(samples: &[SampleSet], mut measure: impl FnMut(&[SampleSet]) -> u32) -> f64 {
    let begun = Instant::now();
    let mut windows = 0;
    for _round in 0..ROUNDS {
        windows += measure(samples);
    }
    assert!(windows > ROUNDS * SECONDS * 4, "about five windows a second");
    samples.len() as f64 * f64::from(ROUNDS) / begun.elapsed().as_secs_f64()
}

/// Three phases of 230 V and 5 A at 50 Hz with a fifth harmonic in the current, whole seconds so that rounds join.
fn supply(rate_hz: u32) -> Vec<SampleSet> {
    let volts = 230.0 * core::f64::consts::SQRT_2 / 600.0 * 8_388_608.0;
    let amperes = 5.0 * core::f64::consts::SQRT_2 / 200.0 * 8_388_608.0;
    (0..rate_hz * SECONDS)
        .map(|n| {
            let turns = 50.0 * f64::from(n) / f64::from(rate_hz);
            let sine = |order: f64, place: f64| libm::cos(core::f64::consts::TAU * (order * turns - place / 3.0));
            #[expect(clippy::cast_possible_truncation, reason = "within 24 bits")]
            let code = |value: f64| value as i32;
            let current = |place: f64| amperes * (sine(1.0, place + 0.2) + 0.1 * sine(5.0, 5.0 * place));
            [
                code(volts * sine(1.0, 0.0)),
                code(volts * sine(1.0, 1.0)),
                code(volts * sine(1.0, 2.0)),
                code(current(0.0)),
                code(current(1.0)),
                code(current(2.0)),
                code(current(0.0) + current(1.0) + current(2.0)),
            ]
        })
        .collect()
}
