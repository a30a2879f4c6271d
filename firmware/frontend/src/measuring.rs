//! What follows the assembler: the chain, the LEDs and the quality of the supply, with the sealed parameters of the meter.

use metrology::{
    Chain, Channel, Lamp, Measurement, Parameters, Position, Pulses, QualityFinding, QualitySetup, Registers,
    SampleSet, Setup, SetupError, Spectrum, SupplyQuality,
};

use crate::warmth::Warmth;

/// What measures. Takes about 15 kB; the quality of the supply takes 18 kB in a place of its own, so that no stack has to hold both at once.
///
/// For each block of samples: [`Self::take`].
#[derive(Clone, Debug)]
pub struct Measuring {
    /// Without the sealed parameters.
    setup: Setup,
    /// What it corrects for.
    celsius: f64,
    chain: Chain,
    leds: [Pulses; 2],
    /// Where the spectra that were handed out end.
    seen: [Option<Position>; 7],
    distortion: [Option<u16>; 6],
}

/// What came of the samples, in the order in which the meter is to know it.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// A window is over.
    Window(&'a Measurement),
    /// An LED is switched on at this sample.
    Pulse(u64),
    /// An event, an aggregate or a week of the supply.
    Finding(QualityFinding<'a>),
    /// The harmonics of one channel.
    Spectrum(&'a Spectrum),
    /// Total harmonic distortion in tenths of a percent, voltages and currents of the phases; it has changed.
    Distortion([Option<u16>; 6]),
}

impl Measuring {
    /// Measures with the sealed parameters, and so does `quality`, that of [`supply_quality`]; at the temperature of a room until [`Self::warm`]
    /// says another. The LEDs, of `constant` pulses per kWh, go on where the registers
    /// stand.
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd.
    pub fn new(
        quality: &mut SupplyQuality,
        setup: &Setup,
        parameters: &Parameters,
        constant: u32,
        registers: &Registers,
    ) -> Result<Self, SetupError> {
        let celsius = Warmth::ROOM.celsius();
        let mut chain = Chain::new(&calibrated(setup, parameters))?;
        chain.compensate(celsius, &parameters.temperature);
        quality.compensate(celsius, &parameters.temperature);
        Ok(Self {
            setup: setup.clone(),
            celsius,
            chain,
            leds: leds(parameters, constant, registers)?,
            seen: [None; 7],
            distortion: [None; 6],
        })
    }

    /// The sealed parameters have changed: measures on with them. The intervals of the supply's quality that are under way are flagged.
    ///
    /// # Errors
    /// [`SetupError`] as above; it measures on with the old ones then.
    pub fn adjust(
        &mut self,
        quality: &mut SupplyQuality,
        parameters: &Parameters,
        constant: u32,
        registers: &Registers,
    ) -> Result<(), SetupError> {
        let leds = leds(parameters, constant, registers)?;
        let calibrated = calibrated(&self.setup, parameters);
        self.chain.adjust(&calibrated)?;
        quality.adjust(&calibrated)?;
        self.leds = leds;
        self.warm(quality, parameters, self.celsius);
        Ok(())
    }

    /// The LEDs have another constant: they go on where the registers stand.
    ///
    /// # Errors
    /// [`SetupError`] as above; they go on with the old one then.
    pub fn pulse(&mut self, parameters: &Parameters, constant: u32, registers: &Registers) -> Result<(), SetupError> {
        self.leds = leds(parameters, constant, registers)?;
        Ok(())
    }

    /// The temperature at the sensors has changed: corrects for it, and for what the sealed parameters know of it, from the window and from the
    /// half cycle that end next on.
    pub fn warm(&mut self, quality: &mut SupplyQuality, parameters: &Parameters, celsius: f64) {
        self.celsius = celsius;
        self.chain.compensate(celsius, &parameters.temperature);
        quality.compensate(celsius, &parameters.temperature);
    }

    /// Takes a block that is shorter than a window and ends at `unix_millis` of the meter's clock, and tells what came of it; `quality` is
    /// that of [`supply_quality`], always the same.
    pub fn take(
        &mut self,
        quality: &mut SupplyQuality,
        sets: &[SampleSet],
        unix_millis: u64,
        mut tell: impl FnMut(Told<'_>),
    ) {
        let mut finished = None;
        self.chain.push_block(sets, |measurement| finished = Some(*measurement));
        if let Some(window) = &finished {
            self.announce_tick(unix_millis);
            tell(Told::Window(window));
            for led in &mut self.leds {
                led.book(window).for_each(|sample| tell(Told::Pulse(sample)));
            }
        }
        quality.push_block(sets, |finding| tell(Told::Finding(finding)));
        let Some(window) = &finished else { return };
        let since = self.chain.position().sample().saturating_sub(window.to.sample());
        let ended = unix_millis.saturating_sub(since * 1_000 / u64::from(crate::RATE_HZ));
        quality.book(window, ended, |finding| tell(Told::Finding(finding)));
        self.tell_spectra(quality, &mut tell);
    }

    /// Tells the chain of a 10-minute tick that the next window may reach: a window is to begin there (IEC 61000-4-30, 4.5).
    fn announce_tick(&mut self, unix_millis: u64) {
        let to_tick = unix_millis.next_multiple_of(TEN_MINUTES_MILLIS) - unix_millis;
        if to_tick <= LONGEST_WINDOW_MILLIS {
            let ahead = to_tick * u64::from(crate::RATE_HZ) / 1_000;
            self.chain
                .resynchronise(Position::of_sample(self.chain.position().sample() + ahead));
        }
    }

    /// Spectra come one channel after the other: those that are new.
    fn tell_spectra(&mut self, quality: &mut SupplyQuality, tell: &mut impl FnMut(Told<'_>)) {
        for (channel, seen) in Channel::ALL.into_iter().zip(&mut self.seen) {
            if let Some(spectrum) = self.chain.spectrum(channel).filter(|it| Some(it.to) != *seen) {
                *seen = Some(spectrum.to);
                quality.book_spectrum(spectrum);
                tell(Told::Spectrum(spectrum));
            }
        }
        let channels = [
            Channel::V1,
            Channel::V2,
            Channel::V3,
            Channel::I1,
            Channel::I2,
            Channel::I3,
        ];
        let distortion = channels.map(|channel| {
            let millionths = self.chain.spectrum(channel)?.thd_millionths?;
            Some(u16::try_from(millionths.saturating_add(500) / 1_000).unwrap_or(u16::MAX))
        });
        if distortion != self.distortion {
            self.distortion = distortion;
            tell(Told::Distortion(distortion));
        }
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Pulses of the active and of the reactive LED since the beginning.
    #[must_use]
    pub fn pulses(&self) -> [u64; 2] {
        let [active, reactive] = &self.leds;
        [active.count(), reactive.count()]
    }
}

/// The quality of the supply that [`Measuring`] is to watch: the usual thresholds, and the flicker of the lamps that the nominal voltage has.
///
/// # Errors
/// [`SetupError`] when the setup is absurd.
pub fn supply_quality(setup: &Setup, parameters: &Parameters) -> Result<SupplyQuality, SetupError> {
    let lamp = if setup.nominal_volts < LEAST_VOLTS_OF_230 {
        Lamp::V120
    } else {
        Lamp::V230
    };
    let usual = QualitySetup {
        lamp,
        ..QualitySetup::USUAL
    };
    SupplyQuality::new(&calibrated(setup, parameters), &usual)
}

fn calibrated(setup: &Setup, parameters: &Parameters) -> Setup {
    let mut setup = setup.clone();
    parameters.apply(&mut setup);
    setup
}

fn leds(parameters: &Parameters, constant: u32, registers: &Registers) -> Result<[Pulses; 2], SetupError> {
    let [active, reactive] = parameters
        .leds
        .map(|quantity| Pulses::new(quantity, parameters.direction, constant, quantity.counted(registers)));
    active
        .zip(reactive)
        .map(|(active, reactive)| [active, reactive])
        .ok_or(SetupError::OutOfRange {
            field: "constant",
            channel: None,
            least: 1.0,
            most: 1e6,
        })
}

const TEN_MINUTES_MILLIS: u64 = 600_000;
/// A little more than ten cycles of 42.5 Hz.
const LONGEST_WINDOW_MILLIS: u64 = 250;
/// Below it the lamps are those of 120 V.
const LEAST_VOLTS_OF_230: f64 = 180.0;
