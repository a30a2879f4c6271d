//! ACTION: methods with their parameters and results, whole or in blocks.

use cosem::axdr::{Reader, Writer};
use cosem::{ActionError, Method, Returned};

use super::{ACTION_BLOCK_HEAD, Assembling, Desk, RESULT_HEAD, Service, Transfer, counted};
use crate::apdu::{ActionRequest, ActionResponse, ActionResult, Block, Exception, Invoke, Methods, put_method, tag};
use crate::initiate::Conformance;
use crate::server::answer::LIST_HEAD;
use crate::server::application::{Application, Caller, SecurityEvent};
use crate::server::association::REPLY_TO_CHALLENGE;
use crate::server::buffers::Outbox;

impl Desk<'_> {
    pub(super) fn action(&mut self, request: ActionRequest<'_>, under_way: Transfer) -> Result<Transfer, Exception> {
        match (request, under_way) {
            (ActionRequest::Normal(invoke, method, parameters), _) => {
                let mut reference = [0; 16];
                let mut out = Writer::new(&mut reference);
                put_method(&mut out, method).map_err(|_| Exception::TOO_LONG)?;
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
                put_method(&mut out, method).map_err(|_| Exception::TOO_LONG)?;
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

    pub(super) fn action_ends(&mut self, invoke: Invoke, error: ActionError) -> Result<Transfer, Exception> {
        self.app.observe(self.caller.client, SecurityEvent::OutOfSequence);
        let result = ActionResult {
            result: Err(error),
            returned: None,
        };
        self.answer(|out| ActionResponse::Normal(invoke, result).emit(out))?;
        Ok(Transfer::Idle)
    }

    pub(super) fn action_assembled(&mut self, assembling: &Assembling) -> Result<Transfer, Exception> {
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
        if self.outbox.len() + LIST_HEAD <= self.cover.whole_room() {
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
        // The results that are still to come need two octets each.
        let room = outbox.room().saturating_sub(RESULT_HEAD + 2 * left);
        let (result, length) =
            outbox.write_behind(RESULT_HEAD, room, |out| invoke_one(caller, method, given, out, app));
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

/// Invokes one method; what it returns is appended to `out`.
pub(super) fn invoke_one(
    caller: &Caller,
    method: Method,
    given: Option<&[u8]>,
    out: &mut Writer<'_>,
    app: &mut dyn Application,
) -> Result<Returned, ActionError> {
    let whole = given.is_none_or(|given| {
        let mut reader = Reader::new(given);
        reader.skip_value().is_ok() && reader.is_at_end()
    });
    if !whole {
        Err(ActionError::TypeUnmatched)
    } else if method == REPLY_TO_CHALLENGE {
        // The challenges were answered, or there were none.
        Err(ActionError::ReadWriteDenied)
    } else {
        app.invoke(caller, method, given, out)
    }
}
