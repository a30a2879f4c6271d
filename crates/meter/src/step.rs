//! One step: inputs in, rules in their order, effects out.

use base::{Instant, Micros};
use cosem::{AccessError, Attribute};
use flash::{Fault, Journal};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::alarm::raised_by;
use crate::before::Before;
use crate::billing::Scheme;
use crate::certificates::Office;
use crate::day_table::Day;
use crate::effect::{Actor, Effect, Record};
use crate::event_log::{Log, standard};
use crate::limits::FAREWELL_WATCHED;
use crate::memory::{Memory, MemoryError, Save};
use crate::model::{Model, error_bit};
use crate::objects::DIRECTORY;
use crate::profile::JournalId;
use crate::profile::status;
use crate::{Board, BootFault, BootReport, ConfigError};

/// Rows that may wait for journals which are being laid out.
const ASIDE: usize = 12;

/// The meter behind its door: model, memory, chance.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) model: Model,
    pub(crate) memory: Memory,
    pub(crate) chance: Chance,
    /// When the registers are saved next; nothing is saved that has not changed.
    pub(crate) checkpoint_due: Instant,
    /// When it is looked next whether the farewell fits its place.
    pub(crate) farewell_due: Instant,
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
    pub(crate) fn office<'a>(&'a mut self, board: &'a mut dyn Board) -> Office<'a> {
        let Self {
            model, memory, chance, ..
        } = self;
        Office {
            model,
            memory,
            nor: board.flash(),
            chance,
        }
    }

    /// Finishes what a power cut has left half done between a certificate and its key.
    #[inline(never)]
    fn finish_import(&mut self, board: &mut dyn Board) {
        self.office(board).finish_import();
    }

    /// Puts in what the factory gave: the certificates of the order.
    #[inline(never)]
    fn furnish(&mut self, board: &mut dyn Board) -> Result<(), BootFault> {
        self.office(board).furnish().map_err(|_| {
            BootFault::Config(ConfigError {
                key: "certificates",
                allowed: "at most three authorities, six of clients, three of its own, each of 896 octets",
            })
        })
    }

    /// Finds the memory or lays it out, and wakes up: what is kept is restored, the switch is driven to its state, and that power is back is logged.
    pub(crate) fn boot(&mut self, board: &mut dyn Board) -> Result<BootReport, BootFault> {
        let report = self
            .memory
            .boot(board.flash(), &mut self.model)
            .map_err(BootFault::Memory)?;
        if report.first_boot || report.parameters_lost {
            self.furnish(board)?;
        }
        let Self { model, .. } = &mut *self;
        if !report.first_boot {
            model.power_failures = model.power_failures.saturating_add(1);
            model.profiles.mark(status::POWER_DOWN);
            let from = report.last_alive.filter(|_| model.clock.is_valid());
            let to = model.utc();
            model.outages.resume(from, to);
        }
        // From here on a boot without a warning before it is told from one with a warning, also when the power goes in this boot. A first
        // boot has ended when all memories hold something: what is missing from then on was lost.
        let saved = self.memory.checkpoint(board.flash(), &self.model, Save::Whole);
        let laid = if report.first_boot || report.parameters_lost {
            saved.and_then(|()| self.memory.keep(board.flash(), &self.model, Record::Laid))
        } else {
            saved
        };
        // A worn flash is no reason not to measure; one that does not answer, or a first boot that cannot be finished, is no boot.
        let worn = match laid {
            Ok(()) => report.worn,
            Err(MemoryError::Fault(Fault::Worn(_) | Fault::Busy)) if !report.first_boot => true,
            Err(error) => return Err(BootFault::Memory(error)),
        };
        let Self { model, .. } = &mut *self;
        if let Some(last_alive) = report.last_alive {
            model
                .effects
                .push(Effect::EventAt(Log::Standard, standard::POWER_DOWN, last_alive));
        }
        if report.cleared_journals != 0 {
            model
                .effects
                .push(Effect::Event(Log::Standard, standard::PROFILE_CLEARED));
        }
        model.effects.push(Effect::Event(Log::Standard, standard::POWER_UP));
        // The verification mode has ended with the power: news when it had begun.
        model
            .effects
            .push(Effect::Event(Log::Standard, standard::VERIFICATION_ENDED));
        model.note_valid_clock();
        if !model.clock.is_valid() {
            model
                .effects
                .push(Effect::Event(Log::Standard, standard::CLOCK_INVALID));
        }
        if report.has_loss() || worn {
            model.note_critical(error_bit::NV_MEMORY);
            model
                .effects
                .push(Effect::Event(Log::Standard, standard::NV_MEMORY_ERROR));
        }
        self.find_parameters(board);
        if self.model.keys.waiting().is_some() {
            self.finish_import(board);
        }
        let Self { model, memory, .. } = &mut *self;
        let newest = |scheme: Scheme| memory.journal(scheme.journal()).and_then(Journal::last_utc);
        model.wake(report.first_boot, Scheme::ALL.map(newest));
        let closed = model.disconnector.is_connected();
        board.drive_disconnector(closed);
        let _noted_in_the_error_register = self.settle(board);
        Ok(report)
    }

    /// Does what the rules asked for. An effect that fails is noted in the error register; the first failure is answered. One that meets a
    /// flash that still prepares for it waits for the next step, and those behind it with it; a row of a journal that is being laid out waits
    /// by itself.
    pub(crate) fn settle(&mut self, board: &mut dyn Board) -> Result<(), AccessError> {
        let mut outcome = Ok(());
        let mut waiting = heapless::Vec::<(Effect, Actor), ASIDE>::new();
        while let Some((effect, actor)) = self.model.effects.pop() {
            match self.act(effect, actor, board) {
                Ok(()) => {
                    // What is forgotten needs no row that still waits.
                    if let Effect::Clear(journal) | Effect::Renew(journal) = effect {
                        waiting.retain(|(it, _)| !matches!(it, Effect::Capture(to, _) if *to == journal));
                    }
                }
                // The first seconds of a meter, or of a profile that was never used before, keep nobody waiting.
                Err(MemoryError::Fault(Fault::Busy))
                    if !waiting.is_full() && effect.row_of().is_some_and(|journal| self.memory.is_missing(journal)) =>
                {
                    // Not `expect`, which would bring the printing of all effects into an image.
                    let pushed = waiting.push((effect, actor)).is_ok();
                    assert!(pushed, "it was not full");
                    self.model.effects.note_aside(effect);
                }
                Err(error @ MemoryError::Fault(Fault::Busy)) => {
                    self.model.effects.put_back(effect, actor);
                    outcome = outcome.and_then(|()| Err(error.into()));
                    break;
                }
                Err(error) => {
                    self.note_damage(matches!(error, MemoryError::Fault(_)));
                    outcome = outcome.and_then(|()| Err(error.into()));
                }
            }
        }
        for (effect, actor) in waiting.into_iter().rev() {
            self.model.effects.put_back(effect, actor);
        }
        self.model.effects.end_aside();
        if self.model.effects.overran() {
            self.model.note_critical(error_bit::PROGRAM);
        }
        outcome
    }

    /// Sees to it that nothing is begun for a client that the flash could not take and tell at once.
    pub(crate) fn prepare(&mut self, board: &mut dyn Board) -> Result<(), AccessError> {
        // What was noted before belongs to others: it must not go when this request is taken back.
        self.settle(board)?;
        if self.memory.is_busy() {
            return Err(AccessError::TemporaryFailure);
        }
        Ok(())
    }

    /// Makes durable what a client has changed, before anything else is done of what it asked for: the effects behind the first `waiting`.
    /// True when there was something. When the flash refuses they are all taken back, and the model is as it was `before`.
    pub(crate) fn keep_or_undo(
        &mut self,
        waiting: usize,
        before: Before,
        board: &mut dyn Board,
    ) -> Result<bool, AccessError> {
        let mut has_kept = false;
        for at in waiting..self.model.effects.waiting() {
            let Some((effect @ (Effect::Keep(_) | Effect::KeepAttribute(_)), actor)) = self.model.effects.behind(at)
            else {
                continue;
            };
            match self.act(effect, actor, board) {
                Ok(()) => has_kept = true,
                Err(error) => {
                    self.model.effects.take_back(waiting);
                    before.put_back(&mut self.model);
                    if !matches!(error, MemoryError::Fault(Fault::Busy)) {
                        self.note_damage(matches!(error, MemoryError::Fault(_)));
                    }
                    return Err(error.into());
                }
            }
        }
        Ok(has_kept)
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
            Effect::Transform(ratio) => self.transform(ratio, board),
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
        // What begins anew at the end of a period is many numbers at once.
        if self.model.due().is_some_and(|due| due <= self.model.utc()) {
            self.farewell_due = self.model.now;
        }
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
        } else if self.unsaved && self.farewell_due <= self.model.now {
            let mut is_short = true;
            self.note(
                |memory, nor, model| {
                    is_short = memory.keep_farewell_short(nor, model)?;
                    Ok(())
                },
                board,
            );
            // Else once more in the next step.
            if is_short {
                self.farewell_due = self.model.now + FAREWELL_WATCHED;
            }
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
        if work(memory, board.flash(), model).is_err() {
            self.note_damage(true);
        }
    }

    /// Notes that the memory failed: a bit, and an event when the bit is news and it is the flash that failed.
    fn note_damage(&mut self, is_of_flash: bool) {
        let model = &mut self.model;
        let is_news = model.error_register & error_bit::NV_MEMORY == 0;
        model.note_critical(error_bit::NV_MEMORY);
        if is_of_flash && is_news {
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
