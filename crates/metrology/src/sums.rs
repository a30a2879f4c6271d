//! The sums over the samples of a window: the only part that runs for every sample, in exact integers.
//!
//! Bound that lets the additions wrap without ever wrapping: codes are held to 24 bits with sign, so a product has magnitude at
//! most 2^46; a window has at most 10 cycles of 40 Hz at 64 kS/s = 16 000 < 2^14 samples; 2^60 fits i64.

use crate::channel::{N_CHANNELS, N_PHASES, SampleSet};
use crate::edge::EDGE_SAMPLES;
use crate::oscillator::{Oscillator, cosine_sine};

/// Exact sums over whole samples.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    /// Codes.
    level: [i64; N_CHANNELS],
    /// Squares of codes.
    square: [i64; N_CHANNELS],
    /// Voltage times current.
    product: [i64; N_PHASES],
    /// Codes times cosine, voltages then currents.
    cosine: [i64; 2 * N_PHASES],
    /// Codes times sine.
    sine: [i64; 2 * N_PHASES],
}

/// Sums of a whole window, edges included, in the floating point that the rest of the window's arithmetic uses.
#[derive(Clone, Debug)]
pub(crate) struct WindowSums {
    /// Codes.
    pub(crate) level: [f64; N_CHANNELS],
    /// Squares of codes.
    pub(crate) square: [f64; N_CHANNELS],
    /// Voltage times current.
    pub(crate) product: [f64; N_PHASES],
    /// Codes times cosine, voltages then currents.
    pub(crate) cosine: [f64; 2 * N_PHASES],
    /// Codes times sine.
    pub(crate) sine: [f64; 2 * N_PHASES],
}

/// Most sample sets of one block.
pub(crate) const MOST_IN_BLOCK: usize = 32;

/// Codes are held to 24 bits with sign.
pub(crate) const LEAST_CODE: i32 = -0x80_0000;
pub(crate) const MOST_CODE: i32 = 0x7F_FFFF;

/// The greatest magnitude of a code of 24 bits, as [`raise_peaks`] counts it.
pub(crate) const MOST_MAGNITUDE: u32 = 0x7F_FFFF;

impl Sums {
    pub(crate) const ZERO: Self = Self {
        level: [0; N_CHANNELS],
        square: [0; N_CHANNELS],
        product: [0; N_PHASES],
        cosine: [0; 2 * N_PHASES],
        sine: [0; 2 * N_PHASES],
    };

    /// Adds a block of at most [`MOST_IN_BLOCK`] sets whose codes are held already; `phase` is the oscillator's at the first.
    #[inline]
    pub(crate) fn add(&mut self, block: &[SampleSet], mut phase: u32, step: u32, phases_exist: [bool; N_PHASES]) {
        let mut waves = [(0, 0); MOST_IN_BLOCK];
        let block = block.get(..MOST_IN_BLOCK).unwrap_or(block);
        for (wave, _set) in waves.iter_mut().zip(block) {
            *wave = cosine_sine(phase);
            phase = phase.wrapping_add(step);
        }
        let [l1, l2, l3] = phases_exist;
        if l1 {
            self.add_phase::<0, 3>(block, &waves);
        }
        if l2 {
            self.add_phase::<1, 4>(block, &waves);
        }
        if l3 {
            self.add_phase::<2, 5>(block, &waves);
        }
        let [.., level] = &mut self.level;
        let [.., square] = &mut self.square;
        for set in block {
            let [.., neutral] = set;
            *level = level.wrapping_add(i64::from(*neutral));
            *square = square.wrapping_add(times(*neutral, *neutral));
        }
    }

    #[inline]
    fn add_phase<const V: usize, const I: usize>(&mut self, block: &[SampleSet], waves: &[(i32, i32); MOST_IN_BLOCK]) {
        // Three loops: on a small processor the sums of one stay in its registers. The levels of a block fit 32 bits.
        let (mut v_level, mut i_level) = (0_i32, 0_i32);
        let (mut v_square, mut i_square, mut product) = (0_i64, 0_i64, 0_i64);
        for set in block {
            let (v, i) = (set[V], set[I]);
            v_level = v_level.wrapping_add(v);
            i_level = i_level.wrapping_add(i);
            v_square = v_square.wrapping_add(times(v, v));
            i_square = i_square.wrapping_add(times(i, i));
            product = product.wrapping_add(times(v, i));
        }
        let (v_cosine, v_sine) = demodulated::<V>(block, waves);
        let (i_cosine, i_sine) = demodulated::<I>(block, waves);
        let (v_level, i_level) = (i64::from(v_level), i64::from(i_level));
        self.level[V] = self.level[V].wrapping_add(v_level);
        self.level[I] = self.level[I].wrapping_add(i_level);
        self.square[V] = self.square[V].wrapping_add(v_square);
        self.square[I] = self.square[I].wrapping_add(i_square);
        self.product[V] = self.product[V].wrapping_add(product);
        self.cosine[V] = self.cosine[V].wrapping_add(v_cosine);
        self.sine[V] = self.sine[V].wrapping_add(v_sine);
        self.cosine[I] = self.cosine[I].wrapping_add(i_cosine);
        self.sine[I] = self.sine[I].wrapping_add(i_sine);
    }
}

/// The codes of a channel times cosine and sine, added up.
#[inline]
fn demodulated<const CHANNEL: usize>(block: &[SampleSet], waves: &[(i32, i32); MOST_IN_BLOCK]) -> (i64, i64) {
    let (mut in_phase, mut across) = (0_i64, 0_i64);
    for (set, &(cosine, sine)) in block.iter().zip(waves) {
        in_phase = in_phase.wrapping_add(times(set[CHANNEL], cosine));
        across = across.wrapping_add(times(set[CHANNEL], sine));
    }
    (in_phase, across)
}

impl WindowSums {
    pub(crate) const ZERO: Self = Self {
        level: [0.0; N_CHANNELS],
        square: [0.0; N_CHANNELS],
        product: [0.0; N_PHASES],
        cosine: [0.0; 2 * N_PHASES],
        sine: [0.0; 2 * N_PHASES],
    };

    /// Adds the exact sums.
    pub(crate) fn add(&mut self, sums: &Sums) {
        add_all(&mut self.level, &sums.level);
        add_all(&mut self.square, &sums.square);
        add_all(&mut self.product, &sums.product);
        add_all(&mut self.cosine, &sums.cosine);
        add_all(&mut self.sine, &sums.sine);
    }

    /// Adds the samples of an edge by `weights`; the first of them is sample number `first`.
    pub(crate) fn add_edge(
        &mut self,
        samples: &[SampleSet; EDGE_SAMPLES],
        weights: [f64; EDGE_SAMPLES],
        first: u64,
        oscillator: &Oscillator,
    ) {
        let mut phase = oscillator.phase(first);
        for (set, weight) in samples.iter().zip(weights) {
            let (cosine, sine) = cosine_sine(phase);
            phase = phase.wrapping_add(oscillator.step());
            for (channel, code) in set.iter().enumerate() {
                let weighted = weight * f64::from(*code);
                add_to(&mut self.level, channel, weighted);
                add_to(&mut self.square, channel, weighted * f64::from(*code));
                add_to(&mut self.cosine, channel, weighted * f64::from(cosine));
                add_to(&mut self.sine, channel, weighted * f64::from(sine));
                if let (true, Some(current)) = (channel < N_PHASES, set.get(channel + N_PHASES)) {
                    add_to(&mut self.product, channel, weighted * f64::from(*current));
                }
            }
        }
    }
}

/// Holds the codes of a set to 24 bits.
pub(crate) fn held(set: &SampleSet) -> SampleSet {
    set.map(|code| code.clamp(LEAST_CODE, MOST_CODE))
}

/// Raises `peaks` to the greatest magnitudes of codes in `block` (of a negative code, its magnitude less one).
#[inline]
pub(crate) fn raise_peaks(peaks: &mut [u32; N_CHANNELS], block: &[SampleSet]) {
    for set in block {
        for (peak, code) in peaks.iter_mut().zip(set) {
            *peak = (*peak).max((code ^ (code >> 31)).cast_unsigned());
        }
    }
}

/// Whether any code of `block` has a magnitude of `limit` or more, as [`raise_peaks`] counts it; `limit` is at most 2^23.
#[inline]
pub(crate) fn reaches(block: &[SampleSet], limit: i32) -> bool {
    let mut all_below = -1;
    let below = |code: i32| (code ^ (code >> 31)).wrapping_sub(limit);
    for &[v1, v2, v3, i1, i2, i3, neutral] in block {
        all_below &= below(v1) & below(v2) & below(v3) & below(i1) & below(i2) & below(i3) & below(neutral);
    }
    0 <= all_below
}

/// The exact product.
#[inline]
pub(crate) fn times(a: i32, b: i32) -> i64 {
    i64::from(a).wrapping_mul(i64::from(b))
}

fn add_all<const N: usize>(sums: &mut [f64; N], exact: &[i64; N]) {
    for (sum, exact) in sums.iter_mut().zip(exact) {
        *sum += *exact as f64;
    }
}

fn add_to(sums: &mut [f64], index: usize, value: f64) {
    if let Some(sum) = sums.get_mut(index) {
        *sum += value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_window_of_full_codes_does_not_wrap() {
        let mut sums = Sums::ZERO;
        let block = [[LEAST_CODE; N_CHANNELS]; MOST_IN_BLOCK];
        let n_blocks = (1 << 14) / 32;
        for _ in 0..n_blocks {
            sums.add(&block, 0, 0, [true; N_PHASES]);
        }
        let n_samples = i128::from(n_blocks) * 32;
        assert_eq!(i128::from(sums.square[0]), (1_i128 << 46) * n_samples);
        assert_eq!(i128::from(sums.cosine[3]), -(1_i128 << 23) * 8_388_607 * n_samples);
    }

    #[test]
    fn blocks_of_any_size_give_the_same_sums() {
        let sets: [SampleSet; 16] = core::array::from_fn(|n| {
            let n = i32::try_from(n).expect("small");
            [n * 1_000, -n * 77, 5, 900 - n, n * n, -3, n]
        });
        let (mut whole, mut single) = (Sums::ZERO, Sums::ZERO);
        whole.add(&sets, 7, 0x0123_4567, [true; N_PHASES]);
        let mut phase = 7_u32;
        for set in &sets {
            single.add(core::slice::from_ref(set), phase, 0x0123_4567, [true; N_PHASES]);
            phase = phase.wrapping_add(0x0123_4567);
        }
        assert_eq!(
            (whole.level, whole.square, whole.product),
            (single.level, single.square, single.product)
        );
        assert_eq!((whole.cosine, whole.sine), (single.cosine, single.sine));
    }

    #[test]
    fn codes_beyond_24_bits_are_noticed_and_held() {
        let mut peaks = [0; N_CHANNELS];
        raise_peaks(&mut peaks, &[[i32::MIN, i32::MAX, -1, 5, 0, MOST_CODE, LEAST_CODE]]);
        assert_eq!(peaks, [0x7FFF_FFFF, 0x7FFF_FFFF, 0, 5, 0, 0x7F_FFFF, 0x7F_FFFF]);
        for (code, limit, reached) in [(MOST_CODE, 0x7F_FFFF, true), (MOST_CODE, 0x80_0000, false)] {
            assert_eq!(reaches(&[[0, 0, code, 0, 0, 0, 0], [0; N_CHANNELS]], limit), reached);
            assert_eq!(
                reaches(&[[0, 0, -1 - code, 0, 0, 0, 0], [0; N_CHANNELS]], limit),
                reached
            );
        }
        assert!(reaches(&[[0, 0, 0, 0, 0, 0, i32::MAX]], 0x80_0000) && reaches(&[[i32::MIN; N_CHANNELS]], 0x80_0000));
        assert_eq!(
            held(&[i32::MIN, i32::MAX, 1, 2, 3, 4, 5]),
            [LEAST_CODE, MOST_CODE, 1, 2, 3, 4, 5]
        );
    }
}
