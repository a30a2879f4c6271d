//! Class 11, Special days table: days that are not like the others of their week.

use super::{Class, Returned};
use crate::axdr::{Full, Reader, Writer};
use crate::{AccessError, ActionError};

/// Class 11 version 0.
#[derive(Debug)]
pub struct SpecialDaysTable<M> {
    /// Writes attribute 2, entries.
    pub entries: fn(&M, &mut Writer<'_>) -> Result<(), Full>,
    /// Sets attribute 2.
    pub set_entries: fn(&mut M, &mut Reader<'_>) -> Result<(), AccessError>,
    /// Method 1, insert.
    pub insert: fn(&mut M, &mut Reader<'_>) -> Result<(), AccessError>,
    /// Method 2, delete, by index.
    pub delete: fn(&mut M, u16) -> Result<(), AccessError>,
}

impl<M> Class<M> for SpecialDaysTable<M> {
    fn id(&self) -> u16 {
        11
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        2
    }

    fn methods(&self) -> u8 {
        2
    }

    fn get(&self, it: &M, _entries: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        Ok((self.entries)(it, out)?)
    }

    fn set(&self, it: &mut M, _entries: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        (self.set_entries)(it, value)
    }

    fn invoke(
        &self,
        it: &mut M,
        method: u8,
        parameters: &mut Reader<'_>,
        _out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        match method {
            1 => (self.insert)(it, parameters)?,
            _ => (self.delete)(it, parameters.value().map_err(AccessError::from)?)?,
        }
        Ok(Returned::Nothing)
    }
}
