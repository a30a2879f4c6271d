//! Which phases have voltage, by the rms over one nominal cycle, renewed every half cycle, with hysteresis; and which of them the frequency
//! is followed by: where no phase has voltage, what is left of one in a deep dip is still enough for that.

use crate::channel::N_PHASES;
use crate::crossing::CHUNKS_PER_CYCLE;

/// Sums of one chunk (a sixteenth of a nominal cycle) of one voltage, in codes.
///
/// Bound: a cycle has at most 64 000 / 42.5 samples of 24 bits, so the squares of one are below 2^57.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct VoltageChunk {
    pub(crate) level: i64,
    pub(crate) square: i64,
}

/// The last cycle of the voltages and what was concluded from it.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    /// The half cycle before, and the present one.
    halves: [[VoltageChunk; N_PHASES]; 2],
    chunks: usize,
    filled: bool,
    present: [bool; N_PHASES],
    followed: [bool; N_PHASES],
    /// The phases that the frequency is followed by.
    leading: [bool; N_PHASES],
    /// Rms codes below which a phase is lost, squared.
    thresholds: [f32; N_PHASES],
    known: bool,
}

/// A voltage that came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Lost,
    Returned,
}

/// A lost voltage has returned when it is this much above the threshold of loss.
const HYSTERESIS: f32 = 1.1;
/// Part of the threshold of loss above which a voltage is still followed.
pub(crate) const FOLLOWED: f32 = 0.25;
const CHUNKS: usize = CHUNKS_PER_CYCLE as usize;

impl Presence {
    pub(crate) fn new(thresholds_lsb: [f64; N_PHASES]) -> Self {
        Self {
            halves: [[VoltageChunk { level: 0, square: 0 }; N_PHASES]; 2],
            chunks: 0,
            filled: false,
            present: [false; N_PHASES],
            followed: [false; N_PHASES],
            leading: [false; N_PHASES],
            thresholds: thresholds_lsb.map(|lsb| single(lsb * lsb)),
            known: false,
        }
    }

    /// Takes a chunk of `n_samples` samples. The first cycle after the start only sets what is present; after that every
    /// half cycle may bring a change.
    pub(crate) fn observe(&mut self, chunk: [VoltageChunk; N_PHASES], n_samples: u32) -> [Change; N_PHASES] {
        let [before, present] = &mut self.halves;
        for (sum, chunk) in present.iter_mut().zip(&chunk) {
            sum.level = sum.level.wrapping_add(chunk.level);
            sum.square = sum.square.wrapping_add(chunk.square);
        }
        let mut changes = [Change::None; N_PHASES];
        self.chunks += 1;
        if self.chunks < CHUNKS / 2 {
            return changes;
        }
        self.chunks = 0;
        let halves = (*before, *present);
        (*before, *present) = (*present, [VoltageChunk::default(); N_PHASES]);
        if !core::mem::replace(&mut self.filled, true) {
            return changes;
        }
        let mean_squares = mean_squares(halves, n_samples);
        let phases = self
            .present
            .iter_mut()
            .zip(&mut self.followed)
            .zip(self.thresholds)
            .zip(mean_squares)
            .zip(&mut changes);
        for ((((present, followed), threshold), mean_square), change) in phases {
            let known = self.known;
            let is_above = |was: bool, threshold: f32| {
                let limit = if was || !known {
                    threshold
                } else {
                    threshold * (HYSTERESIS * HYSTERESIS)
                };
                limit <= mean_square
            };
            *followed = is_above(*followed, threshold * (FOLLOWED * FOLLOWED));
            let now = is_above(*present, threshold);
            if self.known && now != *present {
                *change = if now { Change::Returned } else { Change::Lost };
            }
            *present = now;
        }
        self.known = true;
        self.leading = if self.present.contains(&true) {
            self.present
        } else {
            self.followed
        };
        changes
    }

    /// The phases that have voltage.
    #[cfg(test)]
    pub(crate) const fn present(&self) -> [bool; N_PHASES] {
        self.present
    }

    /// The phases that the frequency is followed by: those that have voltage; when none has, those with enough of it left.
    pub(crate) const fn leading(&self) -> [bool; N_PHASES] {
        self.leading
    }

    /// Whether a whole cycle was seen since the start.
    pub(crate) const fn known(&self) -> bool {
        self.known
    }
}

/// The squares of the rms values over a cycle of two halves; whether a voltage is there needs no more than single precision.
fn mean_squares(
    (before, present): ([VoltageChunk; N_PHASES], [VoltageChunk; N_PHASES]),
    samples_per_chunk: u32,
) -> [f32; N_PHASES] {
    let part = 1.0 / (samples_per_chunk.saturating_mul(CHUNKS_PER_CYCLE) as f32);
    let mut squares = [0.0; N_PHASES];
    for ((square, one), other) in squares.iter_mut().zip(before).zip(present) {
        let mean = one.level.wrapping_add(other.level) as f32 * part;
        *square = one.square.wrapping_add(other.square) as f32 * part - mean * mean;
    }
    squares
}

#[expect(clippy::cast_possible_truncation, reason = "a threshold needs no more")]
const fn single(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::Change::{Lost, None, Returned};
    use super::*;

    fn chunk(levels: [f64; N_PHASES], n: u32) -> [VoltageChunk; N_PHASES] {
        // A sine of rms `level`, ten samples a chunk.
        levels.map(|rms| {
            let value = |sample: u32| {
                let sine = libm::sin(f64::from(n * 10 + sample) / 160.0 * core::f64::consts::TAU);
                crate::rounding::nearest_i64(rms * core::f64::consts::SQRT_2 * sine)
            };
            VoltageChunk {
                level: (0..10).map(value).sum(),
                square: (0..10).map(|sample| value(sample) * value(sample)).sum(),
            }
        })
    }

    #[test]
    fn voltages_go_and_come_with_hysteresis() {
        let mut presence = Presence::new([100.0; N_PHASES]);
        let mut n = 0;
        let mut run = |levels: [f64; N_PHASES]| {
            let mut seen = [None; N_PHASES];
            for _chunk in 0..40 {
                let changes = presence.observe(chunk(levels, n), 10);
                n += 1;
                for (seen, change) in seen.iter_mut().zip(changes) {
                    if change != None {
                        assert_eq!(*seen, None, "one change at most");
                        *seen = change;
                    }
                }
            }
            (seen, presence.present())
        };
        assert_eq!(run([500.0, 105.0, 50.0]), ([None, None, None], [true, true, false]));
        assert_eq!(run([98.0, 102.0, 105.0]), ([Lost, None, None], [false, true, false]));
        assert_eq!(
            run([105.0, 99.0, 111.0]),
            ([None, Lost, Returned], [false, false, true])
        );
        assert_eq!(run([500.0, 0.0, 500.0]), ([Returned, None, None], [true, false, true]));
    }

    #[test]
    fn what_is_left_of_a_voltage_leads_while_no_phase_has_one() {
        let mut presence = Presence::new([100.0; N_PHASES]);
        let mut n = 0;
        let mut run = |levels: [f64; N_PHASES]| {
            for _chunk in 0..40 {
                presence.observe(chunk(levels, n), 10);
                n += 1;
            }
            (presence.present(), presence.leading())
        };
        let (none, first) = ([false; N_PHASES], [true, false, false]);
        assert_eq!(run([50.0, 500.0, 20.0]), ([false, true, false], [false, true, false]));
        assert_eq!(run([50.0, 24.0, 20.0]), (none, first));
        assert_eq!(run([26.0, 26.0, 26.0]), (none, first), "back by a tenth more");
        assert_eq!(run([24.0, 28.0, 0.0]), (none, [false, true, false]));
        assert_eq!(run([0.0; N_PHASES]), (none, none));
    }
}
