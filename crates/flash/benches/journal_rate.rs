//! How fast rows stream out of a full journal: rows a second, check of every row included. `cargo bench -p ferraris-flash`.

use core::hint::black_box;
use std::time::Instant;

use base::Utc;
use flash::model::{Model, Timing};
use flash::{Journal, JournalError, Nor, Region, SECTOR_BYTES, Shape, Step};

const ROWS: u32 = 10_000;
const ROUNDS: u32 = 50;

fn main() -> Result<(), JournalError> {
    for width in [16, 32, 40, 64, 160] {
        let shape = Shape { width, tag: 0 };
        let sectors = ROWS.div_ceil(shape.rows_per_sector()) + 3;
        let mut nor = Model::new(
            vec![0xFF; (sectors * SECTOR_BYTES) as usize],
            vec![0; 1_024],
            Timing::TYPICAL,
            1,
        );
        let region = Region::new(&nor, 0, sectors).map_err(flash::Fault::Nor)?;
        let mut journal = Journal::format(&mut nor, region, shape)?;
        let row = vec![0x5A; usize::from(width)];
        let start = Instant::now();
        for n in 0..ROWS {
            journal.append(&mut nor, Utc::from_unix(1_800_000_000 + i64::from(n) * 900), &row)?;
            journal.settle(&mut nor)?;
        }
        let appended = f64::from(ROWS) / start.elapsed().as_secs_f64();

        let nor: &dyn Nor = &nor;
        let mut into = vec![0; usize::from(width)];
        let mut rate = |range: bool| -> Result<f64, JournalError> {
            let mut best = f64::MAX;
            for _ in 0..ROUNDS {
                let start = Instant::now();
                let far = Utc::from_unix(i64::MAX);
                let mut cursor = if range {
                    journal.range(Utc::from_unix(0), far)
                } else {
                    journal.all()
                };
                let mut rows = 0;
                while let Step::Row { .. } = journal.next(nor, &mut cursor, &mut into)? {
                    rows += 1;
                    black_box(&into);
                }
                assert_eq!(rows, ROWS);
                best = best.min(start.elapsed().as_secs_f64());
            }
            Ok(f64::from(ROWS) / best)
        };
        let (all, range) = (rate(false)?, rate(true)?);
        println!(
            "{width:4} B rows: {:.2} M rows/s by sequence, {:.2} M rows/s by time, {:.2} M rows/s appended",
            all / 1e6,
            range / 1e6,
            appended / 1e6
        );
    }
    println!(
        "RAM: a journal {} B, a cursor {} B",
        size_of::<Journal>(),
        size_of::<flash::Cursor>()
    );
    Ok(())
}
