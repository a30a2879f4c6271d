//! As whom a client speaks, and how it protects what it says.

use crate::acse::{Context, Mechanism};
use crate::initiate::Conformance;
use crate::security::{Challenge, Envelope, Key, Keys, Protection, Title};

/// How the client shows who it is.
#[derive(Clone)]
pub enum Credentials<'k> {
    /// Not at all.
    None,
    /// By a password.
    Password(&'k [u8]),
    /// By GMAC: this is the challenge to the meter, which must be a new one each time.
    Gmac(Challenge),
}

/// Everything that an association is asked for with.
#[derive(Clone)]
pub struct Settings<'k> {
    /// The client's service access point.
    pub client: u16,
    /// The logical device's service access point.
    pub server: u16,
    /// Plain or ciphered.
    pub context: Context,
    /// How the client shows who it is.
    pub credentials: Credentials<'k>,
    /// The client's system title; needed with ciphering and GMAC.
    pub title: Title,
    /// The keys that are shared with the meter; needed with ciphering and GMAC.
    pub keys: Option<Keys<'k>>,
    /// A key for this association alone; then requests go out in the dedicated forms.
    pub dedicated: Option<&'k Key>,
    /// True for general-glo and general-ded, false for a tag per service.
    pub general: bool,
    /// The protection of requests, and the least that answers must have.
    pub protection: Protection,
    /// What the client can do.
    pub conformance: Conformance,
    /// The longest PDU the client takes; 0 for any, which is what its buffer holds.
    pub receive_max: u16,
}

impl<'k> Settings<'k> {
    /// A client without any security: client 16 with logical device 1 is the public one of every meter.
    #[must_use]
    pub const fn public(client: u16, server: u16, conformance: Conformance) -> Self {
        Self {
            client,
            server,
            context: Context::Plain,
            credentials: Credentials::None,
            title: [0; 8],
            keys: None,
            dedicated: None,
            general: false,
            protection: Protection::NONE,
            conformance,
            receive_max: 0,
        }
    }

    /// The same client with a password.
    #[must_use]
    pub fn with_password(self, password: &'k [u8]) -> Self {
        Self {
            credentials: Credentials::Password(password),
            ..self
        }
    }

    /// The same client in a ciphered context.
    #[must_use]
    pub fn ciphered(self, title: Title, keys: Keys<'k>, protection: Protection) -> Self {
        Self {
            context: Context::Ciphered,
            title,
            keys: Some(keys),
            protection,
            ..self
        }
    }

    pub(super) const fn mechanism(&self) -> Mechanism {
        match self.credentials {
            Credentials::None => Mechanism::None,
            Credentials::Password(_) => Mechanism::Password,
            Credentials::Gmac(_) => Mechanism::Gmac,
        }
    }

    /// The form of requests; of the association request itself when `initiate`.
    pub(super) const fn envelope(&self, initiate: bool) -> Envelope {
        match (self.general, self.dedicated.is_some() && !initiate) {
            (false, false) => Envelope::Global,
            (false, true) => Envelope::Dedicated,
            (true, false) => Envelope::GeneralGlobal,
            (true, true) => Envelope::GeneralDedicated,
        }
    }

    pub(super) fn is_sealing(&self) -> bool {
        self.context == Context::Ciphered && self.protection != Protection::NONE
    }
}
