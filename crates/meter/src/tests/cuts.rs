//! U2, reliability B1: a life is recorded program by program and erase by erase, then the power is cut in each of them, at each byte of it,
//! and again in each step of the recovery. After every cut the meter boots, and what was acknowledged is there, once and whole.
//!
//! `cargo xtask power-cuts` tries all of it, hundreds of thousands of cuts beside those in the shapes of the flash; the tests of every day
//! try the first, the middle and the last byte.

extern crate std;

use std::boxed::Box;
use std::string::String;
use std::vec::Vec;
use std::{format, println, vec};

use base::{Instant, Micros, Utc};
use cosem::axdr::Reader;
use cosem::{Attribute, Obis};
use dlms::security::{Key, KeySet};
use dlms::server::{Application as _, Link, WrapperLink};
use flash::model::{Cut, How, Model as Flash, Timing};
use flash::{Erase, Nor, NorError, SECTOR_BYTES};
use metrology::{Apparent, Element, Measurement, PhaseReading, Position, Quantity};

use super::{TEST_SECTORS, WINDOW, config, hex, set_device_id, start};
use crate::calendar::tests::Written;
use crate::effect::{Effect, Record};
use crate::keys::KeyId;
use crate::mbus::{Reading, Source};
use crate::profile::JournalId;
use crate::service::Service;
use crate::{Board, BootReport, Contact, Input, Meter};

/// What a step did to the flash.
#[derive(Clone, Debug)]
enum Change {
    Program(u32, Vec<u8>),
    EraseBegun(u32),
    EraseEnded(u32),
}

/// A flash that writes down what is done to it.
struct Recorder {
    flash: Flash<Vec<u8>, Vec<u32>>,
    changes: Vec<Change>,
    erasing: Option<u32>,
    is_recording: bool,
}

impl Recorder {
    fn note(&mut self, change: Change) {
        if self.is_recording {
            self.changes.push(change);
        }
    }
}

impl Nor for Recorder {
    fn sectors(&self) -> u32 {
        self.flash.sectors()
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NorError> {
        self.flash.read(at, into)
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError> {
        self.note(Change::Program(at, bytes.to_vec()));
        self.flash.program(at, bytes)
    }

    fn start_erase(&mut self, sector: u32) -> Result<(), NorError> {
        self.flash.start_erase(sector)?;
        // The one before has ended, though nobody has looked yet.
        if let Some(ended) = self.erasing.replace(sector) {
            self.note(Change::EraseEnded(ended));
        }
        self.note(Change::EraseBegun(sector));
        Ok(())
    }

    fn poll_erase(&mut self) -> Result<Erase, NorError> {
        let erase = self.flash.poll_erase()?;
        if erase == Erase::Idle
            && let Some(sector) = self.erasing.take()
        {
            self.note(Change::EraseEnded(sector));
        }
        Ok(erase)
    }

    fn suspend_erase(&mut self) -> Result<(), NorError> {
        self.flash.suspend_erase()
    }

    fn resume_erase(&mut self) -> Result<(), NorError> {
        self.flash.resume_erase()
    }
}

/// A flash over borrowed cells that knows which sectors were touched, so that they can be put back.
struct Tracked<'a> {
    flash: Flash<&'a mut [u8], [u32; 0]>,
    touched: Vec<u32>,
}

impl Tracked<'_> {
    fn touch(&mut self, sector: u32) {
        if !self.touched.contains(&sector) {
            self.touched.push(sector);
        }
    }
}

impl Nor for Tracked<'_> {
    fn sectors(&self) -> u32 {
        self.flash.sectors()
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NorError> {
        self.flash.read(at, into)
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError> {
        self.touch(at / SECTOR_BYTES);
        self.flash.program(at, bytes)
    }

    fn start_erase(&mut self, sector: u32) -> Result<(), NorError> {
        self.touch(sector);
        self.flash.start_erase(sector)
    }

    fn poll_erase(&mut self) -> Result<Erase, NorError> {
        // A boot that waits for its erases has all the time it needs.
        self.flash.pass(Micros::from_millis(50));
        self.flash.poll_erase()
    }

    fn suspend_erase(&mut self) -> Result<(), NorError> {
        self.flash.suspend_erase()
    }

    fn resume_erase(&mut self) -> Result<(), NorError> {
        self.flash.resume_erase()
    }
}

struct Desk<N>(N);

impl<N: Nor> Board for Desk<N> {
    fn flash(&mut self) -> &mut dyn Nor {
        &mut self.0
    }

    fn drive_disconnector(&mut self, _closed: bool) {}

    fn set_rtc(&mut self, _utc: Utc) {}
}

/// What a meter has told the world, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Truth {
    booted: bool,
    device_id: Vec<u8>,
    period: Vec<u8>,
    is_closed: bool,
    /// Rows ever written to each journal.
    written: Vec<u32>,
    /// Import when the registers were saved last, and now.
    saved: i128,
    import: i128,
    /// The value under key 1 of the bank: its length and first octet.
    large: Option<(u32, u8)>,
    /// The unicast key.
    key: Vec<u8>,
    /// The last numbers sent with and accepted under it.
    sent: u32,
    accepted: u32,
    /// Names of the calendars, the passive weeks, and the tariff that the active one says.
    calendars: Vec<Vec<u8>>,
    /// The billing periods that were ended.
    periods: Vec<u8>,
    /// Everything was saved and nothing measured since.
    said_farewell: bool,
}

/// A meter that lives on a flash, and its one client.
struct Rig<N> {
    desk: Desk<N>,
    meter: Meter,
    now: Instant,
    link: Link,
    saved: i128,
    sent: u32,
    accepted: u32,
    said_farewell: bool,
}

impl<N: Nor> Rig<N> {
    fn boot(nor: N, rtc: Utc) -> Result<(Self, BootReport), Box<(N, String)>> {
        let mut desk = Desk(nor);
        match Meter::boot(&config(), Some(rtc), [7; 32], &mut desk) {
            Ok((meter, report)) => {
                let mut rig = Self {
                    desk,
                    meter,
                    now: Instant::START,
                    link: Link::Wrapper(WrapperLink::new(Instant::START, Micros::from_secs(180))),
                    saved: 0,
                    sent: 0,
                    accepted: 0,
                    said_farewell: false,
                };
                rig.saved = rig.import();
                Ok((rig, report))
            }
            Err(fault) => Err(Box::new((desk.0, format!("{fault}")))),
        }
    }

    fn step(&mut self, input: Input<'_>) {
        let _said_in_the_error_register = self.meter.step(self.now, input, &mut self.desk);
    }

    fn measure(&mut self, watts: i64) {
        self.now = self.now + WINDOW;
        let due = self.meter.core.checkpoint_due;
        let reading = PhaseReading::steady(230_000_000, 10_000_000, watts * 1_000_000, 0, 200_000_000);
        let (from, to) = (Position::START, Position::of_sample(1_600));
        let window = Measurement::of_phases(from, to, 200_000_000, 50_000_000, [reading; 3], Apparent::Arithmetic);
        self.step(Input::Measured(&window));
        if self.meter.core.checkpoint_due != due {
            self.saved = self.import();
        }
    }

    fn talk(&mut self, apdu: &[u8]) -> Vec<u8> {
        let mut frame = vec![0, 1, 0, 1, 0, 1];
        frame.extend(u16::try_from(apdu.len()).expect("a short APDU").to_be_bytes());
        frame.extend(apdu);
        let mut answer = Vec::new();
        let mut take = |octets: &[u8]| answer.extend_from_slice(octets);
        let received = Input::Received {
            link: &mut self.link,
            at: self.now,
            octets: &frame,
            answer: &mut take,
        };
        let _the_answer_says = self.meter.step(self.now, received, &mut self.desk);
        answer.split_off(answer.len().min(8))
    }

    fn service(&mut self) -> Service<'_> {
        Service {
            core: &mut self.meter.core,
            board: &mut self.desk,
        }
    }

    fn import(&self) -> i128 {
        let registers = &self.meter.model().registers;
        registers.micro(Quantity::ActiveImport, Element::Total)
    }

    fn read(&self, class_id: u16, name: &str, index: i8) -> Vec<u8> {
        let mut buffer = [0; 512];
        let mut out = cosem::axdr::Writer::new(&mut buffer);
        let what = Attribute::new(class_id, Obis::new(name), index);
        let read = self.meter.read(cosem::Role::Management, what, &mut out);
        read.expect("management may read it");
        out.written().to_vec()
    }

    fn truth(&self) -> Truth {
        let model = self.meter.model();
        let memory = &self.meter.core.memory;
        let mut first = [0];
        let large = memory.length_of_large(1).map(|length| {
            let mut at = 0;
            while at < length {
                memory
                    .read_large(&self.desk.0, 1, at, &mut first)
                    .expect("it can be read");
                at += length - 1;
            }
            (length, first[0])
        });
        Truth {
            booted: true,
            device_id: self.read(1, "0-0:96.1.1", 2),
            period: self.read(7, "1-0:99.1.0", 4),
            is_closed: model.disconnector.is_connected(),
            written: model.journals.iter().map(|journal| journal.written).collect(),
            saved: self.saved,
            import: self.import(),
            large,
            key: model
                .keys
                .symmetric(KeyId::Unicast)
                .map(|key| key.octets().to_vec())
                .expect("there is one"),
            sent: self.sent,
            accepted: self.accepted,
            calendars: [2, 4, 6, 8].map(|index| self.read(20, "0-0:13.0.0", index)).to_vec(),
            periods: self.read(1, "1-0:0.1.0", 2),
            said_farewell: self.said_farewell,
        }
    }
}

/// One thing that happens in a recorded life.
type Act = fn(&mut Rig<Recorder>);

/// Each kind of write that there is.
const ACTS: &[(&str, Act)] = &[
    ("parameter", |rig| {
        assert_eq!(rig.talk(&set_device_id(7)), hex("C501C100"));
    }),
    ("events", |rig| {
        for open in [true, false] {
            rig.step(Input::Contact(Contact::MeterCover { open }));
        }
    }),
    ("capture", |rig| {
        for _ in 0..20 {
            rig.measure(6_000);
        }
    }),
    ("switch", |rig| {
        assert_eq!(rig.talk(&hex("C301C1 0046 000060030AFF 01 01 0F00")), hex("C701C10000"));
    }),
    ("large value", |rig| large_value(rig, 9_000, 0x21)),
    ("checkpoint", |rig| {
        for _ in 0..320 {
            rig.measure(6_000);
        }
    }),
    ("clock forwards", |rig| {
        let at = rig.meter.model().utc().plus(7_200);
        rig.step(Input::Time(at));
    }),
    ("clock backwards", |rig| {
        let at = rig.meter.model().utc().plus(-7_200);
        rig.step(Input::Time(at));
    }),
    ("period of the profile", |rig| {
        let answer = rig.talk(&hex("C101C1 0007 0100630100FF 04 00 060000003C"));
        assert_eq!(answer, hex("C501C100"));
    }),
    ("rows a minute", |rig| {
        for _ in 0..620 {
            rig.measure(4_000);
        }
    }),
    ("parameters over the end of a sector", |rig| {
        for octet in 0..80 {
            rig.talk(&set_device_id(octet));
            tend(rig);
        }
    }),
    ("events over the end of a sector", |rig| {
        for number in 0..12 {
            rig.step(Input::Contact(Contact::MeterCover { open: number % 2 == 0 }));
            tend(rig);
        }
    }),
    ("large value again", |rig| large_value(rig, 12_000, 0x42)),
    ("invocation counters", |rig| {
        for number in [1, 2, 1_001, 5_000] {
            let numbers = if number == 1_001 { 1_000 } else { 1 };
            for _ in 0..numbers {
                rig.sent = rig.service().next_counter(1).expect("a good flash");
            }
            rig.service()
                .accept_counter(1, KeySet::Unicast, number)
                .expect("a number that rises");
            rig.accepted = number;
        }
    }),
    ("key", |rig| {
        let key = Key::new(&[0x5A; 16]).expect("16 octets");
        let core = &mut rig.meter.core;
        core.model.keys.offer(KeyId::Unicast, key).expect("none is changing");
        core.model.effects.push(Effect::Keep(Record::Keys));
        core.settle(&mut rig.desk).expect("a good flash");
        // The answer has gone out under the old key.
        core.model.adopt_keys();
        core.settle(&mut rig.desk).expect("a good flash");
        rig.accepted = 0;
    }),
    ("numbers of the new key", |rig| {
        rig.sent = rig.service().next_counter(1).expect("a good flash");
        rig.service()
            .accept_counter(1, KeySet::Unicast, 3)
            .expect("a number that rises");
        rig.accepted = 3;
    }),
    ("passive calendar", |rig| {
        let calendar = small_calendar();
        for (index, value) in [
            (6, hex("0904 66756C6C")),
            (7, calendar.seasons()),
            (8, calendar.weeks()),
            (9, calendar.day_table()),
        ] {
            tend(rig);
            let set = [hex("C101C1 0014 00000D0000FF"), vec![index, 0], value].concat();
            assert_eq!(rig.talk(&set), hex("C501C100"), "attribute {index}");
        }
    }),
    ("activation of the calendar", |rig| {
        assert_eq!(rig.talk(&hex("C301C1 0014 00000D0000FF 01 01 0F00")), hex("C701C10000"));
    }),
    ("billing by command", |rig| {
        assert_eq!(
            rig.talk(&hex("C301C1 0009 00000A0001FF 01 01 120001")),
            hex("C701C10000")
        );
    }),
    ("billing on fraud", |rig| {
        rig.step(Input::Contact(Contact::TerminalCover { open: true }));
        tend(rig);
        rig.step(Input::Contact(Contact::TerminalCover { open: false }));
        tend(rig);
    }),
    ("values of M-Bus", |rig| {
        let answer = rig.talk(&hex("C101C1 0007 0002180300FF 04 00 060000003C"));
        assert_eq!(answer, hex("C501C100"));
        let source = Source::new(2, 1).expect("it exists");
        for minute in 0..3 {
            let reading = Reading {
                value: 4_711 + minute,
                scaler: -2,
                unit: 13,
                status: 0,
            };
            rig.step(Input::MBus(source, reading));
            for _ in 0..320 {
                rig.measure(5_000);
            }
        }
    }),
    ("farewell", |rig| {
        for _ in 0..7 {
            rig.measure(9_000);
        }
        rig.step(Input::PowerFailing);
        rig.saved = rig.import();
        rig.said_farewell = true;
    }),
];

fn large_value(rig: &mut Rig<Recorder>, length: usize, octet: u8) {
    tend(rig);
    let crate::step::Core { model, memory, .. } = &mut rig.meter.core;
    let nor = &mut rig.desk.0;
    let what = Attribute::new(20, Obis::new("0-0:13.0.0"), 9);
    for (number, part) in vec![octet; length].chunks(3_000).enumerate() {
        let offset = u32::try_from(number * 3_000).expect("small");
        memory.stage(nor, 1, what, offset, part).expect("a place is erased");
    }
    let kind = crate::memory::Kind {
        number: 200,
        key: |_| Some(1),
        check: |_, _, _| Ok(1),
        adopt: |_, _, _, _| Ok(()),
    };
    let length = u32::try_from(length).expect("small");
    memory
        .set_staged(nor, model, &kind, (1, what), length)
        .expect("it is whole");
}

/// A calendar of which every part fits one request.
fn small_calendar() -> Written {
    let mut calendar = Written::full(5);
    calendar.weeks.truncate(1);
    calendar.weeks[0].1 = [1, 1, 1, 1, 1, 2, 2];
    calendar.seasons.truncate(1);
    calendar.starts.truncate(1);
    calendar.seasons[0].4 = calendar.weeks[0].0.clone();
    calendar.days = [1, 2].map(|day| (day, vec![(0, 1), (25_200, 2), (75_600, 3)])).to_vec();
    calendar.special.clear();
    calendar
}

/// Lets the flash prepare what comes, as it does between two events of a real life.
fn tend(rig: &mut Rig<Recorder>) {
    for _ in 0..200 {
        rig.desk.0.flash.pass(Micros::from_millis(50));
        rig.step(Input::Tick);
        if !rig.meter.core.memory.needs_tending() {
            break;
        }
    }
}

/// An act with the changes that it made, and the truth before and behind it.
struct Scene {
    name: &'static str,
    changes: Vec<Change>,
    before: Truth,
    after: Truth,
}

/// Lives the life once: the cells before it, and its scenes. With `aged` the rings have been filled before, so that they wrap.
fn record(aged: bool) -> (Vec<u8>, Vec<Scene>) {
    let flash = Flash::new(
        vec![0xFF; TEST_SECTORS * 4_096],
        vec![0; TEST_SECTORS],
        Timing::TYPICAL,
        1,
    );
    let mut nor = Recorder {
        flash,
        changes: Vec::new(),
        erasing: None,
        is_recording: !aged,
    };
    let mut scenes = Vec::new();
    let mut before = Truth::default();
    let mut cells = nor.flash.cells().to_vec();
    if aged {
        nor = age(nor);
        nor.flash.lose_power();
        nor.flash.power_up();
        nor.erasing = None;
        cells.copy_from_slice(nor.flash.cells());
        nor.is_recording = true;
        // What a second boot finds is what the first life has left.
        let (rig, _) = Rig::boot(
            Recorder {
                is_recording: false,
                ..copy_of(&nor)
            },
            start(),
        )
        .ok()
        .expect("it boots");
        before = rig.truth();
        before.saved = 0;
    }
    let Ok((mut rig, _)) = Rig::boot(nor, start()) else {
        panic!("the recorded life boots")
    };
    let mut after = rig.truth();
    let changes = core::mem::take(&mut rig.desk.0.changes);
    scenes.push(Scene {
        name: "boot",
        changes,
        before,
        after: after.clone(),
    });
    rig.talk(super::AARQ_LLS);
    for (name, act) in ACTS {
        let before = after;
        act(&mut rig);
        // What goes on behind the act belongs to it.
        if !rig.said_farewell {
            rig.desk.0.flash.pass(Micros::from_millis(50));
            rig.step(Input::Tick);
        }
        after = rig.truth();
        scenes.push(Scene {
            name,
            changes: core::mem::take(&mut rig.desk.0.changes),
            before,
            after: after.clone(),
        });
    }
    (cells, scenes)
}

fn copy_of(nor: &Recorder) -> Recorder {
    Recorder {
        flash: nor.flash.clone(),
        changes: Vec::new(),
        erasing: None,
        is_recording: false,
    }
}

/// A life in which store and fraud log are filled up to the end of a sector, and the load profile wraps.
fn age(nor: Recorder) -> Recorder {
    let Ok((mut rig, _)) = Rig::boot(nor, start().plus(-86_400 * 30)) else {
        panic!("a virgin flash boots")
    };
    rig.talk(super::AARQ_LLS);
    for number in 0..2_300_u32 {
        let [octet, ..] = number.to_le_bytes();
        rig.talk(&set_device_id(octet));
        tend(&mut rig);
    }
    for number in 0..2_600 {
        rig.step(Input::Contact(Contact::MeterCover { open: number % 2 == 0 }));
        tend(&mut rig);
    }
    let before = rig.meter.model().journals[JournalId::LoadProfile1.index()].capacity + 400;
    for number in 0..before {
        let stamp = start().plus(-86_400 * 20 + i64::from(number));
        let crate::step::Core { model, memory, .. } = &mut rig.meter.core;
        while memory
            .capture(&mut rig.desk.0, model, JournalId::LoadProfile1, stamp)
            .is_err()
        {
            rig.desk.0.flash.pass(Micros::from_secs(1));
            let _worn_is_not_here = memory.tend(&mut rig.desk.0, model);
        }
    }
    tend(&mut rig);
    rig.step(Input::PowerFailing);
    rig.desk.0
}

/// How thoroughly a life is cut.
#[derive(Clone, Copy)]
struct Effort {
    every_byte: bool,
    /// Of so many first cuts one is followed by cuts in every step of the recovery.
    double_every: u64,
    /// Of so many changes one is cut.
    change_every: u64,
    /// Only this scene is cut.
    only: Option<&'static str>,
}

/// Cuts a recorded life everywhere; answers how many cuts were tried, and how many of them in a recovery.
fn cut(cells: Vec<u8>, scenes: &[Scene], effort: Effort) -> (u64, u64) {
    let mut truth = cells;
    let mut cells = truth.clone();
    let (mut first, mut second, mut number) = (0_u64, 0_u64, 0_u64);
    let mut erasing = None;
    for scene in scenes {
        let (begun, watch) = (first + second, std::time::Instant::now());
        for change in &scene.changes {
            number += 1;
            let ways = match change {
                Change::EraseEnded(sector) => {
                    erasing = None;
                    fill(&mut truth, *sector);
                    fill(&mut cells, *sector);
                    continue;
                }
                _ if number % effort.change_every != 0 || effort.only.is_some_and(|only| only != scene.name) => {
                    Vec::new()
                }
                Change::Program(_, bytes) => ways(bytes.len(), effort.every_byte),
                Change::EraseBegun(_) => ways(256, effort.every_byte),
            };
            for how in ways {
                let seed = number << 20 | first;
                let context = format!("{}: change {number} {how:?}, seed {seed}", scene.name);
                let touched = cut_once(&mut cells, erasing, change, how, seed);
                first += 1;
                if first % effort.double_every == 0 {
                    second += cut_recovery(&mut cells, scene, &context);
                }
                let more = recover(&mut cells, None, scene, &context).touched;
                put_back(&mut cells, &truth, touched.into_iter().chain(more));
            }
            match change {
                Change::Program(at, bytes) => {
                    for image in [&mut truth, &mut cells] {
                        let place = &mut image[*at as usize..][..bytes.len()];
                        place.iter_mut().zip(bytes).for_each(|(cell, byte)| *cell &= byte);
                    }
                }
                Change::EraseBegun(sector) => erasing = Some(*sector),
                Change::EraseEnded(_) => {}
            }
        }
        if effort.every_byte {
            let cuts = first + second - begun;
            println!("  {}: {cuts} cuts, {:.0} s", scene.name, watch.elapsed().as_secs_f64());
        }
    }
    // The supply goes when everything is said: the farewell counts to the microjoule.
    if let Some(last) = scenes.last() {
        let off = Scene {
            name: "off",
            changes: Vec::new(),
            before: last.after.clone(),
            after: last.after.clone(),
        };
        recover(&mut cells, None, &off, "off after the farewell");
    }
    (first + second, second)
}

fn ways(bytes: usize, every_byte: bool) -> Vec<How> {
    let last = u16::try_from(bytes.saturating_sub(1)).expect("a page");
    let mut ways = vec![How::NotDone, How::HalfDone, How::Torn, How::Done];
    if every_byte {
        ways.extend((0..=last).map(How::AtByte));
    } else {
        ways.push(How::AtByte(last));
    }
    ways
}

/// Does one change with a cut in it to the cells; answers the sectors that are not as they were.
fn cut_once(cells: &mut [u8], erasing: Option<u32>, change: &Change, how: How, seed: u64) -> Vec<u32> {
    let mut nor = Tracked {
        flash: Flash::new(cells, [], Timing::TYPICAL, seed),
        touched: Vec::new(),
    };
    if let Some(sector) = erasing {
        nor.start_erase(sector).expect("no erase runs");
    }
    let step = nor.flash.writes().steps;
    nor.flash.cut(Some(Cut { step, how }));
    let gone = match change {
        Change::Program(at, bytes) => nor.program(*at, bytes),
        Change::EraseBegun(sector) | Change::EraseEnded(sector) => nor.start_erase(*sector),
    };
    assert_eq!(gone, Err(NorError::Gone));
    nor.touched
}

/// What a recovery came to.
struct Recovery {
    touched: Vec<u32>,
    /// It ended before the cut that was ordered.
    is_whole: bool,
}

/// Boots on the cells after a cut in `scene` and compares; with a cut of the recovery itself it only boots.
fn recover(cells: &mut [u8], cut: Option<Cut>, scene: &Scene, context: &str) -> Recovery {
    let mut flash = Flash::new(cells, [], Timing::TYPICAL, 99);
    flash.cut(cut);
    let nor = Tracked {
        flash,
        touched: Vec::new(),
    };
    match Rig::boot(nor, start().plus(10_000)) {
        Err(refused) => {
            let (nor, why) = *refused;
            assert!(cut.is_some() && !nor.flash.is_powered(), "{context}: {why}");
            Recovery {
                touched: nor.touched,
                is_whole: false,
            }
        }
        Ok((rig, report)) => {
            let is_whole = rig.desk.0.flash.is_powered();
            if is_whole {
                compare(&rig, &report, scene, context);
            }
            Recovery {
                touched: rig.desk.0.touched,
                is_whole,
            }
        }
    }
}

/// Cuts every step of the recovery, and recovers from that. The cells are left as they were.
fn cut_recovery(cells: &mut [u8], scene: &Scene, context: &str) -> u64 {
    let mut cuts = 0;
    let whole = cells.to_vec();
    for step in 0.. {
        for how in [How::HalfDone, How::Torn] {
            let context = format!("{context}, then step {step} of the recovery {how:?}");
            let first = recover(cells, Some(Cut { step, how }), scene, &context);
            if !first.is_whole {
                cuts += 1;
                let second = recover(cells, None, scene, &context);
                put_back(cells, &whole, second.touched);
            }
            put_back(cells, &whole, first.touched);
            if first.is_whole {
                return cuts;
            }
        }
    }
    cuts
}

fn put_back(cells: &mut [u8], from: &[u8], sectors: impl IntoIterator<Item = u32>) {
    let bytes = SECTOR_BYTES as usize;
    for sector in sectors {
        let at = sector as usize * bytes;
        cells[at..at + bytes].copy_from_slice(&from[at..at + bytes]);
    }
}

fn fill(cells: &mut [u8], sector: u32) {
    let bytes = SECTOR_BYTES as usize;
    cells[sector as usize * bytes..][..bytes].fill(0xFF);
}

/// Nothing acknowledged before the scene is lost, nothing is there that came to be only behind it.
fn compare(rig: &Rig<Tracked<'_>>, report: &BootReport, scene: &Scene, context: &str) {
    let (before, after, found) = (&scene.before, &scene.after, rig.truth());
    assert!(!report.has_loss(), "{context}: {report:?}");
    assert!(!before.booted || !report.first_boot, "{context}: {report:?}");
    if !before.booted {
        return;
    }
    let either = |found: &[u8], before: &[u8], after: &[u8]| found == before || found == after;
    // An act of many parameters acknowledges one after the other.
    if !scene.name.starts_with("parameters") {
        assert!(
            either(&found.device_id, &before.device_id, &after.device_id),
            "{context}: {:?}",
            found.device_id
        );
    }
    assert!(either(&found.period, &before.period, &after.period), "{context}");
    assert!(
        found.is_closed == before.is_closed || found.is_closed == after.is_closed,
        "{context}"
    );
    assert!(
        found.large == before.large || found.large == after.large,
        "{context}: {:?}",
        found.large
    );
    assert!(found.key == before.key || found.key == after.key, "{context}");
    // Reliability B8: no number comes twice, in neither direction; what the meter sends not even under another key.
    let security = &rig.meter.model().security;
    let (mut sent, mut received) = (security.sent, security.received);
    assert!(
        sent.take().is_ok_and(|taken| before.sent < taken.number),
        "{context}: {security:?}"
    );
    for truth in [before, after] {
        if truth.key == found.key && before.key == after.key {
            let replay = before.accepted != 0 && received.accept(before.accepted).is_ok();
            assert!(!replay, "{context}: {security:?}");
        }
    }
    // A scene of several requests acknowledges one after the other.
    for (index, name) in found.calendars.iter().enumerate() {
        assert!(
            *name == before.calendars[index] || *name == after.calendars[index],
            "{context}: {name:02X?}"
        );
    }
    assert!(
        before.periods <= found.periods && found.periods <= after.periods,
        "{context}: {:?}",
        found.periods
    );
    // Boot itself writes events: power down, power up, and what it noticed.
    for (id, ((before, after), found)) in JournalId::ALL
        .into_iter()
        .zip(before.written.iter().zip(&after.written).zip(&found.written))
    {
        let own = if id.log().is_some() { 4 } else { 0 };
        assert!(
            *before <= *found && *found <= after + own,
            "{context}: {id:?} {before} {found} {after}"
        );
    }
    assert!(
        before.saved <= found.import,
        "{context}: {} of {}",
        found.import,
        before.saved
    );
    assert!(
        found.import <= after.import,
        "{context}: {} of {}",
        found.import,
        after.import
    );
    if before.said_farewell {
        assert_eq!(found.import, before.import, "{context}");
    }
    rows_are_whole(rig, context);
}

/// The newest rows of every journal can be read, each whole. Those of profiles come in the order of their time, but for the one setting back of
/// the clock, each once, and each with energies that do not fall.
fn rows_are_whole(rig: &Rig<Tracked<'_>>, context: &str) {
    let model = rig.meter.model();
    for (id, journal) in JournalId::ALL.into_iter().zip(&model.journals) {
        let columns = model.columns(id);
        let is_energy = |at: usize| {
            let what = columns.get(at).map(|column| column.object().attribute);
            what.is_some_and(|it| it.class_id == 3 && it.index == 2 && it.name.octets()[3] == 8)
        };
        let has_energy = (0..columns.len()).any(is_energy);
        assert!(
            has_energy || id != JournalId::LoadProfile1,
            "there is nothing to compare"
        );
        let (mut count, mut set_back) = (0, 0);
        let mut last: Option<(Utc, Vec<Option<u64>>)> = None;
        let mut visit = |utc: Utc, row: &[u8]| {
            count += 1;
            let mut values = Reader::new(row);
            let energies: Vec<Option<u64>> = (0..columns.len())
                .map(|at| {
                    let value = values.skip_value().expect("a whole row");
                    let octets = value.get(1..).unwrap_or(&[]);
                    is_energy(at).then(|| octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
                })
                .collect();
            values.end().expect("nothing more");
            if let Some((before, earlier)) = last.replace((utc, energies.clone()))
                && id.log().is_none()
                && id != JournalId::ParameterChangeLog
            {
                assert_ne!(before, utc, "{context}: {id:?} has {utc:?} twice");
                set_back += u32::from(utc < before);
                let falls = earlier.iter().zip(&energies).any(|(before, now)| now < before);
                assert!(!falls, "{context}: {id:?} {utc:?}: {earlier:?} and then {energies:?}");
            }
        };
        let from = journal.written.saturating_sub(NEWEST);
        rig.meter
            .visit_rows(&rig.desk.0, id, from, &mut visit)
            .expect("the flash can be read");
        assert_eq!(count, journal.in_use.min(NEWEST), "{context}: {id:?}");
        assert!(set_back <= 1, "{context}: {id:?} is out of order");
    }
}

/// So many rows of each journal are looked at.
const NEWEST: u32 = 8;

/// Cuts a life; answers how many cuts there were, and how many of them in a recovery.
fn run(name: &str, aged: bool, effort: Effort) -> (u64, u64) {
    let (cells, scenes) = record(aged);
    let changes: usize = scenes.iter().map(|scene| scene.changes.len()).sum();
    assert!(scenes.iter().all(|scene| !scene.changes.is_empty()), "every act writes");
    let (cuts, in_recovery) = cut(cells, &scenes, effort);
    println!("{name}: {cuts} cuts in {changes} changes of the flash, {in_recovery} of them in a recovery");
    (cuts, in_recovery)
}

#[test]
fn a_recorded_life_outlives_a_cut_in_any_of_its_changes() {
    let effort = Effort {
        every_byte: false,
        double_every: 97,
        change_every: 3,
        only: None,
    };
    let (cuts, in_recovery) = run("first life", false, effort);
    assert!(2_000 < cuts && 600 < in_recovery, "{cuts} {in_recovery}");
}

/// A farewell that a cut tears, and then each step of the boot behind it: nothing is lost, and the boot says no loss.
#[test]
fn a_torn_farewell_and_a_torn_boot_are_no_loss() {
    let effort = Effort {
        every_byte: false,
        double_every: 1,
        change_every: 1,
        only: Some("farewell"),
    };
    let (cuts, in_recovery) = run("farewell", false, effort);
    assert!(200 < cuts && 200 < in_recovery, "{cuts} {in_recovery}");
}

/// `cargo xtask power-cuts`
#[test]
#[ignore = "minutes in a release build"]
fn campaign() {
    let effort = Effort {
        every_byte: true,
        double_every: 41,
        change_every: 1,
        only: None,
    };
    let lives = [
        run("first life", false, effort),
        run("life on full rings", true, effort),
    ];
    let cuts: u64 = lives.iter().map(|(cuts, _)| cuts).sum();
    println!("{cuts} cuts");
    assert!(300_000 < cuts, "the lives were longer once");
}
