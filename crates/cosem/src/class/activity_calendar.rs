//! Class 20, Activity calendar: which day of which week of which season switches what, now and from a time to come on.

use super::{Class, Returned, Stream, no_parameter};
use crate::axdr::{Full, Reader, Writer};
use crate::{AccessError, ActionError, DateTime};

/// Writes a part of the active (`false`) or the passive (`true`) calendar.
pub(super) type Part<M> = fn(&M, bool, &mut Writer<'_>) -> Result<(), Full>;

/// Sets a part of the passive calendar.
pub(super) type SetPart<M> = fn(&mut M, &mut Reader<'_>) -> Result<(), AccessError>;

/// Class 20 version 0. The active calendar is read only: it comes from the passive one. Day tables are streamed.
#[derive(Debug)]
pub struct ActivityCalendar<M> {
    /// Attributes 2 and 6, calendar_name.
    pub name: Part<M>,
    /// Sets attribute 6.
    pub set_name: SetPart<M>,
    /// Attributes 3 and 7, season_profile.
    pub seasons: Part<M>,
    /// Sets attribute 7.
    pub set_seasons: SetPart<M>,
    /// Attributes 4 and 8, week_profile_table.
    pub weeks: Part<M>,
    /// Sets attribute 8.
    pub set_weeks: SetPart<M>,
    /// Numbers of the large values that are attributes 5 and 9, day_profile_table.
    pub days: [u8; 2],
    /// Attribute 10, activate_passive_calendar_time.
    pub activation: fn(&M) -> DateTime,
    /// Sets attribute 10.
    pub set_activation: fn(&mut M, DateTime) -> Result<(), AccessError>,
    /// Method 1, activate_passive_calendar.
    pub activate: fn(&mut M) -> Result<(), ActionError>,
}

impl<M> Class<M> for ActivityCalendar<M> {
    fn id(&self) -> u16 {
        20
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

    fn stream(&self, attribute: u8) -> Option<Stream> {
        let [active, passive] = self.days;
        match attribute {
            5 => Some(Stream::Large(active)),
            9 => Some(Stream::Large(passive)),
            _ => None,
        }
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            2 | 6 => (self.name)(it, attribute == 6, out),
            3 | 7 => (self.seasons)(it, attribute == 7, out),
            4 | 8 => (self.weeks)(it, attribute == 8, out),
            10 => out.value((self.activation)(it)),
            _ => return Err(AccessError::OtherReason), // streamed, see `stream`
        }?;
        Ok(())
    }

    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        match attribute {
            6 => (self.set_name)(it, value),
            7 => (self.set_seasons)(it, value),
            8 => (self.set_weeks)(it, value),
            10 => (self.set_activation)(it, value.value()?),
            _ => Err(AccessError::ReadWriteDenied),
        }
    }

    fn invoke(
        &self,
        it: &mut M,
        _activate: u8,
        parameters: &mut Reader<'_>,
        _out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        no_parameter(parameters)?;
        (self.activate)(it).map(|()| Returned::Nothing)
    }
}
