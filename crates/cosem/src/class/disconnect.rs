//! Class 70, Disconnect control.

use super::{Class, Returned, no_parameter};
use crate::axdr::{Enumerated, Reader, Writer};
use crate::{AccessError, ActionError};

/// Class 70 version 0.
#[derive(Debug)]
pub struct DisconnectControl<M> {
    /// Attribute 2, output_state: true when the supply is connected.
    pub output_state: fn(&M) -> bool,
    /// Attribute 3, control_state: 0 disconnected, 1 connected, 2 ready for reconnection.
    pub control_state: fn(&M) -> u8,
    /// Attribute 4, control_mode, 0 to 7.
    pub control_mode: fn(&M) -> u8,
    /// Sets attribute 4.
    pub set_control_mode: fn(&mut M, u8) -> Result<(), AccessError>,
    /// Method 1.
    pub remote_disconnect: fn(&mut M) -> Result<(), ActionError>,
    /// Method 2.
    pub remote_reconnect: fn(&mut M) -> Result<(), ActionError>,
}

impl<M> Class<M> for DisconnectControl<M> {
    fn id(&self) -> u16 {
        70
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        4
    }

    fn methods(&self) -> u8 {
        2
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => out.value((self.output_state)(it)),
            3 => out.value(Enumerated((self.control_state)(it))),
            _ => out.value(Enumerated((self.control_mode)(it))),
        }?;
        Ok(())
    }

    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        match attribute {
            4 => {
                let Enumerated(mode) = value.value()?;
                (self.set_control_mode)(it, mode)
            }
            _ => Err(AccessError::ReadWriteDenied),
        }
    }

    fn invoke(
        &self,
        it: &mut M,
        method: u8,
        parameters: &mut Reader<'_>,
        _out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        no_parameter(parameters)?;
        match method {
            1 => (self.remote_disconnect)(it),
            _ => (self.remote_reconnect)(it),
        }
        .map(|()| Returned::Nothing)
    }
}
