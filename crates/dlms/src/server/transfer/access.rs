//! ACCESS: several attributes and methods in one request, answered in one response (IEC 62056-5-3, 6.9).
//!
//! What is asked for is done in its order. A failure is told in its result and the rest goes on, unless the request says
//! to break on error: then the rest is not done, and its results say "other reason". A value that does not fit into the
//! response is "data block unavailable"; the others still come.

use cosem::axdr::{Full, Reader, Writer};
use cosem::{AccessError, ActionError, Cursor, Returned, Step};

use super::Desk;
use super::action::invoke_one;
use super::set::set_value;
use crate::apdu::{AccessRequest, AccessSpec, Exception, Item, tag};
use crate::server::application::STEP_MAX;

/// Octets of each thing's data when there is none, and of its result.
const LEAST: usize = 1 + 2;

/// null-data.
const NULL: u8 = cosem::axdr::tag::NULL;

impl Desk<'_> {
    /// Serves an ACCESS whose values were found whole.
    pub(super) fn access(&mut self, request: &AccessRequest<'_>) -> Result<(), Exception> {
        let count = request.specs.count;
        for spec in request.specs.iter() {
            if let AccessSpec::Get(item) | AccessSpec::Set(item) = spec {
                self.allowed_selection(item)?;
            }
        }
        let room = self.cover.whole_room();
        let head = |out: &mut Writer<'_>| {
            out.octet(tag::ACCESS_RESPONSE)?;
            out.put(&request.invoke.0.to_be_bytes())?;
            // No date-time.
            out.octet(0)?;
            if request.invoke.is_self_descriptive() {
                out.octet(1)?;
                out.length(count)?;
                out.put(request.specs.octets)?;
            } else {
                out.octet(0)?;
            }
            out.length(count)
        };
        self.outbox.clear();
        self.outbox.write(room, head).map_err(|_| Exception::TOO_LONG)?;
        // Nothing is done whose result could not be told. The count of the results may take three octets.
        if room < self.outbox.len() + count * LEAST + 3 || !self.store.keep(&[], 2 * count) {
            return Err(Exception::TOO_LONG);
        }
        let mut data = Reader::new(request.data);
        let mut broken = false;
        for (done, spec) in request.specs.iter().enumerate() {
            let given = data.skip_value().map_err(|_| Exception::MALFORMED)?;
            let left = count - done;
            // Behind this value the others, the results and their count must fit.
            let behind = self.outbox.len() + (left - 1) + 2 * count + 3;
            let limit = room.saturating_sub(behind);
            let code = if broken {
                AccessError::OtherReason.code()
            } else {
                self.access_one(spec, given, limit)
            };
            if code != 0 {
                broken |= request.invoke.breaks_on_error();
            }
            if !self.store.put(&[spec.kind(), code]) {
                return Err(Exception::TOO_LONG);
            }
            let nothing = code != 0 || matches!(spec, AccessSpec::Set(_));
            if nothing && !self.outbox.put(&[NULL]) {
                return Err(Exception::TOO_LONG);
            }
        }
        self.outbox
            .write(5, |out| out.length(count))
            .map_err(|_| Exception::TOO_LONG)?;
        if self.outbox.put(self.store.waiting()) {
            Ok(())
        } else {
            Err(Exception::TOO_LONG)
        }
    }

    /// Does one thing; its value, of at most `limit` octets, is appended to the outbox. Answers the code of its result;
    /// when that is not 0, or something was set, nothing was appended.
    fn access_one(&mut self, spec: AccessSpec<'_>, given: &[u8], limit: usize) -> u8 {
        let result = match spec {
            AccessSpec::Get(item) => self.access_get(item, limit),
            AccessSpec::Set(item) => set_value(self.caller, item, given, self.app),
            AccessSpec::Act(method) => {
                let given = (given != [NULL]).then_some(given);
                let (caller, app) = (self.caller, &mut *self.app);
                let (result, length) = self
                    .outbox
                    .write_behind(0, limit, |out| invoke_one(caller, method, given, out, app));
                return match result {
                    Ok(Returned::Data) => {
                        self.outbox.extend(length);
                        0
                    }
                    Ok(Returned::Nothing) => {
                        if self.outbox.put(&[NULL]) {
                            0
                        } else {
                            ActionError::OtherReason.code()
                        }
                    }
                    Err(error) => error.code(),
                };
            }
        };
        result.map_or_else(AccessError::code, |()| 0)
    }

    fn access_get(&mut self, item: Item<'_>, limit: usize) -> Result<(), AccessError> {
        let from = self.outbox.len();
        let mut cursor = Cursor::default();
        loop {
            let left = limit - (self.outbox.len() - from);
            let (caller, app) = (self.caller, &mut *self.app);
            let step = self.outbox.write(left, |out| {
                app.get(caller, item.attribute, item.selection, &mut cursor, out)
            });
            cursor.step = cursor.step.wrapping_add(1);
            match step {
                Ok(Step::Done) => return Ok(()),
                Ok(Step::More) if self.outbox.len() - from < limit => {}
                // A step that has less than its due room, and fails, would have been too long.
                Ok(Step::More) => {
                    self.outbox.truncate(from);
                    return Err(AccessError::DataBlockUnavailable);
                }
                Err(error) => {
                    self.outbox.truncate(from);
                    let cramped = left < STEP_MAX && error == AccessError::from(Full);
                    return Err(if cramped {
                        AccessError::DataBlockUnavailable
                    } else {
                        error
                    });
                }
            }
        }
    }
}
