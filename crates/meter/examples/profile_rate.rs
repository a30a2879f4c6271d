//! How fast a full load profile streams out of flash through the DLMS server into a sink, how many sectors a range reads, how fast a
//! register is read, and what RAM an idle meter and each of its profiles need.
//!
//! `cargo run --release -p ferraris-meter --example profile_rate`

use core::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Instant as Stopwatch;

use base::{Civil, Instant, Micros, Utc};
use cosem::{ClockStatus, DateTime};
use dlms::security::{Key, Secret};
use dlms::server::{Link, WrapperLink};
use ferraris_meter::profile::{JournalId, Profile};
use ferraris_meter::{Board, Config, FlashSize, Input, Meter, Model, Secrets, Variant};
use flash::model::{Model as Flash, Timing};
use flash::{Erase, Journal, Nor, NorError, SECTOR_BYTES};

const SECTORS: u32 = FlashSize::Megabytes16.sectors();
const ROWS: u32 = 10_000;
const GOAL: f64 = 1.0e6;
const GETS: u32 = 200_000;

struct Bench(Counted);

/// A flash that knows which of its sectors were read.
struct Counted {
    flash: Flash<Vec<u8>, Vec<u32>>,
    read: RefCell<BTreeSet<u32>>,
}

impl Nor for Counted {
    fn sectors(&self) -> u32 {
        self.flash.sectors()
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NorError> {
        self.read.borrow_mut().insert(at / SECTOR_BYTES);
        self.flash.read(at, into)
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError> {
        self.flash.program(at, bytes)
    }

    fn start_erase(&mut self, sector: u32) -> Result<(), NorError> {
        self.flash.start_erase(sector)
    }

    fn poll_erase(&mut self) -> Result<Erase, NorError> {
        self.flash.poll_erase()
    }

    fn suspend_erase(&mut self) -> Result<(), NorError> {
        self.flash.suspend_erase()
    }

    fn resume_erase(&mut self) -> Result<(), NorError> {
        self.flash.resume_erase()
    }
}

impl Board for Bench {
    fn flash(&mut self) -> &mut dyn Nor {
        &mut self.0
    }

    fn drive_disconnector(&mut self, _closed: bool) {}

    fn set_rtc(&mut self, _utc: Utc) {}
}

fn main() {
    let cells = vec![0xFF; (SECTORS * SECTOR_BYTES) as usize];
    let mut board = Bench(Counted {
        flash: Flash::new(cells, vec![0; SECTORS as usize], Timing::TYPICAL, 1),
        read: RefCell::default(),
    });
    let key = || Key::new(&[0; 16]).expect("16 octets");
    let password = Secret::new(b"12345678").expect("it fits");
    let secrets = Secrets {
        lls_password: Some(password),
        ..Secrets::new(key(), key())
    };
    let config = Config::new(Variant::St402d, 1, secrets);
    let rtc = Civil::new(2026, 1, 1, 0, 0, 0).expect("the calendar has it").utc();
    let (mut meter, _) = Meter::boot(&config, Some(rtc), [1; 32], &mut board).expect("this flash works");
    let mut link = Link::Wrapper(WrapperLink::new(Instant::START, Micros::MAX));
    let mut answer = Vec::new();

    talk(&mut meter, &mut board, &mut link, Instant::START, AARQ, &mut answer);
    let period = [&hex("C101C1 0007 0100630100FF 04 00 06")[..], &60_u32.to_be_bytes()].concat();
    talk(&mut meter, &mut board, &mut link, Instant::START, &period, &mut answer);
    let mut now = Instant::START;
    while meter.model().journals[JournalId::LoadProfile1.index()].in_use < ROWS {
        now = now + Micros::from_secs(20);
        board.0.flash.pass(Micros::from_secs(20));
        meter.step(now, Input::Tick, &mut board).expect("a good step");
    }
    let columns = meter.model().columns(JournalId::LoadProfile1).len();

    // The clock column would make each client decode 12 octets a row; it is streamed like the others.
    let mut best = f64::MAX;
    let mut octets = 0;
    for _ in 0..20 {
        let watch = Stopwatch::now();
        octets = read_all(&mut meter, &mut board, &mut link, now, &mut answer);
        best = best.min(watch.elapsed().as_secs_f64());
    }
    let rate = f64::from(ROWS) / best;
    println!("profile of {ROWS} rows x {columns} columns ({octets} octets), flash -> server -> sink, best of 20:");
    println!(
        "  {rate:.0} rows/s, {:.1} MB/s; goal {GOAL:.0} rows/s; ratio {:.2}",
        octets as f64 / best / 1e6,
        rate / GOAL
    );

    // One row out of the middle: what the search for it reads, and its own sector.
    board.0.read.borrow_mut().clear();
    let row = DateTime::from_utc(rtc.plus(60 * i64::from(ROWS / 2)), -60, ClockStatus::default()).octets();
    let range = [
        &hex("C001C1 0007 0100630100FF 02 01 01 0204 0204 120008 09060000010000FF 0F02 120000 090C")[..],
        &row,
        &hex("090C"),
        &row,
        &hex("0100"),
    ]
    .concat();
    talk(&mut meter, &mut board, &mut link, now, &range, &mut answer);
    assert_eq!(
        answer[8..14],
        [0xC4, 0x01, 0xC1, 0x00, 0x01, 0x01],
        "one row is expected"
    );
    println!(
        "a range of one row read {} sectors: one search for the length of the array, one for the row (each log2 n + 2 at most)",
        board.0.read.borrow().len()
    );

    let get = hex("C001C1 0003 0100010800FF 02 00");
    let mut best = f64::MAX;
    for _ in 0..5 {
        let watch = Stopwatch::now();
        for _ in 0..GETS {
            talk(&mut meter, &mut board, &mut link, now, &get, &mut answer);
        }
        best = best.min(watch.elapsed().as_secs_f64());
    }
    assert_eq!(answer[8..12], [0xC4, 0x01, 0xC1, 0x00], "success is expected");
    println!(
        "GET of one register through the whole meter, without a socket: {:.0} a second",
        f64::from(GETS) / best
    );

    println!("RAM of an idle meter besides its flash, octets; goal 12288:");
    println!("  model (rules, registers, parameters)  {:6}", size_of::<Model>());
    println!(
        "    of it energy registers              {:6}",
        size_of::<metrology::Registers>()
    );
    println!("  whole meter (model, memories, chance) {:6}", size_of::<Meter>());
    println!(
        "    of it each of the ten profiles: list, period, marks {:6}, and its ring {:6}",
        size_of::<Profile>(),
        size_of::<Option<Journal>>()
    );
    println!(
        "lent while somebody is connected: link with its session {:6}",
        size_of::<Link>()
    );
}

const AARQ: &[u8] = &[
    0x60, 0x36, 0xA1, 0x09, 0x06, 0x07, 0x60, 0x85, 0x74, 0x05, 0x08, 0x01, 0x01, 0x8A, 0x02, 0x07, 0x80, 0x8B, 0x07,
    0x60, 0x85, 0x74, 0x05, 0x08, 0x02, 0x01, 0xAC, 0x0A, 0x80, 0x08, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38,
    0xBE, 0x10, 0x04, 0x0E, 0x01, 0x00, 0x00, 0x00, 0x06, 0x5F, 0x1F, 0x04, 0x00, 0x00, 0x7E, 0x1F, 0xFF, 0xFF,
];

/// Reads the whole buffer by block transfer and answers how many octets of it came.
fn read_all(meter: &mut Meter, board: &mut Bench, link: &mut Link, now: Instant, answer: &mut Vec<u8>) -> usize {
    let request = hex("C001C1 0007 0100630100FF 02 00");
    talk(meter, board, link, now, &request, answer);
    let mut octets = 0;
    loop {
        // wrapper 8, C4 02 iip last number(4) 00, length
        let body = &answer[8..];
        assert_eq!(body[..2], [0xC4, 0x02], "a block is expected");
        octets += body.len() - 9;
        if body[3] == 1 {
            return octets;
        }
        let next = [&[0xC0, 0x02, 0xC1][..], &body[4..8]].concat();
        talk(meter, board, link, now, &next, answer);
    }
}

fn talk(meter: &mut Meter, board: &mut Bench, link: &mut Link, now: Instant, apdu: &[u8], answer: &mut Vec<u8>) {
    let length = u16::try_from(apdu.len()).expect("a short request").to_be_bytes();
    let frame = [&[0, 1, 0, 1, 0, 1][..], &length, apdu].concat();
    answer.clear();
    let mut take = |octets: &[u8]| answer.extend_from_slice(octets);
    let received = Input::Received {
        link,
        at: now,
        octets: &frame,
        answer: &mut take,
    };
    meter.step(now, received, board).expect("a good step");
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
