//! Class 8, Clock.

use super::{Class, Returned, no_parameter};
use crate::axdr::{Enumerated, Reader, Writer};
use crate::{AccessError, ActionError, ClockStatus, DateTime};

/// Class 8 version 0.
#[derive(Debug)]
pub struct Clock<M> {
    /// Attribute 2, time.
    pub time: fn(&M) -> DateTime,
    /// Sets attribute 2.
    pub set_time: fn(&mut M, DateTime) -> Result<(), AccessError>,
    /// Attribute 3, time_zone: minutes from local normal time to UTC, -720 to 840.
    pub time_zone: fn(&M) -> i16,
    /// Sets attribute 3.
    pub set_time_zone: fn(&mut M, i16) -> Result<(), AccessError>,
    /// Attribute 4, status.
    pub status: fn(&M) -> ClockStatus,
    /// Attributes 5 and 6, daylight_savings_begin and _end.
    pub daylight_savings: fn(&M) -> [DateTime; 2],
    /// Sets attribute 5 (`false`) or 6 (`true`).
    pub set_daylight_savings: fn(&mut M, bool, DateTime) -> Result<(), AccessError>,
    /// Attribute 7, daylight_savings_deviation in minutes.
    pub daylight_savings_deviation: fn(&M) -> i8,
    /// Sets attribute 7.
    pub set_daylight_savings_deviation: fn(&mut M, i8) -> Result<(), AccessError>,
    /// Attribute 8, daylight_savings_enabled.
    pub daylight_savings_enabled: fn(&M) -> bool,
    /// Sets attribute 8.
    pub set_daylight_savings_enabled: fn(&mut M, bool) -> Result<(), AccessError>,
    /// Attribute 9, clock_base.
    pub clock_base: u8,
    /// Methods 1 to 3: to the nearest quarter of an hour, measuring period, minute; the parameter is the step in seconds.
    pub adjust: fn(&mut M, AdjustTo) -> Result<(), ActionError>,
    /// Method 4, adjust_to_preset_time.
    pub adjust_to_preset: fn(&mut M) -> Result<(), ActionError>,
    /// Method 5, preset_adjusting_time: the time, and the first and last moment at which it may be set.
    pub preset: fn(&mut M, [DateTime; 3]) -> Result<(), ActionError>,
    /// Method 6, shift_time by -900 to 900 seconds.
    pub shift_time: fn(&mut M, i16) -> Result<(), ActionError>,
}

/// The grid to which an adjusting method moves the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdjustTo {
    /// Method 1: the nearest quarter of an hour.
    Quarter,
    /// Method 2: the nearest starting point of a measuring period.
    MeasuringPeriod,
    /// Method 3: the nearest minute.
    Minute,
}

impl<M> Class<M> for Clock<M> {
    fn id(&self) -> u16 {
        8
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        9
    }

    fn methods(&self) -> u8 {
        6
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        let [begin, end] = (self.daylight_savings)(it);
        match attribute {
            2 => out.value((self.time)(it)),
            3 => out.value((self.time_zone)(it)),
            4 => out.value((self.status)(it).octet()),
            5 => out.value(begin),
            6 => out.value(end),
            7 => out.value((self.daylight_savings_deviation)(it)),
            8 => out.value((self.daylight_savings_enabled)(it)),
            _ => out.value(Enumerated(self.clock_base)),
        }?;
        Ok(())
    }

    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => (self.set_time)(it, value.value()?),
            3 => (self.set_time_zone)(it, value.value()?),
            5 => (self.set_daylight_savings)(it, false, value.value()?),
            6 => (self.set_daylight_savings)(it, true, value.value()?),
            7 => (self.set_daylight_savings_deviation)(it, value.value()?),
            8 => (self.set_daylight_savings_enabled)(it, value.value()?),
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
        let adjust_to = match method {
            1 => AdjustTo::Quarter,
            2 => AdjustTo::MeasuringPeriod,
            3 => AdjustTo::Minute,
            6 => {
                let seconds = parameters.value().map_err(AccessError::from)?;
                return (self.shift_time)(it, seconds).map(|()| Returned::Nothing);
            }
            5 => {
                parameters.structure(3).map_err(AccessError::from)?;
                let mut times = [DateTime::UNSPECIFIED; 3];
                for time in &mut times {
                    *time = parameters.value().map_err(AccessError::from)?;
                }
                return (self.preset)(it, times).map(|()| Returned::Nothing);
            }
            _ => {
                no_parameter(parameters)?;
                return (self.adjust_to_preset)(it).map(|()| Returned::Nothing);
            }
        };
        no_parameter(parameters)?;
        (self.adjust)(it, adjust_to).map(|()| Returned::Nothing)
    }
}
