//! A flash part for the tests, small and owned.

use flash::model::{Model, Timing};
use flash::{Region, SECTOR_BYTES};

pub(crate) type Part = Model<Vec<u8>, Vec<u32>>;

pub(crate) fn blank(sectors: u32) -> Part {
    filled(sectors, 0xFF)
}

pub(crate) fn filled(sectors: u32, byte: u8) -> Part {
    Model::new(
        vec![byte; (sectors * SECTOR_BYTES) as usize],
        vec![0; sectors as usize],
        Timing::TYPICAL,
        1,
    )
}

pub(crate) fn region(part: &Part, first: u32, sectors: u32) -> Region {
    Region::new(part, first, sectors).expect("the part has these sectors")
}
