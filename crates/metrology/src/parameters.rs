//! The legally relevant parameters of one meter: its calibration, and how it counts. What the seal protects (M7, WELMEC 7.2).
//!
//! They have one stored form, little endian, whose CRC-32C is the checksum that the meter shows. Whoever reads them back checks every
//! value again: what a bench may not write cannot come out of a memory either.

use core::fmt;

use crc::{CRC_32_ISCSI, Crc, NoTable};

use crate::calibration::Calibration;
use crate::channel::{N_CHANNELS, N_PHASES};
use crate::linearity::{LinearityCurve, LinearityPoint, MOST_LINEARITY_POINTS};
use crate::measurement::{Apparent, Direction};
use crate::pulses::{PulseQuantity, Pulses};
use crate::setup::Setup;
use crate::temperature::{N_TEMPERATURES, TemperatureCurve, TemperaturePoint};

/// All parameters under the seal.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Gain, lead, delay, offset and noise of each channel.
    pub calibration: [Calibration; N_CHANNELS],
    /// Corrections of i1, i2, i3, in over the current.
    pub linearity: [LinearityCurve; N_PHASES + 1],
    /// Drift of each channel over temperature.
    pub temperature: [TemperatureCurve; N_CHANNELS],
    /// How the direction of the totals is found.
    pub direction: Direction,
    /// How the total apparent power is added up.
    pub apparent: Apparent,
    /// What the two LEDs count.
    pub leds: [PulseQuantity; 2],
    /// Their pulses per kWh, kvarh or kVAh, 1 to [`Pulses::MOST_CONSTANT`]; none: as the meter was ordered, until production writes it.
    pub constant: Option<u32>,
}

/// Why octets were refused as parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParametersError {
    /// Not [`Parameters::LENGTH`] octets.
    Length,
    /// A version that this code does not know.
    Version(u8),
    /// A value that no calibration may have.
    Value,
}

impl Parameters {
    /// Ideal sensors, sum of phases, arithmetic apparent power, LEDs for |A| and |R+| + |R-| with the constant that was ordered.
    pub const IDEAL: Self = Self {
        calibration: [Calibration::IDENTITY; N_CHANNELS],
        linearity: [LinearityCurve::FLAT; N_PHASES + 1],
        temperature: [TemperatureCurve::FLAT; N_CHANNELS],
        direction: Direction::SumOfPhases,
        apparent: Apparent::Arithmetic,
        leds: [PulseQuantity::Active, PulseQuantity::Reactive],
        constant: None,
    };

    /// Octets of the stored form.
    pub const LENGTH: usize = HEAD_OCTETS + CALIBRATION_OCTETS + LINEARITY_OCTETS + TEMPERATURE_OCTETS;

    /// Writes the stored form.
    pub fn write_to(&self, octets: &mut [u8; Self::LENGTH]) {
        let mut out = Out(octets.as_mut_slice());
        let [active, reactive] = self.leds.map(led_code);
        let modes = [
            VERSION,
            direction_code(self.direction),
            apparent_code(self.apparent),
            active,
            reactive,
        ];
        out.octets(&modes);
        out.octets(&self.constant.unwrap_or(0).to_le_bytes());
        for channel in &self.calibration {
            out.number(channel.gain());
            out.number(channel.lead_degrees());
            out.number(channel.delay_nanos());
            out.number(channel.offset_lsb());
            out.number(channel.noise_lsb());
        }
        for curve in &self.linearity {
            out.octets(&[u8::try_from(curve.points().len()).unwrap_or(0)]);
            for place in 0..MOST_LINEARITY_POINTS {
                let point = curve.points().get(place);
                out.number(point.map_or(0.0, |point| point.amperes));
                out.number(point.map_or(0.0, |point| point.gain));
                out.number(point.map_or(0.0, |point| point.lead_degrees));
            }
        }
        for point in self.temperature.iter().flat_map(TemperatureCurve::points) {
            out.number(point.celsius);
            out.number(point.gain);
            out.number(point.lead_degrees);
        }
    }

    /// Reads the stored form back.
    ///
    /// # Errors
    /// [`ParametersError`] when the octets are not what [`Self::write_to`] writes for parameters that may be.
    pub fn read_from(octets: &[u8]) -> Result<Self, ParametersError> {
        let octets: &[u8; Self::LENGTH] = octets.try_into().map_err(|_length| ParametersError::Length)?;
        let mut from = From(octets);
        let [version, direction, apparent, active, reactive] = from.octets();
        if version != VERSION {
            return Err(ParametersError::Version(version));
        }
        let mut parameters = Self::IDEAL;
        parameters.direction = direction_of(direction).ok_or(ParametersError::Value)?;
        parameters.apparent = apparent_of(apparent).ok_or(ParametersError::Value)?;
        let led = |code| PulseQuantity::ALL.get(usize::from(code)).copied();
        parameters.leds = [
            led(active).ok_or(ParametersError::Value)?,
            led(reactive).ok_or(ParametersError::Value)?,
        ];
        parameters.constant = match u32::from_le_bytes(from.octets()) {
            0 => None,
            constant if constant <= Pulses::MOST_CONSTANT => Some(constant),
            _ => return Err(ParametersError::Value),
        };
        for channel in &mut parameters.calibration {
            let [gain, lead, delay, offset, noise] = from.numbers();
            *channel = Calibration::new(gain, lead, delay, offset, noise).map_err(|_range| ParametersError::Value)?;
        }
        for curve in &mut parameters.linearity {
            let [count] = from.octets();
            let points = [(); MOST_LINEARITY_POINTS].map(|()| {
                let [amperes, gain, lead_degrees] = from.numbers();
                LinearityPoint {
                    amperes,
                    gain,
                    lead_degrees,
                }
            });
            *curve = match points.get(..usize::from(count)) {
                Some([]) => LinearityCurve::FLAT,
                Some(points) => LinearityCurve::new(points).map_err(|_range| ParametersError::Value)?,
                None => return Err(ParametersError::Value),
            };
        }
        for curve in &mut parameters.temperature {
            let points = [(); N_TEMPERATURES].map(|()| {
                let [celsius, gain, lead_degrees] = from.numbers();
                TemperaturePoint {
                    celsius,
                    gain,
                    lead_degrees,
                }
            });
            *curve = if points == *TemperatureCurve::FLAT.points() {
                TemperatureCurve::FLAT
            } else {
                TemperatureCurve::new(points).map_err(|_range| ParametersError::Value)?
            };
        }
        Ok(parameters)
    }

    /// The checksum of the stored form: CRC-32C.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        let mut octets = [0; Self::LENGTH];
        self.write_to(&mut octets);
        checksum(&[&octets])
    }

    /// Puts the calibration and the apparent mode into a setup, whose scales, channels and nominal values stay.
    pub const fn apply(&self, setup: &mut Setup) {
        setup.calibration = self.calibration;
        setup.linearity = self.linearity;
        setup.apparent = self.apparent;
    }
}

impl fmt::Display for ParametersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "parameters are not {} octets long", Parameters::LENGTH),
            Self::Version(version) => write!(f, "parameters of unknown version {version}"),
            Self::Value => f.write_str("parameters with a value out of its range"),
        }
    }
}

impl core::error::Error for ParametersError {}

/// CRC-32C over pieces.
pub(crate) fn checksum(pieces: &[&[u8]]) -> u32 {
    let mut digest = CRC.digest();
    for piece in pieces {
        digest.update(piece);
    }
    digest.finalize()
}

/// Written and read rarely: no table.
static CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISCSI);

/// Fills octets one field behind the other; the length is that of all fields.
struct Out<'a>(&'a mut [u8]);

impl Out<'_> {
    fn octets(&mut self, field: &[u8]) {
        let (place, rest) = core::mem::take(&mut self.0)
            .split_at_mut_checked(field.len())
            .unwrap_or_default();
        if place.len() == field.len() {
            place.copy_from_slice(field);
        }
        self.0 = rest;
    }

    fn number(&mut self, value: f64) {
        self.octets(&value.to_le_bytes());
    }
}

/// Takes one field behind the other; the length is that of all fields.
struct From<'a>(&'a [u8]);

impl From<'_> {
    fn octets<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk::<N>().unwrap_or((&[0; N], &[]));
        self.0 = rest;
        *field
    }

    fn numbers<const N: usize>(&mut self) -> [f64; N] {
        [(); N].map(|()| f64::from_le_bytes(self.octets()))
    }
}

const fn direction_code(direction: Direction) -> u8 {
    match direction {
        Direction::SumOfPhases => 0,
        Direction::PerPhase => 1,
    }
}

const fn direction_of(code: u8) -> Option<Direction> {
    match code {
        0 => Some(Direction::SumOfPhases),
        1 => Some(Direction::PerPhase),
        _ => None,
    }
}

const fn apparent_code(apparent: Apparent) -> u8 {
    match apparent {
        Apparent::Arithmetic => 0,
        Apparent::Vector => 1,
    }
}

const fn apparent_of(code: u8) -> Option<Apparent> {
    match code {
        0 => Some(Apparent::Arithmetic),
        1 => Some(Apparent::Vector),
        _ => None,
    }
}

fn led_code(quantity: PulseQuantity) -> u8 {
    let place = PulseQuantity::ALL.into_iter().position(|one| one == quantity);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
}

const VERSION: u8 = 2;
const NUMBER_OCTETS: usize = 8;
const HEAD_OCTETS: usize = 9;
const CALIBRATION_OCTETS: usize = N_CHANNELS * 5 * NUMBER_OCTETS;
const LINEARITY_OCTETS: usize = (N_PHASES + 1) * (1 + MOST_LINEARITY_POINTS * 3 * NUMBER_OCTETS);
const TEMPERATURE_OCTETS: usize = N_CHANNELS * N_TEMPERATURES * 3 * NUMBER_OCTETS;

#[cfg(test)]
pub(crate) mod tests {
    extern crate std;

    use super::*;

    /// Parameters in which every field differs from the ideal.
    pub(crate) fn ordinary(gain: f64) -> Parameters {
        let channel = Calibration::new(gain, 0.23, 20_000.0, -7_000.0, 66.6).expect("in range");
        let currents = [0.25, 1.0, 5.0, 25.0, 100.0].map(|amperes| LinearityPoint {
            amperes,
            gain: 1.001,
            lead_degrees: 0.1,
        });
        let mut celsius = -60.0;
        let temperatures = [(); N_TEMPERATURES].map(|()| {
            celsius += 20.0;
            TemperaturePoint {
                celsius,
                gain: 0.999,
                lead_degrees: -0.01,
            }
        });
        Parameters {
            calibration: [channel; N_CHANNELS],
            linearity: [LinearityCurve::new(&currents).expect("rising"); N_PHASES + 1],
            temperature: [TemperatureCurve::new(temperatures).expect("rising"); N_CHANNELS],
            direction: Direction::PerPhase,
            apparent: Apparent::Vector,
            leds: [PulseQuantity::ActiveImport, PulseQuantity::Apparent],
            constant: Some(10_000),
        }
    }

    #[test]
    fn the_stored_form_reads_back() {
        for parameters in [Parameters::IDEAL, ordinary(1.02)] {
            let mut octets = [0xA5; Parameters::LENGTH];
            parameters.write_to(&mut octets);
            assert_eq!(Parameters::read_from(&octets), Ok(parameters.clone()));
            assert_eq!(checksum(&[&octets]), parameters.checksum());
        }
        assert_ne!(Parameters::IDEAL.checksum(), ordinary(1.02).checksum());
        assert_ne!(ordinary(1.02).checksum(), ordinary(1.020_000_000_1).checksum());
    }

    #[test]
    fn octets_that_no_bench_may_write_are_refused() {
        let mut octets = [0; Parameters::LENGTH];
        ordinary(1.02).write_to(&mut octets);
        for length in [0, 1, Parameters::LENGTH - 1] {
            assert_eq!(Parameters::read_from(&octets[..length]), Err(ParametersError::Length));
        }
        let refused = |at: usize, field: &[u8]| {
            let mut changed = octets;
            changed[at..at + field.len()].copy_from_slice(field);
            Parameters::read_from(&changed).expect_err("refused")
        };
        assert_eq!(refused(0, &[9]), ParametersError::Version(9));
        assert_eq!(refused(1, &[2]), ParametersError::Value);
        assert_eq!(refused(4, &[7]), ParametersError::Value);
        assert_eq!(refused(5, &1_000_001_u32.to_le_bytes()), ParametersError::Value);
        assert_eq!(refused(HEAD_OCTETS, &9.0_f64.to_le_bytes()), ParametersError::Value);
        assert_eq!(refused(HEAD_OCTETS, &f64::NAN.to_le_bytes()), ParametersError::Value);
        assert_eq!(refused(HEAD_OCTETS + CALIBRATION_OCTETS, &[9]), ParametersError::Value);
        assert_eq!(refused(HEAD_OCTETS + CALIBRATION_OCTETS, &[3]), ParametersError::Value);
        let temperatures = Parameters::LENGTH - TEMPERATURE_OCTETS;
        assert_eq!(refused(temperatures, &500.0_f64.to_le_bytes()), ParametersError::Value);
    }
}
