//! What a chain must know of the meter it measures for: rate, scales, channels, nominal values. Variants differ only here.

use core::fmt;

use crate::calibration::Calibration;
use crate::channel::{Channel, ChannelSet, N_CHANNELS, N_PHASES, Phase};
use crate::linearity::LinearityCurve;
use crate::measurement::Apparent;

/// The parameters of a chain. Fill it in, change the fields, hand it to [`Chain::new`](crate::Chain::new), which checks it.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// Sample sets a second, 2 000 to 64 000; need not be whole.
    pub rate_hz: f64,
    /// The supply's nominal frequency; decides the cycles of a window and the range that is tracked.
    pub nominal_frequency: NominalFrequency,
    /// The channels that exist; the others are taken as 0 whatever their codes.
    pub channels: ChannelSet,
    /// Volts of one code step of v1, v2, v3.
    pub volts_per_lsb: [f64; N_PHASES],
    /// Amperes of one code step of i1, i2, i3, in.
    pub amps_per_lsb: [f64; N_PHASES + 1],
    /// Nominal voltage to neutral in volts.
    pub nominal_volts: f64,
    /// Starting current in amperes; with the nominal voltage it sets the no-load threshold. 0 counts every load.
    pub starting_amperes: f64,
    /// How the total apparent power is added up.
    pub apparent: Apparent,
    /// Codes of this magnitude and above are reported as clipped; at most 8 388 608 (24 bits).
    pub clipping_code: u32,
    /// What is done with the mean of a channel.
    pub direct_current: DirectCurrent,
    /// Fraction of the nominal voltage below which a phase counts as absent; it returns at 1.1 times that.
    pub presence_fraction: f64,
    /// Corrections of each channel, in the order of a sample set.
    pub calibration: [Calibration; N_CHANNELS],
    /// Corrections of the current channels over the current: i1, i2, i3, in.
    pub linearity: [LinearityCurve; N_PHASES + 1],
}

/// The nominal frequency of the supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NominalFrequency {
    /// 50 Hz: windows of 10 cycles, 42.5 to 57.5 Hz.
    Hz50,
    /// 60 Hz: windows of 12 cycles, 51 to 69 Hz.
    Hz60,
}

/// What is done with the mean of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectCurrent {
    /// It is taken for an offset of the converter and removed from power and rms values: transformers pass no direct current.
    Removed,
    /// What is left after the calibrated offset counts as real: shunts, and recordings that are exact.
    Measured,
}

/// Why a setup was refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SetupError {
    /// A field's value is not in its range (or not a number).
    OutOfRange {
        /// The field.
        field: &'static str,
        /// The channel, where the field has a value for each.
        channel: Option<Channel>,
        /// The least value allowed.
        least: f64,
        /// The greatest value allowed.
        most: f64,
    },
    /// No channel exists.
    NoChannel,
}

impl Setup {
    /// A three-phase four-wire meter with all seven channels, 50 Hz, 230 V, starting current 20 mA, ideal sensors.
    #[must_use]
    pub const fn three_phase(rate_hz: f64, volts_per_lsb: f64, amps_per_lsb: f64) -> Self {
        Self {
            rate_hz,
            nominal_frequency: NominalFrequency::Hz50,
            channels: ChannelSet::THREE_PHASE,
            volts_per_lsb: [volts_per_lsb; N_PHASES],
            amps_per_lsb: [amps_per_lsb; N_PHASES + 1],
            nominal_volts: 230.0,
            starting_amperes: 0.02,
            apparent: Apparent::Arithmetic,
            clipping_code: 0x7F_FFFF,
            direct_current: DirectCurrent::Removed,
            presence_fraction: 0.2,
            calibration: [Calibration::IDENTITY; N_CHANNELS],
            linearity: [LinearityCurve::FLAT; N_PHASES + 1],
        }
    }

    /// A single-phase meter: v1, i1 and the neutral current; otherwise as [`Self::three_phase`].
    #[must_use]
    pub const fn single_phase(rate_hz: f64, volts_per_lsb: f64, amps_per_lsb: f64) -> Self {
        let mut setup = Self::three_phase(rate_hz, volts_per_lsb, amps_per_lsb);
        setup.channels = ChannelSet::SINGLE_PHASE;
        setup
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`SetupError`] names the first field that is out of its range.
    pub fn check(&self) -> Result<(), SetupError> {
        within("rate_hz", None, self.rate_hz, LEAST_RATE_HZ, MOST_RATE_HZ)?;
        within("nominal_volts", None, self.nominal_volts, 1.0, 1e6)?;
        within("starting_amperes", None, self.starting_amperes, 0.0, 1e5)?;
        within("clipping_code", None, f64::from(self.clipping_code), 1.0, 8_388_608.0)?;
        within("presence_fraction", None, self.presence_fraction, 0.01, 0.8)?;
        for phase in Phase::ALL {
            let channel = phase.voltage();
            within(
                "volts_per_lsb",
                Some(channel),
                self.per_lsb(channel),
                LEAST_SCALE,
                MOST_SCALE,
            )?;
        }
        for channel in [Channel::I1, Channel::I2, Channel::I3, Channel::In] {
            within(
                "amps_per_lsb",
                Some(channel),
                self.per_lsb(channel),
                LEAST_SCALE,
                MOST_SCALE,
            )?;
        }
        if self.channels.is_empty() {
            Err(SetupError::NoChannel)
        } else {
            Ok(())
        }
    }

    /// Volts or amperes of one code step of `channel`, before calibration.
    #[must_use]
    pub const fn per_lsb(&self, channel: Channel) -> f64 {
        let [v1, v2, v3] = self.volts_per_lsb;
        let [i1, i2, i3, neutral] = self.amps_per_lsb;
        match channel {
            Channel::V1 => v1,
            Channel::V2 => v2,
            Channel::V3 => v3,
            Channel::I1 => i1,
            Channel::I2 => i2,
            Channel::I3 => i3,
            Channel::In => neutral,
        }
    }
}

impl NominalFrequency {
    /// 50 or 60.
    #[must_use]
    pub const fn hertz(self) -> f64 {
        match self {
            Self::Hz50 => 50.0,
            Self::Hz60 => 60.0,
        }
    }

    /// The least and the greatest frequency that is measured with the full accuracy: 42.5 to 57.5 Hz or 51 to 69 Hz.
    #[must_use]
    pub const fn range_hertz(self) -> (f64, f64) {
        match self {
            Self::Hz50 => (42.5, 57.5),
            Self::Hz60 => (51.0, 69.0),
        }
    }

    /// Cycles of one window: 10 or 12 (IEC 61000-4-30).
    #[must_use]
    pub const fn cycles(self) -> u32 {
        match self {
            Self::Hz50 => 10,
            Self::Hz60 => 12,
        }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange {
                field,
                channel: None,
                least,
                most,
            } => write!(f, "{field} must be {least} to {most}"),
            Self::OutOfRange {
                field,
                channel: Some(channel),
                least,
                most,
            } => {
                write!(f, "{field} of {} must be {least} to {most}", channel.name())
            }
            Self::NoChannel => f.write_str("no channel exists"),
        }
    }
}

impl core::error::Error for SetupError {}

/// Refuses what is not in `least..=most`; what is not a number is in no range.
pub(crate) fn within(
    field: &'static str,
    channel: Option<Channel>,
    value: f64,
    least: f64,
    most: f64,
) -> Result<(), SetupError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(SetupError::OutOfRange {
            field,
            channel,
            least,
            most,
        })
    }
}

const LEAST_RATE_HZ: f64 = 2_000.0;
const MOST_RATE_HZ: f64 = 64_000.0;
const LEAST_SCALE: f64 = 1e-12;
const MOST_SCALE: f64 = 1e6;

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use super::*;

    #[test]
    fn absurd_setups_are_refused_by_name() {
        let good = Setup::three_phase(8_000.0, 71.5e-6, 23.8e-6);
        assert_eq!(good.check(), Ok(()));
        let check = |change: &dyn Fn(&mut Setup), message: &str| {
            let mut setup = good.clone();
            change(&mut setup);
            assert_eq!(
                setup.check().map_err(|error| error.to_string()),
                Err(message.to_string())
            );
        };
        check(&|setup| setup.rate_hz = 1_999.0, "rate_hz must be 2000 to 64000");
        check(&|setup| setup.rate_hz = f64::NAN, "rate_hz must be 2000 to 64000");
        check(&|setup| setup.nominal_volts = 0.0, "nominal_volts must be 1 to 1000000");
        check(
            &|setup| setup.starting_amperes = -1.0,
            "starting_amperes must be 0 to 100000",
        );
        check(&|setup| setup.clipping_code = 0, "clipping_code must be 1 to 8388608");
        check(
            &|setup| setup.presence_fraction = f64::INFINITY,
            "presence_fraction must be 0.01 to 0.8",
        );
        check(
            &|setup| setup.volts_per_lsb[1] = -1.0,
            "volts_per_lsb of v2 must be 0.000000000001 to 1000000",
        );
        check(
            &|setup| setup.amps_per_lsb[3] = 0.0,
            "amps_per_lsb of in must be 0.000000000001 to 1000000",
        );
        check(&|setup| setup.channels = ChannelSet::NONE, "no channel exists");
    }
}
