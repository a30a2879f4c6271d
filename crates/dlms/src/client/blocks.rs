//! General block transfer, the client's side: twin of the server's `blocks.rs`.
//!
//! A request that is longer than the meter's PDU is sealed whole, waits in the lent buffer and goes out in blocks. An
//! answer in blocks is put together in the lent buffer and opened there. After a gap the last block before it is
//! acknowledged, and the meter goes on from there; when nothing comes, the last block is said again.

use core::ops::Range;

use cosem::axdr::Writer;

use super::error::{ClientError, Protocol};
use super::session::{Kind, Next, Session, State, Work};
use crate::apdu::{GeneralBlock, GetResponse, data_room, tag};
use crate::initiate::Conformance;
use crate::security::HEADROOM;
use crate::server::PDU_MAX;

/// Blocks that the client takes in a row.
const WINDOW: u8 = 63;

/// What general block transfer is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Blocks {
    /// A request that is not acknowledged whole.
    giving: Option<Giving>,
    /// The last block that was taken of the answer; 0 for none.
    got: u16,
    /// Octets of the answer.
    length: usize,
    /// The last block that was said; 0 for none.
    said: u16,
    /// The last block that the meter has of the request.
    taken: u16,
    /// Blocks that may follow at once.
    left: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Giving {
    /// Octets of the request.
    length: usize,
    /// Octets of a block's data.
    size: usize,
}

const APDU: ClientError = ClientError::Protocol(Protocol::Apdu);
const NUMBER: ClientError = ClientError::Protocol(Protocol::BlockNumber);

impl Session<'_> {
    /// Whether general blocks were negotiated.
    pub(super) const fn has_general_blocks(&self) -> bool {
        self.conformance.has(Conformance::GENERAL_BLOCK_TRANSFER)
    }

    /// Nothing came back: makes the first block that the meter may miss, or the acknowledgement once more. False when
    /// nothing went in blocks.
    pub(super) fn say_again(&mut self) -> bool {
        if self.blocks.giving.is_some() {
            (self.blocks.said, self.blocks.left) = (self.blocks.taken, 1);
            return self.next_general_block().is_ok();
        }
        0 < self.blocks.said && self.acknowledge().is_ok()
    }

    /// Puts the sealed request in the outbox into blocks.
    pub(super) fn give_in_blocks(&mut self) -> Result<(), ClientError> {
        let octets = self.outbox.get(self.pdu.clone()).unwrap_or(&[]);
        let place = self.lent.get_mut(..octets.len()).ok_or(ClientError::TooLong)?;
        place.copy_from_slice(octets);
        self.blocks = Blocks {
            giving: Some(Giving {
                length: octets.len(),
                size: data_room(self.send_max).ok_or(ClientError::TooLong)?,
            }),
            left: 1,
            ..Blocks::default()
        };
        self.next_general_block()
    }

    /// Makes the next PDU of a stream of blocks; false when the meter is to be heard first.
    pub(super) fn proceed(&mut self) -> bool {
        self.blocks.giving.is_some() && 0 < self.blocks.left && self.next_general_block().is_ok()
    }

    fn next_general_block(&mut self) -> Result<(), ClientError> {
        let Giving { length, size } = self.blocks.giving.ok_or(ClientError::NotNow)?;
        let number = self.blocks.said.checked_add(1).ok_or(ClientError::TooLong)?;
        let from = usize::from(self.blocks.said) * size;
        let to = length.min(from + size);
        if to <= from {
            return Err(ClientError::NotNow);
        }
        let last = to == length;
        self.blocks.left = if last { 0 } else { self.blocks.left.saturating_sub(1) };
        let block = GeneralBlock {
            last,
            streaming: 0 < self.blocks.left,
            window: WINDOW,
            number,
            acknowledged: self.blocks.got,
            data: self.lent.get(from..to).unwrap_or(&[]),
        };
        let mut out = Writer::new(self.outbox.get_mut(HEADROOM..).unwrap_or_default());
        block.emit(&mut out).map_err(|_| ClientError::TooLong)?;
        self.pdu = HEADROOM..HEADROOM + out.len();
        self.blocks.said = number;
        Ok(())
    }

    /// Takes a general block that stands in `range` of the inbox.
    pub(super) fn general_block(&mut self, range: Range<usize>) -> Result<Next, ClientError> {
        if !self.has_general_blocks() {
            return Err(APDU);
        }
        let block = GeneralBlock::parse(self.inbox.get(range).unwrap_or(&[])).map_err(|_| APDU)?;
        if let Some(giving) = self.blocks.giving {
            let all = giving.length.div_ceil(giving.size);
            if all < usize::from(block.acknowledged) {
                return Err(NUMBER);
            }
            if block.data.is_empty() {
                // What the meter says while it takes the request counts in its numbers. What comes twice is no reason to
                // say anything twice: when the meter misses something and is silent, the deadline says it again.
                let fresh = self.blocks.got < block.number && self.blocks.taken < block.acknowledged;
                self.blocks.got = self.blocks.got.max(block.number);
                if !fresh {
                    return Ok(Next::Wait);
                }
            }
            self.blocks.taken = self.blocks.taken.max(block.acknowledged);
            if usize::from(self.blocks.taken) * giving.size < giving.length {
                if !block.data.is_empty() {
                    return Ok(Next::Wait);
                }
                // Only as fast as the line lets: on a serial line each block waits for its turn.
                self.blocks.left = if self.streams { block.window.max(1) } else { 1 };
                self.blocks.said = self.blocks.taken;
                self.next_general_block()?;
                return Ok(Next::Send);
            }
            self.blocks.giving = None;
            self.blocks.said = u16::try_from(all).map_err(|_| ClientError::TooLong)?;
            if block.data.is_empty() {
                return Ok(Next::Wait);
            }
        }
        let fresh = self.blocks.got.checked_add(1) == Some(block.number);
        let known = block.number <= self.blocks.got;
        if !block.data.is_empty() && fresh {
            let from = HEADROOM + self.blocks.length;
            let to = from + block.data.len();
            let place = self.lent.get_mut(from..to).ok_or(ClientError::TooLong)?;
            place.copy_from_slice(block.data);
            self.blocks.length += block.data.len();
            self.blocks.got = block.number;
            if block.last {
                let length = self.blocks.length;
                self.blocks = Blocks::default();
                return self.whole_answer(length);
            }
        }
        // A block that is known already may be one that comes twice: the deadline acknowledges it again.
        if block.streaming || known {
            return Ok(Next::Wait);
        }
        self.acknowledge()?;
        Ok(Next::Send)
    }

    /// Makes an acknowledgement of what was taken of the answer.
    fn acknowledge(&mut self) -> Result<(), ClientError> {
        self.blocks.said = self.blocks.said.checked_add(1).ok_or(NUMBER)?;
        let acknowledgement = GeneralBlock {
            last: true,
            streaming: false,
            window: WINDOW,
            number: self.blocks.said,
            acknowledged: self.blocks.got,
            data: &[],
        };
        let mut out = Writer::new(self.outbox.get_mut(HEADROOM..).unwrap_or_default());
        acknowledgement.emit(&mut out).map_err(|_| ClientError::TooLong)?;
        self.pdu = HEADROOM..HEADROOM + out.len();
        Ok(())
    }

    /// The answer was put together in the lent buffer, with room before it to open it in place.
    fn whole_answer(&mut self, length: usize) -> Result<Next, ClientError> {
        if length <= PDU_MAX {
            let octets = self.lent.get(HEADROOM..HEADROOM + length).unwrap_or(&[]);
            self.inbox
                .get_mut(HEADROOM..HEADROOM + length)
                .ok_or(ClientError::TooLong)?
                .copy_from_slice(octets);
            return self.on(length);
        }
        if self.state != State::Open {
            return Err(APDU);
        }
        let apdu = self.unprotect_lent(HEADROOM..HEADROOM + length)?;
        let octets = self.lent.get(apdu.clone()).unwrap_or(&[]);
        match (octets.first(), self.work) {
            (Some(&tag::ACCESS_RESPONSE), Work::Access) => {
                let length = apdu.len();
                self.lent.copy_within(apdu, 0);
                self.accessed(length)
            }
            (Some(&tag::GET_RESPONSE), Work::Get { list, number: 0, .. }) => {
                let response = GetResponse::parse(octets).map_err(|_| APDU)?;
                match response {
                    GetResponse::Normal(invoke, Ok(data)) if !list => {
                        let length = data.len();
                        self.check_invoke(invoke)?;
                        // The value is the end of the APDU.
                        self.lent.copy_within(apdu.end - length..apdu.end, 0);
                        self.finished(Kind::Value(length))
                    }
                    GetResponse::List(invoke, results) if list => {
                        let (count, length) = (results.count, results.octets.len());
                        self.check_invoke(invoke)?;
                        let mut head = [0; 5];
                        let mut head = Writer::new(&mut head);
                        head.length(count).map_err(|_| ClientError::TooLong)?;
                        let head = head.written();
                        self.lent.copy_within(apdu.end - length..apdu.end, head.len());
                        self.lent
                            .get_mut(..head.len())
                            .ok_or(ClientError::TooLong)?
                            .copy_from_slice(head);
                        self.finished(Kind::Values(head.len() + length))
                    }
                    _ => Err(APDU),
                }
            }
            _ => Err(APDU),
        }
    }
}
