//! Calendars against an independent reference, over ten years.

extern crate std;

use core::cell::OnceCell;
use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;

use base::{Instant, Utc};
use cosem::axdr::Encode;

use super::*;
use crate::clock::Clock;
use crate::day_table;
use crate::tariff::Tariffs;

/// What a client writes, as plain lists.
pub(crate) struct Written {
    /// Name, month, day, weekday (FF, or with day FE the last such weekday), name of the week.
    pub(crate) seasons: Vec<(String, u8, u8, u8, String)>,
    /// At which second of the day each season begins.
    pub(crate) starts: Vec<u32>,
    /// What the reference has found; the lists do not change after it was asked first.
    walked: OnceCell<BTreeMap<(i32, i32, i32, u32), String>>,
    pub(crate) weeks: Vec<(String, [u8; 7])>,
    /// Day type and its switchings: second of the day and tariff.
    pub(crate) days: Vec<(u8, Vec<(u32, u8)>)>,
    /// Index, date, day type.
    pub(crate) special: Vec<(u16, [u8; 5], u8)>,
}

/// Not specified.
const ANY: u8 = 0xFF;

fn encoded(write: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>) -> Vec<u8> {
    let mut buffer = std::vec![0; 32_768];
    let mut out = Writer::new(&mut buffer);
    write(&mut out).expect("it fits");
    out.written().to_vec()
}

impl Written {
    /// Everything filled to its capacity, out of a seed.
    pub(crate) fn full(seed: u64) -> Self {
        let mut state = seed | 1;
        let mut draw = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let id = |number: u64| u8::try_from(number).expect("small");
        let days = (1..=24)
            .map(|day| {
                let mut times: Vec<u32> = (0..47)
                    .map(|_| 60 * u32::try_from(1 + draw(1_439)).expect("small"))
                    .collect();
                times.push(0);
                times.sort_unstable();
                times.dedup();
                let mut spare = 30;
                while times.len() < 48 {
                    times.push(spare); // seconds that no draw has
                    spare += 60;
                    times.sort_unstable();
                    times.dedup();
                }
                (day, times.into_iter().map(|at| (at, id(1 + draw(8)))).collect())
            })
            .collect();
        let weeks = (0..8)
            .map(|week| (format!("week-{week}"), core::array::from_fn(|_| id(1 + draw(24)))))
            .collect();
        let starts = [
            (1, 7, 0xFF),
            (2, 1, 0xFF),
            (3, 0xFE, 7),
            (5, 1, 0xFF),
            (6, 15, 3),
            (8, 1, 0xFF),
            (10, 0xFE, 7),
            (12, 1, 1),
        ];
        let seasons: Vec<(String, u8, u8, u8, String)> = starts
            .into_iter()
            .enumerate()
            .map(|(at, (month, day, weekday))| {
                (format!("season-{at}"), month, day, weekday, format!("week-{}", 7 - at))
            })
            .collect();
        let special = (1..=31)
            .map(|index| {
                let any_year = draw(2) == 0;
                let [year_high, year_low] = if any_year {
                    [0xFF, 0xFF]
                } else {
                    u16::try_from(2026 + draw(10)).expect("small").to_be_bytes()
                };
                let date = [year_high, year_low, id(1 + draw(12)), id(1 + draw(28)), 0xFF];
                (index, date, id(1 + draw(24)))
            })
            .collect();
        Self {
            starts: std::vec![0; seasons.len()],
            walked: OnceCell::new(),
            seasons,
            weeks,
            days,
            special,
        }
    }

    /// The same with seasons that begin at a time of the day, in any month, on any day, and with daylight saving.
    pub(crate) fn with_wildcards(seed: u64) -> Self {
        let mut written = Self::full(seed);
        let starts = [
            (1, 7, ANY, 0),
            (2, 0xFD, ANY, 23_400),
            (0xFE, ANY, ANY, 7_200),
            (5, 1, ANY, 43_199),
            (ANY, 15, 3, 64_800),
            (8, ANY, 1, 21_600),
            (0xFD, ANY, ANY, 10_800),
            (12, 0xFD, 7, 3_600),
        ];
        for ((season, second), (month, day, weekday, start)) in
            written.seasons.iter_mut().zip(&mut written.starts).zip(starts)
        {
            (season.1, season.2, season.3) = (month, day, weekday);
            *second = start;
        }
        let dates = [
            [ANY, ANY, 3, 0xFE, 7],     // the last Sunday of March
            [ANY, ANY, ANY, 1, 1],      // the first Monday of every month
            [ANY, ANY, 6, ANY, 5],      // every Friday of June
            [0x07, 0xEB, ANY, 0xFD, 3], // the last Wednesday but one
            [ANY, ANY, 9, 0xFE, ANY],
        ];
        for ((_, written, _), date) in written.special.iter_mut().zip(dates) {
            *written = date;
        }
        written
    }

    pub(crate) fn seasons(&self) -> Vec<u8> {
        encoded(|out| {
            out.array(self.seasons.len())?;
            let starts = self.starts.iter().chain(core::iter::repeat(&0));
            for ((name, month, day, weekday, week), start) in self.seasons.iter().zip(starts) {
                let [hour, minute, second] =
                    [start / 3_600, start / 60 % 60, start % 60].map(|part| u8::try_from(part).expect("small"));
                out.structure(3)?;
                out.value(Octets(name.as_bytes()))?;
                out.value(DateTime::from_octets([
                    0xFF, 0xFF, *month, *day, *weekday, hour, minute, second, 0, 0x80, 0, 0xFF,
                ]))?;
                out.value(Octets(week.as_bytes()))?;
            }
            Ok(())
        })
    }

    pub(crate) fn weeks(&self) -> Vec<u8> {
        encoded(|out| {
            out.array(self.weeks.len())?;
            for (name, days) in &self.weeks {
                out.structure(8)?;
                out.value(Octets(name.as_bytes()))?;
                days.iter().try_for_each(|day| day.encode(out))?;
            }
            Ok(())
        })
    }

    pub(crate) fn day_table(&self) -> Vec<u8> {
        encoded(|out| {
            out.array(self.days.len())?;
            for (id, switches) in &self.days {
                out.structure(2)?;
                out.value(*id)?;
                out.array(switches.len())?;
                for (second, tariff) in switches {
                    let part = |value: u32| u8::try_from(value).expect("small");
                    out.structure(3)?;
                    out.value(Octets(&[
                        part(second / 3_600),
                        part(second / 60 % 60),
                        part(second % 60),
                        0,
                    ]))?;
                    out.value(day_table::TARIFF_SCRIPTS)?;
                    out.value(u16::from(*tariff))?;
                }
            }
            Ok(())
        })
    }

    pub(crate) fn special_days(&self) -> Vec<u8> {
        encoded(|out| {
            out.array(self.special.len())?;
            for (index, date, day_id) in &self.special {
                out.structure(3)?;
                out.value(*index)?;
                out.value(Octets(date))?;
                out.value(*day_id)?;
            }
            Ok(())
        })
    }

    fn calendar(&self) -> Calendar {
        let mut calendar = Calendar::default();
        calendar
            .set_seasons(&mut Reader::new(&self.seasons()))
            .expect("good seasons");
        calendar.set_weeks(&mut Reader::new(&self.weeks())).expect("good weeks");
        let table = self.day_table();
        let length = u32::try_from(table.len()).expect("small");
        calendar.days = Days {
            place: Some(0),
            length,
            known: day_table::check(&|at, out| read(&table, at, out), length).expect("a good table"),
        };
        calendar
    }

    fn specials(&self) -> SpecialDays {
        SpecialDays::read(&mut Reader::new(&self.special_days()), |_| true).expect("good days")
    }

    /// The reference: the tariff at a local reading, by a walk day by day through the years, without a word of the meter's code.
    pub(crate) fn tariff_at(&self, (year, month, day): (i32, i32, i32), second: u32) -> u8 {
        let special = self.special.iter().find(|(_, date, _)| {
            let any_year = date[0] == 0xFF;
            let of_year = i32::from(date[0]) * 256 + i32::from(date[1]);
            (any_year || of_year == year) && is_of(date[2], month) && is_day((date[3], date[4]), (year, month, day))
        });
        let day_type = match special {
            Some((_, _, day_type)) => *day_type,
            None => {
                let begun = self.walked.get_or_init(|| self.walk());
                let (_, week) = begun
                    .range(..=(year, month, day, second))
                    .next_back()
                    .expect("a season of the years before");
                let (_, days) = self.weeks.iter().find(|(name, _)| name == week).expect("it is there");
                days[usize::try_from(zeller(year, month, day) - 1).expect("1 to 7")]
            }
        };
        let (_, switches) = self.days.iter().find(|(id, _)| *id == day_type).expect("it is there");
        switches
            .iter()
            .rev()
            .find(|(at, _)| *at <= second)
            .expect("it begins at midnight")
            .1
    }
}

impl Written {
    /// When which week began to hold, day by day from 2024 to 2036. Of two seasons at once the last of the list holds.
    fn walk(&self) -> BTreeMap<(i32, i32, i32, u32), String> {
        let mut begun = BTreeMap::new();
        let (mut y, mut m, mut d) = (2024, 1, 1);
        while y < 2037 {
            let last_sunday = is_day((0xFE, 7), (y, m, d));
            for ((_, start_month, start_day, weekday, name), start) in self.seasons.iter().zip(&self.starts) {
                let begins = match *start_month {
                    0xFE => m == 3 && last_sunday,
                    0xFD => m == 10 && last_sunday,
                    month => is_of(month, m) && is_day((*start_day, *weekday), (y, m, d)),
                };
                if begins {
                    begun.insert((y, m, d, *start), name.clone());
                }
            }
            d += 1;
            if length(y, m) < d {
                (m, d) = (m + 1, 1);
            }
            if 12 < m {
                (y, m) = (y + 1, 1);
            }
        }
        begun
    }
}

/// Whether a month with a wildcard is `month`.
fn is_of(written: u8, month: i32) -> bool {
    written == ANY || i32::from(written) == month
}

/// Whether a day of month and a weekday with wildcards are a day.
fn is_day((day, weekday): (u8, u8), (y, m, d): (i32, i32, i32)) -> bool {
    let is_weekday = weekday == ANY || zeller(y, m, d) == i32::from(weekday);
    match (day, weekday) {
        (ANY, _) => is_weekday,
        (0xFE, ANY) => d == length(y, m),
        (0xFD, ANY) => d + 1 == length(y, m),
        (0xFE, _) => d + 7 > length(y, m) && is_weekday,
        (0xFD, _) => d + 7 <= length(y, m) && d + 14 > length(y, m) && is_weekday,
        (first, ANY) => d == i32::from(first),
        (first, _) => (i32::from(first)..i32::from(first) + 7).contains(&d) && is_weekday,
    }
}

fn length(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Day of week by Zeller's congruence, 1 Monday to 7 Sunday.
fn zeller(year: i32, month: i32, day: i32) -> i32 {
    let (y, m) = if month < 3 {
        (year - 1, month + 12)
    } else {
        (year, month)
    };
    let h = (day + 13 * (m + 1) / 5 + y % 100 + y % 100 / 4 + y / 100 / 4 + 5 * (y / 100)) % 7; // 0 Saturday
    (h + 5) % 7 + 1
}

fn read(table: &[u8], at: u32, out: &mut [u8]) -> Result<(), AccessError> {
    let at = usize::try_from(at).expect("small");
    out.copy_from_slice(table.get(at..at + out.len()).ok_or(AccessError::HardwareFault)?);
    Ok(())
}

/// T2: a calendar that is full in every part, followed for ten years by the deadlines that the rule gives itself, over twenty nights of
/// daylight saving, agrees with a reference that walks day by day, at every instant at which either of them changes.
#[test]
fn a_full_calendar_is_followed_for_ten_years_as_the_reference_says() {
    let seed = 20_261_128;
    std::println!("seed {seed}");
    follow_ten_years(&Written::full(seed));
}

/// T2, class 20: the same with seasons that begin within a day, every month, on every Monday of a month, and with daylight saving.
#[test]
fn seasons_with_times_and_wildcards_are_followed_for_ten_years_as_the_reference_says() {
    let seed = 20_261_129;
    std::println!("seed {seed}");
    follow_ten_years(&Written::with_wildcards(seed));
}

/// Follows a calendar, and compares every look with the reference.
fn follow_ten_years(written: &Written) {
    assert_eq!(
        (
            written.seasons.len(),
            written.weeks.len(),
            written.days.len(),
            written.special.len()
        ),
        (8, 8, 24, 31)
    );
    assert!(written.days.iter().all(|(_, switches)| switches.len() == 48));
    let table = written.day_table();
    assert!(table.len() <= usize::try_from(day_table::OCTETS).expect("small"));
    let begin = Civil::new(2026, 1, 1, 0, 0, 0).expect("the calendar has it").utc();
    let end = Civil::new(2036, 1, 1, 0, 0, 0).expect("the calendar has it").utc();
    let clock = Clock::new(Instant::START, Some(begin), -60, true);
    let mut tariffs = Tariffs::new();
    tariffs.active = written.calendar();
    tariffs.special = written.specials();
    assert_eq!(tariffs.active.check(&tariffs.special), Ok(()));
    let mut utc = begin;
    let (mut looks, mut switchings) = (0_u32, 0_u32);
    while utc < end {
        if let Some(wanted) = tariffs.turn_page(&clock, utc) {
            let day =
                day_table::find(&|at, out| read(&table, at, out), wanted.length, wanted.day_id).expect("readable");
            tariffs.take_day(day.expect("a day that the calendar names"));
        }
        switchings += u32::from(tariffs.follow(&clock, utc));
        // Just before the next look nothing may have changed, and at every look both agree.
        let due = tariffs.due(&clock, utc);
        assert!(utc < due);
        for at in [utc, due.plus(-1)] {
            let local = clock.local(at);
            let date = (
                i32::from(local.year()),
                i32::from(local.month()),
                i32::from(local.day()),
            );
            let second = u32::from(local.hour()) * 3_600 + u32::from(local.minute()) * 60 + u32::from(local.second());
            assert_eq!(tariffs.energy().number(), written.tariff_at(date, second), "{local}");
        }
        looks += 1;
        utc = due;
    }
    std::println!("{looks} looks, {switchings} changes of tariff");
    assert!(100_000 < switchings, "{switchings}");
}

/// T2: what cannot be is refused whole, with the right reason, and the old set stays.
#[test]
fn nonsense_is_refused_whole_and_the_old_set_stays() {
    let good = Written::full(7);
    let mut calendar = good.calendar();
    let before = calendar.clone();
    let mut seasons = |change: &dyn Fn(&mut Written), why| {
        let mut bad = Written::full(7);
        change(&mut bad);
        assert_eq!(calendar.set_seasons(&mut Reader::new(&bad.seasons())), Err(why));
        assert_eq!(calendar, before);
    };
    let other = AccessError::OtherReason;
    seasons(
        &|it| it.seasons.push(("ninth".into(), 4, 4, 0xFF, "week-0".into())),
        other,
    );
    seasons(&|it| it.seasons[1].0 = it.seasons[0].0.clone(), other);
    seasons(&|it| it.seasons[1].0 = "more than eight".into(), other);
    seasons(&|it| it.seasons[1].0 = String::new(), other);
    seasons(
        &|it| (it.seasons[1].1, it.seasons[1].2) = (it.seasons[0].1, it.seasons[0].2),
        other,
    );
    seasons(&|it| it.seasons[1].1 = 13, other);
    seasons(&|it| it.seasons[1].1 = 0, other);
    seasons(&|it| it.seasons[1].2 = 0, other);
    seasons(&|it| it.seasons[1].2 = 32, other);
    seasons(&|it| (it.seasons[1].1, it.seasons[1].2) = (0xFE, 3), other);
    seasons(
        &|it| (it.seasons[1].1, it.seasons[1].2, it.seasons[1].3) = (0xFD, ANY, 7),
        other,
    );
    seasons(&|it| (it.seasons[1].1, it.seasons[1].2) = (ANY, 32), other);
    seasons(&|it| it.starts[1] = 86_400, other);
    seasons(&|it| (it.seasons[1].1, it.seasons[1].2) = (2, 30), other);
    seasons(&|it| it.seasons[1].3 = 8, other);

    let mut weeks = |change: &dyn Fn(&mut Written)| {
        let mut bad = Written::full(7);
        change(&mut bad);
        assert_eq!(calendar.set_weeks(&mut Reader::new(&bad.weeks())), Err(other));
        assert_eq!(calendar, before);
    };
    weeks(&|it| it.weeks.push(("ninth".into(), [1; 7])));
    weeks(&|it| it.weeks[1].0 = it.weeks[0].0.clone());
    weeks(&|it| it.weeks[1].0 = String::new());

    let days = |change: &dyn Fn(&mut Written), why| {
        let mut bad = Written::full(7);
        change(&mut bad);
        let table = bad.day_table();
        let length = u32::try_from(table.len()).expect("small");
        assert_eq!(day_table::check(&|at, out| read(&table, at, out), length), Err(why));
    };
    days(&|it| it.days.push((25, std::vec![(0, 1)])), other);
    days(&|it| it.days[1].0 = it.days[0].0, other);
    days(&|it| it.days[1].1.push((86_399, 1)), other); // 49 switchings
    days(&|it| it.days[1].1.swap(1, 2), other);
    days(&|it| it.days[1].1[2].0 = it.days[1].1[1].0, other);
    days(&|it| it.days[1].1[0].0 = 1, other); // does not begin at midnight
    days(&|it| it.days[1].1.clear(), other);
    days(&|it| it.days[1].1[3].1 = 9, other); // the ninth tariff
    days(&|it| it.days[1].1[47].0 = 86_400, other); // 24:00
    let table = good.day_table();
    for length in 0..table.len() {
        let short = u32::try_from(length).expect("small");
        assert!(
            day_table::check(&|at, out| read(&table, at, out), short).is_err(),
            "{length}"
        );
    }

    let special = |change: &dyn Fn(&mut Written), why| {
        let mut bad = Written::full(7);
        change(&mut bad);
        let read = SpecialDays::read(&mut Reader::new(&bad.special_days()), |id| id <= 24);
        assert_eq!(read, Err(why));
    };
    special(&|it| it.special.push((32, [0xFF, 0xFF, 1, 1, 0xFF], 1)), other);
    special(&|it| it.special[1].0 = it.special[0].0, other);
    special(&|it| it.special[1].2 = 25, other);
    special(&|it| it.special[1].1 = [0xFF, 0xFF, 2, 30, 0xFF], other);
    special(&|it| it.special[1].1 = [0x07, 0xEA, 2, 29, 0xFF], other);
    special(&|it| it.special[1].1 = [0xFF, 0xFF, 13, 1, 0xFF], other);
    special(&|it| it.special[1].1 = [0xFF; 5], other);
    special(&|it| it.special[1].1 = [0xFF, 0xFF, 1, 1, 8], other);
}

/// T2: parts that do not fit together are told before the calendar becomes active.
#[test]
fn a_calendar_that_contradicts_itself_is_found_out() {
    let check = |change: &dyn Fn(&mut Written)| {
        let mut written = Written::full(7);
        change(&mut written);
        written.calendar().check(&written.specials())
    };
    assert_eq!(check(&|_| ()), Ok(()));
    assert_eq!(
        check(&|it| it.seasons[3].4 = "nowhere".into()),
        Err(Contradiction::Week)
    );
    assert_eq!(check(&|it| it.seasons.clear()), Err(Contradiction::Week));
    assert_eq!(check(&|it| it.weeks[0].1[6] = 99), Err(Contradiction::Day));
    assert_eq!(check(&|it| it.special[0].2 = 99), Err(Contradiction::Day));
    assert_eq!(Calendar::default().check(&SpecialDays::default()), Ok(()));
}

/// Class 20: a start with wildcards is the last moment that fits, at its time of the day; a time of which a part is missing is refused.
#[test]
fn a_season_begins_at_the_last_moment_that_fits() {
    let clock = Clock::new(Instant::START, None, -60, true);
    let season = |octets: [u8; 9]| {
        let [a, b, c, d, e, f, g, h, i] = octets;
        Season {
            name: Name::new(),
            start: DateTime::from_octets([a, b, c, d, e, f, g, h, i, 0x80, 0, 0xFF]),
            week: Name::new(),
        }
    };
    let civil = |y, m, d, h, mi| Civil::new(y, m, d, h, mi, 0).expect("the calendar has it");
    let check = |start, now: Civil, began: Option<Civil>| {
        let season = season(start);
        assert!(season.is_possible(), "{start:?}");
        assert_eq!(season.began(now, &clock), began.map(|it| it.utc().unix()), "{start:?}");
    };
    let monthly = [ANY, ANY, ANY, 1, ANY, 6, 0, 0, 0];
    check(monthly, civil(2026, 7, 1, 5, 59), Some(civil(2026, 6, 1, 6, 0)));
    check(monthly, civil(2026, 7, 1, 6, 0), Some(civil(2026, 7, 1, 6, 0)));
    check(monthly, civil(2000, 1, 1, 5, 0), None);
    let daily = [ANY, ANY, ANY, ANY, ANY, 22, 0, ANY, ANY];
    check(daily, civil(2026, 1, 1, 21, 59), Some(civil(2025, 12, 31, 22, 0)));
    let fridays = [ANY, ANY, ANY, ANY, 5, ANY, ANY, ANY, ANY];
    check(fridays, civil(2026, 7, 2, 23, 59), Some(civil(2026, 6, 26, 0, 0)));
    let leap_day = [ANY, ANY, 2, 29, ANY, 12, 0, 0, 0];
    check(leap_day, civil(2031, 3, 1, 0, 0), Some(civil(2028, 2, 29, 12, 0)));
    check(leap_day, civil(2028, 2, 29, 11, 59), Some(civil(2024, 2, 29, 12, 0)));
    let in_one_year = [0x07, 0xEA, ANY, 0xFE, ANY, 0, 0, 0, 0];
    check(in_one_year, civil(2026, 1, 30, 0, 0), None);
    check(in_one_year, civil(2026, 3, 1, 0, 0), Some(civil(2026, 2, 28, 0, 0)));
    check(in_one_year, civil(2030, 3, 1, 0, 0), Some(civil(2026, 12, 31, 0, 0)));
    let summer = [ANY, ANY, 0xFE, ANY, ANY, 3, 0, 0, 0];
    check(summer, civil(2026, 3, 29, 3, 0), Some(civil(2026, 3, 29, 3, 0)));
    check(summer, civil(2026, 3, 29, 1, 0), Some(civil(2025, 3, 30, 3, 0)));
    for bad in [
        [ANY, ANY, ANY, 1, ANY, 6, ANY, 0, 0],
        [ANY, ANY, ANY, 1, ANY, ANY, 30, 0, 0],
        [ANY, ANY, ANY, 1, ANY, 6, 0, 60, 0],
        [ANY, ANY, ANY, 1, ANY, 6, 0, 0, 50],
        [0x08, 0x34, ANY, 1, ANY, 6, 0, 0, 0],
        [0x07, 0xEA, 2, 29, ANY, 6, 0, 0, 0],
        [ANY, ANY, 4, 31, ANY, 6, 0, 0, 0],
    ] {
        assert!(!season(bad).is_possible(), "{bad:?}");
    }
}

#[test]
fn a_calendar_is_kept_octet_by_octet() {
    let calendar = Written::full(9).calendar();
    let saved = encoded(|out| calendar.save(out));
    assert!(saved.len() <= Calendar::OCTETS, "{}", saved.len());
    assert_eq!(Calendar::restored(&mut Reader::new(&saved)), Some(calendar));
    for length in 0..saved.len() {
        assert_eq!(Calendar::restored(&mut Reader::new(&saved[..length])), None);
    }
}

#[test]
fn special_days_are_inserted_in_order_and_deleted() {
    let mut days = SpecialDays::default();
    let day = |index: u16, month: u8, id: u8| {
        encoded(|out| {
            out.structure(3)?;
            out.value(index)?;
            out.value(Octets(&[0xFF, 0xFF, month, 24, 0xFF]))?;
            out.value(id)
        })
    };
    for (index, month) in [(5, 5), (1, 1), (9, 9), (5, 6)] {
        days.insert(&mut Reader::new(&day(index, month, 1)), |id| id == 1)
            .expect("a good day");
    }
    let indices: Vec<(u16, u8)> = days.0.iter().map(|day| (day.index, day.date[2])).collect();
    assert_eq!(indices, [(1, 1), (5, 6), (9, 9)]);
    assert!(days.insert(&mut Reader::new(&day(2, 2, 7)), |id| id == 1).is_err());
    assert_eq!(days.delete(4), Err(AccessError::OtherReason));
    assert_eq!((days.delete(5), days.len()), (Ok(()), 2));
}

/// T2: without a valid clock the emergency tariff counts, without a calendar the default one, and the input decides when it is to.
#[test]
fn emergency_default_and_input_have_their_tariffs() {
    use metrology::Tariff;
    let tariff = |number| Tariff::new(number).expect("1 to 8");
    let begin = Utc::from_unix(1_790_000_000);
    let mut clock = Clock::new(Instant::START, None, -60, true);
    let mut tariffs = Tariffs::new();
    tariffs.set_emergency_tariff(tariff(7));
    tariffs.set_default_tariff(tariff(3));
    tariffs.set_input(tariff(5));
    assert!(tariffs.follow(&clock, begin));
    assert_eq!((tariffs.energy(), tariffs.demand()), (tariff(7), tariff(7)));
    clock.set(Instant::START, begin).expect("in range");
    tariffs.follow(&clock, begin);
    assert_eq!(tariffs.energy(), tariff(3));
    tariffs.set_energy(tariff(8)); // by hand, until the decision changes
    assert!(!tariffs.follow(&clock, begin.plus(60)));
    assert_eq!((tariffs.energy(), tariffs.demand()), (tariff(8), tariff(3)));
    tariffs.set_source(crate::tariff::Source::Input);
    tariffs.follow(&clock, begin.plus(120));
    assert_eq!((tariffs.energy(), tariffs.demand()), (tariff(5), tariff(5)));
}
