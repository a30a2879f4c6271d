//! Where the peripherals of the board are, which interrupts they raise, and how fast their clocks run.

#[cfg(board = "an386")]
mod board {
    pub(crate) const TIMER_0: usize = 0x4000_0000;
    pub(crate) const TIMER_1: usize = 0x4000_1000;
    pub(crate) const UART_0: usize = 0x4000_4000;
    pub(crate) const UART_1: usize = 0x4000_5000;
    pub(crate) const WATCHDOG: usize = 0x4000_8000;
    pub(crate) const FPGAIO: usize = 0x4002_8000;
    pub(crate) const NVM: usize = 0x2100_0000;

    /// Timers, UARTs and watchdog.
    pub(crate) const SYSTEM_HERTZ: u32 = 25_000_000;
    /// What the counter's prescaler divides.
    pub(crate) const COUNTER_HERTZ: u32 = 25_000_000;

    pub(crate) const TIMER_0_INTERRUPT: u16 = 8;
    pub(crate) const TIMER_1_INTERRUPT: u16 = 9;
    /// Receive interrupt of UART 0; then transmit, and the same for UART 1.
    pub(crate) const FIRST_UART_INTERRUPT: u16 = 0;
}

#[cfg(board = "an505")]
mod board {
    pub(crate) const TIMER_0: usize = 0x5000_0000;
    pub(crate) const TIMER_1: usize = 0x5000_1000;
    pub(crate) const UART_0: usize = 0x5020_0000;
    pub(crate) const UART_1: usize = 0x5020_1000;
    pub(crate) const WATCHDOG: usize = 0x5008_1000;
    pub(crate) const FPGAIO: usize = 0x5030_2000;
    pub(crate) const NVM: usize = 0x8000_0000;

    /// Timers, UARTs and watchdog.
    pub(crate) const SYSTEM_HERTZ: u32 = 20_000_000;
    /// What the counter's prescaler divides.
    pub(crate) const COUNTER_HERTZ: u32 = 20_000_000;

    pub(crate) const TIMER_0_INTERRUPT: u16 = 3;
    pub(crate) const TIMER_1_INTERRUPT: u16 = 4;
    /// Receive interrupt of UART 0; then transmit, and the same for UART 1.
    pub(crate) const FIRST_UART_INTERRUPT: u16 = 32;
}

pub(crate) use board::{
    COUNTER_HERTZ, FIRST_UART_INTERRUPT, FPGAIO, NVM, SYSTEM_HERTZ, TIMER_0, TIMER_0_INTERRUPT, TIMER_1,
    TIMER_1_INTERRUPT, UART_0, UART_1, WATCHDOG,
};

/// An interrupt line, for the interrupt controller.
#[derive(Clone, Copy)]
pub(crate) struct Line(pub(crate) u16);

#[expect(unsafe_code, reason = "the controller asks who promises that the number is a line")]
// SAFETY: the numbers come from the map above, which has the board's lines.
unsafe impl cortex_m::interrupt::InterruptNumber for Line {
    fn number(self) -> u16 {
        self.0
    }
}

/// Lets an interrupt through. Its handler touches atomics only, so no critical section can be broken by it.
#[expect(unsafe_code, reason = "the controller's way to unmask a line")]
pub(crate) fn unmask(line: u16) {
    // SAFETY: no code of ours relies on an interrupt being masked for its memory safety: handlers share atomics alone.
    unsafe { cortex_m::peripheral::NVIC::unmask(Line(line)) }
}
