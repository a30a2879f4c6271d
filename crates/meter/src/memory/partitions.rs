//! How the flash is divided: one table for each size of part that a meter can be ordered with.
//!
//! Both tables have the same partitions in the same order, one behind the other from sector 16 on. What stands in a table does not move
//! within a layout version; docs/flash.md prints both.

use flash::Partition;

use crate::profile::JournalId;

/// Version of the layout, in the mark that it is complete. Version 1 had one table with a place for four journals; its images are refused.
pub(super) const LAYOUT_VERSION: u8 = 2;

/// The external flash that a meter is ordered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlashSize {
    /// 16 MB: 400 days of quarter hours with 8 columns of 32 bits in each of eight profiles.
    Megabytes16,
    /// 4 MB: 151 days of such rows in load profile 1, less in the others.
    Megabytes4,
}

impl FlashSize {
    /// Sectors of 4 kB of the part.
    #[must_use]
    pub const fn sectors(self) -> u32 {
        match self {
            Self::Megabytes16 => 4_096,
            Self::Megabytes4 => 1_024,
        }
    }

    /// The size in the mark of its flash.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Megabytes16 => 16,
            Self::Megabytes4 => 4,
        }
    }
}

/// The table for a part of this size, in rising order of sectors.
#[must_use]
pub const fn partitions(size: FlashSize) -> &'static [Partition; N_PARTITIONS] {
    match size {
        FlashSize::Megabytes16 => &LARGE,
        FlashSize::Megabytes4 => &SMALL,
    }
}

/// The region of the metrology's own sealed parameters: nothing else ever writes there.
#[must_use]
pub const fn calibration(size: FlashSize) -> Partition {
    let [_, calibration, ..] = *partitions(size);
    calibration
}

/// Values by key.
pub(super) const fn parameters(size: FlashSize) -> Partition {
    let [parameters, ..] = *partitions(size);
    parameters
}

/// Two sides of snapshots, the reserve for a power failure, and the changes since the last snapshot.
pub(super) const fn registers(size: FlashSize) -> ([Partition; 2], Partition, Partition) {
    let [_, _, side_0, side_1, reserve, changes, ..] = *partitions(size);
    ([side_0, side_1], reserve, changes)
}

/// The bank of large values.
pub(super) const fn large_values(size: FlashSize) -> Partition {
    let [_, _, _, _, _, _, large_values, ..] = *partitions(size);
    large_values
}

/// The ring of a journal.
pub(super) fn journal(size: FlashSize, id: JournalId) -> Partition {
    let [.., last] = *partitions(size);
    partitions(size).get(N_OTHERS + id.index()).copied().unwrap_or(last)
}

/// Partitions of a table.
pub const N_PARTITIONS: usize = N_OTHERS + JournalId::ALL.len() + 1;

/// Partitions before the journals.
const N_OTHERS: usize = 7;

/// Sectors before the first partition: boot loader and the factory's order.
const FIRST: u32 = 16;

/// Name, sectors in 16 MB, sectors in 4 MB. The journals stand in the order of their numbers.
const SIZES: [(&str, u32, u32); N_PARTITIONS] = [
    ("parameters", 48, 32),
    ("calibration", 8, 4),
    ("registers, side 0", 64, 48),
    ("registers, side 1", 64, 48),
    ("registers, reserve", 1, 1),
    ("registers, changes", 128, 96),
    ("large values", 80, 48),
    ("load profile 1", PROFILE, 160),
    ("load profile 2", PROFILE, 80),
    ("load profile 3", PROFILE, 40),
    ("load profile 4", PROFILE, 40),
    ("M-Bus profile 1", PROFILE, 30),
    ("M-Bus profile 2", PROFILE, 30),
    ("M-Bus profile 3", PROFILE, 30),
    ("M-Bus profile 4", PROFILE, 30),
    ("billing profile 1", 16, 8),
    ("billing profile 2", 16, 8),
    ("standard log", 8, 8),
    ("fraud log", 8, 8),
    ("disconnect log", 8, 8),
    ("power interruption log", 8, 8),
    ("quality log", 16, 12),
    ("communication log", 8, 8),
    ("security log", 8, 8),
    ("M-Bus log 1", 8, 8),
    ("M-Bus log 2", 8, 8),
    ("M-Bus log 3", 8, 8),
    ("M-Bus log 4", 8, 8),
    ("parameter change log", 24, 20),
    ("new firmware", 128, 128),
];

/// Sectors of a profile in 16 MB: 91 rows of 35 octets fit a sector, so 422 hold 38 402 rows, one is open and one is spare.
const PROFILE: u32 = 424;

const LARGE: [Partition; N_PARTITIONS] = table(true);
const SMALL: [Partition; N_PARTITIONS] = table(false);

const fn table(is_large: bool) -> [Partition; N_PARTITIONS] {
    let mut table = [Partition::new("", 0, 0); N_PARTITIONS];
    let mut first = FIRST;
    let (mut rest, mut sizes) = (table.as_mut_slice(), SIZES.as_slice());
    while let ([partition, others @ ..], [(name, large, small), more @ ..]) = (rest, sizes) {
        let sectors = if is_large { *large } else { *small };
        *partition = Partition::new(name, first, sectors);
        first += sectors;
        (rest, sizes) = (others, more);
    }
    table
}

const _: () = {
    assert!(
        flash::fits(&LARGE, FlashSize::Megabytes16.sectors()) && flash::fits(&SMALL, FlashSize::Megabytes4.sectors()),
        "partitions overlap or do not fit the flash"
    );
    let [.., last] = JournalId::ALL;
    assert!(
        N_OTHERS + last.index() + 2 == N_PARTITIONS,
        "the journals stand between the others and the new firmware"
    );
};

#[cfg(test)]
mod tests {
    extern crate std;
    use core::fmt::Write as _;
    use std::string::String;

    use flash::Shape;

    use super::*;

    /// L1: 400 days of quarter hours, and so 10 years of days, with 8 columns of 32 bits beside the clock fit every profile of the 16 MB part.
    #[test]
    fn the_large_part_holds_400_days_of_quarter_hours_in_each_profile() {
        let shape = Shape {
            width: 2 + 1 + 8 * 4,
            tag: 0,
        };
        for id in JournalId::ALL.into_iter().take(8) {
            let rows = shape.capacity(journal(FlashSize::Megabytes16, id).sectors);
            assert!(400 * 96 <= rows, "{id:?}: {rows}");
        }
    }

    /// B1, L2: 36 periods of 32 clocks, and 500 events of a clock and twelve octets.
    #[test]
    fn both_parts_hold_the_billing_periods_and_the_events() {
        for size in [FlashSize::Megabytes16, FlashSize::Megabytes4] {
            for (ids, width, least) in [(8..10, 448, 36), (10..22, 14 + 12, 500), (21..22, 100, 500)] {
                for id in JournalId::ALL.into_iter().take(ids.end).skip(ids.start) {
                    let rows = Shape { width, tag: 0 }.capacity(journal(size, id).sectors);
                    assert!(least <= rows, "{size:?} {id:?}: {rows}");
                }
            }
        }
    }

    /// docs/flash.md prints both tables.
    #[test]
    fn the_page_prints_the_partitions() {
        let mut text = String::from(
            "| partition | 16 MB: first | sectors | 4 MB: first | sectors |\n| --- | --- | --- | --- | --- |\n",
        );
        for (large, small) in LARGE.iter().zip(&SMALL) {
            assert_eq!(large.name, small.name);
            writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                large.name, large.first, large.sectors, small.first, small.sectors
            )
            .expect("memory");
        }
        crate::golden::check_section("flash.md", "crates/meter/src/memory/partitions.rs", &text);
    }
}
