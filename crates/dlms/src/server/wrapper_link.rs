//! A link over TCP: wrapped PDUs out of a stream of octets, cut anywhere.

use base::{Instant, Micros};
use cosem::axdr::{Full, Writer};

use super::buffers::PDU_MAX;
use super::{Application, Closed, Peer, SecurityEvent, Session};
use crate::apdu::{Exception, Notification};
use crate::wrapper::{HEADER_LENGTH, Header};

/// A TCP connection with its sessions: one for each client that speaks over it at once.
///
/// When more come than there are places, the association that was used longest ago gives way: first one whose client has
/// not answered the challenge yet, then one that showed nothing, then any. Places count in octets, see [`Session`].
pub struct WrapperLink<const CLIENTS: usize = 1> {
    sessions: [Session; CLIENTS],
    /// When each session was used, in requests.
    used: [u32; CLIENTS],
    requests: u32,
    /// Whose request comes.
    place: usize,
    header: [u8; HEADER_LENGTH],
    /// Octets of header and PDU that have come.
    held: usize,
    /// How long the client may be silent.
    patience: Micros,
    deadline: Instant,
}

impl WrapperLink {
    /// The session of the only place.
    #[must_use]
    pub const fn session(&self) -> &Session {
        let [session] = &self.sessions;
        session
    }
}

impl<const CLIENTS: usize> WrapperLink<CLIENTS> {
    /// A connection that was made at `now` and is closed after `patience` without an octet; [`Micros::MAX`] for never
    /// (class 41, inactivity_time_out 0).
    #[must_use]
    pub fn new(now: Instant, patience: Micros) -> Self {
        const { assert!(0 < CLIENTS, "a connection without places serves nobody") };
        Self {
            // Not a constant: its image would lie in the flash of a small part.
            sessions: core::array::from_fn(|_| Session::new()),
            used: [0; CLIENTS],
            requests: 0,
            place: 0,
            header: [0; HEADER_LENGTH],
            held: 0,
            patience,
            deadline: now + patience,
        }
    }

    /// The sessions on it, one per place.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter()
    }

    /// The place of a client: its own, a free one, or that which gives way first.
    fn place_of(&self, peer: Peer) -> usize {
        let is_its_own = |session: &Session| {
            let caller = session.caller();
            caller.is_some_and(|caller| (caller.client, caller.server) == (peer.client, peer.server))
        };
        let places = self.sessions.iter().zip(self.used).enumerate();
        places
            .min_by_key(|(_, (session, used))| (!is_its_own(session), session.standing(), *used))
            .map_or(0, |(place, _)| place)
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
        // Whoever never associated, or stops in the middle of a PDU, only holds the place.
        let nobody = self.sessions.iter().all(|session| session.client().is_none());
        if self.held == 0 && nobody {
            app.observe(NOBODY, SecurityEvent::Abandoned);
        }
        self.lost(app);
        Err(Closed::Inactive)
    }

    /// See [`super::Link::lost`].
    pub fn lost(&mut self, app: &mut dyn Application) {
        if self.held != 0 {
            app.observe(NOBODY, SecurityEvent::Abandoned);
        }
        self.held = 0;
        for session in &mut self.sessions {
            session.lost(app);
        }
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
        // A PDU has the time from its first octet on: whoever sends an octet now and then does not keep the connection.
        if self.held == 0 || self.deadline == Instant::FAR {
            self.deadline = now + self.patience;
        }
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
            if have == 0 {
                self.place = self.place_of(Peer {
                    client: header.source,
                    server: header.destination,
                });
            }
            let (piece, rest) = octets.split_at(octets.len().min(length - have));
            let session = self.sessions.get_mut(self.place);
            if let Some(place) = session.and_then(|session| session.inbox().get_mut(have..have + piece.len())) {
                place.copy_from_slice(piece);
            }
            self.held += piece.len();
            octets = rest;
            if self.held == HEADER_LENGTH + length {
                self.held = 0;
                self.deadline = now + self.patience;
                self.serve(header, app, out);
            }
        }
        Ok(())
    }

    /// Takes a datagram: the PDUs in it are served one after the other. What is no wrapper, too long or cut short is passed
    /// over with what follows it.
    pub fn receive_datagram(
        &mut self,
        now: Instant,
        mut octets: &[u8],
        app: &mut dyn Application,
        out: &mut dyn FnMut(&[u8]),
    ) {
        self.held = 0;
        while let Ok(Some(header)) = Header::parse(octets) {
            let length = usize::from(header.length);
            let (Some((pdu, rest)), true) = (octets.split_at_checked(HEADER_LENGTH + length), length <= PDU_MAX) else {
                return;
            };
            let _whole = self.receive(now, pdu, app, out);
            octets = rest;
        }
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
        self.requests = self.requests.wrapping_add(1);
        if let Some(used) = self.used.get_mut(self.place) {
            *used = self.requests;
        }
        let Some(session) = self.sessions.get_mut(self.place) else {
            return;
        };
        if session.serve(peer, usize::from(header.length), app) {
            send(session, peer, out);
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
        let place = self.place_of(peer);
        let session = self.sessions.get_mut(place).ok_or(Exception::NOT_ALLOWED)?;
        session.notify(peer, head, value, app)?;
        send(session, peer, out);
        Ok(())
    }

    fn close(&mut self, why: Closed, app: &mut dyn Application) -> Closed {
        app.observe(NOBODY, SecurityEvent::Malformed);
        self.held = 0;
        self.lost(app);
        why
    }
}

/// Who is behind octets from which no client can be told.
const NOBODY: u16 = 0;

/// Sends what a session has to say, and what follows it in a stream of blocks.
fn send(session: &mut Session, peer: Peer, out: &mut dyn FnMut(&[u8])) {
    loop {
        let length = u16::try_from(session.answer().len()).unwrap_or(u16::MAX);
        let answer = Header {
            source: peer.server,
            destination: peer.client,
            length,
        };
        session.prepend(&answer.octets());
        out(session.answer());
        if !session.proceed() {
            return;
        }
    }
}
