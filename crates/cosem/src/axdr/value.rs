//! Typed values and their A-XDR form: the Rust type decides the data type on the wire.

use super::{AxdrError, Full, Reader, Writer, tag};
use crate::Obis;

/// A value that writes itself with its tag.
pub trait Encode {
    /// Appends tag and octets.
    ///
    /// # Errors
    /// [`Full`] when they do not fit.
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full>;
}

/// A value that is read with its tag.
pub trait Decode<'a>: Sized {
    /// Takes tag and octets.
    ///
    /// # Errors
    /// When the octets are another type or are cut short.
    fn decode(from: &mut Reader<'a>) -> Result<Self, AxdrError>;
}

/// null-data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Null;

/// octet-string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Octets<'a>(pub &'a [u8]);

/// octet-string that holds text, as most COSEM names do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OctetText<'a>(pub &'a str);

/// visible-string: printable ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visible<'a>(pub &'a str);

/// enum: one of a list, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enumerated(pub u8);

/// bit-string: `count` bits, the first in the highest bit of the first octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits<'a> {
    /// How many bits count.
    pub count: usize,
    /// The octets that hold them.
    pub octets: &'a [u8],
}

macro_rules! numbers {
    ($($number:ty = $tag:ident $why:literal,)*) => {$(
        impl Encode for $number {
            fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
                out.octet(tag::$tag)?;
                out.put(&self.to_be_bytes())
            }
        }

        impl Decode<'_> for $number {
            fn decode(from: &mut Reader<'_>) -> Result<Self, AxdrError> {
                from.expect(tag::$tag, $why)?;
                from.array_of().map(Self::from_be_bytes)
            }
        }
    )*};
}

numbers! {
    i8 = INTEGER "an integer is expected",
    i16 = LONG "a long is expected",
    i32 = DOUBLE_LONG "a double-long is expected",
    i64 = LONG64 "a long64 is expected",
    u8 = UNSIGNED "an unsigned is expected",
    u16 = LONG_UNSIGNED "a long-unsigned is expected",
    u32 = DOUBLE_LONG_UNSIGNED "a double-long-unsigned is expected",
    u64 = LONG64_UNSIGNED "a long64-unsigned is expected",
}

impl Encode for bool {
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        // Any octet but 0 is true; DLMS servers send 01 or FF, and every client reads both.
        out.put(&[tag::BOOLEAN, u8::from(*self)])
    }
}

impl Decode<'_> for bool {
    fn decode(from: &mut Reader<'_>) -> Result<Self, AxdrError> {
        from.expect(tag::BOOLEAN, "a boolean is expected")?;
        Ok(from.octet()? != 0)
    }
}

impl Encode for Null {
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.octet(tag::NULL)
    }
}

impl Decode<'_> for Null {
    fn decode(from: &mut Reader<'_>) -> Result<Self, AxdrError> {
        from.expect(tag::NULL, "null-data is expected").map(|()| Self)
    }
}

impl Encode for Enumerated {
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.put(&[tag::ENUM, self.0])
    }
}

impl Decode<'_> for Enumerated {
    fn decode(from: &mut Reader<'_>) -> Result<Self, AxdrError> {
        from.expect(tag::ENUM, "an enum is expected")?;
        from.octet().map(Self)
    }
}

fn encode_string(out: &mut Writer<'_>, tag: u8, octets: &[u8]) -> Result<(), Full> {
    out.octet(tag)?;
    out.length(octets.len())?;
    out.put(octets)
}

impl Encode for Octets<'_> {
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        encode_string(out, tag::OCTET_STRING, self.0)
    }
}

impl<'a> Decode<'a> for Octets<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, AxdrError> {
        from.expect(tag::OCTET_STRING, "an octet-string is expected")?;
        let length = from.length()?;
        from.take(length).map(Self)
    }
}

impl Encode for OctetText<'_> {
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        encode_string(out, tag::OCTET_STRING, self.0.as_bytes())
    }
}

impl Encode for Visible<'_> {
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        encode_string(out, tag::VISIBLE_STRING, self.0.as_bytes())
    }
}

impl Encode for Bits<'_> {
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.octet(tag::BIT_STRING)?;
        out.length(self.count)?;
        out.put(self.octets.get(..self.count.div_ceil(8)).ok_or(Full)?)
    }
}

impl<'a> Decode<'a> for Bits<'a> {
    fn decode(from: &mut Reader<'a>) -> Result<Self, AxdrError> {
        from.expect(tag::BIT_STRING, "a bit-string is expected")?;
        let count = from.length()?;
        Ok(Self {
            count,
            octets: from.take(count.div_ceil(8))?,
        })
    }
}

impl Encode for Obis {
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        Octets(&self.octets()).encode(out)
    }
}

impl Decode<'_> for Obis {
    fn decode(from: &mut Reader<'_>) -> Result<Self, AxdrError> {
        let at = from.offset();
        let octets: Octets<'_> = from.value()?;
        octets.0.try_into().map(Self::from_octets).map_err(|_| AxdrError {
            at,
            why: "a logical name has 6 octets",
        })
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        (**self).encode(out)
    }
}
