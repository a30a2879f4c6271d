//! GET: the answer is encoded once, in steps; what does not fit into a PDU waits in the store for the next one.

use cosem::axdr::{Full, Reader, Writer};
use cosem::{AccessError, Cursor, Selection, Step};

use super::{Desk, GET_BLOCK_HEAD, SLACK, Transfer};
use crate::apdu::{Exception, GetRequest, GetResponse, Invoke, Item, put_item, tag};
use crate::initiate::Conformance;
use crate::server::answer::{LIST_HEAD, NORMAL_HEAD};
use crate::server::application::STEP_MAX;
use crate::server::buffers::PDU_MAX;

/// A GET under way. Its references are kept in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct Reading {
    invoke: Invoke,
    list: bool,
    /// References that are not answered completely.
    left: usize,
    /// Where the first of them starts in what is kept.
    at: usize,
    /// Whether some of its value was taken.
    begun: bool,
    /// Of attribute 0: the attribute whose value is being taken, and how many there are.
    member: Option<(u8, u8)>,
    /// Where its result starts in what was not sent yet.
    mark: Option<usize>,
    cursor: Cursor,
    /// The block that was sent last.
    number: u32,
}

impl Desk<'_> {
    pub(super) fn get(&mut self, request: GetRequest<'_>, under_way: Transfer) -> Result<Transfer, Exception> {
        match (request, under_way) {
            (GetRequest::Normal(invoke, item), _) => {
                self.allowed_selection(item)?;
                self.get_one(invoke, item)
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
        self.suspect(error);
        let response = GetResponse::Block {
            invoke,
            last: true,
            number,
            raw: Err(error),
        };
        self.answer(|out| response.emit(out))?;
        Ok(Transfer::Idle)
    }

    /// Answers a GET of one attribute. Most values are one step that fits: such a one needs no store, and leaves what is
    /// under way alone.
    fn get_one(&mut self, invoke: Invoke, item: Item<'_>) -> Result<Transfer, Exception> {
        let mut reading = Reading::new(invoke, false, 1);
        self.outbox.clear();
        let room = self.cover.room().saturating_sub(NORMAL_HEAD);
        if item.attribute.index != 0 {
            let (caller, cursor, app) = (self.caller, &mut reading.cursor, &mut *self.app);
            let step = self.outbox.write(room.min(STEP_MAX), |out| {
                app.get(caller, item.attribute, item.selection, cursor, out)
            });
            match step {
                Ok(Step::Done) => {
                    self.head(|out| GetResponse::Normal(invoke, Ok(&[])).emit_head(out))?;
                    return Ok(Transfer::Idle);
                }
                // In less than a step's room it may just not have fitted: it is tried again with all of it.
                Err(error) if STEP_MAX <= room || error != AccessError::from(Full) => {
                    self.answer(|out| GetResponse::Normal(invoke, Err(error)).emit(out))?;
                    return Ok(Transfer::Idle);
                }
                Err(_) => {
                    self.outbox.clear();
                    reading.cursor = Cursor::default();
                }
                // The first step stands in the outbox already.
                Ok(Step::More) => {
                    reading.begun = true;
                    reading.cursor.step = reading.cursor.step.wrapping_add(1);
                }
            }
        }
        // The reference is kept in the form it came in: without a count it is a list of one.
        let mut octets = [0; STEP_MAX];
        let mut out = Writer::new(&mut octets);
        put_item(&mut out, item).map_err(|_| Exception::TOO_LONG)?;
        self.read(reading, out.written())
    }

    /// Answers a GET from its start, whole if it fits.
    fn read(&mut self, mut reading: Reading, references: &[u8]) -> Result<Transfer, Exception> {
        let (invoke, list, count) = (reading.invoke, reading.list, reading.left);
        if !self.store.keep(references, STEP_MAX + SLACK) {
            return Err(Exception::TOO_LONG);
        }
        let head = if list { LIST_HEAD } else { NORMAL_HEAD };
        if let Err(error) = self.fill_whole(&mut reading, self.cover.room().saturating_sub(head)) {
            self.answer(|out| GetResponse::Normal(invoke, Err(error)).emit(out))?;
            return Ok(Transfer::Idle);
        }
        if reading.is_done(self) {
            return self.read_whole(&reading);
        }
        if let Some(size) = self.cover.general_room() {
            if self.cover.sealed.is_none() {
                // General blocks are cut out of whole outboxes.
                let room = (PDU_MAX / size).max(1) * size - head;
                return match reading.fill(self, room) {
                    Ok(()) if reading.is_done(self) => self.read_whole(&reading),
                    Ok(()) => {
                        let _whole_head = self.read_whole(&reading)?;
                        Ok(Transfer::Streaming(reading))
                    }
                    Err(error) => {
                        self.answer(|out| GetResponse::Normal(invoke, Err(error)).emit(out))?;
                        Ok(Transfer::Idle)
                    }
                };
            }
            // What is sealed is sealed whole: the buffer is the limit.
            let filled = reading.fill(self, self.cover.whole_room().saturating_sub(head));
            if filled.is_ok() && reading.is_done(self) {
                return self.read_whole(&reading);
            }
            // It goes in blocks of the service: made anew from its start, since nothing was sent.
            reading = Reading::new(invoke, list, count);
            self.outbox.clear();
            if !self.store.keep(references, STEP_MAX + SLACK) {
                return Err(Exception::TOO_LONG);
            }
            let room = self.cover.room().saturating_sub(head);
            if let Err(error) = self.fill_whole(&mut reading, room) {
                self.answer(|out| GetResponse::Normal(invoke, Err(error)).emit(out))?;
                return Ok(Transfer::Idle);
            }
        }
        // Too long for one PDU.
        let Some(block) = self.get_block_room() else {
            if list {
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

    /// Fills the outbox for an answer that is whole: the results of a list stand behind their count.
    fn fill_whole(&mut self, reading: &mut Reading, room: usize) -> Result<(), AccessError> {
        if reading.list {
            let count = reading.left;
            self.outbox
                .write(5, |out| out.length(count))
                .map_err(|_| AccessError::OtherReason)?;
        }
        reading.fill(self, room)
    }

    /// Puts the head of an answer that is not in blocks of the service before what stands in the outbox.
    fn read_whole(&mut self, reading: &Reading) -> Result<Transfer, Exception> {
        let invoke = reading.invoke;
        if reading.list {
            // The count already stands before the results.
            self.head(|out| out.put(&[tag::GET_RESPONSE, 3, invoke.0]))?;
        } else {
            self.head(|out| GetResponse::Normal(invoke, Ok(&[])).emit_head(out))?;
        }
        Ok(Transfer::Idle)
    }

    /// Fills the outbox with the next octets of an answer that goes out in general blocks.
    pub(super) fn stream_on(&mut self, mut reading: Reading) -> Result<Transfer, Exception> {
        let size = self.cover.general_room().ok_or(Exception::TOO_LONG)?;
        let room = (PDU_MAX / size).max(1) * size;
        self.outbox.clear();
        self.store.pour(self.outbox, room);
        // Data has gone out, so a failure now cannot be told as a result.
        reading.fill(self, room).map_err(|_| Exception::NOT_ALLOWED)?;
        Ok(if reading.is_done(self) {
            Transfer::Idle
        } else {
            Transfer::Streaming(reading)
        })
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
}

impl Reading {
    fn new(invoke: Invoke, list: bool, count: usize) -> Self {
        Self {
            invoke,
            list,
            left: count,
            at: 0,
            begun: false,
            member: None,
            mark: None,
            cursor: Cursor::default(),
            number: 0,
        }
    }

    pub(super) const fn invoke(&self) -> Invoke {
        self.invoke
    }

    /// Takes steps of the references until all are answered or more than `limit` octets stand in outbox and store
    /// together.
    fn fill(&mut self, desk: &mut Desk<'_>, limit: usize) -> Result<(), AccessError> {
        let limit = limit.min(PDU_MAX);
        desk.store.pour(desk.outbox, limit);
        while 0 < self.left && desk.standing() <= limit {
            let start = desk.standing();
            if self.list && !self.begun {
                self.mark = Some(start);
                desk.append(&[0], limit)?;
            }
            let from = desk.standing();
            let at = self.at;
            let opened = if self.begun { Ok(()) } else { self.open(desk, limit) };
            self.begun = true;
            let member = self.member;
            let (cursor, caller) = (&mut self.cursor, desk.caller);
            let app = &mut *desk.app;
            let mut step = |kept: &[u8], out: &mut Writer<'_>| {
                let mut reader = Reader::new(kept.get(at..).unwrap_or(&[]));
                let item = Item::take(&mut reader).map_err(|_| AccessError::OtherReason)?;
                let mut attribute = item.attribute;
                if let Some((index, count)) = member {
                    attribute.index = index.cast_signed();
                    if count == 0 {
                        return Ok((Step::Done, at + reader.offset()));
                    }
                }
                let step = app.get(caller, attribute, item.selection, cursor, out)?;
                Ok((step, at + reader.offset()))
            };
            // Straight into the outbox while a whole step fits there, else by way of the store.
            let direct = desk.store.waiting().is_empty() && desk.outbox.len() + STEP_MAX <= limit;
            let before = desk.outbox.len() + desk.store.waiting().len();
            let taken = match opened {
                Err(error) => Err(error),
                Ok(()) if direct => {
                    let kept = desk.store.kept();
                    desk.outbox.write(STEP_MAX, |out| step(kept, out))
                }
                Ok(()) => desk.store.write(STEP_MAX, step),
            };
            let first = self.cursor.step == 0;
            self.cursor.step = self.cursor.step.wrapping_add(1);
            match taken {
                Ok((Step::More, _)) => {}
                Ok((Step::Done, next)) => self.finish(next),
                Err(_) if first && opened.is_ok() && self.member.is_some() => {
                    // What cannot be read of all attributes is null-data among the others.
                    desk.truncate(before);
                    desk.append(&[0], limit)?;
                    let next = self.behind(desk)?;
                    self.finish(next);
                }
                Err(error) => {
                    desk.truncate(from);
                    let (true, Some(mark)) = (self.list, self.mark) else {
                        return Err(error);
                    };
                    // Nothing of this result was sent: it becomes an error, and the others go on.
                    desk.truncate(mark);
                    desk.append(&[1, error.code()], limit)?;
                    let next = self.behind(desk)?;
                    self.next(next);
                }
            }
            desk.store.pour(desk.outbox, limit);
        }
        Ok(())
    }

    /// Begins with a reference: attribute 0 is a structure of all attributes.
    fn open(&mut self, desk: &mut Desk<'_>, limit: usize) -> Result<(), AccessError> {
        let mut reader = Reader::new(desk.store.kept().get(self.at..).unwrap_or(&[]));
        let item = Item::take(&mut reader).map_err(|_| AccessError::OtherReason)?;
        if item.attribute.index != 0 || !desk.has(Conformance::ATTRIBUTE_0_WITH_GET) {
            return Ok(());
        }
        if item.selection != Selection::Whole {
            return Err(AccessError::ScopeOfAccessViolated);
        }
        let count = desk.app.attributes(desk.caller, item.attribute)?.min(0x7F);
        self.member = Some((1, count));
        desk.append(&[cosem::axdr::tag::STRUCTURE, count], limit)
    }

    /// Where the reference behind this one starts.
    fn behind(&self, desk: &Desk<'_>) -> Result<usize, AccessError> {
        let mut reader = Reader::new(desk.store.kept().get(self.at..).unwrap_or(&[]));
        Item::take(&mut reader).map_err(|_| AccessError::OtherReason)?;
        Ok(self.at + reader.offset())
    }

    /// Everything is answered and stands in the outbox.
    fn is_done(&self, desk: &Desk<'_>) -> bool {
        self.left == 0 && desk.store.waiting().is_empty()
    }

    /// A value is complete: goes on to the next attribute of attribute 0, or to the reference at `at`.
    fn finish(&mut self, at: usize) {
        match self.member {
            Some((member, count)) if member < count => {
                self.member = Some((member + 1, count));
                self.cursor = Cursor::default();
            }
            _ => self.next(at),
        }
    }

    /// Goes on to the reference at `at`.
    fn next(&mut self, at: usize) {
        self.left = self.left.saturating_sub(1);
        self.at = at;
        self.begun = false;
        self.member = None;
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
