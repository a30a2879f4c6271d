//! What can go wrong for a reader, and whose fault it is.

use core::fmt;

use crate::acse::{Diagnostic, Outcome as Granted};
use crate::apdu::{Exception, ServiceError};
use crate::initiate::InitiateError;

/// Why a command came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// The command cannot be given now: another is under way, or the association is not there.
    NotNow,
    /// The request does not fit into the buffers, or into what was negotiated.
    TooLong,
    /// The keys that the command needs are missing, do not fit their suite, their counter has no numbers left, or a dedicated key would go
    /// out without encryption.
    Keys,
    /// The meter did not answer in time.
    NoAnswer,
    /// The meter ended the link.
    Disconnected,
    /// The meter rejected an HDLC frame: the reason bits W 01, X 02, Y 04, Z 08 of its FRMR. The link is over.
    Rejected(u8),
    /// The meter refused the association.
    Refused {
        /// For now or for good.
        outcome: Granted,
        /// Why.
        diagnostic: Diagnostic,
        /// What was wrong with the initiate request, when it was that.
        initiate: Option<InitiateError>,
    },
    /// The meter did not serve the request.
    Exception(Exception),
    /// The meter answered with a confirmedServiceError.
    Service(ServiceError),
    /// The meter did not show that it knows the keys; it may be another one.
    Impostor,
    /// The answer's protection does not open.
    Deciphering,
    /// The answer has less protection than the request.
    Unprotected,
    /// The answer's counter is not greater than the one before.
    Replayed,
    /// The meter broke a rule of the protocol.
    Protocol(Protocol),
}

/// The rules that meters break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The octets are no wrapper.
    Framing,
    /// The octets are not the APDU that is due.
    Apdu,
    /// The answer is to another request.
    Invoke,
    /// The block is not the one that is due.
    BlockNumber,
    /// The value, put together, is no value, or another number of them.
    Value,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNow => f.write_str("another command is under way, or there is no association"),
            Self::TooLong => f.write_str("the request is too long for the buffers or for what was negotiated"),
            Self::Keys => f.write_str("the keys are missing, do not fit the suite, or their counter is used up"),
            Self::NoAnswer => f.write_str("the meter did not answer in time"),
            Self::Disconnected => f.write_str("the meter ended the link"),
            Self::Rejected(reason) => {
                write!(f, "the meter rejected a frame (FRMR {reason:02X}): ")?;
                f.write_str(match reason & 0x0F {
                    0x08.. => "it was told of frames that it never sent",
                    0x04.. => "more information than was agreed",
                    0x02.. => "information in a frame that has none",
                    _ => "a control field that it does not know",
                })
            }
            Self::Refused {
                outcome,
                diagnostic,
                initiate,
            } => {
                write!(f, "the meter refused the association ({outcome:?}): {diagnostic}")?;
                initiate.map_or(Ok(()), |error| write!(f, ", initiate request: {error:?}"))
            }
            Self::Exception(exception) => write!(f, "the meter did not serve the request: {exception}"),
            Self::Service(error) => write!(f, "the meter did not serve the request: {error}"),
            Self::Impostor => f.write_str("the meter did not show that it knows the keys"),
            Self::Deciphering => f.write_str("the answer's protection does not open with these keys"),
            Self::Unprotected => f.write_str("the answer has less protection than the request"),
            Self::Replayed => f.write_str("the answer's invocation counter was used before"),
            Self::Protocol(rule) => f.write_str(match rule {
                Protocol::Framing => "the meter sent octets that are no wrapper",
                Protocol::Apdu => "the meter sent another APDU than is due",
                Protocol::Invoke => "the meter answered another request",
                Protocol::BlockNumber => "the meter sent another block than is due",
                Protocol::Value => "the meter sent octets that are no value",
            }),
        }
    }
}

impl core::error::Error for ClientError {}
