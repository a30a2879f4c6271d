//! Little-endian fields and the checksum that every piece on flash carries.

use crc::{CRC_32_ISCSI, Crc, Digest, Table};

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// CRC-32C over pieces. It is never all ones, so that an erased field is never a valid check.
#[derive(Clone)]
pub(crate) struct Check(Digest<'static, u32, Table<1>>);

impl core::fmt::Debug for Check {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Check")
    }
}

impl Check {
    /// Starts over a place or number that the bytes belong to: the same bytes elsewhere do not pass.
    pub(crate) fn at(place: [u32; 2]) -> Self {
        let mut digest = CRC.digest();
        digest.update(&place[0].to_le_bytes());
        digest.update(&place[1].to_le_bytes());
        Self(digest)
    }

    /// Starts over nothing.
    pub(crate) fn new() -> Self {
        Self(CRC.digest())
    }

    /// Adds bytes.
    pub(crate) fn add(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes);
        self
    }

    /// The check of all that was added.
    pub(crate) fn value(self) -> u32 {
        not_blank(self.0.finalize())
    }
}

/// `check` itself, except that all ones become zero.
pub(crate) const fn not_blank(check: u32) -> u32 {
    if check == u32::MAX { 0 } else { check }
}

/// Fills a fixed number of bytes field by field; what is left stays erased.
pub(crate) struct Fields<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

impl<const N: usize> Fields<N> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0xFF; N],
            used: 0,
        }
    }

    pub(crate) fn put(mut self, field: &[u8]) -> Self {
        let end = self.used + field.len();
        self.bytes
            .get_mut(self.used..end)
            .expect("the fields of a layout fit its size")
            .copy_from_slice(field);
        self.used = end;
        self
    }

    pub(crate) const fn done(self) -> [u8; N] {
        self.bytes
    }
}

/// Takes fields off fixed bytes, in the order of [`Fields::put`].
pub(crate) struct Taken<'a>(pub(crate) &'a [u8]);

impl Taken<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("the fields of a layout fit its size");
        self.0 = rest;
        *field
    }

    pub(crate) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.take())
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    pub(crate) fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.take())
    }
}

/// A length that a layout bounds far below 4 GiB.
pub(crate) fn small(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
