//! The whole chain of the meter: measurements every 10 or 12 cycles, and the harmonics of one channel after the other.

use crate::channel::{Channel, N_CHANNELS, SampleSet};
use crate::measurement::Measurement;
use crate::position::Position;
use crate::sample_path::Core;
use crate::setup::{Setup, SetupError};
use crate::spectrum::{Analyser, Spectrum};
use crate::temperature::TemperatureCurve;

/// Samples in, measurements and spectra out. Takes about 14 kB; [`Core`] alone is the part that a bill needs.
///
/// ```
/// use ferraris_metrology::{Chain, Setup};
///
/// let mut chain = Chain::new(&Setup::three_phase(8_000.0, 71.5e-6, 23.8e-6))?;
/// let silence = [[0; 7]; 8_000];
/// let mut windows = 0;
/// chain.push_block(&silence, |measurement| {
///     assert_eq!(measurement.total.energy.active_microjoules, 0);
///     windows += 1;
/// });
/// assert_eq!(windows, 3); // without a voltage, windows begin after 0.3 s
/// # Ok::<(), ferraris_metrology::SetupError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chain {
    core: Core,
    analyser: Analyser,
    /// The frequency of the present window, while it is tracked.
    tracked_hertz: Option<f64>,
}

impl Chain {
    /// A chain that finds the frequency by itself, see [`Core::new`].
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd.
    pub fn new(setup: &Setup) -> Result<Self, SetupError> {
        Ok(Self {
            core: Core::new(setup)?,
            analyser: Analyser::new(setup),
            tracked_hertz: None,
        })
    }

    /// A chain whose first window begins at sample number `at_sample` with a known frequency, see [`Core::with_start`].
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd or `hertz` is not within 20 % of the nominal frequency.
    pub fn with_start(setup: &Setup, hertz: f64, at_sample: u64) -> Result<Self, SetupError> {
        let core = Core::with_start(setup, hertz, at_sample)?;
        Ok(Self {
            core,
            analyser: Analyser::new(setup),
            tracked_hertz: Some(hertz),
        })
    }

    /// Takes one sample set; gives the measurement that it finishes. Blocks are faster.
    pub fn push(&mut self, set: &SampleSet) -> Option<&Measurement> {
        self.consume(core::slice::from_ref(set));
        self.core.finished()
    }

    /// Takes many sample sets and hands every measurement that they finish to `each`. How the samples are cut into blocks
    /// changes nothing.
    pub fn push_block(&mut self, mut block: &[SampleSet], mut each: impl FnMut(&Measurement)) {
        while !block.is_empty() {
            block = self.consume(block);
            if let Some(measurement) = self.core.finished() {
                each(measurement);
            }
        }
    }

    /// The latest spectrum of `channel`; none until its first turn was complete.
    #[must_use]
    pub fn spectrum(&self, channel: Channel) -> Option<&Spectrum> {
        self.analyser.spectrum(channel)
    }

    /// Corrects for the sensors' temperature, see [`Core::compensate`].
    pub fn compensate(&mut self, celsius: f64, curves: &[TemperatureCurve; N_CHANNELS]) {
        self.core.compensate(celsius, curves);
    }

    /// Measures on with another calibration, see [`Core::adjust`].
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd.
    pub fn adjust(&mut self, setup: &Setup) -> Result<(), SetupError> {
        self.core.adjust(setup)
    }

    /// Says where a 10-minute tick of the clock falls, see [`Core::resynchronise`].
    pub fn resynchronise(&mut self, tick: Position) {
        self.core.resynchronise(tick);
    }

    /// The number of the next sample.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.core.position()
    }

    /// The sample path within.
    #[must_use]
    pub const fn core(&self) -> &Core {
        &self.core
    }

    /// Consumes samples up to the end of the block or of a window; gives the rest of the block.
    fn consume<'a>(&mut self, block: &'a [SampleSet]) -> &'a [SampleSet] {
        let now = self.core.position().sample();
        let rest = self.core.consume(block);
        let (used, _rest) = block.split_at(block.len() - rest.len());
        self.analyser.feed(used, now, self.tracked_hertz, self.core.solver());
        if let Some(measurement) = self.core.finished() {
            self.tracked_hertz = self.core.assumed_hertz().filter(|_hertz| measurement.synchronised);
        }
        rest
    }
}
