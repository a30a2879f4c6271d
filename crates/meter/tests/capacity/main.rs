//! L1, all capacities at once in one meter: eight profiles of quarter hours with a clock, a status and 8 columns of 32 bits each, filled,
//! wrapped, and read back by range and by entry through the server while capturing goes on; then ten years of days. Every row is compared
//! with a model of its own, which knows only what was measured.
//!
//! The 16 MB flash is filled for 410 days; the 4 MB flash for 60, in which its M-Bus profiles wrap twice. `days` is ten years of days,
//! `logs` every log.

mod billing;
mod days;
mod life;
mod logs;

use base::Utc;
use cosem::DateTime;
use cosem::axdr::Reader;
use ferraris_meter::FlashSize;

use life::{Life, PROFILES, QUARTER, WH_A_QUARTER, hex, mbus_value};

/// What a row of a profile must say: the model of its own.
struct Expected {
    time: DateTime,
    status: u8,
    values: [u32; 8],
}

impl Life {
    /// The value of a buffer, out of all its blocks; `between` happens after each of them.
    fn buffer(&mut self, profile: &str, selection: &str, mut between: impl FnMut(&mut Self)) -> Vec<u8> {
        let mut answer = self.talk(&hex(&format!("C001C1 0007 {profile} 02 {selection}")));
        let mut value = Vec::new();
        loop {
            if answer[..2] == [0xC4, 1] {
                assert_eq!(answer[3], 0, "{answer:02X?}");
                value.extend_from_slice(&answer[4..]);
                return value;
            }
            // C4 02 iip, last, number (4), 00, length, octets
            assert_eq!(
                (&answer[..2], answer[8]),
                (&[0xC4, 2][..], 0),
                "{:02X?}",
                &answer[..answer.len().min(16)]
            );
            let mut block = Reader::new(&answer[9..]);
            let length = block.length().expect("a length");
            value.extend_from_slice(block.take(length).expect("so many octets"));
            if answer[3] == 1 {
                return value;
            }
            let number = answer[4..8].to_vec();
            between(self);
            answer = self.talk(&[&hex("C002C1")[..], &number].concat());
        }
    }

    fn expected(&self, journal: usize, number: u32) -> Expected {
        let stamp = self.start.plus(QUARTER * i64::from(number));
        let energy = u32::try_from((WH_A_QUARTER * i64::from(number)) % 1_000_000_000).expect("below the modulus");
        let values = if journal < 4 {
            // A+ total and of tariff 1, of L1, L2, L3 a third each, the sum of magnitudes, S, and A- at rest
            [energy, energy, energy / 3, energy / 3, energy / 3, energy, 0, 0]
        } else {
            let channel = u8::try_from(journal - 3).expect("1 to 4");
            let value = |value| mbus_value(channel, value, number);
            [value(1), value(2), value(3), value(4), energy, 0, energy / 3, energy]
        };
        Expected {
            time: DateTime::from_utc(stamp, 0, cosem::ClockStatus::default()),
            status: 0,
            values,
        }
    }

    /// Compares a buffer with the model: the rows of these quarter hours, in this order.
    fn compare(&self, journal: usize, buffer: &[u8], numbers: core::ops::RangeInclusive<u32>) {
        let mut reader = Reader::new(buffer);
        let rows = reader.array().expect("rows");
        assert_eq!(rows, numbers.clone().count(), "profile {journal}");
        for number in numbers {
            let expected = self.expected(journal, number);
            reader.structure(10).expect("10 columns");
            assert_eq!(reader.value(), Ok(expected.time), "profile {journal}, row {number}");
            assert_eq!(reader.value(), Ok(expected.status), "profile {journal}, row {number}");
            let values: Vec<u32> = (0..8).map(|_| reader.value().expect("32 bits")).collect();
            assert_eq!(values, expected.values, "profile {journal}, row {number}");
        }
        reader.end().expect("nothing more");
    }
}

fn date_time(utc: Utc) -> String {
    let octets = DateTime::from_utc(utc, 0, cosem::ClockStatus::default()).octets();
    let digits: String = octets.iter().map(|octet| format!("{octet:02X}")).collect();
    format!("090C{digits}")
}

#[test]
fn eight_profiles_of_400_days_are_filled_wrapped_and_read_while_they_go_on() {
    fill(FlashSize::Megabytes16, 410);
}

#[test]
fn eight_profiles_of_the_smaller_flash_are_filled_wrapped_and_read_while_they_go_on() {
    fill(FlashSize::Megabytes4, 60);
}

fn fill(size: FlashSize, days: u32) {
    let mut life = Life::begin(size);
    life.set_up();
    let depths: Vec<u32> = PROFILES
        .iter()
        .map(|(journal, _)| life.meter.model().depth(*journal))
        .collect();
    if size == FlashSize::Megabytes16 {
        assert!(
            depths.iter().all(|depth| 400 * 96 <= *depth),
            "400 days of quarter hours: {depths:?}"
        );
        assert!(
            depths.iter().all(|depth| 3_653 <= *depth),
            "10 years of days: {depths:?}"
        );
    }
    let mut read = 0_usize;
    for number in 1..=days * 96 {
        life.quarter(number);
        if number % 1_531 != 0 {
            continue;
        }
        // Now and then one profile is read by range and by entry, as far back as it goes.
        let journal = usize::try_from(number / 1_531).expect("small") % PROFILES.len();
        let (id, profile) = PROFILES[journal];
        let in_use = life.meter.model().journals[id.index()].in_use.min(depths[journal]);
        let (first, last) = (number + 1 - in_use, number);
        let (from, to) = (first + in_use / 3, last - in_use / 3);
        let stamps = [from, to].map(|number| date_time(life.start.plus(QUARTER * i64::from(number))));
        let range = format!(
            "01 01 0204 0204 120008 09060000010000FF 0F02 120000 {} {} 0100",
            stamps[0], stamps[1]
        );
        let buffer = life.buffer(profile, &range, |_| {});
        life.compare(journal, &buffer, from..=to);
        let entries = format!("01 02 0204 06{:08X} 06{:08X} 120001 120000", in_use / 2, in_use);
        let buffer = life.buffer(profile, &entries, |_| {});
        life.compare(journal, &buffer, first + in_use / 2 - 1..=last);
        read += usize::try_from(in_use).expect("small");
    }
    assert!(0 < read);
    // All of all, read whole while capturing goes on: what was there when the reading began comes, as it was.
    let mut number = days * 96;
    for (journal, (id, profile)) in PROFILES.iter().enumerate() {
        let in_use = life.meter.model().journals[id.index()].in_use.min(depths[journal]);
        let wrapped = in_use < number;
        assert_eq!(
            wrapped,
            depths[journal] < number,
            "profile {journal}: {in_use} of {number}"
        );
        let last = number;
        let mut blocks = 0;
        let buffer = life.buffer(profile, "00", |life| {
            blocks += 1;
            if blocks % 16 == 0 && number < last + 8 {
                number += 1;
                life.quarter(number);
            }
        });
        assert!(last < number, "rows came while profile {journal} was read");
        life.compare(journal, &buffer, last + 1 - in_use..=last);
    }
}
