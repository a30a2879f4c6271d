//! SET: values whole, in blocks, or part by part.

use cosem::axdr::{Reader, Writer, tag};
use cosem::{AccessError, Attribute, Cursor, Selection, Step};

use super::{Assembling, Desk, Service, Transfer, counted};
use crate::apdu::{Exception, Invoke, Item, Items, SetRequest, SetResponse, put_item, tag as apdu};
use crate::initiate::Conformance;
use crate::server::answer::LIST_HEAD;
use crate::server::application::{Application, Caller, STEP_MAX};
use crate::server::buffers::Outbox;

impl Desk<'_> {
    pub(super) fn set(&mut self, request: SetRequest<'_>, under_way: Transfer) -> Result<Transfer, Exception> {
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
                set_list(
                    self.outbox,
                    self.cover.whole_room(),
                    self.caller,
                    items,
                    values,
                    self.app,
                )?;
                self.head(|out| out.put(&[apdu::SET_RESPONSE, 5, invoke.0]))?;
                Ok(Transfer::Idle)
            }
            (SetRequest::FirstBlock(invoke, item, block), _) => {
                self.allowed(Conformance::BLOCKS_WITH_SET)?;
                self.allowed_selection(item)?;
                let mut octets = [0; STEP_MAX];
                let mut out = Writer::new(&mut octets);
                put_item(&mut out, item).map_err(|_| Exception::TOO_LONG)?;
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

    pub(super) fn set_ends(&mut self, invoke: Invoke, number: u32, error: AccessError) -> Result<Transfer, Exception> {
        self.suspect(error);
        self.answer(|out| SetResponse::LastBlock(invoke, Err(error), number).emit(out))?;
        Ok(Transfer::Idle)
    }

    pub(super) fn set_assembled(&mut self, assembling: &Assembling, number: u32) -> Result<Transfer, Exception> {
        let (references, values) = self.store.both();
        self.outbox.clear();
        if let Some(count) = assembling.list {
            let items = Items {
                count,
                octets: references,
            };
            set_list(
                self.outbox,
                self.cover.whole_room(),
                self.caller,
                items,
                values,
                self.app,
            )?;
            if !self.outbox.put(&number.to_be_bytes()) {
                return Err(Exception::TOO_LONG);
            }
            self.head(|out| out.put(&[apdu::SET_RESPONSE, 4, assembling.invoke.0]))?;
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
}

/// Whether the value of this reference goes to the application part by part.
fn is_large(caller: &Caller, item: Item<'_>, app: &dyn Application) -> bool {
    item.selection == Selection::Whole && app.is_large(caller, item.attribute)
}

/// Hands the part that follows the first `staged` octets of a large value to the application.
pub(super) fn stage(
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
pub(super) fn set_value(
    caller: &Caller,
    item: Item<'_>,
    value: &[u8],
    app: &mut dyn Application,
) -> Result<(), AccessError> {
    if item.attribute.index == 0 && caller.conformance.has(Conformance::ATTRIBUTE_0_WITH_SET) {
        return set_all(caller, item, value, app);
    }
    if is_large(caller, item, app) {
        let mut staged = 0;
        stage(caller, item, &mut staged, value, app)?;
        return app.set_staged(caller, item.attribute, staged);
    }
    app.set(caller, item.attribute, item.selection, value)
}

/// Sets attribute 0: a structure with a value for each attribute, null-data for those that stay. All are set or none:
/// the old values are read before, and put back when one is refused.
fn set_all(caller: &Caller, item: Item<'_>, value: &[u8], app: &mut dyn Application) -> Result<(), AccessError> {
    if item.selection != Selection::Whole {
        return Err(AccessError::ScopeOfAccessViolated);
    }
    let count = app.attributes(caller, item.attribute)?;
    let mut members = Reader::new(value);
    members.structure(usize::from(count))?;
    let member = |index: u8| Attribute {
        index: index.cast_signed(),
        ..item.attribute
    };
    let mut old = [0; STEP_MAX];
    let mut old = Writer::new(&mut old);
    let mut ahead = members.clone();
    for index in 1..=count {
        if ahead.skip_value()? == [tag::NULL] {
            continue;
        }
        // What is too long to be put back, or cannot be read, is not set together with others.
        let mut cursor = Cursor::default();
        match app.get(caller, member(index), Selection::Whole, &mut cursor, &mut old)? {
            Step::Done => {}
            Step::More => return Err(AccessError::ReadWriteDenied),
        }
    }
    for index in 1..=count {
        let new = members.skip_value()?;
        if new == [tag::NULL] {
            continue;
        }
        if let Err(error) = app.set(caller, member(index), Selection::Whole, new) {
            put_back(caller, value, index, old.written(), &member, app);
            return Err(error);
        }
    }
    Ok(())
}

/// Puts the old values of the attributes before `end` back.
fn put_back(
    caller: &Caller,
    value: &[u8],
    end: u8,
    old: &[u8],
    member: &dyn Fn(u8) -> Attribute,
    app: &mut dyn Application,
) {
    let mut members = Reader::new(value);
    let mut old = Reader::new(old);
    let whole = members
        .expect(tag::STRUCTURE, "it was one")
        .and_then(|()| members.length());
    for index in 1..end {
        let (Ok(_), Ok(new)) = (&whole, members.skip_value()) else {
            return;
        };
        if new == [tag::NULL] {
            continue;
        }
        if let Ok(before) = old.skip_value() {
            let _it_was_valid_before = app.set(caller, member(index), Selection::Whole, before);
        }
    }
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
