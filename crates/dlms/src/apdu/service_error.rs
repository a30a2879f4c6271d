//! ConfirmedServiceError: a service of short names, or an initiate outside of an association request, is not served
//! (IEC 62056-5-3, 7.3.12).

use cosem::axdr::{AxdrError, Reader};

/// Why a confirmed service was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceError {
    /// The service: 1 initiate, 5 read, 6 write.
    pub service: u8,
    /// What the reason is about: 0 application reference, 1 hardware, 2 VDE state, 3 service, 4 definition, 5 access, 6
    /// initiate, and so on.
    pub about: u8,
    /// The reason.
    pub reason: u8,
}

/// The tag.
pub const SERVICE_ERROR: u8 = 0x0E;

impl ServiceError {
    /// The answer to a request of short names (read 05, write 06) or a bare initiate request (01): none of them is a
    /// service of logical names. `associated` tells the two reasons apart: service unsupported, no DLMS context.
    #[must_use]
    pub const fn to_request(tag: u8, associated: bool) -> Option<Self> {
        let (service, about, reason) = match (tag, associated) {
            (0x01, _) => (1, 6, 4),
            (0x05 | 0x06, true) => (tag, 3, 2),
            (0x05 | 0x06, false) => (tag, 2, 1),
            _ => return None,
        };
        Some(Self { service, about, reason })
    }

    /// The APDU.
    #[must_use]
    pub const fn octets(self) -> [u8; 4] {
        [SERVICE_ERROR, self.service, self.about, self.reason]
    }

    /// Reads a confirmedServiceError that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &[u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(SERVICE_ERROR, "a confirmedServiceError is expected")?;
        let error = Self {
            service: reader.octet()?,
            about: reader.octet()?,
            reason: reader.octet()?,
        };
        reader.end()?;
        Ok(error)
    }
}

impl core::fmt::Display for ServiceError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let service = match self.service {
            1 => "initiate",
            5 => "read",
            6 => "write",
            _ => "another service",
        };
        let about = match self.about {
            0 => "application reference",
            1 => "hardware",
            2 => "state of the device",
            3 => "service",
            4 => "definition",
            5 => "access",
            6 => "initiate",
            _ => "other",
        };
        write!(f, "{service} not served: {about}, reason {}", self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_short_names_are_answered_with_their_reason() {
        for (tag, associated, octets) in [
            (0x05, true, [0x0E, 5, 3, 2]),
            (0x06, true, [0x0E, 6, 3, 2]),
            (0x05, false, [0x0E, 5, 2, 1]),
            (0x01, false, [0x0E, 1, 6, 4]),
        ] {
            let error = ServiceError::to_request(tag, associated).expect("it has an answer");
            assert_eq!(error.octets(), octets);
            assert_eq!(ServiceError::parse(&octets), Ok(error));
        }
        assert_eq!(ServiceError::to_request(0xC0, false), None);
        for length in 0..4 {
            assert!(ServiceError::parse(&[0x0E, 5, 3, 2][..length]).is_err());
        }
    }
}
