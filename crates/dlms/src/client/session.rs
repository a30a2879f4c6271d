//! One command after the other: requests out, answers in, blocks put together and cut.

use core::ops::Range;

use cosem::axdr::Writer;
use cosem::{AccessError, ActionError, Method};
use zeroize::{Zeroize, Zeroizing};

use super::blocks::Blocks;
use super::error::{ClientError, Protocol};
use super::general::General;
use super::settings::Settings;
use crate::apdu::{
    AccessResponse, AccessSpec, ActionRequest, ActionResult, GetRequest, Invoke, Item, Items, Methods, Notification,
    Results, SetRequest, put_item, put_method, tag,
};
use crate::initiate::Conformance;
use crate::security::{Challenge, HEADROOM, Title};
use crate::server::PDU_MAX;

/// What a client can be told to do.
#[derive(Clone, Copy, Debug)]
pub enum Command<'a> {
    /// Ask for an association, and answer the meter's challenge.
    Associate,
    /// Read one attribute.
    Get(Item<'a>),
    /// Read several attributes at once.
    GetList(&'a [Item<'a>]),
    /// Write one attribute.
    Set(Item<'a>, &'a [u8]),
    /// Write several attributes at once.
    SetList(&'a [(Item<'a>, &'a [u8])]),
    /// Invoke a method.
    Act(Method, Option<&'a [u8]>),
    /// Invoke several methods at once, each with its parameters, null-data for none.
    ActList(&'a [(Method, &'a [u8])]),
    /// Read, write and invoke in one request (ACCESS): each with its value, null-data for what is read or has none.
    Access {
        /// What is wanted, in the order it is done.
        wanted: &'a [(AccessSpec<'a>, &'a [u8])],
        /// What follows the first failure is not done.
        break_on_error: bool,
    },
    /// End the association.
    Release,
}

/// What came of a command. Values stand in the lent buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The association stands.
    Associated,
    /// The value of the attribute, or why there is none.
    Value(Result<&'a [u8], AccessError>),
    /// The values of the attributes, or why there are none.
    Values(Results<'a>),
    /// Whether the attribute was written.
    Written(Result<(), AccessError>),
    /// For each attribute the code of its result; 0 is success.
    WrittenEach(&'a [u8]),
    /// How it went with the method, and what it returned.
    Done(ActionResult<'a>),
    /// How it went with each method: [`ActionResult`]s behind their count.
    DoneEach(&'a [u8]),
    /// How it went with each thing that was asked for.
    Accessed(AccessResponse<'a>),
    /// The association is over.
    Released,
}

/// What the session does next.
pub(super) enum Next {
    /// Send the PDU in the outbox.
    Send,
    /// The command is done; ask [`Session::outcome`].
    Finished,
    /// Wait for what follows.
    Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    Associating,
    Proving,
    Open,
    Releasing,
}

/// What is under way. Octets of it stand in the lent buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Nothing,
    /// Reading: blocks taken, octets of them.
    Get {
        list: bool,
        number: u32,
        length: usize,
    },
    /// Writing in blocks: the block that was sent, octets sent of all.
    Set {
        list: bool,
        number: u32,
        sent: usize,
        length: usize,
    },
    /// Sending parameters in blocks.
    Act {
        list: bool,
        number: u32,
        sent: usize,
        length: usize,
    },
    /// Taking results in blocks.
    Returns {
        list: bool,
        number: u32,
        length: usize,
    },
    /// Asking for several things at once.
    Access,
    /// Finished: what the octets in the buffer are.
    Finished(Kind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Associated,
    Value(usize),
    NoValue(AccessError),
    Values(usize),
    Written(Result<(), AccessError>),
    WrittenEach(usize),
    Done {
        result: Result<(), ActionError>,
        returned: Option<Result<(usize, usize), AccessError>>,
    },
    DoneEach(usize),
    Accessed(usize),
    Released,
}

/// The client above its framing.
pub(super) struct Session<'b> {
    pub(super) settings: Settings<'b>,
    /// The next number to protect a message with.
    pub(super) counter: u32,
    /// What general-ciphering and general-signing remember.
    pub(super) general: General,
    /// The greatest number of the meter.
    pub(super) received: Option<u32>,
    /// The last number of ours under the dedicated key, where it has numbers of its own.
    pub(super) dedicated_sent: u32,
    /// The greatest number of the meter under the dedicated key.
    pub(super) dedicated_received: Option<u32>,
    pub(super) server_title: Option<Title>,
    pub(super) from_server: Option<Challenge>,
    pub(super) conformance: Conformance,
    /// The longest PDU the meter takes.
    pub(super) send_max: usize,
    pub(super) invoke: Invoke,
    pub(super) state: State,
    pub(super) work: Work,
    pub(super) inbox: Zeroizing<[u8; HEADROOM + PDU_MAX]>,
    pub(super) outbox: Zeroizing<[u8; HEADROOM + PDU_MAX]>,
    pub(super) pdu: Range<usize>,
    pub(super) lent: &'b mut [u8],
    /// The number of the last ACCESS.
    pub(super) long_invoke: u32,
    pub(super) blocks: Blocks,
    /// Whether several PDUs may go out in a row.
    pub(super) streams: bool,
    /// What the meter said unasked, and how many octets of it.
    notice: [u8; PDU_MAX],
    noticed: usize,
}

const GENERAL_GLOBAL: u8 = 0xDB;
const GENERAL_DEDICATED: u8 = 0xDC;

const APDU: ClientError = ClientError::Protocol(Protocol::Apdu);

impl<'b> Session<'b> {
    pub(super) fn new(settings: Settings<'b>, counter: u32, lent: &'b mut [u8], streams: bool) -> Self {
        Self {
            conformance: settings.conformance,
            settings,
            counter,
            general: General::new(None),
            received: None,
            dedicated_sent: 0,
            dedicated_received: None,
            server_title: None,
            from_server: None,
            send_max: PDU_MAX,
            invoke: Invoke::confirmed(0),
            state: State::Closed,
            work: Work::Nothing,
            inbox: Zeroizing::new([0; HEADROOM + PDU_MAX]),
            outbox: Zeroizing::new([0; HEADROOM + PDU_MAX]),
            pdu: HEADROOM..HEADROOM,
            lent,
            long_invoke: 0,
            blocks: Blocks::default(),
            streams,
            notice: [0; PDU_MAX],
            noticed: 0,
        }
    }

    pub(super) const fn settings(&self) -> &Settings<'b> {
        &self.settings
    }

    pub(super) const fn next_counter(&self) -> u32 {
        self.counter
    }

    pub(super) const fn conformance(&self) -> Conformance {
        self.conformance
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    pub(super) fn inbox(&mut self) -> &mut [u8] {
        self.inbox.get_mut(HEADROOM..).unwrap_or_default()
    }

    /// The PDU to be sent.
    pub(super) fn pdu(&self) -> &[u8] {
        self.outbox.get(self.pdu.clone()).unwrap_or(&[])
    }

    /// Puts a link's header before the PDU.
    pub(super) fn prepend(&mut self, header: &[u8]) {
        let start = self.pdu.start.saturating_sub(header.len());
        if let Some(place) = self.outbox.get_mut(start..start + header.len()) {
            place.copy_from_slice(header);
            self.pdu.start = start;
        }
    }

    /// The link is gone.
    pub(super) fn lost(&mut self) {
        self.state = State::Closed;
        self.work = Work::Nothing;
    }

    /// Begins a command: its first request stands in the outbox.
    pub(super) fn begin(&mut self, command: Command<'_>) -> Result<(), ClientError> {
        self.invoke = Invoke::confirmed(self.invoke.id().wrapping_add(1));
        self.blocks = Blocks::default();
        let invoke = self.invoke;
        match (command, self.state) {
            (Command::Associate, _) => return self.associate(),
            (_, State::Open) => {}
            _ => return Err(ClientError::NotNow),
        }
        match command {
            Command::Associate => Ok(()),
            Command::Get(item) => {
                self.work = Work::Get {
                    list: false,
                    number: 0,
                    length: 0,
                };
                self.request(|out| GetRequest::Normal(invoke, item).emit(out))
            }
            Command::GetList(items) => {
                self.work = Work::Get {
                    list: true,
                    number: 0,
                    length: 0,
                };
                self.request(|out| {
                    out.put(&[tag::GET_REQUEST, 3, invoke.0])?;
                    out.length(items.len())?;
                    items.iter().try_for_each(|item| put_item(out, *item))
                })
            }
            Command::Set(item, value) => {
                let length = self.lend(|out| out.put(value))?;
                self.work = Work::Set {
                    list: false,
                    number: 0,
                    sent: 0,
                    length,
                };
                let whole = self.request(|out| SetRequest::Normal(invoke, item, value).emit(out));
                whole.or_else(|_| self.first_block(|out, block| SetRequest::FirstBlock(invoke, item, block).emit(out)))
            }
            Command::SetList(pairs) => {
                let length = self.lend(|out| {
                    out.length(pairs.len())?;
                    pairs.iter().try_for_each(|(_, value)| out.put(value))
                })?;
                let mut references = [0; PDU_MAX];
                let mut out = Writer::new(&mut references);
                let put = pairs.iter().try_for_each(|(item, _)| put_item(&mut out, *item));
                put.map_err(|_| ClientError::TooLong)?;
                let items = Items {
                    count: pairs.len(),
                    octets: out.written(),
                };
                self.work = Work::Set {
                    list: true,
                    number: 0,
                    sent: 0,
                    length,
                };
                let whole =
                    self.request_with_lent(length, |out, values| SetRequest::List(invoke, items, values).emit(out));
                whole.or_else(|_| {
                    self.first_block(|out, block| SetRequest::ListFirstBlock(invoke, items, block).emit(out))
                })
            }
            Command::Act(method, parameters) => {
                let length = self.lend(|out| out.put(parameters.unwrap_or(&[])))?;
                self.work = Work::Act {
                    list: false,
                    number: 0,
                    sent: 0,
                    length,
                };
                let whole = self.request(|out| ActionRequest::Normal(invoke, method, parameters).emit(out));
                whole.or_else(|_| {
                    self.first_block(|out, block| ActionRequest::FirstBlock(invoke, method, block).emit(out))
                })
            }
            Command::ActList(pairs) => {
                let length = self.lend(|out| {
                    out.length(pairs.len())?;
                    pairs.iter().try_for_each(|(_, parameters)| out.put(parameters))
                })?;
                let mut references = [0; PDU_MAX];
                let mut out = Writer::new(&mut references);
                let put = pairs.iter().try_for_each(|(method, _)| put_method(&mut out, *method));
                put.map_err(|_| ClientError::TooLong)?;
                let methods = Methods {
                    count: pairs.len(),
                    octets: out.written(),
                };
                self.work = Work::Act {
                    list: true,
                    number: 0,
                    sent: 0,
                    length,
                };
                let whole = self.request_with_lent(length, |out, values| {
                    ActionRequest::List(invoke, methods, values).emit(out)
                });
                whole.or_else(|_| {
                    self.first_block(|out, block| ActionRequest::ListFirstBlock(invoke, methods, block).emit(out))
                })
            }
            Command::Access { wanted, break_on_error } => self.begin_access(wanted, break_on_error),
            Command::Release => self.release(),
        }
    }

    /// Takes the meter's answer: the first `length` octets of the inbox.
    pub(super) fn on(&mut self, length: usize) -> Result<Next, ClientError> {
        let range = HEADROOM..HEADROOM + length.min(PDU_MAX);
        if self.state == State::Open && self.inbox.get(HEADROOM) == Some(&tag::GENERAL_BLOCK) {
            return self.general_block(range);
        }
        match self.state {
            State::Closed => Err(APDU),
            State::Associating => self.associated(range),
            State::Releasing => self.released(range),
            State::Proving | State::Open => {
                let apdu = self.unprotect(range)?;
                if self.state == State::Open && self.is_notice(apdu.clone()) {
                    return self.take_notice(apdu);
                }
                if self.state == State::Proving {
                    self.proven(apdu)
                } else {
                    self.answered(apdu)
                }
            }
        }
    }

    /// What came of the command that finished.
    pub(super) fn outcome(&self) -> Option<Outcome<'_>> {
        let Work::Finished(kind) = self.work else { return None };
        let lent = |from: usize, to: usize| self.lent.get(from..to).unwrap_or(&[]);
        Some(match kind {
            Kind::Associated => Outcome::Associated,
            Kind::Value(length) => Outcome::Value(Ok(lent(0, length))),
            Kind::NoValue(error) => Outcome::Value(Err(error)),
            Kind::Values(length) => Outcome::Values(Results::parse(lent(0, length)).ok()?),
            Kind::Written(result) => Outcome::Written(result),
            Kind::WrittenEach(length) => Outcome::WrittenEach(lent(0, length)),
            Kind::Done { result, returned } => {
                let returned = returned.map(|it| it.map(|(from, to)| lent(from, to)));
                Outcome::Done(ActionResult { result, returned })
            }
            Kind::DoneEach(length) => Outcome::DoneEach(lent(0, length)),
            Kind::Accessed(length) => Outcome::Accessed(AccessResponse::parse(lent(0, length)).ok()?),
            Kind::Released => Outcome::Released,
        })
    }

    pub(super) fn finished(&mut self, kind: Kind) -> Result<Next, ClientError> {
        self.work = Work::Finished(kind);
        // What was asked goes out no more; it may have been a password, or a key that was written.
        self.outbox.zeroize();
        self.pdu = HEADROOM..HEADROOM;
        Ok(Next::Finished)
    }

    /// Whether an answer in the first `length` octets of the inbox may be a notification.
    pub(super) fn may_be_notice(&self, length: usize) -> bool {
        let first = self.inbox.get(HEADROOM).copied().unwrap_or_default();
        let general = matches!(first, GENERAL_GLOBAL | GENERAL_DEDICATED);
        self.state == State::Open && 0 < length && (Notification::is_tag(first) || general)
    }

    fn is_notice(&self, apdu: Range<usize>) -> bool {
        let first = self.inbox.get(apdu).and_then(|octets| octets.first());
        first.is_some_and(|&first| Notification::is_tag(first))
    }

    /// Keeps a notification for [`Session::notification`]; the answer that is due is still due.
    fn take_notice(&mut self, apdu: Range<usize>) -> Result<Next, ClientError> {
        let octets = self.inbox.get(apdu).unwrap_or(&[]);
        let confirmation = Notification::parse(octets).map_err(|_| APDU)?.confirmation();
        self.noticed = put_lent(&mut self.notice, 0, octets)?;
        match confirmation {
            // On a serial line the meter has the word when it is asked, and the request must stay for repetition.
            Some(confirm) if self.streams => {
                self.request(|out| confirm.emit(out))?;
                Ok(Next::Send)
            }
            _ => Ok(Next::Wait),
        }
    }

    /// What the meter said unasked last.
    pub(super) fn notification(&self) -> Option<Notification<'_>> {
        Notification::parse(self.notice.get(..self.noticed)?).ok()
    }

    /// Forgets it.
    pub(super) fn forget_notification(&mut self) {
        self.noticed = 0;
    }
}
/// Puts octets into the lent buffer at `from`; answers where they end.
pub(super) fn put_lent(lent: &mut [u8], from: usize, octets: &[u8]) -> Result<usize, ClientError> {
    let to = from + octets.len();
    lent.get_mut(from..to)
        .ok_or(ClientError::TooLong)?
        .copy_from_slice(octets);
    Ok(to)
}
