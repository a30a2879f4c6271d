//! Whole images of the flash: those of released layouts are still read, and damaged ones give what is whole and say what is lost (U2).

extern crate std;

use std::string::String;
use std::vec::Vec;
use std::{format, println, vec};

use core::fmt::Write as _;

use super::{Bench, Life, TEST_SECTORS, TestFlash, boot, config, hex, set_device_id, start};
use crate::profile::JournalId;
use crate::{BootFault, MemoryError, Meter};
use crate::{Contact, Input};
use dlms::server::{Link, WrapperLink};
use flash::model::{Model as Flash, Timing};

/// A life with something in each memory, and its farewell.
fn lived() -> Life {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    life.associate().expect("a good step");
    assert_eq!(life.talk(&set_device_id(7)), Ok(hex("C501C100")));
    life.step(Input::Contact(Contact::MeterCover { open: true }))
        .expect("a good step");
    for _ in 0..400 {
        life.measure(6_000).expect("a good step");
    }
    life.step(Input::PowerFailing).expect("a good farewell");
    life
}

/// Lines of 16 octets with their address; blank lines are left out.
fn printed(cells: &[u8]) -> String {
    let mut text = String::new();
    for (line, octets) in cells.chunks(16).enumerate() {
        if octets.iter().any(|octet| *octet != 0xFF) {
            write!(text, "{:06x} ", line * 16).expect("memory");
            for octet in octets {
                write!(text, "{octet:02x}").expect("memory");
            }
            text.push('\n');
        }
    }
    text
}

fn loaded(text: &str) -> TestFlash {
    let mut cells = vec![0xFF; TEST_SECTORS * 4_096];
    for line in text.lines() {
        let (at, octets) = line.split_once(' ').expect("address and octets");
        let at = usize::from_str_radix(at, 16).expect("an address");
        cells[at..at + 16].copy_from_slice(&hex(octets));
    }
    Flash::new(cells, vec![0; TEST_SECTORS], Timing::TYPICAL, 1)
}

/// Issue 6, 7: the image of layout 2 in the golden file is read by every later firmware. `UPDATE=1` is only for a new version of the layout.
#[test]
fn an_image_of_layout_2_loads() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/layout_2.txt");
    if std::env::var_os("NEW_LAYOUT").is_some() {
        let life = lived();
        std::fs::write(path, printed(life.bench.flash.cells())).expect("the file can be written");
    }
    let text = std::fs::read_to_string(path).expect("the image is kept");
    let bench = Bench {
        flash: loaded(&text),
        closed: None,
        rtc: None,
    };
    let (life, report) = Life::begin(bench, Some(start().plus(600)));
    assert!(
        !report.has_loss() && !report.first_boot && !report.unclean,
        "{report:?}"
    );
    assert_eq!(life.read(1, "0-0:96.1.1", 2), [9, 1, 7]);
    assert_eq!(life.import(), 400 * 3_600_000_000);
    assert_eq!(life.meter.model().power_failures, 1);
    assert_eq!(life.log(JournalId::FraudLog).first(), Some(&44));
}

/// A layout that this firmware does not read is refused by its number, and nothing of it is touched.
#[test]
fn another_layout_is_refused_untouched() {
    let mut life = lived();
    let octets = [1, 2, 0, 0, 0, 0, 4];
    let core = &mut life.meter.core;
    core.memory.keep_mark(&mut life.bench.flash, &octets);
    let mut bench = life.bench.revived();
    let before = bench.flash.cells().to_vec();
    let refused = Meter::boot(&config(), Some(start()), [7; 32], &mut bench).map(|(_, report)| report);
    assert_eq!(refused, Err(BootFault::Memory(MemoryError::Layout(1))));
    assert!(bench.flash.cells() == before, "it is as it was");
}

/// Reliability B5: damage at random, in any partition; what is there is right, or the report says that something is lost.
#[test]
fn damaged_images_give_what_is_whole_and_say_what_is_lost() {
    let life = lived();
    let (import, rows) = (life.import(), life.rows());
    let cells = life.bench.revived().flash.into_parts().0;
    let used: Vec<usize> = (0..TEST_SECTORS)
        .filter(|sector| cells[sector * 4_096..][..4_096].iter().any(|octet| *octet != 0xFF))
        .collect();
    let first_seed = 0x0DA3_u64;
    let (mut said, mut whole) = (0, 0);
    for seed in first_seed..first_seed + 150 {
        let mut chance = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut below = |bound: usize| {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            usize::try_from(chance >> 33).expect("31 bits") % bound
        };
        let mut damaged = cells.clone();
        for _ in 0..=below(3) {
            let mut at = used[below(used.len())] * 4_096 + below(4_096);
            // Damage where nothing is written says nothing.
            while cells[at] == 0xFF {
                at = used[below(used.len())] * 4_096 + below(4_096);
            }
            let length = [1, 4, 200, 4_096][below(4)].min(damaged.len() - at);
            let kind = below(3);
            for cell in &mut damaged[at..at + length] {
                *cell = match kind {
                    0 => *cell ^ 1 << below(8),
                    1 => 0,
                    _ => u8::try_from(below(256)).expect("an octet"),
                };
            }
        }
        let mut bench = Bench {
            flash: Flash::new(damaged, vec![0; TEST_SECTORS], Timing::TYPICAL, seed),
            closed: None,
            rtc: None,
        };
        let context = format!("seed {seed:#x}");
        let (meter, report) = boot(&mut bench, Some(start().plus(600)));
        let life = Life {
            bench,
            meter,
            now: base::Instant::START,
            link: Link::Wrapper(WrapperLink::new(base::Instant::START, base::Micros::from_secs(180))),
        };
        assert!(!report.first_boot, "{context}: {report:?}");
        if report.has_loss() {
            said += 1;
        } else {
            whole += 1;
            assert_eq!(life.read(1, "0-0:96.1.1", 2), [9, 1, 7], "{context}: {report:?}");
            // A save that was torn by a cut looks like one that is damaged: then the one before counts, at most a minute older.
            let lost = import - life.import();
            assert!(
                (0..=301 * 3_600_000_000).contains(&lost),
                "{context}: {lost} {report:?}"
            );
        }
        // Rows are the same or not there; nothing is invented.
        for row in life.rows() {
            assert!(rows.contains(&row), "{context}: {row:?}");
        }
        // Energies and journals are put right: when each side of the snapshots was written anew, nothing is lost any more. That rows or values
        // are lost is remembered where they stood, until that sector is needed.
        let (mut life, _) = Life::begin(life.bench.revived(), Some(start().plus(900)));
        for _ in 0..60 {
            life.measure(1).expect("a good step");
        }
        let (_, after) = boot(&mut life.bench.revived(), Some(start().plus(1_200)));
        let remembered = after.lost_rows <= report.lost_rows && after.lost_values <= report.lost_values;
        let (after_rows, after_values) = (after.lost_rows, after.lost_values);
        assert!(
            remembered && (!after.has_loss() || after_rows + after_values != 0),
            "{context}: {report:?}, then {after:?}"
        );
    }
    println!("seeds from {first_seed:#x}: {said} images with a loss that was said, {whole} whole");
    assert!(20 < said && 20 < whole);
}
