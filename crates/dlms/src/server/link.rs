//! A link: framing, session and timers of one connection.

use core::fmt;

use base::Instant;
use cosem::axdr::{Full, Writer};

use super::{Application, HdlcLink, Peer, Session, WrapperLink};
use crate::apdu::{Exception, Notification};
use crate::hdlc::Address;

/// The connection must be closed: what came in is not this protocol, or nothing came for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Not the wrapper of this standard.
    Framing,
    /// A PDU longer than [`super::PDU_MAX`].
    TooLong,
    /// Nothing was received for the time of inactivity.
    Inactive,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Framing => "the octets are no wrapper of version 1",
            Self::TooLong => "the PDU is too long",
            Self::Inactive => "nothing was received for too long",
        })
    }
}

impl core::error::Error for Closed {}

/// One connection to a client, over TCP (wrapper) or a serial line (HDLC), with the session on it.
///
/// Life: made when the connection is; [`Link::receive`] for every piece of octets, however cut; [`Link::elapse`] at or
/// after [`Link::deadline`]; [`Link::lost`] when the connection goes. What is to be sent goes to `out` during the call,
/// a frame or wrapped PDU at a time. No octets make it panic or block; being called early or twice changes nothing.
#[expect(
    clippy::large_enum_variant,
    reason = "a link is a buffer; the two differ by a frame, and there is no heap to box it on"
)]
pub enum Link {
    /// Over TCP.
    Wrapper(WrapperLink),
    /// Over a serial line, or a TCP connection that stands for one.
    Hdlc(HdlcLink),
}

impl Link {
    /// Takes octets from the client.
    ///
    /// # Errors
    /// [`Closed`] when the connection must be closed. The association is over then.
    pub fn receive(
        &mut self,
        now: Instant,
        octets: &[u8],
        app: &mut dyn Application,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Closed> {
        match self {
            Self::Wrapper(link) => link.receive(now, octets, app, out),
            Self::Hdlc(link) => {
                link.receive(now, octets, app, out);
                Ok(())
            }
        }
    }

    /// When [`Link::elapse`] must be called; [`Instant::FAR`] for never.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match self {
            Self::Wrapper(link) => link.deadline(),
            Self::Hdlc(link) => link.deadline(),
        }
    }

    /// Time has passed.
    ///
    /// # Errors
    /// [`Closed::Inactive`] when a TCP connection was silent for too long. A serial line is never closed, its
    /// association is released.
    pub fn elapse(&mut self, now: Instant, app: &mut dyn Application) -> Result<(), Closed> {
        match self {
            Self::Wrapper(link) => link.elapse(now, app),
            Self::Hdlc(link) => {
                link.elapse(now, app);
                Ok(())
            }
        }
    }

    /// The connection is gone: the association is over.
    pub fn lost(&mut self, app: &mut dyn Application) {
        match self {
            Self::Wrapper(link) => link.lost(app),
            Self::Hdlc(link) => link.lost(app),
        }
    }

    /// Sends a notification to a client at once: over TCP in a wrapper, over a serial line in UI frames to the client's
    /// address. See [`Session::notify`].
    ///
    /// # Errors
    /// Why nothing was sent.
    pub fn notify(
        &mut self,
        peer: Peer,
        head: &Notification<'_>,
        value: &mut dyn FnMut(&mut Writer<'_>) -> Result<(), Full>,
        app: &mut dyn Application,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Exception> {
        match self {
            Self::Wrapper(link) => link.notify(peer, head, value, app, out),
            Self::Hdlc(link) => {
                let client = u8::try_from(peer.client & 0x7F).unwrap_or_default();
                link.notify(Address::One(client), peer, head, value, app, out)
            }
        }
    }

    /// The session on the link.
    #[must_use]
    pub const fn session(&self) -> &Session {
        match self {
            Self::Wrapper(link) => link.session(),
            Self::Hdlc(link) => link.session(),
        }
    }
}
