//! Tests of supply quality: flicker vectors, harmonics, dips, swells, interruptions, rapid changes, frequency, unbalance, aggregation.
//! Each is held against the closed form of what the source gives.

use std::collections::BTreeMap;

use metrology::{
    Channel, Core, Flicker, GaplessHarmonics, Lamp, Measurement, NominalFrequency, Phase, QualityFinding, QualitySetup,
    Setup, SetupError, SupplyQuality, Unbalance, VoltageEventKind, VoltageFinding, VoltageThresholds, VoltageWatch,
};

use super::source::{Converter, Course, Tone, edge};
use super::specimen::Specimen;
use super::trial::Outcome;
use super::warm_supply::{self, OfWarm};

/// A test of supply quality; what it finds is an error in the unit of its row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SupplyTest {
    /// Pst of rectangular changes that should have a Pst of `scale`, in percent of it.
    ShortTerm {
        lamp: Lamp,
        nominal: NominalFrequency,
        percent: f64,
        a_minute: f64,
        scale: f64,
    },
    /// The greatest Pinst of fluctuations that should have 1, in percent.
    Instantaneous {
        rectangular: bool,
        hertz: f64,
        percent: f64,
    },
    /// Harmonics of 1 % each, in percent of the harmonic; the worst of all channels.
    Harmonics { hertz: f64, of: Channels, what: OfSpectrum },
    /// A dip, swell or interruption at eight moments of a cycle, the worst.
    Event {
        kind: VoltageEventKind,
        part: f64,
        cycles: f64,
        what: OfEvent,
    },
    /// A step of the voltage, its size in percent of Udin.
    RapidChange { part: f64, steady: bool },
    /// Frequency in millihertz, over 10 s or the worst of single windows.
    Frequency { hertz: f64, ten_seconds: bool },
    /// u2 or u0 of unequal voltages, in percent points.
    Unbalance { zero: bool },
    /// Rms voltage of windows, the worst, in percent.
    Voltage { percent: f64, hertz: f64 },
    /// Rms current of windows, the mean, in percent.
    Current { amps: f64 },
    /// Urms(1/2), the worst, in percent of Udin.
    HalfCycles { hertz: f64 },
    /// Rms voltage of an aggregate whose windows differ, in percent.
    Aggregate { seconds: f64 },
    /// A quantity of the quality path at a temperature, in percent.
    Warm { celsius: f64, of: OfWarm },
    /// P or Q1 of ideal sensors that only round, in percent: the energy of a minute, or the worst window.
    Ideal { amps: f64, reactive: bool, window: bool },
}

/// Channels of a spectrum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channels {
    Voltages,
    Currents,
}

/// What of a spectrum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfSpectrum {
    To40,
    Above40,
    Distortion,
}

/// What of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfEvent {
    /// In percent of Udin.
    Extreme,
    /// In cycles.
    Duration,
}

/// The distortion of metrology.md: 5.8 % in the voltage.
const VOLTAGE_TONES: [Tone; 4] = [
    (3.0, 0.03, 40.0),
    (5.0, 0.04, -70.0),
    (7.0, 0.025, 110.0),
    (11.0, 0.015, 10.0),
];
/// 23 % in the current.
const CURRENT_TONES: [Tone; 4] = [
    (3.0, 0.18, 65.0),
    (5.0, 0.12, -20.0),
    (7.0, 0.07, 160.0),
    (11.0, 0.03, 5.0),
];
const UDIN: f64 = 230.0;

impl SupplyTest {
    /// The time that it simulates, for the order of the trials.
    pub(super) const fn seconds(&self) -> f64 {
        match self {
            Self::ShortTerm { .. } => 660.0,
            Self::Instantaneous { .. } | Self::Ideal { .. } => 60.0,
            Self::Event { cycles, .. } => 8.0 * (3.0 + *cycles / 50.0),
            Self::Aggregate { seconds } => *seconds,
            _ => 12.0,
        }
    }

    pub(super) fn run(&self, specimen: &Specimen, seed: u64) -> anyhow::Result<Outcome> {
        let setup = &specimen.setup;
        let value = match *self {
            Self::ShortTerm {
                lamp,
                nominal,
                percent,
                a_minute,
                scale,
            } => short_term(specimen, seed, lamp, nominal, percent * scale, a_minute)? / scale * 100.0 - 100.0,
            Self::Instantaneous {
                rectangular,
                hertz,
                percent,
            } => instantaneous(specimen, seed, rectangular, hertz, percent)? * 100.0 - 100.0,
            Self::Harmonics { hertz, of, what } => return Ok(harmonics(specimen, seed, hertz, of, what)?),
            Self::Event {
                kind,
                part,
                cycles,
                what,
            } => {
                let mut worst = 0.0;
                for turn in 0..8_u8 {
                    let begin = 1.5 + 0.0025 * f64::from(turn);
                    let error = event(specimen, seed ^ u64::from(turn), kind, part, begin, cycles, what)?;
                    worst = further(worst, error);
                }
                worst
            }
            Self::RapidChange { part, steady } => rapid_change(specimen, seed, part, steady)?,
            Self::Frequency { hertz, ten_seconds } => {
                let course = Course {
                    hertz,
                    voltage_tones: &VOLTAGE_TONES,
                    ..Course::plain()
                };
                let mut mean = metrology::MeanFrequency::default();
                let mut worst = 0.0;
                windows(setup, Converter::of(specimen, setup, seed), &course, 11.2, |window| {
                    mean.book(window);
                    let found = window.frequency_microhertz as f64 * 1e-6;
                    worst = further(worst, (found - hertz) * 1e3);
                })?;
                let found = mean.close().map_or(f64::INFINITY, |it| it as f64 * 1e-6);
                if ten_seconds { (found - hertz) * 1e3 } else { worst }
            }
            Self::Unbalance { zero } => unbalance(specimen, seed, zero)?,
            Self::Voltage { percent, hertz } => {
                let volts = UDIN * percent / 100.0;
                let course = Course {
                    hertz,
                    volts,
                    voltage_tones: &VOLTAGE_TONES,
                    ..Course::plain()
                };
                let truth = volts * Course::rms(&VOLTAGE_TONES);
                let mut worst = 0.0;
                windows(setup, Converter::of(specimen, setup, seed), &course, 5.0, |window| {
                    let found = window.phases[0].voltage_microvolts as f64 * 1e-6;
                    worst = further(worst, (found / truth - 1.0) * 100.0);
                })?;
                worst
            }
            Self::Current { amps } => {
                let course = Course {
                    amps,
                    current_tones: &CURRENT_TONES,
                    ..Course::plain()
                };
                let truth = amps * Course::rms(&CURRENT_TONES);
                let (mut sum, mut count) = (0.0, 0.0);
                windows(setup, Converter::of(specimen, setup, seed), &course, 10.0, |window| {
                    sum += window.phases[0].current_microamperes as f64 * 1e-6;
                    count += 1.0;
                })?;
                (sum / count / truth - 1.0) * 100.0
            }
            Self::HalfCycles { hertz } => {
                let course = Course {
                    hertz,
                    voltage_tones: &VOLTAGE_TONES,
                    ..Course::plain()
                };
                let truth = UDIN * Course::rms(&VOLTAGE_TONES);
                let mut watch = VoltageWatch::new(setup, &VoltageThresholds::USUAL)?;
                let mut worst = 0.0;
                Converter::of(specimen, setup, seed).run(&course, setup, 5.0, |block| {
                    watch.push_block(block, |finding| {
                        if let VoltageFinding::HalfCycle(cycle) = finding
                            && 1.5 < cycle.from.seconds(setup.rate_hz)
                        {
                            let found = cycle.voltage_microvolts as f64 * 1e-6;
                            worst = further(worst, (found - truth) / UDIN * 100.0);
                        }
                    });
                });
                worst
            }
            Self::Warm { celsius, of } => warm_supply::error_at(specimen, seed, celsius, of)?,
            Self::Aggregate { seconds } => aggregate(specimen, seed, seconds)?,
            Self::Ideal { amps, reactive, window } => ideal(specimen, amps, reactive, window)?,
        };
        Ok(Outcome::of(value))
    }
}

/// Whichever is further from nothing.
fn further(one: f64, other: f64) -> f64 {
    if one.abs() < other.abs() { other } else { one }
}

/// A single voltage for flicker: three would say the same thrice.
fn flicker_setup(specimen: &Specimen, lamp: Lamp, nominal: NominalFrequency) -> Setup {
    let mut setup = specimen.setup.clone();
    setup.channels = metrology::ChannelSet::NONE.with(Channel::V1);
    setup.nominal_frequency = nominal;
    setup.nominal_volts = match lamp {
        Lamp::V230 => 230.0,
        Lamp::V120 => 120.0,
    };
    setup
}

/// A rectangle of 1 and -1 that changes `hertz` times two a second, its edges band-limited.
fn rectangle(hertz: f64, seconds: f64) -> f64 {
    let half = 0.5 / hertz;
    let place = (seconds / half).floor();
    let sign = if place.rem_euclid(2.0) == 0.0 { 1.0 } else { -1.0 };
    let (begin, end) = (place * half, (place + 1.0) * half);
    sign * (2.0 * edge(seconds, begin) - 1.0 - 2.0 * edge(seconds, end))
}

fn short_term(
    specimen: &Specimen,
    seed: u64,
    lamp: Lamp,
    nominal: NominalFrequency,
    percent: f64,
    a_minute: f64,
) -> Result<f64, SetupError> {
    let setup = flicker_setup(specimen, lamp, nominal);
    let mut flicker = Flicker::new(&setup, lamp)?;
    let course = Course {
        hertz: nominal.hertz(),
        volts: setup.nominal_volts,
        amps: 0.0,
        part: &|_phase, seconds| 1.0 + percent / 200.0 * rectangle(a_minute / 120.0, seconds),
        ..Course::plain()
    };
    let mut begun = 0;
    Converter::of(specimen, &setup, seed).run(&course, &setup, 660.0, |block| {
        if begun == 1_200 {
            let _settling = flicker.short_term_thousandths();
        }
        begun += 1;
        flicker.push_block(block);
    });
    let [pst, ..] = flicker.short_term_thousandths();
    Ok(pst.map_or(f64::INFINITY, |pst| f64::from(pst) / 1e3))
}

fn instantaneous(
    specimen: &Specimen,
    seed: u64,
    rectangular: bool,
    hertz: f64,
    percent: f64,
) -> Result<f64, SetupError> {
    let setup = flicker_setup(specimen, Lamp::V230, NominalFrequency::Hz50);
    let mut flicker = Flicker::new(&setup, Lamp::V230)?;
    let course = Course {
        hertz: 50.0,
        amps: 0.0,
        part: &|_phase, seconds| {
            let wave = if rectangular {
                rectangle(hertz, seconds)
            } else {
                (core::f64::consts::TAU * hertz * seconds).sin()
            };
            1.0 + percent / 200.0 * wave
        },
        ..Course::plain()
    };
    let (mut begun, mut greatest) = (0, 0);
    Converter::of(specimen, &setup, seed).run(&course, &setup, 60.0, |block| {
        begun += 1;
        for part in block.chunks(40) {
            flicker.push_block(part);
            if 900 < begun {
                greatest = greatest.max(flicker.instantaneous_thousandths(Phase::L1).unwrap_or(0));
            }
        }
    });
    Ok(f64::from(greatest) / 1e3)
}

/// Runs a meter and hands its windows to `each` from the second second on.
fn windows(
    setup: &Setup,
    mut converter: Converter,
    course: &Course<'_>,
    seconds: f64,
    mut each: impl FnMut(&Measurement),
) -> Result<(), SetupError> {
    let mut core = Core::new(setup)?;
    converter.run(course, setup, seconds, |block| {
        core.push_block(block, |window| {
            if 1.0 < window.from.seconds(setup.rate_hz) {
                each(window);
            }
        });
    });
    Ok(())
}

fn harmonics(
    specimen: &Specimen,
    seed: u64,
    hertz: f64,
    of: Channels,
    what: OfSpectrum,
) -> Result<Outcome, SetupError> {
    let setup = &specimen.setup;
    let comb: Vec<Tone> = (2..=50_u32)
        .map(|order| (f64::from(order), 0.01, f64::from(order * order * 37 % 360)))
        .collect();
    let course = Course {
        hertz,
        voltage_tones: &comb,
        current_tones: &comb,
        ..Course::plain()
    };
    let mut core = Core::new(setup)?;
    let mut gapless = GaplessHarmonics::new(setup)?;
    let mut sums = metrology::HarmonicSums::new();
    Converter::of(specimen, setup, seed).run(&course, setup, 4.0, |block| {
        core.push_block(block, |window| {
            let hertz = window.frequency_microhertz as f64 * 1e-6;
            gapless.expect_hertz(window.synchronised.then_some(hertz));
        });
        gapless.push_block(block, |spectrum| {
            if 1.0 < spectrum.from.seconds(setup.rate_hz) {
                sums.add(spectrum);
            }
        });
    });
    let means = sums.means();
    let mut worst = 0.0;
    let mut by_order: BTreeMap<u8, f64> = BTreeMap::new();
    for channel in setup.channels.iter().filter(|channel| match of {
        Channels::Voltages => channel.is_voltage(),
        Channels::Currents => !channel.is_voltage() && *channel != Channel::In,
    }) {
        let orders = match what {
            OfSpectrum::To40 => 2..=40,
            OfSpectrum::Above40 => 41..=50,
            OfSpectrum::Distortion => {
                // As far as the sampling rate lets orders through.
                let seen = (2..=50).filter(|order| means.harmonic_millionths(channel, *order).is_some());
                let truth = (seen.count() as f64).sqrt() * 1e4;
                let found = means.thd_millionths(channel).map_or(f64::INFINITY, f64::from);
                worst = further(worst, (found / truth - 1.0) * 100.0);
                continue;
            }
        };
        for order in orders {
            let error = match means.harmonic_millionths(channel, order) {
                Some(found) => (f64::from(found) / 1e4 - 1.0) * 100.0,
                None if order <= 40 => f64::INFINITY,
                None => continue,
            };
            worst = further(worst, error);
            let of_order = by_order.entry(order).or_default();
            *of_order = further(*of_order, error);
        }
    }
    Ok(Outcome {
        orders: by_order.into_iter().collect(),
        ..Outcome::of(worst)
    })
}

fn event(
    specimen: &Specimen,
    seed: u64,
    kind: VoltageEventKind,
    part: f64,
    begin: f64,
    cycles: f64,
    what: OfEvent,
) -> Result<f64, SetupError> {
    let setup = &specimen.setup;
    let end = begin + cycles / 50.0;
    let course = Course {
        hertz: 50.0,
        amps: 0.0,
        voltage_tones: &VOLTAGE_TONES,
        part: &|phase, seconds| {
            if kind != VoltageEventKind::Interruption && phase != 0 {
                return 1.0;
            }
            1.0 + (part - 1.0) * (edge(seconds, begin) - edge(seconds, end))
        },
        ..Course::plain()
    };
    let mut watch = VoltageWatch::new(setup, &VoltageThresholds::USUAL)?;
    let (mut found, mut count) = (f64::INFINITY, 0);
    Converter::of(specimen, setup, seed).run(&course, setup, end + 1.0, |block| {
        watch.push_block(block, |finding| {
            if let VoltageFinding::Ended(event) = finding
                && event.kind == kind
            {
                count += 1;
                found = match what {
                    OfEvent::Extreme => {
                        let truth = part * UDIN * Course::rms(&VOLTAGE_TONES);
                        (event.extreme_microvolts as f64 * 1e-6 - truth) / UDIN * 100.0
                    }
                    OfEvent::Duration => {
                        let seconds = event.duration_raw as f64 / 65_536.0 / setup.rate_hz;
                        // A moment is known to a sample.
                        let samples = ((seconds - (end - begin)) * setup.rate_hz).round();
                        samples / setup.rate_hz * 50.0
                    }
                };
            }
        });
    });
    Ok(if count == 1 { found } else { f64::INFINITY })
}

fn rapid_change(specimen: &Specimen, seed: u64, part: f64, steady: bool) -> Result<f64, SetupError> {
    let setup = &specimen.setup;
    // Down by twice the step for 0.1 s, then half the way back.
    let course = Course {
        hertz: 50.0,
        amps: 0.0,
        part: &|phase, seconds| {
            if phase != 0 {
                return 1.0;
            }
            1.0 - 2.0 * part * edge(seconds, 3.0) + part * edge(seconds, 3.1)
        },
        ..Course::plain()
    };
    let mut quality = SupplyQuality::new(setup, &QualitySetup::USUAL)?;
    let (mut found, mut count) = (f64::INFINITY, 0);
    Converter::of(specimen, setup, seed).run(&course, setup, 6.0, |block| {
        quality.push_block(block, |finding| {
            if let QualityFinding::RapidChange(change) = finding {
                count += 1;
                let (microvolts, truth) = if steady {
                    (change.steady_microvolts, part)
                } else {
                    (change.greatest_microvolts, 2.0 * part)
                };
                found = (f64::from(microvolts) * 1e-6 / UDIN - truth) * 100.0;
            }
        });
    });
    Ok(if count == 1 { found } else { f64::INFINITY })
}

fn unbalance(specimen: &Specimen, seed: u64, zero: bool) -> Result<f64, SetupError> {
    let setup = &specimen.setup;
    let (parts, places) = ([1.0, 0.93, 1.04], [0.0, -122.0, 119.0]);
    let course = Course {
        amps: 0.0,
        voltage_tones: &VOLTAGE_TONES,
        places,
        part: &|phase, _seconds| parts[phase],
        ..Course::plain()
    };
    let sequence = |turn: f64| {
        let terms = parts.iter().zip(places).zip([0.0, 1.0, 2.0]);
        let (re, im) = terms.fold((0.0, 0.0), |(re, im), ((part, degrees), place)| {
            let angle: f64 = (degrees + turn * place).to_radians();
            (re + part * angle.cos(), im + part * angle.sin())
        });
        re.hypot(im)
    };
    let truth = if zero { sequence(0.0) } else { sequence(-120.0) } / sequence(120.0) * 100.0;
    let mut worst = f64::INFINITY;
    windows(setup, Converter::of(specimen, setup, seed), &course, 4.0, |window| {
        let found = Unbalance::of(window).map_or(f64::INFINITY, |it| {
            f64::from(if zero {
                it.zero_millionths
            } else {
                it.negative_millionths
            }) * 1e-4
        });
        let error = found - truth;
        worst = if worst.is_finite() {
            further(worst, error)
        } else {
            error
        };
    })?;
    Ok(worst)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds and steps of ten minutes"
)]
fn aggregate(specimen: &Specimen, seed: u64, seconds: f64) -> Result<f64, SetupError> {
    let setup = &specimen.setup;
    // The voltage changes by 5 % every ten windows of 200 ms of its own frequency.
    let course = Course {
        hertz: 50.0,
        amps: 0.0,
        part: &|_phase, seconds| 1.0 + 0.025 * rectangle(0.25, seconds - 0.2),
        ..Course::plain()
    };
    let mut core = Core::new(setup)?;
    let mut quality = SupplyQuality::new(setup, &QualitySetup::USUAL)?;
    let mut found = Vec::new();
    // The clock is a little before a 10-minute tick, so that the last interval is a whole one.
    let start = 1_785_715_200_000 + 600_000 - 4_000;
    Converter::of(specimen, setup, seed).run(&course, setup, seconds + 5.0, |block| {
        core.push_block(block, |window| {
            let millis = (window.to.seconds(setup.rate_hz) * 1e3) as u64;
            quality.book(window, start + millis, |finding| match finding {
                QualityFinding::Cycles(it) if seconds < 500.0 => found.push((it.from, it.to, it.voltage_microvolts[0])),
                QualityFinding::TenMinutes(it) => {
                    let it = &it.aggregate;
                    found.push((it.from, it.to, it.voltage_microvolts[0]));
                }
                _ => {}
            });
        });
    });
    let Some((from, to, microvolts)) = found.last() else {
        return Ok(f64::INFINITY);
    };
    // The mean square of the course over the aggregate's span, by the closed form of its amplitude.
    let (from, to) = (from.seconds(setup.rate_hz), to.seconds(setup.rate_hz));
    let steps = ((to - from) * 20_000.0).ceil();
    let square: f64 = (0..steps as u32)
        .map(|n| {
            let at = from + (f64::from(n) + 0.5) / steps * (to - from);
            2.0 * ((course.part)(0, at) * (core::f64::consts::TAU * (course.hertz * at).fract()).sin()).powi(2)
        })
        .sum::<f64>()
        / steps;
    Ok((*microvolts as f64 * 1e-6 / (UDIN * square.sqrt()) - 1.0) * 100.0)
}

fn ideal(specimen: &Specimen, amps: f64, reactive: bool, single: bool) -> Result<f64, SetupError> {
    let converter = &specimen.converter;
    let rate_hz = f64::from(converter.rate_hz);
    let mut setup = Setup::three_phase(rate_hz, converter.volts_per_lsb(), converter.amps_per_lsb());
    setup.channels = specimen.setup.channels;
    setup.starting_amperes = 0.0;
    let course = Course {
        amps,
        lag_degrees: 60.0,
        voltage_tones: &VOLTAGE_TONES,
        current_tones: &CURRENT_TONES,
        ..Course::plain()
    };
    let harmonic: f64 = VOLTAGE_TONES
        .iter()
        .zip(&CURRENT_TONES)
        .map(|((order, u, at), (_order, i, with))| {
            // The current's tones turn with its fundamental.
            u * i * (at - with + order * 60.0).to_radians().cos()
        })
        .sum();
    let truth = UDIN
        * amps
        * if reactive {
            60.0_f64.to_radians().sin()
        } else {
            0.5 + harmonic
        };
    let (mut worst, mut joules, mut seconds) = (0.0, 0.0, 0.0);
    windows(&setup, Converter::ideal(&setup), &course, 61.0, |window| {
        let energy = &window.phases[0].energy;
        let micro = if reactive {
            energy.reactive_microvarseconds
        } else {
            energy.active_microjoules
        };
        let duration = window.duration_nanos as f64 * 1e-9;
        joules += micro as f64 * 1e-6;
        seconds += duration;
        worst = further(worst, (micro as f64 * 1e-6 / duration / truth - 1.0) * 100.0);
    })?;
    Ok(if single {
        worst
    } else {
        (joules / seconds / truth - 1.0) * 100.0
    })
}
