//! The bytes on flash are a promise: small images of layout version 1, written down, and loaded by every later version.
//!
//! `UPDATE=1 cargo test -p ferraris-flash --test layout` writes the golden file anew: only for a new version of the layout.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod part;

use core::fmt::Write;

use base::Utc;
use flash::{Checkpoint, Journal, Key, Shape, Step, Store};
use part::{Part, blank, region};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/layout_1.txt");
const SECTORS: u32 = 14;

fn written() -> Part {
    let mut part = blank(SECTORS);
    let rows = region(&part, 0, 4);
    let mut journal = Journal::format(
        &mut part,
        rows,
        Shape {
            width: 900,
            tag: 0x0102_0304,
        },
    )
    .unwrap();
    for n in 0..6_u8 {
        // The clock is set back once.
        let seconds = 1_800_000_000 + i64::from(n) * 60 - i64::from(n / 5) * 3_600;
        journal.append(&mut part, Utc::from_unix(seconds), &[n; 900]).unwrap();
    }
    let values = region(&part, 4, 5);
    let mut store = Store::<8>::format(&mut part, values).unwrap();
    store.set(&mut part, Key(0x0A0B_0C0D), b"threshold").unwrap();
    store.set(&mut part, Key(1), b"").unwrap();
    store.set(&mut part, Key(0x0A0B_0C0D), b"limit").unwrap();
    store.set(&mut part, Key(2), b"gone").unwrap();
    store.remove(&mut part, Key(2)).unwrap();
    let sides = [region(&part, 9, 2), region(&part, 11, 2)];
    let reserve = region(&part, 13, 1);
    let mut checkpoint = Checkpoint::format(&mut part, sides, reserve, 20).unwrap();
    checkpoint.save(&mut part, &[0x11; 20]).unwrap();
    checkpoint.save(&mut part, &[0x22; 20]).unwrap();
    checkpoint.save_record(&mut part, b"power fails").unwrap();
    part
}

/// Lines of 16 bytes with their address; blank lines are left out.
fn printed(part: &Part) -> String {
    let mut text = String::new();
    for (line, bytes) in part.cells().chunks(16).enumerate() {
        if bytes.iter().any(|byte| *byte != 0xFF) {
            write!(text, "{:05x} ", line * 16).unwrap();
            bytes.iter().for_each(|byte| write!(text, " {byte:02x}").unwrap());
            text.push('\n');
        }
    }
    text
}

fn loaded(text: &str) -> Part {
    let mut part = blank(SECTORS);
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let at = usize::from_str_radix(words.next().unwrap(), 16).unwrap();
        for (cell, byte) in part.cells_mut()[at..].iter_mut().zip(words) {
            *cell = u8::from_str_radix(byte, 16).unwrap();
        }
    }
    part
}

#[test]
fn the_same_writes_make_the_same_bytes() {
    let text = printed(&written());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(GOLDEN, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(GOLDEN).unwrap(), "the layout changed");
}

#[test]
fn an_image_of_layout_1_loads() {
    let mut part = loaded(&std::fs::read_to_string(GOLDEN).unwrap());
    let (journal, found) = Journal::mount(&part, region(&part, 0, 4)).unwrap().unwrap();
    assert_eq!((found.rows, found.lost_rows, found.unfinished_rows), (6, 0, 0));
    assert_eq!(
        journal.shape(),
        Shape {
            width: 900,
            tag: 0x0102_0304
        }
    );
    let mut cursor = journal.range(Utc::from_unix(1_799_990_000), Utc::from_unix(1_799_999_999));
    let mut into = [0; 900];
    let utc = Utc::from_unix(1_800_000_000 + 300 - 3_600);
    assert_eq!(
        journal.next(&part, &mut cursor, &mut into),
        Ok(Step::Row { sequence: 5, utc })
    );
    assert_eq!(into, [5; 900]);
    assert_eq!(journal.next(&part, &mut cursor, &mut into), Ok(Step::End));

    let (store, found) = Store::<8>::mount(&part, region(&part, 4, 5)).unwrap().unwrap();
    assert_eq!(
        (found.kept, found.lost_keys, found.lost_records, found.unfinished),
        (2, 0, 0, 0)
    );
    assert_eq!(
        store.get(&part, Key(0x0A0B_0C0D), &mut [0; 16]),
        Ok(Some(b"limit".as_slice()))
    );
    assert_eq!(store.get(&part, Key(1), &mut [0; 16]), Ok(Some(b"".as_slice())));
    assert_eq!(store.get(&part, Key(2), &mut [0; 16]), Ok(None));

    let sides = [region(&part, 9, 2), region(&part, 11, 2)];
    let reserve = region(&part, 13, 1);
    let (checkpoint, restored) = Checkpoint::mount(&mut part, sides, reserve).unwrap().unwrap();
    assert_eq!(
        (restored.snapshot, restored.record, restored.damaged),
        (Some((2, 20)), Some(11), 0)
    );
    assert_eq!(
        checkpoint.snapshot(&part, &mut [0; 20]),
        Ok(Some([0x22; 20].as_slice()))
    );
    assert_eq!(
        checkpoint.record(&part, &mut [0; 20]),
        Ok(Some(b"power fails".as_slice()))
    );
}
