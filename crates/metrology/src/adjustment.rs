//! Calibration from a bench: what the reference meter read and what ours read at two frequencies become gains, lead and delay.
//!
//! One frequency gives the angle between current and voltage channel, but cannot tell a lead (constant in degrees) from a delay
//! (constant in time); two frequencies a few hertz apart can. Lead and delay of the voltage channel are booked on the current
//! channel, because only their difference moves a power.
//!
//! A production line goes on from there: an oven gives the curves over temperature ([`drifted`]), a few more currents the curve of a
//! transformer that is not linear ([`linearised`]).

use core::f64::consts::PI;

use crate::calibration::Calibration;
use crate::linearity::{LEAST_LINEARITY_POINTS, LinearityCurve, LinearityPoint, MOST_LINEARITY_POINTS};
use crate::setup::{SetupError, within};
use crate::temperature::TemperaturePoint;

/// One phase at a steady sine, read by the bench's reference meter or by ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Frequency in hertz.
    pub hertz: f64,
    /// Rms voltage.
    pub volts: f64,
    /// Active power.
    pub watts: f64,
    /// Reactive power of the fundamental, positive when the current lags.
    pub vars: f64,
}

/// The same load, read by both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// What the reference meter read.
    pub reference: Reading,
    /// What our meter read, with the calibration that is to be improved.
    pub own: Reading,
}

/// The voltage and the current channel of one phase, corrected so that our meter reads what the reference read in two
/// comparisons at different frequencies. Offsets and noise floors stay as they were.
///
/// # Errors
/// [`SetupError::OutOfRange`] names the first correction that no sane sensor needs: readings of zero, of the wrong phase, with a
/// current the wrong way round, or twice at the same frequency.
pub fn adjusted(
    voltage: &Calibration,
    current: &Calibration,
    comparisons: [&Comparison; 2],
) -> Result<(Calibration, Calibration), SetupError> {
    let [first, second] = comparisons.map(Comparison::ratios);
    let hertz = comparisons.map(|comparison| comparison.reference.hertz);
    let [first_hertz, second_hertz] = hertz;
    let volts = (first.volts + second.volts) / 2.0;
    let power = (first.power + second.power) / 2.0;
    let delay_turns = (first.degrees - second.degrees) / 360.0;
    let delay_seconds = delay_turns / (second_hertz - first_hertz);
    let lead_degrees = (first.degrees + second.degrees) / 2.0 + 180.0 * (first_hertz + second_hertz) * delay_seconds;
    Ok((
        Calibration::new(
            voltage.gain() * volts,
            voltage.lead_degrees(),
            voltage.delay_nanos(),
            voltage.offset_lsb(),
            voltage.noise_lsb(),
        )?,
        Calibration::new(
            current.gain() * power / volts,
            current.lead_degrees() + lead_degrees,
            current.delay_nanos() + delay_seconds * 1e9,
            current.offset_lsb(),
            current.noise_lsb(),
        )?,
    ))
}

/// The points of the temperature curves of the voltage and the current channel of one phase, from a comparison at `celsius` in
/// which our meter read with its calibration and without a curve.
///
/// The points are not checked before a [`TemperatureCurve`](crate::TemperatureCurve) is made of them.
#[must_use]
pub fn drifted(celsius: f64, comparison: &Comparison) -> (TemperaturePoint, TemperaturePoint) {
    let ratios = comparison.ratios();
    (
        TemperaturePoint {
            celsius,
            gain: ratios.volts,
            lead_degrees: 0.0,
        },
        TemperaturePoint {
            celsius,
            gain: ratios.power / ratios.volts,
            lead_degrees: ratios.degrees,
        },
    )
}

/// The curve of a current channel that is not linear, from 5 to 8 comparisons at rising currents, in which our meter read with its
/// calibration and without a curve. Each should be at a power factor of about 0.5, where an angle moves the active power.
///
/// # Errors
/// [`SetupError::OutOfRange`] when there are too few or too many, the currents do not rise, or a correction is one that no sane sensor
/// needs.
pub fn linearised(comparisons: &[Comparison]) -> Result<LinearityCurve, SetupError> {
    let mut points = [LinearityPoint {
        amperes: f64::NAN,
        gain: 1.0,
        lead_degrees: 0.0,
    }; MOST_LINEARITY_POINTS];
    for (point, comparison) in points.iter_mut().zip(comparisons) {
        let (own, ratios) = (&comparison.own, comparison.ratios());
        *point = LinearityPoint {
            amperes: libm::hypot(own.watts, own.vars) / own.volts,
            gain: ratios.power / ratios.volts,
            lead_degrees: ratios.degrees,
        };
    }
    let (fewest, most) = (LEAST_LINEARITY_POINTS as f64, MOST_LINEARITY_POINTS as f64);
    within("comparisons", None, comparisons.len() as f64, fewest, most)?;
    LinearityCurve::new(points.get(..comparisons.len()).unwrap_or(&points))
}

/// Reference by own reading: voltage, magnitude of the fundamental's power, and the angle that is missing.
struct Ratios {
    volts: f64,
    power: f64,
    degrees: f64,
}

impl Comparison {
    fn ratios(&self) -> Ratios {
        let (reference, own) = (&self.reference, &self.own);
        let watts = reference.watts * own.watts + reference.vars * own.vars;
        let vars = reference.vars * own.watts - reference.watts * own.vars;
        Ratios {
            volts: reference.volts / own.volts,
            power: libm::hypot(reference.watts, reference.vars) / libm::hypot(own.watts, own.vars),
            degrees: libm::atan2(vars, watts) * (180.0 / PI),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a meter reads whose current channel reads `gain` too low, leads and comes late.
    fn comparison(hertz: f64, gain: f64, lead_degrees: f64, delay_nanos: f64) -> Comparison {
        let (volts, amperes) = (230.0, 5.0);
        let angle = PI / 3.0;
        let seen = angle - (lead_degrees - delay_nanos * 1e-9 * hertz * 360.0) * PI / 180.0;
        Comparison {
            reference: Reading {
                hertz,
                volts,
                watts: volts * amperes * libm::cos(angle),
                vars: volts * amperes * libm::sin(angle),
            },
            own: Reading {
                hertz,
                volts: volts / 1.01,
                watts: volts * amperes / gain / 1.01 * libm::cos(seen),
                vars: volts * amperes / gain / 1.01 * libm::sin(seen),
            },
        }
    }

    /// M7: lead and delay are told apart.
    #[test]
    fn two_comparisons_give_gains_lead_and_delay() {
        let at = |hertz| comparison(hertz, 0.98, 0.23, 20_000.0);
        let current = Calibration::new(1.0, 0.0, 0.0, 7.0, 66.6).expect("in range");
        let (voltage, current) =
            adjusted(&Calibration::IDENTITY, &current, [&at(49.0), &at(51.0)]).expect("a sane sensor");
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-7 * expected, "{found}");
        close(voltage.gain(), 1.01);
        close(current.gain(), 0.98);
        close(current.lead_degrees(), 0.23);
        close(current.delay_nanos(), 20_000.0);
        assert_eq!((current.offset_lsb(), current.noise_lsb()), (7.0, 66.6));
    }

    #[test]
    fn one_comparison_gives_the_drift_at_a_temperature() {
        let (voltage, current) = drifted(70.0, &comparison(50.0, 0.98, 0.23, 0.0));
        assert_eq!(
            (voltage.celsius, current.celsius, voltage.lead_degrees),
            (70.0, 70.0, 0.0)
        );
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
        close(voltage.gain, 1.01);
        close(current.gain, 0.98);
        close(current.lead_degrees, 0.23);
    }

    #[test]
    fn readings_that_cannot_be_are_refused() {
        let good = comparison(49.0, 1.0, 0.0, 0.0);
        let other = comparison(51.0, 1.0, 0.0, 0.0);
        let adjust = |first: &Comparison, second: &Comparison| {
            adjusted(&Calibration::IDENTITY, &Calibration::IDENTITY, [first, second]).map_err(|error| match error {
                SetupError::OutOfRange { field, .. } => field,
                SetupError::NoChannel => "none",
            })
        };
        assert!(adjust(&good, &other).is_ok());
        assert!(adjust(&good, &good).is_err(), "twice at the same frequency");
        let mut dead = other;
        dead.own.watts = 0.0;
        dead.own.vars = 0.0;
        assert_eq!(adjust(&good, &dead), Err("gain"));
        let mut nonsense = other;
        nonsense.reference.volts = f64::NAN;
        assert_eq!(adjust(&good, &nonsense), Err("gain"));
        let turned = |comparison: &Comparison| {
            let mut turned = *comparison;
            (turned.own.watts, turned.own.vars) = (-turned.own.watts, -turned.own.vars);
            turned
        };
        assert_eq!(adjust(&turned(&good), &turned(&other)), Err("lead_degrees"));
    }
}
