//! B1: more months than the ring of billing profile 1 keeps, 32 columns each, read back whole, by range and by entry through the server, and
//! compared with a model that knows only what was measured.

use base::{Civil, Instant, Micros, Utc};
use cosem::axdr::{Reader, Writer};
use cosem::{Attribute, CaptureObject, DateTime, Obis};
use ferraris_meter::profile::JournalId;
use ferraris_meter::{FlashSize, Input};
use metrology::{Apparent, Measurement, PhaseReading, Position};

use crate::date_time;
use crate::life::{BEGIN, Life, QUARTER};

const BILLING_1: &str = "0000620100FF";

/// The 1st of the month with this number, from 1: January 2026.
fn first_of(month: u32) -> Utc {
    let (years, month) = ((month - 1) / 12, (month - 1) % 12 + 1);
    let year = 2026 + u16::try_from(years).expect("some years");
    Civil::new(year, u8::try_from(month).expect("1 to 12"), 1, 0, 0, 0)
        .expect("the calendar has it")
        .utc()
}

/// The demand of a month's only quarter hour, in watts: every month another one, and not always more than the month before.
fn watts(month: u32) -> u32 {
    300 * (1 + month * 7 % 12)
}

/// 32 columns: clock, status, A+ and A- by tariff, R+, R-, maxima of A+ by tariff and of A-, cumulated maximum, number of the period.
fn list() -> Vec<u8> {
    let mut names: Vec<(u16, String)> = vec![(8, "0-0:1.0.0".into()), (1, "0-0:96.10.8".into())];
    names.extend((0..9).map(|tariff| (3, format!("1-0:1.8.{tariff}"))));
    names.extend((0..9).map(|tariff| (3, format!("1-0:2.8.{tariff}"))));
    names.extend(["1-0:3.8.0", "1-0:4.8.0"].map(|name| (3, name.into())));
    names.extend((0..7).map(|tariff| (4, format!("1-0:1.6.{tariff}"))));
    names.extend([
        (4, "1-0:2.6.0".into()),
        (3, "1-0:1.2.0".into()),
        (1, "1-0:0.1.0".into()),
    ]);
    let mut buffer = [0; 1_024];
    let mut out = Writer::new(&mut buffer);
    out.array(names.len()).expect("it fits");
    for (class_id, name) in &names {
        let whole = CaptureObject::whole(Attribute::new(*class_id, Obis::new(name), 2));
        out.value(whole).expect("it fits");
    }
    out.written().to_vec()
}

impl Life {
    fn wait_until(&mut self, utc: Utc) {
        let seconds = u64::try_from(utc.seconds_since(self.start) + QUARTER).expect("later than the boot");
        let then = Instant::START + Micros::from_secs(seconds);
        self.pass(then.since(self.now));
        // What became due is written one after the other, and the flash prepares the next sector.
        for _ in 0..8 {
            self.pass(Micros::from_millis(60));
        }
        self.now = then;
    }

    /// One month: a quarter hour of import, and its end.
    fn month(&mut self, month: u32) {
        self.wait_until(first_of(month).plus(86_400));
        self.now = self.now + Micros::from_secs(900);
        let power = i64::from(watts(month)) * 1_000_000 / 3;
        let reading = PhaseReading::steady(230_000_000, 1_000_000, power, 0, 900_000_000_000);
        let (from, to) = (Position::START, Position::of_sample(7_200_000));
        let window = Measurement::of_phases(
            from,
            to,
            900_000_000_000,
            50_000_000,
            [reading; 3],
            Apparent::Arithmetic,
        );
        self.bench.0.pass(Micros::from_secs(900));
        self.step(Input::Measured(&window));
        self.wait_until(first_of(month + 1));
    }
}

/// Compares the rows with these months, in this order.
fn compare(buffer: &[u8], months: core::ops::RangeInclusive<u32>) {
    let mut rows = Reader::new(buffer);
    assert_eq!(rows.array(), Ok(months.clone().count()));
    let time = |utc| DateTime::from_utc(utc, 0, cosem::ClockStatus::default());
    for month in months {
        let energy: u32 = (1..=month).map(|month| watts(month) / 4).sum();
        let cumulated: u32 = (1..month).map(watts).sum();
        rows.structure(32).expect("32 columns");
        assert_eq!(rows.value(), Ok(time(first_of(month + 1))), "month {month}");
        assert_eq!(rows.value(), Ok(0_u8), "status of month {month}");
        let energies: Vec<u32> = (0..20).map(|_| rows.value().expect("an energy")).collect();
        let mut expected = vec![0; 20];
        (expected[0], expected[1]) = (energy, energy);
        assert_eq!(energies, expected, "A+ and A- by tariff, R+ and R- of month {month}");
        let maxima: Vec<u32> = (0..8).map(|_| rows.value().expect("a maximum")).collect();
        let watts = watts(month);
        assert_eq!(
            maxima,
            [watts, watts, 0, 0, 0, 0, 0, 0],
            "A+ by tariff and A- of month {month}"
        );
        assert_eq!(rows.value(), Ok(cumulated), "cumulated maximum before month {month}");
        assert_eq!(rows.value(), Ok(month), "number of the period before month {month}");
    }
    rows.end().expect("nothing more");
}

#[test]
fn more_months_of_32_columns_than_are_kept_are_read_whole_by_range_and_by_entry() {
    for size in [FlashSize::Megabytes16, FlashSize::Megabytes4] {
        let mut life = Life::begin(size);
        life.set(BILLING_1, 3, &list());
        // The rings are laid out in the background before the year begins.
        while life.now + Micros::from_millis(50) < BEGIN {
            life.pass(Micros::from_millis(50));
        }
        let id = JournalId::BillingProfile1;
        let depth = life.meter.model().depth(id);
        assert!(36 <= depth, "{size:?}: {depth} periods");
        // More than two sectors beyond the depth, so that the oldest are gone.
        let last = depth + 100;
        assert!(last < 12 * 70, "the calendar of the meter ends with 2099");
        for month in 1..=last {
            life.month(month);
        }
        let state = life.meter.model().journals[id.index()];
        // The meter was begun in December, which has one too.
        assert_eq!(state.written, 1 + last, "{size:?}: every month has one row");
        assert!(
            state.in_use < state.written,
            "{size:?}: the ring has wrapped: {state:?}"
        );
        let first = last + 1 - depth;
        let whole = life.buffer(BILLING_1, "00", |_| {});
        compare(&whole, first..=last);
        let (from, to) = (first + depth / 3, first + depth / 3 + 11);
        let [begin, end] = [from, to].map(|month| date_time(first_of(month + 1)));
        let range = format!("01 01 0204 0204 120008 09060000010000FF 0F02 120000 {begin} {end} 0100");
        let buffer = life.buffer(BILLING_1, &range, |_| {});
        compare(&buffer, from..=to);
        let entries = format!("01 02 0204 06{:08X} 06{depth:08X} 120001 120000", depth - 35);
        let buffer = life.buffer(BILLING_1, &entries, |_| {});
        compare(&buffer, last - 35..=last);
    }
}
