//! Demand, calendar and billing through the interface: what clients set, read and see in the rows (M6, T2, B1, B2, T1).

extern crate std;

use std::string::String;
use std::vec::Vec;
use std::{format, println};

use base::{Civil, Micros, Utc};
use cosem::Obis;
use metrology::{Element, Quantity, Tariff};

use super::{Bench, Life, hex, start};
use crate::activation::{ENERGIES, MAXIMA};
use crate::billing::Scheme;
use crate::calendar::tests::Written;
use crate::objects::DIRECTORY;
use crate::profile::JournalId;
use crate::{Contact, Fault, Input};

/// Instants of a meter's life are far apart here: nothing but time passes, with a window of a watt-second each time.
impl Life {
    /// Lets time pass up to `utc`, as the meter's own deadlines ask for it.
    pub(super) fn wait_until(&mut self, utc: Utc) {
        let clock = &self.meter.model().clock;
        let end = clock.instant_of(utc).expect("it is to come");
        while self.now < end {
            let due = self.meter.deadline().max(self.now + Micros::from_millis(10));
            self.now = due.min(end);
            let passed = Micros::from_millis(50);
            self.bench.flash.pass(passed);
            self.step(Input::Tick).expect("a good step");
        }
    }

    fn utc(&self) -> Utc {
        self.meter.model().clock.utc(self.now)
    }

    /// GET of an attribute of any length, in blocks.
    pub(super) fn fetch(&mut self, class_id: u16, name: &str, index: u8) -> Result<Vec<u8>, u8> {
        let mut answer = self.ask(&[&[0xC0, 1, 0xC1][..], &descriptor(class_id, name, index), &[0]].concat());
        let mut value = Vec::new();
        loop {
            match answer.get(..2) {
                Some([0xC4, 1]) if answer[3] == 0 => return Ok(answer.split_off(4)),
                Some([0xC4, 1]) => return Err(answer[4]),
                Some([0xC4, 2]) => {
                    let (last, block) = (answer[3], &answer[4..8]);
                    if answer[8] != 0 {
                        return Err(answer[9]);
                    }
                    let head = match answer[9] {
                        0x82 => 12,
                        0x81 => 11,
                        _ => 10,
                    };
                    value.extend_from_slice(&answer[head..]);
                    if last != 0 {
                        return Ok(value);
                    }
                    answer = self.ask(&[&[0xC0, 2, 0xC1], block].concat());
                }
                _ => panic!("{answer:02X?}"),
            }
        }
    }

    fn ask(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.bench.flash.pass(Micros::from_millis(50));
        let answer = self.talk(apdu).expect("a good step");
        self.step(Input::Tick).expect("a good step");
        answer
    }

    /// SET of an attribute of any length, in blocks of 500 octets; answers the result.
    pub(super) fn put(&mut self, class_id: u16, name: &str, index: u8, value: &[u8]) -> u8 {
        if value.len() < 500 {
            let answer = self.ask(&[&[0xC1, 1, 0xC1][..], &descriptor(class_id, name, index), &[0], value].concat());
            return answer[3];
        }
        let blocks: Vec<&[u8]> = value.chunks(500).collect();
        for (number, block) in (1_u32..).zip(&blocks) {
            let last = u8::from(blocks.len() == number as usize);
            let mut apdu = if number == 1 {
                [&[0xC1, 2, 0xC1][..], &descriptor(class_id, name, index), &[0]].concat()
            } else {
                [0xC1, 3, 0xC1].to_vec()
            };
            apdu.push(last);
            apdu.extend(number.to_be_bytes());
            apdu.extend([0x82]);
            apdu.extend(u16::try_from(block.len()).expect("small").to_be_bytes());
            apdu.extend_from_slice(block);
            let answer = self.ask(&apdu);
            match answer[1] {
                2 => {}
                _ => return answer[3],
            }
        }
        panic!("no last answer")
    }

    /// ACTION; answers the result.
    pub(super) fn invoke(&mut self, class_id: u16, name: &str, index: u8, parameters: &[u8]) -> u8 {
        let answer = self.ask(
            &[
                &[0xC3, 1, 0xC1][..],
                &descriptor(class_id, name, index),
                &[1],
                parameters,
            ]
            .concat(),
        );
        answer[3]
    }

    fn word(&mut self, class_id: u16, name: &str, index: u8) -> u32 {
        match self.fetch(class_id, name, index).expect("it is there").as_slice() {
            [6, rest @ ..] => u32::from_be_bytes(rest.try_into().expect("4 octets")),
            other => panic!("{name}: {other:02X?}"),
        }
    }

    fn billed(&self, journal: JournalId) -> Vec<Utc> {
        let mut stamps = Vec::new();
        self.meter
            .visit_rows(&self.bench.flash, journal, 0, &mut |utc, _| stamps.push(utc))
            .expect("the flash can be read");
        stamps
    }
}

pub(super) fn descriptor(class_id: u16, name: &str, index: u8) -> Vec<u8> {
    let mut octets = class_id.to_be_bytes().to_vec();
    octets.extend(Obis::new(name).octets());
    octets.push(index);
    octets
}

pub(super) fn utc(year: u16, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Utc {
    Civil::new(year, month, day, hour, minute, second)
        .expect("the calendar has it")
        .utc()
}

pub(super) fn begin(at: Utc) -> Life {
    let (mut life, _) = Life::begin(Bench::new(), Some(at));
    life.wait_until(at.plus(30)); // journals are laid out
    life.associate().expect("a good step");
    life
}

/// An octet-string of a date-time in Central European time: winter or summer by its deviation.
pub(super) fn date_time(text: &str) -> Vec<u8> {
    [hex("090C"), hex(text)].concat()
}

pub(super) const INTEGER_0: &[u8] = &[0x0F, 0];

/// T2: a calendar that is full in every part is written over DLMS, read back octet by octet, activated, and followed; what it says is in the
/// registers: the tariffs add up to the total. It outlives a power cut.
#[test]
fn a_full_calendar_is_written_read_back_activated_and_followed() {
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    let written = Written::full(11);
    assert_eq!(life.put(20, "0-0:13.0.0", 6, &hex("0904 66756C6C")), 0);
    assert_eq!(life.put(20, "0-0:13.0.0", 7, &written.seasons()), 0);
    assert_eq!(life.put(20, "0-0:13.0.0", 8, &written.weeks()), 0);
    assert_eq!(life.put(20, "0-0:13.0.0", 9, &written.day_table()), 0);
    assert_eq!(life.put(11, "0-0:11.0.0", 2, &written.special_days()), 0);
    println!("day table: {} octets", written.day_table().len());
    assert_eq!(life.fetch(20, "0-0:13.0.0", 7), Ok(written.seasons()));
    assert_eq!(life.fetch(20, "0-0:13.0.0", 8), Ok(written.weeks()));
    assert!(life.fetch(20, "0-0:13.0.0", 9) == Ok(written.day_table()));
    assert_eq!(life.fetch(11, "0-0:11.0.0", 2), Ok(written.special_days()));
    assert_eq!(
        life.fetch(20, "0-0:13.0.0", 5),
        Ok(hex("0100")),
        "nothing is active yet"
    );
    assert_eq!(life.invoke(20, "0-0:13.0.0", 1, INTEGER_0), 0);
    assert!(life.fetch(20, "0-0:13.0.0", 5) == Ok(written.day_table()));
    assert_eq!(life.fetch(20, "0-0:13.0.0", 2), Ok(hex("0904 66756C6C")));
    assert!(life.log(JournalId::StandardLog).ends_with(&[9]));

    let follow = |life: &mut Life, hours: i64| {
        let from = life.utc();
        let mut seen = std::collections::BTreeSet::new();
        for minute in 1..=60 * hours {
            life.wait_until(from.plus(60 * minute));
            life.measure(6_000).expect("a good step");
            let it = life.meter.model();
            let local = it.clock.local(it.utc());
            let date = (
                i32::from(local.year()),
                i32::from(local.month()),
                i32::from(local.day()),
            );
            let second = u32::from(local.hour()) * 3_600 + u32::from(local.minute()) * 60 + u32::from(local.second());
            let expected = written.tariff_at(date, second);
            assert_eq!(it.tariffs.energy().number(), expected, "{local}");
            assert_eq!(it.tariffs.demand().number(), expected, "{local}");
            seen.insert(expected);
            for quantity in [
                Quantity::ActiveImport,
                Quantity::ApparentImport,
                Quantity::ActiveAbsolute,
            ] {
                let sum: i64 = Tariff::all()
                    .map(|tariff| it.registers.tariff_value(quantity, Element::Total, tariff))
                    .sum();
                assert_eq!(sum, it.registers.value(quantity, Element::Total));
            }
        }
        seen.len()
    };
    assert!(4 < follow(&mut life, 26));
    let at = life.utc();
    let (mut life, report) = Life::begin(life.bench.revived(), Some(at.plus(3_600)));
    assert!(!report.has_loss(), "{report:?}");
    life.associate().expect("a good step");
    follow(&mut life, 3);
    assert!(life.fetch(20, "0-0:13.0.0", 5) == Ok(written.day_table()));
    assert!(life.fetch(20, "0-0:13.0.0", 9) == Ok(written.day_table()));
}

/// T2: a passive calendar that is broken never becomes active, neither by command nor by its time; an event says so and the old one stays.
/// The next good one does, at its time.
#[test]
fn a_broken_passive_calendar_never_becomes_active() {
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    let good = Written::full(11);
    for (index, value) in [(7, good.seasons()), (8, good.weeks()), (9, good.day_table())] {
        assert_eq!(life.put(20, "0-0:13.0.0", index, &value), 0);
    }
    assert_eq!(life.invoke(20, "0-0:13.0.0", 1, INTEGER_0), 0);
    let mut broken = Written::full(12);
    broken.weeks[2].1[3] = 99;
    assert_eq!(life.put(20, "0-0:13.0.0", 8, &broken.weeks()), 0);
    assert_eq!(life.invoke(20, "0-0:13.0.0", 1, INTEGER_0), 250);
    assert!(life.log(JournalId::StandardLog).ends_with(&[200]));
    assert_eq!(life.fetch(20, "0-0:13.0.0", 4), Ok(good.weeks()));

    // by time: 12:20 of local summer time is 10:20 UTC
    assert_eq!(
        life.put(20, "0-0:13.0.0", 10, &date_time("07EA0701FF 0C1400FF 8000 FF")),
        0
    );
    let before = life.log(JournalId::StandardLog).len();
    life.wait_until(utc(2026, 7, 1, 10, 21, 0));
    assert_eq!(life.log(JournalId::StandardLog)[before..], [200]);
    assert_eq!(life.fetch(20, "0-0:13.0.0", 4), Ok(good.weeks()));
    assert_eq!(
        life.fetch(20, "0-0:13.0.0", 10),
        Ok(date_time("FFFFFFFFFF FFFFFFFF 8000 FF"))
    );

    let other = Written::full(12);
    for (index, value) in [(7, other.seasons()), (8, other.weeks()), (9, other.day_table())] {
        assert_eq!(life.put(20, "0-0:13.0.0", index, &value), 0);
    }
    assert!(
        life.fetch(20, "0-0:13.0.0", 5) == Ok(good.day_table()),
        "the active one is untouched"
    );
    assert_eq!(
        life.put(20, "0-0:13.0.0", 10, &date_time("07EA0701FF 0C1E00FF 8000 FF")),
        0
    );
    life.wait_until(utc(2026, 7, 1, 10, 29, 59));
    assert_eq!(life.fetch(20, "0-0:13.0.0", 4), Ok(good.weeks()));
    life.wait_until(utc(2026, 7, 1, 10, 30, 0));
    assert_eq!(life.fetch(20, "0-0:13.0.0", 4), Ok(other.weeks()));
    assert!(life.fetch(20, "0-0:13.0.0", 5) == Ok(other.day_table()));
    assert!(life.log(JournalId::StandardLog).ends_with(&[9]));

    // refused whole: the ninth tariff, a season with 13 months, the active calendar itself
    let mut ninth = Written::full(12);
    ninth.days[3].1[5].1 = 9;
    assert_eq!(life.put(20, "0-0:13.0.0", 9, &ninth.day_table()), 250);
    assert!(life.fetch(20, "0-0:13.0.0", 9) == Ok(other.day_table()));
    let mut month = Written::full(12);
    month.seasons[3].1 = 13;
    assert_eq!(life.put(20, "0-0:13.0.0", 7, &month.seasons()), 250);
    assert_eq!(life.put(20, "0-0:13.0.0", 3, &good.seasons()), 3);
    assert_eq!(life.put(20, "0-0:13.0.0", 7, &[0x11, 1]), 12);
    // a special day of an unknown type, and methods of the table
    assert_eq!(
        life.invoke(11, "0-0:11.0.0", 1, &hex("0203 120001 0905FFFF0C19FF 1163")),
        250
    );
    assert_eq!(
        life.invoke(11, "0-0:11.0.0", 1, &hex("0203 120001 0905FFFF0C19FF 1101")),
        0
    );
    assert_eq!(
        life.fetch(11, "0-0:11.0.0", 2),
        Ok(hex("0101 0203 120001 0905FFFF0C19FF 1101"))
    );
    assert_eq!(life.invoke(11, "0-0:11.0.0", 2, &hex("120002")), 250);
    assert_eq!(life.invoke(11, "0-0:11.0.0", 2, &hex("120001")), 0);
}

/// T2: the input, the default and the emergency tariff, and a mask by hand.
#[test]
fn tariffs_come_from_the_input_by_hand_and_in_an_emergency() {
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    let energy = |life: &mut Life| life.fetch(1, "0-0:96.14.0", 2).expect("it is there");
    assert_eq!(life.put(1, "0-0:128.14.0", 2, &[0x11, 3]), 0);
    assert_eq!(energy(&mut life), *b"\x09\x040003");
    assert_eq!(life.put(1, "0-0:128.14.2", 2, &[0x11, 1]), 0);
    let input = Contact::TariffInput(Tariff::new(6).expect("1 to 8"));
    life.step(Input::Contact(input)).expect("a good step");
    assert_eq!(energy(&mut life), *b"\x09\x040006");
    assert_eq!(life.fetch(6, "0-0:14.0.2", 4), Ok(hex("0901 06")));
    assert_eq!(life.invoke(9, "0-0:10.0.100", 1, &hex("120008")), 0);
    assert_eq!(energy(&mut life), *b"\x09\x040008");
    assert_eq!(life.invoke(9, "0-0:10.0.100", 1, &hex("120009")), 250);
    assert_eq!(life.put(6, "0-0:14.0.1", 4, &hex("0901 02")), 0);
    assert_eq!(energy(&mut life), *b"\x09\x040002");
    assert_eq!(life.put(6, "0-0:14.0.1", 4, &hex("0901 09")), 250);
    assert_eq!(life.put(1, "0-0:128.14.1", 2, &[0x11, 7]), 0);
    assert_eq!(life.put(1, "0-0:128.14.1", 2, &[0x11, 0]), 250);
    let (mut life, _) = Life::begin(life.bench.revived(), None);
    life.associate().expect("a good step");
    assert_eq!(energy(&mut life), *b"\x09\x040007", "nobody knows the time");
}

/// T2: over a power cut the meter counts under the tariff that the contacts asked for last, until the board tells it anew; images of older
/// firmware, which did not say it, too.
#[test]
fn the_input_counts_on_after_a_power_cut() {
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    assert_eq!(life.put(1, "0-0:128.14.2", 2, &[0x11, 1]), 0);
    let tariff = |number: u8| Tariff::new(number).expect("1 to 8");
    life.step(Input::Contact(Contact::TariffInput(tariff(5))))
        .expect("a good step");
    // By hand another one holds, and a change of the input ends that: the decision is the input's, not what is counted under.
    assert_eq!(life.invoke(9, "0-0:10.0.100", 1, &hex("120008")), 0);
    life.step(Input::PowerFailing).expect("a good farewell");
    let (mut life, _) = Life::begin(life.bench.revived(), Some(utc(2026, 7, 1, 10, 20, 0)));
    let counted = |life: &Life| life.meter.model().tariffs.energy().number();
    assert_eq!((counted(&life), life.meter.model().tariffs.input()), (8, tariff(5)));
    life.wait_until(utc(2026, 7, 1, 11, 0, 0));
    assert_eq!(counted(&life), 8);
    life.step(Input::Contact(Contact::TariffInput(tariff(5))))
        .expect("a good step");
    assert_eq!(counted(&life), 8);
    life.step(Input::Contact(Contact::TariffInput(tariff(4))))
        .expect("a good step");
    assert_eq!(counted(&life), 4);
    let [energy, demand, decided, _] = life.meter.model().tariffs.state();
    let mut old = crate::tariff::Tariffs::new();
    old.restore_state([energy, demand, decided], None);
    assert_eq!((old.energy(), old.input()), (tariff(4), tariff(4)));
}

/// L2: a day table, the longest of all parameters, stands in the log of parameter changes with the digests of its A-XDR, as the others do.
#[test]
fn a_day_table_stands_in_the_log_of_parameter_changes() {
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    let (first, second) = (Written::full(5), Written::full(3));
    assert_ne!(first.day_table(), second.day_table());
    for table in [first.day_table(), second.day_table()] {
        assert_eq!(life.put(20, "0-0:13.0.0", 9, &table), 0);
        let next = life.utc().plus(10);
        life.wait_until(next);
    }
    let digest = |value: &[u8]| [&[6][..], &crate::capture::fnv_1a(value.iter().copied()).to_be_bytes()].concat();
    let row = |old: &[u8], new: &[u8]| {
        let who_and_what = hex("11 01 0203 120014 090600000D0000FF 0F09");
        [who_and_what, digest(old), digest(new)].concat()
    };
    let rows = life.rows_of(JournalId::ParameterChangeLog);
    assert_eq!(
        rows.iter().map(|(_, row)| row[14..].to_vec()).collect::<Vec<_>>(),
        [
            row(&[1, 0], &first.day_table()),
            row(&first.day_table(), &second.day_table())
        ]
    );
}

/// M6: demands over DLMS, at the boundary, with the time of the maximum, in the tariff; settings are kept.
#[test]
fn demands_are_read_as_they_were() {
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    life.wait_until(utc(2026, 7, 1, 10, 15, 0));
    // 3 x 6 kW for 50 of 900 seconds: 1 kW
    for _ in 0..250 {
        life.measure(6_000).expect("a good step");
    }
    assert_eq!(life.word(5, "1-0:1.4.0", 2), 1_000);
    assert_eq!(life.word(5, "1-0:1.4.0", 3), 0);
    assert_eq!(
        life.fetch(5, "1-0:1.4.0", 7),
        Ok(date_time("07EA070103 0C0F0000 FF88 80"))
    );
    life.wait_until(utc(2026, 7, 1, 10, 30, 0));
    assert_eq!([life.word(5, "1-0:1.4.0", 2), life.word(5, "1-0:1.4.0", 3)], [0, 1_000]);
    for (name, value) in [
        ("1-0:1.6.0", 1_000),
        ("1-0:1.6.1", 1_000),
        ("1-0:1.6.2", 0),
        ("1-0:2.6.0", 0),
        ("1-0:9.6.0", 1_000),
    ] {
        assert_eq!(life.word(4, name, 2), value, "{name}");
    }
    assert_eq!(
        life.fetch(4, "1-0:1.6.1", 5),
        Ok(date_time("07EA070103 0C1E0000 FF88 80"))
    );
    assert_eq!(
        life.fetch(4, "1-0:1.6.2", 5),
        Ok(date_time("FFFFFFFFFF FFFFFFFF 8000 FF"))
    );
    assert_eq!(life.put(5, "1-0:1.4.0", 8, &hex("06 0000003C")), 0);
    assert_eq!(life.put(5, "1-0:1.4.0", 9, &hex("12 000F")), 0);
    assert_eq!(life.put(5, "1-0:1.4.0", 9, &hex("12 0010")), 250);
    assert_eq!(life.put(5, "1-0:1.4.0", 8, &hex("06 00000384")), 250, "15 x 15 minutes");
    let at = life.utc();
    life.step(Input::PowerFailing).expect("a good farewell");
    let (mut life, _) = Life::begin(life.bench.revived(), Some(at.plus(5)));
    life.associate().expect("a good step");
    assert_eq!(
        [life.word(5, "1-0:1.4.0", 8), life.word(4, "1-0:1.6.1", 2)],
        [60, 1_000]
    );
    assert_eq!(life.fetch(5, "1-0:1.4.0", 9), Ok(hex("12 000F")));
    assert_eq!(life.invoke(4, "1-0:1.6.1", 1, INTEGER_0), 0);
    assert_eq!([life.word(4, "1-0:1.6.1", 2), life.word(3, "1-0:1.2.1", 2)], [0, 1_000]);
}

/// B1: a period ends by schedule with a row that shows the maxima, which then begin anew; by script, by capture and by the button only when
/// none was closed just now. B2: fraud makes a row of profile 2 and resets nothing.
#[test]
fn billing_periods_are_closed_once_by_schedule_hand_and_fraud() {
    let mut life = begin(utc(2026, 7, 31, 21, 50, 0));
    life.wait_until(utc(2026, 7, 31, 22, 0, 0).plus(-60));
    for _ in 0..250 {
        life.measure(6_000).expect("a good step");
    }
    life.wait_until(utc(2026, 7, 31, 22, 0, 1));
    assert_eq!(life.billed(JournalId::BillingProfile1), [utc(2026, 7, 31, 22, 0, 0)]);
    let rows = life.fetch(7, "0-0:98.1.0", 2).expect("it is there");
    // clock, status, 250 Wh of A+ total and tariff 1: 3 x 6 kW for 50 s
    assert_eq!(rows[..2], [1, 1]);
    assert_eq!(rows[4..18], date_time("07EA080106 00000000 FF88 80"));
    assert_eq!(rows[20..30], hex("06 000000FA 06 000000FA"));
    let maximum = rows.windows(5).filter(|it| *it == hex("06 000003E8")).count();
    assert!(
        2 <= maximum,
        "the maximum of 1 kW is in the row, total and tariff 1: {rows:02X?}"
    );
    assert_eq!([life.word(4, "1-0:1.6.0", 2), life.word(3, "1-0:1.2.0", 2)], [0, 1_000]);
    assert_eq!(life.word(1, "1-0:0.1.0", 2), 1);
    assert_eq!(
        life.fetch(1, "1-0:0.1.2", 2),
        Ok(date_time("07EA080106 00000000 FF88 80"))
    );

    assert_eq!(life.invoke(9, "0-0:10.0.1", 1, &hex("120001")), 2, "locked out");
    life.step(Input::Contact(Contact::BillingButton)).expect("a good step");
    assert_eq!(life.billed(JournalId::BillingProfile1).len(), 1);
    life.wait_until(utc(2026, 7, 31, 22, 1, 0));
    assert_eq!(life.invoke(9, "0-0:10.0.1", 1, &hex("120001")), 0);
    assert_eq!(life.invoke(7, "0-0:98.1.0", 2, INTEGER_0), 2, "locked out again");
    assert_eq!(life.put(3, "1-0:0.9.12", 2, &hex("12 0000")), 0);
    assert_eq!(life.invoke(7, "0-0:98.1.0", 2, INTEGER_0), 0);
    life.step(Input::Contact(Contact::BillingButton)).expect("a good step");
    assert_eq!(life.word(1, "1-0:0.1.0", 2), 4);
    let events = life.log(JournalId::StandardLog);
    assert_eq!(events.iter().filter(|code| **code == 21).count(), 3);

    let before = life.word(4, "1-0:2.6.0", 2);
    life.step(Input::Contact(Contact::MeterCover { open: true }))
        .expect("a good step");
    assert_eq!(life.billed(JournalId::BillingProfile2).len(), 1);
    assert_eq!(
        [life.word(1, "1-0:0.1.0", 2), life.word(4, "1-0:2.6.0", 2)],
        [4, before]
    );
    assert_eq!(life.word(1, "1-0:0.1.3", 2), 1);

    // weekly, on Mondays at 06:00 of local time, kept over a cut
    assert_eq!(
        life.put(22, "0-0:15.0.0", 4, &hex("0101 0202 0904 06000000 0905 FFFFFFFF01")),
        0
    );
    assert_eq!(
        life.put(22, "0-0:15.0.0", 4, &hex("0101 0202 0904 18000000 0905 FFFFFFFF01")),
        250
    );
    let at = life.utc();
    let (mut life, _) = Life::begin(life.bench.revived(), Some(at));
    life.wait_until(utc(2026, 8, 3, 4, 0, 1));
    assert_eq!(
        life.billed(JournalId::BillingProfile1).last(),
        Some(&utc(2026, 8, 3, 4, 0, 0))
    );
}

/// B1: a power cut at the very end of a period, or over months, leaves every end with exactly one row.
#[test]
fn ends_without_power_are_closed_when_it_returns_and_none_twice() {
    let mut life = begin(utc(2026, 1, 31, 22, 50, 0));
    life.measure(6_000).expect("a good step");
    life.step(Input::PowerFailing).expect("a good farewell");
    let (mut life, _) = Life::begin(life.bench.revived(), Some(utc(2026, 4, 3, 0, 0, 0)));
    for _ in 0..5 {
        life.measure(0).expect("a good step");
    }
    let ends = [
        utc(2026, 1, 31, 23, 0, 0),
        utc(2026, 2, 28, 23, 0, 0),
        utc(2026, 3, 31, 22, 0, 0),
    ];
    assert_eq!(life.billed(JournalId::BillingProfile1), ends);
    assert_eq!(life.meter.model().billing(Scheme::First).number(), 3);

    // The row is written and the power goes before anything else is saved.
    life.wait_until(utc(2026, 4, 30, 21, 59, 59));
    let mut tries = 0;
    for pulled_after in 0..6 {
        let at = life.utc();
        let (mut next, _) = Life::begin(life.bench.revived(), Some(at));
        for _ in 0..pulled_after {
            next.now = next.now + Micros::from_millis(400);
            next.step(Input::Tick).expect("a good step");
        }
        tries += 1;
        life = next;
    }
    life.wait_until(utc(2026, 4, 30, 22, 0, 5));
    let rows = life.billed(JournalId::BillingProfile1);
    assert_eq!(rows[3..], [utc(2026, 4, 30, 22, 0, 0)], "{tries} cuts");
    assert_eq!(life.meter.model().billing(Scheme::First).number(), 4);
}

/// T1: a time that was preset is set by the short command, once, inside its interval only; the object says who set the clock.
#[test]
fn a_preset_time_is_set_on_command() {
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    assert_eq!(life.invoke(8, "0-0:1.0.0", 4, INTEGER_0), 250, "nothing is preset");
    assert_eq!(life.fetch(1, "0-0:96.2.13", 2), Ok(hex("12 0000")));
    let preset = |to: &str| -> Vec<u8> {
        let parts = ["07EA070103 0D0000 00 FF88 80", "07EA070103 0C0000 00 FF88 80", to];
        let times: Vec<u8> = parts.iter().flat_map(|it| date_time(it)).collect();
        [hex("0203"), times].concat()
    };
    assert_eq!(
        life.invoke(8, "0-0:1.0.0", 5, &preset("07EA070103 0B0000 00 FF88 80")),
        250,
        "ends before it begins"
    );
    assert_eq!(
        life.invoke(8, "0-0:1.0.0", 5, &preset("07EA070103 0C1400 00 FF88 80")),
        0
    );
    assert_eq!(life.invoke(8, "0-0:1.0.0", 4, INTEGER_0), 0);
    assert_eq!(life.utc(), utc(2026, 7, 1, 11, 0, 0));
    assert_eq!(life.invoke(8, "0-0:1.0.0", 4, INTEGER_0), 250, "once");
    assert_eq!(life.fetch(1, "0-0:96.2.13", 2), Ok(hex("12 0001")));
    assert_eq!(
        life.fetch(1, "0-0:96.2.12", 2),
        Ok(date_time("07EA070103 0D0000 00 FF88 80"))
    );
    life.step(Input::Time(start())).expect("a good step");
    assert_eq!(life.fetch(1, "0-0:96.2.13", 2), Ok(hex("12 FFFF")));
    assert_eq!(life.step(Input::Time(Utc::from_unix(0))), Err(Fault::Time));
}

/// C9: the lists are the client's by OBIS code, are kept, and the button leads from the rolling list to the manual one, the service mode and
/// back; nonsense is refused whole.
#[test]
fn the_lists_of_the_display_are_set_and_kept() {
    use crate::Press;
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    let column = |class: &str, name: &str, index: u8| format!("0204 12{class} 0906{name} 0F{index:02X} 120000");
    let list = |columns: &[String]| hex(&format!("01{:02X} {}", columns.len(), columns.concat()));
    let wanted = list(&[column("0004", "0100010600FF", 2), column("0003", "0100010801FF", 2)]);
    assert_eq!(life.put(7, "0-0:21.0.1", 3, &wanted), 0);
    for bad in [
        list(&[]),
        list(&[column("0003", "0100630801FF", 2)]),
        list(&[column("0003", "0100010801FF", 2), column("0003", "0100010801FF", 2)]),
        list(&vec_of(25, &column("0003", "0100010801FF", 2))),
    ] {
        assert_eq!(life.put(7, "0-0:21.0.1", 3, &bad), 250);
    }
    assert_eq!(life.put(7, "0-0:21.0.1", 3, &hex("1100")), 12);
    for _ in 0..250 {
        life.measure(6_000).expect("a good step");
    }
    life.step(Input::PowerFailing).expect("a good farewell");
    let (mut life, _) = Life::begin(life.bench.revived(), Some(utc(2026, 7, 1, 10, 29, 59)));
    life.wait_until(utc(2026, 7, 1, 10, 30, 6));
    let shown = |life: &Life| {
        let shown = life.meter.display(life.now);
        let name: String = shown.name.map(|name| format!("{name}")).unwrap_or_default();
        (name, String::from(shown.text.as_str()), shown.unit)
    };
    let mut pages = std::collections::BTreeSet::new();
    for _ in 0..3 {
        pages.insert(shown(&life));
        life.step(Input::Contact(Contact::Button(Press::Short)))
            .expect("a good step");
    }
    let text = |name: &str, text: &str, unit| (String::from(name), String::from(text), unit);
    // 250 Wh, of which 15 s fell before 10:15
    assert!(pages.contains(&text("1-0:1.8.1", "0.250", "kWh")), "{pages:?}");
    assert_eq!(pages.len(), 2);
    life.step(Input::Contact(Contact::Button(Press::Long)))
        .expect("a good step");
    assert_eq!(shown(&life).0, "0-0:96.1.0");
    life.step(Input::Contact(Contact::Button(Press::Long)))
        .expect("a good step");
    assert_eq!(shown(&life), text("0-0:97.97.0", "0", ""));
    life.step(Input::Contact(Contact::Button(Press::Short)))
        .expect("a good step");
    assert_eq!(shown(&life), text("0-0:96.7.21", "1", ""));
    life.step(Input::Contact(Contact::Button(Press::Long)))
        .expect("a good step");
    assert!(pages.contains(&shown(&life)));
}

/// C9, C5: a device on the M-Bus says what scaler it likes. Whatever it says is shown as the number that it is, or not as a number.
#[test]
fn a_value_of_any_scaler_is_shown_right_or_not_at_all() {
    use crate::mbus::{Reading, Source};
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    let list = hex("0101 0204 120004 09060001180201FF 0F02 120000");
    assert_eq!(life.put(7, "0-0:21.0.1", 3, &list), 0);
    let cubic_metres = 13;
    let watt_hours = 30;
    for (value, scaler, unit, text) in [
        (1_234, 0, cubic_metres, "1234"),
        (1_234, -3, cubic_metres, "1.234"),
        (1_234, 3, cubic_metres, "1234000"),
        (u32::MAX, 2, cubic_metres, "429496729500"),
        (1_234, -7, cubic_metres, "0.0001234"),
        (1_234, -11, cubic_metres, "0.000000012"),
        (1_234, i8::MIN, cubic_metres, "0.000000000"),
        (1_234, 16, cubic_metres, "--------"),
        (1_234, i8::MAX, cubic_metres, "--------"),
        (0, i8::MAX, cubic_metres, "0"),
        (1_234, 0, watt_hours, "1.234"),
        (1_234, 2, watt_hours, "123.4"),
        (1_234, 3, watt_hours, "1234"),
        (1_234, 5, watt_hours, "123400"),
    ] {
        let reading = Reading {
            value,
            scaler,
            unit,
            status: 0,
        };
        life.step(Input::MBus(Source::new(1, 1).expect("it is there"), reading))
            .expect("a good step");
        let shown = life.meter.display(life.now);
        assert_eq!(
            shown.text.as_str(),
            text,
            "{value} with scaler {scaler} and unit {unit}"
        );
    }
}

fn vec_of(count: usize, text: &str) -> Vec<String> {
    (0..count).map(|_| String::from(text)).collect()
}

/// T2: register activations are written, extended and cut by clients, keep their word over a power cut, and refuse what would count an energy
/// twice, never, or nowhere.
#[test]
fn register_activations_are_written_and_kept() {
    let mut life = begin(utc(2026, 7, 1, 10, 14, 0));
    let register =
        |class: u16, c: u8, d: u8, e: u8| hex(&format!("0202 12{class:04X} 090601 00{c:02X}{d:02X}{e:02X}FF"));
    let list = |parts: &[Vec<u8>]| {
        [
            &[1, u8::try_from(parts.len()).expect("a short list")][..],
            &parts.concat(),
        ]
        .concat()
    };
    let mask = |name: u8, places: &[u8]| {
        let octets: Vec<u8> = places.iter().flat_map(|place| [0x11, *place]).collect();
        [
            &[2, 2, 9, 1, name, 1, u8::try_from(places.len()).expect("a short list")][..],
            &octets,
        ]
        .concat()
    };
    for (name, class, d, groups) in [
        ("0-0:14.0.1", 3, 8, ENERGIES.groups),
        ("0-0:14.0.2", 4, 6, MAXIMA.groups),
    ] {
        let factory = life.fetch(6, name, 2).expect("it is there");
        assert_eq!(factory.get(..2), Some(&[1, 32][..]));
        // Refused, and nothing of it is taken over.
        let refused: [(u8, Vec<u8>); 12] = [
            (2, list(&[register(class, 99, d, 1)])),
            (2, list(&[register(class, 1, d, 9)])),
            (2, list(&[register(class, 1, d, 0)])),
            (2, list(&[register(7 - class, 1, d, 1)])),
            (
                2,
                [
                    &[1, 33][..],
                    &(0..33).flat_map(|_| register(class, 1, d, 1)).collect::<Vec<u8>>(),
                ]
                .concat(),
            ),
            // One that a mask names is missing.
            (2, list(&[register(class, 1, d, 1)])),
            (3, list(&[mask(1, &[1, 9]), mask(1, &[17])])),
            (3, list(&[mask(1, &[33])])),
            (3, list(&[mask(1, &[0])])),
            (3, list(&[mask(1, &[2])])),
            (3, list(&[mask(9, &[1])])),
            // That of the present tariff must stay.
            (3, list(&[mask(2, &[2])])),
        ];
        let masks = life.fetch(6, name, 3);
        for (attribute, value) in refused {
            assert_eq!(
                life.put(6, name, attribute, &value),
                250,
                "{name} {attribute} {value:02X?}"
            );
        }
        assert_eq!(life.put(6, name, 2, &hex("0101 0F00")), 12);
        assert_eq!(life.fetch(6, name, 2), Ok(factory));
        assert_eq!(life.fetch(6, name, 3), masks);

        // Masks of one register each, then a full assignment of the last four kinds of registers, and masks over it.
        assert_eq!(life.put(6, name, 3, &list(&[mask(1, &[1])])), 0);
        let last = groups.iter().rev().take(4);
        let mut parts: Vec<Vec<u8>> = last
            .flat_map(|(c, _)| (1..=8).rev().map(|e| register(class, *c, d, e)))
            .take(31)
            .collect();
        parts.insert(5, register(class, 1, d, 1));
        assert_eq!(life.put(6, name, 2, &list(&parts)), 0);
        assert_eq!(
            life.fetch(6, name, 3),
            Ok(list(&[mask(1, &[6])])),
            "the mask keeps its register"
        );
        assert_eq!(life.invoke(6, name, 1, &register(class, 2, d, 2)), 250, "it is full");
        parts.pop();
        assert_eq!(life.put(6, name, 2, &list(&parts)), 0);
        assert_eq!(life.invoke(6, name, 1, &parts[0]), 250, "it is there");
        assert_eq!(life.invoke(6, name, 1, &register(class, 2, d, 2)), 0);
        assert_eq!(life.invoke(6, name, 2, &mask(8, &[1, 10])), 0);
        assert_eq!(life.invoke(6, name, 2, &mask(8, &[1])), 250, "there is one");
        assert_eq!(life.invoke(6, name, 2, &mask(2, &[32])), 0);
        assert_eq!(life.put(6, name, 4, &hex("0901 03")), 250, "there is no such mask");
        assert_eq!(life.put(6, name, 4, &hex("0901 08")), 0);
        assert_eq!(life.invoke(6, name, 3, &hex("0901 08")), 250, "it is active");
        assert_eq!(life.invoke(6, name, 3, &hex("0901 03")), 250, "there is none");
        assert_eq!(life.invoke(6, name, 3, &hex("0901 01")), 0);
        let masks = list(&[mask(2, &[32]), mask(8, &[1, 10])]);
        assert_eq!(life.fetch(6, name, 3), Ok(masks));
    }
    let both =
        |life: &mut Life| ["0-0:14.0.1", "0-0:14.0.2"].map(|name| [2, 3].map(|index| life.fetch(6, name, index)));
    let before = both(&mut life);
    let (mut life, report) = Life::begin(life.bench.revived(), None);
    assert!(!report.has_loss());
    life.associate().expect("a good step");
    assert_eq!(both(&mut life), before);
}

/// Every register that an activation can list is an object of the meter, and every rated register can be listed.
#[test]
fn activations_know_the_registers_of_the_meter() {
    let life = begin(utc(2026, 7, 1, 10, 14, 0));
    let it = life.meter.model();
    for kind in [ENERGIES, MAXIMA] {
        for (c, e) in (0..=255).flat_map(|c| (1..=8).map(move |e| (c, e))) {
            let name = Obis::from_octets([1, 0, c, kind.d, e, 255]);
            let is_rated = DIRECTORY.find(it, kind.class_id, name).is_some() && 0 < c;
            let is_listed = kind.groups.iter().any(|(group, _)| *group == c);
            assert_eq!(is_rated, is_listed, "{name}");
        }
    }
}
