//! Cosine and sine at the tracked frequency: a phase counter and a table with linear interpolation, integers only.
//!
//! The window has a whole number of the oscillator's cycles, so its phase is zero at each end and nothing accumulates from
//! window to window. Interpolation lowers the fundamental by a constant factor, [`GAIN`], and adds nothing below its 1023rd
//! harmonic.

use crate::position::Position;

/// The oscillator of one window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Oscillator {
    /// Where its phase is zero.
    origin: Position,
    /// Turns of one sample in 2^-32.
    step: u32,
}

/// Amplitude of cosine and sine: 24 bits with sign.
pub(crate) const AMPLITUDE: f64 = 8_388_607.0;

/// What linear interpolation leaves of the amplitude: sinc^2(1/1024).
pub(crate) const GAIN: f64 = {
    let x = core::f64::consts::PI / 1_024.0;
    let sinc = 1.0 - x * x / 6.0 + x * x * x * x / 120.0;
    sinc * sinc
};

impl Oscillator {
    /// An oscillator that makes `cycles` cycles in the window that begins at `origin` and is `length_raw` long.
    pub(crate) fn new(origin: Position, length_raw: u64, cycles: u32) -> Self {
        let turns = (u128::from(cycles) << 48) + u128::from(length_raw / 2);
        let step = u32::try_from(turns / u128::from(length_raw.max(1))).unwrap_or(u32::MAX);
        Self { origin, step }
    }

    /// The phase at sample number `sample`, in 2^-32 turns.
    pub(crate) fn phase(&self, sample: u64) -> u32 {
        // Distance in 1/65 536 sample times step; only the fraction of a turn matters, so wrapping is what is wanted.
        let distance = (sample << 16).wrapping_sub(self.origin.raw());
        let scaled = i128::from(distance.cast_signed()) * i128::from(self.step);
        low_word(scaled >> 16)
    }

    /// Turns of one sample in 2^-32.
    pub(crate) const fn step(&self) -> u32 {
        self.step
    }
}

/// Cosine and sine of a phase in 2^-32 turns.
#[inline]
pub(crate) fn cosine_sine(phase: u32) -> (i32, i32) {
    let index = (phase >> 22) as usize;
    let fraction = ((phase >> 7) & 0x7FFF).cast_signed();
    (
        interpolated(index.wrapping_add(QUARTER), fraction),
        interpolated(index, fraction),
    )
}

#[inline]
fn interpolated(index: usize, fraction: i32) -> i32 {
    // The table is longer than any index by one; the differences have 17 bits, the fraction 15.
    match TABLE.get(index..index.wrapping_add(2)) {
        Some(&[here, next]) => here.wrapping_add(next.wrapping_sub(here).wrapping_mul(fraction) >> 15),
        _ => 0,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the low 32 bits are the fraction of a turn"
)]
const fn low_word(value: i128) -> u32 {
    value as u32
}

const STEPS: usize = 1_024;
const QUARTER: usize = STEPS / 4;

/// One and a quarter periods of the sine.
static TABLE: [i32; STEPS + QUARTER + 1] = {
    let mut table = [0; STEPS + QUARTER + 1];
    let mut index = 0;
    while index < table.len() {
        table[index] = entry(index % STEPS);
        index += 1;
    }
    table
};

/// The sine of `index` 1024ths of a turn, rounded to the nearest.
#[expect(clippy::cast_possible_truncation, reason = "at most 24 bits, at compile time")]
const fn entry(index: usize) -> i32 {
    let quarter = index % QUARTER;
    let (rising, negative) = match index / QUARTER {
        0 => (quarter, false),
        1 => (QUARTER - quarter, false),
        2 => (quarter, true),
        _ => (QUARTER - quarter, true),
    };
    let x = rising as f64 * (core::f64::consts::PI / 512.0);
    let (mut term, mut sum, mut order) = (x, x, 1.0);
    while order < 24.0 {
        term *= -x * x / ((order + 1.0) * (order + 2.0));
        sum += term;
        order += 2.0;
    }
    let magnitude = (sum * AMPLITUDE + 0.5) as i32;
    if negative { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_follows_sine_and_cosine_to_six_parts_in_a_million() {
        let mut worst = 0.0_f64;
        for step in 0..100_000_u32 {
            let phase = step.wrapping_mul(2_654_435_761);
            let (cosine, sine) = cosine_sine(phase);
            let angle = f64::from(phase) / 4_294_967_296.0 * core::f64::consts::TAU;
            worst = worst.max((f64::from(cosine) / AMPLITUDE - libm::cos(angle)).abs());
            worst = worst.max((f64::from(sine) / AMPLITUDE - libm::sin(angle)).abs());
        }
        assert!(worst < 6e-6, "{worst}");
    }

    #[test]
    fn phase_is_zero_at_both_ends_of_a_window() {
        let origin = Position::of_sample(1_000_000).plus_raw(0x1234);
        let length = 0x0640_1234; // 1600 samples and a bit
        let oscillator = Oscillator::new(origin, length, 10);
        let turns = |phase: u32| f64::from(phase.cast_signed()) / 4_294_967_296.0;
        assert!(turns(oscillator.phase(1_000_000)).abs() < 0.01);
        let end = origin.plus_raw(length);
        let at_end = turns(oscillator.phase(end.sample())) + f64::from(end.fraction()) / 65_536.0 / 160.0;
        assert!(at_end.abs() < 1e-4, "{at_end}");
        let before = turns(oscillator.phase(999_999));
        assert!((-0.01..0.0).contains(&before), "{before}");
    }
}
