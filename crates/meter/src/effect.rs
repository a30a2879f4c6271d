//! What a rule wants done in the world: it says so, and the step does it when no rule is borrowed any more.

use base::Utc;
use heapless::Deque;

use crate::event_log::Log;
use crate::legal::LegalAct;
use crate::limits::EFFECTS;
use crate::profile::JournalId;

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write an event to a log with the time of now.
    Event(Log, u8),
    /// Write an event to a log with another time stamp.
    EventAt(Log, u8, Utc),
    /// Drive the switch in the supply: true closes it.
    Switch(bool),
    /// Set the clock that runs on through a power cut.
    SetRtc(Utc),
    /// Forget all rows of a journal.
    Clear(JournalId),
    /// Add a row to a journal, stamped with this time.
    Capture(JournalId, Utc),
    /// Make this part of the model durable.
    Keep(Record),
    /// Do something about the sealed parameters.
    Legal(LegalAct),
}

/// Parts of the model that are stored as one record, since they change together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// State of the disconnector.
    Disconnector,
    /// Covers and magnet.
    Contacts,
    /// Marks of the invocation counters.
    Counters,
    /// Security policy.
    Security,
    /// All memories are laid out: what is missing from now on was lost.
    Laid,
    /// Which journals were laid out once.
    Journals,
}

/// The effects of one step, in order.
#[derive(Debug, Default)]
pub struct Effects {
    queue: Deque<Effect, EFFECTS>,
    overrun: bool,
}

impl Effects {
    /// No effects.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            queue: Deque::new(),
            overrun: false,
        }
    }

    /// Adds an effect. One that finds no room is noticed by [`Effects::overran`].
    pub fn push(&mut self, effect: Effect) {
        self.overrun |= self.queue.push_back(effect).is_err();
    }

    /// Puts an effect back to where it was taken: it is not done yet.
    pub fn put_back(&mut self, effect: Effect) {
        self.overrun |= self.queue.push_front(effect).is_err();
    }

    /// Takes the oldest effect.
    pub fn pop(&mut self) -> Option<Effect> {
        self.queue.pop_front()
    }

    /// Forgets everything: what restoring from flash leaves behind must not act on the world.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.overrun = false;
    }

    /// Whether an effect was lost since the last call: a fault of the program, shown in the error register.
    pub fn overran(&mut self) -> bool {
        core::mem::take(&mut self.overrun)
    }
}
