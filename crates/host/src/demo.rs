//! Keys and password as they are handed to a meter and told to its owner, and those of a meter that nobody gave any.

use dlms::security::{Curve, Key, PrivateKey, Secret, Suite};
use meter::Secrets;

/// What the management client needs. A virtual meter shows it to whoever starts it; a real one never would.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRing {
    /// The password of LLS; none switches LLS off.
    pub password: Option<String>,
    /// The security suite, 0 to 2.
    pub suite: u8,
    /// Global unicast encryption key.
    pub encryption_key: Vec<u8>,
    /// Authentication key.
    pub authentication_key: Vec<u8>,
    /// Global broadcast encryption key, for client 102.
    pub broadcast_key: Option<Vec<u8>>,
    /// Master key, under which keys are changed.
    pub master_key: Option<Vec<u8>>,
    /// The secret of HLS with SHA-256.
    pub hls_secret: Option<String>,
    /// Whether HLS with MD5, with SHA-1 and the manufacturer's may be used too.
    pub old_mechanisms: bool,
    /// Private key of the meter's signatures.
    pub signing_key: Option<Vec<u8>>,
    /// Private key of its key agreements.
    pub agreement_key: Option<Vec<u8>>,
}

/// The ring of a demo meter: the keys of the standard's examples, printed everywhere, worth nothing.
const DEMO_ENCRYPTION_KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const DEMO_AUTHENTICATION_KEY: [u8; 16] = [
    0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF,
];
const DEMO_BROADCAST_KEY: [u8; 16] = [
    0x0F, 0x0E, 0x0D, 0x0C, 0x0B, 0x0A, 0x09, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x00,
];
const DEMO_MASTER_KEY: [u8; 16] = [
    0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF,
];
const DEMO_PASSWORD: &str = "demo-password";
const DEMO_SECRET: &str = "demo-secret-of-hls";

impl KeyRing {
    /// Keys that everybody knows.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            password: Some(DEMO_PASSWORD.to_owned()),
            encryption_key: DEMO_ENCRYPTION_KEY.to_vec(),
            authentication_key: DEMO_AUTHENTICATION_KEY.to_vec(),
            broadcast_key: Some(DEMO_BROADCAST_KEY.to_vec()),
            master_key: Some(DEMO_MASTER_KEY.to_vec()),
            hls_secret: Some(DEMO_SECRET.to_owned()),
            ..Self::of_suite(0)
        }
    }

    /// A ring without keys, to be filled.
    pub(crate) const fn of_suite(suite: u8) -> Self {
        Self {
            password: None,
            suite,
            encryption_key: Vec::new(),
            authentication_key: Vec::new(),
            broadcast_key: None,
            master_key: None,
            hls_secret: None,
            old_mechanisms: false,
            signing_key: None,
            agreement_key: None,
        }
    }

    /// Whether anything on the ring is known to everybody, wherever it came from.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.encryption_key == DEMO_ENCRYPTION_KEY
            || self.authentication_key == DEMO_AUTHENTICATION_KEY
            || self.password.as_deref() == Some(DEMO_PASSWORD)
            || self.hls_secret.as_deref() == Some(DEMO_SECRET)
            || self.broadcast_key.as_deref() == Some(&DEMO_BROADCAST_KEY[..])
            || self.master_key.as_deref() == Some(&DEMO_MASTER_KEY[..])
    }

    /// The ring as the factory puts it into the meter. A password that is too long for a meter is none; [`Order`](crate::Order)
    /// refuses it before.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        let password = self
            .password
            .as_ref()
            .and_then(|password| Secret::new(password.as_bytes()));
        let suite = Suite::from_id(self.suite).unwrap_or(Suite::Zero);
        let private = |octets: &Option<Vec<u8>>| PrivateKey::new(Curve::of(suite)?, octets.as_ref()?);
        let secret = self.hls_secret.as_ref().map(String::as_bytes);
        Secrets {
            lls_password: password,
            suite,
            broadcast_key: self.broadcast_key.as_deref().and_then(Key::new),
            master_key: self.master_key.as_deref().and_then(Key::new),
            hls_secret: secret.and_then(Secret::new),
            old_mechanisms: self.old_mechanisms,
            private_keys: [private(&self.signing_key), private(&self.agreement_key), None],
            ..Secrets::new(key(&self.encryption_key), key(&self.authentication_key))
        }
    }
}

/// A key of the ring. The order has checked the lengths; a ring that was filled otherwise has a key that nobody knows.
fn key(octets: &[u8]) -> Key {
    Key::new(octets).unwrap_or_else(|| Key::new(&[0xFF; 32]).expect("32 octets are a key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_demo_secret_makes_a_demo_meter() {
        let own = KeyRing {
            encryption_key: vec![0xAA; 16],
            authentication_key: vec![0xBB; 16],
            ..KeyRing::of_suite(0)
        };
        assert!(!own.is_demo() && own.secrets().lls_password.is_none());
        assert!(KeyRing::demo().is_demo() && KeyRing::demo().secrets().lls_password.is_some());
        assert!(
            KeyRing {
                password: KeyRing::demo().password,
                ..own.clone()
            }
            .is_demo()
        );
        assert!(
            KeyRing {
                encryption_key: DEMO_ENCRYPTION_KEY.to_vec(),
                ..own.clone()
            }
            .is_demo()
        );
        assert!(
            KeyRing {
                authentication_key: DEMO_AUTHENTICATION_KEY.to_vec(),
                ..own
            }
            .is_demo()
        );
    }
}
