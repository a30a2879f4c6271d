//! Class 23, IEC HDLC set-up: frames, windows, timeouts and the physical address of a line (IEC 62056-46).

use super::Class;
use crate::AccessError;
use crate::axdr::{Enumerated, Reader, Writer};

/// Class 23 version 1.
#[derive(Debug)]
pub struct HdlcSetup<M> {
    /// Attributes 2 to 9: comm_speed, window_size_transmit, window_size_receive, max_info_field_length_transmit,
    /// max_info_field_length_receive, inter_octet_time_out (ms), inactivity_time_out (s), device_address.
    pub setting: fn(&M, u8) -> u16,
    /// Sets one of them.
    pub set: fn(&mut M, u8, u16) -> Result<(), AccessError>,
}

impl<M> Class<M> for HdlcSetup<M> {
    fn id(&self) -> u16 {
        23
    }

    fn version(&self) -> u8 {
        1
    }

    fn attributes(&self) -> u8 {
        9
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        let setting = (self.setting)(it, attribute);
        let [_, low] = setting.to_be_bytes();
        match attribute {
            2 => out.value(Enumerated(low))?,
            3 | 4 => out.value(low)?,
            _ => out.value(setting)?,
        }
        Ok(())
    }

    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        let setting = match attribute {
            2 => {
                let Enumerated(speed) = value.value()?;
                u16::from(speed)
            }
            3 | 4 => value.value::<u8>()?.into(),
            _ => value.value()?,
        };
        (self.set)(it, attribute, setting)
    }
}
