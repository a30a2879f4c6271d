//! Current sensors that are not linear: the curve over the current that is stored for a channel, and its value at a current (M3, M7).
//!
//! The ratio and the lead of a transformer change with its magnetisation, so with the logarithm of the current. Between its points a
//! curve is straight over that logarithm; outside, it goes on level. It is found by comparison with a reference meter at a few currents,
//! see [`linearised`](crate::linearised).

use crate::setup::{SetupError, within};

/// Fewest points of a curve that is not flat.
pub const LEAST_LINEARITY_POINTS: usize = 5;
/// Most points of a curve.
pub const MOST_LINEARITY_POINTS: usize = 8;

/// The corrections of one current channel at one current, on top of its [`Calibration`](crate::Calibration).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearityPoint {
    /// The current in amperes as the meter reads it without the curve, 0.000 001 to 100 000.
    pub amperes: f64,
    /// Factor on the reading, 0.9 to 1.1.
    pub gain: f64,
    /// Further lead of the channel's signal, -5 to 5 degrees.
    pub lead_degrees: f64,
}

/// The corrections of one current channel over the current.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearityCurve {
    points: [LinearityPoint; MOST_LINEARITY_POINTS],
    count: usize,
}

impl LinearityPoint {
    const NONE: Self = Self {
        amperes: 1.0,
        gain: 1.0,
        lead_degrees: 0.0,
    };
}

impl LinearityCurve {
    /// A linear sensor.
    pub const FLAT: Self = Self {
        points: [LinearityPoint::NONE; MOST_LINEARITY_POINTS],
        count: 0,
    };

    /// A curve through 5 to 8 points of rising current.
    ///
    /// # Errors
    /// [`SetupError::OutOfRange`] names the first value that is out of its range, `points` when there are too few or too many; a current
    /// must be at least a twentieth above the one before it.
    pub fn new(given: &[LinearityPoint]) -> Result<Self, SetupError> {
        let (fewest, most) = (LEAST_LINEARITY_POINTS as f64, MOST_LINEARITY_POINTS as f64);
        within("points", None, given.len() as f64, fewest, most)?;
        let mut curve = Self::FLAT;
        let mut least = LEAST_AMPERES;
        for (slot, point) in curve.points.iter_mut().zip(given) {
            within("amperes", None, point.amperes, least, MOST_AMPERES)?;
            within("gain", None, point.gain, 0.9, 1.1)?;
            within("lead_degrees", None, point.lead_degrees, -5.0, 5.0)?;
            least = point.amperes * LEAST_STEP;
            *slot = *point;
        }
        curve.count = given.len();
        Ok(curve)
    }

    /// The points in order; none for a linear sensor.
    #[must_use]
    pub fn points(&self) -> &[LinearityPoint] {
        self.points.get(..self.count).unwrap_or(&self.points)
    }

    /// The corrections at a current as it is read without the curve. What is not a current is taken for that of the first point.
    #[must_use]
    pub fn at(&self, amperes: f64) -> LinearityPoint {
        let Some(first) = self.points().first() else {
            return LinearityPoint {
                amperes,
                ..LinearityPoint::NONE
            };
        };
        let mut before = *first;
        for point in self.points() {
            if amperes < point.amperes {
                if point.amperes <= before.amperes {
                    return LinearityPoint { amperes, ..*point };
                }
                let share = libm::log(amperes / before.amperes) / libm::log(point.amperes / before.amperes);
                let between = |from: f64, to: f64| from + (to - from) * share;
                return LinearityPoint {
                    amperes,
                    gain: between(before.gain, point.gain),
                    lead_degrees: between(before.lead_degrees, point.lead_degrees),
                };
            }
            before = *point;
        }
        let level = if amperes.is_nan() { *first } else { before };
        LinearityPoint { amperes, ..level }
    }
}

const LEAST_AMPERES: f64 = 1e-6;
const MOST_AMPERES: f64 = 1e5;
/// Neighbouring points are at least this factor apart.
const LEAST_STEP: f64 = 1.05;

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    /// Points at 0.1, 1, 10, 100, 1000 A whose gain rises by 1e-3 and whose lead by 0.1 degrees a decade.
    fn points() -> Vec<LinearityPoint> {
        (0..5_u8)
            .map(|decade| LinearityPoint {
                amperes: libm::pow(10.0, f64::from(decade) - 1.0),
                gain: 1.0 + 1e-3 * f64::from(decade),
                lead_degrees: 0.1 * f64::from(decade),
            })
            .collect()
    }

    #[test]
    fn a_curve_is_straight_over_the_logarithm_and_level_outside() {
        let curve = LinearityCurve::new(&points()).expect("rising");
        let close = |amperes: f64, decades: f64| {
            let found = curve.at(amperes);
            assert!((found.gain - 1.0 - 1e-3 * decades).abs() < 1e-12, "{found:?}");
            assert!((found.lead_degrees - 0.1 * decades).abs() < 1e-12, "{found:?}");
        };
        close(0.1, 0.0);
        close(libm::sqrt(0.1), 0.5);
        close(1.0, 1.0);
        close(1_000.0, 4.0);
        close(1e9, 4.0);
        close(1e-9, 0.0);
        close(0.0, 0.0);
        close(-1.0, 0.0);
        close(f64::NAN, 0.0);
        assert_eq!(
            (LinearityCurve::FLAT.at(5.0).gain, LinearityCurve::FLAT.points().len()),
            (1.0, 0)
        );
    }

    #[test]
    fn absurd_curves_are_refused() {
        let check = |change: &dyn Fn(&mut Vec<LinearityPoint>)| {
            let mut points = points();
            change(&mut points);
            match LinearityCurve::new(&points) {
                Err(SetupError::OutOfRange { field, .. }) => field,
                _ => "none",
            }
        };
        assert_eq!(check(&|_points| {}), "none");
        assert_eq!(check(&|points| points.truncate(4)), "points");
        assert_eq!(check(&|points| points.extend([LinearityPoint::NONE; 4])), "points");
        assert_eq!(check(&|points| points[3].amperes = points[2].amperes), "amperes");
        assert_eq!(check(&|points| points[0].amperes = f64::NAN), "amperes");
        assert_eq!(check(&|points| points[4].gain = 2.0), "gain");
        assert_eq!(check(&|points| points[1].lead_degrees = -9.0), "lead_degrees");
    }
}
