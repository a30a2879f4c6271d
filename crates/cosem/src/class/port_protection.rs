//! Class 124, Communication port protection.

use super::{Class, Returned};
use crate::axdr::{Enumerated, Reader, Writer};
use crate::{AccessError, ActionError, Obis};

/// When a port is locked: attributes 2 to 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortSettings {
    /// protection_mode: 0 locked, 1 locked on failed attempts, 2 unlocked.
    pub mode: u8,
    /// allowed_failed_attempts.
    pub allowed_attempts: u16,
    /// initial_lockout_time in seconds.
    pub initial_seconds: u32,
    /// steepness_factor: each lockout is as many times as long as the one before.
    pub steepness: u8,
    /// max_lockout_time in seconds.
    pub max_seconds: u32,
}

/// How a port is: attributes 8 to 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortState {
    /// protection_status: 0 unlocked, 1 temporarily locked, 2 locked.
    pub status: u8,
    /// failed_attempts since the last success or reset.
    pub failed: u32,
    /// cumulative_failed_attempts, never reset.
    pub cumulative: u32,
}

/// Class 124 version 0.
#[derive(Debug)]
pub struct PortProtection<M> {
    /// Attributes 2 to 6.
    pub settings: fn(&M) -> PortSettings,
    /// Sets one of them.
    pub set: fn(&mut M, PortSettings) -> Result<(), AccessError>,
    /// Attribute 7, port_reference.
    pub port: Obis,
    /// Attributes 8 to 10.
    pub state: fn(&M) -> PortState,
    /// Method 1, reset: failed_attempts are forgotten and a temporary lock ends.
    pub reset: fn(&mut M) -> Result<(), ActionError>,
}

impl<M> Class<M> for PortProtection<M> {
    fn id(&self) -> u16 {
        124
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        10
    }

    fn methods(&self) -> u8 {
        1
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        let (settings, state) = ((self.settings)(it), (self.state)(it));
        match attribute {
            2 => out.value(Enumerated(settings.mode)),
            3 => out.value(settings.allowed_attempts),
            4 => out.value(settings.initial_seconds),
            5 => out.value(settings.steepness),
            6 => out.value(settings.max_seconds),
            7 => out.value(self.port),
            8 => out.value(Enumerated(state.status)),
            9 => out.value(state.failed),
            _ => out.value(state.cumulative),
        }?;
        Ok(())
    }

    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        let mut settings = (self.settings)(it);
        match attribute {
            2 => {
                let Enumerated(mode) = value.value()?;
                settings.mode = mode;
            }
            3 => settings.allowed_attempts = value.value()?,
            4 => settings.initial_seconds = value.value()?,
            5 => settings.steepness = value.value()?,
            6 => settings.max_seconds = value.value()?,
            _ => return Err(AccessError::ReadWriteDenied),
        }
        (self.set)(it, settings)
    }

    fn invoke(
        &self,
        it: &mut M,
        _method: u8,
        parameters: &mut Reader<'_>,
        _out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        super::no_parameter(parameters)?;
        (self.reset)(it).map(|()| Returned::Nothing)
    }
}
