//! A converter that is not there: samples from a formula or a recording, as the frames that a real one would send.

use core::ops::Range;

use ads131m::{Status, compose};
use metrology::{N_CHANNELS, SampleSet};

use crate::RawFrame;

/// Samples by number.
pub trait Samples {
    /// The sample set with this number.
    fn set(&mut self, number: u64) -> SampleSet;
}

/// A recording that is played again when it ends. An empty one is silence.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    sets: &'a [SampleSet],
}

impl<'a> Recorded<'a> {
    /// Plays these sets.
    #[must_use]
    pub const fn new(sets: &'a [SampleSet]) -> Self {
        Self { sets }
    }
}

impl Samples for Recorded<'_> {
    fn set(&mut self, number: u64) -> SampleSet {
        let length = u64::try_from(self.sets.len()).unwrap_or(u64::MAX);
        let index = number.checked_rem(length).and_then(|index| usize::try_from(index).ok());
        index
            .and_then(|index| self.sets.get(index))
            .copied()
            .unwrap_or([0; N_CHANNELS])
    }
}

/// What goes wrong between the converter and the processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Frames whose number this divides have a wrong bit; 0 for none.
    pub damage_every: u64,
    /// Frames with these numbers never come.
    pub stopped: Range<u64>,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        damage_every: 0,
        stopped: 0..0,
    };
}

/// A converter that sends `samples`, with faults.
#[derive(Clone, Debug)]
pub struct Source<S> {
    samples: S,
    faults: Faults,
}

impl<S: Samples> Source<S> {
    /// Frames with these samples and faults.
    pub const fn new(samples: S, faults: Faults) -> Self {
        Self { samples, faults }
    }

    /// Other faults from now on.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Writes the frames from number `first` on. False when the converter has stopped before the last of them: then none may be used.
    pub fn frames(&mut self, first: u64, into: &mut [RawFrame]) -> bool {
        let mut whole = true;
        for (frame, number) in into.iter_mut().zip(first..) {
            whole &= !self.faults.stopped.contains(&number);
            let [v1, v2, v3, i1, i2, i3, neutral] = self.samples.set(number);
            compose(ALL_FRESH, &[v1, v2, v3, i1, i2, i3, neutral, 0], frame);
            // A different bit each time; the checksum finds them all.
            if number.checked_rem(self.faults.damage_every) == Some(0) {
                let bit = u8::try_from(number % 8).unwrap_or(0);
                let place = usize::try_from(number % 29).unwrap_or(0);
                if let Some(octet) = frame.get_mut(place) {
                    *octet ^= 1 << bit;
                }
            }
        }
        whole
    }
}

/// Words of 24 bits, every channel converted.
const ALL_FRESH: Status = Status::of(0x01FF);
