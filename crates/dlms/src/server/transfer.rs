//! GET, SET, ACTION and ACCESS, whole or in blocks (IEC 62056-5-3, 6.6 to 6.9): a machine of its own beside the
//! association.
//!
//! ```text
//!            answer too long            Get-Next, last block
//!   Idle --------------------> Reading ---------------------> Idle
//!            answer too long            all blocks acknowledged
//!   Idle --------------------> Streaming -------------------> Idle
//!            first block                block, last one
//!   Idle --------------------> Assembling ------------------> Idle, or Returning
//!            result too long            Next, last block
//!   Idle --------------------> Returning -------------------> Idle
//!   any -- another request, another invoke id, a wrong block number --> Idle
//! ```
//!
//! One request may come in between without ending what is under way: one of high priority while that is of normal
//! priority, where priorities were negotiated and its answer needs no blocks.

mod access;
mod action;
mod get;
mod set;

use core::ops::Range;

use cosem::axdr::{Full, Reader, Writer};
use cosem::{AccessError, ActionError, Selection};

pub(super) use get::Reading;

use super::answer::Cover;
use super::application::{Application, Caller, SecurityEvent};
use super::buffers::{Outbox, Store};
use super::session::Session;
use crate::apdu::{
    AccessRequest, ActionRequest, ActionResponse, Block, Exception, GetRequest, Invoke, Item, Items, SetRequest,
    SetResponse, tag,
};
use crate::initiate::Conformance;

/// What is under way between two requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Transfer {
    /// Nothing.
    Idle,
    /// The client takes the answer to a GET block by block.
    Reading(Reading),
    /// The answer to a GET goes out in general blocks; what follows those in the outbox is not made yet.
    Streaming(Reading),
    /// The client sends a long SET or ACTION block by block.
    Assembling(Assembling),
    /// The client takes the results of an ACTION block by block; they wait in the store.
    Returning {
        invoke: Invoke,
        /// The block that was sent last.
        number: u32,
    },
}

impl Transfer {
    /// Whether a request of high priority may come in between.
    const fn gives_way(&self) -> bool {
        match self {
            Self::Idle | Self::Streaming(_) => false,
            Self::Reading(reading) => !reading.invoke().is_high(),
            Self::Assembling(Assembling { invoke, .. }) | Self::Returning { invoke, .. } => !invoke.is_high(),
        }
    }
}

/// A long SET or ACTION under way. Its references are kept in the store, its values wait behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assembling {
    service: Service,
    invoke: Invoke,
    /// How many references, when it is a list.
    list: Option<usize>,
    /// The block that is due.
    number: u32,
    /// Octets that were staged, when the value is a large one: then nothing of it waits in the store.
    staged: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Set,
    Action,
}

/// Octets of a block's head before the length of its raw data: tag, form, invoke, last, number, and in a GET the choice
/// of data.
const GET_BLOCK_HEAD: usize = 3 + 1 + 4 + 1;
const ACTION_BLOCK_HEAD: usize = 3 + 1 + 4;

/// Octets of a result before the data that a method returned: success, data present, the choice of data.
const RESULT_HEAD: usize = 3;

/// Octets that may come back from a block to what waits, and a choice octet.
const SLACK: usize = 24;

impl Session {
    /// Serves a GET, SET, ACTION or ACCESS at `apdu` of the inbox; answers whether it is answered.
    pub(super) fn dispatch(
        &mut self,
        apdu: Range<usize>,
        caller: &Caller,
        cover: Cover,
        app: &mut dyn Application,
    ) -> Result<bool, Exception> {
        let Self {
            inbox,
            outbox,
            store,
            transfer,
            ..
        } = self;
        let octets = inbox.get(apdu).unwrap_or(&[]);
        let tolerated = app.tolerates(caller.client);
        let uses = store.uses();
        let mut desk = Desk {
            outbox,
            store,
            caller,
            tolerated,
            cover,
            app,
        };
        // What is under way is taken out; who goes on with it puts it back.
        let mut under_way = core::mem::replace(transfer, Transfer::Idle);
        let high = match octets {
            [tag::ACCESS_REQUEST, invoke, ..] | [_, _, invoke, ..] => invoke & 0x80 != 0,
            _ => false,
        };
        let waits = high && under_way.gives_way() && caller.conformance.has(Conformance::PRIORITY);
        let waiting = if waits {
            core::mem::replace(&mut under_way, Transfer::Idle)
        } else {
            Transfer::Idle
        };
        let (next, answered) = match octets.first() {
            Some(&tag::GET_REQUEST) => {
                desk.allowed(Conformance::GET)?;
                let request = GetRequest::parse(octets).map_err(|_| Exception::MALFORMED)?;
                (desk.get(request, under_way)?, true)
            }
            Some(&tag::SET_REQUEST) => {
                desk.allowed(Conformance::SET)?;
                let request = SetRequest::parse(octets).map_err(|_| Exception::MALFORMED)?;
                let answered = match request {
                    SetRequest::Normal(invoke, ..) | SetRequest::List(invoke, ..) => invoke.is_confirmed(),
                    _ => true,
                };
                (desk.set(request, under_way)?, answered)
            }
            Some(&tag::ACTION_REQUEST) => {
                desk.allowed(Conformance::ACTION)?;
                let request = ActionRequest::parse(octets).map_err(|_| Exception::MALFORMED)?;
                let answered = match request {
                    ActionRequest::Normal(invoke, ..) | ActionRequest::List(invoke, ..) => invoke.is_confirmed(),
                    _ => true,
                };
                (desk.action(request, under_way)?, answered)
            }
            Some(&tag::ACCESS_REQUEST) => {
                desk.allowed(Conformance::ACCESS)?;
                let request = AccessRequest::parse(octets).map_err(|_| Exception::MALFORMED)?;
                desk.access(&request)?;
                (Transfer::Idle, request.invoke.is_confirmed())
            }
            _ => return Err(Exception::UNKNOWN),
        };
        // The octets of what waited are still there if nobody used the store.
        *transfer = if waits && next == Transfer::Idle && store.uses() == uses {
            waiting
        } else {
            next
        };
        if !answered {
            // The service class says that nobody waits for an answer.
            outbox.clear();
            if let Transfer::Returning { .. } = transfer {
                *transfer = Transfer::Idle;
            }
        }
        Ok(answered)
    }

    /// Makes the next octets of an answer that goes out in general blocks; answers whether more follow.
    pub(super) fn stream_on(
        &mut self,
        caller: &Caller,
        cover: Cover,
        app: &mut dyn Application,
    ) -> Result<bool, Exception> {
        let Self {
            outbox,
            store,
            transfer,
            ..
        } = self;
        let Transfer::Streaming(reading) = core::mem::replace(transfer, Transfer::Idle) else {
            return Err(Exception::NOT_ALLOWED);
        };
        let tolerated = app.tolerates(caller.client);
        let mut desk = Desk {
            outbox,
            store,
            caller,
            tolerated,
            cover,
            app,
        };
        *transfer = desk.stream_on(reading)?;
        Ok(*transfer != Transfer::Idle)
    }
}

/// What one request is served with.
struct Desk<'s> {
    outbox: &'s mut Outbox,
    store: &'s mut Store,
    caller: &'s Caller,
    /// What the client may use without having negotiated it.
    tolerated: Conformance,
    cover: Cover,
    app: &'s mut dyn Application,
}

impl Desk<'_> {
    fn has(&self, services: Conformance) -> bool {
        (self.caller.conformance | self.tolerated).has(services)
    }

    fn allowed(&self, services: Conformance) -> Result<(), Exception> {
        if self.has(services) {
            Ok(())
        } else {
            Err(Exception::NOT_NEGOTIATED)
        }
    }

    fn allowed_selection(&self, item: Item<'_>) -> Result<(), Exception> {
        if item.selection == Selection::Whole {
            Ok(())
        } else {
            self.allowed(Conformance::SELECTIVE_ACCESS)
        }
    }

    fn allowed_list(&self, items: Items<'_>) -> Result<(), Exception> {
        self.allowed(Conformance::MULTIPLE_REFERENCES)?;
        items.iter().try_for_each(|item| self.allowed_selection(item))
    }

    /// Puts an answer that has no data waiting in the outbox.
    fn answer(&mut self, emit: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>) -> Result<(), Exception> {
        self.outbox.clear();
        self.outbox
            .write(self.cover.whole_room(), emit)
            .map_err(|_| Exception::TOO_LONG)
    }

    /// Puts a head before the data in the outbox.
    fn head(&mut self, emit: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>) -> Result<(), Exception> {
        let mut head = [0; 16];
        let mut head = Writer::new(&mut head);
        let fits = emit(&mut head).is_ok() && self.outbox.prepend(head.written());
        if fits { Ok(()) } else { Err(Exception::TOO_LONG) }
    }

    // ---- long requests -------------------------------------------------------------------------------------------------------

    fn assemble_first(
        &mut self,
        assembling: Assembling,
        references: &[u8],
        block: Block<'_>,
    ) -> Result<Transfer, Exception> {
        if self.store.keep(references, SLACK) {
            self.assemble(assembling, block)
        } else {
            self.assembling_ends(&assembling, block.number, AccessError::LongSetAborted)
        }
    }

    /// Takes a block; after the last one the request is served.
    fn assemble(&mut self, mut assembling: Assembling, block: Block<'_>) -> Result<Transfer, Exception> {
        if block.number != assembling.number {
            return self.assembling_ends(&assembling, block.number, AccessError::DataBlockNumberInvalid);
        }
        let taken = match &mut assembling.staged {
            Some(staged) => {
                let item = Item::take(&mut Reader::new(self.store.kept())).map_err(|_| Exception::MALFORMED)?;
                set::stage(self.caller, item, staged, block.raw, self.app)
            }
            None if self.store.put(block.raw) => Ok(()),
            None => Err(AccessError::LongSetAborted),
        };
        if let Err(error) = taken {
            return self.assembling_ends(&assembling, block.number, error);
        }
        match (block.last, assembling.service) {
            (true, Service::Set) => self.set_assembled(&assembling, block.number),
            (true, Service::Action) => self.action_assembled(&assembling),
            (false, service) => {
                let (invoke, number) = (assembling.invoke, block.number);
                self.answer(|out| match service {
                    Service::Set => SetResponse::Block(invoke, number).emit(out),
                    Service::Action => ActionResponse::Next(invoke, number).emit(out),
                })?;
                assembling.number = assembling.number.wrapping_add(1);
                Ok(Transfer::Assembling(assembling))
            }
        }
    }

    /// Tells of a block that is not the next one, or too much; any other refusal is the application's.
    fn suspect(&mut self, error: AccessError) {
        if matches!(
            error,
            AccessError::DataBlockNumberInvalid
                | AccessError::NoLongGetInProgress
                | AccessError::NoLongSetInProgress
                | AccessError::LongSetAborted
        ) {
            self.app.observe(self.caller.client, SecurityEvent::OutOfSequence);
        }
    }

    fn assembling_ends(
        &mut self,
        assembling: &Assembling,
        number: u32,
        error: AccessError,
    ) -> Result<Transfer, Exception> {
        match assembling.service {
            Service::Set => self.set_ends(assembling.invoke, number, error),
            Service::Action => self.action_ends(assembling.invoke, ActionError::LongActionAborted),
        }
    }
}

impl Assembling {
    const fn new(service: Service, invoke: Invoke, list: Option<usize>) -> Self {
        Self {
            service,
            invoke,
            list,
            number: 1,
            staged: None,
        }
    }
}

/// A reader at the first of `count` whole values behind their count.
fn counted(values: &[u8], count: usize) -> Result<Reader<'_>, Exception> {
    let mut reader = Reader::new(values);
    let said = reader.length().map_err(|_| Exception::MALFORMED)?;
    let first = reader.clone();
    for _ in 0..count {
        let _value = reader.skip_value().map_err(|_| Exception::MALFORMED)?;
    }
    if said == count && reader.is_at_end() {
        Ok(first)
    } else {
        Err(Exception::MALFORMED)
    }
}
