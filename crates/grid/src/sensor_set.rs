//! The sensors of one meter as a whole: what each is at 23 degrees, how it drifts with the temperature, how the transformers bend
//! with the current, and by how much the meter's thermometer is wrong. The bench and the virtual meters have this one model.

use crate::chance::share;
use crate::converter::N_CHANNELS;
use crate::sensor::SensorError;

/// The sensors v1 v2 v3 i1 i2 i3 in of one meter, and its thermometer.
#[derive(Clone, Debug, PartialEq)]
pub struct SensorSet {
    /// Their errors at 23 degrees, as if they were linear.
    pub at_reference: [SensorError; N_CHANNELS],
    /// How they drift from there.
    pub drifts: [Drift; N_CHANNELS],
    /// By how much the thermometer is wrong, in kelvins.
    pub thermometer_error: f64,
}

/// How a channel drifts from what it is at 23 degrees.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drift {
    /// Gain in ppm per kelvin.
    pub gain_ppm_per_k: f64,
    /// Gain in ppm per square kelvin.
    pub gain_ppm_per_k2: f64,
    /// Lead in degrees per kelvin.
    pub lead_deg_per_k: f64,
}

/// How ratio and lead of current transformers change with the current: -0.42 % and 0.5 degrees at the least current, nothing at the
/// greatest. It is not straight over the logarithm of the current: a curve of points must be wrong between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bend {
    /// The current below which they change no more, in amperes at the meter.
    pub least_amperes: f64,
    /// The current at which they are right.
    pub greatest_amperes: f64,
}

/// The temperature at which a meter is calibrated.
pub const REFERENCE_CELSIUS: f64 = 23.0;

impl SensorSet {
    /// Draws the sensors of a meter; `between` gives a number between two, another one each time.
    pub fn drawn(mut between: impl FnMut(f64, f64) -> f64) -> Self {
        let mut at_reference = [SensorError::default(); N_CHANNELS];
        for (channel, sensor) in at_reference.iter_mut().enumerate() {
            *sensor = SensorError {
                gain_percent: between(-2.0, 2.0),
                offset_codes: libm::round(between(-7000.0, 7000.0)),
                lead_deg: if is_current(channel) { between(0.05, 0.4) } else { 0.0 },
                delay_us: between(-20.0, 20.0),
            };
        }
        let drifts = core::array::from_fn(|channel| Drift {
            gain_ppm_per_k: between(-30.0, 30.0),
            gain_ppm_per_k2: between(-0.3, 0.3),
            lead_deg_per_k: if is_current(channel) {
                between(-0.001, 0.001)
            } else {
                0.0
            },
        });
        Self {
            at_reference,
            drifts,
            thermometer_error: between(-1.0, 1.0),
        }
    }

    /// The sensors of the meter with this seed.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut index = 0;
        Self::drawn(|least, most| {
            index += 1;
            least + (most - least) * share(seed, PURPOSE, index)
        })
    }

    /// The sensors at a temperature, as if they were linear.
    #[must_use]
    pub fn at(&self, celsius: f64) -> [SensorError; N_CHANNELS] {
        let kelvins = celsius - REFERENCE_CELSIUS;
        let mut sensors = self.at_reference;
        for (sensor, drift) in sensors.iter_mut().zip(&self.drifts) {
            sensor.gain_percent = ((1.0 + sensor.gain_percent / 100.0) * drift.gain(kelvins) - 1.0) * 100.0;
            sensor.lead_deg = (sensor.lead_deg + drift.lead_deg_per_k * kelvins).max(0.0);
        }
        sensors
    }
}

impl Drift {
    /// The factor on the gain, so many kelvins away from 23 degrees.
    #[must_use]
    pub fn gain(&self, kelvins: f64) -> f64 {
        1.0 + (self.gain_ppm_per_k + self.gain_ppm_per_k2 * kelvins) * kelvins * 1e-6
    }
}

impl Bend {
    /// By how many percent a ratio, and by how many degrees a lead, differs at a current from what it is at the greatest.
    #[must_use]
    pub fn at(&self, amperes: f64) -> (f64, f64) {
        let decades = libm::log(self.greatest_amperes / self.least_amperes);
        let place = (libm::log(amperes / self.least_amperes) / decades).clamp(0.0, 1.0);
        let bend = libm::pow(1.0 - place, 1.5);
        (-0.42 * bend, 0.5 * bend)
    }
}

/// Whether a channel of the seven measures a current.
const fn is_current(channel: usize) -> bool {
    3 <= channel
}

/// The purpose of these draws among those of a seed.
const PURPOSE: u64 = 0x73_656e_736f_7273;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_sensors_and_another_one_others() {
        assert_eq!(SensorSet::of_seed(1), SensorSet::of_seed(1));
        assert_ne!(SensorSet::of_seed(1), SensorSet::of_seed(2));
        let set = SensorSet::of_seed(1);
        assert_eq!(
            set.at(REFERENCE_CELSIUS),
            set.at_reference.map(|it| SensorError {
                gain_percent: ((1.0 + it.gain_percent / 100.0) - 1.0) * 100.0,
                ..it
            })
        );
        assert!(set.at_reference[..3].iter().all(|it| it.lead_deg == 0.0));
        assert!(set.at_reference[3..].iter().all(|it| 0.05 <= it.lead_deg));
    }

    #[test]
    fn sensors_drift_and_transformers_bend_as_they_say() {
        let mut set = SensorSet::of_seed(3);
        set.at_reference = [SensorError::default(); 7];
        set.drifts[4] = Drift {
            gain_ppm_per_k: 30.0,
            gain_ppm_per_k2: 0.3,
            lead_deg_per_k: 0.001,
        };
        let hot = set.at(63.0)[4];
        assert!((hot.gain_percent - 0.168).abs() < 1e-9 && (hot.lead_deg - 0.04).abs() < 1e-12);
        let bend = Bend {
            least_amperes: 0.1,
            greatest_amperes: 100.0,
        };
        assert_eq!(bend.at(100.0), (-0.0, 0.0));
        assert_eq!(bend.at(0.1), (-0.42, 0.5));
        assert_eq!((bend.at(0.0), bend.at(1e6)), ((-0.42, 0.5), (-0.0, 0.0)));
        let (percent, _) = bend.at(5.0);
        assert!((-0.13..-0.11).contains(&percent), "{percent}");
    }
}
