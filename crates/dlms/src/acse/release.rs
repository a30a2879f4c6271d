//! RLRQ and RLRE: an association ends in order.

use cosem::axdr::{AxdrError, Full, Writer};

/// An RLRQ. Some clients send it empty, `62 00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseRequest<'a> {
    /// 0 normal, 1 urgent, 30 the user's.
    pub reason: Option<u8>,
    /// The initiate request again, sealed, in a ciphered context.
    pub information: Option<&'a [u8]>,
}

/// An RLRE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseResponse<'a> {
    /// 0 normal, 1 not finished, 30 the user's.
    pub reason: Option<u8>,
    /// The initiate response again, sealed, in a ciphered context.
    pub information: Option<&'a [u8]>,
}

fn parse(octets: &[u8], tag: u8) -> Result<(Option<u8>, Option<&[u8]>), AxdrError> {
    let mut reader = super::open(octets, tag)?;
    let (mut reason, mut information) = (None, None);
    while !reader.is_at_end() {
        let error = reader.error("a reason of one octet is expected");
        let (tag, content) = super::field(&mut reader)?;
        match (tag, content) {
            (0x80, &[value]) => reason = Some(value),
            (0x80, _) => return Err(error),
            (0xBE, content) => information = Some(super::inner(content, 0x04)?),
            _ => {}
        }
    }
    Ok((reason, information))
}

fn emit(out: &mut Writer<'_>, tag: u8, reason: Option<u8>, information: Option<&[u8]>) -> Result<(), Full> {
    super::put_apdu(out, tag, |out| {
        if let Some(reason) = reason {
            out.put(&[0x80, 1, reason])?;
        }
        information.map_or(Ok(()), |information| super::put_inner(out, 0xBE, 0x04, information))
    })
}

impl<'a> ReleaseRequest<'a> {
    /// Reads an RLRQ that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        parse(octets, super::RELEASE_REQUEST).map(|(reason, information)| Self { reason, information })
    }

    /// Writes the RLRQ.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        emit(out, super::RELEASE_REQUEST, self.reason, self.information)
    }
}

impl<'a> ReleaseResponse<'a> {
    /// Reads an RLRE that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        parse(octets, super::RELEASE_RESPONSE).map(|(reason, information)| Self { reason, information })
    }

    /// Writes the RLRE.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        emit(out, super::RELEASE_RESPONSE, self.reason, self.information)
    }
}
