//! The vector table behind the core's own sixteen exceptions, and the handlers in it.

use crate::map::{FIRST_UART_INTERRUPT, TIMER_0_INTERRUPT, TIMER_1_INTERRUPT};
use crate::uart::Port;
use crate::{alarm, sampling, uart};

/// One entry: a handler, or nothing that ever runs because its line is never unmasked.
pub(crate) union Vector {
    handler: extern "C" fn(),
    reserved: usize,
}

#[expect(unsafe_code, reason = "the table must stand where the linker script puts it")]
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [Vector; N_LINES] = {
    let mut table = [const { Vector { reserved: 0 } }; N_LINES];
    let first = FIRST_UART_INTERRUPT as usize;
    table[first] = Vector { handler: hdlc_receive };
    table[first + 1] = Vector { handler: hdlc_transmit };
    table[first + 2] = Vector {
        handler: wrapper_receive,
    };
    table[first + 3] = Vector {
        handler: wrapper_transmit,
    };
    table[TIMER_0_INTERRUPT as usize] = Vector { handler: half_buffer };
    table[TIMER_1_INTERRUPT as usize] = Vector { handler: alarm_rings };
    table
};

extern "C" fn hdlc_receive() {
    uart::on_receive(Port::Hdlc);
}

extern "C" fn hdlc_transmit() {
    uart::on_transmit(Port::Hdlc);
}

extern "C" fn wrapper_receive() {
    uart::on_receive(Port::Wrapper);
}

extern "C" fn wrapper_transmit() {
    uart::on_transmit(Port::Wrapper);
}

extern "C" fn half_buffer() {
    sampling::on_half_buffer();
}

extern "C" fn alarm_rings() {
    alarm::on_alarm();
}

/// Lines up to the last that is used.
const N_LINES: usize = 48;
