//! A flash that is worn, damaged or cannot be read: what is whole is kept, what is lost is said (U2).

extern crate std;

use core::cell::Cell;
use std::vec::Vec;

use base::{Micros, Utc};
use cosem::axdr::Writer;
use cosem::{Cursor, Selection, Step};
use flash::{Erase, Nor, NorError};
use metrology::{Element, Quantity};

use super::{Bench, Life, TestFlash, boot, config, hex, partition, set_device_id, start};
use crate::limits::STEP_OCTETS;
use crate::profile::JournalId;
use crate::{Board, BootFault, Input, Meter};

/// Energies are saved and come back whichever single sector of their two sides no longer erases, for two lives.
#[test]
fn a_worn_sector_costs_no_energy() {
    let (side_0, _) = partition("registers, side 0");
    let (side_1, _) = partition("registers, side 1");
    for sector in [0, 1, 2, 3]
        .map(|it| side_0 + it)
        .into_iter()
        .chain([0, 1, 2].map(|it| side_1 + it))
    {
        let sector = u32::try_from(sector).expect("a small number");
        let (mut life, _) = Life::begin(Bench::new(), Some(start()));
        life.bench.flash.break_sector(Some(sector));
        for round in 0..2 {
            // Past several checkpoints, so that the ring meets the sector.
            for _ in 0..4_500 {
                let _reported_by_the_error_register = life.measure(6_000);
            }
            let before = life.import();
            let farewell = life.step(Input::PowerFailing);
            let (again, report) = Life::begin(life.bench.revived(), Some(start()));
            assert_eq!(
                again.import(),
                before,
                "sector {sector} round {round}: {farewell:?} {report:?}"
            );
            life = again;
        }
    }
}

/// One save may have been torn by a cut, two damaged ones are no torn write: the registers are older than they were, and the report says so.
#[test]
fn registers_that_come_from_an_older_snapshot_are_told() {
    for damaged in [1, 2] {
        let (mut life, _) = Life::begin(Bench::new(), Some(start()));
        // Each of four minutes is a row of changes, also the first, which ends all demands.
        for _ in 0..1_300 {
            life.measure(6_000).expect("a good step");
        }
        let mut bench = life.bench.revived();
        let (changes, sectors) = partition("registers, changes");
        let cells = &mut bench.flash.cells_mut()[changes * 4_096..][..sectors * 4_096];
        let (sector, rows) = cells
            .chunks_mut(4_096)
            .map(|sector| sector.split_at_mut(104).1)
            .enumerate()
            .find(|(_, rows)| rows.iter().any(|octet| *octet != 0xFF))
            .expect("changes were written");
        let used = rows.chunks(328).filter(|row| row[0] != 0xFF).count();
        assert_eq!((sector, used), (1, 4), "four minutes");
        for row in rows.chunks_mut(328).take(used).rev().take(damaged) {
            row.iter_mut().take(40).for_each(|octet| *octet ^= 0xA5);
        }
        let (_, report) = boot(&mut bench, Some(start()));
        assert_eq!(report.has_loss() && report.registers_aged, 1 < damaged, "{report:?}");
    }
}

/// A farewell that is not whole may have been torn by a cut, and so may the newest row of changes; both of them are damage, and it is told.
#[test]
fn a_damaged_farewell_and_a_damaged_row_of_changes_are_told() {
    for (farewell, row, told) in [(true, false, false), (false, true, false), (true, true, true)] {
        let (mut life, _) = Life::begin(Bench::new(), Some(start()));
        for _ in 0..700 {
            life.measure(6_000).expect("a good step");
        }
        life.step(Input::PowerFailing).expect("a good farewell");
        let before = life.import();
        let mut bench = life.bench.revived();
        let cells = bench.flash.cells_mut();
        if farewell {
            cells[partition("registers, reserve").0 * 4_096 + 256 + 20] ^= 1;
        }
        if row {
            let changes = (partition("registers, changes").0 + 1) * 4_096 + 104;
            // Two minutes are two rows, the first of which is at the first window.
            let newest = (0..12)
                .rev()
                .map(|row| changes + row * 328)
                .find(|at| cells[*at] != 0xFF);
            cells[newest.expect("changes were written") + 30] ^= 1;
        }
        let (again, report) = boot(&mut bench, Some(start()));
        assert_eq!(report.registers_aged, told, "{farewell} {row}: {report:?}");
        let found = again.model().registers.micro(Quantity::ActiveImport, Element::Total);
        let lost = before - found;
        assert_eq!(lost == 0, !farewell, "{farewell} {row}: {lost}");
        if !told {
            assert!(lost <= 301 * 3_600_000_000, "{farewell} {row}: {lost}");
        }
    }
}

/// A damaged whole snapshot is told by what was saved after it, and nothing that was saved after it is added to the one before; not at the next
/// boot either, when a new whole snapshot has come.
#[test]
fn a_damaged_whole_snapshot_is_told() {
    let import = |meter: &Meter| meter.model().registers.micro(Quantity::ActiveImport, Element::Total);
    for farewell in [false, true] {
        let (mut life, _) = Life::begin(Bench::new(), Some(start()));
        for _ in 0..400 {
            life.measure(6_000).expect("a good step");
        }
        life.step(Input::PowerFailing).expect("a good farewell");
        let before = life.import();
        let cells = life.bench.flash.cells().to_vec();
        (life, _) = Life::begin(life.bench.revived(), Some(start().plus(100)));
        for _ in 0..400 {
            life.measure(6_000).expect("a good step");
        }
        if farewell {
            life.step(Input::PowerFailing).expect("a good farewell");
        }
        let mut bench = life.bench.revived();
        // What the second boot has saved to the sides: between header and footer of a sector.
        let written = ["registers, side 0", "registers, side 1"]
            .map(partition)
            .map(|(first, sectors)| {
                (first * 4_096..(first + sectors) * 4_096)
                    .filter(|at| (104..4_056).contains(&(at % 4_096)) && cells[*at] != bench.flash.cells()[*at])
                    .collect::<Vec<_>>()
            });
        let written = written.concat();
        let mut sectors: Vec<usize> = written.iter().map(|at| at / 4_096).collect();
        sectors.dedup();
        assert!(100 < written.len() && sectors.len() == 1, "{sectors:?}, {written:?}");
        bench.flash.cells_mut()[written[20]] ^= 0x10;
        let (meter, report) = boot(&mut bench, Some(start().plus(200)));
        assert!(report.registers_aged, "{farewell}: {report:?}");
        // What was saved on the snapshot before counts: at most a minute less than the first farewell said.
        let found = import(&meter);
        let least = if farewell { before - 301 * 3_600_000_000 } else { before };
        assert!((least..=before).contains(&found), "{farewell}: {found} of {before}");
        let (meter, report) = boot(&mut bench.revived(), Some(start().plus(300)));
        assert!(!report.has_loss(), "{farewell}: {report:?}");
        assert_eq!(import(&meter), found);
    }
}

/// L1: rows of a lost sector are rows that say nothing, and those around them can be read.
#[test]
fn a_lost_sector_does_not_make_the_profile_unreadable() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    for number in 0..400 {
        let stamp = start().plus(number * 900);
        let core = &mut life.meter.core;
        let captured = core
            .memory
            .capture(&mut life.bench.flash, &mut core.model, JournalId::LoadProfile1, stamp);
        captured.expect("a good flash");
        while core.memory.needs_tending() {
            life.bench.flash.pass(Micros::from_secs(1));
            core.memory
                .tend(&mut life.bench.flash, &mut core.model)
                .expect("a good flash");
        }
    }
    let sound = read_all(&life);
    let mut bench = life.bench.revived();
    let at = (partition("load profile 1").0 + 2) * 4_096;
    bench.flash.cells_mut()[at..at + 4_096].fill(0);
    let (life, report) = Life::begin(bench, Some(start().plus(400 * 900)));
    assert!(report.has_loss() && 0 < report.lost_rows, "{report:?}");
    let damaged = read_all(&life);
    assert_eq!((sound.len(), damaged.len()), (400, 400));
    let silent = damaged
        .iter()
        .filter(|row| row.as_slice() == [2, 6, 0, 0, 0, 0, 0, 0])
        .count();
    let same = sound
        .iter()
        .zip(&damaged)
        .filter(|(before, after)| before == after)
        .count();
    assert_eq!(
        (silent, same),
        (report.lost_rows as usize, 400 - report.lost_rows as usize)
    );
}

/// The rows of the whole buffer as a client gets them.
fn read_all(life: &Life) -> Vec<Vec<u8>> {
    let core = &life.meter.core;
    let (mut cursor, mut octets) = (Cursor::default(), Vec::new());
    loop {
        let mut buffer = [0; STEP_OCTETS];
        let mut out = Writer::new(&mut buffer);
        let step = crate::stream::buffer(
            &core.model,
            &core.memory,
            &life.bench.flash,
            (JournalId::LoadProfile1, cosem::buffer::RowForm::Plain),
            Selection::Whole,
            &mut cursor,
            &mut out,
        );
        octets.extend_from_slice(out.written());
        cursor.step += 1;
        if step.expect("every step is answered") == Step::Done {
            break;
        }
    }
    let mut reader = cosem::axdr::Reader::new(&octets);
    let rows = reader.array().expect("an array");
    let mut row = || reader.skip_value().expect("a whole row").to_vec();
    (0..rows).map(|_| row()).collect()
}

/// A flash that fails to read once: the boot is refused, nothing is laid out over what is there, and the next boot finds all of it.
#[test]
fn one_bad_read_at_boot_erases_nothing() {
    for bad in [10, 40, 100, 400, 1_500, 1_700, 1_900, 2_100, 2_300] {
        let (mut life, _) = Life::begin(Bench::new(), Some(start()));
        for _ in 0..30 {
            life.measure(6_000).expect("a good step");
        }
        life.associate().expect("a good step");
        assert_eq!(life.talk(&set_device_id(7)), Ok(hex("C501C100")));
        life.step(Input::PowerFailing).expect("a good farewell");
        let before = (life.import(), life.rows());
        let mut board = Flaky {
            flash: life.bench.revived().flash,
            left: Cell::new(bad),
        };
        let refused = Meter::boot(&config(), Some(start()), [7; 32], &mut board).map(|(_, report)| report);
        assert!(
            matches!(refused, Err(BootFault::Memory(_))) || refused.is_ok_and(|it| !it.has_loss()),
            "read {bad}"
        );
        let bench = Bench {
            flash: board.flash,
            closed: None,
            rtc: None,
        };
        let (life, report) = Life::begin(bench.revived(), Some(start()));
        assert!(!report.has_loss() && !report.first_boot, "read {bad}: {report:?}");
        assert_eq!((life.import(), life.rows()), before, "read {bad}");
        assert_eq!(life.read(1, "0-0:96.1.1", 2), [9, 1, 7], "read {bad}");
    }
}

/// A flash of which one read fails, the `left`-th from now.
struct Flaky {
    flash: TestFlash,
    left: Cell<i64>,
}

impl Nor for Flaky {
    fn sectors(&self) -> u32 {
        self.flash.sectors()
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NorError> {
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            return Err(NorError::Gone);
        }
        self.flash.read(at, into)
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError> {
        self.flash.program(at, bytes)
    }

    fn start_erase(&mut self, sector: u32) -> Result<(), NorError> {
        self.flash.start_erase(sector)
    }

    fn poll_erase(&mut self) -> Result<Erase, NorError> {
        self.flash.pass(Micros::from_millis(100));
        self.flash.poll_erase()
    }

    fn suspend_erase(&mut self) -> Result<(), NorError> {
        self.flash.suspend_erase()
    }

    fn resume_erase(&mut self) -> Result<(), NorError> {
        self.flash.resume_erase()
    }
}

impl Board for Flaky {
    fn flash(&mut self) -> &mut dyn Nor {
        self
    }

    fn drive_disconnector(&mut self, _closed: bool) {}

    fn set_rtc(&mut self, _utc: Utc) {}
}

/// A clearing that comes too soon after another is refused instead of raising an alarm, and is not done later.
#[test]
fn a_flash_that_still_prepares_is_no_alarm() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    life.associate().expect("a good step");
    let cleared = [(); 3].map(|()| {
        // Method 1 of the load profile: reset.
        life.talk(&hex("C301C1 0007 0100630100FF 01 01 0F00"))
            .expect("a good step")[3]
    });
    assert_eq!(cleared, [0, 2, 2]);
    for _ in 0..20 {
        life.measure(1).expect("a good step");
    }
    assert_eq!(life.meter.model().error_register, 0);
    assert_eq!(life.log(JournalId::StandardLog), [2, 254]);
}
