//! What a rule wants done in the world: it says so, and the step does it when no rule is borrowed any more.

use base::Utc;
use cosem::Attribute;
use heapless::Deque;

use crate::billing::Scheme;
use crate::event_log::Log;
use crate::legal::LegalAct;
use crate::limits::EFFECTS;
use crate::profile::JournalId;
use crate::tariff::Wanted;
use crate::transformers::Ratio;

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write an event to a log with the time of now.
    Event(Log, u8),
    /// Write an event to a log with another time stamp.
    EventAt(Log, u8, Utc),
    /// Write to the log of parameter changes.
    Change(Change),
    /// Drive the switch in the supply: true closes it.
    Switch(bool),
    /// Set the clock that runs on through a power cut.
    SetRtc(Utc),
    /// Forget all rows of a journal.
    Clear(JournalId),
    /// The rows of a journal cannot be read by its new list: forget them, at the latest before the next row comes.
    Renew(JournalId),
    /// Add a row to a journal, stamped with this time.
    Capture(JournalId, Utc),
    /// Make this part of the model durable.
    Keep(Record),
    /// Do something about the sealed parameters.
    Legal(LegalAct),
    /// Let another ratio of the transformers hold.
    Transform(Ratio),
    /// Save what always moves, without waiting for the next checkpoint.
    Save,
    /// Make a kept attribute durable that the meter itself has changed.
    KeepAttribute(Attribute),
    /// Write the row of a billing period, stamped with this time; when it is written the period is closed.
    CloseBilling(Scheme, Utc),
    /// Read the switchings of today.
    ReadDay(Wanted),
}

impl Effect {
    /// The journal that it adds a row to without being asked by anybody: a profile's or a billing period's.
    pub(crate) const fn row_of(self) -> Option<JournalId> {
        match self {
            Self::Capture(journal, _) => Some(journal),
            Self::CloseBilling(scheme, _) => Some(scheme.journal()),
            _ => None,
        }
    }
}

/// Who made something happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Actor {
    /// The meter by its own rules: limiter, calendar, schedule.
    #[default]
    Meter,
    /// The client with this number, 1 to 127.
    Client(u8),
    /// Somebody at the button.
    Button,
    /// The board, such as a time source of the network.
    Board,
}

impl Actor {
    /// The number in logs: 0 the meter, 1 to 127 a client, 128 the button, 129 the board.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Meter => 0,
            Self::Client(client) => client,
            Self::Button => 128,
            Self::Board => 129,
        }
    }
}

/// What was changed: an attribute, or by a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Object and attribute; a method has its number below 0.
    pub what: Attribute,
    /// Digest of the value before; 0 for a method.
    pub old: u32,
    /// Digest of the value after, or of the method's parameters.
    pub new: u32,
}

impl Change {
    /// Nothing yet.
    pub const NONE: Self = Self {
        what: Attribute::new(0, cosem::Obis::NONE, 0),
        old: 0,
        new: 0,
    };
}

/// Parts of the model that are stored as one record, since they change together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// State of the disconnector.
    Disconnector,
    /// Covers and magnet.
    Contacts,
    /// Alarm registers and descriptors, and the causes that persist.
    Alarms,
    /// Counters of the supply's quality.
    Quality,
    /// Marks of the invocation counters.
    Counters,
    /// Security policy.
    Security,
    /// Register activations.
    Activations,
    /// Keys.
    Keys,
    /// All memories are laid out: what is missing from now on was lost.
    Laid,
    /// Which journals were laid out once.
    Journals,
    /// The calendar that is followed.
    ActiveCalendar,
    /// Where the day table of the passive calendar lies.
    PassiveDays,
    /// Ratio of the transformers, and the primary energies when it began to hold.
    Transformers,
}

/// The effects of one step, in order.
#[derive(Debug, Default)]
pub struct Effects {
    queue: Deque<(Effect, Actor), EFFECTS>,
    overrun: bool,
    /// Schemes whose row was put aside, since its journal is being laid out, while what is behind it is done.
    aside: [bool; 2],
    /// Who acts now: what is pushed is done in his name.
    pub acting: Actor,
}

impl Effects {
    /// No effects.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            queue: Deque::new(),
            overrun: false,
            aside: [false; 2],
            acting: Actor::Meter,
        }
    }

    /// Adds an effect in the name of who acts. One that finds no room is noticed by [`Effects::overran`].
    pub fn push(&mut self, effect: Effect) {
        self.overrun |= self.queue.push_back((effect, self.acting)).is_err();
    }

    /// Puts an effect back to where it was taken: it is not done yet.
    pub fn put_back(&mut self, effect: Effect, actor: Actor) {
        self.overrun |= self.queue.push_front((effect, actor)).is_err();
    }

    /// Takes the oldest effect, and who is behind it.
    pub fn pop(&mut self) -> Option<(Effect, Actor)> {
        self.queue.pop_front()
    }

    /// How many wait to be done.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The one behind the first `count`.
    pub(crate) fn behind(&self, count: usize) -> Option<(Effect, Actor)> {
        self.queue.iter().nth(count).copied()
    }

    /// Forgets those that came behind the first `count`.
    pub fn take_back(&mut self, count: usize) {
        while count < self.queue.len() {
            let _taken_back = self.queue.pop_back();
        }
    }

    /// Whether the row of a billing period waits to be written.
    #[must_use]
    pub fn closes_billing(&self) -> bool {
        self.queue
            .iter()
            .any(|(effect, _)| matches!(effect, Effect::CloseBilling(..)))
    }

    /// Whether the row of a billing period of this scheme waits to be written.
    #[must_use]
    pub fn closes(&self, scheme: Scheme) -> bool {
        self.aside.get(scheme as usize) == Some(&true)
            || self
                .queue
                .iter()
                .any(|(effect, _)| matches!(effect, Effect::CloseBilling(it, _) if *it == scheme))
    }

    /// An effect was put aside, and comes back by [`Effects::put_back`].
    pub fn note_aside(&mut self, effect: Effect) {
        if let Effect::CloseBilling(scheme, _) = effect
            && let Some(aside) = self.aside.get_mut(scheme as usize)
        {
            *aside = true;
        }
    }

    /// All that was put aside is back.
    pub const fn end_aside(&mut self) {
        self.aside = [false; 2];
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
