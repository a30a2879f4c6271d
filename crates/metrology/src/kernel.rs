//! The kernel that resamples: a sinc under a Kaiser window, 24 taps wide, from a table with linear interpolation.
//!
//! For rates above the new one it is stretched, so that what lies above does not fold. Where it is not, the taps of a point all lie at the
//! same place between two entries; the table has a row for each such place, so that they lie side by side.

use crate::rounding::{nearest_u32, nearest_u64};

/// How a span is resampled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    /// Distance of the points in samples, Q32.32.
    pub(crate) step: u64,
    /// Half the width in samples.
    pub(crate) reach: u64,
    /// Table entries of one sample, Q16.
    entries_per_sample: u32,
    /// What the sum of the kernel is multiplied by.
    pub(crate) inverse_stretch: f32,
}

/// The latest samples. The first places come again after the last, so that any few lie side by side.
#[derive(Clone, Debug)]
pub(crate) struct Ring<T>([T; PLACES + WIDTH]);

/// The weights of one side of an unstretched kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    here: &'static [f32; TAPS],
    next: &'static [f32; TAPS],
    part: f32,
}

/// Points of one span.
pub(crate) const POINTS: usize = 2_048;
/// Places of a ring: more than the widest kernel needs: 24 taps stretched by 16 000 / 2048.
pub(crate) const PLACES: usize = 256;
/// Taps on either side of a point while the kernel is not stretched.
pub(crate) const TAPS: usize = 12;
/// Samples under a kernel that is not stretched.
const WIDTH: usize = 2 * TAPS;

impl Kernel {
    /// The kernel that makes [`POINTS`] points of `length_samples` samples, at most 16 000.
    #[expect(clippy::cast_possible_truncation, reason = "the weights are single precision")]
    pub(crate) fn of(length_samples: f64) -> Self {
        let step = length_samples / POINTS as f64;
        let stretch = step.clamp(1.0, WIDEST_STRETCH);
        Self {
            step: nearest_u64(step * 4_294_967_296.0),
            reach: nearest_u64(libm::ceil(TAPS as f64 * stretch)),
            entries_per_sample: nearest_u32(f64::from(UNSTRETCHED) / stretch),
            inverse_stretch: (1.0 / stretch) as f32,
        }
    }

    /// The samples under a kernel at `place`, with the weights of those before and of those after it; none under one that is stretched.
    #[inline]
    pub(crate) fn side_by_side<'a, T>(&self, ring: &'a Ring<T>, place: u64) -> Option<(&'a [T; WIDTH], Side, Side)> {
        if self.entries_per_sample != UNSTRETCHED {
            return None;
        }
        let first = ring_index((place >> 32).wrapping_sub(TAPS as u64 - 1));
        let samples = ring.0.get(first..)?.first_chunk()?;
        let (before, after) = entries_around(place, UNSTRETCHED);
        Some((samples, Side::of(before), Side::of(after)))
    }

    /// The weights of the samples before and after `place`, nearest first.
    #[inline]
    pub(crate) fn weights(&self, place: u64) -> impl Iterator<Item = (f32, f32)> {
        let step = self.entries_per_sample;
        let mut entries = entries_around(place, step);
        (0..self.reach).map(move |_tap| {
            let (before, after) = entries;
            entries = (before.wrapping_add(step), after.wrapping_add(step));
            (weight(before), weight(after))
        })
    }
}

impl Side {
    /// From `entry` on, which is at most one sample away.
    #[inline]
    fn of(entry: u32) -> Self {
        let [_, _, fraction @ ..] = entry.to_be_bytes();
        let [here, next] = rows((entry >> 16) as usize);
        Self {
            here,
            next,
            part: part(fraction),
        }
    }

    /// The weight of the sample that is `tap` samples beyond the nearest.
    #[inline]
    pub(crate) fn weight(&self, tap: usize) -> f32 {
        match (self.here.get(tap), self.next.get(tap)) {
            (Some(here), Some(next)) => here + (next - here) * self.part,
            _ => 0.0,
        }
    }

    /// All of them, nearest first.
    #[inline]
    pub(crate) fn weights(&self) -> [f32; TAPS] {
        let mut weights = [0.0; TAPS];
        for (tap, weight) in weights.iter_mut().enumerate() {
            *weight = self.weight(tap);
        }
        weights
    }
}

impl<T: Copy> Ring<T> {
    pub(crate) const fn of(value: T) -> Self {
        Self([value; PLACES + WIDTH])
    }

    /// Puts sample `number` in.
    #[inline]
    pub(crate) fn put(&mut self, number: u64, value: T) {
        let at = ring_index(number);
        self.0[at] = value;
        if at < WIDTH {
            self.0[at + PLACES] = value;
        }
    }

    /// Sample `number`, one of the latest [`PLACES`].
    #[inline]
    pub(crate) const fn get(&self, number: u64) -> T {
        self.0[ring_index(number)]
    }
}

/// The place of a sample in the ring.
const fn ring_index(number: u64) -> usize {
    let [low, ..] = number.to_le_bytes();
    low as usize // the ring has 256 places
}

/// Where the kernel's table is read for the samples before and after `place`, in 1/65 536 entry. From tap to tap it is
/// `entries_per_sample` more; the farthest is below 2^29.
fn entries_around(place: u64, entries_per_sample: u32) -> (u32, u32) {
    let [_, _, _, _, high, low, _, _] = place.to_be_bytes();
    let ahead = u32::from(u16::from_be_bytes([high, low])); // 1/65 536 sample
    let scaled = |part: u32| u32::try_from((u64::from(part) * u64::from(entries_per_sample)) >> 16).unwrap_or(u32::MAX);
    (scaled(ahead), scaled(65_536 - ahead))
}

/// The kernel at a distance in 1/65 536 entry of its table.
#[inline]
fn weight(entry: u32) -> f32 {
    let [tap, row, fraction @ ..] = entry.to_be_bytes();
    let [here, next] = rows(usize::from(row));
    match (here.get(usize::from(tap)), next.get(usize::from(tap))) {
        (Some(here), Some(next)) => here + (next - here) * part(fraction),
        _ => 0.0,
    }
}

/// What lies between two entries.
fn part(fraction: [u8; 2]) -> f32 {
    f32::from(u16::from_be_bytes(fraction)) * (1.0 / 65_536.0)
}

/// Two neighbouring rows of the table; at most the row of a whole sample.
#[inline]
fn rows(first: usize) -> [&'static [f32; TAPS]; 2] {
    match KERNEL.get(first..first.wrapping_add(2)) {
        Some([here, next]) => [here, next],
        _ => [&[0.0; TAPS]; 2],
    }
}

const WIDEST_STRETCH: f64 = 10.0;
const ENTRIES_PER_TAP: usize = 256;
/// Table entries of one sample under a kernel that is not stretched, Q16.
const UNSTRETCHED: u32 = 256 << 16;

/// The right half of the kernel: in row `n`, `n` entries beyond each whole sample. The last two rows are those of the next sample.
static KERNEL: [[f32; TAPS]; ENTRIES_PER_TAP + 2] = {
    let mut table = [[0.0; TAPS]; ENTRIES_PER_TAP + 2];
    let mut index = 0;
    while index < TAPS * ENTRIES_PER_TAP {
        let (tap, row) = (index / ENTRIES_PER_TAP, index % ENTRIES_PER_TAP);
        table[row][tap] = kernel(index as f64 / ENTRIES_PER_TAP as f64);
        if row < 2 && 0 < tap {
            table[row + ENTRIES_PER_TAP][tap - 1] = table[row][tap];
        }
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
