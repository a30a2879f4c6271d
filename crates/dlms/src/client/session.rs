//! One command after the other: requests out, answers in, blocks put together and cut.

use core::ops::Range;

use cosem::axdr::{Octets, Reader, Writer};
use cosem::{AccessError, ActionError, Method};

use super::blocks::Blocks;
use super::error::{ClientError, Protocol};
use super::general::General;
use super::settings::{Credentials, Settings};
use crate::acse::{
    AssociationRequest, AssociationResponse, Context, Mechanism, Outcome as Granted, ReleaseRequest, ReleaseResponse,
};
use crate::apdu::{
    AccessResponse, AccessSpec, ActionRequest, ActionResponse, ActionResult, Block, Exception, GetRequest, GetResponse,
    Invoke, Item, Items, Methods, Notification, Results, SERVICE_ERROR, ServiceError, SetRequest, SetResponse,
    put_item, put_method, tag,
};
use crate::initiate::{self, Conformance, InitiateError, InitiateRequest, InitiateResponse};
use crate::security::{
    CIPHERING, Challenge, Envelope, HEADROOM, Keys, Protection, SIGNING, Sealed, Title, open, overhead, seal,
};
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
    dedicated_sent: u32,
    /// The greatest number of the meter under the dedicated key.
    dedicated_received: Option<u32>,
    pub(super) server_title: Option<Title>,
    pub(super) from_server: Option<Challenge>,
    pub(super) conformance: Conformance,
    /// The longest PDU the meter takes.
    pub(super) send_max: usize,
    pub(super) invoke: Invoke,
    pub(super) state: State,
    pub(super) work: Work,
    pub(super) inbox: [u8; HEADROOM + PDU_MAX],
    pub(super) outbox: [u8; HEADROOM + PDU_MAX],
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
const VALUE: ClientError = ClientError::Protocol(Protocol::Value);
const NUMBER: ClientError = ClientError::Protocol(Protocol::BlockNumber);

impl<'b> Session<'b> {
    pub(super) fn new(settings: Settings<'b>, counter: u32, lent: &'b mut [u8], streams: bool) -> Self {
        Self {
            conformance: settings.conformance,
            settings,
            counter,
            general: General::new(),
            received: None,
            dedicated_sent: 0,
            dedicated_received: None,
            server_title: None,
            from_server: None,
            send_max: PDU_MAX,
            invoke: Invoke::confirmed(0),
            state: State::Closed,
            work: Work::Nothing,
            inbox: [0; HEADROOM + PDU_MAX],
            outbox: [0; HEADROOM + PDU_MAX],
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
            Command::Release => {
                self.state = State::Releasing;
                self.plain(|out| {
                    ReleaseRequest {
                        reason: Some(0),
                        information: None,
                    }
                    .emit(out)
                })
            }
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
            State::Releasing => {
                ReleaseResponse::parse(self.inbox.get(range).unwrap_or(&[])).map_err(|_| APDU)?;
                self.state = State::Closed;
                self.finished(Kind::Released)
            }
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
        Ok(Next::Finished)
    }

    // ---- association ---------------------------------------------------------------------------------------------------------

    fn associate(&mut self) -> Result<(), ClientError> {
        self.state = State::Associating;
        self.work = Work::Nothing;
        self.general = General::new();
        self.received = None;
        (self.dedicated_sent, self.dedicated_received) = (0, None);
        self.send_max = PDU_MAX;
        let settings = self.settings.clone();
        let mut scratch = [0; HEADROOM + 96];
        let mut out = Writer::new(scratch.get_mut(HEADROOM..).unwrap_or_default());
        let request = InitiateRequest {
            dedicated_key: settings.dedicated.map(|key| key.octets()),
            response_allowed: true,
            quality: None,
            version: initiate::VERSION,
            conformance: settings.conformance,
            receive_max: settings.receive_max,
        };
        request.emit(&mut out).map_err(|_| ClientError::TooLong)?;
        let mut range = HEADROOM..HEADROOM + out.len();
        if settings.is_sealing() {
            let keys = settings.keys.ok_or(ClientError::Keys)?;
            let counter = self.take_counter()?;
            range = seal(
                &mut scratch,
                range,
                settings.envelope(true),
                settings.protection.ciphered(),
                keys,
                settings.title,
                counter,
            )
            .map_err(|_| ClientError::Keys)?;
        }
        let signs = settings.mechanism() == Mechanism::Ecdsa;
        let titled = settings.context == Context::Ciphered || settings.mechanism().is_high();
        let request = AssociationRequest {
            calling_title: titled.then_some(&settings.title),
            mechanism: Some(Some(settings.mechanism())),
            authentication: match &settings.credentials {
                Credentials::None => None,
                Credentials::Password(password) => Some(password),
                _ => settings.challenge().map(Challenge::octets),
            },
            calling_qualifier: settings.identity.and_then(|it| it.certificate).filter(|_| signs),
            ..AssociationRequest::new(settings.context, scratch.get(range).unwrap_or(&[]))
        };
        self.plain(|out| request.emit(out))
    }

    fn associated(&mut self, range: Range<usize>) -> Result<Next, ClientError> {
        let octets = self.inbox.get(range).unwrap_or(&[]);
        if octets.first() == Some(&tag::EXCEPTION) {
            return Err(Exception::parse(octets).map_or(APDU, ClientError::Exception));
        }
        let response = AssociationResponse::parse(octets).map_err(|_| APDU)?;
        if response.outcome != Granted::Accepted {
            let initiate = response.information.and_then(InitiateError::parse);
            let (outcome, diagnostic) = (response.outcome, response.diagnostic);
            return Err(ClientError::Refused {
                outcome,
                diagnostic,
                initiate,
            });
        }
        let title = response.responding_title.and_then(|title| Title::try_from(title).ok());
        // The meter with our own title, or with our own challenge, would be ourselves in a mirror.
        if title == Some(self.settings.title) {
            return Err(ClientError::Impostor);
        }
        let challenge = response.authentication.and_then(Challenge::new);
        let information = response.information.ok_or(APDU)?;
        let mut scratch = [0; HEADROOM + 96];
        let place = HEADROOM..HEADROOM + information.len();
        scratch.get_mut(place.clone()).ok_or(APDU)?.copy_from_slice(information);
        let mut plain = place;
        let mut received = None;
        if self.settings.is_sealing() {
            let sealed = Sealed::parse(information).map_err(|_| ClientError::Unprotected)?;
            if !sealed.protection().covers(self.settings.protection.ciphered()) {
                return Err(ClientError::Unprotected);
            }
            let keys = self.settings.keys.ok_or(ClientError::Keys)?;
            let title = title.ok_or(ClientError::Deciphering)?;
            plain = open(&mut scratch, HEADROOM, &sealed, keys, title).map_err(|_| ClientError::Deciphering)?;
            received = Some(sealed.counter);
        }
        let granted = InitiateResponse::parse(scratch.get(plain).unwrap_or(&[])).map_err(|_| APDU)?;
        self.received = received;
        self.server_title = title;
        self.conformance = granted.conformance & self.settings.conformance | self.settings.assumed;
        self.send_max = match usize::from(granted.receive_max) {
            0 => PDU_MAX,
            limit => limit.min(PDU_MAX),
        };
        let Some(own) = self.settings.challenge().cloned() else {
            self.state = State::Open;
            return self.finished(Kind::Associated);
        };
        let challenge = challenge.filter(|it| *it != own).ok_or(ClientError::Impostor)?;
        let token = self.prove(&challenge, &own)?;
        self.from_server = Some(challenge);
        self.state = State::Proving;
        let invoke = self.invoke;
        self.request(|out| {
            ActionRequest::Normal(invoke, crate::server::REPLY_TO_CHALLENGE, Some(&[])).emit(out)?;
            out.value(Octets(&token))
        })?;
        Ok(Next::Send)
    }

    /// The meter's answer to our challenge.
    fn proven(&mut self, apdu: Range<usize>) -> Result<Next, ClientError> {
        let octets = self.inbox.get(apdu).unwrap_or(&[]);
        let response = ActionResponse::parse(octets).map_err(|_| APDU)?;
        let ActionResponse::Normal(
            _,
            ActionResult {
                result: Ok(()),
                returned: Some(Ok(token)),
            },
        ) = response
        else {
            return Err(ClientError::Impostor);
        };
        let mut reader = Reader::new(token);
        let Octets(token) = reader.value().map_err(|_| VALUE)?;
        if !self.believes(token) {
            return Err(ClientError::Impostor);
        }
        self.state = State::Open;
        self.finished(Kind::Associated)
    }

    // ---- protection ----------------------------------------------------------------------------------------------------------

    pub(super) fn take_counter(&mut self) -> Result<u32, ClientError> {
        let counter = self.counter;
        self.counter = counter.checked_add(1).ok_or(ClientError::Keys)?;
        Ok(counter)
    }

    /// The longest APDU that fits into what the meter takes.
    fn room(&self) -> usize {
        self.room_in(self.send_max)
    }

    fn room_in(&self, pdu_max: usize) -> usize {
        if !self.settings.is_sealing() {
            return pdu_max;
        }
        let pdu_max = pdu_max.saturating_sub(self.general_overhead());
        let around = overhead(
            self.settings.envelope(false).general(),
            self.settings.protection,
            pdu_max,
        );
        pdu_max.saturating_sub(around)
    }

    /// Writes a PDU that is never protected.
    fn plain(
        &mut self,
        emit: impl FnOnce(&mut Writer<'_>) -> Result<(), cosem::axdr::Full>,
    ) -> Result<(), ClientError> {
        let mut out = Writer::new(self.outbox.get_mut(HEADROOM..).unwrap_or_default());
        emit(&mut out).map_err(|_| ClientError::TooLong)?;
        self.pdu = HEADROOM..HEADROOM + out.len();
        Ok(())
    }

    /// Writes a request and protects it.
    fn request(
        &mut self,
        emit: impl FnOnce(&mut Writer<'_>) -> Result<(), cosem::axdr::Full>,
    ) -> Result<(), ClientError> {
        self.request_with_lent(0, |out, _| emit(out))
    }

    /// The same with the first `length` octets of the lent buffer at hand.
    pub(super) fn request_with_lent(
        &mut self,
        length: usize,
        emit: impl FnOnce(&mut Writer<'_>, &[u8]) -> Result<(), cosem::axdr::Full>,
    ) -> Result<(), ClientError> {
        // What is longer than the meter's PDU goes out in general blocks, as far as it can be sealed whole.
        let room = if self.has_general_blocks() && self.state == State::Open {
            self.room_in(PDU_MAX)
        } else {
            self.room()
        };
        let to = HEADROOM + room;
        let mut out = Writer::new(self.outbox.get_mut(HEADROOM..to).unwrap_or_default());
        emit(&mut out, self.lent.get(..length).unwrap_or(&[])).map_err(|_| ClientError::TooLong)?;
        self.pdu = HEADROOM..HEADROOM + out.len();
        if self.settings.is_sealing() {
            let own = self.settings.dialect.dedicated_counter && self.settings.envelope(false).is_dedicated();
            let counter = if own {
                self.dedicated_sent = self.dedicated_sent.checked_add(1).ok_or(ClientError::Keys)?;
                self.dedicated_sent
            } else {
                self.take_counter()?
            };
            let keys = self.settings.keys.ok_or(ClientError::Keys)?;
            let keys = self
                .settings
                .dedicated
                .map_or(keys, |encryption| Keys { encryption, ..keys });
            let (envelope, protection) = (self.settings.envelope(false), self.settings.protection);
            // ACCESS and what belongs to notifications have no ciphered form of their own.
            let first = self.outbox.get(HEADROOM).copied().unwrap_or_default();
            let envelope = match first {
                tag::ACCESS_REQUEST | tag::NOTIFICATION_CONFIRM => envelope.general(),
                _ => envelope,
            };
            let title = self.settings.title;
            self.pdu = if envelope == Envelope::GeneralCiphering {
                self.seal_general(counter)?
            } else if protection.ciphered() == Protection::NONE {
                self.pdu.clone()
            } else {
                let range = self.pdu.clone();
                seal(
                    &mut self.outbox,
                    range,
                    envelope,
                    protection.ciphered(),
                    keys,
                    title,
                    counter,
                )
                .map_err(|_| ClientError::Keys)?
            };
            if protection.covers(Protection::SIGNED) {
                self.pdu = self.sign_general()?;
            }
        }
        if self.send_max < self.pdu.len() {
            return self.give_in_blocks();
        }
        Ok(())
    }

    fn unprotect(&mut self, range: Range<usize>) -> Result<Range<usize>, ClientError> {
        self.unprotect_at(range, false)
    }

    /// The same of an answer that was put together in the lent buffer.
    pub(super) fn unprotect_lent(&mut self, range: Range<usize>) -> Result<Range<usize>, ClientError> {
        self.unprotect_at(range, true)
    }

    fn unprotect_at(&mut self, range: Range<usize>, lent: bool) -> Result<Range<usize>, ClientError> {
        let buffer: &mut [u8] = if lent { self.lent } else { &mut self.inbox };
        let octets = buffer.get(range.clone()).unwrap_or(&[]);
        let first = octets.first().copied().ok_or(APDU)?;
        if first == tag::EXCEPTION {
            self.work = Work::Nothing;
            return Err(Exception::parse(octets).map_or(APDU, ClientError::Exception));
        }
        if first == SERVICE_ERROR {
            self.work = Work::Nothing;
            return Err(ServiceError::parse(octets).map_or(APDU, ClientError::Service));
        }
        let mut range = range;
        if matches!(first, CIPHERING | SIGNING) {
            let (inner, whole) = self.open_general(range, lent)?;
            if whole {
                return Ok(inner);
            }
            range = inner;
        } else if self.settings.protection.covers(Protection::SIGNED) {
            return Err(ClientError::Unprotected);
        }
        let buffer: &mut [u8] = if lent { self.lent } else { &mut self.inbox };
        let octets = buffer.get(range.clone()).unwrap_or(&[]);
        let first = octets.first().copied().ok_or(APDU)?;
        if !Sealed::is_tag(first) {
            let plain = !self.settings.is_sealing() || self.settings.protection.ciphered() == Protection::NONE;
            return if plain {
                Ok(range)
            } else {
                Err(ClientError::Unprotected)
            };
        }
        let sealed = Sealed::parse(octets).map_err(|_| APDU)?;
        if !sealed
            .protection()
            .covers(self.settings.protection.ciphered() | Protection::AUTHENTICATED)
        {
            return Err(ClientError::Unprotected);
        }
        let keys = self.settings.keys.ok_or(ClientError::Keys)?;
        let keys = match self.settings.dedicated {
            Some(encryption) if sealed.envelope.is_dedicated() => Keys { encryption, ..keys },
            _ => keys,
        };
        let title = self
            .server_title
            .filter(|title| sealed.title.is_none_or(|said| said == *title));
        let title = title.ok_or(ClientError::Deciphering)?;
        let buffer = buffer.get_mut(..range.end).unwrap_or_default();
        let apdu = open(buffer, range.start, &sealed, keys, title).map_err(|_| ClientError::Deciphering)?;
        let dedicated = sealed.envelope.is_dedicated() && self.settings.dialect.dedicated_counter;
        let last = if dedicated {
            &mut self.dedicated_received
        } else {
            &mut self.received
        };
        if last.is_some_and(|last| sealed.counter <= last) {
            return Err(ClientError::Replayed);
        }
        *last = Some(sealed.counter);
        Ok(apdu)
    }

    // ---- what the meter says unasked ------------------------------------------------------------------------------------------

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

    // ---- services ------------------------------------------------------------------------------------------------------------

    /// Fills the lent buffer; answers how many octets.
    pub(super) fn lend(
        &mut self,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), cosem::axdr::Full>,
    ) -> Result<usize, ClientError> {
        let mut out = Writer::new(self.lent);
        write(&mut out).map_err(|_| ClientError::TooLong)?;
        Ok(out.len())
    }

    /// Sends what stands in the lent buffer from its start in blocks.
    fn first_block(
        &mut self,
        emit: impl Fn(&mut Writer<'_>, Block<'_>) -> Result<(), cosem::axdr::Full>,
    ) -> Result<(), ClientError> {
        // The head is as long as the references make it: what the empty block leaves is for the data.
        let mut head = [0; PDU_MAX];
        let mut out = Writer::new(&mut head);
        emit(
            &mut out,
            Block {
                last: false,
                number: 1,
                raw: &[],
            },
        )
        .map_err(|_| ClientError::TooLong)?;
        let head = out.len();
        self.block(head, emit)
    }

    fn next_block(
        &mut self,
        emit: impl Fn(&mut Writer<'_>, Block<'_>) -> Result<(), cosem::axdr::Full>,
    ) -> Result<(), ClientError> {
        self.block(9, emit)
    }

    fn block(
        &mut self,
        head: usize,
        emit: impl Fn(&mut Writer<'_>, Block<'_>) -> Result<(), cosem::axdr::Full>,
    ) -> Result<(), ClientError> {
        let (Work::Set {
            number, sent, length, ..
        }
        | Work::Act {
            number, sent, length, ..
        }) = self.work
        else {
            return Err(ClientError::NotNow);
        };
        // Two more octets for the length of the data.
        let room = self
            .room()
            .checked_sub(head + 2)
            .filter(|&room| 0 < room)
            .ok_or(ClientError::TooLong)?;
        let to = length.min(sent + room);
        let block = (sent, to, to == length, number.wrapping_add(1));
        self.request_with_lent(to, |out, lent| {
            emit(
                out,
                Block {
                    last: block.2,
                    number: block.3,
                    raw: lent.get(block.0..block.1).unwrap_or(&[]),
                },
            )
        })?;
        if let Work::Set { number, sent, .. } | Work::Act { number, sent, .. } = &mut self.work {
            (*number, *sent) = (block.3, to);
        }
        Ok(())
    }

    fn answered(&mut self, apdu: Range<usize>) -> Result<Next, ClientError> {
        let work = core::mem::replace(&mut self.work, Work::Nothing);
        let octets = self.inbox.get(apdu.clone()).unwrap_or(&[]);
        match work {
            Work::Nothing | Work::Finished(_) => Err(APDU),
            Work::Access => self.access_answered(apdu),
            Work::Get { list, number, length } => {
                let response = GetResponse::parse(octets).map_err(|_| APDU)?;
                let (GetResponse::Normal(invoke, _) | GetResponse::Block { invoke, .. } | GetResponse::List(invoke, _)) =
                    response;
                self.check_invoke(invoke)?;
                match response {
                    GetResponse::Normal(_, Ok(data)) if !list && number == 0 => {
                        let length = put_lent(self.lent, 0, data)?;
                        self.finished(Kind::Value(length))
                    }
                    GetResponse::Normal(_, Err(error)) if !list && number == 0 => self.finished(Kind::NoValue(error)),
                    GetResponse::List(_, results) if list && number == 0 => {
                        // Results are kept behind their count, as blocks carry them.
                        let mut out = Writer::new(self.lent);
                        let put = out.length(results.count).and_then(|()| out.put(results.octets));
                        put.map_err(|_| ClientError::TooLong)?;
                        let length = out.len();
                        self.finished(Kind::Values(length))
                    }
                    GetResponse::Block { raw: Err(error), .. } => self.finished(Kind::NoValue(error)),
                    GetResponse::Block {
                        last,
                        number: came,
                        raw: Ok(raw),
                        ..
                    } => {
                        if came != number.wrapping_add(1) {
                            return Err(NUMBER);
                        }
                        let length = put_lent(self.lent, length, raw)?;
                        if !last {
                            let invoke = self.invoke;
                            self.work = Work::Get {
                                list,
                                number: came,
                                length,
                            };
                            self.request(|out| GetRequest::Next(invoke, came).emit(out))?;
                            return Ok(Next::Send);
                        }
                        let whole = self.lent.get(..length).unwrap_or(&[]);
                        if list {
                            Results::parse(whole).map_err(|_| VALUE)?;
                            self.finished(Kind::Values(length))
                        } else {
                            one_value(whole)?;
                            self.finished(Kind::Value(length))
                        }
                    }
                    _ => Err(APDU),
                }
            }
            Work::Set {
                list,
                number,
                sent,
                length,
            } => {
                let response = SetResponse::parse(octets).map_err(|_| APDU)?;
                let (SetResponse::Normal(invoke, _)
                | SetResponse::Block(invoke, _)
                | SetResponse::LastBlock(invoke, ..)
                | SetResponse::LastBlockList(invoke, ..)
                | SetResponse::List(invoke, _)) = response;
                self.check_invoke(invoke)?;
                match response {
                    SetResponse::Normal(_, result) if number == 0 && !list => self.finished(Kind::Written(result)),
                    SetResponse::List(_, results) if number == 0 && list => {
                        let length = put_lent(self.lent, 0, results)?;
                        self.finished(Kind::WrittenEach(length))
                    }
                    SetResponse::Block(_, came) if 0 < number && sent < length => {
                        if came != number {
                            return Err(NUMBER);
                        }
                        self.work = Work::Set {
                            list,
                            number,
                            sent,
                            length,
                        };
                        let invoke = self.invoke;
                        self.next_block(|out, block| SetRequest::Block(invoke, block).emit(out))?;
                        Ok(Next::Send)
                    }
                    // A refusal of any block comes in this form too.
                    SetResponse::LastBlock(_, result, _) if 0 < number && (!list || result.is_err()) => {
                        self.finished(Kind::Written(result))
                    }
                    SetResponse::LastBlockList(_, results, _) if 0 < number && list => {
                        let length = put_lent(self.lent, 0, results)?;
                        self.finished(Kind::WrittenEach(length))
                    }
                    _ => Err(APDU),
                }
            }
            Work::Act {
                list,
                number,
                sent,
                length,
            } => {
                let response = ActionResponse::parse(octets).map_err(|_| APDU)?;
                self.check_action_invoke(response)?;
                match response {
                    ActionResponse::Next(_, came) if 0 < number && sent < length => {
                        if came != number {
                            return Err(NUMBER);
                        }
                        self.work = Work::Act {
                            list,
                            number,
                            sent,
                            length,
                        };
                        let invoke = self.invoke;
                        self.next_block(|out, block| ActionRequest::Block(invoke, block).emit(out))?;
                        Ok(Next::Send)
                    }
                    _ => self.returned(apdu, list, 0, 0),
                }
            }
            Work::Returns { list, number, length } => {
                let response = ActionResponse::parse(octets).map_err(|_| APDU)?;
                self.check_action_invoke(response)?;
                self.returned(apdu, list, number, length)
            }
        }
    }

    /// Takes the results of methods, or a block of them.
    fn returned(&mut self, apdu: Range<usize>, list: bool, number: u32, length: usize) -> Result<Next, ClientError> {
        let response = ActionResponse::parse(self.inbox.get(apdu).unwrap_or(&[])).map_err(|_| APDU)?;
        match response {
            ActionResponse::Normal(_, ActionResult { result, returned }) if !list || result.is_err() => {
                let returned = match returned {
                    Some(Ok(data)) => Some(Ok((0, put_lent(self.lent, 0, data)?))),
                    Some(Err(error)) => Some(Err(error)),
                    None => None,
                };
                self.finished(Kind::Done { result, returned })
            }
            ActionResponse::List(_, results) if list => {
                let length = put_lent(self.lent, 0, results)?;
                self.finished(Kind::DoneEach(length))
            }
            ActionResponse::Block(_, block) => {
                if block.number != number.wrapping_add(1) {
                    return Err(NUMBER);
                }
                let length = put_lent(self.lent, length, block.raw)?;
                if !block.last {
                    let (invoke, number) = (self.invoke, block.number);
                    self.work = Work::Returns { list, number, length };
                    self.request(|out| ActionRequest::Next(invoke, number).emit(out))?;
                    return Ok(Next::Send);
                }
                if list {
                    return self.finished(Kind::DoneEach(length));
                }
                // Blocks of one method carry what it returned; that it succeeded goes without saying.
                one_value(self.lent.get(..length).unwrap_or(&[]))?;
                self.finished(Kind::Done {
                    result: Ok(()),
                    returned: Some(Ok((0, length))),
                })
            }
            _ => Err(APDU),
        }
    }

    pub(super) fn check_invoke(&self, invoke: Invoke) -> Result<(), ClientError> {
        if invoke.id() == self.invoke.id() {
            Ok(())
        } else {
            Err(ClientError::Protocol(Protocol::Invoke))
        }
    }

    fn check_action_invoke(&self, response: ActionResponse<'_>) -> Result<(), ClientError> {
        let (ActionResponse::Normal(invoke, _)
        | ActionResponse::Block(invoke, _)
        | ActionResponse::List(invoke, _)
        | ActionResponse::Next(invoke, _)) = response;
        self.check_invoke(invoke)
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

/// The octets are one whole value.
fn one_value(octets: &[u8]) -> Result<(), ClientError> {
    let mut reader = Reader::new(octets);
    reader.skip_value().and_then(|_| reader.end()).map_err(|_| VALUE)
}
