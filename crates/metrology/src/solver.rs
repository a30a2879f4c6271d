//! From the sums of a window to volts, amperes, watts and vars: everything that happens once per window, in f64.

use libm::{atan2, sqrt};

use crate::calibration::Calibration;
use crate::channel::{Channel, N_CHANNELS, N_PHASES, Phase};
use crate::linearity::LinearityCurve;
use crate::oscillator;
use crate::setup::{DirectCurrent, Setup};
use crate::sums::WindowSums;
use crate::temperature::TemperatureCurve;

/// What does not change from window to window.
#[derive(Clone, Debug)]
pub(crate) struct Solver {
    channels: [ChannelScale; N_CHANNELS],
    /// Corrections for the present temperature.
    drift: [Drift; N_CHANNELS],
    /// Corrections of i1, i2, i3, in over the current.
    linearity: [LinearityCurve; N_PHASES + 1],
    direct_current: DirectCurrent,
}

/// What the present temperature adds to the calibration of a channel.
#[derive(Clone, Copy, Debug)]
struct Drift {
    gain: f64,
    lead_radians: f64,
}

/// One window in physical units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Solution {
    pub(crate) phases: [PhaseSolution; N_PHASES],
    pub(crate) neutral_amperes: f64,
}

/// One phase of a window in physical units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PhaseSolution {
    pub(crate) volts: f64,
    pub(crate) amperes: f64,
    /// Fundamentals as rms phasors, corrected for the sensors.
    pub(crate) voltage: Phasor,
    pub(crate) current: Phasor,
    pub(crate) watts: f64,
    pub(crate) vars: f64,
    pub(crate) voltamperes: f64,
}

/// A sine of the tracked frequency: rms value and angle at mid-window, as a complex number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Phasor {
    pub(crate) re: f64,
    pub(crate) im: f64,
}

#[derive(Clone, Copy, Debug)]
struct ChannelScale {
    exists: bool,
    /// Volts or amperes of one code step, calibrated.
    per_lsb: f64,
    calibration: Calibration,
    drift_radians: f64,
}

impl Solver {
    pub(crate) fn new(setup: &Setup) -> Self {
        let scale = |(channel, calibration): (Channel, Calibration)| ChannelScale {
            exists: setup.channels.contains(channel),
            per_lsb: setup.per_lsb(channel) * calibration.gain(),
            calibration,
            drift_radians: 0.0,
        };
        let mut channels = [ChannelScale {
            exists: false,
            per_lsb: 1.0,
            calibration: Calibration::IDENTITY,
            drift_radians: 0.0,
        }; N_CHANNELS];
        for (slot, pair) in channels.iter_mut().zip(Channel::ALL.into_iter().zip(setup.calibration)) {
            *slot = scale(pair);
        }
        Self {
            channels,
            drift: [Drift {
                gain: 1.0,
                lead_radians: 0.0,
            }; N_CHANNELS],
            linearity: setup.linearity,
            direct_current: setup.direct_current,
        }
    }

    /// From the next window on, corrects for this temperature.
    pub(crate) fn compensate(&mut self, celsius: f64, curves: &[TemperatureCurve; N_CHANNELS]) {
        for (drift, curve) in self.drift.iter_mut().zip(curves) {
            let point = curve.at(celsius);
            *drift = Drift {
                gain: point.gain,
                lead_radians: point.lead_degrees * (core::f64::consts::PI / 180.0),
            };
        }
    }

    /// A sine of `channel`, given as its rms in codes, in volts or amperes: calibrated, at the present temperature, on the curve of the sensor.
    pub(crate) fn sine(&self, channel: Channel, rms_lsb: f64) -> f64 {
        let reading = rms_lsb * self.scale(channel).per_lsb;
        match self.linearity(channel) {
            Some(curve) => reading * curve.at(reading).gain,
            None => reading,
        }
    }

    /// The fundamental of `channel` as it was sampled, uncorrected, as an rms phasor in codes.
    pub(crate) fn raw_phasor(&self, sums: &WindowSums, channel: Channel, length_samples: f64) -> Phasor {
        let at = |sums: &[f64]| sums.get(channel.index()).copied().unwrap_or(0.0);
        let factor = core::f64::consts::SQRT_2 / (length_samples * oscillator::AMPLITUDE * oscillator::GAIN);
        Phasor {
            re: at(&sums.cosine) * factor,
            im: -at(&sums.sine) * factor,
        }
    }

    /// The rms of `channel` in codes, its noise still in it.
    pub(crate) fn raw_rms(&self, sums: &WindowSums, channel: Channel, length_samples: f64) -> f64 {
        sqrt(self.mean_square(sums, channel, length_samples))
    }

    /// Everything of the window, at the frequency that was found for it.
    pub(crate) fn solve(&self, sums: &WindowSums, length_samples: f64, hertz: f64) -> Solution {
        Solution {
            phases: Phase::ALL.map(|phase| self.solve_phase(sums, phase, length_samples, hertz)),
            neutral_amperes: self.current(sums, Channel::In, length_samples).1,
        }
    }

    fn solve_phase(&self, sums: &WindowSums, phase: Phase, length_samples: f64, hertz: f64) -> PhaseSolution {
        let v = self.scale(phase.voltage());
        let volts = self.rms(sums, phase.voltage(), length_samples);
        let (i, amperes) = self.current(sums, phase.current(), length_samples);
        let phasor = |channel: Channel, scale: ChannelScale| {
            let raw = self.raw_phasor(sums, channel, length_samples).scaled(scale.per_lsb);
            if scale.exists { raw } else { Phasor::default() }
        };
        let (raw_voltage, raw_current) = (phasor(phase.voltage(), v), phasor(phase.current(), i));
        let voltage = raw_voltage.turned(v.rotation_radians(hertz));
        let current = raw_current.turned(i.rotation_radians(hertz));
        let (raw_watts, _raw_vars) = raw_voltage.times_conjugate(raw_current);
        let (fundamental_watts, vars) = voltage.times_conjugate(current);
        let mean_product = self.mean_product(sums, phase, length_samples) * v.per_lsb * i.per_lsb;
        let watts = if v.exists && i.exists {
            mean_product + (fundamental_watts - raw_watts)
        } else {
            0.0
        };
        // Rounding, and noise taken out of the current, must not make less apparent than active power.
        let voltamperes = (volts * amperes).max(watts.abs());
        PhaseSolution {
            volts,
            amperes,
            voltage,
            current,
            watts,
            vars,
            voltamperes,
        }
    }

    /// Mean of voltage times current in squared codes, means treated as the setup says.
    fn mean_product(&self, sums: &WindowSums, phase: Phase, length_samples: f64) -> f64 {
        let product = sums.product.get(phase.index()).copied().unwrap_or(0.0) / length_samples;
        let (v_mean, v_real) = self.means(sums, phase.voltage(), length_samples);
        let (i_mean, i_real) = self.means(sums, phase.current(), length_samples);
        product - v_mean * i_mean + v_real * i_real
    }

    fn mean_square(&self, sums: &WindowSums, channel: Channel, length_samples: f64) -> f64 {
        let square = sums.square.get(channel.index()).copied().unwrap_or(0.0) / length_samples;
        let (mean, real) = self.means(sums, channel, length_samples);
        (square - mean * mean + real * real).max(0.0)
    }

    /// The mean of the codes, and what of it is real.
    fn means(&self, sums: &WindowSums, channel: Channel, length_samples: f64) -> (f64, f64) {
        let mean = sums.level.get(channel.index()).copied().unwrap_or(0.0) / length_samples;
        match self.direct_current {
            DirectCurrent::Removed => (mean, 0.0),
            DirectCurrent::Measured => (mean, mean - self.scale(channel).calibration.offset_lsb()),
        }
    }

    /// True rms in volts or amperes, noise taken out.
    fn rms(&self, sums: &WindowSums, channel: Channel, length_samples: f64) -> f64 {
        let scale = self.scale(channel);
        let noise = scale.calibration.noise_lsb();
        let square = self.mean_square(sums, channel, length_samples) - noise * noise;
        if scale.exists {
            sqrt(square.max(0.0)) * scale.per_lsb
        } else {
            0.0
        }
    }

    /// The scale of a current channel at its present current, and the current: true rms in amperes, noise taken out.
    fn current(&self, sums: &WindowSums, channel: Channel, length_samples: f64) -> (ChannelScale, f64) {
        let amperes = self.rms(sums, channel, length_samples);
        let scale = self.scale(channel);
        let Some(curve) = self.linearity(channel) else {
            return (scale, amperes);
        };
        let point = curve.at(amperes);
        let scale = ChannelScale {
            per_lsb: scale.per_lsb * point.gain,
            drift_radians: scale.drift_radians + point.lead_degrees * (core::f64::consts::PI / 180.0),
            ..scale
        };
        (scale, amperes * point.gain)
    }

    /// The curve of a current channel; none of a linear one.
    fn linearity(&self, channel: Channel) -> Option<&LinearityCurve> {
        let [l1, l2, l3, neutral] = &self.linearity;
        let curve = match channel {
            Channel::V1 | Channel::V2 | Channel::V3 => return None,
            Channel::I1 => l1,
            Channel::I2 => l2,
            Channel::I3 => l3,
            Channel::In => neutral,
        };
        (!curve.points().is_empty()).then_some(curve)
    }

    /// The mean of the codes over a window, and the variance about it, in codes.
    pub(crate) fn mean_and_variance(sums: &WindowSums, channel: Channel, length_samples: f64) -> (f64, f64) {
        let at = |sums: &[f64]| sums.get(channel.index()).copied().unwrap_or(0.0) / length_samples;
        let mean = at(&sums.level);
        (mean, at(&sums.square) - mean * mean)
    }

    /// The direct part of `channel` in volts or amperes: what its mean is beyond the calibrated offset.
    pub(crate) fn direct(&self, sums: &WindowSums, channel: Channel, length_samples: f64) -> f64 {
        let scale = self.scale(channel);
        let (mean, _variance) = Self::mean_and_variance(sums, channel, length_samples);
        if scale.exists {
            (mean - scale.calibration.offset_lsb()) * scale.per_lsb
        } else {
            0.0
        }
    }

    const fn scale(&self, channel: Channel) -> ChannelScale {
        let [v1, v2, v3, i1, i2, i3, neutral] = &self.channels;
        let [d1, d2, d3, d4, d5, d6, d7] = &self.drift;
        let (scale, drift) = match channel {
            Channel::V1 => (v1, d1),
            Channel::V2 => (v2, d2),
            Channel::V3 => (v3, d3),
            Channel::I1 => (i1, d4),
            Channel::I2 => (i2, d5),
            Channel::I3 => (i3, d6),
            Channel::In => (neutral, d7),
        };
        ChannelScale {
            per_lsb: scale.per_lsb * drift.gain,
            drift_radians: drift.lead_radians,
            ..*scale
        }
    }
}

impl ChannelScale {
    /// The angle by which a phasor at this frequency must be turned to undo the sensor's lead, delay and drift.
    fn rotation_radians(&self, hertz: f64) -> f64 {
        self.calibration.rotation_radians(hertz) - self.drift_radians
    }
}

impl Phasor {
    /// Its rms value.
    pub(crate) fn magnitude(self) -> f64 {
        sqrt(self.re * self.re + self.im * self.im)
    }

    /// Its angle in turns, -0.5 to 0.5.
    pub(crate) fn turns(self) -> f64 {
        atan2(self.im, self.re) / core::f64::consts::TAU
    }

    /// The angle in turns by which `self` leads `other`, and the product with its conjugate: (re, im).
    pub(crate) fn times_conjugate(self, other: Self) -> (f64, f64) {
        (
            self.re * other.re + self.im * other.im,
            self.im * other.re - self.re * other.im,
        )
    }

    /// Turned anticlockwise.
    pub(crate) fn turned(self, radians: f64) -> Self {
        if radians == 0.0 {
            return self;
        }
        let (sine, cosine) = libm::sincos(radians);
        self.times(cosine, sine)
    }

    /// Turned anticlockwise by 120 degrees.
    pub(crate) fn turned_a_third(self) -> Self {
        self.times(-0.5, HALF_ROOT_OF_THREE)
    }

    /// Turned clockwise by 120 degrees.
    pub(crate) fn turned_back_a_third(self) -> Self {
        self.times(-0.5, -HALF_ROOT_OF_THREE)
    }

    fn times(self, re: f64, im: f64) -> Self {
        Self {
            re: self.re * re - self.im * im,
            im: self.re * im + self.im * re,
        }
    }

    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self {
            re: self.re * factor,
            im: self.im * factor,
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            re: self.re + other.re,
            im: self.im + other.im,
        }
    }
}

/// The sine of 120 degrees.
const HALF_ROOT_OF_THREE: f64 = 0.866_025_403_784_438_6;
