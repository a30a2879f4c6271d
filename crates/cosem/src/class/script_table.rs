//! Class 9, Script table: what a device does on a number.

use super::{Class, Returned};
use crate::axdr::{Full, Reader, Writer};
use crate::{AccessError, ActionError, Obis};

/// Class 9 version 0, with scripts that are fixed by the device.
#[derive(Debug)]
pub struct ScriptTable<M> {
    /// The table's own name, handed to the accessors.
    pub table: Obis,
    /// Writes attribute 2, scripts.
    pub scripts: fn(&M, Obis, &mut Writer<'_>) -> Result<(), Full>,
    /// Method 1, execute.
    pub execute: fn(&mut M, Obis, u16) -> Result<(), ActionError>,
}

impl<M> Class<M> for ScriptTable<M> {
    fn id(&self) -> u16 {
        9
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        2
    }

    fn methods(&self) -> u8 {
        1
    }

    fn get(&self, it: &M, _scripts: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        Ok((self.scripts)(it, self.table, out)?)
    }

    fn invoke(
        &self,
        it: &mut M,
        _execute: u8,
        parameters: &mut Reader<'_>,
        _out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        let selector = parameters.value().map_err(AccessError::from)?;
        (self.execute)(it, self.table, selector).map(|()| Returned::Nothing)
    }
}
