//! B5: every single bit of small images is flipped, one at a time. What is read is true or reported lost; never a wrong value.

#![expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and its numbers are small"
)]

mod part;

use base::Utc;
use flash::{Checkpoint, Journal, Key, Nor, Shape, Step, Store, StoreError};
use part::{Part, blank, region};

/// Flips every bit of the part in turn and lets `check` look at it; it answers whether the damage was noticed.
fn flip_all(name: &str, part: &mut Part, mut check: impl FnMut(&mut Part) -> bool) {
    let truth = part.cells().to_vec();
    let (mut flips, mut noticed) = (0, 0);
    for (at, byte) in truth.iter().enumerate() {
        for bit in 0..8 {
            part.cells_mut()[at] ^= 1 << bit;
            let found = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| check(part)));
            let found = found.unwrap_or_else(|_| panic!("{name}: byte {at}, bit {bit}"));
            flips += 1;
            noticed += u32::from(found);
            part.cells_mut()[at] = *byte;
        }
    }
    println!("{name}: {flips} bits flipped, {noticed} noticed, the others harmless");
}

#[test]
fn a_journal_never_gives_a_wrong_row() {
    let mut part = blank(3);
    let place = region(&part, 0, 3);
    let mut journal = Journal::format(&mut part, place, Shape { width: 90, tag: 7 }).unwrap();
    let rows_per_sector = journal.shape().rows_per_sector();
    let row = |n: u32| [n as u8; 90].map(|byte| byte.wrapping_mul(37));
    let utc = |n: u32| Utc::from_unix(1_800_000_000 + i64::from(n) * 60);
    let rows = rows_per_sector * 5 / 2;
    for n in 0..rows {
        journal.append(&mut part, utc(n), &row(n)).unwrap();
        journal.settle(&mut part).unwrap();
    }
    let first = journal.first();
    flip_all("journal", &mut part, |part| {
        let (journal, mounted) = Journal::mount(part, place)
            .unwrap()
            .expect("one header of two is whole");
        assert_eq!(journal.shape(), Shape { width: 90, tag: 7 });
        let mut noticed = mounted.lost_rows + mounted.lost_sectors + mounted.unfinished_rows;
        let mut cursor = journal.all();
        let mut into = [0; 90];
        let mut read = 0;
        loop {
            match journal.next(part, &mut cursor, &mut into).unwrap() {
                Step::Row { sequence, utc: time } => {
                    assert_eq!((time, into), (utc(sequence), row(sequence)));
                    read += 1;
                }
                Step::Missing { rows, .. } => noticed += rows,
                Step::End => break,
            }
        }
        assert!(
            read == rows - first || 0 < noticed,
            "{read} rows of {} and nothing was noticed",
            rows - first
        );
        assert!(rows - first <= read + 1, "one bit costs one row at most");
        0 < noticed
    });
}

#[test]
fn a_journal_appends_around_flipped_bits() {
    let mut part = blank(3);
    let place = region(&part, 0, 3);
    let mut journal = Journal::format(&mut part, place, Shape { width: 90, tag: 7 }).unwrap();
    for n in 0..5 {
        journal.append(&mut part, Utc::from_unix(n), &[n as u8; 90]).unwrap();
    }
    let truth = part.cells().to_vec();
    // The sector that is open is where the rows are; its blank part is what new rows go to.
    for at in (0..truth.len()).step_by(3) {
        part.cells_mut().copy_from_slice(&truth);
        part.cells_mut()[at] ^= 0x10;
        let mut journal = journal.clone();
        let sequence = journal.append(&mut part, Utc::from_unix(9), &[0xEE; 90]).unwrap();
        let (mut cursor, mut into) = (journal.rows(sequence, sequence + 1), [0; 90]);
        let found = journal.next(&part, &mut cursor, &mut into);
        assert_eq!(
            (found, into),
            (
                Ok(Step::Row {
                    sequence,
                    utc: Utc::from_unix(9)
                }),
                [0xEE; 90]
            ),
            "byte {at}"
        );
    }
}

#[test]
fn a_store_never_gives_a_wrong_value() {
    const KEYS: usize = 16;
    let mut part = blank(5);
    let place = region(&part, 0, 5);
    let mut store = Store::<KEYS>::format(&mut part, place).unwrap();
    let value = |key: u32, version: u32| vec![(key * 16 + version) as u8; (key * 13 % 150) as usize];
    for version in 0..9 {
        for key in 0..10 {
            store.set(&mut part, Key(key), &value(key, version)).unwrap();
        }
        store.remove(&mut part, Key(3)).unwrap();
        store.settle(&mut part).unwrap();
    }
    flip_all("store", &mut part, |part| {
        let (store, mounted) = Store::<KEYS>::mount(part, place)
            .unwrap()
            .expect("one header of two is whole");
        let mut lost = 0;
        for key in 0..10 {
            match store.get(part, Key(key), &mut [0; 1_024]) {
                Ok(None) => assert_eq!(key, 3),
                Ok(Some(found)) => assert_eq!(found, value(key, 8), "key {key}"),
                Err(error) => {
                    assert_eq!(error, StoreError::Lost);
                    lost += 1;
                }
            }
        }
        assert_eq!(mounted.lost_keys, lost);
        assert!(lost <= 1, "one bit costs one value at most");
        0 < lost + mounted.lost_records + mounted.unfinished
    });
}

#[test]
fn that_a_value_is_lost_is_not_forgotten() {
    let mut part = blank(5);
    let place = region(&part, 0, 5);
    let mut store = Store::<8>::format(&mut part, place).unwrap();
    store.set(&mut part, Key(1), b"one").unwrap();
    store.set(&mut part, Key(2), b"two").unwrap();
    let at = part.cells().windows(3).position(|window| window == b"one").unwrap();
    part.cells_mut()[at] ^= 1;
    let (mut store, mounted) = Store::<8>::mount(&part, place).unwrap().unwrap();
    assert_eq!((mounted.kept, mounted.lost_keys), (1, 1));
    // The sector with the evidence is erased several times over.
    for n in 0..2_000_u32 {
        store.set(&mut part, Key(2), &n.to_le_bytes()).unwrap();
        store.settle(&mut part).unwrap();
    }
    let (mut store, mounted) = Store::<8>::mount(&part, place).unwrap().unwrap();
    assert_eq!((mounted.kept, mounted.lost_keys), (1, 1));
    assert_eq!(store.get(&part, Key(1), &mut [0; 8]), Err(StoreError::Lost));
    store.set(&mut part, Key(1), b"new").unwrap();
    assert_eq!(store.get(&part, Key(1), &mut [0; 8]), Ok(Some(b"new".as_slice())));
}

#[test]
fn a_checkpoint_never_gives_a_wrong_snapshot() {
    let mut part = blank(5);
    let sides = [region(&part, 0, 2), region(&part, 2, 2)];
    let reserve = region(&part, 4, 1);
    let mut checkpoint = Checkpoint::format(&mut part, sides, reserve, 300).unwrap();
    for n in 1..=33_u8 {
        checkpoint.save(&mut part, &[n; 300]).unwrap();
        checkpoint.settle(&mut part).unwrap();
    }
    checkpoint.save_record(&mut part, &[0xE0; 200]).unwrap();
    checkpoint.save_record(&mut part, &[0xE1; 200]).unwrap();
    flip_all("checkpoint", &mut part, |part| {
        let before = part.writes().steps;
        let (checkpoint, restored) = Checkpoint::mount(part, sides, reserve)
            .unwrap()
            .expect("headers are doubled");
        assert_eq!(
            (before, restored.renewed_sides),
            (part.writes().steps, 0),
            "mounting wrote"
        );
        let snapshot = checkpoint.snapshot(part, &mut [0; 300]).unwrap().map(|it| it[0]);
        let record = checkpoint.record(part, &mut [0; 512]).unwrap().map(|it| it[0]);
        match (snapshot, record) {
            (Some(33), Some(0xE1)) => {}
            // One back, and it says so.
            (Some(32), Some(0xE1)) | (Some(33), Some(0xE0)) => assert!(0 < restored.damaged),
            wrong => panic!("{wrong:?}"),
        }
        0 < restored.damaged
    });
    assert_eq!(part.sectors(), 5);
}
