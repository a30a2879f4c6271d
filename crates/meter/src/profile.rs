//! Load profiles: when a row is due and what its status says (L1; class 7, AMR profile status).
//!
//! ```text
//! what happened                        what the profile does
//! the period ends                      a row stamped with the boundary; the marks of the period become its status
//! no power in part of a period         the row comes at its time, marked power down
//! no power over boundaries             no rows for them; the first row afterwards is marked power down
//! clock set by more than the limit     no row for what is jumped over, rows that are there stay; the next row is marked clock adjusted and,
//!                                      since its period is shorter or longer than it should be, not valid
//! clock corrected up to the limit      the running period goes on: one row, at its own stamp
//! daylight saving begins or ends       nothing: stamp and status tell the two hours apart
//! list, period or depth set            the rows are gone, an event says so; the first row closes a period that began late: not valid
//! ```

use base::Utc;

use crate::capture::{Column, Columns};
use crate::clock::Clock;
use crate::event_log::Log;

/// A ring of rows in flash. The number is its place in the partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalId {
    /// 1-0:99.1.0.
    LoadProfile1 = 0,
    /// 1-0:99.2.0.
    LoadProfile2 = 1,
    /// Load profile 3.
    LoadProfile3 = 2,
    /// Load profile 4.
    LoadProfile4 = 3,
    /// 0-1:24.3.0.
    MBusProfile1 = 4,
    /// 0-2:24.3.0.
    MBusProfile2 = 5,
    /// 0-3:24.3.0.
    MBusProfile3 = 6,
    /// 0-4:24.3.0.
    MBusProfile4 = 7,
    /// 0-0:98.1.0.
    BillingProfile1 = 8,
    /// 0-0:98.2.0.
    BillingProfile2 = 9,
    /// 0-0:99.98.0.
    StandardLog = 10,
    /// 0-0:99.98.1.
    FraudLog = 11,
    /// 0-0:99.98.2.
    DisconnectLog = 12,
    /// 1-0:99.97.0: long power interruptions.
    PowerInterruptionLog = 13,
    /// Supply quality.
    QualityLog = 14,
    /// Communication.
    CommunicationLog = 15,
    /// Security.
    SecurityLog = 16,
    /// 0-1:24.5.0.
    MBusLog1 = 17,
    /// 0-2:24.5.0.
    MBusLog2 = 18,
    /// 0-3:24.5.0.
    MBusLog3 = 19,
    /// 0-4:24.5.0.
    MBusLog4 = 20,
    /// Who changed which parameter.
    ParameterChangeLog = 21,
}

impl JournalId {
    /// The load profiles, the profiles of M-Bus channels, and billing: all whose lists belong to the client.
    pub const PROFILES: [Self; N_PROFILES] = [
        Self::LoadProfile1,
        Self::LoadProfile2,
        Self::LoadProfile3,
        Self::LoadProfile4,
        Self::MBusProfile1,
        Self::MBusProfile2,
        Self::MBusProfile3,
        Self::MBusProfile4,
        Self::BillingProfile1,
        Self::BillingProfile2,
    ];

    /// All journals by number.
    pub const ALL: [Self; 22] = [
        Self::LoadProfile1,
        Self::LoadProfile2,
        Self::LoadProfile3,
        Self::LoadProfile4,
        Self::MBusProfile1,
        Self::MBusProfile2,
        Self::MBusProfile3,
        Self::MBusProfile4,
        Self::BillingProfile1,
        Self::BillingProfile2,
        Self::StandardLog,
        Self::FraudLog,
        Self::DisconnectLog,
        Self::PowerInterruptionLog,
        Self::QualityLog,
        Self::CommunicationLog,
        Self::SecurityLog,
        Self::MBusLog1,
        Self::MBusLog2,
        Self::MBusLog3,
        Self::MBusLog4,
        Self::ParameterChangeLog,
    ];

    /// The M-Bus channel, 1 to 4, whose profile it is.
    #[must_use]
    pub const fn channel(self) -> Option<u8> {
        match self {
            Self::MBusProfile1 => Some(1),
            Self::MBusProfile2 => Some(2),
            Self::MBusProfile3 => Some(3),
            Self::MBusProfile4 => Some(4),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The journal with this number, if there is one.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The log that it holds, if it is one.
    #[must_use]
    pub fn log(self) -> Option<Log> {
        Log::ALL.into_iter().find(|log| Self::of_log(*log) == self)
    }

    /// The journal of a log.
    #[must_use]
    pub const fn of_log(log: Log) -> Self {
        match log {
            Log::Standard => Self::StandardLog,
            Log::Fraud => Self::FraudLog,
            Log::Disconnect => Self::DisconnectLog,
            Log::Quality => Self::QualityLog,
            Log::Communication => Self::CommunicationLog,
            Log::Security => Self::SecurityLog,
            Log::MBus1 => Self::MBusLog1,
            Log::MBus2 => Self::MBusLog2,
            Log::MBus3 => Self::MBusLog3,
            Log::MBus4 => Self::MBusLog4,
        }
    }
}

/// Bits of the AMR profile status.
pub mod status {
    /// A power outage touched the period.
    pub const POWER_DOWN: u8 = 1 << 7;
    /// The clock was adjusted by more than the limit.
    pub const CLOCK_ADJUSTED: u8 = 1 << 5;
    /// Daylight saving holds at the capture.
    pub const DAYLIGHT_SAVING: u8 = 1 << 3;
    /// Not valid for billing without a check.
    pub const DATA_NOT_VALID: u8 = 1 << 2;
    /// The clock is invalid.
    pub const CLOCK_INVALID: u8 = 1 << 1;
    /// Hardware or checksum error.
    pub const CRITICAL_ERROR: u8 = 1 << 0;
}

/// Profiles with a list of their own.
pub const N_PROFILES: usize = 10;

/// Periods that a client may set, in seconds; 0 is off.
const PERIODS: [u32; 8] = [0, 60, 300, 600, 900, 1_800, 3_600, 86_400];

/// One profile.
#[derive(Debug)]
pub struct Profile {
    columns: Columns,
    period: u32,
    /// Rows to be kept; 0 for as many as the partition holds.
    entries: u32,
    /// Rows are captured on command though the period is 0.
    on_command: bool,
    /// The end of the running period.
    due: Option<Utc>,
    /// What happened in the running period.
    marks: u8,
    /// The status of the row that is being captured.
    status: u8,
}

/// A period that is not one of the standard's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodRefusal;

impl Profile {
    /// A profile of these columns that captures every `period` seconds; it waits for [`Profile::align`].
    #[must_use]
    pub const fn new(columns: Columns, period: u32) -> Self {
        Self {
            columns,
            period,
            entries: 0,
            on_command: false,
            due: None,
            marks: 0,
            status: 0,
        }
    }

    /// Attribute 3.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Attribute 4, in seconds.
    #[must_use]
    pub const fn period(&self) -> u32 {
        self.period
    }

    /// Attribute 8 as it was set; none for as many rows as there is room.
    #[must_use]
    pub fn entries(&self) -> Option<u32> {
        Some(self.entries).filter(|entries| *entries != 0)
    }

    /// Whether rows may come: the profile is on, or was captured on command.
    #[must_use]
    pub fn is_captured(&self) -> bool {
        !self.columns.is_empty() && (self.period != 0 || self.on_command)
    }

    /// Sets the columns. The caller clears the rows, since they cannot be read by other columns.
    pub fn set_columns(&mut self, columns: Columns, clock: &Clock, utc: Utc) {
        self.columns = columns;
        self.begin_anew(clock, utc);
    }

    /// Sets the period. The caller clears the rows, since they were captured at another pace.
    ///
    /// # Errors
    /// When it is not 0, 1, 5, 10, 15, 30 or 60 minutes or a day.
    pub fn set_period(&mut self, seconds: u32, clock: &Clock, utc: Utc) -> Result<(), PeriodRefusal> {
        if !PERIODS.contains(&seconds) {
            return Err(PeriodRefusal);
        }
        self.period = seconds;
        self.begin_anew(clock, utc);
        Ok(())
    }

    /// Sets how many rows are kept; 0 for as many as there is room. The caller has seen to it that there is, and clears the rows.
    pub fn set_entries(&mut self, entries: u32, clock: &Clock, utc: Utc) {
        self.entries = entries;
        self.begin_anew(clock, utc);
    }

    /// The first period of a new set-up began somewhere in it.
    fn begin_anew(&mut self, clock: &Clock, utc: Utc) {
        self.align(clock, utc);
        let begins_late = self.due.is_some_and(|due| {
            let whole = i64::from(self.period);
            due.seconds_since(utc) != whole
        });
        self.marks = if begins_late { status::DATA_NOT_VALID } else { 0 };
    }

    /// Waits for the next boundary of the local clock: after power up and after the clock was set.
    pub fn align(&mut self, clock: &Clock, utc: Utc) {
        let is_on = self.period != 0 && !self.columns.is_empty();
        self.due = is_on.then(|| clock.next_boundary(utc, self.period));
    }

    /// When the running period ends; none while the profile is off.
    #[must_use]
    pub const fn due(&self) -> Option<Utc> {
        self.due
    }

    /// What happened in the running period, as bits of [`status`].
    #[must_use]
    pub const fn marks(&self) -> u8 {
        self.marks
    }

    /// Marks the running period with bits of [`status`].
    pub const fn mark(&mut self, bits: u8) {
        self.marks |= bits;
    }

    /// Goes on after a power cut in a period with these marks; the next row has them, whether it ends this period or a later one.
    pub const fn resume(&mut self, marks: u8) {
        self.marks = marks;
    }

    /// The local clock reads otherwise: a period whose end moved is shorter or longer than it should be.
    fn realign(&mut self, clock: &Clock, utc: Utc) {
        let before = self.due;
        self.align(clock, utc);
        if before.is_some() && self.due != before {
            self.mark(status::DATA_NOT_VALID);
        }
    }

    /// Ends the running period if it is over at `utc`, and answers the time stamp of its row.
    pub fn elapse(&mut self, clock: &Clock, utc: Utc) -> Option<Utc> {
        let stamp = self.due.filter(|due| *due <= utc)?;
        self.judge(clock, stamp);
        self.marks = 0;
        self.align(clock, utc);
        Some(stamp)
    }

    /// Fixes the status of a row that is stamped `stamp`, and of nothing else: marks stay until the period ends.
    pub fn judge(&mut self, clock: &Clock, stamp: Utc) {
        let summer = if clock.is_daylight_saving(stamp) {
            status::DAYLIGHT_SAVING
        } else {
            0
        };
        let unknown = if clock.is_valid() {
            0
        } else {
            status::CLOCK_INVALID | status::DATA_NOT_VALID
        };
        self.status = self.marks | summer | unknown;
    }

    /// The row that is being captured is not valid without a check.
    pub const fn doubt(&mut self) {
        self.status |= status::DATA_NOT_VALID;
    }

    /// A row is wanted now (method 2), stamped `stamp`.
    pub fn capture(&mut self, clock: &Clock, stamp: Utc) {
        self.on_command = true;
        self.judge(clock, stamp);
    }

    /// A billing period ends: a row stamped `stamp`, whose status has the marks of the period.
    pub fn close(&mut self, clock: &Clock, stamp: Utc) {
        self.capture(clock, stamp);
        self.marks = 0;
    }

    /// Rows come on command only, and room for them is laid out from the beginning.
    pub const fn expect_commands(&mut self) {
        self.on_command = true;
    }

    /// The status of the last row (0-0:96.10.x).
    #[must_use]
    pub const fn status(&self) -> u8 {
        self.status
    }
}

/// All profiles, in the order of [`JournalId::PROFILES`].
#[derive(Debug)]
pub struct Profiles([Profile; N_PROFILES]);

impl Profiles {
    /// These profiles.
    #[must_use]
    pub const fn new(profiles: [Profile; N_PROFILES]) -> Self {
        Self(profiles)
    }

    /// The profile whose rows lie in `journal`; none for a journal that is no profile.
    #[must_use]
    pub fn get(&self, journal: JournalId) -> Option<&Profile> {
        self.0.get(journal.index())
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, journal: JournalId) -> Option<&mut Profile> {
        self.0.get_mut(journal.index())
    }

    /// When the first running period of all ends.
    #[must_use]
    pub fn due(&self) -> Option<Utc> {
        self.0.iter().filter_map(Profile::due).min()
    }

    /// Marks the running periods of all with bits of [`status`].
    pub fn mark(&mut self, bits: u8) {
        for profile in &mut self.0 {
            profile.mark(bits);
        }
    }

    /// Begins the life of the meter, somewhere in a period of each.
    pub fn begin(&mut self, clock: &Clock, utc: Utc) {
        for profile in &mut self.0 {
            profile.begin_anew(clock, utc);
        }
    }

    /// Lets all wait for the next boundary.
    pub fn align(&mut self, clock: &Clock, utc: Utc) {
        for profile in &mut self.0 {
            profile.align(clock, utc);
        }
    }

    /// Lets all wait for the next boundary of a local clock that reads otherwise, and marks those whose end moved.
    pub fn realign(&mut self, clock: &Clock, utc: Utc) {
        for profile in &mut self.0 {
            profile.realign(clock, utc);
        }
    }

    /// Ends the running periods that are over at `utc`, and tells `ended` each one's journal and stamp.
    pub fn elapse(&mut self, clock: &Clock, utc: Utc, mut ended: impl FnMut(JournalId, &mut Profile, Utc)) {
        for (journal, profile) in JournalId::PROFILES.into_iter().zip(&mut self.0) {
            if let Some(stamp) = profile.elapse(clock, utc) {
                ended(journal, profile, stamp);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Civil, Instant};

    fn utc(hour: u8, minute: u8, second: u8) -> Utc {
        Civil::new(2026, 7, 1, hour, minute, second)
            .expect("the calendar has it")
            .utc()
    }

    /// A profile with the clock as its only column.
    fn profile(period: u32) -> Profile {
        use cosem::CaptureObject;
        let config = crate::Config::new(crate::Variant::St402d, 1, crate::config::test_secrets());
        let it = crate::Model::new(&config, Instant::START, None);
        let time = CaptureObject::whole(crate::capture::TIME);
        Profile::new(
            crate::capture::columns(&it, [time]).expect("every meter has a clock"),
            period,
        )
    }

    /// L1: a row at each boundary, stamped with the boundary, marks fall with the row that carries them.
    #[test]
    fn rows_are_due_at_the_boundaries_of_the_local_clock() {
        let clock = Clock::new(Instant::START, Some(utc(10, 7, 0)), -60, true);
        let mut profile = profile(900);
        profile.align(&clock, utc(10, 7, 0));
        profile.mark(status::POWER_DOWN);
        assert_eq!(profile.elapse(&clock, utc(10, 14, 59)), None);
        assert_eq!(profile.elapse(&clock, utc(10, 15, 0)), Some(utc(10, 15, 0)));
        assert_eq!(profile.status(), status::POWER_DOWN | status::DAYLIGHT_SAVING);
        assert_eq!(profile.elapse(&clock, utc(10, 15, 0)), None);
        assert_eq!(profile.elapse(&clock, utc(10, 30, 1)), Some(utc(10, 30, 0)));
        assert_eq!(profile.status(), status::DAYLIGHT_SAVING);
    }

    #[test]
    fn only_the_periods_of_the_requirement_are_taken() {
        let clock = Clock::new(Instant::START, Some(utc(10, 7, 0)), -60, true);
        let mut profile = profile(900);
        for period in PERIODS {
            assert_eq!(profile.set_period(period, &clock, utc(10, 7, 0)), Ok(()));
            assert_eq!(profile.due().is_some(), period != 0);
        }
        assert_eq!(profile.set_period(901, &clock, utc(10, 7, 0)), Err(PeriodRefusal));
    }

    #[test]
    fn rows_of_an_invalid_clock_say_so() {
        let clock = Clock::new(Instant::START, None, 0, false);
        let mut profile = profile(60);
        profile.align(&clock, clock.utc(Instant::START));
        let due = profile.due().expect("it is on");
        assert_eq!(profile.elapse(&clock, due), Some(due));
        assert_eq!(profile.status(), status::CLOCK_INVALID | status::DATA_NOT_VALID);
    }
}
