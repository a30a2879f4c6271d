//! The legally relevant part at work: samples into the chain, windows into the meter, energy into the LEDs.

use base::{Instant, Micros};
use board::{sampling, say};
use meter::{Config, Input, Meter, Trouble};
use metrology::{
    Chain, Channel, Element, Measurement, NominalFrequency, PulseQuantity, Pulses, Quantity, SampleSet, Setup, SetupError,
};

use crate::probe::Probe;
use crate::restart::Living;
use crate::trace::{self, Event};

/// The chain with what feeds it and what hangs on it.
pub(crate) struct Metering {
    chain: Chain,
    leds: [Pulses; 2],
    player: Player,
    distortion: [Option<u16>; 6],
    /// Halves of the sample buffer that were taken or are lost; wraps as the counter does.
    taken: u32,
    halves_lost: u32,
    last_good: Instant,
    stopped: bool,
    windows: u32,
    first_measured: Option<Instant>,
}

impl Metering {
    /// Starts the samples.
    pub(crate) fn begin(config: &Config, meter: &Meter, now: Instant) -> Result<Self, SetupError> {
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
        sampling::start(HALF);
        Ok(Self {
            chain: Chain::new(&setup(config))?,
            leds,
            player: Player::new(),
            distortion: [None; 6],
            taken: sampling::halves(),
            halves_lost: 0,
            last_good: now,
            stopped: false,
            windows: 0,
            first_measured: None,
        })
    }

    /// Takes every half that is full.
    pub(crate) fn run(&mut self, now: Instant, living: &mut Living, probe: &Probe) {
        let full = sampling::halves();
        let mut waiting = full.wrapping_sub(self.taken);
        if MOST_WAITING < waiting {
            let lost = waiting - MOST_WAITING;
            self.halves_lost = self.halves_lost.saturating_add(lost);
            self.taken = self.taken.wrapping_add(lost);
            waiting = MOST_WAITING;
            trace::note(now, Event::Overrun(lost));
        }
        for _ in 0..waiting {
            self.taken = self.taken.wrapping_add(1);
            if !probe.converter_stopped(now) {
                self.last_good = now;
                self.push(now, living);
            }
        }
        self.watch_converter(now, living);
    }

    fn push(&mut self, now: Instant, living: &mut Living) {
        let mut half = [[0; 7]; HALF_SETS];
        self.player.fill(&mut half);
        let mut finished: Option<Measurement> = None;
        // A window has 1 600 sets and a half 32, so that a half finishes one window at most.
        self.chain.push_block(&half, |measurement| finished = Some(*measurement));
        if let Some(measurement) = &finished {
            self.measure(now, measurement, living);
        }
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
        let silent = PATIENCE <= now.since(self.last_good);
        if silent && !self.stopped {
            trace::note(now, Event::ConverterStopped);
            living.step(now, Input::Trouble(Trouble::Measurement));
        } else if !silent && self.stopped {
            trace::note(now, Event::ConverterResumed);
        }
        self.stopped = silent;
    }

    /// Prints what was counted.
    pub(crate) fn say(&self) {
        let [active, reactive] = &self.leds;
        say!("windows {}", self.windows);
        say!("first_measured_us {}", self.first_measured.map_or(0, Instant::as_micros));
        say!("pulses {} {}", active.count(), reactive.count());
        say!("halves {} lost {}", self.taken, self.halves_lost);
    }
}

fn distortion(chain: &Chain) -> [Option<u16>; 6] {
    [Channel::V1, Channel::V2, Channel::V3, Channel::I1, Channel::I2, Channel::I3].map(|channel| {
        let millionths = chain.spectrum(channel)?.thd_millionths?;
        Some(u16::try_from(millionths.saturating_add(500) / 1_000).unwrap_or(u16::MAX))
    })
}

fn setup(config: &Config) -> Setup {
    let (volts, amps) = (VOLTS_PEAK / FULL_SCALE, AMPS_PEAK / FULL_SCALE);
    let mut setup = if config.variant.is_three_phase() {
        Setup::three_phase(RATE_HZ, volts, amps)
    } else {
        Setup::single_phase(RATE_HZ, volts, amps)
    };
    setup.nominal_frequency = if config.nominal_hertz == 60 { NominalFrequency::Hz60 } else { NominalFrequency::Hz50 };
    setup.nominal_volts = f64::from(config.nominal_volts);
    // Starting currents of class B (EN 50470-3): 0.4 % of the reference current, 0.2 % of the nominal one behind transformers.
    setup.starting_amperes = f64::from(config.variant.basic_amperes()) * if config.variant.is_direct() { 0.004 } else { 0.002 };
    setup
}

struct Player {
    at: usize,
}

impl Player {
    const fn new() -> Self {
        Self { at: 0 }
    }

    fn fill(&mut self, half: &mut [SampleSet; HALF_SETS]) {
        for set in half {
            // A triangle per phase, an eighth of full scale.
            let code = |shift: usize, peak: i32| {
                let place = i32::try_from((self.at + shift) % 480).unwrap_or(0);
                (if place < 240 { place - 120 } else { 360 - place }) * (peak / 120)
            };
            *set = [code(0, 4_500_000), code(320, 4_500_000), code(160, 4_500_000), code(0, 300_000), code(320, 300_000), code(160, 300_000), 0];
            self.at = (self.at + 3) % 480;
        }
    }
}

const RATE_HZ: f64 = 8_000.0;
/// Sample sets in one half of the DMA buffer, and how long it takes to fill.
const HALF_SETS: usize = 32;
const HALF: Micros = Micros::from_millis(4);
/// Halves that may wait: the emulator may be held up by its host for so long.
const MOST_WAITING: u32 = 64;
/// How long the converter may give nothing.
const PATIENCE: Micros = Micros::from_millis(500);
const VOLTS_PEAK: f64 = 600.0;
const AMPS_PEAK: f64 = 200.0;
/// Codes of 24 bits.
const FULL_SCALE: f64 = 8_388_608.0;
