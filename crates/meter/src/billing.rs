//! Billing periods: when they end, that they end once, and what is counted of them (B1, B2).
//!
//! ```text
//! scheme 1: schedule, command, button -> row of billing profile 1 -> maxima are cumulated and begin anew
//! scheme 2: fraud, schedule, command  -> row of billing profile 2, nothing begins anew
//! ```
//!
//! An end that the schedule names comes exactly once, stamped with itself, whatever happened meanwhile: ends that passed without power come
//! one after the other when it returns; one that the clock was set over comes at the setting, marked; one that the clock was set back over
//! does not come again. While the clock is invalid no end comes by schedule, and none is looked for: nobody knows after which moment.

use base::Utc;
use cosem::Obis;
use cosem::axdr::{Full, Reader, Writer};

use crate::clock::Clock;
use crate::profile::JournalId;
use crate::schedule::Schedule;

/// The two billing schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Ends billing periods and resets the maxima.
    First = 0,
    /// Records without a reset.
    Second = 1,
}

impl Scheme {
    /// Both.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// Where its rows go.
    #[must_use]
    pub const fn journal(self) -> JournalId {
        match self {
            Self::First => JournalId::BillingProfile1,
            Self::Second => JournalId::BillingProfile2,
        }
    }

    /// The selector of its script.
    #[must_use]
    pub const fn script(self) -> u16 {
        self as u16 + 1
    }
}

/// The script table that ends billing periods.
pub const BILLING_SCRIPTS: Obis = Obis::new("0-0:10.0.1");

/// Billing of one scheme.
#[derive(Clone, Debug)]
pub struct Billing {
    /// When its periods end.
    pub schedule: Schedule,
    /// The number of the period that was closed last (VZ).
    number: u32,
    /// When that was.
    closed: Option<Utc>,
    /// The next end by schedule.
    due: Option<Utc>,
    /// The end by schedule that came last, whoever closed a period since.
    ended: Option<Utc>,
    /// The reading when the last period was closed, whatever its stamp is. It moves with the clock, so what passed since is known.
    closed_at: Option<Utc>,
    /// Seconds in which a command or the button does not close another one.
    lockout: u16,
    /// Rows of the profile when the state was saved: a row that is there beyond them was written, and the power went before that was noted.
    rows: u32,
}

/// A period was closed only just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockedOut;

/// Ends that the clock is set over at most: behind them only the last one counts.
const JUMP_MAX: u32 = 400;
/// Default of the lock-out against double resets.
const LOCKOUT_SECONDS: u16 = 60;

impl Billing {
    /// Billing of a scheme as it comes from the factory: the first monthly, the second never by itself.
    #[must_use]
    pub fn new(scheme: Scheme) -> Self {
        let script = (BILLING_SCRIPTS, scheme.script());
        Self {
            schedule: match scheme {
                Scheme::First => Schedule::monthly(script),
                Scheme::Second => Schedule::never(script),
            },
            number: 0,
            closed: None,
            due: None,
            ended: None,
            closed_at: None,
            lockout: LOCKOUT_SECONDS,
            rows: 0,
        }
    }

    /// The number of the period that was closed last (1-0:0.1.0).
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// When the last period was closed (1-0:0.1.2).
    #[must_use]
    pub const fn closed(&self) -> Option<Utc> {
        self.closed
    }

    /// The next end by schedule.
    #[must_use]
    pub const fn due(&self) -> Option<Utc> {
        self.due
    }

    /// Seconds in which nobody closes two periods by hand.
    #[must_use]
    pub const fn lockout(&self) -> u16 {
        self.lockout
    }

    /// Sets the lock-out.
    pub const fn set_lockout(&mut self, seconds: u16) {
        self.lockout = seconds;
    }

    /// Waits for the first end after `utc`; the one that came last does not come again. While the clock is invalid an end that was waited for
    /// is kept, if the schedule still has it.
    pub fn align(&mut self, clock: &Clock, utc: Utc) {
        if !clock.is_valid() {
            self.due = self.due.filter(|due| self.is_end(clock, *due));
            return;
        }
        self.due = self.schedule.next_after(clock, utc);
        if self.due.is_some() && self.due == self.ended {
            self.due = self.due.and_then(|due| self.schedule.next_after(clock, due));
        }
    }

    /// Whether the schedule names this moment.
    fn is_end(&self, clock: &Clock, due: Utc) -> bool {
        self.schedule.next_after(clock, due.plus(-1)) == Some(due)
    }

    /// Goes on after a power cut, or when the time is known again, with the end that passed meanwhile, or begins to wait.
    pub fn resume(&mut self, clock: &Clock, utc: Utc) {
        // An end of another schedule is none: it was changed after the last save.
        if !self.due.is_some_and(|due| due <= utc && self.is_end(clock, due)) {
            self.align(clock, utc);
        }
    }

    /// The local clock reads otherwise than `before`: ends keep their local readings. The one that is waited for comes at once when local time
    /// was moved over it (of several the last), and none comes again that has come.
    pub fn realign(&mut self, before: &Clock, clock: &Clock, utc: Utc) {
        let moved = |at: Utc| clock.utc_of(before.local(at));
        self.ended = self.ended.map(moved);
        self.due = self.due.map(moved).filter(|due| self.is_end(clock, *due));
        match self.due {
            None => self.align(clock, utc),
            Some(due) if due <= utc && clock.is_valid() => self.jump(clock, utc),
            Some(_) => {}
        }
    }

    /// An end that is over at `utc`, if there is one; the next one is waited for from there.
    pub fn elapse(&mut self, clock: &Clock, utc: Utc) -> Option<Utc> {
        let stamp = self.due.filter(|due| *due <= utc && clock.is_valid())?;
        self.pass(clock, stamp);
        Some(stamp)
    }

    /// The end at `stamp` has come, if that is the one that is waited for.
    pub fn pass(&mut self, clock: &Clock, stamp: Utc) {
        if self.due == Some(stamp) {
            self.due = self.schedule.next_after(clock, stamp);
            self.ended = Some(stamp);
        }
    }

    /// The clock was set to `to`: of the ends that were jumped over only the last one is still to come; set back, the next one is waited for.
    pub fn jump(&mut self, clock: &Clock, to: Utc) {
        let Some(mut due) = self.due.filter(|due| *due <= to) else {
            return self.align(clock, to);
        };
        for _ in 0..JUMP_MAX {
            match self.schedule.next_after(clock, due) {
                Some(next) if next <= to => due = next,
                _ => break,
            }
        }
        self.due = Some(due);
    }

    /// Whether a period may be closed by hand now.
    ///
    /// # Errors
    /// [`LockedOut`] when one was closed less than the lock-out ago.
    pub fn permit(&self, utc: Utc) -> Result<(), LockedOut> {
        let last = self.closed_at.map(|closed| utc.seconds_since(closed));
        match last {
            Some(passed) if (0..i64::from(self.lockout)).contains(&passed) => Err(LockedOut),
            _ => Ok(()),
        }
    }

    /// The clock was set this many seconds ahead, or back.
    pub fn shift(&mut self, seconds: i64) {
        self.closed_at = self.closed_at.map(|at| at.plus(seconds));
    }

    /// Notes that a period with this stamp was closed at `utc`, and how many rows the profile has had by now.
    pub const fn close(&mut self, stamp: Utc, utc: Utc, rows: u32) {
        self.number = self.number.saturating_add(1);
        (self.closed, self.closed_at) = (Some(stamp), Some(utc));
        self.rows = rows;
    }

    /// Whether the profile holds a row of a close that was not noted. Rows that are gone, after a clear, are no such rows.
    pub const fn has_unnoted_row(&self, written: u32) -> bool {
        self.rows < written
    }

    /// The profile has had so many rows by now.
    pub const fn note_rows(&mut self, rows: u32) {
        self.rows = rows;
    }

    /// Writes what must outlive a power cut, [`Billing::LENGTH`] octets, least octets first: so a moment that moves on is a short change of the
    /// snapshot.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn save(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let moment = |utc: Option<Utc>| utc.map_or(i64::MIN, Utc::unix).to_le_bytes();
        out.put(&self.number.to_le_bytes())?;
        out.put(&self.rows.to_le_bytes())?;
        out.put(&moment(self.closed))?;
        out.put(&moment(self.due))?;
        out.put(&moment(self.ended))?;
        out.put(&moment(self.closed_at))
    }

    /// Reads what [`Billing::save`] wrote; changes nothing when the octets are too few. Version 1 has the most significant octets first, and ends
    /// with the next end.
    pub fn restore(&mut self, version: u8, from: &mut Reader<'_>) -> Option<()> {
        let (count, time) = match version {
            1 => (u32::from_be_bytes as fn(_) -> _, i64::from_be_bytes as fn(_) -> _),
            _ => (u32::from_le_bytes as fn(_) -> _, i64::from_le_bytes as fn(_) -> _),
        };
        let number = count(from.array_of().ok()?);
        let rows = count(from.array_of().ok()?);
        let mut moment = || {
            let unix: i64 = time(from.array_of().ok()?);
            Some(Some(Utc::from_unix(unix)).filter(|_| unix != i64::MIN))
        };
        let (closed, due) = (moment()?, moment()?);
        let (ended, closed_at) = match version {
            1 => (closed, closed),
            _ => (moment()?, moment()?),
        };
        (self.number, self.rows) = (number, rows);
        (self.closed, self.due) = (closed, due);
        (self.ended, self.closed_at) = (ended, closed_at);
        Some(())
    }

    /// Octets of the saved form.
    pub const LENGTH: usize = 40;
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Civil, Instant};

    fn utc(month: u8, day: u8, hour: u8, minute: u8) -> Utc {
        Civil::new(2026, month, day, hour, minute, 0)
            .expect("the calendar has it")
            .utc()
    }

    fn running(at: Utc) -> (Billing, Clock) {
        let clock = Clock::new(Instant::START, Some(at), -60, true);
        let mut billing = Billing::new(Scheme::First);
        billing.align(&clock, at);
        (billing, clock)
    }

    /// B1: an end by schedule comes once, at local midnight, and the next one is waited for.
    #[test]
    fn a_month_ends_once_at_local_midnight() {
        let (mut billing, clock) = running(utc(6, 15, 12, 0));
        assert_eq!(billing.elapse(&clock, utc(6, 30, 21, 59)), None);
        assert_eq!(billing.elapse(&clock, utc(6, 30, 22, 0)), Some(utc(6, 30, 22, 0)));
        assert_eq!(billing.elapse(&clock, utc(6, 30, 22, 0)), None);
        assert_eq!(billing.due(), Some(utc(7, 31, 22, 0)));
    }

    /// B1: ends that passed without power come one after the other, each with its own stamp.
    #[test]
    fn ends_that_passed_without_power_are_made_up_for() {
        let (mut billing, clock) = running(utc(1, 15, 12, 0));
        let mut octets = [0; Billing::LENGTH];
        let mut out = Writer::new(&mut octets);
        billing.save(&mut out).expect("it fits");
        let saved = out.written();
        assert_eq!(
            billing.restore(2, &mut Reader::new(&saved[..Billing::LENGTH - 1])),
            None
        );
        let mut revived = Billing::new(Scheme::First);
        // As older firmware saved it, too.
        let due = billing.due().expect("it waits").unix().to_be_bytes();
        let older = [[0; 8], i64::MIN.to_be_bytes(), due].concat();
        assert_eq!(revived.restore(1, &mut Reader::new(&older)), Some(()));
        assert_eq!((revived.due(), revived.closed()), (billing.due(), None));
        assert_eq!(revived.restore(2, &mut Reader::new(saved)), Some(()));
        revived.resume(&clock, utc(4, 3, 0, 0));
        let ends = core::array::from_fn(|_| revived.elapse(&clock, utc(4, 3, 0, 0)));
        let expected = [utc(1, 31, 23, 0), utc(2, 28, 23, 0), utc(3, 31, 22, 0)].map(Some);
        assert_eq!(ends, expected);
        assert_eq!(revived.elapse(&clock, utc(4, 3, 0, 0)), None);
    }

    /// T1, B1: set over an end it comes at once; set back over it, it does not come again; set back by months, they come again.
    #[test]
    fn the_clock_is_set_over_the_end_of_a_month() {
        let (mut billing, clock) = running(utc(6, 30, 21, 50));
        billing.jump(&clock, utc(6, 30, 22, 10));
        assert_eq!(billing.elapse(&clock, utc(6, 30, 22, 10)), Some(utc(6, 30, 22, 0)));
        billing.close(utc(6, 30, 22, 0), utc(6, 30, 22, 10), 1);
        billing.jump(&clock, utc(6, 30, 21, 55));
        assert_eq!(billing.due(), Some(utc(7, 31, 22, 0)));
        billing.jump(&clock, utc(5, 20, 0, 0));
        assert_eq!(billing.due(), Some(utc(5, 31, 22, 0)));

        let (mut billing, clock) = running(utc(1, 15, 12, 0));
        billing.jump(&clock, utc(9, 15, 12, 0));
        assert_eq!(billing.elapse(&clock, utc(9, 15, 12, 0)), Some(utc(8, 31, 22, 0)));
        assert_eq!(billing.elapse(&clock, utc(9, 15, 12, 0)), None);
    }

    /// B1: the lock-out keeps a second hand away, also from an end that came by schedule.
    #[test]
    fn nobody_closes_twice_within_the_lockout() {
        let (mut billing, _) = running(utc(6, 30, 21, 50));
        assert_eq!(billing.permit(utc(6, 30, 21, 50)), Ok(()));
        billing.close(utc(6, 30, 21, 0), utc(6, 30, 22, 0), 1);
        assert_eq!(billing.permit(utc(6, 30, 22, 0).plus(59)), Err(LockedOut));
        assert_eq!(billing.permit(utc(6, 30, 22, 1)), Ok(()));
        assert_eq!(billing.permit(utc(6, 30, 21, 0)), Ok(())); // the clock was set back: nobody waits for hours
        billing.shift(-3_600);
        assert_eq!(billing.permit(utc(6, 30, 21, 0)), Err(LockedOut)); // when it was set back only just now
        billing.set_lockout(0);
        assert_eq!(billing.permit(utc(6, 30, 22, 0)), Ok(()));
    }

    #[test]
    fn an_invalid_clock_ends_nothing() {
        let (mut billing, _) = running(utc(6, 30, 21, 50));
        let lost = Clock::new(Instant::START, None, -60, true);
        assert_eq!(billing.elapse(&lost, utc(6, 30, 22, 0)), None);
    }
}
