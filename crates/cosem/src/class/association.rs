//! Class 15, Association LN: what one client may see, and as what it is known.

use super::{Class, Returned, Stream};
use crate::axdr::{Bits, Enumerated, Full, Octets, Reader, Writer};
use crate::{AccessError, ActionError, Obis};

/// Class 15 version 1. The accessors take the association's number `which`, since a device has one object per client.
///
/// Method 1, reply_to_HLS_authentication, is a step of the association's own handshake and is answered by the server itself.
#[derive(Debug)]
pub struct AssociationLn<M> {
    /// Which of the device's associations.
    pub which: u8,
    /// Attribute 3, associated_partners_id: client and server SAP.
    pub associated_partners: fn(&M, u8) -> (i8, u16),
    /// Attribute 4, application_context_name: the last number of its object identifier.
    pub context: fn(&M, u8) -> u8,
    /// Attribute 5, xDLMS_context_info: conformance (24 bits), largest PDU received and sent.
    pub xdlms_context: fn(&M, u8) -> (u32, u16, u16),
    /// Attribute 6, authentication_mechanism_name: the last number of its object identifier.
    pub mechanism: fn(&M, u8) -> u8,
    /// Sets attribute 7, secret. It is never read.
    pub set_secret: fn(&mut M, u8, &[u8]) -> Result<(), AccessError>,
    /// Attribute 8, association_status: 0 none, 1 pending, 2 associated.
    pub association_status: fn(&M, u8) -> u8,
    /// Attribute 9, security_setup_reference.
    pub security_setup: fn(&M, u8) -> Obis,
    /// Method 2, change_HLS_secret.
    pub change_hls_secret: fn(&mut M, u8, &[u8]) -> Result<(), ActionError>,
}

/// Writes associated_partners_id.
///
/// # Errors
/// [`Full`] when it does not fit.
pub fn associated_partner(out: &mut Writer<'_>, client: i8, server: u16) -> Result<(), Full> {
    out.structure(2)?;
    out.value(client)?;
    out.value(server)
}

/// Writes an object identifier below 2.16.756.5.8 as the structure of its seven numbers.
fn object_identifier(out: &mut Writer<'_>, arc: u8, last: u8) -> Result<(), Full> {
    out.structure(7)?;
    out.value(2_u8)?;
    out.value(16_u8)?;
    out.value(756_u16)?;
    [5, 8, arc, last].iter().try_for_each(|number: &u8| out.value(number))
}

/// Writes application_context_name: 1 without, 3 with ciphering.
///
/// # Errors
/// [`Full`] when it does not fit.
pub fn context_name(out: &mut Writer<'_>, context: u8) -> Result<(), Full> {
    object_identifier(out, 1, context)
}

/// Writes authentication_mechanism_name: 0 none, 1 LLS, 5 HLS with GMAC.
///
/// # Errors
/// [`Full`] when it does not fit.
pub fn mechanism_name(out: &mut Writer<'_>, mechanism: u8) -> Result<(), Full> {
    object_identifier(out, 2, mechanism)
}

/// Writes xDLMS_context_info for DLMS version 6 without quality of service.
///
/// # Errors
/// [`Full`] when it does not fit.
pub fn xdlms_context(out: &mut Writer<'_>, conformance: u32, receive: u16, send: u16) -> Result<(), Full> {
    let [_, high, middle, low] = conformance.to_be_bytes();
    out.structure(6)?;
    out.value(Bits {
        count: 24,
        octets: &[high, middle, low],
    })?;
    out.value(receive)?;
    out.value(send)?;
    out.value(6_u8)?;
    out.value(0_i8)?;
    out.value(Octets(&[]))
}

impl<M> Class<M> for AssociationLn<M> {
    fn id(&self) -> u16 {
        15
    }

    fn version(&self) -> u8 {
        1
    }

    fn attributes(&self) -> u8 {
        9
    }

    fn methods(&self) -> u8 {
        4
    }

    fn stream(&self, attribute: u8) -> Option<Stream> {
        (attribute == 2).then_some(Stream::ObjectList)
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            3 => {
                let (client, server) = (self.associated_partners)(it, self.which);
                associated_partner(out, client, server)
            }
            4 => context_name(out, (self.context)(it, self.which)),
            5 => {
                let (conformance, receive, send) = (self.xdlms_context)(it, self.which);
                xdlms_context(out, conformance, receive, send)
            }
            6 => mechanism_name(out, (self.mechanism)(it, self.which)),
            8 => out.value(Enumerated((self.association_status)(it, self.which))),
            9 => out.value((self.security_setup)(it, self.which)),
            // 2 is streamed; 7, the secret, is never shown, whatever the rights say.
            _ => return Err(AccessError::ReadWriteDenied),
        }?;
        Ok(())
    }

    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        match attribute {
            7 => {
                let Octets(secret) = value.value()?;
                (self.set_secret)(it, self.which, secret)
            }
            _ => Err(AccessError::ReadWriteDenied),
        }
    }

    fn invoke(
        &self,
        it: &mut M,
        method: u8,
        parameters: &mut Reader<'_>,
        _out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        match method {
            2 => {
                let Octets(secret) = parameters.value().map_err(AccessError::from)?;
                (self.change_hls_secret)(it, self.which, secret).map(|()| Returned::Nothing)
            }
            // 1 never arrives here; 3 and 4 would change the object list, which is what the firmware is made of.
            _ => Err(ActionError::ReadWriteDenied),
        }
    }
}
