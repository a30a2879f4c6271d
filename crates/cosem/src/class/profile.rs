//! Class 7, Profile generic: rows of captured values.

use super::{Class, Returned, Stream, no_parameter};
use crate::axdr::{Enumerated, Reader, Writer};
use crate::{AccessError, ActionError, CaptureObject};

/// How a profile is sorted (attribute 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortMethod {
    /// In the order of capture, the oldest first.
    Fifo = 1,
    /// In the order of capture, the newest first.
    Lifo = 2,
}

/// Class 7 version 1. Its buffer lies in the journal `journal` and is streamed by the device.
#[derive(Debug)]
pub struct ProfileGeneric<M> {
    /// Which journal holds attribute 2, buffer.
    pub journal: u8,
    /// How many columns attribute 3, capture_objects, has.
    pub n_columns: fn(&M, u8) -> usize,
    /// The column with this number, from 0.
    pub column: fn(&M, u8, usize) -> CaptureObject,
    /// Sets attribute 3.
    pub set_capture_objects: Option<fn(&mut M, u8, &mut Reader<'_>) -> Result<(), AccessError>>,
    /// Attribute 4, capture_period in seconds; 0 for captures on demand only.
    pub capture_period: fn(&M, u8) -> u32,
    /// Sets attribute 4.
    pub set_capture_period: Option<fn(&mut M, u8, u32) -> Result<(), AccessError>>,
    /// Attribute 7, entries_in_use.
    pub entries_in_use: fn(&M, u8) -> u32,
    /// Attribute 8, profile_entries: the capacity.
    pub profile_entries: fn(&M, u8) -> u32,
    /// Sets attribute 8.
    pub set_profile_entries: Option<fn(&mut M, u8, u32) -> Result<(), AccessError>>,
    /// Method 1, reset: clears the buffer.
    pub reset: fn(&mut M, u8) -> Result<(), ActionError>,
    /// Method 2, capture: adds a row now.
    pub capture: Option<fn(&mut M, u8) -> Result<(), ActionError>>,
}

impl<M> Class<M> for ProfileGeneric<M> {
    fn id(&self) -> u16 {
        7
    }

    fn version(&self) -> u8 {
        1
    }

    fn attributes(&self) -> u8 {
        8
    }

    fn methods(&self) -> u8 {
        2
    }

    fn stream(&self, attribute: u8) -> Option<Stream> {
        match attribute {
            2 => Some(Stream::Journal(self.journal)),
            // 32 columns are longer than a step.
            3 => Some(Stream::Columns(self.journal)),
            _ => None,
        }
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => return Err(AccessError::OtherReason), // streamed, see `stream`
            3 => {
                let n_columns = (self.n_columns)(it, self.journal);
                out.array(n_columns)?;
                (0..n_columns).try_for_each(|at| out.value((self.column)(it, self.journal, at)))
            }
            4 => out.value((self.capture_period)(it, self.journal)),
            5 => out.value(Enumerated(SortMethod::Fifo as u8)),
            6 => out.value(CaptureObject::NONE),
            7 => out.value((self.entries_in_use)(it, self.journal)),
            _ => out.value((self.profile_entries)(it, self.journal)),
        }?;
        Ok(())
    }

    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        const DENIED: AccessError = AccessError::ReadWriteDenied;
        match attribute {
            3 => self.set_capture_objects.ok_or(DENIED)?(it, self.journal, value),
            4 => self.set_capture_period.ok_or(DENIED)?(it, self.journal, value.value()?),
            8 => self.set_profile_entries.ok_or(DENIED)?(it, self.journal, value.value()?),
            _ => Err(DENIED),
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
            1 => (self.reset)(it, self.journal),
            _ => self.capture.ok_or(ActionError::ReadWriteDenied)?(it, self.journal),
        }
        .map(|()| Returned::Nothing)
    }
}
