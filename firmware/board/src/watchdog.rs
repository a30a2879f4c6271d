//! The watchdog: when nobody feeds it for four seconds it resets the board.

use crate::map::{SYSTEM_HERTZ, WATCHDOG};
use crate::register::Register;

/// The running watchdog. It cannot be stopped.
#[derive(Debug)]
pub struct Watchdog(());

impl Watchdog {
    /// Lets it run.
    #[must_use]
    pub fn start() -> Self {
        LOCK.write(UNLOCK);
        // It counts down twice: the first end raises an interrupt, the second resets.
        LOAD.write(2 * SYSTEM_HERTZ);
        CONTROL.write(INTERRUPT | RESET);
        LOCK.write(0);
        Self(())
    }

    /// Gives it another four seconds.
    pub fn feed(&mut self) {
        LOCK.write(UNLOCK);
        INTERRUPT_CLEAR.write(1);
        LOCK.write(0);
    }
}

/// What the first end of the count is for: a last word before the reset.
pub(crate) const UNLOCK: u32 = 0x1ACC_E551;

const LOAD: Register = Register::new(WATCHDOG, 0x0);
const CONTROL: Register = Register::new(WATCHDOG, 0x8);
const INTERRUPT_CLEAR: Register = Register::new(WATCHDOG, 0xC);
const LOCK: Register = Register::new(WATCHDOG, 0xC00);
const INTERRUPT: u32 = 1;
const RESET: u32 = 1 << 1;
