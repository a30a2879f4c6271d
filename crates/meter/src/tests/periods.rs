//! Ends of periods at their worst: many at once, by either schedule, with the power gone between a row and its note, and errors that fall in
//! a period (M6, T1, T2, B1, B2, L1, L2).

extern crate std;

use std::format;
use std::vec;
use std::vec::Vec;

use base::{Instant, Micros, Utc};
use dlms::server::{Link, WrapperLink};
use flash::model::{Cut, How, Model as Flash, Timing};

use super::registration::{INTEGER_0, begin, date_time, utc};
use super::{Bench, Life, TEST_SECTORS, boot, hex};
use crate::billing::Scheme;
use crate::profile::{JournalId, status};
use crate::{Contact, Input, Trouble};

const CLOCK: &str = "0-0:1.0.0";

fn billed(life: &Life, journal: JournalId) -> Vec<Utc> {
    life.rows_of(journal).into_iter().map(|(utc, _)| utc).collect()
}

fn codes(life: &Life) -> Vec<u8> {
    life.log(JournalId::StandardLog)
}

/// The power goes with a warning and comes back at `rtc`.
fn without_power(mut life: Life, rtc: Option<Utc>) -> Life {
    life.step(Input::PowerFailing).expect("a good farewell");
    let (mut life, report) = Life::begin(life.bench.revived(), rtc);
    assert!(!report.has_loss(), "{report:?}");
    life.associate().expect("a good step");
    life
}

/// B1: daily periods that passed in an outage of more than a year are closed one after the other when power returns, each once, though the
/// profile keeps only the last ones; and weekly ones by the other schedule beside them.
#[test]
fn hundreds_of_ends_that_passed_without_power_are_closed_once_and_in_order() {
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    let daily = hex("0101 0202 0904 00000000 0905 FFFFFFFFFF");
    let mondays = hex("0101 0202 0904 06000000 0905 FFFFFFFF01");
    assert_eq!(life.put(22, "0-0:15.0.0", 4, &daily), 0);
    assert_eq!(life.put(22, "0-1:15.0.0", 4, &mondays), 0);
    life.measure(6_000).expect("a good step");
    let mut life = without_power(life, Some(utc(2027, 8, 5, 10, 14, 0)));
    life.wait_until(utc(2027, 8, 5, 10, 16, 0));
    // From the night before the 2nd of July to the one before the 5th of August; Mondays from the 6th of July to the 2nd of August.
    assert_eq!(life.meter.model().billing(Scheme::First).number(), 400);
    assert_eq!(life.meter.model().billing(Scheme::Second).number(), 57);
    let days = billed(&life, JournalId::BillingProfile1);
    assert!(36 <= days.len(), "{}", days.len());
    let local = |utc: &Utc| {
        utc.plus(if life.meter.model().clock.is_daylight_saving(*utc) {
            7_200
        } else {
            3_600
        })
    };
    let last = utc(2027, 8, 5, 0, 0, 0);
    for (stamp, before) in days.iter().rev().zip(0_i64..) {
        assert_eq!(local(stamp), last.plus(-86_400 * before));
    }
    let weeks = billed(&life, JournalId::BillingProfile2);
    assert!(36 <= weeks.len(), "{}", weeks.len());
    for (stamp, before) in weeks.iter().rev().zip(0_i64..) {
        assert_eq!(local(stamp), utc(2027, 8, 2, 6, 0, 0).plus(-7 * 86_400 * before));
    }
    assert!(
        life.rows_of(JournalId::BillingProfile1)
            .iter()
            .all(|(_, row)| row[15] & !status::DAYLIGHT_SAVING & !status::POWER_DOWN == 0)
    );
}

/// B1, U2: a cut at any step of the flash while two periods end at once, each by the schedule of the other scheme, leaves each end with one
/// row, also when the reserve of the clock is exhausted meanwhile and somebody sets it later.
#[test]
fn an_end_that_was_cut_is_closed_once_by_whichever_schedule() {
    let end = utc(2026, 7, 1, 10, 15, 0);
    let mut life = begin(end.plus(-60));
    for (schedule, script) in [("0-0:15.0.0", 2), ("0-1:15.0.0", 1)] {
        let run = hex(&format!("0202 090600000A0001FF 12{script:04X}"));
        assert_eq!(life.put(22, schedule, 2, &run), 0);
        let noon = hex("0101 0202 0904 0C0F0000 0905 FFFFFFFFFF");
        assert_eq!(life.put(22, schedule, 4, &noon), 0);
    }
    life.wait_until(end.plus(-1));
    life.step(Input::PowerFailing).expect("a good farewell");
    let cells = life.bench.revived().flash.into_parts().0;
    let mut cuts = 0;
    for step in 0.. {
        let mut survived = false;
        for (how, rtc) in [
            (How::NotDone, true),
            (How::Torn, false),
            (How::Done, true),
            (How::Done, false),
        ] {
            let flash = Flash::new(cells.clone(), vec![0; TEST_SECTORS], Timing::TYPICAL, step);
            let mut bench = Bench {
                flash,
                closed: None,
                rtc: None,
            };
            let (meter, _) = boot(&mut bench, Some(end.plus(-1)));
            let link = Link::Wrapper(WrapperLink::new(Instant::START, Micros::from_secs(180)));
            let now = Instant::START;
            let mut life = Life {
                bench,
                meter,
                now,
                link,
            };
            let step = life.bench.flash.writes().steps + step;
            life.bench.flash.cut(Some(Cut { step, how }));
            while life.now < Instant::START + Micros::from_secs(5) && life.bench.flash.is_powered() {
                life.now = life.now + Micros::from_millis(50);
                life.bench.flash.pass(Micros::from_millis(50));
                let _fails_when_the_power_goes = life.step(Input::Tick);
            }
            survived |= life.bench.flash.is_powered();
            let context = format!("step {step} {how:?} {rtc}");
            let (mut life, _) = Life::begin(life.bench.revived(), rtc.then(|| end.plus(300)));
            life.associate().expect("a good step");
            if !rtc {
                let time = date_time("07EA070103 0C1400 00 FF88 80");
                assert_eq!(life.put(8, CLOCK, 2, &time), 0, "{context}");
            }
            life.wait_until(end.plus(310));
            for (journal, scheme) in [
                (JournalId::BillingProfile1, Scheme::First),
                (JournalId::BillingProfile2, Scheme::Second),
            ] {
                assert_eq!(billed(&life, journal), [end], "{context} {journal:?}");
                assert_eq!(life.meter.model().billing(scheme).number(), 1, "{context} {journal:?}");
                assert_eq!(
                    life.meter.model().billing(scheme).closed(),
                    Some(end),
                    "{context} {journal:?}"
                );
            }
            cuts += 1;
        }
        if survived {
            break;
        }
    }
    assert!(20 < cuts, "{cuts}");
}

/// T1, class 8: the methods that adjust and shift, and that nothing moves when they are refused.
#[test]
fn the_clock_is_adjusted_and_shifted_by_its_methods() {
    let mut life = begin(utc(2026, 7, 1, 10, 13, 50));
    let now = |life: &Life| life.meter.model().utc();
    let put = |life: &mut Life, hour, minute, second| {
        life.step(Input::Time(utc(2026, 7, 1, hour, minute, second)))
            .expect("a good step");
    };
    for (method, at, to) in [
        (1, (10, 7, 29), (10, 0, 0)),
        (1, (10, 7, 30), (10, 15, 0)),
        (2, (10, 52, 30), (11, 0, 0)),
        (3, (10, 7, 29), (10, 7, 0)),
        (3, (10, 7, 30), (10, 8, 0)),
    ] {
        put(&mut life, at.0, at.1, at.2);
        assert_eq!(life.invoke(8, CLOCK, method, INTEGER_0), 0);
        assert_eq!(now(&life), utc(2026, 7, 1, to.0, to.1, to.2), "{method} at {at:?}");
    }
    put(&mut life, 10, 0, 0);
    let events = codes(&life).len();
    for (shift, answer, seconds) in [
        ("10 0384", 0, 900),
        ("10 FC7C", 0, -900),
        ("10 0385", 250, 0),
        ("10 FC7B", 250, 0),
        ("10 0003", 0, 3),
    ] {
        let before = now(&life);
        assert_eq!(life.invoke(8, CLOCK, 6, &hex(shift)), answer, "{shift}");
        assert_eq!(now(&life), before.plus(seconds), "{shift}");
    }
    assert_eq!(codes(&life)[events..], [4, 5, 4, 5], "the shift by 3 s is a correction");
    assert_eq!(life.put(7, "1-0:99.1.0", 4, &hex("06 00000000")), 0);
    assert_eq!(life.invoke(8, CLOCK, 2, INTEGER_0), 250, "there is no measuring period");
    // With a limit of nothing each second is an event.
    assert_eq!(life.put(3, "1-0:0.9.11", 2, &hex("12 0000")), 0);
    let events = codes(&life).len();
    assert_eq!(life.invoke(8, CLOCK, 6, &hex("10 0001")), 0);
    assert_eq!(codes(&life)[events..], [4, 5]);
}

/// M6: one minute as a block, five minutes sliding over three, least and greatest value, their times and tariffs, as a client reads them.
#[test]
fn minutes_and_sliding_periods_are_read_with_their_minimum() {
    let mut life = begin(utc(2026, 7, 1, 9, 59, 25));
    for (name, period, number) in [("1-0:1.4.0", 60_u32, 1_u16), ("1-0:9.4.0", 300, 3)] {
        assert_eq!(life.put(5, name, 9, &[&[0x12][..], &number.to_be_bytes()].concat()), 0);
        assert_eq!(life.put(5, name, 8, &[&[6][..], &period.to_be_bytes()].concat()), 0);
    }
    for period in [0_u32, 59, 61, 120, 7_200] {
        assert_eq!(
            life.put(5, "1-0:1.4.0", 8, &[&[6][..], &period.to_be_bytes()].concat()),
            250
        );
    }
    life.wait_until(utc(2026, 7, 1, 10, 0, 0));
    // 3 x 2 kW in the first five minutes but for the third, 3 x 6 kW in the next, nothing in the last.
    for (minute, watts) in [2, 2, 1, 2, 2, 6, 6, 6, 6, 6, 0, 0, 0, 0, 0].into_iter().enumerate() {
        for _ in 0..300 {
            life.measure(1_000 * watts).expect("a good step");
        }
        let last = life.meter.model().demand.average(0).expect("there are seven").last();
        let end = utc(2026, 7, 1, 10, 0, 0).plus(60 * (1 + i64::try_from(minute).expect("small")));
        assert_eq!(
            (i64::from(last.value), last.at(), last.status),
            (3_000 * watts, Some(end), 0)
        );
        if minute == 4 {
            assert_eq!(
                life.fetch(4, "1-0:1.3.0", 2),
                Ok(hex("06 00000BB8")),
                "the least is 3 kW"
            );
        }
    }
    // 10 A flow in each of the three phases all the time: (6.9 + 18 + 6.9) / 3 kVA
    assert_eq!(life.fetch(5, "1-0:9.4.0", 3), Ok(hex("06 00002968")));
    assert_eq!(life.fetch(4, "1-0:9.5.0", 2), Ok(hex("06 00002968")));
    assert_eq!(life.fetch(4, "1-0:1.6.1", 2), Ok(hex("06 00004650")));
    assert_eq!(
        life.fetch(4, "1-0:1.6.1", 5),
        Ok(date_time("07EA070103 0C0600 00 FF88 80"))
    );
    assert_eq!(life.fetch(4, "1-0:1.3.0", 2), Ok(hex("06 00000000")));
    assert_eq!(
        life.fetch(4, "1-0:1.3.0", 5),
        Ok(date_time("07EA070103 0C0B00 00 FF88 80"))
    );
}

/// L2: a clock that stays without time is said once, over power cuts too, until it has a time again and loses it anew.
#[test]
fn a_clock_that_stays_invalid_is_said_once() {
    let said = |life: &Life| codes(life).iter().filter(|code| **code == 6).count();
    let life = begin(utc(2026, 7, 1, 10, 0, 0));
    let life = without_power(life, None);
    assert_eq!(said(&life), 1);
    let mut life = without_power(life, None);
    assert_eq!(said(&life), 1, "its cause persists");
    life.step(Input::Time(utc(2026, 7, 2, 10, 0, 0))).expect("a good step");
    let life = without_power(life, None);
    assert_eq!(said(&life), 2);
    let life = without_power(life, Some(utc(2026, 7, 3, 10, 0, 0)));
    let life = without_power(life, None);
    assert_eq!(said(&life), 3, "between, the board knew the time");
}

/// L1: a critical error marks the rows of the periods that it falls in, and no later ones, though the register keeps its bit.
#[test]
fn a_critical_error_marks_the_rows_of_its_period() {
    let mut life = begin(utc(2026, 7, 1, 10, 10, 0));
    life.wait_until(utc(2026, 7, 1, 10, 16, 0));
    life.step(Input::Trouble(Trouble::Measurement)).expect("a good step");
    life.wait_until(utc(2026, 7, 1, 10, 46, 0));
    life.step(Input::Trouble(Trouble::Measurement)).expect("a good step");
    life.wait_until(utc(2026, 7, 1, 11, 1, 0));
    let found: Vec<u8> = life
        .rows_of(JournalId::LoadProfile1)
        .iter()
        .map(|(_, row)| row[15])
        .collect();
    let error = status::CRITICAL_ERROR | status::DATA_NOT_VALID;
    let summer = status::DAYLIGHT_SAVING;
    let first = summer | status::DATA_NOT_VALID;
    assert_eq!(found, [first, summer | error, summer, summer | error]);
    assert_eq!(codes(&life).iter().filter(|code| **code == 16).count(), 1, "one event");
}

/// M3: a thermometer that fails is the event and the bit of the measuring system; the values stay good, so no row is marked.
#[test]
fn a_thermometer_that_fails_is_said_and_marks_no_row() {
    let mut life = begin(utc(2026, 7, 1, 10, 10, 0));
    life.wait_until(utc(2026, 7, 1, 10, 16, 0));
    for _ in 0..3 {
        life.step(Input::Trouble(Trouble::Thermometer)).expect("a good step");
    }
    life.wait_until(utc(2026, 7, 1, 10, 31, 0));
    let rows = life.rows_of(JournalId::LoadProfile1);
    let (_, last) = rows.last().expect("a row");
    assert_eq!(last[15], status::DAYLIGHT_SAVING);
    let register = life.meter.model().error_register;
    assert_ne!(register & crate::error_bit::MEASUREMENT_SYSTEM, 0, "{register:08x}");
    assert_eq!(codes(&life).iter().filter(|code| **code == 16).count(), 1, "one event");
}

/// L2: filters of logs and alarms outlive a power cut, and what a filter leaves out raises its alarm nevertheless.
#[test]
fn filters_outlive_a_power_cut() {
    let mut life = begin(utc(2026, 7, 1, 10, 0, 0));
    let mut filter = [0xFF; 32];
    filter[44 / 8] &= !(0x80 >> (44 % 8));
    let filter = [&[9, 32][..], &filter].concat();
    assert_eq!(life.put(1, "0-0:96.11.161", 2, &filter), 0);
    assert_eq!(life.put(1, "0-0:97.98.11", 2, &hex("06 00000000")), 0);
    assert_eq!(life.put(1, "0-0:97.98.1", 2, &hex("06 00000000")), 0);
    let mut life = without_power(life, Some(utc(2026, 7, 1, 10, 5, 0)));
    assert_eq!(life.fetch(1, "0-0:96.11.161", 2), Ok(filter));
    life.step(Input::Contact(Contact::MeterCover { open: true }))
        .expect("a good step");
    assert!(!life.log(JournalId::FraudLog).contains(&44));
    assert_eq!(life.read(1, "0-0:97.98.0", 2), hex("06 00002000"));
    assert_eq!(
        life.read(1, "0-0:97.98.1", 2),
        hex("06 00000000"),
        "power down and up are filtered"
    );
}
