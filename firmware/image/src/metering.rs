//! The legally relevant part at work: frames into samples, samples into the chain, windows into the meter, energy into the LEDs.

use base::Instant;
use board::say;
use frontend::{AMPS_PER_LSB, Assembler, Faults, Frames as _, Health, Measuring, RATE_HZ, VOLTS_PER_LSB};
use meter::{Config, Input, Trouble};
use metrology::{Measurement, NominalFrequency, Parameters, SampleSet, Setup, SetupError};

use crate::converter::Converter;
use crate::probe::Probe;
use crate::restart::Living;
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
    /// Of the sealed parameters that it measures with.
    checksum: u32,
    windows: u32,
    first_measured: Option<Instant>,
}

impl Metering {
    /// Starts the samples, measured with the sealed parameters.
    pub(crate) fn begin(living: &Living, probe: &Probe, now: Instant) -> Result<Self, SetupError> {
        let model = living.meter.model();
        let measuring = Measuring::new(
            &setup(&model.config),
            &parameters(living),
            model.config.constant,
            &model.registers,
        )?;
        let assembler = Assembler::new(0);
        Ok(Self {
            converter: Converter::begin(now, faults(probe)),
            health: assembler.health(),
            assembler,
            sampler: Sampler {
                measuring,
                checksum: checksum(living),
                windows: 0,
                first_measured: None,
            },
        })
    }

    /// Takes every half that is full.
    pub(crate) fn run(&mut self, now: Instant, living: &mut Living) {
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
            let mut each = |sets: &[SampleSet]| sampler.take(now, sets, living);
            let taken = converter.take(&mut |first, frames| {
                assembler.block(first, frames, &mut each);
            });
            if !taken {
                assembler.catch_up(converter.due(), &mut each);
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

    /// When the next half is full.
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
    /// A block; a window that it finishes goes to the meter.
    fn take(&mut self, now: Instant, sets: &[SampleSet], living: &mut Living) {
        if let Some(measurement) = &self.measuring.push(sets) {
            self.measure(now, measurement, living);
        }
    }

    fn measure(&mut self, now: Instant, measurement: &Measurement, living: &mut Living) {
        self.windows = self.windows.wrapping_add(1);
        if self.first_measured.is_none() {
            self.first_measured = Some(now);
            trace::note(now, Event::Measured);
        }
        // The emulated board has no lamp: the pulses are counted.
        self.measuring.light(measurement, |_sample| {});
        living.step(now, Input::Measured(measurement));
        self.measuring
            .spectra(|spectrum| living.step(now, Input::Spectrum(spectrum)));
        if let Some(distortion) = self.measuring.news_of_distortion() {
            living.step(now, Input::Distortion(distortion));
        }
    }

    /// When the sealed parameters have changed, the metrology measures on with the new ones.
    fn follow_parameters(&mut self, living: &Living) {
        let checksum = checksum(living);
        if checksum != self.checksum {
            self.checksum = checksum;
            let model = living.meter.model();
            // What came out of the sealed memory was checked there.
            let _taken = self
                .measuring
                .adjust(&parameters(living), model.config.constant, &model.registers);
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
