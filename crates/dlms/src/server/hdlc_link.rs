//! A link over a serial line: octets to frames, frames to requests, answers to frames.

use base::{Instant, Micros};
use cosem::axdr::{Full, Writer};

use super::{Application, Peer, Session};
use crate::apdu::{Exception, Notification};
use crate::hdlc::{
    Address, Control, Deframer, Frame, INFO_MAX, LLC_COMMAND, LLC_RESPONSE, Limits, Offer, Reply, Station,
};

/// What a line is set to (class 23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HdlcSettings {
    /// The physical device address, lower part; 16 to 16381.
    pub physical: u16,
    /// The logical devices that are reached over the line; frames to others are passed over in silence.
    pub logical: &'static [u16],
    /// The longest information fields and the windows. At most [`INFO_MAX`] and 7 are used.
    pub limits: Limits,
    /// How long a frame may pause between two octets; [`Micros::MAX`] for any time, as over TCP.
    pub octet_patience: Micros,
    /// How long the client may be silent before it is taken for gone; [`Micros::MAX`] for ever.
    pub silence_patience: Micros,
}

impl HdlcSettings {
    /// The standard's values, and the management logical device alone: frames of 128 octets one at a time, 25 ms
    /// between octets, 120 s of silence.
    #[must_use]
    pub const fn standard(physical: u16) -> Self {
        Self {
            physical,
            logical: &[1],
            limits: Limits::DEFAULT,
            octet_patience: Micros::from_millis(25),
            silence_patience: Micros::from_secs(120),
        }
    }
}

/// A serial line with its session. One client at a time; one that connects takes the line over.
pub struct HdlcLink {
    session: Session,
    station: Station,
    deframer: Deframer,
    settings: HdlcSettings,
    request: Assembly,
    /// Whom the frames of the present answer go to, and as whom.
    route: (Address, Address),
    /// When the last octet came.
    last_octet: Instant,
    /// When the last frame of the client came.
    last_frame: Instant,
}

/// The request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Assembly {
    /// Nothing has come.
    Empty,
    /// Octets that have come, LLC not counted.
    Growing(usize),
    /// It does not fit, or does not begin with LLC; the rest is passed over. True when it is too long.
    Passed(bool),
}

impl HdlcLink {
    /// A line that nobody uses.
    #[must_use]
    pub fn new(settings: HdlcSettings) -> Self {
        let most = u16::try_from(INFO_MAX).unwrap_or(u16::MAX);
        let limits = Limits {
            transmit: settings.limits.transmit.min(most),
            receive: settings.limits.receive.min(most),
            transmit_window: settings.limits.transmit_window.clamp(1, 7),
            receive_window: settings.limits.receive_window.clamp(1, 7),
        };
        Self {
            session: Session::new(),
            station: Station::new(settings.physical, settings.logical, limits),
            deframer: Deframer::new(),
            settings,
            request: Assembly::Empty,
            route: (Address::One(0), Address::One(0)),
            last_octet: Instant::START,
            last_frame: Instant::START,
        }
    }

    /// The session on it.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// See [`super::Link::deadline`].
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let octet = if self.deframer.is_under_way() {
            self.last_octet + self.settings.octet_patience
        } else {
            Instant::FAR
        };
        let silence = if self.station.is_connected() {
            self.last_frame + self.settings.silence_patience
        } else {
            Instant::FAR
        };
        octet.min(silence)
    }

    /// See [`super::Link::elapse`].
    pub fn elapse(&mut self, now: Instant, app: &mut dyn Application) {
        if self.deframer.is_under_way() && self.last_octet + self.settings.octet_patience <= now {
            self.deframer.reset();
        }
        if self.station.is_connected() && self.last_frame + self.settings.silence_patience <= now {
            self.lost(app);
        }
    }

    /// See [`super::Link::lost`].
    pub fn lost(&mut self, app: &mut dyn Application) {
        self.deframer.reset();
        self.station.disconnect();
        self.request = Assembly::Empty;
        self.session.lost(app);
    }

    /// See [`super::Link::receive`]. A line is never closed by what comes over it.
    pub fn receive(&mut self, now: Instant, octets: &[u8], app: &mut dyn Application, out: &mut dyn FnMut(&[u8])) {
        self.elapse(now, app);
        self.last_octet = now;
        for &octet in octets {
            let Self {
                session,
                station,
                deframer,
                request,
                route,
                ..
            } = self;
            let Some(Ok(frame)) = deframer.take(octet) else {
                continue;
            };
            match station.offer(frame.destination, frame.source) {
                Offer::Own => {}
                // What goes to everybody is never answered, and no service of this server is asked for in this way.
                Offer::Everybody | Offer::Foreign => continue,
            }
            let reply = station.on(&frame);
            self.last_frame = now;
            *route = (frame.source, station.answering(frame.destination));
            let peer = Peer {
                client: frame.source.upper(),
                server: frame.destination.upper(),
            };
            let reply = match reply {
                Reply::Take { complete, poll } => {
                    request.take(frame.information, session.inbox());
                    if complete {
                        let answered = request.serve(peer, session, app);
                        if answered {
                            session.prepend(&LLC_RESPONSE);
                        }
                        station.respond(if answered { session.answer().len() } else { 0 });
                    }
                    if poll { station.answer_poll() } else { Reply::Silence }
                }
                Reply::TakeUnnumbered => {
                    // A request outside of the numbering is served, but nobody waits for its answer.
                    let mut alone = Assembly::Empty;
                    alone.take(frame.information, session.inbox());
                    let _unanswered = alone.serve(peer, session, app);
                    station.respond(0);
                    *request = Assembly::Empty;
                    Reply::Silence
                }
                Reply::Connected(_) | Reply::Released => {
                    *request = Assembly::Empty;
                    session.lost(app);
                    reply
                }
                // Polled with nothing to send: the next block of a stream, if the answer is one.
                Reply::Ready if frame.control.is_polling() && *request == Assembly::Empty && session.proceed() => {
                    session.prepend(&LLC_RESPONSE);
                    station.respond(session.answer().len());
                    station.answer_poll()
                }
                other => other,
            };
            self.reply(reply, out);
        }
    }

    fn reply(&mut self, reply: Reply, out: &mut dyn FnMut(&[u8])) {
        let control = match reply {
            Reply::Silence | Reply::Take { .. } | Reply::TakeUnnumbered => return,
            Reply::Connected(limits) => {
                let (octets, count) = limits.octets();
                return self.send(
                    Control::Acknowledge { poll: true },
                    octets.get(..count).unwrap_or(&[]),
                    out,
                );
            }
            Reply::Reject(rejection) => {
                let octets = self.station.rejection_octets(rejection);
                return self.send(Control::Reject { poll: true }, &octets, out);
            }
            Reply::Transmit => {
                let (destination, source) = self.route;
                while let Some(cut) = self.station.cut() {
                    let information = self.session.answer().get(cut.from..cut.to).unwrap_or(&[]);
                    let frame = Frame {
                        destination,
                        source,
                        control: cut.control,
                        segmented: cut.segmented,
                        information,
                    };
                    if let Some(octets) = frame.emit(self.deframer.lend()) {
                        out(octets);
                    }
                }
                return;
            }
            Reply::Released => Control::Acknowledge { poll: true },
            Reply::NotConnected => Control::Disconnected { poll: true },
            Reply::Ready => Control::ReceiveReady {
                receive: self.station.receive_number(),
                poll: true,
            },
        };
        self.send(control, &[], out);
    }

    /// Sends a notification in UI frames, which nobody acknowledges; see [`Session::notify`]. The first frame of each
    /// APDU begins with LLC.
    ///
    /// # Errors
    /// Why nothing was sent.
    pub fn notify(
        &mut self,
        client: Address,
        peer: Peer,
        head: &Notification<'_>,
        value: &mut dyn FnMut(&mut Writer<'_>) -> Result<(), Full>,
        app: &mut dyn Application,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Exception> {
        self.session.notify(peer, head, value, app)?;
        self.station.respond(0);
        let size = usize::from(self.station.limits().transmit);
        loop {
            self.session.prepend(&LLC_RESPONSE);
            let length = self.session.answer().len();
            let mut from = 0;
            while from < length {
                let to = length.min(from + size);
                let frame = Frame {
                    destination: client,
                    source: Address::Four(peer.server, self.settings.physical),
                    control: Control::Unnumbered { poll: false },
                    segmented: to < length,
                    information: self.session.answer().get(from..to).unwrap_or(&[]),
                };
                if let Some(octets) = frame.emit(self.deframer.lend()) {
                    out(octets);
                }
                from = to;
            }
            if !self.session.proceed() {
                return Ok(());
            }
        }
    }

    fn send(&mut self, control: Control, information: &[u8], out: &mut dyn FnMut(&[u8])) {
        let (destination, source) = self.route;
        let frame = Frame {
            destination,
            source,
            control,
            segmented: false,
            information,
        };
        if let Some(octets) = frame.emit(self.deframer.lend()) {
            out(octets);
        }
    }
}

impl Assembly {
    /// Takes the next piece of a request.
    fn take(&mut self, piece: &[u8], inbox: &mut [u8]) {
        // LLC stands in the first piece alone.
        let (length, piece) = match (*self, piece.strip_prefix(&LLC_COMMAND)) {
            (Self::Empty, Some(piece)) => (0, piece),
            (Self::Empty, None) => {
                *self = Self::Passed(false);
                return;
            }
            (Self::Growing(length), _) => (length, piece),
            (Self::Passed(_), _) => return,
        };
        match inbox.get_mut(length..length + piece.len()) {
            Some(place) => {
                place.copy_from_slice(piece);
                *self = Self::Growing(length + piece.len());
            }
            None => *self = Self::Passed(true),
        }
    }

    /// Serves the complete request; answers whether there is an answer. The next one starts anew.
    fn serve(&mut self, peer: Peer, session: &mut Session, app: &mut dyn Application) -> bool {
        match core::mem::replace(self, Self::Empty) {
            Self::Empty => false,
            Self::Growing(length) => session.serve(peer, length, app),
            Self::Passed(true) => {
                session.refuse_too_long();
                true
            }
            Self::Passed(false) => false,
        }
    }
}
