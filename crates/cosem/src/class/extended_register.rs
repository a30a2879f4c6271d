//! Class 4, Extended register: a number with its scaler and unit, its status and when it was captured.

use super::{Class, Returned, no_parameter};
use crate::axdr::{Full, Reader, Writer};
use crate::{AccessError, ActionError, DateTime, ScalerUnit};

/// Class 4 version 0. Rows of one table share accessors and tell themselves apart by `which`.
#[derive(Debug)]
pub struct ExtendedRegister<M> {
    /// The row's number, handed to every accessor.
    pub which: u16,
    /// Attribute 2, value.
    pub value: fn(&M, u16, &mut Writer<'_>) -> Result<(), Full>,
    /// Attribute 3, scaler_unit.
    pub scaler_unit: fn(&M, u16) -> ScalerUnit,
    /// Attribute 4, status.
    pub status: fn(&M, u16) -> u8,
    /// Attribute 5, capture_time.
    pub capture_time: fn(&M, u16) -> DateTime,
    /// Method 1, reset, if it is allowed.
    pub reset: Option<fn(&mut M, u16) -> Result<(), ActionError>>,
}

impl<M> Class<M> for ExtendedRegister<M> {
    fn id(&self) -> u16 {
        4
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        5
    }

    fn methods(&self) -> u8 {
        1
    }

    fn longest(&self, attribute: u8) -> Option<u16> {
        // a date-time: 12 octets behind their head
        (attribute == 5).then_some(14)
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => (self.value)(it, self.which, out),
            3 => out.value((self.scaler_unit)(it, self.which)),
            4 => out.value((self.status)(it, self.which)),
            _ => out.value((self.capture_time)(it, self.which)),
        }?;
        Ok(())
    }

    fn invoke(
        &self,
        it: &mut M,
        _reset: u8,
        parameters: &mut Reader<'_>,
        _out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        let reset = self.reset.ok_or(ActionError::ReadWriteDenied)?;
        no_parameter(parameters)?;
        reset(it, self.which).map(|()| Returned::Nothing)
    }
}
