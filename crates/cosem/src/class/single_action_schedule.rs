//! Class 22, Single action schedule: a script at a time.

use super::Class;
use crate::axdr::{Enumerated, Full, Reader, Writer};
use crate::{AccessError, Obis};

/// Class 22 version 0. Rows of one table share accessors and tell themselves apart by `which`.
#[derive(Debug)]
pub struct SingleActionSchedule<M> {
    /// The row's number, handed to every accessor.
    pub which: u8,
    /// Attribute 2, executed_script: table and selector.
    pub script: fn(&M, u8) -> (Obis, u16),
    /// Sets attribute 2.
    pub set_script: fn(&mut M, u8, (Obis, u16)) -> Result<(), AccessError>,
    /// Attribute 3, type, 1 to 5.
    pub kind: fn(&M, u8) -> u8,
    /// Sets attribute 3.
    pub set_kind: fn(&mut M, u8, u8) -> Result<(), AccessError>,
    /// Writes attribute 4, execution_time.
    pub times: fn(&M, u8, &mut Writer<'_>) -> Result<(), Full>,
    /// Sets attribute 4.
    pub set_times: fn(&mut M, u8, &mut Reader<'_>) -> Result<(), AccessError>,
}

impl<M> Class<M> for SingleActionSchedule<M> {
    fn id(&self) -> u16 {
        22
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        4
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => {
                let (table, selector) = (self.script)(it, self.which);
                out.structure(2)?;
                out.value(table)?;
                out.value(selector)
            }
            3 => out.value(Enumerated((self.kind)(it, self.which))),
            _ => (self.times)(it, self.which, out),
        }?;
        Ok(())
    }

    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => {
                value.structure(2)?;
                let script = (value.value()?, value.value()?);
                (self.set_script)(it, self.which, script)
            }
            3 => {
                let Enumerated(kind) = value.value()?;
                (self.set_kind)(it, self.which, kind)
            }
            _ => (self.set_times)(it, self.which, value),
        }
    }
}
