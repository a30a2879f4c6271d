//! Profiles and logs as a client meets them: lists, periods, depths, statuses, alarms, failures, who changed what (L1, L2, Q2).

use super::*;
use crate::event_log::mbus as happening;
use crate::interval::N_INTERVALS;
use crate::mbus::{Reading, Source};
use cosem::CaptureObject;
use cosem::axdr::Reader;

const LOAD_PROFILE_1: &str = "0100630100FF";
const LOAD_PROFILE_3: &str = "0100630101FF";
const OTHER_REASON: u8 = 250;

/// A column in the A-XDR of a capture list.
fn column(class_id: u16, name: &str, index: i8, data_index: u16) -> Vec<u8> {
    let object = CaptureObject {
        attribute: Attribute::new(class_id, Obis::new(name), index),
        data_index,
    };
    let mut buffer = [0; 18];
    let mut out = Writer::new(&mut buffer);
    out.value(object).expect("it fits");
    out.written().to_vec()
}

fn list(columns: &[Vec<u8>]) -> Vec<u8> {
    let count = u8::try_from(columns.len()).expect("a short list");
    [vec![1, count], columns.concat()].concat()
}

impl Life {
    /// The result code of a SET of class, name and attribute.
    fn set(&mut self, class_and_name: &str, attribute: u8, value: &[u8]) -> u8 {
        let apdu = [hex("C101C1"), hex(class_and_name), vec![attribute, 0], value.to_vec()].concat();
        let answer = self.talk(&apdu).expect("a good step");
        assert_eq!(answer[..3], [0xC5, 1, 0xC1], "{answer:02X?}");
        answer[3]
    }

    fn set_profile(&mut self, profile: &str, attribute: u8, value: &[u8]) -> u8 {
        self.set(&format!("0007{profile}"), attribute, value)
    }

    fn get(&mut self, apdu: &str) -> Vec<u8> {
        let answer = self.talk(&hex(apdu)).expect("a good step");
        assert_eq!(answer[..4], [0xC4, 1, 0xC1, 0], "{answer:02X?}");
        answer[4..].to_vec()
    }

    /// Lets `seconds` pass with a window of as many seconds at 3 x `watts`, in steps of at most a minute.
    fn live(&mut self, seconds: u64, watts: i64) {
        for _ in 0..seconds {
            self.now = self.now + Micros::from_secs(1);
            self.bench.flash.pass(Micros::from_secs(1));
            let reading = PhaseReading::steady(230_000_000, 10_000_000, watts * 1_000_000, 0, 1_000_000_000);
            self.window([reading; 3], 1_000_000_000);
        }
    }

    pub(super) fn window(&mut self, phases: [PhaseReading; 3], nanos: u64) {
        let (from, to) = (Position::START, Position::of_sample(8_000));
        let window = Measurement::of_phases(from, to, nanos, 50_000_000, phases, Apparent::Arithmetic);
        self.meter
            .step(self.now, Input::Measured(&window), &mut self.bench)
            .expect("a good step");
    }

    pub(super) fn rows_of(&self, journal: JournalId) -> Vec<(Utc, Vec<u8>)> {
        let mut rows = Vec::new();
        let mut visit = |utc: Utc, row: &[u8]| rows.push((utc, row.to_vec()));
        self.meter
            .visit_rows(&self.bench.flash, journal, 0, &mut visit)
            .expect("the flash can be read");
        rows
    }

    pub(super) fn begun_at(utc: Utc) -> Self {
        let (mut life, _) = Self::begin(Bench::new(), Some(utc));
        life.associate().expect("a good step");
        life
    }

    /// The power goes without a warning for `seconds`.
    pub(super) fn after_outage(self, seconds: u64) -> Self {
        let utc = self.meter.model().utc();
        let Self {
            mut meter,
            mut bench,
            now,
            ..
        } = self;
        meter.step(now, Input::PowerFailing, &mut bench).expect("there is time");
        let (mut life, report) = Self::begin(bench.revived(), Some(utc.plus(i64::try_from(seconds).expect("short"))));
        assert!(!report.has_loss(), "{report:?}");
        life.associate().expect("a good step");
        life
    }
}

fn at(hour: u8, minute: u8, second: u8) -> Utc {
    Civil::new(2026, 7, 1, hour, minute, second)
        .expect("the calendar has it")
        .utc()
}

/// L1: the local time, the local date and when the clock was set have a fixed length, and are columns like others.
#[test]
fn times_are_columns_too() {
    let mut life = Life::begun_at(at(10, 14, 50));
    let columns = ["1-0:0.9.1", "1-0:0.9.2", "0-0:96.2.12"].map(|name| column(1, name, 2, 0));
    assert_eq!(life.set_profile(LOAD_PROFILE_1, 3, &list(&columns)), 0);
    life.live(15, 1);
    assert_eq!(
        life.get(&format!("C001C1 0007 {LOAD_PROFILE_1} 02 00")),
        hex("0101 0203 0904 0C0F0000 0905 07EA070103 090C FFFFFFFFFFFFFFFFFF8000FF")
    );
}

/// L1, class 7 attribute 3: 32 columns of any kind are taken, shown, captured, read by their elements, and outlive a power failure.
#[test]
fn a_list_of_32_columns_is_taken_whole_and_kept() {
    let mut life = Life::begun_at(at(10, 14, 50));
    let mut columns = vec![
        column(8, "0-0:1.0.0", 2, 0),
        column(1, "0-0:96.10.1", 2, 0),
        column(3, "1-0:1.8.0", 3, 0),    // scaler and unit as a structure
        column(3, "1-0:1.8.0", 3, 2),    // the unit alone
        column(3, "1-0:1.8.0", 1, 0),    // a logical name
        column(3, "1-0:32.7.124", 2, 0), // null-data while nobody knows it
        column(4, "0-1:24.2.1", 5, 0),   // a date-time
        column(70, "0-0:96.3.10", 3, 0),
        column(1, "0-0:96.2.129", 2, 0),
        column(3, "1-0:16.8.0", 2, 0), // with a sign
    ];
    for rate in 0..9 {
        columns.push(column(3, &format!("1-0:1.8.{rate}"), 2, 0));
        columns.push(column(3, &format!("1-0:2.8.{rate}"), 2, 0));
    }
    columns.extend(["1-0:3.8.0", "1-0:4.8.0", "1-0:31.7.0", "1-0:14.7.0"].map(|name| column(3, name, 2, 0)));
    assert_eq!(columns.len(), 32);
    let wanted = list(&columns);
    assert_eq!(life.set_profile(LOAD_PROFILE_1, 3, &wanted), 0);
    assert_eq!(life.get(&format!("C001C1 0007 {LOAD_PROFILE_1} 03 00")), wanted);
    assert_eq!(life.log(JournalId::StandardLog), [2, 254, 47]);
    life.live(12, 6_000);
    let rows = life.rows_of(JournalId::LoadProfile1);
    assert_eq!(rows.len(), 1);
    let mut row = Reader::new(&rows[0].1);
    let values: Vec<&[u8]> = (0..32).map(|_| row.skip_value().expect("a value")).collect();
    row.end().expect("no more");
    assert_eq!(values[0][..10], hex("090C 07EA0701030C0F00"));
    assert_eq!(values[1], [0x11, 0x0C], "summer, and a period that began late");
    assert_eq!(values[2], hex("0202 0F00 161E"));
    assert_eq!(values[3], hex("161E"));
    assert_eq!(values[4], hex("0906 0100010800FF"));
    assert_eq!(values[5], [0]);
    assert_eq!(values[7], hex("1601"));
    assert_eq!(values[10], hex("06 00000032"), "18 kW for 10 s are 50 Wh");
    assert_eq!(values[31], hex("12 1388"));
    // Two columns of it by entry: 10 to 11.
    let parts = life.get(&format!(
        "C001C1 0007 {LOAD_PROFILE_1} 02 01 02 0204 0600000001 0600000000 12000A 12000B"
    ));
    assert_eq!(parts, hex("0101 0202 05 00000032 06 00000032"));
    let mut life = life.after_outage(3);
    assert_eq!(life.get(&format!("C001C1 0007 {LOAD_PROFILE_1} 03 00")), wanted);
    assert_eq!(life.rows_of(JournalId::LoadProfile1).len(), 1);
}

/// L1, bad input: what is not wholly right is refused whole, and the old list, period, depth and rows stay.
#[test]
fn a_list_that_is_not_right_changes_nothing() {
    let mut life = Life::begun_at(at(10, 14, 58));
    life.live(3, 1);
    let before = life.get(&format!("C001C1 0007 {LOAD_PROFILE_1} 03 00"));
    let clock = column(8, "0-0:1.0.0", 2, 0);
    let many: Vec<Vec<u8>> = (0..33)
        .map(|n| column(3, &format!("1-0:{}.8.{}", 1 + n / 9, n % 9), 2, 0))
        .collect();
    for (wanted, why) in [
        (list(&[clock.clone(), column(3, "1-0:99.8.0", 2, 0)]), "no such object"),
        (list(&[clock.clone(), column(4, "1-0:1.8.0", 2, 0)]), "another class"),
        (
            list(&[clock.clone(), column(3, "1-0:1.8.0", 4, 0)]),
            "no such attribute",
        ),
        (
            list(&[clock.clone(), column(3, "1-0:1.8.0", 0, 0)]),
            "no single attribute",
        ),
        (list(&[clock.clone(), clock.clone()]), "the same column twice"),
        (
            list(&[clock.clone(), column(3, "1-0:1.8.0", 2, 1)]),
            "no element of a number",
        ),
        (list(&[clock.clone(), column(3, "1-0:1.8.0", 3, 3)]), "no third element"),
        (
            list(&[clock.clone(), column(1, "0-0:96.1.1", 2, 0)]),
            "a text of any length",
        ),
        (list(&[clock.clone(), column(7, "1-0:99.1.0", 2, 0)]), "a buffer"),
        (list(&[clock.clone(), column(15, "0-0:40.0.0", 7, 0)]), "a secret"),
        (list(&many), "33 columns"),
    ] {
        assert_eq!(life.set_profile(LOAD_PROFILE_1, 3, &wanted), OTHER_REASON, "{why}");
    }
    assert_eq!(life.set_profile(LOAD_PROFILE_1, 3, &hex("0600000001")), 12, "no list");
    for period in [1_u32, 59, 61, 899, 7_200, 86_401] {
        assert_eq!(
            life.set_profile(LOAD_PROFILE_1, 4, &[&[6][..], &period.to_be_bytes()].concat()),
            OTHER_REASON
        );
    }
    let capacity = life.meter.model().depth(JournalId::LoadProfile1);
    let beyond = [&[6][..], &(capacity + 1).to_be_bytes()].concat();
    assert_eq!(life.set_profile(LOAD_PROFILE_1, 8, &beyond), OTHER_REASON, "no room");
    assert_eq!(life.get(&format!("C001C1 0007 {LOAD_PROFILE_1} 03 00")), before);
    assert_eq!(
        life.get(&format!("C001C1 0007 {LOAD_PROFILE_1} 04 00")),
        hex("06 00000384")
    );
    assert_eq!(life.rows_of(JournalId::LoadProfile1).len(), 1);
    assert_eq!(life.log(JournalId::StandardLog), [2]);
    // With a depth that fits, a list too wide for that depth is refused too.
    assert_eq!(
        life.set_profile(LOAD_PROFILE_1, 8, &[&[6][..], &capacity.to_be_bytes()].concat()),
        0
    );
    assert_eq!(
        life.set_profile(LOAD_PROFILE_1, 3, &list(&many[..32])),
        OTHER_REASON,
        "too wide for the depth"
    );
}

/// L1: a profile shows its newest rows up to its depth, by entry and by range, while the ring holds more.
#[test]
fn a_depth_hides_the_rows_before_it() {
    let mut life = Life::begun_at(at(10, 0, 0));
    assert_eq!(
        life.set_profile(
            LOAD_PROFILE_1,
            3,
            &list(&[column(8, "0-0:1.0.0", 2, 0), column(1, "0-0:96.10.1", 2, 0)])
        ),
        0
    );
    assert_eq!(life.set_profile(LOAD_PROFILE_1, 4, &hex("06 0000003C")), 0);
    assert_eq!(life.set_profile(LOAD_PROFILE_1, 8, &hex("06 00000005")), 0);
    life.live(9 * 60, 1);
    assert_eq!(life.rows_of(JournalId::LoadProfile1).len(), 9);
    assert_eq!(
        life.get(&format!("C001C1 0007 {LOAD_PROFILE_1} 07 00")),
        hex("06 00000005")
    );
    let minutes = |value: &[u8]| -> Vec<u8> {
        let mut reader = Reader::new(value);
        let rows = reader.array().expect("rows");
        let mut row = || -> u8 {
            reader.structure(2).expect("two columns");
            let time = reader.skip_value().expect("a time")[8];
            reader.skip_value().expect("a status");
            time
        };
        (0..rows).map(|_| row()).collect()
    };
    let whole = life.get(&format!("C001C1 0007 {LOAD_PROFILE_1} 02 00"));
    assert_eq!(minutes(&whole), [5, 6, 7, 8, 9]);
    let second = life.get(&format!(
        "C001C1 0007 {LOAD_PROFILE_1} 02 01 02 0204 0600000002 0600000003 120001 120000"
    ));
    assert_eq!(minutes(&second), [6, 7]);
    let from = "090C07EA0701030C030000FF8880";
    let to = "090C07EA0701030C070000FF8880";
    let range = life.get(&format!(
        "C001C1 0007 {LOAD_PROFILE_1} 02 01 01 0204 0204 120008 09060000010000FF 0F02 120000 {from} {to} 0100"
    ));
    assert_eq!(minutes(&range), [5, 6, 7]);
}

/// Reliability B4: a client that reads rows in blocks, while another gives the profile a new list, is told so. It never gets an end that looks
/// good: not while the journal is laid out anew, not when it is there again.
#[test]
fn a_buffer_whose_list_is_changed_meanwhile_is_no_whole_buffer() {
    for is_spare_ready in [true, false] {
        let mut life = Life::begun_at(at(0, 0, 0));
        assert_eq!(life.set_profile(LOAD_PROFILE_1, 4, &hex("06 0000003C")), 0);
        // With the first row of a sector the spare is used up, and the next one is not erased yet.
        let stands = |life: &Life| {
            let journal = life.meter.core.memory.journal(JournalId::LoadProfile1).expect("there");
            (journal.len(), journal.len() % journal.shape().rows_per_sector() == 1)
        };
        let wanted = |(rows, is_first): (u32, bool)| 100 < rows && is_first != is_spare_ready;
        while !wanted(stands(&life)) {
            let next = life.meter.model().utc().plus(60);
            life.wait_until(next);
        }
        let read = |life: &mut Life, apdu: &str| life.talk(&hex(apdu)).expect("a good step");
        let first = read(&mut life, &format!("C001C1 0007 {LOAD_PROFILE_1} 02 00"));
        assert_eq!(first[..8], hex("C402C1 00 00000001"), "more is to come");
        let link = WrapperLink::new(life.now, Micros::from_secs(180));
        let reader = core::mem::replace(&mut life.link, Link::Wrapper(link));
        life.associate().expect("a good step");
        let both = [column(8, "0-0:1.0.0", 2, 0), column(3, "1-0:1.8.0", 2, 0)];
        assert_eq!(life.set_profile(LOAD_PROFILE_1, 3, &list(&both)), 0);
        let is_there = life.meter.core.memory.journal(JournalId::LoadProfile1).is_some();
        assert_eq!(is_there, is_spare_ready);
        let writer = core::mem::replace(&mut life.link, reader);
        assert_eq!(
            read(&mut life, "C002C1 00000001"),
            hex("C402C1 01 00000002 01 0F"),
            "{is_spare_ready}"
        );
        // What is read from now on is whole, and has the rows of the new list alone.
        life.link = writer;
        let next = life.meter.model().utc().plus(61);
        life.wait_until(next);
        let rows = life.get(&format!("C001C1 0007 {LOAD_PROFILE_1} 02 00"));
        assert_eq!(rows[..6], hex("0101 0202 090C"), "{rows:02X?}");
    }
}

/// events_alarms.md, 5: what touched a period stands in the status of its row.
#[test]
fn gaps_clock_changes_and_summer_time_are_marked() {
    let status = |row: &(Utc, Vec<u8>)| row.1[15];
    let mut life = Life::begun_at(at(10, 14, 58));
    life.live(3, 1);
    // Power fails inside the period and comes back in it: the row is there, marked.
    let mut life = life.after_outage(30);
    life.live(15 * 60, 1);
    // Power fails over several boundaries: no rows for them.
    let mut life = life.after_outage(3_600);
    life.live(15 * 60, 1);
    let rows = life.rows_of(JournalId::LoadProfile1);
    assert_eq!(rows.iter().map(status).collect::<Vec<_>>(), [0x0C, 0x88, 0x88]);
    assert_eq!(
        rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        [at(10, 15, 0), at(10, 30, 0), at(11, 45, 0)]
    );
    // Set forwards by 40 minutes, over boundaries, then back by an hour: the rows stay, the next ones are marked and not valid.
    let mut life = Life::begun_at(at(10, 14, 58));
    life.live(3, 1);
    assert_eq!(
        life.set("0008 0000010000FF", 2, &hex("090C07EA070103 0C3700 00 FF8880")),
        0
    );
    life.live(5 * 60, 1);
    assert_eq!(
        life.set("0008 0000010000FF", 2, &hex("090C07EA070103 0C0000 00 FF8880")),
        0
    );
    life.live(30 * 60, 1);
    let rows = life.rows_of(JournalId::LoadProfile1);
    assert_eq!(
        rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        [at(10, 15, 0), at(11, 0, 0), at(10, 15, 0), at(10, 30, 0)]
    );
    assert_eq!(rows.iter().map(status).collect::<Vec<_>>(), [0x0C, 0x2C, 0x2C, 0x08]);
    // The doubled hour: the same local time twice, told apart by the status and by the deviation of the stamp.
    let night = Civil::new(2026, 10, 25, 0, 59, 30).expect("the calendar has it").utc();
    let mut life = Life::begun_at(night.plus(-3_600));
    life.live(2 * 3_600, 1);
    let rows = life.rows_of(JournalId::LoadProfile1);
    assert_eq!(rows.len(), 8);
    assert_eq!(rows.iter().map(status).collect::<Vec<_>>(), [0x0C, 8, 8, 8, 0, 0, 0, 0]);
    assert_eq!(
        (&rows[3].1[2..9], &rows[3].1[11..14]),
        (&hex("07EA0A1907022D")[..], &hex("FF8880")[..])
    );
}

/// L1: averages, least and greatest values of the capture period are objects that a profile captures.
#[test]
fn a_profile_captures_averages_and_consumptions_of_its_own_period() {
    let mut life = Life::begun_at(at(10, 0, 0));
    let columns =
        ["1-0:32.49.0", "1-0:32.51.0", "1-0:32.53.0", "1-0:1.49.0", "1-0:1.29.0"].map(|name| column(3, name, 2, 0));
    assert_eq!(life.set_profile(LOAD_PROFILE_1, 3, &list(&columns)), 0);
    assert_eq!(life.set_profile(LOAD_PROFILE_1, 4, &hex("06 0000003C")), 0);
    life.live(30, 6_000);
    for _ in 0..30 {
        life.now = life.now + Micros::from_secs(1);
        life.bench.flash.pass(Micros::from_secs(1));
        let reading = PhaseReading::steady(210_000_000, 10_000_000, 3_000_000_000, 0, 1_000_000_000);
        life.window([reading; 3], 1_000_000_000);
    }
    let rows = life.rows_of(JournalId::LoadProfile1);
    assert_eq!(rows.len(), 1);
    // 220.0 V, 210.0 V, 230.0 V, 13.5 kW, 225 Wh
    assert_eq!(rows[0].1, hex("12 0898 12 0834 12 08FC 06 000034BC 06 000000E1"));
    assert_eq!(life.read(3, "1-0:0.8.4", 2), hex("06 0000003C"));
    assert_eq!(N_INTERVALS, 3);
    // Load profile 3 with the averages of the third interval.
    assert_eq!(life.set("0003 0100000802FF", 2, &hex("12 003C")), 0);
    assert_eq!(life.set("0003 0100000802FF", 2, &hex("12 003D")), OTHER_REASON);
    assert_eq!(life.set_profile(LOAD_PROFILE_3, 4, &hex("06 0000003C")), 0);
    life.live(120, 6_000);
    let rows = life.rows_of(JournalId::LoadProfile3);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1].1[16..19], hex("12 08FC"));
}

/// L1, M-Bus: values come in, are captured hourly with the time of their reading, and a silent device is marked.
#[test]
fn an_mbus_profile_captures_what_its_device_delivered() {
    let mut life = Life::begun_at(at(10, 59, 50));
    let gas = |value| Reading {
        value,
        scaler: -2,
        unit: 13,
        status: 0,
    };
    let source = Source::new(2, 1).expect("it exists");
    life.live(20, 1);
    assert!(life.rows_of(JournalId::MBusProfile2).is_empty(), "no device, no rows");
    life.step(Input::MBus(source, gas(4_711))).expect("a good step");
    life.live(3_600, 1);
    life.live(3_600, 1);
    let rows = life.rows_of(JournalId::MBusProfile2);
    assert_eq!(
        rows.iter().map(|row| row.0).collect::<Vec<_>>(),
        [at(12, 0, 0), at(13, 0, 0)]
    );
    assert_eq!(rows[0].1[14..21], hex("11 08 06 00001267"));
    assert_eq!(
        rows[0].1[21..31],
        hex("090C 07EA0701030D000A"),
        "read at 13:00:10 local time"
    );
    assert_eq!(rows[1].1[14..16], hex("11 0C"), "nothing came in the second hour");
    assert_eq!(life.log(JournalId::MBusLog2), [115]);
    assert_eq!(life.read(4, "0-2:24.2.1", 3), hex("0202 0FFE 160D"));
    assert_eq!(life.meter.model().alarms.registers[1], 1 << 20 | 1 << 1);
    // A device that does not answer: one event, an error bit, and both end with the next answer.
    for code in [happening::COMMUNICATION_ERROR, happening::COMMUNICATION_ERROR] {
        let code = happening::code(2, code);
        life.step(Input::Noted(crate::event_log::Log::MBus2, code))
            .expect("a good step");
    }
    assert_eq!(life.meter.model().error_register, 1 << 17);
    let ok = happening::code(2, happening::COMMUNICATION_OK);
    life.step(Input::Noted(crate::event_log::Log::MBus2, ok))
        .expect("a good step");
    assert_eq!(life.meter.model().error_register, 0);
    assert_eq!(life.log(JournalId::MBusLog2), [115, 110, 111]);
    let life = life.after_outage(5);
    assert_eq!(life.read(4, "0-2:24.2.1", 2), hex("06 00001267"));
    assert_eq!(life.rows_of(JournalId::MBusProfile2).len(), 2);
}

/// Q2: a short failure counts, a long one is a row with its duration, of the whole meter and of a phase.
#[test]
fn long_power_failures_are_logged_with_their_duration() {
    let mut life = Life::begun_at(at(10, 0, 0));
    life.live(2, 1);
    let mut life = life.after_outage(179);
    life.live(2, 1);
    assert_eq!(life.read(1, "0-0:96.7.21", 2), hex("12 0001"));
    assert!(life.rows_of(JournalId::PowerInterruptionLog).is_empty());
    let mut life = life.after_outage(200);
    life.live(2, 1);
    let back = at(10, 0, 0).plus(2 + 179 + 2 + 200);
    let rows = life.rows_of(JournalId::PowerInterruptionLog);
    assert_eq!(
        rows.iter().map(|row| (row.0, row.1[14..].to_vec())).collect::<Vec<_>>(),
        [(back, hex("06 000000C8"))]
    );
    assert_eq!(life.read(1, "0-0:96.7.9", 2), hex("12 0001"));
    assert_eq!(life.read(3, "0-0:96.7.15", 2), hex("06 000000C8"));
    // L2 alone, with a threshold of 10 s.
    assert_eq!(life.set("0003 0000600714FF", 2, &hex("12 000A")), 0);
    for second in 0..25 {
        life.now = life.now + Micros::from_secs(1);
        life.bench.flash.pass(Micros::from_secs(1));
        let there = PhaseReading::steady(230_000_000, 0, 0, 0, 1_000_000_000);
        let gone = PhaseReading::default();
        life.window([there, if second < 20 { gone } else { there }, there], 1_000_000_000);
    }
    assert_eq!(life.rows_of(JournalId::PowerInterruptionLog).len(), 2);
    assert_eq!(
        life.read(1, "0-0:96.7.7", 2),
        hex("12 0002"),
        "once with the meter, once alone"
    );
    assert_eq!(life.read(3, "0-0:96.7.17", 2), hex("06 00000014"));
    assert_eq!(life.read(1, "0-0:96.7.6", 2), hex("12 0001"));
    assert_eq!(life.read(1, "0-0:96.7.0", 2), hex("12 0002"));
}

/// L2: alarms and errors rise with the event, stay, and fall when they are written; a filter keeps an event out of the log, not the alarm.
#[test]
fn alarms_and_errors_stay_until_they_are_written() {
    let mut life = Life::begun_at(at(10, 0, 0));
    life.step(Input::Contact(Contact::MeterCover { open: true }))
        .expect("a good step");
    assert_eq!(life.read(1, "0-0:97.98.0", 2), hex("06 00002000"));
    assert_eq!(life.read(1, "0-0:97.98.20", 2), hex("06 00002000"));
    assert_eq!(life.read(1, "0-0:97.97.0", 2), hex("06 00002000"));
    // They outlive a power failure, and what persists is not said again.
    let mut life = life.after_outage(5);
    life.step(Input::Contact(Contact::MeterCover { open: true }))
        .expect("a good step");
    assert_eq!(life.log(JournalId::FraudLog), [44]);
    assert_eq!(life.read(1, "0-0:97.98.0", 2), hex("06 00002000"));
    assert_eq!(life.read(1, "0-0:97.98.1", 2), hex("06 00000003"), "power down and up");
    assert_eq!(life.set("0001 0000616200FF", 2, &hex("06 00000000")), 0);
    assert_eq!(life.set("0001 0000616100FF", 2, &hex("06 00000000")), 0);
    assert_eq!(life.set("0001 0000616214FF", 2, &hex("06 00000000")), 0);
    assert_eq!(life.read(1, "0-0:97.98.0", 2), hex("06 00000000"));
    assert_eq!(life.read(1, "0-0:97.97.0", 2), hex("06 00000000"));
    assert_eq!(life.log(JournalId::StandardLog), [2, 1, 2, 11, 10]);
    // The fraud log takes no 45 any more, and no alarm of register 1 is let through.
    let mut filter = [0xFF; 32];
    filter[45 / 8] &= !(0x80 >> (45 % 8));
    assert_eq!(life.set("0001 0000600BA1FF", 2, &[&[9, 32][..], &filter].concat()), 0);
    assert_eq!(life.set("0001 000061620AFF", 2, &hex("06 00000000")), 0);
    life.step(Input::Contact(Contact::MeterCover { open: false }))
        .expect("a good step");
    life.step(Input::Contact(Contact::MeterCover { open: true }))
        .expect("a good step");
    assert_eq!(life.log(JournalId::FraudLog), [44, 44]);
    assert_eq!(life.read(1, "0-0:97.98.0", 2), hex("06 00000000"));
    // Clearing writes 255 first, whatever the filter says.
    assert_eq!(life.set("0001 0000600BA1FF", 2, &[&[9, 32][..], &[0; 32]].concat()), 0);
    let cleared = life
        .talk(&hex("C301C1 0007 0000636201FF 01 01 0F00"))
        .expect("a good step");
    assert_eq!(cleared, hex("C701C10000"));
    assert_eq!(life.log(JournalId::FraudLog), [255]);
}

/// L2: the log of parameter changes says who changed what, and the digests of the values; nobody clears it.
#[test]
fn a_change_of_a_parameter_is_logged_with_who_what_and_digests() {
    let mut life = Life::begun_at(at(10, 0, 0));
    assert_eq!(life.talk(&set_device_id(0x41)).expect("a good step"), hex("C501C100"));
    assert_eq!(
        life.talk(&set_device_id(0x41)).expect("a good step"),
        hex("C501C100"),
        "no change, no row"
    );
    let opened = life
        .talk(&hex("C301C1 0046 0000600 30AFF 01 01 0F00"))
        .expect("a good step");
    assert_eq!(opened, hex("C701C10000"));
    let rows = life.rows_of(JournalId::ParameterChangeLog);
    assert_eq!(rows.len(), 2);
    let digest = |value: &[u8]| [&[6][..], &crate::capture::fnv_1a(value.iter().copied()).to_be_bytes()].concat();
    let change = [
        hex("11 01 0203 120001 09060000600101FF 0F02"),
        digest(&hex("0900")),
        digest(&hex("090141")),
    ]
    .concat();
    assert_eq!(rows[0].1[14..], change);
    let method = [
        hex("11 01 0203 120046 0906000060030AFF 0FFF 06 00000000"),
        digest(&hex("0F00")),
    ]
    .concat();
    assert_eq!(rows[1].1[14..], method);
    // The disconnect log knows the client too.
    assert_eq!(life.rows_of(JournalId::DisconnectLog)[0].1[14..], hex("11 3E 11 01"));
    let cleared = life
        .talk(&hex("C301C1 0007 0000636280FF 01 01 0F00"))
        .expect("a good step");
    assert_eq!(cleared, hex("C701C10300"), "read-write denied");
}

/// B1, M6: a billing period records 32 columns from the factory, the times of its maxima too, and a client may set this list itself.
#[test]
fn the_times_of_the_maxima_are_columns_of_a_billing_period() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    life.associate().expect("a good step");
    for profile in ["0000620100FF", "0000620200FF"] {
        let factory = life.get(&format!("C001C10007{profile}0300"));
        assert_eq!(factory[..2], [1, 32]);
        let time = column(4, "1-0:1.6.0", 5, 0);
        assert!(factory.windows(time.len()).any(|it| it == time));
        assert_eq!(life.set_profile(profile, 3, &list(&[time])), 0);
        assert_eq!(life.set_profile(profile, 3, &factory), 0);
        assert_eq!(life.get(&format!("C001C10007{profile}0300")), factory);
    }
    // A period of two quarters, the second of which had the maximum.
    life.live(900, 1_000);
    life.live(900, 2_000);
    let time = life.get("C001C1000401000106 00FF0500");
    assert_eq!(
        life.talk(&hex("C301C10007000062 0100FF02010F00")),
        Ok(hex("C701C10000"))
    );
    let row = life.get("C001C100070000620100FF0200");
    assert!(
        row.windows(time.len()).any(|it| it == time),
        "{row:02X?} without {time:02X?}"
    );
}
