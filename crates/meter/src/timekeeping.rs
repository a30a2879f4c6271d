//! What the meter does when time passes and when the clock is changed: the order in which periods end, and what each of them is told
//! (T1; class 8; docs/time.md has the table).

use base::Utc;
use cosem::axdr::{Full, Reader, Writer};
use cosem::class::AdjustTo;
use cosem::{AccessError, ActionError, Attribute, DateTime, Obis};

use crate::billing::Billing;
use crate::capture;
use crate::clock::{Clock, ClockRefusal, DaylightSaving, Shift};
use crate::effect::{Change, Effect, Record};
use crate::event_log::{Log, security, standard};
use crate::model::{Model, error_bit};
use crate::profile::{JournalId, status};

/// The time of the clock object.
const CLOCK_TIME: Attribute = Attribute::new(8, Obis::new("0-0:1.0.0"), 2);

/// Who set the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchroniser {
    /// A client, by its service access point.
    Client(u16),
    /// A time source of the board: a network, a receiver, a laboratory.
    TimeSource,
}

/// The battery that carries the clock through a power cut, as the board sees it. A meter with a capacitor has none to tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Battery {
    /// As it should be.
    Good,
    /// Its voltage is low: it will end.
    Low,
    /// It is to be replaced: the next power cut takes the time.
    Spent,
}

/// When the clock was set last, and by whom (0-0:96.2.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synchronised {
    /// The reading after it was set.
    pub at: Utc,
    /// Who did it.
    pub by: Synchroniser,
}

/// A time that is to be set on a short command (class 8, methods 5 and 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    time: Utc,
    from: Utc,
    to: Utc,
}

impl Model {
    /// Ends the periods that are over at `now`. It is called before a measurement is booked that ends later, and after one that ends
    /// exactly then, so that a row holds what was measured up to its time stamp.
    ///
    /// Demands end before profiles are captured, so a row at the boundary shows the average that ended there; billing comes last, and the
    /// tariff changes after all of them.
    pub fn elapse(&mut self) {
        let utc = self.utc();
        self.demand.elapse(&self.clock, utc, self.tariffs.demand());
        self.elapse_profiles(utc);
        self.elapse_billing(utc);
        if self.look_due <= utc {
            self.look(utc);
        }
        if self.port_protection.has_ended(self.now) {
            let event = Effect::Event(Log::Security, security::LOCK_OUT_ENDED);
            self.effects.push(event);
        }
        self.elapse_verification();
        self.show(error_bit::CLOCK_INVALID, !self.clock.is_valid());
        let is_spent = self.causes.persists(Log::Standard, standard::REPLACE_BATTERY);
        self.show(error_bit::REPLACE_BATTERY, is_spent);
    }

    /// Lets a bit of the error register follow its cause, which ends by itself.
    const fn show(&mut self, bit: u32, persists: bool) {
        let others = self.error_register & !bit;
        self.error_register = if persists { others | bit } else { others };
    }

    /// Takes what the board sees of the battery that carries the clock through a power cut: low is event 8, spent is event 7 and an alarm, each
    /// said once until a good one is in.
    pub(crate) fn look_at_battery(&mut self, battery: Battery) {
        match battery {
            Battery::Good => {
                if self.causes.note(Log::Standard, standard::BATTERY_GOOD) {
                    self.effects.push(Effect::Keep(Record::Alarms));
                }
            }
            Battery::Low => self.effects.push(Effect::Event(Log::Standard, standard::BATTERY_LOW)),
            Battery::Spent => self
                .effects
                .push(Effect::Event(Log::Standard, standard::REPLACE_BATTERY)),
        }
    }

    /// Ends the recording intervals and the periods of profiles.
    fn elapse_profiles(&mut self, utc: Utc) {
        self.intervals.elapse(&self.clock, utc, &self.registers);
        let Self {
            effects,
            intervals,
            mbus,
            registers,
            ..
        } = self;
        self.profiles.elapse(&self.clock, utc, |journal, profile, stamp| {
            match journal {
                JournalId::LoadProfile1 => intervals.end(0, registers),
                JournalId::LoadProfile2 => intervals.end(1, registers),
                _ => {}
            }
            if let Some(channel) = journal.channel() {
                // No device, no rows; a device that was silent all the period delivered nothing that could be billed.
                if !mbus.is_installed(channel) {
                    return;
                }
                if !mbus.take_fresh(channel) {
                    profile.doubt();
                }
            }
            effects.push(Effect::Capture(journal, stamp));
        });
    }

    /// When a period ends or a tariff changes next.
    #[must_use]
    pub fn due(&self) -> Option<Utc> {
        // While the clock is invalid no end comes by schedule.
        let billing = self.billing.iter().filter_map(Billing::due);
        let billing = billing.filter(|_| self.clock.is_valid());
        let periods = [self.profiles.due(), self.intervals.due(), self.demand.due()];
        periods
            .into_iter()
            .flatten()
            .chain(billing)
            .chain([self.look_due])
            .min()
    }

    /// Looks at what follows from the reading of the clock: daylight saving, a new day, a switching, the passive calendar's time.
    pub(crate) fn look(&mut self, utc: Utc) {
        // Restoring parameters must not act on the world.
        if !self.awake {
            return;
        }
        let summer = self.clock.is_daylight_saving(utc);
        if core::mem::replace(&mut self.summer, summer) != summer {
            // The reading before the change.
            let before = Effect::EventAt(Log::Standard, standard::DAYLIGHT_SAVING_CHANGED, utc.plus(-1));
            self.effects.push(before);
        }
        self.watch_activation(utc);
        self.follow_tariffs(utc);
    }

    /// Begins or goes on with all periods at power up; `billed` are the stamps of the last rows of both billing profiles.
    pub fn wake(&mut self, first_boot: bool, billed: [Option<Utc>; 2]) {
        let utc = self.utc();
        self.intervals.align(&self.clock, utc);
        if first_boot {
            self.profiles.begin(&self.clock, utc);
            self.demand.begin(&self.clock, utc, 0);
        } else {
            self.profiles.align(&self.clock, utc);
            self.demand.resume(&self.clock, utc, self.tariffs.demand());
        }
        self.resume_billing(utc, billed);
        self.summer = self.clock.is_daylight_saving(utc);
        self.awake = true;
        self.look_again();
    }

    /// The clock, its rules or the calendars changed: everything that follows from them is found anew.
    pub(crate) fn look_again(&mut self) {
        let utc = self.utc();
        self.tariffs.look_again();
        self.look(utc);
    }

    /// Sets the clock to a date-time that a client gave.
    ///
    /// # Errors
    /// `OtherReason` when it names no moment from 2000 to 2099.
    pub fn set_time(&mut self, time: DateTime) -> Result<(), AccessError> {
        let utc = self.moment(time).ok_or(AccessError::OtherReason)?;
        Ok(self.set_utc(utc, self.synchroniser())?)
    }

    /// The moment that a date-time of a client names.
    fn moment(&self, time: DateTime) -> Option<Utc> {
        self.clock.moment(time).ok()
    }

    /// The client that is being served.
    fn synchroniser(&self) -> Synchroniser {
        Synchroniser::Client(self.partner.map_or(0, |partner| partner.client))
    }

    /// Sets the clock: both readings are events when the shift is more than a correction, and every period is told.
    ///
    /// # Errors
    /// When the time is not in 2000 to 2099.
    pub fn set_utc(&mut self, utc: Utc, by: Synchroniser) -> Result<(), ClockRefusal> {
        let was_valid = self.clock.is_valid();
        let shift = self.clock.set(self.now, utc)?;
        self.synchronised = Some(Synchronised { at: shift.to, by });
        self.effects.push(Effect::SetRtc(shift.to));
        self.note_valid_clock();
        // What is under way keeps its length, whatever the clock says of its beginning.
        let moved = shift.to.seconds_since(shift.from);
        self.outages.shift(moved);
        for billing in &mut self.billing {
            billing.shift(moved);
        }
        if shift.is_event && by == Synchroniser::TimeSource {
            // What a client sets is in the log of parameter changes by its request; what the board sets is there by this.
            let digest = |utc| capture::fnv_1a(self.clock.date_time(utc).octets());
            let (old, new) = (digest(shift.from), digest(shift.to));
            self.effects.push(Effect::Change(Change {
                what: CLOCK_TIME,
                old,
                new,
            }));
        }
        if shift.is_event {
            self.jump(shift, was_valid);
        }
        // A correction keeps the periods that run: each ends once, with its own stamp, whichever way the clock moved over the boundary.
        Ok(())
    }

    /// A clock that has its time ends what event 6 began: the next loss is an event again.
    pub(crate) fn note_valid_clock(&mut self) {
        if self.clock.is_valid() && self.causes.note(Log::Standard, standard::CLOCK_VALID) {
            self.effects.push(Effect::Keep(Record::Alarms));
        }
    }

    /// The clock moved by more than a correction.
    fn jump(&mut self, shift: Shift, was_valid: bool) {
        let Shift { from, to, .. } = shift;
        for (code, reading) in [(standard::CLOCK_ADJUSTED_FROM, from), (standard::CLOCK_ADJUSTED_TO, to)] {
            self.effects.push(Effect::EventAt(Log::Standard, code, reading));
        }
        self.profiles.mark(status::CLOCK_ADJUSTED | status::DATA_NOT_VALID);
        self.profiles.align(&self.clock, to);
        self.intervals.align(&self.clock, to);
        self.demand.break_off(&self.clock, from, to, self.tariffs.demand());
        for billing in &mut self.billing {
            // A clock that had lost its time was not set over anything: what passed meanwhile has passed without power.
            if was_valid {
                billing.jump(&self.clock, to);
            } else {
                billing.resume(&self.clock, to);
            }
        }
        self.summer = self.clock.is_daylight_saving(to);
        self.look_again();
    }

    /// Moves the clock to the nearest point of a grid (class 8, methods 1 to 3).
    ///
    /// # Errors
    /// `OtherReason` when the profile has no measuring period to adjust to.
    pub fn adjust(&mut self, to: AdjustTo) -> Result<(), ActionError> {
        let step = match to {
            AdjustTo::Quarter => 900,
            AdjustTo::MeasuringPeriod => i64::from(self.period(JournalId::LoadProfile1)),
            AdjustTo::Minute => 60,
        };
        if step == 0 {
            return Err(ActionError::OtherReason);
        }
        let nearest = self.clock.nearest(self.utc(), step);
        Ok(self.set_utc(nearest, self.synchroniser())?)
    }

    /// Shifts the clock by up to 900 seconds (class 8, method 6).
    ///
    /// # Errors
    /// `OtherReason` beyond that.
    pub fn shift_time(&mut self, seconds: i16) -> Result<(), ActionError> {
        if !(-900..=900).contains(&seconds) {
            return Err(ActionError::OtherReason);
        }
        Ok(self.set_utc(self.utc().plus(i64::from(seconds)), self.synchroniser())?)
    }

    /// Remembers a time, and the interval in which a command may set it (class 8, method 5). It is forgotten when the power goes.
    ///
    /// # Errors
    /// `OtherReason` when one of the three names no moment, or the interval ends before it begins.
    pub fn preset_time(&mut self, [time, from, to]: [DateTime; 3]) -> Result<(), ActionError> {
        let moments = (self.moment(time), self.moment(from), self.moment(to));
        let (Some(time), Some(from), Some(to)) = moments else {
            return Err(ActionError::OtherReason);
        };
        if to < from {
            return Err(ActionError::OtherReason);
        }
        self.preset = Some(Preset { time, from, to });
        Ok(())
    }

    /// Sets the clock to the time that was preset, once, inside of its interval (class 8, method 4).
    ///
    /// # Errors
    /// `OtherReason` when nothing is preset, or this is not the time for it.
    pub fn adjust_to_preset_time(&mut self) -> Result<(), ActionError> {
        let utc = self.utc();
        let preset = self.preset.filter(|preset| (preset.from..=preset.to).contains(&utc));
        let Preset { time, .. } = preset.ok_or(ActionError::OtherReason)?;
        self.set_utc(time, self.synchroniser())?;
        self.preset = None;
        Ok(())
    }

    /// Changes the rules of daylight saving; periods are aligned anew.
    ///
    /// # Errors
    /// `OtherReason` when they are nonsense.
    pub fn set_daylight_saving(&mut self, change: impl FnOnce(&mut DaylightSaving)) -> Result<(), AccessError> {
        let mut rules = self.clock.daylight_saving();
        change(&mut rules);
        let before = self.clock.clone();
        self.clock.set_daylight_saving(rules)?;
        self.realign(&before);
        Ok(())
    }

    /// Changes the zone; periods are aligned anew.
    ///
    /// # Errors
    /// `OtherReason` when it is none.
    pub fn set_zone(&mut self, minutes: i16) -> Result<(), AccessError> {
        let before = self.clock.clone();
        self.clock.set_zone(minutes)?;
        self.realign(&before);
        Ok(())
    }

    /// The local clock reads otherwise than `before`, the time is the same.
    fn realign(&mut self, before: &Clock) {
        let utc = self.utc();
        if self.awake {
            self.profiles.realign(&self.clock, utc);
        } else {
            // Parameters are being restored: nothing was changed in a running period.
            self.profiles.align(&self.clock, utc);
        }
        self.intervals.align(&self.clock, utc);
        self.demand.realign(&self.clock, utc, self.tariffs.demand());
        for billing in &mut self.billing {
            billing.realign(before, &self.clock, utc);
        }
        self.summer = self.clock.is_daylight_saving(utc);
        self.look_again();
    }

    /// Sets the measurement period of a demand register; see [`crate::demand::Demand::set_period`].
    ///
    /// # Errors
    /// `OtherReason` when the meter does not have such a period.
    pub(crate) fn set_demand_period(&mut self, which: usize, periods: (u32, u16)) -> Result<(), AccessError> {
        let utc = self.utc();
        let set = self.demand.set_period(which, periods, &self.clock, utc);
        set.map_err(|_refusal| AccessError::OtherReason)
    }

    /// Writes what must outlive a power cut of clock and tariffs.
    pub(crate) fn save_time(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (at, by) = match self.synchronised {
            None => (0, 0),
            Some(Synchronised { at, by }) => (at.unix(), by.number()),
        };
        out.put(&at.to_be_bytes())?;
        out.put(&by.to_be_bytes())?;
        out.put(&self.tariffs.state())
    }

    /// Reads what [`Model::save_time`] wrote; `None` when it is too short.
    pub(crate) fn restore_time(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let at = i64::from_be_bytes(from.array_of().ok()?);
        let by = u16::from_be_bytes(from.array_of().ok()?);
        let tariffs = from.array_of().ok()?;
        let input = from.array_of().ok().map(|[input]: [u8; 1]| input);
        self.synchronised = (at != 0).then_some(Synchronised {
            at: Utc::from_unix(at),
            by: Synchroniser::from_number(by),
        });
        self.tariffs.restore_state(tariffs, input);
        Some(())
    }
}

impl Synchroniser {
    /// The client's number, or all ones for a time source (0-0:96.2.13).
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Client(number) => number,
            Self::TimeSource => u16::MAX,
        }
    }

    const fn from_number(number: u16) -> Self {
        match number {
            u16::MAX => Self::TimeSource,
            number => Self::Client(number),
        }
    }
}
