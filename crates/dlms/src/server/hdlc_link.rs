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

/// A serial line with `CLIENTS` places for clients, each with a session of its own: sequence numbers, association and
/// transfer of one client are untouched by what another says between its frames. A client that connects when every
/// place is taken gets the place of the one without an association, else of the one that was silent for longest: it may
/// be gone without a word.
pub struct HdlcLink<const CLIENTS: usize = 1> {
    deframer: Deframer,
    settings: HdlcSettings,
    limits: Limits,
    places: [Place; CLIENTS],
    /// When the last octet came.
    last_octet: Instant,
}

/// One client of the line.
struct Place {
    session: Session,
    station: Station,
    request: Assembly,
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

/// Whom the frames of an answer go to, and as whom.
#[derive(Clone, Copy)]
struct Route {
    destination: Address,
    source: Address,
}

impl HdlcLink {
    /// The session of the only place.
    #[must_use]
    pub fn session(&self) -> &Session {
        let [place] = &self.places;
        &place.session
    }
}

impl<const CLIENTS: usize> HdlcLink<CLIENTS> {
    /// A line that nobody uses.
    #[must_use]
    pub fn new(settings: HdlcSettings) -> Self {
        const { assert!(0 < CLIENTS, "a line without places serves nobody") };
        let most = u16::try_from(INFO_MAX).unwrap_or(u16::MAX);
        let limits = Limits {
            transmit: settings.limits.transmit.min(most),
            receive: settings.limits.receive.min(most),
            transmit_window: settings.limits.transmit_window.clamp(1, 7),
            receive_window: settings.limits.receive_window.clamp(1, 7),
        };
        Self {
            deframer: Deframer::new(),
            settings,
            limits,
            places: core::array::from_fn(|_| Place {
                session: Session::new(),
                station: Station::new(settings.physical, settings.logical, limits),
                request: Assembly::Empty,
                last_frame: Instant::START,
            }),
            last_octet: Instant::START,
        }
    }

    /// Whether a client is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.places.iter().any(|place| place.station.is_connected())
    }

    /// The sessions on it, one per place.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.places.iter().map(|place| &place.session)
    }

    /// See [`super::Link::deadline`].
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let octet = if self.deframer.is_under_way() {
            self.last_octet + self.settings.octet_patience
        } else {
            Instant::FAR
        };
        let connected = self.places.iter().filter(|place| place.station.is_connected());
        let silence = connected.map(|place| place.last_frame + self.settings.silence_patience);
        silence.fold(octet, Instant::min)
    }

    /// See [`super::Link::elapse`].
    pub fn elapse(&mut self, now: Instant, app: &mut dyn Application) {
        if self.deframer.is_under_way() && self.last_octet + self.settings.octet_patience <= now {
            self.deframer.reset();
        }
        for place in &mut self.places {
            if place.station.is_connected() && place.last_frame + self.settings.silence_patience <= now {
                place.lost(app);
            }
        }
    }

    /// See [`super::Link::lost`].
    pub fn lost(&mut self, app: &mut dyn Application) {
        self.deframer.reset();
        for place in &mut self.places {
            place.lost(app);
        }
    }

    /// See [`super::Link::receive`]. A line is never closed by what comes over it.
    pub fn receive(&mut self, now: Instant, octets: &[u8], app: &mut dyn Application, out: &mut dyn FnMut(&[u8])) {
        self.elapse(now, app);
        self.last_octet = now;
        for &octet in octets {
            let Some(Ok(frame)) = self.deframer.take(octet) else {
                continue;
            };
            let stranger = Station::new(self.settings.physical, self.settings.logical, self.limits);
            let everybody = match stranger.offer(frame.destination, frame.source) {
                Offer::Own => false,
                Offer::Everybody => true,
                Offer::Foreign => continue,
            };
            // What goes to everybody is never answered: only requests outside of the numbering go that way.
            if everybody && !matches!(frame.control, Control::Unnumbered { .. }) {
                continue;
            }
            let route = Route {
                destination: frame.source,
                source: stranger.answering(frame.destination),
            };
            let Some(index) = place_of(&self.places, &frame, everybody) else {
                let mut stranger = stranger;
                let reply = stranger.on(&frame);
                reply_short(&stranger, reply, route, &mut self.deframer, out);
                continue;
            };
            let Some(place) = self.places.get_mut(index) else {
                continue;
            };
            let reply = place.take(now, &frame, app);
            place.reply(reply, route, &mut self.deframer, out);
        }
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
        let theirs = |place: &Place| place.session.client() == Some(peer.client);
        let index = self.places.iter().position(theirs);
        let free = |place: &Place| !place.station.is_connected();
        let index = index.or_else(|| self.places.iter().position(free)).unwrap_or(0);
        let Some(Place { session, station, .. }) = self.places.get_mut(index) else {
            return Err(Exception::NOT_ALLOWED);
        };
        session.notify(peer, head, value, app)?;
        station.respond(0);
        let size = usize::from(station.limits().transmit);
        let route = Route {
            destination: client,
            source: Address::Four(peer.server, self.settings.physical),
        };
        loop {
            session.prepend(&LLC_RESPONSE);
            let length = session.answer().len();
            let mut from = 0;
            while from < length {
                let to = length.min(from + size);
                let piece = session.answer().get(from..to).unwrap_or(&[]);
                let control = Control::Unnumbered { poll: false };
                send(route, control, to < length, piece, &mut self.deframer, out);
                from = to;
            }
            if !session.proceed() {
                return Ok(());
            }
        }
    }
}

/// Whose frame it is: the client that is connected with these addresses, else, for one that connects, a place that may
/// be taken, or for a request outside of the numbering one that nobody uses.
fn place_of(places: &[Place], frame: &Frame<'_>, everybody: bool) -> Option<usize> {
    let known = |place: &Place| match everybody {
        true => place.station.client() == Some(frame.source),
        false => place.station.serves(frame.source, frame.destination),
    };
    let found = places.iter().position(known);
    match frame.control {
        _ if found.is_some() => return found,
        Control::Unnumbered { .. } => return places.iter().position(|place| !place.station.is_connected()),
        Control::SetNormal { .. } => {}
        _ => return None,
    }
    let rank = |place: &Place| (place.station.is_connected(), place.session.standing(), place.last_frame);
    let (index, _) = places.iter().enumerate().min_by_key(|(_, place)| rank(place))?;
    Some(index)
}

impl Place {
    fn lost(&mut self, app: &mut dyn Application) {
        self.station.disconnect();
        self.request = Assembly::Empty;
        self.session.lost(app);
    }

    /// Takes a frame of its client; answers what is to be said.
    fn take(&mut self, now: Instant, frame: &Frame<'_>, app: &mut dyn Application) -> Reply {
        let Self {
            session,
            station,
            request,
            last_frame,
        } = self;
        *last_frame = now;
        let peer = Peer {
            client: frame.source.upper(),
            server: station.called(frame.destination),
        };
        let reply = match (frame.control, station.is_connected()) {
            // Of a client that has never connected; the session knows which clients need not.
            (Control::Unnumbered { .. }, false) => Reply::TakeUnnumbered,
            _ => station.on(frame),
        };
        match reply {
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
            reply @ (Reply::Connected(_) | Reply::Released) => {
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
        }
    }

    fn reply(&mut self, reply: Reply, route: Route, line: &mut Deframer, out: &mut dyn FnMut(&[u8])) {
        if reply != Reply::Transmit {
            return reply_short(&self.station, reply, route, line, out);
        }
        while let Some(cut) = self.station.cut() {
            let information = self.session.answer().get(cut.from..cut.to).unwrap_or(&[]);
            send(route, cut.control, cut.segmented, information, line, out);
        }
    }
}

/// Says what needs no session.
fn reply_short(station: &Station, reply: Reply, route: Route, line: &mut Deframer, out: &mut dyn FnMut(&[u8])) {
    let control = match reply {
        Reply::Silence | Reply::Take { .. } | Reply::TakeUnnumbered | Reply::Transmit => return,
        Reply::Connected(limits) => {
            let (octets, count) = limits.octets();
            let information = octets.get(..count).unwrap_or(&[]);
            return send(
                route,
                Control::Acknowledge { poll: true },
                false,
                information,
                line,
                out,
            );
        }
        Reply::Reject(rejection) => {
            let octets = station.rejection_octets(rejection);
            return send(route, Control::Reject { poll: true }, false, &octets, line, out);
        }
        Reply::Released => Control::Acknowledge { poll: true },
        Reply::NotConnected => Control::Disconnected { poll: true },
        Reply::Ready => Control::ReceiveReady {
            receive: station.receive_number(),
            poll: true,
        },
    };
    send(route, control, false, &[], line, out);
}

fn send(
    route: Route,
    control: Control,
    segmented: bool,
    information: &[u8],
    line: &mut Deframer,
    out: &mut dyn FnMut(&[u8]),
) {
    let frame = Frame {
        destination: route.destination,
        source: route.source,
        control,
        segmented,
        information,
    };
    if let Some(octets) = frame.emit(line.lend()) {
        out(octets);
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
                session.refuse_too_long(peer, app);
                true
            }
            Self::Passed(false) => false,
        }
    }
}
