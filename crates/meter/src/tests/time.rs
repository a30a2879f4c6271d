//! The table of docs/time.md: a test for each of its rows, named there, and one that holds both together (T1).
//!
//! What a row says of load profiles, demand, billing, tariff, schedules and log is asserted here through the meter's own door.

extern crate std;

use std::collections::BTreeSet;
use std::vec::Vec;
use std::{format, println, vec};

use base::{Micros, Utc};
use metrology::{Apparent, Element, Measurement, PhaseReading, Position, Quantity, Tariff};

use super::registration::{INTEGER_0, begin, date_time, utc};
use super::{Bench, Life, hex};
use crate::billing::Scheme;
use crate::calendar::tests::Written;
use crate::event_log::standard;
use crate::profile::{JournalId, status};
use crate::{Battery, Contact, Input, Trouble};

const DST: u8 = status::DAYLIGHT_SAVING;
const PDN: u8 = status::POWER_DOWN;
/// The meter began its life in this period.
const FIRST: u8 = status::DATA_NOT_VALID;
const CAD: u8 = status::CLOCK_ADJUSTED | status::DATA_NOT_VALID;
const CIV: u8 = status::CLOCK_INVALID | status::DATA_NOT_VALID;

/// The documentation and this file, as they are.
const MANUAL: &str = include_str!("../../../../docs/time.md");
const TESTS: &str = include_str!("time.rs");

/// The last column of every row of the table of clock changes.
fn named_in_the_manual() -> Vec<&'static str> {
    let (_, table) = MANUAL.split_once("| change |").expect("the table of clock changes");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        cell.trim().trim_matches('`')
    })
    .collect()
}

/// Each row of the manual's table names its test, and each test of this file that begins with `when_` stands in a row.
#[test]
fn every_row_of_the_manual_has_its_test() {
    let named = named_in_the_manual();
    assert!(16 <= named.len(), "{named:?}");
    let tests: BTreeSet<&str> = TESTS
        .split("#[test]\nfn ")
        .skip(1)
        .filter_map(|rest| rest.split_once('('))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("when_"))
        .collect();
    let rows: BTreeSet<&str> = named.iter().copied().collect();
    assert_eq!(rows.len(), named.len(), "a test for each row");
    assert_eq!(rows, tests);
}

/// What a change of the clock did, counted from just before it.
struct Seen {
    before: [usize; 4],
}

impl Seen {
    const JOURNALS: [JournalId; 4] = [
        JournalId::LoadProfile1,
        JournalId::LoadProfile2,
        JournalId::BillingProfile1,
        JournalId::StandardLog,
    ];

    fn from(life: &Life) -> Self {
        Self {
            before: Self::JOURNALS.map(|journal| stamps(life, journal).len()),
        }
    }

    /// Quarters with their status, days with theirs, ends of billing periods, event codes.
    fn since(&self, life: &Life) -> (Vec<(Utc, u8)>, Vec<(Utc, u8)>, Vec<Utc>, Vec<u8>) {
        let [quarters, days, billing, events] = self.before;
        (
            stamps(life, JournalId::LoadProfile1).split_off(quarters),
            stamps(life, JournalId::LoadProfile2).split_off(days),
            stamps(life, JournalId::BillingProfile1)
                .split_off(billing)
                .into_iter()
                .map(|(utc, _)| utc)
                .collect(),
            life.log(JournalId::StandardLog).split_off(events),
        )
    }
}

/// The rows of a journal: stamp, and the octet that is the status of a profile.
fn stamps(life: &Life, journal: JournalId) -> Vec<(Utc, u8)> {
    let mut rows = Vec::new();
    let mut visit = |utc: Utc, row: &[u8]| rows.push((utc, row[15]));
    life.meter
        .visit_rows(&life.bench.flash, journal, 0, &mut visit)
        .expect("the flash can be read");
    rows
}

/// The average of A+ that ended last: its status and its end.
fn last_demand(life: &Life) -> (u8, Option<Utc>) {
    let last = life.meter.model().demand.average(0).expect("there are seven").last();
    (last.status, last.at())
}

fn energy_tariff(life: &Life) -> u8 {
    life.meter.model().tariffs.energy().number()
}

/// A meter before `at` that follows a calendar: tariff 1 from midnight, 2 from 06:00, 3 from 22:00; on the 2nd of July it is tariff 4 all day.
/// Its second schedule runs the script of tariff 8 every day at `schedule` of the local clock.
fn following(at: Utc, schedule: &str) -> Life {
    let mut life = begin(at.plus(-600));
    let mut written = Written::full(5);
    for (_, switches) in &mut written.days {
        *switches = vec![(0, 1), (21_600, 2), (79_200, 3)];
    }
    written.days[23].1 = vec![(0, 4)];
    for (_, days) in &mut written.weeks {
        *days = [1; 7];
    }
    written.special = vec![(1, [0xFF, 0xFF, 7, 2, 0xFF], 24)];
    for (index, value) in [(7, written.seasons()), (8, written.weeks()), (9, written.day_table())] {
        assert_eq!(life.put(20, "0-0:13.0.0", index, &value), 0);
    }
    assert_eq!(life.put(11, "0-0:11.0.0", 2, &written.special_days()), 0);
    assert_eq!(life.invoke(20, "0-0:13.0.0", 1, INTEGER_0), 0);
    assert_eq!(life.put(22, "0-1:15.0.0", 2, &hex("0202 090600000A0064FF 120008")), 0);
    let times = format!("0101 0202 0904 {schedule} 0905 FFFFFFFFFF");
    assert_eq!(life.put(22, "0-1:15.0.0", 4, &hex(&times)), 0);
    life.wait_until(at);
    life
}

/// The same with a schedule that does not come near.
fn quiet(at: Utc) -> Life {
    following(at, "03000000")
}

/// Sets the clock of a meter as its time source does, and lets it live on until `until` of the new reading.
fn set(life: &mut Life, to: Utc, until: Utc) -> (Vec<(Utc, u8)>, Vec<(Utc, u8)>, Vec<Utc>, Vec<u8>) {
    let seen = Seen::from(life);
    life.step(Input::Time(to)).expect("a good step");
    life.wait_until(until);
    seen.since(life)
}

/// Takes the power at the reading of now and gives it back at `rtc`.
fn without_power(mut life: Life, rtc: Option<Utc>) -> Life {
    life.step(Input::PowerFailing).expect("a good farewell");
    let (life, report) = Life::begin(life.bench.revived(), rtc);
    assert!(!report.has_loss(), "{report:?}");
    life
}

#[test]
fn when_the_clock_is_corrected() {
    let mut life = quiet(utc(2026, 7, 1, 10, 14, 59));
    let (quarters, days, billing, events) = set(&mut life, utc(2026, 7, 1, 10, 15, 1), utc(2026, 7, 1, 10, 30, 0));
    let ends = [
        (utc(2026, 7, 1, 10, 15, 0), DST | FIRST),
        (utc(2026, 7, 1, 10, 30, 0), DST),
    ];
    assert_eq!(
        (quarters.as_slice(), days.len(), billing.len(), events.len()),
        (&ends[..], 0, 0, 0)
    );
    assert_eq!(last_demand(&life), (0, Some(utc(2026, 7, 1, 10, 30, 0))));
    // and back over the boundary that was closed: it is not closed again
    let mut life = quiet(utc(2026, 7, 1, 10, 15, 1));
    let (quarters, _, _, events) = set(&mut life, utc(2026, 7, 1, 10, 14, 58), utc(2026, 7, 1, 10, 30, 0));
    assert_eq!((quarters, events.len()), (vec![(utc(2026, 7, 1, 10, 30, 0), DST)], 0));
}

#[test]
fn when_the_clock_is_set_forwards_inside_a_period() {
    let mut life = quiet(utc(2026, 7, 1, 10, 16, 0));
    let (quarters, days, billing, events) = set(&mut life, utc(2026, 7, 1, 10, 20, 0), utc(2026, 7, 1, 10, 45, 0));
    let ends = [
        (utc(2026, 7, 1, 10, 30, 0), DST | CAD),
        (utc(2026, 7, 1, 10, 45, 0), DST),
    ];
    assert_eq!((quarters.as_slice(), days.len(), billing.len()), (&ends[..], 0, 0));
    assert_eq!(events, [4, 5]);
    assert_eq!(energy_tariff(&life), 2);
}

#[test]
fn when_the_clock_is_set_forwards_over_boundaries() {
    let mut life = quiet(utc(2026, 7, 1, 10, 16, 0));
    let (quarters, days, billing, events) = set(&mut life, utc(2026, 7, 1, 10, 40, 0), utc(2026, 7, 1, 10, 45, 0));
    assert_eq!(quarters, [(utc(2026, 7, 1, 10, 45, 0), DST | CAD)]);
    assert_eq!((days.len(), billing.len(), events), (0, 0, vec![4, 5]));
    assert_eq!(last_demand(&life), (CAD, Some(utc(2026, 7, 1, 10, 45, 0))));
}

#[test]
fn when_the_clock_is_set_backwards_over_a_boundary() {
    let mut life = quiet(utc(2026, 7, 1, 10, 16, 0));
    let (quarters, days, billing, events) = set(&mut life, utc(2026, 7, 1, 10, 10, 0), utc(2026, 7, 1, 10, 30, 0));
    let ends = [
        (utc(2026, 7, 1, 10, 15, 0), DST | CAD),
        (utc(2026, 7, 1, 10, 30, 0), DST),
    ];
    assert_eq!((quarters.as_slice(), days.len(), billing.len()), (&ends[..], 0, 0));
    assert_eq!(events, [4, 5]);
    let both = stamps(&life, JournalId::LoadProfile1);
    let quarter = utc(2026, 7, 1, 10, 15, 0);
    assert_eq!(
        both.iter().filter(|(stamp, _)| *stamp == quarter).count(),
        2,
        "{both:?}"
    );
}

#[test]
fn when_the_clock_is_set_forwards_over_midnight() {
    let mut life = quiet(utc(2026, 7, 1, 21, 50, 0));
    assert_eq!(energy_tariff(&life), 3);
    let seen = Seen::from(&life);
    life.step(Input::Time(utc(2026, 7, 1, 22, 5, 0))).expect("a good step");
    assert_eq!(energy_tariff(&life), 4, "the special day");
    life.wait_until(utc(2026, 7, 2, 22, 0, 0));
    let (quarters, days, billing, events) = seen.since(&life);
    assert_eq!(quarters[0], (utc(2026, 7, 1, 22, 15, 0), DST | CAD));
    assert_eq!(
        days,
        [(utc(2026, 7, 2, 22, 0, 0), DST | CAD)],
        "the midnight that was jumped over has no row"
    );
    assert_eq!((billing.len(), events), (0, vec![4, 5]));
}

#[test]
fn when_the_clock_is_set_backwards_over_midnight() {
    let mut life = quiet(utc(2026, 7, 1, 22, 5, 0));
    assert_eq!(energy_tariff(&life), 4, "the special day");
    let (quarters, days, billing, events) = set(&mut life, utc(2026, 7, 1, 21, 50, 0), utc(2026, 7, 1, 21, 59, 59));
    assert_eq!(
        (quarters.len(), days.len(), billing.len(), events),
        (0, 0, 0, vec![4, 5])
    );
    assert_eq!(
        energy_tariff(&life),
        3,
        "the day before, after 22:00 of the local clock"
    );
    let seen = Seen::from(&life);
    life.wait_until(utc(2026, 7, 1, 22, 0, 0));
    let (quarters, days, billing, _) = seen.since(&life);
    assert_eq!(quarters, [(utc(2026, 7, 1, 22, 0, 0), DST | CAD)]);
    assert_eq!(days, [(utc(2026, 7, 1, 22, 0, 0), DST | CAD)], "midnight comes again");
    assert_eq!((billing.len(), energy_tariff(&life)), (0, 4));
    assert_eq!(stamps(&life, JournalId::LoadProfile2).len(), 2);
}

#[test]
fn when_the_clock_is_set_forwards_over_the_end_of_a_month() {
    let mut life = quiet(utc(2026, 7, 31, 21, 50, 0));
    let (quarters, days, billing, events) = set(&mut life, utc(2026, 9, 30, 22, 5, 0), utc(2026, 9, 30, 22, 15, 0));
    assert_eq!(quarters, [(utc(2026, 9, 30, 22, 15, 0), DST | CAD)]);
    assert_eq!((days.len(), events), (0, vec![4, 5]));
    assert_eq!(billing, [utc(2026, 9, 30, 22, 0, 0)], "of several ends the last");
}

#[test]
fn when_the_clock_is_set_backwards_over_the_end_of_a_month() {
    let mut life = quiet(utc(2026, 7, 31, 22, 5, 0));
    let (quarters, days, billing, events) = set(&mut life, utc(2026, 7, 31, 21, 50, 0), utc(2026, 7, 31, 22, 5, 0));
    assert_eq!(quarters, [(utc(2026, 7, 31, 22, 0, 0), DST | CAD)]);
    assert_eq!((days.len(), billing.len(), events), (1, 0, vec![4, 5]));
    assert_eq!(stamps(&life, JournalId::BillingProfile1).len(), 1);
    // Also when a hand closed another period meanwhile.
    let mut life = quiet(utc(2026, 7, 31, 22, 5, 0));
    life.step(Input::Contact(Contact::BillingButton)).expect("a good step");
    let (_, _, billing, _) = set(&mut life, utc(2026, 7, 31, 21, 50, 0), utc(2026, 7, 31, 22, 5, 0));
    assert_eq!(billing, []);
    assert_eq!(life.meter.model().billing(Scheme::First).number(), 2);
}

#[test]
fn when_the_clock_is_set_backwards_by_months() {
    let mut life = quiet(utc(2026, 9, 30, 22, 5, 0));
    let (_, _, billing, events) = set(&mut life, utc(2026, 7, 31, 21, 50, 0), utc(2026, 7, 31, 22, 5, 0));
    assert_eq!((billing, events), (vec![utc(2026, 7, 31, 22, 0, 0)], vec![4, 5]));
}

#[test]
fn when_a_night_in_march_leaves_an_hour_out() {
    // The schedule's 02:30 is an hour that this night does not have.
    let mut life = following(utc(2026, 3, 28, 22, 45, 0), "021E0000");
    let seen = Seen::from(&life);
    life.wait_until(utc(2026, 3, 29, 1, 29, 59));
    assert_eq!(energy_tariff(&life), 1);
    life.wait_until(utc(2026, 3, 29, 1, 30, 0));
    assert_eq!(energy_tariff(&life), 8, "03:30 of summer time");
    life.wait_until(utc(2026, 3, 29, 22, 0, 0));
    let (quarters, days, billing, events) = seen.since(&life);
    assert_eq!((quarters.len(), billing.len(), events), (93, 0, vec![3]));
    let begin = utc(2026, 3, 28, 23, 0, 0);
    for ((stamp, status), number) in quarters.iter().zip(0_i64..) {
        let is_summer = utc(2026, 3, 29, 1, 0, 0) <= *stamp;
        assert_eq!(
            (*stamp, *status),
            (begin.plus(900 * number), if is_summer { DST } else { 0 })
        );
    }
    assert_eq!(days, [(begin, FIRST), (utc(2026, 3, 29, 22, 0, 0), DST)]);
    assert_eq!(last_demand(&life).0, 0);
}

#[test]
fn when_a_night_in_october_has_an_hour_twice() {
    let mut life = following(utc(2026, 10, 24, 21, 45, 0), "021E0000");
    let seen = Seen::from(&life);
    life.wait_until(utc(2026, 10, 25, 0, 30, 0));
    assert_eq!(energy_tariff(&life), 8, "the first 02:30");
    assert_eq!(life.invoke(9, "0-0:10.0.100", 1, &hex("120005")), 0);
    life.wait_until(utc(2026, 10, 25, 1, 31, 0));
    assert_eq!(energy_tariff(&life), 5, "the second 02:30 executes nothing");
    life.wait_until(utc(2026, 10, 25, 23, 0, 0));
    let (quarters, days, billing, events) = seen.since(&life);
    assert_eq!((quarters.len(), billing.len(), events), (101, 0, vec![3]));
    let begin = utc(2026, 10, 24, 22, 0, 0);
    for ((stamp, status), number) in quarters.iter().zip(0_i64..) {
        let is_summer = *stamp < utc(2026, 10, 25, 1, 0, 0);
        assert_eq!(
            (*stamp, *status),
            (begin.plus(900 * number), if is_summer { DST } else { 0 })
        );
    }
    assert_eq!(days, [(begin, DST | FIRST), (utc(2026, 10, 25, 23, 0, 0), 0)]);
}

#[test]
fn when_the_zone_is_set() {
    let mut life = quiet(utc(2026, 7, 1, 10, 16, 0));
    let seen = Seen::from(&life);
    // UTC+5:40: boundaries of a quarter move by five minutes, and it is 16:56 with summer time
    assert_eq!(life.put(8, "0-0:1.0.0", 3, &hex("10 FEAC")), 0);
    life.wait_until(utc(2026, 7, 1, 10, 35, 0));
    let (quarters, days, billing, events) = seen.since(&life);
    assert_eq!(
        quarters,
        [
            (utc(2026, 7, 1, 10, 20, 0), DST | FIRST),
            (utc(2026, 7, 1, 10, 35, 0), DST)
        ],
        "a quarter of five minutes is not valid"
    );
    assert_eq!((days.len(), billing.len(), events), (0, 0, vec![47]));
    assert_eq!(energy_tariff(&life), 2);
    // The demand was broken off, since its boundary moved: the next end is flagged, the one after it not.
    assert_eq!(last_demand(&life), (0, Some(utc(2026, 7, 1, 10, 35, 0))));
    let clock = &life.meter.model().clock;
    let midnight = clock.next_boundary(life.meter.model().utc(), 86_400);
    assert_eq!(midnight, utc(2026, 7, 1, 17, 20, 0));
    life.wait_until(midnight);
    assert_eq!(energy_tariff(&life), 4, "the special day begins at the new midnight");
    // By whole hours nothing is broken off.
    let mut life = quiet(utc(2026, 7, 1, 10, 16, 0));
    assert_eq!(life.put(8, "0-0:1.0.0", 3, &hex("10 FF88")), 0);
    let seen = Seen::from(&life);
    life.wait_until(utc(2026, 7, 1, 21, 0, 0));
    assert_eq!(last_demand(&life), (0, Some(utc(2026, 7, 1, 21, 0, 0))));
    let (quarters, days, ..) = seen.since(&life);
    assert!(quarters.iter().all(|(_, status)| *status == DST), "{quarters:?}");
    assert_eq!(days, [(utc(2026, 7, 1, 21, 0, 0), DST | FIRST)], "a day of 23 hours");
    // Local time moves over the end of a month, which comes at once; moved back over it, it does not come again.
    let mut life = quiet(utc(2026, 7, 31, 21, 30, 0));
    let seen = Seen::from(&life);
    assert_eq!(life.put(8, "0-0:1.0.0", 3, &hex("10 FF88")), 0);
    life.wait_until(utc(2026, 7, 31, 21, 40, 0));
    let (_, _, billing, _) = seen.since(&life);
    assert_eq!(billing, [utc(2026, 7, 31, 21, 0, 0)]);
    assert_eq!(life.put(8, "0-0:1.0.0", 3, &hex("10 FFC4")), 0);
    life.wait_until(utc(2026, 8, 1, 0, 0, 0));
    let (_, _, billing, _) = seen.since(&life);
    assert_eq!(billing, [utc(2026, 7, 31, 21, 0, 0)]);
    assert_eq!(
        life.meter.model().billing(Scheme::First).due(),
        Some(utc(2026, 8, 31, 22, 0, 0))
    );
}

#[test]
fn when_the_rules_of_daylight_saving_are_set() {
    let mut life = quiet(utc(2026, 7, 1, 20, 50, 0));
    assert_eq!(energy_tariff(&life), 3, "22:50 of summer time");
    let seen = Seen::from(&life);
    assert_eq!(life.put(8, "0-0:1.0.0", 8, &hex("03 00")), 0);
    life.wait_until(utc(2026, 7, 1, 20, 51, 0));
    assert_eq!(energy_tariff(&life), 2, "21:51 of normal time");
    life.wait_until(utc(2026, 7, 1, 23, 0, 0));
    let (quarters, days, billing, events) = seen.since(&life);
    assert_eq!(quarters.len(), 9);
    assert!(quarters.iter().all(|(_, status)| *status == 0), "{quarters:?}");
    assert_eq!(days, [(utc(2026, 7, 1, 23, 0, 0), FIRST)], "midnight of normal time");
    assert_eq!((billing.len(), events), (0, vec![47]));
    // The end of the month moves too.
    life.wait_until(utc(2026, 7, 31, 23, 0, 0));
    let billed = stamps(&life, JournalId::BillingProfile1);
    assert_eq!(billed.last().map(|(utc, _)| *utc), Some(utc(2026, 7, 31, 23, 0, 0)));
}

#[test]
fn when_there_is_no_power_inside_a_period() {
    let life = quiet(utc(2026, 7, 1, 10, 16, 0));
    let seen = Seen::from(&life);
    let mut life = without_power(life, Some(utc(2026, 7, 1, 10, 20, 0)));
    life.wait_until(utc(2026, 7, 1, 10, 45, 0));
    let (quarters, days, billing, events) = seen.since(&life);
    let ends = [
        (utc(2026, 7, 1, 10, 30, 0), DST | PDN),
        (utc(2026, 7, 1, 10, 45, 0), DST),
    ];
    assert_eq!((quarters.as_slice(), days.len(), billing.len()), (&ends[..], 0, 0));
    assert_eq!(events, [1, 2]);
}

#[test]
fn when_there_is_no_power_over_boundaries() {
    let mut life = following(utc(2026, 7, 1, 10, 16, 0), "160F0000"); // 22:15, within the outage
    for _ in 0..50 {
        life.measure(6_000).expect("a good step");
    }
    let seen = Seen::from(&life);
    let mut life = without_power(life, Some(utc(2026, 9, 30, 22, 5, 0)));
    assert_eq!(
        last_demand(&life),
        (PDN, Some(utc(2026, 7, 1, 10, 30, 0))),
        "with its own stamp"
    );
    life.wait_until(utc(2026, 9, 30, 22, 5, 10));
    assert_eq!(energy_tariff(&life), 8, "the schedule that passed is made up for");
    life.wait_until(utc(2026, 9, 30, 22, 30, 1));
    let (quarters, days, billing, events) = seen.since(&life);
    let ends = [
        (utc(2026, 9, 30, 22, 15, 0), DST | PDN),
        (utc(2026, 9, 30, 22, 30, 0), DST),
    ];
    assert_eq!((quarters.as_slice(), days.len()), (&ends[..], 0));
    let months = [
        utc(2026, 7, 31, 22, 0, 0),
        utc(2026, 8, 31, 22, 0, 0),
        utc(2026, 9, 30, 22, 0, 0),
    ];
    assert_eq!((billing.as_slice(), events.as_slice()), (&months[..], &[1, 2][..]));
}

#[test]
fn when_the_reserve_is_exhausted() {
    let mut life = quiet(utc(2026, 7, 1, 10, 16, 0));
    assert_eq!(life.put(1, "0-0:128.14.1", 2, &[0x11, 7]), 0);
    let seen = Seen::from(&life);
    let mut life = without_power(life, None);
    life.step(Input::Tick).expect("a good step");
    assert_eq!(energy_tariff(&life), 7, "nobody knows the time");
    assert_eq!(life.read(8, "0-0:1.0.0", 4), [0x11, 1], "invalid");
    assert_eq!(life.read(1, "0-0:97.97.0", 2)[4] & 1, 1);
    assert_eq!(life.read(1, "0-0:97.98.0", 2)[4] & 1, 1, "alarm 1.0");
    life.associate().expect("a good step");
    life.wait_until(utc(2000, 1, 1, 0, 20, 0));
    let (quarters, days, billing, events) = seen.since(&life);
    assert_eq!(quarters, [(utc(2000, 1, 1, 0, 15, 0), CIV | PDN)]);
    assert_eq!((days.len(), billing.len()), (0, 0));
    assert_eq!(events, [1, 2, 6]);
    assert_eq!(last_demand(&life).0, CIV | PDN);

    // Set to a time two months later, by a client: valid again, and the ends that passed come.
    let seen = Seen::from(&life);
    let time = date_time("07EA090103 0C0000 00 FF88 80");
    assert_eq!(life.put(8, "0-0:1.0.0", 2, &time), 0);
    assert_eq!(life.read(8, "0-0:1.0.0", 4), [0x11, 0x80]);
    life.wait_until(utc(2026, 9, 1, 10, 30, 0));
    assert_eq!(life.read(1, "0-0:97.97.0", 2)[4] & 1, 0);
    assert_eq!(energy_tariff(&life), 8, "the schedule is made up for");
    assert_eq!(
        life.meter.model().tariffs.day_id(),
        Some(1),
        "the calendar is followed again"
    );
    let (quarters, _, billing, events) = seen.since(&life);
    assert_eq!(
        quarters,
        [
            (utc(2026, 9, 1, 10, 15, 0), DST | CAD),
            (utc(2026, 9, 1, 10, 30, 0), DST)
        ]
    );
    assert_eq!(billing, [utc(2026, 7, 31, 22, 0, 0), utc(2026, 8, 31, 22, 0, 0)]);
    assert_eq!(events, [4, 5]);
}

/// T1, B1: a clock that never had a time ends no period when it gets one, and the next end is that of its time.
#[test]
fn a_clock_that_gets_its_first_time_ends_no_period() {
    let (mut life, _) = Life::begin(Bench::new(), None);
    life.associate().expect("a good step");
    assert_eq!(life.meter.model().billing(Scheme::First).due(), None);
    let time = date_time("07EA090103 0C0000 00 FF88 80");
    assert_eq!(life.put(8, "0-0:1.0.0", 2, &time), 0);
    life.wait_until(utc(2026, 9, 1, 10, 5, 0));
    let billing = life.meter.model().billing(Scheme::First);
    assert_eq!((billing.number(), billing.due()), (0, Some(utc(2026, 9, 30, 22, 0, 0))));
    assert_eq!(stamps(&life, JournalId::BillingProfile1), []);
}

/// T1, B1: zone, daylight saving and schedules that are written while nobody knows the time lose no end that passed, and invent none.
#[test]
fn what_is_set_while_nobody_knows_the_time_keeps_the_ends_that_passed() {
    let monthly = "0101 0202 0904 00000000 0905 FFFFFF01FF";
    let daily = "0101 0202 0904 00000000 0905 FFFFFFFFFF";
    let days = (0..32).map(|day| utc(2026, 7, 31, 22, 0, 0).plus(86_400 * day));
    for (class, name, index, value, ends) in [
        (
            8,
            "0-0:1.0.0",
            3,
            "10 FFC4",
            vec![utc(2026, 7, 31, 22, 0, 0), utc(2026, 8, 31, 22, 0, 0)],
        ),
        (
            8,
            "0-0:1.0.0",
            3,
            "10 FF88",
            vec![utc(2026, 7, 31, 21, 0, 0), utc(2026, 8, 31, 21, 0, 0)],
        ),
        (
            8,
            "0-0:1.0.0",
            8,
            "03 01",
            vec![utc(2026, 7, 31, 22, 0, 0), utc(2026, 8, 31, 22, 0, 0)],
        ),
        (
            22,
            "0-0:15.0.0",
            4,
            monthly,
            vec![utc(2026, 7, 31, 22, 0, 0), utc(2026, 8, 31, 22, 0, 0)],
        ),
        (22, "0-0:15.0.0", 4, "0100", vec![]),
        // What was waited for is one of its ends, too, and so are all behind it.
        (22, "0-0:15.0.0", 4, daily, days.collect()),
    ] {
        let mut life = without_power(begin(utc(2026, 7, 1, 10, 16, 0)), None);
        life.associate().expect("a good step");
        assert_eq!(life.put(class, name, index, &hex(value)), 0);
        let time = date_time("07EA090103 0C0000 00 FF88 80");
        assert_eq!(life.put(8, "0-0:1.0.0", 2, &time), 0);
        life.wait_until(utc(2026, 9, 1, 10, 5, 0));
        let billed: Vec<Utc> = stamps(&life, JournalId::BillingProfile1)
            .into_iter()
            .map(|(utc, _)| utc)
            .collect();
        assert_eq!(billed, ends, "{name} {index} {value}");
    }
}

/// T1: no correction is silent that passes over a whole period.
#[test]
fn the_limit_of_corrections_stays_below_the_shortest_period() {
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    let limit = |life: &Life| life.read(3, "1-0:0.9.11", 2);
    assert_eq!(life.put(3, "1-0:0.9.11", 2, &hex("12 003B")), 0);
    for refused in ["12 003C", "12 FFFF"] {
        assert_eq!(life.put(3, "1-0:0.9.11", 2, &hex(refused)), 250);
        assert_eq!(limit(&life), hex("12 003B"));
    }
    let life = without_power(life, Some(utc(2026, 7, 1, 10, 20, 0)));
    assert_eq!(limit(&life), hex("12 003B"));
}

/// B1, class 22: what is set of a schedule is there after a power cut, whatever its type.
#[test]
fn a_schedule_of_any_type_outlives_a_power_cut() {
    let one = "0202 0904 0C000000 0905 07EA0705FF";
    let two = "0202 0904 0C000000 0905 07EA0706FF";
    for kind in 1..=5 {
        let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
        assert_eq!(life.put(22, "0-0:15.0.0", 4, &hex(&format!("0101 {one}"))), 0);
        assert_eq!(life.put(22, "0-0:15.0.0", 3, &[0x16, kind]), 0);
        if kind != 1 {
            assert_eq!(life.put(22, "0-0:15.0.0", 4, &hex(&format!("0102 {one} {two}"))), 0);
        }
        let set = [3, 4].map(|index| life.read(22, "0-0:15.0.0", index));
        let mut life = without_power(life, Some(utc(2026, 7, 1, 10, 20, 0)));
        assert_eq!(
            [3, 4].map(|index| life.read(22, "0-0:15.0.0", index)),
            set,
            "type {kind}"
        );
        life.wait_until(utc(2026, 7, 7, 0, 0, 0));
        let ends = [utc(2026, 7, 5, 10, 0, 0), utc(2026, 7, 6, 10, 0, 0)];
        let billed: Vec<Utc> = stamps(&life, JournalId::BillingProfile1)
            .into_iter()
            .map(|(utc, _)| utc)
            .collect();
        assert_eq!(billed, ends[..if kind == 1 { 1 } else { 2 }], "type {kind}");
    }
}

/// B1, B2: one close in the lock-out, also while the row of the first still waits for its journal.
#[test]
fn a_close_that_waits_for_its_journal_locks_out_the_next() {
    let (mut life, _) = Life::begin(Bench::new(), Some(utc(2026, 7, 1, 10, 14, 0)));
    for open in [true, false, true, false, true] {
        life.step(Input::Contact(Contact::BillingButton)).expect("a good step");
        life.step(Input::Contact(Contact::MeterCover { open }))
            .expect("a good step");
    }
    let numbers = |life: &Life| Scheme::ALL.map(|scheme| life.meter.model().billing(scheme).number());
    assert_eq!(numbers(&life), [0, 0], "both wait");
    for _ in 0..2_000 {
        let passed = Micros::from_millis(10);
        life.now = life.now + passed;
        life.bench.flash.pass(passed);
        life.step(Input::Tick).expect("a good step");
    }
    assert_eq!(numbers(&life), [1, 1]);
}

/// B1: the lock-out counts from when a period was closed, not from its stamp, and setting the clock does not end it.
#[test]
fn the_lock_out_counts_what_passed_since_a_period_was_closed() {
    let press = |life: &mut Life| {
        life.step(Input::Contact(Contact::BillingButton)).expect("a good step");
        life.meter.model().billing(Scheme::First).number()
    };
    let life = begin(utc(2026, 7, 31, 10, 14, 0));
    let mut life = without_power(life, Some(utc(2026, 8, 1, 10, 0, 0)));
    life.wait_until(utc(2026, 8, 1, 10, 0, 2));
    assert_eq!(press(&mut life), 1, "the end of July was made up for two seconds ago");
    life.wait_until(utc(2026, 8, 1, 10, 1, 1));
    assert_eq!(press(&mut life), 2);
    for seconds in [-2, 2, -3_600, 3_600] {
        let at = life.meter.model().utc();
        life.step(Input::Time(at.plus(seconds))).expect("a good step");
        assert_eq!(press(&mut life), 2, "set by {seconds} s");
    }
    // Nor does a power cut.
    let at = life.meter.model().utc();
    let mut life = without_power(life, Some(at.plus(5)));
    assert_eq!(press(&mut life), 2);
    let at = life.meter.model().utc();
    life.wait_until(at.plus(60));
    assert_eq!(press(&mut life), 3);
}

/// Q2: the length of a power failure is what passed, whatever the clock was set to meanwhile; unknown when it lost its time.
#[test]
fn a_power_failure_is_as_long_as_it_was_whatever_the_clock_says() {
    fn windows(life: &mut Life, count: u32, volts: [u64; 3]) {
        for _ in 0..count {
            let second = Micros::from_secs(1);
            life.now = life.now + second;
            life.bench.flash.pass(second);
            let phases = volts.map(|volts| match volts {
                0 => PhaseReading::default(),
                volts => PhaseReading::steady(volts * 1_000_000, 0, 0, 0, 1_000_000_000),
            });
            let (from, to) = (Position::START, Position::of_sample(8_000));
            let window = Measurement::of_phases(from, to, 1_000_000_000, 50_000_000, phases, Apparent::Arithmetic);
            let (meter, now) = (&mut life.meter, life.now);
            meter
                .step(now, Input::Measured(&window), &mut life.bench)
                .expect("a good step");
        }
    }
    const WELL: [u64; 3] = [230; 3];
    const L1_AWAY: [u64; 3] = [0, 230, 230];
    let long = |life: &Life| {
        let of_l1 = life.meter.model().outages.of(0);
        (of_l1.count, of_l1.long, of_l1.last_long_seconds)
    };
    for seconds in [3, -3, 86_400, -3_600, -40 * 86_400] {
        let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
        let set = |life: &mut Life| {
            let at = life.meter.model().utc();
            life.step(Input::Time(at.plus(seconds))).expect("a good step");
        };
        windows(&mut life, 5, WELL);
        windows(&mut life, 10, L1_AWAY);
        set(&mut life);
        windows(&mut life, 5, L1_AWAY);
        windows(&mut life, 2, WELL);
        assert_eq!(long(&life), (1, 0, 0), "15 s, set by {seconds} s");
        windows(&mut life, 250, L1_AWAY);
        set(&mut life);
        windows(&mut life, 5, L1_AWAY);
        windows(&mut life, 2, WELL);
        let (count, n_long, length) = long(&life);
        assert_eq!((count, n_long), (2, 1), "set by {seconds} s");
        assert!((254..=256).contains(&length), "{length} s, set by {seconds} s");
        let rows = stamps(&life, JournalId::PowerInterruptionLog);
        assert_eq!(rows.len(), 1, "set by {seconds} s");
    }
    // It began, and then the clock lost its time.
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    windows(&mut life, 5, WELL);
    windows(&mut life, 10, L1_AWAY);
    let mut life = without_power(life, None);
    windows(&mut life, 5, L1_AWAY);
    windows(&mut life, 2, WELL);
    assert_eq!(long(&life), (1, 1, crate::outage::UNKNOWN_SECONDS));
}

/// L1: what happened in a period is in its row, also when the power went in it, and when the list of the profile is not the factory's.
#[test]
fn marks_of_a_running_period_outlive_a_power_cut() {
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    // An hour at a time, in profile 2.
    assert_eq!(life.put(7, "1-0:99.2.0", 4, &hex("06 00000E10")), 0);
    life.wait_until(utc(2026, 7, 1, 11, 1, 0));
    let seen = Seen::from(&life);
    let mut life = without_power(life, Some(utc(2026, 7, 1, 11, 2, 0)));
    life.wait_until(utc(2026, 7, 1, 12, 1, 0));
    let (quarters, hours, ..) = seen.since(&life);
    assert_eq!(quarters[0], (utc(2026, 7, 1, 11, 15, 0), DST | PDN));
    assert_eq!(hours, [(utc(2026, 7, 1, 12, 0, 0), DST | PDN)]);

    let seen = Seen::from(&life);
    life.step(Input::Time(utc(2026, 7, 1, 12, 5, 0))).expect("a good step");
    life.step(Input::Trouble(Trouble::Measurement)).expect("a good step");
    let mut life = without_power(life, Some(utc(2026, 7, 1, 12, 7, 0)));
    life.wait_until(utc(2026, 7, 1, 13, 1, 0));
    let marks = DST | PDN | CAD | status::CRITICAL_ERROR;
    let (quarters, hours, ..) = seen.since(&life);
    assert_eq!(quarters[0], (utc(2026, 7, 1, 12, 15, 0), marks));
    assert_eq!(hours, [(utc(2026, 7, 1, 13, 0, 0), marks)]);
}

/// T1: what the board sees of the battery is said once until a good one is in, over power cuts too.
#[test]
fn a_battery_that_ends_is_said_once() {
    let mut life = begin(utc(2026, 7, 1, 10, 0, 0));
    let tell = |life: &mut Life, battery| life.step(Input::Battery(battery)).expect("a good step");
    let said = |life: &Life| -> Vec<u8> {
        let codes = life.log(JournalId::StandardLog);
        codes.into_iter().filter(|code| [7, 8].contains(code)).collect()
    };
    tell(&mut life, Battery::Good);
    tell(&mut life, Battery::Low);
    tell(&mut life, Battery::Low);
    assert_eq!(said(&life), [standard::BATTERY_LOW]);
    tell(&mut life, Battery::Spent);
    let mut life = without_power(life, Some(utc(2026, 7, 1, 10, 5, 0)));
    tell(&mut life, Battery::Spent);
    assert_eq!(said(&life), [standard::BATTERY_LOW, standard::REPLACE_BATTERY]);
    assert_eq!(life.read(1, "0-0:97.97.0", 2)[4] & 2, 2);
    assert_eq!(life.read(1, "0-0:97.98.0", 2)[4] & 2, 2, "alarm 1.1");
    tell(&mut life, Battery::Good);
    assert_eq!(life.read(1, "0-0:97.97.0", 2)[4] & 2, 0);
    tell(&mut life, Battery::Low);
    assert_eq!(said(&life), [8, 7, 8]);
}

/// L1: a time source of the board that sets the clock by more than a correction is in the log of parameter changes: which attribute, by whom.
#[test]
fn the_log_says_from_where_the_clock_was_set() {
    let mut life = begin(utc(2026, 7, 1, 10, 0, 0));
    let changes = |life: &Life| {
        let mut rows = Vec::new();
        let mut visit = |_: Utc, row: &[u8]| rows.push(row.to_vec());
        life.meter
            .visit_rows(&life.bench.flash, JournalId::ParameterChangeLog, 0, &mut visit)
            .expect("the flash can be read");
        rows
    };
    let before = changes(&life).len();
    life.step(Input::Time(utc(2026, 7, 1, 10, 0, 31))).expect("a good step");
    assert_eq!(changes(&life).len(), before, "a correction is silent");
    life.step(Input::Time(utc(2026, 7, 1, 11, 0, 0))).expect("a good step");
    let time = date_time("07EA070103 0E0000 00 FF88 80");
    assert_eq!(life.put(8, "0-0:1.0.0", 2, &time), 0);
    let rows = changes(&life).split_off(before);
    let who = |row: &[u8]| {
        row.windows(2)
            .filter(|it| *it == [0x11, 129] || *it == [0x11, 1])
            .count()
    };
    println!("{rows:02X?}");
    assert_eq!(rows.len(), 2);
    let clock = hex("0000010000FF");
    assert!(rows.iter().all(|row| row.windows(6).any(|it| it == clock.as_slice())));
    assert!(rows[0].windows(2).any(|it| it == [0x11, 129]), "the board");
    assert!(rows[1].windows(2).any(|it| it == [0x11, 1]), "the client");
    assert!(rows.iter().all(|row| 1 <= who(row)));
}

/// B1, class 22: a schedule runs any script that the meter has, of any table; one that it does not have is refused whole.
#[test]
fn a_schedule_names_a_script_that_there_is() {
    let mut life = begin(utc(2026, 7, 1, 9, 50, 0));
    let before = life.read(22, "0-1:15.0.0", 2);
    for refused in [
        "0202 090600000A0001FF 120003", // the third script of billing
        "0202 090600000A0064FF 120009", // the ninth tariff
        "0202 090600000A006AFF 120003", // the third of the switch
        "0202 090600000A0069FF 120001", // no such table
        "0202 090600000A0069FF 120000",
    ] {
        assert_eq!(life.put(22, "0-1:15.0.0", 2, &hex(refused)), 250, "{refused}");
        assert_eq!(life.read(22, "0-1:15.0.0", 2), before);
    }
    // The switch opens at 12:00 of the local clock, by schedule, and stays so over a cut.
    assert_eq!(life.put(22, "0-1:15.0.0", 2, &hex("0202 090600000A006AFF 120001")), 0);
    assert_eq!(
        life.put(22, "0-1:15.0.0", 4, &hex("0101 0202 0904 0C000000 0905 07EA0701FF")),
        0
    );
    let mut life = without_power(life, Some(utc(2026, 7, 1, 9, 55, 0)));
    life.wait_until(utc(2026, 7, 1, 9, 59, 59));
    assert_eq!(life.bench.closed, Some(true));
    life.wait_until(utc(2026, 7, 1, 10, 0, 0));
    assert_eq!(life.bench.closed, Some(false));
    assert_eq!(stamps(&life, JournalId::BillingProfile2).len(), 0);
}

/// T2: the eight tariffs add up to the total at every instant, whoever switches: calendar, input, hand, script, a clock that is set, or one
/// that lost its time over a power cut.
#[test]
fn tariffs_add_up_whoever_switches() {
    let seed = 20_261_130_u64;
    println!("seed {seed}");
    let mut state = seed;
    let mut draw = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut life = following(utc(2026, 7, 1, 10, 16, 0), "0C000000");
    let mut used = BTreeSet::new();
    for _ in 0..1_500 {
        let small = |it: u64| u8::try_from(it).expect("small");
        match draw(12) {
            0 => {
                let tariff = Tariff::new(small(1 + draw(8))).expect("1 to 8");
                life.step(Input::Contact(Contact::TariffInput(tariff)))
                    .expect("a good step");
            }
            1 => assert_eq!(life.put(1, "0-0:128.14.2", 2, &[0x11, small(draw(2))]), 0),
            2 => assert_eq!(life.put(6, "0-0:14.0.1", 4, &[9, 1, small(1 + draw(8))]), 0),
            3 => assert_eq!(life.invoke(9, "0-0:10.0.100", 1, &[0x12, 0, small(draw(9))]), 0),
            4 => {
                let hours = i64::try_from(draw(48)).expect("small") - 24;
                let to = life.meter.model().utc().plus(3_600 * hours);
                let years = (utc(2001, 1, 1, 0, 0, 0)..utc(2099, 1, 1, 0, 0, 0)).contains(&to);
                life.step(Input::Time(if years { to } else { utc(2026, 7, 1, 0, 0, 0) }))
                    .expect("a good step");
            }
            5 if draw(20) == 0 => {
                let rtc = (draw(2) == 0).then(|| life.meter.model().utc().plus(60));
                life = without_power(life, rtc);
                life.associate().expect("a good step");
            }
            _ => life
                .measure(i64::try_from(draw(20_000)).expect("small"))
                .expect("a good step"),
        }
        let it = life.meter.model();
        used.insert(it.tariffs.energy().number());
        for quantity in [
            Quantity::ActiveImport,
            Quantity::ApparentImport,
            Quantity::ActiveAbsolute,
        ] {
            let sum: i64 = Tariff::all()
                .map(|tariff| it.registers.tariff_value(quantity, Element::Total, tariff))
                .sum();
            assert_eq!(sum, it.registers.value(quantity, Element::Total), "seed {seed}");
        }
    }
    let total = life.import();
    assert!(0 < total && used.len() == 8, "{total} {used:?}");
}
