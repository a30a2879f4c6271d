//! Walks A-XDR that came from outside.

use core::fmt;

use super::{Decode, tag};
use crate::AccessError;

/// How deep values may be nested. COSEM's deepest attribute (activity calendar, push lists) stays below 8.
pub const DEPTH_MAX: u8 = 12;

/// What was wrong with A-XDR octets, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AxdrError {
    /// The offset of the octet at which reading stopped.
    pub at: usize,
    /// What was wrong there.
    pub why: &'static str,
}

impl fmt::Display for AxdrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A-XDR at octet {}: {}", self.at, self.why)
    }
}

impl core::error::Error for AxdrError {}

impl From<AxdrError> for AccessError {
    fn from(_: AxdrError) -> Self {
        Self::TypeUnmatched
    }
}

/// A place in A-XDR octets.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `octets`.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    /// How far it has read.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// What was not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.octets.get(self.at..).unwrap_or(&[])
    }

    /// True when everything was read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.at >= self.octets.len()
    }

    /// The error `why` at this place.
    #[must_use]
    pub const fn error(&self, why: &'static str) -> AxdrError {
        AxdrError { at: self.at, why }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When octets are left over.
    pub fn end(&self) -> Result<(), AxdrError> {
        if self.is_at_end() {
            Ok(())
        } else {
            Err(self.error("octets left over after the value"))
        }
    }

    /// The next octet, not taken.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    /// Takes the next octet.
    ///
    /// # Errors
    /// When there is none.
    pub fn octet(&mut self) -> Result<u8, AxdrError> {
        let octet = self.peek().ok_or_else(|| self.error("cut short"))?;
        self.at += 1;
        Ok(octet)
    }

    /// Takes `count` octets.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], AxdrError> {
        let end = self
            .at
            .checked_add(count)
            .ok_or_else(|| self.error("length too large"))?;
        let taken = self.octets.get(self.at..end).ok_or_else(|| self.error("cut short"))?;
        self.at = end;
        Ok(taken)
    }

    /// Takes `N` octets.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn array_of<const N: usize>(&mut self) -> Result<[u8; N], AxdrError> {
        let at = self.at;
        self.take(N)?.try_into().map_err(|_| AxdrError { at, why: "cut short" })
    }

    /// Takes a length: one octet below 128, else 81..84 and as many octets as that says.
    ///
    /// # Errors
    /// When it is cut short or of a form over 32 bits.
    pub fn length(&mut self) -> Result<usize, AxdrError> {
        let at = self.at;
        let first = self.octet()?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let count = usize::from(first & 0x7F);
        if count == 0 || 4 < count {
            return Err(AxdrError {
                at,
                why: "length in a form that is not 81 to 84",
            });
        }
        let value = self
            .take(count)?
            .iter()
            .fold(0_u32, |value, &octet| value << 8 | u32::from(octet));
        usize::try_from(value).map_err(|_| AxdrError {
            at,
            why: "length too large",
        })
    }

    /// Takes a tag that must be `expected`.
    ///
    /// # Errors
    /// When it is another one.
    pub fn expect(&mut self, expected: u8, why: &'static str) -> Result<(), AxdrError> {
        let at = self.at;
        if self.octet()? == expected {
            Ok(())
        } else {
            Err(AxdrError { at, why })
        }
    }

    /// Takes the head of a structure that must have `fields` values.
    ///
    /// # Errors
    /// When it is none, or has another number of them.
    pub fn structure(&mut self, fields: usize) -> Result<(), AxdrError> {
        self.expect(tag::STRUCTURE, "a structure is expected")?;
        let at = self.at;
        if self.length()? == fields {
            Ok(())
        } else {
            Err(AxdrError {
                at,
                why: "another number of fields is expected",
            })
        }
    }

    /// Takes the head of an array and answers how many values follow.
    ///
    /// # Errors
    /// When it is none, or claims more elements than there are octets left (each takes at least one).
    pub fn array(&mut self) -> Result<usize, AxdrError> {
        self.expect(tag::ARRAY, "an array is expected")?;
        let at = self.at;
        let count = self.length()?;
        if count <= self.rest().len() {
            Ok(count)
        } else {
            Err(AxdrError {
                at,
                why: "more elements than octets",
            })
        }
    }

    /// Takes a typed value with its tag.
    ///
    /// # Errors
    /// When the octets are another type or are cut short.
    pub fn value<T: Decode<'a>>(&mut self) -> Result<T, AxdrError> {
        T::decode(self)
    }

    /// Passes over one complete value of any type and answers its octets, tag included.
    ///
    /// # Errors
    /// When it is cut short, of an unknown type, or nested deeper than [`DEPTH_MAX`].
    pub fn skip_value(&mut self) -> Result<&'a [u8], AxdrError> {
        let from = self.at;
        self.pass_value(DEPTH_MAX)?;
        Ok(self.octets.get(from..self.at).unwrap_or(&[]))
    }

    fn pass_value(&mut self, depth: u8) -> Result<(), AxdrError> {
        let at = self.at;
        let depth = depth.checked_sub(1).ok_or(AxdrError {
            at,
            why: "nested too deep",
        })?;
        let kind = self.octet()?;
        self.pass_contents(kind, depth, at)
    }

    /// Passes over the contents of a value of this type, its tag not included, as they stand in a compact array.
    ///
    /// # Errors
    /// As [`Reader::skip_value`].
    pub fn skip_contents(&mut self, kind: u8) -> Result<(), AxdrError> {
        self.pass_contents(kind, DEPTH_MAX - 1, self.at)
    }

    fn pass_contents(&mut self, kind: u8, depth: u8, at: usize) -> Result<(), AxdrError> {
        let octets = match kind {
            tag::NULL | tag::DONT_CARE => 0,
            tag::BOOLEAN
            | tag::BCD
            | tag::INTEGER
            | tag::UNSIGNED
            | tag::ENUM
            | tag::DELTA_INTEGER
            | tag::DELTA_UNSIGNED => 1,
            tag::LONG | tag::LONG_UNSIGNED | tag::DELTA_LONG | tag::DELTA_LONG_UNSIGNED => 2,
            tag::DOUBLE_LONG
            | tag::DOUBLE_LONG_UNSIGNED
            | tag::FLOAT32
            | tag::TIME
            | tag::DELTA_DOUBLE_LONG
            | tag::DELTA_DOUBLE_LONG_UNSIGNED => 4,
            tag::DATE => 5,
            tag::LONG64 | tag::LONG64_UNSIGNED | tag::FLOAT64 => 8,
            tag::DATE_TIME => 12,
            tag::BIT_STRING => self.length()?.div_ceil(8),
            tag::OCTET_STRING | tag::VISIBLE_STRING | tag::UTF8_STRING => self.length()?,
            tag::ARRAY | tag::STRUCTURE => {
                for _ in 0..self.length()? {
                    self.pass_value(depth)?;
                }
                0
            }
            tag::COMPACT_ARRAY => {
                self.pass_description(depth)?;
                self.length()?
            }
            _ => {
                return Err(AxdrError {
                    at,
                    why: "unknown data type",
                });
            }
        };
        self.take(octets).map(drop)
    }

    /// Passes over the type description of a compact array.
    fn pass_description(&mut self, depth: u8) -> Result<(), AxdrError> {
        let at = self.at;
        let depth = depth.checked_sub(1).ok_or(AxdrError {
            at,
            why: "nested too deep",
        })?;
        match self.octet()? {
            tag::ARRAY => {
                self.take(2)?;
                self.pass_description(depth)
            }
            tag::STRUCTURE => {
                for _ in 0..self.length()? {
                    self.pass_description(depth)?;
                }
                Ok(())
            }
            tag::NULL
            | tag::BOOLEAN..=tag::DOUBLE_LONG_UNSIGNED
            | tag::OCTET_STRING
            | tag::VISIBLE_STRING
            | tag::UTF8_STRING
            | tag::BCD
            | tag::INTEGER..=tag::LONG_UNSIGNED
            | tag::LONG64..=tag::DELTA_DOUBLE_LONG_UNSIGNED
            | tag::DONT_CARE => Ok(()),
            // A compact array in a compact array is none.
            _ => Err(AxdrError {
                at,
                why: "unknown data type",
            }),
        }
    }
}
