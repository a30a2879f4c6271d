//! A link over TCP: wrapped PDUs out of a stream of octets, cut anywhere.

use base::{Instant, Micros};
use cosem::axdr::{Full, Writer};

use super::buffers::PDU_MAX;
use super::{Application, Closed, Peer, Session};
use crate::apdu::{Exception, Notification};
use crate::wrapper::{HEADER_LENGTH, Header};

/// A TCP connection with its session.
pub struct WrapperLink {
    session: Session,
    header: [u8; HEADER_LENGTH],
    /// Octets of header and PDU that have come.
    held: usize,
    /// How long the client may be silent.
    patience: Micros,
    deadline: Instant,
}

impl WrapperLink {
    /// A connection that was made at `now` and is closed after `patience` without an octet; [`Micros::MAX`] for never
    /// (class 41, inactivity_time_out 0).
    #[must_use]
    pub fn new(now: Instant, patience: Micros) -> Self {
        Self {
            session: Session::new(),
            header: [0; HEADER_LENGTH],
            held: 0,
            patience,
            deadline: now + patience,
        }
    }

    /// The session on it.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Whether a PDU has begun and not ended. On a line without connections its owner calls [`super::Link::lost`] when
    /// the rest of it does not come: whoever connects next must not be taken for it.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        self.held != 0
    }

    /// See [`super::Link::deadline`].
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// See [`super::Link::elapse`].
    ///
    /// # Errors
    /// [`Closed::Inactive`] when the client was silent for too long.
    pub fn elapse(&mut self, now: Instant, app: &mut dyn Application) -> Result<(), Closed> {
        if now < self.deadline {
            return Ok(());
        }
        self.deadline = Instant::FAR;
        self.lost(app);
        Err(Closed::Inactive)
    }

    /// See [`super::Link::lost`].
    pub fn lost(&mut self, app: &mut dyn Application) {
        self.held = 0;
        self.session.lost(app);
    }

    /// See [`super::Link::receive`].
    ///
    /// # Errors
    /// [`Closed`] at the first octet that is no wrapper, and for a PDU that is too long.
    pub fn receive(
        &mut self,
        now: Instant,
        mut octets: &[u8],
        app: &mut dyn Application,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Closed> {
        self.deadline = now + self.patience;
        while !octets.is_empty() {
            if self.held < HEADER_LENGTH {
                octets = self.take_header(octets);
            }
            let header = match Header::parse(self.header.get(..self.held.min(HEADER_LENGTH)).unwrap_or(&[])) {
                Ok(Some(header)) => header,
                Ok(None) => return Ok(()),
                Err(_) => return Err(self.close(Closed::Framing, app)),
            };
            let length = usize::from(header.length);
            if PDU_MAX < length {
                return Err(self.close(Closed::TooLong, app));
            }
            let have = self.held - HEADER_LENGTH;
            let (piece, rest) = octets.split_at(octets.len().min(length - have));
            if let Some(place) = self.session.inbox().get_mut(have..have + piece.len()) {
                place.copy_from_slice(piece);
            }
            self.held += piece.len();
            octets = rest;
            if self.held == HEADER_LENGTH + length {
                self.held = 0;
                self.serve(header, app, out);
            }
        }
        Ok(())
    }

    /// Takes what is missing of the header; answers the rest.
    fn take_header<'o>(&mut self, octets: &'o [u8]) -> &'o [u8] {
        let (piece, rest) = octets.split_at(octets.len().min(HEADER_LENGTH - self.held));
        if let Some(place) = self.header.get_mut(self.held..self.held + piece.len()) {
            place.copy_from_slice(piece);
        }
        self.held += piece.len();
        rest
    }

    fn serve(&mut self, header: Header, app: &mut dyn Application, out: &mut dyn FnMut(&[u8])) {
        let peer = Peer {
            client: header.source,
            server: header.destination,
        };
        if self.session.serve(peer, usize::from(header.length), app) {
            self.send(peer, out);
        }
    }

    /// Sends what the session has to say, and what follows it in a stream of blocks.
    fn send(&mut self, peer: Peer, out: &mut dyn FnMut(&[u8])) {
        loop {
            let length = u16::try_from(self.session.answer().len()).unwrap_or(u16::MAX);
            let answer = Header {
                source: peer.server,
                destination: peer.client,
                length,
            };
            self.session.prepend(&answer.octets());
            out(self.session.answer());
            if !self.session.proceed() {
                return;
            }
        }
    }

    /// Sends a notification, see [`Session::notify`].
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
        self.session.notify(peer, head, value, app)?;
        self.send(peer, out);
        Ok(())
    }

    fn close(&mut self, why: Closed, app: &mut dyn Application) -> Closed {
        self.lost(app);
        why
    }
}
