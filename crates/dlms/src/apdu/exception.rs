//! ExceptionResponse: a request is not served at all (IEC 62056-5-3, 7.3.11).

use core::fmt;

use cosem::axdr::{AxdrError, Reader};

use super::tag;

/// Why no service was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Whether it is a matter of the association or of the server.
    pub state: StateFault,
    /// What it is.
    pub service: ServiceFault,
}

/// state-error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFault {
    /// 1: not in this association, or not without one.
    NotAllowed,
    /// 2: not in this server.
    Unknown,
}

/// service-error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceFault {
    /// 1: the operation is not possible now.
    NotPossible,
    /// 2: the service is not supported.
    NotSupported,
    /// 3: none of the others; the request is not well formed.
    Other,
    /// 4: the PDU is too long.
    PduTooLong,
    /// 5: the protection does not open.
    Deciphering,
    /// 6: the invocation counter was used before; the least one that is accepted.
    Counter(u32),
}

impl Exception {
    /// The service needs an association that is not there, or more than it grants.
    pub const NOT_ALLOWED: Self = Self {
        state: StateFault::NotAllowed,
        service: ServiceFault::NotPossible,
    };
    /// The service was not negotiated.
    pub const NOT_NEGOTIATED: Self = Self {
        state: StateFault::NotAllowed,
        service: ServiceFault::NotSupported,
    };
    /// The service does not exist here.
    pub const UNKNOWN: Self = Self {
        state: StateFault::Unknown,
        service: ServiceFault::NotSupported,
    };
    /// The request is not well formed.
    pub const MALFORMED: Self = Self {
        state: StateFault::NotAllowed,
        service: ServiceFault::Other,
    };
    /// The request, or what it asks for, is too long.
    pub const TOO_LONG: Self = Self {
        state: StateFault::NotAllowed,
        service: ServiceFault::PduTooLong,
    };
    /// The protection does not open.
    pub const DECIPHERING: Self = Self {
        state: StateFault::NotAllowed,
        service: ServiceFault::Deciphering,
    };

    /// The answer to a request with this tag when there is no association: a service that needs one, or none that there
    /// is.
    #[must_use]
    pub const fn without_association(first: u8) -> Self {
        let known = matches!(
            first,
            tag::GET_REQUEST | tag::SET_REQUEST | tag::ACTION_REQUEST | tag::ACCESS_REQUEST | tag::GENERAL_BLOCK
        );
        if known || crate::security::Sealed::is_tag(first) {
            Self::NOT_ALLOWED
        } else {
            Self::UNKNOWN
        }
    }

    /// The APDU and how many of its octets count.
    #[must_use]
    pub const fn octets(self) -> ([u8; 7], usize) {
        let state = match self.state {
            StateFault::NotAllowed => 1,
            StateFault::Unknown => 2,
        };
        let code = match self.service {
            ServiceFault::NotPossible => 1,
            ServiceFault::NotSupported => 2,
            ServiceFault::Other => 3,
            ServiceFault::PduTooLong => 4,
            ServiceFault::Deciphering => 5,
            ServiceFault::Counter(least) => {
                let [a, b, c, d] = least.to_be_bytes();
                return ([tag::EXCEPTION, state, 6, a, b, c, d], 7);
            }
        };
        ([tag::EXCEPTION, state, code, 0, 0, 0, 0], 3)
    }

    /// Reads an ExceptionResponse that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &[u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(tag::EXCEPTION, "an ExceptionResponse is expected")?;
        let state = match reader.octet()? {
            1 => StateFault::NotAllowed,
            2 => StateFault::Unknown,
            _ => return Err(reader.error("no such state error")),
        };
        let service = match reader.octet()? {
            1 => ServiceFault::NotPossible,
            2 => ServiceFault::NotSupported,
            3 => ServiceFault::Other,
            4 => ServiceFault::PduTooLong,
            5 => ServiceFault::Deciphering,
            6 => ServiceFault::Counter(u32::from_be_bytes(reader.array_of()?)),
            _ => return Err(reader.error("no such service error")),
        };
        reader.end()?;
        Ok(Self { state, service })
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            StateFault::NotAllowed => "service not allowed",
            StateFault::Unknown => "service unknown",
        };
        match self.service {
            ServiceFault::NotPossible => write!(f, "{state}: operation not possible"),
            ServiceFault::NotSupported => write!(f, "{state}: not supported"),
            ServiceFault::Other => write!(f, "{state}: other reason"),
            ServiceFault::PduTooLong => write!(f, "{state}: PDU too long"),
            ServiceFault::Deciphering => write!(f, "{state}: deciphering error"),
            ServiceFault::Counter(least) => write!(f, "{state}: invocation counter below {least}"),
        }
    }
}
