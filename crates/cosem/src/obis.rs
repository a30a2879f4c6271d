//! OBIS names of COSEM objects, A-B:C.D.E.F (IEC 62056-6-1).

use core::fmt;

/// The logical name of an object: the six value groups A to F.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Obis([u8; 6]);

impl Obis {
    /// The name that stands for "no object": 0-0:0.0.0.0.
    pub const NONE: Self = Self([0; 6]);

    /// The name with these value groups.
    #[must_use]
    pub const fn from_octets(groups: [u8; 6]) -> Self {
        Self(groups)
    }

    /// The value groups A to F.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Parses `A-B:C.D.E` or `A-B:C.D.E.F`; group F is 255 when it is left out.
    ///
    /// In a `const` a wrong name does not compile.
    ///
    /// # Panics
    /// When the text is not such a name. For text from outside use [`Obis::parse`].
    #[must_use]
    pub const fn new(text: &str) -> Self {
        match Self::parse(text) {
            Some(name) => name,
            None => panic!("not an OBIS name of the form A-B:C.D.E or A-B:C.D.E.F"),
        }
    }

    /// Parses `A-B:C.D.E` or `A-B:C.D.E.F`; `None` when the text is anything else.
    #[must_use]
    pub const fn parse(text: &str) -> Option<Self> {
        const AFTER: [u8; 5] = [b'-', b':', b'.', b'.', b'.'];
        let text = text.as_bytes();
        let mut groups = [0, 0, 0, 0, 0, 255];
        let (mut group, mut digits, mut value, mut at) = (0, 0, 0_u16, 0);
        while at < text.len() {
            let octet = text[at];
            if octet.is_ascii_digit() {
                value = value * 10 + (octet - b'0') as u16;
                digits += 1;
                if digits > 3 || value > 255 {
                    return None;
                }
            } else {
                if group >= 5 || digits == 0 || octet != AFTER[group] {
                    return None;
                }
                groups[group] = low(value);
                group += 1;
                digits = 0;
                value = 0;
            }
            at += 1;
        }
        if group < 4 || digits == 0 {
            return None;
        }
        groups[group] = low(value);
        Some(Self(groups))
    }

    /// The same name with another group E (tariff, harmonic, instance).
    #[must_use]
    pub const fn with_e(self, e: u8) -> Self {
        let [a, b, c, d, _, f] = self.0;
        Self([a, b, c, d, e, f])
    }

    /// The same name with another group C (the quantity).
    #[must_use]
    pub const fn with_c(self, c: u8) -> Self {
        let [a, b, _, d, e, f] = self.0;
        Self([a, b, c, d, e, f])
    }

    /// The groups as one number, in the order of the names.
    #[must_use]
    pub(crate) const fn number(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }
}

/// A value group out of a number that was already checked to be at most 255.
const fn low(value: u16) -> u8 {
    value.to_le_bytes()[0]
}

impl fmt::Display for Obis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, last] = self.0;
        write!(f, "{a}-{b}:{c}.{d}.{e}")?;
        if last == 255 { Ok(()) } else { write!(f, ".{last}") }
    }
}

impl fmt::Debug for Obis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn names_read_back_as_they_are_written() {
        for text in ["1-0:1.8.0", "0-0:96.3.10", "255-255:255.255.255.254", "0-0:0.0.0.0"] {
            assert_eq!(Obis::new(text).to_string(), text);
        }
        assert_eq!(Obis::new("1-0:1.8.0.255"), Obis::new("1-0:1.8.0"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "1",
            "1-0:1.8",
            "1-0:1.8.",
            "1-0:1.8.0.",
            "1-0:1.8.256",
            "1-0:1.8.0.255.1",
            "1.0.1.8.0",
            "1-0:1.8.0000",
            "a-0:1.8.0",
            "-0:1.8.0",
        ] {
            assert_eq!(Obis::parse(text), None, "{text}");
        }
    }
}
