//! One client's link to a virtual meter, with its timers in real time.
//!
//! A world that runs sixty times as fast must not throw its clients out sixty times as early, so a link's time line is not the meter's.

use core::time::Duration;
use std::time::Instant as RealInstant;

use base::{Instant, Micros};
use dlms::server::{DataLink, HdlcLink, HdlcSettings, WrapperLink};

use crate::links::Framing;

/// A link, and which life of the meter it talks to.
pub(crate) struct Conversation {
    pub(crate) link: Box<dyn DataLink + Send>,
    pub(crate) boots: u64,
    begun: RealInstant,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// It does.
    Open,
    /// The meter has no power, what came cannot be a client's, or nothing came for too long.
    Closed,
}

impl Conversation {
    /// A connection that was just made, in the meter's life number `boots`.
    pub(crate) fn new(framing: Framing, boots: u64) -> Self {
        let link: Box<dyn DataLink + Send> = match framing {
            Framing::Wrapper => Box::new(WrapperLink::<WRAPPER_CLIENTS>::new(Instant::START, WRAPPER_SILENCE)),
            Framing::Hdlc => {
                let mut settings = HdlcSettings::standard(PHYSICAL_ADDRESS);
                settings.limits.transmit = HDLC_INFORMATION;
                settings.limits.receive = HDLC_INFORMATION;
                settings.octet_patience = Micros::MAX;
                settings.limits.transmit_window = HDLC_WINDOW;
                settings.limits.receive_window = HDLC_WINDOW;
                Box::new(HdlcLink::<HDLC_CLIENTS>::new(settings))
            }
        };
        Self {
            link,
            boots,
            begun: RealInstant::now(),
        }
    }

    /// Now on the link's time line, which begins with the connection.
    pub(crate) fn at(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// How long the connection may wait for octets; none for as long as it takes.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let deadline = self.link.deadline();
        if deadline == Instant::FAR {
            return None;
        }
        // Rounded up: a deadline that moves on with every request then seldom changes the socket's timeout, which is never zero.
        let tenths = deadline.since(self.at()).as_millis() / 100 + 1;
        Some(Duration::from_millis(tenths.saturating_mul(100)))
    }

    /// Whether a client has an association on it.
    pub(crate) fn is_associated(&self) -> bool {
        self.link.is_associated()
    }
}

/// The meter's physical HDLC address, lower part.
pub const PHYSICAL_ADDRESS: u16 = 17;
/// The longest information field of HDLC frames that the meter offers.
const HDLC_INFORMATION: u16 = 2_030;
/// Frames in a row that it takes and sends.
const HDLC_WINDOW: u8 = 7;
/// Clients that one TCP connection serves at the same time.
const WRAPPER_CLIENTS: usize = 4;
/// Clients that one line serves at the same time.
const HDLC_CLIENTS: usize = 4;
/// Inactivity timeout of a TCP connection (class 41).
const WRAPPER_SILENCE: Micros = Micros::from_secs(180);
