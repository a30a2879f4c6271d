//! The legally relevant part at work: frames into samples, samples into the chain, windows into the meter, energy into the LEDs.

use base::{Instant, Micros};
use board::say;
use frontend::{
    AMPS_PER_LSB, Assembler, Faults, Frames as _, Health, Measuring, News, RATE_HZ, Told, VOLTS_PER_LSB, Warmth,
    supply_quality,
};
use meter::limits::KEPT_OCTETS;
use meter::{Config, Input, Trouble};
use metrology::{NominalFrequency, Parameters, SampleSet, Setup, SetupError, SupplyQuality};

use crate::converter::Converter;
use crate::probe::Probe;
use crate::restart::Living;
use crate::thermometer::ProbedThermometer;
use crate::trace::{self, Event};

/// The chain with what feeds it and what hangs on it.
pub(crate) struct Metering {
    converter: Converter,
    assembler: Assembler,
    sampler: Sampler,
    /// As it was known after the last pass.
    health: Health,
}

/// What takes the samples, and what came of them.
struct Sampler {
    measuring: Measuring,
    quality: &'static mut SupplyQuality,
    /// Of the sealed parameters that it measures with.
    checksum: u32,
    /// Of the LEDs.
    constant: u32,
    warmth: Warmth,
    /// When the first sample was taken.
    began: Instant,
    windows: u32,
    first_measured: Option<Instant>,
}

impl Metering {
    /// Starts the samples, measured with the sealed parameters.
    pub(crate) fn begin(
        living: &Living,
        quality: &'static mut SupplyQuality,
        probe: &Probe,
        now: Instant,
    ) -> Result<Self, SetupError> {
        let model = living.meter.model();
        let measuring = Measuring::new(
            quality,
            &setup(&model.config),
            &parameters(living),
            model.led_constant(),
            &model.registers,
        )?;
        resume_week(quality, living, now);
        let assembler = Assembler::new(0);
        Ok(Self {
            converter: Converter::begin(now, faults(probe)),
            health: assembler.health(),
            assembler,
            sampler: Sampler {
                measuring,
                quality,
                checksum: checksum(living),
                constant: living.meter.model().led_constant(),
                warmth: Warmth::ROOM,
                began: now,
                windows: 0,
                first_measured: None,
            },
        })
    }

    /// Looks at the thermometer when it is time, then takes every half that is full.
    pub(crate) fn run(&mut self, now: Instant, probe: &Probe, living: &mut Living) {
        self.sampler.feel(now, probe, living);
        // The assembler fills the hole when the next frames come.
        let lost = self.converter.advance(now);
        if lost != 0 {
            trace::note(now, Event::Overrun(lost));
        }
        loop {
            let Self {
                converter,
                assembler,
                sampler,
                ..
            } = self;
            let taken = converter.take(&mut |first, frames| {
                let end = sampler.time_of(first + frames.len() as u64);
                assembler.block(first, frames, &mut |sets| sampler.take(now, end, sets, living));
            });
            if !taken {
                let end = sampler.time_of(converter.due());
                assembler.catch_up(converter.due(), &mut |sets| sampler.take(now, end, sets, living));
                break;
            }
        }
        self.sampler.follow_parameters(living);
        self.watch_converter(now, living);
    }

    fn watch_converter(&mut self, now: Instant, living: &mut Living) {
        let (before, health) = (self.health, self.assembler.health());
        self.health = health;
        let many_damaged = before.damaged.saturating_add(MANY_DAMAGED) < health.damaged;
        if health.stopped && !before.stopped {
            trace::note(now, Event::ConverterStopped);
        } else if before.stopped && !health.stopped {
            trace::note(now, Event::ConverterResumed);
        }
        if health.stopped || many_damaged {
            living.step(now, Input::Trouble(Trouble::Measurement));
        }
    }

    /// When the next half is full; the thermometer waits for that.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        self.converter.next(now)
    }

    /// Prints what was counted.
    pub(crate) fn say(&self) {
        let Sampler {
            measuring,
            windows,
            first_measured,
            ..
        } = &self.sampler;
        let [active, reactive] = measuring.pulses();
        say!("windows {windows}");
        say!("first_measured_us {}", first_measured.map_or(0, Instant::as_micros));
        say!("pulses {active} {reactive}");
        let Health {
            damaged, lost, stops, ..
        } = self.health;
        say!(
            "halves {} overruns {} damaged {damaged} lost {lost} stops {stops}",
            self.converter.halves(),
            self.converter.overruns()
        );
    }
}

impl Sampler {
    /// When the sample with this number is due.
    fn time_of(&self, sample: u64) -> Instant {
        self.began + Micros::new(sample * MICROS_PER_SAMPLE)
    }

    /// Samples that were taken until `end`; what comes of them goes to the meter.
    fn take(&mut self, now: Instant, end: Instant, sets: &[SampleSet], living: &mut Living) {
        let Self {
            measuring,
            quality,
            windows,
            first_measured,
            ..
        } = self;
        measuring.take(quality, sets, unix_millis(living, end), |told| match told {
            Told::Window(measurement) => {
                *windows = windows.wrapping_add(1);
                if first_measured.is_none() {
                    *first_measured = Some(now);
                    trace::note(now, Event::Measured);
                }
                living.step(now, Input::Measured(measurement));
            }
            // The emulated board has no lamp: the pulses are counted.
            Told::Pulse(_sample) => {}
            Told::Finding(finding) => living.step(
                now,
                Input::Quality {
                    finding,
                    rate_hz: RATE_HZ,
                },
            ),
            Told::Spectrum(spectrum) => living.step(now, Input::Spectrum(spectrum)),
            Told::Distortion(distortion) => living.step(now, Input::Distortion(distortion)),
        });
    }

    /// When the sealed parameters have changed, the metrology measures on with the new ones; or the LEDs alone, with another constant.
    fn follow_parameters(&mut self, living: &Living) {
        let (checksum, constant) = (checksum(living), living.meter.model().led_constant());
        let is_calibrated = checksum != self.checksum;
        if !is_calibrated && constant == self.constant {
            return;
        }
        (self.checksum, self.constant) = (checksum, constant);
        let (parameters, registers) = (parameters(living), &living.meter.model().registers);
        // What came out of the sealed memory was checked there.
        let _taken = if is_calibrated {
            self.measuring.adjust(self.quality, &parameters, constant, registers)
        } else {
            self.measuring.pulse(&parameters, constant, registers)
        };
    }

    /// Follows the thermometer, and tells the meter of it.
    fn feel(&mut self, now: Instant, probe: &Probe, living: &mut Living) {
        let Some(look) = self.warmth.look(now, &mut ProbedThermometer { probe, now }) else {
            return;
        };
        if look.changed {
            self.measuring
                .warm(self.quality, &parameters(living), self.warmth.celsius());
        }
        match look.news {
            Some(News::Shows(celsius)) => living.step(now, Input::Temperature(celsius)),
            Some(News::Fails) => living.step(now, Input::Trouble(Trouble::Thermometer)),
            None => {}
        }
    }
}

/// The sealed parameters; ideal ones when they cannot be read, which the meter has told as an error of the measuring system.
fn parameters(living: &Living) -> Parameters {
    living
        .meter
        .parameters(&living.hardware.nvm)
        .unwrap_or(Parameters::IDEAL)
}

fn checksum(living: &Living) -> u32 {
    let store = living.meter.model().legal.store();
    store.map_or(0, metrology::SealedStore::checksum)
}

/// The quality of the supply, for [`Metering::begin`].
pub(crate) fn quality(living: &Living) -> Result<SupplyQuality, SetupError> {
    supply_quality(&setup(&living.meter.model().config), &parameters(living))
}

/// The week of the supply's quality outlives the power.
#[inline(never)]
fn resume_week(quality: &mut SupplyQuality, living: &Living, now: Instant) {
    let mut buffer = [0; KEPT_OCTETS];
    if let Some(record) = living.meter.kept_week(&living.hardware.nvm, &mut buffer) {
        // A record that is damaged, or from a time to come, leaves a new week.
        let _goes_on = quality.resume(record, unix_millis(living, now));
    }
}

/// The meter's time at `at` in milliseconds since 1970.
fn unix_millis(living: &Living, at: Instant) -> u64 {
    u64::try_from(living.meter.model().clock.micros(at) / 1_000).unwrap_or(0)
}

/// What a test wants to go wrong with the converter.
fn faults(probe: &Probe) -> Faults {
    let number = |at: Option<Instant>, otherwise| {
        at.map_or(otherwise, |at: Instant| {
            at.as_micros().saturating_mul(u64::from(RATE_HZ)) / 1_000_000
        })
    };
    Faults {
        damage_every: probe.damage_every,
        stopped: number(probe.stop_from, u64::MAX)..number(probe.stop_to, u64::MAX),
    }
}

fn setup(config: &Config) -> Setup {
    let rate = f64::from(RATE_HZ);
    let mut setup = if config.variant.is_three_phase() {
        Setup::three_phase(rate, VOLTS_PER_LSB, AMPS_PER_LSB)
    } else {
        Setup::single_phase(rate, VOLTS_PER_LSB, AMPS_PER_LSB)
    };
    setup.nominal_frequency = if config.nominal_hertz == 60 {
        NominalFrequency::Hz60
    } else {
        NominalFrequency::Hz50
    };
    setup.nominal_volts = f64::from(config.nominal_volts);
    // Starting currents of class B (EN 50470-3): 0.4 % of the reference current, 0.2 % of the nominal one behind transformers.
    setup.starting_amperes =
        f64::from(config.variant.basic_amperes()) * if config.variant.is_direct() { 0.004 } else { 0.002 };
    setup
}

/// Damaged frames in one pass that are worth an event: a tenth of a half.
const MANY_DAMAGED: u32 = 3;
const MICROS_PER_SAMPLE: u64 = 1_000_000 / RATE_HZ as u64;
