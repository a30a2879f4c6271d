//! The optical port: received octets wait in a queue that the interrupt fills; answers are sent while they are made.

use core::cell::RefCell;

use critical_section::Mutex;
use heapless::Deque;
use stm32f4xx_hal::pac::{USART1, interrupt};
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::serial::{Rx, Tx};

/// Octets that may wait: 44 ms at 115 200 baud.
const WAITING: usize = 512;

static RECEIVER: Mutex<RefCell<Option<Rx<USART1>>>> = Mutex::new(RefCell::new(None));
static RECEIVED: Mutex<RefCell<Deque<u8, WAITING>>> = Mutex::new(RefCell::new(Deque::new()));

/// Hands the receiver to the interrupt.
pub(crate) fn start(mut receiver: Rx<USART1>) {
    receiver.listen();
    critical_section::with(|cs| RECEIVER.borrow_ref_mut(cs).replace(receiver));
}

/// Takes what has come; gives how much that was.
pub(crate) fn take(into: &mut [u8]) -> usize {
    let mut count = 0;
    for place in into {
        let Some(octet) = critical_section::with(|cs| RECEIVED.borrow_ref_mut(cs).pop_front()) else {
            break;
        };
        *place = octet;
        count += 1;
    }
    count
}

/// Sends, and waits until the last octet is on its way. The frames of HDLC are at most 140 octets: 12 ms.
pub(crate) fn send(transmitter: &mut Tx<USART1>, octets: &[u8]) {
    for octet in octets {
        while transmitter.write(*octet).is_err() {}
    }
}

#[interrupt]
fn USART1() {
    critical_section::with(|cs| {
        let mut receiver = RECEIVER.borrow_ref_mut(cs);
        let Some(receiver) = receiver.as_mut() else { return };
        // A damaged octet is passed over: the frame's checksum tells.
        if let Ok(octet) = receiver.read() {
            // When the queue is full the frame is lost, and the client asks again.
            let _full = RECEIVED.borrow_ref_mut(cs).push_back(octet);
        }
    });
}
