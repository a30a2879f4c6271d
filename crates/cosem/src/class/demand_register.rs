//! Class 5, Demand register: the average of a quantity over the running and over the last measurement period.

use super::{Class, Returned, no_parameter};
use crate::axdr::{Reader, Writer};
use crate::{AccessError, ActionError, DateTime, ScalerUnit};

/// Class 5 version 0. Rows of one table share accessors and tell themselves apart by `which`.
#[derive(Debug)]
pub struct DemandRegister<M> {
    /// The row's number, handed to every accessor.
    pub which: u16,
    /// Attribute 2, current_average_value.
    pub current_average: fn(&M, u16) -> u32,
    /// Attribute 3, last_average_value.
    pub last_average: fn(&M, u16) -> u32,
    /// Attribute 4, scaler_unit.
    pub scaler_unit: fn(&M, u16) -> ScalerUnit,
    /// Attribute 5, status.
    pub status: fn(&M, u16) -> u8,
    /// Attribute 6, capture_time.
    pub capture_time: fn(&M, u16) -> DateTime,
    /// Attribute 7, start_time_current.
    pub start_time: fn(&M, u16) -> DateTime,
    /// Attributes 8 and 9, period in seconds and number_of_periods.
    pub periods: fn(&M, u16) -> (u32, u16),
    /// Sets attributes 8 and 9.
    pub set_periods: fn(&mut M, u16, (u32, u16)) -> Result<(), AccessError>,
    /// Method 1, reset.
    pub reset: fn(&mut M, u16) -> Result<(), ActionError>,
    /// Method 2, next_period.
    pub next_period: fn(&mut M, u16) -> Result<(), ActionError>,
}

impl<M> Class<M> for DemandRegister<M> {
    fn id(&self) -> u16 {
        5
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        9
    }

    fn methods(&self) -> u8 {
        2
    }

    fn longest(&self, attribute: u8) -> Option<u16> {
        // date-times: 12 octets behind their head
        matches!(attribute, 6 | 7).then_some(14)
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        let (period, number) = (self.periods)(it, self.which);
        match attribute {
            2 => out.value((self.current_average)(it, self.which)),
            3 => out.value((self.last_average)(it, self.which)),
            4 => out.value((self.scaler_unit)(it, self.which)),
            5 => out.value((self.status)(it, self.which)),
            6 => out.value((self.capture_time)(it, self.which)),
            7 => out.value((self.start_time)(it, self.which)),
            8 => out.value(period),
            _ => out.value(number),
        }?;
        Ok(())
    }

    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        let (period, number) = (self.periods)(it, self.which);
        let periods = match attribute {
            8 => (value.value()?, number),
            9 => (period, value.value()?),
            _ => return Err(AccessError::ReadWriteDenied),
        };
        (self.set_periods)(it, self.which, periods)
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
            1 => (self.reset)(it, self.which),
            _ => (self.next_period)(it, self.which),
        }
        .map(|()| Returned::Nothing)
    }
}
