//! The quality of the supply of a virtual meter: everything that the metrology finds, told to the meter by the meter's own clock.

use base::{Instant, Micros};
use flash::Nor;
use meter::Meter;
use meter::clock::Clock;
use meter::limits::KEPT_OCTETS;
use metrology::{
    Chain, GaplessHarmonics, Measurement, Parameters, Position, QualityFinding, QualitySetup, SampleSet, Setup,
    SetupError, Spectrum, SupplyQuality,
};

/// What is told to the meter.
pub(crate) enum Told<'a> {
    /// An event, an aggregate or a week.
    Finding(QualityFinding<'a>),
    /// The harmonics of one channel.
    Spectrum(&'a Spectrum),
}

/// Watches the supply, gapless, from power-up to power-down.
pub(crate) struct SupplyWatch {
    rate_hz: f64,
    quality: SupplyQuality,
    harmonics: GaplessHarmonics,
}

impl SupplyWatch {
    /// With a setup that is calibrated by `parameters`, at what the thermometer shows.
    ///
    /// # Errors
    /// What the metrology refuses, in words.
    pub(crate) fn begin(
        setup: &Setup,
        parameters: &Parameters,
        celsius: f64,
        nominal_volts: u16,
        meter: &Meter,
        nor: &dyn Nor,
    ) -> Result<Self, String> {
        let mut quality = QualitySetup::USUAL;
        if nominal_volts < 180 {
            quality.lamp = metrology::Lamp::V120;
        }
        let mut quality = SupplyQuality::new(setup, &quality).map_err(refused)?;
        let mut buffer = [0; KEPT_OCTETS];
        if let Some(record) = meter.kept_week(nor, &mut buffer) {
            let now = unix_millis(&meter.model().clock, Instant::START);
            if !quality.resume(record, now) {
                tracing::warn!(
                    "the week of the supply's quality begins anew: its record is damaged, or the clock has lost its time"
                );
            }
        }
        let mut begun = Self {
            rate_hz: setup.rate_hz,
            quality,
            harmonics: GaplessHarmonics::new(setup).map_err(refused)?,
        };
        begun.compensate(parameters, celsius);
        Ok(begun)
    }

    /// Watches on with another calibration, at what the thermometer shows. The intervals under way are flagged.
    ///
    /// # Errors
    /// What the metrology refuses, in words.
    pub(crate) fn adjust(&mut self, setup: &Setup, parameters: &Parameters, celsius: f64) -> Result<(), String> {
        self.quality.adjust(setup).map_err(refused)?;
        self.harmonics.adjust(setup).map_err(refused)?;
        self.compensate(parameters, celsius);
        Ok(())
    }

    /// Corrects for what the thermometer shows.
    pub(crate) fn compensate(&mut self, parameters: &Parameters, celsius: f64) {
        self.quality.compensate(celsius, &parameters.temperature);
        self.harmonics.compensate(celsius, &parameters.temperature);
    }

    /// Tells the chain of a 10-minute tick of the meter's time that is near: windows begin there.
    pub(crate) fn announce_tick(chain: &mut Chain, rate_hz: u64, unix_millis: u64) {
        let to_tick = (unix_millis.next_multiple_of(TEN_MINUTES_MILLIS) - unix_millis) * rate_hz / 1_000;
        if to_tick <= rate_hz / 4 {
            chain.resynchronise(Position::of_sample(chain.position().sample() + to_tick));
        }
    }

    /// Takes a block of samples and the windows that ended in it; `unix_millis` gives the meter's time at a point of its life.
    pub(crate) fn take(
        &mut self,
        block: &[SampleSet],
        windows: &[Option<Measurement>],
        unix_millis: impl Fn(Instant) -> u64,
        mut tell: impl FnMut(Told<'_>),
    ) {
        let Self {
            rate_hz,
            quality,
            harmonics,
        } = self;
        quality.push_block(block, |finding| tell(Told::Finding(finding)));
        for window in windows.iter().flatten() {
            let seconds = window.to.seconds(*rate_hz);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "seconds since power-up, as microseconds"
            )]
            let end = Instant::START + Micros::new((seconds * 1e6) as u64);
            quality.book(window, unix_millis(end), |finding| tell(Told::Finding(finding)));
            harmonics.expect_hertz(quality.expected_hertz());
            if let Some(tick) = quality.take_tick() {
                harmonics.resynchronise(tick);
            }
        }
        harmonics.push_block(block, |spectrum| {
            quality.book_spectrum(spectrum);
            tell(Told::Spectrum(spectrum));
        });
    }
}

fn refused(error: SetupError) -> String {
    format!("the supply's quality: {error}")
}

const TEN_MINUTES_MILLIS: u64 = 600_000;

/// The meter's time at `at` in milliseconds since 1970.
pub(crate) fn unix_millis(clock: &Clock, at: Instant) -> u64 {
    let utc = clock.utc(at);
    let begun = clock.instant_of(utc).map_or(0, |second| at.since(second).as_millis());
    u64::try_from(utc.unix())
        .unwrap_or(0)
        .saturating_mul(1_000)
        .saturating_add(begun.min(999))
}
