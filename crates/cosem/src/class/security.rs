//! Class 64, Security setup.

use super::{Class, Returned, Stream};
use crate::axdr::{Enumerated, Octets, Reader, Writer};
use crate::{AccessError, ActionError};

/// Class 64 version 1.
#[derive(Debug)]
pub struct SecuritySetup<M> {
    /// Attribute 2, security_policy: bits 0x04 to 0x80.
    pub policy: fn(&M) -> u8,
    /// Attribute 3, security_suite.
    pub suite: fn(&M) -> u8,
    /// Attribute 4, client_system_title.
    pub client_system_title: fn(&M) -> [u8; 8],
    /// Attribute 5, server_system_title.
    pub server_system_title: fn(&M) -> [u8; 8],
    /// Method 1, security_activate: strengthens the policy.
    pub activate: fn(&mut M, u8) -> Result<(), ActionError>,
    /// Method 2, key_transfer: an array of key_id and wrapped key.
    pub key_transfer: fn(&mut M, &mut Reader<'_>) -> Result<(), ActionError>,
}

impl<M> Class<M> for SecuritySetup<M> {
    fn id(&self) -> u16 {
        64
    }

    fn version(&self) -> u8 {
        1
    }

    fn attributes(&self) -> u8 {
        6
    }

    fn methods(&self) -> u8 {
        8
    }

    fn stream(&self, attribute: u8) -> Option<Stream> {
        (attribute == 6).then_some(Stream::Certificates)
    }

    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => out.value(Enumerated((self.policy)(it))),
            3 => out.value(Enumerated((self.suite)(it))),
            4 => out.value(Octets(&(self.client_system_title)(it))),
            5 => out.value(Octets(&(self.server_system_title)(it))),
            // Read step by step; whoever reads it whole finds nothing.
            _ => out.array(0),
        }?;
        Ok(())
    }

    fn invoke(
        &self,
        it: &mut M,
        method: u8,
        parameters: &mut Reader<'_>,
        _out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        match method {
            1 => {
                let Enumerated(policy) = parameters.value().map_err(AccessError::from)?;
                (self.activate)(it, policy)
            }
            2 => (self.key_transfer)(it, parameters),
            // 3 to 8 work on certificates and chance, which the model does not have: who keeps them does them.
            _ => Err(ActionError::ObjectUnavailable),
        }
        .map(|()| Returned::Nothing)
    }
}
