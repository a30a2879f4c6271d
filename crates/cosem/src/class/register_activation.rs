//! Class 6, Register activation: which registers count now.

use super::{Class, Returned};
use crate::axdr::{Octets, Reader, Writer};
use crate::{AccessError, ActionError};

/// Class 6 version 0, with registers and masks that are fixed by the device.
#[derive(Debug)]
pub struct RegisterActivation<M> {
    /// Writes attribute 2, register_assignment.
    pub register_assignment: fn(&M, &mut Writer<'_>) -> Result<(), crate::axdr::Full>,
    /// Writes attribute 3, mask_list.
    pub mask_list: fn(&M, &mut Writer<'_>) -> Result<(), crate::axdr::Full>,
    /// Attribute 4, active_mask: its name, which is one octet.
    pub active_mask: fn(&M) -> u8,
    /// Sets attribute 4 by name.
    pub set_active_mask: fn(&mut M, &[u8]) -> Result<(), AccessError>,
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
            4 => {
                let Octets(name) = value.value()?;
                (self.set_active_mask)(it, name)
            }
            _ => Err(AccessError::ReadWriteDenied),
        }
    }

    fn invoke(&self, _: &mut M, _: u8, _: &mut Reader<'_>, _: &mut Writer<'_>) -> Result<Returned, ActionError> {
        Err(ActionError::ReadWriteDenied)
    }
}
