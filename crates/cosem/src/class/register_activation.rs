//! Class 6, Register activation: which registers count now.

use super::{Class, Returned};
use crate::axdr::{Full, Octets, Reader, Writer};
use crate::{AccessError, ActionError};

/// Class 6 version 0.
#[derive(Debug)]
pub struct RegisterActivation<M> {
    /// Writes attribute 2, register_assignment.
    pub register_assignment: fn(&M, &mut Writer<'_>) -> Result<(), Full>,
    /// Sets attribute 2.
    pub set_register_assignment: fn(&mut M, &mut Reader<'_>) -> Result<(), AccessError>,
    /// Writes attribute 3, mask_list.
    pub mask_list: fn(&M, &mut Writer<'_>) -> Result<(), Full>,
    /// Sets attribute 3.
    pub set_mask_list: fn(&mut M, &mut Reader<'_>) -> Result<(), AccessError>,
    /// Attribute 4, active_mask: its name, which is one octet.
    pub active_mask: fn(&M) -> u8,
    /// Sets attribute 4 by name.
    pub set_active_mask: fn(&mut M, &[u8]) -> Result<(), AccessError>,
    /// Method 1, add_register.
    pub add_register: fn(&mut M, &mut Reader<'_>) -> Result<(), AccessError>,
    /// Method 2, add_mask.
    pub add_mask: fn(&mut M, &mut Reader<'_>) -> Result<(), AccessError>,
    /// Method 3, delete_mask, by name.
    pub delete_mask: fn(&mut M, &[u8]) -> Result<(), AccessError>,
}

impl<M> Class<M> for RegisterActivation<M> {
    fn id(&self) -> u16 {
        6
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        4
    }

    fn methods(&self) -> u8 {
        3
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => (self.register_assignment)(it, out),
            3 => (self.mask_list)(it, out),
            _ => out.value(Octets(&[(self.active_mask)(it)])),
        }?;
        Ok(())
    }

    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => (self.set_register_assignment)(it, value),
            3 => (self.set_mask_list)(it, value),
            _ => {
                let Octets(name) = value.value()?;
                (self.set_active_mask)(it, name)
            }
        }
    }

    fn invoke(
        &self,
        it: &mut M,
        method: u8,
        parameters: &mut Reader<'_>,
        _out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        match method {
            1 => (self.add_register)(it, parameters)?,
            2 => (self.add_mask)(it, parameters)?,
            _ => {
                let Octets(name) = parameters.value().map_err(AccessError::from)?;
                (self.delete_mask)(it, name)?;
            }
        }
        Ok(Returned::Nothing)
    }
}
