//! The sensors of a virtual meter and its thermometer: what was ordered, what they are at a temperature, and the calibration that the
//! production line gives them (M3). The model is the one of `ferraris bench`.

use grid::{Bend, ConverterSetting, REFERENCE_CELSIUS, SensorError, SensorSet};
use meter::Variant;
use metrology::{
    Calibration, LinearityCurve, LinearityPoint, MOST_LINEARITY_POINTS, N_CHANNELS, N_PHASES, N_TEMPERATURES,
    Parameters, TemperatureCurve, TemperaturePoint,
};

/// What sensors a meter was ordered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sensors {
    /// Without any error.
    Ideal,
    /// Modelled, other ones for each serial number: gain, phase, offset, drift, transformers that bend. Calibrated at the reference current
    /// and 23 degrees, with curves over the current and over the temperature.
    Calibrated,
    /// The same, without the curves.
    CalibratedOnce,
}

/// The sensors of one meter in its room.
#[derive(Clone, Debug)]
pub(crate) struct Instruments {
    ordered: Sensors,
    set: Option<SensorSet>,
    currents: Currents,
    /// The true temperature.
    pub(crate) celsius: f64,
}

/// Currents that sensors and calibration go by.
#[derive(Clone, Copy, Debug)]
struct Currents {
    basic: f64,
    maximum: f64,
}

impl Instruments {
    pub(crate) fn new(ordered: Sensors, variant: Variant, serial: u32, celsius: f64) -> Self {
        Self {
            ordered,
            set: (ordered != Sensors::Ideal).then(|| SensorSet::of_seed(u64::from(serial))),
            currents: Currents {
                basic: f64::from(variant.basic_amperes()),
                maximum: f64::from(variant.maximum_amperes()),
            },
            celsius,
        }
    }

    /// Puts the sensors in front of a converter.
    pub(crate) fn equip(&self, converter: &mut ConverterSetting) {
        if let Some(sensors) = self.errors() {
            converter.sensors = sensors;
            converter.bend = Some(self.currents.bend());
        }
    }

    /// The errors of the sensors at the present temperature; none when they have none.
    pub(crate) fn errors(&self) -> Option<[SensorError; N_CHANNELS]> {
        self.set.as_ref().map(|set| set.at(self.celsius))
    }

    /// What the thermometer shows.
    pub(crate) fn thermometer(&self) -> f64 {
        self.celsius + self.set.as_ref().map_or(0.0, |set| set.thermometer_error)
    }

    /// What the production line finds of these sensors and writes, with the LED constant that was ordered.
    pub(crate) fn calibration(&self, converter: &ConverterSetting, constant: u32) -> Parameters {
        let mut parameters = Parameters::IDEAL;
        parameters.constant = Some(constant);
        let Some(set) = &self.set else { return parameters };
        let bend = self.currents.bend();
        let mut sensors = set.at(REFERENCE_CELSIUS);
        if self.ordered == Sensors::CalibratedOnce {
            let (percent, degrees) = bend.at(self.currents.basic);
            for sensor in sensors.iter_mut().skip(N_PHASES) {
                sensor.gain_percent += percent;
                sensor.lead_deg += degrees;
            }
        }
        for (calibration, sensor) in parameters.calibration.iter_mut().zip(&sensors) {
            // A sensor beyond what a calibration can undo stays as it is: such a meter fails its type test.
            *calibration = Calibration::new(
                1.0 / gain(sensor.gain_percent),
                sensor.lead_deg,
                sensor.delay_us * 1_000.0,
                sensor.offset_codes,
                converter.noise_codes(),
            )
            .unwrap_or(Calibration::IDENTITY);
        }
        if self.ordered == Sensors::Calibrated {
            for (curve, drift) in parameters.temperature.iter_mut().zip(&set.drifts) {
                let points = OVEN_CELSIUS.map(|celsius| {
                    let kelvins = celsius - REFERENCE_CELSIUS;
                    TemperaturePoint {
                        celsius,
                        gain: 1.0 / drift.gain(kelvins),
                        lead_degrees: drift.lead_deg_per_k * kelvins,
                    }
                });
                *curve = TemperatureCurve::new(points).unwrap_or(TemperatureCurve::FLAT);
            }
            for (curve, sensor) in parameters.linearity.iter_mut().zip(sensors.iter().skip(N_PHASES)) {
                *curve = self.currents.linearity(bend, sensor);
            }
        }
        parameters
    }
}

impl Currents {
    const fn bend(self) -> Bend {
        Bend {
            least_amperes: self.basic * 0.02,
            greatest_amperes: self.maximum,
        }
    }

    /// The curve that undoes the bend of a sensor, found at eight currents.
    fn linearity(self, bend: Bend, sensor: &SensorError) -> LinearityCurve {
        let mut place = 0.0;
        let points = [(); MOST_LINEARITY_POINTS].map(|()| {
            let steps = (MOST_LINEARITY_POINTS - 1) as f64;
            let amperes = bend.least_amperes * (bend.greatest_amperes / bend.least_amperes).powf(place / steps);
            place += 1.0;
            let (percent, degrees) = bend.at(amperes);
            let factor = gain(sensor.gain_percent + percent) / gain(sensor.gain_percent);
            LinearityPoint {
                amperes: amperes * factor,
                gain: 1.0 / factor,
                lead_degrees: degrees,
            }
        });
        LinearityCurve::new(&points).unwrap_or(LinearityCurve::FLAT)
    }
}

/// The factor of a gain error.
fn gain(percent: f64) -> f64 {
    1.0 + percent / 100.0
}

/// Where the curves over temperature have their points.
const OVEN_CELSIUS: [f64; N_TEMPERATURES] = [-40.0, -20.0, 0.0, 23.0, 40.0, 55.0, 70.0];

#[cfg(test)]
mod tests {
    use super::*;

    /// Every serial number's sensors can be calibrated: no correction falls back to none.
    #[test]
    fn every_meter_can_be_calibrated() {
        for variant in [Variant::Sm402d, Variant::St402d, Variant::St402c] {
            for serial in 0..300 {
                let it = Instruments::new(Sensors::Calibrated, variant, serial, 23.0);
                let mut converter = ConverterSetting::direct();
                it.equip(&mut converter);
                let parameters = it.calibration(&converter, 1_000);
                assert!(parameters.calibration.iter().all(|it| *it != Calibration::IDENTITY));
                assert!(parameters.linearity.iter().all(|it| !it.points().is_empty()));
                assert!(parameters.temperature.iter().all(|it| *it != TemperatureCurve::FLAT));
                assert!((it.thermometer() - 23.0).abs() <= 1.0);
            }
        }
        let ideal = Instruments::new(Sensors::Ideal, Variant::St402d, 7, 40.0);
        assert_eq!((ideal.errors(), ideal.thermometer()), (None, 40.0));
    }
}
