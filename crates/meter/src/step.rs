//! One step: inputs in, rules in their order, effects out.

use base::{Instant, Micros};
use cosem::{AccessError, Attribute};
use flash::Fault;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::Board;
use crate::alarm::raised_by;
use crate::day_table::Day;
use crate::effect::{Actor, Effect, Record};
use crate::event_log::{Log, standard};
use crate::memory::{Memory, MemoryError, Save};
use crate::model::{Model, error_bit};
use crate::objects::DIRECTORY;
use crate::profile::JournalId;

/// The meter behind its door: model, memory, chance.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) model: Model,
    pub(crate) memory: Memory,
    pub(crate) chance: Chance,
    /// When the registers are saved next; nothing is saved that has not changed.
    pub(crate) checkpoint_due: Instant,
    /// Something was measured since the last save.
    pub(crate) unsaved: bool,
}

/// Numbers that nobody can guess, as far as the seed is secret.
pub(crate) struct Chance(ChaCha12Rng);

impl core::fmt::Debug for Chance {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Chance")
    }
}

impl Chance {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }
}

impl Core {
    /// Does what the rules asked for. An effect that fails is noted in the error register; the first failure is answered. One that meets a
    /// flash that still prepares for it waits for the next step, and those behind it with it.
    pub(crate) fn settle(&mut self, board: &mut dyn Board) -> Result<(), AccessError> {
        let mut outcome = Ok(());
        let mut waiting = heapless::Vec::<(Effect, Actor), 4>::new();
        let mut lost = false;
        while let Some((effect, actor)) = self.model.effects.pop() {
            match self.act(effect, actor, board) {
                Ok(()) => {}
                // A billing period whose journal is not laid out yet, in the first seconds of a meter, keeps nobody waiting.
                Err(MemoryError::Fault(Fault::Busy)) if matches!(effect, Effect::CloseBilling(..)) => {
                    lost |= waiting.push((effect, actor)).is_err();
                }
                Err(error @ MemoryError::Fault(Fault::Busy)) => {
                    self.model.effects.put_back(effect, actor);
                    outcome = outcome.and_then(|()| Err(error.into()));
                    break;
                }
                Err(error) => {
                    self.model.error_register |= error_bit::NV_MEMORY;
                    outcome = outcome.and_then(|()| Err(error.into()));
                }
            }
        }
        for (effect, actor) in waiting.into_iter().rev() {
            self.model.effects.put_back(effect, actor);
        }
        if self.model.effects.overran() || lost {
            self.model.error_register |= error_bit::PROGRAM;
        }
        outcome
    }

    fn act(&mut self, effect: Effect, actor: Actor, board: &mut dyn Board) -> Result<(), MemoryError> {
        let Self { model, memory, .. } = self;
        match effect {
            Effect::Event(log, code) => {
                let utc = model.utc();
                self.write_event(log, code, utc, actor, board)
            }
            Effect::EventAt(log, code, utc) => self.write_event(log, code, utc, actor, board),
            Effect::Switch(closed) => {
                board.drive_disconnector(closed);
                Ok(())
            }
            Effect::SetRtc(utc) => {
                board.set_rtc(utc);
                Ok(())
            }
            Effect::Clear(journal) => memory.clear(board.flash(), model, journal),
            Effect::Renew(journal) => memory.renew(board.flash(), model, journal),
            Effect::Capture(journal, stamp) => memory.capture(board.flash(), model, journal, stamp),
            Effect::Keep(record) => memory.keep(board.flash(), model, record),
            Effect::Legal(act) => self.legal_act(act, board).map_err(|_refusal| MemoryError::Bound),
            Effect::Save => memory.checkpoint(board.flash(), model, Save::Changes),
            Effect::Change(change) => {
                model.last_change = (change, actor.code());
                let utc = model.utc();
                memory.capture(board.flash(), model, JournalId::ParameterChangeLog, utc)
            }
            Effect::KeepAttribute(Attribute { class_id, name, index }) => {
                let object = DIRECTORY.find(model, class_id, name);
                let (object, attribute) = object.zip(u8::try_from(index).ok()).ok_or(MemoryError::Bound)?;
                memory.keep_attribute(board.flash(), model, object, attribute)
            }
            Effect::CloseBilling(scheme, stamp) => {
                memory.capture(board.flash(), model, scheme.journal(), stamp)?;
                model.closed(scheme, stamp);
                Ok(())
            }
            Effect::ReadDay(wanted) => {
                // A table that cannot be read switches nothing: the default tariff counts, and the error register says why.
                let read = memory.read_day(board.flash(), wanted);
                let (day, outcome) = match read {
                    Ok(day) => (day, Ok(())),
                    Err(error) => (Day::default(), Err(error)),
                };
                model.take_day(day);
                outcome
            }
        }
    }

    /// Writes an event to its log when it is news and the filter takes it; alarms are raised in any case. Done again after a busy flash, it
    /// does the same.
    fn write_event(
        &mut self,
        log: Log,
        code: u8,
        utc: base::Utc,
        actor: Actor,
        board: &mut dyn Board,
    ) -> Result<(), MemoryError> {
        let Self { model, memory, .. } = self;
        if !model.causes.is_news(log, code) {
            return Ok(());
        }
        model.heed(log, code);
        let is_wanted = model.filters.get(log.index()).is_none_or(|filter| filter.takes(code));
        if is_wanted {
            let last = model
                .last_event
                .get_mut(log.index())
                .zip(model.last_actor.get_mut(log.index()));
            if let Some((last_event, last_actor)) = last {
                (*last_event, *last_actor) = (code, actor.code());
            }
            memory.capture(board.flash(), model, JournalId::of_log(log), utc)?;
        }
        if log == Log::Fraud && raised_by(log, code) != [0, 0] {
            model.record_fraud();
        }
        if model.causes.note(log, code) {
            model.effects.push(Effect::Keep(Record::Alarms));
        }
        Ok(())
    }

    /// What time itself brings: periods that end, the checkpoint, the care of the flash.
    pub(crate) fn elapse(&mut self, board: &mut dyn Board) -> Result<(), AccessError> {
        self.model.elapse();
        // What waits for the flash is done in one of the next steps.
        let outcome = self.settle(board).or_else(|error| match error {
            AccessError::TemporaryFailure => Ok(()),
            error => Err(error),
        });
        if self.unsaved && self.checkpoint_due <= self.model.now {
            self.unsaved = false;
            let interval = Micros::from_secs(u64::from(self.model.config.checkpoint_seconds));
            self.checkpoint_due = self.model.now + interval;
            self.note(|memory, nor, model| memory.checkpoint(nor, model, Save::Changes), board);
        }
        self.note(Memory::tend, board);
        outcome
    }

    /// Something with the memory that nobody waits for: a failure is an error bit and an event, once.
    fn note(
        &mut self,
        work: impl FnOnce(&mut Memory, &mut dyn flash::Nor, &mut Model) -> Result<(), MemoryError>,
        board: &mut dyn Board,
    ) {
        let Self { model, memory, .. } = self;
        if work(memory, board.flash(), model).is_err() && model.error_register & error_bit::NV_MEMORY == 0 {
            model.error_register |= error_bit::NV_MEMORY;
            model
                .effects
                .push(Effect::Event(Log::Standard, standard::NV_MEMORY_ERROR));
        }
    }

    /// The supply goes: everything that lives in RAM is saved while there is still power for it.
    pub(crate) fn power_failing(&mut self, board: &mut dyn Board) -> Result<(), AccessError> {
        self.model.security.received.settle();
        self.model.security.sent.settle();
        let saved = self.memory.checkpoint(board.flash(), &self.model, Save::Farewell);
        // What the rules still wanted, as long as there is power: the next boot notes the power failure itself.
        let settled = self.settle(board);
        saved.map_err(AccessError::from).and(settled)
    }
}
