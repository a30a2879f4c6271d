//! A client on its link: framing, timers, and commands that go out again when nothing comes back.

use base::{Instant, Micros};

use super::error::{ClientError, Protocol};
use super::session::{Command, Next, Outcome, Session};
use super::settings::Settings;
use crate::apdu::Notification;
use crate::hdlc::{Address, Control, Deframer, FRAME_MAX, Frame, Heard, LLC_COMMAND, LLC_RESPONSE, Limits, Primary};
use crate::initiate::Conformance;
use crate::server::PDU_MAX;
use crate::wrapper::{HEADER_LENGTH, Header};

/// How a client frames what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Over TCP.
    Wrapper,
    /// Over a serial line: the meter's address and what the client proposes.
    Hdlc(Address, Limits),
}

/// How long a client waits, and how often it asks again on a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For each answer.
    pub answer: Micros,
    /// How often a frame is sent again before the meter is given up. TCP sends nothing again.
    pub retries: u8,
}

/// A reader of one meter.
///
/// Life: [`Client::start`] a command, hand in what comes by [`Client::receive`] until it answers true, then ask
/// [`Client::outcome`]; call [`Client::elapse`] at [`Client::deadline`]. The first command is [`Command::Associate`],
/// which connects an HDLC link too.
pub struct Client<'b> {
    session: Session<'b>,
    line: Line,
    patience: Patience,
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    until: Instant,
    /// Times that may still be asked.
    left: u8,
    /// When it was last asked in vain; asking sooner than after the whole patience costs none of the times.
    since: Instant,
}

/// How long a station that has nothing to say yet is left alone.
const PAUSE: Micros = Micros::from_millis(100);

#[expect(clippy::large_enum_variant, reason = "there is no heap to put the frame's buffer on")]
enum Line {
    Wrapper {
        header: [u8; HEADER_LENGTH],
        held: usize,
    },
    Hdlc {
        primary: Primary,
        deframer: Deframer,
        meter: Address,
        got: Option<usize>,
        leaving: bool,
        echo: Echo,
    },
}

/// Optical heads and two-wire adapters give back what was sent. An echo has our address as its source, so it is told
/// from an answer by that, unless client and meter have equal addresses: then an SNRM that comes back, which no meter
/// sends, gives the echo away, and as many frames as were sent are passed over from then on.
#[derive(Clone, Copy, Debug, Default)]
struct Echo {
    heard: bool,
    due: u32,
}

impl Echo {
    /// Whether a frame that claims to be the meter's is our own.
    const fn is_ours(&mut self, control: Control) -> bool {
        match control {
            Control::SetNormal { .. } => {
                self.heard = true;
                self.due = self.due.saturating_sub(1);
                true
            }
            Control::Acknowledge { .. } | Control::Disconnected { .. } | Control::Reject { .. } => false,
            _ if self.heard && 0 < self.due => {
                self.due -= 1;
                true
            }
            _ => false,
        }
    }
}

impl<'b> Client<'b> {
    /// A client that has said nothing. `counter` is the first number that its messages are protected with: it must be
    /// greater than any used before with the same keys. Long values are assembled in `lent`.
    #[must_use]
    pub fn new(settings: Settings<'b>, framing: Framing, patience: Patience, counter: u32, lent: &'b mut [u8]) -> Self {
        let line = match framing {
            Framing::Wrapper => Line::Wrapper {
                header: [0; HEADER_LENGTH],
                held: 0,
            },
            Framing::Hdlc(meter, limits) => Line::Hdlc {
                primary: Primary::new(limits),
                deframer: Deframer::new(),
                meter,
                got: None,
                leaving: false,
                echo: Echo::default(),
            },
        };
        Self {
            session: Session::new(settings, counter, lent, matches!(framing, Framing::Wrapper)),
            line,
            patience,
            waiting: None,
        }
    }

    /// The number that the next protected message will have.
    #[must_use]
    pub const fn next_counter(&self) -> u32 {
        self.session.next_counter()
    }

    /// What was negotiated.
    #[must_use]
    pub const fn conformance(&self) -> Conformance {
        self.session.conformance()
    }

    /// True while the association stands.
    #[must_use]
    pub const fn is_associated(&self) -> bool {
        self.session.is_open()
    }

    /// What came of the command that finished last.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome<'_>> {
        self.session.outcome()
    }

    /// What the meter said unasked, the last of it; a confirmation that it wants was sent over TCP. It stays until
    /// [`Client::forget_notification`], or until the next one comes.
    #[must_use]
    pub fn notification(&self) -> Option<Notification<'_>> {
        self.session.notification()
    }

    /// The notification was seen.
    pub fn forget_notification(&mut self) {
        self.session.forget_notification();
    }

    /// When [`Client::elapse`] must be called; [`Instant::FAR`] for never.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.waiting.map_or(Instant::FAR, |waiting| waiting.until)
    }

    /// Begins a command.
    ///
    /// # Errors
    /// When it cannot be given now, or its request does not fit. Nothing was sent then.
    pub fn start(&mut self, now: Instant, command: Command<'_>, out: &mut dyn FnMut(&[u8])) -> Result<(), ClientError> {
        if self.waiting.is_some() {
            return Err(ClientError::NotNow);
        }
        self.session.begin(command)?;
        self.waiting = Some(Waiting {
            until: now + self.patience.answer,
            left: self.patience.retries,
            since: now,
        });
        self.send_request(out);
        Ok(())
    }

    /// Takes octets from the meter; answers whether the command is finished.
    ///
    /// # Errors
    /// When the command came to nothing. The association may still stand.
    pub fn receive(&mut self, now: Instant, octets: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<bool, ClientError> {
        let mut finished = false;
        let taken = match self.line {
            Line::Wrapper { .. } => self.receive_wrapped(now, octets, &mut finished, out),
            Line::Hdlc { .. } => self.receive_frames(now, octets, &mut finished, out),
        };
        if finished || taken.is_err() {
            self.waiting = None;
        }
        taken.map(|()| finished)
    }

    /// Time has passed: on a serial line it is asked again.
    ///
    /// # Errors
    /// [`ClientError::NoAnswer`] when the meter is given up. The association is over then.
    pub fn elapse(&mut self, now: Instant, out: &mut dyn FnMut(&[u8])) -> Result<(), ClientError> {
        let Some(Waiting { until, left, since }) = self.waiting else {
            return Ok(());
        };
        if now < until {
            return Ok(());
        }
        let Line::Hdlc { primary, deframer, .. } = &mut self.line else {
            // A general block may be said again: the meter knows it by its number.
            let left = left.checked_sub(1).filter(|_| self.session.say_again());
            let Some(left) = left else {
                return Err(self.give_up(ClientError::NoAnswer));
            };
            self.waiting = Some(Waiting {
                until: now + self.patience.answer,
                left,
                since: now,
            });
            self.send_request(out);
            return Ok(());
        };
        let spent = since + self.patience.answer <= now;
        let Some(left) = left.checked_sub(u8::from(spent)) else {
            return Err(self.give_up(ClientError::NoAnswer));
        };
        self.waiting = Some(Waiting {
            until: now + self.patience.answer,
            left,
            since: if spent { now } else { since },
        });
        deframer.reset();
        primary.rewind();
        self.speak(out);
        Ok(())
    }

    /// The connection is gone.
    pub fn lost(&mut self) {
        let _gone = self.give_up(ClientError::Disconnected);
    }

    fn give_up(&mut self, why: ClientError) -> ClientError {
        self.waiting = None;
        self.session.lost();
        match &mut self.line {
            Line::Wrapper { held, .. } => *held = 0,
            Line::Hdlc {
                primary,
                deframer,
                got,
                leaving,
                ..
            } => {
                primary.reset();
                deframer.reset();
                *got = None;
                *leaving = false;
            }
        }
        why
    }

    /// An answer has come: the meter gets its full time again.
    fn heartened(&mut self, now: Instant) {
        if let Some(waiting) = &mut self.waiting {
            *waiting = Waiting {
                until: now + self.patience.answer,
                left: self.patience.retries,
                since: now,
            };
        }
    }

    /// Sends a new request.
    fn send_request(&mut self, out: &mut dyn FnMut(&[u8])) {
        let (client, server) = (self.session.settings().client, self.session.settings().server);
        match &mut self.line {
            Line::Wrapper { .. } => loop {
                let length = u16::try_from(self.session.pdu().len()).unwrap_or(u16::MAX);
                let header = Header {
                    source: client,
                    destination: server,
                    length,
                };
                self.session.prepend(&header.octets());
                out(self.session.pdu());
                if !self.session.proceed() {
                    return;
                }
            },
            Line::Hdlc { primary, got, .. } => {
                self.session.prepend(&LLC_COMMAND);
                primary.request(self.session.pdu().len());
                *got = None;
                self.speak(out);
            }
        }
    }

    // ---- wrapper -------------------------------------------------------------------------------------------------------------

    fn receive_wrapped(
        &mut self,
        now: Instant,
        octets: &[u8],
        finished: &mut bool,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), ClientError> {
        for &octet in octets {
            let Line::Wrapper { header, held } = &mut self.line else {
                return Ok(());
            };
            let at = *held;
            *held += 1;
            match at.checked_sub(HEADER_LENGTH) {
                None => header.get_mut(at).into_iter().for_each(|place| *place = octet),
                Some(at) => self
                    .session
                    .inbox()
                    .get_mut(at)
                    .into_iter()
                    .for_each(|place| *place = octet),
            }
            let so_far = header.get(..(*held).min(HEADER_LENGTH)).unwrap_or(&[]);
            let Some(found) = Header::parse(so_far).map_err(|_| ClientError::Protocol(Protocol::Framing))? else {
                continue;
            };
            let length = usize::from(found.length);
            if PDU_MAX < length {
                return Err(ClientError::Protocol(Protocol::Framing));
            }
            if *held < HEADER_LENGTH + length {
                continue;
            }
            *held = 0;
            let settings = self.session.settings();
            let ours = found.source == settings.server && found.destination == settings.client;
            let due = self.waiting.is_some() && !*finished;
            if ours && (due || self.session.may_be_notice(length)) {
                self.heartened(now);
                match self.session.on(length)? {
                    Next::Send => self.send_request(out),
                    Next::Finished => *finished = true,
                    Next::Wait => {}
                }
            }
        }
        Ok(())
    }

    // ---- HDLC ----------------------------------------------------------------------------------------------------------------

    fn receive_frames(
        &mut self,
        now: Instant,
        octets: &[u8],
        finished: &mut bool,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), ClientError> {
        let client = client_address(self.session.settings().client);
        for &octet in octets {
            let Line::Hdlc {
                primary,
                deframer,
                meter,
                got,
                leaving,
                echo,
            } = &mut self.line
            else {
                return Ok(());
            };
            let Some(Ok(frame)) = deframer.take(octet) else {
                if let Some(waiting) = self.waiting.as_mut().filter(|_| deframer.is_under_way()) {
                    // A frame is coming; on a slow line that takes longer than an answer may keep us waiting.
                    waiting.until = waiting.until.max(now + self.patience.answer);
                }
                continue;
            };
            let from_meter = frame.source.upper() == meter.upper() && frame.destination == client;
            // Without a command nothing is due: what comes then is an answer that came twice.
            let due = self.waiting.is_some() && !*finished;
            if !from_meter || !due || echo.is_ours(frame.control) {
                continue;
            }
            match primary.on(&frame) {
                Heard::Nothing => {}
                Heard::Connected => {
                    self.heartened(now);
                    self.speak(out);
                }
                Heard::Disconnected | Heard::Rejected(_) if *leaving => {
                    *leaving = false;
                    *finished = true;
                }
                Heard::Disconnected => return Err(self.give_up(ClientError::Disconnected)),
                Heard::Rejected(reason) => return Err(self.give_up(ClientError::Rejected(reason))),
                // The deadline asks again.
                Heard::Wait => {}
                Heard::Turn { news } => {
                    primary.rewind();
                    if news {
                        self.heartened(now);
                        self.speak(out);
                    } else if let Some(waiting) = &mut self.waiting {
                        waiting.until = waiting.until.min(now + PAUSE);
                    }
                }
                Heard::Take { complete, turn } => {
                    let piece = match *got {
                        None => frame.information.strip_prefix(&LLC_RESPONSE),
                        Some(_) => Some(frame.information),
                    };
                    let at = got.unwrap_or(0);
                    let Some(piece) = piece else {
                        return Err(ClientError::Protocol(Protocol::Framing));
                    };
                    let Some(place) = self.session.inbox().get_mut(at..at + piece.len()) else {
                        return Err(ClientError::TooLong);
                    };
                    place.copy_from_slice(piece);
                    let length = at + piece.len();
                    *got = Some(length);
                    self.heartened(now);
                    if complete {
                        self.response(length, finished, out)?;
                    } else if turn {
                        self.speak(out);
                    }
                }
            }
        }
        Ok(())
    }

    fn response(&mut self, length: usize, finished: &mut bool, out: &mut dyn FnMut(&[u8])) -> Result<(), ClientError> {
        if let Line::Hdlc { got, .. } = &mut self.line {
            *got = None;
        }
        match self.session.on(length)? {
            Next::Send => self.send_request(out),
            // More comes when it is asked for.
            Next::Wait => self.speak(out),
            Next::Finished => {
                let released = matches!(self.session.outcome(), Some(Outcome::Released));
                match &mut self.line {
                    // The association is over; now the link is.
                    Line::Hdlc { primary, leaving, .. } if released => {
                        *leaving = true;
                        primary.leave();
                        self.speak(out);
                    }
                    _ => *finished = true,
                }
            }
        }
        Ok(())
    }

    /// Says what is due on an HDLC line: connect, go on with the request, or ask for the answer.
    fn speak(&mut self, out: &mut dyn FnMut(&[u8])) {
        let Line::Hdlc {
            primary,
            meter,
            leaving,
            echo,
            ..
        } = &mut self.line
        else {
            return;
        };
        echo.due = 0;
        let source = client_address(self.session.settings().client);
        let mut buffer = [0; FRAME_MAX];
        let mut say = |control, segmented, information: &[u8]| {
            let frame = Frame {
                destination: *meter,
                source,
                control,
                segmented,
                information,
            };
            if let Some(octets) = frame.emit(&mut buffer) {
                echo.due += 1;
                out(octets);
            }
        };
        if *leaving {
            return say(Control::Disconnect { poll: true }, false, &[]);
        }
        if !primary.is_connected() {
            let (octets, count) = primary.proposal().octets();
            return say(
                Control::SetNormal { poll: true },
                false,
                octets.get(..count).unwrap_or(&[]),
            );
        }
        let mut said = false;
        while let Some(cut) = primary.cut() {
            let information = self.session.pdu().get(cut.from..cut.to).unwrap_or(&[]);
            say(cut.control, cut.segmented, information);
            said = true;
        }
        if !said {
            say(primary.poll(), false, &[]);
        }
    }
}

fn client_address(client: u16) -> Address {
    Address::One(u8::try_from(client & 0x7F).unwrap_or_default())
}
