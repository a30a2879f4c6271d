//! The two UARTs: the optical port or RS 485 with HDLC, and a line to a modem with the wrapper. Both are interrupt-driven.
//!
//! What comes waits in a queue of [`RECEIVED_OCTETS`]; what comes beyond that is lost and counted, as on any UART. What goes is queued too, so
//! that no step of the meter waits for a line.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::alarm;
use crate::map::{FIRST_UART_INTERRUPT, SYSTEM_HERTZ, UART_0, UART_1, unmask};
use crate::queue::Queue;
use crate::register::Register;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// UART 0: HDLC.
    Hdlc,
    /// UART 1: the wrapper.
    Wrapper,
}

/// One line. There is one of each [`Port`].
#[derive(Debug)]
pub struct Uart {
    port: Port,
}

/// What the interrupts of a line share with the main loop.
struct Line {
    received: Queue<RECEIVED_OCTETS>,
    to_send: Queue<TO_SEND_OCTETS>,
    lost: AtomicU32,
}

/// Octets that may wait to be read: a fifth of a second of the line.
pub const RECEIVED_OCTETS: usize = 2_048;
/// Octets that may wait to be sent: the longest answer fits.
pub const TO_SEND_OCTETS: usize = 4_096;

impl Uart {
    /// Starts a line.
    #[must_use]
    pub fn start(port: Port, baud: u32) -> Self {
        register(port, BAUD_DIVIDER).write(SYSTEM_HERTZ / baud);
        register(port, CONTROL).write(TRANSMIT | RECEIVE | TRANSMIT_INTERRUPT | RECEIVE_INTERRUPT);
        let first = FIRST_UART_INTERRUPT + if port == Port::Hdlc { 0 } else { 2 };
        unmask(first);
        unmask(first + 1);
        Self { port }
    }

    /// Takes what has come, at most as much as fits; answers how much.
    pub fn read(&mut self, into: &mut [u8]) -> usize {
        let mut count = 0;
        for place in into {
            let Some(octet) = line(self.port).received.pop() else {
                break;
            };
            *place = octet;
            count += 1;
        }
        count
    }

    /// Sends octets; answers how many of them found room in the queue.
    pub fn write(&mut self, octets: &[u8]) -> usize {
        let accepted = octets
            .iter()
            .take_while(|octet| line(self.port).to_send.push(**octet))
            .count();
        // The interrupt goes on by itself once an octet is under way.
        cortex_m::interrupt::free(|_| send_next(self.port));
        accepted
    }

    /// Octets that were lost because nobody read; wraps.
    #[must_use]
    pub fn lost(&self) -> u32 {
        line(self.port).lost.load(Ordering::Relaxed)
    }
}

pub(crate) fn on_receive(port: Port) {
    register(port, INTERRUPT_CLEAR).write(RECEIVED);
    while register(port, STATE).read() & RECEIVE_FULL != 0 {
        let [octet, ..] = register(port, DATA).read().to_le_bytes();
        if !line(port).received.push(octet) {
            count_lost(port);
        }
    }
    if register(port, STATE).read() & RECEIVE_OVERRUN != 0 {
        register(port, STATE).write(RECEIVE_OVERRUN);
        count_lost(port);
    }
    alarm::wake();
}

pub(crate) fn on_transmit(port: Port) {
    register(port, INTERRUPT_CLEAR).write(TRANSMITTED);
    send_next(port);
}

/// Hands octets to the UART as long as it takes them. Runs in the transmit interrupt, or with interrupts held back.
fn send_next(port: Port) {
    while register(port, STATE).read() & TRANSMIT_FULL == 0 {
        let Some(octet) = line(port).to_send.pop() else { return };
        register(port, DATA).write(u32::from(octet));
    }
}

fn count_lost(port: Port) {
    let lost = &line(port).lost;
    lost.store(lost.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

static HDLC: Line = Line::new();
static WRAPPER: Line = Line::new();

impl Line {
    const fn new() -> Self {
        Self {
            received: Queue::new(),
            to_send: Queue::new(),
            lost: AtomicU32::new(0),
        }
    }
}

const fn line(port: Port) -> &'static Line {
    match port {
        Port::Hdlc => &HDLC,
        Port::Wrapper => &WRAPPER,
    }
}

const fn register(port: Port, offset: usize) -> Register {
    match port {
        Port::Hdlc => Register::new(UART_0, offset),
        Port::Wrapper => Register::new(UART_1, offset),
    }
}

const DATA: usize = 0x0;
const STATE: usize = 0x4;
const CONTROL: usize = 0x8;
const INTERRUPT_CLEAR: usize = 0xC;
const BAUD_DIVIDER: usize = 0x10;

const TRANSMIT_FULL: u32 = 1;
const RECEIVE_FULL: u32 = 1 << 1;
const RECEIVE_OVERRUN: u32 = 1 << 3;

const TRANSMIT: u32 = 1;
const RECEIVE: u32 = 1 << 1;
const TRANSMIT_INTERRUPT: u32 = 1 << 2;
const RECEIVE_INTERRUPT: u32 = 1 << 3;

const TRANSMITTED: u32 = 1;
const RECEIVED: u32 = 1 << 1;
