//! One channel, resampled on the fly to 2048 points over 10 or 12 cycles, so that every harmonic falls on a bin of the FFT.
//!
//! Up to 0.376 of the sampling rate it is right to 0.006 %, up to 0.39 to 0.1 %.

use crate::kernel::{Kernel, POINTS, Ring, TAPS};

/// Highest frequency that comes through unharmed, as a part of the sampling rate.
pub(crate) const PASSBAND: f64 = 0.39;

/// One span of one channel in the making.
#[derive(Clone, Debug)]
pub(crate) struct Resampler {
    recent: Ring<f32>,
    /// Samples received since the span was begun.
    received: u64,
    points: [f32; POINTS],
    filled: usize,
    /// Place of the next point in samples since the beginning, Q32.32.
    place: u64,
    kernel: Kernel,
}

impl Resampler {
    /// A resampler without a span. Not a constant: its image would lie in the flash of a small part.
    pub(crate) fn idle() -> Self {
        Self {
            recent: Ring::of(0.0),
            received: 0,
            points: [0.0; POINTS],
            filled: 0,
            place: 0,
            kernel: Kernel::of(POINTS as f64),
        }
    }

    /// Begins a span of `length_samples` samples, at most 16 000.
    pub(crate) fn begin(&mut self, length_samples: f64) {
        self.received = 0;
        self.filled = 0;
        self.kernel = Kernel::of(length_samples);
        self.place = self.kernel.reach << 32;
    }

    /// Takes a sample; gives whether the span is complete.
    pub(crate) fn push(&mut self, code: f32) -> bool {
        self.recent.put(self.received, code);
        self.received += 1;
        while self.filled < POINTS && (self.place >> 32) + self.kernel.reach < self.received {
            let point = self.interpolated();
            if let Some(slot) = self.points.get_mut(self.filled) {
                *slot = point;
            }
            self.filled += 1;
            self.place = self.place.saturating_add(self.kernel.step);
        }
        POINTS <= self.filled
    }

    /// The points of a complete span, to be worked on in place.
    pub(crate) const fn points(&mut self) -> &mut [f32; POINTS] {
        &mut self.points
    }

    /// Where the span begins and ends, in samples before the next one that will be pushed.
    pub(crate) fn span_before_now(&self) -> (f64, f64) {
        let begin = self.received.saturating_sub(self.kernel.reach) as f64;
        (begin, begin - self.kernel.step as f64 / 4_294_967_296.0 * POINTS as f64)
    }

    /// The value at `place`.
    fn interpolated(&self) -> f32 {
        let mut sum = 0.0;
        if let Some((samples, before, after)) = self.kernel.side_by_side(&self.recent, self.place) {
            for tap in 0..TAPS {
                sum += samples[TAPS - 1 - tap] * before.weight(tap);
                sum += samples[TAPS + tap] * after.weight(tap);
            }
        } else {
            let whole = self.place >> 32;
            for (back, (before, after)) in (0..).zip(self.kernel.weights(self.place)) {
                sum += self.recent.get(whole.wrapping_sub(back)) * before;
                sum += self.recent.get(whole.wrapping_add(1 + back)) * after;
            }
        }
        sum * self.kernel.inverse_stretch
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    /// Worst error of the points against the sine itself, as a part of its amplitude.
    fn worst(length_samples: f64, samples_per_turn: f64) -> f64 {
        let mut resampler = Resampler::idle();
        resampler.begin(length_samples);
        let sine = |sample: f64| libm::sin(core::f64::consts::TAU * sample / samples_per_turn);
        let mut n = 0;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "single precision is what the resampler takes"
        )]
        while !resampler.push(sine(f64::from(n)) as f32) {
            n += 1;
        }
        let (begin, end) = resampler.span_before_now();
        assert!((begin - end - length_samples).abs() < 1e-3);
        let step = length_samples / POINTS as f64;
        let reach = resampler.kernel.reach as f64;
        let points = resampler.points().iter().enumerate();
        points
            .map(|(k, point)| (f64::from(*point) - sine(reach + k as f64 * step)).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn sines_in_the_passband_come_through() {
        for (length, per_turn, tolerance) in [
            (1_600.0, 160.0, 2e-5),
            (1_626.0, 3.2, 2e-5),
            (1_600.0, 1.0 / 0.376, 1e-4),
            (1_600.0, 1.0 / PASSBAND, 2e-3),
            (12_800.0, 25.6, 2e-5),
            (400.0, 2.7, 1e-4),
            (16_000.0, 32.0, 2e-5),
        ] {
            let worst = worst(length, per_turn);
            std::println!("{length} samples, {per_turn:.2} a turn: worst error {worst:.1e}");
            assert!(worst < tolerance, "{worst}");
        }
    }
}
