//! How calendars become active and tariffs are followed (T2).

use base::Utc;
use cosem::axdr::Reader;
use cosem::{AccessError, ActionError, Attribute, DateTime, Obis};

use crate::calendar::{Calendar, Days, SpecialDays};
use crate::day_table::{self, Day};
use crate::effect::{Effect, Record};
use crate::event_log::{Log, standard};
use crate::memory::Kind;
use crate::model::Model;
use crate::objects::DAY_TABLES;
use crate::tariff::Tariffs;

/// activate_passive_calendar_time.
const CALENDAR_ACTIVATION: Attribute = Attribute::new(20, Obis::new("0-0:13.0.0"), 10);
/// The entries of the special days table.
const SPECIAL_DAYS: Attribute = Attribute::new(11, Obis::new("0-0:11.0.0"), 2);

/// The day table that is followed. It is never set: it was the passive one once.
pub(crate) const ACTIVE_DAY_TABLE: Kind = Kind {
    number: DAY_TABLES[0],
    key: |it| it.tariffs.active.days.place.map(u32::from),
    check: |_, _, _| Err(AccessError::ReadWriteDenied),
    adopt: |_, _, read, length| day_table::check(read, length).map(drop),
};

/// The day table that is being prepared. It lies in the one of two places that the active one does not take.
pub(crate) const PASSIVE_DAY_TABLE: Kind = Kind {
    number: DAY_TABLES[1],
    key: |it| it.tariffs.passive.days.place.map(u32::from),
    check: |it, read, length| {
        day_table::check(read, length)?;
        Ok(if it.tariffs.active.days.place == Some(1) { 2 } else { 1 })
    },
    adopt: |it, key, read, length| {
        it.tariffs.passive.days = Days {
            place: u8::try_from(key).ok(),
            length,
            known: day_table::check(read, length)?,
        };
        it.effects.push(Effect::Keep(Record::PassiveDays));
        it.note_programmed();
        Ok(())
    },
};

impl Model {
    /// Makes the passive calendar active (class 20, method 1).
    ///
    /// # Errors
    /// `OtherReason` when its parts do not fit together: an event says so, and the active one stays.
    pub fn activate_passive_calendar(&mut self) -> Result<(), ActionError> {
        if self.tariffs.passive.check(&self.tariffs.special).is_err() {
            self.effects
                .push(Effect::Event(Log::Standard, standard::PASSIVE_TOU_REFUSED));
            return Err(ActionError::OtherReason);
        }
        self.tariffs.active = self.tariffs.passive.clone();
        self.effects.push(Effect::Keep(Record::ActiveCalendar));
        self.effects.push(Effect::Event(Log::Standard, standard::TOU_ACTIVATED));
        self.look_again();
        Ok(())
    }

    /// Activates the passive calendar when its time has come. It is tried once.
    pub(crate) fn watch_activation(&mut self, utc: Utc) {
        let is_due = self.tariffs.activation_time(&self.clock).is_some_and(|at| at <= utc);
        if !is_due || !self.clock.is_valid() {
            return;
        }
        // Cleared first: activating looks at the calendar again.
        self.tariffs.activation = DateTime::UNSPECIFIED;
        let _said_by_an_event = self.activate_passive_calendar();
        self.effects.push(Effect::KeepAttribute(CALENDAR_ACTIVATION));
    }

    /// Lets the tariff follow the clock, the calendar and the input.
    pub(crate) fn follow_tariffs(&mut self, utc: Utc) {
        match self.tariffs.turn_page(&self.clock, utc) {
            // The switchings come out of the flash before anything else is counted.
            Some(wanted) => self.effects.push(Effect::ReadDay(wanted)),
            None => {
                self.tariffs.follow(&self.clock, utc);
            }
        }
        self.look_due = self.tariffs.due(&self.clock, utc);
    }

    /// Takes the switchings of today.
    pub(crate) fn take_day(&mut self, day: Day) {
        let utc = self.utc();
        self.tariffs.take_day(day);
        self.tariffs.follow(&self.clock, utc);
        self.look_due = self.tariffs.due(&self.clock, utc);
    }

    /// Changes a register activation and keeps it.
    ///
    /// # Errors
    /// The refusal of the change; then nothing has changed.
    pub(crate) fn change_activation(
        &mut self,
        change: impl FnOnce(&mut Tariffs) -> Result<(), AccessError>,
    ) -> Result<(), AccessError> {
        change(&mut self.tariffs)?;
        self.effects.push(Effect::Keep(Record::Activations));
        Ok(())
    }

    /// Changes the passive calendar; that it was programmed is an event.
    ///
    /// # Errors
    /// The refusal of the change; then nothing has changed.
    pub(crate) fn set_passive(
        &mut self,
        change: impl FnOnce(&mut Calendar) -> Result<(), AccessError>,
    ) -> Result<(), AccessError> {
        change(&mut self.tariffs.passive)?;
        self.note_programmed();
        Ok(())
    }

    /// Sets when the passive calendar becomes active; a time without a year means never.
    ///
    /// # Errors
    /// `OtherReason` when it names no moment.
    pub(crate) fn set_activation(&mut self, at: DateTime) -> Result<(), AccessError> {
        let [year_high, year_low, ..] = at.octets();
        let never = [year_high, year_low] == [0xFF, 0xFF];
        if !never && self.clock.moment(at).is_err() {
            return Err(AccessError::OtherReason);
        }
        self.tariffs.activation = if never { DateTime::UNSPECIFIED } else { at };
        self.note_programmed();
        // It is looked at anew at once: the time may be near.
        self.look_due = self.utc();
        Ok(())
    }

    pub(crate) fn note_programmed(&mut self) {
        self.effects
            .push(Effect::Event(Log::Standard, standard::PASSIVE_TOU_PROGRAMMED));
    }

    /// Whether a special day may name a day type: the active or the passive calendar has it, or neither has any yet.
    fn knows_day(&self) -> impl Fn(u8) -> bool + use<> {
        let (active, passive) = (self.tariffs.active.days.known, self.tariffs.passive.days.known);
        let any = active.count() + passive.count() == 0;
        move |id| any || active.contains(id) || passive.contains(id)
    }

    /// Sets the table of special days (class 11, attribute 2).
    ///
    /// # Errors
    /// As [`SpecialDays::read`].
    pub(crate) fn set_special_days(&mut self, from: &mut Reader<'_>) -> Result<(), AccessError> {
        self.tariffs.special = SpecialDays::read(from, self.knows_day())?;
        self.look_again();
        Ok(())
    }

    /// Adds a special day (class 11, method 1).
    ///
    /// # Errors
    /// As [`SpecialDays::insert`].
    pub(crate) fn insert_special_day(&mut self, from: &mut Reader<'_>) -> Result<(), AccessError> {
        let is_known = self.knows_day();
        self.tariffs.special.insert(from, is_known)?;
        self.special_days_changed();
        Ok(())
    }

    /// Takes a special day out (class 11, method 2).
    ///
    /// # Errors
    /// As [`SpecialDays::delete`].
    pub(crate) fn delete_special_day(&mut self, index: u16) -> Result<(), AccessError> {
        self.tariffs.special.delete(index)?;
        self.special_days_changed();
        Ok(())
    }

    fn special_days_changed(&mut self) {
        self.effects.push(Effect::KeepAttribute(SPECIAL_DAYS));
        self.look_again();
    }
}
