//! Class 1, Data: one value of any type.

use super::Class;
use crate::AccessError;
use crate::axdr::{Full, Reader, Writer};

/// Writes a value of the model.
pub type Show<M> = fn(&M, &mut Writer<'_>) -> Result<(), Full>;
/// Reads a value into the model.
pub type Write<M> = fn(&mut M, &mut Reader<'_>) -> Result<(), AccessError>;

/// Class 1 version 0.
#[derive(Debug)]
pub struct Data<M> {
    /// Attribute 2, value.
    pub value: Show<M>,
    /// How attribute 2 is set, if it can be.
    pub set: Option<Write<M>>,
}

impl<M> Data<M> {
    /// A value that is only shown.
    #[must_use]
    pub const fn shown(value: Show<M>) -> Self {
        Self { value, set: None }
    }
}

impl<M> Class<M> for Data<M> {
    fn id(&self) -> u16 {
        1
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        2
    }

    fn get(&self, it: &M, _value: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        Ok((self.value)(it, out)?)
    }

    fn set(&self, it: &mut M, _value: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        self.set.ok_or(AccessError::ReadWriteDenied)?(it, value)
    }
}
