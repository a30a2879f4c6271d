//! AARQ: a client asks for an association.

use cosem::axdr::{AxdrError, Full, Writer};

use super::{Context, Mechanism};

/// An AARQ. It borrows what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssociationRequest<'a> {
    /// The context; `None` is one that does not exist.
    pub context: Option<Context>,
    /// The client's system title, with ciphering or high level security.
    pub calling_title: Option<&'a [u8]>,
    /// The client's certificate, with mechanism 7.
    pub calling_qualifier: Option<&'a [u8]>,
    /// Which user of the client it is.
    pub user: Option<u8>,
    /// `None`: no mechanism was named. `Some(None)`: one that does not exist.
    pub mechanism: Option<Option<Mechanism>>,
    /// The password, or the challenge to the server (CtoS).
    pub authentication: Option<&'a [u8]>,
    /// The initiate request, plain or sealed.
    pub information: Option<&'a [u8]>,
    /// Whether both sides can speak the same ACSE.
    pub version: Result<(), VersionMismatch>,
}

/// The client does not speak version 1 of ACSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionMismatch;

impl<'a> AssociationRequest<'a> {
    /// A request for a plain association with nothing optional.
    #[must_use]
    pub const fn new(context: Context, information: &'a [u8]) -> Self {
        Self {
            context: Some(context),
            calling_title: None,
            calling_qualifier: None,
            user: None,
            mechanism: None,
            authentication: None,
            information: Some(information),
            version: Ok(()),
        }
    }

    /// Reads an AARQ that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are no AARQ: fields cut short, of the wrong form, or no context name.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = super::open(octets, super::REQUEST)?;
        let mut request = Self {
            context: None,
            information: None,
            ..Self::new(Context::Plain, &[])
        };
        let mut named = false;
        while !reader.is_at_end() {
            let (tag, content) = super::field(&mut reader)?;
            match tag {
                // A bit string of unused bits and versions; version 1 is its first bit.
                0x80 => {
                    let speaks = matches!(content, [_, versions, ..] if versions & 0x80 != 0);
                    request.version = if speaks { Ok(()) } else { Err(VersionMismatch) };
                }
                0xA1 => {
                    request.context = Context::from_octets(super::inner(content, 0x06)?);
                    named = true;
                }
                0xA6 => request.calling_title = Some(super::inner(content, 0x04)?),
                0xA7 => request.calling_qualifier = Some(super::inner(content, 0x04)?),
                0xA9 => request.user = Some(super::small(content)?),
                0x8B => request.mechanism = Some(Mechanism::from_octets(content)),
                0xAC => request.authentication = Some(super::inner(content, 0x80)?),
                0xBE => request.information = Some(super::inner(content, 0x04)?),
                // Called titles, invocation identifiers, requirements, implementation information: nothing hangs on
                // them.
                _ => {}
            }
        }
        if named {
            Ok(request)
        } else {
            Err(reader.error("no application context name"))
        }
    }

    /// Writes the AARQ.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        super::put_apdu(out, super::REQUEST, |out| {
            super::put_inner(out, 0xA1, 0x06, &self.context.unwrap_or(Context::Plain).octets())?;
            if let Some(title) = self.calling_title {
                super::put_inner(out, 0xA6, 0x04, title)?;
            }
            if let Some(certificate) = self.calling_qualifier {
                super::put_inner(out, 0xA7, 0x04, certificate)?;
            }
            if let Some(user) = self.user {
                super::put_inner(out, 0xA9, 0x02, &[user])?;
            }
            if let Some(Some(mechanism)) = self.mechanism.filter(|it| *it != Some(Mechanism::None)) {
                // Sender's requirements: the authentication functional unit.
                out.put(&[0x8A, 2, 0x07, 0x80, 0x8B, 7])?;
                out.put(&mechanism.octets())?;
            }
            if let Some(value) = self.authentication {
                super::put_inner(out, 0xAC, 0x80, value)?;
            }
            self.information
                .map_or(Ok(()), |information| super::put_inner(out, 0xBE, 0x04, information))
        })
    }
}
