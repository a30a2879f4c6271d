//! One client's link to a virtual meter, with its timers in real time.
//!
//! A world that runs sixty times as fast must not throw its clients out sixty times as early, so a link's time line is not the meter's.

use core::time::Duration;
use std::time::Instant as RealInstant;

use base::{Instant, Micros};
use dlms::server::{DataLink, DatagramLink, HdlcLink, HdlcSettings, OpticalLink, Standing, WrapperLink};
use meter::Model;

use crate::links::Framing;

/// A link, and which life of the meter it talks to.
pub(crate) struct Conversation {
    pub(crate) link: Box<dyn DataLink + Send>,
    pub(crate) boots: u64,
    begun: RealInstant,
    speaks_first: bool,
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
    /// A connection that was just made, in the meter's life number `boots`, with what the meter's ports are set to.
    pub(crate) fn new(framing: Framing, boots: u64, model: &Model) -> Self {
        let hdlc = HdlcSettings {
            // A network cuts and delays as it likes; pauses between octets say nothing.
            octet_patience: Micros::MAX,
            ..model.ports.hdlc()
        };
        let link: Box<dyn DataLink + Send> = match framing {
            Framing::Wrapper => Box::new(WrapperLink::<WRAPPER_CLIENTS>::new(Instant::START, WRAPPER_SILENCE)),
            Framing::Datagrams => Box::new(DatagramLink::new(Instant::START, WRAPPER_SILENCE)),
            Framing::Hdlc => Box::new(HdlcLink::<HDLC_CLIENTS>::new(hdlc)),
            Framing::Optical => {
                let port = model.ports.optical(&model.config);
                Box::new(OpticalLink::<HDLC_CLIENTS>::new(port, hdlc))
            }
        };
        Self {
            link,
            boots,
            begun: RealInstant::now(),
            speaks_first: framing == Framing::Optical,
        }
    }

    /// Whether it has something to say when time has passed: it is then asked by receiving nothing.
    pub(crate) const fn speaks_first(&self) -> bool {
        self.speaks_first
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

    /// What its client has shown of itself.
    pub(crate) fn standing(&self) -> Standing {
        self.link.standing()
    }
}

/// Clients that one TCP connection serves at the same time.
const WRAPPER_CLIENTS: usize = 4;
/// Clients that one line serves at the same time.
const HDLC_CLIENTS: usize = 4;
/// Inactivity timeout of a TCP connection (class 41).
const WRAPPER_SILENCE: Micros = Micros::from_secs(180);
