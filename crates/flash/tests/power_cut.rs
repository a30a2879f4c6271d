//! U2, B1, B2: power is cut at every program and erase step of scenarios over store, journal and checkpoint, in every way the model
//! knows, and again during recovery. After each: what was acknowledged is there, nothing is torn, doubled or invented.
//!
//! `FLASH_CAMPAIGN=1 cargo test --release -p ferraris-flash --test power_cut -- --nocapture` cuts at every byte of each step and takes some
//! minutes; without it a few bytes stand for all.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a test may panic, and its numbers are small"
)]

mod part;

use std::collections::BTreeMap;

use base::Utc;
use flash::model::{Cut, How};
use flash::{Bank, BankError, Checkpoint, Fault, Journal, JournalError, Key, Shape, Step, Store, StoreError, Tended};
use part::{Part, blank, filled, region};

/// The power went.
#[derive(Debug)]
struct Dark;

/// A memory with the truth about it beside it.
trait Subject: Clone {
    type Op: Clone + core::fmt::Debug;
    /// Does one thing and notes what is acknowledged.
    fn apply(&mut self, part: &mut Part, op: &Self::Op) -> Result<(), Dark>;
    /// Mounts, compares everything with the truth, then prepares the flash as a boot does.
    fn recover(&mut self, part: &mut Part) -> Result<(), Dark>;
}

fn dark<T, E: core::fmt::Debug>(part: &Part, result: Result<T, E>) -> Result<T, Dark> {
    match result {
        Ok(value) => Ok(value),
        Err(_) if !part.is_powered() => Err(Dark),
        Err(error) => panic!("refused with power on: {error:?}"),
    }
}

/// Cuts each step of each operation in each way; then recovers, does some of the rest and recovers again.
fn sweep<S: Subject>(name: &str, part: Part, subject: S, ops: &[S::Op]) {
    let campaign = std::env::var_os("FLASH_CAMPAIGN").is_some();
    let mut ways = vec![How::NotDone, How::HalfDone, How::Torn, How::Torn, How::Torn, How::Done];
    let bytes: Vec<u16> = if campaign { (0..256).collect() } else { vec![1, 13, 100] };
    ways.extend(bytes.into_iter().map(How::AtByte));

    let (mut part, mut subject) = (part, subject);
    let (mut cuts, mut double_cuts) = (0_u64, 0_u64);
    for (number, op) in ops.iter().enumerate() {
        let before = (part.clone(), subject.clone());
        let from = part.writes().steps;
        subject.apply(&mut part, op).expect("no cut was ordered");
        assert_eq!(part.writes().twice, 0, "{name}: bytes were programmed twice in {op:?}");
        for step in from..part.writes().steps {
            for (way, how) in ways.iter().enumerate() {
                let (mut part, mut subject) = before.clone();
                let seed = (number as u64) << 32 | step << 8 | way as u64;
                let place = format!("{name}: operation {number} {op:?}, step {step}, {how:?}, seed {seed}");
                part.reseed(seed);
                part.cut(Some(Cut { step, how: *how }));
                assert!(
                    subject.apply(&mut part, op).is_err(),
                    "{place}: acknowledged in the dark"
                );
                part.power_up();
                cuts += 1;
                if way < 4 {
                    double_cuts += cut_again(&place, &part, &subject, campaign);
                }
                live_on(&place, part, subject, &ops[number + 1..]);
            }
        }
    }
    println!(
        "{name}: {cuts} cuts at {} steps, {double_cuts} cuts during recovery",
        part.writes().steps
    );
}

fn live_on<S: Subject>(place: &str, mut part: Part, mut subject: S, ops: &[S::Op]) {
    subject
        .recover(&mut part)
        .unwrap_or_else(|_| panic!("{place}: no cut was ordered"));
    for op in ops.iter().take(6) {
        subject
            .apply(&mut part, op)
            .unwrap_or_else(|_| panic!("{place}: no cut was ordered"));
    }
    part.lose_power();
    part.power_up();
    subject
        .recover(&mut part)
        .unwrap_or_else(|_| panic!("{place}: no cut was ordered"));
}

/// Cuts every step of the recovery too.
fn cut_again<S: Subject>(place: &str, part: &Part, subject: &S, campaign: bool) -> u64 {
    let mut cuts = 0;
    let first = part.writes().steps;
    let ways: &[How] = if campaign {
        &[How::NotDone, How::HalfDone, How::Torn, How::Done, How::AtByte(17)]
    } else {
        &[How::HalfDone, How::Torn]
    };
    for step in first.. {
        for how in ways {
            let (mut part, mut subject) = (part.clone(), subject.clone());
            part.cut(Some(Cut { step, how: *how }));
            if subject.recover(&mut part).is_ok() {
                return cuts;
            }
            part.power_up();
            cuts += 1;
            live_on(
                &format!("{place}, then step {step} of recovery {how:?}"),
                part,
                subject,
                &[],
            );
        }
    }
    cuts
}

/// Lives through operations at random with power cuts at random, each life from its seed.
fn random_lives<S: Subject>(name: &str, part: &Part, subject: &S, op: impl Fn(&mut Chance) -> S::Op, first: S::Op) {
    let lives = if std::env::var_os("FLASH_CAMPAIGN").is_some() {
        4_000
    } else {
        60
    };
    let mut cuts = 0;
    for seed in 0..lives {
        let (mut part, mut subject, mut chance) = (part.clone(), subject.clone(), Chance(seed));
        part.reseed(seed);
        let life = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            subject.apply(&mut part, &first).expect("no cut was ordered");
            for _ in 0..150 {
                if chance.below(4) == 0 {
                    part.cut(Some(chance.cut(part.writes().steps)));
                }
                let op = op(&mut chance);
                let mut alive = subject.apply(&mut part, &op);
                while alive.is_err() {
                    cuts += 1;
                    part.power_up();
                    if chance.below(2) == 0 {
                        part.cut(Some(chance.cut(part.writes().steps)));
                    }
                    alive = subject.recover(&mut part);
                }
                assert_eq!(part.writes().twice, 0, "bytes were programmed twice");
            }
        }));
        assert!(life.is_ok(), "{name}: seed {seed}");
    }
    println!("{name}: {lives} lives from seeds 0..{lives}, {cuts} cuts");
}

/// A small generator (an LCG, upper bits).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn cut(&mut self, now: u64) -> Cut {
        let how = match self.below(5) {
            0 => How::NotDone,
            1 => How::HalfDone,
            2 => How::Done,
            3 => How::AtByte(self.below(256) as u16),
            _ => How::Torn,
        };
        Cut {
            step: now + self.below(6),
            how,
        }
    }
}

#[test]
fn memories_outlive_lives_full_of_cuts() {
    let write = |chance: &mut Chance| match chance.below(12) {
        0 => Write::Append(-(chance.below(4_000) as i64)),
        1 => Write::Settle,
        2 | 3 => Write::TendOnce,
        4 if chance.below(6) == 0 => Write::Clear(200 + 10 * chance.below(20) as u16),
        _ => Write::Append(chance.below(2_000) as i64),
    };
    random_lives("journal", &blank(4), &Log::new(4, 300), write, Write::Format);
    let put = |chance: &mut Chance| match chance.below(10) {
        0 => Put::Settle,
        1 | 2 => Put::TendOnce,
        3 => Put::Remove(chance.below(8) as u32),
        _ => Put::Set(chance.below(8) as u32, chance.below(300) as usize),
    };
    random_lives("store", &blank(5), &Book::new(5), put, Put::Format);
    let save = |chance: &mut Chance| match chance.below(8) {
        0 | 1 => Save::Settle,
        2 => Save::TendOnce,
        _ => Save::Snapshot(700),
    };
    random_lives("checkpoint", &blank(5), &Count::new(), save, Save::Format);
}

// Large values

#[derive(Clone, Debug)]
enum Stage {
    /// Stage a value of so many bytes in parts, and commit it under a key.
    Set(u32, usize),
    /// Begin one and forget it.
    Abandon(usize),
    TendOnce,
    Settle,
}

#[derive(Clone)]
struct Shelf {
    bank: Option<Bank>,
    values: BTreeMap<u32, Vec<u8>>,
    doubt: Option<(u32, Vec<u8>)>,
    version: u8,
}

impl Shelf {
    const SECTORS: u32 = 6;

    fn content(&mut self, len: usize) -> Vec<u8> {
        self.version = self.version.wrapping_add(1);
        (0..len).map(|at| self.version ^ (at * 5 / 3) as u8).collect()
    }

    fn settle(&mut self, part: &mut Part) -> Result<(), Dark> {
        loop {
            let tended = self.bank.as_mut().unwrap().tend(part);
            if dark(part, tended)? == Tended::Done {
                return Ok(());
            }
        }
    }

    fn stage(&mut self, part: &mut Part, content: &[u8]) -> Result<(), Dark> {
        let mut begun = self.bank.as_mut().unwrap().begin(part);
        if begun == Err(BankError::Fault(Fault::Busy)) {
            self.settle(part)?;
            begun = self.bank.as_mut().unwrap().begin(part);
        }
        dark(part, begun)?;
        for (number, piece) in content.chunks(700).enumerate() {
            let written = self.bank.as_mut().unwrap().write(part, number as u32 * 700, piece);
            dark(part, written)?;
        }
        Ok(())
    }
}

impl Subject for Shelf {
    type Op = Stage;

    fn apply(&mut self, part: &mut Part, op: &Stage) -> Result<(), Dark> {
        if self.bank.is_none() {
            self.recover(part)?;
        }
        match op {
            Stage::Set(key, len) => {
                let content = self.content(*len);
                self.stage(part, &content)?;
                self.doubt = Some((*key, content.clone()));
                let committed = self.bank.as_mut().unwrap().commit(part, *key);
                dark(part, committed)?;
                self.doubt = None;
                self.values.insert(*key, content);
            }
            Stage::Abandon(len) => {
                let content = self.content(*len);
                self.stage(part, &content)?;
                self.bank.as_mut().unwrap().abort();
            }
            Stage::TendOnce => {
                let tended = self.bank.as_mut().unwrap().tend(part);
                dark(part, tended)?;
            }
            Stage::Settle => self.settle(part)?,
        }
        Ok(())
    }

    fn recover(&mut self, part: &mut Part) -> Result<(), Dark> {
        let place = region(part, 0, Self::SECTORS);
        let (bank, mounted) = Bank::mount(part, place, 2).unwrap();
        assert_eq!(mounted.lost, 0, "a value is damaged");
        let read = |key| {
            bank.length(key).map(|length| {
                let mut into = vec![0; length as usize + 1];
                assert_eq!(bank.read(part, key, 0, &mut into), Ok(length as usize));
                into.truncate(length as usize);
                into
            })
        };
        if let Some((key, content)) = self.doubt.take()
            && read(key).as_ref() == Some(&content)
        {
            self.values.insert(key, content);
        }
        for key in 0..2 {
            assert_eq!(read(key), self.values.get(&key).cloned(), "key {key}");
        }
        self.bank = Some(bank);
        self.settle(part)
    }
}

#[test]
fn a_bank_outlives_a_cut_at_every_step() {
    let mut ops = Vec::new();
    for n in 0..7 {
        ops.push(Stage::Set(n % 2, 1_500 + 900 * n as usize));
        ops.push(if n % 3 == 0 { Stage::TendOnce } else { Stage::Settle });
        if n % 3 == 1 {
            ops.push(Stage::Abandon(800));
        }
    }
    let shelf = Shelf {
        bank: None,
        values: BTreeMap::new(),
        doubt: None,
        version: 0,
    };
    sweep("large values", filled(Shelf::SECTORS, 0x5A), shelf, &ops);
}

#[test]
fn a_bank_refuses_parts_out_of_order_and_values_without_a_place() {
    let mut part = blank(6);
    let place = region(&part, 0, 6);
    let (mut bank, _) = Bank::mount(&part, place, 2).unwrap();
    assert_eq!(bank.begin(&mut part), Err(BankError::Fault(Fault::Busy)));
    assert_eq!(bank.write(&mut part, 0, &[1]), Err(BankError::Order));
    let settle = |bank: &mut Bank, part: &mut Part| while bank.tend(part).unwrap() == Tended::More {};
    settle(&mut bank, &mut part);
    for key in 0..3 {
        bank.begin(&mut part).unwrap();
        bank.write(&mut part, 0, &[7; 100]).unwrap();
        if key == 0 {
            assert_eq!(
                bank.write(&mut part, 99, &[7; 100]),
                Err(BankError::Order),
                "not where it ended"
            );
            assert_eq!(
                bank.commit(&mut part, key),
                Err(BankError::Order),
                "it must be begun anew"
            );
            settle(&mut bank, &mut part);
            bank.begin(&mut part).unwrap();
            assert_eq!(bank.longest(), 2 * 4_096 - 256);
            assert_eq!(
                bank.write(&mut part, 0, &vec![0; 2 * 4_096 - 255]),
                Err(BankError::TooLong)
            );
            settle(&mut bank, &mut part);
            bank.begin(&mut part).unwrap();
            bank.write(&mut part, 0, &[7; 100]).unwrap();
        }
        bank.commit(&mut part, key).unwrap();
        settle(&mut bank, &mut part);
    }
    assert_eq!(bank.begin(&mut part), Err(BankError::Full), "every place counts");
    // Damage is said, and the value is not there any more; its place is free again.
    part.cells_mut()[300] ^= 1;
    let (mut bank, mounted) = Bank::mount(&part, place, 2).unwrap();
    assert_eq!((mounted.kept, mounted.lost, bank.length(0)), (2, 1, None));
    settle(&mut bank, &mut part);
    assert_eq!(bank.begin(&mut part), Ok(()));
}

// Journal

#[derive(Clone, Debug)]
enum Write {
    Format,
    /// Append a row so many seconds after (or before) the last.
    Append(i64),
    Clear(u16),
    TendOnce,
    Settle,
}

#[derive(Clone)]
struct Log {
    sectors: u32,
    journal: Option<Journal>,
    /// All rows of this epoch by sequence; the last one may be in doubt.
    rows: Vec<(i64, Vec<u8>)>,
    base: u32,
    width: u16,
    now: i64,
    doubt: Option<Doubt>,
    clearings: u32,
    cuts: u32,
}

#[derive(Clone)]
enum Doubt {
    Row(i64, Vec<u8>),
    Clear(u16),
}

impl Log {
    fn new(sectors: u32, width: u16) -> Self {
        Self {
            sectors,
            journal: None,
            rows: Vec::new(),
            base: 0,
            width,
            now: 1_800_000_000,
            doubt: None,
            clearings: 0,
            cuts: 0,
        }
    }

    /// The shape after one more clearing, or the present one; each has a tag of its own.
    fn shape(&self, width: u16, more: u32) -> Shape {
        Shape {
            width,
            tag: self.clearings + more,
        }
    }

    fn row(&self) -> Vec<u8> {
        let number = self.base as usize + self.rows.len();
        (0..self.width)
            .map(|at| (number * 31 + usize::from(at) * 7 + usize::from(at) / 3) as u8)
            .collect()
    }

    fn cleared(&mut self, width: u16) {
        self.base += u32::try_from(self.rows.len()).unwrap();
        self.rows.clear();
        self.width = width;
        self.clearings += 1;
    }

    fn compare(&mut self, part: &Part, journal: &Journal) {
        match self.doubt.take() {
            Some(Doubt::Row(utc, row))
                if journal.next_sequence() as usize == self.base as usize + self.rows.len() + 1 =>
            {
                self.rows.push((utc, row));
            }
            Some(Doubt::Clear(width)) if journal.shape() == self.shape(width, 1) => self.cleared(width),
            _ => {}
        }
        assert_eq!(journal.shape(), self.shape(self.width, 0));
        let next = self.base as usize + self.rows.len();
        assert_eq!(journal.next_sequence() as usize, next, "a row is missing or invented");
        let kept = self
            .rows
            .len()
            .min(journal.capacity().saturating_sub(self.cuts) as usize);
        assert!(kept <= journal.len() as usize, "{} of {kept} rows kept", journal.len());
        let mut cursor = journal.all();
        let mut into = vec![0; usize::from(self.width)];
        for expected in journal.first() as usize..next {
            let step = journal.next(part, &mut cursor, &mut into).unwrap();
            let Step::Row { sequence, utc } = step else {
                panic!("expected row {expected}, found {step:?}")
            };
            let truth = &self.rows[expected - self.base as usize];
            assert_eq!((sequence as usize, utc.unix(), &into), (expected, truth.0, &truth.1));
        }
        assert_eq!(journal.next(part, &mut cursor, &mut into), Ok(Step::End));

        // The same by time, from a third to two thirds of the times there are.
        let times: Vec<i64> = self.rows[journal.first() as usize - self.base as usize..]
            .iter()
            .map(|row| row.0)
            .collect();
        if let (Some(least), Some(greatest)) = (times.iter().min(), times.iter().max()) {
            let (from, to) = (least + (greatest - least) / 3, greatest - (greatest - least) / 3);
            let mut cursor = journal.range(Utc::from_unix(from), Utc::from_unix(to));
            for time in times.iter().filter(|time| (from..=to).contains(time)) {
                let step = journal.next(part, &mut cursor, &mut into).unwrap();
                assert!(
                    matches!(step, Step::Row { utc, .. } if utc.unix() == *time),
                    "expected {time}, found {step:?}"
                );
            }
            assert_eq!(journal.next(part, &mut cursor, &mut into), Ok(Step::End));
        }
    }
}

impl Subject for Log {
    type Op = Write;

    fn apply(&mut self, part: &mut Part, op: &Write) -> Result<(), Dark> {
        let place = region(part, 0, self.sectors);
        match op {
            Write::Format => {
                let formatted = Journal::format(part, place, self.shape(self.width, 0));
                self.journal = Some(dark(part, formatted)?);
            }
            Write::Append(seconds) => {
                self.now += seconds;
                let row = self.row();
                let journal = self.journal.as_mut().unwrap();
                let result = match journal.append(part, Utc::from_unix(self.now), &row) {
                    Err(JournalError::Fault(Fault::Busy)) if part.is_powered() => {
                        let settled = journal.settle(part);
                        dark(part, settled)?;
                        journal.append(part, Utc::from_unix(self.now), &row)
                    }
                    result => result,
                };
                self.doubt = Some(Doubt::Row(self.now, row.clone()));
                let sequence = dark(part, result)?;
                self.doubt = None;
                assert_eq!(sequence as usize, self.base as usize + self.rows.len());
                self.rows.push((self.now, row));
            }
            Write::Clear(width) => {
                let shape = self.shape(*width, 1);
                let journal = self.journal.as_mut().unwrap();
                let settled = journal.settle(part);
                dark(part, settled)?;
                self.doubt = Some(Doubt::Clear(*width));
                let cleared = journal.clear(part, shape);
                dark(part, cleared)?;
                self.doubt = None;
                self.cleared(*width);
            }
            Write::TendOnce => {
                let tended = self.journal.as_mut().unwrap().tend(part);
                dark(part, tended)?;
            }
            Write::Settle => {
                let settled = self.journal.as_mut().unwrap().settle(part);
                dark(part, settled)?;
            }
        }
        Ok(())
    }

    fn recover(&mut self, part: &mut Part) -> Result<(), Dark> {
        self.cuts += 1;
        let place = region(part, 0, self.sectors);
        let Some((mut journal, mounted)) = Journal::mount(part, place).unwrap() else {
            assert!(self.journal.is_none(), "the journal is gone");
            return self.apply(part, &Write::Format);
        };
        assert_eq!((mounted.lost_rows, mounted.lost_sectors), (0, 0));
        assert_eq!(mounted.rows, journal.len());
        self.compare(part, &journal);
        let settled = journal.settle(part);
        self.journal = Some(journal);
        dark(part, settled)
    }
}

#[test]
fn a_journal_outlives_a_cut_at_every_step() {
    // Wide rows, so that few of them fill a sector: 9 of 400 bytes.
    let mut ops = vec![Write::Format];
    for n in 0..60 {
        ops.push(Write::Append(if n % 11 == 10 { -5_000 } else { 900 }));
        // Sometimes the erase still runs while the next rows are written.
        ops.push(if n % 3 == 0 { Write::TendOnce } else { Write::Settle });
        if n == 33 {
            ops.push(Write::Clear(300));
        }
    }
    sweep("journal of 4 sectors", blank(4), Log::new(4, 400), &ops);
}

#[test]
fn a_journal_of_narrow_rows_outlives_a_cut_at_every_step() {
    let mut ops = vec![Write::Format];
    ops.extend((0..230).map(|n| {
        if n % 50 == 49 {
            Write::Settle
        } else {
            Write::Append(if n == 120 { -60 } else { 60 })
        }
    }));
    sweep("journal of narrow rows", blank(3), Log::new(3, 32), &ops);
}

#[test]
fn a_first_format_outlives_a_cut_on_any_old_contents() {
    for byte in [0xFF, 0x00, 0xA5] {
        let ops = [Write::Format, Write::Append(60), Write::Append(60)];
        sweep("journal, first boot", filled(3, byte), Log::new(3, 40), &ops);
        let ops = [Put::Format, Put::Set(1, 30), Put::Set(2, 5)];
        sweep("store, first boot", filled(5, byte), Book::new(5), &ops);
        let ops = [Save::Format, Save::Snapshot(100), Save::Record(50)];
        sweep("checkpoint, first boot", filled(5, byte), Count::new(), &ops);
    }
}

// Store

#[derive(Clone, Debug)]
enum Put {
    Format,
    /// Set this key to a new value of so many bytes.
    Set(u32, usize),
    Remove(u32),
    TendOnce,
    Settle,
}

const KEYS: usize = 24;

#[derive(Clone)]
struct Book {
    sectors: u32,
    store: Option<Store<KEYS>>,
    truth: BTreeMap<u32, Vec<u8>>,
    doubt: Option<(u32, Option<Vec<u8>>)>,
    version: u8,
}

impl Book {
    fn new(sectors: u32) -> Self {
        Self {
            sectors,
            store: None,
            truth: BTreeMap::new(),
            doubt: None,
            version: 0,
        }
    }

    fn settle_doubt(&mut self) {
        if let Some((key, value)) = self.doubt.take() {
            match value {
                Some(value) => self.truth.insert(key, value),
                None => self.truth.remove(&key),
            };
        }
    }

    fn compare(&mut self, part: &Part, store: &Store<KEYS>) {
        let mut into = vec![0; 1_024];
        if let Some((key, value)) = self.doubt.clone() {
            let found = store.get(part, Key(key), &mut into).unwrap();
            if found == value.as_deref() {
                self.settle_doubt();
            }
            self.doubt = None;
        }
        assert!(
            store.keys().map(|key| key.0).eq(self.truth.keys().copied()),
            "other keys than were set"
        );
        for (key, value) in &self.truth {
            assert_eq!(
                store.get(part, Key(*key), &mut into),
                Ok(Some(value.as_slice())),
                "key {key}"
            );
        }
    }
}

impl Subject for Book {
    type Op = Put;

    fn apply(&mut self, part: &mut Part, op: &Put) -> Result<(), Dark> {
        let place = region(part, 0, self.sectors);
        match op {
            Put::Format => {
                let formatted = Store::format(part, place);
                self.store = Some(dark(part, formatted)?);
            }
            Put::Set(..) | Put::Remove(_) => {
                self.version = self.version.wrapping_add(1);
                let version = self.version;
                let (key, value) = match *op {
                    Put::Set(key, len) => (
                        key,
                        Some((0..len).map(|at| version ^ (at * 5) as u8).collect::<Vec<u8>>()),
                    ),
                    Put::Remove(key) => (key, None),
                    _ => unreachable!(),
                };
                let store = self.store.as_mut().unwrap();
                let mut write = |part: &mut Part| match &value {
                    Some(value) => store.set(part, Key(key), value),
                    None => store.remove(part, Key(key)),
                };
                self.doubt = Some((key, value.clone()));
                let mut result = write(part);
                if part.is_powered() && result == Err(StoreError::Fault(Fault::Busy)) {
                    let settled = self.store.as_mut().unwrap().settle(part);
                    dark(part, settled)?;
                    let store = self.store.as_mut().unwrap();
                    result = match &value {
                        Some(value) => store.set(part, Key(key), value),
                        None => store.remove(part, Key(key)),
                    };
                }
                dark(part, result)?;
                self.settle_doubt();
            }
            Put::TendOnce => {
                let tended = self.store.as_mut().unwrap().tend(part);
                dark(part, tended)?;
            }
            Put::Settle => {
                let settled = self.store.as_mut().unwrap().settle(part);
                dark(part, settled)?;
            }
        }
        Ok(())
    }

    fn recover(&mut self, part: &mut Part) -> Result<(), Dark> {
        let place = region(part, 0, self.sectors);
        let Some((mut store, mounted)) = Store::<KEYS>::mount(part, place).unwrap() else {
            assert!(self.store.is_none(), "the store is gone");
            return self.apply(part, &Put::Format);
        };
        assert_eq!(
            (mounted.lost_keys, mounted.lost_records, mounted.lost_sectors),
            (0, 0, 0)
        );
        assert_eq!(mounted.kept as usize, store.len());
        self.compare(part, &store);
        let settled = store.settle(part);
        self.store = Some(store);
        dark(part, settled)
    }
}

#[test]
fn a_store_outlives_a_cut_at_every_step() {
    let mut ops = vec![Put::Format];
    let mut turn = 7_usize;
    for n in 0..110_u32 {
        turn = turn * 1_103 % 10_007;
        let key = n * 7 % 9;
        ops.push(match n % 10 {
            9 => Put::Remove(key),
            4 => Put::Set(50 + n % 4, 300),
            _ => Put::Set(key, turn % 200),
        });
        ops.push(if n % 4 == 0 { Put::Settle } else { Put::TendOnce });
    }
    sweep("store of 5 sectors", blank(5), Book::new(5), &ops);
}

#[test]
fn a_store_filled_to_its_limit_outlives_a_cut_at_every_step() {
    // Two values of the greatest length and many short ones: moving crosses sector ends.
    let mut ops = vec![Put::Format, Put::Set(1, 1_024), Put::Set(2, 1_000)];
    ops.extend((3..14).map(|key| Put::Set(key, 8)));
    for n in 0..14 {
        ops.push(Put::Set(1 + n % 2, 1_000 + n as usize));
        ops.push(Put::Set(3 + n % 11, 8));
        ops.push(Put::TendOnce);
    }
    sweep("full store", blank(5), Book::new(5), &ops);
}

// Checkpoint

#[derive(Clone, Debug)]
enum Save {
    Format,
    Snapshot(usize),
    Record(usize),
    TendOnce,
    Settle,
}

#[derive(Clone)]
struct Count {
    checkpoint: Option<Checkpoint>,
    snapshot: Option<Vec<u8>>,
    record: Option<Vec<u8>>,
    doubt: Option<(Option<Vec<u8>>, Option<Vec<u8>>)>,
    version: u8,
}

impl Count {
    fn new() -> Self {
        Self {
            checkpoint: None,
            snapshot: None,
            record: None,
            doubt: None,
            version: 0,
        }
    }

    fn content(&mut self, len: usize) -> Vec<u8> {
        self.version = self.version.wrapping_add(1);
        (0..len).map(|at| self.version ^ (at * 3) as u8).collect()
    }
}

impl Subject for Count {
    type Op = Save;

    fn apply(&mut self, part: &mut Part, op: &Save) -> Result<(), Dark> {
        let sides = [region(part, 0, 2), region(part, 2, 2)];
        let reserve = region(part, 4, 1);
        match op {
            Save::Format => {
                let formatted = Checkpoint::format(part, sides, reserve, 100);
                self.checkpoint = Some(dark(part, formatted)?);
            }
            Save::Snapshot(len) => {
                let content = self.content(*len);
                let checkpoint = self.checkpoint.as_mut().unwrap();
                self.doubt = Some((Some(content.clone()), None));
                let mut result = checkpoint.save(part, &content);
                if part.is_powered() && result.is_err() {
                    let settled = checkpoint.settle(part);
                    dark(part, settled)?;
                    result = checkpoint.save(part, &content);
                }
                dark(part, result)?;
                (self.snapshot, self.record) = self.doubt.take().unwrap();
            }
            Save::Record(len) => {
                let content = self.content(*len);
                self.doubt = Some((self.snapshot.clone(), Some(content.clone())));
                let saved = self.checkpoint.as_mut().unwrap().save_record(part, &content);
                dark(part, saved)?;
                (self.snapshot, self.record) = self.doubt.take().unwrap();
            }
            Save::TendOnce => {
                let tended = self.checkpoint.as_mut().unwrap().tend(part);
                dark(part, tended)?;
            }
            Save::Settle => {
                let settled = self.checkpoint.as_mut().unwrap().settle(part);
                dark(part, settled)?;
            }
        }
        Ok(())
    }

    fn recover(&mut self, part: &mut Part) -> Result<(), Dark> {
        let sides = [region(part, 0, 2), region(part, 2, 2)];
        let reserve = region(part, 4, 1);
        let mounted = Checkpoint::mount(part, sides, reserve);
        let Some((mut checkpoint, restored)) = dark(part, mounted)? else {
            assert!(self.checkpoint.is_none(), "the checkpoint is gone");
            return self.apply(part, &Save::Format);
        };
        let (mut first, mut second) = (vec![0; 4_096], vec![0; 512]);
        let snapshot = checkpoint.snapshot(part, &mut first).unwrap().map(<[u8]>::to_vec);
        let record = checkpoint.record(part, &mut second).unwrap().map(<[u8]>::to_vec);
        assert_eq!(
            restored.snapshot.map(|(_, len)| usize::from(len)),
            snapshot.as_ref().map(Vec::len)
        );
        assert_eq!(restored.record.map(usize::from), record.as_ref().map(Vec::len));
        let found = (snapshot, record);
        if let Some(doubt) = self.doubt.take()
            && doubt == found
        {
            (self.snapshot, self.record) = doubt;
        }
        assert_eq!(found, (self.snapshot.clone(), self.record.clone()));
        assert!(
            restored.renewed_sides == 0 || self.checkpoint.is_none(),
            "a side is gone"
        );
        let settled = checkpoint.settle(part);
        self.checkpoint = Some(checkpoint);
        dark(part, settled)
    }
}

#[test]
fn a_checkpoint_outlives_a_cut_at_every_step() {
    let mut ops = vec![Save::Format];
    for n in 0..36 {
        // A firmware update changes the length once.
        ops.push(Save::Snapshot(if n < 20 { 900 } else { 1_100 }));
        ops.push(if n % 3 == 0 { Save::TendOnce } else { Save::Settle });
        if n % 4 == 1 {
            ops.push(Save::Record(512));
        }
        if n % 8 == 1 {
            ops.push(Save::Record(100));
        }
    }
    sweep("checkpoint", blank(5), Count::new(), &ops);
}

#[test]
fn a_power_fail_record_goes_in_while_an_erase_runs() {
    let mut part = blank(6);
    let sides = [region(&part, 0, 2), region(&part, 2, 2)];
    let reserve = region(&part, 4, 1);
    let mut checkpoint = Checkpoint::format(&mut part, sides, reserve, 1_900).unwrap();
    for content in 1..=5 {
        checkpoint.save(&mut part, &[content; 1_900]).unwrap();
    }
    assert_eq!(
        checkpoint.tend(&mut part).unwrap(),
        Tended::More,
        "a spare is being erased"
    );
    let from = part.writes();
    checkpoint.save_record(&mut part, &[9; 512]).unwrap();
    let to = part.writes();
    assert_eq!(
        (
            to.suspends - from.suspends,
            to.programs - from.programs,
            to.erases - from.erases
        ),
        (1, 3, 0)
    );
    part.lose_power();
    part.power_up();
    let (checkpoint, restored) = Checkpoint::mount(&mut part, sides, reserve).unwrap().unwrap();
    assert_eq!((restored.snapshot, restored.record), (Some((5, 1_900)), Some(512)));
    assert_eq!(checkpoint.record(&part, &mut [0; 512]), Ok(Some([9; 512].as_slice())));
}
