//! The analogue-to-digital converter: ranges, noise, rounding and rails.

use crate::chance::Chance;
use crate::channel_fault::ChannelFault;
use crate::sensor::{Sensor, SensorError};
use crate::sensor_set::Bend;
use crate::setting::{Field, SettingError};

pub use metrology::SampleSet;

/// The converter with its sensors: what it samples how fast, and with which errors.
#[derive(Clone, Debug, PartialEq)]
pub struct ConverterSetting {
    /// Sample sets a second, 2000 to 64 000.
    pub rate_hz: u32,
    /// Volts at full scale (2^23 codes), 100 to 2000.
    pub volts_peak: f64,
    /// Amperes at full scale (2^23 codes), 1 to 1000.
    pub amps_peak: f64,
    /// Noise of the converter.
    pub noise: Noise,
    /// Errors of v1 v2 v3 i1 i2 i3 in.
    pub sensors: [SensorError; N_CHANNELS],
    /// How the current sensors change with the current that flows; none when they are linear.
    pub bend: Option<Bend>,
}

/// Noise of the converter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noise {
    /// None but the rounding to whole codes.
    Off,
    /// White noise. Its density is constant: at 64 kS/s a sample is noisier than at 8 kS/s by the root of 8.
    White {
        /// A full-scale sine against the noise at 8 kS/s, 60 to 160 dB.
        dynamic_range_db: f64,
    },
}

impl ConverterSetting {
    /// A direct connected meter at 8 kS/s: 600 V and 200 A peak, a converter of 99 dB.
    #[must_use]
    pub fn direct() -> Self {
        Self {
            rate_hz: 8000,
            volts_peak: 600.0,
            amps_peak: 200.0,
            noise: Noise::White { dynamic_range_db: 99.0 },
            sensors: [SensorError::default(); N_CHANNELS],
            bend: None,
        }
    }

    /// A meter on 5(6) A transformers at 8 kS/s: 20 A peak hold 1.2 times 6 A up to a crest factor of 2.7.
    #[must_use]
    pub fn transformers() -> Self {
        Self {
            amps_peak: 20.0,
            ..Self::direct()
        }
    }

    /// Volts that one code stands for.
    #[must_use]
    pub fn volts_per_lsb(&self) -> f64 {
        self.volts_peak / FULL_SCALE
    }

    /// Amperes that one code stands for.
    #[must_use]
    pub fn amps_per_lsb(&self) -> f64 {
        self.amps_peak / FULL_SCALE
    }

    /// Root mean square of the noise in codes.
    #[must_use]
    pub fn noise_codes(&self) -> f64 {
        match self.noise {
            Noise::Off => 0.0,
            Noise::White { dynamic_range_db } => {
                let full_scale_sine = FULL_SCALE * core::f64::consts::FRAC_1_SQRT_2;
                let at_8_khz = full_scale_sine / libm::pow(10.0, dynamic_range_db / 20.0);
                at_8_khz * libm::sqrt(f64::from(self.rate_hz) / 8000.0)
            }
        }
    }

    /// Refuses what is out of range.
    ///
    /// # Errors
    /// The first field that is out of range, not a number or infinite.
    pub fn check(&self) -> Result<(), SettingError> {
        Field::of("rate_hz").check(f64::from(self.rate_hz), 2000.0, 64_000.0)?;
        Field::of("volts_peak").check(self.volts_peak, 100.0, 2000.0)?;
        Field::of("amps_peak").check(self.amps_peak, 1.0, 1000.0)?;
        if let Noise::White { dynamic_range_db } = self.noise {
            Field::of("dynamic_range_db").check(dynamic_range_db, 60.0, 160.0)?;
        }
        self.sensors
            .iter()
            .enumerate()
            .try_for_each(|(channel, error)| error.check(channel))
    }
}

/// The converter at work on the channels that the meter has.
#[derive(Clone, Debug)]
pub(crate) struct Converter {
    codes_per_volt: f64,
    codes_per_amp: f64,
    present: [bool; 7],
    noise_codes: f64,
    chance: Chance,
    /// Absent when no sensor has an error: then the path has no delay either.
    sensors: Option<Sensors>,
    /// Absent while every channel is sound.
    faults: Option<[ChannelFault; N_CHANNELS]>,
    sample: u64,
}

/// The sensors at work, and what flows through those that bend.
#[derive(Clone, Debug)]
struct Sensors {
    errors: [SensorError; N_CHANNELS],
    channels: [Sensor; N_CHANNELS],
    rate_hz: f64,
    bend: Option<Bend>,
    /// Of the currents since it was looked last, in squared amperes.
    squares: [f64; N_CHANNELS],
    passed: u32,
    /// Samples between two looks: a tenth of a second, in which a sine of 50 or 60 Hz has whole cycles.
    period: u32,
}

impl Converter {
    pub(crate) fn new(setting: &ConverterSetting, present: [bool; 7], chance: Chance) -> Self {
        let flawed = setting.bend.is_some() || setting.sensors.iter().any(|error| *error != SensorError::default());
        Self {
            codes_per_volt: FULL_SCALE / setting.volts_peak,
            codes_per_amp: FULL_SCALE / setting.amps_peak,
            present,
            noise_codes: setting.noise_codes(),
            chance,
            sensors: flawed.then(|| Sensors::new(setting)),
            faults: None,
            sample: 0,
        }
    }

    /// Breaks or mends channels.
    pub(crate) fn set_faults(&mut self, faults: &[ChannelFault; N_CHANNELS]) {
        let any = faults.iter().any(|fault| *fault != ChannelFault::Sound);
        self.faults = any.then_some(*faults);
    }

    pub(crate) fn faults(&self) -> [ChannelFault; N_CHANNELS] {
        self.faults.unwrap_or_default()
    }

    /// The sensors' errors become these, as when their temperature changes; delays stay.
    pub(crate) fn tune(&mut self, setting: &ConverterSetting) {
        match &mut self.sensors {
            Some(sensors) => sensors.tune(&setting.sensors),
            None => self.sensors = Self::new(setting, self.present, self.chance.clone()).sensors,
        }
    }

    /// Codes of volts and amperes; the neutral current is what the phases do not return themselves.
    pub(crate) fn convert(&mut self, volts: [f64; 3], amps: [f64; 3]) -> SampleSet {
        let [v1, v2, v3] = volts;
        let [has_l2, has_l3] = [self.present[4], self.present[5]];
        let [i1, i2, i3] = [
            amps[0],
            if has_l2 { amps[1] } else { 0.0 },
            if has_l3 { amps[2] } else { 0.0 },
        ];
        let mut values = [v1, v2, v3, i1, i2, i3, -(i1 + i2 + i3)];
        let mut offsets = [0.0; 7];
        if let Some(sensors) = &mut self.sensors {
            sensors.pass(&mut values, &mut offsets);
        }
        if 0.0 < self.noise_codes {
            let [n1, n2] = self.chance.bell_pair();
            let [n3, n4] = self.chance.bell_pair();
            let [n5, n6] = self.chance.bell_pair();
            let [n7, _unused] = self.chance.bell_pair();
            for (offset, noise) in offsets.iter_mut().zip([n1, n2, n3, n4, n5, n6, n7]) {
                *offset += noise * self.noise_codes;
            }
        }
        let scales = [
            self.codes_per_volt,
            self.codes_per_volt,
            self.codes_per_volt,
            self.codes_per_amp,
            self.codes_per_amp,
            self.codes_per_amp,
            self.codes_per_amp,
        ];
        let mut codes = [0; 7];
        for ((code, present), ((value, offset), scale)) in codes
            .iter_mut()
            .zip(self.present)
            .zip(values.iter().zip(offsets).zip(scales))
        {
            *code = if present { round(value * scale + offset) } else { 0 };
        }
        if let Some(faults) = &self.faults {
            self.sample = self.sample.wrapping_add(1);
            for ((code, present), fault) in codes.iter_mut().zip(self.present).zip(faults) {
                *code = if present { fault.spoil(self.sample, *code) } else { 0 };
            }
        }
        codes
    }
}

impl Sensors {
    fn new(setting: &ConverterSetting) -> Self {
        let rate_hz = f64::from(setting.rate_hz);
        Self {
            errors: setting.sensors,
            channels: setting.sensors.map(|error| Sensor::new(&error, rate_hz)),
            rate_hz,
            bend: setting.bend,
            squares: [0.0; N_CHANNELS],
            passed: 0,
            period: setting.rate_hz / 10,
        }
    }

    fn tune(&mut self, errors: &[SensorError; N_CHANNELS]) {
        self.errors = *errors;
        for (channel, error) in self.channels.iter_mut().zip(errors) {
            channel.tune(error, self.rate_hz);
        }
    }

    fn pass(&mut self, values: &mut [f64; N_CHANNELS], offsets: &mut [f64; N_CHANNELS]) {
        if let Some(bend) = self.bend {
            for (sum, value) in self.squares.iter_mut().zip(values.iter()) {
                *sum += value * value;
            }
            self.passed += 1;
            if self.period <= self.passed {
                self.follow(bend);
            }
        }
        for ((value, offset), sensor) in values.iter_mut().zip(offsets).zip(&mut self.channels) {
            *value = sensor.pass(*value);
            *offset = sensor.offset_codes();
        }
    }

    /// Ratio and lead of the transformers become those of the current that has flowed.
    fn follow(&mut self, bend: Bend) {
        let passed = f64::from(core::mem::take(&mut self.passed));
        let squares = core::mem::take(&mut self.squares);
        let channels = self.channels.iter_mut().zip(&self.errors).zip(squares).skip(3);
        for ((channel, error), squares) in channels {
            let (percent, degrees) = bend.at(libm::sqrt(squares / passed));
            let bent = SensorError {
                gain_percent: error.gain_percent + percent,
                lead_deg: error.lead_deg + degrees,
                ..*error
            };
            channel.tune(&bent, self.rate_hz);
        }
    }
}

/// The nearest whole code, held at the rails.
#[expect(clippy::cast_possible_truncation, reason = "a whole number within 24 bits by then")]
fn round(codes: f64) -> i32 {
    // Adding 1.5 * 2^52 leaves no room for a fraction; the processor rounds to nearest on every target.
    const TO_WHOLE: f64 = 6_755_399_441_055_744.0;
    let held = codes.clamp(-FULL_SCALE, FULL_SCALE - 1.0);
    ((held + TO_WHOLE) - TO_WHOLE) as i32
}

/// v1 v2 v3 i1 i2 i3 in.
pub(crate) const N_CHANNELS: usize = 7;

/// Codes at full scale of 24 bits.
const FULL_SCALE: f64 = 8_388_608.0;

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn codes_are_rounded_and_held_at_the_rails() {
        for (value, code) in [
            (0.4, 0),
            (0.6, 1),
            (-0.6, -1),
            (1.5, 2),
            (2.5, 2),
            (-2.5, -2),
            (1e9, 8_388_607),
            (-1e9, -8_388_608),
        ] {
            assert_eq!(round(value), code, "{value}");
        }
    }

    #[test]
    fn one_code_and_the_noise_are_what_the_reference_says() {
        let setting = ConverterSetting::direct();
        assert!((setting.volts_per_lsb() - 71.5e-6).abs() < 0.1e-6);
        assert!((setting.amps_per_lsb() - 23.8e-6).abs() < 0.1e-6);
        assert!((setting.noise_codes() - 66.6).abs() < 0.1);
    }

    #[test]
    fn noise_has_the_stated_size_on_every_channel_and_no_mean() {
        let setting = ConverterSetting::direct();
        let mut converter = Converter::new(&setting, [true; 7], Chance::new(3, 1));
        let n = 100_000;
        let (mut sums, mut squares) = ([0.0; 7], [0.0; 7]);
        for _ in 0..n {
            for (channel, code) in converter.convert([0.0; 3], [0.0; 3]).into_iter().enumerate() {
                sums[channel] += f64::from(code);
                squares[channel] += f64::from(code) * f64::from(code);
            }
        }
        for (sum, square) in sums.into_iter().zip(squares) {
            assert!((sum / f64::from(n)).abs() < 1.0);
            assert!((libm::sqrt(square / f64::from(n)) / setting.noise_codes() - 1.0).abs() < 0.01);
        }
    }

    #[test]
    fn the_neutral_carries_what_the_phases_leave_over_and_absent_channels_are_zero() {
        let setting = ConverterSetting {
            noise: Noise::Off,
            ..ConverterSetting::direct()
        };
        let mut converter = Converter::new(&setting, [true; 7], Chance::new(0, 0));
        let amp = 8_388_608 / 200;
        let codes = converter.convert([0.0; 3], [1.0, 2.0, -5.0]);
        for (code, expected) in codes[3..].iter().zip([amp, 2 * amp, -5 * amp, 2 * amp]) {
            assert!((code - expected).abs() <= 3, "{code} {expected}");
        }
        let single = [true, false, false, true, false, false, true];
        let mut converter = Converter::new(&ConverterSetting::direct(), single, Chance::new(0, 0));
        let codes = converter.convert([230.0; 3], [1.0, 2.0, 3.0]);
        assert_eq!([codes[1], codes[2], codes[4], codes[5]], [0; 4]);
        assert!(codes[0] != 0 && (codes[6] + amp).abs() < 1000);
    }

    #[test]
    fn a_converter_is_refused_by_name_and_range() {
        let check = |setting: ConverterSetting, expected: &str| {
            assert_eq!(
                setting.check().map_err(|error| error.to_string()),
                Err(expected.to_string())
            );
        };
        let good = ConverterSetting::direct();
        assert_eq!(good.check(), Ok(()));
        check(
            ConverterSetting {
                rate_hz: 1999,
                ..good.clone()
            },
            "rate_hz is 1999, allowed is 2000 to 64000",
        );
        check(
            ConverterSetting {
                volts_peak: f64::NAN,
                ..good.clone()
            },
            "volts_peak is NaN, allowed is 100 to 2000",
        );
        check(
            ConverterSetting {
                amps_peak: 0.0,
                ..good.clone()
            },
            "amps_peak is 0, allowed is 1 to 1000",
        );
        let noise = Noise::White { dynamic_range_db: -1.0 };
        check(
            ConverterSetting { noise, ..good.clone() },
            "dynamic_range_db is -1, allowed is 60 to 160",
        );
        let mut sensors = good.sensors;
        sensors[3].lead_deg = -1.0;
        check(
            ConverterSetting { sensors, ..good },
            "sensors[3].lead_deg is -1, allowed is 0 to 5",
        );
    }
}
