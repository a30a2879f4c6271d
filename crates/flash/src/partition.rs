//! How the flash is divided: a name and a window for each shape. The table itself belongs to the meter.

use crate::nor::{Nor, NorError, Region};

/// A named window of sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// What lives there, for logs and for the manual.
    pub name: &'static str,
    /// Number of its first sector on the part.
    pub first: u32,
    /// Number of its sectors.
    pub sectors: u32,
}

impl Partition {
    /// The window of `sectors` sectors from sector `first` on.
    #[must_use]
    pub const fn new(name: &'static str, first: u32, sectors: u32) -> Self {
        Self { name, first, sectors }
    }

    /// The window on a real part.
    ///
    /// # Errors
    /// [`NorError::OutOfRange`] when the part is too small.
    pub fn region(&self, nor: &dyn Nor) -> Result<Region, NorError> {
        Region::new(nor, self.first, self.sectors)
    }

    /// Number of the first sector behind it.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.first.saturating_add(self.sectors)
    }
}

/// Whether a table is sorted, without overlap or empty windows, and fits a part of `sectors` sectors: for a compile-time assertion.
#[must_use]
pub const fn fits(table: &[Partition], sectors: u32) -> bool {
    let mut free = 0;
    let mut rest = table;
    while let [partition, others @ ..] = rest {
        if partition.sectors == 0 || partition.first < free {
            return false;
        }
        free = partition.end();
        rest = others;
    }
    free <= sectors
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn partition(first: u32, sectors: u32) -> Partition {
        Partition {
            name: "test",
            first,
            sectors,
        }
    }

    #[test]
    fn a_table_may_have_gaps_but_no_overlap_and_no_end_beyond_the_part() {
        const { assert!(fits(&[partition(0, 3), partition(3, 2), partition(7, 1)], 8)) }
        assert!(!fits(&[partition(0, 3), partition(2, 2)], 8));
        assert!(!fits(&[partition(0, 3), partition(3, 0)], 8));
        assert!(!fits(&[partition(0, 9)], 8));
        assert!(!fits(&[partition(3, 2), partition(0, 2)], 8));
        assert!(!fits(&[partition(1, u32::MAX)], 8));
    }
}
