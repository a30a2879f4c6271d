//! A line: a UART and the link on it. A line has no connections, so whoever speaks next on it is taken as he comes.

use base::{Instant, Micros};
use board::clock::Clock;
use board::uart::Uart;
use dlms::server::{HdlcLink, HdlcSettings, Link, WrapperLink};
use meter::{Fault, Input};

use crate::restart::Living;
use crate::trace::{self, Event};

/// One line.
pub(crate) struct Line {
    uart: Uart,
    link: Link,
    state: State,
    last_octet: Instant,
    /// Octets of answers that found no room: the client asked faster than the line is.
    answers_lost: u32,
    /// The longest time that a piece of a request took, its answer included.
    longest: Micros,
}

/// Whether what comes is meant for the link.
///
/// ```text
///             no wrapper
///   Talking -------------> Deaf
///      ^                    |
///      +--------------------+
///            the line is quiet
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Talking,
    Deaf,
}

impl Line {
    /// The optical port or RS 485.
    pub(crate) fn hdlc(uart: Uart) -> Self {
        let mut settings = HdlcSettings::standard(PHYSICAL_ADDRESS);
        settings.limits.transmit = HDLC_INFORMATION;
        settings.limits.receive = HDLC_INFORMATION;
        settings.octet_patience = PAUSE;
        Self::new(uart, Link::Hdlc(HdlcLink::new(settings)), Instant::START)
    }

    /// The line to a modem.
    pub(crate) fn wrapper(uart: Uart, now: Instant) -> Self {
        Self::new(uart, wrapper_link(now), now)
    }

    const fn new(uart: Uart, link: Link, now: Instant) -> Self {
        Self {
            uart,
            link,
            state: State::Talking,
            last_octet: now,
            answers_lost: 0,
            longest: Micros::ZERO,
        }
    }

    /// Serves what has come and what is due.
    pub(crate) fn serve(&mut self, clock: &mut Clock, now: Instant, living: &mut Living) {
        let mut octets = [0; PIECE];
        loop {
            let count = self.uart.read(&mut octets);
            if count == 0 {
                break;
            }
            self.last_octet = now;
            if self.state == State::Talking {
                let before = clock.now();
                self.receive(now, octets.get(..count).unwrap_or(&[]), living);
                self.longest = self.longest.max(clock.now().since(before));
            }
        }
        if self.deadline() <= now {
            self.elapse(now, living);
        }
    }

    /// When [`Line::serve`] is due without an octet.
    pub(crate) fn deadline(&self) -> Instant {
        match (self.state, &self.link) {
            (State::Deaf, _) => self.last_octet + QUIET,
            (State::Talking, Link::Wrapper(link)) if link.is_under_way() => self.last_octet + PAUSE,
            (State::Talking, link) => link.deadline(),
        }
    }

    /// Octets that came while the queue was full.
    pub(crate) fn lost(&self) -> u32 {
        self.uart.lost()
    }

    /// Octets of answers that the queue did not take.
    pub(crate) const fn answers_lost(&self) -> u32 {
        self.answers_lost
    }

    /// The longest time that a piece of a request took.
    pub(crate) const fn longest(&self) -> Micros {
        self.longest
    }

    fn receive(&mut self, now: Instant, octets: &[u8], living: &mut Living) {
        let Self {
            uart,
            link,
            answers_lost,
            ..
        } = self;
        let answer = &mut |frame: &[u8]| {
            let left = frame.len() - uart.write(frame);
            *answers_lost = answers_lost.saturating_add(u32::try_from(left).unwrap_or(u32::MAX));
        };
        let Living { meter, hardware, .. } = living;
        let served = meter.step(
            now,
            Input::Received {
                link,
                at: now,
                octets,
                answer,
            },
            hardware,
        );
        if served == Err(Fault::Closed) {
            trace::note(now, Event::LineClosed);
            self.state = State::Deaf;
        }
    }

    fn elapse(&mut self, now: Instant, living: &mut Living) {
        let Living { meter, hardware, .. } = living;
        match &mut self.link {
            Link::Wrapper(link) if self.state == State::Deaf || link.is_under_way() => {
                // The rest of what had begun will not come. Nobody can tell whether the next octets are the same client's.
                let _noted_by_the_meter = meter.step(now, Input::Lost { link: &mut self.link }, hardware);
                self.link = wrapper_link(now);
                self.state = State::Talking;
            }
            link => {
                let served = meter.step(now, Input::Elapsed { link, at: now }, hardware);
                if served == Err(Fault::Closed) {
                    self.link = wrapper_link(now);
                }
            }
        }
    }
}

fn wrapper_link(now: Instant) -> Link {
    Link::Wrapper(WrapperLink::new(now, WRAPPER_SILENCE))
}

/// Octets that are taken from the queue at once.
const PIECE: usize = 256;
/// The meter's physical HDLC address, lower part.
const PHYSICAL_ADDRESS: u16 = 17;
/// The longest information field of HDLC frames that the meter offers.
const HDLC_INFORMATION: u16 = 1_024;
/// How long a frame or PDU may pause between two octets. The standard's 25 ms are for a line; behind this one is a network.
const PAUSE: Micros = Micros::from_millis(500);
/// How long a line must be silent until what comes is a beginning again.
const QUIET: Micros = Micros::from_millis(100);
/// How long a client of the wrapper may be silent.
const WRAPPER_SILENCE: Micros = Micros::from_secs(180);
