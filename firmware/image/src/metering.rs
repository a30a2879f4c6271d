//! The legally relevant part at work: frames into samples, samples into the chain, windows into the meter, energy into the LEDs.

use base::Instant;
use board::say;
use frontend::{AMPS_PER_LSB, Assembler, Faults, Frames as _, Health, RATE_HZ, VOLTS_PER_LSB};
use meter::{Config, Input, Meter, Trouble};
use metrology::{
    Chain, Channel, Element, Measurement, NominalFrequency, PulseQuantity, Pulses, Quantity, SampleSet, Setup,
    SetupError,
};

use crate::converter::Converter;
use crate::probe::Probe;
use crate::restart::Living;
use crate::trace::{self, Event};

/// The chain with what feeds it and what hangs on it.
pub(crate) struct Metering {
    converter: Converter,
    assembler: Assembler,
    chain: Chain,
    leds: [Pulses; 2],
    distortion: [Option<u16>; 6],
    /// As it was known after the last pass.
    health: Health,
    windows: u32,
    first_measured: Option<Instant>,
}

impl Metering {
    /// Starts the samples.
    pub(crate) fn begin(config: &Config, meter: &Meter, probe: &Probe, now: Instant) -> Result<Self, SetupError> {
        let registers = &meter.model().registers;
        let counted = |quantity| registers.micro(quantity, Element::Total).unsigned_abs();
        let led = |quantity, counted| {
            Pulses::new(quantity, registers.direction(), config.constant, counted).expect("the order was checked")
        };
        let reactive = counted(Quantity::ReactiveImport).wrapping_add(counted(Quantity::ReactiveExport));
        let leds = [
            led(PulseQuantity::Active, counted(Quantity::ActiveAbsolute)),
            led(PulseQuantity::Reactive, reactive),
        ];
        let assembler = Assembler::new(0);
        Ok(Self {
            converter: Converter::begin(now, faults(probe)),
            health: assembler.health(),
            assembler,
            chain: Chain::new(&setup(config))?,
            leds,
            distortion: [None; 6],
            windows: 0,
            first_measured: None,
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
                chain,
                ..
            } = self;
            // A window has 1 600 sets or more and a half 32: it finishes one window at most, unless it fills a hole before it; then the
            // windows before the last are silence.
            let mut finished: Option<Measurement> = None;
            let mut each = |sets: &[SampleSet]| chain.push_block(sets, |measurement| finished = Some(*measurement));
            let taken = converter.take(&mut |first, frames| {
                assembler.block(first, frames, &mut each);
            });
            if !taken {
                assembler.catch_up(converter.due(), &mut each);
            }
            if let Some(measurement) = &finished {
                self.measure(now, measurement, living);
            }
            if !taken {
                break;
            }
        }
        self.watch_converter(now, living);
    }

    fn measure(&mut self, now: Instant, measurement: &Measurement, living: &mut Living) {
        self.windows = self.windows.wrapping_add(1);
        if self.first_measured.is_none() {
            self.first_measured = Some(now);
            trace::note(now, Event::Measured);
        }
        for led in &mut self.leds {
            // The emulated board has no lamp: the pulses are counted.
            let _train = led.book(measurement);
        }
        living.step(now, Input::Measured(measurement));
        let distortion = distortion(&self.chain);
        if distortion != self.distortion {
            self.distortion = distortion;
            living.step(now, Input::Distortion(distortion));
        }
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
        let [active, reactive] = &self.leds;
        say!("windows {}", self.windows);
        say!(
            "first_measured_us {}",
            self.first_measured.map_or(0, Instant::as_micros)
        );
        say!("pulses {} {}", active.count(), reactive.count());
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

fn distortion(chain: &Chain) -> [Option<u16>; 6] {
    [
        Channel::V1,
        Channel::V2,
        Channel::V3,
        Channel::I1,
        Channel::I2,
        Channel::I3,
    ]
    .map(|channel| {
        let millionths = chain.spectrum(channel)?.thd_millionths?;
        Some(u16::try_from(millionths.saturating_add(500) / 1_000).unwrap_or(u16::MAX))
    })
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
