//! Load profile 2 at a period of a day, for eleven years: filled, wrapped, and read by range and by entry while days go by.

use base::{Micros, Utc};
use cosem::DateTime;
use cosem::axdr::Reader;
use ferraris_meter::profile::JournalId;
use ferraris_meter::{FlashSize, Input};
use metrology::PhaseReading;

use super::date_time;
use super::life::{BEGIN, Life, PROFILES, hex, list};

/// Days of the ten years that must be there, and of the life.
const DAYS_KEPT: u32 = 3_653;
const DAYS: u32 = 4_100;
const DAY: u64 = 86_400;
const PROFILE: &str = "0100630200FF";

/// Stamp and A+ in Wh of the rows of a buffer.
fn rows(buffer: &[u8]) -> Vec<(Utc, u32)> {
    let mut reader = Reader::new(buffer);
    let count = reader.array().expect("rows");
    let row = |_| {
        reader.structure(10).expect("10 columns");
        let time: DateTime = reader.value().expect("a time");
        assert_eq!(reader.value(), Ok(0_u8), "status");
        let energy = reader.value().expect("32 bits");
        for _ in 0..7 {
            reader.skip_value().expect("a value");
        }
        (time.utc(|_| 0).expect("a moment"), energy)
    };
    (0..count).map(row).collect()
}

/// L1: ten years of daily rows with 8 columns of 32 bits beside clock and status.
#[test]
fn ten_years_of_days_are_filled_wrapped_and_read_while_they_go_on() {
    let mut life = Life::begin(FlashSize::Megabytes16);
    for (_, profile) in PROFILES {
        life.set(profile, 4, &hex("0600000000"));
    }
    life.set(PROFILE, 3, &list(1));
    life.set(PROFILE, 4, &hex("0600015180"));
    life.set(PROFILE, 8, &[&[6][..], &DAYS_KEPT.to_be_bytes()].concat());
    while life.now + Micros::from_millis(50) < BEGIN {
        life.pass(Micros::from_millis(50));
    }
    life.now = BEGIN;
    life.pass(Micros::from_millis(1));
    life.reset(PROFILE);
    let expected = |life: &Life, day: u32| {
        let day = i64::from(day);
        let stamp = life.start.plus(86_400 * day);
        (
            stamp,
            u32::try_from(18_000 * day % 1_000_000_000).expect("below the modulus"),
        )
    };
    let day_passes = |life: &mut Life, day: u32| {
        let midnight = BEGIN + Micros::from_secs(DAY * u64::from(day));
        life.bench.0.pass(Micros::from_secs(DAY));
        // A meter steps five times a second: the last step of the day comes before midnight.
        life.now = BEGIN + Micros::from_secs(DAY * u64::from(day) - 1);
        life.step(Input::Tick);
        life.now = midnight;
        // 18 kWh of three phases.
        let reading = PhaseReading::steady(230_000_000, 1_087_000, 250_000_000, 0, 86_400_000_000_000);
        life.window([reading; 3]);
        (0..8).for_each(|_| life.pass(Micros::from_millis(60)));
    };
    for day in 1..=DAYS {
        day_passes(&mut life, day);
    }
    let in_use = life.meter.model().journals[JournalId::LoadProfile2.index()].in_use;
    assert!(DAYS_KEPT <= in_use, "{in_use} rows");
    let mut day = DAYS;
    let whole = life.buffer(PROFILE, "00", |life| {
        day += 1;
        day_passes(life, day);
    });
    assert!(DAYS < day, "days went by while the profile was read");
    let days: Vec<_> = (DAYS + 1 - DAYS_KEPT..=DAYS).map(|day| expected(&life, day)).collect();
    let whole = rows(&whole);
    assert_eq!(
        (whole.len(), whole.first(), whole.last()),
        (days.len(), days.first(), days.last())
    );
    assert!(whole == days, "the whole buffer");
    let last = day;
    let (from, to) = (last - 3_000, last - 17);
    let stamps = [from, to].map(|day| date_time(expected(&life, day).0));
    let range = format!(
        "01 01 0204 0204 120008 09060000010000FF 0F02 120000 {} {} 0100",
        stamps[0], stamps[1]
    );
    let buffer = life.buffer(PROFILE, &range, |_| {});
    let days: Vec<_> = (from..=to).map(|day| expected(&life, day)).collect();
    assert!(rows(&buffer) == days, "the range");
    let entries = format!("01 02 0204 06{:08X} 06{:08X} 120001 120000", 100, 120);
    let buffer = life.buffer(PROFILE, &entries, |_| {});
    let oldest = last + 1 - DAYS_KEPT;
    let days: Vec<_> = (oldest + 99..=oldest + 119).map(|day| expected(&life, day)).collect();
    assert_eq!(rows(&buffer), days);
}
