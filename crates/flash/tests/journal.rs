//! L1, L2: what a journal keeps, in which order it gives it back, and what a search costs.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and its numbers are small"
)]

mod part;

use base::{Micros, Utc};
use flash::{Cursor, Fault, Journal, JournalError, Missing, Nor, SECTOR_BYTES, Shape, Step, Tended};
use part::{Part, blank, region};
use proptest::prelude::*;

const WIDTH: u16 = 32;

fn utc(seconds: i64) -> Utc {
    Utc::from_unix(1_800_000_000 + seconds)
}

fn row(n: u32) -> [u8; WIDTH as usize] {
    let mut row = [0x77; WIDTH as usize];
    row[..4].copy_from_slice(&n.to_le_bytes());
    row
}

fn laid(sectors: u32) -> (Part, Journal) {
    let mut part = blank(sectors);
    let place = region(&part, 0, sectors);
    let journal = Journal::format(&mut part, place, Shape { width: WIDTH, tag: 1 }).unwrap();
    (part, journal)
}

fn append(part: &mut Part, journal: &mut Journal, seconds: i64) {
    let n = journal.next_sequence();
    assert_eq!(journal.append(part, utc(seconds), &row(n)), Ok(n));
    journal.settle(part).unwrap();
}

/// All sequences that a cursor gives; what is missing is not expected here.
fn read(part: &Part, journal: &Journal, mut cursor: Cursor) -> Vec<u32> {
    let mut found = Vec::new();
    let mut into = [0; WIDTH as usize];
    loop {
        match journal.next(part, &mut cursor, &mut into).unwrap() {
            Step::Row { sequence, .. } => {
                assert_eq!(into, row(sequence));
                found.push(sequence);
            }
            Step::Missing { .. } => panic!("rows are missing"),
            Step::End => return found,
        }
    }
}

#[test]
fn a_wrapped_ring_keeps_at_least_its_capacity_and_mounts_the_same() {
    let (mut part, mut journal) = laid(5);
    for n in 0..3_000 {
        append(&mut part, &mut journal, n * 900);
        let total = journal.next_sequence();
        assert!(journal.capacity().min(total) <= journal.len());
    }
    assert_eq!(journal.capacity(), 3 * 98);
    let place = region(&part, 0, 5);
    let (mounted, found) = Journal::mount(&part, place).unwrap().unwrap();
    assert_eq!(
        (found.rows, found.lost_rows, found.unfinished_rows),
        (journal.len(), 0, 0)
    );
    assert_eq!((mounted.first(), mounted.next_sequence()), (journal.first(), 3_000));
    assert_eq!(mounted.last_utc(), Some(utc(2_999 * 900)));
    let (first, next) = (journal.first(), journal.next_sequence());
    assert_eq!(read(&part, &mounted, mounted.all()), (first..next).collect::<Vec<_>>());
    assert_eq!(
        read(&part, &mounted, mounted.rows(next - 7, next - 2)),
        (next - 7..next - 2).collect::<Vec<_>>()
    );
    assert_eq!(read(&part, &mounted, mounted.rows(next, u32::MAX)), []);
    assert!(part.worst_wear() <= 3_000 / 98 / 5 + 2, "wear is even");
}

#[test]
fn a_full_profile_of_issue_6_fits_its_partition() {
    // L1: 400 days of 15-minute rows with 8 columns of 32 bits.
    let shape = Shape { width: 32, tag: 0 };
    let sectors = (400 * 96_u32).div_ceil(shape.rows_per_sector()) + 2;
    assert!(400 * 96 <= shape.capacity(sectors));
    assert!(sectors * SECTOR_BYTES <= 1_614_000);
}

#[test]
fn a_step_back_of_the_clock_opens_a_run_and_a_range_visits_each_run() {
    let (mut part, mut journal) = laid(6);
    for start in [0, 50, 20] {
        for n in 0..100 {
            append(&mut part, &mut journal, start + n);
        }
    }
    // Rows 0..100 have times 0..100, rows 100..200 have 50..150, rows 200..300 have 20..120.
    let found = read(&part, &journal, journal.range(utc(55), utc(60)));
    assert_eq!(
        found,
        [
            55, 56, 57, 58, 59, 60, 105, 106, 107, 108, 109, 110, 235, 236, 237, 238, 239, 240
        ]
    );
    assert_eq!(
        read(&part, &journal, journal.range(utc(10), utc(19))),
        (10..20).collect::<Vec<_>>()
    );
    assert_eq!(
        read(&part, &journal, journal.range(utc(130), utc(999))),
        (180..200).collect::<Vec<_>>()
    );
    assert_eq!(read(&part, &journal, journal.range(utc(60), utc(55))), []);
    assert_eq!(read(&part, &journal, journal.range(utc(1_000), utc(2_000))), []);
}

#[test]
fn a_search_in_a_full_profile_reads_log2_n_plus_2_sectors_for_each_run() {
    let sectors = 394;
    let mut part = blank(sectors);
    let place = region(&part, 0, sectors);
    let mut journal = Journal::format(&mut part, place, Shape { width: WIDTH, tag: 0 }).unwrap();
    for n in 0..40_000_u32 {
        // Four runs: the clock goes back 30 days each time.
        let seconds = i64::from(n) * 900 - i64::from(n / 10_000) * 2_592_000;
        journal.append(&mut part, utc(seconds), &row(n)).unwrap();
        if journal.tend(&mut part).unwrap() == Tended::More {
            journal.settle(&mut part).unwrap();
        }
    }
    assert!(400 * 96 <= journal.len());
    let bound = u64::from(sectors.ilog2()) + 2;
    let mut into = [0; WIDTH as usize];
    let mut worst = 0;
    let mut worst_count = 0;
    for day in 0..420 {
        let (from, to) = (utc(day * 86_400), utc(day * 86_400 + 3_600));
        let mut sectors = part.reads().sectors;
        let counted = journal.count(&part, from, to, 0).unwrap();
        worst_count = worst_count.max(part.reads().sectors - sectors);
        let mut cursor = journal.range(from, to);
        sectors = part.reads().sectors;
        let mut rows = 0;
        // The run of the row before; a range visits the runs in turn, also those that have no row for it.
        let mut run = -1;
        loop {
            let step = journal.next(&part, &mut cursor, &mut into).unwrap();
            let cost = part.reads().sectors - sectors;
            sectors += cost;
            let now = match step {
                Step::Row { sequence, .. } => i64::from(sequence / 10_000),
                Step::Missing { .. } => panic!("rows are missing"),
                Step::End => 4,
            };
            // The rest of a run costs the sector that it stands in and, at a sector's end, the next one.
            let visited = u64::try_from(now - run).unwrap();
            worst = worst.max(if visited == 0 { 0 } else { cost.div_ceil(visited) });
            run = now;
            if step == Step::End {
                break;
            }
            rows += 1;
        }
        assert_eq!(counted, rows, "day {day}");
    }
    println!("at most {worst} sector reads before the first row of a run, bound {bound}");
    assert!(worst <= bound);
    // Counting searches the beginning and the end of each of four runs, and that there is no fifth.
    println!("at most {worst_count} sector reads to count the rows of a range in four runs");
    assert!(worst_count <= 9 * bound);
}

#[test]
fn a_cursor_notices_rows_that_are_overwritten_while_it_lives() {
    let (mut part, mut journal) = laid(3);
    for n in 0..150 {
        append(&mut part, &mut journal, n);
    }
    let mut cursor = journal.all();
    let mut into = [0; WIDTH as usize];
    for sequence in 0..10 {
        assert_eq!(
            journal.next(&part, &mut cursor, &mut into),
            Ok(Step::Row {
                sequence,
                utc: utc(i64::from(sequence))
            })
        );
    }
    for n in 150..250 {
        append(&mut part, &mut journal, n);
    }
    let gone = Step::Missing {
        sequence: 10,
        rows: 88,
        why: Missing::Overwritten,
    };
    assert_eq!(journal.next(&part, &mut cursor, &mut into), Ok(gone));
    // The cursor ends where the journal ended when it was made.
    assert_eq!(read(&part, &journal, cursor), (98..150).collect::<Vec<_>>());
}

#[test]
fn clearing_is_one_write_and_ends_all_cursors() {
    let (mut part, mut journal) = laid(4);
    for n in 0..250 {
        append(&mut part, &mut journal, n);
    }
    let mut cursor = journal.all();
    let before = part.writes();
    journal.clear(&mut part, Shape { width: 10, tag: 2 }).unwrap();
    assert!(part.writes().programs - before.programs <= 2);
    assert_eq!(part.writes().erases, before.erases);
    assert_eq!((journal.len(), journal.last_utc()), (0, None));
    assert_eq!(
        journal.next(&part, &mut cursor, &mut [0; 32]),
        Err(JournalError::Cleared)
    );
    let place = region(&part, 0, 4);
    let (mut journal, found) = Journal::mount(&part, place).unwrap().unwrap();
    assert_eq!(
        (found.rows, found.lost_sectors, journal.shape()),
        (0, 0, Shape { width: 10, tag: 2 })
    );
    assert_eq!(journal.append(&mut part, utc(0), &[5; 10]), Ok(250));
    assert_eq!(journal.append(&mut part, utc(0), &[5; 11]), Err(JournalError::Width));
}

#[test]
fn no_append_waits_for_an_erase() {
    let (mut part, mut journal) = laid(3);
    let longest = Micros::from_millis(4);
    let mut busy = 0;
    for n in 0..500 {
        let before = part.writes().elapsed;
        match journal.append(&mut part, utc(n), &row(journal.next_sequence())) {
            Ok(_) => {}
            Err(JournalError::Fault(Fault::Busy)) => busy += 1,
            Err(error) => panic!("{error}"),
        }
        journal.tend(&mut part).unwrap();
        assert!(part.writes().elapsed - before <= longest);
        part.pass(Micros::from_millis(1));
    }
    assert_eq!(busy, 0, "an erase of 45 ms is over long before 98 rows are written");
}

#[test]
fn a_worn_sector_is_an_alarm_once_a_lap_and_left_out() {
    let (mut part, mut journal) = laid(4);
    journal.append(&mut part, utc(0), &row(0)).unwrap();
    part.break_sector(Some(region(&part, 0, 4).first() + 3));
    let mut alarms = 0;
    for n in 1..400 {
        match journal.append(&mut part, utc(n), &row(journal.next_sequence())) {
            Ok(_) | Err(JournalError::Fault(Fault::Busy)) => {}
            Err(error) => panic!("{error}"),
        }
        for _ in 0..8 {
            match journal.tend(&mut part) {
                Ok(_) => part.pass(Micros::from_millis(50)),
                Err(JournalError::Fault(Fault::Worn(_))) => alarms += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    // Three sectors of 98 rows go round in turn, so the fourth is met twice; each time it is said once.
    assert_eq!((alarms, journal.next_sequence()), (2, 400));
    // The open sector, the full one before it, and the spare.
    let kept = read(&part, &journal, journal.all());
    assert!(98 <= kept.len());
    let (again, found) = Journal::mount(&part, region(&part, 0, 4)).unwrap().unwrap();
    assert_eq!(
        (again.next_sequence(), found.lost_rows, found.lost_sectors),
        (400, 0, 0)
    );
    assert_eq!(read(&part, &again, again.all()), kept);
}

#[test]
fn times_of_any_size_come_back() {
    let (mut part, mut journal) = laid(6);
    let times = [
        0,
        -1,
        i64::from(i32::MAX) + 5,
        253_402_300_799,
        -62_135_596_800,
        1_800_000_000,
        1_800_000_001,
    ];
    for (n, time) in times.iter().enumerate() {
        journal
            .append(&mut part, Utc::from_unix(*time), &row(n as u32))
            .unwrap();
        journal.settle(&mut part).unwrap();
    }
    let place = region(&part, 0, 6);
    let (journal, _) = Journal::mount(&part, place).unwrap().unwrap();
    let mut cursor = journal.rows(journal.first(), u32::MAX);
    for time in &times[journal.first() as usize..] {
        let Step::Row { utc, .. } = journal.next(&part, &mut cursor, &mut [0; 32]).unwrap() else {
            panic!("a row is due")
        };
        assert_eq!(utc.unix(), *time);
    }
}

#[test]
fn a_lost_sector_is_counted_and_the_rest_is_read() {
    let (mut part, mut journal) = laid(6);
    for n in 0..400 {
        append(&mut part, &mut journal, n);
    }
    assert_eq!(journal.first(), 0);
    // Ordinals begin at one lap plus one, so rows 98..196 are in sector 2.
    part.cells_mut()[2 * 4_096..3 * 4_096].fill(0);
    let place = region(&part, 0, 6);
    let (journal, found) = Journal::mount(&part, place).unwrap().unwrap();
    assert_eq!((found.rows, found.lost_rows, found.lost_sectors), (302, 98, 1));
    let (mut cursor, mut into) = (journal.rows(90, 200), [0; 32]);
    let mut steps = Vec::new();
    loop {
        match journal.next(&part, &mut cursor, &mut into).unwrap() {
            Step::End => break,
            step => steps.push(step),
        }
    }
    assert_eq!(steps.len(), 8 + 1 + 4);
    assert_eq!(
        steps[8],
        Step::Missing {
            sequence: 98,
            rows: 98,
            why: Missing::Damaged
        }
    );
    let mut cursor = journal.rows(100, 110);
    let gone = Step::Missing {
        sequence: 100,
        rows: 10,
        why: Missing::Damaged,
    };
    assert_eq!(journal.next(&part, &mut cursor, &mut into), Ok(gone));
    // A range that walks into the gap says so too.
    let mut cursor = journal.range(utc(97), utc(199));
    for expected in [97, 98, 196] {
        match journal.next(&part, &mut cursor, &mut into).unwrap() {
            Step::Row { sequence, .. } => assert_eq!(sequence, expected),
            step => assert_eq!(
                step,
                Step::Missing {
                    sequence: 98,
                    rows: 98,
                    why: Missing::Damaged
                }
            ),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// A range gives exactly the rows that a filter over all rows gives, however the clock jumped.
    #[test]
    fn a_range_is_a_filter(
        steps in prop::collection::vec((-2_000_i64..300, 1_usize..60), 1..12),
        queries in prop::collection::vec((-5_000_i64..5_000, 0_i64..3_000), 8),
        sectors in 3_u32..7,
    ) {
        let (mut part, mut journal) = laid(sectors);
        let mut times = Vec::new();
        let mut now = 0;
        for (jump, rows) in steps {
            now += jump;
            for _ in 0..rows {
                now += i64::from(times.len() as u32 % 3);
                append(&mut part, &mut journal, now);
                times.push(now);
            }
        }
        let place = region(&part, 0, sectors);
        let (mounted, _) = Journal::mount(&part, place).unwrap().unwrap();
        prop_assert_eq!(mounted.len(), journal.len());
        for (from, span) in queries {
            let wanted: Vec<u32> = (journal.first()..journal.next_sequence())
                .filter(|n| (from..=from + span).contains(&times[*n as usize]))
                .collect();
            for journal in [&journal, &mounted] {
                prop_assert_eq!(read(&part, journal, journal.range(utc(from), utc(from + span))), wanted.clone());
            }
        }
    }

    /// Any bytes at all in place of an image: mounting ends, without a panic, and what is mounted can be read to its end.
    #[test]
    fn any_image_mounts_or_does_not(bytes in prop::collection::vec((0_usize..4 * 4_096, any::<u8>()), 1..200)) {
        let (mut part, mut journal) = laid(4);
        for n in 0..220 {
            append(&mut part, &mut journal, n * 7 % 50);
        }
        for (at, byte) in bytes {
            part.cells_mut()[at] = byte;
        }
        let place = region(&part, 0, 4);
        if let Ok(Some((journal, _))) = Journal::mount(&part, place) {
            for mut cursor in [journal.all(), journal.range(utc(3), utc(30))] {
                let mut into = [0; WIDTH as usize];
                let mut steps = 0;
                while journal.next(&part, &mut cursor, &mut into).unwrap() != Step::End {
                    steps += 1;
                    prop_assert!(steps < 1_000);
                }
            }
        }
        prop_assert_eq!(part.sectors(), 4);
    }
}
