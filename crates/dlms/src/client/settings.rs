//! As whom a client speaks, and how it protects what it says.

use crate::acse::{Context, Mechanism};
use crate::initiate::Conformance;
use crate::security::{Algorithms, Challenge, Dialect, Envelope, Key, Keys, PrivateKey, Protection, PublicKey, Title};

/// How the client shows who it is.
#[derive(Clone)]
pub enum Credentials<'k> {
    /// Not at all.
    None,
    /// By a password.
    Password(&'k [u8]),
    /// By GMAC: this is the challenge to the meter, which must be a new one each time.
    Gmac(Challenge),
    /// By a secret: mechanisms 2, 3, 4 and 6. The challenge has 8 to 64 octets.
    Secret(Mechanism, &'k [u8], Challenge),
    /// By a signature, mechanism 7: [`Settings::identity`] signs. The challenge has 32 to 64 octets.
    Signature(Challenge),
    /// Only asks whether the meter knows this mechanism: where it does and sends its challenge, nothing is answered to that
    /// and the command ends with [`ClientError::Keys`](super::ClientError::Keys). No secret is shown, and none is tried.
    Probe(Mechanism, Challenge),
}

/// What a client of suites 1 and 2 has and knows beside symmetric keys.
#[derive(Clone, Copy)]
pub struct Identity<'k> {
    /// The algorithms.
    pub algorithms: &'static dyn Algorithms,
    /// The private key of its signatures.
    pub signing: Option<&'k PrivateKey>,
    /// The private key of its key agreements.
    pub agreement: Option<&'k PrivateKey>,
    /// A private key for this association alone, for key agreement in one pass.
    pub ephemeral: Option<&'k PrivateKey>,
    /// The public key of the meter's signatures.
    pub meter_signing: Option<PublicKey>,
    /// The public key of the meter's key agreements.
    pub meter_agreement: Option<PublicKey>,
    /// The certificate (DER) that it presents with mechanism 7; none when the meter has it.
    pub certificate: Option<&'k [u8]>,
}

/// With which key a client seals in general-ciphering.
#[derive(Clone, Copy)]
pub enum SessionKey<'k> {
    /// The global unicast key.
    Identified,
    /// This key, wrapped under the master key.
    Wrapped {
        /// The master key.
        master: &'k Key,
        /// The key of this association.
        key: &'k Key,
    },
    /// C(1e, 1s): agreed between the ephemeral key and the meter's.
    OnePass,
    /// C(0e, 2s): agreed between the static keys of both.
    Static,
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
    /// Keys and certificates of suites 1 and 2; needed for signatures and key agreement.
    pub identity: Option<Identity<'k>>,
    /// With which key requests go out as general-ciphering; none and they do not.
    pub session_key: Option<SessionKey<'k>>,
    /// For a client whose encryption key is not the meter's any more, since the answer to key_agreement or key_transfer was lost:
    /// the meter's system title. The initiate request then goes out in general-ciphering under [`Settings::session_key`], wrapped or
    /// agreed, so that nothing hangs on the lost key; the mechanism must be 6 or 7, or a password, since 5 needs it.
    pub recovers_at: Option<Title>,
    /// Which of the forms that implementations differ in are spoken.
    pub dialect: Dialect,
    /// What the client can do.
    pub conformance: Conformance,
    /// What the client uses whether the meter grants it or not: ACCESS and general blocks, for meters that have them and do not say so.
    /// The standard's form is none.
    pub assumed: Conformance,
    /// True for a client that releases with a sealed initiate request, and takes no answer without a sealed one: nobody else can end its
    /// association, at meters that take no plain release. The standard leaves it open (IEC 62056-5-3, RLRQ).
    pub sealed_release: bool,
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
            identity: None,
            session_key: None,
            recovers_at: None,
            dialect: Dialect::STANDARD,
            conformance,
            assumed: Conformance::NONE,
            sealed_release: false,
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
            Credentials::Secret(mechanism, ..) | Credentials::Probe(mechanism, _) => mechanism,
            Credentials::Signature(_) => Mechanism::Ecdsa,
        }
    }

    /// The form of requests; of the association request itself when `initiate`.
    pub(super) const fn envelope(&self, initiate: bool) -> Envelope {
        // The association itself is asked for under the keys that both have.
        if self.session_key.is_some() && !initiate {
            return Envelope::GeneralCiphering;
        }
        match (self.general, self.dedicated.is_some() && !initiate) {
            (false, false) => Envelope::Global,
            (false, true) => Envelope::Dedicated,
            (true, false) => Envelope::GeneralGlobal,
            (true, true) => Envelope::GeneralDedicated,
        }
    }

    /// The challenge to the meter, when there is one.
    pub(super) const fn challenge(&self) -> Option<&Challenge> {
        match &self.credentials {
            Credentials::None | Credentials::Password(_) => None,
            Credentials::Gmac(it)
            | Credentials::Secret(_, _, it)
            | Credentials::Signature(it)
            | Credentials::Probe(_, it) => Some(it),
        }
    }

    pub(super) fn is_sealing(&self) -> bool {
        self.context == Context::Ciphered && self.protection != Protection::NONE
    }

    /// Whether the initiate request is sealed: it cannot be signed.
    pub(super) fn seals_initiate(&self) -> bool {
        self.context == Context::Ciphered && self.protection.ciphered() != Protection::NONE
    }
}
