//! The meter's clock: UTC inside, local time and daylight saving by rule (T1; class 8).

use base::{Civil, Instant, Utc};
use cosem::{ClockStatus, DateTime, Wildcard};

/// Civil time, carried on from the last setting by the monotonic time line.
#[derive(Clone, Debug)]
pub struct Clock {
    /// When the clock was last set, and to which microsecond since 1970.
    anchor: (Instant, i64),
    /// Whether the time is known at all.
    valid: bool,
    zone: i16,
    daylight: DaylightSaving,
    shift_limit: u16,
    deviation_reversed: bool,
}

/// When daylight saving holds and what it adds (class 8, attributes 5 to 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaylightSaving {
    /// Begin, in local normal time.
    pub begin: DateTime,
    /// End, in local daylight-saving time.
    pub end: DateTime,
    /// Minutes added, -120 to 120.
    pub deviation: i8,
    /// Whether the switch is automatic.
    pub enabled: bool,
}

/// A value that the clock does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockRefusal;

/// What a setting did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// The reading before.
    pub from: Utc,
    /// The reading after.
    pub to: Utc,
    /// Whether it is more than the limit, so that it is an event and not a correction.
    pub is_event: bool,
}

/// Last Sunday of March, 02:00 local normal time.
const EU_BEGIN: DateTime = DateTime::from_octets([0xFF, 0xFF, 3, 0xFE, 7, 2, 0, 0, 0, 0x80, 0, 0x00]);
/// Last Sunday of October, 03:00 daylight-saving time.
const EU_END: DateTime = DateTime::from_octets([0xFF, 0xFF, 10, 0xFE, 7, 3, 0, 0, 0, 0x80, 0, 0x80]);
/// 2000-01-01T00:00:00Z, before which no meter was built.
const EARLIEST: Utc = Utc::from_unix(946_684_800);
/// 2099-12-31T23:59:59Z, the last second that journals are laid out for.
const LATEST: Utc = Utc::from_unix(4_102_444_799);
/// Corrections up to this many seconds are silent unless a client sets another limit (1-0:0.9.11).
const SHIFT_LIMIT_SECONDS: u16 = 3;
/// The greatest limit, below the shortest period of a minute.
pub(crate) const SHIFT_LIMIT_MOST: u16 = 59;

impl Clock {
    /// A clock that stands at `rtc`, or is invalid from 2000-01-01 on when there is no reading.
    #[must_use]
    pub fn new(now: Instant, rtc: Option<Utc>, zone: i16, daylight_saving: bool) -> Self {
        let rtc = rtc.filter(|utc| (EARLIEST..=LATEST).contains(utc));
        Self {
            anchor: (now, rtc.unwrap_or(EARLIEST).unix() * 1_000_000),
            valid: rtc.is_some(),
            zone,
            daylight: DaylightSaving {
                begin: EU_BEGIN,
                end: EU_END,
                deviation: 60,
                enabled: daylight_saving,
            },
            shift_limit: SHIFT_LIMIT_SECONDS,
            deviation_reversed: false,
        }
    }

    /// From now on date-times go out and come in with the sign of their deviation the other way round: minutes that local time is ahead
    /// of UTC. The standard's form is minutes to be added to local time.
    pub const fn reverse_deviation(&mut self) {
        self.deviation_reversed = true;
    }

    /// A date-time as it stands on the wire in the standard's form, and the other way round.
    #[must_use]
    pub(crate) const fn converted(&self, at: DateTime) -> DateTime {
        if self.deviation_reversed {
            at.with_deviation_reversed()
        } else {
            at
        }
    }

    /// The moment that a date-time of a client names.
    ///
    /// # Errors
    /// [`Wildcard`] when it names no single moment.
    pub fn moment(&self, at: DateTime) -> Result<Utc, Wildcard> {
        self.converted(at).utc(|local| self.deviation_of_local(local))
    }

    /// Microseconds of UTC since 1970.
    #[must_use]
    pub fn micros(&self, now: Instant) -> i64 {
        let (anchor, at_anchor) = self.anchor;
        at_anchor.saturating_add_unsigned(now.since(anchor).as_micros())
    }

    /// The time now.
    #[must_use]
    pub fn utc(&self, now: Instant) -> Utc {
        Utc::from_unix(self.micros(now).div_euclid(1_000_000))
    }

    /// The instant at which this clock will read `utc`, if that is to come.
    #[must_use]
    pub fn instant_of(&self, utc: Utc) -> Option<Instant> {
        let (anchor, at_anchor) = self.anchor;
        let ahead = utc.unix().checked_mul(1_000_000)?.checked_sub(at_anchor)?;
        Some(anchor + base::Micros::new(u64::try_from(ahead).ok()?))
    }

    /// Whether the time is known.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.valid
    }

    /// Minutes from local time to UTC at `utc`: -60 in Central European winter, -120 in summer.
    #[must_use]
    pub fn deviation(&self, utc: Utc) -> i16 {
        let summer = if self.is_daylight_saving(utc) {
            i16::from(self.daylight.deviation)
        } else {
            0
        };
        self.zone - summer
    }

    /// The deviation of a local reading that does not say its own. In the hour that comes twice the first one is taken.
    #[must_use]
    pub fn deviation_of_local(&self, local: Civil) -> i16 {
        let summer = self.zone - i16::from(self.daylight.deviation);
        let as_summer = local.utc().plus(60 * i64::from(summer));
        if self.is_daylight_saving(as_summer) {
            summer
        } else {
            self.zone
        }
    }

    /// The moment at which the local clock reads `local`; the first when it comes twice.
    #[must_use]
    pub fn utc_of(&self, local: Civil) -> Utc {
        local.utc().plus(60 * i64::from(self.deviation_of_local(local)))
    }

    /// Whether daylight saving holds at `utc`.
    #[must_use]
    pub fn is_daylight_saving(&self, utc: Utc) -> bool {
        let DaylightSaving {
            begin,
            end,
            deviation,
            enabled,
        } = self.daylight;
        let year = utc.plus(-60 * i64::from(self.zone)).civil().year();
        let begin = transition(self.converted(begin), year, self.zone);
        let end = transition(self.converted(end), year, self.zone - i16::from(deviation));
        match (begin, end) {
            (Some(begin), Some(end)) if begin <= end => enabled && begin <= utc && utc < end,
            // South of the equator summer goes over the turn of the year.
            (Some(begin), Some(end)) => enabled && (begin <= utc || utc < end),
            _ => false,
        }
    }

    /// Month and day, of the local calendar, on which daylight saving begins or ends in a year; none while the switch is not automatic.
    #[must_use]
    pub fn daylight_saving_day(&self, year: u16, end: bool) -> Option<(u8, u8)> {
        let rules = self.daylight;
        let rule = if end { rules.end } else { rules.begin };
        let at = transition(rule, year, 0).filter(|_| rules.enabled)?.civil();
        Some((at.month(), at.day()))
    }

    /// What the clock says of itself.
    #[must_use]
    pub fn status(&self, utc: Utc) -> ClockStatus {
        ClockStatus {
            invalid: !self.valid,
            doubtful: false,
            daylight_saving: self.is_daylight_saving(utc),
        }
    }

    /// `utc` as COSEM objects show it.
    #[must_use]
    pub fn date_time(&self, utc: Utc) -> DateTime {
        self.converted(DateTime::from_utc(utc, self.deviation(utc), self.status(utc)))
    }

    /// `utc` as the local clock reads it.
    #[must_use]
    pub fn local(&self, utc: Utc) -> Civil {
        utc.plus(-60 * i64::from(self.deviation(utc))).civil()
    }

    /// Sets the clock.
    ///
    /// # Errors
    /// When the time is not in 2000 to 2099.
    pub fn set(&mut self, now: Instant, utc: Utc) -> Result<Shift, ClockRefusal> {
        if !(EARLIEST..=LATEST).contains(&utc) {
            return Err(ClockRefusal);
        }
        let from = self.utc(now);
        let is_event = !self.valid || i64::from(self.shift_limit) < utc.seconds_since(from).abs();
        self.anchor = (now, utc.unix() * 1_000_000);
        self.valid = true;
        Ok(Shift {
            from,
            to: utc,
            is_event,
        })
    }

    /// The moment on the grid of `step` seconds that is nearest to `utc`, on the local clock.
    #[must_use]
    pub fn nearest(&self, utc: Utc, step: i64) -> Utc {
        let local = -60 * i64::from(self.deviation(utc));
        let seconds = utc.unix() + local;
        let rounded = (seconds + step / 2).div_euclid(step) * step;
        Utc::from_unix(rounded - local)
    }

    /// The first moment after `utc` at which local time is a whole number of `period` seconds since midnight.
    #[must_use]
    pub fn next_boundary(&self, utc: Utc, period: u32) -> Utc {
        let period = i64::from(period.max(1));
        let local = -60 * i64::from(self.deviation(utc));
        let next = ((utc.unix() + local).div_euclid(period) + 1) * period - local;
        // Periods longer than the daylight-saving step meet another offset at their end: align to the local clock that holds there.
        let then = -60 * i64::from(self.deviation(Utc::from_unix(next)));
        let aligned = Utc::from_unix(next + local - then);
        if utc < aligned && 3_600 < period {
            aligned
        } else {
            Utc::from_unix(next)
        }
    }

    /// Minutes from local normal time to UTC.
    #[must_use]
    pub const fn zone(&self) -> i16 {
        self.zone
    }

    /// Sets the zone.
    ///
    /// # Errors
    /// When it is not -840 (UTC+14) to 720 (UTC-12).
    pub fn set_zone(&mut self, minutes: i16) -> Result<(), ClockRefusal> {
        if !(-840..=720).contains(&minutes) {
            return Err(ClockRefusal);
        }
        self.zone = minutes;
        Ok(())
    }

    /// The rules of daylight saving.
    #[must_use]
    pub const fn daylight_saving(&self) -> DaylightSaving {
        self.daylight
    }

    /// Sets the rules of daylight saving.
    ///
    /// # Errors
    /// When begin or end name no moment of a year, or the deviation is beyond two hours.
    pub fn set_daylight_saving(&mut self, rules: DaylightSaving) -> Result<(), ClockRefusal> {
        let fits = |rule| match year_of(rule) {
            Some(year) => transition(rule, year, self.zone).is_some(),
            None => (2000..2028).all(|year| transition(rule, year, self.zone).is_some()),
        };
        if !fits(rules.begin) || !fits(rules.end) || !(-120..=120).contains(&rules.deviation) {
            return Err(ClockRefusal);
        }
        self.daylight = rules;
        Ok(())
    }

    /// Shifts up to this many seconds are corrections, not events (1-0:0.9.11).
    #[must_use]
    pub const fn shift_limit(&self) -> u16 {
        self.shift_limit
    }

    /// Sets the limit of silent corrections.
    ///
    /// # Errors
    /// When a correction could pass over the shortest period whole, without an event or a mark.
    pub const fn set_shift_limit(&mut self, seconds: u16) -> Result<(), ClockRefusal> {
        if SHIFT_LIMIT_MOST < seconds {
            return Err(ClockRefusal);
        }
        self.shift_limit = seconds;
        Ok(())
    }
}

/// The year that a rule is for, if it is for one only.
pub(crate) const fn year_of(rule: DateTime) -> Option<u16> {
    let [high, low, ..] = rule.octets();
    match u16::from_be_bytes([high, low]) {
        0xFFFF => None,
        year => Some(year),
    }
}

/// Whether a date with wildcards (year, month, day, day of week) means `date`. With a weekday the day is the first such one from it on, the last of
/// the month or the one before that, as for daylight saving, and without a day every such one.
pub(crate) fn is_meant([year_high, year_low, month, day, weekday]: [u8; 5], date: Civil) -> bool {
    let year = u16::from_be_bytes([year_high, year_low]);
    // So many days hold one of each such day.
    let days = if weekday == 0xFF { 1 } else { 7 };
    let day_fits = match day {
        0xFF => true,
        0xFE => last_day(date) < date.day() + days,
        0xFD => (date.day() + days..date.day() + 2 * days).contains(&last_day(date)),
        day => (day..day.saturating_add(days)).contains(&date.day()),
    };
    (year == 0xFFFF || year == date.year())
        && (month == 0xFF || month == date.month())
        && day_fits
        && (weekday == 0xFF || weekday == date.weekday())
}

/// The number of days in the month of `date`.
fn last_day(date: Civil) -> u8 {
    (29..=31)
        .rev()
        .find(|day| Civil::new(date.year(), date.month(), *day, 0, 0, 0).is_ok())
        .unwrap_or(28)
}

/// The moment in `year` that a date-time with wildcards names; `deviation` holds where it does not say its own.
pub(crate) fn transition(rule: DateTime, year: u16, deviation: i16) -> Option<Utc> {
    let [year_high, year_low, month, day, weekday, hour, minute, second, ..] = rule.octets();
    let named = u16::from_be_bytes([year_high, year_low]);
    if named != 0xFFFF && named != year {
        return None;
    }
    let at = |day| Civil::new(year, month, day, hour, minute, if second == 0xFF { 0 } else { second }).ok();
    let is_weekday = |civil: &Civil| weekday == 0xFF || civil.weekday() == weekday;
    let found = match day {
        // last day, or last such weekday, of the month; FD is the one before
        0xFE | 0xFD => {
            let mut from_last = (1..=31).rev().filter_map(at).filter(is_weekday);
            if day == 0xFD {
                from_last.next()?;
            }
            from_last.next()
        }
        // the first such weekday of the month
        0xFF => (1..=31).filter_map(at).find(is_weekday),
        // this day, or the first such weekday from this day on
        first => (first..=31).filter_map(at).find(is_weekday),
    }?;
    Some(found.utc().plus(60 * i64::from(rule.deviation().unwrap_or(deviation))))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn utc(year: u16, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Utc {
        Civil::new(year, month, day, hour, minute, second)
            .expect("the calendar has it")
            .utc()
    }

    fn central_europe() -> Clock {
        Clock::new(Instant::START, Some(utc(2026, 1, 1, 0, 0, 0)), -60, true)
    }

    /// T1: dates of schedules and special days mean the days that the same dates of daylight saving mean.
    #[test]
    fn one_rule_says_which_day_a_date_means() {
        let mut found = 0;
        for year in 2024..2052 {
            for month in 1..=12 {
                for day in (1..=31).chain([0xFD, 0xFE]) {
                    for weekday in (1..=7).chain([0xFF]) {
                        let rule = DateTime::from_octets([0xFF, 0xFF, month, day, weekday, 0, 0, 0, 0, 0x80, 0, 0xFF]);
                        let expected = transition(rule, year, 0).map(|utc| utc.civil());
                        let meant: std::vec::Vec<Civil> = (1..=31)
                            .filter_map(|day| Civil::new(year, month, day, 0, 0, 0).ok())
                            .filter(|date| is_meant([0xFF, 0xFF, month, day, weekday], *date))
                            .collect();
                        assert_eq!(
                            meant,
                            std::vec::Vec::from_iter(expected),
                            "{year}-{month}-{day} {weekday}"
                        );
                        found += meant.len();
                    }
                }
            }
        }
        assert!(80_000 < found, "{found}");
        let date = Civil::new(2026, 7, 1, 0, 0, 0).expect("a Wednesday");
        assert!(is_meant([0x07, 0xEA, 7, 1, 3], date));
        assert!(!is_meant([0x07, 0xEB, 7, 1, 3], date));
        assert!(is_meant([0xFF, 0xFF, 0xFF, 0xFF, 3], date), "every Wednesday");
    }

    /// T1: the rules of the European Union, to the second, in both nights.
    #[test]
    fn summer_begins_and_ends_at_one_utc_on_the_last_sunday() {
        let clock = central_europe();
        for (year, march, october) in [
            (2024, 31, 27),
            (2025, 30, 26),
            (2026, 29, 25),
            (2027, 28, 31),
            (2099, 29, 25),
        ] {
            assert!(!clock.is_daylight_saving(utc(year, 3, march, 0, 59, 59)));
            assert!(clock.is_daylight_saving(utc(year, 3, march, 1, 0, 0)));
            assert!(clock.is_daylight_saving(utc(year, 10, october, 0, 59, 59)));
            assert!(!clock.is_daylight_saving(utc(year, 10, october, 1, 0, 0)));
        }
        assert_eq!(clock.deviation(utc(2026, 1, 1, 0, 0, 0)), -60);
        assert_eq!(clock.deviation(utc(2026, 7, 1, 0, 0, 0)), -120);
    }

    #[test]
    fn summer_south_of_the_equator_goes_over_the_turn_of_the_year() {
        let mut clock = Clock::new(Instant::START, None, -600, true);
        let rule = |month, hour| DateTime::from_octets([0xFF, 0xFF, month, 1, 7, hour, 0, 0, 0, 0x80, 0, 0xFF]);
        let rules = DaylightSaving {
            begin: rule(10, 2),
            end: rule(4, 3),
            deviation: 60,
            enabled: true,
        };
        assert_eq!(clock.set_daylight_saving(rules), Ok(()));
        assert!(clock.is_daylight_saving(utc(2026, 1, 1, 0, 0, 0)));
        assert!(!clock.is_daylight_saving(utc(2026, 7, 1, 0, 0, 0)));
        assert!(clock.is_daylight_saving(utc(2026, 12, 31, 0, 0, 0)));
    }

    #[test]
    fn a_local_reading_without_deviation_finds_its_own() {
        let clock = central_europe();
        let deviation =
            |y, m, d, h, mi| clock.deviation_of_local(Civil::new(y, m, d, h, mi, 0).expect("the calendar has it"));
        assert_eq!(deviation(2026, 1, 15, 12, 0), -60);
        assert_eq!(deviation(2026, 7, 15, 12, 0), -120);
        assert_eq!(deviation(2026, 10, 25, 2, 30), -120); // comes twice: the first
        assert_eq!(deviation(2026, 10, 25, 3, 0), -60);
    }

    #[test]
    fn boundaries_are_those_of_the_local_clock_in_both_nights() {
        let clock = central_europe();
        assert_eq!(
            clock.next_boundary(utc(2026, 1, 1, 10, 7, 0), 900),
            utc(2026, 1, 1, 10, 15, 0)
        );
        assert_eq!(
            clock.next_boundary(utc(2026, 1, 1, 10, 15, 0), 900),
            utc(2026, 1, 1, 10, 30, 0)
        );
        // a day of 23 and one of 25 hours: midnight to midnight
        assert_eq!(
            clock.next_boundary(utc(2026, 3, 28, 23, 0, 0), 86_400),
            utc(2026, 3, 29, 22, 0, 0)
        );
        assert_eq!(
            clock.next_boundary(utc(2026, 10, 24, 22, 0, 0), 86_400),
            utc(2026, 10, 25, 23, 0, 0)
        );
        let mut at = utc(2026, 3, 28, 23, 0, 0);
        let mut quarters = 0;
        while at < utc(2026, 3, 29, 22, 0, 0) {
            at = clock.next_boundary(at, 900);
            quarters += 1;
        }
        assert_eq!(quarters, 92);
    }

    #[test]
    fn setting_says_how_far_and_whether_it_is_an_event() {
        let mut clock = central_europe();
        let now = Instant::START + base::Micros::from_secs(100);
        let shift = clock.set(now, utc(2026, 1, 1, 0, 1, 42)).expect("in range");
        assert_eq!((shift.to.seconds_since(shift.from), shift.is_event), (2, false));
        let shift = clock.set(now, utc(2026, 1, 1, 1, 0, 0)).expect("in range");
        assert!(shift.is_event);
        assert_eq!(
            clock.utc(now + base::Micros::from_millis(1_999)),
            utc(2026, 1, 1, 1, 0, 1)
        );
        assert_eq!(clock.set(now, utc(1999, 12, 31, 23, 59, 59)), Err(ClockRefusal));
        assert_eq!(clock.set(now, utc(2100, 1, 1, 0, 0, 0)), Err(ClockRefusal));
    }

    #[test]
    fn a_clock_without_reading_is_invalid_until_it_is_set() {
        let mut clock = Clock::new(Instant::START, None, 0, false);
        assert!(clock.status(clock.utc(Instant::START)).invalid);
        assert!(
            clock
                .set(Instant::START, utc(2026, 1, 1, 0, 0, 0))
                .is_ok_and(|shift| shift.is_event)
        );
        assert!(!clock.status(clock.utc(Instant::START)).invalid);
    }

    #[test]
    fn nonsense_rules_are_refused_whole() {
        let mut clock = central_europe();
        let good = clock.daylight_saving();
        let bad = |octets| DaylightSaving {
            begin: DateTime::from_octets(octets),
            ..good
        };
        for octets in [
            [0xFF, 0xFF, 13, 1, 0xFF, 2, 0, 0, 0, 0x80, 0, 0xFF],
            [0xFF, 0xFF, 2, 30, 0xFF, 2, 0, 0, 0, 0x80, 0, 0xFF],
            [0xFF, 0xFF, 3, 0xFE, 8, 2, 0, 0, 0, 0x80, 0, 0xFF],
            [0xFF, 0xFF, 3, 0xFE, 7, 24, 0, 0, 0, 0x80, 0, 0xFF],
            [0x07, 0xEA, 2, 30, 0xFF, 2, 0, 0, 0, 0x80, 0, 0xFF],
            DateTime::UNSPECIFIED.octets(),
        ] {
            assert_eq!(clock.set_daylight_saving(bad(octets)), Err(ClockRefusal), "{octets:?}");
        }
        assert_eq!(
            clock.set_daylight_saving(DaylightSaving { deviation: 121, ..good }),
            Err(ClockRefusal)
        );
        assert_eq!(clock.daylight_saving(), good);
    }
}
