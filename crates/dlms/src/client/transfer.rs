//! Requests that go out in blocks, and answers that come in them or whole: GET, SET and ACTION.

use core::ops::Range;

use cosem::axdr::{Full, Reader, Writer};

use super::error::{ClientError, Protocol};
use super::session::{Kind, Next, Session, Work, put_lent};
use crate::apdu::{
    ActionRequest, ActionResponse, ActionResult, Block, GetRequest, GetResponse, Invoke, Results, SetRequest,
    SetResponse,
};
use crate::server::PDU_MAX;

const APDU: ClientError = ClientError::Protocol(Protocol::Apdu);
const VALUE: ClientError = ClientError::Protocol(Protocol::Value);
const NUMBER: ClientError = ClientError::Protocol(Protocol::BlockNumber);

impl Session<'_> {
    /// Fills the lent buffer; answers how many octets.
    pub(super) fn lend(
        &mut self,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
    ) -> Result<usize, ClientError> {
        let mut out = Writer::new(self.lent);
        write(&mut out).map_err(|_| ClientError::TooLong)?;
        Ok(out.len())
    }

    /// Sends what stands in the lent buffer from its start in blocks.
    pub(super) fn first_block(
        &mut self,
        emit: impl Fn(&mut Writer<'_>, Block<'_>) -> Result<(), Full>,
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

    pub(super) fn next_block(
        &mut self,
        emit: impl Fn(&mut Writer<'_>, Block<'_>) -> Result<(), Full>,
    ) -> Result<(), ClientError> {
        self.block(9, emit)
    }

    pub(super) fn block(
        &mut self,
        head: usize,
        emit: impl Fn(&mut Writer<'_>, Block<'_>) -> Result<(), Full>,
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

    pub(super) fn answered(&mut self, apdu: Range<usize>) -> Result<Next, ClientError> {
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
                    SetResponse::LastBlock(_, result, came) if 0 < number && (!list || result.is_err()) => {
                        // What was not sent whole was not written.
                        if result.is_ok() && (sent < length || came != number) {
                            return Err(NUMBER);
                        }
                        self.finished(Kind::Written(result))
                    }
                    SetResponse::LastBlockList(_, results, came) if 0 < number && list => {
                        if sent < length || came != number {
                            return Err(NUMBER);
                        }
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
                    // What was not sent whole can be refused, and nothing else.
                    ActionResponse::Normal(_, ActionResult { result: Err(_), .. }) => self.returned(apdu, list, 0, 0),
                    _ if 0 < number && sent < length => Err(APDU),
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
    pub(super) fn returned(
        &mut self,
        apdu: Range<usize>,
        list: bool,
        number: u32,
        length: usize,
    ) -> Result<Next, ClientError> {
        let response = ActionResponse::parse(self.inbox.get(apdu).unwrap_or(&[])).map_err(|_| APDU)?;
        match response {
            ActionResponse::Normal(_, ActionResult { result, returned }) if number == 0 && !list || result.is_err() => {
                let returned = match returned {
                    Some(Ok(data)) => Some(Ok((0, put_lent(self.lent, 0, data)?))),
                    Some(Err(error)) => Some(Err(error)),
                    None => None,
                };
                self.finished(Kind::Done { result, returned })
            }
            ActionResponse::List(_, results) if number == 0 && list => {
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

    pub(super) fn check_action_invoke(&self, response: ActionResponse<'_>) -> Result<(), ClientError> {
        let (ActionResponse::Normal(invoke, _)
        | ActionResponse::Block(invoke, _)
        | ActionResponse::List(invoke, _)
        | ActionResponse::Next(invoke, _)) = response;
        self.check_invoke(invoke)
    }
}

/// The octets are one whole value.
fn one_value(octets: &[u8]) -> Result<(), ClientError> {
    let mut reader = Reader::new(octets);
    reader.skip_value().and_then(|_| reader.end()).map_err(|_| VALUE)
}
