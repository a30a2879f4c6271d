//! GET, SET and ACTION, whole or in blocks (IEC 62056-5-3, 6.6 to 6.8): a machine of its own beside the association.
//!
//! ```text
//!            answer too long            Get-Next, last block
//!   Idle --------------------> Reading ---------------------> Idle
//!            first block                block, last one
//!   Idle --------------------> Assembling ------------------> Idle, or Returning
//!            result too long            Next, last block
//!   Idle --------------------> Returning -------------------> Idle
//!   any -- another request, another invoke id, a wrong block number --> Idle
//! ```
//!
//! The answer to a GET is encoded once, in steps: what does not fit into a block waits in the store for the next one.

use core::ops::Range;

use cosem::axdr::{Reader, Writer};
use cosem::{AccessError, ActionError, Cursor, Returned, Selection, Step};

use super::answer::{Cover, LIST_HEAD, NORMAL_HEAD};
use super::application::{Application, Caller, STEP_MAX};
use super::association::REPLY_TO_CHALLENGE;
use super::buffers::{Outbox, PDU_MAX, Store};
use super::session::Session;
use crate::apdu::{
    ActionRequest, ActionResponse, ActionResult, Block, Exception, GetRequest, GetResponse, Invoke, Item, Items,
    Methods, SetRequest, SetResponse, tag,
};
use crate::initiate::Conformance;

/// What is under way between two requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Transfer {
    /// Nothing.
    Idle,
    /// The client takes the answer to a GET block by block.
    Reading(Reading),
    /// The client sends a long SET or ACTION block by block.
    Assembling(Assembling),
    /// The client takes the results of an ACTION block by block; they wait in the store.
    Returning {
        invoke: Invoke,
        /// The block that was sent last.
        number: u32,
    },
}

/// A GET under way. Its references are kept in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    invoke: Invoke,
    list: bool,
    /// References that are not answered completely.
    left: usize,
    /// Where the first of them starts in what is kept.
    at: usize,
    /// Whether some of its value was taken.
    begun: bool,
    /// Where its result starts in what was not sent yet.
    mark: Option<usize>,
    cursor: Cursor,
    /// The block that was sent last.
    number: u32,
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
    /// Serves a GET, SET or ACTION at `apdu` of the inbox.
    pub(super) fn dispatch(
        &mut self,
        apdu: Range<usize>,
        caller: &Caller,
        cover: Cover,
        app: &mut dyn Application,
    ) -> Result<(), Exception> {
        let Self {
            inbox,
            outbox,
            store,
            transfer,
            ..
        } = self;
        let octets = inbox.get(apdu).unwrap_or(&[]);
        let mut desk = Desk {
            outbox,
            store,
            caller,
            cover,
            app,
        };
        // What is under way is taken out; who goes on with it puts it back.
        let under_way = core::mem::replace(transfer, Transfer::Idle);
        *transfer = match octets.first() {
            Some(&tag::GET_REQUEST) => {
                desk.allowed(Conformance::GET)?;
                let request = GetRequest::parse(octets).map_err(|_| Exception::MALFORMED)?;
                desk.get(request, under_way)?
            }
            Some(&tag::SET_REQUEST) => {
                desk.allowed(Conformance::SET)?;
                let request = SetRequest::parse(octets).map_err(|_| Exception::MALFORMED)?;
                desk.set(request, under_way)?
            }
            Some(&tag::ACTION_REQUEST) => {
                desk.allowed(Conformance::ACTION)?;
                let request = ActionRequest::parse(octets).map_err(|_| Exception::MALFORMED)?;
                desk.action(request, under_way)?
            }
            _ => return Err(Exception::UNKNOWN),
        };
        Ok(())
    }
}

/// What one request is served with.
struct Desk<'s> {
    outbox: &'s mut Outbox,
    store: &'s mut Store,
    caller: &'s Caller,
    cover: Cover,
    app: &'s mut dyn Application,
}

impl Desk<'_> {
    fn allowed(&self, services: Conformance) -> Result<(), Exception> {
        if self.caller.conformance.has(services) {
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
    fn answer(&mut self, emit: impl FnOnce(&mut Writer<'_>) -> Result<(), cosem::axdr::Full>) -> Result<(), Exception> {
        self.outbox.clear();
        self.outbox
            .write(self.cover.room(), emit)
            .map_err(|_| Exception::TOO_LONG)
    }

    /// Puts a head before the data in the outbox.
    fn head(&mut self, emit: impl FnOnce(&mut Writer<'_>) -> Result<(), cosem::axdr::Full>) -> Result<(), Exception> {
        let mut head = [0; 16];
        let mut head = Writer::new(&mut head);
        let fits = emit(&mut head).is_ok() && self.outbox.prepend(head.written());
        if fits { Ok(()) } else { Err(Exception::TOO_LONG) }
    }

    // ---- GET -----------------------------------------------------------------------------------------------------------------

    fn get(&mut self, request: GetRequest<'_>, under_way: Transfer) -> Result<Transfer, Exception> {
        match (request, under_way) {
            (GetRequest::Normal(invoke, item), _) => {
                self.allowed_selection(item)?;
                // The reference is kept in the form it came in: without a count it is a list of one.
                let mut octets = [0; STEP_MAX];
                let mut out = Writer::new(&mut octets);
                crate::apdu::put_item(&mut out, item).map_err(|_| Exception::TOO_LONG)?;
                self.read(Reading::new(invoke, false, 1), out.written())
            }
            (GetRequest::List(invoke, items), _) => {
                self.allowed_list(items)?;
                self.read(Reading::new(invoke, true, items.count), items.octets)
            }
            (GetRequest::Next(invoke, number), Transfer::Reading(reading)) if reading.invoke.id() == invoke.id() => {
                if number == reading.number {
                    self.read_on(reading)
                } else {
                    self.get_ends(invoke, number, AccessError::DataBlockNumberInvalid)
                }
            }
            (GetRequest::Next(invoke, number), _) => self.get_ends(invoke, number, AccessError::NoLongGetInProgress),
        }
    }

    /// Answers with an error in place of a block; the transfer is over.
    fn get_ends(&mut self, invoke: Invoke, number: u32, error: AccessError) -> Result<Transfer, Exception> {
        let response = GetResponse::Block {
            invoke,
            last: true,
            number,
            raw: Err(error),
        };
        self.answer(|out| response.emit(out))?;
        Ok(Transfer::Idle)
    }

    /// Answers a GET from its start, whole if it fits.
    fn read(&mut self, mut reading: Reading, references: &[u8]) -> Result<Transfer, Exception> {
        let invoke = reading.invoke;
        if !self.store.keep(references, STEP_MAX + SLACK) {
            return Err(Exception::TOO_LONG);
        }
        let head = if reading.list { LIST_HEAD } else { NORMAL_HEAD };
        let room = self.cover.room().saturating_sub(head);
        if reading.list {
            let count = reading.left;
            self.outbox
                .write(5, |out| out.length(count))
                .map_err(|_| Exception::TOO_LONG)?;
        }
        if let Err(error) = reading.fill(self, room) {
            self.answer(|out| GetResponse::Normal(invoke, Err(error)).emit(out))?;
            return Ok(Transfer::Idle);
        }
        if reading.left == 0 && self.store.waiting().is_empty() && self.outbox.len() <= room {
            if reading.list {
                // The count already stands before the results.
                self.head(|out| out.put(&[tag::GET_RESPONSE, 3, invoke.0]))?;
            } else {
                self.head(|out| GetResponse::Normal(invoke, Ok(&[])).emit_head(out))?;
            }
            return Ok(Transfer::Idle);
        }
        // Too long for one PDU.
        let Some(block) = self.get_block_room() else {
            if reading.list {
                return Err(Exception::TOO_LONG);
            }
            self.answer(|out| GetResponse::Normal(invoke, Err(AccessError::DataBlockUnavailable)).emit(out))?;
            return Ok(Transfer::Idle);
        };
        let over = self.outbox.octets().get(block..).unwrap_or(&[]);
        if !self.store.put_back(over) {
            return Err(Exception::TOO_LONG);
        }
        self.outbox.truncate(block);
        self.cut(reading, false)
    }

    /// Answers a Get-Next.
    fn read_on(&mut self, mut reading: Reading) -> Result<Transfer, Exception> {
        let block = self.get_block_room().ok_or(Exception::TOO_LONG)?;
        self.store.pour(self.outbox, block);
        if let Err(error) = reading.fill(self, block) {
            return self.get_ends(reading.invoke, reading.number.wrapping_add(1), error);
        }
        let last = reading.left == 0 && self.store.waiting().is_empty();
        self.cut(reading, last)
    }

    /// Makes the outbox the next block.
    fn cut(&mut self, mut reading: Reading, last: bool) -> Result<Transfer, Exception> {
        let sent = self.outbox.len();
        reading.mark = reading.mark.and_then(|mark| mark.checked_sub(sent));
        reading.number = reading.number.wrapping_add(1);
        // The head says the length of the data, which stands behind it already.
        let mut head = [0; 16];
        let mut head = Writer::new(&mut head);
        let raw = Ok(self.outbox.octets());
        let response = GetResponse::Block {
            invoke: reading.invoke,
            last,
            number: reading.number,
            raw,
        };
        let fits = response.emit_head(&mut head).is_ok() && self.outbox.prepend(head.written());
        if !fits {
            return Err(Exception::TOO_LONG);
        }
        Ok(if last {
            Transfer::Idle
        } else {
            Transfer::Reading(reading)
        })
    }

    fn get_block_room(&self) -> Option<usize> {
        let room = self.cover.block_room(GET_BLOCK_HEAD)?;
        self.caller
            .conformance
            .has(Conformance::BLOCKS_WITH_GET)
            .then_some(room)
    }

    // ---- SET -----------------------------------------------------------------------------------------------------------------

    fn set(&mut self, request: SetRequest<'_>, under_way: Transfer) -> Result<Transfer, Exception> {
        match (request, under_way) {
            (SetRequest::Normal(invoke, item, value), _) => {
                self.allowed_selection(item)?;
                let result = set_one(self.caller, item, value, self.app);
                self.answer(|out| SetResponse::Normal(invoke, result).emit(out))?;
                Ok(Transfer::Idle)
            }
            (SetRequest::List(invoke, items, values), _) => {
                self.allowed_list(items)?;
                self.outbox.clear();
                set_list(self.outbox, self.cover.room(), self.caller, items, values, self.app)?;
                self.head(|out| out.put(&[tag::SET_RESPONSE, 5, invoke.0]))?;
                Ok(Transfer::Idle)
            }
            (SetRequest::FirstBlock(invoke, item, block), _) => {
                self.allowed(Conformance::BLOCKS_WITH_SET)?;
                self.allowed_selection(item)?;
                let mut octets = [0; STEP_MAX];
                let mut out = Writer::new(&mut octets);
                crate::apdu::put_item(&mut out, item).map_err(|_| Exception::TOO_LONG)?;
                let assembling = Assembling {
                    staged: is_large(self.caller, item, self.app).then_some(0),
                    ..Assembling::new(Service::Set, invoke, None)
                };
                self.assemble_first(assembling, out.written(), block)
            }
            (SetRequest::ListFirstBlock(invoke, items, block), _) => {
                self.allowed(Conformance::BLOCKS_WITH_SET)?;
                self.allowed_list(items)?;
                self.assemble_first(
                    Assembling::new(Service::Set, invoke, Some(items.count)),
                    items.octets,
                    block,
                )
            }
            (SetRequest::Block(invoke, block), Transfer::Assembling(assembling))
                if assembling.service == Service::Set && assembling.invoke.id() == invoke.id() =>
            {
                self.assemble(assembling, block)
            }
            (SetRequest::Block(invoke, block), _) => {
                self.set_ends(invoke, block.number, AccessError::NoLongSetInProgress)
            }
        }
    }

    fn set_ends(&mut self, invoke: Invoke, number: u32, error: AccessError) -> Result<Transfer, Exception> {
        self.answer(|out| SetResponse::LastBlock(invoke, Err(error), number).emit(out))?;
        Ok(Transfer::Idle)
    }

    fn set_assembled(&mut self, assembling: &Assembling, number: u32) -> Result<Transfer, Exception> {
        let (references, values) = self.store.both();
        self.outbox.clear();
        if let Some(count) = assembling.list {
            let items = Items {
                count,
                octets: references,
            };
            set_list(self.outbox, self.cover.room(), self.caller, items, values, self.app)?;
            if !self.outbox.put(&number.to_be_bytes()) {
                return Err(Exception::TOO_LONG);
            }
            self.head(|out| out.put(&[tag::SET_RESPONSE, 4, assembling.invoke.0]))?;
        } else {
            let item = Item::take(&mut Reader::new(references)).map_err(|_| Exception::MALFORMED)?;
            let result = match assembling.staged {
                Some(length) => self.app.set_staged(self.caller, item.attribute, length),
                None => set_one(self.caller, item, values, self.app),
            };
            self.answer(|out| SetResponse::LastBlock(assembling.invoke, result, number).emit(out))?;
        }
        Ok(Transfer::Idle)
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
                stage(self.caller, item, staged, block.raw, self.app)
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

    // ---- ACTION --------------------------------------------------------------------------------------------------------------

    fn action(&mut self, request: ActionRequest<'_>, under_way: Transfer) -> Result<Transfer, Exception> {
        match (request, under_way) {
            (ActionRequest::Normal(invoke, method, parameters), _) => {
                let mut reference = [0; 16];
                let mut out = Writer::new(&mut reference);
                crate::apdu::put_method(&mut out, method).map_err(|_| Exception::TOO_LONG)?;
                let methods = Methods {
                    count: 1,
                    octets: out.written(),
                };
                self.outbox.clear();
                invoke_all(self.outbox, self.caller, methods, Parameters::One(parameters), self.app)?;
                self.results(invoke, false)
            }
            (ActionRequest::List(invoke, methods, parameters), _) => {
                self.allowed(Conformance::MULTIPLE_REFERENCES)?;
                self.outbox.clear();
                invoke_all(
                    self.outbox,
                    self.caller,
                    methods,
                    Parameters::Counted(parameters),
                    self.app,
                )?;
                self.results(invoke, true)
            }
            (ActionRequest::FirstBlock(invoke, method, block), _) => {
                self.allowed(Conformance::BLOCKS_WITH_ACTION)?;
                let mut reference = [0; 16];
                let mut out = Writer::new(&mut reference);
                crate::apdu::put_method(&mut out, method).map_err(|_| Exception::TOO_LONG)?;
                self.assemble_first(Assembling::new(Service::Action, invoke, None), out.written(), block)
            }
            (ActionRequest::ListFirstBlock(invoke, methods, block), _) => {
                self.allowed(Conformance::BLOCKS_WITH_ACTION)?;
                self.allowed(Conformance::MULTIPLE_REFERENCES)?;
                self.assemble_first(
                    Assembling::new(Service::Action, invoke, Some(methods.count)),
                    methods.octets,
                    block,
                )
            }
            (ActionRequest::Block(invoke, block), Transfer::Assembling(assembling))
                if assembling.service == Service::Action && assembling.invoke.id() == invoke.id() =>
            {
                self.assemble(assembling, block)
            }
            (
                ActionRequest::Next(invoke, number),
                Transfer::Returning {
                    invoke: of,
                    number: sent,
                },
            ) if of.id() == invoke.id() => {
                if number != sent {
                    return self.action_ends(invoke, ActionError::LongActionAborted);
                }
                let block = self.cover.block_room(ACTION_BLOCK_HEAD).ok_or(Exception::TOO_LONG)?;
                self.store.pour(self.outbox, block);
                self.result_block(invoke, sent.wrapping_add(1))
            }
            (ActionRequest::Block(invoke, _) | ActionRequest::Next(invoke, _), _) => {
                self.action_ends(invoke, ActionError::NoLongActionInProgress)
            }
        }
    }

    fn action_ends(&mut self, invoke: Invoke, error: ActionError) -> Result<Transfer, Exception> {
        let result = ActionResult {
            result: Err(error),
            returned: None,
        };
        self.answer(|out| ActionResponse::Normal(invoke, result).emit(out))?;
        Ok(Transfer::Idle)
    }

    fn action_assembled(&mut self, assembling: &Assembling) -> Result<Transfer, Exception> {
        let (references, parameters) = self.store.both();
        let methods = Methods {
            count: assembling.list.unwrap_or(1),
            octets: references,
        };
        let parameters = match assembling.list {
            Some(_) => Parameters::Counted(parameters),
            None => Parameters::One(Some(parameters)),
        };
        self.outbox.clear();
        invoke_all(self.outbox, self.caller, methods, parameters, self.app)?;
        self.results(assembling.invoke, assembling.list.is_some())
    }

    /// Sends the results in the outbox, whole if they fit.
    fn results(&mut self, invoke: Invoke, list: bool) -> Result<Transfer, Exception> {
        if self.outbox.len() + LIST_HEAD <= self.cover.room() {
            self.head(|out| out.put(&[tag::ACTION_RESPONSE, if list { 3 } else { 1 }, invoke.0]))?;
            return Ok(Transfer::Idle);
        }
        let block = self.cover.block_room(ACTION_BLOCK_HEAD).ok_or(Exception::TOO_LONG)?;
        self.allowed(Conformance::BLOCKS_WITH_ACTION)?;
        if !list {
            // Blocks carry what the method returned and nothing else: that it succeeded goes without saying. The
            // grammar leaves this open; it is how clients read it. The results of a list keep their count and their
            // codes.
            self.outbox.skip(RESULT_HEAD);
        }
        let over = self.outbox.octets().get(block..).unwrap_or(&[]);
        if !(self.store.keep(&[], 0) && self.store.put(over)) {
            return Err(Exception::TOO_LONG);
        }
        self.outbox.truncate(block);
        self.result_block(invoke, 1)
    }

    fn result_block(&mut self, invoke: Invoke, number: u32) -> Result<Transfer, Exception> {
        let last = self.store.waiting().is_empty();
        let mut head = [0; 16];
        let mut head = Writer::new(&mut head);
        let response = ActionResponse::Block(
            invoke,
            Block {
                last,
                number,
                raw: self.outbox.octets(),
            },
        );
        let fits = response.emit_head(&mut head).is_ok() && self.outbox.prepend(head.written());
        if !fits {
            return Err(Exception::TOO_LONG);
        }
        Ok(if last {
            Transfer::Idle
        } else {
            Transfer::Returning { invoke, number }
        })
    }
}

impl Reading {
    fn new(invoke: Invoke, list: bool, count: usize) -> Self {
        Self {
            invoke,
            list,
            left: count,
            at: 0,
            begun: false,
            mark: None,
            cursor: Cursor::default(),
            number: 0,
        }
    }

    /// Takes steps of the references until all are answered or more than `limit` octets stand in outbox and store
    /// together.
    fn fill(&mut self, desk: &mut Desk<'_>, limit: usize) -> Result<(), AccessError> {
        let limit = limit.min(PDU_MAX);
        while 0 < self.left && desk.standing() <= limit {
            let start = desk.standing();
            if self.list && !self.begun {
                self.mark = Some(start);
                desk.append(&[0], limit)?;
            }
            self.begun = true;
            let from = desk.standing();
            let (at, cursor, caller) = (self.at, &mut self.cursor, desk.caller);
            let app = &mut *desk.app;
            let mut step = |kept: &[u8], out: &mut Writer<'_>| {
                let mut reader = Reader::new(kept.get(at..).unwrap_or(&[]));
                let item = Item::take(&mut reader).map_err(|_| AccessError::OtherReason)?;
                let step = app.get(caller, item.attribute, item.selection, cursor, out)?;
                Ok((step, at + reader.offset()))
            };
            // Straight into the outbox while a whole step fits there, else by way of the store.
            let direct = desk.store.waiting().is_empty() && desk.outbox.len() + STEP_MAX <= limit;
            let taken = if direct {
                let kept = desk.store.kept();
                desk.outbox.write(STEP_MAX, |out| step(kept, out))
            } else {
                desk.store.write(STEP_MAX, step)
            };
            self.cursor.step = self.cursor.step.wrapping_add(1);
            match taken {
                Ok((Step::More, _)) => {}
                Ok((Step::Done, next)) => self.next(next),
                Err(error) => {
                    desk.truncate(from);
                    let (true, Some(mark)) = (self.list, self.mark) else {
                        return Err(error);
                    };
                    // Nothing of this result was sent: it becomes an error, and the others go on.
                    desk.truncate(mark);
                    desk.append(&[1, error.code()], limit)?;
                    let mut reader = Reader::new(desk.store.kept().get(self.at..).unwrap_or(&[]));
                    Item::take(&mut reader).map_err(|_| AccessError::OtherReason)?;
                    let next = self.at + reader.offset();
                    self.next(next);
                }
            }
            desk.store.pour(desk.outbox, limit);
        }
        Ok(())
    }

    /// Goes on to the reference at `at`.
    fn next(&mut self, at: usize) {
        self.left = self.left.saturating_sub(1);
        self.at = at;
        self.begun = false;
        self.mark = None;
        self.cursor = Cursor::default();
    }
}

impl Desk<'_> {
    /// Octets that stand in outbox and store together.
    fn standing(&self) -> usize {
        self.outbox.len() + self.store.waiting().len()
    }

    fn append(&mut self, octets: &[u8], limit: usize) -> Result<(), AccessError> {
        let direct = self.store.waiting().is_empty() && self.outbox.len() + octets.len() <= limit;
        let fits = if direct {
            self.outbox.put(octets)
        } else {
            self.store.put(octets)
        };
        if fits { Ok(()) } else { Err(AccessError::OtherReason) }
    }

    /// Takes back everything behind the first `len` octets.
    fn truncate(&mut self, len: usize) {
        let here = self.outbox.len();
        self.store.truncate_waiting(len.saturating_sub(here));
        self.outbox.truncate(len);
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

/// Whether the value of this reference goes to the application part by part.
fn is_large(caller: &Caller, item: Item<'_>, app: &dyn Application) -> bool {
    item.selection == Selection::Whole && app.is_large(caller, item.attribute)
}

/// Hands the part that follows the first `staged` octets of a large value to the application.
fn stage(
    caller: &Caller,
    item: Item<'_>,
    staged: &mut u32,
    part: &[u8],
    app: &mut dyn Application,
) -> Result<(), AccessError> {
    let after = u32::try_from(part.len())
        .ok()
        .and_then(|length| staged.checked_add(length))
        .ok_or(AccessError::LongSetAborted)?;
    app.stage(caller, item.attribute, *staged, part)?;
    *staged = after;
    Ok(())
}

/// Sets one attribute to octets that must be one value.
fn set_one(caller: &Caller, item: Item<'_>, value: &[u8], app: &mut dyn Application) -> Result<(), AccessError> {
    let mut reader = Reader::new(value);
    reader.skip_value()?;
    reader.end()?;
    set_value(caller, item, value, app)
}

/// Sets one attribute to a value that is whole.
fn set_value(caller: &Caller, item: Item<'_>, value: &[u8], app: &mut dyn Application) -> Result<(), AccessError> {
    if is_large(caller, item, app) {
        let mut staged = 0;
        stage(caller, item, &mut staged, value, app)?;
        return app.set_staged(caller, item.attribute, staged);
    }
    app.set(caller, item.attribute, item.selection, value)
}

/// Sets attributes to counted values, and puts the counted results into `outbox`. Nothing is set when the values are
/// not whole.
fn set_list(
    outbox: &mut Outbox,
    room: usize,
    caller: &Caller,
    items: Items<'_>,
    values: &[u8],
    app: &mut dyn Application,
) -> Result<(), Exception> {
    let mut reader = counted(values, items.count)?;
    let mut done = outbox.write(5, |out| out.length(items.count)).is_ok() && items.count + LIST_HEAD + 9 <= room;
    if !done {
        return Err(Exception::TOO_LONG);
    }
    for item in items.iter() {
        let value = reader.skip_value().map_err(|_| Exception::MALFORMED)?;
        let result = set_value(caller, item, value, app);
        done &= outbox.put(&[result.map_or_else(AccessError::code, |()| 0)]);
    }
    if done { Ok(()) } else { Err(Exception::TOO_LONG) }
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

/// The parameters of methods.
enum Parameters<'a> {
    /// Those of one method, which may have none.
    One(Option<&'a [u8]>),
    /// A value for each method, behind their count; null-data for none.
    Counted(&'a [u8]),
}

/// Invokes methods and puts their results into `outbox`, counted when the parameters are. Nothing is invoked when the
/// parameters of a list are not whole.
fn invoke_all(
    outbox: &mut Outbox,
    caller: &Caller,
    methods: Methods<'_>,
    parameters: Parameters<'_>,
    app: &mut dyn Application,
) -> Result<(), Exception> {
    let mut reader = match parameters {
        Parameters::One(_) => Reader::new(&[]),
        Parameters::Counted(values) => {
            outbox
                .write(5, |out| out.length(methods.count))
                .map_err(|_| Exception::TOO_LONG)?;
            counted(values, methods.count)?
        }
    };
    let mut left = methods.count;
    for method in methods.iter() {
        left = left.saturating_sub(1);
        let given = match parameters {
            Parameters::One(given) => given,
            Parameters::Counted(_) => Some(reader.skip_value().map_err(|_| Exception::MALFORMED)?),
        };
        let whole = given.is_none_or(|given| {
            let mut reader = Reader::new(given);
            reader.skip_value().is_ok() && reader.is_at_end()
        });
        // The results that are still to come need two octets each.
        let room = outbox.room().saturating_sub(RESULT_HEAD + 2 * left);
        let (result, length) = outbox.write_behind(RESULT_HEAD, room, |out| {
            if !whole {
                Err(ActionError::TypeUnmatched)
            } else if method == REPLY_TO_CHALLENGE {
                // The challenges were answered, or there were none.
                Err(ActionError::ReadWriteDenied)
            } else {
                app.invoke(caller, method, given, out)
            }
        });
        let put = match result {
            Ok(Returned::Data) => {
                let put = outbox.put(&[0, 1, 0]);
                outbox.extend(length);
                put
            }
            Ok(Returned::Nothing) => outbox.put(&[0, 0]),
            Err(error) => outbox.put(&[error.code(), 0]),
        };
        if !put {
            return Err(Exception::TOO_LONG);
        }
    }
    Ok(())
}
