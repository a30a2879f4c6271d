//! The xDLMS initiate services: what both sides can do, and how long their PDUs may be (IEC 62056-5-3, 7.3.2).

use core::fmt;
use core::ops::{BitAnd, BitOr};

use cosem::axdr::{AxdrError, Full, Reader, Writer};

/// The tag of an InitiateRequest.
pub const REQUEST: u8 = 0x01;
/// The tag of an InitiateResponse.
pub const RESPONSE: u8 = 0x08;
/// The tag of a confirmedServiceError.
pub const ERROR: u8 = 0x0E;

/// The only version of xDLMS that is in use.
pub const VERSION: u8 = 6;
/// The VAA name of an association with logical names.
const LOGICAL_NAMES: u16 = 0x0007;

/// A set of services and features: the conformance block, 24 bits, the first in the highest one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conformance(u32);

impl Conformance {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// Bit 1: general-glo and its like inside an association.
    pub const GENERAL_PROTECTION: Self = Self::bit(1);
    /// Bit 2: general block transfer.
    pub const GENERAL_BLOCK_TRANSFER: Self = Self::bit(2);
    /// Bit 6: values as the difference to those before.
    pub const DELTA_VALUES: Self = Self::bit(6);
    /// Bit 8: attribute 0 in SET.
    pub const ATTRIBUTE_0_WITH_SET: Self = Self::bit(8);
    /// Bit 9: the priority bit has a meaning.
    pub const PRIORITY: Self = Self::bit(9);
    /// Bit 10: attribute 0 in GET.
    pub const ATTRIBUTE_0_WITH_GET: Self = Self::bit(10);
    /// Bit 11: long answers to GET in blocks.
    pub const BLOCKS_WITH_GET: Self = Self::bit(11);
    /// Bit 12: long values of SET in blocks.
    pub const BLOCKS_WITH_SET: Self = Self::bit(12);
    /// Bit 13: long parameters and results of ACTION in blocks.
    pub const BLOCKS_WITH_ACTION: Self = Self::bit(13);
    /// Bit 14: several references in one request.
    pub const MULTIPLE_REFERENCES: Self = Self::bit(14);
    /// Bit 16: DataNotification.
    pub const DATA_NOTIFICATION: Self = Self::bit(16);
    /// Bit 17: ACCESS.
    pub const ACCESS: Self = Self::bit(17);
    /// Bit 19: GET.
    pub const GET: Self = Self::bit(19);
    /// Bit 20: SET.
    pub const SET: Self = Self::bit(20);
    /// Bit 21: selective access.
    pub const SELECTIVE_ACCESS: Self = Self::bit(21);
    /// Bit 22: EventNotification.
    pub const EVENT_NOTIFICATION: Self = Self::bit(22);
    /// Bit 23: ACTION.
    pub const ACTION: Self = Self::bit(23);

    const fn bit(number: u32) -> Self {
        Self(0x0080_0000 >> number)
    }

    /// The block of these three octets.
    #[must_use]
    pub const fn from_octets([a, b, c]: [u8; 3]) -> Self {
        Self(u32::from_be_bytes([0, a, b, c]))
    }

    /// The three octets on the wire.
    #[must_use]
    pub const fn octets(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }

    /// True when everything of `other` is in it.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What of it is not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Everything of both, for constants.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Conformance {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Conformance {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl fmt::Debug for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conformance({:06X})", self.0)
    }
}

/// What the client proposes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InitiateRequest<'a> {
    /// A key for this association alone, in a sealed request.
    pub dedicated_key: Option<&'a [u8]>,
    /// False when no answer is wanted.
    pub response_allowed: bool,
    /// The proposed quality of service.
    pub quality: Option<u8>,
    /// The version of xDLMS.
    pub version: u8,
    /// What the client can do.
    pub conformance: Conformance,
    /// The longest PDU the client takes; 0 for any.
    pub receive_max: u16,
}

impl fmt::Debug for InitiateRequest<'_> {
    /// The dedicated key is never printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitiateRequest")
            .field("dedicated_key", &self.dedicated_key.map(|_| "hidden"))
            .field("conformance", &self.conformance)
            .field("receive_max", &self.receive_max)
            .finish_non_exhaustive()
    }
}

/// What the server grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitiateResponse {
    /// The negotiated quality of service.
    pub quality: Option<u8>,
    /// What both sides can do.
    pub conformance: Conformance,
    /// The longest PDU the server takes; 0 for any.
    pub receive_max: u16,
}

/// Why the server cannot serve what was proposed (ServiceError, initiate).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitiateError {
    /// 0: none of the others.
    Other,
    /// 1: the client's version of xDLMS is too low.
    VersionTooLow,
    /// 2: no service in common.
    IncompatibleConformance,
    /// 3: the client's PDUs are too short.
    PduTooShort,
    /// 4: the server refuses.
    Refused,
}

fn take_conformance(reader: &mut Reader<'_>) -> Result<Conformance, AxdrError> {
    reader.expect(0x5F, "a conformance block is expected")?;
    // Application tag 31 takes a second octet; older clients leave it out.
    if reader.peek() == Some(0x1F) {
        reader.octet()?;
    }
    reader.expect(4, "a conformance block has 4 octets")?;
    reader.expect(0, "a conformance block has no unused bits")?;
    reader.array_of().map(Conformance::from_octets)
}

fn put_conformance(out: &mut Writer<'_>, conformance: Conformance) -> Result<(), Full> {
    out.put(&[0x5F, 0x1F, 4, 0])?;
    out.put(&conformance.octets())
}

fn take_optional(reader: &mut Reader<'_>) -> Result<Option<u8>, AxdrError> {
    match reader.octet()? {
        0 => Ok(None),
        1 => reader.octet().map(Some),
        _ => Err(reader.error("present (01) or absent (00) is expected")),
    }
}

fn put_optional(out: &mut Writer<'_>, value: Option<u8>) -> Result<(), Full> {
    match value {
        None => out.octet(0),
        Some(value) => out.put(&[1, value]),
    }
}

impl<'a> InitiateRequest<'a> {
    /// Reads an InitiateRequest that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(REQUEST, "an InitiateRequest is expected")?;
        let dedicated_key = match reader.octet()? {
            0 => None,
            1 => {
                let length = reader.length()?;
                Some(reader.take(length)?)
            }
            _ => return Err(reader.error("present (01) or absent (00) is expected")),
        };
        let response_allowed = take_optional(&mut reader)?.is_none_or(|value| value != 0);
        let quality = take_optional(&mut reader)?;
        let version = reader.octet()?;
        let conformance = take_conformance(&mut reader)?;
        let receive_max = u16::from_be_bytes(reader.array_of()?);
        reader.end()?;
        Ok(Self {
            dedicated_key,
            response_allowed,
            quality,
            version,
            conformance,
            receive_max,
        })
    }

    /// Writes the InitiateRequest.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.octet(REQUEST)?;
        match self.dedicated_key {
            None => out.octet(0)?,
            Some(key) => {
                out.octet(1)?;
                out.length(key.len())?;
                out.put(key)?;
            }
        }
        put_optional(out, if self.response_allowed { None } else { Some(0) })?;
        put_optional(out, self.quality)?;
        out.octet(self.version)?;
        put_conformance(out, self.conformance)?;
        out.put(&self.receive_max.to_be_bytes())
    }
}

impl InitiateResponse {
    /// Reads an InitiateResponse that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none, or the VAA name is not that of logical names.
    pub fn parse(octets: &[u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(RESPONSE, "an InitiateResponse is expected")?;
        let quality = take_optional(&mut reader)?;
        reader.expect(VERSION, "xDLMS version 6 is expected")?;
        let conformance = take_conformance(&mut reader)?;
        let receive_max = u16::from_be_bytes(reader.array_of()?);
        let error = reader.error("the VAA name 0007 of logical names is expected");
        if u16::from_be_bytes(reader.array_of()?) != LOGICAL_NAMES {
            return Err(error);
        }
        reader.end()?;
        Ok(Self {
            quality,
            conformance,
            receive_max,
        })
    }

    /// Writes the InitiateResponse.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.octet(RESPONSE)?;
        put_optional(out, self.quality)?;
        out.octet(VERSION)?;
        put_conformance(out, self.conformance)?;
        out.put(&self.receive_max.to_be_bytes())?;
        out.put(&LOGICAL_NAMES.to_be_bytes())
    }
}

impl InitiateError {
    /// The confirmedServiceError that says so.
    #[must_use]
    pub const fn octets(self) -> [u8; 4] {
        let code = match self {
            Self::Other => 0,
            Self::VersionTooLow => 1,
            Self::IncompatibleConformance => 2,
            Self::PduTooShort => 3,
            Self::Refused => 4,
        };
        [ERROR, 1, 6, code]
    }

    /// The error that a confirmedServiceError says, when it is about the initiate service.
    #[must_use]
    pub const fn parse(octets: &[u8]) -> Option<Self> {
        match octets {
            [ERROR, 1, 6, 1] => Some(Self::VersionTooLow),
            [ERROR, 1, 6, 2] => Some(Self::IncompatibleConformance),
            [ERROR, 1, 6, 3] => Some(Self::PduTooShort),
            [ERROR, 1, 6, 4] => Some(Self::Refused),
            [ERROR, 1, _, _] => Some(Self::Other),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(emit: impl Fn(&mut Writer<'_>) -> Result<(), Full>, expected: &[u8]) {
        let mut out = [0; 64];
        let mut out = Writer::new(&mut out);
        emit(&mut out).expect("it fits");
        assert_eq!(out.written(), expected);
    }

    /// IEC 62056-5-3, the worked example with a dedicated key.
    const WITH_KEY: [u8; 31] = [
        0x01, 0x01, 0x10, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE,
        0xFF, 0x00, 0x00, 0x06, 0x5F, 0x1F, 0x04, 0x00, 0x00, 0x7E, 0x1F, 0x04, 0xB0,
    ];

    #[test]
    fn the_request_of_the_standard_reads_and_writes() {
        let request = InitiateRequest::parse(&WITH_KEY).expect("the standard's example");
        assert_eq!(request.dedicated_key, Some(&WITH_KEY[3..19]));
        assert!(request.response_allowed);
        assert_eq!((request.version, request.receive_max), (6, 0x04B0));
        assert_eq!(request.conformance.octets(), [0x00, 0x7E, 0x1F]);
        put(|out| request.emit(out), &WITH_KEY);
        for cut in 0..WITH_KEY.len() {
            assert!(InitiateRequest::parse(&WITH_KEY[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn the_old_form_of_the_conformance_block_is_read() {
        let old = [0x01, 0, 0, 0, 6, 0x5F, 0x04, 0x00, 0x00, 0x7E, 0x1F, 0xFF, 0xFF];
        let request = InitiateRequest::parse(&old).expect("the old form");
        assert_eq!(request.conformance, Conformance::from_octets([0, 0x7E, 0x1F]));
    }

    #[test]
    fn the_response_of_the_standard_reads_and_writes() {
        let octets = [0x08, 0, 6, 0x5F, 0x1F, 4, 0, 0, 0x50, 0x1F, 0x01, 0xF4, 0, 7];
        let response = InitiateResponse::parse(&octets).expect("the standard's example");
        assert_eq!(response.receive_max, 500);
        assert!(
            response
                .conformance
                .has(Conformance::GET | Conformance::SELECTIVE_ACCESS | Conformance::BLOCKS_WITH_GET)
        );
        assert!(!response.conformance.has(Conformance::MULTIPLE_REFERENCES));
        put(|out| response.emit(out), &octets);
        for cut in 0..octets.len() {
            assert!(InitiateResponse::parse(&octets[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn service_errors_read_back() {
        for error in [
            InitiateError::Other,
            InitiateError::VersionTooLow,
            InitiateError::IncompatibleConformance,
            InitiateError::PduTooShort,
            InitiateError::Refused,
        ] {
            assert_eq!(InitiateError::parse(&error.octets()), Some(error));
        }
        assert_eq!(InitiateError::parse(&[0x0E, 1, 6]), None);
    }
}
