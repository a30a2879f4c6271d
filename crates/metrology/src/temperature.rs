//! Drift of the sensors over temperature: the curve that is stored for a channel, and its value at a temperature (M3).
//!
//! Between its points a curve is straight; outside, it goes on level. It is found like a calibration, by comparison with a
//! reference meter, at a few temperatures.

use crate::setup::{SetupError, within};

/// Points of a curve.
pub const N_TEMPERATURES: usize = 7;

/// The corrections of one channel at one temperature, on top of its [`Calibration`](crate::Calibration).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TemperaturePoint {
    /// The temperature at the sensor in degrees Celsius, -60 to 120.
    pub celsius: f64,
    /// Factor on the reading, 0.9 to 1.1.
    pub gain: f64,
    /// Further lead of the channel's signal, -5 to 5 degrees.
    pub lead_degrees: f64,
}

/// The corrections of one channel over temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TemperatureCurve {
    points: [TemperaturePoint; N_TEMPERATURES],
}

impl TemperatureCurve {
    /// No drift at all.
    pub const FLAT: Self = Self {
        points: [TemperaturePoint {
            celsius: 23.0,
            gain: 1.0,
            lead_degrees: 0.0,
        }; N_TEMPERATURES],
    };

    /// A curve through points of rising temperature.
    ///
    /// # Errors
    /// [`SetupError::OutOfRange`] names the first value that is out of its range; a temperature must be above the one before it.
    pub fn new(points: [TemperaturePoint; N_TEMPERATURES]) -> Result<Self, SetupError> {
        let mut least = LEAST_CELSIUS;
        for point in &points {
            within("celsius", None, point.celsius, least, MOST_CELSIUS)?;
            within("gain", None, point.gain, 0.9, 1.1)?;
            within("lead_degrees", None, point.lead_degrees, -5.0, 5.0)?;
            least = point.celsius + LEAST_STEP_CELSIUS;
        }
        Ok(Self { points })
    }

    /// The points in order.
    #[must_use]
    pub const fn points(&self) -> &[TemperaturePoint; N_TEMPERATURES] {
        &self.points
    }

    /// The corrections at a temperature. What is not a temperature is taken for that of the first point.
    #[must_use]
    pub fn at(&self, celsius: f64) -> TemperaturePoint {
        let [first, ..] = self.points;
        let mut before = first;
        for point in self.points {
            if celsius < point.celsius {
                let span = point.celsius - before.celsius;
                if span <= 0.0 {
                    return TemperaturePoint { celsius, ..point };
                }
                let share = (celsius - before.celsius) / span;
                let between = |from: f64, to: f64| from + (to - from) * share;
                return TemperaturePoint {
                    celsius,
                    gain: between(before.gain, point.gain),
                    lead_degrees: between(before.lead_degrees, point.lead_degrees),
                };
            }
            before = point;
        }
        if celsius.is_nan() { first } else { before }
    }
}

const LEAST_CELSIUS: f64 = -60.0;
const MOST_CELSIUS: f64 = 120.0;
const LEAST_STEP_CELSIUS: f64 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn points() -> [TemperaturePoint; N_TEMPERATURES] {
        let mut celsius = -60.0;
        [0.0_f64; N_TEMPERATURES].map(|_| {
            celsius += 20.0;
            TemperaturePoint {
                celsius,
                gain: 1.0 + celsius * 1e-4,
                lead_degrees: celsius * 1e-3,
            }
        })
    }

    #[test]
    fn a_curve_is_straight_between_its_points_and_level_outside() {
        let curve = TemperatureCurve::new(points()).expect("rising");
        let close = |celsius: f64, as_if: f64| {
            let found = curve.at(celsius);
            assert!((found.gain - 1.0 - as_if * 1e-4).abs() < 1e-12, "{found:?}");
            assert!((found.lead_degrees - as_if * 1e-3).abs() < 1e-12, "{found:?}");
        };
        close(-40.0, -40.0);
        close(-33.0, -33.0);
        close(80.0, 80.0);
        close(79.9, 79.9);
        close(-273.0, -40.0);
        close(1e9, 80.0);
        close(f64::NAN, -40.0);
        assert_eq!(TemperatureCurve::FLAT.at(-40.0).gain, 1.0);
        assert_eq!(TemperatureCurve::FLAT.at(70.0).lead_degrees, 0.0);
    }

    #[test]
    fn absurd_curves_are_refused() {
        let check = |change: fn(&mut [TemperaturePoint; N_TEMPERATURES])| {
            let mut points = points();
            change(&mut points);
            match TemperatureCurve::new(points) {
                Err(SetupError::OutOfRange { field, .. }) => field,
                _ => "none",
            }
        };
        assert_eq!(check(|_points| {}), "none");
        assert_eq!(check(|points| points[3].celsius = points[2].celsius), "celsius");
        assert_eq!(check(|points| points[0].celsius = f64::NAN), "celsius");
        assert_eq!(check(|points| points[6].gain = 2.0), "gain");
        assert_eq!(check(|points| points[1].lead_degrees = -9.0), "lead_degrees");
    }
}
