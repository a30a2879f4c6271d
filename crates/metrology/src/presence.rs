//! Which phases have voltage, by the rms over one nominal cycle, renewed every half cycle, with hysteresis.

use crate::channel::N_PHASES;
use crate::crossing::CHUNKS_PER_CYCLE;

/// Sums of one chunk (a sixteenth of a nominal cycle) of one voltage, in codes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct VoltageChunk {
    pub(crate) level: f64,
    pub(crate) square: f64,
}

/// The last cycle of the voltages and what was concluded from it.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    cycle: [[VoltageChunk; N_PHASES]; CHUNKS],
    next: usize,
    filled: bool,
    present: [bool; N_PHASES],
    /// Rms codes below which a phase is lost.
    thresholds_lsb: [f64; N_PHASES],
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
const HYSTERESIS: f64 = 1.1;
const CHUNKS: usize = CHUNKS_PER_CYCLE as usize;

impl Presence {
    pub(crate) const fn new(thresholds_lsb: [f64; N_PHASES]) -> Self {
        Self {
            cycle: [[VoltageChunk {
                level: 0.0,
                square: 0.0,
            }; N_PHASES]; CHUNKS],
            next: 0,
            filled: false,
            present: [false; N_PHASES],
            thresholds_lsb,
            known: false,
        }
    }

    /// Takes a chunk of `n_samples` samples. The first cycle after the start only sets what is present; after that every
    /// half cycle may bring a change.
    pub(crate) fn observe(&mut self, chunk: [VoltageChunk; N_PHASES], n_samples: u32) -> [Change; N_PHASES] {
        if let Some(slot) = self.cycle.get_mut(self.next) {
            *slot = chunk;
        }
        self.next = (self.next + 1) % CHUNKS;
        self.filled |= self.next == 0;
        let mut changes = [Change::None; N_PHASES];
        if !self.filled || !self.next.is_multiple_of(CHUNKS / 2) {
            return changes;
        }
        let rms = self.rms(f64::from(n_samples));
        let phases = self
            .present
            .iter_mut()
            .zip(self.thresholds_lsb)
            .zip(rms)
            .zip(&mut changes);
        for (((present, threshold), rms), change) in phases {
            let limit = if *present || !self.known {
                threshold
            } else {
                threshold * HYSTERESIS
            };
            let now = limit <= rms;
            if self.known && now != *present {
                *change = if now { Change::Returned } else { Change::Lost };
            }
            *present = now;
        }
        self.known = true;
        changes
    }

    /// The phases that have voltage.
    pub(crate) const fn present(&self) -> [bool; N_PHASES] {
        self.present
    }

    /// Whether a whole cycle was seen since the start.
    pub(crate) const fn known(&self) -> bool {
        self.known
    }

    fn rms(&self, samples_per_chunk: f64) -> [f64; N_PHASES] {
        let n_samples = samples_per_chunk * f64::from(CHUNKS_PER_CYCLE);
        core::array::from_fn(|phase| {
            let chunks = self.cycle.iter().filter_map(|chunk| chunk.get(phase));
            let (level, square) = chunks.fold((0.0, 0.0), |(level, square), chunk| {
                (level + chunk.level, square + chunk.square)
            });
            let mean = level / n_samples;
            libm::sqrt((square / n_samples - mean * mean).max(0.0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Change::{Lost, None, Returned};
    use super::*;

    fn chunk(levels: [f64; N_PHASES], n: u32) -> [VoltageChunk; N_PHASES] {
        // A sine of rms `level`, ten samples a chunk.
        levels.map(|rms| {
            let value = |sample: u32| {
                rms * core::f64::consts::SQRT_2 * libm::sin(f64::from(n * 10 + sample) / 160.0 * core::f64::consts::TAU)
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
}
