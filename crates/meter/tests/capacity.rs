//! L1, all capacities at once in one meter: eight profiles of quarter hours with a clock, a status and 8 columns of 32 bits each, filled,
//! wrapped, and read back by range and by entry through the server while capturing goes on; then ten years of days. Every row is compared
//! with a model of its own, which knows only what was measured.
//!
//! The 16 MB flash is filled for 410 days; the 4 MB flash for 60, in which its M-Bus profiles wrap twice. Then every log with 600 events.

use base::{Civil, Instant, Micros, Utc};
use cosem::axdr::{Reader, Writer};
use cosem::{Attribute, CaptureObject, DateTime, Obis};
use dlms::security::Key;
use dlms::server::{Link, WrapperLink};
use ferraris_meter::event_log::Log;
use ferraris_meter::mbus::{Reading, Source};
use ferraris_meter::profile::JournalId;
use ferraris_meter::{Board, Config, FlashSize, Input, Meter, Secrets, Variant};
use flash::model::{Model as Flash, Timing};
use flash::{Nor, SECTOR_BYTES};
use metrology::{Apparent, Measurement, PhaseReading, Position};

/// When the year begins.
const BEGIN: Instant = Instant::from_micros(900_000_000);

struct Bench(Flash<Vec<u8>, Vec<u32>>);

impl Board for Bench {
    fn flash(&mut self) -> &mut dyn Nor {
        &mut self.0
    }

    fn drive_disconnector(&mut self, _closed: bool) {}

    fn set_rtc(&mut self, _utc: Utc) {}
}

/// The profiles and their names on the wire.
const PROFILES: [(JournalId, &str); 8] = [
    (JournalId::LoadProfile1, "0100630100FF"),
    (JournalId::LoadProfile2, "0100630200FF"),
    (JournalId::LoadProfile3, "0100630101FF"),
    (JournalId::LoadProfile4, "0100630102FF"),
    (JournalId::MBusProfile1, "0001180300FF"),
    (JournalId::MBusProfile2, "0002180300FF"),
    (JournalId::MBusProfile3, "0003180300FF"),
    (JournalId::MBusProfile4, "0004180300FF"),
];

/// A quarter hour, and what 3 x 4 kW import in it, in Wh.
const QUARTER: i64 = 900;
const WH_A_QUARTER: i64 = 3_000;

struct Life {
    bench: Bench,
    meter: Meter,
    link: Link,
    now: Instant,
    start: Utc,
}

/// What a row of a profile must say: the model of its own.
struct Expected {
    time: DateTime,
    status: u8,
    values: [u32; 8],
}

impl Life {
    fn begin(size: FlashSize) -> Self {
        let sectors = size.sectors();
        let cells = vec![0xFF; (sectors * SECTOR_BYTES) as usize];
        let mut bench = Bench(Flash::new(cells, vec![0; sectors as usize], Timing::TYPICAL, 1));
        let key = || Key::new(&[0; 16]).expect("16 octets");
        let password = heapless::Vec::from_slice(b"12345678").expect("it fits");
        let secrets = Secrets {
            lls_password: Some(password),
            encryption_key: key(),
            authentication_key: key(),
        };
        let config = Config {
            flash: size,
            // Without summer time the model's clock is a sum.
            daylight_saving: false,
            time_zone: 0,
            ..Config::new(Variant::St402d, 1, secrets)
        };
        let start = Civil::new(2026, 1, 1, 0, 0, 0).expect("the calendar has it").utc();
        let (meter, _) =
            Meter::boot(&config, Some(start.plus(-QUARTER)), [1; 32], &mut bench).expect("this flash works");
        let mut life = Self {
            bench,
            meter,
            link: Link::Wrapper(WrapperLink::new(Instant::START, Micros::MAX)),
            now: Instant::START,
            start,
        };
        life.talk(&hex("6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F0400007E1FFFFF"));
        life
    }

    fn step(&mut self, input: Input<'_>) {
        self.meter.step(self.now, input, &mut self.bench).expect("a good step");
    }

    fn talk(&mut self, apdu: &[u8]) -> Vec<u8> {
        let length = u16::try_from(apdu.len()).expect("a short request").to_be_bytes();
        let frame = [&[0, 1, 0, 1, 0, 1][..], &length, apdu].concat();
        let mut answer = Vec::new();
        let mut take = |octets: &[u8]| answer.extend_from_slice(octets);
        let received = Input::Received {
            link: &mut self.link,
            at: self.now,
            octets: &frame,
            answer: &mut take,
        };
        self.meter
            .step(self.now, received, &mut self.bench)
            .expect("a good step");
        answer.split_off(8)
    }

    fn set(&mut self, profile: &str, attribute: u8, value: &[u8]) {
        let apdu = [hex("C101C10007"), hex(profile), vec![attribute, 0], value.to_vec()].concat();
        // The flash may still be preparing for the change before.
        for _ in 0..1_000 {
            let answer = self.talk(&apdu);
            if answer[3] == 0 {
                return;
            }
            assert_eq!(answer[3], 2, "attribute {attribute} of {profile}: {answer:02X?}");
            self.pass(Micros::from_millis(10));
        }
        panic!("the flash never gets ready");
    }

    fn reset(&mut self, profile: &str) {
        let apdu = [hex("C301C10007"), hex(profile), hex("01010F00")].concat();
        while self.talk(&apdu)[3] == 2 {
            self.pass(Micros::from_millis(10));
        }
    }

    fn pass(&mut self, span: Micros) {
        self.now = self.now + span;
        self.bench.0.pass(span);
        self.step(Input::Tick);
    }

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

    /// The value of all M-Bus devices at the end of a quarter hour.
    fn deliver(&mut self, number: u32) {
        for channel in 1..=4 {
            for value in 1..=4 {
                let reading = Reading {
                    value: mbus_value(channel, value, number),
                    scaler: -2,
                    unit: 13,
                    status: 0,
                };
                let source = Source::new(channel, value).expect("it exists");
                self.step(Input::MBus(source, reading));
            }
        }
    }

    /// The quarter hour with this number, from 1: energy, and values of all M-Bus devices.
    fn quarter(&mut self, number: u32) {
        let now = BEGIN + Micros::from_secs(900 * u64::from(number));
        self.bench.0.pass(now.since(self.now));
        // The values come before the quarter hour is over.
        self.now = BEGIN + Micros::from_secs(900 * u64::from(number) - 1);
        self.deliver(number);
        self.now = now;
        let reading = PhaseReading::steady(230_000_000, 17_000_000, 4_000_000_000, 0, 900_000_000_000);
        let (from, to) = (Position::START, Position::of_sample(7_200_000));
        let window = Measurement::of_phases(
            from,
            to,
            900_000_000_000,
            50_000_000,
            [reading; 3],
            Apparent::Arithmetic,
        );
        self.step(Input::Measured(&window));
        // The flash prepares the next sectors meanwhile.
        for _ in 0..8 {
            self.pass(Micros::from_millis(60));
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

/// What a device shows at the end of a quarter hour: its own number for each value, channel and quarter.
fn mbus_value(channel: u8, value: u8, number: u32) -> u32 {
    number * (u32::from(value) + 1) + 1_000_000 * u32::from(channel)
}

fn list(journal: usize) -> Vec<u8> {
    let whole = |class_id, name: &str| CaptureObject::whole(Attribute::new(class_id, Obis::new(name), 2));
    let mut columns = vec![whole(8, "0-0:1.0.0")];
    let names: [String; 9] = if journal < 4 {
        let status = format!("0-0:96.10.{}", journal + 1);
        let energies = [
            "1.8.0", "1.8.1", "21.8.0", "41.8.0", "61.8.0", "15.8.0", "2.8.0", "22.8.0",
        ];
        core::array::from_fn(|at| {
            at.checked_sub(1)
                .map_or_else(|| status.clone(), |at| format!("1-0:{}", energies[at]))
        })
    } else {
        let channel = journal - 3;
        core::array::from_fn(|at| match at {
            0 => format!("0-{channel}:96.10.3"),
            1..=4 => format!("0-{channel}:24.2.{at}"),
            5 => "1-0:1.8.0".into(),
            6 => "1-0:2.8.0".into(),
            7 => "1-0:21.8.0".into(),
            _ => "1-0:1.8.1".into(),
        })
    };
    for (at, name) in names.iter().enumerate() {
        let class_id = match (at, name.contains(":24.2.")) {
            (0, _) => 1,
            (_, true) => 4,
            _ => 3,
        };
        columns.push(whole(class_id, name));
    }
    let mut buffer = [0; 256];
    let mut out = Writer::new(&mut buffer);
    out.array(columns.len()).expect("it fits");
    columns.iter().for_each(|column| out.value(column).expect("it fits"));
    out.written().to_vec()
}

fn date_time(utc: Utc) -> String {
    let octets = DateTime::from_utc(utc, 0, cosem::ClockStatus::default()).octets();
    let digits: String = octets.iter().map(|octet| format!("{octet:02X}")).collect();
    format!("090C{digits}")
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octet = |pair: &[u8]| {
        core::str::from_utf8(pair)
            .ok()
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    digits.chunks(2).filter_map(octet).collect()
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
    for (at, (_, profile)) in PROFILES.iter().enumerate() {
        life.set(profile, 3, &list(at));
        life.set(profile, 4, &hex("0600000384"));
    }
    // The rings are laid out in the background, those of M-Bus when there is a device. Then life begins with the year.
    life.deliver(0);
    while life.now + Micros::from_millis(50) < BEGIN {
        life.pass(Micros::from_millis(50));
    }
    life.now = BEGIN;
    life.step(Input::Tick);
    for (_, profile) in PROFILES {
        life.reset(profile);
    }
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

/// L2: at least 500 entries in each log, 200 in the one of fraud, filled until the ring has wrapped and read whole.
#[test]
fn every_log_holds_its_entries() {
    for size in [FlashSize::Megabytes16, FlashSize::Megabytes4] {
        let mut life = Life::begin(size);
        // Codes that are written each time they happen.
        let events = [
            (Log::Standard, 20, "0000636200FF"),
            (Log::Fraud, 91, "0000636201FF"),
            (Log::Disconnect, 61, "0000636202FF"),
            (Log::Quality, 90, "0000636204FF"),
            (Log::Communication, 150, "0000636205FF"),
            (Log::Security, 48, "0000636209FF"),
            (Log::MBus1, 105, "0001636203FF"),
            (Log::MBus2, 115, "0002636203FF"),
            (Log::MBus3, 125, "0003636203FF"),
            (Log::MBus4, 135, "0004636203FF"),
        ];
        for (log, code, name) in events {
            let id = JournalId::of_log(log);
            let depth = life.meter.model().depth(id);
            assert!(500 <= depth, "{log:?}: {depth}");
            // One sector more than the depth, so that the oldest are gone.
            let count = depth + 400;
            for _ in 0..count {
                life.step(Input::Noted(log, code));
                life.pass(Micros::from_millis(60));
            }
            let state = life.meter.model().journals[id.index()];
            assert!(
                depth <= state.in_use && state.in_use < state.written,
                "{log:?}: {state:?}"
            );
            let buffer = life.buffer(name, "00", |_| {});
            let mut rows = Reader::new(&buffer);
            assert_eq!(rows.array(), Ok(usize::try_from(depth).expect("small")), "{log:?}");
            let mut before = None;
            for _ in 0..depth {
                let columns = rows.octet().and_then(|_structure| rows.length()).expect("a row");
                let time: DateTime = rows.value().expect("a time");
                let time = time.utc(|_| 0).expect("a moment");
                assert!(before <= Some(time), "{log:?}");
                before = Some(time);
                assert_eq!(rows.value(), Ok(code), "{log:?}");
                for _ in 2..columns {
                    rows.skip_value().expect("a value");
                }
            }
            rows.end().expect("nothing more");
        }
        for log in [JournalId::PowerInterruptionLog, JournalId::ParameterChangeLog] {
            assert!(500 <= life.meter.model().depth(log), "{log:?}");
        }
    }
}
