//! When something is to be done by the clock: the execution times of a single action schedule (class 22; B1).

use base::{Civil, Utc};
use cosem::axdr::{Full, Octets, Reader, Writer};
use cosem::{AccessError, Obis};
use heapless::Vec;

use crate::clock::{Clock, is_meant};

/// Most execution times.
pub const TIMES: usize = 12;

/// One schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The script that is executed: its table and selector. Selector 0 does nothing.
    pub script: (Obis, u16),
    kind: u8,
    times: Vec<Time, TIMES>,
}

/// Hour, minute, second, hundredths; year, month, day, day of week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Time([u8; 9]);

/// Days that are looked at for the next execution: a 29th of February may be eight years away.
const DAYS_AHEAD: i64 = 8 * 366 + 1;

impl Schedule {
    /// A schedule of type 1 that executes `script` at local midnight, on the first of each month.
    #[must_use]
    pub fn monthly(script: (Obis, u16)) -> Self {
        let mut schedule = Self::never(script);
        let _room_for_one = schedule.times.push(Time([0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 1, 0xFF]));
        schedule
    }

    /// A schedule without a time.
    #[must_use]
    pub const fn never(script: (Obis, u16)) -> Self {
        Self {
            script,
            kind: 1,
            times: Vec::new(),
        }
    }

    /// Attribute 3, type.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// Sets attribute 3. Times of another kind are refused when they are set next.
    ///
    /// # Errors
    /// `OtherReason` when it is not 1 to 5, or the times that are set are not of that kind.
    pub fn set_kind(&mut self, kind: u8) -> Result<(), AccessError> {
        if !fits(kind, &self.times) {
            return Err(AccessError::OtherReason);
        }
        self.restore_kind(kind)
    }

    /// Takes attribute 3 back after a power cut, whatever the times are that stand until its own are back.
    ///
    /// # Errors
    /// `OtherReason` when it is not 1 to 5.
    pub fn restore_kind(&mut self, kind: u8) -> Result<(), AccessError> {
        if !(1..=5).contains(&kind) {
            return Err(AccessError::OtherReason);
        }
        self.kind = kind;
        Ok(())
    }

    /// Attribute 4, execution_time.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn write_times(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.array(self.times.len())?;
        for Time([hour, minute, second, hundredths, date @ ..]) in &self.times {
            out.structure(2)?;
            out.value(Octets(&[*hour, *minute, *second, *hundredths]))?;
            out.value(Octets(date))?;
        }
        Ok(())
    }

    /// Sets attribute 4.
    ///
    /// # Errors
    /// `TypeUnmatched` when it is no array of times and dates; `OtherReason` when there are more than 12, one names no moment of any year,
    /// or they are not of the schedule's type. Then nothing has changed.
    pub fn set_times(&mut self, from: &mut Reader<'_>) -> Result<(), AccessError> {
        let mut times: Vec<Time, TIMES> = Vec::new();
        for _ in 0..from.array()? {
            from.structure(2)?;
            let Octets(time) = from.value()?;
            let Octets(date) = from.value()?;
            let (Ok([hour, minute, second, hundredths]), Ok([a, b, c, d, e])) =
                (<[u8; 4]>::try_from(time), <[u8; 5]>::try_from(date))
            else {
                return Err(AccessError::TypeUnmatched);
            };
            let time = Time([hour, minute, second, hundredths, a, b, c, d, e]);
            if !time.is_never() && !time.is_possible() {
                return Err(AccessError::OtherReason);
            }
            times.push(time).map_err(|_| AccessError::OtherReason)?;
        }
        if !fits(self.kind, &times) {
            return Err(AccessError::OtherReason);
        }
        self.times = times;
        Ok(())
    }

    /// The first execution after `utc` on the local clock; none when there is none in eight years.
    #[must_use]
    pub fn next_after(&self, clock: &Clock, utc: Utc) -> Option<Utc> {
        self.times.iter().filter_map(|time| time.next_after(clock, utc)).min()
    }
}

/// Whether times are of the kind: 1 a single one, 2 and 3 all at the same time of day, 4 and 5 at any; 2 and 4 without wildcards in the date.
fn fits(kind: u8, times: &[Time]) -> bool {
    let [first, ..] = times else { return true };
    let alike = times.iter().all(|time| time.time() == first.time());
    let specified = times.iter().all(|time| time.is_never() || !time.has_wildcard());
    match kind {
        1 => times.len() == 1,
        2 => alike && specified,
        3 => alike,
        4 => specified,
        _ => true,
    }
}

impl Time {
    const fn time(self) -> [u8; 4] {
        let Self([hour, minute, second, hundredths, ..]) = self;
        [hour, minute, second, hundredths]
    }

    const fn date(self) -> [u8; 5] {
        let Self([_, _, _, _, date @ ..]) = self;
        date
    }

    /// All that is not specified means: do not execute.
    fn is_never(self) -> bool {
        self.time() == [0xFF; 4] || self.date() == [0xFF; 5] && self.time().starts_with(&[0xFF])
    }

    fn has_wildcard(self) -> bool {
        let [year_high, year_low, month, day, _] = self.date();
        [year_high, year_low] == [0xFF, 0xFF] || month == 0xFF || 0xFD <= day
    }

    /// Whether the parts are in their ranges and some day fits.
    fn is_possible(self) -> bool {
        let [hour, minute, second, hundredths] = self.time();
        let [_, _, _, _, weekday] = self.date();
        let second_fits = second < 60 || second == 0xFF;
        let has_time = hour < 24 && minute < 60 && second_fits && [0, 0xFF].contains(&hundredths);
        let year = self.year();
        let years = year.map_or(2000..=2027, |year| year..=year);
        has_time
            && (weekday == 0xFF || (1..=7).contains(&weekday))
            && year.is_none_or(|year| (2000..2100).contains(&year))
            && years
                .into_iter()
                .any(|year| (1..=12).any(|month| self.in_month(year, month).is_some()))
    }

    const fn year(self) -> Option<u16> {
        let [year_high, year_low, ..] = self.date();
        match u16::from_be_bytes([year_high, year_low]) {
            0xFFFF => None,
            year => Some(year),
        }
    }

    /// The first day of a month that fits, at midnight.
    fn in_month(self, year: u16, month: u8) -> Option<Civil> {
        (1..=31).find_map(|day| {
            Civil::new(year, month, day, 0, 0, 0)
                .ok()
                .filter(|date| is_meant(self.date(), *date))
        })
    }

    fn next_after(self, clock: &Clock, utc: Utc) -> Option<Utc> {
        if self.is_never() {
            return None;
        }
        let [hour, minute, second, _] = self.time();
        let second = if second == 0xFF { 0 } else { second };
        let of_day = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
        let today = clock.local(utc).utc().unix().div_euclid(86_400);
        (today - 1..today + DAYS_AHEAD).find_map(|day| {
            let midnight = Utc::from_unix(day * 86_400).civil();
            if !is_meant(self.date(), midnight) {
                return None;
            }
            let local = Utc::from_unix(day * 86_400 + of_day).civil();
            let at = clock.utc_of(local);
            (utc < at).then_some(at)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Instant;

    fn utc(year: u16, month: u8, day: u8, hour: u8, minute: u8) -> Utc {
        Civil::new(year, month, day, hour, minute, 0)
            .expect("the calendar has it")
            .utc()
    }

    fn clock() -> Clock {
        Clock::new(Instant::START, Some(utc(2026, 1, 1, 0, 0)), -60, true)
    }

    fn schedule(kind: u8, times: &[[u8; 9]]) -> Result<Schedule, AccessError> {
        let mut buffer = [0; 512];
        let mut out = Writer::new(&mut buffer);
        out.array(times.len()).expect("it fits");
        for time in times {
            out.structure(2).expect("it fits");
            out.value(Octets(&time[..4])).expect("it fits");
            out.value(Octets(&time[4..])).expect("it fits");
        }
        let mut schedule = Schedule::never((Obis::new("0-0:10.0.1"), 1));
        schedule.set_kind(kind)?;
        schedule.set_times(&mut Reader::new(out.written()))?;
        Ok(schedule)
    }

    const ANY: u8 = 0xFF;

    /// B1: months, weeks and days, in winter and summer, and the last day of a month.
    #[test]
    fn the_next_time_is_found_on_the_local_clock() {
        let check = |time, from, next| {
            let schedule = schedule(1, &[time]).expect("a good time");
            assert_eq!(schedule.next_after(&clock(), from), Some(next), "{time:?}");
        };
        let monthly = [0, 0, 0, 0, ANY, ANY, ANY, 1, ANY];
        check(monthly, utc(2026, 1, 15, 0, 0), utc(2026, 1, 31, 23, 0));
        check(monthly, utc(2026, 1, 31, 23, 0), utc(2026, 2, 28, 23, 0));
        check(monthly, utc(2026, 6, 15, 0, 0), utc(2026, 6, 30, 22, 0));
        check(
            [6, 0, 0, 0, ANY, ANY, ANY, ANY, 1],
            utc(2026, 11, 28, 13, 0),
            utc(2026, 11, 30, 5, 0),
        ); // Mondays
        check(
            [0, 0, 0, 0, ANY, ANY, ANY, ANY, ANY],
            utc(2026, 11, 28, 22, 59),
            utc(2026, 11, 28, 23, 0),
        );
        check(
            [23, 59, 59, ANY, ANY, ANY, 2, 0xFE, ANY],
            utc(2027, 3, 1, 0, 0),
            utc(2028, 2, 29, 22, 59).plus(59),
        );
        check(
            [6, 0, 0, 0, ANY, ANY, ANY, 1, 1],
            utc(2026, 1, 2, 0, 0),
            utc(2026, 1, 5, 5, 0),
        ); // the first Monday of the month
        check(
            [6, 0, 0, 0, ANY, ANY, ANY, 8, 1],
            utc(2026, 1, 5, 6, 0),
            utc(2026, 1, 12, 5, 0),
        ); // the second
        check(
            [2, 30, 0, 0, ANY, ANY, ANY, 0xFE, 7],
            utc(2026, 3, 1, 0, 0),
            utc(2026, 3, 29, 1, 30),
        ); // a reading that the night leaves out
        check(
            [12, 0, 0, 0, ANY, ANY, 2, 29, ANY],
            utc(2026, 1, 1, 0, 0),
            utc(2028, 2, 29, 11, 0),
        );
        check(
            [12, 0, 0, 0, 0x07, 0xEA, 7, 1, ANY],
            utc(2026, 1, 1, 0, 0),
            utc(2026, 7, 1, 10, 0),
        );
        let once = schedule(1, &[[12, 0, 0, 0, 0x07, 0xEA, 7, 1, ANY]]).expect("a good time");
        assert_eq!(once.next_after(&clock(), utc(2026, 7, 1, 10, 0)), None);
        let never = schedule(1, &[[ANY; 9]]).expect("never is a good time");
        assert_eq!(never.next_after(&clock(), utc(2026, 7, 1, 10, 0)), None);
    }

    #[test]
    fn what_is_not_of_the_type_is_refused_whole() {
        let noon = [12, 0, 0, 0, 0x07, 0xEA, 7, 1, ANY];
        let one = [13, 0, 0, 0, 0x07, 0xEA, 7, 2, ANY];
        let monthly = [0, 0, 0, 0, ANY, ANY, ANY, 1, ANY];
        for (kind, times, taken) in [
            (1, &[noon][..], true),
            (1, &[noon, one], false),
            (2, &[noon, noon], true),
            (2, &[noon, one], false),
            (2, &[monthly], false),
            (3, &[monthly], true),
            (4, &[noon, one], true),
            (4, &[noon, monthly], false),
            (5, &[noon, monthly, one], true),
            (6, &[noon], false),
            (0, &[noon], false),
            (5, &[[24, 0, 0, 0, ANY, ANY, ANY, 1, ANY]], false),
            (5, &[[0, ANY, 0, 0, ANY, ANY, ANY, 1, ANY]], false),
            (5, &[[0, 0, 0, 0, ANY, ANY, 2, 30, ANY]], false),
            (5, &[[0, 0, 0, 0, ANY, ANY, 13, 1, ANY]], false),
            (5, &[[0, 0, 0, 0, ANY, ANY, 1, 1, 8]], false),
            (5, &[[0, 0, 0, 0, 0x08, 0x34, 1, 1, ANY]], false),
            (5, &[[0, 0, 0, 0, ANY, ANY, 2, 29, 7]], true), // some year has it
            (5, &[[0, 0, 0, 0, 0x07, 0xEA, 2, 28, 7]], false),
            (5, &[monthly; 12], true),
            (5, &[monthly; 13], false),
        ] {
            assert_eq!(schedule(kind, times).is_ok(), taken, "{kind} {times:?}");
        }
    }
}
