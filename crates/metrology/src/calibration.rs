//! The corrections of one channel: gain, phase, offset and noise floor.
//!
//! The angle of a sensor (a current transformer leads) is kept apart from delays of converter and filter: the first is constant
//! in degrees, the second in time, and at another frequency than that of the calibration they part.

use crate::rounding::nearest_i32;
use crate::setup::{SetupError, within};

/// The corrections of one channel. The identity is an ideal sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    gain: f64,
    lead_degrees: f64,
    delay_nanos: f64,
    offset_lsb: f64,
    noise_lsb: f64,
}

impl Calibration {
    /// An ideal channel.
    pub const IDENTITY: Self = Self {
        gain: 1.0,
        lead_degrees: 0.0,
        delay_nanos: 0.0,
        offset_lsb: 0.0,
        noise_lsb: 0.0,
    };

    /// Checked corrections: `gain` multiplies the reading (0.5 to 2); `lead_degrees` is the angle by which the channel's signal
    /// leads the true one (-30 to 30); `delay_nanos` the time by which it comes late (-200 000 to 200 000); `offset_lsb` the code
    /// at zero input; `noise_lsb` the rms noise in codes, taken out of the rms current (0 to 100 000).
    ///
    /// # Errors
    /// [`SetupError::OutOfRange`] names the first that is out of its range.
    pub fn new(
        gain: f64,
        lead_degrees: f64,
        delay_nanos: f64,
        offset_lsb: f64,
        noise_lsb: f64,
    ) -> Result<Self, SetupError> {
        within("gain", None, gain, 0.5, 2.0)?;
        within("lead_degrees", None, lead_degrees, -30.0, 30.0)?;
        within("delay_nanos", None, delay_nanos, -200_000.0, 200_000.0)?;
        within("offset_lsb", None, offset_lsb, -8_388_608.0, 8_388_607.0)?;
        within("noise_lsb", None, noise_lsb, 0.0, 100_000.0)?;
        Ok(Self {
            gain,
            lead_degrees,
            delay_nanos,
            offset_lsb,
            noise_lsb,
        })
    }

    /// The factor of the reading.
    #[must_use]
    pub const fn gain(&self) -> f64 {
        self.gain
    }

    /// The angle by which the channel's signal leads the true one, in degrees.
    #[must_use]
    pub const fn lead_degrees(&self) -> f64 {
        self.lead_degrees
    }

    /// The time by which the channel's signal comes late, in nanoseconds.
    #[must_use]
    pub const fn delay_nanos(&self) -> f64 {
        self.delay_nanos
    }

    /// The code at zero input.
    #[must_use]
    pub const fn offset_lsb(&self) -> f64 {
        self.offset_lsb
    }

    /// The rms noise in codes.
    #[must_use]
    pub const fn noise_lsb(&self) -> f64 {
        self.noise_lsb
    }

    /// The corrections in whole numbers, as protocols carry them: gain in 1e-9, lead in microdegrees, delay in picoseconds, offset and
    /// noise in hundredths of a code.
    #[must_use]
    pub fn integers(&self) -> [i32; 5] {
        let values = [
            self.gain,
            self.lead_degrees,
            self.delay_nanos,
            self.offset_lsb,
            self.noise_lsb,
        ];
        let mut integers = [0; 5];
        for ((integer, value), parts) in integers.iter_mut().zip(values).zip(PARTS) {
            *integer = nearest_i32(value * parts);
        }
        integers
    }

    /// The corrections of whole numbers, see [`Self::integers`].
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_integers(integers: [i32; 5]) -> Result<Self, SetupError> {
        let mut values = [0.0; 5];
        for ((value, integer), parts) in values.iter_mut().zip(integers).zip(PARTS) {
            *value = f64::from(integer) / parts;
        }
        let [gain, lead_degrees, delay_nanos, offset_lsb, noise_lsb] = values;
        Self::new(gain, lead_degrees, delay_nanos, offset_lsb, noise_lsb)
    }

    /// The angle in radians by which a phasor at `frequency_hz` must be turned to undo lead and delay.
    pub(crate) fn rotation_radians(&self, frequency_hz: f64) -> f64 {
        let degrees = self.delay_nanos * 1e-9 * frequency_hz * 360.0 - self.lead_degrees;
        degrees * (core::f64::consts::PI / 180.0)
    }
}

/// What a whole number is a part of: gain, lead, delay, offset, noise.
const PARTS: [f64; 5] = [1e9, 1e6, 1e3, 1e2, 1e2];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_corrections_are_refused_by_name() {
        let field = |made: Result<Calibration, SetupError>| match made {
            Err(SetupError::OutOfRange { field, .. }) => field,
            _ => "none",
        };
        assert_eq!(field(Calibration::new(1.02, 0.23, 20_000.0, 7_000.0, 66.6)), "none");
        assert_eq!(field(Calibration::new(0.0, 0.0, 0.0, 0.0, 0.0)), "gain");
        assert_eq!(field(Calibration::new(1.0, f64::NAN, 0.0, 0.0, 0.0)), "lead_degrees");
        assert_eq!(field(Calibration::new(1.0, 0.0, 1e9, 0.0, 0.0)), "delay_nanos");
        assert_eq!(field(Calibration::new(1.0, 0.0, 0.0, 1e9, 0.0)), "offset_lsb");
        assert_eq!(field(Calibration::new(1.0, 0.0, 0.0, 0.0, -1.0)), "noise_lsb");
    }

    #[test]
    fn whole_numbers_carry_a_calibration_to_their_last_digit() {
        let integers = [1_020_000_001, -230_000, 20_000_000, -700_050, 6_660];
        let calibration = Calibration::of_integers(integers).expect("in range");
        assert_eq!(calibration.integers(), integers);
        for absurd in [[0; 5], [i32::MIN; 5], [i32::MAX; 5]] {
            assert!(Calibration::of_integers(absurd).is_err());
        }
    }

    #[test]
    fn delay_scales_with_frequency_and_lead_does_not() {
        let skewed = Calibration::new(1.0, 0.0, 20_000.0, 0.0, 0.0).expect("in range");
        let leading = Calibration::new(1.0, 0.36, 0.0, 0.0, 0.0).expect("in range");
        let degrees = |calibration: Calibration, hz| calibration.rotation_radians(hz).to_degrees();
        assert!((degrees(skewed, 50.0) - 0.36).abs() < 1e-12);
        assert!((degrees(skewed, 49.0) - 0.3528).abs() < 1e-12);
        assert!((degrees(leading, 49.0) + 0.36).abs() < 1e-12);
    }
}
