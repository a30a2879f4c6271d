//! Two halves, one filled while the other is read.

use crate::RawFrame;

/// Where blocks of frames come from: the double buffer of a real converter or of one that QEMU stands in for.
pub trait Frames {
    /// Hands the oldest block to `taker`, with the number of its first frame, and frees it. False when none is ready.
    fn take(&mut self, taker: &mut dyn FnMut(u64, &[RawFrame])) -> bool;

    /// Blocks that came when both halves were full, and were dropped.
    fn overruns(&self) -> u32;
}

/// Two halves of `FRAMES` frames: 16 frames are 2 ms at 8 000 frames a second.
///
/// The interrupt that says "half complete" or "complete" copies that half of the DMA's memory in with [`DoubleBuffer::fill`], 480 octets of
/// 16 frames; the main loop takes it out within the time of the next half. Both hold the lock that the board puts around it. When the
/// main loop is late by a whole half, the newest block is dropped and counted; its numbers are missing then, so nobody takes it
/// for measured.
#[derive(Debug)]
pub struct DoubleBuffer<const FRAMES: usize> {
    halves: [[RawFrame; FRAMES]; 2],
    /// Number of the first frame of each full half.
    first: [Option<u64>; 2],
    /// The half that is filled next, which is also the one that was filled first when both are full.
    next: usize,
    overruns: u32,
}

impl<const FRAMES: usize> DoubleBuffer<FRAMES> {
    /// Both halves empty.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            halves: [[[0; 30]; FRAMES]; 2],
            first: [None; 2],
            next: 0,
            overruns: 0,
        }
    }

    /// Lets `writer` fill the next half, the first of whose frames has the number `first`. False, and counted, when both are full.
    pub fn fill(&mut self, first: u64, writer: impl FnOnce(&mut [RawFrame; FRAMES])) -> bool {
        let (Some(half), Some(mark)) = (self.halves.get_mut(self.next), self.first.get_mut(self.next)) else {
            return false;
        };
        if mark.is_some() {
            self.overruns = self.overruns.saturating_add(1);
            return false;
        }
        writer(half);
        *mark = Some(first);
        self.next = 1 - self.next;
        true
    }
}

impl<const FRAMES: usize> Default for DoubleBuffer<FRAMES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const FRAMES: usize> Frames for DoubleBuffer<FRAMES> {
    fn take(&mut self, taker: &mut dyn FnMut(u64, &[RawFrame])) -> bool {
        // The half that would be filled next is the older one, if it is full.
        for index in [self.next, 1 - self.next] {
            let (Some(half), Some(mark)) = (self.halves.get(index), self.first.get_mut(index)) else {
                continue;
            };
            if let Some(first) = mark.take() {
                taker(first, half);
                return true;
            }
        }
        false
    }

    fn overruns(&self) -> u32 {
        self.overruns
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn firsts(buffer: &mut DoubleBuffer<4>) -> Vec<(u64, u8)> {
        let mut taken = Vec::new();
        while buffer.take(&mut |first, frames| taken.push((first, frames[0][0]))) {}
        taken
    }

    #[test]
    fn halves_come_out_as_they_went_in() {
        let mut buffer = DoubleBuffer::<4>::new();
        assert_eq!(firsts(&mut buffer), []);
        assert!(buffer.fill(0, |frames| frames[0][0] = 1));
        assert!(buffer.fill(4, |frames| frames[0][0] = 2));
        assert_eq!(firsts(&mut buffer), [(0, 1), (4, 2)]);
        assert!(buffer.fill(8, |frames| frames[0][0] = 3));
        assert_eq!(firsts(&mut buffer), [(8, 3)]);
        assert_eq!(buffer.overruns(), 0);
    }

    #[test]
    fn a_reader_that_is_late_loses_the_newest_and_is_told() {
        let mut buffer = DoubleBuffer::<4>::new();
        for first in [0, 4, 8] {
            let _full = buffer.fill(first, |_| {});
        }
        assert_eq!(buffer.overruns(), 1);
        assert_eq!(firsts(&mut buffer).len(), 2);
        assert!(buffer.fill(12, |_| {}));
    }

    proptest! {
        #[test]
        fn numbers_only_rise_however_late_the_reader_is(fills in prop::collection::vec(any::<bool>(), 0..200)) {
            let mut buffer = DoubleBuffer::<4>::new();
            let (mut number, mut last, mut taken) = (0_u64, None, 0);
            for fill in fills {
                if fill {
                    let _dropped = buffer.fill(number, |_| {});
                    number += 4;
                } else {
                    buffer.take(&mut |first, _| {
                        assert!(last < Some(first));
                        last = Some(first);
                        taken += 1;
                    });
                }
            }
            let held = firsts(&mut buffer).len() as u64;
            prop_assert_eq!(taken + held + u64::from(buffer.overruns()), number / 4);
        }
    }
}
