//! Sleeps until an instant, or until an interrupt has something to say.

use core::sync::atomic::{AtomicBool, Ordering};

use base::Micros;

use crate::map::{SYSTEM_HERTZ, TIMER_1, TIMER_1_INTERRUPT, unmask};
use crate::register::Register;

/// Something has happened that the main loop has not seen. Set by every handler.
static NEWS: AtomicBool = AtomicBool::new(false);

/// Lets the alarm's interrupt through.
pub fn start() {
    CONTROL.write(0);
    unmask(TIMER_1_INTERRUPT);
}

/// Sleeps for `span`, at most a second, or until an interrupt. Returns at once when one has come since the last call.
pub fn sleep(span: Micros) {
    let span = span.as_micros().min(LONGEST_MICROS);
    if span == 0 {
        NEWS.store(false, Ordering::Relaxed);
        return;
    }
    let ticks = u32::try_from(span * u64::from(SYSTEM_HERTZ / 1_000_000)).unwrap_or(u32::MAX);
    CONTROL.write(0);
    RELOAD.write(ticks);
    VALUE.write(ticks);
    CONTROL.write(ENABLE | INTERRUPT);
    // With interrupts held back, one that comes between the question and the sleep still ends the sleep.
    cortex_m::interrupt::free(|_| {
        if !NEWS.load(Ordering::Relaxed) {
            cortex_m::asm::wfi();
        }
    });
    NEWS.store(false, Ordering::Relaxed);
    CONTROL.write(0);
}

/// The main loop shall look.
pub(crate) fn wake() {
    NEWS.store(true, Ordering::Relaxed);
}

pub(crate) fn on_alarm() {
    CONTROL.write(0);
    INTERRUPT_CLEAR.write(1);
    wake();
}

const LONGEST_MICROS: u64 = 1_000_000;

const CONTROL: Register = Register::new(TIMER_1, 0x0);
const VALUE: Register = Register::new(TIMER_1, 0x4);
const RELOAD: Register = Register::new(TIMER_1, 0x8);
const INTERRUPT_CLEAR: Register = Register::new(TIMER_1, 0xC);
const ENABLE: u32 = 1;
const INTERRUPT: u32 = 1 << 3;
