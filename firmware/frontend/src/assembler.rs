//! Frames become sample sets without a hole in time; what is wrong with them is counted and said.

use ads131m::{Damage, Frame};
use metrology::{N_CHANNELS, SampleSet};

use crate::{CONVERTER_CHANNELS, RawFrame};

/// Samples that a damaged or lost frame is bridged by the last good one: 1 ms. What is missing longer is zero.
pub const LONGEST_BRIDGE: u32 = 8;

/// Samples without a good frame after which the converter counts as stopped: 10 ms.
pub const STOPPED_AFTER: u32 = 80;

/// Longest hole that is filled up, 2 s. A longer one moves the time line: the processor itself was stopped then.
pub const LONGEST_GAP: u64 = 16_000;

/// Sample sets that go to the metrology at once.
const BLOCK: usize = 16;

/// Puts the frames of a converter back on the time line of its sample clock.
///
/// Life: [`Assembler::block`] for each block from [`Frames`](crate::Frames), [`Assembler::catch_up`] now and then with the number that is
/// due by a clock that is not the converter's, so that a converter that is silent is noticed.
#[derive(Clone, Debug)]
pub struct Assembler {
    /// Number of the next sample.
    next: u64,
    last_good: SampleSet,
    /// Samples since the last good frame.
    without: u32,
    health: Health,
}

/// What is known about the converter since the assembler was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Frames whose checksum was wrong.
    pub damaged: u32,
    /// Frames that repeated an old conversion.
    pub stale: u32,
    /// Frames that never came.
    pub lost: u32,
    /// Frames that came too late or twice, and were passed over.
    pub late: u32,
    /// How often a running converter stopped.
    pub stops: u32,
    /// Holes that were too long to be filled.
    pub jumps: u32,
    /// Whether it has stopped: no good frame for [`STOPPED_AFTER`] samples.
    pub stopped: bool,
    /// Whether it must be set up again: it was reset by itself, or its registers changed.
    pub needs_setup: bool,
}

/// What one call made of its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Samples from good frames.
    pub good: u32,
    /// Samples that repeat the last good one.
    pub bridged: u32,
    /// Samples that are zero, since nothing is known.
    pub missing: u32,
}

impl Assembler {
    /// An assembler whose first sample has number `first`.
    #[must_use]
    pub const fn new(first: u64) -> Self {
        Self {
            next: first,
            last_good: [0; N_CHANNELS],
            without: 0,
            health: Health {
                damaged: 0,
                stale: 0,
                lost: 0,
                late: 0,
                stops: 0,
                jumps: 0,
                stopped: false,
                needs_setup: false,
            },
        }
    }

    /// Takes a block whose first frame has the number `first`, and hands the sample sets up to its end to `each`, some at a time.
    pub fn block(&mut self, first: u64, frames: &[RawFrame], each: &mut dyn FnMut(&[SampleSet])) -> Report {
        let mut batch = Batch::new(each);
        self.fill(first, &mut batch);
        for (frame, number) in frames.iter().zip(first..) {
            if number < self.next {
                self.health.late = self.health.late.saturating_add(1);
                continue;
            }
            let set = self.codes(frame);
            self.put(set, &mut batch);
        }
        batch.finish()
    }

    /// Nothing came for the samples before number `due`: they are filled up. Give a converter the time of some blocks.
    pub fn catch_up(&mut self, due: u64, each: &mut dyn FnMut(&[SampleSet])) -> Report {
        let mut batch = Batch::new(each);
        self.fill(due, &mut batch);
        batch.finish()
    }

    /// What is known about the converter.
    #[must_use]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// Number of the next sample.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The converter was set up again.
    pub const fn was_set_up(&mut self) {
        self.health.needs_setup = false;
    }

    /// Fills the hole before number `until`.
    fn fill(&mut self, until: u64, batch: &mut Batch<'_>) {
        let gap = until.saturating_sub(self.next);
        if LONGEST_GAP < gap {
            self.health.jumps = self.health.jumps.saturating_add(1);
            self.next = until - LONGEST_GAP;
        }
        for _lost in 0..gap.min(LONGEST_GAP) {
            self.health.lost = self.health.lost.saturating_add(1);
            self.put(None, batch);
        }
    }

    /// The meter's seven of the codes of a frame that can be used.
    fn codes(&mut self, frame: &RawFrame) -> Option<SampleSet> {
        match Frame::<CONVERTER_CHANNELS>::parse(frame) {
            Ok(frame) if frame.status.is_fresh(N_CHANNELS) => {
                let [v1, v2, v3, i1, i2, i3, neutral, _unconnected] = frame.codes;
                Some([v1, v2, v3, i1, i2, i3, neutral])
            }
            Ok(_) => {
                self.health.stale = self.health.stale.saturating_add(1);
                None
            }
            Err(damage) => {
                self.health.damaged = self.health.damaged.saturating_add(1);
                self.health.needs_setup |= matches!(damage, Damage::Reset | Damage::Registers);
                None
            }
        }
    }

    fn put(&mut self, set: Option<SampleSet>, batch: &mut Batch<'_>) {
        self.next = self.next.saturating_add(1);
        if let Some(set) = set {
            self.last_good = set;
            self.without = 0;
            self.health.stopped = false;
            batch.report.good = batch.report.good.saturating_add(1);
            return batch.put(set);
        }
        self.without = self.without.saturating_add(1);
        if self.without == STOPPED_AFTER {
            self.health.stopped = true;
            self.health.stops = self.health.stops.saturating_add(1);
        }
        if self.without <= LONGEST_BRIDGE {
            batch.report.bridged = batch.report.bridged.saturating_add(1);
            batch.put(self.last_good);
        } else {
            batch.report.missing = batch.report.missing.saturating_add(1);
            batch.put([0; N_CHANNELS]);
        }
    }
}

/// Sample sets on their way to the metrology, which likes several at once.
struct Batch<'a> {
    sets: [SampleSet; BLOCK],
    held: usize,
    each: &'a mut dyn FnMut(&[SampleSet]),
    report: Report,
}

impl<'a> Batch<'a> {
    fn new(each: &'a mut dyn FnMut(&[SampleSet])) -> Self {
        Self {
            sets: [[0; N_CHANNELS]; BLOCK],
            held: 0,
            each,
            report: Report::default(),
        }
    }

    fn put(&mut self, set: SampleSet) {
        if let Some(place) = self.sets.get_mut(self.held) {
            *place = set;
            self.held += 1;
        }
        if self.held == BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if let Some(sets @ [_, ..]) = self.sets.get(..self.held) {
            (self.each)(sets);
        }
        self.held = 0;
    }

    fn finish(mut self) -> Report {
        self.flush();
        self.report
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use ads131m::{Status, compose};
    use metrology::{Chain, Setup};
    use proptest::prelude::*;

    use super::*;
    use crate::{AMPS_PER_LSB, Faults, Samples, Source, VOLTS_PER_LSB, Waveform};

    const GOOD: u16 = 0x01FF;

    fn frame(status: u16, code: i32) -> RawFrame {
        let mut octets = [0; 30];
        compose(Status::of(status), &[code; 8], &mut octets);
        octets
    }

    fn block(assembler: &mut Assembler, first: u64, frames: &[RawFrame]) -> (Vec<i32>, Report) {
        let mut codes = Vec::new();
        let report = assembler.block(first, frames, &mut |sets| codes.extend(sets.iter().map(|set| set[0])));
        (codes, report)
    }

    #[test]
    fn a_damaged_frame_is_bridged_and_counted() {
        let mut assembler = Assembler::new(0);
        let mut broken = frame(GOOD, 2);
        broken[7] ^= 1;
        let frames = [frame(GOOD, 1), broken, frame(GOOD, 3)];
        let (codes, report) = block(&mut assembler, 0, &frames);
        assert_eq!(codes, [1, 1, 3]);
        assert_eq!(
            report,
            Report {
                good: 2,
                bridged: 1,
                missing: 0
            }
        );
        assert_eq!(
            assembler.health(),
            Health {
                damaged: 1,
                ..Health::default()
            }
        );
    }

    #[test]
    fn a_repeated_conversion_is_not_taken_twice() {
        let mut assembler = Assembler::new(0);
        let (codes, report) = block(&mut assembler, 0, &[frame(GOOD, 1), frame(0x0100, 9), frame(GOOD, 3)]);
        assert_eq!((codes.as_slice(), report.bridged), ([1, 1, 3].as_slice(), 1));
        assert_eq!(assembler.health().stale, 1);
    }

    #[test]
    fn the_unconnected_channel_need_not_be_fresh() {
        let mut assembler = Assembler::new(0);
        let (_, report) = block(&mut assembler, 0, &[frame(0x017F, 1)]);
        assert_eq!(report.good, 1);
    }

    #[test]
    fn lost_frames_keep_their_places_and_a_long_hole_is_zero() {
        let mut assembler = Assembler::new(100);
        let (codes, _) = block(&mut assembler, 100, &[frame(GOOD, 5)]);
        assert_eq!(codes, [5]);
        let (codes, report) = block(&mut assembler, 113, &[frame(GOOD, 6)]);
        assert_eq!(codes, [5, 5, 5, 5, 5, 5, 5, 5, 0, 0, 0, 0, 6]);
        assert_eq!(
            report,
            Report {
                good: 1,
                bridged: 8,
                missing: 4
            }
        );
        assert_eq!((assembler.health().lost, assembler.next()), (12, 114));
    }

    #[test]
    fn what_comes_too_late_or_twice_is_passed_over() {
        let mut assembler = Assembler::new(0);
        let _codes = block(&mut assembler, 0, &[frame(GOOD, 1); 4]);
        let (codes, _) = block(&mut assembler, 2, &[frame(GOOD, 2); 4]);
        assert_eq!(codes, [2, 2]);
        assert_eq!(assembler.health().late, 2);
    }

    #[test]
    fn a_converter_that_stops_is_told_once_and_comes_back() {
        let mut assembler = Assembler::new(0);
        let mut ignore = |_: &[SampleSet]| {};
        let _report = assembler.block(0, &[frame(GOOD, 1)], &mut ignore);
        let _report = assembler.catch_up(80, &mut ignore);
        assert!(!assembler.health().stopped);
        let _report = assembler.catch_up(81, &mut ignore);
        assert!(assembler.health().stopped);
        let _report = assembler.catch_up(4_000, &mut ignore);
        assert_eq!(assembler.health().stops, 1);
        let _report = assembler.block(4_000, &[frame(GOOD, 1)], &mut ignore);
        assert!(!assembler.health().stopped);
    }

    #[test]
    fn a_converter_that_was_reset_asks_to_be_set_up() {
        let mut assembler = Assembler::new(0);
        let _codes = block(&mut assembler, 0, &[frame(0x05FF, 1)]);
        assert!(assembler.health().needs_setup);
        assembler.was_set_up();
        assert!(!assembler.health().needs_setup);
    }

    #[test]
    fn a_processor_that_slept_for_a_week_does_not_fill_it_up() {
        let mut assembler = Assembler::new(0);
        let report = assembler.catch_up(8_000 * 86_400 * 7, &mut |_| {});
        assert_eq!(u64::from(report.bridged + report.missing), LONGEST_GAP);
        assert_eq!((assembler.next(), assembler.health().jumps), (8_000 * 86_400 * 7, 1));
    }

    /// The truth in closed form, through frames, assembler and the real metrology.
    fn watts(faults: Faults) -> Vec<i64> {
        let mut source = Source::new(Waveform::ORDINARY, faults);
        let mut chain =
            Chain::new(&Setup::three_phase(8_000.0, VOLTS_PER_LSB, AMPS_PER_LSB)).expect("the setup is sane");
        let mut assembler = Assembler::new(0);
        let mut watts = Vec::new();
        let mut frames = [[0; 30]; 16];
        for first in (0..16_000).step_by(16) {
            let delivered = source.frames(first, &mut frames);
            let mut take = |sets: &[SampleSet]| {
                chain.push_block(sets, |window| watts.push(window.total.active_microwatts / 1_000_000));
            };
            let _report = if delivered {
                assembler.block(first, &frames, &mut take)
            } else {
                assembler.catch_up(first + 16, &mut take)
            };
        }
        watts
    }

    #[test]
    fn the_waveform_is_measured_as_its_closed_form_says() {
        let truth = Waveform::ORDINARY.active_watts(VOLTS_PER_LSB, AMPS_PER_LSB);
        let measured = watts(Faults::NONE);
        assert!(5 < measured.len());
        for watts in measured.iter().skip(1) {
            assert!((*watts as f64 - truth).abs() < truth * 1e-3, "{watts} W, not {truth}");
        }
    }

    #[test]
    fn one_frame_in_a_thousand_damaged_costs_less_than_a_thousandth() {
        let truth = Waveform::ORDINARY.active_watts(VOLTS_PER_LSB, AMPS_PER_LSB);
        for watts in watts(Faults {
            damage_every: 1_000,
            ..Faults::NONE
        })
        .iter()
        .skip(1)
        {
            assert!((*watts as f64 - truth).abs() < truth * 2e-3, "{watts} W, not {truth}");
        }
    }

    #[test]
    fn a_converter_that_stops_counts_nothing_and_counts_again() {
        let measured = watts(Faults {
            stopped: 6_400..12_800,
            ..Faults::NONE
        });
        let truth = Waveform::ORDINARY.active_watts(VOLTS_PER_LSB, AMPS_PER_LSB);
        assert!(measured.contains(&0));
        for watts in &measured {
            assert!((*watts as f64) < truth * 1.001, "energy was invented: {watts} W");
        }
    }

    #[test]
    fn a_recording_is_played_round_and_round() {
        let sets = [[1; 7], [2; 7], [3; 7]];
        let mut recorded = crate::Recorded::new(&sets);
        let played: Vec<i32> = (0..5).map(|number| recorded.set(number)[0]).collect();
        assert_eq!(played, [1, 2, 3, 1, 2]);
        assert_eq!(crate::Recorded::new(&[]).set(7), [0; 7]);
    }

    proptest! {
        #[test]
        fn time_has_no_hole_whatever_comes(blocks in prop::collection::vec((0_u64..200, prop::collection::vec(any::<u8>(), 0..8)), 0..30)) {
            let mut assembler = Assembler::new(0);
            let (mut samples, mut end) = (0_u64, 0_u64);
            for (first, seeds) in blocks {
                let frames: Vec<RawFrame> = seeds.iter().map(|seed| if seed % 3 == 0 { [*seed; 30] } else { frame(GOOD, i32::from(*seed)) }).collect();
                end = end.max(if frames.is_empty() { first } else { first + frames.len() as u64 });
                let report = assembler.block(first, &frames, &mut |sets| samples += sets.len() as u64);
                let _all = report.good + report.bridged + report.missing;
                prop_assert_eq!(assembler.next(), end);
                prop_assert_eq!(samples, end);
            }
        }
    }
}
