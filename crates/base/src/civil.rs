//! Civil time: seconds of UTC and the Gregorian calendar, without leap seconds, as IEC 62056-6-2 counts it.

use core::fmt;

/// A point of civil time: seconds of UTC since 1970-01-01T00:00:00, leap seconds not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utc(i64);

/// A calendar date with the time of day; which zone it is in is for its owner to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Civil {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

/// A date or time of day that the calendar does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CivilError;

impl fmt::Display for CivilError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such date or time of day")
    }
}

impl core::error::Error for CivilError {}

impl Utc {
    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// This time moved by `seconds`, held at the ends of the time line.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to here, negative when `earlier` is later.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The calendar reading of this time, zone UTC. Years outside 1970..=9999 are held at the ends.
    #[must_use]
    pub fn civil(self) -> Civil {
        let seconds = self.0.clamp(0, LAST_SECOND);
        let days = seconds / 86_400;
        let of_day = u32::try_from(seconds % 86_400).unwrap_or(0);
        let (year, month, day) = date_of(days);
        let part = |value: u32| u8::try_from(value).unwrap_or(0);
        Civil {
            year,
            month,
            day,
            hour: part(of_day / 3_600),
            minute: part(of_day / 60 % 60),
            second: part(of_day % 60),
        }
    }
}

impl Civil {
    /// A checked date and time of day. Years run from 1970 to 9999, seconds from 0 to 59.
    ///
    /// # Errors
    /// [`CivilError`] when the calendar has no such date or time of day.
    pub fn new(year: u16, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Result<Self, CivilError> {
        let fits = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if fits {
            Ok(Self {
                year,
                month,
                day,
                hour,
                minute,
                second,
            })
        } else {
            Err(CivilError)
        }
    }

    /// The year, 1970 to 9999.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, 1 to 31.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }

    /// The hour, 0 to 23.
    #[must_use]
    pub const fn hour(self) -> u8 {
        self.hour
    }

    /// The minute, 0 to 59.
    #[must_use]
    pub const fn minute(self) -> u8 {
        self.minute
    }

    /// The second, 0 to 59.
    #[must_use]
    pub const fn second(self) -> u8 {
        self.second
    }

    /// The day of the week after IEC 62056-6-2: 1 Monday .. 7 Sunday.
    #[must_use]
    pub fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday (4).
        u8::try_from((self.utc().0 / 86_400 + 3) % 7 + 1).unwrap_or(1)
    }

    /// This reading taken as UTC.
    #[must_use]
    pub fn utc(self) -> Utc {
        let days = days_since_1970(self.year, self.month, self.day);
        Utc(days * 86_400 + i64::from(self.hour) * 3_600 + i64::from(self.minute) * 60 + i64::from(self.second))
    }
}

impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = *self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }
}

/// 9999-12-31T23:59:59.
const LAST_SECOND: i64 = 253_402_300_799;

const fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days of `month` in `year`; 0 for a month that does not exist.
const fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Days from 1970-01-01 to the given date of the Gregorian calendar, counted in years that start in March.
fn days_since_1970(year: u16, month: u8, day: u8) -> i64 {
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// The inverse of [`days_since_1970`] for days in 1970..=9999.
fn date_of(days: i64) -> (u16, u8, u8) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 {
        (year_of_era + era * 400, month + 3)
    } else {
        (year_of_era + era * 400 + 1, month - 9)
    };
    (
        u16::try_from(year).unwrap_or(9999),
        u8::try_from(month).unwrap_or(1),
        u8::try_from(day).unwrap_or(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_eight_centuries_reads_back_and_follows_the_one_before() {
        let mut before = Utc::from_unix(-86_400);
        for year in 1970..=2770 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    let civil = Civil::new(year, month, day, 23, 59, 58).expect("the calendar has it");
                    assert_eq!(civil.utc().civil(), civil);
                    let midnight = Civil::new(year, month, day, 0, 0, 0)
                        .expect("the calendar has it")
                        .utc();
                    assert_eq!(midnight.seconds_since(before), 86_400);
                    before = midnight;
                }
            }
        }
    }

    #[test]
    fn weekdays_count_from_monday_one_to_sunday_seven() {
        let weekday = |y, m, d| Civil::new(y, m, d, 12, 0, 0).expect("the calendar has it").weekday();
        assert_eq!(weekday(1970, 1, 1), 4);
        assert_eq!(weekday(2026, 11, 22), 7);
        assert_eq!(weekday(2000, 2, 29), 2);
        assert_eq!(weekday(2100, 3, 1), 1);
    }

    #[test]
    fn impossible_dates_are_refused() {
        for (y, m, d, h, mi, s) in [
            (1969, 1, 1, 0, 0, 0),
            (2025, 2, 29, 0, 0, 0),
            (2026, 13, 1, 0, 0, 0),
            (2026, 0, 1, 0, 0, 0),
            (2026, 4, 31, 0, 0, 0),
            (2026, 1, 0, 0, 0, 0),
            (2026, 1, 1, 24, 0, 0),
            (2026, 1, 1, 0, 60, 0),
            (2026, 1, 1, 0, 0, 60),
        ] {
            assert_eq!(Civil::new(y, m, d, h, mi, s), Err(CivilError));
        }
    }
}
