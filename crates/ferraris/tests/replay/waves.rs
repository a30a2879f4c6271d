//! Waves whose energies are known in closed form over any span, not only over whole cycles.

use core::f64::consts::TAU;

/// A sine: `rms * sqrt 2 * sin(tau * order * f * t + angle)`.
#[derive(Clone, Copy)]
pub(crate) struct Sine {
    pub(crate) order: f64,
    pub(crate) rms: f64,
    pub(crate) degrees: f64,
}

/// A sum of sines of one fundamental frequency, and a constant.
#[derive(Clone)]
pub(crate) struct Wave {
    pub(crate) sines: Vec<Sine>,
    pub(crate) constant: f64,
}

impl Wave {
    pub(crate) fn new(rms: f64, degrees: f64) -> Self {
        Self {
            sines: vec![Sine {
                order: 1.0,
                rms,
                degrees,
            }],
            constant: 0.0,
        }
    }

    /// With a harmonic of this share of the fundamental.
    pub(crate) fn with(mut self, order: f64, percent: f64, degrees: f64) -> Self {
        let rms = self.sines[0].rms * percent / 100.0;
        self.sines.push(Sine { order, rms, degrees });
        self
    }

    pub(crate) fn plus(mut self, constant: f64) -> Self {
        self.constant = constant;
        self
    }

    pub(crate) fn at(&self, frequency: f64, seconds: f64) -> f64 {
        let sines = self
            .sines
            .iter()
            .map(|s| s.rms * 2_f64.sqrt() * (TAU * s.order * frequency * seconds + s.degrees.to_radians()).sin());
        self.constant + sines.sum::<f64>()
    }

    pub(crate) fn rms(&self) -> f64 {
        (self.constant.powi(2) + self.sines.iter().map(|s| s.rms * s.rms).sum::<f64>()).sqrt()
    }
}

/// The exact integral of the product of two waves from `from` to `to`, in joules.
pub(crate) fn energy(voltage: &Wave, current: &Wave, frequency: f64, from: f64, to: f64) -> f64 {
    let mut sum = voltage.constant * current.constant * (to - from);
    let sine_integral = |s: &Sine| {
        let w = TAU * s.order * frequency;
        let primitive = |t: f64| -(w * t + s.degrees.to_radians()).cos() / w;
        s.rms * 2_f64.sqrt() * (primitive(to) - primitive(from))
    };
    sum += current.constant * voltage.sines.iter().map(sine_integral).sum::<f64>();
    sum += voltage.constant * current.sines.iter().map(sine_integral).sum::<f64>();
    for u in &voltage.sines {
        for i in &current.sines {
            // 2 sin a sin b = cos(a - b) - cos(a + b)
            let part = |order: f64, degrees: f64| {
                let w = TAU * order * frequency;
                let angle = degrees.to_radians();
                if order == 0.0 {
                    angle.cos() * (to - from)
                } else {
                    ((w * to + angle).sin() - (w * from + angle).sin()) / w
                }
            };
            sum += u.rms
                * i.rms
                * (part(u.order - i.order, u.degrees - i.degrees) - part(u.order + i.order, u.degrees + i.degrees));
        }
    }
    sum
}

/// The reactive power of the fundamental, in vars.
pub(crate) fn reactive(voltage: &Wave, current: &Wave) -> f64 {
    let (u, i) = (voltage.sines[0], current.sines[0]);
    u.rms * i.rms * (u.degrees - i.degrees).to_radians().sin()
}

/// Samples of waves, one set after the other.
pub(crate) fn sets(waves: &[Wave], frequency: f64, rate: f64, seconds: f64) -> impl Iterator<Item = Vec<f64>> {
    let n = num(rate * seconds);
    (0..n).map(move |k| {
        waves
            .iter()
            .map(|wave| wave.at(frequency, f64::from(k) / rate))
            .collect()
    })
}

/// A whole number of samples.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests have few samples"
)]
pub(crate) fn num(count: f64) -> u32 {
    count.round() as u32
}
