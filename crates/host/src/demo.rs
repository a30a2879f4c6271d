//! Keys and password as they are handed to a meter and told to its owner, and those of a meter that nobody gave any.

use dlms::security::Key;
use meter::Secrets;

/// What the management client needs. A virtual meter shows it to whoever starts it; a real one never would.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRing {
    /// The password of LLS; none switches LLS off.
    pub password: Option<String>,
    /// Global unicast encryption key of suite 0.
    pub encryption_key: [u8; 16],
    /// Authentication key of suite 0.
    pub authentication_key: [u8; 16],
}

/// The ring of a demo meter: the keys of the standard's examples, printed everywhere, worth nothing.
const DEMO_ENCRYPTION_KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const DEMO_AUTHENTICATION_KEY: [u8; 16] = [
    0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF,
];
const DEMO_PASSWORD: &str = "demo-password";

impl KeyRing {
    /// Keys that everybody knows.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            password: Some(DEMO_PASSWORD.to_owned()),
            encryption_key: DEMO_ENCRYPTION_KEY,
            authentication_key: DEMO_AUTHENTICATION_KEY,
        }
    }

    /// Whether anything on the ring is known to everybody, wherever it came from.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.encryption_key == DEMO_ENCRYPTION_KEY
            || self.authentication_key == DEMO_AUTHENTICATION_KEY
            || self.password.as_deref() == Some(DEMO_PASSWORD)
    }

    /// The ring as the factory puts it into the meter. A password that is too long for a meter is none; [`Order`](crate::Order)
    /// refuses it before.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        let password = self
            .password
            .as_ref()
            .map(|password| heapless::Vec::from_slice(password.as_bytes()));
        Secrets {
            lls_password: password.and_then(Result::ok),
            encryption_key: key(&self.encryption_key),
            authentication_key: key(&self.authentication_key),
        }
    }
}

fn key(octets: &[u8; 16]) -> Key {
    Key::new(octets).expect("16 octets are a key of suite 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_demo_secret_makes_a_demo_meter() {
        let own = KeyRing {
            password: None,
            encryption_key: [0xAA; 16],
            authentication_key: [0xBB; 16],
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
                encryption_key: DEMO_ENCRYPTION_KEY,
                ..own.clone()
            }
            .is_demo()
        );
        assert!(
            KeyRing {
                authentication_key: DEMO_AUTHENTICATION_KEY,
                ..own
            }
            .is_demo()
        );
    }
}
