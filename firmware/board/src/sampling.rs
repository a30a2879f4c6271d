//! The pace of the samples: halves of the DMA buffer that the converter has filled, and an interrupt for each.
//!
//! How many are full is told by the counter, as a real DMA's own position tells it; the interrupt only wakes the loop. An emulator that
//! jumps over idle time may raise one interrupt for two halves.

use base::{Instant, Micros};

use crate::alarm;
use crate::map::{SYSTEM_HERTZ, TIMER_0, TIMER_0_INTERRUPT, unmask};
use crate::register::Register;

/// A running converter.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    since: Instant,
    span: Micros,
}

impl Sampling {
    /// Starts the converter: a half is full every `span`, a whole number of microseconds, the first one `span` from now.
    #[must_use]
    pub fn start(now: Instant, span: Micros) -> Self {
        let ticks = u32::try_from(span.as_micros() * u64::from(SYSTEM_HERTZ / 1_000_000)).unwrap_or(u32::MAX);
        CONTROL.write(0);
        RELOAD.write(ticks - 1);
        VALUE.write(ticks - 1);
        CONTROL.write(ENABLE | INTERRUPT);
        unmask(TIMER_0_INTERRUPT);
        Self { since: now, span }
    }

    /// Halves that are full at `now`, since the start.
    #[must_use]
    pub fn halves(&self, now: Instant) -> u64 {
        now.since(self.since)
            .as_micros()
            .checked_div(self.span.as_micros())
            .unwrap_or(0)
    }

    /// When the next half is full.
    #[must_use]
    pub fn next(&self, now: Instant) -> Instant {
        let micros = (self.halves(now) + 1).saturating_mul(self.span.as_micros());
        self.since + Micros::new(micros)
    }
}

pub(crate) fn on_half_buffer() {
    INTERRUPT_CLEAR.write(1);
    alarm::wake();
}

const CONTROL: Register = Register::new(TIMER_0, 0x0);
const VALUE: Register = Register::new(TIMER_0, 0x4);
const RELOAD: Register = Register::new(TIMER_0, 0x8);
const INTERRUPT_CLEAR: Register = Register::new(TIMER_0, 0xC);
const ENABLE: u32 = 1;
const INTERRUPT: u32 = 1 << 3;
