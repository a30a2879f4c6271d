//! A meter whose eight profiles are filled fast: quarter hours of energy and of M-Bus values, and a client that reads.

use base::{Civil, Instant, Micros, Utc};
use cosem::axdr::Writer;
use cosem::{Attribute, CaptureObject, Obis};
use dlms::security::{Key, Secret};
use dlms::server::{Link, WrapperLink};
use ferraris_meter::mbus::{Reading, Source};
use ferraris_meter::profile::JournalId;
use ferraris_meter::{Board, Config, FlashSize, Input, Meter, Secrets, Variant};
use flash::model::{Model as Flash, Timing};
use flash::{Nor, SECTOR_BYTES};
use metrology::{Apparent, Measurement, PhaseReading, Position};

/// When the year begins.
pub(crate) const BEGIN: Instant = Instant::from_micros(900_000_000);

pub(crate) struct Bench(pub(crate) Flash<Vec<u8>, Vec<u32>>);

impl Board for Bench {
    fn flash(&mut self) -> &mut dyn Nor {
        &mut self.0
    }

    fn drive_disconnector(&mut self, _closed: bool) {}

    fn set_rtc(&mut self, _utc: Utc) {}
}

/// The profiles and their names on the wire.
pub(crate) const PROFILES: [(JournalId, &str); 8] = [
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
pub(crate) const QUARTER: i64 = 900;
pub(crate) const WH_A_QUARTER: i64 = 3_000;

pub(crate) struct Life {
    pub(crate) bench: Bench,
    pub(crate) meter: Meter,
    pub(crate) link: Link,
    pub(crate) now: Instant,
    pub(crate) start: Utc,
    config: Config,
}

impl Life {
    pub(crate) fn begin(size: FlashSize) -> Self {
        let sectors = size.sectors();
        let cells = vec![0xFF; (sectors * SECTOR_BYTES) as usize];
        let mut bench = Bench(Flash::new(cells, vec![0; sectors as usize], Timing::TYPICAL, 1));
        let key = || Key::new(&[0; 16]).expect("16 octets");
        let password = Secret::new(b"12345678").expect("it fits");
        let secrets = Secrets {
            lls_password: Some(password),
            ..Secrets::new(key(), key())
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
            config,
        };
        life.talk(&hex("6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F0400007E1FFFFF"));
        life
    }

    pub(crate) fn step(&mut self, input: Input<'_>) {
        self.meter.step(self.now, input, &mut self.bench).expect("a good step");
    }

    pub(crate) fn talk(&mut self, apdu: &[u8]) -> Vec<u8> {
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

    pub(crate) fn set(&mut self, profile: &str, attribute: u8, value: &[u8]) {
        self.set_of(&format!("0007 {profile}"), attribute, value);
    }

    /// Sets an attribute of an object, given by class and name.
    pub(crate) fn set_of(&mut self, object: &str, attribute: u8, value: &[u8]) {
        let apdu = [hex("C101C1"), hex(object), vec![attribute, 0], value.to_vec()].concat();
        // The flash may still be preparing for the change before.
        for _ in 0..1_000 {
            let answer = self.talk(&apdu);
            if answer[3] == 0 {
                return;
            }
            assert_eq!(answer[3], 2, "attribute {attribute} of {object}: {answer:02X?}");
            self.pass(Micros::from_millis(10));
        }
        panic!("the flash never gets ready");
    }

    pub(crate) fn reset(&mut self, profile: &str) {
        let apdu = [hex("C301C10007"), hex(profile), hex("01010F00")].concat();
        while self.talk(&apdu)[3] == 2 {
            self.pass(Micros::from_millis(10));
        }
    }

    pub(crate) fn pass(&mut self, span: Micros) {
        self.now = self.now + span;
        self.bench.0.pass(span);
        self.step(Input::Tick);
    }

    /// The power goes with a warning and comes back at once. Quarter hours cannot follow: time begins anew.
    #[allow(dead_code, reason = "the example alone does so")]
    pub(crate) fn reboot(&mut self) {
        let utc = self.meter.model().utc();
        self.step(Input::PowerFailing);
        let booted = Meter::boot(&self.config, Some(utc), [2; 32], &mut self.bench);
        (self.meter, _) = booted.expect("this flash works");
        self.now = Instant::START;
    }

    /// The value of all M-Bus devices at the end of a quarter hour.
    pub(crate) fn deliver(&mut self, number: u32) {
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
    pub(crate) fn quarter(&mut self, number: u32) {
        self.quarter_at(number, 4_000);
    }

    /// The quarter hour with this number, in which each phase imports so many watts.
    pub(crate) fn quarter_at(&mut self, number: u32, watts: i64) {
        let now = BEGIN + Micros::from_secs(900 * u64::from(number));
        self.bench.0.pass(now.since(self.now));
        // The values come before the quarter hour is over.
        self.now = BEGIN + Micros::from_secs(900 * u64::from(number) - 1);
        self.deliver(number);
        self.now = now;
        let reading = PhaseReading::steady(230_000_000, 17_000_000, 1_000_000 * watts, 0, 900_000_000_000);
        self.window([reading; 3]);
        // The flash prepares the next sectors meanwhile.
        for _ in 0..8 {
            self.pass(Micros::from_millis(60));
        }
    }

    /// The three phases are measured.
    pub(crate) fn window(&mut self, phases: [PhaseReading; 3]) {
        let (from, to) = (Position::START, Position::of_sample(7_200_000));
        let window = Measurement::of_phases(from, to, 900_000_000_000, 50_000_000, phases, Apparent::Arithmetic);
        self.step(Input::Measured(&window));
    }

    /// Sets all profiles up and lets the rings be laid out; then the year begins.
    pub(crate) fn set_up(&mut self) {
        for (at, (_, profile)) in PROFILES.iter().enumerate() {
            self.set(profile, 3, &list(at));
            self.set(profile, 4, &hex("0600000384"));
        }
        // The rings are laid out in the background, those of M-Bus when there is a device. Then life begins with the year.
        self.deliver(0);
        while self.now + Micros::from_millis(50) < BEGIN {
            self.pass(Micros::from_millis(50));
        }
        self.now = BEGIN;
        self.step(Input::Tick);
        for (_, profile) in PROFILES {
            self.reset(profile);
        }
    }
}

/// What a device shows at the end of a quarter hour: its own number for each value, channel and quarter.
pub(crate) fn mbus_value(channel: u8, value: u8, number: u32) -> u32 {
    number * (u32::from(value) + 1) + 1_000_000 * u32::from(channel)
}

pub(crate) fn list(journal: usize) -> Vec<u8> {
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

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octet = |pair: &[u8]| {
        core::str::from_utf8(pair)
            .ok()
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    digits.chunks(2).filter_map(octet).collect()
}
