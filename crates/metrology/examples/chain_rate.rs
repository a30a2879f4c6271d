//! How many sample sets a second one core of this machine measures: the sample path alone, with harmonics in turn, and everything; beside
//! it `metrology_insight`, the only other Rust crate that meters, in the same run: speed and accuracy of both on the same waveforms.
//!
//! `cargo xtask bench metrology`
#![expect(clippy::print_stdout, reason = "printing is what the example is for")]

use std::time::Instant;

use ferraris_metrology::{Chain, Core, GaplessHarmonics, Measurement, QualitySetup, SampleSet, Setup, SupplyQuality};
use metrology_insight::{MetrologyInsight, MetrologyInsightConfig};

/// Seconds of samples that are prepared; they are measured again and again for so long that a tick of the system's accounts, some
/// milliseconds, does not count.
const SECONDS: u32 = 2;
const LEAST_SECONDS: f64 = 0.5;
const RATE_HZ: u32 = 8_000;
const VOLTS_PER_LSB: f64 = 600.0 / 8_388_608.0;
const AMPS_PER_LSB: f64 = 200.0 / 8_388_608.0;

type Fallible<T> = Result<T, Box<dyn core::error::Error>>;

fn main() -> Fallible<()> {
    speed()?;
    accuracy()
}

fn speed() -> Fallible<()> {
    println!("{:<58} {:>12} {:>12}", "one core", "M sets/s", "goal");
    for rate_hz in [4_000_u32, 8_000, 32_000] {
        let samples = supply(rate_hz, 50.0, 0.2, 0.1, SECONDS);
        let setup = Setup::three_phase(f64::from(rate_hz), VOLTS_PER_LSB, AMPS_PER_LSB);
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
        let mut everything = Everything::new(&setup)?;
        let everything_rate = timed(&samples, |block| everything.take(block));
        let goal = |goal: &'static str| if rate_hz == RATE_HZ { goal } else { "" };
        for (name, rate, goal) in [
            ("core: energies, rms, frequency", core_rate, goal("50")),
            ("chain: core and harmonics, channel by channel", chain_rate, ""),
            (
                "everything: gapless harmonics, flicker, events",
                everything_rate,
                goal("5"),
            ),
        ] {
            println!(
                "{:<58} {:>12.2} {:>12}",
                format!("{rate_hz:6} S/s, {name}"),
                rate / 1e6,
                goal
            );
        }
    }
    let samples = supply(RATE_HZ, 50.0, 0.2, 0.1, SECONDS);
    let mut peer = Peer::new();
    let peer_rate = timed(&samples, |block| peer.take(block));
    println!(
        "{:<58} {:>12.2} {:>12}",
        "  8000 S/s, metrology_insight 0.1.5, six channels",
        peer_rate / 1e6,
        ""
    );
    println!(
        "memory in octets: core {}, chain {}, supply quality {}, gapless harmonics {}\n",
        size_of::<Core>(),
        size_of::<Chain>(),
        size_of::<SupplyQuality>(),
        size_of::<GaplessHarmonics>()
    );
    Ok(())
}

/// Errors in percent of both on waveforms of known power: the mean of four seconds after one of settling.
fn accuracy() -> Fallible<()> {
    println!(
        "{:<34} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "error in %", "P", "Q", "U rms", "THD I", "f in mHz"
    );
    for (name, hertz, lag_turns, fifth) in [
        ("50 Hz, PF 1", 50.0, 0.0, 0.0),
        ("50 Hz, PF 0.5", 50.0, 1.0 / 6.0, 0.0),
        ("49.2 Hz, PF 0.5", 49.2, 1.0 / 6.0, 0.0),
        ("50.013 Hz, PF 0.5, 20 % of h5", 50.013, 1.0 / 6.0, 0.2),
    ] {
        let samples = supply(RATE_HZ, hertz, lag_turns, fifth, 5);
        let (volts, amps) = (230.0, 5.0);
        let angle = core::f64::consts::TAU * lag_turns;
        let truth = Found {
            watts: volts * amps * angle.cos(),
            vars: volts * amps * angle.sin(),
            volts,
            distortion: fifth * 100.0,
            hertz,
        };
        let mut ours = Everything::new(&Setup::three_phase(f64::from(RATE_HZ), VOLTS_PER_LSB, AMPS_PER_LSB))?;
        let mut peer = Peer::new();
        let settled = samples.len() / 5;
        let (before, after) = samples.split_at(settled);
        ours.take(before);
        ours.means = Means::default();
        ours.take(after);
        peer.take(before);
        peer.means = Means::default();
        peer.take(after);
        for (whose, found) in [
            ("ferraris", ours.means.mean()),
            ("metrology_insight", peer.means.mean()),
        ] {
            let percent = |found: f64, truth: f64| {
                if truth.abs() < 1e-9 {
                    format!("{found:.4}")
                } else {
                    format!("{:+.4}", (found / truth - 1.0) * 100.0)
                }
            };
            println!(
                "{:<34} {:>10} {:>10} {:>10} {:>10} {:>+10.3}",
                format!("{name}: {whose}"),
                percent(found.watts, truth.watts),
                percent(found.vars, truth.vars),
                percent(found.volts, truth.volts),
                percent(found.distortion, truth.distortion),
                (found.hertz - truth.hertz) * 1e3
            );
        }
    }
    println!("(where the truth is 0 the value itself: var, percent)");
    Ok(())
}

/// Values of L1.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    watts: f64,
    vars: f64,
    volts: f64,
    distortion: f64,
    hertz: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Means {
    sums: Found,
    count: f64,
}

impl Means {
    fn add(&mut self, found: &Found) {
        self.sums.watts += found.watts;
        self.sums.vars += found.vars;
        self.sums.volts += found.volts;
        self.sums.distortion += found.distortion;
        self.sums.hertz += found.hertz;
        self.count += 1.0;
    }

    fn mean(&self) -> Found {
        let Found {
            watts,
            vars,
            volts,
            distortion,
            hertz,
        } = self.sums;
        Found {
            watts: watts / self.count,
            vars: vars / self.count,
            volts: volts / self.count,
            distortion: distortion / self.count,
            hertz: hertz / self.count,
        }
    }
}

/// All that the metrology does, gapless.
struct Everything {
    core: Core,
    quality: SupplyQuality,
    harmonics: GaplessHarmonics,
    millis: u64,
    distortion: f64,
    means: Means,
}

impl Everything {
    fn new(setup: &Setup) -> Fallible<Self> {
        Ok(Self {
            core: Core::new(setup)?,
            quality: SupplyQuality::new(setup, &QualitySetup::USUAL)?,
            harmonics: GaplessHarmonics::new(setup)?,
            millis: 0,
            distortion: 0.0,
            means: Means::default(),
        })
    }

    fn take(&mut self, samples: &[SampleSet]) -> u32 {
        let mut windows = 0;
        for block in samples.chunks(400) {
            let mut finished: [Option<Measurement>; 4] = [None; 4];
            let mut places = finished.iter_mut();
            self.core.push_block(block, |window| {
                if let Some(place) = places.next() {
                    *place = Some(*window);
                }
            });
            self.quality.push_block(block, |_finding| {});
            for window in finished.iter().flatten() {
                windows += 1;
                self.millis += window.duration_nanos / 1_000_000;
                self.quality.book(window, self.millis, |_finding| {});
                self.harmonics.expect_hertz(self.quality.expected_hertz());
                let [l1, ..] = &window.phases;
                self.means.add(&Found {
                    watts: l1.active_microwatts as f64 * 1e-6,
                    vars: l1.reactive_microvars as f64 * 1e-6,
                    volts: l1.voltage_microvolts as f64 * 1e-6,
                    distortion: self.distortion,
                    hertz: window.frequency_microhertz as f64 * 1e-6,
                });
            }
            let Self {
                quality,
                harmonics,
                distortion,
                ..
            } = self;
            harmonics.push_block(block, |spectrum| {
                if spectrum.channel == ferraris_metrology::Channel::I1 {
                    *distortion = f64::from(spectrum.thd_millionths.unwrap_or(0)) * 1e-4;
                }
                quality.book_spectrum(spectrum);
            });
        }
        windows
    }
}

/// `metrology_insight` as its own tests feed it: a nominal cycle of three voltages and three currents at once.
struct Peer {
    insight: MetrologyInsight,
    means: Means,
}

impl Peer {
    fn new() -> Self {
        let mut config = MetrologyInsightConfig {
            adc_samples_seconds: 8_000.0,
            adc_samples_per_cycle: 160.0,
            ..MetrologyInsightConfig::default()
        };
        config.avg_sec = 160.0 / 8_000.0; // as its README says
        let mut insight = MetrologyInsight::new(config);
        insight.set_nominal_voltage(230.0);
        Self {
            insight,
            means: Means::default(),
        }
    }

    /// Gives a tenth of the cycles, so that the number is like that of windows.
    fn take(&mut self, samples: &[SampleSet]) -> u32 {
        let mut cycles = 0;
        for cycle in samples.chunks_exact(160) {
            #[expect(clippy::cast_possible_truncation, reason = "the peer takes single precision")]
            for (phase, data) in self.insight.socket.phases.iter_mut().take(3).enumerate() {
                for (place, set) in cycle.iter().enumerate() {
                    data.voltage.real_wave[place] = (f64::from(set[phase]) * VOLTS_PER_LSB) as f32;
                    data.current.real_wave[place] = (f64::from(set[phase + 3]) * AMPS_PER_LSB) as f32;
                }
                data.voltage.real_wave_len = cycle.len();
                data.current.real_wave_len = cycle.len();
            }
            self.insight.process_and_update_metrics(3);
            for data in self.insight.socket.phases.iter_mut().take(3) {
                data.voltage.clear_samples();
                data.current.clear_samples();
            }
            cycles += 1;
            let [l1, ..] = &self.insight.socket.phases;
            self.means.add(&Found {
                watts: f64::from(l1.power_metrics.real_power),
                vars: f64::from(l1.power_metrics.reactive_power),
                volts: f64::from(l1.voltage.rms),
                distortion: f64::from(l1.current.thd),
                hertz: f64::from(l1.voltage.pll_state.freq_est),
            });
        }
        cycles / 10
    }
}

/// Sample sets a second.
fn timed(samples: &[SampleSet], mut measure: impl FnMut(&[SampleSet]) -> u32) -> f64 {
    let begun = (Instant::now(), on_cpu_nanos());
    let (mut windows, mut rounds) = (0, 0);
    loop {
        windows += measure(samples);
        rounds += 1;
        // Time on the core, where the system tells it: other programs may use the machine too.
        let seconds = match (begun.1, on_cpu_nanos()) {
            (Some(begun), Some(now)) => now.saturating_sub(begun) as f64 * 1e-9,
            _ => begun.0.elapsed().as_secs_f64(),
        };
        if LEAST_SECONDS <= seconds {
            assert!(windows > rounds * SECONDS * 4, "about five windows a second");
            return samples.len() as f64 * f64::from(rounds) / seconds;
        }
    }
}

/// Nanoseconds that this thread has run so far.
fn on_cpu_nanos() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Three phases of 230 V and 5 A with a fifth harmonic in the current.
fn supply(rate_hz: u32, hertz: f64, lag_turns: f64, fifth: f64, seconds: u32) -> Vec<SampleSet> {
    let volts = 230.0 * core::f64::consts::SQRT_2 / VOLTS_PER_LSB;
    let amperes = 5.0 * core::f64::consts::SQRT_2 / AMPS_PER_LSB;
    (0..rate_hz * seconds)
        .map(|n| {
            let turns = (hertz * f64::from(n) / f64::from(rate_hz)).fract();
            let sine = |order: f64, place: f64| libm::cos(core::f64::consts::TAU * (order * turns - place));
            #[expect(clippy::cast_possible_truncation, reason = "within 24 bits")]
            let code = |value: f64| libm::round(value) as i32;
            let current = |place: f64| {
                let place = place / 3.0 + lag_turns;
                amperes * (sine(1.0, place) + fifth * sine(5.0, 5.0 * place))
            };
            [
                code(volts * sine(1.0, 0.0)),
                code(volts * sine(1.0, 1.0 / 3.0)),
                code(volts * sine(1.0, 2.0 / 3.0)),
                code(current(0.0)),
                code(current(1.0)),
                code(current(2.0)),
                code(current(0.0) + current(1.0) + current(2.0)),
            ]
        })
        .collect()
}
