//! Writes A-XDR into a buffer that was lent.

use super::{Encode, tag};
use crate::AccessError;

/// The buffer has no room for what was to be written; what was written before is still whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl From<Full> for AccessError {
    /// A value that does not fit its buffer is a limit of the device, none of the standard's reasons.
    fn from(Full: Full) -> Self {
        Self::OtherReason
    }
}

/// Appends A-XDR to a buffer that was lent.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    used: usize,
}

impl<'a> Writer<'a> {
    /// A writer at the start of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, used: 0 }
    }

    /// What was written so far.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.used).unwrap_or(&[])
    }

    /// Octets written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used
    }

    /// True when nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Octets that still fit.
    #[must_use]
    pub fn room(&self) -> usize {
        self.buffer.len() - self.used
    }

    /// Forgets everything after the first `len` octets; does nothing when less was written.
    pub fn truncate(&mut self, len: usize) {
        self.used = self.used.min(len);
    }

    /// Appends plain octets.
    ///
    /// # Errors
    /// [`Full`] when they do not fit; then none is written.
    pub fn put(&mut self, octets: &[u8]) -> Result<(), Full> {
        let end = self.used.checked_add(octets.len()).ok_or(Full)?;
        self.buffer.get_mut(self.used..end).ok_or(Full)?.copy_from_slice(octets);
        self.used = end;
        Ok(())
    }

    /// Appends one octet.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn octet(&mut self, octet: u8) -> Result<(), Full> {
        self.put(&[octet])
    }

    /// Appends a length in its shortest form: one octet below 128, else 81, 82 or 84 and the octets.
    ///
    /// # Errors
    /// [`Full`] when it does not fit, or the length is over 32 bits.
    pub fn length(&mut self, length: usize) -> Result<(), Full> {
        let length = u32::try_from(length).map_err(|_| Full)?;
        match length.to_be_bytes() {
            [0, 0, 0, low] if low < 0x80 => self.octet(low),
            [0, 0, 0, low] => self.put(&[0x81, low]),
            [0, 0, high, low] => self.put(&[0x82, high, low]),
            [a, b, c, d] => self.put(&[0x84, a, b, c, d]),
        }
    }

    /// Opens a structure of `fields` values, which are to be written next.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn structure(&mut self, fields: usize) -> Result<(), Full> {
        self.octet(tag::STRUCTURE)?;
        self.length(fields)
    }

    /// Opens an array of `elements` values, which are to be written next.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn array(&mut self, elements: usize) -> Result<(), Full> {
        self.octet(tag::ARRAY)?;
        self.length(elements)
    }

    /// Appends a typed value with its tag.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn value(&mut self, value: impl Encode) -> Result<(), Full> {
        value.encode(self)
    }
}
