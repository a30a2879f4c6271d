//! One channel, resampled on the fly to 2048 points over 10 or 12 cycles, so that every harmonic falls on a bin of the FFT.
//!
//! The kernel is a sinc under a Kaiser window, 24 taps wide; for rates above the new one it is stretched, so that what lies
//! above does not fold. Up to 0.376 of the sampling rate it is right to 0.006 %, up to 0.39 to 0.1 %.

use crate::rounding::{nearest_u32, nearest_u64};

/// Points of one span.
pub(crate) const POINTS: usize = 2_048;

/// Highest frequency that comes through unharmed, as a part of the sampling rate.
pub(crate) const PASSBAND: f64 = 0.39;

/// One span of one channel in the making.
#[derive(Clone, Debug)]
pub(crate) struct Resampler {
    recent: [f32; RING],
    /// Samples received since the span was begun.
    received: u64,
    points: [f32; POINTS],
    filled: usize,
    /// Place of the next point in samples since the beginning, Q32.32.
    place: u64,
    /// Distance of the points in samples, Q32.32.
    step: u64,
    /// Half the width of the kernel in samples.
    reach: u64,
    /// Table entries of one sample, Q16.
    entries_per_sample: u32,
    /// What the sum of the kernel is divided by.
    inverse_stretch: f32,
}

impl Resampler {
    /// A resampler without a span. Not a constant: its image would lie in the flash of a small part.
    pub(crate) fn idle() -> Self {
        Self {
            recent: [0.0; RING],
            received: 0,
            points: [0.0; POINTS],
            filled: 0,
            place: 0,
            step: 1 << 32,
            reach: HALF_TAPS,
            entries_per_sample: ENTRIES_PER_TAP << 16,
            inverse_stretch: 1.0,
        }
    }

    /// Begins a span of `length_samples` samples, at most 16 000.
    #[expect(clippy::cast_possible_truncation, reason = "the weights are single precision")]
    pub(crate) fn begin(&mut self, length_samples: f64) {
        let step = length_samples / POINTS as f64;
        let stretch = step.clamp(1.0, WIDEST_STRETCH);
        self.received = 0;
        self.filled = 0;
        self.step = nearest_u64(step * 4_294_967_296.0);
        self.reach = nearest_u64(libm::ceil(HALF_TAPS as f64 * stretch));
        self.entries_per_sample = nearest_u32(f64::from(ENTRIES_PER_TAP << 16) / stretch);
        self.inverse_stretch = (1.0 / stretch) as f32;
        self.place = self.reach << 32;
    }

    /// Takes a sample; gives whether the span is complete.
    pub(crate) fn push(&mut self, code: f32) -> bool {
        if let Some(slot) = self.recent.get_mut(ring_index(self.received)) {
            *slot = code;
        }
        self.received += 1;
        while self.filled < POINTS && (self.place >> 32) + self.reach < self.received {
            let point = self.interpolated();
            if let Some(slot) = self.points.get_mut(self.filled) {
                *slot = point;
            }
            self.filled += 1;
            self.place = self.place.saturating_add(self.step);
        }
        POINTS <= self.filled
    }

    /// The points of a complete span, to be worked on in place.
    pub(crate) const fn points(&mut self) -> &mut [f32; POINTS] {
        &mut self.points
    }

    /// Where the span begins and ends, in samples before the next one that will be pushed.
    pub(crate) fn span_before_now(&self) -> (f64, f64) {
        let begin = self.received.saturating_sub(self.reach) as f64;
        (begin, begin - self.step as f64 / 4_294_967_296.0 * POINTS as f64)
    }

    /// The value at `place`.
    fn interpolated(&self) -> f32 {
        let (mut before, mut after) = entries_around(self.place, self.entries_per_sample);
        let [_, _, _, at, ..] = self.place.to_be_bytes(); // of the whole sample, the octet that is the place in the ring
        let (mut earlier, mut later) = (at, at.wrapping_add(1));
        let mut sum = 0.0;
        for _tap in 0..self.reach {
            sum += self.recent[usize::from(earlier)] * weight(before);
            sum += self.recent[usize::from(later)] * weight(after);
            earlier = earlier.wrapping_sub(1);
            later = later.wrapping_add(1);
            before = before.wrapping_add(self.entries_per_sample);
            after = after.wrapping_add(self.entries_per_sample);
        }
        sum * self.inverse_stretch
    }
}

/// Where the kernel's table is read for the samples before and after `place`, in 1/65 536 entry. From tap to tap it is
/// `entries_per_sample` more; the farthest is below 2^29.
pub(crate) fn entries_around(place: u64, entries_per_sample: u32) -> (u32, u32) {
    let [_, _, _, _, high, low, _, _] = place.to_be_bytes();
    let ahead = u32::from(u16::from_be_bytes([high, low])); // 1/65 536 sample
    let scaled = |part: u32| u32::try_from((u64::from(part) * u64::from(entries_per_sample)) >> 16).unwrap_or(u32::MAX);
    (scaled(ahead), scaled(65_536 - ahead))
}

/// The kernel at a distance in 1/65 536 entry of its table.
#[inline]
pub(crate) fn weight(entry: u32) -> f32 {
    let [high, low, fraction @ ..] = entry.to_be_bytes();
    let fraction = f32::from(u16::from_be_bytes(fraction)) * (1.0 / 65_536.0);
    let index = usize::from(u16::from_be_bytes([high, low]));
    match KERNEL.get(index..index + 2) {
        Some(&[here, next]) => here + (next - here) * fraction,
        _ => 0.0,
    }
}

pub(crate) const fn ring_index(number: u64) -> usize {
    let [low, ..] = number.to_le_bytes();
    low as usize // the ring has 256 places
}

/// More than the widest kernel needs: 24 taps stretched by 16 000 / 2048.
pub(crate) const RING: usize = 256;
pub(crate) const HALF_TAPS: u64 = 12;
pub(crate) const WIDEST_STRETCH: f64 = 10.0;
pub(crate) const ENTRIES_PER_TAP: u32 = 256;
const ENTRIES: usize = 12 * 256;

/// The right half of the kernel and a zero after it.
static KERNEL: [f32; ENTRIES + 2] = {
    let mut table = [0.0; ENTRIES + 2];
    let mut index = 0;
    while index < ENTRIES {
        table[index] = kernel(index as f64 / 256.0);
        index += 1;
    }
    table
};

/// sinc(x) under a Kaiser window of half width 12, side lobes 90 dB down.
#[expect(clippy::cast_possible_truncation, reason = "the table is single precision")]
const fn kernel(x: f64) -> f32 {
    const BETA: f64 = 8.96;
    let ratio = x / 12.0;
    let window = bessel(BETA * BETA / 4.0 * (1.0 - ratio * ratio)) / bessel(BETA * BETA / 4.0);
    (sinc(x) * window) as f32
}

/// The modified Bessel function I0 of twice the root of `quarter_square`.
const fn bessel(quarter_square: f64) -> f64 {
    let (mut term, mut sum, mut order) = (1.0, 1.0, 1.0);
    while order < 40.0 {
        term *= quarter_square / (order * order);
        sum += term;
        order += 1.0;
    }
    sum
}

/// sin(pi x) / (pi x).
const fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    // Brought into -1/2..1/2 turns of half a period, with the sign that this costs.
    let mut rest = x;
    let mut sign = 1.0;
    while 0.5 < rest {
        rest -= 1.0;
        sign = -sign;
    }
    let angle = rest * core::f64::consts::PI;
    let (mut term, mut sum, mut order) = (angle, angle, 1.0);
    while order < 24.0 {
        term *= -angle * angle / ((order + 1.0) * (order + 2.0));
        sum += term;
        order += 2.0;
    }
    sign * sum / (x * core::f64::consts::PI)
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
        let reach = resampler.reach as f64;
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
