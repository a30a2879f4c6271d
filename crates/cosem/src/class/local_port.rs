//! Class 19, IEC local port set-up: how an optical port signs on (IEC 62056-21).

use super::Class;
use crate::AccessError;
use crate::axdr::{Enumerated, Octets, Reader, Writer};

/// Class 19 version 1. Its passwords belong to the programming mode of IEC 62056-21, which devices of this kind refuse: they
/// show empty and cannot be set.
#[derive(Debug)]
pub struct IecLocalPort<M> {
    /// Attributes 2 to 5: default_mode, default_baud, prop_baud, response_time.
    pub setting: fn(&M, u8) -> u8,
    /// Sets one of attributes 2 to 5.
    pub set: fn(&mut M, u8, u8) -> Result<(), AccessError>,
    /// Attribute 6, device_addr, as text.
    pub device_address: fn(&M) -> &[u8],
    /// Sets attribute 6.
    pub set_device_address: fn(&mut M, &[u8]) -> Result<(), AccessError>,
}

impl<M> Class<M> for IecLocalPort<M> {
    fn id(&self) -> u16 {
        19
    }

    fn version(&self) -> u8 {
        1
    }

    fn attributes(&self) -> u8 {
        9
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            2..=5 => out.value(Enumerated((self.setting)(it, attribute)))?,
            6 => out.value(Octets((self.device_address)(it)))?,
            _ => out.value(Octets(&[]))?,
        }
        Ok(())
    }

    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        match attribute {
            2..=5 => {
                let Enumerated(setting) = value.value()?;
                (self.set)(it, attribute, setting)
            }
            6 => {
                let Octets(address) = value.value()?;
                (self.set_device_address)(it, address)
            }
            _ => Err(AccessError::ReadWriteDenied),
        }
    }
}
