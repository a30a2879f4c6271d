//! The whole meter from outside: booted on a flash that wears, tears and loses power, and talked to in octets.

extern crate std;

mod attacks;
mod clients;
mod connection;
mod cuts;
mod damage;
mod farewell;
mod foreign;
mod images;
mod key_change;
mod legal;
mod periods;
mod profiles;
mod refused;
mod registration;
mod roll_over;
mod row_forms;
mod sizes;
mod supply;
mod talker;
mod time;
mod transformers;
mod trust;
mod verification;
mod worn;

use std::vec::Vec;
use std::{format, println, vec};

use base::{Civil, Instant, Micros, Utc};
use cosem::axdr::Writer;
use cosem::{Attribute, Obis, Role};
use dlms::security::{KeySet, Secret};
use dlms::server::{Application as _, Link, WrapperLink};
use flash::Nor;
use flash::model::{Cut, How, Model as Flash, Timing};
use metrology::{Apparent, Element, Measurement, PhaseReading, Position, Quantity};

use crate::config::test_secrets;
use crate::model::error_bit;
use crate::profile::{JournalId, status};
use crate::{
    Board, BootReport, Config, Contact, Fault, FlashSize, Input, Meter, Secrets, Trouble, Variant, partitions,
};

/// The smaller part: what is cut, copied and compared here thousands of times.
const TEST_SECTORS: usize = FlashSize::Megabytes4.sectors() as usize;
const PASSWORD: &[u8] = b"12345678";
const WINDOW: Micros = Micros::from_millis(200);

/// The request of client 1 for an association with its password.
const AARQ_LLS: &[u8] = b"\x60\x36\xA1\x09\x06\x07\x60\x85\x74\x05\x08\x01\x01\x8A\x02\x07\x80\x8B\x07\x60\x85\x74\x05\x08\x02\x01\xAC\x0A\x80\x0812345678\xBE\x10\x04\x0E\x01\x00\x00\x00\x06\x5F\x1F\x04\x00\x00\x7E\x1F\x04\xB0";

type TestFlash = Flash<Vec<u8>, Vec<u32>>;

struct Bench {
    flash: TestFlash,
    closed: Option<bool>,
    rtc: Option<Utc>,
}

impl Board for Bench {
    fn flash(&mut self) -> &mut dyn Nor {
        &mut self.flash
    }

    fn drive_disconnector(&mut self, closed: bool) {
        self.closed = Some(closed);
    }

    fn set_rtc(&mut self, utc: Utc) {
        self.rtc = Some(utc);
    }
}

impl Bench {
    fn new() -> Self {
        let cells = vec![0xFF; TEST_SECTORS * 4_096];
        Self {
            flash: Flash::new(cells, vec![0; TEST_SECTORS], Timing::TYPICAL, 1),
            closed: None,
            rtc: None,
        }
    }

    /// The same flash after the power came back.
    fn revived(self) -> Self {
        let Self { mut flash, closed, rtc } = self;
        flash.cut(None);
        flash.power_up();
        Self { flash, closed, rtc }
    }
}

fn config() -> Config {
    let password = Secret::new(PASSWORD).expect("it fits");
    let secrets = Secrets {
        lls_password: Some(password),
        ..test_secrets()
    };
    Config {
        flash: FlashSize::Megabytes4,
        ..Config::new(Variant::St402d, 40_200_001, secrets)
    }
}

/// First sector and number of sectors of a partition of the meter under test.
fn partition(name: &str) -> (usize, usize) {
    let found = partitions(FlashSize::Megabytes4).iter().find(|it| it.name == name);
    let partition = found.expect("the table has it");
    (partition.first as usize, partition.sectors as usize)
}

fn start() -> Utc {
    Civil::new(2026, 7, 1, 10, 14, 58).expect("the calendar has it").utc()
}

fn boot(bench: &mut Bench, rtc: Option<Utc>) -> (Meter, BootReport) {
    Meter::boot(&config(), rtc, [7; 32], bench).expect("this flash works")
}

/// A meter with its bench, the instant, and what was measured so far.
struct Life {
    bench: Bench,
    meter: Meter,
    now: Instant,
    link: Link,
}

impl Life {
    fn begin(bench: Bench, rtc: Option<Utc>) -> (Self, BootReport) {
        let mut bench = bench;
        let (meter, report) = boot(&mut bench, rtc);
        let link = Link::Wrapper(WrapperLink::new(Instant::START, Micros::from_secs(180)));
        (
            Self {
                bench,
                meter,
                now: Instant::START,
                link,
            },
            report,
        )
    }

    /// A meter of this order, a second old.
    fn ordered(order: &Config) -> Self {
        let (mut it, _) = Self::begin(Bench::new(), Some(start()));
        let mut bench = Bench::new();
        let (meter, _) = Meter::boot(order, Some(start()), [7; 32], &mut bench).expect("this flash works");
        (it.meter, it.bench) = (meter, bench);
        it.idle(1);
        it
    }

    fn step(&mut self, input: Input<'_>) -> Result<(), Fault> {
        self.bench.flash.pass(Micros::from_millis(1));
        self.meter.step(self.now, input, &mut self.bench)
    }

    /// One window of 3 x `watts`.
    fn measure(&mut self, watts: i64) -> Result<(), Fault> {
        self.now = self.now + WINDOW;
        self.bench.flash.pass(WINDOW);
        let reading = PhaseReading::steady(230_000_000, 10_000_000, watts * 1_000_000, 0, 200_000_000);
        let (from, to) = (Position::START, Position::of_sample(1_600));
        let window = Measurement::of_phases(from, to, 200_000_000, 50_000_000, [reading; 3], Apparent::Arithmetic);
        self.meter.step(self.now, Input::Measured(&window), &mut self.bench)
    }

    /// Sends one APDU in a wrapper from client 1 and answers the APDU that comes back.
    fn talk(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut frame = vec![0, 1, 0, 1, 0, 1];
        frame.extend(u16::try_from(apdu.len()).expect("a short APDU").to_be_bytes());
        frame.extend(apdu);
        let mut answer = Vec::new();
        let Self {
            bench,
            meter,
            now,
            link,
        } = self;
        let mut take = |octets: &[u8]| answer.extend_from_slice(octets);
        meter.step(
            *now,
            Input::Received {
                link,
                at: *now,
                octets: &frame,
                answer: &mut take,
            },
            bench,
        )?;
        Ok(answer.split_off(answer.len().min(8)))
    }

    fn associate(&mut self) -> Result<(), Fault> {
        let answer = self.talk(AARQ_LLS)?;
        assert!(
            answer.is_empty()
                || answer
                    .windows(16)
                    .any(|it| it == hex("A109060760857405080101A203020100").as_slice()),
            "{answer:02X?}"
        );
        Ok(())
    }

    fn import(&self) -> i128 {
        self.meter
            .model()
            .registers
            .micro(Quantity::ActiveImport, Element::Total)
    }

    fn read(&self, class_id: u16, name: &str, index: i8) -> Vec<u8> {
        let mut buffer = [0; 512];
        let mut out = Writer::new(&mut buffer);
        let what = Attribute::new(class_id, Obis::new(name), index);
        self.meter
            .read(Role::Management, what, &mut out)
            .expect("management may read it");
        out.written().to_vec()
    }

    /// The rows of the load profile with their time stamps.
    fn rows(&self) -> Vec<(Utc, Vec<u8>)> {
        let mut rows = Vec::new();
        let mut visit = |utc: Utc, row: &[u8]| rows.push((utc, row.to_vec()));
        self.meter
            .visit_rows(&self.bench.flash, JournalId::LoadProfile1, 0, &mut visit)
            .expect("the flash can be read");
        rows
    }

    fn log(&self, journal: JournalId) -> Vec<u8> {
        let mut codes = Vec::new();
        let mut visit = |_: Utc, row: &[u8]| codes.extend(row.get(15)); // behind the clock and a tag
        self.meter
            .visit_rows(&self.bench.flash, journal, 0, &mut visit)
            .expect("the flash can be read");
        codes
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter_map(|it| char::from(it).to_digit(16))
        .filter_map(|it| u8::try_from(it).ok())
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// SET of 0-0:96.1.1 to one octet.
fn set_device_id(octet: u8) -> Vec<u8> {
    let mut apdu = hex("C101C1 0001 0000600101FF 02 00 0901");
    apdu.push(octet);
    apdu
}

#[test]
fn a_meter_from_the_factory_boots_and_says_so() {
    let (life, report) = Life::begin(Bench::new(), Some(start()));
    assert!(report.first_boot && !report.has_loss(), "{report:?}");
    assert_eq!(life.log(JournalId::StandardLog), [2]);
    assert_eq!(life.bench.closed, Some(true));
    assert_eq!(life.read(1, "0-0:42.0.0", 2)[2..], *b"FRR1030140200001");
}

/// L1: rows at the boundaries hold exactly what was measured up to them.
#[test]
fn a_row_of_the_profile_holds_what_was_measured_up_to_its_stamp() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    // 3 x 6 kW for 2 s until the boundary, then on: 10 Wh at 10:15:00
    for _ in 0..30 {
        life.measure(6_000).expect("a good step");
    }
    let mut rows = Vec::new();
    let mut visit = |utc: Utc, row: &[u8]| rows.push((utc, row.to_vec()));
    life.meter
        .visit_rows(&life.bench.flash, JournalId::LoadProfile1, 0, &mut visit)
        .expect("the flash can be read");
    assert_eq!(rows.len(), 1);
    let (utc, row) = &rows[0];
    assert_eq!(
        *utc,
        Civil::new(2026, 7, 1, 10, 15, 0).expect("the calendar has it").utc()
    );
    assert_eq!(row[..14], hex("090C 07EA070103 0C0F00 00 FF88 80"));
    assert_eq!(row[14..16], [0x11, 0x0C]); // daylight saving; the meter began inside the period
    assert_eq!(row[16..21], [0x06, 0, 0, 0, 10]);
    assert_eq!(life.import(), 30 * 3_600_000_000);
}

/// D1: the switch opens by remote command, the world follows, and the state outlives a power cut.
#[test]
fn the_switch_opens_and_stays_open_over_a_power_cut() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    life.associate().expect("a good step");
    assert_eq!(
        life.talk(&hex("C301C1 0046 000060030AFF 01 01 0F00")),
        Ok(hex("C701C10000"))
    );
    assert_eq!(life.bench.closed, Some(false));
    assert_eq!(life.log(JournalId::DisconnectLog), [62]);
    let (mut life, report) = Life::begin(life.bench.revived(), Some(start().plus(60)));
    assert!(report.unclean);
    assert_eq!(life.bench.closed, Some(false));
    assert_eq!(life.read(70, "0-0:96.3.10", 2), [3, 0]);
    life.associate().expect("a good step");
    assert_eq!(
        life.talk(&hex("C301C1 0046 000060030AFF 02 01 0F00")),
        Ok(hex("C701C10000"))
    );
    assert_eq!(life.bench.closed, Some(true));
}

#[test]
fn setting_the_clock_is_two_events_and_sets_the_backup_clock() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    life.associate().expect("a good step");
    let set = hex("C101C1 0008 0000010000FF 02 00 090C 07EA070103 0E0000 00 FF88 80");
    assert_eq!(life.talk(&set), Ok(hex("C501C100")));
    let wanted = Civil::new(2026, 7, 1, 12, 0, 0).expect("the calendar has it").utc();
    assert_eq!(life.meter.model().utc(), wanted);
    assert_eq!(life.bench.rtc, Some(wanted));
    assert_eq!(life.log(JournalId::StandardLog), [2, 4, 5]);
    // no moment, no date, out of range: refused, nothing changed
    for time in [
        "FFFFFFFFFF FFFFFF FF 8000 FF",
        "07EA0D0103 0E0000 00 FF88 80",
        "07CF070103 0E0000 00 FF88 80",
    ] {
        let set = hex(&format!("C101C1 0008 0000010000FF 02 00 090C {time}"));
        assert_eq!(life.talk(&set), Ok(hex("C501C1FA")));
    }
    assert_eq!(life.meter.model().utc(), wanted);
    assert_eq!(life.log(JournalId::StandardLog), [2, 4, 5]);
}

/// T1: a time source of the board sets the clock like a client, and is refused like one.
#[test]
fn a_time_source_of_the_board_sets_the_clock() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    life.step(Input::Time(start().plus(3_600))).expect("a good step");
    assert_eq!(life.meter.model().utc(), start().plus(3_600));
    assert_eq!(life.log(JournalId::StandardLog), [2, 4, 5]);
    assert_eq!(life.step(Input::Time(Utc::from_unix(0))), Err(Fault::Time));
    assert_eq!(life.meter.model().utc(), start().plus(3_600));
    assert_eq!(life.log(JournalId::StandardLog), [2, 4, 5]);
}

/// T1, L1: a correction within the limit moves the clock over a boundary, and the row of the period comes exactly once.
#[test]
fn a_correction_over_a_boundary_neither_loses_nor_doubles_a_row() {
    for (windows_before, shift) in [(1, 3), (15, 1)] {
        let (mut life, _) = Life::begin(Bench::new(), Some(start()));
        for _ in 0..windows_before {
            life.measure(1).expect("a good step");
        }
        life.step(Input::Time(start().plus(shift))).expect("a good step");
        for _ in 0..20 {
            life.measure(1).expect("a good step");
        }
        let stamps: Vec<Utc> = life.rows().into_iter().map(|(utc, _)| utc).collect();
        assert_eq!(stamps, [start().plus(2)], "{windows_before} windows, then {shift} s");
        assert_eq!(life.log(JournalId::StandardLog), [2]);
    }
}

/// L1: a row on demand carries the marks of the running period, and leaves them to the row that ends it.
#[test]
fn a_row_on_demand_does_not_take_the_marks_of_the_period() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    life.measure(1).expect("a good step");
    life.meter.core.model.profiles.mark(status::CLOCK_ADJUSTED);
    life.meter
        .core
        .model
        .capture_now(JournalId::LoadProfile1)
        .expect("it has columns");
    for _ in 0..20 {
        life.measure(1).expect("a good step");
    }
    let marked = life.rows().iter().all(|(_, row)| row[15] & status::CLOCK_ADJUSTED != 0);
    assert!(marked && life.rows().len() == 2);
}

/// F1
#[test]
fn covers_are_events_once() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    for open in [true, true, false] {
        life.step(Input::Contact(Contact::TerminalCover { open }))
            .expect("a good step");
    }
    assert_eq!(life.log(JournalId::FraudLog), [40, 41]);
}

#[test]
fn refusals_are_those_of_the_standard() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    life.associate().expect("a good step");
    for (request, answer) in [
        ("C001C1 0003 0100010900FF 02 00", "C401C10104"), // no such object
        ("C001C1 0004 0100010800FF 02 00", "C401C10109"), // another class
        ("C001C1 0003 0100010800FF 09 00", "C401C10103"), // no such attribute
        ("C101C1 0003 0100010800FF 02 00 0600000000", "C501C103"), // no right
        ("C101C1 0001 0000600101FF 02 00 0600000000", "C501C10C"), // another type
        ("C301C1 0003 0100010800FF 01 01 0F00", "C701C10300"), // no such method for anybody
        ("C301C1 0046 000060030AFF 01 01 09026161", "C701C10C00"), // a parameter of another type
        ("C001C1 0003 0100010800FF 02 01 01 00", "C401C1010D"), // no such selection
        ("C001C1 0007 0100630100FF 02 01 07 00", "C401C1010D"),
        ("C001C1 0007 0100630100FF 02 01 01 00", "C401C1010C"),
    ] {
        assert_eq!(life.talk(&hex(request)), Ok(hex(answer)), "{request}");
    }
}

/// U2, reliability B1: power cut at every program and erase step, in every model, over a life with every kind of write that there is:
/// first boot, captures, parameters, switch, clock, events, checkpoint, farewell, second boot. Nothing acknowledged is lost.
#[test]
fn nothing_acknowledged_is_lost_by_a_cut_at_any_step() {
    let seed = 0xFE44_u64;
    let whole = live(Bench::new());
    let steps = whole.bench.flash.writes().steps;
    assert!(whole.finished && 100 < steps, "the scenario must write: {steps}");
    let mut tried = 0;
    for step in 0..steps {
        for how in [How::NotDone, How::HalfDone, How::Torn, How::Done] {
            let mut bench = Bench::new();
            bench.flash = Flash::new(
                vec![0xFF; TEST_SECTORS * 4_096],
                vec![0; TEST_SECTORS],
                Timing::TYPICAL,
                seed ^ step,
            );
            bench.flash.cut(Some(Cut { step, how }));
            let cut = live(bench);
            let context = format!("seed {seed:#x} step {step} {how:?}");
            cut.verify(&context);
            tried += 1;
        }
    }
    println!("{tried} cuts tried of {steps} steps");
}

/// What a life had been promised when the power went.
struct Promises {
    bench: Bench,
    finished: bool,
    booted: bool,
    device_id: Option<u8>,
    pending_device_id: Option<u8>,
    switch_open: Option<bool>,
    rows: usize,
    import: i128,
    /// The last numbers sent with and accepted.
    counters: (u32, u32),
    farewell: bool,
}

/// Lives the scenario until its end or until the power goes.
fn live(bench: Bench) -> Promises {
    let mut bench = bench;
    let mut promises = Promises {
        bench: Bench {
            flash: Flash::new(Vec::new(), Vec::new(), Timing::TYPICAL, 0),
            closed: None,
            rtc: None,
        },
        finished: false,
        booted: false,
        device_id: None,
        pending_device_id: None,
        switch_open: None,
        rows: 0,
        import: 0,
        counters: (0, 0),
        farewell: false,
    };
    let Ok((meter, _)) = Meter::boot(&config(), Some(start()), [7; 32], &mut bench) else {
        promises.bench = bench;
        return promises;
    };
    promises.booted = true;
    let link = Link::Wrapper(WrapperLink::new(Instant::START, Micros::from_secs(180)));
    let mut life = Life {
        bench,
        meter,
        now: Instant::START,
        link,
    };
    let outcome = act(&mut life, &mut promises);
    promises.finished = outcome.is_some();
    promises.bench = life.bench;
    promises
}

/// The acts of the scenario; none when the power went.
fn act(life: &mut Life, promises: &mut Promises) -> Option<()> {
    let powered = |life: &Life| life.bench.flash.is_powered().then_some(());
    life.associate().ok()?;
    life.talk(&hex("C101C1 0007 0100630100FF 04 00 060000003C")).ok()?; // a row a minute
    powered(life)?;
    for minute in 0..3_u8 {
        promises.pending_device_id = Some(minute);
        let answer = life.talk(&set_device_id(minute)).ok()?;
        if answer == hex("C501C100") {
            promises.device_id = promises.pending_device_id.take();
        }
        powered(life)?;
        promises.pending_device_id = None;
        promises.counters.0 = life.service().next_counter(1).ok()?;
        let received = 10 + u32::from(minute);
        life.service().accept_counter(1, KeySet::Unicast, received).ok()?;
        promises.counters.1 = received;
        powered(life)?;
        let method = if minute % 2 == 0 { 1 } else { 2 };
        promises.switch_open = None;
        let answer = life
            .talk(&hex(&format!("C301C1 0046 000060030AFF {method:02} 01 0F00")))
            .ok()?;
        if answer == hex("C701C10000") {
            promises.switch_open = Some(method == 1);
        }
        powered(life)?;
        life.step(Input::Contact(Contact::MeterCover { open: minute % 2 == 0 }))
            .ok()?;
        powered(life)?;
        for _ in 0..300 {
            let _reported_by_the_error_register = life.measure(6_000);
            powered(life)?;
            promises.rows = life.meter.model().journals[0].in_use as usize;
            promises.import = life.import();
        }
    }
    promises.switch_open = None;
    let set = hex("C101C1 0008 0000010000FF 02 00 090C 07EA070103 0E0000 00 FF88 80");
    life.talk(&set).ok()?;
    powered(life)?;
    promises.switch_open = Some(true);
    life.step(Input::PowerFailing).ok()?;
    powered(life)?;
    promises.farewell = true;
    Some(())
}

impl Promises {
    /// Boots again and compares with what was promised.
    fn verify(self, context: &str) {
        let (mut life, report) = Life::begin(self.bench.revived(), Some(start().plus(600)));
        assert!(!report.has_loss(), "{context}: {report:?}");
        assert!(!self.booted || !report.first_boot, "{context}: {report:?}");
        let id = life.read(1, "0-0:96.1.1", 2);
        let acknowledged = self.device_id.map_or_else(|| vec![9, 0], |octet| vec![9, 1, octet]);
        let maybe = self.pending_device_id.map(|octet| vec![9, 1, octet]);
        assert!(id == acknowledged || Some(&id) == maybe.as_ref(), "{context}: {id:?}");
        if let Some(open) = self.switch_open {
            assert_eq!(life.bench.closed, Some(!open), "{context}");
        }
        // Reliability B8: no number comes twice, in neither direction.
        let (sent, accepted) = self.counters;
        assert!(
            life.service().next_counter(1).is_ok_and(|next| sent < next),
            "{context}"
        );
        assert!(
            life.service().accept_counter(1, KeySet::Unicast, accepted).is_err(),
            "{context}"
        );
        let mut rows = Vec::new();
        let mut visit = |_: Utc, row: &[u8]| rows.push(u32::from_be_bytes([row[17], row[18], row[19], row[20]]));
        life.meter
            .visit_rows(&life.bench.flash, JournalId::LoadProfile1, 0, &mut visit)
            .expect("the flash can be read");
        assert!(
            self.rows <= rows.len() && rows.len() <= self.rows + 1,
            "{context}: {rows:?} of {}",
            self.rows
        );
        assert!(rows.is_sorted(), "{context}: {rows:?}");
        // Without a warning at most what was measured since the last checkpoint, a minute ago, is gone; with one nothing.
        let import = life.import();
        let minute = 60 * 18_000 * 1_000_000;
        let most = self.import + 3_600_000_000;
        assert!(
            self.import - minute - 3_600_000_000 <= import && import <= most,
            "{context}: {import} of {}",
            self.import
        );
        if self.farewell {
            assert_eq!(import, self.import, "{context}");
        }
        assert_eq!(life.log(JournalId::StandardLog).last(), Some(&2), "{context}");
    }
}

/// Issue 3, bad input: what the board finds is a bit and one event, until somebody clears the register.
#[test]
fn trouble_is_said_once_in_the_log_and_stays_in_the_error_register() {
    let (mut life, _) = Life::begin(Bench::new(), None);
    let events = |life: &Life| life.meter.model().journals[JournalId::StandardLog as usize].in_use;
    for (trouble, bit) in [
        (Trouble::Measurement, error_bit::MEASUREMENT_SYSTEM),
        (Trouble::Memory, error_bit::NV_MEMORY),
        (Trouble::Program, error_bit::PROGRAM),
    ] {
        let before = events(&life);
        life.step(Input::Trouble(trouble)).expect("this flash works");
        life.step(Input::Trouble(trouble)).expect("this flash works");
        assert_eq!(life.meter.model().error_register & bit, bit);
        assert_eq!(events(&life), before + 1);
    }
}

/// Issue 3, bad input: a flash that holds nothing but garbage had a memory once; only an erased one comes from the factory.
#[test]
fn a_flash_of_garbage_is_a_loss_and_no_first_boot() {
    let mut bench = Bench::new();
    for (index, cell) in bench.flash.cells_mut().iter_mut().enumerate() {
        // Any pattern that is no record; sectors 0 to 15 are not the meter's.
        *cell = u8::try_from(index % 251).unwrap_or(0);
    }
    let (_, report) = boot(&mut bench, None);
    assert!(
        !report.first_boot && report.parameters_lost && report.registers_lost,
        "{report:?}"
    );
    let (_, after) = boot(&mut bench.revived(), None);
    assert!(!after.first_boot && !after.has_loss(), "{after:?}");
}
