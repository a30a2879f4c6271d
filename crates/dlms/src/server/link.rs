//! A link: framing, session and timers of one connection.

use core::fmt;

use base::Instant;
use cosem::axdr::{Full, Writer};

use super::{Application, HdlcLink, Peer, Session, Standing, WrapperLink};
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

/// One connection to clients, with the sessions on it.
///
/// Life: made when the connection is; [`DataLink::receive`] for every piece of octets, however cut; [`DataLink::elapse`]
/// at or after [`DataLink::deadline`]; [`DataLink::lost`] when the connection goes. What is to be sent goes to `out`
/// during the call, a frame or wrapped PDU at a time. No octets make it panic or block; being called early or twice
/// changes nothing.
pub trait DataLink {
    /// Takes octets from the client.
    ///
    /// # Errors
    /// [`Closed`] when the connection must be closed. The association is over then.
    fn receive(
        &mut self,
        now: Instant,
        octets: &[u8],
        app: &mut dyn Application,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Closed>;

    /// When [`DataLink::elapse`] must be called; [`Instant::FAR`] for never.
    fn deadline(&self) -> Instant;

    /// Time has passed.
    ///
    /// # Errors
    /// [`Closed::Inactive`] when a TCP connection was silent for too long. A serial line is never closed, its
    /// association is released.
    fn elapse(&mut self, now: Instant, app: &mut dyn Application) -> Result<(), Closed>;

    /// The connection is gone: the associations are over.
    fn lost(&mut self, app: &mut dyn Application);

    /// What the client on it that has shown most has shown: when there are more connections than places, that of the least gives way.
    fn standing(&self) -> Standing;
}

impl<const CLIENTS: usize> DataLink for WrapperLink<CLIENTS> {
    fn receive(
        &mut self,
        now: Instant,
        octets: &[u8],
        app: &mut dyn Application,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Closed> {
        Self::receive(self, now, octets, app, out)
    }

    fn deadline(&self) -> Instant {
        Self::deadline(self)
    }

    fn elapse(&mut self, now: Instant, app: &mut dyn Application) -> Result<(), Closed> {
        Self::elapse(self, now, app)
    }

    fn lost(&mut self, app: &mut dyn Application) {
        Self::lost(self, app);
    }

    fn standing(&self) -> Standing {
        self.sessions().map(Session::standing).max().unwrap_or_default()
    }
}

impl<const CLIENTS: usize> DataLink for HdlcLink<CLIENTS> {
    fn receive(
        &mut self,
        now: Instant,
        octets: &[u8],
        app: &mut dyn Application,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Closed> {
        Self::receive(self, now, octets, app, out);
        Ok(())
    }

    fn deadline(&self) -> Instant {
        Self::deadline(self)
    }

    fn elapse(&mut self, now: Instant, app: &mut dyn Application) -> Result<(), Closed> {
        Self::elapse(self, now, app);
        Ok(())
    }

    fn lost(&mut self, app: &mut dyn Application) {
        Self::lost(self, app);
    }

    fn standing(&self) -> Standing {
        self.sessions().map(Session::standing).max().unwrap_or_default()
    }
}

/// A link of which it is known only at run time what it is, in one place of memory. The HDLC line has one place.
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
    fn inner(&mut self) -> &mut dyn DataLink {
        match self {
            Self::Wrapper(link) => link,
            Self::Hdlc(link) => link,
        }
    }

    /// See [`DataLink::receive`].
    ///
    /// # Errors
    /// See there.
    pub fn receive(
        &mut self,
        now: Instant,
        octets: &[u8],
        app: &mut dyn Application,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Closed> {
        self.inner().receive(now, octets, app, out)
    }

    /// See [`DataLink::deadline`].
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match self {
            Self::Wrapper(link) => link.deadline(),
            Self::Hdlc(link) => link.deadline(),
        }
    }

    /// See [`DataLink::elapse`].
    ///
    /// # Errors
    /// See there.
    pub fn elapse(&mut self, now: Instant, app: &mut dyn Application) -> Result<(), Closed> {
        self.inner().elapse(now, app)
    }

    /// See [`DataLink::lost`].
    pub fn lost(&mut self, app: &mut dyn Application) {
        self.inner().lost(app);
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
    pub fn session(&self) -> &Session {
        match self {
            Self::Wrapper(link) => link.session(),
            Self::Hdlc(link) => link.session(),
        }
    }
}

impl DataLink for Link {
    fn receive(
        &mut self,
        now: Instant,
        octets: &[u8],
        app: &mut dyn Application,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Closed> {
        Self::receive(self, now, octets, app, out)
    }

    fn deadline(&self) -> Instant {
        Self::deadline(self)
    }

    fn elapse(&mut self, now: Instant, app: &mut dyn Application) -> Result<(), Closed> {
        Self::elapse(self, now, app)
    }

    fn lost(&mut self, app: &mut dyn Application) {
        Self::lost(self, app);
    }

    fn standing(&self) -> Standing {
        self.session().standing()
    }
}
