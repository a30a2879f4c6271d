//! The wrapper around a PDU on TCP and UDP (IEC 62056-4-7): version, two ports, a length.

use core::fmt;

/// Octets of the header.
pub const HEADER_LENGTH: usize = 8;

/// The only version there is.
const VERSION: u16 = 1;

/// The header before each PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The wrapper port of the sender: the client address of a request.
    pub source: u16,
    /// The wrapper port of the receiver: the logical device of a request.
    pub destination: u16,
    /// Octets of the PDU that follows.
    pub length: u16,
}

/// Octets that are no header; `at` is the offset of the first wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderError {
    /// The offset in the header.
    pub at: usize,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrapper header at octet {}: not version 1", self.at)
    }
}

impl core::error::Error for HeaderError {}

impl Header {
    /// The header at the start of `octets`; `Ok(None)` means that more octets are needed.
    ///
    /// # Errors
    /// When the version is not 1. It is noticed at the first wrong octet.
    pub fn parse(octets: &[u8]) -> Result<Option<Self>, HeaderError> {
        let version = VERSION.to_be_bytes();
        if let Some(at) = octets.iter().zip(version).position(|(&octet, due)| octet != due) {
            return Err(HeaderError { at });
        }
        let [_, _, s1, s2, d1, d2, l1, l2, ..] = *octets else {
            return Ok(None);
        };
        Ok(Some(Self {
            source: u16::from_be_bytes([s1, s2]),
            destination: u16::from_be_bytes([d1, d2]),
            length: u16::from_be_bytes([l1, l2]),
        }))
    }

    /// The header on the wire.
    #[must_use]
    pub const fn octets(self) -> [u8; HEADER_LENGTH] {
        let ([v1, v2], [s1, s2]) = (VERSION.to_be_bytes(), self.source.to_be_bytes());
        let ([d1, d2], [l1, l2]) = (self.destination.to_be_bytes(), self.length.to_be_bytes());
        [v1, v2, s1, s2, d1, d2, l1, l2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_writes_and_waits_for_its_octets() {
        let octets = [0, 1, 0, 16, 0, 1, 0, 31];
        let header = Header {
            source: 16,
            destination: 1,
            length: 31,
        };
        assert_eq!(Header::parse(&octets), Ok(Some(header)));
        assert_eq!(header.octets(), octets);
        for cut in 0..octets.len() {
            assert_eq!(Header::parse(&octets[..cut]), Ok(None));
        }
    }

    #[test]
    fn another_version_is_refused_at_its_first_octet() {
        assert_eq!(Header::parse(&[1]), Err(HeaderError { at: 0 }));
        assert_eq!(Header::parse(&[0, 2, 0, 16, 0, 1, 0, 31]), Err(HeaderError { at: 1 }));
        assert_eq!(Header::parse(b"GET / HTTP/1.1\r\n"), Err(HeaderError { at: 0 }));
    }
}
