//! General block transfer, the server's side: requests that come in numbered blocks, answers that go out in them
//! (IEC 62056-5-3, 6.10 and 7.3.13).
//!
//! ```text
//!            first block            last block, in order
//!   Idle ------------------> Taking ---------------------> Giving
//!     |      answer longer than the client's PDU             ^ |
//!     +------------------------------------------------------+ | all acknowledged, or another request
//!     ^                                                        v
//!     +--------------------------------------------------------+
//! ```
//!
//! The blocks of an answer are cut out of the outbox in place, and can be cut again as long as the client has not
//! acknowledged them all: a lost block costs no buffer. After a gap the client acknowledges the last block before it,
//! and the server goes on from there. What is sealed is sealed whole, so it is as long as the outbox at most; a plain
//! answer to GET has no limit, it is made outbox by outbox.

use cosem::axdr::Writer;

use super::application::{Application, SecurityEvent};
use super::buffers::Outbox;
use super::session::{Peer, Session};
use super::transfer::Transfer;
use crate::apdu::{Exception, GeneralBlock};
use crate::initiate::Conformance;
use crate::security::{HEADROOM, Protection};

/// Blocks that the server takes in a row.
pub const WINDOW: u8 = 8;

/// What general block transfer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocks {
    /// Nothing.
    Idle,
    /// A request comes; what was taken waits in the store.
    Taking(Heard),
    /// An answer goes out; what is not acknowledged of it stands in the outbox.
    Giving(Giving),
}

/// What was heard of the client in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// The number of the last block that was taken; 0 for none.
    got: u16,
    /// The sums over the first and the last block of the request, by which their repetition is known.
    first: u32,
    last: u32,
    /// Blocks that the client takes in a row.
    window: u8,
    /// The number of the last block that the server said; 0 for none.
    said: u16,
    /// What was acknowledged last.
    acknowledged: u16,
}

/// An answer that goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Giving {
    heard: Heard,
    /// The number of the block that the outbox starts with.
    first: u16,
    /// Octets of a block's data.
    size: usize,
    /// Octets that stand in the outbox.
    length: usize,
    /// The last block that the client has.
    acknowledged: u16,
    /// Blocks that may be sent before the client is heard again.
    left: u8,
    /// More octets follow those in the outbox.
    more: bool,
}

/// What is due after a block was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Nothing: the client goes on streaming, or says again what is known.
    Nothing,
    /// An acknowledgement without data.
    Acknowledge,
    /// The request is complete.
    Serve,
    /// The next block of the answer.
    Next,
    /// More octets of the answer, then the next block.
    Refill,
    /// The answer was taken whole.
    Done,
}

impl Heard {
    const NOTHING: Self = Self {
        got: 0,
        first: 0,
        last: 0,
        window: 1,
        said: 0,
        acknowledged: 0,
    };

    /// Takes a block if it is the next one; answers whether it is.
    fn take(&mut self, block: &GeneralBlock<'_>) -> bool {
        self.window = block.window.max(1);
        let next = self.got.checked_add(1) == Some(block.number);
        if next {
            self.got = block.number;
            self.last = sum(block.data);
            if block.number == 1 {
                self.first = self.last;
            }
        }
        next
    }

    /// Whether a block is one that was taken, once more. A new request begins with block 1, and differs.
    fn has(&self, block: &GeneralBlock<'_>) -> bool {
        match block.number {
            1 => sum(block.data) == self.first,
            number => number <= self.got,
        }
    }

    /// Whether a block is the last one that was taken, once more.
    fn has_last(&self, block: &GeneralBlock<'_>) -> bool {
        block.number == self.got && sum(block.data) == self.last
    }
}

/// FNV-1a, enough to tell a repeated block from a new request.
fn sum(octets: &[u8]) -> u32 {
    octets.iter().fold(0x811C_9DC5, |sum, &octet| {
        (sum ^ u32::from(octet)).wrapping_mul(0x0100_0193)
    })
}

impl Giving {
    /// The number of the last block in the outbox.
    fn last(&self) -> Option<u16> {
        let count = u16::try_from(self.length.div_ceil(self.size).max(1)).ok()?;
        self.first.checked_add(count - 1)
    }

    /// Takes an acknowledgement, or the end of the request once more; `None` when it is of blocks that were never sent.
    ///
    /// An acknowledgement that comes twice is no reason to send anything twice: the client numbers them. One that numbers
    /// none of them (`dlms-cosem-rs` calls each of them 0) is taken each time.
    fn acknowledge(&mut self, block: &GeneralBlock<'_>) -> Option<Due> {
        if self.heard.said < block.acknowledged {
            return None;
        }
        if block.data.is_empty() && block.number != 0 {
            if block.number <= self.heard.got {
                return Some(Due::Nothing);
            }
            self.heard.got = block.number;
        }
        self.heard.window = block.window.max(1);
        self.acknowledged = self.acknowledged.max(block.acknowledged);
        // What is not acknowledged is sent again.
        self.heard.said = self.acknowledged;
        self.left = self.heard.window;
        Some(match (self.last()? <= self.acknowledged, self.more) {
            (false, _) => Due::Next,
            (true, true) => Due::Refill,
            (true, false) => Due::Done,
        })
    }

    /// Puts the next block before the octets that it carries; answers whether one more may follow at once.
    fn next(&mut self, outbox: &mut Outbox) -> Result<bool, Exception> {
        let number = self.heard.said.checked_add(1).ok_or(Exception::TOO_LONG)?;
        let last = self.last().ok_or(Exception::TOO_LONG)?;
        let from = usize::from(number.saturating_sub(self.first)) * self.size;
        let to = self.length.min(from + self.size);
        self.heard.said = number;
        self.left = self.left.saturating_sub(1);
        let streaming = number < last && 0 < self.left;
        outbox.show(from, to);
        let mut head = [0; 16];
        let mut head = Writer::new(&mut head);
        let block = GeneralBlock {
            last: number == last && !self.more,
            streaming,
            window: WINDOW,
            number,
            acknowledged: self.heard.got,
            data: outbox.octets(),
        };
        let fits = block.emit_head(&mut head).is_ok() && outbox.prepend(head.written());
        if fits { Ok(streaming) } else { Err(Exception::TOO_LONG) }
    }
}

impl Session {
    /// Makes the next PDU of an answer that goes out in a stream of general blocks the answer; false when the client is
    /// to be heard first. A link calls it when the PDU before has gone out.
    pub fn proceed(&mut self) -> bool {
        match &mut self.blocks {
            Blocks::Giving(giving) if self.streaming => {
                let next = giving.next(&mut self.outbox);
                self.streaming = next == Ok(true);
                next.is_ok()
            }
            _ => false,
        }
    }

    /// Takes a general block; answers whether there is something to say.
    pub(super) fn block(&mut self, peer: Peer, length: usize, app: &mut dyn Application) -> Result<bool, Exception> {
        let terms = self.association.terms().filter(|terms| terms.peer == peer);
        let (conformance, receive_max) = terms
            .map(|terms| (terms.conformance, terms.receive_max))
            .ok_or(Exception::NOT_ALLOWED)?;
        if !(conformance | app.tolerates(peer.client)).has(Conformance::GENERAL_BLOCK_TRANSFER) {
            return Err(Exception::NOT_NEGOTIATED);
        }
        if usize::from(receive_max) < length {
            app.observe(peer.client, SecurityEvent::Malformed);
            return Err(Exception::TOO_LONG);
        }
        let octets = self.inbox.get(HEADROOM..HEADROOM + length).unwrap_or(&[]);
        let block = GeneralBlock::parse(octets).map_err(|_| Exception::MALFORMED)?;
        let state = core::mem::replace(&mut self.blocks, Blocks::Idle);
        let (state, due) = match state {
            Blocks::Giving(mut giving) if block.data.is_empty() || giving.heard.has_last(&block) => {
                let Some(due) = giving.acknowledge(&block) else {
                    app.observe(peer.client, SecurityEvent::OutOfSequence);
                    return Err(Exception::NOT_ALLOWED);
                };
                (Blocks::Giving(giving), due)
            }
            Blocks::Giving(giving) if giving.heard.has(&block) => (Blocks::Giving(giving), Due::Nothing),
            // Nothing is under way that could be acknowledged.
            Blocks::Idle if block.data.is_empty() => return Err(Exception::NOT_ALLOWED),
            Blocks::Idle | Blocks::Giving(_) => {
                self.transfer = Transfer::Idle;
                if !self.store.keep(&[], 0) {
                    return Err(Exception::TOO_LONG);
                }
                self.hear(peer, Heard::NOTHING, length, app)?
            }
            Blocks::Taking(heard) => self.hear(peer, heard, length, app)?,
        };
        self.blocks = state;
        match due {
            // What stands in the outbox may still be asked for.
            Due::Nothing => return Ok(false),
            Due::Done => {
                self.outbox.clear();
                self.blocks = Blocks::Idle;
                return Ok(false);
            }
            Due::Acknowledge => self.acknowledge(),
            Due::Serve => {
                let Blocks::Taking(heard) = core::mem::replace(&mut self.blocks, Blocks::Idle) else {
                    return Err(Exception::NOT_ALLOWED);
                };
                let waiting = self.store.waiting();
                let length = waiting.len();
                self.inbox
                    .get_mut(HEADROOM..HEADROOM + length)
                    .ok_or(Exception::TOO_LONG)?
                    .copy_from_slice(waiting);
                self.outbox.clear();
                self.request(peer, length, Some(heard), app)
            }
            Due::Next => self.give(),
            Due::Refill => {
                let cover = self.plain_cover(app)?;
                let caller = self
                    .association
                    .caller(Protection::NONE)
                    .ok_or(Exception::NOT_ALLOWED)?;
                let more = self.stream_on(&caller, cover, app)?;
                self.outbox.fix();
                let length = self.outbox.len();
                if let Blocks::Giving(giving) = &mut self.blocks {
                    giving.first = giving.acknowledged.checked_add(1).ok_or(Exception::TOO_LONG)?;
                    (giving.length, giving.more) = (length, more);
                }
                self.give()
            }
        }?;
        Ok(0 < self.outbox.len())
    }

    /// Takes the data of the block in the inbox.
    fn hear(
        &mut self,
        peer: Peer,
        mut heard: Heard,
        length: usize,
        app: &mut dyn Application,
    ) -> Result<(Blocks, Due), Exception> {
        let octets = self.inbox.get(HEADROOM..HEADROOM + length).unwrap_or(&[]);
        let block = GeneralBlock::parse(octets).map_err(|_| Exception::MALFORMED)?;
        // A lost block leaves a gap within the window; whoever leaps further has not lost one.
        if heard.got.saturating_add(u16::from(WINDOW)) < block.number {
            app.observe(peer.client, SecurityEvent::OutOfSequence);
        }
        let next = heard.take(&block);
        if next && !self.store.put(block.data) {
            app.observe(peer.client, SecurityEvent::OutOfSequence);
            return Err(Exception::TOO_LONG);
        }
        let due = match (next && block.last, block.streaming) {
            (true, _) => Due::Serve,
            (false, true) => Due::Nothing,
            (false, false) => Due::Acknowledge,
        };
        Ok((Blocks::Taking(heard), due))
    }

    /// Tells the client what was taken of its request.
    fn acknowledge(&mut self) -> Result<(), Exception> {
        let Blocks::Taking(heard) = &mut self.blocks else {
            return Err(Exception::NOT_ALLOWED);
        };
        // The same word once more keeps its number: so the client knows with which the answer begins.
        if heard.said == 0 || heard.acknowledged != heard.got {
            heard.said = heard.said.checked_add(1).ok_or(Exception::TOO_LONG)?;
            heard.acknowledged = heard.got;
        }
        let block = GeneralBlock {
            last: false,
            streaming: false,
            window: WINDOW,
            number: heard.said,
            acknowledged: heard.got,
            data: &[],
        };
        self.outbox.clear();
        self.outbox
            .write(16, |out| block.emit(out))
            .map_err(|_| Exception::TOO_LONG)
    }

    /// Puts the answer in the outbox into blocks of `size`, and shows the first one.
    pub(super) fn give_in_blocks(&mut self, heard: Option<Heard>, size: usize) -> Result<(), Exception> {
        let heard = heard.unwrap_or(Heard::NOTHING);
        self.outbox.fix();
        self.blocks = Blocks::Giving(Giving {
            first: heard.said.checked_add(1).ok_or(Exception::TOO_LONG)?,
            size,
            length: self.outbox.len(),
            acknowledged: heard.said,
            left: heard.window,
            more: matches!(self.transfer, Transfer::Streaming(_)),
            heard,
        });
        self.give()
    }

    /// Lets all blocks of what stands in the outbox go out without an acknowledgement.
    pub(super) fn give_unasked(&mut self, size: usize) -> Result<(), Exception> {
        let all = Heard {
            window: u8::MAX,
            ..Heard::NOTHING
        };
        self.give_in_blocks(Some(all), size)
    }

    fn give(&mut self) -> Result<(), Exception> {
        let Blocks::Giving(giving) = &mut self.blocks else {
            return Err(Exception::NOT_ALLOWED);
        };
        self.streaming = giving.next(&mut self.outbox)?;
        Ok(())
    }
}
