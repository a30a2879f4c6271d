//! Class 61, Register table: values of one kind that differ in group E of their names only, as one object.

use super::{Class, Show};
use crate::axdr::{Full, Writer};
use crate::{AccessError, Obis, ScalerUnit};

/// Class 61 version 0.
#[derive(Debug)]
pub struct RegisterTable<M> {
    /// Attribute 2, table_cell_values: an array with a value for each cell.
    pub cells: Show<M>,
    /// The name of the cells, of attribute 3, table_cell_definition; its group E counts for nothing.
    pub name: Obis,
    /// The value of group E of each cell: writes them in order.
    pub groups: fn(&mut dyn FnMut(u8) -> Result<(), Full>) -> Result<(), Full>,
    /// How many cells there are.
    pub n_cells: usize,
    /// Attribute 4, scaler_unit.
    pub scaler_unit: ScalerUnit,
}

impl<M> Class<M> for RegisterTable<M> {
    fn id(&self) -> u16 {
        61
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        4
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => (self.cells)(it, out)?,
            3 => {
                out.structure(4)?;
                out.value(3_u16)?; // a cell is a register
                out.value(self.name)?;
                out.array(self.n_cells)?;
                (self.groups)(&mut |group| out.value(group))?;
                out.value(2_i8)?;
            }
            _ => out.value(self.scaler_unit)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unit;

    const TABLE: RegisterTable<[u16; 2]> = RegisterTable {
        cells: |it, out| {
            out.array(2)?;
            it.iter().try_for_each(|cell| out.value(*cell))
        },
        name: Obis::new("1-0:32.7.255"),
        groups: |each| (3..5).try_for_each(each),
        n_cells: 2,
        scaler_unit: ScalerUnit::new(-2, Unit::Percent),
    };

    fn get(attribute: u8) -> ([u8; 64], usize) {
        let mut buffer = [0; 64];
        let mut out = Writer::new(&mut buffer);
        TABLE.get(&[7, 300], attribute, &mut out).expect("room");
        let length = out.len();
        (buffer, length)
    }

    /// Blue Book, class 61: values, then what they are.
    #[test]
    fn a_table_says_values_and_names_of_its_cells() {
        let (octets, length) = get(2);
        assert_eq!(octets[..length], [1, 2, 18, 0, 7, 18, 1, 44]);
        let (octets, length) = get(3);
        let expected = [2, 4, 18, 0, 3, 9, 6, 1, 0, 32, 7, 255, 255, 1, 2, 17, 3, 17, 4, 15, 2];
        assert_eq!(octets[..length], expected);
        let (octets, length) = get(4);
        assert_eq!(octets[..length], [2, 2, 15, 254, 22, 56]);
    }
}
