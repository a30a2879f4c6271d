//! Class 17, SAP assignment: the logical devices of a physical device.

use super::Class;
use crate::AccessError;
use crate::axdr::{Octets, Writer};

/// Class 17 version 0, for a device with one logical device, the management one.
#[derive(Debug)]
pub struct SapAssignment<M> {
    /// The logical device name, 16 characters.
    pub logical_device_name: fn(&M) -> [u8; 16],
}

impl<M> Class<M> for SapAssignment<M> {
    fn id(&self) -> u16 {
        17
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        2
    }

    fn get(&self, it: &M, _list: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        out.array(1)?;
        out.structure(2)?;
        out.value(1_u16)?;
        out.value(Octets(&(self.logical_device_name)(it)))?;
        Ok(())
    }
}
