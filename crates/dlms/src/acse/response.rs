//! AARE: the server grants or refuses an association.

use core::fmt;

use cosem::axdr::{AxdrError, Full, Writer};

use super::{Context, Mechanism};

/// An AARE. It borrows what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssociationResponse<'a> {
    /// The context; `None` is one that does not exist.
    pub context: Option<Context>,
    /// Granted or refused.
    pub outcome: Outcome,
    /// Why.
    pub diagnostic: Diagnostic,
    /// The server's system title.
    pub responding_title: Option<&'a [u8]>,
    /// The server's certificate, with mechanism 7.
    pub responding_qualifier: Option<&'a [u8]>,
    /// The mechanism of the authentication that follows.
    pub mechanism: Option<Mechanism>,
    /// The challenge to the client (StoC).
    pub authentication: Option<&'a [u8]>,
    /// The initiate response, plain or sealed, or the service error. A refusal may have none.
    pub information: Option<&'a [u8]>,
}

/// The association result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 0
    Accepted,
    /// 1
    RejectedPermanent,
    /// 2
    RejectedTransient,
}

/// The result source diagnostic: why an association was refused, or what is still to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diagnostic {
    /// User 0: nothing to say.
    Null,
    /// User 1: no reason given.
    NoReason,
    /// User 2: the application context is not supported.
    ContextNotSupported,
    /// User 3: the client's system title is not one that is accepted.
    CallingTitleNotRecognised,
    /// User 11: the authentication mechanism is not one that this client may use.
    MechanismNotRecognised,
    /// User 12: this client must name an authentication mechanism.
    MechanismRequired,
    /// User 13: wrong password, or a protection that does not open.
    AuthenticationFailure,
    /// User 14: granted, but the challenges must be answered first.
    AuthenticationRequired,
    /// Provider 2: no common version of ACSE.
    NoCommonVersion,
    /// Any other: by the user (`false`) or the provider (`true`), with this code.
    Other(bool, u8),
}

impl Diagnostic {
    /// User 5: the certificate in calling-AE-qualifier, or its lack, is not accepted.
    pub const CALLING_QUALIFIER_NOT_RECOGNISED: Self = Self::Other(false, 5);

    const fn code(self) -> (bool, u8) {
        match self {
            Self::Null => (false, 0),
            Self::NoReason => (false, 1),
            Self::ContextNotSupported => (false, 2),
            Self::CallingTitleNotRecognised => (false, 3),
            Self::MechanismNotRecognised => (false, 11),
            Self::MechanismRequired => (false, 12),
            Self::AuthenticationFailure => (false, 13),
            Self::AuthenticationRequired => (false, 14),
            Self::NoCommonVersion => (true, 2),
            Self::Other(provider, code) => (provider, code),
        }
    }

    const fn from_code(provider: bool, code: u8) -> Self {
        match (provider, code) {
            (false, 0) => Self::Null,
            (false, 1) => Self::NoReason,
            (false, 2) => Self::ContextNotSupported,
            (false, 3) => Self::CallingTitleNotRecognised,
            (false, 11) => Self::MechanismNotRecognised,
            (false, 12) => Self::MechanismRequired,
            (false, 13) => Self::AuthenticationFailure,
            (false, 14) => Self::AuthenticationRequired,
            (true, 2) => Self::NoCommonVersion,
            _ => Self::Other(provider, code),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Null => "nothing to say",
            Self::NoReason => "no reason given",
            Self::ContextNotSupported => "application context name not supported",
            Self::CallingTitleNotRecognised => "calling AP title not recognised",
            Self::MechanismNotRecognised => "authentication mechanism name not recognised",
            Self::MechanismRequired => "authentication mechanism name required",
            Self::AuthenticationFailure => "authentication failure",
            Self::AuthenticationRequired => "authentication required",
            Self::NoCommonVersion => "no common ACSE version",
            Self::Other(..) => "other diagnostic",
        };
        let (provider, code) = self.code();
        write!(f, "{text} ({}{code})", if provider { "provider " } else { "" })
    }
}

impl<'a> AssociationResponse<'a> {
    /// A refusal for the reason `diagnostic` with nothing optional.
    #[must_use]
    pub const fn refused(context: Option<Context>, diagnostic: Diagnostic) -> Self {
        Self {
            context,
            outcome: Outcome::RejectedPermanent,
            diagnostic,
            responding_title: None,
            responding_qualifier: None,
            mechanism: None,
            authentication: None,
            information: None,
        }
    }

    /// Reads an AARE that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are no AARE: fields cut short, of the wrong form, or no result.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = super::open(octets, super::RESPONSE)?;
        let mut response = Self::refused(None, Diagnostic::Null);
        let mut outcome = None;
        while !reader.is_at_end() {
            let at = reader.offset();
            let (tag, content) = super::field(&mut reader)?;
            match tag {
                0xA1 => response.context = Context::from_octets(super::inner(content, 0x06)?),
                0xA2 => {
                    outcome = Some(match super::small(content)? {
                        0 => Outcome::Accepted,
                        1 => Outcome::RejectedPermanent,
                        2 => Outcome::RejectedTransient,
                        _ => {
                            return Err(AxdrError {
                                at,
                                why: "no such association result",
                            });
                        }
                    });
                }
                0xA3 => {
                    let provider = content.first() == Some(&0xA2);
                    let choice = super::inner(content, if provider { 0xA2 } else { 0xA1 })?;
                    response.diagnostic = Diagnostic::from_code(provider, super::small(choice)?);
                }
                0xA4 => response.responding_title = Some(super::inner(content, 0x04)?),
                0xA5 => response.responding_qualifier = Some(super::inner(content, 0x04)?),
                0x89 => response.mechanism = Mechanism::from_octets(content),
                0xAA => response.authentication = Some(super::inner(content, 0x80)?),
                0xBE => response.information = Some(super::inner(content, 0x04)?),
                _ => {}
            }
        }
        response.outcome = outcome.ok_or_else(|| reader.error("no association result"))?;
        Ok(response)
    }

    /// Writes the AARE.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        super::put_apdu(out, super::RESPONSE, |out| {
            super::put_inner(out, 0xA1, 0x06, &self.context.unwrap_or(Context::Plain).octets())?;
            let outcome = match self.outcome {
                Outcome::Accepted => 0,
                Outcome::RejectedPermanent => 1,
                Outcome::RejectedTransient => 2,
            };
            super::put_inner(out, 0xA2, 0x02, &[outcome])?;
            let (provider, code) = self.diagnostic.code();
            out.put(&[0xA3, 5, if provider { 0xA2 } else { 0xA1 }, 3, 2, 1, code])?;
            if let Some(title) = self.responding_title {
                super::put_inner(out, 0xA4, 0x04, title)?;
            }
            if let Some(certificate) = self.responding_qualifier {
                super::put_inner(out, 0xA5, 0x04, certificate)?;
            }
            if let Some(mechanism) = self.mechanism {
                out.put(&[0x88, 2, 0x07, 0x80, 0x89, 7])?;
                out.put(&mechanism.octets())?;
            }
            if let Some(value) = self.authentication {
                super::put_inner(out, 0xAA, 0x80, value)?;
            }
            self.information
                .map_or(Ok(()), |information| super::put_inner(out, 0xBE, 0x04, information))
        })
    }
}
