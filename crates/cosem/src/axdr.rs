//! A-XDR as COSEM uses it (IEC 62056-5-3, IEC 61334-6): every value is a tag and its octets, big endian.
//!
//! [`Writer`] fills a buffer that it is lent, [`Reader`] walks octets that came from outside. Typed values know their own form by
//! [`Encode`] and [`Decode`]; nothing here allocates, and no octets can make it panic.

mod reader;
#[cfg(test)]
mod tests;
mod value;
mod writer;

pub use reader::{AxdrError, DEPTH_MAX, Reader};
pub use value::{Bits, Decode, Encode, Enumerated, Null, OctetText, Octets, Visible};
pub use writer::{Full, Writer};

/// The tags of the data types (IEC 62056-5-3, Data).
pub mod tag {
    /// Nothing.
    pub const NULL: u8 = 0x00;
    /// A sequence of values of one type.
    pub const ARRAY: u8 = 0x01;
    /// A sequence of values of given types.
    pub const STRUCTURE: u8 = 0x02;
    /// A truth value in one octet.
    pub const BOOLEAN: u8 = 0x03;
    /// Bits, the length counted in bits.
    pub const BIT_STRING: u8 = 0x04;
    /// i32.
    pub const DOUBLE_LONG: u8 = 0x05;
    /// u32.
    pub const DOUBLE_LONG_UNSIGNED: u8 = 0x06;
    /// Octets.
    pub const OCTET_STRING: u8 = 0x09;
    /// ASCII text.
    pub const VISIBLE_STRING: u8 = 0x0A;
    /// UTF-8 text.
    pub const UTF8_STRING: u8 = 0x0C;
    /// Two decimal digits in one octet.
    pub const BCD: u8 = 0x0D;
    /// i8.
    pub const INTEGER: u8 = 0x0F;
    /// i16.
    pub const LONG: u8 = 0x10;
    /// u8.
    pub const UNSIGNED: u8 = 0x11;
    /// u16.
    pub const LONG_UNSIGNED: u8 = 0x12;
    /// An array with its type said once.
    pub const COMPACT_ARRAY: u8 = 0x13;
    /// i64.
    pub const LONG64: u8 = 0x14;
    /// u64.
    pub const LONG64_UNSIGNED: u8 = 0x15;
    /// One of a list, in one octet.
    pub const ENUM: u8 = 0x16;
    /// f32.
    pub const FLOAT32: u8 = 0x17;
    /// f64.
    pub const FLOAT64: u8 = 0x18;
    /// A date-time of 12 octets.
    pub const DATE_TIME: u8 = 0x19;
    /// A date of 5 octets.
    pub const DATE: u8 = 0x1A;
    /// A time of day of 4 octets.
    pub const TIME: u8 = 0x1B;
    /// A difference in i8.
    pub const DELTA_INTEGER: u8 = 0x1C;
    /// A difference in i16.
    pub const DELTA_LONG: u8 = 0x1D;
    /// A difference in i32.
    pub const DELTA_DOUBLE_LONG: u8 = 0x1E;
    /// A difference in u8.
    pub const DELTA_UNSIGNED: u8 = 0x1F;
    /// A difference in u16.
    pub const DELTA_LONG_UNSIGNED: u8 = 0x20;
    /// A difference in u32.
    pub const DELTA_DOUBLE_LONG_UNSIGNED: u8 = 0x21;
    /// A value that says nothing, not even that it is the one before.
    pub const DONT_CARE: u8 = 0xFF;
}
