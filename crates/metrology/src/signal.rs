//! What is wrong with the codes of the converter: channels that say nothing, bits that stick, codes that no converter gives.
//!
//! The magnitudes of all codes are looked at; of the bits, those of one sample in each run, at a place that moves from run to run, so
//! that within a window the whole cycle is seen. A fault is told with the window in which it was; what to do about it is decided above.

use crate::channel::{Channel, ChannelSet, N_CHANNELS, SampleSet};

/// What was wrong with the samples of a window, beside channels that clipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalFaults {
    /// Channels with codes that do not fit 24 bits, which no converter gives; they were held to 24 bits.
    pub invalid: ChannelSet,
    /// Channels whose code never changed: a converter, a wire or a bus that is dead. A live converter has noise.
    pub constant: ChannelSet,
    /// Channels with a bit that never changed in a signal that should have changed it.
    pub stuck: ChannelSet,
    /// Channels with a mean beyond 1/32 of full scale that the setup does not call real: direct current, or a damaged input.
    pub direct: ChannelSet,
    /// Whether the frequency was outside the range that is tracked with its accuracy: 42.5 to 57.5 Hz, or 51 to 69 Hz.
    pub frequency: bool,
}

impl SignalFaults {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.invalid.is_empty()
            && self.constant.is_empty()
            && self.stuck.is_empty()
            && self.direct.is_empty()
            && !self.frequency
    }
}

/// The bits that were seen in the codes of a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits {
    /// Ones in any code.
    any: [u32; N_CHANNELS],
    /// Ones in every code.
    every: [u32; N_CHANNELS],
    /// Runs since the beginning; says which sample of the next run is looked at.
    turn: usize,
    looked_at: u32,
}

impl Bits {
    pub(crate) const NONE: Self = Self {
        any: [0; N_CHANNELS],
        every: [u32::MAX; N_CHANNELS],
        turn: 0,
        looked_at: 0,
    };

    /// Looks at one sample of a run.
    pub(crate) fn look(&mut self, run: &[SampleSet]) {
        self.turn = self.turn.wrapping_add(1);
        let Some(set) = self.turn.checked_rem(run.len()).and_then(|place| run.get(place)) else {
            return;
        };
        self.looked_at = self.looked_at.saturating_add(1);
        for ((any, every), code) in self.any.iter_mut().zip(&mut self.every).zip(set) {
            *any |= code.cast_unsigned();
            *every &= code.cast_unsigned();
        }
    }

    /// Whether a bit of `channel` stuck, in a signal of this mean and this rms without the mean; the window's bits begin anew with
    /// [`Self::restart`].
    pub(crate) fn stuck(&self, channel: Channel, mean: f64, rms: f64) -> bool {
        if rms < LEAST_RMS || self.looked_at < LEAST_LOOKS {
            return false;
        }
        // A signal around zero changes every bit, since all bits of small negative codes are ones. One that only moves about its mean
        // changes the bits below its own size.
        let moving = if libm::fabs(mean) * 2.0 < rms {
            ALL_BITS
        } else {
            let size = crate::rounding::nearest_u32(rms / 2.0);
            u32::MAX.checked_shr(size.leading_zeros() + 1).unwrap_or(0) & ALL_BITS
        };
        let (any, every) = (self.any.get(channel.index()), self.every.get(channel.index()));
        let never = any.is_some_and(|any| !any & moving != 0);
        never || every.is_some_and(|every| every & moving != 0)
    }

    /// Forgets the bits of the window that ended.
    pub(crate) const fn restart(&mut self) {
        *self = Self {
            turn: self.turn,
            ..Self::NONE
        };
    }
}

/// A window has too few codes to tell stuck bits of a smaller signal.
const LEAST_RMS: f64 = 64.0;
/// Fewest samples of a window that must have been looked at.
const LEAST_LOOKS: u32 = 64;
/// The 24 bits of a code.
const ALL_BITS: u32 = 0xFF_FFFF;
/// Variance in squared codes below which a channel never changed: what is left of rounding at full scale.
pub(crate) const CONSTANT_VARIANCE: f64 = 0.02;
/// Share of full scale that a mean may have.
pub(crate) const DIRECT_SHARE: f64 = 1.0 / 32.0;

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    /// A cycle of 160 samples in runs of ten, for ten cycles, each code changed by `change`.
    fn bits(amplitude: f64, mean: i32, change: impl Fn(i32) -> i32) -> Bits {
        let mut bits = Bits::NONE;
        for run in 0..160_u32 {
            let sets: Vec<SampleSet> = (0..10)
                .map(|n| {
                    let angle = f64::from(run * 10 + n) / 160.0 * core::f64::consts::TAU;
                    let code = crate::rounding::nearest_i32(amplitude * libm::sin(angle)) + mean;
                    [change(code); N_CHANNELS]
                })
                .collect();
            bits.look(&sets);
        }
        bits
    }

    fn check(amplitude: f64, mean: i32, change: impl Fn(i32) -> i32) -> bool {
        bits(amplitude, mean, change).stuck(Channel::I2, f64::from(mean), amplitude / core::f64::consts::SQRT_2)
    }

    #[test]
    fn a_stuck_bit_is_noticed_and_a_live_signal_is_not() {
        assert!(!check(4_000_000.0, 0, |code| code));
        assert!(!check(600.0, 7_000, |code| code), "an offset keeps the high bits still");
        assert!(!check(4_000_000.0, 300_000, |code| code));
        for bit in 0..22 {
            assert!(check(4_000_000.0, 0, |code| code | 1 << bit), "bit {bit} at one");
            assert!(check(4_000_000.0, 0, |code| code & !(1 << bit)), "bit {bit} at zero");
        }
        assert!(check(6_000.0, 7_000, |code| code | 0x40));
        assert!(!check(10.0, 0, |code| code | 0x40), "too small to tell");
    }

    #[test]
    fn empty_runs_and_few_looks_say_nothing() {
        let mut bits = Bits::NONE;
        bits.look(&[]);
        assert!(!bits.stuck(Channel::V1, 0.0, 1e6));
    }
}
