//! What shunts, dividers, current transformers and the converter's inputs do to a signal before it is numbers.

use core::f64::consts::PI;

use crate::setting::{Field, SettingError};

/// The errors of one channel. They are what a calibration finds and takes out again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SensorError {
    /// Gain error, -20 to 20 %.
    pub gain_percent: f64,
    /// Offset in codes of the converter, -100 000 to 100 000.
    pub offset_codes: f64,
    /// The angle by which the signal leads at 50 Hz, 0 to 5 degrees. It is the lead of a current transformer (a high-pass of
    /// first order): at other frequencies its tangent falls with the frequency, and a direct current does not pass.
    pub lead_deg: f64,
    /// Delay of the channel against the others, -50 to 50 microseconds, the same at every frequency.
    pub delay_us: f64,
}

impl SensorError {
    pub(crate) fn check(&self, channel: usize) -> Result<(), SettingError> {
        let field = |name| Field::sensor(channel, name);
        field("gain_percent").check(self.gain_percent, -20.0, 20.0)?;
        field("offset_codes").check(self.offset_codes, -100_000.0, 100_000.0)?;
        field("lead_deg").check(self.lead_deg, 0.0, 5.0)?;
        field("delay_us").check(self.delay_us, -50.0, 50.0)
    }
}

/// One channel's path with its errors. Every path is [`BASE_DELAY`] samples long, so that a channel can also be early.
#[derive(Clone, Debug)]
pub(crate) struct Sensor {
    gain: f64,
    offset_codes: f64,
    lead: Option<HighPass>,
    /// Weights of the samples that lie `oldest`, `oldest` - 1, .. samples back.
    weights: [f64; WEIGHTS],
    newest: usize,
    past: [f64; PAST],
    place: usize,
}

#[derive(Clone, Debug)]
struct HighPass {
    gain: f64,
    pole: f64,
    before: f64,
    passed: f64,
}

impl Sensor {
    pub(crate) fn new(error: &SensorError, rate_hz: f64) -> Self {
        let delay = BASE_DELAY + error.delay_us * 1e-6 * rate_hz;
        let newest = libm::floor(delay) - 3.0;
        let mut sensor = Self {
            gain: 1.0,
            offset_codes: 0.0,
            lead: None,
            weights: lagrange(delay - newest),
            newest: small(newest),
            past: [0.0; PAST],
            place: 0,
        };
        sensor.tune(error, rate_hz);
        sensor
    }

    /// Gain, offset and lead become these; what has passed stays, so that nothing jumps. The delay is a matter of the hardware and stays.
    pub(crate) fn tune(&mut self, error: &SensorError, rate_hz: f64) {
        self.gain = 1.0 + error.gain_percent / 100.0;
        self.offset_codes = error.offset_codes;
        let wanted = (0.0 < error.lead_deg).then(|| HighPass::new(error.lead_deg * PI / 180.0, rate_hz));
        self.lead = match (self.lead.take(), wanted) {
            (Some(before), Some(wanted)) => Some(HighPass {
                gain: wanted.gain,
                pole: wanted.pole,
                ..before
            }),
            (_, wanted) => wanted,
        };
    }

    /// The next value behind the sensor, in the unit of `value`, without the offset.
    pub(crate) fn pass(&mut self, value: f64) -> f64 {
        self.place = (self.place + 1) % PAST;
        if let Some(slot) = self.past.get_mut(self.place) {
            *slot = value;
        }
        let mut sum = 0.0;
        for (back, weight) in self.weights.iter().enumerate() {
            let place = (self.place + PAST - self.newest - back) % PAST;
            sum += weight * self.past.get(place).copied().unwrap_or(0.0);
        }
        if let Some(lead) = &mut self.lead {
            sum = lead.pass(sum);
        }
        sum * self.gain
    }

    pub(crate) const fn offset_codes(&self) -> f64 {
        self.offset_codes
    }
}

impl HighPass {
    /// Leads by `lead` radians at 50 Hz, where its gain is 1 (bilinear transform, exact at 50 Hz).
    fn new(lead: f64, rate_hz: f64) -> Self {
        let corner = libm::tan(lead) * libm::tan(PI * 50.0 / rate_hz);
        let pole = (1.0 - corner) / (1.0 + corner);
        Self {
            gain: 1.0 / (1.0 + corner) / libm::cos(lead),
            pole,
            before: 0.0,
            passed: 0.0,
        }
    }

    fn pass(&mut self, value: f64) -> f64 {
        self.passed = self.pole * self.passed + self.gain * (value - self.before);
        self.before = value;
        self.passed
    }
}

/// The weights of samples at 0, 1, .. that give the value at `place` (interpolation of Lagrange; exact for slow signals).
fn lagrange(place: f64) -> [f64; WEIGHTS] {
    let mut weights = [1.0; WEIGHTS];
    let mut node = 0.0;
    for weight in &mut weights {
        let mut other = 0.0;
        for _ in 0..WEIGHTS {
            if other != node {
                *weight *= (place - other) / (node - other);
            }
            other += 1.0;
        }
        node += 1.0;
    }
    weights
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "delays are 1 to 8 samples by the range check"
)]
const fn small(samples: f64) -> usize {
    samples as usize
}

/// Delay of a channel without error, in samples: 50 microseconds are 3.2 samples at 64 kS/s, and the weights need 4 around.
pub(crate) const BASE_DELAY: f64 = 8.0;

const WEIGHTS: usize = 8;

const PAST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Amplitude and angle of a 1 V sine behind the sensor, the common delay taken out.
    fn response(error: &SensorError, frequency_hz: f64, n: u32) -> (f64, f64) {
        let rate_hz = f64::from(n);
        let mut sensor = Sensor::new(error, rate_hz);
        let turn = 2.0 * PI * frequency_hz / rate_hz;
        let (mut re, mut im) = (0.0, 0.0);
        for sample in 0..11 * n {
            let value = sensor.pass(libm::sin(turn * f64::from(sample)));
            if 10 * n <= sample {
                let (sin, cos) = libm::sincos(turn * (f64::from(sample) - BASE_DELAY));
                re += value * sin;
                im += value * cos;
            }
        }
        let scale = 2.0 / rate_hz;
        (libm::hypot(re, im) * scale, libm::atan2(im, re) * 180.0 / PI)
    }

    #[track_caller]
    fn check(error: SensorError, frequency_hz: f64, rate_hz: u32, gain: f64, lead_deg: f64) {
        let (found_gain, found_lead) = response(&error, frequency_hz, rate_hz);
        assert!((found_gain - gain).abs() < 1e-9, "gain {found_gain}");
        assert!((found_lead - lead_deg).abs() < 1e-7, "lead {found_lead}");
    }

    #[test]
    fn each_error_does_what_it_says_and_nothing_else() {
        let none = SensorError::default();
        for rate_hz in [2000, 8000, 64_000] {
            check(none, 50.0, rate_hz, 1.0, 0.0);
            check(
                SensorError {
                    gain_percent: -2.0,
                    ..none
                },
                50.0,
                rate_hz,
                0.98,
                0.0,
            );
            check(SensorError { lead_deg: 0.23, ..none }, 50.0, rate_hz, 1.0, 0.23);
        }
        check(SensorError { delay_us: 20.0, ..none }, 50.0, 8000, 1.0, -0.36);
        check(
            SensorError {
                delay_us: -50.0,
                ..none
            },
            49.0,
            8000,
            1.0,
            0.882,
        );
        check(SensorError { delay_us: 50.0, ..none }, 50.0, 64_000, 1.0, -0.9);
    }
}
