//! Class 3, Register: a number with its scaler and unit.

use super::{Class, Returned, Show, Write, no_parameter};
use crate::axdr::{Reader, Writer};
use crate::{AccessError, ActionError, ScalerUnit};

/// Class 3 version 0.
#[derive(Debug)]
pub struct Register<M> {
    /// Attribute 2, value.
    pub value: Show<M>,
    /// Attribute 3, scaler_unit; of the model, since a transformer ratio changes the scaler.
    pub scaler_unit: fn(&M) -> ScalerUnit,
    /// How attribute 2 is set, if it can be (thresholds are registers too).
    pub set: Option<Write<M>>,
    /// Method 1, reset, if it is allowed.
    pub reset: Option<fn(&mut M) -> Result<(), ActionError>>,
}

impl<M> Register<M> {
    /// A value that is only shown.
    #[must_use]
    pub const fn shown(value: Show<M>, scaler_unit: fn(&M) -> ScalerUnit) -> Self {
        Self {
            value,
            scaler_unit,
            set: None,
            reset: None,
        }
    }
}

impl<M> Class<M> for Register<M> {
    fn id(&self) -> u16 {
        3
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        3
    }

    fn methods(&self) -> u8 {
        1
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => Ok((self.value)(it, out)?),
            _ => Ok(out.value((self.scaler_unit)(it))?),
        }
    }

    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        match (attribute, self.set) {
            (2, Some(set)) => set(it, value),
            _ => Err(AccessError::ReadWriteDenied),
        }
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
        reset(it).map(|()| Returned::Nothing)
    }
}
