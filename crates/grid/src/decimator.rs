//! From the fine steps in which the household is computed to the converter's rate, without folding harmonics back.
//!
//! A phase-fired current has harmonics far above half the sampling rate. Sampled bare, they would come back as false ones.
//! So a symmetrical low-pass (windowed sinc) stands before the converter: flat up to 0.34 of the rate, closed from 0.66 on, and
//! its delay is exactly [`DELAY`] samples, which the household's angle runs ahead.

use core::f64::consts::PI;

/// Channels that pass the filter: three voltages and three currents.
pub(crate) type Analog = [f64; 6];

/// Delay of the filter in samples of the converter.
pub(crate) const DELAY: u64 = 8;

/// The filter with the fine steps of the last 16 samples.
#[derive(Clone, Debug)]
pub(crate) struct Decimator {
    weights: [f64; MAX_TAPS],
    past: [Analog; MAX_TAPS],
    n_taps: usize,
    place: usize,
}

impl Decimator {
    /// For `factor` fine steps a sample, 1 to [`MAX_FACTOR`], with a gain of exactly 1 at `share` of the sampling rate.
    pub(crate) fn new(factor: usize, share: f64) -> Self {
        let n_taps = SPAN * factor.clamp(1, MAX_FACTOR) + 1;
        let mut weights = [0.0; MAX_TAPS];
        let middle = (n_taps / 2) as f64;
        for (tap, weight) in weights.iter_mut().take(n_taps).enumerate() {
            let from_middle = tap as f64 - middle;
            let sinc = if from_middle == 0.0 {
                1.0
            } else {
                let angle = PI * from_middle / factor as f64;
                libm::sin(angle) / angle
            };
            let edge = from_middle / (middle + 1.0);
            *weight = sinc * bessel(SHAPE * libm::sqrt(1.0 - edge * edge));
        }
        let turn = 2.0 * PI * share / factor as f64;
        let gain = |tap: usize| libm::cos(turn * (tap as f64 - middle));
        let sum: f64 = weights.iter().enumerate().map(|(tap, weight)| weight * gain(tap)).sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Self {
            weights,
            past: [[0.0; 6]; MAX_TAPS],
            n_taps,
            place: 0,
        }
    }

    /// Fine steps after which nothing older counts.
    pub(crate) const fn n_taps(&self) -> usize {
        self.n_taps
    }

    /// Takes one fine step.
    pub(crate) fn push(&mut self, values: Analog) {
        if let Some(slot) = self.past.get_mut(self.place) {
            *slot = values;
        }
        self.place += 1;
        if self.n_taps <= self.place {
            self.place = 0;
        }
    }

    /// The filtered values of the last steps.
    pub(crate) fn value(&self) -> Analog {
        let past = self.past.get(..self.n_taps).unwrap_or(&[]);
        let (newer, older) = past.split_at_checked(self.place).unwrap_or((past, &[]));
        let mut sum = [0.0; 6];
        for (values, weight) in older.iter().chain(newer).zip(&self.weights) {
            for (sum, value) in sum.iter_mut().zip(values) {
                *sum += weight * value;
            }
        }
        sum
    }
}

/// The modified Bessel function of order 0, for Kaiser's window.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term, mut n) = (1.0, 1.0, 1.0);
    while 1e-18 * sum < term {
        let factor = x / (2.0 * n);
        term *= factor * factor;
        sum += term;
        n += 1.0;
    }
    sum
}

/// Length of the filter in samples of the converter.
const SPAN: usize = 16;

/// Fine steps a sample at the slowest rate.
pub(crate) const MAX_FACTOR: usize = 16;

const MAX_TAPS: usize = SPAN * MAX_FACTOR + 1;

/// Kaiser's beta for 80 dB.
const SHAPE: f64 = 7.857;

#[cfg(test)]
mod tests {
    use super::*;

    /// Gain for a cosine of `share` times the sampling rate, measured at the filter's middle.
    fn gain(factor: usize, share: f64) -> f64 {
        let mut decimator = Decimator::new(factor, 0.006_25);
        let turn = 2.0 * PI * share / factor as f64;
        for tap in 0..decimator.n_taps() {
            let value = libm::cos(turn * (tap as f64 - (decimator.n_taps() / 2) as f64));
            decimator.push([value, 0.0, 0.0, 0.0, 0.0, 2.0 * value]);
        }
        let [first, _, _, _, _, last] = decimator.value();
        assert!((last - 2.0 * first).abs() < 1e-12);
        first
    }

    #[test]
    fn the_band_passes_and_what_would_fold_back_does_not() {
        for factor in [2, 4, 5, 16] {
            assert!((gain(factor, 0.006_25) - 1.0).abs() < 1e-12);
            assert!((gain(factor, 0.007_5) - 1.0).abs() < 1e-5);
            assert!((gain(factor, 0.3125) - 1.0).abs() < 1e-3, "{}", gain(factor, 0.3125));
            for share in [0.67, 0.8, 0.99] {
                assert!(
                    gain(factor, share).abs() < 2e-4,
                    "{factor} {share} {}",
                    gain(factor, share)
                );
            }
        }
    }
}
