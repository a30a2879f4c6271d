//! The monotonic clock: a free-running counter of microseconds, widened to 64 bits.
//!
//! Counting interrupts would lose time whenever interrupts are late; a counter cannot. Its 32 bits wrap every 71 minutes, so it must be
//! read more often than that: the main loop reads it on every pass and sleeps a second at most.

use base::Instant;

use crate::map::{COUNTER_HERTZ, FPGAIO};
use crate::register::Register;

/// The clock since the start of the program.
#[derive(Debug)]
pub struct Clock {
    last: u32,
    micros: u64,
}

impl Clock {
    /// Starts the clock at [`Instant::START`].
    #[must_use]
    pub fn start() -> Self {
        PRESCALE.write(COUNTER_HERTZ / 1_000_000 - 1);
        Self {
            last: COUNTER.read(),
            micros: 0,
        }
    }

    /// Now.
    pub fn now(&mut self) -> Instant {
        let count = COUNTER.read();
        self.micros += u64::from(count.wrapping_sub(self.last));
        self.last = count;
        Instant::from_micros(self.micros)
    }
}

/// The counter as it is, in microseconds, for drivers that measure short spans.
pub(crate) fn micros() -> u32 {
    COUNTER.read()
}

const COUNTER: Register = Register::new(FPGAIO, 0x18);
const PRESCALE: Register = Register::new(FPGAIO, 0x1C);
