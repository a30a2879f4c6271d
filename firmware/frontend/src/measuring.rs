//! What follows the assembler: the chain and the LEDs, with the sealed parameters of the meter.
//!
//! The quality of the supply is not here yet.

use metrology::{
    Chain, Channel, Measurement, Parameters, Position, Pulses, Registers, SampleSet, Setup, SetupError, Spectrum,
};

/// Everything that measures. Takes about 15 kB.
///
/// For each block of samples: [`Self::push`]; for each window that it finishes: [`Self::light`], [`Self::spectra`].
#[derive(Clone, Debug)]
pub struct Measuring {
    /// Without the sealed parameters.
    setup: Setup,
    chain: Chain,
    leds: [Pulses; 2],
    /// Where the spectra that were handed out end.
    seen: [Option<Position>; 7],
    distortion: [Option<u16>; 6],
}

impl Measuring {
    /// Measures with the sealed parameters; the LEDs, of `constant` pulses per kWh unless these say otherwise, go on where the registers
    /// stand.
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd.
    pub fn new(
        setup: &Setup,
        parameters: &Parameters,
        constant: u32,
        registers: &Registers,
    ) -> Result<Self, SetupError> {
        let calibrated = calibrated(setup, parameters);
        let mut chain = Chain::new(&calibrated)?;
        chain.compensate(ROOM_CELSIUS, &parameters.temperature);
        Ok(Self {
            setup: setup.clone(),
            chain,
            leds: leds(parameters, constant, registers)?,
            seen: [None; 7],
            distortion: [None; 6],
        })
    }

    /// The sealed parameters have changed: measures on with them.
    ///
    /// # Errors
    /// [`SetupError`] as above; it measures on with the old ones then.
    pub fn adjust(&mut self, parameters: &Parameters, constant: u32, registers: &Registers) -> Result<(), SetupError> {
        let leds = leds(parameters, constant, registers)?;
        self.chain.adjust(&calibrated(&self.setup, parameters))?;
        self.chain.compensate(ROOM_CELSIUS, &parameters.temperature);
        self.leds = leds;
        Ok(())
    }

    /// Takes a block that is shorter than a window, and gives the window that it finishes.
    pub fn push(&mut self, sets: &[SampleSet]) -> Option<Measurement> {
        let mut finished = None;
        self.chain.push_block(sets, |measurement| finished = Some(*measurement));
        finished
    }

    /// Books a window into the LEDs; `each` gets the sample numbers at which they are switched on.
    pub fn light(&mut self, measurement: &Measurement, mut each: impl FnMut(u64)) {
        for led in &mut self.leds {
            led.book(measurement).for_each(&mut each);
        }
    }

    /// Hands the spectra out that are new since the last call.
    pub fn spectra(&mut self, mut each: impl FnMut(&Spectrum)) {
        for (channel, seen) in Channel::ALL.into_iter().zip(&mut self.seen) {
            if let Some(spectrum) = self.chain.spectrum(channel).filter(|it| Some(it.to) != *seen) {
                *seen = Some(spectrum.to);
                each(spectrum);
            }
        }
    }

    /// Total harmonic distortion in tenths of a percent, voltages and currents of the phases, when it has changed since the last call.
    pub fn news_of_distortion(&mut self) -> Option<[Option<u16>; 6]> {
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
        let news = distortion != self.distortion;
        self.distortion = distortion;
        news.then_some(distortion)
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

fn calibrated(setup: &Setup, parameters: &Parameters) -> Setup {
    let mut setup = setup.clone();
    parameters.apply(&mut setup);
    setup
}

fn leds(parameters: &Parameters, constant: u32, registers: &Registers) -> Result<[Pulses; 2], SetupError> {
    let constant = parameters.constant.unwrap_or(constant);
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

/// The boards of this workspace have no thermometer: they stand in a room.
const ROOM_CELSIUS: f64 = 23.0;
