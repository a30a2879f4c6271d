//! The converter that QEMU does not have: the halves of its sample buffer, full by the clock, behind the trait of a real one.

use base::{Instant, Micros};
use board::sampling::Sampling;
use frontend::{Faults, Frames, RawFrame, Source, Waveform};

/// Frames at 8 kS/s from the closed form, a half buffer at a time.
pub(crate) struct Converter {
    sampling: Sampling,
    /// The frames that a real one would have sent.
    source: Source<Waveform>,
    /// Halves that are full, and halves that were taken, never came or are lost.
    full: u64,
    taken: u64,
    overruns: u32,
}

impl Converter {
    /// Starts the samples.
    pub(crate) fn begin(now: Instant, faults: Faults) -> Self {
        Self {
            sampling: Sampling::start(now, HALF),
            source: Source::new(Waveform::ORDINARY, faults),
            full: 0,
            taken: 0,
            overruns: 0,
        }
    }

    /// What is full by `now` can be taken from here on. Answers how many halves waited too long and are lost.
    pub(crate) fn advance(&mut self, now: Instant) -> u32 {
        self.full = self.sampling.halves(now);
        let lost = (self.full - self.taken).saturating_sub(MOST_WAITING);
        self.taken += lost;
        let lost = u32::try_from(lost).unwrap_or(u32::MAX);
        self.overruns = self.overruns.saturating_add(lost);
        lost
    }

    /// Number of the first frame of the newest half that is over: samples before it come no more.
    pub(crate) const fn due(&self) -> u64 {
        self.taken.saturating_sub(1) * HALF_SETS as u64
    }

    /// Halves so far.
    pub(crate) const fn halves(&self) -> u64 {
        self.taken
    }

    /// When the next half is full.
    pub(crate) fn next(&self, now: Instant) -> Instant {
        self.sampling.next(now)
    }
}

impl Frames for Converter {
    fn take(&mut self, taker: &mut dyn FnMut(u64, &[RawFrame])) -> bool {
        let mut frames = [[0; 30]; HALF_SETS];
        while self.taken < self.full {
            let first = self.taken * HALF_SETS as u64;
            self.taken += 1;
            // Of a converter that has stopped nothing comes.
            if self.source.frames(first, &mut frames) {
                taker(first, &frames);
                return true;
            }
        }
        false
    }

    fn overruns(&self) -> u32 {
        self.overruns
    }
}

/// Sample sets in one half of the buffer, and how long it takes to fill.
const HALF_SETS: usize = 32;
const HALF: Micros = Micros::from_millis(4);
/// Halves that may wait: the host may hold the emulator up for so long. A real buffer has two.
const MOST_WAITING: u64 = 64;
