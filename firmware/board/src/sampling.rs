//! The pace of the samples: an interrupt for every half of the DMA buffer that the converter has filled.

use core::sync::atomic::{AtomicU32, Ordering};

use base::Micros;

use crate::alarm;
use crate::map::{SYSTEM_HERTZ, TIMER_0, TIMER_0_INTERRUPT, unmask};
use crate::register::Register;

/// Halves that are full since the start; wraps.
static HALVES: AtomicU32 = AtomicU32::new(0);

/// Lets a half become full every `span`, a whole number of microseconds.
pub fn start(span: Micros) {
    let ticks = u32::try_from(span.as_micros() * u64::from(SYSTEM_HERTZ / 1_000_000)).unwrap_or(u32::MAX);
    CONTROL.write(0);
    RELOAD.write(ticks - 1);
    VALUE.write(ticks - 1);
    CONTROL.write(ENABLE | INTERRUPT);
    unmask(TIMER_0_INTERRUPT);
}

/// How many halves have become full since the start; wraps.
#[must_use]
pub fn halves() -> u32 {
    HALVES.load(Ordering::Relaxed)
}

pub(crate) fn on_half_buffer() {
    INTERRUPT_CLEAR.write(1);
    // The only writer, so that a load and a store are enough.
    HALVES.store(HALVES.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    alarm::wake();
}

const CONTROL: Register = Register::new(TIMER_0, 0x0);
const VALUE: Register = Register::new(TIMER_0, 0x4);
const RELOAD: Register = Register::new(TIMER_0, 0x8);
const INTERRUPT_CLEAR: Register = Register::new(TIMER_0, 0xC);
const ENABLE: u32 = 1;
const INTERRUPT: u32 = 1 << 3;
