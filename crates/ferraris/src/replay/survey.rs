//! The first walk over a recording: how many samples, the greatest value of each input, the frequency at the beginning.

use core::f64::consts::TAU;

use metrology::{Channel, N_CHANNELS};

use super::recording::{Fault, Recording, Values};
use super::timebase::as_f64;

/// What the first walk found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Survey {
    /// Sample sets in the recording.
    pub(super) n_sets: u64,
    /// The greatest magnitude of each input, in volts and amperes.
    pub(super) peaks: Values,
    /// How many values of each input stood at the end of the recorder's range.
    pub(super) clipped: [u64; N_CHANNELS],
    /// The fundamental at the beginning, if there is one.
    pub(super) fundamental: Option<Fundamental>,
    /// Alternating voltage without a fundamental that a meter could follow: its rms in volts and the input.
    pub(super) stray: Option<Channel>,
    /// The greatest rms of the voltages at the beginning, in volts; 0 when all are silent.
    pub(super) voltage_rms: f64,
}

/// A fundamental found in an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fundamental {
    /// In hertz.
    pub(super) frequency_hz: f64,
    /// The input it was found in.
    pub(super) input: Channel,
}

/// The frequency is taken from this much of the beginning: two measuring windows and a little.
const BEGINNING_S: f64 = 0.5;

/// The frequencies that are looked at: the metrology follows 42.5 to 69 Hz.
const LOOKED_AT_HZ: (f64, f64) = (35.0, 80.0);

/// An input is silent at the beginning when its rms is below this share of the peak that it reaches in the recording.
const SILENCE: f64 = 0.02;

/// A wave with a smaller share of its alternating power in the fundamental is no supply.
const LEAST_SHARE: f64 = 0.1;

impl Survey {
    /// Walks the whole recording once.
    pub(super) fn of(recording: &dyn Recording) -> Result<Self, Fault> {
        let mut samples = recording.samples()?;
        let mut values = [0.0; N_CHANNELS];
        let mut peaks = [0.0_f64; N_CHANNELS];
        let mut n_sets = 0_u64;
        let mut beginning: Vec<Values> = Vec::new();
        while samples.next(&mut values)? {
            for (peak, value) in peaks.iter_mut().zip(&values) {
                *peak = peak.max(value.abs());
            }
            if as_f64(n_sets) < BEGINNING_S * recording.rate_hz() {
                beginning.push(values);
            }
            n_sets += 1;
        }
        let present = |input: &Channel| recording.origins().get(input.index()).is_some_and(Option::is_some);
        let waves: Vec<(Channel, Wave)> = Channel::ALL
            .into_iter()
            .filter(present)
            .map(|input| (input, Wave::of(&beginning, input, recording.rate_hz())))
            .filter(|(input, wave)| {
                let peak = peaks.get(input.index()).copied().unwrap_or(0.0);
                wave.rms > SILENCE * peak
            })
            .collect();
        // Voltages before currents: a current may be all harmonics. Of the voltages the first one that is no mere pick-up.
        let voltage_rms = waves
            .iter()
            .filter(|(input, _)| input.is_voltage())
            .fold(0.0_f64, |most, (_, wave)| most.max(wave.rms));
        let clear = |(input, wave): &&(Channel, Wave)| !input.is_voltage() || wave.rms > 0.2 * voltage_rms;
        let mut fundamentals = waves.iter().filter(clear).filter_map(|(input, wave)| {
            wave.fundamental().map(|frequency_hz| Fundamental {
                frequency_hz,
                input: *input,
            })
        });
        let stray = waves
            .iter()
            .filter(clear)
            .find(|(input, wave)| input.is_voltage() && wave.fundamental().is_none());
        Ok(Self {
            n_sets,
            peaks,
            clipped: samples.clipped(),
            fundamental: fundamentals.next(),
            stray: stray.map(|(input, _)| *input),
            voltage_rms,
        })
    }
}

/// The alternating part of one input at the beginning.
struct Wave {
    rate_hz: f64,
    values: Vec<f64>,
    rms: f64,
}

impl Wave {
    fn of(sets: &[Values], input: Channel, rate_hz: f64) -> Self {
        let mut values: Vec<f64> = sets
            .iter()
            .map(|set| set.get(input.index()).copied().unwrap_or(0.0))
            .collect();
        let n = as_f64(values.len() as u64).max(1.0);
        let mean = values.iter().sum::<f64>() / n;
        for value in &mut values {
            *value -= mean;
        }
        let rms = (values.iter().map(|value| value * value).sum::<f64>() / n).sqrt();
        // A constant is not an alternating wave, whatever rounding leaves of it.
        let rms = if rms > 1e-9 * mean.abs() { rms } else { 0.0 };
        Self { rate_hz, values, rms }
    }

    /// The frequency of the strongest component in the range of supplies, if it is strong enough to be one.
    fn fundamental(&self) -> Option<f64> {
        let n = self.values.len();
        let half = n / 2;
        let seconds = as_f64(n as u64) / self.rate_hz;
        if seconds < 0.04 || half == 0 {
            return None; // less than two cycles
        }
        let all = self.values.as_slice();
        let step = 0.125 / seconds;
        let mut best = (0.0, 0.0);
        let mut frequency = LOOKED_AT_HZ.0;
        while frequency <= LOOKED_AT_HZ.1 {
            let magnitude = self.component(all, frequency).magnitude();
            if magnitude > best.0 {
                best = (magnitude, frequency);
            }
            frequency += step;
        }
        let (_, mut frequency) = best;
        // The phase between the two halves tells the rest of the frequency; a window with soft edges keeps harmonics out.
        for _ in 0..4 {
            let (first, second) = all.split_at(half);
            let early = self.component(first, frequency);
            let late = self.component(second.get(..half).unwrap_or(second), frequency);
            let between_s = as_f64(half as u64) / self.rate_hz;
            let turned = late.angle() - early.angle() - TAU * frequency * between_s;
            frequency += wrapped(turned) / (TAU * between_s);
        }
        let amplitude = self.component(all, frequency).magnitude();
        let share = amplitude * amplitude / 2.0 / (self.rms * self.rms);
        (share >= LEAST_SHARE && frequency > 0.0).then_some(frequency)
    }

    /// The component at `frequency`, relative to the first of `values`.
    fn component(&self, values: &[f64], frequency: f64) -> Component {
        let n = as_f64(values.len() as u64);
        let mut carrier = Turning::new(0.0, TAU * frequency / self.rate_hz);
        let mut edges = Turning::new(TAU * 0.5 / n, TAU / n);
        let mut sum = Component {
            real: 0.0,
            imaginary: 0.0,
        };
        for value in values {
            let soft = value * (1.0 - edges.at.real);
            sum.real += soft * carrier.at.real;
            sum.imaginary -= soft * carrier.at.imaginary;
            carrier.advance();
            edges.advance();
        }
        Component {
            real: 2.0 * sum.real / n,
            imaginary: 2.0 * sum.imaginary / n,
        }
    }
}

/// A point that turns by the same angle with every sample: a product is ten times as fast as a sine, and exact enough over half a second.
struct Turning {
    at: Component,
    by: Component,
}

impl Turning {
    fn new(angle: f64, step: f64) -> Self {
        let point = |angle: f64| Component {
            real: angle.cos(),
            imaginary: angle.sin(),
        };
        Self {
            at: point(angle),
            by: point(step),
        }
    }

    fn advance(&mut self) {
        self.at = Component {
            real: self.at.real * self.by.real - self.at.imaginary * self.by.imaginary,
            imaginary: self.at.real * self.by.imaginary + self.at.imaginary * self.by.real,
        };
    }
}

/// A component as a complex amplitude.
#[derive(Clone, Copy)]
struct Component {
    real: f64,
    imaginary: f64,
}

impl Component {
    fn magnitude(self) -> f64 {
        self.real.hypot(self.imaginary)
    }

    fn angle(self) -> f64 {
        self.imaginary.atan2(self.real)
    }
}

/// An angle in -pi..=pi.
fn wrapped(angle: f64) -> f64 {
    angle - TAU * (angle / TAU).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(rate_hz: f64, n: u32, of: impl Fn(f64) -> f64) -> Wave {
        let sets: Vec<Values> = (0..n)
            .map(|k| [of(f64::from(k) / rate_hz), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
            .collect();
        Wave::of(&sets, Channel::V1, rate_hz)
    }

    #[test]
    fn the_frequency_is_found_within_a_millihertz_among_harmonics_and_dc() {
        for frequency in [42.5, 45.3, 49.98, 50.02, 55.0, 60.0, 61.7, 69.0] {
            for rate in [2_000.0, 7_812.5, 64_000.0] {
                let found = wave(rate, if rate > 10_000.0 { 32_000 } else { 4_000 }, |t| {
                    let turn = TAU * frequency * t;
                    7.0 + 325.0 * (turn + 0.3).sin() + 40.0 * (3.0 * turn).cos() + 30.0 * (5.0 * turn + 1.0).sin()
                })
                .fundamental();
                assert!(
                    (found.unwrap() - frequency).abs() < 1e-3,
                    "{frequency} Hz at {rate} S/s: {found:?}"
                );
            }
        }
    }

    #[test]
    fn noise_silence_and_four_hundred_hertz_are_no_supply() {
        assert_eq!(wave(8_000.0, 4_000, |_| 3.0).fundamental(), None);
        assert_eq!(wave(8_000.0, 4_000, |t| (TAU * 400.0 * t).sin()).fundamental(), None);
        assert_eq!(
            wave(8_000.0, 4_000, |t| ((t * 8_000.0).powi(2) * 1.618).fract() - 0.5).fundamental(),
            None
        );
        assert_eq!(wave(8_000.0, 40, |t| (TAU * 50.0 * t).sin()).fundamental(), None);
    }
}
