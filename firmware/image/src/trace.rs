//! The trace ring: the last things that happened in the program, typed, in memory that a restart leaves alone.
//!
//! It is for the engineer with a debugger, not for the owner: what he must know stands in the meter's logs.

use base::Instant;
use board::{backup, say};

use crate::restart::Cause;

/// What happens rarely and explains the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A life began; how the one before ended.
    Started(Cause),
    /// The meter booted, with or without a loss.
    Booted { loss: bool },
    /// It could not boot.
    GaveUp,
    /// A life ends.
    Ended(Cause),
    /// The first window was measured.
    Measured,
    /// The converter gives nothing.
    ConverterStopped,
    /// It gives samples again.
    ConverterResumed,
    /// So many halves of the sample buffer were overwritten before they were read.
    Overrun(u32),
    /// What came on the wrapper's line was no wrapper.
    LineClosed,
}

/// Adds an event. The oldest one makes room.
pub(crate) fn note(now: Instant, event: Event) {
    let written = backup::word(WRITTEN);
    let place = FIRST + (written as usize % ENTRIES) * ENTRY_WORDS;
    let (kind, detail) = event.words();
    let millis = now.as_micros() / 1_000;
    backup::set_word(place, u32::try_from(millis).unwrap_or(u32::MAX));
    backup::set_word(place + 1, kind);
    backup::set_word(place + 2, detail);
    backup::set_word(WRITTEN, written.wrapping_add(1));
}

/// Prints the ring, the oldest event first.
pub(crate) fn say() {
    let written = backup::word(WRITTEN);
    let from = written.saturating_sub(u32::try_from(ENTRIES).unwrap_or(u32::MAX));
    for number in from..written {
        let place = FIRST + (number as usize % ENTRIES) * ENTRY_WORDS;
        let [millis, kind, detail] = [0, 1, 2].map(|word| backup::word(place + word));
        let name = NAMES.get(kind as usize).copied().unwrap_or("?");
        say!("trace ms={millis} {name} {detail}");
    }
}

impl Event {
    const fn words(self) -> (u32, u32) {
        match self {
            Self::Started(cause) => (0, cause as u32),
            Self::Booted { loss } => (1, loss as u32),
            Self::GaveUp => (2, 0),
            Self::Ended(cause) => (3, cause as u32),
            Self::Measured => (4, 0),
            Self::ConverterStopped => (5, 0),
            Self::ConverterResumed => (6, 0),
            Self::Overrun(halves) => (7, halves),
            Self::LineClosed => (8, 0),
        }
    }
}

const NAMES: [&str; 9] = [
    "started",
    "booted",
    "gave-up",
    "ended",
    "measured",
    "converter-stopped",
    "converter-resumed",
    "overrun",
    "line-closed",
];

/// Behind the record of the last life.
const WRITTEN: usize = 32;
const FIRST: usize = 33;
const ENTRY_WORDS: usize = 3;
const ENTRIES: usize = (backup::WORDS - FIRST) / ENTRY_WORDS;
