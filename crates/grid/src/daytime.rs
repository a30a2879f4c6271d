//! Local civil time as the household lives by it: a day and the second of the day.

/// A point of local civil time. The household's habits and the sun follow it; it moves on with the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayTime {
    day: i64,
    second: u32,
}

impl DayTime {
    /// From seconds since 1970-01-01T00:00:00 local time (UTC seconds plus the zone's offset), any number.
    #[must_use]
    pub fn from_local_seconds(seconds: i64) -> Self {
        let second = u32::try_from(seconds.rem_euclid(DAY_SECONDS)).unwrap_or(0);
        Self {
            day: seconds.div_euclid(DAY_SECONDS),
            second,
        }
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.day
    }

    /// Seconds since local midnight, 0 to 86 399.
    #[must_use]
    pub const fn second(self) -> u32 {
        self.second
    }

    pub(crate) const fn next_second(self) -> Self {
        if self.second < 86_399 {
            Self {
                day: self.day,
                second: self.second + 1,
            }
        } else {
            Self {
                day: self.day.saturating_add(1),
                second: 0,
            }
        }
    }
}

const DAY_SECONDS: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_86_400_seconds_on_both_sides_of_1970() {
        let eve = DayTime::from_local_seconds(-1);
        assert_eq!((eve.day(), eve.second()), (-1, 86_399));
        assert_eq!(eve.next_second(), DayTime::from_local_seconds(0));
        assert_eq!(
            DayTime::from_local_seconds(86_399).next_second(),
            DayTime::from_local_seconds(86_400)
        );
        assert_eq!(
            DayTime::from_local_seconds(i64::MIN).next_second().day(),
            i64::MIN.div_euclid(86_400)
        );
    }
}
